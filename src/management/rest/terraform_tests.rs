//! Whole sequences of calls as Terraform's provider makes them, and what must never end a host.

use super::super::fixture::Fixture;
use super::super::operation::Operation;
use super::planted;
use super::{
    authorizer, deployment, documentation, gateway_response, later, model, request_validator,
    stage, test_invoke,
};
use serde_json::{Value, json};

const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:auth/invocations";

/// A fixture and the API whose id is added to all inputs.
struct Applying {
    fixture: Fixture,
    api: Value,
}

impl Applying {
    fn call(&mut self, name: &str, mut input: Value) -> Value {
        input["restApiId"] = self.api.clone();
        match self.fixture.v1(name, input) {
            Ok(answer) => answer,
            Err(fault) => panic!("{name} is refused: {fault}"),
        }
    }

    fn refused(&mut self, name: &str, mut input: Value) -> String {
        input["restApiId"] = self.api.clone();
        self.fixture.v1(name, input).expect_err("it is refused").message
    }
}

#[test]
fn a_configuration_is_applied_read_changed_and_destroyed() {
    let mut fixture = Fixture::new();
    let api = fixture.v1("CreateRestApi", json!({"name": "shop"})).unwrap();
    let mut it = Applying { fixture, api: api["id"].clone() };
    let root = api["rootResourceId"].clone();

    // What hangs on nothing but the API.
    let pets =
        it.call("CreateResource", json!({"parentId": root, "pathPart": "pets"}))["id"].clone();
    let authorizer = it.call(
        "CreateAuthorizer",
        json!({"name": "auth", "type": "TOKEN", "authorizerUri": URI, "authorizerResultTtlInSeconds": 300,
            "identitySource": "method.request.header.Authorization"}),
    )["id"]
        .clone();
    let validator = it
        .call("CreateRequestValidator", json!({"name": "all", "validateRequestBody": true}))["id"]
        .clone();
    it.call(
        "CreateModel",
        json!({"name": "Pet", "contentType": "application/json", "schema": "{\"type\":\"object\"}"}),
    );
    it.call("PutGatewayResponse", json!({"responseType": "DEFAULT_4XX", "statusCode": "418"}));
    let part = it.call(
        "CreateDocumentationPart",
        json!({"location": {"type": "RESOURCE", "path": "/pets"}, "properties": "{\"description\":\"pets\"}"}),
    )["id"]
        .clone();
    it.call("CreateDocumentationVersion", json!({"documentationVersion": "v1"}));

    // The method, what answers it, and what is refused before it does.
    let method = json!({"resourceId": pets, "httpMethod": "POST"});
    let with = |members: Value| {
        let mut input = method.clone();
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        input
    };
    it.call(
        "PutMethod",
        with(json!({"authorizationType": "CUSTOM", "authorizerId": authorizer,
            "requestValidatorId": validator, "requestModels": {"application/json": "Pet"}})),
    );
    assert_eq!(it.refused("CreateDeployment", json!({})), "No integration defined for method");
    it.call("PutMethodResponse", with(json!({"statusCode": "200"})));
    it.call(
        "PutIntegration",
        with(json!({"type": "MOCK", "requestTemplates": {"application/json": "{\"statusCode\": 200}"}})),
    );
    it.call("PutIntegrationResponse", with(json!({"statusCode": "200"})));

    // Released, twice, with settings.
    let first = it.call("CreateDeployment", json!({}))["id"].clone();
    it.call(
        "CreateStage",
        json!({"stageName": "prod", "deploymentId": first, "documentationVersion": "v1"}),
    );
    let stage = json!({"stageName": "prod"});
    let update = |operations: Value| json!({"stageName": "prod", "patchOperations": operations});
    it.call(
        "UpdateStage",
        update(json!([{"op": "replace", "path": "/pets/POST/throttling/rateLimit", "value": "10.000000"}])),
    );
    let read = it.call("GetStage", stage.clone());
    assert_eq!(read["methodSettings"]["pets/POST"]["throttlingRateLimit"], 10.0);
    let summary = it.call("GetDeployment", json!({"deploymentId": first, "embed": ["apisummary"]}));
    assert_eq!(summary["apiSummary"]["/pets"]["POST"]["authorizationType"], "CUSTOM");
    let second = it.call("CreateDeployment", json!({}))["id"].clone();
    it.call(
        "UpdateStage",
        update(json!([{"op": "replace", "path": "/deploymentId", "value": second}])),
    );
    it.call("DeleteDeployment", json!({"deploymentId": first}));

    // Destroyed in the reverse order; what is still in use stays until its turn.
    assert!(
        it.refused("DeleteDeployment", json!({"deploymentId": second}))
            .starts_with("Active stages")
    );
    assert_eq!(
        it.refused("DeleteAuthorizer", json!({"authorizerId": authorizer})),
        "Cannot delete authorizer 'auth', is referenced in method: POST//pets"
    );
    assert_eq!(
        it.refused("DeleteModel", json!({"modelName": "Pet"})),
        "Cannot delete model 'Pet', is referenced in method request: /pets/POST"
    );
    it.call("UpdateStage", update(json!([{"op": "remove", "path": "/pets/POST"}])));
    it.call("DeleteStage", stage);
    it.call("DeleteDeployment", json!({"deploymentId": second}));
    it.call("DeleteIntegrationResponse", with(json!({"statusCode": "200"})));
    it.call("DeleteIntegration", method.clone());
    it.call("DeleteMethodResponse", with(json!({"statusCode": "200"})));
    it.call("DeleteMethod", method);
    it.call("DeleteAuthorizer", json!({"authorizerId": authorizer}));
    it.call("DeleteRequestValidator", json!({"requestValidatorId": validator}));
    it.call("DeleteModel", json!({"modelName": "Pet"}));
    it.call("DeleteGatewayResponse", json!({"responseType": "DEFAULT_4XX"}));
    it.call("DeleteDocumentationVersion", json!({"documentationVersion": "v1"}));
    it.call("DeleteDocumentationPart", json!({"documentationPartId": part}));
    it.call("DeleteResource", json!({"resourceId": pets}));
    it.call("DeleteRestApi", json!({}));
    assert_eq!(it.fixture.state.len(), 0, "nothing is left behind");
}

