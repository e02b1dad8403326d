//! What is wrong with a scenario file, and where: file, line, column, the source line with a caret,
//! what was expected, and a suggestion where there is one.

use crate::template::nearest;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// One thing wrong with a scenario. Checking goes on after the first and reports all, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file, in bytes; absent when it concerns the whole.
    pub span: Option<Range<usize>>,
    /// What was expected, what was found, the way out.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn at(span: Range<usize>, message: String) -> Self {
        Self { span: Some(span), message }
    }

    /// A problem with no place of its own.
    pub fn new(message: String) -> Self {
        Self { span: None, message }
    }

    /// What the TOML reader says, with a suggestion for mistyped keys.
    pub fn from_toml(error: &toml::de::Error) -> Self {
        Self { span: error.span(), message: reworded(error.message()) }
    }

    /// The problem as it is shown.
    pub fn render(&self, file: &Path, source: &str) -> String {
        let mut text = String::new();
        let Some(span) = &self.span else {
            return format!("{}: {}\n", file.display(), self.message);
        };
        let start = span.start.min(source.len());
        let before = &source[..start];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = source[line_start..start].chars().count() + 1;
        let content = source[line_start..].lines().next().unwrap_or_default();
        // A span over several lines is marked up to the end of its first.
        let width = source[start..span.end.clamp(start, source.len())]
            .lines()
            .next()
            .map_or(0, |marked| marked.chars().count())
            .max(1);
        let gutter = line.to_string().len();
        let written = write!(
            text,
            "{file}:{line}:{column}: {message}\n{line:>gutter$} | {content}\n{empty:>gutter$} | {empty:>indent$}{carets}\n",
            file = file.display(),
            message = self.message,
            empty = "",
            indent = column - 1,
            carets = "^".repeat(width),
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        text
    }
}

/// "unknown field `x`, expected one of `a`, `b`" becomes "unknown key `x`; did you mean `a`?".
fn reworded(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return message.to_owned();
    };
    let mut words = rest.split('`').skip(1).step_by(2);
    let Some(found) = words.next() else {
        return message.to_owned();
    };
    let known: Vec<&str> = words.collect();
    match nearest(found, known.iter().copied()) {
        Some(near) => format!("unknown key `{found}`; did you mean `{near}`?"),
        None => format!("unknown key `{found}`; expected one of: {}", known.join(", ")),
    }
}

/// Shows all problems.
pub fn render_all(problems: &[Problem], file: &Path, source: &str) -> String {
    problems.iter().map(|problem| problem.render(file, source)).collect()
}
