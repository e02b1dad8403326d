//! What cannot be served or checked yet: it refuses, and lets nobody through.

use crate::gateway::{Echo, Gateway};
use crate::stages::{definition, http, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::{CompiledStage, compile_rest_stage};
use serde_json::{Value, json};

const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

fn with(mut method: Value, name: &str, value: Value) -> Value {
    method[name] = value;
    method
}

#[test]
fn a_method_with_a_check_that_is_not_there_refuses_as_amazon_would() {
    let echo = Echo::start();
    let open = || proxy(&format!("http://{}", echo.address), json!({}));
    let kind = |kind: &str| with(open(), "authorizationType", kind.into());
    let gateway = Gateway::start();
    let mut stage = rest(
        "abcdefghij",
        &[
            ("/iam", json!({ "GET": kind("AWS_IAM") })),
            ("/custom", json!({ "GET": kind("CUSTOM") })),
            ("/cognito", json!({ "GET": kind("COGNITO_USER_POOLS") })),
            ("/key", json!({ "GET": with(open(), "apiKeyRequired", true.into()) })),
            ("/none", json!({ "GET": { "authorizationType": "NONE" } })),
            (
                "/lambda",
                json!({ "GET": with(open(), "methodIntegration", json!({ "type": "AWS_PROXY", "uri": "arn:aws:x" })) }),
            ),
            ("/host", json!({ "GET": proxy("http://{host}/", json!({})) })),
        ],
    );
    assert_eq!(stage.warnings.len(), 7, "{:#?}", stage.warnings);
    assert!(stage.upstreams.is_empty(), "nothing of them is ever called");
    stage.warnings.clear();
    gateway.deploy(stage);
    for (path, status, body, error_type) in [
        (
            "/iam",
            403,
            r#"{"message":"Missing Authentication Token"}"#,
            "missingauthenticationtokenexception",
        ),
        ("/custom", 500, r#"{"message":null}"#, "authorizerconfigurationexception"),
        ("/cognito", 500, r#"{"message":null}"#, "authorizerconfigurationexception"),
        ("/key", 403, r#"{"message":"Forbidden"}"#, "forbiddenexception"),
        ("/none", 500, INTERNAL, "internalservererrorexception"),
        ("/lambda", 500, INTERNAL, "internalservererrorexception"),
        ("/host", 500, INTERNAL, "internalservererrorexception"),
    ] {
        let reply = gateway.of_api("abcdefghij", &format!("/prod{path}"));
        assert_eq!(reply.brief(), (status, body), "{path}");
        assert_eq!(reply.field("x-amzn-errortype"), Some(error_type), "{path}");
    }
}

#[test]
fn a_resource_policy_refuses_unless_it_lets_everybody_in() {
    let compile = |api: Value, stage: Value| -> CompiledStage {
        let mut release = definition(&[("/", json!({ "GET": mock("in") }))]);
        release.api = std::sync::Arc::new(serde_json::from_value(api).unwrap());
        compile_rest_stage(&place("abcdefghij"), &rest_stage(stage), &release, None)
    };
    let stage = || json!({ "stageName": "prod" });
    let statement = |effect: &str| {
        json!({ "Statement": [{
            "Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        }] })
        .to_string()
    };
    let gateway = Gateway::start();
    let refused = r#"{"Message":"User is not authorized to access this resource"}"#;
    for (api, stage, expected) in [
        (json!({ "policy": statement("Allow") }), stage(), (200, "in")),
        (json!({ "policy": statement("Deny") }), stage(), (403, refused)),
        (json!({ "endpointConfiguration": { "types": ["PRIVATE"] } }), stage(), (403, refused)),
        (
            json!({}),
            json!({ "stageName": "prod", "webAclArn": "arn:aws:wafv2:x" }),
            (403, r#"{"message":"Forbidden"}"#),
        ),
    ] {
        gateway.deploy(compile(api.clone(), stage));
        assert_eq!(gateway.of_api("abcdefghij", "/prod/").brief(), expected, "{api}");
    }
}

#[test]
fn an_http_apis_authorizer_refuses_in_its_words() {
    let gateway = Gateway::start();
    let mut warned = 0;
    for (kind, expected) in [
        ("JWT", (500, r#"{"message":"Internal Server Error"}"#)),
        ("CUSTOM", (500, r#"{"message":"Internal Server Error"}"#)),
        ("AWS_IAM", (403, r#"{"message":"Forbidden"}"#)),
    ] {
        let release = serde_json::from_value(json!({
            "api": { "protocolType": "HTTP" },
            "routes": [{ "routeKey": "GET /x", "authorizationType": kind, "target": "integrations/i" }],
            "integrations": [{ "integrationId": "i", "integrationType": "HTTP_PROXY", "integrationUri": "http://127.0.0.1:1" }],
        }))
        .unwrap();
        let stage = serde_json::from_value(json!({ "stageName": "$default" })).unwrap();
        let stage =
            ringgate::snapshot::managed::compile_http_stage(&place("abcdefghij"), &stage, &release);
        warned += stage.warnings.len();
        gateway.deploy(stage);
        assert_eq!(gateway.of_api("abcdefghij", "/x").brief(), expected, "{kind}");
    }
    assert_eq!(warned, 3);
    gateway.deploy(http("abcdefghij", "$default", &[("GET /x", "arn:aws:lambda:f")]));
    let reply = gateway.of_api("abcdefghij", "/x");
    assert_eq!(reply.brief(), (500, r#"{"message":"Internal Server Error"}"#));
}
