//! What a thread counts, and how counts merge.
//!
//! Each thread fills its own tally and hands it over whole, some times a second; nothing is shared
//! while the load runs.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Ways in which a request fails. The order is the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Failure {
    /// The connection was refused: nobody listens there.
    ConnectRefused,
    /// The connection was not there in time.
    ConnectTimeout,
    /// The connection failed in another way: unreachable, reset in the handshake.
    ConnectFailed,
    /// No socket could be opened here: file descriptors or local ports ran out. Not the service's
    /// fault.
    NoSocket,
    /// The TLS handshake or a record failed.
    Tls,
    /// The connection was reset while a request was under way.
    Reset,
    /// The connection was closed before the answer was complete.
    ClosedEarly,
    /// No complete answer within the timeout, counted from when the request was sent.
    Timeout,
    /// The request could not leave within its timeout, because every connection was busy or down.
    NotSent,
    /// What came back is not an HTTP/1.1 response, or breaks off its own framing.
    Malformed,
    /// A complete answer with a status that was not expected.
    Status,
    /// A complete answer with a body that was not expected.
    Body,
    /// Still under way when the run was interrupted.
    Unanswered,
}

impl Failure {
    /// All of them, in the order of reports.
    pub const ALL: [Failure; 13] = [
        Failure::ConnectRefused,
        Failure::ConnectTimeout,
        Failure::ConnectFailed,
        Failure::NoSocket,
        Failure::Tls,
        Failure::Reset,
        Failure::ClosedEarly,
        Failure::Timeout,
        Failure::NotSent,
        Failure::Malformed,
        Failure::Status,
        Failure::Body,
        Failure::Unanswered,
    ];

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Failure::ConnectRefused => "connect_refused",
            Failure::ConnectTimeout => "connect_timeout",
            Failure::ConnectFailed => "connect_failed",
            Failure::NoSocket => "no_socket",
            Failure::Tls => "tls",
            Failure::Reset => "reset",
            Failure::ClosedEarly => "closed_early",
            Failure::Timeout => "timeout",
            Failure::NotSent => "not_sent",
            Failure::Malformed => "malformed",
            Failure::Status => "unexpected_status",
            Failure::Body => "unexpected_body",
            Failure::Unanswered => "unanswered",
        }
    }

    /// The sentence for the word in JSON; a word from another version stands for itself.
    pub fn explain(name: &str) -> &str {
        match Self::ALL.into_iter().find(|failure| failure.name() == name) {
            Some(failure) => failure.explanation(),
            None => name,
        }
    }

    /// The sentence in text reports.
    pub fn explanation(self) -> &'static str {
        match self {
            Failure::ConnectRefused => "connection refused",
            Failure::ConnectTimeout => "no connection within the connect timeout",
            Failure::ConnectFailed => "connection failed",
            Failure::NoSocket => "no socket to be had on this host (descriptors or ports ran out)",
            Failure::Tls => "TLS failed",
            Failure::Reset => "connection reset during a request",
            Failure::ClosedEarly => "connection closed before the answer was complete",
            Failure::Timeout => "no complete answer within the timeout",
            Failure::NotSent => "not sent within the timeout: every connection was busy or down",
            Failure::Malformed => "answer is not valid HTTP/1.1",
            Failure::Status => "unexpected status",
            Failure::Body => "unexpected body",
            Failure::Unanswered => "still under way when the run was interrupted",
        }
    }
}

/// Statuses are counted from 100 to 599; others are malformed before they come here.
const STATUS_FIRST: u16 = 100;
const STATUS_COUNT: usize = 500;

/// Counts of one request of the scenario.
#[derive(Debug, Clone)]
pub struct RequestTally {
    /// Complete answers.
    pub answered: u64,
    /// Requests that failed, among them answers that were not as expected.
    pub failed: u64,
    /// Latency of those that were answered or ran out of time.
    pub latency: Histogram<u64>,
}

