//! Where a message ends: `Content-Length` and `Transfer-Encoding` (RFC 9112 section 6).
//!
//! Every request smuggling attack is two recipients that disagree here, so nothing is repaired: a
//! length is a plain number once, a transfer coding is `chunked` once, and never both. What follows
//! from a violation differs between requests and responses and stands in [`super::request`] and
//! [`super::response`].

/// How the bytes behind a head become a body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body and no field that says so: the next message starts right behind the head.
    None,
    /// `Content-Length`: this many bytes, possibly 0. At most [`LENGTH_MAX`].
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closes. Responses only.
    UntilClose,
}

/// The largest `Content-Length` taken, in bytes: 2^63 - 1, because other recipients of the same
/// message hold it in 64 signed bits and would read a larger one as negative.
pub const LENGTH_MAX: u64 = i64::MAX.unsigned_abs();
