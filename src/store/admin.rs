//! What only the operator's commands ask of a store: whether it is sound, and a restore.
//! (A backup is [`Store::load`] and a file.)

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::Unfinished;
use super::queries::{self, Restored};
use super::{ALL_ROWS_WAIT, DumpError, Revision, Row, Store, StoreError, dump, schema};

/// A list of problems stops here: a thousand more say nothing new.
const PROBLEMS_MAX: usize = 20;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The schema's version.
    pub schema_version: i64,
    /// The store's revision.
    pub revision: Revision,
    /// How many rows there are of each kind.
    pub kinds: BTreeMap<String, usize>,
    /// How many changes the history holds.
    pub changes: usize,
    /// What is wrong, a line each; at most some dozens.
    pub problems: Vec<String>,
}

impl Store {
    /// Reads everything and looks whether it is sound: on SQLite its own integrity check, then that
    /// every body is JSON, that the history can be read and leads to the revision.
    pub async fn check(&self) -> Result<Report, StoreError> {
        let mut problems = self.integrity().await?;
        let schema_version = self.schema_version().await?;
        let (revision, rows) = self.load().await?;
        let mut kinds = BTreeMap::new();
        for row in &rows {
            *kinds.entry(row.key.kind.clone()).or_insert(0) += 1;
            if serde_json::from_str::<serde::de::IgnoredAny>(&row.body).is_err() {
                let [region, owner, kind, id] = row.key.columns();
                problems
                    .push(format!("{kind} `{id}` of `{owner}` in {region}: its body is not JSON"));
            }
        }
        let changes = self.history(usize::MAX, Some(revision + 1)).await?;
        for ((found, _), expected) in changes.iter().zip((0..=revision).rev()) {
            if *found != expected {
                problems.push(format!("the history has change {found} where {expected} should be"));
                break;
            }
        }
        if problems.len() > PROBLEMS_MAX {
            let more = problems.len() - PROBLEMS_MAX;
            problems.truncate(PROBLEMS_MAX);
            problems.push(format!("and {more} more"));
        }
        Ok(Report { schema_version, revision, kinds, changes: changes.len(), problems })
    }

    async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        ask!(self, self.reader(), ALL_ROWS_WAIT, |connection| queries::integrity(connection))
    }

    async fn schema_version(&self) -> Result<i64, StoreError> {
        let version: Option<i64> =
            ask!(self, self.reader(), ALL_ROWS_WAIT, |connection| schema::version(connection))?;
        version.ok_or_else(|| StoreError::Damaged {
            place: self.place(),
            cause: "it does not say which schema it has".into(),
        })
    }

    /// Replaces everything by `rows`, in one transaction; unless `replace`, only when the store has
    /// never been written. The revision rises above both `revision` and the present one, and the
    /// history begins anew: every host that runs loads the store again. Returns the new revision.
    pub async fn restore(
        &self,
        revision: Revision,
        rows: &[Row],
        replace: bool,
    ) -> Result<Revision, StoreError> {
        if let Some(cause) = rows.iter().filter_map(|row| row.key.refused()).next() {
            return Err(StoreError::BadRow { cause });
        }
        let mut taken = self.take(&self.writer).await?;
        let restore = queries::restore(&mut taken.seat.connection, revision, rows, replace);
        match self.in_time(ALL_ROWS_WAIT, restore).await? {
            Ok(Restored::At(revision)) => {
                taken.done();
                Ok(revision)
            }
            Ok(Restored::NotEmpty { revision, rows }) => {
                taken.done();
                Err(StoreError::NotEmpty { place: self.place(), revision, rows })
            }
            Err(Unfinished::Before(error)) => Err(self.target.fault(&error)),
            Err(Unfinished::Committing(error)) => Err(StoreError::InDoubt {
                place: self.place(),
                cause: self.target.fault(&error).to_string(),
            }),
        }
    }
}

/// Reads a backup's file: its revision and rows.
pub fn read_backup(file: &Path) -> Result<(Revision, Vec<Row>), DumpError> {
    dump::read(file)
}

/// Writes a backup's file in one step, readable by its owner only. Blocks.
pub fn write_backup(file: &Path, revision: Revision, rows: &[Row]) -> Result<(), DumpError> {
    dump::write(file, revision, rows)
}
