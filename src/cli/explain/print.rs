//! Explanations for people: a line for each phase, what it found out below it, all in columns.

use super::paint::Paint;
use crate::explain::{Answer, Entry, Explanation, Outcome, Phase, Rendering, Step};
use crate::template::Overrides;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Where what belongs to a phase begins.
const INDENT: &str = "             ";

/// Widest column of names or of code; longer ones push the rest of their line away.
const COLUMN_MAX: usize = 44;

/// Lines of content that are shown.
const LINES_MAX: usize = 80;

/// An explanation.
pub(super) fn explanation(explanation: &Explanation, paint: Paint) -> String {
    let mut out = String::new();
    for phase in &explanation.phases {
        self::phase(phase, paint, &mut out);
    }
    if let Some(Answer { status, text, warning }) = &explanation.answer {
        let status = status.to_string();
        let status = match status.as_bytes().first() {
            Some(b'2' | b'3') => paint.green(&status),
            _ => paint.red(&status),
        };
        out.push_str(&format!("{} the client gets {status}\n", paint.bold("=")));
        block(text, "  ", paint, &mut out);
        if let Some(warning) = warning {
            out.push_str(&format!("{}\n", paint.yellow(&format!("! {warning}"))));
        }
    }
    out
}

fn phase(phase: &Phase, paint: Paint, out: &mut String) {
    let sign = match phase.outcome {
        Outcome::Passed => paint.green("✓"),
        Outcome::Answered => paint.green("●"),
        Outcome::Refused => paint.red("✗"),
        Outcome::Open => paint.yellow("?"),
    };
    let name = format!("{:<10}", phase.name);
    out.push_str(&format!("{sign} {} {}\n", paint.bold(&name), phase.summary));
    let names = phase.entries.iter().map(|entry| match entry {
        Entry::Value { name, .. } => width(name),
        Entry::Candidate { key, .. } => width(key) + 4,
        _ => 0,
    });
    let column = names.filter(|width| *width <= COLUMN_MAX).max().unwrap_or(0);
    let mut candidates_are_told = false;
    for entry in &phase.entries {
        match entry {
            Entry::Value { name, value, source } => {
                let value = match value {
                    Some(value) if value.is_empty() => paint.faint("(empty)"),
                    Some(value) => one_line(value),
                    None => paint.faint("(nothing)"),
                };
                let source = match source {
                    Some(source) => format!("  {}", paint.faint(&format!("← {source}"))),
                    None => String::new(),
                };
                let name = paint.cyan(&padded(name, column));
                out.push_str(&format!("{INDENT}{name}  {value}{source}\n"));
            }
            Entry::Candidate { key, reason } => {
                if !candidates_are_told && phase.name == "route" {
                    out.push_str(&format!("{INDENT}{}\n", paint.faint("not chosen:")));
                }
                candidates_are_told = true;
                let key = padded(&format!("  {key}"), column);
                out.push_str(&format!("{INDENT}{key}  {}\n", paint.faint(reason)));
            }
            Entry::Note { text } => {
                out.push_str(&format!("{INDENT}{}\n", paint.faint(text)));
            }
            Entry::Warning { text } => {
                out.push_str(&format!("{INDENT}{}\n", paint.yellow(&format!("! {text}"))));
            }
            Entry::Text { title, text } => {
                out.push_str(&format!("{INDENT}{}\n", paint.faint(&format!("{title}:"))));
                block(text, &format!("{INDENT}  "), paint, out);
            }
            Entry::Template { title, rendering } => {
                steps(rendering, INDENT, paint, out);
                result(title, rendering, INDENT, paint, out);
            }
        }
    }
}

/// A template's run alone.
pub(super) fn rendering(
    name: &str,
    rendering: &Rendering,
    overrides: &Overrides,
    paint: Paint,
) -> String {
    let mut out = String::new();
    steps(rendering, "", paint, &mut out);
    for (kind, set) in
        [("requestOverride", &overrides.request), ("responseOverride", &overrides.response)]
    {
        for (place, value) in set {
            let target = format!("$context.{kind}.{place}");
            out.push_str(&format!("{}  {value}\n", paint.cyan(&target)));
        }
    }
    result(name, rendering, "", paint, &mut out);
    out
}

