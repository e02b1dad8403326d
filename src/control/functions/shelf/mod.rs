//! The shelf: events on disk until they are done with, so that those that were taken outlive the process.
//!
//! Beside the store lies a folder, in it one of each process that has kept an event, which that process
//! holds locked, and in that files of events. Events that come while others are written wait for them and
//! are written together: one file, and one wait for the disk, whatever their number. A file is complete when
//! it has its name, and on disk before its events are answered for. An event that is done with is marked in
//! its file, which goes with the last of them. A folder that nobody holds is a process's that has ended: whoever
//! sees it takes the events over and tries them. So an event may be run twice, and none is lost.
//!
//! ```text
//! ringgate.db.events/1f3a-18a2c3/lock
//! ringgate.db.events/1f3a-18a2c3/7        of each event a line of JSON, and the event as it came; a line
//!                                         that begins with `-` is of one that is done with
//! ```

mod record;

use super::events::Event;
use bytes::Bytes;
use record::{DONE, Read, read};
use rustix::fs::FlockOperation;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

const LOCK: &str = "lock";

/// What a file that cannot be read is left under.
const DAMAGED: &str = "damaged";

/// Events in one file, and their bytes, about: a file stays until all of its events are done with.
const GROUP_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Between two errors in the log about events that are refused.
const TOLD: Duration = Duration::from_secs(1);

/// Keeps events, where there is a place for them.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct Shelf(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    own: Mutex<Option<Own>>,
    next: AtomicU64,
    desk: Mutex<Desk>,
}

/// Events that are to be written. Whoever brings them bounds them.
#[derive(Debug, Default)]
struct Desk {
    waiting: Vec<Waiting>,
    /// Whether somebody takes them away.
    is_writing: bool,
    /// When it was last told that some were refused.
    told: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    record: Vec<u8>,
    kept: oneshot::Sender<io::Result<Kept>>,
}

/// This process's folder, which lives as long as its lock.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    _lock: File,
}

/// An event's place: where its line begins in a file.
#[derive(Debug)]
pub(super) struct Kept {
    group: Arc<Group>,
    at: u64,
}

/// A file of events.
#[derive(Debug)]
struct Group {
    path: PathBuf,
    /// How many are not done with.
    left: AtomicUsize,
}

/// An event that another process has left behind.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) event: Event,
    /// How long ago it was taken.
    pub(super) age: Duration,
    /// How often its function has failed.
    pub(super) runs: u32,
    pub(super) kept: Kept,
}

impl Shelf {
    /// One in that folder, which is made with the first event; none keeps nothing.
    pub(in crate::control) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.map(|folder| {
            let (own, next, desk) = Default::default();
            Arc::new(Inner { folder, own, next, desk })
        }))
    }

    /// Keeps an event whose function has failed so often. Nothing where there is no place.
    pub(super) async fn keep(
        &self,
        event: &Event,
        age: Duration,
        runs: u32,
    ) -> io::Result<Option<Kept>> {
        let Some(inner) = self.0.clone() else { return Ok(None) };
        let record = record::record(event, age, runs)?;
        let (kept, is_kept) = oneshot::channel();
        let is_writing = {
            let mut desk = inner.desk();
            desk.waiting.push(Waiting { record, kept });
            std::mem::replace(&mut desk.is_writing, true)
        };
        if !is_writing {
            tokio::task::spawn_blocking(move || inner.write_waiting());
        }
        let kept = is_kept.await.unwrap_or_else(|_| Err(io::Error::other("it was cut off")));
        kept.map(Some)
    }

    /// Takes over what processes have left behind that have ended.
    pub(super) async fn found(&self) -> Vec<Found> {
        let Some(inner) = self.0.clone() else { return Vec::new() };
        let found = blocking(move || inner.adopt()).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "events that were kept cannot be looked for");
            Vec::new()
        })
    }
}

impl Kept {
    /// The event is done with, or kept elsewhere.
    pub(super) async fn forget(self) {
        if let Err(error) = blocking(move || self.mark()).await {
            tracing::warn!(%error, "an event that is done with stays on disk: it will be run again");
        }
    }

