//! `[store]`: where management writes are kept. Stored here, used by later parts.

use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[store]",
    about: "Where management writes are kept. Checked and kept; nothing of this version uses it yet.",
    keys: &[Key {
        name: "url",
        kind: Kind::Text("\"sqlite:FILE\", \"postgres://…\" or \"memory\""),
        absent: Absent::Default("\"sqlite:ringgate.db\""),
        example: "\"sqlite:ringgate.db\"",
        about: "SQLite for one host, PostgreSQL for a fleet, memory for tests. Never printed: it may hold a password.",
    }],
};

/// The store's address.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:FILE`, `postgres://…` or `memory`. May hold a password: never printed.
    pub url: String,
}

impl std::fmt::Debug for Store {
    /// Shows the kind only: the rest may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.url.split(':').next().unwrap_or_default();
        formatter.debug_struct("Store").field("url", &kind).finish()
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
    Store { url: url.unwrap_or_default() }
}
