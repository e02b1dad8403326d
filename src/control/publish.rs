//! Publish: from a change that was stored to every shard that serves it.
//!
//! The management API hands over a [`Publication`] and waits for its `done`: a write returns after
//! every shard serves it.

use crate::snapshot::ManagedDelta;
use tokio::sync::{mpsc, oneshot};

/// Publications that wait while one is under way. They are laid together then, so this bounds memory,
/// not throughput; senders wait when it is full.
const WAITING_MAX: usize = 256;

/// One change on its way to the shards.
#[derive(Debug)]
pub struct Publication {
    /// What changes. Compiled once; each shard gets its own deep copy.
    pub delta: ManagedDelta,
    /// Told when every live shard serves it. Dropped untold only when the process ends.
    pub done: oneshot::Sender<()>,
}

/// Hands publications to the control thread's loop, in order.
pub type Publisher = mpsc::Sender<Publication>;

/// Makes the way to the control thread's loop.
pub(super) fn publications() -> (Publisher, mpsc::Receiver<Publication>) {
    mpsc::channel(WAITING_MAX)
}
