//! Functions in the simulation: a shard with simulated worker processes and a control thread that
//! starts and ends them late, or not at all.
//!
//! Invocations come from the control thread, with events that name themselves, so that every mix-up
//! shows. Workers speak the Runtime API over the simulated network and misbehave: they never come up,
//! fail to, die with an event in hand, answer late, never ask again. Whatever they do: every invocation
//! ends exactly once and in time, no event is handed out twice, and in the end nothing is left.

use super::clock::Clock;
use super::env::SimEnv;
use super::host::{Errand, Errands, Host, compiled, runtime_at, sum_of_seeds};
use super::network::{End, Network, Read};
use super::peers::runtime::RuntimeWire;
use super::random::{PerMille, Random};
use super::weather::Weather;
use crate::control::invocation::{Completion, Ended, Invoke, NotDone, WorkerId};
use crate::control::mailbox::{Delta, FromShard, ToShard};
use crate::ring::Close;
use crate::shard::{Activity, Shard};
use crate::snapshot::Snapshot;
use crate::snapshot::function::FunctionChange;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const TIMEOUT: Duration = Duration::from_secs(3);
const STEPS_MAX: usize = 1_000_000;
/// Everything must have ended by then.
const WORLD: Duration = Duration::from_secs(600);

/// What a worker does wrong, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    /// There is no process.
    NotStarted,
    /// It ends before it has asked for an event.
    ExitsAtInit,
    /// It says that it cannot come up.
    InitError,
    /// It never asks for an event.
    NeverAsks,
    /// It dies with an event in hand.
    DiesWithEvent,
    /// It answers when its time is over.
    AnswersLate,
    /// It answers one event and never asks again.
    NeverAsksAgain,
    /// It says that it failed.
    Fails,
    /// It answers another event than it has got first.
    AnswersAnother,
    /// It dies while it waits.
    DiesIdle,
}

const MANNERS: &[Manner] = &[
    Manner::NotStarted,
    Manner::ExitsAtInit,
    Manner::InitError,
    Manner::NeverAsks,
    Manner::DiesWithEvent,
    Manner::AnswersLate,
    Manner::NeverAsksAgain,
    Manner::Fails,
    Manner::AnswersAnother,
    Manner::DiesIdle,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Connecting,
    /// It begins to ask at this time.
    Starting(Instant),
    Asking,
    Working {
        until: Instant,
    },
    /// It waits for the answer to what it has told.
    Telling,
    Hanging,
    Dead,
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    manner: Manner,
    wire: RuntimeWire,
    doing: Doing,
    /// Request id and event in hand.
    event: Option<(String, String)>,
    dies_at: Option<Instant>,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    patience: Duration,
    handed_out: usize,
    ended: Option<Completion>,
}

struct World {
    shard: Shard<SimEnv>,
    network: Rc<RefCell<Network>>,
    clock: Clock,
    random: Random,
    reports: mpsc::Receiver<FromShard>,
    /// What the control thread is about to do.
    errands: Errands,
    workers: Vec<Worker>,
    /// Connections to workers' addresses from processes of other users.
    strangers: Vec<End>,
    asked: BTreeMap<u64, Asked>,
    faults: PerMille,
    drained: bool,
    version: u64,
    steps: usize,
}

