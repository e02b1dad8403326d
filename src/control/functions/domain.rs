//! A worker's domain: it and what it starts are kept from looking into other processes and from
//! signalling them, though they are the same user's.
//!
//! A Landlock domain needs no privilege. From Linux 5.19 on it keeps processes inside from tracing those
//! outside, and so from their memory and environment (`/proc/PID/environ`); from Linux 6.12 on from
//! their signals and abstract sockets too. Files are not its business: what a function may read and
//! write is for its user to say.

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::thread::CapabilitySet;

/// With these the superuser looks into processes whatever a domain says.
const GIVEN_UP: CapabilitySet =
    CapabilitySet::SYS_ADMIN.union(CapabilitySet::SYS_PTRACE).union(CapabilitySet::PERFMON);

/// Enters a domain for good, new privileges having been given up. Where the kernel has none only
/// capabilities go.
///
/// # Errors
/// The kernel has domains, and refused this one.
pub(super) fn enter() -> Result<(), String> {
    give_up().map_err(|error| format!("cannot give up capabilities: {error}"))?;
    // All or nothing: with files in it, as below, a domain costs every rename a look at them.
    if scoped().is_ok() {
        return Ok(());
    }
    bare().map_err(|error| format!("cannot enter a domain: {error}"))
}

/// Which domains the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Available {
    No,
    /// Those that keep from looking into other processes.
    Bare,
    /// Those that keep from signalling them as well.
    Scoped,
}

/// Asks the kernel, and enters none.
pub(super) fn available() -> Available {
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if strict().scope(Scope::from_all(ABI::V6)).and_then(Ruleset::create).is_ok() {
        return Available::Scoped;
    }
    match strict().handle_access(AccessFs::MakeBlock).and_then(Ruleset::create) {
        Ok(_) => Available::Bare,
        Err(_) => Available::No,
    }
}

fn give_up() -> rustix::io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    if !sets.permitted.intersects(GIVEN_UP) {
        return Ok(());
    }
    for set in [&mut sets.effective, &mut sets.permitted, &mut sets.inheritable] {
        set.remove(GIVEN_UP);
    }
    rustix::thread::set_capabilities(None, sets)
}

fn scoped() -> Result<(), RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.scope(Scope::from_all(ABI::V6))?.create()?.restrict_self().map(drop)
}

/// A domain has to be about something: this one is about two rights, and gives both.
fn bare() -> Result<(), RulesetError> {
    let rights = AccessFs::MakeBlock | AccessFs::Refer;
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let created = ruleset.handle_access(rights)?.create()?;
    match PathFd::new("/") {
        Ok(root) => created.add_rule(PathBeneath::new(root, rights))?.restrict_self().map(drop),
        Err(_) => Ok(()),
    }
}
