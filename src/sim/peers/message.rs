//! A deliberately naive reader of HTTP/1.1 messages, for both kinds of peers.
//!
//! It shares no line with `crate::http`, so that a mistake there is not made here again; and it is
//! strict, because the gateway is: what it writes must be plain.

use crate::sim::random::Random;
use std::collections::VecDeque;

/// Start line and fields.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The first line without its end.
    pub(crate) start: String,
    /// Names in lower case, in order.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field that may stand once at most.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(it, _)| it == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "field {name} twice in {self:?}");
        value
    }

    /// Whether `Connection: close` is said.
    pub(crate) fn says_close(&self) -> bool {
        self.fields.iter().any(|(name, value)| {
            name == "connection"
                && value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
        })
    }
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `Content-Length`, or none at all: 0.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Everything until the connection closes.
    UntilClose,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Head,
    Counted(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailers,
    UntilClose,
}

/// Reads messages from a stream of bytes.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: VecDeque<u8>,
    stage: Stage,
}

/// What the body brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BodyPart {
    /// Maybe none.
    pub(crate) bytes: Vec<u8>,
    /// Nothing follows; the reader is at the next head.
    pub(crate) complete: bool,
}

/// No line that the gateway writes is longer.
const LINE_BYTES_MAX: usize = 16_384;

impl Reader {
    /// A reader at the begin of a stream.
    pub(crate) fn new() -> Self {
        Self { bytes: VecDeque::new(), stage: Stage::Head }
    }

    /// Adds what has arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Whether it stands at the begin of a head and has nothing of it.
    pub(crate) fn is_between_messages(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.bytes.is_empty()
    }

    /// Whether the body at hand ends with the connection.
    pub(crate) fn is_until_close(&self) -> bool {
        matches!(self.stage, Stage::UntilClose)
    }

