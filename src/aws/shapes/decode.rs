//! A request's parts as one JSON object of typed members.
//!
//! Types are checked here, in the words of the framework that AWS's services are written in: its
//! messages name Java's classes. Which values a member may have is `constraints`' question.

use serde_json::{Map, Number, Value};

use super::constraints::Refusals;
use super::table::{Location, Member, Shape};
use super::{Match, Operation, query};
use crate::aws::Fault;

/// Why a value is refused; the text of a `SerializationException`.
type Wrong = String;

/// How AWS's framework calls a JSON number.
const NUMBER: &str = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";

const LIST_NOT_EXPECTED: &str = "Start of list found where not expected";
const MAP_NOT_EXPECTED: &str = "Start of structure or map found where not expected.";

/// All members of all places. Those of the body are first checked, those of the path never fail.
pub(super) fn input<'h>(
    operation: &Operation,
    matched: &Match,
    query: &str,
    header: &dyn Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Map<String, Value>, Fault> {
    let mut sent = body_members(operation, body)?;
    let mut input = Map::with_capacity(operation.members().len());
    for member in operation.members() {
        let value = match member.location {
            Location::Body => match sent.remove(member.wire) {
                Some(value) => typed(&member.shape, value).map_err(Fault::serialization)?,
                None => None,
            },
            Location::Label => matched.label(member.wire).map(Value::from),
            Location::Header => header(member.wire).map(Value::from),
            Location::Query | Location::SplitQuery | Location::AllQuery => {
                query_member(operation, member, query)
            }
            // An empty document is the importer's to refuse, who knows what it should be.
            Location::Document => match std::str::from_utf8(body) {
                Ok(text) => Some(Value::from(text)),
                Err(_) => return Err(Fault::bad_request("Invalid request input")),
            },
            Location::Bytes => None,
        };
        if let Some(value) = value {
            input.insert(member.name.to_owned(), value);
        }
    }
    Ok(input)
}

/// The members of the body's JSON object. An operation without members there takes any body.
fn body_members(operation: &Operation, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let has_members = operation.members().iter().any(|it| it.location == Location::Body);
    if !has_members || body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Array(_)) => Err(Fault::serialization(LIST_NOT_EXPECTED)),
        Ok(_) => Err(Fault::serialization("Expected null")),
        // AWS's answer has no message but the generic one; ours says what is wrong with the JSON.
        Err(error) => Err(match operation.refusals {
            Refusals::Validation => {
                Fault::serialization(format!("Invalid request input: the body is no JSON: {error}"))
            }
            Refusals::BadRequest => {
                Fault::bad_request(format!("Invalid request input: the body is no JSON: {error}"))
            }
            Refusals::Lambda => {
                let text = format!("Could not parse request body into json: {error}");
                Fault::new(400, "InvalidRequestContentException", text)
            }
        }),
    }
}

/// A value of the body as its shape has it; `None` for `null`, which is the same as nothing.
fn typed(shape: &Shape, value: Value) -> Result<Option<Value>, Wrong> {
    if value.is_null() {
        return Ok(None);
    }
    let value = match shape {
        Shape::Text(_) | Shape::Blob => match value {
            Value::String(_) => value,
            other => return Err(not_a(&other, "String")),
        },
        Shape::Integer { java, .. } => match &value {
            // As AWS does: a fraction is cut off, what is too large becomes the largest.
            Value::Number(number) => Value::from(whole(number, java)),
            other => return Err(not_a(other, java)),
        },
        Shape::Double => match &value {
            Value::Number(number) => match number.as_f64().and_then(Number::from_f64) {
                Some(number) => Value::Number(number),
                None => return Err(not_a(&value, "Double")),
            },
            other => return Err(not_a(other, "Double")),
        },
        Shape::Boolean => match value {
            Value::Bool(_) => value,
            Value::String(text) => match text.to_ascii_uppercase().as_str() {
                "TRUE" | "1" | "YES" => Value::Bool(true),
                "FALSE" | "0" | "NO" => Value::Bool(false),
                other => return Err(format!("'{other}' can not be converted to an Boolean")),
            },
            other => return Err(not_a(&other, "Boolean")),
        },
        Shape::Timestamp => Value::String(time(&value)?),
        Shape::List(element) => match value {
            Value::Array(elements) => {
                let mut typed_elements = Vec::with_capacity(elements.len());
                for value in elements {
                    typed_elements.extend(typed(element, value)?);
                }
                Value::Array(typed_elements)
            }
            Value::Object(_) => return Err(MAP_NOT_EXPECTED.to_owned()),
            _ => return Err("Expected list or null".to_owned()),
        },
        Shape::Map(shape) => match value {
            Value::Object(entries) => {
                let mut typed_entries = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = typed(shape, value)? {
                        typed_entries.insert(key, value);
                    }
                }
                Value::Object(typed_entries)
            }
            Value::Array(_) => return Err(LIST_NOT_EXPECTED.to_owned()),
            _ => return Err("Expected map or null".to_owned()),
        },
        Shape::Structure(members) => match value {
            Value::Object(mut sent) => {
                let mut structure = Map::with_capacity(sent.len());
                // In the model's order, as AWS does: it decides which wrong type is told of.
                for member in members {
                    let value = sent.remove(member.wire).map(|it| typed(&member.shape, it));
                    if let Some(value) = value.transpose()?.flatten() {
                        structure.insert(member.name.to_owned(), value);
                    }
                }
                Value::Object(structure)
            }
            Value::Array(_) => return Err(LIST_NOT_EXPECTED.to_owned()),
            _ => return Err("Expected null".to_owned()),
        },
    };
    Ok(Some(value))
}

