//! What is told of requests: access log lines and counters.

use crate::harness::{Backend, Gateway, eventually, refusing};
use serde_json::Value;
use std::fs;
use std::time::{Duration, SystemTime};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Every variable that has a value in this version, as JSON.
const FORMAT: &str = concat!(
    r#"{"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","#,
    r#""ip":"$context.identity.sourceIp","agent":"$context.identity.userAgent","#,
    r#""time":"$context.requestTime","epoch":"$context.requestTimeEpoch","#,
    r#""method":"$context.httpMethod","path":"$context.path","protocol":"$context.protocol","#,
    r#""resource":"$context.resourcePath","route":"$context.routeKey","stage":"$context.stage","#,
    r#""api":"$context.apiId","host":"$context.domainName","prefix":"$context.domainPrefix","#,
    r#""base":"$context.customDomain.basePathMatched","status":"$context.status","#,
    r#""bytes":"$context.responseLength","both":"$context.dataProcessed","#,
    r#""latency":"$context.responseLatency","upstreamLatency":"$context.integrationLatency","#,
    r#""upstreamStatus":"$context.integrationStatus","error":"$context.error.message","#,
    r#""type":"$context.error.responseType","upstreamError":"$context.integrationErrorMessage","#,
    r#""tls":"$context.tlsVersion"}"#
);

fn logging(backend: &Backend, protocol: &str, format: &str) -> String {
    let refused = refusing();
    format!(
        r#"
        [access_log]
        destination = "file:access.log"
        format = '{format}'
        [[upstream]]
        name = "catalog"
        targets = ["{}"]
        [[upstream]]
        name = "gone"
        targets = ["{refused}"]
        [[api]]
        name = "shop"
        protocol = "{protocol}"
        base_path = "/shop"
        [[api.route]]
        route = "GET /mock/{{id}}"
        integration = {{ type = "mock", status = 201, body = "hello, mock" }}
        [[api.route]]
        route = "ANY /proxy/{{id}}"
        integration = {{ type = "http_proxy", upstream = "catalog", timeout = "200ms" }}
        [[api.route]]
        route = "GET /gone"
        integration = {{ type = "http_proxy", upstream = "gone" }}
        "#,
        backend.address
    )
}

/// The lines of the access log, once there are so many.
fn lines(gateway: &Gateway, count: usize) -> Vec<String> {
    let file = gateway.folder().join("access.log");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    eventually(&format!("{count} lines"), || read().lines().count() >= count);
    let lines: Vec<String> = read().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "one line per request: {lines:#?}");
    lines
}

fn texts(line: &str) -> impl Fn(&str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    move |key: &str| value[key].as_str().unwrap_or_else(|| panic!("{key}: {value}")).to_owned()
}

#[test]
fn every_field_of_a_mocks_line_is_right() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&logging(&backend, "http", FORMAT));
    let before = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let reply = gateway.send(
        "GET /shop/mock/7?secret=1 HTTP/1.1\r\nHost: api.example.com:80\r\nUser-Agent: a \"b\"\\\r\n\r\n",
    );
    let line = lines(&gateway, 1).remove(0);
    let get = texts(&line);
    let id = reply.header("apigw-requestid").unwrap();
    assert_eq!((get("requestId"), get("extendedRequestId")), (id.into(), id.into()));
    for (key, expected) in [
        ("ip", "127.0.0.1"),
        ("agent", "a \"b\"\\"),
        ("method", "GET"),
        ("path", "/shop/mock/7"),
        ("protocol", "HTTP/1.1"),
        ("resource", "/mock/{id}"),
        ("route", "GET /mock/{id}"),
        ("stage", "$default"),
        ("host", "api.example.com"),
        ("prefix", "api"),
        ("base", "shop"),
        ("status", "201"),
        ("bytes", "11"),
        ("both", "11"),
        ("upstreamLatency", "-"),
        ("upstreamStatus", "-"),
        ("error", "-"),
        ("type", "-"),
        ("upstreamError", "-"),
        ("tls", "-"),
    ] {
        assert_eq!(get(key), expected, "{key}");
    }
    assert_eq!(get("api").len(), 10);
    let epoch = Duration::from_millis(get("epoch").parse().unwrap());
    let after = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    assert!(before.as_millis() <= epoch.as_millis() && epoch <= after);
    assert!(get("time").ends_with(" +0000"), "{}", get("time"));
}

