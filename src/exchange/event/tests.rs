//! Events, whole, and what must hold of any.

mod http;

use super::*;
use crate::http::{Field, Known};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A request, owned, that tests change and then lend.
#[derive(Debug, Clone)]
pub(in crate::exchange) struct Request {
    pub(in crate::exchange) route_key: String,
    pub(in crate::exchange) resource_path: String,
    pub(in crate::exchange) stage: String,
    pub(in crate::exchange) parameter_names: Vec<Box<str>>,
    pub(in crate::exchange) parameters: Vec<Vec<u8>>,
    pub(in crate::exchange) stage_variables: Vec<(Box<str>, Box<str>)>,
    pub(in crate::exchange) binary_media_types: Vec<Box<str>>,
    pub(in crate::exchange) operation_name: Option<&'static str>,
    pub(in crate::exchange) is_function_url: bool,
    pub(in crate::exchange) method: String,
    pub(in crate::exchange) path: Vec<u8>,
    pub(in crate::exchange) query: Option<Vec<u8>>,
    pub(in crate::exchange) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(in crate::exchange) body: Vec<u8>,
}

/// What is not the request's own.
#[derive(Debug, Clone, Copy)]
struct Extras<'e> {
    prefix: Prefix<'e>,
    identity: Identity<'e>,
    authorizer: Authorized<'e>,
}

impl Extras<'_> {
    fn none() -> Self {
        Self {
            prefix: Prefix::Stage,
            identity: Identity::default(),
            authorizer: Authorized::Silent,
        }
    }
}

impl Request {
    pub(in crate::exchange) fn new() -> Self {
        let field = |name: &str, value: &str| (name.into(), value.into());
        Self {
            route_key: "POST /users/{id}".to_owned(),
            resource_path: "/users/{id}".to_owned(),
            stage: "prod".to_owned(),
            parameter_names: vec!["id".into()],
            parameters: vec![b"42".to_vec()],
            stage_variables: vec![("env".into(), "prod".into())],
            binary_media_types: Vec::new(),
            operation_name: None,
            is_function_url: false,
            method: "POST".to_owned(),
            path: b"/users/42".to_vec(),
            query: Some(b"a=1&a=2".to_vec()),
            fields: vec![
                field("Accept", "*/*"),
                field("Content-Type", "application/json"),
                field("Content-Length", "7"),
                field("Host", "abc123.execute-api.eu-west-1.amazonaws.com"),
                field("User-Agent", "curl/8"),
                field("X-Many", "one"),
                field("x-many", "two"),
                field("Connection", "keep-alive"),
                field("X-Forwarded-For", "6.6.6.6"),
            ],
            body: br#"{"x":1}"#.to_vec(),
        }
    }

    /// The same without anything that could be left out.
    pub(in crate::exchange) fn bare() -> Self {
        Self {
            parameter_names: Vec::new(),
            parameters: Vec::new(),
            stage_variables: Vec::new(),
            query: None,
            fields: vec![(b"Host".to_vec(), b"abc123".to_vec())],
            body: Vec::new(),
            ..Self::new()
        }
    }

    /// Lends the facts of the request.
    pub(in crate::exchange) fn lend<T>(&self, then: impl FnOnce(&EventFacts<'_>) -> T) -> T {
        self.lend_with(&Extras::none(), then)
    }

    fn lend_with<T>(&self, extras: &Extras<'_>, then: impl FnOnce(&EventFacts<'_>) -> T) -> T {
        let route = RouteFacts {
            partition: "aws",
            region: "eu-west-1",
            account_id: "123456789012",
            api_id: "abc123",
            stage: &self.stage,
            deployment_id: "wx9y8z",
            route_key: &self.route_key,
            resource_path: &self.resource_path,
            resource_id: "k0w8mc",
            operation_name: self.operation_name,
            parameter_names: &self.parameter_names,
            stage_variables: &self.stage_variables,
            binary_media_types: &self.binary_media_types,
            is_function_url: self.is_function_url,
        };
        let fields: Vec<Field<'_>> = self
            .fields
            .iter()
            .map(|(name, value)| Field { name, value, known: Known::of(name) })
            .collect();
        let parameters: Vec<&[u8]> = self.parameters.iter().map(Vec::as_slice).collect();
        let facts = EventFacts {
            route: &route,
            method: &self.method,
            prefix: extras.prefix,
            path: &self.path,
            query: self.query.as_deref(),
            parameters: &parameters,
            fields: &fields,
            host: b"abc123.execute-api.eu-west-1.amazonaws.com",
            forwarded: Forwarded {
                client: Cow::Borrowed(b"203.0.113.7"),
                port: Cow::Borrowed(b"443"),
                proto: b"https",
            },
            trace_id: b"Root=1-5c755b5d-07b29b94e632d3da19d88789",
            source_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            request_id: b"515f1e99-39db-11e9-9e96-01e5c04505b9",
            extended_request_id: b"VwjwNFuUIAMFrRA=",
            since_epoch: Duration::from_millis(1_551_194_973_732),
            identity: extras.identity,
            authorizer: extras.authorizer,
            body: &self.body,
        };
        then(&facts)
    }

