//! Stages: every row of the patch table, canaries, and who keeps a stage from being deleted.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

mod settings;

use super::super::planted::{API, fixture, put, refusal};
use crate::management::fixture::Fixture;
use crate::resources::account::ClientCertificate;
use crate::resources::domain::{ApiMapping, DomainName};
use crate::resources::rest::DocumentationVersion;
use crate::resources::usage::{ApiStage, UsagePlan};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Amazon's list, recorded from AWS: with nothing between three settings of the first group, and one
/// blank in the second.
const LIST: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled]";

/// Nouns with two deployments.
fn deployed() -> (Fixture, Value, Value) {
    let mut fixture = fixture();
    let mut deploy =
        || fixture.v1("CreateDeployment", json!({"restApiId": API})).unwrap()["id"].clone();
    let (first, second) = (deploy(), deploy());
    (fixture, first, second)
}

/// Nouns with two deployments and the stage `dev`, which serves the first.
fn staged() -> (Fixture, Value, Value) {
    let (mut fixture, first, second) = deployed();
    create(&mut fixture, &first, json!({"variables": {"testVar": "default"}})).unwrap();
    (fixture, first, second)
}

fn create(fixture: &mut Fixture, deployment: &Value, members: Value) -> Result<Value, String> {
    let mut input = json!({"restApiId": API, "stageName": "dev", "deploymentId": deployment});
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let result = fixture.v1("CreateStage", input);
    result.map_err(|fault| format!("{} {}", fault.status, fault.message))
}

fn patch(fixture: &mut Fixture, operations: Value) -> Result<Value, String> {
    let input = json!({"restApiId": API, "stageName": "dev", "patchOperations": operations});
    let result = fixture.v1("UpdateStage", input);
    result.map_err(|fault| format!("{} {}", fault.status, fault.message))
}

fn replace(fixture: &mut Fixture, path: &str, value: &str) -> Result<Value, String> {
    patch(fixture, json!([{"op": "replace", "path": path, "value": value}]))
}

fn remove(fixture: &mut Fixture, path: &str) -> Result<Value, String> {
    patch(fixture, json!([{"op": "remove", "path": path}]))
}

fn get(fixture: &mut Fixture) -> Value {
    fixture.v1("GetStage", json!({"restApiId": API, "stageName": "dev"})).unwrap()
}

#[test]
fn a_bare_stage_has_amazons_defaults_and_nothing_unset() {
    let (mut fixture, first, _) = deployed();
    let made = create(&mut fixture, &first, json!({})).unwrap();
    assert_eq!(
        made,
        json!({"deploymentId": first, "stageName": "dev", "cacheClusterEnabled": false,
            "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "tracingEnabled": false,
            "createdDate": 1_772_359_200, "lastUpdatedDate": 1_772_359_200})
    );
    assert_eq!(get(&mut fixture), made);
}

#[test]
fn what_was_said_at_creation_is_shown() {
    let (mut fixture, first, second) = deployed();
    put(&mut fixture, API, "v1", DocumentationVersion::default());
    let made = create(
        &mut fixture,
        &first,
        json!({"description": "dev stage", "variables": {"testVar": "default"}, "cacheClusterEnabled": true,
            "cacheClusterSize": "1.6", "documentationVersion": "v1", "tracingEnabled": true, "tags": {"a": "b"},
            "canarySettings": {"deploymentId": second, "percentTraffic": 50, "stageVariableOverrides": {"testVar": "canary"}}}),
    )
    .unwrap();
    assert_eq!(
        made["canarySettings"],
        json!({"percentTraffic": 50.0, "deploymentId": second, "stageVariableOverrides": {"testVar": "canary"}, "useStageCache": false})
    );
    assert_eq!(
        (&made["cacheClusterStatus"], &made["cacheClusterSize"]),
        (&json!("AVAILABLE"), &json!("1.6"))
    );
    assert_eq!((&made["tags"], &made["documentationVersion"]), (&json!({"a": "b"}), &json!("v1")));
    let other = json!({"stageName": "cached-2", "cacheClusterEnabled": true, "canarySettings": {"percentTraffic": 1.5}});
    let made = create(&mut fixture, &first, other).unwrap();
    assert_eq!(made["cacheClusterSize"], "0.5");
    assert_eq!(
        made["canarySettings"],
        json!({"percentTraffic": 1.5, "deploymentId": first, "useStageCache": false})
    );
}

