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
    let said = message(failure, exchange.protocol);
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

/// `$context.error.message`.
fn message(failure: &Failure, protocol: Option<Protocol>) -> Option<&str> {
    match (&failure.message, failure.refusal) {
        (Some(message), _) => Some(message),
        (None, Refusal::AuthorizerMisconfigured) if protocol == Some(Protocol::Rest) => None,
        (None, refusal) => Some(refusal.message(protocol)),
    }
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
    if is_rest {
        let kind = refusal.error_type().as_bytes().to_vec();
        headers.push((b"x-amzn-errortype".to_vec(), kind));
    }
    // Built-in bodies of REST APIs have a blank behind the colon from 500 on, and none below; a null
    // has none either.
    let message = message(failure, protocol);
    let name = if refusal == Refusal::AccessDenied && is_rest { "Message" } else { "message" };
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
