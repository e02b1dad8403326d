//! Stages and deployments: settings, freezing, automatic deployment, and Terraform's sequences.

use crate::aws::Fault;
use crate::management::fixture::Fixture;
use crate::resources::account::Account;
use crate::resources::http_stage::{Definition, Deployment};
use crate::resources::{Draft, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

struct Api {
    fixture: Fixture,
    id: String,
}

impl Api {
    fn http() -> Self {
        Self::new(json!({"name": "a", "protocolType": "HTTP"}))
    }

    fn web_socket() -> Self {
        Self::new(json!({
            "name": "a", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"
        }))
    }

    fn new(input: Value) -> Self {
        let mut fixture = Fixture::new();
        let api = fixture.v2("CreateApi", input).unwrap();
        Self { fixture, id: api["apiId"].as_str().unwrap().to_owned() }
    }

    fn call(&mut self, operation: &str, mut input: Value) -> Result<Value, Fault> {
        input["apiId"] = self.id.clone().into();
        self.fixture.v2(operation, input)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, operation: &str, input: Value) -> (u16, String) {
        let fault = self.call(operation, input).unwrap_err();
        (fault.status, fault.message)
    }

    fn stage(&mut self, name: &str) -> Value {
        self.ok("GetStage", json!({"stageName": name}))
    }

    fn deployments(&mut self) -> Vec<Value> {
        self.ok("GetDeployments", json!({}))["items"].as_array().unwrap().clone()
    }

    fn definition(&self, deployment: &Value) -> Arc<Definition> {
        let id = deployment.as_str().unwrap();
        self.fixture.state.get("us-east-1", &self.id, id).unwrap()
    }

    fn wait(&mut self) {
        self.fixture.now = Timestamp(self.fixture.now.0 + 60);
    }
}

fn text(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

const LATER: &str = "2026-03-01T10:01:00Z";
const NO_ROUTES: &str = "Unable to deploy API because no routes exist in this API";

#[test]
fn a_stage_is_answered_with_its_defaults() {
    for (mut api, settings) in [
        (Api::http(), json!({"detailedMetricsEnabled": false})),
        (
            Api::web_socket(),
            json!({"detailedMetricsEnabled": false, "dataTraceEnabled": false, "loggingLevel": "OFF"}),
        ),
    ] {
        assert_eq!(api.ok("GetStages", json!({})), json!({"items": []}));
        let stage = api.ok("CreateStage", json!({"stageName": "my-stage_1"}));
        let expected = json!({
            "autoDeploy": false,
            "createdDate": "2026-03-01T10:00:00Z",
            "defaultRouteSettings": settings,
            "lastUpdatedDate": "2026-03-01T10:00:00Z",
            "routeSettings": {},
            "stageName": "my-stage_1",
            "stageVariables": {},
            "tags": {},
        });
        assert_eq!(stage, expected);
        assert_eq!(api.stage("my-stage_1"), expected);
        assert_eq!(api.ok("GetStages", json!({})), json!({"items": [expected]}));
        let double = text(409, "Stage already exists");
        assert_eq!(api.refused("CreateStage", json!({"stageName": "my-stage_1"})), double);
        assert_eq!(api.ok("DeleteStage", json!({"stageName": "my-stage_1"})), Value::Null);
        let gone = text(404, "Invalid stage identifier specified");
        for operation in ["GetStage", "UpdateStage", "DeleteStage", "DeleteAccessLogSettings"] {
            assert_eq!(api.refused(operation, json!({"stageName": "my-stage_1"})), gone);
        }
    }
}

#[test]
fn names_of_stages() {
    let mut api = Api::http();
    let wrong = text(400, "Stage name only allows a-zA-Z0-9_");
    for name in ["", "a b", "prod.v1", "é", &"a".repeat(129)] {
        assert_eq!(api.refused("CreateStage", json!({"stageName": name})), wrong, "{name}");
    }
    for name in ["$default", "v1", &"a".repeat(128)] {
        api.ok("CreateStage", json!({"stageName": name}));
    }
    let mut api = Api::web_socket();
    assert_eq!(api.refused("CreateStage", json!({"stageName": "$default"})), wrong);
}

#[test]
fn variables_merge_and_empty_ones_go() {
    let mut api = Api::http();
    let variables = json!({"a": "1", "b": "http://x:80/?q=1&r=2,3", "c": "3"});
    let input = json!({"stageName": "v1", "stageVariables": variables, "description": "d"});
    assert_eq!(api.ok("CreateStage", input)["stageVariables"], variables);
    api.wait();
    // Terraform: removed ones as empty texts, added and changed ones beside.
    let input = json!({"stageName": "v1", "stageVariables": {"c": "", "a": "2", "d": "4"}});
    let stage = api.ok("UpdateStage", input);
    let expected = json!({"a": "2", "b": "http://x:80/?q=1&r=2,3", "d": "4"});
    assert_eq!(stage["stageVariables"], expected);
    assert_eq!((&stage["description"], &stage["lastUpdatedDate"]), (&json!("d"), &json!(LATER)));
    for (variables, start) in [
        (json!({"a-b": "1"}), "Invalid stage variable name: a-b"),
        (json!({"a": "{}"}), "Invalid stage variable value: {}.  Please use values with"),
        (json!({"a": "v".repeat(513)}), "Invalid stage variable value"),
    ] {
        let input = json!({"stageName": "v1", "stageVariables": variables});
        let (status, message) = api.refused("UpdateStage", input);
        assert!(status == 400 && message.starts_with(start), "{message}");
    }
    for (count, passes) in [(97, true), (98, false)] {
        let more: serde_json::Map<_, _> =
            (0..count).map(|index| (format!("v{index}"), json!("1"))).collect();
        let input = json!({"stageName": "v1", "stageVariables": more});
        assert_eq!(api.call("UpdateStage", input).is_ok(), passes, "100 are allowed");
    }
}

#[test]
fn access_logs_are_set_and_removed() {
    let mut api = Api::http();
    let log = json!({
        "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:a",
        "format": "$context.identity.sourceIp $context.requestId",
    });
    let input = json!({"stageName": "v1", "accessLogSettings": log});
    assert_eq!(api.ok("CreateStage", input.clone())["accessLogSettings"], log);
    // Terraform without the block sends an empty one.
    let none = json!({"stageName": "v1", "accessLogSettings": {}});
    assert_eq!(api.ok("UpdateStage", none).get("accessLogSettings"), None);
    api.ok("UpdateStage", input);
    for _ in 0..2 {
        api.ok("DeleteAccessLogSettings", json!({"stageName": "v1"}));
    }
    assert_eq!(api.stage("v1").get("accessLogSettings"), None);
    let format =
        "Access Log format must include either $context.requestId or $context.extendedRequestId";
    let input = json!({"stageName": "v1", "accessLogSettings": {"format": "JSON"}});
    assert_eq!(api.refused("UpdateStage", input), text(400, format));
    for (bytes, passes) in [(3072, true), (3073, false)] {
        let format = format!("$context.requestId{}", "x".repeat(bytes - 18));
        let input = json!({"stageName": "v1", "accessLogSettings": {"format": format}});
        assert_eq!(api.call("UpdateStage", input).is_ok(), passes, "{bytes} bytes");
    }
    let input = json!({"stageName": "v1", "accessLogSettings": {"destinationArn": "/var/log"}});
    let wrong = text(400, "Invalid ARN specified in the request");
    assert_eq!(api.refused("UpdateStage", input), wrong);
}

#[test]
fn default_settings_are_replaced_whole() {
    let mut api = Api::http();
    let settings = json!({
        "detailedMetricsEnabled": true, "throttlingBurstLimit": 2222, "throttlingRateLimit": 8888.0,
    });
    let input = json!({"stageName": "v1", "defaultRouteSettings": settings});
    assert_eq!(api.ok("CreateStage", input)["defaultRouteSettings"], settings);
    let input = json!({"stageName": "v1", "defaultRouteSettings": {"throttlingBurstLimit": 0}});
    let expected = json!({"detailedMetricsEnabled": false, "throttlingBurstLimit": 0});
    assert_eq!(api.ok("UpdateStage", input)["defaultRouteSettings"], expected);
    let input = json!({"stageName": "v1", "defaultRouteSettings": {"throttlingRateLimit": -1.0}});
    assert_eq!(api.refused("UpdateStage", input).0, 400);
}

#[test]
fn settings_of_routes_are_by_key() {
    let mut api = Api::http();
    for key in ["GET /pets", "$default"] {
        api.ok("CreateRoute", json!({ "routeKey": key }));
    }
    let one = json!({"detailedMetricsEnabled": true, "throttlingBurstLimit": 1});
    let input = json!({"stageName": "v1", "routeSettings": {"GET /pets": one}});
    assert_eq!(api.ok("CreateStage", input)["routeSettings"], json!({"GET /pets": one}));
    let other = json!({"throttlingRateLimit": 2.5});
    let input = json!({"stageName": "v1", "routeSettings": {"$default": other}});
    let expected = json!({"GET /pets": one, "$default": other});
    assert_eq!(api.ok("UpdateStage", input)["routeSettings"], expected, "others stay");
    let input = json!({"stageName": "v1", "routeSettings": {"GET /pets": other}});
    let expected = json!({"GET /pets": other, "$default": other});
    assert_eq!(api.ok("UpdateStage", input)["routeSettings"], expected, "a given one is replaced");

    let unknown = "Unable to find Route by key GET /cats within the provided RouteSettings";
    for operation in ["CreateStage", "UpdateStage"] {
        let name = if operation == "CreateStage" { "v2" } else { "v1" };
        let input = json!({"stageName": name, "routeSettings": {"GET /cats": {}}});
        assert_eq!(api.refused(operation, input), text(404, unknown));
    }
    let input = json!({"stageName": "v1", "routeKey": "GET /pets"});
    assert_eq!(api.ok("DeleteRouteSettings", input.clone()), Value::Null);
    assert_eq!(api.refused("DeleteRouteSettings", input).0, 404, "Terraform goes on after that");
    assert_eq!(api.stage("v1")["routeSettings"], json!({"$default": other}));
}

#[test]
fn http_apis_have_no_execution_logs() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "$default"}));
    let refused = text(400, "Execution logs are not supported on protocolType HTTP");
    for settings in [json!({"dataTraceEnabled": true}), json!({"loggingLevel": "INFO"})] {
        for member in ["defaultRouteSettings", "routeSettings"] {
            let value = match member {
                "routeSettings" => json!({"$default": settings}),
                _ => settings.clone(),
            };
            let input = json!({"stageName": "v1", member: value});
            assert_eq!(api.refused("CreateStage", input), refused);
        }
    }
    let off = json!({"dataTraceEnabled": false, "loggingLevel": "OFF"});
    let input = json!({"stageName": "v1", "defaultRouteSettings": off});
    let stage = api.ok("CreateStage", input);
    assert_eq!(stage["defaultRouteSettings"], json!({"detailedMetricsEnabled": false}));
}