fn snapshot(version: u64, environment: u64, workers: [usize; 2], queue: usize) -> Box<Snapshot> {
    let [min, max] = workers;
    let text = format!(
        r#"
[server]
listen = []
[[function]]
name = "f"
runtime = "provided"
code = "."
timeout = "{}s"
environment = {{ V = "{environment}" }}
[function.workers]
min = {min}
max = {max}
queue = {queue}
idle_timeout = "5s"
init_timeout = "2s"
"#,
        TIMEOUT.as_secs()
    );
    compiled(text, version)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let mut weather = Weather::drawn(&mut random);
        // What a loopback connection does not do.
        weather.reset = PerMille(0);
        weather.stay_inside();
        let faults = match weather.is_faultless() {
            true => PerMille(0),
            false => PerMille(random.between(50, 500) as u32),
        };
        weather.clear_up();
        let clock = Clock::new();
        let host = Host::new(weather, &clock, &mut random, false, |random| {
            let max = random.between(1, 6);
            let workers = [random.below(max + 1), max];
            let queue = if faults.0 == 0 { 1000 } else { *random.pick(&[0, 1, 5, 1000]) };
            snapshot(1, 1, workers, queue)
        });
        let Host { shard, network, reports } = host;
        Self {
            shard,
            network,
            clock,
            random,
            reports,
            errands: Errands::default(),
            workers: Vec::new(),
            strangers: Vec::new(),
            asked: BTreeMap::new(),
            faults,
            drained: false,
            version: 1,
            steps: 0,
        }
    }

    fn is_faultless(&self) -> bool {
        self.faults.0 == 0
    }

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "the world does not come to rest{}", self.describe());
        let busy = self.shard.turn() == Activity::Busy;
        self.shard.check_invariants();
        self.take_reports();
        let now = self.clock.now();
        let mut wakes = vec![self.shard.next_deadline()];
        let moved = self.network.borrow_mut().advance();
        let due = self.errands.due(now);
        let errands = !due.is_empty();
        for errand in due {
            self.run_errand(errand);
        }
        for index in 0..self.workers.len() {
            wakes.extend(self.drive(index));
        }
        self.drive_strangers();
        wakes.extend(self.errands.times());
        wakes.extend(self.network.borrow().next_event());
        let has_work = self.shard.environment().ring.has_work();
        let next = wakes.into_iter().min().unwrap_or(now);
        self.clock.pass(busy || moved || errands || has_work, next, &mut self.random);
    }

    fn describe(&self) -> String {
        format!("{}\n{:?}\n{:?}", self.shard.describe(), self.workers, self.errands)
    }

    fn take_reports(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            let now = self.clock.now();
            let Some(report) = self.errands.take(report, now, &mut self.random) else { continue };
            match report {
                FromShard::Invoked(invoked) => {
                    let now = self.clock.now();
                    let asked = self.asked.get_mut(&invoked.call).expect("a call that was made");
                    let name = invoked.call;
                    assert!(asked.ended.is_none(), "call {name} ends twice");
                    let took = now.saturating_duration_since(asked.at);
                    let patience = asked.patience + Duration::from_millis(50);
                    assert!(took <= patience, "call {name} took {took:?}");
                    if let Completion::Result(result) = &invoked.completion {
                        let expected = format!("result of event {name};");
                        assert_eq!(result, expected.as_bytes(), "another call's result");
                        assert_eq!(asked.handed_out, 1, "call {name}");
                    }
                    asked.ended = Some(invoked.completion);
                }
                FromShard::Drained { .. } => self.drained = true,
                _ => {}
            }
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Start(id, address) => {
                let manner = match self.random.happens(self.faults) {
                    true => *self.random.pick(MANNERS),
                    false => Manner::Good,
                };
                if manner == Manner::NotStarted {
                    let how = Ended::NotStarted("no such file".into());
                    return self.shard.deliver(ToShard::WorkerEnded { worker: id, how });
                }
                let to = runtime_at(address);
                if self.random.happens(self.faults) {
                    let from = SocketAddr::from(([127, 0, 0, 2], 40_000));
                    self.strangers.push(self.network.borrow_mut().connect(from, to));
                }
                let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
                let end = self.network.borrow_mut().connect(from, to);
                let dies_at = (manner == Manner::DiesIdle).then(|| {
                    self.clock.now() + Duration::from_millis(self.random.below(8000) as u64)
                });
                self.workers.push(Worker {
                    id,
                    manner,
                    wire: RuntimeWire::new(end),
                    doing: Doing::Connecting,
                    event: None,
                    dies_at,
                });
            }
            Errand::End(id, how) => {
                // A worker that has ended by itself was told of already.
                let was_starting = self.errands.forget_start(id);
                let worker = self.workers.iter_mut().find(|worker| worker.id == id);
                if let Some(worker) = worker.filter(|worker| worker.doing != Doing::Dead) {
                    worker.doing = Doing::Dead;
                    self.network.borrow_mut().close(worker.wire.end, Close::Orderly);
                } else if !was_starting {
                    return;
                }
                self.shard.deliver(ToShard::WorkerEnded { worker: id, how });
            }
        }
    }

    /// Lets a worker do what it can. Gives when it wants to act next.
    fn drive(&mut self, index: usize) -> Option<Instant> {
        let now = self.clock.now();
        let worker = &mut self.workers[index];
        let mut network = self.network.borrow_mut();
        if worker.doing == Doing::Dead {
            return None;
        }
        if worker.dies_at.is_some_and(|at| at <= now) {
            drop(network);
            return self.die(index, "exit status 1");
        }
        if worker.doing == Doing::Connecting {
            match network.connected(worker.wire.end) {
                None => return worker.dies_at,
                Some(Ok(())) => {
                    let at = now + Duration::from_millis(self.random.skewed(300) as u64);
                    worker.doing = Doing::Starting(at);
                }
                Some(Err(_)) => {
                    drop(network);
                    return self.die(index, "exit status 1");
                }
            }
        }
        if worker.wire.write(&mut network).is_err() {
            drop(network);
            return self.die(index, "exit status 1");
        }
        if worker.wire.read(&mut network).is_err() {
            if worker.doing == Doing::Hanging {
                return worker.dies_at;
            }
            drop(network);
            return self.die(index, "exit status 0");
        }
        drop(network);
        self.act(index)
    }

    /// They ask for an event, and are told nothing.
    fn drive_strangers(&mut self) {
        let mut network = self.network.borrow_mut();
        self.strangers.retain(|end| {
            let question = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";
            let is_open = match network.connected(*end) {
                None => true,
                Some(Err(_)) => false,
                Some(Ok(())) => {
                    network.write(*end, question).is_ok()
                        && match network.read(*end, 1 << 16) {
                            Ok(Read::Nothing) => true,
                            Ok(Read::Bytes(bytes)) => panic!("a stranger was told {bytes:?}"),
                            Ok(Read::End) | Err(_) => false,
                        }
                }
            };
            if !is_open {
                network.close(*end, Close::Orderly);
            }
            is_open
        });
    }

    fn die(&mut self, index: usize, how: &str) -> Option<Instant> {
        let worker = &mut self.workers[index];
        worker.doing = Doing::Dead;
        self.network.borrow_mut().close(worker.wire.end, Close::Orderly);
        let ended = Ended::Exited(how.into());
        let told = ToShard::WorkerEnded { worker: worker.id, how: ended };
        self.shard.deliver(told);
        None
    }

    fn act(&mut self, index: usize) -> Option<Instant> {
        let now = self.clock.now();
        let worker = &mut self.workers[index];
        match worker.doing {
            Doing::Starting(at) if now < at => return Some(at),
            Doing::Starting(_) => match worker.manner {
                Manner::ExitsAtInit => return self.die(index, "exit status 1"),
                Manner::NeverAsks => worker.doing = Doing::Hanging,
                Manner::InitError => {
                    worker.wire.tell("POST", "init/error", "{\"errorType\":\"x\"}");
                    worker.doing = Doing::Telling;
                }
                _ => worker.ask(),
            },
            Doing::Asking => {
                if let Some((head, body)) = worker.wire.answer() {
                    let id = head
                        .lines()
                        .find_map(|line| line.strip_prefix("Lambda-Runtime-Aws-Request-Id: "));
                    let id = id.expect("an event has an id").to_owned();
                    assert!(worker.event.is_none(), "two events at a time");
                    let call = body.strip_prefix("event ").and_then(|it| it.strip_suffix(';'));
                    let call: u64 = call.and_then(|it| it.parse().ok()).expect("an event of ours");
                    let asked = self.asked.get_mut(&call).expect("a call that was made");
                    asked.handed_out += 1;
                    assert_eq!(asked.handed_out, 1, "event {call} is handed out twice");
                    worker.event = Some((id, body));
                    let until = match worker.manner {
                        Manner::AnswersLate => now + TIMEOUT + Duration::from_millis(1),
                        _ => now + Duration::from_millis(self.random.skewed(400) as u64),
                    };
                    worker.doing = Doing::Working { until };
                    return Some(until);
                }
            }
            Doing::Working { until } if now < until => return Some(until),
            Doing::Working { .. } => {
                let (id, event) = worker.event.clone().expect("it works on one");
                match worker.manner {
                    Manner::DiesWithEvent => return self.die(index, "signal: killed"),
                    Manner::Fails => {
                        worker.event = None;
                        worker.wire.tell("POST", &format!("invocation/{id}/error"), "{}");
                    }
                    Manner::AnswersAnother => {
                        // It is refused, and the right one follows.
                        worker.manner = Manner::Good;
                        let other = "00000000-0000-4000-8000-000000000000";
                        worker.wire.tell(
                            "POST",
                            &format!("invocation/{other}/response"),
                            "nonsense",
                        );
                    }
                    _ => {
                        worker.event = None;
                        let result = format!("result of {event}");
                        worker.wire.tell("POST", &format!("invocation/{id}/response"), &result);
                    }
                }
                worker.doing = Doing::Telling;
            }
            Doing::Telling => {
                if let Some((head, _)) = worker.wire.answer() {
                    assert!(head.starts_with("HTTP/1.1 202") || head.starts_with("HTTP/1.1 400"));
                    match (worker.manner, &worker.event) {
                        (Manner::InitError, _) => return self.die(index, "exit status 1"),
                        (Manner::NeverAsksAgain, None) => worker.doing = Doing::Hanging,
                        (_, Some(_)) => worker.doing = Doing::Working { until: now },
                        (_, None) => worker.ask(),
                    }
                }
            }
            Doing::Connecting | Doing::Hanging | Doing::Dead => {}
        }
        // What was written just now goes out in the next step.
        let has_more = worker.wire.can_write(&self.network.borrow());
        if has_more { Some(now) } else { worker.dies_at }
    }

    fn invoke(&mut self) {
        let call = self.asked.len() as u64 + 1;
        let patience = match self.is_faultless() {
            true => Duration::from_secs(60),
            false => Duration::from_millis(self.random.between(50, 10_000) as u64),
        };
        let asked = Asked { at: self.clock.now(), patience, handed_out: 0, ended: None };
        self.asked.insert(call, asked);
        self.shard.deliver(ToShard::Invoke(Box::new(Invoke {
            call,
            is_drawn: false,
            request_id: None,
            function: ARN.into(),
            event: Bytes::from(format!("event {call};")),
            client_context: None,
            patience,
            is_streamed: false,
        })));
    }

    fn upheaval(&mut self) {
        match self.random.below(4) {
            0 => {
                self.version += 1;
                let max = self.random.between(1, 6);
                let environment = self.random.below(2) as u64;
                let workers = [self.random.below(max + 1), max];
                let snapshot = snapshot(self.version, environment, workers, 1000);
                self.shard.deliver(ToShard::Snapshot(snapshot));
            }
            1 => {
                let key = self.shard.function_keys().into_iter().next();
                if let Some(function) = key {
                    self.shard.deliver(ToShard::ReplaceWorkers { function });
                }
            }
            2 => {
                let key = self.shard.function_keys().into_iter().next();
                if let Some(function) = key {
                    self.shard.deliver(ToShard::SpareWorker { function });
                }
            }
            _ => {}
        }
    }

    fn run(mut self) -> [usize; 3] {
        let calls = self.random.between(1, 80);
        let end = self.clock.now() + WORLD;
        let mut next = self.clock.now();
        while self.asked.len() < calls || self.asked.values().any(|it| it.ended.is_none()) {
            assert!(self.clock.now() < end, "calls never end{}", self.describe());
            if self.asked.len() < calls && self.clock.now() >= next {
                for _ in 0..self.random.between(1, 10).min(calls - self.asked.len()) {
                    self.invoke();
                }
                next = self.clock.now() + Duration::from_millis(self.random.skewed(2000) as u64);
            }
            if self.random.below(300) == 0 {
                self.upheaval();
            }
            self.step();
        }
        // The faults stop: whoever asks now is served.
        self.faults = PerMille(0);
        let rest = self.clock.now() + Duration::from_secs(60);
        while self.clock.now() < rest {
            self.step();
        }
        self.invoke();
        let witness = self.asked.len() as u64;
        self.asked.get_mut(&witness).expect("it was made just now").patience = WORLD;
        while self.asked[&witness].ended.is_none() {
            assert!(self.clock.now() < end + WORLD, "the witness waits{}", self.describe());
            self.step();
        }
        self.shard.deliver(ToShard::Drain { deadline: Duration::from_secs(10) });
        while !self.drained || !self.shard.is_empty() || self.network.borrow().open_ends() > 0 {
            assert!(self.clock.now() < end + WORLD, "the drain does not end{}", self.describe());
            self.step();
        }
        assert_eq!(self.shard.environment().ring.open_sockets(), 0, "sockets");
        assert_eq!(self.shard.environment().ring.buffers_lent(), 0, "buffers");
        let count = |is: fn(&Completion) -> bool| {
            self.asked.values().filter(|it| it.ended.as_ref().is_some_and(is)).count()
        };
        let results = count(|it| matches!(it, Completion::Result(_)));
        [self.asked.len(), results, count(|it| matches!(it, Completion::Failure(_)))]
    }
}

