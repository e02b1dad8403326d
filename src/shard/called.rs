//! Functions behind templates (`AWS` integrations of REST APIs): a request whose event a template has made
//! is handed to its function here, and what comes of it is made into the client's answer.
//!
//! An invocation of type `Event` is told to the control thread, which has the queue and tries again; the
//! client is answered at once. How many such events a shard has on their way there is bounded.

use super::Shard;
use super::asked::refusal_of;
use super::functions::NewInvocation;
use super::functions::worker::Caller;
use super::phases::binary_types;
use crate::control::invocation::{Completion, QueuedEvent};
use crate::control::mailbox::FromShard;
use crate::exchange::execution_log::FunctionCall;
use crate::exchange::integrate::lambda;
use crate::exchange::integrate::lambda::custom::{self, Invocation, Order, Told, Unordered};
use crate::exchange::respond;
use crate::exchange::transform::{self, Overrides, Transformed};
use crate::exchange::{Context, Exchange, Failure, MethodRequest, Refusal, Trace};
use crate::http::Known;
use crate::ring::{Env, SlotId};
use crate::snapshot::Integration;
use crate::snapshot::managed::{CustomLambda, Mapped};
use crate::telemetry::ids;
use crate::telemetry::ids::Uuid;
use std::sync::Arc;
use std::time::Duration;

/// Events of a shard that the control thread has not done with, and what they may hold together. Beyond
/// it they are refused as Lambda refuses one call too many.
const EVENTS_MAX: usize = 1000;
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the answer of a function behind templates needs besides its result.
#[derive(Debug)]
pub(super) struct Templated {
    /// What the request template assigned.
    overrides: Overrides,
    request_id: Uuid,
    /// The version that runs.
    version: Box<str>,
}

/// Events that this shard has handed to the control thread.
#[derive(Debug, Default)]
pub(super) struct EventsUnderWay {
    count: usize,
    bytes: usize,
}

