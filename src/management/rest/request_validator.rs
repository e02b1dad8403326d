//! Request validators.

use super::super::answer::Answer;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Call, answer};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::{RequestValidator, RestApi};
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateRequestValidator", create),
    read("GetRequestValidator", get),
    read("GetRequestValidators", list),
    write("UpdateRequestValidator", update),
    write("DeleteRequestValidator", delete),
];

const FAMILY: Family = Family::Listed {
    add: &[],
    remove: &[],
    replace: &["/name", "/validateRequestParameters", "/validateRequestBody"],
};

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api_id = call.text("restApiId").to_owned();
    // Other operations answer 404 in other words: recorded from AWS.
    if !call.draft.has::<RestApi>("", &api_id) {
        return Err(Fault::bad_request("Invalid REST API identifier specified"));
    }
    let validator = RequestValidator {
        id: call.ids.short(),
        name: call.text_of("name").filter(|name| !name.is_empty()).map(str::to_owned),
        validate_request_body: call.is_set("validateRequestBody"),
        validate_request_parameters: call.is_set("validateRequestParameters"),
    };
    let answer = Answer::of(&validator)?;
    let id = validator.id.clone();
    call.draft.put(&api_id, &id, validator);
    Ok(answer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*named(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let page = Page::v1(call);
    Ok(page::v1(page.take(
        call,
        &api.id,
        |validator: &RequestValidator| &validator.id,
        answer::document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut validator = RequestValidator::clone(&*named(call)?);
    for operation in patch::operations(call)? {
        match (operation.op, operation.path.as_deref()) {
            (Op::Replace, Some("/name")) => {
                let name = operation.non_empty().filter(|name| !name.trim().is_empty());
                if name.is_none() {
                    return Err(Fault::bad_request("Request Validator name cannot be blank"));
                }
                validator.name = name;
            }
            (Op::Replace, Some("/validateRequestParameters")) => {
                validator.validate_request_parameters = operation.is_true();
            }
            (Op::Replace, Some("/validateRequestBody")) => {
                validator.validate_request_body = operation.is_true();
            }
            _ => return Err(FAMILY.bad_path(&operation)),
        }
    }
    let answer = Answer::of(&validator)?;
    let (api_id, id) = (call.text("restApiId").to_owned(), validator.id.clone());
    call.draft.put(&api_id, &id, validator);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let validator = named(call)?;
    let api_id = call.text("restApiId").to_owned();
    let user = place::method_with(call, &api_id, |method| {
        method.request_validator_id.as_deref() == Some(&validator.id)
    });
    if let Some((path, verb)) = user {
        let name = validator.name.as_deref().unwrap_or(&validator.id);
        return Err(Fault::conflict(format!(
            "Cannot delete validator '{name}', is referenced in method: {verb}/{path}"
        )));
    }
    call.draft.remove::<RequestValidator>(&api_id, &validator.id);
    Ok(Answer::Empty)
}

/// The validator that a call names.
fn named(call: &Call<'_>) -> Result<Arc<RequestValidator>, Fault> {
    let validator = call.draft.get(call.text("restApiId"), call.text("requestValidatorId"));
    validator.ok_or_else(|| Fault::not_found("Invalid Request Validator identifier specified"))
}

#[cfg(test)]
#[path = "request_validator_tests.rs"]
mod tests;
