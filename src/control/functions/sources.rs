//! Sources: notices that the code of a function has changed, for development (`[functions] watch`).
//!
//! Watches the folders that functions run in place. Folders of installed packages are left out: they hold
//! thousands of files, and who changes one touches a source of the function's own. Whatever looks like
//! something that a running function writes is left out too, lest a function replaces itself.

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A change is over when nothing has happened for this long: editors and compilers write several files.
const QUIET: Duration = Duration::from_millis(100);

/// Code that is written to without pause is taken as it is after this long.
const QUIET_MAX: Duration = Duration::from_secs(2);

/// Changes that wait to be looked at; with more of them every function has changed.
const WAITING_MAX: usize = 1024;

/// Folders that are watched, of all functions; Linux allows a user 8,192 watches where it has little memory.
const FOLDERS_MAX: usize = 4096;

/// Names of folders with what nobody edits.
const FOLDERS_LEFT_OUT: &[&str] = &["node_modules", "__pycache__", "site-packages", "target"];

/// Ends of names of what editors and running functions leave.
const ENDS_LEFT_OUT: &[&str] =
    &["~", ".swp", ".swx", ".tmp", ".pyc", ".log", ".db", ".db-wal", ".db-shm", ".sqlite", ".lock"];

/// A function whose code is watched.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// [`Launch::key`](crate::snapshot::function::Launch::key).
    pub(super) key: Box<str>,
    /// Its folder.
    pub(super) code: PathBuf,
}

/// The code of functions, watched.
#[derive(Debug)]
pub(super) struct Sources {
    /// Made with the first function.
    watcher: Option<RecommendedWatcher>,
    functions: Vec<Watched>,
    folders: BTreeSet<PathBuf>,
    events: mpsc::Receiver<PathBuf>,
    sender: mpsc::Sender<PathBuf>,
    /// Whether a change found no place in the queue.
    is_flooded: Arc<AtomicBool>,
    /// When the changes of a function began, and the last of them.
    bursts: BTreeMap<Box<str>, Burst>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    begin: Instant,
    last: Instant,
}

impl Burst {
    fn over(self) -> Instant {
        (self.last + QUIET).min(self.begin + QUIET_MAX)
    }
}

impl Sources {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        let (sender, events) = mpsc::channel(WAITING_MAX);
        Self {
            watcher: None,
            functions: Vec::new(),
            folders: BTreeSet::new(),
            events,
            sender,
            is_flooded: Arc::default(),
            bursts: BTreeMap::new(),
        }
    }

    /// Watches the code of these functions and of no others.
    pub(super) fn set(&mut self, mut functions: Vec<Watched>) {
        for function in &mut functions {
            if let Ok(code) = function.code.canonicalize() {
                function.code = code;
            }
        }
        self.functions = functions;
        self.bursts.clear();
        if self.watcher.is_none() && !self.functions.is_empty() {
            self.watcher = self.make_watcher();
        }
        self.follow_folders();
    }

    fn make_watcher(&self) -> Option<RecommendedWatcher> {
        let (sender, is_flooded) = (self.sender.clone(), Arc::clone(&self.is_flooded));
        let made = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            if event.need_rescan() {
                is_flooded.store(true, Ordering::Relaxed);
            }
            if !is_change(event.kind) && !event.need_rescan() {
                return;
            }
            for path in event.paths {
                if sender.try_send(path).is_err() {
                    is_flooded.store(true, Ordering::Relaxed);
                }
            }
        });
        made.inspect_err(|error| tracing::warn!(%error, "code of functions cannot be watched")).ok()
    }

    /// Watches folders that are new, and forgets those that are gone.
    fn follow_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut folders = BTreeSet::new();
        for function in &self.functions {
            find_folders(&function.code, &mut folders);
        }
        for folder in self.folders.difference(&folders) {
            // Gone already when the folder was removed.
            let _ = watcher.unwatch(folder);
        }
        for folder in folders.difference(&self.folders) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "changes of code are not noticed here");
            }
        }
        self.folders = folders;
    }

    /// Waits for changes and until they are over; gives the keys of the functions that have changed.
    /// Cancelling loses nothing.
    pub(super) async fn changed(&mut self) -> Vec<Box<str>> {
        loop {
            let over = self.bursts.values().map(|burst| burst.over()).min();
            let event = async {
                match over {
                    Some(over) => tokio::time::timeout_at(over, self.events.recv()).await,
                    None => Ok(self.events.recv().await),
                }
            };
            if let Ok(Some(path)) = event.await {
                self.note(&path, Instant::now());
            }
            let now = Instant::now();
            let mut done = Vec::new();
            self.bursts.retain(|key, burst| {
                let is_over = burst.over() <= now;
                if is_over {
                    done.push(key.clone());
                }
                !is_over
            });
            if !done.is_empty() {
                // Among the changes may have been a new folder.
                self.follow_folders();
                return done;
            }
        }
    }

    fn note(&mut self, path: &Path, now: Instant) {
        let all = self.is_flooded.swap(false, Ordering::Relaxed);
        for function in &self.functions {
            let is_its = path.strip_prefix(&function.code).is_ok_and(is_source);
            if all || is_its {
                let burst = self.bursts.entry(function.key.clone());
                burst.or_insert(Burst { begin: now, last: now }).last = now;
            }
        }
    }
}

