//! The store from outside: the same suite on SQLite, in memory and on PostgreSQL; what survives
//! `kill -9`; the operator's commands.

mod commands;
mod kill;
mod postgres;
mod sequences;
mod speed;
mod sqlite;
mod suite;

use ringgate::store::{Change, Entry, Row, RowKey};

/// A key of the usual shape.
fn key(kind: &str, id: &str) -> RowKey {
    RowKey { region: "us-east-1".into(), owner: "abc".into(), kind: kind.into(), id: id.into() }
}

/// A change by nobody in particular.
fn change(entries: Vec<Entry>) -> Change {
    Change {
        at_millis: 1_700_000_000_123,
        author: "AKIDEXAMPLE00000000A".into(),
        source: "127.0.0.1:4711".into(),
        operation: "PutThing".into(),
        summary: "puts a „thing“\nwith 'quotes' and $1 ?".into(),
        entries,
    }
}

/// A change that puts one row.
fn put(id: &str, body: &str) -> Change {
    change(vec![Entry { key: key("thing", id), before: None, after: Some(body.into()) }])
}

/// A change that deletes one row.
fn delete(id: &str) -> Change {
    change(vec![Entry { key: key("thing", id), before: Some("{}".into()), after: None }])
}

/// Rows as `id=body`.
fn short(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{}={}", row.key.id, row.body)).collect()
}
