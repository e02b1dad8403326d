//! The two database engines behind one small face, so that every query of the store is written once.
//!
//! Queries use what SQLite and PostgreSQL both understand. Where they differ, in how a transaction
//! begins and in how statements travel, the difference stands here and nowhere else:
//!
//! - SQLite runs on a thread of its own (sqlx's), and each statement is a trip there and back, which
//!   costs more processor time than the statement. Statements that need no answer therefore travel
//!   together ([`Batch`]).
//! - PostgreSQL takes one statement at a time, over a network. There many rows travel in one statement.

use futures_lite::StreamExt;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row as _, SqlSafeStr, SqliteConnection};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::StoreError;

/// How long a lock on an SQLite file is waited for. Our own transactions take milliseconds; longer
/// holds only somebody's open `sqlite3` shell, and then a clear error is better than a longer wait.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long PostgreSQL may take for one operation, connecting included. After a host is gone without
/// a word TCP alone would wait for a quarter of an hour.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Rows of one statement. PostgreSQL takes 65,535 values in a statement and SQLite 32,766; beyond
/// some dozen rows the trip is no longer what costs.
const ROWS_MAX: usize = 32;

/// Values of statements that travel together; bounds what is copied at once.
const BATCH_VALUES_MAX: usize = 160;

/// Where a store is.
#[derive(Clone)]
pub(super) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
    Memory,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, StoreError> {
        if url == "memory" {
            return Ok(Target::Memory);
        }
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            return match file {
                "" => Err(StoreError::BadUrl { cause: "`sqlite:` names no file".into() }),
                ":memory:" => Ok(Target::Memory),
                _ => Ok(Target::Sqlite(file.into())),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // The parser's messages name what is wrong and do not repeat the address.
            let options = PgConnectOptions::from_str(url)
                .map_err(|error| StoreError::BadUrl { cause: error.to_string() })?;
            let options = options.application_name("ringgate").disable_statement_logging();
            return Ok(Target::Postgres(Box::new(options)));
        }
        Err(StoreError::BadUrl { cause: "it begins like none of them".into() })
    }

    /// What messages call it: never a user or a password.
    pub(super) fn place(&self) -> String {
        match self {
            Target::Sqlite(file) => file.display().to_string(),
            Target::Postgres(options) => match options.get_socket() {
                Some(socket) => format!("{} in {}", database(options), socket.display()),
                None => {
                    format!(
                        "{} at {}:{}",
                        database(options),
                        options.get_host(),
                        options.get_port()
                    )
                }
            },
            Target::Memory => "memory".into(),
        }
    }

    /// A new connection. An SQLite file is made when it is missing.
    pub(super) async fn connect(&self) -> Result<Connection, StoreError> {
        let options = match self {
            Target::Sqlite(file) => {
                make_private(file)
                    .map_err(|error| StoreError::unavailable(&self.place(), error))?;
                SqliteConnectOptions::new()
                    .filename(file)
                    .journal_mode(SqliteJournalMode::Wal)
                    // The log is synced by every commit: what was acknowledged survives a power cut.
                    .synchronous(SqliteSynchronous::Full)
                    // After a large import the log shrinks to this again.
                    .pragma("journal_size_limit", "67108864")
            }
            Target::Memory => SqliteConnectOptions::new().in_memory(true),
            Target::Postgres(options) => {
                let connection = tokio::time::timeout(ANSWER_WAIT, options.connect());
                return match connection.await {
                    Ok(Ok(connection)) => Ok(Connection::Postgres(connection)),
                    Ok(Err(error)) => Err(self.fault(&error)),
                    Err(_late) => Err(self.late()),
                };
            }
        };
        let options = options
            .busy_timeout(LOCK_WAIT)
            .row_buffer_size(1_024)
            .thread_name(|_| "ringgate-store".into())
            .disable_statement_logging();
        match options.connect().await {
            Ok(connection) => Ok(Connection::Sqlite(connection)),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// An engine's error in the operator's words.
    pub(super) fn fault(&self, error: &sqlx::Error) -> StoreError {
        let place = self.place();
        if let (Target::Sqlite(_), sqlx::Error::Database(database)) = (self, error) {
            // The low byte is SQLite's primary result code.
            let code =
                database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0) & 0xff;
            const BUSY: i32 = 5;
            const LOCKED: i32 = 6;
            const CORRUPT: i32 = 11;
            const NOT_A_DATABASE: i32 = 26;
            match code {
                BUSY | LOCKED => {
                    return StoreError::Locked { place, seconds: LOCK_WAIT.as_secs() };
                }
                CORRUPT | NOT_A_DATABASE => {
                    return StoreError::Damaged { place, cause: database.message().to_owned() };
                }
                _ => {}
            }
        }
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                StoreError::Damaged { place, cause: error.to_string() }
            }
            sqlx::Error::Database(database) => StoreError::unavailable(&place, database.message()),
            _ => StoreError::unavailable(&place, error),
        }
    }

    /// The engine did not answer in time.
    pub(super) fn late(&self) -> StoreError {
        let cause = format!("no answer within {} s", ANSWER_WAIT.as_secs());
        StoreError::unavailable(&self.place(), cause)
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Target::Postgres(_))
    }
}

