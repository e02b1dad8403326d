//! A world: one seed's network, peers and gateway, run step by step and checked after each.
//!
//! ```text
//! storm: clients ask, faults happen, we swap and drain
//!   '-> calm: faults stop, nothing new is asked, everything open must finish
//!         '-> witness: one more client asks and must be served as if nothing had been
//!               '-> end: drain; sockets, slots, buffers and connections all come back
//! ```
//!
//! A world that fails is run once more with its trace on; the report ends with the command that
//! replays it.

use super::clock::Clock;
use super::env::SimEnv;
use super::network::Network;
use super::peers::back_end::BackEnd;
use super::peers::client::{Client, Expectations};
use super::peers::ledger::Ledger;
use super::peers::requests::Sizes;
use super::random::Random;
use super::ring::SimRing;
use super::trace::Trace;
use super::weather::Weather;
use crate::ring::Socket;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is simulated: a shard, or a toy that proves the simulation itself.
pub(crate) trait Subject {
    /// Makes one that serves the listeners and knows the back ends.
    fn begin(env: SimEnv, setup: &Setup) -> Self;

    /// One turn of its loop. Says whether it did anything.
    fn turn(&mut self) -> bool;

    /// When it wants to be called although nothing arrives.
    fn next_deadline(&self) -> Option<Instant>;

    /// Panics when its own structures contradict each other.
    fn check(&self);

    /// Its ring.
    fn ring(&self) -> &SimRing;

    /// All it holds, for the report of a world that does not come to rest.
    fn describe(&self) -> String;

    /// Takes something new from the control thread that changes nothing for the clients: a snapshot that
    /// means the same, health of targets. Gives a listener that is no longer listened on, if any.
    fn swap(&mut self) -> Option<SocketAddr>;

    /// The faults are over: takes the news that all is well.
    fn clear_up(&mut self);

    /// Begins to drain: no new connections, idle ones closed, open requests finished.
    fn drain(&mut self);

    /// What it still holds for clients; `None` when there is nothing.
    fn open_for_clients(&self) -> Option<String>;

    /// Whether the drain is over.
    fn is_drained(&self) -> bool;
}

/// What a subject is told about its world.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Listening sockets with their addresses.
    pub(crate) listeners: Vec<(Socket, SocketAddr)>,
    /// Where the back ends listen.
    pub(crate) back_ends: Vec<SocketAddr>,
    pub(crate) limits: Limits,
    /// Every well-formed request must be answered by its back end.
    pub(crate) faultless: bool,
    /// For what is drawn per world beyond the weather.
    pub(crate) random: Random,
}

/// Limits of the configuration. Tight ones make requests wait, and some of them too long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections to all back ends together.
    pub(crate) connections: usize,
    /// Requests that wait for one of them.
    pub(crate) pending: usize,
    /// Connections of clients.
    pub(crate) clients: usize,
    /// Requests on one of them; 0 is no limit.
    pub(crate) requests_per_connection: usize,
}

impl Limits {
    /// So much that no world reaches them.
    const AMPLE: Self =
        Self { connections: 64, pending: 1000, clients: 1000, requests_per_connection: 0 };

    fn drawn(random: &mut Random) -> Self {
        Self {
            connections: *random.pick(&[1, 2, 4, 64]),
            pending: *random.pick(&[0, 1, 4, 1000, 1000]),
            clients: *random.pick(&[2, 5, 1000, 1000]),
            requests_per_connection: *random.pick(&[0, 0, 0, 1, 3]),
        }
    }
}

/// How worlds of one test are made.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How to replay: the test's name.
    pub(crate) test: &'static str,
    /// The last change to the weather.
    pub(crate) adjust: fn(&mut Weather),
    /// Swaps and drains in the middle.
    pub(crate) upheaval: bool,
}

/// The gateway's time-outs in all worlds; the configuration says the same.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a response's head.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence within a body, on either side.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Client connections without a request.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Tries of one request.
pub(crate) const ATTEMPTS: usize = 3;

/// Nothing waits longer than all tries of one request, with half as much again for the latencies.
fn patience() -> Duration {
    (CONNECT_TIMEOUT + RESPONSE_TIMEOUT + IDLE_TIMEOUT) * ATTEMPTS as u32 * 3 / 2
}

/// More steps than any world needed by a factor of ten: beyond it something spins.
const STEPS_MAX: usize = 2_000_000;

