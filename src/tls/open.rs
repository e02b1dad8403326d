//! Opening: records to plaintext, in place, by rustls's own decrypters (padding, length and type
//! checks included).

use super::TlsFault;
use super::record::{Header, payload_bytes_max};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter,
};
use rustls::{ConnectionTrafficSecrets, Error, ProtocolVersion, SupportedCipherSuite};

/// The receiving direction's key, with the number of the next record.
pub(super) struct Opener {
    decrypter: Box<dyn MessageDecrypter>,
    sequence: u64,
    version: ProtocolVersion,
}

impl Opener {
    /// The opener for secrets that rustls handed over.
    pub(super) fn new(
        suite: SupportedCipherSuite,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, TlsFault> {
        let (key, iv, fixed_iv_bytes) = match secrets {
            // TLS 1.2 sends the rest of the nonce with each record (RFC 5288, 3).
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (key, iv, 4),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv, 12),
            _ => {
                return Err(TlsFault::Protocol(Error::General(
                    "the cipher suite's keys cannot be taken over".to_owned(),
                )));
            }
        };
        Ok(Self {
            decrypter: decrypter(suite, key, iv, fixed_iv_bytes),
            sequence,
            version: suite.version().version,
        })
    }

    /// The longest payload to be accepted.
    pub(super) fn payload_bytes_max(&self) -> usize {
        payload_bytes_max(self.version)
    }

    /// The protocol version spoken.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Decrypts one record's payload in place.
    pub(super) fn open<'a>(
        &mut self,
        header: Header,
        payload: &'a mut [u8],
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let record = InboundOpaqueMessage::new(header.content, header.version, payload);
        let plain = self.decrypter.decrypt(record, self.sequence)?;
        self.sequence += 1;
        Ok(plain)
    }
}

fn decrypter(
    suite: SupportedCipherSuite,
    key: AeadKey,
    iv: Iv,
    fixed_iv_bytes: usize,
) -> Box<dyn MessageDecrypter> {
    match suite {
        SupportedCipherSuite::Tls12(suite) => {
            suite.aead_alg.decrypter(key, &iv.as_ref()[..fixed_iv_bytes])
        }
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
    }
}
