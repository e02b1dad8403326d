//! Peers: what does one request cost ringgate, and what does it cost the proxies people use today?
//!
//! Runs ringgate, nginx, HAProxy and Envoy one after the other, each with one worker pinned to the same
//! core, against the same back end and the same load generator on other cores, and prints CPU time per
//! request, rate and latency with the ratio to each peer. Rounds are interleaved (A B C D, A B C D, …)
//! because the machines this runs on are noisy: the ratio inside one round is worth more than any
//! figure compared across runs. Knows ringgate only from outside, as one more proxy with a command line
//! and a file.
//!
//! The way of one figure: `cases` says what is measured, `proxies` turns that into each proxy's own
//! configuration, `process` starts it on its core, `http` checks that it answers what it should, `load`
//! drives it, `cpu` reads what it used, `rate`, `idle` and `swap` make figures of that, `report` prints.

mod options;
mod cases;
mod cores;
mod certificate;
mod process;
mod proxies;
mod backend;
mod http;
mod load;
mod cpu;
mod rig;
mod rate;
mod idle;
mod swap;
mod stats;
mod machine;
mod report;
mod interrupt;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::options::Options;

fn main() -> ExitCode {
    // Every child is started through this binary itself; see `process::launch`.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == process::LAUNCH) {
        let error = process::launch(arguments);
        eprintln!("cannot start: {error:#}");
        return ExitCode::from(127);
    }
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; `false` when a case came out invalid.
fn run(options: &Options) -> Result<bool> {
    let proxies = proxies::find(options)?;
    if options.show_configs {
        print!("{}", proxies::show_configs(options, &proxies)?);
        return Ok(true);
    }
    let plan = cases::plan(options, &proxies);
    let rig = rig::Rig::build(options)?;
    let machine = machine::describe(&rig, &proxies);
    println!("{machine}");
    println!("{plan}\n");
    let report = report::Report { machine, plan: plan.summary(), cases: rig.run(&plan, &proxies)? };
    println!("{}", report.text());
    if let Some(path) = &options.json {
        let json =
            serde_json::to_string_pretty(&report).context("cannot write the report as JSON")?;
        std::fs::write(path, json + "\n")
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if let Some(path) = &options.markdown {
        report::markdown::write(&report, path)?;
    }
    Ok(report.is_valid())
}
