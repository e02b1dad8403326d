//! How a request to a REST API is read: its path with all its slashes and escapes, its method, the names
//! that it is given.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{definition, domain_name, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::compile_rest_stage;
use serde_json::{Value, json};

const HOST: &str = "abcdefghij.execute-api.us-east-1.localhost";

fn ask(gateway: &Gateway, line: &str, fields: &str) -> Reply {
    gateway.ask(&format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"))
}

/// A method that tells what it knows of its request.
fn telling(template: &str) -> Value {
    json!({ "ANY": mock(template) })
}

#[test]
fn the_path_of_the_context_is_told_as_received_behind_one_slash_and_the_stage() {
    let gateway = Gateway::start();
    let told = telling("$context.resourcePath $context.path [$input.params('proxy')]");
    gateway.deploy(rest(
        "abcdefghij",
        &[("/", told.clone()), ("/x", told.clone()), ("/{proxy+}", told)],
    ));
    for (host, path, expected) in [
        (HOST, "/prod/x", "/x /prod/x []"),
        (HOST, "//prod/x", "/x /prod/x []"),
        (HOST, "///prod/x?q=/prod", "/x /prod/x []"),
        (HOST, "/prod//x", "/x /prod//x []"),
        (HOST, "/prod/x/", "/x /prod/x/ []"),
        (HOST, "/prod/a//b", "/{proxy+} /prod/a//b [a//b]"),
        (HOST, "/prod/value/", "/{proxy+} /prod/value/ [value]"),
        (HOST, "/prod/a%2Fb+c", "/{proxy+} /prod/a%2Fb+c [a%2Fb+c]"),
        (HOST, "/prod/%78", "/{proxy+} /prod/%78 [%78]"),
        (HOST, "/prod", "/ /prod/ []"),
        (HOST, "/prod/", "/ /prod/ []"),
        ("any", "/_aws/execute-api/abcdefghij/prod/x", "/x /prod/x []"),
        ("any", "/restapis/abcdefghij/prod/_user_request_/x", "/x /prod/x []"),
        ("any", "/restapis/abcdefghij/prod/_user_request_", "/ /prod/ []"),
    ] {
        assert_eq!(gateway.get(host, path).brief(), (200, expected), "{host}{path}");
    }
}

#[test]
fn a_domain_names_base_path_is_in_the_contexts_path_and_no_stage_is() {
    let gateway = Gateway::start();
    let told = telling(
        "$context.path $context.resourcePath $context.domainName $context.domainPrefix $context.stage $context.protocol",
    );
    gateway.deploy(rest("abcdefghij", &[("/orders/{id}", told)]));
    let mappings = [("v1", "abcdefghij", "prod"), ("", "abcdefghij", "prod")];
    gateway.name(domain_name(json!({ "domainName": "api.example.com" }), &mappings, &[]));
    for (path, expected) in [
        ("/v1/orders/1", "/v1/orders/1 /orders/{id} api.example.com api prod HTTP/1.1"),
        ("/orders/1", "/orders/1 /orders/{id} api.example.com api prod HTTP/1.1"),
    ] {
        assert_eq!(gateway.get("api.example.com:443", path).body, expected, "{path}");
    }
    let own = gateway.get(HOST, "/prod/orders/1");
    assert_eq!(own.body, format!("/prod/orders/1 /orders/{{id}} {HOST} abcdefghij prod HTTP/1.1"));
    // A mapping's key is compared with its capitals.
    assert_eq!(gateway.get("api.example.com", "/V1/orders/1").status, 403);
}

#[test]
fn health_checks_of_amazons_edge_are_no_paths_of_their_own() {
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/{proxy+}", telling("$input.params('proxy')"))]));
    let mappings = [("", "abcdefghij", "prod")];
    gateway.name(domain_name(json!({ "domainName": "api.example.com" }), &mappings, &[]));
    for path in ["ping", "sping"] {
        let reply = gateway.get("api.example.com", &format!("/{path}"));
        assert_eq!(reply.brief(), (200, path));
    }
}

#[test]
fn values_of_paths_stay_encoded_and_those_of_queries_are_decoded() {
    let gateway = Gateway::start();
    let template = "$input.params('id')|$input.params().path.id|$input.params('a')|$input.params().querystring.a";
    gateway.deploy(rest("abcdefghij", &[("/user/{id}", telling(template))]));
    for (target, expected) in [
        (
            "/prod/user/test%2Balias@gmail.com?a=test%2Balias",
            "test%2Balias@gmail.com|test%2Balias@gmail.com|test+alias|test+alias",
        ),
        ("/prod/user/a%2Fb?a=foo+bar", "a%2Fb|a%2Fb|foo bar|foo bar"),
        // The last of several counts, and a semicolon parts them as well.
        ("/prod/user/1?a=1&a=2", "1|1|2|2"),
        ("/prod/user/1?b=1;a=3", "1|1|3|3"),
        // Amazon wants these encoded.
        ("/prod/user/1?a={b|c}", "1|1|{b|c}|{b|c}"),
    ] {
        assert_eq!(gateway.get(HOST, target).brief(), (200, expected), "{target}");
    }
}

#[test]
fn any_is_seven_methods_and_get_is_not_head() {
    let gateway = Gateway::start();
    let resources =
        [("/any", telling("$context.httpMethod")), ("/get", json!({ "GET": mock("get") }))];
    gateway.deploy(rest("abcdefghij", &resources));
    for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"] {
        assert_eq!(ask(&gateway, &format!("{method} /prod/any"), "").brief(), (200, method));
    }
    assert_eq!(ask(&gateway, "HEAD /prod/any", "").brief(), (200, ""));
    assert_eq!(ask(&gateway, "TRACE /prod/any", "").status, 403);
    assert_eq!(ask(&gateway, "HEAD /prod/get", "").status, 403);
}

