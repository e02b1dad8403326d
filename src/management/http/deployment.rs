//! Deployments of HTTP and WebSocket APIs, and stages that deploy by themselves.
//!
//! A deployment freezes the API: its definition shares the API's parts as they are, because a change
//! replaces a part instead of writing into it.
//!
//! A stage with `autoDeploy` gets a new deployment in the same transaction as the change that it
//! follows, so a client that reads the stage after its own change sees the new one; AWS does the same
//! a moment later. All such stages of an API share one deployment. One that was made so is removed as
//! soon as no stage points to it: otherwise the store would keep a whole definition for every change
//! of any route. Whoever wants to go back to a release makes deployments of their own. Nothing is
//! deployed when what would be frozen is what is already served.

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, show, stage};
use crate::aws::Fault;
use crate::resources::http::{
    Api, Authorizer, Integration, IntegrationResponse, Model, Route, RouteResponse,
};
use crate::resources::http_stage::{Definition, Deployment, Stage};
use crate::resources::rest::Map;
use crate::resources::{Entity, Key};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDeployment", create),
    write("DeleteDeployment", delete),
    read("GetDeployment", get),
    read("GetDeployments", list),
    write("UpdateDeployment", update),
];

/// Why an API without routes cannot be deployed.
const NO_ROUTES: &str = "Unable to deploy API because no routes exist in this API";

/// Nouns whose change is deployed, besides the API itself.
const PARTS: [&str; 6] = [
    Route::KIND,
    RouteResponse::KIND,
    Integration::KIND,
    IntegrationResponse::KIND,
    Model::KIND,
    Authorizer::KIND,
];

/// Deploys the APIs that a call changed, on their stages with automatic deployment.
///
/// # Errors
/// None that happens: a deployment that fails is told by the stage.
pub(in crate::management) fn follow_changes(call: &mut Call<'_>) -> Result<(), Fault> {
    let changed: BTreeSet<String> =
        call.draft.touched().filter_map(api_of).map(str::to_owned).collect();
    for id in changed {
        // A deleted API has nothing to deploy.
        let Some(api) = call.draft.get::<Api>("", &id) else { continue };
        let stages = call.draft.list::<Stage>(&id);
        let stages: Vec<_> = stages.into_iter().filter(|stage| stage.auto_deploy).collect();
        if stages.is_empty() {
            continue;
        }
        let outcome = automatic(call, &api);
        for stage in stages {
            let mut after = Stage::clone(&stage);
            point(call, &mut after, outcome.as_deref());
            if after != *stage {
                call.draft.put(&id, &stage.stage_name, after);
                drop_unused(call, &id, stage.deployment_id.as_deref());
            }
        }
    }
    Ok(())
}

/// The API that a touched noun is, or is a part of.
fn api_of(key: &Key) -> Option<&str> {
    if key.kind == Api::KIND {
        return Some(&key.id);
    }
    PARTS.contains(&key.kind).then(|| key.owner.split('/').next().unwrap_or_default())
}

/// Deploys a stage with automatic deployment that a call made or changed.
pub(super) fn deploy(call: &mut Call<'_>, api: &Arc<Api>, stage: &mut Stage) {
    let outcome = automatic(call, api);
    point(call, stage, outcome.as_deref());
}

/// Points a stage to an automatic deployment, or says why there is none; what it served before stays.
fn point(call: &Call<'_>, stage: &mut Stage, outcome: Result<&str, &&str>) {
    let message = match outcome {
        Ok(id) => format!("Successfully deployed stage with deployment ID '{id}'"),
        Err(reason) => format!("Deployment attempt failed: {reason}"),
    };
    let id = outcome.ok().map(str::to_owned);
    if stage.last_deployment_status_message.as_ref() != Some(&message) {
        stage.last_deployment_status_message = Some(message);
        stage.last_updated_date = call.now;
    }
    if let Some(id) = id {
        stage.deployment_id = Some(id);
    }
}

