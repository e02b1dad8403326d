//! Provided buffers: a pool of equal pieces that the ring fills, lent out as [`Lease`]s.
//!
//! A lease is a reference-counted view of part of one buffer. The last lease of a buffer that drops
//! puts the buffer on the pool's returned list, which the ring hands back to the kernel on its next
//! turn. So no byte received is copied unless its reader wants to keep it beyond back-pressure's
//! patience.

#![expect(unsafe_code, reason = "provided buffers are memory that the kernel writes")]

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::rc::Rc;

/// `count` buffers of `buffer_bytes` each, in one allocation that never moves.
pub struct Pool {
    /// Start of the allocation. Owned: made by `new`, freed by `drop`.
    memory: NonNull<u8>,
    buffer_bytes: usize,
    /// Per buffer, how many leases are out. Zero: the ring's.
    leases: Box<[Cell<u32>]>,
    /// Buffers whose last lease dropped, waiting to be handed back.
    returned: RefCell<Vec<u16>>,
    lent: Cell<usize>,
    /// Per buffer, whether a lease of it is kept beyond the completion that brought it.
    kept: Box<[Cell<bool>]>,
    kept_count: Cell<usize>,
}

/// Page alignment lets the kernel fault in only what is touched.
const ALIGNMENT: usize = 4096;

impl Pool {
    /// Makes a pool. All buffers start as returned, so the ring finds them where late ones come too.
    ///
    /// # Panics
    /// When `count` is not a power of two up to 32,768 (the kernel's rule), or the size is zero.
    pub fn new(count: u16, buffer_bytes: usize) -> Rc<Self> {
        assert!(count.is_power_of_two() && count <= 1 << 15, "the kernel's rule for buffer rings");
        assert!(buffer_bytes > 0 && buffer_bytes <= 1 << 24, "a buffer holds 1 byte to 16 MiB");
        let layout = Self::layout(count as usize, buffer_bytes);
        // SAFETY: the layout's size is not zero: both factors were checked above. Zeroed, so that a
        // lease over bytes the kernel never wrote would still read initialised memory.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory) else { std::alloc::handle_alloc_error(layout) };
        Rc::new(Self {
            memory,
            buffer_bytes,
            leases: (0..count).map(|_| Cell::new(0)).collect(),
            // The lowest last: they are taken first, so that memory beyond is not touched before
            // it is needed.
            returned: RefCell::new((0..count).rev().collect()),
            lent: Cell::new(0),
            kept: (0..count).map(|_| Cell::new(false)).collect(),
            kept_count: Cell::new(0),
        })
    }

    fn layout(count: usize, buffer_bytes: usize) -> std::alloc::Layout {
        std::alloc::Layout::from_size_align(count * buffer_bytes, ALIGNMENT)
            .expect("at most 2^15 buffers of 2^24 bytes: far below isize::MAX")
    }

    /// Size of one buffer.
    pub fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// How many buffers there are.
    pub fn count(&self) -> usize {
        self.leases.len()
    }

    /// How many buffers are leased out at this moment.
    pub fn lent(&self) -> usize {
        self.lent.get()
    }

    /// Address of one buffer, for the ring to fill.
    pub(super) fn address(&self, id: u16) -> NonNull<u8> {
        assert!((id as usize) < self.leases.len(), "buffer ids come from this pool");
        // SAFETY: `id < count`, so the offset stays inside the one allocation of count * bytes.
        unsafe { self.memory.add(id as usize * self.buffer_bytes) }
    }

    /// Takes one returned buffer, for the ring to own again.
    pub fn take_returned(&self) -> Option<u16> {
        self.returned.borrow_mut().pop()
    }

    /// Turns a buffer that the ring has filled into a lease of its first `len` bytes.
    ///
    /// # Panics
    /// When the buffer is already leased, or `len` is larger than it: the ring's bookkeeping is broken.
    pub fn lend(self: &Rc<Self>, id: u16, len: usize) -> Lease {
        let leases = &self.leases[id as usize];
        assert_eq!(leases.get(), 0, "the ring fills only buffers that nobody reads");
        assert!(len <= self.buffer_bytes, "a buffer cannot hold more than its size");
        leases.set(1);
        self.lent.set(self.lent.get() + 1);
        Lease { pool: Rc::clone(self), id, start: 0, end: len as u32 }
    }

    /// Takes a free buffer and fills it with a copy: how the simulation receives.
    pub fn lend_copy(self: &Rc<Self>, bytes: &[u8]) -> Option<Lease> {
        let id = self.take_returned()?;
        let mut lease = self.lend(id, bytes.len());
        lease.bytes_mut().expect("a fresh lease is the only one").copy_from_slice(bytes);
        Some(lease)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: `memory` came from `alloc_zeroed` with this very layout, and no lease is left: each
        // holds an `Rc` of the pool.
        unsafe {
            std::alloc::dealloc(
                self.memory.as_ptr(),
                Self::layout(self.leases.len(), self.buffer_bytes),
            );
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Pool({} x {} bytes, {} lent)",
            self.count(),
            self.buffer_bytes,
            self.lent()
        )
    }
}

/// Part of one provided buffer, readable until dropped. Cheap to clone and to narrow.
pub struct Lease {
    pool: Rc<Pool>,
    id: u16,
    start: u32,
    end: u32,
}

