//! Requests out, responses in.

use super::connection::{Flight, Idle, State};
use super::response::Answer;
use super::{Phase, Worker};
use crate::network::Network;
use crate::scenario::Load;
use crate::scenario::request::BodyCheck;
use crate::tally::{Failure, Times};
use crate::wire::Wire;
use ringgate::ring::{Close, Lease};
use ringgate::tls::Progress;

impl<N: Network> Worker<'_, N> {
    /// Takes the next request, when one is to leave by now.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Flight> {
        if let Some(mut flight) = self.again.pop_front() {
            flight.sent = self.now;
            return Some(flight);
        }
        let taken = self.source.take(self.now - self.start)?;
        self.under_way += 1;
        Some(Flight {
            request: self.draw(),
            sequence: taken.sequence,
            due: self.start + taken.due,
            sent: self.now,
            counted: taken.due >= self.scenario.warmup,
        })
    }

    /// Which request of the scenario, by weight.
    #[inline]
    fn draw(&mut self) -> usize {
        if self.weights.len() == 1 {
            return 0;
        }
        let sum = self.weights.last().copied().unwrap_or(1);
        let point = self.values.random.below(sum);
        self.weights.partition_point(|weight| *weight <= point)
    }

    /// Open loop: sends what is due on the connections that have been idle for longest.
    pub(super) fn dispatch(&mut self) {
        if matches!(self.scenario.load, Load::Closed { .. }) {
            return;
        }
        let elapsed = self.now - self.start;
        // Each listed connection once: those that still have room put themselves back.
        for _ in 0..self.idle.len() {
            if self.source.next_due().is_none_or(|due| due > elapsed) {
                return;
            }
            let Some(index) = self.idle.pop_front() else {
                return;
            };
            let index = index as usize;
            let Idle::Listed { since } = self.connections[index].idle else {
                continue;
            };
            if let Some(due) = self.source.next_due() {
                // A connection was free and the request was due: from then on it is our own delay.
                let could_leave = (self.start + due).max(since);
                self.tally.late(self.now.saturating_duration_since(could_leave));
            }
            self.busy(index);
            self.fill(index);
        }
    }

    /// Open loop: requests that found no free connection within their timeout fail. This bounds the
    /// backlog of a service that does not keep up, and shows it.
    pub(super) fn expire(&mut self) {
        let elapsed = self.now - self.start;
        while let Some(due) = self.source.next_due()
            && due + self.scenario.timeout <= elapsed
            && let Some(flight) = self.take()
        {
            self.fail(flight, Failure::NotSent);
        }
    }

    /// Sends as many requests on the connection as are due and have room, in one send.
    #[inline]
    pub(super) fn fill(&mut self, index: usize) {
        let connection = &self.connections[index];
        if !matches!(self.phase, Phase::Load) {
            return;
        }
        if !self.scenario.keep_alive {
            return self.fill_place(index);
        }
        let room = self.scenario.pipelining - connection.flights.len();
        if connection.state != State::Open || room == 0 || connection.unsent.is_some() {
            return;
        }
        if !connection.wire.as_ref().is_some_and(Wire::can_send) {
            self.pressing = true;
            return;
        }
        if matches!(self.scenario.load, Load::Closed { .. }) && index >= self.wanted_when_ramped() {
            return;
        }
        let mut outgoing = None;
        for _ in 0..room {
            let Some(flight) = self.take() else {
                self.list_idle(index);
                break;
            };
            self.busy(index);
            let outgoing = outgoing.get_or_insert_with(|| self.network.outgoing());
            self.values.sequence = flight.sequence;
            self.scenario.requests[flight.request].write(
                &mut self.values,
                &mut self.scratch,
                outgoing,
            );
            self.connections[index].flights.push_back(flight);
        }
        if let Some(outgoing) = outgoing {
            self.send(index, outgoing);
        }
    }

    /// With a constant number of connections the answer is "all", without a look at the profile.
    #[inline]
    fn wanted_when_ramped(&self) -> usize {
        match &self.scenario.load {
            Load::Closed { connections } if connections.is_constant() => self.connections.len(),
            _ => self.wanted_connections(),
        }
    }

    /// Without keep-alive a request comes first, its connection second.
    fn fill_place(&mut self, index: usize) {
        if self.connections[index].state != State::Idle || index >= self.wanted_when_ramped() {
            return;
        }
        match self.take() {
            Some(flight) => {
                self.connections[index].flights.push_back(flight);
                self.open(index);
            }
            None => self.list_idle(index),
        }
    }

    /// Sends the request that the connection was made for.
    pub(super) fn send_first(&mut self, index: usize) {
        let Some(flight) = self.connections[index].flights.front() else {
            return self.close(index, Close::Orderly, None);
        };
        let mut outgoing = self.network.outgoing();
        self.values.sequence = flight.sequence;
        self.scenario.requests[flight.request].write(
            &mut self.values,
            &mut self.scratch,
            &mut outgoing,
        );
        self.send(index, outgoing);
    }

    /// Open loop: notes that the connection waits for a request to be due.
    fn list_idle(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if matches!(self.scenario.load, Load::Open { .. }) && connection.idle == Idle::Busy {
            connection.idle = Idle::Listed { since: self.now };
            self.idle.push_back(index as u32);
        }
    }

    fn send(&mut self, index: usize, outgoing: Box<ringgate::ring::Outgoing>) {
        let connection = &mut self.connections[index];
        let Some(session) = &mut connection.session else {
            if let Some(wire) = &mut connection.wire {
                self.tally.sent_bytes += outgoing.len() as u64;
                wire.send(&mut self.network, outgoing);
            }
            return;
        };
        let mut records = match connection.unsent.take() {
            Some(unsent) => unsent,
            None => self.network.outgoing(),
        };
        let encrypted = session.encrypt(&outgoing, &mut records);
        self.network.recycle(outgoing);
        connection.unsent = Some(records);
        match encrypted {
            Ok(()) => self.flush(index),
            Err(_) => self.broken(index, Failure::Tls),
        }
    }

    /// Sends what waits, when the send before it is finished.
    pub(super) fn flush(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let Some(wire) = &mut connection.wire else {
            return;
        };
        if !wire.can_send() {
            self.pressing |= connection.unsent.is_some();
            return;
        }
        if let Some(unsent) = connection.unsent.take() {
            if unsent.is_empty() {
                self.network.recycle(unsent);
            } else {
                self.tally.sent_bytes += unsent.len() as u64;
                wire.send(&mut self.network, unsent);
            }
        }
    }

    pub(super) fn on_sent(&mut self, index: usize, whole: bool) {
        let connection = &mut self.connections[index];
        let Some(wire) = &mut connection.wire else {
            return;
        };
        wire.sent();
        if wire.is_closing() {
            return self.settle(index);
        }
        if !whole {
            // An early answer may still lie in the receive buffer: let the receive tell how it ends.
            if connection.state == State::Open {
                connection.state = State::Retiring;
            }
            return;
        }
        self.flush(index);
        if self.scenario.keep_alive {
            self.fill(index);
        }
    }

    /// Receives again after the last receive ended.
    pub(super) fn receive(&mut self, index: usize) {
        if let Some(wire) = &mut self.connections[index].wire {
            wire.receive(&mut self.network);
        }
    }

    /// Bytes arrived.
    #[inline]
    pub(super) fn bytes(&mut self, index: usize, lease: Lease) {
        let Some(mut session) = self.connections[index].session.take() else {
            self.plaintext(index, &lease);
            drop(lease);
            if self.scenario.keep_alive {
                self.fill(index);
            }
            return;
        };
        let mut out = match self.connections[index].unsent.take() {
            Some(unsent) => unsent,
            None => self.network.outgoing(),
        };
        let progress = session.receive(lease, &mut out, |plain| self.plaintext(index, &plain));
        let connection = &mut self.connections[index];
        if connection.wire.as_ref().is_none_or(|wire| wire.is_closing()) {
            self.network.recycle(out);
            return;
        }
        connection.session = Some(session);
        connection.unsent = Some(out);
        self.flush(index);
        match progress {
            Ok(Progress::Established) => {
                if let State::Handshaking { since } = self.connections[index].state {
                    self.opened(index, since);
                }
            }
            Ok(Progress::Closed) => self.ended(index),
            Ok(Progress::Handshaking) => {}
            Ok(Progress::Open) => {
                if self.scenario.keep_alive {
                    self.fill(index);
                }
            }
            Err(_) => self.broken(index, Failure::Tls),
        }
    }

    /// Bytes of HTTP arrived.
    #[inline]
    fn plaintext(&mut self, index: usize, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let connection = &mut self.connections[index];
            if connection.wire.as_ref().is_none_or(|wire| wire.is_closing()) {
                return;
            }
            let Some(flight) = connection.flights.front() else {
                // Nobody asked for this (RFC 9112 section 9.2): what else it sends cannot be trusted.
                return self.close(index, Close::Abort, None);
            };
            let request = &self.scenario.requests[flight.request];
            let keep_body = request.expect.body != BodyCheck::Any;
            match connection.reader.read(&mut rest, request.kind, keep_body) {
                Ok(Some(answer)) => self.answered(index, answer),
                Ok(None) => return,
                Err(_) => return self.broken(index, Failure::Malformed),
            }
        }
    }

    /// A complete answer to the oldest request under way.
    #[inline]
    pub(super) fn answered(&mut self, index: usize, answer: Answer) {
        let connection = &mut self.connections[index];
        let Some(flight) = connection.flights.pop_front() else {
            return;
        };
        let expect = &self.scenario.requests[flight.request].expect;
        let wrong = if !expect.status(answer.status) {
            Some(Failure::Status)
        } else if expect.body != BodyCheck::Any && !expect.body(&connection.reader.take_body()) {
            Some(Failure::Body)
        } else {
            None
        };
        self.under_way -= 1;
        self.last_answer = self.now;
        if flight.counted {
            let times = Times {
                latency: self.now.saturating_duration_since(flight.due),
                service: self.now.saturating_duration_since(flight.sent),
            };
            self.tally.answered(flight.request, answer.status, times, wrong);
            if self.now - self.start > self.scenario.load.duration() {
                self.tally.answered_late += 1;
            }
        }
        if !answer.persistent || !self.scenario.keep_alive || connection.state == State::Retiring {
            // The service announced its last answer, so requests pipelined behind it had no effect
            // (RFC 9112 section 9.6) and go out again on another connection.
            self.again.extend(self.connections[index].flights.drain(..));
            self.close(index, Close::Orderly, None);
        }
    }
}
