//! The shard in the simulation: the same code as in production, on one seed.

use super::env::SimEnv;
use super::host::{compiled, managed_domain, managed_stage};
use super::peers::requests::MOCK_BODY;
use super::ring::SimRing;
use super::weather::Weather;
use super::world::{
    ATTEMPTS, CONNECT_TIMEOUT, IDLE_TIMEOUT, KEEP_ALIVE, Plan, RESPONSE_TIMEOUT, Setup, Subject,
    run_seed, run_seeds,
};
use crate::control::endpoints::{Endpoints, Health, TargetEndpoints, UpstreamEndpoints};
use crate::control::mailbox::{
    Delta, FromShard, ListenerId, ListenerKind, NewUpstream, Reporter, ToShard,
};
use crate::ring::BufferGroup;
use crate::shard::{Activity, Shard, ShardSettings};
use crate::snapshot::managed::{DomainChange, StageChange, UpstreamUse};
use crate::snapshot::{ManagedStage, Snapshot, Upstream};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

struct Simulated {
    shard: Shard<SimEnv>,
    setup: Setup,
    reports: mpsc::Receiver<FromShard>,
    version: u64,
    /// Snapshots taken and not returned.
    snapshots: usize,
    managed: ManagedWorld,
    drained: bool,
}

/// What the shard was told of managed APIs.
#[derive(Debug, Default)]
struct ManagedWorld {
    sequence: u64,
    /// The variant that is served in the place of the file's API.
    served: Option<u64>,
    /// Stages taken and not returned.
    stages: usize,
}

/// How many configurations a world changes between.
const VARIANTS: u64 = 3;

/// The configuration of a world. A `variant` changes what makes pools new: their definition.
fn snapshot(setup: &Setup, version: u64, variant: u64) -> Box<Snapshot> {
    let targets: Vec<_> = setup.back_ends.iter().map(|address| format!("\"{address}\"")).collect();
    let text = format!(
        r#"
[server]
listen = []
[server.timeouts]
head = "10s"
body_idle = "{idle}s"
send_idle = "{idle}s"
keep_alive = "{keep_alive}s"
[server.limits]
requests_per_connection = {requests_per_connection}
connections_per_shard = {clients}
[[upstream]]
name = "back-ends"
targets = [{targets}]
balance = "{balance}"
[upstream.timeouts]
connect = "{connect}s"
body_idle = "{idle}s"
idle = "{upstream_idle}s"
[upstream.limits]
connections = {connections}
pending = {pending}
[upstream.retry]
attempts = {ATTEMPTS}
[[api]]
name = "world"
protocol = "http"
[[api.route]]
route = "ANY /b/{{proxy+}}"
integration = {{ type = "http_proxy", upstream = "back-ends", timeout = "{response}s" }}
[[api.route]]
route = "GET /hello"
integration = {{ type = "mock", status = 200, body = "{MOCK_BODY}" }}
"#,
        idle = IDLE_TIMEOUT.as_secs(),
        keep_alive = KEEP_ALIVE.as_secs(),
        targets = targets.join(", "),
        balance = ["round_robin", "least_requests"][variant as usize % 2],
        connect = CONNECT_TIMEOUT.as_secs(),
        upstream_idle = 8 + variant,
        connections = setup.limits.connections,
        pending = setup.limits.pending,
        clients = setup.limits.clients,
        requests_per_connection = setup.limits.requests_per_connection,
        response = RESPONSE_TIMEOUT.as_secs(),
    );
    compiled(text, version)
}

/// The world's API as a stage of a managed one, with the upstream of that variant.
fn stage(setup: &Setup, variant: u64) -> (ManagedStage, Upstream) {
    let mut snapshot = snapshot(setup, 0, variant);
    let mut upstream = snapshot.upstreams.remove(0);
    upstream.key = format!("managed/{variant}").into();
    let release = snapshot.apis.remove(0);
    let uses = UpstreamUse { key: upstream.key.clone(), pool: 0 };
    let stage = managed_stage(release, [uses].into());
    (stage, upstream)
}

