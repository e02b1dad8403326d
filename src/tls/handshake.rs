//! The handshake: rustls's unbuffered connection, fed one record at a time.
//!
//! One at a time, because the record behind the last one of the handshake belongs to `traffic`, and
//! rustls would open it itself if it saw it (a TLS 1.3 client's first request comes with its
//! `Finished`). Handshake records are copied: rustls wants them whole and in one piece, it may need to
//! see a fragmented message's first record again, and beside the signatures a copy costs nothing.

use super::TlsFault;
use super::certificates;
use super::keys::Keys;
use super::record::{HEADER_BYTES, Header, payload_bytes_max};
use super::traffic::Traffic;
use crate::ring::{Lease, Outgoing};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData};
use rustls::{
    ClientConfig, CommonState, Error, HandshakeKind, InvalidMessage, PeerMisbehaved,
    ProtocolVersion, ServerConfig, SupportedCipherSuite,
};
use std::sync::Arc;

/// What one handshake may take from the peer: a certificate chain of the 64 KiB that rustls allows a
/// message to have, and as much again for all else. Ordinary ones stay below 8 KiB.
const HANDSHAKE_BYTES_MAX: usize = 128 * 1024;

/// A connection that has no keys for data yet.
pub(super) struct Handshake {
    connection: Connection,
    /// Records that rustls has seen but not done with, then the front of the next one.
    pending: Vec<u8>,
    /// Where in `pending` the record begins that is not complete.
    record_start: usize,
    /// Bytes taken in all.
    taken_bytes: usize,
    server_name: Option<Box<str>>,
}

enum Connection {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// What was agreed upon; kept for access logs.
#[derive(Default)]
pub(super) struct Agreed {
    pub(super) suite: Option<SupportedCipherSuite>,
    pub(super) alpn: Option<Box<[u8]>>,
    pub(super) server_name: Option<Box<str>>,
    pub(super) resumed: bool,
}

/// How much of a record there is.
enum Taken {
    Part,
    Whole,
    /// A header that begins no TLS record.
    Nonsense,
}

/// What rustls wants next.
enum Turn {
    /// To be asked again.
    Again,
    /// More records.
    Waiting,
    /// Nothing: data could be sent.
    Writable,
}

/// What became of the bytes given.
pub(super) enum Step {
    /// All were taken; more are needed.
    Waiting,
    /// The handshake is over: what is left of the input is for [`Handshake::finish`]'s result.
    Finished,
}

impl Handshake {
    pub(super) fn accept(config: &Arc<ServerConfig>) -> Result<Self, TlsFault> {
        let connection =
            UnbufferedServerConnection::new(Arc::clone(config)).map_err(TlsFault::from)?;
        Ok(Self::new(Connection::Server(connection), None))
    }

