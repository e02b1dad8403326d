//! One client connection: bytes in, requests out; answers in, bytes out.
//!
//! ```text
//! Idle --first byte--> Head --head complete--> Exchange --answered, content read--> Idle
//!                        |                        ^
//!                        |--caller is asked about--> Authorizing --verdict--> any of the others
//!                        |--content is needed--> Asked (gathers it; may be answered by us too)
//!                        |                        |
//!                        |                        '--answered by us--> Discard --content read--> Idle
//!                        '--refused--> Lingering (reads and drops, so that the answer arrives) --> Closing
//! ```
//! Input that cannot be taken now (the next pipelined request, content that the back end is too slow
//! for) is held, a few pieces of it, and the receive is paused: a slow consumer holds little memory, and
//! receive buffers only while there are plenty ([`Lease::is_scarce`]).

use super::stream::Stream;
use super::timers::Deadline;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::exchange::{ClientFacts, Refusal};
use crate::http::BodyReader;
use crate::ring::{Close, Env, Lease, Outgoing, Ring, SlotId};
use crate::telemetry::batch::Refusal as Counted;
use crate::tls::Plaintext;
use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// Inputs held per connection before its receive is paused. A receive that is being paused may add
/// what had already arrived.
pub(super) const HELD_MAX: usize = 2;

/// How long a connection whose last answer is sent is read from, so that the answer is not destroyed
/// by a reset for unread bytes (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// A client connection.
pub(super) struct Client {
    pub(super) stream: Stream,
    pub(super) facts: Option<ClientFacts>,
    pub(super) state: ClientState,
    pub(super) deadline: Deadline,
    /// Requests begun on this connection.
    pub(super) requests: u64,
    /// The client has said that it asks nothing more (`Connection: close`, HTTP/1.0). From any other
    /// a next request may be on its way when we close, and reading it is what keeps it from turning
    /// into a reset that destroys the last answer (RFC 9112 section 9.6).
    pub(super) said_last: bool,
    /// A request head of which only a part has arrived.
    pub(super) partial: Vec<u8>,
    /// Input that cannot be taken now, oldest first.
    pub(super) held: VecDeque<Input>,
}

/// What a client connection is doing.
#[derive(Debug)]
pub(super) enum ClientState {
    /// TLS is being established.
    Handshaking,
    /// Between requests.
    Idle,
    /// Part of a head has arrived.
    Head { since: Instant },
    /// A request is being served by a back end; `body` reads what is left of its content.
    Exchange { exchange: SlotId, body: BodyReader },
    /// A request whose caller an authorizer's function is asked about. Its content is left where it is.
    Authorizing { waiting: SlotId },
    /// A request whose content is gathered, or that a function answers; `body` reads what is left of
    /// its content.
    Asked { asked: SlotId, body: BodyReader },
    /// A request was answered before its content was read; the rest is dropped. `dropped_bytes` is how
    /// much has been.
    Discard { body: BodyReader, persistent: bool, dropped_bytes: u64 },
    /// The last answer is sent; what still comes is dropped until the client closes.
    Lingering,
    /// Nothing more to do but to wait for the last completions.
    Closing,
}

/// Received bytes, in a receive buffer or copied.
#[derive(Debug)]
pub(super) enum Input {
    /// In a receive buffer.
    Leased(Lease),
    /// Copied out of it; the first `start` bytes are taken already.
    Copied { bytes: Vec<u8>, start: usize },
}

impl Input {
    pub(super) fn from_plaintext(plaintext: Plaintext<'_>) -> Self {
        match plaintext {
            Plaintext::Leased(lease) => Self::Leased(lease),
            Plaintext::Copied(bytes) => Self::Copied { bytes: bytes.to_vec(), start: 0 },
        }
    }

    /// The same bytes, to be kept until a peer does something: copied when buffers are scarce, so that
    /// those who wait do not keep the others from receiving.
    pub(super) fn kept(self) -> Self {
        match self {
            Self::Leased(lease) if lease.is_scarce() => {
                Self::Copied { bytes: lease.to_vec(), start: 0 }
            }
            Self::Leased(lease) => {
                lease.keep();
                Self::Leased(lease)
            }
            copied @ Self::Copied { .. } => copied,
        }
    }

    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        match self {
            Self::Leased(lease) => lease.advance(count),
            Self::Copied { start, .. } => *start += count,
        }
    }
}

