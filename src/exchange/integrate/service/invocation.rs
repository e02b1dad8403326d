//! The request that invokes a function elsewhere, by the Lambda API.

use super::{is_signed, request_line};
use crate::aws::sigv4::{AmzDate, Outgoing, ScopedKey, SignedPayload, encoded};
use crate::exchange::integrate::http_proxy::HostPlace;
use crate::http;
use crate::snapshot::RemotePlace;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// What an invocation is told besides its event.
#[derive(Debug, Clone, Copy)]
pub struct InvocationFacts<'f> {
    /// `X-Amzn-Trace-Id`.
    pub trace: &'f str,
    /// `X-Amz-Client-Context`, decoded.
    pub client_context: Option<&'f str>,
    /// Whether the answer is wanted as it comes (`InvokeWithResponseStream`).
    pub streams: bool,
}

/// Writes the request, content and all, to `out`.
pub fn invocation(
    place: &RemotePlace<'_>,
    facts: InvocationFacts<'_>,
    event: &[u8],
    (key, now): (&ScopedKey, Duration),
    out: &mut Vec<u8>,
) -> HostPlace {
    let (version, resource) = match facts.streams {
        true => ("2021-11-15", "response-streaming-invocations"),
        false => ("2015-03-31", "invocations"),
    };
    let function = encoded(place.function.as_bytes(), false);
    let path = format!("/{version}/functions/{function}/{resource}");
    let mut query = String::new();
    if let Some(qualifier) = place.qualifier {
        query.push_str("Qualifier=");
        query.push_str(&encoded(qualifier.as_bytes(), false));
    }
    let host_place = request_line("POST", &path, &query, out);
    let context = facts.client_context.map(|context| STANDARD.encode(context));
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b"host", place.remote.service.host.as_bytes()),
        (b"content-type", b"application/json"),
        (b"x-amz-invocation-type", b"RequestResponse"),
        (b"x-amzn-trace-id", facts.trace.as_bytes()),
        (b"user-agent", b"ringgate"),
    ];
    if let Some(context) = &context {
        fields.push((b"x-amz-client-context", context.as_bytes()));
    }
    for (name, value) in &fields {
        http::write::field(out, name, value);
    }
    http::write::content_length(out, event.len() as u64);
    fields.retain(|(name, _)| is_signed(name));
    let request = Outgoing {
        method: "POST",
        path: &path,
        query: &query,
        body: event,
        payload: SignedPayload::Signed,
    };
    key.sign(&request, &mut fields, AmzDate::since_epoch(now), out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(event);
    host_place
}
