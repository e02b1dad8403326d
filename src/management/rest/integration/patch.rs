//! What an update of an integration may change.

use super::super::super::Call;
use super::super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::{entries, expression};
use super::check;
use crate::aws::Fault;
use crate::resources::rest::{Integration, Map};

/// Applies a call's operations, in order, and checks what they amount to; `declared` are the method's
/// parameters.
pub(super) fn apply(
    call: &Call<'_>,
    integration: &mut Integration,
    declared: &Map<bool>,
) -> Result<(), Fault> {
    let before = integration.clone();
    for operation in operations(call)? {
        apply_one(&operation, integration, declared)?;
    }
    // Only what was changed: an integration that was fine once may still be changed elsewhere when a
    // VPC link is gone.
    let target = |it: &Integration| {
        let (verb, uri, role) = (it.http_method.clone(), it.uri.clone(), it.credentials.clone());
        (verb, uri, role, it.connection_type.clone(), it.connection_id.clone())
    };
    if target(&before) != target(integration) {
        check::target(call, integration)?;
    }
    let behavior = |it: &Integration| {
        (it.passthrough_behavior.clone(), it.timeout_in_millis, it.response_transfer_mode.clone())
    };
    if behavior(&before) != behavior(integration) {
        check::behavior(call, integration)?;
    }
    Ok(())
}

fn apply_one(
    operation: &PatchOperation,
    integration: &mut Integration,
    declared: &Map<bool>,
) -> Result<(), Fault> {
    let tokens = operation.tokens();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match tokens[..] {
        ["uri"] => replace(operation, &mut integration.uri)?,
        ["httpMethod"] => replace(operation, &mut integration.http_method)?,
        ["credentials"] => replace(operation, &mut integration.credentials)?,
        ["connectionId"] => replace(operation, &mut integration.connection_id)?,
        ["integrationTarget"] => replace(operation, &mut integration.integration_target)?,
        ["cacheNamespace"] => replace(operation, &mut integration.cache_namespace)?,
        ["passthroughBehavior"] => {
            entries::only_replace(operation)?;
            let behavior = operation.non_empty().unwrap_or_else(|| "WHEN_NO_MATCH".into());
            integration.passthrough_behavior = Some(behavior);
        }
        ["contentHandling"] => {
            integration.content_handling =
                entries::one_of(operation, "contentHandling", &CONTENT_HANDLING)?;
        }
        ["connectionType"] => {
            let kinds = ["INTERNET", "VPC_LINK"];
            let kind = entries::one_of(operation, "connectionType", &kinds)?;
            let kind = kind.unwrap_or_else(|| "INTERNET".into());
            if kind == "INTERNET" {
                integration.connection_id = None;
            }
            // Only HTTP integrations have a connection.
            if check::is_http(&integration.r#type) {
                integration.connection_type = Some(kind);
            }
        }
        ["timeoutInMillis"] => {
            entries::only_replace(operation)?;
            integration.timeout_in_millis = match operation.non_empty() {
                None => super::TIMEOUT_DEFAULT,
                // What is no number is out of every range, and refused as such.
                Some(text) => text.parse().unwrap_or(-1),
            };
        }
        ["tlsConfig", "insecureSkipVerification"] => {
            entries::only_replace(operation)?;
            let config = integration.tls_config.get_or_insert_default();
            config.insecure_skip_verification = operation.is_true();
        }
        ["responseTransferMode"] => {
            integration.response_transfer_mode =
                entries::one_of(operation, "responseTransferMode", &["BUFFERED", "STREAM"])?;
        }
        ["requestParameters", name] => {
            let value = operation.value.clone().unwrap_or_default();
            let parameters = &mut integration.request_parameters;
            entries::change(operation, parameters, name, value.clone(), entries::PARAMETER)?;
            if operation.op == Op::Remove {
                integration.cache_key_parameters.retain(|known| known != name);
            } else {
                expression::check_integration_request(name)?;
                expression::check_request_value(&value, declared)?;
            }
        }
        ["requestTemplates", content_type] => {
            template(operation, &mut integration.request_templates, content_type)?;
        }
        ["cacheKeyParameters", name] => change_cache_key(operation, integration, name, declared)?,
        ["cacheKeyParameters"] => {
            let name = operation.value.clone().unwrap_or_default();
            if operation.op == Op::Replace {
                check::cache_key(&name, integration, declared)?;
                integration.cache_key_parameters = vec![name];
            } else {
                change_cache_key(operation, integration, &name, declared)?;
            }
        }
        _ => return Err(Family::Plain.bad_path(operation)),
    }
    Ok(())
}

/// Ways to convert a body.
pub(super) const CONTENT_HANDLING: [&str; 2] = ["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"];

/// Replaces a text, or clears it.
fn replace(operation: &PatchOperation, member: &mut Option<String>) -> Result<(), Fault> {
    entries::only_replace(operation)?;
    *member = operation.non_empty();
    Ok(())
}

/// Adds, replaces or removes a template. One that is replaced need not be there: clients send both
/// alike.
pub(super) fn template(
    operation: &PatchOperation,
    templates: &mut Map<Option<String>>,
    content_type: &str,
) -> Result<(), Fault> {
    if operation.op == Op::Replace {
        templates.entry(content_type.to_owned()).or_default();
    }
    let text = operation.non_empty();
    entries::change(operation, templates, content_type, text, entries::CONTENT_TYPE)?;
    if operation.op == Op::Remove { Ok(()) } else { expression::check_content_type(content_type) }
}

fn change_cache_key(
    operation: &PatchOperation,
    integration: &mut Integration,
    name: &str,
    declared: &Map<bool>,
) -> Result<(), Fault> {
    let has_it = integration.cache_key_parameters.iter().any(|known| known == name);
    match operation.op {
        Op::Add => {
            check::cache_key(name, integration, declared)?;
            if !has_it {
                integration.cache_key_parameters.push(name.to_owned());
            }
        }
        Op::Remove if has_it => integration.cache_key_parameters.retain(|known| known != name),
        Op::Remove => return Err(Fault::not_found(entries::PARAMETER)),
        _ => return Err(Family::Plain.bad_op(operation, &["add", "remove"])),
    }
    Ok(())
}