#[test]
fn execution_logs_of_web_socket_apis() {
    let mut api = Api::web_socket();
    let settings = json!({
        "dataTraceEnabled": true, "detailedMetricsEnabled": true, "loggingLevel": "ERROR",
    });
    let input = json!({"stageName": "v1", "defaultRouteSettings": settings});
    assert_eq!(api.ok("CreateStage", input)["defaultRouteSettings"], settings);

    // As on AWS, where that is asked for.
    api.fixture.settings.logging_needs_role = true;
    let input = json!({"stageName": "v2", "defaultRouteSettings": settings});
    let refused = "CloudWatch Logs role ARN must be set in account settings to enable logging";
    assert_eq!(api.refused("CreateStage", input.clone()), text(400, refused));
    let role = Some("arn:aws:iam::000000000000:role/logs".to_owned());
    let mut draft = Draft::new(&api.fixture.state, "us-east-1");
    draft.put("", "account", Account { cloudwatch_role_arn: role, ..Account::default() });
    let (touched, _) = draft.finish();
    api.fixture.state.apply(touched);
    api.ok("CreateStage", input);
}

#[test]
fn a_deployment_freezes_the_api() {
    let mut api = Api::http();
    assert_eq!(api.refused("CreateDeployment", json!({})), text(400, NO_ROUTES));
    let route = api.ok("CreateRoute", json!({"routeKey": "GET /"}))["routeId"].clone();
    let deployment = api.ok("CreateDeployment", json!({"description": "first"}));
    let id = deployment["deploymentId"].clone();
    assert_eq!(id.as_str().unwrap().len(), 6);
    let expected = json!({
        "autoDeployed": false, "createdDate": "2026-03-01T10:00:00Z", "deploymentId": id,
        "deploymentStatus": "DEPLOYED", "description": "first",
    });
    assert_eq!(deployment, expected);
    assert_eq!(api.ok("GetDeployment", json!({"deploymentId": id})), expected);
    assert_eq!(api.deployments(), [expected]);

    api.ok("UpdateRoute", json!({"routeId": route, "routeKey": "POST /"}));
    api.ok("UpdateApi", json!({"disableExecuteApiEndpoint": true}));
    let frozen = api.definition(&id);
    assert_eq!(frozen.routes[0].route_key, "GET /");
    assert!(!frozen.api.disable_execute_api_endpoint);
    let updated = api.ok("UpdateDeployment", json!({"deploymentId": id, "description": ""}));
    assert_eq!(updated.get("description"), None);
    api.ok("DeleteDeployment", json!({"deploymentId": id}));
    let gone = format!("Invalid Deployment identifier specified {}", id.as_str().unwrap());
    for operation in ["GetDeployment", "UpdateDeployment", "DeleteDeployment"] {
        assert_eq!(api.refused(operation, json!({"deploymentId": id})), text(404, &gone));
    }
}

