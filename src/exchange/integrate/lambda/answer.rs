//! From a function's result to an answer, by the rules of each format.
//!
//! | result | REST | HTTP API, 1.0 | HTTP API, 2.0 |
//! |---|---|---|---|
//! | no object | malformed | malformed | it is the body, status 200 |
//! | no `statusCode` | 200 | malformed | the object is the body, status 200 |
//! | another member | malformed | nothing | nothing |
//! | base64 | decoded for binary media types | decoded | decoded |
//! | no type of the content | JSON | plain text | plain text; JSON where it is the body |
//!
//! Sources: "Output format of a Lambda function for proxy integration", "Work with AWS Lambda proxy
//! integrations for HTTP APIs", and what others recorded.

use super::result::{HeaderValue, ProxyResult};
use super::streamed;
use crate::exchange::Refusal;
use crate::exchange::event::{Format, is_binary};
use crate::http::field::{is_token_byte, is_value_byte};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Largest result: six MiB and what Lambda grants beyond (its runtime's own limit). A larger one is
/// malformed.
pub const RESULT_BYTES_MAX: usize = 6_291_556;

/// Most fields of an answer. Clients give up near a hundred; the names are compared with each other, which
/// must not take a shard's time when a function goes wrong. More are malformed.
const FIELDS_MAX: usize = 1000;

/// What the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'r> {
    /// 200 to 599.
    pub status: u16,
    /// Names and values in the order in which they are sent, checked; `content-type` is always there.
    pub fields: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    /// The content.
    pub body: Cow<'r, [u8]>,
}

/// What decides about a result besides the result.
#[derive(Debug, Clone, Copy)]
pub struct AnswerFacts<'x> {
    /// The format of the event that the function got.
    pub format: Format,
    /// The client's `Accept`, as received.
    pub accept: Option<&'x [u8]>,
    /// What a REST API takes for binary.
    pub binary_media_types: &'x [Box<str>],
}

/// Why there is no answer. The reason is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The function failed: it raised, crashed, or ran out of time or memory.
    Function,
    /// Its result is not what the format asks for.
    Malformed(&'static str),
    /// Its body is to be decoded and is no base64.
    Base64,
}

impl Fault {
    /// How the client is told.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Function | Self::Malformed(_) => Refusal::FunctionFailed,
            Self::Base64 => Refusal::Misconfigured,
        }
    }
}

/// Reads what a function returned. A result that came with Lambda's error flag is a [`Fault::Function`]
/// and not for here.
pub fn read_result<'r>(result: &'r [u8], facts: &AnswerFacts<'_>) -> Result<Answer<'r>, Fault> {
    if result.len() > RESULT_BYTES_MAX {
        return Err(Fault::Malformed("the result is larger than 6291556 bytes"));
    }
    let read = match facts.format {
        Format::Rest => rest(result, facts),
        Format::Http1 => match ProxyResult::read(result) {
            Ok(result) if result.status.is_some() => http(result),
            Ok(_) => Err(Fault::Malformed("the result has no `statusCode`")),
            Err(reason) => Err(Fault::Malformed(reason)),
        },
        Format::Http2 => match ProxyResult::read(result) {
            Ok(result) if result.status.is_some() => http(result),
            Err(reason) if ProxyResult::declares_status(result) => Err(Fault::Malformed(reason)),
            Ok(_) | Err(_) => inferred(result),
        },
    };
    match read {
        // One that the function has streamed, gathered on its way: no other holds zero bytes.
        Err(Fault::Malformed(_)) => streamed::read_whole(result).unwrap_or(read),
        read => read,
    }
}

fn rest<'r>(result: &'r [u8], facts: &AnswerFacts<'_>) -> Result<Answer<'r>, Fault> {
    let result = ProxyResult::read(result).map_err(Fault::Malformed)?;
    if result.has_unknown || result.cookies.is_some() {
        return Err(Fault::Malformed("the result has a member that the format does not know"));
    }
    let status = checked_status(result.status.unwrap_or(200))?;
    let fields = fields(result.headers, result.multi_value_headers, Vec::new(), JSON)?;
    let body = result.body.unwrap_or_default();
    let body =
        if result.is_base64 && is_decoded(&fields, facts) { base64_decoded(&body)? } else { body };
    Ok(Answer { status, fields, body })
}

