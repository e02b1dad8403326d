//! Authorizers: identities, events, verdicts.

use super::*;
use crate::aws::policy::{Ask, Caller, Kind, NoKeys, Policy};
use crate::exchange::Refusal;
use crate::exchange::authorize::RequestKeys;
use crate::exchange::event::tests::Request;
use crate::exchange::event::write_method_arn;
use crate::snapshot::{AuthorizerKind, DeclaredAuthorizer, LambdaAuthorizer};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets/7";

fn authorizer(kind: AuthorizerKind, sources: &[&str]) -> LambdaAuthorizer {
    let declared = DeclaredAuthorizer {
        id: "auth01",
        kind,
        sources,
        expression: None,
        ttl_seconds: Some(300),
    };
    LambdaAuthorizer::compile(&declared).unwrap()
}

fn token(expression: Option<&str>) -> LambdaAuthorizer {
    let declared = DeclaredAuthorizer {
        id: "auth01",
        kind: AuthorizerKind::Token,
        sources: &["method.request.header.Auth"],
        expression,
        ttl_seconds: None,
    };
    LambdaAuthorizer::compile(&declared).unwrap()
}

fn with_fields(fields: &[(&str, &str)]) -> Request {
    let mut request = Request::new();
    request.fields.extend(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    request
}

fn identities(authorizer: &LambdaAuthorizer, request: &Request) -> Result<Vec<String>, Refusal> {
    request.lend(|facts| {
        let found = identify(authorizer, facts)?;
        Ok(found.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect())
    })
}

fn key(authorizer: &LambdaAuthorizer, request: &Request) -> Option<Vec<u8>> {
    request.lend(|facts| {
        let identities = identify(authorizer, facts).unwrap();
        let mut key = Vec::new();
        write_key(authorizer, facts, &identities, &mut key).then_some(key)
    })
}

fn event(authorizer: &LambdaAuthorizer, request: &Request) -> Value {
    request.lend(|facts| {
        let identities = identify(authorizer, facts).unwrap();
        let mut arn = String::new();
        write_method_arn(facts.route, facts.method, facts.path, &mut arn);
        let mut out = Vec::new();
        write_event(authorizer, facts, &identities, &arn, &mut out);
        serde_json::from_slice(&out).unwrap()
    })
}

#[test]
fn a_token_is_the_last_value_and_must_look_like_one() {
    let both = with_fields(&[("auth", "Bearer a"), ("AUTH", "Bearer b")]);
    assert_eq!(identities(&token(None), &both).unwrap(), ["Bearer b"]);
    assert_eq!(identities(&token(Some("Bearer .*")), &both).unwrap(), ["Bearer b"]);
    for (expression, fields) in
        [(None, &[][..]), (None, &[("auth", "")]), (Some("Bearer [a]+"), &[("auth", "Bearer ab")])]
    {
        let refused = identities(&token(expression), &with_fields(fields));
        assert_eq!(refused, Err(Refusal::Unauthorized), "{expression:?}");
    }
}

#[test]
fn every_identity_source_must_have_a_value() {
    let sources = [
        "method.request.header.Auth",
        "method.request.querystring.a",
        "stageVariables.env",
        "context.identity.sourceIp",
        "context.path",
    ];
    let rest = authorizer(AuthorizerKind::Request, &sources);
    let request = with_fields(&[("Auth", "x")]);
    let found = identities(&rest, &request).unwrap();
    assert_eq!(found, ["x", "2", "prod", "203.0.113.7", "/prod/users/42"]);
    for missing in [
        "method.request.header.Other",
        "method.request.querystring.b",
        "stageVariables.other",
        "context.identity.apiKey",
        "context.unknown",
    ] {
        let rest = authorizer(AuthorizerKind::Request, &["method.request.header.Auth", missing]);
        assert_eq!(identities(&rest, &request), Err(Refusal::Unauthorized), "{missing}");
    }
    // Nothing asked for, nothing missed.
    assert_eq!(identities(&authorizer(AuthorizerKind::Request, &[]), &request).unwrap().len(), 0);
    let http = authorizer(
        AuthorizerKind::Http2Simple,
        &["$request.header.X-Many", "$request.querystring.a", "$context.routeKey"],
    );
    assert_eq!(identities(&http, &request).unwrap(), ["one,two", "1,2", "POST /users/{id}"]);
}

#[test]
fn keys_differ_by_whom_they_are_about_and_where() {
    let sources = ["method.request.header.a", "method.request.header.b"];
    let rest = authorizer(AuthorizerKind::Request, &sources);
    let one = key(&rest, &with_fields(&[("a", "xy"), ("b", "z")])).unwrap();
    let other = key(&rest, &with_fields(&[("a", "x"), ("b", "yz")])).unwrap();
    assert_ne!(one, other, "where a value ends is a part of the key");
    assert_eq!(one, key(&rest, &with_fields(&[("b", "z"), ("a", "xy")])).unwrap());
    let mut elsewhere = with_fields(&[("a", "xy"), ("b", "z")]);
    elsewhere.path = b"/other".to_vec();
    assert_eq!(one, key(&rest, &elsewhere).unwrap(), "a verdict is not about a path");
    elsewhere.stage = "test".to_owned();
    assert_ne!(one, key(&rest, &elsewhere).unwrap());
    // What is not to be remembered has no key, and neither has nobody.
    let request = with_fields(&[("a", "x"), ("b", "y")]);
    let forgets = LambdaAuthorizer { ttl: std::time::Duration::ZERO, ..rest };
    assert_eq!(key(&forgets, &request), None);
    assert_eq!(key(&authorizer(AuthorizerKind::Request, &[]), &request), None);
}

#[test]
fn a_token_event_is_as_documented() {
    let found = event(&token(None), &with_fields(&[("Auth", "allow")]));
    let expected = json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/POST/users/42",
        "authorizationToken": "allow",
    });
    assert_eq!(found.to_string(), expected.to_string());
}

