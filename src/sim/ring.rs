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

use super::clock::Clock;
use super::network::{End, Listener, Network, Read};
use super::random::Random;
use super::trace::Trace;
use crate::ring::{BufferGroup, Close, Completion, Outgoing, Pool, Received, Ring, Socket, Token};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    sockets: BTreeMap<i32, SimSocket>,
    /// The kernel always gives out the lowest number, so a closed one comes back at once.
    free: BTreeSet<i32>,
    next_number: i32,
    next_port: u16,
    turns: u64,
    spare: Vec<Box<Outgoing>>,
    /// Handed out and not come back, in flight included.
    outgoing_out: isize,
    /// A digest of all completions delivered: two runs of one seed must agree in it.
    digest: u64,
}

#[derive(Debug)]
struct SimSocket {
    what: What,
    accept: Option<Operation>,
    receive: Option<Receive>,
    send: Option<Send>,
    connect: Option<Token>,
    close: Option<Closing>,
    /// Completions of the receive or the accept: in order.
    stream: VecDeque<Queued>,
    /// Completions of the send and the connect: in any order.
    others: Vec<Queued>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Listener(Listener),
    Stream(End),
    /// Closed in the network; the last completions are on their way.
    Gone,
}

#[derive(Debug)]
struct Operation {
    token: Token,
    cancelled: bool,
}

#[derive(Debug)]
struct Receive {
    operation: Operation,
    group: BufferGroup,
}

#[derive(Debug)]
struct Send {
    token: Token,
    outgoing: Box<Outgoing>,
    sent: usize,
}

#[derive(Debug)]
struct Closing {
    token: Token,
    how: Close,
}

#[derive(Debug)]
struct Queued {
    completion: Completion,
    /// The turn from which it may be delivered.
    ready: u64,
}

impl SimSocket {
    fn new(what: What) -> Self {
        Self {
            what,
            accept: None,
            receive: None,
            send: None,
            connect: None,
            close: None,
            stream: VecDeque::new(),
            others: Vec::new(),
        }
    }

    fn is_quiet(&self) -> bool {
        self.stream.is_empty() && self.others.is_empty()
    }

