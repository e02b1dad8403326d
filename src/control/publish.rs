//! Publish: from a change that was stored to every shard that serves it.
//!
//! The management API hands over a [`Publication`] and waits for its `done`: a write returns after
//! every shard serves it. One delta is under way at a time, so a shard never misses one and the queue to
//! it stays short; publications that come meanwhile are laid together into the next.
//!
//! ```text
//! idle --publications--> Resolving --new names answered, or no more patience--> Applying
//!   ^                                                                             |
//!   '------------------------- every live shard has applied it -------------------'
//! ```
//!
//! Names of back ends that are new are asked for before the shards are told, so that the first request
//! finds addresses; but a name that does not resolve is its user's to find out, and no reason to hold a
//! write ([`RESOLVE_PATIENCE`]).

use super::mailbox::{Delta, NewUpstream, Post, ShardId, ToShard};
use super::targets::Targets;
use crate::snapshot::managed::{DomainChange, StageChange};
use crate::snapshot::{ManagedDelta, Upstream};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Publications that wait while one is under way. They are laid together then, so this bounds memory,
/// not throughput; senders wait when it is full.
const WAITING_MAX: usize = 256;

/// How long new names may take to resolve before the shards are told all the same. A resolver that
/// works answers in milliseconds.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(1);

/// How long shards may take to apply a delta before it is reported. They do between two turns of their
/// loop.
const APPLY_PATIENCE: Duration = Duration::from_secs(10);

/// One change on its way to the shards.
#[derive(Debug)]
pub struct Publication {
    /// What changes. Compiled once; each shard gets its own deep copy.
    pub delta: ManagedDelta,
    /// Told when every live shard serves it. Dropped untold only when the process ends.
    pub done: oneshot::Sender<()>,
}

/// Hands publications to the control thread's loop, in order.
pub type Publisher = mpsc::Sender<Publication>;

/// Makes the way to the control thread's loop.
pub(super) fn publications() -> (Publisher, mpsc::Receiver<Publication>) {
    mpsc::channel(WAITING_MAX)
}

/// What is under way, and what the stages that are served use.
#[derive(Debug)]
pub(super) struct Publishing {
    waiting: mpsc::Receiver<Publication>,
    /// Keeps the channel open when nobody else has an end of it.
    _publisher: Publisher,
    under_way: Option<UnderWay>,
    /// The number of the last delta.
    sequence: u64,
    /// What each stage uses.
    uses: HashMap<StageName, Uses>,
}

/// An API's id and the name of one of its stages.
type StageName = (Box<str>, Box<str>);

/// What a stage uses that others may use too.
#[derive(Debug, Default)]
struct Uses {
    /// Keys of upstreams.
    upstreams: Vec<Box<str>>,
    /// Roles in whose names it calls AWS services.
    roles: BTreeSet<Box<str>>,
}

#[derive(Debug)]
struct UnderWay {
    step: Step,
    done: Vec<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum Step {
    /// Its new names are being resolved.
    Resolving { until: Instant, delta: Delta },
    /// The shards have been told. `unsent` is for those whose queue was full.
    Applying {
        left: BTreeSet<ShardId>,
        unsent: Vec<(ShardId, Delta)>,
        until: Instant,
        reported: bool,
    },
}

impl Publishing {
    /// Nothing is served.
    pub(super) fn new(publisher: Publisher, waiting: mpsc::Receiver<Publication>) -> Self {
        Self { waiting, _publisher: publisher, under_way: None, sequence: 0, uses: HashMap::new() }
    }

    /// Whether a delta is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Waits for publications; for ever while one is under way. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Vec<Publication> {
        if self.is_busy() {
            return std::future::pending().await;
        }
        let mut publications = Vec::new();
        self.waiting.recv_many(&mut publications, WAITING_MAX).await;
        publications
    }

    /// Begins with these, in order, as one delta.
    pub(super) fn begin(
        &mut self,
        publications: Vec<Publication>,
        targets: &mut Targets,
        now: Instant,
    ) {
        let mut whole = ManagedDelta::default();
        let mut done = Vec::new();
        for publication in publications {
            whole.extend(publication.delta);
            done.push(publication.done);
        }
        if whole.is_empty() {
            for done in done {
                let _ = done.send(());
            }
            return;
        }
        let delta = self.take_in(whole, targets);
        let until = now + RESOLVE_PATIENCE;
        self.under_way = Some(UnderWay { step: Step::Resolving { until, delta }, done });
    }

