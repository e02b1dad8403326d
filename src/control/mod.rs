//! Control: the one thread beside the shards. It loads and reloads the configuration, binds listeners,
//! resolves names, checks back ends and answers the management listener.
//!
//! Ordinary async crates live here, on a tokio runtime of one thread. It knows `model`, `snapshot` and
//! `telemetry`; shards are to it a [`mailbox`] each and never more. It never touches a request.
//!
//! ```text
//! start: bind everything, compile, one Seat per shard      (every mistake is told here)
//! run:   names resolved -> snapshot to all -> all serve -> listen, announce, READY
//!        reports, signals, files, targets, time            (one loop, `running`)
//!        turn away -> drain -> stop
//! ```

pub mod calls;
mod credentials;
pub mod dns;
pub mod doctor;
pub mod endpoints;
pub mod functions;
pub mod health;
pub mod invocation;
pub mod listeners;
pub mod mailbox;
pub mod management;
pub mod port_holder;
pub mod publish;
pub mod reload;
mod running;
pub mod service_manager;
pub mod signals;
pub mod socket_activation;
pub mod status;
pub mod targets;
mod test_calls;
#[cfg(test)]
mod test_snapshot;
#[cfg(test)]
mod tests;
pub mod watch;

use crate::management::Settings;
use crate::management::access::{Access, Gate};
use crate::management::audit::Audit;
use crate::model::Model;
use crate::snapshot::ManagedDelta;
use crate::telemetry::Metrics;
use health::TlsConfigure;
use hickory_resolver::TokioResolver;
use listeners::{ListenError, Listeners, Prepared, WantedListener};
use mailbox::{FromShard, ListenerKind, Mailbox, Post, Reporter, ShardId};
use publish::{Publication, Publisher, publications};
use reload::{Compiled, RestartOnly, seen_at_start};
use signals::Signal;
use socket_activation::{PassedSocket, passed_sockets};
use status::{SharedStatus, Status};
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::time::{Instant, SystemTime};
use tokio::sync::mpsc;

pub use running::{Ended, RunError};

/// What the control thread takes from its caller.
pub struct Options {
    /// Makes the TLS configuration for calling an upstream, as the shards do.
    pub tls_configure: TlsConfigure,
    /// Makes the resolver; [`dns::system_resolver`] except in tests.
    pub resolver: fn() -> Result<TokioResolver, String>,
    /// Prints a line for the person who started the process: `listening on http://127.0.0.1:8080`.
    pub announce: Box<dyn FnMut(&str) + Send>,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Options").finish_non_exhaustive()
    }
}

/// One shard's side of the conversation with the control thread.
#[derive(Debug)]
pub struct Seat {
    /// Which shard.
    pub shard: ShardId,
    /// What control tells it. The first messages are endpoints, a snapshot and, once all shards
    /// serve that, listeners.
    pub mailbox: Mailbox,
    /// What it tells control.
    pub reporter: Reporter,
}

/// Why the process cannot start. Nothing has been started then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Addresses that cannot be had.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Listen(Vec<ListenError>),
    /// The service manager's sockets are not usable.
    #[error("socket activation: {0}")]
    Activation(io::Error),
    /// No eventfd for a mailbox.
    #[error("cannot make the mailbox of a shard: {0}")]
    Mailbox(io::Error),
    /// The audit log.
    #[error("cannot open the audit log: {0}")]
    Audit(io::Error),
    /// Code of functions.
    #[error("{}", .0.join("\n"))]
    Code(Vec<String>),
    /// The limit of open files.
    #[error("cannot raise the limit of open files: {0}")]
    OpenFiles(io::Error),
}

/// Asks of a running control thread what signals ask, from elsewhere in the process.
#[derive(Debug, Clone)]
pub struct Remote(mpsc::Sender<Signal>);

impl Remote {
    /// As SIGHUP does.
    pub fn reload(&self) {
        self.ask(Signal::Reload);
    }

    /// As SIGTERM does.
    pub fn stop(&self) {
        self.ask(Signal::Stop);
    }

    fn ask(&self, signal: Signal) {
        // Full: as much has been asked for already. Closed: it has ended.
        let _ = self.0.try_send(signal);
    }
}

/// Requests by [`Remote`] that wait; two stops and some reloads.
const REMOTE_MAX: usize = 8;

/// Everything bound and compiled, nothing running.
#[derive(Debug)]
pub struct Control {
    options: Options,
    posts: Vec<Post>,
    reports: mpsc::Receiver<FromShard>,
    remote: (mpsc::Sender<Signal>, mpsc::Receiver<Signal>),
    publications: (Publisher, mpsc::Receiver<Publication>),
    invocations: (functions::Invoker, functions::Calls),
    /// What is served of managed APIs before the first listener opens.
    first: ManagedDelta,
    listeners: Listeners,
    prepared: Prepared,
    management: TcpListener,
    status: SharedStatus,
    managed: Managed,
    reload: Reloading,
    compiled: Compiled,
    codes: functions::Codes,
}

