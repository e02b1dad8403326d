//! What one send carries: bytes written here, leased receive buffers and shared bytes, in order.

use super::Lease;
use bytes::Bytes;
use std::ops::Range;

/// Pieces up to this size are copied into the buffer: below it, a copy costs less than an iovec and a
/// buffer kept from the ring (measured: 1 KiB or so).
pub const COPY_BYTES_MAX: usize = 1024;

/// An ordered list of bytes to send. Heads and small bodies are written into one growing buffer; large
/// bodies ride along as leases or shared bytes without a copy. Recycled by the ring, so that the
/// steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Outgoing {
    buffer: Vec<u8>,
    parts: Vec<Part>,
    /// Bytes of `buffer` that `parts` already covers.
    covered: usize,
    len: usize,
}

#[derive(Debug)]
pub(super) enum Part {
    Written(Range<usize>),
    Leased(Lease),
    Shared(Bytes),
}

impl Outgoing {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len + (self.buffer.len() - self.covered)
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer to append written bytes to. What it already holds must stay.
    #[inline]
    pub fn written(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends a copy.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends a leased piece: copied when it is small, else carried as it is.
    pub fn lease(&mut self, lease: Lease) {
        if lease.len() <= COPY_BYTES_MAX {
            self.buffer.extend_from_slice(&lease);
        } else {
            self.cover();
            self.len += lease.len();
            lease.keep();
            self.parts.push(Part::Leased(lease));
        }
    }

    /// Appends shared bytes: copied when they are few, else carried as they are.
    pub fn share(&mut self, bytes: &Bytes) {
        if bytes.len() <= COPY_BYTES_MAX {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.cover();
            self.len += bytes.len();
            self.parts.push(Part::Shared(bytes.clone()));
        }
    }

    /// How many leases it holds: buffers kept from the ring.
    pub fn leases(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Leased(_))).count()
    }

    /// Empties it, keeping the memory unless it has grown beyond `buffer_bytes_max`.
    pub fn clear(&mut self, buffer_bytes_max: usize) {
        self.parts.clear();
        self.buffer.clear();
        self.covered = 0;
        self.len = 0;
        if self.buffer.capacity() > buffer_bytes_max {
            self.buffer = Vec::new();
        }
    }

    /// The pieces in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let rest = &self.buffer[self.covered..];
        self.parts
            .iter()
            .map(|part| match part {
                Part::Written(range) => &self.buffer[range.clone()],
                Part::Leased(lease) => &lease[..],
                Part::Shared(bytes) => &bytes[..],
            })
            .chain((!rest.is_empty()).then_some(rest))
    }

    /// Everything as one slice when nothing rides along: the ordinary small message.
    pub fn as_contiguous(&self) -> Option<&[u8]> {
        self.parts.is_empty().then_some(&self.buffer[..])
    }

    fn cover(&mut self) {
        if self.covered < self.buffer.len() {
            self.parts.push(Part::Written(self.covered..self.buffer.len()));
            self.len += self.buffer.len() - self.covered;
            self.covered = self.buffer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Pool;

    #[test]
    fn pieces_keep_their_order() {
        let pool = Pool::new(1, 4096);
        let mut outgoing = Outgoing::default();
        outgoing.copy(b"head ");
        outgoing.lease(pool.lend_copy(&[b'x'; 2000]).unwrap());
        outgoing.copy(b" middle ");
        outgoing.share(&Bytes::from_static(b"small"));
        outgoing.share(&Bytes::from(vec![b'y'; 3000]));
        outgoing.copy(b" tail");
        let whole: Vec<u8> = outgoing.slices().flatten().copied().collect();
        assert_eq!(whole.len(), outgoing.len());
        assert!(whole.starts_with(b"head xxx"));
        assert!(whole.ends_with(b"yyy tail"));
        assert_eq!(outgoing.leases(), 1);
        outgoing.clear(usize::MAX);
        assert!(outgoing.is_empty());
        assert_eq!(pool.lent(), 0);
    }
}
