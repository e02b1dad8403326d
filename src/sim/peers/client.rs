//! A simulated client: asks over and over and holds every answer against the ledger.
//!
//! Slow writers and readers, pipelining, `Expect: 100-continue`, HTTP/1.0, leaving in the middle: the
//! manner is drawn once per client. A request that was asked must be answered, unless the ledger or
//! the network knows an excuse.

use super::ledger::{Ledger, Tag};
use super::message::{Framing, Head, Reader, declared_framing};
use super::requests::{Kind, MOCK_BODY, Request, Sizes};
use crate::ring::Close;
use crate::sim::clock::Clock;
use crate::sim::network::{End, Network, Read};
use crate::sim::random::Random;
use crate::sim::trace::Trace;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the clients of a world know about it.
#[derive(Debug, Clone)]
pub(crate) struct Expectations {
    /// Where the gateway listens.
    pub(crate) gateways: Vec<SocketAddr>,
    /// The longest silence before an answer or its next byte.
    pub(crate) patience: Duration,
    /// The gateway closes connections that were idle for this long: asking then is a race.
    pub(crate) keep_alive: Duration,
    /// No fault can happen: every answer must be the good one.
    pub(crate) faultless: bool,
    /// The gateway is draining: it may close what is idle and refuse what is new.
    pub(crate) draining: bool,
    pub(crate) sizes: Sizes,
}

/// How a client behaves.
#[derive(Debug, Clone)]
struct Manner {
    /// Requests asked before the first is answered.
    pipelined_max: usize,
    /// Bytes written at once, and the pause after it.
    write_bytes_max: usize,
    write_pause_max: Duration,
    read_bytes_max: usize,
    read_pause_max: Duration,
    /// Between an answer and the next request.
    think_max: Duration,
    /// Requests on one connection.
    requests_per_connection: usize,
    /// Sends FIN behind the last request, and still wants its answer.
    half_closes: bool,
}

#[derive(Debug)]
enum State {
    Away { until: Instant },
    Connecting { end: End, gateway: SocketAddr, since: Instant },
    Open(Box<Open>),
    Done,
}

#[derive(Debug)]
struct Open {
    end: End,
    unwritten: VecDeque<u8>,
    /// The body of an `Expect: 100-continue`, kept until the gateway says so, or time is up.
    kept_body: Option<(Vec<u8>, Instant)>,
    awaited: VecDeque<Awaited>,
    reader: Reader,
    answer: Option<Answer>,
    /// Requests that this connection still gets.
    left: usize,
    /// The gateway, or the client's own last request, said that nothing more will be answered.
    close_said: bool,
    write_at: Instant,
    read_at: Instant,
    ask_at: Instant,
    leave_at: Option<Instant>,
    /// When a byte last moved.
    moved_at: Instant,
}

#[derive(Debug)]
struct Awaited {
    tag: Tag,
    kind: Kind,
    head_only: bool,
    /// Asked after a pause in which the gateway may have closed.
    after_long_pause: bool,
}

/// An answer whose body is under way.
#[derive(Debug)]
struct Answer {
    tag: Tag,
    checked: Checked,
    read_bytes: usize,
    framing: Framing,
}

/// What the body must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    /// The tag's answer.
    ByTag {
        bytes: usize,
    },
    Mock,
    /// An error body of the gateway: anything.
    Free,
}

/// One client of a world.
#[derive(Debug)]
pub(crate) struct Client {
    name: usize,
    clock: Clock,
    random: Random,
    trace: Trace,
    manner: Manner,
    requests_left: usize,
    state: State,
}

impl Client {
    /// A client that will ask so many requests.
    pub(crate) fn new(
        name: usize,
        requests: usize,
        sizes: Sizes,
        clock: Clock,
        mut random: Random,
        trace: Trace,
    ) -> Self {
        let sometimes = |random: &mut Random, millis: usize| {
            let millis = if random.below(4) == 0 { random.skewed(millis) } else { 0 };
            Duration::from_millis(millis as u64)
        };
        let manner = Manner {
            pipelined_max: if random.below(3) == 0 { random.between(2, 6) } else { 1 },
            // Slow, but not so slow that a large body takes forever.
            write_bytes_max: if random.below(3) == 0 {
                random.skewed(2000).max(sizes.body_bytes_max / 20)
            } else {
                usize::MAX
            },
            write_pause_max: sometimes(&mut random, 100),
            read_bytes_max: if random.below(3) == 0 {
                random.skewed(4000).max(sizes.answer_bytes_max / 6).max(32)
            } else {
                1 << 16
            },
            read_pause_max: sometimes(&mut random, 100),
            think_max: sometimes(&mut random, 2000),
            requests_per_connection: if random.below(3) == 0 { 1 } else { random.between(2, 20) },
            half_closes: random.below(6) == 0,
        };
        let begin = clock.now() + Duration::from_millis(random.below(300) as u64);
        Self {
            name,
            clock,
            random,
            trace,
            manner,
            requests_left: requests,
            state: State::Away { until: begin },
        }
    }

