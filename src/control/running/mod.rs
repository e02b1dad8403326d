//! Running: the control thread's loop, from the first snapshot to the end of the last shard.
//!
//! One `select` waits for whatever comes next, one method handles it and never waits itself; what
//! takes time (reading files, asking back ends) runs in tasks that send what they found. So the order
//! of things is the order of the arms below, and nothing is ever half done when a signal arrives.

mod rollout;

use super::calls::Calls;
use super::credentials::Credentials;
use super::functions::{self, Destinations, Events, Functions, LambdaApi, Shelf};
use super::listeners::TURN_AWAY;
use super::mailbox::{FromShard, ListenerId, Post, ShardId, ToShard};
use super::publish::{Publication, Publishing};
use super::reload::{Attempted, Cause};
use super::signals::{Signal, Signals};
use super::status::{LastReload, Phase, SharedStatus};
use super::targets::{News, Targets};
use super::test_calls::TestCalls;
use super::watch::Watch;
use super::{Control, ListenError, Listeners, Options, Reloading, management, service_manager};
use crate::management::access::Gate;
use crate::management::audit::Audit;
use crate::management::{Beginning, Service};
use crate::snapshot::Snapshot;
use crate::snapshot::managed::StageChange;
use crate::store::StoreError;
use crate::telemetry::access_log::Writer;
use crate::telemetry::fields::RateLimiter;
use crate::telemetry::metrics::TargetHealth;
use crate::telemetry::stage_log::StageLogWriter;
use rollout::{Rollout, SERVE_PATIENCE};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};

/// Between two looks at the rates that the metrics work out.
const TICK: Duration = Duration::from_secs(1);

/// What management connections may take at the end to send what has been answered.
const ANSWERS_PATIENCE: Duration = Duration::from_secs(2);

/// What a shard may take beyond its drain deadline to say that it has drained.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// What shards may take to end once told to.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What the last good state may take to be written at the end.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// What access logs may take to be written at the end.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// A warning that many shards or targets may give at once comes at most this often.
const WARN_PERIOD: Duration = Duration::from_secs(10);

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Requests that the drain's deadline, or a second signal, cut off.
    pub requests_cut: u64,
    /// Whether every shard has ended; else their threads are to be left behind.
    pub all_ended: bool,
}

/// Why the process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The runtime of the control thread.
    #[error("cannot start the control thread's runtime: {0}")]
    Runtime(io::Error),
    /// A shard could not begin.
    #[error("shard {shard} cannot start: {error}; see `ringgate doctor`")]
    ShardFailed {
        /// Which.
        shard: ShardId,
        /// Why.
        error: String,
    },
    /// A shard neither began nor said why.
    #[error("shards {shards:?} did not begin to serve within {} s", SERVE_PATIENCE.as_secs())]
    ShardsSilent {
        /// Which.
        shards: Vec<ShardId>,
    },
    /// Another process began to listen on an address between binding and listening.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The store must not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// None is left.
    #[error("every shard has died; the last one: {0}")]
    AllShardsDied(String),
}

/// What comes next.
enum Event {
    Report(Option<FromShard>),
    Signal(Signal),
    FilesChanged,
    TargetsChanged(News),
    Published(Vec<Publication>),
    CredentialsChanged,
    Functions(functions::News),
    Attempted(Result<Attempted, JoinError>),
    Time,
}

/// Whether the loop goes on.
type Flow = Result<Option<Ended>, RunError>;

/// The way to the end. Each step is left at its time at the latest.
#[derive(Debug)]
enum Ending {
    /// Not on it.
    No,
    /// New connections are kept away, those under way still arrive.
    TurningAway { until: Instant },
    /// Shards finish their requests.
    Draining { until: Instant, left: BTreeSet<ShardId> },
    /// Shards end.
    Stopping { until: Instant },
}