/// What the management API begins with.
#[derive(Debug)]
struct Managed {
    store: crate::model::Store,
    settings: Settings,
    gate: Gate,
    audit: Audit,
    body_bytes_max: usize,
    aws: crate::model::Aws,
    /// Until an event is tried again.
    retry_pause: std::time::Duration,
}

/// What reloads need to know from one to the next.
#[derive(Debug)]
struct Reloading {
    file: Option<std::path::PathBuf>,
    seen: Option<reload::Fingerprint>,
    restart_only: RestartOnly,
    last_version: u64,
}

impl Control {
    /// Binds every address and compiles the model. Returns a seat for each shard; start the shards
    /// with them, then call [`Control::run`].
    ///
    /// # Errors
    /// Everything that keeps the process from starting.
    pub fn start(model: &Model, options: Options) -> Result<(Self, Vec<Seat>), StartError> {
        doctor::raise_descriptor_limit().map_err(StartError::OpenFiles)?;
        let shards = doctor::shard_count(model);
        let passed = passed_sockets().map_err(StartError::Activation)?;
        let management = management_listener(model, &passed);
        let mut listeners = Listeners::new(shards, passed);
        let compiled = Compiled::new(model, 1, shards);
        // Both, so that all mistakes are told at once.
        let (prepared, management) =
            match (listeners.prepare(&wanted_listeners(&compiled.snapshot.server)), management) {
                (Ok(prepared), Ok(management)) => (prepared, management),
                (Ok(_), Err(error)) => return Err(StartError::Listen(vec![error])),
                (Err(errors), management) => {
                    let errors = errors.into_iter().chain(management.err());
                    return Err(StartError::Listen(errors.collect()));
                }
            };
        let (sender, reports) = mailbox::reports();
        let mut posts = Vec::new();
        let mut seats = Vec::new();
        for shard in 0..shards {
            let (post, mailbox) = mailbox::mailbox().map_err(StartError::Mailbox)?;
            posts.push(post);
            seats.push(Seat { shard, mailbox, reporter: Reporter::new(shard, sender.clone()) });
        }
        let codes = functions::Codes::default();
        codes.take_in_file(&compiled.codes()).map_err(StartError::Code)?;
        let now = Instant::now();
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), shards, since_epoch(), now);
        let control = Self {
            options,
            posts,
            reports,
            remote: mpsc::channel(REMOTE_MAX),
            publications: publications(),
            invocations: functions::Invoker::new(),
            first: ManagedDelta::default(),
            listeners,
            prepared,
            management,
            status: SharedStatus::new(Status::new(metrics, shards, now)),
            managed: Managed::of(model)?,
            reload: Reloading {
                file: model.file.clone(),
                seen: seen_at_start(model),
                restart_only: RestartOnly::of(model),
                last_version: 1,
            },
            compiled,
            codes,
        };
        Ok((control, seats))
    }

    /// A way to reload and stop without signals.
    pub fn remote(&self) -> Remote {
        Remote(self.remote.0.clone())
    }

    /// Hands over what changes in the stages and domain names of managed APIs.
    pub fn publisher(&self) -> Publisher {
        self.publications.0.clone()
    }

    /// Invokes functions from this thread.
    pub fn invoker(&self) -> functions::Invoker {
        self.invocations.0.clone()
    }

    /// Sets which stages and domain names of managed APIs are served before the first listener opens.
    pub fn serve_first(&mut self, stages: ManagedDelta) {
        self.first = stages;
    }

    /// Runs until the process is told to stop and every shard has ended, on this thread.
    ///
    /// # Errors
    /// When the shards cannot begin to serve, or none is left.
    pub fn run(self) -> Result<Ended, RunError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RunError::Runtime)?
            .block_on(running::run(self))
    }
}

impl Managed {
    fn of(model: &Model) -> Result<Self, StartError> {
        let (management, aws) = (&model.management, &model.aws);
        Ok(Self {
            store: model.store.clone(),
            settings: Settings::of(model),
            gate: Gate::new(Access::of(management, aws)),
            audit: Audit::start(&management.audit_log).map_err(StartError::Audit)?,
            body_bytes_max: management.body_bytes_max,
            aws: aws.clone(),
            retry_pause: model.all_functions.retry_pause,
        })
    }
}

/// The listeners that a configuration declares.
fn wanted_listeners(server: &crate::model::Server) -> Vec<WantedListener> {
    let of_kind = |addresses: &[std::net::SocketAddr], kind: ListenerKind| {
        addresses.iter().map(|&address| WantedListener { address, kind }).collect::<Vec<_>>()
    };
    let mut wanted = of_kind(&server.listen, ListenerKind::Plain);
    wanted.extend(of_kind(&server.tls_listen, ListenerKind::Tls));
    wanted
}

fn management_listener(model: &Model, passed: &[PassedSocket]) -> Result<TcpListener, ListenError> {
    let address = model.management.listen;
    listeners::listen_alone(address, passed).map_err(|error| ListenError::new(address, error))
}

/// A client for addresses that the file names: nothing on the way leads elsewhere.
fn web_client(patience: std::time::Duration) -> Result<reqwest::Client, String> {
    // Already installed where TLS has been set up before; that one is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(patience)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())
}

/// The time of day, as time since 1970-01-01T00:00:00Z.
fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
