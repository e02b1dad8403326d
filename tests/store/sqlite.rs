//! The suite on SQLite and in memory, and what concerns files alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ringgate::store::{Store, StoreError};
use sqlx::{Connection, SqliteConnection};

use super::{put, suite};

fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

#[tokio::test]
async fn the_suite_holds_in_memory() {
    suite::alone(&Store::open("memory").await.expect("memory")).await;
}

#[tokio::test]
async fn the_suite_holds_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    suite::alone(&Store::open(&url(&folder.path().join("s.db"))).await.expect("a new file")).await;
}

#[tokio::test]
async fn two_processes_share_one_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = url(&folder.path().join("s.db"));
    let (a, b) = tokio::join!(Store::open(&url), Store::open(&url));
    suite::two_hosts(&a.expect("a new file"), &b.expect("the same file")).await;
}

#[tokio::test]
async fn a_new_file_is_private_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("s.db");
    let store = Store::open(&url(&file)).await.expect("a new file");
    store.commit(0, &[put("a", "{}")]).await.expect("a commit");
    for entry in fs::read_dir(folder.path()).expect("the folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("its metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
    drop(store);
    let store = Store::open_existing(&url(&file)).await.expect("the file");
    assert_eq!(store.revision().await.expect("a revision"), 1);
    assert_eq!(store.file(), Some(file.as_path()));
}

#[tokio::test]
async fn a_file_locked_by_another_process_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("s.db");
    let store = Store::open(&url(&file)).await.expect("a new file");
    let mut other = SqliteConnection::connect(&url(&file)).await.expect("the file");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");

    let refused = store.commit(0, &[put("a", "{}")]).await.expect_err("locked");
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains(&file.display().to_string()), "{text}");
    assert_eq!(store.load().await.expect("reading goes on").0, 0);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("no lock");
    store.commit(0, &[put("a", "{}")]).await.expect("the lock is gone");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = url(&folder.path().join("s.db"));
    drop(Store::open(&url).await.expect("a new file"));
    let mut other = SqliteConnection::connect(&url).await.expect("the file");
    sqlx::raw_sql("UPDATE ringgate_meta SET schema_version = 2")
        .execute(&mut other)
        .await
        .expect("a write");

    let refused = Store::open(&url).await.expect_err("newer");
    assert!(matches!(refused, StoreError::NewerSchema { found: 2, known: 1, .. }), "{refused}");
    let still: i64 = sqlx::query_scalar("SELECT schema_version FROM ringgate_meta")
        .fetch_one(&mut other)
        .await
        .expect("the version");
    assert_eq!(still, 2);
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nowhere = folder.path().join("no/such/folder/s.db");
    let error = Store::open(&url(&nowhere)).await.expect_err("no folder").to_string();
    assert!(error.contains("folder/s.db") && error.contains("No such file"), "{error}");

    let text = folder.path().join("text");
    fs::write(&text, "this is a text and no database".repeat(100)).expect("a writable folder");
    let refused = Store::open(&url(&text)).await.expect_err("no database");
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");

    let missing = folder.path().join("missing.db");
    assert!(Store::open_existing(&url(&missing)).await.is_err());
    assert!(!missing.exists(), "a look makes no file");
}
