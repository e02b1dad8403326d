//! Two results side by side: what got better, what got worse, and whether that matters.

use super::{LoopKind, Report};
use crate::units::{write_microseconds, write_rate, write_share};

/// From which difference on a change counts.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Relative difference, such as 0.05.
    pub share: f64,
    /// Differences of times below this many microseconds never count: timers and schedulers make
    /// them by themselves.
    pub noise_us: f64,
}

/// A row of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is compared.
    pub metric: &'static str,
    before: String,
    after: String,
    /// The change as text, such as `+3.1 %`.
    change: String,
    /// Whether and how it counts.
    pub verdict: Verdict,
}

/// Whether a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Shown, never judged.
    Shown,
    /// Within the tolerance.
    Same,
    /// Better by more than the tolerance.
    Better,
    /// Worse by more than the tolerance.
    Worse,
}

/// Compares two results. Rates of open loops and maxima are shown but not judged: the first is what
/// was asked for, the second is a single request.
pub fn compare(before: &Report, after: &Report, tolerance: Tolerance) -> Vec<Row> {
    let times = |metric, before: f64, after: f64, judged: bool| {
        let share = change(before, after);
        let counts = (after - before).abs() > tolerance.noise_us && share.abs() > tolerance.share;
        Row {
            metric,
            before: write_microseconds(before),
            after: write_microseconds(after),
            change: signed_share(share),
            verdict: match (judged, counts) {
                (false, _) => Verdict::Shown,
                (true, false) => Verdict::Same,
                (true, true) if after > before => Verdict::Worse,
                (true, true) => Verdict::Better,
            },
        }
    };
    let rate_share = change(before.rate, after.rate);
    let closed = |report: &Report| report.load.kind == LoopKind::Closed;
    let rate = Row {
        metric: "rate",
        before: format!("{}/s", write_rate(before.rate)),
        after: format!("{}/s", write_rate(after.rate)),
        change: signed_share(rate_share),
        verdict: if !closed(before) || !closed(after) {
            // A lower rate than was asked for shows as errors or latency; judged only when it fell.
            match (before.load.rate, after.load.rate) {
                (Some(_), Some(asked)) if after.rate < asked * (1.0 - tolerance.share) => {
                    judged(rate_share, tolerance.share)
                }
                _ => Verdict::Shown,
            }
        } else {
            judged(rate_share, tolerance.share)
        },
    };
    let points = after.failed_share - before.failed_share;
    let errors = Row {
        metric: "errors",
        before: write_share(before.failed_share),
        after: write_share(after.failed_share),
        change: format!("{:+.2} points", points * 100.0),
        // A tenth of a point: relative changes of nearly nothing mean nothing.
        verdict: judged(-points, 0.001),
    };
    let (old, new) = (&before.latency, &after.latency);
    vec![
        rate,
        errors,
        times("mean", old.mean_us, new.mean_us, true),
        times("p50", old.p50_us as f64, new.p50_us as f64, true),
        times("p90", old.p90_us as f64, new.p90_us as f64, true),
        times("p99", old.p99_us as f64, new.p99_us as f64, true),
        times("p99.9", old.p999_us as f64, new.p999_us as f64, false),
        times("max", old.max_us as f64, new.max_us as f64, false),
    ]
}

/// A change where more is better.
fn judged(change: f64, tolerance: f64) -> Verdict {
    if change.abs() <= tolerance {
        Verdict::Same
    } else if change > 0.0 {
        Verdict::Better
    } else {
        Verdict::Worse
    }
}

fn change(before: f64, after: f64) -> f64 {
    if before > 0.0 {
        (after - before) / before
    } else if after > 0.0 {
        1.0
    } else {
        0.0
    }
}

fn signed_share(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// The comparison as a table, and what makes the runs hard to compare.
pub fn render(before: &Report, after: &Report, rows: &[Row]) -> String {
    let mut text = format!("{:8}{:>14}{:>14}{:>14}\n", "", "before", "after", "change");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Shown => "",
            Verdict::Same => "  same",
            Verdict::Better => "  better",
            Verdict::Worse => "  worse",
        };
        text.push_str(&format!(
            "{:8}{:>14}{:>14}{:>14}{verdict}\n",
            row.metric, row.before, row.after, row.change
        ));
    }
    for warning in differences(before, after) {
        text.push_str(&format!("attention: {warning}\n"));
    }
    text
}

/// What makes two runs hard to compare.
fn differences(before: &Report, after: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    let (old, new) = (&before.load, &after.load);
    if old.kind != new.kind {
        warnings.push("one is a closed loop, the other an open one".to_owned());
    }
    if let (Some(old), Some(new)) = (old.rate, new.rate)
        && change(old, new).abs() > 0.01
    {
        let (old, new) = (write_rate(old), write_rate(new));
        warnings.push(format!("the rates asked for differ: {old}/s and {new}/s"));
    }
    if (old.connections, old.pipelining, old.keep_alive)
        != (new.connections, new.pipelining, new.keep_alive)
    {
        warnings.push("connections, pipelining or keep-alive differ".to_owned());
    }
    for (which, report) in [("before", before), ("after", after)] {
        if let Some(bottleneck) = &report.generator.bottleneck {
            warnings.push(format!("{which}: {bottleneck}"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    const TOLERANCE: Tolerance = Tolerance { share: 0.05, noise_us: 20.0 };

    fn verdict(rows: &[Row], metric: &str) -> Verdict {
        rows.iter().find(|row| row.metric == metric).unwrap().verdict
    }

    #[test]
    fn a_run_is_the_same_as_itself() {
        let report = sample(|_, _| {});
        let rows = compare(&report, &report, TOLERANCE);
        assert!(
            rows.iter().all(|row| row.verdict != Verdict::Worse && row.verdict != Verdict::Better)
        );
    }

    #[test]
    fn both_sides_of_the_tolerance() {
        let before = sample(|_, _| {});
        let mut after = before.clone();
        after.latency.p99_us = 1039;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "p99"), Verdict::Same);
        after.latency.p99_us = 1041;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "p99"), Verdict::Worse);
        after.latency.p99_us = 900;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "p99"), Verdict::Better);
    }

    #[test]
    fn small_times_are_noise() {
        let mut before = sample(|_, _| {});
        before.latency.p50_us = 30;
        let mut after = before.clone();
        after.latency.p50_us = 49;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "p50"), Verdict::Same);
        after.latency.p50_us = 51;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "p50"), Verdict::Worse);
    }

    #[test]
    fn errors_count_in_points_and_rates_of_closed_loops_count() {
        let mut before = sample(|draft, _| draft.rate = None);
        before.failed_share = 0.0;
        let mut after = before.clone();
        after.failed_share = 0.0009;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "errors"), Verdict::Same);
        after.failed_share = 0.0011;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "errors"), Verdict::Worse);
        after.rate = 94.0;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "rate"), Verdict::Worse);
        after.rate = 96.0;
        assert_eq!(verdict(&compare(&before, &after, TOLERANCE), "rate"), Verdict::Same);
    }

    #[test]
    fn unlike_runs_are_pointed_out() {
        let open = sample(|_, _| {});
        let closed = sample(|draft, _| {
            draft.rate = None;
            draft.connections = Some(8);
        });
        let text = render(&open, &closed, &compare(&open, &closed, TOLERANCE));
        assert!(text.contains("one is a closed loop"));
        assert!(text.contains("connections, pipelining or keep-alive differ"));
    }
}
