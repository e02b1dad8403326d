//! The phases of a request between its route and its answer, and those answers that need no back end.

use super::Shard;
use super::asked::Unfinished;
use crate::exchange::integrate::http_proxy::{self, Made, has_content};
use crate::exchange::respond::{self, Connection, PREFLIGHT_STATUS};
use crate::exchange::transform::{self, BackEnd, MethodAnswer};
use crate::exchange::{Context, Exchange, Failure, MethodRequest, Refusal, validate};
use crate::http::{BodyReader, Known};
use crate::ring::{Env, SlotId};
use crate::snapshot::managed::{BinaryTypes, Cors, Mapped};
use crate::snapshot::{Integration, Phase, Protocol, Refusing, Route};
use std::borrow::Cow;

impl<E: Env> Shard<E> {
    /// Runs a route's phases from the one with that number. `raw` is the request's head as received.
    pub(super) fn run_phases(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        route: &Route,
        from: usize,
        raw: &[u8],
        persistent: bool,
    ) {
        for (index, phase) in route.program.phases.iter().enumerate().skip(from) {
            if let Some(execution) = &mut self.execution
                && is_of_method(*phase)
            {
                execution.starts(exchange, self.since_epoch);
            }
            let done = match phase {
                Phase::Authorize(authorizer) => {
                    return self.authorize(id, exchange, *authorizer, index, raw, persistent);
                }
                Phase::Validate => validated(exchange, route),
                Phase::Integrate => {
                    self.integrate(id, exchange, &route.integration, raw, persistent)
                }
                Phase::Refuse(refusing) => Err(Refusal::from(*refusing).into()),
            };
            let failure = match done {
                Ok(()) => continue,
                Err(Unfinished::Failed(failure)) => failure,
                Err(Unfinished::WantsContent) => {
                    match self.gather(id, exchange, raw, index, persistent) {
                        Ok(()) => return,
                        Err(refusal) => refusal.into(),
                    }
                }
            };
            return self.answer_failure(id, exchange, &failure, persistent);
        }
    }

