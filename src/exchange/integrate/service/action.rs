//! What an action of an HTTP API asks a service for: JSON made of the integration's parameters.

use super::mapping::joined;
use crate::exchange::{Exchange, Refusal};
use crate::snapshot::service::{Action, Form, Parameter};
use serde_json::{Map, Value, json};

/// The content of an action's request.
///
/// # Errors
/// A parameter that it needs has no value, or one has a value that is not of its form.
pub fn content(exchange: &Exchange<'_>, action: &Action) -> Result<Vec<u8>, Refusal> {
    for source in &action.required_elsewhere {
        joined(exchange, source)?.ok_or(Refusal::BadRequest(400))?;
    }
    if action.parameters.is_empty() {
        return Ok(Vec::new());
    }
    let mut members = Map::with_capacity(action.parameters.len());
    for Parameter { name, form, source, is_required } in &action.parameters {
        match joined(exchange, source)? {
            Some(text) => {
                let text = String::from_utf8_lossy(&text);
                let value = value(&text, *form).ok_or(Refusal::BadRequest(400))?;
                members.insert(name.to_string(), value);
            }
            None if *is_required => return Err(Refusal::BadRequest(400)),
            None => {}
        }
    }
    let whole = match action.entry_of {
        Some(list) => json!({ list: [members] }),
        None => Value::Object(members),
    };
    serde_json::to_vec(&whole).map_err(|_| Refusal::Internal)
}

/// A parameter's text as its form; `None`: it is not of that form.
fn value(text: &str, form: Form) -> Option<Value> {
    Some(match form {
        Form::Text => text.into(),
        Form::Number => text.trim().parse::<i64>().ok()?.into(),
        Form::Json => match text.trim_start().starts_with(['[', '{']) {
            true => serde_json::from_str(text).ok()?,
            false => text.split(',').map(str::trim).collect(),
        },
        Form::Moment => match text.trim().parse::<f64>() {
            Ok(seconds) => serde_json::Number::from_f64(seconds)?.into(),
            Err(_) => text.trim().parse::<jiff::Timestamp>().ok()?.as_second().into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_made_into_their_forms() {
        for (text, form, expected) in [
            ("5", Form::Text, Some(json!("5"))),
            (" 5 ", Form::Number, Some(json!(5))),
            ("-1", Form::Number, Some(json!(-1))),
            ("5.5", Form::Number, None),
            ("five", Form::Number, None),
            ("[\"a\", \"b\"]", Form::Json, Some(json!(["a", "b"]))),
            (
                "{\"a\":{\"DataType\":\"String\"}}",
                Form::Json,
                Some(json!({"a": {"DataType": "String"}})),
            ),
            ("All", Form::Json, Some(json!(["All"]))),
            ("a, b", Form::Json, Some(json!(["a", "b"]))),
            ("{\"a\":", Form::Json, None),
            ("1700000000", Form::Moment, Some(json!(1_700_000_000.0))),
            ("2023-11-14T22:13:20Z", Form::Moment, Some(json!(1_700_000_000))),
            ("yesterday", Form::Moment, None),
            ("NaN", Form::Moment, None),
        ] {
            assert_eq!(value(text, form), expected, "{text}");
        }
    }
}
