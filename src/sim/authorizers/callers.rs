//! Clients of routes with authorizers: each knows what it must be told, and counts what it is told.

use super::{Kind, Said, TIMEOUT};
use crate::ring::Close;
use crate::sim::clock::Clock;
use crate::sim::network::{End, Network, Read};
use crate::sim::random::{PerMille, Random};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// One request and what it must be answered.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) is_remembered: bool,
    /// `None` says nothing of who calls.
    pub(super) token: Option<(Said, usize)>,
    body_bytes: usize,
    /// Whether the client goes away instead of waiting for the answer.
    leaves: bool,
}

impl Request {
    pub(super) fn drawn(
        random: &mut Random,
        what: &[Said],
        people: usize,
        leaves: PerMille,
    ) -> Self {
        let who = random.below(people);
        let token = (random.below(12) > 0).then(|| (*random.pick(what), who));
        Self {
            kind: *random.pick(&[Kind::Rest, Kind::Http, Kind::Managed]),
            is_remembered: random.below(4) > 0,
            token,
            body_bytes: if random.below(4) == 0 { random.skewed(3000) } else { 0 },
            leaves: random.happens(leaves),
        }
    }

    pub(super) fn witness() -> Self {
        Self {
            kind: Kind::Rest,
            is_remembered: true,
            token: Some((Said::Allow, 99)),
            body_bytes: 0,
            leaves: false,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let host = self.kind.host();
        let path = if self.is_remembered { "remembered" } else { "asked" };
        let method = if self.body_bytes > 0 { "POST" } else { "GET" };
        let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n");
        if let Some((said, who)) = self.token {
            head += &format!("Authorization: {}-{who}\r\n", said.word());
        }
        if self.body_bytes > 0 {
            head += &format!("Content-Length: {}\r\n", self.body_bytes);
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.resize(bytes.len() + self.body_bytes, b'x');
        bytes
    }

    /// What it must be answered where nothing but its token makes trouble.
    fn status(&self) -> u16 {
        match self.token {
            None => 401,
            Some((said, _)) => said.status(),
        }
    }
}

/// A client with a connection at a time, on which it may ask several things at once.
#[derive(Debug)]
pub(super) struct Caller {
    end: Option<End>,
    plan: VecDeque<Request>,
    /// Sent and not answered.
    pending: VecDeque<(Request, Instant)>,
    outbox: VecDeque<u8>,
    inbox: Vec<u8>,
    leaves_at: Option<Instant>,
    next_at: Instant,
    depth: usize,
    last_answer: Instant,
    pub(super) answers: usize,
    pub(super) granted: usize,
}

/// What all callers of a world keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) listen: SocketAddr,
    /// Whether each answer is known, and not only which it may be.
    pub(super) is_strict: bool,
    /// How often waiting may have begun anew.
    pub(super) upheavals: usize,
}

impl Caller {
    pub(super) fn new(plan: VecDeque<Request>, depth: usize, now: Instant) -> Self {
        Self {
            end: None,
            plan,
            pending: VecDeque::new(),
            outbox: VecDeque::new(),
            inbox: Vec::new(),
            leaves_at: None,
            next_at: now,
            depth,
            last_answer: now,
            answers: 0,
            granted: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.plan.is_empty() && self.pending.is_empty()
    }

    /// Closes what is open, everything having been answered.
    pub(super) fn go(&mut self, network: &mut Network) {
        if let Some(end) = self.end.take() {
            network.close(end, Close::Orderly);
        }
    }

    /// Does what it can. Gives when it wants to act next.
    pub(super) fn drive(
        &mut self,
        network: &mut Network,
        clock: &Clock,
        random: &mut Random,
        rules: Rules,
    ) -> Option<Instant> {
        let now = clock.now();
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.leave(network, random);
        }
        let Some(end) = self.end else {
            if self.is_done() {
                return None;
            }
            let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
            self.end = Some(network.connect(from, rules.listen));
            // What was not answered on the connection before is asked anew.
            for (request, _) in std::mem::take(&mut self.pending).into_iter().rev() {
                self.plan.push_front(request);
            }
            self.outbox.clear();
            self.inbox.clear();
            return Some(now);
        };
        if !matches!(network.connected(end), Some(Ok(()))) {
            return None;
        }
        while self.pending.len() < self.depth
            && self.next_at <= now
            && self.leaves_at.is_none()
            && let Some(request) = self.plan.pop_front()
        {
            self.outbox.extend(request.bytes());
            if request.leaves {
                self.leaves_at = Some(now + Duration::from_micros(random.skewed(4_000_000) as u64));
            }
            self.pending.push_back((request, now));
        }
        self.write(network, end);
        self.read(network, end, clock, random, rules);
        let next = (!self.plan.is_empty() && self.next_at > now).then_some(self.next_at);
        let has_more =
            !self.outbox.is_empty() && self.end.is_some_and(|end| network.is_writable(end));
        if has_more { Some(now) } else { next.into_iter().chain(self.leaves_at).min() }
    }

