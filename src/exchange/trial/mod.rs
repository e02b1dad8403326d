//! Trial: one request that no client sent, run through the phases that a shard runs, with every step
//! told (TestInvokeMethod).
//!
//! ```text
//! Trial::new --begin--> Next::Answered
//!                   \-> Next::BackEnd(Call)  --(somebody sends it)--> back_end_answered
//!                   \-> Next::Function(Call) --(somebody invokes it)--> function_answered
//! ```
//! The request is written down as a client would send it and read back, so there is one way from a head
//! to an answer. Who sends and waits is not for here: no socket, no clock.

mod answer;
mod call;

pub use answer::{AnswerReader, BadAnswer, CONTENT_BYTES_MAX};
pub use call::{
    BackEndCall, BackEndFault, ClientIdentity, FunctionFault, FunctionRequest, FunctionResult,
};

use super::execution_log::{Asked, DataTrace, FunctionCall, is_of_method, limits_of};
use super::integrate::http_proxy::{self, Made, has_content};
use super::integrate::lambda::custom::{self, Invocation, Order, Told, Unordered};
use super::integrate::lambda::{self, HeadFacts};
use super::respond::{self, Changes, Connection, ResponseFraming};
use super::transform::{self, BackEnd, MethodAnswer, Overrides, Scratch};
use super::{
    Admitted, ClientFacts, Context, Exchange, ExecutionLog, Failure, Ids, MethodRequest, Origin,
    Refusal, gateway_response, validate,
};
use crate::http::field::{is_token_byte, is_value_byte};
use crate::http::{self, Field, Fields, Known, RequestKind};
use crate::snapshot::managed::{BinaryTypes, CustomLambda, Mapped, Plan, Release};
use crate::snapshot::{
    Function, HttpProxy, Integration, Lambda, Managed, ManagedStage, PathParameters, Phase, Route,
    RouteIndex, Snapshot, Upstream,
};
use crate::telemetry::ids as names;
use bytes::Bytes;
use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The host that test calls ask for, as on Amazon.
pub const DOMAIN_NAME: &str = "testPrefix.testDomainName";

/// What is tried, and with which request.
#[derive(Debug)]
pub struct Tried {
    /// The gateway's settings.
    pub snapshot: Snapshot,
    /// A stage of one route: the method as it is declared now.
    pub stage: ManagedStage,
    /// The back ends of that stage.
    pub upstreams: Vec<Upstream>,
    /// What cannot be served of it.
    pub problems: Vec<String>,
    /// What is around its integration; `None`: an integration that needs none.
    pub plan: Option<Plan>,
    /// The method.
    pub verb: String,
    /// The path as given.
    pub path: String,
    /// The query string as given.
    pub query: Option<String>,
    /// The path's values, by the order of the route's parameters; empty where the path is another's.
    pub parameters: Vec<String>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Headers as the log shows them.
    pub shown_headers: Vec<(String, String)>,
    /// Content.
    pub body: Bytes,
    /// What back ends are shown.
    pub client_identity: Option<ClientIdentity>,
    /// Four random words for ids, two for a trace.
    pub random: [u64; 6],
    /// Since 1970.
    pub received: Duration,
}

/// What is to be done for a trial.
#[derive(Debug)]
pub enum Next {
    /// Nothing more.
    Answered(Answered),
    /// A back end is to be asked.
    BackEnd(Box<BackEndCall>),
    /// A function is to be invoked.
    Function(FunctionRequest),
}

/// What came of a trial.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// Of the method response.
    pub status: u16,
    /// Of the method response.
    pub headers: Vec<(String, String)>,
    /// Of the method response.
    pub body: String,
}

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    tried: Tried,
    ids: Ids,
    trace: String,
    raw: Vec<u8>,
    log: ExecutionLog,
    overrides: Option<Overrides>,
    now: Duration,
}

