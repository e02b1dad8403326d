//! Moments, to the second.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z. A JSON number in the store and in v1 answers; v2 answers show
/// [`Timestamp::iso`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// ISO 8601 in UTC, e.g. `2026-03-01T10:00:00Z`.
    pub fn iso(self) -> String {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            // Only a damaged store holds years beyond 9999.
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_is_utc_without_fraction() {
        assert_eq!(Timestamp(0).iso(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_772_359_200).iso(), "2026-03-01T10:00:00Z");
    }
}
