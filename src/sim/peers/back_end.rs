//! A simulated back end: checks each request against the ledger, answers, and misbehaves.
//!
//! What it does to a request beyond answering it is drawn when the head has come. Lawful variety
//! (framings, interim answers, pauses, `Connection: close`) happens in every weather; a fault is
//! entered into the ledger as an excuse before it is committed.

use super::ledger::{Admission, Ledger, Tag, UNASKED};
use super::message::{Framing, Head, Reader, chunk_sizes, chunked, declared_framing};
use crate::ring::Close;
use crate::sim::clock::Clock;
use crate::sim::network::{End, Listener, Network, Read};
use crate::sim::random::Random;
use crate::sim::trace::Trace;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a back end does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// RST as soon as it knows the request.
    ResetAtOnce,
    /// FIN instead of an answer.
    CloseWithoutAnswer,
    /// RST in the middle of the answer.
    ResetInBody,
    /// FIN in the middle of a counted or chunked answer.
    CloseInBody,
    /// Never answers.
    Stall,
    /// Stops in the middle of the answer.
    StallInBody,
    /// Neither answers nor reads on.
    Deaf,
    /// A byte now and then.
    Trickle,
    /// An answer that nobody asked for, right behind the one asked for.
    ExtraAnswer,
    /// Answers before it has read the body, and goes on.
    Early,
    /// Answers before it has read the body, and closes with the rest unread.
    EarlyAndClose,
    /// Not HTTP, or doubtful HTTP.
    Garbage,
}

const FAULTS: &[Fault] = &[
    Fault::ResetAtOnce,
    Fault::CloseWithoutAnswer,
    Fault::ResetInBody,
    Fault::CloseInBody,
    Fault::Stall,
    Fault::StallInBody,
    Fault::Deaf,
    Fault::Trickle,
    Fault::ExtraAnswer,
    Fault::Early,
    Fault::EarlyAndClose,
    Fault::Garbage,
];

const GARBAGE: &[&str] = &[
    "this is not HTTP\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
];

/// How long a deaf one stays deaf: longer than any time-out of the gateway.
const DEAF: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Connection {
    end: End,
    reader: Reader,
    request: Option<Request>,
    unwritten: VecDeque<u8>,
    write_at: Instant,
    read_at: Instant,
    /// While above 0, one byte at a time is written.
    trickled_bytes: usize,
    /// What happens once everything is written.
    then: Then,
    /// Closes at this time when idle.
    close_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    Close(Close),
    /// Says nothing more, until the other side closes.
    Hang,
}

#[derive(Debug)]
struct Request {
    tag: Tag,
    head_only: bool,
    read_bytes: usize,
    complete: bool,
    answered: bool,
    answer_at: Instant,
    fault: Option<Fault>,
}

/// One back end of a world.
#[derive(Debug)]
pub(crate) struct BackEnd {
    address: SocketAddr,
    listener: Listener,
    connections: Vec<Connection>,
    clock: Clock,
    random: Random,
    trace: Trace,
}

