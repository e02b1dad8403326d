//! Doctor: everything ringgate needs of the host, with what was found and how to change it.
//!
//! `ringgate doctor` prints it; `serve` asks it when something could not be had. It looks and
//! changes nothing, except that the soft limit of file descriptors is raised to the hard one first,
//! as `serve` does. How a ring is tried is the ring's matter and comes in as a function.

use super::functions::host::Layer;
use super::listeners::first_unprivileged_port;
use crate::model::Model;
use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use std::fmt::Write;
use std::io;
use std::thread::available_parallelism;

/// Multishot receive came with Linux 6.0; everything else that a ring needs is older.
const KERNEL_NEEDED: (u32, u32) = (6, 0);

/// The executor's own three rings of 128 entries, with their pages.
const MEMLOCK_BYTES_PER_EXECUTOR: u64 = 64 * 1024;

/// Descriptors of the process that are no connections: rings, eventfds, listeners, logs, the
/// management listener's connections.
const DESCRIPTORS_PER_PROCESS: u64 = 512;
const DESCRIPTORS_PER_SHARD: u64 = 32;

/// One thing ringgate needs of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is, in a few words.
    pub name: &'static str,
    /// What this host has.
    pub found: String,
    /// What is needed.
    pub needed: String,
    /// Whether it suffices.
    pub ok: bool,
    /// How to change it for a systemd service.
    pub fix_systemd: String,
    /// How to change it for a Docker container.
    pub fix_docker: String,
    /// How to change it for a Kubernetes pod.
    pub fix_kubernetes: String,
}

/// How much of everything a configuration needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Shards that will run.
    pub shards: usize,
    /// Locked memory of all of them.
    pub memlock_bytes: u64,
    /// The limit of locked memory below which no shard starts, exempt from accounting or not.
    pub memlock_bytes_min: u64,
    /// File descriptors of the process.
    pub descriptors: u64,
    /// The lowest port listened on, when there is one besides 0.
    pub lowest_port: Option<u16>,
}

impl Needs {
    /// What the model asks for. `ring_memlock_bytes` is what one shard's ring locks,
    /// `memlock_bytes_min` the limit that an executor wants to see.
    pub fn of(model: &Model, ring_memlock_bytes: u64, memlock_bytes_min: u64) -> Self {
        let shards = shard_count(model);
        let upstream_connections: usize =
            model.upstreams.iter().map(|upstream| upstream.limits.connections_max).sum();
        let per_shard = (model.server.limits.connections_per_shard_max as u64)
            .saturating_add(upstream_connections as u64)
            .saturating_add(DESCRIPTORS_PER_SHARD);
        let per_shard_memlock = ring_memlock_bytes + MEMLOCK_BYTES_PER_EXECUTOR;
        Self {
            shards,
            memlock_bytes: memlock_bytes_min.max(per_shard_memlock.saturating_mul(shards as u64)),
            memlock_bytes_min,
            descriptors: per_shard
                .saturating_mul(shards as u64)
                .saturating_add(DESCRIPTORS_PER_PROCESS),
            lowest_port: model
                .server
                .listen
                .iter()
                .chain(&model.server.tls_listen)
                .chain([&model.management.listen])
                .map(std::net::SocketAddr::port)
                .filter(|port| *port != 0)
                .min(),
        }
    }
}

/// How many shards a model asks for: its own number, else one per core this process may use.
pub fn shard_count(model: &Model) -> usize {
    model.server.shards.unwrap_or_else(core_count)
}

fn core_count() -> usize {
    // Affinity and the quota of the cgroup are both honoured.
    available_parallelism().map_or(1, usize::from)
}

/// Raises the soft limit of open file descriptors to the hard one and returns it; `None` is no
/// limit. The soft default of 1024 is for programs that use `select`.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
}

