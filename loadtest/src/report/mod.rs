//! The result of a run: one structure, written as text, JSON and HTML, and compared with another.
//!
//! [`Report`] is the JSON: other tools read it, so names and units in it are a contract. Times are in
//! microseconds (`_us`) or seconds (`_s`), shares between 0 and 1.

pub mod text;
pub mod html;
pub mod plot;
pub mod compare;

use crate::run::{Outcome, Point};
use crate::scenario::{Load, Scenario};
use crate::tally::{Failure, Tally};
use crate::units;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The version of the JSON's shape; it rises when something is renamed or removed.
pub const FORMAT: u32 = 1;

/// Above this share of a core a thread of the load tester counts as the bottleneck.
const BUSY_SHARE: f64 = 0.95;
/// Sending later than meant by more than this, at the 99th percentile, spoils the latencies. A tenth
/// of a millisecond below it is what timers and a turn of the loop cost.
const LATE: Duration = Duration::from_millis(1);

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// The load tester's version.
    pub version: String,
    /// When the run began: RFC 3339, UTC.
    pub started: String,
    /// The scenario's file or the URL.
    pub scenario: String,
    /// The URL under test.
    pub target: String,
    /// The address that was called.
    pub address: String,
    /// Closed or open loop, and how much.
    pub load: LoadReport,
    /// How long requests were counted, in seconds: the load without its warm-up.
    pub window_s: f64,
    /// When the load ended, in seconds from the start; what the series has behind it are answers to
    /// requests sent before.
    pub load_end_s: f64,
    /// Whether Ctrl-C ended the run.
    pub interrupted: bool,
    /// Complete answers, expected or not.
    pub answered: u64,
    /// Failed requests, answers that were not as expected among them.
    pub failed: u64,
    /// Failed requests as a share of all finished ones.
    pub failed_share: f64,
    /// Answers per second.
    pub rate: f64,
    /// Bytes received, heads and framing included.
    pub received_bytes: u64,
    /// Bytes sent, heads and framing included.
    pub sent_bytes: u64,
    /// From when a request was meant to leave until its answer was complete.
    pub latency: Summary,
    /// From when a request was sent until its answer was complete.
    pub service: Summary,
    /// Until a connection was there.
    pub connect: Summary,
    /// Answers per status.
    pub statuses: BTreeMap<u16, u64>,
    /// Failed requests per kind; kinds that did not happen are absent.
    pub failures: BTreeMap<String, u64>,
    /// Per request of the scenario, when it has several.
    pub requests: Vec<RequestReport>,
    /// Objectives and whether they were met.
    pub objectives: Vec<ObjectiveReport>,
    /// What the load tester itself used and how late it was.
    pub generator: Generator,
    /// Latency by percentile, for plots: pairs of percentile (0 to 100) and microseconds.
    pub latency_percentiles: Vec<(f64, u64)>,
    /// As `latency_percentiles`, for the service time.
    pub service_percentiles: Vec<(f64, u64)>,
    /// The time series.
    pub series: Vec<Point>,
}

/// Closed or open loop, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Whether answers pace the requests, or the clock.
    #[serde(rename = "loop")]
    pub kind: LoopKind,
    /// Requests per second meant to be sent, on average over the window; open loop only.
    pub rate: Option<f64>,
    /// The highest rate meant; open loop only.
    pub rate_peak: Option<f64>,
    /// Connections at most.
    pub connections: usize,
    /// Threads.
    pub threads: usize,
    /// Requests under way on one connection.
    pub pipelining: usize,
    /// Whether connections were used again.
    pub keep_alive: bool,
    /// The seed of the random values.
    pub seed: u64,
}

/// Whether answers pace the requests, or the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoopKind {
    /// The next request leaves when the last is answered. Latency then leaves out whom a stall kept
    /// from asking (coordinated omission).
    Closed,
    /// Requests leave by the clock.
    Open,
}