/// The folders of code, itself first. Does not follow links, which could lead round in circles.
fn find_folders(code: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut left = vec![code.to_owned()];
    while let Some(folder) = left.pop() {
        if found.len() >= FOLDERS_MAX {
            let code = code.display();
            tracing::warn!(%code, most = FOLDERS_MAX, "too many folders of code to watch them all");
            return;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
        left.extend(
            folders.map(|it| it.path()).filter(|it| it.file_name().is_some_and(is_watched)),
        );
        found.insert(folder);
    }
}

fn is_change(kind: EventKind) -> bool {
    match kind {
        // Reading files, as workers do when they start, is no change.
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        // Neither is who may read them, or when they were read.
        EventKind::Modify(ModifyKind::Metadata(_)) => false,
        _ => true,
    }
}

/// Whether a name within the code is one that workers may depend on.
fn is_source(path: &Path) -> bool {
    path.iter().all(is_watched)
        && path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            // vim writes this one to see whether it can.
            name != "4913" && !ENDS_LEFT_OUT.iter().any(|end| name.ends_with(end))
        })
}

fn is_watched(name: &std::ffi::OsStr) -> bool {
    !name.as_encoded_bytes().starts_with(b".")
        && !FOLDERS_LEFT_OUT.iter().any(|left_out| name == *left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn watching(codes: &[(&str, &Path)]) -> Sources {
        let mut sources = Sources::new();
        let watched =
            |(key, code): &(&str, &Path)| Watched { key: (*key).into(), code: code.into() };
        sources.set(codes.iter().map(watched).collect());
        sources
    }

    async fn sees(sources: &mut Sources) -> Vec<Box<str>> {
        tokio::time::timeout(PATIENCE, sources.changed()).await.expect("the change is seen")
    }

    async fn sees_nothing(sources: &mut Sources) -> bool {
        tokio::time::timeout(5 * QUIET, sources.changed()).await.is_err()
    }

    #[test]
    fn what_nobody_edits_is_no_source() {
        for name in ["app.py", "lib/db.js", "templates/a.html", "bootstrap", "data.json"] {
            assert!(is_source(Path::new(name)), "{name}");
        }
        for name in [
            "",
            ".git/index",
            "__pycache__/app.cpython-311.pyc",
            "lib/node_modules/x/index.js",
            ".app.py.swp",
            "app.py~",
            "4913",
            "f.log",
            "cache.db-wal",
        ] {
            assert!(!is_source(Path::new(name)), "{name}");
        }
    }

    #[tokio::test]
    async fn a_change_is_that_of_the_function_in_whose_folder_it_is() {
        let place = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| place.path().join(name));
        for folder in [&one, &two] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("app.py"), "1").unwrap();
        }
        let mut sources = watching(&[("1", &one), ("2", &two)]);
        fs::write(two.join("app.py"), "2").unwrap();
        assert_eq!(sees(&mut sources).await, ["2".into()]);
        fs::write(one.join("notes.log"), "busy").unwrap();
        fs::create_dir(one.join("__pycache__")).unwrap();
        fs::read(one.join("app.py")).unwrap();
        assert!(sees_nothing(&mut sources).await);
        sources.set(Vec::new());
        fs::write(one.join("app.py"), "3").unwrap();
        assert!(sees_nothing(&mut sources).await);
    }

    #[tokio::test]
    async fn new_folders_are_watched_and_a_burst_is_one_change() {
        let place = tempfile::tempdir().unwrap();
        let mut sources = watching(&[("f", place.path())]);
        fs::create_dir(place.path().join("lib")).unwrap();
        assert_eq!(sees(&mut sources).await.len(), 1);
        for number in 0..20 {
            fs::write(place.path().join("lib/a.py"), number.to_string()).unwrap();
        }
        assert_eq!(sees(&mut sources).await.len(), 1);
        assert!(sees_nothing(&mut sources).await);
    }

    #[tokio::test]
    async fn a_flood_of_changes_is_a_change_of_all() {
        let place = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| place.path().join(name));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&two).unwrap();
        let mut sources = watching(&[("1", &one), ("2", &two)]);
        sources.is_flooded.store(true, Ordering::Relaxed);
        fs::write(one.join("a.py"), "1").unwrap();
        assert_eq!(sees(&mut sources).await, ["1".into(), "2".into()]);
    }
}
