//! Ringgate's configuration: one shard, everything else as it ships.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Configuration, Setup};
use crate::cases::{Job, SMALL_BODY, route_body, route_path};
use crate::certificate::NAME;
use crate::options::Options;

pub(super) fn configuration(setup: &Setup<'_>) -> Configuration {
    let path = setup.folder.join("ringgate.toml");
    Configuration {
        arguments: vec!["serve".into(), "--config".into(), path.display().to_string()],
        files: vec![("ringgate.toml", file(setup))],
    }
}

fn file(setup: &Setup<'_>) -> String {
    let head = head(setup);
    match setup.job {
        Job::Fixed | Job::FixedTls => head + &mock_route("/fixed", SMALL_BODY),
        Job::Routes { count } => (0..count)
            .map(|index| mock_route(&route_path(index), &route_body(index)))
            .fold(head, |file, route| file + &route),
        Job::Proxy(_) => {
            format!(
                r#"{head}
[[api.route]]
route = "GET /{{proxy+}}"
integration = {{ type = "http_proxy", upstream = "backend" }}

[[upstream]]
name = "backend"
targets = ["{}"]
"#,
                setup.backend
            )
        }
    }
}

/// Everything above the routes. The store is in memory and the management listener out of the way:
/// neither has a part in a request.
fn head(setup: &Setup<'_>) -> String {
    let listen = setup.listen;
    let listeners = if setup.job.is_tls() {
        let (chain, key) = (setup.certificate.chain.display(), setup.certificate.key.display());
        format!(
            r#"listen = []
shards = 1

[[server.tls]]
listen = ["{listen}"]

[[certificate]]
domains = ["{NAME}"]
cert = "{chain}"
key = "{key}"
"#
        )
    } else {
        format!("listen = [\"{listen}\"]\nshards = 1\n")
    };
    format!(
        r#"[server]
{listeners}
[management]
listen = "127.0.0.1:0"

[store]
url = "memory"

[[api]]
name = "peers"
protocol = "http"
base_path = "/"
"#
    )
}

fn mock_route(path: &str, body: &str) -> String {
    format!(
        r#"
[[api.route]]
route = "GET {path}"
integration = {{ type = "mock", status = 200, headers = {{ content-type = "text/plain" }}, body = "{body}" }}
"#
    )
}

/// One of the two configurations that the swap alternates between: `/fixed` answers `body`, and
/// `routes` others are there to be compiled.
pub(crate) fn swap_config(setup: &Setup<'_>, body: &str, routes: u32) -> String {
    (1..routes)
        .map(|index| mock_route(&route_path(index), &route_body(index)))
        .fold(head(setup) + &mock_route("/fixed", body), |file, route| file + &route)
}

/// The binary given, or the release build, brought up to date first.
pub(super) fn locate(options: &Options) -> Result<PathBuf> {
    if options.ringgate.is_some() {
        return super::on_path("ringgate", options.ringgate.as_deref());
    }
    release_binary("ringgate", "ringgate", options)
}

/// Builds a binary of this workspace as it is released, unless told not to, and says where it lies.
pub(crate) fn release_binary(package: &str, name: &str, options: &Options) -> Result<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace has no root")?;
    if !options.no_build {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .current_dir(root)
            .args(["build", "--release", "--package", package, "--bin", name])
            .status()
            .context("cannot run cargo")?;
        if !status.success() {
            bail!("`cargo build --release --package {package} --bin {name}` failed");
        }
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    super::on_path(name, Some(&root.join(target).join("release").join(name)))
}
