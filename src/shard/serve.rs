//! From a client's bytes to requests, and the answers that need no back end.

use super::client::{Client, ClientState, HELD_MAX, Input};
use super::exchanges::{Proxied, REPLAY_BYTES_MAX, ServedBy, Stage};
use super::execution::Execution;
use super::kept::{Kept, KeptAnswer};
use super::phases::made_for;
use super::record::{Noted, Outcome, Request, is_logged};
use super::timers::Deadline;
use super::upstream::connection::Backend;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::exchange::integrate::http_proxy::{self, has_content};
use crate::exchange::respond::{self, Connection, ResponseFraming};
use crate::exchange::transform::Transformed;
use crate::exchange::{ClientFacts, Exchange, Failure, Ids, Origin, Refusal, admit, cors, route};
use crate::http::{self, BodyReader, Fields, Framing, Refused, RequestHead, RequestKind};
use crate::ring::{Close, Env, Lease, Outgoing, Ring, SlotId, Slots};
use crate::snapshot::{Balance, HashOn, HttpProxy};
use crate::telemetry::Finished;
use crate::telemetry::batch::Refusal as Counted;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// How long a connection whose last answer is sent is read from, so that the answer is not destroyed
/// by a reset for unread bytes (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// Content that is read and dropped to keep a connection alive after an answer that did not need it.
const DISCARD_BYTES_MAX: u64 = 256 * 1024;

impl<E: Env> Shard<E> {
    /// TLS records of a client.
    pub(super) fn client_records(&mut self, id: SlotId, lease: Lease) {
        let request_due = self.now + self.request_patience();
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut inputs = std::mem::take(&mut self.decrypted);
        let ring = self.env.ring();
        let result = client
            .stream
            .decrypt(lease, ring, |plaintext| inputs.push(Input::from_plaintext(plaintext)));
        client.stream.flush(ring);
        match &result {
            Ok(decrypted) if decrypted.established => {
                client.state = ClientState::Idle;
                self.timers.set(&mut client.deadline, request_due, Kind::Client.token(id));
                self.record.recorder.tls_handshake();
            }
            Ok(_) => {}
            Err(_) if matches!(client.state, ClientState::Handshaking) => {
                self.record.recorder.tls_handshake_failed();
            }
            Err(_) => {}
        }
        for input in inputs.drain(..) {
            self.client_input(id, input);
        }
        self.decrypted = inputs;
        match result {
            Ok(decrypted) if decrypted.ended => self.client_ended(id),
            Ok(_) => {}
            Err(fault) => {
                tracing::debug!(shard = self.id, error = %fault, "a client broke TLS");
                let is_asking = |client: &Client| client.is_served();
                if self.clients.get(id).is_some_and(is_asking) {
                    self.client_lost(id);
                } else {
                    self.finish_client(id);
                }
            }
        }
    }

    /// Plain bytes of a client.
    pub(super) fn client_input(&mut self, id: SlotId, input: Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if matches!(client.state, ClientState::Lingering | ClientState::Closing) {
            return;
        }
        if client.held.is_empty() {
            self.take_input(id, input);
        } else {
            self.hold(id, input);
        }
    }

    /// Goes on with input that was held.
    pub(super) fn pump_client(&mut self, id: SlotId) {
        while let Some(client) = self.clients.get_mut(id) {
            if !can_take(client, &self.exchanges, &self.backends) {
                return;
            }
            let Some(input) = client.held.pop_front() else {
                if client.stream.is_paused() && client.stream.is_open() {
                    client.stream.resume(self.env.ring());
                    self.touch_client(id);
                }
                if self.clients.get(id).is_some_and(|client| client.stream.has_ended()) {
                    self.client_ended(id);
                }
                return;
            };
            self.take_input(id, input);
        }
    }

    fn hold(&mut self, id: SlotId, input: Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.held.push_back(input.kept());
        if client.held.len() >= HELD_MAX {
            client.stream.pause(self.env.ring());
        }
    }