impl Trial {
    /// A trial that has not begun.
    ///
    /// # Errors
    /// Its request is none that a client could send.
    pub fn new(tried: Tried) -> Result<Self, &'static str> {
        let [one, two, three, four, five, six] = tried.random;
        if !tried.verb.bytes().all(is_token_byte) {
            return Err("the method is none");
        }
        let mut raw = Vec::with_capacity(256);
        raw.extend_from_slice(tried.verb.as_bytes());
        raw.push(b' ');
        write_target(&tried.path, &mut raw);
        if let Some(query) = &tried.query {
            raw.push(b'?');
            write_target(query, &mut raw);
        }
        raw.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        raw.extend_from_slice(DOMAIN_NAME.as_bytes());
        raw.extend_from_slice(b"\r\n");
        for (name, value) in &tried.headers {
            let is_name = !name.is_empty() && name.bytes().all(is_token_byte);
            if !is_name || !value.bytes().all(is_value_byte) {
                return Err("a header is none");
            }
            http::write::field(&mut raw, name.as_bytes(), value.as_bytes());
        }
        if !tried.body.is_empty() {
            raw.extend_from_slice(b"content-type: application/json\r\n");
            http::write::content_length(&mut raw, tried.body.len() as u64);
        }
        raw.extend_from_slice(b"\r\n");
        let mut fields = Fields::new();
        match http::request_head(&raw, &mut fields, &limits_of(&raw)) {
            Ok(Some(head)) if head.head_bytes == raw.len() => {}
            Ok(_) => return Err("it ends in the middle"),
            Err(refused) => return Err(refused.cause()),
        }
        let told = fields.iter().find(|field| field.known == Known::XAmznTraceId);
        let told = told.map(|field| String::from_utf8_lossy(field.value).into_owned());
        let seconds = tried.received.as_secs() as u32;
        let root = || names::trace_root(seconds, [five, six]).as_str().to_owned();
        drop(fields);
        Ok(Self {
            ids: Ids::new([one, two, three, four]),
            trace: told.unwrap_or_else(root),
            raw,
            log: ExecutionLog::new(DataTrace::On),
            overrides: None,
            now: tried.received,
            tried,
        })
    }

    /// `x-amzn-RequestId`.
    pub fn request_id(&self) -> &str {
        self.ids.request.as_str()
    }

    /// What has been told so far.
    pub fn log(&self) -> &ExecutionLog {
        &self.log
    }

    /// Runs the phases up to the integration. `permitted` asks whether a function lets the API invoke
    /// it.
    pub fn begin(&mut self, permitted: impl Fn(&Lambda) -> Option<Function>) -> Next {
        let asked = asked(&self.tried, self.ids);
        asked.tell(&self.tried, self.now, &mut self.log);
        let made =
            self.with_exchange(|exchange, route, step| step.run(exchange, route, &permitted));
        match made.unwrap_or_else(|| Err(Refusal::Internal.into())) {
            Ok(next) => next,
            Err(failure) => Next::Answered(self.fail(&failure)),
        }
    }

    /// Goes on with what a back end said. `now`: since 1970.
    pub fn back_end_answered(
        &mut self,
        result: Result<AnswerReader, BackEndFault>,
        latency: Duration,
        now: Duration,
    ) -> Answered {
        self.now = now;
        let read = match result {
            Ok(read) => read,
            Err(fault) => return self.fail(&fault.failure()),
        };
        let made = self.with_exchange(|exchange, route, step| {
            step.back_end_answered(exchange, route, &read, latency)
        });
        let made = made.unwrap_or_else(|| Err(Refusal::Internal.into()));
        made.unwrap_or_else(|failure| self.fail(&failure))
    }

    /// Goes on with what a function said. `now`: since 1970.
    pub fn function_answered(
        &mut self,
        result: Result<FunctionResult, FunctionFault>,
        latency: Duration,
        now: Duration,
    ) -> Answered {
        self.now = now;
        let result = match result {
            Ok(result) => result,
            Err(fault) => return self.fail(&fault.failure()),
        };
        self.log.function_response(now, latency, result.has_failed, &result.payload);
        let made = self.with_exchange(|exchange, route, step| {
            step.function_answered(exchange, route, &result)
        });
        let made = made.unwrap_or_else(|| Err(Refusal::Internal.into()));
        made.unwrap_or_else(|failure| self.fail(&failure))
    }

    /// The answer of the gateway itself.
    fn fail(&mut self, failure: &Failure) -> Answered {
        self.log.failed(self.now, failure);
        let told = self.with_exchange(|exchange, _, _| gateway_response::answer(exchange, failure));
        let protocol = Some(crate::snapshot::Protocol::Rest);
        let answer = told.unwrap_or_else(|| gateway_response::built_in(failure, protocol));
        self.log.completed(self.now, answer.status, false);
        let built_in = gateway_response::built_in(failure, protocol).headers;
        let mut headers = Vec::new();
        for (name, value) in &answer.headers {
            let name = match name.as_slice() {
                b"x-amzn-errortype" => "x-amzn-ErrorType".to_owned(),
                // Amazon shows no type of content that is its own.
                b"content-type" if built_in.contains(&(name.clone(), value.clone())) => continue,
                name => lossy(name),
            };
            headers.push((name, lossy(value)));
        }
        Answered { status: answer.status, headers, body: lossy(&answer.content) }
    }

    /// Reads the request and does something with it. `None`: it could not be read a second time.
    fn with_exchange<T>(
        &mut self,
        act: impl FnOnce(&Exchange<'_>, &Route, &mut Step<'_>) -> T,
    ) -> Option<T> {
        let Self { tried, ids, trace, raw, log, overrides, now } = self;
        let client = ClientFacts {
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, 443)),
            is_tls: true,
            peer_is_trusted: false,
        };
        let mut fields = Fields::new();
        let head = http::request_head(raw, &mut fields, &limits_of(raw)).ok()??;
        let managed = Managed::new([0; 4]);
        let stage = Rc::new(tried.stage.clone());
        let mut exchange = Exchange::new(&tried.snapshot, &managed, &head, &fields, &client, *ids);
        let api = stage.api(Release::Stage);
        exchange.api = Some(Admitted { api, origin: Origin::Managed(&stage, Release::Stage) });
        exchange.protocol = Some(api.protocol);
        exchange.received = tried.received;
        exchange.content = Some(&tried.body);
        exchange.route = Some(RouteIndex(0));
        exchange.parameters = PathParameters::new();
        for value in &tried.parameters {
            exchange.parameters.try_push(value.as_bytes()).ok()?;
        }
        let route = api.routes.first()?;
        let mut step = Step { tried, trace, log, overrides, now: *now };
        Some(act(&exchange, route, &mut step))
    }
}