#[test]
fn request_events_tell_of_the_request_but_not_of_its_content() {
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let rest = authorizer(AuthorizerKind::Request, &["method.request.header.Host"]);
    let found = event(&rest, &Request::bare());
    assert_eq!(
        names(&found),
        [
            "type",
            "methodArn",
            "resource",
            "path",
            "httpMethod",
            "headers",
            "multiValueHeaders",
            "queryStringParameters",
            "multiValueQueryStringParameters",
            "pathParameters",
            "stageVariables",
            "requestContext",
        ]
    );
    assert_eq!(found["type"], "REQUEST");
    for name in ["queryStringParameters", "pathParameters", "stageVariables"] {
        assert_eq!(found[name], json!({}), "{name}: authorizers find an empty object");
    }
    assert!(found["requestContext"].get("authorizer").is_none());

    let sources = ["$request.header.Host", "$context.stage"];
    let found = event(&authorizer(AuthorizerKind::Http1, &sources), &Request::bare());
    assert_eq!(found["version"], "1.0");
    assert_eq!(found["identitySource"], "abc123,prod");
    assert_eq!(found["authorizationToken"], "abc123,prod");
    assert_eq!(found["requestContext"]["resourceId"], "POST /users/{id}");
    assert!(found["requestContext"].get("authorizer").is_none());
    assert!(found.get("body").is_none());

    let found = event(&authorizer(AuthorizerKind::Http2Simple, &sources), &Request::new());
    assert_eq!(
        names(&found),
        [
            "version",
            "type",
            "routeArn",
            "identitySource",
            "routeKey",
            "rawPath",
            "rawQueryString",
            "headers",
            "queryStringParameters",
            "requestContext",
            "pathParameters",
            "stageVariables",
        ]
    );
    assert_eq!(
        found["identitySource"],
        json!(["abc123.execute-api.eu-west-1.amazonaws.com", "prod"])
    );
    let found = event(&authorizer(AuthorizerKind::Http2Policy, &[]), &Request::new());
    assert_eq!(found["identitySource"], Value::Null);
}

fn policy(effect: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]})
}

fn verdict(value: &Value, kind: AuthorizerKind) -> Result<Verdict, &'static str> {
    read_verdict(value.to_string().as_bytes(), kind)
}

fn decide(verdict: &Verdict, resource_policy: Option<&Policy>) -> Result<(), Refusal> {
    let ask = Ask {
        caller: Caller::Anonymous,
        action: "execute-api:Invoke",
        resource: ARN,
        keys: &NoKeys,
    };
    verdict.decide(&ask, resource_policy)
}

