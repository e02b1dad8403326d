//! The fake ring: everything that the contract of [`Ring`] allows, by seed.
//!
//! Completions of different sockets, and of the send and the receive of one socket, come in any order
//! and in any later turn; only a receive's own completions keep the stream's order. Receives are cut
//! and coalesced, run out of buffers, end without an error; a cancelled one may still bring bytes; a
//! close takes its time and bytes arrive meanwhile. It uses the real [`Pool`] and [`Lease`], so that a
//! leaked buffer shows.
//!
//! It also holds its user to the contract: a second send in flight, a receive armed twice, an
//! operation on a closed socket panic at once, with the socket's name.

mod progress;
mod socket;

use super::clock::Clock;
use super::network::Network;
use super::random::Random;
use super::trace::Trace;
use crate::ring::{
    BufferGroup, Close, Completion, InFlight, Outgoing, Pool, Received, Ring, SendId, Socket, Token,
};
use socket::{Closing, Key, Operation, Queued, Receive, Send, SimSocket, What};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// `ECANCELED` and `EMFILE`: they have no [`io::ErrorKind`].
const CANCELLED: i32 = 125;
const TOO_MANY_FILES: i32 = 24;
const CONNECTION_ABORTED: i32 = 103;

/// The longest that a delayed completion waits.
const DELAY_TURNS_MAX: usize = 6;

/// Most chunks that one receive brings, and connections that one accept brings, in a turn.
const PER_TURN_MAX: usize = 8;

/// The user of whoever connects from elsewhere than workers do.
const STRANGER: u32 = 77_777;

/// Where the host's own connects come from.
const OWN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// One world's ring.
pub(crate) struct SimRing {
    network: Rc<RefCell<Network>>,
    clock: Clock,
    random: Random,
    trace: Trace,
    client_pool: Rc<Pool>,
    upstream_pool: Rc<Pool>,
    /// All that still have something to tell. Not by number: a new one may have the number already.
    sockets: BTreeMap<Key, SimSocket>,
    next_key: u64,
    numbers: BTreeMap<i32, Key>,
    /// The kernel always gives out the lowest number, so a closed one comes back at once.
    free: BTreeSet<i32>,
    next_number: i32,
    next_send: u32,
    next_port: u16,
    turns: u64,
    #[expect(clippy::vec_box, reason = "they are handed out in their boxes")]
    spare: Vec<Box<Outgoing>>,
    /// Handed out and not come back, in flight included.
    outgoing_out: isize,
    /// A digest of all completions delivered: two runs of one seed must agree in it.
    digest: u64,
}

impl SimRing {
    /// A ring on a network, with pools as the weather says.
    pub(crate) fn new(
        network: Rc<RefCell<Network>>,
        clock: Clock,
        random: Random,
        trace: Trace,
    ) -> Self {
        let weather = network.borrow().weather.clone();
        Self {
            network,
            clock,
            random,
            trace,
            client_pool: Pool::new(weather.pool_count, weather.client_buffer_bytes),
            upstream_pool: Pool::new(weather.pool_count, weather.upstream_buffer_bytes),
            sockets: BTreeMap::new(),
            next_key: 0,
            numbers: BTreeMap::new(),
            free: BTreeSet::new(),
            // 0 to 2 are a process's standard streams.
            next_number: 3,
            next_send: 0,
            next_port: 32_768,
            turns: 0,
            spare: Vec::new(),
            outgoing_out: 0,
            digest: 0,
        }
    }

    /// A listening socket, as the control thread would pass it to a shard.
    pub(crate) fn open_listener(&mut self, address: SocketAddr) -> Socket {
        let listener = self.network.borrow_mut().listen(address);
        self.open(What::Listener(listener))
    }

    /// Sockets that are not closed yet, listeners included.
    pub(crate) fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Buffers leased out, of both pools.
    pub(crate) fn buffers_lent(&self) -> usize {
        self.client_pool.lent() + self.upstream_pool.lent()
    }

    /// Buffers that the ring's user keeps: leased out, and not on their way to it. With their number.
    pub(crate) fn buffers_kept(&self, group: BufferGroup) -> (usize, usize) {
        let on_their_way = |socket: &SimSocket| {
            let is_bytes = |queued: &&Queued| {
                matches!(
                    queued.completion,
                    Completion::Received { received: Received::Bytes(_), .. }
                )
            };
            if socket.group == Some(group) {
                socket.stream.iter().filter(is_bytes).count()
            } else {
                0
            }
        };
        let pool = self.pool(group);
        let on_their_way: usize = self.sockets.values().map(on_their_way).sum();
        (pool.lent() - on_their_way, pool.count())
    }

