//! TestInvokeMethod: tries a method as it is defined now, before it is deployed. TestInvokeAuthorizer.
//!
//! Nothing here waits or reaches out, so what can be tried are mocks, with all of their templates,
//! mappings and validators. Everything else answers as a broken integration would, and the log says what is not possible.

mod authorizer;
mod log;
mod mock;
mod request;

use super::super::Call;
use super::super::answer::Answer;
use super::super::operation::{Operation, read};
use super::place;
use crate::aws::Fault;
use crate::exchange::{Failure, Refusal, gateway_response};
use crate::resources::rest::{Method, Model, RequestValidator, Resource, RestApi};
use crate::snapshot::Protocol;
use crate::snapshot::managed::{BinaryTypes, StagePlace, validation_of};
use log::Log;
use request::Request;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] =
    &[read("TestInvokeMethod", method), read("TestInvokeAuthorizer", authorizer::test)];

/// What a method answered.
#[derive(Debug, PartialEq)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn method(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    let method = place::method(call, &resource)?;
    let verb = call.text("httpMethod").to_owned();
    let request_id = call.ids.uuid();
    let request = Request::of(call, &resource.path)?;

    let mut log = Log::begin(&request_id, call.now);
    log.line(&format!("Starting execution for request: {request_id}"));
    log.line(&format!("HTTP Method: {verb}, Resource Path: {}", request.path));
    log.map("Method request path", &request.path_parameters);
    log.map("Method request query string", &request.query);
    log.map("Method request headers", &request.headers);
    log.line(&format!("Method request body before transformations: {}", request.body));
    let response = match answer(call, &resource, method, &request, &request_id) {
        Ok(response) => {
            log.line(&format!("Method response body after transformations: {}", response.body));
            log.map("Method response headers", &response.headers);
            log.line("Successfully completed execution");
            response
        }
        Err(failure) => failed(&failure, &mut log),
    };
    log.line(&format!("Method completed with status: {}", response.status));

    let headers: Map<_, _> =
        response.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let lists: Map<_, _> =
        response.headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    Ok(Answer::Json(json!({
        "status": response.status,
        "body": response.body,
        "headers": Value::Object(headers),
        "multiValueHeaders": Value::Object(lists),
        "log": log.finish(),
        // A mock takes no time worth a millisecond.
        "latency": 0,
    })))
}

fn answer(
    call: &Call<'_>,
    resource: &Resource,
    method: &Method,
    request: &Request,
    request_id: &str,
) -> Result<Response, Failure> {
    let api_id = call.text("restApiId");
    let validators = call.draft.list::<RequestValidator>(api_id);
    let models = call.draft.list::<Model>(api_id);
    let validation = validation_of(method, &validators, &models).map_err(Failure::configuration)?;
    let Some(integration) = &method.method_integration else {
        return Err(Failure::configuration("No integration defined for method"));
    };
    if integration.r#type != "MOCK" {
        return Err(Failure::configuration(format!(
            "Integrations of type {} are not called in test calls yet",
            integration.r#type
        )));
    }
    let api = call.draft.get::<RestApi>("", api_id);
    let binary_types = api.map(|api| BinaryTypes::of(&api.binary_media_types));
    let tried = mock::Tried {
        place: StagePlace {
            back_ends: &call.settings.back_ends,
            ..StagePlace::of(call.draft.region(), &call.settings.account_id, api_id)
        },
        resource,
        method,
        verb: call.text("httpMethod"),
        request_id,
        received: Duration::from_secs(u64::try_from(call.now.0).unwrap_or_default()),
        binary_types: &binary_types.unwrap_or_default(),
    };
    mock::answer(&tried, request, validation.as_ref())
}

/// The answer of the gateway itself.
fn failed(failure: &Failure, log: &mut Log) -> Response {
    match failure.refusal {
        Refusal::Misconfigured => {
            log.line(&format!("Execution failed due to configuration error: {}", failure.cause))
        }
        _ if !failure.cause.is_empty() => log.line(&failure.cause),
        _ => {}
    }
    let answer = gateway_response::built_in(failure, Some(Protocol::Rest));
    Response {
        status: answer.status,
        headers: vec![("x-amzn-ErrorType".to_owned(), failure.refusal.error_type().to_owned())],
        body: String::from_utf8_lossy(&answer.content).into_owned(),
    }
}

#[cfg(test)]
mod tests;
