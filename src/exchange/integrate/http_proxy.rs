//! The request that a back end gets.
//!
//! The path goes on byte for byte unless the route declares another; fields go on except those that
//! concern one connection only, those that Amazon drops, and those that tell the back end who asks,
//! which are ours to say. Nothing a client writes can make the back end see another request than the
//! one that was routed: framing fields are written anew.

use super::mapping;
use crate::exchange::transform::Overrides;
use crate::exchange::{Admitted, Exchange, Refusal, Trace};
use crate::http::{self, Framing, Known, forwarded};
use crate::snapshot::managed::{Callee, Passes};
use crate::snapshot::{Forwarding, HttpProxy, Protocol};

/// What the request's head leaves open until a target is chosen: where to put its authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPlace {
    /// The end of the request line.
    pub at: usize,
    /// A mapping has said what `Host` is, for whichever target.
    pub is_mapped: bool,
}

/// Writes the request's head to `out` without its `Host` field, which differs by target: it belongs at
/// the returned place, the end of the request line.
///
/// # Errors
/// A path parameter that would change which path is meant.
pub fn request_head(
    exchange: &Exchange<'_>,
    proxy: &HttpProxy,
    made: Option<&Made<'_>>,
    out: &mut Vec<u8>,
) -> Result<HostPlace, Refusal> {
    let none = Overrides::default();
    let overrides = made.map_or(&none, |made| made.overrides);
    let Some(Admitted { api, .. }) = exchange.api else { return Err(Refusal::Internal) };
    // Routes are chosen by the path as it is sent. A back end that walks `..` would serve another path
    // than the one that was let through; only behind `$default`, which lets everything through, it may.
    let is_catch_all =
        exchange.route.is_some_and(|route| api.route(route).key.as_ref() == "$default");
    if !is_catch_all && http::path::has_dot_segment(exchange.path()) {
        return Err(Refusal::DotSegment);
    }
    let method = proxy.method.as_deref().unwrap_or(exchange.method);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    let mapping = proxy.mapping.as_deref();
    let mapped = match mapping {
        None => {
            proxy
                .path
                .write(exchange.path(), &exchange.parameters, out)
                .map_err(|_dot_segment| Refusal::DotSegment)?;
            if let Some(query) = exchange.head.target.query() {
                out.push(b'?');
                out.extend_from_slice(query);
            }
            mapping::MappedFields::default()
        }
        Some(mapping) => {
            mapping::target(exchange, mapping, overrides, out)?;
            mapping::fields(exchange, mapping, overrides, Callee::Http)?
        }
    };
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut names = mapped.sent.iter().map(|(name, _)| name);
    let is_mapped = names.any(|name| name.eq_ignore_ascii_case(b"host"));
    let host_place = HostPlace { at: out.len(), is_mapped };

    let passes = mapping.map_or(Passes::Everything, |mapping| mapping.passes);
    let mut seen = Seen::default();
    for field in exchange.fields {
        if passes == Passes::Content && !is_type_of_content(field, exchange) {
            continue;
        }
        if field.known != Known::Other && is_dropped(field, api.protocol) {
            continue;
        }
        if exchange.head.connection_names && http::named_by_connection(exchange.fields, field.name)
        {
            continue;
        }
        if mapped.replaces(field.name) {
            continue;
        }
        seen.note(field.known);
        http::write::field(out, field.name, field.value);
    }
    for (name, value) in &mapped.sent {
        seen.note(Known::of(name));
        http::write::field(out, name, value);
    }
    if made.is_some_and(|made| made.is_made) && !seen.content_type && has_content(method) {
        out.extend_from_slice(b"content-type: application/json\r\n");
    }
    match (exchange.head.framing, made, exchange.content) {
        _ if drops_content(exchange, proxy) => {}
        (_, Some(_), _) if !has_content(method) => {}
        (_, Some(made), _) => http::write::content_length(out, made.content_bytes as u64),
        (Framing::None | Framing::UntilClose, None, _) => {}
        (_, None, Some(content)) => http::write::content_length(out, content.len() as u64),
        (Framing::Length(bytes), None, None) => http::write::content_length(out, bytes),
        (Framing::Chunked, None, None) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
    }
    if passes == Passes::Everything {
        forwarding_fields(exchange, out);
    }
    if api.protocol == Protocol::Rest {
        http::write::field(out, b"x-amzn-trace-id", Trace::of(exchange).as_bytes());
        if !seen.accept {
            out.extend_from_slice(b"accept: application/json\r\n");
        }
        if !seen.user_agent {
            out.extend_from_slice(b"user-agent: AmazonAPIGateway_");
            out.extend_from_slice(api.id.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"x-amzn-apigateway-api-id: ");
        out.extend_from_slice(api.id.as_bytes());
        out.extend_from_slice(b"\r\n");
    } else {
        if !seen.trace {
            http::write::field(out, b"x-amzn-trace-id", Trace::root(exchange).as_bytes());
        }
        out.extend_from_slice(b"via: HTTP/1.1 AmazonAPIGateway\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(host_place)
}

/// Whether a field is the client's word about content that is passed on.
fn is_type_of_content(field: &http::Field<'_>, exchange: &Exchange<'_>) -> bool {
    field.known == Known::ContentType && !matches!(exchange.method, "GET" | "HEAD" | "OPTIONS")
}

/// Whether a client's content stays behind: that of an `HTTP` integration, where it would be asked by a
/// method that has none. It must not stream then.
pub fn drops_content(exchange: &Exchange<'_>, proxy: &HttpProxy) -> bool {
    proxy.mapping.as_deref().is_some_and(|mapping| mapping.passes == Passes::Content)
        && !has_content(proxy.method.as_deref().unwrap_or(exchange.method))
}

/// Content that a template made, or that was converted.
#[derive(Debug, Clone, Copy)]
pub struct Made<'m> {
    /// How much.
    pub content_bytes: usize,
    /// Whether a template made it.
    pub is_made: bool,
    /// What the template assigned.
    pub overrides: &'m Overrides,
}

/// Whether a request made by a template has content: not those of these methods.
pub fn has_content(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Which fields with a default the client sent itself.
#[derive(Default)]
struct Seen {
    content_type: bool,
    accept: bool,
    user_agent: bool,
    trace: bool,
}

impl Seen {
    fn note(&mut self, known: Known) {
        match known {
            Known::ContentType => self.content_type = true,
            Known::Accept => self.accept = true,
            Known::UserAgent => self.user_agent = true,
            Known::XAmznTraceId => self.trace = true,
            _ => {}
        }
    }
}

/// Whether a field with a known name stays behind (Amazon's header table for HTTP_PROXY).
fn is_dropped(field: &http::Field<'_>, protocol: Protocol) -> bool {
    match field.known {
        // Written anew: framing, the target's own name, and who asks.
        Known::Host
        | Known::ContentLength
        | Known::TransferEncoding
        | Known::XForwardedFor
        | Known::XForwardedHost
        | Known::XForwardedPort
        | Known::XForwardedProto
        | Known::Forwarded
        | Known::XAmznApigatewayApiId
        // `100 Continue` is ours to send, so a back end must not be asked for it.
        | Known::Expect => true,
        // A trace is written anew, and a signature is of the request to the gateway.
        Known::ContentMd5
        | Known::MaxForwards
        | Known::Server
        | Known::WwwAuthenticate
        | Known::Via
        | Known::XAmznTraceId
        | Known::XHttpMethodOverride => protocol == Protocol::Rest,
        Known::Authorization => {
            protocol == Protocol::Rest && field.value.starts_with(b"AWS4-HMAC-SHA256")
        }
        known => known.is_hop_by_hop(),
    }
}

/// Who asks, for whom, over what: `X-Forwarded-*` and `Forwarded` (RFC 7239), as configured. From a
/// trusted proxy its own list is continued, from anybody else a new one begins.
fn forwarding_fields(exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let client = exchange.client;
    let peer = client.peer.ip();
    let fields = if client.peer_is_trusted { exchange.fields } else { &[] };
    let proto = if client.is_tls { "https" } else { "http" };
    let (x_forwarded, rfc7239) = match exchange.snapshot.server.forwarding {
        Forwarding::XForwarded => (true, false),
        Forwarding::Rfc7239 => (false, true),
        Forwarding::Both => (true, true),
        Forwarding::Neither => (false, false),
    };
    if x_forwarded {
        let told = |known: Known| fields.iter().rfind(|field| field.known == known);
        forwarded::write_x_forwarded_for(out, fields, peer);
        let proto = told(Known::XForwardedProto).map_or(proto.as_bytes(), |field| field.value);
        http::write::field(out, b"x-forwarded-proto", proto);
        match told(Known::XForwardedPort) {
            Some(field) => http::write::field(out, b"x-forwarded-port", field.value),
            None => {
                out.extend_from_slice(b"x-forwarded-port: ");
                http::write::decimal(out, u64::from(client.local.port()));
                out.extend_from_slice(b"\r\n");
            }
        }
        let host = told(Known::XForwardedHost).map(|field| field.value).or(exchange.head.host);
        if let Some(host) = host {
            http::write::field(out, b"x-forwarded-host", host);
        }
    }
    if rfc7239 {
        let by = Some(client.local.ip());
        let hop = forwarded::Hop { by, peer, host: exchange.head.host, proto };
        forwarded::write_forwarded(out, fields, &hop);
    }
}
