//! Methods of resources.

mod patch;
mod response;
#[cfg(test)]
mod tests;

use super::super::operation::{Operation, read, write};
use super::super::{Answer, Call};
use super::{expression, place};
use crate::aws::Fault;
use crate::resources::rest::{Authorizer, Map, Method, Model, RequestValidator, Resource};
use serde::Deserialize;

/// The operations of this folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("PutMethod", put),
    read("GetMethod", get),
    write("UpdateMethod", update),
    write("DeleteMethod", delete),
    write("PutMethodResponse", response::put),
    read("GetMethodResponse", response::get),
    write("UpdateMethodResponse", response::update),
    write("DeleteMethodResponse", response::delete),
];

/// Verbs that a method can have, in the order in which Amazon prints them.
const VERBS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];

/// Ways to authorize. The last three name an authorizer.
const AUTHORIZATION_TYPES: [&str; 5] = ["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS", "JWT"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutInput {
    http_method: String,
    authorization_type: String,
    authorizer_id: Option<String>,
    api_key_required: bool,
    operation_name: Option<String>,
    request_parameters: Map<bool>,
    request_models: Map,
    request_validator_id: Option<String>,
    authorization_scopes: Vec<String>,
}

fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut resource = Resource::clone(&*place::resource(call)?);
    let input: PutInput = call.input()?;
    check_verb(&input.http_method)?;
    if resource.resource_methods.contains_key(&input.http_method) {
        return Err(Fault::conflict("Method already exists for this resource"));
    }
    let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut method = Method {
        http_method: input.http_method,
        authorization_type: input.authorization_type,
        authorizer_id: non_empty(input.authorizer_id),
        api_key_required: input.api_key_required,
        request_validator_id: non_empty(input.request_validator_id),
        operation_name: non_empty(input.operation_name),
        request_parameters: input.request_parameters,
        request_models: input.request_models,
        authorization_scopes: input.authorization_scopes,
        ..Method::default()
    };
    settle_authorizer(call, &mut method)?;
    if let Some(validator) = &method.request_validator_id {
        check_validator(call, validator)?;
    }
    for model in method.request_models.values() {
        check_model(call, model)?;
    }
    for parameter in method.request_parameters.keys() {
        expression::check_method_request(parameter)?;
    }
    expression::check_unique_names(&method.request_parameters)?;

    let answer = Answer::of(&method)?;
    let (api, id) = (call.text("restApiId").to_owned(), resource.id.clone());
    resource.resource_methods.insert(method.http_method.clone(), method);
    call.draft.put(&api, &id, resource);
    Ok(answer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(place::method(call, &*place::resource(call)?)?)
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |call, method| {
        patch::apply(call, method)?;
        Answer::of(method)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut resource = Resource::clone(&*place::resource(call)?);
    place::method(call, &resource)?;
    resource.resource_methods.remove(call.text("httpMethod"));
    let (api, id) = (call.text("restApiId").to_owned(), resource.id.clone());
    call.draft.put(&api, &id, resource);
    Ok(Answer::Empty)
}

fn check_verb(verb: &str) -> Result<(), Fault> {
    if VERBS.contains(&verb) {
        return Ok(());
    }
    let verbs = VERBS.join(",");
    Err(Fault::bad_request(format!("Invalid HttpMethod specified. Valid options are {verbs}")))
}

/// Checks that a method has the authorizer that its type asks for, and drops one that it does not.
fn settle_authorizer(call: &Call<'_>, method: &mut Method) -> Result<(), Fault> {
    // Old tutorials write `none`; kept as it was written.
    match method.authorization_type.to_ascii_uppercase().as_str() {
        "NONE" | "AWS_IAM" => method.authorizer_id = None,
        "CUSTOM" | "COGNITO_USER_POOLS" | "JWT" => {
            let id = method.authorizer_id.as_deref().unwrap_or_default();
            if !call.draft.has::<Authorizer>(call.text("restApiId"), id) {
                return Err(Fault::bad_request(
                    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
                ));
            }
        }
        _ => {
            let types = AUTHORIZATION_TYPES.join(",");
            return Err(Fault::bad_request(format!(
                "Invalid AuthorizationType specified. Valid options are {types}"
            )));
        }
    }
    Ok(())
}

fn check_validator(call: &Call<'_>, id: &str) -> Result<(), Fault> {
    if call.draft.has::<RequestValidator>(call.text("restApiId"), id) {
        return Ok(());
    }
    Err(Fault::bad_request("Invalid Request Validator identifier specified"))
}

/// Checks that the API has a model, of a method or its responses.
fn check_model(call: &Call<'_>, name: &str) -> Result<(), Fault> {
    if call.draft.has::<Model>(call.text("restApiId"), name) {
        return Ok(());
    }
    Err(Fault::bad_request(format!("Invalid model identifier specified: {name}")))
}
