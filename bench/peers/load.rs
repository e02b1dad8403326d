//! The load generator: closed loop over keep-alive connections, as hard as the proxy can take it.
//!
//! `wrk` by now; whatever drives the load, this file makes the same `Measured` of it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::cases::{Job, route_path};
use crate::certificate::NAME;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::process::Process;
use crate::proxies;

/// Begins the line that the script prints for us.
const RESULT: &str = "peers-result ";

/// How long a request may take before it counts as an error.
const REQUEST_LIMIT_SECONDS: u32 = 10;

/// How much longer than asked for the load generator may run.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Prints every figure in full, where wrk's own summary rounds to two or three digits. Defining only
/// `done` leaves wrk's request path untouched by Lua.
const DONE_SCRIPT: &str = r#"
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "peers-result requests=%.0f duration_us=%.0f bytes=%.0f p50_us=%.0f p99_us=%.0f max_us=%.0f " ..
    "connect=%.0f read=%.0f write=%.0f status=%.0f timeout=%.0f\n",
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
"#;

/// Random routes: all requests are formatted before the load starts. Each thread draws its own
/// sequence, the same in every round and for every proxy.
const ROUTES_SCRIPT: &str = r#"
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end
local formatted, count = {}, 0
function init(args)
  math.randomseed(number)
  for path in io.lines(PATHS) do
    count = count + 1
    formatted[count] = wrk.format("GET", path)
  end
end
function request()
  return formatted[math.random(count)]
end
"#;

/// Which load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Generator {
    /// Debian's `wrk`.
    Wrk,
}

/// A load generator that is there, on its cores.
pub(crate) struct LoadTool {
    binary: PathBuf,
    cores: Vec<usize>,
    folder: PathBuf,
}

/// What to drive.
pub(crate) struct Load {
    /// The proxy.
    pub(crate) to: SocketAddr,
    /// What it does, which decides scheme and paths.
    pub(crate) job: Job,
    /// Keep-alive connections.
    pub(crate) connections: u32,
    /// For how long.
    pub(crate) seconds: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Answers received.
    pub(crate) requests: f64,
    /// Seconds it really took.
    pub(crate) seconds: f64,
    /// Bytes received, heads included.
    pub(crate) bytes: f64,
    /// Median latency in microseconds.
    pub(crate) p50_us: f64,
    /// 99th percentile of latency in microseconds.
    pub(crate) p99_us: f64,
    /// Longest latency in microseconds.
    pub(crate) max_us: f64,
    /// What went wrong.
    pub(crate) errors: Errors,
}

/// Errors that the load generator counted, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Errors {
    /// Connections not made.
    pub(crate) connect: u64,
    /// Reads that failed or found the connection closed.
    pub(crate) read: u64,
    /// Writes that failed.
    pub(crate) write: u64,
    /// Answers of status 400 and above.
    pub(crate) status: u64,
    /// Answers that took longer than ten seconds.
    pub(crate) timeout: u64,
}

impl Errors {
    /// All kinds together.
    pub(crate) fn total(self) -> u64 {
        self.connect + self.read + self.write + self.status + self.timeout
    }
}

impl LoadTool {
    /// Finds the load generator and writes its scripts into `folder`.
    pub(crate) fn find(options: &Options, cores: &[usize], folder: &Path) -> Result<Self> {
        let binary = match options.load {
            Generator::Wrk => proxies::on_path("wrk", options.load_binary.as_deref())
                .context("the load generator is wrk (Debian's package `wrk`)")?,
        };
        Ok(Self {
            binary,
            cores: cores.to_vec(),
            folder: folder.to_owned(),
        })
    }

    /// Drives one load to its end.
    pub(crate) fn run(&self, load: &Load, interrupt: &Interrupt) -> Result<Measured> {
        let script = self.folder.join("load.lua");
        fs::write(&script, self.script(load.job)?).context("cannot write the load script")?;
        let mut process = Process::start(
            &self.binary,
            &self.arguments(load, &script),
            &self.cores,
            self.folder.join("load.log"),
        )?;
        let limit = Duration::from_secs(load.seconds.into()) + END_LIMIT;
        let status = process
            .finish(limit, interrupt)
            .context("the load generator")?;
        let output = process.output()?;
        ensure!(
            status.success(),
            "the load generator ended with {status}: {}",
            output.trim()
        );
        parse(&output)
    }

