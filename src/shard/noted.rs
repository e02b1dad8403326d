//! What a request's access log line will tell of it: borrowed while its head is there, or noted for when
//! the receive buffer is long gone.

use crate::exchange::endpoint_request_id;
use crate::exchange::event::{Authorized, Prefix};
use crate::exchange::{Exchange, Failure, Granted, Refusal, Trace};
use crate::http::{Field, Known};
use crate::snapshot::Protocol;
use crate::telemetry::ids::Uuid;
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

/// Texts of a request that its access log line will need when the receive buffer is long gone.
#[derive(Debug, Default)]
pub(super) struct Noted {
    texts: Vec<u8>,
    method: Range<usize>,
    path: Range<usize>,
    host: Range<usize>,
    user_agent: Range<usize>,
    source: Option<IpAddr>,
    routing_rule: Range<usize>,
    /// `X-Amzn-Trace-Id`.
    trace: Range<usize>,
    base_path_bytes: usize,
    granted: Option<Granted>,
    answered: Option<BackEndAnswer>,
    /// Why the gateway answered in place of the back end, once that had answered.
    pub(super) refusal: Option<Refusal>,
}

/// What a log may say of a back end's answer.
#[derive(Debug)]
struct BackEndAnswer {
    status: u16,
    request_id: Range<usize>,
    request_id_2: Range<usize>,
    to_headers: Duration,
    to_content: Option<Duration>,
}

impl Noted {
    pub(super) fn of(exchange: &Exchange<'_>) -> Self {
        let mut noted = Self::default();
        noted.method = noted.keep(exchange.method.as_bytes());
        noted.path = noted.keep(&exchange.context_path());
        noted.host = noted.keep(exchange.head.host.unwrap_or_default());
        noted.user_agent = noted.keep(user_agent(exchange));
        noted.source = Some(exchange.source_address());
        noted.base_path_bytes = base_path_bytes(exchange);
        noted.routing_rule = noted.keep(exchange.routing_rule.unwrap_or_default().as_bytes());
        noted.trace = noted.keep(Trace::of(exchange).as_bytes());
        noted.granted = exchange.granted.cloned();
        noted
    }

    /// The back end's head is complete, so long after it was asked.
    pub(super) fn answered(&mut self, status: u16, fields: &[Field<'_>], latency: Duration) {
        let other = fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"x-amz-id-2"));
        let request_id = self.keep(endpoint_request_id(fields).unwrap_or_default());
        let request_id_2 = self.keep(other.map_or(&b""[..], |field| field.value));
        let to_headers = latency;
        self.answered =
            Some(BackEndAnswer { status, request_id, request_id_2, to_headers, to_content: None });
    }

    /// The function has answered, so long after it was asked; Lambda's own word is 200, also about one
    /// that failed.
    pub(super) fn answered_by_function(
        &mut self,
        request_id: &[u8],
        status: u16,
        latency: Duration,
    ) {
        let request_id = self.keep(request_id);
        self.answered = Some(BackEndAnswer {
            status,
            request_id,
            request_id_2: 0..0,
            to_headers: latency,
            to_content: None,
        });
    }

    /// A piece of the back end's content has come, so long after it was asked.
    pub(super) fn content_came(&mut self, latency: Duration) {
        if let Some(answered) = &mut self.answered {
            answered.to_content.get_or_insert(latency);
        }
    }

    fn keep(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        start..self.texts.len()
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.texts[self.method.clone()],
            path: Cow::Borrowed(&self.texts[self.path.clone()]),
            host: &self.texts[self.host.clone()],
            user_agent: &self.texts[self.user_agent.clone()],
            source: self.source,
            base_path_bytes: self.base_path_bytes,
            authorized: self.granted.as_ref().map_or(Authorized::Silent, Granted::tell),
            routing_rule: &self.texts[self.routing_rule.clone()],
            trace: &self.texts[self.trace.clone()],
            answered: self.answered.as_ref().map_or_else(Answered::default, |it| Answered {
                status: Some(it.status),
                request_id: &self.texts[it.request_id.clone()],
                request_id_2: &self.texts[it.request_id_2.clone()],
                to_headers: Some(it.to_headers),
                to_content: it.to_content,
            }),
            authorized_by: self.granted.as_ref().and_then(|granted| granted.request_id.as_ref()),
            failure: None,
        }
    }
}

/// How much of the path is what a domain name maps; a stage's name in it is none of that.
fn base_path_bytes(exchange: &Exchange<'_>) -> usize {
    match Prefix::of(exchange) {
        Prefix::BasePath(base_path) => base_path.len(),
        Prefix::Nothing | Prefix::Stage => 0,
    }
}

