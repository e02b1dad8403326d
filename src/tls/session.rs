//! One connection's TLS, client or server side.

use super::TlsFault;
use super::handshake::{Agreed, Handshake, Step};
use super::traffic::Traffic;
use crate::ring::{Lease, Outgoing};
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion, ServerConfig};
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

/// One connection's TLS, client or server side.
///
/// Bytes that [`receive`](Self::receive), [`encrypt`](Self::encrypt) and [`close`](Self::close) append
/// to an [`Outgoing`] must reach the peer in the order in which they were appended, over all calls.
pub struct Session {
    state: State,
    agreed: Agreed,
}

/// `Handshaking --last record of the handshake--> Open`; a fault leads to `Failed` from either, which
/// frees keys and buffers. Closing is within `Open`, separately for each direction (`traffic`).
enum State {
    Handshaking(Box<Handshake>),
    Open(Box<Traffic>),
    Failed,
}

/// Where a connection stands after some bytes were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The handshake needs more bytes. There may be bytes to send.
    Handshaking,
    /// The handshake finished in this call; plaintext may have been delivered already. A client may
    /// send its first request now.
    Established,
    /// An open connection; nothing but data.
    Open,
    /// The peer has sent `close_notify` (perhaps in the same bytes that finished the handshake): no
    /// plaintext will follow. Whatever it sent behind is dropped.
    Closed,
}

/// Decrypted bytes, in stream order.
pub enum Plaintext<'a> {
    /// Decrypted in the receive buffer itself; the only lease of it. All whole records of one receive
    /// come as one piece.
    Leased(Lease),
    /// From a record that two or more receives brought, or whose buffer is shared: copy what is to stay.
    Copied(&'a [u8]),
}

impl Deref for Plaintext<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Leased(lease) => lease,
            Self::Copied(bytes) => bytes,
        }
    }
}

impl Session {
    /// The server side of a connection that a client opened. Sends nothing by itself.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub fn accept(config: &Arc<ServerConfig>) -> Result<Self, TlsFault> {
        Ok(Self::new(Handshake::accept(config)?))
    }

    /// The client side; appends the client's hello to `out`.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub fn connect(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Outgoing,
    ) -> Result<Self, TlsFault> {
        Ok(Self::new(Handshake::connect(config, name, out)?))
    }

    fn new(handshake: Handshake) -> Self {
        Self { state: State::Handshaking(Box::new(handshake)), agreed: Agreed::default() }
    }

    /// Takes received bytes: `deliver` gets the plaintext, `out` what is to be sent for the protocol's
    /// own sake (handshake flights, key updates, the alert that explains a fault).
    ///
    /// # Errors
    /// The fault that ends the connection. What was decrypted before it has been delivered.
    pub fn receive(
        &mut self,
        mut input: Lease,
        out: &mut Outgoing,
        mut deliver: impl FnMut(Plaintext<'_>),
    ) -> Result<Progress, TlsFault> {
        let received = self.take(&mut input, out).and_then(|progress| {
            if let State::Open(traffic) = &mut self.state {
                traffic.receive(input, out, &mut deliver)?;
                if traffic.is_peer_closed() {
                    return Ok(Progress::Closed);
                }
            }
            Ok(progress)
        });
        if received.is_err() {
            self.state = State::Failed;
        }
        received
    }

    /// Gives `input` to the handshake as far as it belongs there.
    fn take(&mut self, input: &mut Lease, out: &mut Outgoing) -> Result<Progress, TlsFault> {
        let handshake = match &mut self.state {
            State::Open(_) => return Ok(Progress::Open),
            State::Failed => return Err(TlsFault::NotOpen),
            State::Handshaking(handshake) => handshake,
        };
        match handshake.receive(input, out)? {
            Step::Waiting => Ok(Progress::Handshaking),
            Step::Finished => {
                if let State::Handshaking(finished) = mem::replace(&mut self.state, State::Failed) {
                    let (traffic, agreed) = finished.finish()?;
                    self.state = State::Open(Box::new(traffic));
                    self.agreed = agreed;
                }
                Ok(Progress::Established)
            }
        }
    }

    /// The peer's FIN arrived: was the stream ended properly?
    ///
    /// # Errors
    /// [`TlsFault::Truncated`] when no `close_notify` came before.
    pub fn end(&self) -> Result<(), TlsFault> {
        match &self.state {
            State::Open(traffic) if traffic.is_peer_closed() => Ok(()),
            State::Open(_) | State::Handshaking(_) | State::Failed => Err(TlsFault::Truncated),
        }
    }

    /// Encrypts all of `plain` into records appended to `out`. Pieces are gathered: a head and a small
    /// body make one record, and no record is short but the last.
    ///
    /// # Errors
    /// [`TlsFault::NotOpen`] before the handshake is finished and after [`close`](Self::close);
    /// [`TlsFault::KeysExhausted`] after some 2^24 records on one TLS 1.2 connection.
    pub fn encrypt(&mut self, plain: &Outgoing, out: &mut Outgoing) -> Result<(), TlsFault> {
        match &mut self.state {
            State::Open(traffic) => traffic.encrypt(plain, out),
            State::Handshaking(_) | State::Failed => Err(TlsFault::NotOpen),
        }
    }

    /// Says that no more will be sent (`close_notify`). Does nothing the second time, during the
    /// handshake, and after a fault.
    pub fn close(&mut self, out: &mut Outgoing) {
        if let State::Open(traffic) = &mut self.state {
            traffic.close(out);
        }
    }

    /// Whether the handshake is still going on: plaintext cannot be sent yet.
    pub fn is_handshaking(&self) -> bool {
        matches!(self.state, State::Handshaking(_))
    }

    /// The protocol agreed upon by ALPN, once established. `None`: the peer offered none.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.agreed.alpn.as_deref()
    }

    /// The name the client asked for (SNI), in lower case, once established. `None`: it asked for no
    /// name, as clients that use an address do.
    pub fn server_name(&self) -> Option<&str> {
        self.agreed.server_name.as_deref()
    }

    /// `TLSv1.2` or `TLSv1.3`, once established: `$context.tlsVersion`.
    pub fn protocol_version(&self) -> Option<&'static str> {
        match self.agreed.suite?.version().version {
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => Some("TLSv1.2"),
        }
    }

    /// The cipher suite, once established, as OpenSSL calls it: `$context.cipherSuite`.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        let suite = self.agreed.suite?.suite();
        Some(match suite {
            // rustls has names of its own for those of TLS 1.3.
            CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
            CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
                "ECDHE-ECDSA-CHACHA20-POLY1305"
            }
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
            CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
                "ECDHE-RSA-CHACHA20-POLY1305"
            }
            suite => suite.as_str().unwrap_or("unknown"),
        })
    }

    /// Whether an earlier session was resumed, once established.
    pub fn is_resumed(&self) -> bool {
        self.agreed.resumed
    }

    /// Bytes of memory held for data that waits for the rest of its record; 0 for an idle connection.
    pub fn buffered_bytes(&self) -> usize {
        match &self.state {
            State::Handshaking(handshake) => handshake.buffered_bytes(),
            State::Open(traffic) => traffic.buffered_bytes(),
            State::Failed => 0,
        }
    }

    #[cfg(test)]
    pub(super) fn traffic(&mut self) -> &mut Traffic {
        match &mut self.state {
            State::Open(traffic) => traffic,
            State::Handshaking(_) | State::Failed => panic!("the connection is not open"),
        }
    }
}
