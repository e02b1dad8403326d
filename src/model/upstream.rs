//! `[[upstream]]`: a named group of back ends and how they are called.

use std::time::Duration;

use rustls_pki_types::CertificateDer;

/// A group of back ends that serve the same content.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name; for one implied by an integration's `url` the URL's scheme and authority.
    pub name: String,
    /// The `Host` that back ends get; `None` is the chosen target's own `host:port`.
    pub host: Option<String>,
    /// The back ends, at least one.
    pub targets: Vec<Target>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// TLS towards the back ends; `None` is plain HTTP.
    pub tls: Option<UpstreamTls>,
    /// `[upstream.timeouts]`.
    pub timeouts: UpstreamTimeouts,
    /// `[upstream.limits]`.
    pub limits: UpstreamLimits,
    /// `[upstream.health]`: active checks; `None` is none.
    pub health: Option<HealthCheck>,
    /// `[upstream.eject]`: passive ejection; `None` when switched off.
    pub eject: Option<Eject>,
    /// `[upstream.retry]`.
    pub retry: Retry,
}

/// One back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// IP address (IPv6 without brackets) or DNS name, lower case.
    pub host: String,
    /// Port, 1 to 65,535.
    pub port: u16,
    /// Its share relative to the other targets, 1 to 1,000.
    pub weight: u32,
}

/// How a target is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// The fewest open requests relative to its weight.
    LeastRequests,
    /// Consistent hash.
    Hash(HashOn),
}

/// What a consistent hash looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address, after trusted proxies.
    ClientAddress,
    /// A request header, lower case; requests without it are spread round robin.
    Header(String),
}

/// TLS towards back ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Name sent (SNI) and verified; `None` is the target's own host.
    pub server_name: Option<String>,
    /// Trusted roots from `ca`; `None` is the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Accepts any certificate. Dangerous, and said so at every start.
    pub insecure_skip_verify: bool,
}

/// `[upstream.timeouts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// TCP connect, with the TLS handshake.
    pub connect: Duration,
    /// Longest silence while a response's content arrives, or while a request's is taken.
    pub body_idle: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

/// `[upstream.limits]`, per shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamLimits {
    /// Connections to all targets together.
    pub connections_max: usize,
    /// Requests that may wait for a connection; beyond it 503.
    pub pending_max: usize,
}

/// `[upstream.health]`: active checks from the control thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path asked for with GET.
    pub path: String,
    /// Time between two checks of one target.
    pub interval: Duration,
    /// Longest wait for the answer.
    pub timeout: Duration,
    /// Good answers in a row that bring a target back.
    pub healthy_after: u32,
    /// Bad answers in a row that take a target out.
    pub unhealthy_after: u32,
    /// Which statuses are good.
    pub expect: StatusSet,
}

/// A set of status codes: ranges, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet {
    /// The ranges.
    pub ranges: Vec<(u16, u16)>,
}

impl StatusSet {
    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&status))
    }
}

/// `[upstream.eject]`: passive ejection by the shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Eject {
    /// Failures in a row that eject a target.
    pub failures: u32,
    /// For how long.
    pub duration: Duration,
    /// Largest share of the targets that may be out at once, 0 to 1.
    pub share_max: f64,
}

/// `[upstream.retry]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Most tries of one request, the first included; 1 is never again.
    pub attempts: u32,
    /// Retries allowed as a share of recent requests.
    pub budget: f64,
    /// What may be tried again.
    pub on: RetryOn,
}

/// What may be tried again. Only requests without effect on the back end (RFC 9110 section 9.2.2:
/// idempotent methods), except after a failed connect, where nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryOn {
    /// The connection could not be made.
    pub connect: bool,
    /// The connection broke before the response's head.
    pub reset: bool,
    /// The back end answered 502.
    pub bad_gateway: bool,
    /// The back end answered 503.
    pub unavailable: bool,
    /// The back end answered 504.
    pub gateway_timeout: bool,
}
