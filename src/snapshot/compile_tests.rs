//! Configurations in, snapshots out: what compiling must keep, join and refuse.

use super::*;
use std::path::Path;

fn snapshot(text: &str) -> Snapshot {
    let model = model::parse(Path::new("test.toml"), text.to_owned());
    compile(&model.expect("a valid configuration"), 3, 7)
}

const SHOP: &str = r#"
    [access_log]
    format = "clf"
    [[upstream]]
    name = "catalog"
    targets = ["catalog.internal:80", { address = "[::1]:9001", weight = 3 }]
    [[api]]
    name = "shop"
    protocol = "http"
    base_path = "/shop"
    [[api.route]]
    route = "GET /products/{id}"
    integration = { type = "http_proxy", upstream = "catalog", path = "/v1/products/{id}", method = "POST", timeout = "3s" }
    [[api.route]]
    route = "$default"
    integration = { type = "http_proxy", url = "https://other.internal/base/" }
    [[api]]
    name = "old"
    protocol = "rest"
    [[api.route]]
    route = "GET /hello"
    integration = { type = "mock", body = "hello" }
    [[api.route]]
    route = "GET /back"
    integration = { type = "http_proxy", url = "https://OTHER.internal" }
"#;

#[test]
fn a_model_becomes_a_program() {
    let snapshot = snapshot(SHOP);
    assert_eq!(snapshot.version, 3);
    let (api, stripped) = snapshot.find_api(b"localhost", b"/shop/products/7").expect("an API");
    let api = snapshot.api(api);
    assert_eq!((&*api.name, stripped), ("shop", 5));

    let mut parameters = crate::snapshot::PathParameters::new();
    let route = api.table.find("GET", b"/products/7", &mut parameters).expect("a route");
    let route = api.route(route);
    assert_eq!((&*route.key, &*route.parameters[0]), ("GET /products/{id}", "id"));
    assert_eq!(&*route.program.phases, [Phase::Integrate]);
    let Integration::HttpProxy(proxy) = &route.integration else {
        panic!("a proxy was declared");
    };
    assert_eq!(proxy.method.as_deref(), Some("POST"));
    assert_eq!(proxy.timeout.as_secs(), 3);
    assert_eq!(&*snapshot.upstream(proxy.upstream).name, "catalog");
    let mut path = Vec::new();
    assert_eq!(proxy.path.write(b"/products/7", &parameters, &mut path), Ok(()));
    assert_eq!(path, b"/v1/products/7");
}

#[test]
fn a_target_is_named_with_its_port_and_asked_without_a_default_one() {
    let snapshot = snapshot(SHOP);
    let targets: Vec<_> = snapshot.upstreams[0]
        .targets
        .iter()
        .map(|target| (&*target.host, &*target.address, &*target.authority, target.weight))
        .collect();
    assert_eq!(
        targets,
        [
            ("catalog.internal", "catalog.internal:80", "catalog.internal", 1),
            ("::1", "[::1]:9001", "[::1]:9001", 3),
        ]
    );
}

#[test]
fn urls_with_the_same_origin_share_one_upstream() {
    let snapshot = snapshot(SHOP);
    assert_eq!(snapshot.upstreams.len(), 2);
    let implied = &snapshot.upstreams[1];
    assert_eq!(&*implied.name, "https://other.internal");
    assert!(implied.tls.is_some());
    assert_eq!(implied.targets[0].port, 443);
}

#[test]
fn a_default_route_puts_the_request_path_behind_its_own() {
    let snapshot = snapshot(SHOP);
    let Integration::HttpProxy(proxy) = &snapshot.apis[0].routes[1].integration else {
        panic!("a proxy was declared");
    };
    assert_eq!(proxy.path, ProxyPath::Under(b"/base".as_slice().into()));
    assert_eq!(proxy.timeout.as_secs(), 30, "the default of HTTP APIs");
    let Integration::HttpProxy(proxy) = &snapshot.apis[1].routes[1].integration else {
        panic!("a proxy was declared");
    };
    assert_eq!(proxy.path, ProxyPath::AsReceived);
    assert_eq!(proxy.timeout.as_secs(), 29, "the default of REST APIs");
}

#[test]
fn apis_that_log_alike_share_one_log() {
    let snapshot = snapshot(SHOP);
    assert_eq!(snapshot.access_logs.len(), 1);
    assert_eq!(snapshot.apis[0].access_log, snapshot.apis[1].access_log);
    assert!(snapshot.apis[0].access_log.is_some());
}

#[test]
fn an_api_id_never_changes() {
    let snapshot = snapshot(SHOP);
    // Clients and dashboards hold these: a change of the function breaks them.
    assert_eq!(
        [&*snapshot.apis[0].id, &*snapshot.apis[1].id],
        [&*stable_id("shop"), &*stable_id("old")]
    );
    assert_eq!(&*stable_id("shop"), "giu2q6oyod");
    assert!(stable_id("x").bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    assert_eq!(stable_id("").len(), 10);
}

#[test]
fn a_pool_survives_a_reload_that_does_not_change_its_upstream() {
    let before = snapshot(SHOP);
    let unrelated = snapshot(&SHOP.replace("/shop", "/store"));
    let changed = snapshot(&SHOP.replace("weight = 3", "weight = 4"));
    assert_eq!(before.upstreams[0].key, unrelated.upstreams[0].key);
    assert_ne!(before.upstreams[0].key, changed.upstreams[0].key);
    assert_eq!(before.upstreams[1].key, changed.upstreams[1].key);
}

#[test]
fn the_built_in_default_answers_hello() {
    let snapshot = snapshot(model::BUILT_IN);
    let (api, _) = snapshot.find_api(b"localhost:8080", b"/hello").expect("an API");
    let mut parameters = crate::snapshot::PathParameters::new();
    assert!(snapshot.api(api).table.find("GET", b"/hello", &mut parameters).is_some());
}
