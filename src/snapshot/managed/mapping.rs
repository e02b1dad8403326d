//! Parameter mappings of REST APIs: `integration.request.header.x` = `method.request.path.y`.
//!
//! What is known when a stage is compiled (literals, stage variables, the API's own names) is text
//! from then on; the rest names where in the request the value stands.

use super::StagePlace;
use super::http_mapping::RequestEdits;
use crate::model::{is_field_name, is_field_value};
use crate::resources::rest::Map;
use crate::template::JsonPath;
use std::borrow::Cow;
use std::sync::Arc;

/// Where a mapped value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The same for every request.
    Literal(Box<[u8]>),
    /// The n-th path parameter.
    Path(usize),
    /// A parameter of the query string, by its decoded name.
    Query(Box<[u8]>, Values),
    /// A header field.
    Header(Box<[u8]>, Values),
    /// Something that the gateway knows of the request.
    Context(ContextName),
    /// Any other variable of `$context`, by its parts.
    Variable(Box<[Box<str>]>),
    /// The content, or what a path selects of it.
    Body(Option<BodyPath>),
    /// The request's path without the stage.
    RequestPath,
    /// Several, one behind the other.
    Joined(Box<[Source]>),
}

impl Source {
    /// Whether the request's content must be there.
    pub fn needs_content(&self) -> bool {
        match self {
            Self::Body(_) => true,
            Self::Joined(sources) => sources.iter().any(Self::needs_content),
            _ => false,
        }
    }
}

/// A JSONPath into content.
#[derive(Debug, Clone)]
pub struct BodyPath {
    /// As declared.
    pub text: Box<str>,
    /// Compiled.
    pub path: Arc<JsonPath>,
}

impl BodyPath {
    /// A path as mappings write it, without `$.` in front.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let path = JsonPath::parse(&format!("$.{text}"))
            .map_err(|error| format!("`{text}` is no JSONPath: {error}"))?;
        Ok(Self { text: text.into(), path: path.into() })
    }
}

/// By their texts, which say all.
impl PartialEq for BodyPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for BodyPath {}

/// Which of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// The last one.
    Last,
    /// All: repeated in a query string, joined by commas elsewhere.
    All,
}

/// What the gateway knows of a request, in the words of `$context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Amazon's reference of `$context` variables defines them")]
pub enum ContextName {
    RequestId,
    ExtendedRequestId,
    HttpMethod,
    Path,
    DomainName,
    DomainPrefix,
    SourceIp,
    UserAgent,
}

/// A piece of the URI that the back end is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UriPiece {
    /// Written as it stands.
    Literal(Box<[u8]>),
    /// A value, encoded for its place. Nothing when there is none.
    Value(Source),
    /// A placeholder that a template may override by its name.
    Named(Box<str>, Placeholder),
    /// The request's own path behind the stage, byte for byte.
    RequestPath,
}

/// What a placeholder stands for that no template has overridden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placeholder {
    /// A mapped value.
    Mapped(Source),
    /// A value that is never there.
    Nothing,
    /// Its own text: nothing is mapped to it.
    Text,
}

/// What of the client's request goes on besides what is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// Its query string, its header fields and its content: `HTTP_PROXY`.
    Everything,
    /// Its content and the type of that: `HTTP`.
    Content,
}

/// How a request to a back end is made from the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMapping {
    /// The path; the first piece begins with `/`.
    pub path: Box<[UriPiece]>,
    /// The URI's own query string, in front of all others.
    pub query: Box<[UriPiece]>,
    /// Parameters behind the client's.
    pub added_query: Box<[(Box<[u8]>, Source)]>,
    /// Fields; they take the place of the client's of the same name.
    pub headers: Box<[(Box<[u8]>, Source)]>,
    /// What else goes on.
    pub passes: Passes,
    /// What an HTTP API changes of it.
    pub edits: Option<Box<RequestEdits>>,
}

impl RequestMapping {
    /// Whether the request's content must be there.
    pub fn needs_content(&self) -> bool {
        let piece = |piece: &UriPiece| match piece {
            UriPiece::Value(source) | UriPiece::Named(_, Placeholder::Mapped(source)) => {
                source.needs_content()
            }
            UriPiece::Literal(_) | UriPiece::RequestPath | UriPiece::Named(..) => false,
        };
        let named = |(_, source): &(Box<[u8]>, Source)| source.needs_content();
        self.path.iter().any(piece)
            || self.query.iter().any(piece)
            || self.added_query.iter().any(named)
            || self.headers.iter().any(named)
            || self.edits.as_ref().is_some_and(|edits| edits.needs_content())
    }
}

