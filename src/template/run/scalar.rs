//! The methods of numbers and booleans, with the static ones that Java lets one call on a value.

use std::cmp::Ordering;

use super::expression::number;
use super::{Outcome, Run, Value};
use crate::template::budget::failed;
use crate::template::method::Method;
use crate::template::number::Number;

impl<'a> Run<'a, '_> {
    pub(super) fn scalar_call(
        &mut self,
        receiver: Value<'a>,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        if let Value::Boolean(flag) = receiver {
            return match (method, arguments) {
                (Method::BooleanValue, []) => Ok(receiver),
                (Method::ParseBoolean | Method::ValueOf, [Value::Text(text)]) => {
                    Ok(Value::Boolean(text.eq_ignore_ascii_case("true")))
                }
                (Method::CompareTo, [Value::Boolean(other)]) => {
                    Ok(Value::Integer(i64::from(flag) - i64::from(*other)))
                }
                _ => self.object_call(receiver, method, arguments),
            };
        }
        let Some(own) = number(receiver) else { return Ok(Value::Null) };
        Ok(match (method, arguments) {
            (Method::IntValue, []) => {
                Value::Integer(self.whole(own, i64::from(i32::MIN), i64::from(i32::MAX)))
            }
            (Method::LongValue, []) => Value::Integer(self.whole(own, i64::MIN, i64::MAX)),
            (Method::DoubleValue | Method::FloatValue, []) => Value::Double(own.real()),
            (Method::Abs, [value]) => match number(*value) {
                Some(Number::Whole(whole)) => self.number(Number::Whole(whole.saturating_abs()))?,
                Some(Number::Real(real)) => Value::Double(real.abs()),
                None => Value::Null,
            },
            (Method::CompareTo, [other]) => match number(*other) {
                Some(other) => Value::Integer(match own.compare(other) {
                    Some(Ordering::Less) => -1,
                    Some(Ordering::Greater) => 1,
                    _ => 0,
                }),
                None => return failed("compareTo", "ClassCastException"),
            },
            (Method::ParseInt | Method::ParseLong, [Value::Text(text)]) => {
                self.parse(text, 10, method)?
            }
            (
                Method::ParseInt | Method::ParseLong,
                [Value::Text(text), Value::Integer(radix @ 2..=36)],
            ) => self.parse(text, u32::try_from(*radix).unwrap_or(10), method)?,
            (Method::ValueOf, [Value::Text(text)]) => match receiver {
                Value::Double(_) => self.parse_double(text)?,
                _ => self.parse(text, 10, method)?,
            },
            (Method::ValueOf, [value]) => *value,
            (Method::ParseDouble | Method::ParseFloat, [Value::Text(text)]) => {
                self.parse_double(text)?
            }
            (Method::ToHexString, [Value::Integer(value)]) => {
                Value::Text(self.budget.text(&match i32::try_from(*value) {
                    Ok(value) => format!("{value:x}"),
                    Err(_) => format!("{value:x}"),
                })?)
            }
            (Method::ToBinaryString, [Value::Integer(value)]) => {
                Value::Text(self.budget.text(&match i32::try_from(*value) {
                    Ok(value) => format!("{value:b}"),
                    Err(_) => format!("{value:b}"),
                })?)
            }
            (Method::ToString, [value]) => Value::Text(self.text_of(*value)?),
            _ => return self.object_call(receiver, method, arguments),
        })
    }

    /// As Java narrows: a double to the nearest bound, a whole number by its low bits.
    #[expect(clippy::cast_possible_truncation, reason = "narrowing is what is asked for")]
    fn whole(&self, number: Number, least: i64, most: i64) -> i64 {
        match number {
            Number::Real(real) => (real as i64).clamp(least, most),
            Number::Whole(whole) if most == i64::MAX => whole as i64,
            Number::Whole(whole) => i64::from(whole as i32),
        }
    }

    fn parse(&self, text: &str, radix: u32, method: Method) -> Outcome<Value<'a>> {
        let is_long = method == Method::ParseLong;
        match i64::from_str_radix(text, radix) {
            Ok(number) if is_long || i32::try_from(number).is_ok() => Ok(Value::Integer(number)),
            _ => failed("parseInt", format!("NumberFormatException: For input string: \"{text}\"")),
        }
    }

    fn parse_double(&self, text: &str) -> Outcome<Value<'a>> {
        match text.trim().parse() {
            Ok(number) => Ok(Value::Double(number)),
            Err(_) => failed(
                "parseDouble",
                format!("NumberFormatException: For input string: \"{text}\""),
            ),
        }
    }
}
