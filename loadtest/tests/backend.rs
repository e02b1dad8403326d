//! The built-in back end over real sockets: what a client gets for each thing it can ask for.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use ringgate_loadtest::backend::behaviour::{Behaviour, Fault};
use ringgate_loadtest::backend::script::pattern;
use ringgate_loadtest::backend::{Backend, BackendSettings};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn start(behaviour: Behaviour) -> Backend {
    Backend::start(BackendSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        threads: 1,
        pin: Vec::new(),
        behaviour,
        seed: 1,
        tls: None,
    })
    .unwrap()
}

fn connect(backend: &Backend) -> TcpStream {
    let stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
    /// Still open, but silent for a while.
    Silent,
}

/// Sends bytes on a connection of its own and reads until it ends.
fn ask(backend: &Backend, request: &str) -> (String, End) {
    let mut stream = connect(backend);
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break End::Silent,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) => panic!("{error}"),
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn get(backend: &Backend, target: &str) -> (String, End) {
    ask(backend, &format!("GET {target} HTTP/1.1\r\nHost: b\r\n\r\n"))
}

/// As [`get`], for answers that leave the connection open.
fn get_close(backend: &Backend, target: &str) -> (String, End) {
    ask(backend, &format!("GET {target} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"))
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn plain_answers_pipelined_and_kept_alive() {
    let backend = start(Behaviour::default());
    let request = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
    let (reply, end) = ask(&backend, &format!("{request}{request}{last}"));
    assert_eq!(reply.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(reply.matches("abcdefghijklmnopqrstuvwxyz0").count(), 3);
    assert_eq!(end, End::Closed);
    assert_eq!((backend.connections(), backend.requests()), (1, 3));
}

#[test]
fn the_query_decides_about_one_request() {
    let backend = start(Behaviour::default());
    let (reply, _) = get_close(&backend, "/any/path?status=503&size=5&header=x-a:b&type=a/b");
    assert!(reply.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{reply}");
    assert!(reply.contains("\r\nx-a: b\r\n") && reply.contains("Content-Type: a/b"), "{reply}");
    assert_eq!(body(&reply), "abcde");
    let (reply, _) = get_close(&backend, "/?size=100&framing=chunked");
    assert!(
        body(&reply).starts_with("64\r\nabcdef") && reply.ends_with("\r\n0\r\n\r\n"),
        "{reply}"
    );
    let (reply, end) = get(&backend, "/?size=10&framing=close");
    assert!(!reply.contains("Content-Length"), "{reply}");
    assert_eq!((body(&reply), end), ("abcdefghij", End::Closed));
    let (reply, _) = get_close(&backend, "/?siz=1");
    assert!(
        reply.starts_with("HTTP/1.1 400 ") && reply.contains("did you mean `size`?"),
        "{reply}"
    );
}

#[test]
fn delays_delay_and_others_are_not_held_up() {
    let backend = start(Behaviour::default());
    let start = Instant::now();
    let mut slow = connect(&backend);
    slow.write_all(b"GET /?delay=1s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n").unwrap();
    get_close(&backend, "/");
    assert!(start.elapsed() < Duration::from_millis(900), "the other one was not held up");
    slow.read_to_end(&mut Vec::new()).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_large_body_arrives_whole_at_a_slow_reader_too() {
    let backend = start(Behaviour::default());
    let size = 8 << 20;
    for framing in ["length", "chunked"] {
        let mut stream = connect(&backend);
        let request = format!(
            "GET /?size={size}&framing={framing} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        if framing == "length" {
            assert!(bytes[start..] == pattern(size));
        } else {
            assert!(bytes.len() - start > size && bytes.ends_with(b"\r\n0\r\n\r\n"));
        }
    }
}

#[test]
fn echo_tells_what_was_seen() {
    let backend = start(Behaviour::default());
    let request = "POST /echo/x?y=1 HTTP/1.1\r\nHost: b\r\nX-One: 1\r\nx-two:  2 \r\n\
                   Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                   3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let (reply, _) = ask(&backend, request);
    let seen: serde_json::Value = serde_json::from_str(body(&reply)).unwrap();
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["target"], "/echo/x?y=1");
    assert_eq!(seen["headers"][1], serde_json::json!(["X-One", "1"]));
    assert_eq!(seen["headers"][2], serde_json::json!(["x-two", "2"]));
    assert_eq!(seen["body_bytes"], 5);
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(seen["body_sha256"], sha256);
    assert_eq!(seen["request_on_connection"], 1);
    let (reply, _) = get_close(&backend, "/stats");
    let stats: serde_json::Value = serde_json::from_str(body(&reply)).unwrap();
    assert_eq!(stats["requests"], 2);
}

#[test]
fn a_client_that_expects_continue_gets_it() {
    let backend = start(Behaviour::default());
    let mut stream = connect(&backend);
    let head = b"POST /echo HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.contains("\"body_bytes\":2"), "{reply}");
}

#[test]
fn each_fault_reaches_the_client() {
    let backend = start(Behaviour::default());
    let fault = |name: &str| get(&backend, &format!("/?size=100&fault={name}"));
    assert_eq!(fault("reset"), (String::new(), End::Reset));
    assert_eq!(fault("close"), (String::new(), End::Closed));
    assert_eq!(fault("stall"), (String::new(), End::Silent));
    let (reply, end) = fault("reset_head");
    assert!(reply.starts_with("HTTP/1.1 200") && !reply.contains("\r\n\r\n"), "{reply}");
    assert_eq!(end, End::Reset);
    let (reply, end) = fault("close_head");
    assert!(!reply.contains("\r\n\r\n"), "{reply}");
    assert_eq!(end, End::Closed);
    for (name, expected) in
        [("reset_body", End::Reset), ("close_body", End::Closed), ("stall_body", End::Silent)]
    {
        let (reply, end) = fault(name);
        assert_eq!((body(&reply).len(), end), (50, expected), "{name}");
    }
    let (reply, end) = fault("close_after");
    assert_eq!((body(&reply).len(), end), (100, End::Closed));
    assert!(!reply.contains("Connection: close"));
    let (reply, end) = fault("length_too_long");
    assert!(reply.contains("Content-Length: 110\r\n"));
    assert_eq!((body(&reply).len(), end), (100, End::Closed));
    let (reply, _) = fault("length_too_short");
    assert!(reply.contains("Content-Length: 90\r\n"));
    assert_eq!(body(&reply).len(), 100);
    assert_eq!(fault("extra").0.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(fault("garbage").0.contains("garbage behind the answer"));
    assert!(fault("invalid_head").0.starts_with("HTP/one"));
    assert!(fault("invalid_field").0.contains("\r\nno colon here\r\n"));
    assert!(fault("huge_head").0.len() > 256 * 1024);
    assert!(fault("bad_chunk").0.contains("\r\nxyz\r\n"));
    let (reply, _) = fault("length_and_chunked");
    assert!(reply.contains("Content-Length: 100") && reply.contains("Transfer-Encoding: chunked"));
    assert_eq!(fault("two_lengths").0.matches("Content-Length").count(), 2);
    let start = Instant::now();
    let (reply, _) = get_close(&backend, "/?size=3&fault=trickle&trickle_every=2ms");
    assert_eq!(body(&reply), "abc");
    assert!(start.elapsed() > Duration::from_millis(100), "a byte at a time");
}

#[test]
fn an_early_answer_comes_before_the_body() {
    let backend = start(Behaviour::default());
    for (fault, then_closed) in [("early", false), ("early_close", true)] {
        let mut stream = connect(&backend);
        let head = format!(
            "POST /?fault={fault}&status=413&size=2 HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reply = vec![0; 1024];
        let count = stream.read(&mut reply).unwrap();
        let reply = String::from_utf8_lossy(&reply[..count]).into_owned();
        assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
        if then_closed {
            assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
        } else {
            let next = b"helloGET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
            stream.write_all(next).unwrap();
            let mut rest = String::new();
            stream.read_to_string(&mut rest).unwrap();
            assert!(rest.starts_with("HTTP/1.1 200 "), "the body was read after it: {rest}");
        }
    }
}

#[test]
fn refused_connections_are_a_share_of_all() {
    let backend = start(Behaviour { faults: vec![(Fault::Refuse, 0.5)], ..Behaviour::default() });
    let refused = (0..100)
        .filter(|_| {
            let Ok(mut stream) = TcpStream::connect(backend.address()) else {
                return true;
            };
            let request = b"GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
            let mut reply = Vec::new();
            stream.write_all(request).is_err()
                || stream.read_to_end(&mut reply).is_err()
                || reply.is_empty()
        })
        .count();
    assert!((30..=70).contains(&refused), "{refused}");
}

#[test]
fn the_listener_goes_down_and_comes_back() {
    let backend = start(Behaviour::default());
    get_close(&backend, "/down?for=400ms");
    let start = Instant::now();
    let is_up = || TcpStream::connect(backend.address()).is_ok();
    while is_up() {
        assert!(start.elapsed() < Duration::from_secs(3), "never went down");
        std::thread::yield_now();
    }
    while !is_up() {
        assert!(start.elapsed() < Duration::from_secs(10), "never came back");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(get_close(&backend, "/").0.starts_with("HTTP/1.1 200"));
}

#[test]
fn nonsense_is_refused_and_the_connection_closed() {
    let backend = start(Behaviour::default());
    let (reply, end) = ask(&backend, "NONSENSE\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{reply}");
    assert_ne!(end, End::Silent);
    let chunked = "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    assert!(ask(&backend, chunked).0.starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_stopped_back_end_lets_go_of_its_clients() {
    let backend = start(Behaviour::default());
    let mut stream = connect(&backend);
    stream.write_all(b"GET /?fault=stall HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
    while backend.requests() == 0 {
        std::thread::yield_now();
    }
    let address = backend.address();
    drop(backend);
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    assert!(TcpStream::connect(address).is_err());
}
