//! Stage-log buffer: where a shard's lines for all stages gather until they are worth a message.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch is sent when it has this many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// A batch is sent when its oldest line is this old.
const BATCH_AGE: Duration = Duration::from_millis(200);

/// Lines for stages, in the order in which they were written.
#[derive(Debug, Default)]
pub struct StageLogBatch {
    lines: Vec<u8>,
    pieces: Vec<Piece>,
}

/// Lines of one log group that stand together.
#[derive(Debug)]
struct Piece {
    group: Arc<str>,
    end: usize,
    count: u32,
}

impl StageLogBatch {
    /// How many lines.
    pub fn count(&self) -> u64 {
        self.pieces.iter().map(|piece| u64::from(piece.count)).sum()
    }

    /// The lines by log group, each ended by a line feed, and how many they are.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, &[u8], u32)> {
        self.pieces.iter().scan(0, |start, piece| {
            let range: Range<usize> = *start..piece.end;
            *start = piece.end;
            Some((&*piece.group, &self.lines[range], piece.count))
        })
    }
}

/// One shard's lines.
#[derive(Debug, Default)]
pub struct StageLogBuffer {
    batch: StageLogBatch,
    oldest: Option<Instant>,
}

impl StageLogBuffer {
    /// Adds `count` lines of a log group: `write` appends them, each with its line feed.
    pub fn append(
        &mut self,
        now: Instant,
        group: &Arc<str>,
        count: u32,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.oldest.get_or_insert(now);
        write(&mut self.batch.lines);
        let end = self.batch.lines.len();
        match self.batch.pieces.last_mut() {
            Some(piece) if Arc::ptr_eq(&piece.group, group) => {
                piece.end = end;
                piece.count += count;
            }
            _ => self.batch.pieces.push(Piece { group: Arc::clone(group), end, count }),
        }
    }

    /// When the lines that are there must go at the latest; `None` when there are none.
    #[inline]
    pub fn due_at(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + BATCH_AGE)
    }

    /// The batch, when it is full or old enough; without a time whatever there is.
    #[inline]
    pub fn take(&mut self, now: Option<Instant>) -> Option<StageLogBatch> {
        let due = self.due_at()?;
        if now.is_some_and(|now| now < due) && self.batch.lines.len() < BATCH_BYTES {
            return None;
        }
        self.oldest = None;
        Some(std::mem::take(&mut self.batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_with_their_group_and_in_order() {
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let now = Instant::now();
        let mut buffer = StageLogBuffer::default();
        for (group, line) in [(&one, "a\n"), (&one, "b\n"), (&two, "c\n"), (&one, "d\n")] {
            buffer.append(now, group, 1, |out| out.extend_from_slice(line.as_bytes()));
        }
        let batch = buffer.take(None).unwrap();
        let pieces: Vec<_> = batch.pieces().collect();
        let expected: [(&str, &[u8], u32); 3] =
            [("one", b"a\nb\n", 2), ("two", b"c\n", 1), ("one", b"d\n", 1)];
        assert_eq!(pieces, expected);
        assert_eq!(batch.count(), 4);
        assert!(buffer.take(None).is_none());
    }

    #[test]
    fn a_batch_goes_when_it_is_full_or_old() {
        let group: Arc<str> = "g".into();
        let now = Instant::now();
        let mut buffer = StageLogBuffer::default();
        assert_eq!(buffer.due_at(), None);
        buffer.append(now, &group, 1, |out| out.resize(BATCH_BYTES - 1, b'x'));
        assert!(buffer.take(Some(now)).is_none());
        buffer.append(now, &group, 1, |out| out.push(b'\n'));
        assert!(buffer.take(Some(now)).is_some());
        buffer.append(now, &group, 1, |out| out.push(b'\n'));
        assert!(buffer.take(Some(now + BATCH_AGE - Duration::from_nanos(1))).is_none());
        assert!(buffer.take(Some(now + BATCH_AGE)).is_some());
    }
}
