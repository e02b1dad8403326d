//! Integration responses: how the answer of a WebSocket integration becomes a message.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, integration};
use crate::aws::Fault;
use crate::resources::http::IntegrationResponse;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateIntegrationResponse", create),
    write("DeleteIntegrationResponse", delete),
    read("GetIntegrationResponse", get),
    read("GetIntegrationResponses", list),
    write("UpdateIntegrationResponse", update),
];

/// Finds the integration that the call names and returns the owner of its responses.
fn owner(call: &Call<'_>) -> Result<String, Fault> {
    let api = api::find(call)?;
    let integration = integration::find(call, &api)?;
    Ok(format!("{}/{}", api.api_id, integration.integration_id))
}

fn find(call: &Call<'_>, owner: &str) -> Result<Arc<IntegrationResponse>, Fault> {
    let id = call.text("integrationResponseId");
    call.draft.get(owner, id).ok_or_else(|| {
        Fault::not_found(format!("Invalid IntegrationResponse identifier specified {id}"))
    })
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if api::find(call)?.is_http() {
        return Err(Fault::bad_request(
            "IntegrationResponses are currently not supported for this API protocol type.",
        ));
    }
    let owner = owner(call)?;
    let response = IntegrationResponse {
        integration_response_id: call.ids.seven(),
        ..IntegrationResponse::default()
    };
    put(call, &owner, response)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    Answer::of(&*find(call, &owner)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(
        call,
        &owner,
        |response: &IntegrationResponse| &response.integration_response_id,
        document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    let response = IntegrationResponse::clone(&*find(call, &owner)?);
    put(call, &owner, response)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    let response = find(call, &owner)?;
    call.draft.remove::<IntegrationResponse>(&owner, &response.integration_response_id);
    Ok(Answer::Empty)
}

/// Lays the call's members over a response, checks and stores it.
fn put(
    call: &mut Call<'_>,
    owner: &str,
    mut response: IntegrationResponse,
) -> Result<Answer, Fault> {
    let given = Members(&call.input);
    given.word("integrationResponseKey", &mut response.integration_response_key);
    given.text("contentHandlingStrategy", &mut response.content_handling_strategy);
    given.merge("responseParameters", &mut response.response_parameters);
    given.replace("responseTemplates", &mut response.response_templates);
    given.text("templateSelectionExpression", &mut response.template_selection_expression);
    let key = &response.integration_response_key;
    let is_pattern = key.len() > 2 && key.starts_with('/') && key.ends_with('/');
    if key != "$default" && !is_pattern {
        return Err(Fault::bad_request(format!(
            "Invalid integration response key specified: {key}. A key is $default or a regular expression between slashes"
        )));
    }
    let others = call.draft.list::<IntegrationResponse>(owner);
    let is_double = |other: &IntegrationResponse| {
        other.integration_response_id != response.integration_response_id
            && other.integration_response_key == *key
    };
    if others.iter().any(|other| is_double(other)) {
        return Err(Fault::conflict(format!(
            "Integration response with key {key} already exists for this integration"
        )));
    }
    let answer = Answer::of(&response);
    let id = response.integration_response_id.clone();
    call.draft.put(owner, &id, response);
    answer
}
