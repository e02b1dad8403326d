//! Values: what a rendering works with, as Java's types behave.
//!
//! Everything lies in the arena of the rendering and is copied as a handle, so that two names can hold
//! one list, as in Java, and cycles cost nothing: all goes when the arena is reset. No type here has a
//! destructor.

use std::cell::{Cell, RefCell};

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

/// One value. The tag has a whole word: beside a byte of it the compiler puts pieces of the other fields,
/// and copies values in parts that the processor has to wait for (a tenth of a rendering).
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(super) enum Value<'a> {
    /// Also what is not defined.
    Null,
    Boolean(bool),
    /// Integer and Long.
    Integer(i64),
    /// BigInteger: its digits.
    Big(&'a str),
    Double(f64),
    /// BigDecimal: a JSON number of more than 18 characters, as its `toString` prints it.
    Decimal(&'a str),
    Text(&'a str),
    List(&'a List<'a>),
    Map(&'a Map<'a>),
    /// One of `entrySet()`.
    Entry(&'a Entry<'a>),
    Iterator(&'a Cursor<'a>),
    /// `#define`: a place in the rendering's list of blocks.
    Block(usize),
    /// `$foreach`.
    Loop(&'a Loop<'a>),
    /// `$context`, or a group in it: the way there.
    Context(&'a [&'a str]),
    Input,
    Util,
    StageVariables,
    /// `$input.params` without a call and the like: prints `{}`.
    Empty,
    /// `getClass()`: the full name.
    Class(&'static str),
}

/// How a list prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    /// json-smart's JSONArray: JSON, all the way down.
    Json,
    /// ArrayList: `[a, b]`.
    Java,
    /// An array: what `split` returns. Java prints its class and address.
    Array,
}

#[derive(Debug)]
pub(super) struct List<'a> {
    pub(super) kind: ListKind,
    pub(super) items: RefCell<ArenaVec<'a, Value<'a>>>,
}

impl<'a> List<'a> {
    pub(super) fn new(arena: &'a Bump, kind: ListKind, items: ArenaVec<'a, Value<'a>>) -> &'a Self {
        arena.alloc(Self { kind, items: RefCell::new(items) })
    }

    pub(super) fn len(&self) -> usize {
        self.items.borrow().len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        self.items.borrow().get(index).copied()
    }
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: Value<'a>,
    pub(super) value: Cell<Value<'a>>,
    pub(super) map: &'a Map<'a>,
}

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) list: &'a List<'a>,
    pub(super) next: Cell<usize>,
}

#[derive(Debug)]
pub(super) struct Loop<'a> {
    /// From 0.
    pub(super) index: Cell<i64>,
    pub(super) has_next: Cell<bool>,
    pub(super) parent: Option<&'a Loop<'a>>,
}

/// A LinkedHashMap: in the order in which keys came first.
#[derive(Debug)]
pub(super) struct Map<'a> {
    entries: RefCell<ArenaVec<'a, (Value<'a>, Value<'a>)>>,
    /// From a key's hash to the place in `entries` plus one, for maps too long to look through; empty
    /// for others, and after a removal.
    index: RefCell<ArenaVec<'a, u32>>,
    /// Set for the maps of overrides: their name, for the rule that each target is set once.
    pub(super) guard: Option<&'static str>,
}

/// Up to here a map is looked through.
const SCANNED_MAX: usize = 12;

impl<'a> Map<'a> {
    pub(super) fn new(arena: &'a Bump) -> &'a Self {
        Self::guarded(arena, None)
    }

    pub(super) fn guarded(arena: &'a Bump, guard: Option<&'static str>) -> &'a Self {
        arena.alloc(Self {
            entries: RefCell::new(ArenaVec::new_in(arena)),
            index: RefCell::new(ArenaVec::new_in(arena)),
            guard,
        })
    }

