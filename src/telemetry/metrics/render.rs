//! Render: the totals as Prometheus' text exposition format, version 0.0.4.
//!
//! By hand: the format is lines of text, and a registry would want to own the counters. All samples of
//! one family stand together under one `# HELP` and one `# TYPE`, as the format demands.

use std::fmt::{Display, Write};

use super::families::{self, Family};
use super::latency::Latency;
use super::{ApiName, ApiSeries, Metrics, Reload, ShardSeries};
use crate::telemetry::batch::{Buffers, ConnectionKind, Refusal, Status, UpstreamEvent};

pub(super) fn render(metrics: &Metrics, out: &mut String) {
    let mut page = Page { out };
    page.lifecycle(metrics);
    page.exchanges(metrics);
    page.stages(&metrics.stages);
    page.clients(metrics);
    page.upstreams(metrics);
    page.access_logs(metrics);
    page.shards(metrics);
    page.process(metrics);
}

pub(super) struct Page<'a> {
    out: &'a mut String,
}

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page<'_> {
    /// An empty page.
    #[cfg(test)]
    pub(super) fn on(out: &mut String) -> Page<'_> {
        Page { out }
    }

    pub(super) fn family(&mut self, family: &Family) {
        let Family { name, kind, help } = family;
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.text()));
    }

    pub(super) fn sample(&mut self, family: &Family, labels: Labels<'_>, value: impl Display) {
        self.sample_with_suffix(family, "", labels, value);
    }

    pub(super) fn sample_with_suffix(
        &mut self,
        family: &Family,
        suffix: &str,
        labels: Labels<'_>,
        value: impl Display,
    ) {
        self.out.push_str(family.name);
        self.out.push_str(suffix);
        for (index, (name, text)) in labels.iter().enumerate() {
            self.out.push(if index == 0 { '{' } else { ',' });
            self.out.push_str(name);
            self.out.push_str("=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.out.push_str("\\\\"),
                    '"' => self.out.push_str("\\\""),
                    '\n' => self.out.push_str("\\n"),
                    _ => self.out.push(character),
                }
            }
            self.out.push('"');
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        self.write(format_args!(" {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a `String` takes any text");
    }

    /// A family with one sample and no labels.
    fn single(&mut self, family: &Family, value: impl Display) {
        self.family(family);
        self.sample(family, &[], value);
    }

    fn lifecycle(&mut self, metrics: &Metrics) {
        self.family(&families::BUILD_INFO);
        self.sample(&families::BUILD_INFO, &[("version", &metrics.version)], 1);
        self.single(&families::SHARDS, metrics.shards.len());
        let uptime = metrics.now.saturating_duration_since(metrics.started);
        self.single(&families::UPTIME, uptime.as_secs_f64());
        self.single(&families::SNAPSHOT_VERSION, metrics.snapshot_version);
        if let Some((reload, at)) = metrics.reload {
            let success = matches!(reload, Reload::Success { .. });
            self.single(&families::RELOAD_SUCCESS, u8::from(success));
            self.single(&families::RELOAD_TIMESTAMP, at.as_secs_f64());
        }
        self.family(&families::RELOADS);
        for (result, count) in ["success", "failure"].iter().zip(metrics.reloads) {
            self.sample(&families::RELOADS, &[("result", result)], count);
        }
    }

    fn exchanges(&mut self, metrics: &Metrics) {
        self.family(&families::REQUESTS);
        for ((api, route), series) in metrics.routes.iter() {
            let Some((api, _)) = metrics.apis.at(*api) else {
                continue;
            };
            for (status, count) in &series.statuses {
                let (code, class) = status_texts(*status);
                let labels = [
                    ("api_id", api.id.as_str()),
                    ("api", &api.name),
                    ("stage", &api.stage),
                    ("route", route),
                    ("class", class),
                    ("code", &code),
                ];
                self.sample(&families::REQUESTS, &labels, count);
            }
        }

        self.per_api(metrics, &families::REQUEST_BYTES, |api| api.request_bytes);
        self.per_api(metrics, &families::RESPONSE_BYTES, |api| api.response_bytes);
        for (histogram, quantiles, latency) in [
            (
                &families::REQUEST_DURATION,
                &families::REQUEST_QUANTILES,
                (|api| &api.latency) as fn(&ApiSeries) -> &Latency,
            ),
            (&families::INTEGRATION_DURATION, &families::INTEGRATION_QUANTILES, |api| {
                &api.integration_latency
            }),
        ] {
            self.family(histogram);
            for (name, series) in used_apis(metrics) {
                self.histogram(histogram, &api_labels(name), latency(series));
            }
            self.family(quantiles);
            for (name, series) in used_apis(metrics) {
                self.quantiles(quantiles, &api_labels(name), latency(series));
            }
        }
        self.single(&families::SERIES_DROPPED, metrics.series_dropped);
        self.single(&families::SERIES_RETIRED, metrics.series_retired);
    }

    fn per_api(&mut self, metrics: &Metrics, family: &Family, value: fn(&ApiSeries) -> u64) {
        self.family(family);
        for (name, series) in used_apis(metrics) {
            self.sample(family, &api_labels(name), value(series));
        }
    }

    fn histogram(&mut self, family: &Family, labels: Labels<'_>, latency: &Latency) {
        let count = latency.count();
        for (bound, below) in latency.cumulative().chain([("+Inf", count)]) {
            let labels = [labels, &[("le", bound)]].concat();
            self.sample_with_suffix(family, "_bucket", &labels, below);
        }
        self.sample_with_suffix(family, "_sum", labels, latency.sum_seconds());
        self.sample_with_suffix(family, "_count", labels, count);
    }

    fn quantiles(&mut self, family: &Family, labels: Labels<'_>, latency: &Latency) {
        for (quantile, seconds) in latency.quantiles() {
            let labels = [labels, &[("quantile", quantile)]].concat();
            self.sample(family, &labels, seconds);
        }
    }

    fn clients(&mut self, metrics: &Metrics) {
        let sum =
            |value: &dyn Fn(&ShardSeries) -> u64| metrics.shards.iter().map(value).sum::<u64>();
        self.family(&families::CONNECTIONS_OPENED);
        for kind in ConnectionKind::ALL {
            let opened = sum(&|shard| shard.totals.connections[kind as usize].opened);
            self.sample(&families::CONNECTIONS_OPENED, &[("kind", kind.label())], opened);
        }
        self.family(&families::CONNECTIONS_OPEN);
        for kind in ConnectionKind::ALL {
            let open = sum(&|shard| shard.totals.connections[kind as usize].open);
            self.sample(&families::CONNECTIONS_OPEN, &[("kind", kind.label())], open);
        }
        self.family(&families::TLS_HANDSHAKES);
        for (result, count) in [
            ("success", sum(&|shard| shard.totals.tls_handshakes)),
            ("failure", sum(&|shard| shard.totals.tls_handshake_failures)),
        ] {
            self.sample(&families::TLS_HANDSHAKES, &[("result", result)], count);
        }
        self.family(&families::REFUSED);
        for cause in Refusal::ALL {
            let refused = sum(&|shard| shard.totals.refused[cause as usize]);
            self.sample(&families::REFUSED, &[("cause", cause.label())], refused);
        }
    }

    fn upstreams(&mut self, metrics: &Metrics) {
        for event in UpstreamEvent::ALL {
            let family = families::of_upstream_event(event);
            self.family(family);
            for (name, series) in metrics.upstreams.iter() {
                let labels = [("upstream", name.as_str())];
                self.sample(family, &labels, series.events[event as usize]);
            }
        }
        self.family(&families::UPSTREAM_CONNECTIONS);
        for (name, series) in metrics.upstreams.iter() {
            let connections = series.connections.iter();
            let (active, idle) = connections.fold((0, 0), |(active, idle), shard| {
                (active + u64::from(shard.0), idle + u64::from(shard.1))
            });
            for (state, count) in [("active", active), ("idle", idle)] {
                let labels = [("upstream", name.as_str()), ("state", state)];
                self.sample(&families::UPSTREAM_CONNECTIONS, &labels, count);
            }
        }
        self.family(&families::TARGET_HEALTHY);
        for target in &metrics.targets {
            let labels = [("upstream", target.upstream.as_str()), ("target", &target.target)];
            self.sample(&families::TARGET_HEALTHY, &labels, u8::from(target.healthy));
        }
    }

    fn access_logs(&mut self, metrics: &Metrics) {
        let sum = |value: fn(&ShardSeries) -> u64| metrics.shards.iter().map(value).sum::<u64>();
        let lines = sum(|shard| shard.totals.log_lines);
        self.single(&families::ACCESS_LOG_LINES, lines);
        let dropped = sum(|shard| shard.totals.log_lines_dropped);
        self.single(&families::ACCESS_LOG_DROPPED, dropped);
        self.family(&families::ACCESS_LOG_WRITTEN);
        for delivery in &metrics.deliveries {
            let labels = [("destination", delivery.destination.as_str())];
            self.sample(&families::ACCESS_LOG_WRITTEN, &labels, delivery.written);
        }
        self.family(&families::ACCESS_LOG_LOST);
        for delivery in &metrics.deliveries {
            let labels = [("destination", delivery.destination.as_str())];
            self.sample(&families::ACCESS_LOG_LOST, &labels, delivery.lost);
        }
    }

    fn shards(&mut self, metrics: &Metrics) {
        self.per_shard(metrics, &families::SHARD_REQUESTS, |shard| shard.requests);
        self.family(&families::SHARD_QUANTILES);
        for (number, shard) in numbered(metrics) {
            let labels = [("shard", number.as_str())];
            self.quantiles(&families::SHARD_QUANTILES, &labels, &shard.latency);
        }
        self.per_shard(metrics, &families::SHARD_BUSY, |shard| {
            let busy = shard.totals.wall.saturating_sub(shard.totals.parked);
            busy.as_secs_f64()
        });
        self.per_shard(metrics, &families::SHARD_PARKED, |shard| shard.totals.parked.as_secs_f64());
        self.per_shard(metrics, &families::SHARD_LOAD, |shard| shard.load);
        self.single(&families::SHARD_IMBALANCE, metrics.imbalance);
        self.per_shard(metrics, &families::RING_ENTERS, |shard| shard.totals.ring_enters);
        self.per_shard(metrics, &families::RING_TURNS, |shard| shard.totals.ring_turns);
        self.per_shard(metrics, &families::RING_COMPLETIONS, |shard| shard.totals.ring_completions);
        self.family(&families::BUFFERS_EXHAUSTED);
        for (number, shard) in numbered(metrics) {
            for group in Buffers::ALL {
                let labels = [("shard", number.as_str()), ("group", group.label())];
                let count = shard.totals.buffers_exhausted[group as usize];
                self.sample(&families::BUFFERS_EXHAUSTED, &labels, count);
            }
        }
    }

    fn per_shard<V: Display>(
        &mut self,
        metrics: &Metrics,
        family: &Family,
        value: fn(&ShardSeries) -> V,
    ) {
        self.family(family);
        for (number, shard) in numbered(metrics) {
            self.sample(family, &[("shard", &number)], value(shard));
        }
    }

    fn process(&mut self, metrics: &Metrics) {
        let started = metrics.started_since_epoch.as_secs_f64();
        self.single(&families::PROCESS_START, started);
        let Some(usage) = metrics.process else {
            return;
        };
        self.single(&families::PROCESS_CPU, usage.cpu.as_secs_f64());
        self.single(&families::PROCESS_MEMORY, usage.resident_bytes);
        self.single(&families::PROCESS_VIRTUAL_MEMORY, usage.virtual_bytes);
        self.single(&families::PROCESS_THREADS, usage.threads);
        self.single(&families::PROCESS_OPEN_FDS, usage.open_fds);
        if let Some(max_fds) = usage.max_fds {
            self.single(&families::PROCESS_MAX_FDS, max_fds);
        }
    }
}