    /// Takes input as far as the connection's state lets it, and holds the rest.
    fn take_input(&mut self, id: SlotId, mut input: Input) {
        while !input.is_empty() {
            let Some(client) = self.clients.get_mut(id) else { return };
            if !can_take(client, &self.exchanges, &self.backends) {
                if matches!(client.state, ClientState::Lingering | ClientState::Closing) {
                    return;
                }
                client.held.push_front(input.kept());
                if client.held.len() >= HELD_MAX {
                    client.stream.pause(self.env.ring());
                }
                break;
            }
            match &mut client.state {
                ClientState::Idle | ClientState::Head { .. } => {
                    let Some(rest) = self.take_head(id, input) else { break };
                    input = rest;
                }
                ClientState::Exchange { .. } => self.take_content(id, &mut input),
                ClientState::Asked { .. } => self.gather_content(id, &mut input),
                ClientState::Discard { body, dropped_bytes, .. } => match body.read(&input) {
                    Ok(piece) => {
                        *dropped_bytes += piece.data.len() as u64;
                        // Chunks do not say beforehand how many will come.
                        if *dropped_bytes > DISCARD_BYTES_MAX {
                            return self.finish_client(id);
                        }
                        input.advance(piece.consumed);
                        if piece.done {
                            self.answered(id);
                        }
                    }
                    Err(_bad_body) => return self.finish_client(id),
                },
                ClientState::Handshaking
                | ClientState::Authorizing { .. }
                | ClientState::Lingering
                | ClientState::Closing => return,
            }
        }
        self.launch_request(id);
    }

    /// Sets on its way what the phases of a request have made ready, and sends what they have answered.
    fn launch_request(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(exchange) = client.exchange() {
            self.launch(exchange);
        } else if let Some(asked) = client.asked() {
            self.launch_asked(asked);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.stream.flush(self.env.ring());
            self.touch_client(id);
        }
    }

    /// Goes on with a request that has waited behind its head: what its phases made ready, then the
    /// content that was left with the client.
    pub(super) fn go_on_behind_head(&mut self, id: SlotId) {
        self.launch_request(id);
        self.pump_client(id);
    }

    /// Reads a head and serves the request; gives back what follows the head. `None`: more bytes are
    /// needed, or the connection is done for.
    fn take_head(&mut self, id: SlotId, input: Input) -> Option<Input> {
        let client = self.clients.get_mut(id)?;
        if client.partial.is_empty() {
            let consumed = self.read_head(id, &input)?;
            let mut input = input;
            input.advance(consumed);
            return Some(input);
        }
        // The head was cut: it is put together in the connection's own buffer.
        let looked_at = client.partial.len().saturating_sub(3);
        client.partial.extend_from_slice(&input);
        let is_large = client.partial.len() > self.head_limits.head_bytes;
        if http::find_head_end(&client.partial, looked_at).is_none() && !is_large {
            return None;
        }
        let whole = std::mem::take(&mut client.partial);
        let consumed = self.read_head(id, &whole)?;
        Some(Input::Copied { bytes: whole, start: consumed })
    }

    fn read_head(&mut self, id: SlotId, bytes: &[u8]) -> Option<usize> {
        let mut fields = Fields::new();
        match http::request_head(bytes, &mut fields, &self.head_limits) {
            Ok(Some(head)) => {
                let consumed = head.head_bytes;
                self.serve(id, &head, &fields, &bytes[..consumed]);
                Some(consumed)
            }
            Ok(None) => {
                let client = self.clients.get_mut(id)?;
                client.partial.extend_from_slice(bytes);
                if matches!(client.state, ClientState::Idle) {
                    client.state = ClientState::Head { since: self.now };
                }
                None
            }
            Err(refused) => {
                self.refuse_head(id, refused);
                None
            }
        }
    }

