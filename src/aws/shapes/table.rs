//! The tables as written by `tests/contract/shapes.py`, and as used: shapes refer to each other by
//! name there and by pointer here.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use fancy_regex::Regex;
use serde::Deserialize;

use super::constraints::Refusals;
use super::routes::Routes;
use super::{Operation, Service};

/// A member of an operation's input or of a structure.
#[derive(Debug)]
pub struct Member {
    /// The model's name with a small first letter (Lambda's as it is): the key in what
    /// [`Operation::input`] returns.
    pub name: &'static str,
    /// Its name where it travels.
    pub wire: &'static str,
    /// Where it travels.
    pub location: Location,
    /// Whether a request without it is refused.
    pub required: bool,
    /// What it must look like.
    pub shape: Arc<Shape>,
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the JSON body.
    Body,
    /// A label of the URI template.
    Label,
    /// A query parameter; a list is a repeated one.
    Query,
    /// A query parameter that holds a list, its elements set apart by commas.
    SplitQuery,
    /// A map of all query parameters that are no other member's.
    AllQuery,
    /// A header field.
    Header,
    /// The body is this member, a text.
    Document,
    /// The body is this member, bytes.
    Bytes,
}

/// What a value must look like.
#[derive(Debug)]
pub enum Shape {
    /// Text.
    Text(Text),
    /// A whole number of 32 bits (`Integer`) or 64 (`Long`).
    Integer {
        /// How Java calls it.
        java: &'static str,
        /// The smallest value.
        min: Option<i64>,
        /// The greatest value.
        max: Option<i64>,
    },
    /// A number.
    Double,
    /// `true` or `false`.
    Boolean,
    /// A point in time: ISO 8601 in what we hand on, seconds since 1970 or ISO 8601 on the wire.
    Timestamp,
    /// The bytes of a body. No model has any inside of JSON.
    Blob,
    /// A list of elements of one shape.
    List(Arc<Shape>),
    /// A map from texts to values of one shape.
    Map(Arc<Shape>),
    /// Named members.
    Structure(Vec<Member>),
}

/// What a text must look like.
#[derive(Debug, Default)]
pub struct Text {
    /// All values there are, in the order in which AWS prints them; empty: any.
    pub values: Vec<&'static str>,
    /// A pattern that must match the whole text.
    pub pattern: Option<Pattern>,
    /// The least length, in UTF-16 units as Java counts.
    pub min: Option<usize>,
    /// The greatest length, likewise.
    pub max: Option<usize>,
}

