//! Route responses: what makes a WebSocket route answer.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, route};
use crate::aws::Fault;
use crate::resources::http::{ParameterConstraints, RouteResponse};
use crate::resources::rest::Map;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateRouteResponse", create),
    write("DeleteRouteResponse", delete),
    read("GetRouteResponse", get),
    read("GetRouteResponses", list),
    write("UpdateRouteResponse", update),
];

/// Finds the route that the call names and returns the owner of its responses.
fn owner(call: &Call<'_>) -> Result<String, Fault> {
    let api = api::find(call)?;
    let route = route::find(call, &api)?;
    Ok(format!("{}/{}", api.api_id, route.route_id))
}

fn find(call: &Call<'_>, owner: &str) -> Result<Arc<RouteResponse>, Fault> {
    let id = call.text("routeResponseId");
    call.draft
        .get(owner, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid RouteResponse identifier specified {id}")))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if api::find(call)?.is_http() {
        return Err(Fault::bad_request(
            "RouteResponses are currently not supported for this API protocol type.",
        ));
    }
    let owner = owner(call)?;
    let response =
        RouteResponse { route_response_id: call.ids.seven(), ..RouteResponse::default() };
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
        |response: &RouteResponse| &response.route_response_id,
        document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    let response = RouteResponse::clone(&*find(call, &owner)?);
    put(call, &owner, response)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = owner(call)?;
    let response = find(call, &owner)?;
    call.draft.remove::<RouteResponse>(&owner, &response.route_response_id);
    Ok(Answer::Empty)
}

/// Lays the call's members over a response, checks and stores it.
fn put(call: &mut Call<'_>, owner: &str, mut response: RouteResponse) -> Result<Answer, Fault> {
    let given = Members(&call.input);
    given.word("routeResponseKey", &mut response.route_response_key);
    given.text("modelSelectionExpression", &mut response.model_selection_expression);
    given.replace("responseModels", &mut response.response_models);
    if let Some(parameters) = given.structure::<Map<ParameterConstraints>>("responseParameters")? {
        response.response_parameters.extend(parameters);
    }
    if response.route_response_key != "$default" {
        return Err(Fault::bad_request(
            "Currently, only $default is supported as a RouteResponseKey.",
        ));
    }
    let others = call.draft.list::<RouteResponse>(owner);
    if others.iter().any(|other| other.route_response_id != response.route_response_id) {
        return Err(Fault::conflict(format!(
            "Route response with key {} already exists for this route",
            response.route_response_key
        )));
    }
    let answer = Answer::of(&response);
    let id = response.route_response_id.clone();
    call.draft.put(owner, &id, response);
    answer
}
