//! `ringgate check`: is this configuration valid? Runs the whole way to a snapshot.

use std::path::Path;
use std::process::ExitCode;

use crate::snapshot::compile;

/// Prints one line to standard output when it is, every problem to standard error when it is not.
pub(super) fn check(config: Option<&Path>) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    let snapshot = compile(&model, 1, 0);
    let routes = snapshot.apis.iter().map(|api| api.routes.len()).sum();
    let file = model.warnings.source().file().display();
    println!(
        "{file} is valid: {}, {}, {}",
        count(snapshot.apis.len(), "API"),
        count(routes, "route"),
        count(snapshot.upstreams.len(), "upstream"),
    );
    ExitCode::SUCCESS
}

fn count(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
