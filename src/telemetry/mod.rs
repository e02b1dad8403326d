//! Telemetry: what the gateway says about its own work, in numbers and in log lines.
//!
//! A shard counts into its own [`Recorder`] and formats access-log lines into its own
//! [`access_log::LogBuffer`]; both are plain memory with one owner. Every so often it sends what has
//! gathered, as a [`Batch`] or a [`access_log::LogBatch`], to the control thread, which adds it up in
//! [`Metrics`] or writes it to its destination. So a scrape reads only what control already holds
//! and never touches a shard, and a slow disk is never felt by a request.
//!
//! This folder is a leaf: it knows indexes and texts, but no model, snapshot, connection or API
//! type. What an index is called comes with [`metrics::Names`]. Nothing here reads a clock on a shard's
//! behalf: the time is passed in.

pub mod ids;
pub mod fields;
pub mod batch;
pub mod recorder;
pub mod access_log;
pub mod stage_counts;
pub mod stage_log;
pub mod metrics;

pub use access_log::{LogBatch, LogBuffer};
pub use batch::Batch;
pub use metrics::Metrics;
pub use recorder::{Finished, Recorder, SeriesLayout};
