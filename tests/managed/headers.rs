//! Amazon's table of header fields, row by row: which of a client's reach a back end, which of a back end's
//! reach a client, and which a mapping can set.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{proxy, rest};
use serde_json::{Value, json};

/// Every field of the table.
const NAMES: [&str; 29] = [
    "Age",
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Authorization",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "Expect",
    "Host",
    "Max-Forwards",
    "Pragma",
    "Proxy-Authenticate",
    "Range",
    "Referer",
    "Server",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "Warn",
    "WWW-Authenticate",
    "X-Amzn-Trace-Id",
    "X-Other",
];

#[expect(clippy::needless_pass_by_value, reason = "a test writes the method where it calls")]
fn deploy(gateway: &Gateway, method: Value) {
    let stage = rest("abcdefghij", &[("/", json!({ "ANY": method }))]);
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
}

fn ask(gateway: &Gateway, fields: &str) -> Reply {
    gateway.ask(&format!(
        "POST /_aws/execute-api/abcdefghij/prod/ HTTP/1.1\r\nHost: asked.test\r\n{fields}\r\n"
    ))
}

/// The names of a head's fields, in alphabetical order.
fn names(head: &str) -> Vec<&str> {
    let lines = head.split("\r\n\r\n").next().unwrap_or_default().lines().skip(1);
    let mut names: Vec<&str> = lines.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_proxys_back_end_gets_the_clients_fields_but_those_of_the_connection() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    deploy(&gateway, proxy(&format!("http://{}/", echo.address), json!({})));
    // What would end the request elsewhere is tried where it is read.
    let untold = ["Connection", "Content-Length", "Expect", "Host", "Transfer-Encoding"];
    let told = NAMES.iter().filter(|name| !untold.contains(name));
    let fields: String = told.map(|name| format!("{name}: client's\r\n")).collect();
    assert_eq!(ask(&gateway, &format!("{fields}Content-Length: 2\r\n\r\nhi")).status, 200);
    let seen = echo.last();
    for passed in [
        "Age",
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Date",
        "Pragma",
        "Range",
        "Referer",
        "User-Agent",
        "Warn",
        "X-Other",
    ] {
        assert!(seen.contains(&format!("\r\n{}: client's\r\n", passed.to_lowercase())), "{passed}");
    }
    let count = seen.matches(": client's").count();
    assert_eq!(count, 14, "{seen}");
    assert!(seen.contains(&format!("\r\nhost: {}\r\n", echo.address)), "{seen}");
    assert!(seen.contains("\r\ncontent-length: 2\r\n"), "{seen}");
    for field in ["Connection: keep-alive, x-other", "Connection: close, X-Other"] {
        ask(&gateway, &format!("{field}\r\nX-Other: o\r\nContent-Length: 0\r\n"));
        let seen = echo.last();
        assert!(!seen.contains("connection") && !seen.contains("x-other"), "{seen}");
    }
    ask(&gateway, "Authorization: AWS4-HMAC-SHA256 Credential=a\r\nContent-Length: 0\r\n");
    assert!(!echo.last().contains("authorization"), "a signature is the gateway's to check");
}

#[test]
fn what_is_added_to_a_proxied_request() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    deploy(&gateway, proxy(&format!("http://{}/", echo.address), json!({})));
    ask(&gateway, "tEsT-HEADeR: aValue\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 0\r\n");
    let seen = echo.last();
    assert_eq!(
        names(&seen),
        [
            "accept",
            "content-length",
            // Not Amazon's, and configured: `server.forwarded`.
            "forwarded",
            "host",
            "test-header",
            "user-agent",
            "x-amzn-apigateway-api-id",
            "x-amzn-trace-id",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-proto",
        ]
    );
    for line in [
        "accept: application/json",
        "user-agent: amazonapigateway_abcdefghij",
        "x-amzn-apigateway-api-id: abcdefghij",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
    ] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
    }
    let as_sent = echo.last_as_sent();
    assert!(as_sent.starts_with("POST / HTTP/1.1\r\n"), "{as_sent}");
    assert!(as_sent.contains("\r\ntEsT-HEADeR: aValue\r\n"), "names keep their capitals");
    assert!(as_sent.contains("\r\nuser-agent: AmazonAPIGateway_abcdefghij\r\n"), "{as_sent}");
}

