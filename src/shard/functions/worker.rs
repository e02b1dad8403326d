//! The rows: a function, its workers, its invocations.

use crate::control::invocation::{Completion, Note, Status, StopWorker, WorkerId};
use crate::http;
use crate::ring::SlotId;
use crate::shard::timers::Deadline;
use crate::snapshot::Function;
use crate::telemetry::ids::Uuid;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long after a failed start the next worker is started that nobody waits for. Doubled with each
/// failure in a row.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// A function that cannot start costs two processes a minute then.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A function and who works and waits for it.
#[derive(Debug)]
pub(in crate::shard) struct FunctionRow {
    pub(in crate::shard) function: Function,
    /// Whether invocations still find it. One that was replaced or removed stays until its workers
    /// have ended.
    pub(in crate::shard) is_declared: bool,
    /// Whether it came with the snapshot, and goes with it.
    pub(in crate::shard) is_of_file: bool,
    /// Of one of the file: a function of the Lambda API with its ARN, which takes its place when it goes.
    pub(in crate::shard) set_aside: Option<Box<Function>>,
    /// Invocations that no worker has, oldest first.
    pub(in crate::shard) waiting: VecDeque<SlotId>,
    /// Workers that wait for an event. The last one gets the next, so that the others become idle.
    pub(in crate::shard) idle: Vec<SlotId>,
    /// Workers that may get an event, now or later: all but those that are to end.
    pub(in crate::shard) workers: usize,
    /// Those of them that have never asked for an event.
    pub(in crate::shard) starting: usize,
    /// Those of them that have answered just now: they are about to ask for the next event.
    pub(in crate::shard) expected: usize,
    /// Starts in a row that came to nothing.
    pub(in crate::shard) failed_starts: u32,
    /// Before that no worker is started that nobody waits for, and after a lack of room none at all.
    pub(in crate::shard) paused_until: Option<Instant>,
    /// Whether the pause is for want of room.
    pub(in crate::shard) lacks_room: bool,
    /// How often its code has changed.
    pub(in crate::shard) code: u32,
    /// Whether changed code is still to be proven.
    pub(in crate::shard) proof: Proof,
    pub(in crate::shard) deadline: Deadline,
}

impl FunctionRow {
    pub(super) fn new(function: Function, is_of_file: bool) -> Self {
        Self {
            function,
            is_declared: true,
            is_of_file,
            set_aside: None,
            waiting: VecDeque::new(),
            idle: Vec::new(),
            workers: 0,
            starting: 0,
            expected: 0,
            failed_starts: 0,
            paused_until: None,
            lacks_room: false,
            code: 0,
            proof: Proof::NotNeeded,
            deadline: Deadline::default(),
        }
    }

    /// Whether somebody is told about its invocations.
    pub(super) fn is_logged(&self) -> bool {
        self.function.launch.log != crate::snapshot::function::FunctionLog::None
    }

    /// Whether one more worker is to be started now.
    pub(super) fn wants_worker(&self, now: Instant) -> bool {
        if self.proof == Proof::Wanted {
            // Above the maximum too, but by one only: those of the old code go when it is up.
            return self.workers <= self.function.workers_max;
        }
        if self.workers >= self.function.workers_max {
            return false;
        }
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        let unserved = self.waiting.len().saturating_sub(self.expected);
        let demand = match self.failed_starts {
            0 => unserved,
            // Until one has come up there is no sense in starting many at once.
            _ => unserved.min(1),
        };
        if self.starting < demand {
            return !(is_paused && self.lacks_room);
        }
        self.is_declared && self.workers < self.function.workers_min && !is_paused
    }

    /// A start has failed.
    pub(super) fn start_failed(&mut self, now: Instant) {
        let doubled = BACKOFF_MIN * 2_u32.saturating_pow(self.failed_starts.min(16));
        self.failed_starts = self.failed_starts.saturating_add(1);
        self.paused_until = Some(now + doubled.min(BACKOFF_MAX));
        self.lacks_room = false;
    }
}

/// Whether changed code is known to start. Until then workers of the code before go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shard) enum Proof {
    /// No worker runs other code.
    NotNeeded,
    /// A worker is to be started for it.
    Wanted,
    /// One was.
    Started,
    /// It does not start, which has been told.
    Failed,
}

/// A worker process.
#[derive(Debug)]
pub(in crate::shard) struct Worker {
    pub(in crate::shard) function: SlotId,
    /// Where it connects to, which no other of the shard's does.
    pub(in crate::shard) address: Ipv4Addr,
    pub(in crate::shard) state: WorkerState,
    /// Whether it is one of [`FunctionRow::expected`].
    pub(in crate::shard) is_expected: bool,
    /// [`FunctionRow::code`] when it was started.
    pub(in crate::shard) code: u32,
    /// Its code is out of date: it gets no further event.
    pub(in crate::shard) is_stale: bool,
    /// Time to start, to answer, to ask for the next event, to be idle.
    pub(in crate::shard) deadline: Deadline,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shard) enum WorkerState {
    /// It has not asked for an event yet.
    Starting,
    /// It has asked for one, on this connection.
    Idle { connection: SlotId },
    /// It has one.
    Busy { invocation: SlotId },
    /// It has answered, and not asked for the next one.
    Between,
    /// The control thread was told to end it.
    Ending,
}

