//! One upstream's targets and connections on this shard.
//!
//! A request asks for a target ([`Pool::choose`]), then for an idle connection to it
//! ([`Pool::take_idle`]) or leave to open one ([`Pool::may_connect`]); when neither is to be had it
//! waits in a bounded queue. Nothing here does I/O, and time is passed in.

use super::hashing;
use crate::control::endpoints::{Health, TargetEndpoints};
use crate::ring::SlotId;
use crate::snapshot::{Balance, Upstream};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Position of a target in its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetIndex(pub(crate) usize);

/// One upstream on one shard.
#[derive(Debug)]
pub(crate) struct Pool {
    /// The definition.
    pub(crate) upstream: Upstream,
    /// Its position in the snapshot served now, for telemetry; `None` when it is not in it.
    pub(crate) index: Option<u32>,
    /// Whether anything may still ask for it; what is not goes when the last request is over.
    pub(crate) is_declared: bool,
    /// Whether managed APIs use it, and not the snapshot.
    pub(crate) is_managed: bool,
    /// TLS towards the targets.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    targets: Vec<TargetState>,
    /// Requests that wait for a connection, oldest first.
    pub(crate) waiting: VecDeque<SlotId>,
    connections: usize,
    exchanges: usize,
    turn: u64,
    retry: RetryBudget,
    hasher: ahash::RandomState,
}

#[derive(Debug)]
struct TargetState {
    addresses: Vec<SocketAddr>,
    next_address: usize,
    health: Health,
    failures: u32,
    ejected_until: Option<Instant>,
    active: usize,
    /// Newest last: the one used last is the one least likely to be closed by the back end.
    idle: Vec<SlotId>,
    /// Smooth weighted round robin: grows by the weight, the chosen one pays the sum.
    credit: i64,
}

/// A bucket that refills with a share of the requests: retries cannot multiply an overload.
#[derive(Debug)]
struct RetryBudget {
    tokens: f64,
    share: f64,
}

/// Retries that may be done at once after a quiet time.
const RETRY_BURST: f64 = 10.0;

impl Pool {
    /// A pool without addresses: [`Pool::set_endpoints`] brings them.
    pub(crate) fn new(upstream: &Upstream, tls: Option<Arc<rustls::ClientConfig>>) -> Self {
        let targets = upstream
            .targets
            .iter()
            .map(|target| TargetState {
                // A literal address needs nobody to resolve it.
                addresses: target
                    .host
                    .parse()
                    .map(|address| vec![SocketAddr::new(address, target.port)])
                    .unwrap_or_default(),
                next_address: 0,
                health: Health::Healthy,
                failures: 0,
                ejected_until: None,
                active: 0,
                idle: Vec::new(),
                credit: 0,
            })
            .collect();
        Self {
            upstream: upstream.clone(),
            index: None,
            is_declared: true,
            is_managed: false,
            tls,
            targets,
            waiting: VecDeque::new(),
            connections: 0,
            exchanges: 0,
            turn: 0,
            retry: RetryBudget { tokens: RETRY_BURST, share: upstream.retry.budget },
            hasher: hashing::hasher(),
        }
    }

    /// Takes resolved addresses and health, in the order of the targets.
    pub(crate) fn set_endpoints(&mut self, endpoints: &[TargetEndpoints]) {
        for (target, endpoint) in self.targets.iter_mut().zip(endpoints) {
            target.addresses.clone_from(&endpoint.addresses);
            if target.health != endpoint.health {
                target.health = endpoint.health;
                target.failures = 0;
                target.ejected_until = None;
            }
        }
    }

    /// Open connections of any state, and how many of them idle.
    pub(crate) fn connection_counts(&self) -> (usize, usize) {
        (self.connections, self.targets.iter().map(|target| target.idle.len()).sum())
    }

