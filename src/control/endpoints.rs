//! Endpoints: where the targets of every upstream are at this moment, and which of them answer.
//!
//! The snapshot names targets as the operator wrote them; names resolve and health changes much more
//! often than the configuration does, so both travel beside the snapshot in this message of their
//! own. Built by `dns` and `health` on the control thread, replaced as a whole on each shard.

use std::net::SocketAddr;

/// Everything the shards need to know to open a connection to any target of any upstream of the
/// snapshots they may be serving. A newer one replaces an older one completely.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// One entry per upstream, sorted by `upstream`.
    pub upstreams: Vec<UpstreamEndpoints>,
}

/// The targets of one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamEndpoints {
    /// The upstream's key: the name under which the snapshot knows it.
    pub upstream: Box<str>,
    /// In the order in which the configuration declares them.
    pub targets: Vec<TargetEndpoints>,
}

/// One target: a host and port as declared, and the addresses behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetEndpoints {
    /// `host:port` as declared.
    pub target: Box<str>,
    /// Every address of the name, sorted so that an unchanged answer compares equal. Empty when the
    /// name has never resolved; then requests to it are answered with 503.
    pub addresses: Vec<SocketAddr>,
    /// What the active health check found.
    pub health: Health,
}

/// What the active health check of a target says. Passive ejection is the shard's own and narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It passes its checks, or has none, or has not been checked yet: requests may go there.
    #[default]
    Healthy,
    /// It failed as many checks in a row as the threshold says.
    Unhealthy,
}

impl Endpoints {
    /// The targets of an upstream by its key.
    pub fn upstream(&self, key: &str) -> Option<&[TargetEndpoints]> {
        let index = self.upstreams.binary_search_by(|entry| (*entry.upstream).cmp(key)).ok()?;
        self.upstreams.get(index).map(|entry| &entry.targets[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_found_by_its_key_only() {
        let endpoints = Endpoints {
            upstreams: ["a", "c"]
                .map(|name| UpstreamEndpoints { upstream: name.into(), targets: Vec::new() })
                .into(),
        };
        assert!(endpoints.upstream("a").is_some());
        assert!(endpoints.upstream("b").is_none());
        assert!(endpoints.upstream("c").is_some());
    }
}