    fn mark(&self) -> io::Result<()> {
        let path = &self.group.path;
        if self.group.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return fs::remove_file(path);
        }
        // Not waited for: after a power failure it may be run again, as one that was running.
        match OpenOptions::new().write(true).open(path) {
            Ok(file) => file.write_all_at(&[DONE], self.at),
            // The last one has taken it away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, until nothing does.
    fn write_waiting(&self) {
        loop {
            let group = {
                let mut desk = self.desk();
                let mut bytes = 0;
                let fits = desk.waiting.iter().take(GROUP_MAX).take_while(|it| {
                    bytes += it.record.len();
                    bytes <= GROUP_BYTES_MAX
                });
                // One that is too large goes alone.
                let count = fits.count().max(1).min(desk.waiting.len());
                let group: Vec<Waiting> = desk.waiting.drain(..count).collect();
                desk.is_writing = !group.is_empty();
                group
            };
            if group.is_empty() {
                return;
            }
            match self.write_group(&group) {
                Ok(all) => {
                    for (waiting, kept) in group.into_iter().zip(all) {
                        // Whoever asked has gone only with the process.
                        let _ = waiting.kept.send(Ok(kept));
                    }
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::NotFound {
                        // Somebody has removed the folder: the next event makes another.
                        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    }
                    self.tell(&error, group.len());
                    for waiting in group {
                        let error = io::Error::new(error.kind(), error.to_string());
                        let _ = waiting.kept.send(Err(error));
                    }
                }
            }
        }
    }

    fn write_group(&self, group: &[Waiting]) -> io::Result<Vec<Kept>> {
        let own = self.own_folder()?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = own.join(number.to_string());
        write(&path, group)?;
        let group_of = Arc::new(Group { path, left: AtomicUsize::new(group.len()) });
        let mut at = 0;
        let kept = group.iter().map(|waiting| {
            let kept = Kept { group: Arc::clone(&group_of), at };
            at += waiting.record.len() as u64;
            kept
        });
        Ok(kept.collect())
    }

    fn tell(&self, error: &io::Error, events: usize) {
        let mut desk = self.desk();
        if desk.told.is_none_or(|told| told.elapsed() >= TOLD) {
            desk.told = Some(Instant::now());
            tracing::error!(%error, events, "events cannot be written down");
        }
    }

    fn own_folder(&self) -> io::Result<PathBuf> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = &*own {
            return Ok(own.path.clone());
        }
        if !self.folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            if let Some(above) = self.folder.parent().filter(|it| !it.as_os_str().is_empty()) {
                sync_folder(above)?;
            }
        }
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let name = format!("{:x}-{:x}", std::process::id(), began.as_nanos());
        let path = self.folder.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        let options = OpenOptions::new().create(true).write(true).mode(0o600).clone();
        let lock = options.open(path.join(LOCK))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        sync_folder(&self.folder)?;
        *own = Some(Own { path: path.clone(), _lock: lock });
        Ok(path)
    }

    fn adopt(&self) -> io::Result<Vec<Found>> {
        let folders = match fs::read_dir(&self.folder) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let own = {
            let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            own.as_ref().map(|own| own.path.clone())
        };
        let mut found = Vec::new();
        for folder in folders.flatten().map(|entry| entry.path()).filter(|it| it.is_dir()) {
            if Some(&folder) == own.as_ref() {
                continue;
            }
            // One that is being made has no lock yet, or is locked.
            let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
            if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            self.adopt_from(&folder, &mut found)?;
        }
        Ok(found)
    }

    fn adopt_from(&self, folder: &Path, found: &mut Vec<Found>) -> io::Result<()> {
        for entry in fs::read_dir(folder)?.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            // The others were never answered for.
            let is_event = name.to_str().is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
            if !is_event {
                continue;
            }
            let (events, is_damaged) = read(&Bytes::from(fs::read(&path)?));
            let to = if is_damaged {
                let left = self.folder.join(format!("{DAMAGED}-{}", name.display()));
                tracing::error!(file = %left.display(), "events that were kept cannot be read");
                left
            } else if events.is_empty() {
                continue;
            } else {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                self.own_folder()?.join(number.to_string())
            };
            fs::rename(&path, &to)?;
            // One that is damaged stays, whatever becomes of those that can be read.
            let left = events.len() + usize::from(is_damaged);
            let group = Arc::new(Group { path: to, left: AtomicUsize::new(left) });
            found.extend(events.into_iter().map(|Read { event, age, runs, at }| {
                let kept = Kept { group: Arc::clone(&group), at };
                Found { event, age, runs, kept }
            }));
        }
        // They are in their new place before they are gone from the old one.
        sync_folder(&self.folder)?;
        if !found.is_empty() {
            sync_folder(&self.own_folder()?)?;
        }
        fs::remove_dir_all(folder)
    }
}

