//! The declared form end to end, without a server: an account with one of everything, exported and applied.

use super::super::fixture::Fixture;
use super::*;
use crate::aws::id::IdSource;
use crate::resources::Entity;
use serde_json::json;

/// Tries files on what there is and keeps the outcome if nothing was refused.
fn apply_to(
    fixture: &mut Fixture,
    texts: &[&str],
    prune: Prune,
) -> Result<Vec<String>, Vec<String>> {
    let documents = read(texts, "us-east-1").map_err(|problems| {
        problems.iter().map(|(_, it)| it.kind.to_string()).collect::<Vec<_>>()
    })?;
    // Other ids than those that the fixture makes, as in another gateway.
    let mut ids = IdSource::seeded(fixture.state.len() as u64 + 1000);
    let mut call = Call {
        draft: Draft::new(&fixture.state, "us-east-1"),
        input: Map::new(),
        now: fixture.now,
        ids: &mut ids,
        settings: &fixture.settings,
    };
    let outcome = apply(&mut call, &documents, prune);
    let (touched, _) = call.draft.finish();
    if !outcome.troubles.is_empty() {
        let line = |it: Trouble| match it.place {
            Some(place) => {
                let line = texts[place.file][..place.span.start].matches('\n').count() + 1;
                format!("{line}: {}", it.message)
            }
            None => it.message,
        };
        return Err(outcome.troubles.into_iter().map(line).collect());
    }
    let is_idle = touched.is_empty();
    let touched_keys: Vec<String> = touched.0.keys().map(|key| format!("{key:?}")).collect();
    fixture.state.apply(touched);
    let lines: Vec<String> =
        outcome.groups.into_iter().flat_map(|it| [vec![it.title], it.lines].concat()).collect();
    let is_quiet = lines.iter().all(|line| line.starts_with('!') || line.contains("\" ("));
    assert!(!is_idle || is_quiet, "told, but not done: {lines:?}");
    assert!(is_idle || !is_quiet, "done, but not told: {touched_keys:?}");
    Ok(lines)
}

fn exported(fixture: &Fixture) -> String {
    export(&Draft::new(&fixture.state, "us-east-1"), Secrets::Written, &[])
}

fn text_of<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} of {value}"))
}