/// A method of an `HTTP` integration with the default response.
#[expect(clippy::needless_pass_by_value, reason = "a test writes the members where it calls")]
pub(crate) fn custom(echo: &Echo, more: Value) -> Value {
    let mut integration = json!({
        "type": "HTTP", "httpMethod": "POST",
        "integrationResponses": { "200": { "statusCode": "200" } },
    });
    for (name, value) in more.as_object().unwrap() {
        integration[name] = value.clone();
    }
    let mut method = proxy(&format!("http://{}/p", echo.address), integration);
    method["methodResponses"] = json!({ "200": {} });
    method
}

#[test]
fn a_custom_integrations_back_end_gets_nothing_of_the_clients_but_the_type_of_its_content() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let template = json!({ "requestTemplates": { "text/x": "made" } });
    for (more, method, has_type) in [
        (json!({}), "POST", true),
        (template.clone(), "POST", true),
        (json!({}), "GET", false),
        (template, "GET", false),
    ] {
        deploy(&gateway, custom(&echo, more));
        let reply = gateway.ask(&format!(
            "{method} /_aws/execute-api/abcdefghij/prod/?q=1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nCookie: c\r\nX-Other: o\r\nReferer: r\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(reply.brief(), (200, "POST /p HTTP/1.1"));
        let seen = echo.last();
        let mut expected = vec![
            "accept",
            "content-length",
            "host",
            "user-agent",
            "x-amzn-apigateway-api-id",
            "x-amzn-trace-id",
        ];
        let is_made = seen.ends_with("made");
        if has_type || is_made {
            expected.insert(2, "content-type");
        }
        assert_eq!(names(&seen), expected, "{method}");
    }
}

#[test]
fn a_mapping_sets_some_fields_cannot_set_others_and_fails_with_the_gateways_own() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let sent = [
        "Content-MD5",
        "Max-Forwards",
        "Server",
        "Trailer",
        "Upgrade",
        "WWW-Authenticate",
        "Host",
        "Date",
        "User-Agent",
        "Accept",
        "Referer",
        "Authorization",
        "X-Other",
    ];
    let dropped = ["Expect", "Proxy-Authenticate", "TE", "Via"];
    let failing =
        ["Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id"];
    let target = |name: &str| format!("integration.request.header.{name}");
    for kind in ["HTTP_PROXY", "HTTP"] {
        let mapped: serde_json::Map<String, Value> =
            sent.iter().chain(&dropped).map(|name| (target(name), "'mapped'".into())).collect();
        deploy(&gateway, custom(&echo, json!({ "type": kind, "requestParameters": mapped })));
        assert_eq!(ask(&gateway, "Accept: a\r\nContent-Length: 0\r\n").status, 200);
        let seen = echo.last();
        for name in sent {
            let line = format!("\r\n{}: mapped\r\n", name.to_lowercase());
            assert_eq!(seen.matches(&line).count(), 1, "{kind} {name} in {seen}");
        }
        assert_eq!(seen.matches(": mapped").count(), sent.len(), "{kind}: {seen}");
        for name in failing {
            let more = json!({ "type": kind, "requestParameters": { target(name): "'1'" } });
            let stage = rest("abcdefghij", &[("/", json!({ "ANY": custom(&echo, more) }))]);
            assert!(
                stage.warnings[0].ends_with(&format!("{name} header already present")),
                "{:?}",
                stage.warnings
            );
            gateway.deploy(stage);
            let reply = ask(&gateway, "Content-Length: 0\r\n");
            assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#), "{name}");
            assert_eq!(reply.field("x-amzn-errortype"), Some("internalservererrorexception"));
        }
    }
}

