//! Lambda authorizers: a function decides about the caller.
//!
//! ```text
//! identify --no identity--> 401
//!    | the values of the identity sources
//!    v
//! write_key --remembered--> Verdict ------------------------------.
//!    | not remembered                                             v
//!    v                                                      Verdict::decide --403--> refused
//! write_event --> the shard invokes --> read_verdict --500-->     | Authorized::Lambda
//!                        \--function error--> refuse_error        v  for events and `$context`
//! ```
//!
//! A verdict is about the caller and not about the request: one that was remembered is asked again about
//! each method that is called. Errors are never remembered.

mod event;
mod identity;
mod request;
mod verdict;
#[cfg(test)]
mod tests;

pub use event::write_event;
pub use identity::{Identities, identify, write_key};
pub use request::{claim, decide, write_question};
pub use verdict::{RESULT_BYTES_MAX, Verdict, read_verdict, refuse_error};
