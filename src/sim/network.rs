//! Simulated TCP: byte streams between two ends, with windows, latency, FIN and RST.
//!
//! One world has one network. Peers use it directly, the shard through `SimRing`. It knows nothing of
//! operations, completions or HTTP. What it models because it has bitten gateways: a full window stops
//! the writer; closing with unread input sends RST instead of FIN (TCP's rule), and an RST may cost
//! the other side bytes that it had not read yet; bytes to a closed end are answered with RST; a
//! connect may be refused, lost or slow.

use super::clock::Clock;
use super::random::Random;
use super::trace::Trace;
use super::weather::Weather;
use crate::ring::Close;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// One end of a connection. Never reused within a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End(usize);

impl End {
    /// The end at the other side.
    pub(crate) fn other(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// Somebody who accepts connections at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Listener(usize);

/// What reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// The other side sent FIN and everything before it was read.
    End,
}

/// What is on its way to an end.
#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

/// How far the three-way handshake is, from the connecting end's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    UnderWay,
    Established,
    Refused,
}

/// What this end may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Open,
    /// FIN sent.
    Finished,
}

/// What the owner of an end has done with it, or what the network did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Open,
    /// RST arrived. The error is reported once per direction, then reads end and writes break.
    Reset {
        read_told: bool,
        write_told: bool,
    },
    /// The owner closed it. What arrives now is answered with RST.
    Closed,
}

#[derive(Debug)]
struct Side {
    address: SocketAddr,
    handshake: Handshake,
    sending: Sending,
    life: Life,
    /// On their way to this side, in the order of arrival.
    incoming: VecDeque<(Instant, Segment)>,
    incoming_bytes: usize,
    /// Arrived and unread.
    unread: VecDeque<u8>,
    /// FIN arrived behind `unread`.
    finished: bool,
    window_bytes: usize,
    /// Bytes ever written towards this side.
    written_bytes: u64,
    /// From this byte on, counted from the first, nobody asked for what comes.
    unasked_from: Option<u64>,
    latency: Duration,
    /// Whether the network reset it, which excuses whatever comes of it.
    tampered: bool,
}

impl Side {
    fn room(&self) -> usize {
        self.window_bytes.saturating_sub(self.incoming_bytes + self.unread.len())
    }
}

#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    open: bool,
    backlog: VecDeque<End>,
}

/// Something that happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A segment reaches this end.
    Arrival(End),
    /// The SYN of this (connecting) end reaches the listener's host.
    Syn(End),
    /// The connecting end learns the outcome.
    SynAnswered(End, bool),
}

/// All connections of a world.
#[derive(Debug)]
pub(crate) struct Network {
    /// Rates of faults. The world changes them when the faults stop.
    pub(crate) weather: Weather,
    clock: Clock,
    random: Random,
    trace: Trace,
    sides: Vec<Side>,
    listeners: Vec<Listening>,
    by_address: BTreeMap<SocketAddr, Listener>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    /// Breaks ties of the heap: first scheduled, first happening.
    scheduled: u64,
    /// Faults that cannot be pinned to one request: resets, refused and lost connects.
    pub(crate) faults: u64,
}

impl Network {
    /// A network without connections.
    pub(crate) fn new(weather: Weather, clock: Clock, random: Random, trace: Trace) -> Self {
        Self {
            weather,
            clock,
            random,
            trace,
            sides: Vec::new(),
            listeners: Vec::new(),
            by_address: BTreeMap::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
            faults: 0,
        }
    }

