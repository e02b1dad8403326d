//! Which host and path lead to which stage and route of an HTTP API.

use crate::gateway::{Echo, Gateway};
use crate::stages::{domain_name, http, http_api, mock, rest};
use ringgate::snapshot::Protocol;
use ringgate::snapshot::managed::ApiChange;
use serde_json::json;

const FORBIDDEN: (u16, &str) = (403, r#"{"message":"Forbidden"}"#);
const NOT_FOUND: (u16, &str) = (404, r#"{"message":"Not Found"}"#);

fn told(api_id: &str, protocol: Protocol) -> ApiChange {
    ApiChange::Put { api_id: api_id.into(), region: "us-east-1".into(), protocol }
}

#[test]
fn an_api_without_a_stage_answers_in_its_protocols_words() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let by_path = |api: &str| gateway.get("any", &format!("/_aws/execute-api/{api}/v1/x"));
    assert_eq!(gateway.of_api("httpapi001", "/v1/x").brief(), FORBIDDEN, "nobody knows it yet");
    gateway.tell_of(told("httpapi001", Protocol::Http));
    gateway.tell_of(told("restapi001", Protocol::Rest));
    for (api, expected) in
        [("httpapi001", NOT_FOUND), ("restapi001", FORBIDDEN), ("unknown001", FORBIDDEN)]
    {
        for path in ["/", "/v1/x"] {
            assert_eq!(gateway.of_api(api, path).brief(), expected, "{api}{path}");
        }
        assert_eq!(by_path(api).brief(), expected, "{api}");
    }
    let elsewhere = gateway.get("httpapi001.execute-api.eu-west-1.localhost", "/v1/x");
    assert_eq!(elsewhere.brief(), FORBIDDEN, "it is of another region");

    let uri = format!("http://{}", echo.address);
    gateway.deploy(http("httpapi001", "v1", &[("$default", &uri)]));
    assert_eq!(gateway.of_api("httpapi001", "/v1/x").status, 200);
    assert_eq!(gateway.of_api("httpapi001", "/x").brief(), NOT_FOUND);
    gateway.remove("httpapi001", "v1");
    assert_eq!(gateway.of_api("httpapi001", "/v1/x").brief(), NOT_FOUND, "the API is still there");
    gateway.tell_of(ApiChange::Remove { api_id: "httpapi001".into() });
    assert_eq!(gateway.of_api("httpapi001", "/v1/x").brief(), FORBIDDEN);
}

#[test]
fn a_disabled_endpoint_of_an_http_api_is_not_found_and_its_domain_name_leads_on() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let routes = [("$default", json!({ "integrationUri": format!("http://{}", echo.address) }))];
    for name in ["$default", "v1"] {
        let stage = json!({ "stageName": name });
        let api = json!({ "disableExecuteApiEndpoint": true });
        gateway.deploy(http_api("abcdefghij", stage, api, &routes));
    }
    let mappings = [("", "abcdefghij", "$default")];
    gateway.name(domain_name(json!({ "domainName": "api.example.com" }), &mappings, &[]));
    for path in ["/x", "/v1/x"] {
        assert_eq!(gateway.of_api("abcdefghij", path).brief(), NOT_FOUND, "{path}");
        let by_path = gateway.get("any", &format!("/_aws/execute-api/abcdefghij{path}"));
        assert_eq!(by_path.brief(), NOT_FOUND, "{path}");
        assert_eq!(gateway.get("api.example.com", path).body, format!("GET {path} HTTP/1.1"));
    }
}

