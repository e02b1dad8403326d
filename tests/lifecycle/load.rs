//! Requests without pause from several threads, and what came of them.

use crate::client::{Connection, try_get};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// One per request.
    Short,
    /// One for as long as it lasts; a new one after a failure.
    Kept,
}

/// What came of the requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How often each status came.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// What failed without a status, and how often.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Tally {
    /// Answers with that status.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Asserts that there were at least `least` requests, and that each got a 200.
    pub(crate) fn expect_only_success(&self, least: u64) {
        assert!(self.failures.is_empty(), "{self:?}");
        assert!(self.statuses.keys().all(|status| *status == 200), "{self:?}");
        assert!(self.count(200) >= least, "too few requests to prove anything: {self:?}");
    }
}

/// Load that is running.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Starts asking for `path` from that many threads.
    pub(crate) fn start(
        address: SocketAddr,
        path: &'static str,
        threads: usize,
        connections: Connections,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let run = |_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || run(address, path, connections, &stop))
        };
        Self { threads: (0..threads).map(run).collect(), stop }
    }

    /// Goes on for a while.
    pub(crate) fn last(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    /// Stops and adds up.
    pub(crate) fn finish(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for thread in self.threads {
            let tally = thread.join().unwrap();
            for (status, count) in tally.statuses {
                *sum.statuses.entry(status).or_default() += count;
            }
            for (failure, count) in tally.failures {
                *sum.failures.entry(failure).or_default() += count;
            }
        }
        sum
    }
}

fn run(address: SocketAddr, path: &str, connections: Connections, stop: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        let answer = match connections {
            Connections::Short => try_get(address, path),
            Connections::Kept => match kept.take() {
                Some(connection) => Ok(connection),
                None => Connection::open(address),
            }
            .and_then(|mut connection: Connection| {
                let answer = connection.get(path)?;
                if answer.field("connection") != Some("close") {
                    kept = Some(connection);
                }
                Ok(answer)
            }),
        };
        match answer {
            Ok(answer) => *tally.statuses.entry(answer.status).or_default() += 1,
            Err(error) => *tally.failures.entry(error.to_string()).or_default() += 1,
        }
        // Leaves the gateway, which runs on the same cores, room to do something else, and short
        // connections below the number of ports.
        std::thread::sleep(Duration::from_millis(1));
    }
    tally
}