    /// One request, from its head.
    /// `raw` is the head as received.
    fn serve(&mut self, id: SlotId, head: &RequestHead<'_>, fields: &Fields<'_>, raw: &[u8]) {
        let snapshot = Rc::clone(&self.snapshot);
        let ids = self.new_ids();
        let Some(client) = self.clients.get_mut(id) else { return };
        client.requests += 1;
        client.said_last = !head.persistent;
        let limits = &snapshot.server.limits;
        let persistent = head.persistent
            && self.draining.is_none()
            && limits.requests_per_connection_max.is_none_or(|max| client.requests < max);
        let facts = *client.facts.get_or_insert_with(|| {
            let ring = self.env.ring();
            // A client that is gone already gets no answer, so its address does not matter.
            let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            let peer = ring.peer_address(client.stream.socket()).unwrap_or(unknown);
            ClientFacts {
                peer,
                local: ring.local_address(client.stream.socket()).unwrap_or(unknown),
                is_tls: client.stream.tls().is_some(),
                peer_is_trusted: false,
            }
        });
        let trusted = &snapshot.server.trusted_proxies;
        let facts = ClientFacts {
            peer_is_trusted: trusted.iter().any(|net| net.contains(&facts.peer.ip())),
            ..facts
        };
        let managed = Rc::clone(&self.managed);
        let mut exchange = Exchange::new(&snapshot, &managed, head, fields, &facts, ids);
        exchange.received = self.since_epoch;
        self.begin_phases(id, &mut exchange, raw, persistent);
    }

    /// Finds the route of a request, and runs its phases. `raw` is the head as received.
    pub(super) fn begin_phases(
        &mut self,
        id: SlotId,
        exchange: &mut Exchange<'_>,
        raw: &[u8],
        persistent: bool,
    ) {
        let found =
            admit::admit(exchange, || self.env.random()).and_then(|()| route::route(exchange));
        if let Some(rules) = cors::rules(exchange)
            && (found.is_err() || rules.takes_every_preflight)
            && cors::is_preflight(exchange)
        {
            return self.answer_preflight(id, exchange, rules, persistent);
        }
        let route = match found {
            Ok(route) => route,
            Err(refusal) => {
                return self.answer_failure(id, exchange, &refusal.into(), persistent);
            }
        };
        self.execution = Execution::begin(exchange, self.since_epoch);
        self.run_phases(id, exchange, route, 0, raw, persistent);
    }

    fn new_ids(&mut self) -> Ids {
        Ids::new([self.env.random(), self.env.random(), self.env.random(), self.env.random()])
    }

    /// Counts and logs an answer that no back end gave.
    pub(super) fn record_answer(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        status: u16,
        response_bytes: u64,
        failure: Option<&Failure>,
    ) {
        let refusal = failure.map(|failure| failure.refusal);
        let series = exchange.api.map(|api| self.record.series(api.index(), exchange.route));
        let finished = Finished {
            api: series.map(|(api, _)| api),
            route: series.and_then(|(_, route)| route),
            status,
            latency: exchange.waited,
            integration_latency: None,
            // Content that was not asked for was not read.
            request_bytes: exchange.content.map_or(0, |content| content.len() as u64),
            response_bytes,
        };
        self.record.recorder.exchange(&finished);
        let Some(api) = exchange.api.map(|admitted| admitted.api) else { return };
        self.record.count_stage(api, exchange.route, &finished);
        if let Some(execution) = self.execution.take() {
            let request_id = exchange.ids.request.as_str();
            self.end_execution(Some(execution), api, request_id, status);
        }
        if !is_logged(api) {
            return;
        }
        let protocol = exchange.protocol;
        let tls = self.clients.get(id).and_then(|client| client.stream.tls());
        let outcome = Outcome {
            finished,
            ids: &exchange.ids,
            request_time: self.since_epoch,
            is_http10: exchange.head.version == http::Version::Http10,
            integration_status: None,
            function_status: None,
            validation_error: failure.and_then(|it| it.validation.as_deref()).unwrap_or_default(),
            integration_error: "",
            error_message: match failure.and_then(|it| it.message.as_deref()) {
                Some(message) => message,
                None => refusal.map_or("", |refusal| refusal.message(protocol)),
            },
            error_response_type: refusal.map_or("", Refusal::response_type),
            tls_version: tls.and_then(|tls| tls.protocol_version()).unwrap_or_default(),
            cipher_suite: tls.and_then(|tls| tls.cipher_suite()).unwrap_or_default(),
        };
        let request = Request::of(exchange);
        let route = exchange.route.map(|route| route.0);
        self.record.log(api, &request, &outcome, route, self.now);
    }