/// How a back end's answer becomes the client's: of `HTTP` integrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseMapping {
    /// First and last status, and the position in `responses`; in order, without overlaps.
    pub ranges: Box<[(u16, u16, usize)]>,
    /// The answers that the method declares.
    pub responses: Box<[MappedResponse]>,
}

/// One of the answers that a method declares. Its content is the back end's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedResponse {
    /// What the client gets.
    pub status: u16,
    /// Fields.
    pub headers: Box<[(Box<[u8]>, ResponseSource)]>,
}

/// Where a value of an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseSource {
    /// The same for every answer.
    Literal(Box<[u8]>),
    /// A field of the back end's answer.
    Header(Box<[u8]>, Values),
    /// Something that the gateway knows of the request, by its parts.
    Variable(Box<[Box<str>]>),
    /// The back end's content, or what a path selects of it.
    Body(Option<BodyPath>),
    /// Several, one behind the other.
    Joined(Box<[ResponseSource]>),
}

impl ResponseSource {
    /// Whether the back end's fields are all that it takes.
    pub fn is_of_head(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Header(..) => true,
            Self::Variable(_) | Self::Body(_) => false,
            Self::Joined(sources) => sources.iter().all(Self::is_of_head),
        }
    }

    /// Whether the back end's content must be there.
    pub fn needs_content(&self) -> bool {
        match self {
            Self::Body(_) => true,
            Self::Literal(_) | Self::Header(..) | Self::Variable(_) => false,
            Self::Joined(sources) => sources.iter().any(Self::needs_content),
        }
    }
}

impl ResponseMapping {
    /// The answer for a back end's status; `None`: none is declared.
    pub fn choose(&self, status: u16) -> Option<&MappedResponse> {
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&status));
        range.and_then(|(_, _, index)| self.responses.get(*index))
    }
}

/// What a stage knows that mappings may speak of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) place: &'k StagePlace<'k>,
    pub(super) stage: &'k str,
    pub(super) variables: &'k Map,
    /// The resource's path.
    pub(super) resource_path: &'k str,
    pub(super) resource_id: &'k str,
    /// Names of the route's path parameters.
    pub(super) parameters: &'k [Box<str>],
}

