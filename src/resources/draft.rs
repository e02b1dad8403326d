//! One call's view of the state, with its own changes laid over it.

use super::{Entity, Key, Object, State, downcast};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// What a call, or several in a row, changed: a noun's new form, or `None` where it is gone.
#[derive(Debug, Clone, Default)]
pub struct Touched(pub BTreeMap<Key, Option<Arc<dyn Object>>>);

impl Touched {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lays later changes over these.
    pub fn extend(&mut self, later: Touched) {
        self.0.extend(later.0);
    }
}

/// What was there before, for each key that a call changed; `None` where there was nothing.
pub type Before = Vec<(Key, Option<Arc<dyn Object>>)>;

/// One call's view of the state. Several calls can be run before anything is stored: what the earlier
/// ones changed is `settled`, and lost together with them.
#[derive(Debug)]
pub struct Draft<'s> {
    base: &'s State,
    settled: &'s Touched,
    touched: Touched,
    region: Box<str>,
}

impl<'s> Draft<'s> {
    /// A view of a state, in a region.
    pub fn new(base: &'s State, region: &str) -> Self {
        static NONE: Touched = Touched(BTreeMap::new());
        Self::over(base, &NONE, region)
    }

    /// As [`Draft::new`], with changes that are not stored yet laid over the state.
    pub fn over(base: &'s State, settled: &'s Touched, region: &str) -> Self {
        Self { base, settled, touched: Touched::default(), region: region.into() }
    }

    /// The region that all other methods speak of.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Goes on in another region. Returns the one before.
    pub fn go_to(&mut self, region: &str) -> Box<str> {
        std::mem::replace(&mut self.region, region.into())
    }

    /// Runs something in another region; `""` holds what is unique over all of them.
    pub fn in_region<R>(&mut self, region: &str, act: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.region, region.into());
        let result = act(self);
        self.region = before;
        result
    }

    /// A noun.
    pub fn get<T: Entity>(&self, owner: &str, id: &str) -> Option<Arc<T>> {
        self.object(&self.key::<T>(owner, id)).and_then(downcast)
    }

    /// Whether there is such a noun.
    pub fn has<T: Entity>(&self, owner: &str, id: &str) -> bool {
        self.object(&self.key::<T>(owner, id)).is_some()
    }

    /// All of a kind and owner, by id.
    pub fn list<T: Entity>(&self, owner: &str) -> Vec<Arc<T>> {
        self.list_after(owner, None, usize::MAX)
    }

    /// At most `limit` of a kind and owner, by id, behind the one named by `after`, which need not
    /// exist any more. Costs what it returns, not what there is.
    pub fn list_after<T: Entity>(
        &self,
        owner: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<T>> {
        let from = self.key::<T>(owner, "");
        let entries = self.entries_of(&from, after).take(limit);
        entries.filter_map(|(_, object)| downcast(object)).collect()
    }

    /// Adds or replaces a noun.
    pub fn put<T: Entity>(&mut self, owner: &str, id: &str, noun: T) {
        self.put_shared(owner, id, Arc::new(noun));
    }

    /// As [`Draft::put`], without a copy.
    pub fn put_shared<T: Entity>(&mut self, owner: &str, id: &str, noun: Arc<T>) {
        let key = self.key::<T>(owner, id);
        self.touched.0.insert(key, Some(noun));
    }

    /// Removes a noun. Returns whether there was one.
    pub fn remove<T: Entity>(&mut self, owner: &str, id: &str) -> bool {
        let key = self.key::<T>(owner, id);
        let there = self.object(&key).is_some();
        if there {
            self.touched.0.insert(key, None);
        }
        there
    }

    /// Removes all of a kind and owner.
    pub fn remove_all<T: Entity>(&mut self, owner: &str) {
        let keys: Vec<Key> =
            self.entries_of(&self.key::<T>(owner, ""), None).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.touched.0.insert(key, None);
        }
    }

    /// Removes everything that belongs to an owner, and to its parts.
    pub fn remove_owned(&mut self, owner: &str) {
        let parts = format!("{owner}/");
        let is_owned = |key: &&Key| {
            key.region == self.region && (*key.owner == *owner || key.owner.starts_with(&parts))
        };
        let stored = self.base.owned(&self.region, owner).map(|(key, _)| key);
        let laid = self.settled.0.keys().chain(self.touched.0.keys()).filter(is_owned);
        let keys: Vec<Key> = stored.chain(laid).cloned().collect();
        for key in keys {
            self.touched.0.insert(key, None);
        }
    }

    /// Puts a noun of any type where it was once: undo.
    pub fn put_object(&mut self, key: Key, object: Option<Arc<dyn Object>>) {
        self.touched.0.insert(key, object);
    }

    /// A noun of any type.
    pub fn object(&self, key: &Key) -> Option<&Arc<dyn Object>> {
        if let Some(laid) = self.touched.0.get(key).or_else(|| self.settled.0.get(key)) {
            return laid.as_ref();
        }
        self.base.object(key)
    }

    /// The keys that this call has touched so far.
    pub fn touched(&self) -> impl Iterator<Item = &Key> {
        self.touched.0.keys()
    }

    /// What this call changed, by key, with what was there before: what is stored and audited. Leaves
    /// out what ended as it began.
    pub fn finish(self) -> (Touched, Before) {
        let Self { base, settled, mut touched, .. } = self;
        let mut before = Vec::with_capacity(touched.0.len());
        touched.0.retain(|key, after| {
            let was = match settled.0.get(key) {
                Some(laid) => laid.as_ref(),
                None => base.object(key),
            };
            let same = match (was, &*after) {
                (None, None) => true,
                (Some(was), Some(after)) => {
                    Arc::ptr_eq(was, after) || was.to_json() == after.to_json()
                }
                _ => false,
            };
            if !same {
                before.push((key.clone(), was.cloned()));
            }
            !same
        });
        (touched, before)
    }

    fn key<T: Entity>(&self, owner: &str, id: &str) -> Key {
        Key::new(&self.region, owner, T::KIND, id)
    }

    /// Merges what is stored with what is laid over it, in order of ids.
    fn entries_of(
        &self,
        from: &Key,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &Arc<dyn Object>)> + use<'_> {
        let bound = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut stored = self.base.range(from, bound).peekable();
        let mut laid: BTreeMap<&Key, Option<&Arc<dyn Object>>> = BTreeMap::new();
        for (key, object) in self.settled.0.iter().chain(&self.touched.0) {
            let same = key.kind == from.kind && key.owner == from.owner;
            if same && key.region == from.region && after.is_none_or(|after| &*key.id > after) {
                laid.insert(key, object.as_ref());
            }
        }
        let mut laid = laid.into_iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let from_laid = match (stored.peek(), laid.peek()) {
                    (Some((stored, _)), Some((laid, _))) => *laid <= *stored,
                    (None, Some(_)) => true,
                    (_, None) => false,
                };
                if !from_laid {
                    return stored.next();
                }
                let (key, object) = laid.next()?;
                // What is laid over a stored noun hides it.
                stored.next_if(|(stored, _)| *stored == key);
                if let Some(object) = object {
                    return Some((key, object));
                }
            }
        })
    }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
