//! One TCP connection as the rest of the shard sees it: ordered bytes both ways, in plain or in TLS.
//!
//! It keeps the ring's rules in one place: one send in flight, a receive that is re-armed when it
//! ended by itself, a close that cancels what is in flight, and a slot that is free only after the
//! last completion. It knows no HTTP.
//!
//! ```text
//! Open --close_when_sent--> Finishing --everything sent--> Closing --Closed and all else--> over
//!   | '-------------------close / send failed----------------^
//!   '--half_close--> HalfClosing --everything sent, FIN--> HalfClosed --close--^
//! ```

use crate::ring::{BufferGroup, Close, InFlight, Lease, Outgoing, Ring, SendId, Socket, Token};
use crate::tls;
use std::io;

/// A connection's transport.
pub(super) struct Stream {
    socket: Socket,
    token: Token,
    group: BufferGroup,
    tls: Option<Box<tls::Session>>,
    state: State,
    receive: Receive,
    /// Whether somebody wants bytes: the other half of back-pressure.
    wanted: bool,
    /// Whether the peer has sent its last byte.
    ended: bool,
    /// Whether the close, once everything is sent, is a reset.
    aborts: bool,
    sending: Option<SendId>,
    sending_bytes: usize,
    /// Bytes of the send in flight that were known to be taken when its deadline was last set.
    taken_bytes: usize,
    /// Plain bytes for the next send, written while one is in flight.
    queued: Option<Box<Outgoing>>,
    /// TLS only: records for the next send.
    records: Option<Box<Outgoing>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Open,
    /// Close as soon as everything queued is sent.
    Finishing,
    /// Send FIN as soon as everything queued is sent.
    HalfClosing,
    /// FIN is sent; still receiving.
    HalfClosed,
    /// The close is submitted.
    Closing {
        connecting: bool,
    },
    Closed {
        connecting: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receive {
    /// A multishot receive is armed.
    Armed,
    /// Its cancellation is submitted; its last completion has not come.
    Cancelling,
    /// None is in flight.
    Off,
}

/// What became of received bytes in TLS.
pub(super) struct Decrypted {
    /// Whether the handshake finished just now.
    pub(super) established: bool,
    /// Whether the peer said that nothing will follow.
    pub(super) ended: bool,
}

impl Stream {
    /// A connection that exists already. Receives from now on, into buffers of `group`.
    pub(super) fn accepted(
        socket: Socket,
        token: Token,
        group: BufferGroup,
        tls: Option<Box<tls::Session>>,
        ring: &mut impl Ring,
    ) -> Self {
        let mut stream = Self::new(socket, token, group, tls, State::Open);
        stream.resume(ring);
        stream
    }

    /// A connection being made.
    pub(super) fn connecting(socket: Socket, token: Token) -> Self {
        Self::new(socket, token, BufferGroup::Upstream, None, State::Connecting)
    }

    fn new(
        socket: Socket,
        token: Token,
        group: BufferGroup,
        tls: Option<Box<tls::Session>>,
        state: State,
    ) -> Self {
        Self {
            socket,
            token,
            group,
            tls,
            state,
            receive: Receive::Off,
            wanted: false,
            ended: false,
            aborts: false,
            sending: None,
            sending_bytes: 0,
            taken_bytes: 0,
            queued: None,
            records: None,
        }
    }

    /// The connect succeeded: receives from now on.
    pub(super) fn connected(&mut self, ring: &mut impl Ring) {
        if self.state == State::Open {
            self.resume(ring);
        }
    }

    /// Puts TLS on top, as a client; its first flight is queued.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub(super) fn start_tls(
        &mut self,
        config: &std::sync::Arc<rustls::ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
        ring: &mut impl Ring,
    ) -> Result<(), tls::TlsFault> {
        let mut records = ring.outgoing();
        let session = tls::Session::connect(config, name, &mut records);
        self.records = Some(records);
        self.tls = Some(Box::new(session?));
        Ok(())
    }

    /// The socket.
    pub(super) fn socket(&self) -> Socket {
        self.socket
    }

    /// The TLS session, if any.
    pub(super) fn tls(&self) -> Option<&tls::Session> {
        self.tls.as_deref()
    }

    /// Whether bytes can be exchanged: neither closing nor about to.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the slot may be freed: closed, and no completion will come any more.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Closed { connecting: false }
            && self.sending.is_none()
            && self.receive == Receive::Off
    }

