//! Models with content, and parameter mappings with requests, from anybody.

use crate::checks::{parameters, schema};
use proptest::prelude::*;

/// Words of JSON Schema in any order.
fn schema_soup() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "{}",
        r#"{"type":"string"}"#,
        r#"{"type":["integer","null"]}"#,
        r##"{"$ref":"#"}"##,
        r##"{"$ref":"#/definitions/d"}"##,
        r##"{"$ref":"#/properties/a/items"}"##,
        r#"{"$ref":"https://apigateway.amazonaws.com/restapis/x/models/Other"}"#,
        r#"{"$ref":"nowhere"}"#,
        r#"{"enum":[1,"a",{"a":1}]}"#,
        r#"{"minimum":1,"exclusiveMinimum":true,"multipleOf":0.1}"#,
        r#"{"pattern":"^(a+)+$","maxLength":3}"#,
        r#"{"pattern":"(?=(a+)+b)a"}"#,
        r#"{"format":"date-time"}"#,
        r#"{"uniqueItems":true,"maxItems":2}"#,
        r#"{"required":["a","b"],"maxProperties":1}"#,
        r#"{"minimum":"1"}"#,
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|it| format!(r#"{{"properties":{{"a":{it}}}}}"#)),
            inner.clone().prop_map(|it| format!(r#"{{"additionalProperties":{it}}}"#)),
            inner.clone().prop_map(|it| format!(r#"{{"patternProperties":{{"^a":{it}}}}}"#)),
            inner.clone().prop_map(|it| format!(r#"{{"items":{it}}}"#)),
            inner.clone().prop_map(|it| format!(r#"{{"not":{it}}}"#)),
            inner.clone().prop_map(|it| format!(r#"{{"dependencies":{{"a":{it}}}}}"#)),
            two.clone().prop_map(|(a, b)| format!(r#"{{"anyOf":[{a},{b}]}}"#)),
            two.clone().prop_map(|(a, b)| format!(r#"{{"oneOf":[{a},{b}]}}"#)),
            two.clone().prop_map(|(a, b)| format!(r#"{{"allOf":[{a},{b}]}}"#)),
            two.clone().prop_map(|(a, b)| format!(r#"{{"items":[{a}],"additionalItems":{b}}}"#)),
            two.prop_map(|(a, b)| format!(
                r#"{{"definitions":{{"d":{a}}},"properties":{{"a":{b}}},"additionalProperties":false}}"#
            )),
        ]
    })
}

fn content() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "1",
        "-0.0",
        "1e400",
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"",
        "\"a\\u0000\"",
        "[]",
        "{}",
        "true",
        "nonsense",
        "",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(8, 32, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| format!(r#"{{"a":{it}}}"#)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!(r#"{{"a":{a},"b":{b}}}"#)),
            (inner.clone(), inner).prop_map(|(a, b)| format!("[{a},{b}]")),
        ]
    })
}

/// Which mappings an API has.
#[derive(Debug, Clone, Copy)]
enum Form {
    Rest,
    Http,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Request,
    Response,
}

/// A mapping's target and value.
fn mapping(form: Form, side: Side) -> impl Strategy<Value = String> {
    let (targets, values) = match (form, side) {
        (Form::Rest, Side::Request) => (
            vec![
                "integration.request.header.x-a",
                "integration.request.header.X-A",
                "integration.request.header.host",
                "integration.request.header.content-type",
                "integration.request.querystring.q",
                "integration.request.querystring.q%0Dr",
                "integration.request.path.p",
                "integration.request.path.q",
                "integration.request.path.r",
            ],
            vec![
                "'fixed'",
                "'with blank%0A'",
                "method.request.header.x-b",
                "method.request.multivalueheader.x-b",
                "method.request.querystring.q",
                "method.request.multivaluequerystring.q",
                "method.request.path.a",
                "method.request.path.proxy",
                "method.request.body",
                "method.request.body.a",
                "method.request.body.a[*].b",
                "context.identity.sourceIp",
                "context.path",
                "stageVariables.v",
            ],
        ),
        (Form::Rest, Side::Response) => (
            vec![
                "method.response.header.x-a",
                "method.response.header.set-cookie",
                "method.response.header.content-type",
            ],
            vec![
                "'fixed'",
                "integration.response.header.x-b",
                "integration.response.multivalueheader.x-b",
                "integration.response.body",
                "integration.response.body.a",
                "context.requestId",
                "stageVariables.v",
            ],
        ),
        (Form::Http, Side::Request) => (
            vec![
                "append:header.x-a",
                "overwrite:header.x-a",
                "remove:header.x-b",
                "append:querystring.q",
                "overwrite:querystring.q",
                "remove:querystring.q",
                "overwrite:path",
            ],
            vec![
                "$request.header.x-b",
                "$request.querystring.q",
                "$request.path",
                "$request.path.proxy",
                "$request.body",
                "$request.body.a",
                "$context.path",
                "$stageVariables.v",
                "a${request.header.x-b}b${request.path.a}/${request.body.a}",
                "fixed",
            ],
        ),
        (Form::Http, Side::Response) => (
            vec![
                "append:header.x-a",
                "overwrite:header.x-a",
                "remove:header.x-b",
                "overwrite:statuscode",
            ],
            vec![
                "$response.header.x-b",
                "$response.body",
                "$response.body.a",
                "$context.path",
                "a${response.header.x-b}b${response.body.a}",
                "201",
            ],
        ),
    };
    (prop::sample::select(targets), prop::sample::select(values))
        .prop_map(|(target, value)| format!("{target}={value}"))
}

/// Of the request, and of the answer.
fn mappings() -> impl Strategy<Value = (String, String)> {
    let lines = |form, side| {
        prop::collection::vec(mapping(form, side), 0..4).prop_map(|lines| lines.join("\n"))
    };
    let both = move |form| (lines(form, Side::Request), lines(form, Side::Response));
    prop_oneof![both(Form::Rest), both(Form::Http)]
}

proptest! {
    #[test]
    fn any_model_checks_any_content_or_is_refused(schema in schema_soup(), content in content()) {
        schema::check(&format!("{schema}\0{content}"));
    }

    #[test]
    fn any_text_is_a_model_or_is_refused(schema in "\\PC{0,60}", content in "\\PC{0,60}") {
        schema::check(&format!("{schema}\0{content}"));
    }

    #[test]
    fn whatever_is_mapped_stays_a_value(
        (request, response) in mappings(),
        target in "(1|%2e%2e|\\.\\.|a%0d%0ab|%zz)/[!-~]{0,10}(\\?q=[!-~]{0,12}(&q=%0Ax-smuggled:%201)?)?",
        fields in "(x-b: [ -~]{0,10}(\nx-b: [ -~]{0,10})?)?",
        content in r#"(\{"a": ?("[ -~]{0,8}"|"\\r\\nx-smuggled: 1"|\[\{"b": 1\}\]|\\PC{0,4})\}|\PC{0,10})"#,
    ) {
        parameters::check(&format!("{request}\0{response}\0{target}\0{fields}\0{content}"));
    }

    #[test]
    fn any_text_is_a_mapping_or_is_refused(
        request in "([ -~]{0,20}=[ -~]{0,30}\n){0,3}",
        response in "([ -~]{0,20}=[ -~]{0,30}\n){0,3}",
    ) {
        parameters::check(&format!("{request}\0{response}\u{0}1/y?q=1\0x-b: c\0{{\"a\": 1}}"));
    }
}

/// What a fuzzer found, once each.
#[test]
fn what_was_found_before_stays_mended() {
    // Names of fields that are none.
    for name in ["", "x-\u{1}", "x y", "x:"] {
        for action in ["append", "overwrite"] {
            let response = format!("{action}:header.{name}=a");
            parameters::check(&format!("\0{response}\u{0}1/y\0x-b: c\0{{}}"));
            parameters::check(&format!("{response}\0\u{0}1/y\0x-b: c\0{{}}"));
        }
    }
    // A model that is held against each level of the content twice as often as against the one above.
    let part = r##"{"properties":{"a":{"$ref":"#"}},"required":["t"]}"##;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(60), "}".repeat(60));
    schema::check(&format!("{{\"oneOf\":[{part},{part}]}}\0{deep}"));
}
