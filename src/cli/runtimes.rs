//! `ringgate runtimes`: what runs functions on this host, and whether it is enough for those declared.

use crate::control::functions::{Codes, Readiness, RunsBy, readiness};
use crate::model::{Client, Model};
use crate::runtimes::{Found, MissingClient, Official, Runtime, found, official};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Options {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// An interpreter with the official client that every function finds there.
struct Interpreter {
    runtime: Runtime,
    found: Found,
    official: Result<Official, MissingClient>,
}

/// Prints what there is: exit status 0 when every declared function can be run, else 1.
pub(super) fn runtimes(config: Option<&Path>, options: &Options) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    let codes = match unpacked(&model) {
        Ok(codes) => codes,
        Err(code) => return code,
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let interpreters: Vec<Interpreter> =
        found(&path).into_iter().filter_map(|(runtime, found)| look_at(runtime, found)).collect();
    let functions = readiness(&model.functions, &codes);
    match options.json {
        true => super::shown::print(&format!("{:#}\n", as_json(&interpreters, &functions))),
        false => super::shown::print(&as_text(&interpreters, &functions)),
    }
    match functions.iter().all(|function| function.runs_by.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The code of a file's functions, unpacked for as long as the result lives.
pub(super) fn unpacked(model: &Model) -> Result<Codes, ExitCode> {
    let sources: Vec<_> = model.functions.iter().map(|function| function.code.clone()).collect();
    let codes = Codes::default();
    codes.take_in_file(&sources).map(|()| codes).map_err(|problems| {
        for problem in problems {
            eprintln!("error: {problem}");
        }
        ExitCode::from(super::EXIT_CONFIGURATION)
    })
}

fn look_at(runtime: Runtime, found: Found) -> Option<Interpreter> {
    // In a folder without anything: what a function brings along is told with the function.
    let official = official(runtime.language()?, &found, Path::new("/"), &[]);
    Some(Interpreter { runtime, found, official })
}

fn as_text(interpreters: &[Interpreter], functions: &[Readiness]) -> String {
    let mut rows = vec![["RUNTIME", "VERSION", "PATH", "OFFICIAL CLIENT"].map(str::to_owned)];
    rows.extend(interpreters.iter().map(|it| {
        let client = match &it.official {
            Ok(official) => format!("{} {}", official.name, official.version),
            Err(missing) => format!("no {}", missing.name),
        };
        [it.runtime.to_string(), version(&it.found), it.found.path.display().to_string(), client]
    }));
    let mut text = match interpreters.is_empty() {
        true => "No interpreter is found in PATH.\n".to_owned(),
        false => super::shown::columns(&rows),
    };
    if functions.is_empty() {
        return text;
    }
    let mut rows = vec![["FUNCTION", "RUNTIME", "CLIENT", "RUN BY"].map(str::to_owned)];
    rows.extend(functions.iter().map(|it| {
        let client = match &it.runs_by {
            Ok(RunsBy::Bootstrap(_)) => "its own",
            _ => client_word(it.client),
        };
        let by = match &it.runs_by {
            Ok(RunsBy::Bootstrap(path)) => path.display().to_string(),
            Ok(RunsBy::Loop(found)) => interpreter_words(found),
            Ok(RunsBy::Official(found, official)) => {
                format!("{} with {}", interpreter_words(found), official.path.display())
            }
            Err(_) => "nothing: see below".to_owned(),
        };
        [it.function.clone(), it.runtime.clone(), client.to_owned(), by]
    }));
    text.push('\n');
    text.push_str(&super::shown::columns(&rows));
    for function in functions {
        if let Err(error) = &function.runs_by {
            text.push_str(&format!("\nfunction {}: {error}\n", function.function));
        }
    }
    text
}

fn interpreter_words(found: &Found) -> String {
    let note = if found.is_asked_for { "" } else { ", another version than asked for" };
    format!("{} ({}{note})", found.path.display(), version(found))
}

fn version(found: &Found) -> String {
    format!("{}.{}", found.version.0, found.version.1)
}

fn client_word(client: Client) -> &'static str {
    match client {
        Client::Ringgate => "ringgate",
        Client::Official => "official",
    }
}

fn as_json(interpreters: &[Interpreter], functions: &[Readiness]) -> serde_json::Value {
    let client = |official: &Official| json!({ "name": official.name, "version": official.version, "path": official.path });
    let interpreters: Vec<_> = interpreters
        .iter()
        .map(|it| {
            json!({
                "runtime": it.runtime.to_string(),
                "version": version(&it.found),
                "path": it.found.path,
                "officialClient": it.official.as_ref().ok().map(client),
            })
        })
        .collect();
    let functions: Vec<_> = functions
        .iter()
        .map(|it| {
            let (path, found, official) = match &it.runs_by {
                Ok(RunsBy::Bootstrap(path)) => (Some(path), None, None),
                Ok(RunsBy::Loop(found)) => (Some(&found.path), Some(found), None),
                Ok(RunsBy::Official(found, official)) => {
                    (Some(&found.path), Some(found), Some(official))
                }
                Err(_) => (None, None, None),
            };
            json!({
                "function": it.function,
                "runtime": it.runtime,
                "client": client_word(it.client),
                "path": path,
                "version": found.map(version),
                "isVersionAskedFor": found.map(|found| found.is_asked_for),
                "officialClient": official.map(client),
                "problem": it.runs_by.as_ref().err(),
            })
        })
        .collect();
    json!({ "interpreters": interpreters, "functions": functions })
}
