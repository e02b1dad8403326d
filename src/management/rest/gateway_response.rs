//! Gateway responses: the gateway's own answers, customised.
//!
//! All 21 types exist for every API. Only customised ones are stored; the others are shown as they
//! are by default, or as a customised `DEFAULT_4XX` or `DEFAULT_5XX` makes them.

use super::super::Call;
use super::super::answer::{self, Answer};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op, PatchOperation};
use super::expression::invalid_expression;
use super::place;
use crate::aws::Fault;
use crate::resources::Draft;
use crate::resources::rest::{GatewayResponse, Map};

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("PutGatewayResponse", put),
    read("GetGatewayResponse", get),
    read("GetGatewayResponses", list),
    write("UpdateGatewayResponse", update),
    write("DeleteGatewayResponse", delete),
];

/// The types and their status codes, by name; the two defaults have none of their own.
const TYPES: [(&str, &str); 21] = [
    ("ACCESS_DENIED", "403"),
    ("API_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_FAILURE", "500"),
    ("BAD_REQUEST_BODY", "400"),
    ("BAD_REQUEST_PARAMETERS", "400"),
    (DEFAULT_4XX, ""),
    (DEFAULT_5XX, ""),
    ("EXPIRED_TOKEN", "403"),
    ("INTEGRATION_FAILURE", "504"),
    ("INTEGRATION_TIMEOUT", "504"),
    ("INVALID_API_KEY", "403"),
    ("INVALID_SIGNATURE", "403"),
    ("MISSING_AUTHENTICATION_TOKEN", "403"),
    ("QUOTA_EXCEEDED", "429"),
    ("REQUEST_TOO_LARGE", "413"),
    ("RESOURCE_NOT_FOUND", "404"),
    ("THROTTLED", "429"),
    ("UNAUTHORIZED", "401"),
    ("UNSUPPORTED_MEDIA_TYPE", "415"),
    ("WAF_FILTERED", "403"),
];

const DEFAULT_4XX: &str = "DEFAULT_4XX";
const DEFAULT_5XX: &str = "DEFAULT_5XX";

/// What every type answers until it is customised.
const TEMPLATE: (&str, &str) = ("application/json", "{\"message\":$context.error.messageString}");

fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let own = own_default(call.text("responseType"))?;
    let sent: Sent = call.input()?;
    let response = GatewayResponse {
        status_code: sent.status_code.filter(|code| !code.is_empty()).or(own.status_code),
        response_parameters: sent.response_parameters.unwrap_or_default(),
        response_templates: sent
            .response_templates
            .filter(|templates| !templates.is_empty())
            .unwrap_or(own.response_templates),
        response_type: own.response_type,
        default_response: false,
    };
    for (name, value) in &response.response_parameters {
        check_parameter(name, value)?;
    }
    let answer = Answer::of(&response)?;
    let kind = response.response_type.clone();
    call.draft.put(&api.id, &kind, response);
    Ok(answer)
}

