//! What a proxy used: CPU time of all its processes and threads, their own memory, and who else was
//! busy on its core.
//!
//! CPU time comes from `/proc/PID/task/TID/schedstat`, whose first field is the time a thread has run
//! in nanoseconds, user and system together; it includes the kernel's own threads of a ring
//! (`iou-wrk`, `iou-sqp`), which are threads of the process. `/proc/PID/stat` counts the same time, but
//! in ticks of 10 ms; it serves as the check for threads and workers that ended in between, which it
//! still has and schedstat has no more. Softirq work (TCP over loopback runs in the sender's) is
//! charged to whoever was running, by both sources alike.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

/// CPU time of a tree of processes at one moment.
pub(crate) struct CpuUse {
    nanoseconds_by_thread: HashMap<i32, u64>,
    ticks: u64,
    processes: usize,
}

impl CpuUse {
    /// Reads it for a process and its descendants.
    pub(crate) fn of(root: Pid) -> Result<Self> {
        let mut read = Self { nanoseconds_by_thread: HashMap::new(), ticks: 0, processes: 0 };
        for pid in tree(root)? {
            // A process may end between being listed and being read.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            let stat = Stat::parse(&stat).with_context(|| format!("`/proc/{pid}/stat`"))?;
            read.ticks += stat.ticks;
            read.processes += 1;
            for thread in numbered(&Path::new("/proc").join(pid.to_string()).join("task"))? {
                let path = format!("/proc/{pid}/task/{thread}/schedstat");
                let Ok(text) = fs::read_to_string(&path) else {
                    continue;
                };
                let ran = text.split_whitespace().next().and_then(|field| field.parse().ok());
                let ran = ran.with_context(|| format!("`{path}` does not begin with a number"))?;
                read.nanoseconds_by_thread.insert(thread, ran);
            }
        }
        Ok(read)
    }

    /// CPU time used between an earlier moment and this one.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let by_thread: u64 = self
            .nanoseconds_by_thread
            .iter()
            .map(|(thread, ran)| {
                ran.saturating_sub(*earlier.nanoseconds_by_thread.get(thread).unwrap_or(&0))
            })
            .sum();
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        let by_process = self.ticks.saturating_sub(earlier.ticks) * tick;
        // Ticks are rounded per process and per field; anything beyond that is time of threads that
        // have ended since.
        let rounding = tick * 2 * self.processes.max(1) as u64;
        Duration::from_nanos(if by_process > by_thread + rounding { by_process } else { by_thread })
    }
}

/// The fields of `/proc/PID/stat` that matter here.
struct Stat {
    parent: i32,
    /// User and system time, own and of children that ended and were waited for.
    ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Result<Self> {
        // The second field is the program's name in parentheses and may contain anything.
        let (_, fields) = text.rsplit_once(") ").context("there is no name in parentheses")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // Counted from the third field of proc_pid_stat(5): 4 is ppid, 14 to 17 are the times.
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let parent = field(4).parse().context("the parent is not a number")?;
        let mut ticks = 0;
        for number in 14..=17 {
            ticks += field(number).parse::<u64>().context("a time is not a number")?;
        }
        Ok(Self { parent, ticks })
    }
}

/// A process and all its descendants.
fn tree(root: Pid) -> Result<Vec<i32>> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in numbered(Path::new("/proc"))? {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        if let Ok(stat) = Stat::parse(&text) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut seen: HashSet<i32> = found.iter().copied().collect();
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let of_this = children.get(pid).into_iter().flatten().copied();
        let new: Vec<i32> = of_this.filter(|&child| seen.insert(child)).collect();
        found.extend(new);
        next += 1;
    }
    Ok(found)
}

/// Entries of a folder of `/proc` that are numbers.
fn numbered(folder: &Path) -> Result<Vec<i32>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.collect())
}

