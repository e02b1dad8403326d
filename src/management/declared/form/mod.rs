//! The form's tables: which keys each noun has in TOML, which member of Amazon's each is, what it takes
//! and what its absence means.
//!
//! Reading, writing, comparing and the way to the operations' input all go by these tables, so a key
//! that is in them is in all of them. Names are Amazon's in `snake_case`, shortened where the table
//! around them says the rest. What Amazon names by identifiers (authorizers, validators, APIs) is named
//! by names here, and therefore translated by hand, beside the tables: such members have no wire name.

mod http;
mod rest;
mod shared;

pub(super) use http::*;
pub(super) use rest::*;
pub(super) use shared::*;

use serde_json::{Map, Value};

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Form {
    /// As messages name it.
    pub(super) header: &'static str,
    /// In the order in which they are written.
    pub(super) members: &'static [Member],
}

/// One key.
#[derive(Debug)]
pub(super) struct Member {
    /// In TOML.
    pub(super) name: &'static str,
    /// Amazon's name; empty where it is translated by hand.
    pub(super) wire: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A text that is written and compared only when asked for, and never shown.
    Secret,
    Whole,
    Number,
    Flag,
    Texts,
    /// Names to texts.
    TextMap,
    /// Names to flags.
    FlagMap,
    /// Names to names to texts.
    TextMaps,
    /// A table.
    Table(&'static Form),
    /// A text, or a table.
    TextOr(&'static Form),
    /// Names to tables.
    Named(&'static Form),
    /// Names to names to tables: paths to verbs.
    NamedTwice(&'static Form),
    /// An array of tables.
    List(&'static Form),
}

/// What the absence of a key means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    /// That there is none.
    Nothing,
    /// A mistake; with an example.
    Mistake(&'static str),
    False,
    True,
    Text(&'static str),
    Whole(i64),
    Number(f64),
}

const fn of(name: &'static str, wire: &'static str, kind: Kind) -> Member {
    Member { name, wire, kind, absent: Absent::Nothing }
}

const fn text(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Text)
}

const fn texts(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Texts)
}

const fn map(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::TextMap)
}

const fn flag(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Flag).or(Absent::False)
}

const fn whole(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Whole)
}

impl Member {
    const fn or(self, absent: Absent) -> Self {
        Self { name: self.name, wire: self.wire, kind: self.kind, absent }
    }

    const fn needed(self, example: &'static str) -> Self {
        self.or(Absent::Mistake(example))
    }
}

impl Form {
    /// The key of this name.
    pub(super) fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// A noun's members as they are written, from Amazon's form. Members without a wire name are left
    /// to the caller.
    pub(super) fn written(&self, wire: &Value) -> Map<String, Value> {
        let mut written = Map::new();
        for member in self.members {
            let Some(value) = wire.get(member.wire).filter(|_| !member.wire.is_empty()) else {
                continue;
            };
            if let Some(value) = member.written(value) {
                written.insert(member.name.to_owned(), value);
            }
        }
        written
    }

    /// Amazon's form of what is written. Members without a wire name are left to the caller.
    pub(super) fn wire(&self, written: &Map<String, Value>) -> Map<String, Value> {
        let mut wire = Map::new();
        for member in self.members.iter().filter(|member| !member.wire.is_empty()) {
            let Some(value) = written.get(member.name) else { continue };
            let value = match (member.kind, value) {
                (Kind::Table(form), Value::Object(inner)) => Value::Object(form.wire(inner)),
                _ => value.clone(),
            };
            wire.insert(member.wire.to_owned(), value);
        }
        wire
    }

