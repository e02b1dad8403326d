//! Metrics: what all shards counted, added up on the control thread.
//!
//! A batch has indexes; here they become names, and totals are kept by name, because the next snapshot
//! may number its routes differently while a counter must go on where it was. A scrape
//! ([`Metrics::render`]) prints what is here and asks no shard for anything.

pub mod families;
mod latency;
mod names;
mod process;
mod render;
mod series;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use latency::BOUNDS;
pub use names::{ApiName, Names, RouteName};
pub use process::ProcessUsage;

use self::latency::Latency;
use self::series::Table;
use self::stages::Stages;
use super::access_log::writer::Delivery;
use super::batch::{
    APIS_MAX, ApiCounts, Batch, ROUTES_MAX, ShardCounts, Status, StatusCounts, UPSTREAMS_MAX,
    UpstreamCounts, UpstreamEvent,
};
use super::stage_counts::StageCounts;

/// Names kept although no snapshot has them any more: as many again as a snapshot may have.
const RETIRED_FACTOR: usize = 2;

/// Layouts kept. A shard counts under an old one only until it takes the next snapshot, so more are only
/// needed when a shard hangs; what it then sends counts as `other`.
const LAYOUTS_MAX: usize = 16;

/// Quantiles cover the last one to two of these.
const HALF_WINDOW: Duration = Duration::from_secs(30);

/// All totals, on the control thread.
#[derive(Debug)]
pub struct Metrics {
    version: String,
    started_since_epoch: Duration,
    started: Instant,
    /// The time of the last tick.
    now: Instant,
    window_turned: Instant,

    /// How the indexes of each layout version are called.
    layouts: BTreeMap<u64, Layout>,
    apis: Table<ApiName, ApiSeries>,
    /// Where the series for APIs beyond the cap, and for no API at all, are.
    other_api: usize,
    no_api: usize,
    /// By place of the API, and route key.
    routes: Table<(usize, String), RouteSeries>,
    upstreams: Table<String, UpstreamSeries>,
    other_upstream: usize,
    shards: Vec<ShardSeries>,
    imbalance: f64,
    series_dropped: u64,
    series_retired: u64,
    stages: Stages,

    reload: Option<(Reload, Duration)>,
    snapshot_version: u64,
    reloads: [u64; 2],
    targets: Vec<TargetHealth>,
    deliveries: Vec<Delivery>,
    process: Option<ProcessUsage>,
}

/// What came of the last reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The configuration was good and is served, as this version.
    Success {
        /// The snapshot's version.
        version: u64,
    },
    /// The configuration was bad; the last good snapshot is still served.
    Failure,
}

/// One target of an upstream, as health checks see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetHealth {
    /// The upstream's name.
    pub upstream: String,
    /// `host:port` as declared.
    pub target: String,
    /// Whether requests go there.
    pub healthy: bool,
}

/// Where the series of one layout's indexes are.
#[derive(Debug)]
struct Layout {
    apis: Vec<usize>,
    routes: Vec<usize>,
    upstreams: Vec<usize>,
}

#[derive(Debug)]
struct ApiSeries {
    latency: Latency,
    integration_latency: Latency,
    request_bytes: u64,
    response_bytes: u64,
}

#[derive(Debug, Default)]
struct RouteSeries {
    statuses: BTreeMap<Status, u64>,
}

#[derive(Debug)]
struct UpstreamSeries {
    events: [u64; UpstreamEvent::ALL.len()],
    /// Open connections by shard: in use, and idle.
    connections: Vec<(u32, u32)>,
}

#[derive(Debug)]
struct ShardSeries {
    totals: ShardCounts,
    requests: u64,
    latency: Latency,
    /// What arrived since the last tick.
    wall: Duration,
    parked: Duration,
    load: f64,
    /// The layout of its last batch.
    version: u64,
}

/// The route of exchanges that no route took.
const NO_ROUTE: &str = "-";

/// The route of exchanges whose route has no series of its own.
const OTHER: &str = "other";