/// Looks at everything. `probe` makes a ring as a shard would, and says why it cannot.
pub fn requirements(needs: &Needs, probe: fn() -> Result<(), String>) -> Vec<Requirement> {
    let descriptors =
        raise_descriptor_limit().unwrap_or_else(|_| getrlimit(Resource::Nofile).current);
    let effective = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    vec![
        kernel(&rustix::system::uname().release().to_string_lossy()),
        io_uring_setting(
            std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                .ok()
                .as_deref()
                .map(str::trim),
            effective.contains(CapabilitySet::SYS_ADMIN),
        ),
        ring(probe()),
        memlock(
            getrlimit(Resource::Memlock).current,
            effective.contains(CapabilitySet::IPC_LOCK),
            needs,
        ),
        open_files(descriptors, needs),
        cores(core_count(), needs),
        low_ports(
            first_unprivileged_port(),
            effective.contains(CapabilitySet::NET_BIND_SERVICE),
            needs,
        ),
        event_descriptor(eventfd(0, EventfdFlags::CLOEXEC).map_err(io::Error::from)),
    ]
}

/// Whether all of them are met.
pub fn all_met(requirements: &[Requirement]) -> bool {
    requirements.iter().all(|requirement| requirement.ok)
}

fn kernel(release: &str) -> Requirement {
    let mut numbers = release
        .split(|character: char| !character.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (major, minor) = KERNEL_NEEDED;
    let same = format!("run it on Linux {major}.{minor} or newer: a kernel cannot be configured");
    Requirement {
        name: "kernel",
        found: release.to_owned(),
        needed: format!("{major}.{minor} (multishot receive)"),
        ok: version >= KERNEL_NEEDED,
        fix_systemd: same.clone(),
        fix_docker: format!("{same}; a container uses its host's"),
        fix_kubernetes: format!("use a node image with Linux {major}.{minor} or newer"),
    }
}

/// `setting` is the sysctl's text; `None` on kernels before 6.6, which have none.
fn io_uring_setting(setting: Option<&str>, is_admin: bool) -> Requirement {
    let set = "`sysctl -w kernel.io_uring_disabled=0`, and in /etc/sysctl.d to keep it";
    Requirement {
        name: "kernel.io_uring_disabled",
        found: setting.unwrap_or("not there").to_owned(),
        needed: "0".to_owned(),
        // 1 leaves it to processes with CAP_SYS_ADMIN (or of the group kernel.io_uring_group, which
        // the next requirement finds out by trying).
        ok: match setting {
            None | Some("0") => true,
            Some("1") => is_admin,
            Some(_) => false,
        },
        fix_systemd: set.to_owned(),
        fix_docker: format!("on the host: {set}"),
        fix_kubernetes: format!("on the node: {set}"),
    }
}

fn ring(probed: Result<(), String>) -> Requirement {
    Requirement {
        name: "io_uring",
        ok: probed.is_ok(),
        found: match probed {
            Ok(()) => "works".to_owned(),
            Err(error) => error,
        },
        needed: "a ring can be made".to_owned(),
        fix_systemd: "leave `io_uring_setup`, `io_uring_enter` and `io_uring_register` in \
                      `SystemCallFilter=` (add `@io-event` and these three)"
            .to_owned(),
        fix_docker: "`--security-opt seccomp=FILE`: Docker's own profile refuses io_uring; \
                     docs/operations.md shows how to make one that allows it"
            .to_owned(),
        fix_kubernetes: "`securityContext.seccompProfile` of type `Localhost` with such a profile \
                         on the node (docs/operations.md)"
            .to_owned(),
    }
}

fn memlock(limit: Option<u64>, is_exempt: bool, needs: &Needs) -> Requirement {
    let needed = needs.memlock_bytes;
    let enough = needed.next_power_of_two().max(8 << 20);
    Requirement {
        name: "memory lock limit",
        found: match limit {
            None => "no limit".to_owned(),
            Some(bytes) if is_exempt && bytes >= needs.memlock_bytes_min => {
                "no limit (CAP_IPC_LOCK)".to_owned()
            }
            Some(bytes) => size(bytes),
        },
        needed: format!("{} for {} shards", size(needed), needs.shards),
        // The capability frees from the kernel's accounting, not from the executor's own look.
        ok: limit
            .is_none_or(|bytes| bytes >= needed || (is_exempt && bytes >= needs.memlock_bytes_min)),
        fix_systemd: format!("`LimitMEMLOCK={enough}`, or lower `ring.entries`"),
        fix_docker: format!("`--ulimit memlock={enough}:{enough}`, or lower `ring.entries`"),
        fix_kubernetes: "raise the container runtime's `LimitMEMLOCK` on the node, or add the \
                         capability `IPC_LOCK`"
            .to_owned(),
    }
}

fn open_files(limit: Option<u64>, needs: &Needs) -> Requirement {
    let needed = needs.descriptors;
    Requirement {
        name: "open files",
        found: limit.map_or_else(|| "no limit".to_owned(), |count| count.to_string()),
        needed: needed.to_string(),
        ok: limit.is_none_or(|count| count >= needed),
        fix_systemd: format!(
            "`LimitNOFILE={needed}`, or lower `server.limits.connections_per_shard_max`"
        ),
        fix_docker: format!("`--ulimit nofile={needed}:{needed}`"),
        fix_kubernetes: "raise the container runtime's `LimitNOFILE` on the node, or lower \
                         `server.limits.connections_per_shard_max`"
            .to_owned(),
    }
}

fn cores(found: usize, needs: &Needs) -> Requirement {
    let shards = needs.shards;
    Requirement {
        name: "cores",
        found: found.to_string(),
        needed: format!("{shards}, one per shard"),
        ok: found >= shards,
        fix_systemd: format!("`AllowedCPUs=` and `CPUQuota=` for {shards} cores, or `shards = 0`"),
        fix_docker: format!("`--cpus={shards}`, better `--cpuset-cpus`, or `shards = 0`"),
        fix_kubernetes: format!(
            "`resources.limits.cpu: {shards}` (with the static CPU manager policy), or `shards = 0`"
        ),
    }
}

fn low_ports(first_free: u16, has_capability: bool, needs: &Needs) -> Requirement {
    let lowest = needs.lowest_port;
    Requirement {
        name: "low ports",
        found: if has_capability {
            "any port (CAP_NET_BIND_SERVICE)".to_owned()
        } else {
            format!("{first_free} and above")
        },
        needed: lowest.map_or_else(|| "none".to_owned(), |port| port.to_string()),
        ok: has_capability || lowest.is_none_or(|port| port >= first_free),
        fix_systemd: "`AmbientCapabilities=CAP_NET_BIND_SERVICE`, or socket activation".to_owned(),
        fix_docker: "`--cap-add NET_BIND_SERVICE`, or publish the port (`-p 80:8080`)".to_owned(),
        fix_kubernetes: "`securityContext.capabilities.add: [NET_BIND_SERVICE]`, or let the \
                         Service map the port"
            .to_owned(),
    }
}

fn event_descriptor(made: io::Result<impl Sized>) -> Requirement {
    let allow = "allow the system call `eventfd2`";
    Requirement {
        name: "eventfd",
        ok: made.is_ok(),
        found: made.map_or_else(|error| error.to_string(), |_| "works".to_owned()),
        needed: "can be made".to_owned(),
        fix_systemd: format!("{allow} in `SystemCallFilter=`"),
        fix_docker: format!("{allow} in the seccomp profile"),
        fix_kubernetes: format!("{allow} in the seccomp profile"),
    }
}

/// In KiB below 8 MiB, else MiB, rounded up.
fn size(bytes: u64) -> String {
    if bytes < 8 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

/// The requirements as an aligned table, then how to change each.
pub fn table(requirements: &[Requirement]) -> String {
    let width = |column: fn(&Requirement) -> &str, title: &str| {
        requirements
            .iter()
            .map(|requirement| column(requirement).chars().count())
            .chain([title.len()])
            .max()
            .unwrap_or(0)
    };
    let name = width(|it| it.name, "requirement");
    let needed = width(|it| &it.needed, "needed");
    let mut text = String::new();
    // Writing into a string cannot fail. `found` comes last: it may be a sentence.
    let _ = writeln!(text, "{:3}  {:name$}  {:needed$}  found", "", "requirement", "needed");
    for requirement in requirements {
        let _ = writeln!(
            text,
            "{:3}  {:name$}  {:needed$}  {}",
            if requirement.ok { "ok" } else { "NO" },
            requirement.name,
            requirement.needed,
            requirement.found,
        );
    }
    for (title, wanted) in [("to fix", false), ("to change, where ever needed", true)] {
        let listed: Vec<_> = requirements.iter().filter(|it| it.ok == wanted).collect();
        if listed.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{title}:");
        for requirement in listed {
            let _ = writeln!(text, "  {}", requirement.name);
            let _ = writeln!(text, "    systemd     {}", requirement.fix_systemd);
            let _ = writeln!(text, "    Docker      {}", requirement.fix_docker);
            let _ = writeln!(text, "    Kubernetes  {}", requirement.fix_kubernetes);
        }
    }
    text
}

/// What keeps functions' workers apart, as lines below the table.
pub fn layers(layers: &[Layer]) -> String {
    let width = layers.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let mut text =
        "\nisolation of functions' workers (functions.md says what each is for):\n".to_owned();
    for Layer { name, is_there, found } in layers {
        let is_there = if *is_there { "ok" } else { "NO" };
        let _ = writeln!(text, "{is_there:3}  {name:width$}  {found}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::test_snapshot::model;

    const NEEDS: Needs = Needs {
        shards: 4,
        memlock_bytes: 1 << 20,
        memlock_bytes_min: 512 << 10,
        descriptors: 4096,
        lowest_port: Some(80),
    };

    #[test]
    fn a_kernel_is_judged_by_its_first_two_numbers() {
        for (release, ok) in [
            ("5.19.17-generic", false),
            ("6.0.0-rc1", true),
            ("6.18.44-fc", true),
            ("10.1", true),
            ("strange", false),
        ] {
            assert_eq!(kernel(release).ok, ok, "{release}");
        }
    }

    #[test]
    fn io_uring_may_be_left_to_administrators() {
        for (setting, is_admin, ok) in [
            (None, false, true),
            (Some("0"), false, true),
            (Some("1"), false, false),
            (Some("1"), true, true),
            (Some("2"), true, false),
        ] {
            assert_eq!(io_uring_setting(setting, is_admin).ok, ok, "{setting:?}");
        }
    }

    #[test]
    fn limits_are_judged_on_both_sides() {
        assert!(memlock(Some(1 << 20), false, &NEEDS).ok);
        assert!(!memlock(Some((1 << 20) - 1), false, &NEEDS).ok);
        assert!(memlock(Some(NEEDS.memlock_bytes_min), true, &NEEDS).ok);
        assert!(!memlock(Some(NEEDS.memlock_bytes_min - 1), true, &NEEDS).ok);
        assert!(memlock(None, false, &NEEDS).ok);
        assert!(open_files(Some(4096), &NEEDS).ok);
        assert!(!open_files(Some(4095), &NEEDS).ok);
        assert!(cores(4, &NEEDS).ok);
        assert!(!cores(3, &NEEDS).ok);
        assert!(low_ports(80, false, &NEEDS).ok);
        assert!(!low_ports(81, false, &NEEDS).ok);
        assert!(low_ports(1024, true, &NEEDS).ok);
    }

    #[test]
    fn every_failure_names_the_number_found_the_number_needed_and_the_fix() {
        let requirement = memlock(Some(64 << 10), false, &NEEDS);
        assert_eq!(requirement.found, "64 KiB");
        assert_eq!(requirement.needed, "1024 KiB for 4 shards");
        assert_eq!(requirement.fix_systemd, "`LimitMEMLOCK=8388608`, or lower `ring.entries`");
        let text = table(&[requirement, ring(Err("forbidden".to_owned()))]);
        assert!(text.contains("NO   memory lock limit  1024 KiB for 4 shards  64 KiB\n"));
        assert!(text.contains("NO   io_uring           a ring can be made     forbidden\n"));
        assert!(text.contains("    Docker      `--security-opt seccomp="));
        assert!(!text.contains("to change, where"));
    }

    #[test]
    fn this_host_is_looked_at_without_a_panic() {
        let needs = Needs::of(&model(), 108 << 10, 512 << 10);
        assert_eq!(needs.shards, 2);
        assert_eq!(needs.memlock_bytes, 512 << 10);
        assert_eq!(needs.lowest_port, None);
        let all = requirements(&needs, || Err("no probe".to_owned()));
        assert_eq!(all.len(), 8);
        assert!(!all_met(&all));
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }
}
