//! The open connection: records in and out, and the few messages that still come between them.
//!
//! ```text
//!            application data            delivered
//!   record < KeyUpdate                   next keys; our own update when it is asked for
//!            NewSessionTicket            kept by rustls for the next connection (client side)
//!            close_notify                nothing is read behind it
//!            other alert, anything else  fault
//! ```
//!
//! What a peer can make us keep is bounded: one record that is not complete, and one handshake message
//! that is not complete. What it can make us do without sending data is bounded by a count.

use super::TlsFault;
use super::fault::Broken;
use super::keys::Keys;
use super::open::Opener;
use super::record::{HEADER_BYTES, Header, HeaderFault, PLAINTEXT_BYTES_MAX};
use super::seal::{RecordStart, Sealer};
use super::session::Plaintext;
use crate::ring::{Lease, Outgoing};
use rustls::{
    AlertDescription, ContentType, Error, ExtractedSecrets, HandshakeType, PeerMisbehaved,
    ProtocolVersion, SupportedCipherSuite,
};
use std::mem;
use std::ops::Range;

/// Tickets, key updates, warnings and empty records in a row without a byte of data: rustls and
/// BoringSSL draw the line at 32 key updates.
const IDLE_MESSAGES_MAX: u8 = 32;

/// A handshake message after the handshake: rustls's own limit. Tickets have some 200 bytes; a
/// renegotiating TLS 1.2 client sends a hello of up to 2 KiB before it can be told no.
const MESSAGE_BYTES_MAX: usize = 0xffff;

/// Bytes before a handshake message: type and length (RFC 8446, 4).
const MESSAGE_HEADER_BYTES: usize = 4;

/// An open connection's keys, and what has arrived of its next record.
pub(super) struct Traffic {
    keys: Keys,
    suite: SupportedCipherSuite,
    sealer: Sealer,
    opener: Opener,
    /// The front of a record whose rest has not arrived. Has no memory while it is empty.
    cut: Vec<u8>,
    /// The front of a handshake message whose rest is in records to come; almost always empty.
    message: Vec<u8>,
    /// Messages without application data since the last one with.
    idle_messages: u8,
    /// TLS 1.2 peers asked to renegotiate and were told no. Once is forgiven.
    renegotiation_refused: bool,
    /// A key update was asked for and is to be answered after this receive.
    key_update_due: bool,
    reading: Reading,
    writing: Writing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// The peer has sent `close_notify`.
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// We have sent `close_notify`, or an alert that ends the connection.
    Closed,
}

impl Traffic {
    /// Takes over where the handshake ended.
    pub(super) fn new(
        suite: SupportedCipherSuite,
        secrets: ExtractedSecrets,
        keys: Keys,
    ) -> Result<Self, TlsFault> {
        Ok(Self {
            keys,
            suite,
            sealer: Sealer::new(suite, secrets.tx)?,
            opener: Opener::new(suite, secrets.rx)?,
            cut: Vec::new(),
            message: Vec::new(),
            idle_messages: 0,
            renegotiation_refused: false,
            key_update_due: false,
            reading: Reading::Open,
            writing: Writing::Open,
        })
    }

