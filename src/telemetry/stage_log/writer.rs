//! Stage-log writer: takes the batches of all shards to the files of their log groups, on one thread.

use super::buffer::StageLogBatch;
use super::places::{Place, Places};
use crate::telemetry::access_log::writer::Delivery;
use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Batches that wait for the thread: some 4 MiB. Beyond, lines are lost.
const QUEUE_BATCHES: usize = 64;

/// Files that are open at once; the one longest unused is closed for another.
const OPEN_FILES_MAX: usize = 64;

/// Names whose place is remembered. More are forgotten together and looked up anew.
const NAMES_MAX: usize = 4096;

/// A failing file is reported this often.
const REPORT_PERIOD: Duration = Duration::from_secs(10);

/// What the lines are called in metrics.
const NAME: &str = "stage logs";

/// Takes batches to their files. Owned by the control thread.
#[derive(Debug)]
pub struct StageLogWriter {
    queue: Option<SyncSender<Message>>,
    tally: Arc<Tally>,
    places: Places,
    ended: Option<Receiver<()>>,
}

#[derive(Debug)]
enum Message {
    Batch(StageLogBatch),
    Places(Places),
    Reopen,
}

#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    lost: AtomicU64,
}

impl Default for StageLogWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl StageLogWriter {
    /// A writer whose thread is started with the first batch: most gateways log no stage.
    pub fn new() -> Self {
        Self { queue: None, tally: Arc::default(), places: Places::default(), ended: None }
    }

    /// Other places from now on.
    pub fn set_places(&mut self, places: Places) {
        if places == self.places {
            return;
        }
        self.places = places;
        if let Some(queue) = &self.queue {
            // Full: the thread is behind, and whoever reloads again tells it again.
            if queue.try_send(Message::Places(self.places.clone())).is_err() {
                tracing::warn!("stage logs are behind; their destinations stay as they were");
                self.places = Places::default();
            }
        }
    }

    /// Takes a batch on its way. Never blocks: with the queue full its lines are lost and counted.
    pub fn write(&mut self, batch: StageLogBatch) {
        let count = batch.count();
        let queue = match &self.queue {
            Some(queue) => queue,
            None => match self.start() {
                Ok(queue) => self.queue.insert(queue),
                Err(error) => {
                    tracing::error!(%error, "stage logs have no thread");
                    self.tally.lost.fetch_add(count, Ordering::Relaxed);
                    return;
                }
            },
        };
        if queue.try_send(Message::Batch(batch)).is_err() {
            self.tally.lost.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn start(&mut self) -> io::Result<SyncSender<Message>> {
        let (queue, messages) = mpsc::sync_channel(QUEUE_BATCHES);
        let (running, ended) = mpsc::sync_channel::<()>(0);
        let drain = Drain::new(self.places.clone(), Arc::clone(&self.tally));
        thread::Builder::new().name("stage-logs".to_owned()).spawn(move || {
            drain.run(&messages);
            drop(running);
        })?;
        self.ended = Some(ended);
        Ok(queue)
    }

    /// Opens all files again, for SIGHUP after a log rotation.
    pub fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // Full: files are opened again when others take their place, at the latest.
            drop(queue.try_send(Message::Reopen));
        }
    }

    /// What became of the lines; `None` before there was one.
    pub fn delivery(&self) -> Option<Delivery> {
        self.queue.as_ref().map(|_| Delivery {
            destination: NAME.to_owned(),
            written: self.tally.written.load(Ordering::Relaxed),
            lost: self.tally.lost.load(Ordering::Relaxed),
        })
    }

    /// Writes out what is queued and ends; after `deadline` gives up what is left. Blocks. Whether
    /// everything was written.
    pub fn close(self, deadline: Duration) -> bool {
        drop(self.queue);
        let Some(ended) = self.ended else { return true };
        ended.recv_timeout(deadline) == Err(RecvTimeoutError::Disconnected)
    }
}

/// The far end, on its thread.
struct Drain {
    places: Places,
    names: HashMap<Box<str>, Place>,
    /// The longest unused first.
    open: VecDeque<(PathBuf, File)>,
    tally: Arc<Tally>,
    reported: Option<Instant>,
}

