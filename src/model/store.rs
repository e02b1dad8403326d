//! `[store]`: where management writes are kept.

use std::path::PathBuf;

use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[store]",
    about: "Where management writes are kept. Relative file names are relative to the working directory, where systemd's unit has its state. Changes only with a restart.",
    keys: &[
        Key {
            name: "url",
            kind: Kind::Text("\"sqlite:FILE\", \"postgres://…\" or \"memory\""),
            absent: Absent::Default("\"sqlite:ringgate.db\""),
            example: "\"sqlite:ringgate.db\"",
            about: "SQLite for one host, PostgreSQL for a fleet, memory for tests. Never printed: it may hold a password.",
        },
        Key {
            name: "last_good",
            kind: Kind::Text("a file name, or \"\" for none"),
            absent: Absent::Means(
                "the SQLite file's name with `.last-good`; `ringgate.last-good` with PostgreSQL; none with memory",
            ),
            example: "\"ringgate.last-good\"",
            about: "The state last known, from which the gateway serves when the store is away at the start. It holds what the store holds, API keys' values included, and only its owner can read it.",
        },
    ],
};

/// The store's address and what stands in for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:FILE`, `postgres://…` or `memory`. May hold a password: never printed.
    pub url: String,
    /// The file with the last good state, relative to the working directory; `None` when there is to be none.
    pub last_good: Option<PathBuf>,
}

impl Store {
    /// The folder of events that nobody waits for, relative to the working directory: beside an SQLite file
    /// or, with PostgreSQL, the last good state. `None` with memory: they go with the process.
    pub fn events(&self) -> Option<PathBuf> {
        let beside = match self.url.strip_prefix("sqlite:") {
            Some(":memory:") => return None,
            Some(file) => PathBuf::from(file.strip_prefix("//").unwrap_or(file)),
            None if self.url == "memory" => return None,
            None => self.last_good.clone()?,
        };
        let mut name = beside.into_os_string();
        name.push(".events");
        Some(name.into())
    }
}

impl std::fmt::Debug for Store {
    /// Shows the kind only: the rest may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.url.split(':').next().unwrap_or_default();
        formatter
            .debug_struct("Store")
            .field("url", &kind)
            .field("last_good", &self.last_good)
            .finish()
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Store {
    let url = reader.read("url", |value, key| {
        let url = text(value, key)?;
        let known = ["sqlite:", "postgres://", "postgresql://"];
        match url == "memory"
            || known
                .iter()
                .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        {
            true => Ok(url.to_owned()),
            false => Err(Refused::new("bad-url", key.kind.expected())),
        }
    });
    let url = url.unwrap_or_default();
    let last_good = match reader.read("last_good", |value, key| match value.as_str() {
        Some(file) => Ok(file.to_owned()),
        None => Err(Refused::new("wrong-type", key.kind.expected())),
    }) {
        Some(file) if file.is_empty() => None,
        Some(file) => Some(file.into()),
        None => usual_last_good(&url),
    };
    Store { url, last_good }
}

/// Beside an SQLite file, where there is room and the right to write.
fn usual_last_good(url: &str) -> Option<PathBuf> {
    match url.strip_prefix("sqlite:") {
        Some(":memory:") => None,
        Some(file) => Some(format!("{}.last-good", file.strip_prefix("//").unwrap_or(file)).into()),
        None if url == "memory" => None,
        None => Some("ringgate.last-good".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_kept_beside_what_is_on_disk() {
        let events = |url: &str, last_good: Option<&str>| {
            Store { url: url.into(), last_good: last_good.map(Into::into) }.events()
        };
        assert_eq!(events("sqlite:a/b.db", None), Some("a/b.db.events".into()));
        assert_eq!(events("sqlite:///var/b.db", None), Some("/var/b.db.events".into()));
        assert_eq!(
            events("postgres://h/d", Some("x.last-good")),
            Some("x.last-good.events".into())
        );
        for (url, last_good) in
            [("sqlite::memory:", Some("x")), ("memory", Some("x")), ("postgres://h/d", None)]
        {
            assert_eq!(events(url, last_good), None, "{url}");
        }
    }
}