/// A regular expression, compiled when it is first needed.
#[derive(Debug)]
pub struct Pattern {
    /// As the model has it, and as messages quote it.
    pub source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Whether it matches all of a text. One that cannot be compiled matches all texts; a test sees
    /// to it that all can.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled().is_none_or(|regex| regex.is_match(text).unwrap_or(true))
    }

    pub(super) fn compiled(&self) -> Option<&Regex> {
        // The models' patterns are Java's, whose classes are ASCII. Some of Lambda's look ahead, which
        // only this crate can; those that do not it hands to `regex`.
        let compile = || {
            let ascii = self.source.replace(r"\d", "[0-9]").replace(r"\s", r"[ \t\n\x0B\f\r]");
            let anchored = format!("^(?:{ascii})$");
            Regex::new(&anchored).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// A member of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its type in the model: `string`, `list`, `structure`, ...
    pub kind: &'static str,
    /// Whether it is a member of the JSON body; else it is a header field or the body itself.
    pub is_in_body: bool,
}

/// Reads a table of this folder.
///
/// # Panics
///
/// When the table is not well-formed. It is a part of the program, and the tests read each one.
pub(super) fn read(text: &'static str, refusals: Refusals) -> Service {
    let rows: TableRow<'static> =
        serde_json::from_str(text).expect("a table of this folder is well-formed");
    let mut shapes = Shapes { rows: rows.shapes, made: HashMap::new() };
    let mut operations: Vec<Operation> = rows
        .operations
        .into_iter()
        .map(|(name, row)| Operation {
            name,
            method: row.method,
            uri: row.uri,
            success: row.success,
            members: row.input.iter().map(|member| shapes.member(member)).collect(),
            output: row.output.iter().map(OutputRow::read).collect(),
            refusals,
        })
        .collect();
    operations.sort_unstable_by_key(|operation| operation.name);
    let routes = Routes::new(operations.iter().map(|it| (it.method, it.uri)));
    Service { name: rows.service, operations, routes }
}

struct Shapes {
    rows: HashMap<&'static str, ShapeRow<'static>>,
    made: HashMap<&'static str, Arc<Shape>>,
}

impl Shapes {
    /// Ends, because the tables have no shape that contains itself: their script refuses it.
    fn shape(&mut self, name: &'static str) -> Arc<Shape> {
        if let Some(shape) = self.made.get(name) {
            return Arc::clone(shape);
        }
        let row = self.rows.remove(name).unwrap_or_else(|| ShapeRow::plain(name));
        let shape = Arc::new(match row.kind {
            "structure" => {
                Shape::Structure(row.members.iter().map(|member| self.member(member)).collect())
            }
            "list" => Shape::List(self.shape(row.member)),
            "map" => Shape::Map(self.shape(row.value)),
            "integer" => Shape::Integer { java: "Integer", min: row.min, max: row.max },
            "long" => Shape::Integer { java: "Long", min: row.min, max: row.max },
            "double" | "float" => Shape::Double,
            "boolean" => Shape::Boolean,
            "timestamp" => Shape::Timestamp,
            "blob" => Shape::Blob,
            _ => Shape::Text(Text {
                values: row.values,
                pattern: row.pattern.map(|source| Pattern { source, compiled: OnceLock::new() }),
                min: row.min.and_then(|min| usize::try_from(min).ok()),
                max: row.max.and_then(|max| usize::try_from(max).ok()),
            }),
        });
        self.made.insert(name, Arc::clone(&shape));
        shape
    }

    fn member(&mut self, row: &MemberRow<'static>) -> Member {
        let location = match row.place {
            "uri" => Location::Label,
            "querystring" if row.spread => Location::AllQuery,
            "querystring" if row.split => Location::SplitQuery,
            "querystring" => Location::Query,
            "header" => Location::Header,
            "payload" if row.text => Location::Document,
            "payload" => Location::Bytes,
            _ => Location::Body,
        };
        Member {
            name: row.name,
            wire: if row.wire.is_empty() { row.name } else { row.wire },
            location,
            required: row.required,
            shape: self.shape(row.shape),
        }
    }
}

#[derive(Deserialize)]
struct TableRow<'a> {
    service: &'a str,
    #[serde(borrow)]
    operations: HashMap<&'a str, OperationRow<'a>>,
    #[serde(borrow)]
    shapes: HashMap<&'a str, ShapeRow<'a>>,
}

#[derive(Deserialize)]
struct OperationRow<'a> {
    method: &'a str,
    uri: &'a str,
    success: u16,
    #[serde(borrow)]
    input: Vec<MemberRow<'a>>,
    #[serde(borrow)]
    output: Vec<OutputRow<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MemberRow<'a> {
    name: &'a str,
    #[serde(rename = "in")]
    place: &'a str,
    wire: &'a str,
    shape: &'a str,
    required: bool,
    spread: bool,
    split: bool,
    text: bool,
}

#[derive(Deserialize)]
struct OutputRow<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "in", default)]
    place: &'a str,
}

impl OutputRow<'static> {
    fn read(&self) -> Output {
        Output { name: self.name, kind: self.kind, is_in_body: self.place.is_empty() }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ShapeRow<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    members: Vec<MemberRow<'a>>,
    member: &'a str,
    value: &'a str,
    #[serde(rename = "enum", borrow)]
    values: Vec<&'a str>,
    // Patterns have backslashes, which JSON escapes, so they cannot be borrowed.
    pattern: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
}

impl ShapeRow<'static> {
    /// A scalar without constraints: the table names its type instead of a shape.
    fn plain(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }
}
