//! Functions elsewhere in the simulation: clients whose requests, questions and streams go to one place of
//! Lambda's API, which answers, throttles, breaks off, stalls, lies.
//!
//! Whatever it does: every request is answered exactly once or seen to be cut, with nobody else's content; a
//! stream is whole or seen to be cut; where all goes well all is answered well; and in the end nothing is left.

use super::clock::Clock;
use super::env::SimEnv;
use super::host::{Host, LISTEN, compiled, sum_of_seeds};
use super::network::{End, Listener, Network, Read};
use super::random::Random;
use super::weather::Weather;
use crate::control::endpoints::{Endpoints, Health, TargetEndpoints, UpstreamEndpoints};
use crate::control::mailbox::{FromShard, ToShard};
use crate::ring::Close;
use crate::shard::{Activity, Shard};
use crate::snapshot::service::RoleCredentials;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const FAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 9001);

/// More than both sockets and the shard hold together.
const STREAM_BYTES: usize = 512 * 1024;

const CONFIGURATION: &str = r#"
[server]
listen = []
[[remote_function]]
name = "far"
endpoint = "http://10.0.0.9:9001"
[[authorizer]]
name = "callers"
type = "request"
function = "far"
ttl = "20s"
timeout = "5s"
[[api]]
name = "a"
protocol = "rest"
[[api.route]]
route = "GET /plain/{id}"
integration = { type = "lambda", function = "far", timeout = "5s" }
[[api.route]]
route = "GET /asked/{id}"
authorizer = "callers"
integration = { type = "mock", status = 200, body = "in" }
[[api.route]]
route = "GET /streamed/{id}"
integration = { type = "lambda", function = "far", timeout = "15m", stream = true }
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Asked,
    Streamed,
}

/// What the far side does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Answers,
    /// With that status.
    Refuses(u16),
    /// The function fails.
    Fails,
    ClosesAtOnce,
    /// Closes behind so many parts of a hundred of its answer.
    BreaksOff(usize),
    /// Says nothing more from there on.
    Stalls(usize),
    /// Its stream ends well before the function does.
    EndsEarly,
    /// Turns one bit, if it is an event stream.
    Damages(usize),
}

/// A connection of the gateway to the far side.
#[derive(Debug)]
struct Connection {
    end: End,
    told: Vec<u8>,
    saying: VecDeque<u8>,
    closes: bool,
}

#[derive(Debug)]
struct Caller {
    kind: Kind,
    id: usize,
    end: Option<End>,
    starts: Instant,
    has_asked: bool,
    unsent: Vec<u8>,
    got: Vec<u8>,
    /// It closes once it has so many bytes.
    leaves_at: Option<usize>,
    reads_max: usize,
    next_read: Instant,
    is_done: bool,
}

struct World {
    shard: Shard<SimEnv>,
    network: Rc<RefCell<Network>>,
    clock: Clock,
    random: Random,
    reports: mpsc::Receiver<FromShard>,
    listener: Listener,
    connections: Vec<Connection>,
    callers: Vec<Caller>,
    is_calm: bool,
    calls: usize,
    drained: bool,
}

