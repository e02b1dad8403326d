//! `[log]`: what ringgate writes about itself to standard error.

use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[log]",
    about: "What ringgate writes about itself to standard error. One line per request is the access log's job.",
    keys: &[
        Key {
            name: "level",
            kind: Kind::Text(
                "a level (error, warn, info, debug, trace, off), or several as \"info,ringgate::shard=debug\"",
            ),
            absent: Absent::Default("\"info\""),
            example: "\"info\"",
            about: "How much. `info` is starts, reloads and drains; what clients did wrong comes with `debug`.",
        },
        Key {
            name: "format",
            kind: Kind::Choice(&["text", "json"]),
            absent: Absent::Default("\"text\""),
            example: "\"text\"",
            about: "`text` for people, `json` (one object per line) for machines.",
        },
    ],
};

/// Level and shape of the log. Access logs are their own thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Filter in `tracing` directive syntax, e.g. `info` or `info,ringgate::shard=debug`.
    pub level: String,
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

pub(super) fn read(reader: &Reader<'_>) -> Log {
    let level = reader.read("level", |value, key| {
        let filter = text(value, key)?;
        match filter.split(',').all(is_directive) {
            true => Ok(filter.to_owned()),
            false => Err(Refused::new("log-level", key.kind.expected())),
        }
    });
    Log {
        level: level.unwrap_or_default(),
        format: reader
            .choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            .unwrap_or(LogFormat::Text),
    }
}

/// `level` or `target=level`.
fn is_directive(directive: &str) -> bool {
    let level = match directive.split_once('=') {
        Some((target, level)) if !target.is_empty() => level,
        Some(_) => return false,
        None => directive,
    };
    ["error", "warn", "info", "debug", "trace", "off"].contains(&level.trim())
}
