//! Recorder: one shard's counters. Every method is a few additions to memory that nobody else sees:
//! no atomics, no locks, no allocation per request.
//!
//! The shard takes a [`Batch`] about once a second and sends it to the control thread, which gives
//! it back ([`Batch::give_back`]). Two batches are enough when control keeps up; when it does not,
//! [`Recorder::put_back`] takes a batch that could not be sent, and nothing is lost.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::batch::{
    APIS_MAX, Batch, Buffers, ConnectionKind, LATENCY_US_MAX, ROUTES_MAX, Refusal, UPSTREAMS_MAX,
    UpstreamEvent,
};

/// How many API stages, routes and upstreams a snapshot has, and which snapshot that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesLayout {
    /// The snapshot's version; [`super::Metrics::set_names`] is given the same.
    pub version: u64,
    /// API stages, numbered from 0.
    pub apis: u32,
    /// Routes of all APIs together, numbered from 0.
    pub routes: u32,
    /// Upstreams, numbered from 0.
    pub upstreams: u32,
}

impl SeriesLayout {
    /// API stages with counters of their own.
    pub fn kept_apis(&self) -> usize {
        self.apis.min(APIS_MAX) as usize
    }

    /// Routes with counters of their own.
    pub fn kept_routes(&self) -> usize {
        self.routes.min(ROUTES_MAX) as usize
    }

    /// Upstreams with counters of their own.
    pub fn kept_upstreams(&self) -> usize {
        self.upstreams.min(UPSTREAMS_MAX) as usize
    }

    fn same_shape(&self, other: &Self) -> bool {
        self.kept_apis() == other.kept_apis()
            && self.kept_routes() == other.kept_routes()
            && self.kept_upstreams() == other.kept_upstreams()
    }
}

/// One exchange, over and answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finished {
    /// The API stage; `None` when no API was found, or the request was refused before one was
    /// looked for. (Amazon counts only requests whose API is known.)
    pub api: Option<u32>,
    /// The route; `None` when none fits.
    pub route: Option<u32>,
    /// The status code sent; 0 when the client left before there was one.
    pub status: u16,
    /// From the first byte of the request to the last of the response.
    pub latency: Duration,
    /// The part of it that the back end took, when one was asked.
    pub integration_latency: Option<Duration>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
}

/// Batches of earlier layouts that wait to be taken. More only gather when snapshots change faster
/// than batches are taken; the oldest are then added up without names.
const OLDER_MAX: usize = 4;

/// Recycled batches kept. One is counting, one is on its way: a third has nothing to do.
const SPARE_MAX: usize = 1;

/// One shard's counters.
#[derive(Debug)]
pub struct Recorder {
    shard: usize,
    current: Box<Batch>,
    older: VecDeque<Box<Batch>>,
    /// Where batches come back, and the other end, which each batch carries.
    spare: Receiver<Box<Batch>>,
    home: SyncSender<Box<Batch>>,
    /// When the current span of time began; none before the first batch.
    since: Option<Instant>,
    parked: Duration,
    open: [u64; 2],
}

impl Recorder {
    /// Counters at zero, without any API, route or upstream.
    pub fn new(shard: usize) -> Self {
        let (home, spare) = sync_channel(SPARE_MAX);
        let mut current = Box::new(Batch::new(SeriesLayout::default(), Some(home.clone())));
        current.begin(SeriesLayout::default());
        Self {
            shard,
            current,
            older: VecDeque::with_capacity(OLDER_MAX + 1),
            spare,
            home,
            since: None,
            parked: Duration::ZERO,
            open: [0; 2],
        }
    }

    /// Which shard this is.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Begins to count for another snapshot. What was counted until now keeps its old names and is
    /// taken first.
    pub fn set_series(&mut self, layout: SeriesLayout) {
        if layout == self.current.layout {
            return;
        }
        let fresh = self.fresh(layout);
        let mut old = std::mem::replace(&mut self.current, fresh);
        old.cut_off();
        self.older.push_back(old);
        self.bound_older();
    }