    /// Outgoings taken and not given back.
    pub(crate) fn outgoing_out(&self) -> isize {
        self.outgoing_out
    }

    /// Whether completions wait for a later turn, so that time should not jump ahead of them.
    pub(crate) fn has_work(&self) -> bool {
        let network = self.network.borrow();
        self.sockets.values().any(|socket| {
            if !socket.is_quiet() || socket.close.is_some() {
                return true;
            }
            match socket.what {
                What::Listener(listener) => socket
                    .accept
                    .as_ref()
                    .is_some_and(|accept| accept.cancelled || network.backlog(listener) > 0),
                What::Stream(end) => {
                    socket.receive.as_ref().is_some_and(|receive| {
                        receive.operation.cancelled || network.is_readable(end)
                    }) || socket.send.is_some() && network.is_writable(end)
                        || socket.connect.is_some() && network.connected(end).is_some()
                }
                What::Gone => true,
            }
        })
    }

    /// A digest of everything delivered so far.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// What is open, for the report of a world that does not come to rest.
    pub(crate) fn describe(&self) -> String {
        let mut lines = format!(
            "{} sockets, {} client and {} upstream buffers lent\n",
            self.sockets.len(),
            self.client_pool.lent(),
            self.upstream_pool.lent()
        );
        for socket in self.sockets.values() {
            let readable = socket.stream_end().map(|end| self.network.borrow().is_readable(end));
            let armed = [
                (socket.accept.is_some(), "accepting"),
                (socket.receive.is_some(), "receiving"),
                (socket.send.is_some(), "sending"),
                (socket.connect.is_some(), "connecting"),
                (socket.close.is_some(), "closing"),
            ];
            let armed: Vec<_> = armed.iter().filter(|(is, _)| *is).map(|(_, it)| *it).collect();
            lines += &format!(
                "  socket {} {:?} {armed:?}, readable: {readable:?}, completions under way: {}\n",
                socket.number,
                socket.what,
                socket.stream.len() + socket.others.len(),
            );
        }
        lines
    }

    fn pool(&self, group: BufferGroup) -> &Rc<Pool> {
        match group {
            BufferGroup::Client => &self.client_pool,
            BufferGroup::Upstream => &self.upstream_pool,
        }
    }

    fn open(&mut self, what: What) -> Socket {
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number - 1
        });
        self.next_key += 1;
        let key = Key(self.next_key);
        self.sockets.insert(key, SimSocket::new(number, what));
        self.numbers.insert(number, key);
        Socket(number)
    }

    fn socket(&mut self, socket: Socket, to: &str) -> &mut SimSocket {
        let key = self.numbers.get(&socket.0);
        let Some(found) = key.and_then(|key| self.sockets.get_mut(key)) else {
            panic!("{to} on {socket:?}, which is not open");
        };
        assert!(found.close.is_none(), "{to} on {socket:?}, which is closing");
        found
    }

    fn queue_stream(&mut self, key: Key, completion: Completion) {
        let mut ready = self.ready_turn();
        if let Some(socket) = self.sockets.get_mut(&key) {
            // Later ones of a stream are never ready before earlier ones.
            if let Some(last) = socket.stream.back() {
                ready = ready.max(last.ready);
            }
            socket.stream.push_back(Queued { completion, ready });
        }
    }

    fn queue_other(&mut self, key: Key, completion: Completion) {
        let ready = self.ready_turn();
        if let Some(socket) = self.sockets.get_mut(&key) {
            socket.others.push(Queued { completion, ready });
        }
    }

    fn ready_turn(&mut self) -> u64 {
        let rate = self.network.borrow().weather.completion_delay;
        let delay = if self.random.happens(rate) { self.random.skewed(DELAY_TURNS_MAX) } else { 0 };
        self.turns + delay as u64
    }

    fn own_address(&mut self) -> SocketAddr {
        self.next_port = self.next_port.checked_add(1).unwrap_or(32_768);
        SocketAddr::new(OWN_ADDRESS, self.next_port)
    }

    fn record(&mut self, completion: &Completion) {
        let (token, what) = match completion {
            Completion::Accepted { token, socket, .. } => (token, u64::from(socket.is_ok())),
            Completion::Received { token, received, .. } => match received {
                Received::Bytes(lease) => (token, 10 + lease.len() as u64),
                Received::End => (token, 2),
                Received::NoBuffers => (token, 3),
                Received::Failed(_) => (token, 4),
            },
            Completion::Connected { token, result } => (token, 5 + u64::from(result.is_ok())),
            Completion::Sent { token, result, .. } => (token, 7 + u64::from(result.is_ok())),
            Completion::Closed { token } => (token, 9),
        };
        self.digest = super::random::mix(self.digest ^ token.0.rotate_left(17) ^ what);
        self.trace.note(&self.clock, || match completion {
            Completion::Sent { token, outgoing, result } => {
                format!("  ring: Sent {token:x?} {} bytes, {result:?}", outgoing.len())
            }
            other => format!("  ring: {other:x?}"),
        });
    }
}

