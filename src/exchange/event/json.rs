//! JSON, written straight into bytes: the few forms that events need.

use crate::http::write::decimal;
use std::io::Write;

/// An object that is being written. [`Object::end`] closes it.
///
/// Each member is written behind a comma. That of the first one stands where the brace belongs, which takes
/// its place in the end: members need not know whether they are the first.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    begin: usize,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        let begin = out.len();
        Self { out, begin }
    }

    /// Writes a name of the gateway's own, which needs no escapes, and lends the bytes for its value.
    // Inlined, the name's length is known and copying it two or three moves; an event has some thirty.
    #[inline(always)]
    pub(crate) fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.out.reserve(name.len() + 4);
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// As [`Object::member`], with a name that somebody else chose.
    pub(crate) fn entry(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.out.push(b',');
        text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// As [`Object::entry`], with the name in lower case.
    pub(crate) fn lower_case_entry(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.out.extend_from_slice(b",\"");
        let begin = self.out.len();
        text_inside(self.out, name);
        make_lower_case(self.out.get_mut(begin..).unwrap_or_default());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member whose value is text.
    #[inline(always)]
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
    #[inline(always)]
    pub(crate) fn bytes(&mut self, name: &'static str, value: &[u8]) {
        text(self.member(name), value);
    }

    /// A member whose value is text of the gateway's own, which needs no escapes.
    #[inline(always)]
    pub(crate) fn own(&mut self, name: &'static str, value: &[u8]) {
        debug_assert!(is_plain(value));
        let out = self.member(name);
        out.reserve(value.len() + 2);
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
    }

    /// A member whose value is a whole number.
    #[inline(always)]
    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        decimal(self.member(name), value);
    }

    /// A member without a value.
    #[inline(always)]
    pub(crate) fn null(&mut self, name: &'static str) {
        self.member(name).extend_from_slice(b"null");
    }

    /// A member that says yes or no.
    #[inline(always)]
    pub(crate) fn truth(&mut self, name: &'static str, value: bool) {
        self.member(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        match self.out.get_mut(self.begin) {
            Some(comma) => *comma = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
    }
}

/// A one in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight letters at a time, as names are short.
fn make_lower_case(name: &mut [u8]) {
    let (words, rest) = name.as_chunks_mut::<8>();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        // The top bits tell what is at least `A`, and what is beyond `Z`; none of them carries.
        let letters = word & (EACH * 0x7f);
        let from_a = letters + EACH * u64::from(0x80 - b'A');
        let beyond_z = letters + EACH * u64::from(0x7f - b'Z');
        let capitals = from_a & !beyond_z & !word & (EACH << 7);
        *bytes = (word | capitals >> 2).to_le_bytes();
    }
    rest.make_ascii_lowercase();
}

/// Writes text. What is no UTF-8 becomes U+FFFD.
pub(crate) fn text(out: &mut Vec<u8>, value: &[u8]) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    text_inside(out, value);
    out.push(b'"');
}

/// Writes text that is known to be UTF-8.
pub(crate) fn str_text(out: &mut Vec<u8>, value: &str) {
    let value = value.as_bytes();
    out.reserve(value.len() + 2);
    out.push(b'"');
    match is_plain(value) {
        true => out.extend_from_slice(value),
        false => escaped(out, value),
    }
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
    first_special(text).is_none()
}

/// Where the first byte stands that is beyond ASCII, or would have to be escaped in JSON.
pub(crate) fn first_special(text: &[u8]) -> Option<usize> {
    let (near, far) = text.split_at(text.len().min(NEAR));
    if let Some(found) = first_special_near(near) {
        return Some(found);
    }
    // Long texts hold none as a rule. Two passes with vector instructions, which memchr has for each
    // processor, are quicker than one that looks for everything at once.
    let end = memchr::memchr2(b'"', b'\\', far).unwrap_or(far.len());
    let before = far.get(..end)?;
    let at = match is_printable(before) {
        true if end == far.len() => return None,
        true => end,
        false => before.iter().position(|byte| !is_printable_byte(*byte))?,
    };
    Some(near.len() + at)
}

/// Bytes of a text that are looked at in words: most texts have fewer.
const NEAR: usize = 64;

/// The same of few bytes. The last word begins in the one before it, so that no bytes are left over.
fn first_special_near(text: &[u8]) -> Option<usize> {
    if let Some(last) = text.last_chunk::<8>() {
        let (words, _) = text.as_chunks::<8>();
        for (at, word) in words.iter().enumerate() {
            if let Some(found) = special_of_word(*word) {
                return Some(at * 8 + found);
            }
        }
        return special_of_word(*last).map(|found| text.len() - 8 + found);
    }
    let (Some([a, b, c, d]), Some([e, f, g, h])) = (text.first_chunk(), text.last_chunk()) else {
        return text.iter().position(|byte| !is_printable_byte(*byte) || needs_escape(*byte));
    };
    let found = special_of_word([*a, *b, *c, *d, *e, *f, *g, *h])?;
    Some(if found < 4 { found } else { found + text.len() - 8 })
}

/// Whether text is ASCII without controls. Blocks of a fixed size compile to vector instructions.
fn is_printable(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<64>();
    let all =
        |block: &[u8; 64]| block.iter().fold(true, |all, byte| all & is_printable_byte(*byte));
    blocks.iter().all(all) && rest.iter().all(|byte| is_printable_byte(*byte))
}

#[inline]
fn is_printable_byte(byte: u8) -> bool {
    // As signed numbers, bytes beyond ASCII are below zero.
    byte.cast_signed() >= 0x20
}

/// The same of eight bytes in one go. Taking a number from each borrows where a byte is below it, and sets
/// its top bit; a borrow may reach the bytes behind, but the first found is one.
#[inline]
fn special_of_word(bytes: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(bytes);
    let below = |word: u64, bound: u64| word.wrapping_sub(EACH * bound) & !word;
    let is_quote = below(word ^ (EACH * u64::from(b'"')), 1);
    let is_backslash = below(word ^ (EACH * u64::from(b'\\')), 1);
    let special = (word | below(word, 0x20) | is_quote | is_backslash) & (EACH << 7);
    (special != 0).then_some(special.trailing_zeros() as usize / 8)
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

        #[test]
        fn the_first_of_many_special_bytes_is_found(
            value in prop::collection::vec(prop_oneof![99 => 0x23..0x5b_u8, 1 => any::<u8>()], 0..300),
        ) {
            let is_special = |byte: &u8| !byte.is_ascii() || needs_escape(*byte);
            prop_assert_eq!(first_special(&value), value.iter().position(is_special));
        }

        #[test]
        fn capitals_and_nothing_else_become_small(
            value in prop::collection::vec(any::<u8>(), 0..30),
        ) {
            let mut made = value.clone();
            make_lower_case(&mut made);
            prop_assert_eq!(made, value.to_ascii_lowercase());
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
            prop_assert_eq!(first_special(&value), Some(at.index(bytes)));
            let found = special.is_ascii().then_some(at.index(bytes));
            prop_assert_eq!(first_to_escape(&value), found);
        }
    }
}
