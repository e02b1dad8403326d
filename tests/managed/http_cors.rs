//! Cross-origin rules of HTTP APIs, as browsers meet them.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{http_api, place};
use ringgate::snapshot::managed::{CompiledStage, compile_http_stage};
use serde_json::{Value, json};

const HOST: &str = "abcdefghij.execute-api.us-east-1.localhost";

fn ask(gateway: &Gateway, line: &str, fields: &str) -> Reply {
    gateway.ask(&format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"))
}

fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Reply {
    let fields = format!("Origin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n");
    ask(gateway, &format!("OPTIONS {path}"), &fields)
}

/// An API with these routes to a back end and these rules.
fn deployed(echo: &Echo, keys: &[&str], cors: &Value) -> Gateway {
    let gateway = Gateway::start();
    let to_echo = json!({ "integrationUri": format!("http://{}/p", echo.address) });
    let routes: Vec<(&str, Value)> = keys.iter().map(|key| (*key, to_echo.clone())).collect();
    let api = json!({ "corsConfiguration": cors });
    gateway.deploy(http_api("abcdefghij", json!({}), api, &routes));
    gateway
}

#[test]
fn a_preflight_is_a_routes_where_one_takes_it_and_the_gateways_otherwise() {
    let echo = Echo::start();
    let cors = json!({ "allowOrigins": ["*"] });
    let gateway = deployed(&echo, &["GET /x", "OPTIONS /own", "ANY /any/{proxy+}"], &cors);
    for (path, status) in
        [("/x", 204), ("/no/route/at/all", 204), ("/own", 200), ("/any/deep/er", 200)]
    {
        assert_eq!(preflight(&gateway, path, "https://a.test").status, status, "{path}");
    }
    let gateway = deployed(&echo, &["GET /x", "$default"], &cors);
    assert_eq!(preflight(&gateway, "/x", "https://a.test").status, 200, "`$default` takes it");
    // Without rules there is nothing to answer.
    let gateway = deployed(&echo, &["GET /x"], &Value::Null);
    assert_eq!(preflight(&gateway, "/x", "https://a.test").status, 404);
}

#[test]
fn origins_are_let_in_exactly_by_scheme_or_all() {
    let echo = Echo::start();
    for (origins, origin, told) in [
        (json!(["*"]), "https://a.test", Some("*")),
        (json!(["*"]), "null", Some("*")),
        (json!(["https://*"]), "https://a.test", Some("https://a.test")),
        (json!(["https://*"]), "http://a.test", None),
        (json!(["http://*"]), "http://a.test:81", Some("http://a.test:81")),
        (json!(["https://a.test"]), "https://a.test", Some("https://a.test")),
        (json!(["https://a.test"]), "https://a.test:8443", None),
        (json!(["https://a.test"]), "https://b.test", None),
        (json!(["https://b.test", "https://a.test"]), "https://a.test", Some("https://a.test")),
    ] {
        let cors = json!({ "allowOrigins": origins, "exposeHeaders": ["x-e"] });
        let gateway = deployed(&echo, &["GET /x"], &cors);
        let asked = preflight(&gateway, "/x", origin);
        let actual = ask(&gateway, "GET /x", &format!("Origin: {origin}\r\n"));
        assert_eq!((asked.status, actual.status), (204, 200));
        for reply in [asked, actual] {
            assert_eq!(reply.field("access-control-allow-origin"), told, "{origins} {origin}");
            let expected = told.map(|_| "x-e");
            assert_eq!(reply.field("access-control-expose-headers"), expected, "{origin}");
            let expected = told.filter(|told| *told != "*").map(|_| "origin");
            assert_eq!(reply.field("vary"), expected, "{origins} {origin}");
        }
    }
}

#[test]
fn stars_are_told_as_they_are_and_methods_are_not_compared() {
    let echo = Echo::start();
    let cors = json!({
        "allowOrigins": ["https://a.test"], "allowMethods": ["*"], "allowHeaders": ["*"], "maxAge": -1,
    });
    let gateway = deployed(&echo, &["GET /x"], &cors);
    let reply = preflight(&gateway, "/x", "https://a.test");
    for (name, value) in [
        ("access-control-allow-methods", Some("*")),
        ("access-control-allow-headers", Some("*")),
        ("access-control-max-age", Some("-1")),
        ("access-control-allow-credentials", None),
        ("access-control-expose-headers", None),
    ] {
        assert_eq!(reply.field(name), value, "{name}");
    }
    // The browser decides what a method or header that is not allowed means.
    let cors = json!({ "allowOrigins": ["*"], "allowMethods": ["GET"], "allowHeaders": ["x-a"] });
    let gateway = deployed(&echo, &["GET /x"], &cors);
    let fields = "Origin: https://a.test\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: x-b\r\n";
    let reply = ask(&gateway, "OPTIONS /x", fields);
    assert_eq!(reply.brief(), (204, ""));
    assert_eq!(reply.field("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.field("access-control-allow-methods"), Some("get"));
}

#[test]
fn a_back_ends_own_fields_are_dropped_wherever_there_are_rules() {
    let echo = Echo::answering(
        "200 OK",
        "Access-Control-Allow-Origin: *\r\nACCESS-CONTROL-EXPOSE-HEADERS: x\r\nX-Kept: 1\r\n",
    );
    let cors = json!({ "allowOrigins": ["https://a.test"] });
    let gateway = deployed(&echo, &["GET /x"], &cors);
    for fields in ["", "Origin: https://b.test\r\n"] {
        let reply = ask(&gateway, "GET /x", fields);
        assert!(!reply.head.contains("access-control"), "{fields}: {}", reply.head);
        assert_eq!(reply.field("x-kept"), Some("1"));
    }
    let gateway = deployed(&echo, &["GET /x"], &Value::Null);
    let reply = ask(&gateway, "GET /x", "Origin: https://b.test\r\n");
    assert_eq!(reply.field("access-control-allow-origin"), Some("*"), "there are no rules");
}

#[test]
fn the_gateways_own_answers_get_the_fields_too() {
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start();
    let routes = [
        ("GET /down", json!({ "integrationUri": format!("http://{refused}/") })),
        ("GET /broken", json!({ "integrationUri": "http://{host}/" })),
    ];
    let cors = json!({ "allowOrigins": ["https://a.test"], "allowCredentials": true });
    let api = json!({ "corsConfiguration": cors });
    gateway.deploy(http_api("abcdefghij", json!({}), api, &routes));
    for (path, status) in [("/nowhere", 404), ("/broken", 500), ("/down", 502)] {
        let reply = ask(&gateway, &format!("GET {path}"), "Origin: https://a.test\r\n");
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.field("access-control-allow-origin"), Some("https://a.test"), "{path}");
        assert_eq!(reply.field("access-control-allow-credentials"), Some("true"), "{path}");
        let reply = ask(&gateway, &format!("GET {path}"), "");
        assert!(!reply.head.contains("access-control"), "{path}: {}", reply.head);
    }
}

/// An API whose routes ask for a signature.
fn protected(echo: &Echo, keys: &[&str]) -> CompiledStage {
    let route = |key: &&str| json!({ "routeKey": key, "authorizationType": "AWS_IAM", "target": "integrations/i" });
    let release = json!({
        "api": { "protocolType": "HTTP", "corsConfiguration": { "allowOrigins": ["*"] } },
        "routes": keys.iter().map(route).collect::<Vec<_>>(),
        "integrations": [{
            "integrationId": "i", "integrationType": "HTTP_PROXY", "integrationMethod": "ANY",
            "integrationUri": format!("http://{}/p", echo.address),
        }],
    });
    let stage = serde_json::from_value(json!({ "stageName": "$default" })).unwrap();
    let release = serde_json::from_value(release).unwrap();
    compile_http_stage(&place("abcdefghij"), &stage, &release)
}

#[test]
fn a_preflight_needs_no_authorization_unless_a_protected_route_takes_it() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    gateway.deploy(protected(&echo, &["GET /x", "ANY /any"]));
    assert_eq!(preflight(&gateway, "/x", "https://a.test").status, 204);
    let refused = ask(&gateway, "GET /x", "Origin: https://a.test\r\n");
    assert_eq!(refused.brief(), (403, r#"{"message":"Forbidden"}"#));
    assert_eq!(refused.field("access-control-allow-origin"), Some("*"), "browsers may read why");
    let refused = preflight(&gateway, "/any", "https://a.test");
    assert_eq!(refused.brief(), (403, r#"{"message":"Forbidden"}"#), "the route takes it");
}