impl Ring for SimRing {
    fn accept(&mut self, listener: Socket, token: Token) {
        let socket = self.socket(listener, "accept");
        assert!(
            matches!(socket.what, What::Listener(_)),
            "accept on {listener:?}, which does not listen"
        );
        assert!(socket.accept.is_none(), "accept armed twice on {listener:?}");
        socket.accept = Some(Operation { token, cancelled: false });
    }

    fn cancel_accept(&mut self, token: Token) {
        for socket in self.sockets.values_mut() {
            if let Some(accept) = socket.accept.as_mut().filter(|it| it.token == token) {
                accept.cancelled = true;
            }
        }
    }

    fn receive(&mut self, socket: Socket, group: BufferGroup, token: Token) {
        self.trace.note(&self.clock, || format!("  receive {socket:?} {token:x?}"));
        let found = self.socket(socket, "receive");
        assert!(found.stream_end().is_some(), "receive on {socket:?}, which listens");
        assert!(
            !found.owes_receive(),
            "receive on {socket:?} before the last completion of the one before"
        );
        found.group = Some(group);
        found.receive = Some(Receive { operation: Operation { token, cancelled: false }, group });
    }

    fn cancel_receive(&mut self, group: BufferGroup, token: Token) {
        self.trace.note(&self.clock, || format!("  cancel_receive {token:x?}"));
        for socket in self.sockets.values_mut() {
            if let Some(receive) = socket.receive.as_mut()
                && receive.operation.token == token
                && receive.group == group
            {
                receive.operation.cancelled = true;
            }
        }
    }

    fn send(&mut self, socket: Socket, token: Token, outgoing: Box<Outgoing>) -> SendId {
        self.trace
            .note(&self.clock, || format!("  send {socket:?} {token:x?} {} bytes", outgoing.len()));
        assert!(!outgoing.is_empty(), "nothing to send on {socket:?}");
        self.next_send += 1;
        let id = SendId(self.next_send);
        let (network, turns) = (Rc::clone(&self.network), self.turns);
        let found = self.socket(socket, "send");
        assert!(found.stream_end().is_some(), "send on {socket:?}, which listens");
        let end = found.stream_end();
        let unasked = end.and_then(|end| network.borrow().unasked_from(end));
        assert!(
            unasked.is_none_or(|byte| !found.has_shown(byte, turns)),
            "a send on {socket:?}, which has brought bytes that nobody asked for: the next answer \
             could be anybody's"
        );
        assert!(!found.owes_sent(), "a second send in flight on {socket:?}");
        found.send = Some(Send { id, token, outgoing, sent: 0 });
        id
    }

    fn sent_bytes(&self, send: SendId) -> usize {
        let sends = self.sockets.values().filter_map(|socket| socket.send.as_ref());
        sends.filter(|it| it.id == send).map(|it| it.sent).sum()
    }

    fn connect(&mut self, address: SocketAddr, token: Token) -> io::Result<Socket> {
        let from = self.own_address();
        let mut network = self.network.borrow_mut();
        let weather = network.weather.clone();
        if self.random.happens(weather.connect_error) {
            network.faults += 1;
            return Err(io::Error::from_raw_os_error(TOO_MANY_FILES));
        }
        let end = if self.random.happens(weather.connect_refused) {
            network.connect_refused(from, address)
        } else if self.random.happens(weather.connect_lost) {
            network.connect_into_the_void(from, address)
        } else if self.random.happens(weather.connect_slow) {
            let detour = Duration::from_millis(self.random.skewed(8000) as u64);
            network.connect_slowly(from, address, detour)
        } else {
            network.connect(from, address)
        };
        drop(network);
        let socket = self.open(What::Stream(end));
        self.trace
            .note(&self.clock, || format!("  connect {socket:?} {token:x?} to {address}, {end:?}"));
        self.socket(socket, "connect").connect = Some(token);
        Ok(socket)
    }

