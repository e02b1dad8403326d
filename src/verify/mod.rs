//! Verify: looks for mistakes in mapping templates when they are deployed, before a client finds them.
//!
//! ```text
//! definition -> each template with what is declared around it (subject)
//!            -> what it speaks of, against what can be there      (speaks)
//!            -> runs over sample values of what is declared       (samples, runs)
//!            -> findings with line and column
//! ```
//!
//! A finding is a mistake that a request can meet, shown by a run or by a name that nothing sets; what
//! may be meant so is none. Where a template could be right about a value whose type nobody declared, it
//! is taken to be right. All work is bounded: runs by [`Limits`](crate::template::Limits) far below those
//! of a request, and all of a definition's by a number of templates.

mod definition;
mod gateway_response;
mod runs;
mod samples;
mod speaks;
mod subject;
#[cfg(test)]
mod tests;

pub use definition::{Findings, Found, definition};
pub use subject::{Promise, Subject};

use crate::template::{Position, Template};

/// Findings of one template that are told; one mistake is often made again.
const FINDINGS_MAX: usize = 10;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where in the template.
    pub at: Position,
    /// What is wrong, and the way out.
    pub message: String,
}

impl Finding {
    fn new(text: &str, at: u32, message: impl Into<String>) -> Self {
        Self { at: Template::position(text, at), message: message.into() }
    }
}

/// Looks for mistakes in one template. In the order of the text.
pub fn template(text: &str, subject: &Subject<'_>) -> Vec<Finding> {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            let at = Position { line: error.line, column: error.column };
            return vec![Finding { at, message: error.message }];
        }
    };
    let uses = template.uses();
    let mut findings = speaks::check(text, &uses, subject);
    // What a name that nothing sets does to the output needs no second word.
    let known: Vec<Position> = findings.iter().map(|finding| finding.at).collect();
    let shown = runs::check(text, &template, &uses, subject);
    findings.extend(shown.into_iter().filter(|finding| !known.contains(&finding.at)));
    findings.sort();
    findings.dedup();
    findings.truncate(FINDINGS_MAX);
    findings
}
