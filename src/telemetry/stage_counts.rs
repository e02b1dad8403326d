//! Stage counts: what one shard counted for the stages that were made through the management API.
//!
//! They have no numbers that shards and control agree on, as routes of the configuration file have: they
//! come and go by themselves. So they are counted by name, in a table that holds those of the last
//! second only, and control adds them up.

use super::metrics::BOUNDS;
use ahash::RandomState;
use std::collections::HashMap;
use std::time::Duration;

/// Stages that are told apart in one second by one shard; what is beyond counts as one, named `other`.
const STAGES_MAX: usize = 1024;

/// Methods with counts of their own, of one stage and second; what is beyond is in the stage's only.
const METHODS_MAX: usize = 512;

/// One request of a managed stage.
#[derive(Debug, Clone, Copy)]
pub struct StageRequest<'r> {
    /// The API.
    pub api_id: &'r str,
    /// Its name.
    pub api: &'r str,
    /// The stage.
    pub stage: &'r str,
    /// The route key, where the stage wants counts per method.
    pub method: Option<&'r str>,
    /// The status sent; 0 when the client left before there was one.
    pub status: u16,
    /// All of its time.
    pub latency: Duration,
    /// The back end's part of it, when one was asked.
    pub integration_latency: Option<Duration>,
}

/// How long requests took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// By upper bound, not cumulative; the last is for what is above all bounds.
    pub counts: [u64; BOUNDS.len() + 1],
    /// Of all, microseconds.
    pub sum_us: u64,
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let slot = BOUNDS.iter().position(|(bound, _)| us <= *bound).unwrap_or(BOUNDS.len());
        self.counts[slot] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Adds what another holds.
    pub fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Counts of a stage or a method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the status code's first digit; 0 is for none.
    pub classes: [u64; 6],
    /// From the first byte of a request to the last of its response.
    pub latency: Durations,
    /// The back end's part.
    pub integration_latency: Durations,
}

impl Counts {
    fn add(&mut self, request: &StageRequest<'_>) {
        let class = usize::from(request.status / 100);
        self.classes[if class < 6 { class } else { 0 }] += 1;
        self.latency.add(request.latency);
        if let Some(latency) = request.integration_latency {
            self.integration_latency.add(latency);
        }
    }

    /// Adds what another holds.
    pub fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            *mine += theirs;
        }
        self.latency.absorb(&other.latency);
        self.integration_latency.absorb(&other.integration_latency);
    }
}

/// What a stage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageCounts {
    /// The API.
    pub api_id: Box<str>,
    /// Its name.
    pub api: Box<str>,
    /// The stage.
    pub stage: Box<str>,
    /// All of its requests.
    pub all: Counts,
    /// By route key.
    pub methods: HashMap<Box<str>, Counts, RandomState>,
}

/// One shard's counts since they were last taken.
#[derive(Debug)]
pub struct StageCounter {
    stages: HashMap<Box<str>, StageCounts, RandomState>,
    hash: RandomState,
    /// The key of the request that is counted, kept for its memory.
    key: String,
}

impl StageCounter {
    /// Nothing counted. Keys are the operator's own names, so a fixed seed will do.
    pub fn new() -> Self {
        let hash = RandomState::with_seeds(1, 2, 3, 4);
        Self { stages: HashMap::with_hasher(hash.clone()), hash, key: String::new() }
    }

    /// Counts a request. Allocates only for a stage's or method's first in a second.
    pub fn add(&mut self, request: &StageRequest<'_>) {
        self.key.clear();
        self.key.push_str(request.api_id);
        self.key.push('/');
        self.key.push_str(request.stage);
        if !self.stages.contains_key(self.key.as_str()) {
            if self.stages.len() >= STAGES_MAX {
                let other = StageRequest {
                    api_id: OTHER,
                    api: OTHER,
                    stage: OTHER,
                    method: None,
                    ..*request
                };
                return self.stage(OTHER, &other).all.add(&other);
            }
            let key = std::mem::take(&mut self.key);
            self.stage(&key, request);
            self.key = key;
        }
        let Some(stage) = self.stages.get_mut(self.key.as_str()) else { return };
        stage.all.add(request);
        let Some(method) = request.method else { return };
        let is_full = stage.methods.len() >= METHODS_MAX;
        match stage.methods.get_mut(method) {
            Some(counts) => counts.add(request),
            None if !is_full => {
                let mut counts = Counts::default();
                counts.add(request);
                stage.methods.insert(method.into(), counts);
            }
            None => {}
        }
    }

