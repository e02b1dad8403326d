//! A client that sends what it is told, byte by byte if need be.

use super::wire::End;
use super::{DEADLINE, Head, Wire};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// A client's connection, plain or TLS.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) wire: Wire<S>,
}

/// One response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Whether it announced the end of the connection, and the end came.
    pub(crate) closed: bool,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the gateway accepts");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        // A cut in a test must be a cut on the wire.
        stream.set_nodelay(true).unwrap();
        Self { wire: Wire::new(stream) }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        self.wire.stream.shutdown(Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { wire: Wire::new(stream) }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.wire.send(bytes.as_ref());
        self
    }

    /// Reads the next response to anything but HEAD.
    pub(crate) fn reply(&mut self) -> Reply {
        let head = self.wire.head().expect("a response, and not the end");
        self.finish_reply(head, true)
    }

    /// Reads the next response to HEAD.
    pub(crate) fn reply_to_head(&mut self) -> Reply {
        let head = self.wire.head().expect("a response, and not the end");
        self.finish_reply(head, false)
    }

    fn finish_reply(&mut self, head: Head, may_have_content: bool) -> Reply {
        let status = status(&head);
        let has_content = may_have_content && status >= 200 && !matches!(status, 204 | 304);
        let body = has_content.then(|| self.wire.response_body(&head)).map(|body| {
            assert!(body.complete, "the content ends as its framing says: {head:?}");
            body.bytes
        });
        let body = body.unwrap_or_default();
        let closes = head.get("connection") == Some("close");
        let closed = closes && {
            let (more, _) = self.wire.end();
            assert_eq!(String::from_utf8_lossy(&more), "", "nothing follows the last response");
            true
        };
        Reply { status, head, body, closed }
    }

    /// One request, one response.
    pub(crate) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Reply {
        self.send(bytes).reply()
    }

    /// Waits for the end of the connection, which must come without another byte.
    pub(crate) fn ends_silently(&mut self) -> End {
        let (more, end) = self.wire.end();
        assert_eq!(String::from_utf8_lossy(&more), "", "the end comes without a word");
        end
    }
}

pub(crate) fn status(head: &Head) -> u16 {
    let status = head.line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no status: {head:?}"))
}