/// APIs that have answered anything. A configuration may name many that never do, and a histogram is
/// 23 lines.
fn used_apis(metrics: &Metrics) -> impl Iterator<Item = (&ApiName, &ApiSeries)> {
    let apis = metrics.apis.iter();
    apis.filter(|(_, series)| series.latency.count() > 0)
}

fn api_labels(name: &ApiName) -> [(&str, &str); 3] {
    [("api_id", &name.id), ("api", &name.name), ("stage", &name.stage)]
}

fn numbered(metrics: &Metrics) -> impl Iterator<Item = (String, &ShardSeries)> {
    let shards = metrics.shards.iter().enumerate();
    shards.map(|(number, shard)| (number.to_string(), shard))
}

/// The labels `code` and `class`.
fn status_texts(status: Status) -> (String, &'static str) {
    const CLASSES: [&str; 6] = ["-", "1xx", "2xx", "3xx", "4xx", "5xx"];
    let class = |first_digit: u16| CLASSES.get(usize::from(first_digit)).unwrap_or(&"-");
    match status {
        Status::Code(code) => (code.to_string(), class(code / 100)),
        Status::Class(0) => ("-".to_owned(), "-"),
        Status::Class(first_digit) => ("other".to_owned(), class(first_digit.into())),
    }
}
