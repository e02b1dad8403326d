//! What a piece of documentation is about: which members a location of each type has, and when two
//! are the same.

use crate::aws::Fault;
use crate::resources::rest::DocumentationLocation;

/// Members that locations of a type can have besides it.
#[derive(Clone, Copy)]
struct Members {
    path: bool,
    method: bool,
    status_code: bool,
    name: bool,
}

const NONE: Members = Members { path: false, method: false, status_code: false, name: false };

fn members(kind: &str) -> Option<Members> {
    let path = Members { path: true, ..NONE };
    let method = Members { method: true, ..path };
    let response = Members { status_code: true, ..method };
    Some(match kind {
        "API" => NONE,
        "AUTHORIZER" | "MODEL" => Members { name: true, ..NONE },
        "RESOURCE" => path,
        "METHOD" | "REQUEST_BODY" => method,
        "PATH_PARAMETER" | "QUERY_PARAMETER" | "REQUEST_HEADER" => Members { name: true, ..method },
        "RESPONSE" | "RESPONSE_BODY" => response,
        "RESPONSE_HEADER" => Members { name: true, ..response },
        _ => return None,
    })
}

/// The location, with members left out that say nothing. They are kept as they were sent: a default
/// filled in would look like a change to tools that compare.
///
/// # Errors
/// 400: the type has no such member, or needs one.
pub(super) fn check(mut location: DocumentationLocation) -> Result<DocumentationLocation, Fault> {
    let kind = location.r#type.clone();
    let allowed = members(&kind)
        .ok_or_else(|| Fault::bad_request(format!("Invalid documentation part type: {kind}")))?;
    let mut absent = Vec::new();
    let mut is_wrong = false;
    for (member, name, is_allowed) in [
        (&mut location.path, "path", allowed.path),
        (&mut location.method, "method", allowed.method),
        (&mut location.status_code, "statusCode", allowed.status_code),
        (&mut location.name, "name", allowed.name),
    ] {
        member.take_if(|text| text.is_empty());
        if !is_allowed {
            absent.push(name);
            is_wrong |= member.is_some();
        }
    }
    if is_wrong {
        let last = absent.pop().unwrap_or_default();
        let list = if absent.is_empty() {
            last.to_owned()
        } else {
            format!("{} or {last}", absent.join(", "))
        };
        return Err(Fault::bad_request(format!(
            "[Location type: {kind} cannot have {list} defined.]"
        )));
    }
    if allowed.name && location.name.is_none() {
        return Err(Fault::bad_request(format!("[Location type: {kind} must have name defined.]")));
    }
    Ok(location)
}

/// Whether two locations are the same: a member left out is its default.
pub(super) fn is_same(one: &DocumentationLocation, other: &DocumentationLocation) -> bool {
    resolved(one) == resolved(other)
}

fn resolved(location: &DocumentationLocation) -> [&str; 5] {
    [
        &location.r#type,
        location.path.as_deref().unwrap_or("/"),
        location.method.as_deref().unwrap_or("*"),
        location.status_code.as_deref().unwrap_or("*"),
        location.name.as_deref().unwrap_or_default(),
    ]
}

/// A location for people: `type 'METHOD', path '/pets', method 'GET'`.
pub(super) fn describe(location: &DocumentationLocation) -> String {
    let mut text = format!("type '{}'", location.r#type);
    for (name, member) in [
        ("path", &location.path),
        ("method", &location.method),
        ("statusCode", &location.status_code),
        ("name", &location.name),
    ] {
        if let Some(member) = member {
            text.push_str(&format!(", {name} '{member}'"));
        }
    }
    text
}