    fn bound_older(&mut self) {
        if self.older.len() > OLDER_MAX
            && let Some(oldest) = self.older.pop_front()
        {
            self.current.absorb(&oldest);
            oldest.give_back();
        }
    }

    /// Counts one exchange.
    #[inline]
    pub fn exchange(&mut self, finished: &Finished) {
        let batch = &mut *self.current;
        let other = batch.apis.len() - 2;
        let (slot, mut beyond) = match finished.api {
            Some(index) if (index as usize) < other => (index as usize, false),
            Some(_) => (other, true),
            None => (other + 1, false),
        };
        let api = &mut batch.apis[slot];
        let latency = microseconds(finished.latency);
        api.latency.saturating_record(latency);
        api.latency_us_sum += latency;
        if let Some(integration_latency) = finished.integration_latency {
            let latency = microseconds(integration_latency);
            api.integration_latency.saturating_record(latency);
            api.integration_latency_us_sum += latency;
        }
        api.request_bytes += finished.request_bytes;
        api.response_bytes += finished.response_bytes;
        let statuses = match finished.route {
            None => &mut api.unmatched,
            Some(index) => match batch.routes.get_mut(index as usize) {
                Some(route) => route,
                None => {
                    beyond = true;
                    &mut api.other_routes
                }
            },
        };
        statuses.add(finished.status);
        batch.shard.uncounted_series += u64::from(beyond);
    }

    /// A client's connection was accepted.
    #[inline]
    pub fn connection_opened(&mut self, kind: ConnectionKind) {
        self.current.shard.connections[kind as usize].opened += 1;
        self.open[kind as usize] += 1;
    }

    /// A client's connection is gone.
    #[inline]
    pub fn connection_closed(&mut self, kind: ConnectionKind) {
        let open = &mut self.open[kind as usize];
        *open = open.saturating_sub(1);
    }

    /// A TLS handshake with a client succeeded.
    pub fn tls_handshake(&mut self) {
        self.current.shard.tls_handshakes += 1;
    }

    /// A TLS handshake with a client failed.
    pub fn tls_handshake_failed(&mut self) {
        self.current.shard.tls_handshake_failures += 1;
    }

    /// The gateway turned a request or a connection away.
    pub fn refused(&mut self, cause: Refusal) {
        self.current.shard.refused[cause as usize] += 1;
    }

    /// A receive found no free buffer.
    pub fn buffers_exhausted(&mut self, group: Buffers) {
        self.current.shard.buffers_exhausted[group as usize] += 1;
    }

    /// Something happened with an upstream.
    #[inline]
    pub fn upstream(&mut self, upstream: u32, event: UpstreamEvent) {
        let upstreams = &mut self.current.upstreams;
        let slot = (upstream as usize).min(upstreams.len() - 1);
        upstreams[slot].events[event as usize] += 1;
    }

    /// How many connections the shard has to an upstream now: in use, and idle. Set for each before a
    /// batch is taken.
    pub fn upstream_connections(&mut self, upstream: u32, active: u32, idle: u32) {
        let upstreams = &mut self.current.upstreams;
        let last = upstreams.len() - 1;
        match upstreams[..last].get_mut(upstream as usize) {
            Some(counts) => {
                counts.active_connections = active;
                counts.idle_connections = idle;
            }
            None => {
                upstreams[last].active_connections += active;
                upstreams[last].idle_connections += idle;
            }
        }
    }

    /// One turn of the loop: system calls made and completions handled.
    #[inline]
    pub fn ring_turn(&mut self, enters: u32, completions: u32) {
        let counts = &mut self.current.shard;
        counts.ring_turns += 1;
        counts.ring_enters += u64::from(enters);
        counts.ring_completions += u64::from(completions);
    }

    /// The shard slept this long. What it did not sleep, it was busy.
    #[inline]
    pub fn parked(&mut self, slept: Duration) {
        self.parked += slept;
    }

