//! What workers say, line by line with the id of the request, and Lambda's own lines about each
//! invocation.
//!
//! Lines come from a pipe and invocations from a shard, each with its time. They are held for a
//! moment ([`SETTLE`]) and then written in the order of those times: so a line gets the id of the
//! invocation in which it was written, although nobody waited for anybody.

use super::processes;
use super::tails::Tails;
use crate::control::invocation::{Note, Noted, Status};
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

/// How long after a worker's end news of it may come: its shard may be busy.
const LATE_NEWS: Duration = Duration::from_millis(250);

/// Lines and notes of one worker that are not settled; beyond it they are written as they are.
const UNSETTLED_MAX: usize = 10_000;

/// One worker's log.
#[derive(Debug)]
pub(super) struct WorkerLog {
    launch: Arc<Launch>,
    /// The process that is looked at; `None` until it is known.
    pid: Option<u32>,
    started: Instant,
    /// In the order of arrival.
    unsettled: Vec<(Instant, Entry)>,
    /// The invocation that lines belong to.
    request_id: Box<str>,
    /// Whether an invocation has been reported: the first one is cold.
    is_warm: bool,
    /// The most that it was seen to hold over its life: Lambda too tells that of the environment, and not of
    /// the invocation.
    peak_bytes: u64,
    /// When it ended.
    ended: Option<Instant>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    Noted(Noted),
}

impl WorkerLog {
    pub(super) fn new(launch: Arc<Launch>, pid: Option<u32>, started: Instant) -> Self {
        Self {
            launch,
            pid,
            started,
            unsettled: Vec::new(),
            request_id: "-".into(),
            is_warm: false,
            peak_bytes: 0,
            ended: None,
        }
    }

    /// A line of its output.
    pub(super) fn line(&mut self, line: Vec<u8>, at: Instant) {
        self.unsettled.push((at, Entry::Line(line)));
    }

    /// News of what it does.
    pub(super) fn note(&mut self, note: Note) {
        if self.peak_bytes == 0 {
            // One that dies tells nothing any more.
            self.measure();
        }
        self.unsettled.push((note.at, Entry::Noted(note.what)));
    }

    /// This is its process.
    pub(super) fn is_process(&mut self, pid: u32) {
        self.pid = Some(pid);
    }

    /// Looks at how much its process has held; one that is gone tells nothing.
    pub(super) fn measure(&mut self) {
        self.saw_memory(self.pid.and_then(processes::peak_bytes).unwrap_or(0));
    }

    /// What its processes hold was seen to be so much.
    pub(super) fn saw_memory(&mut self, bytes: u64) {
        self.peak_bytes = self.peak_bytes.max(bytes);
    }

    /// Its process has ended, and was told to have held so much at most, if it was told.
    pub(super) fn has_ended(&mut self, now: Instant, peak_bytes: u64) {
        self.ended = Some(now);
        if self.peak_bytes == 0 {
            // It was gone before anybody looked. What is told is less exact: it counts what the process held
            // before it became the runtime.
            self.peak_bytes = peak_bytes;
        }
    }

    /// Whether there is nothing to write, and nothing will come.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.is_settled() && self.ended.is_some_and(|ended| ended + LATE_NEWS <= now)
    }

    /// Whether its process has ended.
    pub(super) fn is_ending(&self) -> bool {
        self.ended.is_some()
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
                Entry::Noted(Noted::Began { request_id: id }) => {
                    say(&id, &format!("START RequestId: {id} Version: {}", self.launch.version));
                    self.request_id = id;
                }
                Entry::Line(line) => say(&self.request_id, &String::from_utf8_lossy(&line)),
                Entry::Noted(Noted::InitFailed(status)) => {
                    let millis = self.init_millis(at);
                    let status = status_fields(&status);
                    let line =
                        format!("INIT_REPORT Init Duration: {millis:.2} ms\tPhase: init{status}");
                    say(&self.request_id, &line);
                    // Nobody is told of it a second time.
                    self.is_warm = true;
                }
                Entry::Noted(Noted::Ended { request_id, began, status }) => {
                    self.measure();
                    let mut end = String::new();
                    for line in self.last_lines(&request_id, (began, at), &status, epoch) {
                        let time = epoch.text(at);
                        let _ = writeln!(text, "{time} {} {request_id} {line}", self.launch.name);
                        let _ = writeln!(end, "{line}");
                    }
                    tails.reported(&request_id, end, at.max(epoch.now));
                }
            }
        }
        text
    }

    fn init_millis(&self, until: Instant) -> f64 {
        until.saturating_duration_since(self.started).as_secs_f64() * 1000.0
    }

    /// What Lambda writes when an invocation is over.
    fn last_lines(
        &mut self,
        id: &str,
        (began, ended): (Instant, Instant),
        status: &Status,
        epoch: Epoch,
    ) -> Vec<String> {
        let mut lines = Vec::with_capacity(4);
        match status {
            Status::Answered => {}
            Status::TimedOut(timeout) => {
                let (time, seconds) = (epoch.text(ended), timeout.as_secs_f64());
                lines.push(format!("{time} {id} Task timed out after {seconds:.2} seconds"));
            }
            Status::Failed { kind, text } => {
                if let Some(text) = text {
                    lines.push(format!("RequestId: {id} Error: {text}"));
                }
                lines.push(kind.to_string());
            }
        }
        lines.push(format!("END RequestId: {id}"));
        let millis = ended.saturating_duration_since(began).as_secs_f64() * 1000.0;
        let mut report = format!(
            "REPORT RequestId: {id}\tDuration: {millis:.2} ms\tBilled Duration: {} ms\
             \tMemory Size: {} MB\tMax Memory Used: {} MB",
            millis.ceil() as u64,
            self.launch.memory_bytes >> 20,
            self.peak_bytes.div_ceil(1 << 20),
        );
        if !std::mem::replace(&mut self.is_warm, true) {
            let _ = write!(report, "\tInit Duration: {:.2} ms", self.init_millis(began));
        }
        report.push_str(&status_fields(status));
        lines.push(report);
        lines
    }
}

