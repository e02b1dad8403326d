//! The store: what a management write leaves behind, durable before the write is acknowledged. It
//! keeps rows of text and knows nothing of what they mean.
//!
//! One writer per host sends groups of changes; whoever is second of two hosts is told so
//! ([`StoreError::Conflict`]), takes the other's changes and tries again. The whole agreement is one
//! row with one number: a commit raises the revision from the one it was prepared for, or does
//! nothing. On SQLite the same holds between processes on one file, as during an upgrade.
//!
//! Nothing here decides anything about a request: shards serve from memory, and go on when the store
//! is away. What they start from then is [`last_good`].
//!
//! Measured on 4 virtual cores, optimised: a usual write (two rows of 450 bytes and its change) takes
//! 0.27 ms on SQLite and 0.17 ms of a core, nearly all of it the disk's sync and waking up after it;
//! in groups of ten 0.04 ms and 0.03 ms of a core each. So whoever has several writes waiting passes
//! them to one [`Store::commit`]. 100,000 rows are loaded in 0.35 s (`tests/store/speed.rs`).
//!
//! What is deliberately absent: a pool (two connections are enough, one to write and one to read; more
//! would only wait for each other), retries of conflicts (only who made the change knows whether it
//! still makes sense), and any reading of bodies.

mod dump;
mod engine;
mod error;
pub mod last_good;
mod queries;
mod rows;
mod schema;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use engine::{ANSWER_WAIT, Connection, Target, Unfinished};
use queries::{Outcome, Prepared};

pub use admin::{Report, read_backup, write_backup};
pub use dump::DumpError;
pub use error::StoreError;
pub use last_good::LastGood;
pub use rows::{Change, Entry, KEY_BYTES_MAX, Revision, Row, RowKey};

/// So many changes are kept for [`Store::history`], undoing, and hosts that catch up; older ones are
/// forgotten. At 2 KiB for a usual change that is 20 MiB, and months of a team's work.
pub const HISTORY_MAX: u64 = 10_000;

/// Forgetting happens once in so many changes, so that the history may be that much longer.
const PRUNE_EVERY: u64 = 64;

/// A host that is further behind loads everything, which is cheaper then.
const CATCH_UP_MAX: u64 = 1_000;

/// PostgreSQL may take so long for all rows, and for a restore.
const ALL_ROWS_WAIT: Duration = Duration::from_secs(120);

/// An open store. Its operations wait without blocking the thread, and their futures are `Send`.
///
/// When PostgreSQL goes away operations fail until it is back; each tries to connect again.
pub struct Store {
    target: Target,
    writer: Mutex<Seat>,
    /// Lets long reads and writes go on beside each other. A store in memory has one connection only.
    reader: Option<Mutex<Seat>>,
}

/// A connection, and whether it is in the middle of something.
struct Seat {
    connection: Connection,
    in_use: bool,
}

/// A connection for one operation. When the operation ends otherwise than [`Taken::done`], by an error
/// or because its future was dropped, the connection is closed, which also ends its transaction and
/// frees what other hosts may be waiting for.
struct Taken<'a> {
    seat: MutexGuard<'a, Seat>,
    /// Connected just now, so that a failure is not the fault of a connection that died idle.
    is_new: bool,
    /// A store in memory lives in its connection: it is rolled back by the next one who takes it.
    is_memory: bool,
}

impl Taken<'_> {
    fn done(mut self) {
        self.seat.in_use = false;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.seat.in_use && !self.is_memory {
            *self.seat = Seat { connection: Connection::Closed, in_use: false };
        }
    }
}

impl fmt::Debug for Store {
    /// The place only: an address may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("place", &self.place()).finish()
    }
}

/// Runs `$ask` on a connection, for at most `$wait` on PostgreSQL; once more on a new connection when
/// the old one turned out to be dead. Only for what may happen twice. A macro, because a function
/// that takes an asynchronous closure gives a future of which nobody can say that it is `Send`.
macro_rules! ask {
    ($store:expr, $seat:expr, $wait:expr, |$connection:ident| $ask:expr) => {{
        let store: &Store = $store;
        loop {
            let mut taken = store.take($seat).await?;
            let $connection = &mut taken.seat.connection;
            match store.in_time($wait, $ask).await? {
                Ok(answer) => {
                    taken.done();
                    break Ok(answer);
                }
                Err(error) if $crate::store::engine::is_lost(&error) && !taken.is_new => {}
                Err(error) => break Err(store.target.fault(&error)),
            }
        }
    }};
}

mod admin;