fn database(options: &PgConnectOptions) -> &str {
    options.get_database().unwrap_or("the user's own database")
}

/// Makes an SQLite file that only its owner can read, because rows hold API keys' values. SQLite gives
/// the log beside it the same mode. A file that is there keeps the mode that somebody gave it.
fn make_private(file: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// A value of a query.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

/// One row of an answer.
pub(super) enum Cells<'a> {
    Sqlite(&'a SqliteRow),
    Postgres(&'a PgRow),
}

impl Cells<'_> {
    pub(super) fn text(&self, index: usize) -> Result<String, sqlx::Error> {
        match self {
            Cells::Sqlite(row) => row.try_get(index),
            Cells::Postgres(row) => row.try_get(index),
        }
    }

    pub(super) fn integer(&self, index: usize) -> Result<i64, sqlx::Error> {
        match self {
            Cells::Sqlite(row) => row.try_get(index),
            Cells::Postgres(row) => row.try_get(index),
        }
    }
}

/// One connection to either engine.
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    /// None at present.
    Closed,
}

/// Whether the connection is gone, so that another one may do better.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL: connection exceptions, and a server that shuts down, crashed or starts.
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P0"))
        }
        _ => false,
    }
}

fn closed() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::NotConnected.into())
}

/// Binds every value to `query`.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(*text),
                Value::Integer(number) => query.bind(*number),
            };
        }
        query
    }};
}

impl Connection {
    /// Begins a transaction that writes.
    pub(super) async fn begin_writing(&mut self) -> Result<(), sqlx::Error> {
        self.run(self.begin(), &[]).await
    }

