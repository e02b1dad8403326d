//! Mapping templates: the Velocity Template Language as Amazon API Gateway runs it.
//!
//! A template is parsed once, when it is deployed ([`Template::parse`]), and rendered per request on the
//! shard ([`Template::render`]) from what the caller lends in [`Inputs`]. Rendering is one walk over the
//! program, without waiting, and ends within its [`Limits`] whatever the template and the client do.
//! Everything made on the way lies in the arena of a [`Scratch`], which the shard keeps and reuses.
//!
//! The language is that of Velocity 1.7 and the JSONPath dialect ([`JsonPath`]) that of Jayway on
//! json-smart; where API Gateway is known to differ from those, API Gateway wins. `tests/template`
//! compares both with the originals, and `docs/templates.md` lists the differences.
//!
//! This folder knows nothing of APIs, routes or requests: what `$context` holds comes through the trait
//! [`ContextVariables`].

mod budget;
mod escape;
mod inputs;
mod json;
mod json_path;
mod limits;
mod method;
mod number;
mod overrides;
mod parse;
mod pattern;
mod print;
mod problem;
mod program;
mod run;
mod uses;
mod value;
mod watch;
#[cfg(test)]
mod tests;

use budget::Budget;
use program::Program;

pub use budget::Scratch;
pub use escape::{base64, base64_bytes};
pub use inputs::{ContextVariables, Inputs, NoContext, Variable};
pub use json_path::{JsonPath, PathError};
pub use limits::Limits;
pub use overrides::Overrides;
pub use pattern::JavaPattern;
pub use problem::{ParseError, Position, RenderError, RenderProblem};
pub use uses::{Parameter, Shape, Uses};
pub use watch::{Event, Shown, Watch};

/// A parsed template. Never changes; shards may share it.
#[derive(Debug)]
pub struct Template {
    program: Program,
    /// For the line and column of an error.
    source: Box<str>,
}

/// What of the template's and the body's length is allocated before anything is written.
const OUTPUT_BYTES_FIRST: usize = 4 * 1024;

impl Template {
    /// Parses a template of up to 300 KB.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { program: parse::parse(text)?, source: text.into() })
    }

    /// Renders onto the end of `out`, and gives back what the template assigned to the overrides. After an
    /// error `out` is as it was.
    pub fn render(
        &self,
        inputs: &Inputs<'_>,
        scratch: &mut Scratch,
        limits: Limits,
        out: &mut String,
    ) -> Result<Overrides, RenderError> {
        // The output's limit is for this template, not for what stands before it.
        let begin = out.len();
        let limits = Limits { output_bytes: limits.output_bytes.saturating_add(begin), ..limits };
        // Grown once and not step by step: most templates write about as much as they and the body hold.
        let text_bytes = self.source.len().min(OUTPUT_BYTES_FIRST);
        out.reserve(text_bytes + inputs.body.len().min(OUTPUT_BYTES_FIRST));
        let (budget, mut watch): (Budget<'_>, _) = scratch.watched_budget(limits);
        if let Some(watch) = watch.as_deref_mut() {
            watch.begins(&self.source, inputs.body);
        }
        let done = run::run(&self.program, inputs, &budget, watch.as_deref_mut(), out);
        let done = done.map_err(|(at, problem)| {
            let at = parse::position(&self.source, at as usize);
            RenderError { at, problem: *problem }
        });
        if let Some(watch) = watch {
            watch.ends(done.as_ref().map(|_| out.get(begin..).unwrap_or_default()));
        }
        if done.is_err() {
            out.truncate(begin);
        }
        done
    }

    /// Line and column of a byte of the text.
    pub fn position(text: &str, at: u32) -> Position {
        parse::position(text, at as usize)
    }
}
