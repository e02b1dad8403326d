//! Requests that wait for an authorizer's function, and what it said of callers.
//!
//! ```text
//! authorize --no identity--> refused
//!    |--remembered--> decided at once
//!    |--somebody asks the same--> Waiting with them --.
//!    '--not remembered--> Flight, Waiting ------------+--completion--> decided, each by itself
//! ```
//! A [`Flight`] is one invocation; those that wait for it are one caller's requests, whose verdict is the
//! same, asked about each one's own method. Where nothing is remembered every request has a flight of its
//! own. While it waits, a request's head is kept as bytes and its content is left with the client: nobody
//! is let in yet.
//!
//! A verdict is a caller's, not a deployment's: it outlives a reload or a deployment, unless the
//! authorizer became another one (`Authorizer::version`). A request whose API was replaced while it waited
//! is begun anew instead: nothing has been done for it, and the routes and back ends of before may be gone.
//! Where verdicts are remembered it finds its own.

mod verdicts;

use super::Shard;
use super::client::ClientState;
use super::exchanges::ServedBy;
use super::execution::Execution;
use super::functions::NewInvocation;
use super::functions::worker::Caller;
use super::kept::Kept;
use crate::control::invocation::{Completion, NotDone};
use crate::exchange::authorize::lambda::{self as rules, Verdict};
use crate::exchange::integrate::lambda;
use crate::exchange::{AuthorizerOutcome, Exchange, Failure, Granted, Refusal, Trace};
use crate::http;
use crate::ring::{Env, SlotId, Slots};
use crate::snapshot::{Authorizer, AuthorizerIndex, AuthorizerKind, Managed, Snapshot};
use crate::telemetry::ids::{self, Uuid};
use ahash::RandomState;
use bytes::Bytes;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use verdicts::Verdicts;

/// Requests of one shard that may wait for authorizers. Each keeps its head: some 1 KiB.
const WAITING_MAX: usize = 8192;

/// Everything about authorizers on one shard.
#[derive(Debug)]
pub(super) struct Authorizing {
    verdicts: Verdicts,
    flights: Slots<Flight>,
    flight_of_key: HashMap<Rc<[u8]>, SlotId, RandomState>,
    waiting: Slots<Waiting>,
    /// Where keys are written; kept for its memory.
    key: Vec<u8>,
}

/// One invocation of an authorizer's function.
#[derive(Debug)]
struct Flight {
    /// Under which its verdict is remembered, if it is.
    key: Option<Rc<[u8]>>,
    kind: AuthorizerKind,
    ttl: Duration,
    /// `None` only while it begins.
    invocation: Option<SlotId>,
    /// In the order in which they came; at least one.
    waiting: Vec<SlotId>,
}

/// A request that waits for a verdict.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) client: SlotId,
    flight: SlotId,
    /// The configuration it is served by, unless that is replaced before it goes on.
    snapshot: Rc<Snapshot>,
    api: ServedBy,
    kept: Kept,
    authorizer: AuthorizerIndex,
    /// The phase that asks.
    phase: usize,
    /// Whether the client's connection may stay open behind the answer.
    pub(super) persistent: bool,
    started: Instant,
    /// What it has told so far, where its stage wants to know.
    execution: Option<Box<Execution>>,
}

/// What came of asking an authorizer.
enum Asked {
    /// The request passes.
    Granted(Granted),
    /// It waits.
    Waits,
}

impl Authorizing {
    /// Nothing. `hash` must be keyed: clients choose what is looked up.
    pub(super) fn new(hash: RandomState) -> Self {
        Self {
            verdicts: Verdicts::new(hash.clone()),
            flights: Slots::new(),
            flight_of_key: HashMap::with_hasher(hash),
            waiting: Slots::new(),
            key: Vec::new(),
        }
    }

    /// A request that waits.
    pub(super) fn waiting_mut(&mut self, id: SlotId) -> Option<&mut Waiting> {
        self.waiting.get_mut(id)
    }

    fn forget_key(&mut self, flight: &Flight, id: SlotId) {
        if let Some(key) = &flight.key
            && self.flight_of_key.get(key) == Some(&id)
        {
            self.flight_of_key.remove(key);
        }
    }
}

impl Waiting {
    /// Whether what it was begun with is still what is served.
    fn is_current(&self, snapshot: &Rc<Snapshot>, managed: &Managed) -> bool {
        match &self.api {
            ServedBy::File(_) => Rc::ptr_eq(&self.snapshot, snapshot),
            ServedBy::Managed(stage, _) => managed
                .api(&stage.api_id)
                .and_then(|api| api.stage(stage.name.as_bytes()))
                .is_some_and(|served| Rc::ptr_eq(served, stage)),
        }
    }
}

