//! Content on its way: framed as its receiver wants it.

use super::client::Input;
use crate::http;
use crate::ring::Outgoing;

/// As [`send_content`], into memory.
pub(super) fn append_content(out: &mut Vec<u8>, data: &[u8], chunked: bool, done: bool) {
    if chunked && !data.is_empty() {
        http::write::chunk_header(out, data.len());
    }
    out.extend_from_slice(data);
    if chunked && !data.is_empty() {
        out.extend_from_slice(http::write::CHUNK_END);
    }
    if chunked && done {
        out.extend_from_slice(http::write::LAST_CHUNK);
    }
}

/// Appends a piece of content for sending, without a copy where that pays. A lease rides along only
/// while buffers are plenty: a peer that takes nothing would keep it until its time-out.
pub(super) fn send_content(out: &mut Outgoing, input: &Input, piece: &http::Piece, chunked: bool) {
    let data = piece.data.clone();
    if chunked && !data.is_empty() {
        http::write::chunk_header(out.written(), data.len());
    }
    match input {
        Input::Leased(lease) if !data.is_empty() && !lease.is_scarce() => {
            out.lease(lease.slice(data.clone()));
        }
        input => out.copy(&input[data.clone()]),
    }
    if chunked && !data.is_empty() {
        out.copy(http::write::CHUNK_END);
    }
    if chunked && piece.done {
        out.copy(http::write::LAST_CHUNK);
    }
}
