//! Audit: one JSON line for every management write: who, what, from where, and how it ended.
//!
//! ```text
//! operation: Audit::reserve -> Slot, before anything is changed; no room: 503
//!            Slot::record(Entry) -> queue (bounded) -> one thread -> file or standard error
//! ```
//!
//! A write that could not be recorded is not made: room for its line is reserved first. Recording
//! never blocks the control thread. A line that a file does not take (a full disk) stays in the queue
//! and is tried again, until the queue is full and writes are refused; so no line is lost while the
//! process lives. What is left at its end is counted and logged. Every line has the number of its
//! place, so that one which somebody removed is missed.
//!
//! An entry has names and never values: what was sent may be a secret, and error texts repeat it.

use super::access::{Caller, Proof};
use super::incoming::Incoming;
use crate::aws::Fault;
use crate::model::{AuditLog, Role};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// Lines that wait or are reserved. At some 500 bytes each 2 MiB; seconds of writes at full speed.
const LINES_MAX: usize = 4096;

/// After a line could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A failing destination is reported once per this many attempts: about once a minute.
const REPORT_EVERY: u32 = 60;

/// Longest user agent that is kept. Those of SDKs are some 200 characters.
const USER_AGENT_MAX: usize = 512;

/// Names in one list of an entry; beyond, the last one says how many were left out.
const NAMES_MAX: usize = 100;

/// Seconds after which a client whose write could not be recorded should ask again.
const REFUSED_SECONDS: u32 = 5;

/// What is recorded of one write. Names only: values may be secrets.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As in the answer's `x-amzn-RequestId`.
    pub request_id: String,
    /// Who, as the gate found it.
    pub caller: Caller,
    /// The other end of the connection.
    pub source: std::net::SocketAddr,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The operation, for example `CreateRestApi`.
    pub operation: String,
    /// What it was about: ids or ARNs, outermost first.
    pub targets: Vec<String>,
    /// The keys of what it changed.
    pub changed: Vec<String>,
    /// The answer's status.
    pub status: u16,
    /// The error's type, when it is one; never its text.
    pub error: Option<&'static str>,
}

impl Entry {
    /// What is known before the operation is run; the rest is for its end.
    pub fn begin(incoming: &Incoming, caller: &Caller, request_id: &str, operation: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            caller: caller.clone(),
            source: incoming.peer,
            user_agent: incoming.field("user-agent").map(str::to_owned),
            operation: operation.to_owned(),
            targets: Vec::new(),
            changed: Vec::new(),
            status: 0,
            error: None,
        }
    }

    /// How it ended when it was refused.
    pub fn refused(mut self, fault: &Fault) -> Self {
        self.status = fault.status;
        self.error = Some(fault.kind);
        self
    }
}

/// A line as it is written.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    sequence: u64,
    request_id: &'a str,
    principal: &'a str,
    role: &'static str,
    verified: bool,
    source: String,
    user_agent: Option<String>,
    region: &'a str,
    service: Option<&'a str>,
    operation: &'a str,
    targets: Vec<String>,
    changed: Vec<String>,
    outcome: &'static str,
    status: u16,
    error: Option<&'static str>,
}

/// Takes entries to their destination. Cheap to clone; the last one to go leaves the thread to end.
#[derive(Debug, Clone)]
pub struct Audit {
    lane: Option<Arc<Lane>>,
}

#[derive(Debug)]
struct Lane {
    queue: Arc<Queue>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

/// Room for one line. Dropped without a record it is given back: the write was not made.
#[derive(Debug)]
#[must_use = "a write is recorded with it"]
pub struct Slot {
    queue: Option<Arc<Queue>>,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    lines_max: usize,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    /// Slots given out.
    reserved: usize,
    /// Of the next line.
    sequence: u64,
    written: u64,
    lost: u64,
    reopen: bool,
    closed: bool,
}

impl Audit {
    /// Begins to record, on a thread of its own.
    ///
    /// # Errors
    /// When the file cannot be opened: an audit log that never worked is a mistake to be told at once.
    pub fn start(destination: &AuditLog) -> io::Result<Self> {
        let sink = match destination {
            AuditLog::Off => return Ok(Self { lane: None }),
            AuditLog::Stderr => Sink::stderr()?,
            AuditLog::File(path) => Sink::file(path)?,
        };
        Self::to(sink, LINES_MAX)
    }

