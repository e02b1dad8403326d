//! Functions that are invoked elsewhere, by the Lambda API of AWS or of another ringgate.
//!
//! To whoever asks it is an invocation like any other. Behind it stands a request to a back end that has
//! no client: its answer is kept, and ends the invocation. Nothing is sent from within the call that
//! asks; the first try starts when the timers of this turn fire.
//!
//! ```text
//! Pausing --due--> Prepared ... Sent --answer--> invocation over
//!    ^                                  |
//!    '------- throttled or failing -----'   at most twice, with a pause that doubles
//! ```
//! What is tried again is what Amazon's SDKs try again: 429, 500, 502, 503, 504 and broken connections,
//! three tries in all, as the upstream's retry budget allows.

use super::asked::Asked;
use super::exchanges::{Proxied, ServedBy, Stage};
use super::functions::NewInvocation;
use super::functions::worker::Caller;
use super::kept::KeptAnswer;
use super::remote_stream::RemoteStream;
use super::timers::Deadline;
use super::{Kind, Shard};
use crate::control::invocation::{Completion, NotDone, PAYLOAD_BYTES_MAX};
use crate::exchange::integrate::service::{self, InvocationFacts};
use crate::exchange::respond::ResponseFraming;
use crate::exchange::transform::Overrides;
use crate::exchange::{Failure, Ids, Refusal};
use crate::http::{RequestKind, Version};
use crate::ring::{Env, SlotId};
use crate::snapshot::{ApiIndex, Protocol, RouteIndex};
use crate::telemetry::ids::{self, Uuid};
use bytes::Bytes;
use std::rc::Rc;
use std::time::Duration;

/// Tries after the first.
const RETRIES_MAX: u32 = 2;
/// The longest pause before the first retry; it doubles with each, and a random part of it is taken.
const PAUSE: Duration = Duration::from_millis(100);
/// The same, where the function is throttled.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);

/// An invocation that is a request to a back end.
#[derive(Debug)]
pub(super) struct RemoteCall {
    pub(super) invocation: SlotId,
    /// The answer so far.
    pub(super) answer: KeptAnswer,
    retries: u32,
    /// What is streamed to the client as it comes, where its route wants that.
    pub(super) stream: Option<Box<RemoteStream>>,
}

/// What the place where a function runs calls an invocation.
pub(super) struct Names {
    request_id: Option<Uuid>,
    version: Option<Box<str>>,
}

impl Names {
    pub(super) fn of(answer: &KeptAnswer) -> Self {
        let fields = answer.fields();
        let field = |name: &str| {
            let found = fields.iter().find(|it| it.name.eq_ignore_ascii_case(name.as_bytes()));
            found.and_then(|it| std::str::from_utf8(it.value).ok())
        };
        Self {
            request_id: field("x-amzn-requestid").and_then(ids::known_uuid),
            version: field("x-amz-executed-version").map(Into::into),
        }
    }
}

/// A row that no table has.
pub(super) fn nobody() -> SlotId {
    SlotId::from_bits(u64::MAX)
}

impl<E: Env> Shard<E> {
    /// Invokes a function that is not on this host.
    ///
    /// # Errors
    /// It is nowhere, or cannot be asked; the caller is not told again.
    pub(super) fn invoke_remote(
        &mut self,
        arn: &str,
        new: NewInvocation,
    ) -> Result<SlotId, NotDone> {
        let snapshot = Rc::clone(&self.snapshot);
        let place = snapshot.remote_functions.find(arn).ok_or(NotDone::NoFunction)?;
        if new.event.len() > PAYLOAD_BYTES_MAX {
            return Err(NotDone::EventTooLarge);
        }
        let index = place.remote.upstream.0 as usize;
        let pool_id = *self.pool_of_upstream.get(index).ok_or(NotDone::NotStarted)?;
        let random = std::array::from_fn(|_| self.env.random());
        let trace: Box<str> = new.trace.unwrap_or_else(|| {
            let root = ids::trace_root(self.since_epoch.as_secs() as u32, [random[0], random[1]]);
            root.as_str().into()
        });
        let service = &place.remote.service;
        let now = self.since_epoch;
        let mut request = self.spare_requests.pop().unwrap_or_default();
        let client_context = new.client_context.as_deref();
        let streams = self.wants_stream(new.caller);
        let host_place = match self.keyring.key(service, now) {
            Ok(key) => {
                let facts = InvocationFacts { trace: &trace, client_context, streams };
                service::invocation(&place, facts, &new.event, (key, now), &mut request)
            }
            Err(error) => {
                self.warn_unsigned(&service.role, error);
                return Err(NotDone::NotStarted);
            }
        };
        self.pools.get_mut(pool_id).ok_or(NotDone::NotStarted)?.begin();
        let invocation_id = self.await_elsewhere(new.request_id, trace, new.caller, new.patience);
        let answer = KeptAnswer::awaited(Overrides::default());
        let stream = streams.then(Box::default);
        let call = RemoteCall { invocation: invocation_id, answer, retries: 0, stream };
        let exchange_id = self.exchanges.insert(Proxied {
            client: nobody(),
            snapshot: Rc::clone(&snapshot),
            // Nothing of these is looked at.
            api: ServedBy::File(ApiIndex(0)),
            route: RouteIndex(0),
            protocol: Protocol::Http,
            ids: Ids::new(random),
            trace: None,
            client_version: Version::Http11,
            kind: RequestKind::Other,
            client_kind: RequestKind::Other,
            // The SDKs send it again when a connection breaks.
            is_idempotent: true,
            persistent: true,
            request_is_chunked: false,
            request,
            host_place,
            can_replay: true,
            hash: None,
            pool: pool_id,
            backend: None,
            stage: Stage::Pausing,
            avoid: None,
            attempts: 0,
            stale_retried: false,
            started: self.now,
            handed_over: None,
            timeout: new.patience,
            deadline: Deadline::default(),
            framing: ResponseFraming::None,
            status: 0,
            integration_latency: None,
            request_bytes: new.event.len() as u64,
            response_bytes: 0,
            log: None,
            kept: None,
            remote: Some(Box::new(call)),
            execution: None,
            cors: None,
        });
        self.pause(exchange_id, Duration::ZERO);
        if let Some(invocation) = self.invocations.get_mut(invocation_id) {
            invocation.remote = Some(exchange_id);
        }
        Ok(invocation_id)
    }

