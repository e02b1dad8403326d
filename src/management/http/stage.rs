//! Stages of HTTP and WebSocket APIs.

use super::super::domain::mapping;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, deployment, show};
use crate::aws::Fault;
use crate::resources::account::Account;
use crate::resources::http::{Api, Route};
use crate::resources::http_stage::{Deployment, RouteSettings, Stage};
use crate::resources::rest::Map;
use crate::resources::rest_stage::{AccessLogSettings, AuthorizerFlush};
use serde_json::Value;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateStage", create),
    write("DeleteAccessLogSettings", delete_access_log),
    write("DeleteRouteSettings", delete_route_settings),
    write("DeleteStage", delete),
    read("GetStage", get),
    read("GetStages", list),
    write("UpdateStage", update),
];

/// Amazon's limit for an access log's format.
const FORMAT_BYTES_MAX: usize = 3 * 1024;

/// Stage variables of a stage.
const VARIABLES_MAX: usize = 100;

/// The stage of HTTP APIs whose name is not in the path.
const DEFAULT: &str = "$default";

/// The stage that the call names.
///
/// # Errors
/// There is none.
pub(super) fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Stage>, Fault> {
    call.draft
        .get(&api.api_id, call.text("stageName"))
        .ok_or_else(|| Fault::not_found("Invalid stage identifier specified"))
}

/// Refuses to say what a stage serves that decides by itself.
pub(super) fn deploys_by_itself(call: &Call<'_>, api: &Api) -> Fault {
    Fault::bad_request(format!(
        "Deployment ID cannot be set on this stage {}:{} because AutoDeploy is enabled",
        call.settings.account_id, api.api_id
    ))
}

/// Makes the stage of a quick create.
pub(super) fn put_managed(call: &mut Call<'_>, api: &Api) {
    let stage = Stage {
        auto_deploy: true,
        api_gateway_managed: Some(true),
        ..new(call, api, DEFAULT.to_owned())
    };
    call.draft.put(&api.api_id, DEFAULT, stage);
}

fn new(call: &Call<'_>, api: &Api, stage_name: String) -> Stage {
    let mut stage = Stage {
        stage_name,
        created_date: call.now,
        last_updated_date: call.now,
        ..Stage::default()
    };
    fill(api, &mut stage.default_route_settings);
    stage
}