impl Known<'_> {
    /// A mapping's right side. `None`: it names nothing, so the parameter is left out.
    ///
    /// # Errors
    /// Why it cannot be served.
    pub(super) fn source(&self, expression: &str) -> Result<Option<Source>, String> {
        if let Some(text) = self.fixed(expression) {
            return Ok(text.filter(|it| !it.is_empty()).map(|it| Source::Literal(bytes(&it))));
        }
        if let Some(name) = expression.strip_prefix("method.request.path.") {
            let index = self.parameters.iter().position(|it| &**it == name);
            return Ok(index.map(Source::Path));
        }
        if let Some(source) = Self::request_parameter(expression) {
            return Ok(Some(source));
        }
        if let Some(path) = body_path(expression, "method.request.body")? {
            return Ok(Some(Source::Body(path)));
        }
        match expression.strip_prefix("context.") {
            Some(name) => Ok(Some(variable(name))),
            None => Err(format!("`{expression}` is no expression of a mapping")),
        }
    }

    /// A header or parameter of the query string, as mappings name it.
    pub(super) fn request_parameter(expression: &str) -> Option<Source> {
        let (kind, name) = expression.strip_prefix("method.request.")?.split_once('.')?;
        Some(match kind {
            "querystring" => Source::Query(bytes(name), Values::Last),
            "multivaluequerystring" => Source::Query(bytes(name), Values::All),
            "header" => Source::Header(bytes(name), Values::Last),
            "multivalueheader" => Source::Header(bytes(name), Values::All),
            _ => return None,
        })
    }

    /// As [`Known::source`], of an answer.
    ///
    /// # Errors
    /// Why it cannot be served.
    pub(super) fn response_source(
        &self,
        expression: &str,
    ) -> Result<Option<ResponseSource>, String> {
        if let Some(text) = self.fixed(expression) {
            return Ok(text
                .filter(|it| !it.is_empty() && is_field_value(it))
                .map(|it| ResponseSource::Literal(bytes(&it))));
        }
        let header = |name: &str, values| Ok(Some(ResponseSource::Header(bytes(name), values)));
        if let Some(path) = body_path(expression, "integration.response.body")? {
            return Ok(Some(ResponseSource::Body(path)));
        }
        if let Some(name) = expression.strip_prefix("context.") {
            return Ok(Some(ResponseSource::Variable(parts(name))));
        }
        match expression.strip_prefix("integration.response.").and_then(|it| it.split_once('.')) {
            Some(("header", name)) => header(name, Values::Last),
            Some(("multivalueheader", name)) => header(name, Values::All),
            _ => Err(format!("`{expression}` is no expression of a mapping")),
        }
    }

    /// A value that is the same for every request: the outer `None` when it is not, the inner when it
    /// is nothing.
    pub(super) fn fixed<'e>(&'e self, expression: &'e str) -> Option<Option<Cow<'e, str>>> {
        let quoted = expression.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
        if let Some(text) = quoted {
            return Some(Some(text.into()));
        }
        if let Some(name) = expression.strip_prefix("stageVariables.") {
            return Some(self.variables.get(name).map(|it| it.as_str().into()));
        }
        let place = self.place;
        Some(Some(match expression.strip_prefix("context.")? {
            "apiId" => place.api_id.into(),
            "accountId" => place.account_id.into(),
            "stage" => self.stage.into(),
            "resourcePath" => self.resource_path.into(),
            "resourceId" => self.resource_id.into(),
            "protocol" => "HTTP/1.1".into(),
            _ => return None,
        }))
    }
}

/// The content (`{root}`) or a path into it (`{root}.a.b`).
fn body_path(expression: &str, root: &str) -> Result<Option<Option<BodyPath>>, String> {
    match expression.strip_prefix(root) {
        Some("") => Ok(Some(None)),
        Some(rest) => match rest.strip_prefix('.') {
            Some(path) => Ok(Some(Some(BodyPath::parse(path)?))),
            None => Ok(None),
        },
        None => Ok(None),
    }
}

/// A variable's name in its parts.
pub(super) fn parts(name: &str) -> Box<[Box<str>]> {
    name.split('.').map(Into::into).collect()
}

/// A variable of `$context`.
pub(super) fn variable(name: &str) -> Source {
    context(name).map_or_else(|| Source::Variable(parts(name)), Source::Context)
}

fn context(name: &str) -> Option<ContextName> {
    Some(match name {
        "requestId" => ContextName::RequestId,
        "extendedRequestId" => ContextName::ExtendedRequestId,
        "httpMethod" => ContextName::HttpMethod,
        "path" => ContextName::Path,
        "domainName" => ContextName::DomainName,
        "domainPrefix" => ContextName::DomainPrefix,
        "identity.sourceIp" => ContextName::SourceIp,
        "identity.userAgent" => ContextName::UserAgent,
        _ => return None,
    })
}

/// What becomes of a header that a mapping sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPlace {
    /// It is sent.
    Sent,
    /// It is dropped without a word: it belongs to the connection.
    Dropped,
    /// Every request fails: it is the gateway's own.
    Failing,
}

/// Whom an integration asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    /// `HTTP` and `HTTP_PROXY`.
    Http,
    /// `AWS` and `AWS_PROXY`: services and functions.
    Aws,
}

/// As recorded of Amazon.
pub fn header_place(name: &str, callee: Callee) -> HeaderPlace {
    match (name.to_ascii_lowercase().as_str(), callee) {
        (
            "content-length" | "transfer-encoding" | "x-amzn-trace-id" | "x-amzn-apigateway-api-id",
            _,
        )
        | ("authorization" | "connection" | "expect" | "proxy-authenticate" | "te", Callee::Aws) => {
            HeaderPlace::Failing
        }
        ("connection" | "expect" | "proxy-authenticate" | "te" | "via", Callee::Http)
        | ("referer", Callee::Aws)
        | ("keep-alive" | "proxy-connection", _) => HeaderPlace::Dropped,
        (name, _) if is_field_name(name) => HeaderPlace::Sent,
        _ => HeaderPlace::Dropped,
    }
}

