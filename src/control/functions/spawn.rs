//! Starting a worker: which program, with which environment, and what the wrapper does before it
//! becomes that program.
//!
//! Limits that a process can only give to itself are set by `ringgate worker-exec`
//! ([`become_worker`]), which then executes the runtime: so nothing here needs `unsafe` code between
//! fork and exec.

use super::languages::Program;
use super::namespaces::{self, Files, Level};
use crate::snapshot::function::{Launch, User};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Open files of one worker's process, Lambda's own limit.
const DESCRIPTORS_MAX: u64 = 1024;

/// Variables of ringgate's own environment that workers see.
const PASSED_ON: &[&str] = &["PATH", "LD_LIBRARY_PATH", "TZ"];

/// Variables that name folders in which runtimes look for libraries.
const SEARCHED: &[&str] = &["LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH"];

/// What a worker is started with besides its function.
#[derive(Debug)]
pub(super) struct Start<'s> {
    pub(super) launch: &'s Launch,
    pub(super) program: Program,
    /// `127.0.0.1:PORT/SECRET`.
    pub(super) runtime_api: String,
    /// Its own temporary folder.
    pub(super) folder: &'s Path,
    /// Whether Python may put compiled modules beside their sources.
    pub(super) keeps_bytecode: bool,
    /// Whether its system calls are filtered.
    pub(super) is_filtered: bool,
    /// Which name spaces of its own it has.
    pub(super) namespaces: Option<Level>,
    /// `yyyy/mm/dd/[$LATEST]hex`.
    pub(super) log_stream: String,
    /// Where its output goes; `None` drops it.
    pub(super) output: Option<OwnedFd>,
}

/// A worker that was started.
#[derive(Debug)]
pub(super) struct Spawned {
    /// Its process, or the one that waits for it ([`namespaces`]).
    pub(super) child: tokio::process::Child,
    /// What the one that waits tells of it; `None` where nobody does.
    pub(super) told: Option<PipeReader>,
}

/// Starts a worker in a process group of its own.
///
/// # Errors
/// What is missing, in words for whoever runs the gateway.
pub(super) fn spawn(start: Start<'_>) -> Result<Spawned, String> {
    let launch = start.launch;
    make_folder(start.folder, launch.user)
        .map_err(|error| format!("cannot make {}: {error}", start.folder.display()))?;
    let mut command = wrapper();
    if let Some(user) = launch.user {
        command.arg("--user").arg(format!("{}:{}", user.uid, user.gid));
    }
    command.arg("--file-bytes").arg(launch.storage_bytes.to_string());
    if !start.is_filtered {
        command.arg("--unfiltered");
    }
    let files = start.namespaces.map(|_| own_files(&start));
    let (home, told) = match (start.namespaces, &files) {
        (Some(level), Some(files)) => (name_spaces(&mut command, level, files), told(level)),
        _ => (None, Ok(None)),
    };
    let home = home.unwrap_or(start.folder);
    let (told, tells) = told.map_err(|error| format!("no pipe for it: {error}"))?.unzip();
    command.arg("--").args(&start.program.command);
    command.env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in environment(&start, home) {
        command.env(name, value);
    }
    // The user's come first in meaning and last in order: none of them is reserved.
    command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&launch.code).process_group(0);
    command.stdin(tells.map_or_else(Stdio::null, Stdio::from));
    match start.output {
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
        Some(pipe) => {
            let other = pipe.try_clone().map_err(|error| format!("no pipe for it: {error}"))?;
            command.stdout(Stdio::from(pipe)).stderr(Stdio::from(other))
        }
    };
    let mut command = tokio::process::Command::from(command);
    command
        .kill_on_drop(true)
        .spawn()
        .map(|child| Spawned { child, told })
        .map_err(|error| format!("it cannot be started: {error}"))
}

/// `ringgate worker-exec`, told who waits for it.
pub(super) fn wrapper() -> std::process::Command {
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg("worker-exec").arg("--parent").arg(std::process::id().to_string());
    command
}

