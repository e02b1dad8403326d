//! Authorize: what an authorizer would be asked about a caller.

use super::report::{Outcome, Phase};
use super::walk::Walk;
use crate::exchange::authorize::lambda::{claim, decide, read_verdict, write_question};
use crate::exchange::integrate::lambda::permits;
use crate::exchange::{Exchange, Failure, Granted, Refusal};
use crate::snapshot::{AuthorizerIndex, IdentitySource};
use std::rc::Rc;
use std::time::Duration;

/// Tells what is found out about a caller, and what its function's result means where there is one. Without
/// it goes on as if that let the caller pass.
///
/// # Errors
/// The caller is refused whatever the function would say.
pub(super) fn authorize(
    walk: &mut Walk<'_>,
    exchange: &Exchange<'_>,
    index: AuthorizerIndex,
) -> Result<Option<Granted>, Failure> {
    let api = exchange.api.map(|admitted| admitted.api).ok_or(Refusal::Internal)?;
    let authorizer = api.authorizer(index).ok_or(Refusal::Internal)?;
    let name = authorizer.function.rsplit(':').next().unwrap_or_default();
    let mut phase = Phase::new("authorize", format!("function {name} decides about the caller"));
    phase.value("arn", &*authorizer.function);
    let sources: Vec<String> = authorizer.rules.sources.iter().map(word).collect();
    phase.value("identity sources", sources.join(", "));
    phase.value("time-out", format!("{:?}", authorizer.timeout));
    phase.value("remembered for", format!("{:?}", authorizer.rules.ttl));
    if let Err(failure) = claim(exchange, authorizer, &mut Vec::new()) {
        phase.note("the request does not say who its caller is: the function is not asked");
        walk.tell(phase.ended(Outcome::Refused));
        return Err(failure);
    }
    let function = walk.world.function(&authorizer.function);
    let is_permitted = function.is_none_or(|function| {
        let source = authorizer.arn(&api.id);
        !authorizer.needs_permission || permits(function, &source, &authorizer.account_id)
    });
    let place = walk.world.elsewhere(&authorizer.function).filter(|_| function.is_none());
    if let Some(place) = place {
        phase.value("invoked at", place);
    }
    if (function.is_none() && place.is_none()) || !is_permitted {
        phase.warning(match function {
            None => "there is no such function",
            Some(_) => "the function does not permit this authorizer to invoke it",
        });
        walk.tell(phase.ended(Outcome::Refused));
        return Err(Refusal::AuthorizerMisconfigured.into());
    }
    let mut event = Vec::new();
    write_question(exchange, authorizer, b"", &mut event);
    let pretty = serde_json::from_slice::<serde_json::Value>(&event);
    let pretty = pretty.and_then(|event| serde_json::to_string_pretty(&event));
    phase.text("the event that it gets", pretty.map_or(event, String::into_bytes).as_slice());
    let Some(result) = walk.asked.verdict.as_ref() else {
        phase.note("no function is run here: what follows is as if it let the caller pass");
        phase.note("`--authorizer-result FILE` says what it returns");
        walk.tell(phase.ended(Outcome::Open));
        return Ok(None);
    };
    phase.text("the function's result", result);
    let decided = read_verdict(result, authorizer.rules.kind)
        .map_err(|cause| Failure { cause: cause.into(), ..Refusal::AuthorizerMisconfigured.into() })
        .and_then(|verdict| {
            decide(exchange, authorizer, &verdict)?;
            Ok(Granted { verdict: Rc::new(verdict), latency: Duration::ZERO, request_id: None })
        });
    phase.summary = match &decided {
        Ok(_) => format!("function {name} lets the caller pass"),
        Err(failure) if !failure.cause.is_empty() => failure.cause.to_string(),
        Err(_) => format!("function {name} does not let the caller pass"),
    };
    if decided.is_err() {
        phase.outcome = Outcome::Refused;
    }
    walk.tell(phase);
    decided.map(Some)
}

fn word(source: &IdentitySource) -> String {
    match source {
        IdentitySource::Header(name) => format!("header {name}"),
        IdentitySource::Query(name) => format!("query parameter {name}"),
        IdentitySource::StageVariable(name) => format!("stage variable {name}"),
        IdentitySource::Context(name) => format!("$context.{name}"),
    }
}
