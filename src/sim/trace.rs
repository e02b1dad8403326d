//! The last things that happened in a world, for the report of a failing seed.
//!
//! Off while thousands of seeds run: formatting would cost more than the simulation. A failing seed
//! is run again with the trace on; the replay is exact, so nothing is lost.

use super::clock::Clock;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Enough to see how most failures came about.
const LINES_MAX: usize = 400;

/// When one seed is replayed: everything, but no more than a terminal's user can search.
const LINES_MAX_IN_REPLAY: usize = 100_000;

/// A handle to a world's trace. Clones write to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    lines_max: usize,
    lines: Option<Rc<RefCell<VecDeque<String>>>>,
}

impl Trace {
    /// A trace that records nothing.
    pub(crate) fn off() -> Self {
        Self::default()
    }

    /// A trace that keeps the last lines.
    pub(crate) fn on() -> Self {
        let is_replay = std::env::var_os("RINGGATE_SEED").is_some();
        let lines_max = if is_replay { LINES_MAX_IN_REPLAY } else { LINES_MAX };
        Self { lines_max, lines: Some(Rc::default()) }
    }

    /// Records one line, formatted only when the trace is on.
    #[inline]
    pub(crate) fn note(&self, clock: &Clock, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let mut lines = lines.borrow_mut();
            if lines.len() == self.lines_max {
                lines.pop_front();
            }
            lines.push_back(format!("{:>12.6} {}", clock.elapsed().as_secs_f64(), line()));
        }
    }

    /// What was kept, oldest first.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.lines
            .as_ref()
            .map(|lines| lines.borrow().iter().cloned().collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let clock = Clock::new();
        let trace = Trace::on();
        for number in 0..=trace.lines_max {
            trace.note(&clock, || format!("line {number}"));
        }
        let tail = trace.tail();
        assert_eq!(tail.len(), trace.lines_max);
        assert!(tail[0].ends_with("line 1"), "the oldest went first");
    }

    #[test]
    fn nothing_is_formatted_while_it_is_off() {
        Trace::off().note(&Clock::new(), || unreachable!("the trace is off"));
    }
}
