//! What can go wrong with a store, each with what the operator does about it.

use super::Revision;

/// Why the store refused or failed. A place is an SQLite file's path, or a PostgreSQL host and
/// database without user and password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another host wrote first: take its changes ([`super::Store::changes_since`]) and try again.
    #[error("another host wrote first: the store is at revision {current}")]
    Conflict {
        /// The revision that the store has now.
        current: Revision,
    },
    /// It cannot be reached, opened or written: nothing was stored. It may come back.
    #[error("the store {place} is not available: {cause}")]
    Unavailable {
        /// Which store.
        place: String,
        /// What happened.
        cause: String,
    },
    /// The connection was lost while a write was being confirmed, and could not be had again to ask.
    /// The write may be stored or not: ask for [`super::Store::changes_since`] before the next one.
    #[error(
        "the store {place} went away while a write was confirmed, it may be stored or not: {cause}"
    )]
    InDoubt {
        /// Which store.
        place: String,
        /// What happened.
        cause: String,
    },
    /// Another process holds an SQLite file's lock for longer than we wait. Nothing was stored.
    #[error(
        "the store {place} has been locked by another process for more than {seconds} s: `fuser {place}` names it"
    )]
    Locked {
        /// The file.
        place: String,
        /// How long we waited.
        seconds: u64,
    },
    /// A newer ringgate has written it.
    #[error(
        "the store {place} has schema version {found}, this ringgate knows versions up to {known}: start the newer ringgate, or restore a backup into a new store"
    )]
    NewerSchema {
        /// Which store.
        place: String,
        /// Its version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The address is none.
    #[error(
        "expected a store's address (\"sqlite:FILE\", \"postgres://…\" or \"memory\"): {cause}"
    )]
    BadUrl {
        /// What is wrong, without the address: it may hold a password.
        cause: String,
    },
    /// A row that not every engine could keep. Nothing was stored.
    #[error("this cannot be stored: {cause}")]
    BadRow {
        /// What is wrong with it.
        cause: String,
    },
    /// A backup would be restored over something.
    #[error(
        "the store {place} is at revision {revision} and holds {rows} rows: restore into an empty one, or replace them all with --force"
    )]
    NotEmpty {
        /// Which store.
        place: String,
        /// Its revision.
        revision: Revision,
        /// How many rows would be lost.
        rows: u64,
    },
    /// What was read back is not what a ringgate writes.
    #[error("the store {place} is damaged: {cause}")]
    Damaged {
        /// Which store.
        place: String,
        /// What was found.
        cause: String,
    },
}

impl StoreError {
    pub(super) fn unavailable(place: &str, cause: impl std::fmt::Display) -> StoreError {
        StoreError::Unavailable { place: place.to_owned(), cause: cause.to_string() }
    }
}
