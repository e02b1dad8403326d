//! Parameter mappings of integrations: which target may be set, and from which source.
//!
//! HTTP APIs write `append:header.x` to a value with `$request.…`; WebSocket APIs write
//! `integration.request.header.x` to a value such as `route.request.body.x` or `'static'`. Both are
//! checked when they are written, so that a stage never holds one that cannot be evaluated.

use crate::aws::Fault;
use crate::resources::rest::Map;

/// Headers that the gateway keeps to itself.
const RESERVED: [&str; 18] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Beginnings of headers that the gateway keeps to itself.
const RESERVED_PREFIXES: [&str; 4] = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];

/// Which side of an exchange a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// Checks the request mappings of an HTTP API's integration.
///
/// # Errors
/// A target or a source is none.
pub(super) fn check_request(mappings: &Map) -> Result<(), Fault> {
    mappings.iter().try_for_each(|(target, value)| check(Side::Request, target, value))
}

/// Checks the response mappings of an HTTP API's integration, by status code.
///
/// # Errors
/// A status, a target or a source is none.
pub(super) fn check_responses(statuses: &Map<Map>) -> Result<(), Fault> {
    for (status, mappings) in statuses {
        let is_code = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let is_final = |code: u16| (200..=599).contains(&code);
        if !is_code || !status.parse().is_ok_and(is_final) {
            return Err(Fault::bad_request(format!("Status Code {status} is not valid")));
        }
        mappings.iter().try_for_each(|(target, value)| check(Side::Response, target, value))?;
    }
    Ok(())
}

/// Checks a value that is computed from a request of an HTTP API.
///
/// # Errors
/// It names a source that there is not.
pub(super) fn check_request_value(value: &str) -> Result<(), Fault> {
    check_value(Side::Request, value)
}

/// Checks the request mappings of a WebSocket API's integration.
///
/// # Errors
/// A target or a source is none.
pub(super) fn check_message(mappings: &Map) -> Result<(), Fault> {
    for (target, value) in mappings {
        let name = target.strip_prefix("integration.request.").and_then(|rest| {
            let (place, name) = rest.split_once('.')?;
            ["header", "querystring", "path"].contains(&place).then_some(name)
        });
        if !name.is_some_and(is_message_name) {
            return Err(invalid(&format!(
                "Invalid mapping expression parameter specified: {target}"
            )));
        }
        if !is_message_source(value) {
            return Err(invalid(&format!("Invalid mapping expression specified: {value}")));
        }
    }
    Ok(())
}

fn is_message_source(value: &str) -> bool {
    if value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'') {
        return true;
    }
    if value == "route.request.body" {
        return true;
    }
    let places = [
        "route.request.body.",
        "route.request.header.",
        "route.request.querystring.",
        "route.request.multivalueheader.",
        "route.request.multivaluequerystring.",
        "stageVariables.",
        "context.",
    ];
    places.iter().any(|place| value.strip_prefix(place).is_some_and(|name| !name.is_empty()))
}

/// `[a-zA-Z0-9._$-]+`.
fn is_message_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte))
}

fn check(side: Side, target: &str, value: &str) -> Result<(), Fault> {
    check_target(side, target)?;
    match target.starts_with("remove:") {
        // There is nothing to remove with; `''` is usual.
        true => Ok(()),
        false => check_value(side, value),
    }
}

fn check_target(side: Side, target: &str) -> Result<(), Fault> {
    let refused = || {
        let side = match side {
            Side::Request => "Request",
            Side::Response => "Response",
        };
        invalid(&format!("Invalid {side} Actioned Parameter destination specified: {target}"))
    };
    let (action, place) = target.split_once(':').ok_or_else(refused)?;
    if !["append", "overwrite", "remove"].contains(&action) {
        return Err(refused());
    }
    match (side, place) {
        (Side::Request, "path") | (Side::Response, "statuscode") if action == "overwrite" => {
            return Ok(());
        }
        _ => {}
    }
    if let Some(name) = place.strip_prefix("header.") {
        if !is_field_name(name) {
            return Err(refused());
        }
        return match is_reserved(name) {
            true => Err(invalid(&format!("Operations on header {name} are restricted"))),
            false => Ok(()),
        };
    }
    match place.strip_prefix("querystring.") {
        Some(name) if side == Side::Request && !name.is_empty() => Ok(()),
        _ => Err(refused()),
    }
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.contains(&&*name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A field name: `token` of RFC 9110 section 5.6.2.
fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// A value: `$source`, or text with `${source}` in it.
fn check_value(side: Side, value: &str) -> Result<(), Fault> {
    let is_good = match value.strip_prefix('$') {
        Some(source) if !source.starts_with('{') => is_source(side, source),
        _ => sources(value).is_some_and(|names| names.iter().all(|name| is_source(side, name))),
    };
    match is_good {
        true => Ok(()),
        false => Err(invalid(&format!("Invalid mapping expression specified: {value}"))),
    }
}

/// What stands in `${…}`; `None` where one is not closed.
fn sources(value: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}')?;
        names.push(name);
        rest = behind;
    }
    Some(names)
}

fn is_source(side: Side, source: &str) -> bool {
    let (root, name) = source.split_once('.').unwrap_or((source, ""));
    let (place, inner) = name.split_once('.').unwrap_or((name, ""));
    match (side, root, place) {
        (_, "context" | "stageVariables", _) => !name.is_empty(),
        (Side::Request, "request", "header" | "querystring")
        | (Side::Response, "response", "header") => !inner.is_empty(),
        (Side::Request, "request", "body") | (Side::Response, "response", "body") => {
            name == "body" || is_json_path(inner)
        }
        (Side::Request, "request", "path") => name == "path" || !inner.is_empty(),
        _ => false,
    }
}

/// Neither recursive descent nor filters are supported.
fn is_json_path(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('.') && !path.contains("..") && !path.contains("?(")
}

fn invalid(error: &str) -> Fault {
    Fault::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{error}]"
    ))
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
