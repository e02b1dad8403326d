//! One connection's TLS, client or server side.

use super::TlsFault;
use crate::ring::{Lease, Outgoing};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use std::ops::Deref;
use std::sync::Arc;

/// One connection's TLS, client or server side.
///
/// Bytes that [`receive`](Self::receive), [`encrypt`](Self::encrypt) and [`close`](Self::close) append
/// to an [`Outgoing`] must reach the peer in the order in which they were appended, over all calls.
pub struct Session {}

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
        let _ = config;
        Err(TlsFault::NotOpen)
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
        let _ = (config, name, out);
        Err(TlsFault::NotOpen)
    }

    /// Takes received bytes: `deliver` gets the plaintext, `out` what is to be sent for the protocol's
    /// own sake (handshake flights, key updates, the alert that explains a fault).
    ///
    /// # Errors
    /// The fault that ends the connection. What was decrypted before it has been delivered.
    pub fn receive(
        &mut self,
        input: Lease,
        out: &mut Outgoing,
        deliver: impl FnMut(Plaintext<'_>),
    ) -> Result<Progress, TlsFault> {
        let _ = (input, out, deliver);
        Err(TlsFault::NotOpen)
    }

    /// The peer's FIN arrived: was the stream ended properly?
    ///
    /// # Errors
    /// [`TlsFault::Truncated`] when no `close_notify` came before.
    pub fn end(&self) -> Result<(), TlsFault> {
        Err(TlsFault::Truncated)
    }

    /// Encrypts all of `plain` into records appended to `out`. Pieces are gathered: a head and a small
    /// body make one record, and no record is short but the last.
    ///
    /// # Errors
    /// [`TlsFault::NotOpen`] before the handshake is finished and after [`close`](Self::close).
    pub fn encrypt(&mut self, plain: &Outgoing, out: &mut Outgoing) -> Result<(), TlsFault> {
        let _ = (plain, out);
        Err(TlsFault::NotOpen)
    }

    /// Says that no more will be sent (`close_notify`). Does nothing the second time, during the
    /// handshake, and after a fault.
    pub fn close(&mut self, out: &mut Outgoing) {
        let _ = out;
    }

    /// Whether plaintext cannot be sent yet.
    pub fn is_handshaking(&self) -> bool {
        true
    }

    /// The protocol agreed upon by ALPN, once established. `None`: the peer offered none.
    pub fn alpn(&self) -> Option<&[u8]> {
        None
    }

    /// The name the client asked for (SNI), in lower case; on the server side, once established.
    pub fn server_name(&self) -> Option<&str> {
        None
    }

    /// `TLSv1.2` or `TLSv1.3`, once established: `$context.tlsVersion`.
    pub fn protocol_version(&self) -> Option<&'static str> {
        None
    }

    /// The IANA name of the cipher suite, once established: `$context.cipherSuite`.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        None
    }

    /// Whether an earlier session was resumed, once established.
    pub fn is_resumed(&self) -> bool {
        false
    }

    /// Bytes of memory held for data that waits for the rest of its record; 0 for an idle connection.
    pub fn buffered_bytes(&self) -> usize {
        0
    }
}
