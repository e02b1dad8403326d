//! The Lambda Runtime API, as a worker's runtime speaks it to this shard.
//!
//! ```text
//! Head --GET …/invocation/next--> Next --event--> Head
//! Head --POST …/response, …/error--> Content --read in full--> Head
//! ```
//! Every worker has an address of its own to connect to (`AWS_LAMBDA_RUNTIME_API` is `127.A.B.C:PORT`), which
//! says who it is: runtime clients take host and port and nothing else (Rust's does not start with a path
//! behind them, the official ones forget it in some of their requests). Any process of this host can
//! connect there, so the kernel is asked whose it is: only those of the worker's user are heard.

use super::super::client::Input;
use super::super::stream::Stream;
use super::super::timers::Deadline;
use super::super::{Kind, Shard, is_cancelled};
use super::posted::{Post, Posted, Refused, response_mode};
use super::repeated::Repeated;
use super::worker::{Invocation, WorkerState};
use crate::http::{self, Fields, Framing, HeadLimits, RequestHead, Target};
use crate::ring::{BufferGroup, Close, Env, Lease, Outgoing, Received, Ring, SlotId, Socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The Python client sends the cause of an error in a field of up to 1 MiB.
const HEAD_LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 1024, head_bytes: 1280 * 1024, fields: 64 };

/// A worker has two or three; one that opens more must not use up the shard's descriptors.
const CONNECTIONS_PER_WORKER: usize = 16;

/// Events up to this size, which are nearly all, are copied behind their head: one piece is sent by
/// `send`, two by `sendmsg`, which costs more.
const EVENT_COPY_BYTES_MAX: usize = 4096;

/// How long a connection that is to close may take to send what is queued.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// A connection to the Runtime API.
pub(in crate::shard) struct RuntimeConnection {
    pub(in crate::shard) stream: Stream,
    pub(in crate::shard) state: RuntimeState,
    /// Whose it is; a stranger's is closed.
    pub(in crate::shard) worker: Option<SlotId>,
    /// Whether it stays open behind the answer.
    persistent: bool,
    /// A head of which only a part has arrived.
    partial: Vec<u8>,
    pub(super) repeated: Repeated,
    pub(in crate::shard) deadline: Deadline,
}

/// What a connection is doing.
#[derive(Debug)]
pub(in crate::shard) enum RuntimeState {
    /// It waits for a request, or has a part of its head.
    Head,
    /// It waits for an event.
    Next,
    /// A request's content is arriving.
    Content(Box<Posted>),
    /// It is being closed.
    Closing,
}

impl RuntimeConnection {
    /// The request is answered; the answer is queued.
    pub(super) fn answered(&mut self, ring: &mut impl Ring) {
        if self.persistent {
            self.state = RuntimeState::Head;
            self.stream.flush(ring);
        } else {
            self.state = RuntimeState::Closing;
            self.stream.close_when_sent(ring);
        }
    }

    pub(super) fn answer(&mut self, status: u16, body: &str, ring: &mut impl Ring) {
        let out = self.stream.out(ring).written();
        http::write::status_line(out, status);
        out.extend_from_slice(b"Content-Type: application/json\r\n");
        http::write::content_length(out, body.len() as u64);
        if !self.persistent {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.as_bytes());
        self.answered(ring);
    }
}

