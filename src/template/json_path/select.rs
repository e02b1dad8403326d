//! Selecting: a path's steps over a document.

use bumpalo::collections::Vec as ArenaVec;

use super::{Function, JsonPath, Step};
use crate::template::budget::{Budget, Outcome};
use crate::template::number::Number;
use crate::template::value::{List, ListKind, Value};

/// JSON is at most 400 deep; a template may have made something deeper, or a circle.
const DEPTH_MAX: u32 = 450;

pub(super) fn select<'a>(
    path: &JsonPath,
    root: Value<'a>,
    budget: &Budget<'a>,
) -> Outcome<Option<Value<'a>>> {
    let selected = if path.is_definite_path() {
        definite(&path.steps, root, budget)?
    } else {
        let mut found = ArenaVec::new_in(budget.arena);
        let mut walk = Walk { root, budget, found: &mut found };
        walk.steps(&path.steps, root, 0)?;
        budget.hold(size_of::<List<'_>>())?;
        Some(Value::List(List::new(budget.arena, ListKind::Json, found)))
    };
    match (path.function, selected) {
        (None, selected) => Ok(selected),
        (Some(_), None) => Ok(None),
        (Some(function), Some(value)) => apply(function, value, budget),
    }
}

fn definite<'a>(
    steps: &[Step],
    root: Value<'a>,
    budget: &Budget<'a>,
) -> Outcome<Option<Value<'a>>> {
    let mut value = root;
    for step in steps {
        budget.steps(1)?;
        let next = match (step, value) {
            (Step::Member(name), Value::Map(map)) => map.get_text(budget.hasher, name),
            (Step::Members(names), Value::Map(_)) => return members(names, value, budget),
            (Step::Index(index), Value::List(list)) => {
                place(*index, list.len()).and_then(|it| list.get(it))
            }
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// `['a','b']` at the end: an object of those that are there.
fn members<'a>(
    names: &[Box<str>],
    value: Value<'a>,
    budget: &Budget<'a>,
) -> Outcome<Option<Value<'a>>> {
    let Value::Map(map) = value else { return Ok(None) };
    let selection = budget.map()?;
    for name in names {
        if let Some(value) = map.get_text(budget.hasher, name) {
            budget.put(selection, Value::Text(budget.text(name)?), value)?;
        }
    }
    Ok(Some(Value::Map(selection)))
}

