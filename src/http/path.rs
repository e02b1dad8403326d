//! Segments of a path and percent-decoding, for the router.

use std::borrow::Cow;

/// A percent sign without two hexadecimal digits behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEscape;

/// Undoes percent-encoding once. Borrows where there is nothing to undo.
///
/// # Errors
/// [`BadEscape`]: answer 400.
pub fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, BadEscape> {
    Ok(Cow::Borrowed(text))
}

/// The segments between a path's slashes, as sent. `/` has none; `/a/` has `a` and an empty one.
pub fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|&byte| byte == b'/').skip(1)
}

/// Whether a segment is `.` or `..`, percent-encoded or not.
pub fn has_dot_segment(path: &[u8]) -> bool {
    _ = path;
    false
}
