//! Content on its way through a REST API: when it is sent, converted, refused, and how much of it.

use crate::gateway::{Echo, Gateway, Reply};
use crate::headers::custom;
use crate::stages::{mock, proxy, rest};
use ringgate::snapshot::managed::{CompiledStage, compile_rest_stage};
use serde_json::{Value, json};

fn ask(gateway: &Gateway, line: &str, fields: &str, body: &str) -> Reply {
    let (method, target) = line.split_once(' ').unwrap();
    gateway.ask(&format!(
        "{method} /_aws/execute-api/abcdefghij/prod{target} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A stage of one method, of an API with these binary media types.
fn stage(method: &Value, binary: &[&str]) -> CompiledStage {
    let mut release = crate::stages::definition(&[("/", json!({ "ANY": method }))]);
    let api = json!({ "name": "pets", "binaryMediaTypes": binary });
    release.api = std::sync::Arc::new(serde_json::from_value(api).unwrap());
    let stage = crate::stages::rest_stage(json!({ "stageName": "prod" }));
    compile_rest_stage(&crate::stages::place("abcdefghij"), &stage, &release, None)
}

#[test]
fn a_custom_integration_sends_no_content_with_get_head_and_options() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let templated = json!({ "requestTemplates": { "application/json": "made" } });
    for more in [json!({}), templated] {
        for (declared, client, is_sent) in [
            ("POST", "GET", true),
            ("GET", "POST", false),
            ("OPTIONS", "POST", false),
            ("HEAD", "POST", false),
            ("DELETE", "POST", true),
            ("ANY", "PUT", true),
            ("ANY", "GET", false),
        ] {
            let mut more = more.clone();
            more["httpMethod"] = declared.into();
            gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": custom(&echo, more) }))]));
            // A second request on the same connections: nothing of the first is left in it.
            for _ in 0..2 {
                let reply = ask(&gateway, &format!("{client} /"), "", "told");
                assert_eq!(reply.status, 200, "{declared} {client}");
                let seen = echo.last();
                let has = seen.ends_with("told") || seen.ends_with("made");
                assert_eq!(has, is_sent, "{declared} {client} {seen}");
                assert_eq!(seen.contains("content-length"), is_sent, "{declared} {client} {seen}");
            }
        }
    }
    // A proxy passes what the client sends, whatever the method.
    gateway.deploy(rest(
        "abcdefghij",
        &[("/", json!({ "ANY": proxy(&format!("http://{}/", echo.address), json!({})) }))],
    ));
    ask(&gateway, "GET /", "", "told");
    assert!(echo.last().ends_with("\r\n\r\ntold"), "{}", echo.last());
}

#[test]
fn redirects_and_errors_of_a_back_end_are_the_clients() {
    for status in ["302 Found", "404 Not Found", "500 Oops"] {
        let echo = Echo::answering(status, "Location: http://127.0.0.1:1/\r\n");
        let gateway = Gateway::start();
        let passed = proxy(&format!("http://{}/", echo.address), json!({}));
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": passed }))]));
        let reply = ask(&gateway, "GET /", "", "");
        assert_eq!(reply.status.to_string(), status[..3]);
        assert_eq!(reply.field("location"), Some("http://127.0.0.1:1/"));
        // A custom integration maps it, and here there is the default response only.
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": custom(&echo, json!({})) }))]));
        let reply = ask(&gateway, "GET /", "", "");
        assert_eq!((reply.status, reply.field("location")), (200, None));
    }
}

#[test]
fn a_back_ends_content_without_a_type_gets_one_in_custom_integrations_only() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": custom(&echo, json!({})) }))]));
    assert_eq!(ask(&gateway, "GET /", "", "").field("content-type"), Some("application/json"));
    let passed = proxy(&format!("http://{}/", echo.address), json!({}));
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": passed }))]));
    assert_eq!(ask(&gateway, "GET /", "", "").field("content-type"), None);
}

#[test]
fn content_encodings_are_passed_on_with_their_content() {
    let echo = Echo::answering("200 OK", "Content-Encoding: x-test\r\nContent-Type: a/b\r\n");
    let gateway = Gateway::start();
    let passed = proxy(&format!("http://{}/", echo.address), json!({}));
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": passed }))]));
    let reply = ask(&gateway, "POST /", "Content-Encoding: gzip\r\n", "told");
    assert_eq!(reply.field("content-encoding"), Some("x-test"));
    assert!(echo.last().contains("\r\ncontent-encoding: gzip\r\n"), "{}", echo.last());
}

#[test]
fn content_is_converted_by_its_type_and_by_what_is_declared() {
    let gateway = Gateway::start();
    let echo = Echo::start();
    for (content_type, handling, body, expected) in [
        ("text/plain", None, "ab", "ab"),
        ("text/plain", Some("CONVERT_TO_TEXT"), "ab", "ab"),
        ("text/plain", Some("CONVERT_TO_BINARY"), "YWI=", "ab"),
        ("image/png", None, "ab", "ab"),
        ("image/png", Some("CONVERT_TO_BINARY"), "ab", "ab"),
        ("image/png", Some("CONVERT_TO_TEXT"), "ab", "YWI="),
        ("IMAGE/GIF; q=1", Some("CONVERT_TO_TEXT"), "ab", "YWI="),
    ] {
        let method = custom(&echo, json!({ "contentHandling": handling }));
        gateway.deploy(stage(&method, &["image/*"]));
        let fields = format!("Content-Type: {content_type}\r\n");
        assert_eq!(ask(&gateway, "POST /", &fields, body).status, 200);
        let seen = echo.last_as_sent();
        assert!(
            seen.ends_with(&format!("\r\n\r\n{expected}")),
            "{content_type} {handling:?} {seen}"
        );
    }
    let method = custom(&echo, json!({ "contentHandling": "CONVERT_TO_BINARY" }));
    gateway.deploy(stage(&method, &[]));
    let refused = ask(&gateway, "POST /", "Content-Type: text/plain\r\n", "no base64!");
    assert_eq!(refused.brief(), (500, r#"{"message": "Internal server error"}"#));
    // `*/*` is every type.
    let method = custom(&echo, json!({ "contentHandling": "CONVERT_TO_TEXT" }));
    gateway.deploy(stage(&method, &["*/*"]));
    ask(&gateway, "POST /", "", "ab");
    assert!(echo.last_as_sent().ends_with("\r\n\r\nYWI="));
}

#[test]
fn an_answer_is_converted_by_its_type_and_what_the_client_accepts_first() {
    let gateway = Gateway::start();
    for (payload, accept, handling, content, expected) in [
        ("text/plain", "text/plain", None, "ab", (200, "ab")),
        ("text/plain", "image/png, text/plain", None, "YWI=", (200, "ab")),
        ("text/plain", "text/plain, image/png", None, "YWI=", (200, "YWI=")),
        ("text/plain", "image/png", Some("CONVERT_TO_TEXT"), "YWI=", (200, "YWI=")),
        ("text/plain", "text/plain", Some("CONVERT_TO_BINARY"), "YWI=", (200, "ab")),
        ("text/plain", "image/png", None, "?", (500, r#"{"message": "Internal server error"}"#)),
        ("image/png", "text/plain", None, "ab", (200, "YWI=")),
        ("image/png", "image/png", None, "ab", (200, "ab")),
        ("image/png", "image/png", Some("CONVERT_TO_TEXT"), "ab", (200, "YWI=")),
        ("image/png", "text/plain", Some("CONVERT_TO_BINARY"), "ab", (200, "ab")),
    ] {
        let fields: &'static str = match payload {
            "image/png" => "Content-Type: image/png\r\n",
            _ => "Content-Type: text/plain; charset=utf-8\r\n",
        };
        let echo = Echo::telling("200 OK", fields, content.to_owned());
        let answers = json!({ "200": { "statusCode": "200", "contentHandling": handling } });
        let method = custom(&echo, json!({ "integrationResponses": answers }));
        gateway.deploy(stage(&method, &["image/png"]));
        let reply = ask(&gateway, "GET /", &format!("Accept: {accept}\r\n"), "");
        assert_eq!(reply.brief(), expected, "{payload} {accept} {handling:?}");
    }
    // What a proxy declares of it means nothing.
    let echo = Echo::telling("200 OK", "Content-Type: text/plain\r\n", "YWI=".to_owned());
    let answers = json!({ "200": { "statusCode": "200", "contentHandling": "CONVERT_TO_BINARY" } });
    let more = json!({ "type": "HTTP_PROXY", "integrationResponses": answers });
    gateway.deploy(stage(&custom(&echo, more), &["image/png"]));
    assert_eq!(ask(&gateway, "GET /", "Accept: image/png\r\n", "").body, "YWI=");
}

#[test]
fn content_without_a_template_passes_or_is_refused_before_it_is_converted() {
    let gateway = Gateway::start();
    let echo = Echo::start();
    for (behaviour, has_template, is_taken) in [
        ("WHEN_NO_MATCH", true, true),
        ("WHEN_NO_TEMPLATES", true, false),
        ("NEVER", true, false),
        ("WHEN_NO_MATCH", false, true),
        ("WHEN_NO_TEMPLATES", false, true),
        ("NEVER", false, false),
    ] {
        let templates = if has_template { json!({ "a/b": "made" }) } else { json!({}) };
        let method = custom(
            &echo,
            json!({ "passthroughBehavior": behaviour, "requestTemplates": templates,
                "contentHandling": if is_taken { Value::Null } else { "CONVERT_TO_BINARY".into() } }),
        );
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
        for line in ["POST /", "GET /"] {
            let body = if line == "GET /" { "" } else { "no base64!" };
            let reply = ask(&gateway, line, "Content-Type: text/plain\r\n", body);
            if is_taken {
                assert_eq!(reply.status, 200, "{behaviour} {has_template}");
                assert!(echo.last().ends_with(&format!("\r\n\r\n{body}")), "{}", echo.last());
            } else {
                let refused = (415, r#"{"message":"Unsupported Media Type"}"#);
                assert_eq!(reply.brief(), refused, "{behaviour} {has_template} {line}");
                assert_eq!(reply.field("x-amzn-errortype"), Some("badrequestexception"));
            }
        }
    }
}

#[test]
fn an_answer_that_is_kept_has_at_most_10_mib() {
    const MAX: usize = 10 * 1024 * 1024;
    let gateway = Gateway::start();
    let answers = json!({ "200": { "statusCode": "200", "responseTemplates": { "application/json": "made" } } });
    for (bytes, expected) in [(MAX, 200), (MAX + 1, 500)] {
        let echo = Echo::telling("200 OK", "", "x".repeat(bytes));
        let method = custom(&echo, json!({ "integrationResponses": answers }));
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
        assert_eq!(ask(&gateway, "GET /", "", "").status, expected, "{bytes}");
    }
}

#[test]
fn a_mock_has_the_status_that_its_template_says_as_written() {
    let gateway = Gateway::start();
    let of = |template: &str| {
        let mut method = mock("answered");
        method["methodIntegration"]["requestTemplates"] = json!({ "application/json": template });
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
        ask(&gateway, "GET /", "", "").status
    };
    for taken in [
        "{ statusCode: 200 }",
        "{'statusCode': 200, '': ''}",
        "{statusCode: 0}",
        "{\"statusCode\": -5}",
    ] {
        assert_eq!(of(taken), 200, "{taken}");
    }
    for refused in [
        "{\"statusCode\": \"200\"}",
        "{\"statusCode': 200 }",
        "statusCode: 200",
        "{\"statusCode\": 200",
    ] {
        assert_eq!(of(refused), 500, "{refused}");
    }
}

#[test]
fn a_back_end_that_is_late_or_gone_is_504_in_amazons_words() {
    let gateway = Gateway::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let late = r#"{"message": "Endpoint request timed out"}"#;
    let failed = r#"{"message": "Network error communicating with endpoint"}"#;
    for (address, message) in [(silent.local_addr().unwrap(), late), (gone, failed)] {
        for kind in ["HTTP", "HTTP_PROXY"] {
            let mut method = proxy(
                &format!("http://{address}/"),
                json!({ "type": kind, "timeoutInMillis": 200, "integrationResponses": { "200": { "statusCode": "200" } } }),
            );
            method["methodResponses"] = json!({ "200": {} });
            gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
            let reply = ask(&gateway, "POST /", "", "x");
            assert_eq!(reply.brief(), (504, message), "{kind}");
            assert_eq!(reply.field("x-amzn-errortype"), Some("internalservererrorexception"));
        }
    }
}

#[test]
fn what_is_wrong_first_is_told_and_nothing_else() {
    let echo = Echo::start();
    let mut method = custom(&echo, json!({ "passthroughBehavior": "NEVER" }));
    method["requestValidatorId"] = "v".into();
    method["requestParameters"] = json!({ "method.request.header.X-Needed": true });
    method["requestModels"] = json!({ "application/json": "Object" });
    let mut guarded = method.clone();
    guarded["authorizationType"] = "AWS_IAM".into();
    let mut release = crate::stages::definition(&[
        ("/", json!({ "POST": method })),
        ("/guarded", json!({ "POST": guarded })),
    ]);
    release.request_validators = serde_json::from_value(json!([
        { "id": "v", "validateRequestBody": true, "validateRequestParameters": true },
    ]))
    .unwrap();
    release.models = serde_json::from_value(json!([
        { "name": "Object", "schema": "{\"type\": \"object\"}" },
    ]))
    .unwrap();
    let stage = crate::stages::rest_stage(json!({ "stageName": "prod" }));
    let gateway = Gateway::start();
    gateway.deploy(compile_rest_stage(&crate::stages::place("abcdefghij"), &stage, &release, None));
    let too_much = gateway.ask(
        "POST /_aws/execute-api/abcdefghij/prod/nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n",
    );
    assert_eq!(too_much.status, 413, "before the route");
    for (line, fields, body, expected) in [
        ("POST /nowhere", "", "[]", "Missing Authentication Token"),
        ("POST /guarded", "", "[]", "Missing Authentication Token"),
        ("POST /", "", "[]", "Missing required request parameters: [X-Needed]"),
        ("POST /", "X-Needed: 1\r\n", "[]", "Invalid request body"),
        ("POST /", "X-Needed: 1\r\n", "{}", "Unsupported Media Type"),
    ] {
        let reply = ask(&gateway, line, fields, body);
        assert_eq!(reply.body, format!(r#"{{"message":"{expected}"}}"#), "{line} {fields} {body}");
    }
}
