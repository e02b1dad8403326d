//! Content both ways: of every size, in every framing, slow, early, and cut off.

use crate::harness::{Backend, Gate, Gateway, eventually, pattern};
use crate::requests::catalog;
use std::thread;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

/// Sizes around those of the buffers.
const SIZES: &[usize] = &[0, 1, 1024, 4095, 4096, 4097, 16 * 1024, 65_537, MIB];

/// A back end that sends back what it gets, in the framing that the path names.
fn mirror() -> Backend {
    Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            let body = request.body.bytes;
            if request.head.line.contains("/chunked") {
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(10_000) {
                    connection.send(format!("{:X}\r\n", chunk.len()));
                    connection.send(chunk);
                    connection.send("\r\n");
                }
                connection.send("0\r\n\r\n");
            } else if request.head.line.contains("/close") {
                connection.send("HTTP/1.1 200 OK\r\n\r\n");
                connection.send(body);
                return;
            } else {
                connection
                    .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
                connection.send(body);
            }
        }
    })
}

fn chunked(body: &[u8], chunk_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(chunk_bytes) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[test]
fn content_of_every_size_arrives_as_it_was_sent_both_ways() {
    let backend = mirror();
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for &bytes in SIZES {
        let body = pattern(bytes);
        for path in ["/length", "/chunked", "/close"] {
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
            client.send([head.as_bytes(), &body].concat());
            let reply = client.reply();
            assert!(reply.body == body, "{bytes} bytes, {path}");

            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.send([head.as_bytes(), &chunked(&body, 7777)].concat());
            let reply = client.reply();
            assert!(reply.body == body, "{bytes} bytes in chunks, {path}");
        }
    }
}

#[test]
fn a_large_response_arrives_whole() {
    let body = pattern(20 * MIB);
    let sent = body.clone();
    let backend = Backend::scripted(move |connection| {
        while connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()));
            connection.send(&sent);
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for _ in 0..2 {
        let reply = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(reply.body == body);
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn an_upload_of_ten_mebibytes_passes_and_one_byte_more_is_refused() {
    let backend = mirror();
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let body = pattern(10 * MIB + 1);
    for (bytes, is_chunked) in
        [(10 * MIB, false), (10 * MIB, true), (10 * MIB + 1, false), (10 * MIB + 1, true)]
    {
        let framing = match is_chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {bytes}"),
        };
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        let content =
            if is_chunked { chunked(&body[..bytes], MIB) } else { body[..bytes].to_vec() };
        let address = gateway.address();
        let mut client = crate::harness::Client::connect(address);
        let mut sender = crate::harness::Wire::new(client.wire.stream.try_clone().unwrap());
        let sending = thread::spawn(move || {
            sender.send(head.as_bytes());
            sender.send(&content);
        });
        let reply = client.reply();
        sending.join().unwrap();
        if bytes > 10 * MIB {
            assert_eq!(reply.status, 413, "chunked: {is_chunked}");
            // Chunks may have been read to their end, and then nothing is in doubt.
            assert!(reply.closed || is_chunked);
        } else {
            assert_eq!(reply.status, 200, "chunked: {is_chunked}");
            assert!(reply.body == body[..bytes], "chunked: {is_chunked}");
        }
    }
    let whole = backend.requests().iter().filter(|request| request.body.complete).count();
    assert_eq!(whole, 2, "what was refused did not look whole to the back end");
    gateway.await_no_connections();
}

#[test]
fn what_is_sent_is_seen_while_the_rest_is_still_to_come() {
    let (first_sent, first_seen) = (Gate::closed(), Gate::closed());
    let (sent, seen) = (first_sent.clone(), first_seen.clone());
    let backend = Backend::scripted(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        sent.open();
        assert!(seen.wait());
        connection.send("-last");
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(first_sent.wait());
    client.wire.head().unwrap();
    assert_eq!(client.wire.exactly(5).bytes, b"first", "nothing is held back");
    first_seen.open();
    assert_eq!(client.wire.exactly(5).bytes, b"-last");
}

#[test]
fn requests_are_streamed_too() {
    let begun = Gate::closed();
    let seen = begun.clone();
    let backend = Backend::scripted(move |connection| {
        connection.head();
        assert_eq!(connection.wire.exactly(5).bytes, b"first");
        seen.open();
        assert_eq!(connection.wire.exactly(5).bytes, b"-last");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst");
    assert!(begun.wait(), "the back end has the beginning before the client sends the end");
    assert_eq!(client.ask("-last").text(), "ok");
}

#[test]
fn both_directions_go_on_at_once() {
    let backend = Backend::scripted(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        for _ in 0..10 {
            let byte = connection.wire.exactly(1).bytes;
            connection.send(byte);
        }
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    client.wire.head().unwrap();
    for byte in b"0123456789" {
        client.send([*byte]);
        assert_eq!(client.wire.exactly(1).bytes, [*byte], "each byte comes back before the next");
    }
    client.ends_silently();
}

#[test]
fn an_answer_before_the_requests_end_arrives_and_ends_the_connection() {
    let backend = Backend::scripted(|connection| {
        connection.head();
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 5 * MIB));
    client.send(pattern(MIB));
    let reply = client.reply();
    assert_eq!((reply.status, reply.text().as_str()), (403, "no"));
    assert!(reply.closed, "the rest of the request is not read");
    drop(client);
    eventually("the back end's connection to be closed", || backend.open_connections() == 0);
    gateway.await_no_connections();
}

#[test]
fn a_back_end_that_does_not_read_stops_the_client_and_costs_no_memory() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let backend = Backend::scripted(move |connection| {
        let head = connection.head().unwrap();
        assert!(told.wait());
        let body = connection.wire.request_body(&head);
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Bytes: {}\r\n\r\n!",
            body.bytes.len()
        ));
        connection.end();
    });
    let gateway = Gateway::with("limits.body = \"1GiB\"", &catalog(&backend, "", "http"));
    let before = gateway.resident_bytes();
    let mut client = gateway.client();
    let bytes = 64 * MIB;
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
    let mut sender = crate::harness::Wire::new(client.wire.stream.try_clone().unwrap());
    let sending = thread::spawn(move || {
        let piece = pattern(MIB);
        for _ in 0..64 {
            sender.send(&piece);
        }
    });
    // The buffers of four sockets hold a few MiB; then nothing moves until the back end reads.
    let stuck = Instant::now();
    eventually("half a second for memory to grow", || stuck.elapsed().as_millis() > 500);
    assert!(!sending.is_finished(), "the client is held up");
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 4 * MIB, "the gateway has grown by {grown} bytes");
    go_on.open();
    let reply = client.reply();
    assert_eq!(reply.header("x-bytes"), Some(bytes.to_string().as_str()));
    sending.join().unwrap();
}

#[test]
fn a_client_that_reads_slowly_stops_the_back_end_and_costs_no_memory() {
    let all_sent = Gate::closed();
    let sent = all_sent.clone();
    let backend = Backend::scripted(move |connection| {
        connection.request();
        let piece = pattern(MIB);
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 200 * MIB));
        for _ in 0..200 {
            connection.send(&piece);
        }
        sent.open();
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let before = gateway.resident_bytes();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.wire.head().unwrap();
    let stuck = Instant::now();
    eventually("half a second for memory to grow", || stuck.elapsed().as_millis() > 500);
    let mut grown_max = 0;
    let piece = pattern(MIB);
    for _ in 0..200 {
        assert!(client.wire.exactly(MIB).bytes == piece);
        grown_max = grown_max.max(gateway.resident_bytes().saturating_sub(before));
    }
    assert!(grown_max < 8 * MIB, "the gateway has grown by {grown_max} bytes");
    assert!(all_sent.wait());
}

#[test]
fn a_client_that_leaves_within_its_answer_leaves_nothing_behind() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Until the gateway closes; what it cannot take does not come back.
        let piece = [b"10000\r\n", &pattern(0x10000)[..], b"\r\n"].concat();
        for _ in 0..500 {
            connection.send(&piece);
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    for _ in 0..5 {
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.wire.head().unwrap();
        client.wire.exactly(1000);
    }
    eventually("the back end's connections to be closed", || backend.open_connections() == 0);
    gateway.await_no_connections();
}

#[test]
fn a_client_that_leaves_within_its_request_is_not_taken_for_done() {
    let backend = Backend::scripted(|connection| {
        // A request that was cut is remembered as incomplete.
        connection.request();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let begun = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n",
    ];
    for (count, request) in (1..).zip(begun) {
        let mut client = gateway.client();
        client.send(request);
        eventually("the beginning at the back end", || backend.connections() == count);
        drop(client);
        backend.await_requests(count);
        assert!(!backend.requests()[count - 1].body.complete, "{request:?}");
    }
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Le");
    drop(client);
    gateway.await_no_connections();
    assert_eq!(backend.connections(), 3, "half a head is no request");
}

#[test]
fn a_client_that_does_not_read_stops_interim_responses_and_costs_no_memory() {
    let hints = format!("HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n", "x".repeat(1000));
    let count = 64 * MIB / hints.len();
    let backend = Backend::scripted(move |connection| {
        connection.request();
        for _ in 0..count {
            connection.send(&hints);
        }
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal");
        connection.end();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let before = gateway.resident_bytes();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let stuck = Instant::now();
    eventually("a second for memory to grow", || stuck.elapsed().as_millis() > 1000);
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 8 * MIB, "the gateway has grown by {grown} bytes");
    for _ in 0..count {
        assert_eq!(client.wire.head().unwrap().line, "HTTP/1.1 103 Early Hints");
    }
    assert_eq!(client.reply().text(), "final");
}

#[test]
fn a_client_that_is_refused_and_leaves_is_forgotten_at_once() {
    let backend = mirror();
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let before = gateway.open_sockets();
    let mut client = gateway.client();
    let reply = client.ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert!(reply.closed);
    drop(client);
    let left = Instant::now();
    eventually("the socket to be closed", || gateway.open_sockets() == before);
    // The gateway lingers for two seconds for those who stay.
    assert!(left.elapsed() < Duration::from_secs(1), "it took {:?}", left.elapsed());
}

/// A back end that refuses an upload and closes at once resets the connection under the gateway's
/// hands; its answer must be found all the same.
#[test]
fn an_early_answer_is_found_on_a_connection_that_breaks_while_it_is_written_to() {
    let backend = Backend::scripted(|connection| {
        connection.head();
        connection
            .send("HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        // Closing with unread content in the buffer is what resets.
    });
    let gateway = Gateway::start(&catalog(&backend, "retry = { attempts = 1 }", "http"));
    let body = pattern(MIB);
    let mut found = 0;
    for _ in 0..20 {
        let mut client = gateway.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {MIB}\r\n\r\n"));
        client.send(&body);
        let reply = client.reply();
        assert!(matches!(reply.status, 413 | 502), "{}", reply.status);
        found += usize::from(reply.status == 413);
    }
    // A reset that overtakes the answer destroys it in the gateway's own kernel, now and then.
    assert!(found >= 10, "the answer was found {found} times of 20");
}

#[test]
fn content_in_small_writes_arrives_whole() {
    let backend = mirror();
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for bytes in [1, 5000, 70_000] {
        let body = pattern(bytes);
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
        for piece in body.chunks(1 + bytes / 7) {
            client.send(piece);
        }
        assert!(client.reply().body == body, "{bytes} bytes in pieces");
    }
}