    fn integrate(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        integration: &Integration,
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Unfinished> {
        match integration {
            Integration::HttpProxy(proxy) if proxy.service.is_some() => {
                return self.integrate_action(id, exchange, proxy, raw, persistent);
            }
            Integration::HttpProxy(proxy) => {
                let needs_content =
                    proxy.mapping.as_deref().is_some_and(|mapping| mapping.needs_content())
                        || http_proxy::drops_content(exchange, proxy);
                if needs_content && content(exchange).is_none() {
                    return Err(Unfinished::WantsContent);
                }
                self.prepare(id, exchange, proxy, None, raw, persistent)?;
            }
            Integration::Mock(mock) => self.answer_mock(id, exchange, mock, persistent),
            Integration::Mapped(mapped) => {
                return self.integrate_mapped(id, exchange, mapped, raw, persistent);
            }
            Integration::Lambda(declared) => {
                let content = content(exchange).ok_or(Unfinished::WantsContent)?;
                self.invoke_proxy(id, exchange, declared, content, raw, persistent)?;
            }
            Integration::Misconfigured => return Err(Refusal::Misconfigured.into()),
        }
        Ok(())
    }

    fn integrate_mapped(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        mapped: &Mapped,
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Unfinished> {
        // Its templates are run where every step is told.
        if let Some(fixed) = &mapped.fixed
            && self.execution.is_none()
        {
            let value = |known| {
                exchange.fields.iter().rfind(|field| field.known == known).map(|it| it.value)
            };
            if let Some(mock) = fixed.choose(value(Known::ContentType), value(Known::Accept)) {
                self.answer_mock(id, exchange, mock, persistent);
                return Ok(());
            }
        }
        let Some(content) = content(exchange) else { return Err(Unfinished::WantsContent) };
        let binary_types = binary_types(exchange);
        let mut request = MethodRequest::of(exchange, Context::of(exchange));
        request.content = content;
        let made = transform::request(&mapped.plan, &request, &binary_types, &mut self.scratch)?;
        if let Some(function) = &mapped.function {
            self.invoke_templated(id, exchange, (mapped, function), &made, raw, persistent)?;
            return Ok(());
        }
        let Some(proxy) = &mapped.proxy else {
            let status = transform::status(&made)?.map(|status| status.to_string());
            let back_end = BackEnd { selected_by: status.as_deref(), fields: &[], content: &[] };
            let answer = transform::response(
                &mapped.plan,
                &request,
                &back_end,
                &binary_types,
                &made.overrides,
                &mut self.scratch,
            )?;
            self.answer_made(id, exchange, &answer, None, persistent);
            return Ok(());
        };
        self.prepare(id, exchange, proxy, Some(made), raw, persistent)?;
        Ok(())
    }

    pub(super) fn answer_made(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        answer: &MethodAnswer<'_>,
        trace: Option<&[u8]>,
        persistent: bool,
    ) {
        let persistent = persistent && self.keeps_framing(exchange);
        let connection = Connection::of(persistent, exchange.head.version);
        let date = self.date.at(self.since_epoch.as_secs());
        let Some(client) = self.clients.get_mut(id) else { return };
        let is_head = exchange.head.method == "HEAD";
        let out = client.stream.out(self.env.ring()).written();
        let start = out.len();
        let bytes = respond::made(answer, &exchange.ids, trace, connection, date, is_head, out);
        if let Some(execution) = &mut self.execution {
            execution.answered(self.since_epoch, &out[start..]);
        }
        self.record_answer(id, exchange, answer.status, bytes, None);
        self.answered_before_content(id, exchange, persistent);
    }

    fn answer_mock(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        mock: &crate::snapshot::Mock,
        persistent: bool,
    ) {
        let protocol = exchange.protocol.unwrap_or(Protocol::Http);
        let persistent = persistent && self.keeps_framing(exchange);
        let connection = Connection::of(persistent, exchange.head.version);
        let date = self.date.at(self.since_epoch.as_secs());
        let Some(client) = self.clients.get_mut(id) else { return };
        let out = client.stream.out(self.env.ring());
        let response_bytes = crate::exchange::integrate::mock::answer(
            exchange, mock, protocol, connection, date, out,
        );
        self.record_answer(id, exchange, mock.status, response_bytes, None);
        self.answered_before_content(id, exchange, persistent);
    }

    /// Answers a preflight that no route takes.
    pub(super) fn answer_preflight(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        cors: &Cors,
        persistent: bool,
    ) {
        let persistent = persistent && self.keeps_framing(exchange);
        let connection = Connection::of(persistent, exchange.head.version);
        let date = self.date.at(self.since_epoch.as_secs());
        let Some(client) = self.clients.get_mut(id) else { return };
        let out = client.stream.out(self.env.ring()).written();
        respond::preflight(exchange, cors, connection, date, out);
        self.record_answer(id, exchange, PREFLIGHT_STATUS, 0, None);
        self.answered_before_content(id, exchange, persistent);
    }

    /// Answers a request that failed before a back end was asked.
    pub(super) fn answer_failure(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        failure: &Failure,
        persistent: bool,
    ) {
        let refusal = failure.refusal;
        let persistent = persistent
            && self.keeps_framing(exchange)
            && !matches!(refusal, Refusal::BodyTooLarge { .. });
        let connection = Connection::of(persistent, exchange.head.version);
        let date = self.date.at(self.since_epoch.as_secs());
        let Some(client) = self.clients.get_mut(id) else { return };
        let out = client.stream.out(self.env.ring()).written();
        let (status, bytes) = respond::fail(exchange, failure, connection, date, out);
        if !failure.cause.is_empty() {
            let api = exchange.api.map_or("", |it| &it.api.id);
            tracing::debug!(shard = self.id, api, error = %failure.cause, "refused a request");
        }
        self.record.recorder.refused(super::serve::counted(refusal));
        if let Some(execution) = &mut self.execution {
            execution.failed(self.since_epoch, failure);
        }
        self.record_answer(id, exchange, status, bytes, Some(failure));
        self.answered_before_content(id, exchange, persistent);
    }

    fn keeps_framing(&self, exchange: &Exchange<'_>) -> bool {
        exchange.content.is_some() || super::serve::keeps_framing(exchange.head)
    }
}

/// Whether a phase is part of running a method, and not of deciding whether it may be run.
fn is_of_method(phase: Phase) -> bool {
    match phase {
        Phase::Validate | Phase::Integrate | Phase::Refuse(Refusing::Misconfigured) => true,
        Phase::Authorize(_) | Phase::Refuse(_) => false,
    }
}

/// The content, once it is complete; a request without any has it from the start.
pub(super) fn content<'x>(exchange: &Exchange<'x>) -> Option<&'x [u8]> {
    let none = BodyReader::new(exchange.head.framing).is_done();
    exchange.content.or_else(|| none.then_some(&[][..]))
}

fn validated(exchange: &Exchange<'_>, route: &Route) -> Result<(), Unfinished> {
    let Some(validation) = route.validation.as_deref() else { return Ok(()) };
    validate::parameters(exchange, validation)?;
    if validation.wants_content() {
        let content = content(exchange).ok_or(Unfinished::WantsContent)?;
        validate::content(exchange, validation, content)?;
    }
    Ok(())
}

/// Which content the exchange's API takes for binary.
pub(super) fn binary_types<'x>(exchange: &Exchange<'x>) -> Cow<'x, BinaryTypes> {
    match exchange.api.and_then(|it| it.api.shared.as_deref()) {
        Some(shared) => Cow::Borrowed(&shared.binary_types),
        None => Cow::Owned(BinaryTypes::default()),
    }
}

/// What `prepare` has to know of content that was made: how much of it is sent.
pub(super) fn made_for<'m>(made: &'m transform::Transformed<'_>, method: &str) -> Made<'m> {
    let content_bytes = if has_content(method) { made.content.len() } else { 0 };
    Made { content_bytes, is_made: made.is_made, overrides: &made.overrides }
}
