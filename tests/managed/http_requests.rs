//! What back ends of HTTP APIs get of a request.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{http_api, http_api_at, place};
use ringgate::model;
use ringgate::snapshot::Integration;
use ringgate::snapshot::function::PayloadFormat;
use ringgate::snapshot::managed::{BackEnds, PrivateLink, StagePlace};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const HOST: &str = "abcdefghij.execute-api.us-east-1.localhost";

/// An API whose routes go to a back end; an integration's URI begins behind its address.
struct Api {
    gateway: Gateway,
    echo: Echo,
}

impl Api {
    fn new(stage: &Value, routes: &[(&str, Value)]) -> Self {
        let (gateway, echo) = (Gateway::start(), Echo::start());
        let mut routes = routes.to_vec();
        for (_, members) in &mut routes {
            let path = members["integrationUri"].as_str().expect("a path");
            members["integrationUri"] = format!("http://{}{path}", echo.address).into();
        }
        let stage = http_api("abcdefghij", stage.clone(), json!({}), &routes);
        assert_eq!(stage.warnings, [""; 0]);
        gateway.deploy(stage);
        Self { gateway, echo }
    }

    /// One route with these request parameters.
    fn mapping(key: &str, parameters: &Value) -> Self {
        let integration = json!({ "integrationUri": "/p", "requestParameters": parameters });
        let stage = json!({ "stageVariables": { "v": "w" } });
        Self::new(&stage, &[(key, integration)])
    }

