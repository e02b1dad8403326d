//! Integrations: who answers a method, and how the request gets there.

mod check;
mod patch;
mod response;
#[cfg(test)]
mod tests;

use super::super::operation::{Operation, read, write};
use super::super::{Answer, Call};
use super::{expression, place};
use crate::aws::Fault;
use crate::resources::rest::{Integration, Map, TlsConfig};
use serde::Deserialize;

/// The operations of this folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("PutIntegration", put),
    read("GetIntegration", get),
    write("UpdateIntegration", update),
    write("DeleteIntegration", delete),
    write("PutIntegrationResponse", response::put),
    read("GetIntegrationResponse", response::get),
    write("UpdateIntegrationResponse", response::update),
    write("DeleteIntegrationResponse", response::delete),
];

/// Milliseconds until 504 where nothing is said.
const TIMEOUT_DEFAULT: i64 = 29_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutInput {
    #[serde(rename = "type")]
    kind: String,
    integration_http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<String>,
    credentials: Option<String>,
    request_parameters: Map,
    request_templates: Map<Option<String>>,
    passthrough_behavior: Option<String>,
    cache_namespace: Option<String>,
    cache_key_parameters: Vec<String>,
    content_handling: Option<String>,
    timeout_in_millis: Option<i64>,
    tls_config: Option<TlsConfig>,
    response_transfer_mode: Option<String>,
    integration_target: Option<String>,
}

fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: PutInput = call.input()?;
    place::change_method(call, |call, method| {
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        let has_connection = check::is_http(&input.kind);
        let connection_type = non_empty(input.connection_type).unwrap_or_else(|| "INTERNET".into());
        let integration = Integration {
            http_method: non_empty(input.integration_http_method),
            uri: non_empty(input.uri),
            connection_type: has_connection.then_some(connection_type),
            connection_id: non_empty(input.connection_id).filter(|_| has_connection),
            credentials: non_empty(input.credentials),
            request_parameters: input.request_parameters,
            request_templates: without_empty(input.request_templates),
            passthrough_behavior: non_empty(input.passthrough_behavior)
                .or_else(|| Some("WHEN_NO_MATCH".into())),
            content_handling: non_empty(input.content_handling),
            timeout_in_millis: input.timeout_in_millis.unwrap_or(TIMEOUT_DEFAULT),
            cache_namespace: non_empty(input.cache_namespace)
                .or_else(|| Some(call.text("resourceId").to_owned())),
            cache_key_parameters: input.cache_key_parameters,
            integration_responses: Map::new(),
            tls_config: input.tls_config,
            response_transfer_mode: non_empty(input.response_transfer_mode),
            integration_target: non_empty(input.integration_target),
            r#type: input.kind,
        };
        check::target(call, &integration)?;
        check::behavior(call, &integration)?;
        for (parameter, value) in &integration.request_parameters {
            expression::check_integration_request(parameter)?;
            expression::check_request_value(value, &method.request_parameters)?;
        }
        for content_type in integration.request_templates.keys() {
            expression::check_content_type(content_type)?;
        }
        for parameter in &integration.cache_key_parameters {
            check::cache_key(parameter, &integration, &method.request_parameters)?;
        }
        let answer = Answer::of(&integration)?;
        method.method_integration = Some(integration);
        Ok(answer)
    })
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    Answer::of(place::integration(place::method(call, &resource)?)?)
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |call, method| {
        let declared = &method.request_parameters;
        let integration =
            method.method_integration.as_mut().ok_or_else(place::unknown_integration)?;
        patch::apply(call, integration, declared)?;
        Answer::of(integration)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |_, method| {
        let removed = method.method_integration.take();
        removed.map(|_| Answer::Empty).ok_or_else(place::unknown_integration)
    })
}

/// Templates as they are kept and shown: an empty one is null.
fn without_empty(templates: Map<Option<String>>) -> Map<Option<String>> {
    let filter = |text: Option<String>| text.filter(|text| !text.is_empty());
    templates.into_iter().map(|(content_type, text)| (content_type, filter(text))).collect()
}
