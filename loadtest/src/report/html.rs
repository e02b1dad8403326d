//! The report as one self-contained HTML page: tables and plots, no script, dark and light.

use super::plot::{Axis, Line, Plot, Scale, escape};
use super::{LoopKind, Report, Summary};
use crate::tally::Failure;
use crate::units::{write_bytes, write_count, write_microseconds, write_rate, write_share};

/// Colours tested for contrast on both backgrounds; dashes tell lines apart without colour.
const STYLE: &str = "
:root { color-scheme: light dark; --back: #ffffff; --text: #1d2430; --soft: #5b6472; --grid: #e3e6eb;
  --c0: #0b62c4; --c1: #c2410c; --c2: #15803d; --bad: #b91c1c; --good: #15803d; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --text: #e6e9ee; --soft: #9aa4b2;
  --grid: #2a303a; --c0: #6cb0ff; --c1: #ff9a5c; --c2: #5fd38a; --bad: #ff7b7b; --good: #5fd38a; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  max-width: 920px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--grid); }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1.2rem 0; }
.figures div { color: var(--soft); } .figures b { display: block; font-size: 1.5rem; color: var(--text); }
.bad, .figures .bad b { color: var(--bad); } .good { color: var(--good); }
.attention { color: var(--bad); border-left: 3px solid var(--bad); padding-left: .8rem; margin: 1rem 0; }
.scroll { overflow-x: auto; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--grid); } svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .line0 { stroke: var(--c0); } svg .line1 { stroke: var(--c1); stroke-dasharray: 7 4; }
svg .line2 { stroke: var(--c2); stroke-dasharray: 2 3; }
";

/// The page.
pub fn render(report: &Report) -> String {
    let mut page = String::with_capacity(64 * 1024);
    let target = escape(&report.target);
    page.push_str(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Load test of {target}</title><style>{STYLE}</style></head><body>\n<h1>{target}</h1>\n"
    ));
    page.push_str(&format!("<p>{}</p>\n", escape(&description(report))));
    figures(&mut page, report);
    if let Some(bottleneck) = &report.generator.bottleneck {
        page.push_str(&format!("<p class=\"attention\">{}</p>\n", escape(bottleneck)));
    }
    objectives(&mut page, report);
    times(&mut page, report);
    for (heading, plot) in plots(report) {
        page.push_str(&format!("<h2>{heading}</h2>\n{}", plot.render()));
    }
    counts(&mut page, report);
    page.push_str(&format!(
        "<p>{}, address {}; load tester {}: {} of a core, {:.2} us CPU per answer</p>\n</body></html>\n",
        escape(&report.started),
        escape(&report.address),
        escape(&report.version),
        write_share(report.generator.busiest_share),
        report.generator.cpu_us_per_answer
    ));
    page
}

fn description(report: &Report) -> String {
    let load = &report.load;
    let meaning = match load.kind {
        LoopKind::Open => "latency counts from when a request was meant to leave",
        LoopKind::Closed => "a slow service is asked less, so stalls hardly show",
    };
    let pace = load.pace();
    format!(
        "{pace}: {meaning}. {} connections, {} threads, {:.1} s{}.",
        load.connections,
        load.threads,
        report.window_s,
        if report.interrupted { ", interrupted" } else { "" }
    )
}

fn figures(page: &mut String, report: &Report) {
    let failed = if report.failed > 0 { " class=\"bad\"" } else { "" };
    page.push_str(&format!(
        "<div class=\"figures\"><div><b>{}/s</b>answers</div><div><b>{}</b>p50</div>\
         <div><b>{}</b>p99</div><div><b>{}</b>max</div><div><b>{}</b>answered</div>\
         <div{failed}><b>{}</b>failed ({})</div></div>\n",
        write_rate(report.rate),
        write_microseconds(report.latency.p50_us as f64),
        write_microseconds(report.latency.p99_us as f64),
        write_microseconds(report.latency.max_us as f64),
        write_count(report.answered),
        write_count(report.failed),
        write_share(report.failed_share)
    ));
}

fn objectives(page: &mut String, report: &Report) {
    if report.objectives.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Objectives</h2>\n<table><tr><th>objective</th><th>found</th><th>verdict</th></tr>\n",
    );
    for objective in &report.objectives {
        let (class, verdict) = if objective.met { ("good", "met") } else { ("bad", "missed") };
        page.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{verdict}</td></tr>\n",
            escape(&objective.objective),
            escape(&objective.found)
        ));
    }
    page.push_str("</table>\n");
}

fn times(page: &mut String, report: &Report) {
    page.push_str("<h2>Times</h2>\n<div class=\"scroll\"><table><tr><th></th>");
    for column in ["mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"] {
        page.push_str(&format!("<th>{column}</th>"));
    }
    page.push_str("</tr>\n");
    time_row(page, "latency", &report.latency);
    if report.load.kind == LoopKind::Open {
        time_row(page, "service time", &report.service);
        time_row(page, "sent late", &report.generator.lateness);
    }
    time_row(page, "connect", &report.connect);
    for request in &report.requests {
        time_row(page, &request.name, &request.latency);
    }
    page.push_str("</table></div>\n");
}

