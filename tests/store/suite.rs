//! What holds on every engine. Each case gets a way to open the same empty store as often as it likes.

use ringgate::store::{HISTORY_MAX, KEY_BYTES_MAX, Row, Store, StoreError};

use super::{change, delete, key, put, short};

/// The cases that one connection is enough for.
pub(crate) async fn alone(store: &Store) {
    what_was_committed_is_loaded_in_the_order_of_keys(store).await;
    a_group_is_one_transaction_and_each_change_a_revision(store).await;
    a_write_for_an_older_revision_changes_nothing(store).await;
    the_history_goes_back_page_by_page(store).await;
    a_dropped_write_is_whole_or_not_there(store).await;
    keys_have_a_limit(store).await;
    many_rows_in_one_write(store).await;
    a_restore_replaces_all_and_ends_the_history(store).await;
    a_check_counts_and_finds_what_is_no_json(store).await;
    the_history_is_bounded(store).await;
}

async fn what_was_committed_is_loaded_in_the_order_of_keys(store: &Store) {
    assert_eq!(store.load().await.expect("new"), (0, Vec::new()));
    assert_eq!(store.changes_since(0).await.expect("new"), Some(Vec::new()));
    assert_eq!(store.history(10, None).await.expect("new"), []);
    let bodies = ["{}", "\"\u{1F980} \\u0000 'x' $1 ? é\"", " {\"b\" : 1} ", ""];
    // Z before a before ä: bytes, not a language's order.
    for (at, (id, body)) in ["a", "ä", "Z", ""].into_iter().zip(bodies).enumerate() {
        let revision = store.commit(at as u64, &[put(id, body)]).await.expect("a commit");
        assert_eq!(revision, at as u64 + 1);
    }
    let (revision, rows) = store.load().await.expect("a load");
    assert_eq!(revision, 4);
    let expected: Vec<String> = [("", 3), ("Z", 2), ("a", 0), ("ä", 1)]
        .map(|(id, body)| format!("{id}={}", bodies[body]))
        .to_vec();
    assert_eq!(short(&rows), expected, "byte for byte");
    assert_eq!(rows[0].key, key("thing", ""));
}

async fn a_group_is_one_transaction_and_each_change_a_revision(store: &Store) {
    let before = store.revision().await.expect("a revision");
    let group = [put("g1", "1"), put("g2", "2"), put("g1", "3"), delete("g2"), delete("never")];
    let last = store.commit(before, &group).await.expect("a commit");
    assert_eq!(last, before + 5);
    assert_eq!(store.revision().await.expect("a revision"), last);
    let (_, rows) = store.load().await.expect("a load");
    let mine: Vec<_> = short(&rows).into_iter().filter(|it| it.starts_with('g')).collect();
    assert_eq!(mine, ["g1=3"], "the last word on a key holds");
    let changes = store.changes_since(before).await.expect("changes").expect("recent");
    let expected: Vec<_> = (before + 1..).zip(group).collect();
    assert_eq!(changes, expected, "each change as it was given, in order");
    assert_eq!(store.change(last).await.expect("a change"), Some(delete("never")));
    assert_eq!(store.change(last + 1).await.expect("a change"), None);
    assert_eq!(store.commit(last, &[]).await.expect("nothing to do"), last);
}

async fn a_write_for_an_older_revision_changes_nothing(store: &Store) {
    let (current, rows) = store.load().await.expect("a load");
    for expected in [0, current - 1, current + 1, u64::MAX - 10] {
        for changes in [&[put("conflict", "1"), delete("a")][..], &[]] {
            let refused = store.commit(expected, changes).await;
            assert!(
                matches!(refused, Err(StoreError::Conflict { current: it }) if it == current),
                "expected {expected}: {refused:?}"
            );
        }
    }
    assert_eq!(store.load().await.expect("a load"), (current, rows));
    store.commit(current, &[put("conflict", "1")]).await.expect("the right one works after that");
}

async fn the_history_goes_back_page_by_page(store: &Store) {
    let current = store.revision().await.expect("a revision");
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = store.history(3, before).await.expect("a page");
        assert!(page.len() <= 3);
        let Some((oldest, _)) = page.last() else { break };
        before = Some(*oldest);
        seen.extend(page.iter().map(|(revision, _)| *revision));
    }
    assert_eq!(seen, (1..=current).rev().collect::<Vec<_>>());
    assert_eq!(store.history(0, None).await.expect("a page"), []);
}

