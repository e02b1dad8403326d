//! Runs: the template over samples, and what its output is.

use super::samples::{self, EDGE, Fill};
use super::{Finding, Promise, Subject};
use crate::snapshot::managed::status_code;
use crate::template::{
    ContextVariables, Event, Inputs, Limits, RenderError, RenderProblem, Scratch, Template, Uses,
    Variable, Watch,
};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// What one run may cost: some milliseconds at worst. A sample has hundreds of values, so a template that
/// needs more is none that ends in time over a large body.
const LIMITS: Limits = Limits {
    steps: 100_000,
    depth: 100,
    output_bytes: 1 << 20,
    memory_bytes: 8 << 20,
    loop_iterations: 1_000,
};

/// A reference that was written to the output.
#[derive(Debug, Clone)]
struct Print {
    at: u32,
    source: String,
    begin: usize,
    end: usize,
}

/// Notes what is written where.
#[derive(Debug, Clone, Default)]
struct Prints(Rc<RefCell<Vec<Print>>>);

impl Watch for Prints {
    fn begins(&mut self, _: &str, _: &str) {
        self.0.borrow_mut().clear();
    }

    fn saw(&mut self, at: u32, event: Event<'_, '_>) {
        if let Event::Print { source, begin, out, is_aside: false, .. } = event {
            let (source, end) = (source.to_owned(), out.len());
            self.0.borrow_mut().push(Print { at, source, begin, end });
        }
    }

    fn ends(&mut self, _: Result<&str, &RenderError>) {}
}

/// Parameters of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// All that are declared or named, with this value.
    All(&'static str),
    /// Only required ones.
    Required(&'static str),
}

/// One sample of everything.
struct Sample<'s> {
    body: &'s Value,
    parameters: Parameters,
}

/// Samples that differ only in types that nobody declared: one that works is enough.
struct Group<'s> {
    when: &'static str,
    samples: Vec<Sample<'s>>,
}

/// Runs a template and looks at what it makes.
pub(super) fn check(
    text: &str,
    template: &Template,
    uses: &Uses,
    subject: &Subject<'_>,
) -> Vec<Finding> {
    let shape = &uses.body;
    let of_shape = |leaf: Value| samples::of_shape(shape, &leaf);
    let of_schema = |fill| subject.body.map(|it| samples::of_schema(it, subject.models, fill));
    let whole = of_schema(Fill::Whole).map_or_else(
        || vec![of_shape(json!("text")), of_shape(json!(7)), of_shape(json!({"key": "text"}))],
        |whole| vec![whole],
    );
    let least = of_schema(Fill::Least);
    let lists = subject.body.is_some_and(samples::has_lists).then(|| of_schema(Fill::EmptyLists));
    let lists = lists.flatten();

    let with = |bodies: &mut dyn Iterator<Item = &'_ Value>,
                make: fn(&'static str) -> Parameters| {
        let mut pairs = Vec::new();
        for body in bodies {
            for value in ["text", "7"] {
                pairs.push((body.clone(), make(value)));
            }
        }
        pairs
    };
    let mut groups: Vec<(&'static str, Vec<(Value, Parameters)>)> =
        vec![("with a value for everything", with(&mut whole.iter(), Parameters::All))];
    let has_optional = subject.querystring.iter().chain(&subject.header).any(|(_, needed)| !needed);
    if least.is_some() || has_optional {
        let bodies: Vec<&Value> =
            least.as_ref().map_or_else(|| whole.iter().collect(), |it| vec![it]);
        groups.push((
            "with nothing but what is required",
            with(&mut bodies.into_iter(), Parameters::Required),
        ));
    }
    if let Some(lists) = &lists {
        groups.push(("with empty lists", with(&mut std::iter::once(lists), Parameters::All)));
    }
    let mut runner = Runner::new(text, template, uses, subject);
    let mut findings = Vec::new();
    for (when, samples) in &groups {
        let samples =
            samples.iter().map(|(body, parameters)| Sample { body, parameters: *parameters });
        let group = Group { when, samples: samples.collect() };
        // One mistake shows in every group; the first says most.
        if let Some(finding) = runner.group(&group) {
            findings.push(finding);
            break;
        }
    }
    if subject.promise == Promise::Json && !runner.is_endless {
        let edge = of_schema(Fill::Edge).unwrap_or_else(|| of_shape(json!(EDGE)));
        findings.extend(runner.edge(&edge));
    }
    findings
}

struct Runner<'r> {
    text: &'r str,
    template: &'r Template,
    uses: &'r Uses,
    subject: &'r Subject<'r>,
    prints: Prints,
    scratch: Scratch,
    /// A run was ended by a limit.
    is_endless: bool,
}

