//! The methods of texts. Java counts in UTF-16 units; a text of ASCII alone, nearly every one, is its own
//! array of them.

use std::sync::Arc;

use super::reference::integer;
use super::{Outcome, Run, Value};
use crate::template::budget::failed;
use crate::template::method::Method;
use crate::template::pattern::{Extent, Pattern};
use crate::template::program::Compiled;
use crate::template::value::ListKind;

impl<'a> Run<'a, '_> {
    pub(super) fn text_call(
        &mut self,
        text: &'a str,
        method: Method,
        arguments: &[Value<'a>],
        compiled: &Compiled,
    ) -> Outcome<Value<'a>> {
        self.budget.bytes(text.len())?;
        Ok(match (method, arguments) {
            (Method::Length, []) => integer(units(text)),
            (Method::IsEmpty, []) => Value::Boolean(text.is_empty()),
            (Method::IsBlank, []) => Value::Boolean(text.trim().is_empty()),
            (Method::CharAt, [Value::Integer(index)]) => {
                let length = units(text);
                let Some(at) = usize::try_from(*index).ok().filter(|it| *it < length) else {
                    return failed(
                        "charAt",
                        format!("StringIndexOutOfBoundsException: index {index}, length {length}"),
                    );
                };
                Value::Text(self.slice(text, at, at + 1)?)
            }
            (Method::CodePointAt, [Value::Integer(index)]) => {
                let length = units(text);
                let Some(at) = usize::try_from(*index).ok().filter(|it| *it < length) else {
                    return failed(
                        "codePointAt",
                        format!("StringIndexOutOfBoundsException: index {index}, length {length}"),
                    );
                };
                let found = text.get(byte_of(text, at)..).and_then(|it| it.chars().next());
                Value::Integer(found.map_or(0, u32::from).into())
            }
            (Method::Substring, [Value::Integer(from)]) => {
                self.substring(text, *from, None, "substring")?
            }
            (
                Method::Substring | Method::SubSequence,
                [Value::Integer(from), Value::Integer(to)],
            ) => self.substring(text, *from, Some(*to), "substring")?,
            (Method::IndexOf, [part]) => self.index_of(text, *part, 0),
            (Method::IndexOf, [part, Value::Integer(from)]) => self.index_of(text, *part, *from),
            (Method::LastIndexOf, [Value::Text(part)]) => found(text, text.rfind(part)),
            (Method::LastIndexOf, [Value::Text(part), Value::Integer(from)]) => {
                let end = usize::try_from(*from).map_or(0, |from| byte_of(text, from) + part.len());
                let within = floor(text, end.min(text.len()));
                let start =
                    if *from < 0 { None } else { text.get(..within).and_then(|it| it.rfind(part)) };
                found(text, start)
            }
            (Method::Contains, [Value::Text(part)]) => Value::Boolean(text.contains(part)),
            (Method::StartsWith, [Value::Text(part)]) => Value::Boolean(text.starts_with(part)),
            (Method::StartsWith, [Value::Text(part), Value::Integer(from)]) => {
                let rest = usize::try_from(*from).ok().and_then(|it| text.get(byte_of(text, it)..));
                Value::Boolean(rest.is_some_and(|it| it.starts_with(part)))
            }
            (Method::EndsWith, [Value::Text(part)]) => Value::Boolean(text.ends_with(part)),
            (Method::EqualsIgnoreCase, [Value::Text(other)]) => {
                Value::Boolean(text.to_lowercase() == other.to_lowercase())
            }
            (Method::EqualsIgnoreCase, [Value::Null]) => Value::Boolean(false),
            (Method::CompareTo, [Value::Text(other)]) => Value::Integer(compare(text, other)),
            (Method::CompareToIgnoreCase, [Value::Text(other)]) => {
                Value::Integer(compare(&text.to_lowercase(), &other.to_lowercase()))
            }
            (Method::CompareTo, [other]) if !matches!(other, Value::Null) => {
                return failed("compareTo", "ClassCastException");
            }
            (Method::ToLowerCase, []) => Value::Text(self.budget.text(&text.to_lowercase())?),
            (Method::ToUpperCase, []) => Value::Text(self.budget.text(&text.to_uppercase())?),
            (Method::Trim, []) => Value::Text(text.trim_matches(|it| it <= ' ')),
            (Method::Strip, []) => Value::Text(text.trim()),
            (Method::Repeat, [Value::Integer(count)]) => {
                let Ok(count) = usize::try_from(*count) else {
                    return failed(
                        "repeat",
                        format!("IllegalArgumentException: count is negative: {count}"),
                    );
                };
                let bytes = text.len().saturating_mul(count);
                self.budget.bytes(bytes)?;
                self.budget.hold(bytes.saturating_mul(2))?;
                Value::Text(self.budget.text(&text.repeat(count))?)
            }
            (Method::Concat, [Value::Text(other)]) => {
                self.budget.hold(text.len() + other.len())?;
                Value::Text(self.budget.text(&[text, other].concat())?)
            }
            (Method::Replace, [Value::Text(from), Value::Text(to)]) => {
                let count =
                    if from.is_empty() { text.len() + 1 } else { text.matches(from).count() };
                let bytes = text.len().saturating_add(count.saturating_mul(to.len()));
                self.budget.bytes(bytes)?;
                self.budget.hold(bytes)?;
                Value::Text(self.budget.text(&text.replace(from, to))?)
            }
            (
                Method::ReplaceAll | Method::ReplaceFirst,
                [Value::Text(pattern), Value::Text(to)],
            ) => {
                let is_first = method == Method::ReplaceFirst;
                let name = if is_first { "replaceFirst" } else { "replaceAll" };
                let pattern = self.pattern(pattern, Extent::Part, name, compiled)?;
                self.searching(text)?;
                let replaced = pattern.replace(text, to, is_first, self.budget)?;
                Value::Text(self.budget.text(&replaced)?)
            }
            (Method::Matches, [Value::Text(pattern)]) => {
                let pattern = self.pattern(pattern, Extent::Whole, "matches", compiled)?;
                self.searching(text)?;
                Value::Boolean(pattern.is_match(text).or_else(|reason| failed("matches", reason))?)
            }
            (Method::Split, [Value::Text(pattern)]) => self.split(text, pattern, 0, compiled)?,
            (Method::Split, [Value::Text(pattern), Value::Integer(limit)]) => {
                self.split(text, pattern, *limit, compiled)?
            }
            (Method::ToCharArray, []) => {
                let mut items = Vec::new();
                for at in 0..units(text) {
                    self.budget.steps(1)?;
                    self.budget.hold(size_of::<Value<'_>>())?;
                    items.push(Value::Text(self.slice(text, at, at + 1)?));
                    // Positions are found from the start; without this a long text costs its square.
                    self.budget.steps(if text.is_ascii() { 0 } else { at / 64 })?;
                }
                self.list(ListKind::Array, &items)?
            }
            (Method::GetBytes, _) => self.bytes(text)?,
            (Method::Join, [Value::Text(separator), Value::List(list)])
                if list.kind != ListKind::Array =>
            {
                let begin = self.out.len();
                for index in 0..list.len() {
                    self.join(separator, index, list.get(index).unwrap_or(Value::Null))?;
                }
                Value::Text(self.take_written(begin)?)
            }
            (Method::Join, [Value::Text(separator), parts @ ..]) => {
                let begin = self.out.len();
                let mut index = 0;
                for part in parts {
                    if let Value::List(list) = part {
                        for place in 0..list.len() {
                            self.join(separator, index, list.get(place).unwrap_or(Value::Null))?;
                            index += 1;
                        }
                    } else {
                        self.join(separator, index, *part)?;
                        index += 1;
                    }
                }
                Value::Text(self.take_written(begin)?)
            }
            (Method::Format, [Value::Text(format), parts @ ..]) => self.format(format, parts)?,
            (
                Method::Concat
                | Method::Contains
                | Method::StartsWith
                | Method::EndsWith
                | Method::CompareTo
                | Method::Split
                | Method::Matches
                | Method::Replace
                | Method::ReplaceAll
                | Method::ReplaceFirst,
                nulls,
            ) if nulls.iter().any(|it| matches!(it, Value::Null)) => {
                return failed("String", "NullPointerException");
            }
            (Method::ValueOf, [value]) => Value::Text(self.text_of(*value)?),
            (Method::ToString, []) => Value::Text(text),
            _ => return self.object_call(Value::Text(text), method, arguments),
        })
    }

    fn join(&mut self, separator: &str, index: usize, part: Value<'a>) -> Outcome<()> {
        if index > 0 {
            self.write(separator)?;
        }
        if matches!(part, Value::Null) {
            return self.write("null");
        }
        let text = self.text_of(part)?;
        self.write(text)
    }

    fn substring(
        &mut self,
        text: &'a str,
        from: i64,
        to: Option<i64>,
        method: &str,
    ) -> Outcome<Value<'a>> {
        let length = units(text);
        let to = to.unwrap_or_else(|| i64::try_from(length).unwrap_or(i64::MAX));
        let (from, to) = self.span(from, to, length, method)?;
        Ok(Value::Text(self.slice(text, from, to)?))
    }

    /// Units `from..to`. Where one of a surrogate pair is left out, U+FFFD stands for the other.
    fn slice(&self, text: &'a str, from: usize, to: usize) -> Outcome<&'a str> {
        if text.is_ascii() {
            return Ok(text.get(from..to).unwrap_or_default());
        }
        let cut: Vec<u16> = text.encode_utf16().skip(from).take(to - from).collect();
        self.budget.text(&String::from_utf16_lossy(&cut))
    }

    fn index_of(&self, text: &str, part: Value<'a>, from: i64) -> Value<'a> {
        let start = byte_of(text, usize::try_from(from).unwrap_or(0));
        let rest = text.get(start..).unwrap_or_default();
        let at = match part {
            Value::Text(part) => rest.find(part),
            Value::Integer(code) => match u32::try_from(code).ok().and_then(char::from_u32) {
                Some(character) => rest.find(character),
                None => None,
            },
            _ => return Value::Null,
        };
        found(text, at.map(|at| start + at))
    }

    fn split(
        &mut self,
        text: &'a str,
        pattern: &str,
        limit: i64,
        compiled: &Compiled,
    ) -> Outcome<Value<'a>> {
        let pattern = self.pattern(pattern, Extent::Part, "split", compiled)?;
        self.searching(text)?;
        let pieces = pattern.split(text, limit, self.budget)?;
        let items: Vec<Value<'a>> = pieces.into_iter().map(Value::Text).collect();
        self.list(ListKind::Array, &items)
    }

    /// Searching with a pattern costs more than reading.
    fn searching(&self, text: &str) -> Outcome<()> {
        self.budget.steps(4 + text.len() / 8)
    }

    fn pattern<'c>(
        &self,
        text: &str,
        extent: Extent,
        method: &str,
        compiled: &'c Compiled,
    ) -> Outcome<PatternOf<'c>> {
        Ok(match compiled {
            Compiled::Pattern(pattern) => PatternOf::Compiled(pattern),
            _ => {
                PatternOf::Made(Box::new(Pattern::compile_now(text, extent, method, self.budget)?))
            }
        })
    }
}

