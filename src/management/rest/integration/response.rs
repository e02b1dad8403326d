//! How back ends' answers become those that a method declares.

use super::super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::super::{Answer, Call};
use super::super::{entries, expression, place};
use super::patch;
use crate::aws::Fault;
use crate::resources::rest::{Integration, IntegrationResponse, Map, Method, MethodResponse};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutInput {
    status_code: String,
    selection_pattern: Option<String>,
    response_parameters: Option<Map>,
    response_templates: Option<Map<Option<String>>>,
    content_handling: Option<String>,
}

pub(super) fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: PutInput = call.input()?;
    place::change_method(call, |_, method| {
        let Method { method_integration, method_responses, .. } = method;
        let integration = method_integration.as_mut().ok_or_else(place::unknown_integration)?;
        let response = IntegrationResponse {
            status_code: input.status_code,
            selection_pattern: input.selection_pattern,
            response_parameters: input.response_parameters,
            response_templates: input.response_templates.map(super::without_empty),
            content_handling: input.content_handling.filter(|text| !text.is_empty()),
        };
        for content_type in response.response_templates.iter().flat_map(Map::keys) {
            expression::check_content_type(content_type)?;
        }
        for (parameter, value) in response.response_parameters.iter().flatten() {
            check_parameter(parameter, value, method_responses.get(&response.status_code))?;
        }
        check_pattern(&response, integration)?;
        let answer = Answer::of(&response)?;
        integration.integration_responses.insert(response.status_code.clone(), response);
        Ok(answer)
    })
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    let integration = place::integration(place::method(call, &resource)?)?;
    let response = integration.integration_responses.get(call.text("statusCode"));
    Answer::of(response.ok_or_else(place::unknown_status_code)?)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::change_method(call, |call, method| {
        let Method { method_integration, method_responses, .. } = method;
        let integration = method_integration.as_mut().ok_or_else(place::unknown_integration)?;
        let code = call.text("statusCode");
        let response = integration.integration_responses.get(code);
        let mut response = response.ok_or_else(place::unknown_status_code)?.clone();
        for operation in operations(call)? {
            apply(&operation, &mut response, method_responses.get(code))?;
        }
        check_pattern(&response, integration)?;
        let answer = Answer::of(&response)?;
        integration.integration_responses.insert(code.to_owned(), response);
        Ok(answer)
    })
}

fn apply(
    operation: &PatchOperation,
    response: &mut IntegrationResponse,
    declared: Option<&MethodResponse>,
) -> Result<(), Fault> {
    let tokens = operation.tokens();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match tokens[..] {
        ["selectionPattern"] => {
            entries::only_replace(operation)?;
            response.selection_pattern.clone_from(&operation.value);
        }
        ["contentHandling"] => {
            response.content_handling =
                entries::one_of(operation, "contentHandling", &patch::CONTENT_HANDLING)?;
        }
        ["responseParameters", name] => {
            let value = operation.value.clone().unwrap_or_default();
            let parameters = &mut response.response_parameters;
            entries::change_in(operation, parameters, name, value.clone(), entries::PARAMETER)?;
            if operation.op != Op::Remove {
                check_parameter(name, &value, declared)?;
            }
        }
        ["responseTemplates", content_type] => {
            let mut templates = response.response_templates.take().unwrap_or_default();
            patch::template(operation, &mut templates, content_type)?;
            response.response_templates = Some(templates).filter(|it| !it.is_empty());
        }
        _ => return Err(Family::Plain.bad_path(operation)),
    }
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    // Unlike other calls, this one does not tell an unknown method from one without integration.
    let resource = place::resource(call)?;
    if !resource.resource_methods.contains_key(call.text("httpMethod")) {
        return Err(place::unknown_integration());
    }
    place::change_integration(call, |call, integration| {
        let removed = integration.integration_responses.remove(call.text("statusCode"));
        removed.map(|_| Answer::Empty).ok_or_else(place::unknown_status_code)
    })
}

/// Checks where a header of an answer comes from, and that the method's response declares it.
fn check_parameter(
    parameter: &str,
    value: &str,
    declared: Option<&MethodResponse>,
) -> Result<(), Fault> {
    expression::check_method_response(parameter)?;
    let declared = declared.ok_or_else(expression::no_method_response)?;
    let headers = declared.response_parameters.as_ref();
    if !headers.is_some_and(|headers| headers.contains_key(parameter)) {
        return Err(expression::undeclared(parameter));
    }
    expression::check_response_value(value)
}

/// Checks that no other status code is chosen by the same pattern. No pattern is one, too: it chooses
/// what no other does.
fn check_pattern(response: &IntegrationResponse, integration: &Integration) -> Result<(), Fault> {
    let pattern_of =
        |response: &IntegrationResponse| response.selection_pattern.clone().unwrap_or_default();
    let pattern = pattern_of(response);
    let is_taken = integration
        .integration_responses
        .values()
        .any(|other| other.status_code != response.status_code && pattern_of(other) == pattern);
    if !is_taken {
        return Ok(());
    }
    let shown = if pattern.is_empty() { "default" } else { &pattern };
    Err(Fault::conflict(format!(
        "Integration response with selection pattern {shown} already exists"
    )))
}