    fn stream_end(&self) -> Option<End> {
        match self.what {
            What::Stream(end) => Some(end),
            What::Listener(_) | What::Gone => None,
        }
    }
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
            free: BTreeSet::new(),
            // 0 to 2 are a process's standard streams.
            next_number: 3,
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
        for (number, socket) in &self.sockets {
            let unread = socket
                .stream_end()
                .map(|end| self.network.borrow().is_readable(end));
            lines += &format!(
                "  socket {number}: {:?}{}{}{}{}{} readable {unread:?}, {} + {} completions under way\n",
                socket.what,
                if socket.accept.is_some() {
                    " accepting"
                } else {
                    ""
                },
                if socket.receive.is_some() {
                    " receiving"
                } else {
                    ""
                },
                if socket.send.is_some() {
                    " sending"
                } else {
                    ""
                },
                if socket.connect.is_some() {
                    " connecting"
                } else {
                    ""
                },
                if socket.close.is_some() {
                    " closing"
                } else {
                    ""
                },
                socket.stream.len(),
                socket.others.len(),
            );
        }
        lines
    }

    fn open(&mut self, what: What) -> Socket {
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number - 1
        });
        self.sockets.insert(number, SimSocket::new(what));
        Socket(number)
    }

    fn socket(&mut self, socket: Socket, to: &str) -> &mut SimSocket {
        let Some(found) = self.sockets.get_mut(&socket.0) else {
            panic!("{to} on {socket:?}, which is not open");
        };
        assert!(
            found.close.is_none(),
            "{to} on {socket:?}, which is closing"
        );
        found
    }

    fn queue_stream(&mut self, number: i32, completion: Completion) {
        let mut ready = self.ready_turn();
        if let Some(socket) = self.sockets.get_mut(&number) {
            // Later ones of a stream are never ready before earlier ones.
            if let Some(last) = socket.stream.back() {
                ready = ready.max(last.ready);
            }
            socket.stream.push_back(Queued { completion, ready });
        }
    }

    fn queue_other(&mut self, number: i32, completion: Completion) {
        let ready = self.ready_turn();
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.others.push(Queued { completion, ready });
        }
    }

    fn ready_turn(&mut self) -> u64 {
        let rate = self.network.borrow().weather.completion_delay;
        let delay = if self.random.happens(rate) {
            self.random.skewed(DELAY_TURNS_MAX)
        } else {
            0
        };
        self.turns + delay as u64
    }

    fn own_address(&mut self) -> SocketAddr {
        self.next_port = self.next_port.checked_add(1).unwrap_or(32_768);
        SocketAddr::new(OWN_ADDRESS, self.next_port)
    }

    // Progress: what the kernel would do between two turns.

    fn progress(&mut self, number: i32) {
        let Some(socket) = self.sockets.get(&number) else {
            return;
        };
        match socket.what {
            What::Listener(listener) => self.progress_accept(number, listener),
            What::Stream(end) => {
                // Both orders happen: the send before the receive and after it.
                if self.random.below(2) == 0 {
                    self.progress_send(number, end);
                    self.progress_receive(number, end);
                } else {
                    self.progress_receive(number, end);
                    self.progress_send(number, end);
                }
                self.progress_connect(number, end);
            }
            What::Gone => {}
        }
        self.progress_close(number);
    }

    fn progress_accept(&mut self, number: i32, listener: Listener) {
        for _ in 0..PER_TURN_MAX {
            let Some(operation) = self.sockets.get(&number).and_then(|it| it.accept.as_ref())
            else {
                return;
            };
            let (token, cancelled) = (operation.token, operation.cancelled);
            let weather = self.network.borrow().weather.clone();
            if cancelled && !self.random.happens(weather.cancel_delay) {
                self.end_accept(number, token, io::Error::from_raw_os_error(CANCELLED));
                return;
            }
            if self.network.borrow().backlog(listener) == 0 {
                return;
            }
            if self.random.happens(weather.accept_error) {
                let error = *self.random.pick(&[TOO_MANY_FILES, CONNECTION_ABORTED]);
                if error == CONNECTION_ABORTED {
                    let end = self.network.borrow_mut().accept(listener);
                    if let Some(end) = end {
                        self.network.borrow_mut().faults += 1;
                        self.network.borrow_mut().close(end, Close::Abort);
                    }
                }
                self.end_accept(number, token, io::Error::from_raw_os_error(error));
                return;
            }
            let accepted = self.network.borrow_mut().accept(listener);
            let Some(end) = accepted else { return };
            let socket = self.open(What::Stream(end));
            let more = !self.random.happens(weather.multishot_end);
            self.queue_stream(
                number,
                Completion::Accepted {
                    token,
                    socket: Ok(socket),
                    more,
                },
            );
            if !more {
                self.set_accept(number, None);
            }
        }
    }

    fn end_accept(&mut self, number: i32, token: Token, error: io::Error) {
        self.set_accept(number, None);
        self.queue_stream(
            number,
            Completion::Accepted {
                token,
                socket: Err(error),
                more: false,
            },
        );
    }

    fn set_accept(&mut self, number: i32, accept: Option<Operation>) {
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.accept = accept;
        }
    }

    fn progress_receive(&mut self, number: i32, end: End) {
        for _ in 0..PER_TURN_MAX {
            let Some(receive) = self.sockets.get(&number).and_then(|it| it.receive.as_ref()) else {
                return;
            };
            let (token, group) = (receive.operation.token, receive.group);
            let cancelled = receive.operation.cancelled;
            let weather = self.network.borrow().weather.clone();
            if cancelled && !self.random.happens(weather.cancel_delay) {
                let error = io::Error::from_raw_os_error(CANCELLED);
                self.queue_received(number, token, Received::Failed(error), false);
                return;
            }
            if !self.network.borrow().is_readable(end) {
                return;
            }
            let pool = match group {
                BufferGroup::Client => Rc::clone(&self.client_pool),
                BufferGroup::Upstream => Rc::clone(&self.upstream_pool),
            };
            if pool.lent() == pool.count() || self.random.happens(weather.no_buffers) {
                self.queue_received(number, token, Received::NoBuffers, false);
                return;
            }
            let bytes_max = if self.random.happens(weather.receive_cut) {
                self.random.skewed(pool.buffer_bytes())
            } else {
                pool.buffer_bytes()
            };
            let read = self.network.borrow_mut().read(end, bytes_max);
            match read {
                Ok(Read::Nothing) => return,
                Ok(Read::End) => {
                    self.queue_received(number, token, Received::End, false);
                    return;
                }
                Err(error) => {
                    self.queue_received(number, token, Received::Failed(error), false);
                    return;
                }
                Ok(Read::Bytes(bytes)) => {
                    let more = !self.random.happens(weather.multishot_end);
                    let lease = pool
                        .lend_copy(&bytes)
                        .expect("fewer are lent than there are");
                    self.queue_received(number, token, Received::Bytes(lease), more);
                    if !more {
                        return;
                    }
                    // Coalescing: sometimes what is there waits for more to arrive.
                    if self.random.happens(weather.receive_cut) {
                        return;
                    }
                }
            }
        }
    }

    fn queue_received(&mut self, number: i32, token: Token, received: Received, more: bool) {
        if !more && let Some(socket) = self.sockets.get_mut(&number) {
            socket.receive = None;
        }
        self.queue_stream(
            number,
            Completion::Received {
                token,
                received,
                more,
            },
        );
    }

    fn progress_send(&mut self, number: i32, end: End) {
        let Some(mut send) = self.sockets.get_mut(&number).and_then(|it| it.send.take()) else {
            return;
        };
        let rate = self.network.borrow().weather.send_cut;
        let mut result = Ok(());
        for _ in 0..PER_TURN_MAX {
            let left = send.outgoing.len() - send.sent;
            if left == 0 {
                break;
            }
            let cut = self.random.happens(rate);
            // No window is larger; a copy of everything that is left would cost more than the rest.
            let left = left.min(1 << 16);
            let bytes_max = if cut { self.random.skewed(left) } else { left };
            let bytes = bytes_after(&send.outgoing, send.sent, bytes_max);
            match self.network.borrow_mut().write(end, &bytes) {
                Ok(0) => break,
                Ok(taken) => send.sent += taken,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            if cut {
                break;
            }
        }
        if result.is_ok() && send.sent < send.outgoing.len() {
            if let Some(socket) = self.sockets.get_mut(&number) {
                socket.send = Some(send);
            }
            return;
        }
        self.queue_other(
            number,
            Completion::Sent {
                token: send.token,
                outgoing: send.outgoing,
                result,
            },
        );
    }

    fn progress_connect(&mut self, number: i32, end: End) {
        let Some(token) = self.sockets.get(&number).and_then(|it| it.connect) else {
            return;
        };
        let outcome = self.network.borrow().connected(end);
        if let Some(result) = outcome {
            if let Some(socket) = self.sockets.get_mut(&number) {
                socket.connect = None;
            }
            self.queue_other(number, Completion::Connected { token, result });
        }
    }

    fn progress_close(&mut self, number: i32) {
        let rate = self.network.borrow().weather.cancel_delay;
        if self.random.happens(rate) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&number) else {
            return;
        };
        let Some(Closing { how, .. }) = socket.close else {
            return;
        };
        let what = std::mem::replace(&mut socket.what, What::Gone);
        let cancelled = || io::Error::from_raw_os_error(CANCELLED);
        let (accept, receive) = (socket.accept.take(), socket.receive.take());
        let (send, connect) = (socket.send.take(), socket.connect.take());
        if let Some(Operation { token, .. }) = accept {
            self.end_accept(number, token, cancelled());
        }
        if let Some(Receive { operation, .. }) = receive {
            let failed = Received::Failed(cancelled());
            self.queue_received(number, operation.token, failed, false);
        }
        if let Some(Send {
            token, outgoing, ..
        }) = send
        {
            self.queue_other(
                number,
                Completion::Sent {
                    token,
                    outgoing,
                    result: Err(cancelled()),
                },
            );
        }
        if let Some(token) = connect {
            let result = Err(cancelled());
            self.queue_other(number, Completion::Connected { token, result });
        }
        match what {
            What::Stream(end) => self.network.borrow_mut().close(end, how),
            What::Listener(listener) => self.network.borrow_mut().stop_listening(listener),
            What::Gone => {}
        }
    }

    // Delivery.

    /// Takes one completion of a socket that may be delivered now.
    fn deliver(&mut self, number: i32) -> Option<Completion> {
        let turns = self.turns;
        let socket = self.sockets.get_mut(&number)?;
        let stream_ready = socket.stream.front().is_some_and(|it| it.ready <= turns);
        let other_ready = socket.others.iter().position(|it| it.ready <= turns);
        let stream_first = self.random.below(2) == 0;
        match (stream_ready, other_ready) {
            (true, other) if stream_first || other.is_none() => {
                socket.stream.pop_front().map(|queued| queued.completion)
            }
            (_, Some(index)) => Some(socket.others.swap_remove(index).completion),
            (_, None) => {
                // `Closed` is the last of all.
                if !matches!(socket.what, What::Gone) || !socket.is_quiet() {
                    return None;
                }
                let token = socket.close.as_ref()?.token;
                self.sockets.remove(&number);
                self.free.insert(number);
                Some(Completion::Closed { token })
            }
        }
    }

    fn record(&mut self, completion: &Completion) {
        let (token, what) = match completion {
            Completion::Accepted { token, socket, .. } => (token, socket.is_ok() as u64),
            Completion::Received {
                token, received, ..
            } => match received {
                Received::Bytes(lease) => (token, 10 + lease.len() as u64),
                Received::End => (token, 2),
                Received::NoBuffers => (token, 3),
                Received::Failed(_) => (token, 4),
            },
            Completion::Connected { token, result } => (token, 5 + result.is_ok() as u64),
            Completion::Sent { token, result, .. } => (token, 7 + result.is_ok() as u64),
            Completion::Closed { token } => (token, 9),
        };
        self.digest = super::random::mix(self.digest ^ token.0.rotate_left(17) ^ what);
        self.trace
            .note(&self.clock, || format!("  ring: {completion:?}"));
    }
}

