//! Signals: what an operator or the service manager asks of the process.

use std::io;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// A request by signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again and reopen log files.
    Reload,
    /// SIGTERM or SIGINT: drain and end; a second one ends at once.
    Stop,
}

/// The signals this process listens to.
#[derive(Debug)]
pub struct Signals {
    hangup: Stream,
    terminate: Stream,
    interrupt: Stream,
}

impl Signals {
    /// Begins to listen. From now on the signals' default effects are off.
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one. Cancelling loses nothing.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Number, getpid, kill_process};

    #[tokio::test]
    async fn each_signal_has_its_meaning() {
        let mut signals = Signals::new().unwrap();
        for (number, meaning) in [
            (Number::HUP, Signal::Reload),
            (Number::TERM, Signal::Stop),
            (Number::INT, Signal::Stop),
        ] {
            kill_process(getpid(), number).unwrap();
            assert_eq!(signals.next().await, meaning);
        }
    }
}