#[test]
fn a_deployment_shares_what_did_not_change() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let one = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    let two = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    let (one, two) = (api.definition(&one), api.definition(&two));
    assert!(Arc::ptr_eq(&one.routes[0], &two.routes[0]) && Arc::ptr_eq(&one.api, &two.api));
}

#[test]
fn a_definition_holds_the_responses_of_web_socket_routes() {
    let mut api = Api::web_socket();
    let integration = api.ok("CreateIntegration", json!({"integrationType": "MOCK"}));
    let integration = integration["integrationId"].as_str().unwrap().to_owned();
    let input = json!({"integrationId": integration, "integrationResponseKey": "$default"});
    api.ok("CreateIntegrationResponse", input);
    api.ok("CreateModel", json!({"name": "Pet", "schema": "{}"}));
    let route = api.ok("CreateRoute", json!({"routeKey": "list"}));
    let route = route["routeId"].as_str().unwrap().to_owned();
    api.ok("CreateRouteResponse", json!({"routeId": route, "routeResponseKey": "$default"}));
    let id = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    let definition = api.definition(&id);
    assert_eq!(definition.route_responses[&route].len(), 1);
    assert_eq!(definition.integration_responses[&integration].len(), 1);
    assert_eq!((definition.models.len(), definition.integrations.len()), (1, 1));
}