    /// Bytes that wait to be sent or are in flight.
    #[inline]
    pub(super) fn pending_bytes(&self) -> usize {
        let queued = self.queued.as_ref().map_or(0, |outgoing| outgoing.len());
        let records = self.records.as_ref().map_or(0, |outgoing| outgoing.len());
        self.sending_bytes + queued + records
    }

    /// Whether something waits to be sent or is in flight.
    pub(super) fn is_sending(&self) -> bool {
        self.pending_bytes() > 0
    }

    /// Whether the peer has taken bytes of the send in flight since the last call: slow, but alive.
    pub(super) fn has_progressed(&mut self, ring: &impl Ring) -> bool {
        let taken = self.sending.map_or(0, |send| ring.sent_bytes(send));
        std::mem::replace(&mut self.taken_bytes, taken) < taken
    }

    /// Where to append bytes to send; [`Stream::flush`] sends them.
    #[inline]
    pub(super) fn out(&mut self, ring: &mut impl Ring) -> &mut Outgoing {
        self.queued.get_or_insert_with(|| ring.outgoing())
    }

    /// Sends what is queued, unless a send is in flight: its end will.
    pub(super) fn flush(&mut self, ring: &mut impl Ring) {
        if self.sending.is_some()
            || !matches!(self.state, State::Open | State::Finishing | State::HalfClosing)
        {
            return;
        }
        if self.tls.is_some() {
            self.encrypt(ring);
        }
        let next = if self.tls.is_some() { self.records.take() } else { self.queued.take() };
        match next {
            Some(outgoing) if !outgoing.is_empty() => {
                self.sending_bytes = outgoing.len();
                self.taken_bytes = 0;
                self.sending = Some(ring.send(self.socket, self.token, outgoing));
            }
            Some(empty) => ring.recycle(empty),
            None => {}
        }
        if self.sending.is_none() {
            match self.state {
                State::Finishing if self.aborts => self.close(ring, Close::Abort),
                State::Finishing => self.close(ring, Close::Orderly),
                State::HalfClosing => {
                    self.state = State::HalfClosed;
                    ring.shut_down_sending(self.socket);
                }
                _ => {}
            }
        }
    }

    fn encrypt(&mut self, ring: &mut impl Ring) {
        let Some(session) = &mut self.tls else { return };
        if session.is_handshaking() {
            return;
        }
        let records = self.records.get_or_insert_with(|| ring.outgoing());
        if let Some(plain) = self.queued.take() {
            // It fails only after the session's end, when nobody reads the bytes anyway.
            let _ = session.encrypt(&plain, records);
            ring.recycle(plain);
        }
        if matches!(self.state, State::Finishing | State::HalfClosing) && !self.aborts {
            session.close(records);
        }
    }

    /// A send is over; sends what has been queued meanwhile. An error means that the connection is
    /// useless: close it.
    pub(super) fn sent(
        &mut self,
        outgoing: Box<Outgoing>,
        result: io::Result<()>,
        ring: &mut impl Ring,
    ) -> io::Result<()> {
        ring.recycle(outgoing);
        self.sending = None;
        self.sending_bytes = 0;
        result?;
        self.flush(ring);
        Ok(())
    }

