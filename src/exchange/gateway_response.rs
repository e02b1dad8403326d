//! Gateway responses: what a refused request is told, in an API's own words.
//!
//! Every failing phase ends here. What an API has not customised is Amazon's own answer, byte for byte.

use super::context::Told;
use super::method_request::media_type;
use super::transform::is_field_value;
use super::{Context, Exchange, Failure, Refusal};
use crate::http::Known;
use crate::snapshot::managed::{Body, GatewayResponse, Piece, Shared, Source, Value, Values};
use crate::snapshot::{Protocol, Route};
use std::borrow::Cow;

/// An answer of the gateway's own, ready to be written.
#[derive(Debug, PartialEq)]
pub struct GatewayAnswer {
    /// What the client gets.
    pub status: u16,
    /// Fields, one of them `content-type`; of framing and ids there are none.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Content.
    pub content: Vec<u8>,
}

/// What a failed exchange is told.
pub fn answer(exchange: &Exchange<'_>, failure: &Failure) -> GatewayAnswer {
    let custom = exchange.api.and_then(|it| it.api.shared.as_deref()).and_then(|shared| {
        let found = customised(shared, failure.refusal, exchange.protocol)?;
        Some((shared, found))
    });
    let mut answer = built_in(failure, exchange.protocol);
    let Some((shared, custom)) = custom else { return answer };
    let said = failure.told(exchange.protocol);
    let told = Told {
        message: said,
        response_type: failure.refusal.response_type(),
        validation: failure.validation.as_deref(),
    };
    let context = Context { error: Some(told), ..Context::of(exchange) };
    let asked = Asked { exchange, shared, context };
    answer.status = custom.status.unwrap_or(answer.status);
    let mut accepted = exchange.fields.iter();
    let accepted = accepted.rfind(|field| field.known == Known::Accept).map(|field| field.value);
    let accepted = accepted.and_then(|value| std::str::from_utf8(value).ok());
    if let Some((content_type, body)) = custom.template(media_type(accepted)) {
        answer.headers.retain(|(name, _)| name != b"content-type");
        answer.headers.push((b"content-type".to_vec(), content_type.as_bytes().to_vec()));
        if let Body::Text(pieces) = body {
            answer.content = asked.content(pieces);
        }
    }
    for (name, value) in &custom.headers {
        let value = asked.value(value).filter(|it| !it.is_empty() && is_field_value(it));
        if let Some(value) = value {
            answer.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            answer.headers.push((name.to_vec(), value.into_owned()));
        }
    }
    answer
}

fn customised(
    shared: &Shared,
    refusal: Refusal,
    protocol: Option<Protocol>,
) -> Option<&GatewayResponse> {
    // Amazon's answer to what is too large cannot be customised.
    if protocol != Some(Protocol::Rest) || matches!(refusal, Refusal::BodyTooLarge { .. }) {
        return None;
    }
    shared.gateway_responses.find(refusal.response_type(), refusal.status(protocol))
}

/// Amazon's own answer.
pub fn built_in(failure: &Failure, protocol: Option<Protocol>) -> GatewayAnswer {
    let refusal = failure.refusal;
    let status = refusal.status(protocol);
    let is_rest = protocol == Some(Protocol::Rest);
    let mut headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
    if let (Refusal::BodyTooLarge { body_bytes_max }, true) = (refusal, is_rest) {
        // Amazon's REST APIs say this one in plain text and without an error type.
        let content = format!("HTTP content length exceeded {body_bytes_max} bytes.").into_bytes();
        headers[0].1 = b"text/plain".to_vec();
        return GatewayAnswer { status, headers, content };
    }
    if is_rest || refusal.is_lambdas() {
        let kind = refusal.error_type().as_bytes().to_vec();
        headers.push((b"x-amzn-errortype".to_vec(), kind));
    }
    // Built-in bodies of REST APIs have a blank behind the colon from 500 on, and none below; a null
    // has none either.
    let message = failure.told(protocol);
    let is_denied = matches!(refusal, Refusal::AccessDenied | Refusal::DeniedExplicitly);
    let is_capital = is_denied && is_rest || refusal.is_lambdas();
    let name = if is_capital { "Message" } else { "message" };
    let blank = if is_rest && status >= 500 && message.is_some() { " " } else { "" };
    let message = serde_json::Value::from(message);
    GatewayAnswer { status, headers, content: format!("{{\"{name}\":{blank}{message}}}").into() }
}

/// Whom the values of an answer are asked of.
struct Asked<'a, 'x> {
    exchange: &'a Exchange<'x>,
    shared: &'a Shared,
    context: Context<'a>,
}