    /// Whether nothing hangs on the pool any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.connections == 0 && self.exchanges == 0 && self.waiting.is_empty()
    }

    /// How often a connection stands among the idle ones.
    #[cfg(test)]
    pub(crate) fn places_among_idle(&self, connection: SlotId) -> usize {
        let idle = self.targets.iter().flat_map(|target| &target.idle);
        idle.filter(|it| **it == connection).count()
    }

    /// Requests at all targets together.
    #[cfg(test)]
    pub(crate) fn active(&self) -> usize {
        self.targets.iter().map(|target| target.active).sum()
    }

    /// A request begins to be this pool's.
    pub(crate) fn begin(&mut self) {
        self.exchanges += 1;
        self.retry.tokens = (self.retry.tokens + self.retry.share).min(RETRY_BURST);
    }

    /// A request is done with.
    pub(crate) fn end(&mut self) {
        self.exchanges -= 1;
    }

    /// Takes a token of the retry budget.
    pub(crate) fn may_retry(&mut self) -> bool {
        let may = self.retry.tokens >= 1.0;
        if may {
            self.retry.tokens -= 1.0;
        }
        may
    }

    /// The target for a request: healthy, not ejected, chosen by the declared balance; `hash` is the
    /// value a consistent hash looks at. `avoid` is the target of a failed try, used again only when
    /// there is no other. `None`: all are unhealthy or unresolved.
    pub(crate) fn choose(
        &mut self,
        hash: Option<&[u8]>,
        avoid: Option<TargetIndex>,
        now: Instant,
    ) -> Option<TargetIndex> {
        if let [only] = &self.targets[..] {
            return only.may_serve_alone().then_some(TargetIndex(0));
        }
        let usable = |index: usize, target: &TargetState| {
            target.is_usable(now) && Some(TargetIndex(index)) != avoid
        };
        let count = self
            .targets
            .iter()
            .enumerate()
            .filter(|(index, target)| usable(*index, target))
            .count();
        if count == 0 {
            return self
                .targets
                .iter()
                .position(|target| target.is_usable(now))
                .or_else(|| self.targets.iter().position(TargetState::may_serve_alone))
                .map(TargetIndex);
        }
        let weight = |index: usize| self.upstream.targets[index].weight;
        match (&self.upstream.balance, hash) {
            (Balance::Hash(_), Some(key)) => {
                let score = |index: usize| {
                    let target = &self.upstream.targets[index];
                    hashing::score(&self.hasher, key, &target.address, target.weight)
                };
                (0..self.targets.len())
                    .filter(|&index| usable(index, &self.targets[index]))
                    .max_by(|&a, &b| score(a).total_cmp(&score(b)))
                    .map(TargetIndex)
            }
            (Balance::LeastRequests, _) => {
                // Starting elsewhere each time spreads ties.
                self.turn = self.turn.wrapping_add(1);
                let start = self.turn as usize % self.targets.len();
                (0..self.targets.len())
                    .map(|step| (start + step) % self.targets.len())
                    .filter(|&index| usable(index, &self.targets[index]))
                    .min_by_key(|&index| {
                        // active / weight, compared without division.
                        (self.targets[index].active as u64 + 1) * 1_000_000
                            / u64::from(weight(index))
                    })
                    .map(TargetIndex)
            }
            (Balance::RoundRobin | Balance::Hash(_), _) => {
                let mut sum = 0;
                let mut best: Option<usize> = None;
                for index in 0..self.targets.len() {
                    if !usable(index, &self.targets[index]) {
                        continue;
                    }
                    let weight = i64::from(self.upstream.targets[index].weight);
                    sum += weight;
                    self.targets[index].credit += weight;
                    if best
                        .is_none_or(|best| self.targets[index].credit > self.targets[best].credit)
                    {
                        best = Some(index);
                    }
                }
                let best = best?;
                self.targets[best].credit -= sum;
                Some(TargetIndex(best))
            }
        }
    }

    /// An idle connection to that target.
    pub(crate) fn take_idle(&mut self, target: TargetIndex) -> Option<SlotId> {
        self.targets[target.0].idle.pop()
    }

    /// An idle connection to any other target, to be closed so that another can be opened.
    pub(crate) fn any_idle(&mut self) -> Option<SlotId> {
        self.targets.iter_mut().find_map(|target| target.idle.pop())
    }

    /// Whether a request could be served at once: by an idle connection or one that may be opened.
    pub(crate) fn has_place(&self) -> bool {
        self.may_connect() || self.targets.iter().any(|target| !target.idle.is_empty())
    }

    /// Whether one more connection may be opened.
    pub(crate) fn may_connect(&self) -> bool {
        self.connections < self.upstream.limits.connections_max
    }

    /// Whether one more request may wait.
    pub(crate) fn may_wait(&self) -> bool {
        self.waiting.len() < self.upstream.limits.pending_max
    }

    /// Where to connect to; names with several addresses are used in turn.
    pub(crate) fn next_address(&mut self, target: TargetIndex) -> Option<SocketAddr> {
        let target = &mut self.targets[target.0];
        let address = *target.addresses.get(target.next_address % target.addresses.len().max(1))?;
        target.next_address = target.next_address.wrapping_add(1);
        Some(address)
    }

    /// Whether any target's name has led to an address.
    pub(crate) fn has_address(&self) -> bool {
        self.targets.iter().any(|target| !target.addresses.is_empty())
    }

    /// A connection is being opened.
    pub(crate) fn opened(&mut self) {
        self.connections += 1;
    }

    /// A connection is closed, or is about to be and will carry nothing more.
    pub(crate) fn gone(&mut self) {
        self.connections -= 1;
    }

    /// A connection has nothing to do.
    pub(crate) fn put_idle(&mut self, target: TargetIndex, connection: SlotId) {
        self.targets[target.0].idle.push(connection);
    }

    /// An idle connection was closed.
    pub(crate) fn forget_idle(&mut self, target: TargetIndex, connection: SlotId) {
        let idle = &mut self.targets[target.0].idle;
        if let Some(place) = idle.iter().position(|it| *it == connection) {
            idle.remove(place);
        }
    }

    /// A request is sent to that target.
    pub(crate) fn request_started(&mut self, target: TargetIndex) {
        self.targets[target.0].active += 1;
    }

    /// It is over, well or not.
    pub(crate) fn request_ended(&mut self, target: TargetIndex) {
        let active = &mut self.targets[target.0].active;
        *active = active.saturating_sub(1);
    }

    /// The target answered: its row of failures ends.
    #[inline]
    pub(crate) fn succeeded(&mut self, target: TargetIndex) {
        self.targets[target.0].failures = 0;
    }

    /// The target failed to connect, broke off or did not answer. Returns for how long it is ejected,
    /// if it is by this failure. The last usable target is never ejected: a wrong suspicion must not
    /// turn a weak upstream into a dead one.
    pub(crate) fn failed(&mut self, target: TargetIndex, now: Instant) -> Option<Duration> {
        let eject = self.upstream.eject.as_ref()?;
        let state = &mut self.targets[target.0];
        state.failures += 1;
        if state.failures < eject.failures || state.ejected_until.is_some_and(|until| until > now) {
            return None;
        }
        let out = self
            .targets
            .iter()
            .enumerate()
            .filter(|(index, state)| *index == target.0 || !state.is_usable(now))
            .count();
        let share = out as f64 / self.targets.len() as f64;
        if share > eject.share_max || out == self.targets.len() {
            return None;
        }
        let duration = eject.duration;
        let state = &mut self.targets[target.0];
        state.failures = 0;
        state.ejected_until = Some(now + duration);
        Some(duration)
    }
}

impl TargetState {
    fn is_usable(&self, now: Instant) -> bool {
        self.may_serve_alone() && self.ejected_until.is_none_or(|until| until <= now)
    }

    fn may_serve_alone(&self) -> bool {
        self.health == Health::Healthy && !self.addresses.is_empty()
    }
}
