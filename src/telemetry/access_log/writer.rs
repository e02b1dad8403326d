//! Writer: takes the batches of all shards to their destinations.
//!
//! Each destination has a bounded queue and a thread, because any of them may block for as long as it
//! likes (a full pipe, a hanging network file system) and must not hold up the others, and least of
//! all the control thread. A queue that is full loses lines, counted.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::buffer::LogBatch;
use super::destination::Destination;
use super::sink::{Loss, Sink};

/// Batches that wait for one destination: some 4 MiB, or seconds of a busy gateway. Beyond, lines are
/// lost.
const QUEUE_BATCHES: usize = 64;

/// A failing destination is reported this often.
const REPORT_PERIOD: Duration = Duration::from_secs(10);

/// Counts kept for destinations that are gone, so that they go on where they were should they return.
const TALLIES_MAX: usize = 256;

/// Takes batches to their destinations. Owned by the control thread.
#[derive(Debug, Default)]
pub struct Writer {
    lanes: BTreeMap<u32, Lane>,
    /// By destination's text; also those that are gone.
    tallies: BTreeMap<String, Arc<Tally>>,
    losses: Losses,
}

/// The way to one destination.
#[derive(Debug)]
struct Lane {
    destination: Destination,
    queue: SyncSender<Message>,
    tally: Arc<Tally>,
    reopen: Arc<AtomicBool>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

#[derive(Debug)]
enum Message {
    Batch(LogBatch),
    /// Look at `reopen`.
    Wake,
}

#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    lost: AtomicU64,
}

/// What became of the lines for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The destination's text.
    pub destination: String,
    /// Lines written, since the start.
    pub written: u64,
    /// Lines lost between the control thread and the destination, since the start.
    pub lost: u64,
}

/// Why a destination gets no lines.
#[derive(Debug, thiserror::Error)]
pub enum WriterProblem {
    /// Two names, one number: see [`Destination::id`].
    #[error(
        "log destination `{refused}` cannot be told from `{kept}`; write its path in another way"
    )]
    SameId {
        /// The one that gets lines.
        kept: Destination,
        /// The one that does not.
        refused: Destination,
    },
    /// No thread could be started for it.
    #[error("log destination `{destination}` has no thread: {error}")]
    Thread {
        /// Which.
        destination: Destination,
        /// Why.
        error: io::Error,
    },
}

impl Writer {
    /// Without destinations.
    pub fn new() -> Self {
        Self::default()
    }

    /// These destinations and no others, from now on. Those that stay are not disturbed; those that go
    /// are closed after what they were given. Call it before shards serve a snapshot that names new
    /// ones, with the old ones too, and again without the old ones when no shard serves the old
    /// snapshot.
    ///
    /// Problems are logged as errors, and returned for whoever wants to say more. A file that cannot
    /// be opened is none of them: that is reported as a loss, and tried again with each batch.
    pub fn set_destinations(&mut self, destinations: &[Destination]) -> Vec<WriterProblem> {
        let mut problems = Vec::new();
        self.lanes.retain(|_, lane| destinations.contains(&lane.destination));
        for destination in destinations {
            let id = destination.id();
            match self.lanes.get(&id) {
                Some(lane) if lane.destination == *destination => {}
                Some(lane) => problems.push(WriterProblem::SameId {
                    kept: lane.destination.clone(),
                    refused: destination.clone(),
                }),
                None => {
                    let tally = self.tally(&destination.to_string());
                    match Lane::start(destination.clone(), tally) {
                        Ok(lane) => {
                            self.lanes.insert(id, lane);
                        }
                        Err(error) => problems.push(WriterProblem::Thread {
                            destination: destination.clone(),
                            error,
                        }),
                    }
                }
            }
        }
        for problem in &problems {
            tracing::error!(error = %problem, "access log has no destination");
        }
        problems
    }

