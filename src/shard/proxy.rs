//! Requests on their way to a back end: a target, a connection, another try, or the failure that the
//! client is told.
//!
//! ```text
//! Prepared --launch--> (Waiting) --> Connecting --> Sent --head--> Answering --> done
//!                                        |            |
//!                                        '---retry----'   only while nothing of the answer was seen
//! ```

use super::client::ClientState;
use super::exchanges::{Proxied, ServedBy, Stage};
use super::noted::Request;
use super::record::Outcome;
use super::stream::Stream;
use super::timers::Deadline;
use super::upstream::connection::{Backend, BackendState, Response};
use super::upstream::pool::TargetIndex;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::control::mailbox::FromShard;
use crate::exchange::respond::{self, Connection};
use crate::exchange::{Failure, Refusal};
use crate::ring::{Close, Env, Outgoing, Ring, SlotId};
use crate::snapshot::{Protocol, RetryOn, UpstreamTls};
use crate::telemetry::Finished;
use crate::telemetry::batch::UpstreamEvent;
use rustls::pki_types::ServerName;
use std::io;

/// How a try to get an answer from a back end failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No connection: nothing was sent.
    Connect,
    /// No connection in time: nothing was sent.
    ConnectTimeout,
    /// It broke before the answer began.
    Reset,
    /// No answer in time.
    Timeout,
    /// What came is not an answer.
    BadResponse,
}

impl Fault {
    fn refusal(self) -> Refusal {
        match self {
            Self::Connect | Self::Reset => Refusal::IntegrationFailure,
            Self::ConnectTimeout | Self::Timeout => Refusal::IntegrationTimeout,
            Self::BadResponse => Refusal::BadGateway,
        }
    }

    fn event(self) -> UpstreamEvent {
        match self {
            Self::Connect | Self::ConnectTimeout => UpstreamEvent::ConnectFailure,
            Self::Reset => UpstreamEvent::Reset,
            Self::Timeout => UpstreamEvent::Timeout,
            Self::BadResponse => UpstreamEvent::BadResponse,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Connect => "connection refused or unreachable",
            Self::ConnectTimeout => "connect timed out",
            Self::Reset => "connection closed before the response",
            Self::Timeout => "response timed out",
            Self::BadResponse => "response is not valid HTTP",
        }
    }
}

impl<E: Env> Shard<E> {
    /// Starts a prepared request, once what came with its head is taken in.
    pub(super) fn launch(&mut self, id: SlotId) {
        if self.exchanges.get(id).is_some_and(|exchange| exchange.stage == Stage::Prepared) {
            self.dispatch(id);
        }
    }

