//! Log buffer: where a shard's lines gather until a batch of them is worth a message to control.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// A batch is sent when it has this many bytes: some 200 lines, one write for the destination.
pub const BATCH_BYTES: usize = 64 * 1024;

/// A batch is sent when its oldest line is this old, so that a quiet gateway's log is not late.
pub const BATCH_AGE: Duration = Duration::from_millis(200);

/// Room beyond [`BATCH_BYTES`], so that the line that fills a batch does not make it grow.
const LINE_ROOM: usize = 8 * 1024;

/// A buffer that an enormous line made larger than this is not kept.
const KEPT_BYTES_MAX: usize = 2 * BATCH_BYTES;

/// Emptied buffers that wait for the next batch. More than are on their way at once when control
/// keeps up; when it does not, buffers are allocated and freed, and lines are soon dropped anyway.
const SPARE_MAX: usize = 4;

/// Whole lines for one destination. Dropping it sends its memory home to the shard.
#[derive(Debug)]
pub struct LogBatch {
    /// [`super::Destination::id`].
    pub destination: u32,
    /// The lines, each ended by a line feed.
    pub lines: Vec<u8>,
    /// How many lines.
    pub count: u32,
    home: Option<SyncSender<Vec<u8>>>,
}

impl LogBatch {
    /// A batch that no shard waits for.
    pub fn new(destination: u32, lines: Vec<u8>, count: u32) -> Self {
        Self { destination, lines, count, home: None }
    }
}

impl Drop for LogBatch {
    fn drop(&mut self) {
        if let Some(home) = self.home.take()
            && self.lines.capacity() <= KEPT_BYTES_MAX
        {
            let mut lines = std::mem::take(&mut self.lines);
            lines.clear();
            // Full or gone: the memory is freed here.
            drop(home.try_send(lines));
        }
    }
}

/// One shard's lines for one destination.
#[derive(Debug)]
pub struct LogBuffer {
    destination: u32,
    lines: Vec<u8>,
    count: u32,
    oldest: Option<Instant>,
    dropped: u64,
    spare: Receiver<Vec<u8>>,
    home: SyncSender<Vec<u8>>,
}

impl LogBuffer {
    /// An empty buffer for the destination of that [`super::Destination::id`].
    pub fn new(destination: u32) -> Self {
        let (home, spare) = sync_channel(SPARE_MAX);
        Self { destination, lines: Vec::new(), count: 0, oldest: None, dropped: 0, spare, home }
    }

    /// [`super::Destination::id`].
    pub fn destination(&self) -> u32 {
        self.destination
    }

    /// Adds one line: `write` appends it, with its line feed, to what it is given.
    #[inline]
    pub fn append(&mut self, now: Instant, write: impl FnOnce(&mut Vec<u8>)) {
        if self.oldest.is_none() {
            self.begin(now);
        }
        write(&mut self.lines);
        self.count += 1;
    }

    fn begin(&mut self, now: Instant) {
        self.oldest = Some(now);
        if self.lines.capacity() == 0 {
            self.lines = self
                .spare
                .try_recv()
                .unwrap_or_else(|_| Vec::with_capacity(BATCH_BYTES + LINE_ROOM));
        }
    }

    /// Whether a batch is full or old enough. Asked after each line for the first and on a timer for
    /// the second.
    #[inline]
    pub fn is_due(&self, now: Instant) -> bool {
        self.lines.len() >= BATCH_BYTES || self.due_at().is_some_and(|at| at <= now)
    }

    /// When the lines that are there must go at the latest; `None` when there are none.
    #[inline]
    pub fn due_at(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + BATCH_AGE)
    }

    /// The batch, when it is due.
    pub fn take_due(&mut self, now: Instant) -> Option<LogBatch> {
        if self.is_due(now) { self.take() } else { None }
    }

    /// What there is, due or not: for the end of a drain, or when the destination changes.
    pub fn take(&mut self) -> Option<LogBatch> {
        self.oldest.take()?;
        Some(LogBatch {
            destination: self.destination,
            lines: std::mem::take(&mut self.lines),
            count: std::mem::take(&mut self.count),
            home: Some(self.home.clone()),
        })
    }

    /// The channel to control was full: the batch's lines are lost, its memory is not.
    pub fn drop_batch(&mut self, batch: LogBatch) {
        self.dropped += u64::from(batch.count);
        drop(batch);
    }

    /// Lines lost since this was last asked, for [`crate::telemetry::Recorder::log_lines_dropped`].
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(buffer: &mut LogBuffer, now: Instant, text: &[u8]) {
        buffer.append(now, |out| {
            out.extend_from_slice(text);
            out.push(b'\n');
        });
    }

    #[test]
    fn a_batch_is_due_when_full_and_when_old_and_not_before() {
        let start = Instant::now();
        let mut buffer = LogBuffer::new(7);
        assert!(!buffer.is_due(start + 10 * BATCH_AGE), "there is nothing to send");
        assert_eq!(buffer.due_at(), None);

        line(&mut buffer, start, b"one");
        line(&mut buffer, start + BATCH_AGE / 2, b"two");
        assert_eq!(buffer.due_at(), Some(start + BATCH_AGE));
        assert!(buffer.take_due(start + BATCH_AGE - Duration::from_nanos(1)).is_none());
        let batch = buffer.take_due(start + BATCH_AGE).unwrap();
        assert_eq!((batch.destination, batch.count), (7, 2));
        assert_eq!(batch.lines, b"one\ntwo\n");
        assert!(buffer.take().is_none());

        line(&mut buffer, start, &[b'x'; BATCH_BYTES - 2]);
        assert!(!buffer.is_due(start), "one byte less than full");
        line(&mut buffer, start, b"");
        assert!(buffer.is_due(start));
    }

    #[test]
    fn memory_comes_back_and_is_used_again() {
        let now = Instant::now();
        let mut buffer = LogBuffer::new(0);
        line(&mut buffer, now, b"first");
        let batch = buffer.take().unwrap();
        let memory = batch.lines.as_ptr();
        drop(batch);
        line(&mut buffer, now, b"second");
        assert_eq!(buffer.lines.as_ptr(), memory);
        assert_eq!(buffer.lines, b"second\n");
    }

    #[test]
    fn memory_that_grew_too_much_is_not_kept() {
        let now = Instant::now();
        let mut buffer = LogBuffer::new(0);
        line(&mut buffer, now, &vec![b'x'; 2 * KEPT_BYTES_MAX]);
        drop(buffer.take());
        line(&mut buffer, now, b"");
        assert!(buffer.lines.capacity() <= KEPT_BYTES_MAX);
    }

    #[test]
    fn lines_of_a_batch_that_finds_no_room_are_counted() {
        let now = Instant::now();
        let mut buffer = LogBuffer::new(0);
        for _ in 0..3 {
            line(&mut buffer, now, b"x");
        }
        let batch = buffer.take().unwrap();
        buffer.drop_batch(batch);
        assert_eq!(buffer.take_dropped(), 3);
        assert_eq!(buffer.take_dropped(), 0);
    }

    #[test]
    fn a_batch_outlives_its_shard() {
        let mut buffer = LogBuffer::new(0);
        line(&mut buffer, Instant::now(), b"last words");
        let batch = buffer.take().unwrap();
        drop(buffer);
        assert_eq!(batch.lines, b"last words\n");
    }
}
