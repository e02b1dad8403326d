//! The parameters of a query string, grouped by name in the order in which the names first came.

use super::Format;
use super::json::{Object, text, text_inside};
use crate::http::path;
use std::borrow::Cow;

/// A name and a value.
type Parameter<'x> = (Cow<'x, [u8]>, Cow<'x, [u8]>);

/// A query string's parameters, decoded.
///
/// REST APIs split at `;` as well as at `&`. A parameter without `=` has an empty value. What is badly
/// encoded stands for itself.
pub(crate) struct Query<'x> {
    parameters: Vec<Parameter<'x>>,
    /// Positions of parameters; those of one name lie next to each other, in order.
    by_name: Vec<usize>,
}

impl<'x> Query<'x> {
    /// Reads a query string.
    pub(crate) fn read(query: Option<&'x [u8]>, format: Format) -> Self {
        let is_rest = format == Format::Rest;
        let parameters: Vec<_> = query
            .unwrap_or_default()
            .split(|&byte| byte == b'&' || (is_rest && byte == b';'))
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
                let (name, value) = pair.split_at(equals);
                (form_decoded(name), form_decoded(value.get(1..).unwrap_or_default()))
            })
            .collect();
        // By sorting: comparing each name with each would take a client's thousand names a million steps.
        let mut by_name: Vec<usize> = (0..parameters.len()).collect();
        let name = |at: &usize| parameters.get(*at).map(|(name, _)| name);
        by_name.sort_by(|one, other| name(one).cmp(&name(other)).then(one.cmp(other)));
        let mut groups: Vec<&[usize]> =
            by_name.chunk_by(|one, other| name(one) == name(other)).collect();
        groups.sort_by_key(|group| group.first().copied());
        let by_name = groups.concat();
        Self { parameters, by_name }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The values of a name, in order.
    pub(crate) fn into_values(self, name: &[u8]) -> impl Iterator<Item = Cow<'x, [u8]>> {
        let found = self.parameters.into_iter().filter(move |it| *it.0 == *name);
        found.map(|(_, value)| value)
    }

    /// Each name with its values.
    fn groups(&self) -> impl Iterator<Item = (&[u8], impl DoubleEndedIterator<Item = &[u8]>)> {
        let at = |position: &usize| self.parameters.get(*position);
        self.by_name
            .chunk_by(move |one, other| at(one).map(|it| &it.0) == at(other).map(|it| &it.0))
            .filter_map(move |group| {
                let (name, _) = at(group.first()?)?;
                Some((&**name, group.iter().filter_map(at).map(|it| &*it.1)))
            })
    }

    /// `{"a":"2"}`: the last value of each.
    pub(crate) fn write_last(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        for (name, mut values) in self.groups() {
            text(object.entry(name), values.next_back().unwrap_or_default());
        }
        object.end();
    }

    /// `{"a":["1","2"]}`.
    pub(crate) fn write_all(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        for (name, values) in self.groups() {
            write_list(object.entry(name), values);
        }
        object.end();
    }

    /// `{"a":"1,2"}`.
    pub(crate) fn write_joined(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        for (name, values) in self.groups() {
            write_joined(object.entry(name), values);
        }
        object.end();
    }
}

/// `["1","2"]`.
pub(super) fn write_list<'v>(out: &mut Vec<u8>, values: impl Iterator<Item = &'v [u8]>) {
    out.push(b'[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, value);
    }
    out.push(b']');
}

/// `"1,2"`.
pub(super) fn write_joined<'v>(out: &mut Vec<u8>, values: impl Iterator<Item = &'v [u8]>) {
    out.push(b'"');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text_inside(out, value);
    }
    out.push(b'"');
}

/// A name or value as a form writes it: `+` is a blank.
fn form_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'+', text).is_none() {
        return decoded(text);
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    Cow::Owned(decoded(&spaced).into_owned())
}

/// Text without percent-encoding; what is badly encoded stands for itself.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    path::decode(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(query: &str, format: Format, form: &str) -> String {
        let query = Query::read(Some(query.as_bytes()), format);
        let mut out = Vec::new();
        match form {
            "last" => query.write_last(&mut out),
            "all" => query.write_all(&mut out),
            _ => query.write_joined(&mut out),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parameters_are_decoded_and_grouped_in_the_order_of_their_names() {
        use Format::{Http1, Http2, Rest};
        for (query, format, form, expected) in [
            ("b=1&a=2&b=3", Rest, "last", r#"{"b":"3","a":"2"}"#),
            ("b=1&a=2&b=3", Rest, "all", r#"{"b":["1","3"],"a":["2"]}"#),
            ("b=1&a=2&b=3", Http2, "joined", r#"{"b":"1,3","a":"2"}"#),
            ("a=f+b&b=t%2Ba", Rest, "last", r#"{"a":"f b","b":"t+a"}"#),
            ("%61=1&a=2", Rest, "all", r#"{"a":["1","2"]}"#),
            ("a;b=1;c", Rest, "last", r#"{"a":"","b":"1","c":""}"#),
            ("a=1;b=1", Http2, "joined", r#"{"a":"1;b=1"}"#),
            ("a=%zz&=x&&b=%22", Http1, "last", r#"{"a":"%zz","":"x","b":"\""}"#),
            ("a==&a==1", Http2, "joined", r#"{"a":"=,=1"}"#),
            ("", Rest, "all", "{}"),
        ] {
            assert_eq!(written(query, format, form), expected, "{query}");
        }
    }

    #[test]
    fn a_name_finds_its_values() {
        let query = || Query::read(Some(b"a=1&b=2&%61=3"), Format::Rest);
        assert_eq!(query().into_values(b"a").collect::<Vec<_>>(), [&b"1"[..], b"3"]);
        assert_eq!(query().into_values(b"c").count(), 0);
    }
}
