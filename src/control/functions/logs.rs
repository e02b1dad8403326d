//! What workers say, line by line with the id of the request, and Lambda's own lines about each
//! invocation.
//!
//! Lines come from a pipe and invocations from a shard, each with its time. They are held for a
//! moment ([`SETTLE`]) and then written in the order of those times: so a line gets the id of the
//! invocation in which it was written, although nobody waited for anybody.

use super::processes;
use super::tails::Tails;
use crate::control::invocation::Note;
use crate::snapshot::function::{FunctionLog, Launch};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

/// How long a line waits for the news of its invocation. Shards tell those every 10 ms.
pub(super) const SETTLE: Duration = Duration::from_millis(30);

/// Longest line; Amazon's log events end there too.
pub(super) const LINE_BYTES_MAX: usize = 256 * 1024;

/// Pieces of text that wait to be written; beyond it they are dropped and counted.
const WAITING_MAX: usize = 4096;

/// Lines and notes of one worker that are not settled; beyond it they are written as they are.
const UNSETTLED_MAX: usize = 10_000;

/// One worker's log.
#[derive(Debug)]
pub(super) struct WorkerLog {
    launch: Arc<Launch>,
    pid: u32,
    started: Instant,
    /// In the order of arrival.
    unsettled: Vec<(Instant, Entry)>,
    /// The invocation that lines belong to.
    request_id: Box<str>,
    /// Whether an invocation has been reported: the first one is cold.
    is_warm: bool,
    peak_bytes: u64,
}

#[derive(Debug)]
enum Entry {
    Began(Box<str>),
    Line(Vec<u8>),
    Ended { request_id: Box<str>, began: Instant, remark: Option<Box<str>> },
}

impl WorkerLog {
    pub(super) fn new(launch: Arc<Launch>, pid: u32, started: Instant) -> Self {
        Self {
            launch,
            pid,
            started,
            unsettled: Vec::new(),
            request_id: "-".into(),
            is_warm: false,
            peak_bytes: 0,
        }
    }

    /// A line of its output.
    pub(super) fn line(&mut self, line: Vec<u8>, at: Instant) {
        self.unsettled.push((at, Entry::Line(line)));
    }

    /// News of an invocation.
    pub(super) fn note(&mut self, note: Note) {
        match note.ended {
            None => self.unsettled.push((note.began, Entry::Began(note.request_id))),
            Some(ended) => {
                let (request_id, began, remark) = (note.request_id, note.began, note.remark);
                self.unsettled.push((ended, Entry::Ended { request_id, began, remark }));
            }
        }
    }

    /// What its processes hold was seen to be so much.
    pub(super) fn saw_memory(&mut self, bytes: u64) {
        self.peak_bytes = self.peak_bytes.max(bytes);
    }

    /// Where it goes.
    pub(super) fn log(&self) -> &FunctionLog {
        &self.launch.log
    }