impl Store {
    /// Opens the store at `url`: `sqlite:FILE` (made when missing, with mode 0600; relative to the
    /// working directory), `postgres://…` or `memory`. Brings an older schema up to date, refuses a
    /// newer one.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        Self::open_target(Target::parse(url)?).await
    }

    /// Like [`Store::open`], but an SQLite file that is missing is an error, and so is `memory`,
    /// which only its own process can look into.
    pub async fn open_existing(url: &str) -> Result<Store, StoreError> {
        let target = Target::parse(url)?;
        match &target {
            Target::Sqlite(file) => {
                if let Err(error) = file.metadata() {
                    return Err(StoreError::unavailable(&target.place(), error));
                }
            }
            Target::Memory => {
                let cause = "a store in memory can only be seen by the process that has it";
                return Err(StoreError::BadUrl { cause: cause.into() });
            }
            Target::Postgres(_) => {}
        }
        Self::open_target(target).await
    }

    async fn open_target(target: Target) -> Result<Store, StoreError> {
        let mut connection = target.connect().await?;
        schema::migrate(&target, &mut connection).await?;
        let seat = |connection| Mutex::new(Seat { connection, in_use: false });
        let is_memory = matches!(target, Target::Memory);
        Ok(Store {
            target,
            writer: seat(connection),
            reader: (!is_memory).then(|| seat(Connection::Closed)),
        })
    }

    /// What messages call the store: a file, or a database and its host.
    pub fn place(&self) -> String {
        self.target.place()
    }

    /// The store's file, when it is SQLite's.
    pub fn file(&self) -> Option<&Path> {
        match &self.target {
            Target::Sqlite(file) => Some(file),
            Target::Postgres(_) | Target::Memory => None,
        }
    }

    /// All rows in the order of their keys, and the revision they are of.
    pub async fn load(&self) -> Result<(Revision, Vec<Row>), StoreError> {
        ask!(self, self.reader(), ALL_ROWS_WAIT, |connection| queries::load(connection))
    }

    /// Writes all of `changes` in one transaction, if nobody has written since `expected`. Each gets
    /// the next revision; returns the last one. When it returns the write survives a crash.
    ///
    /// Many changes at once cost little more than one: the disk's sync and the trips to the engine
    /// are paid once. A future that is dropped leaves the write done or not done, never half.
    pub async fn commit(
        &self,
        expected: Revision,
        changes: &[Change],
    ) -> Result<Revision, StoreError> {
        let entries = changes.iter().flat_map(|change| &change.entries);
        if let Some(cause) = entries.filter_map(|entry| entry.key.refused()).next() {
            return Err(StoreError::BadRow { cause });
        }
        if changes.is_empty() {
            return match self.revision().await? {
                current if current == expected => Ok(current),
                current => Err(StoreError::Conflict { current }),
            };
        }
        let prepared = Prepared::new(expected, changes);
        loop {
            let mut taken = self.take(&self.writer).await?;
            let commit = queries::commit(&mut taken.seat.connection, &prepared);
            let cause = match self.in_time(ANSWER_WAIT, commit).await {
                Ok(Ok(outcome)) => {
                    taken.done();
                    return match outcome {
                        Outcome::Committed => Ok(prepared.last()),
                        Outcome::Conflict { current } => Err(StoreError::Conflict { current }),
                    };
                }
                Ok(Err(Unfinished::Before(error))) if engine::is_lost(&error) && !taken.is_new => {
                    continue;
                }
                Ok(Err(Unfinished::Before(error))) => return Err(self.target.fault(&error)),
                Ok(Err(Unfinished::Committing(error))) => self.target.fault(&error),
                Err(late) => late,
            };
            drop(taken);
            return self.resolve(&prepared, cause).await;
        }
    }

    /// Finds out whether a commit without an answer has happened.
    async fn resolve(
        &self,
        prepared: &Prepared<'_>,
        cause: StoreError,
    ) -> Result<Revision, StoreError> {
        let happened: Result<bool, StoreError> = async {
            ask!(self, &self.writer, ANSWER_WAIT, |connection| queries::has_happened(
                connection, prepared
            ))
        }
        .await;
        match happened {
            Ok(true) => Ok(prepared.last()),
            Ok(false) => Err(cause),
            Err(_) => Err(StoreError::InDoubt { place: self.place(), cause: cause.to_string() }),
        }
    }

    /// The changes after `revision`, oldest first; `None` when the history does not reach back so
    /// far (or so far back that loading is cheaper), and everything is to be loaded anew.
    pub async fn changes_since(
        &self,
        revision: Revision,
    ) -> Result<Option<Vec<(Revision, Change)>>, StoreError> {
        ask!(self, self.reader(), ANSWER_WAIT, |connection| queries::changes_since(
            connection,
            revision,
            CATCH_UP_MAX
        ))
    }

    /// At most `limit` changes, newest first, all older than `before` when it is given.
    pub async fn history(
        &self,
        limit: usize,
        before: Option<Revision>,
    ) -> Result<Vec<(Revision, Change)>, StoreError> {
        ask!(self, self.reader(), ANSWER_WAIT, |connection| queries::history(
            connection, limit, before
        ))
    }

    /// One change, while the history has it.
    pub async fn change(&self, revision: Revision) -> Result<Option<Change>, StoreError> {
        ask!(self, self.reader(), ANSWER_WAIT, |connection| queries::change(connection, revision))
    }

    /// The revision that the store has now. Cheap: one row of one table.
    pub async fn revision(&self) -> Result<Revision, StoreError> {
        ask!(self, self.reader(), ANSWER_WAIT, |connection| queries::revision(connection))
    }

    fn reader(&self) -> &Mutex<Seat> {
        self.reader.as_ref().unwrap_or(&self.writer)
    }

    /// A connection for one operation, made anew when the last one was closed.
    async fn take<'a>(&self, seat: &'a Mutex<Seat>) -> Result<Taken<'a>, StoreError> {
        let mut seat = seat.lock().await;
        if seat.in_use {
            // The one in memory, left in the middle of a transaction, or before or after one.
            let _ = seat.connection.run("ROLLBACK", &[]).await;
        }
        let is_new = matches!(seat.connection, Connection::Closed);
        if is_new {
            seat.connection = self.target.connect().await?;
        }
        seat.in_use = true;
        Ok(Taken { seat, is_new, is_memory: matches!(self.target, Target::Memory) })
    }

    /// Waits for PostgreSQL's answer for at most `wait`. SQLite bounds itself by its lock's timeout,
    /// and a slow disk is no reason to give up in the middle.
    async fn in_time<T>(
        &self,
        wait: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, StoreError> {
        if !self.target.is_postgres() {
            return Ok(work.await);
        }
        tokio::time::timeout(wait, work).await.map_err(|_late| self.target.late())
    }
}