#[test]
fn deleting_an_api_takes_its_stages_and_deployments_along() {
    let mut fixture = planted::fixture();
    let api = json!({"restApiId": planted::API, "stageName": "prod"});
    fixture.v1("CreateDeployment", api.clone()).unwrap();
    fixture
        .v1(
            "CreateDocumentationVersion",
            json!({"restApiId": planted::API, "documentationVersion": "1"}),
        )
        .unwrap();
    fixture.v1("DeleteRestApi", api).unwrap();
    assert_eq!(fixture.state.len(), 0);
}

/// Shapes are checked before an operation runs; what they let through must not end a host.
#[test]
fn calls_without_members_or_with_odd_ones_never_panic() {
    let tables: [&[Operation]; 9] = [
        authorizer::OPERATIONS,
        deployment::OPERATIONS,
        documentation::OPERATIONS,
        gateway_response::OPERATIONS,
        later::OPERATIONS,
        model::OPERATIONS,
        request_validator::OPERATIONS,
        stage::OPERATIONS,
        test_invoke::OPERATIONS,
    ];
    let members = [
        "location",
        "properties",
        "schema",
        "name",
        "type",
        "providerARNs",
        "authorizerUri",
        "authorizerResultTtlInSeconds",
        "responseParameters",
        "responseTemplates",
        "statusCode",
        "canarySettings",
        "variables",
        "cacheClusterSize",
        "stageName",
        "deploymentId",
        "embed",
        "limit",
        "position",
        "patchOperations",
        "body",
        "mode",
        "headers",
        "multiValueHeaders",
        "pathWithQueryString",
        "stageVariables",
        "documentationVersion",
        "tags",
        "locationStatus",
    ];
    let values = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("é/{"),
        json!([1]),
        json!({"a": 1}),
        json!([{"op": "add"}]),
        json!([{"op": "replace", "path": "~", "value": "~"}]),
        json!(true),
    ];
    let whole = json!({"restApiId": planted::API, "responseType": "THROTTLED", "resourceId": "pets01",
        "httpMethod": "GET", "stageName": "dev", "modelName": "Pet", "name": "Pet", "type": "TOKEN"});
    for operation in tables.concat() {
        let mut fixture = planted::fixture();
        let _ = fixture.v1(operation.name, json!({}));
        fixture
            .v1("CreateDeployment", json!({"restApiId": planted::API, "stageName": "dev"}))
            .unwrap();
        for member in members {
            for value in &values {
                let mut odd = whole.clone();
                odd[member] = value.clone();
                let _ = fixture.v1(operation.name, odd);
            }
        }
    }
}
