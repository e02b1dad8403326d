//! SigV4: how AWS clients prove who they are, both ways: checking a signature and making one.
//!
//! ```text
//! verify: Request --Claim::read--> Claim (who, when, for which region and service)
//!              --check_time--> fresh --check_signature(secret)--> proven
//! sign:   Request, Signer --sign--> header fields to add, or --presign--> query to send
//!         Outgoing, ScopedKey --sign--> the same fields, on a request's path
//! ```
//!
//! Knows no credentials, no services and no clock: the caller looks the secret up by the claim's
//! access key, and passes the time. What a signature covers is written down once, in `canonical`, and
//! both ways use it. SigV4a (elliptic curves, several regions) is refused by name.
//!
//! Sources: AWS's "Signature Version 4 signing process" and botocore's signer, which the tests use as
//! an oracle.

mod canonical;
mod claim;
mod date;
mod outgoing;
mod replay;
mod scope;
mod sign;

pub use canonical::encoded;
pub use claim::{Claim, Form, Payload};
pub use date::AmzDate;
pub use outgoing::{ADDED_FIELDS, Outgoing, ScopedKey, SignedPayload};
pub use replay::{Replays, Seen};
pub use scope::Scope;
pub use sign::Signer;

/// What a signature is about. Borrowed, so that checking copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as on the wire, percent-encoded by the client.
    pub path: &'a str,
    /// The query as on the wire, without the `?`.
    pub query: &'a str,
    /// Header fields in the order of arrival; names in any case.
    pub fields: &'a [(&'a str, &'a [u8])],
    /// The whole content.
    pub body: &'a [u8],
}