impl Metrics {
    /// Totals at zero. `version` is the program's; `started_since_epoch` is the time of day at `now`.
    pub fn new(version: &str, shards: usize, started_since_epoch: Duration, now: Instant) -> Self {
        let mut apis = Table::new();
        let other_api = apis.place(&ApiName::all(OTHER), u64::MAX, ApiSeries::new);
        let no_api = apis.place(&ApiName::all(NO_ROUTE), u64::MAX, ApiSeries::new);
        let mut upstreams = Table::new();
        let other_upstream =
            upstreams.place(&OTHER.to_owned(), u64::MAX, || UpstreamSeries::new(shards));
        Self {
            version: version.to_owned(),
            started_since_epoch,
            started: now,
            now,
            window_turned: now,
            layouts: BTreeMap::new(),
            apis,
            other_api,
            no_api,
            routes: Table::new(),
            upstreams,
            other_upstream,
            shards: (0..shards).map(|_| ShardSeries::new()).collect(),
            imbalance: 1.0,
            series_dropped: 0,
            series_retired: 0,
            stages: Stages::default(),
            reload: None,
            snapshot_version: 0,
            reloads: [0; 2],
            targets: Vec::new(),
            deliveries: Vec::new(),
            process: None,
        }
    }

    /// What the indexes of batches with that layout version are called. Called before any shard serves
    /// it; versions only grow.
    pub fn set_names(&mut self, version: u64, names: &Names) {
        let shards = self.shards.len();
        let apis: Vec<usize> = names
            .apis
            .iter()
            .take(APIS_MAX as usize)
            .map(|name| self.apis.place(name, version, ApiSeries::new))
            .collect();
        let routes = names
            .routes
            .iter()
            .take(ROUTES_MAX as usize)
            .map(|name| {
                let api = apis.get(name.api as usize).unwrap_or(&self.other_api);
                let key = (*api, name.key.clone());
                self.routes.place(&key, version, RouteSeries::default)
            })
            .collect();
        let upstreams = names
            .upstreams
            .iter()
            .take(UPSTREAMS_MAX as usize)
            .map(|name| {
                let series = || UpstreamSeries::new(shards);
                self.upstreams.place(name, version, series)
            })
            .collect();
        let layout = Layout { apis, routes, upstreams };
        self.layouts.insert(version, layout);
        self.forget_layouts();
        self.retire();
    }

    fn forget_layouts(&mut self) {
        let oldest_counting = self.shards.iter().map(|shard| shard.version).min();
        self.layouts.retain(|&version, _| oldest_counting.is_none_or(|oldest| version >= oldest));
        while self.layouts.len() > LAYOUTS_MAX {
            self.layouts.pop_first();
        }
    }

    /// Folds names that are long gone into `other`, so that a thousand reloads with changing names
    /// leave memory where it was.
    fn retire(&mut self) {
        let oldest_kept = self.layouts.keys().next().copied().unwrap_or(0);
        let limit = |names: u32| RETIRED_FACTOR * names as usize;
        for (_, api) in self.retire_apis(limit(APIS_MAX), oldest_kept) {
            if let Some(other) = self.apis.at_mut(self.other_api) {
                other.absorb(&api);
            }
        }
        for ((api, _), route) in self.routes.retire(limit(ROUTES_MAX), oldest_kept) {
            self.fold_route(api, &route);
        }
        for (_, upstream) in self.upstreams.retire(limit(UPSTREAMS_MAX), oldest_kept) {
            self.series_retired += 1;
            if let Some(other) = self.upstreams.at_mut(self.other_upstream) {
                other.absorb(&upstream);
            }
        }
    }

    fn retire_apis(&mut self, limit: usize, oldest_kept: u64) -> Vec<(ApiName, ApiSeries)> {
        let gone = self.apis.retire(limit, oldest_kept);
        self.series_retired += gone.len() as u64;
        if !gone.is_empty() {
            // Their places are free now and may get another name: no route may still stand under them.
            let apis = &self.apis;
            let orphans = self.routes.remove_where_gone(apis);
            for (_, route) in orphans {
                self.fold_route(self.other_api, &route);
            }
        }
        gone
    }

    fn fold_route(&mut self, api: usize, route: &RouteSeries) {
        self.series_retired += 1;
        let other = self.route_place(api, OTHER);
        if let Some(other) = self.routes.at_mut(other) {
            other.absorb(route);
        }
    }

    /// The place of a route that is no route of any snapshot; it is never retired before its API.
    fn route_place(&mut self, api: usize, route: &str) -> usize {
        let key = (api, route.to_owned());
        self.routes.place(&key, u64::MAX, RouteSeries::default)
    }