impl Worker {
    fn ask(&mut self) {
        self.wire.tell("GET", "invocation/next", "");
        self.doing = Doing::Asking;
    }
}

fn run_seed(seed: u64) -> [usize; 3] {
    let world = World::new(seed);
    let is_faultless = world.is_faultless();
    let [calls, results, failures] = world.run();
    if is_faultless {
        assert_eq!(calls, results, "seed {seed}: nothing went wrong, so every call has a result");
    }
    [calls, results, failures]
}

#[test]
fn every_invocation_ends_once_whatever_workers_do() {
    let [calls, results, failures] = sum_of_seeds("functions", run_seed);
    println!("{calls} calls, {results} results, {failures} failures");
    assert_ne!(results, 0);
}

#[test]
fn a_function_that_is_not_there_is_told_at_once() {
    let mut world = World::new(1);
    world
        .asked
        .insert(9, Asked { at: world.clock.now(), patience: TIMEOUT, handed_out: 0, ended: None });
    world.shard.deliver(ToShard::Invoke(Box::new(Invoke {
        call: 9,
        is_drawn: false,
        request_id: None,
        function: "arn:aws:lambda:us-east-1:000000000000:function:other".into(),
        event: Bytes::new(),
        client_context: None,
        patience: TIMEOUT,
        is_streamed: false,
    })));
    world.take_reports();
    assert_eq!(world.asked[&9].ended, Some(Completion::NotDone(NotDone::NoFunction)));
}

