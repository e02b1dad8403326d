//! What does it cost to find a route? Method and path to route with 10, 1,000 and 10,000 routes.
//!
//! Bar: 10,000 routes cost at most 1.5 times 10 routes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringgate::model::RouteKey;
use ringgate::snapshot::{PathParameters, Protocol, RouteTable};

/// Routes as a large API has them: every resource with a collection, an item and something below it.
fn routes(count: usize) -> Vec<RouteKey> {
    (0..count)
        .map(|index| {
            let resource = index / 4;
            let key = match index % 4 {
                0 => format!("GET /v1/resource-{resource}"),
                1 => format!("POST /v1/resource-{resource}"),
                2 => format!("GET /v1/resource-{resource}/{{id}}"),
                _ => format!("ANY /v1/resource-{resource}/{{id}}/items/{{proxy+}}"),
            };
            key.parse().expect("a route key")
        })
        .collect()
}

/// Paths over all resources, so that the whole table is walked and not one warm line of it; the same
/// number for every size, so that the curve shows the table and not the paths.
fn paths(routes: usize, shape: &str) -> Vec<String> {
    let resources = routes.div_ceil(4);
    (0..1024_usize)
        .map(|index| {
            // A step that shares no divisor with the sizes visits resources in a scattered order.
            let resource = index * 7919 % resources;
            format!("/v1/resource-{resource}{shape}")
        })
        .collect()
}

fn lookup(criterion: &mut Criterion) {
    for (name, shape) in [
        ("literal", ""),
        ("parameter", "/4711"),
        ("greedy", "/4711/items/a/b/c"),
        ("miss", "/4711/nothing"),
    ] {
        let mut group = criterion.benchmark_group(format!("route_{name}"));
        for count in [10, 1_000, 10_000] {
            let keys = routes(count);
            let table = RouteTable::build(Protocol::Http, &keys, 7);
            // Whole resources only: the last one of ten routes has no greedy route.
            let paths = paths(count / 4 * 4, shape);
            let mut parameters = PathParameters::new();
            for path in &paths {
                let found = table.find("GET", path.as_bytes(), &mut parameters);
                assert_eq!(found.is_none(), name == "miss", "{path}");
            }
            group.bench_with_input(BenchmarkId::from_parameter(count), &paths, |bencher, paths| {
                let mut next = paths.iter().cycle();
                bencher.iter(|| {
                    let path = next.next().map(String::as_bytes).unwrap_or_default();
                    let mut parameters = PathParameters::new();
                    let found = table.find(black_box("GET"), black_box(path), &mut parameters);
                    black_box((found, parameters.len()))
                });
            });
        }
        group.finish();
    }
}

/// The worst configuration there is for a search that goes back: at every segment both the literal
/// and the variable match, and no route has the method.
fn going_back(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route_going_back");
    for depth in [2, 6, 10] {
        let keys: Vec<RouteKey> = (0..1_u32 << depth)
            .map(|bits| {
                let path: String = (0..depth)
                    .map(|at| match bits >> at & 1 {
                        0 => "/a".to_owned(),
                        _ => format!("/{{v{at}}}"),
                    })
                    .collect();
                format!("POST {path}").parse().expect("a route key")
            })
            .collect();
        let table = RouteTable::build(Protocol::Http, &keys, 7);
        let path = "/a".repeat(depth);
        group.bench_with_input(BenchmarkId::from_parameter(depth), &path, |bencher, path| {
            bencher.iter(|| {
                let mut parameters = PathParameters::new();
                black_box(table.find("GET", black_box(path.as_bytes()), &mut parameters))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookup, going_back);
criterion_main!(benches);