#[test]
fn a_stage_moves_to_the_deployment_that_names_it() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let unknown = text(404, "Invalid stage identifier specified");
    assert_eq!(api.refused("CreateDeployment", json!({"stageName": "v1"})), unknown);
    let first = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    let missing = json!({"stageName": "v1", "deploymentId": "abcdef"});
    let no_deployment = text(400, "Deployment id does not exist");
    assert_eq!(api.refused("CreateStage", missing), no_deployment);
    let stage = api.ok("CreateStage", json!({"stageName": "v1", "deploymentId": first}));
    assert_eq!(stage["deploymentId"], first);
    let used = text(400, "Active stages pointing to this deployment must be moved or deleted");
    assert_eq!(api.refused("DeleteDeployment", json!({"deploymentId": first})), used);

    api.wait();
    let second = api.ok("CreateDeployment", json!({"stageName": "v1"}))["deploymentId"].clone();
    let stage = api.stage("v1");
    assert_eq!((&stage["deploymentId"], &stage["lastUpdatedDate"]), (&second, &json!(LATER)));
    // And back: what a user deployed stays until it is deleted.
    let back = api.ok("UpdateStage", json!({"stageName": "v1", "deploymentId": first}));
    assert_eq!(back["deploymentId"], first);
    api.ok("DeleteDeployment", json!({"deploymentId": second}));
    let none = api.ok("UpdateStage", json!({"stageName": "v1", "deploymentId": ""}));
    assert_eq!(none.get("deploymentId"), None);
}