    /// Answers a head that cannot be a request, and closes: where its content would end is in doubt.
    fn refuse_head(&mut self, id: SlotId, refused: Refused) {
        tracing::debug!(shard = self.id, error = refused.cause(), "refused a request");
        self.record.recorder.refused(match refused.status() {
            414 => Counted::RequestLineTooLong,
            431 => Counted::FieldsTooLarge,
            417 | 501 => Counted::NotSupported,
            _ => Counted::Malformed,
        });
        self.answer_and_close(id, Refusal::BadRequest(refused.status()));
    }

    /// Answers outside of any exchange, then closes.
    pub(super) fn answer_and_close(&mut self, id: SlotId, refusal: Refusal) {
        let ids = self.new_ids();
        let date = self.date.at(self.since_epoch.as_secs());
        let Some(client) = self.clients.get_mut(id) else { return };
        let out = client.stream.out(self.env.ring()).written();
        let bytes = respond::refuse(refusal, None, &ids, Connection::Closes, date, false, &[], out);
        // More may be on its way: the connection lingers, lest a reset destroys the answer.
        client.state = ClientState::Head { since: self.now };
        self.record.recorder.exchange(&Finished {
            status: refusal.status(None),
            response_bytes: bytes,
            ..Finished::default()
        });
        self.finish_client(id);
    }

