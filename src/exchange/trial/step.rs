//! One step of a trial: from a request to what is asked of a back end, and from what it said to the
//! method response. The same functions that a shard calls, with every step told.

use super::call::{BackEndCall, FunctionRequest, FunctionResult};
use super::{AnswerReader, Answered, Keys, Next, Tried, lossy};
use crate::exchange::execution_log::{FunctionCall, is_of_method, limits_of, malformed};
use crate::exchange::integrate::http_proxy::{self, HostPlace, Made, has_content};
use crate::exchange::integrate::lambda::custom::{self, Invocation, Order, Told, Unordered};
use crate::exchange::integrate::lambda::{self, HeadFacts};
use crate::exchange::integrate::service::{self, NoKey, Signing};
use crate::exchange::respond::{self, Changes, Connection, ResponseFraming};
use crate::exchange::transform::{self, BackEnd, MethodAnswer, Overrides, Scratch};
use crate::exchange::{Context, Exchange, ExecutionLog, Failure, MethodRequest, Refusal, validate};
use crate::http::{self, Field, Fields, Known, RequestKind};
use crate::snapshot::managed::{BinaryTypes, CustomLambda, Mapped};
use crate::snapshot::service::Service;
use crate::snapshot::{Function, HttpProxy, Integration, Lambda, Phase, Protocol, Refusing, Route};
use std::borrow::Cow;
use std::time::Duration;

/// One step of a trial, with what it may change.
pub(super) struct Step<'t> {
    pub(super) tried: &'t Tried,
    /// What back ends and the client are told.
    pub(super) trace: &'t str,
    /// What functions are told: the client's word, or a root.
    pub(super) begun: &'t str,
    pub(super) log: &'t mut ExecutionLog,
    pub(super) overrides: &'t mut Option<Overrides>,
    pub(super) keys: &'t mut Keys,
    pub(super) now: Duration,
}

impl Step<'_> {
    pub(super) fn run(
        &mut self,
        exchange: &Exchange<'_>,
        route: &Route,
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<Next, Failure> {
        for phase in &route.program.phases {
            match phase {
                // Whoever may make a test call may call the method.
                Phase::Authorize(_) => {}
                Phase::Validate => {
                    let Some(validation) = route.validation.as_deref() else { continue };
                    validate::parameters(exchange, validation)?;
                    let content = exchange.content.unwrap_or_default();
                    validate::content(exchange, validation, content)?;
                }
                Phase::Integrate => return self.integrate(exchange, route, permitted),
                Phase::Refuse(Refusing::Misconfigured) => {
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
        let method = proxy.method.as_deref().unwrap_or(exchange.method);
        let facts = made.as_ref().map(|made| Made {
            content_bytes: if has_content(method) { made.content.len() } else { 0 },
            is_made: made.is_made,
            overrides: &made.overrides,
        });
        let content: &[u8] = match &made {
            Some(made) if has_content(method) => &made.content,
            Some(_) => &[],
            None if http_proxy::drops_content(exchange, proxy) => &[],
            None => exchange.content.unwrap_or_default(),
        };
        let mut written = Vec::with_capacity(512);
        let place = match (proxy.service.as_deref(), &facts) {
            (None, _) => http_proxy::request_head(exchange, proxy, facts.as_ref(), &mut written)?,
            (Some(service), Some(facts)) => {
                let call = (proxy, service);
                match self.signed_head(exchange, call, facts, content, &mut written)? {
                    Some(place) => place,
                    None => return Ok(Next::Key(service.role.clone())),
                }
            }
            // Requests of services are made by templates and mappings.
            (Some(_), None) => return Err(Refusal::Internal.into()),
        };
        let (line, rest) = written.split_at(place.at);
        let mut request = line.to_vec();
        if !place.is_mapped {
            http::write::field(&mut request, b"host", target.authority.as_bytes());
        }
        request.extend_from_slice(rest);
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

    /// Writes the head of a service's request, signature and all. `None`: the key is to be found first.
    fn signed_head(
        &mut self,
        exchange: &Exchange<'_>,
        call: (&HttpProxy, &Service),
        made: &Made<'_>,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<HostPlace>, Failure> {
        let now = self.now;
        let Keys { keyring, missing } = &mut *self.keys;
        match (keyring.key(call.1, now), *missing) {
            (Ok(key), _) => {
                let signing = Signing { key, now };
                Ok(Some(service::request_head(exchange, call, made, content, signing, out)?))
            }
            (Err(NoKey::Unknown), None) => Ok(None),
            // Amazon's words, and what can be done here.
            (Err(_), Some(error)) | (Err(error), None) => Err(Failure::configuration(format!(
                "API Gateway does not have permission to assume the provided role: {error}"
            ))),
        }
    }

    pub(super) fn back_end_answered(
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
            let request = self.method_request(exchange).answered(&fields);
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
            Protocol::Rest,
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
        let trace = self.begun.as_bytes();
        lambda::write_event(exchange, declared, content, trace, exchange.received, &mut event)?;
        self.tell_call(exchange, declared, &event, permitted)?;
        Ok(Next::Function(FunctionRequest {
            function: declared.function.clone(),
            event: event.into(),
            client_context: None,
            timeout: declared.timeout,
            waits: true,
        }))
    }

    /// Tells that a function is about to be called, which it must permit.
    fn tell_call(
        &mut self,
        exchange: &Exchange<'_>,
        declared: &Lambda,
        event: &[u8],
        permitted: &dyn Fn(&Lambda) -> Option<Function>,
    ) -> Result<(), Failure> {
        let api = exchange.api.ok_or(Refusal::Internal)?.api;
        let call = FunctionCall {
            region: &declared.facts.region,
            arn: &declared.function,
            api_id: &api.id,
            request_id: exchange.ids.request.as_str(),
            trace_id: self.begun,
        };
        self.log.function_request(self.now, &call, event);
        let function = permitted(declared);
        if function.is_some_and(|it| !lambda::is_permitted(exchange, declared, &it)) {
            return Err(Refusal::FunctionRefused.into());
        }
        Ok(())
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
        self.tell_call(exchange, declared, &event, permitted)?;
        if invocation == Invocation::DryRun {
            let nothing = Told::nothing(invocation);
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
        let (types, fields) = (binary_types(exchange), told.fields());
        let request = self.method_request(exchange).answered(&fields);
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

    pub(super) fn function_answered(
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
                    true => Told::nothing(Invocation::Event),
                    false => Told::ended(payload.clone(), *has_failed, id, "$LATEST"),
                };
                let overrides = self.overrides.take().unwrap_or_default();
                return self.told_answered(exchange, mapped, &told, &overrides);
            }
            _ => return Err(Refusal::Internal.into()),
        };
        let accept = lambda::accept_for(exchange, declared);
        let answer = lambda::answer(Protocol::Rest, declared, accept, &result.payload)
            .map_err(|fault| malformed(fault.refusal()))?;
        let facts = HeadFacts {
            protocol: Protocol::Rest,
            ids: &exchange.ids,
            connection: Connection::Stays,
            date: &[b' '; 29],
            trace_id: self.trace.as_bytes(),
            is_head: false,
            framing: None,
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
        let has_trace = exchange.fields.iter().any(|it| it.known == Known::XAmznTraceId);
        request.header.retain(|(name, _)| {
            let known = Known::of(name.as_bytes());
            !ours.contains(&known)
                && !is_forwarding(known)
                && (known != Known::XAmznTraceId || has_trace)
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
