//! Events of HTTP APIs, in both formats.

use super::*;

#[test]
fn an_http_event_2_is_as_documented() {
    let mut request = Request::new();
    request.fields.push((b"Cookie".to_vec(), b"k1=v1; k2=v2".to_vec()));
    request.fields.push((b"cookie".to_vec(), b"k3=v3;".to_vec()));
    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /users/{id}",
        "rawPath": "/prod/users/42",
        "rawQueryString": "a=1&a=2",
        "cookies": ["k1=v1", "k2=v2", "k3=v3"],
        "headers": {
            "accept": "*/*", "content-type": "application/json",
            "host": "abc123.execute-api.eu-west-1.amazonaws.com", "user-agent": "curl/8",
            "x-many": "one,two", "content-length": "7",
            "x-amzn-trace-id": "Root=1-5c755b5d-07b29b94e632d3da19d88789",
            "x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": {"a": "1,2"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {"method": "POST", "path": "/prod/users/42", "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7", "userAgent": "curl/8"},
            "requestId": "VwjwNFuUIAMFrRA=",
            "routeKey": "POST /users/{id}",
            "stage": "prod",
            "time": "26/Feb/2019:15:29:33 +0000",
            "timeEpoch": 1_551_194_973_732_u64,
        },
        "pathParameters": {"id": "42"},
        "stageVariables": {"env": "prod"},
        "body": "{\"x\":1}",
        "isBase64Encoded": false,
    });
    assert_is(&request.event(Format::Http2), &expected);
}

#[test]
fn an_http_event_1_is_as_documented() {
    let event = Request::bare().event(Format::Http1);
    let expected = json!({
        "version": "1.0",
        "resource": "/users/{id}", "path": "/prod/users/42", "httpMethod": "POST",
        "headers": {"host": "abc123", "content-length": "0",
            "x-amzn-trace-id": "Root=1-5c755b5d-07b29b94e632d3da19d88789",
            "x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443",
            "x-forwarded-proto": "https"},
        "multiValueHeaders": {"host": ["abc123"], "content-length": ["0"],
            "x-amzn-trace-id": ["Root=1-5c755b5d-07b29b94e632d3da19d88789"],
            "x-forwarded-for": ["203.0.113.7"], "x-forwarded-port": ["443"],
            "x-forwarded-proto": ["https"]},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com", "domainPrefix": "abc123",
            "extendedRequestId": "VwjwNFuUIAMFrRA=", "httpMethod": "POST",
            "identity": {"accessKey": null, "accountId": null, "caller": null, "cognitoAmr": null,
                "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
                "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
                "sourceIp": "203.0.113.7", "user": null, "userAgent": "", "userArn": null},
            "path": "/prod/users/42", "protocol": "HTTP/1.1", "requestId": "VwjwNFuUIAMFrRA=",
            "requestTime": "26/Feb/2019:15:29:33 +0000",
            "requestTimeEpoch": 1_551_194_973_732_u64,
            "resourceId": "POST /users/{id}", "resourcePath": "/users/{id}", "stage": "prod",
        },
        "pathParameters": null, "stageVariables": null, "body": null, "isBase64Encoded": false,
    });
    assert_is(&event, &expected);
}

#[test]
fn an_http_event_1_has_the_last_of_several_values_and_all_of_them() {
    let mut request = Request::new();
    request.fields.push((b"Cookie".to_vec(), b"k1=v1; k2=v2".to_vec()));
    let event = request.event(Format::Http1);
    assert_eq!(event["headers"]["x-many"], "two");
    assert_eq!(event["multiValueHeaders"]["x-many"], json!(["one", "two"]));
    assert_eq!(event["queryStringParameters"], json!({"a": "2"}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({"a": ["1", "2"]}));
    assert_eq!(event["pathParameters"], json!({"id": "42"}));
    assert_eq!(event["stageVariables"], json!({"env": "prod"}));
    assert_eq!(event["headers"]["cookie"], "k1=v1; k2=v2", "there is no list of cookies");
    assert!(event.get("cookies").is_none());
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{\"x\":1}"), &json!(false)));
}

#[test]
fn events_of_http_apis_say_where_the_request_came_in() {
    for (prefix, path, expected) in [
        (Prefix::Stage, "/users/42", "/prod/users/42"),
        (Prefix::Stage, "", "/prod/"),
        (Prefix::Nothing, "/users/42", "/users/42"),
        (Prefix::Nothing, "/a%20b/%C3%BC/c%3Fd", "/a b/\u{fc}/c?d"),
        (Prefix::BasePath(b"/shop/v1"), "/users/42", "/shop/v1/users/42"),
    ] {
        let mut request = Request::new();
        request.path = path.into();
        let extras = Extras { prefix, ..Extras::none() };
        let two = request.event_with(Format::Http2, &extras);
        assert_eq!(two["rawPath"], expected, "{prefix:?}");
        assert_eq!(two["requestContext"]["http"]["path"], expected, "{prefix:?}");
        let one = request.event_with(Format::Http1, &extras);
        assert_eq!(one["requestContext"]["path"], expected, "{prefix:?}");
        let expected = if path.contains('%') { path } else { expected };
        assert_eq!(one["path"], expected, "recorded: as received, unlike the one of the context");
    }
    // A greedy variable has no slash in front.
    let mut request = Request::new();
    request.parameter_names = vec!["proxy".into()];
    request.parameters = vec![b"a/b%20c".to_vec()];
    for format in [Format::Http1, Format::Http2] {
        assert_eq!(request.event(format)["pathParameters"], json!({"proxy": "a/b c"}));
    }
    let mut request = Request::new();
    request.query = Some(b"a=1&b=x%20y&a=2&c".to_vec());
    let event = request.event(Format::Http2);
    assert_eq!(event["rawQueryString"], "a=1&b=x%20y&a=2&c");
    assert_eq!(event["queryStringParameters"], json!({"a": "1,2", "b": "x y", "c": ""}));
}

/// As recorded of the service. A function URL tells what came.
#[test]
fn the_length_of_content_is_told_also_where_there_is_none() {
    let length =
        |request: &Request, format| request.event(format)["headers"]["content-length"].clone();
    let mut request = Request::bare();
    for (format, expected) in
        [(Format::Http1, json!("0")), (Format::Http2, json!("0")), (Format::Rest, Value::Null)]
    {
        assert_eq!(length(&request, format), expected, "{format:?}");
    }
    request.is_function_url = true;
    assert_eq!(length(&request, Format::Http2), Value::Null);
    // Content that was not read, and content in chunks.
    let with = |name: &str, value: &str, body: &[u8]| {
        let mut request = Request::bare();
        request.fields.push((name.into(), value.into()));
        request.body = body.to_vec();
        length(&request, Format::Http2)
    };
    assert_eq!(with("Content-Length", "12", b""), "12");
    assert_eq!(with("Transfer-Encoding", "chunked", b""), Value::Null);
    assert_eq!(with("Transfer-Encoding", "chunked", b"abc"), "3");
    let mut request = Request::new();
    (request.is_function_url, request.path) = (true, b"/a%20b".to_vec());
    let event =
        request.event_with(Format::Http2, &Extras { prefix: Prefix::Nothing, ..Extras::none() });
    assert_eq!(event["rawPath"], "/a%20b", "recorded too: only APIs decode it");
}
