//! Authorizers: members, refusals, patches, and that one in use stays.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, fixture, method, put, refusal, resource};
use crate::management::fixture::Fixture;
use serde_json::{Value, json};

const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:auth/invocations";
const POOL: &str = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc";

fn token(name: &str) -> Value {
    json!({"restApiId": API, "name": name, "type": "TOKEN", "authorizerUri": URI,
        "identitySource": "method.request.header.Authorization"})
}

fn patch(fixture: &mut Fixture, id: &Value, operations: Value) -> Result<Value, String> {
    let input = json!({"restApiId": API, "authorizerId": id, "patchOperations": operations});
    fixture.v1("UpdateAuthorizer", input).map_err(|fault| fault.message)
}

#[test]
fn a_token_authorizer_shows_what_was_said_and_its_kind() {
    let mut fixture = fixture();
    let made = fixture.v1("CreateAuthorizer", token("auth")).unwrap();
    let id = made["id"].clone();
    assert_eq!(
        made,
        json!({"id": id, "name": "auth", "type": "TOKEN", "authType": "custom", "authorizerUri": URI,
            "identitySource": "method.request.header.Authorization"}),
        "no time to live unless one was given"
    );
    let named = json!({"restApiId": API, "authorizerId": id});
    assert_eq!(fixture.v1("GetAuthorizer", named.clone()).unwrap(), made);
    assert_eq!(
        fixture.v1("GetAuthorizers", json!({"restApiId": API})).unwrap(),
        json!({"item": [made]})
    );
    assert_eq!(fixture.v1("DeleteAuthorizer", named.clone()).unwrap(), Value::Null);
    assert_eq!(
        refusal(&mut fixture, "GetAuthorizer", named),
        "404 NotFoundException: Invalid Authorizer identifier specified"
    );
}

#[test]
fn credentials_of_a_cognito_authorizer_stick_only_through_a_patch() {
    let mut fixture = fixture();
    let made = fixture
        .v1(
            "CreateAuthorizer",
            json!({"restApiId": API, "name": "pool", "type": "COGNITO_USER_POOLS",
            "providerARNs": [POOL], "authorizerCredentials": "arn:aws:iam::000000000000:role/r",
            "authorizerResultTtlInSeconds": 300}),
        )
        .unwrap();
    assert_eq!(made["authType"], "cognito_user_pools");
    assert_eq!(made["providerARNs"], json!([POOL]));
    assert_eq!(made["authorizerResultTtlInSeconds"], 300);
    assert!(made.get("authorizerCredentials").is_none());
    let operations = json!([{"op": "replace", "path": "/authorizerCredentials", "value": "arn:aws:iam::000000000000:role/r"}]);
    let patched = patch(&mut fixture, &made["id"], operations).unwrap();
    assert_eq!(patched["authorizerCredentials"], "arn:aws:iam::000000000000:role/r");
}

