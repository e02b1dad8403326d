//! Stage logs: access and execution logs of the stages that were made through the management API.
//!
//! ```text
//! shard:   lines --StageLogBuffer--> StageLogBatch --> channel to control (bounded)
//! control: StageLogBatch --StageLogWriter--> one bounded queue, one thread, few open files
//! ```
//! Such stages come by the thousand, so there is one buffer per shard and one thread for all of them,
//! unlike the access logs of the configuration file, each of which has a buffer and a thread of its own.
//! A line is lost and counted rather than waited for.

mod buffer;
mod places;
mod writer;

pub use buffer::{StageLogBatch, StageLogBuffer};
pub use places::{Place, Places};
pub use writer::StageLogWriter;
