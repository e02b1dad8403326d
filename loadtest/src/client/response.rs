//! Bytes of one connection into answers: the gateway's own reader of responses, plus keeping what
//! has come of an unfinished head and of a body that is to be checked.
//!
//! `Head --head--> Body --last byte--> Head`; interim responses (1xx) lead back to `Head`.

use ringgate::http::{BodyReader, Fields, HeadLimits, RequestKind, find_head_end, response_head};

/// A response head beyond this is refused as malformed: twice what common servers allow.
const HEAD_LIMITS: HeadLimits = HeadLimits {
    request_line_bytes: 8 * 1024,
    head_bytes: 64 * 1024,
    fields: ringgate::http::FIELDS_MAX,
};

/// How much of a body is kept for a check. A check beyond it is not a job for a load tester.
pub(super) const KEPT_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Reads the answers of one connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    state: State,
    /// The beginning of a head that came in pieces.
    head: Vec<u8>,
    /// The body, when it is to be checked.
    body: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body {
        status: u16,
        persistent: bool,
        reader: BodyReader,
    },
}

/// One complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Whether the connection may be used again.
    pub(super) persistent: bool,
}

/// What came is not an HTTP/1.1 response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Reader {
    /// Takes bytes off `input`, up to the end of the answer if it lies there. `None`: more is needed,
    /// and `input` is used up.
    ///
    /// # Errors
    /// What came is not an HTTP/1.1 response: nothing further on this connection means anything.
    #[inline]
    pub(super) fn read(
        &mut self,
        input: &mut &[u8],
        answering: RequestKind,
        keep_body: bool,
    ) -> Result<Option<Answer>, Malformed> {
        loop {
            match &mut self.state {
                State::Head => {
                    if !self.read_head(input, answering)? {
                        return Ok(None);
                    }
                }
                State::Body { status, persistent, reader } => {
                    while !reader.is_done() {
                        if input.is_empty() {
                            return Ok(None);
                        }
                        let piece = reader.read(input).map_err(|_| Malformed)?;
                        if keep_body {
                            let room = KEPT_BODY_BYTES_MAX - self.body.len();
                            let data = input.get(piece.data).unwrap_or_default();
                            self.body.extend_from_slice(&data[..data.len().min(room)]);
                        }
                        *input = input.get(piece.consumed..).unwrap_or_default();
                    }
                    let answer = Answer { status: *status, persistent: *persistent };
                    self.state = State::Head;
                    return Ok(Some(answer));
                }
            }
        }
    }

    /// The peer has closed. An answer that reaches to the end of the connection is complete now.
    ///
    /// # Errors
    /// The answer was not complete.
    pub(super) fn end(&mut self) -> Result<Option<Answer>, Malformed> {
        match &mut self.state {
            State::Head if self.head.is_empty() => Ok(None),
            State::Head => Err(Malformed),
            State::Body { status, reader, .. } => {
                reader.end_of_stream().map_err(|_| Malformed)?;
                let answer = Answer { status: *status, persistent: false };
                self.state = State::Head;
                Ok(Some(answer))
            }
        }
    }

    /// The body of the last answer, as far as it was kept. Empties it.
    pub(super) fn take_body(&mut self) -> impl std::ops::Deref<Target = [u8]> {
        std::mem::take(&mut self.body)
    }

    /// Forgets everything: a new connection.
    pub(super) fn reset(&mut self) {
        self.state = State::Head;
        self.head.clear();
        self.body.clear();
    }

    /// Whether a head was read; `false`: the rest of it has not come.
    fn read_head(&mut self, input: &mut &[u8], answering: RequestKind) -> Result<bool, Malformed> {
        if self.head.is_empty() {
            // The ordinary case: the whole head lies in one receive buffer, nothing is copied.
            let Some((state, head_bytes)) = parse_head(input, answering)? else {
                self.head.extend_from_slice(input);
                *input = &[];
                return Ok(false);
            };
            *input = input.get(head_bytes..).unwrap_or_default();
            self.enter(state);
            return Ok(true);
        }
        let held = self.head.len();
        self.head.extend_from_slice(input);
        if find_head_end(&self.head, held).is_none() && self.head.len() <= HEAD_LIMITS.head_bytes {
            *input = &[];
            return Ok(false);
        }
        let Some((state, head_bytes)) = parse_head(&self.head, answering)? else {
            *input = &[];
            return Ok(false);
        };
        *input = input.get(head_bytes - held..).unwrap_or_default();
        self.head.clear();
        self.enter(state);
        Ok(true)
    }

    /// `None`: an interim response, the real one follows.
    #[inline]
    fn enter(&mut self, state: Option<State>) {
        self.state = state.unwrap_or_default();
    }
}