impl BackEnd {
    /// A back end that listens.
    pub(crate) fn new(
        address: SocketAddr,
        network: &mut Network,
        clock: Clock,
        random: Random,
        trace: Trace,
    ) -> Self {
        Self {
            address,
            listener: network.listen(address),
            connections: Vec::new(),
            clock,
            random,
            trace,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that it still has.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// What it is doing, for the report of a world that does not come to rest.
    pub(crate) fn describe(&self) -> String {
        let mut lines = format!("back end {}:", self.address);
        for connection in &self.connections {
            lines += &format!(
                "\n    {:?} {:?} {:?}, {} bytes unwritten",
                connection.end,
                connection.request.as_ref().map(|request| (request.tag, request.fault)),
                connection.then,
                connection.unwritten.len()
            );
        }
        lines
    }

    /// Does what can be done now. Gives the time of its next own action, if it has one.
    pub(crate) fn poll(&mut self, network: &mut Network, ledger: &mut Ledger) -> Option<Instant> {
        let now = self.clock.now();
        while let Some(end) = network.accept(self.listener) {
            self.connections.push(Connection {
                end,
                reader: Reader::new(),
                request: None,
                unwritten: VecDeque::new(),
                write_at: now,
                read_at: now,
                trickled_bytes: 0,
                then: Then::Keep,
                close_at: None,
            });
        }
        let mut wake: Option<Instant> = None;
        let mut index = 0;
        while index < self.connections.len() {
            let mut connection = self.connections.swap_remove(index);
            if let Life::Over = self.drive(&mut connection, network, ledger) {
                continue;
            }
            let mut times = vec![connection.write_at, connection.read_at];
            times.extend(connection.close_at);
            times.extend(connection.request.as_ref().map(|request| request.answer_at));
            for at in times.into_iter().filter(|at| *at > now) {
                wake = Some(wake.map_or(at, |other| other.min(at)));
            }
            // Back to where it was: the others' order must not depend on who died.
            self.connections.push(connection);
            let last = self.connections.len() - 1;
            self.connections.swap(index, last);
            index += 1;
        }
        wake
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.trace.note(&self.clock, || format!("back end {}: {}", self.address, line()));
    }

    fn drive(
        &mut self,
        connection: &mut Connection,
        network: &mut Network,
        ledger: &mut Ledger,
    ) -> Life {
        let now = self.clock.now();
        let idle = connection.request.is_none()
            && connection.unwritten.is_empty()
            && connection.then == Then::Keep;
        if idle && connection.close_at.is_some_and(|at| at <= now) {
            // Lawful, but a request may be on its way.
            self.note(|| format!("closes the idle {:?}", connection.end));
            network.faults += 1;
            network.close(connection.end, Close::Orderly);
            return Life::Over;
        }
        if self.read(connection, network) == Life::Over {
            return Life::Over;
        }
        if self.understand(connection, network, ledger) == Life::Over {
            return Life::Over;
        }
        self.answer_when_due(connection, network, ledger);
        if self.write(connection, network) == Life::Over {
            return Life::Over;
        }
        // Behind an early answer the next request may be here already.
        self.understand(connection, network, ledger)
    }

    fn read(&mut self, connection: &mut Connection, network: &mut Network) -> Life {
        if self.clock.now() < connection.read_at {
            return Life::GoesOn;
        }
        loop {
            match network.read(connection.end, 1 << 16) {
                Ok(Read::Nothing) => return Life::GoesOn,
                Ok(Read::Bytes(bytes)) => {
                    connection.reader.push(&bytes);
                    if let Then::Close(_) = connection.then {
                        // Said or decided to close: what comes now is not looked at.
                        connection.reader = Reader::new();
                    }
                }
                Ok(Read::End) | Err(_) => {
                    self.note(|| format!("the gateway closed {:?}", connection.end));
                    network.close(connection.end, Close::Orderly);
                    return Life::Over;
                }
            }
        }
    }

    fn understand(
        &mut self,
        connection: &mut Connection,
        network: &mut Network,
        ledger: &mut Ledger,
    ) -> Life {
        if connection.then != Then::Keep {
            return Life::GoesOn;
        }
        if connection.request.is_none() {
            if !connection.reader.has_bytes() {
                return Life::GoesOn;
            }
            assert!(
                connection.unwritten.is_empty(),
                "back end {}: the next request before the answer is out",
                self.address
            );
            let head = connection
                .reader
                .head()
                .unwrap_or_else(|error| panic!("back end {}: {error}", self.address));
            let Some(head) = head else {
                return Life::GoesOn;
            };
            if self.on_head(connection, &head, network, ledger) == Life::Over {
                return Life::Over;
            }
        }
        let Some(request) = &mut connection.request else {
            return Life::GoesOn;
        };
        if request.complete {
            return Life::GoesOn;
        }
        let tag = request.tag;
        let part = connection
            .reader
            .body()
            .unwrap_or_else(|error| panic!("back end {}, {}: {error}", self.address, tag.text()));
        let entry = ledger.entry(tag);
        if entry.admission == Admission::BrokenBody {
            assert!(!part.complete, "{} ended although it never did", tag.text());
            return Life::GoesOn;
        }
        assert!(
            part.bytes == tag.request_body(request.read_bytes, part.bytes.len()),
            "the body of {} has other bytes than sent, behind {}",
            tag.text(),
            request.read_bytes
        );
        request.read_bytes += part.bytes.len();
        if part.complete {
            assert_eq!(
                request.read_bytes,
                entry.body_bytes,
                "the body of {} ended in another place",
                tag.text()
            );
            request.complete = true;
            let pause = if self.random.below(4) == 0 { self.random.skewed(500) } else { 0 };
            request.answer_at = self.clock.now() + Duration::from_millis(pause as u64);
            if request.answered {
                // It was early: what follows is the next request.
                connection.request = None;
            }
        }
        Life::GoesOn
    }

    fn on_head(
        &mut self,
        connection: &mut Connection,
        head: &Head,
        network: &mut Network,
        ledger: &mut Ledger,
    ) -> Life {
        let address = self.address;
        let mut words = head.start.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert_eq!(words.next(), Some("HTTP/1.1"), "back end {address}: {head:?}");
        let tag = path
            .strip_prefix("/b/")
            .and_then(|rest| rest.split('/').next())
            .and_then(Tag::parse)
            .unwrap_or_else(|| panic!("back end {address}: not a path of ours: {head:?}"));
        assert!(head.field("host").is_some(), "back end {address}: no Host");
        ledger.seen_by_back_end(tag, method, connection.end);
        self.note(|| format!("reads {:?} on {:?}", head.start, connection.end));
        let framing = declared_framing(head)
            .unwrap_or_else(|error| panic!("back end {address}: {error}"))
            .unwrap_or(Framing::Length(0));
        connection.reader.begin_body(framing);
        let now = self.clock.now();
        let fault =
            self.random.happens(network.weather.back_end_fault).then(|| *self.random.pick(FAULTS));
        if let Some(fault) = fault {
            ledger.excuse(tag);
            self.note(|| format!("will do this to {}: {fault:?}", tag.text()));
        }
        connection.request = Some(Request {
            tag,
            head_only: method == "HEAD",
            read_bytes: 0,
            complete: false,
            answered: false,
            answer_at: now,
            fault,
        });
        if head.field("expect").is_some() && self.random.below(4) > 0 {
            connection.unwritten.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        match fault {
            Some(Fault::ResetAtOnce) => {
                network.close(connection.end, Close::Abort);
                return Life::Over;
            }
            Some(Fault::Deaf) => connection.read_at = now + DEAF,
            _ => {}
        }
        Life::GoesOn
    }

    fn answer_when_due(
        &mut self,
        connection: &mut Connection,
        network: &mut Network,
        ledger: &Ledger,
    ) {
        let now = self.clock.now();
        let Some(request) = &mut connection.request else {
            return;
        };
        let early = matches!(request.fault, Some(Fault::Early | Fault::EarlyAndClose));
        if request.answered || now < request.answer_at || !(request.complete || early) {
            return;
        }
        request.answered = true;
        let (tag, fault, head_only) = (request.tag, request.fault, request.head_only);
        if request.complete {
            connection.request = None;
        }
        if self.random.happens(network.weather.idle_close) {
            let later = Duration::from_millis(self.random.skewed(3000) as u64);
            connection.close_at = Some(now + later);
        }
        match fault {
            Some(Fault::Stall | Fault::Deaf) => connection.then = Then::Hang,
            Some(Fault::CloseWithoutAnswer) => connection.then = Then::Close(Close::Orderly),
            Some(Fault::Garbage) => {
                let garbage = *self.random.pick(GARBAGE);
                connection.unwritten.extend(garbage.as_bytes());
                let how = [Then::Hang, Then::Close(Close::Orderly)];
                connection.then = *self.random.pick(&how);
            }
            _ => self.answer(connection, tag, fault, head_only, network, ledger),
        }
    }

    fn answer(
        &mut self,
        connection: &mut Connection,
        tag: Tag,
        fault: Option<Fault>,
        head_only: bool,
        network: &mut Network,
        ledger: &Ledger,
    ) {
        let count = ledger.entry(tag).answer_bytes;
        let body = tag.answer_body(0, count);
        // One whose end is the connection's cannot be cut by FIN, nor have anything behind it,
        // without looking whole.
        let cut = matches!(fault, Some(Fault::CloseInBody | Fault::ExtraAnswer));
        let framing = match self.random.below(5) {
            0 if !cut && !head_only => Framing::UntilClose,
            1 | 2 => Framing::Chunked,
            _ => Framing::Length(count),
        };
        let mut head = String::new();
        if self.random.below(8) == 0 {
            head += "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
        }
        head += "HTTP/1.1 200 OK\r\n";
        head += &format!("X-Tag: {}\r\n", tag.text());
        let body = match framing {
            Framing::Length(_) => {
                head += &format!("Content-Length: {count}\r\n");
                body
            }
            Framing::Chunked => {
                head += "Transfer-Encoding: chunked\r\n";
                let sizes = chunk_sizes(&mut self.random, count);
                chunked(&body, &sizes)
            }
            Framing::UntilClose => {
                connection.then = Then::Close(Close::Orderly);
                body
            }
        };
        if connection.then == Then::Keep && self.random.below(8) == 0 {
            head += "Connection: close\r\n";
            connection.then = Then::Close(Close::Orderly);
        }
        head += "\r\n";
        let head_bytes = head.len();
        let mut message = head.into_bytes();
        if !head_only {
            message.extend(body);
        }
        match fault {
            Some(Fault::ResetInBody | Fault::CloseInBody | Fault::StallInBody) => {
                message.truncate(self.random.between(1, message.len() - 1).max(head_bytes / 2));
                connection.then = match fault {
                    Some(Fault::ResetInBody) => Then::Close(Close::Abort),
                    Some(Fault::CloseInBody) => Then::Close(Close::Orderly),
                    _ => Then::Hang,
                };
            }
            Some(Fault::ExtraAnswer) => {
                let extra = format!(
                    "HTTP/1.1 200 OK\r\nX-Tag: {UNASKED}\r\nContent-Length: 5\r\n\r\nextra"
                );
                let asked_bytes = connection.unwritten.len() + message.len();
                network.will_write_unasked(connection.end, asked_bytes);
                message.extend(extra.as_bytes());
            }
            Some(Fault::EarlyAndClose) => connection.then = Then::Close(Close::Orderly),
            Some(Fault::Trickle) => connection.trickled_bytes = self.random.between(1, 100),
            _ => {}
        }
        self.note(|| {
            format!(
                "answers {} with {} bytes, {framing:?}, then {:?}",
                tag.text(),
                message.len(),
                connection.then
            )
        });
        connection.unwritten.extend(message);
    }

    fn write(&mut self, connection: &mut Connection, network: &mut Network) -> Life {
        let now = self.clock.now();
        while !connection.unwritten.is_empty() {
            if now < connection.write_at {
                return Life::GoesOn;
            }
            let (piece, _) = connection.unwritten.as_slices();
            let count = if connection.trickled_bytes > 0 { 1 } else { piece.len() };
            let piece = piece[..count].to_vec();
            match network.write(connection.end, &piece) {
                Ok(0) => return Life::GoesOn,
                Ok(taken) => {
                    connection.unwritten.drain(..taken);
                    if connection.trickled_bytes > 0 {
                        connection.trickled_bytes -= 1;
                        connection.write_at = now + Duration::from_millis(50);
                    }
                }
                Err(_) => {
                    network.close(connection.end, Close::Orderly);
                    return Life::Over;
                }
            }
        }
        match connection.then {
            Then::Keep => Life::GoesOn,
            Then::Hang => Life::GoesOn,
            Then::Close(how) => {
                self.note(|| format!("closes {:?}, {how:?}", connection.end));
                network.close(connection.end, how);
                Life::Over
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    GoesOn,
    Over,
}