    /// Whether everything is written.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// Takes out what is settled: all that is older than `until`, as text.
    pub(super) fn settle(&mut self, until: Instant, epoch: Epoch, tails: &mut Tails) -> String {
        let until = match self.unsettled.len() > UNSETTLED_MAX {
            true => Instant::now(),
            false => until,
        };
        let mut text = String::new();
        self.unsettled.sort_by_key(|(at, _)| *at);
        let count = self.unsettled.partition_point(|(at, _)| *at <= until);
        for (at, entry) in self.unsettled.drain(..count).collect::<Vec<_>>() {
            let mut say = |request_id: &str, line: &str| {
                let time = epoch.text(at);
                let _ = writeln!(text, "{time} {} {request_id} {line}", self.launch.name);
                tails.line(request_id, line);
            };
            match entry {
                Entry::Began(id) => {
                    say(&id, &format!("START RequestId: {id} Version: {}", self.launch.version));
                    self.request_id = id;
                }
                Entry::Line(line) => say(&self.request_id, &String::from_utf8_lossy(&line)),
                Entry::Ended { request_id, began, remark } => {
                    let mut end = String::new();
                    let mut say = |line: &str| {
                        let time = epoch.text(at);
                        let _ = writeln!(text, "{time} {} {request_id} {line}", self.launch.name);
                        let _ = writeln!(end, "{line}");
                    };
                    if let Some(remark) = remark {
                        say(&format!("RequestId: {request_id} {remark}"));
                    }
                    say(&format!("END RequestId: {request_id}"));
                    let peak = processes::peak_bytes(self.pid).unwrap_or(0).max(self.peak_bytes);
                    self.peak_bytes = peak;
                    let took = at.saturating_duration_since(began);
                    let mut report = format!(
                        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\
                         \tMemory Size: {} MB\tMax Memory Used: {} MB",
                        took.as_secs_f64() * 1000.0,
                        (took.as_secs_f64() * 1000.0).ceil() as u64,
                        self.launch.memory_bytes >> 20,
                        peak.div_ceil(1 << 20),
                    );
                    if !std::mem::replace(&mut self.is_warm, true) {
                        let init = began.saturating_duration_since(self.started);
                        let millis = init.as_secs_f64() * 1000.0;
                        let _ = write!(report, "\tInit Duration: {millis:.2} ms");
                    }
                    say(&report);
                    tails.reported(&request_id, end, at.max(epoch.now));
                }
            }
        }
        text
    }
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch {
    pub(super) now: Instant,
    pub(super) time: SystemTime,
}

impl Epoch {
    /// A moment as `2024-03-10T21:13:26.123Z`.
    fn text(self, at: Instant) -> String {
        let time = self.time - self.now.saturating_duration_since(at);
        match jiff::Timestamp::try_from(time) {
            Ok(time) => format!("{time:.3}"),
            Err(_) => "-".to_owned(),
        }
    }
}

/// The thread that writes: a disk that is slow must not stop the control thread.
#[derive(Debug)]
pub(super) struct LogWriter {
    texts: Option<SyncSender<(FunctionLog, String)>>,
    thread: Option<std::thread::JoinHandle<()>>,
    dropped: u64,
}

impl LogWriter {
    pub(super) fn new() -> Self {
        let (texts, waiting) = sync_channel::<(FunctionLog, String)>(WAITING_MAX);
        let thread = std::thread::Builder::new().name("function-log".to_owned()).spawn(move || {
            let mut files: HashMap<std::path::PathBuf, Option<File>> = HashMap::new();
            for (log, text) in waiting {
                // Whoever reads it may be gone; nobody can be told.
                let _ = match log {
                    FunctionLog::None => Ok(()),
                    FunctionLog::Stderr => std::io::stderr().write_all(text.as_bytes()),
                    FunctionLog::File(path) => {
                        let file = files.entry(path).or_insert_with_key(|path| {
                            let opened = OpenOptions::new().append(true).create(true).open(path);
                            opened
                                .inspect_err(|error| {
                                    let path = path.display();
                                    tracing::error!(%path, %error, "cannot write a function's log");
                                })
                                .ok()
                        });
                        file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()))
                    }
                };
            }
        });
        Self { texts: Some(texts), thread: thread.ok(), dropped: 0 }
    }

    pub(super) fn write(&mut self, log: &FunctionLog, text: String) {
        if text.is_empty() || *log == FunctionLog::None {
            return;
        }
        let Some(texts) = &self.texts else { return };
        match texts.try_send((log.clone(), text)) {
            Ok(()) if self.dropped > 0 => {
                tracing::warn!(dropped = self.dropped, "lines of functions were dropped");
                self.dropped = 0;
            }
            Ok(()) => {}
            Err(TrySendError::Full((_, text)) | TrySendError::Disconnected((_, text))) => {
                self.dropped += text.lines().count() as u64;
            }
        }
    }

    /// Writes what is left, unless that takes longer than `patience`.
    pub(super) fn close(&mut self, patience: Duration) {
        self.texts = None;
        let until = Instant::now() + patience;
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::invocation::WorkerId;
    use crate::snapshot::function::Runtime;

    fn launch() -> Arc<Launch> {
        Arc::new(Launch {
            name: "hello".into(),
            version: "$LATEST".into(),
            key: "hello#1".into(),
            runtime: Runtime::Provided("provided".into()),
            handler: "bootstrap".into(),
            code: "/code".into(),
            client: None,
            environment: Vec::new(),
            memory_bytes: 128 << 20,
            storage_bytes: 512 << 20,
            user: None,
            log: FunctionLog::Stderr,
            region: "us-east-1".into(),
            reserved_concurrency: None,
        })
    }

    #[test]
    fn lines_get_the_id_of_the_invocation_in_which_they_were_written() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let note = |id: &str, began, ended: Option<u64>| Note {
            worker: WorkerId(1),
            request_id: id.into(),
            began: at(began),
            ended: ended.map(at),
            remark: None,
        };
        let mut log = WorkerLog::new(launch(), 0, start);
        log.line(b"starting".to_vec(), at(1));
        log.line(b"in one".to_vec(), at(12));
        log.line(b"in two".to_vec(), at(32));
        // The shard tells later, and all at once.
        log.note(note("one", 10, None));
        log.note(note("one", 10, Some(20)));
        log.note(note("two", 30, None));
        let epoch = Epoch { now: start, time: SystemTime::UNIX_EPOCH };

        let text = log.settle(at(100), epoch, &mut Tails::default());

        let lines: Vec<&str> =
            text.lines().map(|line| line.split_once(" hello ").unwrap().1).collect();
        assert_eq!(lines[0], "- starting");
        assert_eq!(lines[1], "one START RequestId: one Version: $LATEST");
        assert_eq!(lines[2], "one in one");
        assert_eq!(lines[3], "one END RequestId: one");
        assert!(
            lines[4].starts_with(
                "one REPORT RequestId: one\tDuration: 10.00 ms\tBilled Duration: 10 ms\
                 \tMemory Size: 128 MB\tMax Memory Used: 0 MB\tInit Duration: 10.00 ms"
            ),
            "{}",
            lines[4]
        );
        assert_eq!(lines[5..], ["two START RequestId: two Version: $LATEST", "two in two"]);
        assert!(log.is_settled());
    }

    #[test]
    fn what_is_fresh_waits() {
        let start = Instant::now();
        let mut log = WorkerLog::new(launch(), 0, start);
        log.line(b"late".to_vec(), start + Duration::from_secs(1));
        let epoch = Epoch { now: start, time: SystemTime::UNIX_EPOCH };
        assert_eq!(log.settle(start, epoch, &mut Tails::default()), "");
        assert!(!log.is_settled());
    }
}
