//! The members of a proxy function's result, as Amazon's JSON reader takes them: numbers as text and
//! text as numbers, `null` for what is not there, the last of two members of one name.

use super::members::{Members, NoJson};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The text of a header's value; `None`: `null`, which is not sent.
pub(super) type HeaderValue<'r> = Option<Cow<'r, str>>;

/// A result by its members. Texts without escapes are borrowed.
#[derive(Debug, Default)]
pub(super) struct ProxyResult<'r> {
    pub(super) status: Option<i64>,
    pub(super) headers: Vec<(Cow<'r, str>, HeaderValue<'r>)>,
    pub(super) multi_value_headers: Vec<(Cow<'r, str>, Vec<HeaderValue<'r>>)>,
    pub(super) cookies: Option<Vec<Cow<'r, str>>>,
    /// UTF-8.
    pub(super) body: Option<Cow<'r, [u8]>>,
    pub(super) is_base64: bool,
    /// There is a member that none of these is.
    pub(super) has_unknown: bool,
}

const MALFORMED: &str = "the result is not an object of the members that a proxy function returns";

impl<'r> ProxyResult<'r> {
    /// Reads an object.
    pub(super) fn read(result: &'r [u8]) -> Result<Self, &'static str> {
        Self::read_members(result).map_err(|NoJson| MALFORMED)
    }

    fn read_members(result: &'r [u8]) -> Result<Self, NoJson> {
        let mut members = Members::of(result)?;
        let mut read = Self::default();
        while let Some(name) = members.next_name()? {
            match &*name {
                b"statusCode" => {
                    read.status = match members.three_digits() {
                        Some(status) => Some(status.into()),
                        None => members.value(Status)?,
                    }
                }
                b"headers" => read.headers = headers(&mut members)?,
                b"multiValueHeaders" => {
                    read.multi_value_headers = members.value(Map(List(Scalar)))?;
                }
                b"cookies" => read.cookies = members.value(Cookies)?,
                b"body" => read.body = members.text_or_null()?,
                b"isBase64Encoded" => read.is_base64 = members.value(Truth)?,
                _ => {
                    members.value(PhantomData::<IgnoredAny>)?;
                    read.has_unknown = true;
                }
            }
        }
        members.end()?;
        Ok(read)
    }

    /// Whether it is an object with a `statusCode`, whatever else is in it.
    pub(super) fn declares_status(result: &[u8]) -> bool {
        let read = || -> Result<bool, NoJson> {
            let mut members = Members::of(result)?;
            let mut has_status = false;
            while let Some(name) = members.next_name()? {
                let value = members.value(PhantomData::<Option<IgnoredAny>>)?;
                if &*name == b"statusCode" {
                    has_status = value.is_some();
                }
            }
            members.end()?;
            Ok(has_status)
        };
        read().unwrap_or(false)
    }

    /// Reads any JSON: the text where it is one.
    pub(super) fn read_any(result: &'r [u8]) -> Result<Option<Cow<'r, str>>, &'static str> {
        const NO_JSON: &str = "the result is no JSON";
        if result.trim_ascii_start().first() == Some(&b'"') {
            let mut reader = serde_json::Deserializer::from_slice(result);
            let text = Text.deserialize(&mut reader).map_err(|_| NO_JSON)?;
            reader.end().map_err(|_| NO_JSON)?;
            return Ok(Some(text));
        }
        // What is skipped is not read as text, so that this much is left to check.
        std::str::from_utf8(result).map_err(|_| NO_JSON)?;
        serde_json::from_slice::<IgnoredAny>(result).map_err(|_| NO_JSON)?;
        Ok(None)
    }
}

/// Fields with one value each; `null` is none.
fn headers<'r>(members: &mut Members<'r>) -> Result<Vec<(Cow<'r, str>, HeaderValue<'r>)>, NoJson> {
    if !members.enters() {
        return members.value(Map(Scalar));
    }
    let mut headers = Vec::with_capacity(4);
    while let Some(name) = members.next_name()? {
        let value = match members.is_text() {
            true => Some(into_str(members.text()?)?),
            false => members.value(Scalar)?,
        };
        headers.push((into_str(name)?, value));
    }
    Ok(headers)
}

/// What has been read as UTF-8.
fn into_str(text: Cow<'_, [u8]>) -> Result<Cow<'_, str>, NoJson> {
    match text {
        Cow::Borrowed(text) => std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| NoJson),
        Cow::Owned(text) => String::from_utf8(text).map(Cow::Owned).map_err(|_| NoJson),
    }
}

/// Makes a seed of a visitor that takes any kind of value it has a method for.
macro_rules! reads_any {
    ($($reader:ident => $value:ty),+ $(,)?) => {$(
        impl<'r> DeserializeSeed<'r> for $reader {
            type Value = $value;

            fn deserialize<D: Deserializer<'r>>(self, reader: D) -> Result<$value, D::Error> {
                reader.deserialize_any(self)
            }
        }
    )+};
}

reads_any! {
    Text => Cow<'r, str>,
    Scalar => HeaderValue<'r>,
    Status => Option<i64>,
    Truth => bool,
    Cookies => Option<Vec<Cow<'r, str>>>,
}

#[derive(Clone, Copy)]
pub(super) struct Text;

