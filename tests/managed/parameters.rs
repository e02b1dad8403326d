//! Parameter mappings of REST APIs: each kind of source, and what becomes of its value on the way.

use crate::gateway::{Echo, Gateway, Reply};
use crate::headers::custom;
use crate::stages::{definition, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::managed::compile_rest_stage;
use serde_json::{Map, Value, json};

/// A stage whose method maps sources to headers `X-0`, `X-1`, and so on.
fn mapped(echo: &Echo, sources: &[&str]) -> ringgate::snapshot::managed::CompiledStage {
    let name = |index: usize| format!("integration.request.header.X-{index}");
    let parameters: Map<String, Value> =
        sources.iter().enumerate().map(|(index, it)| (name(index), (*it).into())).collect();
    let method =
        proxy(&format!("http://{}/", echo.address), json!({ "requestParameters": parameters }));
    let release = definition(&[("/{id}/{rest+}", json!({ "ANY": method }))]);
    let variables = json!({ "v": "of the stage", "empty": "" });
    let stage = rest_stage(json!({ "stageName": "prod", "variables": variables }));
    compile_rest_stage(&place("abcdefghij"), &stage, &release, None)
}

fn ask(gateway: &Gateway, target: &str, fields: &str, body: &str) -> Reply {
    gateway.ask(&format!(
        "POST /_aws/execute-api/abcdefghij/prod{target} HTTP/1.1\r\nHost: a.test\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// What the back end got for the source of that number.
fn got(echo: &Echo, index: usize) -> Option<String> {
    let seen = echo.last_as_sent();
    let lead = format!("X-{index}: ");
    seen.lines().find_map(|line| line.strip_prefix(&lead)).map(str::to_owned)
}

#[test]
fn each_source_has_its_value() {
    let cases: &[(&str, Option<&str>)] = &[
        ("method.request.path.id", Some("a%20b")),
        ("method.request.path.rest", Some("c//d")),
        ("method.request.querystring.q", Some("2 +")),
        ("method.request.multivaluequerystring.q", Some("1,2 +")),
        ("method.request.querystring.none", None),
        ("method.request.querystring.blank", None),
        ("method.request.querystring.Q", None),
        ("method.request.header.x-many", Some("b")),
        ("method.request.multivalueheader.X-Many", Some("a,b")),
        ("method.request.header.none", None),
        ("method.request.body", Some(r#"{"s": "t", "n": 1.5, "o": {"a": [1, null]}, "f": false}"#)),
        ("method.request.body.s", Some("t")),
        ("method.request.body.n", Some("1.5")),
        ("method.request.body.f", Some("false")),
        ("method.request.body.o", Some(r#"{"a":[1,null]}"#)),
        ("method.request.body.o.a[0]", Some("1")),
        ("method.request.body.none", None),
        ("stageVariables.v", Some("of the stage")),
        ("stageVariables.none", None),
        ("stageVariables.empty", None),
        ("context.httpMethod", Some("POST")),
        ("context.identity.sourceIp", Some("127.0.0.1")),
        ("context.path", Some("/prod/a%20b/c//d")),
        ("context.resourcePath", Some("/{id}/{rest+}")),
        ("context.stage", Some("prod")),
        ("context.none", None),
        ("'literal'", Some("literal")),
        ("'it is ${stageVariables.v}'", Some("it is ${stageVariables.v}")),
        ("''", None),
    ];
    let echo = Echo::start();
    let gateway = Gateway::start();
    let mut sources: Vec<&str> = cases.iter().map(|(source, _)| *source).collect();
    sources.push("context.requestTimeEpoch");
    let stage = mapped(&echo, &sources);
    assert_eq!(stage.warnings, [""; 0]);
    gateway.deploy(stage);
    let body = r#"{"s": "t", "n": 1.5, "o": {"a": [1, null]}, "f": false}"#;
    ask(&gateway, "/a%20b/c//d?q=1&q=2+%2B&blank=", "X-Many: a\r\nx-many: b\r\n", body);
    for (index, (source, expected)) in cases.iter().enumerate() {
        assert_eq!(got(&echo, index).as_deref(), *expected, "{source}");
    }
    let number = got(&echo, cases.len()).and_then(|it| it.parse::<u64>().ok());
    assert!(number.is_some_and(|it| it > 1_600_000_000_000), "{number:?}");
}

#[test]
fn what_never_reaches_a_method_cannot_be_mapped() {
    let names = [
        "Connection",
        "Content-Length",
        "Content-MD5",
        "Max-Forwards",
        "Server",
        "TE",
        "Trailer",
        "Upgrade",
        "WWW-Authenticate",
    ];
    let sources: Vec<String> =
        names.iter().map(|name| format!("method.request.header.{name}")).collect();
    let echo = Echo::start();
    let gateway = Gateway::start();
    gateway.deploy(mapped(&echo, &sources.iter().map(|it| &**it).collect::<Vec<_>>()));
    let fields: String = names
        .iter()
        .filter(|it| **it != "Content-Length")
        .map(|name| format!("{name}: told\r\n"))
        .collect();
    assert_eq!(ask(&gateway, "/1/2", &fields, "x").status, 200);
    for (index, name) in names.iter().enumerate() {
        assert_eq!(got(&echo, index), None, "{name}");
    }
    // These are there in any case, and not the client's to say.
    gateway.deploy(mapped(
        &echo,
        &[
            "method.request.header.X-Forwarded-For",
            "method.request.header.x-forwarded-proto",
            "method.request.header.Host",
            "method.request.header.X-Amzn-Trace-Id",
        ],
    ));
    ask(&gateway, "/1/2", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n", "");
    assert_eq!(got(&echo, 0).as_deref(), Some("127.0.0.1"));
    assert_eq!(got(&echo, 1).as_deref(), Some("http"));
    assert_eq!(got(&echo, 2).as_deref(), Some("a.test"));
    assert!(got(&echo, 3).is_some_and(|it| it.starts_with("Root=1-")), "{}", echo.last());
}

#[test]
fn content_is_json_where_it_begins_like_json() {
    let echo = Echo::start();
    let gateway = Gateway::start();
    gateway.deploy(mapped(&echo, &["method.request.body", "method.request.body.a"]));
    for (body, whole, part) in [
        ("", "{}", None),
        ("plain", "plain", None),
        (r#"{"a": 1}"#, r#"{"a": 1}"#, Some("1")),
        ("[1]", "[1]", None),
        (r#""text""#, r#""text""#, None),
    ] {
        assert_eq!(ask(&gateway, "/1/2", "", body).status, 200, "{body}");
        assert_eq!(got(&echo, 0).as_deref(), Some(whole), "{body}");
        assert_eq!(got(&echo, 1).as_deref(), part, "{body}");
    }
    gateway.deploy(mapped(&echo, &["method.request.body"]));
    for body in ["{", "[1", "\"x", "'x"] {
        let reply = ask(&gateway, "/1/2", "", body);
        assert_eq!(reply.brief(), (400, r#"{"message":"Invalid JSON in request body"}"#), "{body}");
        assert_eq!(reply.field("x-amzn-errortype"), Some("badrequestexception"));
    }
}

/// As recorded of Amazon, but for the order of what is mapped.
#[test]
fn the_query_of_a_proxy_is_the_uris_the_clients_and_what_is_mapped() {
    let echo = Echo::start();
    let method = proxy(
        &format!("http://{}/?testVar={{pathVar}}&testQs={{qsVar}}", echo.address),
        json!({ "requestParameters": {
            "integration.request.path.pathVar": "method.request.path.pathVariable",
            "integration.request.path.qsVar": "method.request.querystring.testVar",
            "integration.request.querystring.testQs": "method.request.querystring.testQueryString",
            "integration.request.querystring.queryString": "method.request.querystring.testQueryString",
        } }),
    );
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/{pathVariable}", json!({ "GET": method }))]));
    let reply = gateway
        .get("any", "/_aws/execute-api/abcdefghij/prod/foobar?testQueryString=foo&testVar=bar");
    let query = reply.body.strip_prefix("GET /?").unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let of = |name: &str| -> Vec<&str> {
        query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).collect()
    };
    assert_eq!(of("testVar"), ["foobar", "bar"]);
    assert_eq!(of("testQs"), ["bar", "foo"]);
    assert_eq!(of("testQueryString"), ["foo"]);
    assert_eq!(of("queryString"), ["foo"]);
}

#[test]
fn values_are_decoded_and_encoded_anew_and_placeholders_without_one_stay() {
    let echo = Echo::start();
    let method = proxy(
        &format!("http://{}/p/{{a}}/{{gone}}/{{nobody}}", echo.address),
        json!({ "requestParameters": {
            "integration.request.path.a": "method.request.querystring.a",
            "integration.request.path.gone": "method.request.querystring.gone",
            "integration.request.querystring.copy": "method.request.querystring.a",
            "integration.request.querystring.one": "method.request.multivaluequerystring.b",
        }, "type": "HTTP", "integrationResponses": { "200": { "statusCode": "200" } } }),
    );
    let mut method = method;
    method["methodResponses"] = json!({ "200": {} });
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": method }))]));
    for (query, expected) in [
        ("a=100%25&b=1", "/p/100%25//%7Bnobody%7D?copy=100%25&one=1"),
        ("a=x+y%2Fz&b=1&b=2", "/p/x%20y%2Fz//%7Bnobody%7D?copy=x%20y%2Fz&one=1&one=2"),
    ] {
        let reply = gateway.get("any", &format!("/_aws/execute-api/abcdefghij/prod/?{query}"));
        assert_eq!(reply.body, format!("GET {expected} HTTP/1.1"), "{query}");
    }
}

#[test]
fn an_answers_headers_have_each_source_too() {
    let echo = Echo::telling(
        "200 OK",
        "X-Many: 1\r\nx-many: 2\r\n",
        r#"{"s": "t", "n": 2, "o": {"a": [1]}}"#.to_owned(),
    );
    let sources = [
        ("Last", "integration.response.header.x-MANY", Some("2")),
        ("All", "integration.response.multivalueheader.X-Many", Some("1,2")),
        ("Whole", "integration.response.body", Some(r#"{"s": "t", "n": 2, "o": {"a": [1]}}"#)),
        ("Text", "integration.response.body.s", Some("t")),
        ("Number", "integration.response.body.n", Some("2")),
        ("Part", "integration.response.body.o", Some(r#"{"a":[1]}"#)),
        ("None", "integration.response.body.none", None),
        ("Variable", "stageVariables.none", None),
        ("Context", "context.resourcePath", Some("/")),
        ("Fixed", "'fixed'", Some("fixed")),
    ];
    let parameters: Map<String, Value> = sources
        .iter()
        .map(|(name, source, _)| (format!("method.response.header.{name}"), (*source).into()))
        .collect();
    let answers = |parameters: Value| json!({ "integrationResponses": { "200": { "statusCode": "200", "responseParameters": parameters } } });
    let gateway = Gateway::start();
    let deploy = |echo: &Echo, parameters: Value| {
        let method = custom(echo, answers(parameters));
        gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
    };
    deploy(&echo, parameters.into());
    let reply = ask(&gateway, "/", "", "");
    for (name, source, expected) in sources {
        assert_eq!(reply.field(&name.to_lowercase()), expected, "{source}");
    }
    for (content, expected) in [("{\"a\"", 500), ("plain", 200), ("", 200)] {
        let echo = Echo::telling("200 OK", "", content.to_owned());
        for source in ["integration.response.body", "integration.response.body.a"] {
            deploy(&echo, json!({ "method.response.header.X": source }));
            assert_eq!(ask(&gateway, "/", "", "").status, expected, "{content} {source}");
        }
    }
}

#[test]
fn a_functions_event_is_not_mapped_and_a_mocks_request_needs_no_mapping() {
    let mut method = mock("$input.params('q')");
    method["methodIntegration"]["requestParameters"] =
        json!({ "integration.request.querystring.q": "'mapped'" });
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "ANY": method }))]));
    assert_eq!(ask(&gateway, "/?q=told", "", "").body, "told");
}
