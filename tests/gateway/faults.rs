//! Back ends that fail: what the client is told, what is tried again, and that no answer is mixed up.

use crate::harness::{Backend, Connection, Gate, Gateway, eventually, refusing};
use crate::requests::catalog;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Every request to one of these targets.
fn among(targets: &[SocketAddr], keys: &str) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
    format!(
        "[[upstream]]\nname = \"catalog\"\ntargets = [{}]\n{keys}\n\
         [[api]]\nname = \"shop\"\nprotocol = \"http\"\n[[api.route]]\nroute = \"$default\"\n\
         integration = {{ type = \"http_proxy\", upstream = \"catalog\", timeout = \"10s\" }}\n",
        targets.join(", ")
    )
}

fn timing_out(tables: &str) -> String {
    tables.replace("upstream = \"catalog\" }", "upstream = \"catalog\", timeout = \"100ms\" }")
}

#[test]
fn a_back_end_that_refuses_is_502_for_http_apis_and_504_for_rest_apis() {
    for (protocol, status) in [("http", 502), ("rest", 504)] {
        let backend = Backend::answering(OK);
        let tables = catalog(&backend, "", protocol);
        let tables = tables.replace(&backend.address.to_string(), &refusing().to_string());
        let gateway = Gateway::start(&tables);
        let mut client = gateway.client();
        for request in [GET, POST] {
            let reply = client.ask(request);
            assert_eq!(reply.status, status, "{protocol}");
            assert!(!reply.closed, "nothing is in doubt between client and gateway");
            if protocol == "rest" {
                let body = r#"{"message": "Network error communicating with endpoint"}"#;
                assert_eq!(reply.text(), body);
                let kind = reply.header("x-amzn-errortype");
                assert_eq!(kind, Some("InternalServerErrorException"));
            }
        }
        gateway.await_metric("ringgate_upstream_connect_failures_total", 4.0);
    }
}

type Failure = fn(&mut Connection);

#[test]
fn a_back_end_that_breaks_off_before_its_response_is_a_failure() {
    let failures: [(&str, Failure); 5] = [
        ("closes before it reads", |_| {}),
        ("closes before its head", |connection| drop(connection.request())),
        ("resets before its head", |connection| {
            connection.request();
            connection.reset();
        }),
        ("closes in its head", |connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nContent-Le");
        }),
        ("resets in its head", |connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nContent-Le");
            connection.reset();
        }),
    ];
    for (what, failure) in failures {
        for (protocol, status) in [("http", 502), ("rest", 504)] {
            let backend = Backend::scripted(failure);
            let gateway = Gateway::start(&catalog(&backend, "retry = { attempts = 1 }", protocol));
            let mut client = gateway.client();
            for request in [GET, POST] {
                assert_eq!(client.ask(request).status, status, "{protocol}: {what}");
            }
            assert_eq!(backend.connections(), 2, "{what}: it is not tried again");
        }
    }
}

#[test]
fn a_response_that_is_cut_short_ends_without_its_end() {
    let cut: [(&str, &str); 3] = [
        ("by length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"),
        ("in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nfirst"),
        (
            "between chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n",
        ),
    ];
    for (what, response) in cut {
        for resets in [false, true] {
            let (begun, seen) = (Gate::closed(), Gate::closed());
            let (sent, may_end) = (begun.clone(), seen.clone());
            let backend = Backend::scripted(move |connection| {
                connection.request();
                connection.send(response);
                sent.open();
                may_end.wait();
                if resets {
                    connection.reset();
                }
            });
            let gateway = Gateway::start(&catalog(&backend, "", "http"));
            for request in [GET, "GET /x HTTP/1.0\r\n\r\n"] {
                let mut client = gateway.client();
                client.send(request);
                let head = client.wire.head().unwrap();
                begun.wait();
                seen.open();
                let body = client.wire.response_body(&head);
                assert!(!body.complete, "{what}, reset {resets}: a part for the whole: {body:?}");
            }
            assert_eq!(backend.connections(), 2, "{what}: an answer that has begun is final");
        }
    }
}

