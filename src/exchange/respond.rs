//! Respond: the head that the client gets.
//!
//! From a back end's head for proxied requests, from the refusal for those the gateway answers
//! itself; a mock brings its own. Every answer carries the request's ids and a date.

use super::integrate::{EditedAnswer, mapping};
use super::transform::MethodAnswer;
use super::{Exchange, Failure, Ids, Refusal, cors, gateway_response};
use crate::http::{self, Field, Known, ResponseHead, Version};
use crate::snapshot::Protocol;
use crate::snapshot::managed::{Cors, MappedResponse};

/// What the answer says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It stays; HTTP/1.1 needs no word for it.
    Stays,
    /// It stays, and the client speaks HTTP/1.0, which must be told.
    StaysForOldClient,
    /// It is closed behind this answer.
    Closes,
}

impl Connection {
    /// What to say to a client of that version.
    pub fn of(persistent: bool, version: Version) -> Self {
        match (persistent, version) {
            (true, Version::Http11) => Self::Stays,
            (true, Version::Http10) => Self::StaysForOldClient,
            (false, _) => Self::Closes,
        }
    }
}

/// How the content of a proxied answer is framed towards the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is none (HEAD, 204, 304); a declared length is passed on.
    None,
    /// As many bytes as the back end declared.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Until the connection closes: an HTTP/1.0 client and no declared length.
    UntilClose,
}

/// Appends the fields that every answer has: date, ids, connection.
pub fn common_fields(
    ids: &Ids,
    protocol: Option<Protocol>,
    connection: Connection,
    date: Option<&[u8; 29]>,
    out: &mut Vec<u8>,
) {
    if let Some(date) = date {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"x-amzn-requestid: ");
    out.extend_from_slice(ids.request.as_bytes());
    if protocol == Some(Protocol::Rest) {
        out.extend_from_slice(b"\r\nx-amz-apigw-id: ");
    } else {
        out.extend_from_slice(b"\r\napigw-requestid: ");
    }
    out.extend_from_slice(ids.extended.as_bytes());
    out.extend_from_slice(match connection {
        Connection::Stays => b"\r\n",
        Connection::StaysForOldClient => b"\r\nconnection: keep-alive\r\n",
        Connection::Closes => b"\r\nconnection: close\r\n",
    });
}

/// Appends a whole answer of the gateway's own, with more field lines. Returns the bytes of content.
#[expect(clippy::too_many_arguments, reason = "each is a separate fact of the answer")]
pub fn refuse(
    refusal: Refusal,
    protocol: Option<Protocol>,
    ids: &Ids,
    connection: Connection,
    date: &[u8; 29],
    is_head: bool,
    more: &[u8],
    out: &mut Vec<u8>,
) -> u64 {
    let status = refusal.status(protocol);
    if let (Refusal::BodyTooLarge { body_bytes_max }, Some(Protocol::Rest)) = (refusal, protocol) {
        // Amazon's REST APIs say this one in plain text and without an error type.
        let text = format!("HTTP content length exceeded {body_bytes_max} bytes.");
        http::write::status_line(out, status);
        out.extend_from_slice(b"content-type: text/plain\r\n");
        http::write::content_length(out, text.len() as u64);
        common_fields(ids, protocol, connection, Some(date), out);
        out.extend_from_slice(b"\r\n");
        if is_head {
            return 0;
        }
        out.extend_from_slice(text.as_bytes());
        return text.len() as u64;
    }
    let message = refusal.message(protocol);
    let is_rest = protocol == Some(Protocol::Rest);
    // Built-in bodies of REST APIs have a blank behind the colon from 500 on, and none below.
    let (lead, message, end): (&[u8], &str, &[u8]) = match refusal {
        Refusal::NoUrl => (b"{\"Message\":null", "", b"}"),
        _ if refusal.is_lambdas() => (b"{\"Message\":\"", message, b"\"}"),
        Refusal::AuthorizerMisconfigured | Refusal::AuthorizerFailed if is_rest => {
            (b"{\"message\":null", "", b"}")
        }
        Refusal::AccessDenied | Refusal::DeniedExplicitly if is_rest => {
            (b"{\"Message\":\"", message, b"\"}")
        }
        _ if is_rest && status >= 500 => (b"{\"message\": \"", message, b"\"}"),
        _ => (b"{\"message\":\"", message, b"\"}"),
    };
    let body_bytes = lead.len() + message.len() + end.len();
    http::write::status_line(out, status);
    out.extend_from_slice(b"content-type: application/json\r\n");
    http::write::content_length(out, body_bytes as u64);
    if is_rest || refusal.is_lambdas() {
        http::write::field(out, b"x-amzn-errortype", refusal.error_type().as_bytes());
    }
    out.extend_from_slice(more);
    common_fields(ids, protocol, connection, Some(date), out);
    out.extend_from_slice(b"\r\n");
    if is_head {
        return 0;
    }
    out.extend_from_slice(lead);
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(end);
    body_bytes as u64
}

