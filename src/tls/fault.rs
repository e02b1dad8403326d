//! Why a TLS connection cannot go on, and what the peer is told.

use super::record::HeaderFault;
use rustls::{AlertDescription, CertificateError, ContentType, Error, PeerMisbehaved};

/// What broke a TLS connection. The connection is useless afterwards: send what is in `out` (the
/// alert for the peer, when one is due), then close.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TlsFault {
    /// The peer refused us or gave up, and said why.
    #[error("the peer ended the connection with the TLS alert `{0:?}`")]
    Alert(AlertDescription),
    /// The back end's certificate is not good enough: wrong name, expired, unknown issuer.
    #[error("the certificate is refused: {0}")]
    Certificate(CertificateError),
    /// The handshake failed, or the peer broke the protocol's rules.
    #[error("TLS failed: {0}")]
    Protocol(Error),
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

impl From<Error> for TlsFault {
    fn from(error: Error) -> Self {
        match error {
            Error::AlertReceived(alert) => Self::Alert(alert),
            Error::InvalidCertificate(error) => Self::Certificate(error),
            error => Self::Protocol(error),
        }
    }
}

/// A fault, and the alert that tells the peer.
pub(super) struct Broken {
    pub(super) fault: TlsFault,
    pub(super) alert: Option<AlertDescription>,
}

impl Broken {
    pub(super) fn new(fault: TlsFault, alert: AlertDescription) -> Self {
        Self { fault, alert: Some(alert) }
    }

    pub(super) fn misbehaved(why: PeerMisbehaved) -> Self {
        Self::new(
            TlsFault::Protocol(Error::PeerMisbehaved(why)),
            AlertDescription::UnexpectedMessage,
        )
    }

    pub(super) fn unexpected(content: ContentType) -> Self {
        Self::new(
            TlsFault::Protocol(Error::InappropriateMessage {
                expect_types: vec![ContentType::ApplicationData],
                got_type: content,
            }),
            AlertDescription::UnexpectedMessage,
        )
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        // As rustls itself answers these (RFC 8446, 6.2).
        let alert = match &error {
            Error::DecryptError => AlertDescription::BadRecordMac,
            Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            Error::InvalidMessage(_) => AlertDescription::DecodeError,
            Error::PeerMisbehaved(_) => AlertDescription::UnexpectedMessage,
            Error::InvalidCertificate(CertificateError::BadEncoding) => {
                AlertDescription::DecodeError
            }
            _ => AlertDescription::InternalError,
        };
        Self::new(TlsFault::Protocol(error), alert)
    }
}

impl From<HeaderFault> for Broken {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::Foreign => Error::from(rustls::InvalidMessage::InvalidContentType).into(),
            HeaderFault::TooLong => Error::PeerSentOversizedRecord.into(),
        }
    }
}

impl From<TlsFault> for Broken {
    fn from(fault: TlsFault) -> Self {
        Self::new(fault, AlertDescription::InternalError)
    }
}
