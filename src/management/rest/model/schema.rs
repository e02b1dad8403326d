//! Schemas of models: what is refused, and how references to other models are resolved.

use crate::aws::Fault;
use crate::resources::Draft;
use crate::resources::rest::Model;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// The types of JSON Schema draft 4.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// What a canonical reference to a model begins with; API and name follow.
const CANONICAL: &str = "https://apigateway.amazonaws.com/restapis/";

/// Whether a schema can be a model's. Only JSON's schemas are looked into.
///
/// # Errors
/// 400: it is empty, or no schema.
pub(super) fn check(schema: &str, content_type: &str) -> Result<(), Fault> {
    if schema.trim().is_empty() {
        return Err(Fault::bad_request(
            "Model schema must have at least 1 property or array items defined",
        ));
    }
    let is_json = content_type.ends_with("/json") || content_type.ends_with("+json");
    let is_valid = || serde_json::from_str(schema).is_ok_and(|schema| is_schema(&schema));
    if is_json && !is_valid() {
        return Err(Fault::bad_request(
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]",
        ));
    }
    Ok(())
}

/// Whether the keywords that matter have values of their kind. Recursion ends: the JSON parser
/// refuses what is nested more than 128 levels deep.
fn is_schema(schema: &Value) -> bool {
    let Value::Object(keywords) = schema else { return false };
    keywords.iter().all(|(keyword, value)| match keyword.as_str() {
        "type" => match value {
            Value::String(name) => TYPES.contains(&name.as_str()),
            Value::Array(names) => {
                !names.is_empty()
                    && names.iter().all(|name| name.as_str().is_some_and(|it| TYPES.contains(&it)))
            }
            _ => false,
        },
        "properties" | "patternProperties" | "definitions" => {
            value.as_object().is_some_and(|schemas| schemas.values().all(is_schema))
        }
        "items" => match value {
            Value::Array(schemas) => schemas.iter().all(is_schema),
            schema => is_schema(schema),
        },
        "additionalProperties" | "additionalItems" => value.is_boolean() || is_schema(value),
        "allOf" | "anyOf" | "oneOf" => {
            value.as_array().is_some_and(|it| !it.is_empty() && it.iter().all(is_schema))
        }
        "not" => is_schema(value),
        "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
        "enum" => value.is_array(),
        "$ref" | "pattern" | "format" => value.is_string(),
        _ => true,
    })
}

/// A model's schema on its own: other models that it refers to, directly or through others, become
/// its `definitions`, so circles of references stay finite. `None` when it refers to none.
pub(super) fn flatten(draft: &Draft<'_>, api_id: &str, model: &Model) -> Option<String> {
    let mut root: Value = serde_json::from_str(model.schema.as_deref()?).ok()?;
    let own = root.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut flattening =
        Flattening { draft, api_id, root: &model.name, own: &own, keys: BTreeMap::new() };
    let mut queue = VecDeque::new();
    flattening.rewrite(&mut root, None, &mut queue);
    if flattening.keys.is_empty() && queue.is_empty() && !flattening.refers_to_root(&root) {
        return None;
    }
    let mut definitions = own.clone();
    if let Some(rewritten) = root.get("definitions").and_then(Value::as_object) {
        definitions.clone_from(rewritten);
    }
    while let Some(name) = queue.pop_front() {
        let Some(key) = flattening.keys.get(&name).cloned() else { continue };
        let text = draft.get::<Model>(api_id, &name).and_then(|model| model.schema.clone());
        let mut schema = text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_else(|| Value::Object(Map::new()));
        flattening.rewrite(&mut schema, Some(&key), &mut queue);
        definitions.insert(key, schema);
    }
    if !definitions.is_empty() {
        root["definitions"] = Value::Object(definitions);
    }
    Some(root.to_string())
}

struct Flattening<'f> {
    draft: &'f Draft<'f>,
    api_id: &'f str,
    /// The model's name.
    root: &'f str,
    /// The model's own definitions, whose names are taken.
    own: &'f Map<String, Value>,
    /// Names of models to their keys in the definitions.
    keys: BTreeMap<String, String>,
}

impl Flattening<'_> {
    /// Makes all references in a schema local; `within` is the definition that it becomes. Models
    /// met for the first time are put into the queue.
    fn rewrite(&mut self, schema: &mut Value, within: Option<&str>, queue: &mut VecDeque<String>) {
        match schema {
            Value::Array(elements) => {
                for element in elements {
                    self.rewrite(element, within, queue);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(target) if name == "$ref" => {
                            if let Some(local) = self.local(target, within, queue) {
                                *target = local;
                            }
                        }
                        member => self.rewrite(member, within, queue),
                    }
                }
            }
            _ => {}
        }
    }

    /// A reference as one within the flattened schema; `None` where it stays as it is.
    fn local(
        &mut self,
        target: &str,
        within: Option<&str>,
        queue: &mut VecDeque<String>,
    ) -> Option<String> {
        if let Some(pointer) = target.strip_prefix('#') {
            return within.map(|key| format!("#/definitions/{key}{pointer}"));
        }
        let name = self.referred(target)?;
        if name == self.root {
            return Some("#".to_owned());
        }
        if let Some(key) = self.keys.get(&name) {
            return Some(format!("#/definitions/{key}"));
        }
        let mut key = name.clone();
        while self.own.contains_key(&key) {
            key.push('_');
        }
        let local = format!("#/definitions/{key}");
        self.keys.insert(name.clone(), key);
        queue.push_back(name);
        Some(local)
    }

    /// The model that a reference names: canonically, or by its bare name.
    fn referred(&self, target: &str) -> Option<String> {
        let name = match target.strip_prefix(CANONICAL) {
            Some(rest) => rest.split_once("/models/")?.1,
            None => target,
        };
        self.draft.has::<Model>(self.api_id, name).then(|| name.to_owned())
    }

    /// Whether a schema refers to the whole of itself, which a rewritten reference to its own model
    /// does.
    fn refers_to_root(&self, schema: &Value) -> bool {
        match schema {
            Value::Array(elements) => elements.iter().any(|element| self.refers_to_root(element)),
            Value::Object(members) => members.iter().any(|(name, member)| {
                (name == "$ref" && member == "#") || self.refers_to_root(member)
            }),
            _ => false,
        }
    }
}