/// The storm is over after this time, whatever the clients still want to ask.
const STORM: Duration = Duration::from_secs(120);

/// Everything open must be finished within this time after the storm.
const CALM: Duration = Duration::from_secs(300);

struct World<S> {
    subject: S,
    clock: Clock,
    random: Random,
    trace: Trace,
    network: Rc<RefCell<Network>>,
    ledger: Ledger,
    clients: Vec<Client>,
    back_ends: Vec<BackEnd>,
    expected: Expectations,
    step: Rc<Cell<usize>>,
}

/// What came of a world, for the summary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: usize,
    pub(crate) answered_well: usize,
    pub(crate) failed: usize,
    pub(crate) lost: usize,
    pub(crate) steps: usize,
    pub(crate) digest: u64,
}

impl<S: Subject> World<S> {
    fn new(seed: u64, plan: &Plan, trace: Trace, step: Rc<Cell<usize>>) -> Self {
        let mut random = Random::seeded(seed);
        let mut weather = Weather::drawn(&mut random);
        (plan.adjust)(&mut weather);
        let clock = Clock::new();
        trace.note(&clock, || format!("seed {seed}: {weather:?}"));
        // A window's worth of bytes moves per round trip, and slow peers pause after it: whatever is
        // asked takes about two seconds at most, so that being slow alone breaks no time-out.
        let round_trip = weather.latency_max * 3 + Duration::from_millis(50);
        let round_trips = Duration::from_secs(2).as_micros() / round_trip.as_micros();
        let bytes_max = weather.window_bytes_min.saturating_mul(round_trips as usize);
        // Tiny buffers make many steps of a body; large ones let it fill every queue on its way.
        let buffer_bytes = weather.client_buffer_bytes.min(weather.upstream_buffer_bytes);
        let bytes_max = bytes_max.min(buffer_bytes * 500).clamp(200, 400_000);
        let sizes = Sizes { body_bytes_max: bytes_max, answer_bytes_max: bytes_max };
        let faultless = weather.is_faultless();
        let network = Network::new(weather, clock.clone(), random.fork(), trace.clone());
        let network = Rc::new(RefCell::new(network));
        let mut ring =
            SimRing::new(Rc::clone(&network), clock.clone(), random.fork(), trace.clone());
        let listeners: Vec<_> = (0..random.between(1, 2))
            .map(|index| {
                let address = SocketAddr::from(([10, 0, 0, 1], 8080 + index as u16));
                (ring.open_listener(address), address)
            })
            .collect();
        let back_ends: Vec<_> = (0..random.between(1, 3))
            .map(|index| {
                let address = SocketAddr::from(([10, 0, 1, index as u8], 80));
                let random = random.fork();
                let mut network = network.borrow_mut();
                BackEnd::new(address, &mut network, clock.clone(), random, trace.clone())
            })
            .collect();
        let mut ledger = Ledger::new(ATTEMPTS + 1);
        // What the limits and the health checks refuse from the first request on.
        ledger.faults += u64::from(!faultless);
        let limits = if faultless { Limits::AMPLE } else { Limits::drawn(&mut random) };
        let setup = Setup {
            limits,
            faultless,
            back_ends: back_ends.iter().map(BackEnd::address).collect(),
            random: random.fork(),
            listeners,
        };
        let clients = (0..random.between(1, 16))
            .map(|name| {
                let requests = random.between(1, 12);
                Client::new(name, requests, sizes, clock.clone(), random.fork(), trace.clone())
            })
            .collect();
        let expected = Expectations {
            gateways: setup.listeners.iter().map(|(_, address)| *address).collect(),
            // With few places for clients, one waits until others are through.
            patience: patience() * if setup.limits.clients < 100 { 10 } else { 1 },
            keep_alive: KEEP_ALIVE,
            faultless,
            draining: false,
            sizes,
        };
        let env = SimEnv::new(ring, clock.clone(), random.fork());
        Self {
            subject: S::begin(env, &setup),
            clock,
            random,
            trace,
            network,
            ledger,
            clients,
            back_ends,
            expected,
            step,
        }
    }