impl<E: Env> Shard<E> {
    /// Asks a route's authorizer, and goes on with the phases behind the one with that number: now, or
    /// when its function has answered.
    pub(super) fn authorize(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        authorizer: AuthorizerIndex,
        phase: usize,
        raw: &[u8],
        persistent: bool,
    ) {
        let mut key = std::mem::take(&mut self.authorizing.key);
        key.clear();
        let asked = self.ask(id, exchange, (authorizer, phase), &mut key, raw, persistent);
        self.authorizing.key = key;
        match asked {
            Ok(Asked::Waits) => {}
            Ok(Asked::Granted(granted)) => {
                self.run_granted(id, exchange, &granted, phase, raw, persistent);
            }
            Err(mut failure) => {
                // Decided without asking: by the request itself, or by what is remembered.
                let (latency, request_id, is_answered) = (Duration::ZERO, None, false);
                let outcome = AuthorizerOutcome { latency, request_id, is_answered };
                failure.authorizer = Some(Box::new(outcome));
                self.answer_failure(id, exchange, &failure, persistent);
            }
        }
    }

    fn ask(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        (index, phase): (AuthorizerIndex, usize),
        key: &mut Vec<u8>,
        raw: &[u8],
        persistent: bool,
    ) -> Result<Asked, Failure> {
        let admitted = exchange.api.ok_or(Refusal::Internal)?;
        let authorizer = admitted.api.authorizer(index).ok_or(Refusal::Internal)?;
        if let Some(execution) = &mut self.execution {
            execution.asks_authorizer(self.since_epoch, &authorizer.rules.id);
        }
        let has_key = rules::claim(exchange, authorizer, key)?;
        let mut flight = None;
        if has_key {
            if let Some(verdict) = self.authorizing.verdicts.find(key, self.now) {
                rules::decide(exchange, authorizer, &verdict)?;
                let latency = Duration::ZERO;
                return Ok(Asked::Granted(Granted { verdict, latency, request_id: None }));
            }
            flight = self.authorizing.flight_of_key.get(&**key).copied();
        }
        if self.authorizing.waiting.len() >= WAITING_MAX {
            let cause = "too many requests wait for authorizers".into();
            return Err(Failure { cause, ..Refusal::AuthorizerFailed.into() });
        }
        let flight = match flight {
            Some(flight) => flight,
            None => self.begin_flight(exchange, authorizer, has_key.then_some(&**key))?,
        };
        let waiting = self.authorizing.waiting.insert(Waiting {
            client: id,
            flight,
            snapshot: Rc::clone(&self.snapshot),
            api: ServedBy::of(admitted.origin),
            kept: Kept::of(exchange, raw, None),
            authorizer: index,
            phase,
            persistent,
            started: self.now.checked_sub(exchange.waited).unwrap_or(self.now),
            execution: self.execution.take(),
        });
        if let Some(flight) = self.authorizing.flights.get_mut(flight) {
            flight.waiting.push(waiting);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.state = ClientState::Authorizing { waiting };
        }
        Ok(Asked::Waits)
    }

    /// Invokes an authorizer's function.
    fn begin_flight(
        &mut self,
        exchange: &Exchange<'_>,
        authorizer: &Authorizer,
        key: Option<&[u8]>,
    ) -> Result<SlotId, Failure> {
        let row = self.function_of_arn.get(&authorizer.function);
        let row = row.and_then(|id| self.functions.get(*id));
        let api_id = exchange.api.map_or("", |it| &it.api.id);
        // Of one that is elsewhere the place where it is decides, by who signs.
        if let Some(row) = row
            && authorizer.needs_permission
            && !lambda::permits(&row.function, &authorizer.arn(api_id), &authorizer.account_id)
        {
            let cause = "the authorizer's function does not permit it".into();
            return Err(Failure { cause, ..Refusal::AuthorizerMisconfigured.into() });
        }
        let root = Trace::root(exchange);
        let told = exchange.fields.iter().find(|it| it.known == http::Known::XAmznTraceId);
        let told = told.and_then(|field| std::str::from_utf8(field.value).ok());
        let trace = told.unwrap_or(root.as_str());
        let mut event = Vec::with_capacity(2048);
        rules::write_question(exchange, authorizer, trace.as_bytes(), &mut event);
        let key: Option<Rc<[u8]>> = key.map(Into::into);
        let request_id = ids::uuid([self.env.random(), self.env.random()]);
        let flight = self.authorizing.flights.insert(Flight {
            key: key.clone(),
            kind: authorizer.rules.kind,
            ttl: authorizer.rules.ttl,
            invocation: None,
            waiting: Vec::with_capacity(1),
        });
        let new = NewInvocation {
            request_id,
            event: Bytes::from(event),
            trace: Some(trace.into()),
            client_context: None,
            caller: Caller::Authorizer(flight),
            patience: authorizer.timeout,
        };
        match self.invoke(&authorizer.function, new) {
            Ok(invocation) => {
                if let Some(flight) = self.authorizing.flights.get_mut(flight) {
                    flight.invocation = Some(invocation);
                }
                if let Some(key) = key {
                    self.authorizing.flight_of_key.insert(key, flight);
                }
                Ok(flight)
            }
            Err(refused) => {
                self.authorizing.flights.remove(flight);
                Err(failure_of(refused))
            }
        }
    }

