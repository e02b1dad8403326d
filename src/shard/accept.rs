//! Listeners of one shard: accepting, pausing when full, closing.

use super::client::Client;
use super::stream::Stream;
use super::timers::Deadline;
use super::{Kind, Shard};
use crate::control::mailbox::{Listener, ListenerId, ListenerKind};
use crate::ring::{BufferGroup, Close, Env, InFlight, Ring, SlotId, Socket};
use crate::telemetry::batch::ConnectionKind;
use std::io;
use std::time::Duration;

/// After an accept error (too many open files) nothing is accepted for this long: it would fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listening {
    id: ListenerId,
    kind: ListenerKind,
    socket: Socket,
    state: ListenState,
    pub(super) deadline: Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListenState {
    /// The multishot accept is armed.
    Accepting,
    /// It ended after an error, or because the shard is full; armed again later.
    Paused,
    /// It is being cancelled because the shard is full.
    Pausing,
    /// The accept is being cancelled; then the socket is closed.
    Leaving,
    /// The close is submitted.
    Closing,
}

impl<E: Env> Shard<E> {
    pub(super) fn take_listeners(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let (id, kind) = (listener.id, listener.kind);
            let socket = listener.into_socket();
            self.listen(id, kind, socket);
        }
    }

    /// Accepts on a listening socket from now on.
    pub fn listen(&mut self, id: ListenerId, kind: ListenerKind, socket: Socket) {
        let slot = self.listeners.insert(Listening {
            id,
            kind,
            socket,
            state: ListenState::Accepting,
            deadline: Deadline::default(),
        });
        self.env.ring().accept(socket, Kind::Listener.token(slot));
    }

    pub(super) fn drop_listeners(&mut self, ids: &[ListenerId]) {
        let slots: Vec<SlotId> = self
            .listeners
            .iter()
            .filter(|(_, listener)| ids.contains(&listener.id))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.leave(slot);
        }
    }

    /// Stops accepting clients.
    pub(super) fn close_public_listeners(&mut self) {
        self.close_listeners_of(|kind| kind != ListenerKind::Runtime);
    }

    /// Stops accepting workers.
    pub(super) fn close_runtime_listeners(&mut self) {
        self.close_listeners_of(|kind| kind == ListenerKind::Runtime);
    }

    fn close_listeners_of(&mut self, is_meant: impl Fn(ListenerKind) -> bool) {
        let slots: Vec<SlotId> = self
            .listeners
            .iter()
            .filter(|(_, listener)| is_meant(listener.kind))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.leave(slot);
        }
    }

    /// Stops accepting. The multishot accept has taken every connection that was queued when the turn
    /// began, so what its last completions bring is served too.
    fn leave(&mut self, slot: SlotId) {
        let Some(listener) = self.listeners.get_mut(slot) else { return };
        match listener.state {
            ListenState::Accepting => {
                listener.state = ListenState::Leaving;
                self.env.ring().cancel_accept(Kind::Listener.token(slot));
            }
            ListenState::Pausing => listener.state = ListenState::Leaving,
            ListenState::Paused => self.close_listener(slot),
            ListenState::Leaving | ListenState::Closing => {}
        }
    }

    fn close_listener(&mut self, slot: SlotId) {
        let Some(listener) = self.listeners.get_mut(slot) else { return };
        listener.state = ListenState::Closing;
        self.env.ring().close(
            listener.socket,
            Kind::Listener.token(slot),
            BufferGroup::Client,
            InFlight::default(),
            Close::Orderly,
        );
    }

    pub(super) fn listener_closed(&mut self, slot: SlotId) {
        self.listeners.remove(slot);
    }

    pub(super) fn accepted(&mut self, slot: SlotId, socket: io::Result<Socket>, more: bool) {
        let Some(listener) = self.listeners.get(slot) else {
            return;
        };
        let kind = listener.kind;
        let failed = match socket {
            Ok(socket) => {
                match kind {
                    ListenerKind::Runtime => self.open_runtime_connection(socket),
                    kind => self.open_client(kind, socket),
                }
                false
            }
            Err(error) => !super::is_cancelled(&error) && is_exhausted(&error),
        };
        let is_full = kind != ListenerKind::Runtime && self.is_full();
        let Some(listener) = self.listeners.get_mut(slot) else { return };
        match (listener.state, more) {
            (ListenState::Leaving, false) => self.close_listener(slot),
            (ListenState::Accepting | ListenState::Pausing, false) if failed => {
                listener.state = ListenState::Paused;
                let token = Kind::Listener.token(slot);
                self.timers.set(&mut listener.deadline, self.now + ACCEPT_PAUSE, token);
            }
            (ListenState::Accepting, true) if is_full => {
                listener.state = ListenState::Pausing;
                self.env.ring().cancel_accept(Kind::Listener.token(slot));
            }
            (ListenState::Accepting | ListenState::Pausing, false) if is_full => {
                listener.state = ListenState::Paused;
            }
            (ListenState::Accepting | ListenState::Pausing, false) => {
                listener.state = ListenState::Accepting;
                self.env.ring().accept(listener.socket, Kind::Listener.token(slot));
            }
            (_, true) | (ListenState::Paused | ListenState::Closing, false) => {}
        }
    }

    fn is_full(&self) -> bool {
        self.clients.len() >= self.snapshot.server.limits.connections_per_shard_max
    }

    fn open_client(&mut self, kind: ListenerKind, socket: Socket) {
        let tls = match kind {
            ListenerKind::Plain | ListenerKind::Runtime => None,
            ListenerKind::Tls => match self.tls.accept() {
                Some(session) => Some(session),
                // No certificate yet: nothing can be said to the client.
                None => {
                    let token = Kind::Client.token(SlotId::from_bits(u64::MAX));
                    let ring = self.env.ring();
                    ring.close(
                        socket,
                        token,
                        BufferGroup::Client,
                        InFlight::default(),
                        Close::Abort,
                    );
                    self.record.recorder.tls_handshake_failed();
                    return;
                }
            },
        };
        // While draining too: it was queued before the listener closed.
        let request_due = self.now + self.request_patience();
        let (ring, now) = (self.env.ring(), self.now);
        let id = self.clients.insert_with(|id| {
            let (token, group) = (Kind::Client.token(id), BufferGroup::Client);
            Client::new(Stream::accepted(socket, token, group, tls, ring))
        });
        let timeouts = &self.snapshot.server.timeouts;
        let (due, counted) = match kind {
            ListenerKind::Plain | ListenerKind::Runtime => (request_due, ConnectionKind::Plain),
            ListenerKind::Tls => (now + timeouts.handshake, ConnectionKind::Tls),
        };
        if let Some(client) = self.clients.get_mut(id) {
            self.timers.set(&mut client.deadline, due, Kind::Client.token(id));
        }
        self.record.recorder.connection_opened(counted);
    }

    /// A client is gone: a shard that was full accepts again.
    pub(super) fn client_gone(&mut self, is_tls: bool) {
        let kind = if is_tls { ConnectionKind::Tls } else { ConnectionKind::Plain };
        self.record.recorder.connection_closed(kind);
        self.accept_if_there_is_room();
    }

    /// Accepts again where a full shard had stopped: a client has gone, or the limit may have changed.
    pub(super) fn accept_if_there_is_room(&mut self) {
        if self.is_full() {
            return;
        }
        let paused: Vec<SlotId> = self
            .listeners
            .iter()
            .filter(|(_, listener)| listener.state == ListenState::Paused)
            .map(|(slot, _)| slot)
            .collect();
        for slot in paused {
            self.listener_timed_out(slot);
        }
    }

    /// The pause after an accept error is over.
    pub(super) fn listener_timed_out(&mut self, slot: SlotId) {
        if let Some(listener) = self.listeners.get_mut(slot)
            && listener.state == ListenState::Paused
        {
            listener.state = ListenState::Accepting;
            self.env.ring().accept(listener.socket, Kind::Listener.token(slot));
        }
    }
}

/// Errors that come again at once: file descriptors or memory are used up.
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|it| it.raw_os_error() == code))
}
