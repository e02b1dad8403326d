//! Parameter mappings: values of the client's request in the request that a back end gets.
//!
//! A value is written for the place it goes to: encoded in a path or query string, refused in a field
//! that it would end. So whatever a client sends, the back end reads it as that one value.

use crate::exchange::method_request::{Visible, decoded, form_decoded, visible};
use crate::exchange::transform::{self, Overrides, Scratch, is_field_value};
use crate::exchange::{Context, Exchange, Refusal};
use crate::http::{self, Known};
use crate::snapshot::managed::{
    Action, BodyPath, ContextName, Edit, MappedResponse, Passes, Placeholder, RequestEdits,
    RequestMapping, ResponseSource, Source, UriPiece, Values,
};
use crate::snapshot::managed::{Callee, HeaderPlace, header_place};
use crate::snapshot::{Protocol, encode_text, write_value};
use std::borrow::Cow;
use std::io::Write;

/// Writes path and query string of a mapped request.
///
/// # Errors
/// A value would change which path is meant.
pub(super) fn target(
    exchange: &Exchange<'_>,
    mapping: &RequestMapping,
    overrides: &Overrides,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let start = out.len();
    let edits = mapping.edits.as_deref();
    let path = match edits.and_then(|it| it.path.as_ref()) {
        Some(source) => value_of(exchange, source, PathValues::AsReceived)?,
        None => None,
    };
    if let Some(path) = &path {
        if !path.starts_with(b"/") {
            out.push(b'/');
        }
        write_value(path, out);
    }
    let pieces = if path.is_some() { &[][..] } else { &mapping.path };
    for piece in pieces {
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
                if let Some(value) = joined(exchange, source)? {
                    encode_text(&value, out);
                }
            }
            UriPiece::Named(name, placeholder) => {
                match named(exchange, name, placeholder, overrides)? {
                    Some(Filled::Raw(value)) => write_value(value, out),
                    Some(Filled::Plain(value)) => encode_text(&value, out),
                    None => {}
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
                if let Some(value) = joined(exchange, source)? {
                    encode_text(&value, out);
                }
            }
            UriPiece::Named(name, placeholder) => {
                match named(exchange, name, placeholder, overrides)? {
                    Some(Filled::Raw(value)) => encode_text(&decoded(value), out),
                    Some(Filled::Plain(value)) => encode_text(&value, out),
                    None => {}
                }
            }
        }
    }
    let client = exchange.head.target.query().filter(|_| mapping.passes == Passes::Everything);
    match edits.filter(|it| !it.query.is_empty()) {
        Some(edits) => {
            let query = edited_query(exchange, &edits.query, client.unwrap_or_default())?;
            if !query.is_empty() {
                separate(out);
                out.extend_from_slice(&query);
            }
        }
        None => {
            if let Some(query) = client {
                separate(out);
                out.extend_from_slice(query);
            }
        }
    }
    for (name, values) in overrides.querystring() {
        for value in values {
            separate(out);
            encode_text(name.as_bytes(), out);
            out.push(b'=');
            encode_text(value.as_bytes(), out);
        }
    }
    for (name, source) in &mapping.added_query {
        if overrides.querystring().any(|(known, _)| known.as_bytes() == &**name) {
            continue;
        }
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
                if let Some(value) = joined(exchange, source)? {
                    add(&value);
                }
            }
        }
    }
    Ok(())
}

/// A query string as an HTTP API's changes leave it.
fn edited_query(
    exchange: &Exchange<'_>,
    edits: &[Edit<Source>],
    client: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let values = evaluated(exchange, edits)?;
    let mut out = Vec::with_capacity(client.len() + 64);
    let separate = |out: &mut Vec<u8>| {
        if !out.is_empty() {
            out.push(b'&');
        }
    };
    for pair in client.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let name = &pair[..memchr::memchr(b'=', pair).unwrap_or(pair.len())];
        let name = form_decoded(name);
        if !values.iter().any(|it| it.action != Action::Append && *it.name == *name) {
            separate(&mut out);
            out.extend_from_slice(pair);
        }
    }
    for Evaluated { name, value, .. } in &values {
        let Some(value) = value else { continue };
        separate(&mut out);
        encode_text(name, &mut out);
        out.push(b'=');
        encode_text(value, &mut out);
    }
    Ok(out)
}

