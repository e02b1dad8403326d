//! Test calls: the log line by line, and why what cannot run does not.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, fixture, method, put, refusal, resource};
use super::{Asked, BackEnds};
use crate::exchange::integrate::service::NoKey;
use crate::exchange::trial::{
    AnswerReader, BackEndCall, BackEndFault, FunctionFault, FunctionRequest, FunctionResult,
};
use crate::management::fixture::Fixture;
use crate::resources::rest::{IntegrationResponse, Map, Method, Model, RequestValidator};
use crate::snapshot::service::RoleCredentials;
use serde_json::{Value, json};
use std::future::ready;
use std::sync::Mutex;

mod services;

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
            |get| {
                let integration = get.method_integration.as_mut().unwrap();
                integration.r#type = "HTTP_PROXY".into();
                integration.uri = Some("nowhere".into());
            },
            "Invalid endpoint address",
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

/// Back ends that answer at once, and say what they were asked.
#[derive(Default)]
struct Scripted {
    answer: Vec<u8>,
    fault: Option<BackEndFault>,
    function: Option<Result<FunctionResult, FunctionFault>>,
    pair: Option<RoleCredentials>,
    asked: Mutex<Vec<String>>,
}

impl BackEnds for Scripted {
    fn call(&self, mut call: BackEndCall) -> Asked<AnswerReader, BackEndFault> {
        let asked = String::from_utf8(call.request).unwrap();
        self.asked.lock().unwrap().push(asked);
        let result = match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => call.answer.read(&self.answer).map(|_| call.answer).map_err(BackEndFault::Bad),
        };
        Box::pin(ready(result))
    }

    fn key_pair(&self, role: Box<str>) -> Asked<RoleCredentials, NoKey> {
        self.asked.lock().unwrap().push(format!("key of {role}"));
        Box::pin(ready(self.pair.clone().ok_or(NoKey::Unknown)))
    }

    fn invoke(&self, request: FunctionRequest) -> Asked<FunctionResult, FunctionFault> {
        let event = String::from_utf8(request.event.to_vec()).unwrap();
        self.asked.lock().unwrap().push(format!("{} {event}", request.function));
        Box::pin(ready(self.function.clone().unwrap()))
    }
}

fn http(kind: &str, change: impl FnOnce(&mut Method)) -> Fixture {
    let mut fixture = fixture();
    let mut post = method("GET");
    let integration = post.method_integration.as_mut().unwrap();
    integration.r#type = kind.into();
    integration.http_method = Some("POST".into());
    integration.uri = Some("http://back.test:8000/v1/{id}?fixed=1".into());
    integration.request_parameters =
        Map::from([("integration.request.path.id".into(), "method.request.path.petId".into())]);
    integration.request_templates.clear();
    change(&mut post);
    put(&mut fixture, API, "pets01", resource("pets01", "/pets/{petId}", post));
    fixture
}

fn try_with(fixture: &mut Fixture, members: Value, back_ends: &Scripted) -> Value {
    let mut input = json!({"restApiId": API, "resourceId": "pets01", "httpMethod": "GET"});
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    fixture.test_invoke(input, back_ends).unwrap()
}

/// Without what differs from run to run.
fn steady(lines: Vec<String>) -> Vec<String> {
    let id = regex::Regex::new("Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;Parent=[0-9a-f]{16};Sampled=0)?")
        .unwrap();
    let time = regex::Regex::new(r"^(\w{3} ){2}\d\d [\d:]{8} UTC \d{4} : ").unwrap();
    let latency = regex::Regex::new(r"latency: \d+ ms").unwrap();
    let lines = lines.iter().map(|line| time.replace(line, ""));
    let lines = lines.map(|line| id.replace_all(&line, "TRACE").into_owned());
    lines.map(|line| latency.replace(&line, "latency: N ms").into_owned()).collect()
}

/// All lines, whose times differ once a back end was asked.
fn whole_log(answer: &Value) -> Vec<String> {
    let text = answer["log"].as_str().unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let id = first.strip_prefix("Execution log for request ").unwrap();
    steady(rest.lines().map(|line| line.replace(id, "ID")).collect())
}

