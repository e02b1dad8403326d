//! Stages of REST APIs: names that point to deployments.

mod method_settings;
mod patch;
pub(super) mod variables;

use super::super::answer::Answer;
use super::super::domain::mapping;
use super::super::operation::{Operation, read, write};
use super::super::{Call, answer, tagging};
use super::place;
use crate::aws::Fault;
use crate::resources::Timestamp;
use crate::resources::domain::ApiMapping;
use crate::resources::rest::{DocumentationVersion, Map};
use crate::resources::rest_stage::{AuthorizerFlush, CanarySettings, Deployment, Stage};
use crate::resources::usage::UsagePlan;
use serde::Deserialize;
use serde_json::json;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateStage", create),
    read("GetStage", get),
    read("GetStages", list),
    write("UpdateStage", update),
    write("DeleteStage", delete),
    write("FlushStageCache", flush),
    write("FlushStageAuthorizersCache", flush_authorizers),
];

/// Gigabytes that a cache can have (the model's values).
const CACHE_SIZES: [&str; 8] = ["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];

/// Characters of a stage's name at most (the service's limit).
const NAME_MAX: usize = 128;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    stage_name: String,
    deployment_id: String,
    description: Option<String>,
    cache_cluster_enabled: bool,
    cache_cluster_size: Option<String>,
    variables: Map,
    documentation_version: Option<String>,
    canary_settings: Option<SentCanary>,
    tracing_enabled: bool,
    tags: Map,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SentCanary {
    percent_traffic: f64,
    deployment_id: Option<String>,
    stage_variable_overrides: Option<Map>,
    use_stage_cache: bool,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let sent: Sent = call.input()?;
    check_name(&sent.stage_name)?;
    if call.draft.has::<Stage>(&api.id, &sent.stage_name) {
        return Err(Fault::conflict("Stage already exists"));
    }
    if sent.deployment_id.is_empty() {
        return Err(Fault::bad_request("DeploymentId cannot be empty"));
    }
    check_deployment(call, &api.id, &sent.deployment_id)?;
    variables::check(&sent.variables)?;
    tagging::check(&sent.tags)?;
    let mut stage = fresh(&sent.stage_name, &sent.deployment_id, call.now);
    if let Some(canary) = sent.canary_settings {
        check_percent(canary.percent_traffic)?;
        let deployment_id = canary.deployment_id.filter(|id| !id.is_empty());
        let deployment_id = deployment_id.unwrap_or(sent.deployment_id);
        check_deployment(call, &api.id, &deployment_id)?;
        variables::check(canary.stage_variable_overrides.as_ref().unwrap_or(&Map::new()))?;
        stage.canary_settings = Some(CanarySettings {
            percent_traffic: canary.percent_traffic,
            deployment_id,
            stage_variable_overrides: canary.stage_variable_overrides,
            use_stage_cache: canary.use_stage_cache,
        });
    }
    if let Some(size) = sent.cache_cluster_size {
        set_cache_size(&mut stage, &size)?;
    }
    set_cache(&mut stage, sent.cache_cluster_enabled);
    let version = sent.documentation_version.filter(|version| !version.is_empty());
    if let Some(version) = &version {
        check_documentation(call, &api.id, version)?;
    }
    stage.documentation_version = version;
    stage.description = sent.description.filter(|text| !text.is_empty());
    stage.variables = sent.variables;
    stage.tracing_enabled = sent.tracing_enabled;
    stage.tags = sent.tags;
    let answer = Answer::of(&stage)?;
    call.draft.put(&api.id, &sent.stage_name, stage);
    Ok(answer)
}

/// A stage of which nothing is said but what it serves.
pub(super) fn fresh(name: &str, deployment_id: &str, now: Timestamp) -> Stage {
    Stage {
        stage_name: name.to_owned(),
        deployment_id: deployment_id.to_owned(),
        cache_cluster_status: "NOT_AVAILABLE".to_owned(),
        created_date: now,
        last_updated_date: now,
        ..Stage::default()
    }
}

/// Whether a stage may be called so.
///
/// # Errors
/// 400, in words that know nothing of the hyphens which Amazon has allowed since 2018.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_known) {
        return Err(Fault::bad_request("Stage name only allows a-zA-Z0-9_"));
    }
    Ok(())
}

/// Whether a canary may get this share of the traffic.
///
/// # Errors
/// 400: it is no percentage.
pub(super) fn check_percent(percent: f64) -> Result<(), Fault> {
    if (0.0..=100.0).contains(&percent) {
        Ok(())
    } else {
        Err(Fault::bad_request("Canary percentTraffic must be between 0.0 and 100.0"))
    }
}

