//! Clients that take too long, stay too long, or are too many.

use crate::harness::{Backend, Client, Gate, Gateway, eventually, pattern};
use crate::requests::catalog;
use std::time::{Duration, Instant};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const MOCK: &str = r#"
    [[api]]
    name = "shop"
    protocol = "http"
    [[api.route]]
    route = "ANY /hello"
    integration = { type = "mock", body = "hello" }
"#;

/// Waits until `since` is that long ago.
fn pass(since: Instant, duration: Duration) {
    eventually("time to pass", || since.elapsed() >= duration);
}

#[test]
fn a_head_that_takes_too_long_is_408() {
    let gateway = Gateway::with("timeouts.head = \"300ms\"", MOCK);
    for begun in ["G", "GET /hello HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = gateway.client();
        let started = Instant::now();
        let reply = client.ask(begun);
        assert_eq!((reply.status, reply.closed), (408, true), "{begun:?}");
        assert!(started.elapsed() >= Duration::from_millis(290), "{:?}", started.elapsed());
    }
    // The limit is for the whole head, however steadily it arrives.
    let mut client = gateway.client();
    let started = Instant::now();
    for (count, byte) in (1..).zip(b"GET /hello HTTP/1.1\r\nX: ") {
        client.send([*byte]);
        pass(started, Duration::from_millis(20 * count));
        if started.elapsed() > Duration::from_millis(400) {
            break;
        }
    }
    assert_eq!(client.reply().status, 408);
    gateway.await_metric("ringgate_refused_total{cause=\"head_timeout\"}", 3.0);
}

#[test]
fn a_head_in_time_is_served_also_on_a_kept_connection() {
    let gateway = Gateway::with("timeouts.head = \"400ms\"", MOCK);
    let mut client = gateway.client();
    let started = Instant::now();
    for count in 1..=4 {
        let (first, last) = GET.split_at(30);
        client.send(first);
        pass(started, Duration::from_millis(150 * count));
        assert_eq!(client.ask(last).text(), "hello", "each head has its own time");
    }
}

#[test]
fn content_that_stops_arriving_is_408() {
    let backend = Backend::scripted(|connection| drop(connection.request()));
    let gateway = Gateway::with("timeouts.body_idle = \"300ms\"", &catalog(&backend, "", "http"));
    let requests = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfir",
    ];
    for request in requests {
        let reply = gateway.send(request);
        assert_eq!((reply.status, reply.closed), (408, true), "{request:?}");
    }
    backend.await_requests(3);
    assert!(backend.requests().iter().all(|request| !request.body.complete));
    gateway.await_metric("ringgate_refused_total{cause=\"body_timeout\"}", 3.0);
}

#[test]
fn content_that_is_slow_but_steady_takes_the_time_it_needs() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Gateway::with("timeouts.body_idle = \"400ms\"", &catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n");
    let started = Instant::now();
    for count in 1..=8 {
        pass(started, Duration::from_millis(100 * count));
        client.send("x");
    }
    assert_eq!(client.reply().text(), "ok");
    assert_eq!(backend.request().text(), "xxxxxxxx");
}

