//! Admit: which API is asked, and may a request of this size come in at all?
//!
//! The first phase: everything later needs the API's rules, and a request that is refused for its
//! size must cost nothing more.

mod managed;

use super::{Admitted, Exchange, Origin, Refusal};
use crate::http::{Framing, Known, Target};
use crate::snapshot::Protocol;
use managed::Place;

/// Finds the API by host and path and checks the declared size. `draw` gives a random number, for the
/// choice between a stage's releases.
///
/// # Errors
/// No API is served there, or the declared content is over the limit.
pub fn admit(exchange: &mut Exchange<'_>, draw: impl FnOnce() -> u64) -> Result<(), Refusal> {
    if exchange.head.target == Target::Asterisk {
        return Err(Refusal::NoApi);
    }
    let host = exchange.head.host.unwrap_or_default();
    let path = exchange.head.target.path();
    match managed::find(exchange, host, path) {
        Place::OfTheFile => {
            let found = exchange.snapshot.find_api(host, path).ok_or(Refusal::NoApi)?;
            let api = exchange.snapshot.api(found.0);
            exchange.api = Some(Admitted { api, origin: Origin::File(found.0) });
            exchange.protocol = Some(api.protocol);
            exchange.base_path_bytes = found.1;
        }
        Place::Stage { stage, base_path_bytes, rule } => {
            let release = stage.choose(draw);
            let origin = Origin::Managed(stage, release);
            exchange.api = Some(Admitted { api: stage.api(release), origin });
            exchange.protocol = Some(stage.protocol);
            exchange.routing_rule = rule;
            exchange.base_path_bytes = base_path_bytes;
        }
        Place::Nowhere { refusal, protocol } => {
            exchange.protocol = Some(protocol);
            return Err(refusal);
        }
    }
    if exchange.protocol == Some(Protocol::Rest)
        && let Some(told) = exchange.fields.iter().find(|it| it.known == Known::XAmznRequestId)
    {
        exchange.ids = exchange.ids.named_by(told.value);
    }
    let body_bytes_max = exchange.snapshot.server.limits.body_bytes_max;
    if let Framing::Length(bytes) = exchange.head.framing
        && bytes > body_bytes_max
    {
        return Err(Refusal::BodyTooLarge { body_bytes_max });
    }
    Ok(())
}
