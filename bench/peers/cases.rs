//! What is measured: the cases, the work each gives to every proxy, and the plan of a run.
//!
//! Nothing here knows how a proxy is configured or how a figure is taken.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::options::Options;
use crate::proxies::{Kind, Proxy};

/// The body of every fixed answer, and of the smallest proxied one.
pub(crate) const SMALL_BODY: &str = "twenty-seven bytes of body.";

/// How many routes the case `routes-10k` configures.
const ROUTES: u32 = 10_000;

/// A thousand bodies of 1 MiB in flight measure how far the kernel's socket buffers swap places in the
/// cache, not the proxy; this is where that case stops.
const LARGE_BODY_CONNECTIONS_MAX: u32 = 256;

/// Load time besides the measured and warm-up seconds: start, check, handshakes, stop.
const SECONDS_AROUND: f64 = 0.8;

/// A case as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CaseName {
    /// A fixed response of 27 bytes.
    Fixed,
    /// A back end's 27 bytes, passed on.
    #[value(name = "proxy-27b")]
    #[serde(rename = "proxy-27b")]
    Proxy27b,
    /// A back end's 16 KiB, passed on.
    #[value(name = "proxy-16k")]
    #[serde(rename = "proxy-16k")]
    Proxy16k,
    /// A back end's 1 MiB, passed on.
    #[value(name = "proxy-1m")]
    #[serde(rename = "proxy-1m")]
    Proxy1m,
    /// A fixed response behind a random one of 10,000 routes.
    #[value(name = "routes-10k")]
    #[serde(rename = "routes-10k")]
    Routes10k,
    /// A fixed response over TLS.
    HttpsFixed,
    /// Memory per idle keep-alive connection.
    IdleMemory,
    /// Ringgate alone: the configuration changes every 200 ms under load.
    Swap,
}

impl CaseName {
    /// The name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Proxy27b => "proxy-27b",
            Self::Proxy16k => "proxy-16k",
            Self::Proxy1m => "proxy-1m",
            Self::Routes10k => "routes-10k",
            Self::HttpsFixed => "https-fixed",
            Self::IdleMemory => "idle-memory",
            Self::Swap => "swap",
        }
    }

    /// What a reader of the tables should know the case as.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Fixed => "fixed response of 27 bytes",
            Self::Proxy27b => "proxy, body of 27 bytes",
            Self::Proxy16k => "proxy, body of 16 KiB",
            Self::Proxy1m => "proxy, body of 1 MiB",
            Self::Routes10k => "fixed response, random one of 10,000 routes",
            Self::HttpsFixed => "fixed response of 27 bytes over TLS 1.3",
            Self::IdleMemory => "memory per idle keep-alive connection",
            Self::Swap => "snapshot swap under load",
        }
    }
}

/// What a proxy is configured to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Answer `/fixed` itself.
    Fixed,
    /// Answer `/fixed` itself, over TLS.
    FixedTls,
    /// Pass everything on to the back end.
    Proxy(Payload),
    /// Answer each of `/route/10000` and following itself, each with its own body.
    Routes {
        /// How many; at most 90,000, because the number in the path has five digits.
        count: u32,
    },
}

impl Job {
    /// A path to ask for and the body that must come.
    pub(crate) fn probe(self, index: u32) -> (String, Vec<u8>) {
        match self {
            Self::Fixed | Self::FixedTls => ("/fixed".into(), SMALL_BODY.into()),
            Self::Proxy(payload) => (payload.path().into(), payload.body()),
            Self::Routes { count } => {
                let index = index % count;
                (route_path(index), route_body(index).into())
            }
        }
    }

    /// Paths enough to believe that the whole job is configured right: ends and middle of the routes.
    pub(crate) fn probes(self) -> Vec<(String, Vec<u8>)> {
        match self {
            Self::Fixed | Self::FixedTls | Self::Proxy(_) => vec![self.probe(0)],
            Self::Routes { count } => {
                [0, count / 2, count - 1].map(|index| self.probe(index)).into()
            }
        }
    }

    /// Whether clients speak TLS.
    pub(crate) fn is_tls(self) -> bool {
        self == Self::FixedTls
    }
}

/// The number in the path of the first route: all numbers are equally long without leading zeros.
pub(crate) const FIRST_ROUTE: u32 = 10_000;