    /// Records nothing.
    pub fn off() -> Self {
        Self { lane: None }
    }

    fn to(sink: Sink, lines_max: usize) -> io::Result<Self> {
        let state = Mutex::new(State { sequence: 1, ..State::default() });
        let queue = Arc::new(Queue { state, changed: Condvar::new(), lines_max });
        let (running, ended) = mpsc::sync_channel::<()>(0);
        let of_thread = Arc::clone(&queue);
        thread::Builder::new().name("audit-log".to_owned()).spawn(move || {
            of_thread.drain(sink);
            drop(running);
        })?;
        Ok(Self { lane: Some(Arc::new(Lane { queue, ended: Mutex::new(ended) })) })
    }

    /// Room for the line of a write that is about to be made.
    ///
    /// # Errors
    /// 503 when there is none: the destination has taken nothing for thousands of lines.
    pub fn reserve(&self) -> Result<Slot, Fault> {
        let Some(lane) = &self.lane else {
            return Ok(Slot { queue: None });
        };
        let mut state = lane.queue.lock();
        if state.closed || state.lines.len() + state.reserved >= lane.queue.lines_max {
            return Err(Fault::unavailable(
                "The audit log cannot be written, so nothing may be changed.",
                REFUSED_SECONDS,
            ));
        }
        state.reserved += 1;
        Ok(Slot { queue: Some(Arc::clone(&lane.queue)) })
    }

    /// Opens the file again, for SIGHUP after a rotation.
    pub fn reopen(&self) {
        if let Some(lane) = &self.lane {
            lane.queue.lock().reopen = true;
            lane.queue.changed.notify_one();
        }
    }

    /// Lines written, and lines lost for good (standard error is gone, or the process ended before a
    /// file took them).
    pub fn counts(&self) -> (u64, u64) {
        self.lane.as_ref().map_or((0, 0), |lane| {
            let state = lane.queue.lock();
            (state.written, state.lost)
        })
    }