    /// Access-log lines were put into a buffer.
    #[inline]
    pub fn log_lines(&mut self, count: u64) {
        self.current.shard.log_lines += count;
    }

    /// Access-log lines found no room on their way to the control thread and are gone.
    pub fn log_lines_dropped(&mut self, count: u64) {
        self.current.shard.log_lines_dropped += count;
    }

    /// Whether batches of an earlier layout wait, so that another [`Recorder::take_batch`] is due.
    pub fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// Everything since the last batch. Batches of an earlier layout come first, one at a time.
    pub fn take_batch(&mut self, now: Instant) -> Box<Batch> {
        let mut batch = match self.older.pop_front() {
            Some(older) => older,
            None => {
                let layout = self.current.layout;
                let fresh = self.fresh(layout);
                let mut batch = std::mem::replace(&mut self.current, fresh);
                if let Some(since) = self.since.replace(now) {
                    batch.shard.wall += now.saturating_duration_since(since);
                    batch.shard.parked += self.parked;
                }
                self.parked = Duration::ZERO;
                batch
            }
        };
        for (counts, open) in batch.shard.connections.iter_mut().zip(self.open) {
            counts.open = open;
        }
        batch
    }

    /// Takes back a batch that could not be sent, because the channel to the control thread is full.
    pub fn put_back(&mut self, batch: Box<Batch>) {
        if batch.layout == self.current.layout {
            self.current.absorb(&batch);
            batch.give_back();
        } else {
            self.older.push_front(batch);
            self.bound_older();
        }
    }

    /// An empty batch: a recycled one if there is one of that shape.
    fn fresh(&mut self, layout: SeriesLayout) -> Box<Batch> {
        let mut batch = match self.spare.try_recv() {
            Ok(spare) if spare.layout.same_shape(&layout) => spare,
            _ => Box::new(Batch::new(layout, Some(self.home.clone()))),
        };
        batch.begin(layout);
        batch
    }
}

