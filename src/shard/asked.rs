//! Requests whose content is needed as a whole before anything can be asked of a back end: events for
//! functions, content that is held against a model, and whatever templates make of it.
//!
//! ```text
//! Gathering --content complete--> the phase that wanted it, and the rest
//!                                  '--(made into an event)--> Invoking --completion--> answered
//! ```
//! The head is kept as bytes and read again when the content is there: what was found of it borrows
//! from a receive buffer, which must not be kept for as long as a client likes.

use super::Shard;
use super::called::Templated;
use super::client::{ClientState, Input};
use super::exchanges::ServedBy;
use super::execution::Execution;
use super::functions::worker::Caller;
use super::functions::{Ending, NewInvocation};
use super::kept::Kept;
use super::noted::{Noted, Request};
use super::record::{Outcome, is_logged};
use super::streamed::{STREAM_CUT, Streamed};
use crate::control::invocation::{Completion, NotDone};
use crate::exchange::execution_log::{FunctionCall, function_failed_as, malformed};
use crate::exchange::integrate::lambda::{self, Answer, Changes, HeadFacts};
use crate::exchange::respond::{self, Connection};
use crate::exchange::{Exchange, Failure, Ids, Refusal, Trace};
use crate::http::{self, BodyReader, Framing, RequestHead, Version};
use crate::ring::outgoing::COPY_BYTES_MAX;
use crate::ring::{Env, Outgoing, SlotId};
use crate::snapshot::managed::DefaultEndpoint;
use crate::snapshot::{Integration, Lambda, Managed, Protocol, Route, RouteIndex, Snapshot};
use crate::telemetry::ids::Uuid;
use crate::telemetry::{Finished, ids};
use bytes::Bytes;
use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Amazon's bound on the content of a request. `server.limits.body` may be lower, and counts then.
pub(super) const CONTENT_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Content that memory is put aside for before it has arrived: a client may declare much and send
/// nothing.
const RESERVED_BYTES_MAX: u64 = 64 * 1024;

/// Memory put aside for an event besides the request's content: more than the fields of most requests
/// need.
const EVENT_BYTES: usize = 2 * 1024;

/// A request whose content is gathered, or that a function answers.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) client: SlotId,
    /// The configuration it is served by, to its end.
    snapshot: Rc<Snapshot>,
    pub(super) api: ServedBy,
    route: RouteIndex,
    pub(super) protocol: Protocol,
    pub(super) ids: Ids,
    pub(super) kept: Kept,
    content: Vec<u8>,
    /// How much of it the client has sent.
    request_bytes: u64,
    /// Whether that is all of it.
    is_complete: bool,
    /// What is needed for the answer where templates make it.
    pub(super) templated: Option<Box<Templated>>,
    /// The phase that wants the content.
    phase: usize,
    pub(super) version: Version,
    pub(super) is_head: bool,
    /// The value of `X-Amzn-Trace-Id`, once there is one and where an answer tells it.
    pub(super) trace: Box<str>,
    /// The client's `Accept`, where the answer depends on it.
    accept: Option<Box<[u8]>>,
    /// Whether the client's connection may stay open behind the answer.
    pub(super) persistent: bool,
    pub(super) stage: AskedStage,
    pub(super) started: Instant,
    /// When the function was asked.
    pub(super) handed_over: Option<Instant>,
    /// By which the function's log names the invocation.
    pub(super) invocation_id: Option<Uuid>,
    log: Option<Box<Noted>>,
    /// What it tells of its way.
    pub(super) execution: Option<Box<Execution>>,
    /// Its answer, once the head of a streamed one has been sent.
    pub(super) streamed: Option<Box<Streamed>>,
}

/// How far such a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedStage {
    /// Its content is arriving, or has arrived in full just now.
    Gathering,
    /// A function has it.
    Invoking(SlotId),
}

