//! Integrations of HTTP and WebSocket APIs.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::api;
use super::integration_check as check;
use super::members::Members;
use crate::aws::Fault;
use crate::resources::http::{Api, Integration, Route, TlsConfig};
use crate::resources::rest::Map;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateIntegration", create),
    write("DeleteIntegration", delete),
    read("GetIntegration", get),
    read("GetIntegrations", list),
    write("UpdateIntegration", update),
];

/// The integration that the call names.
///
/// # Errors
/// There is none.
pub(super) fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Integration>, Fault> {
    let id = call.text("integrationId");
    call.draft
        .get(&api.api_id, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid Integration identifier specified {id}")))
}

/// Completes an integration, checks and stores it.
///
/// # Errors
/// Something about it is refused.
pub(super) fn put(
    call: &mut Call<'_>,
    api: &Api,
    mut integration: Integration,
) -> Result<Arc<Integration>, Fault> {
    complete(api, &mut integration);
    check::integration(call, api, &integration)?;
    let integration = Arc::new(integration);
    call.draft.put_shared(&api.api_id, &integration.integration_id, Arc::clone(&integration));
    Ok(integration)
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut integration =
        Integration { integration_id: call.ids.seven(), ..Integration::default() };
    lay(&mut integration, Members(&call.input))?;
    Answer::of(&*put(call, &api, integration)?)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Answer::of(&*find(call, &api)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(
        call,
        &api.api_id,
        |integration: &Integration| &integration.integration_id,
        document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut integration = Integration::clone(&*find(call, &api)?);
    lay(&mut integration, Members(&call.input))?;
    Answer::of(&*put(call, &api, integration)?)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let integration = find(call, &api)?;
    let id = &integration.integration_id;
    if integration.api_gateway_managed == Some(true) {
        return Err(Fault::bad_request(format!(
            "Integration {id} is managed by its API and cannot be deleted"
        )));
    }
    let target = format!("integrations/{id}");
    let routes = call.draft.list::<Route>(&api.api_id);
    let users: Vec<&str> = routes
        .iter()
        .filter(|route| route.target.as_deref() == Some(&*target))
        .map(|route| &*route.route_id)
        .collect();
    if !users.is_empty() {
        return Err(Fault::conflict(format!(
            "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
            users.join(", ")
        )));
    }
    call.draft.remove_owned(&format!("{}/{id}", api.api_id));
    call.draft.remove::<Integration>(&api.api_id, id);
    Ok(Answer::Empty)
}

fn lay(integration: &mut Integration, given: Members<'_>) -> Result<(), Fault> {
    given.within(&[
        ("connectionId", 1024),
        ("description", 1024),
        ("integrationSubtype", 128),
        ("integrationUri", 2048),
    ])?;
    given.word("integrationType", &mut integration.integration_type);
    given.text("integrationSubtype", &mut integration.integration_subtype);
    given.text("integrationMethod", &mut integration.integration_method);
    given.text("integrationUri", &mut integration.integration_uri);
    given.word("connectionType", &mut integration.connection_type);
    given.text("connectionId", &mut integration.connection_id);
    given.text("contentHandlingStrategy", &mut integration.content_handling_strategy);
    given.text("credentialsArn", &mut integration.credentials_arn);
    given.text("description", &mut integration.description);
    given.text("passthroughBehavior", &mut integration.passthrough_behavior);
    given.text("payloadFormatVersion", &mut integration.payload_format_version);
    given.merge("requestParameters", &mut integration.request_parameters);
    given.replace("requestTemplates", &mut integration.request_templates);
    given.text("templateSelectionExpression", &mut integration.template_selection_expression);
    if let Some(milliseconds) = given.number("timeoutInMillis") {
        integration.timeout_in_millis = milliseconds;
    }
    // A status's mappings are replaced together; without any left the status goes.
    for (status, mut mappings) in
        given.structure::<Map<Map>>("responseParameters")?.unwrap_or_default()
    {
        mappings.retain(|_, value| !value.is_empty());
        match mappings.is_empty() {
            true => integration.response_parameters.remove(&status),
            false => integration.response_parameters.insert(status, mappings),
        };
    }
    if let Some(tls) = given.structure::<TlsConfig>("tlsConfig")? {
        let has_name = tls.server_name_to_verify.as_ref().is_some_and(|name| !name.is_empty());
        integration.tls_config = has_name.then_some(tls);
    }
    Ok(())
}

/// Fills in the defaults that depend on the API's protocol and the integration's type, and drops what
/// that type does not have.
fn complete(api: &Api, integration: &mut Integration) {
    if integration.connection_type.is_empty() {
        "INTERNET".clone_into(&mut integration.connection_type);
    }
    if integration.timeout_in_millis == 0 {
        integration.timeout_in_millis = check::timeout_max(api);
    }
    let kind = &*integration.integration_type;
    let is_lambda =
        ["AWS", "AWS_PROXY"].contains(&kind) && integration.integration_subtype.is_none();
    // A function has no default on HTTP APIs: the two formats are too different to guess.
    if integration.payload_format_version.is_none() && !(api.is_http() && is_lambda) {
        integration.payload_format_version = Some("1.0".to_owned());
    }
    if is_lambda && integration.integration_method.is_none() {
        integration.integration_method = Some("POST".to_owned());
    }
    let selection = match kind {
        "HTTP" | "MOCK" => Some("${integration.response.statuscode}"),
        "AWS" => Some("${integration.response.body.errorMessage}"),
        _ => None,
    };
    let selection = selection.filter(|_| !api.is_http());
    integration.integration_response_selection_expression = selection.map(str::to_owned);
    if api.is_http() {
        // Terraform sends its default, `WHEN_NO_MATCH`, for every API.
        integration.passthrough_behavior = None;
    } else if selection.is_some() && integration.passthrough_behavior.is_none() {
        integration.passthrough_behavior = Some("WHEN_NO_MATCH".to_owned());
    }
}

#[cfg(test)]
#[path = "integration_tests.rs"]
mod tests;
