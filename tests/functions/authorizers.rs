//! Authorizers of the file: a function decides about callers.
//!
//! The worker does what its token says, and writes every question down.

use super::harness::{Client, Gateway, Reply, eventually};
use super::host::{await_workers, make_function};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

/// What the worker says to a question; an error is what it failed with.
pub(crate) fn verdict(event: &Value) -> Result<Value, Value> {
    let line = event.to_string() + "\n";
    let mut log = OpenOptions::new().create(true).append(true).open("asked").unwrap();
    log.write_all(line.as_bytes()).unwrap();
    let token = ["authorizationToken", "identitySource"]
        .iter()
        .find_map(|name| event[name].as_str().or_else(|| event[name][0].as_str()))
        .or_else(|| event["headers"]["Authorization"].as_str())
        .unwrap_or_default();
    let mut words = token.split(' ');
    let what = words.next().unwrap_or_default();
    let argument = words.next().unwrap_or_default();
    let policy = |effect: &str, resource: &str| {
        json!({
            "principalId": "user|1",
            "policyDocument": { "Version": "2012-10-17", "Statement": [
                { "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource },
            ] },
            "context": { "tenant": "acme", "level": 7, "is": true },
            "usageIdentifierKey": "key",
        })
    };
    let own = event["methodArn"].as_str().or_else(|| event["routeArn"].as_str()).unwrap();
    Ok(match what {
        "allow" => policy("Allow", "*"),
        "own" => policy("Allow", own),
        "silent" => policy("Allow", "arn:aws:execute-api:*:*:*/other/*"),
        "deny" => policy("Deny", "*"),
        "slow" => {
            std::thread::sleep(Duration::from_millis(argument.parse().unwrap()));
            policy("Allow", "*")
        }
        "yes" => json!({ "isAuthorized": true, "context": { "list": [1, { "a": null }] } }),
        "no" => json!({ "isAuthorized": false }),
        "text" => json!("Unauthorized"),
        "object" => json!({ "principalId": "p", "policyDocument": {}, "context": { "a": {} } }),
        "unauthorized" => return Err(json!({ "errorMessage": "Unauthorized" })),
        "nearly" => return Err(json!({ "errorMessage": "Unauthorized!" })),
        "exit" => std::process::exit(1),
        _ => return Err(json!({ "errorMessage": "on purpose", "errorType": "Error" })),
    })
}

/// An API of this protocol whose routes ask an authorizer with these keys: a mock, and the function.
fn gateway(protocol: &str, keys: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    make_function(&folder.path().join("code"));
    Gateway::in_folder(folder, "", &tables(protocol, keys, "first"))
}

fn tables(protocol: &str, keys: &str, body: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nruntime = \"provided.al2023\"\ncode = \"code\"\ntimeout = \"2s\"\n\
         workers = {{ max = 4 }}\n\
         [[authorizer]]\nname = \"callers\"\nfunction = \"f\"\n{keys}\n\
         [[api]]\nname = \"a\"\nprotocol = \"{protocol}\"\nauthorizer = \"callers\"\n\
         [[api.route]]\nroute = \"GET /mock\"\n\
         integration = {{ type = \"mock\", status = 200, body = \"{body}\" }}\n\
         [[api.route]]\nroute = \"GET /other\"\n\
         integration = {{ type = \"mock\", status = 200, body = \"other\" }}\n\
         [[api.route]]\nroute = \"GET /open\"\nauthorizer = \"none\"\n\
         integration = {{ type = \"mock\", status = 200, body = \"open\" }}\n\
         [[api.route]]\nroute = \"ANY /authorizer\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n\
         [[api.route]]\nroute = \"POST /echo\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    )
}

/// The questions that the worker was asked.
fn asked(gateway: &Gateway) -> Vec<Value> {
    let lines = fs::read_to_string(gateway.folder().join("code/asked")).unwrap_or_default();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n")
}

/// Breaks a connection: its client is gone for good, and not only done with asking.
#[expect(clippy::needless_pass_by_value, reason = "it is gone")]
fn reset(client: Client) {
    let socket = socket2::SockRef::from(&client.wire.stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

fn ask(gateway: &Gateway, path: &str, token: &str) -> Reply {
    gateway.send(request(path, token))
}

#[test]
fn what_a_token_authorizer_says_decides() {
    let gateway = gateway("rest", "type = \"token\"");
    let denied =
        r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
    let silent = r#"{"Message":"User is not authorized to access this resource"}"#;
    let (unauthorized, broken) = (r#"{"message":"Unauthorized"}"#, r#"{"message":null}"#);
    for (token, status, body, error_type) in [
        ("allow", 200, "first", None),
        ("deny", 403, denied, Some("AccessDeniedException")),
        ("silent", 403, silent, Some("AccessDeniedException")),
        ("unauthorized", 401, unauthorized, Some("UnauthorizedException")),
        ("nearly", 500, broken, Some("AuthorizerConfigurationException")),
        ("error", 500, broken, Some("AuthorizerConfigurationException")),
        ("text", 500, broken, Some("AuthorizerConfigurationException")),
        ("object", 500, broken, Some("AuthorizerConfigurationException")),
        ("exit", 500, broken, Some("AuthorizerConfigurationException")),
        ("slow 5000", 500, broken, Some("AuthorizerConfigurationException")),
    ] {
        let reply = ask(&gateway, "/mock", token);
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{token}");
        assert_eq!(reply.header("x-amzn-errortype"), error_type, "{token}");
    }
    let [event, ..] = &asked(&gateway)[..] else { panic!("it was asked") };
    assert_eq!(event["type"], "TOKEN");
    assert_eq!(event["authorizationToken"], "allow");
    let arn = event["methodArn"].as_str().unwrap();
    assert!(arn.ends_with("/$default/GET/mock"), "{arn}");
    assert_eq!(ask(&gateway, "/open", "deny").text(), "open");
}

#[test]
fn a_caller_who_does_not_say_who_it_is_is_refused_and_nobody_asked() {
    let gateway = gateway("rest", "type = \"token\"\nvalidation = \"Bearer .*|allow\"");
    for request in [
        "GET /mock HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        request("/mock", ""),
        request("/mock", "allowed"),
    ] {
        let reply = gateway.send(&request);
        assert_eq!((reply.status, reply.text().as_str()), (401, r#"{"message":"Unauthorized"}"#));
    }
    assert_eq!(asked(&gateway), [] as [Value; 0]);
    assert_eq!(ask(&gateway, "/mock", "allow").status, 200);
}

#[test]
fn a_verdict_is_remembered_and_asked_about_each_method_anew() {
    let gateway = gateway("rest", "type = \"token\"");
    assert_eq!(ask(&gateway, "/mock", "own").text(), "first");
    assert_eq!(ask(&gateway, "/mock", "own").text(), "first");
    // The policy speaks of the first method only, as on Amazon.
    assert_eq!(ask(&gateway, "/other", "own").status, 403);
    assert_eq!(asked(&gateway).len(), 1);
    // So is a denial, but no error.
    for (token, questions) in [("deny", 1), ("unauthorized", 2), ("error", 2)] {
        let before = asked(&gateway).len();
        ask(&gateway, "/mock", token);
        ask(&gateway, "/mock", token);
        assert_eq!(asked(&gateway).len() - before, questions, "{token}");
    }
}

#[test]
fn without_a_time_to_live_every_request_is_asked_about() {
    let gateway = gateway("rest", "type = \"token\"\nttl = \"0s\"");
    for count in 1..=3 {
        assert_eq!(ask(&gateway, "/mock", "allow").status, 200);
        assert_eq!(asked(&gateway).len(), count);
    }
}

#[test]
fn requests_that_ask_the_same_at_once_cause_one_question() {
    let gateway = gateway("rest", "type = \"token\"");
    let mut clients: Vec<_> = (0..40).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(request("/mock", "slow 300"));
    }
    for client in &mut clients {
        let reply = client.reply();
        assert_eq!((reply.status, reply.text().as_str()), (200, "first"));
    }
    assert_eq!(asked(&gateway).len(), 1);
}

#[test]
fn a_function_learns_what_the_authorizer_found() {
    let rest = gateway("rest", "type = \"token\"");
    let reply = ask(&rest, "/authorizer", "allow");
    let mut found: Value = serde_json::from_str(&reply.text()).unwrap();
    assert!(found["integrationLatency"].take().is_u64());
    assert_eq!(
        found,
        json!({
            "tenant": "acme", "level": "7", "is": "true", "principalId": "user|1",
            "integrationLatency": null,
        })
    );
    let http = gateway("http", "type = \"request\"");
    let reply = ask(&http, "/authorizer", "yes");
    let found: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!(found, json!({ "lambda": { "list": [1, { "a": null }] } }));
}

#[test]
fn an_http_api_is_answered_in_its_words() {
    let gateway = gateway("http", "type = \"request\"\nttl = \"0s\"");
    for (token, status, body) in [
        ("yes", 200, "first"),
        ("no", 403, r#"{"message":"Forbidden"}"#),
        ("unauthorized", 401, r#"{"message":"Unauthorized"}"#),
        // A policy is no simple response.
        ("allow", 500, r#"{"message":"Internal Server Error"}"#),
        ("error", 500, r#"{"message":"Internal Server Error"}"#),
    ] {
        let reply = ask(&gateway, "/mock?a=1", token);
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{token}");
    }
    let [event, ..] = &asked(&gateway)[..] else { panic!("it was asked") };
    assert_eq!((&event["version"], &event["type"]), (&json!("2.0"), &json!("REQUEST")));
    assert_eq!(event["identitySource"], json!(["yes"]));
    assert_eq!(event["queryStringParameters"], json!({ "a": "1" }));
    let arn = event["routeArn"].as_str().unwrap();
    assert!(arn.ends_with("/$default/GET/mock"), "{arn}");
}

#[test]
fn policies_and_the_older_format_serve_http_apis_too() {
    for (keys, format) in [("payload_format = \"1.0\"", "1.0"), ("response = \"policy\"", "2.0")] {
        let gateway = gateway("http", &format!("type = \"request\"\n{keys}"));
        assert_eq!(ask(&gateway, "/mock", "own").text(), "first", "{keys}");
        assert_eq!(ask(&gateway, "/other", "own").status, 403, "{keys}");
        let [event] = &asked(&gateway)[..] else { panic!("it was asked once") };
        assert_eq!(event["version"], format);
    }
}

#[test]
fn several_sources_make_one_identity() {
    let sources = "identity_sources = [\"header.Authorization\", \"querystring.tenant\"]";
    let gateway = gateway("rest", &format!("type = \"request\"\n{sources}"));
    assert_eq!(ask(&gateway, "/mock", "allow").status, 401);
    assert_eq!(ask(&gateway, "/mock?tenant=", "allow").status, 401);
    assert_eq!(asked(&gateway).len(), 0);
    for (path, questions) in [("/mock?tenant=a", 1), ("/other?tenant=a", 1), ("/mock?tenant=b", 2)]
    {
        assert_eq!(ask(&gateway, path, "allow").status, 200);
        assert_eq!(asked(&gateway).len(), questions, "{path}");
    }
}

#[test]
fn content_waits_for_the_verdict_and_arrives_whole() {
    let gateway = gateway("http", "type = \"request\"\nresponse = \"policy\"");
    let mut client = gateway.client();
    let content = "x".repeat(300_000);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nAuthorization: slow 200\r\nContent-Length: 300000\r\n\r\n",
    );
    client.send(&content);
    // And the next request behind it.
    client.send(request("/mock", "allow"));
    assert_eq!(client.reply().text(), content);
    assert_eq!(client.reply().text(), "first");
    // Content of a caller who may not is not waited for.
    let reply = gateway.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nAuthorization: deny\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    );
    assert_eq!((reply.status, reply.closed), (403, true));
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let gateway = gateway("rest", "type = \"token\"");
    let mut client = gateway.client();
    client.send(request("/mock", "slow 1000"));
    eventually("it is asked", || asked(&gateway).len() == 1);
    reset(client);
    // Nobody was waiting any more, so nothing was remembered; it is asked again.
    gateway.await_no_connections();
    assert_eq!(ask(&gateway, "/mock", "slow 1000").status, 200);
    assert_eq!(asked(&gateway).len(), 2);
    // Those who still wait are answered.
    let (mut one, mut other) = (gateway.client(), gateway.client());
    one.send(request("/mock", "slow 999"));
    other.send(request("/mock", "slow 999"));
    eventually("they are asked about", || asked(&gateway).len() == 3);
    reset(one);
    assert_eq!(other.reply().status, 200);
    assert_eq!(asked(&gateway).len(), 3);
}

#[test]
fn a_request_that_waits_goes_on_with_the_configuration_of_after_a_reload() {
    let gateway = gateway("rest", "type = \"token\"");
    let mut client = gateway.client();
    client.send(request("/mock", "slow 1500"));
    eventually("it is asked", || asked(&gateway).len() == 1);
    gateway.reload("", &tables("rest", "type = \"token\"", "second"));
    eventually("the new configuration", || ask(&gateway, "/mock", "allow").text() == "second");
    let reply = client.reply();
    assert_eq!((reply.status, reply.text().as_str()), (200, "second"));
    // The verdict was remembered when the request began anew: the authorizer is the same.
    let about = asked(&gateway).into_iter().filter(|it| it["authorizationToken"] == "slow 1500");
    assert_eq!(about.count(), 1);
    // Another authorizer does not know of it.
    gateway.reload("", &tables("rest", "type = \"token\"\nttl = \"1m\"", "third"));
    eventually("the new configuration", || ask(&gateway, "/mock", "allow").text() == "third");
    ask(&gateway, "/mock", "slow 1500");
    let about = asked(&gateway).into_iter().filter(|it| it["authorizationToken"] == "slow 1500");
    assert_eq!(about.count(), 2);
}

#[test]
fn a_verdict_is_waited_for_no_longer_than_declared() {
    let gateway = gateway("http", "type = \"request\"\ntimeout = \"200ms\"");
    let reply = ask(&gateway, "/mock", "slow 1500");
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (500, r#"{"message":"Internal Server Error"}"#)
    );
    await_workers(&gateway, 1);
}
