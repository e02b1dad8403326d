//! Execution logs of managed stages: what a request tells of its way, kept with the request until it is
//! over and written then, so that lines of two requests never mix.
//!
//! A request without such a log costs one look at an empty `Option`; nothing is allocated for it.

use super::Shard;
use super::record::root_of;
use crate::exchange::endpoint_request_id;
use crate::exchange::execution_log::{Asked, DataTrace, FunctionCall, Open};
use crate::exchange::method_request::query_pairs;
use crate::exchange::{Exchange, ExecutionLog, Failure, Refusal, Trace};
use crate::http::{self, Field, Fields, HeadLimits, RequestKind};
use crate::ring::Env;
use crate::snapshot::Api;
use crate::snapshot::managed::Level;
use std::time::Duration;

/// What a request has told so far.
#[derive(Debug)]
pub(super) struct Execution {
    log: ExecutionLog,
    level: Level,
    request_id: Box<str>,
    /// The root of its trace.
    trace: Box<str>,
    /// What the function or service that it asked calls it.
    endpoint_request_id: Option<Box<str>>,
    /// Whether an authorizer was asked and has not let it pass yet.
    is_being_authorized: bool,
    /// Lines that content is still added to, as far as they have been begun. The first is there from when
    /// the request may run its method.
    request_body: Option<Open>,
    endpoint_request_body: Option<Open>,
    endpoint_response_body: Option<Open>,
    response_body: Option<Open>,
    has_failed: bool,
}

impl Execution {
    /// Of a request with a route, if its stage wants to know.
    pub(super) fn begin(exchange: &Exchange<'_>, now: Duration) -> Option<Box<Self>> {
        let api = exchange.api?.api;
        let logging = api.shared.as_deref()?.logging.as_deref()?;
        let level = logging.execution.as_ref()?.level(exchange.route?)?;
        let data = if level.has_data { DataTrace::On } else { DataTrace::Off };
        let mut log = ExecutionLog::new(data);
        let extended = exchange.ids.extended;
        log.line(now, format_args!("Extended Request Id: {}", extended.as_str()));
        Some(Box::new(Self {
            log,
            level,
            request_id: exchange.ids.request.as_str().into(),
            trace: root_of(&String::from_utf8_lossy(Trace::of(exchange).as_bytes())).into(),
            endpoint_request_id: None,
            is_being_authorized: false,
            request_body: None,
            endpoint_request_body: None,
            endpoint_response_body: None,
            response_body: None,
            has_failed: false,
        }))
    }

    /// The request's authorizer is asked.
    pub(super) fn asks_authorizer(&mut self, now: Duration, authorizer: &str) {
        let Self { log, request_id, .. } = self;
        log.line(now, format_args!("Starting authorizer: {authorizer} for request: {request_id}"));
        self.is_being_authorized = true;
    }

    /// The authorizer has said yes or no.
    pub(super) fn authorizer_answers(&mut self, now: Duration) {
        if std::mem::take(&mut self.is_being_authorized) {
            self.log.line(now, format_args!("Successfully completed authorizer execution"));
        }
    }

    /// Nobody objects any more: the method of the request is run. Once only; a request whose content was
    /// waited for comes here again.
    pub(super) fn starts(&mut self, exchange: &Exchange<'_>, now: Duration) {
        let (None, Some(admitted), Some(route)) = (self.request_body, exchange.api, exchange.route)
        else {
            return;
        };
        let (api, route) = (admitted.api, admitted.api.route(route));
        // Methods that ask for a key let nobody through so far, so this one does not.
        let stage = (&*api.id, &*api.stage);
        self.log.without_usage_plan(now, &self.request_id, stage, &route.key);
        let names = route.parameters.iter();
        let parameters: Vec<_> =
            names.zip(&exchange.parameters).map(|(name, value)| (&**name, *value)).collect();
        let query = query_pairs(exchange.head.target.query().unwrap_or_default());
        let query: Vec<_> =
            query.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let headers: Vec<_> = exchange.fields.iter().map(|it| (it.name, it.value)).collect();
        let path = exchange.path();
        let asked = Asked {
            request_id: exchange.ids.request.as_str(),
            verb: exchange.method,
            path: if path.is_empty() { b"/" } else { path },
            parameters: &parameters,
            query: &query,
            headers: &headers,
        };
        self.request_body = Some(self.log.method_request(now, &asked, &[]));
    }

    /// A piece of the client's content; as it streams past it is the back end's too.
    pub(super) fn content(&mut self, content: &[u8]) {
        for open in [self.request_body, self.endpoint_request_body].into_iter().flatten() {
            self.log.append(open, content);
        }
    }