impl Deref for Input {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Leased(lease) => lease,
            Self::Copied { bytes, start } => bytes.get(*start..).unwrap_or_default(),
        }
    }
}

impl Client {
    /// A connection that was just accepted.
    pub(super) fn new(stream: Stream) -> Self {
        let state =
            if stream.tls().is_some() { ClientState::Handshaking } else { ClientState::Idle };
        Self {
            stream,
            facts: None,
            state,
            deadline: Deadline::default(),
            requests: 0,
            said_last: false,
            partial: Vec::new(),
            held: VecDeque::new(),
        }
    }

    /// The exchange being served.
    pub(super) fn exchange(&self) -> Option<SlotId> {
        match self.state {
            ClientState::Exchange { exchange, .. } => Some(exchange),
            _ => None,
        }
    }

    /// The request being gathered or answered by a function.
    pub(super) fn asked(&self) -> Option<SlotId> {
        match self.state {
            ClientState::Asked { asked, .. } => Some(asked),
            _ => None,
        }
    }

    /// The request whose caller is being asked about.
    pub(super) fn waiting(&self) -> Option<SlotId> {
        match self.state {
            ClientState::Authorizing { waiting } => Some(waiting),
            _ => None,
        }
    }

    /// Whether a request of its is under way.
    pub(super) fn is_served(&self) -> bool {
        self.exchange().is_some() || self.asked().is_some() || self.waiting().is_some()
    }

    /// Whether the request's content has arrived in full.
    pub(super) fn request_is_complete(&self) -> bool {
        match &self.state {
            ClientState::Exchange { body, .. }
            | ClientState::Asked { body, .. }
            | ClientState::Discard { body, .. } => body.is_done(),
            _ => true,
        }
    }
}

impl<E: Env> Shard<E> {
    /// The client will send no more.
    pub(super) fn client_ended(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.stream.ended();
        if !client.held.is_empty() {
            // What it sent before is served first.
            return;
        }
        match &mut client.state {
            ClientState::Exchange { body, exchange } => {
                let exchange_id = *exchange;
                let is_cut = !body.is_done();
                if let Some(exchange) = self.exchanges.get_mut(exchange_id) {
                    exchange.persistent = false;
                }
                if is_cut {
                    // A request that was cut short must not look complete to the back end.
                    self.fail_request(exchange_id, Refusal::BadBody);
                }
            }
            ClientState::Asked { body, asked } => {
                let asked_id = *asked;
                let is_cut = !body.is_done();
                if let Some(asked) = self.asked.get_mut(asked_id) {
                    asked.persistent = false;
                }
                if is_cut {
                    self.refuse_asked(asked_id, Refusal::BadBody);
                }
            }
            // What it has sent may be all there is: found out when it goes on.
            ClientState::Authorizing { waiting } => {
                if let Some(waiting) = self.authorizing.waiting_mut(*waiting) {
                    waiting.persistent = false;
                }
            }
            ClientState::Handshaking
            | ClientState::Idle
            | ClientState::Head { .. }
            | ClientState::Discard { .. }
            | ClientState::Lingering => {
                client.state = ClientState::Closing;
                client.stream.close_when_sent(self.env.ring());
            }
            ClientState::Closing => {}
        }
    }

    /// The client's connection broke.
    pub(super) fn client_lost(&mut self, id: SlotId) {
        self.abort_client(id, Close::Orderly);
    }

