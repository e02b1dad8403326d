//! Conditions: `{"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}`.

use super::Keys;
use super::glob::{Glob, Variables};
use super::read::BadPolicy;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

/// One operator on one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// In lower case.
    key: Box<str>,
    test: Test,
    /// Whether the test's result is turned round.
    is_negated: bool,
    quantifier: Quantifier,
    /// `…IfExists`
    if_exists: bool,
}

/// What becomes of several values of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// As `Any`; the key should have one value.
    One,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

/// What one value of the request is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Text(Box<[Glob]>),
    TextIgnoringCase(Box<[Glob]>),
    Like(Box<[Glob]>),
    /// The parts of each.
    Arn(Box<[Vec<Glob>]>),
    Number(Comparison, Box<[f64]>),
    Date(Comparison, Box<[Timestamp]>),
    Bool(Box<[bool]>),
    Binary(Box<[Box<str>]>),
    Ip(Box<[IpNet]>),
    /// `Null`: whether the key is absent.
    Absent(Box<[bool]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// `operator` with its prefix and suffix.
    pub(super) fn read(
        operator: &str,
        key: &str,
        values: &[Cow<'_, str>],
        variables: Variables,
    ) -> Result<Self, BadPolicy> {
        let (quantifier, rest) = match operator.split_once(':') {
            None => (Quantifier::One, operator),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(_) => return Err(BadPolicy("a condition's operator has an unknown prefix")),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let arns = || -> Result<_, BadPolicy> {
            let parts = values.iter().map(|it| Ok(Glob::read(it, variables)?.arn_parts()));
            parts.collect()
        };
        let globs = || -> Result<Box<[Glob]>, BadPolicy> {
            values.iter().map(|it| Glob::read(it, variables)).collect()
        };
        let (test, is_negated) = match name {
            "StringEquals" => (Test::Text(globs()?), false),
            "StringNotEquals" => (Test::Text(globs()?), true),
            "StringEqualsIgnoreCase" => (Test::TextIgnoringCase(globs()?), false),
            "StringNotEqualsIgnoreCase" => (Test::TextIgnoringCase(globs()?), true),
            "StringLike" => (Test::Like(globs()?), false),
            "StringNotLike" => (Test::Like(globs()?), true),
            "ArnEquals" | "ArnLike" => (Test::Arn(arns()?), false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn(arns()?), true),
            "Bool" => (Test::Bool(all(values, truth)?), false),
            "BinaryEquals" => {
                (Test::Binary(values.iter().map(|it| (**it).into()).collect()), false)
            }
            "IpAddress" => (Test::Ip(all(values, network)?), false),
            "NotIpAddress" => (Test::Ip(all(values, network)?), true),
            "Null" if !if_exists => (Test::Absent(all(values, truth)?), false),
            _ => {
                if let Some(comparison) = name.strip_prefix("Numeric") {
                    let (comparison, is_negated) = self::comparison(comparison)?;
                    (Test::Number(comparison, all(values, number)?), is_negated)
                } else if let Some(comparison) = name.strip_prefix("Date") {
                    let (comparison, is_negated) = self::comparison(comparison)?;
                    (Test::Date(comparison, all(values, time)?), is_negated)
                } else {
                    return Err(BadPolicy("a condition's operator is none that there is"));
                }
            }
        };
        if key.is_empty() {
            return Err(BadPolicy("a condition has no key"));
        }
        Ok(Self { key: key.to_ascii_lowercase().into(), test, is_negated, quantifier, if_exists })
    }

    pub(super) fn holds(&self, keys: &dyn Keys) -> bool {
        let values = keys.values(&self.key);
        if let Test::Absent(wanted) = &self.test {
            return wanted.contains(&values.is_empty());
        }
        if values.is_empty() {
            return self.if_exists
                || match self.quantifier {
                    Quantifier::All => true,
                    Quantifier::Any => false,
                    Quantifier::One => self.is_negated,
                };
        }
        let holds = |value: &Cow<'_, str>| self.test.holds(value, keys) != self.is_negated;
        match self.quantifier {
            // Of several values of a key that should have one, a negated operator must differ from all.
            Quantifier::One if self.is_negated => values.iter().all(holds),
            Quantifier::One | Quantifier::Any => values.iter().any(holds),
            Quantifier::All => values.iter().all(holds),
        }
    }

    /// Whether every variable in it has a value. Asked only where a missing one could make it true.
    pub(super) fn is_resolved(&self, keys: &dyn Keys) -> bool {
        match &self.test {
            Test::Text(globs) | Test::TextIgnoringCase(globs) | Test::Like(globs) => {
                !self.is_negated || globs.iter().all(|glob| glob.is_resolved(keys))
            }
            Test::Arn(arns) => {
                !self.is_negated || arns.iter().flatten().all(|glob| glob.is_resolved(keys))
            }
            Test::Number(..)
            | Test::Date(..)
            | Test::Bool(_)
            | Test::Binary(_)
            | Test::Ip(_)
            | Test::Absent(_) => true,
        }
    }
}

impl Test {
    /// Whether a value of the request is one of the policy's. What cannot be read is none.
    fn holds(&self, value: &str, keys: &dyn Keys) -> bool {
        match self {
            Self::Text(globs) => {
                globs.iter().any(|it| it.literal(keys).is_some_and(|it| it == value))
            }
            Self::TextIgnoringCase(globs) => globs.iter().any(|it| {
                it.literal(keys).is_some_and(|it| it.to_lowercase() == value.to_lowercase())
            }),
            Self::Like(globs) => globs.iter().any(|it| it.matches(value, keys)),
            Self::Arn(globs) => globs.iter().any(|it| arn_fits(it, value, keys)),
            Self::Number(comparison, numbers) => {
                let Some(value) = number(value) else { return false };
                let mut found = numbers.iter().filter_map(|it| value.partial_cmp(it));
                found.any(|it| comparison.fits(it))
            }
            Self::Date(comparison, times) => {
                let Some(value) = time(value) else { return false };
                times.iter().any(|it| comparison.fits(value.cmp(it)))
            }
            Self::Bool(wanted) => truth(value).is_some_and(|value| wanted.contains(&value)),
            Self::Binary(wanted) => wanted.iter().any(|it| **it == *value),
            Self::Ip(networks) => {
                let Ok(address) = value.parse::<IpAddr>() else { return false };
                let address = address.to_canonical();
                networks.iter().any(|it| it.contains(&address))
            }
            Self::Absent(_) => false,
        }
    }
}

impl Comparison {
    fn fits(self, found: Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

/// With whether it is turned round.
fn comparison(name: &str) -> Result<(Comparison, bool), BadPolicy> {
    Ok(match name {
        "Equals" => (Comparison::Equal, false),
        "NotEquals" => (Comparison::Equal, true),
        "LessThan" => (Comparison::Less, false),
        "LessThanEquals" => (Comparison::LessOrEqual, false),
        "GreaterThan" => (Comparison::Greater, false),
        "GreaterThanEquals" => (Comparison::GreaterOrEqual, false),
        _ => return Err(BadPolicy("a condition's operator is none that there is")),
    })
}

fn all<T>(
    values: &[Cow<'_, str>],
    read: impl Fn(&str) -> Option<T>,
) -> Result<Box<[T]>, BadPolicy> {
    let read: Option<Box<[T]>> = values.iter().map(|it| read(it)).collect();
    read.ok_or(BadPolicy("a condition's value is not of the operator's kind"))
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// ISO 8601 with or without a time of day, or seconds since the epoch.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

/// A network, or an address that stands for itself alone.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|it: IpAddr| it.to_canonical().into()))
}

/// Six parts at colons, each of which must fit: a `*` reaches no further than its own.
fn arn_fits(parts: &[Glob], value: &str, keys: &dyn Keys) -> bool {
    let values: Vec<&str> = value.splitn(6, ':').collect();
    parts.len() == values.len()
        && parts.iter().zip(values).all(|(pattern, value)| pattern.matches(value, keys))
}
