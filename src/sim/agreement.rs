//! The fake is tested against the real thing: the same scripted operations go to the kernel's ring,
//! over loopback, and to the fake in many weathers, and what can be observed must agree.
//!
//! Timing and how the bytes were cut may differ; which bytes arrived, how the stream ended, whether
//! sends and connects succeeded and that each close was reported once may not.

use super::clock::Clock;
use super::network::Network;
use super::random::Random;
use super::ring::SimRing;
use super::trace::Trace;
use super::weather::{Mood, Weather};
use crate::ring::driver::KernelRing;
use crate::ring::probe::RingSettings;
use crate::ring::{
    BufferGroup, Close, Completion, InFlight, Lease, Received, Ring, SendId, Socket, Token,
};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::rc::Rc;
use std::time::Duration;

/// The two ends of the one connection of a script; both belong to the ring under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Opener,
    Acceptor,
}

use Who::{Acceptor, Opener};

/// One line of a script. The `Await` ones wait until it is so.
#[derive(Debug, Clone)]
enum Step {
    Receive(Who),
    CancelReceive(Who),
    /// Bytes of a pattern that tells every position: this many, from where the last send ended.
    Send(Who, usize),
    Finish(Who),
    Close(Who, Close),
    /// Keep what is received from now on leased.
    Hold(Who),
    /// Give it back and receive again.
    Release(Who),
    AwaitSent(Who),
    AwaitBytes(Who, usize),
    /// No buffer is left for the receive.
    AwaitNoBuffers(Who),
    /// The receive came to its end: end of stream, failure or cancellation.
    AwaitStreamEnd(Who),
    AwaitClosed(Who),
    /// Let everything under way arrive.
    Settle,
}

use Step::{
    AwaitBytes, AwaitClosed, AwaitNoBuffers, AwaitSent, AwaitStreamEnd, CancelReceive, Finish,
    Hold, Receive, Release, Send, Settle,
};

/// How a receive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    End,
    Failed(Option<i32>),
}

/// What one end saw: what must agree.
#[derive(Debug, Default, PartialEq, Eq)]
struct Observed {
    connected: Option<Result<(), ErrorKind>>,
    /// How many bytes came, all of them in the pattern's order.
    bytes: usize,
    endings: Vec<Ending>,
    sends: Vec<bool>,
    closed: usize,
}

#[derive(Default)]
struct Party {
    socket: Option<Socket>,
    observed: Observed,
    receiving: bool,
    cancelled: bool,
    out_of_buffers: bool,
    holding: bool,
    held: Vec<Lease>,
    sending: Option<SendId>,
    sent_bytes: usize,
}

const LISTENER: Token = Token(1 << 56);
const OPENER: Token = Token((2 << 56) | 7);
const ACCEPTOR: Token = Token((3 << 56) | 9);

/// Turns within which everything awaited must have happened.
const TURNS_MAX: usize = 200_000;

/// Long enough for everything on loopback to arrive; in the fake, for everything at all.
const SETTLE_TURNS: usize = 60;

type TakeTurn<R> = dyn FnMut(&mut R, &mut Vec<Completion>);

struct Stage<'a, R> {
    ring: &'a mut R,
    /// One turn, with as much waiting as the ring under test needs.
    take_turn: &'a mut TakeTurn<R>,
    opener: Party,
    acceptor: Party,
    listener_closed: usize,
    accept_over: usize,
    /// The script is over; how receives end from here on depends on who closes first.
    over: bool,
}

fn pattern(position: usize) -> u8 {
    (position % 251) as u8
}

