//! The load generator: closed loop over keep-alive connections, as hard as the proxy can take it.
//!
//! Whatever drives the load (`wrk`, or ringgate's own load tester), the same [`Measured`] comes of it.

mod loadtest;
mod wrk;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::cases::Job;
use crate::certificate::{Certificate, NAME};
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::process::Process;
use crate::proxies;

/// How long a request may take before it counts as an error.
const REQUEST_LIMIT_SECONDS: u32 = 10;

/// How much longer than asked for the load generator may run.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Which load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Generator {
    /// Debian's `wrk`.
    Wrk,
    /// This project's `ringgate-loadtest`.
    Ringgate,
}

/// A load generator that is there, on its cores.
pub(crate) struct LoadTool {
    generator: Generator,
    binary: PathBuf,
    cores: Vec<usize>,
    folder: PathBuf,
    roots: PathBuf,
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

/// Errors that the load generator counted, by its own words for their kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Errors(BTreeMap<String, u64>);

impl Errors {
    /// Only kinds that happened are kept.
    fn of(counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        Self(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// These and those.
    pub(crate) fn and(mut self, others: Self) -> Self {
        for (kind, count) in others.0 {
            *self.0.entry(kind).or_default() += count;
        }
        self
    }

    /// Why a measurement with these must not count; `None` without errors.
    pub(crate) fn fault(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("errors under load: {self}"))
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> =
            self.0.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        out.write_str(&kinds.join(", "))
    }
}

impl LoadTool {
    /// Finds the load generator.
    pub(crate) fn find(
        options: &Options,
        cores: &[usize],
        folder: PathBuf,
        certificate: &Certificate,
    ) -> Result<Self> {
        let given = options.load_binary.as_deref();
        let binary = match options.load {
            Generator::Wrk => proxies::on_path("wrk", given)
                .context("the load generator is wrk (Debian's package `wrk`)")?,
            Generator::Ringgate if given.is_some() => proxies::on_path("ringgate-loadtest", given)?,
            Generator::Ringgate => {
                proxies::release_binary("ringgate-loadtest", "ringgate-loadtest", options)?
            }
        };
        Ok(Self {
            generator: options.load,
            binary,
            cores: cores.to_vec(),
            folder,
            roots: certificate.chain.clone(),
        })
    }

    /// What the load generator calls itself, for the report.
    pub(crate) fn version(&self) -> Result<String> {
        match self.generator {
            // It prints its usage as well, and ends with an error; only the first line counts.
            Generator::Wrk => proxies::first_line(&self.binary, &["-v"]),
            Generator::Ringgate => proxies::first_line(&self.binary, &["--version"]),
        }
    }

    /// Drives one load to its end.
    pub(crate) fn run(&self, load: &Load, interrupt: &Interrupt) -> Result<Measured> {
        let arguments = match self.generator {
            Generator::Wrk => wrk::prepare(load, self.threads(load), &self.folder)?,
            Generator::Ringgate => {
                loadtest::prepare(load, self.threads(load), &self.folder, &self.roots)?
            }
        };
        let log = self.folder.join("load.log");
        let mut process = Process::start(&self.binary, &arguments, &self.cores, log)?;
        let limit = Duration::from_secs(load.seconds.into()) + END_LIMIT;
        let status = process.finish(limit, interrupt).context("the load generator")?;
        let output = process.output()?;
        ensure!(status.success(), "the load generator ended with {status}: {}", output.trim());
        let measured = match self.generator {
            Generator::Wrk => wrk::parse(&output)?,
            Generator::Ringgate => loadtest::parse(&output)?,
        };
        ensure!(
            measured.requests >= 1.0 && measured.seconds > 0.0,
            "the load generator got no answer; errors: {}",
            measured.errors
        );
        Ok(measured)
    }

    /// One thread per core.
    fn threads(&self, load: &Load) -> u32 {
        u32::try_from(self.cores.len()).unwrap_or(u32::MAX).min(load.connections)
    }
}

/// Scheme, host and port. By name where the certificate has one, so that a proxy may choose by it.
fn origin(load: &Load) -> String {
    let port = load.to.port();
    if load.job.is_tls() {
        format!("https://{NAME}:{port}")
    } else {
        format!("http://{}:{port}", load.to.ip())
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::Errors;

    fn errors(counts: &[(&str, u64)]) -> Errors {
        Errors::of(counts.iter().map(|&(kind, count)| (kind.to_owned(), count)))
    }

    #[test]
    fn kinds_that_did_not_happen_are_no_fault() {
        assert_eq!(errors(&[("read", 0), ("status", 0)]).fault(), None);
    }

    #[test]
    fn errors_of_two_runs_add_up() {
        let both = errors(&[("read", 1), ("status", 2)]).and(errors(&[("read", 4)]));
        assert_eq!(both.fault().as_deref(), Some("errors under load: 5 read, 2 status"));
    }
}