#[test]
fn a_policy_decides_and_passes_on_its_context() {
    let given = json!({
        "principalId": "user|a1b2",
        "policyDocument": policy("Allow", "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/*"),
        "context": {"stringKey": "v", "numberKey": 1, "half": 1.5, "booleanKey": true, "nothing": null},
        "usageIdentifierKey": "key",
    });
    let found = verdict(&given, AuthorizerKind::Token).unwrap();
    assert_eq!(found.principal_id.as_deref(), Some("user|a1b2"));
    assert_eq!(found.usage_identifier_key.as_deref(), Some("key"));
    let entries: Vec<(&str, &str)> =
        found.context.entries.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expected =
        [("stringKey", "v"), ("numberKey", "1"), ("half", "1.5"), ("booleanKey", "true")];
    assert_eq!(entries, expected);
    assert_eq!(decide(&found, None), Ok(()));

    for (effect, resource, expected) in [
        ("Deny", "*", Err(Refusal::DeniedExplicitly)),
        ("Allow", "*/POST/*", Err(Refusal::AccessDenied)),
        ("Deny", "*/POST/*", Err(Refusal::AccessDenied)),
        ("Allow", "*", Ok(())),
    ] {
        let given = json!({"principalId": "u", "policyDocument": policy(effect, resource)});
        let found = verdict(&given, AuthorizerKind::Request).unwrap();
        assert_eq!(decide(&found, None), expected, "{effect} {resource}");
    }
}

#[test]
fn the_resource_policy_has_its_say() {
    let resource = |effect: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "*"}}}}"#
        );
        Policy::read(&text, Kind::Resource { short_form: None }).unwrap()
    };
    let of = |effect: &str, resource: &str| {
        verdict(
            &json!({"principalId": "u", "policyDocument": policy(effect, resource)}),
            AuthorizerKind::Token,
        )
        .unwrap()
    };
    let (allows, denies, silent) = (of("Allow", "*"), of("Deny", "*"), of("Allow", "x"));
    for (verdict, resource, expected) in [
        (&allows, resource("Deny"), Err(Refusal::DeniedExplicitly)),
        (&denies, resource("Allow"), Err(Refusal::DeniedExplicitly)),
        (&silent, resource("Allow"), Ok(())),
        (&silent, resource("Deny"), Err(Refusal::DeniedExplicitly)),
    ] {
        assert_eq!(decide(verdict, Some(&resource)), expected);
    }
}

#[test]
fn conditions_see_the_request() {
    let given = json!({"principalId": "u", "policyDocument": {"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*",
    "Condition": {
        "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
        "StringLike": {"aws:UserAgent": "curl/*"},
        "Bool": {"aws:SecureTransport": "true"},
        "DateLessThan": {"aws:CurrentTime": "2019-02-27T00:00:00Z"},
        "NumericEquals": {"aws:EpochTime": 1_551_194_973},
        "Null": {"aws:PrincipalArn": true, "aws:Referer": true},
    }}}});
    let found = verdict(&given, AuthorizerKind::Token).unwrap();
    let asked = |request: &Request| {
        request.lend(|facts| {
            let keys = RequestKeys { facts };
            let ask = Ask {
                caller: Caller::Anonymous,
                action: "execute-api:Invoke",
                resource: ARN,
                keys: &keys,
            };
            found.decide(&ask, None)
        })
    };
    assert_eq!(asked(&Request::new()), Ok(()));
    assert_eq!(asked(&with_fields(&[("User-Agent", "other")])), Err(Refusal::AccessDenied));
}

