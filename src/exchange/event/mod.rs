//! What a function is told of a request: the parts that its events have in common.
//!
//! An event is JSON that is written straight into the bytes that a worker gets, member by member in
//! Amazon's order; nothing is built in between. [`EventFacts`] is all that an event is made of, borrowed,
//! so that one can be written, and tested, without a shard. The events of proxy integrations are
//! [`write_proxy_event`]; those of authorizers are `authorize::lambda`'s.
//!
//! | | REST, 1.0 | HTTP API, 1.0 | HTTP API, 2.0 |
//! |---|---|---|---|
//! | header names | as received | lower case | lower case |
//! | repeated headers, parameters | the last, and all in `multiValue…` | the same | joined by `,` |
//! | path and its parameters | percent-encoded | decoded | decoded |
//! | what is empty | `null` | `null` | absent |
//! | base64 | by the API's binary media types | by content type | by content type |
//!
//! Has no clock and never fails: what is no UTF-8 becomes U+FFFD, and a body that is none is base64.

mod arn;
mod body;
mod facts;
mod headers;
mod json;
mod proxy;
mod query;
mod request_context;
#[cfg(test)]
pub(in crate::exchange) mod tests;

use crate::snapshot::Protocol;
use crate::snapshot::function::PayloadFormat;

pub use arn::{METHOD_ARN_BYTES_MAX, write_method_arn};
pub(crate) use body::is_binary;
pub use facts::{
    Authorized, AuthorizerContext, ClientCertificate, EventFacts, Forwarded, IamCaller, Identity,
    Prefix, RouteFacts,
};
pub(crate) use headers::Headers;
pub(crate) use json::{Object, first_special, text, text_inside};
pub use proxy::write_proxy_event;
pub(crate) use proxy::{
    Empty, write_parameters, write_request_1, write_request_2, write_stage_variables,
};
pub(crate) use query::Query;
pub(crate) use request_context::{
    Tells, write_http_1 as write_http_1_context, write_rest as write_rest_context,
};

/// Which of Amazon's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A REST API's, which is called 1.0.
    Rest,
    /// An HTTP API's with `payloadFormatVersion` 1.0.
    Http1,
    /// An HTTP API's with `payloadFormatVersion` 2.0.
    Http2,
}

impl Format {
    /// The format of a function integration's events.
    pub fn of(protocol: Protocol, payload_format: PayloadFormat) -> Self {
        match (protocol, payload_format) {
            (Protocol::Rest, _) => Self::Rest,
            (Protocol::Http, PayloadFormat::V1) => Self::Http1,
            (Protocol::Http, PayloadFormat::V2) => Self::Http2,
        }
    }

    /// Whose format it is.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Rest => Protocol::Rest,
            Self::Http1 | Self::Http2 => Protocol::Http,
        }
    }
}