fn place(index: i64, length: usize) -> Option<usize> {
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

struct Walk<'a, 'b> {
    root: Value<'a>,
    budget: &'b Budget<'a>,
    found: &'b mut ArenaVec<'a, Value<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn steps(&mut self, steps: &[Step], value: Value<'a>, depth: u32) -> Outcome<()> {
        self.budget.steps(1)?;
        if depth > DEPTH_MAX {
            return self.budget.depth(u32::MAX);
        }
        let Some((step, rest)) = steps.split_first() else {
            self.budget.hold(2 * size_of::<Value<'_>>())?;
            self.found.push(value);
            return Ok(());
        };
        match (step, value) {
            (Step::Member(name), Value::Map(map)) => {
                if let Some(next) = map.get_text(self.budget.hasher, name) {
                    self.steps(rest, next, depth + 1)?;
                }
            }
            (Step::Members(names), Value::Map(map)) => {
                if rest.is_empty() {
                    if let Some(selection) = members(names, value, self.budget)? {
                        self.steps(rest, selection, depth + 1)?;
                    }
                } else {
                    for name in names {
                        if let Some(next) = map.get_text(self.budget.hasher, name) {
                            self.steps(rest, next, depth + 1)?;
                        }
                    }
                }
            }
            (Step::Index(index), Value::List(list)) => {
                if let Some(next) = place(*index, list.len()).and_then(|it| list.get(it)) {
                    self.steps(rest, next, depth + 1)?;
                }
            }
            (Step::Indexes(indexes), Value::List(list)) => {
                for index in indexes {
                    if let Some(next) = place(*index, list.len()).and_then(|it| list.get(it)) {
                        self.steps(rest, next, depth + 1)?;
                    }
                }
            }
            (Step::Slice(from, to), Value::List(list)) => {
                let length = list.len();
                let bound = |index: i64| {
                    if index < 0 {
                        place(index, length).unwrap_or(0)
                    } else {
                        place(index, length).unwrap_or(length)
                    }
                };
                let from = from.map_or(0, bound);
                let to = to.map_or(length, bound).min(length);
                for index in from..to {
                    if let Some(next) = list.get(index) {
                        self.steps(rest, next, depth + 1)?;
                    }
                }
            }
            (Step::All, Value::List(_) | Value::Map(_)) => {
                let mut index = 0;
                while let Some(next) = child(value, index) {
                    self.steps(rest, next, depth + 1)?;
                    index += 1;
                }
            }
            (Step::Where(filter), Value::Map(_)) => {
                let holds = filter.holds(value, self.root, self.budget)?;
                if holds {
                    self.steps(rest, value, depth + 1)?;
                }
            }
            (Step::Where(filter), Value::List(list)) => {
                let mut index = 0;
                while let Some(next) = list.get(index) {
                    if filter.holds(next, self.root, self.budget)? {
                        self.steps(rest, next, depth + 1)?;
                    }
                    index += 1;
                }
            }
            (Step::Everywhere, Value::List(_) | Value::Map(_)) => {
                self.everywhere(rest, value, depth)?
            }
            _ => {}
        }
        Ok(())
    }

    /// The step behind `..`, here and then below, in the document's order.
    fn everywhere(&mut self, rest: &[Step], value: Value<'a>, depth: u32) -> Outcome<()> {
        if depth > DEPTH_MAX {
            return self.budget.depth(u32::MAX);
        }
        let is_asked_here = match (rest.first(), value) {
            // A filter picks objects where they stand; those in a list are met one level further down.
            (Some(Step::Where(_)), Value::List(_)) => false,
            _ => true,
        };
        if is_asked_here {
            self.steps(rest, value, depth)?;
        }
        let mut index = 0;
        while let Some(next) = child(value, index) {
            self.budget.steps(1)?;
            match next {
                Value::List(_) | Value::Map(_) => self.everywhere(rest, next, depth + 1)?,
                // A filter is asked of plain values in lists as well.
                scalar => {
                    if let (Some((Step::Where(filter), behind)), Value::List(_)) =
                        (rest.split_first(), value)
                        && filter.holds(scalar, self.root, self.budget)?
                    {
                        self.steps(behind, scalar, depth + 1)?;
                    }
                }
            }
            index += 1;
        }
        Ok(())
    }
}

fn child(value: Value<'_>, index: usize) -> Option<Value<'_>> {
    match value {
        Value::List(list) => list.get(index),
        Value::Map(map) => map.entry(index).map(|(_, value)| value),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of items")]
fn apply<'a>(
    function: Function,
    value: Value<'a>,
    budget: &Budget<'a>,
) -> Outcome<Option<Value<'a>>> {
    match (function, value) {
        (Function::Length, Value::List(list)) => return Ok(Some(integer(list.len()))),
        (Function::Length, Value::Map(map)) => return Ok(Some(integer(map.len()))),
        (Function::Keys, Value::Map(map)) => {
            let mut keys = Vec::with_capacity(map.len());
            let mut index = 0;
            while let Some((key, _)) = map.entry(index) {
                keys.push(key);
                index += 1;
            }
            return budget.list(ListKind::Json, &keys).map(Some);
        }
        (Function::First, Value::List(list)) => return Ok(list.get(0)),
        (Function::Last, Value::List(list)) => {
            return Ok(place(-1, list.len()).and_then(|it| list.get(it)));
        }
        (Function::Index(index), Value::List(list)) => {
            return Ok(place(index, list.len()).and_then(|it| list.get(it)));
        }
        _ => {}
    }
    let Value::List(list) = value else { return Ok(None) };
    let mut numbers = Vec::with_capacity(list.len());
    for index in 0..list.len() {
        budget.steps(1)?;
        numbers.extend(list.get(index).and_then(|item| {
            Some(match item {
                Value::Integer(number) => Number::Whole(number.into()).real(),
                Value::Double(number) => number,
                Value::Big(text) | Value::Decimal(text) => Number::parse(text).real(),
                _ => return None,
            })
        }));
    }
    if numbers.is_empty() {
        return Ok(None);
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    Ok(match function {
        Function::Sum => Some(Value::Double(sum)),
        Function::Average => Some(Value::Double(sum / count)),
        Function::Min => Some(Value::Double(numbers.iter().copied().fold(f64::INFINITY, f64::min))),
        Function::Max => {
            Some(Value::Double(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
        }
        Function::Deviation => {
            let squares: f64 = numbers.iter().map(|it| it * it).sum();
            let mean = sum / count;
            Some(Value::Double((squares / count - mean * mean).max(0.0).sqrt()))
        }
        _ => None,
    })
}

fn integer<'a>(count: usize) -> Value<'a> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