impl Simulated {
    /// The managed API takes the place of the file's, changes, or leaves it again. Clients must not
    /// notice any of it.
    fn change_managed(&mut self) {
        let variant = self.setup.random.below(VARIANTS as usize) as u64;
        let before = self.managed.served;
        let mut delta = Delta { sequence: self.managed.sequence + 1, ..Delta::default() };
        let unused = before.filter(|before| *before != variant).map(|it| format!("managed/{it}"));
        delta.unused.extend(unused.map(Into::into));
        match before {
            Some(_) if self.setup.random.below(3) == 0 => {
                let (api_id, name) = ("abcdefghij".into(), "$default".into());
                delta.stages.push(StageChange::Remove { api_id, name });
                delta.domains.push(DomainChange::Remove { name: "a".into() });
                let key = before.map(|it| format!("managed/{it}").into());
                delta.unused = key.into_iter().collect();
                self.managed.served = None;
            }
            _ => {
                let (stage, upstream) = stage(&self.setup, variant);
                if before != Some(variant) {
                    let targets = self.targets(vec![Health::Healthy; self.setup.back_ends.len()]);
                    delta.upstreams.push(NewUpstream { upstream, targets });
                }
                delta.stages.push(StageChange::Put(Box::new(stage)));
                delta.domains.push(DomainChange::Put(Box::new(managed_domain("a"))));
                self.managed.stages += 1;
                self.managed.served = Some(variant);
            }
        }
        self.managed.sequence += 1;
        self.shard.deliver(ToShard::Delta(Box::new(delta)));
    }

    fn targets(&self, health: Vec<Health>) -> Vec<TargetEndpoints> {
        let target = |(address, health): (&SocketAddr, Health)| TargetEndpoints {
            target: address.to_string().into(),
            addresses: vec![*address],
            health,
        };
        self.setup.back_ends.iter().zip(health).map(target).collect()
    }

    fn tell_health(&mut self, health: Vec<Health>) {
        let targets = self.targets(health);
        let managed = (0..VARIANTS).map(|variant| UpstreamEndpoints {
            upstream: format!("managed/{variant}").into(),
            targets: targets.clone(),
        });
        self.shard.deliver(ToShard::Addresses(managed.collect()));
        // All variants of the configuration, each with its own key.
        let upstreams = (0..VARIANTS).map(|variant| {
            let snapshot = snapshot(&self.setup, 0, variant);
            UpstreamEndpoints {
                upstream: snapshot.upstreams[0].key.clone(),
                targets: targets.clone(),
            }
        });
        let mut upstreams: Vec<_> = upstreams.collect();
        upstreams.sort_by(|one, other| one.upstream.cmp(&other.upstream));
        self.shard.deliver(ToShard::Endpoints(Box::new(Endpoints { upstreams })));
    }
}

impl Subject for Simulated {
    fn begin(env: SimEnv, setup: &Setup) -> Self {
        let (sender, reports) = mpsc::channel(4096);
        let settings = ShardSettings {
            snapshot: snapshot(setup, 1, 0),
            tickets: None,
            reporter: Reporter::new(0, sender),
        };
        let mut shard = Shard::new(env, settings);
        for (index, (socket, _)) in setup.listeners.iter().enumerate() {
            shard.listen(ListenerId(index as u32), ListenerKind::Plain, *socket);
        }
        Self {
            shard,
            setup: setup.clone(),
            reports,
            version: 1,
            snapshots: 1,
            managed: ManagedWorld::default(),
            drained: false,
        }
    }

