//! What templates assign besides their text, where they are not run, and what they know of the caller.

use crate::gateway::{Echo, Gateway, Reply};
use crate::stages::{definition, mock, place, proxy, rest, rest_stage};
use ringgate::snapshot::Integration;
use ringgate::snapshot::managed::compile_rest_stage;
use serde_json::{Value, json};
use std::time::Duration;

fn ask(gateway: &Gateway, line: &str, fields: &str, body: &str) -> Reply {
    gateway.ask(&format!(
        "{line} HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// An `HTTP` method with this request template and these members more.
#[expect(clippy::needless_pass_by_value, reason = "a test writes the members where it calls")]
fn templated(uri: &str, template: &str, more: Value) -> Value {
    let mut method = proxy(
        uri,
        json!({
            "type": "HTTP", "requestTemplates": { "application/json": template },
            "integrationResponses": { "200": { "statusCode": "200" } },
        }),
    );
    for (name, value) in more.as_object().unwrap() {
        method["methodIntegration"][name] = value.clone();
    }
    method["methodResponses"] = json!({ "200": {} });
    method
}

#[test]
fn a_list_as_an_override_sends_its_header_several_times() {
    let echo = Echo::start();
    let uri = format!("http://{}/p", echo.address);
    let template = "#set($context.requestOverride.header.X-Many = ['a', 'b'])\
        #set($context.requestOverride.querystring.q = ['1', '2'])\
        #set($context.responseOverride.header.X-Out = ['c', 'd']){}";
    let gateway = Gateway::start();
    gateway.deploy(rest(
        "abcdefghij",
        &[("/", json!({ "POST": templated(&uri, template, json!({})) }))],
    ));
    let reply = ask(&gateway, "POST /prod", "", "{}");
    assert_eq!(reply.brief(), (200, "POST /p?q=1&q=2 HTTP/1.1"));
    assert!(reply.head.contains("\r\nx-out: c\r\nx-out: d\r\n"), "{}", reply.head);
    assert!(echo.last().contains("\r\nx-many: a\r\nx-many: b\r\n"), "{}", echo.last());
}

#[test]
fn an_override_wins_over_a_mapping_once_all_of_the_template_has_run() {
    let echo = Echo::start();
    let uri = format!("http://{}/{{p}}", echo.address);
    let template = "#set($context.requestOverride.header.X-A = 'override')\
        #set($context.requestOverride.path.p = 'o')$input.params('q')";
    let more = json!({ "requestParameters": {
        "integration.request.header.X-A": "'mapped'",
        "integration.request.header.X-B": "'mapped'",
        "integration.request.path.p": "'m'",
    } });
    let gateway = Gateway::start();
    gateway
        .deploy(rest("abcdefghij", &[("/", json!({ "POST": templated(&uri, template, more) }))]));
    assert_eq!(ask(&gateway, "POST /prod?q=1", "", "{}").body, "POST /o HTTP/1.1");
    let seen = echo.last();
    assert!(
        seen.contains("\r\nx-a: override\r\n") && seen.contains("\r\nx-b: mapped\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("x-a: mapped") && seen.ends_with("\r\n\r\n1"), "{seen}");
}

#[test]
fn an_override_that_is_set_twice_fails_the_request() {
    let echo = Echo::start();
    let template =
        "#set($context.requestOverride.header.a = 1)#set($context.requestOverride.header.a = 2){}";
    let method = templated(&format!("http://{}/", echo.address), template, json!({}));
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "POST": method }))]));
    let reply = ask(&gateway, "POST /prod", "", "{}");
    assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
}

#[test]
fn an_integration_that_is_a_proxy_runs_no_templates() {
    let echo = Echo::start();
    let method = proxy(
        &format!("http://{}/p", echo.address),
        json!({
            "requestTemplates": { "application/json": "#set($context.requestOverride.header.X-O = 'o')made" },
            "integrationResponses": { "200": {
                "statusCode": "200", "responseTemplates": { "application/json": "made" } } },
        }),
    );
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "POST": method }))]));
    let reply = ask(&gateway, "POST /prod", "", "as it is");
    assert_eq!(reply.body, "POST /p HTTP/1.1");
    let seen = echo.last();
    assert!(seen.ends_with("\r\n\r\nas it is") && !seen.contains("x-o"), "{seen}");
}

#[test]
fn a_template_of_the_answer_still_knows_the_clients_request() {
    let echo = Echo::start();
    let more = json!({ "integrationResponses": { "200": { "statusCode": "200", "responseTemplates": {
        "application/json":
            "$input.params('q') $input.params('X-H') $input.params('id') $context.identity.sourceIp $context.httpMethod" } } } });
    let method = templated(&format!("http://{}/", echo.address), "{}", more);
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/{id}", json!({ "POST": method }))]));
    let fields = "X-H: h\r\nX-Forwarded-For: 6.6.6.6\r\n";
    let reply = ask(&gateway, "POST /prod/7?q=1", fields, "{}");
    assert_eq!(reply.body, "1 h 7 127.0.0.1 POST", "the peer's address and not what a client says");
}

