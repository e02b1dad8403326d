//! Expressions: literals, arithmetic, comparison and logic, by Velocity 1.7's rules.

use std::cmp::Ordering;

use super::{Outcome, Run, Scope, Value};
use crate::template::number::Number;
use crate::template::program::{Expression, Operator};
use crate::template::value::{ListKind, is_equal_scalar};

impl<'a> Run<'a, '_> {
    pub(super) fn expression(
        &mut self,
        expression: &Expression,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        Ok(match expression {
            Expression::Boolean(flag) => Value::Boolean(*flag),
            Expression::Integer(number) => Value::Integer(*number),
            Expression::Double(number) => Value::Double(*number),
            Expression::Text(text) => Value::Text(self.budget.text(text)?),
            Expression::Big(text) => Value::Big(self.budget.text(text)?),
            Expression::Reference(reference) => return self.reference(reference, scope),
            Expression::Interpolated(block) => {
                let begin = self.out.len();
                self.aside += 1;
                self.block(block, scope)?;
                self.aside -= 1;
                Value::Text(self.take_written(begin)?)
            }
            Expression::List(items) => {
                let list = self.empty_list()?;
                self.deeper()?;
                for item in items {
                    let value = self.expression(item, scope)?;
                    self.budget.push(list, value)?;
                }
                self.depth -= 1;
                Value::List(list)
            }
            Expression::Map(entries) => {
                let map = self.budget.map()?;
                self.deeper()?;
                for (key, value) in entries {
                    let key = self.expression(key, scope)?;
                    let value = self.expression(value, scope)?;
                    self.budget.put(map, key, value)?;
                }
                self.depth -= 1;
                Value::Map(map)
            }
            Expression::Range(ends) => {
                let first = self.expression(&ends.0, scope)?;
                let last = self.expression(&ends.1, scope)?;
                return self.range(first, last);
            }
            Expression::Not(_) => Value::Boolean(self.condition(expression, scope)?),
            Expression::Binary { operator, sides } => match operator {
                Operator::Or | Operator::And => Value::Boolean(self.condition(expression, scope)?),
                operator => {
                    self.deeper()?;
                    let left = self.expression(&sides.0, scope)?;
                    let right = self.expression(&sides.1, scope)?;
                    self.depth -= 1;
                    self.binary(*operator, left, right, sides)?
                }
            },
        })
    }

    /// What `#if` sees. A reference holds unless it is null or false, whatever else it is; of the other
    /// expressions only booleans, comparisons and logic can hold: Velocity takes a bare `"text"` or `1` for
    /// false.
    pub(super) fn condition(
        &mut self,
        expression: &Expression,
        scope: Scope<'_, 'a>,
    ) -> Outcome<bool> {
        match expression {
            Expression::Reference(reference) => Ok(!matches!(
                self.reference(reference, scope)?,
                Value::Null | Value::Boolean(false)
            )),
            Expression::Boolean(flag) => Ok(*flag),
            Expression::Not(inner) => {
                self.deeper()?;
                let holds = self.condition(inner, scope)?;
                self.depth -= 1;
                Ok(!holds)
            }
            Expression::Binary { operator: operator @ (Operator::And | Operator::Or), sides } => {
                self.deeper()?;
                let left = self.condition(&sides.0, scope)?;
                let is_decided = left == (*operator == Operator::Or);
                let holds = if is_decided { left } else { self.condition(&sides.1, scope)? };
                self.depth -= 1;
                Ok(holds)
            }
            Expression::Binary { .. } => {
                Ok(matches!(self.expression(expression, scope)?, Value::Boolean(true)))
            }
            _ => Ok(false),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: Value<'a>,
        right: Value<'a>,
        sides: &(Expression, Expression),
    ) -> Outcome<Value<'a>> {
        if let (Value::Integer(left), Value::Integer(right)) = (left, right)
            && let Some(found) = of_integers(operator, left, right)
        {
            return Ok(found);
        }
        Ok(match operator {
            Operator::Equal => Value::Boolean(self.is_equal(left, right)?),
            Operator::Unequal => Value::Boolean(!self.is_equal(left, right)?),
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
                // Only numbers have an order.
                let order = match (number(left), number(right)) {
                    (Some(left), Some(right)) => left.compare(right),
                    _ => None,
                };
                Value::Boolean(order.is_some_and(|order| match operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::AtMost => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }))
            }
            Operator::Add if matches!(left, Value::Text(_)) || matches!(right, Value::Text(_)) => {
                let begin = self.out.len();
                for (value, side) in [(left, &sides.0), (right, &sides.1)] {
                    match (value, side) {
                        // As Velocity does: the reference's own text.
                        (Value::Null, Expression::Reference(reference)) => {
                            self.write(&reference.source)?
                        }
                        (Value::Null, _) => self.write("null")?,
                        (value, _) => {
                            let text = self.text_of(value)?;
                            self.write(text)?;
                        }
                    }
                }
                Value::Text(self.take_written(begin)?)
            }
            _ => match (number(left), number(right)) {
                (Some(left), Some(right)) => match left.compute(operator, right) {
                    Some(found) => self.number(found)?,
                    None => Value::Null,
                },
                _ => Value::Null,
            },
        })
    }

    pub(super) fn number(&self, number: Number) -> Outcome<Value<'a>> {
        Ok(match number {
            Number::Whole(whole) => match i64::try_from(whole) {
                Ok(whole) => Value::Integer(whole),
                Err(_) => Value::Big(self.budget.text(&whole.to_string())?),
            },
            Number::Real(real) => Value::Double(real),
        })
    }

    fn range(&mut self, first: Value<'a>, last: Value<'a>) -> Outcome<Value<'a>> {
        let (Value::Integer(first), Value::Integer(last)) = (first, last) else {
            return Ok(Value::Null);
        };
        let length = last.abs_diff(first);
        let length = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1);
        self.budget.steps(length)?;
        self.budget.hold(length.saturating_mul(size_of::<Value<'_>>()))?;
        let list = self.empty_list()?;
        let mut items = list.items.borrow_mut();
        items.reserve_exact(length);
        if first <= last {
            items.extend((first..=last).map(Value::Integer));
        } else {
            items.extend((last..=first).rev().map(Value::Integer));
        }
        drop(items);
        Ok(Value::List(list))
    }

    /// `==`: numbers by value, values of one class by `equals`, everything else by its text. API Gateway
    /// finds a missing value equal to the empty text as well; stock Velocity does not.
    pub(super) fn is_equal(&mut self, left: Value<'a>, right: Value<'a>) -> Outcome<bool> {
        if let (Some(left), Some(right)) = (number(left), number(right)) {
            return Ok(left.compare(right) == Some(Ordering::Equal));
        }
        match (left, right) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Null, Value::Text(text)) | (Value::Text(text), Value::Null) => {
                Ok(text.is_empty())
            }
            (Value::Null, _) | (_, Value::Null) => Ok(false),
            (Value::Text(left), Value::Text(right)) => {
                self.budget.bytes(left.len().min(right.len()))?;
                Ok(left == right)
            }
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
                self.equals(left, right)
            }
            (Value::Boolean(left), Value::Boolean(right)) => Ok(left == right),
            (left, right) => {
                let left = self.text_of(left)?;
                let right = self.text_of(right)?;
                Ok(left == right)
            }
        }
    }

    /// Java's `equals`.
    pub(super) fn equals(&mut self, left: Value<'a>, right: Value<'a>) -> Outcome<bool> {
        self.deeper()?;
        self.budget.steps(1)?;
        let is_equal = match (left, right) {
            (Value::List(left), Value::List(right)) => {
                let mut same = left.len() == right.len()
                    && (left.kind == ListKind::Array) == (right.kind == ListKind::Array);
                let mut index = 0;
                while same && let (Some(left), Some(right)) = (left.get(index), right.get(index)) {
                    same = self.equals(left, right)?;
                    index += 1;
                }
                same
            }
            (Value::Map(left), Value::Map(right)) => {
                let mut same = left.len() == right.len();
                let mut index = 0;
                while same && let Some((key, value)) = left.entry(index) {
                    same = match right.get(self.budget.hasher, key) {
                        Some(other) => self.equals(value, other)?,
                        None => false,
                    };
                    index += 1;
                }
                same
            }
            (left, right) => is_equal_scalar(left, right),
        };
        self.depth -= 1;
        Ok(is_equal)
    }
}

/// What two integers give, where that is an integer of 64 bits or a boolean: nearly always.
fn of_integers<'a>(operator: Operator, left: i64, right: i64) -> Option<Value<'a>> {
    Some(match operator {
        Operator::Equal => Value::Boolean(left == right),
        Operator::Unequal => Value::Boolean(left != right),
        Operator::Less => Value::Boolean(left < right),
        Operator::AtMost => Value::Boolean(left <= right),
        Operator::Greater => Value::Boolean(left > right),
        Operator::AtLeast => Value::Boolean(left >= right),
        Operator::Add => Value::Integer(left.checked_add(right)?),
        Operator::Subtract => Value::Integer(left.checked_sub(right)?),
        Operator::Multiply => Value::Integer(left.checked_mul(right)?),
        Operator::Divide => Value::Integer(left.checked_div(right)?),
        Operator::Remainder => Value::Integer(left.checked_rem(right)?),
        Operator::Or | Operator::And => return None,
    })
}

pub(super) fn number(value: Value<'_>) -> Option<Number> {
    Some(match value {
        Value::Integer(number) => Number::Whole(number.into()),
        Value::Double(number) => Number::Real(number),
        Value::Big(text) | Value::Decimal(text) => Number::parse(text),
        _ => return None,
    })
}
