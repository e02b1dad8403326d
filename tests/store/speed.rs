//! What a write and a start cost. Bounds are generous, for a build without optimisation on a busy
//! machine; `cargo test --release --test store speed -- --nocapture` prints the numbers that
//! `docs/operations.md` quotes.

use std::time::{Duration, Instant};

use ringgate::store::{Change, Entry, Store};

use super::{change, key};

/// Processor time of this process: all threads that live.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc").flatten();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// What creating one resource writes: itself, and a change of its API.
fn usual(index: u64) -> Change {
    let body = format!("{{\"id\":\"{index}\",\"path\":\"{}\"}}", "/segment".repeat(50));
    let entry = |key, body: &str| Entry { key, before: None, after: Some(body.into()) };
    change(vec![
        entry(key("resource", &format!("{index:08}")), &body),
        entry(key("restapi", "abc"), &body),
    ])
}

#[tokio::test]
async fn a_write_is_cheap_and_a_group_cheaper() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = format!("sqlite:{}", folder.path().join("s.db").display());
    for url in [file.as_str(), "memory"] {
        let store = Store::open(url).await.expect("a new store");
        let mut revision = 0;
        for (group, commits) in [(1, 500), (10, 100)] {
            let (begin, begin_processor) = (Instant::now(), processor_time());
            for _ in 0..commits {
                let changes: Vec<_> = (0..group).map(|at| usual(revision + at)).collect();
                revision = store.commit(revision, &changes).await.expect("a commit");
            }
            let changes = u32::try_from(commits * group).expect("small");
            let (wall, processor) =
                (begin.elapsed(), processor_time().saturating_sub(begin_processor));
            println!(
                "{url}: groups of {group}: {:?} a change, {:?} of a core",
                wall / changes,
                processor / changes
            );
            assert!(processor / changes < Duration::from_millis(5));
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_are_loaded_quickly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&format!("sqlite:{}", folder.path().join("s.db").display())).await;
    let store = store.expect("a new store");
    let begin = Instant::now();
    let all: Vec<_> = (0..100_000).map(usual).collect();
    let mut revision = 0;
    for changes in all.chunks(2_000) {
        revision = store.commit(revision, changes).await.expect("a commit");
    }
    println!("written in {:?}", begin.elapsed());
    let (begin, begin_processor) = (Instant::now(), processor_time());
    let (_, rows) = store.load().await.expect("a load");
    let (wall, processor) = (begin.elapsed(), processor_time().saturating_sub(begin_processor));
    println!("{} rows loaded in {wall:?}, {processor:?} of a core", rows.len());
    assert_eq!(rows.len(), 100_001);
    assert!(wall < Duration::from_secs(10), "{wall:?}");
    let begin = Instant::now();
    let file = folder.path().join("last-good");
    ringgate::store::LastGood::write(&file, revision, &rows).expect("a writable folder");
    println!("last good state written in {:?}", begin.elapsed());
    let begin = Instant::now();
    ringgate::store::LastGood::read(&file).expect("our own file");
    println!("last good state read in {:?}", begin.elapsed());
}
