//! The store: what a management write leaves behind, durable before the write is acknowledged. It
//! keeps rows of text and knows nothing of what they mean.

mod error;

pub use error::StoreError;

/// Counts acknowledged writes: 0 is an empty store, each [`Change`] is one more. It never falls, not
/// even when a backup is restored.
pub type Revision = u64;

/// What names a row. Ordered by region, owner, kind, id, as rows are loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The region that the row belongs to.
    pub region: String,
    /// What the row hangs on, or an empty text.
    pub owner: String,
    /// What sort of thing it is.
    pub kind: String,
    /// Its name among its kind and owner.
    pub id: String,
}

/// One stored thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub key: RowKey,
    /// JSON text. The store hands it back byte for byte.
    pub body: String,
}

/// One acknowledged management write: who did what, and what it touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When, in milliseconds since 1970.
    pub at_millis: i64,
    /// Who: an access key's id, or a command's user.
    pub author: String,
    /// From where: an address, or a command's name.
    pub source: String,
    /// The operation's name.
    pub operation: String,
    /// What it did, in a sentence for people.
    pub summary: String,
    /// The rows it touched.
    pub entries: Vec<Entry>,
}

/// One row as a change found it and as it left it. Absent is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's name.
    pub key: RowKey,
    /// The body before. Kept for people and for undoing; [`Store::commit`] does not compare it.
    pub before: Option<String>,
    /// The body after; `None` deletes the row.
    pub after: Option<String>,
}

/// An open store. Its operations wait without blocking the thread, and their futures are `Send`.
#[derive(Debug)]
pub struct Store {
    place: String,
}

impl Store {
    /// Opens the store at `url`: `sqlite:FILE` (made when missing, with mode 0600), `postgres://…` or
    /// `memory`. Brings an older schema up to date, refuses a newer one.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        let _ = url;
        Err(StoreError::unavailable("the store", "this version cannot open one yet"))
    }

    /// All rows in the order of their keys, and the revision they are of.
    pub async fn load(&self) -> Result<(Revision, Vec<Row>), StoreError> {
        Err(self.not_yet())
    }

    /// Writes all of `changes` in one transaction, if nobody has written since `expected`. Each gets
    /// the next revision; returns the last one. When it returns the write survives a crash.
    pub async fn commit(
        &self,
        expected: Revision,
        changes: &[Change],
    ) -> Result<Revision, StoreError> {
        let _ = (expected, changes);
        Err(self.not_yet())
    }

    /// The changes after `revision`, oldest first; `None` when the history does not reach back so
    /// far, and everything is to be loaded anew.
    pub async fn changes_since(
        &self,
        revision: Revision,
    ) -> Result<Option<Vec<(Revision, Change)>>, StoreError> {
        let _ = revision;
        Err(self.not_yet())
    }

    /// At most `limit` changes, newest first, all older than `before` when it is given.
    pub async fn history(
        &self,
        limit: usize,
        before: Option<Revision>,
    ) -> Result<Vec<(Revision, Change)>, StoreError> {
        let _ = (limit, before);
        Err(self.not_yet())
    }

    /// One change, while the history has it.
    pub async fn change(&self, revision: Revision) -> Result<Option<Change>, StoreError> {
        let _ = revision;
        Err(self.not_yet())
    }

    /// The revision that the store has now. Cheap: one row of one table.
    pub async fn revision(&self) -> Result<Revision, StoreError> {
        Err(self.not_yet())
    }

    fn not_yet(&self) -> StoreError {
        StoreError::unavailable(&self.place, "this version cannot use it yet")
    }
}
