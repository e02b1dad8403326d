//! Models: what the content of a request must be like, as JSON Schema draft 4.
//!
//! The words of a refusal are those of the Java library that Amazon runs, since users find them in their
//! logs and in `$context.error.validationErrorString`.

use super::schema_cost::Cost;
use crate::resources::rest::Model;
use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind};
use jsonschema::{Draft, JsonType, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

/// What a canonical reference to a model begins with; API and name follow.
const CANONICAL: &str = "https://apigateway.amazonaws.com/restapis/";

/// How often a `pattern` may go back: clients choose what it is held against.
const BACKTRACKS_MAX: usize = 50_000;

/// Mistakes that are told of one content, and names of properties that are not allowed in it.
const MISTAKES_MAX: usize = 50;

/// Bytes of one mistake and of all of them: content may be megabytes, and is told in mistakes about it.
const MISTAKE_BYTES_MAX: usize = 2048;
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What Amazon says of content that is no JSON.
const UNREADABLE: &str = "[Unknown error parsing request body]";

/// Content that a model which refers to itself would take too long for.
const TOO_DEEP: &str = "[the content is nested too deeply for its model]";

/// A model, ready to check content.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    /// Where checks could multiply.
    cost: Option<Cost>,
}

/// The other models, by the address that a `$ref` names them with. Nothing is ever fetched.
struct Models(BTreeMap<String, Value>);

impl Retrieve for Models {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let found = self.named(uri.as_str()).cloned();
        found.ok_or_else(|| format!("{} is not a model of this API", uri.as_str()).into())
    }
}

impl Models {
    /// The model at an address, whatever the API's id: of a copied API the references still name the one
    /// it was copied from.
    fn named(&self, address: &str) -> Option<&Value> {
        let (_, name) = address.strip_prefix(CANONICAL)?.split_once("/models/")?;
        self.0.get(name.trim_end_matches('#'))
    }
}

impl Schema {
    /// Compiles a model, with those that it may refer to.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn compile(model: &Model, all: &[Arc<Model>]) -> Result<Self, String> {
        let read = |model: &Model| {
            serde_json::from_str::<Value>(model.schema.as_deref().unwrap_or("{}"))
                .map_err(|error| format!("model {} is no JSON: {error}", model.name))
        };
        let schema = read(model)?;
        let others = all.iter().filter_map(|it| Some((it.name.clone(), read(it).ok()?))).collect();
        let models = Models(others);
        // First of all: the validator is built by calls within calls, too.
        let cost = Cost::of(&schema, |address| models.named(address).cloned())
            .map_err(|error| format!("model {}: {error}", model.name))?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .with_retriever(models)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS_MAX))
            .build(&schema)
            .map_err(|error| format!("model {}: {error}", model.name))?;
        Ok(Self { validator, cost })
    }

    /// Checks content. Without any it is null.
    ///
    /// # Errors
    /// What is wrong with it: `$context.error.validationErrorString`.
    pub fn check(&self, content: &[u8]) -> Result<(), String> {
        let value = if content.trim_ascii().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(content).map_err(|_| UNREADABLE.to_owned())?
        };
        if self.cost.as_ref().is_some_and(|cost| !cost.allows(&value)) {
            return Err(TOO_DEEP.to_owned());
        }
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        let mut mistakes: Vec<String> = Vec::new();
        let mut missing = Vec::new();
        let mut unknown = Vec::new();
        for error in self.validator.iter_errors(&value).take(MISTAKES_MAX) {
            let at = error.instance_path().to_string();
            match error.kind() {
                ValidationErrorKind::Required { property } => {
                    note(&mut missing, at, property.to_string());
                }
                // Said where no property at all is declared, so none of them is allowed.
                ValidationErrorKind::FalseSchema
                    if error.schema_path().to_string().ends_with("/additionalProperties") =>
                {
                    let object = value.pointer(&at).and_then(Value::as_object);
                    let is_noted = unknown.iter().any(|(known, _)| *known == at);
                    let names = object.filter(|_| !is_noted).into_iter().flat_map(|it| it.keys());
                    for name in names.take(MISTAKES_MAX) {
                        note(&mut unknown, at.clone(), Value::from(name.as_str()).to_string());
                    }
                }
                _ => mistakes.push(words(&error)),
            }
        }
        let lacking = missing.into_iter().map(|(_, names)| {
            format!("object has missing required properties ([{}])", names.join(","))
        });
        let unwanted = unknown.into_iter().map(|(_, names)| {
            let names = names.join(",");
            format!("object instance has properties which are not allowed by the schema: [{names}]")
        });
        let mut told = String::from("[");
        for (index, mistake) in lacking.chain(unwanted).chain(mistakes).enumerate() {
            if told.len() >= MESSAGE_BYTES_MAX {
                break;
            }
            told.push_str(if index > 0 { ", " } else { "" });
            let ends = (0..=MISTAKE_BYTES_MAX.min(mistake.len())).rev();
            let end = ends.into_iter().find(|at| mistake.is_char_boundary(*at)).unwrap_or(0);
            told.push_str(&mistake[..end]);
            told.push_str(if end < mistake.len() { "…" } else { "" });
        }
        told.push(']');
        Err(told)
    }
}

