//! A run: starts the threads, gathers their batches while the load lasts, ends it.
//!
//! Threads begin together, after their connections are made; the first thing they share is the start
//! and the next is the end. In between the main thread merges what they hand over, for progress and
//! for the time series.

use crate::client::{Assignment, Batch, ThreadEnd, Worker};
use crate::host;
use crate::scenario::Scenario;
use crate::scenario::target::Scheme;
use crate::tally::Tally;
use ringgate::ring::driver::KernelRing;
use ringgate::ring::probe::{RingFault, RingSettings};
use ringgate::tls::{ClientConfig, Roots, ServerName, Trust};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Barrier, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Points of the time series for an ordinary run; longer runs have one a second.
const POINTS_WANTED: u32 = 100;
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// All counts.
    pub tally: Tally,
    /// How long requests were counted: the load without its warm-up.
    pub window: Duration,
    /// The time series.
    pub series: Vec<Point>,
    /// Each thread's end.
    pub threads: Vec<ThreadEnd>,
    /// When it began, in milliseconds since 1970.
    pub started_epoch_ms: u64,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// The address that was called.
    pub address: SocketAddr,
}

impl Outcome {
    /// Answers per second while the load lasted.
    pub fn rate(&self) -> f64 {
        let seconds = self.window.as_secs_f64();
        if seconds > 0.0 {
            (self.tally.answered - self.tally.answered_late) as f64 / seconds
        } else {
            0.0
        }
    }
}

/// One interval of the time series. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    /// Seconds from the start to the beginning of the interval.
    pub start_s: f64,
    /// Length of the interval in seconds.
    pub length_s: f64,
    /// Answers.
    pub answered: u64,
    /// Failed requests.
    pub failed: u64,
    /// Median latency; 0 when nothing was answered.
    pub p50_us: u64,
    /// Latency of 99 of 100.
    pub p99_us: u64,
    /// The worst.
    pub max_us: u64,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Between 0 and 1.
    pub done: f64,
    /// Answers so far.
    pub answered: u64,
    /// Failed requests so far.
    pub failed: u64,
    /// The newest complete interval.
    pub latest: Option<Point>,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    /// The host has no address.
    #[error("cannot find the address of `{host}`: {error}")]
    Resolve {
        /// As in the URL.
        host: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Too few file descriptors.
    #[error("{0}")]
    Descriptors(String),
    /// No ring.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// No thread, or not on that core.
    #[error("cannot prepare a thread for core {core:?}: {error}")]
    Thread {
        /// The core asked for.
        core: Option<usize>,
        /// The system's answer.
        error: io::Error,
    },
    /// Trusted roots or names.
    #[error("{0}")]
    Tls(String),
}

/// Runs a scenario. `observe` hears of progress several times a second.
///
/// # Errors
/// When it cannot begin. What goes wrong later is counted, and is the result.
pub fn run(
    scenario: &Scenario,
    interrupted: &AtomicBool,
    observe: &mut dyn FnMut(&Progress),
) -> Result<Outcome, RunFault> {
    host::raise_descriptor_limit(scenario.connections).map_err(RunFault::Descriptors)?;
    let address = scenario
        .target
        .resolve()
        .map_err(|error| RunFault::Resolve { host: scenario.target.host.clone(), error })?;
    let trust = trust(scenario)?;
    let load = scenario.load.duration();
    let interval = (load / POINTS_WANTED).clamp(INTERVAL_MIN, INTERVAL_MAX);
    let gate = Gate {
        barrier: Barrier::new(scenario.threads + 1),
        start: OnceLock::new(),
        fault: Mutex::new(None),
    };
    let started_epoch_ms = jiff::Timestamp::now().as_millisecond().unsigned_abs();
    let mut gathering = Gathering::new(scenario, interval);
    let ends = thread::scope(|scope| {
        let (batches, received) = mpsc::channel();
        let workers: Vec<_> = (0..scenario.threads)
            .map(|thread| {
                let batches = batches.clone();
                let (gate, trust) = (&gate, &trust);
                scope.spawn(move || {
                    let worker =
                        worker(scenario, thread, address, trust, interrupted, interval, batches);
                    match worker {
                        Ok(worker) => worker.run(|| gate.pass()),
                        Err(fault) => {
                            gate.fail(fault);
                            None
                        }
                    }
                })
            })
            .collect();
        drop(batches);
        gate.barrier.wait();
        gathering.gather(&received, &gate, load, observe);
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Option<Vec<ThreadEnd>>>()
    });
    let fault = gate.fault.into_inner().unwrap_or_else(PoisonError::into_inner);
    let threads = match (fault, ends) {
        (Some(fault), _) => return Err(fault),
        (None, ends) => ends.unwrap_or_default(),
    };
    let load_end = threads.iter().map(|end| end.load_end).max().unwrap_or_default();
    let (tally, series) = gathering.finish(load_end);
    Ok(Outcome {
        tally,
        window: load_end.saturating_sub(scenario.warmup),
        series,
        threads,
        started_epoch_ms,
        interrupted: host::is_interrupted(interrupted),
        address,
    })
}

