//! Tests of the whole way from a recorder to a scraped sample.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::telemetry::batch::{Buffers, ConnectionKind, Refusal};
use crate::telemetry::{Finished, Recorder, SeriesLayout};

/// A reader of the exposition format, written from its description and knowing nothing of the writer.
#[derive(Debug, Default)]
struct Scrape {
    /// By name and labels in the order of the text.
    samples: BTreeMap<(String, Vec<(String, String)>), f64>,
}

impl Scrape {
    fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        let mut family = String::new();
        let mut families = std::collections::BTreeSet::new();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert!(families.insert(family.clone()), "{family} stands twice");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, family);
                assert!(["counter", "gauge", "histogram"].contains(&kind));
            } else {
                let (name, labels, value) = sample(line);
                let suffixes = ["", "_bucket", "_sum", "_count"];
                let fits = |suffix: &&str| name.strip_suffix(*suffix) == Some(&family);
                assert!(suffixes.iter().any(fits), "{name} within {family}");
                let known = scrape.samples.insert((name.to_owned(), labels), value);
                assert_eq!(known, None, "{line} stands twice");
            }
        }
        scrape
    }

    /// The sum of all samples with that name and, among others, those labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.values(name, labels);
        assert!(!found.is_empty(), "no sample {name} {labels:?}");
        found.iter().sum()
    }

    fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let has = |sample: &[(String, String)], (name, text): &(&str, &str)| {
            sample.iter().any(|(n, t)| n == name && t == text)
        };
        self.samples
            .iter()
            .filter(|((n, sample), _)| n == name && labels.iter().all(|label| has(sample, label)))
            .map(|(_, value)| *value)
            .collect()
    }
}

fn sample(line: &str) -> (&str, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let name = &line[..end];
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let mut labels = Vec::new();
    let mut rest = &line[end..];
    while rest.starts_with(['{', ',']) {
        let (label, text) = rest[1..].split_once("=\"").unwrap();
        let mut value = String::new();
        let mut characters = text.char_indices();
        let end = loop {
            match characters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, character) => value.push(character),
            }
        };
        labels.push((label.to_owned(), value));
        rest = &text[end + 1..];
    }
    let value = rest.trim_start_matches('}').strip_prefix(' ').unwrap();
    (name, labels, value.parse().unwrap())
}

fn metrics(shards: usize) -> Metrics {
    Metrics::new("1.2.3", shards, Duration::from_secs(1_700_000_000), Instant::now())
}

fn scrape(metrics: &Metrics) -> Scrape {
    let mut text = String::new();
    metrics.render(&mut text);
    Scrape::read(&text)
}

fn api(name: &str) -> ApiName {
    ApiName { id: format!("id-{name}"), name: name.to_owned(), stage: "$default".to_owned() }
}

