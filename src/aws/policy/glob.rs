//! Patterns of policies: `*` is any run of characters, `?` any one, `${…}` what a key of the request
//! says, taken literally.

use super::Keys;
use super::read::BadPolicy;
use std::borrow::Cow;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    units: Box<[Unit]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    Character(char),
    /// `?`
    One,
    /// `*`
    Any,
    Variable(Box<Variable>),
}

/// `${key}` or `${key, 'default'}`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    /// In lower case.
    key: Box<str>,
    default: Option<Box<str>>,
}

/// Whether `${…}` means anything: not in policies of the version of 2008.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variables {
    Meant,
    Literal,
}

impl Glob {
    pub(super) fn read(text: &str, variables: Variables) -> Result<Self, BadPolicy> {
        let mut units = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if variables == Variables::Meant
                && let Some(behind) = rest.strip_prefix("${")
            {
                let (inside, behind) =
                    behind.split_once('}').ok_or(BadPolicy("a policy variable has no end"))?;
                units.push(variable(inside)?);
                rest = behind;
                continue;
            }
            units.push(match character {
                '?' => Unit::One,
                // Several mean what one means, and would only cost.
                '*' if units.last() == Some(&Unit::Any) => {
                    rest = &rest[1..];
                    continue;
                }
                '*' => Unit::Any,
                other => Unit::Character(other),
            });
            rest = &rest[character.len_utf8()..];
        }
        Ok(Self { units: units.into() })
    }

    /// Whether every character counts and all of it fits. A variable without a value fits nothing.
    pub(super) fn matches(&self, text: &str, keys: &dyn Keys) -> bool {
        self.resolved(keys).is_some_and(|units| fits(&units, text, |one, other| one == other))
    }

    /// The same for actions, whose capitals mean nothing and which have no variables.
    pub(super) fn matches_ignoring_case(&self, text: &str) -> bool {
        fits(&self.units, text, |one, other| one.eq_ignore_ascii_case(&other))
    }

    pub(super) fn is_resolved(&self, keys: &dyn Keys) -> bool {
        self.resolved(keys).is_some()
    }

    /// As text with its variables' values, where wildcards mean nothing.
    pub(super) fn literal(&self, keys: &dyn Keys) -> Option<String> {
        let character = |unit: &Unit| match unit {
            Unit::Character(character) => *character,
            Unit::One => '?',
            Unit::Any | Unit::Variable(_) => '*',
        };
        Some(self.resolved(keys)?.iter().map(character).collect())
    }

    /// The six parts of an ARN's pattern; `*` alone stands for all of them.
    pub(super) fn arn_parts(&self) -> Vec<Self> {
        if *self.units == [Unit::Any] {
            return vec![self.clone(); 6];
        }
        let parts = self.units.splitn(6, |unit| *unit == Unit::Character(':'));
        parts.map(|units| Self { units: units.into() }).collect()
    }

    /// With its variables' values.
    fn resolved(&self, keys: &dyn Keys) -> Option<Cow<'_, [Unit]>> {
        if !self.units.iter().any(|unit| matches!(unit, Unit::Variable(_))) {
            return Some(Cow::Borrowed(&self.units));
        }
        let mut resolved = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            let Unit::Variable(variable) = unit else {
                resolved.push(unit.clone());
                continue;
            };
            let values = keys.values(&variable.key);
            // A key with several values cannot stand in a text.
            let value = match &values[..] {
                [one] => &**one,
                _ => variable.default.as_deref()?,
            };
            resolved.extend(value.chars().map(Unit::Character));
        }
        Some(Cow::Owned(resolved))
    }
}

fn variable(inside: &str) -> Result<Unit, BadPolicy> {
    match inside {
        "*" | "?" | "$" => return Ok(Unit::Character(inside.chars().next().unwrap_or_default())),
        _ => {}
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            (key, Some(default.ok_or(BadPolicy("a policy variable's default is not in quotes"))?))
        }
    };
    let key = key.trim();
    let is_key = |it: char| it.is_ascii_alphanumeric() || ":/-_.".contains(it);
    if key.is_empty() || !key.chars().all(is_key) {
        return Err(BadPolicy("a policy variable is none that there is"));
    }
    Ok(Unit::Variable(Box::new(Variable {
        key: key.to_ascii_lowercase().into(),
        default: default.map(Into::into),
    })))
}

/// Goes back to the last `*` only: what an earlier one could take, the last one can take as well.
fn fits(units: &[Unit], text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let (mut unit, mut at) = (0, 0);
    // Behind the last `*`, and where its run ends so far.
    let mut last_any: Option<(usize, usize)> = None;
    loop {
        let character = text.get(at..).and_then(|rest| rest.chars().next());
        let is_fit = match (units.get(unit), character) {
            (None, None) => return true,
            (Some(Unit::Any), _) => {
                unit += 1;
                last_any = Some((unit, at));
                continue;
            }
            (Some(Unit::One), Some(_)) => true,
            (Some(Unit::Character(wanted)), Some(found)) => same(*wanted, found),
            (Some(_), None) => return false,
            (None | Some(Unit::Variable(_)), Some(_)) => false,
        };
        if is_fit {
            unit += 1;
            at += character.map_or(1, char::len_utf8);
        } else if let Some((behind, end)) = last_any {
            let taken = text.get(end..).and_then(|rest| rest.chars().next());
            let end = end + taken.map_or(1, char::len_utf8);
            last_any = Some((behind, end));
            (unit, at) = (behind, end);
        } else {
            return false;
        }
    }
}