#[test]
fn a_proxied_back_end_is_asked_and_every_step_is_told() {
    let mut fixture = http("HTTP_PROXY", |_| {});
    let back_ends = Scripted {
        answer: b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 5\r\n\r\nhello".into(),
        ..Scripted::default()
    };
    let call = json!({
        "pathWithQueryString": "/pets/7?q=x%20y",
        "headers": {"Authorization": "Bearer abcdefgh"},
        "multiValueHeaders": {"X-Many": ["1", "2"]},
        "body": "{}",
    });
    let answer = try_with(&mut fixture, call, &back_ends);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(201), &json!("hello")));
    assert_eq!(answer["headers"]["Content-Type"], "text/plain");
    assert_eq!(answer["multiValueHeaders"]["Set-Cookie"], json!(["a=1"]));
    assert_eq!(answer["multiValueHeaders"]["set-cookie"], json!(["b=2"]));
    assert!(answer["headers"]["X-Amzn-Trace-Id"].as_str().unwrap().starts_with("Root=1-"));
    assert!(answer["headers"].get("Content-Length").is_none());
    let asked = back_ends.asked.lock().unwrap().remove(0);
    assert!(asked.starts_with("POST /v1/7?fixed=1&q=x%20y HTTP/1.1\r\nhost: back.test:8000\r\n"));
    assert!(asked.contains("\r\nX-Many: 1\r\nX-Many: 2\r\n"), "{asked}");
    assert!(asked.ends_with("\r\ncontent-length: 2\r\n\r\n{}") || asked.ends_with("\r\n\r\n{}"));
    let lines = whole_log(&answer);
    let begins = [
        "Starting execution for request: ID",
        "HTTP Method: GET, Resource Path: /pets/7",
        "Method request path: {petId=7}",
        "Method request query string: {q=x y}",
        "Method request headers: {Authorization=*********cdefgh, X-Many=2}",
        "Method request body before transformations: {}",
        "Endpoint request URI: http://back.test:8000/v1/7?fixed=1&q=x%20y",
        "Endpoint request headers: {host=back.test:8000, ",
        "Endpoint request body after transformations: {}",
        "Sending request to http://back.test:8000/v1/7?fixed=1&q=x%20y",
        "Received response. Status: 201, Integration latency: N ms",
        "Endpoint response headers: {Content-Type=text/plain, Set-Cookie=a=1, set-cookie=b=2, Content-Length=5}",
        "Endpoint response body before transformations: hello",
        "Method response body after transformations: hello",
        "Method response headers: {Content-Type=text/plain, Set-Cookie=a=1, set-cookie=b=2, x-amzn-remapped-Content-Length=5, X-Amzn-Trace-Id=TRACE}",
        "Successfully completed execution",
        "Method completed with status: 201",
    ];
    assert_eq!(lines.len(), begins.len(), "{lines:#?}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line} is not {begin}");
    }
    assert!(lines[7].contains("Authorization=*********cdefgh"), "{}", lines[7]);
}

#[test]
fn a_custom_back_end_passes_both_templates() {
    let mut fixture = http("HTTP", |get| {
        template(get, "{\"id\": \"$input.params('petId')\", \"v\": \"$stageVariables.v\"}");
        let response = responses(get).get_mut("200").unwrap();
        response.response_templates = Some(Map::from([(
            "application/json".into(),
            Some("{\"name\": $input.json('$.name')}".into()),
        )]));
    });
    let back_ends = Scripted {
        answer: b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"name\": \"Rex\"}".into(),
        ..Scripted::default()
    };
    let call = json!({"pathWithQueryString": "/pets/7", "stageVariables": {"v": "w"}});
    let answer = try_with(&mut fixture, call, &back_ends);
    assert_eq!(answer["body"], "{\"name\": \"Rex\"}", "{answer}");
    let asked = back_ends.asked.lock().unwrap().remove(0);
    assert!(asked.ends_with("\r\n\r\n{\"id\": \"7\", \"v\": \"w\"}"), "{asked}");
    let lines = whole_log(&answer);
    assert_eq!(
        lines[8],
        "Endpoint request body after transformations: {\"id\": \"7\", \"v\": \"w\"}"
    );
}

