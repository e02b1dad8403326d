//! What the store asks of a connection. Each function is one whole exchange on one connection; who may
//! use the connection, how long it may take and what a failure means is [`super::Store`]'s.

use std::collections::BTreeMap;

use super::engine::{Cells, Connection, Unfinished, Value};
use super::{Change, Entry, HISTORY_MAX, PRUNE_EVERY, Revision, Row, RowKey};

type Result<T> = std::result::Result<T, sqlx::Error>;

const READ_REVISION: &str = "SELECT revision FROM ringgate_meta WHERE id = 1";

/// Raises the revision, or fails because the column must not be null. A count of the rows changed
/// would do as well, but somebody would have to wait for it before the next statement; so the usual
/// write is one trip.
const RAISE_REVISION: &str =
    "UPDATE ringgate_meta SET revision = CASE WHEN revision = ? THEN ? END WHERE id = 1";

/// Changes nothing, but waits for whoever is writing now.
const LOCK_REVISION: &str =
    "UPDATE ringgate_meta SET revision = revision WHERE id = 1 RETURNING revision";

pub(super) async fn revision(connection: &mut Connection) -> Result<Revision> {
    first(&connection.rows(READ_REVISION, &[], revision_of).await?)
}

/// The revision and all rows of one moment, in the order of their keys.
pub(super) async fn load(connection: &mut Connection) -> Result<(Revision, Vec<Row>)> {
    connection.begin_reading().await?;
    let revision = revision(connection).await?;
    let sql = "SELECT region, owner, kind, id, body FROM ringgate_row \
               ORDER BY region, owner, kind, id";
    let rows = connection.rows(sql, &[], |cells| {
        let key = RowKey {
            region: cells.text(0)?,
            owner: cells.text(1)?,
            kind: cells.text(2)?,
            id: cells.text(3)?,
        };
        Ok(Row { key, body: cells.text(4)? })
    });
    let rows = rows.await?;
    connection.run("COMMIT", &[]).await?;
    Ok((revision, rows))
}

/// How a commit ended, when the engine worked.
pub(super) enum Outcome {
    Committed,
    Conflict { current: Revision },
}

/// The changes of one commit in the form in which they travel, made once for all attempts.
pub(super) struct Prepared<'a> {
    expected: Revision,
    changes: &'a [Change],
    /// The entries of each change as text.
    logged: Vec<String>,
    upserts: Vec<[&'a str; 5]>,
    deletes: Vec<[&'a str; 4]>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(expected: Revision, changes: &'a [Change]) -> Self {
        // What is left of a row after all changes: nobody sees what was in between.
        let mut last: BTreeMap<&RowKey, Option<&str>> = BTreeMap::new();
        for entry in changes.iter().flat_map(|change| &change.entries) {
            last.insert(&entry.key, entry.after.as_deref());
        }
        let (mut upserts, mut deletes) = (Vec::new(), Vec::new());
        for (key, body) in last {
            let [region, owner, kind, id] = key.columns();
            match body {
                Some(body) => upserts.push([region, owner, kind, id, body]),
                None => deletes.push([region, owner, kind, id]),
            }
        }
        let logged = changes.iter().map(|change| entries_text(&change.entries)).collect();
        Self { expected, changes, logged, upserts, deletes }
    }

    /// The revision after the commit.
    pub(super) fn last(&self) -> Revision {
        self.expected + self.changes.len() as u64
    }
}

