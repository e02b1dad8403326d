//! Gateway responses: the gateway's own answers as an API customises them.
//!
//! Their templates are no mapping templates: variables are put in as text, and there are no directives.
//! A type that an API defines shadows `DEFAULT_4XX` and `DEFAULT_5XX` completely: what it leaves out is
//! Amazon's and not theirs.

use super::mapping::{Known, Source, bytes};
use crate::model::{RESERVED_FIELDS, is_field_name};
use crate::resources::rest::{GatewayResponse as Declared, Map};
use std::sync::Arc;

/// The template of every type that is not customised.
const BUILT_IN: &str = "{\"message\":$context.error.messageString}";

/// An API's customised answers.
#[derive(Debug, Default)]
pub struct GatewayResponses {
    by_type: Box<[(Box<str>, GatewayResponse)]>,
}

/// One customised answer.
#[derive(Debug)]
pub struct GatewayResponse {
    /// Another status than the type's own.
    pub status: Option<u16>,
    /// Fields.
    pub headers: Box<[(Box<[u8]>, Value)]>,
    /// Media type (lower case) to content.
    pub templates: Box<[(Box<str>, Body)]>,
}

/// The content of an answer.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// As if nothing was customised.
    BuiltIn,
    /// Text with values in it.
    Text(Box<[Piece]>),
}

/// A piece of an answer's content.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Written as it stands.
    Literal(Box<str>),
    /// A value; nothing where there is none.
    Value(Value),
}

/// A value in an answer.
#[derive(Debug, PartialEq)]
pub enum Value {
    /// Of the request.
    Request(Source),
    /// A path parameter, by its name: which route it is of is known when it is asked for.
    PathParameter(Box<str>),
    /// Of `$context`, by its parts: `error`, `messageString`.
    Context(Box<[Box<str>]>),
    /// A stage variable.
    StageVariable(Box<str>),
}

impl GatewayResponses {
    /// Compiles an API's customised answers. `warn` takes what cannot be served.
    pub(super) fn of(declared: &[Arc<Declared>], warn: &mut impl FnMut(String)) -> Self {
        let by_type = declared.iter().map(|it| {
            let kind: Box<str> = it.response_type.as_str().into();
            let response = GatewayResponse {
                status: it.status_code.as_deref().and_then(|code| code.parse().ok()),
                headers: headers(&it.response_parameters, &kind, warn),
                templates: it
                    .response_templates
                    .iter()
                    .map(|(media_type, text)| (media_type.to_ascii_lowercase().into(), body(text)))
                    .collect(),
            };
            (kind, response)
        });
        Self { by_type: by_type.collect() }
    }

    /// Whether nothing is customised.
    pub fn is_empty(&self) -> bool {
        self.by_type.is_empty()
    }

    /// The answer for a type whose own status is `status`.
    pub fn find(&self, response_type: &str, status: u16) -> Option<&GatewayResponse> {
        let of = |name: &str| {
            self.by_type.iter().find(|(known, _)| **known == *name).map(|(_, response)| response)
        };
        of(response_type).or_else(|| of(if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" }))
    }
}

impl GatewayResponse {
    /// The media type and content for a client that accepts `media_type`.
    pub fn template(&self, media_type: &str) -> Option<(&str, &Body)> {
        let of = |wanted: &str| {
            self.templates.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted))
        };
        let found = of(media_type).or_else(|| of("application/json"));
        found.or_else(|| self.templates.first()).map(|(media_type, body)| (&**media_type, body))
    }
}

fn headers(declared: &Map, kind: &str, warn: &mut impl FnMut(String)) -> Box<[(Box<[u8]>, Value)]> {
    let mut headers = Vec::new();
    for (target, expression) in declared {
        let Some(name) = target.strip_prefix("gatewayresponse.header.") else { continue };
        let is_reserved = RESERVED_FIELDS.contains(&name.to_ascii_lowercase().as_str());
        if is_reserved || !is_field_name(name) {
            warn(format!("gateway response {kind}: header {name} is the gateway's own"));
            continue;
        }
        match value(expression) {
            Some(value) => headers.push((bytes(name), value)),
            None => warn(format!("gateway response {kind}: `{expression}` is no expression")),
        }
    }
    headers.into()
}

/// A value by its expression, without a dollar in front.
fn value(expression: &str) -> Option<Value> {
    let quoted = expression.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
    if let Some(text) = quoted {
        return Some(Value::Request(Source::Literal(bytes(text))));
    }
    if let Some(name) = expression.strip_prefix("stageVariables.") {
        return Some(Value::StageVariable(name.into()));
    }
    if let Some(name) = expression.strip_prefix("context.") {
        return Some(Value::Context(name.split('.').map(Into::into).collect()));
    }
    match expression.strip_prefix("method.request.path.") {
        Some(name) => Some(Value::PathParameter(name.into())),
        None => Known::request_parameter(expression).map(Value::Request),
    }
}