#[test]
fn creation_is_refused_in_amazons_words() {
    let (mut fixture, first, _) = staged();
    let long = "a".repeat(129);
    for (members, expected) in [
        (json!({"restApiId": "nope"}), "404 Invalid API identifier specified 000000000000:nope"),
        (json!({"stageName": "$default"}), "400 Stage name only allows a-zA-Z0-9_"),
        (json!({"stageName": ""}), "400 Stage name only allows a-zA-Z0-9_"),
        (json!({"stageName": long}), "400 Stage name only allows a-zA-Z0-9_"),
        (json!({}), "409 Stage already exists"),
        (
            json!({"stageName": "x", "tags": {"aws:a": "b"}}),
            "400 Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)",
        ),
        (json!({"stageName": "x", "deploymentId": ""}), "400 DeploymentId cannot be empty"),
        (json!({"stageName": "x", "deploymentId": "nope"}), "400 Deployment id does not exist"),
        (
            json!({"stageName": "x", "canarySettings": {"deploymentId": "nope"}}),
            "400 Deployment id does not exist",
        ),
        (
            json!({"stageName": "x", "documentationVersion": "nope"}),
            "404 Invalid Documentation version specified",
        ),
        (
            json!({"stageName": "x", "variables": {"a-b": "c"}}),
            "400 Invalid stage variable name: a-b. Please use names with only word characters.",
        ),
        (
            json!({"stageName": "x", "variables": {"a": "{}"}}),
            "400 Invalid stage variable value: {}.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.",
        ),
        (
            json!({"stageName": "x", "variables": {"a": ""}}),
            "400 Invalid stage variable value: .  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.",
        ),
    ] {
        assert_eq!(create(&mut fixture, &first, members).unwrap_err(), expected);
    }
    let name = "a".repeat(128);
    assert!(create(&mut fixture, &first, json!({"stageName": name})).is_ok());
}

