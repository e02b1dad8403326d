//! `ringgate serve`: control thread and shards, from start to end.

use crate::control::{Control, Options, dns, doctor};
use crate::model::{LogFormat, Model};
use crate::ring::probe::RingSettings;
use crate::shard::env::{EXECUTOR_MEMLOCK_BYTES_MIN, Start, start};
use crate::snapshot;
use crate::telemetry::fields;
use crate::tls::Tickets;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Serves requests until it is told to stop.
pub(super) fn serve(config: Option<&Path>) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    let format = match model.log.format {
        LogFormat::Text => fields::LogFormat::Text,
        LogFormat::Json => fields::LogFormat::Json,
    };
    if let Err(problem) = fields::init_logging(format, &model.log.level) {
        eprintln!("error: {problem}");
        return ExitCode::from(super::EXIT_CONFIGURATION);
    }
    match run(&model) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(model: &Model) -> anyhow::Result<ExitCode> {
    let options = Options {
        tls_configure: crate::shard::client_tls,
        resolver: dns::system_resolver,
        announce: Box::new(|line| {
            // Whoever started us may have closed the pipe; serving goes on.
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }),
    };
    let ring = ring_settings(model);
    let (control, seats) = Control::start(model, options)?;
    let tickets = Tickets::new()?;
    let cores = allowed_cores();
    let mut running = Vec::new();
    for seat in seats {
        let core = cores.get(seat.shard % cores.len().max(1)).copied();
        // The first snapshot that counts comes from the control thread, with everything resolved.
        let snapshot = Box::new(snapshot::compile(model, 0, seat.shard as u64));
        let shard = seat.shard;
        let started = start(Start { seat, core, snapshot, tickets: tickets.clone(), ring });
        running.push(started.map_err(|error| {
            anyhow::anyhow!("shard {shard} cannot start: {error}; see `ringgate doctor`")
        })?);
    }
    let ended = control.run()?;
    if ended.all_ended {
        for thread in running {
            let _ = thread.join();
        }
    }
    if ended.requests_cut > 0 {
        tracing::warn!(
            requests = ended.requests_cut,
            "requests were cut off by the end of the drain"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Sizes of each shard's ring as declared.
pub(super) fn ring_settings(model: &Model) -> RingSettings {
    RingSettings {
        entries: model.ring.entries,
        client_buffers: model.ring.client_buffers.count,
        client_buffer_bytes: model.ring.client_buffers.buffer_bytes,
        upstream_buffers: model.ring.upstream_buffers.count,
        upstream_buffer_bytes: model.ring.upstream_buffers.buffer_bytes,
    }
}

/// The cores that this process may use, by number.
fn allowed_cores() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(),
        Err(_) => Vec::new(),
    }
}

/// How many cores the doctor's table speaks of.
pub(super) fn needs(model: &Model) -> doctor::Needs {
    doctor::Needs::of(model, ring_settings(model).memlock_bytes(), EXECUTOR_MEMLOCK_BYTES_MIN)
}
