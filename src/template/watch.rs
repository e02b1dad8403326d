//! Watch: what a rendering does, told statement by statement to whoever wants to see it.
//!
//! For people who look for a mistake in a template (`ringgate explain`) and for the checks of templates
//! that are deployed. A shard's renderings have nobody who looks, and are asked about it only at
//! statements, never in an expression.

use std::fmt::Write;

use super::problem::RenderError;
use super::value::Value;

/// Somebody who looks at renderings.
pub trait Watch: std::fmt::Debug {
    /// A template begins.
    fn begins(&mut self, source: &str, body: &str);

    /// A statement at a byte of the template's text has been run.
    fn saw(&mut self, at: u32, event: Event<'_, '_>);

    /// It has ended: with what it wrote, or with a mistake.
    fn ends(&mut self, result: Result<&str, &RenderError>);
}

/// What a statement did.
#[derive(Debug)]
pub enum Event<'e, 'v> {
    /// `#set`.
    Set {
        /// The reference as written.
        target: &'e str,
        /// What it is from now on.
        value: Shown<'v>,
    },
    /// `#if`, `#elseif` or `#else`.
    If {
        /// Whether it is an `#else`: those are told of only when they are reached.
        is_else: bool,
        /// Whether what follows is rendered.
        holds: bool,
        /// The references in the condition, as written, with their values; those that cannot be looked
        /// at without changing something are left out.
        values: &'e [(&'e str, Shown<'v>)],
    },
    /// `#foreach`, before its first round.
    Foreach {
        /// The loop's variable, without its dollar.
        item: &'e str,
        /// What it goes through; anything but a list, a map or an iterator has no rounds.
        list: Shown<'v>,
    },
    /// One round of a `#foreach`.
    Each {
        /// The loop's variable, without its dollar.
        item: &'e str,
        /// Its value.
        value: Shown<'v>,
        /// From 1.
        count: usize,
    },
    /// A `#foreach` is through.
    Done {
        /// Items for which there were no rounds left.
        left_out: usize,
    },
    /// A macro is called.
    Macro {
        /// Its name.
        name: &'e str,
    },
    /// A reference is written.
    Print {
        /// As written.
        source: &'e str,
        /// What it is.
        value: Shown<'v>,
        /// Where in `out` its text begins.
        begin: usize,
        /// Everything that is written so far; its text ends where this does.
        out: &'e str,
        /// Whether it is written into a text in quotes or a `#define`d block, not to the output.
        is_aside: bool,
    },
}

/// A value as people read it.
#[derive(Clone, Copy)]
pub struct Shown<'e>(pub(super) Value<'e>);

/// Levels of a value that are shown.
const LEVELS_MAX: usize = 8;

impl Shown<'_> {
    /// Whether it is nothing: null, or a variable that is not set.
    pub fn is_nothing(&self) -> bool {
        matches!(self.0, Value::Null)
    }

    /// The characters of a text.
    pub fn as_text(&self) -> Option<&str> {
        match self.0 {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How many items a list or map has.
    pub fn len(&self) -> Option<usize> {
        match self.0 {
            Value::List(list) => Some(list.len()),
            Value::Map(map) => Some(map.len()),
            _ => None,
        }
    }

    /// Whether it is a list or map without items.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// What kind of value it is, in Velocity's words.
    pub fn kind(&self) -> &'static str {
        match self.0 {
            Value::Null => "nothing",
            Value::Boolean(_) => "boolean",
            Value::Integer(_) | Value::Big(_) | Value::Double(_) | Value::Decimal(_) => "number",
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Entry(_) => "entry",
            Value::Iterator(_) => "iterator",
            Value::Block(_) => "block",
            Value::Loop(_) => "loop",
            Value::Context(_)
            | Value::Input
            | Value::Util
            | Value::StageVariables
            | Value::Empty
            | Value::Class(_) => "object",
        }
    }

    /// The value like JSON, with `…` for what is beyond so many characters.
    pub fn short(&self, characters_max: usize) -> String {
        let mut out = String::new();
        show(self.0, 0, characters_max.saturating_mul(4), &mut out);
        match out.char_indices().nth(characters_max) {
            Some((at, _)) => format!("{}…", &out[..at]),
            None => out,
        }
    }
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.short(80))
    }
}

/// Ends soon after `bytes_max`: a body may have megabytes, and a list may hold itself.
fn show(value: Value<'_>, level: usize, bytes_max: usize, out: &mut String) {
    if level > LEVELS_MAX || out.len() > bytes_max {
        out.push('…');
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(flag) => out.push_str(if flag { "true" } else { "false" }),
        Value::Integer(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Double(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Big(text) | Value::Decimal(text) => out.push_str(text),
        Value::Text(text) => {
            let end = text.char_indices().map(|(at, _)| at).find(|at| *at > bytes_max);
            let shown = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
            out.push_str(&serde_json::Value::from(shown).to_string());
        }
        Value::List(list) => {
            out.push('[');
            let mut index = 0;
            while let Some(item) = list.get(index) {
                out.push_str(if index == 0 { "" } else { ", " });
                if out.len() > bytes_max {
                    out.push('…');
                    break;
                }
                show(item, level + 1, bytes_max, out);
                index += 1;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            let mut index = 0;
            while let Some((key, value)) = map.entry(index) {
                out.push_str(if index == 0 { "" } else { ", " });
                if out.len() > bytes_max {
                    out.push('…');
                    break;
                }
                show(key, level + 1, bytes_max, out);
                out.push_str(": ");
                show(value, level + 1, bytes_max, out);
                index += 1;
            }
            out.push('}');
        }
        Value::Entry(entry) => {
            show(entry.key, level + 1, bytes_max, out);
            out.push_str(" = ");
            show(entry.value.get(), level + 1, bytes_max, out);
        }
        Value::Loop(state) => {
            let _ = write!(out, "(loop, round {})", state.index.get() + 1);
        }
        Value::Class(name) => out.push_str(name),
        Value::Context(way) => {
            out.push_str("$context");
            for part in way {
                out.push('.');
                out.push_str(part);
            }
        }
        Value::Input => out.push_str("$input"),
        Value::Util => out.push_str("$util"),
        Value::StageVariables => out.push_str("$stageVariables"),
        Value::Iterator(_) => out.push_str("(iterator)"),
        Value::Block(_) => out.push_str("(block)"),
        Value::Empty => out.push_str("{}"),
    }
}