    pub(super) fn connect(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Outgoing,
    ) -> Result<Self, TlsFault> {
        let server_name = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().to_ascii_lowercase().into()),
            _ => None,
        };
        let connection = UnbufferedClientConnection::new(Arc::clone(config), name)?;
        let mut handshake = Self::new(Connection::Client(connection), server_name);
        handshake.advance(out)?;
        Ok(handshake)
    }

    fn new(connection: Connection, server_name: Option<Box<str>>) -> Self {
        Self { connection, pending: Vec::new(), record_start: 0, taken_bytes: 0, server_name }
    }

    /// Takes records from `input` until the handshake is over or the input used up. On a fault the
    /// alert has been appended to `out`.
    pub(super) fn receive(
        &mut self,
        input: &mut Lease,
        out: &mut Outgoing,
    ) -> Result<Step, TlsFault> {
        while !input.is_empty() {
            match self.take_record(input)? {
                Taken::Part => continue,
                Taken::Whole => {
                    if let Step::Finished = self.advance(out)? {
                        return Ok(Step::Finished);
                    }
                }
                Taken::Nonsense => {
                    // rustls sees the same and knows which alert it earns.
                    self.advance(out)?;
                    return Err(Error::from(InvalidMessage::InvalidContentType).into());
                }
            }
            self.record_start = self.pending.len();
        }
        Ok(Step::Waiting)
    }

    /// Moves bytes of the next record out of `input`.
    fn take_record(&mut self, input: &mut Lease) -> Result<Taken, TlsFault> {
        loop {
            // Which version it will be is not known, so the longer limit holds; rustls checks again.
            let limit = payload_bytes_max(ProtocolVersion::TLSv1_2);
            let begun = &self.pending[self.record_start..];
            let Ok(header) = Header::read(begun, limit) else {
                return Ok(Taken::Nonsense);
            };
            let lacking_bytes = header.map_or(HEADER_BYTES, Header::record_bytes) - begun.len();
            if lacking_bytes == 0 && header.is_some() {
                return Ok(Taken::Whole);
            }
            if input.is_empty() {
                return Ok(Taken::Part);
            }
            let taken_bytes = lacking_bytes.min(input.len());
            self.taken_bytes += taken_bytes;
            if self.taken_bytes > HANDSHAKE_BYTES_MAX {
                return Err(TlsFault::HandshakeTooLong { limit: HANDSHAKE_BYTES_MAX });
            }
            self.pending.extend_from_slice(&input[..taken_bytes]);
            input.advance(taken_bytes);
        }
    }

    /// Lets rustls work until it wants more bytes or is done.
    fn advance(&mut self, out: &mut Outgoing) -> Result<Step, TlsFault> {
        certificates::forget_requested_name();
        let step = loop {
            match self.turn(out) {
                Ok(Turn::Again) => {}
                Ok(Turn::Waiting) => break Step::Waiting,
                // A TLS 1.3 server could send data before the client's `Finished` has arrived, but
                // not yet receive any.
                Ok(Turn::Writable) if self.common().is_handshaking() => break Step::Waiting,
                Ok(Turn::Writable) => break Step::Finished,
                Err(error) => {
                    // The alert is queued behind what else was to be sent. rustls must not look at
                    // the input again, so it is asked only as long as it has something to send.
                    while self.common().wants_write() {
                        if self.turn(out).is_err() {
                            break;
                        }
                    }
                    return Err(error.into());
                }
            }
        };
        if let Some(name) = certificates::take_requested_name() {
            self.server_name = Some(name);
        }
        Ok(step)
    }

    fn turn(&mut self, out: &mut Outgoing) -> Result<Turn, Error> {
        let (discard, turn) = match &mut self.connection {
            Connection::Server(connection) => {
                let status = connection.process_tls_records(&mut self.pending);
                (status.discard, turn(status.state, out))
            }
            Connection::Client(connection) => {
                let status = connection.process_tls_records(&mut self.pending);
                (status.discard, turn(status.state, out))
            }
        };
        self.pending.drain(..discard);
        turn
    }

    fn common(&self) -> &CommonState {
        match &self.connection {
            Connection::Server(connection) => connection,
            Connection::Client(connection) => connection,
        }
    }

    /// Turns a finished handshake into an open connection.
    pub(super) fn finish(mut self) -> Result<(Traffic, Agreed), TlsFault> {
        if !self.pending.is_empty() {
            // Bytes behind the last message in its record; the keys have changed in between.
            let why = PeerMisbehaved::KeyEpochWithPendingFragment;
            return Err(Error::from(why).into());
        }
        let server_name = self.server_name.take();
        let common = self.common();
        let suite = common.negotiated_cipher_suite();
        let agreed = Agreed {
            suite,
            alpn: common.alpn_protocol().map(Box::from),
            server_name,
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        let suite = suite.ok_or(TlsFault::Protocol(Error::HandshakeNotComplete))?;
        let (secrets, keys) = match self.connection {
            Connection::Server(connection) => {
                let (secrets, keys) = connection.dangerous_into_kernel_connection()?;
                (secrets, Keys::Server(keys))
            }
            Connection::Client(connection) => {
                let (secrets, keys) = connection.dangerous_into_kernel_connection()?;
                (secrets, Keys::Client(keys))
            }
        };
        Ok((Traffic::new(suite, secrets, keys)?, agreed))
    }

    /// Memory held for bytes that wait for others.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.pending.capacity()
    }
}

/// Does what rustls asks for.
fn turn<Data>(
    state: Result<ConnectionState<'_, '_, Data>, Error>,
    out: &mut Outgoing,
) -> Result<Turn, Error> {
    match state? {
        ConnectionState::EncodeTlsData(message) => encode(message, out),
        ConnectionState::TransmitTlsData(transmit) => {
            transmit.done();
            Ok(Turn::Again)
        }
        ConnectionState::BlockedHandshake => Ok(Turn::Waiting),
        ConnectionState::WriteTraffic(_) => Ok(Turn::Writable),
        // Data, early or not, and closing: rustls sees no record behind the handshake's last one.
        _ => Err(Error::HandshakeNotComplete),
    }
}

/// Appends a handshake or alert record to what is to be sent.
fn encode<Data>(mut message: EncodeTlsData<'_, Data>, out: &mut Outgoing) -> Result<Turn, Error> {
    let Err(EncodeError::InsufficientSize(size)) = message.encode(&mut []) else {
        return Err(Error::EncryptError);
    };
    let buffer = out.written();
    let start = buffer.len();
    buffer.resize(start + size.required_size, 0);
    match message.encode(&mut buffer[start..]) {
        Ok(_) => Ok(Turn::Again),
        Err(_) => Err(Error::EncryptError),
    }
}
