//! The back end of the proxy cases: nginx on cores of its own, serving three fixed bodies.
//!
//! Nginx because it is fast enough never to be what limits a proxy on one core, and the same for all.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cases::{Payload, SMALL_BODY};
use crate::http;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::process::Process;
use crate::proxies;

/// A running back end.
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// What nginx says of its version.
    pub(crate) version: String,
    _process: Process,
}

impl Backend {
    /// Starts it on `cores` with files in `folder`, and checks each body once.
    pub(crate) fn start(
        options: &Options,
        cores: &[usize],
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let binary = proxies::on_path("nginx", options.nginx.as_deref())
            .context("the back end of the comparison is nginx")?;
        let listen = proxies::free_address()?;
        let file = |name: &str| folder.join(name);
        fs::write(file("nginx.conf"), configuration(listen, cores.len(), folder))
            .context("cannot write the back end's configuration")?;
        for payload in [Payload::Medium, Payload::Large] {
            fs::write(file(payload.path().trim_start_matches('/')), payload.body())
                .context("cannot write the back end's bodies")?;
        }
        let prefix = folder.display().to_string();
        let config = file("nginx.conf").display().to_string();
        let arguments = ["-p", &prefix, "-e", "stderr", "-c", &config].map(String::from);
        let mut process = Process::start(&binary, &arguments, cores, file("output.log"))?;
        proxies::wait_until_it_answers(&mut process, listen, interrupt)
            .context("the back end did not start")?;
        for payload in Payload::ALL {
            http::check(listen, None, &[(payload.path().into(), payload.body())])
                .context("the back end does not answer as it should")?;
        }
        let version = proxies::first_line(&binary, &["-v"])?;
        Ok(Self { listen, version, _process: process })
    }
}

fn configuration(listen: SocketAddr, workers: usize, folder: &Path) -> String {
    let root = folder.display();
    format!(
        r#"daemon off;
worker_processes {workers};
worker_rlimit_nofile 65536;
error_log stderr error;
pid nginx.pid;
events {{
  worker_connections 16384;
  multi_accept on;
}}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16 inactive=600s;
  open_file_cache_valid 600s;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  etag off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen {listen} backlog=4096;
    root {root};
    location = {small} {{ return 200 "{SMALL_BODY}"; }}
    location / {{ }}
  }}
}}
"#,
        small = Payload::Small.path(),
    )
}
