//! Rollout: the configuration is read again, and one snapshot goes its way into service.
//!
//! ```text
//! Resolving --names answered, or no more patience--> Serving --all shards said so--> done
//! ```
//!
//! New names are resolved before any shard is told, so that the first request finds addresses. New
//! listeners open after every shard serves the snapshot they belong to, old ones close after that:
//! no request is answered by a configuration that its listener is not part of.

use super::{Ending, RunError, Running};
use crate::control::listeners::{Prepared, TURN_AWAY};
use crate::control::mailbox::{ListenerKind, ToShard};
use crate::control::reload::{Attempt, Attempted, Cause, Compiled, attempt};
use crate::control::status::{LastReload, Phase};
use crate::control::{service_manager, since_epoch, wanted_listeners};
use crate::model::Code;
use crate::snapshot::{AccessLog, Snapshot};
use crate::telemetry::access_log::Destination;
use crate::telemetry::metrics::{ApiName, Names, Reload, RouteName};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// How long a rollout waits for names that do not answer. Two tries of two seconds, and then some.
pub(super) const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);

/// How long shards may take to serve a new snapshot before it is reported. They swap between two
/// turns of their loop, so a tenth of a second would be much.
pub(super) const SERVE_PATIENCE: Duration = Duration::from_secs(10);

/// One snapshot on its way into service.
#[derive(Debug)]
pub(super) struct Rollout {
    /// The control thread's copy.
    pub(super) snapshot: Arc<Snapshot>,
    /// The code of its functions.
    pub(super) codes: Vec<Code>,
    /// Bound for it, nobody can connect yet.
    pub(super) prepared: Prepared,
    /// Ends when the stages of the management API are served with what it says; `None`: they are.
    pub(super) stages: Option<oneshot::Receiver<()>>,
    pub(super) step: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    /// Its new names are being resolved.
    Resolving {
        /// When to go on without them.
        until: Instant,
        /// The shards' copies.
        copies: Vec<Snapshot>,
    },
    /// The shards have been told.
    Serving {
        /// When to report those that do not serve it.
        until: Instant,
        /// Whether that has been done.
        reported: bool,
    },
}

impl Rollout {
    /// When something is to be done even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Resolving { until, .. } => Some(until),
            Step::Serving { until, reported } => (!reported).then_some(until),
        }
    }
}

impl Running {
    pub(super) fn want_reload(&mut self, cause: Cause) {
        // A signal is not forgotten over a change: it asks for more.
        if self.wanted != Some(Cause::Signal) {
            self.wanted = Some(cause);
        }
    }

    pub(super) fn start_attempt(&mut self, cause: Cause) {
        service_manager::reloading();
        let attempt_of = Attempt {
            file: self.reload.file.clone(),
            cause,
            seen: self.reload.seen,
            restart_only: self.reload.restart_only.clone(),
            version: self.reload.last_version + 1,
            shards: self.posts.len(),
            codes: self.functions.codes(),
        };
        self.attempting = Some(tokio::task::spawn_blocking(move || attempt(&attempt_of)));
    }

    pub(super) fn on_attempted(&mut self, attempted: Result<Attempted, JoinError>, now: Instant) {
        self.attempting = None;
        if !matches!(self.ending, Ending::No) {
            return;
        }
        match attempted {
            Ok(Attempted::Unchanged) => {
                tracing::debug!("configuration touched but not changed");
                self.tell_ready();
            }
            Ok(Attempted::Refused { seen, problems }) => {
                self.reload.seen = Some(seen);
                self.refuse(problems);
            }
            Ok(Attempted::Compiled { seen, compiled }) => {
                self.reload.seen = Some(seen);
                let wanted = wanted_listeners(&compiled.snapshot.server);
                match self.listeners.prepare(&wanted) {
                    Ok(prepared) => {
                        self.reload.last_version = compiled.snapshot.version;
                        self.gate.set(compiled.access.clone());
                        self.credentials.declare(&compiled.aws);
                        self.post_credentials();
                        self.calls.set_body_bytes_max(compiled.management_body_bytes_max);
                        let (settings, shown) = (compiled.settings.clone(), compiled.shown.clone());
                        let stages = self.service.follow(settings, shown);
                        self.roll_out(*compiled, prepared, Some(stages), now);
                    }
                    Err(errors) => {
                        // What is in the way may be gone when the file is touched again.
                        self.reload.seen = None;
                        self.refuse(errors.iter().map(ToString::to_string).collect());
                    }
                }
            }
            Err(error) => self.refuse(vec![format!("reading it failed: {error}")]),
        }
    }

