//! The tables, and how a store of an older ringgate gets them.
//!
//! Three tables, prefixed so that they can live in a database with others: one row that says which
//! schema and which revision the store has, the rows, and the latest changes. A version that is once
//! released is never edited; the next one is appended.

use super::engine::{Connection, Target};
use super::{StoreError, engine::Value};

/// The newest schema version, that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What leads from version n to n + 1, statement by statement. `{..}` is replaced by the engine's
/// dialect ([`dialect`]).
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE ringgate_row (
        region {key} NOT NULL,
        owner {key} NOT NULL,
        kind {key} NOT NULL,
        id {key} NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (region, owner, kind, id)
    ) {clustered}",
    "CREATE TABLE ringgate_change (
        revision {integer} PRIMARY KEY,
        at_millis {integer} NOT NULL,
        author TEXT NOT NULL,
        source TEXT NOT NULL,
        operation TEXT NOT NULL,
        summary TEXT NOT NULL,
        entries TEXT NOT NULL
    )",
]];

const META: &str = "CREATE TABLE IF NOT EXISTS ringgate_meta (
        id {integer} PRIMARY KEY CHECK (id = 1),
        schema_version {integer} NOT NULL,
        revision {integer} NOT NULL
    )";

/// Any number that nothing else in the database is likely to lock: "ringgate" in ASCII.
const ADVISORY_LOCK: i64 = 0x7269_6e67_6761_7465;

/// Brings the store to [`VERSION`], whatever it had, in one transaction; refuses a newer one.
pub(super) async fn migrate(
    target: &Target,
    connection: &mut Connection,
) -> Result<(), StoreError> {
    let fault = |error: sqlx::Error| target.fault(&error);
    // The ordinary start: nothing to do, and nothing to write. The table may be missing.
    if let Ok(versions) = connection.rows(READ_VERSION, &[], |row| row.integer(0)).await
        && versions.first() == Some(&VERSION)
    {
        return Ok(());
    }
    connection.begin_writing().await.map_err(fault)?;
    let migrated = migrate_within(target, connection).await;
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.run(end, &[]).await.map_err(fault);
    migrated.and(ended)
}

const READ_VERSION: &str = "SELECT schema_version FROM ringgate_meta WHERE id = 1";

async fn migrate_within(target: &Target, connection: &mut Connection) -> Result<(), StoreError> {
    let fault = |error: sqlx::Error| target.fault(&error);
    if target.is_postgres() {
        // Two hosts that start at once: the second waits here, then finds the tables.
        let lock = "SELECT pg_advisory_xact_lock($1)";
        connection.run(lock, &[Value::Integer(ADVISORY_LOCK)]).await.map_err(fault)?;
    }
    create(target, connection, META).await.map_err(fault)?;
    let insert = "INSERT INTO ringgate_meta (id, schema_version, revision) VALUES (1, 0, 0) \
                  ON CONFLICT (id) DO NOTHING";
    connection.run(insert, &[]).await.map_err(fault)?;
    let versions = connection.rows(READ_VERSION, &[], |row| row.integer(0)).await.map_err(fault)?;
    let found = versions.first().copied().unwrap_or(0);
    if found > VERSION {
        return Err(StoreError::NewerSchema { place: target.place(), found, known: VERSION });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Damaged {
        place: target.place(),
        cause: format!("schema version {found}"),
    })?;
    for statements in MIGRATIONS.iter().skip(done) {
        for statement in *statements {
            create(target, connection, statement).await.map_err(fault)?;
        }
    }
    let update = "UPDATE ringgate_meta SET schema_version = $1 WHERE id = 1";
    connection.run(update, &[Value::Integer(VERSION)]).await.map_err(fault)
}

async fn create(
    target: &Target,
    connection: &mut Connection,
    statement: &str,
) -> Result<(), sqlx::Error> {
    connection.run(sqlx::AssertSqlSafe(dialect(statement, target.is_postgres())), &[]).await
}

fn dialect(statement: &str, is_postgres: bool) -> String {
    let (integer, key, clustered) = match is_postgres {
        // Keys are compared as bytes, as Rust and SQLite do, whatever the database's language.
        true => ("BIGINT", "TEXT COLLATE \"C\"", ""),
        // The rows live in the key's tree: one tree to write, and a scan comes in the keys' order.
        false => ("INTEGER", "TEXT", "WITHOUT ROWID"),
    };
    statement.replace("{integer}", integer).replace("{key}", key).replace("{clustered}", clustered)
}

/// The version that the store says it has.
pub(super) async fn version(connection: &mut Connection) -> Result<Option<i64>, sqlx::Error> {
    Ok(connection.rows(READ_VERSION, &[], |row| row.integer(0)).await?.first().copied())
}
