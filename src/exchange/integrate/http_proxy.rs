//! The request that a back end gets.
//!
//! The path goes on byte for byte unless the route declares another; fields go on except those that
//! concern one connection only, those that Amazon drops, and those that tell the back end who asks,
//! which are ours to say. Nothing a client writes can make the back end see another request than the
//! one that was routed: framing fields are written anew.

use crate::exchange::{Exchange, Refusal};
use crate::http::{self, Field, Framing, Known};
use crate::snapshot::{Forwarding, HttpProxy, Protocol};
use crate::telemetry::ids;
use std::io::Write;

/// What the request's head leaves open until a target is chosen: where to put its authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPlace(pub usize);

/// Writes the request's head to `out` without its `Host` field, which differs by target: it belongs at
/// the returned place, the end of the request line.
///
/// # Errors
/// A path parameter that would change which path is meant.
pub fn request_head(
    exchange: &Exchange<'_>,
    proxy: &HttpProxy,
    trace: (u32, [u64; 2]),
    out: &mut Vec<u8>,
) -> Result<HostPlace, Refusal> {
    let Some(api) = exchange.api.map(|index| exchange.snapshot.api(index)) else {
        return Err(Refusal::Internal);
    };
    let method = proxy.method.as_deref().unwrap_or(exchange.head.method);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    proxy
        .path
        .write(exchange.path(), &exchange.parameters, out)
        .map_err(|_dot_segment| Refusal::DotSegment)?;
    if let Some(query) = exchange.head.target.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host_place = HostPlace(out.len());

    let mut seen = Seen::default();
    for field in exchange.fields {
        if field.known != Known::Other {
            match fate(field, exchange, api.protocol) {
                Fate::Drop => continue,
                Fate::Pass => {}
            }
            seen.note(field.known);
        }
        if exchange.head.connection_names && http::named_by_connection(exchange.fields, field.name)
        {
            continue;
        }
        http::write::field(out, field.name, field.value);
    }
    match exchange.head.framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(bytes) => http::write::content_length(out, bytes),
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    forwarding_fields(exchange, api.protocol, out);
    if !seen.trace {
        out.extend_from_slice(b"x-amzn-trace-id: ");
        out.extend_from_slice(ids::trace_root(trace.0, trace.1).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if api.protocol == Protocol::Rest {
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
        out.extend_from_slice(b"via: HTTP/1.1 AmazonAPIGateway\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(host_place)
}

/// Which fields with a default the client sent itself.
#[derive(Default)]
struct Seen {
    accept: bool,
    user_agent: bool,
    trace: bool,
}

impl Seen {
    fn note(&mut self, known: Known) {
        match known {
            Known::Accept => self.accept = true,
            Known::UserAgent => self.user_agent = true,
            Known::XAmznTraceId => self.trace = true,
            _ => {}
        }
    }
}

enum Fate {
    Pass,
    Drop,
}

/// Whether a field with a known name goes on (Amazon's header table for HTTP_PROXY).
fn fate(field: &Field<'_>, exchange: &Exchange<'_>, protocol: Protocol) -> Fate {
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
        | Known::Expect => Fate::Drop,
        Known::ContentMd5
        | Known::MaxForwards
        | Known::Server
        | Known::WwwAuthenticate
        | Known::Via
            if protocol == Protocol::Rest =>
        {
            Fate::Drop
        }
        // `Connection: te` and the like concern this hop only.
        known if known.is_hop_by_hop() => Fate::Drop,
        _ if exchange.head.connection_names => Fate::Pass,
        _ => Fate::Pass,
    }
}

/// Who asks, for whom, over what: `X-Forwarded-*` and `Forwarded` (RFC 7239), as configured. From a
/// trusted proxy its own list is continued, from anybody else a new one begins.
fn forwarding_fields(exchange: &Exchange<'_>, protocol: Protocol, out: &mut Vec<u8>) {
    let forwarding = exchange.snapshot.server.forwarding;
    let client = exchange.client;
    let trusted = client.peer_is_trusted;
    let peer = client.peer.ip();
    let inherited =
        |known: Known| exchange.fields.iter().filter(move |field| trusted && field.known == known);
    let protocol_name = if client.is_tls { "https" } else { "http" };
    let _ = protocol;
    if matches!(forwarding, Forwarding::XForwarded | Forwarding::Both) {
        out.extend_from_slice(b"x-forwarded-for: ");
        for field in inherited(Known::XForwardedFor) {
            out.extend_from_slice(field.value);
            out.extend_from_slice(b", ");
        }
        // Writing to a vector cannot fail.
        let _ = write!(out, "{peer}\r\n");
        match inherited(Known::XForwardedProto).last() {
            Some(field) => http::write::field(out, field.name, field.value),
            None => http::write::field(out, b"x-forwarded-proto", protocol_name.as_bytes()),
        }
        match inherited(Known::XForwardedPort).last() {
            Some(field) => http::write::field(out, field.name, field.value),
            None => {
                out.extend_from_slice(b"x-forwarded-port: ");
                http::write::decimal(out, u64::from(client.local.port()));
                out.extend_from_slice(b"\r\n");
            }
        }
        match inherited(Known::XForwardedHost).last() {
            Some(field) => http::write::field(out, field.name, field.value),
            None => {
                if let Some(host) = exchange.head.host {
                    http::write::field(out, b"x-forwarded-host", host);
                }
            }
        }
    }
    if matches!(forwarding, Forwarding::Rfc7239 | Forwarding::Both) {
        out.extend_from_slice(b"forwarded: ");
        for field in inherited(Known::Forwarded) {
            out.extend_from_slice(field.value);
            out.extend_from_slice(b", ");
        }
        let _ = match client.local {
            std::net::SocketAddr::V4(local) => write!(out, "by={}", local.ip()),
            std::net::SocketAddr::V6(local) => write!(out, "by=\"[{}]\"", local.ip()),
        };
        let _ = match peer {
            std::net::IpAddr::V4(peer) => write!(out, ";for={peer}"),
            std::net::IpAddr::V6(peer) => write!(out, ";for=\"[{peer}]\""),
        };
        if let Some(host) = exchange.head.host {
            out.extend_from_slice(b";host=");
            let needs_quotes = host.iter().any(|byte| matches!(byte, b':' | b'[' | b']'));
            if needs_quotes {
                out.push(b'"');
            }
            out.extend_from_slice(host);
            if needs_quotes {
                out.push(b'"');
            }
        }
        out.extend_from_slice(b";proto=");
        out.extend_from_slice(protocol_name.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}