impl Asked<'_, '_> {
    fn content(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut content = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => content.extend_from_slice(text.as_bytes()),
                Piece::Value(value) => {
                    content.extend_from_slice(&self.value(value).unwrap_or_default());
                }
            }
        }
        content
    }

    fn value<'v>(&'v self, value: &'v Value) -> Option<Cow<'v, [u8]>> {
        match value {
            Value::Request(source) => self.of_request(source),
            Value::PathParameter(name) => {
                let Exchange { api, route, parameters, .. } = self.exchange;
                let route: &Route = api.zip(*route).map(|(it, route)| it.api.route(route))?;
                let index = route.parameters.iter().position(|it| it == name)?;
                parameters.get(index).map(|value| Cow::Borrowed(*value))
            }
            Value::Context(parts) => self.context.text(parts).map(bytes),
            Value::StageVariable(name) => {
                self.shared.stage_variable(name).map(|it| Cow::Borrowed(it.as_bytes()))
            }
        }
    }

    fn of_request<'v>(&'v self, source: &'v Source) -> Option<Cow<'v, [u8]>> {
        let several = |values: Vec<Cow<'v, [u8]>>, which: Values| match which {
            Values::Last => values.into_iter().next_back(),
            Values::All => (!values.is_empty()).then(|| Cow::Owned(values.join(&b','))),
        };
        match source {
            Source::Literal(text) => Some(Cow::Borrowed(text)),
            Source::Header(name, which) => {
                let fields = self.exchange.fields.iter();
                let named = fields.filter(|field| field.name.eq_ignore_ascii_case(name));
                several(named.map(|field| Cow::Borrowed(field.value)).collect(), *which)
            }
            Source::Query(name, which) => {
                let query = self.exchange.head.target.query().unwrap_or_default();
                let pairs = super::method_request::query_pairs(query).into_iter();
                let named = pairs.filter(|(known, _)| known.as_bytes() == &**name);
                several(
                    named.map(|(_, value)| Cow::Owned(bytes(value).into_owned())).collect(),
                    *which,
                )
            }
            // The others do not come up in gateway responses.
            _ => None,
        }
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Ids;
    use crate::exchange::respond::{Connection, refuse};

    const ALL: [Refusal; 30] = [
        Refusal::BadRequest(400),
        Refusal::NoApi,
        Refusal::NoRoute,
        Refusal::Forbidden,
        Refusal::AccessDenied,
        Refusal::Unsigned,
        Refusal::NoUrl,
        Refusal::UrlForbidden,
        Refusal::UrlUnsigned,
        Refusal::AuthorizerMisconfigured,
        Refusal::AuthorizerFailed,
        Refusal::Unauthorized,
        Refusal::DeniedExplicitly,
        Refusal::FunctionFailed,
        Refusal::Misconfigured,
        Refusal::BadRequestParameters,
        Refusal::BadRequestBody,
        Refusal::BadJson,
        Refusal::UnsupportedMediaType,
        Refusal::DotSegment,
        Refusal::BodyTooLarge { body_bytes_max: 10 },
        Refusal::BadBody,
        Refusal::TooSlow,
        Refusal::IntegrationTimeout,
        Refusal::FunctionTimeout,
        Refusal::IntegrationFailure,
        Refusal::BadGateway,
        Refusal::Unavailable,
        Refusal::FunctionRefused,
        Refusal::Internal,
    ];

    /// As Lambda itself answers at function URLs, whatever rules for browsers the URL has.
    #[test]
    fn a_function_url_refuses_in_lambdas_words() {
        let advice = "Forbidden. For troubleshooting Function URL authorization issues, see: \
                      https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";
        for (refusal, content) in [
            (Refusal::UrlForbidden, format!("{{\"Message\":\"{advice}\"}}")),
            (Refusal::UrlUnsigned, "{\"Message\":\"Forbidden\"}".to_owned()),
            (Refusal::NoUrl, "{\"Message\":null}".to_owned()),
        ] {
            let answer = built_in(&refusal.into(), Some(Protocol::Http));
            assert_eq!((answer.status, answer.content), (403, content.into_bytes()));
            let kind = (b"x-amzn-errortype".to_vec(), b"AccessDeniedException".to_vec());
            assert!(answer.headers.contains(&kind), "{refusal:?}");
        }
    }

    /// An API that customises one kind answers all others as one that customises none: the two ways to
    /// write a built-in answer say the same.
    #[test]
    fn an_answer_does_not_depend_on_what_else_is_customised() {
        for protocol in [Some(Protocol::Rest), Some(Protocol::Http), None] {
            for refusal in ALL {
                let mut out = Vec::new();
                let ids = Ids::new([1, 2, 3, 4]);
                let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
                refuse(refusal, protocol, &ids, Connection::Stays, date, false, &[], &mut out);
                let out = String::from_utf8(out).unwrap();
                let (head, content) = out.split_once("\r\n\r\n").unwrap();
                let answer = built_in(&refusal.into(), protocol);
                assert_eq!(content.as_bytes(), answer.content, "{refusal:?} {protocol:?}");
                assert!(head.starts_with(&format!("HTTP/1.1 {} ", answer.status)), "{head}");
                for (name, value) in &answer.headers {
                    let name = String::from_utf8_lossy(name);
                    let line = format!("\r\n{name}: {}\r\n", String::from_utf8_lossy(value));
                    assert!(head.contains(&line), "{line} in {head}");
                }
            }
        }
    }

    #[test]
    fn every_kind_has_amazons_status_body_and_error_type() {
        let internal = r#"{"message": "Internal server error"}"#;
        let (is_internal, is_bad) = ("InternalServerErrorException", "BadRequestException");
        let denied = "AccessDeniedException";
        for (refusal, kind, status, body, error_type) in [
            (
                Refusal::AccessDenied,
                "ACCESS_DENIED",
                403,
                r#"{"Message":"User is not authorized to access this resource"}"#,
                denied,
            ),
            (
                Refusal::DeniedExplicitly,
                "ACCESS_DENIED",
                403,
                r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
                denied,
            ),
            (Refusal::Misconfigured, "API_CONFIGURATION_ERROR", 500, internal, is_internal),
            (
                Refusal::AuthorizerMisconfigured,
                "AUTHORIZER_CONFIGURATION_ERROR",
                500,
                r#"{"message":null}"#,
                "AuthorizerConfigurationException",
            ),
            (
                Refusal::AuthorizerFailed,
                "AUTHORIZER_FAILURE",
                500,
                r#"{"message":null}"#,
                "AuthorizerConfigurationException",
            ),
            (
                Refusal::BadRequestBody,
                "BAD_REQUEST_BODY",
                400,
                r#"{"message":"Invalid request body"}"#,
                is_bad,
            ),
            (
                Refusal::BadRequestParameters,
                "BAD_REQUEST_PARAMETERS",
                400,
                r#"{"message":"Missing required request parameters"}"#,
                is_bad,
            ),
            (
                Refusal::BadJson,
                "DEFAULT_4XX",
                400,
                r#"{"message":"Invalid JSON in request body"}"#,
                is_bad,
            ),
            (
                Refusal::IntegrationFailure,
                "INTEGRATION_FAILURE",
                504,
                r#"{"message": "Network error communicating with endpoint"}"#,
                is_internal,
            ),
            (
                Refusal::IntegrationTimeout,
                "INTEGRATION_TIMEOUT",
                504,
                r#"{"message": "Endpoint request timed out"}"#,
                is_internal,
            ),
            (
                Refusal::FunctionTimeout,
                "INTEGRATION_TIMEOUT",
                504,
                r#"{"message": "Endpoint request timed out"}"#,
                is_internal,
            ),
            (Refusal::FunctionFailed, "DEFAULT_5XX", 502, internal, is_internal),
            (Refusal::FunctionRefused, "DEFAULT_5XX", 500, internal, is_internal),
            (
                Refusal::NoRoute,
                "MISSING_AUTHENTICATION_TOKEN",
                403,
                r#"{"message":"Missing Authentication Token"}"#,
                "MissingAuthenticationTokenException",
            ),
            (
                Refusal::Unsigned,
                "MISSING_AUTHENTICATION_TOKEN",
                403,
                r#"{"message":"Missing Authentication Token"}"#,
                "MissingAuthenticationTokenException",
            ),
            (
                Refusal::Unauthorized,
                "UNAUTHORIZED",
                401,
                r#"{"message":"Unauthorized"}"#,
                "UnauthorizedException",
            ),
            (
                Refusal::UnsupportedMediaType,
                "UNSUPPORTED_MEDIA_TYPE",
                415,
                r#"{"message":"Unsupported Media Type"}"#,
                is_bad,
            ),
        ] {
            assert_eq!(refusal.response_type(), kind);
            let answer = built_in(&refusal.into(), Some(Protocol::Rest));
            assert_eq!((answer.status, &*answer.content), (status, body.as_bytes()), "{kind}");
            let found = answer.headers.iter().find(|(name, _)| name == b"x-amzn-errortype");
            assert_eq!(found.unwrap().1, error_type.as_bytes(), "{kind}");
        }
        let too_large = Refusal::BodyTooLarge { body_bytes_max: 10_485_760 };
        let answer = built_in(&too_large.into(), Some(Protocol::Rest));
        assert_eq!(answer.status, 413);
        assert_eq!(answer.content, b"HTTP content length exceeded 10485760 bytes.");
        assert_eq!(answer.headers, [(b"content-type".to_vec(), b"text/plain".to_vec())]);
    }
}