    /// An answer is queued although the request's content may not have been read.
    pub(super) fn answered_before_content(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        persistent: bool,
    ) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let is_read = exchange.content.is_some();
        let body = BodyReader::new(if is_read { Framing::None } else { exchange.head.framing });
        client.state = ClientState::Discard { body, persistent, dropped_bytes: 0 };
        if client.request_is_complete() {
            self.answered(id);
        } else if !persistent {
            self.finish_client(id);
        }
    }

    /// The answer is queued and the request's content read: the next request, or the end.
    pub(super) fn answered(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let persistent = match client.state {
            ClientState::Discard { persistent, .. } => persistent,
            _ => true,
        };
        client.state = ClientState::Idle;
        if !persistent {
            self.finish_client(id);
        }
    }

    /// Makes a proxied request ready: its head is written, nothing is sent yet.
    /// `made` is what templates made of its content, `raw` the head as received.
    pub(super) fn prepare(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        proxy: &HttpProxy,
        made: Option<Transformed<'_>>,
        raw: &[u8],
        persistent: bool,
    ) -> Result<(), Refusal> {
        let (Some(admitted), Some(route)) = (exchange.api, exchange.route) else {
            return Err(Refusal::Internal);
        };
        let index = proxy.upstream.0 as usize;
        let pool_id = match admitted.origin {
            Origin::File(_) => self.pool_of_upstream.get(index).copied(),
            Origin::Managed(stage, _) => {
                stage.upstreams.get(index).map(|it| SlotId::from_bits(it.pool))
            }
        };
        let pool_id = pool_id.ok_or(Refusal::Internal)?;
        let trace = exchange.trace_root();
        let mut request = self.spare_requests.pop().unwrap_or_default();
        let method = proxy.method.as_deref().unwrap_or(exchange.head.method);
        let facts = made.as_ref().map(|made| made_for(made, method));
        let host_place = match (&proxy.service, &made, &facts) {
            (None, ..) => {
                http_proxy::request_head(exchange, proxy, facts.as_ref(), trace, &mut request)?
            }
            (Some(service), Some(made), Some(facts)) => {
                let call = (proxy, &**service);
                self.service_head(exchange, call, &made.content, facts, trace, &mut request)?
            }
            // Content is always gathered for them.
            (Some(_), ..) => return Err(Refusal::Internal),
        };
        match (&made, exchange.content) {
            (Some(made), _) if has_content(method) => request.extend_from_slice(&made.content),
            (None, Some(content)) => request.extend_from_slice(content),
            (Some(_), _) | (None, None) => {}
        }
        let shared = admitted.api.shared.as_deref();
        let is_customised = shared.is_some_and(|shared| !shared.gateway_responses.is_empty());
        // An action's answer is the client's as it is.
        let is_action = proxy.service.as_ref().is_some_and(|service| service.action.is_some());
        let made = made.filter(|_| !is_action);
        // What an HTTP API puts into an answer may speak of the request.
        let is_told = proxy.edits.as_ref().is_some_and(|edits| !edits.is_of_head());
        let kept = (made.is_some() || is_customised || is_told).then(|| {
            let answer = made.map(|made| KeptAnswer::awaited(made.overrides));
            Box::new(Kept::of(exchange, raw, answer))
        });
        let cors = cors::rules(exchange).map(|rules| cors::answer(exchange, rules).into());
        let pool = self.pools.get_mut(pool_id).ok_or(Refusal::Internal)?;
        let hash = hash_of(exchange, &pool.upstream.balance);
        pool.begin();
        let is_read = exchange.content.is_some();
        let framing = if is_read { Framing::None } else { exchange.head.framing };
        let body = BodyReader::new(framing);
        let is_complete = body.is_done();
        let log = is_logged(admitted.api).then(|| Box::new(Noted::of(exchange)));
        let mut execution = self.execution.take();
        if let Some(execution) = &mut execution {
            let upstream = &pool.upstream;
            let authority = upstream.targets.first().map_or("", |it| &*it.authority);
            let scheme = if upstream.tls.is_some() { "https" } else { "http" };
            let host = (!host_place.is_mapped).then_some(authority);
            let head_bytes = http::find_head_end(&request, 0).unwrap_or(request.len());
            let (head, content) = request.split_at(head_bytes.min(request.len()));
            execution.asks_back_end(
                self.since_epoch,
                &format!("{scheme}://{authority}"),
                host,
                (head, host_place.at),
                content,
            );
        }
        let exchange_id = self.exchanges.insert(Proxied {
            client: id,
            snapshot: Rc::clone(&self.snapshot),
            api: ServedBy::of(admitted.origin),
            route,
            protocol: admitted.api.protocol,
            ids: exchange.ids,
            client_version: exchange.head.version,
            kind: kind_of(method),
            client_kind: kind_of(exchange.head.method),
            is_idempotent: matches!(
                method,
                "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"
            ),
            persistent,
            request_is_chunked: framing == Framing::Chunked,
            request,
            host_place,
            can_replay: true,
            hash,
            pool: pool_id,
            backend: None,
            stage: Stage::Prepared,
            avoid: None,
            attempts: 0,
            stale_retried: false,
            started: self.now.checked_sub(exchange.waited).unwrap_or(self.now),
            handed_over: None,
            timeout: proxy.timeout,
            deadline: Deadline::default(),
            framing: ResponseFraming::None,
            status: 0,
            integration_latency: None,
            request_bytes: exchange.content.map_or(0, |content| content.len() as u64),
            response_bytes: 0,
            log,
            kept,
            remote: None,
            cors,
            execution,
        });
        let Some(client) = self.clients.get_mut(id) else { return Ok(()) };
        client.state = ClientState::Exchange { exchange: exchange_id, body };
        if exchange.head.expects_continue && !is_complete {
            client.stream.out(self.env.ring()).copy(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(())
    }

    /// Content of a request that a back end answers.
    fn take_content(&mut self, id: SlotId, input: &mut Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let ClientState::Exchange { exchange: exchange_id, body } = &mut client.state else {
            return;
        };
        let exchange_id = *exchange_id;
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return };
        let piece = match body.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                tracing::debug!(shard = self.id, error = bad_body.cause(), "refused a body");
                return self.fail_request(exchange_id, Refusal::BadBody);
            }
        };
        let data_bytes = piece.data.len();
        exchange.request_bytes += data_bytes as u64;
        if let Some(execution) = &mut exchange.execution {
            execution.content(&input[piece.data.clone()]);
        }
        let limit = exchange.snapshot.server.limits.body_bytes_max;
        if exchange.request_bytes > limit {
            return self.fail_request(exchange_id, Refusal::BodyTooLarge { body_bytes_max: limit });
        }
        let is_sent = matches!(exchange.stage, Stage::Sent | Stage::Answering);
        if !is_sent {
            let out = &mut exchange.request;
            append_content(
                out,
                &input[piece.data.clone()],
                exchange.request_is_chunked,
                piece.done,
            );
        } else if let Some(backend_id) = exchange.backend
            && let Some(backend) = self.backends.get_mut(backend_id)
        {
            let replay = &mut exchange.request;
            if exchange.can_replay && replay.len() + data_bytes <= REPLAY_BYTES_MAX {
                let data = &input[piece.data.clone()];
                append_content(replay, data, exchange.request_is_chunked, piece.done);
            } else {
                exchange.can_replay = false;
            }
            let out = backend.stream.out(self.env.ring());
            send_content(out, input, &piece, exchange.request_is_chunked);
            backend.stream.flush(self.env.ring());
            let due = self.now + exchange.timeout;
            if exchange.stage == Stage::Sent {
                self.timers.set(&mut backend.deadline, due, Kind::Backend.token(backend_id));
            }
        }
        input.advance(piece.consumed);
        if piece.done {
            self.request_sent_in_full(exchange_id);
        }
    }

    /// The client will send no more.
    pub(super) fn client_ended(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.stream.ended();
        if !client.held.is_empty() {
            // What it sent before is served first.
            return;
        }
        match &mut client.state {
            ClientState::Exchange { body, exchange } => {
                let exchange_id = *exchange;
                let is_cut = !body.is_done();
                if let Some(exchange) = self.exchanges.get_mut(exchange_id) {
                    exchange.persistent = false;
                }
                if is_cut {
                    // A request that was cut short must not look complete to the back end.
                    self.fail_request(exchange_id, Refusal::BadBody);
                }
            }
            ClientState::Asked { body, asked } => {
                let asked_id = *asked;
                let is_cut = !body.is_done();
                if let Some(asked) = self.asked.get_mut(asked_id) {
                    asked.persistent = false;
                }
                if is_cut {
                    self.refuse_asked(asked_id, Refusal::BadBody);
                }
            }
            // What it has sent may be all there is: found out when it goes on.
            ClientState::Authorizing { waiting } => {
                if let Some(waiting) = self.authorizing.waiting_mut(*waiting) {
                    waiting.persistent = false;
                }
            }
            ClientState::Handshaking
            | ClientState::Idle
            | ClientState::Head { .. }
            | ClientState::Discard { .. }
            | ClientState::Lingering => {
                client.state = ClientState::Closing;
                client.stream.close_when_sent(self.env.ring());
            }
            ClientState::Closing => {}
        }
    }

    /// The client's connection broke.
    pub(super) fn client_lost(&mut self, id: SlotId) {
        self.abort_client(id, Close::Orderly);
    }

    /// Closes a client's connection at once, and gives up what is being done for it.
    pub(super) fn abort_client(&mut self, id: SlotId, how: Close) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let (exchange, asked, waiting) = (client.exchange(), client.asked(), client.waiting());
        client.state = ClientState::Closing;
        client.held.clear();
        client.stream.close(self.env.ring(), how);
        if let Some(exchange) = exchange {
            self.abandon(exchange);
        }
        if let Some(asked) = asked {
            self.abandon_asked(asked);
        }
        if let Some(waiting) = waiting {
            self.abandon_waiting(waiting);
        }
        self.free_client_if_over(id);
    }

    /// Sends what is queued, then ends the connection so that the last answer arrives.
    pub(super) fn finish_client(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.held.clear();
        client.partial = Vec::new();
        let ring = self.env.ring();
        let nothing_comes = client.said_last && matches!(client.state, ClientState::Idle);
        if client.stream.has_ended() || nothing_comes {
            client.state = ClientState::Closing;
            client.stream.close_when_sent(ring);
        } else if !matches!(client.state, ClientState::Closing | ClientState::Lingering) {
            client.state = ClientState::Lingering;
            client.stream.half_close(ring);
            client.stream.resume(ring);
        }
        self.touch_client(id);
        self.free_client_if_over(id);
    }

    /// A send to a client is over.
    pub(super) fn client_sent(
        &mut self,
        id: SlotId,
        outgoing: Box<Outgoing>,
        result: io::Result<()>,
    ) {
        let ring = self.env.ring();
        let Some(client) = self.clients.get_mut(id) else { return ring.recycle(outgoing) };
        if client.stream.sent(outgoing, result, ring).is_err() {
            return self.client_lost(id);
        }
        let is_relieved = client.stream.pending_bytes() < PENDING_BYTES_MAX;
        let (exchange, asked) = (client.exchange(), client.asked());
        let has_work = !client.held.is_empty() || client.stream.is_paused();
        self.touch_client(id);
        if is_relieved {
            if let Some(exchange) = exchange {
                self.resume_response(exchange);
            } else if let Some(asked) = asked {
                self.resume_stream(asked);
            }
            if has_work {
                self.pump_client(id);
            }
        }
        self.free_client_if_over(id);
    }

    /// Sets the deadline that goes with what the connection is doing.
    pub(super) fn touch_client(&mut self, id: SlotId) {
        let request_due = self.now + self.request_patience();
        let Some(client) = self.clients.get_mut(id) else { return };
        let timeouts = &self.snapshot.server.timeouts;
        let due = match &client.state {
            _ if client.stream.is_sending() => self.now + timeouts.send_idle,
            ClientState::Idle => request_due,
            ClientState::Head { since } => *since + timeouts.head,
            // Who is asked about it has a time-out of its own.
            ClientState::Authorizing { .. } => return client.deadline.clear(),
            // While what it has sent waits here, the back end is late and not the client.
            ClientState::Exchange { body, .. } | ClientState::Asked { body, .. }
                if body.is_done() || !client.held.is_empty() || client.stream.is_paused() =>
            {
                return client.deadline.clear();
            }
            ClientState::Exchange { .. }
            | ClientState::Asked { .. }
            | ClientState::Discard { .. } => self.now + timeouts.body_idle,
            ClientState::Lingering => self.now + LINGER,
            // The handshake's deadline was set at accept; a close needs none.
            ClientState::Handshaking | ClientState::Closing => return,
        };
        self.timers.set(&mut client.deadline, due, Kind::Client.token(id));
    }

    pub(super) fn client_timed_out(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.stream.is_sending() {
            if client.stream.has_progressed(self.env.ring()) {
                return self.touch_client(id);
            }
            return self.abort_client(id, Close::Abort);
        }
        match &client.state {
            ClientState::Idle => self.finish_client(id),
            ClientState::Head { .. } => {
                self.record.recorder.refused(Counted::HeadTimeout);
                self.answer_and_close(id, Refusal::TooSlow);
            }
            ClientState::Exchange { exchange, .. } => {
                let exchange = *exchange;
                self.record.recorder.refused(Counted::BodyTimeout);
                self.fail_request(exchange, Refusal::TooSlow);
            }
            ClientState::Asked { asked, .. } => {
                let asked = *asked;
                self.record.recorder.refused(Counted::BodyTimeout);
                self.refuse_asked(asked, Refusal::TooSlow);
            }
            ClientState::Handshaking
            | ClientState::Authorizing { .. }
            | ClientState::Discard { .. }
            | ClientState::Lingering
            | ClientState::Closing => self.abort_client(id, Close::Orderly),
        }
    }

    pub(super) fn free_client_if_over(&mut self, id: SlotId) {
        if self.clients.get(id).is_some_and(|client| client.stream.is_over())
            && let Some(client) = self.clients.remove(id)
        {
            self.client_gone(client.stream.tls().is_some());
        }
    }
}

