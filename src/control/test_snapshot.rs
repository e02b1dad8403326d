//! Snapshots for the tests of this folder, made the way the real ones are.

use crate::model::{
    Aws, Buffers, Forwarding, Limits, Log, LogFormat, Management, Model, Ring, Server, Store,
    Timeouts,
};
use crate::snapshot::{
    Balance, Retry, RetryOn, Snapshot, Target, Upstream, UpstreamLimits, UpstreamTimeouts, compile,
};
use std::time::Duration;

/// A model that declares nothing.
pub(super) fn model() -> Model {
    let second = Duration::from_secs(1);
    Model {
        file: None,
        server: Server {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            tls_listen: Vec::new(),
            shards: Some(2),
            trusted_proxies: Vec::new(),
            forwarding: Forwarding::Both,
            limits: Limits {
                request_line_bytes_max: 8192,
                head_bytes_max: 8192,
                field_count_max: 100,
                body_bytes_max: 1 << 20,
                requests_per_connection_max: None,
                connections_per_shard_max: 1000,
            },
            timeouts: Timeouts {
                head: second,
                body_idle: second,
                keep_alive: second,
                send_idle: second,
                handshake: second,
                drain: second,
            },
        },
        ring: Ring {
            entries: 512,
            client_buffers: Buffers { count: 256, buffer_bytes: 4096 },
            upstream_buffers: Buffers { count: 128, buffer_bytes: 32768 },
            linger: Duration::ZERO,
        },
        log: Log { level: "info".to_owned(), format: LogFormat::Text },
        certificates: Vec::new(),
        management: Management { listen: "127.0.0.1:0".parse().unwrap(), credentials: Vec::new() },
        aws: Aws {
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            domain_suffixes: vec!["localhost".to_owned()],
            endpoints: Default::default(),
        },
        store: Store { url: "memory".to_owned() },
        upstreams: Vec::new(),
        apis: Vec::new(),
    }
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