#[test]
fn a_loop_of_more_than_1000_rounds_ends_silently() {
    let mut method = mock("x");
    method["methodIntegration"]["integrationResponses"]["200"]["responseTemplates"]["application/json"] =
        "#foreach($i in [1..1001])#set($n = $i)#end$n".into();
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "GET": method }))]));
    assert_eq!(ask(&gateway, "GET /prod", "", "").brief(), (200, "1000"));
}

#[test]
fn a_proxied_function_is_invoked_by_post_or_not_at_all() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let uri = format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    );
    let with = |verb: &str| proxy(&uri, json!({ "type": "AWS_PROXY", "httpMethod": verb }));
    let gateway = Gateway::start();
    let mut stage = rest("abcdefghij", &[("/get", json!({ "GET": with("GET") }))]);
    assert!(stage.warnings[0].contains("must be POST"), "{:?}", stage.warnings);
    stage.warnings.clear();
    gateway.deploy(stage);
    let reply = ask(&gateway, "GET /prod/get", "", "");
    assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
    // The function is not there: Lambda would refuse the call.
    gateway.deploy(rest("abcdefghij", &[("/post", json!({ "GET": with("POST") }))]));
    let reply = ask(&gateway, "GET /prod/post", "", "");
    assert_eq!(reply.brief(), (500, r#"{"message": "Internal server error"}"#));
}

#[test]
fn how_long_a_stream_may_pause_follows_from_the_kind_of_endpoint() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let uri = format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/{function}/response-streaming-invocations"
    );
    for (kind, seconds) in [("REGIONAL", 300), ("EDGE", 30), ("PRIVATE", 300)] {
        let method = proxy(
            &uri,
            json!({ "type": "AWS_PROXY", "httpMethod": "POST", "responseTransferMode": "STREAM",
                    "timeoutInMillis": 900_000 }),
        );
        let mut release =
            serde_json::to_value(definition(&[("/", json!({ "GET": method }))])).unwrap();
        release["api"]["endpointConfiguration"] = json!({ "types": [kind] });
        if kind == "PRIVATE" {
            let allow = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*",
                "Action": "execute-api:Invoke", "Resource": "execute-api:/*" }] });
            release["api"]["policy"] = allow.to_string().into();
        }
        let release = serde_json::from_value(release).unwrap();
        let stage = rest_stage(json!({ "stageName": "prod" }));
        let stage = compile_rest_stage(&place("abcdefghij"), &stage, &release, None).stage;
        let Integration::Lambda(lambda) = &stage.release.routes[0].integration else {
            panic!("a function")
        };
        assert_eq!(lambda.facts.streams, Some(Duration::from_secs(seconds)), "{kind}");
        assert_eq!(lambda.timeout, Duration::from_secs(900));
    }
}

#[test]
fn content_that_begins_like_json_and_is_none_is_refused_with_the_parsers_words() {
    let echo = Echo::start();
    let method = templated(&format!("http://{}/", echo.address), "$input.json('$')", json!({}));
    let gateway = Gateway::start();
    gateway.deploy(rest("abcdefghij", &[("/", json!({ "POST": method }))]));
    assert_eq!(
        ask(&gateway, "POST /prod", "", "{a").brief(),
        (
            400,
            r#"{"message":"Could not process payload: Unexpected End Of File position 1: null"}"#
        )
    );
    assert_eq!(ask(&gateway, "POST /prod", "", "a{").status, 200);
    assert!(echo.last().ends_with("\r\n\r\n\"a{\""), "{}", echo.last());
}

#[test]
fn an_answer_that_is_made_into_another_has_at_most_10_mib() {
    for (bytes, made, passed) in [(10 << 20, 200, 200), ((10 << 20) + 1, 500, 200)] {
        let echo = Echo::telling("200 OK", "", "x".repeat(bytes));
        let uri = format!("http://{}/", echo.address);
        let more = json!({ "integrationResponses": { "200": {
            "statusCode": "200", "responseTemplates": { "application/json": "made" } } } });
        let resources = [
            ("/made", json!({ "POST": templated(&uri, "{}", more) })),
            ("/passed", json!({ "POST": proxy(&uri, json!({})) })),
        ];
        let gateway = Gateway::start();
        gateway.deploy(rest("abcdefghij", &resources));
        let reply = ask(&gateway, "POST /prod/made", "", "");
        assert_eq!(reply.status, made, "{bytes}");
        let reply = ask(&gateway, "POST /prod/passed", "", "");
        assert_eq!(
            (reply.status, reply.body.len()),
            (passed, bytes),
            "what streams past has no bound"
        );
    }
}
