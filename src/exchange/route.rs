//! Route: which of the API's routes serves this method and path?
//!
//! Runs after `admit`, which strips the base path. The choice itself is the route table's.

use super::{Admitted, Exchange, Refusal};
use crate::snapshot::Route;

/// Finds the route and its path parameters.
///
/// # Errors
/// The API has no route for this method and path.
pub fn route<'x>(exchange: &mut Exchange<'x>) -> Result<&'x Route, Refusal> {
    let Some(Admitted { api, .. }) = exchange.api else { return Err(Refusal::NoApi) };
    let path = exchange.path();
    let found = api.table.find(exchange.head.method, path, &mut exchange.parameters);
    let route = found.ok_or(Refusal::NoRoute)?;
    exchange.route = Some(route);
    Ok(api.route(route))
}
