//! Metrics: what all shards counted, added up on the control thread, and printed for Prometheus.

mod names;

use std::time::{Duration, Instant};

pub use names::{ApiName, Names, RouteName};

use super::batch::Batch;

/// All counters, on the control thread.
#[derive(Debug)]
pub struct Metrics {}

/// What came of the last reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The configuration was good and is served, as this version.
    Success {
        /// The snapshot's version.
        version: u64,
    },
    /// The configuration was bad; the last good snapshot is still served.
    Failure,
}

/// One target of an upstream, as health checks see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetHealth {
    /// The upstream's name.
    pub upstream: String,
    /// `host:port` as declared.
    pub target: String,
    /// Whether requests go there.
    pub healthy: bool,
}

impl Metrics {
    /// Counters at zero. `version` is the program's; `started` is the time of day.
    pub fn new(version: &str, shards: usize, started_since_epoch: Duration, now: Instant) -> Self {
        Self {}
    }

    /// What the indexes of batches with that layout version mean. Called before any shard serves it.
    pub fn set_names(&mut self, version: u64, names: Names) {}

    /// Adds a shard's batch.
    pub fn merge(&mut self, shard: usize, batch: &Batch) {}

    /// Once per interval (about a second): turns the quantile windows and works out the load.
    pub fn tick(&mut self, now: Instant) {}

    /// A reload ended; `at` is the time of day.
    pub fn set_reload(&mut self, reload: Reload, at_since_epoch: Duration) {}

    /// The health of all targets, replacing what was known.
    pub fn set_target_health(&mut self, targets: Vec<TargetHealth>) {}

    /// Prints everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self, out: &mut String) {}
}