/// A copy of up to `bytes_max` bytes after the first `sent`.
fn bytes_after(outgoing: &Outgoing, sent: usize, bytes_max: usize) -> Vec<u8> {
    let mut skip = sent;
    let mut bytes = Vec::new();
    for slice in outgoing.slices() {
        let skipped = skip.min(slice.len());
        skip -= skipped;
        let rest = &slice[skipped..];
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&rest[..room.min(rest.len())]);
    }
    bytes
}

impl Ring for SimRing {
    fn accept(&mut self, listener: Socket, token: Token) {
        let socket = self.socket(listener, "accept");
        assert!(
            matches!(socket.what, What::Listener(_)),
            "accept on {listener:?}, which does not listen"
        );
        assert!(
            socket.accept.is_none(),
            "accept armed twice on {listener:?}"
        );
        socket.accept = Some(Operation {
            token,
            cancelled: false,
        });
    }

    fn cancel_accept(&mut self, token: Token) {
        for socket in self.sockets.values_mut() {
            if let Some(accept) = socket.accept.as_mut().filter(|it| it.token == token) {
                accept.cancelled = true;
            }
        }
    }

    fn receive(&mut self, socket: Socket, group: BufferGroup, token: Token) {
        self.trace
            .note(&self.clock, || format!("  receive {socket:?} {token:?}"));
        let found = self.socket(socket, "receive");
        assert!(
            found.stream_end().is_some(),
            "receive on {socket:?}, which listens"
        );
        assert!(found.receive.is_none(), "receive armed twice on {socket:?}");
        let last_is_under_way = found
            .stream
            .iter()
            .any(|queued| matches!(&queued.completion, Completion::Received { more, .. } if !more));
        assert!(
            !last_is_under_way,
            "receive on {socket:?} before the last completion of the one before"
        );
        found.receive = Some(Receive {
            operation: Operation {
                token,
                cancelled: false,
            },
            group,
        });
    }

