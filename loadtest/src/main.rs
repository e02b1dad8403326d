//! `ringgate-loadtest`: arguments in, exit code out; everything else is the library.

use std::process::ExitCode;

/// Reports and templates allocate in passing; per-thread heaps keep that off the other threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ringgate_loadtest::cli::main(std::env::args_os())
}
