//! Deployments: what is frozen, what cannot be deployed, and what they do to stages.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, bare, fixture, method, put, refusal, resource};
use crate::management::fixture::Fixture;
use crate::resources::rest::{EndpointConfiguration, Model, Resource, RestApi};
use crate::resources::rest_stage::Definition;
use serde_json::{Value, json};
use std::sync::Arc;

fn deploy(fixture: &mut Fixture, members: Value) -> Result<Value, String> {
    let mut input = json!({"restApiId": API});
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let result = fixture.v1("CreateDeployment", input);
    result.map_err(|fault| format!("{} {}", fault.status, fault.message))
}

fn stage(fixture: &mut Fixture, name: &str) -> Value {
    fixture.v1("GetStage", json!({"restApiId": API, "stageName": name})).unwrap()
}

#[test]
fn a_deployment_shows_id_and_date_and_a_description_if_there_is_one() {
    let mut fixture = fixture();
    let made = deploy(&mut fixture, json!({})).unwrap();
    assert_eq!(made, json!({"id": made["id"], "createdDate": 1_772_359_200}));
    let described = deploy(&mut fixture, json!({"description": "first"})).unwrap();
    assert_eq!(described["description"], "first");
    let named = json!({"restApiId": API, "deploymentId": made["id"]});
    assert_eq!(fixture.v1("GetDeployment", named).unwrap(), made);
    let list = fixture.v1("GetDeployments", json!({"restApiId": API})).unwrap();
    assert_eq!(list["item"].as_array().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_deployed_is_refused() {
    let mut none = bare();
    assert_eq!(
        deploy(&mut none, json!({})).unwrap_err(),
        "400 The REST API doesn't contain any methods"
    );
    put(&mut none, API, "root000000", Resource { path: "/".into(), ..Resource::default() });
    assert_eq!(
        deploy(&mut none, json!({})).unwrap_err(),
        "400 The REST API doesn't contain any methods"
    );
    let mut get = method("GET");
    get.method_integration = None;
    let mut fixture = fixture();
    put(&mut fixture, API, "pets01", resource("pets01", "/pets", get));
    assert_eq!(
        deploy(&mut fixture, json!({})).unwrap_err(),
        "400 No integration defined for method"
    );
    assert_eq!(
        refusal(&mut fixture, "CreateDeployment", json!({"restApiId": "nope"})),
        "404 NotFoundException: Invalid API identifier specified 000000000000:nope"
    );
}

#[test]
fn a_private_api_needs_a_policy() {
    let mut fixture = fixture();
    let types = vec!["PRIVATE".into()];
    let private = RestApi {
        id: API.into(),
        endpoint_configuration: EndpointConfiguration { types, ..EndpointConfiguration::default() },
        ..RestApi::default()
    };
    put(&mut fixture, "", API, private.clone());
    assert_eq!(
        deploy(&mut fixture, json!({})).unwrap_err(),
        "400 Private REST API doesn't have a resource policy attached to it"
    );
    put(&mut fixture, "", API, RestApi { policy: Some("{}".into()), ..private });
    assert!(deploy(&mut fixture, json!({})).is_ok());
}

#[test]
fn what_is_frozen_stays_and_is_shared_with_the_api() {
    let mut fixture = fixture();
    put(&mut fixture, API, "Pet", Model { name: "Pet".into(), ..Model::default() });
    let made = deploy(&mut fixture, json!({})).unwrap();
    let id = made["id"].as_str().unwrap();
    put(&mut fixture, API, "pets01", resource("pets01", "/pets", method("POST")));

    let region = fixture.region.clone();
    let frozen = fixture.state.get::<Definition>(&region, API, id).unwrap();
    let paths: Vec<_> = frozen.resources.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["/", "/pets"]);
    assert!(frozen.resources[1].resource_methods.contains_key("GET"), "as it was");
    let root = fixture.state.get::<Resource>(&region, API, "root000000").unwrap();
    assert!(Arc::ptr_eq(&frozen.resources[0], &root), "not copied");
    assert_eq!((frozen.models.len(), frozen.api.id.as_str()), (1, API));
    let summary = json!({"restApiId": API, "deploymentId": id, "embed": ["apisummary"]});
    let guard = json!({"authorizationType": "NONE", "apiKeyRequired": false});
    assert_eq!(
        fixture.v1("GetDeployment", summary).unwrap()["apiSummary"],
        json!({"/": {"GET": guard}, "/pets": {"GET": guard}})
    );
}

#[test]
fn a_stage_name_makes_the_stage_or_moves_it() {
    let mut fixture = fixture();
    let first = deploy(
        &mut fixture,
        json!({"stageName": "prod", "stageDescription": "live", "variables": {"a": "1", "b": "2"},
            "cacheClusterEnabled": true, "cacheClusterSize": "6.1", "tracingEnabled": true}),
    )
    .unwrap();
    assert!(first.get("stageName").is_none(), "the answer is the deployment");
    let made = stage(&mut fixture, "prod");
    assert_eq!(
        made,
        json!({"deploymentId": first["id"], "stageName": "prod", "description": "live",
            "cacheClusterEnabled": true, "cacheClusterSize": "6.1", "cacheClusterStatus": "AVAILABLE",
            "methodSettings": {}, "variables": {"a": "1", "b": "2"}, "tracingEnabled": true,
            "createdDate": 1_772_359_200, "lastUpdatedDate": 1_772_359_200})
    );
    fixture.now.0 += 60;
    let second =
        deploy(&mut fixture, json!({"stageName": "prod", "variables": {"b": "3"}})).unwrap();
    let moved = stage(&mut fixture, "prod");
    assert_eq!(moved["deploymentId"], second["id"]);
    assert_eq!(moved["variables"], json!({"a": "1", "b": "3"}));
    assert_eq!((&moved["description"], &moved["tracingEnabled"]), (&json!("live"), &json!(true)));
    assert_eq!(moved["createdDate"], 1_772_359_200);
    assert_eq!(moved["lastUpdatedDate"], 1_772_359_260);
    assert!(
        deploy(&mut fixture, json!({"stageName": "$default"}))
            .unwrap_err()
            .contains("Stage name only")
    );
}

#[test]
fn a_canary_deployment_leaves_what_the_stage_serves() {
    let mut fixture = fixture();
    let first =
        deploy(&mut fixture, json!({"stageName": "dev", "variables": {"v": "default"}})).unwrap();
    let canary = json!({"percentTraffic": 50, "stageVariableOverrides": {"v": "canary"}});
    let second = deploy(
        &mut fixture,
        json!({"stageName": "dev", "variables": {"v": "x"}, "canarySettings": canary}),
    )
    .unwrap();
    let shown = stage(&mut fixture, "dev");
    assert_eq!(
        (&shown["deploymentId"], &shown["variables"]),
        (&first["id"], &json!({"v": "default"}))
    );
    assert_eq!(
        shown["canarySettings"],
        json!({"percentTraffic": 50.0, "deploymentId": second["id"],
            "stageVariableOverrides": {"v": "canary"}, "useStageCache": false})
    );
    let third = deploy(
        &mut fixture,
        json!({"stageName": "dev", "canarySettings": {"useStageCache": true}}),
    )
    .unwrap();
    assert_eq!(
        stage(&mut fixture, "dev")["canarySettings"],
        json!({"percentTraffic": 0.0, "deploymentId": third["id"], "useStageCache": true}),
        "a later canary takes the place of the one before"
    );
    assert_eq!(
        deploy(&mut fixture, json!({"stageName": "dev"})).unwrap_err(),
        "400 Invalid deployment content specified.Non canary deployment not supported on stage dev because Canary is enabled. Provide CanarySettings in deploymentInput."
    );
}

#[test]
fn a_canary_needs_a_stage() {
    let mut fixture = fixture();
    for (members, expected) in [
        (
            json!({"canarySettings": {}}),
            "400 Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null",
        ),
        (
            json!({"canarySettings": {}, "stageName": ""}),
            "400 Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is ",
        ),
        (
            json!({"canarySettings": {}, "stageName": "non-existing"}),
            "400 Invalid deployment content specified.Stage non-existing must already be created before making a canary release deployment",
        ),
    ] {
        assert_eq!(deploy(&mut fixture, members).unwrap_err(), expected);
    }
    deploy(&mut fixture, json!({"stageName": "dev"})).unwrap();
    for percent in [-0.1, 100.1] {
        let members = json!({"stageName": "dev", "canarySettings": {"percentTraffic": percent}});
        assert!(deploy(&mut fixture, members).unwrap_err().contains("between 0.0 and 100.0"));
    }
}

#[test]
fn only_the_description_can_be_patched() {
    let mut fixture = fixture();
    let made = deploy(&mut fixture, json!({"description": "first"})).unwrap();
    let mut patch = |op: &str, path: &str, value: &str| {
        let operations = json!([{"op": op, "path": path, "value": value}]);
        let input =
            json!({"restApiId": API, "deploymentId": made["id"], "patchOperations": operations});
        fixture.v1("UpdateDeployment", input).map_err(|fault| fault.message)
    };
    assert_eq!(patch("replace", "/description", "new").unwrap()["description"], "new");
    assert!(patch("replace", "/description", "").unwrap().get("description").is_none());
    assert_eq!(
        patch("replace", "/id", "x").unwrap_err(),
        "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description]"
    );
    assert!(
        patch("remove", "/description", "")
            .unwrap_err()
            .ends_with("Please choose supported operations")
    );
}

#[test]
fn a_deployment_that_a_stage_points_to_stays() {
    let mut fixture = fixture();
    let first = deploy(&mut fixture, json!({"stageName": "dev"})).unwrap();
    let second = deploy(&mut fixture, json!({"stageName": "dev", "canarySettings": {}})).unwrap();
    let named = |made: &Value| json!({"restApiId": API, "deploymentId": made["id"]});
    assert_eq!(
        refusal(&mut fixture, "DeleteDeployment", named(&first)),
        "400 BadRequestException: Active stages pointing to this deployment must be moved or deleted"
    );
    assert_eq!(
        refusal(&mut fixture, "DeleteDeployment", named(&second)),
        "400 BadRequestException: Active stages with canary settings pointing to this deployment must be moved or deleted"
    );
    fixture.v1("DeleteStage", json!({"restApiId": API, "stageName": "dev"})).unwrap();
    assert_eq!(fixture.v1("DeleteDeployment", named(&first)).unwrap(), Value::Null);
    for operation in ["GetDeployment", "UpdateDeployment", "DeleteDeployment"] {
        assert_eq!(
            refusal(&mut fixture, operation, named(&first)),
            "404 NotFoundException: Invalid Deployment identifier specified"
        );
    }
    let region = fixture.region.clone();
    assert!(fixture.state.get::<Definition>(&region, API, first["id"].as_str().unwrap()).is_none());
}
