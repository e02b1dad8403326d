//! Slots: where connections live, by index, with a generation so that a late completion never
//! reaches a connection that reused the place.

/// Names one tenancy of one slot: index in the low 32 bits, generation in the next 24. The upper 8
/// bits are zero and free for the owner's use (see [`crate::ring::Token`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(u64);

/// 24 bits: a stale token would have to survive 16 million reuses of its slot to be mistaken.
const GENERATION_MASK: u64 = 0xff_ffff;

impl SlotId {
    /// The low 56 bits of a token.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & 0x00ff_ffff_ffff_ffff)
    }

    /// The value to put into a token.
    pub fn bits(self) -> u64 {
        self.0
    }

    fn new(index: usize, generation: u64) -> Self {
        Self((generation & GENERATION_MASK) << 32 | index as u64)
    }

    /// The place in the table; unique among the live ones.
    pub fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    fn generation(self) -> u64 {
        self.0 >> 32
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Taken(T),
    Free { next: Option<u32> },
}

/// A table of `T` with stable places. Inserting and removing are constant time and allocate only when
/// the table grows.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    first_free: Option<u32>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), first_free: None, len: 0 }
    }
}

impl<T> Slots<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are live.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is live.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a value into a free place; the value is made from its own name.
    pub fn insert_with(&mut self, make: impl FnOnce(SlotId) -> T) -> SlotId {
        self.len += 1;
        if let Some(index) = self.first_free {
            let slot = &mut self.slots[index as usize];
            let Content::Free { next } = slot.content else {
                unreachable!("the free list names only free slots");
            };
            self.first_free = next;
            let id = SlotId::new(index as usize, slot.generation);
            slot.content = Content::Taken(make(id));
            id
        } else {
            let id = SlotId::new(self.slots.len(), 0);
            self.slots.push(Slot { generation: 0, content: Content::Taken(make(id)) });
            id
        }
    }

    /// Puts a value into a free place.
    pub fn insert(&mut self, value: T) -> SlotId {
        self.insert_with(|_| value)
    }

    /// Who lives now at the place of that tenancy.
    pub fn tenant(&self, id: SlotId) -> Option<SlotId> {
        let slot = self.slots.get(id.index())?;
        let is_taken = matches!(slot.content, Content::Taken(_));
        is_taken.then(|| SlotId::new(id.index(), slot.generation))
    }

    /// The value, when that tenancy still lives.
    #[inline]
    pub fn get(&self, id: SlotId) -> Option<&T> {
        match self.slots.get(id.index()) {
            Some(Slot { generation, content: Content::Taken(value) })
                if *generation == id.generation() =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// The value, when that tenancy still lives.
    #[inline]
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        match self.slots.get_mut(id.index()) {
            Some(Slot { generation, content: Content::Taken(value) })
                if *generation == id.generation() =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Takes the value out and ends the tenancy.
    pub fn remove(&mut self, id: SlotId) -> Option<T> {
        self.get(id)?;
        let slot = &mut self.slots[id.index()];
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        let content = std::mem::replace(&mut slot.content, Content::Free { next: self.first_free });
        self.first_free = u32::try_from(id.index()).ok();
        self.len -= 1;
        match content {
            Content::Taken(value) => Some(value),
            Content::Free { .. } => None,
        }
    }

    /// All live ones with their names.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match &slot.content {
            Content::Taken(value) => Some((SlotId::new(index, slot.generation), value)),
            Content::Free { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_place_has_another_name() {
        let mut slots = Slots::new();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        assert_eq!(slots.tenant(first), None);
        let second = slots.insert("second");
        assert_eq!((slots.tenant(first), slots.tenant(second)), (Some(second), Some(second)));
        assert_eq!(first.index(), second.index());
        assert_ne!(first, second);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(SlotId::from_bits(second.bits() | 7 << 56), second);
    }

    #[test]
    fn free_places_are_used_before_the_table_grows() {
        let mut slots = Slots::new();
        let ids: Vec<_> = (0..10).map(|value| slots.insert(value)).collect();
        for id in &ids {
            slots.remove(*id);
        }
        for value in 0..10 {
            assert!(slots.insert(value).index() < 10);
        }
        assert_eq!(slots.len(), 10);
        assert_eq!(slots.iter().count(), 10);
    }
}