    fn event(&self, format: Format) -> Value {
        self.event_with(format, &Extras::none())
    }

    fn event_with(&self, format: Format, extras: &Extras<'_>) -> Value {
        let event = self.lend_with(extras, |facts| written(facts, format));
        serde_json::from_slice(&event).unwrap()
    }
}

fn written(facts: &EventFacts<'_>, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    write_proxy_event(facts, format, &mut out);
    out
}

/// Compared as text, so that the order of the members counts.
#[track_caller]
fn assert_is(event: &Value, expected: &Value) {
    let text = |value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(text(event), text(expected));
}

#[test]
fn a_rest_event_is_as_documented() {
    let headers = json!({
        "Accept": "*/*", "Content-Type": "application/json",
        "Host": "abc123.execute-api.eu-west-1.amazonaws.com", "User-Agent": "curl/8",
        "X-Many": "two",
        "X-Amzn-Trace-Id": "Root=1-5c755b5d-07b29b94e632d3da19d88789",
        "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
    });
    let mut multi = headers.clone();
    for (_, value) in multi.as_object_mut().unwrap() {
        *value = json!([value.clone()]);
    }
    multi["X-Many"] = json!(["one", "two"]);
    let expected = json!({
        "resource": "/users/{id}",
        "path": "/users/42",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": multi,
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "pathParameters": {"id": "42"},
        "stageVariables": {"env": "prod"},
        "requestContext": {
            "resourceId": "k0w8mc", "resourcePath": "/users/{id}", "httpMethod": "POST",
            "extendedRequestId": "VwjwNFuUIAMFrRA=", "requestTime": "26/Feb/2019:15:29:33 +0000",
            "path": "/prod/users/42", "accountId": "123456789012", "protocol": "HTTP/1.1",
            "stage": "prod", "domainPrefix": "abc123", "requestTimeEpoch": 1_551_194_973_732_u64,
            "requestId": "515f1e99-39db-11e9-9e96-01e5c04505b9",
            "identity": {
                "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null,
                "caller": null, "sourceIp": "203.0.113.7", "principalOrgId": null,
                "accessKey": null, "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null, "userArn": null, "userAgent": "curl/8",
                "user": null,
            },
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com", "deploymentId": "wx9y8z",
            "apiId": "abc123",
        },
        "body": "{\"x\":1}",
        "isBase64Encoded": false,
    });
    assert_is(&Request::new().event(Format::Rest), &expected);
}

#[test]
fn what_is_empty_is_null_in_1_and_absent_in_2() {
    let rest = Request::bare().event(Format::Rest);
    for name in [
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ] {
        assert_eq!(rest.get(name), Some(&Value::Null), "{name}");
    }
    assert!(rest["requestContext"].get("authorizer").is_none());
    let http = Request::bare().event(Format::Http2);
    for name in ["cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"] {
        assert!(http.get(name).is_none(), "{name}");
    }
    assert_eq!(http["rawQueryString"], "");
    assert!(http["requestContext"].get("authorizer").is_none());
    assert_eq!(http["requestContext"]["http"]["userAgent"], "");
}

#[test]
fn a_methods_operation_name_is_told_where_it_has_one() {
    let named = Request { operation_name: Some("GetUser"), ..Request::new() };
    assert_eq!(named.event(Format::Rest)["requestContext"]["operationName"], "GetUser");
    assert!(Request::new().event(Format::Rest)["requestContext"].get("operationName").is_none());
}

