//! Signals: what an operator or the service manager asks of the process.

use std::io;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// A request by signal, or by [`super::Remote`].
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
    use std::process::Command;

    /// Runs itself as a child: a signal goes to the whole process and so to every test in it.
    #[test]
    fn each_signal_has_its_meaning() {
        const CHILD: &str = "RINGGATE_TEST_SIGNALS";
        if std::env::var_os(CHILD).is_some() {
            return child();
        }
        let name = "control::signals::tests::each_signal_has_its_meaning";
        let status = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(CHILD, "")
            .output()
            .unwrap()
            .status;
        assert!(status.success());
    }

    #[tokio::main(flavor = "current_thread")]
    async fn child() {
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
