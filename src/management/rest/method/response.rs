//! Answers that methods declare.

use super::super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::super::{Answer, Call};
use super::super::{entries, expression, place};
use crate::aws::Fault;
use crate::resources::rest::{Map, MethodResponse};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutInput {
    status_code: String,
    response_parameters: Option<Map<bool>>,
    response_models: Option<Map>,
}

pub(super) fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: PutInput = call.input()?;
    place::change_method(call, |call, method| {
        if method.method_responses.contains_key(&input.status_code) {
            return Err(Fault::conflict("Response already exists for this resource"));
        }
        for parameter in input.response_parameters.iter().flat_map(Map::keys) {
            expression::check_method_response(parameter)?;
        }
        for model in input.response_models.iter().flat_map(Map::values) {
            super::check_model(call, model)?;
        }
        let response = MethodResponse {
            status_code: input.status_code,
            response_parameters: input.response_parameters,
            response_models: input.response_models,
        };
        let answer = Answer::of(&response)?;
        method.method_responses.insert(response.status_code.clone(), response);
        Ok(answer)
    })
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    let responses = &place::method(call, &resource)?.method_responses;
    Answer::of(responses.get(call.text("statusCode")).ok_or_else(place::unknown_status_code)?)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |call, method| {
        let response = method.method_responses.get_mut(call.text("statusCode"));
        let response = response.ok_or_else(place::unknown_status_code)?;
        for operation in operations(call)? {
            apply(call, &operation, response)?;
        }
        Answer::of(response)
    })
}

fn apply(
    call: &Call<'_>,
    operation: &PatchOperation,
    response: &mut MethodResponse,
) -> Result<(), Fault> {
    let tokens = operation.tokens();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match tokens[..] {
        ["responseParameters", name] => {
            if operation.op == Op::Add {
                expression::check_method_response(name)?;
            }
            let parameters = &mut response.response_parameters;
            entries::change_in(operation, parameters, name, operation.is_true(), entries::PARAMETER)
        }
        ["responseModels", content_type] => {
            let model = operation.value.clone().unwrap_or_default();
            let models = &mut response.response_models;
            let is_known = models.as_ref().is_some_and(|models| models.contains_key(content_type));
            // What is not there cannot be replaced, whatever the model: 404 comes first.
            if operation.op == Op::Add || operation.op == Op::Replace && is_known {
                super::check_model(call, &model)?;
            }
            entries::change_in(operation, models, content_type, model, entries::CONTENT_TYPE)
        }
        _ => Err(Family::Plain.bad_path(operation)),
    }
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |call, method| {
        let removed = method.method_responses.remove(call.text("statusCode"));
        removed.map(|_| Answer::Empty).ok_or_else(place::unknown_status_code)
    })
}
