//! What let a request pass: kept with it, because what runs behind `authorize` may tell of it.

use super::lambda::Verdict;
use crate::exchange::event::Authorized;
use crate::telemetry::ids::Uuid;
use std::rc::Rc;
use std::time::Duration;

/// A verdict that let a request pass.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The verdict. Many requests share one that is remembered.
    pub verdict: Rc<Verdict>,
    /// How long its function took; zero where it was remembered.
    pub latency: Duration,
    /// The invocation of its function; `None` where it was remembered.
    pub request_id: Option<Uuid>,
}

/// What came of asking an authorizer that let a request not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizerOutcome {
    /// How long its function took; zero where nobody was asked.
    pub latency: Duration,
    /// The invocation of its function.
    pub request_id: Option<Uuid>,
    /// Whether that was answered.
    pub is_answered: bool,
}

impl Granted {
    /// As events, templates and logs tell of it.
    pub fn tell(&self) -> Authorized<'_> {
        let Verdict { principal_id, context, usage_identifier_key, .. } = &*self.verdict;
        Authorized::Lambda {
            principal_id: principal_id.as_deref(),
            context,
            latency: self.latency,
            usage_identifier_key: usage_identifier_key.as_deref(),
        }
    }
}