#[test]
fn creation_is_refused_in_amazons_words() {
    let mut fixture = fixture();
    fixture.v1("CreateAuthorizer", token("auth")).unwrap();
    let with = |member: &str, value: Value| {
        let mut input = token("other");
        input[member] = value;
        input
    };
    for (input, expected) in [
        (
            with("restApiId", json!("nope")),
            "404 NotFoundException: Invalid API identifier specified 000000000000:nope",
        ),
        (
            token("auth"),
            "400 BadRequestException: Authorizer name must be unique. Authorizer auth already exists in this RestApi.",
        ),
        (
            with("authorizerResultTtlInSeconds", json!(3601)),
            "400 BadRequestException: Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ),
        (
            with("authorizerResultTtlInSeconds", json!(-1)),
            "400 BadRequestException: Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ),
        (
            with("authorizerUri", json!("arn:aws:lambda:us-east-1:0:function:f")),
            "400 BadRequestException: Invalid Authorizer URI: arn:aws:lambda:us-east-1:0:function:f. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.",
        ),
    ] {
        assert_eq!(refusal(&mut fixture, "CreateAuthorizer", input.clone()), expected, "{input}");
    }
    for ttl in [0, 3600] {
        let mut input = token(&format!("ttl{ttl}"));
        input["authorizerResultTtlInSeconds"] = json!(ttl);
        assert!(fixture.v1("CreateAuthorizer", input).is_ok(), "{ttl} is allowed");
    }
    let mut request = with("type", json!("REQUEST"));
    request["identitySource"] = json!("");
    assert!(refusal(&mut fixture, "CreateAuthorizer", request.clone()).contains("identity source"));
    request["authorizerResultTtlInSeconds"] = json!(0);
    assert!(fixture.v1("CreateAuthorizer", request).is_ok(), "nothing to keep results by");
    assert!(fixture.v1("CreateAuthorizer", json!({"restApiId": API})).is_err());
}

#[test]
fn every_member_can_be_patched() {
    let mut fixture = fixture();
    let made = fixture.v1("CreateAuthorizer", token("auth")).unwrap();
    let other = URI.replace("auth", "other");
    for (path, value, member, expected) in [
        ("/name", "new", "name", json!("new")),
        ("/type", "REQUEST", "type", json!("REQUEST")),
        ("/authType", "mine", "authType", json!("mine")),
        ("/authorizerUri", other.as_str(), "authorizerUri", json!(other)),
        ("/authorizerCredentials", "arn:r", "authorizerCredentials", json!("arn:r")),
        ("/authorizerCredentials", "", "authorizerCredentials", Value::Null),
        (
            "/identitySource",
            "method.request.header.X",
            "identitySource",
            json!("method.request.header.X"),
        ),
        ("/identityValidationExpression", ".+", "identityValidationExpression", json!(".+")),
        ("/authorizerResultTtlInSeconds", "60", "authorizerResultTtlInSeconds", json!(60)),
    ] {
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        let patched = patch(&mut fixture, &made["id"], operations).unwrap();
        assert_eq!(patched.get(member).cloned().unwrap_or_default(), expected, "{path}");
    }
    for (op, path, expected) in [
        (
            "replace",
            "/id",
            "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/name, /type, ",
        ),
        (
            "remove",
            "/name",
            "Invalid patch path  '/name' specified for op 'remove'. Please choose supported operations",
        ),
        (
            "replace",
            "/providerARNs",
            "Invalid patch path  '/providerARNs' specified for op 'replace'. Please choose supported operations",
        ),
        (
            "replace",
            "/authorizerResultTtlInSeconds",
            "Authorizer result TTL outside allowable range.",
        ),
    ] {
        let operations = json!([{"op": op, "path": path, "value": "x"}]);
        let refused = patch(&mut fixture, &made["id"], operations).unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn terraform_adds_new_pools_before_it_removes_old_ones() {
    let mut fixture = fixture();
    let made = fixture
        .v1("CreateAuthorizer", json!({"restApiId": API, "name": "pool", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL]}))
        .unwrap();
    let second = POOL.replace("abc", "def");
    let operations = json!([
        {"op": "add", "path": "/providerARNs", "value": second},
        {"op": "remove", "path": "/providerARNs", "value": POOL},
    ]);
    assert_eq!(
        patch(&mut fixture, &made["id"], operations).unwrap()["providerARNs"],
        json!([second])
    );
    let last = json!([{"op": "remove", "path": "/providerARNs", "value": second}]);
    assert!(patch(&mut fixture, &made["id"], last).is_err(), "never empty");
}

#[test]
fn an_authorizer_in_use_stays() {
    let mut fixture = fixture();
    let made = fixture.v1("CreateAuthorizer", token("auth")).unwrap();
    let mut get = method("GET");
    get.authorizer_id = made["id"].as_str().map(str::to_owned);
    put(&mut fixture, API, "test01", resource("test01", "/test", get));
    assert_eq!(
        refusal(
            &mut fixture,
            "DeleteAuthorizer",
            json!({"restApiId": API, "authorizerId": made["id"]})
        ),
        "409 ConflictException: Cannot delete authorizer 'auth', is referenced in method: GET//test"
    );
}
