//! What changes while the gateway serves.

use crate::gateway::{DEADLINE, Echo, Gateway};
use crate::stages::{definition, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::{
    CompiledStage, DomainChange, ManagedDelta, StageChange, compile_rest_stage,
};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn hello(api_id: &str, body: &str) -> CompiledStage {
    rest(api_id, &[("/", json!({ "GET": mock(body) }))])
}

#[test]
fn a_write_is_read_by_the_next_request_on_every_shard() {
    let gateway = Gateway::start();
    for round in 0..50 {
        let body = round.to_string();
        gateway.deploy(hello("abcdefghij", &body));
        // Connections are spread over the shards.
        for _ in 0..4 {
            assert_eq!(gateway.of_api("abcdefghij", "/prod").brief(), (200, &*body));
        }
    }
    gateway.remove("abcdefghij", "prod");
    for _ in 0..8 {
        assert_eq!(gateway.of_api("abcdefghij", "/prod").status, 403);
    }
}

#[test]
fn what_is_there_at_the_start_is_served_by_the_first_request() {
    let stages = (0..200).map(|index| hello(&format!("api{index:07}"), "first")).collect();
    let gateway = Gateway::serving(stages);
    for index in [0, 99, 199] {
        let reply = gateway.of_api(&format!("api{index:07}"), "/prod");
        assert_eq!(reply.brief(), (200, "first"), "{index}");
    }
}

#[test]
fn a_reload_of_the_file_keeps_managed_apis() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let uri = format!("http://{}/", echo.address);
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": proxy(&uri, json!({})) }))]));
    gateway.reload("another body");
    let until = Instant::now() + DEADLINE;
    // Until both shards have it, which takes one of them a moment longer.
    let mut in_a_row = 0;
    while in_a_row < 20 {
        assert!(Instant::now() < until, "the reload is not seen");
        let is_new = gateway.get("any", "/").body == "another body";
        in_a_row = if is_new { in_a_row + 1 } else { 0 };
        assert_eq!(gateway.of_api("abcdefghij", "/prod").body, "GET / HTTP/1.1");
    }
}

#[test]
fn a_canary_gets_its_share_and_its_own_variables() {
    let release = definition(&[(
        "/",
        json!({ "GET": {
            "authorizationType": "NONE",
            "methodResponses": { "200": {} },
            "methodIntegration": {
                "type": "MOCK",
                "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "integrationResponses": { "200": {
                    "statusCode": "200",
                    "responseParameters": { "method.response.header.v": "stageVariables.v" },
                } },
            },
        } }),
    )]);
    let gateway = Gateway::start();
    let share = |percent: f64| {
        let stage = rest_stage(json!({
            "stageName": "prod",
            "variables": { "v": "stage" },
            "canarySettings": {
                "percentTraffic": percent,
                "stageVariableOverrides": { "v": "canary" },
            },
        }));
        let stage = compile_rest_stage(&place("abcdefghij"), &stage, &release, Some(&release));
        gateway.deploy(stage);
        let asked = (0..200).map(|_| gateway.of_api("abcdefghij", "/prod"));
        asked.filter(|reply| reply.field("v") == Some("canary")).count()
    };
    assert_eq!(share(0.0), 0);
    assert_eq!(share(100.0), 200);
    // Six standard deviations around the half.
    assert!((58..=142).contains(&share(50.0)));
}

#[test]
fn no_request_fails_while_stages_change_under_it() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let deploy = |round: usize| {
        let uri = format!("http://{}/{}", echo.address, round % 3);
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": proxy(&uri, json!({})) }))]));
    };
    deploy(0);
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let reply = gateway.of_api("abcdefghij", "/prod");
                    assert_eq!(reply.status, 200, "{reply:?}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..300 {
            deploy(round);
            if round % 10 == 0 {
                gateway.deploy(hello(&format!("api{round:07}"), "x"));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 100);
}

#[test]
fn a_name_that_does_not_resolve_holds_no_write_for_long() {
    let gateway = Gateway::start();
    let begin = Instant::now();
    let uri = "http://no-such-host.invalid/";
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": proxy(uri, json!({})) }))]));
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let reply = gateway.of_api("abcdefghij", "/prod");
    assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
    // The next write does not wait for that name.
    let begin = Instant::now();
    gateway.deploy(hello("api0000001", "x"));
    assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
}

#[test]
fn a_name_that_resolves_is_found_by_the_first_request() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let uri = format!("http://localhost:{}/", echo.address.port());
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": proxy(&uri, json!({})) }))]));
    assert_eq!(gateway.of_api("abcdefghij", "/prod").body, "GET / HTTP/1.1");
}

#[test]
fn publications_that_wait_are_laid_together_in_their_order() {
    let gateway = Gateway::start();
    let echo = Echo::start();
    let uri = format!("http://{}/", echo.address);
    let proxied = || rest("abcdefghij", &[("/", json!({ "GET": proxy(&uri, json!({})) }))]);
    let put = |stage| StageChange::Put(Box::new(stage));
    let gone = || StageChange::Remove { api_id: "abcdefghij".into(), name: "prod".into() };
    // The upstream is given up and taken up again within what is laid together.
    let rounds = [put(proxied()), gone(), put(proxied()), put(hello("abcdefghij", "x"))];
    let rounds = rounds.into_iter().chain([put(proxied()), gone(), put(proxied())]);
    let waiting: Vec<_> = rounds
        .map(|change| {
            gateway
                .begin_to_publish(ManagedDelta { stages: vec![change], ..ManagedDelta::default() })
        })
        .collect();
    for done in waiting {
        done.blocking_recv().expect("every shard serves it");
    }
    for _ in 0..4 {
        assert_eq!(gateway.of_api("abcdefghij", "/prod").body, "GET / HTTP/1.1");
    }
}

#[test]
fn a_domain_name_that_is_gone_leads_nowhere() {
    let gateway = Gateway::start();
    gateway.deploy(hello("abcdefghij", "x"));
    let mapping = [("", "abcdefghij", "prod")];
    for name in ["a.example.com", "*.b.example.com"] {
        gateway.name(crate::stages::domain_name(json!({ "domainName": name }), &mapping, &[]));
        let host = name.replace('*', "any");
        assert_eq!(gateway.get(&host, "/").body, "x");
        gateway.publish(ManagedDelta {
            domains: vec![DomainChange::Remove { name: name.into() }],
            ..ManagedDelta::default()
        });
        assert_eq!(gateway.get(&host, "/").body, "of the file");
    }
}