fn check_deployment(call: &Call<'_>, api_id: &str, id: &str) -> Result<(), Fault> {
    if call.draft.has::<Deployment>(api_id, id) {
        Ok(())
    } else {
        Err(Fault::bad_request("Deployment id does not exist"))
    }
}

fn check_documentation(call: &Call<'_>, api_id: &str, version: &str) -> Result<(), Fault> {
    if call.draft.has::<DocumentationVersion>(api_id, version) {
        Ok(())
    } else {
        Err(Fault::not_found("Invalid Documentation version specified"))
    }
}

/// Sets the size of the response cache.
///
/// # Errors
/// 400: Amazon has no such size.
pub(super) fn set_cache_size(stage: &mut Stage, size: &str) -> Result<(), Fault> {
    if !CACHE_SIZES.contains(&size) {
        return Err(Fault::bad_request(format!(
            "Invalid cache cluster size specified. Valid options are {}",
            CACHE_SIZES.join(",")
        )));
    }
    stage.cache_cluster_size = Some(size.to_owned());
    Ok(())
}

/// Turns the response cache on or off. Here it is there at once; on AWS it takes minutes, and clients
/// wait only while the status says that something is in progress.
pub(super) fn set_cache(stage: &mut Stage, enabled: bool) {
    stage.cache_cluster_enabled = enabled;
    if enabled {
        stage.cache_cluster_size.get_or_insert_with(|| CACHE_SIZES[0].to_owned());
    }
    let status = if enabled { "AVAILABLE" } else { "NOT_AVAILABLE" };
    status.clone_into(&mut stage.cache_cluster_status);
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*place::stage(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let wanted = call.text_of("deploymentId").filter(|id| !id.is_empty());
    let stages = call.draft.list::<Stage>(&api.id);
    let shown = stages
        .iter()
        .filter(|stage| wanted.is_none_or(|id| stage.deployment_id == id))
        .map(|stage| answer::document(&**stage))
        .collect::<Result<Vec<_>, _>>()?;
    // The one list that has no pages.
    Ok(Answer::Json(json!({ "item": shown })))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut stage = Stage::clone(&*place::stage(call)?);
    let api_id = call.text("restApiId").to_owned();
    for operation in super::super::patch::operations(call)? {
        patch::apply(call, &api_id, &mut stage, &operation)?;
    }
    stage.last_updated_date = call.now;
    let answer = Answer::of(&stage)?;
    let name = stage.stage_name.clone();
    call.draft.put(&api_id, &name, stage);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let stage = place::stage(call)?;
    let (api_id, name) = (call.text("restApiId").to_owned(), &stage.stage_name);
    let leads_here =
        |it: &ApiMapping| it.api_id == api_id && it.stage.as_deref() == Some(name.as_str());
    let domains = mapping::domains_of(call, leads_here);
    if !domains.is_empty() {
        return Err(Fault::bad_request(format!(
            "Deleting stage {name} failed. Please remove all base path mappings related to the stage in your domains: {}",
            domains.join(", ")
        )));
    }
    let plans = call.draft.list::<UsagePlan>("");
    let covers = |plan: &UsagePlan| {
        plan.api_stages.iter().any(|covered| covered.api_id == api_id && covered.stage == *name)
    };
    let using: Vec<_> =
        plans.iter().filter(|plan| covers(plan)).map(|plan| plan.id.as_str()).collect();
    if !using.is_empty() {
        return Err(Fault::bad_request(format!(
            "Deleting stage {name} failed. Please remove the stage from all usage plans that cover it: {}",
            using.join(", ")
        )));
    }
    call.draft.remove::<Stage>(&api_id, name);
    call.draft.remove::<AuthorizerFlush>(&api_id, name);
    Ok(Answer::Empty)
}

/// What authorizers said is not found any more once the stage has another flush: on every shard of every
/// host when this returns, as for any other write.
fn flush_authorizers(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let stage = place::stage(call)?;
    let (api_id, name) = (call.text("restApiId").to_owned(), stage.stage_name.clone());
    // Touched, so that a stage of the file is refused, which cannot be changed here.
    call.draft.put_shared(&api_id, &name, stage);
    let flush = AuthorizerFlush { flush_id: call.ids.uuid() };
    call.draft.put(&api_id, &name, flush);
    Ok(Answer::Empty)
}

/// No answers are kept.
fn flush(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::stage(call)?;
    Ok(Answer::Empty)
}

#[cfg(test)]
mod tests;
