//! Drafts against a plain map.

use super::*;
use crate::resources::usage::{ApiKey, UsagePlan};

fn plan(id: &str) -> UsagePlan {
    UsagePlan { id: id.into(), name: id.into(), ..Default::default() }
}

fn state(ids: &[&str]) -> State {
    State::new(
        ids.iter().map(|id| {
            (Key::new("r", "", UsagePlan::KIND, id), Arc::new(plan(id)) as Arc<dyn Object>)
        }),
    )
}

fn ids(draft: &Draft<'_>) -> Vec<String> {
    draft.list::<UsagePlan>("").iter().map(|plan| plan.id.clone()).collect()
}

#[test]
fn a_draft_sees_its_own_changes_and_the_state_does_not() {
    let state = state(&["b", "d"]);
    let mut draft = Draft::new(&state, "r");
    draft.put("", "a", plan("a"));
    draft.put("", "c", plan("c"));
    assert!(draft.remove::<UsagePlan>("", "b"));
    assert!(!draft.remove::<UsagePlan>("", "b"));
    assert_eq!(ids(&draft), ["a", "c", "d"]);
    assert_eq!(draft.get::<UsagePlan>("", "b"), None);
    assert!(draft.get::<ApiKey>("", "a").is_none());
    assert_eq!(state.list::<UsagePlan>("r", "").count(), 2);
}

#[test]
fn pages_continue_behind_what_is_gone() {
    let state = state(&["a", "b", "c", "d"]);
    let mut draft = Draft::new(&state, "r");
    draft.remove::<UsagePlan>("", "b");
    let page = draft.list_after::<UsagePlan>("", Some("b"), 1);
    assert_eq!(page[0].id, "c");
    draft.put("", "bb", plan("bb"));
    assert_eq!(draft.list_after::<UsagePlan>("", Some("b"), 2)[0].id, "bb");
}

#[test]
fn a_region_is_its_own_world() {
    let state = state(&["a"]);
    let mut draft = Draft::new(&state, "other");
    assert!(ids(&draft).is_empty());
    draft.in_region("r", |draft| assert!(draft.has::<UsagePlan>("", "a")));
    assert_eq!(draft.region(), "other");
    assert_eq!(state.regions(), ["r".into()]);
}

#[test]
fn an_owner_goes_with_all_that_is_its_own() {
    let owned = ["api", "api/route", "api2", "api-x"];
    let state = State::new(owned.iter().map(|owner| {
        (Key::new("r", owner, UsagePlan::KIND, "p"), Arc::new(plan("p")) as Arc<dyn Object>)
    }));
    let mut draft = Draft::new(&state, "r");
    draft.put("api/integration", "q", plan("q"));
    draft.remove_owned("api");
    let (touched, before) = draft.finish();
    let owners: Vec<_> = touched.0.keys().map(|key| &*key.owner).collect();
    // What was made and removed in the same call leaves no trace.
    assert_eq!(owners, ["api", "api/route"]);
    assert_eq!(before.len(), 2);
}

#[test]
fn what_ends_as_it_began_is_no_change() {
    let state = state(&["a"]);
    let mut draft = Draft::new(&state, "r");
    draft.put("", "a", plan("a"));
    assert!(draft.finish().0.is_empty());
}

#[test]
fn calls_in_a_row_see_each_other() {
    let state = state(&["a"]);
    let mut first = Draft::new(&state, "r");
    first.put("", "b", plan("b"));
    first.remove::<UsagePlan>("", "a");
    let (settled, _) = first.finish();
    let mut second = Draft::over(&state, &settled, "r");
    assert_eq!(ids(&second), ["b"]);
    second.remove::<UsagePlan>("", "b");
    assert!(ids(&second).is_empty());
    let (touched, before) = second.finish();
    assert_eq!(touched.0.len(), 1);
    assert!(before[0].1.is_some());
}

#[test]
fn a_page_behind_everything_is_empty() {
    let state = state(&["a"]);
    let draft = Draft::new(&state, "r");
    for after in ["b", "\u{10ffff}", "\u{10ffff}z"] {
        assert!(draft.list_after::<UsagePlan>("", Some(after), 5).is_empty());
    }
}
