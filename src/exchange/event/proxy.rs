//! The events of proxy integrations (`AWS_PROXY`), whole.

use super::body;
use super::json::{Object, text, text_inside};
use super::query::{Query, decoded, write_list};
use super::request_context::{self, Tells, resource_path};
use super::{EventFacts, Format, Headers, Prefix};
use crate::http::Known;
use arrayvec::ArrayVec;
use std::borrow::Cow;
use std::io::Write;

/// Appends the event that a route's function gets.
pub fn write_proxy_event(facts: &EventFacts<'_>, format: Format, out: &mut Vec<u8>) {
    // Escapes and base64 make more of the body, members some 1,500 bytes of the rest.
    out.reserve(2048 + facts.body.len() / 3 * 4);
    match format {
        Format::Rest | Format::Http1 => write_1(facts, format, out),
        Format::Http2 => write_2(facts, out),
    }
}

fn write_1(facts: &EventFacts<'_>, format: Format, out: &mut Vec<u8>) {
    let mut event = Object::begin(out);
    if format == Format::Http1 {
        event.own("version", b"1.0");
    }
    write_request_1(facts, format, Empty::Null, &mut event);
    let context = event.member("requestContext");
    match format {
        Format::Rest => request_context::write_rest(facts, Tells::Authorizer, context),
        Format::Http1 | Format::Http2 => {
            request_context::write_http_1(facts, Tells::Authorizer, context);
        }
    }
    if format == Format::Http1 {
        write_parameters(facts, format, Empty::Null, &mut event);
        write_stage_variables(facts, Empty::Null, &mut event);
    }
    body::write(&mut event, facts, format);
    event.end();
}

/// What stands for a map without entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// `null`.
    Null,
    /// `{}`.
    Object,
    /// Nothing: the member is left out.
    Absent,
}

/// From `resource` to what stands before `requestContext`, in formats 1.0.
pub(crate) fn write_request_1(
    facts: &EventFacts<'_>,
    format: Format,
    empty: Empty,
    event: &mut Object<'_>,
) {
    match format {
        Format::Rest => event.text("resource", facts.route.resource_path),
        Format::Http1 | Format::Http2 => {
            event.text("resource", resource_path(facts.route.route_key))
        }
    }
    match format {
        Format::Rest => write_event_path(facts, event.member("path")),
        Format::Http1 | Format::Http2 => {
            request_context::write_path(facts, facts.path, event.member("path"))
        }
    }
    event.text("httpMethod", facts.method);
    let content_bytes = content_bytes(facts);
    let mut headers = Headers::new(format);
    headers.take(facts, &content_bytes);
    headers.write_last(event.member("headers"));
    headers.write_all(event.member("multiValueHeaders"));
    let query = Query::read(facts.query, format);
    if query.is_empty() && empty == Empty::Null {
        event.null("queryStringParameters");
        event.null("multiValueQueryStringParameters");
    } else {
        query.write_last(event.member("queryStringParameters"));
        query.write_all(event.member("multiValueQueryStringParameters"));
    }
    if format == Format::Rest {
        write_parameters(facts, format, empty, event);
        write_stage_variables(facts, empty, event);
    }
}

fn write_2(facts: &EventFacts<'_>, out: &mut Vec<u8>) {
    let mut event = Object::begin(out);
    event.own("version", b"2.0");
    write_request_2(facts, Tells::Authorizer, &mut event);
    body::write(&mut event, facts, Format::Http2);
    event.end();
}

/// From `routeKey` to `stageVariables`, in format 2.0.
pub(crate) fn write_request_2(facts: &EventFacts<'_>, tells: Tells, event: &mut Object<'_>) {
    event.text("routeKey", facts.route.route_key);
    let path = match facts.route.is_function_url {
        true => Cow::Borrowed(facts.path),
        false => decoded(facts.path),
    };
    let out = event.member("rawPath");
    let begin = out.len();
    request_context::write_path(facts, &path, out);
    let raw_path = begin..out.len();
    event.bytes("rawQueryString", facts.query.unwrap_or_default());
    let mut cookies = facts
        .fields
        .iter()
        .filter(|it| it.known == Known::Cookie)
        .flat_map(|it| it.value.split(|&byte| byte == b';'))
        .map(|it| it.trim_ascii())
        .filter(|it| !it.is_empty())
        .peekable();
    if cookies.peek().is_some() {
        write_list(event.member("cookies"), cookies);
    }
    let content_bytes = content_bytes(facts);
    let mut headers = Headers::new(Format::Http2);
    headers.take(facts, &content_bytes);
    headers.write_joined(event.member("headers"));
    let query = Query::read(facts.query, Format::Http2);
    if !query.is_empty() {
        query.write_joined(event.member("queryStringParameters"));
    }
    let context = event.member("requestContext");
    request_context::write_http_2(facts, tells, raw_path, context);
    write_parameters(facts, Format::Http2, Empty::Absent, event);
    write_stage_variables(facts, Empty::Absent, event);
}

/// REST: without the stage, but with a domain name's base path; slashes at the beginning count as one.
fn write_event_path(facts: &EventFacts<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    match facts.prefix {
        Prefix::BasePath(base_path) => {
            text_inside(out, base_path);
            text_inside(out, if facts.path.is_empty() { b"/" } else { facts.path });
        }
        Prefix::Nothing | Prefix::Stage => {
            let slashes = facts.path.iter().take_while(|&&byte| byte == b'/').count();
            out.push(b'/');
            text_inside(out, facts.path.get(slashes..).unwrap_or_default());
        }
    }
    out.push(b'"');
}

/// Path parameters. A slash at the end belongs to no parameter of a REST API.
pub(crate) fn write_parameters(
    facts: &EventFacts<'_>,
    format: Format,
    empty: Empty,
    event: &mut Object<'_>,
) {
    let names = facts.route.parameter_names;
    if names.is_empty() {
        return write_empty("pathParameters", empty, event);
    }
    let mut parameters = Object::begin(event.member("pathParameters"));
    for (name, value) in names.iter().zip(facts.parameters) {
        let out = parameters.entry(name.as_bytes());
        match format {
            Format::Rest => text(out, value.strip_suffix(b"/").unwrap_or(value)),
            Format::Http1 | Format::Http2 => text(out, &decoded(value)),
        }
    }
    parameters.end();
}

/// Stage variables.
pub(crate) fn write_stage_variables(facts: &EventFacts<'_>, empty: Empty, event: &mut Object<'_>) {
    if facts.route.stage_variables.is_empty() {
        return write_empty("stageVariables", empty, event);
    }
    request_context::write_pairs(facts.route.stage_variables, event.member("stageVariables"));
}

fn write_empty(name: &'static str, empty: Empty, event: &mut Object<'_>) {
    match empty {
        Empty::Null => event.null(name),
        Empty::Object => event.member(name).extend_from_slice(b"{}"),
        Empty::Absent => {}
    }
}

/// The number of bytes of content, also where there are none. Empty where nobody knows: what has not been
/// read (authorizers go before it) has the length that the client declares.
fn content_bytes(facts: &EventFacts<'_>) -> ArrayVec<u8, 20> {
    let mut text = ArrayVec::new();
    let declared = |known: Known| facts.fields.iter().find(|it| it.known == known);
    if !facts.body.is_empty() {
        let _ = write!(text, "{}", facts.body.len());
    } else if let Some(length) = declared(Known::ContentLength) {
        let _ = text.try_extend_from_slice(length.value);
    } else if declared(Known::TransferEncoding).is_none() && !facts.route.is_function_url {
        text.push(b'0');
    }
    text
}
