//! One connection to a back end.

use super::pool::TargetIndex;
use crate::http::{BodyReader, RequestKind};
use crate::ring::SlotId;
use crate::shard::stream::Stream;
use crate::shard::timers::Deadline;

/// A connection to a back end and what it is doing.
///
/// ```text
/// Connecting --connected--> (Handshaking --established-->) Busy <--request-- Idle
///     |                                                     |                 ^
///     '--refused, timeout--> over     over <--broken, not persistent--+--done-'
/// ```
pub(crate) struct Backend {
    pub(crate) stream: Stream,
    pub(crate) pool: SlotId,
    pub(crate) target: TargetIndex,
    pub(crate) state: BackendState,
    pub(crate) deadline: Deadline,
    /// Requests it has carried to their end.
    pub(crate) served: u64,
    /// More bytes have arrived behind those being read (TLS hands them over in pieces).
    pub(crate) more_arrived: bool,
    /// A response head of which only a part has arrived.
    pub(crate) partial: Vec<u8>,
}

/// What a back-end connection is doing.
#[derive(Debug)]
pub(crate) enum BackendState {
    /// TCP or TLS is being established for an exchange.
    Connecting { exchange: SlotId },
    /// It carries an exchange.
    Busy { exchange: SlotId, response: Response },
    /// It waits in the pool.
    Idle,
    /// It is being closed and carries nothing.
    Closing,
}

/// How far a response is.
#[derive(Debug)]
pub(crate) enum Response {
    /// Its head has not arrived in full; interim ones may have.
    Head { kind: RequestKind },
    /// Its content is arriving.
    Body { reader: BodyReader, persistent: bool },
    /// It has arrived in full; the request has not been sent in full.
    Done,
}

impl Backend {
    /// The exchange it works for.
    pub(crate) fn exchange(&self) -> Option<SlotId> {
        match self.state {
            BackendState::Connecting { exchange } | BackendState::Busy { exchange, .. } => {
                Some(exchange)
            }
            BackendState::Idle | BackendState::Closing => None,
        }
    }
}