#[test]
fn automatic_deployment_follows_every_change() {
    let mut api = Api::http();
    let stage = api.ok("CreateStage", json!({"stageName": "$default", "autoDeploy": true}));
    assert_eq!(stage.get("deploymentId"), None, "there is nothing to deploy yet");
    let failed = format!("Deployment attempt failed: {NO_ROUTES}");
    assert_eq!(stage["lastDeploymentStatusMessage"], failed);

    let input = json!({
        "integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "integrationUri": "https://a"
    });
    let integration = api.ok("CreateIntegration", input)["integrationId"].clone();
    assert_eq!(api.stage("$default"), stage, "still nothing");

    api.wait();
    let route = api.ok("CreateRoute", json!({"routeKey": "GET /"}))["routeId"].clone();
    let stage = api.stage("$default");
    let first = stage["deploymentId"].clone();
    let message =
        format!("Successfully deployed stage with deployment ID '{}'", first.as_str().unwrap());
    assert_eq!(stage["lastDeploymentStatusMessage"], message);
    assert_eq!(stage["lastUpdatedDate"], LATER);
    let deployment = api.ok("GetDeployment", json!({"deploymentId": first}));
    assert_eq!(deployment["autoDeployed"], true);
    assert_eq!(
        deployment["description"],
        "Automatic deployment triggered by changes to the Api configuration"
    );

    let mut served = first;
    let tokens = json!({
        "authorizerType": "JWT", "name": "j", "identitySource": ["$request.header.Authorization"],
        "jwtConfiguration": {"issuer": "https://i", "audience": ["a"]},
    });
    let target = format!("integrations/{}", integration.as_str().unwrap());
    for (operation, input) in [
        ("UpdateRoute", json!({"routeId": route, "target": target})),
        ("UpdateIntegration", json!({"integrationId": integration, "timeoutInMillis": 100})),
        ("CreateAuthorizer", tokens),
        ("UpdateApi", json!({"corsConfiguration": {"allowOrigins": ["*"]}})),
        ("DeleteCorsConfiguration", json!({})),
        ("CreateRoute", json!({"routeKey": "$default"})),
    ] {
        api.ok(operation, input);
        let now = api.stage("$default")["deploymentId"].clone();
        assert_ne!(now, served, "{operation} is deployed");
        assert_eq!(api.deployments().len(), 1, "what no stage points to is removed");
        served = now;
    }
    assert_eq!(api.definition(&served).routes.len(), 2);
    // Neither a change of what is not served nor one that changes nothing.
    for (operation, input) in [
        ("UpdateApi", json!({"description": "new"})),
        ("UpdateRoute", json!({"routeId": route, "routeKey": "GET /"})),
        ("UpdateStage", json!({"stageName": "$default", "stageVariables": {"a": "1"}})),
    ] {
        api.ok(operation, input);
        assert_eq!(api.stage("$default")["deploymentId"], served, "{operation} is not deployed");
    }
}

