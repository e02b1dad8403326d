//! Debian's `wrk`: its arguments, its Lua scripts, its output.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Errors, Load, Measured, REQUEST_LIMIT_SECONDS, origin, write};
use crate::cases::{Job, route_path};

/// Begins the line that the script prints for us.
const RESULT: &str = "peers-result ";

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

/// Writes wrk's script and says with which arguments to run it.
pub(super) fn prepare(load: &Load, threads: u32, folder: &Path) -> Result<Vec<String>> {
    let script = match load.job {
        Job::Fixed | Job::FixedTls | Job::Proxy(_) => DONE_SCRIPT.to_owned(),
        Job::Routes { count } => {
            let lines: String = (0..count).map(|index| route_path(index) + "\n").collect();
            let paths = write(folder, "paths", &lines)?;
            // Rust's quoting of a path without control characters is Lua's, too.
            ROUTES_SCRIPT.replace("PATHS", &format!("{paths:?}")) + DONE_SCRIPT
        }
    };
    let script = write(folder, "load.lua", &script)?;
    let (path, _) = load.job.probe(0);
    Ok(vec![
        format!("-t{threads}"),
        format!("-c{}", load.connections),
        format!("-d{}s", load.seconds),
        "--timeout".into(),
        format!("{REQUEST_LIMIT_SECONDS}s"),
        "-s".into(),
        script,
        origin(load) + &path,
    ])
}

/// Reads the line of figures out of wrk's output.
pub(super) fn parse(output: &str) -> Result<Measured> {
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
    let mut errors = Vec::new();
    for kind in ["connect", "read", "write", "status", "timeout"] {
        // Counts far below 2^53, printed without a fraction: nothing is lost.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let count = figure(kind)? as u64;
        errors.push((kind.to_owned(), count));
    }
    Ok(Measured {
        requests: figure("requests")?,
        seconds: figure("duration_us")? / 1e6,
        bytes: figure("bytes")?,
        p50_us: figure("p50_us")?,
        p99_us: figure("p99_us")?,
        max_us: figure("max_us")?,
        errors: Errors::of(errors),
    })
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
        assert_eq!((measured.p50_us, measured.p99_us, measured.max_us), (310.0, 990.0, 12_000.0));
        let errors = "1 connect, 2 read, 4 status, 5 timeout, 3 write";
        assert_eq!(measured.errors.to_string(), errors);
    }

    #[test]
    fn a_run_without_a_result_line_is_refused() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
    }

    #[test]
    fn a_figure_that_is_missing_or_no_number_is_refused() {
        assert!(parse(&GOOD.replace("p99_us=990 ", "")).is_err());
        assert!(parse(&GOOD.replace("p99_us=990", "p99_us=nan")).is_err());
        assert!(parse(&GOOD.replace("timeout=5", "timeout=-5")).is_err());
    }
}
