//! A toy gateway: proves that the simulation lets good worlds pass and finds each kind of mistake.
//!
//! It reads a whole request, opens a new connection to a back end, reads the whole answer and writes
//! it on. No pools, no retries, no streaming: as naive as it can be. Each [`Sabotage`] is a mistake
//! that a real gateway could make; the tests here demand that some seed finds it.

use super::env::SimEnv;
use super::peers::message::{Framing, Head, Reader, declared_framing};
use super::peers::requests::MOCK_BODY;
use super::random::PerMille;
use super::ring::SimRing;
use super::weather::{Mood, Weather};
use super::world::{IDLE_TIMEOUT, KEEP_ALIVE, Plan, RESPONSE_TIMEOUT, Setup, Subject, run_seed};
use crate::ring::{
    BufferGroup, Close, Completion, Env, InFlight, Lease, Received, Ring, SendId, Socket, Token,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// A mistake built in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    None,
    /// Answers with what the last request got.
    StaleAnswer,
    /// Keeps one buffer forever.
    LeakedBuffer,
    /// Does not answer one request in ten.
    Forgetful,
    /// Sends one request in ten twice.
    Repeats,
    /// Loses the last byte of a body.
    Truncates,
    /// Never closes its connections to back ends.
    LeakedSocket,
    /// Changes one byte of a request's body.
    Garbles,
}

/// What one socket is for.
#[derive(Debug)]
enum Role {
    Client { exchange: Option<u64>, close_after: bool, head_only: bool },
    BackEnd { client: u64, head: Head, body: Vec<u8>, answer: Answer },
}

#[derive(Debug, Default)]
struct Answer {
    tag: Option<String>,
    begun: bool,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Conn {
    socket: Socket,
    role: Role,
    reader: Reader,
    request: Option<(Head, Vec<u8>)>,
    receiving: bool,
    sending: Option<SendId>,
    connecting: bool,
    closing: bool,
    closed: bool,
    finished: bool,
    ended: bool,
    out_of_buffers: bool,
    deadline: Instant,
}

struct Listening {
    socket: Socket,
    token: Token,
    accepting: bool,
    closed: bool,
}

struct Toy<const SABOTAGE: u8> {
    env: SimEnv,
    back_ends: Vec<SocketAddr>,
    listeners: Vec<Listening>,
    conns: BTreeMap<u64, Conn>,
    next: u64,
    draining: bool,
    stale: Vec<u8>,
    leaked: Vec<Lease>,
}

const LISTENER: u64 = 1 << 56;
const SABOTAGES: &[Sabotage] = &[
    Sabotage::None,
    Sabotage::StaleAnswer,
    Sabotage::LeakedBuffer,
    Sabotage::Forgetful,
    Sabotage::Repeats,
    Sabotage::Truncates,
    Sabotage::LeakedSocket,
    Sabotage::Garbles,
];

impl<const SABOTAGE: u8> Toy<SABOTAGE> {
    fn sabotage(&mut self, kind: Sabotage, one_in: u64) -> bool {
        SABOTAGES[SABOTAGE as usize] == kind && self.env.random().is_multiple_of(one_in)
    }

    fn open(&mut self, socket: Socket, role: Role, id: u64, connecting: bool) {
        let deadline = self.env.now() + if connecting { RESPONSE_TIMEOUT } else { KEEP_ALIVE };
        let conn = Conn {
            socket,
            role,
            reader: Reader::new(),
            request: None,
            receiving: false,
            sending: None,
            connecting,
            closing: false,
            closed: false,
            finished: false,
            ended: false,
            out_of_buffers: false,
            deadline,
        };
        self.conns.insert(id, conn);
    }

    fn receive(&mut self, id: u64) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !conn.closing
            && !conn.receiving
            && !conn.ended
        {
            conn.receiving = true;
            conn.out_of_buffers = false;
            self.env.ring.receive(conn.socket, BufferGroup::Client, Token(id));
        }
    }

