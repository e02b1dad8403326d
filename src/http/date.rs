//! The `Date` field (RFC 9110 section 6.6.1), formatted once a second.
//!
//! Every response carries one, and they are all alike within a second, so each shard keeps the
//! text. Has no clock: the caller says what time it is.

use jiff::Timestamp;
use jiff::fmt::{StdIoWrite, rfc2822::DateTimePrinter};

/// Formats the time as an IMF-fixdate and keeps the text while the second lasts.
#[derive(Debug, Clone)]
pub struct Date {
    epoch_seconds: u64,
    text: [u8; 29],
}

impl Date {
    /// Starts at the epoch.
    pub fn new() -> Date {
        Date { epoch_seconds: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" }
    }

    /// The text for a time in seconds since 1970-01-01 00:00:00 UTC, as in
    /// `Sun, 06 Nov 1994 08:49:37 GMT`. A time beyond the year 9999 gives the text of the last call.
    #[inline]
    pub fn at(&mut self, epoch_seconds: u64) -> &[u8; 29] {
        if epoch_seconds != self.epoch_seconds {
            self.format(epoch_seconds);
        }
        &self.text
    }

    #[cold]
    fn format(&mut self, epoch_seconds: u64) {
        let mut text = self.text;
        let time = i64::try_from(epoch_seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let written = time.is_some_and(|time| {
            DateTimePrinter::new().print_timestamp_rfc9110(&time, StdIoWrite(&mut text[..])).is_ok()
        });
        if written {
            self.epoch_seconds = epoch_seconds;
            self.text = text;
        }
    }
}

impl Default for Date {
    fn default() -> Date {
        Date::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_imf_fixdates() {
        let mut date = Date::new();
        for (epoch_seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1, "Thu, 01 Jan 1970 00:00:01 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(date.at(epoch_seconds).escape_ascii().to_string(), text);
            assert_eq!(date.at(epoch_seconds).escape_ascii().to_string(), text, "kept");
        }
    }

    #[test]
    fn a_time_that_no_date_can_name_keeps_the_last_text() {
        let mut date = Date::new();
        date.at(784_111_777);
        assert_eq!(date.at(u64::MAX), b"Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
