//! The tables of keys: one description per key, from which reading takes names, defaults and bounds,
//! and from which `docs/configuration.md` and `config/reference.toml` are written. So a key that is
//! read is documented, and a documented default is the one that applies.

use std::time::Duration;

/// One table of the file.
#[derive(Debug)]
pub struct Table {
    /// As its header is written: `[server.limits]`, `[[upstream]]`; for inline tables a description.
    pub header: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its keys, in the order in which they are documented.
    pub keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is absent.
    pub absent: Absent,
    /// A value, as TOML.
    pub example: &'static str,
    /// Meaning and the reason for its default or bound.
    pub about: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, both bounds included.
    Count(u64, u64),
    /// A number, both bounds included.
    Number(f64, f64),
    /// A time with its unit, both bounds included.
    Duration(Duration, Duration),
    /// A size in bytes with its unit, both bounds included.
    Size(u64, u64),
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Some of a few words.
    Choices(&'static [&'static str]),
    /// Text of a certain form.
    Text(&'static str),
    /// Something else, in words.
    Other(&'static str),
    /// A table of its own.
    Table(&'static Table),
    /// An array of tables of its own.
    Tables(&'static Table),
}

/// What holds when a key is absent.
#[derive(Debug)]
pub enum Absent {
    /// It must be there.
    Required,
    /// This value, as TOML.
    Default(&'static str),
    /// What these words say.
    Means(&'static str),
}

impl Table {
    /// A key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Kind {
    /// What belongs there, in words that follow "expected".
    pub fn expected(&self) -> String {
        match self {
            Kind::Flag => "`true` or `false`".into(),
            Kind::Count(min, max) => format!("a whole number from {min} to {max}"),
            Kind::Number(min, max) => format!("a number from {min} to {max}"),
            Kind::Duration(min, max) => {
                format!("a duration from {} to {}", duration_text(*min), duration_text(*max))
            }
            Kind::Size(min, max) => {
                format!("a size from {} to {}", size_text(*min), size_text(*max))
            }
            Kind::Choice(words) => format!("one of {}", quoted(words)),
            Kind::Choices(words) => format!("an array of {}", quoted(words)),
            Kind::Text(form) | Kind::Other(form) => (*form).into(),
            Kind::Table(table) => format!("a table {}", table.header),
            Kind::Tables(table) => format!("tables {}", table.header),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

/// A duration as the file writes it, in the largest unit that keeps it whole.
pub fn duration_text(duration: Duration) -> String {
    let micros = duration.as_micros();
    for (unit, scale) in [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)]
    {
        if micros >= scale && micros.is_multiple_of(scale) {
            return format!("{}{unit}", micros / scale);
        }
    }
    format!("{micros}us")
}

/// A size as the file writes it, in the largest unit that keeps it whole.
pub fn size_text(bytes: u64) -> String {
    for (unit, scale) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    format!("{bytes}B")
}

/// Reads a duration: digits and one of `us`, `ms`, `s`, `m`, `h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let scale = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_micros(number.checked_mul(scale)?))
}

/// Reads a size: digits and one of `B`, `KiB`, `MiB`, `GiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let scale = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("0us"), Some(Duration::ZERO));
        assert_eq!(parse_duration("2h"), Some(Duration::from_secs(7200)));
        for bad in ["", "s", "30", "30 s", "-1s", "1.5s", "30S", "99999999999999999999h"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(parse_size("10MiB"), Some(10_485_760));
        assert_eq!(parse_size("1B"), Some(1));
        for bad in ["", "10", "10MB", "10 MiB", "-1B", "99999999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read() {
        for text in ["1us", "50ms", "30s", "90s", "2m", "1h"] {
            assert_eq!(parse_duration(text).map(duration_text).as_deref(), Some(text));
        }
        for text in ["1B", "10KiB", "10MiB", "1GiB", "1000B"] {
            assert_eq!(parse_size(text).map(size_text).as_deref(), Some(text));
        }
    }
}
