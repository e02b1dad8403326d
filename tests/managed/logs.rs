//! What stages write down of their requests: execution logs line by line, and what access logs know.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{definition, domain_name, mock, place, proxy, rest_stage};
use ringgate::snapshot::managed::{CompiledStage, compile_rest_stage};
use serde_json::{Value, json};
use std::net::TcpListener;

const GROUP: &str = "API-Gateway-Execution-Logs_abcdefghij/prod";
const ACCESS: &str = "access";

/// A stage with these method settings, and an access log of this format.
fn stage(resources: &[(&str, Value)], settings: &Value, format: &str) -> CompiledStage {
    stage_of(&definition(resources), settings, format)
}

fn stage_of(
    release: &ringgate::resources::rest_stage::Definition,
    settings: &Value,
    format: &str,
) -> CompiledStage {
    let setting = |(key, value): (&String, &Value)| {
        let mut whole = json!({
            "metricsEnabled": false, "dataTraceEnabled": false, "throttlingBurstLimit": 5000,
            "throttlingRateLimit": 10000.0, "cachingEnabled": false, "cacheTtlInSeconds": 300,
            "cacheDataEncrypted": false, "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        });
        for (name, value) in value.as_object().unwrap() {
            whole[name] = value.clone();
        }
        (key.clone(), whole)
    };
    let settings: serde_json::Map<_, _> =
        settings.as_object().unwrap().iter().map(setting).collect();
    let group = format!("arn:aws:logs:us-east-1:123456789012:log-group:{ACCESS}");
    let stage = rest_stage(json!({
        "stageName": "prod", "methodSettings": settings, "deploymentId": "d1",
        "accessLogSettings": { "destinationArn": group, "format": format },
    }));
    compile_rest_stage(&place("abcdefghij"), &stage, release, None)
}

/// Everything of every method.
fn info() -> Value {
    json!({ "*/*": { "loggingLevel": "INFO", "dataTraceEnabled": true } })
}

fn ask(gateway: &Gateway, line: &str, fields: &str, body: &str) -> Reply {
    gateway.ask(&format!(
        "{line} HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The messages of a log's last request, once there are that many lines in all.
fn told(gateway: &Gateway, count: usize) -> Vec<String> {
    let lines = gateway.log(GROUP, count);
    let parts: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            let (stamp, rest) = line.split_once(" (").unwrap();
            assert!(stamp.ends_with('Z') && stamp.len() == 24, "{line}");
            rest.split_once(") ").unwrap()
        })
        .collect();
    let last = parts.last().unwrap().0;
    parts.iter().filter(|(id, _)| *id == last).map(|(_, text)| (*text).to_owned()).collect()
}

/// That lines are these. `…` in one stands for anything.
#[track_caller]
fn assert_told(lines: &[String], expected: &[&str]) {
    let fits = |line: &str, expected: &str| match expected.split_once('…') {
        None => line == expected,
        Some((begin, end)) => {
            line.len() >= begin.len() + end.len() && line.starts_with(begin) && line.ends_with(end)
        }
    };
    let is_it = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, expected)| fits(line, expected));
    assert!(is_it, "{lines:#?}\nare not\n{expected:#?}");
}

#[test]
fn an_execution_log_tells_a_proxied_request_in_amazons_order() {
    let echo = Echo::answering("200 OK", "Content-Type: text/plain\r\nX-Amzn-RequestId: e-1\r\n");
    let origin = format!("http://{}", echo.address);
    let method = proxy(
        &format!("{origin}/p/{{id}}"),
        json!({ "requestParameters": { "integration.request.path.id": "method.request.path.id" } }),
    );
    let gateway = Gateway::start();
    gateway.deploy(stage(&[("/pets/{id}", json!({ "ANY": method }))], &info(), ""));
    let reply =
        ask(&gateway, "POST /prod/pets/7?a=b&c=d", "X-Api-Key: 0123456789\r\n", "{\"x\": 1}");
    assert_eq!(reply.status, 200);
    let lines = told(&gateway, 23);
    let id = reply.field("x-amzn-requestid").unwrap();
    let trace = echo.last();
    let trace = trace.lines().find_map(|line| line.strip_prefix("x-amzn-trace-id: root=")).unwrap();
    let trace = trace.split(';').next().unwrap();
    assert_told(
        &lines,
        &[
            "Extended Request Id: …=",
            &format!(
                "Verifying Usage Plan for request: {id}. API Key:  API Stage: abcdefghij/prod"
            ),
            "API Key  authorized because method 'ANY /pets/{id}' does not require API Key. Request will not contribute to throttle or quota limits",
            "Usage Plan check succeeded for API Key  and API Stage abcdefghij/prod",
            &format!("Starting execution for request: {id}"),
            "HTTP Method: POST, Resource Path: /pets/7",
            "Method request path: {id=7}",
            "Method request query string: {a=b, c=d}",
            "Method request headers: {Host=abcdefghij.execute-api.us-east-1.localhost, X-Api-Key=****456789, Content-Length=8}",
            "Method request body before transformations: {\"x\": 1}",
            &format!("Endpoint request URI: {origin}/p/7?a=b&c=d"),
            "Endpoint request headers: {host=127.0.0.1:…}",
            "Endpoint request body after transformations: {\"x\": 1}",
            &format!("Sending request to {origin}/p/7?a=b&c=d"),
            "Received response. Status: 200, Integration latency: … ms",
            "Endpoint response headers: {Content-Type=text/plain, X-Amzn-RequestId=e-1, Content-Length=…}",
            "Endpoint response body before transformations: POST /p/7?a=b&c=d HTTP/1.1",
            "Method response body after transformations: POST /p/7?a=b&c=d HTTP/1.1",
            "Method response headers: {Content-Type=text/plain, x-amzn-remapped-X-Amzn-RequestId=e-1, x-amzn-remapped-Content-Length=…}",
            "Successfully completed execution",
            "Method completed with status: 200",
            "AWS Integration Endpoint RequestId : e-1",
            &format!("X-ray Tracing ID : Root={trace}"),
        ],
    );
}

#[test]
fn an_execution_log_of_a_mock_has_no_endpoint() {
    let gateway = Gateway::start();
    gateway.deploy(stage(&[("/", json!({ "GET": mock("in") }))], &info(), ""));
    let told_trace = "X-Amzn-Trace-Id: Root=1-a;Parent=b;Sampled=0\r\n";
    assert_eq!(ask(&gateway, "GET /prod", told_trace, "").body, "in");
    assert_told(
        &told(&gateway, 15),
        &[
            "Extended Request Id: …",
            "Verifying Usage Plan …",
            "API Key  authorized …",
            "Usage Plan check succeeded …",
            "Starting execution for request: …",
            "HTTP Method: GET, Resource Path: /",
            "Method request path: {}",
            "Method request query string: {}",
            "Method request headers: {…}",
            "Method request body before transformations: ",
            "Method response body after transformations: in",
            "Method response headers: {Content-Type=application/json}",
            "Successfully completed execution",
            "Method completed with status: 200",
            "X-ray Tracing ID : Root=1-a",
        ],
    );
}

#[test]
fn a_level_and_a_trace_decide_what_is_told_of_which_requests() {
    let settings = json!({
        "*/*": { "loggingLevel": "ERROR" },
        "off/GET": { "loggingLevel": "OFF" },
        "~1info/GET": { "loggingLevel": "INFO" },
    });
    let mut failing = mock("x");
    failing["methodIntegration"]["requestTemplates"] = json!({ "application/json": "{}" });
    let resources = [
        ("/ok", json!({ "GET": mock("in") })),
        ("/fails", json!({ "GET": failing })),
        ("/off", json!({ "GET": failing })),
        ("/info", json!({ "GET": mock("in") })),
    ];
    let gateway = Gateway::start();
    gateway.deploy(stage(&resources, &settings, "$context.requestId $context.path"));
    for (path, status) in [("/ok", 200), ("/off", 500), ("/nowhere", 403), ("/fails", 500)] {
        assert_eq!(gateway.of_api("abcdefghij", &format!("/prod{path}")).status, status, "{path}");
    }
    // Written with the access log's lines, so nothing more is on its way.
    assert_eq!(gateway.log(ACCESS, 4).len(), 4);
    let failed = told(&gateway, 11);
    assert_eq!(gateway.log(GROUP, 11).len(), 11, "of the request that failed alone");
    assert_told(
        &failed,
        &[
            "Extended Request Id: …",
            "Verifying Usage Plan …",
            "API Key  authorized …",
            "Usage Plan check succeeded …",
            "Starting execution for request: …",
            "HTTP Method: GET, Resource Path: /fails",
            "Method request path: {}",
            "Method request query string: {}",
            "Execution failed due to configuration error: Unable to parse statusCode. It should be an integer that is defined in the request template.",
            "Method completed with status: 500",
            "X-ray Tracing ID : Root=1-…",
        ],
    );
    assert_eq!(gateway.of_api("abcdefghij", "/prod/info").body, "in");
    let told = told(&gateway, 22);
    assert!(
        told.iter().all(|line| !line.contains("headers") && !line.contains("body")),
        "{told:?}"
    );
    assert_eq!(told[told.len() - 2], "Method completed with status: 200");
}

#[test]
fn failures_are_told_in_amazons_words() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let teapot = Echo::answering("418 Teapot", "");
    let at_teapot = format!("http://{}", teapot.address);
    let to = |uri: &str, more: Value| {
        let mut method = proxy(uri, more);
        method["methodResponses"] = json!({ "200": {} });
        method
    };
    let with_template = |template: &str| {
        let mut method = mock("x");
        method["methodIntegration"]["requestTemplates"]["application/json"] = template.into();
        method
    };
    let mut undeclared = mock("x");
    undeclared["methodResponses"] = json!({});
    let mut validated = mock("x");
    validated["requestValidatorId"] = "v".into();
    validated["requestModels"] = json!({ "application/json": "Pet" });
    let network = "Execution failed due to a network error communicating with endpoint";
    let silent_uri = format!("http://{}", silent.local_addr().unwrap());
    let cases = [
        ("down", to(&format!("http://{down}"), json!({})), 504, network),
        (
            "silent",
            to(&silent_uri, json!({ "timeoutInMillis": 100 })),
            504,
            "Execution failed due to a timeout error",
        ),
        (
            "unmatched",
            to(
                &at_teapot,
                json!({ "type": "HTTP", "integrationResponses": {
                "200": { "statusCode": "200", "selectionPattern": "2.." } } }),
            ),
            500,
            "Execution failed due to configuration error: No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 418",
        ),
        (
            "undeclared",
            undeclared,
            500,
            "Execution failed due to configuration error: Output mapping refers to an invalid method response: 200",
        ),
        (
            "status",
            with_template("{\"statusCode\": \"x\"}"),
            500,
            "Execution failed due to configuration error: Unable to parse statusCode. It should be an integer that is defined in the request template.",
        ),
        (
            "model",
            validated,
            400,
            "Request body does not match model schema for content type application/json: [object has missing required properties ([\"name\"])]",
        ),
    ];
    let resources: Vec<(String, Value)> = cases
        .iter()
        .map(|(path, method, ..)| (format!("/{path}"), json!({ "POST": method })))
        .collect();
    let resources: Vec<(&str, Value)> =
        resources.iter().map(|(path, methods)| (&**path, methods.clone())).collect();
    let mut release = serde_json::to_value(definition(&resources)).unwrap();
    release["requestValidators"] = json!([{ "id": "v", "validateRequestBody": true }]);
    release["models"] =
        json!([{ "name": "Pet", "schema": "{\"type\": \"object\", \"required\": [\"name\"]}" }]);
    let release = serde_json::from_value(release).unwrap();
    let gateway = Gateway::start();
    let settings = json!({ "*/*": { "loggingLevel": "ERROR" } });
    gateway.deploy(stage_of(&release, &settings, "$context.requestId"));
    let mut count = 0;
    for (path, _, status, cause) in cases {
        let reply = ask(&gateway, &format!("POST /prod/{path}"), "", "{}");
        assert_eq!(reply.status, status, "{path}");
        let told = told(&gateway, count + 10);
        count = gateway.log(GROUP, count + 10).len();
        let end = &told[told.len() - 3..];
        assert_told(
            end,
            &[cause, &format!("Method completed with status: {status}"), "X-ray Tracing ID : …"],
        );
    }
}

