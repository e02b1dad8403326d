//! Simulated time: it stands still until the world moves it.
//!
//! One real `Instant` is read when a world begins, because the type cannot be made otherwise; only
//! differences to it are ever used, so a replay sees the same times.

use super::random::Random;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// 2026-01-01T00:00:00Z: the time of day at which every world begins.
const EPOCH_AT_START: Duration = Duration::from_secs(1_767_225_600);

/// A handle to a world's time. Clones show the same time.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Instant,
    elapsed: Rc<Cell<Duration>>,
}

impl Clock {
    /// A clock at the beginning of its world.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), elapsed: Rc::default() }
    }

    /// The monotonic time.
    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed.get()
    }

    /// Since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }

    /// The time of day, since 1970-01-01T00:00:00Z.
    pub(crate) fn since_epoch(&self) -> Duration {
        EPOCH_AT_START + self.elapsed.get()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: Duration) {
        self.elapsed.set(self.elapsed.get() + by);
    }

    /// Jumps to an instant. Time never goes back: an earlier one changes nothing.
    pub(crate) fn advance_to(&self, instant: Instant) {
        let target = instant.saturating_duration_since(self.start);
        self.elapsed.set(self.elapsed.get().max(target));
    }

    /// Lets a world's time pass: a little where something has happened or is due, else until `next`.
    pub(crate) fn pass(&self, is_busy: bool, next: Instant, random: &mut Random) {
        if is_busy || next <= self.now() {
            self.advance(Duration::from_micros(random.between(1, 200) as u64));
        } else {
            self.advance_to(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_only_when_told_and_never_back() {
        let clock = Clock::new();
        let begin = clock.now();
        assert_eq!(clock.now(), begin);
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now() - begin, Duration::from_millis(5));
        clock.advance_to(begin);
        assert_eq!(clock.elapsed(), Duration::from_millis(5));
        clock.advance_to(begin + Duration::from_secs(1));
        assert_eq!(clock.clone().since_epoch(), EPOCH_AT_START + Duration::from_secs(1));
    }
}
