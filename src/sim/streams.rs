//! Streamed answers in the simulation: one worker that streams, one that reads, a client or a caller of the
//! control thread, each in its own way.
//!
//! Whatever they do: what is read is the beginning of what the worker wrote, with the last chunk or a result
//! exactly when it is all of it; what nobody reads keeps the worker waiting; and in the end nothing is left.

use super::clock::Clock;
use super::env::SimEnv;
use super::host::{Host, LISTEN, compiled, runtime_at};
use super::network::{End, Network, Read};
use super::random::Random;
use super::weather::Weather;
use crate::control::invocation::{Completion, Ended, Invoke, Streamed, WorkerId};
use crate::control::mailbox::{FromShard, ToShard};
use crate::ring::Close;
use crate::shard::{Activity, Shard};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// More than both sockets and the shard hold together.
const CONTENT_BYTES: usize = 2 * 1024 * 1024;
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

/// What ends the worker's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    All,
    /// It ends after that many bytes.
    Dies(usize),
    /// It goes on living and writes no more.
    Pauses(usize),
    /// It says behind all of it that it has failed.
    Fails,
}

/// How the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    /// A little at a time.
    Slowly,
    /// Nothing more after that many bytes.
    Stops(usize),
    /// It closes after that many bytes.
    Leaves(usize),
}

/// Who asks for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Client,
    /// The control thread, for somebody whose pace it has.
    Control,
}

/// What the control thread has of it.
#[derive(Debug, Default)]
struct Told {
    pieces: VecDeque<Bytes>,
    /// What has been taken, and not told.
    taken: usize,
    completion: Option<Completion>,
}

/// What comes in front of the content.
const MEMBERS: &[u8] = b"{}\0\0\0\0\0\0\0\0";
const CALL: u64 = 7;

struct World {
    shard: Shard<SimEnv>,
    network: Rc<RefCell<Network>>,
    clock: Clock,
    random: Random,
    reports: mpsc::Receiver<FromShard>,
    window: usize,
    writes: Writes,
    reads: Reads,
    asks: Asks,
    caller: Told,
    worker: Option<(WorkerId, End)>,
    /// What the worker has been told, and what it still has to say.
    told: Vec<u8>,
    saying: VecDeque<u8>,
    /// Content that is in none of its writes yet begins there.
    streamed: usize,
    is_streaming: bool,
    is_answered: bool,
    last_byte_at: Instant,
    client: End,
    has_asked: bool,
    got: Vec<u8>,
    /// When the client saw the end of its connection.
    ended_at: Option<Instant>,
    next_read: Instant,
    drained: bool,
}

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

impl World {
    fn new(seed: u64, asks: Asks, writes: Writes, reads: Reads) -> Self {
        let mut random = Random::seeded(seed);
        let mut weather = Weather::drawn(&mut random);
        weather.clear_up();
        weather.stay_inside();
        let window = weather.window_bytes_max;
        let clock = Clock::new();
        let text = r#"
[server]
listen = []
[[function]]
name = "f"
runtime = "provided"
code = "."
timeout = "15m"
[[api]]
name = "a"
protocol = "http"
[[api.route]]
route = "ANY /{proxy+}"
integration = { type = "lambda", function = "f", timeout = "15m", stream = true }
"#;
        let host = Host::new(weather, &clock, &mut random, true, |_| compiled(text.to_owned(), 1));
        let Host { shard, network, reports } = host;
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        let client = network.borrow_mut().connect(from, LISTEN);
        let now = clock.now();
        Self {
            shard,
            network,
            clock,
            random,
            reports,
            window,
            writes,
            reads,
            asks,
            caller: Told::default(),
            worker: None,
            told: Vec::new(),
            saying: VecDeque::new(),
            streamed: 0,
            is_streaming: false,
            is_answered: false,
            last_byte_at: now,
            client,
            has_asked: false,
            got: Vec::new(),
            ended_at: None,
            next_read: now,
            drained: false,
        }
    }

