//! Events for functions and answers from their results: a small part of format 2.0.

use crate::exchange::{Exchange, Refusal};
use crate::http::{self, Known};
use crate::snapshot::Lambda;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What a function's result makes of the answer.
#[derive(Debug)]
pub struct Answer {
    /// 200 to 599.
    pub status: u16,
    /// Field lines, each with its line end; no framing, no ids.
    pub fields: Vec<u8>,
    /// The content.
    pub content: Bytes,
}

/// The event of a request. `since_epoch` is the time of day.
///
/// # Errors
/// The content cannot be put into an event.
pub fn event(
    exchange: &Exchange<'_>,
    _lambda: &Lambda,
    content: &[u8],
    since_epoch: Duration,
) -> Result<Vec<u8>, Refusal> {
    let mut headers = Map::new();
    for field in exchange.fields.iter().filter(|it| !it.known.is_hop_by_hop()) {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(field.value).into_owned();
        match headers.get_mut(&name) {
            Some(Value::String(before)) => *before = format!("{before},{value}"),
            _ => {
                headers.insert(name, Value::String(value));
            }
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let route_key = exchange
        .api
        .zip(exchange.route)
        .map_or("", |(admitted, route)| &admitted.api.route(route).key);
    let agent = exchange.fields.iter().find(|field| field.known == Known::UserAgent);
    let event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": text(exchange.head.target.path()),
        "rawQueryString": text(exchange.head.target.query().unwrap_or_default()),
        "headers": headers,
        "requestContext": {
            "requestId": exchange.ids.extended.as_str(),
            "routeKey": route_key,
            "timeEpoch": since_epoch.as_millis() as u64,
            "http": {
                "method": exchange.head.method,
                "path": text(exchange.head.target.path()),
                "protocol": "HTTP/1.1",
                "sourceIp": exchange.source_address().to_string(),
                "userAgent": agent.map(|field| text(field.value)).unwrap_or_default(),
            },
        },
        "body": (!content.is_empty()).then(|| text(content)),
        "isBase64Encoded": false,
    });
    serde_json::to_vec(&event).map_err(|_| Refusal::Internal)
}

/// The answer that a result stands for.
///
/// # Errors
/// It is none.
pub fn answer(
    _exchange: &Exchange<'_>,
    _lambda: &Lambda,
    result: &Bytes,
) -> Result<Answer, Refusal> {
    let value: Value = serde_json::from_slice(result).map_err(|_| Refusal::FunctionFailed)?;
    let object = value.as_object().filter(|object| object.contains_key("statusCode"));
    let mut fields = Vec::new();
    let Some(object) = object else {
        http::write::field(&mut fields, b"content-type", b"application/json");
        return Ok(Answer { status: 200, fields, content: result.clone() });
    };
    let status = object.get("statusCode").and_then(Value::as_u64);
    let status = status.and_then(|it| u16::try_from(it).ok()).filter(|it| (200..600).contains(it));
    let status = status.ok_or(Refusal::FunctionFailed)?;
    let mut has_type = false;
    for (name, value) in object.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_token = name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
        let is_text = value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        if name.is_empty() || !is_token || !is_text {
            return Err(Refusal::FunctionFailed);
        }
        let known = Known::of(name.as_bytes());
        has_type |= name.eq_ignore_ascii_case("content-type");
        if !known.is_hop_by_hop() && !matches!(known, Known::ContentLength | Known::Date) {
            http::write::field(&mut fields, name.to_ascii_lowercase().as_bytes(), value.as_bytes());
        }
    }
    if !has_type {
        http::write::field(&mut fields, b"content-type", b"text/plain;charset=UTF-8");
    }
    let content = match object.get("body") {
        Some(Value::String(text)) => Bytes::from(text.clone()),
        None | Some(Value::Null) => Bytes::new(),
        Some(other) => Bytes::from(other.to_string()),
    };
    Ok(Answer { status, fields, content })
}
