//! Answers that a function streams to a caller of the control thread (`InvokeWithResponseStream`).
//!
//! ```text
//! expected --head of a streamed answer--> begun --end, failure, time-out--> told as any invocation's end
//!    '--end, failure--> told so too          '--caller gone--> the function goes on for nobody
//! ```
//! What came together from the worker goes to the control thread as one piece. There it waits for a client
//! whose pace is not ours: above [`PENDING_BYTES_MAX`] that nobody has taken, the worker is not read.

use super::client::Input;
use super::functions::runtime_api::RuntimeState;
use super::functions::worker::streamed_too_much;
use super::{PENDING_BYTES_MAX, Shard};
use crate::control::invocation::{Completion, STREAMED_BYTES_MAX, Streamed};
use crate::control::mailbox::FromShard;
use crate::http::Piece;
use crate::ring::{Close, Env, SlotId};
use bytes::Bytes;

/// An invocation whose caller gets what is streamed as it comes.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) invocation: SlotId,
    /// The worker's, once it streams.
    pub(super) connection: Option<SlotId>,
    /// How much more may come.
    room: u64,
    /// What the control thread has and its caller has not, as [`Streamed::cost`] counts.
    pub(super) untaken: usize,
}

impl<E: Env> Shard<E> {
    /// What the function of this call streams is to be handed on.
    pub(super) fn expect_relay(&mut self, call: u64, invocation: SlotId) {
        let relay = Relay { invocation, connection: None, room: STREAMED_BYTES_MAX, untaken: 0 };
        self.relays.insert(call, relay);
    }

    /// The worker begins to stream.
    pub(super) fn begin_relay(&mut self, connection: SlotId, call: u64) {
        if let Some(relay) = self.relays.get_mut(&call)
            && relay.connection.is_none()
        {
            relay.connection = Some(connection);
            self.relay(connection, call, Bytes::new());
        }
    }

    /// Content of a streamed answer.
    pub(super) fn relay_content(
        &mut self,
        connection: SlotId,
        call: u64,
        input: &Input,
        piece: &Piece,
    ) {
        // Nobody takes it any more, or the worker answers a second time.
        let Some(relay) = self.relays.get_mut(&call).filter(|it| it.connection == Some(connection))
        else {
            return;
        };
        let Some(runtime) = self.runtime_connections.get_mut(connection) else { return };
        let RuntimeState::Content(posted) = &mut runtime.state else { return };
        posted.content.extend_from_slice(&input[piece.data.clone()]);
        if piece.consumed < input.len() && !piece.done {
            return;
        }
        let mut content = Bytes::from(std::mem::take(&mut posted.content));
        let is_too_much = content.len() as u64 > relay.room;
        if is_too_much {
            content.truncate(relay.room as usize);
        }
        relay.room -= content.len() as u64;
        let worker = runtime.worker;
        if !content.is_empty() {
            self.relay(connection, call, content);
        }
        if is_too_much {
            if let Some(worker) = worker {
                self.worker_answered(worker, Completion::Failure(streamed_too_much()));
            }
            // One that goes on writing is told nothing more.
            if !piece.done {
                self.close_runtime_connection(connection, Close::Orderly);
            }
        }
    }

    fn relay(&mut self, connection: SlotId, call: u64, content: Bytes) {
        let Some(relay) = self.relays.get_mut(&call) else { return };
        relay.untaken += Streamed::cost(&content);
        if relay.untaken >= PENDING_BYTES_MAX
            && let Some(connection) = self.runtime_connections.get_mut(connection)
        {
            connection.stream.pause(self.env.ring());
        }
        self.send_report(FromShard::Streamed(Streamed { call, content }));
    }

    /// The caller has taken some of it.
    pub(super) fn relay_taken(&mut self, call: u64, cost: usize) {
        let Some(relay) = self.relays.get_mut(&call) else { return };
        relay.untaken = relay.untaken.saturating_sub(cost);
        if relay.untaken < PENDING_BYTES_MAX
            && let Some(connection) = relay.connection
        {
            self.resume_worker(connection);
        }
    }

    /// The caller is gone: the function goes on as on Lambda, and what it still sends is dropped.
    pub(super) fn relay_left(&mut self, call: u64) {
        let Some(relay) = self.relays.get(&call) else { return };
        self.abandon_invocation(relay.invocation);
        self.end_relay(call);
    }

    /// Nothing more is handed on.
    pub(super) fn end_relay(&mut self, call: u64) {
        if let Some(connection) = self.relays.remove(&call).and_then(|relay| relay.connection) {
            self.resume_worker(connection);
        }
    }
}