    /// When something happens next.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.events.peek().map(|Reverse((at, ..))| *at)
    }

    /// Lets everything happen that is due. Says whether there was anything.
    pub(crate) fn advance(&mut self) -> bool {
        let now = self.clock.now();
        let mut happened = false;
        while let Some(Reverse((at, _, event))) = self.events.peek().copied() {
            if at > now {
                break;
            }
            self.events.pop();
            happened = true;
            match event {
                Event::Arrival(end) => self.arrive(end),
                Event::Syn(end) => self.syn(end),
                Event::SynAnswered(end, accepted) => {
                    let side = &mut self.sides[end.0];
                    side.handshake =
                        if accepted { Handshake::Established } else { Handshake::Refused };
                }
            }
        }
        happened
    }

    /// Connections of which an end is not closed yet, without those that nobody accepted.
    pub(crate) fn open_ends(&self) -> usize {
        self.sides.iter().filter(|side| side.life != Life::Closed).count()
    }

    // Listening and connecting.

    /// Begins to accept at an address.
    pub(crate) fn listen(&mut self, address: SocketAddr) -> Listener {
        let listener = Listener(self.listeners.len());
        self.listeners.push(Listening { address, open: true, backlog: VecDeque::new() });
        let before = self.by_address.insert(address, listener);
        assert!(before.is_none(), "{address} has one listener at a time");
        listener
    }

    /// Stops listening; connections that nobody accepted are reset.
    pub(crate) fn stop_listening(&mut self, listener: Listener) {
        let listening = &mut self.listeners[listener.0];
        listening.open = false;
        let address = listening.address;
        let backlog = std::mem::take(&mut listening.backlog);
        self.by_address.remove(&address);
        for end in backlog {
            // Nobody can help it: it arrived when the last accept was over.
            self.sides[end.0].tampered = true;
            self.close(end, Close::Abort);
        }
    }

    /// Takes one connection that has arrived.
    pub(crate) fn accept(&mut self, listener: Listener) -> Option<End> {
        self.listeners[listener.0].backlog.pop_front()
    }

    /// Resets a connection that waits to be accepted: what `ECONNABORTED` tells.
    pub(crate) fn abort_unaccepted(&mut self, listener: Listener) {
        if let Some(end) = self.accept(listener) {
            self.faults += 1;
            self.sides[end.0].tampered = true;
            self.close(end, Close::Abort);
        }
    }

    /// How many connections wait to be accepted.
    pub(crate) fn backlog(&self, listener: Listener) -> usize {
        self.listeners[listener.0].backlog.len()
    }

    /// Begins a connection. [`Network::connected`] tells the outcome.
    pub(crate) fn connect(&mut self, from: SocketAddr, to: SocketAddr) -> End {
        let end = End(self.sides.len());
        let latency_max = self.weather.latency_max.as_micros() as usize;
        let latency = Duration::from_micros(self.random.between(1, latency_max.max(1)) as u64);
        for (address, handshake) in [(from, Handshake::UnderWay), (to, Handshake::Established)] {
            let window_bytes = self
                .random
                .skewed(self.weather.window_bytes_max)
                .max(self.weather.window_bytes_min);
            self.sides.push(Side {
                address,
                handshake,
                sending: Sending::Open,
                life: Life::Open,
                incoming: VecDeque::new(),
                incoming_bytes: 0,
                unread: VecDeque::new(),
                finished: false,
                window_bytes,
                written_bytes: 0,
                unasked_from: None,
                latency,
                tampered: false,
            });
        }
        // The accepting end exists, for the network, only once its SYN has arrived.
        self.sides[end.other().0].life = Life::Closed;
        self.schedule(latency, Event::Syn(end));
        end
    }

    /// Begins a connection that nobody will ever answer.
    pub(crate) fn connect_into_the_void(&mut self, from: SocketAddr, to: SocketAddr) -> End {
        let end = self.connect(from, to);
        self.faults += 1;
        self.events.retain(|Reverse((_, _, event))| *event != Event::Syn(end));
        end
    }

    /// Begins a connection that will be refused.
    pub(crate) fn connect_refused(&mut self, from: SocketAddr, to: SocketAddr) -> End {
        let end = self.connect_into_the_void(from, to);
        let latency = self.sides[end.0].latency;
        self.schedule(latency * 2, Event::SynAnswered(end, false));
        end
    }

    /// Begins a connection whose SYN takes a detour.
    pub(crate) fn connect_slowly(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        detour: Duration,
    ) -> End {
        let end = self.connect_into_the_void(from, to);
        self.schedule(detour, Event::Syn(end));
        end
    }

    /// The outcome of a connect, once there is one.
    pub(crate) fn connected(&self, end: End) -> Option<io::Result<()>> {
        match self.sides[end.0].handshake {
            Handshake::UnderWay => None,
            Handshake::Established => Some(Ok(())),
            Handshake::Refused => Some(Err(ErrorKind::ConnectionRefused.into())),
        }
    }

    /// The address of an end itself.
    pub(crate) fn address(&self, end: End) -> SocketAddr {
        self.sides[end.0].address
    }

    fn syn(&mut self, end: End) {
        let (latency, to) = (self.sides[end.0].latency, self.sides[end.other().0].address);
        if self.sides[end.0].life == Life::Closed {
            // The connecting side gave up before its SYN arrived: nobody hears of it.
            return;
        }
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, to.port()));
        let listener = self.by_address.get(&to).or_else(|| self.by_address.get(&any));
        let Some(listener) = listener.copied() else {
            self.faults += 1;
            self.schedule(latency, Event::SynAnswered(end, false));
            return;
        };
        self.sides[end.other().0].life = Life::Open;
        self.listeners[listener.0].backlog.push_back(end.other());
        self.schedule(latency, Event::SynAnswered(end, true));
    }

    // Bytes.

    /// Writes as much as the other side's window takes; `Ok(0)` when it takes nothing now.
    pub(crate) fn write(&mut self, end: End, bytes: &[u8]) -> io::Result<usize> {
        let side = &mut self.sides[end.0];
        assert!(side.life != Life::Closed, "{end:?} is closed");
        if let Life::Reset { write_told, .. } = &mut side.life {
            // Linux reports ECONNRESET to the first call, EPIPE to the following.
            let kind = if std::mem::replace(write_told, true) {
                ErrorKind::BrokenPipe
            } else {
                ErrorKind::ConnectionReset
            };
            return Err(kind.into());
        }
        if side.sending == Sending::Finished {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if side.handshake != Handshake::Established {
            return Err(ErrorKind::NotConnected.into());
        }
        let taken = self.sides[end.other().0].room().min(bytes.len());
        if taken == 0 {
            return Ok(0);
        }
        if self.random.happens(self.weather.reset) {
            self.tamper(end);
            return Err(ErrorKind::ConnectionReset.into());
        }
        self.sides[end.other().0].written_bytes += taken as u64;
        self.push(end.other(), Segment::Bytes(bytes[..taken].to_vec()));
        Ok(taken)
    }

    /// Whether a write would be taken or refused at once, that is, not have to wait.
    pub(crate) fn is_writable(&self, end: End) -> bool {
        let side = &self.sides[end.0];
        matches!(side.life, Life::Reset { .. }) || self.sides[end.other().0].room() > 0
    }

    /// Whether a read would bring something.
    pub(crate) fn is_readable(&self, end: End) -> bool {
        let side = &self.sides[end.0];
        !side.unread.is_empty() || side.finished || matches!(side.life, Life::Reset { .. })
    }

    /// Reads up to `bytes_max` bytes.
    pub(crate) fn read(&mut self, end: End, bytes_max: usize) -> io::Result<Read> {
        let side = &mut self.sides[end.0];
        assert!(side.life != Life::Closed, "{end:?} is closed");
        if !side.unread.is_empty() {
            let count = side.unread.len().min(bytes_max);
            return Ok(Read::Bytes(side.unread.drain(..count).collect()));
        }
        if let Life::Reset { read_told, .. } = &mut side.life {
            if std::mem::replace(read_told, true) {
                return Ok(Read::End);
            }
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(if side.finished { Read::End } else { Read::Nothing })
    }

    /// Sends FIN behind what was written.
    pub(crate) fn finish(&mut self, end: End) {
        let side = &mut self.sides[end.0];
        if side.life == Life::Open && side.sending == Sending::Open {
            side.sending = Sending::Finished;
            self.push(end.other(), Segment::Fin);
        }
    }

    /// Closes an end for good.
    pub(crate) fn close(&mut self, end: End, how: Close) {
        let side = &mut self.sides[end.0];
        assert!(side.life != Life::Closed, "{end:?} is closed once");
        let was_open = side.life == Life::Open && side.handshake == Handshake::Established;
        let unread = !side.unread.is_empty();
        side.life = Life::Closed;
        side.unread.clear();
        if !was_open {
            if side.handshake == Handshake::UnderWay {
                side.handshake = Handshake::Refused;
                // The other side may have accepted already; it learns that nobody is there.
                if self.sides[end.other().0].life == Life::Open {
                    self.push(end.other(), Segment::Reset);
                }
            }
            return;
        }
        if how == Close::Abort || unread {
            self.lose_what_is_under_way(end.other());
            self.push(end.other(), Segment::Reset);
        } else if self.sides[end.0].sending == Sending::Open {
            self.push(end.other(), Segment::Fin);
        }
    }

    /// What this end writes after so many more bytes is nothing that the other side asked for.
    pub(crate) fn will_write_unasked(&mut self, end: End, after: usize) {
        let side = &mut self.sides[end.other().0];
        side.unasked_from = Some(side.written_bytes + after as u64);
    }

    /// From which byte on this end reads what nobody asked for.
    pub(crate) fn unasked_from(&self, end: End) -> Option<u64> {
        self.sides[end.0].unasked_from
    }

    /// Whether the network reset this connection: an excuse for whatever was on it.
    pub(crate) fn tampered(&self, end: End) -> bool {
        self.sides[end.0].tampered || self.sides[end.other().0].tampered
    }

    /// Something in the middle resets the connection: both ends learn of it, at their own time.
    fn tamper(&mut self, end: End) {
        self.trace.note(&self.clock, || format!("network resets {end:?}"));
        self.faults += 1;
        self.sides[end.0].tampered = true;
        self.lose_what_is_under_way(end.other());
        self.push(end.other(), Segment::Reset);
        self.reset(end);
    }

    /// What a closing side had written but not yet put on the wire is lost.
    fn lose_what_is_under_way(&mut self, to: End) {
        let keep = self.random.between(0, self.sides[to.0].incoming.len());
        let side = &mut self.sides[to.0];
        for (_, segment) in side.incoming.drain(keep..) {
            if let Segment::Bytes(bytes) = segment {
                side.incoming_bytes -= bytes.len();
            }
        }
    }

    fn push(&mut self, to: End, segment: Segment) {
        let side = &mut self.sides[to.0];
        if let Segment::Bytes(bytes) = &segment {
            side.incoming_bytes += bytes.len();
        }
        // Bytes of one stream never overtake each other, however much the latency varies.
        let jitter = Duration::from_micros(
            self.random.below(1 + side.latency.as_micros() as usize / 2) as u64,
        );
        let arrival = self.clock.now() + side.latency + jitter;
        let arrival = side.incoming.back().map_or(arrival, |(last, _)| arrival.max(*last));
        side.incoming.push_back((arrival, segment));
        self.schedule_at(arrival, Event::Arrival(to));
    }

    fn arrive(&mut self, end: End) {
        let now = self.clock.now();
        while let Some((at, _)) = self.sides[end.0].incoming.front() {
            if *at > now {
                break;
            }
            let Some((_, segment)) = self.sides[end.0].incoming.pop_front() else {
                break;
            };
            let side = &mut self.sides[end.0];
            match segment {
                Segment::Bytes(bytes) => {
                    side.incoming_bytes -= bytes.len();
                    match side.life {
                        Life::Open => side.unread.extend(bytes),
                        Life::Reset { .. } => {}
                        Life::Closed => {
                            if self.sides[end.other().0].life == Life::Open {
                                self.push(end.other(), Segment::Reset);
                            }
                        }
                    }
                }
                Segment::Fin => side.finished = true,
                Segment::Reset => self.reset(end),
            }
        }
    }

    fn reset(&mut self, end: End) {
        let side = &mut self.sides[end.0];
        if side.life != Life::Open {
            return;
        }
        side.life = Life::Reset { read_told: false, write_told: false };
        // Linux keeps what had arrived; other stacks, and segments lost on the way, do not.
        let keep = self.random.between(0, side.unread.len());
        if self.random.below(2) == 0 {
            side.unread.truncate(keep);
        }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.clock.now() + after, event);
    }

    fn schedule_at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::weather::Mood;

    const CLIENT: &str = "10.0.0.1:40000";
    const HOST: &str = "10.0.1.1:80";

    struct Pair {
        network: Network,
        clock: Clock,
        opener: End,
        acceptor: End,
    }

    fn network() -> (Network, Clock) {
        let mut random = Random::seeded(1);
        let weather = Weather::of(Mood::Sunny, &mut random);
        let clock = Clock::new();
        (Network::new(weather, clock.clone(), random, Trace::off()), clock)
    }

    fn settle(network: &mut Network, clock: &Clock) {
        while let Some(at) = network.next_event() {
            clock.advance_to(at);
            network.advance();
        }
    }

    fn pair() -> Pair {
        let (mut network, clock) = network();
        let host = HOST.parse().expect("an address");
        let listener = network.listen(host);
        let opener = network.connect(CLIENT.parse().expect("an address"), host);
        assert!(network.connected(opener).is_none());
        settle(&mut network, &clock);
        assert!(matches!(network.connected(opener), Some(Ok(()))));
        let acceptor = network.accept(listener).expect("the connection arrived");
        Pair { network, clock, opener, acceptor }
    }

    fn read_all(network: &mut Network, end: End) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Ok(Read::Bytes(bytes)) = network.read(end, 7) {
            whole.extend(bytes);
        }
        whole
    }

    #[test]
    fn bytes_arrive_in_order_and_after_some_time() {
        let mut pair = pair();
        for piece in [&b"one "[..], b"two ", b"three"] {
            assert_eq!(pair.network.write(pair.opener, piece).ok(), Some(piece.len()));
        }
        pair.network.finish(pair.opener);
        assert_eq!(pair.network.read(pair.acceptor, 100).ok(), Some(Read::Nothing));
        settle(&mut pair.network, &pair.clock);
        assert_eq!(read_all(&mut pair.network, pair.acceptor), b"one two three");
        assert_eq!(pair.network.read(pair.acceptor, 100).ok(), Some(Read::End));
    }

    #[test]
    fn a_full_window_stops_the_writer_until_the_reader_reads() {
        let mut pair = pair();
        let window = pair.network.sides[pair.acceptor.0].window_bytes;
        let flood = vec![b'x'; window + 1];
        assert_eq!(pair.network.write(pair.opener, &flood).ok(), Some(window));
        assert_eq!(pair.network.write(pair.opener, b"y").ok(), Some(0));
        settle(&mut pair.network, &pair.clock);
        assert!(!pair.network.is_writable(pair.opener), "arrived is not read");
        assert!(matches!(pair.network.read(pair.acceptor, 3), Ok(Read::Bytes(_))));
        assert_eq!(pair.network.write(pair.opener, b"yyyy").ok(), Some(3));
    }

    #[test]
    fn closing_with_unread_input_resets_and_without_it_ends_the_stream() {
        let mut orderly = pair();
        orderly.network.close(orderly.acceptor, Close::Orderly);
        settle(&mut orderly.network, &orderly.clock);
        assert_eq!(orderly.network.read(orderly.opener, 9).ok(), Some(Read::End));

        let mut rude = pair();
        rude.network.write(rude.opener, b"unread").expect("room");
        settle(&mut rude.network, &rude.clock);
        rude.network.close(rude.acceptor, Close::Orderly);
        settle(&mut rude.network, &rude.clock);
        let error = rude.network.read(rude.opener, 9).expect_err("RST arrived");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = rude.network.write(rude.opener, b"x").expect_err("RST arrived");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = rude.network.write(rude.opener, b"x").expect_err("RST arrived");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn bytes_to_a_closed_end_come_back_as_a_reset() {
        let mut pair = pair();
        pair.network.close(pair.acceptor, Close::Orderly);
        settle(&mut pair.network, &pair.clock);
        pair.network.write(pair.opener, b"late").expect("FIN does not forbid it");
        settle(&mut pair.network, &pair.clock);
        assert_eq!(
            pair.network.read(pair.opener, 9).map_err(|error| error.kind()),
            Err(ErrorKind::ConnectionReset)
        );
    }

    #[test]
    fn nobody_listening_refuses_and_the_void_says_nothing() {
        let (mut network, clock) = network();
        let host = HOST.parse().expect("an address");
        let client = CLIENT.parse().expect("an address");
        let refused = network.connect(client, host);
        let lost = network.connect_into_the_void(client, host);
        settle(&mut network, &clock);
        assert!(matches!(network.connected(refused), Some(Err(_))));
        assert!(network.connected(lost).is_none());
        network.close(refused, Close::Orderly);
        network.close(lost, Close::Orderly);
        assert_eq!(network.open_ends(), 0);
    }
}