    /// The request for a back end: its head without `Host`, which belongs at `host_at`.
    pub(super) fn asks_back_end(
        &mut self,
        now: Duration,
        origin: &str,
        host: Option<&str>,
        (head, host_at): (&[u8], usize),
        content: &[u8],
    ) {
        let (line, rest) = head.split_at(host_at.min(head.len()));
        let mut whole = line.to_vec();
        if let Some(host) = host {
            http::write::field(&mut whole, b"host", host.as_bytes());
        }
        whole.extend_from_slice(rest);
        let open = self.log.endpoint_request(now, origin, &whole, content);
        self.endpoint_request_body = Some(open);
    }

    /// The event for a function.
    pub(super) fn asks_function(&mut self, now: Duration, call: &FunctionCall<'_>, event: &[u8]) {
        self.log.function_request(now, call, event);
    }

    /// The function was invoked, by that id.
    pub(super) fn invoked(&mut self, invocation_id: &str) {
        self.endpoint_request_id = Some(invocation_id.into());
    }

    /// The head of a back end's answer.
    pub(super) fn back_end_answers(
        &mut self,
        now: Duration,
        status: u16,
        latency: Duration,
        fields: &[Field<'_>],
    ) {
        // What an AWS service calls the request.
        let given = endpoint_request_id(fields);
        self.endpoint_request_id = given.map(|id| String::from_utf8_lossy(id).into());
        let open = self.log.endpoint_response(now, status, latency, fields, &[]);
        self.endpoint_response_body = Some(open);
    }

    /// What a function returned.
    pub(super) fn function_answers(
        &mut self,
        now: Duration,
        latency: Duration,
        has_failed: bool,
        payload: &[u8],
    ) {
        self.log.function_response(now, latency, has_failed, payload);
    }

    /// A piece of a back end's content; as it streams past it is the client's too.
    pub(super) fn answer_content(&mut self, content: &[u8]) {
        for open in [self.endpoint_response_body, self.response_body].into_iter().flatten() {
            self.log.append(open, content);
        }
    }

    /// What has been written for the client: a head, and what there is of content.
    pub(super) fn answered(&mut self, now: Duration, written: &[u8]) {
        let mut fields = Fields::new();
        let limits = limits_of(written);
        let head = http::response_head(written, &mut fields, &limits, RequestKind::Head);
        let end = head.ok().flatten().map_or(written.len(), |head| head.head_bytes);
        let (head, content) = written.split_at(end);
        self.response_body = Some(self.log.method_response(now, head, content));
    }

    /// As [`Execution::answered`], from its parts.
    pub(super) fn answered_with<'a>(
        &mut self,
        now: Duration,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        content: &[u8],
    ) {
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        self.log.answered(now, &headers, content);
    }

    /// Why the gateway answers itself.
    pub(super) fn failed(&mut self, now: Duration, failure: &Failure) {
        self.has_failed = true;
        if self.request_body.is_some() {
            return self.log.failed(now, failure);
        }
        if matches!(failure.refusal, Refusal::AccessDenied | Refusal::DeniedExplicitly) {
            self.authorizer_answers(now);
        }
        self.log.turned_away(now, &self.request_id, failure);
    }

    /// The last lines. `None`: a request that went well, of which nothing is written.
    pub(super) fn end(mut self, now: Duration, status: u16) -> Option<ExecutionLog> {
        if self.request_body.is_some() {
            self.log.completed(now, status, !self.has_failed);
        }
        self.log.ids(now, self.endpoint_request_id.as_deref(), &self.trace);
        let is_written = !self.level.only_failed || self.has_failed || status >= 400;
        is_written.then_some(self.log)
    }
}

fn limits_of(head: &[u8]) -> HeadLimits {
    HeadLimits { request_line_bytes: head.len(), head_bytes: head.len(), fields: http::FIELDS_MAX }
}

impl<E: Env> Shard<E> {
    /// Writes what a request has told, now that it is over.
    pub(super) fn end_execution(
        &mut self,
        execution: Option<Box<Execution>>,
        api: &Api,
        request_id: &str,
        status: u16,
    ) {
        let Some(execution) = execution else { return };
        let logging = api.shared.as_deref().and_then(|shared| shared.logging.as_deref());
        let Some(logging) = logging.and_then(|it| it.execution.as_ref()) else { return };
        let Some(log) = execution.end(self.since_epoch, status) else { return };
        for group in logging.groups.all() {
            self.record.execution(group, request_id, &log, self.now);
        }
    }
}
