//! Refusals: how a refused call looks on the wire, in the protocol that the client speaks.

use super::incoming::Incoming;
use super::{lambda, sts};
use crate::aws::Fault;
use crate::aws::sigv4::Scope;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// The call's id, in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The error's type, which clients map to their exception.
pub const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// How a service's errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `rest-json`: the type in a header, the text in JSON.
    RestJson,
    /// `rest-json` as Lambda writes it: with whose fault it is.
    Lambda,
    /// Query: both in XML.
    Query,
}

impl Protocol {
    /// The one that a request's client will understand, found without checking anything; for answers
    /// to requests that are refused at the door.
    pub fn of(incoming: &Incoming) -> Self {
        let fields = super::access::fields(incoming);
        let scope = Scope::glimpse(&super::access::request(incoming, &fields));
        let service = scope.as_ref().map(|scope| scope.service.as_str());
        if sts::is_query_call(incoming, service) {
            Self::Query
        } else if lambda::is_path(&incoming.path) {
            Self::Lambda
        } else {
            Self::RestJson
        }
    }
}

/// A refused call's answer.
pub fn fault(fault: &Fault, protocol: Protocol, request_id: &str) -> Response<Body> {
    let (content_type, body, kind) = match protocol {
        Protocol::RestJson => {
            let body = serde_json::json!({ "message": fault.message }).to_string();
            ("application/json", body, fault.kind)
        }
        Protocol::Lambda => ("application/json", lambda_error(fault), fault.kind),
        Protocol::Query => {
            let kind = name_in_query(fault.kind);
            ("text/xml", query_error(fault, kind, request_id), kind)
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Some(seconds) = fault.retry_after {
        fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    with_request_id(response, request_id)
}

/// Some of Lambda's shapes have a capital letter, and what refuses before Lambda looks at a call does
/// not know whose fault it is.
fn lambda_error(fault: &Fault) -> String {
    let text = &fault.message;
    let whose = if fault.status < 500 { "User" } else { "Service" };
    let document = match fault.kind {
        "ResourceNotFoundException"
        | "ServiceException"
        | "InvalidZipFileException"
        | "ResourceInUseException" => serde_json::json!({ "Type": whose, "Message": text }),
        "ValidationException" | "SerializationException" => serde_json::json!({ "message": text }),
        "AccessDeniedException" => serde_json::json!({ "Message": text }),
        _ => serde_json::json!({ "Type": whose, "message": text }),
    };
    document.to_string()
}

/// The answer with its id, unless it has one.
pub fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().entry(REQUEST_ID).or_insert(value);
    }
    response
}

/// The Query protocol's older names for the same refusals.
fn name_in_query(kind: &'static str) -> &'static str {
    match kind {
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "IncompleteSignatureException" => "IncompleteSignature",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "AccessDeniedException" => "AccessDenied",
        "TooManyRequestsException" => "Throttling",
        "ServiceUnavailableException" => "ServiceUnavailable",
        other => other,
    }
}

fn query_error(fault: &Fault, kind: &str, request_id: &str) -> String {
    let whose = if fault.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    \
         <Type>{whose}</Type>\n    <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
         <RequestId>{}</RequestId>\n</ErrorResponse>\n",
        sts::escaped(kind),
        sts::escaped(&fault.message),
        sts::escaped(request_id),
    )
}
