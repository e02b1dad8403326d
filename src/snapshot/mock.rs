//! A fixed response, ready to be sent.

use bytes::Bytes;

/// A fixed response.
#[derive(Debug, Clone)]
pub struct Mock {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Ready-made bytes: status line, its fields, content-type and content-length where the status
    /// has content, each line with CRLF. Without `Date`, request id and `Connection`, and without the
    /// final empty line: those differ per request.
    pub head: Box<[u8]>,
    /// The content. Left out of the answer to HEAD.
    pub body: Bytes,
}
