//! References: variables by name, and the way from them by properties, indexes and calls.

use super::{Flow, Outcome, Run, Scope, Value};
use crate::template::budget::failed;
use crate::template::print;
use crate::template::program::{Names, Part, Reference, Symbol};
use crate::template::value::{ListKind, class_of};
use crate::template::watch::{Event, Shown};

impl<'a> Run<'a, '_> {
    pub(super) fn print_reference(
        &mut self,
        reference: &Reference,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Flow> {
        self.at = reference.at;
        let backslashes = reference.backslashes;
        for _ in 0..backslashes / 2 {
            self.write("\\")?;
        }
        if reference.symbol == Names::BODY_CONTENT && reference.parts.is_empty() {
            return self.print_body_content(scope);
        }
        let is_seen = self.watch.is_some() || backslashes > 0;
        let value = match reference.parts.as_slice() {
            [Part::Call(call)] if !is_seen => match self.written_call(reference, call, scope)? {
                Some(value) => value,
                None => return Ok(Flow::Next),
            },
            _ => self.reference(reference, scope)?,
        };
        if backslashes % 2 == 1 {
            // Escaped: its own text. Of one that is not defined the backslash was no escape.
            if matches!(value, Value::Null) {
                self.write("\\")?;
            }
            self.write(&reference.source)?;
            return Ok(Flow::Next);
        }
        let begin = self.out.len();
        match value {
            Value::Null => {}
            Value::Text(text) => self.write(text)?,
            Value::Block(block) => return self.print_block(block, scope),
            other => print::java(other, self.budget, self.out)?,
        }
        if let Some(watch) = self.watch.as_deref_mut() {
            let event = Event::Print {
                source: &reference.source,
                value: Shown(value),
                begin,
                out: self.out,
                is_aside: self.aside > 0,
            };
            watch.saw(reference.at, event);
        }
        Ok(Flow::Next)
    }

    /// What stands between `#@name()` and `#end`, in the scope of the call.
    fn print_body_content(&mut self, scope: Scope<'_, 'a>) -> Outcome<Flow> {
        let mut frame = scope;
        while let Some(current) = frame {
            if let Some(body) = current.body {
                let flow = self.block(body, current.caller)?;
                return Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next });
            }
            frame = current.caller;
        }
        Ok(Flow::Next)
    }

    pub(super) fn reference(
        &mut self,
        reference: &Reference,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        let mut value = self.variable(reference.symbol, scope)?;
        for part in &reference.parts {
            value = match (value, part) {
                (Value::Null, _) => return Ok(Value::Null),
                // What most references are.
                (Value::Map(map), Part::Property(name)) => {
                    self.budget.steps(1)?;
                    match map.get_text(self.budget.hasher, name) {
                        Some(found) => found,
                        None => self.property(value, name)?,
                    }
                }
                _ => self.part(value, part, scope)?,
            };
        }
        Ok(value)
    }

    fn part(&mut self, value: Value<'a>, part: &Part, scope: Scope<'_, 'a>) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        match part {
            Part::Property(name) => self.property(value, name),
            Part::Index(index) => {
                let index = self.expression(index, scope)?;
                self.index(value, index)
            }
            Part::Call(call) => self.call(value, call, scope),
        }
    }

    /// A variable, or a macro's parameter: its argument, evaluated anew where the macro was called.
    #[inline]
    pub(super) fn variable(&mut self, symbol: Symbol, scope: Scope<'_, 'a>) -> Outcome<Value<'a>> {
        match scope {
            None => Ok(self.variables.get(symbol as usize).copied().unwrap_or(Value::Null)),
            Some(_) => self.variable_in(symbol, scope),
        }
    }

    fn variable_in(&mut self, symbol: Symbol, scope: Scope<'_, 'a>) -> Outcome<Value<'a>> {
        let mut frame = scope;
        while let Some(current) = frame {
            if let Some(place) = current.definition.parameters.iter().position(|it| *it == symbol) {
                let assigned =
                    current.assigned.borrow().iter().find(|(it, _)| *it == symbol).copied();
                if let Some((_, value)) = assigned {
                    return Ok(value);
                }
                if let Some(argument) = current.arguments.get(place) {
                    self.deeper()?;
                    let value = self.expression(argument, current.caller);
                    self.depth -= 1;
                    return value;
                }
            }
            frame = current.caller;
        }
        Ok(self.variables.get(symbol as usize).copied().unwrap_or(Value::Null))
    }

    pub(super) fn set_variable(&mut self, symbol: Symbol, value: Value<'a>, scope: Scope<'_, 'a>) {
        let mut frame = scope;
        while let Some(current) = frame {
            if current.definition.parameters.contains(&symbol) {
                let mut assigned = current.assigned.borrow_mut();
                match assigned.iter_mut().find(|(it, _)| *it == symbol) {
                    Some((_, place)) => *place = value,
                    None => assigned.push((symbol, value)),
                }
                return;
            }
            frame = current.caller;
        }
        if let Some(place) = self.variables.get_mut(symbol as usize) {
            *place = value;
        }
    }

    /// `#set`: a variable, or the last part of the way: a map's entry, a list's place. What cannot be
    /// assigned to is left as it is, as Velocity does.
    pub(super) fn assign(
        &mut self,
        target: &Reference,
        value: Value<'a>,
        scope: Scope<'_, 'a>,
    ) -> Outcome<()> {
        let Some((last, way)) = target.parts.split_last() else {
            self.set_variable(target.symbol, value, scope);
            return Ok(());
        };
        let mut holder = self.variable(target.symbol, scope)?;
        for part in way {
            if matches!(holder, Value::Null) {
                return Ok(());
            }
            holder = self.part(holder, part, scope)?;
        }
        match (holder, last) {
            (Value::Map(map), Part::Property(name)) => {
                let key = Value::Text(self.budget.text(name)?);
                self.put(map, key, value)?;
            }
            (Value::Map(map), Part::Index(key)) => {
                let key = self.expression(key, scope)?;
                self.put(map, key, value)?;
            }
            (Value::List(list), Part::Index(index)) => {
                if let Value::Integer(index) = self.expression(index, scope)? {
                    let place = self.place(index, list.len(), "set")?;
                    if let Some(item) = list.items.borrow_mut().get_mut(place) {
                        *item = value;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `$value.name`: a map's entry, or what Java's getter gives.
    pub(super) fn property(&mut self, value: Value<'a>, name: &str) -> Outcome<Value<'a>> {
        Ok(match value {
            Value::Map(map) => match map.get_text(self.budget.hasher, name) {
                Some(found) => found,
                None if name == "class" => Value::Class(class_of(value)),
                None => Value::Null,
            },
            Value::List(list) => match name {
                "size" => integer(list.len()),
                "empty" => Value::Boolean(list.len() == 0),
                "class" => Value::Class(class_of(value)),
                _ => Value::Null,
            },
            Value::Entry(entry) => match name {
                "key" => entry.key,
                "value" => entry.value.get(),
                _ => Value::Null,
            },
            Value::Loop(state) => match name {
                "index" => Value::Integer(state.index.get()),
                "count" => Value::Integer(state.index.get() + 1),
                "hasNext" => Value::Boolean(state.has_next.get()),
                "first" => Value::Boolean(state.index.get() == 0),
                "last" => Value::Boolean(!state.has_next.get()),
                "parent" => state.parent.map_or(Value::Null, Value::Loop),
                "topmost" => {
                    let mut top = state;
                    while let Some(parent) = top.parent {
                        top = parent;
                    }
                    Value::Loop(top)
                }
                _ => Value::Null,
            },
            Value::Class(class) => match name {
                "name" => Value::Text(class),
                "simpleName" => Value::Text(class.rsplit(['.', '$']).next().unwrap_or(class)),
                _ => Value::Null,
            },
            Value::Text(text) => match name {
                "empty" => Value::Boolean(text.is_empty()),
                "bytes" => self.bytes(text)?,
                "class" => Value::Class(class_of(value)),
                _ => Value::Null,
            },
            Value::Context(way) => self.context_member(way, name)?,
            Value::StageVariables => self.stage_variable(name),
            Value::Input => self.input_property(name),
            Value::Util => self.util_property(name),
            Value::Boolean(_)
            | Value::Integer(_)
            | Value::Big(_)
            | Value::Double(_)
            | Value::Decimal(_) => {
                if name == "class" {
                    Value::Class(class_of(value))
                } else {
                    Value::Null
                }
            }
            Value::Null | Value::Iterator(_) | Value::Block(_) | Value::Empty => Value::Null,
        })
    }

    fn index(&mut self, value: Value<'a>, index: Value<'a>) -> Outcome<Value<'a>> {
        match (value, index) {
            (Value::List(list), Value::Integer(index)) => {
                let place = self.place(index, list.len(), "get")?;
                Ok(list.get(place).unwrap_or(Value::Null))
            }
            (Value::Map(map), key) => Ok(map.get(self.budget.hasher, key).unwrap_or(Value::Null)),
            (Value::Context(_) | Value::StageVariables | Value::Input, Value::Text(name)) => {
                self.property(value, name)
            }
            _ => Ok(Value::Null),
        }
    }

    /// A place in a list, negative from its end; outside it Java throws.
    pub(super) fn place(&self, index: i64, length: usize, method: &str) -> Outcome<usize> {
        let place = if index < 0 {
            usize::try_from(index.unsigned_abs()).ok().and_then(|it| length.checked_sub(it))
        } else {
            usize::try_from(index).ok()
        };
        match place {
            Some(place) if place < length => Ok(place),
            _ => failed(
                method,
                format!(
                    "IndexOutOfBoundsException: Index {index} out of bounds for length {length}"
                ),
            ),
        }
    }

    pub(super) fn bytes(&self, text: &str) -> Outcome<Value<'a>> {
        self.budget.hold(text.len() * size_of::<Value<'_>>())?;
        #[expect(clippy::cast_possible_wrap, reason = "Java's bytes have a sign")]
        let items: Vec<Value<'a>> =
            text.bytes().map(|it| Value::Integer((it as i8).into())).collect();
        self.list(ListKind::Array, &items)
    }
}

pub(super) fn integer<'a>(count: usize) -> Value<'a> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
