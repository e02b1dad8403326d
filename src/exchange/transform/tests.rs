//! From method request to method response, over plans made from what the management API stores.

use super::{BackEnd, Overrides, Scratch, Transformed, request, response, status};
use crate::exchange::{Context, Failure, MethodRequest, Refusal};
use crate::http::{Field, Known};
use crate::snapshot::Protocol;
use crate::snapshot::managed::{BinaryTypes, Plan, StagePlace, plan_method};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;

fn plan_of(integration: &Value) -> Plan {
    let method = serde_json::from_value(json!({
        "methodResponses": { "200": {}, "400": {}, "404": {}, "201": {} },
        "methodIntegration": integration,
    }))
    .unwrap();
    let place = StagePlace::of("us-east-1", "123456789012", "abc");
    let variables = [("v".to_owned(), "w".to_owned())].into();
    plan_method(&place, &Default::default(), &method, &variables, &mut |_| {}).unwrap()
}

fn asking<'r>(content_type: Option<&'r str>, content: &'r str) -> MethodRequest<'r> {
    let mut request = MethodRequest::new(Context::new(Protocol::Rest));
    request.content = content.as_bytes();
    if let Some(content_type) = content_type {
        request.header.push((Cow::Borrowed("content-type"), Cow::Borrowed(content_type)));
    }
    request
}

fn sent(plan: &Plan, content_type: Option<&str>, content: &str) -> Result<String, Refusal> {
    let request_in = asking(content_type, content);
    let made = request(plan, &request_in, &BinaryTypes::default(), &mut Scratch::new(1));
    made.map(|made| String::from_utf8(made.content.into_owned()).unwrap())
        .map_err(|failure| failure.refusal)
}

#[test]
fn the_content_type_chooses_a_template_or_the_content_passes_or_not() {
    let unsupported = Err(Refusal::UnsupportedMediaType);
    for (behavior, templates, content_type, expected) in [
        ("WHEN_NO_MATCH", json!({"application/json": "t"}), Some("application/json"), Ok("t")),
        ("NEVER", json!({"application/json": "t"}), None, Ok("t")),
        ("NEVER", json!({"text/x": "t"}), Some("Text/X; charset=a"), Ok("t")),
        ("NEVER", json!({"$default": "d"}), Some("a/b"), Ok("d")),
        ("WHEN_NO_MATCH", json!({"a/b": "t"}), Some("c/d"), Ok("body")),
        ("WHEN_NO_TEMPLATES", json!({"a/b": "t"}), Some("c/d"), unsupported),
        ("NEVER", json!({"a/b": "t"}), Some("c/d"), unsupported),
        ("WHEN_NO_MATCH", json!({}), Some("c/d"), Ok("body")),
        ("WHEN_NO_TEMPLATES", json!({}), Some("c/d"), Ok("body")),
        ("NEVER", json!({}), Some("c/d"), unsupported),
        ("WHEN_NO_MATCH", json!({"a/b": "#if("}), Some("a/b"), Err(Refusal::Misconfigured)),
        ("WHEN_NO_MATCH", json!({"a/b": null}), Some("a/b"), Ok("body")),
    ] {
        let plan = plan_of(&json!({
            "type": "HTTP", "passthroughBehavior": behavior, "requestTemplates": templates,
        }));
        let expected = expected.map(str::to_owned);
        assert_eq!(sent(&plan, content_type, "body"), expected, "{behavior} {templates}");
    }
}