impl<R: Ring> Stage<'_, R> {
    fn party(&mut self, who: Who) -> &mut Party {
        match who {
            Opener => &mut self.opener,
            Acceptor => &mut self.acceptor,
        }
    }

    fn token(who: Who) -> Token {
        match who {
            Opener => OPENER,
            Acceptor => ACCEPTOR,
        }
    }

    fn socket(&mut self, who: Who) -> Socket {
        self.party(who).socket.expect("the script opened it")
    }

    fn turn(&mut self) {
        let mut completions = Vec::new();
        (self.take_turn)(self.ring, &mut completions);
        for completion in completions {
            self.on(completion);
        }
    }

    fn until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        for _ in 0..TURNS_MAX {
            if holds(self) {
                return;
            }
            self.turn();
        }
        panic!("did not come about: {what}");
    }

    fn who(token: Token) -> Who {
        match token {
            OPENER => Opener,
            ACCEPTOR => Acceptor,
            other => panic!("{other:?} was never given to this operation"),
        }
    }

    fn receive(&mut self, who: Who) {
        let socket = self.socket(who);
        let party = self.party(who);
        party.receiving = true;
        party.cancelled = false;
        party.out_of_buffers = false;
        self.ring.receive(socket, BufferGroup::Client, Self::token(who));
    }

    fn on(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { token, socket, more } => {
                assert_eq!(token, LISTENER);
                match socket {
                    Ok(socket) => {
                        assert!(self.acceptor.socket.is_none(), "one connection was made");
                        self.acceptor.socket = Some(socket);
                    }
                    Err(_) => assert!(!more, "an error ends the accept"),
                }
                self.accept_over += usize::from(!more);
            }
            Completion::Connected { token, result } => {
                let party = self.party(Self::who(token));
                assert!(party.observed.connected.is_none(), "a connect finishes once");
                party.observed.connected = Some(result.map_err(|error| error.kind()));
            }
            Completion::Received { token, received, more } => {
                self.on_received(Self::who(token), received, more)
            }
            Completion::Sent { token, outgoing, result } => {
                let party = self.party(Self::who(token));
                assert!(party.sending.is_some(), "a send finishes once");
                party.sending = None;
                party.observed.sends.push(result.is_ok());
                self.ring.recycle(outgoing);
            }
            Completion::Closed { token: LISTENER } => self.listener_closed += 1,
            Completion::Closed { token } => {
                self.party(Self::who(token)).observed.closed += 1;
            }
        }
    }

    fn on_received(&mut self, who: Who, received: Received, more: bool) {
        let over = self.over;
        let mut ending = None;
        let party = self.party(who);
        assert!(party.receiving, "completions come only while a receive is armed");
        let mut again = false;
        match received {
            Received::Bytes(lease) => {
                assert!(!lease.is_empty(), "an empty receive says End, not Bytes");
                let begin = party.observed.bytes;
                let intact = (begin..).zip(lease.iter()).all(|(at, byte)| pattern(at) == *byte);
                assert!(intact, "{who:?} received other bytes than were sent behind {begin}");
                party.observed.bytes += lease.len();
                if party.holding {
                    party.held.push(lease);
                }
                again = !more;
                if !more && party.cancelled {
                    // A cancelled receive may end with bytes instead of an error; to its owner both
                    // mean that it is over.
                    again = false;
                    ending = Some(Ending::Failed(Some(125)));
                }
            }
            Received::End => {
                assert!(!more);
                ending = Some(Ending::End);
            }
            Received::NoBuffers => {
                assert!(!more);
                if party.holding {
                    party.out_of_buffers = true;
                } else if party.cancelled {
                    ending = Some(Ending::Failed(Some(125)));
                } else {
                    again = true;
                }
            }
            Received::Failed(error) => {
                assert!(!more);
                ending = Some(Ending::Failed(Some(
                    error.raw_os_error().unwrap_or_else(|| code(&error)),
                )));
            }
        }
        if !over {
            party.observed.endings.extend(ending);
        }
        if !more {
            party.receiving = false;
        }
        if again && party.socket.is_some() {
            self.receive(who);
        }
    }

    fn perform(&mut self, step: &Step) {
        match step.clone() {
            Receive(who) => self.receive(who),
            CancelReceive(who) => {
                self.party(who).cancelled = true;
                self.ring.cancel_receive(BufferGroup::Client, Self::token(who));
            }
            Send(who, count) => {
                let socket = self.socket(who);
                let mut outgoing = self.ring.outgoing();
                let party = self.party(who);
                let bytes = party.sent_bytes..party.sent_bytes + count;
                party.sent_bytes += count;
                outgoing.written().extend(bytes.map(pattern));
                let send = self.ring.send(socket, Self::token(who), outgoing);
                self.party(who).sending = Some(send);
            }
            Finish(who) => {
                let socket = self.socket(who);
                self.ring.shut_down_sending(socket);
            }
            Step::Close(who, how) => {
                let socket = self.socket(who);
                let party = self.party(who);
                party.socket = None;
                party.cancelled = true;
                let in_flight = InFlight {
                    receive: party.receiving,
                    send: party.sending,
                    connect: party.observed.connected.is_none() && who == Opener,
                };
                self.ring.close(socket, Self::token(who), BufferGroup::Client, in_flight, how);
            }
            Hold(who) => self.party(who).holding = true,
            Release(who) => {
                let party = self.party(who);
                party.holding = false;
                party.held.clear();
                if party.out_of_buffers {
                    self.receive(who);
                }
            }
            AwaitSent(who) => self.until("sent", |stage| stage.party(who).sending.is_none()),
            AwaitBytes(who, count) => {
                self.until("bytes", |stage| stage.party(who).observed.bytes >= count)
            }
            AwaitNoBuffers(who) => {
                self.until("no buffers", |stage| stage.party(who).out_of_buffers);
            }
            AwaitStreamEnd(who) => self.until("stream end", |stage| {
                let party = stage.party(who);
                !party.receiving && !party.observed.endings.is_empty()
            }),
            AwaitClosed(who) => {
                self.until("closed, and everything in flight told", |stage| {
                    let party = stage.party(who);
                    party.observed.closed > 0 && !party.receiving && party.sending.is_none()
                });
            }
            Settle => (0..SETTLE_TURNS).for_each(|_| self.turn()),
        }
    }
}

