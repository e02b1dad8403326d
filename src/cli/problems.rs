//! Printing problems of a configuration: the message, the source line, a caret under the place.

use std::io::{IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::model::{Problem, ProblemKind, Problems, Severity};

/// Most problems printed; who has more has one mistake repeated by a generator.
const PRINTED_MAX: usize = 100;

/// Prints problems to standard error, in colour when that is a terminal (and `NO_COLOR` is not set).
pub fn print(problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    let mut out = std::io::stderr().lock();
    let is_coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Nobody is left to tell when standard error is closed.
    let _ = out.write_all(render(problems, is_coloured).as_bytes());
}

/// Problems as text, in file order, and a last line that counts them.
pub fn render(problems: &Problems, is_coloured: bool) -> String {
    let renderer = match is_coloured {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let text = problems.source().text_without_secrets();
    let file = problems.source().file().display().to_string();
    let mut out = String::new();
    for problem in problems.iter().take(PRINTED_MAX) {
        let group = group(problem, &text, &file);
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    if problems.len() > PRINTED_MAX {
        out.push_str(&format!("… and {} more\n\n", problems.len() - PRINTED_MAX));
    }
    let errors = problems.error_count();
    let warnings = problems.len() - errors;
    let counts: Vec<String> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
        .collect();
    out.push_str(&format!("{file}: {}\n", counts.join(", ")));
    out
}

fn group<'a>(problem: &Problem, text: &'a str, file: &'a str) -> Group<'a> {
    let level = match problem.kind.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.kind.to_string()).id(problem.kind.code());
    if let ProblemKind::Unreadable { .. } = problem.kind {
        return title.element(Origin::path(file));
    }
    let mut snippet = Snippet::source(text)
        .path(file)
        .annotation(AnnotationKind::Primary.span(clamp(&problem.span, text)));
    if let Some(first) = &problem.first {
        snippet = snippet.annotation(
            AnnotationKind::Context.span(clamp(first, text)).label("the first is here"),
        );
    }
    title.element(snippet)
}

/// A span that lies in the text and ends where characters end: starring out secrets keeps lengths,
/// but a span at the end of a file may reach beyond it.
fn clamp(span: &std::ops::Range<usize>, text: &str) -> std::ops::Range<usize> {
    let fit = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    let start = fit(span.start).unwrap_or(0);
    start..fit(span.end).unwrap_or(0).max(start)
}
