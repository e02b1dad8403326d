//! Status: what the process is doing, in one place, for `/healthz`, `/readyz` and `/metrics`.
//!
//! Written by the control loop, read by the management listener, both on the control thread; the
//! mutex is there for the type's sake and never waited for.

use super::mailbox::ShardId;
use crate::management::Ailment;
use crate::telemetry::Metrics;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A shard that was silent for this long is not well: it sends telemetry about once a second.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not yet every shard serves.
    Starting,
    /// Requests are answered.
    Serving,
    /// No new connections; open requests end.
    Draining,
}

/// What came of the last reload that did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum LastReload {
    /// It is served.
    Success {
        /// The snapshot's version.
        version: u64,
    },
    /// It was refused; the last good snapshot is served.
    Failure {
        /// Everything that was wrong.
        problems: Vec<String>,
    },
}

/// One shard as the control thread sees it.
#[derive(Debug, Clone)]
struct Shard {
    last_sign: Instant,
    /// The version it said it serves; 0 before the first.
    version: u64,
    died: Option<String>,
}

/// What the process is doing.
#[derive(Debug)]
pub struct Status {
    /// What is wrong with the store, while something is. Requests are served all the same.
    pub store: Ailment,
    /// Where it is in its life.
    pub phase: Phase,
    /// What came of the last reload; `None` before the first.
    pub last_reload: Option<LastReload>,
    /// All counters.
    pub metrics: Metrics,
    shards: Vec<Shard>,
}

/// The body of `/readyz`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Where the process is in its life.
    pub phase: Phase,
    /// The lowest version that a shard serves.
    pub version: u64,
    /// Why not, or what is not as it should be although it serves.
    pub reasons: Vec<String>,
    /// What came of the last reload. A failed one leaves the process ready: it serves as before.
    pub last_reload: Option<LastReload>,
}

impl Status {
    /// The status of a process that starts now.
    pub fn new(metrics: Metrics, shards: usize, now: Instant) -> Self {
        let shard = Shard { last_sign: now, version: 0, died: None };
        Self {
            store: Ailment::default(),
            phase: Phase::Starting,
            last_reload: None,
            metrics,
            shards: vec![shard; shards],
        }
    }

    /// A shard gave a sign of life.
    pub fn sign_of_life(&mut self, shard: ShardId, now: Instant) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.last_sign = now;
        }
    }

    /// A shard serves that version.
    pub fn serves(&mut self, shard: ShardId, version: u64) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.version = shard.version.max(version);
        }
    }

    /// A shard is gone.
    pub fn died(&mut self, shard: ShardId, error: String) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.died = Some(error);
        }
    }

    /// The shards that are gone.
    pub fn dead(&self) -> Vec<ShardId> {
        let shards = self.shards.iter().enumerate();
        shards.filter(|(_, shard)| shard.died.is_some()).map(|(index, _)| index).collect()
    }

    /// Whether any shard is left.
    pub fn any_alive(&self) -> bool {
        self.shards.iter().any(|shard| shard.died.is_none())
    }

    /// The shards that live and do not serve that version, or a later one, yet.
    pub fn behind(&self, version: u64) -> Vec<ShardId> {
        self.shards
            .iter()
            .enumerate()
            .filter(|(_, shard)| shard.died.is_none() && shard.version < version)
            .map(|(index, _)| index)
            .collect()
    }

    /// Everything wrong with the shards; empty when the process is healthy.
    pub fn ailments(&self, now: Instant) -> Vec<String> {
        let ailment = |(index, shard): (usize, &Shard)| {
            let silence = now.saturating_duration_since(shard.last_sign);
            match &shard.died {
                Some(error) => Some(format!("shard {index} died: {error}")),
                // While draining shards end one after the other.
                None if self.phase != Phase::Draining && silence > SILENCE_MAX => {
                    Some(format!("shard {index} has been silent for {} s", silence.as_secs()))
                }
                None => None,
            }
        };
        self.shards.iter().enumerate().filter_map(ailment).collect()
    }

    /// Whether requests should be sent here, and why not.
    pub fn readiness(&self, now: Instant) -> Readiness {
        let mut reasons = self.ailments(now);
        match self.phase {
            Phase::Starting => reasons.push("not every shard serves yet".to_owned()),
            Phase::Serving => {}
            Phase::Draining => reasons.push("the process is draining".to_owned()),
        }
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &*store {
            reasons.push(format!("management writes are refused: {error}"));
        }
        drop(store);
        if let Some(LastReload::Failure { .. }) = self.last_reload {
            reasons.push(
                "the last reload was refused; the configuration before it is served".to_owned(),
            );
        }
        let alive = self.shards.iter().filter(|shard| shard.died.is_none());
        Readiness {
            ready: self.phase == Phase::Serving && self.any_alive(),
            phase: self.phase,
            version: alive.map(|shard| shard.version).min().unwrap_or(0),
            reasons,
            last_reload: self.last_reload.clone(),
        }
    }
}

