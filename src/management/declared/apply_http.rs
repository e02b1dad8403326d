//! Makes an HTTP or WebSocket API what a document declares.

use super::apply::{Declared, Runner, entries, find, inner, own, text, with};
use super::apply_rest::{DEPLOYMENT, is_manual};
use super::form::{
    HTTP_API, HTTP_AUTHORIZER, HTTP_INTEGRATION, HTTP_INTEGRATION_RESPONSE, HTTP_MODEL, HTTP_STAGE,
    ROUTE, ROUTE_RESPONSE, ROUTE_SETTING, WEBSOCKET_API,
};
use super::present_http::{self, authorization, target};
use crate::aws::Fault;
use crate::resources::http::{
    Api, Authorizer, Integration, IntegrationResponse, Model, Route, RouteResponse,
};
use crate::resources::http_stage::{Definition, Stage};
use crate::resources::rest::RestApi;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Tree = Map<String, Value>;

/// One API with everything below it, but for stages that are to go.
pub(super) fn api(
    runner: &mut Runner<'_, '_>,
    tree: &Tree,
    protocol: &str,
) -> Result<Declared, Fault> {
    let id = settings(runner, tree, protocol)?;
    let present = present(runner, &id)?;
    runner.each_changed("authorizer", tree, &present, |runner, name, declared| {
        authorizer(runner, &id, name, declared)
    });
    runner.each_changed("model", tree, &present, |runner, name, declared| {
        model(runner, &id, name, declared)
    });
    routes(runner, &id, tree)?;
    let declared = inner(tree, "authorizer");
    for it in runner.call.draft.list::<Authorizer>(&id) {
        if !declared.contains_key(&it.name) {
            let input = json!({"apiId": id, "authorizerId": it.authorizer_id});
            runner.attempt(&[], |runner| runner.v2("DeleteAuthorizer", input));
        }
    }
    let declared = inner(tree, "model");
    for it in runner.call.draft.list::<Model>(&id) {
        if !declared.contains_key(&it.name) {
            let input = json!({"apiId": id, "modelId": it.model_id});
            runner.attempt(&[], |runner| runner.v2("DeleteModel", input));
        }
    }
    let mut deployed = None;
    for (name, declared) in entries(tree, "stage") {
        runner
            .attempt(&["stage", name], |runner| stage(runner, &id, name, declared, &mut deployed));
    }
    Ok(Declared::of(id, tree))
}

/// Deletes the stages that are not declared, once nothing refers to them any more.
pub(super) fn delete_stages(runner: &mut Runner<'_, '_>, apis: &[Declared]) -> Result<(), Fault> {
    for api in apis {
        for stage in runner.call.draft.list::<Stage>(&api.id) {
            if !api.stages.contains(&stage.stage_name) {
                let input = json!({"apiId": api.id, "stageName": stage.stage_name});
                runner.v2("DeleteStage", input)?;
            }
        }
    }
    Ok(())
}

fn form(protocol: &str) -> &'static super::form::Form {
    if protocol == "HTTP" { &HTTP_API } else { &WEBSOCKET_API }
}

/// The API as it is now, in the declared form.
fn present(runner: &Runner<'_, '_>, id: &str) -> Result<Tree, Fault> {
    let api = runner.call.draft.get::<Api>("", id).ok_or_else(Fault::internal)?;
    let written = present_http::api(&runner.call.draft, &runner.names(), &api);
    Ok(form(&api.protocol_type).plain(&written))
}

