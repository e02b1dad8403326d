//! The seam between a shard and the kernel: operations go down, completions come up.
//!
//! [`Ring`] is what a shard needs of the outside world's network; `driver::KernelRing` is io_uring,
//! the simulation has a seeded fake of the same shape. Nothing here knows HTTP, TLS or APIs. This
//! folder holds the project's only `unsafe` code; the bookkeeping of buffers and slots is safe code
//! in its own files so that it runs without a kernel.

pub mod buffers;
pub mod driver;
pub mod outgoing;
pub mod park;
mod peer;
pub mod probe;
pub mod process;
pub mod slots;
mod provided;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use buffers::{Lease, Pool};
pub use outgoing::Outgoing;
pub use slots::{SlotId, Slots};

/// A socket, by number. Owned by whoever opened it until it is passed to [`Ring::close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Socket(pub i32);

/// Names one operation's owner: the caller's low 60 bits come back with every completion, untouched;
/// the upper 4 belong to the ring and must be zero. By convention the low 56 bits are a [`SlotId`] and
/// the 4 above it say what kind of slot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// Which buffers a receive fills: client sockets get small ones, back ends large ones, so that a
/// 16 KiB answer is one completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferGroup {
    /// Requests from clients.
    Client,
    /// Responses from back ends.
    Upstream,
}

/// What came of an operation. `more` is false on the last completion of a multishot operation: the
/// owner must submit it again when it still wants events.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "the fields are the submitted operation's own, as `Ring` names them"
)]
pub enum Completion {
    /// A connection arrived on a listener. The listener's token.
    Accepted { token: Token, socket: io::Result<Socket>, more: bool },
    /// Bytes, the end of the stream, or an error arrived on a socket.
    Received { token: Token, received: Received, more: bool },
    /// A connect finished.
    Connected { token: Token, result: io::Result<()> },
    /// A send finished: all of it (`Ok`), or it failed and the connection is useless. The buffers
    /// come back either way.
    Sent { token: Token, outgoing: Box<Outgoing>, result: io::Result<()> },
    /// A close finished; the socket's number may be reused from now on.
    Closed { token: Token },
}

/// What a receive brought.
#[derive(Debug)]
pub enum Received {
    /// At least one byte.
    Bytes(Lease),
    /// The peer closed its sending side (FIN). Always with `more: false`.
    End,
    /// No provided buffer was free. Always with `more: false`; re-arm after leases were dropped.
    NoBuffers,
    /// The connection failed, or the receive was cancelled (`ECANCELED`). Always `more: false`.
    Failed(io::Error),
}

/// Names a send in flight, so that it can be cancelled by [`Ring::close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendId(pub u32);

/// What is still in flight on a socket that is to be closed, so that just that is cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFlight {
    /// A receive is armed: its last completion (`more: false`) has not come.
    pub receive: bool,
    /// A send's `Sent` has not come.
    pub send: Option<SendId>,
    /// A connect's `Connected` has not come.
    pub connect: bool,
}

/// How to treat a connection when closing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// FIN, or RST when unread input remains (TCP's rule).
    Orderly,
    /// RST: the peer must not take what it has got for a complete answer.
    Abort,
}

/// The network as a shard sees it. One owner, one thread; every method only queues, and
/// [`Ring::turn`] does the work, so one system call carries a whole turn.
///
/// Order and promises an implementation keeps (and the simulation exploits to the limit):
/// - After `receive`, `Received` completions arrive in stream order until one has `more: false`.
/// - At most one send per socket may be queued or in flight; its `Sent` comes exactly once.
/// - `close` cancels what is in flight. Each operation still ends with its own last completion
///   (`more: false`, `Sent`, `Connected`), in any order with `Closed`, and a receive may still bring
///   bytes before it. A slot is free for reuse only when all of them have come.
/// - A completion may arrive in any later turn; never in the call that queued the operation.
pub trait Ring {
    /// Starts accepting on a listening socket; multishot.
    fn accept(&mut self, listener: Socket, token: Token);

    /// Stops accepting. The last `Accepted` completion (an error, `more: false`) follows.
    fn cancel_accept(&mut self, token: Token);

    /// Starts receiving; multishot.
    fn receive(&mut self, socket: Socket, group: BufferGroup, token: Token);

    /// Stops a receive. Bytes already taken from the socket may still arrive; the last completion
    /// has `more: false`.
    fn cancel_receive(&mut self, group: BufferGroup, token: Token);

    /// Sends everything in `outgoing` (not empty), in order, however many partial writes it takes.
    fn send(&mut self, socket: Socket, token: Token, outgoing: Box<Outgoing>) -> SendId;

    /// How many bytes of a send in flight the socket has taken so far. Tells a slow peer from a dead
    /// one.
    fn sent_bytes(&self, send: SendId) -> usize;

    /// Opens a TCP socket and connects it. The socket is there at once (so that it can be closed
    /// when the connect takes too long), the result comes as `Connected`.
    ///
    /// # Errors
    /// When no socket can be opened (`EMFILE`, an address family the host lacks).
    fn connect(&mut self, address: SocketAddr, token: Token) -> io::Result<Socket>;

    /// Sends FIN after what was sent, keeps receiving. Call it with no send in flight.
    fn shut_down_sending(&mut self, socket: Socket);

    /// Cancels what is in flight on the socket and closes it. `token` must be the one that the
    /// socket's receive, send and connect were given.
    fn close(
        &mut self,
        socket: Socket,
        token: Token,
        group: BufferGroup,
        in_flight: InFlight,
        how: Close,
    );

    /// Whether a receive into that group would find a free buffer now.
    fn has_buffers(&self, group: BufferGroup) -> bool;

    /// The client's address of an accepted socket.
    fn peer_address(&mut self, socket: Socket) -> Option<SocketAddr>;

    /// The local address of an accepted socket.
    fn local_address(&mut self, socket: Socket) -> Option<SocketAddr>;

    /// The user whose process is at the other end of an accepted socket, within this host.
    fn peer_user(&mut self, socket: Socket) -> Option<u32>;

    /// An empty [`Outgoing`] from the recycling pool.
    fn outgoing(&mut self) -> Box<Outgoing>;

    /// Takes an [`Outgoing`] back for reuse; its leases are released.
    fn recycle(&mut self, outgoing: Box<Outgoing>);

    /// Submits everything queued and appends what has completed. Never waits.
    fn turn(&mut self, completions: &mut Vec<Completion>);
}

/// Everything a shard takes from outside. The kernel's is `shard::env::KernelEnv`; the simulation's
/// is one seed.
pub trait Env: 'static {
    /// The network.
    type Ring: Ring;

    /// The network.
    fn ring(&mut self) -> &mut Self::Ring;

    /// The monotonic time; read once per turn and passed down.
    fn now(&self) -> Instant;

    /// The time of day at `now`, as time since 1970-01-01T00:00:00Z.
    fn since_epoch(&mut self, now: Instant) -> Duration;

    /// A fresh random number. Not for secrets.
    fn random(&mut self) -> u64;
}
