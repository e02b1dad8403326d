//! Routes.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::api;
use super::members::Members;
use crate::aws::Fault;
use crate::model::{Protocol, RouteKey, RouteKeyError};
use crate::resources::http::{Api, Authorizer, Integration, Model, ParameterConstraints, Route};
use crate::resources::rest::Map;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateRoute", create),
    write("DeleteRoute", delete),
    write("DeleteRouteRequestParameter", delete_request_parameter),
    read("GetRoute", get),
    read("GetRoutes", list),
    write("UpdateRoute", update),
];

/// OAuth scopes of a route.
const SCOPES_MAX: usize = 10;

/// The route that the call names.
///
/// # Errors
/// There is none.
pub(super) fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Route>, Fault> {
    let id = call.text("routeId");
    call.draft
        .get(&api.api_id, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid Route identifier specified {id}")))
}

/// Checks a route and stores it.
///
/// # Errors
/// Something about it is refused.
pub(super) fn put(call: &mut Call<'_>, api: &Api, mut route: Route) -> Result<Arc<Route>, Fault> {
    settle(&mut route);
    check_key(call, api, &route)?;
    check_target(call, api, &route)?;
    check_authorization(call, api, &route)?;
    check_models(call, api, &route)?;
    let route = Arc::new(route);
    call.draft.put_shared(&api.api_id, &route.route_id, Arc::clone(&route));
    Ok(route)
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut route = Route {
        route_id: call.ids.seven(),
        authorization_type: "NONE".to_owned(),
        ..Route::default()
    };
    lay(&mut route, Members(&call.input))?;
    Answer::of(&*put(call, &api, route)?)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Answer::of(&*find(call, &api)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(call, &api.api_id, |route: &Route| &route.route_id, document)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let before = find(call, &api)?;
    let mut route = Route::clone(&before);
    lay(&mut route, Members(&call.input))?;
    if before.api_gateway_managed == Some(true) && route.route_key != before.route_key {
        return Err(Fault::bad_request(
            "The route key of a route that is managed by its API can be changed only by updating the API",
        ));
    }
    Answer::of(&*put(call, &api, route)?)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let route = find(call, &api)?;
    if route.api_gateway_managed == Some(true) {
        return Err(Fault::bad_request(format!(
            "Route {} is managed by its API and cannot be deleted",
            route.route_id
        )));
    }
    call.draft.remove_owned(&format!("{}/{}", api.api_id, route.route_id));
    call.draft.remove::<Route>(&api.api_id, &route.route_id);
    Ok(Answer::Empty)
}

fn delete_request_parameter(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut route = Route::clone(&*find(call, &api)?);
    let key = call.text("requestParameterKey");
    if route.request_parameters.remove(key).is_none() {
        return Err(Fault::not_found(format!("Invalid request parameter key specified {key}")));
    }
    let id = route.route_id.clone();
    call.draft.put(&api.api_id, &id, route);
    Ok(Answer::Empty)
}

fn lay(route: &mut Route, given: Members<'_>) -> Result<(), Fault> {
    given.within(&[("target", 128), ("operationName", 64)])?;
    let before = route.authorization_type.clone();
    given.word("routeKey", &mut route.route_key);
    given.text("target", &mut route.target);
    given.flag("apiKeyRequired", &mut route.api_key_required);
    given.word("authorizationType", &mut route.authorization_type);
    // An empty id alone keeps the authorizer: only another type drops it.
    if let Some(id) = given.given("authorizerId").filter(|id| !id.is_empty()) {
        route.authorizer_id = Some(id.to_owned());
    }
    if route.authorization_type != before {
        route.authorization_scopes.clear();
    }
    given.texts("authorizationScopes", &mut route.authorization_scopes);
    given.text("modelSelectionExpression", &mut route.model_selection_expression);
    given.text("operationName", &mut route.operation_name);
    given.replace("requestModels", &mut route.request_models);
    if let Some(parameters) = given.structure::<Map<ParameterConstraints>>("requestParameters")? {
        route.request_parameters.extend(parameters);
    }
    given.text("routeResponseSelectionExpression", &mut route.route_response_selection_expression);
    Ok(())
}

/// Takes away what the rest makes meaningless.
fn settle(route: &mut Route) {
    if ["NONE", "AWS_IAM"].contains(&&*route.authorization_type) {
        route.authorizer_id = None;
    }
}

fn check_key(call: &Call<'_>, api: &Api, route: &Route) -> Result<(), Fault> {
    let key = &route.route_key;
    let parsed = if api.is_http() {
        Some(key.parse::<RouteKey>().map_err(|error| http_key_fault(&error))?)
    } else {
        check_web_socket_key(key)?;
        None
    };
    let routes = call.draft.list::<Route>(&api.api_id);
    for other in routes.iter().filter(|other| other.route_id != route.route_id) {
        if other.route_key == *key {
            let text = format!("Route with key {key} already exists for this API");
            return Err(Fault::conflict(text));
        }
        let other_key = other.route_key.parse::<RouteKey>().ok();
        if parsed.as_ref().zip(other_key.as_ref()).is_some_and(|(one, other)| clash(one, other)) {
            return Err(Fault::conflict(format!(
                "The provided route key \"{key}\" has a conflicting variable on the same hierarchical level as \"{}\"",
                other.route_key
            )));
        }
    }
    Ok(())
}

fn http_key_fault(error: &RouteKeyError) -> Fault {
    match error {
        RouteKeyError::Form { .. }
        | RouteKeyError::Method { .. }
        | RouteKeyError::NoSlash { .. } => Fault::bad_request(
            "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"",
        ),
        // What AWS says of these is not known; the data plane's own words name the place.
        RouteKeyError::EmptySegment { .. }
        | RouteKeyError::GreedyNotLast { .. }
        | RouteKeyError::Braces { .. }
        | RouteKeyError::Name { .. }
        | RouteKeyError::NameTwice { .. }
        | RouteKeyError::Character { .. }
        | RouteKeyError::Percent { .. }
        | RouteKeyError::DotSegment { .. }
        | RouteKeyError::TooMany { .. } => Fault::bad_request(format!(
            "The provided route key is not formatted properly for HTTP protocol. {error}"
        )),
    }
}

fn check_web_socket_key(key: &str) -> Result<(), Fault> {
    let is_own = !key.is_empty() && !key.starts_with('$') && key.chars().count() <= 128;
    if is_own || ["$connect", "$disconnect", "$default"].contains(&key) {
        return Ok(());
    }
    Err(Fault::bad_request(format!(
        "Invalid route key specified: {key}. A route key is $connect, $disconnect, $default or 1 to 128 characters that do not begin with $"
    )))
}

/// Whether two keys that are not the same take the same requests.
fn clash(one: &RouteKey, other: &RouteKey) -> bool {
    match (one, other) {
        (
            RouteKey::Path { method, path },
            RouteKey::Path { method: other_method, path: other_path },
        ) => {
            method == other_method && path.shape(Protocol::Http) == other_path.shape(Protocol::Http)
        }
        (RouteKey::Default, _) | (_, RouteKey::Default) => false,
    }
}

fn check_target(call: &Call<'_>, api: &Api, route: &Route) -> Result<(), Fault> {
    let Some(target) = &route.target else { return Ok(()) };
    let Some(id) = target.strip_prefix("integrations/") else {
        return Err(Fault::bad_request(
            "Unexpected or malformed target in route. Correct format should be integrations/<integration_id>.",
        ));
    };
    if !call.draft.has::<Integration>(&api.api_id, id) {
        let text = format!("Invalid Integration identifier specified {id}");
        return Err(Fault::bad_request(text));
    }
    Ok(())
}

fn check_authorization(call: &Call<'_>, api: &Api, route: &Route) -> Result<(), Fault> {
    let kind = &*route.authorization_type;
    let is_known = match api.is_http() {
        true => ["NONE", "AWS_IAM", "CUSTOM", "JWT"].contains(&kind),
        false => ["NONE", "AWS_IAM", "CUSTOM"].contains(&kind),
    };
    if !is_known {
        let text = format!("Invalid authorization type specified: {kind}");
        return Err(Fault::bad_request(text));
    }
    if !api.is_http() && kind != "NONE" && route.route_key != "$connect" {
        let text = "Currently, authorization is restricted to the $connect route only";
        return Err(Fault::bad_request(text));
    }
    if api.is_http() && route.api_key_required {
        let text = "ApiKeyRequired is not currently supported for HTTP APIs.";
        return Err(Fault::bad_request(text));
    }
    let authorizer = route.authorizer_id.as_deref();
    let authorizer = authorizer.and_then(|id| call.draft.get::<Authorizer>(&api.api_id, id));
    let is_of = |kind: &str| authorizer.as_ref().is_some_and(|it| it.authorizer_type == kind);
    if kind == "CUSTOM" && !is_of("REQUEST") {
        return Err(Fault::bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
        ));
    }
    if kind == "JWT" && !is_of("JWT") {
        return Err(Fault::bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer.",
        ));
    }
    if kind != "JWT" && !route.authorization_scopes.is_empty() {
        return Err(Fault::bad_request(
            "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization type",
        ));
    }
    if route.authorization_scopes.len() > SCOPES_MAX {
        let text = format!("A route may have at most {SCOPES_MAX} authorization scopes");
        return Err(Fault::bad_request(text));
    }
    Ok(())
}

fn check_models(call: &Call<'_>, api: &Api, route: &Route) -> Result<(), Fault> {
    if route.request_models.is_empty() {
        return Ok(());
    }
    let models = call.draft.list::<Model>(&api.api_id);
    let is_there = |name: &String| models.iter().any(|model| model.name == *name);
    match route.request_models.values().find(|name| !is_there(name)) {
        Some(name) => {
            Err(Fault::bad_request(format!("Invalid model identifier specified: {name}")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