/// Appends a whole answer of the gateway's own, in the words of the exchange's API. Returns its status
/// and the bytes of content.
pub fn fail(
    exchange: &Exchange<'_>,
    failure: &Failure,
    connection: Connection,
    date: &[u8; 29],
    out: &mut Vec<u8>,
) -> (u16, u64) {
    let is_head = exchange.head.method == "HEAD";
    let (protocol, ids) = (exchange.protocol, &exchange.ids);
    let is_plain = failure.message.is_none()
        && exchange
            .api
            .and_then(|it| it.api.shared.as_deref())
            .is_none_or(|shared| shared.gateway_responses.is_empty() && shared.cors.is_none());
    if is_plain {
        let refusal = failure.refusal;
        let bytes = refuse(refusal, protocol, ids, connection, date, is_head, &[], out);
        return (refusal.status(protocol), bytes);
    }
    let answer = gateway_response::answer(exchange, failure);
    http::write::status_line(out, answer.status);
    let may_have_content = !matches!(answer.status, 100..=199 | 204 | 304);
    for (name, value) in &answer.headers {
        http::write::field(out, name, value);
    }
    if let Some(cors) = cors::rules(exchange) {
        out.extend_from_slice(&cors::answer(exchange, cors));
    }
    if may_have_content {
        http::write::content_length(out, answer.content.len() as u64);
    }
    common_fields(ids, protocol, connection, Some(date), out);
    out.extend_from_slice(b"\r\n");
    if is_head || !may_have_content {
        return (answer.status, 0);
    }
    out.extend_from_slice(&answer.content);
    (answer.status, answer.content.len() as u64)
}

/// Appends the answer to a preflight that no route takes. It has no content.
pub fn preflight(
    exchange: &Exchange<'_>,
    cors: &Cors,
    connection: Connection,
    date: &[u8; 29],
    out: &mut Vec<u8>,
) {
    http::write::status_line(out, PREFLIGHT_STATUS);
    out.extend_from_slice(&cors::preflight(exchange, cors));
    common_fields(&exchange.ids, exchange.protocol, connection, Some(date), out);
    out.extend_from_slice(b"\r\n");
}

/// What a preflight is answered with.
pub const PREFLIGHT_STATUS: u16 = 204;

/// Appends a whole answer that an integration's templates made. Returns the bytes of content. `trace` is
/// told where a back end was asked.
pub fn made(
    answer: &MethodAnswer<'_>,
    ids: &Ids,
    trace: Option<&[u8]>,
    connection: Connection,
    date: &[u8; 29],
    is_head: bool,
    out: &mut Vec<u8>,
) -> u64 {
    http::write::status_line(out, answer.status);
    for (name, value) in &answer.headers {
        http::write::field(out, name.as_bytes(), value);
    }
    let may_have_content = !matches!(answer.status, 204 | 304);
    if may_have_content {
        http::write::content_length(out, answer.content.len() as u64);
    }
    if let Some(trace) = trace {
        http::write::field(out, b"x-amzn-trace-id", trace);
    }
    common_fields(ids, Some(Protocol::Rest), connection, Some(date), out);
    out.extend_from_slice(b"\r\n");
    if is_head || !may_have_content {
        return 0;
    }
    out.extend_from_slice(&answer.content);
    answer.content.len() as u64
}