#[test]
fn paths_say_where_the_request_came_in() {
    for (prefix, path, event, context) in [
        (Prefix::Stage, "/users/42", "/users/42", "/prod/users/42"),
        (Prefix::Stage, "//x", "/x", "/prod//x"),
        (Prefix::Stage, "/a//b/", "/a//b/", "/prod/a//b/"),
        (Prefix::Stage, "", "/", "/prod/"),
        (Prefix::Stage, "/a%20b+c%2Fd", "/a%20b+c%2Fd", "/prod/a%20b+c%2Fd"),
        (Prefix::BasePath(b"/v1"), "/users", "/v1/users", "/v1/users"),
        (Prefix::Nothing, "/users", "/users", "/users"),
    ] {
        let mut request = Request::new();
        request.path = path.into();
        let found = request.event_with(Format::Rest, &Extras { prefix, ..Extras::none() });
        assert_eq!(found["path"], event, "{prefix:?} {path}");
        assert_eq!(found["requestContext"]["path"], context, "{prefix:?} {path}");
    }
    let mut request = Request::new();
    request.path = b"/a%20b/%C3%BC".to_vec();
    request.parameters = vec![b"a%2Fb".to_vec()];
    let found =
        request.event_with(Format::Http2, &Extras { prefix: Prefix::Nothing, ..Extras::none() });
    assert_eq!(found["rawPath"], "/a b/\u{fc}");
    assert_eq!(found["requestContext"]["http"]["path"], "/a b/\u{fc}");
    assert_eq!(found["pathParameters"]["id"], "a/b");
    assert_eq!(request.event(Format::Rest)["pathParameters"]["id"], "a%2Fb");
    // The slash behind a greedy parameter is the path's, not the parameter's.
    request.parameters = vec![b"proxy-value/".to_vec()];
    assert_eq!(request.event(Format::Rest)["pathParameters"]["id"], "proxy-value");
}

#[test]
fn bodies_are_text_or_base64_by_each_formats_rule() {
    type Case =
        (Format, &'static [&'static str], Option<&'static str>, &'static [u8], &'static str, bool);
    let table: &[Case] = &[
        (Format::Rest, &[], Some("image/png"), b"abc", "abc", false),
        (Format::Rest, &[], Some("image/png"), b"\xff\x00", "/wA=", true),
        (Format::Rest, &["image/png"], Some("Image/PNG; q=1"), b"abc", "YWJj", true),
        (Format::Rest, &["image/*"], Some("image/png"), b"abcd", "YWJjZA==", true),
        (Format::Rest, &["image/*"], Some("imagery/png"), b"abc", "abc", false),
        (Format::Rest, &["*/*"], None, b"abc", "YWJj", true),
        (Format::Rest, &["application/json"], None, b"abc", "YWJj", true),
        (Format::Http2, &[], Some("text/plain; charset=utf-8"), b"abc", "abc", false),
        (Format::Http2, &[], Some("application/JSON"), b"abc", "abc", false),
        (Format::Http2, &[], Some("application/problem+json"), b"abc", "abc", false),
        (Format::Http2, &[], Some("application/javascript"), b"abc", "abc", false),
        (Format::Http2, &[], Some("application/xml"), b"abc", "abc", false),
        (Format::Http2, &[], Some("image/svg+xml"), b"abc", "abc", false),
        (Format::Http2, &[], Some("image/png"), b"abc", "YWJj", true),
        (Format::Http2, &[], Some("multipart/form-data; boundary=a"), b"abc", "YWJj", true),
        (Format::Http2, &[], Some("application/octet-stream"), b"abc", "YWJj", true),
        (Format::Http2, &[], Some("application/x-www-form-urlencoded"), b"abc", "YWJj", true),
        (Format::Http2, &[], None, b"abc", "YWJj", true),
        (Format::Http1, &["*/*"], Some("text/plain"), b"abc", "abc", false),
        (Format::Http1, &[], Some("text/plain"), b"\xff\x00", "/wA=", true),
    ];
    for (format, binary, content_type, body, text, is_base64) in table {
        let mut request = Request::new();
        request.binary_media_types = binary.iter().map(|it| (*it).into()).collect();
        request.fields = content_type
            .map(|it| (b"content-type".to_vec(), it.as_bytes().to_vec()))
            .into_iter()
            .collect();
        request.body = body.to_vec();
        let event = request.event(*format);
        assert_eq!(event["body"], *text, "{format:?} {content_type:?}");
        assert_eq!(event["isBase64Encoded"], *is_base64, "{format:?} {content_type:?}");
    }
    let mut request = Request::new();
    request.fields.push((b"Content-Encoding".to_vec(), b"gzip".to_vec()));
    assert_eq!(request.event(Format::Http2)["isBase64Encoded"], true);
    assert_eq!(request.event(Format::Rest)["isBase64Encoded"], false);
}

