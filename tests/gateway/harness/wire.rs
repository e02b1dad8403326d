//! HTTP/1.1 as the tests read it: slowly, simply, and with nothing in common with the code under test.

use std::io::{ErrorKind, Read, Write};

/// A connection with what was read and not yet used.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    buffered: Vec<u8>,
    /// The peer has closed or reset.
    ended: Option<End>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// A message's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Request or status line.
    pub(crate) line: String,
    /// Fields in order, names as sent.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        // ISO-8859-1, so that every byte is visible to the test.
        let text: String = bytes.iter().map(|&byte| byte as char).collect();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Self { line, fields }
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let is_it = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_it).map(|field| field.1.as_str()).collect()
    }

    /// The value of a field that stands once at most.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} stands {} times in {self:?}", all.len());
        all.first().copied()
    }

    /// Whether a field stands there.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<usize> {
        self.get("content-length").map(|value| value.parse().expect("a number"))
    }
}

/// A message's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Whether it ended as its framing says, and not with the connection.
    pub(crate) complete: bool,
}

impl<S: Read + Write> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffered: Vec::new(), ended: None }
    }

    /// Writes all of it. A peer that is gone is no failure: what it answers tells.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    /// Takes more bytes from the stream. `false`: there will be no more.
    fn fill(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => self.ended = Some(End::Closed),
            Ok(count) => self.buffered.extend_from_slice(&piece[..count]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    let got =
                        String::from_utf8_lossy(&self.buffered[..self.buffered.len().min(500)]);
                    panic!("nothing came in time; before: {got:?}")
                }
                // In TLS: an end without close_notify.
                ErrorKind::UnexpectedEof => self.ended = Some(End::Reset),
                _ => self.ended = Some(End::Reset),
            },
        }
        self.ended.is_none()
    }

    /// Reads a head. `None`: the connection ended before one began.
    ///
    /// # Panics
    /// When it ended within one.
    pub(crate) fn head(&mut self) -> Option<Head> {
        let mut looked_at = 0;
        loop {
            let found = self.buffered[looked_at..].windows(4).position(|it| it == b"\r\n\r\n");
            if let Some(place) = found {
                let rest = self.buffered.split_off(looked_at + place + 4);
                let head = std::mem::replace(&mut self.buffered, rest);
                return Some(Head::parse(&head));
            }
            looked_at = self.buffered.len().saturating_sub(3);
            if !self.fill() {
                let got = String::from_utf8_lossy(&self.buffered);
                assert!(self.buffered.is_empty(), "the connection ended within a head: {got:?}");
                return None;
            }
        }
    }

    /// Reads exactly that many bytes, or fewer when the connection ends.
    pub(crate) fn exactly(&mut self, count: usize) -> Body {
        while self.buffered.len() < count && self.fill() {}
        let complete = self.buffered.len() >= count;
        let rest = self.buffered.split_off(count.min(self.buffered.len()));
        Body { bytes: std::mem::replace(&mut self.buffered, rest), complete }
    }

    /// Reads until the connection ends.
    pub(crate) fn rest(&mut self) -> Body {
        while self.fill() {}
        let complete = self.ended == Some(End::Closed);
        Body { bytes: std::mem::take(&mut self.buffered), complete }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(place) = self.buffered.windows(2).position(|it| it == b"\r\n") {
                let rest = self.buffered.split_off(place + 2);
                let line = std::mem::replace(&mut self.buffered, rest);
                return Some(String::from_utf8_lossy(&line[..place]).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads a chunked body. Trailers are dropped, as the gateway is to drop them, after counting.
    fn chunks(&mut self) -> Body {
        let mut bytes = Vec::new();
        loop {
            let Some(size) = self.line() else { return Body { bytes, complete: false } };
            let size = usize::from_str_radix(&size, 16).expect("a chunk size without extension");
            if size == 0 {
                let end = self.line();
                assert!(end.is_none_or(|line| line.is_empty()), "trailers must not go on");
                return Body { bytes, complete: self.ended.is_none() };
            }
            let piece = self.exactly(size);
            bytes.extend_from_slice(&piece.bytes);
            if !piece.complete {
                return Body { bytes, complete: false };
            }
            match self.line() {
                Some(line) => assert_eq!(line, "", "a chunk ends where its size says"),
                None => return Body { bytes, complete: false },
            }
        }
    }

    /// Reads the content of a request.
    pub(crate) fn request_body(&mut self, head: &Head) -> Body {
        match head.length() {
            _ if head.is_chunked() => self.chunks(),
            Some(length) => self.exactly(length),
            None => Body { bytes: Vec::new(), complete: true },
        }
    }

    /// Reads the content of a response that may have some.
    pub(crate) fn response_body(&mut self, head: &Head) -> Body {
        match head.length() {
            _ if head.is_chunked() => {
                assert!(!head.has("content-length"), "two framings at once: {head:?}");
                self.chunks()
            }
            Some(length) => self.exactly(length),
            None => self.rest(),
        }
    }

    /// Waits for the end of the connection; what came before it.
    pub(crate) fn end(&mut self) -> (Vec<u8>, End) {
        while self.fill() {}
        (std::mem::take(&mut self.buffered), self.ended.expect("the loop ends with it"))
    }

    /// Whether bytes are there that nobody has looked at.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.buffered.is_empty()
    }
}
