//! Requests that the gateway answers itself because it may or can not do what they ask.

use crate::snapshot::{Protocol, Refusing};

/// Why a request is answered by the gateway and not by its integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head cannot be understood, or must not be: answered with this status.
    BadRequest(u16),
    /// No API is served at that host and path.
    NoApi,
    /// The API has no such route.
    NoRoute,
    /// A REST API has no such route, and the request has an `Authorization` that is no signature.
    IncompleteSignature,
    /// Nobody may: an address that leads to nothing, a key that cannot be checked.
    Forbidden,
    /// A resource policy refuses.
    AccessDenied,
    /// The route wants a signature.
    Unsigned,
    /// A function URL's id is nobody's.
    NoUrl,
    /// A function does not permit that everybody invokes it by its URL.
    UrlForbidden,
    /// A function URL wants a signature.
    UrlUnsigned,
    /// What decides about callers of this route cannot be asked, or its answer is none.
    AuthorizerMisconfigured,
    /// What decides about callers of this route failed.
    AuthorizerFailed,
    /// The caller does not say who it is, or what decides about it does not know.
    Unauthorized,
    /// A policy refuses in so many words.
    DeniedExplicitly,
    /// A function failed, or its result is no answer.
    FunctionFailed,
    /// What was declared cannot be served.
    Misconfigured,
    /// A required parameter is missing or blank.
    BadRequestParameters,
    /// The content does not fit its model.
    BadRequestBody,
    /// A mapping reads the content as JSON, and it is none.
    BadJson,
    /// The integration takes no content of this type.
    UnsupportedMediaType,
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
    /// A function did not answer in time.
    FunctionTimeout,
    /// The back end could not be reached, or broke off before its answer began.
    IntegrationFailure,
    /// The back end's answer is not HTTP.
    BadGateway,
    /// No back end is healthy, or too many requests wait for one.
    Unavailable,
    /// A function could not be invoked: it is not there, or as much of it runs as may.
    FunctionRefused,
    /// A bug of ours: reported as such.
    Internal,
}

impl Refusal {
    /// The status for an API of this protocol. A back end that cannot be reached is 504 for REST APIs,
    /// as on Amazon, and 502 for HTTP APIs (`docs/decisions/0003-statuses-of-back-end-failures.md`).
    pub fn status(self, protocol: Option<Protocol>) -> u16 {
        match (self, protocol) {
            (Self::BadRequest(status), _) => status,
            (Self::NoRoute, Some(Protocol::Rest)) | (Self::IncompleteSignature, _) => 403,
            (Self::NoApi | Self::NoRoute, _) => 404,
            (Self::Unauthorized, _) => 401,
            (Self::Forbidden | Self::AccessDenied | Self::DeniedExplicitly | Self::Unsigned, _) => {
                403
            }
            (Self::NoUrl | Self::UrlForbidden | Self::UrlUnsigned, _) => 403,
            (Self::FunctionFailed, Some(Protocol::Rest)) => 502,
            (Self::FunctionFailed | Self::AuthorizerFailed, _) => 500,
            (Self::UnsupportedMediaType, _) => 415,
            (Self::BadRequestParameters | Self::BadRequestBody | Self::BadJson, _) => 400,
            (Self::DotSegment | Self::BadBody, _) => 400,
            (Self::BodyTooLarge { .. }, _) => 413,
            (Self::TooSlow, _) => 408,
            // `docs/decisions/0010-late-functions-of-http-apis.md`
            (Self::FunctionTimeout, Some(Protocol::Http)) => 503,
            (Self::IntegrationTimeout | Self::FunctionTimeout, _) => 504,
            (Self::IntegrationFailure, Some(Protocol::Rest)) => 504,
            (Self::IntegrationFailure | Self::BadGateway, _) => 502,
            (Self::FunctionRefused, _) => 500,
            (Self::Unavailable, _) => 503,
            (Self::Internal | Self::Misconfigured | Self::AuthorizerMisconfigured, _) => 500,
        }
    }

