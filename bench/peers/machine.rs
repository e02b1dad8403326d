//! Where and with what a run took place, printed with every result: a figure without its machine is
//! worth nothing.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;

use serde::Serialize;

use crate::cores::Cores;
use crate::proxies::{self, Proxy};
use crate::rig::Rig;

/// The machine and the programs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Date of the run, `YYYY-MM-DD`, in UTC.
    pub(crate) date: String,
    /// Processor's name, as the kernel tells it.
    pub(crate) cpu: String,
    /// Cores that the system has.
    pub(crate) core_count: usize,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Who ran where.
    pub(crate) cores: Cores,
    /// Proxies' names and versions, in the order of a round.
    pub(crate) proxies: Vec<(String, String)>,
    /// The back end's version.
    pub(crate) backend: String,
    /// The load generator's version.
    pub(crate) load: String,
}

/// Collects it all.
pub(crate) fn describe(rig: &Rig, proxies: &[Proxy]) -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let unknown = || "unknown".to_owned();
    let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let count = |text: &str| text.lines().filter(|line| line.starts_with("processor")).count();
    let known = |proxy: &Proxy| (proxy.kind.name().to_owned(), proxy.version.clone());
    Machine {
        date: proxies::first_line(Path::new("date"), &["-u", "+%F"]).unwrap_or_else(|_| unknown()),
        cpu: cpu.map_or_else(unknown, |(_, name)| name.trim().to_owned()),
        core_count: count(&cpuinfo).max(thread::available_parallelism().map_or(1, usize::from)),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| unknown(), |release| release.trim().to_owned()),
        cores: rig.cores.clone(),
        proxies: proxies.iter().map(known).collect(),
        backend: rig.backend.version.clone(),
        load: rig.load.version().unwrap_or_else(|_| unknown()),
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, cpu, core_count, kernel, cores, .. } = self;
        writeln!(out, "{date}, {cpu}, {core_count} cores, Linux {kernel}")?;
        writeln!(
            out,
            "proxy on core {}, back end on {:?}, load generator on {:?}",
            cores.proxy, cores.backend, cores.load
        )?;
        for (name, version) in &self.proxies {
            writeln!(out, "{name}: {version}")?;
        }
        writeln!(out, "back end: {}", self.backend)?;
        write!(out, "load generator: {}", self.load)
    }
}
