//! Transform: templates make the content that a back end gets, and the one that a client gets.
//!
//! [`request()`] runs in front of the integration, [`response()`] behind it; both are plain functions over
//! content that is there as a whole. What a template assigns to overrides goes from the one to the other.

mod content;
mod mock;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use mock::status;
pub use request::{Transformed, request};
pub use response::{BackEnd, MethodAnswer, response};
pub(super) use response::{begins_like_json_and_is_none, is_field_value, select, value};

pub use crate::template::{Overrides, Scratch};

use super::{Failure, Refusal};
use crate::template::{RenderError, RenderProblem};

/// What a rendering that ended without a result is to the client. `what`: `request` or `response`.
fn unrendered(error: &RenderError, what: &str) -> Failure {
    match &error.problem {
        // Amazon shows the words of its parser to whoever sent the content.
        RenderProblem::Body(words) if what == "request" => Failure {
            message: Some(format!("Could not process payload: {words}").into()),
            ..Refusal::BadRequest(400).into()
        },
        _ => Failure::configuration(format!("Unable to transform {what}: {error}")),
    }
}
