//! Dates as signatures write them: `20150830T123600Z`, to the second, always UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::{Duration, SystemTime};

/// A moment to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmzDate {
    /// Since 1970-01-01T00:00:00Z, and not before it.
    seconds: u64,
}

/// The last second of the year 9999: what four digits can name.
const SECONDS_MAX: u64 = 253_402_300_799;

impl AmzDate {
    /// The moment that `time` lies in; times before 1970 are 1970.
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { seconds: since.as_secs().min(SECONDS_MAX) }
    }

    /// The moment that lies so long after 1970-01-01T00:00:00Z.
    pub fn since_epoch(time: Duration) -> Self {
        Self { seconds: time.as_secs().min(SECONDS_MAX) }
    }

    /// Days since 1970-01-01: what a credential scope changes with.
    pub fn day_number(self) -> u64 {
        self.seconds / (24 * 3600)
    }

    /// Its beginning.
    pub fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds)
    }

    /// Reads `YYYYMMDDTHHMMSSZ`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_form = bytes.len() == 16
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                8 => *byte == b'T',
                15 => *byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        if !is_form {
            return None;
        }
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
        let small = |range| number(range).and_then(|it| i8::try_from(it).ok());
        let moment = DateTime::new(
            number(0..4)?,
            small(4..6)?,
            small(6..8)?,
            small(9..11)?,
            small(11..13)?,
            small(13..15)?,
            0,
        );
        Self::at(moment.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }

    /// Reads the `Date` field of HTTP (`Sun, 30 Aug 2015 12:36:00 GMT`), or the form of signatures.
    pub fn parse_field(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::parse(text).or_else(|| {
            let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
            Self::at(moment.ok()?)
        })
    }

    fn at(moment: Timestamp) -> Option<Self> {
        let seconds = u64::try_from(moment.as_second()).ok()?;
        (seconds <= SECONDS_MAX).then_some(Self { seconds })
    }

    /// `YYYYMMDD`, as in a credential scope.
    pub fn day(self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }

    /// Later by this much, at most the last second there is.
    pub fn plus(self, time: Duration) -> Self {
        Self { seconds: self.seconds.saturating_add(time.as_secs()).min(SECONDS_MAX) }
    }

    /// Earlier by this much, at most 1970.
    pub fn minus(self, time: Duration) -> Self {
        Self { seconds: self.seconds.saturating_sub(time.as_secs()) }
    }
}

/// `YYYYMMDDTHHMMSSZ`.
impl fmt::Display for AmzDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.seconds).unwrap_or_default();
        let moment = Timestamp::from_second(seconds).unwrap_or_default();
        write!(out, "{}", moment.strftime("%Y%m%dT%H%M%SZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_basic_form_in_utc_is_read() {
        let date = AmzDate::parse("20150830T123600Z").unwrap();
        assert_eq!(date.to_string(), "20150830T123600Z");
        assert_eq!(date.day(), "20150830");
        for bad in [
            "",
            "20150830",
            "20150830T123600",
            "20150830t123600Z",
            "2015-08-30T12:36:00Z",
            "20150230T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "19691231T235959Z",
            "2015083\u{661}123600Z",
            "+0150830T123600Z",
        ] {
            assert_eq!(AmzDate::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_date_field_may_be_https() {
        let date = AmzDate::parse("20150830T123600Z");
        assert_eq!(AmzDate::parse_field("Sun, 30 Aug 2015 12:36:00 GMT"), date);
        assert_eq!(AmzDate::parse_field("20150830T123600Z"), date);
        assert_eq!(AmzDate::parse_field("yesterday"), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(seconds in 0..=SECONDS_MAX) {
            let date = AmzDate { seconds };
            prop_assert_eq!(AmzDate::parse(&date.to_string()), Some(date));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,24}") {
            let _ = (AmzDate::parse(&text), AmzDate::parse_field(&text));
        }
    }
}