    fn shut_down_sending(&mut self, socket: Socket) {
        self.trace.note(&self.clock, || format!("  shut_down_sending {socket:?}"));
        let found = self.socket(socket, "shut_down_sending");
        assert!(found.send.is_none(), "shut_down_sending on {socket:?} with a send in flight");
        if let Some(end) = found.stream_end() {
            self.network.borrow_mut().finish(end);
        }
    }

    fn close(
        &mut self,
        socket: Socket,
        token: Token,
        group: BufferGroup,
        in_flight: InFlight,
        how: Close,
    ) {
        self.trace
            .note(&self.clock, || format!("  close {socket:?} {token:x?} {how:?} {in_flight:?}"));
        let turns = self.turns;
        let found = self.socket(socket, "close");
        assert!(
            found.accept.as_ref().is_none_or(|accept| accept.cancelled),
            "close of {socket:?}, which accepts: cancel_accept comes first"
        );
        let armed = [
            found.receive.as_ref().map(|it| it.operation.token),
            found.accept.as_ref().map(|accept| accept.token),
            found.send.as_ref().map(|send| send.token),
            found.connect,
        ];
        assert!(
            armed.into_iter().flatten().all(|it| it == token),
            "close of {socket:?} with another token than its operations"
        );
        assert!(
            found.receive.as_ref().is_none_or(|it| it.group == group),
            "close of {socket:?} with another buffer group than its receive"
        );
        // What is not said to be in flight is not cancelled by the kernel, and holds the file open.
        let said = [in_flight.receive, in_flight.send.is_some(), in_flight.connect];
        let known = found.in_flight(turns);
        assert!(
            said.iter()
                .zip(&known)
                .all(|(said, (owed, believable))| { (*said || !owed) && (!said || *believable) }),
            "close of {socket:?} says that (receive, send, connect) are in flight: {said:?}; \
             they are, and may be believed to be: {known:?}"
        );
        if let (Some(send), Some(said)) = (&found.send, in_flight.send) {
            assert_eq!(send.id, said, "close of {socket:?} names its send");
        }
        found.close = Some(Closing { token, how });
    }

    fn has_buffers(&self, group: BufferGroup) -> bool {
        let pool = self.pool(group);
        pool.lent() < pool.count()
    }

    fn peer_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        let end = self.sockets.get(self.numbers.get(&socket.0)?)?.stream_end()?;
        Some(self.network.borrow().address(end.other()))
    }

    fn local_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        let end = self.sockets.get(self.numbers.get(&socket.0)?)?.stream_end()?;
        Some(self.network.borrow().address(end))
    }

    fn peer_user(&mut self, socket: Socket) -> Option<u32> {
        // A stranger is who does not come from where everybody else does.
        let is_own = self.peer_address(socket)?.ip() == Ipv4Addr::LOCALHOST;
        Some(if is_own { rustix::process::geteuid().as_raw() } else { STRANGER })
    }

    fn outgoing(&mut self) -> Box<Outgoing> {
        self.outgoing_out += 1;
        self.spare.pop().unwrap_or_default()
    }

    fn recycle(&mut self, mut outgoing: Box<Outgoing>) {
        self.outgoing_out -= 1;
        outgoing.clear(usize::MAX);
        self.spare.push(outgoing);
    }

    fn turn(&mut self, completions: &mut Vec<Completion>) {
        self.turns += 1;
        self.network.borrow_mut().advance();
        let mut keys: Vec<Key> = self.sockets.keys().copied().collect();
        self.random.shuffle(&mut keys);
        for key in &keys {
            self.progress(*key);
        }
        // One of each socket at a time, so that the sockets' completions interleave.
        loop {
            let before = completions.len();
            for key in &keys {
                let coin = self.random.below(2) == 0;
                let Some(socket) = self.sockets.get_mut(key) else {
                    continue;
                };
                let Some(completion) = socket.take_ready(self.turns, coin) else {
                    continue;
                };
                if socket.is_over() {
                    self.sockets.remove(key);
                }
                self.record(&completion);
                completions.push(completion);
            }
            if completions.len() == before {
                return;
            }
        }
    }
}
