//! Why a TLS connection cannot go on.

/// What broke a TLS connection. The connection is useless afterwards: send what is in `out` (the
/// alert for the peer, when one is due), then close.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TlsFault {
    /// The peer refused us or gave up, and said why.
    #[error("the peer ended the connection with the TLS alert `{0:?}`")]
    Alert(rustls::AlertDescription),
    /// The back end's certificate is not good enough: wrong name, expired, unknown issuer.
    #[error("the certificate is refused: {0}")]
    Certificate(rustls::CertificateError),
    /// The handshake failed, or the peer broke the protocol's rules.
    #[error("TLS failed: {0}")]
    Protocol(rustls::Error),
    /// The handshake took more bytes than any honest one does.
    #[error("the TLS handshake exceeds {limit} bytes")]
    HandshakeTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A long row of records that carry nothing.
    #[error("the peer sent {limit} TLS messages in a row without application data")]
    TooManyIdleMessages {
        /// How many are tolerated.
        limit: u8,
    },
    /// The stream ended without `close_notify`: someone may have cut it (RFC 8446, 6.1).
    #[error("the connection was cut: it ended without TLS close_notify")]
    Truncated,
    /// The keys have protected as many records as they safely can, and TLS 1.2 cannot change them.
    #[error("the TLS 1.2 keys have protected as many records as is safe")]
    KeysExhausted,
    /// Bytes were given to a connection that is still handshaking, was closed, or has failed.
    #[error("the TLS connection is not open")]
    NotOpen,
}