/// Whether a REST API decodes: by the first type that the client accepts, or, where it does not say, by
/// the content's own.
fn is_decoded(fields: &[(Cow<'_, str>, Cow<'_, str>)], facts: &AnswerFacts<'_>) -> bool {
    let types = facts.binary_media_types;
    match facts.accept {
        Some(accept) => {
            let first = accept.split(|&byte| byte == b',').next().unwrap_or_default();
            is_binary(types, first)
        }
        None => {
            let content_type = fields.iter().find(|it| it.0.eq_ignore_ascii_case("content-type"));
            content_type.is_some_and(|(_, value)| is_binary(types, value.as_bytes()))
        }
    }
}

fn http(result: ProxyResult<'_>) -> Result<Answer<'_>, Fault> {
    let status = checked_status(result.status.unwrap_or(200))?;
    let cookies = result.cookies.unwrap_or_default();
    let fields = fields(result.headers, result.multi_value_headers, cookies, PLAIN_TEXT)?;
    let body = result.body.unwrap_or_default();
    let body = if result.is_base64 { base64_decoded(&body)? } else { body };
    Ok(Answer { status, fields, body })
}

/// Format 2.0: what is no answer is the content of one, as the function wrote it; a text without its
/// quotes.
fn inferred(result: &[u8]) -> Result<Answer<'_>, Fault> {
    let body = match ProxyResult::read_any(result).map_err(Fault::Malformed)? {
        Some(text) => into_bytes(text),
        None => Cow::Borrowed(result.trim_ascii()),
    };
    Ok(Answer { status: 200, fields: vec![content_type(JSON)], body })
}

pub(super) type Field<'r> = (Cow<'r, str>, Cow<'r, str>);

/// The type of content that the function names none for: in a REST API, and for an inferred answer.
const JSON: &str = "application/json";

/// The same in an HTTP API. In no document, but observed: Amazon's own emulator (the .NET Lambda test tool)
/// answers so, and compares itself with the service.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The same of an answer that is streamed.
pub(super) const OCTETS: &str = "application/octet-stream";

fn content_type<'r>(value: &'static str) -> Field<'r> {
    (Cow::Borrowed("content-type"), Cow::Borrowed(value))
}

/// A final status. 1xx would be taken for the beginning of another answer.
pub(super) fn checked_status(status: i64) -> Result<u16, Fault> {
    u16::try_from(status)
        .ok()
        .filter(|status| (200..=599).contains(status))
        .ok_or(Fault::Malformed("`statusCode` is not between 200 and 599"))
}

/// Merges both maps: those with several values first, which also give the name its capitals; a pair that
/// is in both is sent once.
pub(super) fn fields<'r>(
    single: Vec<(Cow<'r, str>, HeaderValue<'r>)>,
    multi: Vec<(Cow<'r, str>, Vec<HeaderValue<'r>>)>,
    cookies: Vec<Cow<'r, str>>,
    default_type: &'static str,
) -> Result<Vec<Field<'r>>, Fault> {
    let several: usize = multi.iter().map(|(_, values)| values.len()).sum();
    if single.len() + several + cookies.len() > FIELDS_MAX {
        return Err(Fault::Malformed("the result has more than 1000 headers"));
    }
    // One more for the type of the content.
    let count = single.len() + several + cookies.len() + 1;
    let mut fields: Vec<Field<'r>> = Vec::with_capacity(count);
    for (name, values) in multi {
        for value in values.into_iter().flatten() {
            fields.push((name.clone(), value));
        }
    }
    // Only those can be the same: a map names each field once, unless by its capitals.
    let several = fields.len();
    for (name, value) in single {
        let Some(value) = value else { continue };
        let mut of_name = fields.iter().take(several).filter(|it| it.0.eq_ignore_ascii_case(&name));
        match of_name.next() {
            None => fields.push((name, value)),
            Some((name, _)) => {
                let name = name.clone();
                let is_there = |it: &Field<'_>| it.0.eq_ignore_ascii_case(&name) && it.1 == value;
                if !fields.iter().take(several).any(is_there) {
                    // Behind the other values of its name, so that the order is the recorded one.
                    fields.push((name, value));
                }
            }
        }
    }
    fields.extend(cookies.into_iter().map(|it| (Cow::Borrowed("set-cookie"), it)));
    for (name, value) in &fields {
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(Fault::Malformed("a header's name is none"));
        }
        if !value.bytes().all(is_value_byte) {
            return Err(Fault::Malformed("a header's value holds a control character"));
        }
    }
    if !fields.iter().any(|it| it.0.eq_ignore_ascii_case("content-type")) {
        fields.push(content_type(default_type));
    }
    Ok(fields)
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn base64_decoded<'r>(text: &[u8]) -> Result<Cow<'r, [u8]>, Fault> {
    STANDARD.decode(text).map(Cow::Owned).map_err(|_| Fault::Base64)
}
