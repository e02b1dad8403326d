//! Variables: every `$context` name that Amazon documents for access logs of REST, HTTP and WebSocket
//! APIs.
//!
//! A name that ringgate cannot fill yet is still known, so that a format taken over from Amazon loads;
//! it prints `-`, as Amazon prints for everything that has no value.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Documented, and without a value here.
    Unavailable,
    /// [`super::Facts::account_id`]
    AccountId,
    /// [`super::Facts::api_id`]
    ApiId,
    /// [`super::Facts::authorize_error`]
    AuthorizeError,
    /// 0 where there is a [`super::Facts::authorize_status`]: it takes no time that could be told
    AuthorizeLatency,
    /// [`super::Facts::authorize_status`]
    AuthorizeStatus,
    /// [`super::Facts::authorizer_error`]
    AuthorizerError,
    /// [`super::Facts::authorizer_integration_status`]
    AuthorizerIntegrationStatus,
    /// [`super::Facts::authorizer_latency`]
    AuthorizerLatency,
    /// [`super::Facts::authorizer_principal_id`]
    AuthorizerPrincipalId,
    /// [`super::Facts::authorizer_request_id`]
    AuthorizerRequestId,
    /// [`super::Facts::authorizer_status`]
    AuthorizerStatus,
    /// One of [`super::Facts::authorizer_values`], by the end of its name
    AuthorizerValue,
    /// [`super::Facts::base_path_matched`]
    BasePathMatched,
    /// [`super::Facts::cipher_suite`]
    CipherSuite,
    /// [`super::Facts::data_processed`]
    DataProcessed,
    /// [`super::Facts::deployment_id`]
    DeploymentId,
    /// [`super::Facts::domain_name`]
    DomainName,
    /// The first label of [`super::Facts::domain_name`]
    DomainPrefix,
    /// [`super::Facts::endpoint_type`]
    EndpointType,
    /// [`super::Facts::error_message`]
    ErrorMessage,
    /// [`super::Facts::error_message`] in quotes
    ErrorMessageString,
    /// [`super::Facts::error_response_type`]
    ErrorResponseType,
    /// [`super::Facts::validation_error`]
    ValidationError,
    /// [`super::Facts::is_canary`]
    IsCanary,
    /// [`super::Facts::extended_request_id`]
    ExtendedRequestId,
    /// [`super::Facts::http_method`]
    HttpMethod,
    /// [`super::Facts::integration_error`]
    IntegrationError,
    /// [`super::Facts::integration_latency`]
    IntegrationLatency,
    /// [`super::Facts::integration_request_id`]
    IntegrationRequestId,
    /// [`super::Facts::integration_request_id_2`]
    IntegrationRequestId2,
    /// [`super::Facts::integration_status`]
    IntegrationStatus,
    /// [`super::Facts::function_status`]
    FunctionStatus,
    /// [`super::Facts::path`]
    Path,
    /// [`super::Facts::protocol`]
    Protocol,
    /// [`super::Facts::request_id`]
    RequestId,
    /// [`super::Facts::request_time`] as in the Common Log Format
    RequestTime,
    /// [`super::Facts::request_time`] in milliseconds
    RequestTimeEpoch,
    /// [`super::Facts::resource_id`]
    ResourceId,
    /// [`super::Facts::resource_path`]
    ResourcePath,
    /// [`super::Facts::response_latency`]
    ResponseLatency,
    /// [`super::Facts::response_length`]
    ResponseLength,
    /// [`super::Facts::response_transfer_mode`]
    ResponseTransferMode,
    /// [`super::Facts::route_key`]
    RouteKey,
    /// [`super::Facts::routing_rule_matched`]
    RoutingRuleMatched,
    /// [`super::Facts::source_ip`]
    SourceIp,
    /// [`super::Facts::stage`]
    Stage,
    /// [`super::Facts::status`]
    Status,
    /// [`super::Facts::time_to_all_headers`]
    TimeToAllHeaders,
    /// [`super::Facts::time_to_first_content`]
    TimeToFirstContent,
    /// [`super::Facts::tls_version`]
    TlsVersion,
    /// [`super::Facts::user_agent`]
    UserAgent,
    /// [`super::Facts::xray_trace_id`]
    XrayTraceId,
}

