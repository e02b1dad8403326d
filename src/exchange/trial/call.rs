//! What is asked of back ends and functions for a trial, and how that can fail.

use super::answer::{AnswerReader, BadAnswer};
use crate::exchange::execution_log::function_failed_as;
use crate::exchange::{Failure, Refusal};
use crate::snapshot::Upstream;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A request for a back end.
#[derive(Debug)]
pub struct BackEndCall {
    /// Who is asked; it has one target.
    pub upstream: Upstream,
    /// The request, whole.
    pub request: Vec<u8>,
    /// For all of it.
    pub timeout: Duration,
    /// What the back end is shown in a TLS handshake, if it asks.
    pub identity: Option<ClientIdentity>,
    /// Reads the answer.
    pub answer: AnswerReader,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// PEM.
    pub chain: String,
    /// PEM; secret.
    pub key: String,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientIdentity").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// Why a back end did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackEndFault {
    /// Its name has no address.
    Unresolved,
    /// The connection could not be made, or broke; in words.
    Network(String),
    /// It took longer than the integration allows.
    TimedOut,
    /// What it answered is no answer.
    Bad(BadAnswer),
}

impl BackEndFault {
    pub(super) fn failure(&self) -> Failure {
        let network = |why: &str| Failure {
            cause: format!(
                "Execution failed due to a network error communicating with endpoint: {why}"
            )
            .into(),
            ..Refusal::IntegrationFailure.into()
        };
        match self {
            Self::Unresolved => Failure::configuration("Invalid endpoint address"),
            Self::Network(why) => network(why),
            Self::TimedOut => Refusal::IntegrationTimeout.into(),
            Self::Bad(BadAnswer::Malformed(why)) => network(why),
            Self::Bad(BadAnswer::TooLarge) => {
                Failure::configuration("Integration response is too large")
            }
        }
    }
}

/// An event for a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRequest {
    /// Its ARN, qualified where it is declared so.
    pub function: Box<str>,
    /// The event.
    pub event: Bytes,
    /// JSON.
    pub client_context: Option<Box<str>>,
    /// Whether its result is waited for; else the answer is nothing.
    pub waits: bool,
    /// For all of it.
    pub timeout: Duration,
}

/// What a function returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionResult {
    /// Its result, or its error.
    pub payload: Bytes,
    /// Whether it is an error.
    pub has_failed: bool,
    /// The request id that it saw.
    pub request_id: Box<str>,
}

impl FunctionResult {
    /// What a failed function is to the client and the log.
    pub(super) fn failure(&self) -> Failure {
        function_failed_as(&self.payload, &self.request_id)
    }
}

/// Why a function was not run to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionFault {
    /// There is none of that name.
    Unknown,
    /// As many run as may.
    Throttled,
    /// It took longer than the integration allows.
    TimedOut,
    /// Nothing could be started that runs it.
    NotStarted,
    /// The event is larger than any function gets.
    EventTooLarge,
}

impl FunctionFault {
    pub(super) fn failure(self) -> Failure {
        let refused = |cause: &'static str| Failure {
            cause: Cow::Borrowed(cause),
            ..Refusal::FunctionRefused.into()
        };
        match self {
            // Amazon does not tell one that is missing from one that may not be invoked.
            Self::Unknown => Refusal::FunctionRefused.into(),
            Self::Throttled => refused("Lambda invocation failed with status: 429"),
            Self::NotStarted => refused("Lambda invocation failed with status: 502"),
            Self::EventTooLarge => refused("Lambda invocation failed with status: 413"),
            Self::TimedOut => Refusal::IntegrationTimeout.into(),
        }
    }
}
