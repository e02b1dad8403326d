//! Test calls: the log line by line, and why what cannot run does not.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, fixture, method, put, refusal, resource};
use crate::management::fixture::Fixture;
use crate::resources::rest::{IntegrationResponse, Map, Method, Model, RequestValidator};
use serde_json::{Value, json};

const TIME: &str = "Sun Mar 01 10:00:00 UTC 2026 : ";

fn invoke(fixture: &mut Fixture, members: Value) -> Value {
    let mut input = json!({"restApiId": API, "resourceId": "pets01", "httpMethod": "GET"});
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    fixture.v1("TestInvokeMethod", input).unwrap()
}

/// The lines behind the request id, without their times.
fn log(answer: &Value) -> Vec<String> {
    let log = answer["log"].as_str().unwrap();
    assert!(log.ends_with('\n'));
    let mut lines = log.lines();
    let first = lines.next().unwrap();
    let id = first.strip_prefix("Execution log for request ").unwrap();
    assert_eq!(id.len(), 36);
    lines.map(|line| line.strip_prefix(TIME).unwrap().replace(id, "ID")).collect()
}

fn with_method(change: impl FnOnce(&mut Method)) -> Fixture {
    let mut fixture = fixture();
    let mut get = method("GET");
    change(&mut get);
    put(&mut fixture, API, "pets01", resource("pets01", "/pets", get));
    fixture
}

#[test]
fn a_mock_answers_as_deployed_and_logs_as_amazon_does() {
    let mut fixture = fixture();
    let answer =
        invoke(&mut fixture, json!({"pathWithQueryString": "/pets?foo=bar", "body": "{\"a\": 1}"}));
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["body"], "{\"pets\": \"all\"}");
    assert_eq!(answer["headers"], json!({"Content-Type": "application/json"}));
    assert_eq!(answer["multiValueHeaders"], json!({"Content-Type": ["application/json"]}));
    assert!(answer["latency"].is_u64());
    assert_eq!(
        log(&answer),
        [
            "Starting execution for request: ID",
            "HTTP Method: GET, Resource Path: /pets",
            "Method request path: {}",
            "Method request query string: {foo=bar}",
            "Method request headers: {}",
            "Method request body before transformations: {\"a\": 1}",
            "Method response body after transformations: {\"pets\": \"all\"}",
            "Method response headers: {Content-Type=application/json}",
            "Successfully completed execution",
            "Method completed with status: 200",
        ]
    );
}

#[test]
fn path_parameters_come_from_the_given_path_or_the_template() {
    let mut fixture = fixture();
    put(&mut fixture, API, "pets01", resource("pets01", "/pets/{petId}", method("GET")));
    for (given, path, parameters) in [
        (json!({}), "/pets/{petId}", "{petId={petId}}"),
        (json!({"pathWithQueryString": "/pets/123"}), "/pets/123", "{petId=123}"),
        (json!({"pathWithQueryString": "/random/test"}), "/random/test", "{}"),
    ] {
        let answer = invoke(&mut fixture, given);
        assert_eq!(answer["status"], 200, "the call runs whatever the path");
        let lines = log(&answer);
        assert_eq!(lines[1], format!("HTTP Method: GET, Resource Path: {path}"));
        assert_eq!(lines[2], format!("Method request path: {parameters}"));
    }
}

#[test]
fn headers_are_logged_with_their_secrets_masked() {
    let mut fixture = fixture();
    let headers = json!({"Accept": "a/b", "Authorization": "Bearer abcdefgh"});
    let many = json!({"X": ["1", "2"]});
    let answer = invoke(&mut fixture, json!({"headers": headers, "multiValueHeaders": many}));
    assert_eq!(
        log(&answer)[4],
        "Method request headers: {Accept=a/b, Authorization=*********cdefgh, X=2}"
    );
}

#[test]
fn mapped_headers_and_patterns_are_followed() {
    let mut fixture = with_method(|get| {
        get.method_responses.insert("404".into(), get.method_responses["200"].clone());
        let integration = get.method_integration.as_mut().unwrap();
        integration
            .request_templates
            .insert("application/json".into(), Some("{statusCode: 404}".into()));
        let response = IntegrationResponse {
            status_code: "404".into(),
            selection_pattern: Some(r"4\d{2}".into()),
            response_parameters: Some(Map::from([
                ("method.response.header.X".into(), "'static'".into()),
                ("method.response.header.V".into(), "stageVariables.v".into()),
                ("method.response.header.Content-Type".into(), "'text/plain'".into()),
                ("method.response.header.N".into(), "integration.response.header.n".into()),
            ])),
            ..IntegrationResponse::default()
        };
        integration.integration_responses.insert("404".into(), response);
    });
    let answer = invoke(&mut fixture, json!({"stageVariables": {"v": "var"}}));
    assert_eq!((&answer["status"], &answer["body"]), (&json!(404), &json!("")));
    assert_eq!(answer["headers"], json!({"Content-Type": "text/plain", "V": "var", "X": "static"}));
}