/// One step of a trial, with what it may change.
struct Step<'t> {
    tried: &'t Tried,
    trace: &'t str,
    log: &'t mut ExecutionLog,
    overrides: &'t mut Option<Overrides>,
    now: Duration,
}

impl Step<'_> {
    fn run(
        &mut self,
        exchange: &Exchange<'_>,
        route: &Route,
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<Next, Failure> {
        for phase in &route.program.phases {
            match phase {
                Phase::Validate => {
                    let Some(validation) = route.validation.as_deref() else { continue };
                    validate::parameters(exchange, validation)?;
                    let content = exchange.content.unwrap_or_default();
                    validate::content(exchange, validation, content)?;
                }
                Phase::Integrate => return self.integrate(exchange, route, permitted),
                Phase::Refuse(crate::snapshot::Refusing::Misconfigured) => {
                    return Err(self.misconfigured());
                }
                Phase::Refuse(refusing) => return Err(Refusal::from(*refusing).into()),
            }
        }
        Err(self.misconfigured())
    }

    fn misconfigured(&self) -> Failure {
        let problems = self.tried.problems.join("; ");
        // Amazon's word for all of them.
        let is_uri = ["its URI", "` is not a host", "` has no valid port"];
        match is_uri.iter().any(|it| problems.contains(it)) {
            true => Failure::configuration("Invalid endpoint address"),
            false => Failure::configuration(problems),
        }
    }

    fn integrate(
        &mut self,
        exchange: &Exchange<'_>,
        route: &Route,
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<Next, Failure> {
        match &route.integration {
            Integration::Mapped(mapped) => {
                let request = self.method_request(exchange);
                let types = binary_types(exchange);
                let mut scratch = self.scratch();
                let made = transform::request(&mapped.plan, &request, &types, &mut scratch)
                    .map_err(|failure| self.told(failure))?;
                if let Some(function) = &mapped.function {
                    return self.ask_custom(exchange, mapped, function, &made, permitted);
                }
                if let Some(proxy) = &mapped.proxy {
                    return self.ask_back_end(exchange, proxy, Some(made));
                }
                let status = transform::status(&made)?.map(|status| status.to_string());
                let back_end =
                    BackEnd { selected_by: status.as_deref(), fields: &[], content: &[] };
                let overrides = &made.overrides;
                let plan = &mapped.plan;
                let answer =
                    transform::response(plan, &request, &back_end, &types, overrides, &mut scratch)
                        .map_err(|failure| self.told(failure))?;
                Ok(Next::Answered(self.answered(&answer, None)))
            }
            Integration::HttpProxy(proxy) => self.ask_back_end(exchange, proxy, None),
            Integration::Lambda(declared) => self.ask_function(exchange, declared, permitted),
            Integration::Mock(_) | Integration::Misconfigured => Err(self.misconfigured()),
        }
    }

    fn ask_back_end(
        &mut self,
        exchange: &Exchange<'_>,
        proxy: &HttpProxy,
        made: Option<transform::Transformed<'_>>,
    ) -> Result<Next, Failure> {
        let index = proxy.upstream.0 as usize;
        let upstream = self.tried.upstreams.get(index).ok_or(Refusal::Internal)?;
        let target = upstream.targets.first().ok_or(Refusal::Internal)?;
        let method = proxy.method.as_deref().unwrap_or(exchange.head.method);
        let facts = made.as_ref().map(|made| Made {
            content_bytes: if has_content(method) { made.content.len() } else { 0 },
            is_made: made.is_made,
            overrides: &made.overrides,
        });
        let seconds = exchange.received.as_secs() as u32;
        let random = [self.tried.random[4], self.tried.random[5]];
        let mut written = Vec::with_capacity(512);
        let place = http_proxy::request_head(
            exchange,
            proxy,
            facts.as_ref(),
            (seconds, random),
            &mut written,
        )?;
        let (line, rest) = written.split_at(place.at);
        let mut request = line.to_vec();
        if !place.is_mapped {
            http::write::field(&mut request, b"host", target.authority.as_bytes());
        }
        request.extend_from_slice(rest);
        let content: &[u8] = match &made {
            Some(made) if has_content(method) => &made.content,
            Some(_) => &[],
            None => exchange.content.unwrap_or_default(),
        };
        let scheme = if upstream.tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", target.authority);
        self.log.endpoint_request(self.now, &origin, &request, content);
        request.extend_from_slice(content);
        let kind = if method == "HEAD" { RequestKind::Head } else { RequestKind::Other };
        let answer = AnswerReader::new(kind);
        *self.overrides = made.map(|made| made.overrides);
        Ok(Next::BackEnd(Box::new(BackEndCall {
            upstream: upstream.clone(),
            request,
            timeout: proxy.timeout,
            identity: self.tried.client_identity.clone(),
            answer,
        })))
    }

    fn back_end_answered(
        &mut self,
        exchange: &Exchange<'_>,
        route: &Route,
        read: &AnswerReader,
        latency: Duration,
    ) -> Result<Answered, Failure> {
        let mut fields = Fields::new();
        let head = read.head(&mut fields).ok_or(Refusal::BadGateway)?;
        let content = read.content();
        self.log.endpoint_response(self.now, head.status, latency, &fields, content);
        let (plan, is_passed) = match &route.integration {
            Integration::Mapped(mapped) => (Some(&*mapped.plan), false),
            Integration::HttpProxy(proxy) => (self.tried.plan.as_ref(), proxy.response.is_none()),
            _ => (None, true),
        };
        if let (Some(plan), false) = (plan, is_passed) {
            let request = self.method_request(exchange);
            let status = head.status.to_string();
            let back_end = BackEnd { selected_by: Some(&status), fields: &fields, content };
            let types = binary_types(exchange);
            let mut scratch = self.scratch();
            let overrides = self.overrides.take().unwrap_or_default();
            let answer =
                transform::response(plan, &request, &back_end, &types, &overrides, &mut scratch)
                    .map_err(|failure| self.told(failure))?;
            return Ok(self.answered(&answer, Some(self.trace)));
        }
        let mut written = Vec::new();
        let framing = ResponseFraming::Length(content.len() as u64);
        let status = respond::proxied_head(
            &head,
            &fields,
            framing,
            crate::snapshot::Protocol::Rest,
            &exchange.ids,
            Connection::Stays,
            &[b' '; 29],
            Changes::default(),
            &mut written,
        );
        Ok(self.answered_as_written(status, &written, content))
    }

    fn ask_function(
        &mut self,
        exchange: &Exchange<'_>,
        declared: &Lambda,
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<Next, Failure> {
        let mut event = Vec::new();
        let content = exchange.content.unwrap_or_default();
        let trace = self.trace.as_bytes();
        lambda::write_event(exchange, declared, content, trace, exchange.received, &mut event);
        let api = exchange.api.ok_or(Refusal::Internal)?.api;
        let call = FunctionCall {
            region: &declared.facts.region,
            arn: &declared.function,
            api_id: &api.id,
            request_id: exchange.ids.request.as_str(),
            trace_id: self.trace,
        };
        self.log.function_request(self.now, &call, &event);
        let function = permitted(declared);
        if function.is_some_and(|it| !lambda::is_permitted(exchange, declared, &it)) {
            return Err(Refusal::FunctionRefused.into());
        }
        Ok(Next::Function(FunctionRequest {
            function: declared.function.clone(),
            event: event.into(),
            client_context: None,
            timeout: declared.timeout,
            waits: true,
        }))
    }

    /// A function whose event a template has made.
    fn ask_custom(
        &mut self,
        exchange: &Exchange<'_>,
        mapped: &Mapped,
        function: &CustomLambda,
        made: &transform::Transformed<'_>,
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<Next, Failure> {
        let Order { invocation, event, client_context } =
            match custom::order(exchange, function, made) {
                Ok(order) => order,
                Err(Unordered::Refused(refusal)) => return Err(refusal.into()),
                Err(Unordered::Answered(told)) => {
                    let answer = self.told_answered(exchange, mapped, &told, &made.overrides)?;
                    return Ok(Next::Answered(answer));
                }
            };
        let declared = &function.lambda;
        let api = exchange.api.ok_or(Refusal::Internal)?.api;
        let call = FunctionCall {
            region: &declared.facts.region,
            arn: &declared.function,
            api_id: &api.id,
            request_id: exchange.ids.request.as_str(),
            trace_id: self.trace,
        };
        self.log.function_request(self.now, &call, &event);
        let known = permitted(declared);
        if known.is_some_and(|it| !lambda::is_permitted(exchange, declared, &it)) {
            return Err(Refusal::FunctionRefused.into());
        }
        if invocation == Invocation::DryRun {
            let nothing = Told::nothing();
            let answer = self.told_answered(exchange, mapped, &nothing, &made.overrides)?;
            return Ok(Next::Answered(answer));
        }
        *self.overrides = Some(made.overrides.clone());
        Ok(Next::Function(FunctionRequest {
            function: declared.function.clone(),
            event,
            client_context,
            timeout: declared.timeout,
            waits: invocation == Invocation::RequestResponse,
        }))
    }

    /// What integration responses make of what Lambda said.
    fn told_answered(
        &mut self,
        exchange: &Exchange<'_>,
        mapped: &Mapped,
        told: &Told,
        overrides: &Overrides,
    ) -> Result<Answered, Failure> {
        let request = self.method_request(exchange);
        let (types, fields) = (binary_types(exchange), told.fields());
        let mut scratch = self.scratch();
        let answer = transform::response(
            &mapped.plan,
            &request,
            &told.back_end(&fields),
            &types,
            overrides,
            &mut scratch,
        )
        .map_err(|failure| self.told(failure))?;
        Ok(self.answered(&answer, Some(self.trace)))
    }

    fn function_answered(
        &mut self,
        exchange: &Exchange<'_>,
        route: &Route,
        result: &FunctionResult,
    ) -> Result<Answered, Failure> {
        let declared = match &route.integration {
            Integration::Lambda(_) if result.has_failed => return Err(result.failure()),
            Integration::Lambda(declared) => declared,
            Integration::Mapped(mapped) => {
                let FunctionResult { payload, has_failed, .. } = result;
                let id = &exchange.ids.request;
                let told = match payload.is_empty() {
                    true => Told::nothing(),
                    false => Told::ended(payload.clone(), *has_failed, id, "$LATEST"),
                };
                let overrides = self.overrides.take().unwrap_or_default();
                return self.told_answered(exchange, mapped, &told, &overrides);
            }
            _ => return Err(Refusal::Internal.into()),
        };
        let answer =
            lambda::answer(exchange, declared, &result.payload).map_err(|fault| Failure {
                cause:
                    "Execution failed due to configuration error: Malformed Lambda proxy response"
                        .into(),
                ..fault.refusal().into()
            })?;
        let facts = HeadFacts {
            protocol: crate::snapshot::Protocol::Rest,
            ids: &exchange.ids,
            connection: Connection::Stays,
            date: &[b' '; 29],
            trace_id: self.trace.as_bytes(),
            is_head: false,
        };
        let mut written = Vec::new();
        let content = lambda::write_head(&answer, &facts, &mut written);
        Ok(self.answered_as_written(answer.status, &written, content))
    }

    /// An answer of which there is the head that a client would get.
    fn answered_as_written(&mut self, status: u16, head: &[u8], content: &[u8]) -> Answered {
        let mut fields = Fields::new();
        // A head of ours, so it is one.
        let _ = http::response_head(head, &mut fields, &limits_of(head), RequestKind::Head);
        let shown: Vec<&Field<'_>> = fields.iter().filter(|it| is_of_method(it)).collect();
        let mut headers: Vec<(String, String)> =
            shown.iter().map(|it| (lossy(it.name), lossy(it.value))).collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id")) {
            headers.push(("X-Amzn-Trace-Id".to_owned(), self.trace.to_owned()));
        }
        self.done(status, headers, content)
    }

    /// An answer that an integration's mappings and templates made.
    fn answered(&mut self, answer: &MethodAnswer<'_>, trace: Option<&str>) -> Answered {
        let trace = trace.map(|trace| ("X-Amzn-Trace-Id".to_owned(), trace.to_owned()));
        let headers = answer.headers.iter().map(|(name, value)| (name.clone(), lossy(value)));
        self.done(answer.status, trace.into_iter().chain(headers).collect(), &answer.content)
    }

    fn done(&mut self, status: u16, headers: Vec<(String, String)>, content: &[u8]) -> Answered {
        let shown: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        self.log.answered(self.now, &shown, content);
        self.log.completed(self.now, status, true);
        Answered { status, headers, body: lossy(content) }
    }

    /// What templates see: the headers that were given and no others.
    fn method_request<'x>(&self, exchange: &Exchange<'x>) -> MethodRequest<'x> {
        let mut request = MethodRequest::of(exchange, Context::of(exchange));
        let ours = [Known::Host, Known::ContentType];
        request.header.retain(|(name, _)| {
            let known = Known::of(name.as_bytes());
            !ours.contains(&known) && !is_forwarding(known)
        });
        request
    }

    fn scratch(&self) -> Scratch {
        Scratch::new(self.tried.random[0])
    }

    /// A failure with what is wrong with the templates, so that the log says where.
    fn told(&self, failure: Failure) -> Failure {
        match failure.cause.as_ref() {
            "Unable to transform request" | "Unable to transform response" => Failure {
                cause: format!("{}: {}", failure.cause, self.tried.problems.join("; ")).into(),
                ..failure
            },
            _ => failure,
        }
    }
}

