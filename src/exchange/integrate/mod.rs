//! Integrate: who answers?
//!
//! A mock answers at once. A proxied request becomes the bytes that the back end gets; sending them
//! and waiting is the shard's part, as is invoking a function: what that returns is read here.

mod edited_answer;
pub mod http_proxy;
pub mod lambda;
pub(crate) mod mapping;
pub mod mock;
pub mod service;

pub(crate) use edited_answer::EditedAnswer;
