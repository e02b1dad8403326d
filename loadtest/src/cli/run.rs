//! `run`: one run, its progress, its report.

use super::Refusal;
use super::arguments::{LoadArguments, finish};
use crate::host;
use crate::report::{Report, html, text};
use crate::run::Progress;
use crate::units;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    load: LoadArguments,
    /// Open loop: requests per second, such as 1000 or 5k. Without it a closed loop.
    #[arg(short = 'r', long, value_parser = units::rate)]
    rate: Option<f64>,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// Write the result as JSON; `-` for standard output instead of the text.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the result as one self-contained HTML page with plots.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// No progress, even on a terminal.
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,
}

pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, Refusal> {
    let mut draft = arguments.load.draft()?;
    if arguments.rate.is_some() {
        draft.rate = arguments.rate;
        draft.rate_stages.clear();
        draft.connection_stages.clear();
    }
    let scenario = finish(draft)?;
    let interrupted = host::watch_interrupts().map_err(|error| Refusal::Host(error.to_string()))?;
    let bar = Bar::new(arguments.output.quiet);
    let outcome = crate::run::run(&scenario, &interrupted, &mut |progress| bar.show(progress))?;
    bar.clear();
    let report = Report::new(&scenario, &outcome);
    write_outputs(&report, &arguments.output)?;
    Ok(if report.interrupted {
        ExitCode::from(130)
    } else if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Text to standard output, JSON and HTML to their files.
fn write_outputs(report: &Report, output: &OutputArguments) -> Result<(), Refusal> {
    let json_to_stdout = output.json.as_deref() == Some(Path::new("-"));
    if !json_to_stdout {
        print(&text::render(report, style()));
    }
    if let Some(file) = &output.json {
        write_json(report, file)?;
    }
    if let Some(file) = &output.html {
        write_file(file, html::render(report).as_bytes())?;
    }
    Ok(())
}

/// Colours on a terminal, unless `NO_COLOR` (no-color.org) is set.
pub(super) fn style() -> text::Style {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        text::Style::Coloured
    } else {
        text::Style::Plain
    }
}

/// Prints; a reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

pub(super) fn write_json(value: &impl serde::Serialize, file: &Path) -> Result<(), Refusal> {
    let mut json = serde_json::to_string_pretty(value)
        .map_err(|error| Refusal::Host(format!("the result does not fit JSON: {error}")))?;
    json.push('\n');
    if file == Path::new("-") {
        print(&json);
        return Ok(());
    }
    write_file(file, json.as_bytes())
}

fn write_file(file: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    std::fs::write(file, bytes)
        .map_err(|error| Refusal::Host(format!("cannot write {}: {error}", file.display())))
}

/// Progress on a terminal; nothing elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
}

const BAR_STEPS: u64 = 1000;

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        // indicatif hides itself where standard error is no terminal.
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), target);
        let style = ProgressStyle::with_template("{bar:24} {prefix}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self { bar }
    }

    pub(super) fn show(&self, progress: &Progress) {
        self.bar.set_position((progress.done * BAR_STEPS as f64) as u64);
        self.bar.set_prefix(text::seconds(progress.elapsed));
        self.bar.set_message(text::progress(progress));
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