    fn stage(&mut self, key: &str, request: &StageRequest<'_>) -> &mut StageCounts {
        let hash = &self.hash;
        self.stages.entry(key.into()).or_insert_with(|| StageCounts {
            api_id: request.api_id.into(),
            api: request.api.into(),
            stage: request.stage.into(),
            all: Counts::default(),
            methods: HashMap::with_hasher(hash.clone()),
        })
    }

    /// What was counted since this was last asked; `None`: nothing.
    pub fn take(&mut self) -> Option<Vec<StageCounts>> {
        if self.stages.is_empty() {
            return None;
        }
        Some(self.stages.drain().map(|(_, counts)| counts).collect())
    }

    /// Takes back what could not be sent.
    pub fn put_back(&mut self, counts: Vec<StageCounts>) {
        for stage in counts {
            let key: Box<str> = match &*stage.api_id {
                OTHER => OTHER.into(),
                api_id => format!("{api_id}/{}", stage.stage).into(),
            };
            match self.stages.get_mut(&key) {
                None => {
                    self.stages.insert(key, stage);
                }
                Some(known) => {
                    known.all.absorb(&stage.all);
                    for (method, counts) in stage.methods {
                        known.methods.entry(method).or_default().absorb(&counts);
                    }
                }
            }
        }
    }
}

impl Default for StageCounter {
    fn default() -> Self {
        Self::new()
    }
}

/// What has no name of its own.
pub const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'r>(stage: &'r str, method: Option<&'r str>, status: u16) -> StageRequest<'r> {
        StageRequest {
            api_id: "a1",
            api: "shop",
            stage,
            method,
            status,
            latency: Duration::from_micros(60),
            integration_latency: Some(Duration::from_secs(100)),
        }
    }

    #[test]
    fn a_request_counts_for_its_stage_and_where_wanted_for_its_method() {
        let mut counter = StageCounter::new();
        assert!(counter.take().is_none());
        for (method, status) in [(None, 200), (Some("GET /x"), 404), (Some("GET /x"), 502)] {
            counter.add(&request("prod", method, status));
        }
        let taken = counter.take().unwrap();
        assert!(counter.take().is_none());
        counter.put_back(taken.clone());
        counter.add(&request("prod", Some("GET /y"), 0));
        let [stage] = &counter.take().unwrap()[..] else { panic!("one stage") };
        assert_eq!(stage.all.classes, [1, 0, 1, 0, 1, 1]);
        assert_eq!((stage.all.latency.counts[1], stage.all.latency.sum_us), (4, 240));
        assert_eq!(stage.all.integration_latency.counts[BOUNDS.len()], 4);
        assert_eq!(stage.methods["GET /x"].classes, [0, 0, 0, 0, 1, 1]);
        assert_eq!(stage.methods.len(), 2);
    }

    #[test]
    fn what_is_beyond_the_bounds_counts_together() {
        let mut counter = StageCounter::new();
        for index in 0..STAGES_MAX + 2 {
            counter.add(&request(&index.to_string(), None, 200));
        }
        for index in 0..METHODS_MAX + 1 {
            counter.add(&request("0", Some(&format!("GET /{index}")), 200));
        }
        let taken = counter.take().unwrap();
        assert_eq!(taken.len(), STAGES_MAX + 1);
        let of = |stage: &str| taken.iter().find(|it| &*it.stage == stage).unwrap();
        assert_eq!(of(OTHER).all.latency.count(), 2);
        assert_eq!(of("0").methods.len(), METHODS_MAX);
        assert_eq!(of("0").all.latency.count(), METHODS_MAX as u64 + 2);
    }
}