enum PatternOf<'c> {
    Compiled(&'c Arc<Pattern>),
    Made(Box<Pattern>),
}

impl std::ops::Deref for PatternOf<'_> {
    type Target = Pattern;

    fn deref(&self) -> &Pattern {
        match self {
            Self::Compiled(pattern) => pattern,
            Self::Made(pattern) => pattern,
        }
    }
}

/// Length in UTF-16 units.
fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The byte at which unit `at` begins, or the text's end.
fn byte_of(text: &str, at: usize) -> usize {
    if text.is_ascii() {
        return at.min(text.len());
    }
    let mut passed = 0;
    for (byte, character) in text.char_indices() {
        if passed >= at {
            return byte;
        }
        passed += character.len_utf16();
    }
    text.len()
}

/// The last boundary of a character up to `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0)
}

fn found<'a>(text: &str, byte: Option<usize>) -> Value<'a> {
    match byte.and_then(|byte| text.get(..byte)) {
        Some(before) => integer(units(before)),
        None => Value::Integer(-1),
    }
}

/// Java's `compareTo`: the difference of the first units that differ, or of the lengths.
fn compare(left: &str, right: &str) -> i64 {
    let mut pairs = left.encode_utf16().zip(right.encode_utf16());
    match pairs.find(|(left, right)| left != right) {
        Some((left, right)) => i64::from(left) - i64::from(right),
        None => {
            let length = |text| i64::try_from(units(text)).unwrap_or(i64::MAX);
            length(left) - length(right)
        }
    }
}