    fn tally(&mut self, destination: &str) -> Arc<Tally> {
        if let Some(tally) = self.tallies.get(destination) {
            return Arc::clone(tally);
        }
        if self.tallies.len() >= TALLIES_MAX {
            // Only this map holds those of destinations that are gone.
            self.tallies.retain(|_, tally| Arc::strong_count(tally) > 1);
        }
        let tally = Arc::default();
        self.tallies.insert(destination.to_owned(), Arc::clone(&tally));
        tally
    }

    /// Takes a batch on its way. Never blocks: with the destination's queue full, or the destination
    /// gone, the lines are lost and counted.
    pub fn write(&mut self, batch: LogBatch) {
        let lines = u64::from(batch.count);
        let (name, tally, error) = match self.lanes.get(&batch.destination) {
            None => {
                let name = "unknown".to_owned();
                let tally = self.tally(&name);
                (name, tally, "the destination is no longer configured")
            }
            Some(lane) => match lane.queue.try_send(Message::Batch(batch)) {
                Ok(()) => return,
                Err(_) => {
                    let name = lane.destination.to_string();
                    (name, Arc::clone(&lane.tally), "the destination is too slow")
                }
            },
        };
        tally.lost.fetch_add(lines, Ordering::Relaxed);
        let report = self.losses.add(Instant::now(), lines, error);
        warn(&name, report);
    }

    /// Opens all files again, for SIGHUP after a log rotation. Returns at once; lines that are queued
    /// may go to the old file or the new one.
    pub fn reopen(&mut self) {
        for lane in self.lanes.values() {
            lane.reopen.store(true, Ordering::Release);
            // With the queue full the thread looks by itself after its current batch.
            drop(lane.queue.try_send(Message::Wake));
        }
    }

    /// What became of the lines, for [`crate::telemetry::Metrics::set_deliveries`].
    pub fn deliveries(&self) -> Vec<Delivery> {
        let tallies = self.tallies.iter();
        tallies
            .map(|(destination, tally)| Delivery {
                destination: destination.clone(),
                written: tally.written.load(Ordering::Relaxed),
                lost: tally.lost.load(Ordering::Relaxed),
            })
            .collect()
    }

    /// Writes out what is queued and ends; after `deadline` gives up what is left. Blocks. Returns the
    /// destinations that were given up.
    pub fn close(self, deadline: Duration) -> Vec<Destination> {
        let until = Instant::now() + deadline;
        let mut given_up = Vec::new();
        // All queues close at once, so that the destinations finish side by side.
        let lanes = self.lanes.into_values();
        let ends: Vec<_> = lanes.map(|lane| (lane.destination, lane.ended)).collect();
        for (destination, ended) in ends {
            let left = until.saturating_duration_since(Instant::now());
            if ended.recv_timeout(left) != Err(RecvTimeoutError::Disconnected) {
                given_up.push(destination);
            }
        }
        given_up
    }
}

impl Lane {
    fn start(destination: Destination, tally: Arc<Tally>) -> io::Result<Self> {
        let (queue, batches) = mpsc::sync_channel(QUEUE_BATCHES);
        let (running, ended) = mpsc::sync_channel(0);
        let reopen = Arc::new(AtomicBool::new(false));
        let drain = Drain {
            destination: destination.clone(),
            sink: None,
            tally: Arc::clone(&tally),
            reopen: Arc::clone(&reopen),
            losses: Losses::default(),
        };
        thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            drain.run(&batches);
            drop::<SyncSender<()>>(running);
        })?;
        Ok(Self { destination, queue, tally, reopen, ended })
    }
}

/// The far end of a lane, on its thread.
struct Drain {
    destination: Destination,
    sink: Option<Sink>,
    tally: Arc<Tally>,
    reopen: Arc<AtomicBool>,
    losses: Losses,
}