/// What the client has sent waits in the gateway, so the client is not the one who is late.
#[test]
fn a_client_is_not_late_while_the_back_end_is() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let backend = Backend::scripted(move |connection| {
        let head = connection.head().unwrap();
        told.wait();
        let body = connection.wire.request_body(&head);
        assert!(body.complete);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        connection.end();
    });
    let gateway = Gateway::with("timeouts.body_idle = \"200ms\"", &catalog(&backend, "", "http"));
    let mut client = gateway.client();
    let bytes = 9 * 1024 * 1024;
    let body = pattern(bytes);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
    let mut sender = crate::harness::Wire::new(client.wire.stream.try_clone().unwrap());
    let sending = std::thread::spawn(move || sender.send(&body));
    pass(Instant::now(), Duration::from_millis(600));
    go_on.open();
    assert_eq!(client.reply().text(), "ok");
    sending.join().unwrap();
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let gateway = Gateway::with("timeouts.keep_alive = \"300ms\"", MOCK);
    let mut unused = gateway.client();
    let mut used = gateway.client();
    let started = Instant::now();
    for count in 1..=4 {
        assert_eq!(used.ask(GET).text(), "hello", "every request begins the time anew");
        pass(started, Duration::from_millis(150 * count));
    }
    used.ends_silently();
    assert!(started.elapsed() >= Duration::from_millis(700), "{:?}", started.elapsed());
    unused.ends_silently();
    gateway.await_metric("ringgate_client_connections", 0.0);
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20));
        let piece = pattern(1 << 20);
        for _ in 0..64 {
            connection.send(&piece);
        }
    });
    let gateway = Gateway::with("timeouts.send_idle = \"300ms\"", &catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.wire.head().unwrap();
    eventually("the back end to be let go", || {
        backend.connections() == 1 && backend.open_connections() == 0
    });
    assert!(!client.wire.exactly(64 << 20).complete, "and the client is told by a reset");
    gateway.await_no_connections();
}

#[test]
fn a_client_that_takes_something_now_and_then_is_waited_for() {
    let body = pattern(16 << 20);
    let sent = body.clone();
    let backend = Backend::scripted(move |connection| {
        connection.request();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()));
        connection.send(&sent);
        connection.end();
    });
    let gateway = Gateway::with("timeouts.send_idle = \"400ms\"", &catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.wire.head().unwrap();
    let started = Instant::now();
    let mut got = Vec::new();
    for count in 1..=8 {
        got.extend(client.wire.exactly(2 << 20).bytes);
        pass(started, Duration::from_millis(150 * count));
    }
    assert!(got == body);
}

#[test]
fn a_connection_serves_as_many_requests_as_allowed() {
    let gateway = Gateway::with("limits.requests_per_connection = 3", MOCK);
    let mut client = gateway.client();
    for _ in 0..2 {
        assert!(!client.ask(GET).closed);
    }
    let reply = client.ask(GET);
    assert_eq!(reply.text(), "hello");
    assert!(reply.closed, "the third is the last, and says so");

    let mut client = gateway.client();
    client.send(GET.repeat(5));
    assert!(!client.reply().closed && !client.reply().closed);
    assert!(client.reply().closed, "what was pipelined behind it is not served");
}

#[test]
fn connections_beyond_the_limit_wait_and_are_served_later() {
    let gateway = Gateway::with("limits.connections_per_shard = 2", MOCK);
    let mut first: Vec<Client> = (0..2).map(|_| gateway.client()).collect();
    for client in &mut first {
        assert_eq!(client.ask(GET).text(), "hello");
    }
    let mut waiting: Vec<Client> = (0..4).map(|_| gateway.client()).collect();
    for client in &mut waiting {
        client.send(GET);
    }
    gateway.await_metric("ringgate_client_connections_total", 2.0);
    for client in &mut first {
        assert_eq!(client.ask(GET).text(), "hello", "those who are in are served");
    }
    drop(first);
    for mut client in waiting {
        // Each leaves when it is served, and so makes room for another.
        assert_eq!(client.reply().text(), "hello");
    }
}

#[test]
fn a_higher_limit_lets_waiting_connections_in_at_once() {
    let gateway = Gateway::with("limits.connections_per_shard = 1", MOCK);
    let mut first = gateway.client();
    assert_eq!(first.ask(GET).text(), "hello");
    let mut waiting: Vec<Client> = (0..3).map(|_| gateway.client()).collect();
    for client in &mut waiting {
        client.send(GET);
    }
    gateway.await_metric("ringgate_client_connections_total", 1.0);
    gateway.reload("limits.connections_per_shard = 10", MOCK);
    for client in &mut waiting {
        assert_eq!(client.reply().text(), "hello");
    }
    assert_eq!(first.ask(GET).text(), "hello");
}
