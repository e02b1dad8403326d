//! What does a management call pay before its operation begins? Finding the operation, and decoding
//! and checking its input.
//!
//! Bar: 10 microseconds for both of PutIntegration, one of the larger calls; a store's transaction
//! behind it costs hundreds. And 5 milliseconds, once, to read all tables.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ringgate::aws::shapes;

const PATH: &str = "/restapis/a1b2c3d4e5/resources/f6g7h8/methods/GET/integration";

/// As Terraform's provider sends it.
const BODY: &[u8] = br#"{"cacheKeyParameters":["method.request.path.id"],"cacheNamespace":"pets",
    "connectionType":"INTERNET","contentHandling":"CONVERT_TO_TEXT","credentials":"",
    "httpMethod":"POST","passthroughBehavior":"WHEN_NO_MATCH",
    "requestParameters":{"integration.request.header.X-Request":"context.requestId",
    "integration.request.path.id":"method.request.path.id"},
    "requestTemplates":{"application/json":"{\"id\": \"$input.params('id')\"}"},
    "timeoutInMillis":29000,"tlsConfig":{"insecureSkipVerification":false},"type":"HTTP",
    "uri":"https://backend.example/pets/{id}"}"#;

fn calls(criterion: &mut Criterion) {
    // The first use reads the table, so it happens outside of what is measured.
    let service = shapes::apigateway();
    let mut group = criterion.benchmark_group("shapes");
    group.bench_function("find", |bencher| {
        bencher.iter(|| service.find(black_box("PUT"), black_box(PATH), "").expect("it is found"));
    });
    let matched = service.find("PUT", PATH, "").expect("it is found");
    group.bench_function("input", |bencher| {
        bencher.iter(|| {
            let input = matched.operation.input(&matched, "", |_| None, black_box(BODY));
            input.expect("it fits the model")
        });
    });
    group.bench_function("tag", |bencher| {
        let path = "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc";
        bencher.iter(|| service.find(black_box("GET"), black_box(path), "").expect("it is found"));
    });
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