/// The status, shared between the control loop and the management listener.
#[derive(Debug, Clone)]
pub struct SharedStatus(Arc<Mutex<Status>>);

impl SharedStatus {
    /// Shares it.
    pub fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    /// To look at or change. Never held over an `await`.
    pub fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(now: Instant) -> Status {
        let metrics = Metrics::new("0", 2, Duration::ZERO, now);
        Status::new(metrics, 2, now)
    }

    #[test]
    fn ready_only_while_serving() {
        let now = Instant::now();
        let mut status = status(now);
        assert!(!status.readiness(now).ready);
        status.phase = Phase::Serving;
        assert!(status.readiness(now).ready);
        assert_eq!(status.readiness(now).reasons, [""; 0]);
        status.phase = Phase::Draining;
        let readiness = status.readiness(now);
        assert!(!readiness.ready);
        assert_eq!(readiness.reasons, ["the process is draining"]);
    }

    #[test]
    fn a_refused_reload_is_told_and_stays_ready() {
        let now = Instant::now();
        let mut status = status(now);
        status.phase = Phase::Serving;
        status.serves(0, 3);
        status.serves(1, 2);
        status.last_reload = Some(LastReload::Failure { problems: vec!["line 3".to_owned()] });
        let readiness = status.readiness(now);
        assert!(readiness.ready);
        assert_eq!(readiness.version, 2, "the slowest shard's");
        assert_eq!(
            serde_json::to_value(&readiness).unwrap(),
            serde_json::json!({
                "ready": true,
                "phase": "serving",
                "version": 2,
                "reasons": ["the last reload was refused; the configuration before it is served"],
                "lastReload": { "result": "failure", "problems": ["line 3"] },
            })
        );
    }

    #[test]
    fn silence_is_an_ailment_after_its_limit() {
        let begin = Instant::now();
        let mut status = status(begin);
        status.phase = Phase::Serving;
        status.sign_of_life(0, begin + Duration::from_secs(1));
        assert!(status.ailments(begin + SILENCE_MAX).is_empty());
        let late = begin + SILENCE_MAX + Duration::from_millis(1);
        assert_eq!(status.ailments(late), ["shard 1 has been silent for 10 s"]);
        status.phase = Phase::Draining;
        assert!(status.ailments(late).is_empty());
    }

    #[test]
    fn a_dead_shard_is_not_waited_for() {
        let now = Instant::now();
        let mut status = status(now);
        assert_eq!(status.behind(1), [0, 1]);
        status.serves(0, 1);
        status.died(1, "no memory".to_owned());
        assert!(status.behind(1).is_empty());
        assert_eq!(status.ailments(now), ["shard 1 died: no memory"]);
        assert!(status.any_alive());
        status.died(0, "no memory".to_owned());
        assert!(!status.any_alive());
    }
}
