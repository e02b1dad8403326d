//! Nginx's configuration.

use super::{Configuration, Setup};
use crate::cases::{Job, Payload, SMALL_BODY, route_body, route_path};

pub(super) fn configuration(setup: &Setup<'_>) -> Configuration {
    let path = setup.folder.join("nginx.conf");
    Configuration {
        arguments: vec![
            "-p".into(),
            setup.folder.display().to_string(),
            "-e".into(),
            "stderr".into(),
            "-c".into(),
            path.display().to_string(),
        ],
        files: vec![("nginx.conf", file(setup))],
    }
}

fn file(setup: &Setup<'_>) -> String {
    let listen = setup.listen;
    let (mut http, mut listener, locations) = (String::new(), String::new(), locations(setup));
    match setup.job {
        Job::Fixed | Job::Routes { .. } => {}
        Job::FixedTls => {
            let (chain, key) = (setup.certificate.chain.display(), setup.certificate.key.display());
            listener = format!(
                "ssl_certificate {chain};\n    ssl_certificate_key {key};\n    \
                 ssl_protocols TLSv1.3;\n"
            );
        }
        Job::Proxy(_) => {
            // As many idle connections as there can be clients, so that none is ever closed for space.
            http = format!(
                "upstream backend {{\n    server {};\n    keepalive 1024;\n    \
                 keepalive_requests 1000000000;\n    keepalive_timeout 600s;\n  }}\n",
                setup.backend
            );
        }
    }
    let tls = if setup.job.is_tls() { " ssl" } else { "" };
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
error_log stderr error;
pid nginx.pid;
events {{
  worker_connections 16384;
  multi_accept on;
}}
http {{
  access_log off;
  default_type text/plain;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  {http}
  server {{
    listen {listen}{tls} backlog=4096;
    {listener}
{locations}  }}
}}
"#
    )
}

fn locations(setup: &Setup<'_>) -> String {
    match setup.job {
        Job::Fixed | Job::FixedTls => {
            format!("    location = /fixed {{ return 200 \"{SMALL_BODY}\"; }}\n")
        }
        // Exact locations are a search tree in nginx: its fastest form of many routes.
        Job::Routes { count } => (0..count)
            .map(|index| {
                let (path, body) = (route_path(index), route_body(index));
                format!("    location = {path} {{ return 200 \"{body}\"; }}\n")
            })
            .collect(),
        Job::Proxy(payload) => {
            format!(
                "    location / {{\n      proxy_pass http://backend;\n      \
                 proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n\
                 {}    }}\n",
                buffers(payload)
            )
        }
    }
}

/// A body of 16 KiB fits one buffer with its head and is read at once. For 1 MiB one large buffer that
/// is passed on as it fills was 20-40 % cheaper here than nginx's default way of many buffers (which
/// would also write to a file as soon as a client is slow), and 512 KiB cheaper than 64 KiB. The other
/// two sizes are then unused, but nginx refuses to start where they do not fit the first.
fn buffers(payload: Payload) -> &'static str {
    match payload {
        Payload::Small => "",
        Payload::Medium => "      proxy_buffer_size 32k;\n      proxy_buffers 4 32k;\n",
        Payload::Large => {
            "      proxy_buffering off;\n      proxy_buffer_size 512k;\n      \
             proxy_buffers 8 128k;\n      proxy_busy_buffers_size 512k;\n"
        }
    }
}
