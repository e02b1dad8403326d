//! HTTP and HTTP_PROXY integrations of REST APIs: from a URI and parameter mappings to the request that
//! a back end gets, and from its status to one of the answers that a method declares.

use super::backend::{Checks, Upstreams, Uri, parse, timeout};
use super::mapping::{Callee, HeaderPlace, Known, answer_field, bytes, header_place};
use super::stage_variables::Token;
use super::{
    MappedResponse, Passes, Placeholder, RequestMapping, ResponseMapping, Source, UriPiece, private,
};
use crate::model::{Method as Verb, is_field_value};
use crate::resources::rest::{Integration, IntegrationResponse, Method};
use crate::snapshot::path_template::{
    PathTemplate, Piece, encode_text, write_literal, write_value,
};
use crate::snapshot::{HttpProxy, ProxyPath};
use crate::template::JavaPattern;
use std::time::Duration;

/// What an integration without a time-out of its own has.
const TIMEOUT: Duration = Duration::from_secs(29);

/// The request of an integration.
///
/// # Errors
/// Why it cannot be made, for the log.
pub(super) fn request(
    declared: &Integration,
    known: &Known<'_>,
    passes: Passes,
    placeholders: Placeholders,
    upstreams: &mut Upstreams,
) -> Result<HttpProxy, String> {
    let insecure = declared.tls_config.as_ref().is_some_and(|it| it.insecure_skip_verification);
    let uri = declared.uri.as_deref().ok_or("it has no URI")?;
    let checks = Checks { insecure, server_name: None };
    let Uri { mut upstream, path, query } = parse(uri, known.variables, checks)?;
    let mut mapped = Mapped::of(declared, known, Callee::Http)?;
    if declared.connection_type.as_deref() == Some("VPC_LINK") {
        let authority = upstream.targets.first().map(|it| it.authority.clone());
        let authority = authority.unwrap_or_default();
        let named = super::backend::server_name(&authority);
        let tls = private::Tls { server_name: named, turns_on: false, insecure };
        let link = declared.connection_id.as_deref();
        upstream = private::upstream(known.place, link, uri, tls, known.variables)?;
        if !mapped.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            mapped.headers.push((bytes("host"), Source::Literal(bytes(&authority))));
        }
    }
    let method = declared.http_method.as_deref().filter(|it| !it.is_empty() && *it != "ANY");
    let method = match method {
        Some(name) => Some(Verb::from_name(name).ok_or_else(|| format!("`{name}` is no method"))?),
        None => None,
    };
    let mapping = RequestMapping {
        path: pieces(&path, |name| mapped.path(name), Place::Path, placeholders),
        query: pieces(
            query.as_deref().unwrap_or_default(),
            |name| mapped.path(name),
            Place::Query,
            placeholders,
        ),
        added_query: mapped.query.into(),
        headers: mapped.headers.into(),
        passes,
        edits: None,
    };
    let (path, mapping) = match plain(&mapping) {
        Some(path) => (path, None),
        None => (ProxyPath::AsReceived, Some(Box::new(mapping))),
    };
    Ok(HttpProxy {
        upstream: upstreams.index(upstream),
        method: method.map(|it| it.name().into()),
        path,
        is_streamed: declared.response_transfer_mode.as_deref() == Some("STREAM"),
        timeout: timeout(declared.timeout_in_millis, TIMEOUT),
        mapping,
        response: None,
        edits: None,
        service: None,
    })
}

/// The mapped header fields of a function, which has no URI of its own to fill in.
///
/// # Errors
/// Why they cannot be sent.
pub(super) fn mapped_headers(
    declared: &Integration,
    known: &Known<'_>,
) -> Result<RequestMapping, String> {
    Ok(RequestMapping {
        path: Box::default(),
        query: Box::default(),
        added_query: Box::default(),
        headers: Mapped::of(declared, known, Callee::Aws)?.headers.into(),
        passes: Passes::Content,
        edits: None,
    })
}

/// Looks at the headers that are mapped for a function's event. They change nothing of it, but those that
/// fail every request elsewhere do so here too.
///
/// # Errors
/// One of these.
pub(super) fn check_headers(declared: &Integration) -> Result<(), String> {
    for target in declared.request_parameters.keys() {
        let name = target.strip_prefix("integration.request.header.");
        if let Some(name) = name
            && header_place(name, Callee::Aws) == HeaderPlace::Failing
        {
            return Err(format!("{name} header already present"));
        }
    }
    Ok(())
}

