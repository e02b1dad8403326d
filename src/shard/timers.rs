//! Deadlines of connections and exchanges.
//!
//! Each owner keeps its own deadline in a [`Deadline`] and moves it as often as it likes, which is a
//! store. The heap holds one entry per owner at most times, at or before the deadline; when it comes
//! up too early it is put back. So a busy keep-alive connection, whose deadline moves twice per
//! request, costs a heap operation once per time-out and not once per request.
//!
//! Rows that come and go with requests leave their entry to whoever has their place in the table next
//! ([`Timers::leave`]). Else each request would leave one in the heap for as long as its time-out is: a
//! million of them at thirty thousand requests a second.

use super::Kind;
use crate::ring::Token;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// An owner's deadline and where it stands in the heap.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deadline {
    due: Option<Instant>,
    /// When the earliest entry in the heap comes up.
    entry: Option<Instant>,
}

impl Deadline {
    /// Whether the deadline has passed.
    #[cfg(test)]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// No deadline any more. The entry stays and comes up for nothing.
    pub(super) fn clear(&mut self) {
        self.due = None;
    }
}

/// The heap of all deadlines of a shard.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    /// By kind and place: when an entry comes up that a row has left behind, until another has it.
    left: [Vec<Option<Instant>>; Kind::COUNT],
}

impl Timers {
    /// Moves an owner's deadline.
    #[inline]
    pub(super) fn set(&mut self, deadline: &mut Deadline, due: Instant, owner: Token) {
        deadline.due = Some(due);
        if deadline.entry.is_none() {
            deadline.entry = self.left_at(owner).and_then(Option::take);
        }
        if deadline.entry.is_none_or(|entry| due < entry) {
            deadline.entry = Some(due);
            self.heap.push(Reverse((due, owner.0)));
        }
    }

    /// A row is over, and leaves its entry to the next one at its place. When the entry comes up, that one is
    /// to be asked.
    #[inline]
    pub(super) fn leave(&mut self, deadline: Deadline, owner: Token) {
        if deadline.entry.is_none() {
            return;
        }
        let (kind, place) = Kind::of(owner);
        let left = &mut self.left[kind as usize];
        if left.len() <= place.index() {
            left.resize(place.index() + 1, None);
        }
        left[place.index()] = deadline.entry;
    }

    fn left_at(&mut self, owner: Token) -> Option<&mut Option<Instant>> {
        let (kind, place) = Kind::of(owner);
        self.left[kind as usize].get_mut(place.index())
    }

    /// Takes the next entry that has come up. Its owner must call [`Timers::came_up`].
    #[inline]
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Token, Instant)> {
        let Reverse((entry, _)) = *self.heap.peek()?;
        if entry > now {
            return None;
        }
        let Reverse((entry, owner)) = self.heap.pop()?;
        let owner = Token(owner);
        // Nobody can have it any more.
        if let Some(left) = self.left_at(owner)
            && *left == Some(entry)
        {
            *left = None;
        }
        Some((owner, entry))
    }

    /// An entry of this owner has come up: is it due? If not, a new entry stands for it.
    pub(super) fn came_up(
        &mut self,
        deadline: &mut Deadline,
        entry: Instant,
        owner: Token,
        now: Instant,
    ) -> bool {
        if deadline.entry != Some(entry) {
            // An older entry, left behind when the deadline moved forward.
            return false;
        }
        deadline.entry = None;
        match deadline.due {
            Some(due) if due <= now => {
                deadline.due = None;
                true
            }
            Some(due) => {
                self.set(deadline, due, owner);
                false
            }
            None => false,
        }
    }

    /// When the next entry comes up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((entry, _))| *entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::SlotId;
    use std::time::Duration;

    const OWNER: Token = Token(5);

    #[test]
    fn a_deadline_that_moves_back_costs_no_entry() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut timers, mut deadline) = (Timers::default(), Deadline::default());
        for second in 0..100 {
            timers.set(&mut deadline, at(30 + second), OWNER);
        }
        assert_eq!(timers.heap.len(), 1);
        let (owner, entry) = timers.pop(at(30)).unwrap();
        assert!(!timers.came_up(&mut deadline, entry, owner, at(30)));
        assert_eq!(timers.next(), Some(at(129)));
        assert!(timers.pop(at(128)).is_none());
        let (owner, entry) = timers.pop(at(129)).unwrap();
        assert!(timers.came_up(&mut deadline, entry, owner, at(129)));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_deadline_that_moves_forward_comes_up_in_time_and_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut timers, mut deadline) = (Timers::default(), Deadline::default());
        timers.set(&mut deadline, at(60), OWNER);
        timers.set(&mut deadline, at(10), OWNER);
        let (owner, entry) = timers.pop(at(10)).unwrap();
        assert!(timers.came_up(&mut deadline, entry, owner, at(10)));
        let (owner, entry) = timers.pop(at(60)).unwrap();
        assert!(!timers.came_up(&mut deadline, entry, owner, at(60)));
    }

    fn row(place: usize, generation: u64) -> Token {
        Kind::Invocation.token(SlotId::from_bits(generation << 32 | place as u64))
    }

    #[test]
    fn rows_at_one_place_share_an_entry_and_each_has_its_deadline() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut timers = Timers::default();
        for begun in 0..10_000 {
            let (mut deadline, owner) = (Deadline::default(), row(3, begun));
            timers.set(&mut deadline, at(30_000 + begun), owner);
            timers.leave(deadline, owner);
        }
        assert_eq!(timers.heap.len(), 1);
        let (mut last, owner) = (Deadline::default(), row(3, 10_000));
        timers.set(&mut last, at(40_000), owner);
        let (found, entry) = timers.pop(at(30_000)).unwrap();
        assert_eq!(Kind::of(found).1.index(), 3);
        assert!(!timers.came_up(&mut last, entry, owner, at(30_000)));
        let (found, entry) = timers.pop(at(40_000)).unwrap();
        assert_eq!(found, owner);
        assert!(timers.came_up(&mut last, entry, owner, at(40_000)));
    }

    #[test]
    fn an_entry_that_has_come_up_is_left_to_nobody() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        let mut first = Deadline::default();
        timers.set(&mut first, at(10), row(0, 0));
        timers.leave(first, row(0, 0));
        assert!(timers.pop(at(10)).is_some(), "while nobody is there");
        let mut second = Deadline::default();
        timers.set(&mut second, at(20), row(0, 1));
        timers.set(&mut second, at(15), row(0, 1));
        let (owner, entry) = timers.pop(at(15)).unwrap();
        assert!(timers.came_up(&mut second, entry, owner, at(15)));
        // An earlier deadline than what was left does not wait for that.
        timers.leave(second, row(0, 1));
        let (mut third, mut other) = (Deadline::default(), Deadline::default());
        timers.set(&mut third, at(17), row(0, 2));
        timers.set(&mut other, at(16), row(1, 0));
        assert_eq!(timers.pop(at(30)).unwrap().0, row(1, 0));
        let (owner, entry) = timers.pop(at(30)).unwrap();
        assert_eq!(owner, row(0, 2));
        assert!(timers.came_up(&mut third, entry, owner, at(30)));
    }

    #[test]
    fn a_cleared_deadline_does_not_fire() {
        let start = Instant::now();
        let (mut timers, mut deadline) = (Timers::default(), Deadline::default());
        timers.set(&mut deadline, start, OWNER);
        deadline.clear();
        let (owner, entry) = timers.pop(start).unwrap();
        assert!(!timers.came_up(&mut deadline, entry, owner, start));
    }
}
