//! Ringgate's side of `compare.py`: renders one template with one body as often as it is told.
//!
//! `render TEMPLATE BODY` prints the result on one line; then for each number read it renders that often
//! and prints the nanoseconds that it took. The template is parsed once, the body with each rendering, as
//! in a request. The other two sides do the same.

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use anyhow::Context as _;
use ringgate::template::{ContextVariables, Inputs, Limits, Scratch, Template, Variable};

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

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut file = || -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(arguments.next().context("render TEMPLATE BODY")?)?)
    };
    let template = Template::parse(&file()?)?;
    let body = file()?;
    let inputs = Inputs {
        body: &body,
        stage_variables: &[("env", "production")],
        context: &Context,
        ..Inputs::default()
    };
    let mut scratch = Scratch::new(1);
    let mut out = String::new();
    template.render(&inputs, &mut scratch, Limits::default(), &mut out)?;
    println!("{}", out.replace('\n', " "));
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line?.parse()?;
        let begin = Instant::now();
        for _ in 0..count {
            // A request's own buffer, as the shard has it.
            let mut out = String::new();
            template.render(&inputs, &mut scratch, Limits::default(), &mut out)?;
            black_box(&out);
        }
        println!("{}", begin.elapsed().as_nanos());
    }
    Ok(())
}
