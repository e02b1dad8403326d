//! Makes a REST API what a document declares.

use super::apply::{Declared, Runner, endpoint, entries, find, inner, own, text, with};
use super::form::{
    AUTHORIZER, CANARY, DOCUMENTATION, GATEWAY_RESPONSE, INTEGRATION, INTEGRATION_RESPONSE, METHOD,
    METHOD_RESPONSE, METHOD_SETTING, MODEL, REQUEST_VALIDATOR, REST_API, STAGE,
};
use super::present_rest::{self, authorization, handle, released};
use crate::aws::Fault;
use crate::resources::http::Api;
use crate::resources::rest::{
    Authorizer, DocumentationPart, DocumentationVersion, GatewayResponse, Model, RequestValidator,
    Resource, RestApi,
};
use crate::resources::rest_stage::{Definition, Stage};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Tree = Map<String, Value>;

/// What a deployment that is made here says of itself.
pub(super) const DEPLOYMENT: &str = "ringgate apply";

/// One API with everything below it, but for stages that are to go.
pub(super) fn api(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<Declared, Fault> {
    let id = settings(runner, tree)?;
    let present = present(runner, &id)?;
    runner.each_changed("authorizer", tree, &present, |runner, name, declared| {
        authorizer(runner, &id, name, declared)
    });
    runner.each_changed("request_validator", tree, &present, |runner, name, declared| {
        validator(runner, &id, name, declared)
    });
    runner.each_changed("model", tree, &present, |runner, name, declared| {
        model(runner, &id, name, declared)
    });
    paths(runner, &id, tree)?;
    runner.each_changed("gateway_response", tree, &present, |runner, kind, declared| {
        let input = GATEWAY_RESPONSE.wire(declared);
        let input = with(input, &[("restApiId", &id), ("responseType", kind)]);
        runner.v1("PutGatewayResponse", input)
    });
    delete_parts(runner, &id, tree)?;
    documentation(runner, &id, tree, &present)?;
    let mut deployed = None;
    for (name, declared) in entries(tree, "stage") {
        runner
            .attempt(&["stage", name], |runner| stage(runner, &id, name, declared, &mut deployed));
    }
    let declared = inner(tree, "documentation_version");
    for version in runner.call.draft.list::<DocumentationVersion>(&id) {
        if !declared.contains_key(&version.version) {
            let input = json!({"restApiId": id, "documentationVersion": version.version});
            runner.attempt(&[], |runner| runner.v1("DeleteDocumentationVersion", input));
        }
    }
    Ok(Declared::of(id, tree))
}

/// Deletes the stages that are not declared, once nothing refers to them any more.
pub(super) fn delete_stages(runner: &mut Runner<'_, '_>, apis: &[Declared]) -> Result<(), Fault> {
    for api in apis {
        for stage in runner.call.draft.list::<Stage>(&api.id) {
            if !api.stages.contains(&stage.stage_name) {
                let input = json!({"restApiId": api.id, "stageName": stage.stage_name});
                runner.v1("DeleteStage", input)?;
            }
        }
    }
    Ok(())
}

/// The API as it is now, in the declared form.
fn present(runner: &Runner<'_, '_>, id: &str) -> Result<Tree, Fault> {
    let api = runner.call.draft.get::<RestApi>("", id).ok_or_else(Fault::internal)?;
    Ok(REST_API.plain(&present_rest::api(&runner.call.draft, &runner.names(), &api)))
}

/// The API's own members. Returns its id.
fn settings(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let apis = runner.call.draft.list::<RestApi>("");
    let nouns: Vec<_> = apis.iter().map(|api| (api.id.clone(), api.name.clone())).collect();
    let known = runner.known("REST API", tree, &nouns)?;
    if let Some(id) = &known
        && own(&REST_API, &present(runner, id)?) == own(&REST_API, tree)
    {
        return Ok(id.clone());
    }
    let before = known.as_ref().and_then(|id| runner.call.draft.get::<RestApi>("", id));
    let mut input = REST_API.wire(tree);
    input.remove("id");
    input.insert("endpointConfiguration".into(), endpoint(tree));
    let made = runner.v1("CreateRestApi", Value::Object(input))?;
    let made = made["id"].as_str().unwrap_or_default().to_owned();
    if let Some(before) = before {
        runner.call.draft.remove_owned(&made);
        runner.settle::<RestApi>("", &made, &before.id, |api| {
            api.id.clone_from(&before.id);
            api.created_date = before.created_date;
            api.root_resource_id.clone_from(&before.root_resource_id);
            api.warnings.clone_from(&before.warnings);
        })?;
        return Ok(before.id.clone());
    }
    let Some(id) = text(tree, "id") else { return Ok(made) };
    if runner.call.draft.has::<Api>("", id) {
        return Err(Fault::conflict(format!("`{id}` is the id of an HTTP or WebSocket API")));
    }
    let draft = &mut runner.call.draft;
    for resource in draft.list::<Resource>(&made) {
        draft.put_shared(id, &resource.id, Arc::clone(&resource));
    }
    for model in draft.list::<Model>(&made) {
        draft.put_shared(id, &model.name, Arc::clone(&model));
    }
    draft.remove_owned(&made);
    runner.settle::<RestApi>("", &made, id, |api| id.clone_into(&mut api.id))?;
    Ok(id.to_owned())
}

fn authorizer(
    runner: &mut Runner<'_, '_>,
    api: &str,
    name: &str,
    tree: &Tree,
) -> Result<(), Fault> {
    let all = runner.call.draft.list::<Authorizer>(api);
    let before = find(&all, |it| it.name == name).cloned();
    if let Some(before) = &before {
        runner.call.draft.remove::<Authorizer>(api, &before.id);
    }
    let input = with(AUTHORIZER.wire(tree), &[("restApiId", api), ("name", name)]);
    let made = runner.v1("CreateAuthorizer", input)?;
    let Some(before) = before else { return Ok(()) };
    let made = made["id"].as_str().unwrap_or_default();
    runner.settle::<Authorizer>(api, made, &before.id, |it| it.id.clone_from(&before.id))
}

fn validator(runner: &mut Runner<'_, '_>, api: &str, key: &str, tree: &Tree) -> Result<(), Fault> {
    let all = runner.call.draft.list::<RequestValidator>(api);
    let before = find(&all, |it| handle(&all, &it.id) == key).map(|it| it.id.clone());
    if let Some(before) = &before {
        runner.call.draft.remove::<RequestValidator>(api, before);
    }
    // A name of its own says that the key is the id.
    let (name, id) = match (text(tree, "name"), before) {
        (Some(name), before) => (name, before.or_else(|| Some(key.to_owned()))),
        (None, before) => (key, before),
    };
    let input = with(REQUEST_VALIDATOR.wire(tree), &[("restApiId", api), ("name", name)]);
    let made = runner.v1("CreateRequestValidator", input)?;
    let Some(id) = id else { return Ok(()) };
    let made = made["id"].as_str().unwrap_or_default();
    runner.settle::<RequestValidator>(api, made, &id, |it| it.id.clone_from(&id))
}

fn model(runner: &mut Runner<'_, '_>, api: &str, name: &str, tree: &Tree) -> Result<(), Fault> {
    let before = runner.call.draft.get::<Model>(api, name);
    runner.call.draft.remove::<Model>(api, name);
    let mut input = MODEL.wire(tree);
    input.entry("contentType").or_insert_with(|| json!("application/json"));
    runner.v1("CreateModel", with(input, &[("restApiId", api), ("name", name)]))?;
    let Some(before) = before else { return Ok(()) };
    runner.settle::<Model>(api, name, name, |it| it.id.clone_from(&before.id))
}

/// Resources and methods, those that are to go first: two variables cannot stand side by side.
fn paths(runner: &mut Runner<'_, '_>, api: &str, tree: &Tree) -> Result<(), Fault> {
    let declared = inner(tree, "path");
    let mut wanted: BTreeSet<&str> = BTreeSet::from(["/"]);
    for path in declared.keys() {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        wanted.extend(ends.map(|at| &path[..at]));
        wanted.insert(path);
    }
    let known = runner.call.draft.list::<Resource>(api);
    for resource in &known {
        // What is below a resource goes with it.
        let is_there = runner.call.draft.has::<Resource>(api, &resource.id);
        if is_there && !wanted.contains(resource.path.as_str()) {
            let input = json!({"restApiId": api, "resourceId": resource.id});
            runner.v1("DeleteResource", input)?;
        }
    }
    let known = runner.call.draft.list::<Resource>(api);
    let mut ids: BTreeMap<String, String> =
        known.iter().map(|it| (it.path.clone(), it.id.clone())).collect();
    // Paths in the order of their letters: what is above comes first.
    for path in wanted {
        if ids.contains_key(path) {
            continue;
        }
        let made = runner.attempt(&["path", path], |runner| {
            let (above, part) = path.rsplit_once('/').ok_or_else(|| {
                Fault::bad_request(format!("expected a path that begins with `/`, found `{path}`"))
            })?;
            let above = if above.is_empty() { "/" } else { above };
            let parent = ids.get(above).cloned().unwrap_or_default();
            let input = json!({"restApiId": api, "parentId": parent, "pathPart": part});
            runner.v1("CreateResource", input)
        });
        let Some(made) = made else { continue };
        ids.insert(path.to_owned(), made["id"].as_str().unwrap_or_default().to_owned());
    }
    let present = present(runner, api)?;
    let present = inner(&present, "path");
    let none = Map::new();
    for (path, id) in &ids {
        let methods = declared.get(path).and_then(Value::as_object).unwrap_or(&none);
        let are = present.get(path).and_then(Value::as_object).unwrap_or(&none);
        for verb in are.keys().filter(|verb| !methods.contains_key(*verb)) {
            let input = json!({"restApiId": api, "resourceId": id, "httpMethod": verb});
            runner.v1("DeleteMethod", input)?;
        }
        for (verb, tree) in methods {
            let Some(tree) = tree.as_object().filter(|_| are.get(verb) != Some(tree)) else {
                continue;
            };
            runner.attempt(&["path", path, verb], |runner| method(runner, api, id, verb, tree));
        }
    }
    Ok(())
}

fn method(
    runner: &mut Runner<'_, '_>,
    api: &str,
    resource: &str,
    verb: &str,
    tree: &Tree,
) -> Result<(), Fault> {
    let before = runner.call.draft.get::<Resource>(api, resource).ok_or_else(Fault::internal)?;
    if before.resource_methods.contains_key(verb) {
        let mut without = Resource::clone(&before);
        without.resource_methods.remove(verb);
        runner.call.draft.put(api, resource, without);
    }
    let here = [("restApiId", api), ("resourceId", resource), ("httpMethod", verb)];
    let mut input = METHOD.wire(tree);
    let mut usual = "NONE";
    if let Some(name) = text(tree, "authorizer") {
        let all = runner.call.draft.list::<Authorizer>(api);
        let found = find(&all, |it| it.name == name).ok_or_else(|| {
            Fault::bad_request(format!("authorizer `{name}` is not declared in this API"))
        })?;
        usual = authorization(&found.r#type);
        input.insert("authorizerId".into(), json!(found.id));
    }
    let kind = text(tree, "authorization").unwrap_or(usual);
    input.insert("authorizationType".into(), json!(kind));
    if let Some(name) = text(tree, "request_validator") {
        let all = runner.call.draft.list::<RequestValidator>(api);
        let found = find(&all, |it| handle(&all, &it.id) == name).ok_or_else(|| {
            Fault::bad_request(format!("request_validator `{name}` is not declared in this API"))
        })?;
        input.insert("requestValidatorId".into(), json!(found.id));
    }
    runner.v1("PutMethod", with(input, &here))?;
    for (status, tree) in entries(tree, "response") {
        runner.attempt(&["response", status], |runner| {
            let input = with(METHOD_RESPONSE.wire(tree), &here);
            runner.v1("PutMethodResponse", with(object(input), &[("statusCode", status)]))
        });
    }
    let Some(tree) = tree.get("integration").and_then(Value::as_object) else { return Ok(()) };
    runner.attempt(&["integration"], |runner| {
        let mut input = INTEGRATION.wire(tree);
        // The verb towards the back end has another name where the method's own is in the path.
        if let Some(method) = input.remove("httpMethod") {
            input.insert("integrationHttpMethod".into(), method);
        }
        if let Some(space) = tree.get("cache_namespace") {
            input.insert("cacheNamespace".into(), space.clone());
        }
        runner.link(tree, &mut input)?;
        runner.v1("PutIntegration", with(input, &here))?;
        for (status, tree) in entries(tree, "response") {
            runner.attempt(&["response", status], |runner| {
                let input = with(INTEGRATION_RESPONSE.wire(tree), &here);
                let input = with(object(input), &[("statusCode", status)]);
                runner.v1("PutIntegrationResponse", input)
            });
        }
        Ok(())
    });
    Ok(())
}

fn object(value: Value) -> Tree {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Deletes parts that are not declared, once no method uses them any more.
fn delete_parts(runner: &mut Runner<'_, '_>, api: &str, tree: &Tree) -> Result<(), Fault> {
    let declared = inner(tree, "authorizer");
    for it in runner.call.draft.list::<Authorizer>(api) {
        if !declared.contains_key(&it.name) {
            runner.v1("DeleteAuthorizer", json!({"restApiId": api, "authorizerId": it.id}))?;
        }
    }
    let declared = inner(tree, "request_validator");
    let all = runner.call.draft.list::<RequestValidator>(api);
    for it in &all {
        if !declared.contains_key(&handle(&all, &it.id)) {
            let input = json!({"restApiId": api, "requestValidatorId": it.id});
            runner.v1("DeleteRequestValidator", input)?;
        }
    }
    let declared = inner(tree, "model");
    let mut gone: Vec<Arc<Model>> = runner.call.draft.list::<Model>(api);
    gone.retain(|it| !declared.contains_key(&it.name) && !present_rest::is_default(it));
    // Models refer to each other: each round deletes those that nothing refers to any more.
    while !gone.is_empty() {
        let count = gone.len();
        let mut last = None;
        gone.retain(|it| {
            let input = json!({"restApiId": api, "modelName": it.name});
            let refused = runner.v1("DeleteModel", input).err();
            let is_left = refused.is_some();
            last = refused.or_else(|| last.take());
            is_left
        });
        if gone.len() == count {
            return last.map_or(Ok(()), Err);
        }
    }
    let declared = inner(tree, "gateway_response");
    for it in runner.call.draft.list::<GatewayResponse>(api) {
        if !declared.contains_key(&it.response_type) {
            let input = json!({"restApiId": api, "responseType": it.response_type});
            runner.v1("DeleteGatewayResponse", input)?;
        }
    }
    Ok(())
}

fn documentation(
    runner: &mut Runner<'_, '_>,
    api: &str,
    tree: &Tree,
    present: &Tree,
) -> Result<(), Fault> {
    let list = |tree: &Tree| {
        tree.get("documentation").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (declared, are) = (list(tree), list(present));
    if declared != are {
        let before = runner.call.draft.list::<DocumentationPart>(api);
        runner.call.draft.remove_all::<DocumentationPart>(api);
        for (index, part) in declared.iter().enumerate() {
            let Some(part) = part.as_object() else { continue };
            runner.attempt(&["documentation", &index.to_string()], |runner| {
                let location = DOCUMENTATION.wire(part);
                let properties = text(part, "properties").unwrap_or_default();
                let same = |it: &DocumentationPart| {
                    let resolved = |member: &Option<String>, key, default: &str| {
                        member.as_deref().unwrap_or(default) == text(part, key).unwrap_or(default)
                    };
                    let at = &it.location;
                    Some(&*at.r#type) == text(part, "type")
                        && resolved(&at.path, "path", "/")
                        && resolved(&at.method, "method", "*")
                        && resolved(&at.status_code, "status_code", "*")
                        && resolved(&at.name, "name", "")
                };
                let input =
                    json!({"restApiId": api, "location": location, "properties": properties});
                let made = runner.v1("CreateDocumentationPart", input)?;
                let made = made["id"].as_str().unwrap_or_default();
                match find(&before, same) {
                    Some(before) => {
                        runner.settle::<DocumentationPart>(api, made, &before.id, |it| {
                            it.id.clone_from(&before.id);
                            it.location.clone_from(&before.location);
                        })
                    }
                    None => Ok(()),
                }
            });
        }
    }
    for (version, declared) in entries(tree, "documentation_version") {
        let known = runner.call.draft.get::<DocumentationVersion>(api, version);
        let description = text(declared, "description").unwrap_or_default();
        let here = [("restApiId", api), ("documentationVersion", version.as_str())];
        runner.attempt(&["documentation_version", version], |runner| match known {
            None => {
                let input = with(Map::new(), &here);
                runner.v1(
                    "CreateDocumentationVersion",
                    with(object(input), &[("description", description)]),
                )
            }
            Some(known) if known.description.as_deref().unwrap_or_default() != description => {
                let patch =
                    json!([{"op": "replace", "path": "/description", "value": description}]);
                let mut input = object(with(Map::new(), &here));
                input.insert("patchOperations".into(), patch);
                runner.v1("UpdateDocumentationVersion", Value::Object(input))
            }
            Some(_) => Ok(Value::Null),
        });
    }
    Ok(())
}

/// One stage, and a new deployment where what it serves differs from the API as it now is. All stages
/// share it.
fn stage(
    runner: &mut Runner<'_, '_>,
    api_id: &str,
    name: &str,
    tree: &Tree,
    deployed: &mut Option<String>,
) -> Result<(), Fault> {
    let is_manual = is_manual(tree)?;
    let api = runner.call.draft.get::<RestApi>("", api_id).ok_or_else(Fault::internal)?;
    let before = runner.call.draft.get::<Stage>(api_id, name);
    let now = Definition::of(&runner.call.draft, &api);
    let serves = before.as_ref().map(|stage| released(stage).to_owned());
    let is_current = serves.as_ref().is_some_and(|id| {
        let served = runner.call.draft.get::<Definition>(api_id, id);
        served.is_some_and(|served| present_rest::is_same(&served, &now))
    });
    let deployment = match serves {
        Some(id) if is_current => id,
        Some(id) if is_manual => {
            runner.note(
                api_id,
                format!("! stage.{name} serves an older definition: deploy = \"manual\""),
            );
            id
        }
        _ => {
            if deployed.is_none() {
                let input = json!({"restApiId": api_id, "description": DEPLOYMENT});
                let made = runner.v1("CreateDeployment", input)?;
                *deployed = made["id"].as_str().map(str::to_owned);
            }
            runner.note(api_id, format!("~ stage.{name} is deployed"));
            deployed.clone().unwrap_or_default()
        }
    };
    let mut declared = tree.clone();
    declared.remove("deploy");
    let mut are = before.as_ref().map(|_| present(runner, api_id)).transpose()?.unwrap_or_default();
    let mut are = inner(&std::mem::take(&mut are), "stage").get(name).cloned().unwrap_or_default();
    if let Some(are) = are.as_object_mut() {
        are.remove("deploy");
    }
    let here = [("restApiId", api_id), ("stageName", name)];
    if let Some(before) = &before
        && are == Value::Object(declared)
    {
        if deployment != released(before) {
            let path = match before.canary_settings {
                Some(_) => "/canarySettings/deploymentId",
                None => "/deploymentId",
            };
            let patch = json!([{"op": "replace", "path": path, "value": deployment}]);
            let mut input = object(with(Map::new(), &here));
            input.insert("patchOperations".into(), patch);
            runner.v1("UpdateStage", Value::Object(input))?;
        }
        return Ok(());
    }
    runner.call.draft.remove::<Stage>(api_id, name);
    let mut input = STAGE.wire(tree);
    let patches = patches(tree, &mut input);
    let mut base = deployment.clone();
    if let Some(canary) = tree.get("canary").and_then(Value::as_object) {
        let mut canary = CANARY.wire(canary);
        canary.insert("deploymentId".into(), json!(deployment));
        input.insert("canarySettings".into(), Value::Object(canary));
        if let Some(before) = &before {
            base.clone_from(&before.deployment_id);
        }
    } else if is_manual && let Some(before) = &before {
        base.clone_from(&before.deployment_id);
    }
    input.insert("deploymentId".into(), json!(base));
    runner.v1("CreateStage", with(input, &here))?;
    if !patches.is_empty() {
        let mut input = object(with(Map::new(), &here));
        input.insert("patchOperations".into(), json!(patches));
        runner.v1("UpdateStage", Value::Object(input))?;
    }
    let settings = inner(tree, "method_settings");
    runner.settle::<Stage>(api_id, name, name, |stage| {
        if let Some(before) = &before {
            stage.created_date = before.created_date;
            stage.web_acl_arn.clone_from(&before.web_acl_arn);
        }
        // Made from the settings of all methods, which may have a level where this one has none.
        for (key, setting) in &mut stage.method_settings {
            let declared = settings.get(key).and_then(Value::as_object);
            if declared.is_some_and(|it| !it.contains_key("logging_level")) {
                setting.logging_level = None;
            }
        }
    })
}

/// What only a patch can set of a stage; taken out of the input of its creation.
fn patches(tree: &Tree, input: &mut Tree) -> Vec<Value> {
    let replace = |path: String, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        json!({"op": "replace", "path": path, "value": text})
    };
    let mut patches = Vec::new();
    if let Some(id) = input.remove("clientCertificateId") {
        patches.push(replace("/clientCertificateId".into(), &id));
    }
    if let Some(Value::Object(log)) = input.remove("accessLogSettings") {
        patches
            .extend(log.iter().map(|(key, it)| replace(format!("/accessLogSettings/{key}"), it)));
    }
    // Settings of all methods first: others begin as copies of them, so each says everything.
    let mut settings: Vec<_> = entries(tree, "method_settings").collect();
    settings.sort_by_key(|(key, _)| *key != "*/*");
    for (key, setting) in settings {
        for member in METHOD_SETTING.members {
            let Some(path) = SETTING_PATHS.iter().find(|(name, _)| *name == member.name) else {
                continue;
            };
            let value = setting.get(member.name).cloned().or_else(|| member.absent.value());
            if let Some(value) = value {
                patches.push(replace(format!("/{key}/{}", path.1), &value));
            }
        }
    }
    patches
}

/// The last two segments of the patch path that sets a member of a method's settings.
const SETTING_PATHS: [(&str, &str); 10] = [
    ("metrics_enabled", "metrics/enabled"),
    ("logging_level", "logging/loglevel"),
    ("data_trace_enabled", "logging/dataTrace"),
    ("throttling_burst_limit", "throttling/burstLimit"),
    ("throttling_rate_limit", "throttling/rateLimit"),
    ("caching_enabled", "caching/enabled"),
    ("cache_ttl_in_seconds", "caching/ttlInSeconds"),
    ("cache_data_encrypted", "caching/dataEncrypted"),
    ("require_authorization_for_cache_control", "caching/requireAuthorizationForCacheControl"),
    (
        "unauthorized_cache_control_header_strategy",
        "caching/unauthorizedCacheControlHeaderStrategy",
    ),
];

/// Whether a stage is deployed by somebody else.
pub(super) fn is_manual(tree: &Tree) -> Result<bool, Fault> {
    match text(tree, "deploy") {
        None | Some("auto") => Ok(false),
        Some("manual") => Ok(true),
        Some(other) => Err(Fault::bad_request(format!(
            "expected \"auto\" or \"manual\" for `deploy`, found \"{other}\""
        ))),
    }
}
