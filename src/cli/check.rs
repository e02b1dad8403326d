//! `ringgate check`: is this configuration valid? Runs the whole way to a snapshot. And files of
//! `ringgate export`: would they be applied, and do their mapping templates work?

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use clap::Args;

use super::explain::{offline, offset};
use super::{apply, shown};
use crate::control::functions::readiness;
use crate::management::declared::File;
use crate::model::{Model, TemplateFindings};
use crate::snapshot::compile;
use crate::verify::Found;

/// What to check besides the configuration.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Options {
    /// A file that `ringgate export` wrote, or a folder with such files
    apis: Vec<PathBuf>,
}

/// Prints one line to standard output when it is, every problem to standard error when it is not.
pub(super) fn check(config: Option<&Path>, options: &Options) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    if !options.apis.is_empty() {
        return check_apis(&model, options);
    }
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

/// Exit status 2 also for mistakes in templates, where the configuration says that they are errors.
fn check_apis(model: &Model, options: &Options) -> ExitCode {
    let mut files = Vec::new();
    for path in &options.apis {
        match apply::files(path) {
            Ok(found) => files.extend(found),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(super::EXIT_CONFIGURATION);
            }
        }
    }
    let offline = match offline(&files, model) {
        Ok(offline) => offline,
        Err(code) => return code,
    };
    let is_error = model.management.template_findings == TemplateFindings::Error;
    let found = match model.management.template_findings {
        TemplateFindings::Off => Vec::new(),
        TemplateFindings::Warn | TemplateFindings::Error => offline.findings(),
    };
    let mut out = std::io::stderr().lock();
    let is_coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for (api, finding) in &found {
        let text = render(api, finding, &files, is_error, is_coloured);
        // Nobody is left to tell when standard error is closed.
        let _ = out.write_all(text.as_bytes());
    }
    if is_error && !found.is_empty() {
        let _ = writeln!(out, "{}", count(found.len(), "error"));
        return ExitCode::from(super::EXIT_CONFIGURATION);
    }
    let warnings = match found.len() {
        0 => String::new(),
        warnings => format!(", {}", count(warnings, "warning")),
    };
    shown::print(&format!("{} would be applied{warnings}\n", count(offline.count(), "API")));
    ExitCode::SUCCESS
}

/// A finding with its line: in the file where the template stands there as it is, else in the template.
fn render(api: &str, found: &Found, files: &[File], is_error: bool, is_coloured: bool) -> String {
    let renderer = match is_coloured {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let level = if is_error { Level::ERROR } else { Level::WARNING };
    let Found { place, text, finding } = found;
    let within = offset(text, finding.at.line, finding.at.column);
    let in_file = files.iter().find_map(|file| Some((file, file.text.find(text.as_str())?)));
    let (name, source, at) = match in_file {
        Some((file, start)) => (file.name.as_str(), file.text.as_str(), start + within),
        None => ("(the template)", text.as_str(), within),
    };
    let length = source.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let snippet = Snippet::source(source)
        .path(name)
        .annotation(AnnotationKind::Primary.span(at..at + length).label(format!("{api}: {place}")));
    let title = level.primary_title(finding.message.as_str()).id("template");
    format!("{}\n\n", renderer.render(&[title.element(snippet)]))
}

fn count(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
