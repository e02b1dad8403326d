//! An HTTP or WebSocket API in the declared form: as it is now, or as a deployment froze it.

use super::form::{
    HTTP_API, HTTP_AUTHORIZER, HTTP_INTEGRATION, HTTP_INTEGRATION_RESPONSE, HTTP_MODEL, HTTP_STAGE,
    ROUTE, ROUTE_RESPONSE, ROUTE_SETTING, WEBSOCKET_API,
};
use super::present::{Names, value};
use crate::resources::Draft;
use crate::resources::http::{Api, Authorizer, Integration, Model, ParameterConstraints, Route};
use crate::resources::http_stage::{Definition, Stage};
use crate::resources::rest::Map;
use serde_json::{Map as Tree, Value, json};
use std::sync::Arc;

/// An API with everything below it.
pub(super) fn api(draft: &Draft<'_>, names: &Names, api: &Arc<Api>) -> Tree<String, Value> {
    let now = Definition::of(draft, api);
    let mut written = definition(names, &now);
    let stages = draft.list::<Stage>(&api.api_id);
    let stage = |it: &Arc<Stage>| (it.stage_name.clone(), stage(draft, &api.api_id, it, &now));
    written.insert("stage".into(), Value::Object(stages.iter().map(stage).collect()));
    written
}

/// Whether two definitions are served alike: names, texts for people and tags are not served.
pub(super) fn is_same(one: &Definition, other: &Definition) -> bool {
    let served = |api: &Api| Api {
        name: String::new(),
        description: None,
        version: None,
        tags: Map::new(),
        quick_create: None,
        ..api.clone()
    };
    let parts = |it: &Definition| Definition { api: Arc::default(), ..it.clone() };
    served(&one.api) == served(&other.api) && parts(one) == parts(other)
}

/// The integration that a route leads to.
pub(super) fn target(route: &Route) -> Option<&str> {
    route.target.as_deref()?.strip_prefix("integrations/")
}

/// What is deployed: all but stages.
pub(super) fn definition(names: &Names, from: &Definition) -> Tree<String, Value> {
    let api = &*from.api;
    let form = if api.is_http() { &HTTP_API } else { &WEBSOCKET_API };
    let mut written = form.written(&value(api));
    let authorizer = |it: &Arc<Authorizer>| {
        (it.name.clone(), Value::Object(HTTP_AUTHORIZER.written(&value(&**it))))
    };
    let model =
        |it: &Arc<Model>| (it.name.clone(), Value::Object(HTTP_MODEL.written(&value(&**it))));
    let users = |id: &str| from.routes.iter().filter(|route| target(route) == Some(id)).count();
    let shared = from.integrations.iter().filter(|it| users(&it.integration_id) != 1);
    let shared = shared.map(|it| {
        let mut written = integration(names, from, it);
        written.insert("id".into(), json!(it.integration_id));
        (it.integration_id.clone(), Value::Object(written))
    });
    let route = |it: &Arc<Route>| {
        let integration = target(it).and_then(|id| {
            if users(id) != 1 {
                return Some(json!(id));
            }
            let found = from.integrations.iter().find(|it| it.integration_id == id)?;
            Some(Value::Object(self::integration(names, from, found)))
        });
        (it.route_key.clone(), Value::Object(route(from, it, integration)))
    };
    let parts: [(&str, Tree<String, Value>); 4] = [
        ("authorizer", from.authorizers.iter().map(authorizer).collect()),
        ("model", from.models.iter().map(model).collect()),
        ("integration", shared.collect()),
        ("route", from.routes.iter().map(route).collect()),
    ];
    for (key, part) in parts {
        written.insert(key.into(), Value::Object(part));
    }
    written
}

/// How a route with this kind of authorizer is authorized.
pub(super) fn authorization(authorizer_type: &str) -> &'static str {
    if authorizer_type == "JWT" { "JWT" } else { "CUSTOM" }
}

/// Milliseconds that an integration may take where nothing is said.
fn timeout(api: &Api) -> i64 {
    if api.is_http() { 30_000 } else { 29_000 }
}

/// An integration with its responses.
pub(super) fn integration(
    names: &Names,
    from: &Definition,
    it: &Integration,
) -> Tree<String, Value> {
    let mut written = HTTP_INTEGRATION.written(&value(it));
    if it.timeout_in_millis == timeout(&from.api) {
        written.remove("timeout_in_millis");
    }
    let is_function = ["AWS", "AWS_PROXY"].contains(&&*it.integration_type);
    let has_default = !(from.api.is_http() && is_function && it.integration_subtype.is_none());
    if has_default && it.payload_format_version.as_deref() == Some("1.0") {
        written.remove("payload_format_version");
    }
    if let Some(id) = &it.connection_id {
        written.insert("vpc_link".into(), json!(names.link(id)));
    }
    let responses = from.integration_responses.get(&it.integration_id);
    let responses = responses.into_iter().flatten().map(|response| {
        let written = HTTP_INTEGRATION_RESPONSE.written(&value(&**response));
        (response.integration_response_key.clone(), Value::Object(written))
    });
    written.insert("response".into(), Value::Object(responses.collect()));
    written
}

fn route(from: &Definition, it: &Route, integration: Option<Value>) -> Tree<String, Value> {
    let mut written = ROUTE.written(&value(it));
    let authorizer = it.authorizer_id.as_ref();
    let authorizer =
        authorizer.and_then(|id| from.authorizers.iter().find(|it| it.authorizer_id == *id));
    let usual = authorizer.map_or("NONE", |it| authorization(&it.authorizer_type));
    if it.authorization_type != usual {
        written.insert("authorization".into(), json!(it.authorization_type));
    }
    if let Some(authorizer) = authorizer {
        written.insert("authorizer".into(), json!(authorizer.name));
    }
    written.insert("request_parameters".into(), flags(&it.request_parameters));
    if let Some(integration) = integration {
        written.insert("integration".into(), integration);
    }
    let responses = from.route_responses.get(&it.route_id);
    let responses = responses.into_iter().flatten().map(|response| {
        let mut written = ROUTE_RESPONSE.written(&value(&**response));
        written.insert("parameters".into(), flags(&response.response_parameters));
        (response.route_response_key.clone(), Value::Object(written))
    });
    written.insert("response".into(), Value::Object(responses.collect()));
    written
}

fn flags(parameters: &Map<ParameterConstraints>) -> Value {
    parameters.iter().map(|(name, it)| (name.clone(), Value::from(it.required))).collect()
}

fn stage(draft: &Draft<'_>, api_id: &str, stage: &Stage, now: &Definition) -> Value {
    let mut written = HTTP_STAGE.written(&value(stage));
    let settings = stage
        .route_settings
        .iter()
        .map(|(key, setting)| (key.clone(), Value::Object(ROUTE_SETTING.written(&value(setting)))));
    written.insert("route_settings".into(), Value::Object(settings.collect()));
    let served = stage.deployment_id.as_deref();
    let served = served.and_then(|id| draft.get::<Definition>(api_id, id));
    if !stage.auto_deploy && !served.is_some_and(|served| is_same(&served, now)) {
        written.insert("deploy".into(), json!("manual"));
    }
    Value::Object(written)
}
