//! What is stored, in the words that the rest of ringgate uses: rows, changes, revisions.

/// Counts acknowledged writes: 0 is an empty store, each [`Change`] is one more. It never falls, not
/// even when a backup is restored.
pub type Revision = u64;

/// What names a row. Ordered by region, owner, kind, id, byte by byte, as rows are loaded.
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

/// The longest key, in bytes of its four parts together, and it holds no NUL. PostgreSQL's index takes
/// 2,704 bytes and no NUL; SQLite is held to the same, so that a backup fits either.
pub const KEY_BYTES_MAX: usize = 2_000;

impl RowKey {
    pub(super) fn columns(&self) -> [&str; 4] {
        [&self.region, &self.owner, &self.kind, &self.id]
    }

    /// Why no engine can be trusted with this key, if so.
    pub(super) fn refused(&self) -> Option<String> {
        let bytes: usize = self.columns().iter().map(|it| it.len()).sum();
        if bytes > KEY_BYTES_MAX {
            return Some(format!(
                "expected a key of at most {KEY_BYTES_MAX} bytes, found {bytes} for kind `{}`",
                self.kind.chars().take(100).collect::<String>()
            ));
        }
        let has_nul = self.columns().iter().any(|it| it.contains('\0'));
        has_nul.then(|| "expected a key without NUL".to_owned())
    }
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
    /// The rows it touched. When a key comes twice, the later entry holds.
    pub entries: Vec<Entry>,
}

/// One row as a change found it and as it left it. Absent is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's name.
    pub key: RowKey,
    /// The body before. Kept for people and for undoing; [`super::Store::commit`] does not compare it:
    /// the expected revision says already that nobody has written in between.
    pub before: Option<String>,
    /// The body after; `None` deletes the row.
    pub after: Option<String>,
}