    fn ask(&self, line: &str, fields: &str, body: &str) -> Reply {
        let length = body.len();
        self.gateway.ask(&format!(
            "{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The lines of a field that the back end got last.
    fn got(&self, name: &str) -> Vec<String> {
        let lead = format!("{name}: ");
        let seen = self.echo.last();
        let (head, _) = seen.split_once("\r\n\r\n").expect("a head");
        head.lines().filter_map(|line| line.strip_prefix(&lead)).map(str::to_owned).collect()
    }
}

#[test]
fn an_integration_says_method_and_uri_and_the_query_goes_along() {
    let api = Api::new(
        &json!({ "stageVariables": { "version": "v2" } }),
        &[
            ("ANY /any", json!({ "integrationUri": "/any" })),
            ("ANY /put", json!({ "integrationUri": "/put", "integrationMethod": "PUT" })),
            ("GET /stage", json!({ "integrationUri": "/${stageVariables.version}/x" })),
            ("GET /one/{id}/two/{other}", json!({ "integrationUri": "/{other}/{id}" })),
            ("GET /greedy/{proxy+}", json!({ "integrationUri": "/g/{proxy}" })),
        ],
    );
    for (line, expected) in [
        ("DELETE /any?a=1&a=2&b", "DELETE /any?a=1&a=2&b HTTP/1.1"),
        ("GET /put?q", "PUT /put?q HTTP/1.1"),
        ("GET /stage", "GET /v2/x HTTP/1.1"),
        ("GET /one/1%2F2/two/b%20c", "GET /b%20c/1%2F2 HTTP/1.1"),
        ("GET /greedy/a/b?x=%20y", "GET /g/a/b?x=%20y HTTP/1.1"),
    ] {
        assert_eq!(api.ask(line, "", "").body, expected, "{line}");
    }
    api.ask("POST /any", "X-A: 1\r\nX-A: 2\r\nCookie: a=b\r\nContent-Type: text/x\r\n", "body");
    assert_eq!(api.got("x-a"), ["1", "2"], "fields pass");
    assert_eq!(api.got("cookie"), ["a=b"]);
    assert!(api.echo.last().ends_with("\r\n\r\nbody"), "and so does the content");
}

#[test]
fn every_source_of_a_value_is_read_from_the_request_as_it_came() {
    let parameters = json!({
        "overwrite:header.x-header": "$request.header.X-Many",
        "overwrite:header.x-query": "$request.querystring.a",
        "overwrite:header.x-other-case": "${request.querystring.A}!",
        "overwrite:header.x-path": "$request.path",
        "overwrite:header.x-id": "$request.path.id",
        "overwrite:header.x-body": "$request.body",
        "overwrite:header.x-part": "$request.body.list[1]",
        "overwrite:header.x-object": "$request.body.o",
        "overwrite:header.x-variable": "$stageVariables.v",
        "overwrite:header.x-static": "static text",
        "overwrite:header.x-both": "${request.path.id} of ${request.querystring.a}",
        "overwrite:header.x-missing": "$request.header.none",
        "overwrite:header.x-part-missing": "$request.body.none",
        "overwrite:header.host": "virtual.test",
    });
    let integration = json!({ "integrationUri": "/p", "requestParameters": parameters });
    let stage = json!({ "stageName": "v1", "stageVariables": { "v": "w" } });
    let api = Api::new(&stage, &[("POST /pets/{id}", integration)]);
    let fields = "x-many: 1\r\nX-MANY: 2\r\nX-Missing: client\r\nX-Part-Missing: client\r\n";
    let body = r#"{"list":[1,"two"],"o":{"a":1}}"#;
    assert_eq!(api.ask("POST /v1/pets/a%20b?a=1&a=x%20y&A=no", fields, body).status, 200);
    for (name, expected) in [
        ("x-header", "1,2"),
        ("x-query", "1,x y"),
        ("x-other-case", "no!"),
        ("x-path", "/pets/a%20b"),
        ("x-id", "a b"),
        ("x-body", body),
        ("x-part", "two"),
        ("x-object", r#"{"a":1}"#),
        ("x-variable", "w"),
        ("x-static", "static text"),
        ("x-both", "a b of 1,x y"),
        ("x-missing", "client"),
        ("x-part-missing", "client"),
        ("host", "virtual.test"),
    ] {
        assert_eq!(api.got(name), [expected], "{name}");
    }
}

#[test]
fn context_variables_are_those_of_the_request() {
    let names = [
        "accountId",
        "apiId",
        "domainName",
        "domainPrefix",
        "extendedRequestId",
        "httpMethod",
        "identity.sourceIp",
        "identity.userAgent",
        "path",
        "protocol",
        "requestId",
        "routeKey",
        "stage",
        "customDomain.basePathMatched",
    ];
    let parameters: serde_json::Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            (format!("overwrite:header.x-{index}"), format!("$context.{name}").into())
        })
        .collect();
    let api = Api::mapping("GET /{proxy+}", &parameters.into());
    let reply = api.ask("GET /a/b?c", "User-Agent: me\r\n", "");
    let id = reply.field("apigw-requestid").expect("an id").to_owned();
    for (index, expected) in [
        "123456789012",
        "abcdefghij",
        HOST,
        "abcdefghij",
        &id,
        "get",
        "127.0.0.1",
        "me",
        "/a/b",
        "http/1.1",
        &id,
        "get /{proxy+}",
        "$default",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(api.got(&format!("x-{index}")), [expected.to_lowercase()], "{}", names[index]);
    }
    assert!(api.got("x-13").is_empty(), "there is no mapping");
    let domain = json!({ "domainName": "d.test" });
    let mappings = [("shop/v1", "abcdefghij", "$default")];
    api.gateway.name(crate::stages::domain_name(domain, &mappings, &[]));
    assert_eq!(api.gateway.get("d.test", "/shop/v1/x").status, 200);
    assert_eq!(api.got("x-13"), ["shop/v1"]);
    assert_eq!(api.got("x-8"), ["/shop/v1/x"], "the path is the client's");
}

#[test]
fn a_path_takes_the_place_of_the_integrations_and_the_query_stays() {
    for (value, line, expected) in [
        ("/new", "GET /a/1?q=1", "/new?q=1"),
        ("$request.path", "GET /a/1%2F2?q=1", "/a/1%2F2?q=1"),
        ("/v2/${request.path.id}/x", "GET /a/1%2F2", "/v2/1%2F2/x"),
        ("${request.path.id}", "GET /a/b%20c", "/b%20c"),
        ("$request.header.none", "GET /a/1?q=1", "/p?q=1"),
        ("/${stageVariables.v}", "GET /a/1", "/w"),
    ] {
        let api = Api::mapping("GET /a/{id}", &json!({ "overwrite:path": value }));
        assert_eq!(
            api.ask(line, "", "").body,
            format!("GET {expected} HTTP/1.1"),
            "{value} {line}"
        );
    }
    let api = Api::mapping("GET /a/{id}", &json!({ "overwrite:path": "/x/${request.path.id}" }));
    assert_eq!(api.ask("GET /a/%2e%2e", "", "").status, 400, "no value leads out of its path");
}

#[test]
fn parameters_are_changed_one_after_the_other() {
    let parameters = json!({
        "append:querystring.a": "new",
        "overwrite:querystring.b": "$request.path.id",
        "append:querystring.b": "${request.querystring.c}",
        "remove:querystring.c": "''",
        "append:querystring.absent": "$request.querystring.none",
        "append:header.x-a": "new",
        "overwrite:header.x-b": "over",
        "append:header.x-b": "more",
        "remove:header.x-c": "",
        "append:header.x-renamed": "$request.header.x-c",
    });
    let api = Api::mapping("GET /{id}", &parameters);
    let fields = "X-A: 1\r\nx-a: 2\r\nX-B: 1\r\nX-C: old\r\n";
    let reply = api.ask("GET /i%26d?a=1&a=2&b=x&b=y&c=%26&C=kept", fields, "");
    assert_eq!(reply.body, "GET /p?a=1&a=2&C=kept&b=i%26d&a=new&b=%26 HTTP/1.1");
    for (name, expected) in [
        ("x-a", &["1", "2", "new"][..]),
        ("x-b", &["over", "more"]),
        ("x-c", &[]),
        ("x-renamed", &["old"]),
    ] {
        assert_eq!(api.got(name), expected, "{name}");
    }
}

#[test]
fn a_path_into_content_is_looked_for_in_100_kib_and_the_whole_has_no_such_bound() {
    let of_a = json!({ "append:header.x-a": "$request.body.a" });
    let whole = json!({ "append:querystring.q": "$request.body" });
    let (of_a, whole) = (Api::mapping("POST /", &of_a), Api::mapping("POST /", &whole));
    for (bytes, expected) in [(100 << 10, vec!["1"]), ((100 << 10) + 1, Vec::new())] {
        let (lead, end) = ("{\"a\":1,\"b\":\"", "\"}");
        let body = format!("{lead}{}{end}", "x".repeat(bytes - lead.len() - end.len()));
        assert_eq!(of_a.ask("POST /", "", &body).status, 200);
        assert_eq!(of_a.got("x-a"), expected, "{bytes} bytes");
        let reply = whole.ask("POST /", "", &body);
        assert!(reply.body.len() > bytes, "{bytes} bytes are all there");
    }
    for body in ["", "no json", "[1]", "{\"a\":null}", "{\"a\":"] {
        assert_eq!(of_a.ask("POST /", "", body).status, 200, "{body}");
        assert!(of_a.got("x-a").is_empty(), "{body}");
    }
}

#[test]
fn a_value_cannot_end_its_field() {
    let api = Api::mapping("GET /{id}", &json!({ "overwrite:header.x": "$request.path.id" }));
    let reply = api.ask("GET /a%0d%0aX-Evil:%20b", "", "");
    assert_eq!(reply.brief(), (400, r#"{"message":"Bad Request"}"#));
    let api = Api::mapping("GET /{id}", &json!({ "overwrite:header.x": "$request.querystring.q" }));
    assert_eq!(api.ask("GET /a?q=a%0aX-Evil:%20b", "", "").status, 400);
}

const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/a/b/c";
const SERVICE: &str = "arn:aws:servicediscovery:us-east-1:1:service/srv-a?x=y";

#[test]
fn a_private_integration_goes_to_what_the_file_says_is_behind_its_link() {
    let (gateway, echo) = (Gateway::start(), Echo::start());
    let file = format!(
        "[[upstream]]\nname = \"orders\"\ntargets = [\"{}\"]\n[[vpc_link]]\nlink = \"orders\"\nupstream = \"orders\"\n",
        echo.address
    );
    let model = model::parse(Path::new("test.toml"), file).expect("a model");
    let back_ends = BackEnds::of(&model);
    let links =
        [PrivateLink { id: "link01".into(), name: "orders".into(), targets: Box::default() }];
    let place = StagePlace { back_ends: &back_ends, links: &links, ..place("abcdefghij") };
    let private = |uri: &str, link: &str| json!({ "connectionType": "VPC_LINK", "connectionId": link, "integrationUri": uri });
    let routes = [
        ("GET /listener/{id}", private(LISTENER, "link01")),
        ("GET /service/{proxy+}", private(SERVICE, "${stageVariables.link}")),
        ("GET /url/{id}", private("http://orders.internal/at/{id}", "link01")),
        ("GET /none", private(LISTENER, "link99")),
    ];
    for (name, prefix) in [("$default", ""), ("v1", "/v1")] {
        let stage = json!({ "stageName": name, "stageVariables": { "link": "link01" } });
        let compiled = http_api_at(&place, stage, json!({}), &routes);
        let [warning] = &compiled.warnings[..] else { panic!("{:?}", compiled.warnings) };
        assert!(warning.contains("VPC link link99 leads to no upstream"), "{warning}");
        gateway.deploy(compiled);
        for (path, expected) in [
            ("/listener/7?q=1", format!("GET {prefix}/listener/7?q=1 HTTP/1.1")),
            ("/service/a/b", format!("GET {prefix}/service/a/b HTTP/1.1")),
            ("/url/7", "GET /at/7 HTTP/1.1".to_owned()),
        ] {
            let reply = gateway.of_api("abcdefghij", &format!("{prefix}{path}"));
            assert_eq!(reply.body, expected, "{name} {path}");
        }
        assert_eq!(gateway.of_api("abcdefghij", &format!("{prefix}/none")).status, 500);
    }
}

#[test]
fn a_back_end_is_waited_for_30_seconds_unless_the_integration_says_otherwise() {
    for (declared, expected) in [(Value::Null, 30_000), (json!(50), 50), (json!(30_000), 30_000)] {
        let mut proxy = json!({ "integrationUri": "http://a.test/" });
        let mut lambda = json!({
            "integrationType": "AWS_PROXY",
            "integrationUri": "arn:aws:lambda:us-east-1:123456789012:function:f",
        });
        if !declared.is_null() {
            proxy["timeoutInMillis"] = declared.clone();
            lambda["timeoutInMillis"] = declared.clone();
        }
        let routes = [("GET /proxy", proxy), ("GET /lambda", lambda)];
        let compiled = http_api("abcdefghij", json!({}), json!({}), &routes);
        for route in &compiled.stage.release.routes {
            let timeout = match &route.integration {
                Integration::HttpProxy(proxy) => proxy.timeout,
                Integration::Lambda(lambda) => lambda.timeout,
                other => panic!("{other:?}"),
            };
            assert_eq!(timeout, Duration::from_millis(expected), "{} {declared}", route.key);
        }
    }
}

#[test]
fn an_integration_says_which_function_in_which_format_and_in_whose_name() {
    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let invocation = format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:${{stageVariables.alias}}/invocations"
    );
    for (members, function, format, needs_permission) in [
        (
            json!({ "integrationUri": ARN, "payloadFormatVersion": "2.0" }),
            ARN,
            PayloadFormat::V2,
            true,
        ),
        (
            json!({ "integrationUri": ARN, "payloadFormatVersion": "1.0" }),
            ARN,
            PayloadFormat::V1,
            true,
        ),
        (
            json!({ "integrationUri": invocation, "payloadFormatVersion": "2.0",
                "credentialsArn": "arn:aws:iam::123456789012:role/r" }),
            "arn:aws:lambda:us-east-1:123456789012:function:f:live",
            PayloadFormat::V2,
            false,
        ),
    ] {
        let mut integration = members;
        integration["integrationType"] = "AWS_PROXY".into();
        let stage = json!({ "stageVariables": { "alias": "live" } });
        let routes = [("$default", integration)];
        let compiled = http_api("abcdefghij", stage, json!({}), &routes);
        let Integration::Lambda(lambda) = &compiled.stage.release.routes[0].integration else {
            panic!("{:?}", compiled.warnings)
        };
        assert_eq!((&*lambda.function, lambda.payload_format), (function, format));
        assert_eq!(lambda.needs_permission, needs_permission);
    }
}