/// The name by which the control thread knows a worker.
pub(super) fn worker_id(id: SlotId) -> WorkerId {
    WorkerId(id.bits())
}

/// One invocation.
#[derive(Debug)]
pub(in crate::shard) struct Invocation {
    /// Its row; none where it is elsewhere, and of an event that is put on disk.
    pub(in crate::shard) function: SlotId,
    pub(in crate::shard) request_id: Uuid,
    pub(in crate::shard) event: Bytes,
    pub(in crate::shard) trace: Box<str>,
    pub(in crate::shard) client_context: Option<Box<str>>,
    pub(in crate::shard) caller: Caller,
    /// `None` while it waits for one.
    pub(in crate::shard) worker: Option<SlotId>,
    /// The request that it is where the function is elsewhere.
    pub(in crate::shard) remote: Option<SlotId>,
    /// When the worker got it.
    pub(in crate::shard) began: Option<Instant>,
    /// The caller's patience.
    pub(in crate::shard) deadline: Deadline,
}

/// Who waits for an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shard) enum Caller {
    /// A client's request.
    Asked(SlotId),
    /// Requests that wait for an authorizer's verdict.
    Authorizer(SlotId),
    /// The control thread, by its number for the call.
    Control(u64),
    /// Nobody any more; the function runs to its end.
    Nobody,
}

/// Why a worker never asked for an event.
#[derive(Debug, Clone)]
pub(super) enum StartFault {
    /// It said why.
    Told(Bytes),
    /// It was not done in time.
    TimedOut(Duration),
    /// It ended; in Lambda's words.
    Exited(Box<str>),
    /// It was killed for its memory.
    OutOfMemory,
    /// There was no process.
    NotStarted,
}

impl StartFault {
    /// What an invocation that waited for the worker gets.
    pub(super) fn completion(&self, request_id: &Uuid) -> Completion {
        Completion::Failure(match self {
            Self::Told(payload) => payload.clone(),
            Self::TimedOut(timeout) => {
                let seconds = timeout.as_secs_f64();
                let text = format!("Initialization timed out after {seconds:.2} seconds");
                failure(request_id, "Sandbox.Timedout", &text)
            }
            Self::Exited(how) => exited(request_id, how),
            Self::OutOfMemory => out_of_memory(request_id),
            Self::NotStarted => {
                failure(request_id, "Runtime.InvalidEntrypoint", "The worker could not be started")
            }
        })
    }
}

impl StartFault {
    /// For the function's log.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Told(payload) => Status::Failed { kind: error_type(payload).into(), text: None },
            Self::TimedOut(late) => Status::TimedOut(*late),
            Self::Exited(how) => exit_status(how),
            Self::OutOfMemory => Status::Failed { kind: OUT_OF_MEMORY.into(), text: None },
            Self::NotStarted => {
                Status::Failed { kind: "Runtime.InvalidEntrypoint".into(), text: None }
            }
        }
    }

    /// For ringgate's log.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Told(payload) => {
                let text = String::from_utf8_lossy(payload);
                text.chars().take(TOLD_CHARS_MAX).collect()
            }
            Self::TimedOut(late) => format!("no request for an event within {late:?}"),
            Self::Exited(how) => how.to_string(),
            Self::OutOfMemory => "it holds too much memory".to_owned(),
            Self::NotStarted => "it could not be started".to_owned(),
        }
    }
}

/// `errorType` of a process that has ended.
const EXIT_ERROR: &str = "Runtime.ExitError";
/// And of one that was killed for its memory.
pub(super) const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

/// Of an error that a worker told, for a log; with a long trace it may be a MiB.
const TOLD_CHARS_MAX: usize = 2000;

/// The function took too long.
pub(super) fn timed_out(request_id: &Uuid, timeout: Duration) -> Bytes {
    let text = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
    failure(request_id, "Sandbox.Timedout", &text)
}

/// The process ended in the middle of an invocation.
pub(super) fn exited(request_id: &Uuid, how: &str) -> Bytes {
    failure(request_id, EXIT_ERROR, &exit_text(how))
}

/// The same for the function's log.
pub(super) fn exit_status(how: &str) -> Status {
    Status::Failed { kind: EXIT_ERROR.into(), text: Some(exit_text(how).into()) }
}

fn exit_text(how: &str) -> String {
    match how {
        "exit status 0" => "Runtime exited without providing a reason".to_owned(),
        how => format!("Runtime exited with error: {how}"),
    }
}

/// The process was killed for its memory.
pub(super) fn out_of_memory(request_id: &Uuid) -> Bytes {
    failure(request_id, OUT_OF_MEMORY, "Runtime exited with error: signal: killed")
}

