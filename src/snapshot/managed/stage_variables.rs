//! Stage variables and placeholders in the URI of an integration.
//!
//! Placeholders are looked for in what the user declared only, never in a variable's value, which may
//! come from somebody else (Amazon: path values first, then stage variables).

use crate::resources::rest::Map;

/// A piece of a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Text, with the values of stage variables in it.
    Text(String),
    /// `{name}`.
    Placeholder(String),
}

/// Splits a URI at its placeholders and fills in stage variables; one that is not set is nothing, and
/// no other `${…}` means anything.
pub(super) fn tokens(uri: &str, variables: &Map) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut text = String::new();
    let mut rest = uri;
    while let Some(open) = rest.find('{') {
        let (before, behind) = rest.split_at(open);
        let Some((name, after)) = behind[1..].split_once('}') else { break };
        match before.strip_suffix('$').zip(name.strip_prefix("stageVariables.")) {
            Some((before, name)) => {
                text.push_str(before);
                text.push_str(variables.get(name).map_or("", String::as_str));
            }
            None if before.ends_with('$') => {
                text.push_str(before);
                text.push_str(&behind[..name.len() + 2]);
            }
            None => {
                text.push_str(before);
                if !text.is_empty() {
                    tokens.push(Token::Text(std::mem::take(&mut text)));
                }
                // A greedy variable is written without `+` here, but with it is a common mistake.
                tokens.push(Token::Placeholder(name.strip_suffix('+').unwrap_or(name).to_owned()));
            }
        }
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        tokens.push(Token::Text(text));
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(uri: &str) -> String {
        let variables: Map =
            [("host", "back.test:81"), ("trap", "{id}")].map(|(k, v)| (k.into(), v.into())).into();
        let pieces = tokens(uri, &variables).into_iter().map(|token| match token {
            Token::Text(text) => text,
            Token::Placeholder(name) => format!("<{name}>"),
        });
        pieces.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn variables_are_filled_in_and_placeholders_found() {
        for (uri, expected) in [
            ("http://a/b", "http://a/b"),
            ("http://${stageVariables.host}/x", "http://back.test:81/x"),
            ("http://a/${stageVariables.none}/x", "http://a//x"),
            ("http://a/{id}/{proxy+}", "http://a/|<id>|/|<proxy>"),
            ("http://a/${stageVariables.trap}", "http://a/{id}"),
            ("http://a/${other}/{id", "http://a/${other}/{id"),
            ("{a}{b}", "<a>|<b>"),
            ("", ""),
        ] {
            assert_eq!(split(uri), expected, "{uri}");
        }
    }
}
