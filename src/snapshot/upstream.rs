//! Upstreams as they run.

use super::{Balance, Eject, HealthCheck, Retry, UpstreamLimits, UpstreamTimeouts, UpstreamTls};

/// A group of back ends that serve the same content.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Fingerprint of the whole definition: `name#` and 16 hex digits. Pools, health and ejection
    /// live under this key, so they survive a reload that does not change the upstream and start
    /// anew with one that does.
    pub key: Box<str>,
    /// Its name, for logs and metrics.
    pub name: Box<str>,
    /// The back ends, at least one, in the order of the declaration.
    pub targets: Box<[Target]>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// TLS towards the back ends; `None` is plain HTTP.
    pub tls: Option<UpstreamTls>,
    /// Time-outs.
    pub timeouts: UpstreamTimeouts,
    /// Bounds per shard.
    pub limits: UpstreamLimits,
    /// Active checks; `None` is none.
    pub health: Option<HealthCheck>,
    /// Passive ejection; `None` is none.
    pub eject: Option<Eject>,
    /// What is tried again.
    pub retry: Retry,
}

/// One back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// IP address (IPv6 without brackets) or DNS name.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// `host:port`, IPv6 in brackets, port always given: the target's name in logs and endpoints.
    pub address: Box<str>,
    /// Its share relative to the other targets, at least 1.
    pub weight: u32,
    /// The value of the `Host` field it gets: the upstream's `host`, else its own address without
    /// the scheme's default port.
    pub authority: Box<str>,
}