/// The id of an automatic deployment of the API as it is now: one that is already served, or a new
/// one.
fn automatic(call: &mut Call<'_>, api: &Arc<Api>) -> Result<String, &'static str> {
    let definition = freeze(call, api).ok_or(NO_ROUTES)?;
    let stages = call.draft.list::<Stage>(&api.api_id);
    let served = stages.iter().filter(|stage| stage.auto_deploy).find_map(|stage| {
        let id = stage.deployment_id.as_deref()?;
        let served = call.draft.get::<Definition>(&api.api_id, id)?;
        is_same(&served, &definition).then(|| id.to_owned())
    });
    if let Some(id) = served {
        return Ok(id);
    }
    let description = "Automatic deployment triggered by changes to the Api configuration";
    let deployment = Deployment {
        description: Some(description.to_owned()),
        auto_deployed: true,
        ..Deployment::default()
    };
    Ok(store(call, api, deployment, definition).deployment_id.clone())
}

/// Whether two definitions serve the same. Tags and texts for people are not served.
fn is_same(one: &Definition, other: &Definition) -> bool {
    let served = |api: &Api| Api {
        description: None,
        version: None,
        tags: Map::new(),
        quick_create: None,
        ..api.clone()
    };
    let parts = |definition: &Definition| Definition { api: Arc::default(), ..definition.clone() };
    served(&one.api) == served(&other.api) && parts(one) == parts(other)
}

/// The API and all its parts; none without routes.
fn freeze(call: &Call<'_>, api: &Arc<Api>) -> Option<Definition> {
    Some(Definition::of(&call.draft, api)).filter(|definition| !definition.routes.is_empty())
}

fn store(
    call: &mut Call<'_>,
    api: &Api,
    mut deployment: Deployment,
    definition: Definition,
) -> Arc<Deployment> {
    deployment.deployment_id = call.ids.short();
    deployment.created_date = call.now;
    "DEPLOYED".clone_into(&mut deployment.deployment_status);
    let deployment = Arc::new(deployment);
    let id = &deployment.deployment_id;
    call.draft.put(&api.api_id, id, definition);
    call.draft.put_shared(&api.api_id, id, Arc::clone(&deployment));
    deployment
}

/// Removes a deployment that was made automatically, when no stage points to it any more.
pub(super) fn drop_unused(call: &mut Call<'_>, api_id: &str, id: Option<&str>) {
    let Some(id) = id else { return };
    let deployment = call.draft.get::<Deployment>(api_id, id);
    let is_automatic = deployment.is_some_and(|deployment| deployment.auto_deployed);
    if is_automatic && !is_used(call, api_id, id) {
        call.draft.remove::<Deployment>(api_id, id);
        call.draft.remove::<Definition>(api_id, id);
    }
}

fn is_used(call: &Call<'_>, api_id: &str, id: &str) -> bool {
    let stages = call.draft.list::<Stage>(api_id);
    stages.iter().any(|stage| stage.deployment_id.as_deref() == Some(id))
}

fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Deployment>, Fault> {
    let id = call.text("deploymentId");
    call.draft
        .get(&api.api_id, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid Deployment identifier specified {id}")))
}

fn show(deployment: &Deployment) -> Result<Value, Fault> {
    show::with_times(deployment, &[("createdDate", deployment.created_date)])
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let given = Members(&call.input);
    given.within(&[("description", 1024)])?;
    let mut deployment = Deployment::default();
    given.text("description", &mut deployment.description);
    let stage = match given.given("stageName").is_some_and(|name| !name.is_empty()) {
        true => Some(stage::find(call, &api)?),
        false => None,
    };
    if stage.as_ref().is_some_and(|stage| stage.auto_deploy) {
        return Err(stage::deploys_by_itself(call, &api));
    }
    let definition = freeze(call, &api).ok_or_else(|| Fault::bad_request(NO_ROUTES))?;
    let deployment = store(call, &api, deployment, definition);
    if let Some(before) = stage {
        let mut stage = Stage::clone(&before);
        stage.deployment_id = Some(deployment.deployment_id.clone());
        stage.last_updated_date = call.now;
        call.draft.put(&api.api_id, &before.stage_name, stage);
        drop_unused(call, &api.api_id, before.deployment_id.as_deref());
    }
    Ok(Answer::Json(show(&deployment)?))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Ok(Answer::Json(show(&*find(call, &api)?)?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(
        call,
        &api.api_id,
        |deployment: &Deployment| &deployment.deployment_id,
        show,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut deployment = Deployment::clone(&*find(call, &api)?);
    let given = Members(&call.input);
    given.within(&[("description", 1024)])?;
    given.text("description", &mut deployment.description);
    let answer = show(&deployment)?;
    let id = deployment.deployment_id.clone();
    call.draft.put(&api.api_id, &id, deployment);
    Ok(Answer::Json(answer))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let deployment = find(call, &api)?;
    let id = &deployment.deployment_id;
    if is_used(call, &api.api_id, id) {
        return Err(Fault::bad_request(
            "Active stages pointing to this deployment must be moved or deleted",
        ));
    }
    call.draft.remove::<Deployment>(&api.api_id, id);
    call.draft.remove::<Definition>(&api.api_id, id);
    Ok(Answer::Empty)
}
