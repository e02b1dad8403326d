//! What does one access-log line cost, and what does counting one exchange?
//!
//! Bar: both together stay below 0.3 us, a third of what the gateway may add to a request in user code.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringgate::telemetry::access_log::{Facts, Format};
use ringgate::telemetry::{Finished, LogBuffer, Recorder, SeriesLayout, ids};

const USER_AGENT: &[u8] =
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/131.0.0.0 Safari/537.36";

/// Every value of the JSON preset and a few more of what people add first.
const CUSTOM: &str = concat!(
    r#"{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","#,
    r#""agent":"$context.identity.userAgent","time":$context.requestTimeEpoch,"#,
    r#""route":"$context.routeKey","path":"$context.path","status":$context.status,"#,
    r#""latency":$context.responseLatency,"integration":"$context.integrationLatency","#,
    r#""bytes":$context.responseLength,"error":"$context.error.message"}"#
);

fn facts<'a>(path: &'a [u8], user_agent: &'a [u8]) -> Facts<'a> {
    Facts {
        account_id: "000000000000",
        api_id: "a1b2c3d4e5",
        stage: "$default",
        resource_path: "/products/{id}",
        route_key: "GET /products/{id}",
        request_id: "c6af9ac6-7b61-41e6-9a41-93e8deadbeef",
        extended_request_id: "VwjwNFuUIAMFrRA=",
        http_method: b"GET",
        path,
        protocol: "HTTP/1.1",
        domain_name: b"shop.example.com",
        source_ip: "192.0.2.1",
        user_agent,
        request_time: Duration::from_millis(1_709_251_198_765),
        status: 200,
        response_length: 16_384,
        response_latency: Duration::from_micros(1234),
        integration_status: Some(200),
        integration_latency: Some(Duration::from_micros(1100)),
        ..Facts::default()
    }
}

fn format_line(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_format");
    // The worst case: nothing can be copied, every byte needs an escape.
    let hostile = [b'\x01'; 1024];
    let plain = facts(b"/v1/products/123456", USER_AGENT);
    let escaped = facts(&hostile, &hostile);
    for (name, text, facts) in [
        ("clf", "clf", &plain),
        ("json", "json", &plain),
        ("custom", CUSTOM, &plain),
        ("custom_2_kib_of_escapes", CUSTOM, &escaped),
    ] {
        let format = Format::parse(text).expect("the formats above are valid");
        let mut out = Vec::with_capacity(64 * 1024);
        format.write(facts, &mut out);
        group.throughput(Throughput::Bytes(out.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), facts, |bencher, facts| {
            bencher.iter(|| {
                out.clear();
                format.write(black_box(facts), &mut out);
            });
        });
    }
    group.finish();
}

/// A line, a batch of lines now and then, and its memory coming back.
fn buffer_line(criterion: &mut Criterion) {
    let format = Format::parse("json").expect("the preset is valid");
    let plain = facts(b"/v1/products/123456", USER_AGENT);
    let mut buffer = LogBuffer::new(0);
    let now = Instant::now();
    criterion.bench_function("log_buffer", |bencher| {
        bencher.iter(|| {
            buffer.append(now, |out| format.write(black_box(&plain), out));
            black_box(buffer.take_due(now));
        });
    });
}

fn record_exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorder");
    for routes in [1, 4096] {
        let mut recorder = Recorder::new(0);
        recorder.set_series(SeriesLayout { version: 1, apis: 64, routes, upstreams: 1 });
        let mut number = 0_u32;
        group.bench_with_input(
            BenchmarkId::new("exchange", routes),
            &routes,
            |bencher, &routes| {
                bencher.iter(|| {
                    number = number.wrapping_mul(0x9e37_79b9).wrapping_add(1);
                    recorder.exchange(black_box(&Finished {
                        api: Some(number % 64),
                        route: Some(number % routes),
                        status: 200,
                        latency: Duration::from_nanos(u64::from(number % 5_000_000)),
                        integration_latency: Some(Duration::from_nanos(u64::from(
                            number % 4_000_000,
                        ))),
                        request_bytes: 0,
                        response_bytes: 27,
                    }));
                });
            },
        );
    }
    group.finish();
}

fn make_ids(criterion: &mut Criterion) {
    let random = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
    let mut group = criterion.benchmark_group("ids");
    group.bench_function("uuid", |bencher| bencher.iter(|| ids::uuid(black_box(random))));
    group.bench_function("extended_id", |bencher| {
        bencher.iter(|| ids::extended_id(black_box(random)))
    });
    group.bench_function("trace_root", |bencher| {
        bencher.iter(|| ids::trace_root(black_box(1_700_000_000), black_box(random)))
    });
    group.finish();
}

criterion_group!(benches, format_line, buffer_line, record_exchange, make_ids);
criterion_main!(benches);