#[test]
fn a_message_is_cut_behind_1024_bytes() {
    let gateway = Gateway::start();
    gateway.deploy(stage(&[("/", json!({ "POST": mock("in") }))], &info(), ""));
    assert_eq!(ask(&gateway, "POST /prod", "", &"é".repeat(1000)).status, 200);
    let told = told(&gateway, 15);
    let body = told.iter().find(|line| line.starts_with("Method request body")).unwrap();
    assert!(body.ends_with("éé [TRUNCATED]"), "{body}");
    assert!(body.len() <= 1024 + " [TRUNCATED]".len(), "{}", body.len());
}

#[test]
fn an_access_log_knows_what_the_back_end_said() {
    let echo = Echo::answering(
        "418 Teapot",
        "X-Amzn-RequestId: e-1\r\nX-Amz-Id-2: e-2\r\nContent-Type: text/plain\r\n",
    );
    let uri = format!("http://{}/p", echo.address);
    let responses = json!({ "200": { "statusCode": "200" } });
    let mut simple = proxy(&uri, json!({ "type": "HTTP", "integrationResponses": responses }));
    simple["methodResponses"] = json!({ "200": {} });
    let mut templated = simple.clone();
    templated["methodIntegration"]["integrationResponses"]["200"]["responseTemplates"] =
        json!({ "application/json": "$context.awsEndpointRequestId" });
    let mut broken = simple.clone();
    broken["methodIntegration"]["integrationResponses"]["200"]["responseTemplates"] =
        json!({ "application/json": "$util.parseJson('{')" });
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let resources = [
        ("/proxy", json!({ "GET": proxy(&uri, json!({ "responseTransferMode": "STREAM" })) })),
        ("/http", json!({ "GET": simple })),
        ("/template", json!({ "GET": templated })),
        ("/broken", json!({ "GET": broken })),
        ("/down", json!({ "GET": proxy(&format!("http://{down}"), json!({})) })),
        ("/mock", json!({ "GET": mock("in") })),
    ];
    let format = "$context.requestId|$context.path|$context.status|$context.integrationStatus|\
        $context.integration.integrationStatus|$context.integration.status|\
        $context.integration.requestId|$context.awsEndpointRequestId|$context.awsEndpointRequestId2|\
        $context.integration.responseTransferMode|$context.endpointType|$context.error.responseType|\
        $context.integrationErrorMessage|$context.integration.error";
    let gateway = Gateway::start();
    gateway.deploy(stage(&resources, &json!({}), format));
    let lines = [
        "/proxy|418|418|418|418|e-1|e-1|e-2|STREAMED|REGIONAL|-|-|-",
        "/http|200|418|418|418|e-1|e-1|e-2|BUFFERED|REGIONAL|-|-|-",
        "/template|200|418|418|418|e-1|e-1|e-2|BUFFERED|REGIONAL|-|-|-",
        "/broken|500|418|418|418|e-1|e-1|e-2|BUFFERED|REGIONAL|API_CONFIGURATION_ERROR|Internal server error|Internal server error",
        "/down|504|-|-|-|-|-|-|BUFFERED|REGIONAL|INTEGRATION_FAILURE|Network error communicating with endpoint|Network error communicating with endpoint",
        "/mock|200|-|-|-|-|-|-|-|REGIONAL|-|-|-",
    ];
    for (index, expected) in lines.iter().enumerate() {
        let path = expected.split('|').next().unwrap();
        let reply = gateway.of_api("abcdefghij", &format!("/prod{path}"));
        let written = gateway.log(ACCESS, index + 1);
        let id = reply.field("x-amzn-requestid").unwrap();
        assert_eq!(written[index], format!("{id}|/prod{expected}"));
        if path == "/template" {
            assert_eq!(reply.body, "e-1", "templates of responses know it too");
        }
    }
}

