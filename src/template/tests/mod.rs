//! What API Gateway's templates do, line by line of the reference: a table per topic.

use std::borrow::Cow;

use super::*;

mod amazon;
mod language;
mod limits;
mod recorded;
mod watch;

/// A little of what a gateway fills `$context` with.
struct Context;

impl ContextVariables for Context {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        match path {
            ["stage"] => Variable::Text(Cow::Borrowed("prod")),
            ["requestTimeEpoch"] => Variable::Integer(1_551_194_973_732),
            ["isCanaryRequest"] => Variable::Boolean(true),
            ["identity" | "authorizer"] | ["authorizer", "claims"] => Variable::Group,
            ["identity", "sourceIp"] => Variable::Text(Cow::Owned("203.0.113.7".to_owned())),
            ["authorizer", "claims", "https://a.b/c"] => Variable::Text(Cow::Borrowed("claim")),
            ["authorizer", "key"] => Variable::Text(Cow::Borrowed("1")),
            _ => Variable::Missing,
        }
    }

    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str)) {
        if path == ["authorizer"] {
            each("key");
            each("claims");
        }
    }
}

fn inputs(body: &str) -> Inputs<'_> {
    Inputs {
        body,
        path: &[("id", "42"), ("both", "from path")],
        querystring: &[("q", "1"), ("q", "2"), ("both", "from query")],
        header: &[("X-A", "a"), ("x-b", "b"), ("both", "from header")],
        stage_variables: &[("env", "prod"), ("url", "http://h")],
        context: &Context,
        overrides: None,
    }
}

fn try_render(template: &str, body: &str) -> Result<String, String> {
    let template = Template::parse(template).map_err(|it| it.to_string())?;
    let mut out = String::new();
    template
        .render(&inputs(body), &mut Scratch::new(1), Limits::default(), &mut out)
        .map_err(|it| it.to_string())?;
    Ok(out)
}

fn render(template: &str) -> String {
    try_render(template, "").unwrap()
}

fn each(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(try_render(template, "").as_deref(), Ok(*expected), "{template}");
    }
}

fn each_with(body: &str, cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(try_render(template, body).as_deref(), Ok(*expected), "{template}");
    }
}
