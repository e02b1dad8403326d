//! Proxied requests as the back end sees them.

use crate::harness::{Backend, Gateway};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Every request to that back end, with more keys for its upstream.
pub(crate) fn catalog(backend: &Backend, keys: &str, protocol: &str) -> String {
    let route = if protocol == "rest" { "ANY /{proxy+}" } else { "$default" };
    format!(
        "[[upstream]]\nname = \"catalog\"\ntargets = [\"{}\"]\n{keys}\n\
         [[api]]\nname = \"shop\"\nprotocol = \"{protocol}\"\n\
         [[api.route]]\nroute = \"{route}\"\n\
         integration = {{ type = \"http_proxy\", upstream = \"catalog\" }}\n",
        backend.address
    )
}

fn route(key: &str, more: &str) -> String {
    format!(
        "[[api.route]]\nroute = \"{key}\"\n\
         integration = {{ type = \"http_proxy\", upstream = \"catalog\"{more} }}\n"
    )
}

#[test]
fn path_and_query_go_on_byte_for_byte() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    let targets = [
        "/",
        "/a/b/",
        "//a//b",
        "/a%2Fb%20c/%c3%a9",
        "/a;v=1/b,c:d@e",
        "/a?",
        "/a?b=%20&c=+&&=?/",
        "/~!$&'()*+,;=:@-._",
        "/a/./b/../c",
    ];
    for target in targets {
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let request = backend.requests().pop().unwrap();
        assert_eq!(request.head.line, format!("GET {target} HTTP/1.1"));
    }
    assert_eq!(backend.connections(), 1, "one connection carries them all");
}

#[test]
fn the_base_path_is_taken_off_and_the_rest_goes_on() {
    let backend = Backend::answering(OK);
    let tables =
        catalog(&backend, "", "http").replace("protocol", "base_path = \"/shop\"\nprotocol");
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();
    for (target, seen) in [("/shop/a%2f/b?c", "/a%2f/b?c"), ("/shop", "/"), ("/shop/", "/")] {
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let request = backend.requests().pop().unwrap();
        assert_eq!(request.head.line, format!("GET {seen} HTTP/1.1"), "{target}");
    }
    assert_eq!(client.ask("GET /shopping HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);
}

#[test]
fn a_path_template_is_filled_from_the_route() {
    let backend = Backend::answering(OK);
    let tables = catalog(&backend, "", "http")
        + &route("GET /pets/{id}", ", path = \"/v1/animals/{id}/x\"")
        + &route("ANY /files/{rest+}", ", path = \"/store/{rest}\", method = \"PUT\"");
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();
    for (sent, seen) in [
        ("GET /pets/7?q=1", "GET /v1/animals/7/x?q=1"),
        ("GET /pets/a%20b", "GET /v1/animals/a%20b/x"),
        ("GET /pets/a%2Fb", "GET /v1/animals/a%2Fb/x"),
        ("GET /files/a/b/c", "PUT /store/a/b/c"),
        ("DELETE /files/a%20b", "PUT /store/a%20b"),
    ] {
        let reply = client.ask(format!("{sent} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reply.status, 200, "{sent}");
        let request = backend.requests().pop().unwrap();
        assert_eq!(request.head.line, format!("{seen} HTTP/1.1"), "{sent}");
    }
    let before = backend.requests().len();
    for target in ["/pets/..", "/pets/%2e%2E", "/files/a/../b", "/files/%2e%2e/b"] {
        let reply = client.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reply.status, 400, "{target} would leave the template");
    }
    assert_eq!(backend.requests().len(), before);
}

#[test]
fn methods_go_on_unless_the_integration_names_one() {
    let backend = Backend::answering(OK);
    let tables = catalog(&backend, "", "http") + &route("ANY /post", ", method = \"POST\"");
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "get"] {
        client.ask(format!("{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        let request = backend.requests().pop().unwrap();
        assert_eq!(request.head.line, format!("{method} /x HTTP/1.1"));
        client.ask(format!("{method} /post HTTP/1.1\r\nHost: a\r\n\r\n"));
        let request = backend.requests().pop().unwrap();
        assert_eq!(request.head.line, "POST /post HTTP/1.1");
    }
}

/// What the client asked and what the back end is asked may differ in whether an answer has content.
#[test]
fn an_answer_has_content_by_the_clients_method_whatever_the_back_ends_is() {
    let backend = Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
            if !request.head.line.starts_with("HEAD") {
                connection.send("hello");
            }
        }
    });
    let tables = catalog(&backend, "", "http")
        + &route("ANY /get", ", method = \"GET\"")
        + &route("ANY /head", ", method = \"HEAD\"");
    let gateway = Gateway::start(&tables);
    let mut client = gateway.client();

    client.send("HEAD /get HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_to_head();
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("5")));
    let reply = client.ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.text(), "hello", "nothing of the content is left in between");

    let reply = client.ask("GET /head HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (200, ""), "there is nothing to wait for");
    assert_eq!(client.ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").text(), "hello");
}

#[test]
fn the_back_end_is_called_by_its_own_name() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    gateway.get("/");
    let own = backend.address.to_string();
    assert_eq!(backend.requests()[0].header("host"), Some(own.as_str()));
    assert_eq!(backend.requests()[0].head.fields[0].0, "host", "RFC 9112: first, where all look");

    let gateway = Gateway::start(&catalog(&backend, "host = \"catalog.internal\"", "http"));
    gateway.get("/");
    assert_eq!(backend.requests()[1].header("host"), Some("catalog.internal"));
    assert_eq!(backend.requests()[1].header("x-forwarded-host"), Some("a"));
}

