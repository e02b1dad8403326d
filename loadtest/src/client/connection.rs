//! One connection of the load tester: where it stands and what is under way on it.
//!
//! ```text
//! Down --open--> Connecting --connected--> (TLS: Handshaking --established-->) Open
//!   ^                |                              |                          |
//!   '---- over ---- Closing <---- failed, timed out, not persistent, retired --'
//! ```

use super::response::Reader;
use crate::wire::Wire;
use ringgate::ring::Outgoing;
use ringgate::tls::Session;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One connection's place in a thread's table. The place is for ever; sockets come and go in it.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) state: State,
    /// The socket, from connect until everything on it is over.
    pub(super) wire: Option<Wire>,
    pub(super) session: Option<Box<Session>>,
    /// Bytes that wait for the send in flight to finish. Only TLS has such.
    pub(super) unsent: Option<Box<Outgoing>>,
    /// Requests sent and not answered, oldest first; with `keep_alive = false` also the one that the
    /// connection is being made for.
    pub(super) flights: VecDeque<Flight>,
    pub(super) reader: Reader,
    /// Whether it stands in the thread's list of idle connections, and since when it is idle.
    pub(super) idle: Idle,
    /// How long to wait after the next failure to connect.
    pub(super) backoff: Duration,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Idle {
    #[default]
    Busy,
    Listed {
        since: Instant,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    /// No socket. Connects when it is wanted, but not before `retry`.
    #[default]
    Idle,
    /// The last attempt failed.
    Waiting {
        retry: Instant,
    },
    Connecting {
        since: Instant,
    },
    Handshaking {
        since: Instant,
    },
    Open,
    /// Takes no more requests; closes when those under way are answered.
    Retiring,
    /// The socket is being closed; then the place is free, to connect again at once or after a wait.
    Closing {
        retry: Option<Instant>,
    },
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// Which request of the scenario.
    pub(super) request: usize,
    pub(super) sequence: u64,
    /// When it was meant to leave.
    pub(super) due: Instant,
    /// When it was sent, or its connection begun.
    pub(super) sent: Instant,
    /// Whether it counts: it does after the warm-up.
    pub(super) counted: bool,
}

/// Waits after failures to connect: doubling from the first to the last.
pub(super) const BACKOFF_FIRST: Duration = Duration::from_millis(5);
pub(super) const BACKOFF_LAST: Duration = Duration::from_millis(250);
