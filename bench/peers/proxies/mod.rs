//! The proxies under test: finding them, writing their configuration, starting them on their core.
//!
//! One file per proxy holds its templates and the reason for each setting. The rule for all: what a
//! careful operator of that proxy would set for this job, nothing to its disfavour. No access log
//! anywhere, one worker, keep-alive on both sides, enough of every limit.

mod ringgate;
mod nginx;
mod haproxy;
mod envoy;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use crate::cases::{Case, Job, Method};
use crate::certificate::Certificate;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::process::Process;

pub(crate) use ringgate::{release_binary, swap_config};

/// How long a proxy may take until its port answers; Envoy with 10,000 routes on a busy machine is the
/// slowest.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A free port found by asking the kernel can be gone a moment later, to an outgoing connection.
const START_ATTEMPTS: u32 = 3;

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The one this is about.
    Ringgate,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
}

impl Kind {
    /// The name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ringgate => "ringgate",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }
}

/// A proxy that is there to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// Which one.
    pub(crate) kind: Kind,
    /// Its program.
    pub(crate) binary: PathBuf,
    /// What it says of its version.
    pub(crate) version: String,
}

/// What a proxy is started for.
pub(crate) struct Setup<'a> {
    /// What it has to do.
    pub(crate) job: Job,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The back end of the proxy cases.
    pub(crate) backend: SocketAddr,
    /// For the TLS cases.
    pub(crate) certificate: &'a Certificate,
    /// Where its files go.
    pub(crate) folder: &'a Path,
}

/// A configuration, ready to be written.
pub(crate) struct Configuration {
    /// File names within the setup's folder, and what goes into them.
    pub(crate) files: Vec<(&'static str, String)>,
    /// Arguments of the program.
    pub(crate) arguments: Vec<String>,
}

/// A proxy that answers on its port.
pub(crate) struct Running {
    /// The process; ends with this value.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

impl Proxy {
    /// This proxy's own way to do what the setup asks.
    pub(crate) fn configuration(&self, setup: &Setup<'_>) -> Configuration {
        match self.kind {
            Kind::Ringgate => ringgate::configuration(setup),
            Kind::Nginx => nginx::configuration(setup),
            Kind::Haproxy => haproxy::configuration(setup),
            Kind::Envoy => envoy::configuration(setup),
        }
    }