/// Everything that there is, made by the operations that clients call.
fn rich() -> Fixture {
    let mut it = Fixture::new();
    // A link, a certificate, and a REST API with one of each part.
    let link = it
        .v1("CreateVpcLink", json!({"name": "inside", "targetArns": ["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/nlb/1"]}))
        .unwrap();
    it.v2(
        "CreateVpcLink",
        json!({"name": "subnets", "subnetIds": ["subnet-1"], "tags": {"a": "b"}}),
    )
    .unwrap();
    let certificate =
        it.v1("GenerateClientCertificate", json!({"description": "towards back ends"})).unwrap();
    it.v1("UpdateAccount", json!({"patchOperations": [{"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/logs"}]})).unwrap();
    let api = it
        .v1("CreateRestApi", json!({
            "name": "pets", "description": "All about pets", "version": "1", "tags": {"team": "zoo"},
            "binaryMediaTypes": ["image/png"], "minimumCompressionSize": 1024,
            "endpointConfiguration": {"types": ["REGIONAL"]},
            "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
        }))
        .unwrap();
    let (api, root) = (text_of(&api, "id").to_owned(), text_of(&api, "rootResourceId").to_owned());
    let with_api = |mut members: Value| {
        members["restApiId"] = json!(api);
        members
    };
    let authorizer = it
        .v1("CreateAuthorizer", with_api(json!({
            "name": "tokens", "type": "TOKEN", "identitySource": "method.request.header.Authorization",
            "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations",
            "authorizerResultTtlInSeconds": 60,
        })))
        .unwrap();
    let mut validators = Vec::new();
    for (name, body) in [("twice", true), ("twice", false), ("once", true)] {
        let validator = it
            .v1(
                "CreateRequestValidator",
                with_api(json!({"name": name, "validateRequestBody": body})),
            )
            .unwrap();
        validators.push(text_of(&validator, "id").to_owned());
    }
    it.v1("CreateModel", with_api(json!({"name": "Pet", "contentType": "application/json", "schema": "{\n  \"type\": \"object\"\n}"}))).unwrap();
    let mut parents = vec![root.clone()];
    for part in ["pets", "{id}", "empty"] {
        let parent = parents.last().unwrap().clone();
        let made = it
            .v1("CreateResource", with_api(json!({"parentId": parent, "pathPart": part})))
            .unwrap();
        parents.push(text_of(&made, "id").to_owned());
    }
    let at = |members: Value, resource: usize, verb: &str| {
        let mut members = with_api(members);
        members["resourceId"] = json!(parents[resource]);
        members["httpMethod"] = json!(verb);
        members
    };
    it.v1("PutMethod", at(json!({
        "authorizationType": "CUSTOM", "authorizerId": authorizer["id"], "apiKeyRequired": true,
        "requestParameters": {"method.request.querystring.page": true}, "operationName": "listPets",
        "requestModels": {"application/json": "Pet"}, "requestValidatorId": validators[0],
    }), 1, "GET")).unwrap();
    it.v1("PutMethodResponse", at(json!({"statusCode": "200", "responseParameters": {"method.response.header.X-Count": false}, "responseModels": {"application/json": "Empty"}}), 1, "GET")).unwrap();
    it.v1("PutIntegration", at(json!({
        "type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://pets.test/${stageVariables.version}",
        "requestParameters": {"integration.request.querystring.page": "method.request.querystring.page"},
        "requestTemplates": {"application/json": "{\n  \"a\": '1'\n}\n", "text/plain": ""}, "timeoutInMillis": 1000,
        "cacheKeyParameters": ["method.request.querystring.page"],
    }), 1, "GET")).unwrap();
    it.v1("PutIntegrationResponse", at(json!({"statusCode": "200", "selectionPattern": "2\\d\\d", "responseParameters": {"method.response.header.X-Count": "integration.response.header.X-Count"}, "responseTemplates": {"application/json": ""}}), 1, "GET")).unwrap();
    it.v1(
        "PutMethod",
        at(json!({"authorizationType": "NONE", "requestValidatorId": validators[2]}), 2, "ANY"),
    )
    .unwrap();
    it.v1("PutIntegration", at(json!({"type": "HTTP_PROXY", "integrationHttpMethod": "ANY", "uri": "http://pets.test/", "connectionType": "VPC_LINK", "connectionId": link["id"], "cacheNamespace": "shared"}), 2, "ANY")).unwrap();
    it.v1("PutGatewayResponse", with_api(json!({"responseType": "DEFAULT_4XX", "statusCode": "418", "responseTemplates": {"application/json": "{}"}}))).unwrap();
    it.v1("CreateDocumentationPart", with_api(json!({"location": {"type": "METHOD", "path": "/pets", "method": "GET"}, "properties": "{\"summary\": \"all\"}"}))).unwrap();
    it.v1(
        "CreateDocumentationVersion",
        with_api(json!({"documentationVersion": "1", "description": "first"})),
    )
    .unwrap();
    let deployment = it.v1("CreateDeployment", with_api(json!({}))).unwrap();
    it.v1("CreateStage", with_api(json!({
        "stageName": "prod", "deploymentId": deployment["id"], "variables": {"version": "v1"},
        "documentationVersion": "1", "cacheClusterEnabled": true, "cacheClusterSize": "1.6", "tags": {"env": "prod"},
        "canarySettings": {"percentTraffic": 12.5, "stageVariableOverrides": {"version": "v2"}},
    }))).unwrap();
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    it.v1("UpdateStage", with_api(json!({"stageName": "prod", "patchOperations": [
        replace("/*/*/throttling/rateLimit", "12.5"), replace("/*/*/logging/loglevel", "INFO"),
        replace("/~1pets/GET/caching/enabled", "true"),
        replace("/accessLogSettings/destinationArn", "arn:aws:logs:us-east-1:000000000000:log-group:g"),
        replace("/accessLogSettings/format", "$context.requestId"),
        replace("/clientCertificateId", text_of(&certificate, "clientCertificateId")),
    ]}))).unwrap();
    // A stage that serves what the API was, and an API that was never deployed.
    it.v1("CreateStage", with_api(json!({"stageName": "old", "deploymentId": deployment["id"]})))
        .unwrap();
    it.v1("CreateRestApi", json!({"name": "empty"})).unwrap();

    // An HTTP API: a route with an integration of its own, two that share one, one with none.
    let http = it
        .v2("CreateApi", json!({"name": "orders", "protocolType": "HTTP", "corsConfiguration": {"allowOrigins": ["*"], "maxAge": 60}}))
        .unwrap();
    let http = text_of(&http, "apiId").to_owned();
    let of_http = |mut members: Value| {
        members["apiId"] = json!(http);
        members
    };
    let jwt = it.v2("CreateAuthorizer", of_http(json!({"name": "jwt", "authorizerType": "JWT", "identitySource": ["$request.header.Authorization"], "jwtConfiguration": {"issuer": "https://issuer.test", "audience": ["me"]}}))).unwrap();
    let mut targets = Vec::new();
    for uri in ["http://one.test/", "http://shared.test/"] {
        let made = it.v2("CreateIntegration", of_http(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "integrationUri": uri, "payloadFormatVersion": "1.0", "requestParameters": {"overwrite:path": "/x"}, "responseParameters": {"200": {"append:header.a": "b"}}}))).unwrap();
        targets.push(format!("integrations/{}", text_of(&made, "integrationId")));
    }
    for (key, target) in [("GET /one", 0), ("GET /two", 1), ("POST /two", 1)] {
        it.v2("CreateRoute", of_http(json!({"routeKey": key, "target": targets[target]}))).unwrap();
    }
    it.v2("CreateRoute", of_http(json!({"routeKey": "$default", "authorizationType": "JWT", "authorizerId": jwt["authorizerId"], "authorizationScopes": ["read"]}))).unwrap();
    it.v2("CreateStage", of_http(json!({"stageName": "$default", "autoDeploy": true, "stageVariables": {"a": "b"}, "routeSettings": {"GET /one": {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 5}}}))).unwrap();
    it.v2("CreateStage", of_http(json!({"stageName": "bare"}))).unwrap();

    let socket = it.v2("CreateApi", json!({"name": "chat", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"})).unwrap();
    let socket = text_of(&socket, "apiId").to_owned();
    let of_socket = |mut members: Value| {
        members["apiId"] = json!(socket);
        members
    };
    it.v2(
        "CreateModel",
        of_socket(json!({"name": "Message", "contentType": "application/json", "schema": "{}"})),
    )
    .unwrap();
    let made = it.v2("CreateIntegration", of_socket(json!({"integrationType": "MOCK", "requestTemplates": {"$default": "{\"statusCode\": 200}"}, "templateSelectionExpression": "\\$default"}))).unwrap();
    let integration = text_of(&made, "integrationId").to_owned();
    it.v2(
        "CreateIntegrationResponse",
        of_socket(json!({"integrationId": integration, "integrationResponseKey": "$default"})),
    )
    .unwrap();
    let route = it.v2("CreateRoute", of_socket(json!({"routeKey": "send", "target": format!("integrations/{integration}"), "routeResponseSelectionExpression": "$default", "apiKeyRequired": true}))).unwrap();
    it.v2(
        "CreateRouteResponse",
        of_socket(json!({"routeId": route["routeId"], "routeResponseKey": "$default"})),
    )
    .unwrap();

    // Keys, a plan, domain names.
    let key = it.v1("CreateApiKey", json!({"name": "mobile", "value": "0123456789012345678901234567", "enabled": true, "tags": {"a": "b"}})).unwrap();
    it.v1("CreateApiKey", json!({"name": "off", "value": "9876543210987654321098765432"})).unwrap();
    let plan = it.v1("CreateUsagePlan", json!({"name": "gold", "apiStages": [{"apiId": api, "stage": "prod", "throttle": {"/pets/GET": {"rateLimit": 1.5, "burstLimit": 2}}}], "throttle": {"rateLimit": 10.0, "burstLimit": 20}, "quota": {"limit": 1000, "period": "MONTH"}})).unwrap();
    it.v1(
        "CreateUsagePlanKey",
        json!({"usagePlanId": plan["id"], "keyId": key["id"], "keyType": "API_KEY"}),
    )
    .unwrap();
    it.v1("CreateDomainName", json!({"domainName": "api.example.com", "regionalCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1", "endpointConfiguration": {"types": ["REGIONAL"]}, "routingMode": "ROUTING_RULE_THEN_BASE_PATH_MAPPING"})).unwrap();
    it.v1("CreateBasePathMapping", json!({"domainName": "api.example.com", "basePath": "pets", "restApiId": api, "stage": "prod"})).unwrap();
    it.v2("CreateApiMapping", json!({"domainName": "api.example.com", "apiMappingKey": "v1/orders", "apiId": http, "stage": "$default"})).unwrap();
    it.v2("CreateRoutingRule", json!({"domainName": "api.example.com", "priority": 10, "conditions": [{"matchHeaders": {"anyOf": [{"header": "x-v", "valueGlob": "2*"}]}}, {"matchBasePaths": {"anyOf": ["two"]}}], "actions": [{"invokeApi": {"apiId": api, "stage": "old", "stripBasePath": true}}]})).unwrap();
    it
}

#[test]
fn an_export_applied_to_where_it_came_from_changes_nothing() {
    let mut fixture = rich();
    let text = exported(&fixture);
    assert_eq!(apply_to(&mut fixture, &[&text], Prune::All).unwrap(), [""; 0], "{text}");
}

#[test]
fn an_export_makes_the_same_account_anew() {
    let text = exported(&rich());
    let mut empty = Fixture::new();
    apply_to(&mut empty, &[&text], Prune::Below).unwrap_or_else(|it| panic!("{it:#?}\n{text}"));
    assert_eq!(exported(&empty), text);
    assert_eq!(apply_to(&mut empty, &[&text], Prune::All).unwrap(), [""; 0]);
}

#[test]
fn a_folders_files_are_the_account() {
    let fixture = rich();
    let files = export_files(&Draft::new(&fixture.state, "us-east-1"), Secrets::Written, &[]);
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["chat.toml", "empty.toml", "orders.toml", "pets.toml", "shared.toml"]);
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    let mut empty = Fixture::new();
    apply_to(&mut empty, &texts, Prune::Below).unwrap();
    assert_eq!(exported(&empty), exported(&fixture));
}

#[test]
fn secrets_are_left_out_unless_asked_for_and_then_stay_as_they_are() {
    let mut fixture = rich();
    let text = export(&Draft::new(&fixture.state, "us-east-1"), Secrets::Hidden, &[]);
    assert!(
        !text.contains("0123456789012345678901234567") && !text.contains("PRIVATE KEY"),
        "{text}"
    );
    let before = exported(&fixture);
    assert!(before.contains("0123456789012345678901234567") && before.contains("PRIVATE KEY"));
    let renamed = text.replace("name = \"mobile\"", "name = \"phone\"");
    let renamed = renamed.replace("keys = [\"mobile\"]", "keys = [\"phone\"]");
    apply_to(&mut fixture, &[&renamed], Prune::All).unwrap();
    let after = exported(&fixture);
    assert!(after.contains("name = \"phone\"") && after.contains("0123456789012345678901234567"));
    assert_eq!(before.matches("PRIVATE KEY").count(), after.matches("PRIVATE KEY").count());
}

/// A file as a person writes it, without any id.
const SHOP: &str = r#"
[[rest_api]]
name = "shop"
endpoint = "REGIONAL"

[rest_api.path."/items/{id}".GET]
integration = { type = "MOCK" }

[rest_api.stage.prod]

[[http_api]]
name = "front"

[http_api.integration.back]
type = "HTTP_PROXY"
method = "ANY"
uri = "http://back.test/"

[http_api.route."GET /a"]
integration = "back"

[http_api.route."GET /b"]
integration = "back"

[http_api.stage."$default"]
auto_deploy = true
"#;

#[test]
fn a_file_without_ids_finds_again_what_it_made() {
    let mut fixture = Fixture::new();
    let lines = apply_to(&mut fixture, &[SHOP], Prune::Below).unwrap();
    assert!(lines.contains(&"+ rest_api \"shop\"".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"~ stage.prod is deployed".to_owned()), "{lines:#?}");
    assert_eq!(apply_to(&mut fixture, &[SHOP], Prune::All).unwrap(), [""; 0]);
    let changed = SHOP
        .replace("back.test", "other.test")
        .replace("\"MOCK\"", "\"MOCK\", timeout_in_millis = 100");
    let lines = apply_to(&mut fixture, &[&changed], Prune::Below).unwrap();
    let is_change = |line: &&String| !line.contains("_api \"");
    let changes: Vec<&String> = lines.iter().filter(is_change).collect();
    assert_eq!(changes.len(), 3, "{lines:#?}");
    assert_eq!(changes[0], "+ path.\"/items/{id}\".GET.integration.timeout_in_millis = 100");
    assert_eq!(changes[1], "~ stage.prod is deployed");
    assert!(changes[2].ends_with("uri: \"http://back.test/\" -> \"http://other.test/\""));
    assert_eq!(apply_to(&mut fixture, &[&changed], Prune::Below).unwrap(), [""; 0]);
}

#[test]
fn what_is_not_declared_goes_below_declared_apis_and_elsewhere_only_when_pruned() {
    let mut fixture = rich();
    let text = "[[http_api]]\nname = \"orders\"\n\n[http_api.route.\"GET /new\"]\n";
    let refused = apply_to(&mut fixture, &[text], Prune::Below).unwrap_err();
    assert!(
        refused[0].contains("API mappings"),
        "a stage that a mapping leads to stays: {refused:?}"
    );
    let text = "[[websocket_api]]\nname = \"chat\"\nroute_selection_expression = \"$request.body.action\"\n";
    let lines = apply_to(&mut fixture, &[text], Prune::Below).unwrap();
    assert!(lines.iter().any(|line| line.starts_with("- route.send")), "{lines:#?}");
    assert!(exported(&fixture).contains("name = \"pets\""));
    let lines = apply_to(&mut fixture, &[text], Prune::All).unwrap();
    assert!(lines.iter().any(|line| line.starts_with("- rest_api \"pets\"")), "{lines:#?}");
    let left = exported(&fixture);
    assert_eq!(left.matches("\n[[").count(), 1, "{left}");
}

#[test]
fn refusals_name_the_line_and_come_together() {
    let text = r#"[[rest_api]]
name = "a"
[rest_api.path."/x".GET]
authorizer = "nobody"
[rest_api.path."/x".POST]
integration = { type = "HTTP_PROXY", uri = "nonsense" }
[[usage_plan]]
name = "gold"
[[usage_plan.stage]]
api = "missing"
stage = "prod"
"#;
    let refused = apply_to(&mut Fixture::new(), &[text], Prune::Below).unwrap_err();
    assert_eq!(refused[0], "3: authorizer `nobody` is not declared in this API");
    assert!(refused[1].starts_with("6: "), "{refused:?}");
    assert_eq!(refused[2], "9: there is no API `missing`");
    assert_eq!(refused.len(), 3, "{refused:?}");
}

#[test]
fn an_id_keeps_an_api_that_is_renamed() {
    let mut fixture = rich();
    let text = exported(&fixture).replace("name = \"empty\"", "name = \"renamed\"");
    let lines = apply_to(&mut fixture, &[&text], Prune::All).unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], "~ name: \"empty\" -> \"renamed\"");
}