/// The `errorType` that a runtime told, where it is one of those that Lambda repeats in its own lines.
fn error_type(payload: &[u8]) -> String {
    let told = serde_json::from_slice::<Told>(payload).unwrap_or_default().error_type;
    let is_known = told.as_deref().is_some_and(|told| {
        let word = told.strip_prefix("Runtime.").or_else(|| told.strip_prefix("Function."));
        word.is_some_and(|word| {
            let begins = word.starts_with(|it: char| it.is_ascii_uppercase());
            begins && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
    });
    told.filter(|_| is_known).unwrap_or_else(|| "Runtime.Unknown".to_owned())
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    error_type: Option<String>,
}

/// What the trailers behind a streamed result tell of a failure: its payload, or that there is none. The
/// payload travels as base64.
pub(super) fn failure_behind(trailers: &[u8]) -> Option<Bytes> {
    let kind = http::trailer(trailers, "Lambda-Runtime-Function-Error-Type")?;
    let told = http::trailer(trailers, "Lambda-Runtime-Function-Error-Body");
    let told = told.and_then(|told| STANDARD.decode(told).ok()).filter(|told| !told.is_empty());
    Some(told.map(Bytes::from).unwrap_or_else(|| {
        let is_word = |it: &char| it.is_ascii_graphic() && !matches!(it, '"' | '\\');
        let kind: String = String::from_utf8_lossy(kind).chars().filter(is_word).collect();
        Bytes::from(format!("{{\"errorType\":\"{kind}\",\"errorMessage\":\"\"}}"))
    }))
}

/// An error in the form of Lambda's own. `text` needs no escaping.
fn failure(request_id: &Uuid, kind: &str, text: &str) -> Bytes {
    let id = request_id.as_str();
    let text: String =
        text.chars().filter(|it| !matches!(it, '"' | '\\' | '\0'..='\x1f')).collect();
    let mut json = String::new();
    let _ = write!(
        json,
        "{{\"errorType\":\"{kind}\",\"errorMessage\":\"RequestId: {id} Error: {text}\"}}"
    );
    Bytes::from(json)
}

/// The function's result is above the limit.
pub(super) fn too_large() -> Bytes {
    Bytes::from_static(
        b"{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size \
          (6291556 bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}",
    )
}

/// A streamed result is above its limit, of which a part has been handed on.
pub(in crate::shard) fn streamed_too_much() -> Bytes {
    Bytes::from_static(
        b"{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size \
          (209715200 bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}",
    )
}

/// What a shard asks of the control thread, kept until the end of the turn.
#[derive(Debug, Default)]
pub(in crate::shard) struct Errands {
    /// What workers did since the last report.
    pub(in crate::shard) notes: Vec<Note>,
    /// When the oldest of them was taken.
    pub(in crate::shard) noted_at: Option<Instant>,
}

/// How a worker that has done its work is ended.
pub(super) const GENTLY: StopWorker = StopWorker::Gently;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::ids;

    #[test]
    fn trailers_tell_of_a_failure() {
        assert_eq!(failure_behind(b"\r"), None);
        assert_eq!(failure_behind(b"Lambda-Runtime-Function-Error-Body: e30=\r\n\r"), None);
        let both = b"lambda-runtime-function-error-type: E\r\n\
                     Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r";
        assert_eq!(failure_behind(both).as_deref(), Some(&br#"{"a":1}"#[..]));
        for body in ["", "Lambda-Runtime-Function-Error-Body: ?\r\n"] {
            let trailers = format!("Lambda-Runtime-Function-Error-Type: A\"\\.B\r\n{body}\r");
            let told = failure_behind(trailers.as_bytes()).unwrap();
            assert_eq!(&*told, br#"{"errorType":"A.B","errorMessage":""}"#);
        }
    }

    #[test]
    fn error_types_are_repeated_where_they_look_like_one() {
        let kind = |told: &str| error_type(format!("{{\"errorType\":{told}}}").as_bytes());
        assert_eq!(kind("\"Runtime.ImportModuleError\""), "Runtime.ImportModuleError");
        assert_eq!(kind("\"Function.Mine\""), "Function.Mine");
        for other in
            ["\"Error\"", "\"Runtime.\"", "\"Runtime.x\"", "\"Runtime.A\\tB\"", "1", "null"]
        {
            assert_eq!(kind(other), "Runtime.Unknown", "{other}");
        }
        assert_eq!(error_type(b"no JSON"), "Runtime.Unknown");
    }

    #[test]
    fn errors_are_json_in_lambdas_words() {
        let id = ids::uuid([1, 2]);
        let read = |bytes: Bytes| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
        let late = read(timed_out(&id, Duration::from_millis(1500)));
        let expected =
            format!("RequestId: {} Error: Task timed out after 1.50 seconds", id.as_str());
        assert_eq!(late["errorMessage"], expected);
        let gone = read(exited(&id, "exit status \"1\\"));
        assert!(
            gone["errorMessage"]
                .as_str()
                .unwrap()
                .ends_with("Runtime exited with error: exit status 1")
        );
        let quiet = read(exited(&id, "exit status 0"));
        assert!(quiet["errorMessage"].as_str().unwrap().ends_with("without providing a reason"));
        assert_eq!(read(too_large())["errorType"], "Function.ResponseSizeTooLarge");
    }
}
