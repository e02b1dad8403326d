//! TestInvokeMethod: tries a method as it is defined now, before it is deployed. TestInvokeAuthorizer.
//!
//! Nothing here waits or reaches out, so what can be tried are mocks whose templates are plain text.
//! Everything else answers as a broken integration would, and the log says what is not possible.

mod authorizer;
mod log;
mod mock;
mod request;

use super::super::Call;
use super::super::answer::Answer;
use super::super::operation::{Operation, read};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::{Method, RequestValidator};
use log::Log;
use request::Request;
use serde_json::{Map, Value, json};

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

/// Why a method could not answer.
#[derive(Debug, PartialEq)]
enum Failure {
    /// It is set up so that it cannot work, or so that it cannot be tried here.
    Configuration(String),
    /// No template for the content type, and the body may not pass as it is.
    UnsupportedMediaType,
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
    let response = match answer(call, method, &request, &request_id) {
        Ok(response) => {
            log.line(&format!("Method response body after transformations: {}", response.body));
            log.map("Method response headers", &response.headers);
            log.line("Successfully completed execution");
            response
        }
        Err(failure) => failed(failure, &mut log),
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
    method: &Method,
    request: &Request,
    request_id: &str,
) -> Result<Response, Failure> {
    let not_yet = |what: &str| Failure::Configuration(format!("{what} in test calls yet"));
    let validator = method.request_validator_id.as_deref();
    let validator =
        validator.and_then(|id| call.draft.get::<RequestValidator>(call.text("restApiId"), id));
    if validator.is_some_and(|it| it.validate_request_body || it.validate_request_parameters) {
        return Err(not_yet("Request validators are not run"));
    }
    let Some(integration) = &method.method_integration else {
        return Err(Failure::Configuration("No integration defined for method".to_owned()));
    };
    if integration.r#type != "MOCK" {
        return Err(not_yet(&format!(
            "Integrations of type {} are not called",
            integration.r#type
        )));
    }
    mock::answer(method, integration, request, request_id)
}

/// The answer of the gateway itself.
fn failed(failure: Failure, log: &mut Log) -> Response {
    let (status, kind, message) = match failure {
        Failure::Configuration(reason) => {
            log.line(&format!("Execution failed due to configuration error: {reason}"));
            (500, "InternalServerErrorException", "Internal server error")
        }
        Failure::UnsupportedMediaType => {
            log.line("Unsupported media type: application/json");
            (415, "BadRequestException", "Unsupported Media Type")
        }
    };
    Response {
        status,
        headers: vec![("x-amzn-ErrorType".to_owned(), kind.to_owned())],
        body: format!("{{\"message\": \"{message}\"}}"),
    }
}

#[cfg(test)]
mod tests;
