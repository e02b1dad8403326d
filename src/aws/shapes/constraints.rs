//! The constraints of the model: what is required, which values there are, patterns, bounds.
//!
//! Runs once all types are right and tells of all violations together, as AWS does, before an
//! operation looks at anything. Version 1 answers `ValidationException` in its framework's words
//! (recorded from AWS). Version 2 has no such type in its model: there it is `BadRequestException`
//! and the first violation alone; the text of an unknown value is recorded, the others are not.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::Operation;
use super::table::{Location, Member, Shape, Text};
use crate::aws::Fault;

/// How a service refuses a request that breaks its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// `ValidationException` with all violations.
    Validation,
    /// `BadRequestException` with the first one.
    BadRequest,
    /// As [`Self::Validation`], in Lambda's way of naming members.
    Lambda,
}

/// Members whose constraints AWS's service does not check here, though its model has them: by
/// operation (empty: any) and the name of the member of its input. The operation looks at these.
const UNENFORCED: &[(&str, &str)] = &[
    // Bytes are never members (see `Operation::input`), so it would always be missing.
    ("PostToConnection", "data"),
    // Which runtimes there are is a question of what ringgate can run.
    ("", "Runtime"),
];

/// How many violations are told of. AWS's framework stops at ten, too.
const VIOLATIONS_MAX: usize = 10;

/// How much of a wrong value is quoted, in characters: whole for any that a person wrote, and a body
/// of some megabytes must not come back in its refusal.
const QUOTED_MAX: usize = 1024;

/// Refuses input that breaks a constraint.
pub(super) fn check(operation: &Operation, input: &Map<String, Value>) -> Result<(), Fault> {
    let mut violations = Violations { found: Vec::new(), place: String::new() };
    // What is in the body comes first in AWS's messages.
    for is_body in [true, false] {
        for member in operation.members() {
            let is_enforced = !UNENFORCED.iter().any(|(name, unenforced)| {
                (name.is_empty() || *name == operation.name) && *unenforced == member.name
            });
            if is_enforced && (member.location == Location::Body) == is_body {
                violations.of_member(member, input.get(member.name));
            }
        }
    }
    if violations.found.is_empty() { Ok(()) } else { Err(violations.fault(operation)) }
}

/// One broken constraint.
struct Violation {
    /// From the input's member to the wrong value, e.g. `patchOperations.1.member.op`.
    place: String,
    /// As AWS prints it: quoted, or `null`.
    value: String,
    constraint: Constraint,
}

enum Constraint {
    NotNull,
    /// One of these.
    Values(String),
    /// Any other, in AWS's words.
    Other(String),
}

struct Violations {
    found: Vec<Violation>,
    /// Where the walk is.
    place: String,
}

impl Violations {
    fn of_member(&mut self, member: &Member, value: Option<&Value>) {
        // Lambda's members have capital letters in the model, and small ones in its messages.
        let (first, rest) =
            member.name.split_at(member.name.chars().next().map_or(0, char::len_utf8));
        let name = first.to_ascii_lowercase() + rest;
        self.at(&name, |violations| match value {
            Some(value) => violations.of(&member.shape, value),
            None if member.required => violations.add("null".to_owned(), Constraint::NotNull),
            None => {}
        });
    }

    fn of(&mut self, shape: &Shape, value: &Value) {
        if self.found.len() >= VIOLATIONS_MAX {
            return;
        }
        match (shape, value) {
            (Shape::Structure(members), Value::Object(structure)) => {
                for member in members {
                    self.of_member(member, structure.get(member.name));
                }
            }
            (Shape::List(shape), Value::Array(elements)) => {
                if let Some(constraint) = scalar_constraint(shape, elements.iter()) {
                    let text = format!("Member must satisfy constraint: [{constraint}]");
                    self.add(quoted(value), Constraint::Other(text));
                } else if is_nested(shape) {
                    for (index, element) in elements.iter().enumerate() {
                        let place = format!("{}.member", index + 1);
                        self.at(&place, |violations| violations.of(shape, element));
                    }
                }
            }
            (Shape::Map(shape), Value::Object(entries)) => {
                if let Some(constraint) = scalar_constraint(shape, entries.values()) {
                    let text = format!("Map value must satisfy constraint: [{constraint}]");
                    self.add(quoted(value), Constraint::Other(text));
                } else if is_nested(shape) {
                    for (key, entry) in entries {
                        let place = format!("{key}.member");
                        self.at(&place, |violations| violations.of(shape, entry));
                    }
                }
            }
            _ => {
                if let Some(constraint) = broken(shape, value) {
                    self.add(quoted(value), constraint);
                }
            }
        }
    }

    /// Walks into a part.
    fn at(&mut self, part: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        if length > 0 {
            self.place.push('.');
        }
        self.place.push_str(part);
        walk(self);
        self.place.truncate(length);
    }

    fn add(&mut self, value: String, constraint: Constraint) {
        if self.found.len() < VIOLATIONS_MAX {
            self.found.push(Violation { place: self.place.clone(), value, constraint });
        }
    }

