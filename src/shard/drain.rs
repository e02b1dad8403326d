//! The end of a shard's work: no new connections, idle ones closed, open requests finished.

use super::client::ClientState;
use super::{Kind, Shard};
use crate::control::mailbox::FromShard;
use crate::ring::{Close, Env, SlotId};
use std::time::{Duration, Instant};

/// How long a connection that has never asked for anything is kept while draining: its client could
/// not know, and its first request is under way. Long enough for a TLS handshake over a slow network;
/// one that a browser opened in advance holds the drain no longer than this.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_secs(2);

/// The shard takes no more connections and ends when the last is gone.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) until: Instant,
    stop: bool,
    reported: bool,
    requests_cut: u64,
}

impl<E: Env> Shard<E> {
    pub(super) fn drain(&mut self, deadline: Duration, stop: bool) {
        let until = self.now + deadline;
        match &mut self.draining {
            Some(draining) => {
                draining.until = draining.until.min(until);
                draining.stop |= stop;
            }
            None => {
                self.draining = Some(Draining { until, stop, reported: false, requests_cut: 0 });
            }
        }
        self.next_telemetry = self.next_telemetry.min(until);
        self.close_public_listeners();
        let pools: Vec<SlotId> = self.pools.iter().map(|(id, _)| id).collect();
        for pool in pools {
            self.close_idle(pool);
        }
        let clients: Vec<SlotId> = self.clients.iter().map(|(id, _)| id).collect();
        for id in clients {
            let Some(client) = self.clients.get_mut(id) else { continue };
            match client.state {
                ClientState::Idle | ClientState::Handshaking if client.requests == 0 && !stop => {
                    let due = self.now + FIRST_REQUEST_PATIENCE;
                    self.timers.set(&mut client.deadline, due, Kind::Client.token(id));
                }
                // A request that arrives in the same moment is lost to the client either way; RFC 9112
                // section 9.6 has it retry on a new connection.
                ClientState::Idle | ClientState::Handshaking => self.finish_client(id),
                ClientState::Exchange { exchange, .. } => {
                    if let Some(exchange) = self.exchanges.get_mut(exchange) {
                        exchange.persistent = false;
                    }
                }
                ClientState::Asked { asked, .. } => {
                    if let Some(asked) = self.asked.get_mut(asked) {
                        asked.persistent = false;
                    }
                }
                ClientState::Authorizing { waiting } => {
                    if let Some(waiting) = self.authorizing.waiting_mut(waiting) {
                        waiting.persistent = false;
                    }
                }
                ClientState::Discard { ref mut persistent, .. } => *persistent = false,
                ClientState::Head { .. } | ClientState::Lingering | ClientState::Closing => {}
            }
        }
    }

    /// How long a connection may wait for its next request.
    pub(super) fn request_patience(&self) -> Duration {
        match self.draining {
            Some(_) => FIRST_REQUEST_PATIENCE,
            None => self.snapshot.server.timeouts.keep_alive,
        }
    }

    pub(super) fn report_drained(&mut self) {
        let Some(draining) = &self.draining else { return };
        if draining.reported {
            return;
        }
        if !self.clients.is_empty() && self.now >= draining.until {
            let clients: Vec<SlotId> = self.clients.iter().map(|(id, _)| id).collect();
            let mut cut = 0;
            for id in clients {
                if let Some(client) = self.clients.get_mut(id) {
                    cut += u64::from(client.is_served());
                    self.abort_client(id, Close::Abort);
                }
            }
            if let Some(draining) = &mut self.draining {
                draining.requests_cut += cut;
            }
        }
        let is_late = self.draining.as_ref().is_some_and(|draining| self.now >= draining.until);
        if !self.clients.is_empty() || (self.is_invoking() && !is_late) {
            return;
        }
        // Workers are needed until the last request is answered, and so is the way to them.
        self.end_all_workers();
        self.close_runtime_listeners();
        if !self.listeners.is_empty() || !self.runtime_connections.is_empty() {
            return;
        }
        let reporter = &self.reporter;
        self.record.flush_logs(None, |batch| reporter.send(FromShard::Log(batch)));
        self.record.flush_stage_lines(None, |batch| reporter.send(FromShard::StageLog(batch)));
        self.send_telemetry();
        if let Some(draining) = &mut self.draining {
            draining.reported = true;
            let requests_cut = draining.requests_cut;
            self.send_report(FromShard::Drained { shard: self.id, requests_cut });
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.draining.as_ref().is_some_and(|draining| draining.stop && draining.reported)
    }
}