/// In one step: a file is whole, or was never there.
fn write(path: &Path, group: &[Waiting]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = write_new(&new, group).and_then(|()| fs::rename(&new, path));
    let written = written.and_then(|()| path.parent().map_or(Ok(()), sync_folder));
    if written.is_err() {
        // Refused events must not take what little room there is, nor be found later.
        for left in [&*new, path] {
            let _ = fs::remove_file(left);
        }
    }
    written
}

fn write_new(new: &Path, group: &[Waiting]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(new)?;
    let bytes = group.iter().map(|waiting| waiting.record.len()).sum();
    let mut all = Vec::with_capacity(bytes);
    for waiting in group {
        all.extend_from_slice(&waiting.record);
    }
    file.write_all(&all)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.unwrap_or_else(|_| Err(io::Error::other("it was cut off")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventPlace;
    use crate::snapshot::function::{EventRules, EventTarget};
    use crate::telemetry::ids;

    pub(super) fn event(text: &'static str) -> Event {
        let target = |name: &str| Some(EventTarget::Arn(name.into()));
        Event {
            function: "arn:f".into(),
            is_drawn: true,
            version: Some("7".into()),
            request_id: Some(ids::uuid([1, 2])),
            event: Bytes::from_static(text.as_bytes()),
            client_context: Some("{}".into()),
            timeout: Duration::from_millis(1500),
            rules: Arc::new(EventRules {
                retries_max: 1,
                age_max: Duration::from_secs(60),
                dead_letter: target("dead"),
                on_failure: Some(EventTarget::Place(EventPlace::File("/x".into()))),
                on_success: Some(EventTarget::Place(EventPlace::Http("http://a/".into()))),
            }),
        }
    }

    #[tokio::test]
    async fn what_a_process_has_left_behind_is_found_once_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("events");
        let shelf = || Shelf::new(Some(at.clone()));
        assert!(shelf().found().await.is_empty(), "there is not even a folder");
        let (first, second) = (shelf(), shelf());
        let kept = first.keep(&event("{ \"a\":\n1 }"), Duration::from_secs(5), 0).await.unwrap();
        let done = first.keep(&event("2"), Duration::ZERO, 0).await.unwrap().unwrap();
        let again = first.keep(&event("{ \"a\":\n1 }"), Duration::from_secs(5), 1).await.unwrap();
        kept.unwrap().forget().await;
        done.forget().await;
        assert!(second.found().await.is_empty(), "the first one lives");
        drop((first, again));
        let mut found = second.found().await;
        let Found { event: it, age, runs, kept } = found.pop().unwrap();
        assert!(found.is_empty());
        let was = event("{ \"a\":\n1 }");
        assert_eq!((it.event, it.function, it.version), (was.event, was.function, was.version));
        assert_eq!((it.request_id, it.rules, it.timeout), (was.request_id, was.rules, was.timeout));
        assert!(age >= Duration::from_secs(5) && age < Duration::from_secs(60), "{age:?}");
        assert_eq!(runs, 1);
        assert!(shelf().found().await.is_empty(), "it has an owner again");
        kept.forget().await;
        drop(second);
        assert!(shelf().found().await.is_empty());
        assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "nothing is left");
    }

    #[tokio::test]
    async fn what_cannot_be_read_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = || Shelf::new(Some(folder.path().to_owned()));
        let first = shelf();
        let broken = first.keep(&event("1"), Duration::ZERO, 0).await.unwrap().unwrap();
        first.keep(&event("2"), Duration::ZERO, 0).await.unwrap();
        fs::write(&broken.group.path, "no header").unwrap();
        fs::write(broken.group.path.with_extension("new"), "half").unwrap();
        drop(first);
        let found = shelf().found().await;
        assert_eq!(found.len(), 1);
        assert_eq!(&*found[0].event.event, b"2");
        assert!(folder.path().join("damaged-0").exists());
    }

    /// Keeps these as they are kept that come while others are written.
    async fn keep_together(shelf: &Shelf, texts: &[&'static str]) -> Vec<Kept> {
        let inner = shelf.0.clone().unwrap();
        inner.desk().is_writing = true;
        let keeping: Vec<_> = texts
            .iter()
            .map(|text| {
                let (shelf, event) = (shelf.clone(), event(text));
                tokio::spawn(async move { shelf.keep(&event, Duration::ZERO, 0).await })
            })
            .collect();
        while inner.desk().waiting.len() < texts.len() {
            tokio::task::yield_now().await;
        }
        tokio::task::spawn_blocking(move || inner.write_waiting()).await.unwrap();
        let mut kept = Vec::new();
        for keeping in keeping {
            kept.push(keeping.await.unwrap().unwrap().unwrap());
        }
        kept
    }

    fn files(folder: &Path) -> usize {
        let own = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(own).unwrap().filter(|it| it.as_ref().unwrap().file_name() != LOCK).count()
    }

    #[tokio::test]
    async fn events_that_come_together_are_one_file_and_are_forgotten_each_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = || Shelf::new(Some(folder.path().to_owned()));
        let first = shelf();
        let mut kept = keep_together(&first, &["1", "{\n-}", "", "4"]).await;
        assert_eq!(files(folder.path()), 1);
        kept.remove(3).forget().await;
        kept.remove(0).forget().await;
        drop((kept, first));
        let second = shelf();
        let mut found = second.found().await;
        found.sort_by_key(|it| it.event.event.len());
        let events: Vec<&[u8]> = found.iter().map(|it| &*it.event.event).collect();
        assert_eq!(events, [&b""[..], b"{\n-}"]);
        for found in found {
            assert_eq!(files(folder.path()), 1, "it goes with the last of its events");
            found.kept.forget().await;
        }
        assert_eq!(files(folder.path()), 0);
    }

    #[tokio::test]
    async fn groups_are_bounded_in_number_and_in_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(Some(folder.path().to_owned()));
        keep_together(&shelf, &["1"; GROUP_MAX]).await;
        assert_eq!(files(folder.path()), 1);
        keep_together(&shelf, &["1"; GROUP_MAX + 1]).await;
        assert_eq!(files(folder.path()), 3);
        let large: &'static str = "x".repeat(GROUP_BYTES_MAX / 2).leak();
        let too_large: &'static str = "x".repeat(GROUP_BYTES_MAX).leak();
        keep_together(&shelf, &[large, "1", large, too_large]).await;
        assert_eq!(files(folder.path()), 6);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = || Shelf::new(Some(folder.path().to_owned()));
        let first = shelf();
        let kept = first.keep(&event("1"), Duration::ZERO, 0).await.unwrap().unwrap();
        let own = kept.group.path.parent().unwrap().to_owned();
        std::os::unix::fs::symlink("/dev/full", own.join("1.new")).unwrap();
        let refused = first.keep(&event("2"), Duration::ZERO, 0).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(files(folder.path()), 1, "what was refused takes no room");
        first.keep(&event("3"), Duration::ZERO, 0).await.unwrap();
        drop(first);
        let mut found = shelf().found().await;
        found.sort_by_key(|it| it.event.event.clone());
        let events: Vec<&[u8]> = found.iter().map(|it| &*it.event.event).collect();
        assert_eq!(events, [b"1", b"3"]);
    }

    #[tokio::test]
    async fn a_folder_that_was_removed_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("events");
        let shelf = Shelf::new(Some(at.clone()));
        shelf.keep(&event("1"), Duration::ZERO, 0).await.unwrap();
        fs::remove_dir_all(&at).unwrap();
        assert!(shelf.keep(&event("2"), Duration::ZERO, 0).await.is_err());
        shelf.keep(&event("3"), Duration::ZERO, 0).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_place_nothing_is_kept() {
        let shelf = Shelf::default();
        assert!(shelf.keep(&event("1"), Duration::ZERO, 0).await.unwrap().is_none());
        assert!(shelf.found().await.is_empty());
    }
}
