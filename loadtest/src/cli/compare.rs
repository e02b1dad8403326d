//! `compare`: two results side by side.

use super::Refusal;
use super::run::print;
use crate::report::compare::{Tolerance, Verdict, compare, render};
use crate::report::{FORMAT, Report};
use crate::units;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// The result before the change (JSON of `run`).
    before: PathBuf,
    /// The result after the change.
    after: PathBuf,
    /// Changes up to this share do not count.
    #[arg(long, value_parser = units::share, default_value = "5%")]
    tolerance: f64,
    /// Differences of times up to this do not count, whatever their share.
    #[arg(long, value_parser = units::duration, default_value = "20us")]
    noise: Duration,
}

pub(super) fn run(arguments: &CompareArguments) -> Result<ExitCode, Refusal> {
    let before = read(&arguments.before)?;
    let after = read(&arguments.after)?;
    let tolerance =
        Tolerance { share: arguments.tolerance, noise_us: arguments.noise.as_secs_f64() * 1e6 };
    let rows = compare(&before, &after, tolerance);
    print(&render(&before, &after, &rows));
    Ok(if rows.iter().any(|row| row.verdict == Verdict::Worse) {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

fn read(file: &Path) -> Result<Report, Refusal> {
    let wrong = |because: String| Refusal::Usage(format!("{}: {because}", file.display()));
    let json = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let report: Report = serde_json::from_slice(&json)
        .map_err(|error| wrong(format!("is no result of `ringgate-loadtest run`: {error}")))?;
    if report.format != FORMAT {
        return Err(wrong(format!("has format {}, expected {FORMAT}", report.format)));
    }
    Ok(report)
}