fn steps(rendering: &Rendering, indent: &str, paint: Paint, out: &mut String) {
    let code_of = |step: &Step| format!("{}{}", "  ".repeat(step.depth), step.code);
    let widths = rendering.steps.iter().map(|step| width(&code_of(step)));
    let column = widths.filter(|width| *width <= COLUMN_MAX).max().unwrap_or(0);
    let lines = rendering.steps.iter().map(|step| step.line).max().unwrap_or(0);
    let digits = lines.to_string().len();
    for step in &rendering.steps {
        let line = paint.faint(&format!("{:>digits$}", step.line));
        let code = shortened(&code_of(step), COLUMN_MAX);
        let code = padded(&code, column);
        let code = match step.what {
            "print" => code,
            "round" | "cut" => paint.faint(&code),
            _ => paint.cyan(&code),
        };
        let result = match (step.what, step.result.as_str()) {
            (_, "nothing") => paint.yellow("nothing"),
            ("if", result) if result.starts_with("true") => {
                format!("{}{}", paint.green("true"), &result["true".len()..])
            }
            ("if", result) if result.starts_with("false") => {
                format!("{}{}", paint.red("false"), &result["false".len()..])
            }
            ("cut", result) => paint.yellow(result),
            (_, result) => result.to_owned(),
        };
        let text = format!("{indent}{line}  {code}  {result}");
        out.push_str(text.trim_end());
        out.push('\n');
    }
    if rendering.left_out > 0 {
        let text = format!("… and {} more steps", rendering.left_out);
        out.push_str(&format!("{indent}{}\n", paint.faint(&text)));
    }
}

/// What a template wrote, or where it failed.
fn result(name: &str, rendering: &Rendering, indent: &str, paint: Paint, out: &mut String) {
    if let Some(mistake) = &rendering.error {
        let (line, column) = (mistake.line, mistake.column);
        let shown = self::mistake(name, &rendering.source, line, column, &mistake.message, paint);
        for line in shown.lines() {
            out.push_str(format!("{indent}{line}").trim_end());
            out.push('\n');
        }
        return;
    }
    let Some(output) = &rendering.output else { return };
    let kind = match serde_json::from_str::<serde_json::Value>(output) {
        Ok(_) => ", JSON".to_owned(),
        Err(error) if output.trim_start().starts_with(['{', '[']) => {
            let (line, column) = (error.line(), error.column());
            format!(", no JSON: line {line}, column {column} of the output")
        }
        Err(_) => String::new(),
    };
    let title = format!("output, {} bytes{kind}:", output.len());
    let title = if kind.starts_with(", no") { paint.yellow(&title) } else { paint.faint(&title) };
    out.push_str(&format!("{indent}{title}\n"));
    block(output, &format!("{indent}  "), paint, out);
}

/// A mistake in a template: the message, the line, a caret.
pub(super) fn mistake(
    name: &str,
    text: &str,
    line: u32,
    column: u32,
    message: &str,
    paint: Paint,
) -> String {
    let renderer = match paint {
        Paint::Coloured => Renderer::styled(),
        Paint::Plain => Renderer::plain(),
    };
    let start = offset(text, line, column);
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    let snippet = Snippet::source(text)
        .path(name)
        .annotation(AnnotationKind::Primary.span(start..start + length));
    let group = Level::ERROR.primary_title(message).element(snippet);
    format!("{}\n", renderer.render(&[group]))
}

/// The byte at a line and column, in characters from 1.
pub(in crate::cli) fn offset(text: &str, line: u32, column: u32) -> usize {
    let (line, column) = (line.saturating_sub(1) as usize, column.saturating_sub(1) as usize);
    let mut starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let start = starts.nth(line).unwrap_or(text.len());
    let rest = text.get(start..).unwrap_or_default();
    rest.char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}

/// Lines as they are, up to a bound.
fn block(text: &str, indent: &str, paint: Paint, out: &mut String) {
    let count = text.lines().count();
    for line in text.lines().take(LINES_MAX) {
        let line: String = line
            .chars()
            .map(|it| if it.is_control() && it != '\t' { '\u{fffd}' } else { it })
            .collect();
        out.push_str(format!("{indent}{line}").trim_end());
        out.push('\n');
    }
    if count > LINES_MAX {
        let text = format!("… and {} more lines", count - LINES_MAX);
        out.push_str(&format!("{indent}{}\n", paint.faint(&text)));
    }
}

/// A value without line breaks and other controls, which would spoil the columns.
fn one_line(text: &str) -> String {
    let plain = |it: char| if it.is_control() { '\u{fffd}' } else { it };
    text.replace('\n', "\\n").chars().map(plain).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, column: usize) -> String {
    format!("{text:<column$}")
}

fn shortened(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some(_) => {
            let kept: String = text.chars().take(characters_max - 1).collect();
            format!("{kept}…")
        }
        None => text.to_owned(),
    }
}