/// A head's state and length, when it is complete.
type ParsedHead = Option<(Option<State>, usize)>;

#[inline]
fn parse_head(bytes: &[u8], answering: RequestKind) -> Result<ParsedHead, Malformed> {
    let mut fields = Fields::new();
    let head = response_head(bytes, &mut fields, &HEAD_LIMITS, answering).map_err(|_| Malformed)?;
    Ok(head.map(|head| {
        let state = (!head.is_interim()).then(|| State::Body {
            status: head.status,
            persistent: head.persistent && head.status != 101,
            reader: BodyReader::new(head.framing),
        });
        (state, head.head_bytes)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

    fn read_in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<(u16, bool, Vec<u8>)> {
        let mut reader = Reader::default();
        let mut answers = Vec::new();
        let mut start = 0;
        let mut cuts = cuts.to_vec();
        cuts.sort_unstable();
        cuts.push(stream.len());
        for cut in cuts {
            let mut input = &stream[start..cut];
            start = cut;
            while let Some(answer) = reader.read(&mut input, RequestKind::Other, true).unwrap() {
                answers.push((answer.status, answer.persistent, reader.take_body().to_vec()));
                if input.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(reader.end(), Ok(None));
        answers
    }

    #[test]
    fn answers_follow_each_other_on_one_connection() {
        let expected = vec![
            (200, true, b"hello".to_vec()),
            (404, true, b"abc".to_vec()),
            (204, false, Vec::new()),
        ];
        assert_eq!(read_in_pieces(STREAM, &[]), expected);
    }

    proptest! {
        /// How the network cut the bytes must not change what was understood.
        #[test]
        fn cutting_anywhere_changes_nothing(cuts in prop::collection::vec(0..STREAM.len(), 0..9)) {
            prop_assert_eq!(read_in_pieces(STREAM, &cuts), read_in_pieces(STREAM, &[]));
        }
    }

    #[test]
    fn the_end_of_the_connection_ends_only_what_it_may_end() {
        let mut reader = Reader::default();
        let mut input = &b"HTTP/1.1 200 OK\r\n\r\nuntil close"[..];
        assert_eq!(reader.read(&mut input, RequestKind::Other, true), Ok(None));
        let answer = Answer { status: 200, persistent: false };
        assert_eq!(reader.end(), Ok(Some(answer)));
        assert_eq!(&*reader.take_body(), b"until close");

        let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"[..];
        assert_eq!(reader.read(&mut input, RequestKind::Other, false), Ok(None));
        assert_eq!(reader.end(), Err(Malformed));
    }

    #[test]
    fn a_head_request_has_no_body_to_wait_for() {
        let mut reader = Reader::default();
        let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"[..];
        let answer = reader.read(&mut input, RequestKind::Head, false).unwrap();
        assert_eq!(answer.map(|answer| answer.status), Some(200));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let mut reader = Reader::default();
        let mut input = &b"SSH-2.0-OpenSSH\r\n\r\n"[..];
        assert_eq!(reader.read(&mut input, RequestKind::Other, false), Err(Malformed));
        let mut reader = Reader::default();
        let endless = vec![b'a'; HEAD_LIMITS.head_bytes];
        let mut input = &b"HTTP/1.1 200 OK\r\nx: "[..];
        assert_eq!(reader.read(&mut input, RequestKind::Other, false), Ok(None));
        let mut input = &endless[..];
        assert_eq!(reader.read(&mut input, RequestKind::Other, false), Err(Malformed));
    }
}
