//! Quick create: `target` of an HTTP API makes an integration, a route that takes everything and a
//! stage that deploys by itself. The API keeps the three together: they cannot be deleted one by one,
//! and updating the API's `target`, `routeKey` and `credentialsArn` changes them.

use super::super::Call;
use super::members::Members;
use super::{integration, route, stage};
use crate::aws::Fault;
use crate::resources::http::{Api, Integration, QuickCreate, Route};
use std::sync::Arc;

/// The members of an API's calls that are about quick create.
const MEMBERS: [&str; 3] = ["target", "routeKey", "credentialsArn"];

/// Makes the parts of a new API, when the call asks for them. Its stage is deployed by what follows
/// every change.
///
/// # Errors
/// The API is no HTTP API, or the target is neither a URL nor a function.
pub(super) fn create(call: &mut Call<'_>, api: &mut Api) -> Result<(), Fault> {
    let given = Members(&call.input);
    if !is_asked_for(given) {
        return Ok(());
    }
    check_protocol(api)?;
    let Some(target) = given.given("target").filter(|target| !target.is_empty()) else {
        return Err(Fault::bad_request(
            "Target must be set when RouteKey or CredentialsArn is set",
        ));
    };
    let mut made = Integration {
        integration_id: call.ids.seven(),
        api_gateway_managed: Some(true),
        ..Integration::default()
    };
    aim(&mut made, target)?;
    given.text("credentialsArn", &mut made.credentials_arn);
    let integration_id = made.integration_id.clone();
    let made_route = Route {
        route_id: call.ids.seven(),
        route_key: given.given("routeKey").unwrap_or("$default").to_owned(),
        target: Some(format!("integrations/{integration_id}")),
        authorization_type: "NONE".to_owned(),
        api_gateway_managed: Some(true),
        ..Route::default()
    };
    let route_id = made_route.route_id.clone();
    integration::put(call, api, made)?;
    route::put(call, api, made_route)?;
    stage::put_managed(call, api);
    api.quick_create = Some(QuickCreate { route_id, integration_id });
    Ok(())
}

/// Changes the parts of an API.
///
/// # Errors
/// The API was not made so, or the new values are refused.
pub(super) fn update(call: &mut Call<'_>, api: &Api) -> Result<(), Fault> {
    let given = Members(&call.input);
    if !is_asked_for(given) {
        return Ok(());
    }
    check_protocol(api)?;
    let Some(parts) = &api.quick_create else {
        return Err(Fault::bad_request(
            "Target, RouteKey and CredentialsArn can be updated only for an API that was created with a target",
        ));
    };
    let integration: Option<Arc<Integration>> = call.draft.get(&api.api_id, &parts.integration_id);
    if let Some(integration) = integration {
        let mut integration = Integration::clone(&integration);
        if let Some(target) = given.given("target").filter(|target| !target.is_empty()) {
            aim(&mut integration, target)?;
        }
        given.text("credentialsArn", &mut integration.credentials_arn);
        integration::put(call, api, integration)?;
    }
    let route: Option<Arc<Route>> = call.draft.get(&api.api_id, &parts.route_id);
    if let (Some(route), Some(key)) = (route, Members(&call.input).given("routeKey")) {
        let mut route = Route::clone(&route);
        key.clone_into(&mut route.route_key);
        route::put(call, api, route)?;
    }
    Ok(())
}

fn is_asked_for(given: Members<'_>) -> bool {
    MEMBERS.iter().any(|member| given.has(member))
}

fn check_protocol(api: &Api) -> Result<(), Fault> {
    if api.is_http() {
        return Ok(());
    }
    Err(Fault::bad_request("Quick create is not supported for WEBSOCKET protocolType"))
}

/// Points an integration to a URL or a function.
fn aim(integration: &mut Integration, target: &str) -> Result<(), Fault> {
    let is_url = ["http://", "https://"].iter().any(|scheme| target.starts_with(scheme));
    let is_function = target.starts_with("arn:") && target.contains(":lambda:");
    let (kind, method, format) = match (is_url, is_function) {
        (true, _) => ("HTTP_PROXY", "ANY", "1.0"),
        (_, true) => ("AWS_PROXY", "POST", "2.0"),
        _ => {
            return Err(Fault::bad_request(format!(
                "Invalid target specified: {target}. A target is a URL or the ARN of a Lambda function"
            )));
        }
    };
    kind.clone_into(&mut integration.integration_type);
    integration.integration_method = Some(method.to_owned());
    integration.payload_format_version = Some(format.to_owned());
    integration.integration_uri = Some(target.to_owned());
    Ok(())
}
