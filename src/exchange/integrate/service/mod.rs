//! Calls of AWS services: the request that a service gets, signed over exactly the bytes that are sent.
//!
//! Nothing of the client's goes on but what is mapped and, where no template makes another one, its
//! content. The signature covers `Host`, `Content-Type` and every `X-Amz-…` field, which is what AWS asks
//! for; the rest of the head is the gateway's own and no business of the service's.

mod action;
pub mod event_stream;
mod invocation;
mod keyring;
#[cfg(test)]
mod tests;

pub use action::content;
pub use invocation::{InvocationFacts, invocation};
pub use keyring::{Keyring, NoKey};

use super::http_proxy::{HostPlace, Made, has_content};
use super::mapping;
use crate::aws::sigv4::{AmzDate, Outgoing, ScopedKey, SignedPayload, encoded};
use crate::exchange::{Exchange, Refusal, Trace};
use crate::http::{self, Known};
use crate::snapshot::managed::Callee;
use crate::snapshot::service::Service;
use crate::snapshot::{HttpProxy, Protocol};
use std::time::Duration;

/// Who signs, and when.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'s> {
    /// The role's key.
    pub key: &'s ScopedKey,
    /// Since 1970; of the key's day.
    pub now: Duration,
}

/// S3's way to say that the content is not signed.
const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";

/// Writes the request's head to `out`, `Host` included. `content` is what is sent behind it.
///
/// # Errors
/// A value would change which path is meant, or holds what no field may.
pub fn request_head(
    exchange: &Exchange<'_>,
    (proxy, service): (&HttpProxy, &Service),
    made: &Made<'_>,
    content: &[u8],
    signing: Signing<'_>,
    out: &mut Vec<u8>,
) -> Result<HostPlace, Refusal> {
    let Some(mapping) = proxy.mapping.as_deref() else { return Err(Refusal::Internal) };
    let method = proxy.method.as_deref().unwrap_or(exchange.method);
    let content = if has_content(method) { content } else { &[] };
    let mut target = Vec::with_capacity(128);
    mapping::target(exchange, mapping, made.overrides, &mut target)?;
    let target = String::from_utf8(target).map_err(|_| Refusal::BadRequest(400))?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = if service.is_s3() { key_path(path).into() } else { std::borrow::Cow::from(path) };
    let mapped = mapping::fields(exchange, mapping, made.overrides, Callee::Aws)?;

    let host_place = request_line(method, &path, query, out);

    let mut payload = SignedPayload::Signed;
    let mut seen = Seen::default();
    let mut signed: Vec<(Box<[u8]>, &[u8])> = Vec::with_capacity(8);
    let field = |name: &[u8], value: &[u8], out: &mut Vec<u8>| {
        http::write::field(out, name, value);
    };
    for (name, value) in &mapped.sent {
        let lower = name.to_ascii_lowercase();
        match &lower[..] {
            b"x-amz-content-sha256" => {
                if **value == *UNSIGNED && service.is_s3() {
                    payload = SignedPayload::Unsigned;
                }
                continue;
            }
            b"authorization" | b"x-amz-date" | b"x-amz-security-token" => continue,
            _ => {}
        }
        seen.note(&lower);
        field(name, value, out);
        if is_signed(&lower) {
            signed.push((lower.into(), value));
        }
    }
    if !seen.host {
        field(b"host", service.host.as_bytes(), out);
        signed.push((b"host"[..].into(), service.host.as_bytes()));
    }
    for (name, value) in &service.fields {
        let is_type = &**name == "content-type";
        let is_mapped = signed.iter().any(|(known, _)| **known == *name.as_bytes());
        if is_mapped || (is_type && !has_content(method)) {
            continue;
        }
        seen.content_type |= is_type;
        let spelled = match &**name {
            "content-type" => "Content-Type",
            "x-amz-target" => "X-Amz-Target",
            name => name,
        };
        field(spelled.as_bytes(), value.as_bytes(), out);
        signed.push((name.as_bytes().into(), value.as_bytes()));
    }
    if !seen.content_type && has_content(method) {
        let told = exchange.fields.iter().rfind(|it| it.known == Known::ContentType);
        let value = match told {
            Some(told) if !made.is_made => told.value,
            _ => b"application/json",
        };
        field(b"Content-Type", value, out);
        signed.push((b"content-type"[..].into(), value));
    }
    if has_content(method) {
        http::write::content_length(out, content.len() as u64);
    }
    let outgoing = Outgoing { method, path: &path, query, body: content, payload };
    let mut fields = signed.iter().map(|(name, value)| (&**name, *value)).collect();
    let now = AmzDate::since_epoch(signing.now);
    signing.key.sign(&outgoing, &mut fields, now, out);
    own_fields(exchange, &seen, out);
    out.extend_from_slice(b"\r\n");
    Ok(host_place)
}

/// What every request of an integration has, unless it is mapped; spelled as in Amazon's logs.
fn own_fields(exchange: &Exchange<'_>, seen: &Seen, out: &mut Vec<u8>) {
    if exchange.protocol == Some(Protocol::Rest) {
        http::write::field(out, b"X-Amzn-Trace-Id", Trace::of(exchange).as_bytes());
    } else if !seen.trace {
        http::write::field(out, b"X-Amzn-Trace-Id", Trace::root(exchange).as_bytes());
    }
    if !seen.accept {
        out.extend_from_slice(b"Accept: application/json\r\n");
    }
    let api_id = exchange.api.map_or(&b""[..], |it| it.api.id.as_bytes());
    if !seen.user_agent {
        out.extend_from_slice(b"User-Agent: AmazonAPIGateway_");
        out.extend_from_slice(api_id);
        out.extend_from_slice(b"\r\n");
    }
    if exchange.protocol == Some(Protocol::Rest) {
        http::write::field(out, b"x-amzn-apigateway-api-id", api_id);
    }
}

/// Which fields with a default are mapped.
#[derive(Default)]
struct Seen {
    host: bool,
    content_type: bool,
    accept: bool,
    user_agent: bool,
    trace: bool,
}

impl Seen {
    fn note(&mut self, lower: &[u8]) {
        match lower {
            b"host" => self.host = true,
            b"content-type" => self.content_type = true,
            b"accept" => self.accept = true,
            b"user-agent" => self.user_agent = true,
            b"x-amzn-trace-id" => self.trace = true,
            _ => {}
        }
    }
}

/// Whether the signature covers a field.
fn is_signed(lower: &[u8]) -> bool {
    matches!(lower, b"host" | b"content-type" | b"content-md5") || lower.starts_with(b"x-amz-")
}

/// A path in the one form that S3 and those who do as it does agree on: every byte encoded but the
/// unreserved ones and slashes. They decode what came and encode it so before they check.
fn key_path(path: &str) -> String {
    encoded(&crate::exchange::method_request::decoded(path.as_bytes()), true)
}

/// The first line of a request, and where its `Host` goes.
fn request_line(method: &str, path: &str, query: &str, out: &mut Vec<u8>) -> HostPlace {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_bytes());
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    HostPlace { at: out.len(), is_mapped: true }
}
