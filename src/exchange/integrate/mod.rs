//! Integrate: who answers?
//!
//! A mock answers at once. A proxied request becomes the bytes that the back end gets; sending them
//! and waiting is the shard's part.

pub mod function;
pub mod http_proxy;
pub(crate) mod mapping;
pub mod mock;