/// The API's own members. Returns its id.
fn settings(runner: &mut Runner<'_, '_>, tree: &Tree, protocol: &str) -> Result<String, Fault> {
    let form = form(protocol);
    let apis = runner.call.draft.list::<Api>("");
    let same = apis.iter().filter(|api| api.protocol_type == protocol);
    let nouns: Vec<_> = same.map(|api| (api.api_id.clone(), api.name.clone())).collect();
    let known = runner.known("API", tree, &nouns)?;
    if let Some(id) = &known
        && own(form, &present(runner, id)?) == own(form, tree)
    {
        return Ok(id.clone());
    }
    let before = known.as_ref().and_then(|id| runner.call.draft.get::<Api>("", id));
    let mut input = form.wire(tree);
    input.remove("apiId");
    input.insert("protocolType".into(), json!(protocol));
    let made = runner.v2("CreateApi", Value::Object(input))?;
    let made = made["apiId"].as_str().unwrap_or_default().to_owned();
    if let Some(before) = before {
        runner.settle::<Api>("", &made, &before.api_id, |api| {
            api.api_id.clone_from(&before.api_id);
            api.created_date = before.created_date;
            api.quick_create.clone_from(&before.quick_create);
            api.api_gateway_managed = before.api_gateway_managed;
        })?;
        return Ok(before.api_id.clone());
    }
    let Some(id) = text(tree, "id") else { return Ok(made) };
    if runner.call.draft.has::<RestApi>("", id) || runner.call.draft.has::<Api>("", id) {
        return Err(Fault::conflict(format!("`{id}` is the id of an API of another kind")));
    }
    runner.settle::<Api>("", &made, id, |api| id.clone_into(&mut api.api_id))?;
    Ok(id.to_owned())
}

fn authorizer(
    runner: &mut Runner<'_, '_>,
    api: &str,
    name: &str,
    tree: &Tree,
) -> Result<(), Fault> {
    let all = runner.call.draft.list::<Authorizer>(api);
    let before = find(&all, |it| it.name == name).map(|it| it.authorizer_id.clone());
    if let Some(before) = &before {
        runner.call.draft.remove::<Authorizer>(api, before);
    }
    let input = with(HTTP_AUTHORIZER.wire(tree), &[("apiId", api), ("name", name)]);
    let made = runner.v2("CreateAuthorizer", input)?;
    let Some(id) = before else { return Ok(()) };
    let made = made["authorizerId"].as_str().unwrap_or_default();
    runner.settle::<Authorizer>(api, made, &id, |it| it.authorizer_id.clone_from(&id))
}

fn model(runner: &mut Runner<'_, '_>, api: &str, name: &str, tree: &Tree) -> Result<(), Fault> {
    let all = runner.call.draft.list::<Model>(api);
    let before = find(&all, |it| it.name == name).map(|it| it.model_id.clone());
    if let Some(before) = &before {
        runner.call.draft.remove::<Model>(api, before);
    }
    let made =
        runner.v2("CreateModel", with(HTTP_MODEL.wire(tree), &[("apiId", api), ("name", name)]))?;
    let Some(id) = before else { return Ok(()) };
    let made = made["modelId"].as_str().unwrap_or_default();
    runner.settle::<Model>(api, made, &id, |it| it.model_id.clone_from(&id))
}

/// Which integration is which: declared ones have no names in Amazon's model.
struct Integrations {
    /// Of the shared ones, by their names.
    shared: BTreeMap<String, String>,
    /// That are declared.
    claimed: BTreeSet<String>,
    /// By route key, as it was.
    targets: BTreeMap<String, String>,
}

/// Integrations and routes. Routes that are to go go first, integrations last.
fn routes(runner: &mut Runner<'_, '_>, api: &str, tree: &Tree) -> Result<(), Fault> {
    let declared = inner(tree, "route");
    let before = runner.call.draft.list::<Route>(api);
    let targets =
        before.iter().filter_map(|it| Some((it.route_key.clone(), target(it)?.to_owned())));
    let mut integrations = Integrations {
        targets: targets.collect(),
        shared: BTreeMap::new(),
        claimed: BTreeSet::new(),
    };
    for route in before.iter().filter(|route| !declared.contains_key(&route.route_key)) {
        runner.v2("DeleteRoute", json!({"apiId": api, "routeId": route.route_id}))?;
    }
    for (name, tree) in entries(tree, "integration") {
        let known = shared(runner, api, name, tree, declared, &integrations);
        let wanted = text(tree, "id").map(str::to_owned);
        let id = runner.attempt(&["integration", name], |runner| {
            integration(runner, api, tree, known, wanted)
        });
        if let Some(id) = id {
            integrations.claimed.insert(id.clone());
            integrations.shared.insert(name.clone(), id);
        }
    }
    let present = present(runner, api)?;
    let present = inner(&present, "route");
    for (key, tree) in entries(tree, "route") {
        let are = present.get(key).and_then(Value::as_object);
        runner.attempt(&["route", key], |runner| {
            route(runner, api, key, tree, are, &mut integrations)
        });
    }
    for it in runner.call.draft.list::<Integration>(api) {
        if !integrations.claimed.contains(&it.integration_id) {
            let input = json!({"apiId": api, "integrationId": it.integration_id});
            runner.attempt(&[], |runner| runner.v2("DeleteIntegration", input));
        }
    }
    Ok(())
}