#[test]
fn fields_that_concern_one_connection_stay_on_it() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    gateway.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: 5\r\n\
         TE: trailers\r\nTrailer: x\r\nUpgrade: websocket\r\nProxy-Authorization: Basic x\r\n\
         Proxy-Connection: close\r\nX-Private: secret\r\nX-Public: first\r\nX-Public: second\r\n\
         Cookie: a=b\r\nAuthorization: Bearer t\r\nAccept: a/b\r\nUser-Agent: me\r\n\r\n",
    );
    let request = backend.request();
    for name in [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-authorization",
        "proxy-connection",
        "x-private",
        "transfer-encoding",
        "content-length",
    ] {
        assert!(!request.head.has(name), "{name} is in {:?}", request.head);
    }
    assert_eq!(request.head.all("x-public"), ["first", "second"]);
    for (name, value) in
        [("cookie", "a=b"), ("authorization", "Bearer t"), ("accept", "a/b"), ("user-agent", "me")]
    {
        assert_eq!(request.header(name), Some(value));
    }
}

#[test]
fn an_http_api_adds_what_amazons_adds() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    gateway.send("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 x\r\n\r\n");
    let request = backend.request();
    assert_eq!(request.head.all("via"), ["1.0 x", "HTTP/1.1 AmazonAPIGateway"]);
    let trace = request.header("x-amzn-trace-id").unwrap();
    let parts: Vec<&str> = trace.split('-').collect();
    assert_eq!(parts[0], "Root=1", "{trace}");
    assert_eq!((parts[1].len(), parts[2].len()), (8, 24), "{trace}");
    assert!(!request.head.has("x-amzn-apigateway-api-id"));
    assert!(!request.head.has("accept"), "nothing is made up");

    gateway.send("GET / HTTP/1.1\r\nHost: a\r\nX-Amzn-Trace-Id: Root=1-2-3;Parent=4\r\n\r\n");
    let request = backend.requests().pop().unwrap();
    assert_eq!(request.header("x-amzn-trace-id"), Some("Root=1-2-3;Parent=4"), "kept as it came");
}

#[test]
fn a_rest_api_adds_and_drops_what_amazons_does() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "rest"));
    gateway.send(
        "GET /x HTTP/1.1\r\nHost: a\r\nVia: 1.0 x\r\nContent-MD5: m\r\nMax-Forwards: 3\r\n\
         Server: s\r\nWWW-Authenticate: w\r\nX-Amzn-Apigateway-Api-Id: mine\r\nDate: d\r\n\r\n",
    );
    let request = backend.request();
    for name in ["via", "content-md5", "max-forwards", "server", "www-authenticate"] {
        assert!(!request.head.has(name), "{name} is in {:?}", request.head);
    }
    assert_eq!(request.header("date"), Some("d"));
    assert_eq!(request.header("accept"), Some("application/json"));
    let api = request.header("x-amzn-apigateway-api-id").unwrap();
    assert!(api.len() == 10 && api != "mine", "{api}");
    let agent = format!("AmazonAPIGateway_{api}");
    assert_eq!(request.header("user-agent"), Some(agent.as_str()));
    assert!(request.head.has("x-amzn-trace-id"));
}

