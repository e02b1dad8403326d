//! One connection of a simulated worker to the Runtime API.

use crate::sim::network::{End, Network, Read};
use std::collections::VecDeque;

/// Requests on their way to the shard, and what it has said.
#[derive(Debug)]
pub(crate) struct RuntimeWire {
    pub(crate) end: End,
    inbox: Vec<u8>,
    outbox: VecDeque<u8>,
}

/// The shard has ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl RuntimeWire {
    pub(crate) fn new(end: End) -> Self {
        Self { end, inbox: Vec::new(), outbox: VecDeque::new() }
    }

    /// Has something to tell, as soon as there is room for it.
    pub(crate) fn tell(&mut self, method: &str, call: &str, body: &str) {
        let request = format!(
            "{method} /2018-06-01/runtime/{call} HTTP/1.1\r\nHost: a\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.outbox.extend(request.as_bytes());
    }

    /// Writes what there is room for.
    pub(crate) fn write(&mut self, network: &mut Network) -> Result<(), Gone> {
        while !self.outbox.is_empty() {
            let (piece, _) = self.outbox.as_slices();
            match network.write(self.end, piece) {
                Ok(0) => break,
                Ok(taken) => drop(self.outbox.drain(..taken)),
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Reads what there is.
    pub(crate) fn read(&mut self, network: &mut Network) -> Result<(), Gone> {
        loop {
            match network.read(self.end, 1 << 16) {
                Ok(Read::Nothing) => return Ok(()),
                Ok(Read::Bytes(bytes)) => self.inbox.extend(bytes),
                Ok(Read::End) | Err(_) => return Err(Gone),
            }
        }
    }

    /// Whether there is something to write, and room for it.
    pub(crate) fn can_write(&self, network: &Network) -> bool {
        !self.outbox.is_empty() && network.is_writable(self.end)
    }

    /// Head and content of an answer that has arrived in full.
    pub(crate) fn answer(&mut self) -> Option<(String, String)> {
        let end = self.inbox.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.inbox[..end].to_vec()).expect("ASCII");
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
        if self.inbox.len() < end + length {
            return None;
        }
        let body = String::from_utf8(self.inbox[end..end + length].to_vec()).expect("text");
        self.inbox.drain(..end + length);
        Some((head, body))
    }
}