impl<'r> Visitor<'r> for Text {
    type Value = Cow<'r, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'r str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// A header's value: text, or what becomes text.
#[derive(Clone, Copy)]
struct Scalar;

impl<'r> Visitor<'r> for Scalar {
    type Value = HeaderValue<'r>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number, a boolean or null")
    }

    fn visit_borrowed_str<E>(self, text: &'r str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(serde_json::Value::from(value).to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A status: a whole number, or a text that is one.
#[derive(Clone, Copy)]
struct Status;

impl Visitor<'_> for Status {
    type Value = Option<i64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        i64::try_from(value).map(Some).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        // Runtimes whose only number is a float may write `200.0`.
        let whole = (0.0..1000.0).contains(&value) && value.fract() == 0.0;
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1000")]
        if whole { Ok(Some(value as i64)) } else { Err(E::custom("not a whole number")) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Some).map_err(E::custom)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// `true`, `false`, one of them as text, or `null`, which is `false`.
#[derive(Clone, Copy)]
struct Truth;

impl Visitor<'_> for Truth {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

#[derive(Clone, Copy)]
struct Cookies;

impl<'r> Visitor<'r> for Cookies {
    type Value = Option<Vec<Cow<'r, str>>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of texts or null")
    }

    fn visit_seq<A: SeqAccess<'r>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut cookies = Vec::new();
        while let Some(cookie) = list.next_element_seed(Text)? {
            cookies.push(cookie);
        }
        Ok(Some(cookies))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// An object, in its order; `null` is an empty one.
struct Map<S>(S);

impl<'r, S: DeserializeSeed<'r> + Copy> DeserializeSeed<'r> for Map<S> {
    type Value = Vec<(Cow<'r, str>, S::Value)>;

    fn deserialize<D: Deserializer<'r>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'r, S: DeserializeSeed<'r> + Copy> Visitor<'r> for Map<S> {
    type Value = Vec<(Cow<'r, str>, S::Value)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or null")
    }

    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Self::Value = Vec::new();
        while let Some(name) = map.next_key_seed(Text)? {
            entries.push((name, map.next_value_seed(self.0)?));
        }
        Ok(entries)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// A list; nothing else is one.
#[derive(Clone, Copy)]
struct List<S>(S);

impl<'r, S: DeserializeSeed<'r> + Copy> DeserializeSeed<'r> for List<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'r>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'r, S: DeserializeSeed<'r> + Copy> Visitor<'r> for List<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'r>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As serde_json reads them, which has no part in texts here.
    fn expected<'r>(headers: &'r [u8]) -> Option<Vec<(Cow<'r, str>, HeaderValue<'r>)>> {
        let mut reader = serde_json::Deserializer::from_slice(headers);
        let read = Map(Scalar).deserialize(&mut reader).ok()?;
        reader.end().ok().map(|()| read)
    }

    #[test]
    fn headers_are_read_as_by_serde_json() {
        let texts = [
            "{}",
            " { } ",
            "null",
            r#"{"a":"b"}"#,
            "{ \"a\" : \"b\" ,\n\t\"c\":1,\"d\":null,\"e\":true,\"f\":-1.50}",
            r#"{"a\n":"\u00e9\"","a":"1","a":"2","":""}"#,
            "{\"é\":\"ü\"}",
            r#"{"a":{}}"#,
            r#"{"a":["b"]}"#,
            r#"{"a":"b",}"#,
            r#"{,"a":"b"}"#,
            r#"{"a" "b"}"#,
            r#"{"a":}"#,
            r#"{"a":"b"}}"#,
            r#"{"a":"b""#,
            r#"{"a":"b"#,
            "{\"a\":\"\n\"}",
            "[]",
            "7",
            "\"a\"",
            "",
        ];
        let invalid: [&[u8]; 2] = [b"{\"a\":\"\xff\"}", b"{\"\xff\":\"a\"}"];
        for headers in texts.iter().map(|it| it.as_bytes()).chain(invalid) {
            let result =
                [b"{\"statusCode\":201,\"headers\":", headers, b",\"body\":\"x\"}"].concat();
            let read = ProxyResult::read(&result).ok();
            assert_eq!(read.as_ref().map(|it| &it.headers), expected(headers).as_ref());
            assert!(
                read.is_none_or(|it| it.status == Some(201) && it.body.as_deref() == Some(b"x"))
            );
        }
    }

    #[test]
    fn a_status_is_read_whatever_stands_behind_it() {
        for (status, expected) in [
            ("200", Ok(Some(200))),
            ("200 ", Ok(Some(200))),
            ("200.0", Ok(Some(200))),
            ("2e2", Ok(Some(200))),
            ("2000", Ok(Some(2000))),
            ("20", Ok(Some(20))),
            ("\"404\"", Ok(Some(404))),
            ("null", Ok(None)),
            ("020", Err(MALFORMED)),
            ("200x", Err(MALFORMED)),
            ("-200", Ok(Some(-200))),
        ] {
            for behind in ["}", ",\"body\":\"\"}"] {
                let result = format!("{{\"statusCode\":{status}{behind}");
                let read = ProxyResult::read(result.as_bytes()).map(|it| it.status);
                assert_eq!(read, expected, "{result}");
            }
        }
    }
}
