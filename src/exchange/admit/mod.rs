//! Admit: which API is asked, and may a request of this size come in at all?
//!
//! The first phase: everything later needs the API's rules, and a request that is refused for its
//! size must cost nothing more.

use super::{Exchange, Refusal};
use crate::http::{Framing, Target};

/// Finds the API by host and path and checks the declared size.
///
/// # Errors
/// No API is served there, or the declared content is over the limit.
pub fn admit(exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
    if exchange.head.target == Target::Asterisk {
        return Err(Refusal::NoApi);
    }
    let host = exchange.head.host.unwrap_or_default();
    let path = exchange.head.target.path();
    let (api, base_path_bytes) = exchange.snapshot.find_api(host, path).ok_or(Refusal::NoApi)?;
    exchange.api = Some(api);
    exchange.base_path_bytes = base_path_bytes;
    let body_bytes_max = exchange.snapshot.server.limits.body_bytes_max;
    if let Framing::Length(bytes) = exchange.head.framing
        && bytes > body_bytes_max
    {
        return Err(Refusal::BodyTooLarge { body_bytes_max });
    }
    Ok(())
}
