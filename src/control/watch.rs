//! Watch: notices that a file of the configuration has changed.
//!
//! Watches folders, not files: editors and deployment tools write a new file and rename it over the
//! old one, and a watch of the old one would then watch nothing. A burst of events is one change.
//! It is a convenience: where it cannot work (network file systems, exhausted inotify watches) it
//! says so, and SIGHUP remains.

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A change is over when nothing has happened for this long: a tool that writes certificate and key
/// one after the other must not be caught between the two.
const QUIET: Duration = Duration::from_millis(250);

/// A file that is written to without pause is read after this long all the same.
const QUIET_MAX: Duration = Duration::from_secs(3);

/// The files of the configuration, watched.
#[derive(Debug)]
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    /// Names of the watched files, without their folders; shared with the watcher's thread.
    names: Arc<Mutex<HashSet<OsString>>>,
    events: mpsc::Receiver<()>,
    /// The change that is being waited for to be over.
    burst: Option<Burst>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    begin: Instant,
    last: Instant,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new() -> Self {
        // One place: an event that finds it taken belongs to the same burst.
        let (sender, events) = mpsc::channel(1);
        let names = Arc::new(Mutex::new(HashSet::new()));
        let watched = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let names = watched.lock().unwrap_or_else(PoisonError::into_inner);
            if event.is_ok_and(|event| is_change(&event, &names)) {
                // Full: a change is already waiting to be seen.
                let _ = sender.try_send(());
            }
        })
        .inspect_err(|error| warn_no_watch(None, error))
        .ok();
        Self { watcher, folders: BTreeSet::new(), names, events, burst: None }
    }

    /// Watches these files and no others. A symbolic link's target is watched too.
    pub fn set_files<'f>(&mut self, files: impl IntoIterator<Item = &'f Path>) {
        let mut names = HashSet::new();
        let mut folders = BTreeSet::new();
        for file in files {
            for path in [Some(file.to_owned()), file.canonicalize().ok()].into_iter().flatten() {
                let Some(name) = path.file_name() else {
                    continue;
                };
                names.insert(name.to_owned());
                let folder = match path.parent() {
                    Some(folder) if folder != Path::new("") => folder,
                    _ => Path::new("."),
                };
                // One name per folder: inotify knows a folder once, so giving up one of two names
                // for it would end the watch under both.
                folders.insert(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()));
            }
        }
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in self.folders.difference(&folders) {
            // Gone already when the folder was removed.
            let _ = watcher.unwatch(folder);
        }
        let mut kept: BTreeSet<_> = self.folders.intersection(&folders).cloned().collect();
        for folder in folders {
            if kept.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    kept.insert(folder);
                }
                Err(error) => warn_no_watch(Some(&folder), &error),
            }
        }
        self.folders = kept;
    }

    /// Waits for a change and until it is over. Cancelling loses nothing.
    pub async fn changed(&mut self) {
        loop {
            let Some(Burst { begin, last }) = self.burst else {
                if self.events.recv().await.is_none() {
                    // No watcher: there will never be a change.
                    std::future::pending::<()>().await;
                }
                let now = Instant::now();
                self.burst = Some(Burst { begin: now, last: now });
                continue;
            };
            let over = (last + QUIET).min(begin + QUIET_MAX);
            if let Ok(Some(())) = tokio::time::timeout_at(over, self.events.recv()).await
                && Instant::now() < over
            {
                let last = Instant::now();
                self.burst = Some(Burst { begin, last });
            } else {
                self.burst = None;
                return;
            }
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

fn warn_no_watch(folder: Option<&Path>, error: &notify::Error) {
    let folder = folder.map(|folder| folder.display().to_string());
    tracing::warn!(
        folder, %error,
        "changes of the configuration are not noticed here; send SIGHUP after a change"
    );
}

fn is_change(event: &Event, names: &HashSet<OsString>) -> bool {
    let is_write = match event.kind {
        // Reading the files, as a reload does, is no change.
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    is_write
        && (event.need_rescan()
            || event.paths.iter().filter_map(|path| path.file_name()).any(|name| {
                // Kubernetes swaps the link `..data` beside the files.
                names.contains(name) || name.as_encoded_bytes().starts_with(b"..")
            }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn watching(file: &Path) -> Watch {
        let mut watch = Watch::new();
        watch.set_files([file]);
        watch
    }

    async fn sees(watch: &mut Watch) {
        tokio::time::timeout(PATIENCE, watch.changed()).await.expect("the change is seen");
    }

    /// True when nothing is noticed for clearly longer than a change takes to be told.
    async fn sees_nothing(watch: &mut Watch) -> bool {
        tokio::time::timeout(4 * QUIET, watch.changed()).await.is_err()
    }

    #[tokio::test]
    async fn a_file_written_in_place_or_replaced_by_a_rename_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, "one").unwrap();
        let mut watch = watching(&file);

        fs::write(&file, "two").unwrap();
        sees(&mut watch).await;

        // As editors do it; twice, because the first rename replaces the watched inode.
        for text in ["three", "four"] {
            let new = folder.path().join("ringgate.toml~");
            fs::write(&new, text).unwrap();
            fs::rename(&new, &file).unwrap();
            sees(&mut watch).await;
        }
    }

    #[tokio::test]
    async fn the_swapped_link_of_a_config_map_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("..one", "1"), ("..two", "2")] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("ringgate.toml"), text).unwrap();
        }
        std::os::unix::fs::symlink("..one", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/ringgate.toml", at("ringgate.toml")).unwrap();
        let mut watch = watching(&at("ringgate.toml"));

        std::os::unix::fs::symlink("..two", at("..data_new")).unwrap();
        fs::rename(at("..data_new"), at("..data")).unwrap();
        sees(&mut watch).await;
        assert_eq!(fs::read_to_string(at("ringgate.toml")).unwrap(), "2");
    }

    #[tokio::test]
    async fn reading_the_file_and_writing_others_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, "one").unwrap();
        let mut watch = watching(&file);
        fs::read_to_string(&file).unwrap();
        fs::write(folder.path().join("ringgate.db"), "busy").unwrap();
        assert!(sees_nothing(&mut watch).await);
    }

    #[tokio::test]
    async fn a_burst_is_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, "one").unwrap();
        let mut watch = watching(&file);
        for number in 0..20 {
            fs::write(&file, number.to_string()).unwrap();
        }
        sees(&mut watch).await;
        assert!(sees_nothing(&mut watch).await);
    }
}
