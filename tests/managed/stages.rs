//! Stages from short descriptions, by way of the same JSON that is stored.

use ringgate::resources::{domain, http_stage, rest_stage};
use ringgate::snapshot::managed::{
    CompiledStage, ManagedDomain, StagePlace, compile_domain, compile_http_stage,
    compile_rest_stage,
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const fn place(api_id: &str) -> StagePlace<'_> {
    StagePlace::of("us-east-1", "123456789012", api_id)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a noun")
}

/// What a REST deployment froze: a path and its methods each.
pub(crate) fn definition(resources: &[(&str, Value)]) -> rest_stage::Definition {
    let resource = |(index, (path, methods)): (usize, &(&str, Value))| json!({ "id": format!("r{index}"), "path": path, "resourceMethods": methods });
    let resources: Vec<_> = resources.iter().enumerate().map(resource).collect();
    read(json!({ "api": { "name": "pets" }, "resources": resources }))
}

pub(crate) fn rest_stage(value: Value) -> rest_stage::Stage {
    read(value)
}

/// A stage `prod` of a REST API.
pub(crate) fn rest(api_id: &str, resources: &[(&str, Value)]) -> CompiledStage {
    let stage = rest_stage(json!({ "stageName": "prod" }));
    compile_rest_stage(&place(api_id), &stage, &definition(resources), None)
}

/// A method whose integration is a mock with that content.
pub(crate) fn mock(body: &str) -> Value {
    json!({
        "authorizationType": "NONE",
        "methodResponses": { "200": { "statusCode": "200" } },
        "methodIntegration": {
            "type": "MOCK",
            "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
            "integrationResponses": { "200": {
                "statusCode": "200",
                "responseTemplates": { "application/json": body },
            } },
        },
    })
}

/// A method that is passed on, with more members for the integration.
#[expect(clippy::needless_pass_by_value, reason = "a test writes the members where it calls")]
pub(crate) fn proxy(uri: &str, more: Value) -> Value {
    let mut integration = json!({ "type": "HTTP_PROXY", "httpMethod": "ANY", "uri": uri });
    for (name, value) in more.as_object().expect("an object") {
        integration[name] = value.clone();
    }
    json!({ "authorizationType": "NONE", "methodIntegration": integration })
}

/// A stage of an HTTP API: route keys with URIs.
pub(crate) fn http(api_id: &str, stage: &str, routes: &[(&str, &str)]) -> CompiledStage {
    let route = |(index, (key, _)): (usize, &(&str, &str))| json!({ "routeKey": key, "authorizationType": "NONE", "target": format!("integrations/i{index}") });
    let integration = |(index, (_, uri)): (usize, &(&str, &str))| {
        json!({
            "integrationId": format!("i{index}"),
            "integrationType": "HTTP_PROXY",
            "integrationMethod": "ANY",
            "integrationUri": uri,
        })
    };
    let release: http_stage::Definition = read(json!({
        "api": { "name": "items", "protocolType": "HTTP" },
        "routes": routes.iter().enumerate().map(route).collect::<Vec<_>>(),
        "integrations": routes.iter().enumerate().map(integration).collect::<Vec<_>>(),
    }));
    let stage: http_stage::Stage = read(json!({ "stageName": stage }));
    compile_http_stage(&place(api_id), &stage, &release)
}

/// A stage of an HTTP API. `stage` and `api` are members of both; an integration is `HTTP_PROXY` with
/// `ANY`, unless it says otherwise. A route has `authorizationType` `NONE`.
pub(crate) fn http_api(
    api_id: &str,
    stage: Value,
    api: Value,
    routes: &[(&str, Value)],
) -> CompiledStage {
    http_api_at(&place(api_id), stage, api, routes)
}

/// The same at a place about which the file says more.
#[expect(clippy::needless_pass_by_value, reason = "a test writes the members where it calls")]
pub(crate) fn http_api_at(
    place: &StagePlace<'_>,
    stage: Value,
    api: Value,
    routes: &[(&str, Value)],
) -> CompiledStage {
    let with = |mut base: Value, members: &Value| {
        for (name, value) in members.as_object().expect("an object") {
            base[name] = value.clone();
        }
        base
    };
    let integration = |(index, (_, members)): (usize, &(&str, Value))| {
        let base = json!({
            "integrationId": format!("i{index}"),
            "integrationType": "HTTP_PROXY",
            "integrationMethod": "ANY",
        });
        with(base, members)
    };
    let route = |(index, (key, _)): (usize, &(&str, Value))| json!({ "routeKey": key, "authorizationType": "NONE", "target": format!("integrations/i{index}") });
    let release: http_stage::Definition = read(json!({
        "api": with(json!({ "name": "items", "protocolType": "HTTP" }), &api),
        "routes": routes.iter().enumerate().map(route).collect::<Vec<_>>(),
        "integrations": routes.iter().enumerate().map(integration).collect::<Vec<_>>(),
    }));
    let stage: http_stage::Stage = read(with(json!({ "stageName": "$default" }), &stage));
    compile_http_stage(place, &stage, &release)
}

/// A domain name with its mappings (key, API, stage) and rules.
pub(crate) fn domain_name(
    domain: Value,
    mappings: &[(&str, &str, &str)],
    rules: &[Value],
) -> ManagedDomain {
    let mapping = |(key, api, stage): &(&str, &str, &str)| {
        let stage = (!stage.is_empty()).then_some(stage);
        Arc::new(read::<domain::ApiMapping>(
            json!({ "apiMappingKey": key, "apiId": api, "stage": stage }),
        ))
    };
    let mappings: Vec<_> = mappings.iter().map(mapping).collect();
    let rules: Vec<_> =
        rules.iter().map(|rule| Arc::new(read::<domain::RoutingRule>(rule.clone()))).collect();
    compile_domain(&read(domain), &mappings, &rules).expect("a public name")
}