/// Writes everything in one transaction, if the store is at the expected revision.
pub(super) async fn commit(
    connection: &mut Connection,
    prepared: &Prepared<'_>,
) -> std::result::Result<Outcome, Unfinished> {
    let Prepared { expected, changes, logged, upserts, deletes } = prepared;
    let last = prepared.last();
    let mut batch = connection.transaction();
    batch.add(RAISE_REVISION, [integer(*expected), integer(last)]);
    batch.delete(deletes);
    batch.upsert(upserts);
    for ((revision, change), entries) in (expected + 1..).zip(*changes).zip(logged) {
        batch.add(
            "INSERT INTO ringgate_change \
             (revision, at_millis, author, source, operation, summary, entries) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                integer(revision),
                Value::Integer(change.at_millis),
                Value::Text(&change.author),
                Value::Text(&change.source),
                Value::Text(&change.operation),
                Value::Text(&change.summary),
                Value::Text(entries),
            ],
        );
    }
    if last / PRUNE_EVERY != expected / PRUNE_EVERY && last > HISTORY_MAX {
        let oldest_kept = last - HISTORY_MAX;
        batch.add("DELETE FROM ringgate_change WHERE revision <= ?", [integer(oldest_kept)]);
    }
    match connection.finish(batch).await {
        Ok(()) => Ok(Outcome::Committed),
        Err(failed) if failed.is_null_refused() => {
            connection.run("ROLLBACK", &[]).await.map_err(Unfinished::Before)?;
            let current = revision(connection).await.map_err(Unfinished::Before)?;
            Ok(Outcome::Conflict { current })
        }
        Err(failed) => Err(failed),
    }
}

/// Whether a commit whose confirmation was lost has happened after all. On PostgreSQL this waits until
/// the lost transaction is over, because that one still holds the row.
pub(super) async fn has_happened(
    connection: &mut Connection,
    prepared: &Prepared<'_>,
) -> Result<bool> {
    if let Connection::Postgres(_) = connection {
        connection.rows(LOCK_REVISION, &[], revision_of).await?;
    }
    let mine = prepared.changes.first();
    let stored = change(connection, prepared.expected + 1).await?;
    Ok(mine.is_some() && stored.as_ref() == mine)
}

const CHANGE_COLUMNS: &str =
    "SELECT revision, at_millis, author, source, operation, summary, entries FROM ringgate_change";

/// The changes after `since`, if the history holds all of them.
pub(super) async fn changes_since(
    connection: &mut Connection,
    since: Revision,
    count_max: u64,
) -> Result<Option<Vec<(Revision, Change)>>> {
    let current = revision(connection).await?;
    match current.checked_sub(since) {
        Some(0) => return Ok(Some(Vec::new())),
        // From before a restore of something older, or of another database altogether.
        None => return Ok(None),
        Some(count) if count > count_max => return Ok(None),
        Some(_) => {}
    }
    let sql = format!("{CHANGE_COLUMNS} WHERE revision > $1 ORDER BY revision");
    let changes = connection.rows(sqlx::AssertSqlSafe(sql), &[integer(since)], change_of).await?;
    let is_whole = changes.iter().zip(since + 1..).all(|((revision, _), next)| *revision == next);
    Ok((is_whole && !changes.is_empty()).then_some(changes))
}

/// The newest changes before `before`, newest first.
pub(super) async fn history(
    connection: &mut Connection,
    limit: usize,
    before: Option<Revision>,
) -> Result<Vec<(Revision, Change)>> {
    let sql = format!("{CHANGE_COLUMNS} WHERE revision < $1 ORDER BY revision DESC LIMIT $2");
    let before = before.and_then(|it| i64::try_from(it).ok()).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [Value::Integer(before), Value::Integer(limit)];
    connection.rows(sqlx::AssertSqlSafe(sql), &values, change_of).await
}

pub(super) async fn change(
    connection: &mut Connection,
    revision: Revision,
) -> Result<Option<Change>> {
    let sql = format!("{CHANGE_COLUMNS} WHERE revision = $1");
    let found = connection.rows(sqlx::AssertSqlSafe(sql), &[integer(revision)], change_of).await?;
    Ok(found.into_iter().next().map(|(_, change)| change))
}

/// What a restore found.
pub(super) enum Restored {
    At(Revision),
    NotEmpty { revision: Revision, rows: u64 },
}

