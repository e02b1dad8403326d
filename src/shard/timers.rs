//! Deadlines of connections and exchanges.
//!
//! Each owner keeps its own deadline in a [`Deadline`] and moves it as often as it likes, which is a
//! store. The heap holds one entry per owner at most times, at or before the deadline; when it comes
//! up too early it is put back. So a busy keep-alive connection, whose deadline moves twice per
//! request, costs a heap operation once per time-out and not once per request.

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
}

impl Timers {
    /// Moves an owner's deadline.
    #[inline]
    pub(super) fn set(&mut self, deadline: &mut Deadline, due: Instant, owner: Token) {
        deadline.due = Some(due);
        if deadline.entry.is_none_or(|entry| due < entry) {
            deadline.entry = Some(due);
            self.heap.push(Reverse((due, owner.0)));
        }
    }

    /// Takes the next entry that has come up. Its owner must call [`Timers::came_up`].
    #[inline]
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Token, Instant)> {
        let Reverse((entry, _)) = *self.heap.peek()?;
        if entry > now {
            return None;
        }
        self.heap.pop().map(|Reverse((entry, owner))| (Token(owner), entry))
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