    /// Adds a shard's batch. A shard that is not there is ignored.
    pub fn merge(&mut self, shard: usize, batch: &Batch) {
        let Some(series) = self.shards.get_mut(shard) else {
            return;
        };
        series.version = series.version.max(batch.layout.version);
        series.add(&batch.shard);
        self.series_dropped += batch.shard.uncounted_series;

        let layout = self.layouts.remove(&batch.layout.version);
        self.merge_exchanges(shard, batch, layout.as_ref());
        self.merge_upstreams(shard, batch, layout.as_ref());
        if let Some(layout) = layout {
            self.layouts.insert(batch.layout.version, layout);
        }
    }

    fn merge_exchanges(&mut self, shard: usize, batch: &Batch, layout: Option<&Layout>) {
        let mut nameless = 0;
        for (index, counts) in batch.apis().iter().enumerate() {
            let place = layout.and_then(|layout| layout.apis.get(index)).copied();
            if place.is_none() {
                nameless += counts.latency.len();
            }
            self.merge_api(shard, place.unwrap_or(self.other_api), counts);
        }
        self.merge_api(shard, self.other_api, batch.other_apis());
        self.merge_api(shard, self.no_api, batch.no_api());
        for (index, counts) in batch.routes().iter().enumerate() {
            if counts.is_empty() {
                continue;
            }
            let place = match layout.and_then(|layout| layout.routes.get(index)) {
                Some(&place) => place,
                None => self.route_place(self.other_api, OTHER),
            };
            self.merge_route(place, counts);
        }
        self.series_dropped += nameless;
    }

    fn merge_api(&mut self, shard: usize, place: usize, counts: &ApiCounts) {
        if counts.is_empty() {
            return;
        }
        if let Some(series) = self.apis.at_mut(place) {
            series.add(counts);
        }
        if let Some(series) = self.shards.get_mut(shard) {
            series.requests += counts.latency.len();
            series.latency.add(&counts.latency, counts.latency_us_sum);
        }
        for (route, statuses) in [(NO_ROUTE, &counts.unmatched), (OTHER, &counts.other_routes)] {
            if !statuses.is_empty() {
                let place = self.route_place(place, route);
                self.merge_route(place, statuses);
            }
        }
    }

    fn merge_route(&mut self, place: usize, counts: &StatusCounts) {
        if let Some(series) = self.routes.at_mut(place) {
            for (status, count) in counts.iter() {
                *series.statuses.entry(status).or_default() += u64::from(count);
            }
        }
    }

    fn merge_upstreams(&mut self, shard: usize, batch: &Batch, layout: Option<&Layout>) {
        if !batch.is_cut_off() {
            // An upstream that the shard no longer names has no connections there any more.
            for series in self.upstreams.iter_mut() {
                series.set_connections(shard, None);
            }
        }
        let named = batch.upstreams().iter().enumerate();
        let named = named.map(|(index, counts)| {
            let place = layout.and_then(|layout| layout.upstreams.get(index));
            (place.copied().unwrap_or(self.other_upstream), counts)
        });
        let other = (self.other_upstream, batch.other_upstreams());
        for (place, counts) in named.chain([other]) {
            if let Some(series) = self.upstreams.at_mut(place) {
                for (mine, theirs) in series.events.iter_mut().zip(counts.events) {
                    *mine += theirs;
                }
                if !batch.is_cut_off() {
                    series.set_connections(shard, Some(counts));
                }
            }
        }
    }

    /// Adds what a shard counted for stages of the management API.
    pub fn merge_stages(&mut self, counts: &StageCounts) {
        self.stages.merge(counts);
    }

    /// A stage of the management API is gone.
    pub fn retire_stage(&mut self, api_id: &str, stage: &str) {
        self.series_retired += self.stages.retire(api_id, stage);
    }

    /// A stage of the management API is there.
    pub fn stage_appears(&mut self, api_id: &str, stage: &str) {
        self.stages.appear(api_id, stage);
    }

    /// Once per interval (about a second): works out the load of the time since the last call, and
    /// turns the quantiles' window.
    pub fn tick(&mut self, now: Instant) {
        self.now = now;
        for shard in &mut self.shards {
            shard.work_out_load();
        }
        let loads = self.shards.iter().map(|shard| shard.load);
        let busiest = loads.clone().fold(0.0, f64::max);
        let mean = loads.sum::<f64>() / self.shards.len().max(1) as f64;
        // Without any load, all are equally idle.
        self.imbalance = if mean > 0.0 { busiest / mean } else { 1.0 };

        if now.saturating_duration_since(self.window_turned) >= HALF_WINDOW {
            self.window_turned = now;
            for api in self.apis.iter_mut() {
                api.latency.turn_window();
                api.integration_latency.turn_window();
            }
            for shard in &mut self.shards {
                shard.latency.turn_window();
            }
        }
    }

