//! Everything that is stored, in memory.

use super::function::{self, Function};
use super::{Entity, Key, Object, Touched, downcast};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Sorts behind every id.
const BEHIND_ALL_IDS: &str = "\u{10ffff}";

/// Everything that is stored, in memory. Changes only by what a [`super::Draft`] touched, after the
/// store has it.
#[derive(Debug, Default)]
pub struct State {
    objects: BTreeMap<Key, Arc<dyn Object>>,
    /// Places of what is only shown here: never stored, never changed by a draft.
    shown: BTreeSet<Key>,
    /// What is stored where something is shown: of functions by the same name. Nobody sees it until that
    /// is shown no more.
    hidden: BTreeMap<Key, Arc<dyn Object>>,
}

impl State {
    /// From what the store holds.
    pub fn new(objects: impl IntoIterator<Item = (Key, Arc<dyn Object>)>) -> Self {
        Self { objects: objects.into_iter().collect(), ..Self::default() }
    }

    /// A noun by its place.
    pub fn get<T: Entity>(&self, region: &str, owner: &str, id: &str) -> Option<Arc<T>> {
        self.object(&Key::new(region, owner, T::KIND, id)).and_then(downcast)
    }

    /// All of a kind and owner, by id.
    pub fn list<T: Entity>(
        &self,
        region: &str,
        owner: &str,
    ) -> impl Iterator<Item = (&str, Arc<T>)> {
        self.range(&Key::new(region, owner, T::KIND, ""), Bound::Unbounded)
            .filter_map(|(key, object)| Some((&*key.id, downcast(object)?)))
    }

    /// The regions that hold anything.
    pub fn regions(&self) -> Vec<Box<str>> {
        let mut regions = Vec::new();
        let mut next = self.objects.keys().next();
        while let Some(key) = next {
            let region = key.region.clone();
            // The first key behind all of this region's: `\0` sorts before any region's next letter.
            let behind = Key::new(&format!("{region}\0"), "", "", "");
            regions.push(region);
            next = self.objects.range(behind..).next().map(|(key, _)| key);
        }
        regions
    }

