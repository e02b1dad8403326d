//! `[functions]`: what holds for all functions.

use super::function::{CLIENTS, Client};
use super::reader::Reader;
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[functions]",
    about: "What holds for all functions, those of the Lambda API included.",
    keys: &[Key {
        name: "client",
        kind: Kind::Choice(&["ringgate", "official"]),
        absent: Absent::Default("\"ringgate\""),
        example: "\"ringgate\"",
        about: "What stands between Lambda's Runtime API and the handlers of functions that do not say it themselves.",
    }],
};

/// What holds for all functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Functions {
    /// What stands between the Runtime API and handlers.
    pub client: Client,
}

/// Reads `[functions]`.
pub(super) fn read(reader: &Reader<'_>) -> Functions {
    Functions { client: reader.choice("client", &CLIENTS).unwrap_or_default() }
}
