//! Which line is written when: Amazon's words for each step of a request.

use super::{ExecutionLog, Open};
use crate::exchange::{Failure, Refusal};
use crate::http::{self, Field, Fields, HeadLimits, RequestKind};
use std::time::Duration;

/// A request as its method sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `x-amzn-RequestId`.
    pub request_id: &'a str,
    /// As requested.
    pub verb: &'a str,
    /// Without the stage.
    pub path: &'a [u8],
    /// Names and values.
    pub parameters: &'a [(&'a str, &'a [u8])],
    /// Decoded.
    pub query: &'a [(&'a [u8], &'a [u8])],
    /// As they came.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

impl ExecutionLog {
    /// What came in. The line of its content is left open.
    pub fn method_request(&mut self, now: Duration, asked: &Asked<'_>, content: &[u8]) -> Open {
        let Asked { request_id, verb, path, .. } = asked;
        self.line(now, format_args!("Starting execution for request: {request_id}"));
        let path = String::from_utf8_lossy(path);
        self.line(now, format_args!("HTTP Method: {verb}, Resource Path: {path}"));
        self.map(now, "Method request path", asked.parameters.iter().copied());
        self.map(now, "Method request query string", asked.query.iter().copied());
        self.headers(now, "Method request headers", asked.headers.iter().copied());
        self.data(now, "Method request body before transformations", content)
    }

    /// What Amazon says of the usage plan of a method that needs no API key. The key's place is empty.
    pub fn without_usage_plan(
        &mut self,
        now: Duration,
        request_id: &str,
        (api_id, stage): (&str, &str),
        route_key: &str,
    ) {
        self.line(
            now,
            format_args!(
                "Verifying Usage Plan for request: {request_id}. API Key:  API Stage: {api_id}/{stage}"
            ),
        );
        self.line(
            now,
            format_args!(
                "API Key  authorized because method '{route_key}' does not require API Key. Request will not contribute to throttle or quota limits"
            ),
        );
        self.line(
            now,
            format_args!("Usage Plan check succeeded for API Key  and API Stage {api_id}/{stage}"),
        );
    }

    /// What a back end is sent. `head` is the request's, as it is written; its content's line is left
    /// open.
    pub fn endpoint_request(
        &mut self,
        now: Duration,
        origin: &str,
        head: &[u8],
        content: &[u8],
    ) -> Open {
        let mut fields = Fields::new();
        let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let target = String::from_utf8_lossy(target);
        // Cannot fail: it was written here.
        let _ = http::request_head(head, &mut fields, &limits_of(head));
        self.line(now, format_args!("Endpoint request URI: {origin}{target}"));
        self.fields(now, "Endpoint request headers", &fields);
        let open = self.data(now, "Endpoint request body after transformations", content);
        self.line(now, format_args!("Sending request to {origin}{target}"));
        open
    }

    /// What a function is sent.
    pub fn function_request(&mut self, now: Duration, call: &FunctionCall<'_>, event: &[u8]) {
        let FunctionCall { region, arn, api_id, request_id, trace_id } = *call;
        let uri =
            format!("https://lambda.{region}.amazonaws.com/2015-03-31/functions/{arn}/invocations");
        let headers = [
            ("x-amzn-lambda-integration-tag", request_id),
            ("x-amzn-apigateway-api-id", api_id),
            ("X-Amzn-Trace-Id", trace_id),
            ("Content-Type", "application/json"),
        ];
        self.line(now, format_args!("Endpoint request URI: {uri}"));
        self.headers(now, "Endpoint request headers", headers);
        self.data(now, "Endpoint request body after transformations", event);
        self.line(now, format_args!("Sending request to {uri}"));
    }

