//! Series: totals by name, with places that batches of one layout can address by index.
//!
//! A name keeps its total for as long as the process runs, also while no snapshot has it, so that a
//! counter never goes backwards when a route disappears and comes back. Only when many names have
//! gone for good are those that went first folded into `other`.

use std::collections::BTreeMap;

/// Totals by name.
#[derive(Debug)]
pub(super) struct Table<K, S> {
    by_key: BTreeMap<K, usize>,
    places: Vec<Option<Place<K, S>>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Place<K, S> {
    key: K,
    series: S,
    /// The last layout version that had the name.
    version: u64,
}

impl<K: Ord + Clone, S> Table<K, S> {
    pub(super) fn new() -> Self {
        Self { by_key: BTreeMap::new(), places: Vec::new(), free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The place of a name, made when there is none, and marked as used by that version.
    pub(super) fn place(&mut self, key: &K, version: u64, make: impl FnOnce() -> S) -> usize {
        if let Some(&index) = self.by_key.get(key) {
            if let Some(place) = &mut self.places[index] {
                place.version = place.version.max(version);
            }
            return index;
        }
        let place = Some(Place { key: key.clone(), series: make(), version });
        let index = match self.free.pop() {
            Some(index) => {
                self.places[index] = place;
                index
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        };
        self.by_key.insert(key.clone(), index);
        index
    }

    pub(super) fn at(&self, index: usize) -> Option<(&K, &S)> {
        let place = self.places.get(index)?.as_ref()?;
        Some((&place.key, &place.series))
    }

    pub(super) fn at_mut(&mut self, index: usize) -> Option<&mut S> {
        Some(&mut self.places.get_mut(index)?.as_mut()?.series)
    }

    /// All by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &S)> {
        self.by_key.values().filter_map(|&index| self.at(index))
    }

    /// All, in any order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut S> {
        let places = self.places.iter_mut().flatten();
        places.map(|place| &mut place.series)
    }

    /// With more than `limit` names: takes out enough of those that no version from `oldest_kept` on
    /// has, the longest gone first.
    pub(super) fn retire(&mut self, limit: usize, oldest_kept: u64) -> Vec<(K, S)> {
        let excess = self.len().saturating_sub(limit);
        if excess == 0 {
            return Vec::new();
        }
        let places = self.places.iter().enumerate();
        let mut gone: Vec<(u64, usize)> = places
            .filter_map(|(index, place)| place.as_ref().map(|place| (place.version, index)))
            .filter(|&(version, _)| version < oldest_kept)
            .collect();
        gone.sort_unstable();
        gone.truncate(excess);
        gone.into_iter().filter_map(|(_, index)| self.remove(index)).collect()
    }

    /// Takes out all whose name fits.
    pub(super) fn remove_where(&mut self, fits: impl Fn(&K) -> bool) -> Vec<(K, S)> {
        let indexes: Vec<usize> =
            self.by_key.iter().filter(|(key, _)| fits(key)).map(|(_, &index)| index).collect();
        indexes.into_iter().filter_map(|index| self.remove(index)).collect()
    }

    fn remove(&mut self, index: usize) -> Option<(K, S)> {
        let place = self.places.get_mut(index)?.take()?;
        self.by_key.remove(&place.key);
        self.free.push(index);
        Some((place.key, place.series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_place_and_the_longest_gone_go_first() {
        let mut table = Table::new();
        let a = table.place(&"a", 1, || 10);
        let b = table.place(&"b", 2, || 20);
        let c = table.place(&"c", 3, || 30);
        assert_eq!(table.place(&"a", 3, || 0), a, "seen again in version 3");
        assert_eq!(table.at(a), Some((&"a", &10)));

        assert_eq!(table.retire(3, 3), [], "nothing to do at the limit");
        assert_eq!(table.retire(2, 2), [], "version 2 is still kept, and so is its name");
        assert_eq!(table.retire(2, 3), [("b", 20)]);
        assert_eq!(table.at(b), None);
        let d = table.place(&"d", 4, || 40);
        assert_eq!(d, b, "the place is used again");
        assert_eq!(table.remove_where(|key| *key == "c"), [("c", 30)]);
        assert_eq!(table.at_mut(c), None);
        let names: Vec<_> = table.iter().map(|(key, _)| *key).collect();
        assert_eq!(names, ["a", "d"]);
    }
}
