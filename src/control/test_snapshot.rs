//! Snapshots for the tests of this folder, made the way the real ones are.

use crate::model::{Model, parse};
use crate::snapshot::{
    Balance, Retry, RetryOn, Snapshot, Target, Upstream, UpstreamLimits, UpstreamTimeouts, compile,
};
use std::path::Path;
use std::time::Duration;

/// Two shards, one plain listener and a management listener on ports of the kernel's choice.
pub(super) const CONFIGURATION: &str = r#"
[server]
listen = ["127.0.0.1:0"]
shards = 2
[server.timeouts]
drain = "1s"
[management]
listen = "127.0.0.1:0"
[store]
url = "memory"
[[api]]
name = "hello"
protocol = "http"
[[api.route]]
route = "GET /hello"
integration = { type = "mock", status = 200, body = "hello" }
"#;

/// The model of [`CONFIGURATION`].
pub(super) fn model() -> Model {
    parse(Path::new("test.toml"), CONFIGURATION.to_owned()).unwrap()
}

/// A snapshot with these upstreams and nothing else.
pub(super) fn snapshot(version: u64, upstreams: Vec<Upstream>) -> Snapshot {
    Snapshot { upstreams, ..compile(&model(), version, 0) }
}

/// A plain upstream; `key` is `name#fingerprint`, `targets` are `host:port`.
pub(super) fn upstream(key: &str, targets: &[&str]) -> Upstream {
    let second = Duration::from_secs(1);
    Upstream {
        key: key.into(),
        name: key.split('#').next().unwrap().into(),
        targets: targets
            .iter()
            .map(|address| {
                let (host, port) = address.rsplit_once(':').unwrap();
                Target {
                    host: host.trim_matches(['[', ']']).into(),
                    port: port.parse().unwrap(),
                    address: (*address).into(),
                    weight: 1,
                    authority: (*address).into(),
                }
            })
            .collect(),
        balance: Balance::RoundRobin,
        tls: None,
        timeouts: UpstreamTimeouts { connect: second, body_idle: second, idle: second },
        limits: UpstreamLimits { connections_max: 10, pending_max: 10 },
        health: None,
        eject: None,
        retry: Retry { attempts: 1, budget: 0.0, on: RetryOn::default() },
    }
}
