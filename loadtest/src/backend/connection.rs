//! One connection of the back end: requests in, scripts out.
//!
//! ```text
//!          .------------------------------------ script played ----------------------------------.
//!          v                                                                                      |
//! Head --head--> Body --last byte--> (script) --Send, Pattern--> ... --Wait--> timer --> ... -----'
//!                 (an early answer is played before the body is read)   '--Close, Abort, Stall--> end
//! ```
//!
//! Requests pipelined behind one that is being answered wait in `input`, bounded; beyond the bound
//! the connection is not received from.

use super::echo::Echo;
use super::script::{Asked, Step, script};
use super::{PATTERN_BYTES, Worker};
use crate::backend::behaviour::{Behaviour, Fault, pairs};
use crate::network::Network as _;
use crate::units;
use crate::wire::Wire;
use bytes::Bytes;
use ringgate::http::{BodyReader, Fields, Framing, HeadLimits, RequestHead, Target, request_head};
use ringgate::ring::{BufferGroup, Close, Lease, Outgoing, Received, Ring, SlotId, Socket, Token};
use ringgate::tls::{Progress, Session};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Input that may wait while an answer is played.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// What one send carries before the rest waits for it.
const SEND_BYTES_MAX: usize = 256 * 1024;

const HEAD_LIMITS: HeadLimits = HeadLimits {
    request_line_bytes: 32 * 1024,
    head_bytes: 64 * 1024,
    fields: ringgate::http::FIELDS_MAX,
};

/// One connection.
pub(super) struct Connection {
    pub(super) wire: Wire,
    session: Option<Box<Session>>,
    /// TLS records that wait for the send in flight.
    unsent: Option<Box<Outgoing>>,
    /// Bytes that came and were not read yet.
    input: Vec<u8>,
    /// Steps still to play.
    script: VecDeque<Step>,
    phase: Phase,
    /// The timer that ends the current wait.
    waiting: Option<u64>,
    /// The peer has sent FIN: close when everything is answered.
    ended: bool,
    number: u64,
    requests: u64,
}

enum Phase {
    Head,
    Body {
        reader: BodyReader,
        then: Then,
    },
    /// Nothing more is read.
    Stalled,
}

/// What follows a request's body.
enum Then {
    /// The answer was given early.
    Nothing,
    Answer(Box<(Behaviour, Asked)>),
    /// The echo is counted and hashed while the body comes.
    Echo(Box<(Behaviour, Asked, Echo)>),
}

impl Connection {
    pub(super) fn new(socket: Socket, group: BufferGroup, token: Token, number: u64) -> Self {
        Self {
            wire: Wire::accepted(socket, group, token),
            session: None,
            unsent: None,
            input: Vec::new(),
            script: VecDeque::new(),
            phase: Phase::Head,
            waiting: None,
            ended: false,
            number,
            requests: 0,
        }
    }

    /// Whether this timer is the one the connection waits for; then it waits no more.
    pub(super) fn end_wait(&mut self, stamp: u64) -> bool {
        if self.waiting == Some(stamp) {
            self.waiting = None;
            return true;
        }
        false
    }
}

impl Worker {
    /// A new connection: refused, or received from.
    pub(super) fn greet(&mut self, id: SlotId) {
        if self.refuse_share > 0.0 && self.random.unit() < self.refuse_share {
            return self.close(id, Close::Abort);
        }
        let session = match &self.tls {
            Some(config) => match Session::accept(config) {
                Ok(session) => Some(Box::new(session)),
                Err(_) => return self.close(id, Close::Abort),
            },
            None => None,
        };
        if let Some(connection) = self.connections.get_mut(id) {
            connection.session = session;
            connection.wire.receive(&mut self.ring);
        }
    }

    pub(super) fn on_received(&mut self, id: SlotId, received: Received, more: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.wire.received(more);
        if connection.wire.is_closing() {
            return self.settle(id);
        }
        match received {
            Received::Bytes(lease) => {
                self.bytes(id, lease);
                self.receive_on(id);
            }
            Received::End => {
                connection.ended = true;
                self.advance(id, &[]);
            }
            Received::NoBuffers => self.starved.push(id),
            // By back-pressure; the receive goes on when the input is read.
            Received::Failed(error) if is_cancellation(&error) => self.receive_on(id),
            Received::Failed(_) => self.close(id, Close::Abort),
        }
    }