    fn send(&mut self, id: u64, bytes: &[u8]) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !conn.closing
        {
            let mut outgoing = self.env.ring.outgoing();
            outgoing.copy(bytes);
            conn.sending = Some(self.env.ring.send(conn.socket, Token(id), outgoing));
        }
    }

    fn close(&mut self, id: u64, how: Close) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !conn.closing
        {
            conn.closing = true;
            let in_flight =
                InFlight { receive: conn.receiving, send: conn.sending, connect: conn.connecting };
            let group = BufferGroup::Client;
            self.env.ring.close(conn.socket, Token(id), group, in_flight, how);
            let other = match &conn.role {
                Role::Client { exchange, .. } => exchange.map(|back| (back, None)),
                Role::BackEnd { client, .. } => Some((*client, Some(()))),
            };
            match other {
                Some((back, None)) => self.close(back, Close::Abort),
                Some((client, Some(()))) => self.exchange_failed(client, id),
                None => {}
            }
        }
    }

    fn exchange_failed(&mut self, client: u64, back: u64) {
        let waiting = self.conns.get_mut(&client).is_some_and(|conn| match &mut conn.role {
            Role::Client { exchange, .. } if *exchange == Some(back) => {
                *exchange = None;
                true
            }
            _ => false,
        });
        if waiting {
            self.respond(client, 502, None, b"{}");
        }
    }

    fn respond(&mut self, id: u64, status: u16, tag: Option<&str>, body: &[u8]) {
        // One send carries all; a slow reader takes its time.
        let deadline = self.env.now() + IDLE_TIMEOUT * 20;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.deadline = deadline;
        let close = matches!(conn.role, Role::Client { close_after: true, .. });
        let head_only = matches!(conn.role, Role::Client { head_only: true, .. });
        let mut message = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
        if let Some(tag) = tag {
            message += &format!("X-Tag: {tag}\r\n");
        }
        message += if close { "Connection: close\r\n\r\n" } else { "\r\n" };
        let mut message = message.into_bytes();
        if !head_only {
            message.extend(body);
        }
        if self.sabotage(Sabotage::Forgetful, 10) {
            return;
        }
        self.send(id, &message);
    }

    /// Handles what one client has asked so far, one request at a time.
    fn serve(&mut self, id: u64) {
        let now = self.env.now();
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Role::Client { exchange: None, close_after, head_only } = &mut conn.role else {
            return;
        };
        if conn.sending.is_some() || conn.closing || conn.finished {
            return;
        }
        if conn.request.is_none() {
            let Some(head) = conn.reader.head().expect("clients of toys are plain") else {
                return;
            };
            let framing = declared_framing(&head).expect("clients of toys are plain");
            conn.reader.begin_body(framing.unwrap_or(Framing::Length(0)));
            *close_after = head.says_close() || head.start.ends_with("1.0");
            *head_only = head.start.starts_with("HEAD");
            let expects = head.field("expect").is_some();
            conn.request = Some((head, Vec::new()));
            conn.deadline = now + IDLE_TIMEOUT;
            if expects {
                self.send(id, b"HTTP/1.1 100 Continue\r\n\r\n");
                return;
            }
        }
        let Some((_, body)) = &mut conn.request else { return };
        let part = conn.reader.body().expect("clients of toys are plain");
        body.extend(part.bytes);
        if !part.complete {
            return;
        }
        let Some((head, mut body)) = conn.request.take() else { return };
        if head.start.contains(" /hello") {
            return self.respond(id, 200, None, MOCK_BODY.as_bytes());
        }
        if !head.start.contains(" /b/") {
            return self.respond(id, 404, None, b"{}");
        }
        if !body.is_empty() && self.sabotage(Sabotage::Garbles, 1) {
            body[0] ^= 1;
        }
        self.call(id, head, body);
    }

    fn call(&mut self, client: u64, head: Head, body: Vec<u8>) {
        let pick = self.env.random() as usize % self.back_ends.len();
        self.next += 1;
        let back = self.next;
        match self.env.ring.connect(self.back_ends[pick], Token(back)) {
            Err(_) => self.respond(client, 503, None, b"{}"),
            Ok(socket) => {
                if let Some(Conn { role: Role::Client { exchange, .. }, deadline, .. }) =
                    self.conns.get_mut(&client)
                {
                    *exchange = Some(back);
                    // The back end's own deadline is the one that counts.
                    *deadline += RESPONSE_TIMEOUT * 20;
                }
                let role = Role::BackEnd { client, head, body, answer: Answer::default() };
                self.open(socket, role, back, true);
            }
        }
    }

    fn connected(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Role::BackEnd { client, head, body, .. } = &conn.role else { return };
        let client = *client;
        let line = head.start.replace("HTTP/1.0", "HTTP/1.1");
        let length = body.len();
        let mut message =
            format!("{line}\r\nHost: b\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
                .into_bytes();
        message.extend(body);
        let again = (head.clone(), body.clone());
        self.send(id, &message);
        self.receive(id);
        if self.sabotage(Sabotage::Repeats, 10) {
            // The first one's answer comes to nobody.
            self.call(client, again.0, again.1);
        }
    }

    /// Reads a back end's answer; writes it to the client when it is whole.
    fn answered(&mut self, id: u64, ended: bool) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Role::BackEnd { client, head, answer, .. } = &mut conn.role else { return };
        let (client, head_only) = (*client, head.start.starts_with("HEAD"));
        let mut until_close = false;
        while !answer.begun {
            match conn.reader.head() {
                Err(_) => return self.close(id, Close::Abort),
                Ok(None) if ended => return self.close(id, Close::Abort),
                Ok(None) => return,
                Ok(Some(head)) if head.start.contains(" 10") => {
                    conn.reader.begin_body(Framing::Length(0));
                }
                Ok(Some(head)) => {
                    let Ok(framing) = declared_framing(&head) else {
                        return self.close(id, Close::Abort);
                    };
                    answer.begun = true;
                    answer.tag = head.field("x-tag").map(str::to_owned);
                    if answer.tag.is_none() {
                        return self.close(id, Close::Abort);
                    }
                    let framing = framing.unwrap_or(Framing::UntilClose);
                    until_close = framing == Framing::UntilClose;
                    let framing = if head_only { Framing::Length(0) } else { framing };
                    conn.reader.begin_body(framing);
                }
            }
        }
        until_close |= conn.reader.is_until_close();
        let Ok(part) = conn.reader.body() else {
            return self.close(id, Close::Abort);
        };
        answer.body.extend(part.bytes);
        let is_whole = part.complete || (ended && until_close);
        if !is_whole {
            if ended {
                self.close(id, Close::Abort);
            }
            return;
        }
        let (tag, mut body) = (answer.tag.take(), std::mem::take(&mut answer.body));
        let waiting = self.conns.get_mut(&client).is_some_and(|conn| match &mut conn.role {
            Role::Client { exchange, .. } if *exchange == Some(id) => {
                *exchange = None;
                true
            }
            _ => false,
        });
        if self.sabotage(Sabotage::StaleAnswer, 4) {
            std::mem::swap(&mut self.stale, &mut body);
        }
        if !body.is_empty() && self.sabotage(Sabotage::Truncates, 4) {
            body.pop();
        }
        if waiting {
            self.respond(client, 200, tag.as_deref(), &body);
        }
        if self.sabotage(Sabotage::LeakedSocket, 10) {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.deadline += IDLE_TIMEOUT * 1000;
            }
        } else {
            self.close(id, Close::Orderly);
        }
    }

    fn on(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { token, socket, more } => {
                if let Ok(socket) = socket {
                    self.next += 1;
                    let id = self.next;
                    let role =
                        Role::Client { exchange: None, close_after: false, head_only: false };
                    self.open(socket, role, id, false);
                    self.receive(id);
                }
                let draining = self.draining;
                if let Some(it) = self.listeners.iter_mut().find(|it| it.token == token) {
                    it.accepting = more || !draining;
                    if !more && !draining {
                        self.env.ring.accept(it.socket, token);
                    } else if !more {
                        let nothing = InFlight::default();
                        let group = BufferGroup::Client;
                        self.env.ring.close(it.socket, token, group, nothing, Close::Orderly);
                    }
                }
            }
            Completion::Received { token, received, more } => {
                self.received(token.0, received, more)
            }
            Completion::Connected { token, result } => {
                if let Some(conn) = self.conns.get_mut(&token.0) {
                    conn.connecting = false;
                    match result {
                        Ok(()) if !conn.closing => self.connected(token.0),
                        Ok(()) => {}
                        Err(_) => self.close(token.0, Close::Orderly),
                    }
                }
            }
            Completion::Sent { token, outgoing, result } => {
                self.env.ring.recycle(outgoing);
                self.sent(token.0, result.is_ok());
            }
            Completion::Closed { token } => {
                if let Some(conn) = self.conns.get_mut(&token.0) {
                    conn.closed = true;
                }
                if let Some(it) = self.listeners.iter_mut().find(|it| it.token == token) {
                    it.closed = true;
                }
            }
        }
    }

    fn received(&mut self, id: u64, received: Received, more: bool) {
        let now = self.env.now();
        let Some(conn) = self.conns.get_mut(&id) else {
            panic!("a completion for a slot that is free");
        };
        conn.receiving = more;
        let is_client = matches!(conn.role, Role::Client { .. });
        match received {
            Received::Bytes(lease) => {
                conn.reader.push(&lease);
                if !matches!(conn.role, Role::Client { exchange: Some(_), .. }) {
                    conn.deadline = conn.deadline.max(now + IDLE_TIMEOUT);
                }
                if self.leaked.is_empty() && self.sabotage(Sabotage::LeakedBuffer, 20) {
                    self.leaked.push(lease);
                }
                if is_client {
                    self.serve(id)
                } else {
                    self.answered(id, false)
                }
                self.receive(id);
            }
            Received::NoBuffers => conn.out_of_buffers = true,
            Received::End if is_client => {
                // It may still want the answers to what it has asked.
                conn.ended = true;
                let waits = matches!(conn.role, Role::Client { exchange: Some(_), .. });
                if !waits && conn.sending.is_none() {
                    self.close(id, Close::Orderly);
                }
            }
            Received::End => self.answered(id, true),
            Received::Failed(_) => self.close(id, Close::Orderly),
        }
    }

    fn sent(&mut self, id: u64, well: bool) {
        let deadline = self.env.now() + KEEP_ALIVE;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.sending = None;
        if !well {
            return self.close(id, Close::Orderly);
        }
        if conn.closing {
            return;
        }
        let Role::Client { close_after, exchange, .. } = &conn.role else { return };
        if *close_after && exchange.is_none() && conn.request.is_none() {
            // The client closes when it has read everything.
            conn.finished = true;
            conn.deadline = deadline;
            self.env.ring.shut_down_sending(conn.socket);
        } else {
            self.serve(id);
        }
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let waits = matches!(conn.role, Role::Client { exchange: Some(_), .. });
        if conn.ended && !waits && conn.sending.is_none() {
            self.close(id, Close::Orderly);
        }
    }
}

