//! A request for a back end, made ready: its head is written, its pool chosen, its place on the table
//! taken. [`super::proxy`] sends it.

use super::Shard;
use super::client::ClientState;
use super::exchanges::{Proxied, ServedBy, Stage};
use super::kept::{Kept, KeptAnswer};
use super::noted::Noted;
use super::phases::made_for;
use super::record::is_logged;
use super::timers::Deadline;
use crate::exchange::integrate::http_proxy::{self, has_content};
use crate::exchange::respond::ResponseFraming;
use crate::exchange::transform::Transformed;
use crate::exchange::{Exchange, Origin, Refusal, Trace, cors};
use crate::http::{self, BodyReader, Framing, RequestKind};
use crate::ring::{Env, SlotId};
use crate::snapshot::{Balance, HashOn, HttpProxy};
use std::rc::Rc;

impl<E: Env> Shard<E> {
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
        let mut request = self.spare_requests.pop().unwrap_or_default();
        let method = proxy.method.as_deref().unwrap_or(exchange.method);
        let facts = made.as_ref().map(|made| made_for(made, method));
        let host_place = match (&proxy.service, &made, &facts) {
            (None, ..) => http_proxy::request_head(exchange, proxy, facts.as_ref(), &mut request)?,
            (Some(service), Some(made), Some(facts)) => {
                let call = (proxy, &**service);
                self.service_head(exchange, call, &made.content, facts, &mut request)?
            }
            // Content is always gathered for them.
            (Some(_), ..) => return Err(Refusal::Internal),
        };
        match (&made, exchange.content) {
            (Some(made), _) if has_content(method) => request.extend_from_slice(&made.content),
            (None, Some(content)) if !http_proxy::drops_content(exchange, proxy) => {
                request.extend_from_slice(content);
            }
            (None, Some(_)) | (Some(_), _) | (None, None) => {}
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
            trace: proxy.response.as_ref().map(|_| Trace::of(exchange).as_bytes().into()),
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
}

fn kind_of(method: &str) -> RequestKind {
    if method == "HEAD" { RequestKind::Head } else { RequestKind::Other }
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
