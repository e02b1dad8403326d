//! HTTP/1.1 without sockets and without a clock: bytes in, events out.
//!
//! Stands between the ring (or TLS) and the exchange, on both sides of the gateway: what a client
//! sends becomes a [`RequestHead`] and pieces of body, what a back end sends becomes a
//! [`ResponseHead`] and pieces of body, and the writers make the bytes that leave. Nothing here
//! allocates on the way in: heads borrow from the receive buffer, body pieces are ranges of it.
//!
//! | file | what it is |
//! |---|---|
//! | [`field`] | one field line, its classification ([`Known`]), the hop-by-hop fields |
//! | [`authority`] | the host that is asked for |
//! | [`framing`] | where a message ends: `Content-Length` and `Transfer-Encoding` |
//! | [`head`] | limits, the end of a head, what both kinds of head have in common |
//! | [`request`] | a request's head, or why it is refused |
//! | [`response`] | a response's head, or why the back end is at fault |
//! | [`body`] | body bytes out of framed bytes, cut anywhere |
//! | [`path`] | segments and percent-decoding for the router |
//! | [`forwarded`] | who the client is behind trusted proxies, and what we tell the next one |
//! | [`date`] | the `Date` field, formatted once a second |
//! | [`write`](mod@write) | start lines, fields, chunk headers into a byte vector |
//!
//! What never happens here: a message that two recipients could read as different messages is not
//! repaired and not passed on. It is refused with its cause, and the connection must then close,
//! because the next byte could be anyone's. Limits on bodies, time-outs and routing are the
//! caller's.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod field;
pub mod authority;
pub mod framing;
pub mod head;
pub mod request;
pub mod response;
pub mod body;
pub mod path;
pub mod forwarded;
pub mod date;
pub mod write;

pub use body::{BadBody, BodyReader, Piece, Truncated, trailer};
pub use date::Date;
pub use field::{FIELDS_MAX, Field, Fields, Known, named_by_connection};
pub use framing::Framing;
pub use head::{HeadLimits, find_head_end};
pub use request::{Refused, RequestHead, Target, request_head};
pub use response::{BadResponse, RequestKind, ResponseHead, response_head};

/// The versions of HTTP that a head on this connection may carry (RFC 9112 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `HTTP/1.0`: not persistent unless asked for, no chunked coding.
    Http10,
    /// `HTTP/1.1`.
    Http11,
}
