//! Template and body from anybody, a NUL byte between them: no panic, and no rendering beyond its limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::template::{Inputs, Limits, Overrides, Scratch, Template};

const LIMITS: Limits = Limits {
    steps: 20_000,
    depth: 60,
    output_bytes: 4_096,
    memory_bytes: 1 << 20,
    loop_iterations: 50,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (template, body) = text.split_once('\0').unwrap_or((text, "{\"a\":[1,{\"b\":\"c\"}]}"));
    let Ok(template) = Template::parse(template) else { return };
    let pairs = [("a", "1"), ("b", "x y")];
    let carried = Overrides::default();
    let inputs = Inputs {
        body,
        path: &pairs,
        querystring: &pairs,
        header: &pairs,
        stage_variables: &pairs,
        overrides: Some(&carried),
        ..Inputs::default()
    };
    let mut scratch = Scratch::new(1);
    let mut out = String::from("before");
    match template.render(&inputs, &mut scratch, LIMITS, &mut out) {
        Ok(_) => assert!(out.starts_with("before") && out.len() <= LIMITS.output_bytes + 6),
        Err(_) => assert_eq!(out, "before", "nothing of a rendering that fails is kept"),
    }
    // A second rendering in what the first left behind is the same.
    let mut again = String::from("before");
    let _ = template.render(&inputs, &mut scratch, LIMITS, &mut again);
    assert_eq!(out, again);
});