    /// Whether a caller's route wants the answer as it comes.
    fn wants_stream(&self, caller: Caller) -> bool {
        let Caller::Asked(id) = caller else { return false };
        let declared = self.asked.get(id).and_then(Asked::function);
        declared.is_some_and(|it| it.facts.streams.is_some())
    }

    fn pause(&mut self, id: SlotId, pause: Duration) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        exchange.stage = Stage::Pausing;
        self.timers.set(&mut exchange.deadline, self.now + pause, Kind::Exchange.token(id));
    }

    /// The pause before a try is over.
    pub(super) fn pause_over(&mut self, id: SlotId) {
        if let Some(exchange) = self.exchanges.get_mut(id) {
            exchange.stage = Stage::Prepared;
            self.launch(id);
        }
    }

    /// The answer is complete, and its connection has been seen to.
    pub(super) fn remote_answered(&mut self, id: SlotId) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        let pool_id = exchange.pool;
        let Some(call) = &mut exchange.remote else { return };
        let status = call.answer.status;
        let may_repeat = call.retries < RETRIES_MAX
            && matches!(status, 429 | 500 | 502 | 503 | 504)
            && self.pools.get_mut(pool_id).is_some_and(|pool| pool.may_retry());
        if may_repeat {
            let longest = if status == 429 { THROTTLED_PAUSE } else { PAUSE };
            let longest = longest * 2_u32.saturating_pow(call.retries);
            call.retries += 1;
            exchange.attempts = 0;
            // A whole part of a thousand: so many callers do not come back at the same moment.
            let part = (self.env.random() % 1000) as u32;
            return self.pause(id, longest * part / 1000);
        }
        let invocation = call.invocation;
        let function_failed = call
            .answer
            .fields()
            .iter()
            .any(|it| it.name.eq_ignore_ascii_case(b"x-amz-function-error"));
        let names = Names::of(&call.answer);
        let content = Bytes::from(std::mem::take(&mut call.answer.content));
        let stream = call.stream.take().filter(|_| matches!(status, 200..=299));
        self.name_invocation(invocation, names);
        let completion = match status {
            _ if stream.is_some() => {
                stream.map_or(Completion::NotDone(NotDone::NotStarted), |it| it.completion())
            }
            200..=299 if function_failed => Completion::Failure(content),
            200..=299 => Completion::Result(content),
            _ => {
                self.warn_not_invoked(status, &content);
                Completion::NotDone(match status {
                    404 => NotDone::NoFunction,
                    413 => NotDone::EventTooLarge,
                    429 => NotDone::Throttled,
                    _ => NotDone::NotStarted,
                })
            }
        };
        self.end_exchange(id, None);
        self.end_invocation(invocation, completion);
    }

    /// The place where it runs has named an invocation, so that its log is found, and the version.
    pub(super) fn name_invocation(&mut self, id: SlotId, names: Names) {
        let Some(invocation) = self.invocations.get_mut(id) else { return };
        invocation.request_id = names.request_id.unwrap_or(invocation.request_id);
        let Caller::Asked(asked) = invocation.caller else { return };
        let Some(asked) = self.asked.get_mut(asked) else { return };
        asked.invoked(invocation.request_id);
        if let Some(templated) = &mut asked.templated {
            templated.request_id = invocation.request_id;
            templated.version = names.version.unwrap_or_default();
        }
    }

    /// There is no answer.
    pub(super) fn remote_failed(&mut self, id: SlotId, failure: &Failure) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        let Some(call) = &exchange.remote else { return };
        let invocation = call.invocation;
        let not_done = match failure.refusal {
            Refusal::IntegrationTimeout => NotDone::TimedOut,
            _ => NotDone::NotStarted,
        };
        self.end_exchange(id, None);
        self.end_invocation(invocation, Completion::NotDone(not_done));
    }

    fn warn_not_invoked(&mut self, status: u16, content: &[u8]) {
        let Some(swallowed) = self.record.warnings.allow(self.now) else { return };
        // An error of the Lambda API: a sentence, no data of anybody's.
        let text = String::from_utf8_lossy(content);
        let error: String = text.chars().take(200).collect();
        tracing::warn!(
            shard = self.id,
            status,
            error,
            swallowed,
            "a function could not be invoked"
        );
    }
}