    /// A reload ended, at that time of day. The first configuration counts as a reload.
    pub fn set_reload(&mut self, reload: Reload, at_since_epoch: Duration) {
        self.reload = Some((reload, at_since_epoch));
        match reload {
            Reload::Success { version } => {
                self.snapshot_version = version;
                self.reloads[0] += 1;
            }
            Reload::Failure => self.reloads[1] += 1,
        }
    }

    /// The health of all targets, replacing what was known.
    pub fn set_target_health(&mut self, mut targets: Vec<TargetHealth>) {
        targets.sort();
        self.targets = targets;
    }

    /// What became of the access logs' lines ([`super::access_log::Writer::deliveries`]).
    pub fn set_deliveries(&mut self, deliveries: Vec<Delivery>) {
        self.deliveries = deliveries;
    }

    /// What the kernel says about this process; read it when a scrape asks.
    pub fn set_process(&mut self, usage: ProcessUsage) {
        self.process = Some(usage);
    }

    /// The part of its time that each shard was awake in the last interval, 0 to 1.
    pub fn shard_loads(&self) -> impl Iterator<Item = f64> + '_ {
        self.shards.iter().map(|shard| shard.load)
    }

    /// Prints everything in Prometheus' text format, version 0.0.4
    /// (`Content-Type: text/plain; version=0.0.4; charset=utf-8`).
    pub fn render(&self, out: &mut String) {
        render::render(self, out);
    }
}

impl Table<(usize, String), RouteSeries> {
    /// Takes out the routes whose API has no place any more.
    fn remove_where_gone(
        &mut self,
        apis: &Table<ApiName, ApiSeries>,
    ) -> Vec<((usize, String), RouteSeries)> {
        self.remove_where(|(api, _)| apis.at(*api).is_none())
    }
}

impl ApiName {
    fn all(text: &str) -> Self {
        Self { id: text.to_owned(), name: text.to_owned(), stage: text.to_owned() }
    }
}

impl ApiSeries {
    fn new() -> Self {
        Self {
            latency: Latency::new(),
            integration_latency: Latency::new(),
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    fn add(&mut self, counts: &ApiCounts) {
        self.latency.add(&counts.latency, counts.latency_us_sum);
        self.integration_latency
            .add(&counts.integration_latency, counts.integration_latency_us_sum);
        self.request_bytes += counts.request_bytes;
        self.response_bytes += counts.response_bytes;
    }

    fn absorb(&mut self, other: &Self) {
        self.latency.absorb(&other.latency);
        self.integration_latency.absorb(&other.integration_latency);
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

impl RouteSeries {
    fn absorb(&mut self, other: &Self) {
        for (&status, count) in &other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }
}

impl UpstreamSeries {
    fn new(shards: usize) -> Self {
        Self { events: [0; UpstreamEvent::ALL.len()], connections: vec![(0, 0); shards] }
    }

    fn set_connections(&mut self, shard: usize, counts: Option<&UpstreamCounts>) {
        if let Some(connections) = self.connections.get_mut(shard) {
            *connections = match counts {
                None => (0, 0),
                // Several upstreams of one layout may share the place for others.
                Some(counts) => (
                    connections.0 + counts.active_connections,
                    connections.1 + counts.idle_connections,
                ),
            };
        }
    }

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.events.iter_mut().zip(other.events) {
            *mine += theirs;
        }
    }
}

impl ShardSeries {
    fn new() -> Self {
        Self {
            totals: ShardCounts::default(),
            requests: 0,
            latency: Latency::new(),
            wall: Duration::ZERO,
            parked: Duration::ZERO,
            load: 0.0,
            version: 0,
        }
    }

    fn add(&mut self, counts: &ShardCounts) {
        self.totals.absorb(counts);
        for (mine, theirs) in self.totals.connections.iter_mut().zip(counts.connections) {
            mine.open = theirs.open;
        }
        self.wall += counts.wall;
        self.parked += counts.parked;
    }

    /// Keeps the last load when no batch came: a shard that is too busy to send one is not idle.
    fn work_out_load(&mut self) {
        let wall = std::mem::take(&mut self.wall);
        let parked = std::mem::take(&mut self.parked);
        if !wall.is_zero() {
            let busy = wall.saturating_sub(parked);
            self.load = busy.as_secs_f64() / wall.as_secs_f64();
        }
    }
}
