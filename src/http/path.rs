//! Segments of a path and percent-decoding, for the router.
//!
//! What ringgate does to paths: nothing, unless a route's template says otherwise. The path goes to
//! the back end byte for byte as the client sent it, and the router looks at the same bytes:
//! - Segments are split at `/` first and decoded once afterwards, so an encoded slash (`%2F`) is a
//!   part of its segment and never splits one.
//! - Double slashes are not merged: `/a//b` has an empty segment in the middle.
//! - Dot segments (`/a/../b`) are not resolved. Clients resolve them before they send (RFC 3986
//!   section 5.2.4), a back end may resolve them after the router has decided, so that the request
//!   arrives on a path for which another route, with another authorizer, was declared.
//!   [`has_dot_segment`] finds them, and such a request should be refused with 400.
//!
//! Bytes that are not UTF-8 may come out of [`decode`]; who needs text must check.

use std::borrow::Cow;

/// A percent sign without two hexadecimal digits behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEscape;

/// Undoes percent-encoding once. Borrows where there is nothing to undo.
///
/// # Errors
/// [`BadEscape`]: answer 400.
pub fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, BadEscape> {
    let Some(first) = memchr::memchr(b'%', text) else {
        return Ok(Cow::Borrowed(text));
    };
    let (plain, mut rest) = text.split_at(first);
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(plain);
    while let [byte, behind @ ..] = rest {
        if *byte == b'%' {
            let (byte, behind) = escaped(behind).ok_or(BadEscape)?;
            decoded.push(byte);
            rest = behind;
        } else {
            decoded.push(*byte);
            rest = behind;
        }
    }
    Ok(Cow::Owned(decoded))
}

/// The segments between a path's slashes, as sent. `/` has one, which is empty; `/a/` has `a` and
/// an empty one.
pub fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|&byte| byte == b'/').skip(1)
}

/// Whether a recipient of `path` could find a `.` or `..` segment in it.
///
/// Dots, slashes and backslashes count percent-encoded too, and `;` ends a segment: recipients
/// exist that decode before they resolve, take `\` for `/`, and drop `;parameters` first. Names that
/// merely contain dots (`..a`, `a.b`, `...`) are none.
pub fn has_dot_segment(path: &[u8]) -> bool {
    // Most paths have no dot; those that have are looked at byte by byte.
    if memchr::memchr2(b'.', b'%', path).is_none() {
        return false;
    }
    let mut rest = path;
    // Dots since the segment began; `None` when it holds anything else.
    let mut dots = None;
    loop {
        let (byte, behind) = match rest {
            [] => return matches!(dots, Some(1 | 2)),
            [b'%', behind @ ..] => escaped(behind).unwrap_or((b'%', behind)),
            [byte, behind @ ..] => (*byte, behind),
        };
        dots = match byte {
            b'/' | b'\\' | b';' if matches!(dots, Some(1 | 2)) => return true,
            b'/' | b'\\' => Some(0),
            b'.' => dots.map(|count: usize| count + 1),
            _ => None,
        };
        rest = behind;
    }
}

/// The byte that the two digits behind a percent sign stand for, and what follows them.
fn escaped(digits: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, behind @ ..] = digits else {
        return None;
    };
    Some((hexadecimal(*high)? << 4 | hexadecimal(*low)?, behind))
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once() {
        for (text, decoded) in [
            ("", Ok("")),
            ("a-b", Ok("a-b")),
            ("a%20b", Ok("a b")),
            ("%2fa%2F", Ok("/a/")),
            ("%2541", Ok("%41")),
            ("a+b", Ok("a+b")),
            ("%c3%bc", Ok("\u{fc}")),
            ("%", Err(BadEscape)),
            ("a%4", Err(BadEscape)),
            ("%4g", Err(BadEscape)),
            ("%+4", Err(BadEscape)),
            ("%%41", Err(BadEscape)),
        ] {
            assert_eq!(
                decode(text.as_bytes()).as_deref(),
                decoded.map(str::as_bytes).as_ref().copied(),
                "{text}"
            );
        }
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(decode(b"abc"), Ok(Cow::Borrowed(b"abc"))));
    }

    #[test]
    fn segments_are_split_at_plain_slashes_only() {
        let split = |path: &'static str| -> Vec<&'static str> {
            segments(path.as_bytes())
                .map(|segment| std::str::from_utf8(segment).expect("ASCII"))
                .collect()
        };
        assert_eq!(split("/"), [""]);
        assert_eq!(split("/a/b"), ["a", "b"]);
        assert_eq!(split("/a/"), ["a", ""]);
        assert_eq!(split("/a//b"), ["a", "", "b"]);
        assert_eq!(split("/a%2Fb"), ["a%2Fb"]);
        assert!(split("*").is_empty());
    }

    #[test]
    fn dot_segments_are_found_however_they_are_written() {
        for path in [
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e",
            "/a/%2E%2e/b",
            "/a/.%2e/b",
            "/a/..%2fb",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/a/..%5Cb",
            "/a/..;x/b",
            "/a%2f..",
        ] {
            assert!(has_dot_segment(path.as_bytes()), "{path}");
        }
        for path in [
            "/",
            "/a",
            "/a.b",
            "/.a",
            "/..a",
            "/a..",
            "/...",
            "/.well-known/x",
            "/a/.../b",
            "/%2",
            "/%2ea",
            "/a;..",
            "/a%20..",
        ] {
            assert!(!has_dot_segment(path.as_bytes()), "{path}");
        }
    }
}
