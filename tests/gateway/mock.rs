//! Fixed answers: what they look like, and how connections live on behind them.

use crate::harness::{Backend, Gateway, Reply};

const HTTP: &str = r#"
    [[api]]
    name = "shop"
    protocol = "http"
    [[api.route]]
    route = "GET /hello"
    integration = { type = "mock", status = 200, headers = { content-type = "text/plain", x-many = ["a", "b"] }, body = "hello" }
    [[api.route]]
    route = "HEAD /hello"
    integration = { type = "mock", headers = { content-type = "text/plain" }, body = "hello" }
    [[api.route]]
    route = "POST /hello"
    integration = { type = "mock", status = 201, body = "{}" }
    [[api.route]]
    route = "GET /number/{n}"
    integration = { type = "mock", body = "numbered" }
    [[api.route]]
    route = "GET /none"
    integration = { type = "mock", status = 204 }
    [[api.route]]
    route = "GET /unmodified"
    integration = { type = "mock", status = 304, headers = { etag = "\"x\"" } }
    [[api.route]]
    route = "GET /unusual"
    integration = { type = "mock", status = 599 }
"#;

const REST: &str = r#"
    [[api]]
    name = "shop"
    protocol = "rest"
    [[api.route]]
    route = "GET /hello"
    integration = { type = "mock", body = "hello" }
"#;

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        && text.as_bytes()[14] == b'4'
}

fn is_extended_id(text: &str) -> bool {
    text.len() == 16
        && text.ends_with('=')
        && text[..15].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn has_ids_of_http(reply: &Reply) -> bool {
    reply.header("apigw-requestid").is_some_and(is_extended_id)
        && reply.header("x-amzn-requestid").is_some_and(is_uuid)
        && !reply.head.has("x-amz-apigw-id")
        && !reply.head.has("x-amzn-errortype")
}

fn has_ids_of_rest(reply: &Reply) -> bool {
    reply.header("x-amz-apigw-id").is_some_and(is_extended_id)
        && reply.header("x-amzn-requestid").is_some_and(is_uuid)
        && !reply.head.has("apigw-requestid")
}

#[test]
fn a_mock_answers_with_its_status_fields_and_content() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();

    let reply = client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.head.line, "HTTP/1.1 200 OK");
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(reply.head.all("x-many"), ["a", "b"]);
    assert_eq!(reply.header("content-length"), Some("5"));
    let date = reply.header("date").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    assert!(!reply.head.has("connection"), "HTTP/1.1 stays open without a word");
    assert_eq!(reply.text(), "hello");
    assert!(has_ids_of_http(&reply), "{:?}", reply.head);

    let reply = client.ask("GET /unusual HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (599, ""));
    assert_eq!(reply.header("content-type"), Some("application/json"), "the default");

    let reply = client.ask("GET /hello?q=1 HTTP/1.1\r\nHost: other.example:99\r\n\r\n");
    assert_eq!(reply.text(), "hello", "an API without a domain answers for every host");
}

#[test]
fn answers_that_have_no_content_have_none_and_the_next_one_is_found() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();

    client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_to_head();
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("5")));

    for (path, status) in [("/none", 204), ("/unmodified", 304)] {
        let reply = client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reply.status, status);
        assert!(!reply.head.has("content-length"), "{status} has no length of its own");
        assert!(!reply.head.has("transfer-encoding"));
        if status == 304 {
            assert_eq!(reply.header("etag"), Some("\"x\""));
        }
    }
    assert_eq!(client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").text(), "hello");
}

#[test]
fn a_hundred_requests_in_one_write_are_answered_in_order() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    let requests: String = (0..100)
        .map(|number| match number % 2 {
            0 => "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            _ => format!("GET /number/{number} HTTP/1.1\r\nHost: a\r\nX: {number}\r\n\r\n"),
        })
        .collect();
    client.send(requests);
    for number in 0..100 {
        let expected = if number % 2 == 0 { "hello" } else { "numbered" };
        assert_eq!(client.reply().text(), expected, "answer {number}");
    }
    assert!(!client.wire.has_buffered(), "no answer comes twice");
}

