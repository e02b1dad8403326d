//! What a thread takes from outside: the ring, a clock, and waiting for either.
//!
//! The kernel's ring for real runs; tests put a simulated service with a simulated clock behind the
//! same trait, so that a stall of a minute is tested in a millisecond.

use ringgate::ring::driver::KernelRing;
use ringgate::ring::{Completion, Ring};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The ring with a clock.
pub trait Network: Ring {
    /// Submits what is queued and waits until something completed or the time is up.
    fn wait(&mut self, completions: &mut Vec<Completion>, timeout: Duration);

    /// The monotonic time.
    fn now(&self) -> Instant;

    /// Milliseconds since 1970.
    fn epoch_ms(&self) -> u64;

    /// CPU time this thread has used.
    fn thread_cpu(&self) -> Duration;
}

impl Network for KernelRing {
    fn wait(&mut self, completions: &mut Vec<Completion>, timeout: Duration) {
        KernelRing::wait(self, completions, timeout);
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn epoch_ms(&self) -> u64 {
        let time = clock_gettime(ClockId::Realtime);
        time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
    }

    fn thread_cpu(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}
