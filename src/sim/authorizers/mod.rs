//! Authorizers in the simulation: clients that ask the same at the same time, go away, ask again; workers
//! that allow, deny, fail, take too long and die; and configurations that change while requests wait.
//!
//! Whatever happens: every request is answered exactly once, with what its token calls for, or with 500
//! where the function could not be asked; those who miss what is remembered at the same time cause one
//! invocation; what is remembered is not asked about; and in the end nothing is left.

mod callers;
mod workers;

use super::clock::Clock;
use super::env::SimEnv;
use super::host::{
    Errand, Errands, Host, LISTEN, compiled, managed_domain, managed_stage, one_seed, runtime_at,
    sum_of_seeds,
};
use super::network::Network;
use super::random::{PerMille, Random};
use super::weather::Weather;
use crate::control::invocation::Ended;
use crate::control::mailbox::{Delta, FromShard, ToShard};
use crate::ring::Close;
use crate::shard::{Activity, Shard};
use crate::snapshot::managed::{DomainChange, StageChange};
use crate::snapshot::{ManagedDomain, ManagedStage, Snapshot};
use callers::{Caller, Request, Rules};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use workers::{Question, Worker};

/// How long a client waits for a verdict.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the function may take.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a verdict is remembered.
const TTL: Duration = Duration::from_secs(20);
const STEPS_MAX: usize = 1_000_000;
/// Everything must have ended by then.
const WORLD: Duration = Duration::from_secs(900);

/// Which API is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A REST API of the file, whose authorizer gets a token and gives a policy.
    Rest,
    /// An HTTP API of the file, with simple responses.
    Http,
    /// The same as a stage of a managed API.
    Managed,
}

impl Kind {
    fn host(self) -> &'static str {
        match self {
            Self::Rest => "r",
            Self::Http => "h",
            Self::Managed => "m",
        }
    }
}

/// What a token has the function say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Allow,
    Deny,
    /// It fails with the message that means 401.
    Unauthorized,
    /// It fails with another one.
    Error,
    /// It says what is no verdict.
    Nonsense,
    /// Its worker ends.
    Dies,
    /// It takes longer than it may.
    Late,
}

impl Said {
    const ALL: &[Self] = &[
        Self::Allow,
        Self::Deny,
        Self::Unauthorized,
        Self::Error,
        Self::Nonsense,
        Self::Dies,
        Self::Late,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Unauthorized => "unauthorized",
            Self::Error => "error",
            Self::Nonsense => "nonsense",
            Self::Dies => "dies",
            Self::Late => "late",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Allow => 200,
            Self::Deny => 403,
            Self::Unauthorized => 401,
            Self::Error | Self::Nonsense | Self::Dies | Self::Late => 500,
        }
    }

    fn is_remembered(self) -> bool {
        matches!(self, Self::Allow | Self::Deny)
    }
}

/// What is known of one question where verdicts are remembered.
#[derive(Debug, Default)]
struct Standing {
    /// Workers that have it in hand.
    in_hand: usize,
    /// Until when nobody may ask it.
    remembered_until: Option<Instant>,
}

struct World {
    shard: Shard<SimEnv>,
    network: Rc<RefCell<Network>>,
    clock: Clock,
    random: Random,
    reports: mpsc::Receiver<FromShard>,
    rules: Rules,
    errands: Errands,
    workers: Vec<Worker>,
    callers: Vec<Caller>,
    standings: BTreeMap<String, Standing>,
    questions: usize,
    /// How often a worker does not come up.
    faults: PerMille,
    /// How often something changes, per step.
    upheaval: PerMille,
    /// Whether nobody leaves and nothing changes or is late: one question at a time is then in hand.
    is_orderly: bool,
    version: u64,
    variant: usize,
    sequence: u64,
    snapshots: usize,
    stages: usize,
    drained: bool,
    steps: usize,
}