#[test]
fn what_cannot_run_answers_500_and_says_why() {
    type Change = fn(&mut Method);
    let cases: [(Change, &str); 7] = [
        (|get| get.method_integration = None, "No integration defined for method"),
        (
            |get| get.method_integration.as_mut().unwrap().r#type = "HTTP_PROXY".into(),
            "Integrations of type HTTP_PROXY are not called in test calls yet",
        ),
        (
            |get| template(get, "{\"statusCode\": \"200\"}"),
            "Unable to parse statusCode. It should be an integer that is defined in the request template.",
        ),
        (
            |get| template(get, "\n #if( {\"statusCode\": 200}"),
            "Unable to transform request: request template for application/json: line 2, column",
        ),
        (
            |get| responses(get).clear(),
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 200",
        ),
        (
            |get| get.method_responses.clear(),
            "Output mapping refers to an invalid method response: 200",
        ),
        (
            |get| get.request_validator_id = Some("gone".into()),
            "there is no request validator gone",
        ),
    ];
    for (change, reason) in cases {
        let mut fixture = with_method(change);
        let answer = invoke(&mut fixture, json!({}));
        assert_eq!(answer["status"], 500);
        assert_eq!(answer["body"], "{\"message\": \"Internal server error\"}");
        assert_eq!(answer["headers"], json!({"x-amzn-ErrorType": "InternalServerErrorException"}));
        let lines = log(&answer);
        let expected = format!("Execution failed due to configuration error: {reason}");
        assert!(lines[6].starts_with(&expected), "{} is not {expected}", lines[6]);
        assert_eq!(lines[7], "Method completed with status: 500");
    }
}

#[test]
fn templates_are_run_and_see_the_call() {
    let mut fixture = with_method(|get| {
        template(get, "#set($context.responseOverride.x = 'y'){\"statusCode\": 200}");
        let response = responses(get).get_mut("200").unwrap();
        response.response_templates = Some(Map::from([(
            "application/json".into(),
            Some("$context.responseOverride.x $input.params('foo') $stageVariables.v $context.resourcePath $context.stage".into()),
        )]));
        response.response_parameters =
            Some(Map::from([("method.response.header.X".into(), "context.httpMethod".into())]));
    });
    let call = json!({"pathWithQueryString": "/pets?foo=bar", "stageVariables": {"v": "w"}});
    let answer = invoke(&mut fixture, call);
    assert_eq!(answer["body"], "y bar w /pets test-invoke-stage");
    assert_eq!(answer["headers"]["X"], "GET");
}

#[test]
fn validators_refuse_in_amazons_words() {
    let mut fixture = with_method(|get| {
        get.request_validator_id = Some("val001".into());
        get.request_parameters = Map::from([
            ("method.request.querystring.q".into(), true),
            ("method.request.header.H".into(), true),
        ]);
        get.request_models = Map::from([("application/json".into(), "Pet".into())]);
    });
    let validator = RequestValidator {
        id: "val001".into(),
        validate_request_body: true,
        validate_request_parameters: true,
        ..RequestValidator::default()
    };
    put(&mut fixture, API, "val001", validator);
    let model = Model {
        name: "Pet".into(),
        schema: Some("{\"required\": [\"name\"]}".into()),
        ..Model::default()
    };
    put(&mut fixture, API, "Pet", model);
    let parameters = |body: &str| json!({"pathWithQueryString": "/pets?q=1", "headers": {"h": "x"}, "body": body});
    let lacking = invoke(&mut fixture, json!({"pathWithQueryString": "/pets?q="}));
    assert_eq!(lacking["status"], 400);
    assert_eq!(lacking["body"], r#"{"message":"Missing required request parameters: [H, q]"}"#);
    assert_eq!(lacking["headers"], json!({"x-amzn-ErrorType": "BadRequestException"}));
    let unfit = invoke(&mut fixture, parameters("{}"));
    assert_eq!(
        (&unfit["status"], &unfit["body"]),
        (&json!(400), &json!(r#"{"message":"Invalid request body"}"#))
    );
    assert_eq!(
        log(&unfit)[6],
        "Request body does not match model schema for content type application/json: [object has missing required properties ([\"name\"])]"
    );
    assert_eq!(invoke(&mut fixture, parameters("{\"name\": 1}"))["status"], 200);
}

fn template(method: &mut Method, text: &str) {
    let templates = &mut method.method_integration.as_mut().unwrap().request_templates;
    templates.insert("application/json".into(), Some(text.into()));
}

fn responses(method: &mut Method) -> &mut Map<IntegrationResponse> {
    &mut method.method_integration.as_mut().unwrap().integration_responses
}

#[test]
fn without_a_template_the_body_passes_or_not() {
    let set = |behavior: &'static str, other: bool| {
        with_method(move |get| {
            let integration = get.method_integration.as_mut().unwrap();
            integration.passthrough_behavior = Some(behavior.into());
            integration.request_templates.clear();
            if other {
                integration.request_templates.insert("text/xml".into(), Some("<a/>".into()));
            }
        })
    };
    for (behavior, other, expected) in [
        ("WHEN_NO_MATCH", false, 200),
        ("WHEN_NO_MATCH", true, 200),
        ("WHEN_NO_TEMPLATES", false, 200),
        ("WHEN_NO_TEMPLATES", true, 415),
        ("NEVER", false, 415),
    ] {
        let answer = invoke(&mut set(behavior, other), json!({"body": "{\"statusCode\": 200}"}));
        assert_eq!(answer["status"], expected, "{behavior} {other}");
    }
    let empty = invoke(&mut set("WHEN_NO_MATCH", false), json!({}));
    assert_eq!(empty["status"], 200, "the default response, when nothing says a status");
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut fixture = fixture();
    for (api, resource, verb, expected) in [
        ("nope", "pets01", "GET", "404 NotFoundException: Invalid Resource identifier specified"),
        (API, "nope", "GET", "404 NotFoundException: Invalid Resource identifier specified"),
        (API, "pets01", "POST", "404 NotFoundException: Invalid Method identifier specified"),
    ] {
        let input = json!({"restApiId": api, "resourceId": resource, "httpMethod": verb});
        assert_eq!(refusal(&mut fixture, "TestInvokeMethod", input), expected);
    }
    assert_eq!(
        refusal(
            &mut fixture,
            "TestInvokeAuthorizer",
            json!({"restApiId": API, "authorizerId": "x"})
        ),
        "404 NotFoundException: Invalid Authorizer identifier specified"
    );
}