/// The members of a put that may be left out.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    status_code: Option<String>,
    response_parameters: Option<Map>,
    response_templates: Option<Map>,
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    Answer::of(&shown(&call.draft, &api.id, call.text("responseType"))?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let shown = |(kind, _): &(&str, &str)| shown(&call.draft, &api.id, kind);
    let responses = TYPES.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    // A default page has 25 elements, so all 21 come at once unless fewer are asked for.
    let id = |response: &GatewayResponse| response.response_type.clone();
    Ok(page::v1(Page::v1(call).cut(&responses, id, answer::document)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let kind = call.text("responseType").to_owned();
    let operations = patch::operations(call)?;
    let customised = call.draft.get::<GatewayResponse>(&api.id, &kind);
    let mut response = match customised {
        Some(response) => GatewayResponse::clone(&response),
        None => own_default(&kind)?,
    };
    if operations.is_empty() {
        // Nothing is asked for, so nothing becomes custom.
        return Answer::of(&shown(&call.draft, &api.id, &kind)?);
    }
    for operation in &operations {
        change(&mut response, operation)?;
    }
    response.default_response = false;
    let answer = Answer::of(&response)?;
    call.draft.put(&api.id, &kind, response);
    Ok(answer)
}

fn change(response: &mut GatewayResponse, operation: &PatchOperation) -> Result<(), Fault> {
    let bad_path = || Family::Plain.bad_path(operation);
    if operation.path.as_deref() == Some("/statusCode") {
        // AWS calls the path invalid for the other operations, not the operation.
        if operation.op != Op::Replace {
            return Err(bad_path());
        }
        let code = operation.value.as_deref().unwrap_or_default();
        if !is_status(code) {
            return Err(Fault::bad_request(format!("Invalid status code specified: {code}")));
        }
        response.status_code = Some(code.to_owned());
        return Ok(());
    }
    if operation.path.is_none() {
        return Err(bad_path());
    }
    let tokens = operation.tokens();
    let [member, key] = tokens.as_slice() else { return Err(bad_path()) };
    let (map, unknown) = match member.as_str() {
        "responseParameters" => {
            (&mut response.response_parameters, "Invalid parameter name specified")
        }
        "responseTemplates" => {
            (&mut response.response_templates, "Content-Type specified was not found")
        }
        _ => return Err(bad_path()),
    };
    let value = operation.non_empty();
    match (operation.op, value) {
        (Op::Add | Op::Replace, None) => {
            Err(Fault::bad_request(format!("Invalid null or empty value in {member}")))
        }
        (Op::Replace, Some(_)) if !map.contains_key(key) => Err(Fault::not_found(unknown)),
        (Op::Add | Op::Replace, Some(value)) => {
            if member == "responseParameters" {
                check_parameter(key, &value)?;
            }
            map.insert(key.clone(), value);
            Ok(())
        }
        (Op::Remove, _) => match map.remove(key) {
            Some(_) => Ok(()),
            None => Err(Fault::not_found(unknown)),
        },
        (Op::Move | Op::Copy | Op::Test, _) => {
            Err(Family::Plain.bad_op(operation, &["add", "remove", "replace"]))
        }
    }
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let kind = call.text("responseType").to_owned();
    if !call.draft.remove::<GatewayResponse>(&api.id, &kind) {
        return Err(Fault::not_found("Gateway response type not defined on api"));
    }
    Ok(Answer::Empty)
}

/// A type as it is shown: customised, or by default with what a customised `DEFAULT_…` says.
fn shown(draft: &Draft<'_>, api_id: &str, kind: &str) -> Result<GatewayResponse, Fault> {
    if let Some(customised) = draft.get::<GatewayResponse>(api_id, kind) {
        return Ok(GatewayResponse::clone(&customised));
    }
    let own = own_default(kind)?;
    let general = match own.status_code.as_deref() {
        Some(code) if code.starts_with('4') => draft.get::<GatewayResponse>(api_id, DEFAULT_4XX),
        Some(_) => draft.get::<GatewayResponse>(api_id, DEFAULT_5XX),
        None => None,
    };
    let Some(general) = general else { return Ok(own) };
    Ok(GatewayResponse {
        status_code: general.status_code.clone().or(own.status_code),
        response_parameters: general.response_parameters.clone(),
        response_templates: general.response_templates.clone(),
        ..own
    })
}

/// A type before anything is customised.
fn own_default(kind: &str) -> Result<GatewayResponse, Fault> {
    // The model's check names all values; this one is only met without it.
    let found = TYPES.iter().find(|(name, _)| *name == kind);
    let (name, code) = found.ok_or_else(|| Fault::bad_request("Invalid request input"))?;
    let (content_type, template) = TEMPLATE;
    Ok(GatewayResponse {
        response_type: (*name).to_owned(),
        status_code: Some(*code).filter(|code| !code.is_empty()).map(str::to_owned),
        response_parameters: Map::new(),
        response_templates: Map::from([(content_type.to_owned(), template.to_owned())]),
        default_response: true,
    })
}

/// Whether a header of a gateway response may get this value: a quoted text, or a part of the
/// request, the context or the stage's variables.
fn check_parameter(name: &str, value: &str) -> Result<(), Fault> {
    let header = name.strip_prefix("gatewayresponse.header.");
    if header.is_none_or(str::is_empty) {
        return Err(invalid_expression(name));
    }
    let is_static = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
    let has = |prefix: &str| value.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    let places = ["header", "path", "querystring", "multivalueheader", "multivaluequerystring"];
    let is_request = places.iter().any(|place| has(&format!("method.request.{place}.")));
    if is_static || is_request || has("context.") || has("stageVariables.") {
        Ok(())
    } else {
        Err(invalid_expression(value))
    }
}

/// `[1-5]\d\d`, as the model has it.
fn is_status(code: &str) -> bool {
    matches!(code.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'])
}

#[cfg(test)]
#[path = "gateway_response_tests.rs"]
mod tests;
