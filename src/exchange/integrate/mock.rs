//! A fixed response: ready-made bytes, and what differs per request.

use crate::exchange::Exchange;
use crate::exchange::respond::{self, Connection};
use crate::ring::Outgoing;
use crate::snapshot::{Mock, Protocol};

/// Appends the whole answer. Returns the bytes of content.
pub fn answer(
    exchange: &Exchange<'_>,
    mock: &Mock,
    protocol: Protocol,
    connection: Connection,
    date: &[u8; 29],
    out: &mut Outgoing,
) -> u64 {
    let head = out.written();
    head.extend_from_slice(&mock.head);
    respond::common_fields(&exchange.ids, Some(protocol), connection, Some(date), head);
    head.extend_from_slice(b"\r\n");
    if exchange.head.method == "HEAD" {
        return 0;
    }
    out.share(&mock.body);
    mock.body.len() as u64
}