#[test]
fn a_back_end_that_says_nothing_is_504_in_time() {
    for protocol in ["http", "rest"] {
        let backend = Backend::scripted(|connection| {
            connection.request();
            connection.end();
        });
        let gateway = Gateway::start(&timing_out(&catalog(&backend, "", protocol)));
        let mut client = gateway.client();
        let reply = client.ask(GET);
        assert_eq!(reply.status, 504, "{protocol}");
        if protocol == "rest" {
            assert_eq!(reply.text(), r#"{"message": "Endpoint request timed out"}"#);
        }
        assert_eq!(client.ask(POST).status, 504, "the client's connection is as good as before");
        eventually("the back end's connections to be closed", || backend.open_connections() == 0);
        assert_eq!(backend.connections(), 2, "a time-out is not tried again");
    }
}

#[test]
fn a_head_that_trickles_must_be_complete_in_time() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n");
        connection.end();
    });
    let gateway = Gateway::start(&timing_out(&catalog(&backend, "", "http")));
    let mut client = gateway.client();
    client.send(GET);
    assert!(client.wire.head().unwrap().line.contains("103"));
    assert_eq!(client.reply().status, 504);
}

#[test]
fn content_that_stalls_ends_the_answer() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        connection.end();
    });
    let tables = catalog(&backend, "timeouts = { body_idle = \"100ms\" }", "http");
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();
    client.send(GET);
    let head = client.wire.head().unwrap();
    assert!(!client.wire.response_body(&head).complete);
    eventually("the back end's connection to be closed", || backend.open_connections() == 0);
}

#[test]
fn a_slow_but_steady_response_takes_the_time_it_needs() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
        let begun = std::time::Instant::now();
        for byte in 1..=8 {
            eventually("the next beat", || begun.elapsed().as_millis() >= 60 * byte);
            connection.send("x");
        }
        connection.end();
    });
    // Longer in all than either limit, each silence shorter.
    let tables = catalog(&backend, "timeouts = { body_idle = \"300ms\" }", "http");
    let gateway = Gateway::start(&timing_out(&tables));
    assert_eq!(gateway.get("/x").text(), "xxxxxxxx");
}

