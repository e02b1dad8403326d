//! `run`, `find-max`, `compare`, `backend`: arguments in, exit codes out.
//!
//! | exit status | when |
//! |---|---|
//! | 0 | done; every objective met |
//! | 1 | an objective was missed, nothing was answered, or a comparison got worse |
//! | 2 | bad arguments or a bad scenario |
//! | 3 | the run could not begin: no ring, no such host, too few descriptors |
//! | 130 | interrupted; what was measured until then is printed |

mod arguments;
mod backend;
mod compare;
mod find_max;
mod run;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Load tester for HTTP services: closed loop, constant rate, honest percentiles.
///
/// `ringgate-loadtest URL` is short for `ringgate-loadtest run URL`.
#[derive(Debug, Parser)]
#[command(name = "ringgate-loadtest", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put load on a URL, or run a scenario file.
    Run(run::RunArguments),
    /// Find the highest rate that still meets the objectives.
    FindMax(find_max::FindMaxArguments),
    /// Compare two results (JSON); exit status 1 when the second is worse.
    Compare(compare::CompareArguments),
    /// A back end that answers, delays and misbehaves as it is told.
    Backend(backend::BackendArguments),
}

/// Why a command ends without a result.
#[derive(Debug)]
enum Refusal {
    /// The user's arguments or files; the text may have several lines. Exit 2.
    Usage(String),
    /// The host. Exit 3.
    Host(String),
}

impl From<crate::run::RunFault> for Refusal {
    fn from(fault: crate::run::RunFault) -> Self {
        Self::Host(fault.to_string())
    }
}

/// Runs the command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(with_short_form(arguments)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap, too, with exit status 0.
            let status = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nobody is left to tell when standard error is gone.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    let done = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::FindMax(arguments) => find_max::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Backend(arguments) => backend::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(Refusal::Usage(text)) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(2)
        }
        Err(Refusal::Host(text)) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(3)
        }
    }
}

/// `ringgate-loadtest URL …` means `ringgate-loadtest run URL …`.
fn with_short_form(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const COMMANDS: [&str; 5] = ["run", "find-max", "compare", "backend", "help"];
    const FLAGS: [&str; 4] = ["-h", "--help", "-V", "--version"];
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(first) = arguments.get(1).and_then(|first| first.to_str())
        && !COMMANDS.contains(&first)
        && !FLAGS.contains(&first)
    {
        arguments.insert(1, OsString::from("run"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_url_alone_is_a_run() {
        let expand =
            |line: &str| -> Vec<OsString> { with_short_form(line.split(' ').map(OsString::from)) };
        assert_eq!(expand("x http://h/ -c 1")[1], "run");
        assert_eq!(expand("x -c 1 http://h/")[1], "run");
        assert_eq!(expand("x compare a b")[1], "compare");
        assert_eq!(expand("x --help")[1], "--help");
    }
}
