//! Lambda's table: what of it differs from the API Gateway services'.

use super::*;
use serde_json::json;

fn call(method: &str, uri: &str, body: &str) -> (&'static str, Result<Value, Fault>) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let matched = lambda().find(method, path, query).expect("an operation");
    let header = |name: &str| name.eq_ignore_ascii_case("x-amz-log-type").then_some("Tail");
    let input = matched.operation.input(&matched, query, header, body.as_bytes());
    (matched.operation.name, input.map(Value::Object))
}

fn refused(method: &str, uri: &str, body: &str) -> String {
    let (name, input) = call(method, uri, body);
    input.expect_err(name).to_string()
}

const FUNCTION: &str = r#"{"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r",
    "Code": {"ZipFile": "UEs="}, "Environment": {"Variables": {"lower_Case": "1"}}}"#;

#[test]
fn names_are_the_models_at_every_depth() {
    let (name, input) = call("POST", "/2015-03-31/functions", FUNCTION);
    let input = input.unwrap();
    assert_eq!(name, "CreateFunction");
    assert_eq!(input["Code"], json!({ "ZipFile": "UEs=" }), "bytes stay Base64");
    assert_eq!(input["Environment"]["Variables"], json!({ "lower_Case": "1" }));
}

#[test]
fn functions_are_named_by_arns_too() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:prod";
    for path in [arn.to_owned(), arn.replace(':', "%3A")] {
        let uri = format!("/2015-03-31/functions/{path}/invocations?Qualifier=prod");
        let (name, input) = call("POST", &uri, "any content");
        let expected = json!({ "FunctionName": arn, "LogType": "Tail", "Qualifier": "prod" });
        assert_eq!((name, input.unwrap()), ("Invoke", expected));
    }
}

#[test]
fn members_are_told_of_with_small_letters_and_without_the_input() {
    let text = refused("POST", "/2015-03-31/functions", r#"{"FunctionName": "a b"}"#);
    assert!(text.starts_with("ValidationException: 3 validation errors detected: "), "{text}");
    assert!(
        text.contains("Value 'a b' at 'functionName' failed to satisfy constraint: "),
        "{text}"
    );
    assert!(text.contains("Value null at 'code' failed"), "{text}");
}

#[test]
fn names_of_aliases_and_urls_are_no_numbers() {
    let alias = |name: &str| {
        let body = format!(r#"{{"Name": "{name}", "FunctionVersion": "1"}}"#);
        call("POST", "/2015-03-31/functions/f/aliases", &body).1.is_ok()
    };
    assert!(alias("prod") && alias("1a") && alias("a1") && !alias("12") && !alias("a b"));
}

#[test]
fn a_body_that_is_no_json_is_refused_in_lambdas_words() {
    let text = refused("POST", "/2015-03-31/functions", "{");
    assert!(text.starts_with("InvalidRequestContentException: Could not parse request body"));
}

#[test]
fn which_runtimes_there_are_is_not_the_models_question() {
    let body = FUNCTION.replacen('{', r#"{"Runtime": "python3.99","#, 1);
    assert!(call("POST", "/2015-03-31/functions", &body).1.is_ok());
}

#[test]
fn every_pattern_compiles() {
    fn walk(shape: &Shape) -> usize {
        match shape {
            Shape::Text(text) => text.pattern.as_ref().map_or(0, |pattern| {
                assert!(pattern.compiled().is_some(), "{}", pattern.source);
                1
            }),
            Shape::List(shape) | Shape::Map(shape) => walk(shape),
            Shape::Structure(members) => members.iter().map(|member| walk(&member.shape)).sum(),
            _ => 0,
        }
    }
    let members = lambda().operations().iter().flat_map(Operation::members);
    assert!(members.map(|member| walk(&member.shape)).sum::<usize>() > 20);
}
