//! What does a reload cost before the shards see it? Text to model, model to snapshot, and a shard's
//! own copy, with 10, 1,000 and 10,000 routes; and the lookup by host and base path.
//!
//! Bar: the copy is what could delay a shard if it were made there; it is made on the control thread.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ringgate::model;
use ringgate::snapshot::compile;

fn configuration(routes: usize) -> String {
    let mut text = String::from(
        "[[upstream]]\nname = \"catalog\"\ntargets = [\"127.0.0.1:9001\"]\n\n\
         [[api]]\nname = \"shop\"\nprotocol = \"http\"\n",
    );
    for index in 0..routes {
        write!(
            text,
            "\n[[api.route]]\nroute = \"GET /v1/resource-{index}/{{id}}\"\n\
             integration = {{ type = \"http_proxy\", upstream = \"catalog\", path = \"/r/{index}/{{id}}\" }}\n"
        )
        .expect("writing to a string cannot fail");
    }
    text
}

fn reload(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(20);
    for count in [10, 1_000, 10_000] {
        let text = configuration(count);
        group.bench_function(BenchmarkId::new("read", count), |bencher| {
            bencher.iter_batched(
                || text.clone(),
                |text| model::parse(Path::new("bench.toml"), text).expect("valid"),
                BatchSize::LargeInput,
            );
        });
        let model = model::parse(Path::new("bench.toml"), text).expect("valid");
        group.bench_function(BenchmarkId::new("compile", count), |bencher| {
            bencher.iter_with_large_drop(|| compile(black_box(&model), 1, 7));
        });
        let snapshot = compile(&model, 1, 7);
        group.bench_function(BenchmarkId::new("copy", count), |bencher| {
            bencher.iter_with_large_drop(|| black_box(&snapshot).clone());
        });
    }
    group.finish();
}

fn address(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("address");
    for count in [1, 100, 1_000] {
        let mut text = String::new();
        for index in 0..count {
            write!(
                text,
                "[[api]]\nname = \"a{index}\"\nprotocol = \"http\"\ndomain = \"a{index}.example.com\"\nbase_path = \"/v1\"\n\n"
            )
            .expect("writing to a string cannot fail");
        }
        let model = model::parse(Path::new("bench.toml"), text).expect("valid");
        let snapshot = compile(&model, 1, 7);
        let host = format!("A{}.example.com:8080", count - 1);
        assert!(snapshot.find_api(host.as_bytes(), b"/v1/x").is_some());
        group.bench_with_input(BenchmarkId::new("domain", count), &host, |bencher, host| {
            bencher.iter(|| snapshot.find_api(black_box(host.as_bytes()), black_box(b"/v1/x/y")));
        });
    }
    let model = model::parse(Path::new("bench.toml"), configuration(1)).expect("valid");
    let snapshot = compile(&model, 1, 7);
    group.bench_function("no_domain", |bencher| {
        bencher.iter(|| snapshot.find_api(black_box(b"127.0.0.1:8080"), black_box(b"/v1/x/y")));
    });
    group.finish();
}

criterion_group!(benches, reload, address);
criterion_main!(benches);
