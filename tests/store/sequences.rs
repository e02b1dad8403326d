//! Any sequence of writes leaves the rows that a map would hold.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringgate::store::{Change, Entry, Row, Store};

use super::{change, key};

/// Few keys, so that they meet: which, and the body or a deletion.
fn any_change() -> impl Strategy<Value = Change> {
    let entry = (0..12_u8, prop::option::of("[a-z\"\\\\'$?é\u{1F980}]{0,8}"));
    prop::collection::vec(entry, 0..5).prop_map(|entries| {
        let entries = entries.into_iter().map(|(id, after)| Entry {
            key: key(if id % 2 == 0 { "even" } else { "odd" }, &id.to_string()),
            before: None,
            after,
        });
        change(entries.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_what_a_map_would_hold(
        commits in prop::collection::vec(prop::collection::vec(any_change(), 0..4), 0..12),
        on_disk in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = match on_disk {
            true => format!("sqlite:{}", folder.path().join("s.db").display()),
            false => "memory".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let store = Store::open(&url).await.expect("a new store");
            let mut model = BTreeMap::new();
            let mut revision = 0;
            let mut all = Vec::new();
            for changes in &commits {
                for entry in changes.iter().flat_map(|change| &change.entries) {
                    match &entry.after {
                        Some(body) => model.insert(entry.key.clone(), body.clone()),
                        None => model.remove(&entry.key),
                    };
                }
                all.extend(changes.iter().cloned());
                revision = store.commit(revision, changes).await.expect("a commit");
                let rows: Vec<Row> = model
                    .iter()
                    .map(|(key, body)| Row { key: key.clone(), body: body.clone() })
                    .collect();
                assert_eq!(store.load().await.expect("a load"), (revision, rows));
            }
            let told = store.changes_since(0).await.expect("changes").expect("recent");
            assert_eq!(told, (1..).zip(all).collect::<Vec<_>>(), "what other hosts are told");
        });
    }
}
