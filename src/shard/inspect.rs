//! What the simulation sees of a shard: its rows, and whether they contradict each other.
//!
//! Test builds only.

use super::client::ClientState;
use super::exchanges::Stage;
use super::functions::runtime_api::RuntimeState;
use super::functions::worker::{Caller, Worker, WorkerState};
use super::upstream::connection::BackendState;
use super::{PENDING_BYTES_MAX, Shard};
use crate::ring::Env;

impl<E: Env> Shard<E> {
    /// The environment, to look at.
    pub(crate) fn environment(&self) -> &E {
        &self.env
    }

    /// What is still held for clients; `None` when nothing is.
    pub(crate) fn open_for_clients(&self) -> Option<String> {
        if self.clients.is_empty()
            && self.exchanges.is_empty()
            && self.asked.is_empty()
            && self.authorizing.is_idle()
        {
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
        for (id, row) in self.functions.iter() {
            lines += &format!(
                "\n  function {:x}: {} waiting, {} idle, {} workers, {} starting, {} expected",
                id.bits(),
                row.waiting.len(),
                row.idle.len(),
                row.workers,
                row.starting,
                row.expected
            );
        }
        for (id, worker) in self.workers.iter() {
            lines += &format!("\n  worker {:x}: {:?}", id.bits(), worker.state);
        }
        for (id, connection) in self.runtime_connections.iter() {
            lines += &format!("\n  runtime connection {:x}: {:?}", id.bits(), connection.state);
        }
        lines + &format!("\n  {} listeners, starved: {:x?}", self.listeners.len(), self.starved)
    }

    /// Whether every table is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
            && self.exchanges.is_empty()
            && self.backends.is_empty()
            && self.listeners.is_empty()
            && self.asked.is_empty()
            && self.authorizing.is_idle()
            && self.workers.is_empty()
            && self.invocations.is_empty()
            && self.runtime_connections.is_empty()
            && self.relays.is_empty()
    }

    /// Keys of all functions that can be invoked.
    pub(crate) fn function_keys(&self) -> Vec<Box<str>> {
        let declared = self.functions.iter().filter(|(_, row)| row.is_declared);
        declared.map(|(_, row)| row.function.key.clone()).collect()
    }

    /// Panics when rows of functions contradict each other.
    fn check_functions(&self) {
        for (id, row) in self.functions.iter() {
            let name = id.bits();
            let count = |is: &dyn Fn(&Worker) -> bool| {
                self.workers.iter().filter(|(_, it)| it.function == id && is(it)).count()
            };
            let working = count(&|it| it.state != WorkerState::Ending);
            assert_eq!(row.workers, working, "workers of function {name:x}");
            let starting = count(&|it| it.state == WorkerState::Starting);
            assert_eq!(row.starting, starting, "starting workers of function {name:x}");
            assert_eq!(row.expected, count(&|it| it.is_expected), "expected of {name:x}");
            let idle = count(&|it| matches!(it.state, WorkerState::Idle { .. }));
            assert_eq!(row.idle.len(), idle, "idle workers of function {name:x}");
            // One more proves changed code.
            assert!(row.workers <= row.function.workers_max + 1, "workers of function {name:x}");
            assert!(
                row.waiting.is_empty() || row.idle.is_empty(),
                "invocations of {name:x} wait although a worker does"
            );
            for waiting in &row.waiting {
                let invocation = self.invocations.get(*waiting).expect("who waits is there");
                assert_eq!((invocation.function, invocation.worker), (id, None));
            }
            let others = self.workers.iter().any(|(_, worker)| worker.function == id);
            assert!(row.is_declared || others, "function {name:x} is over, but not freed");
        }
        for (id, invocation) in self.invocations.iter() {
            let name = id.bits();
            match invocation.worker {
                Some(worker) => {
                    let state = self.workers.get(worker).map(|worker| worker.state);
                    assert_eq!(state, Some(WorkerState::Busy { invocation: id }), "{name:x}");
                }
                None if invocation.remote.is_some() => {
                    let request = invocation.remote.and_then(|it| self.exchanges.get(it));
                    assert!(request.is_some_and(|it| it.remote.is_some()), "{name:x} is not asked");
                }
                None if invocation.function == super::remote::nobody() => {
                    // An event on its way to the disk, which somebody waits for.
                    assert!(
                        matches!(invocation.caller, super::functions::worker::Caller::Asked(_)),
                        "{name:x}"
                    );
                }
                None => {
                    let row = self.functions.get(invocation.function).expect("its function");
                    assert!(row.waiting.contains(&id), "invocation {name:x} waits nowhere");
                }
            }
            assert!(!invocation.deadline.is_due(self.now), "invocation {name:x} is overdue");
        }
        for (id, worker) in self.workers.iter() {
            let name = id.bits();
            assert!(!worker.deadline.is_due(self.now), "worker {name:x} is overdue");
            if let WorkerState::Idle { connection } = worker.state {
                let connection = self.runtime_connections.get(connection);
                let state = connection.map(|connection| &connection.state);
                assert!(matches!(state, Some(RuntimeState::Next)), "idle {name:x}: {state:?}");
            }
        }
        for (id, connection) in self.runtime_connections.iter() {
            let name = id.bits();
            assert!(!connection.deadline.is_due(self.now), "connection {name:x} is overdue");
            assert!(!connection.stream.is_over(), "connection {name:x} is over, but not freed");
        }
        for (call, relay) in &self.relays {
            let invocation = self.invocations.get(relay.invocation);
            let caller = invocation.map(|invocation| invocation.caller);
            assert_eq!(caller, Some(Caller::Control(*call)), "a relay of nobody's");
            let connection = relay.connection.and_then(|id| self.runtime_connections.get(id));
            assert!(
                connection.is_none_or(|it| !it.stream.is_open()
                    || it.stream.is_paused() == (relay.untaken >= PENDING_BYTES_MAX)),
                "the worker of call {call} is read although {} wait, or not although it could be",
                relay.untaken
            );
        }
        for (id, asked) in self.asked.iter() {
            let of = self.clients.get(asked.client).and_then(|client| client.asked());
            assert_eq!(of, Some(id), "request {:x} has no client", id.bits());
        }
    }

    /// Panics when rows contradict each other.
    pub(crate) fn check_invariants(&self) {
        self.check_functions();
        self.authorizing.check_invariants(
            |client| self.clients.get(client).and_then(|client| client.waiting()),
            |invocation| self.invocations.get(invocation).map(|it| it.caller),
        );
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
            if exchange.remote.is_none() {
                assert_eq!(of, Some(id), "exchange {name:x} has no client: {:?}", exchange.stage);
            }
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
                Stage::Pausing => {
                    assert_eq!(backend, None, "exchange {name:x} pauses with a connection");
                    0
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