#[test]
fn statuses_are_mapped_in_amazons_words() {
    for (answers, expected) in [
        (true, "Output mapping refers to an invalid method response: 200"),
        (
            false,
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 404",
        ),
    ] {
        let mut fixture = http("HTTP", |get| match answers {
            true => get.method_responses.clear(),
            false => responses(get).clear(),
        });
        let back_ends = Scripted {
            answer: b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".into(),
            ..Scripted::default()
        };
        let answer = try_with(&mut fixture, json!({"pathWithQueryString": "/pets/7"}), &back_ends);
        assert_eq!(answer["status"], 500);
        let lines = whole_log(&answer);
        let [.., why, end] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(*why, format!("Execution failed due to configuration error: {expected}"));
        assert_eq!(end, "Method completed with status: 500");
    }
}

#[test]
fn what_goes_wrong_with_a_back_end_is_told_as_amazon_does() {
    for (fault, status, body, line) in [
        (
            BackEndFault::TimedOut,
            504,
            r#"{"message": "Endpoint request timed out"}"#,
            "Execution failed due to a timeout error",
        ),
        (
            BackEndFault::Network("Connection refused".into()),
            504,
            r#"{"message": "Network error communicating with endpoint"}"#,
            "Execution failed due to a network error communicating with endpoint: Connection refused",
        ),
        (
            BackEndFault::Unresolved,
            500,
            r#"{"message": "Internal server error"}"#,
            "Execution failed due to configuration error: Invalid endpoint address",
        ),
    ] {
        let mut fixture = http("HTTP_PROXY", |_| {});
        let back_ends = Scripted { fault: Some(fault), ..Scripted::default() };
        let answer = try_with(&mut fixture, json!({"pathWithQueryString": "/pets/7"}), &back_ends);
        assert_eq!((&answer["status"], &answer["body"]), (&json!(status), &json!(body)));
        assert_eq!(answer["headers"], json!({"x-amzn-ErrorType": "InternalServerErrorException"}));
        let lines = whole_log(&answer);
        let [.., why, end] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(why, line);
        assert_eq!(*end, format!("Method completed with status: {status}"));
    }
}

fn function() -> Fixture {
    http("AWS_PROXY", |get| {
        let integration = get.method_integration.as_mut().unwrap();
        integration.uri = Some("arn:aws:lambda:us-east-1:000000000000:function:hello:prod".into());
        integration.request_parameters.clear();
    })
}

#[test]
fn a_function_is_invoked_and_its_result_is_the_answer() {
    let payload = r#"{"statusCode": 202, "headers": {"X-A": "b"}, "body": "done"}"#;
    let result = |payload: &'static str, has_failed| {
        Some(Ok(FunctionResult { payload: payload.into(), has_failed, request_id: "fid".into() }))
    };
    let back_ends = Scripted { function: result(payload, false), ..Scripted::default() };
    let call = json!({"pathWithQueryString": "/pets/7", "stageVariables": {"v": "w"}});
    let answer = try_with(&mut function(), call.clone(), &back_ends);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(202), &json!("done")));
    assert_eq!(answer["headers"]["X-A"], "b");
    let asked = back_ends.asked.lock().unwrap().remove(0);
    let (arn, event) = asked.split_once(' ').unwrap();
    assert_eq!(arn, "arn:aws:lambda:us-east-1:000000000000:function:hello:prod");
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["requestContext"]["stage"], "test-invoke-stage");
    assert_eq!(event["requestContext"]["domainName"], "testPrefix.testDomainName");
    assert_eq!(event["pathParameters"], json!({"petId": "7"}));
    assert_eq!(event["stageVariables"], json!({"v": "w"}));
    let lines = whole_log(&answer);
    let uri =
        format!("https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{arn}/invocations");
    assert_eq!(lines[6], format!("Endpoint request URI: {uri}"));
    assert_eq!(lines[9], format!("Sending request to {uri}"));
    assert_eq!(lines[12], format!("Endpoint response body before transformations: {payload}"));
    assert_eq!(lines[13], "Method response body after transformations: done");

    for (payload, has_failed, line) in [
        (
            r#"{"errorMessage": "boom", "errorType": "E"}"#,
            true,
            "Lambda execution failed with status 200 due to customer function error: boom. Lambda request id: fid",
        ),
        (
            "[1]",
            false,
            "Execution failed due to configuration error: Malformed Lambda proxy response",
        ),
    ] {
        let back_ends = Scripted { function: result(payload, has_failed), ..Scripted::default() };
        let answer = try_with(&mut function(), call.clone(), &back_ends);
        assert_eq!(answer["status"], 502);
        let lines = whole_log(&answer);
        let [.., why, end] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(why, line);
        assert_eq!(end, "Method completed with status: 502");
    }
}