/// Reads a template: `$context.…`, `$stageVariables.…` and `$method.request.…` are values, with braces
/// around them or without, and all else is text.
fn body(template: &str) -> Body {
    if template.trim() == BUILT_IN {
        return Body::BuiltIn;
    }
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        match variable(&behind[1..]) {
            Some((value, length)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut text).into()));
                }
                pieces.push(Piece::Value(value));
                rest = &behind[1 + length..];
            }
            None => {
                text.push('$');
                rest = &behind[1..];
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.into()));
    }
    Body::Text(pieces.into())
}

/// The variable that a text begins with, and its length.
fn variable(text: &str) -> Option<(Value, usize)> {
    if let Some(inner) = text.strip_prefix('{') {
        let (name, _) = inner.split_once('}')?;
        let found = known_value(name)?;
        return Some((found, name.len() + 2));
    }
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
    let end = text.find(|it| !is_part(it)).unwrap_or(text.len());
    // A sentence may end behind a variable.
    let name = text[..end].trim_end_matches('.');
    Some((known_value(name)?, name.len()))
}

fn known_value(name: &str) -> Option<Value> {
    let is_known =
        ["context.", "stageVariables.", "method.request."].iter().any(|it| name.starts_with(it));
    if is_known { value(name) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::managed::Values;
    use proptest::prelude::*;

    fn context(parts: &[&str]) -> Piece {
        Piece::Value(Value::Context(parts.iter().map(|it| (*it).into()).collect()))
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.into())
    }

    #[test]
    fn a_template_is_text_with_values() {
        for (template, expected) in [
            (
                "{\"m\":$context.error.messageString,\"t\":\"$context.error.responseType\"}",
                vec![
                    literal("{\"m\":"),
                    context(&["error", "messageString"]),
                    literal(",\"t\":\""),
                    context(&["error", "responseType"]),
                    literal("\"}"),
                ],
            ),
            (
                "${context.stage}x $stageVariables.a.",
                vec![
                    context(&["stage"]),
                    literal("x "),
                    Piece::Value(Value::StageVariable("a".into())),
                    literal("."),
                ],
            ),
            ("#set($x = 1) $5 $x ${", vec![literal("#set($x = 1) $5 $x ${")]),
            (
                "$method.request.header.X-A",
                vec![Piece::Value(Value::Request(Source::Header(bytes("X-A"), Values::Last)))],
            ),
            ("$method.request.path.id", vec![Piece::Value(Value::PathParameter("id".into()))]),
        ] {
            assert_eq!(body(template), Body::Text(expected.into()), "{template}");
        }
        assert_eq!(body(BUILT_IN), Body::BuiltIn);
    }

    #[test]
    fn a_type_of_its_own_goes_before_the_default_of_its_class() {
        let declared =
            |kind: &str| Arc::new(Declared { response_type: kind.into(), ..Declared::default() });
        let mut warnings = Vec::new();
        let all = [declared("DEFAULT_4XX"), declared("THROTTLED")];
        let responses = GatewayResponses::of(&all, &mut |it| warnings.push(it));
        let is = |kind: &str, status, name: &str| {
            let expected = responses.by_type.iter().find(|(known, _)| **known == *name);
            let found = responses.find(kind, status);
            assert_eq!(
                found.map(std::ptr::from_ref),
                expected.map(|it| std::ptr::from_ref(&it.1)),
                "{kind}"
            );
        };
        is("THROTTLED", 429, "THROTTLED");
        is("UNAUTHORIZED", 401, "DEFAULT_4XX");
        is("INTEGRATION_FAILURE", 504, "none");
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn headers_that_are_the_gateways_own_are_left_out_with_a_word() {
        let declared = Declared {
            response_type: "THROTTLED".into(),
            response_parameters: [
                ("gatewayresponse.header.Content-Length", "'1'"),
                ("gatewayresponse.header.Access-Control-Allow-Origin", "'*'"),
                ("gatewayresponse.header.X", "nonsense"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..Declared::default()
        };
        let mut warnings = Vec::new();
        let responses = GatewayResponses::of(&[declared.into()], &mut |it| warnings.push(it));
        assert_eq!(responses.find("THROTTLED", 429).unwrap().headers.len(), 1);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_template(text in ".{0,60}") {
            let _ = body(&text);
        }
    }
}
