//! Responses of back ends as the client sees them.

use crate::harness::{Backend, Client, Gate, Gateway};
use crate::requests::catalog;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn proxied(protocol: &str, response: &str) -> (Backend, Gateway) {
    let backend = Backend::answering(response);
    let gateway = Gateway::start(&catalog(&backend, "", protocol));
    (backend, gateway)
}

#[test]
fn a_response_goes_on_with_its_status_line_and_fields() {
    let (_backend, gateway) = proxied(
        "http",
        "HTTP/1.1 299 Quite All Right\r\nX-A: first\r\nx-a: second\r\nContent-Type: a/b\r\n\
         Server: s\r\nDate: Tue, 01 Feb 2000 00:00:00 GMT\r\nVia: 1.1 v\r\n\
         WWW-Authenticate: Basic\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 5\r\n\r\nhello",
    );
    let reply = gateway.get("/x");
    assert_eq!(reply.head.line, "HTTP/1.1 299 Quite All Right");
    assert_eq!(reply.head.all("x-a"), ["first", "second"]);
    for (name, value) in [
        ("content-type", "a/b"),
        ("server", "s"),
        ("date", "Tue, 01 Feb 2000 00:00:00 GMT"),
        ("via", "1.1 v"),
        ("www-authenticate", "Basic"),
        ("set-cookie", "a=b; Path=/"),
        ("content-length", "5"),
    ] {
        assert_eq!(reply.header(name), Some(value));
    }
    assert!(reply.head.has("apigw-requestid"));
    assert_eq!(reply.text(), "hello");
}

#[test]
fn fields_that_concern_one_connection_stay_on_it() {
    let (_backend, gateway) = proxied(
        "http",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\n\
         X-Private: secret\r\nUpgrade: h2c\r\nTrailer: x\r\nProxy-Connection: x\r\n\
         Apigw-Requestid: spoofed\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nX: trailer\r\n\r\n",
    );
    let mut client = gateway.client();
    let reply = client.ask(GET);
    for name in ["connection", "keep-alive", "x-private", "upgrade", "trailer", "proxy-connection"]
    {
        assert!(!reply.head.has(name), "{name} is in {:?}", reply.head);
    }
    assert_ne!(reply.header("apigw-requestid"), Some("spoofed"));
    assert!(reply.header("date").is_some(), "a date is added where there is none");
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert_eq!(reply.text(), "hello");
    assert_eq!(client.ask(GET).text(), "hello", "trailers are not the next response");
}

#[test]
fn a_rest_api_renames_what_amazons_renames() {
    let (_backend, gateway) = proxied(
        "rest",
        "HTTP/1.1 200 OK\r\nServer: s\r\nDate: Tue, 01 Feb 2000 00:00:00 GMT\r\nVia: 1.1 v\r\n\
         WWW-Authenticate: Basic\r\nx-amzn-RequestId: theirs\r\nx-amz-apigw-id: theirs\r\n\
         Proxy-Authenticate: Basic\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello",
    );
    let reply = gateway.get("/x");
    for (name, value) in [
        ("x-amzn-remapped-server", "s"),
        ("x-amzn-remapped-date", "Tue, 01 Feb 2000 00:00:00 GMT"),
        ("x-amzn-remapped-www-authenticate", "Basic"),
        ("x-amzn-remapped-x-amzn-requestid", "theirs"),
        ("content-type", "a/b"),
    ] {
        assert_eq!(reply.header(name), Some(value));
    }
    for name in ["server", "www-authenticate", "via", "proxy-authenticate", "x-amzn-errortype"] {
        assert!(!reply.head.has(name), "{name} is in {:?}", reply.head);
    }
    assert_ne!(reply.header("date"), Some("Tue, 01 Feb 2000 00:00:00 GMT"));
    assert_ne!(reply.header("x-amzn-requestid"), Some("theirs"));
    assert_ne!(reply.header("x-amz-apigw-id"), Some("theirs"));
}

