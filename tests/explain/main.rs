//! `ringgate explain` from outside. What docs/explain.md shows is what is printed: `UPDATE=1` writes it
//! there anew.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod any;
mod commands;
mod page;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Sunday, 1 March 2026, 10:00 UTC.
const AT: &str = "1772359200";

/// The folder with the files that commands name.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

/// Runs `ringgate explain` with arguments as a shell splits them.
fn explain(arguments: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_ringgate");
    Command::new("sh")
        .arg("-c")
        .arg(format!("exec {binary} explain {arguments}"))
        .current_dir(folder())
        .env("RINGGATE_EXPLAIN_AT", AT)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it prints; it succeeds.
fn printed(arguments: &str) -> String {
    let output = explain(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    assert_eq!(errors, "", "{arguments}");
    String::from_utf8(output.stdout).unwrap()
}
