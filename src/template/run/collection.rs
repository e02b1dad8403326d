//! The methods of lists, maps, and the groups of `$context`.

use std::cell::Cell;

use super::reference::integer;
use super::{Outcome, Run, Value};
use crate::template::budget::failed;
use crate::template::method::Method;
use crate::template::value::{Cursor, Entry, List, ListKind, Map};

impl<'a> Run<'a, '_> {
    pub(super) fn list_call(
        &mut self,
        list: &'a List<'a>,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        Ok(match (method, arguments) {
            (Method::Size, []) => integer(list.len()),
            (Method::IsEmpty, []) => Value::Boolean(list.len() == 0),
            (Method::Get, [Value::Integer(index)]) => {
                let place = self.strict_place(*index, list.len(), "get")?;
                list.get(place).unwrap_or(Value::Null)
            }
            (Method::Contains, [item]) => Value::Boolean(self.find(list, *item, false)?.is_some()),
            (Method::IndexOf, [item]) => {
                self.find(list, *item, false)?.map_or(Value::Integer(-1), integer)
            }
            (Method::LastIndexOf, [item]) => {
                self.find(list, *item, true)?.map_or(Value::Integer(-1), integer)
            }
            (Method::ContainsAll, [Value::List(others)]) => {
                for index in 0..others.len() {
                    if let Some(item) = others.get(index)
                        && self.find(list, item, false)?.is_none()
                    {
                        return Ok(Value::Boolean(false));
                    }
                }
                Value::Boolean(true)
            }
            (Method::SubList, [Value::Integer(from), Value::Integer(to)]) => {
                let (from, to) = self.span(*from, *to, list.len(), "subList")?;
                self.budget.hold((to - from) * size_of::<Value<'_>>())?;
                let items = list.items.borrow().get(from..to).unwrap_or_default().to_vec();
                self.list(ListKind::Java, &items)?
            }
            (Method::Iterator, []) => {
                self.budget.hold(size_of::<Cursor<'_>>())?;
                Value::Iterator(self.budget.arena.alloc(Cursor { list, next: Cell::new(0) }))
            }
            _ if list.kind == ListKind::Array => {
                return self.object_call(Value::List(list), method, arguments);
            }
            (Method::Add, [item]) => {
                self.budget.push(list, *item)?;
                Value::Boolean(true)
            }
            (Method::Add, [Value::Integer(index), item]) => {
                let length = list.len();
                // Directly behind the last is a place too.
                let place = self.strict_place(*index, length + 1, "add")?;
                self.budget.steps(length / 8)?;
                self.budget.push(list, *item)?;
                if let Some(moved) = list.items.borrow_mut().get_mut(place..) {
                    moved.rotate_right(1);
                }
                Value::Null
            }
            (Method::AddAll, [Value::List(others)]) => {
                // Of a list added to itself only what was there before.
                let count = others.len();
                for index in 0..count {
                    if let Some(item) = others.get(index) {
                        self.budget.push(list, item)?;
                    }
                }
                Value::Boolean(count > 0)
            }
            (Method::Set, [Value::Integer(index), item]) => {
                let place = self.strict_place(*index, list.len(), "set")?;
                match list.items.borrow_mut().get_mut(place) {
                    Some(old) => std::mem::replace(old, *item),
                    None => Value::Null,
                }
            }
            (Method::Remove, [Value::Integer(index)]) => {
                let place = self.strict_place(*index, list.len(), "remove")?;
                self.budget.steps(list.len() / 8)?;
                list.items.borrow_mut().remove(place)
            }
            (Method::Remove, [item]) => match self.find(list, *item, false)? {
                Some(place) => {
                    self.budget.steps(list.len() / 8)?;
                    list.items.borrow_mut().remove(place);
                    Value::Boolean(true)
                }
                None => Value::Boolean(false),
            },
            (Method::RemoveAll | Method::RetainAll, [Value::List(others)]) => {
                let keeps_found = method == Method::RetainAll;
                let before = list.len();
                let mut kept = Vec::new();
                for index in 0..before {
                    if let Some(item) = list.get(index)
                        && self.find(others, item, false)?.is_some() == keeps_found
                    {
                        self.budget.hold(size_of::<Value<'_>>())?;
                        kept.push(item);
                    }
                }
                let mut items = list.items.borrow_mut();
                items.clear();
                items.extend_from_slice(&kept);
                Value::Boolean(kept.len() != before)
            }
            (Method::Clear, []) => {
                list.items.borrow_mut().clear();
                Value::Null
            }
            _ => return self.object_call(Value::List(list), method, arguments),
        })
    }

    pub(super) fn map_call(
        &mut self,
        map: &'a Map<'a>,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        let hasher = self.budget.hasher;
        Ok(match (method, arguments) {
            (Method::Get, [key]) => map.get(hasher, *key).unwrap_or(Value::Null),
            (Method::GetOrDefault, [key, default]) => map.get(hasher, *key).unwrap_or(*default),
            (Method::Put, [key, value]) => self.put(map, *key, *value)?.unwrap_or(Value::Null),
            (Method::PutIfAbsent, [key, value]) => match map.get(hasher, *key) {
                None | Some(Value::Null) => {
                    self.put(map, *key, *value)?;
                    Value::Null
                }
                Some(there) => there,
            },
            (Method::PutAll, [Value::Map(others)]) => {
                for index in 0..others.len() {
                    if let Some((key, value)) = others.entry(index) {
                        self.put(map, key, value)?;
                    }
                }
                Value::Null
            }
            (Method::ContainsKey, [key]) => Value::Boolean(map.get(hasher, *key).is_some()),
            (Method::ContainsValue, [value]) => {
                let mut index = 0;
                while let Some((_, found)) = map.entry(index) {
                    if self.equals(found, *value)? {
                        return Ok(Value::Boolean(true));
                    }
                    index += 1;
                }
                Value::Boolean(false)
            }
            (Method::KeySet, []) => {
                self.budget.hold(map.len() * size_of::<Value<'_>>())?;
                let keys: Vec<_> =
                    (0..map.len()).filter_map(|it| map.entry(it)).map(|(key, _)| key).collect();
                self.list(ListKind::Java, &keys)?
            }
            (Method::Values, []) => self.map_values(map)?,
            (Method::EntrySet, []) => {
                let list = self.empty_list()?;
                let mut index = 0;
                while let Some((key, value)) = map.entry(index) {
                    self.budget.hold(size_of::<Entry<'_>>())?;
                    let entry =
                        self.budget.arena.alloc(Entry { key, value: Cell::new(value), map });
                    self.budget.push(list, Value::Entry(entry))?;
                    index += 1;
                }
                Value::List(list)
            }
            (Method::Size, []) => integer(map.len()),
            (Method::IsEmpty, []) => Value::Boolean(map.len() == 0),
            (Method::Remove, [key]) => {
                self.budget.steps(map.len() / 8)?;
                map.remove(hasher, *key).unwrap_or(Value::Null)
            }
            (Method::Clear, []) => {
                map.clear();
                Value::Null
            }
            _ => return self.object_call(Value::Map(map), method, arguments),
        })
    }

    /// A group of `$context` or `$stageVariables` as the map that it looks like.
    pub(super) fn group_call(
        &mut self,
        group: Value<'a>,
        method: Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Value<'a>> {
        match (method, arguments) {
            (Method::Get, [Value::Text(name)]) => self.property(group, name),
            (Method::ContainsKey, [Value::Text(name)]) => {
                let found = self.property(group, name)?;
                Ok(Value::Boolean(!matches!(found, Value::Null)))
            }
            (
                Method::KeySet
                | Method::Values
                | Method::EntrySet
                | Method::Size
                | Method::IsEmpty
                | Method::GetOrDefault
                | Method::ContainsValue,
                _,
            ) => {
                let map = self.group_map(group)?;
                self.map_call(map, method, arguments)
            }
            _ => self.object_call(group, method, arguments),
        }
    }

    pub(super) fn map_values(&mut self, map: &'a Map<'a>) -> Outcome<Value<'a>> {
        self.budget.hold(map.len() * size_of::<Value<'_>>())?;
        let values: Vec<_> =
            (0..map.len()).filter_map(|it| map.entry(it)).map(|(_, value)| value).collect();
        self.list(ListKind::Java, &values)
    }

    fn find(
        &mut self,
        list: &'a List<'a>,
        item: Value<'a>,
        from_end: bool,
    ) -> Outcome<Option<usize>> {
        let length = list.len();
        for count in 0..length {
            let index = if from_end { length - 1 - count } else { count };
            if let Some(other) = list.get(index)
                && self.equals(item, other)?
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// A place as a method takes it: not negative.
    fn strict_place(&self, index: i64, length: usize, method: &str) -> Outcome<usize> {
        if index < 0 {
            return failed(
                method,
                format!(
                    "IndexOutOfBoundsException: Index {index} out of bounds for length {length}"
                ),
            );
        }
        self.place(index, length, method)
    }

    pub(super) fn span(
        &self,
        from: i64,
        to: i64,
        length: usize,
        method: &str,
    ) -> Outcome<(usize, usize)> {
        match (usize::try_from(from), usize::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to && to <= length => Ok((from, to)),
            _ => failed(
                method,
                format!("IndexOutOfBoundsException: begin {from}, end {to}, length {length}"),
            ),
        }
    }
}
