//! Parameter mappings: values of the client's request in the request that a back end gets.
//!
//! A value is written for the place it goes to: encoded in a path or query string, refused in a field
//! that it would end. So whatever a client sends, the back end reads it as that one value.

use crate::exchange::{Exchange, Refusal};
use crate::http::{self, Known};
use crate::snapshot::managed::{
    ContextName, MappedResponse, Passes, RequestMapping, ResponseSource, Source, UriPiece, Values,
};
use crate::snapshot::{encode_text, write_value};
use std::borrow::Cow;
use std::io::Write;

/// Writes path and query string of a mapped request.
///
/// # Errors
/// A value would change which path is meant.
pub(super) fn target(
    exchange: &Exchange<'_>,
    mapping: &RequestMapping,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let start = out.len();
    for piece in &mapping.path {
        match piece {
            UriPiece::Literal(text) => out.extend_from_slice(text),
            UriPiece::RequestPath => {
                let path = exchange.path();
                out.extend_from_slice(if path.is_empty() { b"/" } else { path });
            }
            UriPiece::Value(Source::Path(index)) => {
                write_value(exchange.parameters.get(*index).copied().unwrap_or_default(), out);
            }
            UriPiece::Value(source) => {
                if let Some(value) = joined(exchange, source) {
                    encode_text(&value, out);
                }
            }
        }
    }
    if http::path::has_dot_segment(&out[start..]) {
        return Err(Refusal::DotSegment);
    }
    let mut separator = b'?';
    let mut separate = |out: &mut Vec<u8>| {
        out.push(separator);
        separator = b'&';
    };
    if !mapping.query.is_empty() {
        separate(out);
    }
    for piece in &mapping.query {
        match piece {
            UriPiece::Literal(text) => out.extend_from_slice(text),
            UriPiece::RequestPath => {}
            UriPiece::Value(Source::Path(index)) => {
                let value = exchange.parameters.get(*index).copied().unwrap_or_default();
                encode_text(&decoded(value), out);
            }
            UriPiece::Value(source) => {
                if let Some(value) = joined(exchange, source) {
                    encode_text(&value, out);
                }
            }
        }
    }
    if mapping.passes == Passes::Everything
        && let Some(query) = exchange.head.target.query()
    {
        separate(out);
        out.extend_from_slice(query);
    }
    for (name, source) in &mapping.added_query {
        let mut add = |value: &[u8]| {
            separate(out);
            encode_text(name, out);
            out.push(b'=');
            encode_text(value, out);
        };
        match source {
            Source::Query(wanted, Values::All) => {
                query_values(exchange, wanted).for_each(|value| add(&value));
            }
            Source::Path(index) => {
                if let Some(value) = exchange.parameters.get(*index) {
                    add(&decoded(value));
                }
            }
            source => {
                if let Some(value) = joined(exchange, source) {
                    add(&value);
                }
            }
        }
    }
    Ok(())
}

/// A field's name and value.
pub(super) type MappedField<'m> = (&'m [u8], Cow<'m, [u8]>);

/// The mapped fields of a request that have a value.
///
/// # Errors
/// A value holds what no field may.
pub(super) fn fields<'m>(
    exchange: &'m Exchange<'_>,
    mapping: &'m RequestMapping,
) -> Result<Vec<MappedField<'m>>, Refusal> {
    let mut fields = Vec::with_capacity(mapping.headers.len());
    for (name, source) in &mapping.headers {
        let Some(value) = joined(exchange, source) else { continue };
        if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(Refusal::BadRequest(400));
        }
        fields.push((&**name, value));
    }
    Ok(fields)
}

/// A value as plain text; several are joined by commas. `None`: there is none, or it is empty.
fn joined<'x>(exchange: &'x Exchange<'_>, source: &'x Source) -> Option<Cow<'x, [u8]>> {
    let value = match source {
        Source::Literal(text) => Cow::Borrowed(&**text),
        Source::Path(index) => Cow::Borrowed(*exchange.parameters.get(*index)?),
        Source::Query(name, Values::Last) => query_values(exchange, name).last()?,
        Source::Query(name, Values::All) => {
            let values: Vec<_> = query_values(exchange, name).collect();
            Cow::Owned(values.join(&b','))
        }
        Source::Header(name, values) => {
            let named = exchange.fields.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            several(named.map(|field| field.value), *values)?
        }
        Source::Context(name) => context(exchange, *name)?,
    };
    (!value.is_empty()).then_some(value)
}