    /// The last good snapshot stays.
    pub(super) fn refuse(&mut self, problems: Vec<String>) {
        for error in &problems {
            tracing::error!(error, "configuration refused");
        }
        let mut status = self.status.lock();
        tracing::error!(
            problems = problems.len(),
            version = status.readiness(Instant::now()).version,
            "reload failed; the configuration before it is served"
        );
        status.last_reload = Some(LastReload::Failure { problems });
        status.metrics.set_reload(Reload::Failure, since_epoch());
        drop(status);
        self.tell_ready();
    }

    pub(super) fn roll_out(
        &mut self,
        compiled: Compiled,
        prepared: Prepared,
        stages: Option<oneshot::Receiver<()>>,
        now: Instant,
    ) {
        for warning in &compiled.warnings {
            tracing::warn!(warning, "configuration");
        }
        let codes = compiled.codes();
        let snapshot = Arc::new(compiled.snapshot);
        self.functions.look_at(compiled.functions, &compiled.all_functions);
        self.watch.set_files(compiled.files.iter().map(AsRef::as_ref));
        let both: Vec<&Snapshot> = self.served.iter().chain([&snapshot]).map(|it| &**it).collect();
        self.targets.follow(&both);
        self.stage_logs.set_places(snapshot.stage_logs.places());
        for problem in self.writer.set_destinations(&destinations(&both)) {
            tracing::error!(error = %problem, "access log is not written");
        }
        self.status.lock().metrics.set_names(snapshot.version, &names(&snapshot));
        self.rollout = Some(Rollout {
            snapshot,
            codes,
            prepared,
            stages,
            step: Step::Resolving { until: now + RESOLVE_PATIENCE, copies: compiled.copies },
        });
        self.follow_roles();
    }

    /// Takes every step that can be taken now.
    pub(super) fn proceed(&mut self, now: Instant) -> Result<(), RunError> {
        if self.publishing.is_busy() {
            let dead = self.status.lock().dead();
            let settled = self.credentials.is_settled();
            self.publishing.proceed(&self.posts, &self.targets, settled, &dead, now);
        }
        if let Some(mut rollout) = self.rollout.take() {
            if let Step::Resolving { until, copies } = &mut rollout.step {
                let unanswered: Vec<_> = self.targets.not_answered_yet().collect();
                // Functions elsewhere are called in the name of roles that may be new, too.
                let needs_roles = rollout.snapshot.remote_functions.roles().next().is_some();
                let has_roles = !needs_roles || self.credentials.is_settled();
                let is_ready = unanswered.is_empty() && has_roles;
                if is_ready || *until <= now {
                    for name in unanswered {
                        tracing::warn!(name = &**name, "upstream name has not been answered yet");
                    }
                    let copies = std::mem::take(copies);
                    self.send_snapshot(copies);
                    rollout.step = Step::Serving { until: now + SERVE_PATIENCE, reported: false };
                }
            }
            self.rollout = self.await_serving(rollout, now)?;
        }
        if self.rollout.is_none()
            && self.attempting.is_none()
            && matches!(self.ending, Ending::No)
            && let Some(cause) = self.wanted.take()
        {
            self.start_attempt(cause);
        }
        if let Ending::Draining { left, .. } = &self.ending
            && left.is_empty()
        {
            self.stop_shards(now);
        }
        Ok(())
    }

    fn send_snapshot(&mut self, copies: Vec<Snapshot>) {
        let endpoints = self.targets.tell();
        self.post_all(|_| ToShard::Endpoints(Box::new(endpoints.clone())));
        for (shard, (post, copy)) in self.posts.iter().zip(copies).enumerate() {
            if let Err(error) = post.send(ToShard::Snapshot(Box::new(copy))) {
                tracing::error!(shard, %error, "snapshot cannot be handed over");
            }
        }
    }