fn snapshot(version: u64, variant: usize, workers: [usize; 2], queue: usize) -> Box<Snapshot> {
    let [min, max] = workers;
    let api = |name: &str, protocol: &str, kind: &str| {
        let mut text =
            format!("[[api]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\ndomain = \"{name}\"\n");
        for path in ["remembered", "asked"] {
            text += &format!(
                "[[api.route]]\nroute = \"ANY /{path}\"\nauthorizer = \"{name}-{path}\"\n\
                 integration = {{ type = \"mock\", status = 200, body = \"in\" }}\n"
            );
        }
        let authorizer = |path: &str, ttl: Duration| {
            format!(
                "[[authorizer]]\nname = \"{name}-{path}\"\ntype = \"{kind}\"\nfunction = \"f\"\n\
                 ttl = \"{}s\"\ntimeout = \"{}s\"\n",
                ttl.as_secs(),
                TIMEOUT.as_secs()
            )
        };
        // The time to live makes another authorizer of it.
        let ttl = TTL + Duration::from_secs(variant as u64 % 2);
        text + &authorizer("remembered", ttl) + &authorizer("asked", Duration::ZERO)
    };
    let (rest, http) = (api("r", "rest", "token"), api("h", "http", "request"));
    let text = format!(
        r#"
[server]
listen = []
[[function]]
name = "f"
runtime = "provided"
code = "."
timeout = "{}s"
environment = {{ V = "{}" }}
[function.workers]
min = {min}
max = {max}
queue = {queue}
idle_timeout = "5s"
init_timeout = "2s"
{rest}{http}"#,
        FUNCTION_TIMEOUT.as_secs(),
        variant / 2,
    );
    compiled(text, version)
}