    /// What is written, with keys left out whose values say what their absence says, in the order of
    /// the table: two forms that mean the same are the same.
    pub(super) fn plain(&self, written: &Map<String, Value>) -> Map<String, Value> {
        let mut plain = Map::new();
        for member in self.members {
            let Some(value) = written.get(member.name) else { continue };
            let each = |values: &Map<String, Value>, form: &Form| -> Map<String, Value> {
                let mut names: Vec<&String> = values.keys().collect();
                names.sort();
                let of = |name: &String| Some((name.clone(), form.plain_value(values.get(name)?)));
                names.into_iter().filter_map(of).collect()
            };
            let value = match (member.kind, value) {
                (Kind::Table(form) | Kind::TextOr(form), value) => form.plain_value(value),
                (Kind::Named(form), Value::Object(values)) => Value::Object(each(values, form)),
                (Kind::NamedTwice(form), Value::Object(outer)) => {
                    let mut names: Vec<&String> = outer.keys().collect();
                    names.sort();
                    let of = |name: &String| {
                        let values = outer.get(name)?.as_object()?;
                        Some((name.clone(), Value::Object(each(values, form))))
                    };
                    Value::Object(names.into_iter().filter_map(of).collect())
                }
                (Kind::List(form), Value::Array(values)) => {
                    values.iter().map(|value| form.plain_value(value)).collect()
                }
                _ => value.clone(),
            };
            if !member.is_absence(&value) {
                plain.insert(member.name.to_owned(), value);
            }
        }
        plain
    }

    fn plain_value(&self, value: &Value) -> Value {
        match value {
            Value::Object(inner) => Value::Object(self.plain(inner)),
            other => other.clone(),
        }
    }
}

impl Member {
    /// One value from Amazon's form; nothing, where it says what its absence says.
    fn written(&self, value: &Value) -> Option<Value> {
        let value = match (self.kind, value) {
            (_, Value::Null) => return None,
            (Kind::Table(form), value) => Value::Object(form.written(value)),
            (Kind::TextMap, Value::Object(map)) => {
                // TOML has no null: where Amazon shows one, an empty text was sent.
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                map.iter().map(|(name, value)| (name.clone(), Value::from(text(value)))).collect()
            }
            (_, value) => value.clone(),
        };
        (!self.is_absence(&value)).then_some(value)
    }

    /// Whether a value says what its absence says.
    fn is_absence(&self, value: &Value) -> bool {
        match (self.absent, value) {
            (Absent::False, Value::Bool(is)) => !is,
            (Absent::True, Value::Bool(is)) => *is,
            (Absent::Text(default), Value::String(text)) => text == default,
            (Absent::Whole(default), Value::Number(number)) => number.as_i64() == Some(default),
            (Absent::Number(default), Value::Number(number)) => number.as_f64() == Some(default),
            (_, Value::Array(list)) => list.is_empty(),
            (_, Value::Object(map)) => map.is_empty(),
            _ => false,
        }
    }
}

/// A whole file.
pub(super) static FILE: Form = Form {
    header: "the file",
    members: &[
        text("region", ""),
        of("account", "", Kind::Table(&ACCOUNT)),
        of("client_certificate", "", Kind::List(&CLIENT_CERTIFICATE)),
        of("vpc_link", "", Kind::List(&VPC_LINK)),
        of("http_vpc_link", "", Kind::List(&HTTP_VPC_LINK)),
        of("rest_api", "", Kind::List(&REST_API)),
        of("http_api", "", Kind::List(&HTTP_API)),
        of("websocket_api", "", Kind::List(&WEBSOCKET_API)),
        of("api_key", "", Kind::List(&API_KEY)),
        of("usage_plan", "", Kind::List(&USAGE_PLAN)),
        of("domain_name", "", Kind::List(&DOMAIN_NAME)),
    ],
};

impl Absent {
    /// What absence says, as a value.
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Absent::Nothing | Absent::Mistake(_) => None,
            Absent::False => Some(Value::Bool(false)),
            Absent::True => Some(Value::Bool(true)),
            Absent::Text(text) => Some(Value::from(text)),
            Absent::Whole(whole) => Some(Value::from(whole)),
            Absent::Number(number) => Some(Value::from(number)),
        }
    }
}
