//! Samples: values of what is declared, few and telling.

use crate::template::Shape;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A text with everything in it that ends a JSON text or breaks a line.
pub(super) const EDGE: &str = "it's \"quoted\" \\ and\n\u{fc}n\u{ef}code \u{2028}";

/// Levels of a schema that are followed: one may contain itself.
const LEVELS_MAX: usize = 8;

/// Values of one sample: a schema may name thousands.
const VALUES_MAX: usize = 400;

/// How a sample fills what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Everything, with plain texts.
    Whole,
    /// Only what is required.
    Least,
    /// Everything, and lists without items.
    EmptyLists,
    /// Everything, with texts that are hard to write down.
    Edge,
}

/// A value that fits a schema of draft 4, as far as its common words go.
pub(super) fn of_schema(
    schema: &Value,
    models: Option<&BTreeMap<String, Value>>,
    fill: Fill,
) -> Value {
    let mut sampler = Sampler { root: schema, models, fill, left: VALUES_MAX };
    sampler.value(schema, 0)
}

/// Whether a schema says anything of lists.
pub(super) fn has_lists(schema: &Value) -> bool {
    schema.to_string().contains("\"array\"")
}

struct Sampler<'s> {
    root: &'s Value,
    models: Option<&'s BTreeMap<String, Value>>,
    fill: Fill,
    left: usize,
}

impl<'s> Sampler<'s> {
    fn value(&mut self, schema: &'s Value, level: usize) -> Value {
        self.left = self.left.saturating_sub(1);
        if level > LEVELS_MAX || self.left == 0 {
            return Value::Null;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            return match self.referred(reference) {
                Some(schema) => self.value(schema, level + 1),
                None => json!({}),
            };
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        if let Some(given) = schema.get("default").or_else(|| schema.get("example"))
            && self.fill != Fill::Edge
        {
            return given.clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(members) = self.value(part, level + 1) {
                    whole.extend(members);
                }
            }
            if let Value::Object(members) = self.object(schema, level) {
                whole.extend(members);
            }
            return Value::Object(whole);
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(first) = schema[several].as_array().and_then(|schemas| schemas.first()) {
                return self.value(first, level + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, level),
            "array" => self.array(schema, level),
            "integer" => json!(whole(schema)),
            "number" => match schema["minimum"].as_f64() {
                Some(minimum) => json!(minimum + 0.5),
                None => json!(1.5),
            },
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.text(schema)),
        }
    }

    fn object(&mut self, schema: &'s Value, level: usize) -> Value {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut object = Map::new();
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            if self.fill != Fill::Least || required.contains(&name.as_str()) {
                object.insert(name.clone(), self.value(inner, level + 1));
            }
        }
        if object.is_empty()
            && self.fill != Fill::Least
            && schema["additionalProperties"].is_object()
        {
            let inner = &schema["additionalProperties"];
            object.insert("key".to_owned(), self.value(inner, level + 1));
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &'s Value, level: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = match self.fill {
            Fill::EmptyLists | Fill::Least => least,
            Fill::Whole | Fill::Edge => least.max(2),
        };
        let count = count.min(most).min(4);
        let items = (0..count).map(|index| match &schema["items"] {
            Value::Array(schemas) => match schemas.get(usize::try_from(index).unwrap_or(0)) {
                Some(schema) => self.value(schema, level + 1),
                None => Value::Null,
            },
            Value::Null => json!("text"),
            schema => self.value(schema, level + 1),
        });
        Value::Array(items.collect())
    }

    fn text(&self, schema: &Value) -> String {
        let format = schema["format"].as_str().unwrap_or_default();
        let given = match format {
            "date-time" => "2026-03-01T10:00:00Z",
            "date" => "2026-03-01",
            "time" => "10:00:00Z",
            "email" => "a@example.com",
            "uri" | "url" => "https://example.com/a",
            "ipv4" => "203.0.113.7",
            "ipv6" => "2001:db8::1",
            "hostname" => "example.com",
            "uuid" => "6f1c2a52-8a6e-4d55-9d0b-1d1f4a6a7e10",
            "byte" => "dGV4dA==",
            _ => "",
        };
        if !given.is_empty() {
            return given.to_owned();
        }
        // Who says what a text looks like rules quotes out, nearly always.
        let is_free = schema["pattern"].is_null();
        let text = if self.fill == Fill::Edge && is_free { EDGE } else { "text" };
        let least = schema["minLength"].as_u64().unwrap_or(0).min(200);
        let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        let mut text = text.to_owned();
        while (text.chars().count() as u64) < least {
            text.push('x');
        }
        match usize::try_from(most) {
            // The first letters are harmless.
            Ok(most) if text.chars().count() > most && self.fill == Fill::Edge && most > 0 => {
                "\"".repeat(most)
            }
            Ok(most) => text.chars().take(most).collect(),
            Err(_) => text,
        }
    }

    /// `#/definitions/x`, or a model of the API by the URL that Amazon gives it.
    fn referred(&self, reference: &str) -> Option<&'s Value> {
        if let Some(pointer) = reference.strip_prefix('#') {
            return self.root.pointer(pointer);
        }
        let name = reference.rsplit('/').next()?;
        self.models?.get(name)
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema["properties"].is_object() => "object",
        _ if !schema["items"].is_null() => "array",
        _ => "string",
    }
}

fn whole(schema: &Value) -> i64 {
    let minimum = schema["minimum"].as_i64();
    let maximum = schema["maximum"].as_i64();
    match (minimum, maximum) {
        (Some(minimum), _) if minimum > 7 => minimum.saturating_add(1),
        (_, Some(maximum)) if maximum < 7 => maximum,
        _ => 7,
    }
}

/// A value of a shape that was read out of a template: nobody declared the types.
pub(super) fn of_shape(shape: &Shape, leaf: &Value) -> Value {
    match (&shape.items, shape.members.is_empty()) {
        (None, true) => leaf.clone(),
        (Some(items), true) => Value::Array(vec![of_shape(items, leaf), of_shape(items, leaf)]),
        _ => {
            let members = shape.members.iter();
            Value::Object(
                members.map(|(name, shape)| (name.clone(), of_shape(shape, leaf))).collect(),
            )
        }
    }
}
