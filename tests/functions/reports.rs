//! Lambda's own lines about invocations that did not go well.

use super::harness::{Gateway, eventually};
use super::host::{gateway, gateway_of};
use std::fs;

/// The first line of the function's log that holds this.
fn line(gateway: &Gateway, what: &str) -> String {
    let mut found = None;
    eventually(what, || {
        let log = fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
        found = log.lines().find(|line| line.contains(what)).map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_report_says_how_the_invocation_ended() {
    let keys = "log = \"f.log\"\ntimeout = \"1s\"";
    let cases = [
        ("/exit/7", "Status: error\tError Type: Runtime.ExitError"),
        ("/sleep/20000", "Status: timeout"),
        ("/memory/300", "Status: error\tError Type: Runtime.OutOfMemory"),
    ];
    for (path, status) in cases {
        // One that ends within milliseconds of its first event is gone before anybody looks; who waits for it
        // in its name space tells all the same.
        let is_told_by_its_name_space = path == "/exit/7";
        let has_name_spaces = super::namespaces::missing().is_none();
        let namespaces = is_told_by_its_name_space && has_name_spaces;
        let gateway = gateway_of("rest", &format!("namespaces = {namespaces}\n{keys}"), "29s");
        assert_eq!(gateway.get(path).status, 502, "{path}");
        let report = line(&gateway, "REPORT RequestId: ");
        assert!(report.ends_with(&format!("\t{status}")), "{path}: {report}");
        if path == "/exit/7" {
            line(&gateway, "Error: Runtime exited with error: exit status 7");
        }
        if !is_told_by_its_name_space || has_name_spaces {
            assert!(!report.contains("Max Memory Used: 0 MB"), "{path}: {report}");
        }
    }
    // A function that says that it has failed was well enough to say so.
    let gateway = gateway(keys);
    assert_eq!(gateway.get("/error").status, 500);
    assert!(!line(&gateway, "REPORT RequestId: ").contains("Status"));
}

#[test]
fn a_worker_that_does_not_come_up_is_reported() {
    let cases = [
        ("exit", "Status: error\tError Type: Runtime.ExitError"),
        ("error", "Status: error\tError Type: Runtime.ImportModuleError"),
        ("hang", "Status: timeout"),
    ];
    for (init, status) in cases {
        let keys = format!(
            "log = \"f.log\"\nenvironment = {{ INIT = \"{init}\" }}\n\
             workers = {{ init_timeout = \"300ms\" }}"
        );
        let gateway = gateway_of("rest", &keys, "29s");
        assert_eq!(gateway.get("/echo").status, 502, "{init}");
        let init_report = line(&gateway, "INIT_REPORT Init Duration: ");
        assert!(init_report.ends_with(&format!(" ms\tPhase: init\t{status}")), "{init_report}");
        let report = line(&gateway, " REPORT RequestId: ");
        assert!(report.ends_with(&format!("\t{status}")), "{init}: {report}");
    }
}
