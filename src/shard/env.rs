//! The kernel's environment, and the loop of a shard's thread.
//!
//! glommio gives the shard a pinned thread and a place to sleep; the shard is its only task, so the loop
//! seldom yields. An idle shard first waits a little in its own ring when so configured (cheaper than
//! parking under moderate load), then parks in glommio on the ring's eventfd, which the control thread
//! writes to as well.

use super::{Activity, Shard, ShardSettings};
use crate::control::Seat;
use crate::control::mailbox::FromShard;
use crate::ring::Env;
use crate::ring::driver::KernelRing;
use crate::ring::park::park;
use crate::ring::probe::RingSettings;
use crate::snapshot::Snapshot;
use crate::tls::Tickets;
use glommio::{GlommioError, LocalExecutorBuilder, Placement};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// Turns between two yields to glommio. The shard is alone in its executor, so this only bounds how
/// late glommio's own housekeeping comes.
const TURNS_PER_YIELD: u32 = 64;

/// Empty turns before the shard sleeps: the second one catches what arrived during the first.
const EMPTY_TURNS: u32 = 2;

/// Memory glommio registers for its own file I/O, which is not used.
const GLOMMIO_MEMORY: usize = 64 * 1024;
/// Entries of glommio's own three rings: one poll and one timer are ever in flight.
const GLOMMIO_RING_DEPTH: usize = 16;

/// The executor refuses to start below this limit of locked memory, whoever starts it (glommio 0.9,
/// `sys/uring.rs`).
pub const EXECUTOR_MEMLOCK_BYTES_MIN: u64 = 512 * 1024;

/// What a shard takes from the kernel.
pub struct KernelEnv {
    ring: KernelRing,
    random: Random,
    epoch: (Instant, Duration),
}

impl KernelEnv {
    /// An environment around a ring. The seed comes from the system.
    pub fn new(ring: KernelRing) -> Self {
        Self { ring, random: Random::from_system(), epoch: (Instant::now(), since_epoch()) }
    }
}

impl Env for KernelEnv {
    type Ring = KernelRing;

    #[inline]
    fn ring(&mut self) -> &mut KernelRing {
        &mut self.ring
    }

    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn since_epoch(&mut self, now: Instant) -> Duration {
        let (then, epoch) = self.epoch;
        let passed = now.saturating_duration_since(then);
        // The clock may be set: looked at anew once a second.
        if passed > Duration::from_secs(1) {
            self.epoch = (now, since_epoch());
            return self.epoch.1;
        }
        epoch + passed
    }

