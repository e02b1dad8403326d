//! Percent-encoding of path segments (RFC 3986 section 2.1), once in each direction.

use arrayvec::ArrayVec;

/// The decoded text does not fit.
#[derive(Debug)]
pub(crate) struct TooLong;

/// Decodes `text`. A `%` without two hexadecimal digits stands for itself: refusing it is the head
/// parser's business, and here it only must not be mistaken for something else.
pub(crate) fn decode_into<const N: usize>(
    text: &[u8],
    out: &mut ArrayVec<u8, N>,
) -> Result<(), TooLong> {
    for byte in decoded(text) {
        out.try_push(byte.value).map_err(|_| TooLong)?;
    }
    Ok(())
}

/// One byte of a decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecodedByte {
    pub(crate) value: u8,
    /// Whether it was written as `%XX`.
    pub(crate) was_encoded: bool,
}

/// The bytes of a text, decoded one by one.
pub(crate) fn decoded(text: &[u8]) -> impl Iterator<Item = DecodedByte> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            rest = tail;
            return Some(DecodedByte { value: high << 4 | low, was_encoded: true });
        }
        let (&value, tail) = rest.split_first()?;
        rest = tail;
        Some(DecodedByte { value, was_encoded: false })
    })
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Writes one byte as `%XX`, upper case as RFC 3986 section 2.1 asks.
pub(crate) fn encode(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Letters, digits and `-._~`: never need encoding, and mean the same with and without.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What may stand in a segment as it is: unreserved, sub-delims, `:` and `@` (RFC 3986 section 3.3).
pub(crate) fn is_segment_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// Whether one of a path's segments is `.` or `..` to some reader: decoded, split at encoded slashes
/// and at backslashes too, and cut at `;`, behind which some servers expect parameters.
pub(crate) fn has_dot_segment(path: &[u8]) -> bool {
    let mut segment = Some((0_usize, true));
    let is_dot = |segment: Option<(usize, bool)>| matches!(segment, Some((1 | 2, true)));
    for byte in decoded(path) {
        match (byte.value, &mut segment) {
            (b'/' | b'\\', _) => {
                if is_dot(segment) {
                    return true;
                }
                segment = Some((0, true));
            }
            (b';', Some(_)) => {
                if is_dot(segment) {
                    return true;
                }
                // What follows up to the next slash is no part of the name.
                segment = None;
            }
            (value, Some((length, only_dots))) => {
                *length += 1;
                *only_dots &= value == b'.';
            }
            (_, None) => {}
        }
    }
    is_dot(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &[u8]) -> Vec<u8> {
        decoded(text).map(|byte| byte.value).collect()
    }

    #[test]
    fn only_two_hexadecimal_digits_are_an_encoding() {
        assert_eq!(decode(b"a%20b%2Fc%2f"), b"a b/c/");
        assert_eq!(decode(b"%"), b"%");
        assert_eq!(decode(b"%2"), b"%2");
        assert_eq!(decode(b"%zz%%41"), b"%zz%A");
    }

    #[test]
    fn dot_segments_are_seen_however_they_are_written() {
        for path in [
            "/a/../b",
            "/..",
            "..",
            "/a/.",
            "/%2e%2E/b",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/..;x=1/b",
            "/..%3bx",
            "/.%2e",
            "/a%5C..",
        ] {
            assert!(has_dot_segment(path.as_bytes()), "{path}");
        }
        for path in ["/a.b", "/...", "/a..", "/..a/b", "/", "", "/a;..", "/%252e%252e/"] {
            assert!(!has_dot_segment(path.as_bytes()), "{path}");
        }
    }
}
