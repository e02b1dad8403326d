//! Which request leaves next, and when it is meant to.
//!
//! Threads share a schedule without sharing anything: of `n` threads, number `i` sends the requests
//! `i`, `i + n`, `i + 2n`, … of the one sequence, so the threads together keep the rate evenly.

use crate::scenario::{Load, Scenario};
use crate::schedule::Profile;
use std::time::Duration;

/// One thread's share of the requests.
#[derive(Debug)]
pub(super) struct Source {
    thread: u64,
    threads: u64,
    /// How many this thread has taken.
    taken: u64,
    requests_max: u64,
    end: Duration,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    /// As fast as answers come.
    Closed,
    /// By the clock.
    Open {
        rate: Profile,
        segment: usize,
        /// When the next one is due; `None`: no more.
        due: Option<Duration>,
    },
}

/// A request that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// Its number in the run, over all threads.
    pub(super) sequence: u64,
    /// When it was meant to leave, from the start.
    pub(super) due: Duration,
}

impl Source {
    /// The share of one of so many threads.
    pub(super) fn new(scenario: &Scenario, thread: usize, threads: usize) -> Self {
        let mut source = Self {
            thread: thread as u64,
            threads: threads as u64,
            taken: 0,
            requests_max: scenario.requests_max.unwrap_or(u64::MAX),
            end: scenario.load.duration(),
            pace: match &scenario.load {
                Load::Closed { .. } => Pace::Closed,
                Load::Open { rate } => Pace::Open { rate: rate.clone(), segment: 0, due: None },
            },
        };
        source.schedule();
        source
    }

    fn sequence(&self) -> u64 {
        self.thread + self.taken * self.threads
    }

    fn schedule(&mut self) {
        let sequence = self.sequence();
        if let Pace::Open { rate, segment, due } = &mut self.pace {
            *due = if sequence < self.requests_max { rate.due(sequence, segment) } else { None };
        }
    }

    /// Takes the next request, when one is to leave by now.
    #[inline]
    pub(super) fn take(&mut self, elapsed: Duration) -> Option<Taken> {
        let sequence = self.sequence();
        let due = match &self.pace {
            Pace::Closed if elapsed < self.end && sequence < self.requests_max => elapsed,
            Pace::Open { due: Some(due), .. } if *due <= elapsed => *due,
            Pace::Closed | Pace::Open { .. } => return None,
        };
        self.taken += 1;
        self.schedule();
        Some(Taken { sequence, due })
    }

    /// When the next request of an open loop is due. A closed loop has no such time.
    pub(super) fn next_due(&self) -> Option<Duration> {
        match self.pace {
            Pace::Closed => None,
            Pace::Open { due, .. } => due,
        }
    }

    /// Whether no request will ever come again.
    pub(super) fn is_exhausted(&self, elapsed: Duration) -> bool {
        match &self.pace {
            Pace::Closed => elapsed >= self.end || self.sequence() >= self.requests_max,
            Pace::Open { due, .. } => due.is_none(),
        }
    }

    /// Ends it here: the run was interrupted.
    pub(super) fn stop(&mut self) {
        self.requests_max = 0;
        self.schedule();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Draft;

    fn scenario(change: impl FnOnce(&mut Draft)) -> Scenario {
        let mut draft = Draft::for_url("http://h/").unwrap();
        change(&mut draft);
        draft.finish().unwrap()
    }

    #[test]
    fn threads_interleave_into_one_even_schedule() {
        let scenario = scenario(|draft| {
            draft.rate = Some(1000.0);
            draft.duration = Some(Duration::from_secs(1));
        });
        let mut all: Vec<(u64, Duration)> = Vec::new();
        for thread in 0..3 {
            let mut source = Source::new(&scenario, thread, 3);
            while let Some(taken) = source.take(Duration::from_secs(9)) {
                all.push((taken.sequence, taken.due));
            }
            assert!(source.is_exhausted(Duration::ZERO));
        }
        all.sort();
        assert_eq!(all.len(), 1000);
        for (index, (sequence, due)) in all.iter().enumerate() {
            assert_eq!(*sequence, index as u64);
            assert!(due.abs_diff(Duration::from_millis(index as u64)) < Duration::from_micros(1));
        }
    }

    #[test]
    fn an_open_loop_gives_nothing_early_and_nothing_twice() {
        let scenario = scenario(|draft| {
            draft.rate = Some(10.0);
            draft.duration = Some(Duration::from_secs(1));
        });
        let mut source = Source::new(&scenario, 0, 1);
        assert_eq!(source.take(Duration::ZERO).map(|taken| taken.sequence), Some(0));
        assert_eq!(source.take(Duration::from_millis(99)), None);
        assert_eq!(source.next_due(), Some(Duration::from_millis(100)));
        assert!(source.take(Duration::from_millis(100)).is_some());
        source.stop();
        assert!(source.is_exhausted(Duration::ZERO));
        assert_eq!(source.take(Duration::from_secs(5)), None);
    }

    #[test]
    fn a_closed_loop_ends_by_time_or_by_count() {
        let by_time = scenario(|draft| draft.duration = Some(Duration::from_secs(1)));
        let mut source = Source::new(&by_time, 0, 1);
        assert!(source.take(Duration::from_millis(999)).is_some());
        assert!(source.take(Duration::from_secs(1)).is_none());
        let by_count = scenario(|draft| draft.requests_max = Some(5));
        let counts = (0..2).map(|thread| {
            let mut source = Source::new(&by_count, thread, 2);
            std::iter::from_fn(|| source.take(Duration::ZERO)).count()
        });
        assert_eq!(counts.collect::<Vec<_>>(), [3, 2]);
    }
}