struct Running {
    options: Options,
    posts: Vec<Post>,
    reports: mpsc::Receiver<FromShard>,
    remote: mpsc::Receiver<Signal>,
    /// Keeps the channel open when nobody else has an end of it.
    _remote_sender: mpsc::Sender<Signal>,
    listeners: Listeners,
    management: Management,
    audit: Audit,
    gate: Gate,
    service: Service,
    calls: Calls,
    status: SharedStatus,
    signals: Signals,
    watch: Watch,
    targets: Targets,
    writer: Writer,
    stage_logs: StageLogWriter,
    reload: Reloading,
    /// A reload that is being read and compiled.
    attempting: Option<JoinHandle<Attempted>>,
    /// A reload wanted while another one was under way.
    wanted: Option<Cause>,
    rollout: Option<Rollout>,
    /// Managed APIs on their way to the shards.
    publishing: Publishing,
    /// Who signs what they call.
    credentials: Credentials,
    functions: Functions,
    /// What every shard serves.
    served: Option<Arc<Snapshot>>,
    /// Listeners that turn away, and when the shards may close them.
    closing: Vec<(Instant, Vec<ListenerId>)>,
    ending: Ending,
    requests_cut: u64,
    next_tick: Instant,
    watchdog: Option<(Duration, Instant)>,
    ejection_warnings: RateLimiter,
    full_warnings: RateLimiter,
}

/// The management listener.
struct Management {
    address: SocketAddr,
    serving: management::Serving,
}

/// Runs until the end. Called inside the runtime.
pub(super) async fn run(control: Control) -> Result<Ended, RunError> {
    let Control {
        options,
        posts,
        reports,
        remote: (remote_sender, remote),
        publications: (publisher, publications),
        invocations: (invoker, calls_of_functions),
        first,
        listeners,
        prepared,
        management,
        status,
        managed,
        reload,
        compiled,
        codes,
    } = control;
    let now = Instant::now();
    let address = management.local_addr().map_err(RunError::Runtime)?;
    let listener = tokio::net::TcpListener::from_std(management).map_err(RunError::Runtime)?;
    let managed_publisher = publisher.clone();
    let unpacking = codes.clone();
    let audit = managed.audit.clone();
    let account_id = managed.settings.account_id.clone();
    let gate = managed.gate.clone();
    let ailment = Arc::clone(&status.lock().store);
    let destinations = Destinations::new(Arc::clone(&managed.settings.event_places));
    let shelf = Shelf::new(managed.store.events());
    let events = Events::new(invoker.clone(), managed.retry_pause, destinations, shelf);
    let credentials = Credentials::new(&managed.aws);
    let (service, stored) = Service::begin(Beginning {
        url: managed.store.url,
        last_good: managed.store.last_good,
        settings: managed.settings,
        shown: compiled.shown.clone(),
        gate: managed.gate,
        audit: managed.audit,
        publisher: Box::new(move |mut delta, done| {
            let (publisher, codes) = (managed_publisher.clone(), unpacking.clone());
            Box::pin(async move {
                codes.take_in(&mut delta).await;
                // Fails only when the loop has ended: with the process, and with it who waits.
                let _ = publisher.send(Publication { delta, done }).await;
            })
        }),
        back_ends: Arc::new(TestCalls::new(
            invoker.clone(),
            credentials.known(),
            options.resolver,
            options.tls_configure,
        )),
        invoker: Arc::new(LambdaApi::new(invoker, events.clone(), account_id)),
        ailment,
    })
    .await?;
    let answering = service.clone();
    let calls = Calls::new(gate.clone(), managed.body_bytes_max, move |incoming| {
        let service = service.clone();
        async move { service.answer(incoming).await }
    });
    let routes = calls.clone().behind(management::router(status.clone()));
    let functions = Functions::new(posts.clone(), calls_of_functions, events, codes.clone());
    let mut running = Running {
        targets: Targets::new((options.resolver)(), options.tls_configure),
        options,
        posts,
        reports,
        remote,
        _remote_sender: remote_sender,
        listeners,
        management: Management { address, serving: management::Serving::begin(listener, routes) },
        audit,
        gate,
        service: answering,
        calls,
        status,
        signals: Signals::new().map_err(RunError::Runtime)?,
        watch: Watch::new(),
        writer: Writer::new(),
        stage_logs: StageLogWriter::new(),
        reload,
        attempting: None,
        wanted: None,
        rollout: None,
        publishing: Publishing::new(publisher, publications),
        credentials,
        functions,
        served: None,
        closing: Vec::new(),
        ending: Ending::No,
        requests_cut: 0,
        next_tick: now + TICK,
        watchdog: service_manager::watchdog_interval().map(|interval| (interval, now)),
        ejection_warnings: RateLimiter::new(WARN_PERIOD),
        full_warnings: RateLimiter::new(WARN_PERIOD),
    };
    running.roll_out(compiled, prepared, None, now);
    let (done, _) = oneshot::channel();
    let mut delta = first;
    delta.extend(stored);
    codes.take_in(&mut delta).await;
    let first = vec![Publication { delta, done }];
    running.publishing.begin(first, &mut running.targets, now);
    running.follow_roles();
    let ended = running.until_the_end().await;
    if ended.is_err() {
        // Shards that do run must not outlive the thread that could stop them.
        running.post_all(|_| ToShard::Stop);
    }
    running.functions.close().await;
    running.management.serving.end(ANSWERS_PATIENCE).await;
    running.service.end(STORE_PATIENCE).await;
    running.audit.close(LOG_PATIENCE);
    let (writer, stage_logs) = (running.writer, running.stage_logs);
    if !stage_logs.close(LOG_PATIENCE) {
        tracing::warn!("stage logs could not be written to the end");
    }
    // Blocks: nothing else is left to be done on this thread.
    let given_up = writer.close(LOG_PATIENCE);
    for destination in given_up {
        tracing::warn!(%destination, "access log could not be written to the end");
    }
    ended
}

