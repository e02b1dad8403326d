//! What can be wrong with a template: when it is parsed, and when it is rendered.

use std::fmt;

/// A place in a template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What was expected and what was found, lower case.
    pub message: String,
}

/// Why a rendering ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct RenderError {
    /// The reference or directive that was being rendered.
    pub at: Position,
    /// What happened there.
    pub problem: RenderProblem,
}

/// What ends a rendering. API Gateway answers 500, for [`RenderProblem::Body`] 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// `$input.json` or `$input.path` on a body that begins like JSON and is none. The text is that of
    /// the parser API Gateway uses.
    #[error("Could not process payload: {0}")]
    Body(String),
    /// A method threw: an index out of range, a text that is no JSON, a bad regular expression.
    #[error("{method}: {reason}")]
    Call {
        /// As the template calls it.
        method: String,
        /// What Java's exception says.
        reason: String,
    },
    /// An override was assigned a second time. Amazon allows one assignment for each target.
    #[error("$context.{0} is set a second time")]
    OverrideTwice(String),
    /// A JSONPath that is none.
    #[error("the path `{path}` is not a JSONPath: {reason}")]
    Path {
        /// As given.
        path: String,
        /// What was expected.
        reason: String,
    },
    /// `#parse`, `#include` (there is nothing to read), or `#evaluate` of a text that is no template.
    #[error("{0}")]
    Directive(String),
    /// One of [`Limits`](super::Limits) was reached.
    #[error("the template needs more than {maximum} {what}")]
    Limit {
        /// Which of them, in words.
        what: &'static str,
        /// Its value.
        maximum: usize,
    },
}