#[test]
fn a_field_may_override_the_method_and_goes_on_only_where_it_is_mapped() {
    let echo = Echo::start();
    let to_echo = |more: Value| proxy(&format!("http://{}/p", echo.address), more);
    let mapped = json!({ "requestParameters": {
        "integration.request.header.X-Told": "method.request.header.X-HTTP-Method-Override",
    } });
    let resources = [
        ("/echo", json!({ "DELETE": to_echo(json!({})), "PATCH": to_echo(mapped) })),
        (
            "/mock",
            json!({ "POST": mock("post"), "PUT": mock("$context.httpMethod"), "HEAD": mock("head") }),
        ),
    ];
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &resources));
    let with = |line: &str, method: &str| {
        ask(&gateway, line, &format!("x-http-method-override: {method}\r\nContent-Length: 0\r\n"))
    };
    assert_eq!(with("POST /prod/echo", "DELETE").body, "DELETE /p HTTP/1.1");
    assert!(!echo.last().contains("override"), "{}", echo.last());
    assert_eq!(with("POST /prod/echo", "PATCH").body, "PATCH /p HTTP/1.1");
    let seen = echo.last();
    assert!(seen.contains("\r\nx-told: patch\r\n") && !seen.contains("override"), "{seen}");
    assert_eq!(with("POST /prod/mock", "PUT").brief(), (200, "PUT"));
    // The client's own method says whether it waits for content.
    assert_eq!(with("POST /prod/mock", "HEAD").brief(), (200, "head"));
    assert_eq!(with("HEAD /prod/mock", "POST").brief(), (200, ""));
    for nobodys in ["GET", "put", "PROPFIND", ""] {
        assert_eq!(with("POST /prod/mock", nobodys).status, 403, "{nobodys}");
    }
}

#[test]
fn what_leads_nowhere_with_an_authorization_is_told_of_its_signature() {
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/x", json!({ "GET": mock("x") }))]));
    let with = |line: &str, authorization: &str| {
        ask(&gateway, line, &format!("Authorization: {authorization}\r\n"))
    };
    let reply = with("GET /prod/nowhere", "Bearer token");
    let expected = r#"{"message":"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'sirDDmH2JNXZ7PrsYu3JMpduFdLxWZgJKX9UIu07OWs='."}"#;
    assert_eq!(reply.brief(), (403, expected));
    assert_eq!(reply.field("x-amzn-errortype"), Some("incompletesignatureexception"));
    assert_eq!(with("POST /prod/x", "Bearer token").body, expected, "another method");
    assert_eq!(with("GET /prod/x", "Bearer token").brief(), (200, "x"));
    let signed = with("GET /prod/nowhere", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c");
    assert_eq!(signed.brief(), (403, r#"{"message":"Missing Authentication Token"}"#));
    assert_eq!(signed.field("content-length"), Some("42"));
    // Who has words of its own for what leads nowhere has them for this too.
    let mut release = definition(&[("/x", json!({ "GET": mock("x") }))]);
    release.gateway_responses = serde_json::from_value(json!([{
        "responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404",
        "responseTemplates": { "application/json": "{\"no\": $context.error.messageString}" },
    }]))
    .unwrap();
    let stage = rest_stage(json!({ "stageName": "prod" }));
    gateway.deploy(compile_rest_stage(&place("abcdefghij"), &stage, &release, None));
    let own = with("GET /prod/nowhere", "Bearer token");
    assert_eq!((own.status, own.body), (404, expected.replace("\"message\":", "\"no\": ")));
}

#[test]
fn a_client_may_name_its_request_by_a_uuid() {
    let gateway = Gateway::start();
    gateway.deploy(rest(
        "abcdefghij",
        &[("/", telling("$context.requestId $context.extendedRequestId"))],
    ));
    let named = |name: &str| {
        ask(
            &gateway,
            "GET /prod/",
            &format!("X-Amzn-RequestId: {name}\r\nX-Amz-Apigw-Id: mine\r\n"),
        )
    };
    let uuid = "01234567-89ab-4def-bedc-ba9876543210";
    let reply = named(uuid);
    assert_eq!(reply.field("x-amzn-requestid"), Some(uuid));
    let (told, extended) = reply.body.split_once(' ').unwrap();
    assert_eq!(told, uuid);
    assert_eq!(reply.field("x-amz-apigw-id"), Some(&*extended.to_lowercase()));
    assert!(extended.len() == 16 && extended.ends_with('='), "{extended}");
    let other = named("no-uuid");
    let own = other.field("x-amzn-requestid").unwrap();
    assert!(own.len() == 36 && other.body.starts_with(own), "{}", other.body);
    assert_ne!(named("no-uuid").field("x-amzn-requestid"), Some(own));
    let refused = ask(&gateway, "GET /prod/nowhere", &format!("x-amzn-requestid: {uuid}\r\n"));
    assert_eq!((refused.status, refused.field("x-amzn-requestid")), (403, Some(uuid)));
}
