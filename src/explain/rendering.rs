//! Rendering: a template's run as a list of steps, and a template run alone.

use crate::template::{
    ContextVariables, Event as Told, Inputs, Limits, Overrides, Position, RenderError, Scratch,
    Template, Variable, Watch,
};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// Steps that are kept: a loop may make a million, and nobody reads more than these.
const STEPS_MAX: usize = 500;

/// Characters of a value that are kept.
const VALUE_CHARACTERS_MAX: usize = 160;

/// What happened in one rendering.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Rendering {
    /// The template.
    pub source: String,
    /// `$input.body`.
    pub body: String,
    /// In the order in which they were run.
    pub steps: Vec<Step>,
    /// Further steps that are not kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// What it wrote; nothing after a mistake.
    pub output: Option<String>,
    /// The mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Mistake>,
}

/// What ended a rendering.
#[derive(Debug, Clone, Serialize)]
pub struct Mistake {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// In words.
    pub message: String,
}

/// One statement that was run.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Loops around it.
    pub depth: usize,
    /// What kind of statement.
    pub what: &'static str,
    /// As written.
    pub code: String,
    /// What came of it.
    pub result: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Notes what a [`Scratch`]'s renderings do.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Rc<RefCell<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    done: Vec<Rendering>,
    now: Rendering,
    depth: usize,
}

impl Notes {
    /// Where renderings are to be noted.
    pub(super) fn scratch(&self, seed: u64) -> Scratch {
        Scratch::watched(seed, Box::new(self.clone()))
    }

    /// What was noted since the last time.
    pub(super) fn take(&self) -> Vec<Rendering> {
        std::mem::take(&mut self.0.borrow_mut().done)
    }
}

impl Watch for Notes {
    fn begins(&mut self, source: &str, body: &str) {
        let mut noted = self.0.borrow_mut();
        noted.now =
            Rendering { source: source.to_owned(), body: body.to_owned(), ..Rendering::default() };
        noted.depth = 0;
    }

    fn saw(&mut self, at: u32, event: Told<'_, '_>) {
        let noted = &mut *self.0.borrow_mut();
        let step = step(&noted.now.source, at, &event);
        match &event {
            Told::Done { left_out } => {
                noted.depth = noted.depth.saturating_sub(1);
                if *left_out == 0 {
                    return;
                }
            }
            Told::Print { is_aside: true, .. } => return,
            _ => {}
        }
        let is_round = matches!(event, Told::Each { .. });
        let depth = noted.depth.saturating_sub(usize::from(is_round));
        if noted.now.steps.len() < STEPS_MAX {
            noted.now.steps.push(Step { depth, ..step });
        } else {
            noted.now.left_out += 1;
        }
        if matches!(event, Told::Foreach { .. }) {
            noted.depth += 1;
        }
    }

    fn ends(&mut self, result: Result<&str, &RenderError>) {
        let mut noted = self.0.borrow_mut();
        let mut now = std::mem::take(&mut noted.now);
        match result {
            Ok(output) => now.output = Some(output.to_owned()),
            Err(RenderError { at: Position { line, column }, problem }) => {
                let message = problem.to_string();
                now.error = Some(Mistake { line: *line, column: *column, message });
            }
        }
        noted.done.push(now);
    }
}

fn step(source: &str, at: u32, event: &Told<'_, '_>) -> Step {
    let Position { line, column } = Template::position(source, at);
    let directive = || directive(source, at as usize);
    let short = |value: &crate::template::Shown<'_>| match value.is_nothing() {
        true => "nothing".to_owned(),
        false => value.short(VALUE_CHARACTERS_MAX),
    };
    let (what, code, result) = match event {
        Told::Set { value, .. } => ("set", directive(), short(value)),
        Told::If { is_else: true, .. } => ("else", "#else".to_owned(), String::new()),
        Told::If { holds, values, .. } => {
            let mut result = holds.to_string();
            for (index, (name, value)) in values.iter().enumerate() {
                result.push_str(if index == 0 { "   " } else { ", " });
                result.push_str(&format!("{name} = {}", short(value)));
            }
            ("if", directive(), result)
        }
        Told::Foreach { list, .. } => {
            let result = match (list.len(), list.kind()) {
                (Some(1), _) => "1 item".to_owned(),
                (Some(count), _) => format!("{count} items"),
                (None, "nothing") => "nothing to go through".to_owned(),
                (None, "iterator") => "an iterator".to_owned(),
                (None, "object") => short(list),
                (None, kind) => format!("a {kind} has nothing to go through: {}", short(list)),
            };
            ("foreach", directive(), result)
        }
        Told::Each { item, value, count } => {
            ("round", format!("round {count}"), format!("${item} = {}", short(value)))
        }
        Told::Done { left_out } => {
            ("cut", "#end".to_owned(), format!("{left_out} more items are left out"))
        }
        Told::Macro { name } => ("macro", directive(), format!("macro {name}")),
        Told::Print { source, value, .. } => ("print", (*source).to_owned(), short(value)),
    };
    Step { line, column, depth: 0, what, code, result }
}

