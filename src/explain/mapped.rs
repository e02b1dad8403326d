//! Mapped: each mapped parameter with the place that it goes to, its value, and where that is from.

use super::report::Phase;
use crate::exchange::Exchange;
use crate::exchange::integrate::mapping;
use crate::exchange::transform::Overrides;
use crate::http::Field;
use crate::snapshot::Route;
use crate::snapshot::managed::{
    Action, ContextName, Edit, Placeholder, RequestMapping, ResponseSource, Source, UriPiece,
    Values,
};

/// Tells the mapped parameters of a request.
pub(super) fn tell(
    exchange: &Exchange<'_>,
    route: &Route,
    mapping: &RequestMapping,
    overrides: Option<&Overrides>,
    phase: &mut Phase,
) {
    let value = |source: &Source| match mapping::joined(exchange, source) {
        Ok(value) => value.map(|value| String::from_utf8_lossy(&value).into_owned()),
        Err(refusal) => Some(format!("(refused: {})", refusal.message(exchange.protocol))),
    };
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let of = |source: &Source| described(source, &route.parameters);
    for piece in mapping.path.iter().chain(&mapping.query) {
        match piece {
            UriPiece::Value(source) => phase.mapped("in the URI", value(source), of(source)),
            UriPiece::Named(name, placeholder) => match placeholder {
                Placeholder::Mapped(source) => {
                    phase.mapped(format!("path {name}"), value(source), of(source));
                }
                Placeholder::Nothing => {
                    phase.mapped(format!("path {name}"), None, "a value that is never there");
                }
                Placeholder::Text => phase.mapped(
                    format!("path {name}"),
                    Some(format!("{{{name}}}")),
                    "its own text: nothing is mapped to it",
                ),
            },
            UriPiece::Literal(_) | UriPiece::RequestPath => {}
        }
    }
    for (query, source) in &mapping.added_query {
        phase.mapped(format!("query {}", name(query)), value(source), of(source));
    }
    for (header, source) in &mapping.headers {
        phase.mapped(format!("header {}", name(header)), value(source), of(source));
    }
    if let Some(edits) = mapping.edits.as_deref() {
        if let Some(source) = &edits.path {
            phase.mapped("overwrite path", value(source), of(source));
        }
        for (place, edits) in [("query", &edits.query), ("header", &edits.headers)] {
            for Edit { action, name: target, value: source } in edits {
                let target = format!("{} {place} {}", verb(*action), name(target));
                match source {
                    Some(source) => phase.mapped(target, value(source), of(source)),
                    None => phase.mapped(target, None, "what the client sent stays behind"),
                }
            }
        }
    }
    let Some(overrides) = overrides else { return };
    let template = "$context.requestOverride of the template";
    let mut set = |kind: &str, name: &str, values: &[String]| {
        phase.mapped(format!("{kind} {name}"), Some(values.join(", ")), template);
    };
    overrides.request_headers().for_each(|(name, values)| set("header", name, &values));
    overrides.querystring().for_each(|(name, values)| set("query", name, &values));
    overrides.path().for_each(|(name, values)| set("path", name, &values));
}

/// A mapped field of an answer that needs nothing but the back end's fields.
pub(super) fn tell_answer(
    name: &str,
    source: &ResponseSource,
    fields: &[Field<'_>],
    phase: &mut Phase,
) {
    let value = mapping::of_answer(source, fields);
    let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
    phase.mapped(format!("header {name}"), value, described_answer(source));
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Remove => "remove",
        Action::Overwrite => "overwrite",
        Action::Append => "append",
    }
}

fn described(source: &Source, parameters: &[Box<str>]) -> String {
    let text = String::from_utf8_lossy;
    let all = |values: Values| if values == Values::All { ", all values" } else { "" };
    match source {
        Source::Literal(_) => "fixed".to_owned(),
        Source::Path(index) => {
            format!("path parameter {}", parameters.get(*index).map_or("", |name| name))
        }
        Source::Query(name, values) => format!("query parameter {}{}", text(name), all(*values)),
        Source::Header(name, values) => format!("header {}{}", text(name), all(*values)),
        Source::Context(name) => format!("$context.{}", context(*name)),
        Source::Variable(parts) => format!("$context.{}", parts.join(".")),
        Source::Body(None) => "the content".to_owned(),
        Source::Body(Some(path)) => format!("$.{} of the content", path.text),
        Source::RequestPath => "the request's path".to_owned(),
        Source::Joined(sources) => {
            let sources: Vec<_> = sources.iter().map(|it| described(it, parameters)).collect();
            sources.join(" + ")
        }
    }
}

pub(super) fn described_answer(source: &ResponseSource) -> String {
    let text = String::from_utf8_lossy;
    match source {
        ResponseSource::Literal(_) => "fixed".to_owned(),
        ResponseSource::Header(name, _) => format!("header {} of the back end", text(name)),
        ResponseSource::Variable(parts) => format!("$context.{}", parts.join(".")),
        ResponseSource::Body(None) => "the back end's content".to_owned(),
        ResponseSource::Body(Some(path)) => format!("$.{} of the back end's content", path.text),
        ResponseSource::Joined(sources) => {
            sources.iter().map(described_answer).collect::<Vec<_>>().join(" + ")
        }
    }
}

fn context(name: ContextName) -> &'static str {
    match name {
        ContextName::RequestId => "requestId",
        ContextName::ExtendedRequestId => "extendedRequestId",
        ContextName::HttpMethod => "httpMethod",
        ContextName::Path => "path",
        ContextName::DomainName => "domainName",
        ContextName::DomainPrefix => "domainPrefix",
        ContextName::SourceIp => "identity.sourceIp",
        ContextName::UserAgent => "identity.userAgent",
    }
}
