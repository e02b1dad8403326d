//! `ringgate worker-exec`: the process that becomes a function's worker.

use crate::control::functions::spawn::{WorkerExec, become_worker};
use crate::snapshot::function::User;
use std::ffi::OsString;
use std::process::ExitCode;

/// What a shell says of a command that cannot be executed.
const EXIT_NOT_EXECUTABLE: u8 = 126;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The process that must still be there
    #[arg(long)]
    parent: i32,
    /// UID:GID to become
    #[arg(long)]
    user: Option<String>,
    /// The largest file that it may write
    #[arg(long)]
    file_bytes: u64,
    /// Let it make every system call
    #[arg(long)]
    unfiltered: bool,
    /// Program and arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// Becomes the program.
pub(super) fn worker_exec(arguments: Arguments) -> ExitCode {
    let user = match arguments.user.map(|user| user.parse::<User>()) {
        None => None,
        Some(Ok(user)) => Some(user),
        Some(Err(())) => {
            eprintln!("worker-exec: --user takes UID:GID");
            return ExitCode::from(super::EXIT_CONFIGURATION);
        }
    };
    let Arguments { parent, file_bytes, unfiltered, program, .. } = arguments;
    let error = become_worker(&WorkerExec {
        parent,
        user,
        file_bytes_max: file_bytes,
        is_filtered: !unfiltered,
        program,
    });
    eprintln!("worker-exec: {error}");
    ExitCode::from(EXIT_NOT_EXECUTABLE)
}
