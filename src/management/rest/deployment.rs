//! Deployments of REST APIs: an API's whole definition, frozen.
//!
//! A deployment shares every part with the API it was taken from, so it costs a list of pointers;
//! later changes of the API make new parts and leave the frozen ones alone.

use super::super::Call;
use super::super::answer::{self, Answer};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::{place, stage};
use crate::aws::Fault;
use crate::model::TemplateFindings;
use crate::resources::rest::{Map, RestApi};
use crate::resources::rest_stage::{CanarySettings, Definition, Deployment, Stage};
use crate::verify::{self, Findings, Found};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDeployment", create),
    read("GetDeployment", get),
    read("GetDeployments", list),
    write("UpdateDeployment", update),
    write("DeleteDeployment", delete),
];

const FAMILY: Family = Family::Listed { add: &[], remove: &[], replace: &["/description"] };

/// What can be said of the stage and the deployment.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    stage_name: Option<String>,
    stage_description: Option<String>,
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Map,
    canary_settings: Option<SentCanary>,
    tracing_enabled: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SentCanary {
    percent_traffic: f64,
    stage_variable_overrides: Option<Map>,
    use_stage_cache: bool,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let sent: Sent = call.input()?;
    let name = sent.stage_name.clone().filter(|name| !name.is_empty());
    let stage = name.as_deref().and_then(|name| call.draft.get::<Stage>(&api.id, name));
    if sent.canary_settings.is_some() {
        check_canary_stage(sent.stage_name.as_deref(), stage.as_deref())?;
    }
    if let Some(name) = &name {
        stage::check_name(name)?;
    }
    stage::variables::check(&sent.variables)?;
    let definition = freeze(call, &api)?;
    let served = name.as_ref().map(|_| variables_of(stage.as_deref(), &sent));
    look_at_templates(call, &definition, name.as_deref(), served.as_ref())?;

    let id = call.ids.short();
    let deployment = Deployment {
        id: id.clone(),
        description: sent.description.clone().filter(|text| !text.is_empty()),
        created_date: call.now,
    };
    let answer = Answer::of(&deployment)?;
    call.draft.put(&api.id, &id, definition);
    call.draft.put(&api.id, &id, deployment);
    if let Some(name) = name {
        let stage = release(call, &id, &name, stage.as_deref(), sent)?;
        call.draft.put(&api.id, &name, stage);
    }
    Ok(answer)
}

/// The variables that the deployment's templates will see.
fn variables_of(stage: Option<&Stage>, sent: &Sent) -> Map {
    let mut variables = stage.map(|stage| stage.variables.clone()).unwrap_or_default();
    match &sent.canary_settings {
        Some(canary) => {
            variables.extend(canary.stage_variable_overrides.clone().unwrap_or_default());
        }
        None => variables.extend(sent.variables.clone()),
    }
    variables
}

/// Mistakes in templates that are told one by one; the rest are counted.
const FINDINGS_TOLD_MAX: usize = 20;

/// Looks for mistakes in the templates that are deployed, and does with them what the configuration says.
fn look_at_templates(
    call: &Call<'_>,
    definition: &Definition,
    stage: Option<&str>,
    variables: Option<&Map>,
) -> Result<(), Fault> {
    let mode = call.settings.template_findings;
    if mode == TemplateFindings::Off {
        return Ok(());
    }
    let Findings { found, left_out } = verify::definition(definition, variables);
    let (api, stage) = (definition.api.id.as_str(), stage.unwrap_or_default());
    if left_out > 0 {
        tracing::warn!(api, stage, left_out, "more templates than are looked at");
    }
    let more = found.len().saturating_sub(FINDINGS_TOLD_MAX);
    let told = found.iter().take(FINDINGS_TOLD_MAX);
    if mode == TemplateFindings::Error && !found.is_empty() {
        let told: Vec<String> = told
            .map(|it| format!("{}, {}: {}", it.place, it.finding.at, it.finding.message))
            .collect();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(Fault::bad_request(format!(
            "The templates have mistakes: {}{more}",
            told.join("; ")
        )));
    }
    for Found { place, finding, .. } in told {
        tracing::warn!(
            api,
            stage,
            template = %place,
            line = finding.at.line,
            column = finding.at.column,
            error = %finding.message,
            "a template that is deployed has a mistake"
        );
    }
    if more > 0 {
        tracing::warn!(api, stage, swallowed = more, "more templates have mistakes");
    }
    Ok(())
}