/// A distribution of times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Average.
    pub mean_us: f64,
    /// Standard deviation.
    pub deviation_us: f64,
    /// The best.
    pub min_us: u64,
    /// Half are at or below this.
    pub p50_us: u64,
    /// As named.
    pub p75_us: u64,
    /// As named.
    pub p90_us: u64,
    /// As named.
    pub p95_us: u64,
    /// As named.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// 99.99 %.
    pub p9999_us: u64,
    /// The worst.
    pub max_us: u64,
}

/// One request of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Its name.
    pub name: String,
    /// Complete answers.
    pub answered: u64,
    /// Failed requests.
    pub failed: u64,
    /// Its latency.
    pub latency: Summary,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveReport {
    /// As stated.
    pub objective: String,
    /// What was measured.
    pub found: String,
    /// Whether it was met.
    pub met: bool,
}

/// What the load tester itself used and how late it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// CPU seconds of all its threads.
    pub cpu_s: f64,
    /// The busiest thread's CPU as a share of one core.
    pub busiest_share: f64,
    /// CPU microseconds per answer.
    pub cpu_us_per_answer: f64,
    /// How much later than meant requests were sent although a connection was free; open loop only.
    pub lateness: Summary,
    /// Why the figures are those of the load tester rather than of the service; absent when not.
    pub bottleneck: Option<String>,
}

impl Report {
    /// The report of an outcome.
    pub fn new(scenario: &Scenario, outcome: &Outcome) -> Self {
        let tally = &outcome.tally;
        let rate = outcome.rate();
        let objectives = scenario
            .objectives
            .iter()
            .map(|objective| {
                let verdict = objective.judge(tally, rate);
                ObjectiveReport {
                    objective: verdict.objective,
                    found: verdict.found,
                    met: verdict.met,
                }
            })
            .collect();
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: started(outcome.started_epoch_ms),
            scenario: scenario.name.clone(),
            target: scenario.target.to_string(),
            address: outcome.address.to_string(),
            load: load(scenario, outcome),
            window_s: outcome.window.as_secs_f64(),
            load_end_s: (outcome.window + scenario.warmup).as_secs_f64(),
            interrupted: outcome.interrupted,
            answered: tally.answered,
            failed: tally.failed(),
            failed_share: tally.failed_share(),
            rate,
            received_bytes: tally.received_bytes,
            sent_bytes: tally.sent_bytes,
            latency: Summary::of(&tally.latency),
            service: Summary::of(&tally.service),
            connect: Summary::of(&tally.connect),
            statuses: tally.statuses().collect(),
            failures: Failure::ALL
                .into_iter()
                .map(|failure| (failure.name().to_owned(), tally.failures(failure)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            requests: scenario
                .requests
                .iter()
                .zip(&tally.requests)
                .map(|(request, tally)| RequestReport {
                    name: request.name.clone(),
                    answered: tally.answered,
                    failed: tally.failed,
                    latency: Summary::of(&tally.latency),
                })
                .collect(),
            objectives,
            generator: generator(outcome),
            latency_percentiles: percentiles(&tally.latency),
            service_percentiles: percentiles(&tally.service),
            series: outcome.series.clone(),
        }
    }

    /// Whether every objective was met, and something was answered at all.
    pub fn is_success(&self) -> bool {
        self.answered > 0 && self.objectives.iter().all(|objective| objective.met)
    }
}

impl Summary {
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            mean_us: histogram.mean(),
            deviation_us: histogram.stdev(),
            min_us: histogram.min(),
            p50_us: histogram.value_at_quantile(0.5),
            p75_us: histogram.value_at_quantile(0.75),
            p90_us: histogram.value_at_quantile(0.9),
            p95_us: histogram.value_at_quantile(0.95),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            p9999_us: histogram.value_at_quantile(0.9999),
            max_us: histogram.max(),
        }
    }
}

