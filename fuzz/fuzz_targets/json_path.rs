//! JSONPath and document from anybody, a NUL byte between them: no panic, no selection beyond its limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::template::{JsonPath, Limits, RenderProblem, Scratch};

const LIMITS: Limits = Limits {
    steps: 20_000,
    depth: 60,
    output_bytes: 4_096,
    memory_bytes: 1 << 20,
    loop_iterations: 50,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, document) = text.split_once('\0').unwrap_or((text, "{\"a\":[1,{\"b\":\"c\"}]}"));
    let Ok(path) = JsonPath::parse(path) else { return };
    let mut out = String::new();
    match path.select_text(document, &mut Scratch::new(1), LIMITS, &mut out) {
        Ok(_) => assert!(out.len() <= LIMITS.output_bytes),
        Err(problem) => assert!(
            matches!(problem, RenderProblem::Limit { .. } | RenderProblem::Body(_)),
            "{problem}"
        ),
    }
});