/// `ECONNRESET`, `EPIPE` and the like by kind: the fake makes some of its errors from the kind.
fn code(error: &io::Error) -> i32 {
    match error.kind() {
        ErrorKind::ConnectionReset => 104,
        ErrorKind::BrokenPipe => 32,
        _ => 0,
    }
}

/// Runs a script; gives what the opener and the acceptor saw.
fn play<R: Ring>(
    ring: &mut R,
    listener: Socket,
    address: SocketAddr,
    take_turn: &mut TakeTurn<R>,
    script: &[Step],
) -> (Observed, Observed) {
    ring.accept(listener, LISTENER);
    let opener = ring.connect(address, OPENER).expect("a socket can be opened");
    let mut stage = Stage {
        ring,
        take_turn,
        opener: Party { socket: Some(opener), ..Party::default() },
        acceptor: Party::default(),
        listener_closed: 0,
        accept_over: 0,
        over: false,
    };
    stage.until("connected", |stage| {
        stage.opener.observed.connected.is_some()
            && (stage.acceptor.socket.is_some() || stage.opener.observed.connected != Some(Ok(())))
    });
    for step in script {
        stage.perform(step);
    }
    stage.over = true;
    for who in [Opener, Acceptor] {
        if stage.party(who).socket.is_some() {
            stage.perform(&Step::Close(who, Close::Orderly));
            stage.perform(&AwaitClosed(who));
        }
    }
    // The listener goes last; a cancelled accept and a close both are heard of once.
    if stage.accept_over == 0 {
        stage.ring.cancel_accept(LISTENER);
        stage.until("accept over", |stage| stage.accept_over > 0);
    }
    let (group, nothing) = (BufferGroup::Client, InFlight::default());
    stage.ring.close(listener, LISTENER, group, nothing, Close::Orderly);
    stage.until("listener closed", |stage| stage.listener_closed > 0);
    (0..SETTLE_TURNS).for_each(|_| stage.turn());
    assert_eq!(stage.listener_closed, 1, "a close is reported once");
    assert_eq!(stage.accept_over, 1, "an accept ends once");
    stage.opener.held.clear();
    stage.acceptor.held.clear();
    (stage.opener.observed, stage.acceptor.observed)
}

