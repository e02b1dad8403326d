//! What the simulation sees of a shard: its rows, and whether they contradict each other.
//!
//! Test builds only.

use super::Shard;
use super::client::ClientState;
use super::exchanges::Stage;
use super::upstream::connection::BackendState;
use crate::ring::Env;

impl<E: Env> Shard<E> {
    /// The environment, to look at.
    pub(crate) fn environment(&self) -> &E {
        &self.env
    }

    /// What is still held for clients; `None` when nothing is.
    pub(crate) fn open_for_clients(&self) -> Option<String> {
        if self.clients.is_empty() && self.exchanges.is_empty() {
            return None;
        }
        let mut lines = String::new();
        for (id, client) in self.clients.iter() {
            lines += &format!("\n  client {:x}: {:?}", id.bits(), client.state);
        }
        for (id, exchange) in self.exchanges.iter() {
            lines += &format!(
                "\n  exchange {:x}: {:?} of client {:x}",
                id.bits(),
                exchange.stage,
                exchange.client.bits()
            );
        }
        Some(lines)
    }

    /// Every row, for the report of a world that does not come to rest. No times: a replay must
    /// say the same.
    pub(crate) fn describe(&self) -> String {
        let mut lines = self.open_for_clients().unwrap_or_default();
        for (id, backend) in self.backends.iter() {
            lines += &format!("\n  back end {:x}: {:?}", id.bits(), backend.state);
        }
        lines + &format!("\n  {} listeners, starved: {:x?}", self.listeners.len(), self.starved)
    }

    /// Whether every table is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
            && self.exchanges.is_empty()
            && self.backends.is_empty()
            && self.listeners.is_empty()
    }

    /// Panics when rows contradict each other.
    pub(crate) fn check_invariants(&self) {
        for (id, client) in self.clients.iter() {
            if let Some(exchange) = client.exchange() {
                let exchange = self.exchanges.get(exchange);
                let of = exchange.map(|exchange| exchange.client);
                assert_eq!(
                    of,
                    Some(id),
                    "client {:x} waits for an exchange that is not its",
                    id.bits()
                );
            }
            if matches!(client.state, ClientState::Closing) {
                assert!(!client.stream.is_open(), "client {:x} is to close, but open", id.bits());
            }
            assert!(!client.deadline.is_due(self.now), "client {:x} is overdue", id.bits());
            assert!(!client.stream.is_over(), "client {:x} is over, but not freed", id.bits());
        }
        for (id, exchange) in self.exchanges.iter() {
            let name = id.bits();
            let client = self.clients.get(exchange.client);
            let of = client.and_then(|client| client.exchange());
            assert_eq!(of, Some(id), "exchange {name:x} has no client: {:?}", exchange.stage);
            let backend = exchange.backend.map(|backend| {
                let backend = self.backends.get(backend);
                backend.map(|backend| (backend.exchange(), backend.pool))
            });
            let waits = match exchange.stage {
                Stage::Prepared => panic!("exchange {name:x} is prepared, but not launched"),
                Stage::Waiting => {
                    assert_eq!(backend, None, "exchange {name:x} waits and has a connection");
                    1
                }
                Stage::Connecting | Stage::Sent | Stage::Answering => {
                    let right = Some(Some((Some(id), exchange.pool)));
                    assert_eq!(backend, right, "exchange {name:x}: {:?}", exchange.stage);
                    0
                }
            };
            let pool = self.pools.get(exchange.pool).expect("an exchange's pool lives");
            let places = pool.waiting.iter().filter(|waiting| **waiting == id).count();
            assert_eq!(places, waits, "places of exchange {name:x} in the queue");
            assert!(!exchange.deadline.is_due(self.now), "exchange {name:x} is overdue");
        }
        for (id, backend) in self.backends.iter() {
            let name = id.bits();
            if let Some(exchange) = backend.exchange() {
                let exchange = self.exchanges.get(exchange);
                let of = exchange.and_then(|exchange| exchange.backend);
                assert_eq!(of, Some(id), "back end {name:x} works for nobody");
            }
            // A pool that is no longer declared does not wait for connections being closed.
            let pool = self.pools.get(backend.pool);
            let is_closing = matches!(backend.state, BackendState::Closing);
            assert!(pool.is_some() || is_closing, "the pool of back end {name:x} is gone");
            let places = pool.map_or(0, |pool| pool.places_among_idle(id));
            let idle = usize::from(matches!(backend.state, BackendState::Idle));
            assert_eq!(places, idle, "places of back end {name:x} among the idle");
            assert!(!backend.deadline.is_due(self.now), "back end {name:x} is overdue");
            assert!(!backend.stream.is_over(), "back end {name:x} is over, but not freed");
        }
        for (id, pool) in self.pools.iter() {
            let name = id.bits();
            let open = |(_, backend): &(_, &super::Backend)| {
                backend.pool == id && !matches!(backend.state, BackendState::Closing)
            };
            let (connections, idle) = pool.connection_counts();
            assert_eq!(connections, self.backends.iter().filter(open).count(), "pool {name:x}");
            let connections_max = pool.upstream.limits.connections_max;
            assert!(connections <= connections_max, "{connections} connections in pool {name:x}");
            let active = self
                .backends
                .iter()
                .filter(|(_, backend)| backend.pool == id && backend.exchange().is_some());
            assert_eq!(pool.active(), active.count(), "requests active in pool {name:x}");
            let may_go_on = idle > 0 || pool.may_connect();
            assert!(
                pool.waiting.is_empty() || !may_go_on,
                "requests wait in pool {name:x} although there is a connection for them"
            );
            for waiting in &pool.waiting {
                assert!(self.exchanges.get(*waiting).is_some(), "who waits in pool {name:x}");
            }
        }
    }
}
