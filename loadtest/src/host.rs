//! What the process takes from its host: file descriptors, cores, signals, a seed.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CpuSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Descriptors the process needs besides its connections: standard streams, rings, the report.
const DESCRIPTORS_OTHER: u64 = 64;

/// Makes room for so many sockets by raising the soft limit on file descriptors to the hard one.
///
/// # Errors
/// A sentence with the numbers and the fix, when even the hard limit is too small.
pub fn raise_descriptor_limit(sockets: usize) -> Result<(), String> {
    let needed = sockets as u64 + DESCRIPTORS_OTHER;
    let limit = getrlimit(Resource::Nofile);
    // `None` is no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = limit.maximum.unwrap_or_default();
        return Err(format!(
            "{sockets} connections need {needed} file descriptors, the hard limit is {maximum}: \
             raise it (`ulimit -Hn {needed}` as root, `LimitNOFILE={needed}` in systemd, \
             `--ulimit nofile={needed}` in Docker) or use fewer connections"
        ));
    }
    let raised = Rlimit {
        current: Some(needed.max(limit.maximum.unwrap_or(needed).min(65_536))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|error| format!("cannot raise the limit on file descriptors to {needed}: {error}"))
}

/// Prepares the calling thread for load: timers as exact as the kernel can, and one core when asked.
///
/// # Errors
/// When the core does not exist or is not ours.
pub fn prepare_thread(core: Option<usize>) -> io::Result<()> {
    // The default slack of 50 us would show in every latency of a constant rate. Not fatal: a
    // sandbox may forbid it, and the lateness is measured anyway.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    if let Some(core) = core {
        if core >= CpuSet::MAX_CPU {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let mut cores = CpuSet::new();
        cores.set(core);
        rustix::thread::sched_setaffinity(None, &cores)?;
    }
    Ok(())
}

/// Turns the first Ctrl-C (or SIGTERM) into a flag; the second one ends the process at once.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn watch_interrupts() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the second signal finds the flag set and exits.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// Whether the flag of [`watch_interrupts`] is up.
pub fn is_interrupted(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// A seed that differs from run to run.
pub fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_limit_allows_is_granted() {
        assert_eq!(raise_descriptor_limit(16), Ok(()));
    }

    #[test]
    fn too_many_connections_are_refused_with_numbers_and_the_fix() {
        let Some(maximum) = getrlimit(Resource::Nofile).maximum else {
            return;
        };
        let explained = raise_descriptor_limit(maximum as usize).unwrap_err();
        assert!(explained.contains(&format!("the hard limit is {maximum}")));
        assert!(explained.contains("LimitNOFILE="));
    }
}
