//! A REST API in the declared form: as it is now, or as a deployment froze it.

use super::form::{
    AUTHORIZER, CANARY, DOCUMENTATION, DOCUMENTATION_VERSION, GATEWAY_RESPONSE, INTEGRATION,
    INTEGRATION_RESPONSE, METHOD, METHOD_RESPONSE, METHOD_SETTING, MODEL, REQUEST_VALIDATOR,
    REST_API, STAGE,
};
use super::present::{Names, endpoint, value};
use crate::resources::Draft;
use crate::resources::rest::{
    Authorizer, DocumentationPart, DocumentationVersion, Integration, Map, Method, Model,
    RequestValidator, Resource, RestApi,
};
use crate::resources::rest_stage::{Definition, Stage};
use serde_json::{Map as Tree, Value, json};
use std::sync::Arc;

/// An API with everything below it.
pub(super) fn api(draft: &Draft<'_>, names: &Names, api: &Arc<RestApi>) -> Tree<String, Value> {
    let now = Definition::of(draft, api);
    let mut written = definition(names, &now);
    let parts = draft.list::<DocumentationPart>(&api.id);
    let mut parts: Vec<_> = parts.iter().map(|part| documentation(part)).collect();
    parts.sort_by_key(|part| part.values().map(Value::to_string).collect::<Vec<_>>());
    written.insert("documentation".into(), json!(parts));
    let versions = draft.list::<DocumentationVersion>(&api.id);
    let version = |version: &Arc<DocumentationVersion>| {
        let written = DOCUMENTATION_VERSION.written(&value(&**version));
        (version.version.clone(), Value::Object(written))
    };
    let versions = versions.iter().map(version).collect();
    written.insert("documentation_version".into(), Value::Object(versions));
    let stages = draft.list::<Stage>(&api.id);
    let stage = |it: &Arc<Stage>| (it.stage_name.clone(), stage(draft, &api.id, it, &now));
    written.insert("stage".into(), Value::Object(stages.iter().map(stage).collect()));
    written
}

/// Whether two definitions are served alike: names, texts for people and tags are not served.
pub(super) fn is_same(one: &Definition, other: &Definition) -> bool {
    let served = |api: &RestApi| RestApi {
        name: String::new(),
        description: None,
        version: None,
        tags: Map::new(),
        ..api.clone()
    };
    let parts = |it: &Definition| Definition { api: Arc::default(), ..it.clone() };
    served(&one.api) == served(&other.api) && parts(one) == parts(other)
}

/// The deployment that the next one replaces: the canary's, where there is one.
pub(super) fn released(stage: &Stage) -> &str {
    stage.canary_settings.as_ref().map_or(&stage.deployment_id, |canary| &canary.deployment_id)
}

/// What is deployed: all but documentation and stages.
pub(super) fn definition(names: &Names, from: &Definition) -> Tree<String, Value> {
    let api = &*from.api;
    let mut written = REST_API.written(&value(api));
    endpoint(&mut written, &api.endpoint_configuration);
    let authorizer = |it: &Arc<Authorizer>| {
        let mut written = AUTHORIZER.written(&value(&**it));
        let usual = if it.r#type == "COGNITO_USER_POOLS" { "cognito_user_pools" } else { "custom" };
        if it.auth_type.as_deref() == Some(usual) {
            written.remove("auth_type");
        }
        if it.authorizer_result_ttl_in_seconds == Some(300) {
            written.remove("result_ttl_in_seconds");
        }
        (it.name.clone(), Value::Object(written))
    };
    let validator = |it: &Arc<RequestValidator>| {
        let mut written = REQUEST_VALIDATOR.written(&value(&**it));
        let handle = handle(&from.request_validators, &it.id);
        if let Some(name) = it.name.as_ref().filter(|name| **name != handle) {
            written.insert("name".into(), json!(name));
        }
        (handle, Value::Object(written))
    };
    let model = |it: &Arc<Model>| (it.name.clone(), Value::Object(MODEL.written(&value(&**it))));
    let gateway_response = |it: &Arc<crate::resources::rest::GatewayResponse>| {
        (it.response_type.clone(), Value::Object(GATEWAY_RESPONSE.written(&value(&**it))))
    };
    let models = from.models.iter().filter(|model| !is_default(model));
    let parts: [(&str, Tree<String, Value>); 5] = [
        ("authorizer", from.authorizers.iter().map(authorizer).collect()),
        ("request_validator", from.request_validators.iter().map(validator).collect()),
        ("model", models.map(model).collect()),
        ("gateway_response", from.gateway_responses.iter().map(gateway_response).collect()),
        ("path", paths(names, from)),
    ];
    for (key, part) in parts {
        written.insert(key.into(), Value::Object(part));
    }
    written
}

