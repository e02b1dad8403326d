//! What a function's result means for the client: of proxies (`AWS_PROXY`), below; of functions behind
//! templates (`AWS`), [`custom`].
//!
//! ```text
//! invoked: result bytes --read_result--> Answer --write_head--> the client's head, then the body
//!                       \--> Fault --refusal--> 502 of a REST API, 500 of an HTTP API
//! ```
//!
//! What a function gets is written by [`crate::exchange::event`]; invoking it is the shard's part. Nothing
//! here waits, and nothing that a function returns can end a field or a head early: names and values are
//! checked, and lengths are written anew.

mod answer;
pub mod custom;
mod head;
mod members;
mod permission;
mod request;
mod result;
pub mod streamed;
#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerFacts, Fault, RESULT_BYTES_MAX, read_result};
pub use head::{Changes, HeadFacts, write_changed_head, write_head};
pub use permission::{is_permitted, permits};
pub use request::{accept_for, answer, write_event};