impl Drain {
    fn new(places: Places, tally: Arc<Tally>) -> Self {
        Self { places, names: HashMap::new(), open: VecDeque::new(), tally, reported: None }
    }

    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Batch(batch) => {
                    for (group, lines, count) in batch.pieces() {
                        self.write(group, lines, count);
                    }
                }
                Message::Places(places) => {
                    self.places = places;
                    self.names.clear();
                    self.open.clear();
                }
                Message::Reopen => self.open.clear(),
            }
        }
    }

    fn write(&mut self, group: &str, lines: &[u8], count: u32) {
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(group) {
            self.names.clear();
        }
        let place = match self.names.get(group) {
            Some(place) => place.clone(),
            None => {
                let place = self.places.of(group);
                self.names.insert(group.into(), place.clone());
                place
            }
        };
        let result = match place {
            Place::Nowhere => return,
            Place::Stdout => io::stdout().lock().write_all(lines),
            Place::Stderr => io::stderr().lock().write_all(lines),
            Place::File(path) => self.write_file(&path, lines),
        };
        match result {
            Ok(()) => {
                self.tally.written.fetch_add(count.into(), Ordering::Relaxed);
            }
            Err(error) => {
                self.tally.lost.fetch_add(count.into(), Ordering::Relaxed);
                self.report(group, &error);
            }
        }
    }

    fn write_file(&mut self, path: &Path, lines: &[u8]) -> io::Result<()> {
        let known = self.open.iter().position(|(known, _)| known == path);
        let (_, mut file) = match known.and_then(|index| self.open.remove(index)) {
            Some(open) => open,
            None => (path.to_owned(), open(path)?),
        };
        let result = file.write_all(lines);
        if result.is_ok() {
            if self.open.len() >= OPEN_FILES_MAX {
                self.open.pop_front();
            }
            self.open.push_back((path.to_owned(), file));
        }
        result
    }

    fn report(&mut self, group: &str, error: &io::Error) {
        let now = Instant::now();
        let is_due = self.reported.is_none_or(|last| now.duration_since(last) >= REPORT_PERIOD);
        if is_due {
            self.reported = Some(now);
            tracing::warn!(group, %error, "a stage's log cannot be written; its lines are lost");
        }
    }
}

/// Made readable by the group and by nobody else: logs hold addresses of people, and more.
fn open(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
            }
            open()
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::stage_log::StageLogBuffer;

    fn batch(lines: &[(&str, &str)]) -> StageLogBatch {
        let mut buffer = StageLogBuffer::default();
        for (group, line) in lines {
            let group: Arc<str> = (*group).into();
            buffer.append(Instant::now(), &group, 1, |out| {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
            });
        }
        buffer.take(None).unwrap()
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn every_group_has_its_file_however_many_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = StageLogWriter::new();
        assert_eq!(writer.delivery(), None);
        writer.set_places(Places {
            folder: Some(folder.path().join("logs")),
            own: [("quiet".to_owned(), Place::Nowhere)].into(),
        });
        let groups: Vec<String> = (0..2 * OPEN_FILES_MAX).map(|it| format!("g{it}/prod")).collect();
        for round in ["one", "two"] {
            let lines: Vec<_> = groups.iter().map(|group| (group.as_str(), round)).collect();
            writer.write(batch(&lines));
        }
        writer.write(batch(&[("quiet", "not seen"), ("g0/prod", "three")]));
        assert!(writer.close(Duration::from_secs(20)));
        assert_eq!(read(folder.path().join("logs/g0/prod.log")), "one\ntwo\nthree\n");
        assert_eq!(read(folder.path().join("logs/g100/prod.log")), "one\ntwo\n");
        assert!(!folder.path().join("logs/quiet.log").exists());
    }

    #[test]
    fn a_rotated_file_is_let_go_and_what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("blocked"), "").unwrap();
        let file = folder.path().join("a.log");
        let tally: Arc<Tally> = Arc::default();
        let places = Places { folder: Some(folder.path().to_owned()), ..Places::default() };
        let (queue, messages) = mpsc::sync_channel(8);
        queue.send(Message::Batch(batch(&[("a", "one")]))).unwrap();
        queue.send(Message::Batch(batch(&[("blocked/x", "lost")]))).unwrap();
        let mut drain = Drain::new(places, Arc::clone(&tally));
        drop(queue);
        for message in messages.iter() {
            if let Message::Batch(batch) = message {
                for (group, lines, count) in batch.pieces() {
                    drain.write(group, lines, count);
                }
            }
        }
        fs::rename(&file, folder.path().join("a.old")).unwrap();
        drain.open.clear();
        drain.write("a", b"two\n", 1);
        assert_eq!(read(file), "two\n");
        assert_eq!(read(folder.path().join("a.old")), "one\n");
        assert_eq!(tally.written.load(Ordering::Relaxed), 2);
        assert_eq!(tally.lost.load(Ordering::Relaxed), 1);
    }
}
