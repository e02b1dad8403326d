//! Answers that a function streams, handed on to the client as they come.
//!
//! ```text
//! Awaited --members and zero bytes--> Sent --end--> over
//!    |                                 '--failure, end of the worker, time-out--> the connection is cut
//!    '--end, failure--> answered as a whole result
//! ```
//! Whoever reads slowly makes the worker wait: above [`PENDING_BYTES_MAX`] nothing more is taken from its
//! connection. A client that goes away lets the function go on, as on Lambda; what it still sends is dropped.

use super::asked::{Asked, AskedStage};
use super::client::{ClientState, Input};
use super::content::send_content;
use super::functions::posted::response_mode;
use super::functions::runtime_api::RuntimeState;
use super::functions::worker::Caller;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::control::invocation::{Completion, NotDone};
use crate::exchange::Refusal;
use crate::exchange::execution_log::malformed;
use crate::exchange::integrate::lambda::streamed::{self, Prelude};
use crate::exchange::integrate::lambda::{self, Answer, HeadFacts};
use crate::exchange::respond::{Connection, ResponseFraming};
use crate::http::{self, Fields, Known, Piece, Version};
use crate::ring::{Env, SlotId};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// The type of content that begins with the members of an answer.
const ANSWER_TYPE: &[u8] = b"application/vnd.awslambda.http-integration-response";

/// What logs say of a stream whose client went away or whose function paused for too long (reported of
/// Amazon's): the client had another status long before.
pub(super) const STREAM_CUT: u16 = 460;

/// An answer whose head has been sent.
#[derive(Debug)]
pub(super) struct Streamed {
    /// The worker's, on which it comes; none of a function elsewhere.
    pub(super) connection: SlotId,
    invocation: SlotId,
    framing: ResponseFraming,
    status: u16,
    pub(super) response_bytes: u64,
    /// How long nothing may come.
    pause_max: Duration,
    /// When it must be over.
    ends: Instant,
}

/// Who gets what a function streams as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamsTo {
    /// The client of a request.
    Asked(SlotId),
    /// The control thread, by its number for the call.
    Control(u64),
}

/// A streamed answer that somebody waits for.
pub(super) struct Stream {
    pub(super) to: StreamsTo,
    /// Where no members come in front of it: the type of the content.
    bare: Option<Box<str>>,
}

impl<E: Env> Shard<E> {
    /// To whom a worker's answer goes as it comes, if it is to.
    pub(super) fn stream_of(&self, invocation: SlotId, fields: &Fields<'_>) -> Option<Stream> {
        response_mode(fields)?;
        let id = match self.invocations.get(invocation)?.caller {
            Caller::Asked(id) => id,
            Caller::Control(call) if self.relays.contains_key(&call) => {
                return Some(Stream { to: StreamsTo::Control(call), bare: None });
            }
            Caller::Control(_) | Caller::Authorizer(_) | Caller::Nobody => return None,
        };
        let declared = self.asked.get(id)?.function()?;
        declared.facts.streams?;
        let content_type = fields.iter().find(|it| it.known == Known::ContentType);
        let content_type = content_type.map_or(&b""[..], |it| it.value);
        let has_members = content_type.eq_ignore_ascii_case(ANSWER_TYPE);
        // An API looks for the members whatever the type is.
        let bare = (declared.facts.is_function_url && !has_members).then(|| {
            match std::str::from_utf8(content_type) {
                Ok(known) if !known.is_empty() => known.into(),
                _ => "application/octet-stream".into(),
            }
        });
        Some(Stream { to: StreamsTo::Asked(id), bare })
    }

    /// Begins what needs no content: tells the control thread, and answers with the head where a function's
    /// URL streams content without members.
    pub(super) fn begin_bare_stream(&mut self, connection: SlotId, stream: Stream) {
        let asked = match stream.to {
            StreamsTo::Asked(asked) => asked,
            StreamsTo::Control(call) => return self.begin_relay(connection, call),
        };
        let Some(content_type) = stream.bare else { return };
        let field = (Cow::Borrowed("content-type"), Cow::Borrowed(&*content_type));
        let answer = Answer { status: 200, fields: vec![field], body: Cow::Borrowed(&[]) };
        self.begin_stream(connection, asked, &answer);
        self.flush_stream(asked);
    }