/// Whole microseconds within what the histograms tell apart. (`Duration::as_micros` computes in 128
/// bits.)
#[inline]
fn microseconds(duration: Duration) -> u64 {
    let microseconds = duration
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(duration.subsec_micros()));
    microseconds.clamp(1, LATENCY_US_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::batch::Status;

    fn layout(version: u64, apis: u32, routes: u32, upstreams: u32) -> SeriesLayout {
        SeriesLayout { version, apis, routes, upstreams }
    }

    fn finished(api: Option<u32>, route: Option<u32>, status: u16) -> Finished {
        Finished {
            api,
            route,
            status,
            latency: Duration::from_millis(2),
            integration_latency: Some(Duration::from_millis(1)),
            request_bytes: 3,
            response_bytes: 5,
        }
    }

    fn statuses(counts: &crate::telemetry::batch::StatusCounts) -> Vec<(Status, u32)> {
        counts.iter().collect()
    }

    #[test]
    fn an_exchange_counts_once_in_each_place_it_belongs_to() {
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, 2, 3, 0));
        recorder.exchange(&finished(Some(1), Some(2), 200));
        recorder.exchange(&finished(Some(1), None, 404));
        recorder.exchange(&finished(None, None, 400));
        recorder.exchange(&finished(None, None, 0));
        assert!(recorder.has_older(), "the layout before the first snapshot");
        let now = Instant::now();
        drop(recorder.take_batch(now));
        let batch = recorder.take_batch(now);

        assert!(batch.apis()[0].is_empty());
        let api = &batch.apis()[1];
        assert_eq!(api.latency.len(), 2);
        assert_eq!(api.latency_us_sum, 4000);
        assert_eq!(api.integration_latency_us_sum, 2000);
        assert_eq!((api.request_bytes, api.response_bytes), (6, 10));
        assert_eq!(statuses(&api.unmatched), [(Status::Code(404), 1)]);
        assert_eq!(statuses(&batch.routes()[2]), [(Status::Code(200), 1)]);
        assert!(batch.routes()[0].is_empty());
        let no_api = statuses(&batch.no_api().unmatched);
        assert_eq!(no_api, [(Status::Code(400), 1), (Status::Class(0), 1)]);
        assert_eq!(batch.shard.uncounted_series, 0);
    }

    #[test]
    fn the_last_series_within_the_cap_has_its_own_place_and_the_next_has_not() {
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, APIS_MAX + 1, ROUTES_MAX + 1, UPSTREAMS_MAX + 1));
        drop(recorder.take_batch(Instant::now()));
        recorder.exchange(&finished(Some(APIS_MAX - 1), Some(ROUTES_MAX - 1), 200));
        recorder.exchange(&finished(Some(0), Some(ROUTES_MAX), 201));
        recorder.exchange(&finished(Some(APIS_MAX), Some(ROUTES_MAX), 202));
        recorder.exchange(&finished(Some(u32::MAX), Some(u32::MAX), 203));
        recorder.upstream(UPSTREAMS_MAX - 1, UpstreamEvent::Request);
        recorder.upstream(UPSTREAMS_MAX, UpstreamEvent::Request);
        recorder.upstream_connections(UPSTREAMS_MAX, 1, 2);
        recorder.upstream_connections(u32::MAX, 3, 4);
        let batch = recorder.take_batch(Instant::now());

        assert_eq!(batch.apis().len(), APIS_MAX as usize);
        assert_eq!(batch.apis()[APIS_MAX as usize - 1].latency.len(), 1);
        assert_eq!(batch.other_apis().latency.len(), 2);
        assert_eq!(statuses(&batch.routes()[ROUTES_MAX as usize - 1]), [(Status::Code(200), 1)]);
        assert_eq!(statuses(&batch.apis()[0].other_routes), [(Status::Code(201), 1)]);
        assert_eq!(batch.shard.uncounted_series, 3);
        assert_eq!(batch.upstreams()[UPSTREAMS_MAX as usize - 1].events[0], 1);
        assert_eq!(batch.other_upstreams().events[0], 1);
        assert_eq!(batch.other_upstreams().active_connections, 4);
        assert_eq!(batch.other_upstreams().idle_connections, 6);
    }

    #[test]
    fn a_seventh_status_code_goes_by_its_class() {
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, 1, 1, 0));
        drop(recorder.take_batch(Instant::now()));
        for status in [200, 201, 202, 203, 204, 404, 418, 200, 599, 600, 99] {
            recorder.exchange(&finished(Some(0), Some(0), status));
        }
        let batch = recorder.take_batch(Instant::now());
        let counts = statuses(&batch.routes()[0]);
        assert_eq!(counts[0], (Status::Code(200), 2));
        assert_eq!(counts[5], (Status::Code(404), 1));
        let by_class = [(Status::Class(0), 2), (Status::Class(4), 1), (Status::Class(5), 1)];
        assert_eq!(counts[6..], by_class);
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u32>(), 11);
    }

    #[test]
    fn batches_come_back_and_the_steady_state_allocates_none() {
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, 1, 1, 0));
        let now = Instant::now();
        drop(recorder.take_batch(now));
        recorder.exchange(&finished(Some(0), Some(0), 200));
        let first = recorder.take_batch(now);
        let address = std::ptr::from_ref(&*first);
        first.give_back();
        let second = recorder.take_batch(now);
        assert!(!std::ptr::eq(&*second, address));
        second.give_back();
        let third = recorder.take_batch(now);
        assert!(std::ptr::eq(&*third, address), "the first is used again");
        assert!(third.apis()[0].is_empty() && third.routes()[0].is_empty(), "and it was cleared");
    }

    #[test]
    fn a_batch_that_could_not_be_sent_is_counted_with_the_next() {
        let start = Instant::now();
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, 1, 1, 1));
        drop(recorder.take_batch(start));
        drop(recorder.take_batch(start));
        recorder.exchange(&finished(Some(0), Some(0), 200));
        recorder.upstream(0, UpstreamEvent::Retry);
        recorder.ring_turn(2, 3);
        recorder.parked(Duration::from_millis(300));
        let batch = recorder.take_batch(start + Duration::from_secs(1));
        recorder.put_back(batch);
        recorder.exchange(&finished(Some(0), Some(0), 200));
        recorder.parked(Duration::from_millis(200));
        let batch = recorder.take_batch(start + Duration::from_secs(2));
        assert_eq!(batch.apis()[0].latency.len(), 2);
        assert_eq!(batch.apis()[0].latency_us_sum, 4000);
        assert_eq!(statuses(&batch.routes()[0]), [(Status::Code(200), 2)]);
        assert_eq!(batch.upstreams()[0].events[UpstreamEvent::Retry as usize], 1);
        assert_eq!(batch.shard.ring_completions, 3);
        assert_eq!(batch.shard.wall, Duration::from_secs(2));
        assert_eq!(batch.shard.parked, Duration::from_millis(500));
    }

    #[test]
    fn a_change_of_layout_keeps_what_was_counted_under_the_old_names() {
        let now = Instant::now();
        let mut recorder = Recorder::new(0);
        // One more than wait; the layout of a new recorder is the first to go.
        for version in 1..=OLDER_MAX as u64 + 2 {
            recorder.set_series(layout(version, 1, 1, 0));
            recorder.exchange(&finished(Some(0), Some(0), 200));
        }
        let mut versions = Vec::new();
        let mut nameless = 0;
        while recorder.has_older() {
            let batch = recorder.take_batch(now);
            assert_eq!(batch.apis()[0].latency.len(), 1);
            versions.push(batch.layout.version);
            nameless += batch.other_apis().latency.len();
        }
        let batch = recorder.take_batch(now);
        versions.push(batch.layout.version);
        nameless += batch.other_apis().latency.len();
        assert_eq!(versions, [2, 3, 4, 5, 6], "oldest first, and the newest last");
        assert_eq!(nameless, 1, "version 1 had to make room and kept its count, not its name");
        let other = statuses(&batch.other_apis().other_routes);
        assert_eq!(other, [(Status::Code(200), 1)]);
    }

    #[test]
    fn the_same_layout_again_changes_nothing() {
        let mut recorder = Recorder::new(0);
        recorder.set_series(layout(1, 1, 1, 0));
        drop(recorder.take_batch(Instant::now()));
        recorder.set_series(layout(1, 1, 1, 0));
        assert!(!recorder.has_older());
    }

    #[test]
    fn open_connections_are_a_gauge_and_survive_batches() {
        let mut recorder = Recorder::new(0);
        recorder.connection_opened(ConnectionKind::Tls);
        recorder.connection_opened(ConnectionKind::Tls);
        recorder.connection_closed(ConnectionKind::Tls);
        recorder.connection_closed(ConnectionKind::Plain);
        let tls = ConnectionKind::Tls as usize;
        let first = recorder.take_batch(Instant::now());
        assert_eq!(
            (first.shard.connections[tls].opened, first.shard.connections[tls].open),
            (2, 1)
        );
        let second = recorder.take_batch(Instant::now());
        assert_eq!(
            (second.shard.connections[tls].opened, second.shard.connections[tls].open),
            (0, 1)
        );
        assert_eq!(second.shard.connections[ConnectionKind::Plain as usize].open, 0);
    }

    #[test]
    fn latencies_are_clamped_to_what_is_told_apart() {
        assert_eq!(microseconds(Duration::ZERO), 1);
        assert_eq!(microseconds(Duration::from_nanos(1999)), 1);
        assert_eq!(microseconds(Duration::from_micros(2)), 2);
        assert_eq!(microseconds(Duration::MAX), LATENCY_US_MAX);
    }
}