    fn turn(&mut self) -> bool {
        let activity = self.shard.turn();
        while let Ok(report) = self.reports.try_recv() {
            match report {
                FromShard::Retired(_) => self.snapshots -= 1,
                FromShard::RetiredManaged(stages, _) => self.managed.stages -= stages.len(),
                FromShard::Applied { sequence, .. } => {
                    assert_eq!(sequence, self.managed.sequence, "each delta is applied at once");
                }
                FromShard::Drained { .. } => {
                    assert!(!self.drained, "a drain ends once");
                    self.drained = true;
                }
                _ => {}
            }
        }
        activity == Activity::Busy
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(self.shard.next_deadline())
    }

    fn check(&self) {
        self.shard.check_invariants();
        for group in [BufferGroup::Client, BufferGroup::Upstream] {
            let (kept, count) = self.ring().buffers_kept(group);
            assert!(
                kept * 2 <= count,
                "{kept} of {count} {group:?} buffers wait for peers, and starve the others"
            );
        }
        assert!(
            self.shard.open_for_clients().is_some() || self.snapshots == 1,
            "{} snapshots are held and no request uses the old ones",
            self.snapshots
        );
        let served = usize::from(self.managed.served.is_some());
        assert!(
            self.shard.open_for_clients().is_some() || self.managed.stages == served,
            "{} stages are held and no request uses the old ones",
            self.managed.stages
        );
    }

    fn ring(&self) -> &SimRing {
        &self.shard.environment().ring
    }

    fn describe(&self) -> String {
        format!("drained: {}{}", self.drained, self.shard.describe())
    }

    fn swap(&mut self) -> Option<SocketAddr> {
        let random = &mut self.setup.random;
        match random.below(15) {
            10..=14 => self.change_managed(),
            0..=5 => {
                self.version += 1;
                self.snapshots += 1;
                let variant = self.setup.random.below(VARIANTS as usize) as u64;
                let snapshot = snapshot(&self.setup, self.version, variant);
                self.shard.deliver(ToShard::Snapshot(snapshot));
            }
            6..=8 if !self.setup.faultless => {
                let health = (0..self.setup.back_ends.len())
                    .map(|_| [Health::Healthy, Health::Unhealthy][random.below(2)])
                    .collect();
                self.tell_health(health);
            }
            9 if self.setup.listeners.len() > 1 => {
                let (_, address) = self.setup.listeners.pop()?;
                let id = ListenerId(self.setup.listeners.len() as u32);
                self.shard.deliver(ToShard::DropListeners(vec![id]));
                return Some(address);
            }
            _ => {}
        }
        None
    }

    fn clear_up(&mut self) {
        self.tell_health(vec![Health::Healthy; self.setup.back_ends.len()]);
    }

    fn drain(&mut self) {
        self.shard.deliver(ToShard::Drain { deadline: Duration::from_secs(60) });
    }

    fn open_for_clients(&self) -> Option<String> {
        self.shard.open_for_clients()
    }

    fn is_drained(&self) -> bool {
        self.drained && self.shard.is_empty()
    }
}

fn as_drawn(_: &mut Weather) {}

const PLAN: Plan = Plan { test: "sim::shard", adjust: as_drawn, upheaval: true };

/// Seeds that once found something, with what they found.
const FOUND: &[(u64, &str)] = &[
    (30, "a refused connect kept its slot forever"),
    (3, "a pool opened one connection more than its limit"),
    (316, "a connect without a socket left others waiting beside a free place"),
    (693, "bytes behind a response became the next request's answer"),
    (6, "slow clients kept all receive buffers"),
    (44, "a close right behind an answer reset it away"),
    (42, "a last request answered before its content was read was reset"),
];

#[test]
fn a_shard_keeps_its_promises_in_every_weather() {
    run_seeds::<Simulated>(&PLAN);
}

#[test]
fn what_was_found_once_stays_fixed() {
    for (seed, found) in FOUND {
        println!("{seed}: {found}");
        run_seed::<Simulated>(*seed, &PLAN);
    }
}

#[test]
fn a_shard_replays_exactly() {
    for seed in 1..10 {
        assert_eq!(run_seed::<Simulated>(seed, &PLAN), run_seed::<Simulated>(seed, &PLAN));
    }
}