fn time_row(page: &mut String, name: &str, summary: &Summary) {
    if summary.count == 0 {
        return;
    }
    page.push_str(&format!("<tr><td>{}</td>", escape(name)));
    let values = [
        summary.mean_us,
        summary.p50_us as f64,
        summary.p75_us as f64,
        summary.p90_us as f64,
        summary.p95_us as f64,
        summary.p99_us as f64,
        summary.p999_us as f64,
        summary.p9999_us as f64,
        summary.max_us as f64,
    ];
    for value in values {
        page.push_str(&format!("<td>{}</td>", write_microseconds(value)));
    }
    page.push_str("</tr>\n");
}

fn plots(report: &Report) -> Vec<(&'static str, Plot)> {
    let line = |name: &str, points: Vec<(f64, f64)>| Line { name: name.to_owned(), points };
    let percentiles = |points: &[(f64, u64)], count: u64| -> Vec<(f64, f64)> {
        // The worst of a thousand is at 99.9: a plot up to 100 % has no end.
        let last = 100.0 * (1.0 - 1.0 / count.max(2) as f64);
        points.iter().map(|(percentile, us)| (percentile.min(last), *us as f64)).collect()
    };
    let mut by_percentile =
        vec![line("latency", percentiles(&report.latency_percentiles, report.latency.count))];
    if report.load.kind == LoopKind::Open {
        by_percentile.push(line(
            "service time",
            percentiles(&report.service_percentiles, report.service.count),
        ));
    }
    // A tail far above the median would press everything else flat.
    let tail = report.latency.max_us as f64 > 20.0 * report.latency.p50_us.max(1) as f64;
    let scale = if tail { Scale::Logarithmic } else { Scale::Linear };
    let times = Axis { label: "latency", scale, write: write_microseconds };
    let over_time = Axis { label: "seconds since the start", scale: Scale::Tight, write: short };
    let series = |until_s: f64, value: fn(&crate::run::Point) -> f64| -> Vec<(f64, f64)> {
        report
            .series
            .iter()
            .filter(|point| point.start_s < until_s)
            .map(|point| (point.start_s + point.length_s / 2.0, value(point)))
            .collect()
    };
    // Behind the end of the load come answers, but no rate.
    let rates = |value| series(report.load_end_s, value);
    let latencies = |value| series(f64::INFINITY, value);
    vec![
        (
            "Latency by percentile",
            Plot {
                title: "Latency by percentile".to_owned(),
                x: Axis { label: "percentile", scale: Scale::Percentile, write: short },
                y: times.clone(),
                lines: by_percentile,
            },
        ),
        (
            "Rate over time",
            Plot {
                title: "Rate over time".to_owned(),
                x: over_time.clone(),
                y: Axis { label: "per second", scale: Scale::Linear, write: short_rate },
                lines: vec![
                    line("answered", rates(|point| point.answered as f64 / point.length_s)),
                    line("failed", rates(|point| point.failed as f64 / point.length_s)),
                ],
            },
        ),
        (
            "Latency over time",
            Plot {
                title: "Latency over time".to_owned(),
                x: over_time,
                y: times,
                lines: vec![
                    line("p50", latencies(|point| point.p50_us as f64)),
                    line("p99", latencies(|point| point.p99_us as f64)),
                    line("max", latencies(|point| point.max_us as f64)),
                ],
            },
        ),
    ]
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn short_rate(value: f64) -> String {
    if value >= 10_000.0 { format!("{}k", short(value / 1000.0)) } else { short(value) }
}

fn counts(page: &mut String, report: &Report) {
    page.push_str("<h2>Counts</h2>\n<table><tr><th>what</th><th>count</th></tr>\n");
    let mut row = |name: &str, count: String, class: &str| {
        page.push_str(&format!(
            "<tr><td>{}</td><td class=\"{class}\">{count}</td></tr>\n",
            escape(name)
        ));
    };
    for (status, count) in &report.statuses {
        row(&format!("status {status}"), write_count(*count), "");
    }
    for (name, count) in &report.failures {
        let explanation = Failure::explain(name);
        row(explanation, write_count(*count), "bad");
    }
    row("received", write_bytes(report.received_bytes), "");
    row("sent", write_bytes(report.sent_bytes), "");
    page.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn the_page_stands_alone_and_has_its_plots() {
        let page = render(&sample(|_, _| {}));
        assert_eq!(page.matches("<svg ").count(), 3);
        assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
        assert!(page.contains("prefers-color-scheme: dark"));
        for outside in ["<script", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "nothing from outside: {outside}");
        }
    }

    #[test]
    fn what_the_user_wrote_is_escaped() {
        let report = sample(|_, _| {});
        let mut hostile = report.clone();
        hostile.target = "http://h/<script>alert(1)</script>".to_owned();
        assert!(!render(&hostile).contains("<script>"));
    }

    #[test]
    fn an_empty_run_makes_a_page_too() {
        let page = render(&sample(|_, outcome| {
            outcome.tally = crate::tally::Tally::new(1);
            outcome.series.clear();
        }));
        assert!(page.ends_with("</html>\n"));
    }
}
