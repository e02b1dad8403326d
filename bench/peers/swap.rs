//! Snapshot swap under load: the file alternates between two configurations and ringgate gets SIGHUP
//! five times a second, while the load stays constant. No request may fail, and the latency is set
//! against that of the same process left alone.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde::Serialize;

use crate::cases::{Job, Plan, SMALL_BODY};
use crate::http::{self, Connection};
use crate::interrupt::Interrupt;
use crate::load::{Errors, Load};
use crate::proxies::{Proxy, Running, Setup, swap_config};
use crate::rig::{self, Rig};

/// Time between two changes.
const PERIOD: Duration = Duration::from_millis(200);

/// A change must be visible within this time, or the run fails.
const VISIBLE_WITHIN: Duration = Duration::from_secs(5);

/// What `/fixed` answers in the other configuration; as long as [`SMALL_BODY`].
const OTHER_BODY: &str = "another 27 bytes of a body.";

/// One round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    /// 99th percentile without swaps, in microseconds.
    pub(crate) steady_p99_us: f64,
    /// 99th percentile with a swap every 200 ms, in microseconds.
    pub(crate) swapping_p99_us: f64,
    /// The second through the first.
    pub(crate) ratio: f64,
    /// Longest latency with swaps, in microseconds.
    pub(crate) swapping_max_us: f64,
    /// Swaps seen to take effect.
    pub(crate) swaps: f64,
    /// Longest time from the signal to the first answer of the new configuration, in microseconds.
    pub(crate) visible_after_max_us: f64,
    /// Answers per second with swaps.
    pub(crate) per_second: f64,
    /// What the load generator counted in both runs.
    pub(crate) errors: Errors,
}

impl rig::Sample for Sample {
    fn line(&self) -> String {
        format!(
            "p99 steady {:.0} us, swapping {:.0} us ({:.2}), {} swaps, visible within {:.0} us",
            self.steady_p99_us,
            self.swapping_p99_us,
            self.ratio,
            self.swaps,
            self.visible_after_max_us
        )
    }

    fn fault(&self) -> Option<String> {
        self.errors.fault()
    }
}

/// Measures without swaps, then with them, on one process.
pub(crate) fn sample(
    rig: &Rig,
    plan: &Plan,
    proxy: &Proxy,
    routes: u32,
    connections: u32,
) -> Result<Sample> {
    let running = rig.start(proxy, Job::Fixed)?;
    let file = rig.proxy_folder(proxy.kind).join("ringgate.toml");
    let setup = Setup {
        job: Job::Fixed,
        listen: running.listen,
        backend: rig.backend.listen,
        certificate: &rig.certificate,
        folder: &rig.proxy_folder(proxy.kind),
    };
    let configurations = [SMALL_BODY, OTHER_BODY]
        .map(|body| Configuration { body, text: swap_config(&setup, body, routes) });
    http::check(running.listen, None, &Job::Fixed.probes())
        .context("it does not answer as it should")?;
    // Both runs begin with the same number of routes.
    configurations[0].apply(&file, &running, &rig.interrupt)?;

    let load = |seconds| Load { to: running.listen, job: Job::Fixed, connections, seconds };
    rig.load.run(&load(plan.warmup), &rig.interrupt).context("during warm-up")?;
    let steady = rig.load.run(&load(plan.seconds), &rig.interrupt)?;

    let finished = AtomicBool::new(false);
    let (swapping, swaps) = thread::scope(|scope| {
        let swapper = scope
            .spawn(|| keep_swapping(&configurations, &file, &running, &rig.interrupt, &finished));
        let measured = rig.load.run(&load(plan.seconds), &rig.interrupt);
        finished.store(true, Ordering::Relaxed);
        let swaps = swapper.join().map_err(|_| anyhow::anyhow!("the swapping thread panicked"));
        anyhow::Ok((measured?, swaps??))
    })?;
    ensure!(swaps.count > 0, "no swap took place; measure for longer");
    Ok(Sample {
        steady_p99_us: steady.p99_us,
        swapping_p99_us: swapping.p99_us,
        ratio: swapping.p99_us / steady.p99_us.max(1.0),
        swapping_max_us: swapping.max_us,
        swaps: f64::from(swaps.count),
        visible_after_max_us: swaps.visible_after_max.as_secs_f64() * 1e6,
        per_second: swapping.requests / swapping.seconds,
        errors: steady.errors.and(swapping.errors),
    })
}

struct Configuration {
    body: &'static str,
    text: String,
}

#[derive(Default)]
struct Swaps {
    count: u32,
    visible_after_max: Duration,
}

impl Configuration {
    /// Puts it in place, signals, and waits until answers show it. Returns how long that took.
    fn apply(&self, file: &Path, running: &Running, interrupt: &Interrupt) -> Result<Duration> {
        // Written beside and renamed: a half-written file must not be what is read.
        let beside = file.with_extension("new");
        fs::write(&beside, &self.text)
            .and_then(|()| fs::rename(&beside, file))
            .with_context(|| format!("cannot replace `{}`", file.display()))?;
        let signalled = Instant::now();
        running.process.signal(Signal::HUP)?;
        let mut connection = Connection::open(running.listen, None)?;
        let visible = interrupt.wait_for(VISIBLE_WITHIN, || {
            let answer = connection.get("/fixed")?;
            ensure!(answer.status == 200, "status {} during a swap", answer.status);
            Ok((answer.body == self.body.as_bytes()).then(|| signalled.elapsed()))
        })?;
        visible.with_context(|| format!("a swap was not visible within {VISIBLE_WITHIN:?}"))
    }
}

fn keep_swapping(
    configurations: &[Configuration; 2],
    file: &Path,
    running: &Running,
    interrupt: &Interrupt,
    finished: &AtomicBool,
) -> Result<Swaps> {
    let mut swaps = Swaps::default();
    let mut next = Instant::now() + PERIOD;
    loop {
        interrupt.sleep(next.saturating_duration_since(Instant::now()))?;
        if finished.load(Ordering::Relaxed) {
            return Ok(swaps);
        }
        let configuration = &configurations[usize::from(swaps.count % 2 == 0)];
        let visible_after = configuration.apply(file, running, interrupt)?;
        swaps.visible_after_max = swaps.visible_after_max.max(visible_after);
        swaps.count += 1;
        next += PERIOD;
    }
}

#[cfg(test)]
mod tests {
    use super::{OTHER_BODY, SMALL_BODY};

    #[test]
    fn the_two_configurations_answer_equally_long_but_not_the_same() {
        assert_eq!(SMALL_BODY.len(), OTHER_BODY.len());
        assert_ne!(SMALL_BODY, OTHER_BODY);
    }
}
