//! The declared form as TOML: always the same text for the same form, laid out for people.
//!
//! Keys stand in the order of the tables, names in the order of their letters. What is small stands on
//! one line; what is not has a header of its own.

use super::form::{FILE, Form, Kind};
use serde_json::{Map, Value};
use std::fmt::Write;

/// What fits on one line, in characters.
const LINE_MAX: usize = 100;

/// One file.
pub(super) fn text(region: &str, tree: &Map<String, Value>) -> String {
    let mut out = format!("region = {}\n", quoted(region));
    body(&mut out, &FILE, tree, "");
    out
}

/// The keys of a table whose header is written: first those on one line, then those with headers.
fn body(out: &mut String, form: &Form, tree: &Map<String, Value>, at: &str) {
    let mut sections = Vec::new();
    for member in form.members {
        let Some(value) = tree.get(member.name) else { continue };
        match line(member.name, member.kind, value, at.is_empty() || !at.contains('.')) {
            Some(line) => {
                out.push_str(&line);
                out.push('\n');
            }
            None => sections.push((member, value)),
        }
    }
    for (member, value) in sections {
        let at = match at.is_empty() {
            true => member.name.to_owned(),
            false => format!("{at}.{}", member.name),
        };
        match (member.kind, value) {
            (Kind::List(form), Value::Array(list)) => {
                for element in list.iter().filter_map(Value::as_object) {
                    let _ = writeln!(out, "\n[[{at}]]");
                    body(out, form, element, &at);
                }
            }
            (Kind::Named(form), Value::Object(named)) => sections_of(out, form, named, &at),
            (Kind::NamedTwice(form), Value::Object(outer)) => {
                for (name, inner) in outer {
                    let at = format!("{at}.{}", key(name));
                    match inner.as_object() {
                        Some(inner) if !inner.is_empty() => sections_of(out, form, inner, &at),
                        _ => drop(writeln!(out, "\n[{at}]")),
                    }
                }
            }
            (Kind::Table(form) | Kind::TextOr(form), Value::Object(inner)) => {
                let _ = writeln!(out, "\n[{at}]");
                body(out, form, inner, &at);
            }
            (_, Value::Object(map)) => {
                let _ = writeln!(out, "\n[{at}]");
                for (name, value) in map {
                    let _ = writeln!(out, "{} = {}", key(name), plain(value, true));
                }
            }
            // Everything else is on one line.
            _ => {}
        }
    }
}

fn sections_of(out: &mut String, form: &Form, named: &Map<String, Value>, at: &str) {
    for (name, inner) in named {
        let at = format!("{at}.{}", key(name));
        let mut inside = String::new();
        if let Some(inner) = inner.as_object() {
            body(&mut inside, form, inner, &at);
        }
        // The headers of what is inside say the name, too.
        if !inside.starts_with('\n') {
            let _ = writeln!(out, "\n[{at}]");
        }
        out.push_str(&inside);
    }
}

/// A key and its value on one line, or on the lines of one text; nothing where it needs a header.
fn line(name: &str, kind: Kind, value: &Value, is_outermost: bool) -> Option<String> {
    match (kind, value) {
        // Parts of an API have headers, however small, so that they are found.
        (Kind::Named(_), _) if is_outermost => None,
        (Kind::List(_) | Kind::NamedTwice(_), _) if !name.starts_with("headers") => None,
        (_, Value::String(_)) => Some(format!("{name} = {}", plain(value, true))),
        (_, Value::Array(list)) if kind_is_texts(kind) => {
            let line = format!("{name} = {}", plain(value, false));
            if line.chars().count() <= LINE_MAX {
                return Some(line);
            }
            let lines = list.iter().map(|element| format!("    {},\n", plain(element, false)));
            Some(format!("{name} = [\n{}]", lines.collect::<String>()))
        }
        (_, Value::Object(_) | Value::Array(_)) => {
            let line = format!("{name} = {}", plain(value, false));
            // A line break in a text is for the eye: such a text goes under a header.
            let fits = line.chars().count() <= LINE_MAX && !has_lines(value);
            fits.then_some(line)
        }
        (_, value) => Some(format!("{name} = {}", plain(value, false))),
    }
}

