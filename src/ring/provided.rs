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
}

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
        let mut provided = Self { pool, entries, group, tail: 0 };
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

    /// Hands the returned buffers back to the kernel. Says whether there were any.
    #[inline]
    pub(super) fn publish(&mut self) -> bool {
        let before = self.tail;
        let mask = self.pool.count() as u16 - 1;
        let (entries, pool, buffer_bytes) = (self.entries, &self.pool, self.pool.buffer_bytes());
        let mut tail = self.tail;
        pool.drain_returned(|id| {
            // SAFETY: the masked index is below the count of entries. The kernel reads entries only
            // between its head and the published tail; this one lies beyond the tail: there are as
            // many entries as buffers, and this buffer is not in the ring now.
            let entry = unsafe { &mut *entries.as_ptr().add((tail & mask) as usize) };
            entry.set_addr(pool.address(id).as_ptr() as u64);
            entry.set_len(buffer_bytes as u32);
            entry.set_bid(id);
            tail = tail.wrapping_add(1);
        });
        if tail == before {
            return false;
        }
        self.tail = tail;
        // SAFETY: `entries` is the ring's base address, valid and aligned; the tail lies inside the
        // first entry and is accessed only here and by the kernel, atomically. Release: the entries
        // written above are visible before the tail that covers them.
        unsafe {
            AtomicU16::from_ptr(BufRingEntry::tail(entries.as_ptr()).cast_mut())
                .store(tail, Ordering::Release);
        }
        true
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
