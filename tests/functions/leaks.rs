//! Everything that goes wrong, one after the other on one gateway: each has its status, the next request works,
//! and in the end no more is open or running than before.

use super::harness::eventually;
use super::host::{await_workers, gateway_of, workers_of};
use std::fs;

const KEYS: &str = "timeout = \"2s\"\nlog = \"f.log\"\n\
                    workers = { max = 2, init_timeout = \"5s\", idle_timeout = \"1s\" }";

/// What is asked, and what a REST API answers.
const FAULTS: &[(&str, u16)] = &[
    ("/kill", 502),
    ("/exit/0", 502),
    ("/exit/1", 502),
    ("/sleep/20000", 502),
    ("/error", 502),
    ("/malformed", 502),
    ("/raw/6291556", 200),
    ("/raw/6291557", 502),
    ("/fork/near", 200),
    ("/fork/far", 200),
    ("/fork-and-exit", 502),
    ("/shout/10", 200),
    ("/answer-and-exit", 200),
    ("/never-next", 200),
];

#[test]
fn no_fault_leaves_anything_behind() {
    let gateway = gateway_of("rest", KEYS, "29s");
    // Whatever is opened once is open from the first request on: the listener, the log.
    assert_eq!(gateway.get("/echo").status, 200);
    await_workers(&gateway, 0);
    gateway.await_no_connections();
    let files = gateway.open_files().len();
    for (path, status) in FAULTS {
        let reply = gateway.get(path);
        assert_eq!((path, reply.status), (path, *status), "{}", reply.text());
        let reply = gateway.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!((path, reply.status, reply.text().as_str()), (path, 200, "ok"));
    }
    await_workers(&gateway, 0);
    gateway.await_no_connections();
    eventually("as many descriptors as before", || gateway.open_files().len() <= files);
    assert_eq!(workers_of(&gateway), Vec::<u32>::new());
}

#[test]
fn a_worker_that_closes_its_output_goes_on() {
    let keys = "log = \"f.log\"\nenvironment = { OUTPUT = \"closed\" }\nworkers = { max = 1 }";
    let gateway = gateway_of("rest", keys, "29s");
    let pid = gateway.get("/worker").text();
    assert_eq!(gateway.get("/print/one").status, 200);
    assert_eq!(gateway.get("/worker").text(), pid);
    eventually("the report", || {
        let log = fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
        log.matches("REPORT RequestId").count() == 3
    });
}

/// What a worker prints never takes more than the invocation that printed it: the pipe is read as fast as the
/// log is written, and what is too much for that is counted, not kept.
#[test]
fn megabytes_of_lines_are_logged_or_dropped_and_harm_nobody() {
    let gateway = gateway_of("rest", "timeout = \"20s\"\nlog = \"f.log\"", "29s");
    let before = gateway.resident_bytes();
    assert_eq!(gateway.get("/shout/10").status, 200);
    assert_eq!(gateway.get("/echo").status, 200);
    eventually("the report", || {
        let log = fs::read_to_string(gateway.folder().join("f.log")).unwrap_or_default();
        log.matches("REPORT RequestId").count() == 2
    });
    assert!(gateway.resident_bytes() < before + (64 << 20), "it is not kept in memory");
}
