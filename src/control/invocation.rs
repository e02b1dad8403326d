//! Invocation: what shards and the control thread tell each other about functions.
//!
//! A shard decides: which worker gets which event, when one more is needed, which must end. The control
//! thread has the processes: it starts, ends and reaps them, and writes what they say. So an
//! invocation never waits for the control thread while there is an idle worker.

use super::mailbox::ShardId;
use crate::snapshot::function::{EventRules, Launch};
use crate::telemetry::ids::Uuid;
use bytes::Bytes;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest event and largest result, in bytes: Amazon's 6 MiB and 100 bytes.
pub const PAYLOAD_BYTES_MAX: usize = 6_291_556;

/// Most bytes of a streamed result for [`Invoke::is_streamed`]: Lambda's 200 MiB.
pub const STREAMED_BYTES_MAX: u64 = 200 * 1024 * 1024;

/// A worker of one shard, over the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u64);

/// An invocation that does not come from a client of the shard.
#[derive(Debug)]
pub struct Invoke {
    /// Names it in [`Invoked`].
    pub call: u64,
    /// The function's ARN, qualified where it is asked for so.
    pub function: Box<str>,
    /// Whether an alias with weights has been drawn for already: it means its first version then.
    pub is_drawn: bool,
    /// The request id, where it is known beforehand.
    pub request_id: Option<Uuid>,
    /// Handed to the function as it is.
    pub event: Bytes,
    /// `X-Amz-Client-Context`, decoded: JSON.
    pub client_context: Option<Box<str>>,
    /// How long it may wait for a worker and the function together.
    pub patience: Duration,
    /// Whether what the function streams is wanted as it comes, in [`Streamed`].
    pub is_streamed: bool,
}

/// A piece of what a function streams, on its way to whoever asked by [`Invoke`].
#[derive(Debug)]
pub struct Streamed {
    /// [`Invoke::call`].
    pub call: u64,
    /// What has come together; nothing, when the function begins to answer.
    pub content: Bytes,
}

impl Streamed {
    /// What a piece counts of the bytes that may be under way. Small ones cost more than they hold: a
    /// function that writes byte by byte must not fill the memory with what is around the bytes.
    pub fn cost(content: &[u8]) -> usize {
        content.len() + 256
    }
}

/// An event that a client's request has left behind: nobody waits for what comes of it.
#[derive(Debug, Clone)]
pub struct QueuedEvent {
    /// Who is to be told when it is taken, and when it is over.
    pub shard: ShardId,
    /// Names it when it is taken.
    pub invocation: u64,
    /// What all its invocations are called.
    pub request_id: Uuid,
    /// The function's ARN, qualified where it is asked for so.
    pub function: Box<str>,
    /// Handed to the function as it is.
    pub event: Bytes,
    /// `X-Amz-Client-Context`, decoded: JSON.
    pub client_context: Option<Box<str>>,
    /// How long one run of the function may take.
    pub timeout: Duration,
    /// How often it is tried, and what becomes of it then.
    pub rules: Arc<EventRules>,
}

/// How an invocation that was asked for by [`Invoke`] ended.
#[derive(Debug)]
pub struct Invoked {
    /// [`Invoke::call`].
    pub call: u64,
    /// The request id that the function saw.
    pub request_id: Box<str>,
    /// What came of it.
    pub completion: Completion,
}

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// The function's result, as it is.
    Result(Bytes),
    /// The function failed: a JSON object with `errorType` and `errorMessage`
    /// (`X-Amz-Function-Error: Unhandled`).
    Failure(Bytes),
    /// It did not run, or nobody waited for its end.
    NotDone(NotDone),
}

/// Why there is neither result nor error of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such function.
    NoFunction,
    /// No worker is free, and none may be waited for.
    Throttled,
    /// None ever is: the function's reserved concurrency is 0.
    SwitchedOff,
    /// The caller's patience was over.
    TimedOut,
    /// No worker could be started.
    NotStarted,
    /// The event is above [`PAYLOAD_BYTES_MAX`].
    EventTooLarge,
}

/// A shard wants a worker.
#[derive(Debug)]
pub struct StartWorker {
    /// Whose it will be.
    pub shard: ShardId,
    /// Names it from now on.
    pub worker: WorkerId,
    /// Where it must connect to, at the port of the shard's Runtime API: the address says who it is.
    pub address: Ipv4Addr,
    /// What to start.
    pub launch: Arc<Launch>,
}

/// How a shard wants a worker to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopWorker {
    /// It may finish what it does beside requests: SIGTERM, then SIGKILL.
    Gently,
    /// SIGKILL: it does not answer.
    AtOnce,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It could not be started; in words.
    NotStarted(Box<str>),
    /// It was not started: as many run as [`Launch::reserved_concurrency`] allows.
    NoRoom,
    /// The process exited, in Lambda's words: `exit status 1`, `signal: killed`.
    Exited(Box<str>),
    /// It was killed for its memory.
    OutOfMemory,
}

/// What a worker does, for its log.
#[derive(Debug, Clone)]
pub struct Note {
    /// The worker.
    pub worker: WorkerId,
    /// When it did.
    pub at: Instant,
    /// What it did.
    pub what: Noted,
}

/// What is told of a worker.
#[derive(Debug, Clone)]
pub enum Noted {
    /// It got an event.
    Began {
        /// The invocation's request id.
        request_id: Box<str>,
    },
    /// It is done with one.
    Ended {
        /// The invocation's request id.
        request_id: Box<str>,
        /// When it got it.
        began: Instant,
        /// How.
        status: Status,
    },
    /// It will never ask for an event.
    InitFailed(Status),
}

/// How it went, in the words of Lambda's `REPORT` lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The function has answered: with a result or that it failed, which its own lines tell.
    Answered,
    /// It took longer than this.
    TimedOut(Duration),
    /// The runtime did not live to answer.
    Failed {
        /// `Error Type`, e.g. `Runtime.ExitError`.
        kind: Box<str>,
        /// More of it in words, where there is more to say, e.g. `Runtime exited with error: exit status 1`.
        text: Option<Box<str>>,
    },
}