/// Every fixed name after `$context.`, in alphabetical order.
pub const NAMED: &[(&str, Variable)] = &[
    ("accountId", Variable::AccountId),
    ("apiId", Variable::ApiId),
    ("authenticate.error", Variable::Unavailable),
    ("authenticate.latency", Variable::Unavailable),
    ("authenticate.status", Variable::Unavailable),
    ("authorize.error", Variable::AuthorizeError),
    ("authorize.latency", Variable::AuthorizeLatency),
    ("authorize.status", Variable::AuthorizeStatus),
    // Documented as null: only single claims can be named.
    ("authorizer.claims", Variable::Unavailable),
    ("authorizer.error", Variable::AuthorizerError),
    ("authorizer.integrationLatency", Variable::AuthorizerLatency),
    ("authorizer.integrationStatus", Variable::AuthorizerIntegrationStatus),
    ("authorizer.latency", Variable::AuthorizerLatency),
    ("authorizer.principalId", Variable::AuthorizerPrincipalId),
    ("authorizer.requestId", Variable::AuthorizerRequestId),
    ("authorizer.status", Variable::AuthorizerStatus),
    ("awsEndpointRequestId", Variable::IntegrationRequestId),
    ("awsEndpointRequestId2", Variable::IntegrationRequestId2),
    ("cipherSuite", Variable::CipherSuite),
    ("connectedAt", Variable::Unavailable),
    ("connectionId", Variable::Unavailable),
    ("customDomain.basePathMatched", Variable::BasePathMatched),
    ("customDomain.routingRuleIdMatched", Variable::RoutingRuleMatched),
    ("dataProcessed", Variable::DataProcessed),
    ("deploymentId", Variable::DeploymentId),
    ("domainName", Variable::DomainName),
    ("domainPrefix", Variable::DomainPrefix),
    ("endpointType", Variable::EndpointType),
    ("error.message", Variable::ErrorMessage),
    ("error.messageString", Variable::ErrorMessageString),
    ("error.responseType", Variable::ErrorResponseType),
    ("error.validationErrorString", Variable::ValidationError),
    ("eventType", Variable::Unavailable),
    ("extendedRequestId", Variable::ExtendedRequestId),
    ("httpMethod", Variable::HttpMethod),
    ("identity.accountId", Variable::Unavailable),
    ("identity.apiKey", Variable::Unavailable),
    ("identity.apiKeyId", Variable::Unavailable),
    ("identity.caller", Variable::Unavailable),
    ("identity.clientCert.clientCertPem", Variable::Unavailable),
    ("identity.clientCert.issuerDN", Variable::Unavailable),
    ("identity.clientCert.serialNumber", Variable::Unavailable),
    ("identity.clientCert.subjectDN", Variable::Unavailable),
    ("identity.clientCert.validity.notAfter", Variable::Unavailable),
    ("identity.clientCert.validity.notBefore", Variable::Unavailable),
    ("identity.cognitoAuthenticationProvider", Variable::Unavailable),
    ("identity.cognitoAuthenticationType", Variable::Unavailable),
    ("identity.cognitoIdentityId", Variable::Unavailable),
    ("identity.cognitoIdentityPoolId", Variable::Unavailable),
    ("identity.principalOrgId", Variable::Unavailable),
    ("identity.sourceIp", Variable::SourceIp),
    ("identity.user", Variable::Unavailable),
    ("identity.userAgent", Variable::UserAgent),
    ("identity.userArn", Variable::Unavailable),
    ("identity.vpcId", Variable::Unavailable),
    ("identity.vpceId", Variable::Unavailable),
    ("integration.error", Variable::IntegrationError),
    ("integration.integrationStatus", Variable::IntegrationStatus),
    ("integration.latency", Variable::IntegrationLatency),
    ("integration.requestId", Variable::IntegrationRequestId),
    ("integration.responseTransferMode", Variable::ResponseTransferMode),
    ("integration.status", Variable::FunctionStatus),
    ("integration.timeToAllHeaders", Variable::TimeToAllHeaders),
    ("integration.timeToFirstContent", Variable::TimeToFirstContent),
    ("integrationErrorMessage", Variable::IntegrationError),
    ("integrationLatency", Variable::IntegrationLatency),
    ("integrationStatus", Variable::IntegrationStatus),
    ("isCanaryRequest", Variable::IsCanary),
    ("messageDirection", Variable::Unavailable),
    ("messageId", Variable::Unavailable),
    ("path", Variable::Path),
    ("protocol", Variable::Protocol),
    ("requestId", Variable::RequestId),
    ("requestTime", Variable::RequestTime),
    ("requestTimeEpoch", Variable::RequestTimeEpoch),
    ("resourceId", Variable::ResourceId),
    ("resourcePath", Variable::ResourcePath),
    ("responseLatency", Variable::ResponseLatency),
    ("responseLength", Variable::ResponseLength),
    ("responseOverride.status", Variable::Unavailable),
    ("routeKey", Variable::RouteKey),
    ("stage", Variable::Stage),
    ("status", Variable::Status),
    ("tlsVersion", Variable::TlsVersion),
    ("waf.error", Variable::Unavailable),
    ("waf.latency", Variable::Unavailable),
    ("waf.status", Variable::Unavailable),
    ("wafResponseCode", Variable::Unavailable),
    ("webaclArn", Variable::Unavailable),
    ("xrayTraceId", Variable::XrayTraceId),
];

