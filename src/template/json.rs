//! JSON, as json-smart in its permissive mode reads it, which is what API Gateway's JSONPath library uses.
//!
//! Permissive means: texts in single quotes or in none, control characters in them, commas too many,
//! leading zeroes, anything behind the document. A body that does not begin with `{` or `[` or a quote is
//! one text without quotes. The messages are json-smart's too, since API Gateway shows them to clients.

use bumpalo::collections::Vec as ArenaVec;

use super::budget::{Budget, MAP_ENTRY_BYTES, Outcome, limit};
use super::number;
use super::problem::RenderProblem;
use super::value::{ListKind, Map, Value};

/// Levels of arrays and objects. json-smart's own limit.
const DEPTH_MAX: usize = 400;

/// Reads a document.
pub(super) fn parse<'a>(text: &'a str, budget: &Budget<'a>) -> Outcome<Value<'a>> {
    budget.bytes(text.len())?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        budget,
        items: ArenaVec::new_in(budget.arena),
        entries: ArenaVec::new_in(budget.arena),
    };
    reader.skip_white();
    reader.value(Stop::Document)
}

/// What ends a text without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Document,
    Array,
    Object,
    Key,
}

struct Reader<'a, 'b> {
    text: &'a str,
    at: usize,
    depth: usize,
    budget: &'b Budget<'a>,
    /// Of the open arrays, the innermost last.
    items: ArenaVec<'a, Value<'a>>,
    /// Of the open objects.
    entries: ArenaVec<'a, (&'a str, Value<'a>)>,
}

