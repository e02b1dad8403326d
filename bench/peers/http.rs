//! A client just large enough to check an answer before it is measured, so that a proxy that is
//! configured wrong, or answers an error quickly, cannot win.
//!
//! Never used for load; knows responses with a Content-Length only, which is all the cases produce.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::certificate::NAME;

/// How long any single read or write may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// No proxy here sends a head of more than a few hundred bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A keep-alive connection to one proxy.
pub(crate) enum Connection {
    /// In the clear.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Bytes of the status line, the fields and the empty line.
    pub(crate) head_bytes: usize,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Connects, and with a TLS client completes the handshake.
    pub(crate) fn open(to: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)
            .with_context(|| format!("cannot connect to {to}"))?;
        for limit in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            limit(&stream, Some(PATIENCE)).context("cannot limit the waits of a connection")?;
        }
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        let Some(client) = tls else {
            return Ok(Self::Plain(stream));
        };
        let name =
            ServerName::try_from(NAME).context("the certificate's name is no server name")?;
        let session = ClientConnection::new(Arc::clone(client), name).context("no TLS session")?;
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).context("the TLS handshake failed")?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Sends a GET and reads the whole answer.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
        match self {
            Self::Plain(stream) => exchange(stream, &request),
            Self::Tls(stream) => exchange(stream, &request),
        }
        .with_context(|| format!("GET {path}"))
    }
}

fn exchange(stream: &mut (impl Read + Write), request: &str) -> Result<Answer> {
    stream.write_all(request.as_bytes()).context("cannot send")?;
    read_answer(stream)
}

fn read_answer(stream: &mut impl Read) -> Result<Answer> {
    let mut received = Vec::new();
    let mut piece = [0; 16 * 1024];
    let mut read = |received: &mut Vec<u8>| -> Result<()> {
        let count = stream.read(&mut piece).context("cannot receive")?;
        ensure!(count > 0, "the connection was closed in the middle of an answer");
        received.extend_from_slice(&piece[..count]);
        Ok(())
    };
    let head_bytes = loop {
        if let Some(start) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break start + 4;
        }
        ensure!(received.len() <= HEAD_BYTES_MAX, "the head does not end");
        read(&mut received)?;
    };
    let head = std::str::from_utf8(&received[..head_bytes]).context("the head is not text")?;
    let (status, body_bytes) = parse_head(head)?;
    while received.len() < head_bytes + body_bytes {
        read(&mut received)?;
    }
    let body = received.split_off(head_bytes);
    ensure!(body.len() == body_bytes, "{} bytes beyond the answer", body.len() - body_bytes);
    Ok(Answer { status, head_bytes, body })
}

fn parse_head(head: &str) -> Result<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("`{status_line}` is not a status line"))?;
    let mut body_bytes = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close") {
            bail!("status {status}, and the connection is closed after it");
        }
        if name.eq_ignore_ascii_case("content-length") {
            let bytes = value.trim().parse().context("the Content-Length is not a number")?;
            body_bytes = Some(bytes);
        }
    }
    let body_bytes =
        body_bytes.with_context(|| format!("status {status} without Content-Length"))?;
    Ok((status, body_bytes))
}

/// Asks twice for each path on one connection (the second shows that it is kept), and compares status
/// and body. Returns the bytes of the last answer, head included.
pub(crate) fn check(
    to: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    probes: &[(String, Vec<u8>)],
) -> Result<usize> {
    let mut connection = Connection::open(to, tls)?;
    let mut bytes = 0;
    for (path, body) in probes.iter().flat_map(|probe| [probe, probe]) {
        let answer = connection.get(path)?;
        ensure!(answer.status == 200, "GET {path}: expected status 200, found {}", answer.status);
        ensure!(answer.body == *body, "GET {path}: {}", difference(body, &answer.body));
        bytes = answer.head_bytes + answer.body.len();
    }
    Ok(bytes)
}

fn difference(expected: &[u8], found: &[u8]) -> String {
    let same = expected.iter().zip(found).take_while(|(left, right)| left == right).count();
    format!(
        "expected a body of {} bytes, found {}, the same up to byte {same}",
        expected.len(),
        found.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Answer> {
        read_answer(&mut answer.as_bytes())
    }

    #[test]
    fn an_answer_is_read_whole() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nserver: x\r\n\r\n";
        let answer = read(&format!("{head}abc")).expect("a good answer");
        assert_eq!(answer, Answer { status: 200, head_bytes: head.len(), body: b"abc".to_vec() });
    }

    #[test]
    fn an_answer_that_ends_early_or_goes_on_is_refused() {
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Le").is_err());
    }

    #[test]
    fn an_answer_that_ends_the_connection_is_refused() {
        assert!(read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").is_err());
        assert!(read("HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_body_that_differs_says_where() {
        assert_eq!(
            difference(b"abcdef", b"abx"),
            "expected a body of 6 bytes, found 3, the same up to byte 2"
        );
    }
}
