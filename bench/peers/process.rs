//! Child processes that cannot outlive the run and stay on their cores.
//!
//! A child is started through this binary itself (`launch`), which binds itself to the cores, raises
//! the limit of open files, asks the kernel for a signal should its parent die, and then becomes the
//! program. So everything is in force before the program's first instruction, without code between
//! fork and exec. Each child leads its own process group: one signal reaches its workers too.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group,
    set_parent_process_death_signal, setrlimit,
};

use crate::cores;
use crate::interrupt::Interrupt;

/// First argument that makes this binary a launcher.
pub(crate) const LAUNCH: &str = "launch-pinned";

/// Files a process may want open: 10,000 idle connections, as many again for a proxy that counts two
/// for each, and some to spare.
const OPEN_FILES_WANTED: u64 = 65_536;

/// How long a proxy may take to end when asked politely.
const GRACE: Duration = Duration::from_secs(2);

/// How much of a log an error message quotes.
const LOG_LINES: usize = 8;

/// Becomes the program named in `arguments`: cores, program, its arguments. Returns only when it cannot.
pub(crate) fn launch(mut arguments: impl Iterator<Item = OsString>) -> Error {
    let become_program = || -> Result<std::convert::Infallible> {
        let cores = arguments.next().context("no cores given")?;
        let cores = cores.to_str().context("the cores are not text")?;
        let cores: Vec<usize> = cores
            .split(',')
            .map(|core| core.parse().with_context(|| format!("`{core}` is not a core")))
            .collect::<Result<_>>()?;
        let program = arguments.next().context("no program given")?;
        cores::pin(&cores)?;
        raise_open_files();
        // SIGTERM rather than SIGKILL: nginx's master then ends its workers as well.
        set_parent_process_death_signal(Some(Signal::TERM))
            .context("cannot ask for a signal at the parent's death")?;
        let error = Command::new(&program).args(arguments).exec();
        Err(anyhow!("{}: {error}", program.display()))
    };
    match become_program() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// As many open files as the system grants, up to what is wanted.
pub(crate) fn raise_open_files() {
    let found = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: Some(OPEN_FILES_WANTED), maximum: Some(OPEN_FILES_WANTED) };
    let enough = found.maximum.is_none_or(|maximum| maximum >= OPEN_FILES_WANTED);
    if !enough && setrlimit(Resource::Nofile, wanted).is_ok() {
        return;
    }
    // Failing is fine: a case that needs more will say which connection it could not open.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, ..found });
}

/// A running child. Dropping it ends it and its workers.
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `program` on `cores`; what it prints goes to `log`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        cores: &[usize],
        log: PathBuf,
    ) -> Result<Self> {
        let output =
            File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let errors = output.try_clone().context("cannot share a log between two streams")?;
        let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
        // By this name rather than by path: the file may be replaced by a build while we run.
        let child = Command::new("/proc/self/exe")
            .arg(LAUNCH)
            .arg(cores.join(","))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let pid = Pid::from_child(&child);
        Ok(Self { child, pid, log })
    }

    /// Process id of the child itself; its workers are its descendants.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the child alone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).context("cannot signal a child")
    }

    /// Fails, with the end of its log, when the child has ended.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot look after a child")? {
            None => Ok(()),
            Some(status) => Err(anyhow!("ended with {status}: {}", self.log_end())),
        }
    }

    /// Waits for the child's own end; an error when that takes longer than `limit`.
    pub(crate) fn finish(&mut self, limit: Duration, interrupt: &Interrupt) -> Result<ExitStatus> {
        interrupt
            .wait_for(limit, || self.child.try_wait().context("cannot wait for a child"))?
            .with_context(|| format!("did not end within {limit:?}: {}", self.log_end()))
    }

    /// Everything it printed.
    pub(crate) fn output(&self) -> Result<String> {
        fs::read_to_string(&self.log)
            .with_context(|| format!("cannot read `{}`", self.log.display()))
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        match lines.as_slice() {
            [] => "it printed nothing".to_owned(),
            lines => lines[lines.len().saturating_sub(LOG_LINES)..].join(" | "),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors have nobody to go to here, and mean that the process is already gone.
        let _ = kill_process_group(self.pid, Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch_error(arguments: &[&str]) -> String {
        launch(arguments.iter().map(OsString::from)).to_string()
    }

    // Only the refusals: with everything right, `launch` would replace the test itself.
    #[test]
    fn a_launch_without_cores_or_program_is_refused() {
        assert_eq!(launch_error(&[]), "no cores given");
        assert_eq!(launch_error(&["0"]), "no program given");
        assert_eq!(launch_error(&["x", "/bin/true"]), "`x` is not a core");
    }
}
