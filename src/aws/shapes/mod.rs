//! The operations of AWS's three API Gateway services and some of Lambda's, and how a request becomes the input of one.
//!
//! The SDKs are generated from these operations' models, so what is in the models is the contract:
//! which URI is which operation, which member travels where and under what name, what is required,
//! which values there are. `tests/contract/shapes.py` writes them into the tables of this folder;
//! nothing here knows a single operation.
//!
//! A request goes [`Service::find`] (which operation?), [`Operation::input`] (one JSON object of all
//! members, checked). The checks stand in AWS's order: the body's JSON, its types, then all
//! constraints of the model together. What makes sense beyond the model is the operation's business.
//!
//! ```
//! use ringgate::aws::shapes;
//!
//! let matched = shapes::apigateway().find("PATCH", "/account", "").expect("it is in the model");
//! assert_eq!((matched.operation.name, matched.operation.success), ("UpdateAccount", 200));
//! let body = br#"{"patchOperations": [{"op": "remove", "path": "/features", "value": null}]}"#;
//! let input = matched.operation.input(&matched, "", |_| None, body).expect("it fits the model");
//! let expected = r#"{"patchOperations":[{"op":"remove","path":"/features"}]}"#;
//! assert_eq!(serde_json::Value::Object(input).to_string(), expected);
//! ```

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::Fault;

mod constraints;
mod decode;
mod query;
mod routes;
mod table;

pub use table::{Location, Member, Output, Shape};

use constraints::Refusals;
use routes::Routes;

/// The `apigateway` service, version 1: REST APIs.
pub fn apigateway() -> &'static Service {
    static SERVICE: LazyLock<Service> =
        LazyLock::new(|| table::read(include_str!("apigateway.json"), Refusals::Validation));
    &SERVICE
}

/// The `apigatewayv2` service: HTTP and WebSocket APIs.
pub fn apigatewayv2() -> &'static Service {
    static SERVICE: LazyLock<Service> =
        LazyLock::new(|| table::read(include_str!("apigatewayv2.json"), Refusals::BadRequest));
    &SERVICE
}

/// The `apigatewaymanagementapi` service: `@connections` of WebSocket APIs. Its paths begin after the
/// stage.
pub fn management_api() -> &'static Service {
    static SERVICE: LazyLock<Service> = LazyLock::new(|| {
        table::read(include_str!("apigatewaymanagementapi.json"), Refusals::BadRequest)
    });
    &SERVICE
}

/// The operations of the `lambda` service that ringgate has. Its members are named as in the model, with
/// a capital first letter.
pub fn lambda() -> &'static Service {
    static SERVICE: LazyLock<Service> =
        LazyLock::new(|| table::read(include_str!("lambda.json"), Refusals::Lambda));
    &SERVICE
}

/// All operations of one service.
#[derive(Debug)]
pub struct Service {
    /// AWS's name of it, e.g. `apigatewayv2`.
    pub name: &'static str,
    operations: Vec<Operation>,
    routes: Routes,
}

impl Service {
    /// By name.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this name, e.g. `PutIntegration`.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let found = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        self.operations.get(found)
    }

    /// The operation that answers a request, by its method, its path as received (still
    /// percent-encoded) and its query string (without `?`; only operations that share method and
    /// path are told apart by it). A slash at the end does not matter.
    pub fn find(&'static self, method: &str, path: &str, query: &str) -> Option<Match> {
        let (index, labels) = self.routes.find(method, path, query)?;
        Some(Match { operation: self.operations.get(index)?, labels })
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// AWS's name of it, e.g. `PutIntegration`.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The URI template. `{label}` is one segment, `{label+}` all that is left of the path; a query
    /// (`?mode=import`) is part of what the request must have.
    pub uri: &'static str,
    /// The status of a success.
    pub success: u16,
    members: Vec<Member>,
    output: Vec<Output>,
    refusals: Refusals,
}

impl Operation {
    /// What can be sent.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What is answered, as the names on the wire.
    pub fn output(&self) -> &[Output] {
        &self.output
    }

    /// All members of a request as one JSON object, by the model's names with a small first letter
    /// (Lambda's as they are), in the model's order. Absent and `null` members are left out, as are unknown ones.
    ///
    /// - `query`: as received, without `?`.
    /// - `header`: the value of the field of this name, whose case does not matter.
    /// - `body`: the caller bounds its size.
    ///
    /// Query parameters have the type of their shape. A body that is a document of its own (imports)
    /// is a string member; one that is bytes (`PostToConnection`) is no member, since JSON has no
    /// bytes and the caller has the body.
    pub fn input<'h>(
        &self,
        matched: &Match,
        query: &str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Map<String, Value>, Fault> {
        let input = decode::input(self, matched, query, &header, body)?;
        constraints::check(self, &input)?;
        Ok(input)
    }

    /// Refuses input that was not sent by a client but put together, where it breaks a constraint of
    /// the model. Types are the caller's business.
    ///
    /// # Errors
    /// As [`Operation::input`].
    pub fn check(&self, input: &Map<String, Value>) -> Result<(), Fault> {
        constraints::check(self, input)
    }
}

/// A request's operation, and what its path says.
#[derive(Debug, Clone)]
pub struct Match {
    /// What is asked for.
    pub operation: &'static Operation,
    /// In the order of the URI template.
    labels: Vec<(&'static str, String)>,
}

impl Match {
    /// The decoded values of all labels, from left to right.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|(_, value)| value.as_str())
    }

    /// The decoded value of a label, by its name in the URI template, e.g. `restapi_id`.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod lambda_tests;
#[cfg(test)]
mod tests;