#[test]
fn variables_have_their_limits() {
    let (mut fixture, first, _) = deployed();
    let variables = |count: usize| -> Value {
        (0..count)
            .map(|index| (format!("v{index}"), json!("x")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let mut try_with = |name: &str, variables: Value| {
        create(&mut fixture, &first, json!({"stageName": name, "variables": variables})).is_ok()
    };
    assert!(try_with("a", variables(100)));
    assert!(!try_with("b", variables(101)));
    assert!(try_with("c", json!({"n".repeat(64): "v".repeat(512)})));
    assert!(!try_with("d", json!({"n".repeat(65): "v"})));
    assert!(!try_with("e", json!({"n": "v".repeat(513)})));
    assert!(try_with("f", json!({"n": "aZ0 -._~:/?#&=,"})));
}

#[test]
fn stages_are_listed_by_deployment() {
    let (mut fixture, first, second) = staged();
    create(&mut fixture, &second, json!({"stageName": "prod"})).unwrap();
    let mut names = |input: Value| -> Vec<String> {
        let list = fixture.v1("GetStages", input).unwrap();
        let stages = list["item"].as_array().unwrap().iter();
        stages.map(|stage| stage["stageName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({"restApiId": API})), ["dev", "prod"]);
    assert_eq!(names(json!({"restApiId": API, "deploymentId": first})), ["dev"]);
    assert_eq!(names(json!({"restApiId": API, "deploymentId": second})), ["prod"]);
    assert_eq!(
        refusal(&mut fixture, "GetStages", json!({"restApiId": "nope"})),
        "404 NotFoundException: Invalid API identifier specified 000000000000:nope"
    );
}

#[test]
fn an_unknown_stage_is_not_found_by_any_operation() {
    let (mut fixture, ..) = deployed();
    for operation in
        ["GetStage", "UpdateStage", "DeleteStage", "FlushStageCache", "FlushStageAuthorizersCache"]
    {
        assert_eq!(
            refusal(&mut fixture, operation, json!({"restApiId": API, "stageName": "dev"})),
            "404 NotFoundException: Invalid stage identifier specified"
        );
    }
}

#[test]
fn caches_are_flushed_as_often_as_wanted() {
    let (mut fixture, ..) = staged();
    for operation in ["FlushStageCache", "FlushStageAuthorizersCache", "FlushStageCache"] {
        let stage = json!({"restApiId": API, "stageName": "dev"});
        assert_eq!(fixture.v1(operation, stage).unwrap(), Value::Null);
    }
}

#[test]
fn a_stage_stays_while_a_domain_or_a_usage_plan_leads_to_it() {
    let (mut fixture, ..) = staged();
    let stage = json!({"restApiId": API, "stageName": "dev"});
    for name in ["a.example", "b.example", "c.example"] {
        put(
            &mut fixture,
            "",
            name,
            DomainName { domain_name: name.into(), ..DomainName::default() },
        );
    }
    let mapping = |stage: Option<&str>| ApiMapping {
        api_id: API.into(),
        stage: stage.map(str::to_owned),
        ..ApiMapping::default()
    };
    put(&mut fixture, "a.example", "(none)", mapping(Some("dev")));
    put(&mut fixture, "b.example", "v1", mapping(Some("dev")));
    put(&mut fixture, "c.example", "v1", mapping(None));
    assert_eq!(
        refusal(&mut fixture, "DeleteStage", stage.clone()),
        "400 BadRequestException: Deleting stage dev failed. Please remove all base path mappings related to the stage in your domains: a.example, b.example"
    );
    put(&mut fixture, "a.example", "(none)", mapping(Some("prod")));
    put(&mut fixture, "b.example", "v1", mapping(None));
    let covered = ApiStage { api_id: API.into(), stage: "dev".into(), ..ApiStage::default() };
    let plan = UsagePlan { id: "plan01".into(), api_stages: vec![covered], ..UsagePlan::default() };
    put(&mut fixture, "", "plan01", plan);
    assert!(
        refusal(&mut fixture, "DeleteStage", stage.clone())
            .ends_with("usage plans that cover it: plan01")
    );
    put(&mut fixture, "", "plan01", UsagePlan { id: "plan01".into(), ..UsagePlan::default() });
    assert_eq!(fixture.v1("DeleteStage", stage).unwrap(), Value::Null);
}

#[test]
fn own_members_are_replaced() {
    let (mut fixture, _, second) = staged();
    put(&mut fixture, "", "cert01", ClientCertificate::default());
    put(&mut fixture, API, "v1", DocumentationVersion::default());
    for (path, value, member, expected) in [
        ("/deploymentId", second.as_str().unwrap(), "deploymentId", second.clone()),
        ("/description", "new", "description", json!("new")),
        ("/description", "", "description", Value::Null),
        ("/cacheClusterSize", "6.1", "cacheClusterSize", json!("6.1")),
        ("/cacheClusterEnabled", "true", "cacheClusterStatus", json!("AVAILABLE")),
        ("/cacheClusterEnabled", "garbage", "cacheClusterStatus", json!("NOT_AVAILABLE")),
        ("/clientCertificateId", "cert01", "clientCertificateId", json!("cert01")),
        ("/clientCertificateId", "", "clientCertificateId", Value::Null),
        ("/documentationVersion", "v1", "documentationVersion", json!("v1")),
        ("/documentationVersion", "", "documentationVersion", Value::Null),
        ("/tracingEnabled", "TRUE", "tracingEnabled", json!(true)),
        ("/tracingEnabled", "x", "tracingEnabled", json!(false)),
    ] {
        fixture.now.0 += 1;
        let patched = replace(&mut fixture, path, value).unwrap();
        assert_eq!(patched.get(member).cloned().unwrap_or_default(), expected, "{path} {value}");
        assert_eq!(patched["lastUpdatedDate"], fixture.now.0);
    }
    for (path, value, expected) in [
        ("/deploymentId", "nope", "400 Deployment id does not exist"),
        ("/clientCertificateId", "nope", "400 Invalid Client Certificate identifier specified"),
        ("/documentationVersion", "nope", "404 Invalid Documentation version specified"),
        (
            "/cacheClusterSize",
            "2",
            "400 Invalid cache cluster size specified. Valid options are 0.5,1.6,6.1,13.5,28.4,58.2,118,237",
        ),
    ] {
        assert_eq!(replace(&mut fixture, path, value).unwrap_err(), expected);
    }
    let add = json!([{"op": "add", "path": "/description", "value": "x"}]);
    assert_eq!(
        patch(&mut fixture, add).unwrap_err(),
        "400 Invalid add operation with path: /description"
    );
}

#[test]
fn variables_are_set_and_removed() {
    let (mut fixture, ..) = staged();
    let operations = json!([
        {"op": "replace", "path": "/variables/a", "value": "1"},
        {"op": "add", "path": "/variables/b", "value": "2"},
        {"op": "remove", "path": "/variables/testVar"},
    ]);
    assert_eq!(patch(&mut fixture, operations).unwrap()["variables"], json!({"a": "1", "b": "2"}));
    let operations =
        json!([{"op": "remove", "path": "/variables/a"}, {"op": "remove", "path": "/variables/b"}]);
    assert!(patch(&mut fixture, operations).unwrap().get("variables").is_none());
    assert!(
        replace(&mut fixture, "/variables/a", "{}")
            .unwrap_err()
            .starts_with("400 Invalid stage variable value: {}.")
    );
    assert!(
        replace(&mut fixture, "/variables/a~1b", "c")
            .unwrap_err()
            .starts_with("400 Invalid stage variable name: a/b.")
    );
}

#[test]
fn access_logs_are_set_together_or_alone_and_removed_together() {
    let (mut fixture, ..) = staged();
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let operations = json!([
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn},
        {"op": "add", "path": "/accessLogSettings/format", "value": "$context.requestId"},
    ]);
    assert_eq!(
        patch(&mut fixture, operations).unwrap()["accessLogSettings"],
        json!({"destinationArn": arn, "format": "$context.requestId"})
    );
    let bad_path = "400 Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]";
    for (op, path, expected) in [
        ("replace", "/accessLogSettings/format", "400 Access Log value must not be empty"),
        ("replace", "/accessLogSettings/destinationArn", "400 Access Log value must not be empty"),
        ("replace", "/accessLogSettings/other", bad_path),
        ("add", "/accessLogSettings/*", bad_path),
        ("add", "/accessLogSettings", bad_path),
        ("replace", "/accessLogSettings", bad_path),
        (
            "remove",
            "/accessLogSettings/format",
            "400 Cannot remove method setting accessLogSettings/format because there is no method setting for this method ",
        ),
    ] {
        let operations = json!([{"op": op, "path": path, "value": ""}]);
        assert_eq!(patch(&mut fixture, operations).unwrap_err(), expected, "{op} {path}");
    }
    for (format, expected) in [
        (
            "a\nb $context.requestId",
            "400 Access Log format must be single line, new line character is allowed only at end of the format: 'a\nb $context.requestId'",
        ),
        (
            "$context.status",
            "400 Access Log format must include either $context.requestId or $context.extendedRequestId : '$context.status'",
        ),
    ] {
        assert_eq!(
            replace(&mut fixture, "/accessLogSettings/format", format).unwrap_err(),
            expected
        );
    }
    for format in
        ["$context.extendedRequestId\n", "${context.requestId}", "{\"id\":\"$context.requestId\"}"]
    {
        assert!(replace(&mut fixture, "/accessLogSettings/format", format).is_ok(), "{format}");
    }
    let longest = format!("$context.requestId {}", "x".repeat(3072 - 19));
    assert!(replace(&mut fixture, "/accessLogSettings/format", &longest).is_ok());
    assert_eq!(
        replace(&mut fixture, "/accessLogSettings/format", &format!("{longest}x")).unwrap_err(),
        "400 Access Log format must be at most 3072 bytes long, found 3073"
    );
    assert!(remove(&mut fixture, "/accessLogSettings").unwrap().get("accessLogSettings").is_none());
}

#[test]
fn any_member_of_a_canary_makes_one() {
    let (mut fixture, first, second) = staged();
    let id = second.as_str().unwrap();
    for (path, value, expected) in [
        (
            "/canarySettings/deploymentId",
            id,
            json!({"percentTraffic": 0.0, "deploymentId": second, "useStageCache": false}),
        ),
        (
            "/canarySettings/percentTraffic",
            "50",
            json!({"percentTraffic": 50.0, "deploymentId": first, "useStageCache": false}),
        ),
        (
            "/canarySettings/useStageCache",
            "true",
            json!({"percentTraffic": 0.0, "deploymentId": first, "useStageCache": true}),
        ),
        (
            "/canarySettings/stageVariableOverrides/a",
            "b",
            json!({"percentTraffic": 0.0, "deploymentId": first, "stageVariableOverrides": {"a": "b"}, "useStageCache": false}),
        ),
    ] {
        assert_eq!(
            replace(&mut fixture, path, value).unwrap()["canarySettings"],
            expected,
            "{path}"
        );
        assert!(remove(&mut fixture, "/canarySettings").unwrap().get("canarySettings").is_none());
    }
    let operations = json!([
        {"op": "add", "path": "/canarySettings/stageVariableOverrides/a", "value": "1"},
        {"op": "remove", "path": "/canarySettings/stageVariableOverrides/a"},
    ]);
    let canary = patch(&mut fixture, operations).unwrap()["canarySettings"].clone();
    assert!(canary.get("stageVariableOverrides").is_none());
}

#[test]
fn wrong_canary_patches_are_refused_as_recorded() {
    let (mut fixture, _, second) = staged();
    let bad_path =
        |path: &str| format!("400 Invalid method setting path: {path}. Must be one of: {LIST}");
    let none = |key: &str| {
        format!(
            "400 Cannot remove method setting {key} because there is no method setting for this method "
        )
    };
    for (op, path, value, expected) in [
        (
            "remove",
            "/canarySettings/stageVariableOverrides",
            json!(null),
            none("canarySettings/stageVariableOverrides"),
        ),
        ("remove", "/canarySettings/badPath", json!(null), none("canarySettings/badPath")),
        ("replace", "/canarySettings/badPath", json!("x"), bad_path("/canarySettings/badPath")),
        ("replace", "/canarySettings", json!("x"), bad_path("/canarySettings")),
        ("add", "/canarySettings", json!("x"), bad_path("/canarySettings")),
        (
            "add",
            "/canarySettings/deploymentId",
            second,
            "400 Invalid add operation with path: /canarySettings/deploymentId".into(),
        ),
        (
            "replace",
            "/canarySettings/deploymentId",
            json!("deploy"),
            "400 Deployment id does not exist".into(),
        ),
        (
            "replace",
            "/canarySettings/percentTraffic",
            json!("101"),
            "400 Canary percentTraffic must be between 0.0 and 100.0".into(),
        ),
        (
            "replace",
            "/canarySettings/percentTraffic",
            json!("x"),
            "400 Canary percentTraffic must be between 0.0 and 100.0".into(),
        ),
    ] {
        let operations = json!([{"op": op, "path": path, "value": value}]);
        assert_eq!(patch(&mut fixture, operations).unwrap_err(), expected, "{op} {path}");
    }
}

#[test]
fn promoting_copies_and_leaves_the_canary() {
    let (mut fixture, _, second) = staged();
    let promote = json!([
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"},
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
    ]);
    let operations = json!([
        {"op": "replace", "path": "/canarySettings/deploymentId", "value": second},
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "50"},
        {"op": "replace", "path": "/canarySettings/stageVariableOverrides/other", "value": "canary"},
    ]);
    patch(&mut fixture, operations).unwrap();
    let promoted = patch(&mut fixture, promote).unwrap();
    assert_eq!(promoted["deploymentId"], second);
    assert_eq!(promoted["variables"], json!({"testVar": "default", "other": "canary"}), "merged");
    assert_eq!(
        promoted["canarySettings"],
        json!({"percentTraffic": 0.0, "deploymentId": second, "stageVariableOverrides": {"other": "canary"}, "useStageCache": false})
    );
}

#[test]
fn only_a_canary_can_be_copied_and_only_to_its_places() {
    let (mut fixture, ..) = staged();
    for (path, from, expected) in [
        (
            "/deploymentId",
            "/canarySettings/deploymentId",
            "400 Promotion not available. Canary does not exist.",
        ),
        (
            "/deploymentId",
            "/description",
            "400 Invalid copy operation with path: /deploymentId and from /description. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]",
        ),
        (
            "/x",
            "/canarySettings/deploymentId",
            "400 Invalid copy operation with path: /x and from /canarySettings/deploymentId. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]",
        ),
    ] {
        let operations = json!([{"op": "copy", "path": path, "from": from}]);
        assert_eq!(patch(&mut fixture, operations).unwrap_err(), expected);
    }
    for op in ["move", "test"] {
        let operations = json!([{"op": op, "path": "/description", "from": "/x"}]);
        assert_eq!(
            patch(&mut fixture, operations).unwrap_err(),
            format!("400 Invalid {op} operation with path: /description")
        );
    }
}

#[test]
fn everything_else_is_no_method_setting() {
    let (mut fixture, ..) = staged();
    for path in [
        "/webAclArn",
        "/tags/x",
        "/variables",
        "/stageName",
        "",
        "description",
        "/*/*/throttling/none",
        "/{proxy+}/ANY//throttling/burstLimit",
        "null/null/logging/dataTrace",
        "/GET/logging/dataTrace",
        "/pets/FETCH/metrics/enabled",
        "/pets/get/metrics/enabled",
    ] {
        assert_eq!(
            replace(&mut fixture, path, "true").unwrap_err(),
            format!("400 Invalid method setting path: {path}. Must be one of: {LIST}")
        );
    }
    let operations = json!([{"op": "replace", "value": "x"}]);
    assert!(
        patch(&mut fixture, operations)
            .unwrap_err()
            .starts_with("400 Invalid method setting path: null.")
    );
    assert!(
        remove(&mut fixture, "/foo")
            .unwrap_err()
            .starts_with("400 Invalid method setting path: /foo.")
    );
}

#[test]
fn nothing_is_changed_when_one_operation_is_refused() {
    let (mut fixture, ..) = staged();
    let before = get(&mut fixture);
    let operations = json!([
        {"op": "replace", "path": "/description", "value": "new"},
        {"op": "replace", "path": "/nonsense", "value": "x"},
    ]);
    assert!(patch(&mut fixture, operations).is_err());
    assert_eq!(get(&mut fixture), before);
    assert_eq!(patch(&mut fixture, json!([])).unwrap()["description"], before["description"]);
}

#[test]
fn terraform_makes_changes_and_destroys_a_stage() {
    let (mut fixture, first, second) = deployed();
    create(
        &mut fixture,
        &first,
        json!({"cacheClusterEnabled": false, "tracingEnabled": false, "variables": {"a": "1"}}),
    )
    .unwrap();
    // aws_api_gateway_stage with access logs: one update behind the creation.
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let logs = json!([
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn},
        {"op": "replace", "path": "/accessLogSettings/format", "value": "$context.requestId"},
    ]);
    patch(&mut fixture, logs).unwrap();
    // aws_api_gateway_method_settings: an operation per attribute, read back by the path as written.
    let settings = json!([
        {"op": "replace", "path": "/path1/GET/metrics/enabled", "value": "true"},
        {"op": "replace", "path": "/path1/GET/logging/loglevel", "value": "INFO"},
        {"op": "replace", "path": "/path1/GET/throttling/rateLimit", "value": "-1.000000"},
    ]);
    patch(&mut fixture, settings).unwrap();
    assert_eq!(get(&mut fixture)["methodSettings"]["path1/GET"]["loggingLevel"], "INFO");
    // A new deployment: the stage moves, then the old deployment can go.
    let old = json!({"restApiId": API, "deploymentId": first});
    assert!(fixture.v1("DeleteDeployment", old.clone()).is_err());
    replace(&mut fixture, "/deploymentId", second.as_str().unwrap()).unwrap();
    fixture.v1("DeleteDeployment", old).unwrap();
    // Destroy: settings (twice is told of in words that Terraform knows), logs, stage, deployment.
    remove(&mut fixture, "/path1/GET").unwrap();
    assert!(
        remove(&mut fixture, "/path1/GET")
            .unwrap_err()
            .contains("no method setting for this method")
    );
    remove(&mut fixture, "/accessLogSettings").unwrap();
    fixture.v1("DeleteStage", json!({"restApiId": API, "stageName": "dev"})).unwrap();
    fixture.v1("DeleteDeployment", json!({"restApiId": API, "deploymentId": second})).unwrap();
}

proptest! {
    /// Whatever is sent, the answer is a stage or a refusal that is the client's fault.
    #[test]
    fn any_patch_is_answered(
        op in proptest::sample::select(&["add", "remove", "replace", "copy", "move", "test"]),
        path in "(/(canarySettings|variables|accessLogSettings|methodSettings|[a-zA-Z*~{}+]{0,6})){0,4}",
        tail in proptest::sample::select(&["", "/GET/throttling/rateLimit", "/deploymentId", "/caching/ttlInSeconds"]),
        value in proptest::option::of(".{0,8}"),
    ) {
        let (mut fixture, ..) = staged();
        let operation = json!({"op": op, "path": format!("{path}{tail}"), "value": value, "from": path});
        match patch(&mut fixture, json!([operation])) {
            Ok(stage) => prop_assert_eq!(stage, get(&mut fixture)),
            Err(refused) => prop_assert!(refused.starts_with('4'), "{}", refused),
        }
    }
}
