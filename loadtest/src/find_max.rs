//! The highest rate that still meets the objectives.
//!
//! Each step is a run at a constant rate of its own. The rate doubles until a step misses, then the
//! gap is halved until it is small enough. A step that misses is tried a second time before it
//! counts: one pause of the host must not halve the result.

use crate::report::Report;
use serde::{Deserialize, Serialize};

/// How to search.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Rate of the first step, in requests per second.
    pub from: f64,
    /// Never above this.
    pub rate_max: f64,
    /// Stop when the gap between the best rate that holds and the lowest that misses is at most this
    /// share of the former.
    pub precision: f64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The rate asked for.
    pub rate: f64,
    /// Whether it held.
    pub verdict: Held,
    /// What was measured.
    pub report: Report,
}

/// Whether a rate held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "because")]
pub enum Held {
    /// Every objective was met.
    Yes,
    /// Something was missed.
    No(String),
    /// The load tester itself was the limit: no verdict on the service.
    Unknown(String),
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The highest rate that held; absent when not even the lowest did.
    pub rate: Option<f64>,
    /// Why the search ended before it was precise: the load tester or `rate_max` was the limit.
    pub limited_by: Option<String>,
    /// All steps, in order.
    pub steps: Vec<Step>,
}

/// This share of the asked requests may be answered after the end of a step without meaning anything.
const LATE_SHARE_MAX: f64 = 0.03;

/// Whether so many requests were unanswered when the load ended that a queue must have grown, whatever
/// the objectives say. Some are always under way: rate times service time (Little's law).
fn is_behind(rate: f64, report: &Report) -> bool {
    let unanswered = (rate - report.rate) * report.window_s;
    let under_way = rate * report.service.mean_us / 1e6;
    unanswered > rate * report.window_s * LATE_SHARE_MAX + 2.0 * under_way + 1.0
}

/// Judges the report of a step.
pub fn judge(rate: f64, report: &Report) -> Held {
    let missed: Vec<String> = report
        .objectives
        .iter()
        .filter(|objective| !objective.met)
        .map(|objective| format!("{} (found {})", objective.objective, objective.found))
        .collect();
    let behind = is_behind(rate, report);
    if missed.is_empty() && !behind && report.answered > 0 {
        return Held::Yes;
    }
    // Only a failure may be the load tester's fault; what held, held.
    if let Some(bottleneck) = &report.generator.bottleneck {
        return Held::Unknown(bottleneck.clone());
    }
    if missed.is_empty() {
        let achieved = crate::units::write_rate(report.rate);
        return Held::No(format!("only {achieved}/s were answered in time"));
    }
    Held::No(missed.join(", "))
}

/// Searches. `run` makes one step at a rate; `observe` hears of each. `None` from `run`: interrupted.
///
/// # Errors
/// Those of `run`.
pub fn search<E>(
    search: Search,
    mut run: impl FnMut(f64) -> Result<Option<Report>, E>,
    mut observe: impl FnMut(&Step),
) -> Result<Found, E> {
    let mut found = Found { rate: None, limited_by: None, steps: Vec::new() };
    let mut missed: Option<f64> = None;
    let mut rate = search.from.min(search.rate_max);
    loop {
        let mut verdict = Held::Yes;
        for _attempt in 0..2 {
            let Some(report) = run(rate)? else {
                found.limited_by = Some("interrupted".to_owned());
                return Ok(found);
            };
            verdict = judge(rate, &report);
            let step = Step { rate, verdict: verdict.clone(), report };
            observe(&step);
            found.steps.push(step);
            if verdict == Held::Yes {
                break;
            }
        }
        match verdict {
            Held::Yes => {
                found.rate = Some(rate);
                found.limited_by = None;
                if rate >= search.rate_max {
                    found.limited_by = Some("the highest rate allowed (--max-rate)".to_owned());
                    return Ok(found);
                }
            }
            Held::No(_) => missed = Some(rate),
            Held::Unknown(because) => {
                missed = Some(rate);
                found.limited_by = Some(because);
            }
        }
        rate = match (found.rate, missed) {
            (Some(held), None) => (held * 2.0).min(search.rate_max),
            (Some(held), Some(missed)) if missed - held <= held * search.precision => {
                return Ok(found);
            }
            (Some(held), Some(missed)) => f64::midpoint(held, missed),
            // Not even the first held: go down, but not for ever.
            (None, Some(missed)) if missed > 1.0 && missed > search.from / 1024.0 => missed / 2.0,
            (None, _) => return Ok(found),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    const SEARCH: Search = Search { from: 100.0, rate_max: 1e6, precision: 0.05 };

    /// A service that holds up to a rate.
    fn service(limit: f64, flaky: Option<usize>) -> impl FnMut(f64) -> Result<Option<Report>, ()> {
        let mut runs = 0;
        move |rate| {
            runs += 1;
            let mut report = sample(|draft, _| {
                draft.objectives.push("p99 < 20ms".parse().unwrap());
            });
            report.rate = rate;
            report.objectives[0].met = rate <= limit && flaky != Some(runs);
            Ok(Some(report))
        }
    }

    #[test]
    fn the_limit_is_found_within_the_precision() {
        for limit in [1.5, 99.0, 100.0, 137.0, 5_000.0, 77_777.0] {
            let found = search(SEARCH, service(limit, None), |_| {}).unwrap();
            let rate = found.rate.unwrap();
            assert!(rate <= limit && rate * 1.06 > limit, "{rate} of {limit}");
        }
    }

    #[test]
    fn one_miss_is_tried_again() {
        let found = search(SEARCH, service(5_000.0, Some(2)), |_| {}).unwrap();
        assert!(found.rate.unwrap() > 4_700.0);
    }

    #[test]
    fn nothing_holds_and_everything_holds() {
        let found = search(SEARCH, service(0.0, None), |_| {}).unwrap();
        assert_eq!(found.rate, None);
        assert!(found.steps.len() < 30);
        let bounded = Search { rate_max: 1000.0, ..SEARCH };
        let found = search(bounded, service(1e9, None), |_| {}).unwrap();
        assert_eq!(found.rate, Some(1000.0));
        assert!(found.limited_by.unwrap().contains("--max-rate"));
    }

    #[test]
    fn a_busy_load_tester_gives_no_verdict_on_the_service() {
        let mut report = sample(|draft, _| draft.objectives.push("p99 < 1us".parse().unwrap()));
        assert!(matches!(judge(100.0, &report), Held::No(_)));
        report.generator.bottleneck = Some("busy".to_owned());
        assert_eq!(judge(100.0, &report), Held::Unknown("busy".to_owned()));
        report.objectives.clear();
        assert_eq!(judge(100.0, &report), Held::Yes);
        assert!(matches!(judge(200.0, &report), Held::Unknown(_)), "behind the rate");
    }
}
