//! The report as text, for people and terminals.

use super::{LoopKind, Report, Summary};
use crate::tally::Failure;
use crate::units::{write_bytes, write_count, write_microseconds, write_rate, write_share};
use std::fmt::Write as _;
use std::time::Duration;

/// Whether to use the terminal's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// Bold headings, red for what is bad.
    Coloured,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn heading(self, text: &str) -> String {
        self.paint("1", &format!("{text:<12}"))
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }
}

/// The whole report.
pub fn render(report: &Report, style: Style) -> String {
    let mut lines = Lines::default();
    let load = &report.load;
    let mut how =
        vec![load.pace(), plural(load.connections, "connection"), plural(load.threads, "thread")];
    if load.pipelining > 1 {
        how.push(format!("{} pipelined", load.pipelining));
    }
    if !load.keep_alive {
        how.push("no keep-alive".to_owned());
    }
    how.push(format!("{:.1} s", report.window_s));
    if report.interrupted {
        how.push("interrupted".to_owned());
    }
    lines.add(style.paint("1", &report.target));
    lines.add(how.join(", "));
    lines.add(String::new());

    let failed =
        format!("{} failed ({})", write_count(report.failed), write_share(report.failed_share));
    lines.add(format!(
        "{}{} answered, {}/s, {}",
        style.heading("requests"),
        write_count(report.answered),
        style.paint("1", &write_rate(report.rate)),
        if report.failed > 0 { style.bad(&failed) } else { failed }
    ));
    lines.add(format!(
        "{}{} received, {} sent",
        style.heading("bytes"),
        write_bytes(report.received_bytes),
        write_bytes(report.sent_bytes)
    ));
    if !report.statuses.is_empty() {
        let statuses: Vec<String> = report
            .statuses
            .iter()
            .map(|(status, count)| format!("{status} x {}", write_count(*count)))
            .collect();
        lines.add(format!("{}{}", style.heading("statuses"), statuses.join("   ")));
    }
    lines.add(String::new());
    times(&mut lines, report, style);

    if !report.failures.is_empty() {
        lines.add(String::new());
        for (index, (name, count)) in report.failures.iter().enumerate() {
            let explanation = Failure::explain(name);
            let heading = style.heading(if index == 0 { "errors" } else { "" });
            let count = write_count(*count);
            lines.add(format!("{heading}{count:>9}  {explanation}"));
        }
    }
    if !report.objectives.is_empty() {
        lines.add(String::new());
        let width =
            report.objectives.iter().map(|objective| objective.objective.len()).max().unwrap_or(0);
        for (index, objective) in report.objectives.iter().enumerate() {
            let heading = style.heading(if index == 0 { "objectives" } else { "" });
            let verdict = if objective.met { style.good("met   ") } else { style.bad("missed") };
            lines.add(format!(
                "{heading}{verdict}  {:<width$}  found {}",
                objective.objective, objective.found
            ));
        }
    }
    lines.add(String::new());
    footer(&mut lines, report, style);
    lines.text
}

fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", write_count(count as u64))
}

