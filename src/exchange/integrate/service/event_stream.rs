//! What a function elsewhere streams: messages of Amazon's event stream, taken apart as they come.
//!
//! ```text
//! total length | length of the headers | CRC-32 of these two | headers | payload | CRC-32 of all before
//! ```
//! Nothing is believed before its checksum: a message is handed on when all of it is there. The bytes come
//! from whoever answers at a configured address, so every length is held against what is there.

use bytes::Bytes;
use serde::Deserialize;

/// Longest message: the largest result in one piece, and what stands around it.
pub const MESSAGE_BYTES_MAX: usize = 6 * 1024 * 1024 + 64 * 1024;

/// The two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;

/// Behind the payload.
const CHECKSUM_BYTES: usize = 4;

/// A stream so far: what has come of a message that is not complete.
#[derive(Debug, Default)]
pub struct EventStream {
    bytes: Vec<u8>,
    /// Where the first message begins that was not handed on.
    start: usize,
}

/// A complete message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'s> {
    /// What it is.
    pub kind: MessageKind,
    /// What it carries.
    pub payload: &'s [u8],
}

/// What a message of `InvokeWithResponseStream` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A piece of what the function writes.
    PayloadChunk,
    /// The function is done; the payload says how.
    InvokeComplete,
    /// The stream ends with an error of Lambda's.
    Exception,
    /// One that nobody knows yet.
    Other,
}

/// Bytes that are no event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadStream {
    /// A length that cannot be.
    #[error("a message whose lengths cannot be")]
    Length,
    /// The bytes are not those that were sent.
    #[error("a message whose checksum is another")]
    Checksum,
    /// A header that ends behind the headers, or of a type that is none.
    #[error("a message whose headers are none")]
    Header,
}

impl EventStream {
    /// Takes bytes as they come. What was complete must have been taken away with
    /// [`EventStream::message`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message that is complete.
    ///
    /// # Errors
    /// There will never be one: the stream is of no further use.
    pub fn message(&mut self) -> Result<Option<Message<'_>>, BadStream> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let Some((prelude, _)) = rest.split_at_checked(PRELUDE_BYTES) else { return Ok(None) };
        let (total, headers) = (number(prelude, 0), number(prelude, 4));
        if number(prelude, 8) != crc32fast::hash(&prelude[..8]) as usize {
            return Err(BadStream::Checksum);
        }
        let around = PRELUDE_BYTES + CHECKSUM_BYTES;
        if total < around || total > MESSAGE_BYTES_MAX || headers > total - around {
            return Err(BadStream::Length);
        }
        let Some(message) = rest.get(..total) else { return Ok(None) };
        let (checked, checksum) = message.split_at(total - CHECKSUM_BYTES);
        if number(checksum, 0) != crc32fast::hash(checked) as usize {
            return Err(BadStream::Checksum);
        }
        let (headers, payload) = checked[PRELUDE_BYTES..].split_at(headers);
        let kind = kind(headers).ok_or(BadStream::Header)?;
        self.start += total;
        Ok(Some(Message { kind, payload }))
    }

    /// Whether it could end here: no message has begun that is not complete.
    pub fn is_between_messages(&self) -> bool {
        self.start == self.bytes.len()
    }
}

/// Four bytes, the highest first. Zero where they are not there, which no caller's length allows.
fn number(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<4>());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize)
}

/// What the headers say of a message. `None`: they are none.
fn kind(mut headers: &[u8]) -> Option<MessageKind> {
    let (mut event, mut is_event) = (MessageKind::Other, true);
    while let Some((&name_bytes, rest)) = headers.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(name_bytes))?;
        let (&value_type, rest) = rest.split_first()?;
        let (length, rest) = match value_type {
            // True and false.
            0 | 1 => (0, rest),
            2 => (1, rest),
            3 => (2, rest),
            4 => (4, rest),
            5 | 8 => (8, rest),
            9 => (16, rest),
            6 | 7 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        match (name, value) {
            (b":message-type", value) => is_event = value == b"event",
            (b":event-type", b"PayloadChunk") => event = MessageKind::PayloadChunk,
            (b":event-type", b"InvokeComplete") => event = MessageKind::InvokeComplete,
            _ => {}
        }
        headers = rest;
    }
    Some(if is_event { event } else { MessageKind::Exception })
}

