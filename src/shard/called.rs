//! Functions behind templates (`AWS` integrations of REST APIs): a request whose event a template has made
//! is handed to its function here, and what comes of it is made into the client's answer.
//!
//! An invocation of type `Event` is told to the control thread, which writes it down and tries it; the client
//! is answered when it is on disk. Until then it is an [`Invocation`](super::functions::worker::Invocation)
//! that nobody works at, so that it has its patience and its end like any other. How many such events a shard
//! has given away is bounded.

use super::Shard;
use super::asked::refusal_of;
use super::functions::worker::Caller;
use super::functions::{Ending, NewInvocation};
use super::phases::binary_types;
use crate::control::invocation::{Completion, NotDone, QueuedEvent};
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
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Events of a shard that the control thread has not done with, and what they may hold together. Beyond
/// it they are refused as Lambda refuses one call too many.
const EVENTS_MAX: usize = 1000;
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest that a function of Lambda's may take.
const FAR_TIMEOUT: Duration = Duration::from_secs(900);

/// What the answer of a function behind templates needs besides its result.
#[derive(Debug)]
pub(super) struct Templated {
    /// What the request template assigned.
    overrides: Overrides,
    pub(super) request_id: Uuid,
    /// The version that runs.
    pub(super) version: Box<str>,
    /// How the function was invoked.
    invocation: custom::Invocation,
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
        let (timeout, rules) = match row {
            Some(row) if !lambda::is_permitted(exchange, &function.lambda, &row.function) => {
                return Err(Refusal::FunctionRefused.into());
            }
            Some(row) => (row.function.timeout, Arc::clone(&row.function.events)),
            // Whether that may be is decided there. Nobody here knows how long it may take.
            None if self.snapshot.remote_functions.find(arn).is_some() => {
                (FAR_TIMEOUT, Arc::default())
            }
            None => return Err(Refusal::FunctionRefused.into()),
        };
        let Order { invocation, event, client_context } = order;
        if invocation == Invocation::DryRun {
            let told = Told::nothing(invocation);
            return self.answer_told(id, exchange, mapped, &told, &made.overrides, persistent);
        }
        let request_id = ids::uuid([self.env.random(), self.env.random()]);
        let mut asked = self.new_asked(id, exchange, raw, 0, persistent)?;
        asked.trace = String::from_utf8_lossy(Trace::of(exchange).as_bytes()).into();
        let overrides = made.overrides.clone();
        asked.execution = self.execution.take();
        asked.invoked(request_id);
        let version = Box::default();
        let templated = Templated { overrides, request_id, version, invocation };
        asked.templated = Some(Box::new(templated));
        let request_bytes = exchange.content.unwrap_or_default().len() as u64;
        let patience = function.lambda.timeout;
        self.await_function(asked, request_bytes, |shard, asked| {
            let caller = Caller::Asked(asked);
            if invocation == Invocation::Event {
                let event = QueuedEvent {
                    shard: shard.id,
                    invocation: 0,
                    request_id,
                    function: arn.clone(),
                    event,
                    client_context,
                    timeout,
                    rules,
                };
                return shard.queue_event(event, caller, patience);
            }
            let trace = Some(trace);
            let new = NewInvocation { request_id, event, trace, client_context, caller, patience };
            let invocation = shard.invoke(arn, new).map_err(refusal_of)?;
            shard.tell_version(asked, invocation);
            Ok(invocation)
        })?;
        Ok(())
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

    /// Hands an event to the control thread, which answers for it once it says so.
    fn queue_event(
        &mut self,
        mut event: QueuedEvent,
        caller: Caller,
        patience: Duration,
    ) -> Result<SlotId, Refusal> {
        let bytes = event.event.len();
        if self.events.count >= EVENTS_MAX || self.events.bytes + bytes > EVENT_BYTES_MAX {
            return Err(Refusal::FunctionRefused);
        }
        self.events.count += 1;
        self.events.bytes += bytes;
        let id = self.await_elsewhere(event.request_id, Box::default(), caller, patience);
        event.invocation = id.bits();
        self.send_report(FromShard::Event(Box::new(event)));
        Ok(id)
    }

    /// An event is on disk, or will not be.
    pub(super) fn event_taken(&mut self, invocation: u64, is_taken: bool) {
        let completion = match is_taken {
            true => Completion::Result(Bytes::new()),
            false => Completion::NotDone(NotDone::NotStarted),
        };
        self.end_invocation(SlotId::from_bits(invocation), completion);
    }

    /// The control thread has done with an event of that many bytes.
    pub(super) fn event_over(&mut self, bytes: usize) {
        self.events.count = self.events.count.saturating_sub(1);
        self.events.bytes = self.events.bytes.saturating_sub(bytes);
    }

    /// An event was taken: what Lambda says to that.
    fn event_told(&mut self, id: SlotId) -> Told {
        let told = Told::nothing(Invocation::Event);
        if let Some(asked) = self.asked.get_mut(id) {
            let since = asked.handed_over.unwrap_or(asked.started);
            let latency = self.now.saturating_duration_since(since);
            asked.note_status(told.status(), latency);
            if let Some(execution) = &mut asked.execution {
                execution.back_end_answers(self.since_epoch, told.status(), latency, &[]);
                execution.answer_content(b"");
            }
        }
        told
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
    pub(super) fn templated_answered(&mut self, id: SlotId, ending: Ending) {
        let is_event = self
            .asked
            .get(id)
            .and_then(|asked| asked.templated.as_ref())
            .is_some_and(|templated| templated.invocation == Invocation::Event);
        if !is_event {
            self.tell_ending(id, &ending);
        }
        let Some(asked) = self.asked.get_mut(id) else { return };
        let Some(templated) = asked.templated.take() else { return };
        let (result, is_failure) = match ending.told() {
            Completion::NotDone(why) => return self.refuse_asked(id, refusal_of(why)),
            Completion::Failure(payload) => (payload, true),
            Completion::Result(result) => (result, false),
        };
        let told = match is_event {
            true => self.event_told(id),
            false => Told::ended(result, is_failure, &templated.request_id, &templated.version),
        };
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