    /// Begins a transaction that sees one moment of the store.
    pub(super) async fn begin_reading(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(_) => self.run("BEGIN", &[]).await,
            Connection::Postgres(_) => {
                self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]).await
            }
            Connection::Closed => Err(closed()),
        }
    }

    /// Runs a statement for its effect.
    pub(super) async fn run(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(connection) => {
                bound!(sqlx::query(sql), values).execute(connection).await.map(drop)
            }
            Connection::Postgres(connection) => {
                bound!(sqlx::query(sql), values).execute(connection).await.map(drop)
            }
            Connection::Closed => Err(closed()),
        }
    }

    /// Runs a query and reads each of its rows as they arrive.
    pub(super) async fn rows<T>(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
        read: fn(&Cells<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, sqlx::Error> {
        // So many rows are read before other tasks of this thread get their turn: about 100 us.
        const TURN: usize = 128;
        let mut list = Vec::new();
        match self {
            Connection::Sqlite(connection) => {
                let mut rows = bound!(sqlx::query(sql), values).fetch(connection);
                while let Some(row) = rows.next().await {
                    list.push(read(&Cells::Sqlite(&row?))?);
                    if list.len() % TURN == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            Connection::Postgres(connection) => {
                let mut rows = bound!(sqlx::query(sql), values).fetch(connection);
                while let Some(row) = rows.next().await {
                    list.push(read(&Cells::Postgres(&row?))?);
                    if list.len() % TURN == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            Connection::Closed => return Err(closed()),
        }
        Ok(list)
    }

    /// Runs a batch in order and commits.
    pub(super) async fn finish(&mut self, batch: Batch<'_>) -> Result<(), Unfinished> {
        let Batch { statements, values, together } = batch;
        let mut first = 0;
        let mut rest = statements.as_slice();
        while !rest.is_empty() {
            // As many as travel together, but at least one.
            let mut count = 1;
            if together {
                let fits = rest.iter().take_while(|it| it.values_end - first <= BATCH_VALUES_MAX);
                count = fits.count().max(1);
            }
            let (now, later) = rest.split_at(count);
            let mut sql = String::new();
            let mut number = 0;
            for statement in now {
                numbered(&statement.sql, &mut number, &mut sql);
                sql.push(';');
            }
            let end = now.last().map_or(first, |it| it.values_end);
            let is_last_trip = together && later.is_empty();
            if is_last_trip {
                sql.push_str("COMMIT");
            }
            let ran = self.run(AssertSqlSafe(sql), &values[first..end]).await;
            if is_last_trip {
                return ran.map_err(Unfinished::Committing);
            }
            ran.map_err(Unfinished::Before)?;
            (first, rest) = (end, later);
        }
        self.run("COMMIT", &[]).await.map_err(Unfinished::Committing)
    }

    /// An empty batch that ends the transaction under way.
    pub(super) fn batch<'a>(&self) -> Batch<'a> {
        let together = matches!(self, Connection::Sqlite(_));
        Batch { statements: Vec::new(), values: Vec::new(), together }
    }

    /// A batch that begins a transaction that writes, and ends it.
    pub(super) fn transaction<'a>(&self) -> Batch<'a> {
        let mut batch = self.batch();
        batch.add(self.begin(), []);
        batch
    }

    /// SQLite takes the write lock now, while waiting for it is still possible, rather than in the
    /// middle.
    fn begin(&self) -> &'static str {
        match self {
            Connection::Sqlite(_) => "BEGIN IMMEDIATE",
            Connection::Postgres(_) | Connection::Closed => "BEGIN",
        }
    }
}

/// Where a transaction failed.
pub(super) enum Unfinished {
    /// Before its end: it has no effect.
    Before(sqlx::Error),
    /// While it ended: it may have happened.
    Committing(sqlx::Error),
}

impl Unfinished {
    /// Whether a column was to become null that must not.
    pub(super) fn is_null_refused(&self) -> bool {
        let (Unfinished::Before(error) | Unfinished::Committing(error)) = self;
        let kind = error.as_database_error().map(|error| error.kind());
        matches!(kind, Some(sqlx::error::ErrorKind::NotNullViolation))
    }
}

/// Statements without answers that end a transaction.
pub(super) struct Batch<'a> {
    statements: Vec<Statement>,
    values: Vec<Value<'a>>,
    together: bool,
}

struct Statement {
    /// With a `?` for each value.
    sql: String,
    /// Its values end here in the batch's.
    values_end: usize,
}

impl<'a> Batch<'a> {
    /// Adds a statement with a `?` for each of `values`.
    pub(super) fn add(
        &mut self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value<'a>>,
    ) {
        self.values.extend(values);
        self.statements.push(Statement { sql: sql.into(), values_end: self.values.len() });
    }

    /// Writes rows of five columns over those with the same key.
    pub(super) fn upsert(&mut self, rows: &[[&'a str; 5]]) {
        for chunk in rows.chunks(ROWS_MAX) {
            let mut sql =
                String::from("INSERT INTO ringgate_row (region, owner, kind, id, body) VALUES ");
            sql.push_str(&repeated("(?, ?, ?, ?, ?)", chunk.len()));
            sql.push_str(
                " ON CONFLICT (region, owner, kind, id) DO UPDATE SET body = excluded.body",
            );
            self.add(sql, chunk.iter().flatten().map(|text| Value::Text(text)));
        }
    }

    /// Deletes rows by their keys. Those that are not there do not matter.
    pub(super) fn delete(&mut self, keys: &[[&'a str; 4]]) {
        // SQLite would scan the whole table for a list of keys.
        let rows_max = if self.together { 1 } else { ROWS_MAX };
        for chunk in keys.chunks(rows_max) {
            let sql = match chunk.len() {
                1 => "DELETE FROM ringgate_row WHERE region = ? AND owner = ? AND kind = ? AND id = ?"
                    .to_owned(),
                count => {
                    let keys = repeated("(?, ?, ?, ?)", count);
                    format!(
                        "DELETE FROM ringgate_row WHERE (region, owner, kind, id) IN (VALUES {keys})"
                    )
                }
            };
            self.add(sql, chunk.iter().flatten().map(|text| Value::Text(text)));
        }
    }
}

fn repeated(what: &str, count: usize) -> String {
    vec![what; count].join(", ")
}

/// Appends `sql` with `$1`, `$2`, … for its `?`, counting on from `number`. No statement of the store
/// holds a `?` for anything else.
fn numbered(sql: &str, number: &mut usize, out: &mut String) {
    let mut parts = sql.split('?');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        *number += 1;
        // Writing to a text cannot fail.
        let _ = write!(out, "${number}{part}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_and_bad_ones_refused() {
        for (url, place) in [
            ("sqlite:ringgate.db", "ringgate.db"),
            ("sqlite:///var/lib/ringgate.db", "/var/lib/ringgate.db"),
            ("sqlite::memory:", "memory"),
            ("memory", "memory"),
            ("postgres://u:hush@db.internal:5433/shop", "shop at db.internal:5433"),
        ] {
            assert_eq!(Target::parse(url).map(|it| it.place()).expect(url), place);
        }
        for url in ["", "sqlite:", "mysql://u:hush@db/x", "postgres://u:hush@db:notaport/x"] {
            let refused = Target::parse(url).map(|it| it.place()).expect_err(url).to_string();
            assert!(!refused.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn placeholders_count_on_over_statements_that_travel_together() {
        let (mut number, mut sql) = (0, String::new());
        numbered("a = ? AND b = ?", &mut number, &mut sql);
        numbered("; c", &mut number, &mut sql);
        numbered(" = ?", &mut number, &mut sql);
        assert_eq!(sql, "a = $1 AND b = $2; c = $3");
    }
}