    fn step(&mut self) {
        let busy = self.shard.turn() == Activity::Busy;
        self.shard.check_invariants();
        while let Ok(report) = self.reports.try_recv() {
            match report {
                FromShard::StartWorker(start) => {
                    let to = runtime_at(start.address);
                    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
                    let end = self.network.borrow_mut().connect(from, to);
                    self.worker = Some((start.worker, end));
                    self.say("GET", "invocation/next", "Content-Length: 0\r\n");
                }
                FromShard::StopWorker { worker, .. }
                    if self.worker.is_some_and(|(id, _)| id == worker) =>
                {
                    self.end_worker();
                }
                FromShard::Streamed(streamed) => {
                    assert!(self.caller.completion.is_none(), "nothing comes behind the end");
                    self.caller.pieces.push_back(streamed.content);
                }
                FromShard::Invoked(invoked) => self.caller.completion = Some(invoked.completion),
                FromShard::Drained { .. } => self.drained = true,
                _ => {}
            }
        }
        let moved = self.network.borrow_mut().advance();
        self.drive_worker();
        match self.asks {
            Asks::Client => self.drive_client(),
            Asks::Control => self.drive_caller(),
        }
        let now = self.clock.now();
        let mut next = self.shard.next_deadline().min(now + Duration::from_secs(1));
        if self.next_read > now {
            next = next.min(self.next_read);
        }
        if let Some(event) = self.network.borrow().next_event() {
            next = next.min(event);
        }
        let has_work = self.shard.environment().ring.has_work();
        self.clock.pass(busy || moved || has_work, next, &mut self.random);
    }