/// The models that every API begins with.
pub(super) fn is_default(model: &Model) -> bool {
    let text = model.description.as_deref().unwrap_or_default();
    ["Empty", "Error"].contains(&&*model.name)
        && text.starts_with("This is a default ")
        && text.ends_with(" schema model")
}

/// By what name a validator is declared: its own where no other has it, else its id.
pub(super) fn handle(validators: &[Arc<RequestValidator>], id: &str) -> String {
    let name = |it: &RequestValidator| it.name.clone().filter(|name| !name.is_empty());
    let own = validators.iter().find(|it| it.id == id).and_then(|it| name(it));
    let is_own = |own: &String| {
        validators.iter().filter(|it| name(it).as_ref() == Some(own) || it.id == *own).count() == 1
    };
    own.filter(is_own).unwrap_or_else(|| id.to_owned())
}

fn paths(names: &Names, from: &Definition) -> Tree<String, Value> {
    let mut paths = Tree::new();
    for resource in &from.resources {
        let methods = resource
            .resource_methods
            .values()
            .map(|it| (it.http_method.clone(), Value::Object(method(names, from, resource, it))));
        let methods: Tree<String, Value> = methods.collect();
        let is_parent = |it: &Arc<Resource>| it.parent_id.as_ref() == Some(&resource.id);
        // A resource that others are below is made for them.
        let goes_without_saying = resource.path == "/" || from.resources.iter().any(is_parent);
        if !methods.is_empty() || !goes_without_saying {
            paths.insert(resource.path.clone(), Value::Object(methods));
        }
    }
    paths
}

/// How a method with this kind of authorizer is authorized.
pub(super) fn authorization(authorizer_type: &str) -> &'static str {
    match authorizer_type {
        "COGNITO_USER_POOLS" => "COGNITO_USER_POOLS",
        "JWT" => "JWT",
        _ => "CUSTOM",
    }
}

fn method(
    names: &Names,
    from: &Definition,
    resource: &Resource,
    method: &Method,
) -> Tree<String, Value> {
    let mut written = METHOD.written(&value(method));
    let authorizer = method.authorizer_id.as_ref();
    let authorizer = authorizer.and_then(|id| from.authorizers.iter().find(|it| it.id == *id));
    let usual = authorizer.map_or("NONE", |it| authorization(&it.r#type));
    if method.authorization_type != usual {
        written.insert("authorization".into(), json!(method.authorization_type));
    }
    if let Some(authorizer) = authorizer {
        written.insert("authorizer".into(), json!(authorizer.name));
    }
    if let Some(id) = &method.request_validator_id {
        let handle = handle(&from.request_validators, id);
        written.insert("request_validator".into(), json!(handle));
    }
    if let Some(integration) = &method.method_integration {
        let integration = self::integration(names, resource, integration);
        written.insert("integration".into(), Value::Object(integration));
    }
    let responses = method.method_responses.iter().map(|(status, response)| {
        (status.clone(), Value::Object(METHOD_RESPONSE.written(&value(response))))
    });
    written.insert("response".into(), Value::Object(responses.collect()));
    written
}

fn integration(
    names: &Names,
    resource: &Resource,
    integration: &Integration,
) -> Tree<String, Value> {
    let mut written = INTEGRATION.written(&value(integration));
    if let Some(space) = integration.cache_namespace.as_ref().filter(|it| **it != resource.id) {
        written.insert("cache_namespace".into(), json!(space));
    }
    if let Some(id) = &integration.connection_id {
        written.insert("vpc_link".into(), json!(names.link(id)));
    }
    let responses = integration.integration_responses.iter().map(|(status, response)| {
        (status.clone(), Value::Object(INTEGRATION_RESPONSE.written(&value(response))))
    });
    written.insert("response".into(), Value::Object(responses.collect()));
    written
}

fn documentation(part: &DocumentationPart) -> Tree<String, Value> {
    let mut written = DOCUMENTATION.written(&value(&part.location));
    // What says what its absence says is not said: patterns of all methods and statuses.
    for (key, default) in [("path", "/"), ("method", "*"), ("status_code", "*")] {
        if written.get(key).and_then(Value::as_str) == Some(default) {
            written.remove(key);
        }
    }
    written.insert("properties".into(), json!(part.properties));
    written
}

fn stage(draft: &Draft<'_>, api_id: &str, stage: &Stage, now: &Definition) -> Value {
    let mut written = STAGE.written(&value(stage));
    let settings = stage.method_settings.iter().map(|(key, setting)| {
        (key.clone(), Value::Object(METHOD_SETTING.written(&value(setting))))
    });
    written.insert("method_settings".into(), Value::Object(settings.collect()));
    if let Some(canary) = &stage.canary_settings {
        written.insert("canary".into(), Value::Object(CANARY.written(&value(canary))));
    }
    let served = draft.get::<Definition>(api_id, released(stage));
    if !served.is_some_and(|served| is_same(&served, now)) {
        written.insert("deploy".into(), json!("manual"));
    }
    Value::Object(written)
}