#[test]
fn a_simple_response_is_yes_or_no() {
    let given = json!({"isAuthorized": true, "context": {"a": [1, {"b": null}], "s": "t"}});
    let found = verdict(&given, AuthorizerKind::Http2Simple).unwrap();
    assert_eq!(decide(&found, None), Ok(()));
    assert_eq!(found.context.json.as_deref(), Some(r#"{"a":[1,{"b":null}],"s":"t"}"#));
    assert_eq!(&*found.context.entries[0].1, r#"[1,{"b":null}]"#);
    let found = verdict(&json!({"isAuthorized": false}), AuthorizerKind::Http2Simple).unwrap();
    assert!(decide(&found, None).is_err());
    assert_eq!(found.context.json, None);
    for bad in [
        json!({"isAuthorized": "true"}),
        json!({}),
        json!({"isAuthorized": 1}),
        json!({"principalId": "u", "policyDocument": policy("Allow", "*")}),
    ] {
        assert!(verdict(&bad, AuthorizerKind::Http2Simple).is_err(), "{bad}");
    }
}

#[test]
fn a_result_that_is_none_is_refused() {
    let good =
        || json!({"principalId": "u", "policyDocument": policy("Allow", "*"), "context": {}});
    assert!(verdict(&good(), AuthorizerKind::Token).is_ok());
    let without = |name: &str| {
        let mut value = good();
        value.as_object_mut().unwrap().remove(name);
        value
    };
    let with = |name: &str, member: Value| {
        let mut value = good();
        value[name] = member;
        value
    };
    for bad in [
        json!("Unauthorized"),
        json!(null),
        json!([]),
        without("principalId"),
        without("policyDocument"),
        with("principalId", json!(1)),
        with("principalId", json!(null)),
        with("policyDocument", json!({})),
        with("policyDocument", json!("{}")),
        with(
            "policyDocument",
            json!({"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]}),
        ),
        with("context", json!({"a": {}})),
        with("context", json!({"a": []})),
        with("context", json!("x")),
        with("usageIdentifierKey", json!(1)),
        with("policyDocument", policy("Allow", &"x".repeat(513))),
    ] {
        assert!(verdict(&bad, AuthorizerKind::Token).is_err(), "{bad}");
    }
    assert!(read_verdict(b"{", AuthorizerKind::Token).is_err());
    assert!(
        verdict(&with("policyDocument", policy("Allow", &"x".repeat(512))), AuthorizerKind::Token)
            .is_ok()
    );
    // What REST APIs refuse, format 2.0 passes on.
    let nested = with("context", json!({"a": {}}));
    assert!(verdict(&nested, AuthorizerKind::Http2Policy).is_ok());
    assert!(verdict(&nested, AuthorizerKind::Http1).is_err());
    // Both sides of the size.
    let padded = |bytes: usize| with("padding", json!("x".repeat(bytes)));
    let fits = RESULT_BYTES_MAX - padded(0).to_string().len();
    assert!(verdict(&padded(fits), AuthorizerKind::Token).is_ok());
    assert!(verdict(&padded(fits + 1), AuthorizerKind::Token).is_err());
}

#[test]
fn only_the_very_word_is_the_clients_to_know() {
    for (payload, expected) in [
        (r#"{"errorMessage":"Unauthorized","errorType":"Error"}"#, Refusal::Unauthorized),
        (r#"{"errorMessage":"Unauthorized"}"#, Refusal::Unauthorized),
        (r#"{"errorMessage":"unauthorized"}"#, Refusal::AuthorizerFailed),
        (r#"{"errorMessage":"Unauthorized."}"#, Refusal::AuthorizerFailed),
        (r#"{"errorType":"Unauthorized"}"#, Refusal::AuthorizerFailed),
        (r#""Unauthorized""#, Refusal::AuthorizerFailed),
        ("", Refusal::AuthorizerFailed),
    ] {
        assert_eq!(refuse_error(payload.as_bytes()), expected, "{payload}");
    }
}

proptest! {
    #[test]
    fn no_result_makes_reading_panic(text in "[\\[\\]{}:,\"a-zA-Z$*0-9]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for kind in [AuthorizerKind::Token, AuthorizerKind::Http2Policy, AuthorizerKind::Http2Simple] {
            let _ = read_verdict(text.as_bytes(), kind);
            let _ = read_verdict(&bytes, kind);
            let _ = refuse_error(&bytes);
        }
    }

    /// Two callers never share a verdict, and one always finds its own.
    #[test]
    fn keys_are_equal_exactly_where_identities_are(
        one in prop::collection::vec("[ab,]{1,3}", 2),
        other in prop::collection::vec("[ab,]{1,3}", 2),
    ) {
        let rest = authorizer(AuthorizerKind::Request, &["method.request.header.a", "method.request.header.b"]);
        let of = |values: &[String]| {
            Request::new().lend(|facts| {
                let identities: Vec<Cow<'_, [u8]>> =
                    values.iter().map(|it| Cow::Borrowed(it.as_bytes())).collect();
                let mut key = Vec::new();
                assert!(write_key(&rest, facts, &identities, &mut key));
                key
            })
        };
        prop_assert_eq!(of(&one) == of(&other), one == other);
    }
}
