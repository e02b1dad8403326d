//! A mapping template that writes what a model's JSON schema describes, from an input of the same
//! form: what users begin with when they write their own.

use serde_json::Value;
use std::fmt::Write;

/// How deep the template goes. Schemas may refer to themselves.
const DEPTH_MAX: usize = 16;

/// How long a template gets, in bytes: one with many references to large models must not fill the
/// memory. Amazon's mapping templates are at most 300 KB.
const BYTES_MAX: usize = 300 * 1024;

/// Finds another model's schema by its name.
type SchemaOf<'s> = dyn Fn(&str) -> Option<Value> + 's;

/// The template of a schema.
pub(super) fn template(schema: &Value, schema_of: &SchemaOf<'_>) -> String {
    let mut writer =
        Writer { out: "#set($inputRoot = $input.path('$'))\n".to_owned(), root: schema, schema_of };
    writer.value(schema, "$inputRoot", 0);
    writer.out
}

struct Writer<'s> {
    out: String,
    /// Where `#/definitions/…` points into.
    root: &'s Value,
    schema_of: &'s SchemaOf<'s>,
}

impl Writer<'_> {
    /// Writes the value that `source` holds, behind `depth` levels of indentation.
    fn value(&mut self, schema: &Value, source: &str, depth: usize) {
        if depth >= DEPTH_MAX || self.out.len() >= BYTES_MAX {
            self.out.push_str(source);
            return;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            match self.referred(reference) {
                Some(schema) => self.value(&schema, source, depth + 1),
                None => self.out.push_str(source),
            }
            return;
        }
        match kind(schema) {
            "object" => self.object(schema, source, depth),
            "array" => self.array(schema, source, depth),
            "string" => {
                let _ = write!(self.out, "\"{source}\"");
            }
            _ => self.out.push_str(source),
        }
    }

    fn object(&mut self, schema: &Value, source: &str, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object);
        self.out.push('{');
        for (index, (name, property)) in properties.into_iter().flatten().enumerate() {
            self.out.push_str(if index == 0 { "\n" } else { ",\n" });
            self.indent(depth + 1);
            let _ = write!(self.out, "{} : ", Value::from(name.as_str()));
            self.value(property, &member(source, name), depth + 1);
        }
        self.out.push('\n');
        self.indent(depth);
        self.out.push('}');
    }

    fn array(&mut self, schema: &Value, source: &str, depth: usize) {
        // Loops in loops need variables of their own.
        let element = match depth {
            0 => "$elem".to_owned(),
            depth => format!("$elem{depth}"),
        };
        let _ = writeln!(self.out, "[\n#foreach({element} in {source})");
        self.indent(depth + 1);
        let items = schema.get("items").cloned().unwrap_or_default();
        self.value(&items, &element, depth + 1);
        self.out.push_str("#if($foreach.hasNext),#end\n#end\n");
        self.indent(depth);
        self.out.push(']');
    }

    fn referred(&self, reference: &str) -> Option<Value> {
        match reference.strip_prefix('#') {
            Some(pointer) => self.root.pointer(pointer).cloned(),
            None => (self.schema_of)(reference.rsplit('/').next()?),
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// The schema's type; what has properties or items says so without one.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        // `["string", "null"]`
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            kinds.into_iter().find(|kind| *kind != "null").unwrap_or_default()
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "",
    }
}

/// A member of a source.
fn member(source: &str, name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_plain && name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => format!("{source}.{name}"),
        false => format!("{source}['{}']", name.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(schema: &Value) -> String {
        template(schema, &|name| (name == "Pet").then(|| json!({"type": "string"})))
    }

    #[test]
    fn objects_arrays_and_scalars_are_written() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a-b": {"type": "integer"},
                "name": {"type": "string"},
                "tags": {"type": "array", "items": {"properties": {"id": {"type": "number"}}}},
            }
        });
        let expected = "#set($inputRoot = $input.path('$'))
{
  \"a-b\" : $inputRoot['a-b'],
  \"name\" : \"$inputRoot.name\",
  \"tags\" : [
#foreach($elem1 in $inputRoot.tags)
    {
      \"id\" : $elem1.id
    }#if($foreach.hasNext),#end
#end
  ]
}";
        assert_eq!(of(&schema), expected);
    }

    #[test]
    fn references_are_followed() {
        let url = "https://apigateway.amazonaws.com/restapis/abc/models/Pet";
        for reference in [url, "Pet", "#/definitions/Name"] {
            let schema = json!({"$ref": reference, "definitions": {"Name": {"type": "string"}}});
            assert!(of(&schema).ends_with("\"$inputRoot\""), "{reference}");
        }
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let loops = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
        assert!(of(&loops).contains(".child.child"));
        let wide = json!({"type": "array", "items": {"properties": {
            "a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}, "d": {"$ref": "#"},
            "e": {"$ref": "#"}, "f": {"$ref": "#"}, "g": {"$ref": "#"}, "h": {"$ref": "#"},
        }}});
        assert!(of(&wide).len() < 2 * BYTES_MAX);
    }
}