/// The scripts with their names.
fn scripts() -> Vec<(&'static str, Vec<Step>)> {
    const MUCH: usize = 600_000;
    vec![
        (
            "a greeting both ways",
            vec![
                Receive(Opener),
                Receive(Acceptor),
                Send(Opener, 10),
                AwaitBytes(Acceptor, 10),
                Send(Acceptor, 20),
                AwaitBytes(Opener, 20),
                AwaitSent(Opener),
                AwaitSent(Acceptor),
                Finish(Opener),
                AwaitStreamEnd(Acceptor),
                Finish(Acceptor),
                AwaitStreamEnd(Opener),
            ],
        ),
        (
            "more than any window holds, both ways at once",
            vec![
                Receive(Opener),
                Receive(Acceptor),
                Send(Opener, MUCH),
                Send(Acceptor, MUCH),
                AwaitSent(Opener),
                Send(Opener, MUCH),
                AwaitBytes(Acceptor, 2 * MUCH),
                AwaitBytes(Opener, MUCH),
                AwaitSent(Opener),
                AwaitSent(Acceptor),
                Finish(Acceptor),
                AwaitStreamEnd(Opener),
            ],
        ),
        (
            "an answer after the other side finished",
            vec![
                Receive(Opener),
                Send(Opener, 3000),
                AwaitSent(Opener),
                Finish(Opener),
                Receive(Acceptor),
                AwaitStreamEnd(Acceptor),
                Send(Acceptor, 5000),
                AwaitSent(Acceptor),
                Step::Close(Acceptor, Close::Orderly),
                AwaitClosed(Acceptor),
                AwaitStreamEnd(Opener),
            ],
        ),
        (
            "a cancelled receive loses nothing",
            vec![
                Receive(Acceptor),
                Send(Opener, 100),
                AwaitBytes(Acceptor, 100),
                CancelReceive(Acceptor),
                AwaitStreamEnd(Acceptor),
                AwaitSent(Opener),
                Send(Opener, 100),
                AwaitSent(Opener),
                Settle,
                Receive(Acceptor),
                AwaitBytes(Acceptor, 200),
                Finish(Opener),
                Settle,
            ],
        ),
        (
            "a close with an armed receive",
            vec![
                Receive(Opener),
                Receive(Acceptor),
                Step::Close(Acceptor, Close::Orderly),
                AwaitClosed(Acceptor),
                AwaitStreamEnd(Opener),
            ],
        ),
        (
            "a close with unread input resets",
            vec![
                Receive(Opener),
                Send(Opener, 50),
                AwaitSent(Opener),
                Settle,
                Step::Close(Acceptor, Close::Orderly),
                AwaitClosed(Acceptor),
                AwaitStreamEnd(Opener),
            ],
        ),
        (
            "an abort resets, and sending afterwards fails",
            vec![
                Receive(Opener),
                Receive(Acceptor),
                Step::Close(Acceptor, Close::Abort),
                AwaitClosed(Acceptor),
                AwaitStreamEnd(Opener),
                Send(Opener, 10),
                AwaitSent(Opener),
            ],
        ),
        (
            "a close cancels the send in flight",
            vec![
                Send(Opener, 64 << 20),
                Settle,
                Step::Close(Opener, Close::Abort),
                AwaitClosed(Opener),
            ],
        ),
        (
            "held buffers run out, and what waited comes when they are given back",
            vec![
                Hold(Acceptor),
                Receive(Acceptor),
                Send(Opener, MUCH),
                AwaitNoBuffers(Acceptor),
                Release(Acceptor),
                AwaitBytes(Acceptor, MUCH),
                AwaitSent(Opener),
                Step::Close(Opener, Close::Orderly),
                AwaitClosed(Opener),
                AwaitStreamEnd(Acceptor),
            ],
        ),
    ]
}

