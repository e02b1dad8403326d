//! JSON, written straight into bytes: the few forms that events need.

use crate::http::write::decimal;
use std::io::Write;

/// An object that is being written. [`Object::end`] closes it.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Writes a name of the gateway's own, which needs no escapes, and lends the bytes for its value.
    pub(crate) fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// As [`Object::member`], with a name that somebody else chose.
    pub(crate) fn entry(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.separate();
        text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// As [`Object::entry`], with the name in lower case.
    pub(crate) fn lower_case_entry(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        let begin = self.out.len();
        text_inside(self.out, name);
        if let Some(name) = self.out.get_mut(begin..) {
            name.make_ascii_lowercase();
        }
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member whose value is text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        str_text(self.member(name), value);
    }

    /// A member whose value is text, or `null`.
    pub(crate) fn text_or_null(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// A member whose value are bytes that should be text.
    pub(crate) fn bytes(&mut self, name: &'static str, value: &[u8]) {
        text(self.member(name), value);
    }

    /// A member whose value is a whole number.
    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        decimal(self.member(name), value);
    }

    /// A member without a value.
    pub(crate) fn null(&mut self, name: &'static str) {
        self.member(name).extend_from_slice(b"null");
    }

    /// A member that says yes or no.
    pub(crate) fn truth(&mut self, name: &'static str, value: bool) {
        self.member(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    fn separate(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }
}

/// Writes text. What is no UTF-8 becomes U+FFFD.
pub(crate) fn text(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    text_inside(out, value);
    out.push(b'"');
}

/// Writes text that is known to be UTF-8.
pub(crate) fn str_text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escaped(out, value.as_bytes());
    out.push(b'"');
}

/// Writes text without the quotes around it, for texts that are put together.
pub(crate) fn text_inside(out: &mut Vec<u8>, value: &[u8]) {
    // Nearly everything that requests say.
    if is_plain(value) {
        return out.extend_from_slice(value);
    }
    match std::str::from_utf8(value) {
        Ok(_) => escaped(out, value),
        Err(_) => escaped(out, String::from_utf8_lossy(value).as_bytes()),
    }
}

fn escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some(at) = first_to_escape(rest) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain);
        let [byte, behind @ ..] = behind else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// Bytes that are looked at together: loops over an array compile to vector instructions.
const BLOCK: usize = 32;

/// Where the next byte stands that needs an escape. Where there is one, more are near: the next bytes are
/// looked at one by one, those behind them in blocks.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    let is_one = |byte: &u8| NEEDS_ESCAPE[usize::from(*byte)];
    let (near, far) = text.split_at(text.len().min(BLOCK));
    if let Some(at) = near.iter().position(is_one) {
        return Some(at);
    }
    let (blocks, _) = far.as_chunks::<BLOCK>();
    let clean = blocks.iter().take_while(|block| !has_any(block, needs_escape)).count() * BLOCK;
    let found = far.get(clean..)?.iter().position(is_one)?;
    Some(near.len() + clean + found)
}

/// Whether text is ASCII without a byte that needs an escape: its own JSON, but for the quotes.
fn is_plain(text: &[u8]) -> bool {
    let is_special = |byte: u8| !byte.is_ascii() | needs_escape(byte);
    match text.len() {
        0..8 => !text.iter().any(|byte| is_special(*byte)),
        8..BLOCK => !has_any_in_blocks::<8>(text, is_special),
        _ => !has_any_in_blocks::<BLOCK>(text, is_special),
    }
}

/// Whether text holds such a byte. `N` is at most its length: the last block begins in the one before it.
fn has_any_in_blocks<const N: usize>(text: &[u8], is_one: impl Fn(u8) -> bool + Copy) -> bool {
    let (blocks, _) = text.as_chunks::<N>();
    blocks.iter().chain(text.last_chunk::<N>()).any(|block| has_any(block, is_one))
}

/// Whether a block holds such a byte. Looks at all of them, which is quicker than to stop at the first.
#[inline]
fn has_any<const N: usize>(block: &[u8; N], is_one: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |found, byte| found | is_one(*byte))
}

/// RFC 8259 section 7: controls, the quotation mark and the backslash.
#[inline]
const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// The same by table, for bytes that are looked at one by one.
static NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = needs_escape(byte as u8);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// An independent reader finds the text that was written, whatever is in it.
        #[test]
        fn text_is_read_back(value in any::<String>()) {
            let mut out = Vec::new();
            text(&mut out, value.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_valid_json(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            text(&mut out, &value);
            let read = serde_json::from_slice::<String>(&out).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&value).into_owned());
        }

        /// One byte that is not plain is found wherever it stands, in texts of all lengths around those
        /// that are looked at in blocks.
        #[test]
        fn a_special_byte_is_found_anywhere(
            bytes in 1..100_usize,
            at in any::<prop::sample::Index>(),
            special in prop::sample::select(b"\0\x1f\"\\\n\x80\xff".to_vec()),
        ) {
            let mut value = vec![b'x'; bytes];
            prop_assert!(is_plain(&value));
            prop_assert_eq!(first_to_escape(&value), None);
            value[at.index(bytes)] = special;
            prop_assert!(!is_plain(&value));
            let found = special.is_ascii().then_some(at.index(bytes));
            prop_assert_eq!(first_to_escape(&value), found);
        }
    }
}
