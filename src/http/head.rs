//! What request and response heads have in common: limits, and where a head ends.

/// How much of a head is taken before it is refused. The limits hold for unfinished heads too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of a request line without its line end. Longer: 414. Not applied to status lines.
    pub request_line_bytes: usize,
    /// Bytes of the whole head: start line, fields, line ends and the empty line. Larger: 431.
    pub head_bytes: usize,
    /// Field lines; above [`super::FIELDS_MAX`] that constant holds. More: 431.
    pub fields: usize,
}

/// Where the first empty line at or behind `from` ends, if it has arrived.
///
/// For heads that come in many pieces: after `Ok(None)` from a parser, remember `bytes.len()` as
/// `from`, and parse again only when this finds something or when the limit on the head is reached
/// (the parser then refuses it). An empty line that ends in a bare LF counts as well, so that the
/// parser gets to refuse it rather than the client to wait for a time-out.
pub fn find_head_end(bytes: &[u8], from: usize) -> Option<usize> {
    // The empty line may have begun up to two bytes before the new ones: LF CR | LF.
    let start = from.saturating_sub(2);
    for newline in memchr::memchr_iter(b'\n', bytes.get(start..)?) {
        let next = start + newline + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => {}
        }
    }
    None
}