/// However far a write got when nobody waited for it any longer.
async fn a_dropped_write_is_whole_or_not_there(store: &Store) {
    use std::task::{Context, Poll};
    let mut polls_max = 0;
    let mut ended = false;
    while !ended {
        let before = store.revision().await.expect("a revision");
        {
            let changes = [put("dropped", &before.to_string())];
            let mut write = std::pin::pin!(store.commit(before, &changes));
            for _ in 0..=polls_max {
                let poll = std::future::poll_fn(|context: &mut Context<'_>| {
                    Poll::Ready(write.as_mut().poll(context))
                });
                if let Poll::Ready(done) = poll.await {
                    assert_eq!(done.expect("a commit"), before + 1);
                    ended = true;
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_micros(500)).await;
            }
        }
        let (after, rows) = store.load().await.expect("a load");
        assert!([before, before + 1].contains(&after), "from {before} to {after}");
        let holds = rows.iter().find(|row| row.key.id == "dropped").map(|row| row.body.clone());
        let expected = (after > before).then(|| before.to_string());
        if expected.is_some() {
            assert_eq!(holds, expected);
        } else {
            assert_ne!(holds, Some(before.to_string()));
        }
        polls_max += 1;
    }
}

async fn keys_have_a_limit(store: &Store) {
    let current = store.revision().await.expect("a revision");
    let other = key("thing", "");
    let rest = other.region.len() + other.owner.len() + other.kind.len();
    // Not compressible, as PostgreSQL would fit more of it into its index.
    let mut noise = 1_u64;
    let id: String = std::iter::repeat_with(|| {
        noise =
            noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + ((noise >> 33) % 90) as u8)
    })
    .take(KEY_BYTES_MAX - rest + 1)
    .collect();
    let refused = store.commit(current, &[put(&id, "{}")]).await;
    assert!(matches!(refused, Err(StoreError::BadRow { .. })), "{refused:?}");
    let current = store.commit(current, &[put(&id[1..], "{}")]).await.expect("the longest key");
    let refused = store.commit(current, &[put("a\0b", "{}")]).await;
    assert!(matches!(refused, Err(StoreError::BadRow { .. })), "{refused:?}");
    store.commit(current, &[delete(&id[1..])]).await.expect("a commit");
}

async fn many_rows_in_one_write(store: &Store) {
    let before = store.load().await.expect("a load");
    let entry = |index: usize, after: Option<String>| ringgate::store::Entry {
        key: key("many", &format!("{index:05}")),
        before: None,
        after,
    };
    let rows = 1_000;
    let all = change((0..rows).map(|index| entry(index, Some(index.to_string()))).collect());
    store.commit(before.0, &[all]).await.expect("a commit");
    let (revision, loaded) = store.load().await.expect("a load");
    assert_eq!(loaded.len(), before.1.len() + rows);
    let most = change((0..rows - 1).map(|index| entry(index, None)).collect());
    let revision = store.commit(revision, &[most]).await.expect("a commit");
    let (_, loaded) = store.load().await.expect("a load");
    assert_eq!(loaded.len(), before.1.len() + 1, "but for the last, all are gone again");
    store.commit(revision, &[change(vec![entry(rows - 1, None)])]).await.expect("a commit");
    assert_eq!(store.load().await.expect("a load").1, before.1);
}

async fn a_restore_replaces_all_and_ends_the_history(store: &Store) {
    let (current, rows) = store.load().await.expect("a load");
    let backup: Vec<Row> = (0..100)
        .map(|id| Row { key: key("thing", &format!("{id:03}")), body: "{}".into() })
        .collect();
    let refused = store.restore(3, &backup, false).await;
    assert!(
        matches!(&refused, Err(StoreError::NotEmpty { revision, rows: count, .. })
            if *revision == current && *count == rows.len() as u64),
        "{refused:?}"
    );
    assert_eq!(store.load().await.expect("a load"), (current, rows), "nothing was touched");
    let restored = store.restore(3, &backup, true).await.expect("a restore");
    assert_eq!(restored, current + 1, "an older backup does not turn the revision back");
    assert_eq!(store.load().await.expect("a load"), (restored, backup.clone()));
    assert_eq!(store.changes_since(current).await.expect("changes"), None, "load again");
    assert_eq!(store.history(10, None).await.expect("history"), []);
    let restored = store.restore(5_000, &backup, true).await.expect("a restore");
    assert_eq!(restored, 5_001, "nor does a newer one meet a revision that a host may know");
    assert_eq!(store.changes_since(6_000).await.expect("changes"), None, "from the future");
    store.commit(restored, &[put("after", "1")]).await.expect("work goes on");
}