    /// Everything, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<dyn Object>)> {
        self.objects.iter()
    }

    /// How many nouns there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// A noun of any type.
    pub fn object(&self, key: &Key) -> Option<&Arc<dyn Object>> {
        self.objects.get(key)
    }

    /// Shows these besides what is stored, in place of those shown before. A function that is shown hides
    /// a stored one of its name, with all that belongs to it. Returns the places of what is stored and
    /// hidden from now on, or not hidden any more.
    pub fn show(&mut self, nouns: BTreeMap<Key, Arc<dyn Object>>) -> Vec<Key> {
        for key in std::mem::take(&mut self.shown) {
            self.objects.remove(&key);
        }
        let mut moved: BTreeSet<Key> = self.hidden.keys().cloned().collect();
        self.objects.append(&mut self.hidden);
        self.shown = nouns.keys().cloned().collect();
        for key in self.shown.iter().filter(|key| key.kind == Function::KIND) {
            let owned = self.owned(&key.region, &function::owner(&key.id));
            let keys: Vec<Key> = owned.map(|(key, _)| key.clone()).chain([key.clone()]).collect();
            for key in keys {
                if let Some(object) = self.objects.remove(&key) {
                    self.hidden.insert(key, object);
                }
            }
        }
        self.objects.extend(nouns);
        for key in self.hidden.keys() {
            // What was hidden and is so again has not moved.
            if !moved.remove(key) {
                moved.insert(key.clone());
            }
        }
        moved.into_iter().collect()
    }

    /// Whether a place is of what is only shown: the noun itself, or something of an API or function that
    /// is.
    pub fn is_shown(&self, key: &Key) -> bool {
        let is_shown = |kind, id: &str| self.shown.contains(&Key::new(&key.region, "", kind, id));
        if let Some(name) = key.owner.strip_prefix(function::OWNER_PREFIX) {
            return is_shown(Function::KIND, name);
        }
        let owner = key.owner.split('/').next().unwrap_or_default();
        let whose = if owner.is_empty() { &*key.id } else { owner };
        let kinds = [super::rest::RestApi::KIND, super::http::Api::KIND];
        kinds.into_iter().any(|kind| is_shown(kind, whose)) || self.shown.contains(key)
    }

    /// What is stored, seen or hidden.
    pub fn stored(&self) -> impl Iterator<Item = (&Key, &Arc<dyn Object>)> {
        let seen = self.objects.iter().filter(|(key, _)| !self.shown.contains(key));
        seen.chain(&self.hidden)
    }

    /// What is stored at a place, seen or hidden.
    pub fn stored_object(&self, key: &Key) -> Option<&Arc<dyn Object>> {
        let seen = || self.objects.get(key).filter(|_| !self.shown.contains(key));
        self.hidden.get(key).or_else(seen)
    }

    /// Makes changes that the store has.
    pub fn apply(&mut self, touched: Touched) {
        for (key, object) in touched.0 {
            // Another host may change what is hidden on this one.
            let objects = match self.is_shown(&key) {
                true => &mut self.hidden,
                false => &mut self.objects,
            };
            match object {
                Some(object) => objects.insert(key, object),
                None => objects.remove(&key),
            };
        }
    }

    /// What follows `from` of the same region, owner and kind, by id; `after` starts behind an id.
    pub(super) fn range<'s>(
        &'s self,
        from: &Key,
        after: Bound<&str>,
    ) -> impl Iterator<Item = (&'s Key, &'s Arc<dyn Object>)> + use<'s> {
        let at = |id: &str| Key::new(&from.region, &from.owner, from.kind, id);
        let start = match after {
            // What a client sends as a position may sort behind everything; a range that began behind
            // its end would be a panic.
            Bound::Excluded(id) | Bound::Included(id) if id >= BEHIND_ALL_IDS => {
                Bound::Included(at(BEHIND_ALL_IDS))
            }
            Bound::Excluded(id) => Bound::Excluded(at(id)),
            Bound::Included(id) => Bound::Included(at(id)),
            Bound::Unbounded => Bound::Included(from.clone()),
        };
        // An end instead of a look at every key: ids are made here or checked, and none has the last
        // character that there is.
        let end = Bound::Excluded(at(BEHIND_ALL_IDS));
        self.objects.range((start, end))
    }

    /// Everything of an owner, and of what belongs to its parts (`{owner}/…`).
    pub(super) fn owned<'s>(
        &'s self,
        region: &str,
        owner: &str,
    ) -> impl Iterator<Item = (&'s Key, &'s Arc<dyn Object>)> + use<'s> {
        let parts = format!("{owner}/");
        let region: Box<str> = region.into();
        let owner: Box<str> = owner.into();
        // Other owners may lie between `abc` and `abc/`, such as `abc-x`: skipped, two ranges.
        let own = self.objects.range(Key::new(&region, &owner, "", "")..).take_while({
            let (region, owner) = (region.clone(), owner.clone());
            move |(key, _)| key.owner == owner && key.region == region
        });
        let of_parts = self
            .objects
            .range(Key::new(&region, &parts, "", "")..)
            .take_while(move |(key, _)| key.owner.starts_with(&parts) && key.region == region);
        own.chain(of_parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::function::{Configuration, FunctionAlias};

    fn key(owner: &str, kind: &'static str, id: &str) -> Key {
        Key::new("r", owner, kind, id)
    }

    fn function(description: &str) -> Arc<dyn Object> {
        let latest = Configuration { description: description.into(), ..Configuration::default() };
        Arc::new(Function { latest, ..Function::default() })
    }

    fn of_function(state: &State) -> Option<String> {
        state.get::<Function>("r", "", "f").map(|function| function.latest.description.clone())
    }

    #[test]
    fn a_function_that_is_shown_hides_a_stored_one_with_all_that_is_its() {
        let (whole, other) = (key("", Function::KIND, "f"), key("", Function::KIND, "g"));
        let alias = key("function/f", FunctionAlias::KIND, "prod");
        let others = key("function/f-2", FunctionAlias::KIND, "prod");
        let an_alias = || Arc::new(FunctionAlias::default()) as Arc<dyn Object>;
        let mut state = State::new([
            (whole.clone(), function("stored")),
            (other.clone(), function("other")),
            (alias.clone(), an_alias()),
            (others.clone(), an_alias()),
        ]);
        let file = || BTreeMap::from([(whole.clone(), function("file"))]);

        let moved = state.show(file());
        assert_eq!(moved, [whole.clone(), alias.clone()]);
        assert_eq!(of_function(&state).as_deref(), Some("file"));
        assert!(state.object(&alias).is_none() && state.object(&others).is_some());
        assert!(state.is_shown(&whole) && state.is_shown(&alias));
        assert!(!state.is_shown(&other) && !state.is_shown(&others));
        assert_eq!(state.stored().count(), 4);
        assert_eq!(state.show(file()), [], "nothing has moved");

        // Another host changes the one and deletes the other.
        let changes = [(whole.clone(), Some(function("changed"))), (alias.clone(), None)];
        state.apply(Touched(changes.into()));
        assert_eq!(of_function(&state).as_deref(), Some("file"));
        assert_eq!(state.stored_object(&whole).unwrap().to_json(), function("changed").to_json());

        assert_eq!(state.show(BTreeMap::new()), std::slice::from_ref(&whole));
        assert_eq!(of_function(&state).as_deref(), Some("changed"));
        assert!(state.object(&alias).is_none() && !state.is_shown(&whole));
    }

    #[test]
    fn what_is_only_shown_leaves_nothing_behind() {
        let whole = key("", Function::KIND, "f");
        let mut state = State::default();
        assert_eq!(state.show(BTreeMap::from([(whole.clone(), function("file"))])), []);
        assert_eq!((state.stored().count(), state.stored_object(&whole).is_some()), (0, false));
        assert_eq!(state.show(BTreeMap::new()), []);
        assert!(state.is_empty());
    }
}
