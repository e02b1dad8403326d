//! Route: which of the API's routes serves this method and path?
//!
//! Runs after `admit`, which strips the base path. The choice itself is the route table's.

use super::{Admitted, Exchange, Failure, Refusal};
use crate::http::Known;
use crate::snapshot::{Protocol, Route};
use crate::template::base64;
use aws_lc_rs::digest::{SHA256, digest};

/// Finds the route and its path parameters.
///
/// # Errors
/// The API has no route for this method and path.
pub fn route<'x>(exchange: &mut Exchange<'x>) -> Result<&'x Route, Refusal> {
    let Some(Admitted { api, .. }) = exchange.api else { return Err(Refusal::NoApi) };
    let path = exchange.path();
    if api.protocol == Protocol::Rest
        && let Some(method) = value(exchange, Known::XHttpMethodOverride)
    {
        exchange.method = std::str::from_utf8(method).unwrap_or_default();
    }
    let found = api.table.find(exchange.method, path, &mut exchange.parameters);
    let route = found.ok_or_else(|| match value(exchange, Known::Authorization) {
        Some(told) if api.protocol == Protocol::Rest && !is_signature(told) => {
            Refusal::IncompleteSignature
        }
        Some(_) | None => Refusal::NoRoute,
    })?;
    exchange.route = Some(route);
    Ok(api.route(route))
}

/// What a request that has no API or no route is told.
pub fn failure(exchange: &Exchange<'_>, refusal: Refusal) -> Failure {
    let told = value(exchange, Known::Authorization).unwrap_or_default();
    let message = (refusal == Refusal::IncompleteSignature).then(|| {
        let mut hash = String::new();
        base64(digest(&SHA256, told).as_ref(), &mut hash);
        // Amazon takes whatever comes to no method for a call that wants a signature.
        format!(
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '{hash}'."
        )
    });
    Failure { message: message.map(Into::into), ..refusal.into() }
}

fn is_signature(authorization: &[u8]) -> bool {
    authorization.starts_with(b"AWS4-")
}

/// A field's first value.
fn value<'x>(exchange: &Exchange<'x>, known: Known) -> Option<&'x [u8]> {
    exchange.fields.iter().find(|field| field.known == known).map(|field| field.value)
}