    /// Whether it has nothing more to ask or to wait for.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Asks nothing new; what was asked is still awaited.
    pub(crate) fn wind_up(&mut self) {
        self.requests_left = 0;
        match &mut self.state {
            State::Open(open) => open.left = 0,
            State::Away { .. } => self.state = State::Done,
            State::Connecting { .. } | State::Done => {}
        }
    }

    /// What it is doing, for the report of a world that does not come to rest.
    pub(crate) fn describe(&self) -> String {
        match &self.state {
            State::Open(open) => format!("client {}: {}", self.name, open.describe()),
            State::Connecting { end, .. } => format!("client {}: connects {end:?}", self.name),
            State::Away { .. } => format!("client {}: away", self.name),
            State::Done => format!("client {}: done", self.name),
        }
    }

    /// Does what can be done now. Gives the time of its next own action, if it has one; a time that
    /// has come means that there is more to do already.
    pub(crate) fn poll(
        &mut self,
        network: &mut Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) -> Option<Instant> {
        let now = self.clock.now();
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => None,
            State::Away { until } if now < until => {
                self.state = State::Away { until };
                Some(until)
            }
            State::Away { .. } => {
                if self.requests_left == 0 || expected.draining {
                    return None;
                }
                let from = SocketAddr::from(([10, 1, 0, self.name as u8], 40_000));
                let gateway = *self.random.pick(&expected.gateways);
                let end = network.connect(from, gateway);
                self.note(|| format!("connects to {gateway}, {end:?}"));
                self.state = State::Connecting { end, gateway, since: now };
                Some(now + expected.patience)
            }
            State::Connecting { end, gateway, since } => {
                self.connecting(end, gateway, since, network, expected)
            }
            State::Open(open) => self.open(open, network, ledger, expected),
        }
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.trace.note(&self.clock, || format!("client {}: {}", self.name, line()));
    }

    fn go_away(&mut self, pause_max: Duration) -> Option<Instant> {
        if self.requests_left == 0 {
            self.state = State::Done;
            return None;
        }
        let until = self.clock.now() + self.pause(pause_max);
        self.state = State::Away { until };
        Some(until)
    }

    fn pause(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.random.below(1 + longest.as_micros() as usize) as u64)
    }

    fn connecting(
        &mut self,
        end: End,
        gateway: SocketAddr,
        since: Instant,
        network: &mut Network,
        expected: &Expectations,
    ) -> Option<Instant> {
        let now = self.clock.now();
        match network.connected(end) {
            Some(Ok(())) => {
                let per_connection = self.manner.requests_per_connection;
                let left = self.random.between(1, per_connection).min(self.requests_left);
                self.state = State::Open(Box::new(Open {
                    end,
                    unwritten: VecDeque::new(),
                    kept_body: None,
                    awaited: VecDeque::new(),
                    reader: Reader::new(),
                    answer: None,
                    left,
                    close_said: false,
                    write_at: now,
                    read_at: now,
                    ask_at: now,
                    leave_at: None,
                    moved_at: now,
                }));
                Some(now)
            }
            Some(Err(error)) => {
                assert!(
                    expected.draining || !expected.gateways.contains(&gateway),
                    "client {}: connect failed although the gateway listens: {error}",
                    self.name
                );
                network.close(end, Close::Orderly);
                self.go_away(Duration::from_secs(1))
            }
            None => {
                assert!(
                    now <= since + expected.patience,
                    "client {}: a connect was not answered",
                    self.name
                );
                self.state = State::Connecting { end, gateway, since };
                Some(since + expected.patience)
            }
        }
    }

    fn open(
        &mut self,
        mut open: Box<Open>,
        network: &mut Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) -> Option<Instant> {
        let now = self.clock.now();
        if open.leave_at.is_some_and(|at| at <= now) {
            return self.leave(&open, network, ledger);
        }
        self.ask(&mut open, network, ledger, expected);
        self.write(&mut open, network, ledger);
        if let Some(gone) = self.read(&mut open, network, ledger, expected) {
            self.gone(*open, gone, network, ledger, expected);
            return self.go_away(Duration::from_millis(200));
        }
        if open.awaited.is_empty() && (open.left == 0 || open.close_said) {
            // Everything is answered. Who closes first is a race that both must win.
            if !open.close_said || self.random.below(2) == 0 {
                self.note(|| "closes, content".into());
                network.close(open.end, Close::Orderly);
                let think = self.manner.think_max;
                return self.go_away(think);
            }
        }
        let deadline = open.moved_at + expected.patience;
        if !open.awaited.is_empty() || open.close_said {
            assert!(
                now <= deadline,
                "client {}: nothing moved for {:?} while waiting: {}",
                self.name,
                expected.patience,
                open.describe()
            );
        }
        let can_read = now >= open.read_at && network.is_readable(open.end);
        let can_write =
            now >= open.write_at && !open.unwritten.is_empty() && network.is_writable(open.end);
        let mut wake = if can_read || can_write { now } else { deadline };
        let kept_until = open.kept_body.as_ref().map(|(_, at)| *at);
        let times = [Some(open.write_at), Some(open.read_at), Some(open.ask_at), open.leave_at];
        for at in times.into_iter().chain([kept_until]).flatten() {
            if at > now {
                wake = wake.min(at);
            }
        }
        self.state = State::Open(open);
        Some(wake)
    }

    fn ask(
        &mut self,
        open: &mut Open,
        network: &Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) {
        let now = self.clock.now();
        while open.left > 0
            && !open.close_said
            && now >= open.ask_at
            && open.awaited.len() < self.manner.pipelined_max
            && open.kept_body.is_none()
            && !expected.draining
        {
            open.left -= 1;
            self.requests_left -= 1;
            let last = open.left == 0 && self.random.below(2) == 0;
            let malformed = network.weather.client_malformed;
            let request = Request::drawn(&mut self.random, ledger, expected.sizes, malformed, last);
            self.note(|| {
                let head = String::from_utf8_lossy(&request.head);
                let line = head.lines().next().unwrap_or_default();
                format!("asks {line:?}, {:?}, on {:?}", request.kind, open.end)
            });
            let idle = open.awaited.is_empty() && now > open.moved_at + expected.keep_alive / 2;
            open.awaited.push_back(Awaited {
                tag: request.tag,
                kind: request.kind,
                head_only: request.head_only,
                after_long_pause: idle,
            });
            open.moved_at = now;
            open.unwritten.extend(&request.head);
            if request.expects_continue {
                let patience = Duration::from_millis(self.random.skewed(1000) as u64);
                open.kept_body = Some((request.body, now + patience));
            } else {
                open.unwritten.extend(&request.body);
            }
            if request.last {
                open.left = 0;
            }
            if self.random.happens(network.weather.client_abandons) {
                let stay = Duration::from_millis(self.random.skewed(500) as u64);
                open.leave_at = Some(now + stay);
            }
        }
    }

    fn write(&mut self, open: &mut Open, network: &mut Network, ledger: &mut Ledger) {
        let now = self.clock.now();
        if let Some((_, at)) = &open.kept_body
            && now >= *at
        {
            // RFC 9110 section 10.1.1: a client does not wait for 100 forever.
            self.release_body(open);
        }
        if now < open.write_at || open.unwritten.is_empty() {
            return;
        }
        let count = open.unwritten.len().min(self.manner.write_bytes_max);
        let (piece, _) = open.unwritten.as_slices();
        let piece = piece[..piece.len().min(count)].to_vec();
        match network.write(open.end, &piece) {
            Ok(0) => {}
            Ok(taken) => {
                open.unwritten.drain(..taken);
                open.moved_at = now;
                open.write_at = now + self.pause(self.manner.write_pause_max);
                if open.unwritten.is_empty() && open.kept_body.is_none() {
                    if open.left == 0 && self.manner.half_closes {
                        network.finish(open.end);
                    }
                    for awaited in &open.awaited {
                        ledger.entry_mut(awaited.tag).sent = true;
                    }
                }
            }
            // Reading tells what became of the answers; what cannot be written is dropped.
            Err(_) => open.unwritten.clear(),
        }
    }

    fn release_body(&self, open: &mut Open) {
        if let Some((body, _)) = open.kept_body.take() {
            open.unwritten.extend(&body);
        }
    }

    /// Reads what there is. Gives how the connection ended, once it has.
    fn read(
        &mut self,
        open: &mut Open,
        network: &mut Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) -> Option<Gone> {
        let now = self.clock.now();
        if now < open.read_at {
            return None;
        }
        let bytes_max = self.random.between(1, self.manner.read_bytes_max);
        match network.read(open.end, bytes_max) {
            Ok(Read::Nothing) => None,
            Ok(Read::Bytes(bytes)) => {
                open.moved_at = now;
                open.read_at = now + self.pause(self.manner.read_pause_max);
                open.reader.push(&bytes);
                self.understand(open, network, ledger, expected);
                None
            }
            Ok(Read::End) => Some(Gone::Ended),
            Err(_) => Some(Gone::Reset),
        }
    }

    fn understand(
        &mut self,
        open: &mut Open,
        network: &Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) {
        loop {
            if open.answer.is_none() {
                if !open.reader.has_bytes() {
                    return;
                }
                let head = open
                    .reader
                    .head()
                    .unwrap_or_else(|error| panic!("client {}: {error}", self.name));
                let Some(head) = head else { return };
                self.on_head(open, &head, network, ledger, expected);
                continue;
            }
            let Some(answer) = &mut open.answer else {
                return;
            };
            let part =
                open.reader.body().unwrap_or_else(|error| panic!("client {}: {error}", self.name));
            answer.check(&part.bytes);
            answer.read_bytes += part.bytes.len();
            if !part.complete {
                return;
            }
            self.on_answered(open, ledger);
        }
    }

    fn on_head(
        &mut self,
        open: &mut Open,
        head: &Head,
        network: &Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) {
        self.note(|| format!("reads {:?} on {:?}", head.start, open.end));
        let name = self.name;
        let Some(awaited) = open.awaited.front() else {
            panic!("client {name}: an answer that nobody asked for: {head:?}");
        };
        assert!(
            head.start.starts_with("HTTP/1.1 "),
            "client {name}: not a status line of ours: {head:?}"
        );
        let status: u16 = head.start[9..]
            .get(..3)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("client {name}: no status in {head:?}"));
        if status < 200 {
            if status == 100 {
                self.release_body(open);
            }
            open.reader.begin_body(Framing::Length(0));
            return;
        }
        let tag = awaited.tag;
        let checked = self.check_status(awaited, status, head, network, ledger, expected);
        let bodiless = awaited.head_only || status == 204 || status == 304;
        let framing = declared_framing(head)
            .unwrap_or_else(|error| panic!("client {name}: {error}"))
            .unwrap_or(Framing::UntilClose);
        let says_close = head.says_close();
        if !bodiless && framing == Framing::UntilClose {
            assert!(says_close, "client {name}: a body without an end: {head:?}");
        }
        if awaited.kind == Kind::Malformed {
            assert!(says_close, "client {name}: after {head:?} the framing is in doubt");
        }
        open.close_said |= says_close;
        let framing = if bodiless { Framing::Length(0) } else { framing };
        open.reader.begin_body(framing);
        open.answer = Some(Answer {
            tag,
            checked: if bodiless { Checked::Free } else { checked },
            read_bytes: 0,
            framing,
        });
    }

    fn check_status(
        &self,
        awaited: &Awaited,
        status: u16,
        head: &Head,
        network: &Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) -> Checked {
        let (name, tag) = (self.name, awaited.tag);
        *ledger.answers.entry(status).or_default() += 1;
        let told = head.field("x-tag");
        match (awaited.kind, status) {
            (Kind::Proxied, 200)
                if told != Some(tag.text().as_str()) && ledger.may_get_unasked(tag, network) =>
            {
                // Shifted by one: this request's own answer may come to the next.
                ledger.excuse(tag);
                Checked::Free
            }
            (Kind::Proxied, 200) => {
                let text = tag.text();
                assert_eq!(
                    told,
                    Some(text.as_str()),
                    "client {name}: the answer of another request: {head:?}"
                );
                Checked::ByTag { bytes: ledger.entry(tag).answer_bytes }
            }
            (Kind::Proxied, 502..=504) => {
                assert!(
                    !expected.faultless && ledger.excuses_failure(tag, network),
                    "client {name}: {} failed without a fault: {head:?}",
                    tag.text()
                );
                assert_eq!(told, None, "client {name}: the gateway's own answer");
                Checked::Free
            }
            (Kind::Mock, 200) => Checked::Mock,
            (Kind::Missing, 404) => Checked::Free,
            (Kind::Malformed, 400..=499 | 501 | 505) => Checked::Free,
            // A good head whose body is broken: the back end may fail before that is known.
            (Kind::Malformed, 502..=504) if !expected.faultless => Checked::Free,
            // A head or a body that the network cut off, or a write that it slowed down.
            (_, 408) if !expected.faultless => Checked::Free,
            (_, 503) if expected.draining => Checked::Free,
            (kind, _) => panic!("client {name}: {kind:?} {} got {head:?}", tag.text()),
        }
    }

    fn on_answered(&mut self, open: &mut Open, ledger: &mut Ledger) {
        let (Some(answer), Some(awaited)) = (open.answer.take(), open.awaited.pop_front()) else {
            panic!("client {}: an answer without a request", self.name);
        };
        assert_eq!(answer.tag, awaited.tag, "answers come in order");
        answer.check_complete(self.name);
        self.note(|| format!("has {} answered, whole", answer.tag.text()));
        ledger.entry_mut(answer.tag).answered = true;
        if open.awaited.is_empty() && open.close_said {
            open.unwritten.clear();
            open.kept_body = None;
        }
        if open.kept_body.is_some() && open.awaited.is_empty() {
            // The final answer came instead of 100. The body is owed all the same, or the
            // connection is over (RFC 9110 section 10.1.1); over is simpler.
            open.kept_body = None;
            open.left = 0;
        }
        open.ask_at = self.clock.now() + self.pause(self.manner.think_max);
    }

    /// The gateway closed or reset. Everything not answered needs an excuse.
    fn gone(
        &mut self,
        mut open: Open,
        gone: Gone,
        network: &mut Network,
        ledger: &mut Ledger,
        expected: &Expectations,
    ) {
        self.note(|| format!("{:?}: {gone:?}", open.end));
        let name = self.name;
        let tampered = network.tampered(open.end);
        if gone == Gone::Ended
            && let Some(answer) = &open.answer
            && answer.framing == Framing::UntilClose
        {
            self.on_answered(&mut open, ledger);
        }
        let mut excused = tampered || open.close_said || expected.draining;
        if let Some(answer) = &open.answer {
            assert!(
                tampered || ledger.excuses_truncation(answer.tag, network),
                "client {name}: the answer to {} broke off: {answer:?}, {gone:?}",
                answer.tag.text()
            );
            excused = true;
        } else {
            assert!(
                tampered || gone == Gone::Reset || !open.reader.has_bytes(),
                "client {name}: a head broke off"
            );
        }
        for awaited in &open.awaited {
            ledger.lost += 1;
            // An answer that breaks off may take its head along. Behind a request that was excused
            // nothing is answered.
            excused |= awaited.kind == Kind::Malformed
                || awaited.after_long_pause
                || ledger.excuses_truncation(awaited.tag, network);
            assert!(excused, "client {name}: {} was not answered: {gone:?}", awaited.tag.text());
        }
        network.close(open.end, Close::Orderly);
    }

    /// Goes without waiting for the answers.
    fn leave(
        &mut self,
        open: &Open,
        network: &mut Network,
        ledger: &mut Ledger,
    ) -> Option<Instant> {
        let how = *self.random.pick(&[Close::Orderly, Close::Abort]);
        self.note(|| format!("leaves {:?}, {how:?}", open.end));
        for awaited in &open.awaited {
            ledger.excuse(awaited.tag);
        }
        network.close(open.end, how);
        self.go_away(Duration::from_millis(200))
    }
}

impl Open {
    /// Without the times: they differ from run to run, and a replay must say the same.
    fn describe(&self) -> String {
        format!(
            "{:?} awaits {:?}, {} bytes unwritten, answer {:?}, close said: {}",
            self.end,
            self.awaited,
            self.unwritten.len(),
            self.answer,
            self.close_said
        )
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Ended,
    Reset,
}

impl Answer {
    fn check(&self, bytes: &[u8]) {
        let right = match self.checked {
            Checked::ByTag { .. } => self.tag.answer_body(self.read_bytes, bytes.len()),
            Checked::Mock => MOCK_BODY.bytes().skip(self.read_bytes).take(bytes.len()).collect(),
            Checked::Free => return,
        };
        assert!(
            right == bytes,
            "the answer to {} has other bytes than sent, behind {}",
            self.tag.text(),
            self.read_bytes
        );
    }

    fn check_complete(&self, name: usize) {
        let right = match self.checked {
            Checked::ByTag { bytes } => bytes,
            Checked::Mock => MOCK_BODY.len(),
            Checked::Free => return,
        };
        assert_eq!(
            self.read_bytes,
            right,
            "client {name}: the answer to {} ended in another place",
            self.tag.text()
        );
    }
}
