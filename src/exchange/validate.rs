//! Validate: has the request all parameters that the method requires, and does its content fit?
//!
//! Runs in front of the integration. Parameters need no content, so a request that lacks one is refused
//! before its content is read.

use super::method_request::{Visible, decoded, form_decoded, media_type, visible};
use super::{Admitted, Exchange, Failure, Refusal};
use crate::http::Known;
use crate::snapshot::managed::{ModelFor, ParameterPlace, Required, Validation};

/// Checks the parameters of an exchange with a route.
///
/// # Errors
/// One is missing or blank.
pub fn parameters(exchange: &Exchange<'_>, validation: &Validation) -> Result<(), Failure> {
    if validation.parameters.is_empty() {
        return Ok(());
    }
    let is_blank = |value: &[u8]| value.trim_ascii().is_empty();
    missing(validation, |Required { place, name }| match place {
        ParameterPlace::Header => {
            let mut fields = exchange.fields.iter();
            let named = fields.rfind(|it| it.name.eq_ignore_ascii_case(name.as_bytes()));
            match visible(exchange, name.as_bytes()) {
                Visible::Told => named.is_some_and(|field| !is_blank(field.value)),
                Visible::Own(_) => true,
                Visible::Nothing => false,
            }
        }
        ParameterPlace::Query => {
            let query = exchange.head.target.query().unwrap_or_default();
            let mut pairs = query.split(|byte| matches!(byte, b'&' | b';'));
            let value = pairs.rfind(|pair| {
                let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
                *form_decoded(&pair[..equals]) == *name.as_bytes()
            });
            let value = value.and_then(|pair| Some(&pair[memchr::memchr(b'=', pair)? + 1..]));
            value.is_some_and(|value| !is_blank(&form_decoded(value)))
        }
        ParameterPlace::Path => {
            let route = exchange.api.zip(exchange.route);
            let names = route.map(|(Admitted { api, .. }, route)| &api.route(route).parameters);
            let index = names.and_then(|names| names.iter().position(|it| it == name));
            let value = index.and_then(|index| exchange.parameters.get(index));
            value.is_some_and(|value| !is_blank(&decoded(value)))
        }
    })
}

/// Asks for each required parameter whether it is there.
///
/// # Errors
/// One is not.
pub fn missing(
    validation: &Validation,
    is_there: impl Fn(&Required) -> bool,
) -> Result<(), Failure> {
    let missing = validation.parameters.iter().filter(|it| !is_there(it));
    let names: Vec<&str> = missing.map(|it| &*it.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = format!("Missing required request parameters: [{}]", names.join(", "));
    Err(Failure { message: Some(message.into()), ..Refusal::BadRequestParameters.into() })
}

/// Checks the content of an exchange.
///
/// # Errors
/// It does not fit the model of its type.
pub fn content(
    exchange: &Exchange<'_>,
    validation: &Validation,
    content: &[u8],
) -> Result<(), Failure> {
    let mut fields = exchange.fields.iter();
    let value = fields.rfind(|field| field.known == Known::ContentType).map(|field| field.value);
    let value = value.and_then(|value| std::str::from_utf8(value).ok());
    content_of_type(validation, media_type(value), content)
}

/// Checks content of a media type.
///
/// # Errors
/// It does not fit the model of its type.
pub fn content_of_type(
    validation: &Validation,
    media_type: &str,
    content: &[u8],
) -> Result<(), Failure> {
    let schema = match validation.model(media_type) {
        ModelFor::None => return Ok(()),
        ModelFor::Broken => {
            return Err(Failure::configuration("the model of the content type cannot be used"));
        }
        ModelFor::Schema(schema) => schema,
    };
    schema.check(content).map_err(|mistakes| Failure {
        cause: format!(
            "Request body does not match model schema for content type {media_type}: {mistakes}"
        )
        .into(),
        validation: Some(mistakes),
        ..Refusal::BadRequestBody.into()
    })
}