impl Asked {
    /// Reads the head again and does something with it. `None` never happens: it could be read once.
    pub(super) fn with_exchange<T>(
        &self,
        managed: &Managed,
        act: impl FnOnce(&mut Exchange<'_>, &Route) -> T,
    ) -> Option<T> {
        let content = (self.stage != AskedStage::Gathering || self.is_complete)
            .then_some(self.content.as_slice());
        self.kept.with_exchange(&self.snapshot, managed, &self.api, content, act)
    }

    /// What its API changes of a function's answer. The head is read again only where something is.
    pub(super) fn changes(&self, managed: &Managed, answer: &Answer<'_>) -> Changes {
        let api = self.api.api(&self.snapshot);
        match self.function() {
            Some(declared) if Changes::are_any(api, declared) => self
                .with_exchange(managed, |exchange, _| Changes::of(exchange, declared, answer))
                .unwrap_or_default(),
            _ => Changes::default(),
        }
    }

    /// How a failure of its function is told: by function URLs as by REST APIs.
    pub(super) fn failed(&self) -> Refusal {
        match &self.api {
            ServedBy::Managed(stage, _)
                if stage.default_endpoint == DefaultEndpoint::FunctionUrl =>
            {
                Refusal::BadGateway
            }
            _ => Refusal::FunctionFailed,
        }
    }

    /// Its function was invoked, by that id.
    pub(super) fn invoked(&mut self, invocation_id: Uuid) {
        self.invocation_id = Some(invocation_id);
        if let Some(execution) = &mut self.execution {
            execution.invoked(invocation_id.as_str());
        }
    }

    /// Its function has answered, so long after it was asked; what it said is another matter.
    pub(super) fn note_answer(&mut self, latency: Duration) {
        self.note_status(200, latency);
    }

    /// As [`Asked::note_answer`], where Lambda answers with another status than for a result.
    pub(super) fn note_status(&mut self, status: u16, latency: Duration) {
        if let Some(log) = &mut self.log {
            let id = self.invocation_id.as_ref().map_or(&b""[..], |id| id.as_bytes());
            log.answered_by_function(id, status, latency);
        }
    }

    /// A piece of its streamed answer has come.
    pub(super) fn note_content(&mut self, now: Instant) {
        if let Some(log) = &mut self.log {
            let since = self.handed_over.unwrap_or(self.started);
            log.content_came(now.saturating_duration_since(since));
        }
    }

    /// The function that answers it.
    pub(super) fn function(&self) -> Option<&Lambda> {
        let api = self.api.api(&self.snapshot);
        match &api.route(self.route).integration {
            Integration::Lambda(lambda) => Some(lambda),
            _ => None,
        }
    }
}

impl<E: Env> Shard<E> {
    /// Begins to gather a request's content. `raw` is its head as received.
    pub(super) fn gather(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        raw: &[u8],
        phase: usize,
        persistent: bool,
    ) -> Result<(), Refusal> {
        let head: &RequestHead<'_> = exchange.head;
        let limit = self.snapshot.server.limits.body_bytes_max.min(CONTENT_BYTES_MAX);
        let declared = match head.framing {
            Framing::Length(bytes) if bytes > limit => {
                return Err(Refusal::BodyTooLarge { body_bytes_max: limit });
            }
            Framing::Length(bytes) => bytes.min(RESERVED_BYTES_MAX) as usize,
            Framing::None | Framing::Chunked | Framing::UntilClose => 0,
        };
        // A phase in front of the one that asks has had it gathered already.
        let mut content = Vec::with_capacity(declared);
        content.extend_from_slice(exchange.content.unwrap_or_default());
        let framing = if exchange.content.is_some() { Framing::None } else { head.framing };
        let body = BodyReader::new(framing);
        let is_complete = body.is_done();
        let mut asked = self.new_asked(id, exchange, raw, phase, persistent)?;
        asked.request_bytes = content.len() as u64;
        asked.content = content;
        asked.is_complete = is_complete;
        asked.execution = self.execution.take();
        let asked = self.asked.insert(asked);
        let Some(client) = self.clients.get_mut(id) else { return Ok(()) };
        client.state = ClientState::Asked { asked, body };
        if head.expects_continue && !is_complete {
            client.stream.out(self.env.ring()).copy(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(())
    }

    /// A request of which no content has come yet.
    pub(super) fn new_asked(
        &self,
        id: SlotId,
        exchange: &Exchange<'_>,
        raw: &[u8],
        phase: usize,
        persistent: bool,
    ) -> Result<Asked, Refusal> {
        let (Some(admitted), Some(route)) = (exchange.api, exchange.route) else {
            return Err(Refusal::Internal);
        };
        let head: &RequestHead<'_> = exchange.head;
        let log = is_logged(admitted.api).then(|| Box::new(Noted::of(exchange)));
        Ok(Asked {
            client: id,
            snapshot: Rc::clone(&self.snapshot),
            api: ServedBy::of(admitted.origin),
            route,
            protocol: admitted.api.protocol,
            ids: exchange.ids,
            kept: Kept::of(exchange, raw, None),
            content: Vec::new(),
            request_bytes: 0,
            is_complete: false,
            templated: None,
            phase,
            version: head.version,
            is_head: head.method == "HEAD",
            trace: "".into(),
            accept: None,
            persistent,
            stage: AskedStage::Gathering,
            started: self.now.checked_sub(exchange.waited).unwrap_or(self.now),
            handed_over: None,
            invocation_id: None,
            log,
            execution: None,
            streamed: None,
        })
    }

    /// Puts a request on the table that a function has been asked for; all of its content is there.
    pub(super) fn await_function(
        &mut self,
        mut asked: Asked,
        request_bytes: u64,
        insert: impl FnOnce(&mut Self, SlotId) -> Result<SlotId, Refusal>,
    ) -> Result<(), Refusal> {
        let client_id = asked.client;
        asked.request_bytes = request_bytes;
        asked.is_complete = true;
        asked.handed_over = Some(self.now);
        let id = self.asked.insert(asked);
        let invocation = match insert(self, id) {
            Ok(invocation) => invocation,
            Err(refusal) => {
                self.execution = self.asked.remove(id).and_then(|asked| asked.execution);
                return Err(refusal);
            }
        };
        if let Some(asked) = self.asked.get_mut(id) {
            asked.stage = AskedStage::Invoking(invocation);
        }
        if let Some(client) = self.clients.get_mut(client_id) {
            let body = BodyReader::new(Framing::None);
            client.state = ClientState::Asked { asked: id, body };
        }
        Ok(())
    }

    /// Content of a request that is gathered.
    pub(super) fn gather_content(&mut self, id: SlotId, input: &mut Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let ClientState::Asked { asked: asked_id, body } = &mut client.state else { return };
        let asked_id = *asked_id;
        let Some(asked) = self.asked.get_mut(asked_id) else { return };
        let piece = match body.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                tracing::debug!(shard = self.id, error = bad_body.cause(), "refused a body");
                return self.refuse_asked(asked_id, Refusal::BadBody);
            }
        };
        let limit = asked.snapshot.server.limits.body_bytes_max.min(CONTENT_BYTES_MAX);
        if (asked.content.len() + piece.data.len()) as u64 > limit {
            let too_large = Refusal::BodyTooLarge { body_bytes_max: limit };
            return self.refuse_asked(asked_id, too_large);
        }
        asked.content.extend_from_slice(&input[piece.data.clone()]);
        if let Some(execution) = &mut asked.execution {
            execution.content(&input[piece.data.clone()]);
        }
        asked.request_bytes += piece.data.len() as u64;
        asked.is_complete = piece.done;
        input.advance(piece.consumed);
        if piece.done {
            self.resume_asked(asked_id);
        }
    }