/// A request as an HTTP API's changes leave it: what a function is told of it.
pub(super) struct EditedRequest<'e> {
    /// The path instead of the client's.
    pub(super) path: Option<Vec<u8>>,
    /// The query string instead of the client's.
    pub(super) query: Option<Vec<u8>>,
    /// Fields besides the client's.
    added: Vec<MappedField<'e>>,
    /// Names of the client's that are gone.
    replaced: Vec<&'e [u8]>,
}

impl<'e> EditedRequest<'e> {
    /// The request of an exchange with these changes.
    ///
    /// # Errors
    /// A value holds what no field may.
    pub(super) fn of(exchange: &'e Exchange<'_>, edits: &'e RequestEdits) -> Result<Self, Refusal> {
        let client = exchange.head.target.query().unwrap_or_default();
        let path = match &edits.path {
            Some(source) => value_of(exchange, source, PathValues::AsReceived)?,
            None => None,
        };
        let path = path.map(|it| match it.starts_with(b"/") {
            true => it.into_owned(),
            false => [b"/", &*it].concat(),
        });
        let query = match edits.query.is_empty() {
            true => None,
            false => Some(edited_query(exchange, &edits.query, client)?),
        };
        let (mut added, mut replaced) = (Vec::new(), Vec::new());
        for Evaluated { action, name, value } in evaluated(exchange, &edits.headers)? {
            if action != Action::Append {
                replaced.push(name);
            }
            added.extend(value.map(|value| (Cow::Borrowed(name), value)));
        }
        if added.iter().any(|(_, value)| !is_field_value(value)) {
            return Err(Refusal::BadRequest(400));
        }
        Ok(Self { path, query, added, replaced })
    }

    /// The fields, those of the client's that stay first.
    pub(super) fn fields<'f>(&'f self, client: &'f [http::Field<'f>]) -> Vec<http::Field<'f>> {
        let is_gone =
            |name: &[u8]| self.replaced.iter().any(|known| known.eq_ignore_ascii_case(name));
        let stays = client.iter().filter(|field| !is_gone(field.name)).copied();
        let added = self.added.iter().map(|(name, value)| http::Field {
            name,
            value,
            known: Known::of(name),
        });
        stays.chain(added).collect()
    }
}

/// What a placeholder is filled with.
enum Filled<'x> {
    /// A path parameter as it came.
    Raw(&'x [u8]),
    /// Any other text.
    Plain(Cow<'x, [u8]>),
}

fn named<'x>(
    exchange: &'x Exchange<'_>,
    name: &str,
    placeholder: &'x Placeholder,
    overrides: &Overrides,
) -> Result<Option<Filled<'x>>, Refusal> {
    if let Some((_, values)) = overrides.path().find(|(known, _)| *known == name) {
        return Ok(Some(Filled::Plain(values.join(",").into_bytes().into())));
    }
    Ok(match placeholder {
        Placeholder::Mapped(Source::Path(index)) => {
            Some(Filled::Raw(exchange.parameters.get(*index).copied().unwrap_or_default()))
        }
        Placeholder::Mapped(source) => joined(exchange, source)?.map(Filled::Plain),
        Placeholder::Nothing => None,
        Placeholder::Text => Some(Filled::Plain(format!("{{{name}}}").into_bytes().into())),
    })
}

/// A change with its value.
struct Evaluated<'e> {
    action: Action,
    name: &'e [u8],
    value: Option<Cow<'e, [u8]>>,
}

