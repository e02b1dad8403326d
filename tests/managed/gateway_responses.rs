//! Which words a refused request is told: an API's own for the kind, those for its class, the built-in ones.

use crate::gateway::{Gateway, Reply};
use crate::stages::{definition, mock, place, proxy, rest_stage};
use ringgate::snapshot::managed::{CompiledStage, compile_rest_stage};
use serde_json::{Value, json};
use std::net::TcpListener;

/// A stage with these answers: `/down` has no back end, `/none` no integration.
fn stage(responses: &Value) -> CompiledStage {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let resources = [
        ("/in/{id}", json!({ "GET": mock("in") })),
        ("/down", json!({ "GET": proxy(&format!("http://{down}"), json!({})) })),
        ("/none", json!({ "GET": { "authorizationType": "NONE" } })),
        ("/none/{id}", json!({ "GET": { "authorizationType": "NONE" } })),
        (
            "/type",
            json!({ "POST": proxy("http://127.0.0.1:9", json!({
                "type": "HTTP", "passthroughBehavior": "NEVER", "requestTemplates": {},
                "integrationResponses": { "200": { "statusCode": "200" } },
            })) }),
        ),
    ];
    let mut release = serde_json::to_value(definition(&resources)).unwrap();
    release["gatewayResponses"] = responses.clone();
    let release = serde_json::from_value(release).unwrap();
    let stage = rest_stage(json!({ "stageName": "prod", "variables": { "v": "w" } }));
    compile_rest_stage(&place("abcdefghij"), &stage, &release, None)
}

fn get(gateway: &Gateway, path: &str) -> Reply {
    gateway.of_api("abcdefghij", &format!("/prod{path}"))
}

const NO_TOKEN: &str = r#"{"message":"Missing Authentication Token"}"#;
const NETWORK: &str = r#"{"message": "Network error communicating with endpoint"}"#;
const INTERNAL: &str = r#"{"message": "Internal server error"}"#;
const DEFAULT: &str = "{\"message\":$context.error.messageString}";

