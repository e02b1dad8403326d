//! One socket and what is in flight on it, for connections made and accepted alike.
//!
//! The ring asks its user to know which operations still have a completion to come: a socket is
//! closed by naming them, and its token may name another socket only when all of them, and `Closed`,
//! have come.

use ringgate::ring::{BufferGroup, Close, InFlight, Outgoing, Ring, Socket, Token};

/// One socket and what is in flight on it.
///
/// `Open --close--> Closing --last completion--> over`, which [`Wire::is_over`] tells.
#[derive(Debug)]
pub struct Wire {
    socket: Socket,
    token: Token,
    group: BufferGroup,
    in_flight: InFlight,
    closing: Option<Closing>,
}

#[derive(Debug, PartialEq, Eq)]
enum Closing {
    Asked,
    Done,
}

impl Wire {
    /// A socket that was accepted, with nothing in flight.
    pub fn accepted(socket: Socket, group: BufferGroup, token: Token) -> Self {
        Self { socket, token, group, in_flight: InFlight::default(), closing: None }
    }

    /// A socket whose connect is in flight.
    pub fn connecting(socket: Socket, group: BufferGroup, token: Token) -> Self {
        let mut wire = Self::accepted(socket, group, token);
        wire.in_flight.connect = true;
        wire
    }

    /// Starts receiving, unless it does so already or is closing.
    #[inline]
    pub fn receive(&mut self, ring: &mut impl Ring) {
        if !self.in_flight.receive && self.closing.is_none() {
            self.in_flight.receive = true;
            ring.receive(self.socket, self.group, self.token);
        }
    }

    /// Asks the receive to end; it does with its last completion.
    pub fn stop_receiving(&mut self, ring: &mut impl Ring) {
        if self.in_flight.receive && self.closing.is_none() {
            ring.cancel_receive(self.group, self.token);
        }
    }

    /// Whether a send may be given to the ring now.
    #[inline]
    pub fn can_send(&self) -> bool {
        self.in_flight.send.is_none() && self.closing.is_none() && !self.in_flight.connect
    }

    /// Sends; only when [`Wire::can_send`].
    #[inline]
    pub fn send(&mut self, ring: &mut impl Ring, outgoing: Box<Outgoing>) {
        debug_assert!(self.can_send(), "one send at a time");
        self.in_flight.send = Some(ring.send(self.socket, self.token, outgoing));
    }

    /// Closes; what is in flight is cancelled.
    pub fn close(&mut self, ring: &mut impl Ring, how: Close) {
        if self.closing.is_none() {
            self.closing = Some(Closing::Asked);
            ring.close(self.socket, self.token, self.group, self.in_flight, how);
        }
    }

    /// Sends FIN and goes on receiving.
    pub fn shut_down_sending(&mut self, ring: &mut impl Ring) {
        if self.can_send() {
            ring.shut_down_sending(self.socket);
        }
    }

    /// Note of a `Received`.
    #[inline]
    pub fn received(&mut self, more: bool) {
        self.in_flight.receive = more;
    }

    /// Note of a `Sent`.
    #[inline]
    pub fn sent(&mut self) {
        self.in_flight.send = None;
    }

    /// Note of a `Connected`.
    pub fn connected(&mut self) {
        self.in_flight.connect = false;
    }

    /// Note of a `Closed`.
    pub fn closed(&mut self) {
        self.closing = Some(Closing::Done);
    }

    /// Whether it is being closed or is closed.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether it is closed and nothing more will come: the token is free.
    pub fn is_over(&self) -> bool {
        self.closing == Some(Closing::Done) && self.in_flight == InFlight::default()
    }

    /// The socket.
    pub fn socket(&self) -> Socket {
        self.socket
    }
}
