//! A record's header: what it claims, and whether that can be true.

use rustls::{ContentType, ProtocolVersion};

/// Bytes before each record's payload (RFC 8446, 5.1).
pub(super) const HEADER_BYTES: usize = 5;

/// Bytes of data that one record carries at most (RFC 8446, 5.1).
pub(super) const PLAINTEXT_BYTES_MAX: usize = 1 << 14;

/// The longest payload that the version allows: RFC 8446, 5.2 grants protection 256 bytes, RFC 5246,
/// 6.2.3 grants it 2,048.
pub(super) fn payload_bytes_max(version: ProtocolVersion) -> usize {
    match version {
        ProtocolVersion::TLSv1_3 => PLAINTEXT_BYTES_MAX + 256,
        _ => PLAINTEXT_BYTES_MAX + 2048,
    }
}

/// What a record's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) content: ContentType,
    pub(super) version: ProtocolVersion,
    pub(super) payload_bytes: usize,
}

/// Why these bytes begin no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Not TLS, or not TLS any more.
    Foreign,
    /// The payload would be longer than any may be.
    TooLong,
}

impl Header {
    /// Reads a header from the front of `bytes`. `None`: it is not complete yet.
    pub(super) fn read(
        bytes: &[u8],
        payload_bytes_max: usize,
    ) -> Result<Option<Self>, HeaderFault> {
        let Some(&[content, major, minor, high, low]) = bytes.first_chunk() else {
            return Ok(None);
        };
        let content = ContentType::from(content);
        if matches!(content, ContentType::Unknown(_) | ContentType::Heartbeat) || major != 3 {
            return Err(HeaderFault::Foreign);
        }
        let payload_bytes = usize::from(u16::from_be_bytes([high, low]));
        if payload_bytes > payload_bytes_max {
            return Err(HeaderFault::TooLong);
        }
        Ok(Some(Self {
            content,
            version: ProtocolVersion::from(u16::from_be_bytes([major, minor])),
            payload_bytes,
        }))
    }

    /// Length of the whole record.
    pub(super) fn record_bytes(self) -> usize {
        HEADER_BYTES + self.payload_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_complete_at_its_fifth_byte() {
        let bytes = [23, 3, 3, 0x40, 0x00];
        assert_eq!(Header::read(&bytes[..4], PLAINTEXT_BYTES_MAX), Ok(None));
        let header = Header::read(&bytes, PLAINTEXT_BYTES_MAX).unwrap().unwrap();
        assert_eq!(header.content, ContentType::ApplicationData);
        assert_eq!(header.record_bytes(), 16_389);
    }

    #[test]
    fn one_byte_more_than_the_longest_payload_is_refused() {
        for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
            let limit = payload_bytes_max(version);
            let claim = |bytes: usize| {
                let [.., high, low] = bytes.to_be_bytes();
                Header::read(&[22, 3, 3, high, low], limit)
            };
            assert!(claim(limit).unwrap().is_some());
            assert_eq!(claim(limit + 1), Err(HeaderFault::TooLong));
        }
    }

    #[test]
    fn an_http_request_is_not_tls() {
        assert_eq!(Header::read(b"GET / HTTP/1.1", PLAINTEXT_BYTES_MAX), Err(HeaderFault::Foreign));
        assert_eq!(Header::read(&[22, 2, 0, 0, 1], PLAINTEXT_BYTES_MAX), Err(HeaderFault::Foreign));
    }
}
