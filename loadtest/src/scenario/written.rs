//! A scenario file as written: the keys of the TOML, with their places. The doc comments are the
//! reference (`docs/loadtest.md` follows them). Nothing is checked here beyond types.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenScenario {
    /// The URL under test. Its path, if any, stands before the paths of the requests.
    pub target: Option<Spanned<String>>,
    /// Connections kept open, over all threads. Default 64.
    pub connections: Option<Spanned<i64>>,
    /// Threads, each with a ring of its own. Default 1, which is enough for most services.
    pub threads: Option<Spanned<i64>>,
    /// How long to load: `"10s"`. Default 10 s unless `requests` is given. Not with `[[stage]]`.
    pub duration: Option<Spanned<String>>,
    /// How many requests to send in all; the run ends when they are answered.
    pub requests: Option<Spanned<i64>>,
    /// How long at the beginning nothing is counted. Default none.
    pub warmup: Option<Spanned<String>>,
    /// Open loop: requests per second, `1000` or `"5k"`. Absent: closed loop. With stages: the rate
    /// that the first stage begins with.
    pub rate: Option<Spanned<Value>>,
    /// Requests under way on one connection at a time. Default 1.
    pub pipelining: Option<Spanned<i64>>,
    /// `false`: a new connection for each request. Default `true`.
    pub keep_alive: Option<bool>,
    /// The longest a request may take, from when it is sent. Default 10 s.
    pub timeout: Option<Spanned<String>>,
    /// The longest a connection may take to be made. Default 5 s.
    pub connect_timeout: Option<Spanned<String>>,
    /// Draw the same random values again. Default: another seed each run.
    pub seed: Option<u64>,
    /// What must be reached, such as `["p99 < 20ms", "errors < 0.1%"]`.
    #[serde(default)]
    pub objectives: Vec<Spanned<String>>,
    /// Fields sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<Value>>,
    /// How to speak TLS; for `https` targets.
    pub tls: Option<WrittenTls>,
    /// Lists for `{{choose name}}` and `{{cycle name}}`.
    #[serde(default)]
    pub lists: BTreeMap<String, Spanned<Value>>,
    /// Stages, one after the other.
    #[serde(default)]
    pub stage: Vec<Spanned<WrittenStage>>,
    /// Requests, drawn by weight. None: `GET` of the target itself.
    #[serde(default)]
    pub request: Vec<Spanned<WrittenRequest>>,
}

/// `[tls]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenTls {
    /// `true`: accept whatever certificate is shown. Default `false`.
    #[serde(default)]
    pub insecure: bool,
    /// A PEM file with the roots to trust instead of the system's.
    pub ca: Option<Spanned<String>>,
    /// The name to ask for and to verify, when it is not the target's host.
    pub server_name: Option<Spanned<String>>,
}

/// `[[stage]]`: the load moves in a straight line to what the stage says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenStage {
    /// How long the stage lasts.
    pub duration: Spanned<String>,
    /// Requests per second at its end (open loop).
    pub rate: Option<Spanned<Value>>,
    /// Requests per second at its beginning; default: where the stage before ended.
    pub from: Option<Spanned<Value>>,
    /// Busy connections at its end (closed loop).
    pub connections: Option<Spanned<i64>>,
}

/// `[[request]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRequest {
    /// The name in reports. Default: method and path.
    pub name: Option<String>,
    /// How often it is drawn, relative to the others. Default 1.
    pub weight: Option<Spanned<i64>>,
    /// Default `GET`, or `POST` when there is a body.
    pub method: Option<Spanned<String>>,
    /// Path and query; templates welcome. Default `/`.
    pub path: Option<Spanned<String>>,
    /// Fields; templates welcome. A list of values sends the field several times.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<Value>>,
    /// The body; templates welcome.
    pub body: Option<Spanned<String>>,
    /// A file with the body, sent as it is. Relative to the scenario file.
    pub body_file: Option<Spanned<String>>,
    /// A file with the body, as a template.
    pub body_template: Option<Spanned<String>>,
    /// What the answer must be. Default: a status from 200 to 399.
    pub expect: Option<WrittenExpect>,
}

/// `[request.expect]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenExpect {
    /// `200`, `"2xx"`, `"200-204"`, or a list of these.
    pub status: Option<Spanned<Value>>,
    /// Text that the body must contain, within its first MiB.
    pub body_contains: Option<Spanned<String>>,
    /// The whole body.
    pub body_equals: Option<Spanned<String>>,
}