/// Notes a property of the object at a place: one sentence tells all of them, in order.
fn note(objects: &mut Vec<(String, Vec<String>)>, at: String, name: String) {
    match objects.iter_mut().find(|(known, _)| *known == at) {
        Some((_, names)) => {
            let index = names.partition_point(|known| *known < name);
            names.insert(index, name);
        }
        None => objects.push((at, vec![name])),
    }
}

/// A mistake in the words of Java's `json-schema-validator`.
fn words(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let instance = &**error.instance();
    let length = || instance.as_str().map_or(0, |text| text.chars().count());
    let size = || instance.as_array().map_or(0, Vec::len);
    let members = || instance.as_object().map_or(0, serde_json::Map::len);
    match error.kind() {
        Kind::Type { kind } => format!(
            "instance type ({}) does not match any allowed primitive type (allowed: [{}])",
            type_of(instance),
            allowed(kind)
        ),
        Kind::Enum { options } => {
            format!("instance value ({instance}) not found in enum (possible values: {options})")
        }
        Kind::Maximum { limit } => format!(
            "numeric instance is greater than the required maximum (maximum: {limit}, found: {instance})"
        ),
        Kind::Minimum { limit } => format!(
            "numeric instance is lower than the required minimum (minimum: {limit}, found: {instance})"
        ),
        Kind::ExclusiveMaximum { limit } => {
            format!("numeric instance is not strictly lower than the required maximum {limit}")
        }
        Kind::ExclusiveMinimum { limit } => {
            format!("numeric instance is not strictly greater than the required minimum {limit}")
        }
        Kind::MultipleOf { multiple_of } => {
            format!("remainder of division is not zero ({instance} / {multiple_of})")
        }
        Kind::MinLength { limit } => format!(
            "string {instance} is too short (length: {}, required minimum: {limit})",
            length()
        ),
        Kind::MaxLength { limit } => format!(
            "string {instance} is too long (length: {}, maximum allowed: {limit})",
            length()
        ),
        Kind::Pattern { pattern } => {
            let pattern = Value::from(pattern.as_str());
            format!("ECMA 262 regex {pattern} does not match input string {instance}")
        }
        Kind::AdditionalProperties { unexpected } => format!(
            "object instance has properties which are not allowed by the schema: {}",
            Value::from(unexpected.clone())
        ),
        Kind::MinItems { limit } => format!(
            "array is too short: must have at least {limit} elements but instance has {} elements",
            size()
        ),
        Kind::MaxItems { limit } => format!(
            "array is too long: must have at most {limit} elements but instance has {} elements",
            size()
        ),
        Kind::AdditionalItems { limit } => {
            format!("array only allows {limit} items, but found {} elements", size())
        }
        Kind::MinProperties { limit } => format!(
            "object has too few properties (found {} but schema requires at least {limit})",
            members()
        ),
        Kind::MaxProperties { limit } => format!(
            "object has too many properties (found {} but schema requires at most {limit})",
            members()
        ),
        Kind::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Kind::AnyOf { context } => {
            format!("instance failed to match at least one required schema among {}", context.len())
        }
        Kind::OneOfNotValid { context } => format!(
            "instance failed to match exactly one schema (matched 0 out of {})",
            context.len()
        ),
        Kind::OneOfMultipleValid { context } => format!(
            "instance failed to match exactly one schema (matched {} out of {})",
            context.iter().filter(|errors| errors.is_empty()).count(),
            context.len()
        ),
        Kind::Not { .. } => "instance matched a schema which it should not have".to_owned(),
        Kind::Format { format } => {
            format!("string {instance} is invalid against requested format {format}")
        }
        _ => error.to_string(),
    }
}

