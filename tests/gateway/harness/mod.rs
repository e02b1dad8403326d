//! What the tests are made of: the gateway's process, clients, scripted back ends.

mod backend;
mod client;
mod gate;
mod process;
mod wire;

pub(crate) use backend::{Backend, Connection, refusing};
pub(crate) use client::{Client, Reply};
pub(crate) use gate::Gate;
pub(crate) use process::Gateway;
pub(crate) use wire::{Body, Head, Wire};

use std::time::{Duration, Instant};

/// How long an event may take before its test fails. Generous: the machine may be busy with other
/// tests; nothing waits this long when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// Waits until `condition` holds, and fails with `what` when it does not.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < until, "in vain waited for: {what}");
        // Nothing tells when another process has changed its mind, so it is asked again and again.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Bytes in which every place looks different, so that a lost or repeated piece shows.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|place| (place * 7 + place / 251 + place / 65_521) as u8).collect()
}
