//! Making and closing connections, and what goes wrong with them.

use super::connection::{BACKOFF_FIRST, BACKOFF_LAST, Flight, Idle, State};
use super::{Phase, Worker};
use crate::network::Network;
use crate::scenario::Load;
use crate::tally::Failure;
use crate::wire::Wire;
use ringgate::ring::{BufferGroup, Close, Token};
use ringgate::tls::Session;
use std::io;
use std::time::Instant;

impl<N: Network> Worker<'_, N> {
    /// Begins to connect.
    pub(super) fn open(&mut self, index: usize) {
        let token = Token(index as u64);
        match self.network.connect(self.assignment.address, token) {
            Ok(socket) => {
                let connection = &mut self.connections[index];
                connection.wire = Some(Wire::connecting(socket, BufferGroup::Upstream, token));
                connection.reader.reset();
                connection.state = State::Connecting { since: self.now };
            }
            Err(_) => self.not_connected(index, Failure::NoSocket),
        }
    }

    pub(super) fn on_connected(&mut self, index: usize, result: io::Result<()>) {
        let connection = &mut self.connections[index];
        let Some(wire) = &mut connection.wire else {
            return;
        };
        wire.connected();
        if wire.is_closing() {
            return self.settle(index);
        }
        if let Err(error) = result {
            let failure = match error.kind() {
                io::ErrorKind::ConnectionRefused => Failure::ConnectRefused,
                io::ErrorKind::TimedOut => Failure::ConnectTimeout,
                // Every local port to this address is taken (EADDRNOTAVAIL).
                io::ErrorKind::AddrNotAvailable => Failure::NoSocket,
                _ => Failure::ConnectFailed,
            };
            return self.not_connected(index, failure);
        }
        wire.receive(&mut self.network);
        let State::Connecting { since } = connection.state else {
            return;
        };
        let Some((config, name)) = &self.assignment.tls else {
            return self.opened(index, since);
        };
        let mut hello = self.network.outgoing();
        match Session::connect(config, name.clone(), &mut hello) {
            Ok(session) => {
                connection.session = Some(Box::new(session));
                connection.state = State::Handshaking { since };
                connection.unsent = Some(hello);
                self.flush(index);
            }
            Err(_) => self.not_connected(index, Failure::Tls),
        }
    }

    /// The connection carries requests now.
    pub(super) fn opened(&mut self, index: usize, since: Instant) {
        let connection = &mut self.connections[index];
        connection.state = State::Open;
        connection.backoff = BACKOFF_FIRST;
        if self.phase != Phase::Prologue {
            self.tally.connected(self.now - since);
        }
        if self.scenario.keep_alive {
            self.fill(index);
        } else {
            self.send_first(index);
        }
    }

    /// A connection could not be made: the request it was made for fails, or the next one that is due
    /// would have used it and fails with it, so that a service that is down shows at the rate at
    /// which it is asked.
    pub(super) fn not_connected(&mut self, index: usize, failure: Failure) {
        let connection = &mut self.connections[index];
        let wait = connection.backoff.max(BACKOFF_FIRST);
        connection.backoff = (wait * 2).min(BACKOFF_LAST);
        // Before the clock starts nothing is counted, and the first attempt after it is immediate.
        let retry = match self.phase {
            Phase::Prologue => self.now,
            _ => self.now + wait,
        };
        if self.phase == Phase::Load
            && connection.flights.is_empty()
            && let Some(flight) = self.take()
        {
            self.connections[index].flights.push_back(flight);
        }
        self.fail_flights(index, failure);
        self.close(index, Close::Abort, Some(retry));
    }

    /// The connection is of no more use: whatever is under way on it fails.
    pub(super) fn broken(&mut self, index: usize, failure: Failure) {
        let connection = &mut self.connections[index];
        if let State::Connecting { .. } | State::Handshaking { .. } = connection.state {
            let failure = match failure {
                Failure::Reset | Failure::ClosedEarly if connection.session.is_none() => {
                    Failure::ConnectFailed
                }
                Failure::Reset | Failure::ClosedEarly => Failure::Tls,
                other => other,
            };
            return self.not_connected(index, failure);
        }
        self.fail_flights(index, failure);
        self.close(index, Close::Abort, None);
    }

    /// The peer sent FIN.
    pub(super) fn ended(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.flights.is_empty() {
            return match connection.state {
                State::Connecting { .. } | State::Handshaking { .. } => {
                    self.broken(index, Failure::ClosedEarly);
                }
                // A service may close an idle connection whenever it likes.
                _ => self.close(index, Close::Orderly, None),
            };
        }
        match connection.reader.end() {
            // It is not persistent, so the connection closes with it.
            Ok(Some(answer)) => self.answered(index, answer),
            Ok(None) | Err(_) => self.broken(index, Failure::ClosedEarly),
        }
    }

    /// Fails everything under way on the connection.
    pub(super) fn fail_flights(&mut self, index: usize, failure: Failure) {
        while let Some(flight) = self.connections[index].flights.pop_front() {
            self.fail(flight, failure);
        }
    }

    pub(super) fn fail(&mut self, flight: Flight, failure: Failure) {
        self.under_way -= 1;
        self.last_answer = self.now;
        if !flight.counted {
            return;
        }
        // Those that ran out of time waited at least so long; those that broke at once did not.
        let waited = match failure {
            Failure::Timeout | Failure::NotSent | Failure::Unanswered => {
                Some(self.now.saturating_duration_since(flight.due))
            }
            // Its connection took that long before the request was even taken.
            Failure::ConnectTimeout => Some(
                self.now.saturating_duration_since(flight.due).max(self.scenario.connect_timeout),
            ),
            _ => None,
        };
        self.tally.failed_request(flight.request, failure, waited);
    }

    /// Closes the socket, if there is one. `retry`: when to connect again, when not at once.
    pub(super) fn close(&mut self, index: usize, how: Close, retry: Option<Instant>) {
        let connection = &mut self.connections[index];
        connection.idle = Idle::Busy;
        connection.session = None;
        if let Some(unsent) = connection.unsent.take() {
            self.network.recycle(unsent);
        }
        connection.state = State::Closing { retry };
        match &mut connection.wire {
            Some(wire) => wire.close(&mut self.network, how),
            None => self.settle(index),
        }
    }

    pub(super) fn on_closed(&mut self, index: usize) {
        if let Some(wire) = &mut self.connections[index].wire {
            wire.closed();
        }
        self.settle(index);
    }

    /// Frees the place when everything on its socket is over, and connects again when it is wanted.
    pub(super) fn settle(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.wire.as_ref().is_some_and(|wire| !wire.is_over()) {
            return;
        }
        connection.wire = None;
        let State::Closing { retry } = connection.state else {
            return;
        };
        connection.state = match retry {
            Some(retry) => State::Waiting { retry },
            None => State::Idle,
        };
        if retry.is_none() {
            self.revive(index);
        }
    }

    /// Uses a place that has no socket.
    pub(super) fn revive(&mut self, index: usize) {
        if !matches!(self.phase, Phase::Load) || index >= self.wanted_connections() {
            return;
        }
        if !self.scenario.keep_alive {
            return self.fill(index);
        }
        // After the last request is taken, a new connection would serve nobody.
        if !self.source.is_exhausted(self.now - self.start) || !self.again.is_empty() {
            self.open(index);
        }
    }

    /// Looks after everything that time alone changes: time-outs, retries, ramps.
    pub(super) fn sweep(&mut self) {
        self.next_sweep = self.now + self.sweep_every;
        let wanted = self.wanted_connections();
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            match connection.state {
                State::Idle if index < wanted => {
                    // Listed ones wait for a request to be due (no keep-alive, open loop).
                    if connection.idle == Idle::Busy {
                        self.revive(index);
                    }
                }
                State::Waiting { retry } if self.now >= retry => {
                    self.connections[index].state = State::Idle;
                    self.revive(index);
                }
                State::Connecting { since } | State::Handshaking { since }
                    if self.now >= since + self.scenario.connect_timeout =>
                {
                    self.not_connected(index, Failure::ConnectTimeout);
                }
                State::Open | State::Retiring => {
                    if let Some(oldest) = connection.flights.front() {
                        if self.now >= oldest.sent + self.scenario.timeout {
                            self.broken(index, Failure::Timeout);
                        }
                    } else if index >= wanted && matches!(self.scenario.load, Load::Closed { .. }) {
                        self.close(index, Close::Orderly, None);
                    }
                }
                State::Idle
                | State::Waiting { .. }
                | State::Connecting { .. }
                | State::Handshaking { .. }
                | State::Closing { .. } => {}
            }
        }
        self.expire();
    }
}
