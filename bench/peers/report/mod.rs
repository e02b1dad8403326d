//! What a run found: medians with their spread, per case and proxy, and the ratio to each peer.
//!
//! One shape for all cases (rows of named figures), so that the text, the Markdown and the JSON say the
//! same.

pub(crate) mod markdown;
mod text;

use serde::{Serialize, Serializer};

use crate::cases::{Case, CaseName, PlanSummary};
use crate::machine::Machine;
use crate::proxies::Kind;
use crate::rig::Outcome;
use crate::stats::Spread;
use crate::{idle, rate, swap};

/// A finished run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where and with what.
    pub(crate) machine: Machine,
    /// Rounds and seconds.
    pub(crate) plan: PlanSummary,
    /// The cases in order.
    pub(crate) cases: Vec<CaseReport>,
}

impl Report {
    /// Whether every case counts for every proxy.
    pub(crate) fn is_valid(&self) -> bool {
        self.cases.iter().flat_map(|case| &case.rows).all(|row| row.failure.is_none())
    }

    /// All cases as tables for a terminal.
    pub(crate) fn text(&self) -> String {
        self.cases.iter().map(text::table).collect()
    }
}

/// One case.
#[derive(Debug, Serialize)]
pub(crate) struct CaseReport {
    /// Which.
    pub(crate) case: CaseName,
    /// The same, for people.
    pub(crate) title: &'static str,
    /// Connections of the load generator, or idle ones.
    pub(crate) connections: u32,
    /// The proxy whose figure is divided by the others': ringgate where it takes part.
    pub(crate) reference: Option<Kind>,
    /// One per proxy, in the order of a round.
    pub(crate) rows: Vec<Row>,
}

/// One proxy in one case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Which proxy.
    pub(crate) proxy: Kind,
    /// Why nothing here counts, if so.
    pub(crate) failure: Option<String>,
    /// What was measured; the first one is what ratios are made of.
    pub(crate) figures: Vec<Figure>,
    /// The reference's first figure through this proxy's, round by round. Below 1 the reference is
    /// better. Absent for the reference itself and where either side does not count.
    pub(crate) ratio: Option<Spread>,
}

/// A named figure with its spread.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// Name in JSON.
    pub(crate) name: &'static str,
    /// Column heading.
    pub(crate) heading: &'static str,
    /// How it is written.
    #[serde(serialize_with = "unit_name")]
    pub(crate) unit: Unit,
    /// The rounds.
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Microseconds of work: two digits after the point.
    Microseconds,
    /// Microseconds of waiting, written as milliseconds.
    Latency,
    /// A count.
    Count,
    /// A share of 1, written in per cent.
    Share,
    /// Bytes as KiB.
    Kibibytes,
    /// Bytes as MiB.
    Mebibytes,
    /// A quotient.
    Ratio,
}

fn unit_name<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match unit {
        Unit::Microseconds | Unit::Latency => "microseconds",
        Unit::Count => "count",
        Unit::Share | Unit::Ratio => "ratio",
        Unit::Kibibytes | Unit::Mebibytes => "bytes",
    })
}

impl Unit {
    /// The number without its unit, which stands in the heading.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Self::Microseconds if value >= 1000.0 => format!("{value:.0}"),
            Self::Microseconds if value >= 100.0 => format!("{value:.1}"),
            Self::Microseconds | Self::Ratio => format!("{value:.2}"),
            Self::Latency => format!("{:.2}", value / 1000.0),
            Self::Count => format!("{value:.0}"),
            Self::Share => format!("{:.0}", value * 100.0),
            Self::Kibibytes => format!("{:.2}", value / 1024.0),
            Self::Mebibytes => format!("{:.1}", value / 1_048_576.0),
        }
    }

    /// Median and extremes: `5.10 (4.98-5.31)`.
    pub(crate) fn write_spread(self, spread: &Spread) -> String {
        let Spread { median, min, max, .. } = spread;
        format!("{} ({}-{})", self.write(*median), self.write(*min), self.write(*max))
    }
}

/// A column: its name in JSON, its heading, its unit, and where a sample has it.
type Column<S> = (&'static str, &'static str, Unit, fn(&S) -> Option<f64>);

const RATE_COLUMNS: &[Column<rate::Sample>] = &[
    ("cpu_us", "CPU us/request", Unit::Microseconds, |sample| Some(sample.cpu_us)),
    ("per_second", "requests/s", Unit::Count, |sample| Some(sample.per_second)),
    ("p50_us", "p50 ms", Unit::Latency, |sample| Some(sample.p50_us)),
    ("p99_us", "p99 ms", Unit::Latency, |sample| Some(sample.p99_us)),
    ("busy", "busy %", Unit::Share, |sample| Some(sample.busy)),
    ("foreign", "others %", Unit::Share, |sample| Some(sample.foreign)),
    ("answer_bytes", "answer bytes", Unit::Count, |sample| Some(sample.answer_bytes)),
    ("handshake_us", "handshake us", Unit::Microseconds, |sample| sample.handshake_us),
];

const IDLE_COLUMNS: &[Column<idle::Sample>] = &[
    ("bytes_per_connection", "KiB/connection", Unit::Kibibytes, |sample| {
        Some(sample.bytes_per_connection)
    }),
    ("before_bytes", "MiB before", Unit::Mebibytes, |sample| Some(sample.before_bytes)),
    ("with_bytes", "MiB with", Unit::Mebibytes, |sample| Some(sample.with_bytes)),
];

