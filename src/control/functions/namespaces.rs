//! A worker's name spaces: it sees no processes but its own, `/tmp` and `/dev/shm` are its own, and when it
//! ends so does all that it has started, wherever that has gone.
//!
//! All of it happens in `ringgate worker-exec`. A process cannot move into a new name space of processes,
//! only its children are born there, and the first of them is who adopts the others' orphans and with whom
//! all end. So there are three processes:
//!
//! ```text
//! ringgate ── worker-exec, waits ─┬─ number 1: reaps, and ends when the pipe from its parent does
//!                                 └─ number 2: becomes the runtime
//! ```
//!
//! The one that waits is a process that ringgate knows, and the group's leader; it ends as the runtime has
//! ended. Whoever kills it closes the pipe. All three are in the group, so that a signal to it reaches the
//! runtime; number 1 is spared by the kernel, and the one that waits ignores `TERM`.

use crate::ring::process::{self, Forked};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{DumpableBehavior, Signal, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// How much of them a worker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Not that of processes: where `/proc` cannot be mounted, as in containers that hide parts of it.
    WithoutProcesses,
    /// All of them.
    All,
}

impl Level {
    /// The word for it on a command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::WithoutProcesses => "without-processes",
            Self::All => "all",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::WithoutProcesses, Self::All];
        all.into_iter().find(|it| it.word() == word).ok_or_else(|| format!("there is no {word}"))
    }
}

/// Where a worker's own files are to be seen.
pub(super) const OWN_FOLDER: &str = "/tmp";

/// What a worker sees of files that others do not.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The folder that is to be its `/tmp`; `None` leaves it the host's.
    pub temporary: Option<PathBuf>,
    /// Folders below `/tmp` that it must go on seeing.
    pub kept: Vec<PathBuf>,
    /// The most that its shared memory may hold; `None` leaves it the host's.
    pub shared_memory_bytes: Option<u64>,
}

/// What went wrong, with what was tried.
fn said<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {}", error.into())
}

/// Whether this process may make name spaces without one of users.
pub(super) fn is_privileged() -> bool {
    rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Moves this process into name spaces of its own, or its children where the name space is that of
/// processes. Whoever has not the privilege gets a name space of users first, in which it is who it was.
///
/// # Errors
/// What the kernel refused.
pub(super) fn enter(level: Level, files: &Files) -> Result<(), String> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if level == Level::All {
        flags |= UnshareFlags::NEWPID;
    }
    if !is_privileged() {
        // One after the other, so that the error tells which of them the host forbids.
        become_owner_of_users()?;
    }
    unshare(flags).map_err(said("`unshare` is refused"))?;
    // What is mounted here is seen by nobody else; what the host unmounts is unmounted here too, lest workers
    // keep its disks busy.
    let downstream = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", downstream).map_err(said("mounts cannot be made private"))?;
    if let Some(bytes) = files.shared_memory_bytes
        && Path::new("/dev/shm").is_dir()
    {
        let options = std::ffi::CString::new(format!("mode=1777,size={bytes}")).ok();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("tmpfs", "/dev/shm", "tmpfs", flags, options.as_deref())
            .map_err(said("cannot mount /dev/shm"))?;
    }
    match &files.temporary {
        Some(folder) => own_temporary_folder(folder, &files.kept),
        None => Ok(()),
    }
}

#[expect(deprecated, reason = "it is unsafe with `FILES` alone, and safe to be called without it")]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

/// Makes a name space of users in which this process's user and group are the only ones, by the numbers that
/// they have outside: so whom files belong to, and who it is to others, stays as it is.
fn become_owner_of_users() -> Result<(), String> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // A process that has changed its user may not write the files below.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(said("cannot write the map of users"))?;
    unshare(UnshareFlags::NEWUSER).map_err(said("a name space of users is refused"))?;
    let write = |file: &str, text: String| std::fs::write(format!("/proc/self/{file}"), text);
    write("setgroups", "deny".to_owned())
        .and_then(|()| write("uid_map", format!("{uid} {uid} 1")))
        .and_then(|()| write("gid_map", format!("{gid} {gid} 1")))
        .map_err(said("cannot write the map of users"))
}

/// Lays a folder over `/tmp`, and folders that were below it over that.
fn own_temporary_folder(folder: &Path, kept: &[PathBuf]) -> Result<(), String> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |path: &PathBuf| rustix::fs::open(path, flags, Mode::empty());
    // They are hidden in a moment, and found again by what is open.
    let kept: Vec<(&PathBuf, OwnedFd)> = kept
        .iter()
        .map(|path| Ok((path, open(path)?)))
        .collect::<Result<_, Errno>>()
        .map_err(said("cannot open the function's code"))?;
    let code = std::env::current_dir().map_err(said("there is no working directory"))?;
    rustix::mount::mount_bind(folder, OWN_FOLDER).map_err(said("cannot mount /tmp"))?;
    for (path, opened) in kept {
        let source = format!("/proc/self/fd/{}", opened.as_raw_fd());
        std::fs::create_dir_all(path).map_err(said("cannot show the code below /tmp"))?;
        rustix::mount::mount_bind_recursive(source, path)
            .map_err(said("cannot show the code below /tmp"))?;
    }
    std::env::set_current_dir(code).map_err(said("cannot go back to the code"))
}