    fn say(&mut self, method: &str, call: &str, fields: &str) {
        let head =
            format!("{method} /2018-06-01/runtime/{call} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        self.saying.extend(head.as_bytes());
    }

    fn end_worker(&mut self) {
        let Some((worker, end)) = self.worker.take() else { return };
        self.network.borrow_mut().close(end, Close::Orderly);
        self.saying.clear();
        let how = Ended::Exited("exit status 1".into());
        self.shard.deliver(ToShard::WorkerEnded { worker, how });
    }

    fn drive_worker(&mut self) {
        let Some((_, end)) = self.worker else { return };
        if !matches!(self.network.borrow().connected(end), Some(Ok(()))) {
            return;
        }
        loop {
            if self.saying.is_empty() && self.is_streaming {
                self.write_on();
            }
            let (piece, _) = self.saying.as_slices();
            if piece.is_empty() {
                break;
            }
            match self.network.borrow_mut().write(end, piece) {
                Ok(0) => break,
                Ok(taken) => drop(self.saying.drain(..taken)),
                Err(_) => break,
            }
            self.last_byte_at = self.clock.now();
        }
        if self.worker.is_none() {
            return;
        }
        let read = self.network.borrow_mut().read(end, 1 << 16);
        match read {
            Ok(Read::Bytes(bytes)) => self.told.extend(bytes),
            Ok(Read::Nothing) => {}
            Ok(Read::End) | Err(_) => return self.end_worker(),
        }
        let Some(at) = self.told.windows(4).position(|it| it == b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(&self.told[..at]).into_owned();
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
        if self.told.len() < at + 4 + length {
            return;
        }
        if self.is_streaming {
            assert!(head.starts_with("HTTP/1.1 202"), "{head}");
            self.is_streaming = false;
            self.is_answered = true;
            self.told.clear();
            self.say("GET", "invocation/next", "Content-Length: 0\r\n");
            return;
        }
        let id = head.lines().find_map(|it| it.strip_prefix("Lambda-Runtime-Aws-Request-Id: "));
        let call = format!("invocation/{}/response", id.expect("an event has an id"));
        self.told.clear();
        self.is_streaming = true;
        self.say(
            "POST",
            &call,
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n",
        );
        self.saying.extend(format!("{:x}\r\n", MEMBERS.len()).as_bytes());
        self.saying.extend(MEMBERS);
        self.saying.extend(b"\r\n");
    }

    /// The next chunk, or what the worker does instead.
    fn write_on(&mut self) {
        let end = match self.writes {
            Writes::All | Writes::Fails => CONTENT_BYTES,
            Writes::Dies(end) | Writes::Pauses(end) => end,
        };
        if self.streamed < end {
            let count = self.random.between(1, 20_000).min(end - self.streamed);
            self.saying.extend(format!("{count:x}\r\n").as_bytes());
            self.saying.extend((self.streamed..self.streamed + count).map(byte));
            self.saying.extend(b"\r\n");
            self.streamed += count;
        } else if self.streamed == end {
            // Once only.
            self.streamed += 1;
            match self.writes {
                Writes::All => self.saying.extend(b"0\r\n\r\n"),
                Writes::Fails => {
                    self.saying.extend(b"0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n");
                }
                Writes::Dies(_) => self.end_worker(),
                Writes::Pauses(_) => {}
            }
        }
    }

    fn drive_client(&mut self) {
        let now = self.clock.now();
        let mut network = self.network.borrow_mut();
        if self.ended_at.is_some() || !matches!(network.connected(self.client), Some(Ok(()))) {
            return;
        }
        if !self.has_asked {
            self.has_asked = true;
            let request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
            assert_eq!(network.write(self.client, request).ok(), Some(request.len()));
        }
        let bytes_max = match self.reads {
            Reads::All => 1 << 16,
            Reads::Slowly if now < self.next_read => return,
            Reads::Slowly => self.random.between(1, 20_000),
            Reads::Stops(most) if self.got.len() >= most => return,
            Reads::Leaves(most) if self.got.len() >= most => {
                network.close(self.client, Close::Orderly);
                self.ended_at = Some(now);
                return;
            }
            Reads::Stops(_) | Reads::Leaves(_) => 1 << 12,
        };
        self.next_read = now + Duration::from_millis(self.random.below(20) as u64);
        match network.read(self.client, bytes_max) {
            Ok(Read::Bytes(bytes)) => self.got.extend(bytes),
            Ok(Read::Nothing) => {}
            Ok(Read::End) | Err(_) => {
                network.close(self.client, Close::Orderly);
                self.ended_at = Some(now);
            }
        }
    }

    fn drive_caller(&mut self) {
        let now = self.clock.now();
        if !self.has_asked {
            self.has_asked = true;
            self.shard.deliver(ToShard::Invoke(Box::new(Invoke {
                call: CALL,
                is_drawn: true,
                request_id: None,
                function: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
                event: Bytes::from_static(b"{}"),
                client_context: None,
                patience: Duration::from_secs(16 * 60),
                is_streamed: true,
            })));
        }
        if self.ended_at.is_some() || now < self.next_read {
            return;
        }
        let count = match self.reads {
            Reads::All => usize::MAX,
            Reads::Stops(most) if self.got.len() >= most => 0,
            Reads::Leaves(most) if self.got.len() >= most => {
                self.shard.deliver(ToShard::StreamLeft { call: CALL });
                self.ended_at = Some(now);
                return;
            }
            Reads::Slowly | Reads::Stops(_) | Reads::Leaves(_) => 1,
        };
        if self.reads != Reads::All {
            self.next_read = now + Duration::from_millis(self.random.below(20) as u64);
        }
        let count = count.min(self.caller.pieces.len());
        for piece in self.caller.pieces.drain(..count) {
            self.caller.taken += Streamed::cost(&piece);
            self.got.extend(piece);
        }
        if self.caller.taken > 64 * 1024 {
            let cost = std::mem::take(&mut self.caller.taken);
            self.shard.deliver(ToShard::StreamTaken { call: CALL, cost });
        }
        if self.caller.pieces.is_empty() && self.caller.completion.is_some() {
            self.ended_at = Some(now);
        }
    }

    /// The content that has been got, and whether it is told to be all.
    fn content(&self) -> (Vec<u8>, bool) {
        if self.asks == Asks::Control {
            let content = self.got.get(MEMBERS.len()..).unwrap_or_default().to_vec();
            let is_result = matches!(self.caller.completion, Some(Completion::Result(_)));
            return (content, is_result && self.caller.pieces.is_empty());
        }
        let head = self
            .got
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .map_or(self.got.len(), |it| it + 4);
        let mut body = crate::http::BodyReader::new(crate::http::Framing::Chunked);
        let (mut rest, mut content) = (&self.got[head..], Vec::new());
        while !rest.is_empty() && !body.is_done() {
            let piece = body.read(rest).expect("what the shard writes can be read");
            content.extend_from_slice(&rest[piece.data.clone()]);
            rest = &rest[piece.consumed..];
        }
        (content, body.is_done())
    }

    fn run(mut self) {
        let reads_all = matches!(self.reads, Reads::All | Reads::Slowly);
        let begun = self.clock.now();
        let is_over = |world: &Self| match (world.writes, world.reads) {
            (_, Reads::All | Reads::Slowly) if world.asks == Asks::Control => {
                world.ended_at.is_some()
            }
            // Its function is late one day, because nobody reads it.
            (_, Reads::Stops(_)) if world.asks == Asks::Control => {
                world.caller.completion.is_some()
            }
            (Writes::All, Reads::All | Reads::Slowly) => {
                world.is_answered && world.got.ends_with(b"0\r\n\r\n")
            }
            (Writes::All | Writes::Fails, _) if !reads_all => world.is_answered,
            (Writes::Dies(_), _) if !reads_all => world.streamed > 0 && world.worker.is_none(),
            (Writes::Pauses(_), _) if !reads_all => {
                world.clock.now() > begun + PAUSE_MAX + Duration::from_secs(60)
            }
            _ => world.ended_at.is_some(),
        };
        let mut steps = 0;
        while !is_over(&self) {
            steps += 1;
            let waited = self.clock.now() - begun;
            assert!(waited < Duration::from_secs(1200), "{:?} {:?}", self.writes, self.reads);
            assert!(steps < 3_000_000, "it does not come to rest{}", self.shard.describe());
            self.step();
            if let (Reads::Stops(most), Writes::All) = (self.reads, self.writes)
                && !self.is_answered
                && self.clock.now() - begun < Duration::from_secs(10)
            {
                // Both windows, the shard's bound, and what is under way between them.
                let held = self.streamed.saturating_sub(most);
                assert!(held <= 4 * self.window + 512 * 1024, "{held} with {}", self.window);
            }
        }
        let (content, is_all) = self.content();
        let is_prefix = content.iter().enumerate().all(|(at, it)| *it == byte(at));
        assert!(is_prefix, "the client got something else");
        if reads_all {
            assert_eq!(is_all, self.writes == Writes::All, "{:?}", self.writes);
            let expected = match self.writes {
                Writes::All => Some(CONTENT_BYTES),
                Writes::Pauses(bytes) => Some(bytes),
                Writes::Dies(_) | Writes::Fails => None,
            };
            assert!(expected.is_none_or(|it| it == content.len()), "{}", content.len());
        } else {
            assert!(!is_all || self.writes == Writes::All);
        }
        if let (Asks::Client, Writes::Pauses(_), true, Some(ended)) =
            (self.asks, self.writes, reads_all, self.ended_at)
        {
            let pause = ended - self.last_byte_at;
            let late = PAUSE_MAX + Duration::from_secs(60);
            assert!(pause > PAUSE_MAX / 2 && pause < late, "{pause:?}");
        }
        self.shard.deliver(ToShard::Drain { deadline: Duration::from_secs(10) });
        let drain = self.clock.now();
        while !self.drained || !self.shard.is_empty() {
            assert!(
                self.clock.now() < drain + Duration::from_secs(1200),
                "{}",
                self.shard.describe()
            );
            self.step();
            // Who reads nothing is cut by the drain, and sees it.
            if self.ended_at.is_none() && !reads_all {
                self.reads = Reads::All;
            }
        }
        assert_eq!(self.shard.environment().ring.open_sockets(), 0, "sockets");
        assert_eq!(self.shard.environment().ring.buffers_lent(), 0, "buffers");
    }
}

#[test]
fn a_stream_is_whole_or_seen_to_be_cut() {
    for seed in 1..=4 {
        let mut random = Random::seeded(seed);
        let part = random.below(CONTENT_BYTES);
        for writes in [Writes::All, Writes::Dies(part), Writes::Pauses(part), Writes::Fails] {
            let few = random.between(1, 10_000);
            for reads in [Reads::All, Reads::Slowly, Reads::Stops(few), Reads::Leaves(few)] {
                for asks in [Asks::Client, Asks::Control] {
                    println!("{seed} {asks:?} {writes:?} {reads:?}");
                    World::new(seed, asks, writes, reads).run();
                }
            }
        }
    }
}
