//! Verdicts that a shard remembers.
//!
//! Bounded twice, in number and in bytes: clients choose the keys. When there is no room the oldest goes,
//! which costs its caller one more question and nobody a wrong answer. What is too old is found out when
//! it is looked for, so nothing sweeps.

use crate::exchange::authorize::lambda::Verdict;
use ahash::RandomState;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

/// Most verdicts of one shard.
const VERDICTS_MAX: usize = 16 * 1024;

/// Most bytes that they hold, about.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a verdict holds besides what its function returned: table, queue and the parts of a policy.
const BYTES_OF_ANY: usize = 512;

/// A policy as it is evaluated is larger than its text: about so much.
const BYTES_PER_RESULT_BYTE: usize = 4;

/// The verdicts of one shard.
#[derive(Debug)]
pub(super) struct Verdicts {
    entries: HashMap<Rc<[u8]>, Entry, RandomState>,
    /// Oldest first. One whose number is not that of its entry was replaced.
    order: VecDeque<(Rc<[u8]>, u64)>,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    verdict: Rc<Verdict>,
    until: Instant,
    number: u64,
    bytes: usize,
}

impl Verdicts {
    /// None. `hash` must be keyed: clients choose what is looked up.
    pub(super) fn new(hash: RandomState) -> Self {
        Self { entries: HashMap::with_hasher(hash), order: VecDeque::new(), bytes: 0, next: 0 }
    }

    /// What was said under that key, if it still counts.
    pub(super) fn find(&self, key: &[u8], now: Instant) -> Option<Rc<Verdict>> {
        let entry = self.entries.get(key)?;
        (now < entry.until).then(|| Rc::clone(&entry.verdict))
    }

    /// Remembers a verdict until then. `result_bytes` is the size of what it was read from.
    pub(super) fn remember(
        &mut self,
        key: &Rc<[u8]>,
        verdict: &Rc<Verdict>,
        result_bytes: usize,
        until: Instant,
    ) {
        let bytes = key.len() + BYTES_OF_ANY + BYTES_PER_RESULT_BYTE * result_bytes;
        let number = self.next;
        self.next += 1;
        let entry = Entry { verdict: Rc::clone(verdict), until, number, bytes };
        if let Some(before) = self.entries.insert(Rc::clone(key), entry) {
            self.bytes -= before.bytes;
        }
        self.bytes += bytes;
        self.order.push_back((Rc::clone(key), number));
        // The queue is bounded, and with it the table: one that was replaced has a place in it too.
        while self.order.len() > VERDICTS_MAX || self.bytes > BYTES_MAX {
            let Some((key, number)) = self.order.pop_front() else { break };
            if self.entries.get(&key).is_some_and(|entry| entry.number == number)
                && let Some(entry) = self.entries.remove(&key)
            {
                self.bytes -= entry.bytes;
            }
        }
    }

    /// How many there are, those that are too old among them.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Panics when what is counted is not what is there.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.order.len() <= VERDICTS_MAX && self.bytes <= BYTES_MAX);
        assert!(self.entries.len() <= self.order.len());
        assert_eq!(self.bytes, self.entries.values().map(|entry| entry.bytes).sum::<usize>());
        for (key, entry) in &self.entries {
            let is_queued = self.order.iter().any(|(it, n)| it == key && *n == entry.number);
            assert!(is_queued, "one that no bound would ever reach");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::authorize::lambda::read_verdict;
    use crate::snapshot::AuthorizerKind;
    use proptest::prelude::*;
    use std::time::Duration;

    fn verdicts() -> Verdicts {
        Verdicts::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    fn verdict() -> Rc<Verdict> {
        let said = read_verdict(br#"{"isAuthorized":true}"#, AuthorizerKind::Http2Simple);
        Rc::new(said.unwrap())
    }

    fn key(number: u64) -> Rc<[u8]> {
        number.to_le_bytes().into()
    }

    #[test]
    fn a_verdict_counts_until_its_time_is_over_and_not_a_moment_longer() {
        let (mut verdicts, now) = (verdicts(), Instant::now());
        let until = now + Duration::from_secs(300);
        verdicts.remember(&key(1), &verdict(), 21, until);
        assert!(verdicts.find(&key(1), until - Duration::from_nanos(1)).is_some());
        assert!(verdicts.find(&key(1), until).is_none());
        assert!(verdicts.find(&key(2), now).is_none());
        // Asked again, it counts again.
        verdicts.remember(&key(1), &verdict(), 21, until + Duration::from_secs(300));
        assert!(verdicts.find(&key(1), until).is_some());
        assert_eq!(verdicts.len(), 1);
        verdicts.check();
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let (mut verdicts, now) = (verdicts(), Instant::now());
        let verdict = verdict();
        let until = now + Duration::from_secs(300);
        for number in 0..VERDICTS_MAX as u64 {
            verdicts.remember(&key(number), &verdict, 0, until);
        }
        assert!(verdicts.find(&key(0), now).is_some(), "there is room for that many");
        verdicts.remember(&key(u64::MAX), &verdict, 0, until);
        assert!(verdicts.find(&key(0), now).is_none());
        assert!(verdicts.find(&key(1), now).is_some());
        assert!(verdicts.find(&key(u64::MAX), now).is_some());
        assert_eq!(verdicts.len(), VERDICTS_MAX);
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large() {
        let (mut verdicts, now) = (verdicts(), Instant::now());
        let verdict = verdict();
        let until = now + Duration::from_secs(300);
        let each = 8 + BYTES_OF_ANY + BYTES_PER_RESULT_BYTE * 8192;
        let fits = BYTES_MAX / each;
        for number in 0..fits as u64 {
            verdicts.remember(&key(number), &verdict, 8192, until);
        }
        assert_eq!(verdicts.len(), fits);
        verdicts.remember(&key(u64::MAX), &verdict, 8192, until);
        assert_eq!(verdicts.len(), fits);
        assert!(verdicts.find(&key(0), now).is_none());
        verdicts.check();
    }

    proptest! {
        #[test]
        fn nothing_is_counted_twice(steps in prop::collection::vec((0_u64..20, 0_usize..9000), 0..200)) {
            let (mut verdicts, now) = (verdicts(), Instant::now());
            let verdict = verdict();
            for (number, bytes) in steps {
                verdicts.remember(&key(number), &verdict, bytes, now);
            }
            verdicts.check();
        }
    }
}