/// The changes that are done: one whose value is nothing is not.
fn evaluated<'e>(
    exchange: &'e Exchange<'_>,
    edits: &'e [Edit<Source>],
) -> Result<Vec<Evaluated<'e>>, Refusal> {
    let mut done = Vec::with_capacity(edits.len());
    for Edit { action, name, value } in edits {
        let value = match value {
            Some(source) => joined(exchange, source)?,
            None => None,
        };
        if *action == Action::Remove || value.is_some() {
            done.push(Evaluated { action: *action, name, value });
        }
    }
    Ok(done)
}

/// The mapped fields of a request, and which of the client's they take the place of.
#[derive(Default)]
pub(super) struct MappedFields<'m> {
    /// Fields that have a value.
    pub(super) sent: Vec<MappedField<'m>>,
    /// Names of the client's that stay behind.
    pub(super) replaced: Vec<Cow<'m, [u8]>>,
}

impl MappedFields<'_> {
    /// Whether a field of the client's stays behind.
    pub(super) fn replaces(&self, name: &[u8]) -> bool {
        self.replaced.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A field's name and value.
pub(super) type MappedField<'m> = (Cow<'m, [u8]>, Cow<'m, [u8]>);

/// The mapped fields of a request that have a value.
///
/// # Errors
/// A value holds what no field may.
pub(super) fn fields<'m>(
    exchange: &'m Exchange<'_>,
    mapping: &'m RequestMapping,
    overrides: &'m Overrides,
    callee: Callee,
) -> Result<MappedFields<'m>, Refusal> {
    let mut fields = MappedFields::default();
    for (name, values) in overrides.request_headers() {
        match header_place(name, callee) {
            HeaderPlace::Sent => {}
            HeaderPlace::Dropped => continue,
            HeaderPlace::Failing => return Err(Refusal::Misconfigured),
        }
        fields.replaced.push(Cow::Borrowed(name.as_bytes()));
        for value in values {
            fields.sent.push((Cow::Borrowed(name.as_bytes()), Cow::Owned(value.into_bytes())));
        }
    }
    for (name, source) in &mapping.headers {
        if fields.replaces(name) {
            continue;
        }
        let Some(value) = joined(exchange, source)? else { continue };
        fields.replaced.push(Cow::Borrowed(name));
        fields.sent.push((Cow::Borrowed(name), value));
    }
    if let Some(edits) = mapping.edits.as_deref() {
        for Evaluated { action, name, value } in evaluated(exchange, &edits.headers)? {
            if action != Action::Append {
                fields.replaced.push(Cow::Borrowed(name));
            }
            fields.sent.extend(value.map(|value| (Cow::Borrowed(name), value)));
        }
    }
    if fields.sent.iter().any(|(_, value)| !is_field_value(value)) {
        return Err(Refusal::BadRequest(400));
    }
    Ok(fields)
}

/// How the values of path parameters are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathValues {
    /// For another path: what is encoded stays so, and one segment one segment.
    AsReceived,
    /// As the functions of HTTP APIs get them.
    Decoded,
}

/// A value as plain text; several are joined by commas. `None`: there is none, or it is empty.
pub(crate) fn joined<'x>(
    exchange: &'x Exchange<'_>,
    source: &'x Source,
) -> Result<Option<Cow<'x, [u8]>>, Refusal> {
    let path_values = match exchange.protocol {
        Some(Protocol::Http) => PathValues::Decoded,
        Some(Protocol::Rest) | None => PathValues::AsReceived,
    };
    value_of(exchange, source, path_values)
}

