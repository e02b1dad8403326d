//! What let a request pass, and how that was found out: kept with it, because what runs behind
//! `authorize`, and the access log, may tell of it.

use super::lambda::Verdict;
use crate::exchange::event::Authorized;
use crate::telemetry::ids::Uuid;
use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

/// A verdict that let a request pass.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The verdict. Many requests share one that is remembered.
    pub verdict: Rc<Verdict>,
    /// How it was come by.
    pub inquiry: Inquiry,
}

impl Granted {
    /// As events, templates and logs tell of it.
    pub fn tell(&self) -> Authorized<'_> {
        let Verdict { principal_id, context, usage_identifier_key, .. } = &*self.verdict;
        Authorized::Lambda {
            principal_id: principal_id.as_deref(),
            context,
            latency: self.inquiry.latency,
            usage_identifier_key: usage_identifier_key.as_deref(),
        }
    }
}

/// How asking a route's authorizer went, for access logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// `authorizer.status`: 200 with a verdict, whatever that is; else the status that the client gets.
    pub status: u16,
    /// What Lambda's `Invoke` answers; `None` where nothing was invoked.
    pub integration_status: Option<u16>,
    /// The invocation.
    pub request_id: Option<Uuid>,
    /// How long the request waited for it; zero where the verdict was remembered.
    pub latency: Duration,
    /// Why there is no verdict.
    pub error: Option<Cow<'static, str>>,
    /// `authorize.status`: what the verdict means for this request; `None` without one.
    pub decided: Option<u16>,
    /// What the client is told where that is no.
    pub denial: &'static str,
}

impl Inquiry {
    /// One whose verdict was remembered.
    pub fn remembered() -> Self {
        Self { status: 200, ..Self::default() }
    }
}
