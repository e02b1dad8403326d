//! One call of an operation: its input, and what it may read and change.

use super::Settings;
use crate::aws::Fault;
use crate::aws::id::IdSource;
use crate::resources::{Draft, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One call of an operation.
#[derive(Debug)]
pub struct Call<'c> {
    /// The resources, with this call's changes.
    pub draft: Draft<'c>,
    /// The members of the operation's input, whether they came in the path, the query or the body;
    /// named as in the service's model with the first letter in lower case. Types, required members,
    /// enumerations, patterns and lengths have been checked.
    pub input: Map<String, Value>,
    /// When the call came in.
    pub now: Timestamp,
    /// New identifiers.
    pub ids: &'c mut IdSource,
    /// Account and names.
    pub settings: &'c Settings,
}

impl Call<'_> {
    /// The whole input as a typed struct.
    ///
    /// # Errors
    /// The input is not what the struct says: a member that the model leaves open has another type.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_value(Value::Object(self.input.clone()))
            .map_err(|_| Fault::bad_request("Invalid request input"))
    }

    /// A text member; empty when absent, which a path parameter never is.
    pub fn text(&self, member: &str) -> &str {
        self.input.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text member that may be absent.
    pub fn text_of(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// A boolean member; false when absent.
    pub fn is_set(&self, member: &str) -> bool {
        self.input.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    /// 404: there is no such API.
    pub fn unknown_api(&self, id: &str) -> Fault {
        let account = &self.settings.account_id;
        Fault::not_found(format!("Invalid API identifier specified {account}:{id}"))
    }

    /// The region of the call.
    pub fn region(&self) -> &str {
        self.draft.region()
    }
}
