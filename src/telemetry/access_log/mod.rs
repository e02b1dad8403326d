//! Access log: one line per exchange, in the words of Amazon's `$context` variables.
//!
//! ```text
//! shard:   Facts --Format::write--> LogBuffer --LogBatch--> channel to control (bounded)
//! control: LogBatch --Writer--> one bounded queue and one thread per Destination
//! ```
//!
//! A line is lost rather than a request delayed: every hop is bounded, and what does not fit is
//! counted. Sources: Amazon's "Variables for access logging", "Access logging for REST APIs" and
//! "Customize HTTP API access logs".

pub mod variables;
pub mod facts;
mod escape;
mod value;
pub mod format;
pub mod buffer;
pub mod destination;
pub mod sink;
pub mod writer;

pub use buffer::{LogBatch, LogBuffer};
pub use destination::Destination;
pub use facts::Facts;
pub use format::{Format, FormatProblem, FormatProblemKind, preset};
pub use value::push_clf_time;
pub use writer::Writer;