/// Five points for each halving of what is left above: dense where the curve bends.
fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    histogram
        .iter_quantiles(5)
        .map(|step| (rounded(step.quantile_iterated_to() * 100.0), step.value_iterated_to()))
        .collect()
}

impl LoadReport {
    /// `constant rate of 100/s`, `ramp up to 500/s (250/s on average)`, `closed loop`.
    pub fn pace(&self) -> String {
        match (self.kind, self.rate, self.rate_peak) {
            (LoopKind::Closed, ..) => "closed loop".to_owned(),
            // Half a per cent: the average of a constant rate is not always exact.
            (LoopKind::Open, Some(rate), Some(peak)) if peak > rate * 1.005 => format!(
                "ramp up to {}/s ({}/s on average)",
                units::write_rate(peak),
                units::write_rate(rate)
            ),
            (LoopKind::Open, Some(rate), _) => {
                format!("constant rate of {}/s", units::write_rate(rate))
            }
            (LoopKind::Open, None, _) => "by the clock".to_owned(),
        }
    }
}

/// Seven decimals: enough for a request of a billion, and short in JSON.
fn rounded(percentile: f64) -> f64 {
    (percentile * 1e7).round() / 1e7
}

fn started(epoch_ms: u64) -> String {
    i64::try_from(epoch_ms)
        .ok()
        .and_then(|epoch_ms| jiff::Timestamp::from_millisecond(epoch_ms).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

fn load(scenario: &Scenario, outcome: &Outcome) -> LoadReport {
    let (kind, rate, rate_peak) = match &scenario.load {
        Load::Closed { .. } => (LoopKind::Closed, None, None),
        Load::Open { rate } => {
            let end = outcome.window + scenario.warmup;
            let meant = rate.area(scenario.warmup, end);
            let seconds = outcome.window.as_secs_f64();
            let mean = (seconds > 0.0).then(|| meant / seconds);
            (LoopKind::Open, mean, Some(rate.peak()))
        }
    };
    LoadReport {
        kind,
        rate,
        rate_peak,
        connections: scenario.connections,
        threads: scenario.threads,
        pipelining: scenario.pipelining,
        keep_alive: scenario.keep_alive,
        seed: scenario.seed,
    }
}

fn generator(outcome: &Outcome) -> Generator {
    let cpu: Duration = outcome.threads.iter().map(|thread| thread.cpu).sum();
    let busiest_share = outcome
        .threads
        .iter()
        .filter(|thread| !thread.wall.is_zero())
        .map(|thread| thread.cpu.as_secs_f64() / thread.wall.as_secs_f64())
        .fold(0.0, f64::max);
    let lateness = Summary::of(&outcome.tally.lateness);
    Generator {
        cpu_s: cpu.as_secs_f64(),
        busiest_share,
        cpu_us_per_answer: match outcome.tally.answered {
            0 => 0.0,
            answered => cpu.as_secs_f64() * 1e6 / answered as f64,
        },
        bottleneck: bottleneck(&outcome.tally, busiest_share, &lateness),
        lateness,
    }
}

/// Whom to blame: the load tester must say so when it was itself.
fn bottleneck(tally: &Tally, busiest_share: f64, lateness: &Summary) -> Option<String> {
    if busiest_share > BUSY_SHARE {
        return Some(format!(
            "the load tester itself used {} of a core: the service may be faster than this; add \
             threads (--threads) or give it a core of its own (--pin)",
            units::write_share(busiest_share)
        ));
    }
    if tally.failures(Failure::NoSocket) > 0 {
        return Some(
            "sockets ran out on this host: raise the limit on file descriptors, widen \
             net.ipv4.ip_local_port_range or use keep-alive"
                .to_owned(),
        );
    }
    if lateness.p99_us as f64 > LATE.as_secs_f64() * 1e6 {
        return Some(format!(
            "the load tester itself sent one of 100 requests more than {} late although a \
             connection was free: this host is too busy to measure; the latencies include its delay",
            units::write_microseconds(lateness.p99_us as f64)
        ));
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::ThreadEnd;
    use crate::scenario::Draft;
    use crate::tally::Times;

    /// A run that never happened: 1,000 answers from 1 to 1,000 us, some failures.
    pub(crate) fn sample(change: impl FnOnce(&mut Draft, &mut Outcome)) -> Report {
        let mut draft = Draft::for_url("http://127.0.0.1:8080/items").unwrap();
        draft.rate = Some(100.0);
        draft.seed = Some(7);
        let mut tally = Tally::new(1);
        for us in 1..=1000 {
            let times = Times {
                latency: Duration::from_micros(us),
                service: Duration::from_micros(us.div_ceil(2)),
            };
            let status = if us % 100 == 0 { 503 } else { 200 };
            tally.answered(0, status, times, (us % 100 == 0).then_some(Failure::Status));
        }
        tally.failed_request(0, Failure::Reset, None);
        tally.connected(Duration::from_micros(90));
        tally.late(Duration::from_micros(30));
        tally.received_bytes = 200_000;
        tally.sent_bytes = 90_000;
        let series = (0..10)
            .map(|second| Point {
                start_s: f64::from(second),
                length_s: 1.0,
                answered: 100,
                failed: u64::from(second == 4),
                p50_us: 500,
                p99_us: 990,
                max_us: 1000,
            })
            .collect();
        let mut outcome = Outcome {
            tally,
            window: Duration::from_secs(10),
            series,
            threads: vec![ThreadEnd {
                cpu: Duration::from_millis(50),
                wall: Duration::from_secs(10),
                last_answer: Duration::from_secs(10),
                load_end: Duration::from_secs(10),
            }],
            started_epoch_ms: 1_790_000_000_000,
            interrupted: false,
            address: "127.0.0.1:8080".parse().unwrap(),
        };
        change(&mut draft, &mut outcome);
        Report::new(&draft.finish().unwrap(), &outcome)
    }

    #[test]
    fn the_json_reads_back_as_it_was() {
        let report = sample(|_, _| {});
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        assert_eq!(report.rate, 100.0);
        assert_eq!(report.load.rate, Some(100.0));
        assert_eq!(report.failures["unexpected_status"], 10);
        assert!(json.contains("\"loop\":\"open\""));
    }

    #[test]
    fn percentiles_rise_to_the_maximum() {
        let report = sample(|_, _| {});
        let points = &report.latency_percentiles;
        assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        assert_eq!(points.last().map(|point| point.1), Some(1000));
    }

    #[test]
    fn the_load_tester_blames_itself_when_it_must() {
        assert_eq!(sample(|_, _| {}).generator.bottleneck, None);
        let busy = sample(|_, outcome| outcome.threads[0].cpu = Duration::from_millis(9_600));
        assert!(busy.generator.bottleneck.unwrap().contains("96.0 % of a core"));
        let almost = sample(|_, outcome| outcome.threads[0].cpu = Duration::from_millis(9_400));
        assert_eq!(almost.generator.bottleneck, None);
        let late = sample(|_, outcome| {
            (0..50).for_each(|_| outcome.tally.late(Duration::from_millis(20)));
        });
        assert!(late.generator.bottleneck.unwrap().contains("late"));
        let no_socket = sample(|_, outcome| {
            outcome.tally.failed_request(0, Failure::NoSocket, None);
        });
        assert!(no_socket.generator.bottleneck.unwrap().contains("sockets ran out"));
    }

    #[test]
    fn silence_is_no_success() {
        assert!(sample(|_, _| {}).is_success());
        assert!(!sample(|_, outcome| outcome.tally = Tally::new(1)).is_success());
        let missed = sample(|draft, _| draft.objectives.push("p99 < 10us".parse().unwrap()));
        assert!(!missed.is_success());
        assert_eq!(missed.objectives[0].found, "990 us");
    }
}