/// Counts of one thread in one span of time, or of many merged.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Complete answers, expected or not.
    pub answered: u64,
    /// Of these, how many came after the load had ended: they count for latency, not for the rate.
    pub answered_late: u64,
    failures: [u64; Failure::ALL.len()],
    statuses: Box<[u64; STATUS_COUNT]>,
    /// Microseconds from when the request was meant to leave (open loop) or was sent (closed loop)
    /// until its answer was complete. Requests that ran out of time stand in it with the time they
    /// were given up: a lower bound, and better than leaving the worst ones out.
    pub latency: Histogram<u64>,
    /// Microseconds from when the request was sent until its answer was complete.
    pub service: Histogram<u64>,
    /// Microseconds until a connection was there, TLS handshake included.
    pub connect: Histogram<u64>,
    /// Microseconds by which the load tester itself sent later than meant, though a connection was
    /// free: its own fault, not the service's.
    pub lateness: Histogram<u64>,
    /// Bytes received, heads and framing included.
    pub received_bytes: u64,
    /// Bytes sent, heads and framing included.
    pub sent_bytes: u64,
    /// Per request of the scenario; empty when there is only one.
    pub requests: Vec<RequestTally>,
}

/// Three significant digits: an error of at most 0.1 %.
fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are within the 0 to 5 that the histogram takes")
}

/// A duration in whole microseconds, at least one: a histogram has no place for zero.
#[inline]
pub fn microseconds(duration: Duration) -> u64 {
    (duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())).max(1)
}

/// Records a value; what a histogram cannot hold (it grows up to 2^63) is no time that can pass.
#[inline]
fn record(histogram: &mut Histogram<u64>, value: u64) {
    let recorded = histogram.record(value);
    debug_assert!(recorded.is_ok(), "auto-resizing histograms take any u64");
}

impl Tally {
    /// An empty one for a scenario of so many requests.
    pub fn new(requests: usize) -> Self {
        let per_request = if requests > 1 { requests } else { 0 };
        Self {
            answered: 0,
            answered_late: 0,
            failures: [0; Failure::ALL.len()],
            statuses: Box::new([0; STATUS_COUNT]),
            latency: histogram(),
            service: histogram(),
            connect: histogram(),
            lateness: histogram(),
            received_bytes: 0,
            sent_bytes: 0,
            requests: (0..per_request)
                .map(|_| RequestTally { answered: 0, failed: 0, latency: histogram() })
                .collect(),
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.answered == 0
            && self.failed() == 0
            && self.connect.is_empty()
            && self.received_bytes == 0
            && self.sent_bytes == 0
            && self.lateness.is_empty()
    }

    /// A complete answer. `wrong`: it was not the expected one.
    #[inline]
    pub fn answered(&mut self, request: usize, status: u16, times: Times, wrong: Option<Failure>) {
        self.answered += 1;
        if let Some(count) = status
            .checked_sub(STATUS_FIRST)
            .and_then(|index| self.statuses.get_mut(usize::from(index)))
        {
            *count += 1;
        }
        let latency = microseconds(times.latency);
        record(&mut self.latency, latency);
        record(&mut self.service, microseconds(times.service));
        if let Some(request) = self.requests.get_mut(request) {
            request.answered += 1;
            request.failed += u64::from(wrong.is_some());
            record(&mut request.latency, latency);
        }
        if let Some(failure) = wrong {
            self.failures[failure as usize] += 1;
        }
    }

    /// A request that got no complete answer. `waited`: it was given up after so long, which counts
    /// as (a lower bound of) its latency; absent for those that failed at once, whose short time
    /// would flatter.
    pub fn failed_request(&mut self, request: usize, failure: Failure, waited: Option<Duration>) {
        self.failures[failure as usize] += 1;
        if let Some(waited) = waited {
            record(&mut self.latency, microseconds(waited));
        }
        if let Some(request) = self.requests.get_mut(request) {
            request.failed += 1;
            if let Some(waited) = waited {
                record(&mut request.latency, microseconds(waited));
            }
        }
    }

    /// A connection is there.
    pub fn connected(&mut self, took: Duration) {
        record(&mut self.connect, microseconds(took));
    }

    /// A request left so much later than the load tester could have sent it.
    #[inline]
    pub fn late(&mut self, by: Duration) {
        record(&mut self.lateness, microseconds(by));
    }

    /// Requests that failed in this way.
    pub fn failures(&self, failure: Failure) -> u64 {
        self.failures[failure as usize]
    }

    /// Requests that failed in any way.
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Requests that came to an end: answered, or failed without an answer.
    pub fn finished(&self) -> u64 {
        let answered_wrong = self.failures(Failure::Status) + self.failures(Failure::Body);
        self.answered + self.failed() - answered_wrong
    }

    /// The share of finished requests that failed; 0 when none finished.
    pub fn failed_share(&self) -> f64 {
        match self.finished() {
            0 => 0.0,
            finished => self.failed() as f64 / finished as f64,
        }
    }

    /// Statuses that came, with their counts, rising.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        (STATUS_FIRST..).zip(self.statuses.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Adds another tally of the same scenario.
    pub fn merge(&mut self, other: &Tally) {
        self.answered += other.answered;
        self.answered_late += other.answered_late;
        for (sum, count) in self.failures.iter_mut().zip(other.failures) {
            *sum += count;
        }
        for (sum, count) in self.statuses.iter_mut().zip(other.statuses.iter()) {
            *sum += count;
        }
        add(&mut self.latency, &other.latency);
        add(&mut self.service, &other.service);
        add(&mut self.connect, &other.connect);
        add(&mut self.lateness, &other.lateness);
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        for (sum, request) in self.requests.iter_mut().zip(&other.requests) {
            sum.answered += request.answered;
            sum.failed += request.failed;
            add(&mut sum.latency, &request.latency);
        }
    }
}

fn add(sum: &mut Histogram<u64>, other: &Histogram<u64>) {
    let added = sum.add(other);
    debug_assert!(added.is_ok(), "histograms of equal precision that resize");
}

/// How long one answer took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From when the request was meant to leave.
    pub latency: Duration,
    /// From when it was sent.
    pub service: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(latency_ms: u64, service_ms: u64) -> Times {
        Times {
            latency: Duration::from_millis(latency_ms),
            service: Duration::from_millis(service_ms),
        }
    }

