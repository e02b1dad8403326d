//! From the method request to the content that an integration gets.

use super::content::{Content, of_request};
use super::{Overrides, Scratch, unrendered};
use crate::exchange::{Failure, MethodRequest, Refusal};
use crate::snapshot::managed::{BinaryTypes, Plan, Templating};
use std::borrow::Cow;

/// What an integration gets.
#[derive(Debug, Default, PartialEq)]
pub struct Transformed<'r> {
    /// The content.
    pub content: Cow<'r, [u8]>,
    /// Whether a template made it.
    pub is_made: bool,
    /// What the template assigned.
    pub overrides: Overrides,
}

/// Makes the content that an integration gets.
///
/// # Errors
/// Its type has no template and must not pass, or its template has no result for it.
pub fn request<'r>(
    plan: &Plan,
    request: &'r MethodRequest<'_>,
    binary_types: &BinaryTypes,
    scratch: &mut Scratch,
) -> Result<Transformed<'r>, Failure> {
    let media_type = request.content_type();
    // Before the content is looked at: 415 tells more than that it could not be converted.
    let template = plan.template(media_type).map_err(|_| Failure {
        cause: format!("Unsupported media type: {media_type}").into(),
        ..Refusal::UnsupportedMediaType.into()
    })?;
    let is_binary = binary_types.has(media_type);
    let content = of_request(request.content, is_binary, plan.handling)?;
    let template = match template {
        None | Some(Templating::Passes) => {
            return Ok(Transformed { content: content.into_bytes(), ..Transformed::default() });
        }
        Some(Templating::Broken) => {
            return Err(Failure::configuration("Unable to transform request"));
        }
        Some(Templating::Template(template)) => template,
    };
    let Content::Text(text) = content else {
        return Err(Failure::configuration(
            "Unable to transform request: the content is binary, and a template reads text",
        ));
    };
    let mut out = String::new();
    let overrides = request
        .render(template, &text, None, scratch, &mut out)
        .map_err(|error| unrendered(&error, "request"))?;
    Ok(Transformed { content: out.into_bytes().into(), is_made: true, overrides })
}