/// Amazon's own example, and mappings that end where a segment does.
#[test]
fn a_domains_mapping_names_api_and_stage_and_its_key_is_taken_off() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let at = |path: &str| format!("http://{}/{path}", echo.address);
    for (api, stage) in [
        ("api0000001", "$default"),
        ("api0000001", "v1"),
        ("api0000002", "$default"),
        ("api0000003", "prod"),
        ("api0000004", "$default"),
    ] {
        let uri = at(&format!("{}{}", &api[9..], stage.trim_start_matches('$')));
        gateway.deploy(http(api, stage, &[("$default", &uri)]));
    }
    // A REST API beside HTTP APIs.
    gateway.deploy(rest("restapi001", &[("/{proxy+}", json!({ "ANY": mock("rest") }))]));
    let mappings = [
        ("", "api0000001", "$default"),
        ("orders/v1/items", "api0000002", "$default"),
        ("orders/v2/items", "api0000003", "prod"),
        ("orders/v2/items/categories", "api0000004", "$default"),
        ("rest", "restapi001", "prod"),
        ("none", "api0000002", "gone"),
    ];
    let named = |mappings| domain_name(json!({ "domainName": "s.example.com" }), mappings, &[]);
    gateway.name(named(&mappings));
    for (path, expected) in [
        ("/orders/v1/items", "GET /2default/ HTTP/1.1"),
        ("/orders/v1/items/123?q=1", "GET /2default/123?q=1 HTTP/1.1"),
        ("/orders/v2/items", "GET /3prod/ HTTP/1.1"),
        ("/orders/v2/items/categories/5", "GET /4default/5 HTTP/1.1"),
        ("/orders/v2/itemsX", "GET /1default/orders/v2/itemsX HTTP/1.1"),
        ("/Orders/v1/items", "GET /1default/Orders/v1/items HTTP/1.1"),
        ("/customers", "GET /1default/customers HTTP/1.1"),
        // Behind a mapping no segment names a stage.
        ("/v1/x", "GET /1default/v1/x HTTP/1.1"),
        ("/orders/v2/items/prod", "GET /3prod/prod HTTP/1.1"),
        ("/rest/x", "rest"),
    ] {
        let reply = gateway.get("s.example.com", path);
        assert_eq!(reply.brief(), (200, expected), "{path}");
    }
    assert_eq!(gateway.get("s.example.com", "/none/x").brief(), NOT_FOUND, "no such stage");
    gateway.name(named(&mappings[1..2]));
    assert_eq!(gateway.get("s.example.com", "/customers").brief(), FORBIDDEN, "no mapping");
}

#[test]
fn routes_are_chosen_by_path_first_and_then_by_method() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let keys = [
        "GET /pets/dog/1",
        "GET /pets/dog/{id}",
        "GET /pets/{proxy+}",
        "ANY /pets/any",
        "DELETE /pets/any",
        "POST /only/post",
        "GET /Case",
    ];
    let uri = |index: usize| format!("http://{}/{index}", echo.address);
    let uris: Vec<String> = (0..keys.len()).map(uri).collect();
    let routes: Vec<(&str, &str)> =
        keys.iter().zip(&uris).map(|(key, uri)| (*key, &**uri)).collect();
    gateway.deploy(http("abcdefghij", "$default", &routes));
    let ask = |request: &str| {
        let host = "abcdefghij.execute-api.us-east-1.localhost";
        gateway.ask(&format!("{request} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    };
    for (request, route) in [
        ("GET /pets/dog/1", 0),
        ("GET /pets/dog/2", 1),
        ("GET /pets/cat/1", 2),
        ("DELETE /pets/any", 4),
        ("GET /pets/any", 3),
        ("PROPFIND /pets/any", 3),
        ("POST /only/post", 5),
    ] {
        let (method, _) = request.split_once(' ').expect("a method");
        assert_eq!(ask(request).body, format!("{method} /{route} HTTP/1.1"), "{request}");
    }
    // There is no 405: what no route takes is not there.
    for request in [
        "GET /",
        "GET /pets",
        "GET /only/post",
        "POST /pets/dog/1",
        "GET /case",
        "GET /Case/",
        "HEAD /pets/dog/1",
    ] {
        assert_eq!(ask(request).status, 404, "{request}");
    }
    assert_eq!(ask("GET /only/post").brief(), NOT_FOUND);
}
