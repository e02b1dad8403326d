//! Listeners come and go with reloads, and connections of others do not notice.

use crate::backend::{BackEnd, PIECE, PIECES};
use crate::client::{Connection, get};
use crate::gateway::{Gateway, HELLO, listening, says, wait_until};
use rustix::process::Signal;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Two loopback addresses: with port 0 on both they stay told apart.
const FIRST: &str = "127.0.0.1:0";
const SECOND: &str = "127.0.0.2:0";

/// New connections are first kept away and then refused.
fn wait_until_refused(address: SocketAddr) {
    wait_until("a refusal", || {
        match TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(()),
            _ => None,
        }
    });
}

#[test]
fn a_listener_is_added_and_removed_without_touching_other_connections() {
    let back_end = BackEnd::start("back end");
    let rest = format!("{}{HELLO}", back_end.routes());
    let gateway = Gateway::start(&listening(&[FIRST], &rest));
    let mut kept = Connection::open(gateway.address()).unwrap();
    assert_eq!(kept.get("/hello").unwrap().status, 200);
    let mut download = Connection::open(gateway.address()).unwrap();
    download.send("GET /back/slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(download.head().unwrap().status, 200, "it has begun");

    gateway.reload(&listening(&[FIRST, SECOND], &rest));
    let added = gateway.announced_as(1);
    assert_eq!(added.ip().to_string(), "127.0.0.2");
    let mut on_added = Connection::open(added).unwrap();
    assert_eq!(on_added.get("/hello").unwrap().status, 200);

    gateway.reload(&listening(&[FIRST], &rest));
    wait_until_refused(added);
    assert_eq!(on_added.get("/hello").unwrap().status, 200, "only the listener is gone");
    assert_eq!(kept.get("/hello").unwrap().status, 200);
    assert_eq!(get(gateway.address(), "/hello").status, 200);

    let mut pieces = 0;
    loop {
        let mut chunk = String::new();
        std::io::BufRead::read_line(download.reader(), &mut chunk).unwrap();
        match chunk.trim_end() {
            "0" => break,
            line if line == PIECE => pieces += 1,
            _ => {}
        }
    }
    assert_eq!(pieces, PIECES, "the download came whole");
}

#[test]
fn the_only_listener_can_be_exchanged() {
    let gateway = Gateway::start(&listening(&[FIRST], HELLO));
    let mut kept = Connection::open(gateway.address()).unwrap();
    kept.get("/hello").unwrap();
    gateway.reload(&listening(&[SECOND], HELLO));
    assert_eq!(get(gateway.announced_as(1), "/hello").status, 200);
    wait_until_refused(gateway.address());
    assert_eq!(kept.get("/hello").unwrap().status, 200);

    gateway.reload(&listening(&[], HELLO));
    wait_until_refused(gateway.announced_as(1));
    assert_eq!(kept.get("/hello").unwrap().status, 200);
}

#[test]
fn an_address_in_use_refuses_the_whole_reload() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let gateway = Gateway::start(&listening(&[FIRST], HELLO));
    gateway.write(&listening(&[FIRST, &address], &says("never")));
    gateway.signal(Signal::HUP);
    let problem = gateway.stderr().wait_for("configuration refused");
    assert!(problem.contains(&format!("cannot listen on {address}")), "{problem}");
    assert!(problem.contains("in use by"), "{problem}");
    gateway.stderr().wait_for("reload failed");
    assert_eq!(get(gateway.address(), "/hello").text(), "hello");
    assert_eq!(gateway.metric("ringgate_reload_success"), Some(0.0));

    // The same file is good once nobody is in the way.
    drop(taken);
    gateway.signal(Signal::HUP);
    wait_until("the reload", || (get(gateway.address(), "/hello").text() == "never").then_some(()));
}
