//! One thread of load: its connections, its requests out, its responses in, its counts.
//!
//! A [`Worker`] shares nothing with other threads while the load runs. A turn of its loop sends what
//! is due, waits in the ring, and handles what completed; the clock is read once per wait. Batches of
//! counts go to the main thread some times a second.
//!
//! | file | what it is |
//! |---|---|
//! | `source` | which request leaves next, and when it is meant to |
//! | `connection` | where one connection stands |
//! | `link` | making and closing connections, what goes wrong with them |
//! | `traffic` | requests out, responses in |
//! | `response` | bytes into answers |

mod connection;
mod link;
mod response;
mod source;
mod traffic;
#[cfg(test)]
mod simulated;

use crate::network::Network;
use crate::random::Random;
use crate::scenario::{Load, Scenario};
use crate::tally::{Failure, Tally};
use crate::template::Values;
use connection::{Connection, Flight, Idle, State};
use ringgate::ring::{Completion, Received, Token};
use ringgate::tls::{ClientConfig, ServerName};
use source::Source;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How long an interrupted run waits for answers that are under way.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(1);
/// How long connections may take before the clock starts; the rest are made while it runs.
const PROLOGUE_MAX: Duration = Duration::from_secs(2);
/// How long the last closes may take.
const EPILOGUE_MAX: Duration = Duration::from_millis(500);

/// Counts of one thread in one interval of the time series.
#[derive(Debug)]
pub struct Batch {
    /// The thread.
    pub thread: usize,
    /// The interval, from 0.
    pub interval: u64,
    /// The counts.
    pub tally: Box<Tally>,
}

/// What a thread tells at its end, besides its last batch.
#[derive(Debug, Clone, Copy)]
pub struct ThreadEnd {
    /// CPU time used while the load ran.
    pub cpu: Duration,
    /// How long the load ran on this thread.
    pub wall: Duration,
    /// When the last answer came, from the start.
    pub last_answer: Duration,
    /// When the load ended, from the start: its end, the last answer of a count, or the interrupt.
    pub load_end: Duration,
}

/// What a thread is given besides the scenario.
pub struct Assignment<'a> {
    /// Which thread it is.
    pub thread: usize,
    /// Of how many.
    pub threads: usize,
    /// Where to connect to.
    pub address: SocketAddr,
    /// TLS, when the target is `https`.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Length of an interval of the time series.
    pub interval: Duration,
    /// Up when the run is to end early.
    pub stop: &'a AtomicBool,
    /// Where batches go.
    pub batches: Sender<Batch>,
}

/// One thread of load.
pub struct Worker<'a, N> {
    scenario: &'a Scenario,
    assignment: Assignment<'a>,
    network: N,
    source: Source,
    connections: Vec<Connection>,
    /// Open loop: connections with room, the one idle for longest first.
    idle: VecDeque<u32>,
    /// Connections whose receive ended for lack of buffers.
    starved: Vec<u32>,
    /// Something waits for a send to be known as sent, which the next look at the ring tells.
    pressing: bool,
    /// Requests that a service announced it would not take up, to be sent again.
    again: VecDeque<Flight>,
    /// Requests taken and not finished.
    under_way: usize,
    /// Sum of weights up to and including each request.
    weights: Vec<u64>,
    values: Values,
    scratch: Vec<u8>,
    tally: Box<Tally>,
    start: Instant,
    /// The time of this turn.
    now: Instant,
    last_answer: Instant,
    interval: u64,
    next_sweep: Instant,
    sweep_every: Duration,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Connections are made, nothing is sent.
    Prologue,
    Load,
    Interrupted {
        give_up: Instant,
    },
    Epilogue,
}