    /// Whether bytes wait that nobody has asked for yet.
    pub(crate) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next head, once it is complete. The reader stays there until [`Reader::begin_body`].
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn head(&mut self) -> Result<Option<Head>, String> {
        assert!(matches!(self.stage, Stage::Head), "inside a body");
        let bytes = self.bytes.make_contiguous();
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            if bytes.len() > LINE_BYTES_MAX * 4 {
                return Err("a head without an end".into());
            }
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        for line in lines {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("a field without a colon: {line:?}"))?;
            if name.is_empty() || name.contains([' ', '\t']) || line.contains(['\r', '\n', '\0']) {
                return Err(format!("not a field: {line:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        self.bytes.drain(..end + 4);
        Ok(Some(Head { start, fields }))
    }

    /// Says how the body of the head just read is framed.
    pub(crate) fn begin_body(&mut self, framing: Framing) {
        self.stage = match framing {
            Framing::Length(0) => Stage::Head,
            Framing::Length(count) => Stage::Counted(count),
            Framing::Chunked => Stage::ChunkSize,
            Framing::UntilClose => Stage::UntilClose,
        };
    }

    /// Body bytes that are there.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn body(&mut self) -> Result<BodyPart, String> {
        let mut bytes = Vec::new();
        loop {
            match self.stage {
                Stage::Head => {
                    return Ok(BodyPart { bytes, complete: true });
                }
                Stage::Counted(0) => self.stage = Stage::Head,
                Stage::Counted(left) => {
                    let count = left.min(self.bytes.len());
                    if count == 0 {
                        return Ok(BodyPart { bytes, complete: false });
                    }
                    bytes.extend(self.bytes.drain(..count));
                    self.stage = Stage::Counted(left - count);
                }
                Stage::UntilClose => {
                    bytes.extend(self.bytes.drain(..));
                    return Ok(BodyPart { bytes, complete: false });
                }
                Stage::ChunkSize => {
                    let Some(line) = self.line()? else {
                        return Ok(BodyPart { bytes, complete: false });
                    };
                    let size = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16)
                        .map_err(|_| format!("not a chunk size: {line:?}"))?;
                    self.stage = if size == 0 { Stage::Trailers } else { Stage::Chunk(size) };
                }
                Stage::Chunk(left) => {
                    let count = left.min(self.bytes.len());
                    if count == 0 {
                        return Ok(BodyPart { bytes, complete: false });
                    }
                    bytes.extend(self.bytes.drain(..count));
                    self.stage =
                        if count == left { Stage::ChunkEnd } else { Stage::Chunk(left - count) };
                }
                Stage::ChunkEnd => match self.line()? {
                    None => {
                        return Ok(BodyPart { bytes, complete: false });
                    }
                    Some(line) if line.is_empty() => self.stage = Stage::ChunkSize,
                    Some(line) => return Err(format!("{line:?} behind a chunk")),
                },
                Stage::Trailers => match self.line()? {
                    None => {
                        return Ok(BodyPart { bytes, complete: false });
                    }
                    Some(line) if line.is_empty() => self.stage = Stage::Head,
                    Some(_) => {}
                },
            }
        }
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let bytes = self.bytes.make_contiguous();
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else {
            if bytes.len() > LINE_BYTES_MAX {
                return Err("a line without an end".into());
            }
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        self.bytes.drain(..end + 2);
        Ok(Some(line))
    }
}

/// The framing that a message's own fields declare, before method and status have their say.
///
/// # Errors
/// Both declared, or neither readable.
pub(crate) fn declared_framing(head: &Head) -> Result<Option<Framing>, String> {
    for name in ["content-length", "transfer-encoding"] {
        if head.fields.iter().filter(|(it, _)| it == name).count() > 1 {
            return Err(format!("{name} twice in {head:?}"));
        }
    }
    match (head.field("content-length"), head.field("transfer-encoding")) {
        (Some(_), Some(_)) => Err(format!("two framings in {head:?}")),
        (Some(length), None) => length
            .parse()
            .map(|length| Some(Framing::Length(length)))
            .map_err(|_| format!("not a length: {length:?}")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => {
            Ok(Some(Framing::Chunked))
        }
        (None, Some(coding)) => Err(format!("not a coding of ours: {coding:?}")),
        (None, None) => Ok(None),
    }
}

/// Sizes of chunks for a body: any, but not so small that a large one takes forever.
pub(crate) fn chunk_sizes(random: &mut Random, body_bytes: usize) -> Vec<usize> {
    let size_min = body_bytes / 50;
    (0..4).map(|_| random.skewed(body_bytes.max(1)).max(size_min)).collect()
}

/// Writes a body in chunks of the given sizes, the last one repeated, with the end.
pub(crate) fn chunked(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut written = Vec::new();
    let mut rest = body;
    let mut index = 0;
    while !rest.is_empty() {
        let size = sizes[index.min(sizes.len() - 1)].clamp(1, rest.len());
        index += 1;
        written.extend(format!("{size:x}\r\n").bytes());
        written.extend(&rest[..size]);
        written.extend(b"\r\n");
        rest = &rest[size..];
    }
    written.extend(b"0\r\n\r\n");
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_byte_by_byte(bytes: &[u8]) -> (Head, Vec<u8>, Reader) {
        let mut reader = Reader::new();
        let mut head: Option<Head> = None;
        let mut body = Vec::new();
        for byte in bytes {
            reader.push(&[*byte]);
            if head.is_none() {
                head = reader.head().expect("a good head");
                if let Some(head) = &head {
                    let framing = declared_framing(head).expect("a good framing");
                    reader.begin_body(framing.unwrap_or(Framing::Length(0)));
                }
            } else {
                body.extend(reader.body().expect("a good body").bytes);
            }
        }
        (head.expect("a head"), body, reader)
    }

    #[test]
    fn chunks_and_counts_give_the_same_body() {
        let body: Vec<u8> = (0..200).collect();
        let mut message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        message.extend(chunked(&body, &[1, 7, 30]));
        let (_, read, reader) = read_byte_by_byte(&message);
        assert_eq!(read, body);
        assert!(reader.is_between_messages());

        let mut message = b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n".to_vec();
        message.extend(&body);
        let (head, read, mut reader) = read_byte_by_byte(&message);
        assert_eq!(head.start, "HTTP/1.1 200 OK");
        assert_eq!(read, body);
        assert!(reader.body().expect("at its end").complete);
    }

    #[test]
    fn doubtful_messages_are_errors() {
        for head in [
            "GET / HTTP/1.1\r\nbad field: x\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nbare\nlinefeed: x\r\n\r\n",
        ] {
            let mut reader = Reader::new();
            reader.push(head.as_bytes());
            assert!(reader.head().is_err(), "{head:?}");
        }
        let mut reader = Reader::new();
        reader.push(b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
        let head = reader.head().ok().flatten().expect("lines as such are fine");
        assert!(declared_framing(&head).is_err());
    }
}
