//! The rig: cores, back end, load generator, certificate and folder that all measurements share, and
//! the loop that interleaves them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::backend::Backend;
use crate::cases::{Case, Job, Method, Plan};
use crate::certificate::Certificate;
use crate::cores::Cores;
use crate::interrupt::Interrupt;
use crate::load::LoadTool;
use crate::options::Options;
use crate::process;
use crate::proxies::{Kind, Proxy, Running};
use crate::report::CaseReport;
use crate::{idle, rate, swap};

/// Everything a measurement needs besides the proxy. Fields end in this order: the back end before the
/// folder it serves from.
pub(crate) struct Rig {
    /// Serves the proxy cases.
    pub(crate) backend: Backend,
    /// Who runs where.
    pub(crate) cores: Cores,
    /// Drives the load.
    pub(crate) load: LoadTool,
    /// For the TLS cases.
    pub(crate) certificate: Certificate,
    /// Ctrl-C.
    pub(crate) interrupt: Interrupt,
    folder: TempDir,
    _alone: File,
}

/// What one proxy gave over the rounds of a case.
pub(crate) struct Outcome<S> {
    /// Which proxy.
    pub(crate) kind: Kind,
    /// One sample per round that was measured.
    pub(crate) samples: Vec<S>,
    /// Why the case does not count for it. A proxy that failed is not run again in that case.
    pub(crate) failure: Option<String>,
}

impl Rig {
    /// Chooses cores, starts the back end, finds the load generator.
    pub(crate) fn build(options: &Options) -> Result<Self> {
        let alone = claim_machine()?;
        let interrupt = Interrupt::install()?;
        let cores = Cores::claim(options)?;
        process::raise_open_files();
        let folder = tempfile::Builder::new()
            .prefix("ringgate-peers-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        // Nginx's workers drop to another user and must read the back end's bodies.
        open_to_all(folder.path())?;
        let subfolder = |name: &str| make_folder(folder.path(), name);
        let backend = Backend::start(options, &cores.backend, &subfolder("backend")?, &interrupt)?;
        let certificate = Certificate::generate(&subfolder("certificate")?)?;
        let load = LoadTool::find(options, &cores.load, subfolder("load")?, &certificate)?;
        Ok(Self { backend, cores, load, certificate, interrupt, folder, _alone: alone })
    }

    /// Starts a proxy on its core in a fresh folder.
    pub(crate) fn start(&self, proxy: &Proxy, job: Job) -> Result<Running> {
        let folder = self.proxy_folder(proxy.kind);
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot empty a proxy's folder")?;
        }
        let folder = make_folder(self.folder.path(), proxy.kind.name())?;
        proxy.start(
            job,
            self.cores.proxy,
            self.backend.listen,
            &self.certificate,
            &folder,
            &self.interrupt,
        )
    }

    /// Where a proxy's configuration lies while it runs.
    pub(crate) fn proxy_folder(&self, kind: Kind) -> PathBuf {
        self.folder.path().join(kind.name())
    }

    /// Runs the whole plan.
    pub(crate) fn run(&self, plan: &Plan, proxies: &[Proxy]) -> Result<Vec<CaseReport>> {
        let mut progress = Progress { done: 0, all: plan.measurements() };
        let mut reports = Vec::new();
        for case in &plan.cases {
            let runs = Rounds { rig: self, plan, case, proxies };
            reports.push(match case.method {
                Method::Rate { job, connections } => {
                    let measure = |proxy: &Proxy| rate::sample(self, plan, proxy, job, connections);
                    CaseReport::rate(case, connections, &runs.interleave(&mut progress, measure)?)
                }
                Method::Idle { connections } => {
                    let measure = |proxy: &Proxy| idle::sample(self, proxy, connections);
                    CaseReport::idle(case, connections, &runs.interleave(&mut progress, measure)?)
                }
                Method::Swap { routes, connections } => {
                    let measure =
                        |proxy: &Proxy| swap::sample(self, plan, proxy, routes, connections);
                    CaseReport::swap(case, connections, &runs.interleave(&mut progress, measure)?)
                }
            });
        }
        Ok(reports)
    }
}

/// One case over all rounds and proxies.
struct Rounds<'a> {
    rig: &'a Rig,
    plan: &'a Plan,
    case: &'a Case,
    proxies: &'a [Proxy],
}

/// How far the run is.
struct Progress {
    done: usize,
    all: usize,
}

/// A sample that can be shown in one line while the run goes on.
pub(crate) trait Sample {
    /// The line.
    fn line(&self) -> String;
    /// Why this sample must not count, if so.
    fn fault(&self) -> Option<String>;
}

impl Rounds<'_> {
    /// A B C D, A B C D, …: the machine's slower moods hit all proxies alike.
    fn interleave<S: Sample>(
        &self,
        progress: &mut Progress,
        measure: impl Fn(&Proxy) -> Result<S>,
    ) -> Result<Vec<Outcome<S>>> {
        let taking_part = self.proxies.iter().filter(|proxy| self.case.includes(proxy.kind));
        let mut entries: Vec<(&Proxy, Outcome<S>)> = taking_part
            .map(|proxy| (proxy, Outcome { kind: proxy.kind, samples: Vec::new(), failure: None }))
            .collect();
        for round in 1..=self.plan.rounds {
            for (proxy, outcome) in &mut entries {
                progress.done += 1;
                if outcome.failure.is_some() {
                    continue;
                }
                let measured = measure(proxy);
                // An interrupted measurement says nothing about the proxy.
                self.rig.interrupt.check()?;
                let line = match measured {
                    Ok(sample) => {
                        let line = sample.line();
                        outcome.failure = sample.fault();
                        outcome.samples.push(sample);
                        line
                    }
                    Err(error) => {
                        outcome.failure = Some(format!("{error:#}"));
                        String::new()
                    }
                };
                let failure = outcome.failure.iter().map(|why| format!(" INVALID: {why}"));
                eprintln!(
                    "[{:>3}/{}] {} round {round} {:<8} {line}{}",
                    progress.done,
                    progress.all,
                    self.case.label(),
                    proxy.kind.name(),
                    failure.collect::<String>(),
                );
            }
        }
        Ok(entries.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

/// Two comparisons at once would choose the same cores and measure each other. The lock ends with the
/// file, however the process ends.
fn claim_machine() -> Result<File> {
    let path = std::env::temp_dir().join("ringgate-peers.lock");
    let lock = File::create(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .context("another comparison is running on this machine; wait for its end")?;
    Ok(lock)
}

fn make_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    let path = parent.join(name);
    fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
    open_to_all(&path)?;
    Ok(path)
}

fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot open `{}` to other users", folder.display()))
}
