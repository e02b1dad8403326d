//! A pool of buffers as the kernel sees it: the ring of free ones that multishot receives draw from
//! (`io_uring_register_buf_ring(3)`).

#![expect(unsafe_code, reason = "the buffer ring is memory that the kernel reads")]

use super::buffers::Pool;
use io_uring::types::BufRingEntry;
use std::alloc::Layout;
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

/// One pool and its ring of free buffers. The ring has as many entries as the pool has buffers, so
/// it can never overflow.
pub(super) struct ProvidedBuffers {
    pool: Rc<Pool>,
    /// Owned: made by `register`, freed by `drop`, which comes after the kernel let go of it.
    entries: NonNull<BufRingEntry>,
    group: u16,
    /// What the kernel will be told; wraps around.
    tail: u16,
    /// Buffers in the ring now, as far as completions told.
    published: usize,
    /// How many to keep in the ring. The kernel takes them first in, first out: the fewer there are,
    /// the sooner a buffer is used again, while it is still in the core's cache. Doubles when a receive
    /// found none.
    target: usize,
}

/// At most a quarter of the pool lies in the ring. What one turn receives is sent by the next, so with
/// more, a busy turn alone would look like slow peers that keep the buffers.
const PUBLISHED_SHARE: usize = 4;

/// Buffers in the ring at first: more than a turn of a busy shard uses.
const PUBLISHED_AT_FIRST: usize = 32;

/// The kernel wants the ring page-aligned.
const ALIGNMENT: usize = 4096;

impl ProvidedBuffers {
    /// Makes a pool and registers its ring as `group`, with all buffers free.
    pub(super) fn register(
        submitter: &io_uring::Submitter<'_>,
        group: u16,
        count: u16,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        let pool = Pool::new(count, buffer_bytes);
        let layout = Self::layout(count);
        // SAFETY: the layout's size is not zero: `Pool::new` refused a count of zero.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(entries) = NonNull::new(memory.cast::<BufRingEntry>()) else {
            std::alloc::handle_alloc_error(layout)
        };
        let target = (pool.count() / PUBLISHED_SHARE).clamp(1, PUBLISHED_AT_FIRST);
        let mut provided = Self { pool, entries, group, tail: 0, published: 0, target };
        // SAFETY: `entries` points to `count` zeroed entries, page-aligned, and lives until `drop`,
        // before which the driver calls `unregister`.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.as_ptr() as u64, count, group, 0)?;
        }
        provided.publish();
        Ok(provided)
    }

    /// Ends the kernel's use of the ring: no buffer of the pool is written to from now on.
    pub(super) fn unregister(&self, submitter: &io_uring::Submitter<'_>) {
        // It fails only when the group is not registered, and then there is nothing to end.
        let _ = submitter.unregister_buf_ring(self.group);
    }

    fn layout(count: u16) -> Layout {
        Layout::array::<BufRingEntry>(count as usize)
            .and_then(|layout| layout.align_to(ALIGNMENT))
            .expect("at most 2^15 entries of 16 bytes")
    }

    pub(super) fn pool(&self) -> &Rc<Pool> {
        &self.pool
    }

    /// Notes that a completion brought a buffer: it is no longer in the ring.
    #[inline]
    pub(super) fn taken(&mut self) {
        self.published -= 1;
    }

    /// Notes that a receive found no buffer: more are kept in the ring from now on.
    pub(super) fn exhausted(&mut self) {
        self.target = (self.target * 2).min(self.pool.count() / PUBLISHED_SHARE);
    }

    /// Fills the ring up with free buffers, those used last first.
    #[inline]
    pub(super) fn publish(&mut self) {
        if self.published >= self.target {
            return;
        }
        let mask = self.pool.count() as u16 - 1;
        let before = self.tail;
        while self.published < self.target {
            let Some(id) = self.pool.take_returned() else { break };
            // SAFETY: the masked index is below the count of entries. The kernel reads entries only
            // between its head and the published tail; this one lies beyond the tail: there are as
            // many entries as buffers, and this buffer is not in the ring now.
            let entry = unsafe { &mut *self.entries.as_ptr().add((self.tail & mask) as usize) };
            entry.set_addr(self.pool.address(id).as_ptr() as u64);
            entry.set_len(self.pool.buffer_bytes() as u32);
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            self.published += 1;
        }
        if self.tail == before {
            return;
        }
        // SAFETY: `entries` is the ring's base address, valid and aligned; the tail lies inside the
        // first entry and is accessed only here and by the kernel, atomically. Release: the entries
        // written above are visible before the tail that covers them.
        unsafe {
            AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut())
                .store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for ProvidedBuffers {
    fn drop(&mut self) {
        // SAFETY: allocated in `register` with this layout; the driver has ended the kernel's use.
        unsafe {
            std::alloc::dealloc(
                self.entries.as_ptr().cast(),
                Self::layout(self.pool.count() as u16),
            );
        }
    }
}