    /// Whether Lambda answers so, at function URLs: with `Message` and an error type, as REST APIs do.
    pub fn is_lambdas(self) -> bool {
        matches!(self, Self::NoUrl | Self::UrlForbidden | Self::UrlUnsigned)
    }

    /// The text in the answer's `message`. [`Self::NoUrl`] has none.
    pub fn message(self, protocol: Option<Protocol>) -> &'static str {
        match self {
            Self::BadRequest(status) => crate::http::write::reason(status),
            Self::NoRoute | Self::IncompleteSignature if protocol == Some(Protocol::Rest) => {
                "Missing Authentication Token"
            }
            Self::NoApi | Self::NoRoute | Self::IncompleteSignature => "Not Found",
            Self::Unsigned if protocol == Some(Protocol::Rest) => "Missing Authentication Token",
            Self::AccessDenied if protocol == Some(Protocol::Rest) => {
                "User is not authorized to access this resource"
            }
            Self::DeniedExplicitly if protocol == Some(Protocol::Rest) => {
                "User is not authorized to access this resource with an explicit deny"
            }
            Self::Forbidden | Self::AccessDenied | Self::DeniedExplicitly | Self::Unsigned => {
                "Forbidden"
            }
            Self::NoUrl => "",
            Self::UrlUnsigned => "Forbidden",
            Self::UrlForbidden => {
                "Forbidden. For troubleshooting Function URL authorization issues, see: \
                 https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
            }
            Self::Unauthorized => "Unauthorized",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::Misconfigured
            | Self::AuthorizerMisconfigured
            | Self::AuthorizerFailed
            | Self::FunctionFailed
            | Self::FunctionRefused
                if protocol == Some(Protocol::Http) =>
            {
                "Internal Server Error"
            }
            Self::BadRequestParameters => "Missing required request parameters",
            Self::BadRequestBody => "Invalid request body",
            Self::BadJson => "Invalid JSON in request body",
            Self::DotSegment | Self::BadBody => "Bad Request",
            Self::BodyTooLarge { .. } => "Request Entity Too Large",
            Self::TooSlow => "Request Timeout",
            Self::FunctionTimeout if protocol == Some(Protocol::Http) => "Service Unavailable",
            Self::IntegrationTimeout | Self::FunctionTimeout => "Endpoint request timed out",
            Self::IntegrationFailure => "Network error communicating with endpoint",
            Self::BadGateway => "Bad Gateway",
            Self::Unavailable => "Service Unavailable",
            Self::Internal
            | Self::Misconfigured
            | Self::AuthorizerMisconfigured
            | Self::AuthorizerFailed
            | Self::FunctionFailed
            | Self::FunctionRefused => "Internal server error",
        }
    }

    /// The value of `x-amzn-ErrorType` (REST APIs and function URLs).
    pub fn error_type(self) -> &'static str {
        match self {
            Self::NoRoute | Self::Unsigned => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::NoApi | Self::Forbidden => "ForbiddenException",
            Self::AccessDenied
            | Self::DeniedExplicitly
            | Self::NoUrl
            | Self::UrlForbidden
            | Self::UrlUnsigned => "AccessDeniedException",
            Self::Unauthorized => "UnauthorizedException",
            // Reported for failing functions as well.
            Self::AuthorizerMisconfigured | Self::AuthorizerFailed => {
                "AuthorizerConfigurationException"
            }
            Self::BadRequest(_)
            | Self::DotSegment
            | Self::BadBody
            | Self::TooSlow
            | Self::BadRequestParameters
            | Self::BadRequestBody
            | Self::BadJson
            | Self::UnsupportedMediaType => "BadRequestException",
            Self::BodyTooLarge { .. } => "RequestTooLargeException",
            Self::IntegrationTimeout
            | Self::FunctionTimeout
            | Self::IntegrationFailure
            | Self::BadGateway
            | Self::Unavailable
            | Self::Misconfigured
            | Self::FunctionFailed
            | Self::FunctionRefused
            | Self::Internal => "InternalServerErrorException",
        }
    }

    /// The gateway response type (`$context.error.responseType`).
    pub fn response_type(self) -> &'static str {
        match self {
            Self::BadRequest(_)
            | Self::DotSegment
            | Self::BadBody
            | Self::TooSlow
            | Self::BadJson
            | Self::Forbidden
            | Self::NoUrl
            | Self::UrlForbidden
            | Self::UrlUnsigned => "DEFAULT_4XX",
            Self::BadRequestParameters => "BAD_REQUEST_PARAMETERS",
            Self::BadRequestBody => "BAD_REQUEST_BODY",
            Self::AccessDenied | Self::DeniedExplicitly => "ACCESS_DENIED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::AuthorizerMisconfigured => "AUTHORIZER_CONFIGURATION_ERROR",
            Self::AuthorizerFailed => "AUTHORIZER_FAILURE",
            Self::Misconfigured => "API_CONFIGURATION_ERROR",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::NoApi => "RESOURCE_NOT_FOUND",
            Self::NoRoute | Self::IncompleteSignature | Self::Unsigned => {
                "MISSING_AUTHENTICATION_TOKEN"
            }
            Self::BodyTooLarge { .. } => "REQUEST_TOO_LARGE",
            Self::IntegrationTimeout | Self::FunctionTimeout => "INTEGRATION_TIMEOUT",
            Self::IntegrationFailure | Self::BadGateway => "INTEGRATION_FAILURE",
            Self::Unavailable | Self::Internal | Self::FunctionFailed | Self::FunctionRefused => {
                "DEFAULT_5XX"
            }
        }
    }
}