const SWAP_COLUMNS: &[Column<swap::Sample>] = &[
    ("ratio", "p99 swapping/steady", Unit::Ratio, |sample| Some(sample.ratio)),
    ("steady_p99_us", "steady p99 ms", Unit::Latency, |sample| Some(sample.steady_p99_us)),
    ("swapping_p99_us", "swapping p99 ms", Unit::Latency, |sample| Some(sample.swapping_p99_us)),
    ("swapping_max_us", "swapping max ms", Unit::Latency, |sample| Some(sample.swapping_max_us)),
    ("swaps", "swaps", Unit::Count, |sample| Some(sample.swaps)),
    ("visible_after_max_us", "visible after ms", Unit::Latency, |sample| {
        Some(sample.visible_after_max_us)
    }),
    ("per_second", "requests/s", Unit::Count, |sample| Some(sample.per_second)),
];

impl CaseReport {
    /// CPU time per request and what goes with it.
    pub(crate) fn rate(case: &Case, connections: u32, outcomes: &[Outcome<rate::Sample>]) -> Self {
        Self::of(case, connections, outcomes, RATE_COLUMNS)
    }

    /// Memory per connection.
    pub(crate) fn idle(case: &Case, connections: u32, outcomes: &[Outcome<idle::Sample>]) -> Self {
        Self::of(case, connections, outcomes, IDLE_COLUMNS)
    }

    /// Latency while the configuration changes.
    pub(crate) fn swap(case: &Case, connections: u32, outcomes: &[Outcome<swap::Sample>]) -> Self {
        Self::of(case, connections, outcomes, SWAP_COLUMNS)
    }

    fn of<S>(
        case: &Case,
        connections: u32,
        outcomes: &[Outcome<S>],
        columns: &[Column<S>],
    ) -> Self {
        let mut rows: Vec<Row> = outcomes.iter().map(|outcome| row(outcome, columns)).collect();
        let reference = rows
            .iter()
            .find(|row| row.proxy == Kind::Ringgate)
            .or_else(|| rows.first())
            .map(|row| row.proxy);
        let counting = |row: &Row| match row.figures.first() {
            Some(figure) if row.failure.is_none() => Some(figure.spread.clone()),
            Some(_) | None => None,
        };
        let mine = rows.iter().find(|row| Some(row.proxy) == reference).and_then(counting);
        for row in rows.iter_mut().filter(|row| Some(row.proxy) != reference) {
            if let (Some(mine), Some(theirs)) = (&mine, counting(row)) {
                row.ratio = Spread::ratio(mine, &theirs);
            }
        }
        Self { case: case.name, title: case.name.title(), connections, reference, rows }
    }

    /// Heading of the column of ratios.
    pub(crate) fn ratio_heading(&self) -> String {
        format!("{}/this", self.reference.map_or("none", Kind::name))
    }
}

fn row<S>(outcome: &Outcome<S>, columns: &[Column<S>]) -> Row {
    let figures = columns.iter().filter_map(|&(name, heading, unit, of)| {
        let spread = Spread::of(outcome.samples.iter().filter_map(of))?;
        Some(Figure { name, heading, unit, spread })
    });
    Row {
        proxy: outcome.kind,
        failure: outcome.failure.clone(),
        figures: figures.collect(),
        ratio: None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cases::Method;

    const CASE: Case =
        Case { name: CaseName::IdleMemory, method: Method::Idle { connections: 10 } };

    fn outcome(kind: Kind, bytes: &[f64], failure: Option<&str>) -> Outcome<idle::Sample> {
        let sample = |&bytes_per_connection: &f64| idle::Sample {
            bytes_per_connection,
            before_bytes: 1_048_576.0,
            with_bytes: 2_097_152.0,
        };
        Outcome {
            kind,
            samples: bytes.iter().map(sample).collect(),
            failure: failure.map(str::to_owned),
        }
    }

    /// Nginx half as good as ringgate, HAProxy failed.
    pub(crate) fn example() -> CaseReport {
        let outcomes = [
            outcome(Kind::Nginx, &[2048.0, 2048.0, 4096.0], None),
            outcome(Kind::Ringgate, &[1024.0, 1024.0, 1024.0], None),
            outcome(Kind::Haproxy, &[1.0], Some("3 errors")),
        ];
        CaseReport::idle(&CASE, 10, &outcomes)
    }

    #[test]
    fn ringgate_is_the_reference_wherever_it_stands() {
        let report = example();
        assert_eq!(report.reference, Some(Kind::Ringgate));
        let ratio = report.rows[0].ratio.as_ref().expect("nginx counts");
        assert_eq!((ratio.median, ratio.min, ratio.max), (0.5, 0.25, 0.5));
        assert!(report.rows[1].ratio.is_none(), "the reference is not compared with itself");
    }

    #[test]
    fn without_ringgate_the_first_proxy_is_the_reference() {
        let outcomes = [outcome(Kind::Haproxy, &[3.0], None), outcome(Kind::Envoy, &[6.0], None)];
        let report = CaseReport::idle(&CASE, 10, &outcomes);
        assert_eq!(report.reference, Some(Kind::Haproxy));
        assert_eq!(report.rows[1].ratio.as_ref().map(|ratio| ratio.median), Some(0.5));
    }

    #[test]
    fn a_proxy_with_errors_gets_no_ratio_and_spoils_the_run() {
        let case = example();
        assert!(case.rows[2].ratio.is_none());
        let fails =
            [outcome(Kind::Ringgate, &[1.0], Some("x")), outcome(Kind::Nginx, &[1.0], None)];
        assert!(CaseReport::idle(&CASE, 10, &fails).rows[1].ratio.is_none());
    }
}