    /// One step. Says whether anything can still happen by itself.
    fn step(&mut self) -> Stir {
        self.step.set(self.step.get() + 1);
        assert!(
            self.step.get() < STEPS_MAX,
            "the world does not come to rest\n{}",
            self.describe()
        );
        let mut busy = self.subject.turn();
        self.subject.check();
        let now = self.clock.now();
        let mut wakes = vec![self.subject.next_deadline()];
        let mut network = self.network.borrow_mut();
        busy |= network.advance();
        for client in &mut self.clients {
            wakes.push(client.poll(&mut network, &mut self.ledger, &self.expected));
        }
        for back_end in &mut self.back_ends {
            wakes.push(back_end.poll(&mut network, &mut self.ledger));
        }
        wakes.push(network.next_event());
        drop(network);
        busy |= self.subject.ring().has_work();
        match wakes.into_iter().flatten().min() {
            _ if busy => self.pass_a_little(),
            Some(at) if at <= now => self.pass_a_little(),
            Some(at) => self.clock.advance_to(at),
            None => return Stir::Quiet,
        }
        Stir::GoesOn
    }

    fn pass_a_little(&mut self) {
        self.clock.advance(Duration::from_micros(self.random.between(1, 50) as u64));
    }

    /// Steps until it holds. Panics when it does not within that time.
    fn until(&mut self, what: &str, within: Duration, holds: impl Fn(&Self) -> bool) {
        let deadline = self.clock.now() + within;
        while !holds(self) {
            let quiet = self.step() == Stir::Quiet && !holds(self);
            assert!(
                !quiet && self.clock.now() <= deadline,
                "not within {within:?}: {what}\n{}",
                self.describe()
            );
        }
    }

    fn run(mut self, plan: &Plan) -> Outcome {
        self.storm(plan);
        self.note("the storm is over");
        self.network.borrow_mut().weather.clear_up();
        self.subject.clear_up();
        self.clients.iter_mut().for_each(Client::wind_up);
        self.until("all clients are served", CALM, World::clients_are_done);
        let drained = self.expected.draining;
        if !drained {
            self.witness();
        }
        self.until("nothing is held for clients", CALM, |world| {
            world.subject.open_for_clients().is_none()
        });
        if !drained {
            self.note("drains");
            self.expected.draining = true;
            self.subject.drain();
        }
        self.until("the drain is over", CALM, |world| world.subject.is_drained());
        self.until("all sockets are closed", CALM, |world| {
            world.subject.ring().open_sockets() == 0
        });
        assert_eq!(self.subject.ring().buffers_lent(), 0, "buffers lent at the end");
        self.until("all connections are closed", CALM, |world| {
            world.network.borrow().open_ends() == 0
        });
        assert!(self.back_ends.iter().all(|back_end| back_end.connections() == 0));
        let count = |statuses: std::ops::Range<u16>| {
            self.ledger.answers.range(statuses).map(|(_, count)| count).sum()
        };
        Outcome {
            requests: self.ledger.len(),
            answered_well: count(200..300),
            failed: count(300..600),
            lost: self.ledger.lost,
            steps: self.step.get(),
            digest: self.subject.ring().digest(),
        }
    }

    fn storm(&mut self, plan: &Plan) {
        let end = self.clock.now() + STORM;
        let drain_at = (plan.upheaval && self.random.below(4) == 0)
            .then(|| self.clock.now() + Duration::from_millis(self.random.skewed(10_000) as u64));
        while !self.clients_are_done() && self.clock.now() < end {
            if self.step() == Stir::Quiet {
                return;
            }
            if plan.upheaval && self.random.below(200) == 0 {
                self.note("brings news from the control thread");
                if let Some(gone) = self.subject.swap() {
                    self.expected.gateways.retain(|address| *address != gone);
                }
            }
            if drain_at.is_some_and(|at| at <= self.clock.now()) && !self.expected.draining {
                self.note("drains in the storm");
                self.expected.draining = true;
                self.subject.drain();
            }
        }
    }

    /// After all that was: a patient client must be served well, every time.
    fn witness(&mut self) {
        // Ejected targets come back, deaf back ends hear again.
        let rest = self.clock.now() + Duration::from_secs(90);
        while self.clock.now() < rest && self.step() == Stir::GoesOn {}
        self.clock.advance_to(rest);
        self.note("a witness comes");
        self.expected.faultless = true;
        let (clock, trace) = (self.clock.clone(), self.trace.clone());
        self.clients.push(Client::new(
            200,
            5,
            self.expected.sizes,
            clock,
            self.random.fork(),
            trace,
        ));
        self.until("the witness is served", CALM, World::clients_are_done);
    }

