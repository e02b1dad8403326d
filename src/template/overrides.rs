//! Overrides: what a template assigned to `$context.requestOverride` and `$context.responseOverride`.

use serde_json::{Map, Value};

/// What a template assigned below `$context.requestOverride` and `$context.responseOverride`, as it
/// stands at the end of the rendering, with what an earlier template left there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `requestOverride`: `header`, `path` and `querystring`, each a map, once a template has set one.
    pub request: Map<String, Value>,
    /// `responseOverride`: `header`, `status`, and whatever else a template handed over in it.
    pub response: Map<String, Value>,
}

impl Overrides {
    /// Whether no template set anything.
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }

    /// `requestOverride.header.*`: name and values, one for each time that the header is to be sent.
    pub fn request_headers(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        entries(&self.request, "header")
    }

    /// `requestOverride.querystring.*`.
    pub fn querystring(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        entries(&self.request, "querystring")
    }

    /// `requestOverride.path.*`.
    pub fn path(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        entries(&self.request, "path")
    }

    /// `responseOverride.header.*`.
    pub fn response_headers(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        entries(&self.response, "header")
    }

    /// `responseOverride.status`, where it is a whole number from 100 to 599 or the text of one; any
    /// other value is ignored, as API Gateway does.
    pub fn status(&self) -> Option<u16> {
        let status = match self.response.get("status")? {
            Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        (100..=599).contains(&status).then_some(status)
    }
}

fn entries<'a>(
    overrides: &'a Map<String, Value>,
    kind: &str,
) -> impl Iterator<Item = (&'a str, Vec<String>)> {
    let map = overrides.get(kind).and_then(Value::as_object);
    map.into_iter().flatten().map(|(name, value)| {
        let values = match value {
            Value::Array(list) => list.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        };
        (name.as_str(), values)
    })
}

/// What is sent for a value; null sends nothing.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
