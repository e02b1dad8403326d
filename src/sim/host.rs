//! What the worlds of a shard have in common: its configuration, the host that it runs on with its
//! loopback, and a control thread that starts and ends workers late.

use super::clock::Clock;
use super::env::SimEnv;
use super::network::Network;
use super::random::Random;
use super::ring::SimRing;
use super::trace::Trace;
use super::weather::Weather;
use crate::control::invocation::{Ended, StopWorker, WorkerId};
use crate::control::mailbox::{FromShard, ListenerId, ListenerKind, Reporter};
use crate::model;
use crate::shard::{Shard, ShardSettings};
use crate::snapshot::managed::{DefaultEndpoint, Mapping, RoutingMode, UpstreamUse};
use crate::snapshot::{Api, Domain, ManagedDomain, ManagedStage, Snapshot, compile};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Where clients connect.
pub(super) const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The port of the Runtime API, at each worker's address.
const RUNTIME_PORT: u16 = 9001;

/// A configuration for one shard, from a file's text.
pub(super) fn compiled(text: String, version: u64) -> Box<Snapshot> {
    let model = model::parse(Path::new("world.toml"), text)
        .unwrap_or_else(|problems| panic!("the world's configuration: {problems:?}"));
    Box::new(compile(&model, version, 1))
}

/// An API of the file as the stage of a managed one.
pub(super) fn managed_stage(release: Api, upstreams: Box<[UpstreamUse]>) -> ManagedStage {
    ManagedStage {
        api_id: "abcdefghij".into(),
        region: "us-east-1".into(),
        name: "$default".into(),
        protocol: release.protocol,
        default_endpoint: DefaultEndpoint::Enabled,
        release,
        canary: None,
        upstreams,
    }
}

/// Leads from a host name to that stage.
pub(super) fn managed_domain(host: &str) -> ManagedDomain {
    let mapping = Mapping {
        base_path: Box::default(),
        api_id: "abcdefghij".into(),
        stage: Some("$default".into()),
    };
    ManagedDomain {
        domain: Domain::Exact(host.into()),
        mode: RoutingMode::Mappings,
        rules: Box::default(),
        mappings: [mapping].into(),
        refuses: false,
        warnings: Vec::new(),
    }
}

/// A shard that has workers, and what it is surrounded by.
pub(super) struct Host {
    pub(super) shard: Shard<SimEnv>,
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) reports: mpsc::Receiver<FromShard>,
}

impl Host {
    /// `snapshot` draws its configuration. It hears workers, and clients if `has_clients`.
    pub(super) fn new(
        weather: Weather,
        clock: &Clock,
        random: &mut Random,
        has_clients: bool,
        snapshot: impl FnOnce(&mut Random) -> Box<Snapshot>,
    ) -> Self {
        let network = Network::new(weather, clock.clone(), random.fork(), Trace::off());
        let network = Rc::new(RefCell::new(network));
        let mut ring =
            SimRing::new(Rc::clone(&network), clock.clone(), random.fork(), Trace::off());
        let workers = ring.open_listener((Ipv4Addr::UNSPECIFIED, RUNTIME_PORT).into());
        let clients = has_clients.then(|| ring.open_listener(LISTEN));
        let (sender, reports) = mpsc::channel(4096);
        let snapshot = snapshot(random);
        let settings =
            ShardSettings { snapshot, tickets: None, reporter: Reporter::new(0, sender) };
        let env = SimEnv::new(ring, clock.clone(), random.fork());
        let mut shard = Shard::new(env, settings);
        shard.listen(ListenerId(1), ListenerKind::Runtime, workers);
        if let Some(clients) = clients {
            shard.listen(ListenerId(2), ListenerKind::Plain, clients);
        }
        Self { shard, network, reports }
    }
}

/// Where the runtime of the worker with this address connects.
pub(super) fn runtime_at(address: Ipv4Addr) -> SocketAddr {
    (address, RUNTIME_PORT).into()
}

/// What the control thread does about a worker.
#[derive(Debug)]
pub(super) enum Errand {
    Start(WorkerId, Ipv4Addr),
    End(WorkerId, Ended),
}

/// What the control thread is about to do, and when.
#[derive(Debug, Default)]
pub(super) struct Errands(Vec<(Instant, Errand)>);

impl Errands {
    /// Takes a report about a worker; gives back any other.
    pub(super) fn take(
        &mut self,
        report: FromShard,
        now: Instant,
        random: &mut Random,
    ) -> Option<FromShard> {
        let mut late = |most| now + Duration::from_micros(random.skewed(most) as u64);
        self.0.push(match report {
            FromShard::StartWorker(start) => {
                (late(50_000), Errand::Start(start.worker, start.address))
            }
            FromShard::StopWorker { worker, how, .. } => {
                let most = if how == StopWorker::AtOnce { 20_000 } else { 2_000_000 };
                (late(most), Errand::End(worker, Ended::Exited("signal: killed".into())))
            }
            other => return Some(other),
        });
        None
    }

    /// Those whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Errand> {
        self.0.extract_if(.., |(at, _)| *at <= now).map(|(_, errand)| errand).collect()
    }

    /// When there is something to do.
    pub(super) fn times(&self) -> impl Iterator<Item = Instant> {
        self.0.iter().map(|(at, _)| *at)
    }

    /// Does not start a worker that is to end. Tells whether it was about to.
    pub(super) fn forget_start(&mut self, id: WorkerId) -> bool {
        let starts = |it: &(Instant, Errand)| matches!(&it.1, Errand::Start(of, _) if *of == id);
        self.0.extract_if(.., |it| starts(it)).count() > 0
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The one seed that is asked for.
pub(super) fn one_seed() -> Option<u64> {
    number("RINGGATE_SEED")
}

/// Runs a world of each of the seeds that `RINGGATE_SEEDS` says (default 200), or of `RINGGATE_SEED` alone,
/// and sums up what it counts. `name` is the module of its test.
pub(super) fn sum_of_seeds(name: &str, run: impl Fn(u64) -> [usize; 3]) -> [usize; 3] {
    let seeds = match one_seed() {
        Some(seed) => seed..=seed,
        None => 1..=number("RINGGATE_SEEDS").unwrap_or(200),
    };
    let mut sum = [0; 3];
    for seed in seeds {
        let run = std::panic::AssertUnwindSafe(|| run(seed));
        match std::panic::catch_unwind(run) {
            Ok(counts) => {
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            Err(cause) => {
                println!("replay: RINGGATE_SEED={seed} cargo test --lib sim::{name}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    sum
}