/// What stands at the end of a report that something is amiss with.
fn status_fields(status: &Status) -> String {
    match status {
        Status::Answered => String::new(),
        Status::TimedOut(_) => "\tStatus: timeout".to_owned(),
        Status::Failed { kind, .. } => format!("\tStatus: error\tError Type: {kind}"),
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
            isolation: None,
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
            at: at(ended.unwrap_or(began)),
            what: match ended {
                None => Noted::Began { request_id: id.into() },
                Some(_) => Noted::Ended {
                    request_id: id.into(),
                    began: at(began),
                    status: Status::Answered,
                },
            },
        };
        let mut log = WorkerLog::new(launch(), None, start);
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

    /// What stands behind the ids of a log in which something ended like this, a second after its start.
    fn lines_of(what: Vec<Noted>) -> Vec<String> {
        let start = Instant::now();
        let mut log = WorkerLog::new(launch(), None, start);
        for what in what {
            log.note(Note { worker: WorkerId(1), at: start + Duration::from_secs(1), what });
        }
        let epoch = Epoch { now: start, time: SystemTime::UNIX_EPOCH };
        let text = log.settle(start + Duration::from_secs(2), epoch, &mut Tails::default());
        text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_report_tells_what_is_amiss() {
        let ended = |status| {
            let began = Instant::now();
            lines_of(vec![Noted::Ended { request_id: "i".into(), began, status }])
        };
        let fine = ended(Status::Answered);
        assert!(fine[1].ends_with(" ms") && fine[1].contains("\tInit Duration: "), "{fine:?}");
        let late = ended(Status::TimedOut(Duration::from_secs(3)));
        assert!(late[0].ends_with("Z i Task timed out after 3.00 seconds"), "{late:?}");
        assert_eq!(late[1], "END RequestId: i");
        assert!(late[2].starts_with("REPORT RequestId: i\tDuration: "), "{late:?}");
        assert!(late[2].ends_with(" ms\tStatus: timeout"), "{late:?}");
        let text = Some("Runtime exited with error: exit status 3".into());
        let gone = ended(Status::Failed { kind: "Runtime.ExitError".into(), text });
        let error = "RequestId: i Error: Runtime exited with error: exit status 3";
        assert_eq!(gone[..3], [error, "Runtime.ExitError", "END RequestId: i"]);
        assert!(gone[3].ends_with(" ms\tStatus: error\tError Type: Runtime.ExitError"), "{gone:?}");
    }

    #[test]
    fn a_worker_that_does_not_come_up_is_reported_with_whoever_waited_for_it() {
        let status = || Status::Failed { kind: "Runtime.ImportModuleError".into(), text: None };
        let request_id = || "i".into();
        let began = Instant::now();
        let lines = lines_of(vec![
            Noted::InitFailed(status()),
            Noted::Began { request_id: request_id() },
            Noted::Ended { request_id: request_id(), began, status: status() },
        ]);
        let fields = "\tStatus: error\tError Type: Runtime.ImportModuleError";
        assert_eq!(lines[0], format!("INIT_REPORT Init Duration: 1000.00 ms\tPhase: init{fields}"));
        assert_eq!(lines[1], "START RequestId: i Version: $LATEST");
        assert_eq!(lines[2..4], ["Runtime.ImportModuleError", "END RequestId: i"]);
        assert!(lines[4].ends_with(fields) && !lines[4].contains("Init Duration"), "{lines:?}");
        let late = lines_of(vec![Noted::InitFailed(Status::TimedOut(Duration::from_secs(1)))]);
        assert_eq!(late, ["INIT_REPORT Init Duration: 1000.00 ms\tPhase: init\tStatus: timeout"]);
    }

    #[test]
    fn what_is_fresh_waits() {
        let start = Instant::now();
        let mut log = WorkerLog::new(launch(), None, start);
        log.line(b"late".to_vec(), start + Duration::from_secs(1));
        let epoch = Epoch { now: start, time: SystemTime::UNIX_EPOCH };
        assert_eq!(log.settle(start, epoch, &mut Tails::default()), "");
        assert!(!log.is_settled());
    }
}
