//! Everything that is stored, in memory.

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
}

impl State {
    /// From what the store holds.
    pub fn new(objects: impl IntoIterator<Item = (Key, Arc<dyn Object>)>) -> Self {
        Self { objects: objects.into_iter().collect(), shown: BTreeSet::new() }
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

    /// Shows these besides what is stored, in place of those shown before.
    pub fn show(&mut self, nouns: BTreeMap<Key, Arc<dyn Object>>) {
        for key in std::mem::take(&mut self.shown) {
            self.objects.remove(&key);
        }
        self.shown = nouns.keys().cloned().collect();
        self.objects.extend(nouns);
    }

    /// Whether a place is of what is only shown: the noun itself, or something of an API that is.
    pub fn is_shown(&self, key: &Key) -> bool {
        let owner = key.owner.split('/').next().unwrap_or_default();
        let whose = if owner.is_empty() { &*key.id } else { owner };
        let api = |kind| Key::new(&key.region, "", kind, whose);
        let kinds = [super::rest::RestApi::KIND, super::http::Api::KIND];
        kinds.into_iter().any(|kind| self.shown.contains(&api(kind)))
    }

    /// Makes changes that the store has.
    pub fn apply(&mut self, touched: Touched) {
        for (key, object) in touched.0 {
            match object {
                Some(object) => self.objects.insert(key, object),
                None => self.objects.remove(&key),
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
