//! Parameter mappings: each kind of target and source, and what is refused.

use super::*;
use proptest::prelude::*;

fn one(target: &str, value: &str) -> Map {
    Map::from([(target.to_owned(), value.to_owned())])
}

fn errors(fault: &Fault) -> String {
    assert_eq!((fault.status, fault.kind), (400, "BadRequestException"));
    let start =
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [";
    let errors = fault.message.strip_prefix(start).and_then(|rest| rest.strip_suffix(']'));
    errors.expect("the text has Amazon's frame").to_owned()
}

#[test]
fn request_targets_and_sources_of_the_documentation_pass() {
    for (target, value) in [
        ("append:header.header1", "$context.requestId"),
        ("overwrite:header.Host", "api.internal"),
        ("remove:header.x", "''"),
        ("append:querystring.a", "$request.header.X-Id"),
        ("overwrite:querystring.a", "$request.querystring.b"),
        ("remove:querystring.qs1", "''"),
        ("overwrite:path", "/v2$request.path"),
        ("overwrite:path", "$request.path"),
        ("overwrite:path", "$request.path.proxy"),
        ("overwrite:header.b", "$request.body"),
        ("overwrite:header.b", "$request.body.items[0].name"),
        ("overwrite:header.c", "${request.path.name} ${request.path.id}"),
        ("overwrite:header.d", "$stageVariables.environmentId"),
        ("overwrite:header.e", "costs 5$"),
    ] {
        check_request(&one(target, value)).expect(target);
    }
}

#[test]
fn wrong_request_targets_are_refused() {
    for target in [
        "header.x",
        "set:header.x",
        "append:header.",
        "append:header.a b",
        "append:path",
        "remove:path",
        "overwrite:body",
        "append:querystring.",
        "overwrite:statuscode",
    ] {
        let fault = check_request(&one(target, "a")).unwrap_err();
        let expected =
            format!("Invalid Request Actioned Parameter destination specified: {target}");
        assert_eq!(errors(&fault), expected);
    }
}

#[test]
fn reserved_headers_are_refused_on_both_sides() {
    for name in [
        "access-control-allow-origin",
        "Access-Control-X",
        "apigw-requestid",
        "Authorization",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Location",
        "Forwarded",
        "Keep-Alive",
        "Origin",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Trailers",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
        "x-amz-date",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "x-forwarded-proto",
    ] {
        let target = format!("append:header.{name}");
        let expected = format!("Operations on header {name} are restricted");
        assert_eq!(errors(&check_request(&one(&target, "a")).unwrap_err()), expected);
        let responses = Map::from([("200".to_owned(), one(&target, "a"))]);
        assert_eq!(errors(&check_responses(&responses).unwrap_err()), expected);
    }
    for name in ["Host", "x-forwarded-port", "viaduct", "x-am", "accept", "Content-Type"] {
        let target = format!("append:header.{name}");
        check_request(&one(&target, "a")).expect(name);
    }
}

#[test]
fn wrong_sources_are_refused() {
    for value in [
        "$request",
        "$request.cookie.a",
        "$request.header.",
        "$response.header.a",
        "$request.body..a",
        "$request.body.a[?(@.b)]",
        "$context",
        "$stageVariables.",
        "$foo.bar",
        "a ${request.header.b",
        "a ${nope.b}",
    ] {
        let fault = check_request(&one("overwrite:header.a", value)).unwrap_err();
        assert_eq!(errors(&fault), format!("Invalid mapping expression specified: {value}"));
    }
}

#[test]
fn responses_have_their_own_targets_sources_and_statuses() {
    for (target, value) in [
        ("append:header.error", "$stageVariables.environmentId"),
        ("overwrite:statuscode", "403"),
        ("overwrite:statuscode", "$response.body.code"),
        ("overwrite:header.a", "$response.header.b"),
        ("overwrite:header.a", "$response.body"),
        ("remove:header.a", "''"),
    ] {
        check_responses(&Map::from([("500".to_owned(), one(target, value))])).expect(target);
    }
    for (target, value) in [
        ("append:querystring.a", "b"),
        ("overwrite:path", "b"),
        ("append:statuscode", "403"),
        ("overwrite:header.a", "$request.header.b"),
    ] {
        let responses = Map::from([("500".to_owned(), one(target, value))]);
        assert!(check_responses(&responses).is_err(), "{target}");
    }
    for (status, passes) in [
        ("199", false),
        ("200", true),
        ("599", true),
        ("600", false),
        ("2xx", false),
        ("0200", false),
    ] {
        let responses = Map::from([(status.to_owned(), one("overwrite:header.a", "b"))]);
        let result = check_responses(&responses);
        assert_eq!(result.is_ok(), passes, "{status}");
        if let Err(fault) = result {
            assert_eq!(fault.message, format!("Status Code {status} is not valid"));
        }
    }
}

#[test]
fn messages_are_mapped_in_the_older_form() {
    for (target, value) in [
        ("integration.request.querystring.stage", "'value1'"),
        ("integration.request.header.x-userid", "context.connectionId"),
        ("integration.request.path.op", "route.request.body.a.b"),
        ("integration.request.header.a", "route.request.querystring.b"),
        ("integration.request.header.a", "stageVariables.b"),
        ("integration.request.header.a", "route.request.body"),
    ] {
        check_message(&one(target, value)).expect(target);
    }
    let fault = check_message(&one("append:header.a", "'b'")).unwrap_err();
    let expected = "Invalid mapping expression parameter specified: append:header.a";
    assert_eq!(errors(&fault), expected);
    let fault = check_message(&one("integration.request.header.a", "b")).unwrap_err();
    assert_eq!(errors(&fault), "Invalid mapping expression specified: b");
}

proptest! {
    /// Texts come from outside: nothing may panic.
    #[test]
    fn any_text_is_decided(target in ".{0,40}", value in ".{0,40}") {
        let mappings = one(&target, &value);
        let _ = check_request(&mappings);
        let _ = check_message(&mappings);
        let _ = check_responses(&Map::from([(target, mappings)]));
    }
}
