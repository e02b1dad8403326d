//! The way from the Lambda API to whatever runs functions. Management knows what is to be invoked and
//! how the answer is written; the function host, which control starts, runs it.

use crate::resources::function::Configuration;
use crate::snapshot::function::EventRules;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// One invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's region.
    pub region: String,
    /// The call's id, which is the invocation's too.
    pub request_id: String,
    /// What is to be run: of the version that an alias has drawn, not of the alias.
    pub configuration: Configuration,
    /// The ARN as it was asked for, with the alias or version in it.
    pub invoked_arn: String,
    /// Whether that ARN means this version by itself: not where an alias has drawn its other one.
    pub is_first: bool,
    /// How many may run at once, if the function says so.
    pub reserved_concurrency: Option<u32>,
    /// The event: JSON.
    pub payload: Bytes,
    /// Whether its answer is waited for.
    pub mode: Mode,
    /// How long a worker may take to come up, where the function says so.
    pub start: Duration,
    /// Whether the end of its log is asked for.
    pub wants_log: bool,
    /// What the client says of itself: JSON.
    pub client_context: Option<String>,
    /// What becomes of it where nobody waits for its answer.
    pub rules: Arc<EventRules>,
    /// `X-Amzn-Trace-Id` of the call.
    pub trace_id: Option<String>,
}

/// Whether an invocation's answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until it has ended.
    RequestResponse,
    /// Until it is queued.
    Event,
}

/// An invocation that has ended, or is queued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result, or what the error's payload is. Empty for [`Mode::Event`].
    pub payload: Bytes,
    /// `Unhandled` when the function failed.
    pub error: Option<&'static str>,
    /// The last 4 KiB of its log, when asked for.
    pub log: Option<Bytes>,
}

/// Why an invocation did not take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// As many run as may.
    Throttled {
        /// Whether it is the function's own limit, and not the host's.
        is_reserved: bool,
    },
    /// Nothing can run it: no interpreter, a zip that is none, an architecture that is another's.
    /// 502, in these words.
    NotReady(String),
    /// Something is wrong with the host. 500, in these words.
    Failed(String),
}

/// The future of an outcome.
pub type Invoked = Pin<Box<dyn Future<Output = Result<Outcome, Refused>> + Send>>;

/// What comes of an invocation while it runs.
#[derive(Debug)]
pub enum Told {
    /// What the function has streamed; never empty.
    Piece(Bytes),
    /// The end. The payload is the whole result where nothing was streamed, and what the error's payload is.
    Over(Outcome),
}

/// What an invocation tells, in order. One that closes without [`Told::Over`] was cut off.
pub type Telling = mpsc::Receiver<Told>;

/// The future of what an invocation tells. It is there when the function begins to answer.
pub type Streamed = Pin<Box<dyn Future<Output = Result<Telling, Refused>> + Send>>;

/// Runs functions.
pub trait Invoker: Send + Sync {
    /// Runs one invocation. The future may be dropped: the invocation goes on then.
    fn invoke(&self, invocation: Invocation) -> Invoked;

    /// The same, and tells what the function streams as it comes: never more of it than is taken and a
    /// little. When what tells is dropped, the invocation goes on.
    fn stream(&self, invocation: Invocation) -> Streamed;
}

/// Where there is no function host.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoInvoker;

impl Invoker for NoInvoker {
    fn invoke(&self, _: Invocation) -> Invoked {
        Box::pin(std::future::ready(Err(no_host())))
    }

    fn stream(&self, _: Invocation) -> Streamed {
        Box::pin(std::future::ready(Err(no_host())))
    }
}

fn no_host() -> Refused {
    Refused::Failed("this ringgate runs no functions".to_owned())
}