/// Bytes that nobody asked for must not become an answer, whoever asks next.
#[test]
fn bytes_behind_a_response_are_given_to_nobody() {
    let poisoned = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
        HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for response in [poisoned, chunked] {
        let backend = Backend::answering(response);
        let gateway = Gateway::start(&catalog(&backend, "", "http"));
        let mut client = gateway.client();
        for _ in 0..5 {
            assert_eq!(client.ask(GET).text(), "ok", "one after the other");
        }
        client.send(GET.repeat(10));
        for _ in 0..10 {
            assert_eq!(
                client.reply().text(),
                "ok",
                "pipelined: the next waits for this very answer"
            );
        }
    }
    for (line, response) in [
        ("HEAD /x", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil"),
        ("GET /x", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil"),
    ] {
        let backend = Backend::answering(response);
        let gateway = Gateway::start(&catalog(&backend, "", "http"));
        let mut client = gateway.client();
        client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(10));
        for _ in 0..10 {
            let reply = client.reply_to_head();
            assert!(reply.header("content-length") == Some("9") || reply.status == 204, "{line}");
        }
    }
}

#[test]
fn bytes_behind_a_response_are_not_given_to_a_request_that_waits() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let backend = Backend::scripted(move |connection| {
        while connection.request().is_some() {
            told.wait();
            connection.send(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
        }
    });
    let gateway = Gateway::start(&among(&[backend.address], "limits = { connections = 1 }"));
    let mut clients: Vec<_> = (0..5).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    backend.await_requests(1);
    go_on.open();
    for client in &mut clients {
        assert_eq!(client.reply().text(), "ok");
    }
}

#[test]
fn a_kept_connection_that_dies_as_it_is_used_costs_a_get_nothing() {
    let backend = Backend::scripted(|connection| {
        if connection.request().is_some() {
            connection.send(OK);
        }
        // The second request arrives; whether it was served nobody can tell.
        connection.request();
    });
    let gateway = Gateway::start(&catalog(&backend, "retry = { attempts = 1 }", "http"));
    let mut client = gateway.client();
    for _ in 0..4 {
        assert_eq!(
            client.ask(GET).text(),
            "ok",
            "sent again on a new connection, without a budget"
        );
    }
    assert_eq!(backend.requests().len(), 7, "all but the first were sent twice");
}

#[test]
fn a_kept_connection_that_dies_as_it_is_used_does_not_send_a_post_twice() {
    let backend = Backend::scripted(|connection| {
        if connection.request().is_some() {
            connection.send(OK);
        }
        connection.request();
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    assert_eq!(client.ask(POST).text(), "ok");
    assert_eq!(client.ask(POST).status, 502);
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(client.ask(POST).text(), "ok");
}

#[test]
fn a_repeated_request_is_the_same_with_its_content() {
    let backend = Backend::scripted(|connection| {
        if connection.index == 0 {
            connection.request();
            return connection.reset();
        }
        while connection.request().is_some() {
            connection.send(OK);
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let put = "PUT /x?y HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    assert_eq!(gateway.send(put).text(), "ok");
    let requests = backend.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].head, requests[1].head);
    assert_eq!((requests[0].text().as_str(), requests[1].text().as_str()), ("hello", "hello"));
}

#[test]
fn only_requests_without_an_effect_are_tried_again() {
    let bad = Backend::scripted(|connection| drop(connection.request()));
    let good = Backend::answering(OK);
    let gateway = Gateway::start(&among(&[bad.address, good.address], "eject = { failures = 0 }"));
    let mut client = gateway.client();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        for _ in 0..2 {
            let reply = client.ask(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(reply.status, 200, "{method} is tried elsewhere");
        }
    }
    let before = bad.requests().len();
    for method in ["POST", "PATCH", "BREW"] {
        let statuses =
            [(); 2].map(|()| client.ask(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).status);
        assert!(statuses == [200, 502] || statuses == [502, 200], "{method}: {statuses:?}");
    }
    assert_eq!(bad.requests().len(), before + 3);
}

#[test]
fn a_connect_that_fails_is_tried_on_another_target_whatever_the_balance() {
    for balance in ["\"round_robin\"", "\"least_requests\"", "\"hash\"\nhash_on = \"header:x-key\""]
    {
        let good = Backend::answering(OK);
        let gateway = Gateway::start(&among(
            &[refusing(), good.address],
            &format!("balance = {balance}\neject = {{ failures = 0 }}\nretry = {{ budget = 1.0 }}"),
        ));
        let mut client = gateway.client();
        for key in 0..20 {
            let reply = client.ask(format!(
                "POST / HTTP/1.1\r\nHost: a\r\nX-Key: {key}\r\nContent-Length: 1\r\n\r\nx"
            ));
            assert_eq!(
                reply.status, 200,
                "{balance}, key {key}: nothing was sent, so nothing is lost"
            );
        }
    }
}

#[test]
fn retries_stop_when_their_budget_is_used_up() {
    let backend = Backend::scripted(|connection| drop(connection.request()));
    let keys = "retry = { attempts = 3, budget = 0.0 }\neject = { failures = 0 }";
    let gateway = Gateway::start(&among(&[backend.address], keys));
    let mut client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.ask(GET).status, 502);
    }
    assert_eq!(backend.requests().len(), 20 + 10, "ten after a quiet time, and then none");
    gateway.await_metric("ringgate_upstream_retries_total", 10.0);
}

#[test]
fn a_status_is_tried_again_only_when_it_is_named() {
    for (on, status, tries) in [
        ("\"503\"", 503, 2),
        ("\"502\", \"504\"", 503, 1),
        ("\"502\"", 502, 2),
        ("\"504\"", 504, 2),
        ("\"connect\"", 502, 1),
    ] {
        let bad =
            Backend::answering(format!("HTTP/1.1 {status} Bad\r\nContent-Length: 3\r\n\r\nbad"));
        let keys = format!("retry = {{ on = [{on}] }}\neject = {{ failures = 0 }}");
        let gateway = Gateway::start(&among(&[bad.address], &keys));
        let mut client = gateway.client();
        let reply = client.ask(GET);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (status, "bad"),
            "the last answer counts"
        );
        assert_eq!(bad.requests().len(), tries, "{status} with {on}");
        assert_eq!(client.ask(POST).status, status);
        assert_eq!(bad.requests().len(), tries + 1, "POST goes out once");
    }
}

#[test]
fn a_target_that_fails_in_a_row_is_left_alone_for_a_while() {
    let failures: [(&str, Option<Failure>); 3] = [
        ("refuses", None),
        ("resets", Some(|connection| drop(connection.request()))),
        (
            "is unavailable",
            Some(|connection| {
                while connection.request().is_some() {
                    connection.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
                }
            }),
        ),
    ];
    for (what, failure) in failures {
        let bad = failure.map(Backend::scripted);
        let bad_address = bad.as_ref().map_or_else(refusing, |bad| bad.address);
        let good = Backend::answering(OK);
        let keys = "eject = { failures = 2, duration = \"400ms\" }\nretry = { attempts = 1 }";
        let gateway = Gateway::start(&among(&[bad_address, good.address], keys));
        let mut client = gateway.client();
        let mut failed = 0;
        for _ in 0..20 {
            failed += usize::from(client.ask(GET).status != 200);
        }
        assert_eq!(failed, 2, "a target that {what} gets two requests and then none");
        eventually("the target to be tried again", || client.ask(GET).status != 200);
        gateway.await_metric("ringgate_upstream_ejections_total", 1.0);
    }
}

#[test]
fn the_only_target_is_never_left_alone() {
    let backend = Backend::scripted(|connection| drop(connection.request()));
    let keys = "eject = { failures = 1 }\nretry = { attempts = 1 }";
    let gateway = Gateway::start(&among(&[backend.address], keys));
    let mut client = gateway.client();
    for _ in 0..10 {
        assert_eq!(client.ask(GET).status, 502);
    }
    assert_eq!(backend.requests().len(), 10);
}

#[test]
fn requests_beyond_the_queue_are_refused_at_once() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let backend = Backend::scripted(move |connection| {
        while connection.request().is_some() {
            told.wait();
            connection.send(OK);
        }
    });
    let keys = "limits = { connections = 2, pending = 3 }";
    let gateway = Gateway::start(&among(&[backend.address], keys));
    let mut served: Vec<_> = (0..5).map(|_| gateway.client()).collect();
    for client in &mut served {
        client.send(GET);
    }
    backend.await_requests(2);
    // Which of six gets no place is the kernel's choice, so the sixth comes when five are in.
    eventually("five connections in use or waiting", || {
        gateway.metric("ringgate_client_connections") == 5.0
    });
    let mut refused = gateway.client();
    let reply = refused.ask(GET);
    assert_eq!((reply.status, reply.closed), (503, false));
    assert_eq!(reply.text(), r#"{"message":"Service Unavailable"}"#);
    go_on.open();
    for client in &mut served {
        assert_eq!(client.reply().text(), "ok", "who waited is served");
    }
    assert_eq!(refused.ask(GET).text(), "ok");
    assert_eq!(backend.open_connections_max(), 2);
    gateway.await_metric("ringgate_upstream_pending_overflows_total", 1.0);
}

#[test]
fn a_request_that_waits_too_long_for_a_connection_is_504() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.end();
    });
    let tables = among(&[backend.address], "limits = { connections = 1 }");
    let tables = tables.replace("timeout = \"10s\"", "timeout = \"150ms\"");
    let gateway = Gateway::start(&tables);
    let mut clients: Vec<_> = (0..3).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 504);
    }
}

