//! Gateway responses: the 21 types, what a put fills in, and how defaults shine through.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, fixture, refusal};
use crate::management::fixture::Fixture;
use serde_json::{Value, json};

const TEMPLATE: &str = "{\"message\":$context.error.messageString}";

fn get(fixture: &mut Fixture, kind: &str) -> Value {
    fixture.v1("GetGatewayResponse", json!({"restApiId": API, "responseType": kind})).unwrap()
}

fn patch(fixture: &mut Fixture, kind: &str, operations: Value) -> Result<Value, String> {
    let input = json!({"restApiId": API, "responseType": kind, "patchOperations": operations});
    let result = fixture.v1("UpdateGatewayResponse", input);
    result.map_err(|fault| format!("{} {}", fault.status, fault.message))
}

#[test]
fn all_types_are_there_from_the_start() {
    let mut fixture = fixture();
    let list = fixture.v1("GetGatewayResponses", json!({"restApiId": API})).unwrap();
    let items = list["item"].as_array().unwrap();
    assert_eq!(items.len(), 21);
    assert!(list.get("position").is_none());
    let codes: Vec<String> = items
        .iter()
        .map(|item| {
            assert_eq!(item["defaultResponse"], true);
            assert_eq!(item["responseParameters"], json!({}));
            assert_eq!(item["responseTemplates"], json!({"application/json": TEMPLATE}));
            let code = item.get("statusCode").map_or("-", |code| code.as_str().unwrap());
            format!("{} {code}", item["responseType"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        codes,
        [
            "ACCESS_DENIED 403",
            "API_CONFIGURATION_ERROR 500",
            "AUTHORIZER_CONFIGURATION_ERROR 500",
            "AUTHORIZER_FAILURE 500",
            "BAD_REQUEST_BODY 400",
            "BAD_REQUEST_PARAMETERS 400",
            "DEFAULT_4XX -",
            "DEFAULT_5XX -",
            "EXPIRED_TOKEN 403",
            "INTEGRATION_FAILURE 504",
            "INTEGRATION_TIMEOUT 504",
            "INVALID_API_KEY 403",
            "INVALID_SIGNATURE 403",
            "MISSING_AUTHENTICATION_TOKEN 403",
            "QUOTA_EXCEEDED 429",
            "REQUEST_TOO_LARGE 413",
            "RESOURCE_NOT_FOUND 404",
            "THROTTLED 429",
            "UNAUTHORIZED 401",
            "UNSUPPORTED_MEDIA_TYPE 415",
            "WAF_FILTERED 403",
        ]
    );
    let page = fixture.v1("GetGatewayResponses", json!({"restApiId": API, "limit": 20})).unwrap();
    let rest = json!({"restApiId": API, "limit": 20, "position": page["position"]});
    let rest = fixture.v1("GetGatewayResponses", rest).unwrap();
    assert_eq!(rest["item"][0]["responseType"], "WAF_FILTERED");
}

#[test]
fn what_is_not_put_is_the_types_own_default() {
    let mut fixture = fixture();
    let mut put = |kind: &str, members: Value| {
        let mut input = json!({"restApiId": API, "responseType": kind});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        fixture.v1("PutGatewayResponse", input).unwrap()
    };
    let only_status = put("MISSING_AUTHENTICATION_TOKEN", json!({"statusCode": "404"}));
    assert_eq!(
        only_status,
        json!({"responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404", "responseParameters": {},
            "responseTemplates": {"application/json": TEMPLATE}, "defaultResponse": false})
    );
    let header = json!({"gatewayresponse.header.x": "method.request.header.Accept"});
    let only_headers = put("MISSING_AUTHENTICATION_TOKEN", json!({"responseParameters": header}));
    assert_eq!(only_headers["statusCode"], "403", "what was put before is gone");
    assert_eq!(only_headers["responseParameters"], header);

    put(
        "DEFAULT_5XX",
        json!({"statusCode": "599", "responseParameters": header, "responseTemplates": {"a/b": "t"}}),
    );
    let own = put(
        "AUTHORIZER_FAILURE",
        json!({"responseParameters": {"gatewayresponse.header.foo": "'bar'"}}),
    );
    assert_eq!(own["statusCode"], "500", "DEFAULT_5XX does not count for what is put");
    assert_eq!(own["responseTemplates"], json!({"application/json": TEMPLATE}));
    assert_eq!(
        get(&mut fixture, "INTEGRATION_FAILURE"),
        json!({"responseType": "INTEGRATION_FAILURE", "statusCode": "599", "responseParameters": header,
            "responseTemplates": {"a/b": "t"}, "defaultResponse": true}),
        "but shines through what is not customised"
    );
    assert_eq!(get(&mut fixture, "AUTHORIZER_FAILURE"), own);
    assert_eq!(get(&mut fixture, "ACCESS_DENIED")["statusCode"], "403");
    assert!(get(&mut fixture, "DEFAULT_4XX").get("statusCode").is_none());
}

#[test]
fn deleting_makes_the_default_show_again() {
    let mut fixture = fixture();
    let named = json!({"restApiId": API, "responseType": "THROTTLED"});
    fixture
        .v1(
            "PutGatewayResponse",
            json!({"restApiId": API, "responseType": "THROTTLED", "statusCode": "503"}),
        )
        .unwrap();
    assert_eq!(fixture.v1("DeleteGatewayResponse", named.clone()).unwrap(), Value::Null);
    assert_eq!(get(&mut fixture, "THROTTLED")["statusCode"], "429");
    assert_eq!(
        refusal(&mut fixture, "DeleteGatewayResponse", named),
        "404 NotFoundException: Gateway response type not defined on api"
    );
}

#[test]
fn an_unknown_api_is_not_found_by_any_operation() {
    let mut fixture = fixture();
    for operation in [
        "GetGatewayResponses",
        "GetGatewayResponse",
        "PutGatewayResponse",
        "UpdateGatewayResponse",
        "DeleteGatewayResponse",
    ] {
        let input = json!({"restApiId": "nope", "responseType": "DEFAULT_4XX"});
        assert_eq!(
            refusal(&mut fixture, operation, input),
            "404 NotFoundException: Invalid API identifier specified 000000000000:nope"
        );
    }
}

#[test]
fn a_patch_customises_a_default() {
    let mut fixture = fixture();
    let unchanged = patch(&mut fixture, "DEFAULT_4XX", json!([])).unwrap();
    assert_eq!(unchanged["defaultResponse"], true, "nothing was asked for");
    let operations = json!([{"op": "replace", "path": "/statusCode", "value": "444"}]);
    let patched = patch(&mut fixture, "DEFAULT_4XX", operations).unwrap();
    assert_eq!(
        patched,
        json!({"responseType": "DEFAULT_4XX", "statusCode": "444", "responseParameters": {},
            "responseTemplates": {"application/json": TEMPLATE}, "defaultResponse": false})
    );
    let operations = json!([
        {"op": "add", "path": "/responseParameters/gatewayresponse.header.A", "value": "'a'"},
        {"op": "replace", "path": "/responseParameters/gatewayresponse.header.A", "value": "'b'"},
        {"op": "add", "path": "/responseTemplates/application~1xml", "value": "<a/>"},
        {"op": "remove", "path": "/responseTemplates/application~1json"},
    ]);
    let patched = patch(&mut fixture, "DEFAULT_4XX", operations).unwrap();
    assert_eq!(patched["responseParameters"], json!({"gatewayresponse.header.A": "'b'"}));
    assert_eq!(patched["responseTemplates"], json!({"application/xml": "<a/>"}));
}

#[test]
fn patches_are_refused_in_amazons_words() {
    let mut fixture = fixture();
    let allow = "/responseParameters/gatewayresponse.header.Access-Control-Allow-Origin";
    for (operation, expected) in [
        (
            json!({"op": "add", "path": "/statusCode", "value": "444"}),
            "400 Invalid patch path /statusCode",
        ),
        (json!({"op": "remove", "path": "/statusCode"}), "400 Invalid patch path /statusCode"),
        (
            json!({"op": "replace", "path": allow, "value": "'x'"}),
            "404 Invalid parameter name specified",
        ),
        (json!({"op": "remove", "path": allow}), "404 Invalid parameter name specified"),
        (json!({"op": "add", "value": "'x'"}), "400 Invalid patch path null"),
        (
            json!({"op": "add", "path": "/wrongPath", "value": "'x'"}),
            "400 Invalid patch path /wrongPath",
        ),
        (
            json!({"op": "add", "path": "/responseTemplates/application/xml", "value": "x"}),
            "400 Invalid patch path /responseTemplates/application/xml",
        ),
        (
            json!({"op": "replace", "path": "/responseTemplates/application~1xml"}),
            "400 Invalid null or empty value in responseTemplates",
        ),
        (
            json!({"op": "replace", "path": allow}),
            "400 Invalid null or empty value in responseParameters",
        ),
        (
            json!({"op": "copy", "path": allow}),
            "400 Invalid patch operation specified. Must be one of: [add, remove, replace]",
        ),
        (
            json!({"op": "add", "path": "/responseParameters/x", "value": "'x'"}),
            "400 Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: x]",
        ),
    ] {
        let refused = patch(&mut fixture, "DEFAULT_4XX", json!([operation.clone()])).unwrap_err();
        assert_eq!(refused, expected, "{operation}");
    }
    assert_eq!(get(&mut fixture, "DEFAULT_4XX")["defaultResponse"], true, "all or nothing");
}

#[test]
fn headers_take_static_texts_and_parts_of_the_request() {
    let mut fixture = fixture();
    let mut put = |name: &str, value: &str| {
        let input = json!({"restApiId": API, "responseType": "THROTTLED", "responseParameters": {name: value}});
        fixture.v1("PutGatewayResponse", input).is_ok()
    };
    for value in [
        "'*'",
        "method.request.path.id",
        "method.request.querystring.q",
        "method.request.header.A",
        "method.request.multivalueheader.A",
        "context.requestId",
        "stageVariables.a",
    ] {
        assert!(put("gatewayresponse.header.X", value), "{value}");
    }
    for value in ["*", "'", "method.request.body", "context.", "integration.response.header.a"] {
        assert!(!put("gatewayresponse.header.X", value), "{value}");
    }
    assert!(!put("gatewayresponse.header.", "'a'"));
    assert!(!put("method.response.header.X", "'a'"));
}
