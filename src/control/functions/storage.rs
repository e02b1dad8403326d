//! Storage: how much workers' temporary folders hold, and what happens when it is too much.

use super::{Functions, Name, News, processes};
use rustix::process::Signal;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Files and folders that are looked at; a folder with more of them is told by those.
const ENTRIES_MAX: usize = 20_000;

impl Functions {
    /// Looks into temporary folders, beside the loop.
    pub(super) fn measure_folders(&self) {
        let folders: Vec<_> = self
            .workers
            .iter()
            .map(|(name, it)| (*name, it.folder.clone(), it.launch.storage_bytes))
            .collect();
        let news = self.news.0.clone();
        tokio::spawn(async move {
            let measuring = move || {
                let measured = folders.into_iter().filter_map(|(name, folder, most)| {
                    let held = bytes_in(&folder);
                    (held > most).then_some((name, held))
                });
                measured.collect()
            };
            let overfull: Vec<_> = tokio::task::spawn_blocking(measuring).await.unwrap_or_default();
            if !overfull.is_empty() {
                let _ = news.send(News::Overfull(overfull)).await;
            }
        });
    }

    pub(super) fn on_overfull(&self, all: &[(Name, u64)]) {
        for (name, held) in all {
            let Some(running) = self.workers.get(name) else { continue };
            let (function, most) = (&running.launch.name, running.launch.storage_bytes);
            tracing::warn!(
                function,
                held,
                most,
                "a worker's temporary folder holds too much and the worker is killed"
            );
            processes::signal_group(running.pid, Signal::KILL);
        }
    }
}

/// Bytes on disk of all that is in a folder, links not followed. Blocks.
fn bytes_in(folder: &Path) -> u64 {
    let (mut left, mut bytes, mut entries) = (vec![folder.to_owned()], 0, 0);
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES_MAX {
                return bytes;
            }
            // What has gone meanwhile holds nothing.
            let Ok(found) = entry.metadata() else { continue };
            bytes += found.blocks() * 512;
            if found.is_dir() {
                left.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_counted_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("large"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("link")).unwrap();
        assert!(bytes_in(folder.path()) < 100_000);
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), vec![1; 1 << 20]).unwrap();
        assert!(bytes_in(folder.path()) >= 1 << 20);
        assert_eq!(bytes_in(Path::new("/there/is/nothing")), 0);
    }
}
