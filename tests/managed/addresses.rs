//! Which host and path lead to which stage.

use crate::gateway::Gateway;
use crate::stages::{domain_name, http, mock, rest};
use serde_json::{Value, json};

const FORBIDDEN: (u16, &str) = (403, r#"{"message":"Forbidden"}"#);
const NOT_FOUND: (u16, &str) = (404, r#"{"message":"Not Found"}"#);
const NO_TOKEN: (u16, &str) = (403, r#"{"message":"Missing Authentication Token"}"#);

fn pets(body: &str) -> [(&'static str, Value); 2] {
    [("/", json!({ "GET": mock("root") })), ("/pets", json!({ "GET": mock(body) }))]
}

#[test]
fn a_rest_api_answers_at_its_host_its_stage_and_both_path_forms() {
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &pets("all pets")));
    let host = "abcdefghij.execute-api.us-east-1.localhost";
    for (host, path) in [
        (host, "/prod/pets"),
        (host, "//prod/pets"),
        ("ABCDEFGHIJ.Execute-API.us-east-1.localhost:8080", "/prod/pets/"),
        ("abcdefghij.execute-api.us-east-1.amazonaws.test.", "/prod/pets"),
        ("anything", "/_aws/execute-api/abcdefghij/prod/pets"),
        ("anything", "/restapis/abcdefghij/prod/_user_request_/pets"),
        ("file.example.com", "/_aws/execute-api/abcdefghij/prod/pets"),
    ] {
        assert_eq!(gateway.get(host, path).brief(), (200, "all pets"), "{host}{path}");
    }
    for path in ["/prod", "/prod/"] {
        assert_eq!(gateway.get(host, path).brief(), (200, "root"), "{path}");
    }
    let form = "/restapis/abcdefghij/prod/_user_request_";
    assert_eq!(gateway.get("any", form).brief(), (200, "root"));
    for (host, path, expected) in [
        (host, "/prod/none", NO_TOKEN),
        (host, "/other/pets", FORBIDDEN),
        (host, "/", FORBIDDEN),
        ("abcdefghij.execute-api.eu-west-1.localhost", "/prod/pets", FORBIDDEN),
        ("unknown000.execute-api.us-east-1.localhost", "/prod/pets", FORBIDDEN),
        ("any", "/_aws/execute-api/unknown000/prod/pets", FORBIDDEN),
        ("any", "/restapis/unknown000/prod/_user_request_/x", FORBIDDEN),
        // None of the forms: the file's.
        ("abcdefghij.execute-api.us-east-1.elsewhere", "/prod/pets", (200, "of the file")),
        ("abcdefghij", "/prod/pets", (200, "of the file")),
        ("any", "/restapis/abcdefghij/prod/pets", (200, "of the file")),
        ("any", "/prod/pets", (200, "of the file")),
    ] {
        assert_eq!(gateway.get(host, path).brief(), expected, "{host}{path}");
    }
    let reply = gateway.get(host, "/nope/pets");
    assert_eq!(reply.field("x-amzn-errortype"), Some("forbiddenexception"));
}

#[test]
fn an_http_apis_default_stage_needs_no_segment_and_a_named_one_goes_first() {
    let echo = crate::gateway::Echo::start();
    let uri = format!("http://{}", echo.address);
    let gateway = Gateway::start();
    let named = format!("{uri}/named");
    let default = format!("{uri}/default");
    gateway.deploy(http("abcdefghij", "v1", &[("$default", &named)]));
    let at_host = |path: &str| gateway.of_api("abcdefghij", path);
    assert_eq!(at_host("/v1/x").body, "GET /named/x HTTP/1.1");
    assert_eq!(at_host("/v2/x").brief(), NOT_FOUND, "no such stage, and no default one");
    assert_eq!(at_host("/").field("x-amzn-errortype"), None, "HTTP APIs have none");

    gateway.deploy(http("abcdefghij", "$default", &[("$default", &default)]));
    for (path, expected) in [
        ("/v1/x?a=b", "GET /named/x?a=b HTTP/1.1"),
        ("/v1", "GET /named/ HTTP/1.1"),
        ("/v12/x", "GET /default/v12/x HTTP/1.1"),
        ("/", "GET /default/ HTTP/1.1"),
        ("//v1/x", "GET /default//v1/x HTTP/1.1"),
        ("/$default/x", "GET /default/$default/x HTTP/1.1"),
    ] {
        assert_eq!(at_host(path).body, expected, "{path}");
    }
    let by_path = |path: &str| gateway.get("any", &format!("/_aws/execute-api/abcdefghij{path}"));
    assert_eq!(by_path("/$default/x").body, "GET /default/x HTTP/1.1");
    assert_eq!(by_path("/v1/x").body, "GET /named/x HTTP/1.1");
    assert_eq!(by_path("/x").body, "GET /default/x HTTP/1.1");
    assert_eq!(by_path("").body, "GET /default/ HTTP/1.1");
}

#[test]
fn a_disabled_endpoint_is_reached_by_its_domain_names_only() {
    let gateway = Gateway::start();
    let mut stage = rest("abcdefghij", &pets("all pets"));
    stage.stage.default_endpoint = ringgate::snapshot::managed::DefaultEndpoint::Disabled;
    gateway.deploy(stage);
    gateway.name(domain_name(
        json!({ "domainName": "api.example.com" }),
        &[("", "abcdefghij", "prod")],
        &[],
    ));
    assert_eq!(gateway.of_api("abcdefghij", "/prod/pets").brief(), FORBIDDEN);
    let by_path = gateway.get("any", "/_aws/execute-api/abcdefghij/prod/pets");
    assert_eq!(by_path.brief(), FORBIDDEN);
    assert_eq!(gateway.get("api.example.com", "/pets").brief(), (200, "all pets"));
}

/// Amazon's own example, with a mapping that lets the path name the stage.
#[test]
fn the_longest_mapping_wins_and_its_key_is_taken_off() {
    let gateway = Gateway::start();
    for (api, body) in
        [("api0000001", "1"), ("api0000002", "2"), ("api0000003", "3"), ("api0000004", "4")]
    {
        let any = json!({ "ANY": mock(body) });
        gateway.deploy(rest(api, &[("/", any.clone()), ("/{proxy+}", any)]));
    }
    let mappings = [
        ("", "api0000001", "prod"),
        ("orders/v1/items", "api0000002", "prod"),
        ("orders/v2/items", "api0000003", "prod"),
        ("orders/v2/items/categories", "api0000004", "prod"),
        ("open", "api0000002", ""),
        ("gone", "api0000009", "prod"),
    ];
    gateway.name(domain_name(json!({ "domainName": "Shop.example.com" }), &mappings, &[]));
    for (path, expected) in [
        ("/orders/v1/items", (200, "2")),
        ("/orders/v1/items/123", (200, "2")),
        ("/orders/v2/items", (200, "3")),
        ("/orders/v2/itemsX", (200, "1")),
        ("/orders/v2/items/categories/5", (200, "4")),
        ("/customers", (200, "1")),
        ("/open/prod/x", (200, "2")),
        ("/open/test/x", FORBIDDEN),
        ("/open", FORBIDDEN),
        ("/gone/x", FORBIDDEN),
    ] {
        assert_eq!(gateway.get("shop.EXAMPLE.com:443", path).brief(), expected, "{path}");
    }
    // Without an empty mapping nothing takes the rest.
    gateway.name(domain_name(json!({ "domainName": "shop.example.com" }), &mappings[1..2], &[]));
    assert_eq!(gateway.get("shop.example.com", "/customers").brief(), FORBIDDEN);
}

#[test]
fn an_exact_name_goes_before_a_wildcard_and_the_files_own_before_both() {
    let gateway = Gateway::start();
    gateway.deploy(rest("api0000001", &[("/", json!({ "GET": mock("exact") }))]));
    gateway.deploy(rest("api0000002", &[("/", json!({ "GET": mock("wildcard") }))]));
    for (name, api) in [
        ("a.example.com", "api0000001"),
        ("*.example.com", "api0000002"),
        ("file.example.com", "api0000001"),
    ] {
        gateway.name(domain_name(json!({ "domainName": name }), &[("", api, "prod")], &[]));
    }
    for (host, expected) in [
        ("a.example.com", "exact"),
        ("b.example.com", "wildcard"),
        ("a.b.example.com", "of the file"),
        (".example.com", "of the file"),
        ("example.com", "of the file"),
        ("file.example.com", "of the file's domain"),
    ] {
        assert_eq!(gateway.get(host, "/").body, expected, "{host}");
    }
}

#[test]
fn routing_rules_are_asked_lowest_first_and_then_the_mappings() {
    let gateway = Gateway::start();
    for (api, body) in [("api0000001", "rule"), ("api0000002", "other"), ("api0000003", "mapped")] {
        let any = json!({ "ANY": mock(body) });
        gateway.deploy(rest(api, &[("/", any.clone()), ("/v1/{proxy+}", any)]));
    }
    let rule = |priority: i64, conditions: Value, api: &str, strip: bool| {
        json!({
            "priority": priority,
            "conditions": conditions,
            "actions": [{ "invokeApi": { "apiId": api, "stage": "prod", "stripBasePath": strip } }],
        })
    };
    let header = |name: &str, glob: &str| json!({ "matchHeaders": { "anyOf": [{ "header": name, "valueGlob": glob }] } });
    let path = json!({ "matchBasePaths": { "anyOf": ["v1"] } });
    let rules = [
        rule(20, json!([path]), "api0000002", false),
        rule(10, json!([path, header("X-Beta", "yes*")]), "api0000001", true),
        rule(30, json!([header("X-Tail", "*end"), header("X-Mid", "*in*")]), "api0000001", false),
    ];
    let named = |mode: &str| {
        domain_name(
            json!({ "domainName": "r.example.com", "routingMode": mode }),
            &[("", "api0000003", "prod")],
            &rules,
        )
    };
    let ask = |path: &str, fields: &str| {
        gateway.ask(&format!("GET {path} HTTP/1.1\r\nHost: r.example.com\r\n{fields}\r\n"))
    };
    gateway.name(named("ROUTING_RULE_THEN_BASE_PATH_MAPPING"));
    for (path, fields, expected) in [
        ("/v1", "x-beta: yes please\r\n", "rule"),
        ("/v1/x", "X-Beta: Yes\r\n", "other"),
        ("/v1/x", "", "other"),
        ("/", "X-Tail: the end\r\nX-Mid: begin\r\n", "rule"),
        ("/", "X-Tail: the end\r\n", "mapped"),
        ("/", "", "mapped"),
    ] {
        assert_eq!(ask(path, fields).body, expected, "{path} {fields}");
    }
    gateway.name(named("ROUTING_RULE_ONLY"));
    assert_eq!(ask("/", "").brief(), NOT_FOUND);
    // A rule without conditions takes all that comes to it.
    let mode = json!({ "domainName": "r.example.com", "routingMode": "ROUTING_RULE_ONLY" });
    let all =
        [rule(10, json!([path]), "api0000002", false), rule(20, json!([]), "api0000001", false)];
    gateway.name(domain_name(mode, &[], &all));
    assert_eq!((&*ask("/v1/x", "").body, &*ask("/", "").body), ("other", "rule"));
    gateway.name(named("BASE_PATH_MAPPING_ONLY"));
    assert_eq!(ask("/", "X-Tail: end\r\nX-Mid: in\r\n").body, "mapped");
}

#[test]
fn a_name_that_asks_for_client_certificates_refuses() {
    let gateway = Gateway::start();
    gateway.deploy(rest("api0000001", &[("/", json!({ "GET": mock("x") }))]));
    gateway.name(domain_name(
        json!({
            "domainName": "m.example.com",
            "mutualTlsAuthentication": { "truststoreUri": "s3://bucket/key" },
        }),
        &[("", "api0000001", "prod")],
        &[],
    ));
    assert_eq!(gateway.get("m.example.com", "/").brief(), FORBIDDEN);
}
