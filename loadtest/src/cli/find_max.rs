//! `find-max`: steps at rising rates, each printed as it ends.

use super::Refusal;
use super::arguments::{LoadArguments, finish};
use super::run::{Bar, print, write_json};
use crate::find_max::{Held, Search, Step, search};
use crate::host;
use crate::objective::Objective;
use crate::report::Report;
use crate::units::{self, write_microseconds, write_rate, write_share};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct FindMaxArguments {
    #[command(flatten)]
    load: LoadArguments,
    /// Rate of the first step.
    #[arg(long, value_parser = units::rate, default_value = "500")]
    from: f64,
    /// Never above this rate.
    #[arg(long = "max-rate", value_parser = units::rate, default_value = "10M")]
    rate_max: f64,
    /// How close to come to the limit.
    #[arg(long, value_parser = units::share, default_value = "5%")]
    precision: f64,
    /// Write all steps as JSON; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// No progress, even on a terminal.
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// A step long enough for a p99 at a hundred requests a second.
const STEP_DEFAULT: Duration = Duration::from_secs(5);
/// The beginning of a step still carries what the last one left behind.
const WARMUP_DEFAULT: Duration = Duration::from_millis(500);
/// What "holds" means when nobody says it.
const OBJECTIVES_DEFAULT: [&str; 2] = ["p99 < 20ms", "errors < 0.1%"];

pub(super) fn run(arguments: &FindMaxArguments) -> Result<ExitCode, Refusal> {
    // A first draft to see what is wrong with it before anything runs.
    let draft = arguments.load.draft()?;
    if !draft.rate_stages.is_empty() || !draft.connection_stages.is_empty() {
        return Err(Refusal::Usage(
            "find-max has its own stages: remove [[stage]] from the scenario or give --duration, \
             the length of a step"
                .to_owned(),
        ));
    }
    let interrupted = host::watch_interrupts().map_err(|error| Refusal::Host(error.to_string()))?;
    let bar = Bar::new(arguments.quiet);
    let json_to_stdout = arguments.json.as_ref().is_some_and(|file| file.as_os_str() == "-");
    let say = |text: &str| {
        if !json_to_stdout {
            print(text);
        }
    };
    say(&format!(
        "{:>12}{:>12}{:>11}{:>11}{:>11}{:>10}\n",
        "rate", "answered", "p50", "p99", "max", "errors"
    ));
    let step = |rate: f64| -> Result<Option<Report>, Refusal> {
        let mut draft = arguments.load.draft()?;
        draft.rate = Some(rate);
        draft.duration.get_or_insert(STEP_DEFAULT);
        draft.warmup.get_or_insert(WARMUP_DEFAULT);
        if draft.objectives.is_empty() {
            draft.objectives = OBJECTIVES_DEFAULT
                .iter()
                .filter_map(|objective| objective.parse::<Objective>().ok())
                .collect();
        }
        let scenario = finish(draft)?;
        let outcome = crate::run::run(&scenario, &interrupted, &mut |progress| bar.show(progress))?;
        bar.clear();
        Ok((!outcome.interrupted).then(|| Report::new(&scenario, &outcome)))
    };
    let found = search(
        Search {
            from: arguments.from.max(1.0),
            rate_max: arguments.rate_max.max(1.0),
            precision: arguments.precision.max(0.001),
        },
        step,
        |step| say(&line(step)),
    )?;
    match (found.rate, &found.limited_by) {
        (Some(rate), None) => say(&format!("\nhighest rate that holds: {}/s\n", write_rate(rate))),
        (Some(rate), Some(limit)) => say(&format!(
            "\nat least {}/s hold; what limited the search: {limit}\n",
            write_rate(rate)
        )),
        (None, Some(limit)) => {
            say(&format!("\nno rate was found; what limited the search: {limit}\n"))
        }
        (None, None) => say("\nnot even the lowest rate holds\n"),
    }
    if let Some(file) = &arguments.json {
        write_json(&found, file)?;
    }
    Ok(match (found.rate, found.limited_by.as_deref()) {
        (_, Some("interrupted")) => ExitCode::from(130),
        (Some(_), _) => ExitCode::SUCCESS,
        (None, _) => ExitCode::from(1),
    })
}

fn line(step: &Step) -> String {
    let report = &step.report;
    let verdict = match &step.verdict {
        Held::Yes => "holds".to_owned(),
        Held::No(because) => format!("misses {because}"),
        Held::Unknown(because) => format!("no verdict: {because}"),
    };
    format!(
        "{:>12}{:>12}{:>11}{:>11}{:>11}{:>10}  {verdict}\n",
        format!("{}/s", write_rate(step.rate)),
        format!("{}/s", write_rate(report.rate)),
        write_microseconds(report.latency.p50_us as f64),
        write_microseconds(report.latency.p99_us as f64),
        write_microseconds(report.latency.max_us as f64),
        write_share(report.failed_share)
    )
}