impl From<Refusing> for Refusal {
    fn from(refusing: Refusing) -> Self {
        match refusing {
            Refusing::Misconfigured => Self::Misconfigured,
            Refusing::Forbidden => Self::Forbidden,
            Refusing::AccessDenied => Self::AccessDenied,
            Refusing::Unsigned => Self::Unsigned,
            Refusing::UrlUnsigned => Self::UrlUnsigned,
            Refusing::AuthorizerMisconfigured => Self::AuthorizerMisconfigured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_api_refuses_in_these_words() {
        const BODY_BYTES_MAX: u64 = 10 << 20;
        let too_large = Refusal::BodyTooLarge { body_bytes_max: BODY_BYTES_MAX };
        for (refusal, status, message) in [
            (Refusal::BadRequest(400), 400, "Bad Request"),
            (Refusal::DotSegment, 400, "Bad Request"),
            (Refusal::Unauthorized, 401, "Unauthorized"),
            (Refusal::Forbidden, 403, "Forbidden"),
            (Refusal::AccessDenied, 403, "Forbidden"),
            (Refusal::DeniedExplicitly, 403, "Forbidden"),
            (Refusal::Unsigned, 403, "Forbidden"),
            (Refusal::UrlUnsigned, 403, "Forbidden"),
            (Refusal::NoApi, 404, "Not Found"),
            (Refusal::NoRoute, 404, "Not Found"),
            (too_large, 413, "Request Entity Too Large"),
            (Refusal::AuthorizerFailed, 500, "Internal Server Error"),
            (Refusal::AuthorizerMisconfigured, 500, "Internal Server Error"),
            (Refusal::FunctionFailed, 500, "Internal Server Error"),
            (Refusal::FunctionRefused, 500, "Internal Server Error"),
            (Refusal::Misconfigured, 500, "Internal Server Error"),
            (Refusal::FunctionTimeout, 503, "Service Unavailable"),
            (Refusal::Unavailable, 503, "Service Unavailable"),
        ] {
            let http = Some(Protocol::Http);
            assert_eq!((refusal.status(http), refusal.message(http)), (status, message));
        }
    }
}
