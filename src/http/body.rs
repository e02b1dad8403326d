//! Body bytes out of framed bytes, cut anywhere.

use std::ops::Range;

use super::Framing;

/// What one call to [`BodyReader::read`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the input that are dealt with; at least `data.end`, and at least 1 unless the input
    /// is empty or the body was already done.
    pub consumed: usize,
    /// Where in the input body bytes lie. May be empty: then only framing was consumed.
    pub data: Range<usize>,
    /// Whether the body ends with this piece: what follows `consumed` is the next message.
    pub done: bool,
}

/// Why a body cannot be read any further. A request is answered with 400, a response makes its back
/// end faulty; the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadBody {
    /// A chunk size that is not 1 to 16 hexadecimal digits.
    ChunkSize,
    /// Chunk extensions with a control character, or beyond [`EXTENSION_BYTES_MAX`].
    ChunkExtension,
    /// Chunk data that is not followed by CR LF, or a line in the framing that ends otherwise.
    ChunkLineEnding,
    /// A trailer line that is not a field, or trailers beyond [`TRAILER_BYTES_MAX`].
    Trailer,
}

impl BadBody {
    /// The cause for logs and counters: constant, lower case.
    pub fn cause(self) -> &'static str {
        match self {
            BadBody::ChunkSize => "malformed chunk size",
            BadBody::ChunkExtension => "malformed or too many chunk extensions",
            BadBody::ChunkLineEnding => "line in chunked body does not end in cr lf",
            BadBody::Trailer => "malformed or too large trailers",
        }
    }
}

/// The stream ended before the body did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

/// Bytes of chunk extensions taken in one body, over all its chunks. 16 KiB: hardly anyone sends
/// any, and a sender of one-byte chunks could otherwise make us read without end.
pub const EXTENSION_BYTES_MAX: u32 = 16 * 1024;

/// Bytes of trailer section taken in one body. 8 KiB, as for an ordinary head.
pub const TRAILER_BYTES_MAX: u32 = 8 * 1024;

/// Reads one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyReader {
    framing: Framing,
}

impl BodyReader {
    /// A reader for the body behind a head with this framing.
    pub fn new(framing: Framing) -> BodyReader {
        BodyReader { framing }
    }

    /// Takes the next bytes behind the head. Call again with what is left of the input (from
    /// `consumed` on) until the input is used up or the body is done.
    ///
    /// # Errors
    /// [`BadBody`]: close the connection; the reader must not be used any further.
    pub fn read(&mut self, input: &[u8]) -> Result<Piece, BadBody> {
        Ok(Piece {
            consumed: input.len(),
            data: 0..input.len(),
            done: false,
        })
    }

    /// Whether the whole body has been read.
    pub fn is_done(&self) -> bool {
        self.framing == Framing::None
    }

    /// The sender closed the connection.
    ///
    /// # Errors
    /// [`Truncated`] unless the body was done or reaches to the end of the connection.
    pub fn end_of_stream(&mut self) -> Result<(), Truncated> {
        Err(Truncated)
    }

    /// Body bytes still to come, where that is known from the head: `None` for chunked bodies
    /// and bodies until close, `Some(0)` when the body is done.
    pub fn remaining(&self) -> Option<u64> {
        None
    }
}
