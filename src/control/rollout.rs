//! Rollout: one snapshot on its way into service.
//!
//! ```text
//! Resolving --names answered, or no more patience--> Serving --all shards said so--> done
//! ```
//!
//! New names are resolved before any shard is told, so that the first request finds addresses. New
//! listeners open after every shard serves the snapshot they belong to, old ones close after that:
//! no request is answered by a configuration that its listener is not part of.

use super::listeners::Prepared;
use crate::model::Code;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a rollout waits for names that do not answer. Two tries of two seconds, and then some.
pub(super) const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);

/// How long shards may take to serve a new snapshot before it is reported. They swap between two
/// turns of their loop, so a tenth of a second would be much.
pub(super) const SERVE_PATIENCE: Duration = Duration::from_secs(10);

/// One snapshot on its way into service.
#[derive(Debug)]
pub(super) struct Rollout {
    /// The control thread's copy.
    pub(super) snapshot: Arc<Snapshot>,
    /// The code of its functions.
    pub(super) codes: Vec<Code>,
    /// Bound for it, nobody can connect yet.
    pub(super) prepared: Prepared,
    pub(super) step: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    /// Its new names are being resolved.
    Resolving {
        /// When to go on without them.
        until: Instant,
        /// The shards' copies.
        copies: Vec<Snapshot>,
    },
    /// The shards have been told.
    Serving {
        /// When to report those that do not serve it.
        until: Instant,
        /// Whether that has been done.
        reported: bool,
    },
}

impl Rollout {
    /// When something is to be done even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Resolving { until, .. } => Some(until),
            Step::Serving { until, reported } => (!reported).then_some(until),
        }
    }
}