impl<'a, N: Network> Worker<'a, N> {
    /// A thread's worker. Call on the thread that the ring belongs to.
    pub fn new(scenario: &'a Scenario, assignment: Assignment<'a>, network: N) -> Self {
        let (thread, threads) = (assignment.thread, assignment.threads);
        let connections =
            scenario.connections / threads + usize::from(thread < scenario.connections % threads);
        let now = network.now();
        let mut sum = 0;
        let weights = scenario
            .requests
            .iter()
            .map(|request| {
                sum += request.weight;
                sum
            })
            .collect();
        let shortest = scenario.timeout.min(scenario.connect_timeout);
        Self {
            scenario,
            source: Source::new(scenario, thread, threads),
            connections: (0..connections).map(|_| Connection::default()).collect(),
            idle: VecDeque::with_capacity(connections),
            starved: Vec::new(),
            pressing: false,
            again: VecDeque::new(),
            under_way: 0,
            weights,
            values: Values {
                sequence: 0,
                epoch_ms: network.epoch_ms(),
                random: Random::new(scenario.seed.wrapping_add(thread as u64)),
            },
            scratch: Vec::new(),
            tally: Box::new(Tally::new(scenario.requests.len())),
            start: now,
            now,
            last_answer: now,
            interval: 0,
            next_sweep: now,
            // Time-outs are noticed within a sixteenth of the shortest; 10 ms keep the sweep of
            // thousands of connections below a per cent of a core.
            sweep_every: (shortest / 16).clamp(Duration::from_millis(1), Duration::from_millis(10)),
            phase: Phase::Prologue,
            network,
            assignment,
        }
    }

    /// Makes the connections, waits for `go` to name the start, loads, drains, closes. `None`: another
    /// thread could not start.
    pub fn run(mut self, go: impl FnOnce() -> Option<Instant>) -> Option<ThreadEnd> {
        let mut completions = Vec::with_capacity(1024);
        self.prologue(&mut completions);
        self.start = go()?;
        self.now = self.network.now().max(self.start);
        self.last_answer = self.start;
        self.phase = Phase::Load;
        let cpu = self.network.thread_cpu();
        for index in 0..self.connections.len() {
            match self.connections[index].state {
                State::Open => self.fill(index),
                State::Idle => self.revive(index),
                _ => {}
            }
        }
        while !self.is_finished() {
            self.interrupt();
            self.next_interval();
            self.dispatch();
            if self.now >= self.next_sweep {
                self.sweep();
            }
            let timeout = self.time_to_wait();
            self.turn(&mut completions, timeout);
        }
        let end = self.end(cpu);
        self.ship();
        self.epilogue(&mut completions);
        Some(end)
    }

    fn prologue(&mut self, completions: &mut Vec<Completion>) {
        if !self.scenario.keep_alive {
            return;
        }
        let give_up = self.now + PROLOGUE_MAX.min(self.scenario.connect_timeout);
        for index in 0..self.wanted_connections() {
            self.open(index);
        }
        let is_settled = |connection: &Connection| {
            !matches!(connection.state, State::Connecting { .. } | State::Handshaking { .. })
        };
        while self.now < give_up && !self.connections.iter().all(is_settled) {
            self.turn(completions, Duration::from_millis(10));
        }
    }

    fn epilogue(&mut self, completions: &mut Vec<Completion>) {
        self.phase = Phase::Epilogue;
        let give_up = self.now + EPILOGUE_MAX;
        for index in 0..self.connections.len() {
            self.close(index, ringgate::ring::Close::Orderly, None);
        }
        while self.now < give_up && self.connections.iter().any(|one| one.wire.is_some()) {
            self.turn(completions, Duration::from_millis(10));
        }
    }

    /// One wait in the ring and everything that it brought.
    fn turn(&mut self, completions: &mut Vec<Completion>, timeout: Duration) {
        // A send that succeeds is reported with the next look at the ring, but a wait looks only when
        // something arrives.
        if std::mem::take(&mut self.pressing) {
            self.network.turn(completions);
        } else {
            self.network.wait(completions, timeout);
        }
        self.now = self.network.now().max(self.start);
        for completion in completions.drain(..) {
            self.on(completion);
        }
        while let Some(index) = self.starved.pop() {
            self.receive(index as usize);
        }
    }

    #[inline]
    fn on(&mut self, completion: Completion) {
        match completion {
            Completion::Received { token, received, more } => {
                self.on_received(place(token), received, more)
            }
            Completion::Sent { token, outgoing, result } => {
                self.network.recycle(outgoing);
                self.on_sent(place(token), result.is_ok());
            }
            Completion::Connected { token, result } => self.on_connected(place(token), result),
            Completion::Closed { token } => self.on_closed(place(token)),
            Completion::Accepted { .. } => debug_assert!(false, "nobody listens here"),
        }
    }