/// The id of a shared integration as it was: its own word for it, its name, or what the routes that
/// name it lead to.
fn shared(
    runner: &Runner<'_, '_>,
    api: &str,
    name: &str,
    tree: &Tree,
    routes: &Tree,
    integrations: &Integrations,
) -> Option<String> {
    let is_free = |id: &&str| {
        runner.call.draft.has::<Integration>(api, id) && !integrations.claimed.contains(*id)
    };
    let by_word = text(tree, "id").or(Some(name)).filter(is_free);
    let by_routes = || {
        let users = routes.iter().filter(|(_, route)| route["integration"] == name);
        let mut targets = users.filter_map(|(key, _)| integrations.targets.get(key));
        targets.find(|id| is_free(&id.as_str())).cloned()
    };
    by_word.map(str::to_owned).or_else(by_routes)
}

/// One integration; `known` is the one it replaces, `wanted` the id that a new one is to have. Returns
/// its id.
fn integration(
    runner: &mut Runner<'_, '_>,
    api: &str,
    tree: &Tree,
    known: Option<String>,
    wanted: Option<String>,
) -> Result<String, Fault> {
    let is_same = |are: &Tree| {
        let without = |tree: &Tree| {
            let mut tree = HTTP_INTEGRATION.plain(tree);
            tree.remove("id");
            tree
        };
        without(are) == without(tree)
    };
    if let Some(id) = &known
        && let Some(are) = present_integration(runner, api, id)
        && is_same(&are)
    {
        return Ok(id.clone());
    }
    let mut input = HTTP_INTEGRATION.wire(tree);
    runner.link(tree, &mut input)?;
    let made = runner.v2("CreateIntegration", with(input, &[("apiId", api)]))?;
    let made = made["integrationId"].as_str().unwrap_or_default().to_owned();
    let managed = known
        .as_ref()
        .and_then(|id| runner.call.draft.get::<Integration>(api, id)?.api_gateway_managed);
    let id = known.or(wanted).unwrap_or_else(|| made.clone());
    runner.settle::<Integration>(api, &made, &id, |it| {
        it.integration_id.clone_from(&id);
        it.api_gateway_managed = managed;
    })?;
    let owner = format!("{api}/{id}");
    let before = runner.call.draft.list::<IntegrationResponse>(&owner);
    runner.call.draft.remove_all::<IntegrationResponse>(&owner);
    for (key, tree) in entries(tree, "response") {
        runner.attempt(&["response", key], |runner| {
            let input = HTTP_INTEGRATION_RESPONSE.wire(tree);
            let here = [("apiId", api), ("integrationId", &*id), ("integrationResponseKey", key)];
            let made = runner.v2("CreateIntegrationResponse", with(input, &here))?;
            let made = made["integrationResponseId"].as_str().unwrap_or_default();
            match find(&before, |it| it.integration_response_key == *key) {
                Some(before) => {
                    let id = &before.integration_response_id;
                    runner.settle::<IntegrationResponse>(&owner, made, id, |it| {
                        it.integration_response_id.clone_from(id);
                    })
                }
                None => Ok(()),
            }
        });
    }
    Ok(id)
}