/// Whether the connection's state can do something with input now.
fn can_take(client: &Client, exchanges: &Slots<Proxied>, backends: &Slots<Backend>) -> bool {
    match &client.state {
        // Answers that the client does not read must not pile up.
        ClientState::Idle | ClientState::Head { .. } => {
            client.stream.pending_bytes() < PENDING_BYTES_MAX
        }
        ClientState::Exchange { body, exchange } => {
            !body.is_done()
                && exchanges.get(*exchange).is_some_and(|exchange| match exchange.stage {
                    Stage::Prepared | Stage::Pausing | Stage::Waiting | Stage::Connecting => {
                        exchange.request.len() < REPLAY_BYTES_MAX
                    }
                    Stage::Sent | Stage::Answering => exchange
                        .backend
                        .and_then(|backend| backends.get(backend))
                        .is_some_and(|it| it.stream.pending_bytes() < PENDING_BYTES_MAX),
                })
        }
        ClientState::Asked { body, .. } => !body.is_done(),
        ClientState::Discard { .. } => true,
        ClientState::Handshaking
        | ClientState::Authorizing { .. }
        | ClientState::Lingering
        | ClientState::Closing => false,
    }
}

/// Whether the connection can be used again after an answer that did not read the content: a client
/// that waits for `100 Continue` may or may not send it, and a long one is not worth reading.
pub(super) fn keeps_framing(head: &RequestHead<'_>) -> bool {
    match head.framing {
        Framing::None => true,
        Framing::Length(bytes) => bytes <= DISCARD_BYTES_MAX && !head.expects_continue,
        Framing::Chunked => !head.expects_continue,
        Framing::UntilClose => false,
    }
}