#[test]
fn no_more_connections_are_opened_than_allowed() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&among(&[backend.address], "limits = { connections = 3 }"));
    let mut clients: Vec<_> = (0..20).map(|_| gateway.client()).collect();
    for _ in 0..10 {
        for client in &mut clients {
            client.send(GET);
        }
        for client in &mut clients {
            assert_eq!(client.reply().text(), "ok");
        }
    }
    assert!(backend.open_connections_max() <= 3);
    assert_eq!(backend.requests().len(), 200);
}

/// How many requests each back end has had.
fn shares(backends: &[Backend]) -> Vec<usize> {
    backends.iter().map(|backend| backend.requests().len()).collect()
}

fn three() -> (Vec<Backend>, Vec<SocketAddr>) {
    let backends: Vec<Backend> = (0..3).map(|_| Backend::answering(OK)).collect();
    let addresses = backends.iter().map(|backend| backend.address).collect();
    (backends, addresses)
}

#[test]
fn targets_take_turns() {
    let (backends, addresses) = three();
    let gateway = Gateway::start(&among(&addresses, ""));
    let mut client = gateway.client();
    for round in 1..=10 {
        for _ in 0..3 {
            client.ask(GET);
        }
        assert_eq!(shares(&backends), [round; 3]);
    }
}

#[test]
fn weights_are_shares() {
    let (backends, addresses) = three();
    let plain = format!("\"{}\"", addresses[0]);
    let weighted = format!("{{ address = \"{}\", weight = 4 }}", addresses[0]);
    for (balance, expected) in [("round_robin", [40, 10, 10]), ("least_requests", [60, 0, 0])] {
        let before = shares(&backends);
        let tables = among(&addresses, &format!("balance = \"{balance}\""));
        let gateway = Gateway::start(&tables.replace(&plain, &weighted));
        let mut client = gateway.client();
        for _ in 0..60 {
            client.ask(GET);
        }
        let had: Vec<usize> =
            shares(&backends).iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(had, expected, "{balance}");
    }
}

#[test]
fn the_target_with_the_fewest_requests_gets_the_next() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let slow = Backend::scripted(move |connection| {
        while connection.request().is_some() {
            told.wait();
            connection.send(OK);
        }
    });
    let fast = Backend::answering(OK);
    let tables = among(&[slow.address, fast.address], "balance = \"least_requests\"");
    let gateway = Gateway::start(&tables);
    // The slow one gets a request sooner or later, and then none while it is busy.
    let mut held = gateway.client();
    let mut client = gateway.client();
    while slow.requests().is_empty() {
        held = gateway.client();
        held.send(GET);
        let answered = fast.requests().len();
        eventually("the request somewhere", || {
            !slow.requests().is_empty() || fast.requests().len() > answered
        });
    }
    let before = fast.requests().len();
    for _ in 0..20 {
        assert_eq!(client.ask(GET).text(), "ok");
    }
    assert_eq!((slow.requests().len(), fast.requests().len()), (1, before + 20));
    go_on.open();
    assert_eq!(held.reply().text(), "ok");
}

