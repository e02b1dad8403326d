//! Faults: how an AWS service refuses a call, as clients of the API Gateway protocols (`rest-json`)
//! read it: a status, an error type in the header `x-amzn-ErrorType`, and `{"message": …}`.

use std::fmt;

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The error type, e.g. `NotFoundException`: clients map it to their exception class.
    pub kind: &'static str,
    /// What the user reads.
    pub message: String,
    /// Seconds for `Retry-After`; only throttling and unavailability have it.
    pub retry_after: Option<u32>,
}

impl Fault {
    /// Any type and status.
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), retry_after: None }
    }

    /// 400: what is asked for makes no sense or is still in use.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    /// 400: a member breaks a constraint of the service's model.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// 400: a JSON value of the wrong type.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    /// 403: the caller may not do this.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDeniedException", message)
    }

    /// 404: no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    /// 409: it exists already, or something refers to it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    /// 429: too many calls; come back after `seconds`.
    pub fn too_many_requests(seconds: u32) -> Self {
        let fault = Self::new(429, "TooManyRequestsException", "Too Many Requests");
        Self { retry_after: Some(seconds), ..fault }
    }

    /// 503: nothing wrong with the call; come back after `seconds`.
    pub fn unavailable(message: impl Into<String>, seconds: u32) -> Self {
        let fault = Self::new(503, "ServiceUnavailableException", message);
        Self { retry_after: Some(seconds), ..fault }
    }

    /// 500: a mistake of ours. Says nothing about our insides; log those.
    pub fn internal() -> Self {
        Self::new(500, "InternalFailure", "Internal server error")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Fault {}
