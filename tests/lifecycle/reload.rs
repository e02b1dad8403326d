//! A reload: what makes one, what a bad one does, and that nobody notices it.

use crate::backend::BackEnd;
use crate::client::{Connection, get};
use crate::gateway::{Gateway, HELLO, configuration, says, wait_until};
use crate::load::{Connections, Load};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

fn wait_for_body(gateway: &Gateway, body: &str) {
    wait_until(&format!("the answer {body:?}"), || {
        (get(gateway.address(), "/hello").text() == body).then_some(())
    });
}

#[test]
fn hangup_reloads() {
    let gateway = Gateway::start(&configuration(HELLO));
    let mut connection = Connection::open(gateway.address()).unwrap();
    assert_eq!(connection.get("/hello").unwrap().text(), "hello");

    gateway.reload(&configuration(&says("again")));

    assert_eq!(connection.get("/hello").unwrap().text(), "again", "on the same connection");
    assert_eq!(gateway.metric("ringgate_reloads_total{result=\"failure\"}"), Some(0.0));
    let (status, ready) = gateway.ready();
    assert_eq!((status, &ready["lastReload"]["result"]), (200, &"success".into()));
    assert_eq!(ready["lastReload"]["version"], ready["version"]);
}

#[test]
fn a_changed_file_is_reloaded_without_a_signal() {
    let gateway = Gateway::start(&configuration(HELLO));
    fs::write(gateway.file(), configuration(&says("in place"))).unwrap();
    wait_for_body(&gateway, "in place");

    // As editors do: the old file moves away, the new one takes its name. Twice, because what was
    // watched at the start is then long gone.
    for text in ["renamed", "renamed again"] {
        let backup = gateway.folder().join("ringgate.toml~");
        fs::rename(gateway.file(), &backup).unwrap();
        let swap = gateway.folder().join(".ringgate.toml.swp");
        fs::write(&swap, configuration(&says(text))).unwrap();
        fs::rename(swap, gateway.file()).unwrap();
        wait_for_body(&gateway, text);
    }
}

#[test]
fn a_bad_file_keeps_the_last_good_one_and_says_why() {
    let gateway = Gateway::start(&configuration(HELLO));
    let good = configuration(&says("better"));
    gateway.reload(&good);
    let version = gateway.metric("ringgate_snapshot_version");

    gateway.write(&good.replace("status = 200", "status = 2000"));
    gateway.signal(Signal::HUP);

    gateway.stderr().wait_for("reload failed");
    let problem = gateway.stderr().wait_for("configuration refused");
    let place = format!("{}:12:41: ", gateway.file().display());
    assert!(problem.contains(&place), "file, line and column: {problem}");
    assert!(problem.contains("2000"), "what was found: {problem}");
    assert_eq!(get(gateway.address(), "/hello").text(), "better");

    let (status, ready) = gateway.ready();
    assert_eq!(status, 200, "it serves as before");
    assert_eq!(ready["lastReload"]["result"], "failure");
    let told = ready["lastReload"]["problems"][0].as_str().unwrap();
    assert!(told.contains(&place), "{told}");
    assert_eq!(gateway.metric("ringgate_reload_success"), Some(0.0));
    // The signal's reload, and perhaps the watch's, when it saw the file before the signal came.
    let failures = gateway.metric("ringgate_reloads_total{result=\"failure\"}");
    assert!(matches!(failures, Some(1.0 | 2.0)), "{failures:?}");
    assert_eq!(gateway.metric("ringgate_snapshot_version"), version);

    // The cure is noticed like any other change.
    gateway.write(&configuration(&says("cured")));
    wait_for_body(&gateway, "cured");
    // A shard may serve it a moment before the control thread has heard of all of them.
    wait_until("the reload in the metrics", || {
        (gateway.metric("ringgate_reload_success") == Some(1.0)).then_some(())
    });
}

#[test]
fn a_file_that_is_gone_keeps_the_last_good_one() {
    let gateway = Gateway::start(&configuration(HELLO));
    fs::remove_file(gateway.file()).unwrap();
    gateway.signal(Signal::HUP);
    let problem = gateway.stderr().wait_for("configuration refused");
    assert!(problem.contains("no such file"), "{problem}");
    assert_eq!(get(gateway.address(), "/hello").status, 200);
}

#[test]
fn upstreams_follow_a_reload() {
    let (first, second) = (BackEnd::start("first"), BackEnd::start("second"));
    let gateway = Gateway::start(&configuration(&first.routes()));
    let mut connection = Connection::open(gateway.address()).unwrap();
    assert_eq!(connection.get("/back/x").unwrap().text(), "first");

    gateway.reload(&configuration(&second.routes()));
    assert_eq!(connection.get("/back/x").unwrap().text(), "second");

    // Its name is resolved before the first request goes there.
    let named = second.routes().replace("127.0.0.1", "localhost");
    gateway.reload(&configuration(&named));
    assert_eq!(connection.get("/back/x").unwrap().text(), "second");

    gateway.reload(&configuration(HELLO));
    assert_eq!(connection.get("/back/x").unwrap().status, 404);
}

#[test]
fn what_needs_a_restart_stays_and_is_told() {
    let gateway = Gateway::start(&configuration(HELLO));
    gateway.reload(&configuration(HELLO).replace("shards = 2", "shards = 1"));
    let line = gateway.stderr().wait_for("changes only with a restart");
    assert!(line.contains("server.shards"), "{line}");
    assert_eq!(gateway.metric("ringgate_shards"), Some(2.0));
}

#[test]
fn no_request_fails_while_the_configuration_is_replaced_again_and_again() {
    let back_end = BackEnd::start("back end");
    // The second variant has another definition of the upstream, so that pools come and go.
    let variants = [
        format!("{}{}", back_end.routes(), says("hello")),
        format!(
            "{}{}",
            back_end.routes().replace("[[api]]", "balance = \"least_requests\"\n[[api]]"),
            says("hello")
        ),
    ];
    let gateway = Gateway::start(&configuration(&variants[0]));
    let address = gateway.address();
    let loads = [
        Load::start(address, "/hello", 2, Connections::Kept),
        Load::start(address, "/hello", 1, Connections::Short),
        Load::start(address, "/back/x", 2, Connections::Kept),
        Load::start(address, "/back/x", 1, Connections::Short),
    ];
    for round in 0..40 {
        gateway.reload(&configuration(&variants[round % 2]));
        std::thread::sleep(Duration::from_millis(20));
    }
    for load in loads {
        load.finish().expect_only_success(100);
    }
}