/// Replaces everything with `rows`, in one transaction. The revision becomes higher than any that a
/// host may have seen, and the history ends, so that every host loads anew.
pub(super) async fn restore(
    connection: &mut Connection,
    revision: Revision,
    rows: &[Row],
    replace: bool,
) -> std::result::Result<Restored, Unfinished> {
    connection.begin_writing().await.map_err(Unfinished::Before)?;
    let found = async {
        let current = first(&connection.rows(LOCK_REVISION, &[], revision_of).await?)?;
        let count = connection.rows("SELECT count(*) FROM ringgate_row", &[], revision_of).await?;
        Ok((current, first(&count)?))
    };
    let (current, count) = found.await.map_err(Unfinished::Before)?;
    if !replace && (current > 0 || count > 0) {
        connection.run("ROLLBACK", &[]).await.map_err(Unfinished::Before)?;
        return Ok(Restored::NotEmpty { revision: current, rows: count });
    }
    let restored = current.max(revision) + 1;
    let columns: Vec<[&str; 5]> = rows
        .iter()
        .map(|row| {
            let [region, owner, kind, id] = row.key.columns();
            [region, owner, kind, id, row.body.as_str()]
        })
        .collect();
    let mut batch = connection.batch();
    batch.add("DELETE FROM ringgate_row", []);
    batch.add("DELETE FROM ringgate_change", []);
    batch.upsert(&columns);
    batch.add("UPDATE ringgate_meta SET revision = ? WHERE id = 1", [integer(restored)]);
    connection.finish(batch).await.map(|()| Restored::At(restored))
}

/// What SQLite finds wrong with its own file: nothing, or a line for each thing.
pub(super) async fn integrity(connection: &mut Connection) -> Result<Vec<String>> {
    if let Connection::Postgres(_) = connection {
        return Ok(Vec::new());
    }
    let mut lines = connection.rows("PRAGMA integrity_check(20)", &[], |row| row.text(0)).await?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

fn integer(revision: Revision) -> Value<'static> {
    // A store at a billion writes a second would need 292 years to get there.
    Value::Integer(i64::try_from(revision).unwrap_or(i64::MAX))
}

fn revision_of(cells: &Cells<'_>) -> Result<Revision> {
    let number = cells.integer(0)?;
    u64::try_from(number).map_err(|_| sqlx::Error::Decode(format!("found {number}").into()))
}

fn first(list: &[Revision]) -> Result<Revision> {
    list.first().copied().ok_or_else(|| sqlx::Error::Decode("the revision is missing".into()))
}

fn change_of(cells: &Cells<'_>) -> Result<(Revision, Change)> {
    let revision = revision_of(cells)?;
    let entries = entries_of(&cells.text(6)?).map_err(|error| {
        sqlx::Error::Decode(format!("the entries of change {revision}: {error}").into())
    })?;
    let change = Change {
        at_millis: cells.integer(1)?,
        author: cells.text(2)?,
        source: cells.text(3)?,
        operation: cells.text(4)?,
        summary: cells.text(5)?,
        entries,
    };
    Ok((revision, change))
}

/// An array for each entry: region, owner, kind, id, before, after. Bodies are kept as texts in it,
/// so that they come back byte for byte.
fn entries_text(entries: &[Entry]) -> String {
    let list: Vec<_> = entries
        .iter()
        .map(|entry| {
            let [region, owner, kind, id] = entry.key.columns();
            (region, owner, kind, id, &entry.before, &entry.after)
        })
        .collect();
    // Texts and nulls: there is nothing that JSON could refuse.
    serde_json::to_string(&list).unwrap_or_default()
}

type EntryColumns = (String, String, String, String, Option<String>, Option<String>);

fn entries_of(text: &str) -> std::result::Result<Vec<Entry>, serde_json::Error> {
    let list: Vec<EntryColumns> = serde_json::from_str(text)?;
    Ok(list
        .into_iter()
        .map(|(region, owner, kind, id, before, after)| Entry {
            key: RowKey { region, owner, kind, id },
            before,
            after,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_back_as_they_went(
            entries in prop::collection::vec(
                (any::<[String; 4]>(), any::<Option<String>>(), any::<Option<String>>()),
                0..4,
            )
        ) {
            let entries: Vec<Entry> = entries
                .into_iter()
                .map(|([region, owner, kind, id], before, after)| Entry {
                    key: RowKey { region, owner, kind, id },
                    before,
                    after,
                })
                .collect();
            prop_assert_eq!(entries_of(&entries_text(&entries)).expect("our own text"), entries);
        }
    }
}
