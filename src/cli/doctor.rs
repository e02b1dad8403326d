//! `ringgate doctor`: what this host must offer, what it offers, and what to change.

use crate::control::doctor;
use crate::control::functions::host;
use crate::ring::driver::KernelRing;
use crate::ring::probe::RingSettings;
use std::path::Path;
use std::process::ExitCode;

/// Prints the table of requirements: exit status 0 when all are met, else 1. Functions run
/// with less isolation where the host allows no more: that is told, and is no failure.
pub(super) fn doctor(config: Option<&Path>) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    let requirements = doctor::requirements(&super::serve::needs(&model), probe);
    print!("{}", doctor::table(&requirements));
    print!("{}", doctor::layers(&host::layers()));
    if doctor::all_met(&requirements) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes a small ring with everything a shard needs.
fn probe() -> Result<(), String> {
    let settings = RingSettings { entries: 8, client_buffers: 8, ..RingSettings::default() };
    KernelRing::new(&settings).map(drop).map_err(|error| error.to_string())
}