const SPOOFED: &str = "GET / HTTP/1.1\r\nHost: a.example:81\r\nX-Forwarded-For: 1.1.1.1\r\n\
    X-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
    X-Forwarded-Port: 443\r\nForwarded: for=1.1.1.1;proto=https\r\n\r\n";

#[test]
fn nobody_but_a_trusted_proxy_says_where_a_request_comes_from() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    gateway.send(SPOOFED);
    let request = backend.request();
    let port = gateway.address().port().to_string();
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-forwarded-host"), Some("a.example:81"));
    assert_eq!(request.header("x-forwarded-port"), Some(port.as_str()));
    assert_eq!(
        request.header("forwarded"),
        Some("by=127.0.0.1;for=127.0.0.1;host=\"a.example:81\";proto=http")
    );
}

#[test]
fn what_a_trusted_proxy_says_is_continued() {
    let backend = Backend::answering(OK);
    let gateway =
        Gateway::with("trusted_proxies = [\"127.0.0.0/8\"]", &catalog(&backend, "", "http"));
    gateway.send(SPOOFED);
    let request = backend.request();
    assert_eq!(request.header("x-forwarded-for"), Some("1.1.1.1, 2.2.2.2, 127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-forwarded-host"), Some("evil"));
    assert_eq!(request.header("x-forwarded-port"), Some("443"));
    assert_eq!(
        request.header("forwarded"),
        Some(
            "for=1.1.1.1;proto=https, \
             by=127.0.0.1;for=127.0.0.1;host=\"a.example:81\";proto=http"
        )
    );
}

#[test]
fn forwarding_fields_are_sent_and_removed_by_family() {
    let backend = Backend::answering(OK);
    for (setting, has_x, has_rfc) in [
        ("x-forwarded", true, false),
        ("forwarded", false, true),
        ("both", true, true),
        ("none", false, false),
    ] {
        let server = format!("forwarded = \"{setting}\"\ntrusted_proxies = [\"127.0.0.1/32\"]");
        let gateway = Gateway::with(&server, &catalog(&backend, "", "http"));
        gateway.send(SPOOFED);
        let request = backend.requests().pop().unwrap();
        for name in ["for", "proto", "host", "port"] {
            assert_eq!(request.head.has(&format!("x-forwarded-{name}")), has_x, "{setting}");
        }
        assert_eq!(request.head.has("forwarded"), has_rfc, "{setting}");
    }
}

#[test]
fn framing_is_written_anew() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();

    client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello");
    let request = backend.requests().pop().unwrap();
    assert_eq!((request.header("content-length"), request.text().as_str()), (Some("5"), "hello"));

    client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let request = backend.requests().pop().unwrap();
    assert_eq!((request.header("content-length"), request.text().as_str()), (Some("0"), ""));

    client.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
         2;ext=1\r\nhe\r\n003\r\nllo\r\n000\r\nTrailer: no\r\nContent-Length: 9\r\n\r\n",
    );
    let request = backend.requests().pop().unwrap();
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert!(!request.head.has("content-length"));
    assert_eq!(request.text(), "hello", "extensions and trailers end here");
}

#[test]
fn a_client_that_expects_100_continue_gets_it_from_the_gateway() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&catalog(&backend, "", "http"));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.wire.head().unwrap().line, "HTTP/1.1 100 Continue");
    assert_eq!(client.ask("hello").status, 200);
    let request = backend.request();
    assert_eq!((request.text().as_str(), request.header("expect")), ("hello", None));

    // One that does not wait gets no more than it must.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    let old = "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab";
    assert_eq!(gateway.send(old).status, 200, "HTTP/1.0 knows no interim responses");
}