fn user_agent<'x>(exchange: &Exchange<'x>) -> &'x [u8] {
    exchange
        .fields
        .iter()
        .find(|field| field.known == Known::UserAgent)
        .map_or(&b""[..], |field| field.value)
}

/// The request's own texts, for the access log.
#[derive(Debug, Clone, Default)]
pub(super) struct Request<'r> {
    pub(super) method: &'r [u8],
    pub(super) path: Cow<'r, [u8]>,
    pub(super) host: &'r [u8],
    pub(super) user_agent: &'r [u8],
    pub(super) source: Option<IpAddr>,
    pub(super) base_path_bytes: usize,
    pub(super) authorized: Authorized<'r>,
    pub(super) routing_rule: &'r [u8],
    pub(super) trace: &'r [u8],
    pub(super) answered: Answered<'r>,
    /// The invocation of an authorizer's function, where it let the request pass.
    authorized_by: Option<&'r Uuid>,
    /// What let it not pass.
    failure: Option<&'r Failure>,
}

/// What is known of a back end's answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answered<'r> {
    pub(super) status: Option<u16>,
    pub(super) request_id: &'r [u8],
    pub(super) request_id_2: &'r [u8],
    pub(super) to_headers: Option<Duration>,
    pub(super) to_content: Option<Duration>,
}

impl<'r> Request<'r> {
    /// Of an exchange whose head is still there.
    pub(super) fn of(exchange: &Exchange<'r>, trace: &'r Trace) -> Self {
        Self {
            method: exchange.method.as_bytes(),
            path: exchange.context_path(),
            host: exchange.head.host.unwrap_or_default(),
            user_agent: user_agent(exchange),
            source: Some(exchange.source_address()),
            base_path_bytes: base_path_bytes(exchange),
            authorized: exchange.authorized(),
            routing_rule: exchange.routing_rule.unwrap_or_default().as_bytes(),
            trace: trace.as_bytes(),
            answered: Answered { status: exchange.integrated, ..Answered::default() },
            authorized_by: exchange.granted.and_then(|granted| granted.request_id.as_ref()),
            failure: None,
        }
    }

    /// Of one that was answered so by the gateway itself.
    pub(super) fn failed(self, failure: Option<&'r Failure>) -> Self {
        Self { failure, ..self }
    }

    /// Of one whose texts were kept.
    pub(super) fn kept(noted: Option<&'r Noted>) -> Self {
        noted.map_or_else(Self::default, Noted::request)
    }
}

/// What is known of an authorizer's answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AuthorizerFacts<'r> {
    pub(super) status: Option<u16>,
    pub(super) integration_status: Option<u16>,
    pub(super) request_id: &'r str,
    pub(super) error: &'r str,
    pub(super) latency: Option<Duration>,
    /// What its verdict means for the request, where there is one.
    pub(super) decided: Option<u16>,
    /// In what words it refuses it.
    pub(super) denial: &'r str,
}

impl<'r> AuthorizerFacts<'r> {
    /// `latency` is that of one that let the request pass.
    pub(super) fn of(
        request: &Request<'r>,
        latency: Option<Duration>,
        protocol: Option<Protocol>,
    ) -> Self {
        let is_denial = |failure: &Failure| {
            matches!(failure.refusal, Refusal::AccessDenied | Refusal::DeniedExplicitly)
        };
        let id = |id: Option<&'r Uuid>| id.map_or("", Uuid::as_str);
        // Lambda's own word is 200, whatever the function says.
        let lambda = |is_answered: bool| is_answered.then_some(200);
        if latency.is_some() {
            return Self {
                status: Some(200),
                integration_status: lambda(request.authorized_by.is_some()),
                request_id: id(request.authorized_by),
                error: "",
                latency,
                decided: Some(200),
                denial: "",
            };
        }
        let failure = request.failure.and_then(|it| Some((it, it.authorizer.as_deref()?)));
        failure.map_or_else(Self::default, |(failure, outcome)| Self {
            status: Some(failure.refusal.status(Some(Protocol::Rest))),
            integration_status: lambda(outcome.is_answered),
            request_id: id(outcome.request_id.as_ref()),
            error: failure.refusal.message(Some(Protocol::Rest)),
            latency: Some(outcome.latency),
            decided: is_denial(failure).then_some(403),
            denial: if is_denial(failure) { failure.refusal.message(protocol) } else { "" },
        })
    }
}
