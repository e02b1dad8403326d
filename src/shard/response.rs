//! From a back end's bytes to the client's answer.
//!
//! A response is believed only as far as its framing goes: bytes behind its end, or before any request,
//! poison the connection, and a response that ends before its declared length ends the client's
//! connection too, so that nobody takes a part for the whole.

use super::client::Input;
use super::content::send_content;
use super::exchanges::{AnswerRules, Proxied, Stage};
use super::made::edited;
use super::proxy::Fault;
use super::upstream::connection::{Backend, BackendState, Response};
use super::upstream::pool::TargetIndex;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::exchange::context::Integrated;
use crate::exchange::integrate::EditedAnswer;
use crate::exchange::respond::{self, Connection, ResponseFraming};
use crate::exchange::transform::BackEnd;
use crate::exchange::{Failure, Refusal};
use crate::http::{
    self, BodyReader, Fields, Framing, HeadLimits, RequestKind, ResponseHead, Version,
};
use crate::ring::{Close, Env, Lease, SlotId};
use crate::snapshot::managed::AnswerEdits;
use crate::telemetry::batch::UpstreamEvent;
use std::io;

/// What a back end's head may be like. Larger than for clients: back ends are ours, and cookies and
/// policies are long; Amazon's own bound on response headers is 10,240 bytes.
const RESPONSE_LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 64 * 1024, fields: 128 };

/// Status of a switch of protocols, which we never ask for.
const SWITCHING_PROTOCOLS: u16 = 101;
const CONTINUE: u16 = 100;