#[test]
fn without_answers_of_its_own_an_api_has_amazons_byte_for_byte() {
    let gateway = Gateway::start();
    gateway.deploy(stage(&json!([])));
    for (path, status, body, length, error_type) in [
        ("/nowhere", 403, NO_TOKEN, "42", "missingauthenticationtokenexception"),
        ("/none", 500, INTERNAL, "36", "internalservererrorexception"),
        ("/down", 504, NETWORK, "56", "internalservererrorexception"),
    ] {
        let reply = get(&gateway, path);
        assert_eq!(reply.brief(), (status, body), "{path}");
        assert_eq!(reply.field("content-length"), Some(length));
        assert_eq!(reply.field("x-amzn-errortype"), Some(error_type));
        assert_eq!(reply.field("content-type"), Some("application/json"));
        assert_eq!(reply.field("access-control-allow-origin"), None);
    }
    let post = "POST /prod/type HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nContent-Type: text/x\r\nContent-Length: 1\r\n\r\nx";
    let refused = gateway.ask(post);
    assert_eq!(refused.brief(), (415, r#"{"message":"Unsupported Media Type"}"#));
}

#[test]
fn the_answer_of_a_class_is_for_its_kinds_without_one_of_their_own() {
    let gateway = Gateway::start();
    // A status alone: the built-in words with another number.
    gateway.deploy(stage(&json!([{ "responseType": "DEFAULT_4XX", "statusCode": "418" }])));
    assert_eq!(get(&gateway, "/nowhere").brief(), (418, NO_TOKEN));
    assert_eq!(get(&gateway, "/down").brief(), (504, NETWORK), "another class");
    // No status: the kind's own.
    gateway.deploy(stage(&json!([
        { "responseType": "DEFAULT_4XX", "responseTemplates": { "application/json": "four" } },
        { "responseType": "DEFAULT_5XX", "responseParameters": { "gatewayresponse.header.X": "'five'" },
          "responseTemplates": { "application/json": DEFAULT } },
    ])));
    assert_eq!(get(&gateway, "/nowhere").brief(), (403, "four"));
    let down = get(&gateway, "/down");
    assert_eq!((down.brief(), down.field("x")), ((504, NETWORK), Some("five")));
    // A kind of its own shadows its class as a whole: what it leaves out is built in.
    gateway.deploy(stage(&json!([
        { "responseType": "DEFAULT_5XX", "statusCode": "599",
          "responseTemplates": { "application/json": "five" },
          "responseParameters": { "gatewayresponse.header.X-Class": "'5'" } },
        { "responseType": "API_CONFIGURATION_ERROR",
          "responseParameters": { "gatewayresponse.header.X-Own": "'own'" },
          "responseTemplates": { "application/json": DEFAULT } },
    ])));
    let own = get(&gateway, "/none");
    assert_eq!(own.brief(), (500, INTERNAL));
    assert_eq!((own.field("x-own"), own.field("x-class")), (Some("own"), None));
    assert_eq!(get(&gateway, "/down").brief(), (599, "five"));
    gateway.deploy(stage(&json!([])));
    assert_eq!(get(&gateway, "/down").brief(), (504, NETWORK), "gone with the next deployment");
}

#[test]
fn a_template_is_text_with_values_and_no_program() {
    let template = "#set($x = 1)#if(true)y#end $x ${context.stage} $context.error.messageString \
        [$context.no.such][$stageVariables.none][$stageVariables.v][$method.request.header.X-H]\
        [$method.request.querystring.q][$input.body][$util.urlEncode('a b')]";
    let gateway = Gateway::start();
    gateway.deploy(stage(&json!([{
        "responseType": "DEFAULT_4XX",
        "responseTemplates": { "application/json": template },
        "responseParameters": {
            "gatewayresponse.header.X-Query": "method.request.querystring.q",
            "gatewayresponse.header.X-Header": "method.request.header.x-h",
            "gatewayresponse.header.X-Context": "context.error.responseType",
            "gatewayresponse.header.X-Variable": "stageVariables.v",
            "gatewayresponse.header.X-None": "method.request.header.none",
            "gatewayresponse.header.X-Text": "'a, b'",
            "gatewayresponse.path.p": "'p'",
            "gatewayresponse.querystring.q": "'q'",
        },
    }])));
    let reply = gateway.ask(
        "GET /prod/nowhere?q=1 HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nX-H: h\r\n\r\n",
    );
    assert_eq!(
        reply.body,
        "#set($x = 1)#if(true)y#end $x prod \"Missing Authentication Token\" \
         [][][w][h][1][$input.body][$util.urlEncode('a b')]"
    );
    for (name, value) in [
        ("x-query", Some("1")),
        ("x-header", Some("h")),
        ("x-context", Some("missing_authentication_token")),
        ("x-variable", Some("w")),
        ("x-none", None),
        ("x-text", Some("a, b")),
    ] {
        assert_eq!(reply.field(name), value, "{name}");
    }
    gateway.deploy(stage(&json!([{
        "responseType": "DEFAULT_5XX",
        "responseTemplates": { "application/json": "<$method.request.path.id>" },
        "responseParameters": { "gatewayresponse.header.X-Path": "method.request.path.id" },
    }])));
    let of_path = get(&gateway, "/none/7");
    assert_eq!((of_path.brief(), of_path.field("x-path")), ((500, "<7>"), Some("7")));
}

#[test]
fn the_client_says_which_template_it_accepts() {
    let gateway = Gateway::start();
    gateway.deploy(stage(&json!([{
        "responseType": "DEFAULT_4XX",
        "responseTemplates": { "application/json": "json", "text/plain": "plain" },
    }])));
    let ask = |accept: &str| {
        gateway.ask(&format!(
            "GET /prod/nowhere HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\n{accept}\r\n"
        ))
    };
    assert_eq!(ask("").body, "json");
    let plain = ask("Accept: text/plain, */*\r\n");
    assert_eq!((&*plain.body, plain.field("content-type")), ("plain", Some("text/plain")));
    assert_eq!(ask("Accept: image/png\r\n").body, "json", "where none fits");
}

#[test]
fn what_is_too_large_is_told_in_amazons_words_alone() {
    let gateway = Gateway::start();
    gateway.deploy(stage(&json!([
        { "responseType": "REQUEST_TOO_LARGE", "statusCode": "499", "responseTemplates": { "application/json": "own" } },
        { "responseType": "DEFAULT_4XX", "statusCode": "498", "responseTemplates": { "application/json": "four" } },
    ])));
    let reply = gateway.ask(
        "POST /prod/type HTTP/1.1\r\nHost: abcdefghij.execute-api.us-east-1.localhost\r\nContent-Length: 10485761\r\n\r\n",
    );
    assert_eq!(reply.brief(), (413, "HTTP content length exceeded 10485760 bytes."));
    assert_eq!(reply.field("content-type"), Some("text/plain"));
}
