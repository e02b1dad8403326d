//! SIGTERM: what is under way ends, nothing new begins, and nothing waits for ever.

use crate::backend::{BackEnd, PIECE, PIECES};
use crate::certificates::{certificate, tls};
use crate::client::Connection;
use crate::gateway::{Gateway, HELLO, PATIENCE, configuration, folder_with, wait_until};
use rustix::process::Signal;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A gateway before that back end that drains for so long.
fn gateway(back_end: &BackEnd, drain: &str) -> Gateway {
    let rest = format!("[server.timeouts]\ndrain = \"{drain}\"\n{}{HELLO}", back_end.routes());
    Gateway::start(&configuration(&rest))
}

#[test]
fn running_requests_finish_and_nothing_new_begins() {
    let back_end = BackEnd::start("back end");
    let mut gateway = gateway(&back_end, "30s");
    let address = gateway.address();
    let mut idle = Connection::open(address).unwrap();
    assert_eq!(idle.get("/hello").unwrap().status, 200);
    let download = std::thread::spawn(move || {
        let mut download = Connection::open(address).unwrap();
        let answer = download.get("/back/slow").unwrap();
        (answer, download.is_closed())
    });
    assert_eq!(back_end.requests.recv_timeout(PATIENCE).unwrap(), "/slow");

    gateway.signal(Signal::TERM);

    assert!(idle.is_closed(), "an idle connection is closed");
    let (status, ready) = gateway.ready();
    assert_eq!((status, &ready["phase"]), (503, &"draining".into()));
    assert!(!download.is_finished(), "the download still runs");
    wait_until("a refusal", || {
        match TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(()),
            _ => None,
        }
    });
    let (answer, closed) = download.join().unwrap();
    assert_eq!(answer.body.len(), PIECES * PIECE.len(), "the download came whole");
    assert!(closed, "then its connection closes too");
    assert_eq!(gateway.wait().code(), Some(0));
}

/// A client that connected just before the drain could not know of it, and its request is under way.
#[test]
fn a_connection_that_has_not_asked_yet_may_ask_once() {
    let tls_listener = "[[server.tls]]\nlisten = [\"127.0.0.1:0\"]\n\
        [[certificate]]\ndomains = [\"gateway\"]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";
    let folder = folder_with(&configuration(&format!("{tls_listener}{HELLO}")));
    let made = certificate(folder.path());
    let mut gateway = Gateway::start_in(folder, |_| {});
    let mut plain = Connection::open(gateway.address()).unwrap();
    // Connects; the handshake begins with the first request.
    let mut secure = tls(gateway.listening[1], &[&made]);
    std::thread::sleep(Duration::from_millis(100));
    gateway.signal(Signal::TERM);
    gateway.stderr().wait_for("draining");
    // Beyond the time in which new connections are turned away.
    std::thread::sleep(Duration::from_millis(500));

    let answer = plain.get("/hello").unwrap();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(plain.is_closed());
    let answer = secure.get("/hello").unwrap();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn a_connection_that_never_asks_does_not_hold_the_drain() {
    let mut gateway = Gateway::start(&configuration(HELLO));
    let mut silent = Connection::open(gateway.address()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(silent.is_closed());
}

#[test]
fn without_connections_it_ends_at_once() {
    let mut gateway = Gateway::start(&configuration(HELLO));
    let begin = Instant::now();
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[test]
fn interrupt_drains_too() {
    let mut gateway = Gateway::start(&configuration(HELLO));
    gateway.signal(Signal::INT);
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn the_deadline_cuts_what_is_left() {
    let back_end = BackEnd::start("back end");
    let mut gateway = gateway(&back_end, "500ms");
    let mut stuck = Connection::open(gateway.address()).unwrap();
    stuck.send("GET /back/never HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(back_end.requests.recv_timeout(PATIENCE).unwrap(), "/never");
    let begin = Instant::now();

    gateway.signal(Signal::TERM);

    assert_eq!(gateway.wait().code(), Some(0));
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(500), "it was given its time: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(stuck.is_closed());
    let line = gateway.stderr().wait_for("cut off by the end of the drain");
    assert!(line.contains("requests=1"), "{line}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let back_end = BackEnd::start("back end");
    let mut gateway = gateway(&back_end, "600s");
    let mut stuck = Connection::open(gateway.address()).unwrap();
    stuck.send("GET /back/never HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(back_end.requests.recv_timeout(PATIENCE).unwrap(), "/never");
    gateway.signal(Signal::TERM);
    gateway.stderr().wait_for("draining");
    std::thread::sleep(Duration::from_millis(600));
    assert!(gateway.is_running(), "the request holds it");
    let begin = Instant::now();

    gateway.signal(Signal::TERM);

    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert!(stuck.is_closed());
}
