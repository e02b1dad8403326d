//! A refusal with what only this request knows of it.

use super::{AuthorizerOutcome, Refusal};
use crate::snapshot::Protocol;
use std::borrow::Cow;

/// Why a request is answered by the gateway, and what is to be told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What came of asking an authorizer, where that is why.
    pub authorizer: Option<Box<AuthorizerOutcome>>,
    /// Which kind it is.
    pub refusal: Refusal,
    /// The message, where it is not that of the kind.
    pub message: Option<Cow<'static, str>>,
    /// `$context.error.validationErrorString`.
    pub validation: Option<String>,
    /// What the execution log says behind `Execution failed due to`.
    pub cause: Cow<'static, str>,
}

impl Failure {
    /// Something is set up so that it cannot work. `cause` is for the log.
    pub fn configuration(cause: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: cause.into(), ..Refusal::Misconfigured.into() }
    }

    /// `$context.error.message`; `None` is null.
    pub fn told(&self, protocol: Option<Protocol>) -> Option<&str> {
        let is_rest = protocol == Some(Protocol::Rest);
        match (&self.message, self.refusal) {
            (Some(message), _) => Some(message),
            (None, Refusal::AuthorizerMisconfigured | Refusal::AuthorizerFailed) if is_rest => None,
            (None, Refusal::NoUrl) => None,
            (None, refusal) => Some(refusal.message(protocol)),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let cause = Cow::Borrowed("");
        Self { authorizer: None, refusal, message: None, validation: None, cause }
    }
}