impl Drain {
    fn run(mut self, batches: &Receiver<Message>) {
        if let Err(error) = self.sink() {
            self.lose(0, &error);
        }
        loop {
            let message = match self.losses.next_report() {
                None => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => batches.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            if self.reopen.swap(false, Ordering::Acquire) {
                self.open_again();
            }
            match message {
                Ok(Message::Batch(batch)) => self.write(&batch),
                Ok(Message::Wake) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let report = self.losses.due(Instant::now());
                    warn(&self.destination.to_string(), report);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Nobody else will say it.
        warn(&self.destination.to_string(), self.losses.take());
    }

    fn sink(&mut self) -> io::Result<&mut Sink> {
        match self.sink {
            Some(ref mut sink) => Ok(sink),
            None => {
                let sink = Sink::open(&self.destination)?;
                Ok(self.sink.insert(sink))
            }
        }
    }

    fn open_again(&mut self) {
        if let Err(error) = self.sink().and_then(Sink::reopen) {
            self.lose(0, &error);
        }
    }

    fn write(&mut self, batch: &LogBatch) {
        let lines = u64::from(batch.count);
        let lost = match self.sink() {
            Err(error) => Err(Loss { lines, error }),
            Ok(sink) => sink.write(batch),
        };
        let lost = match lost {
            Ok(()) => 0,
            Err(Loss { lines, error }) => {
                self.lose(lines, &error);
                lines
            }
        };
        let written = lines.saturating_sub(lost);
        self.tally.written.fetch_add(written, Ordering::Relaxed);
    }

    fn lose(&mut self, lines: u64, error: &io::Error) {
        self.tally.lost.fetch_add(lines, Ordering::Relaxed);
        let report = self.losses.add(Instant::now(), lines, &error.to_string());
        warn(&self.destination.to_string(), report);
    }
}

/// Losses that wait to be reported, at most once per [`REPORT_PERIOD`].
#[derive(Debug, Default)]
struct Losses {
    reported: Option<Instant>,
    pending: Option<Report>,
}

#[derive(Debug, PartialEq, Eq)]
struct Report {
    lines: u64,
    error: String,
}

impl Losses {
    /// A report if it is time for one. No lines and an error is a loss too: a file that cannot be opened.
    fn add(&mut self, now: Instant, lines: u64, error: &str) -> Option<Report> {
        match &mut self.pending {
            Some(report) => report.lines += lines,
            None => {
                let error = error.to_owned();
                self.pending = Some(Report { lines, error });
            }
        }
        self.due(now)
    }

    fn due(&mut self, now: Instant) -> Option<Report> {
        if self.next_report().is_some_and(|at| at > now) {
            return None;
        }
        let report = self.take()?;
        self.reported = Some(now);
        Some(report)
    }

    /// When the report that waits is due; nothing when none waits. (The first never waits.)
    fn next_report(&self) -> Option<Instant> {
        self.pending.as_ref()?;
        self.reported.map(|reported| reported + REPORT_PERIOD)
    }

    fn take(&mut self) -> Option<Report> {
        self.pending.take()
    }
}

fn warn(destination: &str, report: Option<Report>) {
    if let Some(Report { lines, error }) = report {
        tracing::warn!(destination, lines_lost = lines, error, "access log destination fails");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn batch(destination: &Destination, lines: &str) -> LogBatch {
        let count = lines.lines().count() as u32;
        LogBatch::new(destination.id(), lines.into(), count)
    }

    fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            thread::yield_now();
        }
    }

    fn written(writer: &Writer, destination: &Destination) -> u64 {
        let name = destination.to_string();
        let deliveries = writer.deliveries().into_iter();
        deliveries
            .filter(|delivery| delivery.destination == name)
            .map(|delivery| delivery.written)
            .sum()
    }

    fn lost(writer: &Writer) -> u64 {
        writer.deliveries().iter().map(|delivery| delivery.lost).sum()
    }

    fn file(folder: &Path, name: &str) -> Destination {
        Destination::File(folder.join(name))
    }

    #[test]
    fn rotation_while_writing_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let destination = file(folder.path(), "log");
        let mut writer = Writer::new();
        assert!(writer.set_destinations(std::slice::from_ref(&destination)).is_empty());
        let mut sent = 0;
        for rotation in 0..5 {
            for _ in 0..20 {
                writer.write(batch(&destination, &format!("line {sent}\n")));
                sent += 1;
            }
            wait_until("the file is there", || folder.path().join("log").exists());
            let rotated = folder.path().join(format!("log.{rotation}"));
            fs::rename(folder.path().join("log"), rotated).unwrap();
            writer.reopen();
            wait_until("the lines are out", || written(&writer, &destination) == sent);
        }
        assert!(writer.close(Duration::from_secs(20)).is_empty());
        let mut lines: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines.sort();
        let mut expected: Vec<String> = (0..sent).map(|number| format!("line {number}")).collect();
        expected.sort();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_destination_that_blocks_holds_up_no_other_and_is_given_up_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        // Nobody reads: opening blocks.
        let blocked = Destination::File(pipe);
        let good = file(folder.path(), "log");
        let mut writer = Writer::new();
        let problems = writer.set_destinations(&[blocked.clone(), good.clone()]);
        assert!(problems.is_empty());
        for _ in 0..QUEUE_BATCHES {
            writer.write(batch(&blocked, "into the void\n"));
        }
        assert_eq!(lost(&writer), 0, "the queue holds as many");
        writer.write(batch(&blocked, "one\ntwo\n"));
        assert_eq!(lost(&writer), 2);
        writer.write(batch(&good, "arrives\n"));
        wait_until("the good one has its line", || written(&writer, &good) == 1);
        assert_eq!(writer.close(Duration::from_millis(50)), [blocked]);
    }

    #[test]
    fn a_failing_destination_counts_what_it_loses() {
        let full = Destination::File("/dev/full".into());
        let mut writer = Writer::new();
        writer.set_destinations(std::slice::from_ref(&full));
        for _ in 0..3 {
            writer.write(batch(&full, "one\ntwo\n"));
        }
        wait_until("all is lost", || lost(&writer) == 6);
        assert_eq!(written(&writer, &full), 0);
    }

    #[test]
    fn a_file_that_cannot_be_opened_at_first_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let destination = file(&folder.path().join("later"), "log");
        let mut writer = Writer::new();
        writer.set_destinations(std::slice::from_ref(&destination));
        writer.write(batch(&destination, "too early\n"));
        wait_until("it is lost", || lost(&writer) == 1);
        fs::create_dir(folder.path().join("later")).unwrap();
        writer.write(batch(&destination, "in time\n"));
        wait_until("it is written", || written(&writer, &destination) == 1);
    }

