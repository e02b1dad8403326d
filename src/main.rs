//! The `ringgate` binary: parses arguments, runs, turns an error into an exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringgate::cli::run(std::env::args_os())
}
