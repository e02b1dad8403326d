//! An authorizer of an API as it runs: its rules, and the function that it asks.
//!
//! A route names its authorizer in its program ([`super::Phase::Authorize`]) by its position in
//! [`super::Api::authorizers`], so that the routes of an API share one compiled expression.

use super::LambdaAuthorizer;
use super::compile::fnv1a;
use std::time::Duration;

/// How long a REST API waits for its authorizer: as for an integration.
pub const REST_AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(29);

/// How long an HTTP API waits for its authorizer: Amazon's number.
pub const HTTP_AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);

/// Position of an authorizer in [`super::Api::authorizers`]. Valid only for the API it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthorizerIndex(pub u32);

/// An authorizer and whom it asks.
#[derive(Debug, Clone)]
pub struct Authorizer {
    /// What it looks at, and for how long it remembers.
    pub rules: LambdaAuthorizer,
    /// The ARN of the [`super::Function`] that decides. Looked up when it is asked.
    pub function: Box<str>,
    /// Whether the function must permit it: not where the file says so, and not where a role is named in
    /// whose name it is invoked.
    pub needs_permission: bool,
    /// How long it is waited for.
    pub timeout: Duration,
    /// The API's region.
    pub region: Box<str>,
    /// The account: twelve digits.
    pub account_id: Box<str>,
    /// Changes with everything that a verdict depends on besides the caller. What was remembered under
    /// another one is not found, so a verdict outlives a deployment, as on Amazon, and never the
    /// authorizer that gave it.
    pub version: u64,
}

impl Authorizer {
    /// Puts the parts together. A role's name is a part only in that the function need not permit it.
    pub fn new(
        rules: LambdaAuthorizer,
        function: &str,
        needs_permission: bool,
        timeout: Duration,
        place: (&str, &str),
    ) -> Self {
        let LambdaAuthorizer { id, kind, sources, expression, ttl } = &rules;
        let pattern = expression.as_ref().map(super::Expression::source);
        let text = format!("{id} {kind:?} {sources:?} {pattern:?} {ttl:?} {function}");
        Self {
            version: fnv1a(text.as_bytes()),
            rules,
            function: function.into(),
            needs_permission,
            timeout,
            region: place.0.into(),
            account_id: place.1.into(),
        }
    }

    /// Begins anew with what is remembered: verdicts from before `since` changed are not found any more.
    pub fn forget_before(&mut self, since: &str) {
        self.version = fnv1a(format!("{} {since}", self.version).as_bytes());
    }

    /// The ARN in whose name its function is invoked.
    pub fn arn(&self, api_id: &str) -> String {
        let Self { region, account_id, rules, .. } = self;
        format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/authorizers/{}", rules.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{AuthorizerKind, DeclaredAuthorizer};

    fn authorizer(ttl_seconds: i64, expression: Option<&str>, function: &str) -> Authorizer {
        let declared = DeclaredAuthorizer {
            id: "abc123",
            kind: AuthorizerKind::Token,
            sources: &["method.request.header.Authorization"],
            expression,
            ttl_seconds: Some(ttl_seconds),
        };
        let rules = LambdaAuthorizer::compile(&declared).unwrap();
        let place = ("eu-west-1", "123456789012");
        Authorizer::new(rules, function, true, REST_AUTHORIZER_TIMEOUT, place)
    }

    #[test]
    fn verdicts_of_another_authorizer_are_not_found() {
        let first = authorizer(300, None, "f").version;
        assert_eq!(first, authorizer(300, None, "f").version);
        for other in [authorizer(301, None, "f"), authorizer(300, Some("a"), "f")] {
            assert_ne!(first, other.version);
        }
        assert_ne!(first, authorizer(300, None, "f:2").version);
        let mut flushed = authorizer(300, None, "f");
        flushed.forget_before("a flush");
        assert_ne!(first, flushed.version);
    }

    #[test]
    fn a_function_is_invoked_in_the_authorizers_name() {
        assert_eq!(
            authorizer(0, None, "f").arn("api0000000"),
            "arn:aws:execute-api:eu-west-1:123456789012:api0000000/authorizers/abc123"
        );
    }
}