fn times(lines: &mut Lines, report: &Report, style: Style) {
    const COLUMNS: [&str; 7] = ["mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
    let mut rows: Vec<(String, &Summary)> = Vec::new();
    match report.load.kind {
        LoopKind::Open => {
            rows.push(("latency".to_owned(), &report.latency));
            rows.push(("service time".to_owned(), &report.service));
        }
        LoopKind::Closed => rows.push(("latency".to_owned(), &report.latency)),
    }
    if report.connect.count > 0 {
        rows.push(("connect".to_owned(), &report.connect));
    }
    for request in &report.requests {
        rows.push((format!("  {}", request.name), &request.latency));
    }
    let names = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or(0).clamp(12, 40);
    let mut head = format!("{:names$}", "");
    for column in COLUMNS {
        let written = write!(head, "{column:>10}");
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
    lines.add(style.paint("1", &head));
    for (name, summary) in rows {
        let name: String = name.chars().take(names).collect();
        let mut line = format!("{name:<names$}");
        let values = [
            summary.mean_us,
            summary.p50_us as f64,
            summary.p90_us as f64,
            summary.p99_us as f64,
            summary.p999_us as f64,
            summary.p9999_us as f64,
            summary.max_us as f64,
        ];
        for value in values {
            let value = if summary.count == 0 { "-".to_owned() } else { write_microseconds(value) };
            let written = write!(line, "{value:>10}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        lines.add(line);
    }
    match report.load.kind {
        LoopKind::Open => lines.add(
            "latency counts from when a request was meant to leave, service time from when it left",
        ),
        LoopKind::Closed => lines.add(
            "closed loop: a slow service is asked less, so stalls hardly show; --rate measures them",
        ),
    }
}

fn footer(lines: &mut Lines, report: &Report, style: Style) {
    let generator = &report.generator;
    let mut own = vec![
        format!("{} of a core", write_share(generator.busiest_share)),
        format!("{:.2} us CPU per answer", generator.cpu_us_per_answer),
    ];
    if generator.lateness.count > 0 {
        own.push(format!(
            "sent at most {} late (p99 {})",
            write_microseconds(generator.lateness.max_us as f64),
            write_microseconds(generator.lateness.p99_us as f64)
        ));
    }
    lines.add(format!("{}{}", style.heading("load tester"), own.join(", ")));
    if let Some(bottleneck) = &generator.bottleneck {
        lines.add(style.bad(&format!("attention: {bottleneck}")));
    }
}

/// One line while the run lasts.
pub fn progress(progress: &crate::run::Progress) -> String {
    let mut parts = vec![format!("{} answered", write_count(progress.answered))];
    if let Some(point) = &progress.latest {
        let rate = point.answered as f64 / point.length_s;
        parts.insert(0, format!("{:>9}/s", write_rate(rate)));
        parts.push(format!(
            "p50 {}  p99 {}  max {}",
            write_microseconds(point.p50_us as f64),
            write_microseconds(point.p99_us as f64),
            write_microseconds(point.max_us as f64)
        ));
    }
    if progress.failed > 0 {
        parts.push(format!("{} failed", write_count(progress.failed)));
    }
    parts.join("  ")
}

/// Seconds with one decimal.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn the_report_reads_like_this() {
        let report = sample(|draft, _| {
            draft.objectives.push("p99 < 20ms".parse().unwrap());
            draft.objectives.push("errors < 0.1%".parse().unwrap());
        });
        let expected = "\
http://127.0.0.1:8080/items
constant rate of 100/s, 64 connections, 1 thread, 10.0 s

requests    1,000 answered, 100/s, 11 failed (1.1 %)
bytes       195 KiB received, 87.9 KiB sent
statuses    200 x 990   503 x 10

                  mean       p50       p90       p99     p99.9    p99.99       max
latency         500 us    500 us    900 us    990 us    999 us   1.00 ms   1.00 ms
service time    251 us    250 us    450 us    495 us    500 us    500 us    500 us
connect        90.0 us   90.0 us   90.0 us   90.0 us   90.0 us   90.0 us   90.0 us
latency counts from when a request was meant to leave, service time from when it left

errors              1  connection reset during a request
                   10  unexpected status

objectives  met     p99 < 20.0 ms    found 990 us
            missed  errors < 0.10 %  found 1.1 %

load tester 0.50 % of a core, 50.00 us CPU per answer, sent at most 30.0 us late (p99 30.0 us)
";
        assert_eq!(render(&report, Style::Plain), expected);
    }

    #[test]
    fn colours_only_when_asked_for() {
        let report = sample(|_, _| {});
        assert!(!render(&report, Style::Plain).contains('\x1b'));
        assert!(render(&report, Style::Coloured).contains("\x1b[31m11 failed"));
    }
}
