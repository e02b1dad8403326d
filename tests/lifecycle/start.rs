//! Starting: what is printed, what is raised, and what keeps it from starting.

use crate::client::get;
use crate::gateway::{BINARY, Gateway, HELLO, configuration, folder_with, listening, ringgate};
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

/// Runs `ringgate serve` on a configuration that cannot be served, to its end.
fn serve(configuration: &str) -> Output {
    let folder = folder_with(configuration);
    let file = folder.path().join("ringgate.toml");
    ringgate(&["serve", "--config", file.to_str().unwrap()])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn port_zero_is_printed_as_the_real_one_per_listener() {
    let addresses = ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"];
    let gateway = Gateway::start(&listening(&addresses, HELLO));
    assert_eq!(gateway.listening.len(), 3);
    assert_ne!(gateway.listening[0], gateway.listening[1]);
    for address in &gateway.listening {
        assert_ne!(address.port(), 0);
        assert_eq!(get(*address, "/hello").text(), "hello", "{address}");
    }
    assert_eq!(get(gateway.management, "/healthz").status, 200);
}

#[test]
fn serve_is_the_default_command() {
    let folder = folder_with(&configuration(HELLO));
    let mut command = Command::new(BINARY);
    command.arg("--config").arg(folder.path().join("ringgate.toml"));
    let gateway = Gateway::from_command(folder, command);
    assert_eq!(get(gateway.address(), "/hello").status, 200);
}

#[test]
fn a_bad_file_ends_with_two_and_its_place() {
    let output = serve(&configuration(&HELLO.replace("status = 200", "status = 99")));
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("ringgate.toml:12:41"), "{told}");
    assert!(told.contains("99"), "{told}");
    assert_eq!(text(&output.stdout), "", "nothing was served");
}

#[test]
fn every_address_in_use_is_told_with_its_holder() {
    let taken =
        [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [first, second] = taken.each_ref().map(|it| it.local_addr().unwrap().to_string());
    let output = serve(&listening(&[&first, "127.0.0.1:0", &second], HELLO));
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    for address in [first, second] {
        let holder = format!("cannot listen on {address}: the address is in use by ");
        assert!(told.contains(&holder), "{told}");
        assert!(told.contains(&std::process::id().to_string()), "the holder is this test: {told}");
    }
}

#[test]
fn an_address_of_no_interface_is_told() {
    let output = serve(&listening(&["192.0.2.1:8080"], HELLO));
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("192.0.2.1:8080: no interface of this host has that address"), "{told}");
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let folder = folder_with(&configuration(HELLO));
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -Sn 256 && ulimit -Hn 3000 && exec \"$@\"", "sh"])
        .args([BINARY, "serve", "--config"])
        .arg(folder.path().join("ringgate.toml"));
    let gateway = Gateway::from_command(folder, command);
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["3000", "3000"]);
}

#[test]
fn an_unknown_command_is_a_mistake_with_a_suggestion() {
    let output = ringgate(&["srve"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("srve") && told.contains("serve"), "{told}");
}

#[test]
fn doctor_lists_every_requirement_and_is_content_with_this_host() {
    // The default number of connections wants more open files than some build machines allow.
    let limits = "[server.limits]\nconnections_per_shard = 256\n";
    let folder = folder_with(&configuration(&format!("{limits}{HELLO}")));
    let file = folder.path().join("ringgate.toml");
    let output = ringgate(&["doctor", "--config", file.to_str().unwrap()]);
    let table = text(&output.stdout);
    for name in [
        "kernel",
        "kernel.io_uring_disabled",
        "io_uring",
        "memory lock limit",
        "open files",
        "cores",
        "low ports",
        "eventfd",
    ] {
        let line = table.lines().find(|line| line.starts_with(&format!("ok   {name} ")));
        assert!(line.is_some(), "{name}:\n{table}");
    }
    for manager in ["systemd", "Docker", "Kubernetes"] {
        assert!(table.contains(manager), "{table}");
    }
    assert_eq!(output.status.code(), Some(0), "{table}");
}

#[test]
fn doctor_fails_when_something_is_missing() {
    let folder = folder_with(&configuration(HELLO).replace("shards = 2", "shards = 1000"));
    let file = folder.path().join("ringgate.toml");
    let output = ringgate(&["doctor", "--config", file.to_str().unwrap()]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.lines().any(|line| line.starts_with("NO   cores ")), "{table}");
    assert!(table.contains("to fix:"), "{table}");
}