    /// From entries in which a key may come twice: the last value counts, at the first's place.
    pub(super) fn from_entries(
        arena: &'a Bump,
        hasher: &ahash::RandomState,
        entries: &[(&'a str, Value<'a>)],
    ) -> &'a Self {
        if entries.len() > SCANNED_MAX {
            let map = Self::new(arena);
            map.entries.borrow_mut().reserve_exact(entries.len());
            for (key, value) in entries {
                map.insert(hasher, Value::Text(key), *value);
            }
            return map;
        }
        let mut own = ArenaVec::with_capacity_in(entries.len(), arena);
        for (index, (key, value)) in entries.iter().enumerate() {
            let before = entries.get(..index).unwrap_or_default();
            if before.iter().any(|(it, _)| is_same(it, key)) {
                let first = own.iter_mut().find(|(it, _)| is_same_key(*it, Value::Text(key)));
                if let Some((_, place)) = first {
                    *place = *value;
                }
            } else {
                own.push((Value::Text(key), *value));
            }
        }
        arena.alloc(Self {
            entries: RefCell::new(own),
            index: RefCell::new(ArenaVec::new_in(arena)),
            guard: None,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(super) fn entry(&self, index: usize) -> Option<(Value<'a>, Value<'a>)> {
        self.entries.borrow().get(index).copied()
    }

    pub(super) fn get(&self, hasher: &ahash::RandomState, key: Value<'_>) -> Option<Value<'a>> {
        let place = self.find(hasher, key)?;
        self.entries.borrow().get(place).map(|(_, value)| *value)
    }

    pub(super) fn get_text(&self, hasher: &ahash::RandomState, key: &str) -> Option<Value<'a>> {
        let entries = self.entries.borrow();
        if entries.len() > SCANNED_MAX {
            drop(entries);
            return self.get(hasher, Value::Text(key));
        }
        let is = |it: &&(Value<'a>, Value<'a>)| matches!(it.0, Value::Text(known) if is_same(known, key));
        entries.iter().find(is).map(|(_, value)| *value)
    }

    /// Gives back what was there.
    pub(super) fn insert(
        &self,
        hasher: &ahash::RandomState,
        key: Value<'a>,
        value: Value<'a>,
    ) -> Option<Value<'a>> {
        if let Some(place) = self.find(hasher, key) {
            let mut entries = self.entries.borrow_mut();
            return entries.get_mut(place).map(|(_, old)| std::mem::replace(old, value));
        }
        let mut entries = self.entries.borrow_mut();
        entries.push((key, value));
        let mut index = self.index.borrow_mut();
        if !index.is_empty() {
            if entries.len() * 2 > index.len() {
                index.clear();
            } else {
                note(&mut index, hasher, key, entries.len());
            }
        }
        None
    }

    pub(super) fn remove(&self, hasher: &ahash::RandomState, key: Value<'_>) -> Option<Value<'a>> {
        let place = self.find(hasher, key)?;
        self.index.borrow_mut().clear();
        let mut entries = self.entries.borrow_mut();
        (place < entries.len()).then(|| entries.remove(place).1)
    }

    pub(super) fn clear(&self) {
        self.index.borrow_mut().clear();
        self.entries.borrow_mut().clear();
    }

    fn find(&self, hasher: &ahash::RandomState, key: Value<'_>) -> Option<usize> {
        let entries = self.entries.borrow();
        if entries.len() <= SCANNED_MAX {
            return entries.iter().position(|(it, _)| is_same_key(*it, key));
        }
        let mut index = self.index.borrow_mut();
        if index.is_empty() {
            // A quarter full at most: inserts keep it below a half before it is made anew.
            index.resize((entries.len() * 4).next_power_of_two(), 0);
            for (place, (key, _)) in entries.iter().enumerate() {
                note(&mut index, hasher, *key, place + 1);
            }
        }
        let mask = index.len() - 1;
        let mut slot = hash(hasher, key) & mask;
        loop {
            let place = *index.get(slot)? as usize;
            let (found, _) = entries.get(place.checked_sub(1)?)?;
            if is_same_key(*found, key) {
                return Some(place - 1);
            }
            slot = (slot + 1) & mask;
        }
    }
}

fn note(index: &mut [u32], hasher: &ahash::RandomState, key: Value<'_>, place: usize) {
    let mask = index.len() - 1;
    let mut slot = hash(hasher, key) & mask;
    while index.get(slot).is_some_and(|it| *it != 0) {
        slot = (slot + 1) & mask;
    }
    if let (Some(free), Ok(place)) = (index.get_mut(slot), u32::try_from(place)) {
        *free = place;
    }
}

fn hash(hasher: &ahash::RandomState, key: Value<'_>) -> usize {
    let hash = match key {
        Value::Text(text) | Value::Big(text) => hasher.hash_one(text),
        Value::Integer(number) => hasher.hash_one(number),
        Value::Double(number) => hasher.hash_one(number.to_bits()),
        Value::Boolean(flag) => hasher.hash_one(flag),
        // Nobody uses others for keys; they share a chain.
        _ => 0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    {
        hash as usize
    }
}

/// Whether two keys are the same. Members of one object are often of one length, and seldom of one first
/// letter: comparing that first spares the call.
fn is_same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.as_bytes().first() == right.as_bytes().first()
        && left == right
}

/// Keys are texts and, in literals, numbers. A list as a key is equal to itself only.
fn is_same_key(left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Null, Value::Null) => true,
        (Value::List(left), Value::List(right)) => std::ptr::addr_eq(left, right),
        (Value::Map(left), Value::Map(right)) => std::ptr::addr_eq(left, right),
        (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => false,
        (left, right) => is_equal_scalar(left, right),
    }
}

/// Java's `equals` where both are no collections.
pub(super) fn is_equal_scalar(left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Null, Value::Null)
        | (Value::Input, Value::Input)
        | (Value::Util, Value::Util)
        | (Value::StageVariables, Value::StageVariables)
        | (Value::Empty, Value::Empty) => true,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::Integer(left), Value::Integer(right)) => left == right,
        (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
        (Value::Text(left), Value::Text(right))
        | (Value::Big(left), Value::Big(right))
        | (Value::Decimal(left), Value::Decimal(right)) => left == right,
        (Value::Class(left), Value::Class(right)) => left == right,
        (Value::Block(left), Value::Block(right)) => left == right,
        (Value::Context(left), Value::Context(right)) => left == right,
        (Value::Loop(left), Value::Loop(right)) => std::ptr::eq(left, right),
        (Value::Entry(left), Value::Entry(right)) => std::ptr::addr_eq(left, right),
        (Value::Iterator(left), Value::Iterator(right)) => std::ptr::addr_eq(left, right),
        _ => false,
    }
}

/// The name of a value's class.
pub(super) fn class_of(value: Value<'_>) -> &'static str {
    match value {
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Integer(number) if i32::try_from(number).is_ok() => "java.lang.Integer",
        Value::Integer(_) => "java.lang.Long",
        Value::Big(_) => "java.math.BigInteger",
        Value::Double(_) => "java.lang.Double",
        Value::Decimal(_) => "java.math.BigDecimal",
        Value::Text(_) => "java.lang.String",
        Value::List(list) => match list.kind {
            ListKind::Json => "net.minidev.json.JSONArray",
            ListKind::Java => "java.util.ArrayList",
            ListKind::Array => "[Ljava.lang.String;",
        },
        Value::Map(_) => "java.util.LinkedHashMap",
        _ => "java.lang.Object",
    }
}