/// Becomes three processes, as the module says, and returns in the one that is to be the runtime. `told` hears
/// its number when it is there, and the most that it has held when it is gone ([`Told`]).
///
/// # Errors
/// What the kernel refused.
pub(super) fn be_second(told: File) -> Result<(), String> {
    let fork = || process::fork().map_err(said("cannot start another process"));
    let (ends_with, held) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(said("no pipe"))?;
    let first = match fork()? {
        Forked::Parent(first) => first,
        Forked::Child => {
            drop((held, told));
            be_first(ends_with.into());
        }
    };
    match fork()? {
        Forked::Parent(second) => wait(first, second, held, told),
        Forked::Child => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            rustix::mount::mount("proc", "/proc", "proc", flags, None)
                .map_err(said("cannot mount /proc"))
        }
    }
}

/// Gives up every privilege that a name space of users has given.
///
/// # Errors
/// The kernel refused.
pub(super) fn give_up_all() -> Result<(), String> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).map_err(said("cannot give up capabilities"))
}

/// Holds nothing that anybody waits for, and cannot be looked into by who has its user.
fn withdraw() {
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Ok(nothing) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&nothing);
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
    let _ = std::env::set_current_dir("/");
}

/// The first process of the name space: orphans become its children, and nothing is left of them when they
/// end. When it ends the kernel kills all others.
fn be_first(mut ends_with: File) -> ! {
    process::ignore(Signal::CHILD);
    withdraw();
    let _ = ends_with.read(&mut [0]);
    std::process::exit(0)
}

/// Waits for the runtime, ends all that it has left behind, and ends as it has ended.
fn wait(
    first: rustix::process::Pid,
    second: rustix::process::Pid,
    held: OwnedFd,
    mut told: File,
) -> ! {
    process::ignore(Signal::TERM);
    withdraw();
    let mut tell = |number: u64| told.write_all(&number.to_ne_bytes());
    // Whoever does not listen any more does not need to know.
    let _ = tell(second.as_raw_nonzero().get().unsigned_abs().into());
    let status = loop {
        match rustix::process::waitpid(Some(second), WaitOptions::empty()) {
            Ok(Some((_, status))) => break Some(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => break None,
        }
    };
    let _ = tell(process::children_peak_bytes());
    drop(held);
    // It ends when all processes of its name space have.
    let waited = || rustix::process::waitpid(Some(first), WaitOptions::empty());
    while matches!(waited(), Err(Errno::INTR)) {}
    let signal = status.and_then(rustix::process::WaitStatus::terminating_signal);
    if let Some(signal) = signal.and_then(Signal::from_named_raw) {
        process::end_by(signal);
    }
    let code = status.and_then(rustix::process::WaitStatus::exit_status);
    std::process::exit(code.or_else(|| signal.map(|signal| 128 + signal)).unwrap_or(1))
}

/// What the process that waits tells: two numbers of eight bytes.
#[derive(Debug, Default)]
pub(super) struct Told {
    bytes: Vec<u8>,
}

impl Told {
    /// Bytes of both numbers.
    const ALL: usize = 16;

    /// Takes in what has come.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let room = Self::ALL - self.bytes.len();
        self.bytes.extend(bytes.iter().take(room));
    }

    fn number(&self, index: usize) -> Option<u64> {
        let bytes = self.bytes.get(index * 8..index * 8 + 8)?;
        bytes.try_into().ok().map(u64::from_ne_bytes)
    }

    /// The number of the runtime's process, as the host counts.
    pub(super) fn pid(&self) -> Option<u32> {
        self.number(0)?.try_into().ok()
    }

    /// The most that it has held; 0 before its end.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.number(1).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_comes_in_pieces_and_no_further_than_it_may() {
        let mut told = Told::default();
        assert_eq!((told.pid(), told.peak_bytes()), (None, 0));
        told.take(&7_u64.to_ne_bytes()[..5]);
        assert_eq!(told.pid(), None);
        told.take(&7_u64.to_ne_bytes()[5..]);
        assert_eq!((told.pid(), told.peak_bytes()), (Some(7), 0));
        told.take(&(31_u64 << 20).to_ne_bytes());
        told.take(&[1; 1000]);
        assert_eq!((told.pid(), told.peak_bytes()), (Some(7), 31 << 20));
        assert_eq!(told.bytes.len(), Told::ALL);
    }

    #[test]
    fn no_process_has_a_number_that_does_not_fit() {
        let mut told = Told::default();
        told.take(&u64::MAX.to_ne_bytes());
        assert_eq!(told.pid(), None);
    }
}