/// Path of one of the many routes.
pub(crate) fn route_path(index: u32) -> String {
    format!("/route/{}", FIRST_ROUTE + index)
}

/// Its body: as long as [`SMALL_BODY`], and tells the routes apart.
pub(crate) fn route_body(index: u32) -> String {
    format!("route {} says its number", FIRST_ROUTE + index)
}

/// A body that the back end serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// 27 bytes.
    Small,
    /// 16 KiB.
    Medium,
    /// 1 MiB.
    Large,
}

impl Payload {
    /// Every payload.
    pub(crate) const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Where the back end serves it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Small => "/27b",
            Self::Medium => "/16k",
            Self::Large => "/1m",
        }
    }

    /// The bytes themselves. The pattern has a period that divides no buffer size, so a piece lost or
    /// sent twice shows.
    pub(crate) fn body(self) -> Vec<u8> {
        let bytes = match self {
            Self::Small => return SMALL_BODY.into(),
            Self::Medium => 16 * 1024,
            Self::Large => 1024 * 1024,
        };
        (b'a'..=b'z').chain([b'\n', b'0', b'1']).cycle().take(bytes).collect()
    }
}

/// How a case is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// CPU time per request, rate and latency under full load.
    Rate {
        /// What every proxy has to do.
        job: Job,
        /// Keep-alive connections of the load generator.
        connections: u32,
    },
    /// Memory with idle connections less memory without.
    Idle {
        /// How many.
        connections: u32,
    },
    /// Latency while the configuration changes, against latency while it does not.
    Swap {
        /// Routes per configuration.
        routes: u32,
        /// Keep-alive connections of the load generator.
        connections: u32,
    },
}

/// One table of the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Which case.
    pub(crate) name: CaseName,
    /// How it is measured.
    pub(crate) method: Method,
}

impl Case {
    /// Name and connections, for lines of progress.
    pub(crate) fn label(&self) -> String {
        let (Method::Rate { connections, .. }
        | Method::Idle { connections }
        | Method::Swap { connections, .. }) = self.method;
        format!("{} {connections}", self.name.name())
    }

    /// Whether a proxy takes part.
    pub(crate) fn includes(&self, kind: Kind) -> bool {
        match self.method {
            Method::Rate { .. } | Method::Idle { .. } => true,
            Method::Swap { .. } => kind == Kind::Ringgate,
        }
    }
}

/// Everything a run will do, known before it starts.
pub(crate) struct Plan {
    /// Cases in order.
    pub(crate) cases: Vec<Case>,
    /// Interleaved rounds per case.
    pub(crate) rounds: u32,
    /// Measured seconds per proxy and round.
    pub(crate) seconds: u32,
    /// Seconds of load before them.
    pub(crate) warmup: u32,
    /// Repetitions of a measurement that was disturbed.
    pub(crate) retries: u32,
    proxies: Vec<Kind>,
}

/// The plan's settings, for the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlanSummary {
    /// Interleaved rounds per case.
    pub(crate) rounds: u32,
    /// Measured seconds per proxy and round.
    pub(crate) seconds: u32,
    /// Seconds of load before them.
    pub(crate) warmup: u32,
}

/// Lays out the run.
pub(crate) fn plan(options: &Options, proxies: &[Proxy]) -> Plan {
    let mut cases = Vec::new();
    for &name in &options.cases {
        let job = match name {
            CaseName::Fixed => Job::Fixed,
            CaseName::Proxy27b => Job::Proxy(Payload::Small),
            CaseName::Proxy16k => Job::Proxy(Payload::Medium),
            CaseName::Proxy1m => Job::Proxy(Payload::Large),
            CaseName::Routes10k => Job::Routes { count: ROUTES },
            CaseName::HttpsFixed => Job::FixedTls,
            CaseName::IdleMemory => {
                let method = Method::Idle { connections: options.idle_connections };
                cases.push(Case { name, method });
                continue;
            }
            CaseName::Swap => {
                let connections = options.connections.first().copied().unwrap_or(64);
                let method = Method::Swap { routes: options.swap_routes, connections };
                cases.push(Case { name, method });
                continue;
            }
        };
        let fits = |connections: &u32| {
            job != Job::Proxy(Payload::Large) || *connections <= LARGE_BODY_CONNECTIONS_MAX
        };
        for connections in options.connections.iter().copied().filter(fits) {
            cases.push(Case { name, method: Method::Rate { job, connections } });
        }
    }
    let proxies: Vec<Kind> = proxies.iter().map(|proxy| proxy.kind).collect();
    cases.retain(|case| proxies.iter().any(|&kind| case.includes(kind)));
    let Options { rounds, seconds, warmup, retries, .. } = *options;
    Plan { cases, rounds, seconds, warmup, retries, proxies }
}