#[test]
fn cutting_pipelined_requests_anywhere_changes_nothing() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    let requests = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n\
        POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET \
        POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nGET\r\n0\r\nT: t\r\n\r\n\
        GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
    for cut in 0..=requests.len() {
        client.send(&requests[..cut]).send(&requests[cut..]);
        let statuses = [(); 4].map(|()| client.reply().status);
        assert_eq!(statuses, [200, 201, 201, 204], "cut at {cut}");
    }
    for byte in requests {
        client.send([*byte]);
    }
    let statuses = [(); 4].map(|()| client.reply().status);
    assert_eq!(statuses, [200, 201, 201, 204], "byte by byte");
}

#[test]
fn old_clients_keep_a_connection_only_when_they_ask_for_it() {
    let gateway = Gateway::start(HTTP);
    let reply = gateway.send("GET /hello HTTP/1.0\r\n\r\n");
    assert!(reply.closed);
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));

    let mut client = gateway.client();
    for _ in 0..2 {
        let reply = client.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(reply.header("connection"), Some("keep-alive"), "an old client must be told");
        assert_eq!(reply.text(), "hello");
    }
    assert!(client.ask("GET /hello HTTP/1.0\r\n\r\n").closed);
}

#[test]
fn a_client_that_asks_for_it_is_closed_on_behind_its_answer() {
    let gateway = Gateway::start(HTTP);
    for value in ["close", "Close", "keep-alive, close", "x, close"] {
        let request = format!("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: {value}\r\n\r\n");
        // What follows is never looked at.
        let reply = gateway.send(format!("{request}{request}"));
        assert!(reply.closed, "Connection: {value}");
        assert_eq!(reply.text(), "hello");
    }
}