fn kind_of(method: &str) -> RequestKind {
    if method == "HEAD" { RequestKind::Head } else { RequestKind::Other }
}

fn append_content(out: &mut Vec<u8>, data: &[u8], chunked: bool, done: bool) {
    if chunked && !data.is_empty() {
        http::write::chunk_header(out, data.len());
    }
    out.extend_from_slice(data);
    if chunked && !data.is_empty() {
        out.extend_from_slice(http::write::CHUNK_END);
    }
    if chunked && done {
        out.extend_from_slice(http::write::LAST_CHUNK);
    }
}

/// Appends a piece of content for sending, without a copy where that pays. A lease rides along only
/// while buffers are plenty: a peer that takes nothing would keep it until its time-out.
pub(super) fn send_content(out: &mut Outgoing, input: &Input, piece: &http::Piece, chunked: bool) {
    let data = piece.data.clone();
    if chunked && !data.is_empty() {
        http::write::chunk_header(out.written(), data.len());
    }
    match input {
        Input::Leased(lease) if !data.is_empty() && !lease.is_scarce() => {
            out.lease(lease.slice(data.clone()));
        }
        input => out.copy(&input[data.clone()]),
    }
    if chunked && !data.is_empty() {
        out.copy(http::write::CHUNK_END);
    }
    if chunked && piece.done {
        out.copy(http::write::LAST_CHUNK);
    }
}

