//! Sealing: plaintext to records, appended to the bytes to send.
//!
//! rustls has this too, but allocates a vector per record and then copies it. Here a record is built
//! where it is sent from: the plaintext is copied behind the place of its header and encrypted there.
//! Opening needs no such thing: rustls's own decrypters work in place (`open`).

use super::TlsFault;
use super::record::{HEADER_BYTES, PLAINTEXT_BYTES_MAX};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use rustls::crypto::cipher::{self, Iv, make_tls12_aad, make_tls13_aad};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

/// Bytes of authentication tag behind each record; all suites have this one.
const TAG_BYTES: usize = 16;

/// What a record costs at most beside its data: header, explicit nonce or content type, tag.
const OVERHEAD_BYTES_MAX: usize = HEADER_BYTES + 8 + TAG_BYTES;

/// The sending direction's key, with its place in the sequence of nonces.
pub(super) struct Sealer {
    key: LessSafeKey,
    iv: Iv,
    /// Number of the next record; never used twice with one key.
    sequence: u64,
    /// How many records the key may protect (RFC 8446, 5.5).
    records_max: u64,
    form: Form,
}

/// How a record's nonce and type are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// RFC 8446, 5.2: the type inside, the nonce implied.
    Tls13,
    /// RFC 5288: 8 bytes of the nonce before the ciphertext.
    Tls12ExplicitNonce,
    /// RFC 7905: the nonce implied.
    Tls12ImpliedNonce,
}

impl Form {
    fn explicit_nonce_bytes(self) -> usize {
        match self {
            Self::Tls12ExplicitNonce => 8,
            Self::Tls13 | Self::Tls12ImpliedNonce => 0,
        }
    }
}

impl Sealer {
    /// The sealer for secrets that rustls handed over.
    pub(super) fn new(
        suite: SupportedCipherSuite,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, TlsFault> {
        let (algorithm, key, iv): (&'static Algorithm, _, _) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return Err(unsupported_suite()),
        };
        let form = match suite.version().version {
            ProtocolVersion::TLSv1_3 => Form::Tls13,
            _ if algorithm == &CHACHA20_POLY1305 => Form::Tls12ImpliedNonce,
            _ => Form::Tls12ExplicitNonce,
        };
        let common = match suite {
            SupportedCipherSuite::Tls12(suite) => &suite.common,
            SupportedCipherSuite::Tls13(suite) => &suite.common,
        };
        let key = UnboundKey::new(algorithm, key.as_ref()).map_err(|_| unsupported_suite())?;
        Ok(Self {
            key: LessSafeKey::new(key),
            iv,
            sequence,
            records_max: common.confidentiality_limit,
            form,
        })
    }

    /// Records that the key may still protect.
    pub(super) fn records_left(&self) -> u64 {
        self.records_max.saturating_sub(self.sequence)
    }

    #[cfg(test)]
    pub(super) fn limit_records(&mut self, more: u64) {
        self.records_max = self.sequence + more;
    }

    /// Makes room for `plain_bytes` of data and their records, so that appending grows at most once.
    pub(super) fn reserve(&self, buffer: &mut Vec<u8>, plain_bytes: usize) {
        let records = plain_bytes.div_ceil(PLAINTEXT_BYTES_MAX);
        buffer.reserve(plain_bytes + records * OVERHEAD_BYTES_MAX);
    }

    /// Opens a record at the end of `buffer`: append at most [`PLAINTEXT_BYTES_MAX`] bytes, then
    /// [`finish`](Self::finish) it.
    pub(super) fn begin(&self, buffer: &mut Vec<u8>) -> RecordStart {
        let start = buffer.len();
        let prefix = HEADER_BYTES + self.form.explicit_nonce_bytes();
        buffer.extend_from_slice(&[0; HEADER_BYTES + 8][..prefix]);
        RecordStart(start)
    }

    /// Encrypts what was appended since `begin`, and writes the header before it.
    pub(super) fn finish(
        &mut self,
        buffer: &mut Vec<u8>,
        RecordStart(start): RecordStart,
        content: ContentType,
    ) -> Result<(), TlsFault> {
        if self.records_left() == 0 {
            return Err(TlsFault::KeysExhausted);
        }
        let explicit_bytes = self.form.explicit_nonce_bytes();
        let body = start + HEADER_BYTES + explicit_bytes;
        let data_bytes = buffer.len() - body;
        debug_assert!(data_bytes <= PLAINTEXT_BYTES_MAX, "records have a limit");
        let outer = match self.form {
            Form::Tls13 => {
                buffer.push(content.into());
                ContentType::ApplicationData
            }
            Form::Tls12ExplicitNonce | Form::Tls12ImpliedNonce => content,
        };
        let payload_bytes = buffer.len() - start - HEADER_BYTES + TAG_BYTES;
        let nonce: [u8; NONCE_LEN] = cipher::Nonce::new(&self.iv, self.sequence).0;

        let [.., high, low] = payload_bytes.to_be_bytes();
        // Both versions write 3.3 here (RFC 8446, 5.2).
        buffer[start..start + HEADER_BYTES].copy_from_slice(&[outer.into(), 3, 3, high, low]);
        buffer[start + HEADER_BYTES..body].copy_from_slice(&nonce[NONCE_LEN - explicit_bytes..]);

        let nonce = Nonce::assume_unique_for_key(nonce);
        let (key, sealed) = (&self.key, &mut buffer[body..]);
        let tag = match self.form {
            Form::Tls13 => {
                let aad = Aad::from(make_tls13_aad(payload_bytes));
                key.seal_in_place_separate_tag(nonce, aad, sealed)
            }
            Form::Tls12ExplicitNonce | Form::Tls12ImpliedNonce => {
                let version = ProtocolVersion::TLSv1_2;
                let aad = Aad::from(make_tls12_aad(self.sequence, content, version, data_bytes));
                key.seal_in_place_separate_tag(nonce, aad, sealed)
            }
        };
        let Ok(tag) = tag else {
            // Plaintext must not stay among the bytes to send.
            buffer.truncate(start);
            return Err(TlsFault::Protocol(rustls::Error::EncryptError));
        };
        buffer.extend_from_slice(tag.as_ref());
        self.sequence += 1;
        Ok(())
    }
}

/// Where an unfinished record begins.
#[must_use]
pub(super) struct RecordStart(usize);

fn unsupported_suite() -> TlsFault {
    TlsFault::Protocol(rustls::Error::General(
        "the cipher suite's keys cannot be taken over".to_owned(),
    ))
}
