//! Latency: a Prometheus histogram since the start, and a window for quantiles.
//!
//! The histogram's counts come from the HDR histograms of the shards: a value's cell belongs to a bucket
//! when its middle does, so a bound is off by at most 0.4 %. Quantiles come from the HDR cells of
//! the last two half windows; over the whole life of a process they would soon stop moving.

use hdrhistogram::Histogram;

use crate::telemetry::batch::latency_histogram;

/// Upper bounds in microseconds, and as they are printed, in seconds. Two to three per decade, finer
/// where a gateway's answers are; 29 s is Amazon's integration timeout.
pub const BOUNDS: [(u64, &str); 20] = [
    (50, "0.00005"),
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (29_000_000, "29"),
    (30_000_000, "30"),
    (60_000_000, "60"),
];

/// The quantiles printed.
pub(super) const QUANTILES: [(f64, &str); 4] =
    [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99"), (0.999, "0.999")];

/// Latencies of one series.
#[derive(Debug)]
pub(super) struct Latency {
    /// By bound, not cumulative; the last is for what is above all bounds.
    counts: [u64; BOUNDS.len() + 1],
    sum_us: u64,
    /// The half window that fills, and the one before.
    window: [Histogram<u32>; 2],
}

impl Latency {
    pub(super) fn new() -> Self {
        Self {
            counts: [0; BOUNDS.len() + 1],
            sum_us: 0,
            window: [latency_histogram(), latency_histogram()],
        }
    }

    /// Adds what a shard recorded, and its exact sum.
    pub(super) fn add(&mut self, recorded: &Histogram<u32>, sum_us: u64) {
        if recorded.is_empty() {
            return;
        }
        for cell in recorded.iter_recorded() {
            let middle = recorded.median_equivalent(cell.value_iterated_to());
            let bucket = BOUNDS.partition_point(|&(bound, _)| bound < middle);
            self.counts[bucket] += cell.count_since_last_iteration();
        }
        self.sum_us += sum_us;
        self.window[0]
            .add(recorded)
            .expect("both come from `latency_histogram`, so every value has its place");
    }

    /// Adds another's total; its window is over.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.sum_us += other.sum_us;
    }

    /// Begins the next half window.
    pub(super) fn turn_window(&mut self) {
        self.window.swap(0, 1);
        self.window[0].reset();
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// How many were at most each bound.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let mut sum = 0;
        BOUNDS.iter().zip(self.counts).map(move |(&(_, text), count)| {
            sum += count;
            (text, sum)
        })
    }

    /// The quantiles of the window in seconds; nothing when it is empty.
    pub(super) fn quantiles(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let mut both = self.window[0].clone();
        both.add(&self.window[1])
            .expect("both come from `latency_histogram`, so every value has its place");
        let shown = if both.is_empty() { &[][..] } else { &QUANTILES[..] };
        shown
            .iter()
            .map(move |&(quantile, text)| (text, both.value_at_quantile(quantile) as f64 / 1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(values: impl IntoIterator<Item = u64>) -> (Histogram<u32>, u64) {
        let mut histogram = latency_histogram();
        let mut sum = 0;
        for value in values {
            histogram.saturating_record(value);
            sum += value;
        }
        (histogram, sum)
    }

    #[test]
    fn quantiles_are_right_to_one_per_cent() {
        let mut latency = Latency::new();
        let (histogram, sum) = recorded(1..=100_000);
        latency.add(&histogram, sum);
        let expected = [0.05, 0.09, 0.099, 0.0999];
        for ((text, found), expected) in latency.quantiles().zip(expected) {
            assert!((found / expected - 1.0).abs() < 0.01, "{text}: {found} for {expected}");
        }
        assert_eq!(latency.sum_seconds(), 5000.05);
    }

    #[test]
    fn buckets_are_cumulative_and_each_bound_is_inclusive() {
        let mut latency = Latency::new();
        for (bound, _) in BOUNDS {
            // A cell's width beyond the bound is certainly above it.
            let (histogram, sum) = recorded([bound - bound / 100, bound + 1 + bound / 64]);
            latency.add(&histogram, sum);
        }
        let counts: Vec<u64> = latency.cumulative().map(|(_, count)| count).collect();
        // Below 64 us a cell is exactly one microsecond; between 29 s and 30 s are all of both.
        let expected: Vec<u64> = (0..BOUNDS.len() as u64).map(|index| 2 * index + 1).collect();
        assert_eq!(counts, expected);
        assert_eq!(latency.count(), 2 * BOUNDS.len() as u64);
    }

    #[test]
    fn the_window_forgets_after_two_turns_and_the_total_does_not() {
        let mut latency = Latency::new();
        let (histogram, sum) = recorded([1000]);
        latency.add(&histogram, sum);
        latency.turn_window();
        assert_eq!(latency.quantiles().count(), QUANTILES.len());
        latency.turn_window();
        assert_eq!(latency.quantiles().count(), 0);
        assert_eq!(latency.count(), 1);
    }

    #[test]
    fn what_is_beyond_the_range_counts_as_its_end() {
        let mut latency = Latency::new();
        let (histogram, _) = recorded([u64::MAX]);
        latency.add(&histogram, 0);
        assert_eq!(latency.cumulative().last(), Some(("60", 0)));
        assert_eq!(latency.count(), 1);
        let (_, slowest) = latency.quantiles().last().unwrap();
        assert!((99.0..=101.0).contains(&slowest), "{slowest}");
    }
}