/// Says that a value is none of a Java class. "an String" is how AWS says it.
fn not_a(value: &Value, java: &str) -> Wrong {
    let class = match value {
        Value::Array(_) => return LIST_NOT_EXPECTED.to_owned(),
        Value::Object(_) => return MAP_NOT_EXPECTED.to_owned(),
        Value::Null | Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => NUMBER,
        Value::String(_) => "java.lang.String",
    };
    format!("class {class} can not be converted to an {java}")
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float is cut to the nearest i64, as in Java"
)]
fn whole(number: &Number, java: &str) -> i64 {
    let value = number.as_i64().unwrap_or_else(|| number.as_f64().unwrap_or(0.0) as i64);
    if java == "Integer" { value.clamp(i32::MIN.into(), i32::MAX.into()) } else { value }
}

/// A point in time as ISO 8601 in UTC, without a fraction unless one was sent.
fn time(value: &Value) -> Result<String, Wrong> {
    let wrong =
        |class: &str| format!("class {class} can not be converted to milliseconds since epoch");
    match value {
        Value::Number(number) => {
            let seconds = number.as_f64().unwrap_or(f64::NAN);
            let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok();
            let time = duration.and_then(|it| jiff::Timestamp::from_duration(it).ok());
            time.map(|time| time.to_string()).ok_or_else(|| wrong(NUMBER))
        }
        Value::String(text) => {
            let time = text.parse::<jiff::Timestamp>();
            time.map(|time| time.to_string()).map_err(|_| wrong("java.lang.String"))
        }
        Value::Null | Value::Bool(_) => Err(wrong("java.lang.Boolean")),
        Value::Array(_) => Err(LIST_NOT_EXPECTED.to_owned()),
        Value::Object(_) => Err(MAP_NOT_EXPECTED.to_owned()),
    }
}

/// A member of the query string as its shape has it; `None` where it is not sent, or is a number
/// that is none: AWS answers lists with a senseless `limit` as if there were no such parameter.
fn query_member(operation: &Operation, member: &Member, query: &str) -> Option<Value> {
    let values =
        || query::parameters(query).filter(|(name, _)| name == member.wire).map(|(_, value)| value);
    match (member.location, &*member.shape) {
        (Location::AllQuery, _) => {
            let is_own = |name: &str| {
                let named = |it: &Member| {
                    matches!(it.location, Location::Query | Location::SplitQuery) && it.wire == name
                };
                operation.members().iter().any(named) || in_template(operation, name)
            };
            let others = query::parameters(query).filter(|(name, _)| !is_own(name));
            let others: Map<_, _> = others
                .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
                .collect();
            (!others.is_empty()).then_some(Value::Object(others))
        }
        (Location::SplitQuery, _) => {
            let mut parts = Vec::new();
            for value in values() {
                let kept = value.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.extend(kept.map(Value::from));
            }
            (!parts.is_empty()).then_some(Value::Array(parts))
        }
        (_, Shape::List(_)) => {
            let elements: Vec<_> = values().map(|value| Value::from(value.into_owned())).collect();
            (!elements.is_empty()).then_some(Value::Array(elements))
        }
        // As Java reads a boolean, and as AWS reads those in patches: what is not `true` is false.
        (_, Shape::Boolean) => {
            values().next().map(|value| Value::Bool(value.eq_ignore_ascii_case("true")))
        }
        (_, Shape::Integer { java, .. }) => {
            let number = values().next()?.parse::<i64>().ok()?;
            Some(Value::from(whole(&Number::from(number), java)))
        }
        (_, Shape::Double) => Number::from_f64(values().next()?.parse().ok()?).map(Value::Number),
        (
            _,
            Shape::Text(_) | Shape::Timestamp | Shape::Blob | Shape::Map(_) | Shape::Structure(_),
        ) => values().next().map(|value| Value::from(value.into_owned())),
    }
}

/// Whether a query parameter is part of the operation's URI template.
fn in_template(operation: &Operation, name: &str) -> bool {
    let template = operation.uri.split_once('?').map_or("", |(_, query)| query);
    query::parameters(template).any(|(known, _)| known == name)
}
