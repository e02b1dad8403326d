//! What a function behind a route costs besides its own work: writing the event, reading the result.
//!
//! Bar: an invocation costs the gateway at most 1.5 times a proxied request, which takes some 6 us of a
//! core. So event and result together must stay well below 2 us for an ordinary request, and grow with the
//! body no faster than copying with escapes does.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringgate::aws::policy::{Ask, Caller, Kind, NoKeys, Policy};
use ringgate::exchange::event::{
    Authorized, EventFacts, Format, Forwarded, Identity, Prefix, RouteFacts, write_proxy_event,
};
use ringgate::exchange::integrate::lambda::{AnswerFacts, read_result};
use ringgate::http::{Field, Known};
use std::borrow::Cow;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What a browser sends.
const FIELDS: &[(&str, &str)] = &[
    ("Host", "abc123.execute-api.eu-west-1.amazonaws.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-GB,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Content-Type", "application/json"),
    ("Content-Length", "100"),
    ("Origin", "https://example.com"),
    ("Referer", "https://example.com/a/b"),
    ("Cookie", "session=0123456789abcdef; theme=dark"),
    ("Authorization", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"),
    ("Connection", "keep-alive"),
];

fn write(criterion: &mut Criterion) {
    let names: [Box<str>; 1] = ["id".into()];
    let variables: [(Box<str>, Box<str>); 1] = [("env".into(), "prod".into())];
    let route = RouteFacts {
        partition: "aws",
        region: "eu-west-1",
        account_id: "123456789012",
        api_id: "abc123",
        stage: "prod",
        deployment_id: "wx9y8z",
        route_key: "POST /users/{id}",
        resource_path: "/users/{id}",
        resource_id: "k0w8mc",
        operation_name: None,
        parameter_names: &names,
        stage_variables: &variables,
        binary_media_types: &[],
        is_function_url: false,
    };
    let fields: Vec<Field<'_>> = FIELDS
        .iter()
        .map(|(name, value)| Field {
            name: name.as_bytes(),
            value: value.as_bytes(),
            known: Known::of(name.as_bytes()),
        })
        .collect();
    let mut group = criterion.benchmark_group("lambda_event/write");
    for body_bytes in [0, 100, 10_000, 1_000_000] {
        let body = json(body_bytes);
        let facts = EventFacts {
            route: &route,
            method: "POST",
            prefix: Prefix::Stage,
            path: b"/users/42",
            query: Some(b"page=2&sort=name&filter=a%20b"),
            parameters: &[b"42"],
            fields: &fields,
            host: b"abc123.execute-api.eu-west-1.amazonaws.com",
            forwarded: Forwarded {
                client: Cow::Borrowed(b"203.0.113.7"),
                port: Cow::Borrowed(b"443"),
                proto: b"https",
            },
            trace_id: b"Root=1-5c755b5d-07b29b94e632d3da19d88789",
            source_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            request_id: b"515f1e99-39db-11e9-9e96-01e5c04505b9",
            extended_request_id: b"VwjwNFuUIAMFrRA=",
            since_epoch: Duration::from_millis(1_551_194_973_732),
            identity: Identity::default(),
            authorizer: Authorized::Silent,
            body: body.as_bytes(),
        };
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(body.len() as u64));
        for (name, format) in [("rest", Format::Rest), ("http2", Format::Http2)] {
            group.bench_with_input(BenchmarkId::new(name, body_bytes), &facts, |bencher, facts| {
                bencher.iter(|| {
                    out.clear();
                    write_proxy_event(black_box(facts), format, &mut out);
                    out.len()
                });
            });
        }
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lambda_event/read");
    for body_bytes in [0, 100, 10_000, 1_000_000] {
        let body = json(body_bytes).replace('"', "\\\"");
        let result = format!(
            r#"{{"statusCode":200,"headers":{{"Content-Type":"application/json","Cache-Control":"no-store"}},"body":"{body}"}}"#
        );
        group.throughput(Throughput::Bytes(result.len() as u64));
        let facts = AnswerFacts { format: Format::Rest, accept: None, binary_media_types: &[] };
        group.bench_with_input(BenchmarkId::new("rest", body_bytes), &result, |bencher, result| {
            bencher.iter(|| read_result(black_box(result.as_bytes()), &facts).map(|it| it.status));
        });
    }
    group.finish();
}

/// A remembered verdict is evaluated for each request.
fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lambda_event/policy");
    for statements in [1, 30] {
        let statement = |index: usize| {
            format!(
                r#"{{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"arn:aws:execute-api:eu-west-1:123456789012:abc123/*/GET/resource-{index}/*"}}"#
            )
        };
        let all: Vec<String> = (0..statements).map(statement).collect();
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, all.join(","));
        let Ok(policy) = Policy::read(&text, Kind::Identity) else { continue };
        let ask = Ask {
            caller: Caller::Anonymous,
            action: "execute-api:Invoke",
            resource: "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/resource-29/a/b",
            keys: &NoKeys,
        };
        group.bench_with_input(BenchmarkId::from_parameter(statements), &ask, |bencher, ask| {
            bencher.iter(|| policy.decide(black_box(ask)));
        });
    }
    group.finish();
}

/// JSON of about so many bytes, with as many quotes as JSON has.
fn json(bytes: usize) -> String {
    if bytes == 0 {
        return String::new();
    }
    let members: Vec<String> =
        (0..bytes.div_ceil(25)).map(|index| format!(r#""member{index}":"value""#)).collect();
    format!("{{{}}}", members.join(","))
}

criterion_group!(benches, write, read, decide);
criterion_main!(benches);
