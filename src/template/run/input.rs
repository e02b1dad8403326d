//! `$input` and `$util`.

use super::context::last;
use super::{Outcome, Run, Value};
use crate::template::budget::failed;
use crate::template::escape;
use crate::template::json;
use crate::template::json_path::JsonPath;
use crate::template::method::Method;
use crate::template::print;
use crate::template::problem::RenderProblem;
use crate::template::program::Compiled;

/// Where the text that a function makes is.
#[derive(Clone, Copy)]
pub(super) enum Written<'a> {
    /// At the end of the output; its limit is still to be looked at.
    ToOutput,
    /// It is a value, and nothing is written.
    Value(Value<'a>),
}

impl<'a> Run<'a, '_> {
    pub(super) fn input_property(&self, name: &str) -> Value<'a> {
        match name {
            "body" => Value::Text(self.body()),
            // The name of a method without its parentheses.
            "params" | "json" | "path" | "keySet" | "entrySet" | "values" | "size" => Value::Empty,
            _ => Value::Null,
        }
    }

    pub(super) fn util_property(&self, name: &str) -> Value<'a> {
        match name {
            "escapeJavaScript" | "parseJson" | "urlEncode" | "urlDecode" | "base64Encode"
            | "base64Decode" => Value::Empty,
            _ => Value::Null,
        }
    }

    fn body(&self) -> &'a str {
        if self.inputs.body.is_empty() { "{}" } else { self.inputs.body }
    }

    pub(super) fn input_call(
        &mut self,
        method: Method,
        arguments: &[Value<'a>],
        compiled: &Compiled,
    ) -> Outcome<Value<'a>> {
        match (method, arguments) {
            (Method::Json, [_]) => {
                let begin = self.out.len();
                let written = self.json_written(arguments, compiled)?;
                self.taken(written, begin)
            }
            (Method::Path, [path]) => self.input_path(*path, compiled),
            (Method::Params, []) => self.input_params(),
            (Method::Params, [name]) => {
                let name = self.text_of(*name)?;
                let found = [self.inputs.path, self.inputs.querystring, self.inputs.header]
                    .into_iter()
                    .find_map(|pairs| last(pairs, name));
                Ok(Value::Text(found.unwrap_or("")))
            }
            _ => Ok(Value::Null),
        }
    }

    /// Writes what `$input.json` gives.
    pub(super) fn json_written(
        &mut self,
        arguments: &[Value<'a>],
        compiled: &Compiled,
    ) -> Outcome<Written<'a>> {
        let [path] = arguments else { return Ok(Written::Value(Value::Null)) };
        if self.inputs.body.is_empty() && matches!(path, Value::Text("$")) {
            return Ok(Written::Value(Value::Text("{}")));
        }
        match self.input_path(*path, compiled)? {
            Value::Null => Ok(Written::Value(Value::Text("\"\""))),
            found => {
                print::json(found, print::Style::Plain, self.budget, self.out)?;
                Ok(Written::ToOutput)
            }
        }
    }

    /// What was written since `begin`, as a value.
    fn taken(&mut self, written: Written<'a>, begin: usize) -> Outcome<Value<'a>> {
        match written {
            Written::Value(value) => Ok(value),
            Written::ToOutput => {
                self.budget.output(self.out.len())?;
                Ok(Value::Text(self.take_written(begin)?))
            }
        }
    }

    fn input_path(&mut self, path: Value<'a>, compiled: &Compiled) -> Outcome<Value<'a>> {
        let document = self.document()?;
        let select = |path: &JsonPath| {
            // Of a text or number there is only the whole.
            if !path.is_root() && !matches!(document, Value::Map(_) | Value::List(_)) {
                return Ok(Value::Null);
            }
            path.select(document, self.budget).map(|found| found.unwrap_or(Value::Null))
        };
        if let Compiled::Path(path) = compiled {
            return select(path);
        }
        let Value::Text(path) = path else { return Ok(Value::Null) };
        self.budget.steps(path.len())?;
        match JsonPath::parse(path) {
            Ok(compiled) => select(&compiled),
            Err(problem) => Err(Box::new(RenderProblem::Path {
                path: path.to_owned(),
                reason: problem.to_string(),
            })),
        }
    }

    /// The body as JSON, read when it is first asked for.
    fn document(&mut self) -> Outcome<Value<'a>> {
        if let Some(document) = self.document.get() {
            return Ok(document);
        }
        let document = json::parse(self.inputs.body, self.budget)?;
        self.document.set(Some(document));
        Ok(document)
    }

    fn input_params(&mut self) -> Outcome<Value<'a>> {
        if let Some(params) = self.params {
            return Ok(params);
        }
        let all = self.budget.map()?;
        for (name, pairs) in [
            ("path", self.inputs.path),
            ("querystring", self.inputs.querystring),
            ("header", self.inputs.header),
        ] {
            let map = self.budget.map()?;
            for (name, value) in pairs {
                self.budget.put(map, Value::Text(name), Value::Text(value))?;
            }
            self.budget.put(all, Value::Text(name), Value::Map(map))?;
        }
        self.params = Some(Value::Map(all));
        Ok(Value::Map(all))
    }

    pub(super) fn util_call(
        &mut self,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        let begin = self.out.len();
        let written = self.util_written(method, arguments)?;
        self.taken(written, begin)
    }

    /// Writes what a function of `$util` gives.
    pub(super) fn util_written(
        &mut self,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Written<'a>> {
        let value = |value| Ok(Written::Value(value));
        let [argument] = arguments else { return value(Value::Null) };
        match method {
            Method::EscapeJavaScript => match *argument {
                // What the console shows for these two.
                Value::Null => return value(Value::Text("null")),
                Value::Text("") => return value(Value::Text("{}")),
                other => {
                    let text = self.text_of(other)?;
                    self.sized(text)?;
                    escape::java_script(text, self.out);
                }
            },
            Method::ParseJson => {
                let Value::Text(text) = *argument else { return value(*argument) };
                let parsed = json::parse(text, self.budget).or_else(|problem| match *problem {
                    RenderProblem::Body(reason) => failed("parseJson", reason),
                    other => Err(Box::new(other)),
                });
                return value(parsed?);
            }
            Method::UrlEncode if matches!(argument, Value::Null) => return value(Value::Text("")),
            Method::UrlEncode => {
                let text = self.text_of(*argument)?;
                self.sized(text)?;
                escape::url(text, self.out);
            }
            Method::Base64Encode if !matches!(argument, Value::Null) => {
                let text = self.text_of(*argument)?;
                self.sized(text)?;
                escape::base64(text.as_bytes(), self.out);
            }
            Method::UrlDecode | Method::Base64Decode if !matches!(argument, Value::Null) => {
                let text = self.text_of(*argument)?;
                let (name, decoded) = if method == Method::UrlDecode {
                    ("urlDecode", escape::url_decoded(text))
                } else {
                    ("base64Decode", escape::base64_decoded(text))
                };
                let decoded = decoded.or_else(|reason| failed(name, reason))?;
                self.out.push_str(&decoded);
            }
            _ => return value(Value::Null),
        }
        Ok(Written::ToOutput)
    }

    /// Takes the steps for encoding a text, before it is done.
    fn sized(&self, text: &str) -> Outcome<()> {
        self.budget.bytes(text.len().saturating_mul(4))
    }
}