fn hash_of(exchange: &Exchange<'_>, balance: &Balance) -> Option<Box<[u8]>> {
    match balance {
        Balance::RoundRobin | Balance::LeastRequests => None,
        Balance::Hash(HashOn::ClientAddress) => Some(match exchange.source_address() {
            std::net::IpAddr::V4(address) => address.octets().into(),
            std::net::IpAddr::V6(address) => address.octets().into(),
        }),
        Balance::Hash(HashOn::Header(name)) => exchange
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| field.value.into()),
    }
}

pub(super) fn counted(refusal: Refusal) -> Counted {
    match refusal {
        Refusal::NoApi => Counted::NoApi,
        Refusal::NoRoute => Counted::NoRoute,
        Refusal::Forbidden
        | Refusal::AccessDenied
        | Refusal::DeniedExplicitly
        | Refusal::Unauthorized
        | Refusal::Unsigned => Counted::NoRoute,
        Refusal::BodyTooLarge { .. } => Counted::BodyTooLarge,
        Refusal::TooSlow => Counted::BodyTimeout,
        Refusal::Unavailable => Counted::Unavailable,
        Refusal::Internal
        | Refusal::Misconfigured
        | Refusal::AuthorizerMisconfigured
        | Refusal::AuthorizerFailed
        | Refusal::FunctionFailed
        | Refusal::FunctionRefused => Counted::Internal,
        Refusal::BadRequest(_)
        | Refusal::DotSegment
        | Refusal::BadBody
        | Refusal::UnsupportedMediaType
        | Refusal::BadRequestParameters
        | Refusal::BadRequestBody
        | Refusal::BadJson
        | Refusal::IntegrationTimeout
        | Refusal::FunctionTimeout
        | Refusal::IntegrationFailure
        | Refusal::BadGateway => Counted::Malformed,
    }
}