    fn fault(self, operation: &Operation) -> Fault {
        match operation.refusals {
            Refusals::Validation | Refusals::Lambda => {
                let count = self.found.len();
                let plural = if count == 1 { "" } else { "s" };
                let all: Vec<String> =
                    self.found.iter().map(|violation| violation.text(operation)).collect();
                let all = all.join("; ");
                Fault::validation(format!("{count} validation error{plural} detected: {all}"))
            }
            Refusals::BadRequest => {
                let first = self.found.first().map(|violation| violation.short_text());
                Fault::bad_request(first.unwrap_or_else(|| "Invalid request input".to_owned()))
            }
        }
    }
}

impl Violation {
    /// In the words of version 1, where what is in the body is under the name of the input, and of
    /// Lambda, where it is not.
    fn text(&self, operation: &Operation) -> String {
        let top = self.place.split('.').next().unwrap_or_default();
        let is_body = |it: &&Member| it.name == top && it.location == Location::Body;
        let mut place = String::new();
        let has_input = operation.refusals == Refusals::Validation;
        if has_input && operation.members().iter().any(|it| is_body(&it)) {
            let mut letters = operation.name.chars();
            place.extend(letters.next().map(|first| first.to_ascii_lowercase()));
            place.push_str(letters.as_str());
            place.push_str("Input.");
        }
        place.push_str(&self.place);
        format!("Value {} at '{place}' failed to satisfy constraint: {}", self.value, self.rule())
    }

    /// In the words of version 2.
    fn short_text(&self) -> String {
        match &self.constraint {
            Constraint::NotNull => {
                format!("Invalid request input: {} must not be null", self.place)
            }
            Constraint::Values(values) => {
                let what = self.place.strip_suffix("Type").unwrap_or(&self.place);
                format!("Invalid {what} specified. Must be one of [{values}]")
            }
            Constraint::Other(rule) => {
                let Self { place, value, .. } = self;
                format!("Invalid request input: value {value} at '{place}': {rule}")
            }
        }
    }

    fn rule(&self) -> String {
        match &self.constraint {
            Constraint::NotNull => "Member must not be null".to_owned(),
            Constraint::Values(values) => format!("Member must satisfy enum value set: [{values}]"),
            Constraint::Other(rule) => rule.clone(),
        }
    }
}

fn is_nested(shape: &Shape) -> bool {
    matches!(shape, Shape::Structure(_) | Shape::List(_) | Shape::Map(_))
}

/// The constraint that some element of a collection of scalars breaks. AWS tells of such a collection
/// as one value.
fn scalar_constraint<'v>(
    shape: &Shape,
    mut values: impl Iterator<Item = &'v Value>,
) -> Option<String> {
    if is_nested(shape) {
        return None;
    }
    values.find_map(|value| broken(shape, value)).map(|constraint| match constraint {
        Constraint::Values(values) => format!("Member must satisfy enum value set: [{values}]"),
        Constraint::Other(rule) => rule,
        Constraint::NotNull => "Member must not be null".to_owned(),
    })
}

/// The constraint that a scalar breaks.
fn broken(shape: &Shape, value: &Value) -> Option<Constraint> {
    match (shape, value) {
        (Shape::Text(text), Value::String(value)) => broken_by_text(text, value),
        (Shape::Integer { min, max, .. }, Value::Number(number)) => {
            let number = number.as_i64()?;
            let rule = match (min, max) {
                (Some(min), _) if number < *min => {
                    format!("Member must have value greater than or equal to {min}")
                }
                (_, Some(max)) if number > *max => {
                    format!("Member must have value less than or equal to {max}")
                }
                _ => return None,
            };
            Some(Constraint::Other(rule))
        }
        _ => None,
    }
}

fn broken_by_text(text: &Text, value: &str) -> Option<Constraint> {
    if !text.values.is_empty() && !text.values.contains(&value) {
        return Some(Constraint::Values(text.values.join(", ")));
    }
    if let Some(pattern) = text.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
        let source = &pattern.source;
        let rule = format!("Member must satisfy regular expression pattern: {source}");
        return Some(Constraint::Other(rule));
    }
    if text.min.is_none() && text.max.is_none() {
        return None;
    }
    let length = value.encode_utf16().count();
    let rule = match (text.min, text.max) {
        (Some(min), _) if length < min => {
            format!("Member must have length greater than or equal to {min}")
        }
        (_, Some(max)) if length > max => {
            format!("Member must have length less than or equal to {max}")
        }
        _ => return None,
    };
    Some(Constraint::Other(rule))
}

/// A value as AWS's messages print it: Java's `toString`, in quotes.
fn quoted(value: &Value) -> String {
    let mut text = String::from("'");
    print(value, &mut text);
    if let Some((cut, _)) = text.char_indices().nth(QUOTED_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text.push('\'');
    text
}

fn print(value: &Value, text: &mut String) {
    match value {
        Value::String(value) => text.push_str(value),
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                print(value, text);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(key);
                text.push('=');
                print(value, text);
            }
            text.push('}');
        }
        other => {
            // Writing into a string does not fail.
            let _ = write!(text, "{other}");
        }
    }
}