    /// Receives on, unless too much input waits.
    pub(super) fn receive_on(&mut self, id: SlotId) {
        if let Some(connection) = self.connections.get_mut(id) {
            if connection.input.len() > INPUT_BYTES_MAX {
                connection.wire.stop_receiving(&mut self.ring);
            } else if !connection.ended {
                connection.wire.receive(&mut self.ring);
            }
        }
    }

    fn bytes(&mut self, id: SlotId, lease: Lease) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(mut session) = connection.session.take() else {
            return self.advance(id, &lease);
        };
        let mut records = match connection.unsent.take() {
            Some(unsent) => unsent,
            None => self.ring.outgoing(),
        };
        let mut plain = Vec::new();
        let progress =
            session.receive(lease, &mut records, |piece| plain.extend_from_slice(&piece));
        connection.session = Some(session);
        connection.unsent = Some(records);
        self.flush(id);
        match progress {
            Ok(Progress::Closed) => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.ended = true;
                }
                self.advance(id, &plain);
            }
            Ok(Progress::Handshaking) => {}
            Ok(Progress::Established | Progress::Open) => self.advance(id, &plain),
            Err(_) => self.close(id, Close::Orderly),
        }
    }

    pub(super) fn on_sent(&mut self, id: SlotId, whole: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.wire.sent();
        if connection.wire.is_closing() {
            return self.settle(id);
        }
        if !whole {
            return self.close(id, Close::Abort);
        }
        self.flush(id);
        self.advance(id, &[]);
        self.receive_on(id);
    }

    /// Plays the script and reads requests, until it has to wait for time, for a send or for bytes.
    pub(super) fn advance(&mut self, id: SlotId, fresh: &[u8]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        // The ordinary case has nothing waiting and reads right from the receive buffer.
        let held = std::mem::take(&mut connection.input);
        let joined: Cow<'_, [u8]> = if held.is_empty() {
            Cow::Borrowed(fresh)
        } else {
            let mut held = held;
            held.extend_from_slice(fresh);
            Cow::Owned(held)
        };
        let mut input = &joined[..];
        let mut outgoing = None;
        let ending = self.play(id, &mut input, &mut outgoing);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.input.extend_from_slice(input);
        }
        if let Some(outgoing) = outgoing {
            self.send(id, outgoing);
        }
        if let Some(how) = ending {
            return self.close(id, how);
        }
        if let Some(connection) = self.connections.get(id) {
            let is_waiting_for_send = !connection.wire.can_send();
            let has_more = connection.ended
                || connection.unsent.is_some()
                || !connection.script.is_empty()
                || !connection.input.is_empty();
            self.pressing |= is_waiting_for_send && has_more;
        }
    }

    /// The loop of [`Worker::advance`]; returns how to close, when the connection ends here. Then
    /// nothing is left to send.
    fn play(
        &mut self,
        id: SlotId,
        input: &mut &[u8],
        outgoing: &mut Option<Box<Outgoing>>,
    ) -> Option<Close> {
        loop {
            let connection = self.connections.get_mut(id)?;
            let has_more = outgoing.as_ref().is_some_and(|out| !out.is_empty());
            if !connection.wire.can_send()
                || connection.waiting.is_some()
                || outgoing.as_ref().is_some_and(|out| out.len() >= SEND_BYTES_MAX)
            {
                return None;
            }
            let Some(step) = connection.script.pop_front() else {
                if !self.read(id, input, outgoing) {
                    return self.after_input(id, has_more);
                }
                continue;
            };
            match step {
                Step::Send(bytes) => {
                    let out = outgoing.get_or_insert_with(|| self.ring.outgoing());
                    out.share(&bytes);
                }
                Step::Pattern { left, chunked } => {
                    let out = outgoing.get_or_insert_with(|| self.ring.outgoing());
                    let piece = left.min(PATTERN_BYTES);
                    if chunked {
                        out.copy(format!("{piece:x}\r\n").as_bytes());
                    }
                    out.share(&self.pattern.slice(..piece));
                    if chunked {
                        out.copy(b"\r\n");
                    }
                    if left > piece {
                        connection.script.push_front(Step::Pattern { left: left - piece, chunked });
                    }
                }
                // What was sent before leaves before: these come up again after the send.
                step if has_more => {
                    connection.script.push_front(step);
                    return None;
                }
                Step::Wait(span) => {
                    self.stamps += 1;
                    connection.waiting = Some(self.stamps);
                    let timer = (self.now + span, id.bits(), self.stamps);
                    self.timers.push(Reverse(timer));
                }
                Step::Close => return Some(Close::Orderly),
                Step::Abort => return Some(Close::Abort),
                Step::Stall => connection.phase = Phase::Stalled,
            }
        }
    }

    /// Everything that came is read; a peer that has closed gets closed.
    fn after_input(&self, id: SlotId, has_more: bool) -> Option<Close> {
        let connection = self.connections.get(id)?;
        // With a send to come, its `Sent` leads back here.
        (connection.ended && !has_more).then_some(Close::Orderly)
    }

    /// Reads a head, or some of a body. `false`: more bytes are needed.
    fn read(
        &mut self,
        id: SlotId,
        input: &mut &[u8],
        outgoing: &mut Option<Box<Outgoing>>,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        match &mut connection.phase {
            Phase::Stalled => {
                *input = &[];
                false
            }
            Phase::Head => self.read_head(id, input, outgoing),
            Phase::Body { reader, then } => {
                while !reader.is_done() {
                    if input.is_empty() {
                        return false;
                    }
                    let Ok(piece) = reader.read(input) else {
                        *input = &[];
                        self.refuse(id, "malformed body");
                        return true;
                    };
                    if let Then::Echo(echo) = then {
                        echo.2.body(input.get(piece.data).unwrap_or_default());
                    }
                    *input = input.get(piece.consumed..).unwrap_or_default();
                }
                match std::mem::replace(&mut connection.phase, Phase::Head) {
                    Phase::Body { then: Then::Answer(answer), .. } => {
                        connection.script = script(&answer.0, answer.1, None, &mut self.random);
                    }
                    Phase::Body { then: Then::Echo(echo), .. } => {
                        let (behaviour, asked, echo) = *echo;
                        let json = Bytes::from(echo.finish());
                        connection.script = script(&behaviour, asked, Some(json), &mut self.random);
                    }
                    Phase::Body { .. } | Phase::Head | Phase::Stalled => {}
                }
                true
            }
        }
    }

    fn read_head(
        &mut self,
        id: SlotId,
        input: &mut &[u8],
        outgoing: &mut Option<Box<Outgoing>>,
    ) -> bool {
        let bytes = *input;
        let mut fields = Fields::new();
        let head = match request_head(bytes, &mut fields, &HEAD_LIMITS) {
            Ok(Some(head)) => head,
            Ok(None) => return false,
            Err(refused) => {
                *input = &[];
                self.refuse(id, refused.cause());
                return true;
            }
        };
        *input = input.get(head.head_bytes..).unwrap_or_default();
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        connection.requests += 1;
        let has_body = !matches!(head.framing, Framing::None | Framing::Length(0));
        let path = head.target.path();
        let is_special = path.starts_with(b"/echo")
            || matches!(path, b"/stats" | b"/down")
            || head.target.query().is_some();
        if let Some(plain) = &self.plain
            && !is_special
            && !has_body
            && head.persistent
        {
            let out = outgoing.get_or_insert_with(|| self.ring.outgoing());
            out.share(if head.method == "HEAD" { &plain.head } else { &plain.whole });
            return true;
        }
        self.read_special(id, &head, &fields, bytes, has_body);
        true
    }

    /// Any request that is not plain.
    fn read_special(
        &mut self,
        id: SlotId,
        head: &RequestHead<'_>,
        fields: &Fields<'_>,
        bytes: &[u8],
        has_body: bool,
    ) {
        let query = head.target.query().unwrap_or_default();
        let mut behaviour = match self.behaviour.with_query(query) {
            Ok(behaviour) => behaviour,
            Err(error) => return self.refuse(id, &error),
        };
        let fault = behaviour.draw_fault(&mut self.random);
        let asked = Asked { is_head: head.method == "HEAD", persistent: head.persistent, fault };
        let path = head.target.path();
        match path {
            b"/stats" => return self.answer_stats(id, asked),
            b"/down" => {
                let span = pairs(query)
                    .find(|(key, _)| key == "for")
                    .map_or(Ok(Duration::from_secs(1)), |(_, span)| units::duration(&span));
                match span {
                    Ok(span) => self.go_down(span),
                    Err(error) => return self.refuse(id, &error.to_string()),
                }
            }
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if head.expects_continue && !matches!(fault, Some(Fault::Early | Fault::EarlyClose)) {
            let go_on = Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n");
            connection.script.push_back(Step::Send(go_on));
        }
        let is_echo = path.starts_with(b"/echo");
        let then = match fault {
            Some(Fault::Early | Fault::EarlyClose) if has_body => {
                connection.script = script(&behaviour, asked, None, &mut self.random);
                Then::Nothing
            }
            _ if is_echo => {
                "application/json".clone_into(&mut behaviour.content_type);
                let peer = self.ring.peer_address(connection.wire.socket());
                let echo = Echo::new(
                    head,
                    fields,
                    &target_of(head, bytes),
                    connection.number,
                    connection.requests,
                    peer.map_or_else(String::new, |peer| peer.to_string()),
                );
                Then::Echo(Box::new((behaviour, asked, echo)))
            }
            _ => Then::Answer(Box::new((behaviour, asked))),
        };
        connection.phase = Phase::Body { reader: BodyReader::new(head.framing), then };
    }

    /// Answers 400 with the reason, and closes: what follows on the connection is in doubt.
    fn refuse(&mut self, id: SlotId, reason: &str) {
        let behaviour = Behaviour { statuses: vec![(400, 1)], ..Behaviour::default() };
        let asked = Asked { is_head: false, persistent: false, fault: None };
        let body = Bytes::from(format!("{reason}\n"));
        if let Some(connection) = self.connections.get_mut(id) {
            connection.phase = Phase::Stalled;
            connection.script = script(&behaviour, asked, Some(body), &mut self.random);
        }
    }

    fn answer_stats(&mut self, id: SlotId, asked: Asked) {
        let text = format!(
            "{{\"connections\":{},\"requests\":{},\"open_on_this_thread\":{}}}\n",
            self.shared.connections.load(Ordering::Relaxed),
            self.shared.requests.load(Ordering::Relaxed),
            self.connections.len()
        );
        let behaviour =
            Behaviour { content_type: "application/json".to_owned(), ..Behaviour::default() };
        if let Some(connection) = self.connections.get_mut(id) {
            let body = Some(Bytes::from(text));
            connection.script = script(&behaviour, asked, body, &mut self.random);
        }
    }

    fn go_down(&mut self, span: Duration) {
        let until = self.ring.epoch_ms() + span.as_millis() as u64;
        self.shared.down_until_ms.store(until, Ordering::Relaxed);
    }

    fn send(&mut self, id: SlotId, outgoing: Box<Outgoing>) {
        let Some(connection) = self.connections.get_mut(id) else {
            return self.ring.recycle(outgoing);
        };
        if outgoing.is_empty() {
            return self.ring.recycle(outgoing);
        }
        let Some(session) = &mut connection.session else {
            return connection.wire.send(&mut self.ring, outgoing);
        };
        let mut records = match connection.unsent.take() {
            Some(unsent) => unsent,
            None => self.ring.outgoing(),
        };
        let encrypted = session.encrypt(&outgoing, &mut records);
        self.ring.recycle(outgoing);
        connection.unsent = Some(records);
        match encrypted {
            Ok(()) => self.flush(id),
            Err(_) => self.close(id, Close::Abort),
        }
    }

    fn flush(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.wire.can_send()
            && let Some(unsent) = connection.unsent.take()
        {
            if unsent.is_empty() {
                self.ring.recycle(unsent);
            } else {
                connection.wire.send(&mut self.ring, unsent);
            }
        }
    }
}

fn is_cancellation(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::CANCELED.raw_os_error())
}

/// The request target as it was sent.
fn target_of<'b>(head: &RequestHead<'b>, bytes: &'b [u8]) -> Cow<'b, [u8]> {
    if let Target::Asterisk = head.target {
        return Cow::Borrowed(b"*");
    }
    let line = bytes.split(|byte| *byte == b'\r').find(|line| !line.is_empty());
    let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
    Cow::Borrowed(words.nth(1).unwrap_or_default())
}
