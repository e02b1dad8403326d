//! Gateway responses: text with variables in it, no directives.

use super::speaks::unknown;
use super::{Finding, Promise, Subject};

/// Looks for mistakes in a gateway response's template.
pub(super) fn check(text: &str, subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |at: usize, message: String| {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        findings.push(Finding::new(text, at, message));
    };
    for directive in ["#set(", "#if(", "#foreach("] {
        if let Some(at) = text.find(directive) {
            let name = directive.trim_end_matches('(');
            find(at, format!("`{name}` is text here: gateway responses have no directives"));
        }
    }
    let mut is_open = false;
    let mut rest = 0;
    let mut sample = String::new();
    while let Some(at) = text.get(rest..).and_then(|text| text.find('$')).map(|at| at + rest) {
        let before = text.get(rest..at).unwrap_or_default();
        sample.push_str(before);
        is_open ^= quotes(before) % 2 == 1;
        let after = text.get(at + 1..).unwrap_or_default();
        let braced = after.strip_prefix('{');
        let name_text = braced.unwrap_or(after);
        let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
        let end = name_text.find(|it| !is_part(it)).unwrap_or(name_text.len());
        let name = name_text[..end].trim_end_matches('.');
        rest = at + 1 + usize::from(braced.is_some()) + name.len();
        if braced.is_some() && text.get(rest..).is_some_and(|it| it.starts_with('}')) {
            rest += 1;
        }
        let way: Vec<String> = name.split('.').map(str::to_owned).collect();
        let mut value = "text";
        match way.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["context", "error", inner] => match inner {
                "messageString" => {
                    value = if is_open { "text" } else { "\"text\"" };
                    if is_open {
                        find(at, "`$context.error.messageString` brings its own quotes: leave out those around it".to_owned());
                    }
                }
                "validationErrorString" if is_open => find(
                    at,
                    "`$context.error.validationErrorString` holds quotes, which end the text it stands in".to_owned(),
                ),
                "message" | "responseType" | "validationErrorString" => {}
                inner => find(at, format!("$context.error has no `{inner}`: it is always nothing")),
            },
            ["context", ..] => {
                // An API's methods may have authorizers, and these answers are told for all of them.
                let known = Subject { has_authorizer: true, ..Subject::default() };
                if let Some(reason) = unknown(&way[1..], &known) {
                    find(at, format!("`${name}` is always nothing: {reason}"));
                }
            }
            ["stageVariables", variable] => {
                let known = subject.stage_variables.as_ref();
                if known.is_some_and(|known| !known.contains(&variable)) {
                    find(at, format!("the stage has no variable `{variable}`"));
                }
            }
            ["method", "request", "header" | "querystring" | "path", ..] => {}
            ["input" | "util", ..] => {
                find(at, format!("`${name}` is text here: gateway responses have no `${}`", way[0]));
            }
            _ => value = "",
        }
        sample.push_str(value);
    }
    sample.push_str(text.get(rest..).unwrap_or_default());
    if findings.is_empty()
        && subject.promise == Promise::Json
        && let Err(error) = serde_json::from_str::<serde_json::Value>(&sample)
        && !sample.trim().is_empty()
    {
        // Values are short and on one line, so lines are those of the template.
        let line = u32::try_from(error.line()).unwrap_or(1).max(1);
        let at = crate::template::Position { line, column: 1 };
        let reason = error.to_string();
        let (reason, _) = reason.split_once(" at line").unwrap_or((&reason, ""));
        findings.push(Finding { at, message: format!("the content is no JSON: {reason}") });
    }
    findings
}

fn quotes(text: &str) -> usize {
    let mut is_escaped = false;
    text.bytes()
        .filter(|byte| {
            let counts = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            counts
        })
        .count()
}
