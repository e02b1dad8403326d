//! The status that the request template of a MOCK integration gives: `{"statusCode": 200}`.
//!
//! Amazon's parser is lenient in ways that users rely on without knowing: keys without quotes (as CDK
//! writes them), single quotes, commas too many, and junk in other members. It insists on braces, on
//! quotes that are closed, and on an integer without quotes.

/// The status; `None` where Amazon finds none.
pub fn status_code(template: &str) -> Option<i64> {
    let mut rest = template.trim().strip_prefix('{')?.strip_suffix('}')?;
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_whitespace() || it == ',');
        let (key, behind) = key(rest)?;
        let value = behind.trim_start().strip_prefix(':')?.trim_start();
        if key == "statusCode" {
            return integer(value);
        }
        rest = skip_value(value)?;
    }
}

fn key(text: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote);
        }
    }
    let end = text.find([':', ',', '}'])?;
    let (key, behind) = text.split_at(end);
    (!key.contains(['"', '\''])).then_some((key.trim_end(), behind))
}

fn integer(text: &str) -> Option<i64> {
    let end = text.find(|it: char| it.is_whitespace() || it == ',' || it == '}');
    text[..end.unwrap_or(text.len())].parse().ok()
}

/// What follows a value: the text behind the next comma outside of braces, brackets and quotes.
fn skip_value(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => return Some(&text[at..]),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_amazon_takes_is_taken() {
        for (template, expected) in [
            (r#"{"statusCode": 200}"#, 200),
            ("{ statusCode: 200 }", 200),
            ("{'statusCode': 200, '': ''}", 200),
            (r#"{"statusCode": 200 ,, }"#, 200),
            ("{statusCode: 200, foo}: [ba r]}", 200),
            ("\n{\n  \"statusCode\" : 404\n}\n", 404),
            (r#"{"a": {"b": [1, "}"]}, "statusCode": 201}"#, 201),
            (r#"{"a": "x\",y", statusCode: -1}"#, -1),
            (r#"{"statusCode": 0}"#, 0),
        ] {
            assert_eq!(status_code(template), Some(expected), "{template}");
        }
    }

    #[test]
    fn what_amazon_refuses_is_refused() {
        for template in [
            r#"{"statusCode': 200 }"#,
            "{'statusCode: 200 }",
            "statusCode: 200",
            r#"{"statusCode": 200"#,
            r#"{"statusCode": "200"}"#,
            r#"{"statusCode": 20x}"#,
            r#"{"status": 200}"#,
            "{}",
            "{,}",
            "",
        ] {
            assert_eq!(status_code(template), None, "{template}");
        }
    }
}
