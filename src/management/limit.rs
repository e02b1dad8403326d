//! Limit: how fast one caller may call. A bucket per caller: `burst` calls at once after a pause,
//! `rate` per second on average.
//!
//! Time is an argument, and wall-clock time at that (signatures need it anyway): when the clock is set
//! back, a bucket waits no longer than it would have taken to fill.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, SystemTime};

/// Callers remembered at once. Each is some 100 bytes; beyond, full buckets are dropped first, which
/// changes nothing, because a new one is full too.
const CALLERS_MAX: usize = 10_000;

/// How fast one caller may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Calls per second on average, at least one.
    pub rate: u32,
    /// Calls at once after a pause, at least one.
    pub burst: u32,
}

/// One bucket per caller.
#[derive(Debug)]
pub struct Buckets<K> {
    buckets: HashMap<K, Bucket>,
    callers_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Calls that may be made now.
    left: f64,
    /// When `left` was right.
    at: SystemTime,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), callers_max: CALLERS_MAX }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Takes one call from the caller's bucket, or says how long until there is one.
    pub fn take(&mut self, caller: &K, pace: Pace, now: SystemTime) -> Result<(), Duration> {
        if !self.buckets.contains_key(caller) && self.buckets.len() >= self.callers_max {
            self.make_room(pace, now);
        }
        let full = Bucket { left: f64::from(pace.burst), at: now };
        let bucket = self.buckets.entry(caller.clone()).or_insert(full);
        bucket.fill(pace, now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) / f64::from(pace.rate.max(1))))
    }

    fn make_room(&mut self, pace: Pace, now: SystemTime) {
        let full = f64::from(pace.burst);
        self.buckets.retain(|_, bucket| {
            bucket.fill(pace, now);
            bucket.left < full
        });
        if self.buckets.len() < self.callers_max {
            return;
        }
        // Everybody is busy: who has the most left loses the least.
        let fullest = self.buckets.iter().max_by(|(_, a), (_, b)| a.left.total_cmp(&b.left));
        if let Some(caller) = fullest.map(|(caller, _)| caller.clone()) {
            self.buckets.remove(&caller);
        }
    }
}

impl Bucket {
    fn fill(&mut self, pace: Pace, now: SystemTime) {
        // Set back: what has passed is not known, so nothing is given and time starts again here.
        let passed = now.duration_since(self.at).unwrap_or_default();
        self.left = (self.left + passed.as_secs_f64() * f64::from(pace.rate.max(1)))
            .min(f64::from(pace.burst.max(1)));
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { rate: 2, burst: 3 };

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut buckets = Buckets::default();
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", PACE, at(0)), Ok(()));
        }
        assert_eq!(buckets.take(&"a", PACE, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(&"b", PACE, at(0)), Ok(()), "another caller has its own");
        assert!(buckets.take(&"a", PACE, at(499)).is_err());
        assert_eq!(buckets.take(&"a", PACE, at(500)), Ok(()));
        assert!(buckets.take(&"a", PACE, at(500)).is_err());
    }

    #[test]
    fn a_clock_set_back_neither_gives_calls_nor_blocks_for_long() {
        let mut buckets = Buckets::default();
        for _ in 0..3 {
            buckets.take(&"a", PACE, at(60_000)).unwrap();
        }
        assert!(buckets.take(&"a", PACE, at(0)).is_err());
        assert_eq!(buckets.take(&"a", PACE, at(500)), Ok(()));
    }

    #[test]
    fn callers_that_rest_make_room_for_others_and_busy_ones_stay_limited() {
        let mut buckets = Buckets { callers_max: 2, ..Buckets::default() };
        for _ in 0..3 {
            buckets.take(&0, PACE, at(0)).unwrap();
        }
        for caller in 1..50 {
            buckets.take(&caller, PACE, at(1)).unwrap();
        }
        assert!(buckets.buckets.len() <= 2);
        assert!(buckets.take(&0, PACE, at(1)).is_err(), "the busiest is forgotten last");
    }

    proptest! {
        /// Whatever the order of times: never more than the burst and what the rate gives.
        #[test]
        fn no_more_than_burst_and_rate_pass(times in proptest::collection::vec(0_u64..10_000, 1..200)) {
            let mut times = times;
            times.sort_unstable();
            let mut buckets = Buckets::default();
            let passed = times.iter().filter(|time| buckets.take(&(), PACE, at(**time)).is_ok()).count();
            let last = times.last().copied().unwrap_or_default();
            let most = 3.0 + f64::from(u32::try_from(last).unwrap()) / 1000.0 * 2.0;
            prop_assert!(f64::from(u32::try_from(passed).unwrap()) <= most + 1e-6);
        }
    }
}
