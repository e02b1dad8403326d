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
        let time = jiff::Timestamp::from_second(now.0).unwrap_or_default();
        Self {
            text: format!("Execution log for request {request_id}\n"),
            time: time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string(),
        }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(&format!("{} : {text}\n", self.time));
    }

    /// Adds a line with names and values: `{petId=123, owner=me}`.
    pub(super) fn map(&mut self, what: &str, entries: &[(String, String)]) {
        let shown: Vec<_> =
            entries.iter().map(|(name, value)| format!("{name}={}", masked(name, value))).collect();
        self.line(&format!("{what}: {{{}}}", shown.join(", ")));
    }

    /// All lines, with a newline at the end.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A value as logs may have it: of secrets only the last six characters.
fn masked(name: &str, value: &str) -> String {
    if !["authorization", "x-api-key"].contains(&name.to_ascii_lowercase().as_str()) {
        return value.to_owned();
    }
    let hidden = value.chars().count().saturating_sub(6);
    let mask = |(index, character)| if index < hidden { '*' } else { character };
    value.chars().enumerate().map(mask).collect()
}