    /// It goes away: nobody reads what it is answered.
    fn leave(&mut self, network: &mut Network, random: &mut Random) {
        self.leaves_at = None;
        if let Some(end) = self.end.take() {
            network.close(end, *random.pick(&[Close::Orderly, Close::Abort]));
        }
        self.pending.clear();
    }

    fn write(&mut self, network: &mut Network, end: End) {
        while !self.outbox.is_empty() {
            let (piece, _) = self.outbox.as_slices();
            match network.write(end, piece) {
                Ok(0) | Err(_) => break,
                Ok(taken) => drop(self.outbox.drain(..taken)),
            }
        }
    }

    fn read(
        &mut self,
        network: &mut Network,
        end: End,
        clock: &Clock,
        random: &mut Random,
        rules: Rules,
    ) {
        loop {
            match network.read(end, 1 << 16) {
                Ok(Read::Nothing) => return,
                Ok(Read::Bytes(bytes)) => self.inbox.extend(bytes),
                Ok(Read::End) | Err(_) => {
                    // It goes away, and was told so, or was not asked for anything.
                    assert!(self.inbox.is_empty(), "half an answer: {:?}", self.inbox);
                    assert!(self.pending.is_empty(), "no answer to {:?}", self.pending);
                    network.close(end, Close::Orderly);
                    self.end = None;
                    return;
                }
            }
            while let Some((status, body, is_last)) = self.take_reply() {
                let (request, sent) = self.pending.pop_front().expect("somebody asked for it");
                self.check(&request, sent, (status, &body), clock.now(), rules);
                self.next_at = clock.now() + Duration::from_micros(random.skewed(2_000_000) as u64);
                if request.leaves {
                    self.leaves_at = None;
                }
                if is_last {
                    assert!(self.inbox.is_empty(), "more than the last answer");
                    network.close(end, Close::Orderly);
                    self.end = None;
                    self.leaves_at = None;
                    return;
                }
            }
        }
    }

    fn check(
        &mut self,
        request: &Request,
        sent: Instant,
        (status, body): (u16, &[u8]),
        now: Instant,
        rules: Rules,
    ) {
        self.answers += 1;
        let expected = request.status();
        let may_fail = !rules.is_strict && request.token.is_some();
        assert!(status == expected || (may_fail && status == 500), "{status} to {request:?}");
        if status == 200 {
            assert_eq!(body, b"in", "{request:?}");
            self.granted += 1;
        }
        let waited = now - sent.max(self.last_answer);
        let most = TIMEOUT * (1 + rules.upheavals as u32) + Duration::from_secs(2);
        assert!(waited <= most, "{waited:?} for {request:?}");
        self.last_answer = now;
    }

    /// Status, content, and whether the connection ends behind it.
    fn take_reply(&mut self) -> Option<(u16, Vec<u8>, bool)> {
        let end = self.inbox.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.inbox[..end].to_vec()).expect("ASCII");
        let head = head.to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length: usize = field("content-length: ").map_or(0, |it| it.parse().expect("a length"));
        if self.inbox.len() < end + length {
            return None;
        }
        let status = head.get(9..12).and_then(|it| it.parse().ok()).expect("a status");
        let body = self.inbox[end..end + length].to_vec();
        let is_last = field("connection: ") == Some("close");
        self.inbox.drain(..end + length);
        Some((status, body, is_last))
    }
}