    /// Content of a streamed answer.
    pub(super) fn stream_content(
        &mut self,
        connection: SlotId,
        to: StreamsTo,
        input: &Input,
        piece: &Piece,
    ) {
        let id = match to {
            StreamsTo::Asked(id) => id,
            StreamsTo::Control(call) => return self.relay_content(connection, call, input, piece),
        };
        // Nobody takes it any more.
        let Some(asked) = self.asked.get(id) else { return };
        if asked.streamed.is_some() {
            self.send_stream(id, input, piece);
            return self.flush_stream(id);
        }
        let failed = asked.failed();
        let Some(RuntimeState::Content(posted)) =
            self.runtime_connections.get_mut(connection).map(|it| &mut it.state)
        else {
            return;
        };
        posted.content.extend_from_slice(&input[piece.data.clone()]);
        let begun = match streamed::prelude(&posted.content) {
            Prelude::Partial => return,
            Prelude::Malformed | Prelude::TooLong | Prelude::Whole { .. } => {
                std::mem::take(&mut posted.content)
            }
        };
        let (members, content) = match streamed::prelude(&begun) {
            Prelude::Whole { members, content } => (members, content),
            // Amazon's REST APIs tell this one apart from all that is malformed otherwise: 500.
            Prelude::TooLong if failed == Refusal::FunctionFailed => {
                return self.fail_asked(id, &malformed(Refusal::FunctionRefused));
            }
            Prelude::TooLong | Prelude::Malformed | Prelude::Partial => {
                return self.fail_asked(id, &malformed(failed));
            }
        };
        let Ok(answer) = streamed::read_prelude(members) else {
            return self.fail_asked(id, &malformed(failed));
        };
        self.begin_stream(connection, id, &answer);
        let rest = Piece { consumed: content.len(), data: 0..content.len(), done: false };
        let content = Input::Copied { bytes: content.to_vec(), start: 0 };
        self.send_stream(id, &content, &rest);
        self.flush_stream(id);
    }

    /// Queues the head of a streamed answer.
    pub(super) fn begin_stream(&mut self, connection: SlotId, id: SlotId, answer: &Answer<'_>) {
        let Some(asked) = self.asked.get(id) else { return };
        let AskedStage::Invoking(invocation) = asked.stage else { return };
        let Some(client) = self.clients.get_mut(asked.client) else { return };
        let may_persist =
            asked.persistent && client.request_is_complete() && self.draining.is_none();
        let date = self.date.at(self.since_epoch.as_secs());
        let out = client.stream.out(self.env.ring()).written();
        let Some(declared) = asked.function() else { return };
        let changes = asked.changes(&self.managed, answer);
        let status = changes.status().unwrap_or(answer.status);
        let framing = framing_of(asked, status);
        let persistent = may_persist && framing != ResponseFraming::UntilClose;
        let facts = HeadFacts {
            protocol: asked.protocol,
            ids: &asked.ids,
            connection: Connection::of(persistent, asked.version),
            date,
            trace_id: asked.trace.as_bytes(),
            is_head: asked.is_head,
            framing: Some(framing),
        };
        lambda::write_changed_head(answer, &facts, &changes, out);
        let streamed = Streamed {
            connection,
            invocation,
            framing,
            status,
            response_bytes: 0,
            pause_max: declared.facts.streams.unwrap_or(declared.timeout),
            ends: asked.handed_over.unwrap_or(asked.started) + declared.timeout,
        };
        let Some(asked) = self.asked.get_mut(id) else { return };
        let since = asked.handed_over.unwrap_or(asked.started);
        asked.note_answer(self.now.saturating_duration_since(since));
        asked.persistent = persistent;
        asked.streamed = Some(Box::new(streamed));
        if let Some(execution) = &mut asked.execution {
            let fields = answer.fields.iter().map(|(name, value)| (&**name, &**value));
            execution.answered_with(self.since_epoch, fields, b"");
        }
    }

    /// Queues content of a streamed answer.
    pub(super) fn send_stream(&mut self, id: SlotId, input: &Input, piece: &Piece) {
        let Some(asked) = self.asked.get_mut(id) else { return };
        let Some(streamed) = &mut asked.streamed else { return };
        let Some(client) = self.clients.get_mut(asked.client) else { return };
        if streamed.framing == ResponseFraming::None || piece.data.is_empty() {
            return;
        }
        streamed.response_bytes += piece.data.len() as u64;
        asked.note_content(self.now);
        let Some(streamed) = &asked.streamed else { return };
        // The end of the chunks is written when it is known to be no failure.
        let content = Piece { done: false, ..piece.clone() };
        let is_chunked = streamed.framing == ResponseFraming::Chunked;
        send_content(client.stream.out(self.env.ring()), input, &content, is_chunked);
    }