/// A directive with its parentheses, on one line.
fn directive(source: &str, at: usize) -> String {
    let text = source.get(at..).unwrap_or_default();
    let mut open = 0_usize;
    let mut quote = None;
    let mut end = text.len();
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(quoted), _) if quoted == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if open > 0 => quote = Some(character),
            (None, '(') => open += 1,
            (None, ')') => {
                open = open.saturating_sub(1);
                if open == 0 {
                    end = index + 1;
                    break;
                }
            }
            (None, '\n') if open == 0 => {
                end = index;
                break;
            }
            (None, _) => {}
        }
    }
    text.get(..end).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a template alone is rendered with.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// `$input.body`.
    pub body: String,
    path: Vec<(String, String)>,
    querystring: Vec<(String, String)>,
    header: Vec<(String, String)>,
    stage_variables: Vec<(String, String)>,
    context: Value,
}

impl Event {
    /// From a file: an object with `body`, `params` (`path`, `querystring`, `header`), `context` and
    /// `stageVariables`; or an event of a proxy integration; or anything else, which is then the body.
    pub fn read(text: &str) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Self { body: text.to_owned(), ..Self::default() };
        };
        let known = [
            "body",
            "params",
            "context",
            "stageVariables",
            "requestContext",
            "headers",
            "pathParameters",
            "queryStringParameters",
        ];
        if !object.keys().any(|key| known.contains(&key.as_str())) {
            return Self { body: text.to_owned(), ..Self::default() };
        }
        let get = |name: &str| object.get(name).unwrap_or(&Value::Null);
        let params = get("params");
        let either = |inner: &str, outer: &str| {
            let mut pairs = pairs(&params[inner]);
            pairs.extend(self::pairs(get(outer)));
            pairs
        };
        Self {
            body: match get("body") {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            path: either("path", "pathParameters"),
            querystring: either("querystring", "queryStringParameters"),
            header: either("header", "headers"),
            stage_variables: pairs(get("stageVariables")),
            context: match get("context") {
                Value::Null => get("requestContext").clone(),
                context => context.clone(),
            },
        }
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let object = value.as_object().into_iter().flatten();
    object
        .map(|(name, value)| match value {
            Value::String(text) => (name.clone(), text.clone()),
            other => (name.clone(), other.to_string()),
        })
        .collect()
}

/// `$context` from JSON.
struct Context<'c>(&'c Value);

impl Context<'_> {
    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self.0, |value, part| value.get(part))
    }
}

impl ContextVariables for Context<'_> {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        match self.at(path) {
            None | Some(Value::Null) => Variable::Missing,
            Some(Value::String(text)) => Variable::Text(Cow::Borrowed(text)),
            Some(Value::Bool(flag)) => Variable::Boolean(*flag),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(whole) => Variable::Integer(whole),
                None => Variable::Text(Cow::Owned(number.to_string())),
            },
            Some(Value::Object(_)) => Variable::Group,
            Some(list @ Value::Array(_)) => Variable::Text(Cow::Owned(list.to_string())),
        }
    }

    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str)) {
        let object = self.at(path).and_then(Value::as_object);
        object.into_iter().flatten().for_each(|(name, _)| each(name));
    }
}

/// Renders a template alone, and gives back what it assigned to the overrides.
pub fn render(template: &Template, event: &Event) -> (Rendering, Overrides) {
    fn lent(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
    let notes = Notes::default();
    let inputs = Inputs {
        body: &event.body,
        path: &lent(&event.path),
        querystring: &lent(&event.querystring),
        header: &lent(&event.header),
        stage_variables: &lent(&event.stage_variables),
        context: &Context(&event.context),
        overrides: None,
    };
    let mut out = String::new();
    // Keys of long objects are hashed; the seed changes no output.
    let mut scratch = notes.scratch(1);
    let overrides = template.render(&inputs, &mut scratch, Limits::default(), &mut out);
    (notes.take().pop().unwrap_or_default(), overrides.unwrap_or_default())
}
