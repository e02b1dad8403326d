//! What `ringgate worker-exec` asks of the kernel about its own process and cannot ask safely by other
//! means: to become two, to be deaf to a signal, to end by one, to give way to others, and how much its
//! children have held.
//!
//! It stands here because this folder has the project's only `unsafe` code; no shard uses it.

#![expect(
    unsafe_code,
    reason = "calls of the kernel that nothing else wraps; each says why it is sound"
)]

use rustix::process::{Pid, Signal};
use std::io;

/// Which of two processes this one is after [`fork`].
#[derive(Debug)]
pub enum Forked {
    /// The one that there was, with the number of the other.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Makes this process two.
///
/// # Errors
/// It has more than one thread, or the kernel refuses.
pub fn fork() -> io::Result<Forked> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other(format!("it has {threads} threads")));
    }
    // SAFETY: what is dangerous about `fork` is memory and locks that another thread was about to change,
    // and of which the child has a copy for ever. This thread is the only one, by the count above, and only
    // a thread of the process can start another.
    let child = unsafe { libc::fork() };
    match child {
        ..0 => Err(io::Error::last_os_error()),
        _ => Ok(Pid::from_raw(child).map_or(Forked::Child, Forked::Parent)),
    }
}

/// Lets a signal do nothing to this process from now on, and nothing to what it executes. Children that end
/// while `CHILD` is ignored leave nothing to wait for.
pub fn ignore(signal: Signal) {
    disposition(signal, libc::SIG_IGN);
}

/// Ends this process by a signal, as far as that signal ends processes.
pub fn end_by(signal: Signal) {
    disposition(signal, libc::SIG_DFL);
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
}

/// `to` is one of `SIG_IGN` and `SIG_DFL`.
fn disposition(signal: Signal, to: libc::sighandler_t) {
    // SAFETY: neither of the two is a function that would run, so there is nothing that it could break; and
    // a `Signal` is one that no runtime keeps for itself.
    unsafe { libc::signal(signal.as_raw(), to) };
}

/// Moves this process, and all that it starts, to the kernel's batch class (`SCHED_BATCH`, sched(7)): its
/// share of the processors stays, but when it wakes up it does not interrupt what runs.
///
/// # Errors
/// The kernel refuses, as some containers' filters have it.
pub fn be_batch() -> io::Result<()> {
    // SAFETY: all zeroes are a valid `sched_param`, whose priority has to be 0 for this class; the kernel
    // reads it during the call, and it concerns no memory of the process.
    let done = unsafe {
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The most that one of the children that were waited for has held in memory at a time, and what it was
/// before it executed its program included.
pub fn children_peak_bytes() -> u64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of a `rusage`'s size and alignment, which is this function's own; all
    // zeroes are one, so it may be read whether the kernel has written it or not.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_not_made_two() {
        // The test runner has at least the thread that waits for this one.
        let error = fork().unwrap_err().to_string();
        assert!(error.starts_with("it has ") && error.ends_with(" threads"), "{error}");
    }

    #[test]
    fn what_children_have_held_is_known_when_they_have_been_waited_for() {
        assert!(std::process::Command::new("true").status().unwrap().success());
        assert!(children_peak_bytes() > 100 * 1024);
    }
}
