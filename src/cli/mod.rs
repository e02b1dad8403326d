//! The commands: arguments in, exit codes out.
//!
//! 0: done. 1: it went wrong while running. 2: the arguments or the configuration are wrong, and the
//! messages say where.

mod adopt;
mod apply;
mod check;
mod diff;
mod doctor;
mod explain;
mod export;
mod history;
mod problems;
mod remote;
mod routes;
mod runtimes;
mod serve;
mod shown;
mod store;
mod worker_exec;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::model::{self, Model};

pub use problems::{print as print_problems, render as render_problems};
pub use routes::table as routes_table;

/// An API gateway with Amazon API Gateway's model, on io_uring, one reactor per core.
#[derive(Debug, Parser)]
#[command(name = "ringgate", version)]
struct Arguments {
    /// Configuration file [default: config/ringgate.toml when there is one, else a built-in default]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve requests (the default command)
    Serve,
    /// Validate the configuration: exit status 0, or 2 with every problem and its place. With a PATH also
    /// the APIs of files, and the mistakes in their mapping templates
    Check(check::Options),
    /// Print the compiled routes: API, method, path, integration, phases
    Routes,
    /// List the interpreters and clients for functions that this host has, and which declared functions run
    Runtimes(runtimes::Options),
    /// List what this host must offer, with the number found, the number needed and the fix
    Doctor,
    /// Say what happens to a request, phase by phase, without sending anything
    Explain(Box<explain::Options>),
    /// Back up, restore or check the store of `[store]`, also while the gateway runs
    #[command(subcommand)]
    Store(store::Command),
    /// Write what the management API holds as TOML, for `ringgate apply`
    Export(export::Options),
    /// Make the running gateway what TOML files declare, after showing the difference
    Apply(apply::Options),
    /// Show what is edited and not deployed
    #[command(subcommand)]
    Diff(diff::Command),
    /// List the latest changes of the management API: who, when, what
    History(history::HistoryOptions),
    /// Take a change of the management API back
    Undo(history::UndoOptions),
    /// Read the APIs of another gateway into TOML files
    #[command(subcommand)]
    Adopt(adopt::Command),
    /// Take a worker's limits and become the program that follows; what `serve` starts functions with
    #[command(hide = true)]
    WorkerExec(worker_exec::Arguments),
}

/// The exit status for a wrong configuration.
pub const EXIT_CONFIGURATION: u8 = 2;

/// Parses the arguments and runs the command.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, to standard output and with status 0. A closed
            // pipe is not worth a message.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let config = arguments.config.as_deref();
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(config),
        Command::Check(options) => check::check(config, &options),
        Command::Routes => routes::routes(config),
        Command::Runtimes(options) => runtimes::runtimes(config, &options),
        Command::Doctor => doctor::doctor(config),
        Command::Explain(options) => explain::explain(config, &options),
        Command::WorkerExec(arguments) => worker_exec::worker_exec(arguments),
        Command::Store(command) => store::store(config, &command),
        Command::Export(options) => export::export(config, &options),
        Command::Apply(options) => apply::apply(config, &options),
        Command::Diff(command) => diff::diff(config, &command),
        Command::History(options) => history::history(config, &options),
        Command::Undo(options) => history::undo(config, &options),
        Command::Adopt(command) => adopt::adopt(&command),
    }
}

/// Loads the configuration, printing its problems and warnings to standard error.
pub(crate) fn load(config: Option<&Path>) -> Result<Model, ExitCode> {
    match model::load(config) {
        Ok(model) => {
            print_problems(&model.warnings);
            Ok(model)
        }
        Err(problems) => {
            print_problems(&problems);
            Err(ExitCode::from(EXIT_CONFIGURATION))
        }
    }
}