#[test]
fn every_field_of_a_proxied_requests_line_is_right() {
    let backend = Backend::answering("HTTP/1.1 404 Gone\r\nContent-Length: 5\r\n\r\nhello");
    let gateway = Gateway::start(&logging(&backend, "rest", FORMAT));
    let reply = gateway.send(
        "POST /shop/proxy/7 HTTP/1.0\r\nHost: a\r\nUser-Agent: me\r\nContent-Length: 3\r\n\r\nabc",
    );
    let line = lines(&gateway, 1).remove(0);
    let get = texts(&line);
    assert_eq!(get("requestId"), reply.header("x-amzn-requestid").unwrap());
    assert_eq!(get("extendedRequestId"), reply.header("x-amz-apigw-id").unwrap());
    for (key, expected) in [
        ("agent", "me"),
        ("method", "POST"),
        ("path", "/shop/proxy/7"),
        ("protocol", "HTTP/1.0"),
        ("resource", "/proxy/{id}"),
        ("status", "404"),
        ("bytes", "5"),
        ("both", "8"),
        ("upstreamStatus", "404"),
        ("error", "-"),
        ("upstreamError", "-"),
    ] {
        assert_eq!(get(key), expected, "{key}");
    }
    let milliseconds = |key: &str| get(key).parse::<u64>().unwrap();
    assert!(milliseconds("upstreamLatency") <= milliseconds("latency"));
}

#[test]
fn refusals_and_failures_are_told_as_what_they_are() {
    let backend = Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            if request.head.line.contains("/proxy/cut") {
                return connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            }
            // Anything else waits for its time-out.
        }
    });
    let gateway = Gateway::start(&logging(&backend, "http", FORMAT));
    let cases = [
        ("/shop/none", "404", "Not Found", "MISSING_AUTHENTICATION_TOKEN", "-"),
        ("/shop/proxy/7", "504", "Endpoint request timed out", "INTEGRATION_TIMEOUT", "-"),
        (
            "/shop/gone",
            "502",
            "Network error communicating with endpoint",
            "INTEGRATION_FAILURE",
            "-",
        ),
        ("/shop/proxy/cut", "200", "Bad Gateway", "INTEGRATION_FAILURE", "200"),
    ];
    for (count, (path, status, message, kind, upstream_status)) in (1..).zip(cases) {
        let mut client = gateway.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.wire.head().unwrap();
        client.wire.response_body(&head);
        let line = lines(&gateway, count).pop().unwrap();
        let get = texts(&line);
        assert_eq!((get("path").as_str(), get("status").as_str()), (path, status), "{line}");
        assert_eq!((get("error").as_str(), get("type").as_str()), (message, kind), "{line}");
        assert_eq!(get("upstreamStatus"), upstream_status, "{line}");
    }
    // Where no API is found there is nobody whose log it could be.
    gateway.get("/other");
    gateway.get("/shop/mock/1");
    assert_eq!(texts(&lines(&gateway, 5)[4])("path"), "/shop/mock/1");
}

#[test]
fn the_presets_are_read_by_programs_that_know_them() {
    let backend = Backend::answering(OK);
    for format in ["json", "clf"] {
        let gateway = Gateway::start(&logging(&backend, "rest", format));
        let reply = gateway.get("/shop/mock/7");
        let id = reply.header("x-amzn-requestid").unwrap();
        let line = lines(&gateway, 1).remove(0);
        if format == "json" {
            let get = texts(&line);
            for (key, expected) in [
                ("requestId", id),
                ("ip", "127.0.0.1"),
                ("httpMethod", "GET"),
                ("status", "201"),
                ("protocol", "HTTP/1.1"),
                ("responseLength", "11"),
            ] {
                assert_eq!(get(key), expected, "{key}");
            }
        } else {
            let (before, rest) = line.split_once('[').unwrap();
            assert_eq!(before, "127.0.0.1 - - ");
            let (time, rest) = rest.split_once("] ").unwrap();
            assert!(time.ends_with(" +0000"), "{time}");
            assert_eq!(rest, format!("\"GET /shop/mock/7 HTTP/1.1\" 201 11 {id}"));
        }
    }
}

#[test]
fn nothing_a_client_sends_makes_a_second_line() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&logging(&backend, "http", FORMAT));
    gateway.send(
        b"GET /shop/mock/%0A%22 HTTP/1.1\r\nHost: a\r\nUser-Agent: \",\"status\":\"1\xff\t\xc2\x9b\r\n\r\n",
    );
    let line = lines(&gateway, 1).remove(0);
    let get = texts(&line);
    assert_eq!(get("status"), "201");
    assert_eq!(get("path"), "/shop/mock/%0A%22");
    assert_eq!(get("agent"), "\",\"status\":\"1\u{fffd}\t\u{9b}");
}