impl<E: Env> Shard<E> {
    /// TLS records of a back end.
    pub(super) fn backend_records(&mut self, id: SlotId, lease: Lease) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        let mut inputs = std::mem::take(&mut self.decrypted);
        let ring = self.env.ring();
        let result = backend
            .stream
            .decrypt(lease, ring, |plaintext| inputs.push(Input::from_plaintext(plaintext)));
        backend.stream.flush(ring);
        match result {
            Ok(decrypted) => {
                if decrypted.established
                    && let BackendState::Connecting { exchange } = backend.state
                {
                    let pool = backend.pool;
                    self.count(pool, UpstreamEvent::Connect);
                    self.send_request(exchange, id);
                }
                let mut left = inputs.len();
                for input in inputs.drain(..) {
                    left -= 1;
                    if let Some(backend) = self.backends.get_mut(id) {
                        backend.more_arrived = left > 0;
                    }
                    self.backend_input(id, input);
                }
                if decrypted.ended {
                    self.backend_ended(id);
                }
            }
            Err(fault) => self.backend_broke(id, &io::Error::other(fault)),
        }
        inputs.clear();
        self.decrypted = inputs;
    }

    /// Plain bytes of a back end.
    pub(super) fn backend_input(&mut self, id: SlotId, mut input: Input) {
        while !input.is_empty() {
            let Some(backend) = self.backends.get_mut(id) else { return };
            match &mut backend.state {
                BackendState::Busy { response: Response::Head { .. }, .. } => {
                    let Some(rest) = self.take_response_head(id, input) else { return };
                    input = rest;
                    if input.is_empty() {
                        self.flush_answer(id);
                    }
                }
                BackendState::Busy { exchange, response: Response::Body { .. } } => {
                    let exchange = *exchange;
                    if !self.take_response_body(id, exchange, &mut input) {
                        return;
                    }
                }
                // Nobody asked for these bytes, so the next answer on this connection could be
                // anybody's: it is never used again.
                BackendState::Busy { response: Response::Done, exchange } => {
                    let exchange = *exchange;
                    return self.response_finished(exchange, id, true);
                }
                BackendState::Idle => {
                    let (pool_id, target) = (backend.pool, backend.target);
                    if let Some(pool) = self.pools.get_mut(pool_id) {
                        pool.forget_idle(target, id);
                    }
                    self.count(pool_id, UpstreamEvent::BadResponse);
                    return self.close_backend(id, Close::Orderly);
                }
                BackendState::Connecting { .. } | BackendState::Closing => return,
            }
        }
    }

    /// Reads a response's head; gives back what follows it.
    fn take_response_head(&mut self, id: SlotId, input: Input) -> Option<Input> {
        let backend = self.backends.get_mut(id)?;
        if backend.partial.is_empty() {
            let consumed = self.read_response_head(id, &input)?;
            let mut input = input;
            input.advance(consumed);
            return Some(input);
        }
        let looked_at = backend.partial.len().saturating_sub(3);
        backend.partial.extend_from_slice(&input);
        let is_large = backend.partial.len() > RESPONSE_LIMITS.head_bytes;
        if http::find_head_end(&backend.partial, looked_at).is_none() && !is_large {
            return None;
        }
        let whole = std::mem::take(&mut backend.partial);
        let consumed = self.read_response_head(id, &whole)?;
        Some(Input::Copied { bytes: whole, start: consumed })
    }

    fn read_response_head(&mut self, id: SlotId, bytes: &[u8]) -> Option<usize> {
        let backend = self.backends.get_mut(id)?;
        let BackendState::Busy { exchange, response: Response::Head { kind } } = backend.state
        else {
            return None;
        };
        let mut fields = Fields::new();
        match http::response_head(bytes, &mut fields, &RESPONSE_LIMITS, kind) {
            Ok(Some(head)) if head.status == SWITCHING_PROTOCOLS => {
                self.bad_response(id, exchange, "a switch of protocols that nobody asked for");
                None
            }
            Ok(Some(head)) if head.is_interim() => {
                self.forward_interim(exchange, &head, &fields);
                Some(head.head_bytes)
            }
            Ok(Some(head)) => {
                let is_all = head.head_bytes == bytes.len();
                self.begin_answer(id, exchange, &head, &fields, is_all).then_some(head.head_bytes)
            }
            Ok(None) => {
                backend.partial.extend_from_slice(bytes);
                None
            }
            Err(bad_response) => {
                self.bad_response(id, exchange, bad_response.cause());
                None
            }
        }
    }

    fn bad_response(&mut self, id: SlotId, exchange: SlotId, cause: &'static str) {
        let Some(backend) = self.backends.get(id) else { return };
        let (pool, target) = (backend.pool, backend.target);
        self.note_failure(pool, target);
        self.warn(pool, target, "a back end broke HTTP", &io::Error::other(cause));
        self.drop_backend(id, Close::Orderly);
        self.try_failed(exchange, target, Fault::BadResponse);
    }

    /// Interim responses go on to clients that know them, except `100 Continue`, which the gateway has
    /// answered itself (RFC 9110 section 15.2).
    fn forward_interim(&mut self, id: SlotId, head: &ResponseHead<'_>, fields: &Fields<'_>) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        if head.status == CONTINUE || exchange.client_version == Version::Http10 {
            return;
        }
        let Some(client) = self.clients.get_mut(exchange.client) else { return };
        let ring = self.env.ring();
        let out = client.stream.out(ring).written();
        http::write::status_line_with_reason(out, head.status, head.reason);
        for field in fields {
            let is_named = head.connection_names && http::named_by_connection(fields, field.name);
            if !field.known.is_hop_by_hop() && !is_named {
                http::write::field(out, field.name, field.value);
            }
        }
        out.extend_from_slice(http::write::HEAD_END);
        client.stream.flush(ring);
        // There may be any number of them, and the client may read none.
        if client.stream.pending_bytes() >= PENDING_BYTES_MAX
            && let Some(backend) = exchange.backend.and_then(|id| self.backends.get_mut(id))
        {
            backend.stream.pause(ring);
        }
    }

    /// The final head has arrived: the client gets its own. `is_all` says that no byte came behind it.
    /// `false`: the connection's bytes are no longer of interest.
    fn begin_answer(
        &mut self,
        id: SlotId,
        exchange_id: SlotId,
        head: &ResponseHead<'_>,
        fields: &Fields<'_>,
        is_all: bool,
    ) -> bool {
        if matches!(head.status, 502..=504) {
            let Some(backend) = self.backends.get(id) else { return false };
            let (pool_id, target) = (backend.pool, backend.target);
            self.note_failure(pool_id, target);
            if self.retries_status(exchange_id, head.status) {
                self.drop_backend(id, Close::Orderly);
                self.retry_elsewhere(exchange_id, target);
                return false;
            }
        }
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return false };
        let rules = exchange.answer_rules();
        let edits = rules.as_ref().and_then(|rules| rules.edits(head.status));
        if edits.is_some_and(AnswerEdits::needs_content) {
            exchange.keep_answer();
        }
        if exchange.keeps_answer() {
            return self.begin_kept_answer(id, exchange_id, head, fields, is_all);
        }
        let since = exchange.handed_over.unwrap_or(exchange.started);
        let latency = self.now.saturating_duration_since(since);
        let edited = edits.map(|edits| {
            let Proxied { snapshot, api, kept, .. } = exchange;
            let kept = kept.as_ref().filter(|_| !edits.is_of_head());
            let with_context = kept.and_then(|kept| {
                kept.with_exchange(snapshot, &self.managed, api, None, |exchange, _| {
                    let integrated = Integrated { status: head.status, latency };
                    let back_end = BackEnd { selected_by: None, fields, content: &[] };
                    edited(exchange, edits, integrated, &back_end, &mut self.scratch)
                })
            });
            with_context.unwrap_or_else(|| EditedAnswer::of_head(head.status, edits, fields))
        });
        if let Some(execution) = &mut exchange.execution {
            execution.back_end_answers(self.since_epoch, head.status, latency, fields);
        }
        if let Some(log) = &mut exchange.log {
            log.answered(head.status, fields, latency);
        }
        exchange.integration_latency = Some(latency);
        let mapping = rules.as_ref().and_then(AnswerRules::mapping);
        let mapped = mapping.and_then(|mapping| mapping.choose(head.status));
        if mapping.is_some() && mapped.is_none() {
            // No response is declared for this status: Amazon's configuration error.
            exchange.backend = None;
            self.drop_backend(id, Close::Orderly);
            let status = head.status;
            let failure = Failure::configuration(format!(
                "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {status}"
            ));
            self.fail_exchange(exchange_id, &failure);
            return false;
        }
        let told = edited.as_ref().map_or(head.status, |edited| edited.status);
        let status = mapped.map_or(told, |mapped| mapped.status);
        let is_remade = mapped.is_some() || status != head.status;
        let Some(client) = self.clients.get_mut(exchange.client) else { return false };
        let Some(backend) = self.backends.get_mut(id) else { return false };
        exchange.status = status;
        exchange.stage = Stage::Answering;
        let may_have_content = !matches!(status, 204 | 304);
        exchange.framing = match (head.framing, exchange.client_version) {
            _ if exchange.client_kind == RequestKind::Head => ResponseFraming::None,
            // A mapping made it one that has none; what the back end sends is read and dropped.
            _ if is_remade && !may_have_content => ResponseFraming::None,
            // The client's GET became a HEAD: it must not wait for the content that is declared.
            (Framing::None, _) if exchange.kind == RequestKind::Head && may_have_content => {
                ResponseFraming::Length(0)
            }
            // A mapping may have made it one that has: it must not be waited for.
            (Framing::None, _) if is_remade && may_have_content => ResponseFraming::Length(0),
            (Framing::None, _) => ResponseFraming::None,
            (Framing::Length(bytes), _) => ResponseFraming::Length(bytes),
            (Framing::Chunked | Framing::UntilClose, Version::Http11) => ResponseFraming::Chunked,
            (Framing::Chunked | Framing::UntilClose, Version::Http10) => {
                ResponseFraming::UntilClose
            }
        };
        // An answer before the request's end: what is left of the request need not be read.
        if exchange.framing == ResponseFraming::UntilClose || !client.request_is_complete() {
            exchange.persistent = false;
        }
        let connection = Connection::of(exchange.persistent, exchange.client_version);
        let date = self.date.at(self.since_epoch.as_secs());
        let out = client.stream.out(self.env.ring()).written();
        let start = out.len();
        match mapped {
            None => {
                let cors = exchange.cors.as_deref();
                exchange.status = respond::proxied_head(
                    head,
                    fields,
                    exchange.framing,
                    exchange.protocol,
                    &exchange.ids,
                    connection,
                    date,
                    respond::Changes { edited: edited.as_ref(), cors },
                    out,
                );
            }
            Some(mapped) => {
                let ids = &exchange.ids;
                let trace = exchange.trace.as_deref().unwrap_or_default();
                let framing = exchange.framing;
                respond::mapped_head(mapped, fields, framing, ids, trace, connection, date, out);
            }
        }
        if let Some(execution) = &mut exchange.execution {
            execution.answered(self.since_epoch, &out[start..]);
        }
        let reader = BodyReader::new(head.framing);
        let is_done = reader.is_done();
        backend.state = BackendState::Busy {
            exchange: exchange_id,
            response: Response::Body { reader, persistent: head.persistent },
        };
        let pool_id = backend.pool;
        if let Some(pool) = self.pools.get_mut(pool_id) {
            if !matches!(head.status, 502..=504) {
                pool.succeeded(backend.target);
            }
            let due = self.now + pool.upstream.timeouts.body_idle;
            self.timers.set(&mut backend.deadline, due, Kind::Backend.token(id));
        }
        if is_done {
            self.response_complete(id, exchange_id, is_all);
        }
        true
    }

    /// Sends the head of an answer whose content is still to come: the client may have to act on it
    /// first. Where content has come with it, both go in one send.
    fn flush_answer(&mut self, id: SlotId) {
        let exchange = self.backends.get(id).and_then(Backend::exchange);
        let Some(exchange) = exchange.and_then(|exchange| self.exchanges.get(exchange)) else {
            return;
        };
        let client_id = exchange.client;
        if let Some(client) = self.clients.get_mut(client_id) {
            client.stream.flush(self.env.ring());
            self.touch_client(client_id);
        }
    }

    /// The framing of an answer's content cannot be read: its end is not known.
    pub(super) fn content_is_bad(
        &mut self,
        exchange_id: SlotId,
        pool: SlotId,
        target: TargetIndex,
        bad_body: http::BadBody,
    ) {
        let cause = io::Error::other(bad_body.cause());
        self.warn(pool, target, "a back end broke HTTP", &cause);
        self.count(pool, UpstreamEvent::BadResponse);
        self.fail_request(exchange_id, Refusal::BadGateway);
    }

    /// Content of a response. `false`: the connection's bytes are no longer of interest.
    fn take_response_body(&mut self, id: SlotId, exchange_id: SlotId, input: &mut Input) -> bool {
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return false };
        if exchange.keeps_answer() {
            return self.take_kept_content(id, exchange_id, input);
        }
        let Some(client) = self.clients.get_mut(exchange.client) else { return false };
        let Some(backend) = self.backends.get_mut(id) else { return false };
        let BackendState::Busy { response: Response::Body { reader, .. }, .. } = &mut backend.state
        else {
            return false;
        };
        let piece = match reader.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                let (pool, target) = (backend.pool, backend.target);
                self.content_is_bad(exchange_id, pool, target, bad_body);
                return false;
            }
        };
        if let Some(execution) = &mut exchange.execution {
            execution.answer_content(&input[piece.data.clone()]);
        }
        exchange.note_content(self.now);
        let ring = self.env.ring();
        // A client's HEAD that became a GET: the content is not for it.
        if exchange.framing != ResponseFraming::None {
            exchange.response_bytes += piece.data.len() as u64;
            // The end of the chunks is written when the response is complete, however it is framed.
            let content = http::Piece { done: false, ..piece.clone() };
            let is_chunked = exchange.framing == ResponseFraming::Chunked;
            send_content(client.stream.out(ring), input, &content, is_chunked);
        }
        input.advance(piece.consumed);
        if piece.done {
            self.response_complete(id, exchange_id, input.is_empty());
            return true;
        }
        if input.is_empty() {
            let client_id = exchange.client;
            client.stream.flush(ring);
            if client.stream.pending_bytes() >= PENDING_BYTES_MAX {
                backend.stream.pause(ring);
                backend.deadline.clear();
            } else if let Some(pool) = self.pools.get(backend.pool) {
                let due = self.now + pool.upstream.timeouts.body_idle;
                self.timers.set(&mut backend.deadline, due, Kind::Backend.token(id));
            }
            self.touch_client(client_id);
        }
        true
    }

    /// The client has taken what was waiting for it: more of its answer is wanted.
    pub(super) fn resume_response(&mut self, exchange_id: SlotId) {
        let Some(exchange) = self.exchanges.get(exchange_id) else { return };
        let Some(backend_id) = exchange.backend else { return };
        let Some(backend) = self.backends.get_mut(backend_id) else { return };
        if !backend.stream.is_paused() {
            return;
        }
        backend.stream.resume(self.env.ring());
        // Before the answer's head its own time-out goes on.
        if exchange.stage == Stage::Answering
            && let Some(pool) = self.pools.get(backend.pool)
        {
            let due = self.now + pool.upstream.timeouts.body_idle;
            self.timers.set(&mut backend.deadline, due, Kind::Backend.token(backend_id));
        }
    }

    /// The response has arrived in full. `is_all` says that no byte came behind it: with one, the
    /// connection must not get the next request, whose answer that byte would be taken for.
    pub(super) fn response_complete(&mut self, id: SlotId, exchange_id: SlotId, is_all: bool) {
        if self.exchanges.get(exchange_id).is_some_and(Proxied::keeps_answer) {
            self.answer_kept(exchange_id);
        }
        let Some(backend) = self.backends.get_mut(id) else { return };
        let is_all = is_all && !backend.more_arrived;
        let pool_id = backend.pool;
        let BackendState::Busy { response, .. } = &mut backend.state else { return };
        let Response::Body { persistent, .. } = response else { return };
        let is_reusable = *persistent && is_all;
        *response = Response::Done;
        let Some(exchange) = self.exchanges.get(exchange_id) else { return };
        if exchange.remote.is_some() {
            self.let_go(exchange_id, id, !is_reusable);
            return self.remote_answered(exchange_id);
        }
        let Some(client) = self.clients.get_mut(exchange.client) else { return };
        if exchange.framing == ResponseFraming::Chunked {
            client.stream.out(self.env.ring()).copy(http::write::LAST_CHUNK);
        }
        let request_is_complete = client.request_is_complete();
        if !is_all {
            self.count(pool_id, UpstreamEvent::BadResponse);
        }
        // A connection with half a request on it is of no further use.
        self.response_finished(exchange_id, id, !is_reusable || !request_is_complete);
    }

    /// Both sides of an exchange are done.
    pub(super) fn response_finished(
        &mut self,
        exchange_id: SlotId,
        backend_id: SlotId,
        is_poisoned: bool,
    ) {
        let Some(exchange) = self.exchanges.get(exchange_id) else { return };
        let (client_id, persistent) = (exchange.client, exchange.persistent);
        self.let_go(exchange_id, backend_id, is_poisoned);
        self.end_exchange(exchange_id, None);
        self.exchange_over(client_id, persistent);
    }

    /// Takes the connection from an exchange whose answer is complete.
    fn let_go(&mut self, exchange_id: SlotId, backend_id: SlotId, is_poisoned: bool) {
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return };
        exchange.backend = None;
        let is_usable = self
            .backends
            .get(backend_id)
            .is_some_and(|backend| backend.stream.is_open() && !backend.stream.has_ended());
        if is_poisoned || !is_usable {
            self.drop_backend(backend_id, Close::Orderly);
        } else {
            self.backend_is_free(backend_id);
        }
    }

    /// The back end will send no more.
    pub(super) fn backend_ended(&mut self, id: SlotId) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        backend.stream.ended();
        let (pool_id, target) = (backend.pool, backend.target);
        match &mut backend.state {
            BackendState::Busy { exchange, response: Response::Body { reader, .. } } => {
                let exchange = *exchange;
                // In TLS an end without close_notify may have been forged.
                let is_proper = backend.stream.tls().is_none_or(|session| session.end().is_ok());
                if is_proper && reader.end_of_stream().is_ok() {
                    self.response_complete(id, exchange, true);
                } else {
                    self.note_failure(pool_id, target);
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    self.warn(pool_id, target, "a back end cut its response short", &error);
                    self.count(pool_id, UpstreamEvent::Reset);
                    self.fail_request(exchange, Refusal::BadGateway);
                }
            }
            _ => self.backend_broke(id, &io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// A back end's connection broke, or ended where no response may end.
    pub(super) fn backend_broke(&mut self, id: SlotId, error: &io::Error) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        let (pool_id, target) = (backend.pool, backend.target);
        match &backend.state {
            BackendState::Idle => {
                if let Some(pool) = self.pools.get_mut(pool_id) {
                    pool.forget_idle(target, id);
                }
                self.close_backend(id, Close::Orderly);
            }
            BackendState::Connecting { exchange } => {
                let exchange = *exchange;
                self.note_failure(pool_id, target);
                self.warn(pool_id, target, "a back end could not be connected to", error);
                self.drop_backend(id, Close::Orderly);
                self.try_failed(exchange, target, Fault::Connect);
            }
            BackendState::Busy { exchange, response: Response::Head { .. } } => {
                let exchange = *exchange;
                let is_stale = backend.served > 0 && backend.partial.is_empty();
                self.drop_backend(id, Close::Orderly);
                if is_stale && self.stale_connection(exchange) {
                    return;
                }
                self.note_failure(pool_id, target);
                self.warn(pool_id, target, "a back end broke off before its response", error);
                self.try_failed(exchange, target, Fault::Reset);
            }
            BackendState::Busy { exchange, response: Response::Body { .. } } => {
                let exchange = *exchange;
                self.note_failure(pool_id, target);
                self.warn(pool_id, target, "a back end broke off in its response", error);
                self.count(pool_id, UpstreamEvent::Reset);
                self.fail_request(exchange, Refusal::BadGateway);
            }
            BackendState::Busy { exchange, response: Response::Done } => {
                let exchange = *exchange;
                self.response_finished(exchange, id, true);
            }
            BackendState::Closing => {}
        }
    }
}