#[test]
fn without_routes_a_stage_keeps_what_it_serves() {
    let mut api = Api::http();
    let route = api.ok("CreateRoute", json!({"routeKey": "GET /"}))["routeId"].clone();
    let stage = api.ok("CreateStage", json!({"stageName": "v1", "autoDeploy": true}));
    let served = stage["deploymentId"].clone();
    assert!(served.is_string(), "turning it on deploys");
    api.ok("DeleteRoute", json!({"routeId": route}));
    let stage = api.stage("v1");
    assert_eq!(stage["deploymentId"], served);
    let failed = format!("Deployment attempt failed: {NO_ROUTES}");
    assert_eq!(stage["lastDeploymentStatusMessage"], failed);
}

#[test]
fn stages_that_deploy_by_themselves_share_a_deployment() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let one = api.ok("CreateStage", json!({"stageName": "one", "autoDeploy": true}));
    let two = api.ok("CreateStage", json!({"stageName": "two", "autoDeploy": true}));
    assert_eq!(one["deploymentId"], two["deploymentId"]);
    api.ok("CreateRoute", json!({"routeKey": "POST /"}));
    let served = api.stage("one")["deploymentId"].clone();
    assert_ne!(served, one["deploymentId"]);
    assert_eq!(api.stage("two")["deploymentId"], served);
    assert_eq!(api.deployments().len(), 1);
    // One that stops keeps what it serves, also when the other goes on and is deleted.
    api.ok("UpdateStage", json!({"stageName": "one", "autoDeploy": false}));
    api.ok("CreateRoute", json!({"routeKey": "PUT /"}));
    assert_eq!(api.stage("one")["deploymentId"], served);
    assert_eq!(api.deployments().len(), 2);
    api.ok("DeleteStage", json!({"stageName": "two"}));
    assert_eq!(api.deployments().len(), 1, "a deleted stage's own goes with it");
    let manual = api.ok("CreateDeployment", json!({"stageName": "one"}))["deploymentId"].clone();
    let left: Vec<Value> =
        api.deployments().iter().map(|deployment| deployment["deploymentId"].clone()).collect();
    assert_eq!(left, [manual]);
}

#[test]
fn what_such_a_stage_serves_cannot_be_set() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let id = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    api.ok("CreateStage", json!({"stageName": "v1", "autoDeploy": true}));
    let refused = format!(
        "Deployment ID cannot be set on this stage 000000000000:{} because AutoDeploy is enabled",
        api.id
    );
    for (operation, input) in [
        ("UpdateStage", json!({"stageName": "v1", "deploymentId": id})),
        ("CreateStage", json!({"stageName": "v2", "deploymentId": id, "autoDeploy": true})),
        ("CreateDeployment", json!({"stageName": "v1"})),
    ] {
        assert_eq!(api.refused(operation, input), text(400, &refused), "{operation}");
    }
    let input = json!({"stageName": "v1", "deploymentId": id, "autoDeploy": false});
    assert_eq!(api.ok("UpdateStage", input)["deploymentId"], id);
}

#[test]
fn other_apis_are_not_deployed() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let served = api.ok("CreateStage", json!({"stageName": "v1", "autoDeploy": true}));
    let input = json!({"name": "b", "protocolType": "HTTP", "target": "https://b"});
    let other = api.fixture.v2("CreateApi", input).unwrap()["apiId"].clone();
    api.fixture.v2("CreateRoute", json!({"apiId": other, "routeKey": "GET /"})).unwrap();
    assert_eq!(api.stage("v1"), served);
}

#[test]
fn deleted_apis_leave_no_deployments() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    api.ok("CreateStage", json!({"stageName": "v1", "autoDeploy": true}));
    api.ok("DeleteApi", json!({}));
    assert!(api.fixture.state.is_empty());
}

