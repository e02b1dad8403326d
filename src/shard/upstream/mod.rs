//! Upstreams of one shard: which target a request goes to, and which connection carries it.
//!
//! Everything here is this shard's own: connections are never handed between cores. A pool belongs to
//! an upstream's definition ([`crate::snapshot::Upstream::key`]), so it survives a reload that does not
//! change it.
//!
//! - [`pool`]: targets, balancing, idle connections, ejection, retry budget, the bounded queue.
//! - [`connection`]: one back-end connection and how far its response is.

pub(super) mod connection;
pub(super) mod pool;
pub(super) mod hashing;
