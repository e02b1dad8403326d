//! A JSON object, read member by member.
//!
//! Most of a function's result is one text. serde_json looks for a text's end eight bytes at a time and
//! then reads it once more as UTF-8, which took more of an invocation than all else of its result. Names
//! and plain texts are therefore read here, many bytes at a time; every other value is serde_json's.

use super::result::Text;
use crate::exchange::event::first_special;
use serde::de::{DeserializeSeed, IgnoredAny};
use std::borrow::Cow;

/// What was read is no JSON, or none of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoJson;

/// An object of which some members are still to be read.
pub(super) struct Members<'r> {
    rest: &'r [u8],
    is_first: bool,
}

impl<'r> Members<'r> {
    /// Opens an object.
    pub(super) fn of(json: &'r [u8]) -> Result<Self, NoJson> {
        let rest = without_space(json).strip_prefix(b"{").ok_or(NoJson)?;
        Ok(Self { rest, is_first: true })
    }

    /// The name of the next member, whose value is to be read before the one behind it. `None`: there is
    /// none.
    pub(super) fn next_name(&mut self) -> Result<Option<Cow<'r, [u8]>>, NoJson> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        self.rest = match without_space(self.rest) {
            [b'}', behind @ ..] => {
                self.rest = behind;
                return Ok(None);
            }
            [b',', behind @ ..] if !is_first => without_space(behind),
            rest if is_first => rest,
            _ => return Err(NoJson),
        };
        let name = self.text()?;
        let behind = without_space(self.rest).strip_prefix(b":").ok_or(NoJson)?;
        self.rest = without_space(behind);
        Ok(Some(name))
    }

    /// That nothing stands behind the object, all of whose members have been read.
    pub(super) fn end(&self) -> Result<(), NoJson> {
        if without_space(self.rest).is_empty() { Ok(()) } else { Err(NoJson) }
    }

    /// Enters the value of the member whose name was read last, where it is an object: the next names are of
    /// its members, until there is none.
    pub(super) fn enters(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix(b"{") else { return false };
        self.rest = inside;
        self.is_first = true;
        true
    }

    /// The same member's value where it is a whole number of three digits, as statuses are.
    pub(super) fn three_digits(&mut self) -> Option<u16> {
        let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', behind @ ..] = self.rest else {
            return None;
        };
        if !matches!(behind.first()?, b',' | b'}') {
            return None;
        }
        self.rest = behind;
        let digit = |byte: &u8| u16::from(byte - b'0');
        Some(digit(a) * 100 + digit(b) * 10 + digit(c))
    }

    /// Whether the same member's value is text.
    pub(super) fn is_text(&self) -> bool {
        self.rest.first() == Some(&b'"')
    }

    /// The value of the member whose name was read last.
    pub(super) fn value<S: DeserializeSeed<'r>>(&mut self, seed: S) -> Result<S::Value, NoJson> {
        let mut reader = serde_json::Deserializer::from_slice(self.rest);
        let value = seed.deserialize(&mut reader).map_err(|_| NoJson)?;
        let read = reader.into_iter::<IgnoredAny>().byte_offset();
        self.rest = self.rest.get(read..).ok_or(NoJson)?;
        Ok(value)
    }

    /// The same of a member that is text or `null`. The text is UTF-8.
    pub(super) fn text_or_null(&mut self) -> Result<Option<Cow<'r, [u8]>>, NoJson> {
        if let Some(behind) = self.rest.strip_prefix(b"null") {
            self.rest = behind;
            return Ok(None);
        }
        self.text().map(Some)
    }

    /// The same of a member that is text, as UTF-8.
    pub(super) fn text(&mut self) -> Result<Cow<'r, [u8]>, NoJson> {
        if let Some(plain) = self.plain_text() {
            return Ok(Cow::Borrowed(plain));
        }
        Ok(match self.value(Text)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    /// A text that stands for itself.
    fn plain_text(&mut self) -> Option<&'r [u8]> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let (text, ends) = inside.split_at(first_special(inside)?);
        let behind = ends.strip_prefix(b"\"")?;
        self.rest = behind;
        Some(text)
    }
}

/// RFC 8259 section 2.
fn without_space(json: &[u8]) -> &[u8] {
    if json.first().is_some_and(|byte| *byte > b' ') {
        return json;
    }
    let space = json.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    json.get(space..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};
    use std::marker::PhantomData;

    /// All members, or nothing where it is no object.
    fn read(json: &[u8]) -> Result<Map<String, Value>, NoJson> {
        let mut members = Members::of(json)?;
        let mut read = Map::new();
        while let Some(name) = members.next_name()? {
            let name = String::from_utf8(name.into_owned()).map_err(|_| NoJson)?;
            let value = if members.rest.starts_with(b"\"") || members.rest.starts_with(b"null") {
                members.text_or_null()?.map_or(Value::Null, |text| {
                    Value::String(String::from_utf8(text.into_owned()).expect("UTF-8"))
                })
            } else {
                members.value(PhantomData::<Value>)?
            };
            read.insert(name, value);
        }
        members.end()?;
        Ok(read)
    }

    fn expected(json: &[u8]) -> Result<Map<String, Value>, NoJson> {
        serde_json::from_slice(json).map_err(|_| NoJson)
    }

    #[test]
    fn objects_are_read_as_by_serde_json_and_nothing_else_is_one() {
        for json in [
            "{}",
            " \t\r\n{ } \n",
            r#"{"a":1}"#,
            r#"{"a":1,"b":"x","c":null,"d":[1,{"e":"\""}],"f":{},"g":true,"h":-1.5e3}"#,
            r#"{ "a" : "b" , "c" : "d" }"#,
            r#"{"a\n":"\u00e9\ud83d\ude00","é":"é"}"#,
            r#"{"a":1,"a":"2"}"#,
            "",
            "{",
            "}",
            "{}x",
            "{}{}",
            "[]",
            "7",
            "{,}",
            r#"{,"a":1}"#,
            r#"{"a":1,}"#,
            r#"{"a":1,,"b":2}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a" 1}"#,
            r#"{"a":"b"#,
            r#"{"a":"b\"#,
            r#"{"a":"b\"}"#,
            r#"{"a":nul}"#,
            r#"{"a":nullx}"#,
            r#"{"a":truex}"#,
            r#"{"a":01}"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{7f}\"}",
            "\u{c}{}",
            r#"{"a":"\x"}"#,
            r#"{"a":"\ud800"}"#,
        ] {
            assert_eq!(read(json.as_bytes()), expected(json.as_bytes()), "{json}");
        }
        for json in [&b"{\"a\":\"\xff\"}"[..], b"{\"\xff\":1}", b"{\"a\":\"\xc3\"}"] {
            assert_eq!(read(json), Err(NoJson), "{json:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_read_whatever_it_holds_and_how_long_it_is(
            before in "[ -~]{0,200}",
            middle in any::<String>(),
        ) {
            let json = serde_json::json!({ "a": before.clone() + &middle, "b": 1, &middle: before });
            let json = json.to_string();
            prop_assert_eq!(read(json.as_bytes()), expected(json.as_bytes()));
        }

        #[test]
        fn a_byte_more_or_less_is_seen_as_by_serde_json(
            text in "[ -~]{0,100}",
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut json = serde_json::json!({ "a": text, "b": [1, "c"] }).to_string().into_bytes();
            let at = at.index(json.len());
            json[at] = byte;
            prop_assert_eq!(read(&json), expected(&json));
            json.remove(at);
            prop_assert_eq!(read(&json), expected(&json));
        }
    }
}