impl<const SABOTAGE: u8> Subject for Toy<SABOTAGE> {
    fn begin(mut env: SimEnv, setup: &Setup) -> Self {
        let mut listeners = Vec::new();
        for (index, (socket, _)) in setup.listeners.iter().enumerate() {
            let token = Token(LISTENER | index as u64);
            env.ring.accept(*socket, token);
            listeners.push(Listening { socket: *socket, token, accepting: true, closed: false });
        }
        Self {
            env,
            back_ends: setup.back_ends.clone(),
            listeners,
            conns: BTreeMap::new(),
            next: 0,
            draining: false,
            stale: Vec::new(),
            leaked: Vec::new(),
        }
    }

    fn turn(&mut self) -> bool {
        let mut completions = Vec::new();
        self.env.ring.turn(&mut completions);
        let busy = !completions.is_empty();
        for completion in completions {
            self.on(completion);
        }
        let now = self.env.now();
        let ids: Vec<u64> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(conn) = self.conns.get(&id) else { continue };
            if conn.closed && !conn.receiving && conn.sending.is_none() && !conn.connecting {
                self.conns.remove(&id);
            } else if conn.deadline <= now && !conn.closing {
                self.close(id, Close::Orderly);
            } else if conn.out_of_buffers {
                self.receive(id);
            }
        }
        busy
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.conns.values().filter(|conn| !conn.closing).map(|conn| conn.deadline).min()
    }

    fn check(&self) {
        for (id, conn) in &self.conns {
            if let Role::Client { exchange: Some(back), .. } = conn.role {
                assert!(self.conns.contains_key(&back), "client {id} waits for nobody");
            }
        }
    }

    fn ring(&self) -> &SimRing {
        &self.env.ring
    }

    fn describe(&self) -> String {
        let role = |conn: &Conn| match &conn.role {
            Role::Client { exchange, .. } => format!("client of {exchange:?}"),
            Role::BackEnd { client, .. } => format!("back end for {client}"),
        };
        let lines = self.conns.iter().map(|(id, conn)| format!("\n  {id}: {}", role(conn)));
        lines.collect()
    }

    fn swap(&mut self) -> Option<SocketAddr> {
        None
    }

    fn clear_up(&mut self) {}

    fn drain(&mut self) {
        self.draining = true;
        for listener in &self.listeners {
            self.env.ring.cancel_accept(listener.token);
        }
    }

    fn open_for_clients(&self) -> Option<String> {
        let is_client = |conn: &&Conn| matches!(conn.role, Role::Client { .. });
        let open: Vec<_> = self.conns.values().filter(is_client).collect();
        (!open.is_empty()).then(|| format!("{} connections", open.len()))
    }

    fn is_drained(&self) -> bool {
        self.conns.is_empty() && self.listeners.iter().all(|it| it.closed)
    }
}

