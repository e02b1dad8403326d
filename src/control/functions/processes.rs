//! What `/proc` tells of workers: memory, descendants, and processes that workers left behind.

use rustix::process::{Pid, Signal, WaitOptions};
use std::collections::{HashMap, HashSet};
use std::fs;

/// One process of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Process {
    pid: u32,
    parent: u32,
    group: u32,
    resident_bytes: u64,
}

/// All processes that can be seen. Takes some microseconds for each: not for the control loop.
pub(super) fn scan() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(read).collect()
}

fn read(pid: u32) -> Option<Process> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ppid pgrp …`; the name may hold anything, so the last parenthesis counts.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: u32::try_from(field(1)?).ok()?,
        group: u32::try_from(field(2)?).ok()?,
        // The 24th field of all, in pages.
        resident_bytes: field(21)? * rustix::param::page_size() as u64,
    })
}

/// Bytes in memory of each of these processes with its group and descendants. Where the runtime is a child of
/// the leader (`inside`), the leader and its other child are ringgate's and not the function's.
pub(super) fn memory_of(
    leaders: &HashSet<u32>,
    inside: &HashMap<u32, u32>,
    all: &[Process],
) -> HashMap<u32, u64> {
    let parents: HashMap<u32, u32> = all.iter().map(|it| (it.pid, it.parent)).collect();
    let is_ours = |it: &Process| {
        inside.contains_key(&it.pid)
            || inside.get(&it.parent).is_some_and(|runtime| *runtime != it.pid)
    };
    let mut memory = HashMap::new();
    for process in all.iter().filter(|it| !is_ours(it)) {
        let leader = match leaders.contains(&process.group) {
            true => Some(process.group),
            // Bounded, lest a table that changed while it was read goes round in circles.
            false => std::iter::successors(Some(process.pid), |pid| parents.get(pid).copied())
                .take(32)
                .find(|pid| leaders.contains(pid)),
        };
        if let Some(leader) = leader {
            *memory.entry(leader).or_insert(0) += process.resident_bytes;
        }
    }
    memory
}

/// The most that a process has held; `None` when it is gone.
pub(super) fn peak_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// Becomes the parent of whatever workers leave behind, so that it can be found and ended.
pub(super) fn adopt_orphans() {
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::warn!(%error, "processes that functions leave behind will not be found");
    }
}

/// Ends processes that workers have left behind, and reaps them. `workers` are the processes that were
/// started here and not reaped; `is_alive` says of an `AWS_LAMBDA_RUNTIME_API` whether its worker lives.
/// Gives how many have yet to be reaped.
pub(super) fn end_orphans(
    workers: &HashSet<u32>,
    all: &[Process],
    is_alive: impl Fn(&str) -> bool,
) -> usize {
    let own = std::process::id();
    let mut left = 0;
    for process in all.iter().filter(|it| it.parent == own && !workers.contains(&it.pid)) {
        let Some(id) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { continue };
        match origin(process.pid) {
            Origin::Worker(runtime_api) if is_alive(&runtime_api) => continue,
            // It has never run anything of a worker: somebody else's business.
            Origin::Other => continue,
            Origin::Worker(_) => {
                let _ = rustix::process::kill_process(id, Signal::KILL);
            }
            Origin::Dead => {}
        }
        let reaped = rustix::process::waitpid(Some(id), WaitOptions::NOHANG);
        left += usize::from(matches!(reaped, Ok(None)));
    }
    left
}

/// Where a process is from.
enum Origin {
    Worker(String),
    Other,
    /// It has ended and waits to be reaped.
    Dead,
}

fn origin(pid: u32) -> Origin {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return Origin::Dead };
    if environment.is_empty() {
        return Origin::Dead;
    }
    let name = b"AWS_LAMBDA_RUNTIME_API=";
    let value = environment.split(|byte| *byte == 0).find_map(|it| it.strip_prefix(name));
    match value {
        Some(value) => Origin::Worker(String::from_utf8_lossy(value).into_owned()),
        None => Origin::Other,
    }
}

/// Sends a signal to every process of a worker's group.
pub(super) fn signal_group(pid: u32, signal: Signal) {
    if let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // Gone already: nothing to do.
        let _ = rustix::process::kill_process_group(id, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses() {
        let stat = format!("7 (a) b) (c) S 3 5 5 0 -1{} 1000 10 0", " 0".repeat(15));
        let process = parse(7, &stat).unwrap();
        assert_eq!((process.parent, process.group), (3, 5));
        assert_eq!(parse(7, "7 (cut"), None);
        assert_eq!(parse(7, "7 (cut) S 1"), None);
    }

    #[test]
    fn memory_is_that_of_the_group_and_of_descendants() {
        let process =
            |pid, parent, group| Process { pid, parent, group, resident_bytes: u64::from(pid) };
        let all = [
            process(10, 1, 10),
            process(11, 10, 10),
            process(12, 10, 12),
            process(100, 12, 12),
            process(20, 1, 20),
            process(1000, 1, 1000),
        ];
        let leaders = HashSet::from([10, 20]);
        let memory = memory_of(&leaders, &HashMap::new(), &all);
        assert_eq!(memory, HashMap::from([(10, 10 + 11 + 12 + 100), (20, 20)]));
        // The leader waits for 12, and 11 is the first process of its name space.
        let memory = memory_of(&leaders, &HashMap::from([(10, 12)]), &all);
        assert_eq!(memory, HashMap::from([(10, 12 + 100), (20, 20)]));
    }

    #[test]
    fn a_child_is_found_and_measured() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = scan().into_iter().find(|it| it.pid == child.id()).unwrap();
        assert_eq!(found.parent, std::process::id());
        assert!(peak_bytes(child.id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
