//! The log of a test call, in the form of Amazon's execution logs.

use crate::resources::Timestamp;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Log {
    text: String,
    /// What every line but the first begins with.
    time: String,
}

impl Log {
    /// A log of one request.
    pub(super) fn begin(request_id: &str, now: Timestamp) -> Self {
        Self {
            text: format!("Execution log for request {request_id}\n"),
            time: stamp(u64::try_from(now.0).unwrap_or_default()),
        }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(&format!("{} : {text}\n", self.time));
    }

    /// All lines, with a newline at the end.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What a line begins with: `Sun Mar 01 10:00:00 UTC 2026`. In seconds since 1970.
pub(super) fn stamp(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
}