#[test]
fn functions_are_told_what_authorizers_found() {
    let context = AuthorizerContext {
        entries: [("n".into(), "1".into()), ("principalId".into(), "mine".into())].into(),
        json: Some(r#"{"n":1,"o":{"a":[]}}"#.into()),
    };
    let lambda = Authorized::Lambda {
        principal_id: Some("user|1"),
        context: &context,
        latency: Duration::from_millis(12),
        usage_identifier_key: Some("key"),
    };
    let claims: [(Box<str>, Box<str>); 1] = [("sub".into(), "42".into())];
    let scopes: [Box<str>; 1] = ["pets.write".into()];
    let jwt = Authorized::Jwt { claims: &claims, scopes: Some(&scopes) };
    let no_scopes = Authorized::Jwt { claims: &claims, scopes: None };
    let flat = json!({"n": "1", "principalId": "user|1", "integrationLatency": 12});
    let flat_1 = json!({"claims": null, "scopes": null, "n": "1", "principalId": "user|1"});
    for (format, authorizer, expected) in [
        (Format::Rest, lambda, flat),
        (Format::Http1, lambda, flat_1),
        (Format::Http2, lambda, json!({"lambda": {"n": 1, "o": {"a": []}}})),
        (Format::Rest, jwt, json!({"claims": {"sub": "42"}})),
        (Format::Http1, jwt, json!({"claims": {"sub": "42"}, "scopes": ["pets.write"]})),
        (Format::Http2, jwt, json!({"jwt": {"claims": {"sub": "42"}, "scopes": ["pets.write"]}})),
        (Format::Http2, no_scopes, json!({"jwt": {"claims": {"sub": "42"}, "scopes": null}})),
    ] {
        let event = Request::new().event_with(format, &Extras { authorizer, ..Extras::none() });
        assert_is(&event["requestContext"]["authorizer"], &expected);
    }
    let nothing = AuthorizerContext::default();
    let simple = Authorized::Lambda {
        principal_id: None,
        context: &nothing,
        latency: Duration::ZERO,
        usage_identifier_key: None,
    };
    let event =
        Request::new().event_with(Format::Http2, &Extras { authorizer: simple, ..Extras::none() });
    assert_is(&event["requestContext"]["authorizer"], &json!({"lambda": null}));
}

#[test]
fn functions_are_told_who_signed_and_showed_a_certificate() {
    let caller = IamCaller {
        access_key: "AKID".into(),
        account_id: "123456789012".into(),
        caller: "AIDA".into(),
        user: "AIDA".into(),
        user_arn: "arn:aws:iam::123456789012:user/ann".into(),
        role_arn: None,
        tags: Box::default(),
        principal_org_id: Some("o-1".into()),
    };
    let certificate = ClientCertificate {
        pem: "-----BEGIN CERTIFICATE-----\n".into(),
        subject_dn: "CN=client".into(),
        issuer_dn: "CN=ca".into(),
        serial_number: "a1:b2".into(),
        not_before: "May 28 12:30:02 2019 GMT".into(),
        not_after: "Aug  5 09:36:04 2021 GMT".into(),
    };
    let mut request = Request::new();
    request.fields.push((b"Authorization".to_vec(), b"AWS4-HMAC-SHA256 x".to_vec()));
    let identity = Identity {
        api_key: Some("key"),
        api_key_id: Some("id"),
        iam: Some(&caller),
        client_certificate: Some(&certificate),
        vpc_id: None,
        vpce_id: None,
    };
    let of = |format| request.event_with(format, &Extras { identity, ..Extras::none() });
    let shown = json!({"clientCertPem": "-----BEGIN CERTIFICATE-----\n", "subjectDN": "CN=client",
        "issuerDN": "CN=ca", "serialNumber": "a1:b2", "validity": {
            "notBefore": "May 28 12:30:02 2019 GMT", "notAfter": "Aug  5 09:36:04 2021 GMT"}});
    let rest = of(Format::Rest);
    let identity = &rest["requestContext"]["identity"];
    assert_eq!(identity["userArn"], "arn:aws:iam::123456789012:user/ann");
    assert_eq!(identity["apiKeyId"], "id");
    assert_is(&identity["clientCert"], &shown);
    assert!(rest["headers"].get("Authorization").is_none(), "a signature stays here");
    let http = of(Format::Http2);
    assert_is(&http["requestContext"]["authentication"], &json!({"clientCert": shown}));
    let expected = json!({"iam": {"accessKey": "AKID", "accountId": "123456789012",
        "callerId": "AIDA", "cognitoIdentity": null, "principalOrgId": "o-1",
        "userArn": "arn:aws:iam::123456789012:user/ann", "userId": "AIDA"}});
    assert_is(&http["requestContext"]["authorizer"], &expected);
}

#[test]
fn fields_of_the_connection_stay_behind() {
    let names = [
        "Connection",
        "Content-Length",
        "Content-MD5",
        "Expect",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Server",
        "TE",
        "Transfer-Encoding",
        "Trailer",
        "Upgrade",
        "WWW-Authenticate",
        "X-HTTP-Method-Override",
    ];
    let kept = [
        "Host",
        "Via",
        "Content-Encoding",
        "Authorization",
        "Accept-Encoding",
        "Date",
        "Age",
        "Range",
        "Referer",
        "Warn",
        "Pragma",
        "Cookie",
    ];
    let mut request = Request::bare();
    request.fields =
        names.iter().chain(&kept).map(|name| (name.as_bytes().to_vec(), b"x".to_vec())).collect();
    let event = request.event(Format::Rest);
    for name in names {
        assert!(event["headers"].get(name).is_none(), "{name}");
    }
    for name in kept {
        assert_eq!(event["headers"][name], "x");
    }
}

#[test]
fn arns_name_the_requests_own_path() {
    for (route_key, path, expected) in [
        (
            "GET /a",
            "/users/42",
            "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/users/42",
        ),
        ("GET /a", "/", "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/"),
        ("GET /a", "", "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/"),
        ("GET /a", "/a%20b/", "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/a%20b/"),
        ("$default", "/a", "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$default"),
    ] {
        let mut request = Request::new();
        request.route_key = route_key.to_owned();
        let mut arn = String::new();
        request.lend(|facts| {
            write_method_arn(facts.route, "GET", path.as_bytes(), &mut arn);
        });
        assert_eq!(arn, expected);
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    // As the parser of heads lets them in.
    let value =
        || prop::collection::vec(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..12);
    let name = prop::sample::select(vec![
        "Accept",
        "accept",
        "Cookie",
        "X-Many",
        "x-many",
        "X-Other!",
        "Content-Type",
        "Host",
        "X-Forwarded-For",
        "User-Agent",
        "Authorization",
        "Te",
    ]);
    let fields =
        prop::collection::vec((name.prop_map(|it| it.as_bytes().to_vec()), value()), 0..20);
    let query = prop::option::of("[a-c=&;%+0-9é]{0,30}".prop_map(String::into_bytes));
    (fields, query, bytes(), bytes(), bytes(), any::<String>()).prop_map(
        |(fields, query, path, parameter, body, variable)| Request {
            fields,
            query,
            path: [b"/", path.as_slice()].concat(),
            parameters: vec![parameter],
            body,
            stage_variables: vec![(variable.as_str().into(), variable.as_str().into())],
            ..Request::new()
        },
    )
}

proptest! {
    /// Whatever a client sends, an independent reader finds one JSON value.
    #[test]
    fn every_event_is_valid_json(request in any_request()) {
        for format in [Format::Rest, Format::Http1, Format::Http2] {
            let event = request.lend(|facts| written(facts, format));
            prop_assert!(serde_json::from_slice::<Value>(&event).is_ok());
        }
    }

    /// Every value that a client sent under a name that is passed on is in the event, in order.
    #[test]
    fn headers_come_back_from_the_event(request in any_request()) {
        let event = request.event(Format::Rest);
        let mut expected: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &request.fields {
            let name = String::from_utf8_lossy(name).into_owned();
            if ["te", "x-forwarded-for"].contains(&&*name.to_lowercase()) {
                continue;
            }
            let value = String::from_utf8_lossy(value).into_owned();
            match expected.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, values)) => values.push(value),
                None => expected.push((name, vec![value])),
            }
        }
        for (name, values) in &expected {
            prop_assert_eq!(&event["multiValueHeaders"][name], &json!(values));
            prop_assert_eq!(&event["headers"][name], &json!(values.last()));
        }
        let count = event["headers"].as_object().map(serde_json::Map::len);
        prop_assert_eq!(count, Some(expected.len() + 4), "and four of the gateway's own");
    }

    /// A function gets the bytes that the client sent, whatever they are.
    #[test]
    fn bodies_come_back_from_the_event(body in prop::collection::vec(any::<u8>(), 1..200)) {
        use base64::Engine;
        let mut request = Request::new();
        request.body = body.clone();
        for format in [Format::Rest, Format::Http1, Format::Http2] {
            let event = request.event(format);
            let text = event["body"].as_str().unwrap();
            let found = if event["isBase64Encoded"] == json!(true) {
                base64::engine::general_purpose::STANDARD.decode(text).unwrap()
            } else {
                text.as_bytes().to_vec()
            };
            prop_assert_eq!(&found, &body);
        }
    }
}
