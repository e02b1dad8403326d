//! `ringgate worker-exec`: the process that becomes a function's worker.

use crate::control::functions::namespaces::{Files, Level};
use crate::control::functions::spawn::{WorkerExec, become_worker};
use crate::snapshot::function::User;
use std::ffi::OsString;
use std::path::PathBuf;
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
    /// Name spaces of its own; with all of them it tells by standard input, a pipe, how it goes
    #[arg(long)]
    namespaces: Option<Level>,
    /// The folder that is its /tmp
    #[arg(long, requires = "namespaces")]
    temporary: Option<PathBuf>,
    /// Folders below /tmp that it goes on seeing
    #[arg(long, requires = "temporary")]
    keep: Vec<PathBuf>,
    /// The most that its /dev/shm may hold, which is its own then
    #[arg(long, requires = "namespaces")]
    shared_memory: Option<u64>,
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
    let error = become_worker(&WorkerExec {
        parent: arguments.parent,
        user,
        file_bytes_max: arguments.file_bytes,
        is_filtered: !arguments.unfiltered,
        namespaces: arguments.namespaces,
        files: Files {
            temporary: arguments.temporary,
            kept: arguments.keep,
            shared_memory_bytes: arguments.shared_memory,
        },
        program: arguments.program,
    });
    eprintln!("worker-exec: {error}");
    ExitCode::from(EXIT_NOT_EXECUTABLE)
}