impl Lease {
    /// Drops the first `count` bytes from view.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "cannot advance past the end of a lease");
        self.start += count as u32;
    }

    /// The same bytes as `range` of this lease, as a lease of its own.
    ///
    /// # Panics
    /// When the range is out of bounds.
    pub fn slice(&self, range: Range<usize>) -> Lease {
        assert!(range.start <= range.end && range.end <= self.len(), "slice inside the lease");
        let mut slice = self.clone();
        slice.end = self.start + range.end as u32;
        slice.start = self.start + range.start as u32;
        slice
    }

    /// A part of these bytes, as a lease of its own.
    ///
    /// # Panics
    /// When `part` is not in this lease.
    pub fn slice_ref(&self, part: &[u8]) -> Lease {
        let begin = part.as_ptr().addr().wrapping_sub(self.as_ptr().addr());
        self.slice(begin..begin.wrapping_add(part.len()))
    }

    /// Whether more than half of its pool's buffers would be kept, this one included. Whoever would keep
    /// the lease until a peer does something copies the bytes instead and gives the buffer back: slow
    /// peers can then hold half of the buffers at most, and the others go on receiving.
    pub fn is_scarce(&self) -> bool {
        let others = self.pool.kept_count.get();
        let kept = others + usize::from(!self.pool.kept[self.id as usize].get());
        kept * 2 > self.pool.count()
    }

    /// Says that the lease is kept until a peer does something. Counts for [`Lease::is_scarce`] until
    /// the buffer's last lease drops.
    pub fn keep(&self) {
        if !self.pool.kept[self.id as usize].replace(true) {
            self.pool.kept_count.set(self.pool.kept_count.get() + 1);
        }
    }

    /// The bytes for change in place (TLS decrypts so), when this is the buffer's only lease.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.pool.leases[self.id as usize].get() != 1 {
            return None;
        }
        let len = self.len();
        // SAFETY: `start..end` lies inside buffer `id` (`lend` checked `len`, `advance` and `slice` only
        // narrow). The count of 1 says that no other lease reads it, `&mut self` that nobody reads
        // through this one, and the kernel writes here again only after the last lease dropped.
        Some(unsafe {
            std::slice::from_raw_parts_mut(
                self.pool.address(self.id).add(self.start as usize).as_ptr(),
                len,
            )
        })
    }
}

impl Deref for Lease {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `start..end` lies inside buffer `id` (`lend` checked `len`, `advance` and `slice` only
        // narrow), the kernel finished writing before the completion that made the lease, and it gets
        // the buffer back only after the last lease dropped. `bytes_mut` needs `&mut` of the only one.
        unsafe {
            std::slice::from_raw_parts(
                self.pool
                    .memory
                    .as_ptr()
                    .add(self.id as usize * self.pool.buffer_bytes + self.start as usize),
                (self.end - self.start) as usize,
            )
        }
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        let leases = &self.pool.leases[self.id as usize];
        leases.set(leases.get() + 1);
        Self { pool: Rc::clone(&self.pool), id: self.id, start: self.start, end: self.end }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let leases = &self.pool.leases[self.id as usize];
        leases.set(leases.get() - 1);
        if leases.get() == 0 {
            self.pool.lent.set(self.pool.lent.get() - 1);
            if self.pool.kept[self.id as usize].replace(false) {
                self.pool.kept_count.set(self.pool.kept_count.get() - 1);
            }
            self.pool.returned.borrow_mut().push(self.id);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lease(buffer {}, {} bytes)", self.id, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_lease_drops() {
        let pool = Pool::new(2, 16);
        let lease = pool.lend_copy(b"hello world").unwrap();
        let world = lease.slice(6..11);
        assert_eq!(pool.lent(), 1);
        let middle = world.slice_ref(&lease[7..9]);
        drop(lease);
        assert_eq!(&*world, b"world");
        assert_eq!(pool.lent(), 1);
        drop(world);
        assert_eq!(&*middle, b"or");
        drop(middle);
        assert_eq!(pool.lent(), 0);
    }

    #[test]
    #[should_panic(expected = "slice inside the lease")]
    fn a_part_of_something_else_is_no_part_of_a_lease() {
        let pool = Pool::new(2, 16);
        let (one, other) = (pool.lend_copy(b"a").unwrap(), pool.lend_copy(b"b").unwrap());
        one.slice_ref(&other);
    }

    #[test]
    fn leases_are_scarce_beyond_half_of_the_pool() {
        let pool = Pool::new(4, 16);
        let first = pool.lend_copy(b"a").unwrap();
        let second = pool.lend_copy(b"b").unwrap();
        first.keep();
        second.keep();
        let third = pool.lend_copy(b"c").unwrap();
        assert!(!first.is_scarce(), "the third is only being looked at");
        third.keep();
        third.keep();
        assert!(first.is_scarce());
        drop(third);
        assert!(!first.is_scarce());
    }

    #[test]
    fn only_a_sole_lease_may_write() {
        let pool = Pool::new(1, 16);
        let mut lease = pool.lend_copy(b"abc").unwrap();
        let other = lease.clone();
        assert!(lease.bytes_mut().is_none());
        drop(other);
        lease.bytes_mut().unwrap()[0] = b'x';
        lease.advance(1);
        assert_eq!(&*lease, b"bc");
        assert!(pool.lend_copy(b"none left").is_none());
    }
}
