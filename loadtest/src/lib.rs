//! Ringgate's load tester: puts load on an HTTP service and says honestly what came back.
//!
//! It drives its connections on the gateway's own ring, one thread per ring, nothing shared while
//! the load runs, so that what is measured is the service and not the tool; when the tool was the
//! limit after all, the report says so. A load runs this way:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | `run`, `find-max`, `compare`, `backend`: arguments in, exit codes out |
//! | [`scenario`] | what the user asks for: TOML or flags, checked, every problem with its place |
//! | [`template`] | `{{counter}}`, `{{random 1 1000}}` and the like inside requests |
//! | [`schedule`] | when each request of an open loop is meant to leave |
//! | [`run`] | starts the threads, gathers their batches, ends the run |
//! | [`client`] | one thread: connections, requests out, responses in |
//! | [`tally`] | what a thread counts, and how counts merge |
//! | [`objective`] | `p99 < 20ms`: stated, judged |
//! | [`report`] | the result as text, JSON, HTML, and against another result |
//! | [`find_max`] | the highest rate that still meets the objectives |
//! | [`backend`] | a back end that misbehaves on request, for testing what stands before it |
//! | [`network`] | the ring, a clock and waiting: what a thread takes from outside |
//! | [`wire`] | one socket and what is in flight on it |
//! | [`host`] | file descriptors, cores, signals: what the process takes from outside |
//! | [`units`], [`random`] | durations, sizes and shares as people write them; seeded dice |

pub mod cli;
pub mod scenario;
pub mod template;
pub mod schedule;
pub mod run;
pub mod client;
pub mod tally;
pub mod objective;
pub mod report;
pub mod find_max;
pub mod backend;
pub mod network;
pub mod wire;
pub mod host;
pub mod units;
pub mod random;