#[test]
fn a_functions_integration_fails_with_fields_that_are_the_gateways_own() {
    let gateway = Gateway::start();
    for kind in ["AWS", "AWS_PROXY"] {
        for name in [
            "Authorization",
            "connection",
            "Expect",
            "Proxy-Authenticate",
            "TE",
            "Content-Length",
            "X-Amzn-Trace-Id",
        ] {
            let method = json!({
                "authorizationType": "NONE",
                "methodIntegration": {
                    "type": kind, "httpMethod": "POST",
                    "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations",
                    "requestParameters": { format!("integration.request.header.{name}"): "'1'" },
                },
            });
            let stage = rest("abcdefghij", &[("/", json!({ "POST": method }))]);
            let warning = format!("{name} header already present");
            assert!(stage.warnings.iter().any(|it| it.ends_with(&warning)), "{:?}", stage.warnings);
            gateway.deploy(stage);
            let reply = ask(&gateway, "Content-Length: 0\r\n");
            assert_eq!(
                reply.brief(),
                (500, r#"{"message": "Internal server error"}"#),
                "{kind} {name}"
            );
        }
    }
}

/// What a back end answers in the tests below.
const ANSWERED: &str = "Age: b\r\nAccept: b\r\nAccept-Charset: b\r\nAccept-Encoding: b\r\nAuthorization: b\r\n\
    Connection: keep-alive\r\nContent-Encoding: b\r\nContent-MD5: b\r\nContent-Type: b/b\r\nDate: b\r\n\
    Expect: b\r\nHost: b\r\nMax-Forwards: b\r\nPragma: b\r\nProxy-Authenticate: b\r\nRange: b\r\nReferer: b\r\n\
    Server: b\r\nTE: b\r\nTrailer: b\r\nUpgrade: b\r\nUser-Agent: b\r\nVia: b\r\nWarn: b\r\n\
    WWW-Authenticate: b\r\nX-Amzn-Trace-Id: b\r\nX-Amzn-RequestId: b\r\nX-Other: b\r\n";

#[test]
fn a_proxys_client_gets_the_back_ends_fields_some_under_another_name() {
    let echo = Echo::answering("200 OK", ANSWERED);
    let gateway = Gateway::start();
    deploy(&gateway, proxy(&format!("http://{}/", echo.address), json!({})));
    let reply = ask(&gateway, "Content-Length: 0\r\n");
    assert_eq!(
        names(&reply.head),
        [
            "accept",
            "accept-charset",
            "accept-encoding",
            "age",
            "authorization",
            "content-encoding",
            "content-length",
            "content-md5",
            "content-type",
            "date",
            "expect",
            "host",
            "max-forwards",
            "pragma",
            "range",
            "referer",
            "user-agent",
            "warn",
            "x-amz-apigw-id",
            "x-amzn-remapped-connection",
            "x-amzn-remapped-content-length",
            "x-amzn-remapped-date",
            "x-amzn-remapped-server",
            "x-amzn-remapped-www-authenticate",
            "x-amzn-remapped-x-amzn-requestid",
            "x-amzn-requestid",
            "x-amzn-trace-id",
            "x-other",
        ]
    );
    assert_eq!(reply.field("x-amzn-remapped-connection"), Some("keep-alive"));
    assert_eq!(reply.field("x-amzn-remapped-content-length"), Some("15"));
    assert_eq!(reply.field("content-length"), Some("15"));
    assert_eq!(reply.field("x-amzn-trace-id"), Some("b"), "only the back end's");
    assert_ne!(reply.field("date"), Some("b"));
}

#[test]
fn a_custom_integrations_client_gets_mapped_fields_some_under_another_name() {
    let remapped = [
        "Connection",
        "Content-Length",
        "Date",
        "Server",
        "Authorization",
        "Content-MD5",
        "Expect",
        "Host",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Trailer",
        "Upgrade",
        "User-Agent",
        "WWW-Authenticate",
    ];
    let passed = [
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Age",
        "Content-Encoding",
        "Content-Type",
        "Pragma",
        "Range",
        "Referer",
        "TE",
        "Via",
        "Warn",
        "X-Other",
    ];
    let echo = Echo::answering("200 OK", ANSWERED);
    let gateway = Gateway::start();
    let names_mapped = remapped.iter().chain(&passed).chain(&["Transfer-Encoding"]);
    let parameters: serde_json::Map<String, Value> = names_mapped
        .map(|name| (format!("method.response.header.{name}"), "'mapped'".into()))
        .collect();
    for templates in [json!({}), json!({ "b/b": "made", "application/json": "made" })] {
        let method = custom(
            &echo,
            json!({ "integrationResponses": { "200": {
                "statusCode": "200", "responseParameters": parameters, "responseTemplates": templates,
            } } }),
        );
        deploy(&gateway, method);
        let reply = ask(&gateway, "Content-Length: 0\r\n");
        for name in remapped {
            let line = format!("x-amzn-remapped-{}", name.to_lowercase());
            assert_eq!(reply.field(&line), Some("mapped"), "{name}");
        }
        let count = reply.head.matches(": mapped\r\n").count();
        assert_eq!(count, remapped.len() + passed.len(), "{}", reply.head);
        assert!(!reply.head.contains("transfer-encoding"), "{}", reply.head);
        assert!(reply.head.contains("\r\nvia: mapped\r\n"), "{}", reply.head);
    }
}

#[test]
fn a_trace_is_told_to_the_back_end_and_of_custom_integrations_to_the_client() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    let of = |head: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix("x-amzn-trace-id: "));
        line.map(str::to_owned)
    };
    let begun = |trace: &str| {
        let parts: Vec<&str> = trace.split([';', '=', '-']).collect();
        assert_eq!([parts[0], parts[1], parts[4], parts[6]], ["root", "1", "parent", "sampled"]);
        assert_eq!([parts[2].len(), parts[3].len(), parts[5].len()], [8, 24, 16], "{trace}");
        assert_eq!(parts[7..], ["0"]);
    };
    let template = json!({ "requestTemplates": { "application/json": "made" } });
    for (more, is_told) in
        [(json!({}), true), (template, true), (json!({ "type": "HTTP_PROXY" }), false)]
    {
        deploy(&gateway, custom(&echo, more));
        let reply = ask(&gateway, "Content-Length: 0\r\n");
        let sent = of(&echo.last()).expect("a trace");
        begun(&sent);
        assert_eq!(of(&reply.head), is_told.then_some(sent));
        let whole = "root=1-5759e988-bd862e3fe1be46a994272793;parent=53995c3f42cd8ad8;sampled=1";
        let reply = ask(&gateway, &format!("x-amzn-trace-id: {whole}\r\nContent-Length: 0\r\n"));
        assert_eq!(of(&echo.last()).as_deref(), Some(whole));
        assert_eq!(of(&reply.head), is_told.then(|| whole.to_owned()));
        let root = "root=1-5759e988-bd862e3fe1be46a994272793";
        ask(&gateway, &format!("X-Amzn-Trace-Id: {root}\r\nContent-Length: 0\r\n"));
        let sent = of(&echo.last()).expect("a trace");
        assert!(
            sent.starts_with(&format!("{root};parent=")) && sent.ends_with(";sampled=0"),
            "{sent}"
        );
    }
    // Neither mocks nor the gateway's own answers have one.
    deploy(&gateway, crate::stages::mock("m"));
    assert_eq!(of(&ask(&gateway, "Content-Length: 0\r\n").head), None);
    assert_eq!(of(&gateway.get("any", "/_aws/execute-api/abcdefghij/prod/nowhere").head), None);
}