    /// Starts it on `core` with a port of its own and waits until that answers.
    pub(crate) fn start(
        &self,
        job: Job,
        core: usize,
        backend: SocketAddr,
        certificate: &Certificate,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Running> {
        let mut attempt = 1;
        loop {
            let setup = Setup { job, listen: free_address()?, backend, certificate, folder };
            match start_once(&self.binary, &self.configuration(&setup), &setup, core, interrupt) {
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => {
                    return Err(error.context(format!("{} did not start", self.kind.name())));
                }
                running => return running,
            }
            interrupt.check()?;
        }
    }
}

fn start_once(
    binary: &Path,
    configuration: &Configuration,
    setup: &Setup<'_>,
    core: usize,
    interrupt: &Interrupt,
) -> Result<Running> {
    for (name, text) in &configuration.files {
        let path = setup.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let log = setup.folder.join("output.log");
    let mut process = Process::start(binary, &configuration.arguments, &[core], log)?;
    wait_until_it_answers(&mut process, setup.listen, interrupt)?;
    Ok(Running { process, listen: setup.listen })
}

/// Waits until something accepts connections at `listen`; fails when the process ends before.
pub(crate) fn wait_until_it_answers(
    process: &mut Process,
    listen: SocketAddr,
    interrupt: &Interrupt,
) -> Result<()> {
    let answers = interrupt.wait_for(START_LIMIT, || {
        process.check_alive()?;
        Ok(TcpStream::connect_timeout(&listen, Duration::from_secs(1)).ok())
    })?;
    if answers.is_none() {
        bail!("nothing answers at {listen} after {START_LIMIT:?}");
    }
    // A process that could not bind would find its port answered by whoever took it.
    process.check_alive()
}

/// A loopback address that nobody listens at.
pub(crate) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .context("cannot find a free port")
}

/// The proxies of this run, in order. One that was asked for by name and is not there is an error.
pub(crate) fn find(options: &Options) -> Result<Vec<Proxy>> {
    let asked = !options.proxies.is_empty();
    let kinds = if asked { &options.proxies[..] } else { Kind::value_variants() };
    let mut found = Vec::new();
    for &kind in kinds {
        if found.iter().any(|proxy: &Proxy| proxy.kind == kind) {
            continue;
        }
        match locate(kind, options) {
            Ok(binary) => {
                let version = version(kind, &binary)?;
                found.push(Proxy { kind, binary, version });
            }
            Err(error) if asked => return Err(error),
            Err(error) => eprintln!("without {}: {error:#}", kind.name()),
        }
    }
    if found.is_empty() {
        bail!("there is no proxy to run");
    }
    Ok(found)
}

fn locate(kind: Kind, options: &Options) -> Result<PathBuf> {
    match kind {
        Kind::Ringgate => ringgate::locate(options),
        Kind::Nginx => on_path("nginx", options.nginx.as_deref()),
        Kind::Haproxy => on_path("haproxy", options.haproxy.as_deref()),
        Kind::Envoy => envoy::locate(options),
    }
}

fn version(kind: Kind, binary: &Path) -> Result<String> {
    let line = match kind {
        Kind::Ringgate | Kind::Envoy => first_line(binary, &["--version"])?,
        Kind::Nginx | Kind::Haproxy => first_line(binary, &["-v"])?,
    };
    Ok(without_path(&line, binary))
}

/// Envoy begins with the path it was started by, which says nothing about the version and much about
/// the machine.
fn without_path(line: &str, binary: &Path) -> String {
    line.replace(&binary.display().to_string(), "")
        .trim()
        .trim_start_matches("version:")
        .trim()
        .to_owned()
}

/// The program given, or the first of that name on PATH or where distributions put daemons.
pub(crate) fn on_path(name: &str, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        if !given.is_file() {
            bail!("`{}` is not a file", given.display());
        }
        // The program starts in the same folder as we, but its configuration may not name ours.
        return given.canonicalize().with_context(|| format!("cannot read `{}`", given.display()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(daemons)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("`{name}` is not installed; install it or give its path"))
}

/// The first line that a program prints, on whichever stream.
pub(crate) fn first_line(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run `{}`", program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown").to_owned())
}

/// Every configuration of the chosen cases, with what is made up per run filled in by examples.
pub(crate) fn show_configs(options: &Options, proxies: &[Proxy]) -> Result<String> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let certificate = Certificate::generate(folder.path())?;
    let mut jobs = Vec::new();
    for case in crate::cases::plan(options, proxies).cases {
        let job = job_of(&case);
        if !jobs.contains(&job) {
            jobs.push(job);
        }
    }
    let mut text = String::new();
    for job in jobs {
        // Ten thousand routes are ten thousand times the same line.
        let job = if let Job::Routes { .. } = job { Job::Routes { count: 3 } } else { job };
        for proxy in proxies {
            let setup = Setup {
                job,
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                backend: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
                certificate: &certificate,
                folder: folder.path(),
            };
            let configuration = proxy.configuration(&setup);
            let (name, arguments) = (proxy.kind.name(), configuration.arguments.join(" "));
            text += &format!("##### {job:?}: {name} {arguments}\n");
            for (file, content) in configuration.files {
                text += &format!("### {file}\n{content}\n");
            }
        }
    }
    Ok(text.replace(&folder.path().display().to_string(), "FOLDER"))
}

/// The job whose configuration a case starts from.
fn job_of(case: &Case) -> Job {
    match case.method {
        Method::Rate { job, .. } => job,
        Method::Idle { .. } | Method::Swap { .. } => Job::Fixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_does_not_tell_where_the_binary_lies() {
        let binary = Path::new("/opt/some where/envoy");
        assert_eq!(
            without_path("/opt/some where/envoy  version: 9e55/1.40.0/Clean", binary),
            "9e55/1.40.0/Clean"
        );
        assert_eq!(
            without_path("nginx version: nginx/1.22.1", binary),
            "nginx version: nginx/1.22.1"
        );
    }
}