fn show(stage: &Stage) -> Result<Value, Fault> {
    let times = [("createdDate", stage.created_date), ("lastUpdatedDate", stage.last_updated_date)];
    show::with_times(stage, &times)
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let name = call.text("stageName").to_owned();
    check_name(&api, &name)?;
    if call.draft.has::<Stage>(&api.api_id, &name) {
        return Err(Fault::conflict("Stage already exists"));
    }
    let mut stage = new(call, &api, name);
    stage.tags = api::tags(Members(&call.input))?;
    lay(call, &api, &mut stage)?;
    if stage.auto_deploy {
        deployment::deploy(call, &api, &mut stage);
    }
    put(call, &api, stage)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Ok(Answer::Json(show(&*find(call, &api)?)?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(call, &api.api_id, |stage: &Stage| &stage.stage_name, show)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let before = find(call, &api)?;
    let mut stage = Stage::clone(&before);
    stage.last_updated_date = call.now;
    lay(call, &api, &mut stage)?;
    if stage.auto_deploy {
        deployment::deploy(call, &api, &mut stage);
    }
    let answer = put(call, &api, stage)?;
    deployment::drop_unused(call, &api.api_id, before.deployment_id.as_deref());
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let stage = find(call, &api)?;
    let name = &stage.stage_name;
    if stage.api_gateway_managed == Some(true) {
        let text = format!("Stage {name} is managed by its API and cannot be deleted");
        return Err(Fault::bad_request(text));
    }
    let leads_here = |api_id: &str, to: Option<&str>| api_id == api.api_id && to == Some(name);
    let domains = mapping::domains_of(call, |it| leads_here(&it.api_id, it.stage.as_deref()));
    if !domains.is_empty() {
        return Err(Fault::bad_request(format!(
            "Deleting stage {name} failed. Please remove all API mappings for the stage from your custom domain names."
        )));
    }
    call.draft.remove::<Stage>(&api.api_id, name);
    call.draft.remove::<AuthorizerFlush>(&api.api_id, name);
    deployment::drop_unused(call, &api.api_id, stage.deployment_id.as_deref());
    Ok(Answer::Empty)
}

fn delete_access_log(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut stage = Stage::clone(&*find(call, &api)?);
    if stage.access_log_settings.take().is_some() {
        stage.last_updated_date = call.now;
        put(call, &api, stage)?;
    }
    Ok(Answer::Empty)
}

fn delete_route_settings(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut stage = Stage::clone(&*find(call, &api)?);
    let key = call.text("routeKey");
    if stage.route_settings.remove(key).is_none() {
        return Err(unknown_route(key));
    }
    stage.last_updated_date = call.now;
    put(call, &api, stage)?;
    Ok(Answer::Empty)
}

fn put(call: &mut Call<'_>, api: &Api, stage: Stage) -> Result<Answer, Fault> {
    let answer = show(&stage)?;
    let name = stage.stage_name.clone();
    call.draft.put(&api.api_id, &name, stage);
    Ok(Answer::Json(answer))
}

/// Lays the call's members over a stage and checks them.
fn lay(call: &Call<'_>, api: &Api, stage: &mut Stage) -> Result<(), Fault> {
    let given = Members(&call.input);
    given.within(&[("description", 1024)])?;
    given.flag("autoDeploy", &mut stage.auto_deploy);
    given.text("description", &mut stage.description);
    given.text("clientCertificateId", &mut stage.client_certificate_id);
    if let Some(id) = given.given("deploymentId") {
        if stage.auto_deploy && !id.is_empty() {
            return Err(deploys_by_itself(call, api));
        }
        if !id.is_empty() && !call.draft.has::<Deployment>(&api.api_id, id) {
            return Err(Fault::bad_request("Deployment id does not exist"));
        }
        if !stage.auto_deploy {
            given.text("deploymentId", &mut stage.deployment_id);
        }
    }
    given.merge("stageVariables", &mut stage.stage_variables);
    check_variables(&stage.stage_variables)?;
    if let Some(settings) = given.structure::<AccessLogSettings>("accessLogSettings")? {
        stage.access_log_settings = access_log(settings)?;
    }
    if let Some(mut settings) = given.structure::<RouteSettings>("defaultRouteSettings")? {
        check_settings(call, api, &mut settings)?;
        fill(api, &mut settings);
        stage.default_route_settings = settings;
    }
    let routes = given.structure::<Map<RouteSettings>>("routeSettings")?.unwrap_or_default();
    for (key, mut settings) in routes {
        check_settings(call, api, &mut settings)?;
        let is_route = |route: &Arc<Route>| route.route_key == key;
        if !call.draft.list::<Route>(&api.api_id).iter().any(is_route) {
            return Err(unknown_route(&key));
        }
        stage.route_settings.insert(key, settings);
    }
    Ok(())
}

fn unknown_route(key: &str) -> Fault {
    let text = format!("Unable to find Route by key {key} within the provided RouteSettings");
    Fault::not_found(text)
}

fn check_name(api: &Api, name: &str) -> Result<(), Fault> {
    let is_plain = (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_plain || (api.is_http() && name == DEFAULT) {
        return Ok(());
    }
    // Hyphens are accepted; the text kept its old list.
    Err(Fault::bad_request("Stage name only allows a-zA-Z0-9_"))
}

fn check_variables(variables: &Map) -> Result<(), Fault> {
    if variables.len() > VARIABLES_MAX {
        let text = format!("A stage may have at most {VARIABLES_MAX} stage variables");
        return Err(Fault::bad_request(text));
    }
    for (name, value) in variables {
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(Fault::bad_request(format!(
                "Invalid stage variable name: {name}. Please use names with alphanumeric characters and '_'"
            )));
        }
        let is_value = value.len() <= 512
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b" -._~:/?#&=,".contains(&byte));
        if !is_value {
            return Err(Fault::bad_request(format!(
                "Invalid stage variable value: {value}.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )));
        }
    }
    Ok(())
}

/// Settings without any member turn access logs off.
fn access_log(mut settings: AccessLogSettings) -> Result<Option<AccessLogSettings>, Fault> {
    settings.format.take_if(|format| format.is_empty());
    settings.destination_arn.take_if(|arn| arn.is_empty());
    if let Some(format) = &settings.format {
        if format.len() > FORMAT_BYTES_MAX {
            return Err(Fault::bad_request(format!(
                "Access Log format must have at most {FORMAT_BYTES_MAX} bytes"
            )));
        }
        let ids = ["$context.requestId", "$context.extendedRequestId"];
        if !ids.iter().any(|id| format.contains(id)) {
            return Err(Fault::bad_request(
                "Access Log format must include either $context.requestId or $context.extendedRequestId",
            ));
        }
    }
    let arn = settings.destination_arn.as_deref();
    if arn.is_some_and(|arn| !arn.starts_with("arn:") || arn.split(':').count() < 6) {
        return Err(Fault::bad_request("Invalid ARN specified in the request"));
    }
    Ok((settings != AccessLogSettings::default()).then_some(settings))
}

/// Fills in what a stage's own settings always have.
fn fill(api: &Api, settings: &mut RouteSettings) {
    settings.detailed_metrics_enabled.get_or_insert(false);
    if !api.is_http() {
        settings.data_trace_enabled.get_or_insert(false);
        settings.logging_level.get_or_insert_with(|| "OFF".to_owned());
    }
}

fn check_settings(call: &Call<'_>, api: &Api, settings: &mut RouteSettings) -> Result<(), Fault> {
    let level = settings.logging_level.as_deref().unwrap_or("OFF");
    let has_execution_logs = settings.data_trace_enabled == Some(true) || level != "OFF";
    if api.is_http() {
        if has_execution_logs {
            let text = "Execution logs are not supported on protocolType HTTP";
            return Err(Fault::bad_request(text));
        }
        // Said to be off, which they are.
        settings.data_trace_enabled = None;
        settings.logging_level = None;
    } else if has_execution_logs && call.settings.logging_needs_role {
        let account = call.draft.get::<Account>("", "account");
        if account.is_none_or(|account| account.cloudwatch_role_arn.is_none()) {
            return Err(Fault::bad_request(
                "CloudWatch Logs role ARN must be set in account settings to enable logging",
            ));
        }
    }
    let burst = settings.throttling_burst_limit.unwrap_or_default();
    let rate = settings.throttling_rate_limit.unwrap_or_default();
    if burst < 0 || rate < 0.0 {
        return Err(Fault::bad_request("Throttling limits must not be negative"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
