//! Memory per idle keep-alive connection: the proxy's own memory with ten thousand of them, less its
//! memory before, shared among them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::cases::Job;
use crate::cpu;
use crate::http::{self, Connection};
use crate::proxies::Proxy;
use crate::rig::{self, Rig};

/// Long enough for a proxy to finish what it does after starting, and after the last answer.
const SETTLE: Duration = Duration::from_millis(700);

/// Every n-th connection is asked again at the end, to see that it was there all the time.
const ASK_AGAIN_EVERY: usize = 50;

/// One proxy in one round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    /// Bytes each connection added.
    pub(crate) bytes_per_connection: f64,
    /// Own memory before, in bytes; what a proxy allocates ahead for its connections is in here.
    pub(crate) before_bytes: f64,
    /// Own memory with all connections idle, in bytes.
    pub(crate) with_bytes: f64,
}

impl rig::Sample for Sample {
    fn line(&self) -> String {
        format!(
            "{:8.0} bytes/connection, {:.1} MiB before, {:.1} MiB with",
            self.bytes_per_connection,
            self.before_bytes / 1_048_576.0,
            self.with_bytes / 1_048_576.0
        )
    }

    fn fault(&self) -> Option<String> {
        None
    }
}

/// Starts the proxy, opens the connections, asks once on each, and leaves them idle.
pub(crate) fn sample(rig: &Rig, proxy: &Proxy, connections: u32) -> Result<Sample> {
    let running = rig.start(proxy, Job::Fixed)?;
    let probes = Job::Fixed.probes();
    http::check(running.listen, None, &probes).context("it does not answer as it should")?;
    rig.interrupt.sleep(SETTLE)?;
    let pid = running.process.pid();
    let before_bytes = cpu::own_memory(pid)? as f64;

    let (path, body) = &probes[0];
    let mut open = Vec::new();
    for index in 0..connections {
        let mut connection = Connection::open(running.listen, None)
            .with_context(|| format!("connection {} of {connections}", index + 1))?;
        let answer = connection.get(path)?;
        ensure!(
            answer.status == 200 && answer.body == *body,
            "connection {}: {answer:?}",
            index + 1
        );
        open.push(connection);
        rig.interrupt.check()?;
    }
    rig.interrupt.sleep(SETTLE)?;
    let with_bytes = cpu::own_memory(pid)? as f64;

    for connection in open.iter_mut().step_by(ASK_AGAIN_EVERY) {
        connection.get(path).context("a connection did not stay open")?;
    }
    Ok(Sample {
        bytes_per_connection: (with_bytes - before_bytes).max(0.0) / f64::from(connections),
        before_bytes,
        with_bytes,
    })
}