    /// What a back end answers. The line of its content is left open.
    pub fn endpoint_response(
        &mut self,
        now: Duration,
        status: u16,
        latency: Duration,
        fields: &[Field<'_>],
        content: &[u8],
    ) -> Open {
        self.received(now, status, latency);
        self.fields(now, "Endpoint response headers", fields);
        self.data(now, "Endpoint response body before transformations", content)
    }

    /// What a function answers; Lambda says 200 of one that failed, too.
    pub fn function_response(
        &mut self,
        now: Duration,
        latency: Duration,
        has_failed: bool,
        payload: &[u8],
    ) {
        self.received(now, 200, latency);
        let length = payload.len().to_string();
        let headers = [("Content-Type", "application/json"), ("Content-Length", &*length)];
        let failed = has_failed.then_some(("X-Amz-Function-Error", "Unhandled"));
        let headers = headers.into_iter().chain(failed);
        self.headers(now, "Endpoint response headers", headers);
        self.data(now, "Endpoint response body before transformations", payload);
    }

    fn received(&mut self, now: Duration, status: u16, latency: Duration) {
        let latency = latency.as_millis();
        self.line(
            now,
            format_args!("Received response. Status: {status}, Integration latency: {latency} ms"),
        );
    }

    /// What the client gets, from its head as it is written. The content's line is left open.
    pub fn method_response(&mut self, now: Duration, head: &[u8], content: &[u8]) -> Open {
        let mut fields = Fields::new();
        // A head of ours, so it is one.
        let _ = http::response_head(head, &mut fields, &limits_of(head), RequestKind::Head);
        let shown = fields.iter().filter(|field| is_of_method(field));
        let headers: Vec<_> = shown.map(|field| (field.name, field.value)).collect();
        self.answered(now, &headers, content)
    }

    /// What the client gets, from its headers.
    pub fn answered(&mut self, now: Duration, headers: &[(&[u8], &[u8])], content: &[u8]) -> Open {
        let open = self.data(now, "Method response body after transformations", content);
        self.headers(now, "Method response headers", headers.iter().copied());
        open
    }

    /// Why the gateway answers itself.
    pub fn failed(&mut self, now: Duration, failure: &Failure) {
        let cause = &*failure.cause;
        match failure.refusal {
            Refusal::Misconfigured if cause.is_empty() => {
                self.line(now, format_args!("Execution failed due to configuration error"));
            }
            Refusal::Misconfigured => self.line(
                now,
                format_args!("Execution failed due to configuration error: {cause}"),
            ),
            _ if !cause.is_empty() => self.line(now, format_args!("{cause}")),
            Refusal::IntegrationTimeout => {
                self.line(now, format_args!("Execution failed due to a timeout error"));
            }
            Refusal::IntegrationFailure | Refusal::BadGateway | Refusal::Unavailable => self.line(
                now,
                format_args!(
                    "Execution failed due to a network error communicating with endpoint"
                ),
            ),
            Refusal::FunctionRefused => self.line(
                now,
                format_args!(
                    "Execution failed due to configuration error: Invalid permissions on Lambda function"
                ),
            ),
            _ => {
                if let Some(message) = &failure.message {
                    self.line(now, format_args!("{message}"));
                }
            }
        }
    }

    /// Why a request is turned away in front of its method.
    pub fn turned_away(&mut self, now: Duration, request_id: &str, failure: &Failure) {
        match failure.refusal {
            Refusal::Unauthorized => {
                self.line(now, format_args!("Unauthorized request: {request_id}"));
            }
            Refusal::AccessDenied | Refusal::DeniedExplicitly => self
                .line(now, format_args!("The client is not authorized to perform this operation.")),
            refusal @ (Refusal::AuthorizerMisconfigured | Refusal::AuthorizerFailed) => {
                if !failure.cause.is_empty() {
                    let cause = &*failure.cause;
                    self.line(
                        now,
                        format_args!("Execution failed due to configuration error: {cause}"),
                    );
                }
                self.line(
                    now,
                    format_args!("Execution failed due to configuration error: Authorizer error"),
                );
                self.line(now, format_args!("{}", refusal.error_type()));
            }
            _ => self.failed(now, failure),
        }
    }

    /// What others call the request: the function or service that was asked, and tracing.
    pub fn ids(&mut self, now: Duration, endpoint_request_id: Option<&str>, trace: &str) {
        if let Some(id) = endpoint_request_id {
            self.line(now, format_args!("AWS Integration Endpoint RequestId : {id}"));
        }
        self.line(now, format_args!("X-ray Tracing ID : {trace}"));
    }

    /// The end: of a request that was answered as declared, or by the gateway.
    pub fn completed(&mut self, now: Duration, status: u16, is_well: bool) {
        if is_well {
            self.line(now, format_args!("Successfully completed execution"));
        }
        self.line(now, format_args!("Method completed with status: {status}"));
    }

    fn fields(&mut self, now: Duration, what: &str, fields: &[Field<'_>]) {
        self.headers(now, what, fields.iter().map(|field| (field.name, field.value)));
    }
}

/// A function's invocation.
#[derive(Debug, Clone, Copy)]
pub struct FunctionCall<'a> {
    /// Of the function.
    pub region: &'a str,
    /// Of the function, as it is asked for.
    pub arn: &'a str,
    /// Who asks.
    pub api_id: &'a str,
    /// `x-amzn-RequestId`.
    pub request_id: &'a str,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: &'a str,
}

/// Whether a field of an answer is the method's and not the connection's.
pub fn is_of_method(field: &Field<'_>) -> bool {
    use http::Known;
    !matches!(
        field.known,
        Known::ContentLength
            | Known::TransferEncoding
            | Known::Connection
            | Known::Date
            | Known::XAmznRequestId
            | Known::XAmzApigwId
            | Known::ApigwRequestId
    )
}

/// For a head that was written here.
pub(in crate::exchange) fn limits_of(head: &[u8]) -> HeadLimits {
    HeadLimits { request_line_bytes: head.len(), head_bytes: head.len(), fields: http::FIELDS_MAX }
}
