//! JSON, written straight into bytes: the few forms that events need.

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
        text(self.member(name), value.as_bytes());
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
        let out = self.member(name);
        let _ = write!(out, "{value}");
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

/// Writes text without the quotes around it, for texts that are put together.
pub(crate) fn text_inside(out: &mut Vec<u8>, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(_) => escaped(out, value),
        Err(_) => escaped(out, String::from_utf8_lossy(value).as_bytes()),
    }
}

fn escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|&byte| NEEDS_ESCAPE[usize::from(byte)]) {
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

/// RFC 8259 section 7: controls, the quotation mark and the backslash.
static NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
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
        fn any_bytes_are_valid_json(value in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut out = Vec::new();
            text(&mut out, &value);
            let read = serde_json::from_slice::<String>(&out).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&value).into_owned());
        }
    }
}