    /// Counts the upstreams, and makes what shards get.
    fn take_in(&mut self, whole: ManagedDelta, targets: &mut Targets) -> Delta {
        let mut added: BTreeMap<Box<str>, Upstream> = BTreeMap::new();
        let mut ended = BTreeSet::new();
        let mut stages = Vec::with_capacity(whole.stages.len());
        for change in whole.stages {
            let (before, change) = match change {
                StageChange::Put(compiled) => {
                    for warning in &compiled.warnings {
                        tracing::warn!(warning, "not served as declared");
                    }
                    let mut keys = Vec::with_capacity(compiled.upstreams.len());
                    for upstream in compiled.upstreams {
                        keys.push(upstream.key.clone());
                        if targets.begin_use(&upstream) {
                            added.insert(upstream.key.clone(), upstream);
                        }
                    }
                    let stage = compiled.stage;
                    let name = (stage.api_id.clone(), stage.name.clone());
                    let uses = Uses { upstreams: keys, roles: compiled.roles };
                    (self.uses.insert(name, uses), StageChange::Put(Box::new(stage)))
                }
                StageChange::Remove { api_id, name } => {
                    let name = (api_id, name);
                    let before = self.uses.remove(&name);
                    (before, StageChange::Remove { api_id: name.0, name: name.1 })
                }
            };
            for key in before.into_iter().flat_map(|it| it.upstreams) {
                if targets.end_use(&key) {
                    ended.insert(key);
                }
            }
            stages.push(change);
        }
        for change in &whole.domains {
            if let DomainChange::Put(domain) = change {
                for warning in &domain.warnings {
                    tracing::warn!(warning, "not served as declared");
                }
            }
        }
        // Several changes laid together may take up what another gave up, and the other way round.
        added.retain(|key, _| targets.is_used(key));
        ended.retain(|key| !targets.is_used(key));
        self.sequence += 1;
        Delta {
            sequence: self.sequence,
            upstreams: added
                .into_values()
                .map(|upstream| NewUpstream { upstream, targets: Vec::new() })
                .collect(),
            apis: whole.apis,
            stages,
            domains: whole.domains,
            functions: whole.functions,
            unused: ended.into_iter().collect(),
        }
    }

    /// The roles in whose names stages call AWS services.
    pub(super) fn roles(&self) -> BTreeSet<Box<str>> {
        self.uses.values().flat_map(|uses| uses.roles.iter().cloned()).collect()
    }

    /// Takes every step that can be taken now. `dead` shards are not waited for, and neither are
    /// roles of which nothing is known after a while (`roles_are_settled`).
    pub(super) fn proceed(
        &mut self,
        posts: &[Post],
        targets: &Targets,
        roles_are_settled: bool,
        dead: &[ShardId],
        now: Instant,
    ) {
        let Some(under_way) = &mut self.under_way else { return };
        if let Step::Resolving { until, delta } = &mut under_way.step {
            let is_answered =
                |new: &NewUpstream| targets.not_answered_of(&new.upstream).count() == 0;
            let is_ready = roles_are_settled && delta.upstreams.iter().all(is_answered);
            if !is_ready && now < *until {
                return;
            }
            for new in &mut delta.upstreams {
                for name in targets.not_answered_of(&new.upstream) {
                    tracing::warn!(name, "upstream name has not been answered yet");
                }
                new.targets = targets.targets_of(&new.upstream);
            }
            let delta = std::mem::take(delta);
            let left: BTreeSet<ShardId> =
                (0..posts.len()).filter(|shard| !dead.contains(shard)).collect();
            // The last one gets the original.
            let copies = left.iter().rev().skip(1).map(|shard| (*shard, delta.clone()));
            let mut unsent: Vec<_> = copies.collect();
            unsent.extend(left.last().map(|last| (*last, delta)));
            let until = now + APPLY_PATIENCE;
            under_way.step = Step::Applying { left, unsent, until, reported: false };
        }
        let Step::Applying { left, unsent, until, reported } = &mut under_way.step else { return };
        left.retain(|shard| !dead.contains(shard));
        for (shard, delta) in std::mem::take(unsent) {
            let Some(post) = posts.get(shard).filter(|_| left.contains(&shard)) else { continue };
            if let Err(full) = post.send(ToShard::Delta(Box::new(delta)))
                && let ToShard::Delta(delta) = full.0
            {
                unsent.push((shard, *delta));
            }
        }
        if left.is_empty() {
            if let Some(under_way) = self.under_way.take() {
                for done in under_way.done {
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
        } else if *until <= now && !*reported {
            *reported = true;
            tracing::error!(shards = ?left, "shards do not take a change of the managed APIs");
        }
    }

    /// A shard has applied a delta.
    pub(super) fn applied(&mut self, shard: ShardId, sequence: u64) {
        if let Some(UnderWay { step: Step::Applying { left, .. }, .. }) = &mut self.under_way
            && sequence == self.sequence
        {
            left.remove(&shard);
        }
    }

    /// When something is to be done even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.under_way.as_ref()?.step {
            Step::Resolving { until, .. } => Some(*until),
            Step::Applying { until, reported, .. } => (!reported).then_some(*until),
        }
    }
}