    /// What came of an authorizer's invocation, and what its own log calls it: everybody who waits for it
    /// goes on.
    pub(super) fn authorizer_answered(
        &mut self,
        id: SlotId,
        request_id: Uuid,
        completion: Completion,
    ) {
        let Some(flight) = self.authorizing.flights.remove(id) else { return };
        self.authorizing.forget_key(&flight, id);
        let is_answered = !matches!(completion, Completion::NotDone(_));
        let verdict = match completion {
            Completion::NotDone(why) => Err(failure_of(why)),
            Completion::Failure(payload) => {
                let cause = "the authorizer's function failed".into();
                Err(Failure { cause, ..rules::refuse_error(&payload).into() })
            }
            Completion::Result(result) => match rules::read_verdict(&result, flight.kind) {
                Ok(verdict) => {
                    let verdict = Rc::new(verdict);
                    if let Some(key) = &flight.key {
                        let until = self.now + flight.ttl;
                        let verdicts = &mut self.authorizing.verdicts;
                        verdicts.remember(key, &verdict, result.len(), until);
                    }
                    Ok(verdict)
                }
                Err(cause) => {
                    Err(Failure { cause: cause.into(), ..Refusal::AuthorizerMisconfigured.into() })
                }
            },
        };
        for waiting in flight.waiting {
            self.resume_waiting(waiting, &verdict, (request_id, is_answered));
        }
    }

    /// Goes on with a request whose verdict is there, from the invocation of that id.
    fn resume_waiting(
        &mut self,
        id: SlotId,
        verdict: &Result<Rc<Verdict>, Failure>,
        (request_id, is_answered): (Uuid, bool),
    ) {
        let Some(mut waiting) = self.authorizing.waiting.remove(id) else { return };
        self.execution = waiting.execution.take();
        let client = waiting.client;
        let persistent = waiting.persistent && self.draining.is_none();
        let managed = Rc::clone(&self.managed);
        let waited = self.now.saturating_duration_since(waiting.started);
        if waiting.is_current(&self.snapshot, &managed) {
            let Waiting { snapshot, api, kept, authorizer, phase, .. } = &waiting;
            kept.with_exchange(snapshot, &managed, api, None, |exchange, _| {
                exchange.waited = waited;
                let decided = verdict.clone().and_then(|verdict| {
                    let api = exchange.api.map(|it| it.api).ok_or(Refusal::Internal)?;
                    let authorizer = api.authorizer(*authorizer).ok_or(Refusal::Internal)?;
                    rules::decide(exchange, authorizer, &verdict)?;
                    Ok(Granted { verdict, latency: waited, request_id: Some(request_id) })
                });
                let raw = kept.head();
                match decided {
                    Ok(granted) => {
                        self.run_granted(client, exchange, &granted, *phase, raw, persistent);
                    }
                    Err(mut failure) => {
                        let (latency, request_id) = (waited, Some(request_id));
                        let outcome = AuthorizerOutcome { latency, request_id, is_answered };
                        failure.authorizer = Some(Box::new(outcome));
                        self.answer_failure(client, exchange, &failure, persistent);
                    }
                }
            });
        } else {
            waiting.kept.with_head(|head, fields| {
                let snapshot = Rc::clone(&self.snapshot);
                let mut exchange = waiting.kept.begin(&snapshot, &managed, head, fields);
                exchange.waited = waited;
                self.begin_phases(client, &mut exchange, waiting.kept.head(), persistent);
            });
        }
        drop(managed);
        self.release_waiting(waiting);
        self.go_on_behind_head(client);
    }

