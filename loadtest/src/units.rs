//! Units as people write them: `10s`, `16KiB`, `0.1%`, `1,000`. Reading them from flags, scenario
//! files and queries, and writing them into reports.

use std::fmt::Write as _;
use std::time::Duration;

/// Why a quantity could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct UnitError {
    /// What would have been right, with an example.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
}

fn unit_error(expected: &'static str, found: &str) -> UnitError {
    UnitError { expected, found: found.to_owned() }
}

/// Splits `12.5ms` into 12.5 and `ms`.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|character: char| !(character.is_ascii_digit() || matches!(character, '.' | '_')))
        .unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// Reads `250us`, `20ms`, `10s`, `5m`, `1h`; parts add up (`1m30s`). At most 1,000 hours.
///
/// # Errors
/// When it is not a duration, or has no unit: a bare number would be guessed wrong sooner or later.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    const EXPECTED: &str = "a duration with a unit, such as \"20ms\", \"10s\" or \"1m30s\"";
    let error = || unit_error(EXPECTED, text);
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(error());
    }
    while !rest.is_empty() {
        let (number, after) = split(rest).ok_or_else(error)?;
        let end = after
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(after.len());
        let scale = match after[..end].trim() {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        seconds += number * scale;
        rest = &after[end..];
    }
    if seconds > 3_600_000.0 {
        return Err(error());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Reads `27`, `16KiB`, `1MiB`, `64kB`; at most 1 TiB.
///
/// # Errors
/// When it is not a size.
pub fn size(text: &str) -> Result<usize, UnitError> {
    const EXPECTED: &str = "a size in bytes, such as \"27\", \"16KiB\" or \"1MiB\"";
    let error = || unit_error(EXPECTED, text);
    let (number, unit) = split(text).ok_or_else(error)?;
    let scale = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "K" | "k" | "KiB" => 1024.0,
        "MB" => 1e6,
        "M" | "m" | "MiB" => 1024.0 * 1024.0,
        "GB" => 1e9,
        "G" | "g" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(error()),
    };
    let bytes = number * scale;
    if bytes > (1_u64 << 40) as f64 {
        return Err(error());
    }
    Ok(bytes.round() as usize)
}

/// Reads a share: `1%`, `0.1%` or `0.001`; between 0 and 1.
///
/// # Errors
/// When it is not a share, or outside of 0 to 100 %.
pub fn share(text: &str) -> Result<f64, UnitError> {
    const EXPECTED: &str = "a share between 0% and 100%, such as \"0.1%\" or \"0.001\"";
    let (number, unit) = split(text).ok_or_else(|| unit_error(EXPECTED, text))?;
    let share = match unit {
        "%" => number / 100.0,
        "" => number,
        _ => return Err(unit_error(EXPECTED, text)),
    };
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(unit_error(EXPECTED, text)) }
}

/// Reads a rate in requests per second: `1000`, `1_000`, `1000/s`, `5k`, `600/m`.
///
/// # Errors
/// When it is not a rate.
pub fn rate(text: &str) -> Result<f64, UnitError> {
    const EXPECTED: &str = "a rate in requests per second, such as \"1000\", \"5k\" or \"600/m\"";
    let error = || unit_error(EXPECTED, text);
    let (number, unit) = split(text).ok_or_else(error)?;
    let (scale, per) = match unit.split_once('/') {
        Some((scale, per)) => (scale.trim(), per.trim()),
        None => (unit, "s"),
    };
    let scale = match scale {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        _ => return Err(error()),
    };
    let per = match per {
        "s" => 1.0,
        "m" | "min" => 60.0,
        _ => return Err(error()),
    };
    let rate = number * scale / per;
    if rate > 1e9 {
        return Err(error());
    }
    Ok(rate)
}

/// Three significant digits and the unit that suits: `850 us`, `12.3 ms`, `1.50 s`.
pub fn write_duration(duration: Duration) -> String {
    let microseconds = duration.as_secs_f64() * 1e6;
    let (value, unit) = match microseconds {
        value if value < 999.5 => (value, "us"),
        value if value < 999_500.0 => (value / 1e3, "ms"),
        value if value < 100e6 => (value / 1e6, "s"),
        value => (value / 60e6, "min"),
    };
    format!("{} {unit}", significant(value))
}

/// As [`write_duration`], from microseconds.
pub fn write_microseconds(microseconds: f64) -> String {
    write_duration(Duration::from_secs_f64((microseconds / 1e6).max(0.0)))
}

/// Bytes with a binary unit: `27 B`, `16.0 KiB`, `1.20 MiB`.
pub fn write_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{} {unit}", significant(value)) }
}

/// A count with thousands separated: `1,234,567`.
pub fn write_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: thousands separated, a decimal only where it says something.
pub fn write_rate(rate: f64) -> String {
    if rate < 100.0 { significant(rate) } else { write_count(rate.round() as u64) }
}

/// A share as per cent: `0 %`, `0.12 %`, `3.4 %`, `100 %`.
pub fn write_share(share: f64) -> String {
    let percent = share * 100.0;
    let mut text = String::new();
    let written = match percent {
        0.0 => write!(text, "0"),
        value if value < 0.01 => write!(text, "<0.01"),
        value if value < 1.0 => write!(text, "{value:.2}"),
        value if value < 99.95 => write!(text, "{value:.1}"),
        value => write!(text, "{value:.0}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    text + " %"
}

fn significant(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_may_have_parts() {
        assert_eq!(duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration(" 1.5 s "), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "10", "s", "10 parsecs", "-1s", "1s2", "2000000h"] {
            assert!(duration(wrong).is_err(), "{wrong:?} is no duration");
        }
    }

    #[test]
    fn sizes_shares_and_rates() {
        assert_eq!(size("27"), Ok(27));
        assert_eq!(size("16KiB"), Ok(16384));
        assert_eq!(size("1.5MiB"), Ok(1_572_864));
        assert!(size("1 furlong").is_err());
        assert!(size("2000GiB").is_err());
        assert_eq!(share("0.1%"), Ok(0.001));
        assert_eq!(share("1"), Ok(1.0));
        assert!(share("101%").is_err());
        assert_eq!(rate("5k"), Ok(5000.0));
        assert_eq!(rate("600/m"), Ok(10.0));
        assert_eq!(rate("1_000/s"), Ok(1000.0));
        assert!(rate("fast").is_err());
    }

    #[test]
    fn what_is_written_is_short_and_has_its_unit() {
        assert_eq!(write_duration(Duration::from_micros(850)), "850 us");
        assert_eq!(write_duration(Duration::from_micros(12_345)), "12.3 ms");
        assert_eq!(write_duration(Duration::from_micros(999_600)), "1.00 s");
        assert_eq!(write_duration(Duration::from_secs(600)), "10.0 min");
        assert_eq!(write_bytes(27), "27 B");
        assert_eq!(write_bytes(16384), "16.0 KiB");
        assert_eq!(write_count(1_234_567), "1,234,567");
        assert_eq!(write_count(12), "12");
        assert_eq!(write_share(0.0), "0 %");
        assert_eq!(write_share(0.00001), "<0.01 %");
        assert_eq!(write_share(0.0343), "3.4 %");
        assert_eq!(write_share(1.0), "100 %");
    }
}
