//! The mapping template that Amazon proposes for a model: the model's shape, filled with examples.

use serde_json::{Map, Value};

/// Levels that are written out. References in a circle would go on for ever; forms deeper than this
/// help nobody who fills them in.
const DEPTH_MAX: usize = 12;

/// Bytes of a template beyond which nothing more is written out: a few references in a circle, many
/// times per level, make more than anyone reads.
const BYTES_MAX: usize = 256 * 1024;

/// A template from a schema whose references are local.
pub(super) fn from_schema(schema: &str) -> String {
    let root: Value = serde_json::from_str(schema).unwrap_or_else(|_| Value::Object(Map::new()));
    let mut template = "#set($inputRoot = $input.path('$'))\n".to_owned();
    Writer { root: &root, template: &mut template }.write(&root, "$inputRoot", 0);
    template
}

struct Writer<'w> {
    root: &'w Value,
    template: &'w mut String,
}

impl Writer<'_> {
    /// Writes one value; `place` is what the template calls it.
    fn write(&mut self, schema: &Value, place: &str, depth: usize) {
        if depth > DEPTH_MAX || self.template.len() > BYTES_MAX {
            self.template.push_str("{ }");
            return;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let pointed = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            match pointed.cloned() {
                Some(schema) => self.write(&schema, place, depth + 1),
                None => self.template.push_str("{ }"),
            }
            return;
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
            _ if schema.get("items").is_some() => "array",
            _ => "object",
        };
        match kind {
            "string" => self.template.push_str("\"foo\""),
            "integer" => self.template.push_str("42"),
            "number" => self.template.push_str("42.0"),
            "boolean" => self.template.push_str("true"),
            "null" => self.template.push_str("null"),
            "array" => self.array(schema, place, depth),
            _ => self.object(schema, place, depth),
        }
    }

    fn object(&mut self, schema: &Value, place: &str, depth: usize) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            self.template.push_str("{ }");
            return;
        };
        self.template.push('{');
        for (index, (name, property)) in properties.iter().enumerate() {
            self.template.push_str(if index == 0 { "\n" } else { ",\n" });
            self.indent(depth + 1);
            self.template.push_str(&format!("{} : ", Value::from(name.as_str())));
            self.write(property, &format!("{place}.{name}"), depth + 1);
        }
        self.template.push('\n');
        self.indent(depth);
        self.template.push('}');
    }

    fn array(&mut self, schema: &Value, place: &str, depth: usize) {
        self.template.push_str(
            "[\n## One element per element of the input; change the loop if yours is elsewhere\n",
        );
        self.template.push_str(&format!("#foreach($elem in {place})\n"));
        self.indent(depth + 1);
        let element = match schema.get("items") {
            Some(Value::Array(schemas)) => schemas.first(),
            element => element,
        };
        match element {
            Some(element) => self.write(element, "$elem", depth + 1),
            None => self.template.push_str("{ }"),
        }
        self.template.push_str("\n#if($foreach.hasNext),#end\n#end\n");
        self.indent(depth);
        self.template.push(']');
    }

    fn indent(&mut self, depth: usize) {
        self.template.push_str(&"  ".repeat(depth));
    }
}