/// What a worker with name spaces sees of files that others do not.
fn own_files(start: &Start<'_>) -> Files {
    let own = Path::new(namespaces::OWN_FOLDER);
    let is_hidden = |path: &Path| {
        path.starts_with(own) || path.canonicalize().is_ok_and(|path| path.starts_with(own))
    };
    let (code, runtime) = (&start.launch.code, &start.program.runtime_folder);
    // An interpreter is more than its program, a client more than its first file, and where the rest is only
    // they know.
    let words = start.program.command.iter().map(Path::new).filter(|it| it.is_absolute());
    let mut elsewhere = words.filter(|it| !it.starts_with(code) && !it.starts_with(runtime));
    let is_hosts =
        elsewhere.any(is_hidden) || [code, runtime].into_iter().any(|it| own.starts_with(it));
    let mut needed = vec![code.clone(), runtime.clone()];
    // Libraries that the file names. What users of the Lambda API name is not for them to choose.
    if start.launch.isolation.is_some() {
        let named = start.launch.environment.iter();
        let named = named.filter(|(name, _)| SEARCHED.contains(&name.as_str()));
        needed.extend(named.flat_map(|(_, folders)| std::env::split_paths(folders)));
    }
    let real: Vec<_> = needed.iter().filter_map(|it| it.canonicalize().ok()).collect();
    let is_below = |it: &PathBuf| it.starts_with(own) && it != own && it.is_dir();
    let kept: BTreeSet<PathBuf> = needed.into_iter().chain(real).filter(is_below).collect();
    Files {
        temporary: (!is_hosts).then(|| start.folder.to_owned()),
        kept: kept.into_iter().collect(),
        shared_memory_bytes: Some(start.launch.memory_bytes),
    }
}

/// Says so to the wrapper; gives where the worker finds its temporary folder, if that is somewhere else then.
fn name_spaces(
    command: &mut std::process::Command,
    level: Level,
    files: &Files,
) -> Option<&'static Path> {
    command.arg("--namespaces").arg(level.word());
    if let Some(bytes) = files.shared_memory_bytes {
        command.arg("--shared-memory").arg(bytes.to_string());
    }
    let folder = files.temporary.as_ref()?;
    command.arg("--temporary").arg(folder);
    for path in &files.kept {
        command.arg("--keep").arg(path);
    }
    Some(Path::new(namespaces::OWN_FOLDER))
}

/// A pipe to hear from the process that waits for a worker, where one does.
fn told(level: Level) -> io::Result<Option<(PipeReader, std::io::PipeWriter)>> {
    (level == Level::All).then(std::io::pipe).transpose()
}

/// What Lambda gives to a runtime.
fn environment(start: &Start<'_>, home: &Path) -> Vec<(&'static str, OsString)> {
    let launch = start.launch;
    let task_root = launch.code.clone().into_os_string();
    let mut environment: Vec<(&'static str, OsString)> = vec![
        ("AWS_LAMBDA_RUNTIME_API", start.runtime_api.clone().into()),
        ("_HANDLER", launch.handler.clone().into()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LAMBDA_RUNTIME_DIR", start.program.runtime_folder.clone().into_os_string()),
        ("AWS_REGION", launch.region.clone().into()),
        ("AWS_DEFAULT_REGION", launch.region.clone().into()),
        ("AWS_LAMBDA_FUNCTION_NAME", launch.name.clone().into()),
        ("AWS_LAMBDA_FUNCTION_VERSION", launch.version.clone().into()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", (launch.memory_bytes >> 20).to_string().into()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", launch.name).into()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", start.log_stream.clone().into()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".into()),
        ("LANG", "en_US.UTF-8".into()),
        ("TMPDIR", home.as_os_str().to_owned()),
        ("HOME", home.as_os_str().to_owned()),
    ];
    if !start.keeps_bytecode {
        // Which of them is out of date Python tells by the second: too coarse for somebody who edits.
        environment.push(("PYTHONDONTWRITEBYTECODE", "1".into()));
    }
    if let Some(name) = &start.program.execution_environment {
        environment.push(("AWS_EXECUTION_ENV", name.into()));
    }
    environment
}