/// What `InvokeComplete` says of a failure: its payload. `None`: the function has not failed.
pub fn failure(complete: &[u8]) -> Option<Bytes> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Complete {
        error_code: Option<String>,
        error_details: Option<String>,
    }
    let Ok(complete) = serde_json::from_slice::<Complete>(complete) else { return None };
    let code = complete.error_code.filter(|code| !code.is_empty())?;
    let told = || serde_json::json!({ "errorType": code, "errorMessage": "" }).to_string();
    Some(complete.error_details.filter(|it| !it.is_empty()).unwrap_or_else(told).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(name.len() as u8);
            block.extend_from_slice(name.as_bytes());
            block.push(7);
            block.extend_from_slice(&(value.len() as u16).to_be_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        framed(&block, payload)
    }

    fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = ((headers.len() + payload.len() + 16) as u32).to_be_bytes().to_vec();
        out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    }

    fn event(name: &str, payload: &[u8]) -> Vec<u8> {
        let kind = "application/octet-stream";
        let headers = [(":event-type", name), (":content-type", kind), (":message-type", "event")];
        message(&headers, payload)
    }

    fn all(stream: &mut EventStream) -> Result<Vec<(MessageKind, Vec<u8>)>, BadStream> {
        let mut found = Vec::new();
        while let Some(Message { kind, payload }) = stream.message()? {
            found.push((kind, payload.to_vec()));
        }
        Ok(found)
    }

    fn read(bytes: &[u8]) -> Result<Vec<(MessageKind, Vec<u8>)>, BadStream> {
        let mut stream = EventStream::default();
        stream.push(bytes);
        all(&mut stream)
    }

    #[test]
    fn a_message_is_what_its_headers_say() {
        use MessageKind::{Exception, InvokeComplete, Other, PayloadChunk};
        let exception = [(":message-type", "exception"), (":exception-type", "X")];
        for (bytes, kind) in [
            (event("PayloadChunk", b"abc"), PayloadChunk),
            (event("InvokeComplete", b"abc"), InvokeComplete),
            (event("NewerThanThis", b"abc"), Other),
            (message(&exception, b"abc"), Exception),
            (message(&[(":message-type", "error")], b"abc"), Exception),
            (message(&[], b"abc"), Other),
        ] {
            assert_eq!(read(&bytes), Ok(vec![(kind, b"abc".to_vec())]));
        }
        // Of every type that there is.
        let typed = [
            &b"\x01a\x00\x01b\x01\x01c\x02x\x01d\x03xx\x01e\x04xxxx\x01f\x05xxxxxxxx"[..],
            b"\x01g\x06\x00\x01x\x01h\x08xxxxxxxx\x01i\x09xxxxxxxxxxxxxxxx",
        ]
        .concat();
        assert_eq!(read(&framed(&typed, b"")), Ok(vec![(Other, Vec::new())]));
    }

    #[test]
    fn what_is_none_is_refused() {
        let good = event("PayloadChunk", b"abc");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(read(&bad), Err(BadStream::Checksum), "byte {at}");
        }
        let with = |total: u32, headers: u32| {
            let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
            read(&bytes)
        };
        let most = MESSAGE_BYTES_MAX as u32;
        assert_eq!(with(15, 0), Err(BadStream::Length));
        assert_eq!(with(16, 0), Ok(Vec::new()), "its end is still to come");
        assert_eq!(with(16, 1), Err(BadStream::Length));
        assert_eq!(with(most, most - 16), Ok(Vec::new()));
        assert_eq!(with(most + 1, 0), Err(BadStream::Length));
        assert_eq!(with(u32::MAX, u32::MAX), Err(BadStream::Length));
        for headers in
            [&b"\x02a"[..], b"\x01a", b"\x01a\x0a", b"\x01a\x07\x00\x02x", b"\x01a\x04xxx"]
        {
            assert_eq!(read(&framed(headers, b"")), Err(BadStream::Header), "{headers:?}");
        }
    }

    #[test]
    fn the_end_says_whether_the_function_has_failed() {
        let told = |text: &str| {
            failure(text.as_bytes()).map(|it| String::from_utf8_lossy(&it).into_owned())
        };
        assert_eq!(told("{}"), None);
        assert_eq!(told(r#"{"LogResult":"x"}"#), None);
        assert_eq!(told(r#"{"ErrorCode":null}"#), None);
        let details = r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorMessage\":\"no\"}"}"#;
        assert_eq!(told(details).unwrap(), r#"{"errorMessage":"no"}"#);
        assert!(told(r#"{"ErrorCode":"Unhandled"}"#).unwrap().contains("Unhandled"));
    }

    proptest! {
        /// How the network cut the bytes must not change what was understood.
        #[test]
        fn messages_cut_anywhere_are_the_same(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cuts in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let whole: Vec<u8> = payloads.iter().flat_map(|it| event("PayloadChunk", it)).collect();
            let (mut stream, mut found, mut left) = (EventStream::default(), Vec::new(), &whole[..]);
            for cut in cuts.iter().cycle() {
                let (piece, rest) = left.split_at((*cut).min(left.len()));
                stream.push(piece);
                found.extend(all(&mut stream).unwrap());
                left = rest;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert!(stream.is_between_messages());
            let found: Vec<_> = found.into_iter().map(|(_, payload)| payload).collect();
            prop_assert_eq!(found, payloads);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let _ = read(&framed(&bytes, b"x"));
            let _ = failure(&bytes);
        }
    }
}