impl<E: Env> Shard<E> {
    /// Invokes the function of an integration whose request template has made its event.
    pub(super) fn invoke_templated(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        (mapped, function): (&Mapped, &CustomLambda),
        made: &Transformed<'_>,
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Failure> {
        let order = match custom::order(exchange, function, made) {
            Ok(order) => order,
            Err(Unordered::Refused(refusal)) => return Err(refusal.into()),
            Err(Unordered::Answered(told)) => {
                return self.answer_told(id, exchange, mapped, &told, &made.overrides, persistent);
            }
        };
        let arn = &function.lambda.function;
        let root = Trace::root(exchange);
        let told = exchange.fields.iter().find(|it| it.known == Known::XAmznTraceId);
        let told = told.and_then(|field| std::str::from_utf8(field.value).ok());
        let trace: Box<str> = told.unwrap_or(root.as_str()).into();
        if let Some(execution) = &mut self.execution {
            let call = FunctionCall {
                region: &function.lambda.facts.region,
                arn,
                api_id: exchange.api.map_or("", |it| &it.api.id),
                request_id: exchange.ids.request.as_str(),
                trace_id: &trace,
            };
            execution.asks_function(self.since_epoch, &call, &order.event);
        }
        let row = self.function_of_arn.get(arn).and_then(|row| self.functions.get(*row));
        let row = row.ok_or(Refusal::FunctionRefused)?;
        if !lambda::is_permitted(exchange, &function.lambda, &row.function) {
            return Err(Refusal::FunctionRefused.into());
        }
        let Order { invocation, event, client_context } = order;
        let request_id = ids::uuid([self.env.random(), self.env.random()]);
        match invocation {
            Invocation::DryRun => {}
            Invocation::Event => {
                let row = &row.function;
                let event = QueuedEvent {
                    shard: self.id,
                    function: arn.clone(),
                    event,
                    client_context,
                    timeout: row.timeout,
                    rules: Arc::clone(&row.events),
                };
                let is_off = row.reserved_concurrency == Some(0);
                self.queue_event(event, is_off)?;
            }
            Invocation::RequestResponse => {
                let mut asked = self.new_asked(id, exchange, raw, 0, persistent)?;
                asked.trace = String::from_utf8_lossy(Trace::of(exchange).as_bytes()).into();
                let overrides = made.overrides.clone();
                asked.execution = self.execution.take();
                asked.invoked(request_id);
                let version = Box::default();
                asked.templated = Some(Box::new(Templated { overrides, request_id, version }));
                let request_bytes = exchange.content.unwrap_or_default().len() as u64;
                self.await_function(asked, request_bytes, |shard, asked| {
                    let new = NewInvocation {
                        request_id,
                        event,
                        trace: Some(trace),
                        client_context,
                        caller: Caller::Asked(asked),
                        patience: function.lambda.timeout,
                    };
                    let invocation = shard.invoke(arn, new).map_err(refusal_of)?;
                    shard.tell_version(asked, invocation);
                    Ok(invocation)
                })?;
                return Ok(());
            }
        }
        self.answer_told(
            id,
            exchange,
            mapped,
            &Told::nothing(invocation),
            &made.overrides,
            persistent,
        )
    }

    /// Which version an invocation runs is known only now: an alias may lead to two.
    fn tell_version(&mut self, asked: SlotId, invocation: SlotId) {
        let function = self.invocations.get(invocation).map(|it| it.function);
        let row = function.and_then(|function| self.functions.get(function));
        let asked = self.asked.get_mut(asked);
        if let (Some(row), Some(asked)) = (row, asked)
            && let Some(templated) = &mut asked.templated
        {
            templated.version = row.function.launch.version.as_str().into();
        }
    }

    /// Hands an event to the control thread, which answers for it from then on.
    fn queue_event(&mut self, event: QueuedEvent, is_off: bool) -> Result<(), Refusal> {
        let bytes = event.event.len();
        if is_off || self.events.count >= EVENTS_MAX || self.events.bytes + bytes > EVENT_BYTES_MAX
        {
            return Err(Refusal::FunctionRefused);
        }
        self.events.count += 1;
        self.events.bytes += bytes;
        self.send_report(FromShard::Event(Box::new(event)));
        Ok(())
    }

    /// The control thread has done with an event of that many bytes.
    pub(super) fn event_over(&mut self, bytes: usize) {
        self.events.count = self.events.count.saturating_sub(1);
        self.events.bytes = self.events.bytes.saturating_sub(bytes);
    }

    /// Answers at once with what Lambda would say.
    fn answer_told(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        mapped: &Mapped,
        told: &Told,
        overrides: &Overrides,
        persistent: bool,
    ) -> Result<(), Failure> {
        let exchange = &Exchange { integrated: Some(told.status()), ..exchange.clone() };
        let request = MethodRequest::of(exchange, Context::of(exchange));
        let fields = told.fields();
        let back_end = told.back_end(&fields);
        if let Some(execution) = &mut self.execution {
            let at_once = Duration::ZERO;
            execution.back_end_answers(self.since_epoch, told.status(), at_once, &fields);
            execution.answer_content(back_end.content);
        }
        let binary_types = binary_types(exchange);
        let answer = transform::response(
            &mapped.plan,
            &request,
            &back_end,
            &binary_types,
            overrides,
            &mut self.scratch,
        )?;
        let trace = Trace::of(exchange);
        self.answer_made(id, exchange, &answer, Some(trace.as_bytes()), persistent);
        Ok(())
    }

    /// What came of the invocation of a function behind templates.
    pub(super) fn templated_answered(&mut self, id: SlotId, completion: Completion) {
        self.tell_completion(id, &completion);
        let Some(asked) = self.asked.get_mut(id) else { return };
        let Some(templated) = asked.templated.take() else { return };
        let (result, is_failure) = match completion {
            Completion::NotDone(why) => return self.refuse_asked(id, refusal_of(why)),
            Completion::Failure(payload) => (payload, true),
            Completion::Result(result) => (result, false),
        };
        let told = Told::ended(result, is_failure, &templated.request_id, &templated.version);
        let fields = told.fields();
        let scratch = &mut self.scratch;
        let Some(asked) = self.asked.get(id) else { return };
        let made = asked.with_exchange(&self.managed, |exchange, route| {
            let Integration::Mapped(mapped) = &route.integration else {
                return Err(Refusal::Internal.into());
            };
            let request = MethodRequest::of(exchange, Context::of(exchange).answered(&fields));
            let binary_types = binary_types(exchange);
            transform::response(
                &mapped.plan,
                &request,
                &told.back_end(&fields),
                &binary_types,
                &templated.overrides,
                scratch,
            )
        });
        match made.unwrap_or_else(|| Err(Refusal::Internal.into())) {
            Err(failure) => self.fail_asked(id, &failure),
            Ok(answer) => {
                if let Some(execution) = self.asked.get_mut(id).and_then(|it| it.execution.as_mut())
                {
                    let headers = answer.headers.iter();
                    let headers = headers.filter_map(|(name, value)| {
                        Some((name.as_str(), std::str::from_utf8(value).ok()?))
                    });
                    execution.answered_with(self.since_epoch, headers, &answer.content);
                }
                self.answer_asked(id, None, |asked, _, connection, date, out| {
                    let (ids, is_head) = (&asked.ids, asked.is_head);
                    let out = out.written();
                    let trace = Some(asked.trace.as_bytes());
                    let bytes = respond::made(&answer, ids, trace, connection, date, is_head, out);
                    (answer.status, bytes)
                });
            }
        }
    }
}
