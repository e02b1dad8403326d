//! Requests that the gateway answers itself because it may or can not do what they ask.

use crate::snapshot::Protocol;

/// Why a request is answered by the gateway and not by its integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head cannot be understood, or must not be: answered with this status.
    BadRequest(u16),
    /// No API is served at that host and path.
    NoApi,
    /// The API has no such route.
    NoRoute,
    /// A path parameter would change which path a back end sees.
    DotSegment,
    /// The content is over `server.limits.body`.
    BodyTooLarge {
        /// That limit.
        body_bytes_max: u64,
    },
    /// The content's framing is broken.
    BadBody,
    /// The head or the content did not arrive in time.
    TooSlow,
    /// The back end did not answer in time.
    IntegrationTimeout,
    /// The back end could not be reached, or broke off before its answer began.
    IntegrationFailure,
    /// The back end's answer is not HTTP.
    BadGateway,
    /// No back end is healthy, or too many requests wait for one.
    Unavailable,
    /// A bug of ours: reported as such.
    Internal,
}

impl Refusal {
    /// The status for an API of this protocol. A back end that cannot be reached is 504 for REST APIs,
    /// as on Amazon, and 502 for HTTP APIs (`docs/decisions/0003-statuses-of-back-end-failures.md`).
    pub fn status(self, protocol: Option<Protocol>) -> u16 {
        match (self, protocol) {
            (Self::BadRequest(status), _) => status,
            (Self::NoRoute, Some(Protocol::Rest)) => 403,
            (Self::NoApi | Self::NoRoute, _) => 404,
            (Self::DotSegment | Self::BadBody, _) => 400,
            (Self::BodyTooLarge { .. }, _) => 413,
            (Self::TooSlow, _) => 408,
            (Self::IntegrationTimeout, _) => 504,
            (Self::IntegrationFailure, Some(Protocol::Rest)) => 504,
            (Self::IntegrationFailure | Self::BadGateway, _) => 502,
            (Self::Unavailable, _) => 503,
            (Self::Internal, _) => 500,
        }
    }

    /// The text in the answer's `message`.
    pub fn message(self, protocol: Option<Protocol>) -> &'static str {
        match self {
            Self::BadRequest(status) => crate::http::write::reason(status),
            Self::NoRoute if protocol == Some(Protocol::Rest) => "Missing Authentication Token",
            Self::NoApi | Self::NoRoute => "Not Found",
            Self::DotSegment | Self::BadBody => "Bad Request",
            Self::BodyTooLarge { .. } => "Request Entity Too Large",
            Self::TooSlow => "Request Timeout",
            Self::IntegrationTimeout => "Endpoint request timed out",
            Self::IntegrationFailure => "Network error communicating with endpoint",
            Self::BadGateway => "Bad Gateway",
            Self::Unavailable => "Service Unavailable",
            Self::Internal => "Internal server error",
        }
    }

    /// The value of `x-amzn-ErrorType` (REST only).
    pub fn error_type(self) -> &'static str {
        match self {
            Self::NoRoute => "MissingAuthenticationTokenException",
            Self::NoApi => "ForbiddenException",
            Self::BadRequest(_) | Self::DotSegment | Self::BadBody | Self::TooSlow => {
                "BadRequestException"
            }
            Self::BodyTooLarge { .. } => "RequestTooLargeException",
            Self::IntegrationTimeout
            | Self::IntegrationFailure
            | Self::BadGateway
            | Self::Unavailable
            | Self::Internal => "InternalServerErrorException",
        }
    }

    /// The gateway response type (`$context.error.responseType`).
    pub fn response_type(self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::DotSegment | Self::BadBody | Self::TooSlow => "DEFAULT_4XX",
            Self::NoApi => "RESOURCE_NOT_FOUND",
            Self::NoRoute => "MISSING_AUTHENTICATION_TOKEN",
            Self::BodyTooLarge { .. } => "REQUEST_TOO_LARGE",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::IntegrationFailure | Self::BadGateway => "INTEGRATION_FAILURE",
            Self::Unavailable | Self::Internal => "DEFAULT_5XX",
        }
    }
}