    fn on_received(&mut self, index: usize, received: Received, more: bool) {
        let Some(wire) = &mut self.connections[index].wire else {
            return;
        };
        wire.received(more);
        if wire.is_closing() {
            return self.settle(index);
        }
        match received {
            Received::Bytes(lease) => {
                if self.phase != Phase::Epilogue {
                    self.tally.received_bytes += lease.len() as u64;
                }
                self.bytes(index, lease);
                if !more {
                    self.receive(index);
                }
            }
            Received::End => self.ended(index),
            Received::NoBuffers => self.starved.push(index as u32),
            Received::Failed(_) => self.broken(index, Failure::Reset),
        }
    }

    /// Whether there is nothing left to send and nothing to wait for.
    fn is_finished(&mut self) -> bool {
        if let Phase::Interrupted { give_up } = self.phase
            && self.now >= give_up
        {
            for index in 0..self.connections.len() {
                self.fail_flights(index, Failure::Unanswered);
            }
            while let Some(flight) = self.again.pop_front() {
                self.fail(flight, Failure::Unanswered);
            }
        }
        self.under_way == 0 && self.source.is_exhausted(self.now - self.start)
    }

    fn interrupt(&mut self) {
        if self.phase == Phase::Load && self.assignment.stop.load(Ordering::Relaxed) {
            self.phase = Phase::Interrupted { give_up: self.now + INTERRUPTED_GRACE };
            self.source.stop();
        }
    }

    /// Hands the counts over when an interval of the time series is through.
    fn next_interval(&mut self) {
        let interval = (self.now - self.start).as_nanos() / self.assignment.interval.as_nanos();
        let interval = interval as u64;
        if interval > self.interval {
            self.ship();
            self.interval = interval;
            self.values.epoch_ms = self.network.epoch_ms();
        }
    }

    fn ship(&mut self) {
        let empty = Box::new(Tally::new(self.scenario.requests.len()));
        // The main thread only stops listening when the run is over.
        let _ = self.assignment.batches.send(Batch {
            thread: self.assignment.thread,
            interval: self.interval,
            tally: std::mem::replace(&mut self.tally, empty),
        });
    }

    fn time_to_wait(&self) -> Duration {
        let mut until = self.next_sweep;
        if let Some(due) = self.source.next_due()
            && !self.idle.is_empty()
        {
            until = until.min(self.start + due);
        }
        let interval_end = self.assignment.interval.as_nanos() as u64 * (self.interval + 1);
        until = until.min(self.start + Duration::from_nanos(interval_end));
        until.saturating_duration_since(self.now)
    }

    /// How many connections of this thread are to be busy now.
    fn wanted_connections(&self) -> usize {
        match &self.scenario.load {
            Load::Open { .. } => self.connections.len(),
            Load::Closed { connections } => {
                let elapsed = self.now - self.start;
                let wanted = connections.value_at(elapsed).round() as usize;
                let (thread, threads) = (self.assignment.thread, self.assignment.threads);
                let share = wanted / threads + usize::from(thread < wanted % threads);
                share.min(self.connections.len())
            }
        }
    }

    fn end(&self, cpu_before: Duration) -> ThreadEnd {
        let load = self.scenario.load.duration();
        let last_answer = self.last_answer - self.start;
        let wall = self.now - self.start;
        ThreadEnd {
            cpu: self.network.thread_cpu().saturating_sub(cpu_before),
            wall,
            last_answer,
            load_end: match self.phase {
                Phase::Interrupted { give_up } => {
                    let interrupted = give_up - INTERRUPTED_GRACE;
                    (interrupted - self.start).min(load)
                }
                // A count was reached before the time was up.
                _ if self.scenario.requests_max.is_some() && wall < load => last_answer,
                _ => load,
            },
        }
    }

    /// Takes the connection out of the list of idle ones; the list itself is cleaned when it is used.
    fn busy(&mut self, index: usize) {
        self.connections[index].idle = Idle::Busy;
    }
}

/// The connection that a token names: a place is not used again before everything on its socket is
/// over, so its number is enough.
#[inline]
fn place(token: Token) -> usize {
    token.0 as usize
}