    #[inline]
    fn random(&mut self) -> u64 {
        self.random.next()
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// wyrand: one multiplication per number. Request ids need uniqueness, not secrecy.
struct Random(u64);

impl Random {
    fn from_system() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // The standard library's hash keys come from the system's random numbers.
        let state = std::hash::RandomState::new();
        Self(state.build_hasher().finish())
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let wide = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (wide >> 64) as u64 ^ wide as u64
    }
}

/// What one shard's thread is started with.
#[derive(Debug)]
pub struct Start {
    /// Its side of the conversation with the control thread.
    pub seat: Seat,
    /// The core to be pinned to; `None` when the system would not say which may be used.
    pub core: Option<usize>,
    /// What to serve until the control thread says otherwise.
    pub snapshot: Box<Snapshot>,
    /// Keys of TLS tickets, the same for all shards.
    pub tickets: Tickets,
    /// Sizes of the ring.
    pub ring: RingSettings,
}

/// A shard's running thread.
pub type Running = std::thread::JoinHandle<()>;

/// Starts a shard's thread. What goes wrong on the thread itself is reported as the shard's death.
///
/// # Errors
/// When there can be no thread.
pub fn start(start: Start) -> io::Result<Running> {
    let shard = start.seat.shard;
    // glommio's own `spawn` would keep a failure to itself until the thread is joined.
    std::thread::Builder::new().name(format!("shard-{shard}")).spawn(move || {
        let placement = start.core.map_or(Placement::Unbound, Placement::Fixed);
        let made = LocalExecutorBuilder::new(placement)
            .io_memory(GLOMMIO_MEMORY)
            .ring_depth(GLOMMIO_RING_DEPTH)
            .make();
        match made {
            Ok(executor) => executor.run(run(start)),
            Err(error) => {
                let error = executor_fault(&error, getrlimit(Resource::Memlock).current);
                // The channel is empty at the start, so it takes this.
                let _ = start.seat.reporter.send(FromShard::Died { shard, error });
            }
        }
    })
}

/// Why there is no executor, in words that lead to the setting to change. `limit` is the limit of
/// locked memory.
fn executor_fault(error: &GlommioError<()>, limit: Option<u64>) -> String {
    let is_out_of_memory = matches!(
        error,
        GlommioError::IoError(error)
            if error.raw_os_error() == Some(rustix::io::Errno::NOMEM.raw_os_error())
    );
    match limit {
        // It looks at the limit even where the kernel would not, with CAP_IPC_LOCK.
        Some(limit) if is_out_of_memory || limit < EXECUTOR_MEMLOCK_BYTES_MIN => format!(
            "the memory lock limit of {} KiB is too small: the executor wants at least {} KiB, and \
             all rings of a user share it; raise LimitMEMLOCK (systemd), --ulimit memlock (Docker) \
             or `ulimit -l`",
            limit / 1024,
            EXECUTOR_MEMLOCK_BYTES_MIN / 1024
        ),
        _ => format!("its executor cannot be made: {error}"),
    }
}

async fn run(start: Start) {
    let Start { seat, snapshot, tickets, ring, .. } = start;
    let Seat { shard: id, mailbox, reporter } = seat;
    let made = mailbox
        .eventfd()
        .try_clone_to_owned()
        .map_err(|error| error.to_string())
        .and_then(|fd| KernelRing::with_eventfd(&ring, fd).map_err(|error| error.to_string()));
    let ring = match made {
        Ok(ring) => ring,
        Err(error) => {
            // The channel is empty at the start, so it takes this.
            let _ = reporter.send(FromShard::Died { shard: id, error });
            return;
        }
    };
    let settings = ShardSettings { snapshot, tickets: Some(tickets), reporter };
    let mut shard = Shard::new(KernelEnv::new(ring), settings);
    let mut linger = shard.linger();
    let (mut busy_turns, mut empty_turns) = (0u32, 0u32);
    loop {
        while let Some(message) = mailbox.try_take() {
            shard.deliver(message);
            linger = shard.linger();
            empty_turns = 0;
        }
        match shard.turn() {
            Activity::Stopped => break,
            Activity::Busy => {
                empty_turns = 0;
                busy_turns += 1;
                if busy_turns == TURNS_PER_YIELD {
                    busy_turns = 0;
                    glommio::executor().yield_now().await;
                }
                continue;
            }
            Activity::Idle => empty_turns += 1,
        }
        if empty_turns < EMPTY_TURNS {
            continue;
        }
        let before = shard.env().now();
        let timeout = shard.next_deadline().saturating_duration_since(before);
        if !linger.is_zero() {
            let wait = linger.min(timeout);
            let activity = shard.turn_with(|env, completions| env.ring().wait(completions, wait));
            let after = shard.env().now();
            shard.slept(after.saturating_duration_since(before));
            if activity != Activity::Idle {
                empty_turns = 0;
                continue;
            }
        }
        if !shard.env().ring().arm_wake() {
            continue;
        }
        let slept = park(mailbox.eventfd(), timeout).await;
        shard.env().ring().disarm_wake();
        let after = shard.env().now();
        shard.slept(after.saturating_duration_since(before));
        if let Err(error) = slept {
            tracing::warn!(shard = id, %error, "cannot park");
            glommio::timer::sleep(Duration::from_millis(1)).await;
        }
        empty_turns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(error: io::Error, limit: Option<u64>) -> String {
        executor_fault(&GlommioError::IoError(error), limit)
    }

    #[test]
    fn a_small_memory_lock_limit_is_named_with_its_numbers() {
        let expected = "the memory lock limit of 64 KiB is too small: the executor wants at least 512 \
                        KiB, and all rings of a user share it; raise LimitMEMLOCK (systemd), \
                        --ulimit memlock (Docker) or `ulimit -l`";
        assert_eq!(fault(io::Error::other("said in its own words"), Some(64 << 10)), expected);
    }

    #[test]
    fn a_limit_that_is_used_up_is_the_cause_too_and_other_causes_are_told_as_they_are() {
        let out_of_memory = || io::Error::from_raw_os_error(libc::ENOMEM);
        assert!(fault(out_of_memory(), Some(1 << 20)).contains("limit of 1024 KiB is too small"));
        let other = io::Error::from_raw_os_error(libc::EMFILE);
        assert!(fault(other, Some(1 << 20)).contains("Too many open files"));
        assert!(fault(out_of_memory(), None).contains("Cannot allocate memory"));
    }
}
