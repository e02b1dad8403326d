//! Results by format, and the heads that they make.

use super::*;
use crate::exchange::Ids;
use crate::exchange::event::Format;
use crate::exchange::respond::Connection;
use crate::snapshot::Protocol;
use proptest::prelude::*;
use serde_json::json;

const REST: AnswerFacts<'_> =
    AnswerFacts { format: Format::Rest, accept: None, binary_media_types: &[] };
const HTTP_1: AnswerFacts<'_> = AnswerFacts { format: Format::Http1, ..REST };
const HTTP_2: AnswerFacts<'_> = AnswerFacts { format: Format::Http2, ..REST };

/// Status, fields without the default types, and body.
fn read(result: &str, facts: &AnswerFacts<'_>) -> Result<(u16, String, String), Fault> {
    let answer = read_result(result.as_bytes(), facts)?;
    let fields = answer.fields.iter().map(|(name, value)| format!("{name}: {value}"));
    let is_default = |field: &String| {
        field == "content-type: application/json"
            || field == "content-type: text/plain; charset=utf-8"
    };
    let fields: Vec<String> = fields.filter(|it| !is_default(it)).collect();
    Ok((answer.status, fields.join("; "), String::from_utf8_lossy(&answer.body).into_owned()))
}

#[test]
fn results_of_rest_apis_are_read_as_recorded() {
    for (result, status, fields, body) in [
        (r#"{"statusCode":200}"#, 200, "", ""),
        (r#"{"headers":{"a":"b"}}"#, 200, "a: b", ""),
        (r#"{"statusCode":"201"}"#, 201, "", ""),
        (r#"{"statusCode":200.0}"#, 200, "", ""),
        (r#" {} "#, 200, "", ""),
        (
            r#"{"statusCode":null,"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null}"#,
            200,
            "",
            "",
        ),
        (
            r#"{"headers":{"a":true,"b":1,"c":1.5,"d":null,"e":""}}"#,
            200,
            "a: true; b: 1; c: 1.5; e: ",
            "",
        ),
        (
            r#"{"multiValueHeaders":{"test-multi":["value-multi"]},"headers":{"test-multi":"value-solo"}}"#,
            200,
            "test-multi: value-multi; test-multi: value-solo",
            "",
        ),
        (
            r#"{"headers":{"test-multi":"value-solo"},"multiValueHeaders":{"tesT-Multi":["value-multi"]}}"#,
            200,
            "tesT-Multi: value-multi; tesT-Multi: value-solo",
            "",
        ),
        (
            r#"{"headers":{"a":"x","b":"z"},"multiValueHeaders":{"A":["x","y"]}}"#,
            200,
            "A: x; A: y; b: z",
            "",
        ),
        (r#"{"body":"a\"\u00fcb"}"#, 200, "", "a\"\u{fc}b"),
        (r#"{"body":"YWJj","isBase64Encoded":true}"#, 200, "", "YWJj"),
        (
            r#"{"headers":{"Content-Type":"text/html"},"body":"x"}"#,
            200,
            "Content-Type: text/html",
            "x",
        ),
        (r#"{"statusCode":500,"statusCode":404}"#, 404, "", ""),
    ] {
        let expected = (status, fields.to_owned(), body.to_owned());
        assert_eq!(read(result, &REST), Ok(expected), "{result}");
    }
    for result in [
        r#"{"statusCode":"test"}"#,
        r#"{"statusCode":200,"wrongValue":1}"#,
        r#""hello""#,
        "[]",
        "null",
        "hello",
        "",
        r#"{"statusCode":200"#,
        r#"{"statusCode":200}x"#,
        r#"{"multiValueHeaders":{"x":"v"}}"#,
        r#"{"headers":{"x":{}}}"#,
        r#"{"headers":{"x":[]}}"#,
        r#"{"headers":[]}"#,
        r#"{"body":{}}"#,
        r#"{"body":1}"#,
        r#"{"statusCode":true}"#,
        r#"{"statusCode":200.5}"#,
        r#"{"isBase64Encoded":"yes"}"#,
        r#"{"cookies":[]}"#,
        r#"{"headers":{"a b":"c"}}"#,
        r#"{"headers":{"":"c"}}"#,
        r#"{"headers":{"a":"b\r\nc: d"}}"#,
        r#"{"multiValueHeaders":{"a":["b\u0000"]}}"#,
        r#"{"statusCode":199}"#,
        r#"{"statusCode":101}"#,
        r#"{"statusCode":600}"#,
        r#"{"statusCode":-1}"#,
        r#"{"statusCode":18446744073709551615}"#,
    ] {
        let found = read(result, &REST);
        assert!(matches!(found, Err(Fault::Malformed(_))), "{result}: {found:?}");
    }
    for status in [200, 599] {
        assert!(read(&format!(r#"{{"statusCode":{status}}}"#), &REST).is_ok());
    }
}

#[test]
fn rest_apis_decode_what_the_client_takes_for_binary() {
    let types: [Box<str>; 1] = ["image/*".into()];
    let all: [Box<str>; 1] = ["*/*".into()];
    let base64 = r#"{"headers":{"Content-Type":"image/png"},"body":"YWJj","isBase64Encoded":true}"#;
    for (accept, types, body) in [
        (Some("image/png"), &types[..], "abc"),
        (Some("image/webp;q=1, text/html"), &types, "abc"),
        (Some("text/html, image/png"), &types, "YWJj"),
        (None, &types, "abc"),
        (None, &[], "YWJj"),
        (Some("text/html"), &all, "abc"),
    ] {
        let facts = AnswerFacts {
            accept: accept.map(str::as_bytes),
            binary_media_types: types,
            format: Format::Rest,
        };
        assert_eq!(read(base64, &facts).unwrap().2, body, "{accept:?}");
    }
    let facts = AnswerFacts { binary_media_types: &all, accept: Some(b"*/*"), ..REST };
    let bad = read(r#"{"body":"a!","isBase64Encoded":true}"#, &facts);
    assert_eq!(bad, Err(Fault::Base64));
    assert_eq!(Fault::Base64.refusal().status(Some(Protocol::Rest)), 500);
}

#[test]
fn results_of_format_2_are_answers_or_become_one() {
    for (result, status, fields, body) in [
        (r#"{"statusCode":201,"body":"x"}"#, 201, "", "x"),
        (r#"{"statusCode":"404"}"#, 404, "", ""),
        (
            r#"{"statusCode":200,"cookies":["a=b; Path=/","c=d"],"headers":{"x":1}}"#,
            200,
            "x: 1; set-cookie: a=b; Path=/; set-cookie: c=d",
            "",
        ),
        (r#"{"statusCode":200,"body":"YWJj","isBase64Encoded":true}"#, 200, "", "abc"),
        (r#"{"statusCode":200,"headers":null,"cookies":null,"body":null}"#, 200, "", ""),
        (r#"{"statusCode":200,"headers":{"a":true,"b":1.5,"c":null}}"#, 200, "a: true; b: 1.5", ""),
        (r#"{"statusCode":599}"#, 599, "", ""),
        (r#"{"statusCode":200,"other":{}}"#, 200, "", ""),
        (r#""hi""#, 200, "", "hi"),
        (r#" "h\ni" "#, 200, "", "h\ni"),
        (r#"{"hello": "world"}"#, 200, "", r#"{"hello": "world"}"#),
        (r#"{"headers":5,"body":{}}"#, 200, "", r#"{"headers":5,"body":{}}"#),
        (r#"{"statusCode":null,"a":1}"#, 200, "", r#"{"statusCode":null,"a":1}"#),
        ("3", 200, "", "3"),
        ("3.1", 200, "", "3.1"),
        ("true", 200, "", "true"),
        (" [\"hello\",3,true]\n", 200, "", "[\"hello\",3,true]"),
        ("null", 200, "", "null"),
    ] {
        let expected = (status, fields.to_owned(), body.to_owned());
        assert_eq!(read(result, &HTTP_2), Ok(expected), "{result}");
    }
    for result in [
        r#"{"statusCode":"test"}"#,
        r#"{"statusCode":200,"headers":5}"#,
        r#"{"statusCode":200,"body":{}}"#,
        r#"{"statusCode":99}"#,
        r#"{"statusCode":199}"#,
        r#"{"statusCode":600}"#,
        r#"{"statusCode":200,"cookies":"a"}"#,
        "hello",
        "",
        "{",
        r#""open"#,
        r#""a" b"#,
    ] {
        let found = read(result, &HTTP_2);
        assert!(matches!(found, Err(Fault::Malformed(_))), "{result}: {found:?}");
    }
    for facts in [&HTTP_1, &HTTP_2] {
        let bad = read(r#"{"statusCode":200,"body":"a!","isBase64Encoded":true}"#, facts);
        assert_eq!(bad, Err(Fault::Base64));
    }
    assert_eq!(Fault::Base64.refusal().status(Some(Protocol::Http)), 500);
    let refusal = Fault::Malformed("").refusal();
    assert_eq!(
        (refusal.status(Some(Protocol::Http)), refusal.message(Some(Protocol::Http))),
        (500, "Internal Server Error")
    );
    assert_eq!(
        (refusal.status(Some(Protocol::Rest)), refusal.message(Some(Protocol::Rest))),
        (502, "Internal server error")
    );
}

#[test]
fn results_of_format_1_need_a_status() {
    assert_eq!(
        read(r#"{"statusCode":200,"multiValueHeaders":{"set-cookie":["a=b","c=d"]}}"#, &HTTP_1)
            .unwrap()
            .1,
        "set-cookie: a=b; set-cookie: c=d"
    );
    for result in ["{}", r#"{"body":"x"}"#, "\"hi\"", "null", r#"{"statusCode":null}"#] {
        assert!(read(result, &HTTP_1).is_err(), "{result}");
    }
}

#[test]
fn a_result_has_at_most_6291556_bytes() {
    let text = |bytes: usize| format!("{{\"statusCode\":200,\"body\":\"{}\"}}", "x".repeat(bytes));
    let fits = RESULT_BYTES_MAX - text(0).len();
    assert_eq!(read_result(text(fits).as_bytes(), &HTTP_2).unwrap().body.len(), fits);
    assert!(read_result(text(fits + 1).as_bytes(), &HTTP_2).is_err());
}

#[test]
fn an_answer_has_at_most_1000_fields() {
    let text = |count: usize| {
        let fields: Vec<String> = (0..count).map(|it| format!("\"h{it}\":1")).collect();
        format!("{{\"statusCode\":200,\"headers\":{{{}}}}}", fields.join(","))
    };
    assert!(read_result(text(1000).as_bytes(), &REST).is_ok());
    assert!(read_result(text(1001).as_bytes(), &REST).is_err());
}

fn head(result: &str, protocol: Protocol, is_head: bool) -> (String, Vec<u8>) {
    let facts = if protocol == Protocol::Rest { REST } else { HTTP_2 };
    let answer = read_result(result.as_bytes(), &facts).unwrap();
    let mut out = Vec::new();
    let facts = HeadFacts {
        protocol,
        ids: &Ids::new([1, 2, 3, 4]),
        connection: Connection::Stays,
        date: b"Sun, 06 Nov 1994 08:49:37 GMT",
        trace_id: b"Root=1",
        is_head,
        framing: None,
    };
    let body = write_head(&answer, &facts, &mut out).to_vec();
    (String::from_utf8(out).unwrap(), body)
}

#[test]
fn content_without_a_type_gets_one() {
    const TEXT: &str = "text/plain; charset=utf-8";
    let answer = r#"{"statusCode":200,"headers":{"a":"b"},"body":"{}"}"#;
    let own = r#"{"statusCode":200,"headers":{"Content-Type":"a/b"},"body":"{}"}"#;
    for (result, facts, expected) in [
        (answer, &REST, "application/json"),
        (answer, &HTTP_1, TEXT),
        (answer, &HTTP_2, TEXT),
        (r#"{"a":1}"#, &HTTP_2, "application/json"),
        (own, &REST, "a/b"),
        (own, &HTTP_2, "a/b"),
    ] {
        let answer = read_result(result.as_bytes(), facts).unwrap();
        let types = answer.fields.iter().filter(|it| it.0.eq_ignore_ascii_case("content-type"));
        assert_eq!(types.map(|it| &*it.1).collect::<Vec<_>>(), [expected], "{result}");
    }
}

#[test]
fn fields_that_are_the_gateways_are_remapped_or_dropped() {
    let fields = json!({"statusCode": 200, "body": "abc", "headers": {
        "Connection": "close", "Content-Length": "99", "Date": "x", "Server": "s",
        "Transfer-Encoding": "chunked", "Trailer": "t", "x-amzn-RequestId": "mine",
        "x-amz-apigw-id": "mine", "apigw-requestid": "mine", "X-Own": "kept",
        "WWW-Authenticate": "Basic"}})
    .to_string();
    let (rest, body) = head(&fields, Protocol::Rest, false);
    assert_eq!(body, b"abc");
    for line in [
        "x-amzn-Remapped-Connection: close",
        "x-amzn-Remapped-Content-Length: 99",
        "x-amzn-Remapped-Date: x",
        "x-amzn-Remapped-Server: s",
        "x-amzn-Remapped-x-amzn-RequestId: mine",
        "x-amzn-Remapped-WWW-Authenticate: Basic",
        "X-Own: kept",
        "content-length: 3",
        "date: Sun, 06 Nov 1994 08:49:37 GMT",
        "x-amzn-trace-id: Root=1",
        "content-type: application/json",
    ] {
        assert_eq!(rest.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {rest}");
    }
    for gone in ["chunked", "Trailer", "\r\nx-amz-apigw-id: mine", "apigw-requestid: mine"] {
        assert!(!rest.contains(gone), "{gone} in {rest}");
    }
    let (http, _) = head(&fields, Protocol::Http, false);
    assert!(http.contains("\r\nDate: x\r\n") && !http.contains("\r\ndate:"), "{http}");
    assert!(http.contains("\r\nServer: s\r\n") && http.contains("\r\nWWW-Authenticate: Basic\r\n"));
    for gone in ["Connection", "99", "chunked", "Trailer", "apigw-requestid: mine"] {
        assert!(!http.contains(gone), "{gone} in {http}");
    }
}

#[test]
fn answers_without_content_have_none() {
    for (status, length, content) in
        [(200, Some(3), 3), (204, None, 0), (205, Some(0), 0), (304, None, 0)]
    {
        let result = json!({"statusCode": status, "body": "abc"}).to_string();
        let (head, body) = head(&result, Protocol::Http, false);
        assert_eq!(body.len(), content, "{status}");
        let found = head.split("content-length: ").nth(1).and_then(|it| it.split('\r').next());
        assert_eq!(found, length.map(|it: i32| it.to_string()).as_deref(), "{status}");
    }
    let (head, body) = head(r#"{"statusCode":200,"body":"abc"}"#, Protocol::Rest, true);
    assert!(head.contains("\r\ncontent-length: 3\r\n"));
    assert_eq!(body, b"");
}

proptest! {
    #[test]
    fn no_result_makes_reading_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        text in "[\\[\\]{}:,\"a-zA-Z0-9 ]{0,40}",
    ) {
        for facts in [&REST, &HTTP_1, &HTTP_2] {
            let _ = read_result(&bytes, facts);
            let _ = read_result(text.as_bytes(), facts);
        }
    }

    /// What a function says is what the client gets, and never another line of a head.
    #[test]
    fn answers_are_what_functions_say(
        status in 200_u16..600,
        name in "[A-Za-z!#]{1,8}",
        values in prop::collection::vec("\\PC{0,10}", 0..4),
        body in any::<String>(),
        escaped in any::<bool>(),
    ) {
        let result = json!({"statusCode": status, "multiValueHeaders": {&name: &values}, "body": &body});
        let text = if escaped { serde_json::to_string_pretty(&result).unwrap() } else { result.to_string() };
        for facts in [&REST, &HTTP_2] {
            let answer = read_result(text.as_bytes(), facts).unwrap();
            prop_assert_eq!(answer.status, status);
            prop_assert_eq!(&*answer.body, body.as_bytes());
            let found: Vec<&str> =
                answer.fields.iter().filter(|it| it.0 == name).map(|it| &*it.1).collect();
            prop_assert_eq!(&found, &values);
        }
    }

    /// In format 2.0 every JSON without a status is a body, byte for byte.
    #[test]
    fn inferred_bodies_are_the_functions_own_bytes(members in prop::collection::vec(("[a-z]{0,4}", any::<i64>()), 0..5)) {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{name:?} :  {value}")).collect();
        let text = format!("{{ {} }}", members.join(" , "));
        let answer = read_result(text.as_bytes(), &HTTP_2).unwrap();
        prop_assert_eq!(&*answer.body, text.as_bytes());
    }
}