/// The calls that Terraform makes for an API with a Lambda behind it, from the first apply to the
/// destruction, with what it reads back in between.
#[test]
fn terraforms_sequence_of_a_whole_api() {
    let mut fixture = Fixture::new();
    let input = json!({
        "name": "tf", "protocolType": "HTTP", "tags": {},
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "routeSelectionExpression": "$request.method $request.path",
    });
    let id = fixture.v2("CreateApi", input).unwrap()["apiId"].as_str().unwrap().to_owned();
    let mut api = Api { fixture, id };
    let before = api.ok("GetApi", json!({}));

    let input = json!({
        "connectionType": "INTERNET", "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "integrationUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
    });
    let integration = api.ok("CreateIntegration", input);
    let one = json!({"integrationId": integration["integrationId"]});
    assert_eq!(api.ok("GetIntegration", one.clone()), integration);

    let input = json!({
        "apiKeyRequired": false, "authorizationType": "NONE", "routeKey": "GET /pets",
        "target": format!("integrations/{}", integration["integrationId"].as_str().unwrap()),
    });
    let route = api.ok("CreateRoute", input);
    let the_route = json!({"routeId": route["routeId"]});
    assert_eq!(api.ok("GetRoute", the_route.clone()), route);

    let deployment = api.ok("CreateDeployment", json!({}));
    let the_deployment = json!({"deploymentId": deployment["deploymentId"]});
    assert_eq!(api.ok("GetDeployment", the_deployment.clone())["deploymentStatus"], "DEPLOYED");

    assert_eq!(api.ok("GetApi", json!({}))["protocolType"], "HTTP");
    let settings = json!({
        "detailedMetricsEnabled": false, "throttlingBurstLimit": 0, "throttlingRateLimit": 0.0
    });
    let input = json!({
        "stageName": "prod", "autoDeploy": false, "deploymentId": deployment["deploymentId"],
        "routeSettings": {"GET /pets": settings}, "stageVariables": {"a": "1"}, "tags": {"t": "1"},
    });
    let stage = api.ok("CreateStage", input);
    assert_eq!(api.stage("prod"), stage);
    assert_eq!(stage["routeSettings"]["GET /pets"], settings);

    // A second apply: other settings, another deployment (created before the old one is destroyed).
    let again = api.ok("CreateDeployment", json!({}));
    let key = json!({"stageName": "prod", "routeKey": "GET /pets"});
    assert_eq!(api.ok("DeleteRouteSettings", key), Value::Null);
    let input = json!({
        "stageName": "prod", "deploymentId": again["deploymentId"], "routeSettings": {},
        "stageVariables": {"a": ""}, "accessLogSettings": {},
    });
    let stage = api.ok("UpdateStage", input);
    assert_eq!((&stage["routeSettings"], &stage["stageVariables"]), (&json!({}), &json!({})));
    assert_eq!(stage["tags"], json!({"t": "1"}));
    assert_eq!(api.ok("DeleteDeployment", the_deployment), Value::Null);

    for (operation, input) in [
        ("DeleteStage", json!({"stageName": "prod"})),
        ("DeleteDeployment", json!({"deploymentId": again["deploymentId"]})),
        ("DeleteRoute", the_route),
        ("DeleteIntegration", one),
    ] {
        assert_eq!(api.ok(operation, input), Value::Null, "{operation}");
    }
    assert_eq!(api.ok("GetApi", json!({})), before);
    assert_eq!(api.ok("DeleteApi", json!({})), Value::Null);
    assert!(api.fixture.state.is_empty());
}

/// Nothing may be taken for granted: every operation is called with nothing at all.
#[test]
fn no_operation_needs_members_to_be_there() {
    for table in super::super::TABLES {
        for operation in *table {
            let mut api = Api::http();
            let _ = api.fixture.v2(operation.name, json!({}));
            let _ = api.call(operation.name, json!({}));
        }
    }
}

#[test]
fn deployments_made_by_users_and_by_stages_are_told_apart() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let manual = api.ok("CreateDeployment", json!({}))["deploymentId"].clone();
    api.ok("CreateStage", json!({"stageName": "v1", "autoDeploy": true}));
    api.ok("CreateRoute", json!({"routeKey": "POST /"}));
    let stored: Option<Arc<Deployment>> =
        api.fixture.state.get("us-east-1", &api.id, manual.as_str().unwrap());
    assert!(stored.is_some_and(|deployment| !deployment.auto_deployed), "a user's own stays");
    assert_eq!(api.deployments().len(), 2);
}