#[test]
fn an_access_log_knows_the_request_and_its_times() {
    let echo = Echo::start();
    let method = proxy(&format!("http://{}/p", echo.address), json!({}));
    let mut release =
        serde_json::to_value(definition(&[("/{id}", json!({ "GET": method }))])).unwrap();
    release["api"]["endpointConfiguration"] = json!({ "types": ["EDGE"] });
    let release = serde_json::from_value(release).unwrap();
    let format = "$context.requestId|$context.extendedRequestId|$context.accountId|$context.apiId|\
        $context.stage|$context.deploymentId|$context.resourceId|$context.resourcePath|\
        $context.httpMethod|$context.path|$context.protocol|$context.domainName|$context.domainPrefix|\
        $context.identity.sourceIp|$context.identity.userAgent|$context.endpointType|\
        $context.responseLength|$context.xrayTraceId|$context.isCanaryRequest|\
        $context.requestTime|$context.requestTimeEpoch|$context.responseLatency|\
        $context.integrationLatency|$context.integration.latency|$context.integration.timeToAllHeaders|\
        $context.integration.timeToFirstContent|$context.authorizer.principalId|$context.waf.status";
    let gateway = Gateway::start();
    gateway.deploy(stage_of(&release, &json!({}), format));
    let reply =
        ask(&gateway, "GET /prod/7?q=1", "User-Agent: \"a\"\r\nX-Forwarded-For: 6.6.6.6\r\n", "");
    let line = gateway.log(ACCESS, 1).remove(0);
    let parts: Vec<&str> = line.split('|').collect();
    let seen = echo.last();
    let trace = seen.lines().find_map(|line| line.strip_prefix("x-amzn-trace-id: root=")).unwrap();
    let trace = trace.split(';').next().unwrap();
    let trace = format!("Root={trace}");
    let length = reply.body.len().to_string();
    let expected = [
        "123456789012",
        "abcdefghij",
        "prod",
        "d1",
        "r0",
        "/{id}",
        "GET",
        "/prod/7",
        "HTTP/1.1",
        "abcdefghij.execute-api.us-east-1.localhost",
        "abcdefghij",
        "127.0.0.1",
        r#"\"a\""#,
        "EDGE",
        &length,
        &trace,
        "-",
    ];
    assert_eq!(parts[0], reply.field("x-amzn-requestid").unwrap());
    assert_eq!(parts[1].to_lowercase(), reply.field("x-amz-apigw-id").unwrap());
    assert_eq!(&parts[2..19], expected);
    assert!(parts[19].ends_with(" +0000"), "{line}");
    for latency in &parts[20..26] {
        assert!(latency.parse::<u64>().is_ok(), "{latency} in {line}");
    }
    assert_eq!(parts[26..], ["-", "-"]);
}