    /// Finds a connection for a request, or a place in the queue.
    fn dispatch(&mut self, id: SlotId) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        let pool_id = exchange.pool;
        let Some(pool) = self.pools.get_mut(pool_id) else {
            return self.fail_request(id, Refusal::Internal);
        };
        let Some(target) = pool.choose(exchange.hash.as_deref(), exchange.avoid, self.now) else {
            return self.fail_without_target(id);
        };
        exchange.attempts += 1;
        let now = self.now;
        exchange.handed_over.get_or_insert(now);
        if let Some(backend) = pool.take_idle(target) {
            self.attach(id, backend);
        } else if pool.may_connect() {
            self.connect(id, target);
        } else if let Some(other) = pool.any_idle() {
            // At the limit, with a connection to another target idle: that one makes room, and for
            // this request only.
            self.retire_backend(other, Close::Orderly);
            self.connect(id, target);
            self.serve_waiting(pool_id);
        } else if pool.may_wait() {
            pool.waiting.push_back(id);
            exchange.stage = Stage::Waiting;
            exchange.attempts -= 1;
            let due = self.now + exchange.timeout;
            self.timers.set(&mut exchange.deadline, due, Kind::Exchange.token(id));
        } else {
            self.count(pool_id, UpstreamEvent::Overflow);
            self.fail_request(id, Refusal::Unavailable);
        }
    }

    /// Ends a request that there is no back end for. To Amazon a name that leads nowhere is a mistake in
    /// the set-up of a REST API; for the file's own it is one that may pass.
    fn fail_without_target(&mut self, id: SlotId) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        let is_unknown = self.pools.get(exchange.pool).is_some_and(|pool| !pool.has_address());
        let is_managed = matches!(exchange.api, ServedBy::Managed(..));
        if is_unknown && is_managed && exchange.protocol == Protocol::Rest {
            return self.fail_exchange(id, &Failure::configuration("Invalid endpoint address"));
        }
        self.fail_request(id, Refusal::Unavailable);
    }

    fn connect(&mut self, id: SlotId, target: TargetIndex) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        let pool_id = exchange.pool;
        let Some(pool) = self.pools.get_mut(pool_id) else { return };
        let Some(address) = pool.next_address(target) else {
            return self.fail_without_target(id);
        };
        let due = self.now + pool.upstream.timeouts.connect;
        let mut opened = Ok(());
        let ring = self.env.ring();
        let backend_id = self.backends.insert_with(|backend_id| {
            let token = Kind::Backend.token(backend_id);
            let socket = ring.connect(address, token).unwrap_or_else(|error| {
                opened = Err(error);
                crate::ring::Socket(-1)
            });
            Backend {
                stream: Stream::connecting(socket, token),
                pool: pool_id,
                target,
                state: BackendState::Connecting { exchange: id },
                deadline: Deadline::default(),
                served: 0,
                partial: Vec::new(),
                more_arrived: false,
            }
        });
        if let Err(error) = opened {
            self.backends.remove(backend_id);
            self.warn(pool_id, target, "no socket could be opened for a back end", &error);
            return self.fail_request(id, Refusal::Unavailable);
        }
        pool.opened();
        pool.request_started(target);
        exchange.stage = Stage::Connecting;
        exchange.backend = Some(backend_id);
        if let Some(backend) = self.backends.get_mut(backend_id) {
            self.timers.set(&mut backend.deadline, due, Kind::Backend.token(backend_id));
        }
    }

    /// The connect of a back-end connection finished.
    pub(super) fn connected(&mut self, id: SlotId, result: io::Result<()>) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        backend.stream.connect_over();
        let BackendState::Connecting { exchange } = backend.state else {
            return self.free_backend_if_over(id);
        };
        let (pool_id, target) = (backend.pool, backend.target);
        if let Err(error) = result {
            self.note_failure(pool_id, target);
            self.warn(pool_id, target, "a back end could not be connected to", &error);
            self.drop_backend(id, Close::Orderly);
            return self.try_failed(exchange, target, Fault::Connect);
        }
        backend.stream.connected(self.env.ring());
        let Some(pool) = self.pools.get(pool_id) else { return };
        let (Some(config), Some(declared)) = (&pool.tls, &pool.upstream.tls) else {
            if pool.upstream.tls.is_some() {
                // TLS was asked for and cannot be had: never fall back to plain text.
                self.drop_backend(id, Close::Orderly);
                return self.try_failed(exchange, target, Fault::Connect);
            }
            self.count(pool_id, UpstreamEvent::Connect);
            return self.send_request(exchange, id);
        };
        let name = server_name(declared, &pool.upstream.targets[target.0].host);
        let started = name.ok_or("the server name is not valid").and_then(|name| {
            let started = backend.stream.start_tls(config, name, self.env.ring());
            started.map_err(|_fault| "TLS could not be started")
        });
        match started {
            Ok(()) => backend.stream.flush(self.env.ring()),
            Err(reason) => {
                let error = io::Error::other(reason);
                self.note_failure(pool_id, target);
                self.warn(pool_id, target, "a back end could not be connected to", &error);
                self.drop_backend(id, Close::Orderly);
                self.try_failed(exchange, target, Fault::Connect);
            }
        }
    }

    /// Gives a request to an idle connection.
    fn attach(&mut self, id: SlotId, backend_id: SlotId) {
        let Some(backend) = self.backends.get(backend_id) else { return };
        if let Some(pool) = self.pools.get_mut(backend.pool) {
            pool.request_started(backend.target);
        }
        self.send_request(id, backend_id);
    }

    /// Sends what there is of a request. The connection is the request's from now on.
    pub(super) fn send_request(&mut self, id: SlotId, backend_id: SlotId) {
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return self.close_backend(backend_id, Close::Orderly);
        };
        let Some(backend) = self.backends.get_mut(backend_id) else { return };
        let Some(pool) = self.pools.get(backend.pool) else { return };
        exchange.backend = Some(backend_id);
        exchange.stage = Stage::Sent;
        backend.state =
            BackendState::Busy { exchange: id, response: Response::Head { kind: exchange.kind } };
        let ring = self.env.ring();
        let out = backend.stream.out(ring).written();
        let (line, rest) = exchange.request.split_at(exchange.host_place.at);
        out.extend_from_slice(line);
        if !exchange.host_place.is_mapped {
            out.extend_from_slice(b"host: ");
            out.extend_from_slice(pool.upstream.targets[backend.target.0].authority.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(rest);
        backend.stream.flush(ring);
        let due = self.now + exchange.timeout;
        self.timers.set(&mut backend.deadline, due, Kind::Backend.token(backend_id));
        let (pool_id, client) = (backend.pool, exchange.client);
        self.count(pool_id, UpstreamEvent::Request);
        // Content that had to wait for the connection.
        if self.clients.get(client).is_some_and(|client| !client.held.is_empty()) {
            self.pump_client(client);
        }
    }

    /// The request's content has been taken from the client in full.
    pub(super) fn request_sent_in_full(&mut self, id: SlotId) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        let Some(backend_id) = exchange.backend else { return };
        let is_done = self.backends.get(backend_id).is_some_and(|backend| {
            matches!(backend.state, BackendState::Busy { response: Response::Done, .. })
        });
        if is_done {
            self.response_finished(id, backend_id, false);
        }
    }

    /// A try failed before anything of an answer was seen: another one, elsewhere if possible, or the
    /// failure is the answer.
    pub(super) fn try_failed(&mut self, id: SlotId, target: TargetIndex, fault: Fault) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        let pool_id = exchange.pool;
        exchange.backend = None;
        exchange.avoid = Some(target);
        let attempts = exchange.attempts;
        let may_repeat = match fault {
            Fault::Connect | Fault::ConnectTimeout => true,
            Fault::Reset => exchange.is_idempotent && exchange.can_replay,
            Fault::Timeout | Fault::BadResponse => false,
        };
        self.count(pool_id, fault.event());
        let Some(pool) = self.pools.get_mut(pool_id) else { return };
        let retry = &pool.upstream.retry;
        let is_wanted = wants_retry(retry.on, fault) && attempts < retry.attempts;
        if may_repeat && is_wanted && pool.may_retry() {
            return self.try_again(id);
        }
        self.fail_request(id, fault.refusal());
    }

    /// A connection that had served before was closed by the back end just as it was used again:
    /// nobody's fault, so the request goes out once more without asking the retry budget, if it may be
    /// sent twice. To AWS services it may, whatever its method: Amazon's SDKs send it again, too, and the
    /// service was asked for by an API that expects of it what they do.
    pub(super) fn stale_connection(&mut self, id: SlotId) -> bool {
        let Some(exchange) = self.exchanges.get_mut(id) else { return false };
        let may_repeat = exchange.is_idempotent || exchange.is_of_service();
        if exchange.stale_retried || !may_repeat || !exchange.can_replay {
            return false;
        }
        exchange.stale_retried = true;
        exchange.attempts -= 1;
        exchange.avoid = None;
        exchange.backend = None;
        self.try_again(id);
        true
    }

    fn try_again(&mut self, id: SlotId) {
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        exchange.stage = Stage::Prepared;
        exchange.backend = None;
        let pool_id = exchange.pool;
        self.count(pool_id, UpstreamEvent::Retry);
        self.dispatch(id);
    }

    /// Whether an answer with this status is thrown away and the request sent again. The connection
    /// that brought it must then be closed.
    pub(super) fn retries_status(&mut self, id: SlotId, status: u16) -> bool {
        let Some(exchange) = self.exchanges.get_mut(id) else { return false };
        let Some(pool) = self.pools.get_mut(exchange.pool) else { return false };
        let retry = &pool.upstream.retry;
        let is_wanted = match status {
            502 => retry.on.bad_gateway,
            503 => retry.on.unavailable,
            504 => retry.on.gateway_timeout,
            _ => false,
        };
        is_wanted
            && exchange.attempts < retry.attempts
            && exchange.is_idempotent
            && exchange.can_replay
            && pool.may_retry()
    }

    /// Sends a request again after an answer that was thrown away.
    pub(super) fn retry_elsewhere(&mut self, id: SlotId, target: TargetIndex) {
        if let Some(exchange) = self.exchanges.get_mut(id) {
            exchange.avoid = Some(target);
        }
        self.try_again(id);
    }

    /// Ends a request with an answer of our own, or, when an answer has begun, by closing the
    /// connection, so that the client cannot take what it has for whole.
    pub(super) fn fail_request(&mut self, id: SlotId, refusal: Refusal) {
        let is_unreachable = matches!(
            refusal,
            Refusal::IntegrationFailure | Refusal::BadGateway | Refusal::Unavailable
        );
        // A service that cannot be reached is a mistake of the API's owner to Amazon.
        let is_of_service =
            is_unreachable && self.exchanges.get(id).is_some_and(Proxied::is_of_service);
        let refusal = if is_of_service { Refusal::Misconfigured } else { refusal };
        self.fail_exchange(id, &refusal.into());
    }

    /// As [`Shard::fail_request`], with more to be told.
    pub(super) fn fail_exchange(&mut self, id: SlotId, failure: &Failure) {
        let refusal = failure.refusal;
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        if exchange.remote.is_some() {
            return self.remote_failed(id, failure);
        }
        let client_id = exchange.client;
        if exchange.stage == Stage::Answering {
            self.end_exchange(id, Some(refusal));
            if let Some(client) = self.clients.get_mut(client_id) {
                client.state = ClientState::Closing;
                client.held.clear();
                client.stream.abort_when_sent(self.env.ring());
            }
            return self.free_client_if_over(client_id);
        }
        if let Some(execution) = &mut exchange.execution {
            execution.failed(self.since_epoch, failure);
        }
        let protocol = Some(exchange.protocol);
        let Some(client) = self.clients.get_mut(client_id) else {
            exchange.status = refusal.status(protocol);
            return self.end_exchange(id, Some(refusal));
        };
        // Content that was not read makes the connection useless.
        let persistent = exchange.persistent && client.request_is_complete();
        let connection = Connection::of(persistent, exchange.client_version);
        let date = self.date.at(self.since_epoch.as_secs());
        let is_head = exchange.client_kind == crate::http::RequestKind::Head;
        let out = client.stream.out(self.env.ring()).written();
        let Proxied { snapshot, api, kept, .. } = exchange;
        let told = kept.as_ref().and_then(|kept| {
            kept.with_exchange(snapshot, &self.managed, api, None, |exchange, _| {
                respond::fail(exchange, failure, connection, date, out)
            })
        });
        let (status, response_bytes) = told.unwrap_or_else(|| {
            let (ids, more) = (&exchange.ids, exchange.cors.as_deref().unwrap_or_default());
            let bytes =
                respond::refuse(refusal, protocol, ids, connection, date, is_head, more, out);
            (refusal.status(protocol), bytes)
        });
        exchange.status = status;
        exchange.response_bytes = response_bytes;
        self.end_exchange(id, Some(refusal));
        self.exchange_over(client_id, persistent);
    }

    /// The answer to a client is queued in full: its next request, or the end.
    pub(super) fn exchange_over(&mut self, client_id: SlotId, persistent: bool) {
        let Some(client) = self.clients.get_mut(client_id) else { return };
        if persistent {
            client.state = ClientState::Idle;
            client.stream.flush(self.env.ring());
            self.touch_client(client_id);
            if self.clients.get(client_id).is_some_and(|client| {
                !client.held.is_empty() || client.stream.is_paused() || client.stream.has_ended()
            }) {
                self.pump_client(client_id);
            }
        } else {
            if client.request_is_complete() {
                client.state = ClientState::Idle;
            }
            self.finish_client(client_id);
        }
    }

    /// The client is gone: nobody waits for this answer.
    pub(super) fn abandon(&mut self, id: SlotId) {
        if let Some(exchange) = self.exchanges.get_mut(id)
            && exchange.stage != Stage::Answering
        {
            // nginx's word for it; Amazon has none for buffered answers.
            exchange.status = 499;
        }
        self.end_exchange(id, None);
    }

    /// Takes a request off the table: frees its connection, counts it, logs it.
    pub(super) fn end_exchange(&mut self, id: SlotId, refusal: Option<Refusal>) {
        let Some(mut exchange) = self.exchanges.remove(id) else { return };
        self.timers.leave(exchange.deadline, Kind::Exchange.token(id));
        if let Some(execution) = exchange.execution.take() {
            let api = exchange.api.api(&exchange.snapshot);
            let request_id = exchange.ids.request.as_str();
            self.end_execution(Some(execution), api, request_id, exchange.status);
        }
        if let Some(backend) = exchange.backend {
            self.drop_backend(backend, Close::Orderly);
        }
        if exchange.stage == Stage::Waiting
            && let Some(pool) = self.pools.get_mut(exchange.pool)
        {
            pool.waiting.retain(|waiting| *waiting != id);
        }
        if let Some(pool) = self.pools.get_mut(exchange.pool) {
            pool.end();
        }
        self.free_pool_if_unused(exchange.pool);
        if exchange.remote.is_some() {
            // Counted as the request that it is for.
            self.spare_request(exchange.request);
            return self.retire(exchange.snapshot);
        }
        let (api, route) = self.record.series(exchange.api.index(), Some(exchange.route));
        let finished = Finished {
            api: Some(api),
            route,
            status: exchange.status,
            latency: self.now.saturating_duration_since(exchange.started),
            integration_latency: exchange.integration_latency,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
        };
        let is_current =
            self.count_exchange(&exchange.snapshot, &exchange.api, exchange.route, &finished);
        if is_current && exchange.log.is_some() {
            self.log_proxied(&exchange, finished, refusal);
        }
        self.spare_request(exchange.request);
        self.release(exchange.snapshot, exchange.api);
    }

    /// Keeps a request's memory for another one.
    fn spare_request(&mut self, mut request: Vec<u8>) {
        request.clear();
        if request.capacity() <= 2 * super::exchanges::REPLAY_BYTES_MAX
            && self.spare_requests.len() < 1024
        {
            self.spare_requests.push(request);
        }
    }

    fn log_proxied(
        &mut self,
        exchange: &super::exchanges::Proxied,
        finished: Finished,
        refusal: Option<Refusal>,
    ) {
        let protocol = Some(exchange.protocol);
        let tls = self.clients.get(exchange.client).and_then(|client| client.stream.tls());
        let noted = exchange.log.as_deref();
        let refusal = refusal.or_else(|| noted.and_then(|noted| noted.refusal));
        let error = refusal.map_or("", |refusal| refusal.message(protocol));
        let outcome = Outcome {
            finished,
            ids: &exchange.ids,
            request_time: self.since_epoch.saturating_sub(finished.latency),
            is_http10: exchange.client_version == crate::http::Version::Http10,
            function_status: None,
            validation_error: "",
            integration_error: error,
            error_message: error,
            error_response_type: refusal.map_or("", Refusal::response_type),
            tls_version: tls.and_then(|tls| tls.protocol_version()).unwrap_or_default(),
            cipher_suite: tls.and_then(|tls| tls.cipher_suite()).unwrap_or_default(),
        };
        let request = Request::kept(noted);
        let route = Some(exchange.route.0);
        let api = exchange.api.api(&exchange.snapshot);
        self.record.log(api, &request, &outcome, route, self.now);
    }

    /// A send to a back end is over.
    pub(super) fn backend_sent(
        &mut self,
        id: SlotId,
        outgoing: Box<Outgoing>,
        result: io::Result<()>,
    ) {
        let ring = self.env.ring();
        let Some(backend) = self.backends.get_mut(id) else { return ring.recycle(outgoing) };
        if let Err(error) = backend.stream.sent(outgoing, result, ring) {
            // The receive side tells more: an early answer may stand there, unread.
            if !matches!(backend.state, BackendState::Busy { .. }) {
                self.backend_broke(id, &error);
            }
            return self.free_backend_if_over(id);
        }
        let exchange = backend.exchange();
        if backend.stream.pending_bytes() < PENDING_BYTES_MAX
            && let Some(exchange) = exchange.and_then(|exchange| self.exchanges.get(exchange))
        {
            let client_id = exchange.client;
            let is_held = self
                .clients
                .get(client_id)
                .is_some_and(|client| !client.held.is_empty() || client.stream.is_paused());
            if is_held {
                self.pump_client(client_id);
            }
        }
        self.free_backend_if_over(id);
    }

    /// Takes a connection from its request and closes it.
    pub(super) fn drop_backend(&mut self, id: SlotId, how: Close) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        if backend.exchange().is_some()
            && let Some(pool) = self.pools.get_mut(backend.pool)
        {
            pool.request_ended(backend.target);
        }
        self.close_backend(id, how);
    }

    /// Closes a connection that carries nothing; whoever waits gets its place.
    pub(super) fn close_backend(&mut self, id: SlotId, how: Close) {
        if let Some(pool_id) = self.retire_backend(id, how) {
            self.serve_waiting(pool_id);
        }
    }

    /// Closes a connection that carries nothing. Gives its pool, where a place is free now; `None` when
    /// it was being closed already.
    fn retire_backend(&mut self, id: SlotId, how: Close) -> Option<SlotId> {
        let backend = self.backends.get_mut(id)?;
        if matches!(backend.state, BackendState::Closing) {
            return None;
        }
        backend.state = BackendState::Closing;
        backend.deadline.clear();
        backend.stream.close(self.env.ring(), how);
        let pool_id = backend.pool;
        if let Some(pool) = self.pools.get_mut(pool_id) {
            pool.gone();
        }
        self.free_backend_if_over(id);
        Some(pool_id)
    }

    /// Connections or places for them came free: the oldest waiting requests get them. One that fails at once
    /// (no socket can be opened) leaves its place to the next.
    fn serve_waiting(&mut self, pool_id: SlotId) {
        while let Some(pool) = self.pools.get_mut(pool_id)
            && pool.has_place()
            && let Some(next) = pool.waiting.pop_front()
        {
            if let Some(exchange) = self.exchanges.get_mut(next) {
                exchange.deadline.clear();
                exchange.stage = Stage::Prepared;
                self.dispatch(next);
            }
        }
    }

    /// Puts a connection that has done its work back, or gives it to a waiting request.
    pub(super) fn backend_is_free(&mut self, id: SlotId) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        backend.state = BackendState::Idle;
        backend.served += 1;
        // A slow client may have paused it; while idle it must notice when the back end closes.
        backend.stream.resume(self.env.ring());
        let Some(pool) = self.pools.get_mut(backend.pool) else { return };
        pool.request_ended(backend.target);
        if self.draining.is_some() || !pool.is_declared {
            return self.close_backend(id, Close::Orderly);
        }
        pool.put_idle(backend.target, id);
        let due = self.now + pool.upstream.timeouts.idle;
        self.timers.set(&mut backend.deadline, due, Kind::Backend.token(id));
        let pool_id = backend.pool;
        self.serve_waiting(pool_id);
    }

    /// Closes the idle connections of a pool.
    pub(super) fn close_idle(&mut self, pool_id: SlotId) {
        while let Some(id) = self.pools.get_mut(pool_id).and_then(|pool| pool.any_idle()) {
            self.close_backend(id, Close::Orderly);
        }
    }

    pub(super) fn free_backend_if_over(&mut self, id: SlotId) {
        if self.backends.get(id).is_some_and(|backend| backend.stream.is_over())
            && let Some(backend) = self.backends.remove(id)
        {
            self.free_pool_if_unused(backend.pool);
        }
    }

    pub(super) fn free_pool_if_unused(&mut self, id: SlotId) {
        if self.pools.get(id).is_some_and(|pool| !pool.is_declared && pool.is_unused()) {
            self.pools.remove(id);
        }
    }

    pub(super) fn backend_timed_out(&mut self, id: SlotId) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        let target = backend.target;
        let pool_id = backend.pool;
        match &backend.state {
            BackendState::Connecting { exchange } => {
                let exchange = *exchange;
                self.note_failure(pool_id, target);
                let error = io::Error::from(io::ErrorKind::TimedOut);
                self.warn(pool_id, target, "a back end could not be connected to", &error);
                self.drop_backend(id, Close::Abort);
                self.try_failed(exchange, target, Fault::ConnectTimeout);
            }
            BackendState::Busy { exchange, response } => {
                let exchange = *exchange;
                let has_begun = !matches!(response, Response::Head { .. });
                self.note_failure(pool_id, target);
                let error = io::Error::other(Fault::Timeout.words());
                self.warn(pool_id, target, "a back end did not answer in time", &error);
                self.drop_backend(id, Close::Abort);
                if has_begun {
                    self.count(pool_id, UpstreamEvent::Timeout);
                    self.fail_request(exchange, Refusal::IntegrationTimeout);
                } else {
                    self.try_failed(exchange, target, Fault::Timeout);
                }
            }
            BackendState::Idle => {
                if let Some(pool) = self.pools.get_mut(pool_id) {
                    pool.forget_idle(target, id);
                }
                self.close_backend(id, Close::Orderly);
            }
            BackendState::Closing => {}
        }
    }

    /// A request waited too long for a connection.
    pub(super) fn wait_timed_out(&mut self, id: SlotId) {
        match self.exchanges.get(id).map(|exchange| exchange.stage) {
            Some(Stage::Waiting) => self.fail_request(id, Refusal::IntegrationTimeout),
            Some(Stage::Pausing) => self.pause_over(id),
            _ => {}
        }
    }

    pub(super) fn count(&mut self, pool_id: SlotId, event: UpstreamEvent) {
        if let Some(index) = self.pools.get(pool_id).and_then(|pool| pool.index) {
            self.record.recorder.upstream(index, event);
        }
    }

    /// A target failed: one more in its row of failures, which may eject it.
    pub(super) fn note_failure(&mut self, pool_id: SlotId, target: TargetIndex) {
        let Some(pool) = self.pools.get_mut(pool_id) else { return };
        let Some(duration) = pool.failed(target, self.now) else { return };
        let upstream = pool.upstream.key.clone();
        let address = pool.upstream.targets[target.0].address.clone();
        let name = &pool.upstream.name;
        tracing::warn!(shard = self.id, upstream = %name, target = %address, "target ejected");
        self.count(pool_id, UpstreamEvent::Ejected);
        let shard = self.id;
        self.send_report(FromShard::Ejected { shard, upstream, target: address, duration });
    }

    pub(super) fn warn(
        &mut self,
        pool_id: SlotId,
        target: TargetIndex,
        message: &'static str,
        error: &io::Error,
    ) {
        let Some(swallowed) = self.record.warnings.allow(self.now) else { return };
        let Some(pool) = self.pools.get(pool_id) else { return };
        let target = &pool.upstream.targets[target.0].address;
        let upstream = &pool.upstream.name;
        tracing::warn!(shard = self.id, %upstream, %target, %error, swallowed, "{message}");
    }
}

fn wants_retry(on: RetryOn, fault: Fault) -> bool {
    match fault {
        Fault::Connect | Fault::ConnectTimeout => on.connect,
        Fault::Reset => on.reset,
        Fault::Timeout | Fault::BadResponse => false,
    }
}

fn server_name(declared: &UpstreamTls, host: &str) -> Option<ServerName<'static>> {
    let name = declared.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).ok()
}
