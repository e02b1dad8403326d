//! UpdateStage: what each patch operation does to a stage.
//!
//! The third family of refusals is a stage's alone: whatever path is not known is taken for a method
//! setting, and the refusal lists some of those that there are.

use super::super::super::Call;
use super::super::super::patch::{Op, PatchOperation, unescape};
use super::{
    check_deployment, check_documentation, check_percent, method_settings, set_cache,
    set_cache_size, variables,
};
use crate::aws::Fault;
use crate::resources::account::ClientCertificate;
use crate::resources::rest_stage::{CanarySettings, Stage};

/// Applies one operation.
///
/// # Errors
/// 400: the path or value is none that a stage has. 404: a documentation version that is not there.
pub(super) fn apply(
    call: &Call<'_>,
    api_id: &str,
    stage: &mut Stage,
    operation: &PatchOperation,
) -> Result<(), Fault> {
    let path = operation.path.as_deref().unwrap_or("null");
    match operation.op {
        Op::Copy => return promote(stage, operation, path),
        Op::Move | Op::Test => return Err(bad_op(operation, path)),
        Op::Add | Op::Remove | Op::Replace => {}
    }
    if let Some(set) = own_member(path) {
        return match operation.op {
            Op::Replace => set(call, api_id, stage, operation),
            _ => Err(bad_op(operation, path)),
        };
    }
    if let Some(name) = path.strip_prefix("/variables/") {
        return set_variable(stage, operation, &unescape(name));
    }
    if let Some(name) = path.strip_prefix("/canarySettings/stageVariableOverrides/") {
        return set_override(stage, operation, &unescape(name));
    }
    match (operation.op, path) {
        (Op::Remove, "/canarySettings") => stage.canary_settings = None,
        (Op::Remove, "/accessLogSettings") => stage.access_log_settings = None,
        (Op::Add | Op::Replace, "/accessLogSettings") => return Err(bad_access_log_path()),
        (Op::Remove, _) => return method_settings::remove(stage, path),
        (_, "/canarySettings/percentTraffic") => {
            no_add(operation, path)?;
            let percent = operation.value.as_deref().and_then(|text| text.parse::<f64>().ok());
            let percent = percent.unwrap_or(f64::NAN);
            check_percent(percent)?;
            canary(stage).percent_traffic = percent;
        }
        (_, "/canarySettings/useStageCache") => {
            no_add(operation, path)?;
            canary(stage).use_stage_cache = operation.is_true();
        }
        (_, "/canarySettings/deploymentId") => {
            no_add(operation, path)?;
            let id = operation.value.as_deref().unwrap_or_default();
            check_deployment(call, api_id, id)?;
            id.clone_into(&mut canary(stage).deployment_id);
        }
        (_, path) if path.starts_with("/accessLogSettings/") => {
            return set_access_log(stage, operation, path);
        }
        (_, path) => return method_settings::set(call, stage, operation, path),
    }
    Ok(())
}

