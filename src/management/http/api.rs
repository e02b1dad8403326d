//! HTTP and WebSocket APIs.
//!
//! `apiEndpoint` has Amazon's form under the first of the configured suffixes, always with `https`
//! (`wss` for WebSocket APIs) and without a port: it names the API as clients reach it from outside,
//! and which listener, port or load balancer that takes them through is not the API's business.

use super::super::domain::mapping;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::rest::usage_plan;
use super::super::{Answer, Call, tagging};
use super::members::Members;
use super::{quick_create, show};
use crate::aws::Fault;
use crate::resources::http::{Api, Cors};
use crate::resources::rest::Map;
use serde_json::Value;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateApi", create),
    write("DeleteApi", delete),
    write("DeleteCorsConfiguration", delete_cors),
    read("GetApi", get),
    read("GetApis", list),
    write("UpdateApi", update),
];

/// How HTTP APIs find the route; no other way is supported. Stored as given.
const HTTP_ROUTE_SELECTION: [&str; 2] =
    ["$request.method $request.path", "${request.method} ${request.path}"];

/// Where WebSocket APIs may find the API key; the first is the default.
const API_KEY_SELECTION: [&str; 4] = [
    "$request.header.x-api-key",
    "${request.header.x-api-key}",
    "$context.authorizer.usageIdentifierKey",
    "${context.authorizer.usageIdentifierKey}",
];

