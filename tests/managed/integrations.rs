//! What back ends get of a request, and clients of an answer.

use crate::gateway::{Echo, Gateway};
use crate::stages::{definition, http, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::{BackEnds, PrivateLink, StagePlace, compile_rest_stage};
use serde_json::json;

#[test]
fn a_mock_answers_by_content_type_status_and_accept() {
    let method = json!({
        "authorizationType": "NONE",
        "methodResponses": { "200": { "statusCode": "200" }, "404": { "statusCode": "404" } },
        "methodIntegration": {
            "type": "MOCK",
            "passthroughBehavior": "WHEN_NO_TEMPLATES",
            "requestTemplates": {
                "application/json": "{ statusCode: 200 }",
                "text/plain": "{\"statusCode\": 404}",
                "text/csv": "{\"statusCode\": 500}",
                "text/vtl": "#set($x = 1){\"statusCode\": 200}",
            },
            "integrationResponses": {
                "200": {
                    "statusCode": "200",
                    "responseParameters": {
                        "method.response.header.Access-Control-Allow-Origin": "'*'",
                        "method.response.header.X-Stage": "context.stage",
                        "method.response.header.X-None": "integration.response.header.y",
                        "method.response.header.Content-Length": "'5'",
                    },
                    "responseTemplates": { "application/json": "{\"a\": 1}", "text/html": "<a>" },
                },
                "404": { "statusCode": "404", "selectionPattern": "4\\d{2}" },
            },
        },
    });
    let gateway = Gateway::start();
    let stage = rest("abcdefghij", &[("/", json!({ "ANY": method }))]);
    // Status 500 falls to the default response.
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    let ask = |fields: &str| {
        gateway.ask(&format!(
            "POST /_aws/execute-api/abcdefghij/prod HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{fields}\r\n"
        ))
    };
    let reply = ask("");
    assert_eq!(reply.brief(), (200, "{\"a\": 1}"));
    assert_eq!(reply.field("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.field("x-stage"), Some("prod"));
    assert_eq!(reply.field("x-none"), None);
    assert_eq!(reply.field("content-type"), Some("application/json"));
    assert_eq!(reply.field("content-length"), Some("8"), "framing is the gateway's own");
    assert!(reply.field("x-amz-apigw-id").is_some());

    let html = ask("Content-Type: Application/JSON; charset=utf-8\r\nAccept: text/html, */*\r\n");
    assert_eq!((html.status, &*html.body), (200, "<a>"));
    assert_eq!(html.field("content-type"), Some("text/html"));
    assert_eq!(ask("Accept: image/png\r\n").body, "{\"a\": 1}");
    assert_eq!(ask("Content-Type: text/plain\r\n").brief(), (404, ""));
    assert_eq!(ask("Content-Type: text/csv\r\n").brief(), (200, "{\"a\": 1}"));
    assert_eq!(ask("Content-Type: text/vtl\r\n").brief(), (200, "{\"a\": 1}"));
    let unsupported = ask("Content-Type: text/xml\r\n");
    assert_eq!(unsupported.brief(), (415, r#"{"message":"Unsupported Media Type"}"#));
}

#[test]
fn a_mock_without_a_status_is_a_misconfigured_one() {
    let gateway = Gateway::start();
    let mut without = mock("x");
    without["methodIntegration"]["requestTemplates"] = json!({"application/json": "{}"});
    let mut undeclared = mock("x");
    undeclared["methodResponses"] = json!({});
    let stage = rest(
        "abcdefghij",
        &[("/a", json!({ "GET": without })), ("/b", json!({ "GET": undeclared }))],
    );
    assert_eq!(stage.warnings.len(), 2, "{:?}", stage.warnings);
    gateway.deploy(stage);
    for path in ["/prod/a", "/prod/b"] {
        let reply = gateway.of_api("abcdefghij", path);
        assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#), "{path}");
    }
}

#[test]
fn a_proxy_fills_its_uri_from_parameters_and_stage_variables() {
    let echo = Echo::start();
    let release = definition(&[(
        "/pets/{id}/{proxy+}",
        json!({ "GET": proxy(
            "http://${stageVariables.host}/v1/{pet}/x/{rest}",
            json!({ "requestParameters": {
                "integration.request.path.pet": "method.request.path.id",
                "integration.request.path.rest": "method.request.path.proxy",
            } }),
        ) }),
    )]);
    let host = echo.address.to_string();
    let stage = rest_stage(json!({ "stageName": "prod", "variables": { "host": host } }));
    let stage = compile_rest_stage(&place("abcdefghij"), &stage, &release, None);
    assert_eq!(stage.warnings, [""; 0]);
    let gateway = Gateway::start();
    gateway.deploy(stage);
    for (path, expected) in [
        ("/prod/pets/7/a/b", "/v1/7/x/a/b"),
        ("/prod/pets/7/a%20b?q=%20&r", "/v1/7/x/a%20b?q=%20&r"),
        ("/prod/pets/a%2Fb/c", "/v1/a%2Fb/x/c"),
    ] {
        let reply = gateway.of_api("abcdefghij", path);
        assert_eq!(reply.body, format!("GET {expected} HTTP/1.1"), "{path}");
    }
    let seen = echo.last();
    assert!(seen.contains(&format!("\r\nhost: {host}\r\n")), "{seen}");
    assert!(seen.contains("\r\nuser-agent: amazonapigateway_abcdefghij\r\n"), "{seen}");
    assert!(seen.contains("\r\nx-amzn-apigateway-api-id: abcdefghij\r\n"), "{seen}");
    assert_eq!(gateway.of_api("abcdefghij", "/prod/pets/../x").status, 400);
}

#[test]
fn mapped_parameters_go_to_query_and_header() {
    let echo = Echo::start();
    let method = proxy(
        &format!("http://{}/p?own={{v}}", echo.address),
        json!({ "httpMethod": "PUT", "requestParameters": {
            "integration.request.path.v": "method.request.querystring.q",
            "integration.request.querystring.all": "method.request.multivaluequerystring.m",
            "integration.request.querystring.none": "method.request.querystring.none",
            "integration.request.header.X-Id": "method.request.path.id",
            "integration.request.header.X-Last": "method.request.header.x-many",
            "integration.request.header.X-All": "method.request.multivalueheader.X-Many",
            "integration.request.header.Host": "'virtual.test'",
            "integration.request.header.Accept": "'text/x'",
            "integration.request.header.X-Stage": "context.stage",
            "integration.request.header.X-Query": "method.request.querystring.q",
            "integration.request.header.TE": "'trailers'",
        } }),
    );
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/{id}", json!({ "POST": method }))]));
    let ask = |query: &str| {
        gateway.ask(&format!(
            "POST /prod/7{query} HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\n\
             X-Many: a\r\nx-many: b\r\nAccept: image/*\r\nx-id: forged\r\nContent-Length: 2\r\n\r\nhi"
        ))
    };
    let reply = ask("?q=1&q=a+b%26&m=x&m=y");
    assert_eq!(reply.body, "PUT /p?own=a%20b%26&q=1&q=a+b%26&m=x&m=y&all=x&all=y HTTP/1.1");
    let seen = echo.last();
    for field in [
        "host: virtual.test",
        "x-id: 7",
        "x-last: b",
        "x-all: a,b",
        "accept: text/x",
        "x-stage: prod",
        "x-query: a b&",
    ] {
        assert!(seen.contains(&format!("\r\n{field}\r\n")), "{field} in {seen}");
    }
    for absent in ["forged", "image/*", "trailers", "none=", "\r\nhost: 127"] {
        assert!(!seen.contains(absent), "{absent} in {seen}");
    }
    assert!(seen.ends_with("\r\n\r\nhi"), "{seen}");
    assert_eq!(ask("?q=a%0d%0aX-Evil:%20b").status, 400, "a value must not end its field");
}

#[test]
fn an_http_integration_passes_only_what_is_mapped() {
    let echo =
        Echo::answering("418 Teapot", "X-Back: 1\r\nContent-Type: text/tea\r\nSet-Cookie: a\r\n");
    let mut method = proxy(
        &format!("http://{}/p", echo.address),
        json!({
            "type": "HTTP",
            "httpMethod": "POST",
            "requestParameters": { "integration.request.header.X-Mine": "'m'" },
            "integrationResponses": {
                "200": { "statusCode": "200", "responseParameters": {
                    "method.response.header.X-Out": "integration.response.header.x-back",
                } },
                "400": { "statusCode": "400", "selectionPattern": "40\\d" },
            },
        }),
    );
    method["methodResponses"] = json!({ "200": {}, "400": {} });
    let gateway = Gateway::start();
    let stage = rest("abcdefghij", &[("/", json!({ "POST": method }))]);
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    let reply = gateway.ask(
        "POST /_aws/execute-api/abcdefghij/prod?secret=1 HTTP/1.1\r\nHost: a\r\nCookie: c\r\n\
         Content-Type: text/in\r\nContent-Length: 2\r\n\r\nhi",
    );
    assert_eq!(reply.brief(), (200, "POST /p HTTP/1.1"), "418 is no 40x: the default response");
    assert_eq!(reply.field("x-out"), Some("1"));
    assert_eq!(reply.field("content-type"), Some("text/tea"));
    assert_eq!(reply.field("x-back"), None);
    assert_eq!(reply.field("set-cookie"), None);
    let seen = echo.last();
    assert!(seen.contains("\r\nx-mine: m\r\n") && seen.contains("\r\ncontent-type: text/in\r\n"));
    assert!(!seen.contains("cookie") && !seen.contains("x-forwarded"), "{seen}");
    assert!(seen.ends_with("\r\n\r\nhi"), "{seen}");
}

#[test]
fn an_http_integration_without_a_response_for_the_status_is_misconfigured() {
    let echo = Echo::answering("503 No", "");
    let mut method = proxy(
        &format!("http://{}/p", echo.address),
        json!({ "type": "HTTP", "integrationResponses": {
            "200": { "statusCode": "200", "selectionPattern": "2.." },
        } }),
    );
    method["methodResponses"] = json!({ "200": {} });
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": method }))]));
    for _ in 0..3 {
        let reply = gateway.of_api("abcdefghij", "/prod");
        assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
    }
}

#[test]
fn an_http_apis_routes_use_their_uri_as_it_is_and_the_default_appends() {
    let echo = Echo::start();
    let at = |path: &str| format!("http://{}{path}", echo.address);
    let uris = ["/p/{id}", "/greedy/{proxy}", "/q?x={id}", "/base?y=1", "/plain"].map(at);
    let gateway = Gateway::start();
    gateway.deploy(http(
        "abcdefghij",
        "$default",
        &[
            ("GET /a/{id}", &uris[0]),
            ("ANY /g/{proxy+}", &uris[1]),
            ("GET /q/{id}", &uris[2]),
            ("$default", &uris[3]),
            ("GET /plain/deep", &uris[4]),
        ],
    ));
    for (path, expected) in [
        ("/a/7?z=1", "/p/7?z=1"),
        ("/g/x/y", "/greedy/x/y"),
        ("/q/a%20b?z", "/q?x=a%20b&z"),
        ("/rest/of", "/base/rest/of?y=1"),
        ("/plain/deep", "/plain"),
    ] {
        let reply = gateway.of_api("abcdefghij", path);
        assert_eq!(reply.body, format!("GET {expected} HTTP/1.1"), "{path}");
    }
    assert!(echo.last().contains("via: http/1.1 amazonapigateway"));
}

#[test]
fn a_private_integration_asks_the_links_upstream_by_the_uris_name() {
    let echo = Echo::start();
    let file = format!(
        "[[upstream]]\nname = \"inside\"\ntargets = [\"{}\"]\n[[vpc_link]]\nlink = \"orders\"\nupstream = \"inside\"",
        echo.address
    );
    let model = ringgate::model::parse(std::path::Path::new("t.toml"), file).unwrap();
    let back_ends = BackEnds::of(&model);
    let links =
        [PrivateLink { id: "abc123".into(), name: "orders".into(), targets: Box::default() }];
    let place = StagePlace { back_ends: &back_ends, links: &links, ..place("abcdefghij") };
    let link = json!({ "connectionType": "VPC_LINK", "connectionId": "${stageVariables.link}" });
    let variables = json!({ "stageName": "prod", "variables": { "link": "abc123" } });
    let gateway = Gateway::start();
    for (kind, host) in
        [("HTTP_PROXY", None), ("HTTP", None), ("HTTP_PROXY", Some("'mapped.test'"))]
    {
        let mut method = proxy("http://orders.internal:8080/p/{x}", link.clone());
        let integration = &mut method["methodIntegration"];
        integration["type"] = kind.into();
        integration["requestParameters"] =
            json!({ "integration.request.path.x": "method.request.path.id" });
        integration["integrationResponses"] = json!({ "200": { "statusCode": "200" } });
        if let Some(host) = host {
            integration["requestParameters"]["integration.request.header.Host"] = host.into();
        }
        method["methodResponses"] = json!({ "200": {} });
        let release = definition(&[("/{id}", json!({ "GET": method }))]);
        let stage = compile_rest_stage(&place, &rest_stage(variables.clone()), &release, None);
        assert_eq!(stage.warnings, [""; 0]);
        gateway.deploy(stage);
        let reply = gateway.of_api("abcdefghij", "/prod/7");
        assert_eq!(reply.brief(), (200, "GET /p/7 HTTP/1.1"), "{kind}");
        let expected = host.map_or("orders.internal:8080", |host| host.trim_matches('\''));
        let seen = echo.last();
        assert!(seen.contains(&format!("\r\nhost: {expected}\r\n")), "{seen}");
    }
}
