//! `[functions]`: what holds for all functions.

use std::net::SocketAddr;

use toml::Spanned;

use super::function::{CLIENTS, Client};
use super::problem::ProblemKind;
use super::reader::Reader;
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[functions]",
    about: "What holds for all functions, those of the Lambda API included.",
    keys: &[
        Key {
            name: "client",
            kind: Kind::Choice(&["ringgate", "official"]),
            absent: Absent::Default("\"ringgate\""),
            example: "\"ringgate\"",
            about: "What stands between Lambda's Runtime API and the handlers of functions that do not say it themselves.",
        },
        Key {
            name: "watch",
            kind: Kind::Flag,
            absent: Absent::Default("false"),
            example: "true",
            about: "For development: when a file in a function's `code` folder changes, its workers are replaced without a failed request, and those of the old code stay while the new one does not start. Only where every listener is on loopback.",
        },
    ],
};

/// What holds for all functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Functions {
    /// What stands between the Runtime API and handlers.
    pub client: Client,
    /// Whether changed code replaces workers.
    pub watch: bool,
}

/// Reads `[functions]`.
pub(super) fn read(reader: &Reader<'_>, listeners: &[Spanned<SocketAddr>]) -> Functions {
    let client = reader.choice("client", &CLIENTS).unwrap_or_default();
    let watch = reader.flag("watch");
    let open = listeners.iter().find(|address| !address.get_ref().ip().is_loopback());
    if let (true, Some(address)) = (watch, open) {
        let address = address.get_ref().to_string();
        reader.findings.add(reader.span_of("watch"), ProblemKind::WatchedInTheOpen { address });
    }
    Functions { client, watch }
}