#[test]
fn templates_stand_around_a_function_that_is_no_proxy() {
    let mut fixture = http("AWS", |get| {
        template(get, "{\"id\": \"$input.params('petId')\"}");
        let integration = get.method_integration.as_mut().unwrap();
        integration.uri = Some(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:hello/invocations".into(),
        );
        integration.request_parameters.clear();
        let mut failed = responses(get)["200"].clone();
        failed.selection_pattern = Some("boom.*".into());
        failed.status_code = "404".into();
        get.method_responses.insert("404".into(), get.method_responses["200"].clone());
        responses(get).insert("404".into(), failed);
    });
    for (payload, has_failed, status) in
        [("{\"name\": \"Rex\"}", false, 200), ("{\"errorMessage\": \"boom!\"}", true, 404)]
    {
        let result = FunctionResult { payload: payload.into(), has_failed, request_id: "f".into() };
        let back_ends = Scripted { function: Some(Ok(result)), ..Scripted::default() };
        let answer = try_with(&mut fixture, json!({"pathWithQueryString": "/pets/7"}), &back_ends);
        assert_eq!(answer["status"], status, "{answer}");
        let asked = back_ends.asked.lock().unwrap().remove(0);
        assert_eq!(asked, "arn:aws:lambda:us-east-1:000000000000:function:hello {\"id\": \"7\"}");
        let lines = whole_log(&answer);
        assert_eq!(lines[8], "Endpoint request body after transformations: {\"id\": \"7\"}");
        assert_eq!(lines[12], format!("Endpoint response body before transformations: {payload}"));
    }
}

#[test]
fn a_function_that_is_missing_is_one_that_may_not_be_invoked() {
    let back_ends = Scripted { function: Some(Err(FunctionFault::Unknown)), ..Scripted::default() };
    let answer = try_with(&mut function(), json!({"pathWithQueryString": "/pets/7"}), &back_ends);
    assert_eq!(answer["status"], 500);
    let line =
        "Execution failed due to configuration error: Invalid permissions on Lambda function";
    assert!(answer["log"].as_str().unwrap().contains(line), "{answer}");
}

#[test]
fn a_certificate_that_is_not_there_is_not_found() {
    let mut fixture = http("HTTP_PROXY", |_| {});
    let input = json!({
        "restApiId": API, "resourceId": "pets01", "httpMethod": "GET",
        "clientCertificateId": "nope",
    });
    assert_eq!(
        refusal(&mut fixture, "TestInvokeMethod", input),
        "404 NotFoundException: Invalid Client Certificate identifier specified"
    );
}

#[test]
fn a_header_cannot_smuggle_another_request() {
    let mut fixture = http("HTTP_PROXY", |_| {});
    for headers in [json!({"X": "a\r\nY: b"}), json!({"X Y": "a"}), json!({"": "a"})] {
        let input = json!({
            "restApiId": API, "resourceId": "pets01", "httpMethod": "GET", "headers": headers,
        });
        let refused = refusal(&mut fixture, "TestInvokeMethod", input);
        assert!(refused.starts_with("400 BadRequestException: "), "{refused}");
    }
}