#[test]
fn the_same_key_goes_to_the_same_target() {
    let (backends, addresses) = three();
    let keys = "balance = \"hash\"\nhash_on = \"header:x-tenant\"";
    let gateway = Gateway::start(&among(&addresses, keys));
    let mut client = gateway.client();
    for tenant in 0..60 {
        for _ in 0..3 {
            client.ask(format!("GET /{tenant} HTTP/1.1\r\nHost: a\r\nX-Tenant: {tenant}\r\n\r\n"));
        }
    }
    for backend in &backends {
        let requests = backend.requests();
        assert!(requests.len() >= 3 * 5, "no target is left out: {:?}", shares(&backends));
        for request in &requests {
            let line = &request.head.line;
            let same = requests.iter().filter(|other| other.head.line == *line).count();
            assert_eq!(same, 3, "{line} goes to one target only");
        }
    }
    let before = shares(&backends);
    for _ in 0..30 {
        client.ask(GET);
    }
    let after: Vec<usize> = before.iter().map(|count| count + 10).collect();
    assert_eq!(shares(&backends), after, "requests without a key take turns");

    let (backends, addresses) = three();
    let keys = "balance = \"hash\"\nhash_on = \"client_address\"";
    let gateway = Gateway::start(&among(&addresses, keys));
    for _ in 0..10 {
        gateway.get("/x");
    }
    assert_eq!(shares(&backends).iter().max(), Some(&10), "one client, one target");
}

#[test]
fn health_checks_take_a_target_out_and_bring_it_back() {
    let status = Arc::new(AtomicUsize::new(200));
    let told = Arc::clone(&status);
    let ailing = Backend::scripted(move |connection| {
        while let Some(head) = connection.head() {
            let status = match head.line.contains("/healthz") {
                true => told.load(Ordering::SeqCst),
                false => 299,
            };
            connection.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let well = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let keys = "health = { path = \"/healthz\", interval = \"100ms\", unhealthy_after = 2 }";
    let gateway = Gateway::start(&among(&[ailing.address, well.address], keys));
    let mut client = gateway.client();
    let serves = |client: &mut crate::harness::Client| {
        (0..4).filter(|_| client.ask(GET).status == 299).count()
    };
    assert_eq!(serves(&mut client), 2, "both at first");
    status.store(500, Ordering::SeqCst);
    eventually("the target to be out", || serves(&mut client) == 0);
    let sample = format!("{}\"}}", ailing.address);
    let healthy = || {
        let metrics = gateway.metrics();
        let mut lines = metrics.lines();
        lines
            .find(|line| line.contains("target_healthy") && line.contains(&sample))
            .is_some_and(|line| line.ends_with(" 1"))
    };
    assert!(!healthy());
    status.store(200, Ordering::SeqCst);
    eventually("the target to be back", || serves(&mut client) == 2);
    assert!(healthy());
}

#[test]
fn when_every_target_is_out_requests_are_refused() {
    let backend = Backend::answering("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    let keys = "health = { interval = \"100ms\", unhealthy_after = 1 }";
    let gateway = Gateway::start(&among(&[backend.address], keys));
    eventually("the only target to be out", || gateway.get("/x").status == 503);
}

#[test]
fn a_target_may_be_a_name() {
    let backend = Backend::answering(OK);
    let address = backend.address.to_string();
    let name = format!("localhost:{}", backend.address.port());
    let gateway = Gateway::start(&among(&[backend.address], "").replace(&address, &name));
    let mut client = gateway.client();
    for _ in 0..4 {
        // `localhost` may be ::1 too, where nobody listens; then the other address is tried.
        assert_eq!(client.ask(POST).text(), "ok");
    }
    assert_eq!(backend.requests()[0].header("host"), Some(name.as_str()));
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&among(&[backend.address], "timeouts = { idle = \"100ms\" }"));
    let mut client = gateway.client();
    assert_eq!(client.ask(GET).text(), "ok");
    eventually("the idle connection to be closed", || backend.open_connections() == 0);
    assert_eq!(client.ask(GET).text(), "ok");
    assert_eq!(backend.connections(), 2);
}