    /// Writes out what waits, and ends; after `deadline` gives the rest up, and says so. Blocks. No
    /// room is given from now on.
    pub fn close(&self, deadline: Duration) {
        let Some(lane) = &self.lane else { return };
        lane.queue.lock().closed = true;
        lane.queue.changed.notify_one();
        let ended = lane.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(deadline) != Err(RecvTimeoutError::Disconnected) {
            let left = lane.queue.lock().lines.len();
            tracing::error!(left, "audit log could not be written to the end");
        }
    }
}

impl Slot {
    /// Records the write. It cannot fail any more, nor wait.
    pub fn record(mut self, entry: &Entry, now: SystemTime) {
        let Some(queue) = self.queue.take() else { return };
        let mut state = queue.lock();
        state.reserved = state.reserved.saturating_sub(1);
        let sequence = state.sequence;
        state.sequence += 1;
        state.lines.push_back(line(entry, sequence, now));
        drop(state);
        queue.changed.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            let mut state = queue.lock();
            state.reserved = state.reserved.saturating_sub(1);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: until closed and empty, or closed and failing.
    fn drain(&self, mut sink: Sink) {
        let mut failures = 0_u32;
        loop {
            let (line, is_closed) = {
                let mut state = self.lock();
                while state.lines.is_empty() && !state.closed && !state.reopen {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                if std::mem::take(&mut state.reopen) {
                    sink.reopen_next = true;
                }
                // A copy: it leaves the queue when it has been written.
                (state.lines.front().cloned(), state.closed)
            };
            if let Err(error) = sink.prepare() {
                report(&mut failures, &error);
            }
            let Some(line) = line else {
                if is_closed {
                    return;
                }
                continue;
            };
            match sink.write(line.as_bytes()) {
                Ok(()) => {
                    failures = 0;
                    let mut state = self.lock();
                    state.lines.pop_front();
                    state.written += 1;
                }
                // Nobody holds the other end of standard error, and it cannot be opened again.
                Err(_) if !sink.can_recover() => {
                    let mut state = self.lock();
                    state.lines.pop_front();
                    state.lost += 1;
                }
                Err(error) => {
                    report(&mut failures, &error);
                    if is_closed {
                        let mut state = self.lock();
                        let left = state.lines.len();
                        state.lost += u64::try_from(left).unwrap_or_default();
                        state.lines.clear();
                        tracing::error!(left, %error, "audit log ends with lines that were not written");
                        return;
                    }
                    let state = self.lock();
                    drop(
                        self.changed
                            .wait_timeout_while(state, RETRY_AFTER, |state| {
                                !state.closed && !state.reopen
                            })
                            .unwrap_or_else(PoisonError::into_inner),
                    );
                }
            }
        }
    }
}

fn report(failures: &mut u32, error: &io::Error) {
    if failures.is_multiple_of(REPORT_EVERY) {
        tracing::error!(%error, "audit log cannot be written");
    }
    *failures = failures.saturating_add(1);
}

/// Where lines go.
#[derive(Debug)]
struct Sink {
    /// `None` for standard error.
    path: Option<PathBuf>,
    file: Option<File>,
    reopen_next: bool,
    /// The last write ended inside a line; the next one ends that line first.
    is_torn: bool,
}

impl Sink {
    /// A second descriptor, without the standard library's lock.
    fn stderr() -> io::Result<Self> {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Ok(Self { path: None, file: Some(file), reopen_next: false, is_torn: false })
    }

    fn file(path: &Path) -> io::Result<Self> {
        let path = Some(path.to_owned());
        let mut sink = Self { path, file: None, reopen_next: true, is_torn: false };
        sink.prepare()?;
        Ok(sink)
    }

    fn can_recover(&self) -> bool {
        self.path.is_some()
    }

    /// Opens the file if it should be. When that fails the old one is kept: lines in a file with an
    /// unexpected name are better than none.
    fn prepare(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path
            && (self.reopen_next || self.file.is_none())
        {
            // 0640: an audit log is for who administrates the host, not for everybody on it.
            let fresh = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
            self.file = Some(fresh);
            self.reopen_next = false;
            self.is_torn = false;
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(ErrorKind::NotFound.into());
        };
        if self.is_torn {
            file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut done = 0;
        while let Some(rest) = line.get(done..).filter(|rest| !rest.is_empty()) {
            match file.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    done += count;
                    self.is_torn = done < line.len();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody made standard error non-blocking, and its reader is slow.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The line, with its end.
fn line(entry: &Entry, sequence: u64, now: SystemTime) -> String {
    let moment = Timestamp::try_from(now).unwrap_or_default();
    let line = Line {
        time: moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        sequence,
        request_id: &entry.request_id,
        principal: &entry.caller.principal.name,
        role: match entry.caller.principal.role {
            Role::Admin => "admin",
            Role::Reader => "reader",
        },
        verified: entry.caller.principal.proof == Proof::Signature,
        source: entry.source.to_string(),
        user_agent: entry
            .user_agent
            .as_ref()
            .map(|agent| agent.chars().take(USER_AGENT_MAX).collect()),
        region: &entry.caller.region,
        service: entry.caller.service.as_deref(),
        operation: &entry.operation,
        targets: bounded(&entry.targets),
        changed: bounded(&entry.changed),
        outcome: if entry.status < 400 { "done" } else { "refused" },
        status: entry.status,
        error: entry.error,
    };
    // Texts, numbers and lists of texts: there is nothing that JSON could not hold.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

fn bounded(names: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = names.iter().take(NAMES_MAX).cloned().collect();
    if let Some(more) = names.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        kept.push(format!("and {more} more"));
    }
    kept
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
