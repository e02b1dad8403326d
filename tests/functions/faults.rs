//! What goes wrong with workers: the status for the client, nothing left behind, and the next request
//! works.

use super::harness::{Gateway, eventually};
use super::host::{await_workers, gateway, gateway_of, workers_of};
use std::time::{Duration, Instant};

/// That the next request works, and that this many workers are left.
fn goes_on(gateway: &Gateway, workers: usize) {
    let reply = gateway.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    await_workers(gateway, workers);
}

#[test]
fn an_error_of_the_function_is_500_or_502() {
    let http = gateway("");
    let reply = http.get("/error");
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (500, "{\"message\":\"Internal Server Error\"}")
    );
    assert_eq!(http.get("/malformed").status, 500);
    goes_on(&http, 1);
    let rest = gateway_of("rest", "", "29s");
    assert_eq!(rest.get("/error").status, 502);
    assert_eq!(rest.get("/malformed").status, 502);
}

#[test]
fn a_worker_that_ends_in_mid_invocation_fails_that_one_only() {
    let gateway = gateway_of("rest", "", "29s");
    for path in ["/exit/0", "/exit/7", "/kill"] {
        let reply = gateway.get(path);
        assert_eq!((path, reply.status), (path, 502));
        goes_on(&gateway, 1);
    }
}

#[test]
fn a_function_that_takes_too_long_is_killed() {
    let gateway = gateway_of("rest", "timeout = \"300ms\"", "29s");
    let pid = gateway.get("/worker").text();
    let begun = Instant::now();
    assert_eq!(gateway.get("/sleep/20000").status, 502);
    assert!(begun.elapsed() < Duration::from_secs(5));
    goes_on(&gateway, 1);
    assert_ne!(gateway.get("/worker").text(), pid);
}

#[test]
fn a_client_waits_no_longer_than_the_integration_says_and_the_function_goes_on() {
    let gateway = gateway_of("http", "workers = { max = 1 }", "300ms");
    let pid = gateway.get("/worker").text();
    let reply = gateway.get("/sleep/1000");
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (503, "{\"message\":\"Service Unavailable\"}")
    );
    // The only worker is busy: this one waits in the queue until it may wait no longer.
    assert_eq!(gateway.get("/echo").status, 503);
    eventually("the worker is free", || gateway.get("/echo").status == 200);
    assert_eq!(gateway.get("/worker").text(), pid);
}

#[test]
fn a_worker_that_cannot_start_fails_at_once() {
    for init in ["exit", "error"] {
        let gateway = gateway_of("rest", &format!("environment = {{ INIT = \"{init}\" }}"), "29s");
        let begun = Instant::now();
        assert_eq!(gateway.get("/echo").status, 502, "{init}");
        assert_eq!(gateway.get("/echo").status, 502, "{init}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{init}");
        await_workers(&gateway, 0);
    }
}

#[test]
fn a_worker_that_never_asks_for_an_event_is_killed() {
    let keys = "environment = { INIT = \"hang\" }\nworkers = { init_timeout = \"300ms\" }";
    let gateway = gateway_of("rest", keys, "29s");
    let begun = Instant::now();
    assert_eq!(gateway.get("/echo").status, 502);
    assert!(begun.elapsed() < Duration::from_secs(5));
    await_workers(&gateway, 0);
}

#[test]
fn a_worker_that_never_asks_again_is_killed() {
    let gateway = gateway("timeout = \"300ms\"\nworkers = { max = 1 }");
    assert_eq!(gateway.get("/never-next").status, 200);
    goes_on(&gateway, 1);
    assert_eq!(gateway.get("/answer-and-exit").status, 200);
    goes_on(&gateway, 1);
}

#[test]
fn a_workers_temporary_folder_goes_with_it() {
    let gateway =
        gateway_of("rest", "namespaces = false\ntimeout = \"300ms\"\nworkers = { max = 1 }", "29s");
    let environment = gateway.get("/environment").text();
    let folder = environment.lines().find_map(|line| line.strip_prefix("TMPDIR=")).unwrap();
    assert!(std::path::Path::new(folder).is_dir());
    assert_eq!(gateway.get("/sleep/20000").status, 502);
    eventually("it is removed", || !std::path::Path::new(folder).exists());
    let environment = gateway.get("/environment").text();
    assert!(!environment.contains(folder), "the next worker has another one: {environment}");
}

#[test]
fn a_missing_bootstrap_is_told_and_harms_nobody() {
    let gateway = gateway_of("rest", "", "29s");
    std::fs::remove_file(gateway.folder().join("code/bootstrap")).unwrap();
    assert_eq!(gateway.get("/echo").status, 500);
}

/// 6 MiB and 100 bytes are a result; one byte more is none. Both ways the worker goes on.
#[test]
fn a_result_has_a_limit() {
    // One worker, so that it is the same one that answers again, however late it asks for the next event.
    let gateway = gateway_of("http", "timeout = \"20s\"\nworkers = { max = 1 }", "29s");
    let reply = gateway.get("/raw/6291556");
    let around = "{\"statusCode\":200,\"body\":\"\"}".len();
    assert_eq!((reply.status, reply.body.len()), (200, 6_291_556 - around));
    let pid = gateway.get("/worker").text();
    assert_eq!(gateway.get("/raw/6291557").status, 500);
    assert_eq!(gateway.get("/raw/20000000").status, 500);
    assert_eq!(gateway.get("/worker").text(), pid, "the worker was told, and goes on");
}

#[test]
fn what_a_worker_has_forked_ends_with_it() {
    // With name spaces it is the kernel that ends it.
    let gateway = gateway("namespaces = false\nworkers = { idle_timeout = \"1s\" }");
    let near: u32 = gateway.get("/fork/near").text().parse().unwrap();
    let far: u32 = gateway.get("/fork/far").text().parse().unwrap();
    // One that is just starting its program shows no environment for a moment.
    await_workers(&gateway, 3);
    await_workers(&gateway, 0);
    for pid in [near, far] {
        let stat = format!("/proc/{pid}/stat");
        eventually("they are reaped", || !std::path::Path::new(&stat).exists());
    }
    let reply = gateway.get("/fork-and-exit");
    assert_eq!(reply.status, 500);
    await_workers(&gateway, 0);
}

#[test]
fn a_worker_that_holds_too_much_memory_is_killed() {
    let gateway = gateway_of("rest", "timeout = \"30s\"", "29s");
    let begun = Instant::now();
    assert_eq!(gateway.get("/memory/300").status, 502);
    assert!(begun.elapsed() < Duration::from_secs(10));
    goes_on(&gateway, 1);
}

#[test]
fn reserved_concurrency_of_nothing_refuses_everything() {
    let gateway = gateway("reserved_concurrency = 0");
    assert_eq!(gateway.get("/echo").status, 500);
    assert_eq!(workers_of(&gateway).len(), 0);
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let gateway = gateway("workers = { max = 1 }");
    goes_on(&gateway, 1);
    let mut gone = Vec::new();
    for _ in 0..5 {
        let mut client = gateway.client();
        client.send("GET /sleep/300 HTTP/1.1\r\nHost: a\r\n\r\n");
        gone.push(client);
    }
    drop(gone);
    goes_on(&gateway, 1);
    gateway.await_no_connections();
}