/// What names of an authorizer's own values begin with.
pub(super) const AUTHORIZER: &str = "authorizer.";

/// Names that end in a key of the user's choosing, and which characters beyond letters, digits and
/// `_` the key may have inside. Longest first where one begins like another.
const KEYED: &[(&str, &[u8])] = &[
    ("authorizer.claims.", b":-"),
    (AUTHORIZER, b""),
    ("requestOverride.header.", b"-"),
    ("requestOverride.path.", b"-"),
    ("requestOverride.querystring.", b"-"),
    ("responseOverride.header.", b"-"),
];

/// What a name after `$context.` stands for.
pub fn find(name: &str) -> Option<Variable> {
    if let Ok(index) = NAMED.binary_search_by_key(&name, |(known, _)| known) {
        return Some(NAMED[index].1);
    }
    let found = KEYED.iter().find_map(|(prefix, _)| Some((*prefix, name.strip_prefix(prefix)?)));
    match found {
        None | Some((_, "")) => None,
        Some((AUTHORIZER, _)) => Some(Variable::AuthorizerValue),
        Some(_) => Some(Variable::Unavailable),
    }
}

/// How many bytes at the start of `text` are the name: words of letters, digits and `_`, joined by
/// single dots. A dot, hyphen or colon belongs to the name only when a word follows, so that a
/// sentence or a list may end after a variable.
pub fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_word = |index: usize| {
        bytes.get(index).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let mut length = 0;
    while length < bytes.len() {
        let belongs = is_word(length)
            || length > 0
                && is_word(length + 1)
                && (bytes[length] == b'.' || joins_key(&text[..length], bytes[length]));
        if !belongs {
            break;
        }
        length += 1;
    }
    length
}

fn joins_key(name: &str, byte: u8) -> bool {
    KEYED
        .iter()
        .find(|(prefix, _)| name.len() > prefix.len() && name.starts_with(prefix))
        .is_some_and(|(_, joints)| joints.contains(&byte))
}

/// The known name that is most like a wrong one, if any is like it.
pub fn nearest(name: &str) -> Option<&'static str> {
    let (distance, known) = NAMED
        .iter()
        .map(|(known, _)| {
            let known = *known;
            // Differing only in case is the commonest slip, and the whole name may be affected.
            let distance = strsim::damerau_levenshtein(
                &name.to_ascii_lowercase(),
                &known.to_ascii_lowercase(),
            );
            (distance, known)
        })
        .min()?;
    (distance <= 1 + name.len() / 5).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(NAMED.is_sorted_by(|one, next| one.0 < next.0), "for the binary search");
        for (name, variable) in NAMED {
            assert_eq!(find(name), Some(*variable));
            assert_eq!(name_length(name), name.len(), "{name}");
        }
        assert_eq!(find("authorizer.claims.custom:role"), Some(Variable::Unavailable));
        assert_eq!(find("authorizer.tenant"), Some(Variable::AuthorizerValue));
        for unknown in ["", "authorizer.", "requestid", "requestOverride.header.", "x", "error"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_name_ends_where_the_sentence_goes_on() {
        for (text, name) in [
            ("status.", "status"),
            ("status-x", "status"),
            ("status:1", "status"),
            ("status..x", "status"),
            ("error.message\"", "error.message"),
            ("authorizer.claims.cognito:groups:", "authorizer.claims.cognito:groups"),
            ("authorizer.tenant-1", "authorizer.tenant"),
            ("requestOverride.header.X-Tenant-", "requestOverride.header.X-Tenant"),
            (".status", ""),
            ("", ""),
        ] {
            assert_eq!(&text[..name_length(text)], name, "{text}");
        }
    }

    #[test]
    fn a_slip_gets_a_suggestion_and_nonsense_does_not() {
        assert_eq!(nearest("requestID"), Some("requestId"));
        assert_eq!(nearest("identity.sourceIP"), Some("identity.sourceIp"));
        assert_eq!(nearest("responseLatncy"), Some("responseLatency"));
        assert_eq!(nearest("weather"), None);
    }

    #[test]
    fn the_page_explains_every_variable_that_has_a_value() {
        let page = include_str!("../../../docs/access-logs.md");
        let on_page: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `$context.")?.split('`').next())
            .collect();
        let available: Vec<&str> = NAMED
            .iter()
            .filter(|(_, variable)| *variable != Variable::Unavailable)
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(on_page, available);
    }
}
