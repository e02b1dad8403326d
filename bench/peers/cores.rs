//! Which core does what. The proxy under test has its core to itself; nothing else this command starts
//! may run there, this command included.

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::options::Options;

/// Cores by their number in `/proc/cpuinfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cores {
    /// The proxy's.
    pub(crate) proxy: usize,
    /// The back end's.
    pub(crate) backend: Vec<usize>,
    /// The load generator's.
    pub(crate) load: Vec<usize>,
}

impl Cores {
    /// Chooses from what this process may use, then leaves the proxy's core.
    pub(crate) fn claim(options: &Options) -> Result<Self> {
        let allowed = sched_getaffinity(None).context("cannot read this process's cores")?;
        let allowed: Vec<usize> =
            (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
        let cores = Self::choose(&allowed, options)?;
        pin(&cores.load)?;
        Ok(cores)
    }

    fn choose(allowed: &[usize], options: &Options) -> Result<Self> {
        let asked = options.load_cores.iter().chain(&options.backend_cores);
        if let Some(core) = asked.chain(&options.proxy_core).find(|core| !allowed.contains(core)) {
            bail!("core {core} is not among those this process may use ({allowed:?})");
        }
        let Some(&last) = allowed.last() else { bail!("this process may use no core") };
        let proxy = options.proxy_core.unwrap_or(last);
        let others: Vec<usize> = allowed.iter().copied().filter(|&core| core != proxy).collect();
        if others.is_empty() {
            bail!("only core {proxy} may be used, and the load generator needs another one");
        }
        let backend = if options.backend_cores.is_empty() {
            let free = |core: &&usize| !options.load_cores.contains(core);
            vec![*others.iter().rev().find(free).unwrap_or(&others[others.len() - 1])]
        } else {
            options.backend_cores.clone()
        };
        let mut load = options.load_cores.clone();
        if load.is_empty() {
            load = others.iter().copied().filter(|core| !backend.contains(core)).collect();
        }
        if load.is_empty() {
            load = others;
        }
        if load.contains(&proxy) || backend.contains(&proxy) {
            bail!("core {proxy} is the proxy's; load generator and back end need others");
        }
        Ok(Self { proxy, backend, load })
    }
}

/// Binds the calling thread, and what it starts from now on, to these cores.
pub(crate) fn pin(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    sched_setaffinity(None, &set).with_context(|| format!("cannot bind to cores {cores:?}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn choose(allowed: &[usize], arguments: &[&str]) -> Result<Cores> {
        Cores::choose(allowed, &Options::parse_from([&["peers"], arguments].concat()))
    }

    #[test]
    fn with_four_cores_nobody_shares() {
        let cores = choose(&[0, 1, 2, 3], &[]).expect("four cores are enough");
        assert_eq!(cores, Cores { proxy: 3, backend: vec![2], load: vec![0, 1] });
    }

    #[test]
    fn with_two_cores_back_end_and_load_share() {
        let cores = choose(&[0, 1], &[]).expect("two cores are enough");
        assert_eq!(cores, Cores { proxy: 1, backend: vec![0], load: vec![0] });
    }

    #[test]
    fn one_core_is_refused() {
        assert!(choose(&[5], &[]).is_err());
    }

    #[test]
    fn the_proxys_core_is_never_shared() {
        assert!(choose(&[0, 1, 2], &["--proxy-core", "1", "--load-cores", "1"]).is_err());
        assert!(choose(&[0, 1, 2], &["--proxy-core", "1", "--backend-cores", "0,1"]).is_err());
        let cores = choose(&[0, 1, 2], &["--proxy-core", "1", "--load-cores", "2"]).expect("free");
        assert_eq!(cores, Cores { proxy: 1, backend: vec![0], load: vec![2] });
    }

    #[test]
    fn a_core_that_is_not_allowed_is_refused() {
        assert!(choose(&[0, 1], &["--proxy-core", "2"]).is_err());
    }
}
