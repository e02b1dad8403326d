//! Parameter mappings of REST APIs: `integration.request.header.x` = `method.request.path.y`.
//!
//! What is known when a stage is compiled (literals, stage variables, the API's own names) is text
//! from then on; the rest names where in the request the value stands.

use super::StagePlace;
use crate::model::{is_field_name, is_field_value};
use crate::resources::rest::Map;
use std::borrow::Cow;

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
}

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
    /// The request's own path behind the stage, byte for byte.
    RequestPath,
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
        let (kind, name) = match expression.strip_prefix("method.request.") {
            Some(rest) => rest.split_once('.').unwrap_or((rest, "")),
            None => ("", ""),
        };
        Ok(Some(match (kind, name) {
            ("path", name) => {
                let index = self.parameters.iter().position(|it| &**it == name);
                return Ok(index.map(Source::Path));
            }
            ("querystring", name) => Source::Query(bytes(name), Values::Last),
            ("multivaluequerystring", name) => Source::Query(bytes(name), Values::All),
            ("header", name) => Source::Header(bytes(name), Values::Last),
            ("multivalueheader", name) => Source::Header(bytes(name), Values::All),
            ("body", _) => return Err(format!("`{expression}` (the content) is not served yet")),
            _ => match expression.strip_prefix("context.") {
                Some(name) => Source::Context(
                    context(name).ok_or_else(|| format!("`{expression}` is not served yet"))?,
                ),
                None => return Err(format!("`{expression}` is no expression of a mapping")),
            },
        }))
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
        match expression.strip_prefix("integration.response.").and_then(|it| it.split_once('.')) {
            Some(("header", name)) => header(name, Values::Last),
            Some(("multivalueheader", name)) => header(name, Values::All),
            _ => Err(format!("`{expression}` is not served yet")),
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
pub(super) enum HeaderPlace {
    /// It is sent.
    Sent,
    /// It is dropped without a word: it belongs to the connection.
    Dropped,
    /// Every request fails: it is the gateway's own.
    Failing,
}

/// As recorded of Amazon for HTTP integrations.
pub(super) fn header_place(name: &str) -> HeaderPlace {
    match name.to_ascii_lowercase().as_str() {
        "content-length" | "transfer-encoding" | "x-amzn-trace-id" | "x-amzn-apigateway-api-id" => {
            HeaderPlace::Failing
        }
        "connection" | "expect" | "keep-alive" | "proxy-authenticate" | "proxy-connection"
        | "te" | "trailer" | "upgrade" | "via" => HeaderPlace::Dropped,
        name if is_field_name(name) => HeaderPlace::Sent,
        _ => HeaderPlace::Dropped,
    }
}

/// A text's bytes.
pub(super) fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(expression: &str) -> Result<Option<Source>, String> {
        let place = StagePlace { region: "eu-west-1", account_id: "123456789012", api_id: "abc" };
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
        ] {
            assert_eq!(source(expression), Ok(expected), "{expression}");
        }
        for expression in ["method.request.body.a", "context.authorizer.x", "nonsense", ""] {
            assert!(source(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn the_gateways_own_headers_cannot_be_mapped() {
        assert_eq!(header_place("X-Mine"), HeaderPlace::Sent);
        assert_eq!(header_place("Host"), HeaderPlace::Sent);
        assert_eq!(header_place("TE"), HeaderPlace::Dropped);
        assert_eq!(header_place("a b"), HeaderPlace::Dropped);
        assert_eq!(header_place("Content-Length"), HeaderPlace::Failing);
    }
}
