//! Cross-origin rules of HTTP APIs: preflights are answered here, and answers get what browsers ask for.
//!
//! A preflight that a route takes is the route's: only one that nothing takes is answered here. Fields of
//! back ends that speak of origins are dropped wherever an API has rules of its own.

use super::Exchange;
use crate::http::{Field, Known};
use crate::snapshot::managed::{Allowed, Cors};

/// The rules of the exchange's API.
pub fn rules<'x>(exchange: &Exchange<'x>) -> Option<&'x Cors> {
    exchange.api?.api.shared.as_deref()?.cors.as_ref()
}

/// Whether a request that no route takes is a preflight.
pub fn is_preflight(exchange: &Exchange<'_>) -> bool {
    let asks =
        |field: &Field<'_>| field.name.eq_ignore_ascii_case(b"access-control-request-method");
    exchange.head.method == "OPTIONS"
        && origin(exchange.fields).is_some()
        && exchange.fields.iter().any(asks)
}

/// The field lines of the answer to a preflight.
pub fn preflight(exchange: &Exchange<'_>, cors: &Cors) -> Vec<u8> {
    let mut out = answer(exchange, cors);
    let is_allowed = origin(exchange.fields).is_some_and(|it| cors.allows(it).is_some());
    if is_allowed {
        out.extend_from_slice(&cors.preflight);
    }
    out
}

/// The field lines that every answer of the API gets.
pub fn answer(exchange: &Exchange<'_>, cors: &Cors) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(origin) = origin(exchange.fields) else { return out };
    let Some(allowed) = cors.allows(origin) else { return out };
    let origin = match allowed {
        Allowed::Anybody => b"*",
        Allowed::Origin(origin) => origin,
    };
    crate::http::write::field(&mut out, b"access-control-allow-origin", origin);
    out.extend_from_slice(&cors.answer);
    if cors.varies {
        out.extend_from_slice(b"vary: origin\r\n");
    }
    out
}

/// Whether a back end's field is dropped where the API has rules of its own.
pub fn is_of_origins(field: &Field<'_>) -> bool {
    const PREFIX: &[u8] = b"access-control-";
    let prefix = field.name.get(..PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
}

fn origin<'x>(fields: &[Field<'x>]) -> Option<&'x [u8]> {
    fields.iter().find(|field| field.known == Known::Origin).map(|field| field.value)
}