/// A stage whose canary takes that share of the requests; `None`: it has none.
fn with_canary(percent: Option<f64>) -> CompiledStage {
    let release = |body: &str| {
        let template = format!(
            "{body} [$context.isCanaryRequest] $stageVariables.both $stageVariables.old [$stageVariables.new] $context.deploymentId"
        );
        definition(&[("/", json!({ "GET": mock(&template) }))])
    };
    let group = format!("arn:aws:logs:us-east-1:123456789012:log-group:{ACCESS}");
    let mut stage = json!({
        "stageName": "prod", "deploymentId": "d1", "variables": { "both": "1", "old": "2" },
        "methodSettings": { "*/*": {
            "loggingLevel": "INFO", "metricsEnabled": false, "dataTraceEnabled": false,
            "throttlingBurstLimit": 5000, "throttlingRateLimit": 10000.0, "cachingEnabled": false,
            "cacheTtlInSeconds": 300, "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        } },
        "accessLogSettings": {
            "destinationArn": group, "format": "$context.requestId $context.isCanaryRequest",
        },
    });
    if let Some(percent) = percent {
        stage["canarySettings"] = json!({
            "percentTraffic": percent, "deploymentId": "d2",
            "stageVariableOverrides": { "both": "3", "new": "4" },
        });
    }
    let canary = release("canary");
    let canary = percent.is_some().then_some(&canary);
    compile_rest_stage(&place("abcdefghij"), &rest_stage(stage), &release("stage"), canary)
}

#[test]
fn a_canary_has_its_variables_its_flag_and_log_groups_of_its_own() {
    let gateway = Gateway::start();
    for (percent, body, flag) in [
        (None, "stage [] 1 2 [] d1", "-"),
        (Some(0.0), "stage [false] 1 2 [] d1", "false"),
        (Some(100.0), "canary [true] 3 2 [4] d2", "true"),
    ] {
        gateway.deploy(with_canary(percent));
        let reply = gateway.of_api("abcdefghij", "/prod");
        assert_eq!(reply.body, body, "{percent:?}");
        let id = reply.field("x-amzn-requestid").unwrap();
        let count = match percent {
            None => 1,
            Some(0.0) => 2,
            Some(_) => 3,
        };
        assert_eq!(gateway.log(ACCESS, count)[count - 1], format!("{id} {flag}"));
        if flag == "true" {
            assert_eq!(gateway.log(&format!("{ACCESS}/Canary"), 1), [format!("{id} true")]);
            let own = gateway.log(&format!("{GROUP}/Canary"), 11);
            assert!(own.iter().all(|line| line.contains(id)), "the canary's alone: {own:#?}");
            assert_eq!(gateway.log(GROUP, 33)[22..], own, "and the stage's besides");
        }
    }
}

#[test]
fn an_access_log_knows_what_of_a_domain_led_to_the_api() {
    let gateway = Gateway::start();
    let format = "$context.requestId|$context.customDomain.basePathMatched|$context.customDomain.routingRuleIdMatched|$context.domainName";
    let echo = Echo::start();
    let mut templated = mock("in");
    templated["methodIntegration"]["requestTemplates"]["application/json"] =
        "#if($input.path('$.x') == 1)#end{\"statusCode\": 200}".into();
    let resources = [
        ("/mock", json!({ "GET": mock("in") })),
        ("/proxy", json!({ "POST": proxy(&format!("http://{}/", echo.address), json!({})) })),
        ("/template", json!({ "POST": templated })),
    ];
    gateway.deploy(stage(&resources, &json!({}), format));
    let rule = json!({
        "routingRuleId": "rule1", "priority": 10,
        "conditions": [{ "matchBasePaths": { "anyOf": ["v2"] } }],
        "actions": [{ "invokeApi": {
            "apiId": "abcdefghij", "stage": "prod", "stripBasePath": true } }],
    });
    gateway.name(domain_name(
        json!({ "domainName": "d.example.com", "routingMode": "ROUTING_RULE_THEN_BASE_PATH_MAPPING" }),
        &[("v1", "abcdefghij", "prod")],
        &[rule],
    ));
    let lines = [
        ("GET /v1/mock", "v1|-"),
        ("GET /v2/mock", "v2|rule1"),
        ("POST /v2/proxy", "v2|rule1"),
        ("POST /v2/template", "v2|rule1"),
    ];
    for (index, (line, expected)) in lines.into_iter().enumerate() {
        let reply = gateway.ask(&format!(
            "{line} HTTP/1.1\r\nHost: d.example.com\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        assert_eq!(reply.status, 200, "{line}");
        let id = reply.field("x-amzn-requestid").unwrap();
        let written = gateway.log(ACCESS, index + 1);
        assert_eq!(written[index], format!("{id}|{expected}|d.example.com"), "{line}");
    }
}
