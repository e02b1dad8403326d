//! Numbers as Java prints and computes them.

use std::cmp::Ordering;
use std::fmt::Write;

use super::program::Operator;

/// `Double.toString`: at least one digit behind the point, and `E` from 10^7 on and below 10^-3.
pub(super) fn print_double(number: f64, out: &mut String) {
    if number.is_nan() {
        out.push_str("NaN");
        return;
    }
    if number.is_infinite() {
        out.push_str(if number < 0.0 { "-Infinity" } else { "Infinity" });
        return;
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        // Writing to a String does not fail. Debug is the shortest text that reads back, with `.0`.
        let _ = write!(out, "{number:?}");
        return;
    }
    let begin = out.len();
    let _ = write!(out, "{number:e}");
    let Some(at) = out[begin..].find('e').map(|at| begin + at) else { return };
    let has_point = out[begin..at].contains('.');
    out.replace_range(at..=at, if has_point { "E" } else { ".0E" });
}

/// The name that `BigDecimal.toString` gives to a number as JSON writes it.
pub(super) fn decimal(text: &str) -> String {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().unwrap_or(0)),
        None => (text, 0),
    };
    let (sign, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let digits = if significant.is_empty() { "0" } else { significant };
    let sign = if digits == "0" { "" } else { sign };
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let scale = i64::try_from(fraction.len()).unwrap_or(0).saturating_sub(exponent);
    let adjusted = count.saturating_sub(scale).saturating_sub(1);
    if scale >= 0 && adjusted >= -6 {
        let scale = usize::try_from(scale).unwrap_or(0);
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{}{digits}", "0".repeat((scale + 1).saturating_sub(digits.len())));
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        return format!("{sign}{whole}.{fraction}");
    }
    let (first, others) = digits.split_at(1);
    let point = if others.is_empty() { "" } else { "." };
    let plus = if adjusted >= 0 { "+" } else { "" };
    format!("{sign}{first}{point}{others}E{plus}{adjusted}")
}

/// A number of any kind, for computing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// From the text of a BigInteger or BigDecimal.
    pub(super) fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Whole(number),
            Err(_) => Self::Real(text.parse().unwrap_or(f64::NAN)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as Java widens")]
    pub(super) fn real(self) -> f64 {
        match self {
            // 128 bits take a function of their own.
            Self::Whole(number) => match i64::try_from(number) {
                Ok(number) => number as f64,
                Err(_) => number as f64,
            },
            Self::Real(number) => number,
        }
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Some(left.cmp(&right)),
            _ => self.real().partial_cmp(&other.real()),
        }
    }

    /// None for a division by zero, which is null in a template.
    pub(super) fn compute(self, operator: Operator, other: Self) -> Option<Self> {
        if let (Self::Whole(left), Self::Whole(right)) = (self, other) {
            let found = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide => left.checked_div(right),
                _ => left.checked_rem(right),
            };
            let is_division = matches!(operator, Operator::Divide | Operator::Remainder);
            if found.is_some() || is_division {
                return found.map(Self::Whole);
            }
        }
        let (left, right) = (self.real(), other.real());
        Some(Self::Real(match operator {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide | Operator::Remainder if right == 0.0 => return None,
            Operator::Divide => left / right,
            _ => left % right,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (123_456_789.123, "1.23456789123E8"),
            (1.0e-5, "1.0E-5"),
            (1e22, "1.0E22"),
            (-1.5, "-1.5"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            print_double(number, &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn long_decimals_print_as_big_decimals() {
        for (text, printed) in [
            ("1.2345678901234567890", "1.2345678901234567890"),
            ("100000000000000000000.5", "100000000000000000000.5"),
            ("1.234567890123456789e5", "123456.7890123456789"),
            ("1.234567890123456789e30", "1.234567890123456789E+30"),
            ("0.0000000012345678901234", "1.2345678901234E-9"),
            ("-0.00000123456789012345", "-0.00000123456789012345"),
            ("1000000000000000000e1", "1.000000000000000000E+19"),
        ] {
            assert_eq!(decimal(text), printed);
        }
    }
}
