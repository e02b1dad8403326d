//! `ringgate store backup|restore|check`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ringgate::store::Store;

use super::{put, short};

fn configuration(folder: &Path, name: &str) -> String {
    let file = folder.join(format!("{name}.toml"));
    let database = folder.join(format!("{name}.db"));
    fs::write(&file, format!("[store]\nurl = \"sqlite:{}\"\n", database.display()))
        .expect("a writable folder");
    file.to_str().expect("a UTF-8 path").to_owned()
}

async fn opened(folder: &Path, name: &str) -> Store {
    let database = folder.join(format!("{name}.db"));
    Store::open(&format!("sqlite:{}", database.display())).await.expect("the file")
}

fn ringgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringgate")).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_backup_is_made_beside_a_running_gateway_and_restored_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (from, to) = (configuration(folder.path(), "from"), configuration(folder.path(), "to"));
    // Stays open, as a gateway's.
    let running = opened(folder.path(), "from").await;
    running.commit(0, &[put("a", "1"), put("b", "2")]).await.expect("a commit");
    let file = folder.path().join("backup");
    let file = file.to_str().expect("a UTF-8 path");

    let made = ringgate(&["store", "backup", file, "--config", &from]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(text(&made.stdout).starts_with("2 rows of "), "{}", text(&made.stdout));

    let restored = ringgate(&["--config", &to, "store", "restore", file]);
    assert_eq!(restored.status.code(), Some(0), "{}", text(&restored.stderr));
    let other = opened(folder.path(), "to").await;
    let (revision, rows) = other.load().await.expect("a load");
    assert_eq!((revision, short(&rows)), (3, vec!["a=1".to_owned(), "b=2".into()]));

    other.commit(revision, &[put("c", "3")]).await.expect("a commit");
    let again = ringgate(&["--config", &to, "store", "restore", file]);
    assert_eq!(again.status.code(), Some(2), "it is not empty");
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    assert_eq!(other.load().await.expect("a load").1.len(), 3);

    let forced = ringgate(&["--config", &to, "store", "restore", "--force", file]);
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    assert_eq!(other.load().await.expect("a load").1, rows, "who has it open sees it");
    assert_eq!(other.changes_since(revision).await.expect("changes"), None);
}

#[tokio::test]
async fn a_damaged_backup_touches_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let to = configuration(folder.path(), "to");
    let file = folder.path().join("backup");
    fs::write(&file, "{\"ringgate\":\"store\",\"format\":1,\"revision\":12,\"rows\":1}\n")
        .expect("a writable folder");
    let file = file.to_str().expect("a UTF-8 path");
    let refused = ringgate(&["store", "restore", "--force", file, "--config", &to]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("line 2: the file ends too early"));
    assert!(!folder.path().join("to.db").exists(), "it did not even make the store");
}

#[tokio::test]
async fn a_check_says_what_there_is_and_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = configuration(folder.path(), "s");
    let missing = ringgate(&["store", "check", "--config", &config]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("No such file"), "{}", text(&missing.stderr));

    let store = opened(folder.path(), "s").await;
    store.commit(0, &[put("a", "{}"), put("b", "{}")]).await.expect("a commit");
    let sound = ringgate(&["store", "check", "--config", &config]);
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound.stderr));
    let expected = format!(
        "{}: schema version 1, revision 2, 2 rows, 2 changes in the history\n        2 thing\n",
        folder.path().join("s.db").display()
    );
    assert_eq!(text(&sound.stdout), expected);

    store.commit(2, &[put("c", "no JSON")]).await.expect("a commit");
    let unsound = ringgate(&["store", "check", "--config", &config]);
    assert_eq!(unsound.status.code(), Some(2));
    assert_eq!(
        text(&unsound.stderr),
        "error: thing `c` of `abc` in us-east-1: its body is not JSON\n"
    );
}

/// Pages are overwritten in the middle of the file, as a failing disk does.
#[tokio::test]
async fn a_check_finds_a_damaged_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = configuration(folder.path(), "s");
    let store = opened(folder.path(), "s").await;
    let many: Vec<_> = (0..500).map(|id| put(&format!("{id:05}"), &"9".repeat(300))).collect();
    store.commit(0, &many).await.expect("a commit");
    drop(store);
    let database = folder.path().join("s.db");
    // The last one who closes the file moves the log into it; that happens on another thread.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while folder.path().join("s.db-wal").exists() {
        assert!(std::time::Instant::now() < deadline, "the file is never closed");
        std::thread::yield_now();
    }
    let mut bytes = fs::read(&database).expect("the file");
    assert!(bytes.len() > 100_000, "{} bytes are in the file", bytes.len());
    for byte in &mut bytes[40_000..80_000] {
        *byte = !*byte;
    }
    fs::write(&database, bytes).expect("a writable file");
    let checked = ringgate(&["store", "check", "--config", &config]);
    assert_eq!(checked.status.code(), Some(2), "{}", text(&checked.stdout));
    assert!(!checked.stderr.is_empty());
}

#[test]
fn a_store_in_memory_has_nothing_to_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("m.toml");
    fs::write(&file, "[store]\nurl = \"memory\"\n").expect("a writable folder");
    let file = file.to_str().expect("a UTF-8 path");
    for arguments in [&["check"][..], &["backup", "/dev/null"], &["restore", "/dev/null"]] {
        let output = ringgate(&[&["--config", file, "store"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