/// An integration as it is, in the declared form.
fn present_integration(runner: &Runner<'_, '_>, api: &str, id: &str) -> Option<Tree> {
    let noun = runner.call.draft.get::<Api>("", api)?;
    let now = Definition::of(&runner.call.draft, &noun);
    let found = find(&now.integrations, |it| it.integration_id == id)?;
    Some(present_http::integration(&runner.names(), &now, found))
}

fn route(
    runner: &mut Runner<'_, '_>,
    api: &str,
    key: &str,
    tree: &Tree,
    are: Option<&Tree>,
    integrations: &mut Integrations,
) -> Result<(), Fault> {
    let leads_to = match tree.get("integration") {
        None => None,
        Some(Value::String(name)) => {
            Some(integrations.shared.get(name).cloned().ok_or_else(|| {
                let known: Vec<&str> = integrations.shared.keys().map(String::as_str).collect();
                Fault::bad_request(format!(
                    "integration `{name}` is not declared in this API; declared are: {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ))
            })?)
        }
        Some(tree) => {
            let known = integrations.targets.get(key);
            let known = known.filter(|id| !integrations.claimed.contains(*id)).cloned();
            let none = Map::new();
            let tree = tree.as_object().unwrap_or(&none);
            let id = runner
                .attempt(&["integration"], |runner| integration(runner, api, tree, known, None));
            let Some(id) = id else { return Ok(()) };
            integrations.claimed.insert(id.clone());
            Some(id)
        }
    };
    let all = runner.call.draft.list::<Route>(api);
    let before = find(&all, |it| it.route_key == key).cloned();
    let without_target = |tree: &Tree| {
        let mut tree = tree.clone();
        tree.remove("integration");
        tree
    };
    if let (Some(before), Some(are)) = (&before, are)
        && target(before) == leads_to.as_deref()
        && without_target(are) == without_target(tree)
    {
        return Ok(());
    }
    if let Some(before) = &before {
        runner.call.draft.remove::<Route>(api, &before.route_id);
    }
    let mut input = ROUTE.wire(tree);
    let mut usual = "NONE";
    if let Some(name) = text(tree, "authorizer") {
        let all = runner.call.draft.list::<Authorizer>(api);
        let found = find(&all, |it| it.name == name).ok_or_else(|| {
            Fault::bad_request(format!("authorizer `{name}` is not declared in this API"))
        })?;
        usual = authorization(&found.authorizer_type);
        input.insert("authorizerId".into(), json!(found.authorizer_id));
    }
    let kind = text(tree, "authorization").unwrap_or(usual);
    input.insert("authorizationType".into(), json!(kind));
    if let Some(id) = leads_to {
        input.insert("target".into(), json!(format!("integrations/{id}")));
    }
    if let Some(parameters) = constraints(tree, "request_parameters") {
        input.insert("requestParameters".into(), parameters);
    }
    let made = runner.v2("CreateRoute", with(input, &[("apiId", api), ("routeKey", key)]))?;
    let mut id = made["routeId"].as_str().unwrap_or_default().to_owned();
    if let Some(before) = &before {
        runner.settle::<Route>(api, &id, &before.route_id, |it| {
            it.route_id.clone_from(&before.route_id);
            it.api_gateway_managed = before.api_gateway_managed;
        })?;
        id.clone_from(&before.route_id);
    }
    let owner = format!("{api}/{id}");
    let before = runner.call.draft.list::<RouteResponse>(&owner);
    runner.call.draft.remove_all::<RouteResponse>(&owner);
    for (key, tree) in entries(tree, "response") {
        runner.attempt(&["response", key], |runner| {
            let mut input = ROUTE_RESPONSE.wire(tree);
            if let Some(parameters) = constraints(tree, "parameters") {
                input.insert("responseParameters".into(), parameters);
            }
            let here = [("apiId", api), ("routeId", &*id), ("routeResponseKey", key)];
            let made = runner.v2("CreateRouteResponse", with(input, &here))?;
            let made = made["routeResponseId"].as_str().unwrap_or_default();
            match find(&before, |it| it.route_response_key == *key) {
                Some(before) => {
                    let id = &before.route_response_id;
                    runner.settle::<RouteResponse>(&owner, made, id, |it| {
                        it.route_response_id.clone_from(id);
                    })
                }
                None => Ok(()),
            }
        });
    }
    Ok(())
}

/// Names to flags as names to constraints.
fn constraints(tree: &Tree, key: &str) -> Option<Value> {
    let flags = tree.get(key)?.as_object()?;
    Some(flags.iter().map(|(name, it)| (name.clone(), json!({"required": it}))).collect())
}

fn stage(
    runner: &mut Runner<'_, '_>,
    api_id: &str,
    name: &str,
    tree: &Tree,
    deployed: &mut Option<String>,
) -> Result<(), Fault> {
    let api = runner.call.draft.get::<Api>("", api_id).ok_or_else(Fault::internal)?;
    let before = runner.call.draft.get::<Stage>(api_id, name);
    let is_automatic = tree.get("auto_deploy") == Some(&Value::Bool(true));
    let is_manual = is_manual(tree)?;
    let mut deployment = before.as_ref().and_then(|stage| stage.deployment_id.clone());
    if !is_automatic {
        let now = Definition::of(&runner.call.draft, &api);
        let served = deployment.as_ref();
        let served = served.and_then(|id| runner.call.draft.get::<Definition>(api_id, id));
        let is_current = served.is_some_and(|served| present_http::is_same(&served, &now));
        if !is_current && is_manual && before.is_some() {
            runner.note(
                api_id,
                format!("! stage.{name} serves an older definition: deploy = \"manual\""),
            );
        } else if !is_current && !is_manual {
            if deployed.is_none() {
                let input = json!({"apiId": api_id, "description": DEPLOYMENT});
                let made = runner.v2("CreateDeployment", input)?;
                *deployed = made["deploymentId"].as_str().map(str::to_owned);
            }
            runner.note(api_id, format!("~ stage.{name} is deployed"));
            deployment.clone_from(deployed);
        }
    }
    let without_deploy = |tree: &Tree| {
        let mut tree = tree.clone();
        tree.remove("deploy");
        tree
    };
    let present = present(runner, api_id)?;
    let are = inner(&present, "stage").get(name).and_then(Value::as_object);
    let here = [("apiId", api_id), ("stageName", name)];
    if let (Some(before), Some(are)) = (&before, are)
        && without_deploy(are) == without_deploy(tree)
    {
        if deployment != before.deployment_id
            && let Some(id) = &deployment
        {
            let input = with(Map::new(), &[here[0], here[1], ("deploymentId", id)]);
            runner.v2("UpdateStage", input)?;
        }
        return Ok(());
    }
    let mut input = HTTP_STAGE.wire(tree);
    let settings = entries(tree, "route_settings")
        .map(|(key, it)| (key.clone(), Value::Object(ROUTE_SETTING.wire(it))));
    input.insert("routeSettings".into(), Value::Object(settings.collect()));
    let Some(before) = before else {
        if let Some(id) = deployment {
            input.insert("deploymentId".into(), json!(id));
        }
        runner.v2("CreateStage", with(input, &here))?;
        return Ok(());
    };
    // Made without automatic deployment, which would deploy at once; what follows the API's changes
    // comes at the end.
    input.remove("autoDeploy");
    if let Some(id) = deployment {
        input.insert("deploymentId".into(), json!(id));
    }
    runner.call.draft.remove::<Stage>(api_id, name);
    runner.v2("CreateStage", with(input, &here))?;
    runner.settle::<Stage>(api_id, name, name, |stage| {
        stage.created_date = before.created_date;
        stage.api_gateway_managed = before.api_gateway_managed;
        stage.auto_deploy = is_automatic && before.auto_deploy;
        stage.last_deployment_status_message.clone_from(&before.last_deployment_status_message);
    })?;
    if is_automatic && !before.auto_deploy {
        let mut input = Map::new();
        input.insert("autoDeploy".into(), Value::Bool(true));
        runner.v2("UpdateStage", with(input, &here))?;
    }
    Ok(())
}
