//! `/echo`: the request as the back end saw it, for tests of what stands before it.

use aws_lc_rs::digest::{Context, SHA256};
use ringgate::http::{Fields, RequestHead, Version};
use serde::Serialize;

/// A request that is being seen: its head, then its body as it comes.
pub struct Echo {
    seen: Seen,
    digest: Context,
}

/// The JSON. Header names and values as received, in order; bytes that are not UTF-8 are replaced.
#[derive(Debug, Serialize)]
struct Seen {
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body_bytes: u64,
    body_sha256: String,
    /// Which connection of this back end it came on, from 1.
    connection: u64,
    /// Which request on that connection it was, from 1.
    request_on_connection: u64,
    peer: String,
}

impl Echo {
    /// The head arrived. `target`: the request target as sent.
    pub fn new(
        head: &RequestHead<'_>,
        fields: &Fields<'_>,
        target: &[u8],
        connection: u64,
        request_on_connection: u64,
        peer: String,
    ) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            seen: Seen {
                method: head.method.to_owned(),
                target: text(target),
                version: match head.version {
                    Version::Http10 => "HTTP/1.0",
                    Version::Http11 => "HTTP/1.1",
                },
                headers: fields.iter().map(|field| (text(field.name), text(field.value))).collect(),
                body_bytes: 0,
                body_sha256: String::new(),
                connection,
                request_on_connection,
                peer,
            },
            digest: Context::new(&SHA256),
        }
    }

    /// Bytes of the body arrived.
    pub fn body(&mut self, bytes: &[u8]) {
        self.seen.body_bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }

    /// The body is complete: the JSON.
    pub fn finish(mut self) -> Vec<u8> {
        use std::fmt::Write as _;
        for byte in self.digest.finish().as_ref() {
            let written = write!(self.seen.body_sha256, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        let mut json = serde_json::to_vec(&self.seen).unwrap_or_default();
        json.push(b'\n');
        json
    }
}
