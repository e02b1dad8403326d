//! `ringgate check`: is this configuration valid? Runs the whole way to a snapshot.

use std::path::Path;
use std::process::ExitCode;

use crate::control::functions::readiness;
use crate::snapshot::compile;

/// Prints one line to standard output when it is, every problem to standard error when it is not.
pub(super) fn check(config: Option<&Path>) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    // Unpacked and thrown away: whether it can be unpacked is not told by a zip's directory.
    let codes = match super::runtimes::unpacked(&model) {
        Ok(codes) => codes,
        Err(code) => return code,
    };
    // The host that serves may have what this one lacks.
    for ready in readiness(&model.functions, &codes) {
        if let Err(error) = ready.runs_by {
            eprintln!("warning: function {}: {error}", ready.function);
        }
    }
    let snapshot = compile(&model, 1, 0);
    let routes = snapshot.apis.iter().map(|api| api.routes.len()).sum();
    let file = model.warnings.source().file().display();
    let mut nouns = vec![
        count(snapshot.apis.len(), "API"),
        count(routes, "route"),
        count(snapshot.upstreams.len(), "upstream"),
    ];
    if !snapshot.functions.is_empty() {
        nouns.push(count(snapshot.functions.len(), "function"));
    }
    println!("{file} is valid: {}", nouns.join(", "));
    ExitCode::SUCCESS
}

fn count(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
