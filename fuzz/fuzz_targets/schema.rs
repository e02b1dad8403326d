//! A model and content from anybody, a NUL byte between them: no panic, and no check beyond its limits.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/property/checks/schema.rs"]
mod check;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check::check(text);
});
