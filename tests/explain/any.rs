//! Whatever is asked, there is an explanation: no panic, and an answer or a word about why there is none.

use proptest::prelude::*;
use ringgate::explain::{Asked, Reply, World, explain};
use ringgate::management::Settings;
use ringgate::management::offline::Offline;
use ringgate::resources::Timestamp;
use std::sync::OnceLock;
use std::time::Duration;

/// What the page explains, and the function's configuration.
fn world() -> World {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text =
        TEXT.get_or_init(|| std::fs::read_to_string(super::folder().join("shop.toml")).unwrap());
    let model = ringgate::model::load(Some(&super::folder().join("function.toml"))).unwrap();
    let settings = Settings::offline(&model);
    let offline = Offline::declared(&[text], "us-east-1", Timestamp(0), settings).unwrap();
    World::new(ringgate::snapshot::compile(&model, 1, 0), offline.compile())
}

fn asked(head: &str, content: &str, reply: &str) -> Asked {
    let address = "127.0.0.1:80".parse().unwrap();
    Asked {
        head: head.into(),
        content: content.into(),
        peer: address,
        local: address,
        is_tls: false,
        received: Duration::from_secs(1_772_359_200),
        random: [1, 2, 3, 4],
        verdict: None,
        reply: Some(Reply { head: reply.into(), content: content.into() }),
    }
}

#[test]
fn any_request_and_answer_are_explained() {
    let world = world();
    let paths = "(/_aws/execute-api/shop123456/prod|/restapis/shop123456/prod/_user_request_)?(/orders|/orders/[a-z%0-9]{0,4}|/health|/hello|/products/x|/[!-~]{0,6})";
    let config = ProptestConfig { cases: 400, ..ProptestConfig::default() };
    proptest!(config, |(
        method in "(GET|POST|OPTIONS|HEAD|PUT|[A-Z]{1,5})",
        path in paths,
        query in "(\\?[!-~]{0,8})?",
        field in "(X-Tenant: [ -~]{0,6}|Content-Type: [a-z]{1,5}/[a-z]{1,5}|[!-~ ]{0,12})",
        content in "(\\{\"customer\": [ -~]{0,8}, \"items\": \\[[ -~]{0,12}\\]\\}|[ -~]{0,10})",
        status in 0_u32..700,
    )| {
        let length = content.len();
        let head = format!(
            "{method} {path}{query} HTTP/1.1\r\nHost: a\r\n{field}\r\nX-Tenant: t\r\nContent-Length: {length}\r\n\r\n"
        );
        let reply = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n");
        let told = explain(&world, &asked(&head, &content, &reply));
        prop_assert!(!told.phases.is_empty());
        let is_open = told.phases.iter().any(|phase| phase.outcome == ringgate::explain::Outcome::Open);
        prop_assert!(told.answer.is_some() || is_open, "{head}: {told:?}");
        serde_json::to_string(&told).unwrap();
    });
}