fn make_folder(folder: &Path, user: Option<User>) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(folder)?;
    if let Some(user) = user {
        std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

/// What `ringgate worker-exec` is told.
#[derive(Debug)]
pub struct WorkerExec {
    /// The process that started it: when that is gone, so is the sense of starting.
    pub parent: i32,
    /// Whose process to become.
    pub user: Option<User>,
    /// The largest file that it may write.
    pub file_bytes_max: u64,
    /// Whether its system calls are filtered.
    pub is_filtered: bool,
    /// Which name spaces of its own it has.
    pub namespaces: Option<Level>,
    /// What it sees of files then.
    pub files: Files,
    /// Program and arguments.
    pub program: Vec<OsString>,
}

/// Gives the process a worker's limits and becomes the program. Returns only what went wrong.
pub fn become_worker(exec: &WorkerExec) -> String {
    let Some((program, arguments)) = exec.program.split_first() else {
        return "no program is named".to_owned();
    };
    match limit(exec) {
        Ok(()) => {
            let error = std::process::Command::new(program).args(arguments).exec();
            format!("{}: {error}", PathBuf::from(program).display())
        }
        Err(error) => error,
    }
}

fn limit(exec: &WorkerExec) -> Result<(), String> {
    let said = |what: &'static str| move |error: rustix::io::Errno| said(what, &error.into());
    // A name space of users has one only: whoever needs it changes the user before, others behind it, while
    // they may still mount.
    let is_early = exec.namespaces.is_none() || !namespaces::is_privileged();
    if is_early {
        change_user(exec.user)?;
    }
    rustix::thread::set_no_new_privs(true).map_err(said("cannot give up new privileges"))?;
    // Behind the change of user, which clears it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(said("cannot ask to die with the gateway"))?;
    if rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(exec.parent) {
        return Err("the gateway is gone".to_owned());
    }
    let limits = [
        (Resource::Nofile, DESCRIPTORS_MAX),
        (Resource::Core, 0),
        (Resource::Memlock, 64 * 1024),
        (Resource::Fsize, exec.file_bytes_max),
    ];
    for (resource, most) in limits {
        // A limit that is lower already stays: only root may raise it.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |own| own.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit).map_err(said("cannot set a limit"))?;
    }
    if let Some(level) = exec.namespaces {
        namespaces::enter(level, &exec.files)?;
        if level == Level::All {
            namespaces::be_second(take_input()?)?;
        }
        if is_early {
            namespaces::give_up_all()?;
        } else {
            change_user(exec.user)?;
        }
    }
    // A function that gets its event need not interrupt a shard or another function in the middle of what it
    // does; where that is refused it works all the same.
    let _ = crate::ring::process::be_batch();
    super::domain::enter()?;
    // The last: what comes before it may make calls that it refuses.
    if exec.is_filtered { super::filter::enter() } else { Ok(()) }
}

fn said(what: &str, error: &io::Error) -> String {
    format!("{what}: {error}")
}

fn change_user(user: Option<User>) -> Result<(), String> {
    let Some(user) = user else { return Ok(()) };
    let (uid, gid) = (rustix::fs::Uid::from_raw(user.uid), rustix::fs::Gid::from_raw(user.gid));
    // The wrapper has one thread, so a thread's credentials are the process's.
    rustix::thread::set_thread_groups(&[gid])
        .and_then(|()| rustix::thread::set_thread_res_gid(gid, gid, gid))
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid))
        .map_err(|error| said("cannot change the user", &error.into()))
}

/// The pipe to ringgate, which is where a worker has nothing to read.
fn take_input() -> Result<File, String> {
    let take = || {
        let pipe = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(File::from(pipe))
    };
    take().map_err(|error| said("there is no pipe to the gateway", &error))
}