/// Where the threads wait for each other before the clock starts.
struct Gate {
    barrier: Barrier,
    start: OnceLock<Instant>,
    /// The first fault of any thread: then nobody starts.
    fault: Mutex<Option<RunFault>>,
}

impl Gate {
    fn pass(&self) -> Option<Instant> {
        self.barrier.wait();
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.is_none().then(|| *self.start.get_or_init(Instant::now))
    }

    fn fail(&self, fault: RunFault) {
        {
            let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(fault);
        }
        self.barrier.wait();
    }
}

fn trust(scenario: &Scenario) -> Result<Option<(Trust, ServerName<'static>)>, RunFault> {
    if scenario.target.scheme == Scheme::Http {
        return Ok(None);
    }
    let roots = match (&scenario.tls.ca, scenario.tls.insecure) {
        (_, true) => Roots::Insecure,
        (Some(ca), false) => Roots::Custom(ca.clone()),
        (None, false) => Roots::System,
    };
    let trust = Trust::load(&roots).map_err(|problem| RunFault::Tls(problem.to_string()))?;
    let name = scenario.tls.server_name.clone().unwrap_or_else(|| scenario.target.host.clone());
    let name = ServerName::try_from(name.clone())
        .map_err(|_| RunFault::Tls(format!("`{name}` is no name that a certificate can have")))?;
    Ok(Some((trust, name)))
}

fn worker<'a>(
    scenario: &'a Scenario,
    thread: usize,
    address: SocketAddr,
    trust: &Option<(Trust, ServerName<'static>)>,
    stop: &'a AtomicBool,
    interval: Duration,
    batches: mpsc::Sender<Batch>,
) -> Result<Worker<'a, KernelRing>, RunFault> {
    let core = match scenario.pin.len() {
        0 => None,
        cores => Some(scenario.pin[thread % cores]),
    };
    host::prepare_thread(core).map_err(|error| RunFault::Thread { core, error })?;
    let tls: Option<(Arc<ClientConfig>, _)> = match trust {
        Some((trust, name)) => {
            let config = ringgate::tls::client_config(trust)
                .map_err(|fault| RunFault::Tls(fault.to_string()))?;
            Some((config, name.clone()))
        }
        None => None,
    };
    let assignment =
        Assignment { thread, threads: scenario.threads, address, tls, interval, stop, batches };
    let ring = KernelRing::new(&ring_settings())?;
    Ok(Worker::new(scenario, assignment, ring))
}

/// A load thread only receives responses.
fn ring_settings() -> RingSettings {
    RingSettings {
        entries: 512,
        client_buffers: 1,
        client_buffer_bytes: 4096,
        // Buffers are given back within the turn, so they bound a turn, not the connections.
        upstream_buffers: 256,
        upstream_buffer_bytes: 32 * 1024,
    }
}

/// Batches of all threads on their way to totals and points.
struct Gathering {
    interval: Duration,
    threads: usize,
    requests: usize,
    requests_max: Option<u64>,
    total: Tally,
    /// Per interval: what came so far and from how many threads.
    open: BTreeMap<u64, Tally>,
    /// The newest interval that each thread has handed over.
    newest: Vec<Option<u64>>,
    points: Vec<Point>,
}

impl Gathering {
    fn new(scenario: &Scenario, interval: Duration) -> Self {
        Self {
            interval,
            threads: scenario.threads,
            requests: scenario.requests.len(),
            requests_max: scenario.requests_max,
            total: Tally::new(scenario.requests.len()),
            open: BTreeMap::new(),
            newest: vec![None; scenario.threads],
            points: Vec::new(),
        }
    }