fn adjust(weather: &mut Weather) {
    // The toy's reader is not strict.
    weather.client_malformed = PerMille(0);
}

const PLAN: Plan = Plan { test: "sim::toy", adjust, upheaval: false };

#[test]
fn a_toy_without_mistakes_passes_in_every_weather() {
    super::world::run_seeds::<Toy<0>>(&PLAN);
}

#[test]
fn the_same_seed_runs_the_same_course() {
    for seed in 1..20 {
        assert_eq!(run_seed::<Toy<0>>(seed, &PLAN), run_seed::<Toy<0>>(seed, &PLAN));
    }
}

/// Runs seeds until one fails; its report must name the mistake.
fn is_found<const SABOTAGE: u8>(needles: &[&str]) {
    for seed in 1..200 {
        let plan = Plan { adjust: calm, ..PLAN };
        let Err(cause) = std::panic::catch_unwind(|| run_seed::<Toy<SABOTAGE>>(seed, &plan)) else {
            continue;
        };
        let report = cause.downcast_ref::<String>().expect("reports are texts");
        assert!(
            needles.iter().any(|needle| report.contains(needle)),
            "{:?} was taken for something else: {report}",
            SABOTAGES[SABOTAGE as usize]
        );
        assert!(report.contains(&format!("RINGGATE_SEED={seed} ")), "how to replay");
        assert!(!report.contains("NOT DETERMINISTIC"), "the replay took the same course");
        return;
    }
    panic!("no seed found {:?}", SABOTAGES[SABOTAGE as usize]);
}

fn calm(weather: &mut Weather) {
    adjust(weather);
    weather.clear_up();
    weather.mood = Mood::Calm;
}

#[test]
fn a_stale_answer_is_found() {
    is_found::<1>(&["other bytes than sent", "ended in another place"]);
}

#[test]
fn a_leaked_buffer_is_found() {
    is_found::<2>(&["buffers lent at the end", "not within", "nothing moved"]);
}

#[test]
fn a_forgotten_request_is_found() {
    is_found::<3>(&["was not answered", "nothing moved", "the answer of another request"]);
}

#[test]
fn a_repeated_request_is_found() {
    is_found::<4>(&["not safe to repeat", "attempts"]);
}

#[test]
fn a_truncated_answer_is_found() {
    is_found::<5>(&["ended in another place"]);
}

#[test]
fn a_leaked_connection_is_found() {
    is_found::<6>(&["the drain is over", "all connections are closed"]);
}

#[test]
fn a_garbled_request_is_found() {
    is_found::<7>(&["other bytes than sent"]);
}