/// The API that the call names.
///
/// # Errors
/// There is none.
pub(super) fn find(call: &Call<'_>) -> Result<Arc<Api>, Fault> {
    let id = call.text("apiId");
    call.draft.get("", id).ok_or_else(|| call.unknown_api(id))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let given = Members(&call.input);
    let mut api = Api {
        api_id: call.ids.long(),
        api_key_selection_expression: API_KEY_SELECTION[0].to_owned(),
        ip_address_type: "ipv4".to_owned(),
        created_date: call.now,
        ..Api::default()
    };
    given.word("protocolType", &mut api.protocol_type);
    if api.is_http() {
        HTTP_ROUTE_SELECTION[0].clone_into(&mut api.route_selection_expression);
    }
    lay(&mut api, given)?;
    api.tags = tags(given)?;
    check(&api)?;
    quick_create::create(call, &mut api)?;
    let answer = show(call, &api)?;
    let id = api.api_id.clone();
    call.draft.put("", &id, api);
    Ok(Answer::Json(answer))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = find(call)?;
    Ok(Answer::Json(show(call, &api)?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(call, "", |api: &Api| &api.api_id, |api| show(call, api))?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut api = Api::clone(&*find(call)?);
    lay(&mut api, Members(&call.input))?;
    check(&api)?;
    quick_create::update(call, &api)?;
    let answer = show(call, &api)?;
    let id = api.api_id.clone();
    call.draft.put("", &id, api);
    Ok(Answer::Json(answer))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let id = find(call)?.api_id.clone();
    if !mapping::domains_of(call, |mapping| mapping.api_id == id).is_empty() {
        return Err(Fault::bad_request(format!(
            "Deleting API {id} failed. Please remove all API mappings for the API from your custom domain names."
        )));
    }
    // WebSocket APIs have keys, too.
    usage_plan::forget_api(call, &id);
    call.draft.remove_owned(&id);
    call.draft.remove::<Api>("", &id);
    Ok(Answer::Empty)
}

fn delete_cors(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut api = Api::clone(&*find(call)?);
    api.cors_configuration = None;
    let id = api.api_id.clone();
    call.draft.put("", &id, api);
    Ok(Answer::Empty)
}

/// The API as it is answered.
fn show(call: &Call<'_>, api: &Api) -> Result<Value, Fault> {
    let mut value = show::with_times(api, &[("createdDate", api.created_date)])?;
    value["apiEndpoint"] = Value::String(endpoint(call, api));
    if let Some(members) = value.as_object_mut() {
        members.remove("quickCreate");
    }
    Ok(value)
}

fn endpoint(call: &Call<'_>, api: &Api) -> String {
    let scheme = if api.is_http() { "https" } else { "wss" };
    let (id, region, suffix) = (&api.api_id, call.region(), &call.settings.domain_suffix);
    format!("{scheme}://{id}.execute-api.{region}.{suffix}")
}

/// Lays the members that an update may have, too, over the API.
fn lay(api: &mut Api, given: Members<'_>) -> Result<(), Fault> {
    given.within(&[("name", 128), ("description", 1024), ("version", 64)])?;
    given.word("name", &mut api.name);
    given.text("description", &mut api.description);
    given.text("version", &mut api.version);
    given.word("apiKeySelectionExpression", &mut api.api_key_selection_expression);
    given.word("routeSelectionExpression", &mut api.route_selection_expression);
    given.flag("disableExecuteApiEndpoint", &mut api.disable_execute_api_endpoint);
    given.flag_of("disableSchemaValidation", &mut api.disable_schema_validation);
    given.word("ipAddressType", &mut api.ip_address_type);
    if let Some(mut cors) = given.structure::<Cors>("corsConfiguration")? {
        // Terraform sends empty lists where it has none.
        for list in [
            &mut cors.allow_headers,
            &mut cors.allow_methods,
            &mut cors.allow_origins,
            &mut cors.expose_headers,
        ] {
            list.take_if(|list| list.is_empty());
        }
        api.cors_configuration = Some(cors);
    }
    Ok(())
}

fn check(api: &Api) -> Result<(), Fault> {
    if !["HTTP", "WEBSOCKET"].contains(&&*api.protocol_type) {
        let text = "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]";
        return Err(Fault::bad_request(text));
    }
    if api.name.is_empty() {
        return Err(Fault::bad_request("Invalid API name specified"));
    }
    if api.is_http() && !HTTP_ROUTE_SELECTION.contains(&&*api.route_selection_expression) {
        return Err(Fault::bad_request(
            "Route selection expression is currently limited to \"${request.method} ${request.path}\"",
        ));
    }
    if api.route_selection_expression.is_empty() {
        return Err(Fault::bad_request("Invalid routeSelectionExpression"));
    }
    if !API_KEY_SELECTION.contains(&&*api.api_key_selection_expression) {
        return Err(Fault::bad_request("Invalid apiKeySelectionExpression"));
    }
    match &api.cors_configuration {
        Some(_) if !api.is_http() => {
            Err(Fault::bad_request("Cors is not supported for WEBSOCKET protocolType"))
        }
        Some(cors) => check_cors(cors),
        None => Ok(()),
    }
}

fn check_cors(cors: &Cors) -> Result<(), Fault> {
    let origins = cors.allow_origins.as_deref().unwrap_or_default();
    // `*` as a method or header beside credentials is accepted, as on AWS.
    if cors.allow_credentials == Some(true) && origins.iter().any(|origin| origin == "*") {
        let text = "allow-credentials is not supported if 'allow-origin' is *";
        return Err(Fault::bad_request(text));
    }
    let has_scheme = |origin: &str| {
        let origin = origin.to_ascii_lowercase();
        ["http://", "https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(scheme).is_some_and(|host| !host.is_empty()))
    };
    if let Some(origin) = origins.iter().find(|origin| *origin != "*" && !has_scheme(origin)) {
        return Err(Fault::bad_request(format!(
            "Invalid allowOrigins specified: {origin}. An origin is * or begins with http:// or https://"
        )));
    }
    if cors.max_age.is_some_and(|age| !(-1..=86_400).contains(&age)) {
        let text = "Invalid maxAge specified. It must be between -1 and 86400 seconds";
        return Err(Fault::bad_request(text));
    }
    Ok(())
}

/// The tags of a call that makes something.
///
/// # Errors
/// There are too many, or one is Amazon's own.
pub(super) fn tags(given: Members<'_>) -> Result<Map, Fault> {
    let mut tags = Map::new();
    given.replace("tags", &mut tags);
    tagging::check(&tags)?;
    Ok(tags)
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
