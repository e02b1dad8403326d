//! Requests whose content is needed as a whole before they can be answered or passed on: to be held
//! against a model, or to be made into something else by a template.
//!
//! ```text
//! serve --a phase wants the content--> Gathering --complete--> that phase and the rest
//! ```

use super::Shard;
use super::client::{ClientState, Input};
use super::exchanges::ServedBy;
use super::kept::Kept;
use crate::exchange::{Exchange, Failure, Refusal};
use crate::http::{BodyReader, Framing};
use crate::ring::{Env, SlotId};
use crate::snapshot::{Route, Snapshot};
use std::rc::Rc;
use std::time::Instant;

/// Amazon's bound on the content of a request. `server.limits.body` may be lower, and counts then.
pub(super) const CONTENT_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Content that memory is put aside for before it has arrived: a client may declare much and send
/// nothing.
const RESERVED_BYTES_MAX: u64 = 64 * 1024;

/// A request whose content is gathered.
#[derive(Debug)]
pub(super) struct Asked {
    /// The configuration it is served by, to its end.
    snapshot: Rc<Snapshot>,
    api: ServedBy,
    kept: Kept,
    content: Vec<u8>,
    /// The phase that wants the content.
    phase: usize,
    /// Whether the client's connection may stay open behind the answer.
    pub(super) persistent: bool,
    started: Instant,
}

impl<E: Env> Shard<E> {
    /// Begins to gather a request's content for a phase. `raw` is its head as received.
    pub(super) fn gather(
        &mut self,
        id: SlotId,
        exchange: &Exchange<'_>,
        raw: &[u8],
        phase: usize,
        persistent: bool,
    ) -> Result<(), Refusal> {
        let admitted = exchange.api.ok_or(Refusal::Internal)?;
        let head = exchange.head;
        let limit = self.snapshot.server.limits.body_bytes_max.min(CONTENT_BYTES_MAX);
        let declared = match head.framing {
            Framing::Length(bytes) if bytes > limit => {
                return Err(Refusal::BodyTooLarge { body_bytes_max: limit });
            }
            Framing::Length(bytes) => bytes.min(RESERVED_BYTES_MAX) as usize,
            Framing::None | Framing::Chunked | Framing::UntilClose => 0,
        };
        let asked = self.asked.insert(Asked {
            snapshot: Rc::clone(&self.snapshot),
            api: ServedBy::of(admitted.origin),
            kept: Kept::of(exchange, raw, None),
            content: Vec::with_capacity(declared),
            phase,
            persistent,
            started: self.now,
        });
        let Some(client) = self.clients.get_mut(id) else { return Ok(()) };
        client.state = ClientState::Asked { asked, body: BodyReader::new(head.framing) };
        if head.expects_continue {
            client.stream.out(self.env.ring()).copy(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(())
    }

    /// Content of a request that is gathered. With the last of it the request goes on.
    pub(super) fn gather_content(&mut self, id: SlotId, input: &mut Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let ClientState::Asked { asked: asked_id, body } = &mut client.state else { return };
        let asked_id = *asked_id;
        let Some(asked) = self.asked.get_mut(asked_id) else { return };
        let piece = match body.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                tracing::debug!(shard = self.id, error = bad_body.cause(), "refused a body");
                return self.refuse_asked(id, Refusal::BadBody);
            }
        };
        let limit = asked.snapshot.server.limits.body_bytes_max.min(CONTENT_BYTES_MAX);
        if (asked.content.len() + piece.data.len()) as u64 > limit {
            return self.refuse_asked(id, Refusal::BodyTooLarge { body_bytes_max: limit });
        }
        asked.content.extend_from_slice(&input[piece.data.clone()]);
        input.advance(piece.consumed);
        if piece.done {
            self.launch_asked(id);
        }
    }

    /// Goes on with a request whose content is complete.
    fn launch_asked(&mut self, id: SlotId) {
        let Some(asked) = self.take_asked(id) else { return };
        let persistent = asked.persistent && self.draining.is_none();
        self.finish_asked(asked, true, |shard, asked, exchange, route| {
            shard.run_phases(id, exchange, route, asked.phase, asked.kept.head(), persistent);
        });
    }

    /// Ends such a request with an answer of our own. Content that was not read makes the connection
    /// useless.
    pub(super) fn refuse_asked(&mut self, id: SlotId, refusal: Refusal) {
        let Some(asked) = self.take_asked(id) else { return };
        self.finish_asked(asked, false, |shard, _, exchange, _| {
            shard.answer_failure(id, exchange, &refusal.into(), false);
        });
    }

    /// The client is gone: nobody waits for this answer.
    pub(super) fn abandon_asked(&mut self, id: SlotId) {
        let Some(asked) = self.asked.remove(id) else { return };
        let Asked { snapshot, api, .. } = asked;
        self.retire(snapshot);
        if let ServedBy::Managed(stage, _) = api {
            self.retire_stage(stage);
        }
    }

    /// Takes a client's request off the table.
    fn take_asked(&mut self, id: SlotId) -> Option<Asked> {
        let client = self.clients.get(id)?;
        self.asked.remove(client.asked()?)
    }

    /// Reads its head again, does what is to be done, and lets go of what it held.
    fn finish_asked(
        &mut self,
        asked: Asked,
        is_complete: bool,
        act: impl FnOnce(&mut Self, &Asked, &Exchange<'_>, &Route),
    ) {
        let managed = Rc::clone(&self.managed);
        let waited = self.now.saturating_duration_since(asked.started);
        asked.kept.with_exchange(
            &asked.snapshot,
            &managed,
            &asked.api,
            is_complete.then_some(&*asked.content),
            |exchange, route| {
                exchange.waited = waited;
                act(self, &asked, exchange, route);
            },
        );
        drop(managed);
        let Asked { snapshot, api, .. } = asked;
        self.retire(snapshot);
        if let ServedBy::Managed(stage, _) = api {
            self.retire_stage(stage);
        }
    }
}

/// The failure of a phase, or its wish for the content.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// The request is answered by the gateway.
    Failed(Failure),
    /// The phase is run again when the content is complete.
    WantsContent,
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for Unfinished {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}