    /// Until every thread has hung up.
    fn gather(
        &mut self,
        received: &mpsc::Receiver<Batch>,
        gate: &Gate,
        load: Duration,
        observe: &mut dyn FnMut(&Progress),
    ) {
        let mut last_observed = Instant::now();
        loop {
            match received.recv_timeout(Duration::from_millis(100)) {
                Ok(batch) => self.take(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if last_observed.elapsed() < Duration::from_millis(100) {
                continue;
            }
            last_observed = Instant::now();
            let elapsed = gate.start.get().map_or(Duration::ZERO, Instant::elapsed);
            let by_time = elapsed.as_secs_f64() / load.as_secs_f64();
            let by_count = self
                .requests_max
                .map_or(0.0, |requests| self.total.finished() as f64 / requests as f64);
            observe(&Progress {
                elapsed,
                done: by_time.max(by_count).clamp(0.0, 1.0),
                answered: self.total.answered,
                failed: self.total.failed(),
                latest: self.points.last().cloned(),
            });
        }
    }

    fn take(&mut self, batch: &Batch) {
        self.total.merge(&batch.tally);
        let requests = self.requests;
        self.open.entry(batch.interval).or_insert_with(|| Tally::new(requests)).merge(&batch.tally);
        if let Some(newest) = self.newest.get_mut(batch.thread) {
            *newest = Some(batch.interval);
        }
        // An interval is complete when every thread has come to it or beyond.
        let complete = self
            .newest
            .iter()
            .map(|newest| newest.map_or(0, |interval| interval + 1))
            .min()
            .unwrap_or(0);
        debug_assert_eq!(self.newest.len(), self.threads, "one place per thread");
        while let Some(entry) = self.open.first_entry()
            && *entry.key() < complete
        {
            let (interval, tally) = entry.remove_entry();
            self.points.push(point(interval, &tally, self.interval));
        }
    }

    fn finish(mut self, load_end: Duration) -> (Tally, Vec<Point>) {
        for (interval, tally) in std::mem::take(&mut self.open) {
            self.points.push(point(interval, &tally, self.interval));
        }
        // The last interval of the load is often cut short; its rate must not look lower for it.
        let end_s = load_end.as_secs_f64();
        self.points.retain(|point| point.start_s < end_s || point.answered + point.failed > 0);
        for point in &mut self.points {
            if point.start_s < end_s && point.start_s + point.length_s > end_s {
                point.length_s = end_s - point.start_s;
            }
        }
        // A stub of an interval says nothing but noise.
        let stub = |point: &Point| point.length_s < self.interval.as_secs_f64() / 5.0;
        if self.points.len() > 1 && self.points.last().is_some_and(stub) {
            self.points.pop();
        }
        (self.total, self.points)
    }
}

fn point(interval: u64, tally: &Tally, length: Duration) -> Point {
    let length_s = length.as_secs_f64();
    Point {
        start_s: interval as f64 * length_s,
        length_s,
        answered: tally.answered,
        failed: tally.failed(),
        p50_us: tally.latency.value_at_quantile(0.5),
        p99_us: tally.latency.value_at_quantile(0.99),
        max_us: tally.latency.max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Draft;
    use crate::tally::Times;

    fn batch(thread: usize, interval: u64, answers: u64) -> Batch {
        let mut tally = Box::new(Tally::new(1));
        for _ in 0..answers {
            let times =
                Times { latency: Duration::from_millis(1), service: Duration::from_millis(1) };
            tally.answered(0, 200, times, None);
        }
        Batch { thread, interval, tally }
    }

    #[test]
    fn an_interval_is_a_point_when_every_thread_has_told_of_it() {
        let mut draft = Draft::for_url("http://h/").unwrap();
        draft.threads = Some(2);
        let scenario = draft.finish().unwrap();
        let mut gathering = Gathering::new(&scenario, Duration::from_secs(1));
        gathering.take(&batch(0, 0, 5));
        gathering.take(&batch(0, 1, 5));
        assert!(gathering.points.is_empty());
        gathering.take(&batch(1, 0, 7));
        assert_eq!(gathering.points.len(), 1);
        assert_eq!(gathering.points[0].answered, 12);
        let (total, points) = gathering.finish(Duration::from_millis(1500));
        assert_eq!(total.answered, 17);
        assert_eq!(points.len(), 2);
        assert_eq!(points[1].length_s, 0.5, "cut short where the load ended");
    }
}