async fn a_check_counts_and_finds_what_is_no_json(store: &Store) {
    let sound = store.check().await.expect("a check");
    assert_eq!(sound.problems, [""; 0]);
    assert_eq!(sound.schema_version, 1);
    assert_eq!(sound.kinds["thing"], 101);
    assert_eq!(sound.changes, 1);
    store.commit(sound.revision, &[put("bad", "{")]).await.expect("a commit");
    let unsound = store.check().await.expect("a check");
    assert_eq!(unsound.problems, ["thing `bad` of `abc` in us-east-1: its body is not JSON"]);
    assert_eq!(unsound.revision, sound.revision + 1);
    store.commit(unsound.revision, &[delete("bad")]).await.expect("a commit");
}

async fn the_history_is_bounded(store: &Store) {
    let mut revision = store.revision().await.expect("a revision");
    let first = revision;
    while revision < first + HISTORY_MAX + 100 {
        let group: Vec<_> = (0..500).map(|at| put("again", &at.to_string())).collect();
        revision = store.commit(revision, &group).await.expect("a commit");
    }
    let kept = store.history(usize::MAX, None).await.expect("history");
    let limits = HISTORY_MAX as usize..HISTORY_MAX as usize + 64;
    assert!(limits.contains(&kept.len()), "{} are kept", kept.len());
    assert_eq!(store.change(first).await.expect("a change"), None);
    assert_eq!(store.changes_since(first).await.expect("changes"), None, "load again");
    let near = store.changes_since(revision - 1_000).await.expect("changes").expect("recent");
    assert_eq!(near.len(), 1_000);
    assert_eq!(store.changes_since(revision - 1_001).await.expect("changes"), None, "too many");
    assert_eq!(store.check().await.expect("a check").problems, [""; 0]);
}

/// Two hosts with one store: `a` and `b` are open on the same, empty one.
pub(crate) async fn two_hosts(a: &Store, b: &Store) {
    let first = a.commit(0, &[put("x", "1")]).await.expect("a commit");
    let refused = b.commit(0, &[put("x", "2")]).await;
    assert!(matches!(refused, Err(StoreError::Conflict { current: 1 })), "{refused:?}");
    let missed = b.changes_since(0).await.expect("changes").expect("recent");
    assert_eq!(missed, [(1, put("x", "1"))], "the second host gets what it has missed");
    let second = b.commit(first, &[put("x", "2")]).await.expect("now it fits");
    assert_eq!(a.revision().await.expect("a revision"), second);

    // Each tries again until it has made its changes: none may be lost, none made twice.
    let (first, second) = tokio::join!(increments(a, "a"), increments(b, "b"));
    assert!(first + second > 0, "they never met, which proves nothing");
    let (revision, rows) = a.load().await.expect("a load");
    assert_eq!(revision, 2 + 2 * INCREMENTS);
    assert!(short(&rows).contains(&format!("sum={}", 2 * INCREMENTS)), "{rows:?}");
    assert_eq!(b.load().await.expect("a load"), (revision, rows));
    assert_eq!(b.check().await.expect("a check").problems, [""; 0]);
}

const INCREMENTS: u64 = 60;

/// Adds one to a shared row so many times; returns the number of conflicts.
async fn increments(store: &Store, author: &str) -> u64 {
    let mut conflicts = 0;
    for _ in 0..INCREMENTS {
        loop {
            let (revision, rows) = store.load().await.expect("a load");
            let sum = rows.iter().find(|row| row.key.id == "sum");
            let sum: u64 = sum.map_or(0, |row| row.body.parse().expect("our number"));
            // Let the other one come in between now and then.
            tokio::task::yield_now().await;
            let change = ringgate::store::Change {
                author: author.into(),
                ..put("sum", &(sum + 1).to_string())
            };
            match store.commit(revision, &[change]).await {
                Ok(_) => break,
                Err(StoreError::Conflict { .. }) => conflicts += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    conflicts
}

/// The management listener moves futures between tasks.
#[test]
fn operations_can_be_sent_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn all(store: &Store) {
        is_send(&Store::open("memory"));
        is_send(&store.load());
        is_send(&store.commit(0, &[]));
        is_send(&store.changes_since(0));
        is_send(&store.history(1, None));
        is_send(&store.change(0));
        is_send(&store.revision());
        is_send(&store.check());
        is_send(&store.restore(0, &[], false));
    }
    let _ = all;
}