#[test]
fn a_manual_stage_keeps_its_deployment() {
    let mut fixture = Fixture::new();
    apply_to(&mut fixture, &[SHOP], Prune::Below).unwrap();
    let edited = SHOP
        .replace("\"MOCK\"", "\"MOCK\", timeout_in_millis = 100")
        .replace("stage.prod]", "stage.prod]\ndeploy = \"manual\"");
    let lines = apply_to(&mut fixture, &[&edited], Prune::Below).unwrap();
    assert!(lines.iter().any(|line| line.starts_with("! stage.prod serves")), "{lines:?}");
    let draft = Draft::new(&fixture.state, "us-east-1");
    let group = undeployed(&draft, "shop", "prod").unwrap();
    assert_eq!(group.lines, ["+ path.\"/items/{id}\".GET.integration.timeout_in_millis = 100"]);
    assert!(undeployed(&draft, "front", "$default").unwrap().lines.is_empty());
    assert_eq!(undeployed(&draft, "shop", "none").unwrap_err().status, 404);
    assert_eq!(undeployed(&draft, "none", "prod").unwrap_err().status, 404);
    let lines = apply_to(&mut fixture, &[&edited.replace("manual", "auto")], Prune::Below).unwrap();
    assert_eq!(lines[1], "~ stage.prod is deployed");
}

#[test]
fn one_application_spans_regions() {
    let mut fixture = Fixture::new();
    let west = "region = \"eu-west-1\"\n[[rest_api]]\nname = \"a\"\n";
    let east = "[[rest_api]]\nname = \"a\"\n";
    let lines = apply_to(&mut fixture, &[west, east], Prune::Below).unwrap();
    assert!(lines.contains(&"+ rest_api \"a\" in eu-west-1".to_owned()), "{lines:?}");
    for region in ["eu-west-1", "us-east-1"] {
        let apis: Vec<_> = fixture.state.list::<RestApi>(region, "").collect();
        assert_eq!(apis.len(), 1, "{region} {}", RestApi::KIND);
    }
}