fn frame(event: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":message-type", "event")] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut out = ((16 + headers.len() + payload.len()) as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

/// How much a stream holds: of few requests so much that it must wait.
fn stream_bytes(id: usize) -> usize {
    if id.is_multiple_of(4) { STREAM_BYTES } else { 20_000 }
}

/// What a stream holds at that place: another thing for every request.
fn byte(id: usize, at: usize) -> u8 {
    ((at + id) % 251) as u8
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let mut weather = Weather::drawn(&mut random);
        weather.clear_up();
        let clock = Clock::new();
        let snapshot = |_: &mut Random| compiled(CONFIGURATION.to_owned(), 1);
        let Host { mut shard, network, reports } =
            Host::new(weather, &clock, &mut random, true, snapshot);
        let upstream = compiled(CONFIGURATION.to_owned(), 1).upstreams[0].key.clone();
        let target = FAR.to_string().into();
        let targets =
            vec![TargetEndpoints { target, addresses: vec![FAR], health: Health::Healthy }];
        let upstreams = vec![UpstreamEndpoints { upstream, targets }];
        shard.deliver(ToShard::Endpoints(Box::new(Endpoints { upstreams })));
        shard.deliver(ToShard::Credentials(vec![RoleCredentials {
            role: "".into(),
            access_key_id: "AKID".into(),
            secret_access_key: "secret".into(),
            session_token: None,
            expires: None,
        }]));
        let listener = network.borrow_mut().listen(FAR);
        let is_calm = random.below(3) == 0;
        let now = clock.now();
        let callers = (0..random.between(1, 12)).map(|id| {
            let kind = *random.pick(&[Kind::Plain, Kind::Asked, Kind::Streamed]);
            let leaves = !is_calm && random.below(5) == 0;
            Caller {
                kind,
                id,
                end: None,
                starts: now + Duration::from_millis(random.below(3000) as u64),
                has_asked: false,
                unsent: Vec::new(),
                got: Vec::new(),
                leaves_at: leaves.then(|| random.skewed(100_000)),
                reads_max: *random.pick(&[1 << 16, 1 << 13]),
                next_read: now,
                is_done: false,
            }
        });
        let callers = callers.collect();
        let connections = Vec::new();
        Self {
            shard,
            network,
            clock,
            random,
            reports,
            listener,
            connections,
            callers,
            is_calm,
            calls: 0,
            drained: false,
        }
    }

    fn step(&mut self) {
        let busy = self.shard.turn() == Activity::Busy;
        self.shard.check_invariants();
        while let Ok(report) = self.reports.try_recv() {
            if matches!(report, FromShard::Drained { .. }) {
                self.drained = true;
            }
        }
        let moved = self.network.borrow_mut().advance();
        while let Some(end) = { self.network.borrow_mut().accept(self.listener) } {
            let (told, saying, closes) = Default::default();
            self.connections.push(Connection { end, told, saying, closes });
        }
        let mut connections = std::mem::take(&mut self.connections);
        connections.retain_mut(|connection| self.drive_far(connection));
        self.connections = connections;
        let now = self.clock.now();
        let mut next = self.shard.next_deadline().min(now + Duration::from_secs(1));
        let mut callers = std::mem::take(&mut self.callers);
        for caller in &mut callers {
            next = next.min(self.drive_caller(caller).unwrap_or(next));
        }
        self.callers = callers;
        if let Some(event) = self.network.borrow().next_event() {
            next = next.min(event);
        }
        let has_work = self.shard.environment().ring.has_work();
        self.clock.pass(busy || moved || has_work, next, &mut self.random);
    }

    /// `false`: it is closed.
    fn drive_far(&mut self, connection: &mut Connection) -> bool {
        let mut network = self.network.borrow_mut();
        while !connection.saying.is_empty() {
            let (piece, _) = connection.saying.as_slices();
            match network.write(connection.end, piece) {
                Ok(0) => break,
                Ok(taken) => drop(connection.saying.drain(..taken)),
                Err(_) => {
                    network.close(connection.end, Close::Orderly);
                    return false;
                }
            }
        }
        if connection.closes && connection.saying.is_empty() {
            network.close(connection.end, Close::Orderly);
            return false;
        }
        match network.read(connection.end, 1 << 16) {
            Ok(Read::Bytes(bytes)) => connection.told.extend(bytes),
            Ok(Read::Nothing) => {}
            Ok(Read::End) | Err(_) => {
                network.close(connection.end, Close::Orderly);
                return false;
            }
        }
        drop(network);
        self.take_call(connection);
        true
    }

    fn take_call(&mut self, connection: &mut Connection) {
        let end = connection.told.windows(4).position(|it| it == b"\r\n\r\n");
        let Some(head_bytes) = end.map(|end| end + 4) else { return };
        let head = String::from_utf8_lossy(&connection.told[..head_bytes]).to_ascii_lowercase();
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
        if connection.told.len() < head_bytes + length {
            return;
        }
        let event = connection.told[head_bytes..head_bytes + length].to_vec();
        connection.told.drain(..head_bytes + length);
        assert!(head.contains("authorization: aws4-hmac-sha256 credential=akid/"), "{head}");
        self.calls += 1;
        let event: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
        let streams = head.starts_with("post /2021-11-15/functions/far/response-streaming-");
        let path = event["path"].as_str().unwrap_or_default();
        assert_eq!(streams, path.starts_with("/streamed/"), "{path}");
        let id = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
        let part = self.random.below(101);
        let all = [
            Does::Refuses(429),
            Does::Refuses(503),
            Does::Refuses(500),
            Does::Refuses(403),
            Does::Refuses(404),
            Does::Fails,
            Does::EndsEarly,
            Does::ClosesAtOnce,
            Does::BreaksOff(part),
            Does::Stalls(part),
            Does::Damages(part),
        ];
        let does = match self.is_calm || self.random.below(2) == 0 {
            true => Does::Answers,
            false => *self.random.pick(&all),
        };
        let answer = self.answer(does, id, streams, event["methodArn"].is_string());
        let (answer, closes) = match does {
            Does::ClosesAtOnce => (Vec::new(), true),
            Does::BreaksOff(part) => (answer[..answer.len() * part / 100].to_vec(), true),
            Does::Stalls(part) => (answer[..answer.len() * part / 100].to_vec(), false),
            _ => (answer, false),
        };
        connection.saying.extend(answer);
        connection.closes = closes;
    }

    fn answer(&mut self, does: Does, id: usize, streams: bool, asks: bool) -> Vec<u8> {
        let counted = |status: u16, fields: &str, content: &str| {
            let length = content.len();
            format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{content}")
                .into_bytes()
        };
        match does {
            Does::Refuses(status) => return counted(status, "", "{\"Message\":\"no\"}"),
            Does::Fails if !streams => {
                let failed = "X-Amz-Function-Error: Unhandled\r\n";
                return counted(200, failed, "{\"errorMessage\":\"no\"}");
            }
            _ => {}
        }
        if asks {
            let policy = r#"{"principalId":"p","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}}"#;
            return counted(200, "", policy);
        }
        if !streams {
            return counted(200, "", &format!("{{\"statusCode\":200,\"body\":\"plain {id}\"}}"));
        }
        let mut stream = frame("PayloadChunk", b"{\"statusCode\":201}\0\0\0\0\0\0\0\0");
        let mut at = 0;
        let bytes = match does {
            Does::EndsEarly => self.random.below(stream_bytes(id)),
            _ => stream_bytes(id),
        };
        while at < bytes {
            let count = self.random.between(1, 60_000).min(bytes - at);
            let piece: Vec<u8> = (at..at + count).map(|at| byte(id, at)).collect();
            stream.extend(frame("PayloadChunk", &piece));
            at += count;
        }
        stream.extend(match does {
            Does::EndsEarly => Vec::new(),
            Does::Fails => frame("InvokeComplete", b"{\"ErrorCode\":\"Unhandled\"}"),
            _ => frame("InvokeComplete", b"{}"),
        });
        if let Does::Damages(part) = does {
            let at = (stream.len() - 1) * part / 100;
            stream[at] ^= 4;
        }
        let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.random.between(1, 50_000).min(rest.len()));
            out.extend(format!("{:x}\r\n", piece.len()).as_bytes());
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
            rest = behind;
        }
        out.extend_from_slice(b"0\r\n\r\n");
        out
    }

    /// When it does something next of its own accord.
    fn drive_caller(&mut self, caller: &mut Caller) -> Option<Instant> {
        let now = self.clock.now();
        if caller.is_done || now < caller.starts {
            return (!caller.is_done).then_some(caller.starts);
        }
        let mut network = self.network.borrow_mut();
        let port = 50_000 + caller.id as u16;
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = *caller.end.get_or_insert_with(|| network.connect(from, LISTEN));
        if !matches!(network.connected(end), Some(Ok(()))) {
            return None;
        }
        if !caller.has_asked {
            caller.has_asked = true;
            let path = match caller.kind {
                Kind::Plain => "plain",
                Kind::Asked => "asked",
                Kind::Streamed => "streamed",
            };
            let request = format!(
                "GET /{path}/{} HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
                caller.id,
                caller.id % 2
            );
            caller.unsent = request.into_bytes();
        }
        if !caller.unsent.is_empty() {
            let sent = network.write(end, &caller.unsent).unwrap_or(caller.unsent.len());
            caller.unsent.drain(..sent);
        }
        if caller.leaves_at.is_some_and(|most| caller.got.len() >= most) {
            network.close(end, Close::Orderly);
            caller.is_done = true;
            return None;
        }
        if now < caller.next_read {
            return Some(caller.next_read);
        }
        caller.next_read = now + Duration::from_millis(self.random.below(10) as u64);
        match network.read(end, caller.reads_max) {
            Ok(Read::Bytes(bytes)) => caller.got.extend(bytes),
            Ok(Read::Nothing) => return None,
            Ok(Read::End) | Err(_) => {
                network.close(end, Close::Orderly);
                caller.is_done = true;
            }
        }
        Some(caller.next_read)
    }

    fn check_answer(&self, caller: &Caller) {
        let end = caller.got.windows(4).position(|it| it == b"\r\n\r\n");
        let Some(head_bytes) = end.map(|end| end + 4) else {
            // A reset takes what was under way with it.
            let may_be_cut = !self.is_calm && caller.kind == Kind::Streamed;
            assert!(caller.leaves_at.is_some() || may_be_cut, "no answer: {caller:?}");
            return;
        };
        let head = String::from_utf8_lossy(&caller.got[..head_bytes]).into_owned();
        let status: u16 = head[9..12].parse().expect("a status");
        let content = &caller.got[head_bytes..];
        let well = if caller.kind == Kind::Streamed { 201 } else { 200 };
        let is_well = status == well;
        assert!(is_well || (!self.is_calm && matches!(status, 500 | 502 | 504)), "{head}");
        if !is_well || caller.leaves_at.is_some() {
            return;
        }
        match caller.kind {
            Kind::Plain => assert_eq!(content, format!("plain {}", caller.id).as_bytes()),
            Kind::Asked => assert_eq!(content, b"in"),
            Kind::Streamed => {
                let mut body = crate::http::BodyReader::new(crate::http::Framing::Chunked);
                let (mut rest, mut got) = (content, Vec::new());
                while !rest.is_empty() && !body.is_done() {
                    let piece = body.read(rest).expect("what the shard writes can be read");
                    got.extend_from_slice(&rest[piece.data.clone()]);
                    rest = &rest[piece.consumed..];
                }
                let is_prefix = got.iter().enumerate().all(|(at, it)| *it == byte(caller.id, at));
                assert!(is_prefix, "another's content");
                assert!(
                    !body.is_done() || got.len() == stream_bytes(caller.id),
                    "a part told as the whole"
                );
                assert!(body.is_done() || !self.is_calm, "cut without a cause");
            }
        }
    }

    fn run(mut self) -> [usize; 3] {
        let begun = self.clock.now();
        let mut steps = 0;
        while self.callers.iter().any(|caller| !caller.is_done) {
            steps += 1;
            let waited = self.clock.now() - begun;
            assert!(steps < 1_000_000 && waited < Duration::from_secs(3000), "{:?}", self.callers);
            self.step();
        }
        for caller in &self.callers {
            self.check_answer(caller);
        }
        self.shard.deliver(ToShard::Drain { deadline: Duration::from_secs(10) });
        let drain = self.clock.now();
        while !self.drained || !self.shard.is_empty() {
            assert!(
                self.clock.now() < drain + Duration::from_secs(600),
                "{}",
                self.shard.describe()
            );
            self.step();
        }
        assert_eq!(self.shard.environment().ring.open_sockets(), 0, "sockets");
        assert_eq!(self.shard.environment().ring.buffers_lent(), 0, "buffers");
        let well = self.callers.iter().filter(|it| it.got.starts_with(b"HTTP/1.1 20")).count();
        [self.calls, self.callers.len(), well]
    }
}

#[test]
fn functions_elsewhere_answer_or_are_seen_not_to() {
    let [calls, requests, well] = sum_of_seeds("remotes", |seed| World::new(seed).run());
    println!("{calls} calls for {requests} requests, {well} of which went well");
    if super::host::one_seed().is_none() {
        assert!(
            2 * calls > requests && 2 * well > requests && well < requests,
            "{calls} {requests} {well}"
        );
    }
}
