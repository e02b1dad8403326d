//! Test calls of AWS services: they are signed as served ones are.

use super::*;

fn service(change: impl FnOnce(&mut Method)) -> Fixture {
    http("AWS", |get| {
        let integration = get.method_integration.as_mut().unwrap();
        integration.uri = Some("arn:aws:apigateway:us-east-1:dynamodb:action/GetItem".into());
        integration.credentials = Some("arn:aws:iam::000000000000:role/api".into());
        integration.request_parameters.clear();
        template(get, "{\"Key\": \"$input.params('petId')\"}");
        change(get);
    })
}

fn pair(role: &str, session_token: Option<&str>) -> RoleCredentials {
    RoleCredentials {
        role: role.into(),
        access_key_id: "AKID".into(),
        secret_access_key: "a secret".into(),
        session_token: session_token.map(Into::into),
        expires: None,
    }
}

#[test]
fn a_service_is_asked_with_a_signature_that_the_log_masks() {
    let back_ends = Scripted {
        answer: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into(),
        pair: Some(pair("arn:aws:iam::000000000000:role/api", Some("a session's token"))),
        ..Scripted::default()
    };
    let call = json!({"pathWithQueryString": "/pets/7"});
    let answer = try_with(&mut service(|_| {}), call, &back_ends);
    assert_eq!(answer["status"], 200, "{answer}");
    let asked = back_ends.asked.lock().unwrap();
    assert_eq!(asked[0], "key of arn:aws:iam::000000000000:role/api");
    assert!(asked[1].starts_with("POST / HTTP/1.1\r\nhost: dynamodb.us-east-1.amazonaws.com\r\n"));
    let scope = "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/20260301/us-east-1/dynamodb/";
    assert!(asked[1].contains(scope), "{}", asked[1]);
    assert!(asked[1].contains("\r\nX-Amz-Security-Token: a session's token\r\n"), "{}", asked[1]);
    assert!(asked[1].ends_with("\r\n\r\n{\"Key\": \"7\"}"), "{}", asked[1]);
    assert_eq!(asked.len(), 2);
    let lines = whole_log(&answer);
    assert_eq!(lines[6], "Endpoint request URI: https://dynamodb.us-east-1.amazonaws.com/");
    let headers = &lines[7];
    let signature = asked[1].split_once("Signature=").unwrap().1.split_once("\r\n").unwrap().0;
    let masked = format!("*{}", &signature[signature.len() - 6..]);
    assert!(headers.contains("Authorization=***") && headers.contains(&masked), "{headers}");
    for shown in ["X-Amz-Target=DynamoDB_20120810.GetItem", "X-Amz-Date=20260301T", "token,"] {
        assert!(headers.contains(shown), "{shown} is not in {headers}");
    }
    let log = answer["log"].as_str().unwrap();
    for secret in ["AKID", "a secret", "session's", "Signature="] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    assert_eq!(lines[8], "Endpoint request body after transformations: {\"Key\": \"7\"}");
    assert_eq!(lines[10], "Received response. Status: 200, Integration latency: N ms");
}

#[test]
fn a_service_without_a_key_pair_is_not_asked() {
    // Somebody else's pair is none.
    for pair in [None, Some(pair("arn:aws:iam::000000000000:role/other", None))] {
        let back_ends = Scripted { pair, ..Scripted::default() };
        let call = json!({"pathWithQueryString": "/pets/7"});
        let answer = try_with(&mut service(|_| {}), call, &back_ends);
        assert_eq!(answer["status"], 500);
        assert_eq!(back_ends.asked.lock().unwrap().len(), 1, "only the key was asked for");
        let lines = whole_log(&answer);
        let why = "Execution failed due to configuration error: \
                   API Gateway does not have permission to assume the provided role: there is no key";
        assert!(lines[6].starts_with(why), "{lines:?}");
        assert_eq!(lines[7..], ["Method completed with status: 500"]);
    }
}

#[test]
fn a_request_that_is_refused_needs_no_key_pair() {
    let back_ends = Scripted::default();
    let mut fixture = service(|get| {
        get.method_integration.as_mut().unwrap().passthrough_behavior = Some("NEVER".into());
        get.method_integration.as_mut().unwrap().request_templates.clear();
    });
    let answer = try_with(&mut fixture, json!({"pathWithQueryString": "/pets/7"}), &back_ends);
    assert_eq!(answer["status"], 415, "{answer}");
    assert!(back_ends.asked.lock().unwrap().is_empty());
}