#[test]
fn a_template_sees_the_request() {
    let template = "$input.json('$.a')|$input.params('id')|$input.params('q')|$input.params('H')|\
        $stageVariables.v|$context.httpMethod|$context.requestTime|$util.urlEncode('a b')";
    let plan =
        plan_of(&json!({ "type": "HTTP", "requestTemplates": {"application/json": template}}));
    let mut request_in = asking(None, r#"{"a": [1, "x"]}"#);
    request_in.path.push(("id", "7".into()));
    request_in.query.push(("q".into(), "1".into()));
    request_in.query.push(("q".into(), "2".into()));
    request_in.header.push(("H".into(), "h".into()));
    request_in.stage_variables.push(("v", "w"));
    request_in.context.method = "POST";
    request_in.context.received = std::time::Duration::from_secs(1_551_194_973);
    let made = request(&plan, &request_in, &BinaryTypes::default(), &mut Scratch::new(1)).unwrap();
    let text = String::from_utf8(made.content.into_owned()).unwrap();
    assert_eq!(text, r#"[1,"x"]|7|2|h|w|POST|26/Feb/2019:15:29:33 +0000|a+b"#);
}

#[test]
fn a_body_that_begins_like_json_and_is_none_is_the_clients_mistake() {
    let plan = plan_of(&json!({
        "type": "HTTP", "requestTemplates": {"application/json": "$input.json('$')"},
    }));
    assert_eq!(sent(&plan, None, "{a"), Err(Refusal::BadRequest(400)));
    assert_eq!(sent(&plan, None, "a{b"), Ok("\"a{b\"".to_owned()));
    assert_eq!(sent(&plan, None, ""), Ok("{}".to_owned()));
}

#[test]
fn a_template_that_fails_is_a_misconfigured_method() {
    for template in [
        "$util.parseJson('{')",
        "#parse('x')",
        "#include('x')",
        "$input.path('$').substring(99)",
        "#set($context.requestOverride.header.a = 1)#set($context.requestOverride.header.a = 2)",
    ] {
        let templates = json!({ "application/json": template });
        let plan = plan_of(&json!({ "type": "HTTP", "requestTemplates": templates }));
        assert_eq!(sent(&plan, None, "text"), Err(Refusal::Misconfigured), "{template}");
    }
}

#[test]
fn a_template_on_binary_content_fails() {
    let integration = json!({ "type": "HTTP", "requestTemplates": {"image/png": "$input.body"} });
    let binary = BinaryTypes::of(&["image/*".to_owned()]);
    let request_in = asking(Some("image/png"), "ab");
    let made = |integration: &Value| {
        let plan = plan_of(integration);
        let made = request(&plan, &request_in, &binary, &mut Scratch::new(1));
        made.map(|it| it.content.into_owned()).map_err(|failure| failure.refusal)
    };
    assert_eq!(made(&integration), Err(Refusal::Misconfigured));
    let mut converted = integration;
    converted["contentHandling"] = "CONVERT_TO_TEXT".into();
    assert_eq!(made(&converted), Ok(b"YWI=".to_vec()));
}

/// What a mock answers: its request template, then its responses.
fn mock(integration: &Value, accept: Option<&str>) -> Result<(u16, String, String), Failure> {
    let plan = plan_of(integration);
    let mut request_in = asking(None, "");
    if let Some(accept) = accept {
        request_in.header.push(("accept".into(), accept.into()));
    }
    let mut scratch = Scratch::new(1);
    let made = request(&plan, &request_in, &BinaryTypes::default(), &mut scratch)?;
    let status = status(&made)?.map(|status| status.to_string());
    let back_end = BackEnd { selected_by: status.as_deref(), fields: &[], content: &[] };
    let types = BinaryTypes::default();
    let answer = response(&plan, &request_in, &back_end, &types, &made.overrides, &mut scratch)?;
    let headers = answer.headers.iter();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect();
    let content = String::from_utf8(answer.content.into_owned()).unwrap();
    Ok((answer.status, headers.join(" "), content))
}

#[test]
fn a_mocks_template_decides_its_status_and_hands_data_over() {
    let answered = mock(
        &json!({
            "type": "MOCK",
            "requestTemplates": {"application/json":
                "#set($context.responseOverride.x = 5)#set($context.requestOverride.header.a = 'b')\
                 {\"statusCode\": #if(1 < 2)404#else 200#end}"},
            "integrationResponses": {
                "200": {"statusCode": "200"},
                "404": {"statusCode": "404", "selectionPattern": "4\\d{2}", "responseTemplates": {
                    "application/json":
                        "$context.responseOverride.x $context.requestOverride.header.a",
                }},
            },
        }),
        None,
    );
    let expected = (404, "Content-Type=application/json".to_owned(), "5 b".to_owned());
    assert_eq!(answered, Ok(expected));
}

#[test]
fn overrides_win_over_what_is_mapped() {
    let answered = mock(
        &json!({
            "type": "MOCK",
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "integrationResponses": {"200": {
                "statusCode": "200",
                "responseParameters": {
                    "method.response.header.X-A": "'mapped'",
                    "method.response.header.X-B": "context.httpMethod",
                    "method.response.header.X-C": "stageVariables.v",
                },
                "responseTemplates": {"application/json":
                    "#set($context.responseOverride.status = 444)\
                     #set($context.responseOverride.header.x-a = 'override')\
                     #set($context.responseOverride.header.Many = ['1', '2'])done"},
            }},
        }),
        None,
    );
    let headers = "X-C=w x-a=override Many=1 Many=2 Content-Type=application/json".to_owned();
    assert_eq!(answered, Ok((444, headers, "done".to_owned())));
}

#[test]
fn an_override_set_in_the_request_template_counts_without_a_response_template() {
    let answered = mock(
        &json!({
            "type": "MOCK",
            "requestTemplates": {"application/json":
                "#set($context.responseOverride.status = 444){\"statusCode\": 200}"},
            "integrationResponses": {"200": {"statusCode": "200"}},
        }),
        None,
    );
    assert_eq!(answered.unwrap().0, 444);
}

#[test]
fn the_client_accepts_a_template_else_json_else_the_first() {
    let templates = |templates: Value| {
        json!({
            "type": "MOCK",
            "requestTemplates": {"application/json": "{statusCode: 200}"},
            "integrationResponses":
                {"200": {"statusCode": "200", "responseTemplates": templates}},
        })
    };
    let both = templates(json!({"application/json": "j", "text/html": "h"}));
    let none = templates(json!({"text/css": "c", "text/html": "h"}));
    for (integration, accept, expected) in [
        (&both, Some("text/html, */*"), ("h", "text/html")),
        (&both, Some("image/png"), ("j", "application/json")),
        (&both, None, ("j", "application/json")),
        (&none, None, ("c", "text/css")),
    ] {
        let (_, headers, content) = mock(integration, accept).unwrap();
        assert_eq!((&*content, &*headers), (expected.0, &*format!("Content-Type={}", expected.1)));
    }
}

#[test]
fn what_is_set_up_wrong_says_so_in_amazons_words() {
    let with = |template: &str, responses: Value| {
        let integration = json!({
            "type": "MOCK", "requestTemplates": {"application/json": template},
            "integrationResponses": responses,
        });
        let failure = mock(&integration, None).unwrap_err();
        assert_eq!(failure.refusal, Refusal::Misconfigured);
        failure.cause.into_owned()
    };
    for (template, responses, expected) in [
        (
            "{\"statusCode\": \"200\"}",
            json!({}),
            "Unable to parse statusCode. It should be an integer that is defined in the request template.",
        ),
        (
            "{\"statusCode\": 403}",
            json!({}),
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 403",
        ),
        (
            "{\"statusCode\": 200}",
            json!({"202": {"statusCode": "202"}}),
            "Output mapping refers to an invalid method response: 202",
        ),
    ] {
        assert_eq!(with(template, responses), expected);
    }
    let twice = "#set($context.responseOverride.status = 201)\
        #set($context.responseOverride.status = 202){\"statusCode\": 200}";
    assert!(with(twice, json!({})).starts_with("Unable to transform request"), "once only");
}

#[test]
fn a_body_without_a_template_is_a_mocks_template_and_without_a_body_the_default_answers() {
    let plan = plan_of(&json!({ "type": "MOCK" }));
    let types = BinaryTypes::default();
    for (content, expected) in [
        ("", Ok(None)),
        ("{\"statusCode\": 201}", Ok(Some(201))),
        ("hello", Err(Refusal::Misconfigured)),
    ] {
        let request_in = asking(None, content);
        let made = request(&plan, &request_in, &types, &mut Scratch::new(1)).unwrap();
        assert_eq!(status(&made).map_err(|failure| failure.refusal), expected, "{content}");
    }
}

#[test]
fn a_back_ends_answer_is_mapped_by_its_status() {
    let plan = plan_of(&json!({
        "type": "HTTP",
        "integrationResponses": {
            "200": {"statusCode": "200", "responseParameters": {
                "method.response.header.Last": "integration.response.header.x-many",
                "method.response.header.All": "integration.response.multivalueheader.X-Many",
                "method.response.header.Part": "integration.response.body.a[1].b",
                "method.response.header.Text": "integration.response.body.t",
                "method.response.header.Nothing": "integration.response.body.none",
                "method.response.header.Date": "'d'",
                "method.response.header.Transfer-Encoding": "'chunked'",
            }},
            "201": {"statusCode": "201", "selectionPattern": "20[1-9]", "responseTemplates":
                {"application/json": "[$input.json('$.a')]"}},
        },
    }));
    let field =
        |name: &'static [u8], value: &'static [u8]| Field { name, value, known: Known::of(name) };
    let fields = [
        field(b"X-Many", b"1"),
        field(b"x-many", b"2"),
        field(b"Content-Type", b"text/back"),
        field(b"Set-Cookie", b"c"),
    ];
    let request_in = asking(None, "");
    let run = |selected_by: &str, content: &str| {
        let back_end = BackEnd {
            selected_by: Some(selected_by),
            fields: &fields,
            content: content.as_bytes(),
        };
        let none = Overrides::default();
        let types = BinaryTypes::default();
        let answer =
            response(&plan, &request_in, &back_end, &types, &none, &mut Scratch::new(1)).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = answer.headers.iter().map(|(name, value)| format!("{name}={}", text(value)));
        (answer.status, headers.collect::<Vec<_>>(), text(&answer.content))
    };
    let body = r#"{"a": [0, {"b": {"c": 1}}], "t": "x"}"#;
    let (status, headers, content) = run("200", body);
    assert_eq!((status, &*content), (200, body));
    assert_eq!(
        headers,
        [
            "All=1,2",
            "x-amzn-Remapped-Date=d",
            "Last=2",
            "Part={\"c\":1}",
            "Text=x",
            "Content-Type=text/back",
        ]
    );
    let (status, headers, content) = run("204", body);
    assert_eq!((status, &*content), (201, "[[0,{\"b\":{\"c\":1}}]]"));
    assert_eq!(headers, ["Content-Type=application/json"]);
}

#[test]
fn a_value_cannot_end_its_field() {
    let plan = plan_of(&json!({
        "type": "HTTP",
        "integrationResponses": {"200": {"statusCode": "200", "responseParameters":
            {"method.response.header.X": "integration.response.body.a"}}},
    }));
    let content = r#"{"a": "x\r\nSet-Cookie: evil=1"}"#;
    let back_end = BackEnd { selected_by: Some("200"), fields: &[], content: content.as_bytes() };
    let request_in = asking(None, "");
    let (types, none) = (BinaryTypes::default(), Overrides::default());
    let made = response(&plan, &request_in, &back_end, &types, &none, &mut Scratch::new(1));
    assert_eq!(made.unwrap_err().refusal, Refusal::Misconfigured);
}

proptest! {
    #[test]
    fn any_content_and_any_answer_is_taken(
        content in prop::collection::vec(any::<u8>(), 0..60),
        answer in prop::collection::vec(any::<u8>(), 0..60),
        content_type in "[a-z/;*, ]{0,12}",
    ) {
        let plan = plan_of(&json!({
            "type": "HTTP",
            "requestTemplates": {"application/json": "$input.json('$.a') $input.body"},
            "integrationResponses": {"200": {"statusCode": "200", "responseTemplates":
                {"application/json": "$input.path('$').a $input.params('x')"}}},
        }));
        let mut request_in = asking(Some(&content_type), "");
        request_in.content = &content;
        let types = BinaryTypes::of(&["a/*".to_owned()]);
        let mut scratch = Scratch::new(1);
        let made = request(&plan, &request_in, &types, &mut scratch);
        let overrides = made.map(|it: Transformed<'_>| it.overrides).unwrap_or_default();
        let back_end = BackEnd { selected_by: Some("200"), fields: &[], content: &answer };
        let _ = response(&plan, &request_in, &back_end, &types, &overrides, &mut scratch);
    }
}
