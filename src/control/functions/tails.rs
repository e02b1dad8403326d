//! The ends of logs that callers have asked for (`LogType` `Tail`): what is written of one invocation is
//! kept on its way to the log, and told when the invocation has been reported.

use bytes::Bytes;
use std::collections::HashMap;
use tokio::sync::oneshot;

/// What of a log is told, as on Lambda.
const TAIL_BYTES_MAX: usize = 4096;

/// Logs that are waited for by request id.
#[derive(Debug, Default)]
pub(super) struct Tails(HashMap<Box<str>, Tail>);

#[derive(Debug)]
struct Tail {
    text: Vec<u8>,
    told: oneshot::Sender<Bytes>,
}

impl Tails {
    /// Somebody waits for the log of an invocation that is about to begin.
    pub(super) fn want(&mut self, request_id: Box<str>, told: oneshot::Sender<Bytes>) {
        // Whoever waits gives up after a while, so there are no more than callers.
        self.0.retain(|_, tail| !tail.told.is_closed());
        self.0.insert(request_id, Tail { text: Vec::new(), told });
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

    /// The invocation has been reported: nothing follows.
    pub(super) fn reported(&mut self, request_id: &str) {
        if let Some(mut tail) = self.0.remove(request_id) {
            tail.shorten();
            // Whoever waited may have gone.
            let _ = tail.told.send(tail.text.into());
        }
    }
}

impl Tail {
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
        tails.line("a", "last");
        tails.reported("a");
        let log = log.try_recv().unwrap();
        assert_eq!(log.len(), TAIL_BYTES_MAX);
        assert!(log.ends_with(b"bytes\nlast\n"));
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
