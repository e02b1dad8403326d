//! What a worker tells by the Runtime API: results, errors, that it cannot start.
//!
//! A request with content is a [`Posted`] until its content is complete; then it is answered, and ends the
//! invocation or the worker's start.

use super::super::Shard;
use super::super::client::Input;
use super::super::streamed::{Stream, StreamsTo};
use super::Ending;
use super::runtime_api::RuntimeState;
use super::worker::{StartFault, WorkerState, failure_behind, too_large};
use crate::control::invocation::{Completion, PAYLOAD_BYTES_MAX, StopWorker};
use crate::http::{BodyReader, Fields, Framing, Known, Piece};
use crate::ring::{Env, Lease, SlotId};
use bytes::Bytes;

/// Content above the limit that is read and dropped, so that the worker sees the answer.
const DROPPED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Content that memory is put aside for before it has arrived.
const RESERVED_BYTES_MAX: u64 = 64 * 1024;

/// A request with content.
#[derive(Debug)]
pub(in crate::shard) struct Posted {
    what: Post,
    body: BodyReader,
    pub(in crate::shard) content: Vec<u8>,
    /// All of a result, where it came in one piece: it can be sent on from the buffer that it came in.
    whole: Option<Lease>,
    /// Bytes that memory is put aside for once a piece has come that is not all of it.
    declared_bytes: usize,
    /// Behind streamed content: whether the function has failed in the middle of it.
    trailers: Vec<u8>,
    /// Who gets the content as it comes.
    streams_to: Option<StreamsTo>,
    /// Bytes above the limit.
    dropped_bytes: usize,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    Response(SlotId),
    Error(SlotId),
    InitError,
    /// It cannot be taken; read to its end and refused.
    Refused(Refused),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    InvalidRequestId,
    InvalidState,
    NotFound,
    InvalidResponseMode,
}

impl Refused {
    pub(super) fn answer(self) -> (u16, &'static str) {
        match self {
            Self::InvalidRequestId => (
                400,
                "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}",
            ),
            Self::InvalidState => (
                403,
                "{\"errorMessage\":\"Transition is not allowed\",\
                 \"errorType\":\"InvalidStateTransition\"}",
            ),
            Self::NotFound => (404, "{\"errorMessage\":\"Not found\",\"errorType\":\"NotFound\"}"),
            Self::InvalidResponseMode => (
                400,
                "{\"errorMessage\":\"Invalid function response mode\",\
                 \"errorType\":\"InvalidFunctionResponseMode\"}",
            ),
        }
    }
}

const TOO_LARGE: &str = "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 \
                         bytes).\",\"errorType\":\"RequestEntityTooLarge\"}";
const OK: &str = "{\"status\":\"OK\"}";

impl Posted {
    /// A piece of content that nobody gets before all of it is there.
    fn take(&mut self, input: &Input, piece: &Piece) {
        let data = &input[piece.data.clone()];
        let is_all = piece.done && self.content.is_empty();
        if self.content.len() + data.len() > PAYLOAD_BYTES_MAX {
            // Not a part of it is of use.
            self.dropped_bytes += self.content.len() + data.len();
            self.content = Vec::new();
        } else if self.dropped_bytes > 0 {
            self.dropped_bytes += data.len();
        } else if let (Post::Response(_), Input::Leased(lease), true) = (self.what, input, is_all) {
            self.whole = Some(lease.slice(piece.data.clone()));
        } else {
            if self.content.is_empty() {
                self.content.reserve(self.declared_bytes);
            }
            self.content.extend_from_slice(data);
        }
    }
}

/// The id and the call of `invocation/ID/CALL`.
pub(super) fn invocation_call(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = rest.strip_prefix(b"invocation/").unwrap_or_default();
    let slash = memchr::memchr(b'/', rest)?;
    Some((&rest[..slash], &rest[slash + 1..]))
}

/// How a runtime says that the content will come.
pub(in crate::shard) fn response_mode<'b>(fields: &Fields<'b>) -> Option<&'b [u8]> {
    let mode = fields
        .iter()
        .find(|it| it.name.eq_ignore_ascii_case(b"lambda-runtime-function-response-mode"));
    mode.map(|mode| mode.value)
}

