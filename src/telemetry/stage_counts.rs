//! Stage counts: what one shard counted for the stages that were made through the management API.
//!
//! They have no numbers that shards and control agree on, as routes of the configuration file have: they
//! come and go by themselves. So they are counted by name, in a table that holds those of the last
//! second only, and control adds them up.

use super::metrics::BOUNDS;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Series that a shard tells apart, of stages and of their methods; what is beyond counts as one, named
/// `other`. A table that has become full begins anew with the next second.
const SERIES_MAX: usize = 4096;

/// Emptied batches that wait to be filled: one is on its way while another fills.
const SPARE_MAX: usize = 2;

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

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.classes == [0; 6]
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

/// What a series is called.
#[derive(Debug, PartialEq, Eq)]
pub struct SeriesName {
    /// The API.
    pub api_id: Box<str>,
    /// Its name.
    pub api: Box<str>,
    /// The stage.
    pub stage: Box<str>,
    /// The route key; `None`: all of the stage.
    pub method: Option<Box<str>>,
}

/// What a shard counted, on its way to control. Dropping it sends its memory home.
#[derive(Debug)]
pub struct StageCounts {
    rows: Vec<(Arc<SeriesName>, Counts)>,
    home: SyncSender<Vec<(Arc<SeriesName>, Counts)>>,
}

impl StageCounts {
    /// All series with a request.
    pub fn rows(&self) -> &[(Arc<SeriesName>, Counts)] {
        &self.rows
    }
}

impl Drop for StageCounts {
    fn drop(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        // Full or gone: the memory is freed here.
        drop(self.home.try_send(rows));
    }
}

/// One shard's counts since they were last taken.
#[derive(Debug)]
pub struct StageCounter {
    /// Where a series' row is.
    places: HashMap<Box<str>, usize, RandomState>,
    rows: Vec<(Arc<SeriesName>, Counts)>,
    /// The key of the request that is counted, kept for its memory.
    key: String,
    spare: Receiver<Vec<(Arc<SeriesName>, Counts)>>,
    home: SyncSender<Vec<(Arc<SeriesName>, Counts)>>,
}

impl StageCounter {
    /// Nothing counted. Keys are the operator's own names, so a fixed seed will do.
    pub fn new() -> Self {
        let (home, spare) = sync_channel(SPARE_MAX);
        Self {
            places: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            rows: Vec::new(),
            key: String::new(),
            spare,
            home,
        }
    }

    /// Counts a request. Allocates only for a series' first.
    pub fn add(&mut self, request: &StageRequest<'_>) {
        self.key.clear();
        self.key.push_str(request.api_id);
        self.key.push('/');
        self.key.push_str(request.stage);
        self.count(&StageRequest { method: None, ..*request });
        if let Some(method) = request.method {
            self.key.push(' ');
            self.key.push_str(method);
            self.count(request);
        }
    }

    fn count(&mut self, request: &StageRequest<'_>) {
        let place = match self.places.get(self.key.as_str()) {
            Some(place) => *place,
            None if self.rows.len() < SERIES_MAX => self.begin(request),
            // Of a method there is the stage's series.
            None if request.method.is_some() => return,
            None => {
                let named = |name: &(Arc<SeriesName>, Counts)| *name.0.api_id == *OTHER;
                let other = StageRequest { api_id: OTHER, api: OTHER, stage: OTHER, ..*request };
                OTHER.clone_into(&mut self.key);
                self.rows.iter().position(named).unwrap_or_else(|| self.begin(&other))
            }
        };
        if let Some((_, counts)) = self.rows.get_mut(place) {
            counts.add(request);
        }
    }

    fn begin(&mut self, request: &StageRequest<'_>) -> usize {
        let name = SeriesName {
            api_id: request.api_id.into(),
            api: request.api.into(),
            stage: request.stage.into(),
            method: request.method.map(Into::into),
        };
        self.rows.push((Arc::new(name), Counts::default()));
        self.places.insert(self.key.as_str().into(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// What was counted since this was last asked; `None`: nothing.
    pub fn take(&mut self) -> Option<StageCounts> {
        if self.rows.iter().all(|(_, counts)| counts.is_empty()) {
            return None;
        }
        let mut rows = self.spare.try_recv().unwrap_or_default();
        for (name, counts) in &mut self.rows {
            if !counts.is_empty() {
                rows.push((Arc::clone(name), std::mem::take(counts)));
            }
        }
        if self.rows.len() >= SERIES_MAX {
            self.rows.clear();
            self.places.clear();
        }
        Some(StageCounts { rows, home: self.home.clone() })
    }

    /// Takes back what could not be sent.
    pub fn put_back(&mut self, counts: &StageCounts) {
        for (name, counts) in counts.rows() {
            let row = self.rows.iter_mut().find(|(known, _)| Arc::ptr_eq(known, name));
            match row {
                Some((_, known)) => known.absorb(counts),
                None => self.rows.push((Arc::clone(name), counts.clone())),
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

    fn of<'c>(counts: &'c StageCounts, stage: &str, method: Option<&str>) -> &'c Counts {
        let is = |name: &SeriesName| *name.stage == *stage && name.method.as_deref() == method;
        &counts.rows().iter().find(|(name, _)| is(name)).unwrap().1
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
        counter.put_back(&taken);
        counter.add(&request("prod", Some("GET /y"), 0));
        let taken = counter.take().unwrap();
        assert_eq!(taken.rows().len(), 3);
        let all = of(&taken, "prod", None);
        assert_eq!(all.classes, [1, 0, 1, 0, 1, 1]);
        assert_eq!((all.latency.counts[1], all.latency.sum_us), (4, 240));
        assert_eq!(all.integration_latency.counts[BOUNDS.len()], 4);
        assert_eq!(of(&taken, "prod", Some("GET /x")).classes, [0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn what_is_beyond_the_bound_counts_together_and_the_next_second_begins_anew() {
        let mut counter = StageCounter::new();
        for index in 0..SERIES_MAX + 2 {
            counter.add(&request(&index.to_string(), Some("GET /"), 200));
        }
        let taken = counter.take().unwrap();
        assert_eq!(taken.rows().len(), SERIES_MAX + 1);
        assert_eq!(of(&taken, OTHER, None).latency.count(), 2 + SERIES_MAX as u64 / 2);
        counter.add(&request("new", None, 200));
        assert_eq!(counter.take().unwrap().rows().len(), 1);
    }
}