fn names(apis: &[&str], routes: &[(u32, &str)], upstreams: &[&str]) -> Names {
    Names {
        apis: apis.iter().map(|name| api(name)).collect(),
        routes: routes.iter().map(|&(api, key)| RouteName { api, key: key.to_owned() }).collect(),
        upstreams: upstreams.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn layout(version: u64, names: &Names) -> SeriesLayout {
    SeriesLayout {
        version,
        apis: names.apis.len() as u32,
        routes: names.routes.len() as u32,
        upstreams: names.upstreams.len() as u32,
    }
}

fn finished(api: u32, route: u32, status: u16, microseconds: u64) -> Finished {
    Finished {
        api: Some(api),
        route: Some(route),
        status,
        latency: Duration::from_micros(microseconds),
        ..Finished::default()
    }
}

/// Sends all batches.
fn send(recorder: &mut Recorder, metrics: &mut Metrics) {
    loop {
        let last = !recorder.has_older();
        let batch = recorder.take_batch(Instant::now());
        metrics.merge(recorder.shard(), &batch);
        batch.give_back();
        if last {
            break;
        }
    }
}

#[test]
fn what_is_counted_is_what_is_scraped() {
    let names = names(&["shop"], &[(0, "GET /a"), (0, "$default")], &["catalog"]);
    let mut metrics = metrics(2);
    metrics.set_names(1, &names);
    let mut recorder = Recorder::new(1);
    recorder.set_series(layout(1, &names));
    recorder.exchange(&Finished {
        integration_latency: Some(Duration::from_millis(40)),
        request_bytes: 11,
        response_bytes: 13,
        ..finished(0, 0, 200, 50_000)
    });
    recorder.exchange(&finished(0, 1, 503, 1000));
    recorder.exchange(&Finished { route: None, ..finished(0, 0, 404, 10) });
    recorder.exchange(&Finished { status: 400, ..Finished::default() });
    recorder.connection_opened(ConnectionKind::Plain);
    recorder.connection_opened(ConnectionKind::Tls);
    recorder.connection_closed(ConnectionKind::Tls);
    recorder.tls_handshake();
    recorder.tls_handshake_failed();
    recorder.refused(Refusal::NoApi);
    recorder.buffers_exhausted(Buffers::Upstream);
    recorder.upstream(0, UpstreamEvent::Request);
    recorder.upstream(0, UpstreamEvent::Overflow);
    recorder.upstream_connections(0, 2, 3);
    recorder.ring_turn(1, 5);
    recorder.log_lines(4);
    recorder.log_lines_dropped(2);
    send(&mut recorder, &mut metrics);

    let scrape = scrape(&metrics);
    let shop = ("api", "shop");
    let requests = |labels: &[(&str, &str)]| scrape.sum("ringgate_requests_total", labels);
    assert_eq!(requests(&[]), 4.0);
    assert_eq!(requests(&[shop, ("stage", "$default"), ("api_id", "id-shop")]), 3.0);
    assert_eq!(requests(&[shop, ("route", "GET /a"), ("code", "200"), ("class", "2xx")]), 1.0);
    assert_eq!(requests(&[shop, ("route", "$default"), ("code", "503"), ("class", "5xx")]), 1.0);
    assert_eq!(requests(&[shop, ("route", "-"), ("code", "404")]), 1.0);
    assert_eq!(requests(&[("api", "-"), ("route", "-"), ("code", "400")]), 1.0);
    assert_eq!(scrape.sum("ringgate_request_body_bytes_total", &[shop]), 11.0);
    assert_eq!(scrape.sum("ringgate_response_body_bytes_total", &[shop]), 13.0);

    let buckets =
        |bound| scrape.sum("ringgate_request_duration_seconds_bucket", &[shop, ("le", bound)]);
    assert_eq!(
        [buckets("0.00005"), buckets("0.0025"), buckets("0.1"), buckets("+Inf")],
        [1.0, 2.0, 3.0, 3.0]
    );
    assert_eq!(scrape.sum("ringgate_request_duration_seconds_count", &[shop]), 3.0);
    assert_eq!(scrape.sum("ringgate_request_duration_seconds_sum", &[shop]), 0.05101);
    assert_eq!(scrape.sum("ringgate_integration_duration_seconds_count", &[shop]), 1.0);
    let p99 = [shop, ("quantile", "0.99")];
    let slowest = scrape.sum("ringgate_request_duration_quantile_seconds", &p99);
    assert!((0.0495..0.0505).contains(&slowest), "{slowest}");

    for (name, labels, expected) in [
        ("ringgate_client_connections_total", ("kind", "tls"), 1.0),
        ("ringgate_client_connections", ("kind", "tls"), 0.0),
        ("ringgate_client_connections", ("kind", "plain"), 1.0),
        ("ringgate_tls_handshakes_total", ("result", "success"), 1.0),
        ("ringgate_tls_handshakes_total", ("result", "failure"), 1.0),
        ("ringgate_refused_total", ("cause", "no_api"), 1.0),
        ("ringgate_refused_total", ("cause", "malformed"), 0.0),
        ("ringgate_ring_buffers_exhausted_total", ("group", "upstream"), 1.0),
        ("ringgate_ring_buffers_exhausted_total", ("group", "client"), 0.0),
        ("ringgate_upstream_requests_total", ("upstream", "catalog"), 1.0),
        ("ringgate_upstream_pending_overflows_total", ("upstream", "catalog"), 1.0),
        ("ringgate_upstream_retries_total", ("upstream", "catalog"), 0.0),
        ("ringgate_upstream_connections", ("state", "active"), 2.0),
        ("ringgate_upstream_connections", ("state", "idle"), 3.0),
        ("ringgate_ring_enters_total", ("shard", "1"), 1.0),
        ("ringgate_ring_completions_total", ("shard", "1"), 5.0),
        ("ringgate_ring_turns_total", ("shard", "0"), 0.0),
        ("ringgate_shard_requests_total", ("shard", "1"), 4.0),
        ("ringgate_shard_requests_total", ("shard", "0"), 0.0),
    ] {
        assert_eq!(scrape.sum(name, &[labels]), expected, "{name} {labels:?}");
    }
    assert_eq!(scrape.sum("ringgate_access_log_lines_total", &[]), 4.0);
    assert_eq!(scrape.sum("ringgate_access_log_dropped_total", &[]), 2.0);
    assert_eq!(scrape.sum("ringgate_build_info", &[("version", "1.2.3")]), 1.0);
}

#[test]
fn every_family_of_the_table_is_printed_once_it_is_known() {
    let mut metrics = metrics(1);
    let deliveries = vec![Delivery { destination: "stdout".to_owned(), written: 2, lost: 1 }];
    metrics.set_deliveries(deliveries);
    metrics.set_process(ProcessUsage::read().unwrap());
    metrics.set_reload(Reload::Success { version: 7 }, Duration::from_millis(1500));
    metrics.set_reload(Reload::Failure, Duration::from_millis(2500));
    let target = |target: &str, healthy| TargetHealth {
        upstream: "catalog".to_owned(),
        target: target.to_owned(),
        healthy,
    };
    metrics.set_target_health(vec![target("b:1", true), target("a:1", false)]);
    let mut recorder = Recorder::new(0);
    recorder.exchange(&Finished::default());
    send(&mut recorder, &mut metrics);

    let mut text = String::new();
    metrics.render(&mut text);
    for family in families::ALL {
        let max_fds_unlimited =
            *family == &families::PROCESS_MAX_FDS && !text.contains("process_max_fds");
        if !max_fds_unlimited {
            let line = format!("# TYPE {} {}\n", family.name, family.kind.text());
            assert!(text.contains(&line), "{}", family.name);
        }
    }
    let scrape = Scrape::read(&text);
    assert_eq!(scrape.sum("ringgate_reload_success", &[]), 0.0);
    assert_eq!(scrape.sum("ringgate_reload_timestamp_seconds", &[]), 2.5);
    assert_eq!(scrape.sum("ringgate_reloads_total", &[("result", "success")]), 1.0);
    assert_eq!(scrape.sum("ringgate_snapshot_version", &[]), 7.0, "still served");
    assert_eq!(scrape.sum("ringgate_upstream_target_healthy", &[("target", "a:1")]), 0.0);
    assert_eq!(scrape.sum("ringgate_upstream_target_healthy", &[("target", "b:1")]), 1.0);
    assert_eq!(scrape.sum("ringgate_access_log_lost_total", &[("destination", "stdout")]), 1.0);
    assert_eq!(scrape.sum("ringgate_access_log_written_total", &[("destination", "stdout")]), 2.0);
}

#[test]
fn names_of_any_text_are_read_back_as_they_are() {
    let odd = "a\"b\\c\nd{},é";
    let names = names(&[odd], &[(0, odd)], &[odd]);
    let mut metrics = metrics(1);
    metrics.set_names(1, &names);
    let mut recorder = Recorder::new(0);
    recorder.set_series(layout(1, &names));
    recorder.exchange(&finished(0, 0, 200, 1));
    send(&mut recorder, &mut metrics);
    let scrape = scrape(&metrics);
    assert_eq!(scrape.sum("ringgate_requests_total", &[("api", odd), ("route", odd)]), 1.0);
    assert_eq!(scrape.sum("ringgate_upstream_requests_total", &[("upstream", odd)]), 0.0);
}

#[test]
fn totals_go_on_by_name_when_a_reload_numbers_everything_differently() {
    let before = names(&["a", "b"], &[(0, "GET /x"), (1, "GET /y")], &["u", "v"]);
    let after = names(&["b", "a"], &[(0, "GET /y"), (1, "GET /new"), (1, "GET /x")], &["v"]);
    let mut metrics = metrics(1);
    metrics.set_names(1, &before);
    let mut recorder = Recorder::new(0);
    recorder.set_series(layout(1, &before));
    recorder.exchange(&finished(0, 0, 200, 1));
    recorder.exchange(&finished(1, 1, 200, 1));
    recorder.upstream(0, UpstreamEvent::Request);
    recorder.upstream(1, UpstreamEvent::Request);
    recorder.upstream_connections(0, 1, 0);
    recorder.upstream_connections(1, 1, 0);
    send(&mut recorder, &mut metrics);

    // Counted under the old layout, but sent after the new one is known.
    recorder.exchange(&finished(0, 0, 200, 1));
    metrics.set_names(2, &after);
    recorder.set_series(layout(2, &after));
    recorder.exchange(&finished(1, 2, 200, 1));
    recorder.exchange(&finished(0, 0, 200, 1));
    recorder.upstream(0, UpstreamEvent::Request);
    recorder.upstream_connections(0, 5, 0);
    send(&mut recorder, &mut metrics);

    let scrape = scrape(&metrics);
    let requests =
        |api, route| scrape.sum("ringgate_requests_total", &[("api", api), ("route", route)]);
    assert_eq!(requests("a", "GET /x"), 3.0);
    assert_eq!(requests("b", "GET /y"), 2.0);
    let upstream = |name, upstream| scrape.sum(name, &[("upstream", upstream)]);
    assert_eq!(upstream("ringgate_upstream_requests_total", "v"), 2.0);
    assert_eq!(upstream("ringgate_upstream_requests_total", "u"), 1.0, "gone, but not forgotten");
    assert_eq!(upstream("ringgate_upstream_connections", "v"), 5.0);
    assert_eq!(upstream("ringgate_upstream_connections", "u"), 0.0, "nobody counts them any more");
    assert_eq!(scrape.sum("ringgate_series_dropped_total", &[]), 0.0);
}

#[test]
fn what_has_no_series_counts_as_other_and_is_said_to() {
    let keys: Vec<String> = (0..=ROUTES_MAX).map(|number| format!("GET /{number}")).collect();
    let routes: Vec<(u32, &str)> = keys.iter().map(|key| (0, key.as_str())).collect();
    let names = names(&["big"], &routes, &[]);
    let mut metrics = metrics(1);
    metrics.set_names(1, &names);
    let mut recorder = Recorder::new(0);
    recorder.set_series(layout(1, &names));
    recorder.exchange(&finished(0, ROUTES_MAX - 1, 200, 1));
    recorder.exchange(&finished(0, ROUTES_MAX, 200, 1));
    send(&mut recorder, &mut metrics);
    // A layout that nobody told of.
    recorder.set_series(SeriesLayout { version: 99, apis: 1, routes: 1, upstreams: 1 });
    recorder.exchange(&finished(0, 0, 200, 1));
    recorder.upstream(0, UpstreamEvent::Request);
    send(&mut recorder, &mut metrics);

    let scrape = scrape(&metrics);
    let requests = |labels: &[(&str, &str)]| scrape.sum("ringgate_requests_total", labels);
    assert_eq!(requests(&[("api", "big"), ("route", keys[ROUTES_MAX as usize - 1].as_str())]), 1.0);
    assert_eq!(requests(&[("api", "big"), ("route", "other")]), 1.0);
    assert_eq!(requests(&[("api", "other"), ("route", "other")]), 1.0);
    assert_eq!(scrape.sum("ringgate_upstream_requests_total", &[("upstream", "other")]), 1.0);
    assert_eq!(scrape.sum("ringgate_series_dropped_total", &[]), 2.0);
}

#[test]
fn a_thousand_reloads_with_new_names_keep_memory_bounded_and_totals_right() {
    let mut metrics = metrics(1);
    let mut recorder = Recorder::new(0);
    let mut total = 0.0;
    for version in 1..=1000_u64 {
        let api = format!("api-{version}");
        let keys: Vec<String> = (0..20).map(|route| format!("GET /{version}/{route}")).collect();
        let routes: Vec<(u32, &str)> = keys.iter().map(|key| (0, key.as_str())).collect();
        let upstream = format!("upstream-{version}");
        let names = names(&[&api], &routes, &[&upstream]);
        metrics.set_names(version, &names);
        recorder.set_series(layout(version, &names));
        for route in 0..20 {
            recorder.exchange(&finished(0, route, 200, 1000));
            recorder.upstream(0, UpstreamEvent::Request);
            total += 1.0;
        }
        send(&mut recorder, &mut metrics);
    }
    let scrape = scrape(&metrics);
    assert_eq!(scrape.sum("ringgate_requests_total", &[]), total);
    assert_eq!(scrape.sum("ringgate_request_duration_seconds_count", &[]), total);
    assert_eq!(scrape.sum("ringgate_upstream_requests_total", &[]), total);
    assert_eq!(scrape.sum("ringgate_requests_total", &[("api", "api-1000")]), 20.0);
    assert!(scrape.sum("ringgate_series_retired_total", &[]) > 0.0);
    let limit = |names: u32| RETIRED_FACTOR * names as usize;
    assert!(metrics.apis.len() <= limit(APIS_MAX), "{}", metrics.apis.len());
    assert!(metrics.routes.len() <= limit(ROUTES_MAX), "{}", metrics.routes.len());
    assert!(metrics.upstreams.len() <= limit(UPSTREAMS_MAX), "{}", metrics.upstreams.len());
    assert!(metrics.layouts.len() <= LAYOUTS_MAX);
}

#[test]
fn load_is_the_time_awake_and_imbalance_compares_the_busiest_with_the_mean() {
    let start = Instant::now();
    let mut metrics = Metrics::new("1", 2, Duration::ZERO, start);
    let second = Duration::from_secs(1);
    for (shard, parked) in [(0, 0.25), (1, 0.75)] {
        let mut recorder = Recorder::new(shard);
        drop(recorder.take_batch(start));
        recorder.parked(second.mul_f64(parked));
        metrics.merge(shard, &recorder.take_batch(start + second));
    }
    metrics.tick(start + second);
    assert_eq!(metrics.shard_loads().collect::<Vec<_>>(), [0.75, 0.25]);
    let page = scrape(&metrics);
    assert_eq!(page.sum("ringgate_shard_imbalance", &[]), 1.5);
    assert_eq!(page.sum("ringgate_shard_busy_seconds_total", &[("shard", "0")]), 0.75);
    assert_eq!(page.sum("ringgate_shard_parked_seconds_total", &[("shard", "0")]), 0.25);
    assert_eq!(page.sum("ringgate_uptime_seconds", &[]), 1.0);

    metrics.tick(start + 2 * second);
    assert_eq!(metrics.shard_loads().next(), Some(0.75), "no batch came: nothing new is known");
}

#[test]
fn quantiles_forget_within_a_minute() {
    let start = Instant::now();
    let mut metrics = Metrics::new("1", 1, Duration::ZERO, start);
    let mut recorder = Recorder::new(0);
    recorder.exchange(&Finished::default());
    send(&mut recorder, &mut metrics);
    let shown = |metrics: &Metrics| {
        scrape(metrics).values("ringgate_shard_request_duration_quantile_seconds", &[]).len()
    };
    metrics.tick(start + HALF_WINDOW - Duration::from_millis(1));
    metrics.tick(start + HALF_WINDOW);
    assert_eq!(shown(&metrics), 4);
    metrics.tick(start + 2 * HALF_WINDOW);
    assert_eq!(shown(&metrics), 0);
}

#[test]
fn a_shard_that_is_not_there_is_ignored() {
    let mut metrics = metrics(1);
    let mut recorder = Recorder::new(5);
    recorder.exchange(&Finished::default());
    send(&mut recorder, &mut metrics);
    assert_eq!(scrape(&metrics).values("ringgate_requests_total", &[]).len(), 0);
}

/// What shards do, in any order.
#[derive(Debug, Clone)]
enum Step {
    Exchange {
        shard: usize,
        api: u32,
        route: u32,
        status: u16,
        microseconds: u64,
    },
    Send {
        shard: usize,
    },
    /// The channel was full.
    PutBack {
        shard: usize,
    },
    Reload {
        apis: u32,
        routes: u32,
    },
    Switch {
        shard: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let shard = 0..3_usize;
    prop_oneof![
        8 => (shard.clone(), 0..5_u32, 0..9_u32, 90..610_u16, 0..200_000_000_u64).prop_map(
            |(shard, api, route, status, microseconds)| Step::Exchange { shard, api, route, status, microseconds }
        ),
        2 => shard.clone().prop_map(|shard| Step::Send { shard }),
        1 => shard.clone().prop_map(|shard| Step::PutBack { shard }),
        1 => (0..5_u32, 0..9_u32).prop_map(|(apis, routes)| Step::Reload { apis, routes }),
        2 => shard.prop_map(|shard| Step::Switch { shard }),
    ]
}

proptest! {
    /// However shards count, send and change layouts, what is merged is what was counted, and no
    /// sample of a counter ever falls.
    #[test]
    fn merging_adds_up_and_counters_never_fall(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut metrics = metrics(3);
        let mut recorders: Vec<Recorder> = (0..3).map(Recorder::new).collect();
        let mut newest = SeriesLayout::default();
        let mut counted = 0;
        let mut last = scrape(&metrics);
        for step in steps {
            // Nothing else reaches the totals.
            let may_show = matches!(step, Step::Send { .. } | Step::Reload { .. });
            match step {
                Step::Exchange { shard, api, route, status, microseconds } => {
                    recorders[shard].exchange(&finished(api, route, status, microseconds));
                    counted += 1;
                }
                Step::Send { shard } => send(&mut recorders[shard], &mut metrics),
                Step::PutBack { shard } => {
                    let batch = recorders[shard].take_batch(Instant::now());
                    recorders[shard].put_back(batch);
                }
                Step::Reload { apis, routes } => {
                    let version = newest.version + 1;
                    let apis: Vec<String> = (0..apis).map(|api| format!("api-{}", (u64::from(api) + version) % 5)).collect();
                    let apis: Vec<&str> = apis.iter().map(String::as_str).collect();
                    let keys: Vec<String> = (0..routes).map(|route| format!("GET /{}", (u64::from(route) + version) % 9)).collect();
                    let keys: Vec<(u32, &str)> = keys.iter().map(|key| (0, key.as_str())).collect();
                    let names = names(&apis, &keys, &[]);
                    metrics.set_names(version, &names);
                    newest = layout(version, &names);
                }
                Step::Switch { shard } => recorders[shard].set_series(newest),
            }
            if !may_show {
                continue;
            }
            let now = scrape(&metrics);
            for ((name, labels), before) in &last.samples {
                if name.ends_with("_total") || name.ends_with("_count") || name.ends_with("_bucket") {
                    let after = now.samples.get(&(name.clone(), labels.clone()));
                    prop_assert!(after.is_some_and(|after| after >= before), "{name} {labels:?}");
                }
            }
            last = now;
        }
        for recorder in &mut recorders {
            send(recorder, &mut metrics);
        }
        let page = scrape(&metrics);
        let sum = |name: &str| page.values(name, &[]).iter().sum::<f64>();
        prop_assert_eq!(sum("ringgate_requests_total"), f64::from(counted));
        prop_assert_eq!(sum("ringgate_shard_requests_total"), f64::from(counted));
        prop_assert_eq!(sum("ringgate_request_duration_seconds_count"), f64::from(counted));
    }
}