    fn run_granted(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        granted: &Granted,
        phase: usize,
        raw: &[u8],
        persistent: bool,
    ) {
        if let Some(execution) = &mut self.execution {
            execution.authorizer_answers(self.since_epoch);
        }
        let mut exchange = exchange.clone();
        exchange.granted = Some(granted);
        let Some((admitted, route)) = exchange.api.zip(exchange.route) else { return };
        let route = admitted.api.route(route);
        self.run_phases(id, &exchange, route, phase + 1, raw, persistent);
    }

    /// The client is gone: nobody waits for this verdict on its behalf. The last one that waits takes the
    /// question with it.
    pub(super) fn abandon_waiting(&mut self, id: SlotId) {
        let Some(mut waiting) = self.authorizing.waiting.remove(id) else { return };
        if let Some(flight) = self.authorizing.flights.get_mut(waiting.flight) {
            flight.waiting.retain(|it| *it != id);
            if flight.waiting.is_empty()
                && let Some(flight) = self.authorizing.flights.remove(waiting.flight)
            {
                self.authorizing.forget_key(&flight, waiting.flight);
                if let Some(invocation) = flight.invocation {
                    self.abandon_invocation(invocation);
                }
            }
        }
        let managed = Rc::clone(&self.managed);
        if waiting.is_current(&self.snapshot, &managed) {
            self.execution = waiting.execution.take();
            let Waiting { client, snapshot, api, kept, started, .. } = &waiting;
            let waited = self.now.saturating_duration_since(*started);
            kept.with_exchange(snapshot, &managed, api, None, |exchange, _| {
                exchange.waited = waited;
                // nginx's word for it, as for requests of back ends.
                self.record_answer(*client, exchange, 499, 0, None);
            });
        }
        drop(managed);
        self.release_waiting(waiting);
    }

    fn release_waiting(&mut self, waiting: Waiting) {
        self.release(waiting.snapshot, waiting.api);
    }
}

/// An authorizer that could not be asked, or did not answer.
fn failure_of(refused: NotDone) -> Failure {
    let (refusal, cause) = match refused {
        NotDone::NoFunction => {
            (Refusal::AuthorizerMisconfigured, "the authorizer's function is not there")
        }
        NotDone::Throttled | NotDone::SwitchedOff => {
            (Refusal::AuthorizerFailed, "the authorizer's function is throttled")
        }
        NotDone::NotStarted => {
            (Refusal::AuthorizerFailed, "the authorizer's function cannot be started")
        }
        NotDone::TimedOut => {
            (Refusal::AuthorizerFailed, "the authorizer's function did not answer in time")
        }
        NotDone::EventTooLarge => {
            (Refusal::AuthorizerFailed, "the authorizer's event is too large")
        }
    };
    Failure { cause: cause.into(), ..refusal.into() }
}

#[cfg(test)]
impl Authorizing {
    /// Whether nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flights.is_empty() && self.flight_of_key.is_empty()
    }

    /// Panics when rows contradict each other. `client_of` is what a client waits for, `caller_of` who
    /// waits for an invocation.
    pub(super) fn check_invariants(
        &self,
        waits_for: impl Fn(SlotId) -> Option<SlotId>,
        caller_of: impl Fn(SlotId) -> Option<Caller>,
    ) {
        for (id, waiting) in self.waiting.iter() {
            let name = id.bits();
            assert_eq!(waits_for(waiting.client), Some(id), "request {name:x} has no client");
            let flight = self.flights.get(waiting.flight).expect("what it waits for is asked");
            let places = flight.waiting.iter().filter(|it| **it == id).count();
            assert_eq!(places, 1, "places of request {name:x}");
        }
        for (id, flight) in self.flights.iter() {
            let name = id.bits();
            assert!(!flight.waiting.is_empty(), "nobody waits for question {name:x}");
            let caller = flight.invocation.and_then(&caller_of);
            assert_eq!(caller, Some(Caller::Authorizer(id)), "nobody answers question {name:x}");
        }
        for (key, flight) in &self.flight_of_key {
            let key_of = self.flights.get(*flight).and_then(|flight| flight.key.as_ref());
            assert_eq!(key_of, Some(key), "a key of no question");
        }
        self.verdicts.check();
    }
}
