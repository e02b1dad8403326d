//! Mappings, a request and an answer from anybody: no panic, and no value becomes more than a value.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/property/checks/parameters.rs"]
mod check;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check::check(text);
});