impl Running {
    async fn until_the_end(&mut self) -> Result<Ended, RunError> {
        loop {
            self.proceed(Instant::now())?;
            let event = self.next().await;
            if let Some(ended) = self.on(event, Instant::now())? {
                return Ok(ended);
            }
        }
    }

    async fn next(&mut self) -> Event {
        let due = self.due();
        let attempting = &mut self.attempting;
        let attempted = async {
            match attempting {
                Some(attempt) => attempt.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Signals first: a flood of reports must not keep the process from ending.
            biased;
            signal = self.signals.next() => Event::Signal(signal),
            Some(signal) = self.remote.recv() => Event::Signal(signal),
            () = tokio::time::sleep_until(due.into()) => Event::Time,
            attempted = attempted => Event::Attempted(attempted),
            report = self.reports.recv() => Event::Report(report),
            news = self.targets.changed() => Event::TargetsChanged(news),
            publications = self.publishing.next() => Event::Published(publications),
            () = self.credentials.changed() => Event::CredentialsChanged,
            news = self.functions.next() => Event::Functions(news),
            () = self.watch.changed() => Event::FilesChanged,
        }
    }

    fn on(&mut self, event: Event, now: Instant) -> Flow {
        match event {
            Event::Report(Some(report)) => self.on_report(report, now)?,
            // Every shard has dropped its reporter: all have ended.
            Event::Report(None) => return self.on_all_ended(),
            Event::Signal(Signal::Reload) => {
                self.writer.reopen();
                self.stage_logs.reopen();
                self.audit.reopen();
                self.targets.restart_names((self.options.resolver)());
                self.want_reload(Cause::Signal);
            }
            Event::Signal(Signal::Stop) => self.on_stop(now),
            Event::FilesChanged => self.want_reload(Cause::FileChange),
            Event::TargetsChanged(news) => {
                if let Some(endpoints) = news.declared {
                    self.post_all(|_| ToShard::Endpoints(Box::new(endpoints.clone())));
                    self.tell_target_health();
                }
                if !news.managed.is_empty() {
                    self.post_all(|_| ToShard::Addresses(news.managed.clone()));
                }
            }
            Event::Published(publications) => {
                let changes = publications.iter().flat_map(|it| &it.delta.stages);
                let mut status = self.status.lock();
                for change in changes {
                    match change {
                        StageChange::Put(put) => {
                            status.metrics.stage_appears(&put.stage.api_id, &put.stage.name);
                        }
                        StageChange::Remove { api_id, name } => {
                            status.metrics.retire_stage(api_id, name);
                        }
                    }
                }
                drop(status);
                self.publishing.begin(publications, &mut self.targets, now);
                self.follow_roles();
            }
            Event::CredentialsChanged => self.post_credentials(),
            Event::Functions(news) => self.functions.on_news(news, now),
            Event::Attempted(attempted) => self.on_attempted(attempted, now),
            Event::Time => return Ok(self.on_time(now)),
        }
        Ok(None)
    }

    // ---- shards ----

    fn on_report(&mut self, report: FromShard, now: Instant) -> Result<(), RunError> {
        match report {
            FromShard::Serving { shard, version } => {
                let mut status = self.status.lock();
                status.sign_of_life(shard, now);
                status.serves(shard, version);
            }
            FromShard::Telemetry { shard, batch } => {
                {
                    let mut status = self.status.lock();
                    status.sign_of_life(shard, now);
                    status.metrics.merge(shard, &batch);
                }
                batch.give_back();
            }
            FromShard::Log(batch) => self.writer.write(batch),
            FromShard::StageCounts(counts) => self.status.lock().metrics.merge_stages(&counts),
            FromShard::StageLog(batch) => self.stage_logs.write(batch),
            // Dropped here and not on a shard: that is what they are sent for.
            FromShard::Retired(_)
            | FromShard::RetiredEndpoints(_)
            | FromShard::RetiredManaged(..) => {}
            FromShard::StartWorker(start) => self.functions.start(*start, now),
            FromShard::StopWorker { shard, worker, how } => {
                self.functions.stop(shard, worker, how);
            }
            FromShard::WorkerNotes { shard, notes } => self.functions.note(shard, notes, now),
            FromShard::Event(event) => self.functions.queue_event(*event),
            FromShard::Streamed(streamed) => self.functions.streamed(streamed),
            FromShard::Invoked(invoked) => self.functions.invoked(*invoked),
            FromShard::Applied { shard, sequence } => {
                self.status.lock().sign_of_life(shard, now);
                self.publishing.applied(shard, sequence);
            }
            FromShard::Drained { shard, requests_cut } => {
                self.requests_cut += requests_cut;
                if let Ending::Draining { left, .. } = &mut self.ending {
                    left.remove(&shard);
                }
            }
            FromShard::Ejected { shard, upstream, target, duration } => {
                if let Some(swallowed) = self.ejection_warnings.allow(now) {
                    tracing::warn!(
                        shard,
                        upstream = &*upstream,
                        target = &*target,
                        ?duration,
                        swallowed,
                        "target failed too often and is left out"
                    );
                }
            }
            FromShard::Died { shard, error } => self.on_died(shard, error)?,
        }
        Ok(())
    }

    fn on_died(&mut self, shard: ShardId, error: String) -> Result<(), RunError> {
        tracing::error!(shard, error, "shard died");
        let phase = {
            let mut status = self.status.lock();
            status.died(shard, error.clone());
            if !status.any_alive() && status.phase == Phase::Serving {
                return Err(RunError::AllShardsDied(error));
            }
            status.phase
        };
        // At the start this is a mistake to be told and cured, not something to live with.
        if phase == Phase::Starting {
            return Err(RunError::ShardFailed { shard, error });
        }
        self.listeners.stop_shard(shard);
        if let Ending::Draining { left, .. } = &mut self.ending {
            left.remove(&shard);
        }
        Ok(())
    }

    /// Has credentials for the roles that stages use, and for no others.
    fn follow_roles(&mut self) {
        let mut roles = self.publishing.roles();
        let rolling = self.rollout.as_ref().map(|rollout| &rollout.snapshot);
        for snapshot in self.served.iter().chain(rolling) {
            roles.extend(snapshot.remote_functions.roles().cloned());
        }
        self.credentials.want(roles);
        self.post_credentials();
    }

    fn post_credentials(&mut self) {
        if let Some(table) = self.credentials.tell() {
            self.post_all(|_| ToShard::Credentials(table.clone()));
        }
    }

    /// Posts a message to every shard.
    fn post_all(&mut self, message: impl Fn(ShardId) -> ToShard) {
        for (shard, post) in self.posts.iter().enumerate() {
            if let Err(error) = post.send(message(shard))
                && let Some(swallowed) = self.full_warnings.allow(Instant::now())
            {
                tracing::error!(shard, %error, swallowed, "message to shard is lost");
            }
        }
    }

    fn tell_ready(&self) {
        let status = self.status.lock();
        if status.phase == Phase::Serving {
            let version = status.readiness(Instant::now()).version;
            service_manager::ready(&match &status.last_reload {
                Some(LastReload::Failure { .. }) => {
                    format!("serving version {version}; the last reload was refused")
                }
                _ => format!("serving version {version}"),
            });
        }
    }

    fn tell_target_health(&mut self) {
        // A target is well while one of its addresses is.
        let mut targets = BTreeMap::new();
        for checked in self.targets.checked() {
            let healthy = targets
                .entry((checked.upstream.to_owned(), checked.target.to_owned()))
                .or_insert(false);
            *healthy |= checked.healthy;
        }
        let targets = targets.into_iter().map(|((upstream, target), healthy)| TargetHealth {
            upstream,
            target,
            healthy,
        });
        self.status.lock().metrics.set_target_health(targets.collect());
    }

    // ---- the end ----

    fn on_stop(&mut self, now: Instant) {
        if !matches!(self.ending, Ending::No) {
            tracing::info!("stopping now");
            self.stop_shards(now);
            return;
        }
        tracing::info!("draining");
        self.status.lock().phase = Phase::Draining;
        service_manager::stopping("draining");
        // Addresses bound for a snapshot that will never be in force are given up.
        self.rollout = None;
        self.listeners.turn_away(&self.listeners.ids());
        if super::port_holder::listeners_on(self.management.address) > 1 {
            // Another process shares the port: probes and scrapes are its business from now on.
            self.management.serving.turn_away();
        }
        self.ending = Ending::TurningAway { until: now + TURN_AWAY };
    }

    fn drain(&mut self, now: Instant) {
        let deadline =
            self.served.as_ref().map_or(Duration::ZERO, |served| served.server.timeouts.drain);
        self.listeners.forget(&self.listeners.ids());
        self.post_all(|_| ToShard::Drain { deadline });
        let dead = self.status.lock().dead();
        self.ending = Ending::Draining {
            until: now + deadline + DRAIN_PATIENCE,
            left: (0..self.posts.len()).filter(|shard| !dead.contains(shard)).collect(),
        };
    }

    fn stop_shards(&mut self, now: Instant) {
        self.listeners.forget(&self.listeners.ids());
        self.post_all(|_| ToShard::Stop);
        self.ending = Ending::Stopping { until: now + STOP_PATIENCE };
    }

    fn on_all_ended(&self) -> Flow {
        match self.ending {
            Ending::Stopping { .. } | Ending::Draining { .. } => {
                Ok(Some(Ended { requests_cut: self.requests_cut, all_ended: true }))
            }
            // Nobody told them to.
            Ending::No | Ending::TurningAway { .. } => {
                Err(RunError::AllShardsDied("all ended without being told to".to_owned()))
            }
        }
    }

    // ---- time ----

    /// When something is to be done even if nothing happens.
    fn due(&self) -> Instant {
        let ending = match &self.ending {
            Ending::No => None,
            Ending::TurningAway { until }
            | Ending::Draining { until, .. }
            | Ending::Stopping { until } => Some(*until),
        };
        let closing = self.closing.iter().map(|(at, _)| *at).min();
        let rollout = self.rollout.as_ref().and_then(Rollout::deadline);
        let watchdog = self.watchdog.map(|(_, next)| next);
        let publishing = self.publishing.deadline();
        let functions = self.functions.deadline();
        [ending, closing, rollout, watchdog, publishing, functions]
            .into_iter()
            .flatten()
            .fold(self.next_tick, Instant::min)
    }

    fn on_time(&mut self, now: Instant) -> Option<Ended> {
        if self.next_tick <= now {
            self.next_tick = now + TICK;
            self.functions.sweep_codes(now);
            let mut status = self.status.lock();
            status.metrics.tick(now);
            let mut deliveries = self.writer.deliveries();
            deliveries.extend(self.stage_logs.delivery());
            status.metrics.set_deliveries(deliveries);
        }
        self.functions.on_time(now);
        if let Some((interval, next)) = self.watchdog
            && next <= now
        {
            // That this loop turns is what is told: a stuck one is restarted by the service manager.
            service_manager::alive();
            self.watchdog = Some((interval, now + interval));
        }
        for (_, ids) in self.closing.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.listeners.forget(&ids);
            self.post_all(|_| ToShard::DropListeners(ids.clone()));
        }
        match self.ending {
            Ending::TurningAway { until } if until <= now => self.drain(now),
            Ending::Draining { until, .. } if until <= now => {
                tracing::warn!("not every shard drained in time");
                self.stop_shards(now);
            }
            Ending::Stopping { until } if until <= now => {
                tracing::error!("not every shard ended in time");
                return Some(Ended { requests_cut: self.requests_cut, all_ended: false });
            }
            _ => {}
        }
        None
    }
}