/// Sets one of the stage's own members.
type Set = fn(&Call<'_>, &str, &mut Stage, &PatchOperation) -> Result<(), Fault>;

/// Members that can only be replaced.
fn own_member(path: &str) -> Option<Set> {
    Some(match path {
        "/deploymentId" => |call, api_id, stage, operation| {
            let id = operation.value.as_deref().unwrap_or_default();
            check_deployment(call, api_id, id)?;
            id.clone_into(&mut stage.deployment_id);
            Ok(())
        },
        "/description" => |_, _, stage, operation| {
            stage.description = operation.non_empty();
            Ok(())
        },
        "/cacheClusterEnabled" => |_, _, stage, operation| {
            set_cache(stage, operation.is_true());
            Ok(())
        },
        "/cacheClusterSize" => |_, _, stage, operation| {
            set_cache_size(stage, operation.value.as_deref().unwrap_or_default())
        },
        "/clientCertificateId" => |call, _, stage, operation| {
            let id = operation.non_empty();
            if id.as_deref().is_some_and(|id| !call.draft.has::<ClientCertificate>("", id)) {
                return Err(Fault::bad_request("Invalid Client Certificate identifier specified"));
            }
            stage.client_certificate_id = id;
            Ok(())
        },
        "/documentationVersion" => |call, api_id, stage, operation| {
            let version = operation.non_empty();
            if let Some(version) = &version {
                check_documentation(call, api_id, version)?;
            }
            stage.documentation_version = version;
            Ok(())
        },
        "/tracingEnabled" => |_, _, stage, operation| {
            stage.tracing_enabled = operation.is_true();
            Ok(())
        },
        _ => return None,
    })
}

/// The canary, made where there is none: it serves what the stage serves, to nobody.
fn canary(stage: &mut Stage) -> &mut CanarySettings {
    let deployment_id = &stage.deployment_id;
    stage.canary_settings.get_or_insert_with(|| CanarySettings {
        deployment_id: deployment_id.clone(),
        ..CanarySettings::default()
    })
}

/// `copy`: what the canary has becomes the stage's.
fn promote(stage: &mut Stage, operation: &PatchOperation, path: &str) -> Result<(), Fault> {
    let from = operation.from.as_deref().unwrap_or("null");
    let is_deployment = (path, from) == ("/deploymentId", "/canarySettings/deploymentId");
    let is_variables = (path, from) == ("/variables", "/canarySettings/stageVariableOverrides");
    if !is_deployment && !is_variables {
        return Err(Fault::bad_request(format!(
            "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        )));
    }
    let Some(canary) = &stage.canary_settings else {
        return Err(Fault::bad_request("Promotion not available. Canary does not exist."));
    };
    if is_deployment {
        stage.deployment_id.clone_from(&canary.deployment_id);
    } else {
        let overrides = canary.stage_variable_overrides.clone().unwrap_or_default();
        stage.variables.extend(overrides);
        variables::check_count(&stage.variables)?;
    }
    Ok(())
}

fn set_variable(stage: &mut Stage, operation: &PatchOperation, name: &str) -> Result<(), Fault> {
    if operation.op == Op::Remove {
        stage.variables.remove(name);
        return Ok(());
    }
    let value = operation.value.clone().unwrap_or_default();
    variables::check_one(name, &value)?;
    stage.variables.insert(name.to_owned(), value);
    variables::check_count(&stage.variables)
}

fn set_override(stage: &mut Stage, operation: &PatchOperation, name: &str) -> Result<(), Fault> {
    if operation.op == Op::Remove {
        let canary = stage.canary_settings.as_mut();
        if let Some(canary) = canary
            && let Some(overrides) = &mut canary.stage_variable_overrides
        {
            overrides.remove(name);
            canary.stage_variable_overrides.take_if(|overrides| overrides.is_empty());
        }
        return Ok(());
    }
    let value = operation.value.clone().unwrap_or_default();
    variables::check_one(name, &value)?;
    let overrides = canary(stage).stage_variable_overrides.get_or_insert_default();
    overrides.insert(name.to_owned(), value);
    variables::check_count(overrides)
}

fn set_access_log(stage: &mut Stage, operation: &PatchOperation, path: &str) -> Result<(), Fault> {
    let is_destination = match path {
        "/accessLogSettings/destinationArn" => true,
        "/accessLogSettings/format" => false,
        _ => return Err(bad_access_log_path()),
    };
    let Some(value) = operation.non_empty() else {
        return Err(Fault::bad_request("Access Log value must not be empty"));
    };
    if !is_destination {
        check_format(&value)?;
    }
    let settings = stage.access_log_settings.get_or_insert_default();
    if is_destination {
        settings.destination_arn = Some(value);
    } else {
        settings.format = Some(value);
    }
    Ok(())
}

/// Bytes of an access log's format at most (the service's limit, 3 KB; it tells of it in words of its own).
const FORMAT_BYTES_MAX: usize = 3072;

/// Whether lines of an access log can be made so: one line each, and each with an id of its request.
fn check_format(format: &str) -> Result<(), Fault> {
    if format.trim_end_matches(['\r', '\n']).contains(['\r', '\n']) {
        return Err(Fault::bad_request(format!(
            "Access Log format must be single line, new line character is allowed only at end of the format: '{format}'"
        )));
    }
    if format.len() > FORMAT_BYTES_MAX {
        return Err(Fault::bad_request(format!(
            "Access Log format must be at most {FORMAT_BYTES_MAX} bytes long, found {}",
            format.len()
        )));
    }
    let ids = ["requestId", "extendedRequestId"];
    let has = |id: &str| {
        format.contains(&format!("$context.{id}")) || format.contains(&format!("${{context.{id}}}"))
    };
    if !ids.into_iter().any(has) {
        return Err(Fault::bad_request(format!(
            "Access Log format must include either $context.requestId or $context.extendedRequestId : '{format}'"
        )));
    }
    Ok(())
}

fn bad_access_log_path() -> Fault {
    Fault::bad_request(
        "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
    )
}

fn no_add(operation: &PatchOperation, path: &str) -> Result<(), Fault> {
    if operation.op == Op::Add { Err(bad_op(operation, path)) } else { Ok(()) }
}

/// The path is known, but not for this operation.
pub(super) fn bad_op(operation: &PatchOperation, path: &str) -> Fault {
    Fault::bad_request(format!("Invalid {} operation with path: {path}", operation.op.name()))
}