/// The HTTP API as a managed one's stage, and what leads to it.
fn managed(snapshot: Box<Snapshot>) -> (ManagedStage, ManagedDomain) {
    let release = snapshot.apis.into_iter().find(|api| &*api.name == "h").expect("it is declared");
    (managed_stage(release, [].into()), managed_domain("m"))
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let mut weather = Weather::drawn(&mut random);
        let is_calm = weather.is_faultless();
        weather.clear_up();
        weather.stay_inside();
        let rate = |random: &mut Random, most| match is_calm {
            true => PerMille(0),
            false => PerMille(random.below(most) as u32),
        };
        let (faults, leaves) = (rate(&mut random, 400), rate(&mut random, 500));
        let upheaval = rate(&mut random, 6);
        let is_late = !is_calm && random.below(2) == 0;
        let clock = Clock::new();
        let host = Host::new(weather, &clock, &mut random, true, |random| {
            let max = random.between(1, 6);
            let workers = [random.below(max + 1), max];
            let queue = if is_calm { 1000 } else { *random.pick(&[0, 1, 5, 1000]) };
            snapshot(1, 0, workers, queue)
        });
        let Host { shard, network, reports } = host;
        let mut said: Vec<Said> =
            Said::ALL.iter().copied().filter(|it| is_late || *it != Said::Late).collect();
        // The fewer there are, the more ask the same.
        random.shuffle(&mut said);
        said.truncate(random.between(1, said.len()));
        let people = random.between(1, 3);
        let now = clock.now();
        let callers = (0..random.between(1, 12)).map(|_| {
            let plan = (0..random.between(1, 12))
                .map(|_| Request::drawn(&mut random, &said, people, leaves))
                .collect();
            Caller::new(plan, random.between(1, 3), now)
        });
        let callers = callers.collect();
        let mut world = Self {
            shard,
            network,
            clock,
            random,
            reports,
            rules: Rules { listen: LISTEN, is_strict: is_calm, upheavals: 0 },
            errands: Errands::default(),
            workers: Vec::new(),
            callers,
            standings: BTreeMap::new(),
            questions: 0,
            faults,
            upheaval,
            is_orderly: leaves.0 == 0 && upheaval.0 == 0 && !said.contains(&Said::Late),
            version: 1,
            variant: 0,
            sequence: 0,
            snapshots: 1,
            stages: 0,
            drained: false,
            steps: 0,
        };
        world.put_stage();
        world
    }

    /// The managed API is deployed.
    fn put_stage(&mut self) {
        let (stage, domain) = managed(snapshot(0, self.variant, [0, 1], 1));
        self.sequence += 1;
        self.stages += 1;
        let mut delta = Delta { sequence: self.sequence, ..Delta::default() };
        delta.stages.push(StageChange::Put(Box::new(stage)));
        delta.domains.push(DomainChange::Put(Box::new(domain)));
        self.shard.deliver(ToShard::Delta(Box::new(delta)));
    }

    fn upheave(&mut self) {
        self.rules.upheavals += 1;
        match self.random.below(4) {
            0 | 1 => {
                self.version += 1;
                self.snapshots += 1;
                self.variant = self.random.below(4);
                let max = self.random.between(1, 6);
                let workers = [self.random.below(max + 1), max];
                let snapshot = snapshot(self.version, self.variant, workers, 1000);
                self.shard.deliver(ToShard::Snapshot(snapshot));
            }
            2 => self.put_stage(),
            _ => {
                if let Some(function) = self.shard.function_keys().into_iter().next() {
                    self.shard.deliver(ToShard::ReplaceWorkers { function });
                }
            }
        }
    }

    fn describe(&self) -> String {
        format!("{}\n{:?}\n{:?}", self.shard.describe(), self.workers, self.callers)
    }

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "the world does not come to rest{}", self.describe());
        let busy = self.shard.turn() == Activity::Busy;
        self.shard.check_invariants();
        self.take_reports();
        if self.shard.open_for_clients().is_none() {
            assert_eq!(self.snapshots, 1, "snapshots that nobody uses");
            assert_eq!(self.stages, 1, "stages that nobody uses");
        }
        let now = self.clock.now();
        let mut wakes = vec![self.shard.next_deadline()];
        let moved = self.network.borrow_mut().advance();
        let due = self.errands.due(now);
        let errands = !due.is_empty();
        for errand in due {
            self.run_errand(errand);
        }
        for index in 0..self.workers.len() {
            wakes.extend(self.drive_worker(index));
        }
        for caller in &mut self.callers {
            let mut network = self.network.borrow_mut();
            wakes.extend(caller.drive(&mut network, &self.clock, &mut self.random, self.rules));
        }
        wakes.extend(self.errands.times());
        wakes.extend(self.network.borrow().next_event());
        let has_work = self.shard.environment().ring.has_work();
        let next = wakes.into_iter().min().unwrap_or(now);
        self.clock.pass(busy || moved || errands || has_work, next, &mut self.random);
    }

    fn take_reports(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            let now = self.clock.now();
            let Some(report) = self.errands.take(report, now, &mut self.random) else { continue };
            match report {
                FromShard::Retired(_) => self.snapshots -= 1,
                FromShard::RetiredManaged(stages, _) => self.stages -= stages.len(),
                FromShard::Drained { .. } => self.drained = true,
                _ => {}
            }
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Start(id, address) => {
                if self.random.happens(self.faults) {
                    let how = *self.random.pick(&["exit status 1", "signal: killed"]);
                    let how = Ended::Exited(how.into());
                    return self.shard.deliver(ToShard::WorkerEnded { worker: id, how });
                }
                let to = runtime_at(address);
                let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
                let end = self.network.borrow_mut().connect(from, to);
                self.workers.push(Worker::new(id, end));
            }
            Errand::End(id, how) => {
                // A worker that has ended by itself was told of already.
                let was_starting = self.errands.forget_start(id);
                let index = self.workers.iter().position(|it| it.id == id);
                match index {
                    Some(index) => self.end_worker(index, how),
                    None if was_starting => {
                        self.shard.deliver(ToShard::WorkerEnded { worker: id, how });
                    }
                    None => {}
                }
            }
        }
    }

    fn end_worker(&mut self, index: usize, how: Ended) {
        let worker = &mut self.workers[index];
        if worker.is_dead {
            return;
        }
        worker.is_dead = true;
        self.network.borrow_mut().close(worker.wire.end, Close::Orderly);
        let (id, question) = (worker.id, worker.question.take());
        if let Some(question) = question {
            self.put_down(&question, false);
        }
        self.shard.deliver(ToShard::WorkerEnded { worker: id, how });
    }

    fn drive_worker(&mut self, index: usize) -> Option<Instant> {
        let now = self.clock.now();
        let acted = {
            let worker = &mut self.workers[index];
            let mut network = self.network.borrow_mut();
            worker.drive(&mut network, now, &mut self.random)
        };
        let worker = &mut self.workers[index];
        match acted {
            workers::Acted::Nothing(wake) => wake,
            workers::Acted::Took(question) => {
                self.pick_up(&question);
                Some(now)
            }
            workers::Acted::Answered(question) => {
                worker.question = None;
                self.put_down(&question, question.said.is_remembered());
                Some(now)
            }
            workers::Acted::Died => {
                self.end_worker(index, Ended::Exited("exit status 1".into()));
                Some(now)
            }
        }
    }

    /// A worker has got a question.
    fn pick_up(&mut self, question: &Question) {
        self.questions += 1;
        let now = self.clock.now();
        let standing = self.standings.entry(question.key.clone()).or_default();
        standing.in_hand += 1;
        if !question.is_remembered || !self.is_orderly {
            return;
        }
        assert_eq!(standing.in_hand, 1, "{} is asked twice at a time", question.key);
        let is_known = standing.remembered_until.is_some_and(|until| now < until);
        assert!(!is_known, "{} is known", question.key);
    }

    /// It has answered it, or never will.
    fn put_down(&mut self, question: &Question, is_remembered: bool) {
        let standing = self.standings.get_mut(&question.key).expect("it was picked up");
        standing.in_hand -= 1;
        if is_remembered {
            standing.remembered_until = Some(self.clock.now() + TTL);
        }
    }

    fn run(mut self) -> [usize; 3] {
        let end = self.clock.now() + WORLD;
        while self.callers.iter().any(|caller| !caller.is_done()) {
            assert!(self.clock.now() < end, "it never ends{}", self.describe());
            if self.random.happens(self.upheaval) {
                self.upheave();
            }
            self.step();
        }
        // The faults stop: whoever asks now is let in.
        self.faults = PerMille(0);
        self.rules.is_strict = true;
        let rest = self.clock.now() + Duration::from_secs(60);
        while self.clock.now() < rest {
            self.step();
        }
        let witness = [Request::witness()].into();
        self.callers.push(Caller::new(witness, 1, self.clock.now()));
        while self.callers.iter().any(|caller| !caller.is_done()) {
            assert!(self.clock.now() < end + WORLD, "the witness waits{}", self.describe());
            self.step();
        }
        for caller in &mut self.callers {
            caller.go(&mut self.network.borrow_mut());
        }
        self.shard.deliver(ToShard::Drain { deadline: Duration::from_secs(10) });
        while !self.drained || !self.shard.is_empty() || self.network.borrow().open_ends() > 0 {
            assert!(self.clock.now() < end + WORLD, "the drain does not end{}", self.describe());
            self.step();
        }
        assert_eq!(self.shard.environment().ring.open_sockets(), 0, "sockets");
        assert_eq!(self.shard.environment().ring.buffers_lent(), 0, "buffers");
        let sum = |of: fn(&Caller) -> usize| self.callers.iter().map(of).sum();
        [sum(|it| it.answers), sum(|it| it.granted), self.questions]
    }
}

#[test]
fn every_request_is_judged_once_whatever_authorizers_do() {
    let [answers, granted, questions] = sum_of_seeds("authorizers", |seed| World::new(seed).run());
    println!("{answers} answers, {granted} granted, {questions} questions");
    assert!(
        one_seed().is_some() || granted > 0 && questions < answers,
        "much is remembered or shared"
    );
}
