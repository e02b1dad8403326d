//! Malformed requests over a real socket: the right status, a closed connection, and nothing of it at
//! a back end.

use crate::corpus::{ACCEPTED, MALFORMED, MALFORMED_RESPONSES, oversized};
use crate::harness::{Backend, Client, Gateway};

fn proxy_everything(backend: &Backend) -> String {
    format!(
        r#"
        [[upstream]]
        name = "catalog"
        targets = ["{}"]
        eject = {{ failures = 0 }}
        [[api]]
        name = "shop"
        protocol = "http"
        [[api.route]]
        route = "$default"
        integration = {{ type = "http_proxy", upstream = "catalog" }}
        "#,
        backend.address
    )
}

/// Whether a request whose head is fine is refused for its content, of which a beginning may have gone
/// out already.
fn is_about_content(cause: &str) -> bool {
    ["malformed chunk size", "line in chunked body", "malformed or too"]
        .iter()
        .any(|begin| cause.starts_with(begin))
}

#[test]
fn every_malformed_request_is_refused_closed_on_and_kept_from_the_back_end() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(&proxy_everything(&backend));
    for case in MALFORMED {
        // Requests that are complete although what follows them is not are answered first.
        let mut client = gateway.client();
        client.send(case.bytes);
        let reply = client.reply();
        assert_eq!(reply.status, case.status, "{}: {}", case.what, reply.text());
        assert!(reply.closed, "{}: the next byte could be anyone's", case.what);
        let seen = backend.requests();
        let whole = seen.iter().find(|request| request.body.complete);
        assert!(whole.is_none(), "{}: the back end saw {:?}", case.what, whole);
        if !is_about_content(case.cause) {
            assert!(seen.is_empty(), "{}: the back end saw {seen:?}", case.what);
        }
    }
}

#[test]
fn malformed_requests_are_refused_however_they_are_cut() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(&proxy_everything(&backend));
    for case in MALFORMED {
        let mut client = gateway.client();
        for byte in case.bytes {
            client.send([*byte]);
        }
        let reply = client.reply();
        assert_eq!(reply.status, case.status, "{}, byte by byte: {}", case.what, reply.text());
        assert!(reply.closed, "{}", case.what);
    }
    let whole = backend.requests().into_iter().find(|request| request.body.complete);
    assert!(whole.is_none(), "the back end saw {whole:?}");
}

#[test]
fn doubtful_requests_that_are_fine_reach_the_back_end() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Gateway::start(&proxy_everything(&backend));
    let mut seen = 0;
    for case in ACCEPTED {
        let reply = gateway.send(case.bytes);
        if case.path == "*" {
            assert_eq!(reply.status, 404, "{}", case.what);
            continue;
        }
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"), "{}", case.what);
        seen += 1;
        let requests = backend.requests();
        assert_eq!(requests.len(), seen, "{}", case.what);
        let request = &requests[seen - 1];
        assert_eq!(request.text(), case.body, "{}", case.what);
        let target = request.head.line.split(' ').nth(1).unwrap();
        assert_eq!(target.split('?').next(), Some(case.path), "{}", case.what);
        assert_eq!(request.header("x-forwarded-host"), case.host, "{}", case.what);
    }
}

#[test]
fn requests_are_refused_one_byte_or_field_beyond_each_limit() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::with(
        "limits.request_line = \"300B\"\nlimits.head = \"700B\"\nlimits.fields = 20",
        &proxy_everything(&backend),
    );
    for case in oversized(300, 700, 20) {
        let reply = gateway.send(&case.bytes);
        let expected = case.status.unwrap_or(200);
        assert_eq!(reply.status, expected, "{} of {} bytes", case.what, case.bytes.len());
        assert_eq!(reply.closed, case.status.is_some(), "{}", case.what);
    }
    let gateway = Gateway::start(&proxy_everything(&backend));
    // The request line counts as part of the head, so it leaves room for the rest here.
    for case in oversized(9 * 1024, 10 * 1024, 100) {
        let reply = gateway.send(&case.bytes);
        let expected = case.status.filter(|status| *status != 414).unwrap_or(200);
        assert_eq!(reply.status, expected, "{} by default", case.what);
    }
}

#[test]
fn no_malformed_response_reaches_a_client() {
    for case in MALFORMED_RESPONSES {
        let bytes = case.bytes;
        let backend = Backend::scripted(move |connection| {
            if connection.request().is_some() {
                connection.send(bytes);
                connection.end();
            }
        });
        let gateway = Gateway::start(&proxy_everything(&backend));
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if case.in_head {
            let reply = client.reply();
            assert_eq!(reply.status, 502, "{}", case.what);
            assert_eq!(reply.text(), r#"{"message":"Bad Gateway"}"#, "{}", case.what);
        } else {
            expect_cut(&mut client, case.what);
        }
        assert_eq!(backend.connections(), 1, "{}: it is not tried again", case.what);
    }
}

/// The answer is a 502, or ends without its end.
fn expect_cut(client: &mut Client, what: &str) {
    if let Some(head) = client.wire.head()
        && !head.line.starts_with("HTTP/1.1 502")
    {
        let body = client.wire.response_body(&head);
        assert!(!body.complete, "{what}: a part must not look like the whole: {body:?}");
    }
}