impl<E: Env> Shard<E> {
    /// Content of a request. `false`: the connection is of no use any more.
    pub(super) fn take_posted(&mut self, id: SlotId, input: &mut Input) -> bool {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return false };
        let RuntimeState::Content(posted) = &mut connection.state else { return false };
        let posted = &mut **posted;
        let piece = match posted.body.read_with_trailers(input, &mut posted.trailers) {
            Ok(piece) => piece,
            Err(bad_body) => {
                tracing::debug!(shard = self.id, error = bad_body.cause(), "a worker broke HTTP");
                return false;
            }
        };
        match posted.streams_to {
            Some(to) => self.stream_content(id, to, input, &piece),
            None => posted.take(input, &piece),
        }
        if self.has_dropped_too_much(id) {
            self.response_too_large(id);
            return false;
        }
        input.advance(piece.consumed);
        if piece.done {
            self.posted(id);
        }
        true
    }

    fn has_dropped_too_much(&self, id: SlotId) -> bool {
        let state = self.runtime_connections.get(id).map(|connection| &connection.state);
        matches!(state, Some(RuntimeState::Content(it)) if it.dropped_bytes > DROPPED_BYTES_MAX)
    }

    /// An answer came in the form that most have. `call` is its path behind the API's.
    pub(super) fn remember_answer(
        &mut self,
        id: SlotId,
        call: &[u8],
        fields: &Fields<'_>,
        raw: &[u8],
    ) {
        let mut lengths = fields.iter().filter(|field| field.known == Known::ContentLength);
        if let (Some(length), None) = (lengths.next(), lengths.next())
            && let Some((invocation, _)) = invocation_call(call)
            && let Some(connection) = self.runtime_connections.get_mut(id)
        {
            connection.repeated.remember_answer(raw, invocation, length.value);
        }
    }

    /// Content is to come, or has come already where there is none.
    pub(super) fn begin_post(
        &mut self,
        id: SlotId,
        what: Post,
        stream: Option<Stream>,
        framing: Framing,
        expects_continue: bool,
    ) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        let body = BodyReader::new(framing);
        let is_done = body.is_done();
        let declared_bytes = match framing {
            Framing::Length(bytes) => bytes.min(RESERVED_BYTES_MAX) as usize,
            _ => 0,
        };
        let posted = Posted {
            what,
            body,
            content: Vec::new(),
            whole: None,
            declared_bytes,
            trailers: Vec::new(),
            streams_to: stream.as_ref().map(|stream| stream.to),
            dropped_bytes: 0,
        };
        connection.state = RuntimeState::Content(Box::new(posted));
        if let Some(stream) = stream {
            self.begin_bare_stream(id, stream);
        }
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        if is_done {
            self.posted(id);
        } else if expects_continue {
            let ring = self.env.ring();
            connection.stream.out(ring).copy(b"HTTP/1.1 100 Continue\r\n\r\n");
            connection.stream.flush(ring);
        }
    }

    pub(super) fn post_of(&self, worker: SlotId, rest: &[u8], fields: &Fields<'_>) -> Post {
        let Some((request_id, call)) = invocation_call(rest) else {
            return Post::Refused(Refused::NotFound);
        };
        let running = self.running_on(worker, request_id);
        let mode = response_mode(fields);
        let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"streaming");
        match (call, running) {
            (b"response" | b"error", None) => Post::Refused(Refused::InvalidRequestId),
            (b"response", Some(_)) if mode.is_some_and(|mode| !is_known(mode)) => {
                Post::Refused(Refused::InvalidResponseMode)
            }
            (b"response", Some(invocation)) => Post::Response(invocation),
            (b"error", Some(invocation)) => Post::Error(invocation),
            _ => Post::Refused(Refused::NotFound),
        }
    }

    /// The invocation of that id, if the worker has it.
    pub(super) fn running_on(&self, worker: SlotId, request_id: &[u8]) -> Option<SlotId> {
        let WorkerState::Busy { invocation } = self.workers.get(worker)?.state else { return None };
        let running = self.invocations.get(invocation)?;
        (running.request_id.as_bytes().as_slice() == request_id).then_some(invocation)
    }

    /// A request's content has arrived in full.
    fn posted(&mut self, id: SlotId) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        let Some(worker_slot) = connection.worker else { return };
        let state = std::mem::replace(&mut connection.state, RuntimeState::Head);
        let RuntimeState::Content(posted) = state else { return };
        let is_too_large = posted.dropped_bytes > 0;
        let (status, text) = match posted.what {
            Post::Refused(refused) => refused.answer(),
            _ if is_too_large => (413, TOO_LARGE),
            _ => (202, OK),
        };
        connection.answer(status, text, self.env.ring());
        let Posted { what, content, whole, trailers, .. } = *posted;
        let content = Bytes::from(content);
        match what {
            Post::Response(invocation) | Post::Error(invocation) if is_too_large => {
                self.post_ending(worker_slot, invocation, Completion::Failure(too_large()));
            }
            Post::Response(invocation) => {
                let ending = match (failure_behind(&trailers), whole) {
                    (Some(failure), _) => Completion::Failure(failure).into(),
                    (None, Some(whole)) => Ending::Leased(whole),
                    (None, None) => Completion::Result(content).into(),
                };
                self.post_ending(worker_slot, invocation, ending);
            }
            Post::Error(invocation) => {
                self.post_ending(worker_slot, invocation, Completion::Failure(content));
            }
            Post::InitError => self.init_failed(worker_slot, content),
            Post::Refused(_) => {}
        }
        self.free_runtime_connection_if_over(id);
    }

    /// Ends an invocation, unless it was over before its result had arrived.
    fn post_ending(&mut self, worker: SlotId, invocation: SlotId, ending: impl Into<Ending>) {
        let state = self.workers.get(worker).map(|worker| worker.state);
        if state == Some(WorkerState::Busy { invocation }) {
            self.worker_answered(worker, ending);
        }
    }

    /// A result without end: the worker is told nothing more.
    fn response_too_large(&mut self, id: SlotId) {
        let Some(connection) = self.runtime_connections.get(id) else { return };
        if let (RuntimeState::Content(posted), Some(worker)) =
            (&connection.state, connection.worker)
            && let Post::Response(invocation) | Post::Error(invocation) = posted.what
        {
            self.post_ending(worker, invocation, Completion::Failure(too_large()));
        }
    }

    /// A worker says that it cannot come up. Its process is about to end.
    fn init_failed(&mut self, worker_slot: SlotId, payload: Bytes) {
        let Some(worker) = self.workers.get(worker_slot) else { return };
        if worker.state == WorkerState::Starting {
            self.start_failed(worker_slot, &StartFault::Told(payload));
            self.end_worker(worker_slot, StopWorker::Gently);
        }
    }
}
