//! What this host allows of workers' isolation, found out by trying, and why it does not allow the rest.
//!
//! Kernels, containers and sysctls forbid name spaces in too many ways to ask for each: so a worker that does
//! nothing is started as others are, once, and what it says is what there is.

use super::domain;
use super::namespaces::{self, Level};
use super::spawn;
use crate::snapshot::function::Namespaces;
use rustix::thread::CapabilitySet;
use std::fs;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};

/// What was found out. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Host(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    found: OnceLock<Found>,
    /// Whether it was said that functions do without.
    is_told: OnceLock<()>,
}

/// Which name spaces workers can have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    level: Option<Level>,
    /// Why not all of them.
    cause: Option<String>,
}

impl Host {
    /// Which name spaces a worker gets. Blocks when it is asked for the first time, some milliseconds.
    ///
    /// # Errors
    /// They are required, and the host does not allow all of them.
    pub(super) fn level(&self, wanted: Namespaces) -> Result<Option<Level>, String> {
        if wanted == Namespaces::Never {
            return Ok(None);
        }
        let found = self.0.found.get_or_init(look);
        let Some(cause) = &found.cause else { return Ok(found.level) };
        if wanted == Namespaces::Required {
            return Err(format!("`namespaces` is true, and {cause}"));
        }
        self.0.is_told.get_or_init(|| {
            let left = found.level.map_or("none", |_| "all but that of processes");
            tracing::warn!(cause, left, "functions do without name spaces of their own");
        });
        Ok(found.level)
    }
}

/// Tries all, then less.
fn look() -> Found {
    // Twice: whoever looks for what workers leave behind may have been quicker to learn how it ended.
    let Err(cause) = attempt(Level::All).or_else(|_| attempt(Level::All)) else {
        return Found { level: Some(Level::All), cause: None };
    };
    let cause = Some(with_reason(cause));
    let level = attempt(Level::WithoutProcesses).is_ok().then_some(Level::WithoutProcesses);
    Found { level, cause }
}

/// Has a worker made that does nothing but tell its version.
fn attempt(level: Level) -> Result<(), String> {
    let mut command = spawn::wrapper();
    command.args(["--file-bytes", "0", "--shared-memory", "1048576", "--namespaces", level.word()]);
    // Any folder will do, this one is sure to be there.
    command.args(["--temporary", namespaces::OWN_FOLDER, "--", "/proc/self/exe", "--version"]);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let ended = command.output().map_err(|error| error.to_string())?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().last().unwrap_or("the process ended without a word");
    Err(said.strip_prefix("worker-exec: ").unwrap_or(said).to_owned())
}

/// Adds which of the usual suspects it is.
fn with_reason(cause: String) -> String {
    let setting = |path: &str| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let is = |path: &str, value: &str| setting(path).as_deref() == Some(value);
    let reason = if namespaces::is_privileged() {
        None
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        Some("user.max_user_namespaces is 0")
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        Some("kernel.unprivileged_userns_clone is 0")
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        Some("kernel.apparmor_restrict_unprivileged_userns is 1")
    } else {
        None
    };
    let status = setting("/proc/self/status").unwrap_or_default();
    let is_filtered = status.lines().any(|line| line == "Seccomp:\t2");
    match reason {
        Some(reason) => format!("{cause}: {reason}"),
        None if is_filtered => {
            format!("{cause}: system calls are filtered, as a container's are by its engine")
        }
        None => cause,
    }
}

/// One layer of workers' isolation.
#[derive(Debug)]
pub struct Layer {
    /// What it is.
    pub name: &'static str,
    /// Whether it is in force for functions that do not do without.
    pub is_there: bool,
    /// What is there, or why it is not.
    pub found: String,
}

/// All layers on this host. Blocks for some milliseconds.
pub fn layers() -> Vec<Layer> {
    let Found { level, cause } = look();
    let namespaces = match (level, cause) {
        (Some(Level::All), _) if namespaces::is_privileged() => {
            "processes, mounts, IPC, host name".to_owned()
        }
        (Some(Level::All), _) => "users, processes, mounts, IPC, host name".to_owned(),
        (Some(Level::WithoutProcesses), cause) => {
            format!("all but that of processes: {}", cause.unwrap_or_default())
        }
        (None, cause) => cause.unwrap_or_default(),
    };
    let (has_domains, domain) = match domain::available() {
        domain::Available::Scoped => (true, "no looking into, and no signals to, other processes"),
        domain::Available::Bare => {
            (true, "no looking into other processes; signals from Linux 6.12 on")
        }
        domain::Available::No => (false, "the kernel has none, or not `landlock` among its `lsm=`"),
    };
    let has_filters = fs::exists("/proc/sys/kernel/seccomp/actions_avail").unwrap_or(false);
    let filter = if has_filters { "the kernel has filters" } else { "the kernel has no filters" };
    let sets = rustix::thread::capabilities(None);
    let changes = CapabilitySet::SETUID | CapabilitySet::SETGID;
    let changes_user = sets.is_ok_and(|sets| sets.effective.contains(changes));
    let user = if changes_user { "`user` can be set" } else { "`user` needs root" };
    vec![
        Layer { name: "name spaces", is_there: level == Some(Level::All), found: namespaces },
        Layer { name: "Landlock", is_there: has_domains, found: domain.to_owned() },
        Layer { name: "system call filter", is_there: has_filters, found: filter.to_owned() },
        Layer { name: "other users", is_there: changes_user, found: user.to_owned() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_about_what_is_not_wanted_and_what_is_required_must_be_there() {
        let host = Host::default();
        assert_eq!(host.level(Namespaces::Never), Ok(None));
        assert!(host.0.found.get().is_none());
        let found = Found {
            level: Some(Level::WithoutProcesses),
            cause: Some("cannot mount /proc: no".to_owned()),
        };
        host.0.found.set(found).unwrap();
        assert_eq!(host.level(Namespaces::Tried), Ok(Some(Level::WithoutProcesses)));
        let error = host.level(Namespaces::Required).unwrap_err();
        assert_eq!(error, "`namespaces` is true, and cannot mount /proc: no");
    }
}