impl<'r> Runner<'r> {
    fn new(
        text: &'r str,
        template: &'r Template,
        uses: &'r Uses,
        subject: &'r Subject<'r>,
    ) -> Self {
        let prints = Prints::default();
        let scratch = Scratch::watched(1, Box::new(prints.clone()));
        Self { text, template, uses, subject, prints, scratch, is_endless: false }
    }

    fn run(&mut self, body: &str, parameters: Parameters) -> Result<String, RenderError> {
        let Subject { path, querystring, header, .. } = self.subject;
        let (value, is_all) = match parameters {
            Parameters::All(value) => (value, true),
            Parameters::Required(value) => (value, false),
        };
        // A path is still encoded, so there is no quote in it.
        let plain = if value == EDGE { "text" } else { value };
        let path: Vec<(&str, &str)> = path.iter().map(|name| (name.as_str(), plain)).collect();
        let declared = |list: &'r [(String, bool)]| -> Vec<(&'r str, &'static str)> {
            let there = list.iter().filter(|(_, needed)| is_all || *needed);
            there.map(|(name, _)| (name.as_str(), value)).collect()
        };
        let (mut querystring, mut header) = (declared(querystring), declared(header));
        for parameter in &self.uses.parameters {
            let name = parameter.name.as_str();
            let is_known = |list: &[(String, bool)]| list.iter().any(|(known, _)| known == name);
            let is_declared = is_known(&self.subject.querystring)
                || is_known(&self.subject.header)
                || self.subject.path.iter().any(|known| known == name);
            match parameter.place.as_deref() {
                // What nobody declared is there, or the template would not ask for it.
                _ if is_declared => {}
                Some("header") => header.push((name, value)),
                _ => querystring.push((name, value)),
            }
        }
        // A stage that is not there yet will have the variables that are named.
        let named = self.uses.stage_variables.iter().map(|(_, name)| name.as_str());
        let variables: Vec<(&str, &str)> = match &self.subject.stage_variables {
            Some(known) => known.iter().map(|name| (*name, "text")).collect(),
            None => named.map(|name| (name, "text")).collect(),
        };
        let context = Context { has_authorizer: self.subject.has_authorizer };
        let inputs = Inputs {
            body,
            path: &path,
            querystring: &querystring,
            header: &header,
            stage_variables: &variables,
            context: &context,
            overrides: None,
        };
        let mut out = String::new();
        self.template.render(&inputs, &mut self.scratch, LIMITS, &mut out).map(|_| out)
    }

    /// A mistake that every sample of a group meets.
    fn group(&mut self, group: &Group<'_>) -> Option<Finding> {
        let mut first = None;
        for Sample { body, parameters } in &group.samples {
            let body = body.to_string();
            let wrong = match self.run(&body, *parameters) {
                Ok(output) => self.wrong(&output),
                // It would not end with the others either, and trying takes the longest.
                Err(error @ RenderError { problem: RenderProblem::Limit { .. }, .. }) => {
                    self.is_endless = true;
                    let (at, message) = self.failed(&error);
                    return Some(Finding { at, message });
                }
                Err(error) => Some(self.failed(&error)),
            };
            let (at, message) = wrong?;
            first.get_or_insert((at, message));
        }
        let (at, message) = first?;
        let message = format!("{}, {message}", group.when);
        Some(Finding { at, message })
    }

    fn failed(&self, error: &RenderError) -> (crate::template::Position, String) {
        let message = match &error.problem {
            RenderProblem::Limit { .. } => {
                format!("it does not end in time: {}", error.problem)
            }
            problem => format!("it fails: {problem}"),
        };
        (error.at, message)
    }

    /// What is wrong with an output.
    fn wrong(&self, output: &str) -> Option<(crate::template::Position, String)> {
        match self.subject.promise {
            Promise::Nothing => None,
            Promise::Status => {
                let is_there = output.trim().is_empty() || status_code(output).is_some();
                let message = "a MOCK integration's template gives no `statusCode`: it must be an integer in an object";
                (!is_there).then(|| (Template::position(self.text, 0), message.to_owned()))
            }
            Promise::Json if output.trim().is_empty() || self.uses.sets_content_type => None,
            Promise::Json => {
                let error = serde_json::from_str::<Value>(output).err()?;
                let at = offset(output, error.line(), error.column());
                let prints = self.prints.0.borrow();
                let print = prints.iter().rfind(|print| print.begin <= at);
                let place = print.map_or(0, |print| print.at);
                let shown = excerpt(output, at);
                let reason = error.to_string();
                let (reason, _) = reason.split_once(" at line").unwrap_or((&reason, ""));
                let message = format!("the output is no JSON: {reason} at `{shown}`");
                Some((Template::position(self.text, place), message))
            }
        }
    }

    /// References inside of quotes that end them.
    fn edge(&mut self, body: &Value) -> Vec<Finding> {
        let body = body.to_string();
        let Ok(output) = self.run(&body, Parameters::All(EDGE)) else { return Vec::new() };
        if self.uses.sets_content_type || !output.trim_start().starts_with(['{', '[']) {
            return Vec::new();
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut quotes = Quotes::default();
        let mut done = 0;
        let prints = self.prints.0.borrow();
        for print in prints.iter() {
            quotes.pass(output.get(done..print.begin).unwrap_or_default());
            done = print.end;
            let written = output.get(print.begin..print.end).unwrap_or_default();
            if !quotes.is_open || !breaks(written) {
                continue;
            }
            let source = &print.source;
            let brings_its_own = written.starts_with('"') && written.ends_with('"');
            let message = match brings_its_own {
                true if written.len() > 1 => {
                    format!("`{source}` brings its own quotes: leave out those around it")
                }
                _ if source.contains("$input.path") || source.contains("$input.params") => format!(
                    "`{source}` may hold quotes, backslashes and line breaks, and stands in quotes: wrap it in $util.escapeJavaScript(…)"
                ),
                _ => format!(
                    "the value of `{source}` may hold quotes, backslashes and line breaks, and stands in quotes: wrap it in $util.escapeJavaScript(…)"
                ),
            };
            let finding = Finding::new(self.text, print.at, message);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings
    }
}

/// Whether a text ends the JSON text that it stands in.
fn breaks(text: &str) -> bool {
    let mut is_escaped = false;
    text.chars().any(|character| {
        let ends = !is_escaped && (character == '"' || character < ' ');
        is_escaped = !is_escaped && character == '\\';
        ends
    })
}

/// Whether a place in JSON is inside of quotes.
#[derive(Debug, Default)]
struct Quotes {
    is_open: bool,
    is_escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_open => self.is_escaped = true,
                b'"' => self.is_open = !self.is_open,
                _ => {}
            }
        }
    }
}