fn several<'v>(mut values: impl Iterator<Item = &'v [u8]>, which: Values) -> Option<Cow<'v, [u8]>> {
    match which {
        Values::Last => values.last().map(Cow::Borrowed),
        Values::All => {
            let first = values.next()?;
            let mut all = Cow::Borrowed(first);
            for value in values {
                let all = all.to_mut();
                all.push(b',');
                all.extend_from_slice(value);
            }
            Some(all)
        }
    }
}

/// All values of a parameter, decoded, in the order of the query string.
fn query_values<'x>(
    exchange: &'x Exchange<'_>,
    name: &'x [u8],
) -> impl Iterator<Item = Cow<'x, [u8]>> {
    let query = exchange.head.target.query().unwrap_or_default();
    query.split(|byte| matches!(byte, b'&' | b';')).filter_map(move |pair| {
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let value = pair.get(equals + 1..).unwrap_or_default();
        (*form_decoded(&pair[..equals]) == *name).then(|| form_decoded(value))
    })
}

/// A name or value of a query string as a form writes it: `+` is a blank.
fn form_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'+', text).is_none() {
        return decoded(text);
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let plain = decoded(&spaced).into_owned();
    Cow::Owned(plain)
}

/// What is badly encoded stands for itself.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    http::path::decode(text).unwrap_or(Cow::Borrowed(text))
}

fn context<'x>(exchange: &'x Exchange<'_>, name: ContextName) -> Option<Cow<'x, [u8]>> {
    let host = || http::authority::host(exchange.head.host.unwrap_or_default());
    Some(match name {
        ContextName::RequestId => Cow::Borrowed(exchange.ids.request.as_bytes()),
        ContextName::ExtendedRequestId => Cow::Borrowed(exchange.ids.extended.as_bytes()),
        ContextName::HttpMethod => Cow::Borrowed(exchange.head.method.as_bytes()),
        ContextName::Path => Cow::Borrowed(exchange.head.target.path()),
        ContextName::DomainName => Cow::Borrowed(host()),
        ContextName::DomainPrefix => Cow::Borrowed(host().split(|it| *it == b'.').next()?),
        ContextName::SourceIp => {
            let mut text = Vec::new();
            let _ = write!(text, "{}", exchange.source_address());
            Cow::Owned(text)
        }
        ContextName::UserAgent => {
            let mut fields = exchange.fields.iter();
            Cow::Borrowed(fields.find(|field| field.known == Known::UserAgent)?.value)
        }
    })
}

/// Writes the fields of a mapped answer; `fields` are the back end's.
pub(crate) fn response_fields(
    mapped: &MappedResponse,
    fields: &[http::Field<'_>],
    out: &mut Vec<u8>,
) {
    let mut has_type = false;
    for (name, source) in &mapped.headers {
        let value = match source {
            ResponseSource::Literal(text) => Some(Cow::Borrowed(&**text)),
            ResponseSource::Header(wanted, which) => {
                let named = fields.iter().filter(|it| it.name.eq_ignore_ascii_case(wanted));
                several(named.map(|field| field.value), *which)
            }
        };
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            has_type |= name.eq_ignore_ascii_case(b"content-type");
            http::write::field(out, name, &value);
        }
    }
    // The content is passed through, so what it is goes with it.
    let mut own_type = None;
    for field in fields {
        match field.known {
            Known::ContentType => own_type = Some(field.value),
            Known::ContentEncoding => http::write::field(out, field.name, field.value),
            _ => {}
        }
    }
    if !has_type {
        http::write::field(out, b"content-type", own_type.unwrap_or(b"application/json"));
    }
}
