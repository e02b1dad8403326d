//! `[ring]`: sizes of the ring and the buffers that each shard has for itself.

use std::time::Duration;

/// Sizes per shard. Locked memory needed: 64 bytes per submission entry, 16 per completion entry
/// (four times the submission entries), 16 per buffer, and a few pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Submission queue entries, a power of two.
    pub entries: u32,
    /// Buffers that requests of clients arrive in.
    pub client_buffers: Buffers,
    /// Buffers that responses of back ends arrive in.
    pub upstream_buffers: Buffers,
    /// How long an idle shard waits inside its ring before it parks in the executor.
    pub linger: Duration,
}

/// One group of provided buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffers {
    /// How many, a power of two up to 32,768.
    pub count: u16,
    /// Bytes of each.
    pub buffer_bytes: usize,
}
