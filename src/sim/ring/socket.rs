//! One socket of the fake ring: what is armed on it, and which completions are under way.

use crate::ring::{BufferGroup, Close, Completion, Outgoing, Received, SendId, Token};
use crate::sim::network::{End, Listener};
use std::collections::VecDeque;

/// Names a socket beyond its number's lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

#[derive(Debug)]
pub(super) struct SimSocket {
    pub(super) number: i32,
    pub(super) what: What,
    pub(super) accept: Option<Operation>,
    pub(super) receive: Option<Receive>,
    /// What its receives fill: the same for all of them.
    pub(super) group: Option<BufferGroup>,
    pub(super) send: Option<Send>,
    pub(super) connect: Option<Token>,
    pub(super) close: Option<Closing>,
    /// Completions of the receive or the accept: in order.
    pub(super) stream: VecDeque<Queued>,
    /// Completions of the send and the connect: in any order.
    pub(super) others: Vec<Queued>,
    /// The turns in which the last completion of a receive, a send and a connect was delivered.
    pub(super) told: [u64; 3],
    /// Bytes delivered in earlier turns, and the deliveries of this one.
    pub(super) delivered_bytes: u64,
    pub(super) deliveries: Vec<u64>,
    pub(super) delivered_in: u64,
    /// The turn from which `Closed` may be delivered, once the close is done.
    pub(super) closed: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Listener(Listener),
    Stream(End),
    /// Closed in the network; the last completions are on their way.
    Gone,
}

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) token: Token,
    pub(super) cancelled: bool,
}

#[derive(Debug)]
pub(super) struct Receive {
    pub(super) operation: Operation,
    pub(super) group: BufferGroup,
}

#[derive(Debug)]
pub(super) struct Send {
    pub(super) id: SendId,
    pub(super) token: Token,
    pub(super) outgoing: Box<Outgoing>,
    pub(super) sent: usize,
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) token: Token,
    pub(super) how: Close,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) completion: Completion,
    /// The turn from which it may be delivered.
    pub(super) ready: u64,
}

impl SimSocket {
    pub(super) fn new(number: i32, what: What) -> Self {
        Self {
            number,
            what,
            accept: None,
            receive: None,
            group: None,
            send: None,
            connect: None,
            close: None,
            stream: VecDeque::new(),
            others: Vec::new(),
            told: [0; 3],
            delivered_bytes: 0,
            deliveries: Vec::new(),
            delivered_in: 0,
            closed: None,
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.stream.is_empty() && self.others.is_empty() && self.closed.is_none()
    }

    pub(super) fn stream_end(&self) -> Option<End> {
        match self.what {
            What::Stream(end) => Some(end),
            What::Listener(_) | What::Gone => None,
        }
    }
}

impl SimSocket {
    /// Whether it is closed and everything has been told.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.what, What::Gone) && self.is_quiet()
    }

    /// Whether the owner must still expect the last completion of a receive.
    pub(super) fn owes_receive(&self) -> bool {
        let is_receive = |queued: &Queued| matches!(queued.completion, Completion::Received { .. });
        self.receive.is_some() || self.stream.iter().any(is_receive)
    }

    /// Whether the owner must still expect a `Sent`.
    pub(super) fn owes_sent(&self) -> bool {
        let is_sent = |queued: &Queued| matches!(queued.completion, Completion::Sent { .. });
        self.send.is_some() || self.others.iter().any(is_sent)
    }

    /// Whether the owner must still expect a `Connected`.
    pub(super) fn owes_connected(&self) -> bool {
        let is_connected =
            |queued: &Queued| matches!(queued.completion, Completion::Connected { .. });
        self.connect.is_some() || self.others.iter().any(is_connected)
    }

    /// What the owner owes or may believe to be owed: (receive, send, connect). The second is true as
    /// well for what was delivered in this very turn, which the owner may not have looked at yet.
    pub(super) fn in_flight(&self, turn: u64) -> [(bool, bool); 3] {
        let owed = [self.owes_receive(), self.owes_sent(), self.owes_connected()];
        [0, 1, 2].map(|index| (owed[index], owed[index] || self.told[index] == turn))
    }

    /// Takes a completion that may be delivered in this turn; a coin decides between those of the
    /// stream and the others.
    pub(super) fn take_ready(&mut self, turn: u64, coin: bool) -> Option<Completion> {
        let completion = self.take_any(turn, coin)?;
        match &completion {
            Completion::Received { received, .. } => {
                self.told[0] = turn;
                if self.delivered_in != turn {
                    self.delivered_bytes += self.deliveries.drain(..).sum::<u64>();
                    self.delivered_in = turn;
                }
                if let Received::Bytes(lease) = received {
                    self.deliveries.push(lease.len() as u64);
                }
            }
            Completion::Sent { .. } => self.told[1] = turn,
            Completion::Connected { .. } => self.told[2] = turn,
            Completion::Accepted { .. } | Completion::Closed { .. } => {}
        }
        Some(completion)
    }

    /// Whether the owner must have seen bytes from that one on: they came in an earlier turn, or in one
    /// piece with the bytes before them. What came in this turn in a piece of its own it may not have
    /// looked at yet.
    pub(super) fn has_shown(&self, byte: u64, turn: u64) -> bool {
        let mut begin = self.delivered_bytes;
        for delivery in &self.deliveries {
            let end = begin + delivery;
            let shown = if self.delivered_in == turn { begin < byte } else { true };
            if shown && byte < end {
                return true;
            }
            begin = end;
        }
        byte < self.delivered_bytes
    }

    fn take_any(&mut self, turn: u64, coin: bool) -> Option<Completion> {
        let stream_ready = self.stream.front().is_some_and(|it| it.ready <= turn);
        let other_ready = self.others.iter().position(|it| it.ready <= turn);
        let closed_ready = self.closed.is_some_and(|ready| ready <= turn);
        if stream_ready && (coin || (other_ready.is_none() && !closed_ready)) {
            return self.stream.pop_front().map(|queued| queued.completion);
        }
        if closed_ready && (coin || other_ready.is_none()) {
            self.closed = None;
            let token = self.close.as_ref()?.token;
            return Some(Completion::Closed { token });
        }
        Some(self.others.swap_remove(other_ready?).completion)
    }
}
