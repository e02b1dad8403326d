//! What access logs tell of authorizers, and the trace that both functions of a request belong to.

use super::harness::{Gateway, eventually};
use super::host::make_function;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

const FORMAT: &str = "$context.requestId|$context.status|$context.authorizer.status|\
    $context.authorizer.integrationStatus|$context.authorizer.error|$context.authorizer.requestId|\
    $context.authorize.status|$context.authorize.error|$context.authorize.latency|\
    $context.authorizer.latency|$context.authenticate.status";

fn gateway(protocol: &str, authorizer: &str, function: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    make_function(&folder.path().join("code"));
    let log = format!("[access_log]\ndestination = \"file:access.log\"\nformat = \"{FORMAT}\"\n");
    let tables = format!(
        "[[function]]\nname = \"f\"\nruntime = \"provided.al2023\"\ncode = \"code\"\ntimeout = \"1s\"\n{function}\n\
         [[authorizer]]\nname = \"callers\"\nfunction = \"f\"\n{authorizer}\n\
         [[api]]\nname = \"a\"\nprotocol = \"{protocol}\"\nauthorizer = \"callers\"\n\
         [[api.route]]\nroute = \"GET /mock\"\n\
         integration = {{ type = \"mock\", status = 200, body = \"in\" }}\n\
         [[api.route]]\nroute = \"GET /open\"\nauthorizer = \"none\"\n\
         integration = {{ type = \"mock\", status = 200, body = \"in\" }}\n\
         [[api.route]]\nroute = \"GET /fields\"\n\
         integration = {{ type = \"lambda\", function = \"f\" }}\n"
    );
    Gateway::in_folder(folder, &log, &tables)
}

/// What the log says of a request, behind its id: `MS` stands for a latency, `ID` for a request id.
fn logged(gateway: &Gateway, path: &str, token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |token| format!("Authorization: {token}\r\n"));
    let reply = gateway.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{token}\r\n"));
    let id = reply.header("apigw-requestid").or_else(|| reply.header("x-amzn-requestid")).unwrap();
    let mut found = None;
    eventually("the line", || {
        let log = fs::read_to_string(gateway.folder().join("access.log")).unwrap_or_default();
        let line = log.lines().find_map(|line| line.strip_prefix(&format!("{id}|")));
        found = line.map(str::to_owned);
        found.is_some()
    });
    let line = found.unwrap();
    let mut values: Vec<&str> = line.split('|').collect();
    if values[4].len() == 36 {
        values[4] = "ID";
    }
    if values[8].parse::<u32>().is_ok_and(|latency| latency > 0) {
        values[8] = "MS";
    }
    values.join("|")
}

#[test]
fn an_access_log_tells_what_became_of_asking() {
    let rest = gateway("rest", "type = \"token\"", "");
    let denial = "User is not authorized to access this resource with an explicit deny";
    let denied = format!("403|403|200|{denial}|ID|403|{denial}|0|");
    let cases = [
        (None, "401|401|-|Unauthorized|-|-|-|-|0|-"),
        (Some("slow 50"), "200|200|200|-|ID|200|-|0|MS|-"),
        (Some("slow 50"), "200|200|-|-|-|200|-|0|0|-"),
        (Some("deny"), denied.as_str()),
        (Some("unauthorized"), "401|401|200|Unauthorized|ID|-|-|-|"),
        (Some("error"), "500|500|200|Internal server error|ID|-|-|-|"),
    ];
    for (token, expected) in cases {
        let line = logged(&rest, "/mock", token);
        assert!(line.starts_with(expected), "{token:?}: {line}");
    }
    assert_eq!(logged(&rest, "/open", None), "200|-|-|-|-|-|-|-|-|-");

    let http = gateway("http", "type = \"request\"", "");
    let line = logged(&http, "/mock", Some("no"));
    let decided: Vec<&str> = line.split('|').skip(5).take(3).collect();
    assert_eq!(decided, ["403", "Forbidden", "0"], "{line}");
}

/// A client that sends none finds one trace in what both functions were told; the client's own otherwise.
#[test]
fn authorizer_and_integration_belong_to_one_trace() {
    let gateway = gateway("rest", "type = \"request\"\nttl = \"0s\"", "");
    for own in [None, Some("Root=1-5759e988-bd862e3fe1be46a994272793")] {
        let field = own.map_or(String::new(), |own| format!("X-Amzn-Trace-Id: {own}\r\n"));
        let reply = gateway.send(format!(
            "GET /fields HTTP/1.1\r\nHost: a\r\nAuthorization: allow\r\n{field}\r\n"
        ));
        let text = reply.text();
        let fields: HashMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once(": ")).collect();
        let asked = fs::read_to_string(gateway.folder().join("code/asked")).unwrap();
        let event: Value = serde_json::from_str(asked.lines().last().unwrap()).unwrap();
        let told = event["headers"]["X-Amzn-Trace-Id"].as_str().unwrap();
        assert!(told.starts_with("Root=1-"), "{told}");
        assert_eq!(fields["Lambda-Runtime-Trace-Id"], told);
        assert!(own.is_none_or(|own| own == told), "{told}");
    }
}
