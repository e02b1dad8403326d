//! Budget: the arena of one rendering, and what is left of its limits.

use std::cell::Cell;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::limits::Limits;
use super::problem::RenderProblem;
use super::value::{List, ListKind, Map, Value};
use super::watch::Watch;

/// The result of anything that may go beyond a limit. Boxed, since it travels through every value.
pub(super) type Outcome<T> = Result<T, Box<RenderProblem>>;

/// Where a shard's renderings keep what they make, one after the other. It grows to what renderings need
/// and stays warm, so that an ordinary one allocates nothing; what a large one took is given back.
#[derive(Debug)]
pub struct Scratch {
    arena: Bump,
    hasher: ahash::RandomState,
    watch: Option<Box<dyn Watch>>,
}

/// What stays allocated between renderings, at most.
const KEPT_BYTES: usize = 1 << 20;

impl Scratch {
    /// `seed` is for the hash of the keys of long JSON objects: clients choose those, so it must be
    /// random; it changes no output.
    pub fn new(seed: u64) -> Self {
        Self {
            arena: Bump::new(),
            hasher: ahash::RandomState::with_seeds(seed, !seed, seed ^ 0x5bd1, 7),
            watch: None,
        }
    }

    /// As [`Scratch::new`], with somebody who looks at every rendering.
    pub fn watched(seed: u64, watch: Box<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..Self::new(seed) }
    }

    pub(super) fn budget(&mut self, limits: Limits) -> Budget<'_> {
        self.watched_budget(limits).0
    }

    /// The budget of one rendering, and who looks at it.
    pub(super) fn watched_budget(
        &mut self,
        limits: Limits,
    ) -> (Budget<'_>, Option<&mut (dyn Watch + 'static)>) {
        if self.arena.allocated_bytes() > KEPT_BYTES {
            self.arena = Bump::new();
        } else {
            self.arena.reset();
        }
        let budget = Budget {
            arena: &self.arena,
            hasher: &self.hasher,
            limits,
            steps_left: Cell::new(limits.steps),
            held: Cell::new(0),
        };
        (budget, self.watch.as_deref_mut())
    }
}

pub(super) struct Budget<'a> {
    pub(super) arena: &'a Bump,
    pub(super) hasher: &'a ahash::RandomState,
    pub(super) limits: Limits,
    steps_left: Cell<u32>,
    held: Cell<usize>,
}

impl<'a> Budget<'a> {
    /// Takes `count` steps.
    pub(super) fn steps(&self, count: usize) -> Outcome<()> {
        let left = self.steps_left.get();
        if count > left as usize {
            self.steps_left.set(0);
            return limit("steps", self.limits.steps as usize);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is no more than `left`")]
        self.steps_left.set(left - count as u32);
        Ok(())
    }

    /// Takes the steps for reading or making `bytes`.
    pub(super) fn bytes(&self, bytes: usize) -> Outcome<()> {
        self.steps(1 + bytes / 64)
    }

    /// Takes memory, before it is allocated.
    pub(super) fn hold(&self, bytes: usize) -> Outcome<()> {
        let held = self.held.get().saturating_add(bytes);
        self.held.set(held);
        if held > self.limits.memory_bytes {
            return limit("bytes of memory", self.limits.memory_bytes);
        }
        Ok(())
    }

    pub(super) fn depth(&self, depth: u32) -> Outcome<()> {
        if depth > self.limits.depth {
            return limit("levels", self.limits.depth as usize);
        }
        Ok(())
    }

    pub(super) fn output(&self, bytes: usize) -> Outcome<()> {
        if bytes > self.limits.output_bytes {
            return limit("bytes of output", self.limits.output_bytes);
        }
        Ok(())
    }

    /// A copy in the arena.
    pub(super) fn text(&self, text: &str) -> Outcome<&'a str> {
        self.bytes(text.len())?;
        self.hold(text.len())?;
        Ok(self.arena.alloc_str(text))
    }

    pub(super) fn list(&self, kind: ListKind, items: &[Value<'a>]) -> Outcome<Value<'a>> {
        self.hold(size_of::<List<'_>>() + size_of_val(items))?;
        self.steps(1 + items.len() / 8)?;
        let mut copy = ArenaVec::with_capacity_in(items.len(), self.arena);
        copy.extend_from_slice(items);
        Ok(Value::List(List::new(self.arena, kind, copy)))
    }

    pub(super) fn map(&self) -> Outcome<&'a Map<'a>> {
        self.hold(size_of::<Map<'_>>())?;
        Ok(Map::new(self.arena))
    }

    /// `map.put(key, value)`: the growth of the table is counted in.
    pub(super) fn put(
        &self,
        map: &Map<'a>,
        key: Value<'a>,
        value: Value<'a>,
    ) -> Outcome<Option<Value<'a>>> {
        self.steps(1)?;
        self.hold(MAP_ENTRY_BYTES)?;
        Ok(map.insert(self.hasher, key, value))
    }

    pub(super) fn push(&self, list: &List<'a>, value: Value<'a>) -> Outcome<()> {
        self.steps(1)?;
        // An arena's vector leaves its old place behind when it grows.
        self.hold(2 * size_of::<Value<'_>>())?;
        list.items.borrow_mut().push(value);
        Ok(())
    }
}

/// Twice an entry, for what growing leaves behind, and its share of the index.
pub(super) const MAP_ENTRY_BYTES: usize = 2 * size_of::<(Value<'_>, Value<'_>)>() + 32;

#[cold]
pub(super) fn limit<T>(what: &'static str, maximum: usize) -> Outcome<T> {
    Err(Box::new(RenderProblem::Limit { what, maximum }))
}

pub(super) fn failed<T>(method: &str, reason: impl Into<String>) -> Outcome<T> {
    Err(Box::new(RenderProblem::Call { method: method.to_owned(), reason: reason.into() }))
}