#[test]
fn absolute_targets_and_asterisks_are_understood() {
    let gateway = Gateway::start(&HTTP.replace("protocol", "domain = \"b\"\nprotocol"));
    let mut client = gateway.client();
    let reply = client.ask("GET http://b/hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.text(), "hello", "the target's authority counts, not Host");
    let reply = client.ask("GET http://a/hello HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!(reply.status, 404);
    let reply = client.ask("OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!(reply.status, 404, "an asterisk is no API's path");
    assert_eq!(client.ask("GET /hello HTTP/1.1\r\nHost: b\r\n\r\n").text(), "hello");
}

#[test]
fn content_that_a_mock_does_not_want_is_read_and_dropped() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    for bytes in [1, 1000, 256 * 1024] {
        let head = format!("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
        client.send(head).send(vec![b'G'; bytes]);
        assert_eq!(client.reply().status, 201, "{bytes} bytes");
        let chunked = "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send(chunked).send(format!("{bytes:x}\r\n"));
        client.send(vec![b'G'; bytes]).send("\r\n0\r\n\r\n");
        assert_eq!(client.reply().status, 201, "{bytes} bytes in chunks");
    }
    assert_eq!(client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").text(), "hello");
}

#[test]
fn content_that_is_too_long_to_drop_ends_the_connection_behind_the_answer() {
    let gateway = Gateway::start(HTTP);
    let bytes = 256 * 1024 + 1;
    let mut client = gateway.client();
    client.send(format!("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
    client.send(vec![b'G'; bytes]);
    let reply = client.reply();
    assert_eq!(reply.status, 201, "the answer arrives although content was not read");
    assert!(reply.closed);
}

#[test]
fn chunks_without_end_are_not_read_without_end() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    client.send("POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.wire.head().unwrap().line, "HTTP/1.1 201 Created");
    assert_eq!(client.wire.exactly(2).bytes, b"{}");
    let chunk = [b"1000\r\n", &vec![b'G'; 0x1000][..], b"\r\n"].concat();
    for _ in 0..64 {
        client.send(&chunk);
    }
    client.send("1\r\nG\r\n");
    client.ends_silently();
}

#[test]
fn a_client_that_waits_for_100_continue_is_answered_at_once_and_closed_on() {
    let gateway = Gateway::start(HTTP);
    let reply = gateway.send(
        "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(reply.status, 201, "a final answer stands for 100");
    assert!(reply.closed, "whether content follows is the client's choice");

    let mut client = gateway.client();
    let expecting_nothing = "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(client.ask(expecting_nothing).text(), "hello");
    assert_eq!(client.ask(expecting_nothing).text(), "hello", "no content, no doubt");
}

#[test]
fn an_http_api_answers_unknown_routes_with_404() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    for request in ["GET /nothing", "DELETE /hello", "GET /hello/", "GET /number/1/2"] {
        let reply = client.ask(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reply.status, 404, "{request}");
        assert_eq!(reply.text(), r#"{"message":"Not Found"}"#);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert!(has_ids_of_http(&reply), "{:?}", reply.head);
    }
    client.send("HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_to_head();
    assert_eq!((reply.status, reply.header("content-length")), (404, Some("23")));
    assert_eq!(client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").text(), "hello");
}

#[test]
fn a_rest_api_answers_unknown_routes_with_403() {
    let gateway = Gateway::start(REST);
    let mut client = gateway.client();
    let reply = client.ask("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.text(), r#"{"message":"Missing Authentication Token"}"#);
    assert_eq!(reply.header("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(has_ids_of_rest(&reply), "{:?}", reply.head);

    let reply = client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.text(), "hello");
    assert!(!reply.head.has("x-amzn-errortype"), "only the gateway's own answers have one");
    assert!(has_ids_of_rest(&reply), "{:?}", reply.head);
}

#[test]
fn a_host_that_no_api_has_is_answered_with_404() {
    let gateway = Gateway::start(&REST.replace("protocol", "domain = \"b.example\"\nprotocol"));
    let mut client = gateway.client();
    for host in ["a", "x.b.example", "b.example.x", "b.exampl"] {
        let reply = client.ask(format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, 404, "{host}");
        assert_eq!(reply.text(), r#"{"message":"Not Found"}"#);
    }
    for host in ["b.example", "B.EXAMPLE", "b.example:8080"] {
        let reply = client.ask(format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.text(), "hello", "{host}");
    }
}

#[test]
fn every_request_has_ids_of_its_own() {
    let gateway = Gateway::start(HTTP);
    let mut client = gateway.client();
    let mut ids: Vec<String> = (0..50)
        .flat_map(|_| {
            let reply = client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
            let names = ["apigw-requestid", "x-amzn-requestid"];
            names.map(|name| reply.header(name).unwrap().to_owned())
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

/// The limit for declared content holds before anybody asks whether it is wanted.
#[test]
fn content_over_the_limit_is_refused_in_the_words_of_the_protocol() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (protocol, status, body) in [
        ("http", 413, r#"{"message":"Request Entity Too Large"}"#),
        ("rest", 413, "HTTP content length exceeded 1000 bytes."),
    ] {
        let gateway = Gateway::with(
            "limits.body = \"1000B\"",
            &format!(
                "[[api]]\nname = \"a\"\nprotocol = \"{protocol}\"\n[[api.route]]\nroute = \"POST /x\"\n\
                 integration = {{ type = \"http_proxy\", url = \"http://{}\" }}",
                backend.address
            ),
        );
        let post = |bytes: usize| {
            let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
            gateway.send([head.as_bytes(), &vec![b'x'; bytes]].concat())
        };
        assert_eq!(post(1000).status, 200, "{protocol}");
        let reply = post(1001);
        assert_eq!((reply.status, reply.text().as_str()), (status, body));
        assert!(reply.closed, "the content is not read");
        if protocol == "rest" {
            assert_eq!(reply.header("content-type"), Some("text/plain"));
            assert!(!reply.head.has("x-amzn-errortype"), "this answer has none");
        }
    }
}
