//! Facts: everything that one exchange knows about itself, borrowed for as long as it takes to write
//! its line.

use std::time::Duration;

/// What is known of one exchange. An empty text or `None` means not known and prints `-`.
///
/// What a client chose freely is bytes, because nothing says that it is UTF-8; what ringgate or the
/// configuration made is text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// `accountId`: the account that owns the API.
    pub account_id: &'a str,
    /// `apiId`.
    pub api_id: &'a str,
    /// `stage`: the stage's name, `$default` included.
    pub stage: &'a str,
    /// `deploymentId`.
    pub deployment_id: &'a str,
    /// `resourceId`: Amazon's id of a REST API's resource.
    pub resource_id: &'a str,
    /// `resourcePath`: the path as declared, `/products/{id}`.
    pub resource_path: &'a str,
    /// `routeKey`: `GET /products/{id}` or `$default`.
    pub route_key: &'a str,
    /// `requestId`: the value of `x-amzn-RequestId`.
    pub request_id: &'a str,
    /// `extendedRequestId`: the value of `x-amz-apigw-id`. For HTTP APIs the same as `requestId`.
    pub extended_request_id: &'a str,
    /// `xrayTraceId`: `Root=1-…`, the root alone.
    pub xray_trace_id: &'a str,
    /// `httpMethod`, as received.
    pub http_method: &'a [u8],
    /// `path`: as received, without the query.
    pub path: &'a [u8],
    /// `protocol`: `HTTP/1.1`.
    pub protocol: &'a str,
    /// `domainName`: the host as received, without the port. `domainPrefix` is its first label.
    pub domain_name: &'a [u8],
    /// `identity.sourceIp`: the peer of the TCP connection.
    pub source_ip: &'a str,
    /// `identity.userAgent`, as received.
    pub user_agent: &'a [u8],
    /// `customDomain.basePathMatched`.
    pub base_path_matched: &'a str,
    /// `customDomain.routingRuleIdMatched`: the domain's rule that led to the API.
    pub routing_rule_matched: &'a str,
    /// `endpointType`: `EDGE`, `REGIONAL` or `PRIVATE`.
    pub endpoint_type: &'a str,
    /// `tlsVersion`: `TLSv1.2`, `TLSv1.3`.
    pub tls_version: &'a str,
    /// `cipherSuite`: OpenSSL's name for TLS 1.2, the RFC's for TLS 1.3.
    pub cipher_suite: &'a str,
    /// `requestTime` and `requestTimeEpoch`: when the request began, since 1970-01-01T00:00:00Z.
    pub request_time: Duration,
    /// `status`: the code sent. 0 prints `-`.
    pub status: u16,
    /// `responseLength`: bytes of the response's body.
    pub response_length: u64,
    /// `responseLatency`: from the first byte of the request to the last of the response; printed
    /// in milliseconds.
    pub response_latency: Duration,
    /// `dataProcessed`: bytes of both bodies.
    pub data_processed: Option<u64>,
    /// `integrationStatus` and `integration.integrationStatus`: the code that the back end, or the
    /// service in front of a function, answered with.
    pub integration_status: Option<u16>,
    /// `integration.status`: the code that the function itself returned; without one, the same as
    /// `integrationStatus`.
    pub function_status: Option<u16>,
    /// `integrationLatency` and `integration.latency`; printed in milliseconds.
    pub integration_latency: Option<Duration>,
    /// `integrationErrorMessage` and `integration.error`.
    pub integration_error: &'a str,
    /// `integration.requestId` and `awsEndpointRequestId`: what the back end sent as
    /// `x-amzn-requestid` or `x-amz-request-id`.
    pub integration_request_id: &'a [u8],
    /// `awsEndpointRequestId2`: what the back end sent as `x-amz-id-2`.
    pub integration_request_id_2: &'a [u8],
    /// `integration.responseTransferMode`: `BUFFERED` or `STREAMED`.
    pub response_transfer_mode: &'a str,
    /// `integration.timeToAllHeaders`; printed in milliseconds.
    pub time_to_all_headers: Option<Duration>,
    /// `integration.timeToFirstContent`; printed in milliseconds.
    pub time_to_first_content: Option<Duration>,
    /// `authorizer.principalId`: whom the route's authorizer took the caller for.
    pub authorizer_principal_id: &'a str,
    /// `authorizer.NAME`: what the authorizer's function passed on.
    pub authorizer_values: &'a [(Box<str>, Box<str>)],
    /// `authorizer.integrationLatency` and `authorizer.latency`: how long the authorizer's function took,
    /// 0 where its verdict was remembered; printed in milliseconds. `None` where none let the request pass.
    pub authorizer_latency: Option<Duration>,
    /// `authorize.status`: what the verdict of the route's authorizer means for the request, 200 or 403; `None`
    /// without a verdict.
    pub authorize_status: Option<u16>,
    /// `authorize.error`: in what words the verdict refuses the request.
    pub authorize_error: &'a str,
    /// `authorizer.status`: what the authorizer came to, 200 where it let the request pass.
    pub authorizer_status: Option<u16>,
    /// `authorizer.integrationStatus`: what Lambda said of the authorizer's invocation.
    pub authorizer_integration_status: Option<u16>,
    /// `authorizer.requestId`: the invocation of the authorizer's function.
    pub authorizer_request_id: &'a str,
    /// `authorizer.error`: what the authorizer refused with.
    pub authorizer_error: &'a str,
    /// `error.message`; `error.messageString` is the same in quotes.
    pub error_message: &'a str,
    /// `error.validationErrorString`: why the content does not fit its model.
    pub validation_error: &'a str,
    /// `isCanaryRequest`; `None`: the stage has no canary.
    pub is_canary: Option<bool>,
    /// `error.responseType`: the gateway response, such as `RESOURCE_NOT_FOUND`.
    pub error_response_type: &'a str,
}