    /// Decrypts received bytes; TLS only. `deliver` gets the plaintext.
    ///
    /// # Errors
    /// The connection cannot go on; the alert for the peer is queued.
    pub(super) fn decrypt(
        &mut self,
        input: Lease,
        ring: &mut impl Ring,
        deliver: impl FnMut(tls::Plaintext<'_>),
    ) -> Result<Decrypted, tls::TlsFault> {
        let Some(session) = &mut self.tls else {
            return Err(tls::TlsFault::NotOpen);
        };
        let records = self.records.get_or_insert_with(|| ring.outgoing());
        let progress = session.receive(input, records, deliver)?;
        Ok(Decrypted {
            established: progress == tls::Progress::Established,
            ended: progress == tls::Progress::Closed,
        })
    }

    /// A receive's completion came: keeps the books. Call [`Stream::settle`] when it is handled.
    #[inline]
    pub(super) fn received(&mut self, more: bool) {
        if !more {
            self.receive = Receive::Off;
        }
    }

    /// Arms the receive when bytes are wanted and it is off, be it that it ended by itself.
    #[inline]
    pub(super) fn settle(&mut self, ring: &mut impl Ring) {
        if self.receive == Receive::Off
            && self.wanted
            && !self.ended
            && !matches!(
                self.state,
                State::Connecting | State::Closing { .. } | State::Closed { .. }
            )
        {
            self.receive = Receive::Armed;
            ring.receive(self.socket, self.group, self.token);
        }
    }

    /// The peer has sent its last byte.
    pub(super) fn ended(&mut self) {
        self.ended = true;
    }

    /// Whether the peer has sent its last byte.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Wants no bytes for now. Some may still come.
    pub(super) fn pause(&mut self, ring: &mut impl Ring) {
        self.wanted = false;
        if self.receive == Receive::Armed {
            ring.cancel_receive(self.group, self.token);
            self.receive = Receive::Cancelling;
        }
    }

    /// Wants bytes again.
    pub(super) fn resume(&mut self, ring: &mut impl Ring) {
        self.wanted = true;
        self.settle(ring);
    }

    /// Whether bytes are not wanted for now.
    #[inline]
    pub(super) fn is_paused(&self) -> bool {
        !self.wanted
    }

    /// Sends what is queued, then FIN, and goes on receiving: the peer reads the last answer before it
    /// could see a reset.
    pub(super) fn half_close(&mut self, ring: &mut impl Ring) {
        if self.state == State::Open {
            self.state = State::HalfClosing;
            self.flush(ring);
        }
    }

    /// Closes as soon as everything queued is sent.
    pub(super) fn close_when_sent(&mut self, ring: &mut impl Ring) {
        match self.state {
            State::Open | State::HalfClosing => {
                self.state = State::Finishing;
                self.flush(ring);
            }
            State::HalfClosed => self.close(ring, Close::Orderly),
            State::Connecting | State::Finishing | State::Closing { .. } | State::Closed { .. } => {
            }
        }
    }

    /// Closes as soon as everything queued is sent, with a reset: the peer must not take what it has
    /// for whole.
    pub(super) fn abort_when_sent(&mut self, ring: &mut impl Ring) {
        self.aborts = true;
        self.close_when_sent(ring);
    }

    /// Closes at once; what is queued is lost.
    pub(super) fn close(&mut self, ring: &mut impl Ring, how: Close) {
        let connecting = self.state == State::Connecting;
        if matches!(self.state, State::Closing { .. } | State::Closed { .. }) {
            return;
        }
        self.state = State::Closing { connecting };
        for outgoing in [self.queued.take(), self.records.take()].into_iter().flatten() {
            ring.recycle(outgoing);
        }
        let in_flight = InFlight {
            receive: self.receive != Receive::Off,
            send: self.sending,
            connect: connecting,
        };
        ring.close(self.socket, self.token, self.group, in_flight, how);
    }

    /// The close is done.
    pub(super) fn closed(&mut self) {
        if let State::Closing { connecting } = self.state {
            self.state = State::Closed { connecting };
        }
    }

    /// The connect's completion came, well or not, maybe while the connection is being closed: a close
    /// from now on must not wait for it.
    pub(super) fn connect_over(&mut self) {
        self.state = match self.state {
            State::Connecting => State::Open,
            State::Closing { .. } => State::Closing { connecting: false },
            State::Closed { .. } => State::Closed { connecting: false },
            other => other,
        };
    }
}
