//! For tests: a REST API to try operations on.

use super::super::fixture::Fixture;
use crate::aws::Fault;
use serde_json::{Value, json};

/// A REST API with its root, and the members that name them.
pub(super) struct Sample {
    pub(super) fixture: Fixture,
    pub(super) api: String,
    pub(super) root: String,
}

impl Sample {
    /// An API with nothing but its root.
    pub(super) fn new() -> Self {
        let mut fixture = Fixture::new();
        let api = fixture.v1("CreateRestApi", json!({"name": "pets"})).unwrap();
        let text = |member: &str| api[member].as_str().unwrap().to_owned();
        Self { api: text("id"), root: text("rootResourceId"), fixture }
    }

    /// As [`Sample::new`], with a method `GET` of the root.
    pub(super) fn with_method(members: Value) -> Self {
        let mut sample = Self::new();
        sample.at_root("PutMethod", merged(json!({"authorizationType": "NONE"}), members)).unwrap();
        sample
    }

    /// As [`Sample::with_method`], with a mock behind it.
    pub(super) fn with_mock() -> Self {
        let mut sample = Self::with_method(json!({}));
        sample.at_root("PutIntegration", json!({"type": "MOCK"})).unwrap();
        sample
    }

    /// Calls an operation on the API.
    pub(super) fn call(&mut self, name: &str, members: Value) -> Result<Value, Fault> {
        self.fixture.v1(name, merged(json!({"restApiId": self.api}), members))
    }

    /// Calls an operation on the method `GET` of the root; `members` may name another.
    pub(super) fn at_root(&mut self, name: &str, members: Value) -> Result<Value, Fault> {
        let root = json!({"resourceId": self.root, "httpMethod": "GET"});
        self.call(name, merged(root, members))
    }

    /// Adds a resource and returns its id.
    pub(super) fn resource(&mut self, parent: &str, part: &str) -> String {
        let input = json!({"parentId": parent, "pathPart": part});
        let resource = self.call("CreateResource", input).unwrap();
        resource["id"].as_str().unwrap().to_owned()
    }
}

/// `more` laid over `members`.
pub(super) fn merged(mut members: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("members are an object") };
    members.as_object_mut().unwrap().extend(more);
    members
}

/// `patchOperations` of `(op, path, value)`.
pub(super) fn patch(operations: &[(&str, &str, Option<&str>)]) -> Value {
    let operations = operations.iter().map(|(op, path, value)| {
        let mut operation = json!({"op": op, "path": path});
        if let Some(value) = value {
            operation["value"] = json!(value);
        }
        operation
    });
    json!({"patchOperations": operations.collect::<Vec<_>>()})
}

/// Status and text of a refusal.
pub(super) fn refusal(result: Result<Value, Fault>) -> (u16, String) {
    let fault = result.expect_err("a refusal");
    (fault.status, fault.message)
}
