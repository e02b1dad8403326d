//! Answers that a function elsewhere streams (`InvokeWithResponseStream`), handed on as they come.
//!
//! ```text
//! Gathered --members and zero bytes--> Sent --InvokeComplete, end of the answer--> over
//!    |                                  '--error, bad or missing end--> the connection is cut
//!    '--InvokeComplete--> answered as a whole result
//! ```
//! From the members on it goes the way of what workers of this host stream ([`super::streamed`]). Whether a
//! function streams at all is not told beforehand: one that does not has its whole result gathered, up to
//! the size of any other.

use super::Shard;
use super::client::Input;
use super::remote::{Names, nobody};
use crate::control::invocation::{Completion, NotDone, PAYLOAD_BYTES_MAX};
use crate::exchange::execution_log::malformed;
use crate::exchange::integrate::lambda::streamed::{self, Prelude};
use crate::exchange::integrate::service::event_stream::{EventStream, MessageKind, failure};
use crate::http::Piece;
use crate::ring::{Env, SlotId};
use bytes::Bytes;

/// The answer of a function that may stream.
#[derive(Debug, Default)]
pub(super) struct RemoteStream {
    events: EventStream,
    /// What has come before the client had a head.
    begun: Vec<u8>,
    /// What the function's end was, once it is told.
    end: Option<End>,
    /// Whether its invocation has the name that it has there.
    is_named: bool,
}

#[derive(Debug)]
enum End {
    Well,
    Failed(Bytes),
    /// There will be no other.
    Broken,
}

impl RemoteStream {
    /// What it comes to when its answer has ended.
    pub(super) fn completion(self) -> Completion {
        match self.end {
            Some(End::Well) if self.events.is_between_messages() => {
                Completion::Result(self.begun.into())
            }
            Some(End::Failed(payload)) => Completion::Failure(payload),
            Some(End::Well | End::Broken) | None => Completion::NotDone(NotDone::NotStarted),
        }
    }
}

impl<E: Env> Shard<E> {
    /// Content of an event stream. `false`: nobody wants more of it.
    pub(super) fn take_remote_stream(&mut self, exchange_id: SlotId, bytes: &[u8]) -> bool {
        let Some((invocation, asked)) = self.who_streams(exchange_id) else { return false };
        let call = self.exchanges.get_mut(exchange_id).and_then(|it| it.remote.as_mut());
        let Some(call) = call else { return false };
        let Some(mut stream) = call.stream.take() else { return false };
        if !std::mem::replace(&mut stream.is_named, true) {
            let names = Names::of(&call.answer);
            self.name_invocation(invocation, names);
        }
        let RemoteStream { events, begun, end, .. } = &mut *stream;
        events.push(bytes);
        loop {
            let message = match events.message() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(shard = self.id, %error, "a function's stream broke off");
                    *end = Some(End::Broken);
                    break;
                }
            };
            match message.kind {
                _ if end.is_some() => {}
                MessageKind::PayloadChunk => self.remote_chunk(asked, begun, message.payload),
                MessageKind::InvokeComplete => {
                    *end = Some(failure(message.payload).map_or(End::Well, End::Failed));
                }
                MessageKind::Exception => *end = Some(End::Broken),
                MessageKind::Other => {}
            }
        }
        let is_broken = matches!(end, Some(End::Broken));
        // A client that was refused has taken the invocation with it.
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return false };
        if is_broken {
            self.end_invocation(invocation, stream.completion());
            return false;
        }
        if let Some(call) = &mut exchange.remote {
            call.stream = Some(stream);
        }
        self.flush_stream(asked);
        self.exchanges.get(exchange_id).is_some()
    }

    fn who_streams(&self, exchange_id: SlotId) -> Option<(SlotId, SlotId)> {
        let invocation = self.exchanges.get(exchange_id)?.remote.as_ref()?.invocation;
        match self.invocations.get(invocation)?.caller {
            super::functions::worker::Caller::Asked(asked) => Some((invocation, asked)),
            _ => None,
        }
    }

    /// A piece of what the function writes.
    fn remote_chunk(&mut self, id: SlotId, begun: &mut Vec<u8>, content: &[u8]) {
        let Some(asked) = self.asked.get(id) else { return };
        if asked.streamed.is_some() {
            return self.send_copied(id, content);
        }
        let failed = asked.failed();
        begun.extend_from_slice(content);
        if begun.len() > PAYLOAD_BYTES_MAX {
            return self.fail_asked(id, &malformed(failed));
        }
        let (members, content) = match streamed::prelude(begun) {
            Prelude::Whole { members, content } => (members, content),
            // It may be no stream: no JSON text holds a zero byte.
            Prelude::Partial | Prelude::TooLong => return,
            Prelude::Malformed => return self.fail_asked(id, &malformed(failed)),
        };
        let Ok(answer) = streamed::read_prelude(members) else {
            return self.fail_asked(id, &malformed(failed));
        };
        self.begin_stream(nobody(), id, &answer);
        self.send_copied(id, content);
        *begun = Vec::new();
    }

    fn send_copied(&mut self, id: SlotId, content: &[u8]) {
        let piece = Piece { consumed: content.len(), data: 0..content.len(), done: false };
        let content = Input::Copied { bytes: content.to_vec(), start: 0 };
        self.send_stream(id, &content, &piece);
    }

    /// A client does not take what its function sends: the function waits.
    pub(super) fn pause_remote(&mut self, invocation: SlotId) {
        let exchange = self.invocations.get(invocation).and_then(|it| it.remote);
        let backend = exchange.and_then(|it| self.exchanges.get(it)).and_then(|it| it.backend);
        if let Some(backend) = backend.and_then(|it| self.backends.get_mut(it)) {
            backend.stream.pause(self.env.ring());
        }
    }

    /// Takes such a function's bytes again. Whether that was not so before.
    pub(super) fn resume_remote(&mut self, invocation: SlotId) -> bool {
        let exchange = self.invocations.get(invocation).and_then(|it| it.remote);
        let backend = exchange.and_then(|it| self.exchanges.get(it)).and_then(|it| it.backend);
        let Some(backend) = backend.and_then(|it| self.backends.get_mut(it)) else { return false };
        let was_paused = backend.stream.is_paused() && backend.stream.is_open();
        if was_paused {
            backend.stream.resume(self.env.ring());
        }
        was_paused
    }
}