impl<'a> Reader<'a, '_> {
    fn value(&mut self, stop: Stop) -> Outcome<Value<'a>> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(quote @ (b'"' | b'\'')) => Ok(Value::Text(self.quoted(quote)?)),
            Some(b'0'..=b'9' | b'-') => self.number_or_text(stop),
            Some(b'}' | b':') if stop == Stop::Object => self.unexpected(),
            Some(b'}' | b':') if stop == Stop::Array => self.unexpected(),
            Some(_) => {
                let word = self.unquoted(stop);
                Ok(match word {
                    "null" => Value::Null,
                    "true" => Value::Boolean(true),
                    "false" => Value::Boolean(false),
                    "NaN" => Value::Double(f64::NAN),
                    _ => Value::Text(word),
                })
            }
            None if stop == Stop::Document => Ok(Value::Null),
            None => self.ended(),
        }
    }

    fn array(&mut self) -> Outcome<Value<'a>> {
        self.enter()?;
        self.at += 1;
        let begin = self.items.len();
        loop {
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                None => return self.ended(),
                Some(_) => {
                    let item = self.value(Stop::Array)?;
                    // What is built up counts before it is in the arena.
                    self.budget.hold(size_of::<Value<'_>>())?;
                    self.items.push(item);
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        let list = self.budget.list(ListKind::Json, self.items.get(begin..).unwrap_or_default())?;
        self.items.truncate(begin);
        Ok(list)
    }

    fn object(&mut self) -> Outcome<Value<'a>> {
        self.enter()?;
        self.at += 1;
        let begin = self.entries.len();
        loop {
            self.skip_white();
            let key = match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(b'}') => break,
                None => return self.ended(),
                Some(b':' | b']' | b'[' | b'{') => return self.unexpected(),
                Some(quote @ (b'"' | b'\'')) => self.quoted(quote)?,
                Some(_) => self.unquoted(Stop::Key),
            };
            self.skip_white();
            match self.peek() {
                Some(b':') => self.at += 1,
                None => return self.ended(),
                Some(_) => return self.unexpected(),
            }
            self.skip_white();
            if self.peek() == Some(b',') {
                return self.unexpected();
            }
            let value = self.value(Stop::Object)?;
            self.budget.steps(1)?;
            self.budget.hold(MAP_ENTRY_BYTES)?;
            self.entries.push((key, value));
        }
        self.at += 1;
        self.depth -= 1;
        self.budget.hold(size_of::<Map<'_>>())?;
        let entries = self.entries.get(begin..).unwrap_or_default();
        let map = Map::from_entries(self.budget.arena, self.budget.hasher, entries);
        self.entries.truncate(begin);
        Ok(Value::Map(map))
    }

    fn quoted(&mut self, quote: u8) -> Outcome<&'a str> {
        self.at += 1;
        let begin = self.at;
        let rest = &self.text.as_bytes()[begin..];
        let plain = memchr::memchr2(quote, b'\\', rest);
        let Some(plain) = plain else {
            self.at = self.text.len();
            return self.ended();
        };
        self.at += plain;
        if rest.get(plain) == Some(&quote) {
            self.at += 1;
            return Ok(&self.text[begin..begin + plain]);
        }
        self.quoted_with_escapes(quote, begin)
    }

    /// In these json-smart also leaves out control characters, which it keeps in texts without escapes.
    fn quoted_with_escapes(&mut self, quote: u8, begin: usize) -> Outcome<&'a str> {
        let is_kept = |it: &char| !matches!(it, '\0'..='\u{1f}' | '\u{7f}');
        let append = |text: &mut String, piece: &str| {
            if piece.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
                text.extend(piece.chars().filter(is_kept));
            } else {
                text.push_str(piece);
            }
        };
        let mut text = String::new();
        append(&mut text, &self.text[begin..self.at]);
        loop {
            let rest = &self.text[self.at..];
            let plain = memchr::memchr2(quote, b'\\', rest.as_bytes());
            let Some(plain) = plain else {
                self.at = self.text.len();
                return self.ended();
            };
            append(&mut text, &rest[..plain]);
            self.at += plain;
            if self.peek() == Some(quote) {
                self.at += 1;
                return self.budget.text(&text);
            }
            self.at += 1;
            let Some(escaped) = self.text[self.at..].chars().next() else { return self.ended() };
            self.at += escaped.len_utf8();
            match escaped {
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => text.push(self.unicode(4)?),
                'x' => text.push(self.unicode(2)?),
                other => text.push(other),
            }
        }
    }

    /// The digits behind `\u`. A high surrogate takes the low one behind it; alone it is U+FFFD.
    fn unicode(&mut self, digits: usize) -> Outcome<char> {
        let first = self.hexadecimal(digits)?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hexadecimal(4)?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self, digits: usize) -> Outcome<u32> {
        let mut value = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek() else { return self.ended() };
            let Some(digit) = char::from(digit).to_digit(16) else {
                let found = self.text[self.at..].chars().next().unwrap_or(' ');
                return self.malformed(format!(
                    "Unexpected unicode escape sequence {found} at position {}.",
                    self.position()
                ));
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// A text in no quotes, without the white space behind it.
    fn unquoted(&mut self, stop: Stop) -> &'a str {
        let rest = &self.text[self.at..];
        let stops: &[u8] = match stop {
            Stop::Document => b"",
            Stop::Array => b",]",
            Stop::Object => b",}",
            Stop::Key => b":",
        };
        let length = rest.bytes().position(|it| stops.contains(&it)).unwrap_or(rest.len());
        self.at += length;
        rest[..length].trim_end_matches(is_white)
    }

    fn number_or_text(&mut self, stop: Stop) -> Outcome<Value<'a>> {
        let begin = self.at;
        let bytes = self.text.as_bytes();
        let digits =
            |from: usize| bytes.iter().skip(from).take_while(|it| it.is_ascii_digit()).count();
        let mut end = begin + usize::from(bytes.get(begin) == Some(&b'-'));
        let whole = digits(end);
        end += whole;
        let mut is_real = false;
        if bytes.get(end) == Some(&b'.') && whole > 0 {
            is_real = true;
            end += 1 + digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) && whole > 0 {
            let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + signed);
            if exponent > 0 {
                is_real = true;
                end += 1 + signed + exponent;
            }
        }
        let literal = &self.text[begin..end];
        // What ends it nearly always; the other bracket is part of a text.
        let is_ended = match bytes.get(end) {
            Some(b'}') => stop == Stop::Object,
            Some(b']') => stop == Stop::Array,
            Some(b',') => matches!(stop, Stop::Object | Stop::Array),
            _ => false,
        };
        if is_ended {
            self.at = end;
            return self.number(literal, is_real, whole);
        }
        // Only a number that nothing but white space follows is one.
        let word = self.unquoted(stop);
        if word.len() != literal.len() {
            return Ok(Value::Text(word));
        }
        self.number(literal, is_real, whole)
    }

    fn number(&self, literal: &'a str, is_real: bool, whole: usize) -> Outcome<Value<'a>> {
        if !is_real {
            return Ok(match literal.parse() {
                Ok(number) => Value::Integer(number),
                // json-smart reads a lone minus as zero.
                Err(_) if whole == 0 => Value::Integer(0),
                Err(_) => Value::Big(literal),
            });
        }
        if literal.len() > 18 {
            return Ok(Value::Decimal(self.budget.text(&number::decimal(literal))?));
        }
        Ok(Value::Double(literal.parse().unwrap_or(f64::NAN)))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white(&mut self) {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        self.at += rest.iter().take_while(|it| is_white(char::from(**it))).count();
    }

    fn enter(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return limit("levels of JSON", DEPTH_MAX);
        }
        Ok(())
    }

    /// In UTF-16 units, as Java counts.
    fn position(&self) -> usize {
        self.text.get(..self.at).unwrap_or(self.text).encode_utf16().count()
    }

    fn ended<T>(&self) -> Outcome<T> {
        let last = self.text.encode_utf16().count().saturating_sub(1);
        self.malformed(format!("Unexpected End Of File position {last}: null"))
    }

    fn unexpected<T>(&self) -> Outcome<T> {
        let found = self.text[self.at..].chars().next().unwrap_or(' ');
        self.malformed(format!("Unexpected character ({found}) at position {}.", self.position()))
    }

    fn malformed<T>(&self, message: String) -> Outcome<T> {
        Err(Box::new(RenderProblem::Body(message)))
    }
}

fn is_white(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}
