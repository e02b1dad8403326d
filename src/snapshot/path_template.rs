//! The path a back end sees, written from a route's parameters.
//!
//! Whatever a client put into a parameter, the back end reads it as the same parameter: it cannot
//! end the path, add a query, a header or a line, or step out of the prefix it is written behind.

use super::PathParameters;
use crate::model::percent::{decoded, encode, has_dot_segment, is_segment_byte, is_unreserved};

/// Which path a back end sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyPath {
    /// The request's own path after the base path, byte for byte.
    AsReceived,
    /// A path with parameters filled in.
    Template(PathTemplate),
    /// The request's own path behind this prefix, which has no slash at its end.
    Under(Box<[u8]>),
}

/// Literal text and parameters in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// In order; the first begins with `/`.
    pub(crate) pieces: Box<[Piece]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Written as it stands.
    Literal(Box<[u8]>),
    /// The n-th path parameter.
    Parameter(usize),
}

/// The path holds `.` or `..` as a segment, which a back end could take for a step out of the path it
/// was meant to stay in. Answer 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path for the back end holds a `.` or `..` segment")]
pub struct DotSegment;

impl ProxyPath {
    /// Appends the path (without query string) to `out`. `request_path` is the path after the base
    /// path; an empty one is written as `/`. On an error `out` is as it was.
    pub fn write(
        &self,
        request_path: &[u8],
        parameters: &PathParameters<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DotSegment> {
        let request_path = if request_path.is_empty() { b"/" } else { request_path };
        match self {
            ProxyPath::AsReceived => out.extend_from_slice(request_path),
            ProxyPath::Template(template) => return template.write(parameters, out),
            ProxyPath::Under(prefix) => {
                if has_dot_segment(request_path) {
                    return Err(DotSegment);
                }
                out.extend_from_slice(prefix);
                out.extend_from_slice(request_path);
            }
        }
        Ok(())
    }
}

impl ProxyPath {
    /// The path as it is declared, for people; `names` are the route's parameters.
    pub fn text(&self, names: &[Box<str>]) -> String {
        match self {
            ProxyPath::AsReceived => "(path as received)".into(),
            ProxyPath::Under(prefix) => format!("{}/…", String::from_utf8_lossy(prefix)),
            ProxyPath::Template(template) => {
                template.pieces.iter().fold(String::new(), |text, piece| match piece {
                    Piece::Literal(literal) => text + &String::from_utf8_lossy(literal),
                    Piece::Parameter(index) => match names.get(*index) {
                        Some(name) => format!("{text}{{{name}}}"),
                        None => text,
                    },
                })
            }
        }
    }
}

impl PathTemplate {
    /// Appends the path with `parameters` (raw, as matched) filled in. Values are decoded and encoded
    /// again, as Amazon does: slashes of a greedy one stay, an encoded slash stays encoded. On an
    /// error `out` is as it was.
    pub fn write(
        &self,
        parameters: &PathParameters<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DotSegment> {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text),
                // A parameter that is not there is one of another route: nothing to write.
                Piece::Parameter(index) => {
                    write_value(parameters.get(*index).copied().unwrap_or_default(), out);
                }
            }
        }
        // Looked for in the whole and not in each value: `/.{a}` with `.` for `a` makes one too.
        if has_dot_segment(&out[start..]) {
            out.truncate(start);
            return Err(DotSegment);
        }
        Ok(())
    }
}

/// Writes a parameter's raw value for a path: decoded and encoded again, so that it stays one value.
pub(crate) fn write_value(value: &[u8], out: &mut Vec<u8>) {
    for byte in decoded(value) {
        let is_plain = match byte.was_encoded {
            // What was encoded stays so unless the encoding meant nothing: `%3B` is not `;`.
            true => is_unreserved(byte.value),
            false => is_segment_byte(byte.value) || byte.value == b'/',
        };
        match is_plain {
            true => out.push(byte.value),
            false => encode(byte.value, out),
        }
    }
}

/// Writes what an operator declared as a part of a URI: as it stands, but for bytes that no URI may have.
pub(crate) fn write_literal(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'{' | b'}') {
            true => out.push(byte),
            false => encode(byte, out),
        }
    }
}

/// Writes a plain text as a name or value of a query string, or as one segment of a path.
pub(crate) fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match is_unreserved(byte) {
            true => out.push(byte),
            false => encode(byte, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template() -> PathTemplate {
        PathTemplate {
            pieces: [
                Piece::Literal(b"/v1/".as_slice().into()),
                Piece::Parameter(0),
                Piece::Literal(b"/x".as_slice().into()),
            ]
            .into(),
        }
    }

    fn written(value: &[u8]) -> Result<String, DotSegment> {
        let mut out = b"GET ".to_vec();
        template()
            .write(&PathParameters::from_iter([value]), &mut out)
            .map(|()| String::from_utf8_lossy(&out[4..]).into_owned())
    }

    #[test]
    fn values_are_encoded_for_the_place_they_go_to() {
        for (value, expected) in [
            ("7", "/v1/7/x"),
            ("a%20b", "/v1/a%20b/x"),
            ("a b", "/v1/a%20b/x"),
            ("a%2fb", "/v1/a%2Fb/x"),
            ("a/b", "/v1/a/b/x"),
            ("%41", "/v1/A/x"),
            ("%", "/v1/%25/x"),
            ("a;b", "/v1/a;b/x"),
            ("a%3Bb", "/v1/a%3Bb/x"),
            ("a?b#c", "/v1/a%3Fb%23c/x"),
            ("%0d%0aX: y", "/v1/%0D%0AX:%20y/x"),
            ("é", "/v1/%C3%A9/x"),
        ] {
            assert_eq!(written(value.as_bytes()).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn a_value_cannot_step_out_of_its_path() {
        for value in ["..", ".", "%2e%2e", "a/../..", "..%2fadmin", "..;/admin"] {
            assert_eq!(written(value.as_bytes()), Err(DotSegment), "{value}");
        }
        let mut out = b"GET ".to_vec();
        let refused = ProxyPath::Under(b"/v1".as_slice().into()).write(
            b"/../admin",
            &PathParameters::new(),
            &mut out,
        );
        assert_eq!((refused, &out[..]), (Err(DotSegment), &b"GET "[..]));
    }

    #[test]
    fn an_empty_request_path_is_written_as_a_slash() {
        for (path, expected) in
            [(ProxyPath::AsReceived, "/"), (ProxyPath::Under(b"/v1".as_slice().into()), "/v1/")]
        {
            let mut out = Vec::new();
            assert_eq!(path.write(b"", &PathParameters::new(), &mut out), Ok(()));
            assert_eq!(out, expected.as_bytes());
        }
    }

    proptest! {
        /// Whatever a client sends, the back end's parser finds a path and nothing else.
        #[test]
        fn nothing_can_be_smuggled(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = written(&value) {
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
                prop_assert!(!path.contains(['?', '#', '\\', '"', '<', '>']), "{path}");
                prop_assert!(path.starts_with("/v1/") && path.ends_with("/x"));
                prop_assert!(!has_dot_segment(path.as_bytes()));
            }
        }

        /// Decoding once gives the value the client meant, and writing it again changes nothing.
        #[test]
        fn encoding_keeps_the_value(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let decode = |text: &[u8]| decoded(text).map(|byte| byte.value).collect::<Vec<_>>();
            let mut once = Vec::new();
            write_value(&value, &mut once);
            let mut twice = Vec::new();
            write_value(&once, &mut twice);
            prop_assert_eq!(decode(&once), decode(&value));
            prop_assert_eq!(once, twice);
        }
    }
}
