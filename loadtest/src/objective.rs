//! Objectives: what the service must reach, stated before the run (`p99 < 20ms`, `errors < 0.1%`,
//! `rate >= 5k`) and judged after it. A missed one makes the exit status 1.

use crate::tally::Tally;
use crate::units;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    metric: Metric,
    comparison: Comparison,
    /// Microseconds, a share, or requests per second, as the metric has it.
    bound: f64,
}

/// What is measured. Times are latencies (from when a request was meant to leave) unless the word
/// begins with `service.`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// A percentile, 0 to 100.
    Percentile(f64, Clock),
    Mean(Clock),
    Max(Clock),
    /// Failed requests as a share of all.
    Errors,
    /// Answers per second.
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Clock {
    Latency,
    Service,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// An objective with what was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The objective as text.
    pub objective: String,
    /// What was measured, as text.
    pub found: String,
    /// Whether it was met.
    pub met: bool,
}

/// Why an objective could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// Not metric, comparison, value.
    #[error(
        "expected an objective such as \"p99 < 20ms\", \"errors < 0.1%\" or \"rate >= 5000\", found `{0}`"
    )]
    Shape(String),
    /// Unknown metric.
    #[error(
        "unknown metric `{0}`; known are: p50, p99, p99.9 and any other percentile, mean, max (each also as service.p99 and so on), errors, rate"
    )]
    Metric(String),
    /// The value has the wrong unit.
    #[error(transparent)]
    Unit(#[from] units::UnitError),
}

impl Objective {
    /// Judges a finished run: its counts, and the answers per second.
    pub fn judge(&self, tally: &Tally, rate: f64) -> Verdict {
        let of = |clock| match clock {
            Clock::Latency => &tally.latency,
            Clock::Service => &tally.service,
        };
        let timed = |clock, value: f64| {
            // Nothing was answered and nothing ran out of time: there is no latency to praise.
            if of(clock).is_empty() {
                (f64::INFINITY, "nothing measured".to_owned())
            } else {
                (value, units::write_microseconds(value))
            }
        };
        let (value, found) = match self.metric {
            Metric::Percentile(percentile, clock) => {
                timed(clock, of(clock).value_at_percentile(percentile) as f64)
            }
            Metric::Mean(clock) => timed(clock, of(clock).mean()),
            Metric::Max(clock) => timed(clock, of(clock).max() as f64),
            Metric::Errors => {
                let share = tally.failed_share();
                (share, units::write_share(share))
            }
            Metric::Rate => (rate, format!("{}/s", units::write_rate(rate))),
        };
        Verdict {
            objective: self.to_string(),
            found,
            met: self.comparison.holds(value, self.bound),
        }
    }
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Comparison::Below => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Above => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let shape = || ObjectiveError::Shape(text.to_owned());
        let start = text.find(['<', '>']).ok_or_else(shape)?;
        let (word, rest) = (text[..start].trim(), &text[start..]);
        let (comparison, value) = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Below),
            (">", Comparison::Above),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?.trim())))
        .ok_or_else(shape)?;
        if word.is_empty() || value.is_empty() {
            return Err(shape());
        }
        let metric = metric(word).ok_or_else(|| ObjectiveError::Metric(word.to_owned()))?;
        let bound = match metric {
            Metric::Percentile(..) | Metric::Mean(_) | Metric::Max(_) => {
                units::duration(value)?.as_secs_f64() * 1e6
            }
            Metric::Errors => units::share(value)?,
            Metric::Rate => units::rate(value)?,
        };
        Ok(Self { metric, comparison, bound })
    }
}

fn metric(word: &str) -> Option<Metric> {
    let (clock, rest) = match word.strip_prefix("service.") {
        Some(rest) => (Clock::Service, rest),
        None => (Clock::Latency, word.strip_prefix("latency.").unwrap_or(word)),
    };
    match (rest, rest == word) {
        ("mean", _) => Some(Metric::Mean(clock)),
        ("max", _) => Some(Metric::Max(clock)),
        ("errors", true) => Some(Metric::Errors),
        ("rate", true) => Some(Metric::Rate),
        (rest, _) => {
            let percentile: f64 = rest.strip_prefix('p')?.parse().ok()?;
            (0.0..=100.0).contains(&percentile).then_some(Metric::Percentile(percentile, clock))
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |clock| match clock {
            Clock::Latency => "",
            Clock::Service => "service.",
        };
        let sign = match self.comparison {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
        };
        let time = units::write_duration(Duration::from_secs_f64(self.bound / 1e6));
        match self.metric {
            Metric::Percentile(percentile, of) => {
                write!(formatter, "{}p{percentile} {sign} {time}", clock(of))
            }
            Metric::Mean(of) => write!(formatter, "{}mean {sign} {time}", clock(of)),
            Metric::Max(of) => write!(formatter, "{}max {sign} {time}", clock(of)),
            Metric::Errors => {
                let share = units::write_share(self.bound);
                write!(formatter, "errors {sign} {share}")
            }
            Metric::Rate => {
                let rate = units::write_rate(self.bound);
                write!(formatter, "rate {sign} {rate}/s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Failure, Times};

    fn met(objective: &str, tally: &Tally) -> bool {
        objective.parse::<Objective>().unwrap().judge(tally, 100.0).met
    }

    fn tally() -> Tally {
        let mut tally = Tally::new(1);
        for ms in 1..=100 {
            let times =
                Times { latency: Duration::from_millis(ms), service: Duration::from_millis(1) };
            tally.answered(0, 200, times, None);
        }
        tally
    }

    #[test]
    fn both_sides_of_a_bound() {
        let mut tally = tally();
        assert!(met("p50 < 51ms", &tally));
        assert!(!met("p50 < 50ms", &tally));
        assert!(met("p99<=100ms", &tally));
        assert!(!met("max < 100ms", &tally));
        assert!(met("service.p99 < 2ms", &tally));
        assert!(met("errors <= 0%", &tally));
        assert!(met("rate >= 100/s", &tally));
        assert!(!met("rate > 100", &tally));
        tally.failed_request(0, Failure::Reset, None);
        assert!(!met("errors < 0.5%", &tally));
        assert!(met("errors < 1%", &tally));
    }

    #[test]
    fn silence_meets_no_latency_objective() {
        assert!(!met("p99 < 1h", &Tally::new(1)));
    }

    #[test]
    fn what_is_read_can_be_written() {
        for (text, written) in [
            ("p99.9<20ms", "p99.9 < 20.0 ms"),
            ("errors < 0.1%", "errors < 0.10 %"),
            ("service.mean<=1s", "service.mean <= 1.00 s"),
            ("rate>=5k", "rate >= 5,000/s"),
        ] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Objective>().unwrap_err().to_string();
        assert!(error("p99").starts_with("expected an objective such as"));
        assert!(error("p101 < 1s").starts_with("unknown metric `p101`"));
        assert!(error("service.errors < 1%").starts_with("unknown metric"));
        assert!(error("p99 < 20").contains("a duration with a unit"));
        assert!(error("errors < 20ms").contains("a share"));
    }
}
