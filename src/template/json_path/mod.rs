//! JSONPath in Jayway's dialect: a path is compiled once and selects from a document many times.
//!
//! A path without `..`, `*`, filters, slices and lists of indexes is definite and gives the one value, or
//! nothing where there is none. Any other gives a list, in document order, possibly empty. That differs
//! from RFC 9535, as do a path without `$`, members like `b-c` and `@type` behind a dot, and
//! `['a','b']` at the end, which gives an object of the two.

mod filter;
mod parse;
mod select;
#[cfg(test)]
mod tests;

use super::budget::{Budget, Outcome, Scratch};
use super::json;
use super::limits::Limits;
use super::print;
use super::problem::RenderProblem;
use super::value::Value;
use filter::Filter;

/// A compiled path.
#[derive(Debug)]
pub struct JsonPath {
    steps: Vec<Step>,
    /// Behind the steps: `.length()`, `.sum()`.
    function: Option<Function>,
}

#[derive(Debug)]
enum Step {
    Member(Box<str>),
    Members(Vec<Box<str>>),
    /// Negative ones count from the end.
    Index(i64),
    Indexes(Vec<i64>),
    /// From and to, the latter exclusive.
    Slice(Option<i64>, Option<i64>),
    All,
    /// `..`: the next step at every depth.
    Everywhere,
    Where(Filter),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Length,
    Min,
    Max,
    Average,
    Deviation,
    Sum,
    Keys,
    First,
    Last,
    Index(i64),
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {at}")]
pub struct PathError {
    /// From 1.
    pub at: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl JsonPath {
    /// Compiles a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::parse(text)
    }

    /// Whether it selects one value rather than a list.
    pub fn is_definite(&self) -> bool {
        self.function.is_some() || self.is_definite_path()
    }

    /// Whether it selects the whole document.
    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty() && self.function.is_none()
    }

    fn is_definite_path(&self) -> bool {
        let last = self.steps.len().saturating_sub(1);
        self.steps.iter().enumerate().all(|(index, step)| match step {
            Step::Member(_) | Step::Index(_) => true,
            Step::Members(_) => index == last,
            _ => false,
        })
    }

    /// The selected value; None where a definite path leads to nothing.
    pub(super) fn select<'a>(
        &self,
        root: Value<'a>,
        budget: &Budget<'a>,
    ) -> Outcome<Option<Value<'a>>> {
        select::select(self, root, budget)
    }

    /// Appends what the path selects from the JSON text `body`, for parameter mappings: a text without
    /// quotes, everything else as JSON. False, and nothing appended, where there is nothing or null.
    pub fn select_text(
        &self,
        body: &str,
        scratch: &mut Scratch,
        limits: Limits,
        out: &mut String,
    ) -> Result<bool, RenderProblem> {
        let budget = scratch.budget(limits);
        let append = |out: &mut String| -> Outcome<bool> {
            let document = json::parse(body, &budget)?;
            match self.select(document, &budget)? {
                None | Some(Value::Null) => Ok(false),
                Some(Value::Text(text)) => {
                    out.push_str(text);
                    Ok(true)
                }
                Some(other) => print::json(other, print::Style::Plain, &budget, out).map(|()| true),
            }
        };
        append(out).map_err(|problem| *problem)
    }
}