    #[test]
    fn counts_go_on_when_a_destination_returns_and_lines_for_a_gone_one_are_lost() {
        let folder = tempfile::tempdir().unwrap();
        let destination = file(folder.path(), "log");
        let mut writer = Writer::new();
        writer.set_destinations(std::slice::from_ref(&destination));
        writer.write(batch(&destination, "one\n"));
        wait_until("the first is written", || written(&writer, &destination) == 1);
        writer.set_destinations(&[]);
        writer.write(batch(&destination, "nobody takes it\n"));
        assert_eq!(lost(&writer), 1);
        writer.set_destinations(std::slice::from_ref(&destination));
        writer.write(batch(&destination, "two\n"));
        wait_until("the second is counted on", || written(&writer, &destination) == 2);
        let text = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn losses_are_reported_once_per_period_with_their_sum() {
        let start = Instant::now();
        let mut losses = Losses::default();
        let report = |lines, error: &str| {
            let error = error.to_owned();
            Some(Report { lines, error })
        };
        assert_eq!(losses.add(start, 3, "disk full"), report(3, "disk full"));
        assert_eq!(losses.next_report(), None);
        assert_eq!(losses.add(start + REPORT_PERIOD / 2, 4, "disk full"), None);
        assert_eq!(losses.add(start + REPORT_PERIOD / 2, 5, "other"), None);
        assert_eq!(losses.next_report(), Some(start + REPORT_PERIOD));
        assert_eq!(losses.due(start + REPORT_PERIOD), report(9, "disk full"));
        assert_eq!(losses.due(start + 2 * REPORT_PERIOD), None, "nothing is pending");
        assert_eq!(losses.add(start + 3 * REPORT_PERIOD, 1, "again"), report(1, "again"));
    }
}
