//! The shelf: events on disk until they are done with, so that those that were taken outlive the process.
//!
//! Beside the store lies a folder, in it one of each process that has kept an event, which that process
//! holds locked, and in that a file for each event. A file is complete when it has its name, and on disk
//! before its event is answered for. A folder that nobody holds is a process's that has ended: whoever
//! sees it takes the events over and tries them. So an event may be run twice, and none is lost.
//!
//! ```text
//! ringgate.db.events/1f3a-18a2c3/lock
//! ringgate.db.events/1f3a-18a2c3/7        a line of JSON, and the event as it came
//! ```

use super::events::Event;
use crate::model::EventPlace;
use crate::snapshot::function::{EventRules, EventTarget};
use crate::telemetry::ids;
use bytes::Bytes;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

const LOCK: &str = "lock";

/// What a file that cannot be read is left under.
const DAMAGED: &str = "damaged";

/// Keeps events, where there is a place for them.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct Shelf(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    own: Mutex<Option<Own>>,
    next: AtomicU64,
}

/// This process's folder, which lives as long as its lock.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    _lock: File,
}

/// An event's file.
#[derive(Debug)]
pub(super) struct Kept(PathBuf);

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

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    function: Box<str>,
    is_drawn: bool,
    version: Option<Box<str>>,
    request_id: Option<String>,
    client_context: Option<Box<str>>,
    timeout_ms: u64,
    /// Since 1970.
    taken_ms: u64,
    runs: u32,
    retries_max: u32,
    age_max_ms: u64,
    dead_letter: Option<Target>,
    on_failure: Option<Target>,
    on_success: Option<Target>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Target {
    Arn(Box<str>),
    File(PathBuf),
    Http(String),
}

impl Shelf {
    /// One in that folder, which is made with the first event; none keeps nothing.
    pub(in crate::control) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.map(|folder| {
            Arc::new(Inner { folder, own: Mutex::new(None), next: AtomicU64::new(0) })
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
        let (header, event) = (Header::of(event, age, runs), event.event.clone());
        blocking(move || {
            let own = inner.own_folder()?;
            let number = inner.next.fetch_add(1, Ordering::Relaxed);
            let path = own.join(number.to_string());
            write(&path, &header, &event)?;
            Ok(Some(Kept(path)))
        })
        .await
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
    /// Writes down that the function has failed once more.
    pub(super) async fn failed(&self, event: &Event, age: Duration, runs: u32) -> io::Result<()> {
        let (path, header, event) =
            (self.0.clone(), Header::of(event, age, runs), event.event.clone());
        blocking(move || write(&path, &header, &event)).await
    }

    /// The event is done with.
    pub(super) async fn forget(self) {
        let path = self.0;
        if let Err(error) = blocking(move || fs::remove_file(path)).await {
            tracing::warn!(%error, "an event that is done with stays on disk: it will be run again");
        }
    }
}

impl Inner {
    fn own_folder(&self) -> io::Result<PathBuf> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = &*own {
            return Ok(own.path.clone());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
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
            let Some((event, age, runs)) = read(&path) else {
                let left = self.folder.join(format!("{DAMAGED}-{}", name.display()));
                tracing::error!(file = %left.display(), "an event that was kept cannot be read");
                fs::rename(&path, left)?;
                continue;
            };
            let own = self.own_folder()?;
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let moved = own.join(number.to_string());
            fs::rename(&path, &moved)?;
            found.push(Found { event, age, runs, kept: Kept(moved) });
        }
        fs::remove_dir_all(folder)
    }
}

impl Header {
    fn of(event: &Event, age: Duration, runs: u32) -> Self {
        let taken = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let taken = taken.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let rules = &event.rules;
        Self {
            function: event.function.clone(),
            is_drawn: event.is_drawn,
            version: event.version.clone(),
            request_id: event.request_id.as_ref().map(|id| id.as_str().to_owned()),
            client_context: event.client_context.clone(),
            timeout_ms: millis(event.timeout),
            taken_ms: millis(taken),
            runs,
            retries_max: rules.retries_max,
            age_max_ms: millis(rules.age_max),
            dead_letter: rules.dead_letter.as_ref().map(Target::of),
            on_failure: rules.on_failure.as_ref().map(Target::of),
            on_success: rules.on_success.as_ref().map(Target::of),
        }
    }

    fn event(self, event: Bytes) -> (Event, Duration, u32) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_millis(self.taken_ms));
        let rules = EventRules {
            retries_max: self.retries_max,
            age_max: Duration::from_millis(self.age_max_ms),
            dead_letter: self.dead_letter.map(Target::into_target),
            on_failure: self.on_failure.map(Target::into_target),
            on_success: self.on_success.map(Target::into_target),
        };
        let event = Event {
            function: self.function,
            is_drawn: self.is_drawn,
            version: self.version,
            request_id: self.request_id.as_deref().and_then(ids::known_uuid),
            event,
            client_context: self.client_context,
            timeout: Duration::from_millis(self.timeout_ms),
            rules: rules.into(),
        };
        (event, age, self.runs)
    }
}

impl Target {
    fn of(target: &EventTarget) -> Self {
        match target {
            EventTarget::Arn(arn) => Self::Arn(arn.clone()),
            EventTarget::Place(EventPlace::File(path)) => Self::File(path.clone()),
            EventTarget::Place(EventPlace::Http(url)) => Self::Http(url.clone()),
        }
    }

    fn into_target(self) -> EventTarget {
        match self {
            Self::Arn(arn) => EventTarget::Arn(arn),
            Self::File(path) => EventTarget::Place(EventPlace::File(path)),
            Self::Http(url) => EventTarget::Place(EventPlace::Http(url)),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// In one step: a file is whole, or was never there.
fn write(path: &Path, header: &Header, event: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    let mut bytes = serde_json::to_vec(header)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(event);
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> Option<(Event, Duration, u32)> {
    let bytes = fs::read(path).ok()?;
    let end = memchr::memchr(b'\n', &bytes)?;
    let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
    Some(header.event(Bytes::from(bytes).slice(end + 1..)))
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

    fn event(text: &'static str) -> Event {
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
        kept.unwrap().failed(&event("{ \"a\":\n1 }"), Duration::from_secs(5), 1).await.unwrap();
        done.forget().await;
        assert!(second.found().await.is_empty(), "the first one lives");
        drop(first);
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
        fs::write(&broken.0, "no header").unwrap();
        fs::write(broken.0.with_extension("new"), "half").unwrap();
        drop(first);
        let found = shelf().found().await;
        assert_eq!(found.len(), 1);
        assert_eq!(&*found[0].event.event, b"2");
        assert!(folder.path().join("damaged-0").exists());
    }

    #[tokio::test]
    async fn without_a_place_nothing_is_kept() {
        let shelf = Shelf::default();
        assert!(shelf.keep(&event("1"), Duration::ZERO, 0).await.unwrap().is_none());
        assert!(shelf.found().await.is_empty());
    }
}