/// Writes an event as the answer to a worker's request for one. `deadline` is since the epoch.
pub(super) fn write_event(
    invocation: &Invocation,
    arn: &str,
    deadline: Duration,
    out: &mut Outgoing,
) {
    let head = out.written();
    head.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    http::write::content_length(head, invocation.event.len() as u64);
    let id = invocation.request_id.as_bytes();
    http::write::field(head, b"Lambda-Runtime-Aws-Request-Id", id);
    head.extend_from_slice(b"Lambda-Runtime-Deadline-Ms: ");
    http::write::decimal(head, deadline.as_millis() as u64);
    head.extend_from_slice(b"\r\n");
    http::write::field(head, b"Lambda-Runtime-Invoked-Function-Arn", arn.as_bytes());
    http::write::field(head, b"Lambda-Runtime-Trace-Id", invocation.trace.as_bytes());
    if let Some(context) = &invocation.client_context {
        http::write::field(head, b"Lambda-Runtime-Client-Context", context.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    match &invocation.event {
        small if small.len() <= EVENT_COPY_BYTES_MAX => out.copy(small),
        large => out.share(large),
    }
}

impl<E: Env> Shard<E> {
    /// A worker's runtime has connected, or a stranger.
    pub(in crate::shard) fn open_runtime_connection(&mut self, socket: Socket) {
        let worker = self.worker_of(socket);
        let limit = self.workers.len() * CONNECTIONS_PER_WORKER;
        let is_heard = worker.is_some() && self.runtime_connections.len() < limit;
        let ring = self.env.ring();
        // Results are as large as what back ends answer.
        let group = BufferGroup::Upstream;
        let id = self.runtime_connections.insert_with(|id| RuntimeConnection {
            stream: Stream::accepted(socket, Kind::Runtime.token(id), group, None, ring),
            state: RuntimeState::Head,
            worker,
            persistent: true,
            partial: Vec::new(),
            repeated: Repeated::default(),
            deadline: Deadline::default(),
        });
        if !is_heard {
            tracing::debug!(shard = self.id, "a stranger came to the runtime api");
            self.close_runtime_connection(id, Close::Abort);
        }
    }

    /// The worker that connected, by the address that it connected to and the user whose process it is.
    fn worker_of(&mut self, socket: Socket) -> Option<SlotId> {
        let IpAddr::V4(address) = self.env.ring().local_address(socket)?.ip() else { return None };
        let id = self.worker_at(address)?;
        let function = self.functions.get(self.workers.get(id)?.function)?;
        let user = function.function.launch.user.map(|user| user.uid);
        let user = user.unwrap_or_else(|| rustix::process::geteuid().as_raw());
        (self.env.ring().peer_user(socket) == Some(user)).then_some(id)
    }

    /// The worker that connects to this address.
    pub(super) fn worker_at(&self, address: Ipv4Addr) -> Option<SlotId> {
        self.workers.iter().find(|(_, worker)| worker.address == address).map(|(id, _)| id)
    }

    /// Bytes, end or failure of a connection.
    pub(in crate::shard) fn runtime_received(
        &mut self,
        id: SlotId,
        received: Received,
        more: bool,
    ) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        connection.stream.received(more);
        match received {
            Received::Bytes(lease) => self.runtime_input(id, lease),
            Received::End => {
                connection.stream.ended();
                self.runtime_connection_lost(id);
            }
            Received::NoBuffers => {
                let group = crate::telemetry::batch::Buffers::Upstream;
                self.record.recorder.buffers_exhausted(group);
                self.starved.push(Kind::Runtime.token(id));
                return self.free_runtime_connection_if_over(id);
            }
            Received::Failed(error) if is_cancelled(&error) => {}
            Received::Failed(_) => self.runtime_connection_lost(id),
        }
        if let Some(connection) = self.runtime_connections.get_mut(id) {
            if !more {
                connection.stream.settle(self.env.ring());
            }
            self.free_runtime_connection_if_over(id);
        }
    }

    /// A send to a worker is over.
    pub(in crate::shard) fn runtime_sent(
        &mut self,
        id: SlotId,
        outgoing: Box<Outgoing>,
        result: io::Result<()>,
    ) {
        let ring = self.env.ring();
        let Some(connection) = self.runtime_connections.get_mut(id) else {
            return ring.recycle(outgoing);
        };
        if connection.stream.sent(outgoing, result, ring).is_err() {
            self.runtime_connection_lost(id);
        }
        self.free_runtime_connection_if_over(id);
    }

    /// A connection has taken too long to say whose it is, or to take its last answer.
    pub(in crate::shard) fn runtime_timed_out(&mut self, id: SlotId) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        connection.state = RuntimeState::Closing;
        connection.stream.close(self.env.ring(), Close::Abort);
        self.free_runtime_connection_if_over(id);
    }

    /// The peer is gone. One that waited for an event is not idle any more; whether its process lives,
    /// the control thread tells, or its time to ask again.
    fn runtime_connection_lost(&mut self, id: SlotId) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        let worker_slot = connection.worker;
        self.close_runtime_connection(id, Close::Orderly);
        if let Some(worker_slot) = worker_slot
            && let Some(worker) = self.workers.get_mut(worker_slot)
            && matches!(worker.state, WorkerState::Idle { connection } if connection == id)
        {
            worker.state = WorkerState::Between;
            if let Some(row) = self.functions.get_mut(worker.function) {
                row.idle.retain(|idle| *idle != worker_slot);
                let due = self.now + row.function.timeout;
                self.timers.set(&mut worker.deadline, due, Kind::Worker.token(worker_slot));
            }
        }
    }

    pub(in crate::shard) fn free_runtime_connection_if_over(&mut self, id: SlotId) {
        if self.runtime_connections.get(id).is_some_and(|it| it.stream.is_over()) {
            self.runtime_connections.remove(id);
        }
    }

    fn runtime_input(&mut self, id: SlotId, lease: Lease) {
        let mut input = Input::Leased(lease);
        while !input.is_empty() {
            let Some(connection) = self.runtime_connections.get_mut(id) else { return };
            match &mut connection.state {
                RuntimeState::Head => {
                    let Some(rest) = self.take_runtime_head(id, input) else { break };
                    input = rest;
                }
                RuntimeState::Content(_) => {
                    if !self.take_posted(id, &mut input) {
                        return self.runtime_connection_lost(id);
                    }
                }
                // Nobody asks twice at a time.
                RuntimeState::Next => return self.runtime_connection_lost(id),
                RuntimeState::Closing => return,
            }
        }
    }

    /// Reads a head; gives back what follows it. `None`: more is needed, or the connection is closed.
    fn take_runtime_head(&mut self, id: SlotId, input: Input) -> Option<Input> {
        let connection = self.runtime_connections.get_mut(id)?;
        let looked_at = connection.partial.len().saturating_sub(3);
        if connection.partial.is_empty() {
            if let Some(consumed) = self.read_repeated_head(id, &input) {
                let mut input = input;
                input.advance(consumed);
                return Some(input);
            }
            if let Some(consumed) = self.read_runtime_head(id, &input)? {
                let mut input = input;
                input.advance(consumed);
                return Some(input);
            }
            let connection = self.runtime_connections.get_mut(id)?;
            connection.partial.extend_from_slice(&input);
        } else {
            connection.partial.extend_from_slice(&input);
            let is_large = connection.partial.len() > HEAD_LIMITS.head_bytes;
            if is_large || http::find_head_end(&connection.partial, looked_at).is_some() {
                let whole = std::mem::take(&mut connection.partial);
                let consumed = self.read_runtime_head(id, &whole)?;
                return consumed.map(|consumed| Input::Copied { bytes: whole, start: consumed });
            }
        }
        None
    }

    /// Reads a head that differs from one before in nothing that matters. `None`: it is to be read in full.
    fn read_repeated_head(&mut self, id: SlotId, input: &[u8]) -> Option<usize> {
        let connection = self.runtime_connections.get_mut(id)?;
        // As it was of the head before.
        connection.persistent = true;
        let worker_slot = connection.worker?;
        if let Some(head_bytes) = connection.repeated.question(input) {
            self.runtime_next(id, worker_slot);
            return Some(head_bytes);
        }
        let answered = connection.repeated.answer(input)?;
        let running = self.running_on(worker_slot, answered.id)?;
        let framing = Framing::Length(answered.content_bytes);
        self.begin_post(id, Post::Response(running), None, framing, false);
        Some(answered.head_bytes)
    }

    /// `None`: the connection is closed; `Some(None)`: the head is not there in full.
    #[expect(clippy::option_option, reason = "closed and incomplete are two things")]
    fn read_runtime_head(&mut self, id: SlotId, bytes: &[u8]) -> Option<Option<usize>> {
        let mut fields = Fields::new();
        match http::request_head(bytes, &mut fields, &HEAD_LIMITS) {
            Ok(Some(head)) => {
                let consumed = head.head_bytes;
                self.runtime_request(id, &head, &fields, bytes.get(..consumed).unwrap_or_default());
                Some(Some(consumed))
            }
            Ok(None) => Some(None),
            Err(refused) => {
                tracing::debug!(shard = self.id, error = refused.cause(), "a worker broke HTTP");
                self.close_runtime_connection(id, Close::Orderly);
                None
            }
        }
    }

    /// A request. `raw` is its head as received.
    fn runtime_request(
        &mut self,
        id: SlotId,
        head: &RequestHead<'_>,
        fields: &Fields<'_>,
        raw: &[u8],
    ) {
        let path = match head.target {
            Target::Origin { path, .. } | Target::Absolute { path, .. } => path,
            _ => b"",
        };
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        let Some(worker_slot) = connection.worker else { return };
        connection.persistent = head.persistent;
        let rest = path.strip_prefix(b"/2018-06-01/runtime/").unwrap_or_default();
        if (head.method, rest) == ("GET", b"invocation/next") {
            if head.persistent {
                connection.repeated.remember_question(raw);
            }
            return self.runtime_next(id, worker_slot);
        }
        let what = match (head.method, rest) {
            ("POST", b"init/error") => Post::InitError,
            ("POST", rest) => self.post_of(worker_slot, rest, fields),
            _ => Post::Refused(Refused::NotFound),
        };
        let stream = match what {
            Post::Response(invocation) => self.stream_of(invocation, fields),
            _ => None,
        };
        let is_plain = matches!(what, Post::Response(_)) && response_mode(fields).is_none();
        if is_plain && head.persistent && !head.expects_continue {
            self.remember_answer(id, rest, fields, raw);
        }
        self.begin_post(id, what, stream, head.framing, head.expects_continue);
    }

    fn runtime_next(&mut self, id: SlotId, worker_slot: SlotId) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        match self.workers.get(worker_slot).map(|worker| worker.state) {
            Some(WorkerState::Starting | WorkerState::Between | WorkerState::Idle { .. }) => {
                connection.state = RuntimeState::Next;
                self.worker_is_ready(worker_slot, id);
            }
            Some(WorkerState::Busy { .. }) => {
                let (status, text) = Refused::InvalidState.answer();
                connection.answer(status, text, self.env.ring());
            }
            Some(WorkerState::Ending) | None => {
                self.close_runtime_connection(id, Close::Orderly);
            }
        }
    }

    /// Closes a connection once what is queued is sent, or after a while.
    pub(super) fn finish_runtime_connection(&mut self, id: SlotId) {
        let due = self.now + CLOSE_PATIENCE;
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        if !matches!(connection.state, RuntimeState::Closing) {
            connection.state = RuntimeState::Closing;
            self.timers.set(&mut connection.deadline, due, Kind::Runtime.token(id));
            connection.stream.close_when_sent(self.env.ring());
        }
        self.free_runtime_connection_if_over(id);
    }
}
