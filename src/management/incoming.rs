//! Incoming: one call of an AWS protocol as it arrived, before anything is believed of it.
//!
//! Path and query stay as they were sent: a signature covers these bytes, and decoding them first
//! would make two different requests look the same.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

/// One call as it arrived. The body is whole and within `management.body_bytes_max`.
#[derive(Clone)]
pub struct Incoming {
    /// Who sent it: the other end of the connection.
    pub peer: SocketAddr,
    /// Upper case for the methods there are; otherwise as sent.
    pub method: String,
    /// As sent, not decoded; begins with `/` (or is `*`).
    pub path: String,
    /// As sent, without the `?`; empty when there is none.
    pub query: String,
    /// Header fields, names in lower case.
    pub headers: HeaderMap,
    /// The content.
    pub body: Bytes,
}

impl fmt::Debug for Incoming {
    /// Leaves out what may be secret: fields and query hold signatures, the content anything.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Incoming")
            .field("peer", &self.peer)
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Incoming {
    /// A field's first value, if it is readable text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The host that was asked for, with its port.
    pub fn host(&self) -> Option<&str> {
        self.field(header::HOST.as_str())
    }

    /// Whether it can change anything, judged by its method: all but `GET` and `HEAD`.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}