    /// Closes a client's connection at once, and gives up what is being done for it.
    pub(super) fn abort_client(&mut self, id: SlotId, how: Close) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let (exchange, asked, waiting) = (client.exchange(), client.asked(), client.waiting());
        client.state = ClientState::Closing;
        client.held.clear();
        client.stream.close(self.env.ring(), how);
        if let Some(exchange) = exchange {
            self.abandon(exchange);
        }
        if let Some(asked) = asked {
            self.abandon_asked(asked);
        }
        if let Some(waiting) = waiting {
            self.abandon_waiting(waiting);
        }
        self.free_client_if_over(id);
    }

    /// Sends what is queued, then ends the connection so that the last answer arrives.
    pub(super) fn finish_client(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.held.clear();
        client.partial = Vec::new();
        let ring = self.env.ring();
        let nothing_comes = client.said_last && matches!(client.state, ClientState::Idle);
        if client.stream.has_ended() || nothing_comes {
            client.state = ClientState::Closing;
            client.stream.close_when_sent(ring);
        } else if !matches!(client.state, ClientState::Closing | ClientState::Lingering) {
            client.state = ClientState::Lingering;
            client.stream.half_close(ring);
            client.stream.resume(ring);
        }
        self.touch_client(id);
        self.free_client_if_over(id);
    }

    /// A send to a client is over.
    pub(super) fn client_sent(
        &mut self,
        id: SlotId,
        outgoing: Box<Outgoing>,
        result: io::Result<()>,
    ) {
        let ring = self.env.ring();
        let Some(client) = self.clients.get_mut(id) else { return ring.recycle(outgoing) };
        if client.stream.sent(outgoing, result, ring).is_err() {
            return self.client_lost(id);
        }
        let is_relieved = client.stream.pending_bytes() < PENDING_BYTES_MAX;
        let (exchange, asked) = (client.exchange(), client.asked());
        let has_work = !client.held.is_empty() || client.stream.is_paused();
        self.touch_client(id);
        if is_relieved {
            if let Some(exchange) = exchange {
                self.resume_response(exchange);
            } else if let Some(asked) = asked {
                self.resume_stream(asked);
            }
            if has_work {
                self.pump_client(id);
            }
        }
        self.free_client_if_over(id);
    }

    /// Sets the deadline that goes with what the connection is doing.
    pub(super) fn touch_client(&mut self, id: SlotId) {
        let request_due = self.now + self.request_patience();
        let Some(client) = self.clients.get_mut(id) else { return };
        let timeouts = &self.snapshot.server.timeouts;
        let due = match &client.state {
            _ if client.stream.is_sending() => self.now + timeouts.send_idle,
            ClientState::Idle => request_due,
            ClientState::Head { since } => *since + timeouts.head,
            // Who is asked about it has a time-out of its own.
            ClientState::Authorizing { .. } => return client.deadline.clear(),
            // While what it has sent waits here, the back end is late and not the client.
            ClientState::Exchange { body, .. } | ClientState::Asked { body, .. }
                if body.is_done() || !client.held.is_empty() || client.stream.is_paused() =>
            {
                return client.deadline.clear();
            }
            ClientState::Exchange { .. }
            | ClientState::Asked { .. }
            | ClientState::Discard { .. } => self.now + timeouts.body_idle,
            ClientState::Lingering => self.now + LINGER,
            // The handshake's deadline was set at accept; a close needs none.
            ClientState::Handshaking | ClientState::Closing => return,
        };
        self.timers.set(&mut client.deadline, due, Kind::Client.token(id));
    }

    pub(super) fn client_timed_out(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.stream.is_sending() {
            if client.stream.has_progressed(self.env.ring()) {
                return self.touch_client(id);
            }
            return self.abort_client(id, Close::Abort);
        }
        match &client.state {
            ClientState::Idle => self.finish_client(id),
            ClientState::Head { .. } => {
                self.record.recorder.refused(Counted::HeadTimeout);
                self.answer_and_close(id, Refusal::TooSlow);
            }
            ClientState::Exchange { exchange, .. } => {
                let exchange = *exchange;
                self.record.recorder.refused(Counted::BodyTimeout);
                self.fail_request(exchange, Refusal::TooSlow);
            }
            ClientState::Asked { asked, .. } => {
                let asked = *asked;
                self.record.recorder.refused(Counted::BodyTimeout);
                self.refuse_asked(asked, Refusal::TooSlow);
            }
            ClientState::Handshaking
            | ClientState::Authorizing { .. }
            | ClientState::Discard { .. }
            | ClientState::Lingering
            | ClientState::Closing => self.abort_client(id, Close::Orderly),
        }
    }

    pub(super) fn free_client_if_over(&mut self, id: SlotId) {
        if self.clients.get(id).is_some_and(|client| client.stream.is_over())
            && let Some(client) = self.clients.remove(id)
        {
            self.client_gone(client.stream.tls().is_some());
        }
    }
}