    #[test]
    fn merging_is_counting_together() {
        let mut whole = Tally::new(2);
        let mut merged = Tally::new(2);
        for thread in 0..3 {
            let mut part = Tally::new(2);
            for tally in [&mut whole, &mut part] {
                tally.answered(thread % 2, 200, times(thread as u64 + 1, 1), None);
                tally.answered(0, 503, times(9, 9), Some(Failure::Status));
                tally.failed_request(1, Failure::Timeout, Some(Duration::from_secs(2)));
                tally.failed_request(1, Failure::Reset, None);
                tally.connected(Duration::from_micros(100));
            }
            merged.merge(&part);
        }
        assert_eq!(merged.answered, 6);
        assert_eq!(merged.failed(), 9);
        assert_eq!(merged.finished(), 12, "wrong answers are answers, counted once");
        assert_eq!(merged.failed_share(), 0.75);
        assert_eq!(merged.statuses().collect::<Vec<_>>(), [(200, 3), (503, 3)]);
        assert_eq!(merged.latency, whole.latency);
        assert_eq!(merged.requests[1].latency, whole.requests[1].latency);
        assert_eq!(merged.latency.len(), 9, "timeouts count, resets do not");
        assert!(merged.latency.max() >= 2_000_000);
    }

    #[test]
    fn every_failure_has_its_own_place() {
        let mut tally = Tally::new(1);
        for failure in Failure::ALL {
            tally.failed_request(0, failure, None);
        }
        assert!(Failure::ALL.iter().all(|failure| tally.failures(*failure) == 1));
        assert!(tally.requests.is_empty(), "one request needs no table of its own");
    }

    #[test]
    fn times_below_a_microsecond_still_count() {
        assert_eq!(microseconds(Duration::ZERO), 1);
        assert_eq!(microseconds(Duration::from_micros(1500)), 1500);
        assert_eq!(microseconds(Duration::from_millis(61_500)), 61_500_000);
    }
}
