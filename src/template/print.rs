//! Printing: Java's `toString`, and JSON as json-smart writes it.
//!
//! A list from JSON prints as JSON whatever is inside, a map as `{a=b}` with what `toString` makes of its
//! values. A collection may hold itself: depth, steps and output are counted at every value.

use std::fmt::Write;

use super::budget::{Budget, Outcome};
use super::escape;
use super::number;
use super::value::{List, ListKind, Map, Value};

/// Which of json-smart's styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `$input.json`.
    Plain,
    /// `JSONArray.toString()`: `/` is escaped.
    Web,
}

/// Appends what `toString` gives. Null prints nothing at the top and `null` inside of collections.
pub(super) fn java<'a>(value: Value<'a>, budget: &Budget<'a>, out: &mut String) -> Outcome<()> {
    Printer { budget, out }.java(value, 0)
}

/// Appends JSON.
pub(super) fn json<'a>(
    value: Value<'a>,
    style: Style,
    budget: &Budget<'a>,
    out: &mut String,
) -> Outcome<()> {
    Printer { budget, out }.json(value, style, 0)
}

struct Printer<'a, 'b> {
    budget: &'b Budget<'a>,
    out: &'b mut String,
}

impl<'a> Printer<'a, '_> {
    fn java(&mut self, value: Value<'a>, depth: u32) -> Outcome<()> {
        self.count(depth)?;
        match value {
            Value::List(list) if list.kind == ListKind::Json => {
                return self.json(value, Style::Web, depth);
            }
            Value::List(list) => self.java_list(list, depth)?,
            Value::Map(map) => self.java_map(map, depth)?,
            Value::Entry(entry) => {
                self.nested(entry.key, depth)?;
                self.out.push('=');
                self.nested(entry.value.get(), depth)?;
            }
            Value::Class(name) => {
                self.out.push_str("class ");
                self.out.push_str(name);
            }
            Value::Null => {}
            Value::Iterator(_) => self.out.push_str("java.util.ArrayList$Itr"),
            Value::Input
            | Value::Util
            | Value::StageVariables
            | Value::Empty
            | Value::Context(_)
            | Value::Loop(_)
            | Value::Block(_) => self.out.push_str("{}"),
            scalar => self.scalar(scalar),
        }
        self.budget.output(self.out.len())
    }

    fn java_list(&mut self, list: &'a List<'a>, depth: u32) -> Outcome<()> {
        if list.kind == ListKind::Array {
            // Java prints an address here, which nobody can use.
            self.out.push_str("[Ljava.lang.String;@0");
            return Ok(());
        }
        self.out.push('[');
        let mut index = 0;
        while let Some(item) = list.get(index) {
            self.separate(index);
            match item {
                Value::List(inner) if std::ptr::eq(inner, list) => {
                    self.out.push_str("(this Collection)")
                }
                item => self.nested(item, depth)?,
            }
            index += 1;
        }
        self.out.push(']');
        Ok(())
    }

    fn java_map(&mut self, map: &'a Map<'a>, depth: u32) -> Outcome<()> {
        self.out.push('{');
        let mut index = 0;
        while let Some((key, value)) = map.entry(index) {
            self.separate(index);
            self.nested(key, depth)?;
            self.out.push('=');
            match value {
                Value::Map(inner) if std::ptr::eq(inner, map) => self.out.push_str("(this Map)"),
                value => self.nested(value, depth)?,
            }
            index += 1;
        }
        self.out.push('}');
        Ok(())
    }

    fn nested(&mut self, value: Value<'a>, depth: u32) -> Outcome<()> {
        if matches!(value, Value::Null) {
            self.out.push_str("null");
            return Ok(());
        }
        self.java(value, depth + 1)
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(", ");
        }
    }

    fn json(&mut self, value: Value<'a>, style: Style, depth: u32) -> Outcome<()> {
        self.count(depth)?;
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Text(text) => {
                self.budget.bytes(text.len())?;
                self.json_text(text, style);
            }
            Value::Double(number) if number.is_infinite() => self.out.push_str("null"),
            Value::List(list) => {
                self.out.push('[');
                let mut index = 0;
                while let Some(item) = list.get(index) {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.json(item, style, depth + 1)?;
                    index += 1;
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                let mut index = 0;
                while let Some((key, value)) = map.entry(index) {
                    if index > 0 {
                        self.out.push(',');
                    }
                    match key {
                        Value::Text(key) => self.json_text(key, style),
                        other => self.json_of_text(other, style, depth)?,
                    }
                    self.out.push(':');
                    self.json(value, style, depth + 1)?;
                    index += 1;
                }
                self.out.push('}');
            }
            Value::Boolean(_)
            | Value::Integer(_)
            | Value::Big(_)
            | Value::Double(_)
            | Value::Decimal(_) => {
                self.scalar(value);
            }
            other => self.json_of_text(other, style, depth)?,
        }
        self.budget.output(self.out.len())
    }

    /// What has no form in JSON is written as its text.
    fn json_of_text(&mut self, value: Value<'a>, style: Style, depth: u32) -> Outcome<()> {
        let begin = self.out.len();
        self.nested(value, depth)?;
        let text = self.out.split_off(begin);
        self.json_text(&text, style);
        Ok(())
    }

    fn json_text(&mut self, text: &str, style: Style) {
        self.out.push('"');
        escape::json(text, style == Style::Web, self.out);
        self.out.push('"');
    }

    fn scalar(&mut self, value: Value<'_>) {
        match value {
            Value::Boolean(flag) => self.out.push_str(if flag { "true" } else { "false" }),
            Value::Integer(number) => {
                let _ = write!(self.out, "{number}");
            }
            Value::Double(number) => number::print_double(number, self.out),
            Value::Big(text) | Value::Decimal(text) | Value::Text(text) => self.out.push_str(text),
            _ => {}
        }
    }

    /// Before anything inside is printed: a collection may hold itself.
    fn count(&self, depth: u32) -> Outcome<()> {
        self.budget.steps(1)?;
        // JSON from outside is bounded by its reader and may be deeper than a template.
        if depth > self.budget.limits.depth.max(450) {
            self.budget.depth(u32::MAX)?;
        }
        Ok(())
    }
}
