//! What does rendering a mapping template cost?
//!
//! Bar: a typical 40-line template with a 2 KiB JSON body takes a third of what Apache Velocity takes on a
//! warmed JVM, and a tenth of npm's velocityjs (`bench/templates/compare.py` runs those). The other rows
//! show where the time goes: reading the body, the language, printing.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringgate::template::{ContextVariables, Inputs, Limits, Scratch, Template, Variable};

/// An order is reshaped: 40 lines with loops, conditions, escapes and a few variables.
const TYPICAL: &str = include_str!("../templates/order.vtl");
/// 2 KiB, ten items.
const BODY: &str = include_str!("../templates/order.json");

struct Context;

impl ContextVariables for Context {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        match path {
            ["requestId"] => Variable::Text("c6af9ac6-7b61-41e6-9a41-93e8deadbeef".into()),
            ["stage"] => Variable::Text("prod".into()),
            ["identity"] => Variable::Group,
            ["identity", "sourceIp"] => Variable::Text("203.0.113.7".into()),
            ["identity", "userAgent"] => Variable::Text("curl/8.5.0 (x86_64-pc-linux-gnu)".into()),
            _ => Variable::Missing,
        }
    }

    fn names<'a>(&'a self, _: &[&str], _: &mut dyn FnMut(&'a str)) {}
}

fn template(criterion: &mut Criterion) {
    let inputs = Inputs {
        body: BODY,
        stage_variables: &[("env", "production")],
        context: &Context,
        ..Inputs::default()
    };
    let mut scratch = Scratch::new(1);
    let mut out = String::new();
    let mut group = criterion.benchmark_group("template");
    group.throughput(Throughput::Bytes(BODY.len() as u64));
    for (name, text) in [
        ("typical_40_lines_2_kib", TYPICAL),
        ("body_to_json", "$input.json('$')"),
        ("body_path_only", "#set($a = $input.path('$.customer.id'))"),
        ("constant", "{\"statusCode\": 200}"),
        ("loop_of_1000", "#foreach($i in [1..1000])$i,#end"),
    ] {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(problem) => panic!("{name}: {problem}"),
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                black_box(
                    template.render(&inputs, &mut scratch, Limits::default(), &mut out).is_ok(),
                );
                out.len()
            });
        });
    }
    group.finish();
    criterion.bench_function("template/parse_typical", |bencher| {
        bencher.iter(|| Template::parse(black_box(TYPICAL)).is_ok());
    });
}

criterion_group!(benches, template);
criterion_main!(benches);
