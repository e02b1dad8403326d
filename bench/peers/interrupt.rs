//! Ctrl-C and SIGTERM as a flag, so that an interrupted run unwinds, ends its children and removes its
//! folder like any other error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

/// How long a wait may go on before it looks at the flag again: short enough to feel immediate.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Tells whether the operator asked for an end.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over both signals. A second one ends the process at once, whatever it is doing; its
    /// children then get their parent-death signal.
    pub(crate) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal finds the flag unset here and sets it below.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .context("cannot register a signal handler")?;
        }
        Ok(Self(flag))
    }

    /// Fails once a signal has arrived.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Sleeps, or fails as soon as a signal arrives.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<()> {
        let until = Instant::now() + duration;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// Asks `ready` until it answers with a value; `None` once `limit` has passed.
    pub(crate) fn wait_for<T>(
        &self,
        limit: Duration,
        mut ready: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let until = Instant::now() + limit;
        loop {
            if let Some(value) = ready()? {
                return Ok(Some(value));
            }
            self.check()?;
            if Instant::now() >= until {
                return Ok(None);
            }
            thread::sleep(LOOK_EVERY / 4);
        }
    }
}
