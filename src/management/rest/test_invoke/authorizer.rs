//! TestInvokeAuthorizer: what an authorizer would say to a request.
//!
//! What can be told without calling anything is told: a request without the identity that the
//! authorizer looks at is 401, as on Amazon. Functions and issuers are not called from here, so every
//! other request ends as Amazon's do when an authorizer cannot be called: 500, with the reason in the log.

use super::super::super::Call;
use super::super::super::answer::Answer;
use super::super::authorizer;
use super::log::Log;
use super::request::Request;
use crate::aws::Fault;
use crate::resources::rest::Authorizer;
use serde_json::json;

/// The operation.
pub(super) fn test(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let authorizer = authorizer::named(call)?;
    let request = Request::of(call, "/")?;
    let mut log = Log::begin(&call.ids.uuid(), call.now);
    log.line(&format!("Starting authorizer: {}", authorizer.id));
    let status = match missing(&authorizer, &request) {
        Some(source) => {
            log.line(&format!("Unauthorized request: there is no {source}"));
            401
        }
        None => {
            log.line(&format!(
                "Execution failed due to configuration error: Authorizers of type {} are not called in test calls yet",
                authorizer.r#type
            ));
            500
        }
    };
    log.line(&format!("Authorizer completed with status: {status}"));
    Ok(Answer::Json(json!({ "clientStatus": status, "log": log.finish(), "latency": 0 })))
}

/// The first identity source for which the request has nothing.
fn missing<'a>(authorizer: &'a Authorizer, request: &Request) -> Option<&'a str> {
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    let is_there = |source: &&str| {
        let Some((place, name)) =
            source.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'))
        else {
            // The context is the gateway's own.
            return true;
        };
        let has = |(known, value): &(String, String)| {
            !value.is_empty()
                && match place.ends_with("header") {
                    true => known.eq_ignore_ascii_case(name),
                    false => known == name,
                }
        };
        match place {
            "header" | "multivalueheader" => request.headers.iter().any(has),
            "querystring" | "multivaluequerystring" => request.query.iter().any(has),
            _ => true,
        }
    };
    sources.split(',').map(str::trim).filter(|source| !source.is_empty()).find(|it| !is_there(it))
}