    fn cancel_receive(&mut self, token: Token) {
        self.trace
            .note(&self.clock, || format!("  cancel_receive {token:?}"));
        for socket in self.sockets.values_mut() {
            if let Some(receive) = socket.receive.as_mut()
                && receive.operation.token == token
            {
                receive.operation.cancelled = true;
            }
        }
    }

    fn send(&mut self, socket: Socket, token: Token, outgoing: Box<Outgoing>) {
        self.trace.note(&self.clock, || {
            format!("  send {socket:?} {token:?} {} bytes", outgoing.len())
        });
        assert!(!outgoing.is_empty(), "nothing to send on {socket:?}");
        let found = self.socket(socket, "send");
        assert!(
            found.stream_end().is_some(),
            "send on {socket:?}, which listens"
        );
        let in_flight = found.send.is_some()
            || found
                .others
                .iter()
                .any(|queued| matches!(queued.completion, Completion::Sent { .. }));
        assert!(!in_flight, "a second send in flight on {socket:?}");
        found.send = Some(Send {
            token,
            outgoing,
            sent: 0,
        });
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
        self.trace.note(&self.clock, || {
            format!("  connect {socket:?} {token:?} to {address}, {end:?}")
        });
        self.socket(socket, "connect").connect = Some(token);
        Ok(socket)
    }