fn is_forwarding(known: Known) -> bool {
    matches!(known, Known::XForwardedFor | Known::XForwardedPort | Known::XForwardedProto)
}

fn binary_types<'x>(exchange: &Exchange<'x>) -> Cow<'x, BinaryTypes> {
    match exchange.api.and_then(|it| it.api.shared.as_deref()) {
        Some(shared) => Cow::Borrowed(&shared.binary_types),
        None => Cow::Owned(BinaryTypes::default()),
    }
}

/// A request in the words of its log.
struct Shown {
    request_id: String,
    parameters: Vec<(Arc<str>, String)>,
    query: Vec<(Vec<u8>, Vec<u8>)>,
}

fn asked(tried: &Tried, ids: Ids) -> Shown {
    let names = tried.stage.release.routes.first().map(|route| &*route.parameters);
    let names = names.unwrap_or_default().iter();
    let mut query: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let pairs = super::method_request::query_pairs(tried.query.as_deref().unwrap_or("").as_bytes());
    for (name, value) in pairs {
        let (name, value) = (name.into_owned().into_bytes(), value.into_owned().into_bytes());
        // Of repeated names the last is shown.
        match query.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => query.push((name, value)),
        }
    }
    query.sort();
    Shown {
        request_id: ids.request.as_str().to_owned(),
        parameters: names
            .zip(&tried.parameters)
            .map(|(name, value)| (Arc::from(&**name), value.clone()))
            .collect(),
        query,
    }
}

impl Shown {
    fn tell(&self, tried: &Tried, now: Duration, log: &mut ExecutionLog) {
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
        let query: Vec<_> = self.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let headers = tried.shown_headers.iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let asked = Asked {
            request_id: &self.request_id,
            verb: &tried.verb,
            path: tried.path.as_bytes(),
            parameters: &parameters,
            query: &query,
            headers: &headers,
        };
        log.method_request(now, &asked, &tried.body);
    }
}

/// Writes a path or query string as given, but for bytes that no target may have.
fn write_target(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'!' | b'$'..=b'~' if byte != b'#' => out.push(byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
