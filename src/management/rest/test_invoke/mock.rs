//! Test calls of mocks: the phases that shards run, over the method as it is declared now.

use super::request::Request;
use super::{Failure, Response};
use crate::exchange::transform::{self, BackEnd, Scratch};
use crate::exchange::{Context, MethodRequest, validate};
use crate::resources::rest::{Method, Resource};
use crate::snapshot::Protocol;
use crate::snapshot::managed::{
    BinaryTypes, ParameterPlace, Shared, StagePlace, Validation, plan_method,
};
use std::borrow::Cow;
use std::time::Duration;

/// The content type of every test call: what the client says of it is not looked at.
const CONTENT_TYPE: &str = "application/json";

/// A method with what it is a part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried<'t> {
    pub(super) place: StagePlace<'t>,
    pub(super) resource: &'t Resource,
    pub(super) method: &'t Method,
    pub(super) verb: &'t str,
    pub(super) request_id: &'t str,
    /// Since 1970.
    pub(super) received: Duration,
    pub(super) binary_types: &'t BinaryTypes,
}

/// What a mock answers.
pub(super) fn answer(
    tried: &Tried<'_>,
    request: &Request,
    validation: Option<&Validation>,
) -> Result<Response, Failure> {
    let route_key = format!("{} {}", tried.verb, tried.resource.path);
    let shared = Shared { account_id: tried.place.account_id.into(), ..Shared::default() };
    let context = Context {
        request_id: Cow::Borrowed(tried.request_id),
        extended_request_id: Cow::Borrowed(tried.request_id),
        method: tried.verb,
        path: Cow::Borrowed(&request.path),
        domain_name: Cow::Borrowed("testPrefix.testDomainName"),
        received: tried.received,
        api_id: tried.place.api_id,
        stage: "test-invoke-stage",
        route_key: &route_key,
        resource_id: &tried.resource.id,
        shared: Some(&shared),
        ..Context::new(Protocol::Rest)
    };
    let mut asked = MethodRequest::new(context);
    let text = |text: &str| Cow::Owned(text.to_owned());
    asked.path =
        request.path_parameters.iter().map(|(name, value)| (&**name, text(value))).collect();
    asked.query = request.query.iter().map(|(name, value)| (text(name), text(value))).collect();
    asked.header = request
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    asked.content = request.body.as_bytes();
    let variables = request.stage_variables.iter();
    asked.stage_variables = variables.map(|(name, value)| (&**name, &**value)).collect();
    if let Some(validation) = validation {
        validate::missing(validation, |required| {
            let found = match required.place {
                ParameterPlace::Header => asked.header(&required.name).map(str::to_owned),
                ParameterPlace::Query => {
                    let named = asked.query.iter().rfind(|(name, _)| **name == *required.name);
                    named.map(|(_, value)| value.to_string())
                }
                ParameterPlace::Path => {
                    let named = asked.path.iter().find(|(name, _)| **name == *required.name);
                    named.map(|(_, value)| value.to_string())
                }
            };
            found.is_some_and(|value| !value.trim().is_empty())
        })?;
        validate::content_of_type(validation, CONTENT_TYPE, asked.content)?;
    }
    // What a template cannot be parsed for is told when a request needs it.
    let mut problems = Vec::new();
    let plan = plan_method(
        &tried.place,
        tried.resource,
        tried.method,
        &request.stage_variables,
        &mut |problem| problems.push(problem),
    )
    .map_err(Failure::configuration)?;
    let mut scratch = Scratch::new(tried.received.as_millis() as u64);
    let types = tried.binary_types;
    let made = transform::request(&plan, &asked, types, &mut scratch)
        .map_err(|failure| told(failure, &problems))?;
    let status = transform::status(&made)?.map(|status| status.to_string());
    let back_end = BackEnd { selected_by: status.as_deref(), fields: &[], content: &[] };
    let answer =
        transform::response(&plan, &asked, &back_end, types, &made.overrides, &mut scratch)
            .map_err(|failure| told(failure, &problems))?;
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = answer.headers.iter().map(|(name, value)| (name.clone(), lossy(value)));
    Ok(Response { status: answer.status, headers: headers.collect(), body: lossy(&answer.content) })
}

/// A failure with what is wrong with the templates, so that the log says where.
fn told(failure: Failure, problems: &[String]) -> Failure {
    match failure.cause.as_ref() {
        "Unable to transform request" | "Unable to transform response" => Failure {
            cause: format!("{}: {}", failure.cause, problems.join("; ")).into(),
            ..failure
        },
        _ => failure,
    }
}
