//! What does a deployment cost, with 10, 1,000 and 10,000 other stages served? Compiling a stage of 20
//! resources, the copy for a shard, and taking it into the shard's table; and what finding an API costs.
//!
//! Bar: none of these grows with the number of other stages beyond what caches explain.

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ringgate::control::endpoints::{Health, TargetEndpoints};
use ringgate::control::mailbox::{Delta, FromShard, NewUpstream, Reporter, ToShard, reports};
use ringgate::model;
use ringgate::resources::rest_stage::{Definition, Stage};
use ringgate::ring::driver::KernelRing;
use ringgate::ring::probe::RingSettings;
use ringgate::shard::env::KernelEnv;
use ringgate::shard::{Shard, ShardSettings};
use ringgate::snapshot::compile;
use ringgate::snapshot::managed::{
    CompiledStage, Managed, ManagedStage, StageChange, StagePlace, compile_rest_stage,
};
use serde_json::json;

const RESOURCES: usize = 20;

fn definition(version: usize) -> Definition {
    let resources: Vec<_> = (0..RESOURCES)
        .map(|index| {
            let path = format!("/v{version}/resource-{index}/{{id}}");
            json!({ "id": index.to_string(), "path": path, "resourceMethods": { "GET": {
                "authorizationType": "NONE",
                "methodIntegration": {
                    "type": "HTTP_PROXY",
                    "httpMethod": "GET",
                    "uri": format!("http://127.0.0.1:{}/r/{index}/{{id}}", 9000 + index % 3),
                    "requestParameters": { "integration.request.path.id": "method.request.path.id" },
                },
            } } })
        })
        .collect();
    serde_json::from_value(json!({ "api": { "name": "bench" }, "resources": resources }))
        .expect("a definition")
}

fn stage_of(api: usize, definition: &Definition) -> CompiledStage {
    let api_id = format!("api{api:07}");
    let place = StagePlace::of("us-east-1", "123456789012", &api_id);
    let stage = Stage { stage_name: "prod".to_owned(), ..Stage::default() };
    compile_rest_stage(&place, &stage, definition, None)
}

fn put(stage: ManagedStage) -> StageChange<ManagedStage> {
    StageChange::Put(Box::new(stage))
}

fn deployment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deployment");
    let (old, new) = (definition(1), definition(2));
    group.bench_function("compile", |bencher| {
        bencher.iter_with_large_drop(|| stage_of(0, black_box(&new)));
    });
    let compiled = stage_of(0, &new);
    assert_eq!(compiled.warnings, [""; 0]);
    group.bench_function("copy", |bencher| {
        bencher.iter_with_large_drop(|| black_box(&compiled.stage).clone());
    });
    for others in [10, 1_000, 10_000] {
        group.bench_function(BenchmarkId::new("table", others), |bencher| {
            let mut table = Managed::new([1, 2, 3, 4]);
            for api in 0..=others {
                table.change_stage(put(stage_of(api, &old).stage));
            }
            bencher.iter_batched(
                || put(compiled.stage.clone()),
                |change| table.change_stage(change),
                BatchSize::SmallInput,
            );
        });
        // The whole of what happens on a shard's thread, reports included.
        group.bench_function(BenchmarkId::new("shard", others), |bencher| {
            let file = "[server]\nlisten = []\n".to_owned();
            let model = model::parse(Path::new("bench.toml"), file).expect("valid");
            let (sender, mut received) = reports();
            let settings = ShardSettings {
                snapshot: Box::new(compile(&model, 1, 1)),
                tickets: None,
                reporter: Reporter::new(0, sender),
            };
            let ring = KernelRing::new(&RingSettings::default()).expect("a ring");
            let mut shard = Shard::new(KernelEnv::new(ring), settings);
            let mut first = Delta { sequence: 1, ..Delta::default() };
            for upstream in &compiled.upstreams {
                let targets = upstream.targets.iter().map(|target| TargetEndpoints {
                    target: target.address.clone(),
                    addresses: vec![target.address.parse().expect("an address")],
                    health: Health::Healthy,
                });
                let targets = targets.collect();
                first.upstreams.push(NewUpstream { upstream: upstream.clone(), targets });
            }
            first.stages = (0..=others).map(|api| put(stage_of(api, &old).stage)).collect();
            shard.deliver(ToShard::Delta(Box::new(first)));
            let mut sequence = 1;
            bencher.iter_batched(
                || {
                    while received.try_recv().is_ok() {}
                    sequence += 1;
                    let stages = vec![put(compiled.stage.clone())];
                    Box::new(Delta { sequence, stages, ..Delta::default() })
                },
                |delta| shard.deliver(ToShard::Delta(delta)),
                BatchSize::PerIteration,
            );
            let is_applied = |report: FromShard| matches!(report, FromShard::Applied { .. });
            assert!(std::iter::from_fn(|| received.try_recv().ok()).any(is_applied));
        });
    }
    group.finish();
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("managed_api");
    let definition = definition(1);
    for count in [10, 1_000, 10_000] {
        let mut table = Managed::new([1, 2, 3, 4]);
        for api in 0..count {
            table.change_stage(put(stage_of(api, &definition).stage));
        }
        let id = format!("api{:07}", count / 2);
        group.bench_with_input(BenchmarkId::new("stage", count), &id, |bencher, id| {
            bencher.iter(|| table.api(black_box(id)).and_then(|api| api.stage(b"prod")).is_some());
        });
    }
    group.finish();
}

criterion_group!(benches, deployment, find);
criterion_main!(benches);