    /// Goes on with the phases of a request, the first of which wanted its content. Done before any
    /// input behind it is taken, however many such requests a client sends at once.
    fn resume_asked(&mut self, id: SlotId) {
        let Some(mut asked) = self.asked.remove(id) else { return };
        self.execution = asked.execution.take();
        let persistent = asked.persistent && self.draining.is_none();
        let managed = Rc::clone(&self.managed);
        let waited = self.now.saturating_duration_since(asked.started);
        asked.with_exchange(&managed, |exchange, route| {
            exchange.waited = waited;
            let (client, head) = (asked.client, asked.kept.head());
            self.run_phases(client, exchange, route, asked.phase, head, persistent);
        });
        drop(managed);
        self.release(asked.snapshot, asked.api);
    }

    /// Invokes the function of a proxy integration. All of the request's content is there.
    pub(super) fn invoke_proxy(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        declared: &Lambda,
        content: &[u8],
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Refusal> {
        let arn = &declared.function;
        let row = self.function_of_arn.get(arn).and_then(|row| self.functions.get(*row));
        if row.is_some_and(|row| !lambda::is_permitted(exchange, declared, &row.function)) {
            return Err(match declared.facts.is_function_url {
                true => Refusal::UrlForbidden,
                false => Refusal::FunctionRefused,
            });
        }
        let since_epoch = self.since_epoch.saturating_sub(exchange.waited);
        let root = Trace::root(exchange);
        let told = exchange.fields.iter().find(|it| it.known == http::Known::XAmznTraceId);
        let told = told.and_then(|field| std::str::from_utf8(field.value).ok());
        let trace: Box<str> = told.unwrap_or(root.as_str()).into();
        let mut event = Vec::with_capacity(EVENT_BYTES + content.len());
        lambda::write_event(
            exchange,
            declared,
            content,
            trace.as_bytes(),
            since_epoch,
            &mut event,
        )?;
        let event = Bytes::from(event);
        let mut asked = self.new_asked(id, exchange, raw, 0, persistent)?;
        if asked.protocol == Protocol::Rest {
            // The client is told the whole trace, the function only what it began with.
            let whole = Trace::whole(trace.as_bytes(), root, exchange.seed());
            asked.trace = String::from_utf8_lossy(whole.as_bytes()).into();
        }
        asked.accept = lambda::accept_for(exchange, declared).map(Box::from);
        if let Some(mut execution) = self.execution.take() {
            let call = FunctionCall {
                region: arn.split(':').nth(3).unwrap_or_default(),
                arn,
                api_id: exchange.api.map_or("", |it| &it.api.id),
                request_id: exchange.ids.request.as_str(),
                trace_id: &trace,
            };
            execution.asks_function(self.since_epoch, &call, &event);
            asked.execution = Some(execution);
        }
        let request_id = ids::uuid([self.env.random(), self.env.random()]);
        self.await_function(asked, content.len() as u64, |shard, asked| {
            let new = NewInvocation {
                request_id,
                event,
                trace: Some(trace),
                client_context: None,
                caller: Caller::Asked(asked),
                patience: declared.timeout,
            };
            let invocation = shard.invoke(arn, new).map_err(refusal_of)?;
            if let Some(asked) = shard.asked.get_mut(asked) {
                asked.invoked(request_id);
            }
            Ok(invocation)
        })
    }

    /// What came of the invocation that a request asked for.
    pub(super) fn asked_answered(&mut self, id: SlotId, ending: Ending) {
        let Some(asked) = self.asked.get(id) else { return };
        if asked.streamed.is_some() {
            return self.stream_over(id, &ending.told());
        }
        if asked.templated.is_some() {
            return self.templated_answered(id, ending);
        }
        self.tell_ending(id, &ending);
        let Some(asked) = self.asked.get(id) else { return };
        let result: &[u8] = match &ending {
            Ending::Told(Completion::NotDone(why)) => {
                return self.refuse_asked(id, refusal_of(*why));
            }
            Ending::Told(Completion::Failure(error)) => {
                let refusal = asked.failed();
                let id_of_invocation = asked.invocation_id.as_ref().map_or("-", Uuid::as_str);
                let failure = function_failed_as(error, id_of_invocation);
                let failure = Failure { refusal, ..failure };
                return self.fail_asked(id, &failure);
            }
            Ending::Told(Completion::Result(result)) => result,
            Ending::Leased(result) => result,
        };
        let Some(declared) = asked.function() else {
            return self.refuse_asked(id, Refusal::Internal);
        };
        let mut answer =
            match lambda::answer(asked.protocol, declared, asked.accept.as_deref(), result) {
                Ok(answer) => answer,
                Err(fault) => {
                    tracing::debug!(shard = self.id, ?fault, "a function's result is no answer");
                    let refusal = match fault.refusal() {
                        Refusal::FunctionFailed => asked.failed(),
                        other => other,
                    };
                    return self.fail_asked(id, &malformed(refusal));
                }
            };
        if let Some(execution) = self.asked.get_mut(id).and_then(|it| it.execution.as_mut()) {
            let fields = answer.fields.iter().map(|(name, value)| (&**name, &**value));
            execution.answered_with(self.since_epoch, fields, &answer.body);
        }
        self.answer_asked(id, None, |asked, managed, connection, date, out| {
            let facts = HeadFacts {
                protocol: asked.protocol,
                ids: &asked.ids,
                connection,
                date,
                trace_id: asked.trace.as_bytes(),
                is_head: asked.is_head,
                framing: None,
            };
            let changes = asked.changes(managed, &answer);
            let head = out.written();
            let count = lambda::write_changed_head(&answer, &facts, &changes, head).len();
            let status = changes.status().unwrap_or(answer.status);
            if count == 0 {
                return (status, 0);
            }
            // Large content goes on in the memory in which it came.
            match std::mem::take(&mut answer.body) {
                content if content.len() <= COPY_BYTES_MAX => out.copy(&content),
                Cow::Borrowed(content) => match &ending {
                    Ending::Told(Completion::Result(whole)) => out.share(&whole.slice_ref(content)),
                    Ending::Leased(whole) if !whole.is_scarce() => {
                        out.lease(whole.slice_ref(content));
                    }
                    // A client that takes nothing would keep a buffer that others wait for.
                    _ => out.copy(content),
                },
                Cow::Owned(content) => out.share(&Bytes::from(content)),
            }
            (status, count as u64)
        });
    }

    /// Tells what a function returned, where a request tells of its way.
    pub(super) fn tell_ending(&mut self, id: SlotId, ending: &Ending) {
        let Some((payload, has_failed)) = ending.payload() else { return };
        let Some(asked) = self.asked.get_mut(id) else { return };
        let since = asked.handed_over.unwrap_or(asked.started);
        let latency = self.now.saturating_duration_since(since);
        asked.note_answer(latency);
        if let Some(execution) = &mut asked.execution {
            execution.function_answers(self.since_epoch, latency, has_failed, payload);
        }
    }

    /// Ends such a request with an answer of our own.
    pub(super) fn refuse_asked(&mut self, id: SlotId, refusal: Refusal) {
        self.fail_asked(id, &refusal.into());
    }

    /// As [`Shard::refuse_asked`], where more is known than the kind.
    pub(super) fn fail_asked(&mut self, id: SlotId, failure: &Failure) {
        if !failure.cause.is_empty() {
            tracing::debug!(shard = self.id, error = %failure.cause, "refused a request");
        }
        if self.asked.get(id).is_some_and(|asked| asked.streamed.is_some()) {
            return self.cut_stream(id, failure.refusal);
        }
        if let Some(execution) = self.asked.get_mut(id).and_then(|it| it.execution.as_mut()) {
            execution.failed(self.since_epoch, failure);
        }
        self.answer_asked(id, Some(failure.refusal), |asked, managed, connection, date, out| {
            let told = asked.with_exchange(managed, |exchange, _| {
                respond::fail(exchange, failure, connection, date, out.written())
            });
            told.unwrap_or_default()
        });
    }

    pub(super) fn answer_asked(
        &mut self,
        id: SlotId,
        refusal: Option<Refusal>,
        write: impl FnOnce(&Asked, &Managed, Connection, &[u8; 29], &mut Outgoing) -> (u16, u64),
    ) {
        let Some(asked) = self.asked.get(id) else { return };
        let client_id = asked.client;
        let Some(client) = self.clients.get_mut(client_id) else {
            return self.end_asked(id, 0, 0, refusal);
        };
        // Content that was not read makes the connection useless.
        let persistent = asked.persistent && client.request_is_complete();
        let connection = Connection::of(persistent, asked.version);
        let date = self.date.at(self.since_epoch.as_secs());
        let out = client.stream.out(self.env.ring());
        let (status, response_bytes) = write(asked, &self.managed, connection, date, out);
        self.end_asked(id, status, response_bytes, refusal);
        self.exchange_over(client_id, persistent);
    }

    /// The client is gone: nobody waits for this answer.
    pub(super) fn abandon_asked(&mut self, id: SlotId) {
        let sent = self.asked.get(id).and_then(|asked| asked.streamed.as_ref());
        // nginx's word for it, as for requests of other back ends; a stream has one of Amazon's.
        let (status, response_bytes) =
            sent.map_or((499, 0), |streamed| (STREAM_CUT, streamed.response_bytes));
        self.end_asked(id, status, response_bytes, None);
    }

    /// Takes a request off the table: counts it, logs it.
    pub(super) fn end_asked(
        &mut self,
        id: SlotId,
        status: u16,
        response_bytes: u64,
        refusal: Option<Refusal>,
    ) {
        let Some(mut asked) = self.asked.remove(id) else { return };
        if let AskedStage::Invoking(invocation) = asked.stage {
            self.abandon_invocation(invocation);
        }
        if let Some(streamed) = asked.streamed.take() {
            // What still comes is dropped, and the worker goes on.
            self.resume_worker(streamed.connection);
        }
        if let Some(execution) = asked.execution.take() {
            let api = asked.api.api(&asked.snapshot);
            self.end_execution(Some(execution), api, asked.ids.request.as_str(), status);
        }
        let (api, route) = self.record.series(asked.api.index(), Some(asked.route));
        let since = |instant: Instant| self.now.saturating_duration_since(instant);
        let finished = Finished {
            api: Some(api),
            route,
            status,
            latency: since(asked.started),
            integration_latency: asked.handed_over.map(since),
            request_bytes: asked.request_bytes,
            response_bytes,
        };
        let is_current = self.count_exchange(&asked.snapshot, &asked.api, asked.route, &finished);
        if is_current && asked.log.is_some() {
            self.log_asked(&asked, finished, refusal);
        }
        self.release(asked.snapshot, asked.api);
    }

    fn log_asked(&mut self, asked: &Asked, finished: Finished, refusal: Option<Refusal>) {
        let protocol = Some(asked.protocol);
        let tls = self.clients.get(asked.client).and_then(|client| client.stream.tls());
        let error = refusal.map_or("", |refusal| refusal.message(protocol));
        // A function behind templates does not say which status the client gets.
        let is_proxy = asked.function().is_some();
        let says_status = is_proxy && refusal.is_none() && finished.integration_latency.is_some();
        let outcome = Outcome {
            finished,
            ids: &asked.ids,
            request_time: self.since_epoch.saturating_sub(finished.latency),
            is_http10: asked.version == Version::Http10,
            function_status: says_status.then_some(finished.status),
            validation_error: "",
            integration_error: error,
            error_message: error,
            error_response_type: refusal.map_or("", Refusal::response_type),
            tls_version: tls.and_then(|tls| tls.protocol_version()).unwrap_or_default(),
            cipher_suite: tls.and_then(|tls| tls.cipher_suite()).unwrap_or_default(),
        };
        let request = Request::kept(asked.log.as_deref());
        let api = asked.api.api(&asked.snapshot);
        self.record.log(api, &request, &outcome, Some(asked.route.0), self.now);
    }
}

pub(super) fn refusal_of(refused: NotDone) -> Refusal {
    match refused {
        NotDone::NoFunction | NotDone::Throttled | NotDone::SwitchedOff | NotDone::NotStarted => {
            Refusal::FunctionRefused
        }
        NotDone::TimedOut => Refusal::FunctionTimeout,
        NotDone::EventTooLarge => Refusal::BodyTooLarge {
            body_bytes_max: crate::control::invocation::PAYLOAD_BYTES_MAX as u64,
        },
    }
}

/// The failure of a phase, or its wish for the content.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// The request is answered by the gateway.
    Failed(Failure),
    /// The phase is run again when the content is complete.
    WantsContent,
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for Unfinished {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}