    fn clients_are_done(&self) -> bool {
        self.clients.iter().all(Client::is_done)
    }

    fn note(&self, line: &str) {
        self.trace.note(&self.clock, || format!("world: {line}"));
    }

    fn describe(&self) -> String {
        let mut lines = self.subject.ring().describe();
        lines += &format!("subject: {}\n", self.subject.describe());
        lines += &format!(
            "next deadline in {:?}\n",
            self.subject.next_deadline().map(|at| at.saturating_duration_since(self.clock.now()))
        );
        for client in self.clients.iter().filter(|client| !client.is_done()) {
            lines += &format!("{}\n", client.describe());
        }
        for back_end in &self.back_ends {
            lines += &format!("{}\n", back_end.describe());
        }
        lines
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stir {
    GoesOn,
    /// Nothing will ever happen again without something from outside.
    Quiet,
}

/// Runs one seed. When it fails, runs it again with the trace and panics with the whole report.
pub(crate) fn run_seed<S: Subject>(seed: u64, plan: &Plan) -> Outcome {
    let attempt = |trace: Trace| {
        let step = Rc::new(Cell::new(0));
        let counted = Rc::clone(&step);
        let result = catch_unwind(AssertUnwindSafe(|| {
            World::<S>::new(seed, plan, trace, counted).run(plan)
        }));
        result.map_err(|cause| (text_of(cause.as_ref()), step.get()))
    };
    let (cause, step) = match attempt(Trace::off()) {
        Ok(outcome) => return outcome,
        Err(failure) => failure,
    };
    let trace = Trace::on();
    let again = attempt(trace.clone());
    let tail = trace.tail().join("\n");
    let same = match again {
        Err((other, _)) if other == cause => "",
        _ => "NOT DETERMINISTIC: the replay took another course\n",
    };
    panic!(
        "{tail}\n{same}seed {seed}, step {step}: {cause}\n\
         replay: RINGGATE_SEED={seed} cargo test --lib {}",
        plan.test
    );
}

fn text_of(cause: &(dyn std::any::Any + Send)) -> String {
    cause
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

/// Runs as many seeds as `RINGGATE_SEEDS` says (default 200), or only `RINGGATE_SEED`. Reports all
/// failing ones, the first in full.
pub(crate) fn run_seeds<S: Subject>(plan: &Plan) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("RINGGATE_SEED") {
        println!("{:?}", run_seed::<S>(seed, plan));
        return;
    }
    let seeds: u64 = number("RINGGATE_SEEDS").unwrap_or(200);
    let next = AtomicU64::new(1);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let mut outcomes = Vec::new();
    let mut failures = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed > seeds {
                            return done;
                        }
                        let run = AssertUnwindSafe(|| run_seed::<S>(seed, plan));
                        let result = catch_unwind(run).map_err(|cause| text_of(cause.as_ref()));
                        done.push((seed, result));
                    }
                })
            })
            .collect();
        for worker in workers {
            for (seed, result) in worker.join().expect("worlds' panics are caught") {
                match result {
                    Ok(outcome) => outcomes.push(outcome),
                    Err(report) => failures.push((seed, report)),
                }
            }
        }
    });
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    println!(
        "{seeds} seeds: {} requests, {} answered well, {} answered with an error, {} lost, {} steps",
        sum(|it| it.requests),
        sum(|it| it.answered_well),
        sum(|it| it.failed),
        sum(|it| it.lost),
        sum(|it| it.steps),
    );
    failures.sort();
    if let Some((_, first)) = failures.first() {
        // Seeds that fail alike, without the numbers in which they differ.
        let mut alike: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (seed, report) in &failures {
            let cause = report.lines().rev().find(|line| line.starts_with("seed "));
            let cause = cause.and_then(|line| line.split_once(": ")).unwrap_or_default().1;
            let cause = cause.chars().filter(|it| !it.is_ascii_digit()).take(150).collect();
            alike.entry(cause).or_default().push(*seed);
        }
        let mut causes = String::new();
        for (cause, seeds) in alike {
            let some = &seeds[..seeds.len().min(8)];
            causes += &format!("{} seeds, {some:?}: {cause}\n", seeds.len());
        }
        panic!("{first}\n{} of {seeds} seeds fail:\n{causes}", failures.len());
    }
}
