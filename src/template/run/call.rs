//! Calls: which method of which value.
//!
//! A method that a value does not have, or not for these arguments, gives null, as an unknown method does
//! in Velocity. One that throws in Java ends the rendering.

use arrayvec::ArrayVec;

use super::input::Written;
use super::{Outcome, Run, Scope, Value};
use crate::template::method::Method;
use crate::template::program::{Call, Reference};
use crate::template::value::class_of;

impl<'a> Run<'a, '_> {
    pub(super) fn call(
        &mut self,
        receiver: Value<'a>,
        call: &Call,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Value<'a>> {
        let arguments = self.arguments(call, scope)?;
        let Some(method) = call.method else { return Ok(Value::Null) };
        let compiled = &call.compiled;
        match receiver {
            Value::Input => self.input_call(method, &arguments, compiled),
            Value::Util => self.util_call(method, &arguments),
            Value::Text(text) => self.text_call(text, method, &arguments, compiled),
            Value::List(list) => self.list_call(list, method, &arguments),
            Value::Map(map) => self.map_call(map, method, &arguments),
            Value::Context(_) | Value::StageVariables => {
                self.group_call(receiver, method, &arguments)
            }
            Value::Integer(_)
            | Value::Big(_)
            | Value::Double(_)
            | Value::Decimal(_)
            | Value::Boolean(_) => self.scalar_call(receiver, method, &arguments),
            Value::Entry(entry) => match (method, arguments.as_slice()) {
                (Method::GetKey, []) => Ok(entry.key),
                (Method::GetValue, []) => Ok(entry.value.get()),
                (Method::SetValue, [value]) => {
                    self.put(entry.map, entry.key, *value)?;
                    Ok(entry.value.replace(*value))
                }
                _ => self.object_call(receiver, method, &arguments),
            },
            Value::Iterator(cursor) => match (method, arguments.as_slice()) {
                (Method::HasNext, []) => Ok(Value::Boolean(cursor.next.get() < cursor.list.len())),
                (Method::Next, []) => {
                    let index = cursor.next.get();
                    match cursor.list.get(index) {
                        Some(value) => {
                            cursor.next.set(index + 1);
                            Ok(value)
                        }
                        None => crate::template::budget::failed("next", "NoSuchElementException"),
                    }
                }
                _ => Ok(Value::Null),
            },
            Value::Loop(_) => match (method, arguments.as_slice()) {
                (Method::GetCount, []) => self.property(receiver, "count"),
                (Method::GetIndex, []) => self.property(receiver, "index"),
                (Method::HasNext, []) => self.property(receiver, "hasNext"),
                (Method::IsFirst, []) => self.property(receiver, "first"),
                (Method::IsLast, []) => self.property(receiver, "last"),
                _ => Ok(Value::Null),
            },
            Value::Class(_) => match (method, arguments.as_slice()) {
                (Method::GetName, []) => self.property(receiver, "name"),
                (Method::GetSimpleName, []) => self.property(receiver, "simpleName"),
                _ => self.object_call(receiver, method, &arguments),
            },
            Value::Null | Value::Block(_) | Value::Empty => Ok(Value::Null),
        }
    }

    /// A call whose value is printed. `None`: it is; what is made of `$input.json` and `$util` need not be
    /// a value in between.
    pub(super) fn written_call(
        &mut self,
        reference: &Reference,
        call: &Call,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Option<Value<'a>>> {
        self.budget.steps(2)?;
        let receiver = self.variable(reference.symbol, scope)?;
        let written = match (receiver, call.method) {
            (Value::Null, _) => return Ok(Some(Value::Null)),
            (Value::Util, Some(method)) => {
                let arguments = self.arguments(call, scope)?;
                self.util_written(method, &arguments)?
            }
            (Value::Input, Some(Method::Json)) => {
                let arguments = self.arguments(call, scope)?;
                self.json_written(&arguments, &call.compiled)?
            }
            _ => return self.call(receiver, call, scope).map(Some),
        };
        match written {
            Written::Value(value) => Ok(Some(value)),
            Written::ToOutput => {
                self.budget.output(self.out.len())?;
                Ok(None)
            }
        }
    }

    fn arguments(&mut self, call: &Call, scope: Scope<'_, 'a>) -> Outcome<ArrayVec<Value<'a>, 16>> {
        let mut arguments = ArrayVec::new();
        for argument in &call.arguments {
            let value = self.expression(argument, scope)?;
            // The parser allows 16.
            let _ = arguments.try_push(value);
        }
        Ok(arguments)
    }

    /// What every object has.
    pub(super) fn object_call(
        &mut self,
        receiver: Value<'a>,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        match (method, arguments) {
            (Method::ToString, []) => Ok(Value::Text(self.text_of(receiver)?)),
            (Method::Equals, [other]) => Ok(Value::Boolean(self.equals(receiver, *other)?)),
            (Method::HashCode, []) => Ok(Value::Integer(self.hash_code(receiver)?.into())),
            (Method::GetClass, []) => Ok(Value::Class(class_of(receiver))),
            _ => Ok(Value::Null),
        }
    }

    /// Java's `hashCode`.
    fn hash_code(&mut self, value: Value<'a>) -> Outcome<i32> {
        self.budget.steps(1)?;
        self.deeper()?;
        #[expect(clippy::cast_possible_truncation, reason = "as Java folds 64 bits to 32")]
        let fold = |bits: u64| (bits ^ (bits >> 32)) as i32;
        let hash = match value {
            Value::Text(text) => {
                self.budget.bytes(text.len())?;
                text.encode_utf16()
                    .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
            }
            Value::Integer(number) => match i32::try_from(number) {
                Ok(number) => number,
                Err(_) => fold(number.cast_unsigned()),
            },
            Value::Double(number) => fold(number.to_bits()),
            Value::Boolean(flag) => {
                if flag {
                    1231
                } else {
                    1237
                }
            }
            Value::List(list) => {
                let mut hash = 1_i32;
                let mut index = 0;
                while let Some(item) = list.get(index) {
                    hash = hash.wrapping_mul(31).wrapping_add(self.hash_code(item)?);
                    index += 1;
                }
                hash
            }
            Value::Map(map) => {
                let mut hash = 0_i32;
                let mut index = 0;
                while let Some((key, value)) = map.entry(index) {
                    hash = hash.wrapping_add(self.hash_code(key)? ^ self.hash_code(value)?);
                    index += 1;
                }
                hash
            }
            _ => 0,
        };
        self.depth -= 1;
        Ok(hash)
    }
}
