//! From a request's head to the first of its phases, and what ends a request that needed no back end.

use super::Shard;
use super::client::ClientState;
use super::execution::Execution;
use super::noted::Request;
use super::record::{Outcome, is_logged};
use crate::exchange::respond::{self, Connection};
use crate::exchange::{ClientFacts, Exchange, Failure, Ids, Refusal, Trace, admit, cors, route};
use crate::http::{self, BodyReader, Fields, Framing, Refused, RequestHead};
use crate::ring::{Env, Ring, SlotId};
use crate::telemetry::Finished;
use crate::telemetry::batch::Refusal as Counted;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

/// Content that is read and dropped to keep a connection alive after an answer that did not need it.
pub(super) const DISCARD_BYTES_MAX: u64 = 256 * 1024;

impl<E: Env> Shard<E> {
    /// Reads a head and serves its request; tells how many bytes it had. `None`: more are needed, which
    /// are kept, or it was refused.
    pub(super) fn read_head(&mut self, id: SlotId, bytes: &[u8]) -> Option<usize> {
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
                let failure = route::failure(exchange, refusal);
                return self.answer_failure(id, exchange, &failure, persistent);
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
            function_status: None,
            validation_error: failure.and_then(|it| it.validation.as_deref()).unwrap_or_default(),
            integration_error: "",
            error_message: failure.and_then(|it| it.told(protocol)).unwrap_or_default(),
            error_response_type: refusal.map_or("", Refusal::response_type),
            tls_version: tls.and_then(|tls| tls.protocol_version()).unwrap_or_default(),
            cipher_suite: tls.and_then(|tls| tls.cipher_suite()).unwrap_or_default(),
        };
        let trace = Trace::of(exchange);
        let request = Request::of(exchange, &trace).failed(failure);
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

pub(super) fn counted(refusal: Refusal) -> Counted {
    match refusal {
        Refusal::NoApi => Counted::NoApi,
        Refusal::NoRoute | Refusal::IncompleteSignature => Counted::NoRoute,
        Refusal::Forbidden
        | Refusal::AccessDenied
        | Refusal::DeniedExplicitly
        | Refusal::Unauthorized
        | Refusal::NoUrl
        | Refusal::UrlForbidden
        | Refusal::UrlUnsigned
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