    fn arguments(&self, load: &Load, script: &Path) -> Vec<String> {
        let port = load.to.port();
        // By name where the certificate has one, so that a proxy may choose by server name.
        let (scheme, host) = if load.job.is_tls() {
            ("https", NAME.to_owned())
        } else {
            ("http", load.to.ip().to_string())
        };
        let (path, _) = load.job.probe(0);
        let threads = u32::try_from(self.cores.len())
            .unwrap_or(u32::MAX)
            .min(load.connections);
        vec![
            format!("-t{threads}"),
            format!("-c{}", load.connections),
            format!("-d{}s", load.seconds),
            "--timeout".into(),
            format!("{REQUEST_LIMIT_SECONDS}s"),
            "-s".into(),
            script.display().to_string(),
            format!("{scheme}://{host}:{port}{path}"),
        ]
    }

    fn script(&self, job: Job) -> Result<String> {
        let Job::Routes { count } = job else {
            return Ok(DONE_SCRIPT.to_owned());
        };
        let paths = self.folder.join("paths");
        let lines: String = (0..count).map(|index| route_path(index) + "\n").collect();
        fs::write(&paths, lines).context("cannot write the paths of the routes")?;
        // Rust's quoting of a path without control characters is Lua's, too.
        let paths = format!("{:?}", paths.display().to_string());
        Ok(ROUTES_SCRIPT.replace("PATHS", &paths) + DONE_SCRIPT)
    }
}

/// Reads the line of figures out of wrk's output.
fn parse(output: &str) -> Result<Measured> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(RESULT))
        .with_context(|| format!("the load generator printed no result: {}", output.trim()))?;
    let figure = |name: &str| -> Result<f64> {
        line.split_whitespace()
            .filter_map(|field| field.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
            .and_then(|value| value.parse::<f64>().ok())
            .filter(|value| value.is_finite() && *value >= 0.0)
            .with_context(|| format!("the load generator's result has no good `{name}`: {line}"))
    };
    // Counts far below 2^53, printed without a fraction: nothing is lost.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    let count = |name: &str| figure(name).map(|value| value as u64);
    let measured = Measured {
        requests: figure("requests")?,
        seconds: figure("duration_us")? / 1e6,
        bytes: figure("bytes")?,
        p50_us: figure("p50_us")?,
        p99_us: figure("p99_us")?,
        max_us: figure("max_us")?,
        errors: Errors {
            connect: count("connect")?,
            read: count("read")?,
            write: count("write")?,
            status: count("status")?,
            timeout: count("timeout")?,
        },
    };
    if measured.requests < 1.0 || measured.seconds <= 0.0 {
        bail!("the load generator got no answer: {line}");
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 3s test @ http://127.0.0.1:8080/fixed\n  2 threads and 64 connections\n\
        Requests/sec: 189512.66\nTransfer/sec:     31.45MB\n\
        peers-result requests=570432 duration_us=3010002 bytes=99254 p50_us=310 p99_us=990 \
        max_us=12000 connect=1 read=2 write=3 status=4 timeout=5\n";

    #[test]
    fn the_result_line_is_read_among_wrks_own_summary() {
        let measured = parse(GOOD).expect("a good result");
        assert_eq!(measured.requests, 570_432.0);
        assert_eq!(measured.seconds, 3.010_002);
        assert_eq!(
            (measured.p50_us, measured.p99_us, measured.max_us),
            (310.0, 990.0, 12_000.0)
        );
        let errors = Errors {
            connect: 1,
            read: 2,
            write: 3,
            status: 4,
            timeout: 5,
        };
        assert_eq!(measured.errors, errors);
        assert_eq!(errors.total(), 15);
    }

    #[test]
    fn a_run_without_a_result_line_is_refused() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
    }

    #[test]
    fn a_run_without_a_single_answer_is_refused() {
        assert!(parse(&GOOD.replace("requests=570432", "requests=0")).is_err());
        assert!(parse(&GOOD.replace("requests=570432", "requests=1")).is_ok());
    }

    #[test]
    fn a_figure_that_is_missing_or_no_number_is_refused() {
        assert!(parse(&GOOD.replace("p99_us=990 ", "")).is_err());
        assert!(parse(&GOOD.replace("p99_us=990", "p99_us=nan")).is_err());
        assert!(parse(&GOOD.replace("timeout=5", "timeout=-5")).is_err());
    }
}