#[test]
fn counters_move_as_requests_do() {
    let backend = Backend::answering(OK);
    let gateway = Gateway::start(&logging(&backend, "http", "json"));
    let mut client = gateway.client();
    for path in ["/shop/mock/1", "/shop/mock/2", "/shop/none", "/other", "/shop/gone"] {
        client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for _ in 0..3 {
        client.ask("POST /shop/proxy/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
    }
    gateway.send("GET / HTTP/1.1\r\n\r\n");
    gateway.await_metric("ringgate_requests_total", 9.0);
    let metrics = gateway.metrics();
    let sum = |labels: &[&str]| -> f64 {
        let samples = metrics.lines().filter(|line| {
            line.starts_with("ringgate_requests_total{")
                && labels.iter().all(|label| line.contains(label))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    assert_eq!(sum(&["route=\"GET /mock/{id}\"", "code=\"201\"", "class=\"2xx\""]), 2.0);
    assert_eq!(sum(&["route=\"ANY /proxy/{id}\"", "code=\"200\""]), 3.0);
    assert_eq!(sum(&["route=\"GET /gone\"", "code=\"502\""]), 1.0);
    assert_eq!(sum(&["api=\"shop\"", "route=\"-\"", "code=\"404\""]), 1.0);
    assert_eq!(sum(&["api=\"-\"", "code=\"404\""]), 1.0);
    assert_eq!(sum(&["api=\"-\"", "code=\"400\""]), 1.0);
    for (sample, value) in [
        ("ringgate_client_connections_total{kind=\"plain\"}", 2.0),
        ("ringgate_refused_total{cause=\"no_route\"}", 1.0),
        ("ringgate_refused_total{cause=\"no_api\"}", 1.0),
        ("ringgate_refused_total{cause=\"malformed\"}", 1.0),
        ("ringgate_upstream_requests_total{upstream=\"catalog\"}", 3.0),
        ("ringgate_upstream_connects_total{upstream=\"catalog\"}", 1.0),
        // One try and one retry: a refused connect is tried again.
        ("ringgate_upstream_connect_failures_total{upstream=\"gone\"}", 2.0),
        ("ringgate_upstream_retries_total{upstream=\"gone\"}", 1.0),
        ("ringgate_upstream_connections{upstream=\"catalog\",state=\"idle\"}", 1.0),
        ("ringgate_upstream_connections{upstream=\"catalog\",state=\"active\"}", 0.0),
        ("ringgate_access_log_lines_total", 7.0),
        ("ringgate_shard_requests_total", 9.0),
    ] {
        assert_eq!(gateway.metric(sample), value, "{sample}");
    }
    let bytes = |family: &str| {
        let samples = metrics.lines().filter(|line| {
            line.starts_with(&format!("{family}{{")) && line.contains("api=\"shop\"")
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    assert_eq!(bytes("ringgate_request_body_bytes_total"), 12.0);
    let refusals = r#"{"message":"Not Found"}"#.len()
        + r#"{"message":"Network error communicating with endpoint"}"#.len();
    let expected = 2 * "hello, mock".len() + 3 * "hello".len() + refusals;
    assert_eq!(bytes("ringgate_response_body_bytes_total"), expected as f64);
    eventually("the written lines", || gateway.metric("ringgate_access_log_written_total") == 7.0);
    assert_eq!(gateway.metric("ringgate_access_log_lost_total"), 0.0);
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew_on_a_reload() {
    let backend = Backend::answering(OK);
    let tables = logging(&backend, "http", "json");
    let gateway = Gateway::start(&tables);
    gateway.get("/shop/mock/1");
    lines(&gateway, 1);
    let (now, old) = (gateway.folder().join("access.log"), gateway.folder().join("access.log.1"));
    fs::rename(&now, &old).unwrap();
    gateway.get("/shop/mock/2");
    let lines_of = |file| fs::read_to_string(file).unwrap_or_default().lines().count();
    eventually("the line where the file went", || lines_of(&old) == 2);
    gateway.reload("", &tables);
    gateway.get("/shop/mock/3");
    lines(&gateway, 1);
    assert_eq!(lines_of(&old), 2, "and no line twice");
}

#[test]
fn the_source_is_the_peer_unless_a_proxy_that_is_trusted_says_otherwise() {
    let backend = Backend::answering(OK);
    let tables = logging(&backend, "rest", "$context.requestId $context.identity.sourceIp");
    for (server, source) in
        [("", "127.0.0.1"), ("trusted_proxies = [\"127.0.0.0/8\"]", "203.0.113.9")]
    {
        let gateway = Gateway::with(server, &tables);
        let told = "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n";
        gateway.send(format!("GET /shop/mock/1 HTTP/1.1\r\nHost: a\r\n{told}\r\n"));
        let line = lines(&gateway, 1).remove(0);
        assert_eq!(line.split(' ').nth(1), Some(source), "{server}");
    }
}