/// The name under which an answer's mapped header goes to the client: what is the gateway's own to say is
/// renamed, as recorded of Amazon. `None`: it is dropped.
pub fn answer_field(name: &str) -> Option<Cow<'_, str>> {
    const REMAPPED: [&str; 14] = [
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    ];
    const DROPPED: [&str; 6] = [
        "apigw-requestid",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "x-amz-apigw-id",
        "x-amzn-requestid",
    ];
    let lower = name.to_ascii_lowercase();
    if DROPPED.contains(&&*lower) || !is_field_name(name) {
        return None;
    }
    Some(match REMAPPED.contains(&&*lower) {
        true => format!("x-amzn-Remapped-{name}").into(),
        false => name.into(),
    })
}

/// A text's bytes.
pub(super) fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(expression: &str) -> Result<Option<Source>, String> {
        let place = StagePlace::of("eu-west-1", "123456789012", "abc");
        let variables = [("v".to_owned(), "w".to_owned()), ("e".to_owned(), String::new())].into();
        let known = Known {
            place: &place,
            stage: "prod",
            variables: &variables,
            resource_path: "/pets/{id}",
            resource_id: "r1",
            parameters: &["id".into()],
        };
        known.source(expression)
    }

    #[test]
    fn what_is_known_beforehand_is_text() {
        for (expression, expected) in [
            ("'x y'", Some("x y")),
            ("''", None),
            ("stageVariables.v", Some("w")),
            ("stageVariables.e", None),
            ("stageVariables.none", None),
            ("context.stage", Some("prod")),
            ("context.apiId", Some("abc")),
            ("context.resourcePath", Some("/pets/{id}")),
        ] {
            let expected = expected.map(|text| Source::Literal(bytes(text)));
            assert_eq!(source(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn the_rest_names_its_place_in_the_request() {
        for (expression, expected) in [
            ("method.request.path.id", Some(Source::Path(0))),
            ("method.request.path.other", None),
            ("method.request.querystring.q", Some(Source::Query(bytes("q"), Values::Last))),
            ("method.request.multivalueheader.A", Some(Source::Header(bytes("A"), Values::All))),
            ("context.requestId", Some(Source::Context(ContextName::RequestId))),
            ("context.authorizer.x", Some(Source::Variable(parts("authorizer.x")))),
            ("method.request.body", Some(Source::Body(None))),
            ("method.request.body.a[0]", Some(Source::Body(BodyPath::parse("a[0]").ok()))),
        ] {
            assert_eq!(source(expression), Ok(expected), "{expression}");
        }
        for expression in ["method.request.body.a[", "method.request.bodyx", "nonsense", ""] {
            assert!(source(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn some_headers_are_sent_as_mapped_some_dropped_and_some_fail_every_request() {
        let (sent, dropped, failing) =
            (HeaderPlace::Sent, HeaderPlace::Dropped, HeaderPlace::Failing);
        // Name, of HTTP integrations, of AWS's.
        for (name, http, aws) in [
            ("X-Mine", sent, sent),
            ("Content-MD5", sent, sent),
            ("Date", sent, sent),
            ("Host", sent, sent),
            ("Max-Forwards", sent, sent),
            ("Server", sent, sent),
            ("Trailer", sent, sent),
            ("Upgrade", sent, sent),
            ("User-Agent", sent, sent),
            ("WWW-Authenticate", sent, sent),
            ("Authorization", sent, failing),
            ("Referer", sent, dropped),
            ("Via", dropped, sent),
            ("Connection", dropped, failing),
            ("Expect", dropped, failing),
            ("Proxy-Authenticate", dropped, failing),
            ("TE", dropped, failing),
            ("Keep-Alive", dropped, dropped),
            ("Proxy-Connection", dropped, dropped),
            ("a b", dropped, dropped),
            ("Content-Length", failing, failing),
            ("transfer-encoding", failing, failing),
            ("X-Amzn-Trace-Id", failing, failing),
            ("X-Amzn-Apigateway-Api-Id", failing, failing),
        ] {
            assert_eq!(header_place(name, Callee::Http), http, "{name}");
            assert_eq!(header_place(name, Callee::Aws), aws, "{name}");
        }
    }
}