/// Appends the head of a proxied answer that the integration's response mapping makes.
#[expect(clippy::too_many_arguments, reason = "each is a separate fact of the answer")]
pub fn mapped_head(
    mapped: &MappedResponse,
    fields: &[Field<'_>],
    framing: ResponseFraming,
    ids: &Ids,
    trace: &[u8],
    connection: Connection,
    date: &[u8; 29],
    out: &mut Vec<u8>,
) {
    http::write::status_line(out, mapped.status);
    mapping::response_fields(mapped, fields, out);
    framing_fields(framing, out);
    http::write::field(out, b"x-amzn-trace-id", trace);
    common_fields(ids, Some(Protocol::Rest), connection, Some(date), out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the fields that say how content is framed.
pub fn framing_fields(framing: ResponseFraming, out: &mut Vec<u8>) {
    match framing {
        ResponseFraming::None | ResponseFraming::UntilClose => {}
        ResponseFraming::Length(bytes) => http::write::content_length(out, bytes),
        ResponseFraming::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

/// Appends the head of a proxied answer. Returns its status.
#[expect(clippy::too_many_arguments, reason = "each is a separate fact of the answer")]
pub fn proxied_head(
    head: &ResponseHead<'_>,
    fields: &[Field<'_>],
    framing: ResponseFraming,
    protocol: Protocol,
    ids: &Ids,
    connection: Connection,
    date: &[u8; 29],
    changes: Changes<'_>,
    out: &mut Vec<u8>,
) -> u16 {
    let edited = changes.edited;
    let status = match edited {
        Some(edited) if edited.status != head.status => {
            http::write::status_line(out, edited.status);
            edited.status
        }
        _ => {
            http::write::status_line_with_reason(out, head.status, head.reason);
            head.status
        }
    };
    let mut has_date = false;
    for field in fields {
        if changes.cors.is_some() && cors::is_of_origins(field) {
            continue;
        }
        if edited.is_some_and(|edited| edited.replaces(field.name)) {
            continue;
        }
        let mut remap = false;
        match field.known {
            Known::Other => {}
            Known::TransferEncoding => continue,
            // Framing is written anew below; without content the declared length is a fact about the
            // resource, but for 204, which may have none (RFC 9110 section 8.6).
            Known::ContentLength if framing != ResponseFraming::None || status == 204 => {
                if protocol != Protocol::Rest {
                    continue;
                }
                remap = true;
            }
            Known::Connection if protocol == Protocol::Rest => remap = true,
            Known::ApigwRequestId | Known::XAmzApigwId => continue,
            Known::XAmznRequestId => remap = true,
            Known::Date if protocol != Protocol::Rest => has_date = true,
            Known::Date | Known::Server | Known::WwwAuthenticate if protocol == Protocol::Rest => {
                remap = true;
            }
            Known::Via if protocol == Protocol::Rest => continue,
            // HTTP APIs pass this one on; REST APIs drop it (their header table).
            Known::ProxyAuthenticate if protocol == Protocol::Http => {}
            known if known.is_hop_by_hop() => continue,
            _ => {}
        }
        if head.connection_names && http::named_by_connection(fields, field.name) {
            continue;
        }
        if remap {
            out.extend_from_slice(b"x-amzn-remapped-");
        }
        http::write::field(out, field.name, field.value);
    }
    if let Some(edited) = edited {
        edited.write(out);
    }
    out.extend_from_slice(changes.cors.unwrap_or_default());
    framing_fields(framing, out);
    common_fields(ids, Some(protocol), connection, (!has_date).then_some(date), out);
    out.extend_from_slice(b"\r\n");
    status
}

/// What an HTTP API changes of an answer that is passed on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'c> {
    /// Its parameter mappings for the back end's status, with their values.
    pub(crate) edited: Option<&'c EditedAnswer>,
    /// Field lines for browsers, where the API has rules of its own.
    pub cors: Option<&'c [u8]>,
}