    /// The rollout again while it is not over.
    fn await_serving(
        &mut self,
        mut rollout: Rollout,
        now: Instant,
    ) -> Result<Option<Rollout>, RunError> {
        let Step::Serving { until, reported } = &mut rollout.step else {
            return Ok(Some(rollout));
        };
        let (behind, phase) = {
            let status = self.status.lock();
            (status.behind(rollout.snapshot.version), status.phase)
        };
        // The first listener opens when the managed APIs are served too.
        let is_first_served = phase != Phase::Starting || !self.publishing.is_busy();
        // Others may have come before they were taken up: that is no news for this rollout.
        let are_waiting = |stages: &mut oneshot::Receiver<()>| {
            stages.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        };
        if rollout.stages.as_mut().is_some_and(are_waiting) && *until <= now {
            tracing::error!("stages of the management API do not follow the configuration yet");
            rollout.stages = None;
        }
        let are_followed = !rollout.stages.as_mut().is_some_and(are_waiting);
        if behind.is_empty() && is_first_served && are_followed {
            self.finish(rollout, now)?;
            return Ok(None);
        }
        if *until <= now && !*reported {
            *reported = true;
            if phase == Phase::Starting {
                return Err(RunError::ShardsSilent { shards: behind });
            }
            let version = rollout.snapshot.version;
            self.refuse(vec![format!(
                "shards {behind:?} do not serve version {version} after {} s",
                SERVE_PATIENCE.as_secs()
            )]);
        }
        Ok(Some(rollout))
    }

    /// Every shard serves it: listeners follow, and what only the old one needed is let go.
    fn finish(&mut self, rollout: Rollout, now: Instant) -> Result<(), RunError> {
        let Rollout { snapshot, prepared, codes, .. } = rollout;
        self.functions.codes().file_serves(&codes);
        self.functions.watch(&snapshot.functions);
        let version = snapshot.version;
        self.targets.follow(&[&snapshot]);
        // Only takes away what the old snapshot had; what is wrong with the new was told above.
        self.writer.set_destinations(&destinations(&[&snapshot]));
        self.served = Some(snapshot);
        self.tell_target_health();
        let phase = self.status.lock().phase;
        if phase == Phase::Draining {
            return Ok(());
        }
        let change = match self.listeners.adopt(prepared) {
            Ok(change) => change,
            Err(error) if phase == Phase::Starting => return Err(error.into()),
            Err(error) => {
                self.refuse(vec![error.to_string()]);
                return Ok(());
            }
        };
        let new = change.take.first().into_iter().flatten();
        let new: Vec<_> = new.map(|listener| (listener.kind, listener.address)).collect();
        for (post, take) in self.posts.iter().zip(change.take) {
            // Full: the sockets close again, and the other shards' take the connections.
            if !take.is_empty()
                && let Err(error) = post.send(ToShard::TakeListeners(take))
            {
                tracing::error!(%error, "listeners cannot be handed over");
            }
        }
        if !change.drop.is_empty() {
            self.closing.push((now + TURN_AWAY, change.drop));
        }
        let mut status = self.status.lock();
        if phase == Phase::Starting {
            status.phase = Phase::Serving;
            drop(status);
            self.announce(&new);
            self.functions.take_over_events();
            let management = self.management.address;
            (self.options.announce)(&format!("management on http://{management}"));
        } else {
            status.last_reload = Some(LastReload::Success { version });
            status.metrics.set_reload(Reload::Success { version }, since_epoch());
            drop(status);
            // Port 0 has become a real one here too.
            self.announce(&new);
            tracing::info!(version, "configuration reloaded");
        }
        self.tell_ready();
        Ok(())
    }

    pub(super) fn announce(&mut self, listeners: &[(ListenerKind, SocketAddr)]) {
        for (kind, address) in listeners {
            let scheme = match kind {
                ListenerKind::Plain => "http",
                ListenerKind::Tls => "https",
                // Of nobody's concern but the workers'.
                ListenerKind::Runtime => continue,
            };
            (self.options.announce)(&format!("listening on {scheme}://{address}"));
        }
    }
}

/// Where these snapshots' access logs go, each once.
fn destinations(snapshots: &[&Snapshot]) -> Vec<Destination> {
    let all: BTreeSet<Destination> = snapshots
        .iter()
        .flat_map(|snapshot| &snapshot.access_logs)
        .map(AccessLog::writer_destination)
        .collect();
    all.into_iter().collect()
}

/// What the indexes in a batch are called: routes of all APIs in one row, in the snapshot's order.
fn names(snapshot: &Snapshot) -> Names {
    let apis = snapshot.apis.iter().map(|api| ApiName {
        id: api.id.to_string(),
        name: api.name.to_string(),
        stage: api.stage.to_string(),
    });
    let routes = (0_u32..).zip(&snapshot.apis).flat_map(|(index, api)| {
        api.routes.iter().map(move |route| RouteName { api: index, key: route.key.to_string() })
    });
    Names {
        apis: apis.collect(),
        routes: routes.collect(),
        upstreams: snapshot.upstreams.iter().map(|upstream| upstream.name.to_string()).collect(),
    }
}
