//! HAProxy's configuration.

use std::fmt::Write;

use super::{Configuration, Setup};
use crate::cases::{Job, Payload, SMALL_BODY, route_body, route_path};

pub(super) fn configuration(setup: &Setup<'_>) -> Configuration {
    let path = setup.folder.join("haproxy.cfg");
    let mut files = vec![("haproxy.cfg", file(setup))];
    if let Job::Routes { count } = setup.job {
        files.push(("routes.map", map(count)));
    }
    // -db: in the foreground, one process.
    Configuration { arguments: vec!["-db".into(), "-f".into(), path.display().to_string()], files }
}

fn file(setup: &Setup<'_>) -> String {
    let (listen, folder) = (setup.listen, setup.folder.display());
    let tls = if setup.job.is_tls() {
        format!(" ssl crt {} ssl-min-ver TLSv1.3", setup.certificate.bundle.display())
    } else {
        String::new()
    };
    let (tuning, splicing) = match setup.job {
        Job::Proxy(payload) => buffers(payload),
        Job::Fixed | Job::FixedTls | Job::Routes { .. } => ("", ""),
    };
    let rules = match setup.job {
        Job::Fixed | Job::FixedTls => format!(
            "  http-request return status 200 content-type text/plain string \"{SMALL_BODY}\" \
             if {{ path /fixed }}\n"
        ),
        // One look-up in a tree of exact strings, which is what HAProxy has for many routes.
        Job::Routes { .. } => format!(
            "  http-request set-var(txn.answer) path,map_str({folder}/routes.map)\n  \
             http-request return status 200 content-type text/plain lf-string \
             %[var(txn.answer)] if {{ var(txn.answer) -m found }}\n"
        ),
        Job::Proxy(_) => format!(
            "  default_backend backend\n\nbackend backend\n  http-reuse always\n  \
             server first {}\n",
            setup.backend
        ),
    };
    // Strict limits would refuse to start where 15,000 connections with two sockets each are more than
    // the files a process may open; no case here uses both for more than 10,000 at once.
    format!(
        r#"global
  nbthread 1
  maxconn 15000
  no strict-limits
{tuning}
defaults
  mode http
{splicing}  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  timeout http-request 600s

frontend peers
  bind {listen}{tls} backlog 4096
{rules}"#
    )
}

/// Settings of the global and of the defaults section. For 16 KiB a buffer that just holds the answer with
/// its head was the cheapest of 16 (the default, which takes two turns), 20, 32 and 64 KiB; for 1 MiB
/// splicing through pipes of 256 KiB cost a third of copying through default buffers.
fn buffers(payload: Payload) -> (&'static str, &'static str) {
    match payload {
        Payload::Small => ("", ""),
        Payload::Medium => ("  tune.bufsize 20480\n", ""),
        Payload::Large => ("  tune.pipesize 262144\n", "  option splice-response\n"),
    }
}

fn map(count: u32) -> String {
    (0..count).fold(String::new(), |mut map, index| {
        // Writing into a String does not fail.
        let _ = writeln!(map, "{} {}", route_path(index), route_body(index));
        map
    })
}