fn type_of(instance: &Value) -> &'static str {
    match instance {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The types as the Java library lists them: by name, and with numbers go integers.
fn allowed(kind: &TypeKind) -> String {
    let mut names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|it: JsonType| it.to_string()).collect(),
    };
    if names.iter().any(|it| it == "number") && !names.iter().any(|it| it == "integer") {
        names.push("integer".to_owned());
    }
    names.sort();
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(name: &str, schema: &str) -> Arc<Model> {
        Arc::new(Model {
            name: name.into(),
            schema: Some(schema.into()),
            content_type: "application/json".into(),
            ..Model::default()
        })
    }

    fn check(schema: &str, content: &str) -> Result<(), String> {
        Schema::compile(&model("M", schema), &[]).unwrap().check(content.as_bytes())
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_amazons_library() {
        for (schema, content, expected) in [
            (
                r#"{"required": ["password", "email"]}"#,
                "{}",
                r#"[object has missing required properties (["email","password"])]"#,
            ),
            (
                r#"{"type": "object"}"#,
                "",
                r#"[instance type (null) does not match any allowed primitive type (allowed: ["object"])]"#,
            ),
            (r#"{"type": "object"}"#, "{", "[Unknown error parsing request body]"),
            (
                r#"{"properties": {"a": {"type": "number"}}}"#,
                r#"{"a": "x"}"#,
                r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#,
            ),
            (
                r#"{"enum": ["dog", "cat"]}"#,
                r#""bird""#,
                r#"[instance value ("bird") not found in enum (possible values: ["dog","cat"])]"#,
            ),
            (
                r#"{"maximum": 500}"#,
                "501",
                "[numeric instance is greater than the required maximum (maximum: 500, found: 501)]",
            ),
            (
                r#"{"minimum": 25}"#,
                "1",
                "[numeric instance is lower than the required minimum (minimum: 25, found: 1)]",
            ),
            (
                r#"{"minimum": 25, "exclusiveMinimum": true}"#,
                "25",
                "[numeric instance is not strictly greater than the required minimum 25]",
            ),
            (
                r#"{"minLength": 3}"#,
                r#""x""#,
                r#"[string "x" is too short (length: 1, required minimum: 3)]"#,
            ),
            (
                r#"{"maxLength": 1}"#,
                r#""xyz""#,
                r#"[string "xyz" is too long (length: 3, maximum allowed: 1)]"#,
            ),
            (
                r#"{"pattern": "^a"}"#,
                r#""b""#,
                r#"[ECMA 262 regex "^a" does not match input string "b"]"#,
            ),
            (
                r#"{"additionalProperties": false}"#,
                r#"{"x": 1}"#,
                r#"[object instance has properties which are not allowed by the schema: ["x"]]"#,
            ),
            (
                r#"{"properties": {"y": {}}, "additionalProperties": false}"#,
                r#"{"x": 1, "y": 2, "a": 3}"#,
                r#"[object instance has properties which are not allowed by the schema: ["x","a"]]"#,
            ),
            (
                r#"{"minItems": 1}"#,
                "[]",
                "[array is too short: must have at least 1 elements but instance has 0 elements]",
            ),
        ] {
            assert_eq!(check(schema, content), Err(expected.to_owned()), "{schema} {content}");
        }
    }

    #[test]
    fn what_fits_passes_and_later_keywords_mean_nothing() {
        for (schema, content) in [
            (r#"{}"#, ""),
            (r#"{"type": "object", "required": ["a"]}"#, r#"{"a": null}"#),
            (r#"{"const": 1, "contains": {"type": "string"}}"#, "[2]"),
            (r#"{"type": "integer", "format": "int32"}"#, "5000000000"),
            (r#"{"maximum": 5}"#, "5"),
        ] {
            assert_eq!(check(schema, content), Ok(()), "{schema} {content}");
        }
    }

    #[test]
    fn draft_4_is_followed_and_its_formats_are_checked() {
        for (schema, fits, fits_not) in [
            (r#"{"format": "date-time"}"#, r#""2026-03-01T10:00:00Z""#, r#""yesterday""#),
            (r#"{"format": "email"}"#, r#""a@b.test""#, r#""a""#),
            (r#"{"format": "ipv4"}"#, r#""127.0.0.1""#, r#""127.0.0.256""#),
            (r#"{"format": "uri"}"#, r#""https://a.test/""#, r#""a b""#),
            (r#"{"maximum": 5, "exclusiveMaximum": true}"#, "4", "5"),
            (r#"{"multipleOf": 3}"#, "9", "10"),
            (r#"{"uniqueItems": true}"#, "[1, 2]", "[1, 1]"),
            (r#"{"maxItems": 1}"#, "[1]", "[1, 2]"),
            (r#"{"dependencies": {"a": ["b"]}}"#, r#"{"a": 1, "b": 2}"#, r#"{"a": 1}"#),
            (r#"{"oneOf": [{"type": "string"}, {"minimum": 1}]}"#, "1", "0"),
            (r#"{"not": {"type": "null"}}"#, "1", "null"),
        ] {
            assert_eq!(check(schema, fits), Ok(()), "{schema} {fits}");
            assert!(check(schema, fits_not).is_err(), "{schema} {fits_not}");
        }
        assert_eq!(check(r#"{"format": "int64"}"#, "\"x\""), Ok(()));
    }

    #[test]
    fn models_refer_to_each_other_and_to_themselves() {
        let base = "https://apigateway.amazonaws.com/restapis/other1/models";
        let tree = model(
            "Tree",
            &format!(
                r#"{{"type": "object", "properties": {{"leaf": {{"$ref": "{base}/Leaf"}},
                "more": {{"type": "array", "items": {{"$ref": "{base}/Tree"}}}}}},
                "additionalProperties": false}}"#
            ),
        );
        let leaf = model(
            "Leaf",
            r##"{"$ref": "#/definitions/n", "definitions": {"n": {"type": "integer"}}}"##,
        );
        let all = [Arc::clone(&tree), leaf];
        let schema = Schema::compile(&tree, &all).unwrap();
        assert_eq!(schema.check(br#"{"more": [{"leaf": 1}, {"more": []}]}"#), Ok(()));
        assert!(schema.check(br#"{"more": [{"leaf": "1"}]}"#).is_err());
        assert!(schema.check(br#"{"more": [{"more": [{"x": 1}]}]}"#).is_err());
    }

    #[test]
    fn what_is_elsewhere_is_never_fetched() {
        for target in ["https://example.com/x", &format!("{CANONICAL}a/models/None")] {
            let schema = format!(r#"{{"$ref": "{target}"}}"#);
            assert!(Schema::compile(&model("M", &schema), &[]).is_err(), "{target}");
        }
        assert!(Schema::compile(&model("M", "nonsense"), &[]).is_err());
    }

    #[test]
    fn a_pattern_that_goes_back_forever_ends() {
        let text = "a".repeat(2000);
        assert!(check(r#"{"pattern": "^(?=(a+)+b)"}"#, &format!("\"{text}\"")).is_err());
    }

    #[test]
    fn content_that_a_model_multiplies_over_is_refused_at_once() {
        let kind = |name: &str| {
            format!(
                r##"{{"properties": {{"in": {{"$ref": "#"}}, "kind": {{"enum": ["{name}"]}}}}}}"##
            )
        };
        let schema = format!(r#"{{"oneOf": [{}, {}]}}"#, kind("and"), kind("or"));
        let nested = |levels: usize| {
            let inner = r#"{"kind": "leaf"}"#.to_owned();
            (0..levels).fold(inner, |inner, _| format!(r#"{{"kind": "and", "in": {inner}}}"#))
        };
        let words = check(&schema, &nested(8)).unwrap_err();
        assert!(words.contains("exactly one schema"), "{words}");
        assert_eq!(check(&schema, &nested(100)), Err(TOO_DEEP.to_owned()));
    }

    #[test]
    fn the_deepest_check_fits_a_quarter_of_a_threads_stack() {
        // Alternatives are what the validator takes most room for.
        let schema = r##"{"anyOf": [{"oneOf": [{"allOf": [
            {"type": ["object", "integer"], "properties": {"a": {"$ref": "#"}}}]}]}]}"##;
        let nested = |levels: usize, leaf: &str| {
            format!("{}{leaf}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
        };
        let checking = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
            let deepest = (1..128).rfind(|levels| check(schema, &nested(*levels, "1")).is_ok());
            // What is wrong at the end of all levels is told of each.
            check(schema, &nested(deepest.unwrap(), "\"x\"")).unwrap_err();
            deepest
        });
        assert!(checking.unwrap().join().unwrap() > Some(80));
    }

    #[test]
    fn what_is_told_has_a_bound() {
        let names: Vec<String> = (0..20_000).rev().map(|it| format!("\"{it:05}\": 1")).collect();
        let content = format!("{{{}}}", names.join(","));
        let words = check(r#"{"additionalProperties": false}"#, &content).unwrap_err();
        assert!(words.contains("\"19999\"") && words.len() < MISTAKE_BYTES_MAX, "{words}");
        let long = "é".repeat(100_000);
        let all = vec![r#"{"maxLength": 1}"#; 40].join(",");
        let words = check(&format!(r#"{{"allOf": [{all}]}}"#), &format!("\"{long}\"")).unwrap_err();
        assert!(words.len() < MESSAGE_BYTES_MAX + MISTAKE_BYTES_MAX + 10, "{}", words.len());
        assert!(words.ends_with("…]"));
    }

    proptest! {
        #[test]
        fn any_content_is_taken(content in prop::collection::vec(any::<u8>(), 0..80)) {
            let schema = model("M", r#"{"type": "object", "properties": {"a": {"pattern": "x"}}}"#);
            let _ = Schema::compile(&schema, &[]).unwrap().check(&content);
        }
    }
}
