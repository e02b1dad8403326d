//! Filters: `[?(@.price < 10 && @.kind in ['a','b'])]`, asked for one value at a time.

use std::cmp::Ordering;

use super::JsonPath;
use crate::template::budget::{Budget, Outcome};
use crate::template::number::Number;
use crate::template::pattern::Pattern;
use crate::template::value::Value;

#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// There is such a value, be it null.
    Exists(Operand),
    Matches(Operand, Pattern),
    Compare(Operand, Comparison, Operand),
}

#[derive(Debug)]
pub(super) enum Operand {
    /// From the value in question.
    Path(JsonPath),
    /// From the document.
    Root(JsonPath),
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(Box<str>),
    List(Vec<Operand>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    Contains,
    Size,
    Empty,
}

impl Filter {
    pub(super) fn holds<'a>(
        &self,
        value: Value<'a>,
        root: Value<'a>,
        budget: &Budget<'a>,
    ) -> Outcome<bool> {
        budget.steps(1)?;
        match self {
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(value, root, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(value, root, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(inner) => Ok(!inner.holds(value, root, budget)?),
            Self::Exists(operand) => Ok(match operand {
                Operand::Path(path) | Operand::Root(path) if !path.is_definite() => {
                    matches!(operand.value(value, root, budget)?, Some(Value::List(list)) if list.len() > 0)
                }
                _ => operand.value(value, root, budget)?.is_some(),
            }),
            Self::Matches(operand, pattern) => match operand.value(value, root, budget)? {
                Some(Value::Text(text)) => {
                    budget.bytes(text.len().saturating_mul(4))?;
                    Ok(pattern.is_match(text).unwrap_or(false))
                }
                _ => Ok(false),
            },
            Self::Compare(left, comparison, right) => {
                let left = left.value(value, root, budget)?;
                let right = right.value(value, root, budget)?;
                comparison.holds(left, right, budget)
            }
        }
    }
}

impl Operand {
    fn value<'a>(
        &self,
        value: Value<'a>,
        root: Value<'a>,
        budget: &Budget<'a>,
    ) -> Outcome<Option<Value<'a>>> {
        Ok(Some(match self {
            Self::Path(path) => return path.select(value, budget),
            Self::Root(path) => return path.select(root, budget),
            Self::Null => Value::Null,
            Self::Boolean(flag) => Value::Boolean(*flag),
            Self::Integer(number) => Value::Integer(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Text(text) => Value::Text(budget.text(text)?),
            Self::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.extend(item.value(value, root, budget)?);
                }
                budget.list(crate::template::value::ListKind::Json, &values)?
            }
        }))
    }
}

impl Comparison {
    fn holds<'a>(
        self,
        left: Option<Value<'a>>,
        right: Option<Value<'a>>,
        budget: &Budget<'a>,
    ) -> Outcome<bool> {
        let (Some(left), Some(right)) = (left, right) else {
            // What is not there is different from everything, and in no list.
            return Ok(matches!(self, Self::Unequal | Self::NotIn | Self::NoneOf));
        };
        Ok(match self {
            Self::Equal => is_equal(left, right, budget)?,
            Self::Unequal => !is_equal(left, right, budget)?,
            Self::Less => order(left, right) == Some(Ordering::Less),
            Self::AtMost => matches!(order(left, right), Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order(left, right) == Some(Ordering::Greater),
            Self::AtLeast => {
                matches!(order(left, right), Some(Ordering::Greater | Ordering::Equal))
            }
            // Read into `Filter::Matches`.
            Self::Matches => false,
            Self::In => is_in(left, right, budget)?,
            Self::NotIn => !is_in(left, right, budget)?,
            Self::SubsetOf => {
                count_in(left, right, budget)?.is_some_and(|(found, all)| found == all)
            }
            Self::AnyOf => count_in(left, right, budget)?.is_some_and(|(found, _)| found > 0),
            Self::NoneOf => count_in(left, right, budget)?.is_some_and(|(found, _)| found == 0),
            Self::Contains => match (left, right) {
                (Value::Text(text), Value::Text(part)) => text.contains(part),
                (list, item) => is_in(item, list, budget)?,
            },
            Self::Size => match right {
                Value::Integer(size) => size_of_value(left) == usize::try_from(size).ok(),
                other => {
                    size_of_value(left).is_some() && size_of_value(left) == size_of_value(other)
                }
            },
            Self::Empty => match right {
                Value::Boolean(wanted) => {
                    size_of_value(left).is_some_and(|size| (size == 0) == wanted)
                }
                _ => false,
            },
        })
    }
}

fn size_of_value(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Text(text) => Some(text.encode_utf16().count()),
        Value::List(list) => Some(list.len()),
        Value::Map(map) => Some(map.len()),
        _ => None,
    }
}

fn is_in<'a>(item: Value<'a>, list: Value<'a>, budget: &Budget<'a>) -> Outcome<bool> {
    let Value::List(list) = list else { return Ok(false) };
    for index in 0..list.len() {
        if let Some(other) = list.get(index)
            && is_equal(item, other, budget)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many items of the left list are in the right one, and of how many.
fn count_in<'a>(
    left: Value<'a>,
    right: Value<'a>,
    budget: &Budget<'a>,
) -> Outcome<Option<(usize, usize)>> {
    let Value::List(items) = left else { return Ok(None) };
    let mut found = 0;
    for index in 0..items.len() {
        if let Some(item) = items.get(index)
            && is_in(item, right, budget)?
        {
            found += 1;
        }
    }
    Ok(Some((found, items.len())))
}

fn number(value: Value<'_>) -> Option<Number> {
    Some(match value {
        Value::Integer(number) => Number::Whole(number.into()),
        Value::Double(number) => Number::Real(number),
        Value::Big(text) | Value::Decimal(text) => Number::parse(text),
        _ => return None,
    })
}

fn order(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => number(left)?.compare(number(right)?),
    }
}

fn is_equal<'a>(left: Value<'a>, right: Value<'a>, budget: &Budget<'a>) -> Outcome<bool> {
    budget.steps(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for index in 0..left.len() {
                if let (Some(left), Some(right)) = (left.get(index), right.get(index))
                    && !is_equal(left, right, budget)?
                {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for index in 0..left.len() {
                let Some((key, value)) = left.entry(index) else { continue };
                match right.get(budget.hasher, key) {
                    Some(other) if is_equal(value, other, budget)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.compare(right) == Some(Ordering::Equal),
            _ => false,
        },
    })
}
