//! What an update of a method may change.

use super::super::super::Call;
use super::super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::{entries, expression};
use crate::aws::Fault;
use crate::resources::rest::Method;

/// Applies a call's operations, in order, and checks what they amount to.
pub(super) fn apply(call: &Call<'_>, method: &mut Method) -> Result<(), Fault> {
    for operation in operations(call)? {
        apply_one(call, &operation, method)?;
    }
    // Only now: the type and its authorizer are two operations, in any order.
    super::settle_authorizer(call, method)?;
    expression::check_unique_names(&method.request_parameters)
}

fn apply_one(
    call: &Call<'_>,
    operation: &PatchOperation,
    method: &mut Method,
) -> Result<(), Fault> {
    let tokens = operation.tokens();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match tokens[..] {
        ["apiKeyRequired"] => {
            entries::only_replace(operation)?;
            method.api_key_required = operation.is_true();
        }
        ["operationName"] => {
            entries::only_replace(operation)?;
            method.operation_name = operation.non_empty();
        }
        ["authorizationType"] => {
            entries::only_replace(operation)?;
            method.authorization_type = operation.value.clone().unwrap_or_default();
        }
        ["authorizerId"] => {
            entries::only_replace(operation)?;
            method.authorizer_id = operation.non_empty();
        }
        ["authorizationScopes"] => {
            let scopes = &mut method.authorization_scopes;
            let scope = operation.non_empty();
            match operation.op {
                Op::Add => scopes.extend(scope.filter(|scope| !scopes.contains(scope))),
                Op::Remove => scopes.retain(|known| Some(known) != scope.as_ref()),
                _ => return Err(Family::Plain.bad_op(operation, &["add", "remove"])),
            }
        }
        ["requestValidatorId"] => {
            entries::only_replace(operation)?;
            method.request_validator_id = operation.non_empty();
            if let Some(validator) = &method.request_validator_id {
                super::check_validator(call, validator)?;
            }
        }
        ["requestParameters", name] => {
            if operation.op == Op::Add {
                expression::check_method_request(name)?;
            }
            let parameters = &mut method.request_parameters;
            entries::change(operation, parameters, name, operation.is_true(), entries::PARAMETER)?;
            // Amazon takes a parameter that is not added anew off the cache's key.
            if operation.op != Op::Add
                && let Some(integration) = &mut method.method_integration
            {
                integration.cache_key_parameters.retain(|known| known != name);
            }
        }
        ["requestModels", content_type] => {
            let model = operation.value.clone().unwrap_or_default();
            if operation.op != Op::Remove {
                super::check_model(call, &model)?;
            }
            let models = &mut method.request_models;
            entries::change(operation, models, content_type, model, entries::CONTENT_TYPE)?;
        }
        _ => return Err(Family::Plain.bad_path(operation)),
    }
    Ok(())
}