    /// Takes received bytes. On a fault the alert has been appended to `out`, and nothing but dropping
    /// the connection is left.
    pub(super) fn receive(
        &mut self,
        input: Lease,
        out: &mut Outgoing,
        deliver: &mut impl FnMut(Plaintext<'_>),
    ) -> Result<(), TlsFault> {
        let taken = self.take(input, out, deliver).and_then(|()| {
            if mem::take(&mut self.key_update_due) && self.writing == Writing::Open {
                self.send_key_update(out)?;
            }
            Ok(())
        });
        if self.cut.is_empty() {
            self.cut = Vec::new();
        }
        taken.map_err(|Broken { fault, alert }| {
            if let Some(alert) = alert {
                self.send_alert(AlertLevel::Fatal, alert, out);
            }
            self.writing = Writing::Closed;
            fault
        })
    }

    fn take(
        &mut self,
        mut input: Lease,
        out: &mut Outgoing,
        deliver: &mut impl FnMut(Plaintext<'_>),
    ) -> Result<(), Broken> {
        // A record that an earlier receive began is finished in a buffer of its own. So is each record
        // of a buffer that somebody else reads too: it must not change under their eyes.
        while self.reading == Reading::Open
            && !input.is_empty()
            && (!self.cut.is_empty() || input.bytes_mut().is_none())
        {
            self.take_through_cut(&mut input, out, deliver)?;
        }
        let Some(bytes) = input.bytes_mut() else {
            return Ok(());
        };

        // The data of all whole records is moved together, so that one piece is delivered: a head that
        // fills two records is parsed as if it came in one. The first record's data stays in place.
        let mut data = 0..0;
        let mut next = 0;
        let broken = loop {
            if self.reading == Reading::Closed {
                break Ok(());
            }
            let header = match self.next_record(&bytes[next..]) {
                Ok(Some(header)) => header,
                Ok(None) => {
                    self.keep(&bytes[next..]);
                    break Ok(());
                }
                Err(fault) => break Err(fault.into()),
            };
            let record = &mut bytes[next..next + header.record_bytes()];
            match self.open(header, record, out) {
                Ok(found) => {
                    let found = next + found.start..next + found.end;
                    if data.is_empty() {
                        data = found;
                    } else {
                        bytes.copy_within(found.clone(), data.end);
                        data.end += found.len();
                    }
                }
                Err(broken) => break Err(broken),
            }
            next += header.record_bytes();
        };
        if !data.is_empty() {
            let plaintext = input.slice(data);
            drop(input);
            deliver(Plaintext::Leased(plaintext));
        }
        broken
    }

    /// The header of the record at the front of `bytes`, when all of the record is there.
    fn next_record(&self, bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
        let header = Header::read(bytes, self.opener.payload_bytes_max())?;
        Ok(header.filter(|header| header.record_bytes() <= bytes.len()))
    }

    /// Moves what the cut record lacks out of `input`; opens the record when it is complete.
    fn take_through_cut(
        &mut self,
        input: &mut Lease,
        out: &mut Outgoing,
        deliver: &mut impl FnMut(Plaintext<'_>),
    ) -> Result<(), Broken> {
        let limit = self.opener.payload_bytes_max();
        loop {
            let header = Header::read(&self.cut, limit)?;
            let wanted_bytes = header.map_or(HEADER_BYTES, Header::record_bytes);
            let lacking_bytes = wanted_bytes - self.cut.len();
            let Some(header) = header.filter(|_| lacking_bytes == 0) else {
                if input.is_empty() {
                    return Ok(());
                }
                let taken_bytes = lacking_bytes.min(input.len());
                self.keep(&input[..taken_bytes]);
                input.advance(taken_bytes);
                continue;
            };
            let mut record = mem::take(&mut self.cut);
            let data = self.open(header, &mut record, out)?;
            if !data.is_empty() {
                deliver(Plaintext::Copied(&record[data]));
            }
            // Kept for the next cut record; `receive` frees it when there is none.
            record.clear();
            self.cut = record;
            return Ok(());
        }
    }

    /// Appends to the cut record. Its memory doubles as bytes arrive, up to the record's size: a peer
    /// that announces much and sends little holds little, and many small pieces are not copied over
    /// and over.
    fn keep(&mut self, bytes: &[u8]) {
        let held_bytes = self.cut.len() + bytes.len();
        if held_bytes > self.cut.capacity() {
            let front = if self.cut.is_empty() { bytes } else { &self.cut };
            let record_bytes = match Header::read(front, self.opener.payload_bytes_max()) {
                Ok(Some(header)) => header.record_bytes(),
                Ok(None) | Err(_) => HEADER_BYTES,
            };
            let wanted_bytes = (2 * held_bytes).min(record_bytes).max(held_bytes);
            self.cut.reserve_exact(wanted_bytes - self.cut.len());
        }
        self.cut.extend_from_slice(bytes);
    }

    /// Opens the one record that `record` is. Returns where in it application data lies.
    fn open(
        &mut self,
        header: Header,
        record: &mut [u8],
        out: &mut Outgoing,
    ) -> Result<Range<usize>, Broken> {
        let version = self.opener.version();
        if version == ProtocolVersion::TLSv1_3 && header.content != ContentType::ApplicationData {
            // All records look like data once keys are in use (RFC 8446, 5.2).
            return Err(Broken::unexpected(header.content));
        }
        let address = record.as_ptr().addr();
        let plain = self.opener.open(header, &mut record[HEADER_BYTES..])?;
        let content = plain.typ;
        let start = plain.payload.as_ptr().addr() - address;
        let data = start..start + plain.payload.len();

        if !self.message.is_empty() && content != ContentType::Handshake {
            // RFC 8446, 5.1: nothing may stand between the pieces of a handshake message.
            return Err(Broken::misbehaved(PeerMisbehaved::MessageInterleavedWithHandshakeMessage));
        }
        match content {
            ContentType::ApplicationData if !data.is_empty() => {
                self.idle_messages = 0;
                Ok(data)
            }
            ContentType::ApplicationData => self.count_idle_message().map(|()| 0..0),
            ContentType::Alert => self.alert(&record[data]).map(|()| 0..0),
            ContentType::Handshake => self.handshake_bytes(&record[data], out).map(|()| 0..0),
            _ => Err(Broken::unexpected(content)),
        }
    }

    fn count_idle_message(&mut self) -> Result<(), Broken> {
        if self.idle_messages == IDLE_MESSAGES_MAX {
            return Err(Broken::new(
                TlsFault::TooManyIdleMessages { limit: IDLE_MESSAGES_MAX },
                AlertDescription::UnexpectedMessage,
            ));
        }
        self.idle_messages += 1;
        Ok(())
    }

    /// An alert has arrived (RFC 8446, 6; RFC 5246, 7.2).
    fn alert(&mut self, alert: &[u8]) -> Result<(), Broken> {
        let &[level, description] = alert else {
            return Err(Error::from(rustls::InvalidMessage::MessageTooShort).into());
        };
        let description = AlertDescription::from(description);
        let warning = level == AlertLevel::Warning as u8;
        match description {
            AlertDescription::CloseNotify => {
                self.reading = Reading::Closed;
                Ok(())
            }
            AlertDescription::UserCanceled if warning => self.count_idle_message(),
            _ if warning && self.opener.version() != ProtocolVersion::TLSv1_3 => {
                self.count_idle_message()
            }
            // TLS 1.3 has no warnings: whatever the level says, the connection is over.
            _ => Err(Broken { fault: TlsFault::Alert(description), alert: None }),
        }
    }

    /// Bytes of handshake messages have arrived; a record may hold several, or a piece of one.
    fn handshake_bytes(&mut self, bytes: &[u8], out: &mut Outgoing) -> Result<(), Broken> {
        if bytes.is_empty() {
            return Err(Error::from(rustls::InvalidMessage::InvalidEmptyPayload).into());
        }
        let mut pending = mem::take(&mut self.message);
        pending.extend_from_slice(bytes);
        let mut rest = &pending[..];
        while let Some((&[kind, high, middle, low], behind)) =
            rest.split_first_chunk::<MESSAGE_HEADER_BYTES>()
        {
            let body_bytes = u32::from_be_bytes([0, high, middle, low]) as usize;
            if body_bytes > MESSAGE_BYTES_MAX {
                let why = rustls::InvalidMessage::HandshakePayloadTooLarge;
                return Err(Error::from(why).into());
            }
            let Some((body, behind)) = behind.split_at_checked(body_bytes) else {
                break;
            };
            rest = behind;
            self.message(HandshakeType::from(kind), body, behind.is_empty(), out)?;
        }
        if !rest.is_empty() {
            // Each piece of a message counts, or single bytes could be sent and copied for long.
            self.count_idle_message()?;
            self.message = rest.to_vec();
        }
        Ok(())
    }

    /// One handshake message has arrived. `ends_record`: nothing stands behind it in its record.
    fn message(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        ends_record: bool,
        out: &mut Outgoing,
    ) -> Result<(), Broken> {
        self.count_idle_message()?;
        let version = self.opener.version();
        match (&mut self.keys, kind) {
            (_, HandshakeType::KeyUpdate) if version == ProtocolVersion::TLSv1_3 => {
                if !ends_record {
                    // RFC 8446, 5.1: a message must not span a change of keys.
                    return Err(Broken::misbehaved(PeerMisbehaved::KeyEpochWithPendingFragment));
                }
                let requested = match body {
                    [0] => false,
                    [1] => true,
                    _ => {
                        return Err(Broken::new(
                            TlsFault::Protocol(rustls::InvalidMessage::InvalidKeyUpdate.into()),
                            AlertDescription::IllegalParameter,
                        ));
                    }
                };
                self.opener = Opener::new(self.suite, self.keys.next_receiving()?)?;
                self.key_update_due |= requested;
                Ok(())
            }
            (Keys::Client(keys), HandshakeType::NewSessionTicket)
                if version == ProtocolVersion::TLSv1_3 =>
            {
                Ok(keys.handle_new_session_ticket(body)?)
            }
            (Keys::Client(_), HandshakeType::HelloRequest)
            | (Keys::Server(_), HandshakeType::ClientHello)
                if version != ProtocolVersion::TLSv1_3 && !self.renegotiation_refused =>
            {
                // RFC 5246, 7.4.1: refusing politely lets the peer go on without.
                self.renegotiation_refused = true;
                self.send_alert(AlertLevel::Warning, AlertDescription::NoRenegotiation, out);
                Ok(())
            }
            _ => Err(Broken::new(
                TlsFault::Protocol(Error::InappropriateHandshakeMessage {
                    expect_types: Vec::new(),
                    got_type: kind,
                }),
                AlertDescription::UnexpectedMessage,
            )),
        }
    }

    /// Encrypts all of `plain` into records appended to `out`.
    pub(super) fn encrypt(&mut self, plain: &Outgoing, out: &mut Outgoing) -> Result<(), TlsFault> {
        if self.writing == Writing::Closed {
            return Err(TlsFault::NotOpen);
        }
        self.sealer.reserve(out.written(), plain.len());
        let mut record = None;
        let mut room_bytes = 0;
        for mut slice in plain.slices() {
            while !slice.is_empty() {
                if room_bytes == 0 {
                    self.finish_data(record.take(), out)?;
                    self.spare_keys(out)?;
                    record = Some(self.sealer.begin(out.written()));
                    room_bytes = PLAINTEXT_BYTES_MAX;
                }
                let (piece, rest) = slice.split_at(room_bytes.min(slice.len()));
                out.copy(piece);
                room_bytes -= piece.len();
                slice = rest;
            }
        }
        self.finish_data(record, out)
    }

    fn finish_data(
        &mut self,
        record: Option<RecordStart>,
        out: &mut Outgoing,
    ) -> Result<(), TlsFault> {
        match record {
            Some(record) => self.sealer.finish(out.written(), record, ContentType::ApplicationData),
            None => Ok(()),
        }
    }

    /// Before a record of data: the last record that the keys may protect must change them, or end
    /// the connection (RFC 8446, 5.5).
    fn spare_keys(&mut self, out: &mut Outgoing) -> Result<(), TlsFault> {
        if self.sealer.records_left() > 1 {
            return Ok(());
        }
        if self.opener.version() == ProtocolVersion::TLSv1_3 {
            return self.send_key_update(out);
        }
        self.close(out);
        Err(TlsFault::KeysExhausted)
    }

    /// Tells the peer that our next record has new keys, and changes them.
    pub(super) fn send_key_update(&mut self, out: &mut Outgoing) -> Result<(), TlsFault> {
        // update_not_requested (0): it is our keys that are used up, or an answer.
        let update = [HandshakeType::KeyUpdate.into(), 0, 0, 1, 0];
        self.send(ContentType::Handshake, &update, out)?;
        self.sealer = Sealer::new(self.suite, self.keys.next_sending()?)?;
        Ok(())
    }

    /// Sends `close_notify` unless the connection is closed for sending.
    pub(super) fn close(&mut self, out: &mut Outgoing) {
        self.send_alert(AlertLevel::Warning, AlertDescription::CloseNotify, out);
        self.writing = Writing::Closed;
    }

    /// Whether the peer has sent `close_notify`.
    pub(super) fn is_peer_closed(&self) -> bool {
        self.reading == Reading::Closed
    }

    /// Memory held for bytes that wait for others.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.cut.capacity() + self.message.capacity()
    }

    #[cfg(test)]
    pub(super) fn limit_records(&mut self, more: u64) {
        self.sealer.limit_records(more);
    }

    /// Changes the sending keys without a word.
    #[cfg(test)]
    pub(super) fn next_sealer(&mut self) {
        self.sealer = Sealer::new(self.suite, self.keys.next_sending().unwrap()).unwrap();
    }

    /// Sends any record, as a peer might that breaks the rules.
    #[cfg(test)]
    pub(super) fn send_raw(&mut self, content: ContentType, message: &[u8], out: &mut Outgoing) {
        self.send(content, message, out).unwrap();
    }

    fn send_alert(&mut self, level: AlertLevel, alert: AlertDescription, out: &mut Outgoing) {
        if self.writing == Writing::Open {
            // Without keys left the alert is not worth a fault of its own: the socket closes anyway.
            let _unsent = self.send(ContentType::Alert, &[level as u8, alert.into()], out);
        }
    }

    fn send(
        &mut self,
        content: ContentType,
        message: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), TlsFault> {
        let buffer = out.written();
        let record = self.sealer.begin(buffer);
        buffer.extend_from_slice(message);
        self.sealer.finish(buffer, record, content)
    }
}

/// RFC 8446, 6.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AlertLevel {
    Warning = 1,
    Fatal = 2,
}
