//! Amazon's event stream (`application/vnd.amazon.eventstream`): messages of named values and a payload,
//! with their lengths in front and a checksum at the end.
//!
//! ```text
//! total length | length of the headers | CRC-32 of these two | headers | payload | CRC-32 of all before
//! ```
//! Numbers are of 4 bytes, the highest first. A header is the length of its name in a byte, the name, 7 for
//! a text, the length of the value in two bytes, the value.

use bytes::Bytes;

/// Longest payload of one message here; readers take 16 MiB.
const PIECE_BYTES_MAX: usize = 128 * 1024;

/// Around a message's headers and payload.
const FRAME_BYTES: usize = 16;

/// Appends an event of this type, whose payload has this type of content.
pub(super) fn push_event(out: &mut Vec<u8>, event: &str, content_type: &str, payload: &[u8]) {
    let headers =
        [(":event-type", event), (":content-type", content_type), (":message-type", "event")];
    let bytes: usize = headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
    let begin = out.len();
    let push_length = |out: &mut Vec<u8>, length: usize| {
        // A payload is a piece: none of these comes near to 4 GiB.
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    };
    push_length(out, FRAME_BYTES + bytes + payload.len());
    push_length(out, bytes);
    push_checksum(out, begin);
    for (name, value) in headers {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.push(7);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(payload);
    push_checksum(out, begin);
}

/// Takes the next piece off content; `None` when nothing is left.
pub(super) fn split_piece(content: &mut Bytes) -> Option<Bytes> {
    let bytes = content.len().min(PIECE_BYTES_MAX);
    (bytes > 0).then(|| content.split_to(bytes))
}

fn push_checksum(out: &mut Vec<u8>, begin: usize) {
    let checksum = crc32fast::hash(&out[begin..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_lengths_and_checksums() {
        let mut out = b"before".to_vec();
        push_event(&mut out, "PayloadChunk", "application/octet-stream", b"abc");
        let message = &out[6..];
        let number = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        assert_eq!(number(0) as usize, message.len());
        assert_eq!(number(4) as usize, message.len() - FRAME_BYTES - 3);
        assert_eq!(number(8), crc32fast::hash(&message[..8]));
        let end = message.len() - 4;
        assert_eq!(number(end), crc32fast::hash(&message[..end]));
        assert_eq!(&message[end - 3..end], b"abc");
        assert!(message[12..].starts_with(b"\x0b:event-type\x07\x00\x0cPayloadChunk"));
    }

    #[test]
    fn content_comes_in_pieces() {
        let mut content = Bytes::from(vec![b'x'; PIECE_BYTES_MAX + 1]);
        let mut next = || split_piece(&mut content).map(|piece| piece.len());
        assert_eq!([next(), next(), next()], [Some(PIECE_BYTES_MAX), Some(1), None]);
    }
}