impl Plan {
    /// How many times a proxy is started and measured.
    pub(crate) fn measurements(&self) -> usize {
        let per_round: usize = self.cases.iter().map(|case| self.taking_part(case)).sum();
        per_round * self.rounds as usize
    }

    /// How many proxies run a case.
    fn taking_part(&self, case: &Case) -> usize {
        self.proxies.iter().filter(|&&kind| case.includes(kind)).count()
    }

    /// About how long the run takes when every measurement is repeated this often.
    fn estimated_seconds(&self, retries: u32) -> f64 {
        let warmup = f64::from(self.warmup);
        let seconds = f64::from(self.seconds);
        let one = |case: &Case| match case.method {
            Method::Rate { .. } => warmup + seconds * f64::from(1 + retries) + SECONDS_AROUND,
            Method::Swap { .. } => warmup + 2.0 * seconds + SECONDS_AROUND,
            // About 100 us to open each connection and ask once, and two settling pauses.
            Method::Idle { connections } => 2.0 + f64::from(connections) * 100e-6,
        };
        let round: f64 =
            self.cases.iter().map(|case| one(case) * self.taking_part(case) as f64).sum();
        round * f64::from(self.rounds)
    }

    /// The settings alone.
    pub(crate) fn summary(&self) -> PlanSummary {
        PlanSummary { rounds: self.rounds, seconds: self.seconds, warmup: self.warmup }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxies: Vec<&str> = self.proxies.iter().map(|kind| kind.name()).collect();
        let minutes = |retries| self.estimated_seconds(retries) / 60.0;
        write!(
            out,
            "{} cases x {} rounds x ({}): {} measurements of {} s, about {:.1} minutes, at most {:.1} \
             when every measurement is disturbed",
            self.cases.len(),
            self.rounds,
            proxies.join(", "),
            self.measurements(),
            self.seconds,
            minutes(0),
            minutes(self.retries),
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn plan_of(arguments: &[&str], kinds: &[Kind]) -> Plan {
        let options = Options::parse_from([&["peers"], arguments].concat());
        let proxies: Vec<Proxy> = kinds
            .iter()
            .map(|&kind| Proxy { kind, binary: "/nowhere".into(), version: String::new() })
            .collect();
        plan(&options, &proxies)
    }

    #[test]
    fn every_fixed_body_is_as_long_as_the_others() {
        assert_eq!(SMALL_BODY.len(), 27);
        assert_eq!(route_body(89_999).len(), 27);
        assert_eq!(Payload::Medium.body().len(), 16 * 1024);
        assert_eq!(Payload::Large.body().len(), 1024 * 1024);
    }

    #[test]
    fn each_case_runs_once_per_number_of_connections() {
        let plan = plan_of(&["--cases", "fixed,proxy-16k"], &[Kind::Nginx]);
        assert_eq!(plan.cases.len(), 4);
        assert_eq!(plan.measurements(), 20);
    }

    #[test]
    fn large_bodies_run_up_to_256_connections() {
        let count = |connections: &str| {
            let arguments = ["--cases", "proxy-1m", "--connections", connections];
            plan_of(&arguments, &[Kind::Nginx]).cases.len()
        };
        assert_eq!((count("256"), count("257")), (1, 0));
    }

    #[test]
    fn the_swap_is_measured_for_ringgate_only() {
        assert_eq!(plan_of(&["--cases", "swap"], &[Kind::Nginx]).cases.len(), 0);
        let both = plan_of(&["--cases", "swap", "--rounds", "3"], &[Kind::Ringgate, Kind::Nginx]);
        assert_eq!(both.measurements(), 3);
    }

    #[test]
    fn probes_of_many_routes_cover_both_ends() {
        let paths: Vec<String> =
            Job::Routes { count: 10 }.probes().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/route/10000", "/route/10005", "/route/10009"]);
    }
}