    fn shut_down_sending(&mut self, socket: Socket) {
        self.trace
            .note(&self.clock, || format!("  shut_down_sending {socket:?}"));
        let found = self.socket(socket, "shut_down_sending");
        assert!(
            found.send.is_none(),
            "shut_down_sending on {socket:?} with a send in flight"
        );
        if let Some(end) = found.stream_end() {
            self.network.borrow_mut().finish(end);
        }
    }

    fn close(&mut self, socket: Socket, token: Token, how: Close) {
        self.trace.note(&self.clock, || {
            format!("  close {socket:?} {token:?} {how:?}")
        });
        let found = self.socket(socket, "close");
        let armed = [
            found
                .receive
                .as_ref()
                .map(|receive| receive.operation.token),
            found.accept.as_ref().map(|accept| accept.token),
            found.send.as_ref().map(|send| send.token),
            found.connect,
        ];
        assert!(
            armed.into_iter().flatten().all(|it| it == token),
            "close of {socket:?} with another token than its operations"
        );
        found.close = Some(Closing { token, how });
    }

    fn peer_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        let end = self.sockets.get(&socket.0)?.stream_end()?;
        Some(self.network.borrow().address(end.other()))
    }

    fn local_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        let end = self.sockets.get(&socket.0)?.stream_end()?;
        Some(self.network.borrow().address(end))
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
        let mut numbers: Vec<i32> = self.sockets.keys().copied().collect();
        self.random.shuffle(&mut numbers);
        for number in &numbers {
            self.progress(*number);
        }
        // One of each socket at a time, so that the sockets' completions interleave.
        loop {
            let before = completions.len();
            for number in &numbers {
                if let Some(completion) = self.deliver(*number) {
                    self.record(&completion);
                    completions.push(completion);
                }
            }
            if completions.len() == before {
                return;
            }
        }
    }
}
