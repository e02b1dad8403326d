//! What a call names must be there: lookups that several operations share, each with the refusal of
//! Amazon's own words.

use super::super::Call;
use crate::aws::Fault;
use crate::resources::rest::{Method, Resource, RestApi};
use crate::resources::rest_stage::{Deployment, Stage};
use std::sync::Arc;

/// The API that a call names.
///
/// # Errors
/// 404: there is none.
pub(super) fn api(call: &Call<'_>) -> Result<Arc<RestApi>, Fault> {
    let id = call.text("restApiId");
    call.draft.get("", id).ok_or_else(|| unknown_api(call, id))
}

/// 404: there is no such API.
pub(super) fn unknown_api(call: &Call<'_>, id: &str) -> Fault {
    let account = &call.settings.account_id;
    Fault::not_found(format!("Invalid API identifier specified {account}:{id}"))
}

/// The stage that a call names.
///
/// # Errors
/// 404: there is none, or no such API.
pub(super) fn stage(call: &Call<'_>) -> Result<Arc<Stage>, Fault> {
    let stage = call.draft.get(call.text("restApiId"), call.text("stageName"));
    stage.ok_or_else(|| Fault::not_found("Invalid stage identifier specified"))
}

/// The deployment that a call names.
///
/// # Errors
/// 404: there is none, or no such API.
pub(super) fn deployment(call: &Call<'_>) -> Result<Arc<Deployment>, Fault> {
    let deployment = call.draft.get(call.text("restApiId"), call.text("deploymentId"));
    deployment.ok_or_else(|| Fault::not_found("Invalid Deployment identifier specified"))
}

/// The resource path and verb of the first method that fits, by path and verb: what a refusal to
/// delete something names.
pub(super) fn method_with(
    call: &Call<'_>,
    api_id: &str,
    fits: impl Fn(&Method) -> bool,
) -> Option<(String, String)> {
    let resources = call.draft.list::<Resource>(api_id);
    let fitting = resources.iter().flat_map(|resource| {
        let methods = resource.resource_methods.iter().filter(|(_, method)| fits(method));
        methods.map(|(verb, _)| (resource.path.as_str(), verb.as_str()))
    });
    fitting.min().map(|(path, verb)| (path.to_owned(), verb.to_owned()))
}
