//! Reads a back end's answer to its end, by the rules by which a shard reads it.

use crate::http::{self, BodyReader, Fields, Framing, HeadLimits, RequestKind, ResponseHead};

/// Bytes of content that are taken: Amazon's own limit.
pub const CONTENT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// As for shards.
const LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 64 * 1024, fields: 128 };

/// An answer as far as it has been read.
#[derive(Debug)]
pub struct AnswerReader {
    kind: RequestKind,
    /// The head, and before it is complete whatever has come.
    head: Vec<u8>,
    body: Option<BodyReader>,
    content: Vec<u8>,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAnswer {
    /// It is not HTTP, or not as it says.
    Malformed(&'static str),
    /// Its content is above [`CONTENT_BYTES_MAX`].
    TooLarge,
}

impl AnswerReader {
    /// Nothing has come yet.
    pub(super) fn new(kind: RequestKind) -> Self {
        Self { kind, head: Vec::new(), body: None, content: Vec::new() }
    }

    /// Takes bytes; whether the answer is complete.
    ///
    /// # Errors
    /// Nothing further can be believed.
    pub fn read(&mut self, bytes: &[u8]) -> Result<bool, BadAnswer> {
        if self.body.is_some() {
            return self.read_content(bytes);
        }
        self.head.extend_from_slice(bytes);
        loop {
            let Some((framing, end)) = self.read_head()? else { return Ok(false) };
            let Some(framing) = framing else {
                self.head.drain(..end);
                continue;
            };
            let rest = self.head.split_off(end);
            let reader = BodyReader::new(framing);
            let is_done = reader.is_done();
            self.body = Some(reader);
            return if is_done || rest.is_empty() { Ok(is_done) } else { self.read_content(&rest) };
        }
    }

    /// How the answer's content is framed and where its head ends, once it is there; `None` framing is an
    /// interim answer's.
    fn read_head(&self) -> Result<Option<(Option<Framing>, usize)>, BadAnswer> {
        let mut fields = Fields::new();
        let head = http::response_head(&self.head, &mut fields, &LIMITS, self.kind)
            .map_err(|bad| BadAnswer::Malformed(bad.cause()))?;
        let Some(head) = head else { return Ok(None) };
        if head.status == 101 {
            return Err(BadAnswer::Malformed("a switch of protocols that nobody asked for"));
        }
        let framing = (!head.is_interim()).then_some(head.framing);
        Ok(Some((framing, head.head_bytes)))
    }

    fn read_content(&mut self, mut bytes: &[u8]) -> Result<bool, BadAnswer> {
        let Some(body) = &mut self.body else { return Ok(false) };
        while !bytes.is_empty() && !body.is_done() {
            let piece = body.read(bytes).map_err(|bad| BadAnswer::Malformed(bad.cause()))?;
            let data = bytes.get(piece.data.clone()).unwrap_or_default();
            if self.content.len() + data.len() > CONTENT_BYTES_MAX {
                return Err(BadAnswer::TooLarge);
            }
            self.content.extend_from_slice(data);
            bytes = bytes.get(piece.consumed..).unwrap_or_default();
        }
        Ok(body.is_done())
    }

    /// The connection has ended: whether the answer is complete.
    pub fn ended(&mut self) -> bool {
        self.body.as_mut().is_some_and(|body| body.is_done() || body.end_of_stream().is_ok())
    }

    /// The head, once it is there.
    pub(super) fn head<'r>(&'r self, fields: &mut Fields<'r>) -> Option<ResponseHead<'r>> {
        let head = http::response_head(&self.head, fields, &LIMITS, self.kind).ok()??;
        // Whatever it was framed by, its content is here.
        Some(ResponseHead { framing: Framing::Length(self.content.len() as u64), ..head })
    }

    /// The content so far.
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Result<(u16, Vec<u8>, bool), BadAnswer> {
        let mut reader = AnswerReader::new(RequestKind::Other);
        let mut is_done = false;
        for piece in pieces {
            is_done = reader.read(piece)?;
        }
        let is_done = is_done || reader.ended();
        let mut fields = Fields::new();
        let status = reader.head(&mut fields).map_or(0, |head| head.status);
        Ok((status, reader.content().to_vec(), is_done))
    }

    #[test]
    fn an_answer_ends_where_its_framing_says() {
        let cases: [(&[u8], u16, &[u8], bool); 6] = [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc", 200, b"ab", true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", 200, b"abc", false),
            (b"HTTP/1.1 204 No\r\n\r\n", 204, b"", true),
            (b"HTTP/1.1 200 OK\r\n\r\nabc", 200, b"abc", true),
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
                404,
                b"",
                true,
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
                200,
                b"ab",
                true,
            ),
        ];
        for (bytes, status, content, is_done) in cases {
            assert_eq!(read(&[bytes]), Ok((status, content.to_vec(), is_done)));
        }
    }

    #[test]
    fn what_is_not_http_or_too_large_is_refused() {
        assert!(matches!(read(&[b"no\r\n\r\n"]), Err(BadAnswer::Malformed(_))));
        assert!(matches!(read(&[b"HTTP/1.1 101 Switching\r\n\r\n"]), Err(BadAnswer::Malformed(_))));
        let half = vec![b'x'; CONTENT_BYTES_MAX];
        let head = b"HTTP/1.0 200 OK\r\n\r\n";
        assert!(read(&[head, &half]).is_ok());
        assert_eq!(read(&[head, &half, b"x"]), Err(BadAnswer::TooLarge));
    }

    proptest! {
        #[test]
        fn how_it_was_cut_changes_nothing(cut in 0_usize..75) {
            let whole: &[u8] =
                b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
            let cut = cut.min(whole.len());
            let expected = Ok((200, b"hello".to_vec(), true));
            prop_assert_eq!(read(&[&whole[..cut], &whole[cut..]]), expected);
        }
    }
}
