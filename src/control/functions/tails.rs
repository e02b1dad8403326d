//! The ends of logs that callers have asked for (`LogType` `Tail`): what is written of one invocation is
//! kept on its way to the log, and told a moment after the invocation has been reported: what comes
//! through the worker's pipe later than its answer is a part of it.

use bytes::Bytes;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What of a log is told, as on Lambda.
const TAIL_BYTES_MAX: usize = 4096;

/// How long lines are waited for behind the report.
const LATE: Duration = Duration::from_millis(60);

/// Logs that are waited for by request id.
#[derive(Debug, Default)]
pub(super) struct Tails(HashMap<Box<str>, Tail>);

#[derive(Debug)]
struct Tail {
    text: Vec<u8>,
    /// What stands behind it, and when it is told.
    end: Option<(String, Instant)>,
    told: oneshot::Sender<Bytes>,
}

impl Tails {
    /// Somebody waits for the log of an invocation that is about to begin.
    pub(super) fn want(&mut self, request_id: Box<str>, told: oneshot::Sender<Bytes>) {
        // Whoever waits gives up after a while, so there are no more than callers.
        self.0.retain(|_, tail| !tail.told.is_closed());
        self.0.insert(request_id, Tail { text: Vec::new(), end: None, told });
    }

    /// A line is written.
    pub(super) fn line(&mut self, request_id: &str, line: &str) {
        let Some(tail) = self.0.get_mut(request_id) else { return };
        tail.text.extend_from_slice(line.as_bytes());
        tail.text.push(b'\n');
        // Now and then, as each time moves all of it.
        if tail.text.len() > 4 * TAIL_BYTES_MAX {
            tail.shorten();
        }
    }

    /// The invocation has been reported: with these lines its log ends.
    pub(super) fn reported(&mut self, request_id: &str, end: String, now: Instant) {
        if let Some(tail) = self.0.get_mut(request_id) {
            tail.end = Some((end, now + LATE));
        }
    }

    /// When the next log is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().filter_map(|tail| tail.end.as_ref().map(|(_, due)| *due)).min()
    }

    /// Tells the logs that are complete.
    pub(super) fn tell(&mut self, now: Instant) {
        let is_due = |tail: &Tail| tail.end.as_ref().is_some_and(|(_, due)| *due <= now);
        for (_, tail) in self.0.extract_if(|_, tail| is_due(tail)) {
            tail.tell();
        }
    }

    /// Tells all logs as they are: nothing is written any more.
    pub(super) fn tell_all(&mut self) {
        for (_, tail) in self.0.drain() {
            tail.tell();
        }
    }
}

impl Tail {
    fn tell(mut self) {
        if let Some((end, _)) = &self.end {
            self.text.extend_from_slice(end.as_bytes());
        }
        self.shorten();
        // Whoever waited may have gone.
        let _ = self.told.send(self.text.into());
    }

    fn shorten(&mut self) {
        let over = self.text.len().saturating_sub(TAIL_BYTES_MAX);
        self.text.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four_kibibytes_are_told_when_the_invocation_is_over() {
        let mut tails = Tails::default();
        let (told, mut log) = oneshot::channel();
        tails.want("a".into(), told);
        tails.line("b", "another's");
        tails.line("a", "first");
        for _ in 0..1000 {
            tails.line("a", "a line of some bytes");
        }
        assert!(log.try_recv().is_err(), "it is not over");
        let now = Instant::now();
        tails.reported("a", "END\nREPORT\n".into(), now);
        tails.line("a", "late");
        tails.tell(now);
        assert!(log.try_recv().is_err(), "lines may be on their way");
        assert_eq!(tails.due(), Some(now + LATE));
        tails.tell(now + LATE);
        let log = log.try_recv().unwrap();
        assert_eq!(log.len(), TAIL_BYTES_MAX);
        assert!(log.ends_with(b"bytes\nlate\nEND\nREPORT\n"));
        assert!(tails.0.is_empty());
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten() {
        let mut tails = Tails::default();
        for id in ["a", "b"] {
            tails.want(id.into(), oneshot::channel().0);
        }
        assert_eq!(tails.0.len(), 1);
    }
}
