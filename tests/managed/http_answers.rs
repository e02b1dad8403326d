//! What HTTP APIs change of a back end's answer by their parameter mappings.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::place;
use ringgate::snapshot::managed::{CompiledStage, compile_http_stage};
use serde_json::{Value, json};

/// The stage `$default` of an HTTP API with one route to a back end and these response parameters.
fn http_api(back_end: &Echo, response_parameters: &Value) -> CompiledStage {
    let release = serde_json::from_value(json!({
        "api": {
            "protocolType": "HTTP",
            "corsConfiguration": { "allowOrigins": ["*"], "exposeHeaders": ["x"] },
        },
        "routes": [{ "routeKey": "ANY /pets", "authorizationType": "NONE", "target": "integrations/i" }],
        "integrations": [{
            "integrationId": "i",
            "integrationType": "HTTP_PROXY",
            "integrationMethod": "ANY",
            "integrationUri": format!("http://{}/p", back_end.address),
            "responseParameters": response_parameters,
        }],
    }))
    .unwrap();
    let stage = json!({ "stageName": "$default", "stageVariables": { "v": "w" } });
    let stage = serde_json::from_value(stage).unwrap();
    let compiled = compile_http_stage(&place("abcdefghij"), &stage, &release);
    assert_eq!(compiled.warnings, [""; 0]);
    compiled
}

const HOST: &str = "abcdefghij.execute-api.us-east-1.localhost";

/// What a client gets whose request line begins with `verb`.
fn answer(back_end: &Echo, response_parameters: &Value, verb: &str) -> Reply {
    let gateway = Gateway::start();
    gateway.deploy(http_api(back_end, response_parameters));
    gateway.ask(&format!("{verb} /pets HTTP/1.1\r\nHost: {HOST}\r\nOrigin: http://a\r\n\r\n"))
}

fn back_end(content: &str) -> Echo {
    Echo::telling("201 Made", "X-A: 1\r\nX-A: 2\r\nETag: e\r\n", content.to_owned())
}

#[test]
fn values_come_from_the_request_the_head_the_content_and_the_stage() {
    let back_end = back_end("{\"a\": {\"b\": [7, {\"c\": \"d e\"}]}, \"n\": null}");
    let reply = answer(
        &back_end,
        &json!({ "201": {
            "overwrite:header.x-route": "$context.routeKey",
            "overwrite:header.x-both": "${context.stage} ${stageVariables.v} ${response.header.x-a}",
            "overwrite:header.x-status": "$context.integration.status",
            "overwrite:header.x-b": "$response.body.a.b[1].c",
            "append:header.x-a": "${response.body.a.b[0]}",
            "append:header.x-part": "$response.body.a",
            "overwrite:header.etag": "$response.body.none",
            "append:header.x-null": "$response.body.n",
            "append:header.x-nobody": "$context.authorizer.principalId",
        } }),
        "GET",
    );
    assert_eq!(reply.status, 201);
    assert_eq!(reply.head.lines().next(), Some("http/1.1 201 made"), "the back end's own words");
    let of = |name: &str| -> Vec<&str> {
        let lead = format!("{name}: ");
        reply.head.lines().filter_map(|line| line.strip_prefix(&lead)).collect()
    };
    assert_eq!(of("x-route"), ["any /pets"]);
    assert_eq!(of("x-both"), ["$default w 1,2"]);
    assert_eq!(of("x-status"), ["201"]);
    assert_eq!(of("x-b"), ["d e"]);
    assert_eq!(of("x-a"), ["1", "2", "7"]);
    assert_eq!(of("x-part"), ["{\"b\":[7,{\"c\":\"d e\"}]}"]);
    assert_eq!(of("etag"), ["e"], "a value that is not there changes nothing");
    assert!(of("x-null").is_empty() && of("x-nobody").is_empty(), "{}", reply.head);
    assert_eq!(of("access-control-expose-headers"), ["x"], "kept answers get them too");
    assert_eq!(reply.body.len(), 42);
}