/// A mapping that does nothing but fill path parameters in needs no machinery: most do.
pub(super) fn plain(mapping: &RequestMapping) -> Option<ProxyPath> {
    let is_plain = mapping.passes == Passes::Everything
        && mapping.query.is_empty()
        && mapping.added_query.is_empty()
        && mapping.headers.is_empty()
        && mapping.edits.is_none();
    let piece = |piece: &UriPiece| match piece {
        UriPiece::Literal(text) => Some(Piece::Literal(text.clone())),
        UriPiece::Value(Source::Path(index)) => Some(Piece::Parameter(*index)),
        UriPiece::Value(_) | UriPiece::Named(..) | UriPiece::RequestPath => None,
    };
    let pieces = is_plain.then(|| mapping.path.iter().map(piece).collect::<Option<Box<_>>>());
    Some(ProxyPath::Template(PathTemplate { pieces: pieces?? }))
}

/// The mapped parameters of an integration, by where they go.
#[derive(Default)]
pub(super) struct Mapped {
    path: Vec<(Box<[u8]>, Option<Source>)>,
    pub(super) query: Vec<(Box<[u8]>, Source)>,
    pub(super) headers: Vec<(Box<[u8]>, Source)>,
}

impl Mapped {
    pub(super) fn of(
        declared: &Integration,
        known: &Known<'_>,
        callee: Callee,
    ) -> Result<Self, String> {
        let mut mapped = Self::default();
        for (target, expression) in &declared.request_parameters {
            let target = target.strip_prefix("integration.request.").unwrap_or(target);
            let (kind, name) = target.split_once('.').unwrap_or((target, ""));
            let source = known.source(expression)?;
            if kind == "path" {
                mapped.path.push((bytes(name), source));
                continue;
            }
            let Some(source) = source else { continue };
            match kind {
                "querystring" => mapped.query.push((bytes(name), source)),
                "header" => match header_place(name, callee) {
                    HeaderPlace::Sent if !is_valid(&source) => {
                        return Err(format!("the value of header {name} is not valid"));
                    }
                    HeaderPlace::Sent => mapped.headers.push((bytes(name), source)),
                    HeaderPlace::Dropped => {}
                    HeaderPlace::Failing => {
                        return Err(format!("{name} header already present"));
                    }
                },
                _ => return Err(format!("`{target}` cannot be mapped")),
            }
        }
        Ok(mapped)
    }

    pub(super) fn path(&self, name: &str) -> Option<PieceSource> {
        let found = self.path.iter().find(|(known, _)| **known == *name.as_bytes())?;
        Some(found.1.clone().map_or(PieceSource::Nothing, PieceSource::Value))
    }
}

/// Whether a value can stand in a header as far as that is known.
fn is_valid(source: &Source) -> bool {
    match source {
        Source::Literal(text) => std::str::from_utf8(text).is_ok_and(is_field_value),
        _ => true,
    }
}

/// Whether a placeholder keeps its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholders {
    /// What it stands for is decided.
    Resolved,
    /// A template may override it.
    Named,
}

/// Which part of a URI a piece stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PieceSource {
    Value(Source),
    /// Nothing that would fit: the parameter is left out.
    Nothing,
}

/// The pieces of a URI's part, with all that is known beforehand made one text. `source` says what a
/// placeholder stands for; `None`: as nothing is mapped to it, it is text.
pub(super) fn pieces(
    tokens: &[Token],
    source: impl Fn(&str) -> Option<PieceSource>,
    place: Place,
    placeholders: Placeholders,
) -> Box<[UriPiece]> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let begins = matches!(tokens.first(), Some(Token::Text(first)) if first.starts_with('/'));
    if place == Place::Path && !begins {
        text.push(b'/');
    }
    for token in tokens {
        let name = match token {
            Token::Text(literal) => {
                write_literal(literal.as_bytes(), &mut text);
                continue;
            }
            Token::Placeholder(name) => name,
        };
        if placeholders == Placeholders::Named {
            if !text.is_empty() {
                pieces.push(UriPiece::Literal(std::mem::take(&mut text).into()));
            }
            let placeholder = match source(name) {
                Some(PieceSource::Value(source)) => Placeholder::Mapped(source),
                Some(PieceSource::Nothing) => Placeholder::Nothing,
                None => Placeholder::Text,
            };
            pieces.push(UriPiece::Named(name.as_str().into(), placeholder));
            continue;
        }
        match source(name) {
            Some(PieceSource::Value(Source::Literal(value))) => match place {
                Place::Path => write_value(&value, &mut text),
                Place::Query => encode_text(&value, &mut text),
            },
            Some(PieceSource::Value(source)) => {
                if !text.is_empty() {
                    pieces.push(UriPiece::Literal(std::mem::take(&mut text).into()));
                }
                pieces.push(UriPiece::Value(source));
            }
            Some(PieceSource::Nothing) => {}
            None => write_literal(format!("{{{name}}}").as_bytes(), &mut text),
        }
    }
    if !text.is_empty() {
        pieces.push(UriPiece::Literal(text.into()));
    }
    pieces.into()
}