fn value_of<'x>(
    exchange: &'x Exchange<'_>,
    source: &'x Source,
    path_values: PathValues,
) -> Result<Option<Cow<'x, [u8]>>, Refusal> {
    let value = match source {
        Source::Literal(text) => Some(Cow::Borrowed(&**text)),
        Source::Path(index) => exchange.parameters.get(*index).map(|value| match path_values {
            PathValues::AsReceived => Cow::Borrowed(*value),
            PathValues::Decoded => decoded(value),
        }),
        Source::Query(name, Values::Last) => query_values(exchange, name).last(),
        Source::Query(name, Values::All) => {
            let values: Vec<_> = query_values(exchange, name).collect();
            Some(Cow::Owned(values.join(&b',')))
        }
        Source::Header(name, values) => {
            let named = exchange.fields.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            match visible(exchange, name) {
                Visible::Told => several(named.map(|field| field.value), *values),
                Visible::Own(value) => Some(Cow::Owned(value)),
                Visible::Nothing => None,
            }
        }
        Source::Context(name) => context(exchange, *name),
        Source::Variable(parts) => {
            let context = Context::of(exchange);
            context.text(parts).map(|text| Cow::Owned(text.into_owned().into_bytes()))
        }
        Source::RequestPath => {
            let path = exchange.path();
            Some(Cow::Borrowed(if path.is_empty() { &b"/"[..] } else { path }))
        }
        Source::Body(path) => body(exchange, path.as_ref())?,
        Source::Joined(sources) => {
            let mut all = Vec::new();
            for source in sources {
                let value = value_of(exchange, source, path_values)?;
                all.extend_from_slice(&value.unwrap_or_default());
            }
            Some(Cow::Owned(all))
        }
    };
    Ok(value.filter(|value| !value.is_empty()))
}

/// How much of the content HTTP APIs look for a path in (Amazon's own bound).
pub(super) const HTTP_SELECTION_BYTES_MAX: usize = 100 * 1024;

/// The content, or what a path selects of it.
fn body<'x>(
    exchange: &'x Exchange<'_>,
    path: Option<&BodyPath>,
) -> Result<Option<Cow<'x, [u8]>>, Refusal> {
    let content = exchange.content.unwrap_or_default();
    let is_rest = exchange.protocol == Some(Protocol::Rest);
    let Some(path) = path else {
        // As `$input.body` prints it.
        let is_empty = content.is_empty() && is_rest;
        let is_broken = is_rest && transform::begins_like_json_and_is_none(content);
        return match is_broken {
            true => Err(Refusal::BadJson),
            false => Ok(Some(Cow::Borrowed(if is_empty { b"{}" } else { content }))),
        };
    };
    if !is_rest && content.len() > HTTP_SELECTION_BYTES_MAX {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(content);
    let mut scratch = Scratch::new(exchange.seed());
    match transform::select(&path.path, &text, &mut scratch) {
        Ok(found) => Ok(found.map(|text| Cow::Owned(text.into_bytes()))),
        Err(_) if is_rest => Err(Refusal::BadJson),
        Err(_) => Ok(None),
    }
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

fn context<'x>(exchange: &'x Exchange<'_>, name: ContextName) -> Option<Cow<'x, [u8]>> {
    let host = || http::authority::host(exchange.head.host.unwrap_or_default());
    Some(match name {
        ContextName::RequestId => {
            let protocol = exchange.protocol.unwrap_or(Protocol::Http);
            Cow::Borrowed(exchange.ids.context_id(protocol).as_bytes())
        }
        ContextName::ExtendedRequestId => Cow::Borrowed(exchange.ids.extended.as_bytes()),
        ContextName::HttpMethod => Cow::Borrowed(exchange.method.as_bytes()),
        ContextName::Path => exchange.context_path(),
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
        let value = of_answer(source, fields);
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

/// A value that needs nothing but the back end's fields.
pub(crate) fn of_answer<'v>(
    source: &'v ResponseSource,
    fields: &'v [http::Field<'_>],
) -> Option<Cow<'v, [u8]>> {
    match source {
        ResponseSource::Literal(text) => Some(Cow::Borrowed(&**text)),
        ResponseSource::Header(wanted, which) => {
            let named = fields.iter().filter(|it| it.name.eq_ignore_ascii_case(wanted));
            several(named.map(|field| field.value), *which)
        }
        ResponseSource::Joined(sources) => {
            let pieces = sources.iter().filter_map(|source| of_answer(source, fields));
            Some(Cow::Owned(pieces.collect::<Vec<_>>().concat()))
        }
        // Their answers are kept until they are complete, and made elsewhere.
        ResponseSource::Variable(_) | ResponseSource::Body(_) => None,
    }
}