#[test]
fn the_mappings_are_those_of_the_back_ends_status() {
    let parameters = json!({
        "201": { "overwrite:statuscode": "$response.body.code" },
        "404": { "overwrite:header.x": "$response.body" },
    });
    for (content, expected) in [
        ("{\"code\": 404}", 404),
        ("{\"code\": \"302\"}", 302),
        ("{\"code\": 199}", 201),
        ("{\"code\": 600}", 201),
        ("{\"code\": \"x\"}", 201),
        ("code 404", 201),
        ("{\"code\": 404", 201),
        ("", 201),
    ] {
        let reply = answer(&back_end(content), &parameters, "GET");
        assert_eq!(reply.brief(), (expected, content), "{content}");
        assert_eq!(reply.field("x"), None, "{content}");
    }
}

#[test]
fn an_answer_whose_new_status_has_no_content_is_sent_without() {
    for value in ["204", "$response.body.s"] {
        let parameters = json!({ "201": { "overwrite:statuscode": value } });
        let reply = answer(&back_end("{\"s\": 204}"), &parameters, "GET");
        assert_eq!(reply.brief(), (204, ""), "{value}");
        assert_eq!(reply.field("content-length"), None, "{value}");
        assert_eq!(reply.field("transfer-encoding"), None, "{value}");
    }
    let empty = Echo::telling("204 No Content", "", String::new());
    let reply = answer(&empty, &json!({ "204": { "overwrite:statuscode": "200" } }), "GET");
    assert_eq!(reply.brief(), (200, ""));
    assert_eq!(reply.field("content-length"), Some("0"), "it must not be waited for");
}

#[test]
fn a_head_has_no_content_to_map_and_keeps_its_length() {
    let parameters = json!({ "201": {
        "overwrite:header.x-b": "$response.body.a", "overwrite:header.x-c": "$context.httpMethod",
    } });
    let reply = answer(&back_end("{\"a\": 1}"), &parameters, "HEAD");
    assert_eq!((reply.status, reply.field("content-length")), (201, Some("8")));
    assert_eq!((reply.field("x-b"), reply.field("x-c")), (None, Some("head")));
}

/// A JSON document of so many bytes whose member `a` is 1.
fn document(bytes: usize) -> String {
    let (lead, end) = ("{\"a\": 1, \"b\": \"", "\"}");
    format!("{lead}{}{end}", "x".repeat(bytes - lead.len() - end.len()))
}

#[test]
fn a_path_is_looked_for_in_100_kib_and_content_is_kept_up_to_10_mib() {
    let of_content = json!({ "201": { "overwrite:header.x-m": "$response.body.a" } });
    let of_context = json!({ "201": { "overwrite:header.x-m": "$context.stage" } });
    let largest = 10 << 20;
    for (bytes, parameters, status, value) in [
        (100 << 10, &of_content, 201, Some("1")),
        ((100 << 10) + 1, &of_content, 201, None),
        (largest, &of_content, 201, None),
        (largest + 1, &of_content, 500, None),
        (largest + 1, &of_context, 201, Some("$default")),
    ] {
        let reply = answer(&back_end(&document(bytes)), parameters, "GET");
        assert_eq!((reply.status, reply.field("x-m")), (status, value), "{bytes} bytes");
        assert_eq!(reply.body.len(), if status == 201 { bytes } else { 35 }, "{bytes} bytes");
    }
}

#[test]
fn a_value_that_no_field_can_have_changes_nothing() {
    let parameters = json!({ "201": {
        "overwrite:header.x-line": "$response.body.line",
        "overwrite:header.x-mll": "$response.body",
        "overwrite:header.x-long": "${response.body.long}",
    } });
    let long = "l".repeat(10_241);
    let content = json!({ "line": "a\r\nX-Evil: 1", "long": long }).to_string();
    let reply = answer(&back_end(&content), &parameters, "GET");
    assert_eq!(reply.brief(), (201, &*content));
    for name in ["x-line", "x-evil", "x-all", "x-long"] {
        assert_eq!(reply.field(name), None, "{name}");
    }
    let long = "l".repeat(10_240);
    let content = json!({ "long": long }).to_string();
    let reply = answer(&back_end(&content), &parameters, "GET");
    assert_eq!(reply.field("x-long"), Some(&*long));
}