    /// Sends what is queued, and makes the worker wait where the client does not take it.
    pub(super) fn flush_stream(&mut self, id: SlotId) {
        let Some(asked) = self.asked.get(id) else { return };
        let Some(streamed) = &asked.streamed else { return };
        let client_id = asked.client;
        let Some(client) = self.clients.get_mut(client_id) else { return };
        let ring = self.env.ring();
        client.stream.flush(ring);
        let is_full = client.stream.pending_bytes() >= PENDING_BYTES_MAX;
        if is_full {
            let invocation = streamed.invocation;
            if let Some(connection) = self.runtime_connections.get_mut(streamed.connection) {
                connection.stream.pause(ring);
            }
            self.pause_remote(invocation);
        }
        self.set_pause(id, is_full);
        self.touch_client(client_id);
    }

    /// Sets when a streamed answer is late: while the client does not read, its worker is not.
    fn set_pause(&mut self, id: SlotId, is_full: bool) {
        let streamed = self.asked.get(id).and_then(|asked| asked.streamed.as_ref());
        let Some(streamed) = streamed else { return };
        let due = match is_full {
            true => streamed.ends,
            false => streamed.ends.min(self.now + streamed.pause_max),
        };
        let token = Kind::Invocation.token(streamed.invocation);
        if let Some(invocation) = self.invocations.get_mut(streamed.invocation) {
            self.timers.set(&mut invocation.deadline, due, token);
        }
    }

    /// The client has taken what was waiting for it: more of its answer is wanted.
    pub(super) fn resume_stream(&mut self, id: SlotId) {
        let streamed = self.asked.get(id).and_then(|asked| asked.streamed.as_ref());
        let Some(streamed) = streamed else { return };
        let (connection, invocation) = (streamed.connection, streamed.invocation);
        if self.resume_worker(connection) || self.resume_remote(invocation) {
            self.set_pause(id, false);
        }
    }

    /// Takes a worker's bytes again. Whether that was not so before.
    pub(super) fn resume_worker(&mut self, connection: SlotId) -> bool {
        let Some(connection) = self.runtime_connections.get_mut(connection) else { return false };
        let was_paused = connection.stream.is_paused() && connection.stream.is_open();
        if was_paused {
            connection.stream.resume(self.env.ring());
        }
        was_paused
    }

    /// A streamed answer has ended, well or not.
    pub(super) fn stream_over(&mut self, id: SlotId, completion: &Completion) {
        let Some(asked) = self.asked.get(id) else { return };
        let Some(streamed) = &asked.streamed else { return };
        match completion {
            Completion::Result(_) => {}
            Completion::NotDone(NotDone::TimedOut) => {
                return self.cut_stream(id, Refusal::FunctionTimeout);
            }
            Completion::Failure(_) | Completion::NotDone(_) => {
                let failed = asked.failed();
                return self.cut_stream(id, failed);
            }
        }
        let (client_id, persistent) = (asked.client, asked.persistent);
        if let Some(client) = self.clients.get_mut(client_id)
            && streamed.framing == ResponseFraming::Chunked
        {
            client.stream.out(self.env.ring()).copy(http::write::LAST_CHUNK);
        }
        let (status, response_bytes) = (streamed.status, streamed.response_bytes);
        self.end_asked(id, status, response_bytes, None);
        self.exchange_over(client_id, persistent);
    }

    /// Ends the connection of a client whose answer does not come to its end, so that nobody takes a part
    /// for the whole.
    pub(super) fn cut_stream(&mut self, id: SlotId, refusal: Refusal) {
        let Some(asked) = self.asked.get(id) else { return };
        let Some(streamed) = &asked.streamed else { return };
        let status = match refusal {
            Refusal::FunctionTimeout => STREAM_CUT,
            _ => streamed.status,
        };
        let client_id = asked.client;
        let response_bytes = streamed.response_bytes;
        tracing::debug!(shard = self.id, "a streamed answer was cut");
        self.end_asked(id, status, response_bytes, Some(refusal));
        let Some(client) = self.clients.get_mut(client_id) else { return };
        client.state = ClientState::Closing;
        client.held.clear();
        client.stream.abort_when_sent(self.env.ring());
        self.touch_client(client_id);
        self.free_client_if_over(client_id);
    }
}

/// How the content of a streamed answer ends. Its length is never known.
fn framing_of(asked: &Asked, status: u16) -> ResponseFraming {
    match (status, asked.version) {
        _ if asked.is_head => ResponseFraming::None,
        (204 | 205 | 304, _) => ResponseFraming::None,
        (_, Version::Http11) => ResponseFraming::Chunked,
        (_, Version::Http10) => ResponseFraming::UntilClose,
    }
}
