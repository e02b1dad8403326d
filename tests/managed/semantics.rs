//! What happens between the method request and the method response: validation, templates, gateway
//! responses, and what HTTP APIs have in their place.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{definition, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::{CompiledStage, compile_http_stage, compile_rest_stage};
use serde_json::{Value, json};

/// A stage `prod` of a REST API, with more in its definition.
fn with(resources: &[(&str, Value)], more: &Value) -> CompiledStage {
    let mut release = serde_json::to_value(definition(resources)).unwrap();
    for (name, value) in more.as_object().unwrap() {
        release[name] = value.clone();
    }
    let release = serde_json::from_value(release).unwrap();
    let stage = rest_stage(json!({ "stageName": "prod", "variables": { "v": "w" } }));
    compile_rest_stage(&place("abcdefghij"), &stage, &release, None)
}

fn ask(gateway: &Gateway, line: &str, fields: &str, body: &str) -> Reply {
    gateway.ask(&format!(
        "{line} HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn validated(mut method: Value) -> Value {
    method["requestValidatorId"] = "v".into();
    method["requestParameters"] =
        json!({ "method.request.querystring.q": true, "method.request.header.X-H": true });
    method["requestModels"] = json!({ "application/json": "Pet" });
    method
}

fn validator() -> Value {
    json!({
        "requestValidators": [
            { "id": "v", "validateRequestBody": true, "validateRequestParameters": true },
        ],
        "models": [{ "name": "Pet", "schema": "{\"type\": \"object\", \"required\": [\"name\"]}" }],
    })
}

#[test]
fn a_validator_lets_only_requests_through_that_fit() {
    let echo = Echo::start();
    let to_echo = validated(proxy(&format!("http://{}/p", echo.address), json!({})));
    let gateway = Gateway::start();
    let resources = [
        ("/mock", json!({ "POST": validated(mock("in")) })),
        ("/echo", json!({ "POST": to_echo })),
    ];
    let stage = with(&resources, &validator());
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    for path in ["/mock", "/echo"] {
        let line = |query: &str| format!("POST /prod{path}{query}");
        let header = "X-H: 1\r\n";
        let lacking = ask(&gateway, &line(""), "", "{\"name\": 1}");
        assert_eq!(
            lacking.brief(),
            (400, r#"{"message":"Missing required request parameters: [X-H, q]"}"#),
            "{path}"
        );
        assert_eq!(lacking.field("x-amzn-errortype"), Some("badrequestexception"));
        assert_eq!(
            ask(&gateway, &line("?q="), header, "{}").brief(),
            (400, r#"{"message":"Missing required request parameters: [q]"}"#),
            "blank is missing"
        );
        for body in ["{}", "[]", "{", ""] {
            let unfit = ask(&gateway, &line("?q=1"), header, body);
            assert_eq!(unfit.brief(), (400, r#"{"message":"Invalid request body"}"#), "{body}");
        }
        let fit = ask(&gateway, &line("?q=1"), header, "{\"name\": 1}");
        assert_eq!(fit.status, 200, "{path}");
        let other =
            ask(&gateway, &line("?q=1"), "X-H: 1\r\nContent-Type: text/x\r\n", "{statusCode: 200}");
        assert_eq!(other.status, 200, "there is no model for text/x");
    }
    assert!(echo.last().ends_with("\r\n\r\n{statuscode: 200}"), "{}", echo.last());
}

#[test]
fn content_that_comes_in_pieces_and_chunks_is_gathered() {
    let echo = Echo::start();
    let to_echo = validated(proxy(&format!("http://{}/p", echo.address), json!({})));
    let gateway = Gateway::start();
    gateway.deploy(with(&[("/", json!({ "POST": to_echo }))], &validator()));
    let reply = gateway.ask(
        "POST /prod?q=1 HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nX-H: 1\r\n\
         Transfer-Encoding: chunked\r\n\r\n4\r\n{\"na\r\n7\r\nme\": 1}\r\n0\r\n\r\n",
    );
    assert_eq!(reply.status, 200);
    let seen = echo.last();
    assert!(seen.contains("\r\ncontent-length: 11\r\n"), "{seen}");
    assert!(!seen.contains("transfer-encoding"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"name\": 1}"), "{seen}");
}

#[test]
fn a_validator_that_is_gone_lets_nobody_through() {
    let gateway = Gateway::start();
    let stage = with(&[("/", json!({ "POST": validated(mock("in")) }))], &json!({}));
    assert_eq!(stage.warnings.len(), 1, "{:?}", stage.warnings);
    gateway.deploy(stage);
    assert_eq!(ask(&gateway, "POST /prod/?q=1", "X-H: 1\r\n", "{\"name\": 1}").status, 500);
}

#[test]
fn a_mocks_templates_are_run_per_request() {
    let method = json!({
        "authorizationType": "NONE",
        "methodResponses": { "200": {}, "404": {} },
        "methodIntegration": {
            "type": "MOCK",
            "requestTemplates": { "application/json":
                "#set($n = $input.path('$.n')){\"statusCode\": #if($n > 1)404#{else}200#end}" },
            "integrationResponses": {
                "200": { "statusCode": "200",
                    "responseParameters": { "method.response.header.X-Id": "context.requestId" },
                    "responseTemplates": { "application/json":
                        "$input.params('id') $stageVariables.v $context.resourcePath $context.identity.sourceIp $context.path" } },
                "404": { "statusCode": "404", "selectionPattern": "4\\d{2}",
                    "responseTemplates": { "application/json": "{\"n\": 404}" } },
            },
        },
    });
    let gateway = Gateway::start();
    let stage = with(&[("/{id}", json!({ "ANY": method }))], &json!({}));
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    let few = ask(&gateway, "POST /prod/7", "", "{\"n\": 1}");
    assert_eq!(few.brief(), (200, "7 w /{id} 127.0.0.1 /prod/7"));
    assert_eq!(few.field("x-id"), few.field("x-amzn-requestid"));
    assert_eq!(few.field("content-type"), Some("application/json"));
    assert_eq!(ask(&gateway, "POST /prod/7", "", "{\"n\": 2}").brief(), (404, "{\"n\": 404}"));
    assert_eq!(ask(&gateway, "GET /prod/7", "", "").status, 200, "without content too");
    assert_eq!(ask(&gateway, "POST /prod/7", "", "{n").status, 400);
    let two = "POST /prod/7 HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nContent-Length: 8\r\n\r\n{\"n\": 1}".repeat(2);
    assert_eq!(gateway.ask(&two).status, 200, "pipelined");
}

#[test]
fn a_mock_without_a_template_answers_with_its_default_response() {
    let mut method = mock("default");
    method["methodIntegration"]["requestTemplates"] = json!({});
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
    assert_eq!(ask(&gateway, "GET /prod/", "", "").brief(), (200, "default"));
    assert_eq!(ask(&gateway, "POST /prod/", "", "{statusCode: 200}").brief(), (200, "default"));
    assert_eq!(ask(&gateway, "POST /prod/", "", "hello").status, 500);
}

#[test]
fn a_template_that_cannot_be_parsed_is_a_warning_and_a_500() {
    let mut method = mock("x");
    method["methodIntegration"]["requestTemplates"] = json!({ "application/json": "a\n #if(" });
    let gateway = Gateway::start();
    let stage = rest("abcdefghij", &[("/", json!({ "GET": method }))]);
    assert!(
        stage.warnings[0].contains("request template for application/json: line 2, column"),
        "{:?}",
        stage.warnings
    );
    gateway.deploy(stage);
    let reply = gateway.of_api("abcdefghij", "/prod/");
    assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
}

#[test]
fn an_http_integrations_templates_make_both_contents() {
    let echo = Echo::answering("201 Created", "Content-Type: text/plain\r\nX-Back: 1\r\n");
    let mut method = proxy(
        &format!("http://{}/p/{{a}}/{{b}}", echo.address),
        json!({
            "type": "HTTP",
            "httpMethod": "PUT",
            "requestParameters": {
                "integration.request.path.a": "method.request.path.id",
                "integration.request.path.b": "'mapped'",
                "integration.request.querystring.q": "method.request.body.name",
                "integration.request.header.X-Body": "method.request.body.list",
                "integration.request.header.X-Kept": "'kept'",
            },
            "requestTemplates": { "application/json":
                "#set($context.requestOverride.header.X-Body = 'o')\
                 #set($context.requestOverride.path.b = 'o b')\
                 #set($context.requestOverride.querystring.more = 'm')\
                 #set($context.responseOverride.x = 'carried'){\"name\": $input.json('$.name')}" },
            "integrationResponses": {
                "200": { "statusCode": "200", "selectionPattern": "20\\d", "responseTemplates": {
                    "application/json":
                        "[$input.json('$')] $input.params('id') $context.responseOverride.x" },
                    "responseParameters": {
                        "method.response.header.X-Out": "integration.response.header.x-back" } },
            },
        }),
    );
    method["methodResponses"] = json!({ "200": {} });
    let gateway = Gateway::start();
    let stage = with(&[("/{id}", json!({ "POST": method }))], &json!({}));
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    for _ in 0..2 {
        let reply =
            ask(&gateway, "POST /prod/7?x=1", "Cookie: c\r\n", r#"{"name": "a b", "list": [1]}"#);
        assert_eq!(reply.brief(), (200, "[\"PUT /p/7/o%20b?more=m&q=a%20b HTTP/1.1\"] 7 carried"));
        assert_eq!(reply.field("x-out"), Some("1"));
        assert_eq!(reply.field("content-type"), Some("application/json"));
        let seen = echo.last();
        for field in
            ["x-body: o", "x-kept: kept", "content-type: application/json", "content-length: 15"]
        {
            assert!(seen.contains(&format!("\r\n{field}\r\n")), "{field} in {seen}");
        }
        assert!(!seen.contains("cookie") && !seen.contains("[1]"), "{seen}");
        assert!(seen.ends_with("\r\n\r\n{\"name\": \"a b\"}"), "{seen}");
    }
    let bad = ask(&gateway, "POST /prod/7", "", "{");
    assert_eq!(bad.status, 400);
}

#[test]
fn a_proxy_may_read_the_content_for_its_parameters() {
    let echo = Echo::start();
    let method = proxy(
        &format!("http://{}/p", echo.address),
        json!({ "requestParameters": { "integration.request.header.X": "method.request.body.a" } }),
    );
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "POST": method }))]));
    assert_eq!(ask(&gateway, "POST /prod", "", "{\"a\": \"v\"}").status, 200);
    let seen = echo.last();
    assert!(seen.contains("\r\nx: v\r\n") && seen.ends_with("{\"a\": \"v\"}"), "{seen}");
    let bad = ask(&gateway, "POST /prod", "", "{");
    assert_eq!(bad.brief(), (400, r#"{"message":"Invalid JSON in request body"}"#));
}

#[test]
fn gateway_responses_are_told_in_the_apis_own_words() {
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let responses = json!([
        { "responseType": "DEFAULT_4XX", "statusCode": "418",
          "responseParameters": { "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                                  "gatewayresponse.header.X-Q": "method.request.querystring.q",
                                  "gatewayresponse.header.X-Stage": "context.stage" },
          "responseTemplates": { "application/json": "{\"m\":$context.error.messageString,\"t\":\"$context.error.responseType\",\"v\":\"$stageVariables.v\"}",
                                 "text/html": "<p>$context.error.message</p>" } },
        { "responseType": "BAD_REQUEST_BODY", "statusCode": "422",
          "responseTemplates": { "application/json": "{\"e\":\"$context.error.validationErrorString\"}" } },
        { "responseType": "INTEGRATION_FAILURE", "statusCode": "599",
          "responseTemplates": { "application/json": "$context.error.message at $context.resourcePath for $method.request.header.X-H" } },
        { "responseType": "API_CONFIGURATION_ERROR",
          "responseParameters": { "gatewayresponse.header.X-Only": "'parameters'" },
          "responseTemplates": { "application/json": "{\"message\":$context.error.messageString}" } },
    ]);
    let mut more = validator();
    more["gatewayResponses"] = responses;
    let resources = [
        ("/mock", json!({ "POST": validated(mock("in")) })),
        ("/down", json!({ "POST": proxy(&format!("http://{refused}"), json!({})) })),
        ("/none", json!({ "POST": { "authorizationType": "NONE" } })),
    ];
    let gateway = Gateway::start();
    gateway.deploy(with(&resources, &more));
    let nowhere = ask(&gateway, "GET /prod/nowhere?q=1", "", "");
    assert_eq!(
        nowhere.brief(),
        (418, r#"{"m":"Missing Authentication Token","t":"MISSING_AUTHENTICATION_TOKEN","v":"w"}"#)
    );
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("x-q", "1"),
        ("x-stage", "prod"),
        ("x-amzn-errortype", "missingauthenticationtokenexception"),
    ] {
        assert_eq!(nowhere.field(name), Some(value));
    }
    let html = ask(&gateway, "GET /prod/nowhere", "Accept: text/html\r\n", "");
    assert_eq!(html.brief(), (418, "<p>Missing Authentication Token</p>"));
    assert_eq!(html.field("content-type"), Some("text/html"));
    assert_eq!(
        ask(&gateway, "POST /prod/mock?q=1", "X-H: h\r\n", "[]").brief(),
        (
            422,
            "{\"e\":\"[instance type (array) does not match any allowed primitive type (allowed: [\"object\"])]\"}"
        )
    );
    assert_eq!(
        ask(&gateway, "POST /prod/down", "X-H: h\r\n", "x").brief(),
        (599, "Network error communicating with endpoint at /down for h")
    );
    let configuration = ask(&gateway, "POST /prod/none", "", "");
    assert_eq!(configuration.brief(), (500, r#"{"message": "Internal server error"}"#));
    assert_eq!(configuration.field("x-only"), Some("parameters"));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let gateway = Gateway::start();
    gateway.deploy(with(&[("/", json!({ "POST": validated(mock("in")) }))], &validator()));
    let reply = gateway.ask(
        "POST /prod?q=1 HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nX-H: 1\r\nContent-Length: 10485761\r\n\r\n",
    );
    assert_eq!(reply.brief(), (413, "HTTP content length exceeded 10485760 bytes."));
    assert_eq!(reply.field("x-amzn-errortype"), None);
}

/// A stage `$default` of an HTTP API with these routes to an integration, and rules for browsers.
fn http_api(keys: &[&str], integration: &Value, cors: &Value) -> CompiledStage {
    let mut declared = json!({
        "integrationId": "i", "integrationType": "HTTP_PROXY", "integrationMethod": "ANY",
    });
    for (name, value) in integration.as_object().unwrap() {
        declared[name] = value.clone();
    }
    let routes: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "routeKey": key, "authorizationType": "NONE", "target": "integrations/i" }))
        .collect();
    let release = serde_json::from_value(json!({
        "api": { "protocolType": "HTTP", "corsConfiguration": cors },
        "routes": routes, "integrations": [declared],
    }))
    .unwrap();
    let stage = json!({ "stageName": "$default", "stageVariables": { "v": "w" } });
    compile_http_stage(&place("abcdefghij"), &serde_json::from_value(stage).unwrap(), &release)
}

#[test]
fn preflights_are_answered_and_answers_get_what_browsers_ask_for() {
    let echo = Echo::answering(
        "200 OK",
        "Access-Control-Allow-Origin: https://evil.test\r\naccess-control-max-age: 1\r\n",
    );
    let cors = json!({
        "allowOrigins": ["https://a.test"], "allowMethods": ["GET", "POST"],
        "allowHeaders": ["x-h"], "exposeHeaders": ["x-e"], "allowCredentials": true, "maxAge": 60,
    });
    let uri = json!({ "integrationUri": format!("http://{}/p", echo.address) });
    let gateway = Gateway::start();
    gateway.deploy(http_api(&["GET /x", "ANY /any"], &uri, &cors));
    let preflight = "Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n";
    let reply = ask(&gateway, "OPTIONS /x", preflight, "");
    assert_eq!(reply.brief(), (204, ""));
    for (name, value) in [
        ("access-control-allow-origin", "https://a.test"),
        ("access-control-allow-methods", "get,post"),
        ("access-control-allow-headers", "x-h"),
        ("access-control-expose-headers", "x-e"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "60"),
        ("vary", "origin"),
    ] {
        assert_eq!(reply.field(name), Some(value), "{name}");
    }
    assert_eq!(reply.field("content-length"), None);
    let stranger = "Origin: https://b.test\r\nAccess-Control-Request-Method: GET\r\n";
    let reply = ask(&gateway, "OPTIONS /x", stranger, "");
    assert_eq!(reply.status, 204);
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
    assert_eq!(ask(&gateway, "OPTIONS /any", preflight, "").status, 200, "a route takes it");
    assert_eq!(ask(&gateway, "OPTIONS /x", "Origin: https://a.test\r\n", "").status, 404);

    let actual = ask(&gateway, "GET /x", "Origin: https://a.test\r\n", "");
    assert_eq!(actual.status, 200);
    assert_eq!(actual.field("access-control-allow-origin"), Some("https://a.test"));
    assert_eq!(actual.field("access-control-expose-headers"), Some("x-e"));
    assert_eq!(actual.field("access-control-max-age"), None, "the back end's are dropped");
    let plain = ask(&gateway, "GET /x", "", "");
    assert!(!plain.head.contains("access-control"), "{}", plain.head);
    let missing = ask(&gateway, "GET /nowhere", "Origin: https://a.test\r\n", "");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.field("access-control-allow-origin"), Some("https://a.test"));
}

#[test]
fn parameter_mappings_of_http_apis_append_overwrite_and_remove() {
    let echo = Echo::answering("500 Oops", "X-A: 1\r\nX-Gone: g\r\n");
    let uri = format!("http://{}/p", echo.address);
    let integration = json!({
        "integrationUri": uri,
        "requestParameters": {
            "append:header.X-New": "$request.header.X-Old",
            "remove:header.x-old": "''",
            "overwrite:header.X-Two": "${request.path.id}-${stageVariables.v}",
            "append:header.X-Two": "more",
            "overwrite:header.X-Stays": "$request.header.none",
            "append:querystring.q": "3",
            "overwrite:querystring.r": "$request.body.a.b",
            "remove:querystring.s": "''",
            "overwrite:path": "/new/${request.path.id}",
        },
        "responseParameters": { "500": {
            "overwrite:statuscode": "403",
            "overwrite:header.x-a": "$response.header.X-A and more",
            "append:header.X-A": "2",
            "remove:header.X-Gone": "",
        } },
    });
    let mut integration = integration;
    integration["responseParameters"]["500"]["overwrite:header.x-a"] =
        "${response.header.X-A} and more".into();
    let gateway = Gateway::start();
    let stage = http_api(&["POST /x/{id}"], &integration, &Value::Null);
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    let reply = ask(
        &gateway,
        "POST /x/7?q=1&r=1&q=2&s=1&R=1",
        "X-Old: o1\r\nX-Old: o2\r\nX-Two: client\r\nX-Stays: s\r\n",
        "{\"a\": {\"b\": \"c d\"}}",
    );
    assert_eq!(
        reply.brief(),
        (403, "POST /new/7?q=1&q=2&R=1&r=c%20d&q=3 HTTP/1.1"),
        "removals first, then what is overwritten, then what is appended"
    );
    let of = |name: &str| -> Vec<&str> {
        let lead = format!("{name}: ");
        reply.head.lines().filter_map(|line| line.strip_prefix(&lead)).collect()
    };
    assert_eq!(of("x-a"), ["1 and more", "2"]);
    assert!(of("x-gone").is_empty());
    let seen = echo.last();
    for field in ["x-new: o1,o2", "x-two: 7-w", "x-two: more", "x-stays: s"] {
        assert!(seen.contains(&format!("\r\n{field}\r\n")), "{field} in {seen}");
    }
    assert!(!seen.contains("x-old") && !seen.contains("client"), "{seen}");
    assert!(seen.ends_with("{\"a\": {\"b\": \"c d\"}}"), "{seen}");
}
