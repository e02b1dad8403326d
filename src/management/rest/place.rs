//! Where in a REST API a call points: API, resource, method, integration, deployment, stage, each with
//! Amazon's words for one that is not there.
//!
//! Once a resource is named, an unknown API is reported as an unknown resource, as Amazon does.

use super::super::Call;
use crate::aws::Fault;
use crate::resources::rest::{Integration, Method, Resource, RestApi};
use crate::resources::rest_stage::{Deployment, Stage};
use std::sync::Arc;

/// The API that a call names.
///
/// # Errors
/// 404: there is none.
pub(super) fn api(call: &Call<'_>) -> Result<Arc<RestApi>, Fault> {
    let id = call.text("restApiId");
    call.draft.get("", id).ok_or_else(|| call.unknown_api(id))
}

/// The resource that a call names.
///
/// # Errors
/// 404: there is none, or no such API.
pub(super) fn resource(call: &Call<'_>) -> Result<Arc<Resource>, Fault> {
    let resource = call.draft.get(call.text("restApiId"), call.text("resourceId"));
    resource.ok_or_else(unknown_resource)
}

/// 404: there is no such resource.
pub(super) fn unknown_resource() -> Fault {
    Fault::not_found("Invalid Resource identifier specified")
}

/// The method that a call names, of its resource.
///
/// # Errors
/// 404: the resource has no such method.
pub(super) fn method<'r>(call: &Call<'_>, resource: &'r Resource) -> Result<&'r Method, Fault> {
    resource.resource_methods.get(call.text("httpMethod")).ok_or_else(unknown_method)
}

fn unknown_method() -> Fault {
    Fault::not_found("Invalid Method identifier specified")
}

/// A method's integration.
///
/// # Errors
/// 404: it has none.
pub(super) fn integration(method: &Method) -> Result<&Integration, Fault> {
    method.method_integration.as_ref().ok_or_else(unknown_integration)
}

/// 404: the method has no integration.
pub(super) fn unknown_integration() -> Fault {
    Fault::not_found("Invalid Integration identifier specified")
}

/// 404: a method or integration has no response of that status code.
pub(super) fn unknown_status_code() -> Fault {
    Fault::not_found("Invalid Response status code specified")
}

/// Changes the method that a call names; nothing is changed when `change` fails.
///
/// # Errors
/// 404: no such resource or method; or what `change` refuses.
pub(super) fn change_method<T>(
    call: &mut Call<'_>,
    change: impl FnOnce(&Call<'_>, &mut Method) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut resource = Resource::clone(&*resource(call)?);
    let method =
        resource.resource_methods.get_mut(call.text("httpMethod")).ok_or_else(unknown_method)?;
    let result = change(call, method)?;
    let (api, id) = (call.text("restApiId").to_owned(), resource.id.clone());
    call.draft.put(&api, &id, resource);
    Ok(result)
}

/// Changes the integration of the method that a call names, as [`change_method`].
///
/// # Errors
/// 404: no such resource, method or integration; or what `change` refuses.
pub(super) fn change_integration<T>(
    call: &mut Call<'_>,
    change: impl FnOnce(&Call<'_>, &mut Integration) -> Result<T, Fault>,
) -> Result<T, Fault> {
    change_method(call, |call, method| {
        let integration = method.method_integration.as_mut().ok_or_else(unknown_integration)?;
        change(call, integration)
    })
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

#[cfg(test)]
mod tests {
    use super::super::super::operation::Operation;
    use super::super::sample::{Sample, merged};
    use super::super::{api, integration, method, resource};
    use serde_json::json;

    /// Shapes are checked before an operation runs; what they let through must not end a host.
    #[test]
    fn calls_without_members_or_with_odd_ones_never_panic() {
        let tables: [&[Operation]; 4] =
            [api::OPERATIONS, resource::OPERATIONS, method::OPERATIONS, integration::OPERATIONS];
        let names: Vec<&str> = tables.concat().iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), 26);
        let members = [
            "restApiId",
            "resourceId",
            "httpMethod",
            "statusCode",
            "name",
            "embed",
            "limit",
            "tags",
            "position",
            "patchOperations",
            "endpointConfiguration",
            "requestParameters",
            "uri",
            "cloneFrom",
            "pathPart",
            "parentId",
            "responseTemplates",
            "cacheKeyParameters",
        ];
        let values = [json!(null), json!(-1), json!(""), json!("é/{"), json!([1]), json!({"a": 1})];
        for name in names {
            let mut sample = Sample::with_mock();
            let whole = json!({"type": "MOCK", "authorizationType": "NONE", "statusCode": "200"});
            // Before anything may be deleted.
            if name != "GetRestApis" {
                sample.fixture.v1(name, json!({})).unwrap_err();
            }
            for (member, value) in
                members.iter().flat_map(|member| values.iter().map(move |value| (member, value)))
            {
                let odd = merged(whole.clone(), json!({*member: value}));
                let _ = sample.at_root(name, odd);
            }
        }
    }
}
