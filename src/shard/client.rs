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
use crate::exchange::ClientFacts;
use crate::http::BodyReader;
use crate::ring::{Lease, SlotId};
use crate::tls::Plaintext;
use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Instant;

/// Inputs held per connection before its receive is paused. A receive that is being paused may add
/// what had already arrived.
pub(super) const HELD_MAX: usize = 2;

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