fn kind_is_texts(kind: Kind) -> bool {
    matches!(kind, Kind::Texts)
}

fn has_lines(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(list) => list.iter().any(has_lines),
        Value::Object(map) => map.values().any(has_lines),
        _ => false,
    }
}

/// A value; texts on several lines only where `may_break`.
fn plain(value: &Value, may_break: bool) -> String {
    match value {
        Value::String(text) => match may_break {
            true => broken(text).unwrap_or_else(|| quoted(text)),
            false => quoted(text),
        },
        Value::Array(list) => {
            let elements: Vec<String> = list.iter().map(|it| plain(it, false)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let of = |(name, value): (&String, &Value)| {
                format!("{} = {}", key(name), plain(value, false))
            };
            format!("{{ {} }}", map.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) => match number.as_f64() {
            // Whole rates are written as people write them.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A text of several lines as it stands, between `'''`.
fn broken(text: &str) -> Option<String> {
    let is_plain = |character: char| !character.is_control() || "\n\t".contains(character);
    let fits = text.contains('\n') && text.chars().all(is_plain);
    (fits && !text.contains("'''") && !text.ends_with('\'')).then(|| format!("'''\n{text}'''"))
}

/// A text on one line: between `'` where that saves escapes.
pub(super) fn quoted(text: &str) -> String {
    let has_escapes = text.contains(['"', '\\']);
    let has_others = text.contains('\'') || text.contains(|it: char| it.is_control());
    if has_escapes && !has_others {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A key, quoted where it must be.
pub(super) fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A tree as its file reads.
    fn reread(text_: &str) -> Value {
        let read = read(&[text_], "r").unwrap_or_else(|it| panic!("{text_}\n{it:?}"));
        let document = read.into_values().next().unwrap_or_default();
        Value::Object(document.tree)
    }

    fn tree(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(tree) => FILE.plain(&tree),
            _ => panic!("a tree is an object"),
        }
    }

    #[test]
    fn small_things_stand_on_one_line() {
        let tree = tree(json!({"rest_api": [{
            "name": "pets", "path": {
                "/pets": {"GET": {"integration": {"type": "HTTP_PROXY", "method": "GET", "uri": "http://pets.test/"}}},
                "/empty": {},
            },
            "stage": {"prod": {"variables": {"a": "b"}}},
        }]}));
        assert_eq!(
            text("us-east-1", &tree),
            r#"region = "us-east-1"

[[rest_api]]
name = "pets"

[rest_api.path."/empty"]

[rest_api.path."/pets".GET]
integration = { type = "HTTP_PROXY", method = "GET", uri = "http://pets.test/" }

[rest_api.stage.prod]
variables = { a = "b" }
"#
        );
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,12}", "[a'\"\\\\\n\t\r\u{7f}\u{1}ß]{0,8}", "('''|\n|a'){0,4}"]
    }

    proptest! {
        /// Whatever stands in texts and names comes back.
        #[test]
        fn what_is_written_reads_as_it_was(
            texts in proptest::collection::vec(any_text(), 6),
            names in proptest::collection::vec(any_text(), 3),
            flag in any::<bool>(),
            whole in any::<i64>(),
            rate in -1e12..1e12f64,
        ) {
            let mut templates = Map::new();
            templates.insert(names[0].clone(), texts[0].clone().into());
            templates.insert(names[1].clone(), texts[1].clone().into());
            let mut settings = Map::new();
            settings.insert(names[2].clone(), json!({"throttling_rate_limit": rate, "caching_enabled": flag}));
            let mut paths = Map::new();
            paths.insert(names[0].clone(), json!({"ANY": {"integration": {
                "type": "MOCK", "request_templates": templates, "cache_key_parameters": texts,
                "response": {"200": {}, "404": {"selection_pattern": texts[2]}},
            }}}));
            let api = json!({
                "name": texts[3], "minimum_compression_size": whole, "path": paths,
                "stage": {"prod": {"method_settings": settings, "description": texts[4]}},
            });
            let tree = tree(json!({"rest_api": [api]}));
            let text = text("r", &tree);
            prop_assert_eq!(reread(&text), Value::Object(tree), "{}", text);
        }
    }
}
