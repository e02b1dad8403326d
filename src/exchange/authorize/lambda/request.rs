//! From an exchange to what its authorizer is asked, and from the verdict to what becomes of the request.

use super::{Verdict, identify, write_event, write_key};
use crate::aws::policy::Ask;
use crate::exchange::authorize::{RequestKeys, caller};
use crate::exchange::event::{EventFacts, METHOD_ARN_BYTES_MAX, RouteFacts, write_method_arn};
use crate::exchange::{Exchange, Failure, Refusal};
use crate::snapshot::{Authorizer, Protocol};

/// Looks for the caller's identity, and writes the key under which a verdict about it is remembered.
/// Says whether there is one.
///
/// # Errors
/// The request is refused, and its authorizer's function is not asked: it does not say who the caller is,
/// or its path is longer than policies may speak of.
pub fn claim(
    exchange: &Exchange<'_>,
    authorizer: &Authorizer,
    key: &mut Vec<u8>,
) -> Result<bool, Failure> {
    let asked = with_facts(exchange, authorizer, b"", |facts, arn| {
        if exchange.protocol == Some(Protocol::Rest) && arn.len() > METHOD_ARN_BYTES_MAX {
            let message = Some("Request URI too long".into());
            return Err(Failure { message, ..Refusal::BadRequest(414).into() });
        }
        let identities = identify(&authorizer.rules, facts)?;
        let has_key = write_key(&authorizer.rules, facts, &identities, key);
        key.extend_from_slice(&authorizer.version.to_le_bytes());
        Ok(has_key)
    });
    asked.unwrap_or_else(|| Err(Refusal::Internal.into()))
}

/// Appends what the authorizer's function gets. `trace_id` is the value of `X-Amzn-Trace-Id`.
pub fn write_question(
    exchange: &Exchange<'_>,
    authorizer: &Authorizer,
    trace_id: &[u8],
    out: &mut Vec<u8>,
) {
    with_facts(exchange, authorizer, trace_id, |facts, arn| {
        // It has been looked for, and was there.
        let identities = identify(&authorizer.rules, facts).unwrap_or_default();
        write_event(&authorizer.rules, facts, &identities, arn, out);
    });
}

/// Whether a verdict lets this request pass: a policy that was remembered is asked about each method anew.
///
/// # Errors
/// It does not.
pub fn decide(
    exchange: &Exchange<'_>,
    authorizer: &Authorizer,
    verdict: &Verdict,
) -> Result<(), Refusal> {
    let decided = with_facts(exchange, authorizer, b"", |facts, arn| {
        let keys = RequestKeys { facts };
        let ask =
            Ask { caller: caller(facts), action: "execute-api:Invoke", resource: arn, keys: &keys };
        verdict.decide(&ask, None)
    });
    decided.unwrap_or(Err(Refusal::Internal))
}

/// Runs something on the facts of an exchange and the ARN of what it calls. `None` never comes: it has a
/// route.
fn with_facts<T>(
    exchange: &Exchange<'_>,
    authorizer: &Authorizer,
    trace_id: &[u8],
    act: impl FnOnce(&EventFacts<'_>, &str) -> T,
) -> Option<T> {
    let (admitted, route) = exchange.api.zip(exchange.route)?;
    let api = admitted.api;
    let declared = api.route(route);
    let shared = api.shared.as_deref();
    let route = RouteFacts {
        partition: "aws",
        region: &authorizer.region,
        account_id: &authorizer.account_id,
        api_id: &api.id,
        stage: &api.stage,
        deployment_id: shared.map_or("", |it| &it.deployment_id),
        route_key: &declared.key,
        resource_path: declared.key.split_once(' ').map_or(&*declared.key, |(_, path)| path),
        resource_id: &declared.resource_id,
        operation_name: None,
        parameter_names: &declared.parameters,
        stage_variables: shared.map_or(&[], |it| &it.stage_variables),
        // Content is told to no authorizer.
        binary_media_types: &[],
        is_function_url: false,
    };
    let facts = EventFacts::of(exchange, &route, trace_id, exchange.received, b"");
    let mut arn = String::with_capacity(96 + facts.path.len());
    write_method_arn(&route, facts.method, facts.path, &mut arn);
    Some(act(&facts, &arn))
}
