//! Malformed HTTP/1 as data, for every test that needs some: the parser's own and those that send
//! it to a running gateway.
//!
//! A test includes this folder as a module: `#[path = "../corpus/mod.rs"] mod corpus;`. Where a
//! case is about smuggling, its bytes end with a request to `/smuggled` that no recipient may
//! answer and no back end may see.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "included by several test binaries, each of which needs a part"
)]

mod requests;
mod responses;

pub use requests::{ACCEPTED, MALFORMED, oversized};
pub use responses::MALFORMED_RESPONSES;

/// A request that must be refused, and the connection closed.
pub struct Malformed {
    /// What is wrong with it, for the failing test's message.
    pub what: &'static str,
    /// The request, with its body and what an attacker sends behind it.
    pub bytes: &'static [u8],
    /// The status to answer with.
    pub status: u16,
    /// What `Refused::cause` or `BadBody::cause` says.
    pub cause: &'static str,
}

/// A request that looks doubtful and is not.
pub struct Accepted {
    /// What is unusual about it.
    pub what: &'static str,
    /// The request, with its body and nothing behind it.
    pub bytes: &'static [u8],
    /// The path a router sees.
    pub path: &'static str,
    /// The host a router sees.
    pub host: Option<&'static str>,
    /// The decoded body.
    pub body: &'static str,
}

/// A request that is larger than a limit.
pub struct Oversized {
    /// Which limit.
    pub what: &'static str,
    /// The request.
    pub bytes: Vec<u8>,
    /// The status to answer with; `None` where it is exactly as large as allowed.
    pub status: Option<u16>,
}

/// A response to a `GET` that no client may see: the answer is 502.
pub struct MalformedResponse {
    /// What is wrong with it, for the failing test's message.
    pub what: &'static str,
    /// The response, with its body.
    pub bytes: &'static [u8],
    /// What `BadResponse::cause` or `BadBody::cause` says.
    pub cause: &'static str,
    /// Whether the head already tells. Where it does not, the client may have got a beginning, and
    /// then sees its connection closed instead of a 502.
    pub in_head: bool,
}
