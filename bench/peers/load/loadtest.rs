//! Ringgate's own load tester: the scenario it gets, and the figures in its JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Errors, Load, Measured, REQUEST_LIMIT_SECONDS, origin, write};
use crate::cases::{FIRST_ROUTE, Job};
use crate::certificate::NAME;

/// The parts of its report that matter here.
#[derive(Deserialize)]
struct Report {
    window_s: f64,
    answered: u64,
    received_bytes: u64,
    latency: Summary,
    failures: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Summary {
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

/// Writes the scenario and says with which arguments to run it.
pub(super) fn prepare(
    load: &Load,
    threads: u32,
    folder: &Path,
    roots: &Path,
) -> Result<Vec<String>> {
    let scenario = write(folder, "scenario.toml", &scenario(load, threads, roots))?;
    Ok(vec!["run".into(), scenario, "--quiet".into(), "--json".into(), "-".into()])
}

fn scenario(load: &Load, threads: u32, roots: &Path) -> String {
    let path = match load.job {
        // The same random sequence in every round and for every proxy: the seed is fixed.
        Job::Routes { count } => {
            format!("/route/{{{{random {FIRST_ROUTE} {}}}}}", FIRST_ROUTE + count - 1)
        }
        Job::Fixed | Job::FixedTls | Job::Proxy(_) => load.job.probe(0).0,
    };
    let tls = if load.job.is_tls() {
        format!("[tls]\nca = \"{}\"\nserver_name = \"{NAME}\"\n", roots.display())
    } else {
        String::new()
    };
    format!(
        r#"target = "{}"
connections = {}
threads = {threads}
duration = "{}s"
timeout = "{REQUEST_LIMIT_SECONDS}s"
seed = 1
{tls}
[[request]]
path = "{path}"
expect = {{ status = [200] }}
"#,
        origin(load),
        load.connections,
        load.seconds
    )
}

/// Reads the report, which stands alone on standard output; warnings may surround it.
pub(super) fn parse(output: &str) -> Result<Measured> {
    let begin = output.find("{\n").context("the load tester printed no report")?;
    let mut reports = serde_json::Deserializer::from_str(&output[begin..]).into_iter::<Report>();
    let report = reports
        .next()
        .context("the load tester printed no report")?
        .context("the load tester's report is not as expected")?;
    Ok(Measured {
        requests: report.answered as f64,
        seconds: report.window_s,
        bytes: report.received_bytes as f64,
        p50_us: report.latency.p50_us as f64,
        p99_us: report.latency.p99_us as f64,
        max_us: report.latency.max_us as f64,
        errors: Errors::of(report.failures),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
  "format": 1,
  "window_s": 2.5,
  "answered": 1000,
  "received_bytes": 175000,
  "latency": {"count": 1000, "p50_us": 300, "p99_us": 900, "max_us": 5000},
  "failures": {"reset": 2},
  "series": []
}
"#;

    #[test]
    fn the_report_is_read_with_whatever_else_was_printed() {
        let measured = parse(&format!("a warning\n{GOOD}another\n")).expect("a good report");
        assert_eq!((measured.requests, measured.seconds), (1000.0, 2.5));
        assert_eq!((measured.p50_us, measured.p99_us, measured.max_us), (300.0, 900.0, 5000.0));
        assert_eq!(measured.errors.to_string(), "2 reset");
    }

    #[test]
    fn a_report_that_lacks_a_figure_is_refused() {
        assert!(parse(&GOOD.replace("window_s", "window")).is_err());
        assert!(parse("nothing").is_err());
    }

    #[test]
    fn random_routes_stay_among_those_configured() {
        let load = Load {
            to: ([127, 0, 0, 1], 8080).into(),
            job: Job::Routes { count: 10 },
            connections: 64,
            seconds: 3,
        };
        let scenario = scenario(&load, 2, Path::new("/nowhere"));
        assert!(scenario.contains("path = \"/route/{{random 10000 10009}}\""), "{scenario}");
    }
}
