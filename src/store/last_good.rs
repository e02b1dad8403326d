//! The last good state: a file with all rows, from which a gateway starts when its store is away.
//!
//! PostgreSQL may be down just when a host boots, and an SQLite file may be damaged. The shards need
//! neither to serve; only changes do. So every host keeps the rows it last knew in a file of its own,
//! written beside the work ([`keep`]) and read only at a start that finds no store. The file may be
//! some seconds older than the store: it is what to serve meanwhile, never what to write back.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{DumpError, Revision, Row, Store, StoreError, dump};

/// After a change so long is waited for more of them, before all rows are written.
const QUIET: Duration = Duration::from_secs(2);

/// Writing all rows takes time in proportion to their number; the pause after it is this many times
/// as long, so that it costs at most a twentieth of a core however many changes there are.
const PAUSE_FACTOR: u32 = 19;

/// After a failure so long until the next try, and the next line in the log.
const AGAIN: Duration = Duration::from_secs(30);

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastGood {
    /// The store's revision at that time.
    pub revision: Revision,
    /// All rows in the order of their keys.
    pub rows: Vec<Row>,
}

impl LastGood {
    /// Reads a file. Its digest is checked: what is returned is what was written.
    pub fn read(file: &Path) -> Result<LastGood, DumpError> {
        let (revision, rows) = dump::read(file)?;
        Ok(LastGood { revision, rows })
    }

    /// Writes a file in one step, durably, readable by its owner only. Blocks: not for the control
    /// thread.
    pub fn write<'a, I>(file: &Path, revision: Revision, rows: I) -> Result<(), DumpError>
    where
        I: IntoIterator<Item = &'a Row, IntoIter: ExactSizeIterator>,
    {
        dump::write(file, revision, rows)
    }

    /// The revision in a file's header, without reading all of it.
    pub fn revision_in(file: &Path) -> Result<Revision, DumpError> {
        dump::revision(file)
    }
}

/// Keeps `file` close behind `store` until the sender of `changed` is gone; then writes what is
/// missing and returns. `changed` says the latest revision. Failures are logged and tried again.
pub async fn keep(store: &Store, file: &Path, mut changed: watch::Receiver<Revision>) {
    let name = file.to_owned();
    let found = tokio::task::spawn_blocking(move || LastGood::revision_in(&name)).await;
    let mut written = found.ok().and_then(Result::ok);
    let mut is_over = false;
    loop {
        let newest = *changed.borrow_and_update();
        let mut pause = QUIET;
        let mut is_done = true;
        // Unequal, not less: a file of another store may have a higher revision.
        if written != Some(newest) {
            let begin = Instant::now();
            match write_all(store, file).await {
                Ok(revision) => written = Some(revision.max(newest)),
                Err(error) => {
                    is_done = false;
                    pause = AGAIN;
                    tracing::warn!(
                        file = %file.display(), error = %error,
                        "the last good state cannot be written"
                    );
                }
            }
            pause = pause.max(begin.elapsed() * PAUSE_FACTOR);
        }
        if is_over {
            return;
        }
        let ended = ended(changed.clone());
        let next = async {
            tokio::time::sleep(pause).await;
            if is_done && changed.changed().await.is_ok() {
                tokio::time::sleep(QUIET).await;
            }
        };
        is_over = tokio::select! {
            () = next => false,
            () = ended => true,
        };
    }
}

/// Returns when nobody can announce changes any more.
async fn ended(mut changed: watch::Receiver<Revision>) {
    while changed.changed().await.is_ok() {}
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] DumpError),
    #[error("the thread that writes ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

async fn write_all(store: &Store, file: &Path) -> Result<Revision, KeepError> {
    let (revision, rows) = store.load().await?;
    let file = file.to_owned();
    let writing = tokio::task::spawn_blocking(move || LastGood::write(&file, revision, &rows));
    writing.await??;
    Ok(revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Change, Entry, RowKey};

    fn change(id: u64) -> Change {
        let id = id.to_string();
        let key = RowKey { region: "r".into(), owner: String::new(), kind: "k".into(), id };
        Change {
            at_millis: 0,
            author: String::new(),
            source: String::new(),
            operation: String::new(),
            summary: String::new(),
            entries: vec![Entry { key, before: None, after: Some("{}".into()) }],
        }
    }

    #[tokio::test]
    async fn the_file_follows_the_store_and_holds_the_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("last-good");
        let store = Store::open("memory").await.expect("memory");
        let (sender, receiver) = watch::channel(0);
        let keeping = keep(&store, &file, receiver);
        let changing = async {
            for revision in 0..5 {
                let committed = store.commit(revision, &[change(revision)]).await.expect("memory");
                sender.send_replace(committed);
            }
            drop(sender);
        };
        tokio::join!(keeping, changing);
        let last_good = LastGood::read(&file).expect("written");
        assert_eq!((last_good.revision, last_good.rows.len()), (5, 5));
        assert_eq!(LastGood::revision_in(&file).expect("written"), 5);
    }
}
