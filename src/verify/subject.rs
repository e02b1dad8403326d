//! Subject: what is declared around a template.

use serde_json::Value;
use std::collections::BTreeMap;

/// What is declared around a template.
#[derive(Debug, Default)]
pub struct Subject<'s> {
    /// What the content must be.
    pub promise: Promise,
    /// The schema of the body that it reads, with `$ref`s to other models left in.
    pub body: Option<&'s Value>,
    /// The API's models by name, for `$ref`s.
    pub models: Option<&'s BTreeMap<String, Value>>,
    /// Path parameters of the resource.
    pub path: Vec<String>,
    /// Declared parameters of the query string, and whether they are required.
    pub querystring: Vec<(String, bool)>,
    /// Declared headers, and whether they are required.
    pub header: Vec<(String, bool)>,
    /// The stage's variables; `None`: there is no stage yet.
    pub stage_variables: Option<Vec<&'s str>>,
    /// Whether the method has an authorizer.
    pub has_authorizer: bool,
    /// Whether it runs behind the integration: it then sees what the request template set.
    pub is_response: bool,
}

/// What a template's output must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promise {
    /// Anything.
    #[default]
    Nothing,
    /// JSON, or no content at all.
    Json,
    /// A MOCK integration's status.
    Status,
}
