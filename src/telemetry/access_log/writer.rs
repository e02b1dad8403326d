//! Writer: takes the batches of all shards to their destinations.

use std::time::Duration;

use super::buffer::LogBatch;
use super::destination::Destination;

/// Takes batches to their destinations, each on a thread of its own. Owned by the control thread.
#[derive(Debug, Default)]
pub struct Writer {}

/// What became of the lines for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The destination's text.
    pub destination: String,
    /// Lines written, since the start.
    pub written: u64,
    /// Lines lost between the control thread and the destination, since the start.
    pub lost: u64,
}

impl Writer {
    /// Without destinations.
    pub fn new() -> Self {
        Self::default()
    }

    /// These destinations and no others, from now on. Those that stay are not disturbed; those that go
    /// are closed after what they were given. Call it before shards serve a snapshot that names new
    /// ones, and again, without the old ones, when no shard serves the old snapshot.
    pub fn set_destinations(&mut self, destinations: &[Destination]) {}

    /// Takes a batch on its way. Never blocks: with the destination's queue full the lines are lost and
    /// counted.
    pub fn write(&mut self, batch: LogBatch) {}

    /// Opens all files again, for SIGHUP after a log rotation. Returns at once.
    pub fn reopen(&mut self) {}

    /// What became of the lines.
    pub fn deliveries(&self) -> Vec<Delivery> {
        Vec::new()
    }

    /// Writes out what is queued and ends; after `deadline` gives up. Blocks. Returns how many
    /// destinations were given up.
    pub fn close(self, deadline: Duration) -> usize {
        0
    }
}