/// The byte of a line and column of serde's.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let start = starts.nth(line.saturating_sub(1)).unwrap_or(text.len());
    (start + column.saturating_sub(1)).min(text.len())
}

/// What stands around a place, on one line.
fn excerpt(text: &str, at: usize) -> String {
    let start = (0..=at.saturating_sub(24)).rev().find(|it| text.is_char_boundary(*it));
    let end = (at + 12..=text.len()).find(|it| text.is_char_boundary(*it));
    let shown = text.get(start.unwrap_or(0)..end.unwrap_or(text.len())).unwrap_or_default();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if start.unwrap_or(0) > 0 { "…" } else { "" };
    let after = if end.is_some_and(|end| end < text.len()) { "…" } else { "" };
    format!("{before}{shown}{after}")
}

/// A `$context` with plain values: its texts are the gateway's own, or checked by it.
struct Context {
    has_authorizer: bool,
}

impl ContextVariables for Context {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        match path {
            ["identity"] | ["identity", "clientCert"] | ["identity", "clientCert", "validity"] => {
                Variable::Group
            }
            ["authorizer"] | ["authorizer", "claims"] if self.has_authorizer => Variable::Group,
            ["authorizer", ..] if !self.has_authorizer => Variable::Missing,
            ["error", ..] => Variable::Missing,
            ["requestTimeEpoch"] => Variable::Integer(1_772_359_200_000),
            ["isCanaryRequest"] => Variable::Text(Cow::Borrowed("false")),
            ["status" | "integrationStatus"] => Variable::Text(Cow::Borrowed("200")),
            // What an authorizer says may be a number; `7` is one, and a text too.
            ["authorizer", ..] => Variable::Text(Cow::Borrowed("7")),
            _ => Variable::Text(Cow::Borrowed("text")),
        }
    }

    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str)) {
        match path {
            ["authorizer"] if self.has_authorizer => {
                ["principalId", "key"].into_iter().for_each(each)
            }
            ["identity"] => ["sourceIp", "userAgent"].into_iter().for_each(each),
            _ => {}
        }
    }
}