/// Bytes of memory that belong to these processes alone or that they share among themselves: anonymous
/// and shared memory in RAM, without program files. What the kernel holds for their sockets is not
/// theirs and not counted.
pub(crate) fn own_memory(root: Pid) -> Result<u64> {
    let mut bytes = 0;
    for pid in tree(root)? {
        if let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) {
            bytes += kibibytes(&status, "RssAnon:") + kibibytes(&status, "RssShmem:");
        }
    }
    anyhow::ensure!(bytes > 0, "the kernel tells no memory of process {root:?}");
    Ok(bytes * 1024)
}

fn kibibytes(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Ticks that one core has spent, at one moment.
pub(crate) struct CoreUse {
    busy: u64,
    stolen: u64,
    all: u64,
}

impl CoreUse {
    /// Reads them from `/proc/stat`.
    pub(crate) fn of(core: usize) -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("cannot read `/proc/stat`")?;
        Self::parse(&text, core)
    }

    fn parse(text: &str, core: usize) -> Result<Self> {
        let name = format!("cpu{core} ");
        let fields = text
            .lines()
            .find_map(|line| line.strip_prefix(&name))
            .with_context(|| format!("`/proc/stat` does not know core {core}"))?;
        let ticks: Vec<u64> =
            fields.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guest times are part of user and nice.
        let tick = |index: usize| ticks.get(index).copied().unwrap_or(0);
        let busy = [0, 1, 2, 5, 6].map(tick).iter().sum();
        let stolen = tick(7);
        Ok(Self { busy, stolen, all: busy + stolen + tick(3) + tick(4) })
    }

    /// Share of the time since an earlier moment in which the core was busy, and in which the machine
    /// below took it away; 0 to 1.
    pub(crate) fn since(&self, earlier: &Self) -> (f64, f64) {
        let all = self.all.saturating_sub(earlier.all).max(1) as f64;
        let share = |now: u64, then: u64| now.saturating_sub(then) as f64 / all;
        (share(self.busy, earlier.busy), share(self.stolen, earlier.stolen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu_use(threads: &[(i32, u64)], ticks: u64) -> CpuUse {
        let nanoseconds_by_thread = threads.iter().copied().collect();
        CpuUse { nanoseconds_by_thread, ticks, processes: 1 }
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 1";
        let stat = Stat::parse(stat).expect("a good line");
        assert_eq!((stat.parent, stat.ticks), (7, 127));
    }

    #[test]
    fn time_is_summed_over_threads_new_ones_included() {
        let before = cpu_use(&[(1, 1_000), (2, 500)], 0);
        let after = cpu_use(&[(1, 3_000), (2, 600), (3, 50)], 0);
        assert_eq!(after.since(&before), Duration::from_nanos(2_150));
    }

    #[test]
    fn time_of_a_thread_that_ended_comes_from_the_ticks() {
        let second = 1_000_000_000;
        let tick = second / rustix::param::clock_ticks_per_second();
        let before = cpu_use(&[(1, 0), (2, 0)], 0);
        let within_rounding = cpu_use(&[(1, second)], second / tick + 2);
        assert_eq!(within_rounding.since(&before), Duration::from_secs(1));
        let beyond = cpu_use(&[(1, second)], second / tick + 3);
        assert_eq!(beyond.since(&before), Duration::from_nanos(second + 3 * tick));
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let myself = rustix::process::getpid();
        let before = CpuUse::of(myself).expect("this process is there");
        let mut sum = 0_u64;
        while CpuUse::of(myself).expect("still there").since(&before).is_zero() {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        assert!(own_memory(myself).expect("this process has memory") > 100_000, "{sum}");
    }

    #[test]
    fn a_cores_line_is_told_from_its_neighbours() {
        let text =
            "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 10 0 20 60 0 0 5 5 0 0\ncpu11 1 1 1 1 1 1 1 1 0 0\n";
        let zero = CoreUse { busy: 0, stolen: 0, all: 0 };
        let (busy, stolen) = CoreUse::parse(text, 1).expect("core 1 is there").since(&zero);
        assert_eq!((busy, stolen), (0.35, 0.05));
        assert!(CoreUse::parse(text, 2).is_err());
    }
}