/// Plays a script on the fake. The weather is drawn from the seed, without faults of the network.
fn play_on_fake(seed: u64, listening: bool, script: &[Step]) -> (Observed, Observed) {
    let mut random = Random::seeded(seed);
    let mood = if seed == 0 { Mood::Sunny } else { Mood::Hell };
    let mut weather = Weather::of(mood, &mut random);
    weather.clear_up();
    // As fast as loopback, so that `Settle` settles.
    weather.latency_max = Duration::from_micros(50);
    // A window's worth of bytes per round trip: with tiny ones the long scripts take forever.
    weather.window_bytes_min = 8192;
    weather.window_bytes_max = 65_536;
    weather.client_buffer_bytes = weather.client_buffer_bytes.max(512);
    let clock = Clock::new();
    let network = Network::new(weather, clock.clone(), random.fork(), Trace::off());
    let network = Rc::new(RefCell::new(network));
    let mut ring = SimRing::new(Rc::clone(&network), clock.clone(), random.fork(), Trace::off());
    let address = SocketAddr::from(([127, 0, 0, 1], 8080));
    let listener = ring.open_listener(address);
    let target = if listening { address } else { SocketAddr::from(([127, 0, 0, 1], 9)) };
    let seen = play(
        &mut ring,
        listener,
        target,
        &mut move |ring, completions| {
            ring.turn(completions);
            clock.advance(Duration::from_micros(20));
        },
        script,
    );
    assert_eq!(ring.buffers_lent(), 0, "all buffers came back");
    assert_eq!(ring.outgoing_out(), 0, "all outgoings came back");
    assert_eq!(ring.open_sockets(), 0, "all sockets were closed");
    seen
}

/// Plays a script on the kernel's ring, over loopback.
fn play_on_kernel(listening: bool, script: &[Step]) -> (Observed, Observed) {
    let settings = RingSettings {
        entries: 64,
        client_buffers: 16,
        client_buffer_bytes: 4096,
        upstream_buffers: 1,
        upstream_buffer_bytes: 4096,
    };
    let mut ring = KernelRing::new(&settings).expect("this host has io_uring");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let target = if listening {
        address
    } else {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        other.local_addr().expect("it is bound")
    };
    let listener = Socket(listener.into_raw_fd());
    let seen = play(
        &mut ring,
        listener,
        target,
        &mut |ring, completions| ring.wait(completions, Duration::from_millis(1)),
        script,
    );
    assert_eq!(ring.buffers_lent(), (0, 0), "all buffers came back");
    seen
}

#[test]
fn the_kernel_shows_the_same_as_the_fake() {
    for (name, script) in scripts() {
        let expected = play_on_kernel(true, &script);
        let seen = play_on_fake(0, true, &script);
        assert!(seen == expected, "{name}: the fake {seen:?}\nthe kernel {expected:?}");
    }
    let expected = play_on_kernel(false, &[]);
    let seen = play_on_fake(0, false, &[]);
    assert!(seen == expected, "nobody listens: the fake {seen:?}\nthe kernel {expected:?}");
}

#[test]
fn every_weather_of_the_fake_shows_the_same() {
    for (name, script) in scripts() {
        let expected = play_on_fake(0, true, &script);
        for seed in 1..8 {
            let seen = play_on_fake(seed, true, &script);
            assert!(seen == expected, "{name}, seed {seed}: {seen:?}\nexpected {expected:?}");
        }
    }
}

#[test]
fn a_connect_that_nobody_answers_is_refused() {
    for seed in 0..10 {
        let (opener, acceptor) = play_on_fake(seed, false, &[]);
        assert_eq!(opener.connected, Some(Err(ErrorKind::ConnectionRefused)));
        assert_eq!(opener.closed, 1);
        assert_eq!(acceptor, Observed::default());
    }
}