/// How the answers of an HTTP integration become those of its method.
///
/// # Errors
/// Why that cannot be served, for the log.
pub(super) fn responses(
    method: &Method,
    declared: &Integration,
    known: &Known<'_>,
) -> Result<ResponseMapping, String> {
    let mut responses: Vec<(&str, MappedResponse)> = Vec::new();
    for response in declared.integration_responses.values() {
        // One whose method response is gone fails only those requests that it is chosen for.
        let Ok(status) = method_response(method, &response.status_code) else { continue };
        let mut headers = Vec::new();
        for (target, expression) in response.response_parameters.iter().flatten() {
            let Some(name) = target.strip_prefix("method.response.header.") else { continue };
            let Some(name) = answer_field(name) else { continue };
            if let Some(source) = known.response_source(expression)? {
                headers.push((bytes(&name), source));
            }
        }
        let headers = headers.into();
        responses.push((&response.status_code, MappedResponse { status, headers }));
    }
    // The value that patterns look at is the status and nothing else, so all choices are made here.
    let mut ranges: Vec<(u16, u16, usize)> = Vec::new();
    let patterns = Patterns::of(declared)?;
    for status in 100..600 {
        let chosen = patterns.choose(&status.to_string());
        let index =
            chosen.and_then(|it| responses.iter().position(|(key, _)| *key == it.status_code));
        match (ranges.last_mut(), index) {
            (_, None) => {}
            (Some((_, last, same)), Some(index)) if *last + 1 == status && *same == index => {
                *last = status;
            }
            (_, Some(index)) => ranges.push((status, status, index)),
        }
    }
    let responses = responses.into_iter().map(|(_, response)| response).collect();
    Ok(ResponseMapping { ranges: ranges.into(), responses })
}

/// The integration responses with their patterns, in ascending order of their status.
pub(super) struct Patterns<'r> {
    patterned: Vec<(JavaPattern, &'r IntegrationResponse)>,
    default: Option<&'r IntegrationResponse>,
}

impl<'r> Patterns<'r> {
    /// Reads the patterns.
    ///
    /// # Errors
    /// A pattern that is none here: Java's expressions can do more.
    pub(super) fn of(declared: &'r Integration) -> Result<Self, String> {
        let mut patterns = Self { patterned: Vec::new(), default: None };
        for response in declared.integration_responses.values() {
            match response.selection_pattern.as_deref().filter(|it| !it.is_empty()) {
                None => patterns.default = patterns.default.or(Some(response)),
                Some(pattern) => {
                    let whole = JavaPattern::compile(pattern).map_err(|reason| {
                        format!("selection pattern `{pattern}` cannot be read: {reason}")
                    })?;
                    patterns.patterned.push((whole, response));
                }
            }
        }
        Ok(patterns)
    }

    /// The response for a value: the first whose pattern matches all of it, else the one without.
    pub(super) fn choose(&self, value: &str) -> Option<&'r IntegrationResponse> {
        let matching = self.patterned.iter().find(|(pattern, _)| pattern.matches(value));
        matching.map(|(_, response)| *response).or(self.default)
    }
}

/// The status of a method response that an integration response names.
///
/// # Errors
/// There is none, or it is no status.
pub(super) fn method_response(method: &Method, status_code: &str) -> Result<u16, String> {
    if !method.method_responses.contains_key(status_code) {
        return Err(format!("output mapping refers to an invalid method response: {status_code}"));
    }
    match status_code.parse() {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(format!("status {status_code} cannot be sent")),
    }
}