#[test]
fn a_response_without_content_keeps_its_facts_and_the_connections() {
    let backend = Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            connection.send(match request.head.line.as_str() {
                line if line.starts_with("HEAD /chunked") => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                }
                line if line.starts_with("HEAD") => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
                line if line.starts_with("GET /204") => {
                    "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"
                }
                line if line.starts_with("GET /304") => {
                    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"e\"\r\n\r\n"
                }
                line if line.starts_with("GET /empty") => {
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                }
                _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            });
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_to_head();
    assert_eq!(reply.header("content-length"), Some("9"), "what GET would bring");
    client.send("HEAD /chunked HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply_to_head().status, 200);
    let reply = client.ask("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.status, 204);
    assert!(!reply.head.has("content-length"), "RFC 9110 section 8.6 forbids one");
    let reply = client.ask("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.status, reply.header("content-length")), (304, Some("9")));
    assert_eq!(reply.header("etag"), Some("\"e\""));
    let reply = client.ask("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.header("content-length"), reply.text().as_str()), (Some("0"), ""));
    let reply = client.ask("GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.header("transfer-encoding"), reply.text().as_str()), (Some("chunked"), ""));
    assert_eq!(backend.connections(), 1, "each time the end of the response was known");
}

#[test]
fn a_response_until_the_end_of_the_connection_becomes_chunks() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhel");
        connection.send("lo");
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for _ in 0..2 {
        let reply = client.ask(GET);
        assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
        assert_eq!(reply.text(), "hello");
    }
    assert_eq!(backend.connections(), 2, "the back end's connections end with their responses");
}

#[test]
fn an_old_client_gets_content_until_the_end() {
    let (_backend, gateway) = proxied(
        "http",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
    );
    let mut client = gateway.client();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let head = client.wire.head().unwrap();
    assert!(!head.has("transfer-encoding"), "HTTP/1.0 has no chunks");
    assert_eq!(head.get("connection"), Some("close"), "only the end says where the content ends");
    let body = client.wire.rest();
    assert_eq!((body.bytes.as_slice(), body.complete), (&b"hello!"[..], true));

    let (_backend, gateway) = proxied("http", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut client = gateway.client();
    for _ in 0..2 {
        let reply = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((reply.text().as_str(), reply.header("connection")), ("ok", Some("keep-alive")));
    }
}

#[test]
fn responses_of_old_back_ends_are_understood() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(client.ask(GET).text(), "hello");
    }
    assert_eq!(backend.connections(), 2);
}

#[test]
fn interim_responses_go_on_but_for_100() {
    let (_backend, gateway) = proxied(
        "http",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\
         Connection: x\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    );
    let mut client = gateway.client();
    client.send(GET);
    for link in ["</a>", "</b>"] {
        let head = client.wire.head().unwrap();
        assert_eq!(head.line, "HTTP/1.1 103 Early Hints");
        assert_eq!(head.get("link"), Some(link));
        assert!(!head.has("connection") && !head.has("x"), "{head:?}");
    }
    assert_eq!(client.reply().text(), "hello");

    let reply = gateway.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"), "HTTP/1.0 knows none");
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_refused() {
    let (_backend, gateway) = proxied(
        "http",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nanything",
    );
    let mut client = gateway.client();
    for _ in 0..2 {
        let reply =
            client.ask("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
        assert_eq!(reply.status, 502);
    }
}

#[test]
fn heads_and_chunks_are_understood_however_they_are_cut() {
    let response = "HTTP/1.1 103 Early Hints\r\nL: l\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\
        Transfer-Encoding: chunked\r\n\r\n3;e\r\nhel\r\n2\r\nlo\r\n0\r\nT: t\r\n\r\n";
    let next = Gate::closed();
    let seen = next.clone();
    let backend = Backend::scripted(move |connection| {
        let mut cut = 0;
        while connection.request().is_some() {
            connection.send(&response[..cut]);
            if cut == 70 {
                // At least once the gateway must have seen the first part alone.
                seen.wait();
            }
            connection.send(&response[cut..]);
            cut += 1;
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    for cut in 0..=response.len() {
        client.send(GET);
        assert!(client.wire.head().unwrap().line.contains("103"), "cut at {cut}");
        if cut == 70 {
            next.open();
        }
        let reply = client.reply();
        assert_eq!(reply.text(), "hello", "cut at {cut}");
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            let path = request.head.line.split(' ').nth(1).unwrap().to_owned();
            connection
                .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let tables = catalog(&backend, "", "http")
        + "[[api.route]]\nroute = \"GET /mock\"\nintegration = { type = \"mock\", body = \"/mock\" }";
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();
    let path = |number: usize| match number % 3 {
        0 => "/mock".to_owned(),
        _ => format!("/{number}"),
    };
    let requests: String = (0..100)
        .map(|number| match number % 5 {
            4 => format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "),
            _ => format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path(number)),
        })
        .collect();
    client.send(requests);
    for number in 0..100 {
        let expected = if number % 5 == 4 { format!("/{number}") } else { path(number) };
        assert_eq!(client.reply().text(), expected, "answer {number}");
    }
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let (_backend, gateway) = proxied("http", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut client = gateway.client();
    client.send(GET).send(GET);
    client.finish_sending();
    for _ in 0..2 {
        let head = client.wire.head().unwrap();
        assert!(head.line.contains("200"), "{head:?}");
        assert_eq!(client.wire.exactly(2).bytes, b"ok");
    }
    client.ends_silently();
    gateway.await_metric("ringgate_client_connections", 0.0);
}

#[test]
fn the_connection_header_of_the_answer_tells_what_happens() {
    let (_backend, gateway) = proxied("http", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut client: Client = gateway.client();
    assert!(client.ask(request).closed);
}

#[test]
fn heads_of_responses_have_limits_too() {
    // "HTTP/1.1 200 OK" and its end, one field's name, and the length.
    let head = |bytes: usize| {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ";
        format!("{start}{}\r\n\r\nok", "x".repeat(bytes - start.len() - 4))
    };
    let fields = |count: usize| {
        let more: String = (1..count).map(|number| format!("X-{number}: y\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{more}\r\nok")
    };
    for (what, response, status) in [
        ("64 KiB", head(64 * 1024), 200),
        ("64 KiB and a byte", head(64 * 1024 + 1), 502),
        ("128 fields", fields(128), 200),
        ("129 fields", fields(129), 502),
    ] {
        let (_backend, gateway) = proxied("http", &response);
        let mut client = gateway.client();
        for _ in 0..2 {
            assert_eq!(client.ask(GET).status, status, "{what}");
        }
    }
}

#[test]
fn a_head_that_never_ends_is_refused() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n");
        let field = format!("X: {}\r\n", "x".repeat(1000));
        for _ in 0..1000 {
            connection.send(&field);
        }
    });
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    assert_eq!(gateway.get("/x").status, 502);
}