#[test]
fn the_files_function_goes_before_one_of_the_lambda_api_whichever_is_told_of_first() {
    let mut world = World::new(1);
    let of_file = |version| snapshot(version, version, [0, 1], 1);
    let empty = |version| compiled("[server]\nlisten = []\n".to_owned(), version);
    let made = snapshot(1, 99, [0, 1], 1).functions[0].clone();
    let key = |world: &mut World, message: ToShard| {
        world.shard.deliver(message);
        world.step();
        world.shard.function_keys()
    };
    let change = |change| {
        let delta = Delta { functions: vec![change], ..Delta::default() };
        ToShard::Delta(Box::new(delta))
    };
    let put = || change(FunctionChange::Put(Box::new(made.clone())));
    let remove = || change(FunctionChange::Remove { arn: ARN.into() });
    let file = |version| vec![of_file(version).functions[0].key.clone()];
    let stored = vec![made.key.clone()];

    assert_eq!(key(&mut world, ToShard::Snapshot(of_file(2))), file(2));
    // It is told of before the file lets go of the name, and through a change of the file.
    assert_eq!(key(&mut world, put()), file(2));
    assert_eq!(key(&mut world, ToShard::Snapshot(of_file(3))), file(3));
    assert_eq!(key(&mut world, ToShard::Snapshot(empty(4))), stored);
    // The file takes the name; that the other is gone is told late.
    assert_eq!(key(&mut world, ToShard::Snapshot(of_file(5))), file(5));
    assert_eq!(key(&mut world, remove()), file(5));
    assert_eq!(key(&mut world, ToShard::Snapshot(empty(6))), []);
    // And after the file has let go.
    assert_eq!(key(&mut world, put()), stored);
    assert_eq!(key(&mut world, ToShard::Snapshot(empty(7))), stored);
    assert_eq!(key(&mut world, remove()), []);
}