/// A canary needs a stage to be a canary of.
fn check_canary_stage(name: Option<&str>, stage: Option<&Stage>) -> Result<(), Fault> {
    match (name, stage) {
        (None | Some(""), _) => Err(Fault::bad_request(format!(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is {}",
            name.unwrap_or("null")
        ))),
        (Some(name), None) => Err(Fault::bad_request(format!(
            "Invalid deployment content specified.Stage {name} must already be created before making a canary release deployment"
        ))),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// The stage with the new deployment: as its canary, as what it serves, or made for it.
fn release(
    call: &Call<'_>,
    deployment_id: &str,
    name: &str,
    stage: Option<&Stage>,
    sent: Sent,
) -> Result<Stage, Fault> {
    let mut stage = match stage {
        Some(stage) => stage.clone(),
        None => stage::fresh(name, deployment_id, call.now),
    };
    stage.last_updated_date = call.now;
    if let Some(canary) = sent.canary_settings {
        stage::check_percent(canary.percent_traffic)?;
        stage::variables::check(canary.stage_variable_overrides.as_ref().unwrap_or(&Map::new()))?;
        // The rest of the request is about a stage that serves the deployment: recorded from AWS,
        // which leaves the stage's variables alone.
        stage.canary_settings = Some(CanarySettings {
            percent_traffic: canary.percent_traffic,
            deployment_id: deployment_id.to_owned(),
            stage_variable_overrides: canary.stage_variable_overrides,
            use_stage_cache: canary.use_stage_cache,
        });
        return Ok(stage);
    }
    if stage.canary_settings.is_some() {
        return Err(Fault::bad_request(format!(
            "Invalid deployment content specified.Non canary deployment not supported on stage {name} because Canary is enabled. Provide CanarySettings in deploymentInput."
        )));
    }
    deployment_id.clone_into(&mut stage.deployment_id);
    if let Some(description) = sent.stage_description {
        stage.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(size) = sent.cache_cluster_size {
        stage::set_cache_size(&mut stage, &size)?;
    }
    if let Some(enabled) = sent.cache_cluster_enabled {
        stage::set_cache(&mut stage, enabled);
    }
    if let Some(enabled) = sent.tracing_enabled {
        stage.tracing_enabled = enabled;
    }
    stage.variables.extend(sent.variables);
    stage::variables::check(&stage.variables)?;
    Ok(stage)
}

/// The API as it is now, if it can be deployed.
fn freeze(call: &Call<'_>, api: &Arc<RestApi>) -> Result<Definition, Fault> {
    let definition = Definition::of(&call.draft, api);
    let resources = definition.resources.iter();
    let mut methods = resources.flat_map(|resource| resource.resource_methods.values());
    if methods.clone().next().is_none() {
        return Err(Fault::bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(Fault::bad_request("No integration defined for method"));
    }
    let is_private = api.endpoint_configuration.types.iter().any(|kind| kind == "PRIVATE");
    if is_private && api.policy.is_none() {
        return Err(Fault::bad_request(
            "Private REST API doesn't have a resource policy attached to it",
        ));
    }
    Ok(definition)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let deployment = place::deployment(call)?;
    let mut shown = answer::document(&*deployment)?;
    let embedded = call.input.get("embed").and_then(Value::as_array);
    let is_summary = |embedded: &Value| {
        embedded.as_str().is_some_and(|name| name.eq_ignore_ascii_case("apisummary"))
    };
    if embedded.is_some_and(|embedded| embedded.iter().any(is_summary)) {
        let definition = call.draft.get::<Definition>(call.text("restApiId"), &deployment.id);
        shown["apiSummary"] = definition.map_or_else(|| json!({}), |it| summary(&it));
    }
    Ok(Answer::Json(shown))
}

/// Paths to verbs to how each is guarded.
fn summary(definition: &Definition) -> Value {
    let mut paths = serde_json::Map::new();
    for resource in &definition.resources {
        let methods: serde_json::Map<_, _> = resource
            .resource_methods
            .iter()
            .map(|(verb, method)| {
                let guard = json!({
                    "authorizationType": method.authorization_type,
                    "apiKeyRequired": method.api_key_required,
                });
                (verb.clone(), guard)
            })
            .collect();
        if !methods.is_empty() {
            paths.insert(resource.path.clone(), Value::Object(methods));
        }
    }
    Value::Object(paths)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let page = Page::v1(call);
    Ok(page::v1(page.take(
        call,
        &api.id,
        |deployment: &Deployment| &deployment.id,
        answer::document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut deployment = Deployment::clone(&*place::deployment(call)?);
    for operation in patch::operations(call)? {
        match (operation.op, operation.path.as_deref()) {
            (Op::Replace, Some("/description")) => deployment.description = operation.non_empty(),
            _ => return Err(FAMILY.bad_path(&operation)),
        }
    }
    let answer = Answer::of(&deployment)?;
    let (api_id, id) = (call.text("restApiId").to_owned(), deployment.id.clone());
    call.draft.put(&api_id, &id, deployment);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let deployment = place::deployment(call)?;
    let api_id = call.text("restApiId").to_owned();
    let stages = call.draft.list::<Stage>(&api_id);
    if stages.iter().any(|stage| stage.deployment_id == deployment.id) {
        return Err(Fault::bad_request(
            "Active stages pointing to this deployment must be moved or deleted",
        ));
    }
    let is_canary = |stage: &Arc<Stage>| {
        stage.canary_settings.as_ref().is_some_and(|it| it.deployment_id == deployment.id)
    };
    if stages.iter().any(is_canary) {
        return Err(Fault::bad_request(
            "Active stages with canary settings pointing to this deployment must be moved or deleted",
        ));
    }
    call.draft.remove::<Deployment>(&api_id, &deployment.id);
    call.draft.remove::<Definition>(&api_id, &deployment.id);
    Ok(Answer::Empty)
}

#[cfg(test)]
#[path = "deployment_tests.rs"]
mod tests;
