//! `requestContext`: who asked for what, when and where, in the words of `$context`.

use super::json::{Object, str_text};
use super::{Authorized, AuthorizerContext, ClientCertificate, EventFacts, Format, Prefix};
use crate::http::Known;
use crate::http::forwarded::write_address;
use crate::telemetry::access_log::push_clf_time;
use std::ops::Range;

/// Whether an event tells what authorizers found. Those of authorizers themselves do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    /// It does.
    Authorizer,
    /// It does not.
    NoAuthorizer,
}

/// Of a REST API.
pub(crate) fn write_rest(facts: &EventFacts<'_>, tells: Tells, out: &mut Vec<u8>) {
    let route = facts.route;
    let mut context = Object::begin(out);
    context.text("resourceId", route.resource_id);
    if tells == Tells::Authorizer {
        write_authorizer_1(facts, Format::Rest, &mut context);
    }
    context.text("resourcePath", route.resource_path);
    if let Some(name) = route.operation_name {
        context.text("operationName", name);
    }
    context.text("httpMethod", facts.method);
    context.own("extendedRequestId", facts.extended_request_id);
    write_time(facts, context.member("requestTime"));
    write_path(facts, facts.path, context.member("path"));
    context.text("accountId", route.account_id);
    context.own("protocol", b"HTTP/1.1");
    context.text("stage", route.stage);
    context.bytes("domainPrefix", domain_prefix(facts.host));
    context.number("requestTimeEpoch", milliseconds(facts));
    context.own("requestId", facts.request_id);
    write_identity(facts, Format::Rest, context.member("identity"));
    context.bytes("domainName", facts.host);
    context.text("deploymentId", route.deployment_id);
    context.text("apiId", route.api_id);
    context.end();
}

/// Of an HTTP API in format 1.0.
pub(crate) fn write_http_1(facts: &EventFacts<'_>, tells: Tells, out: &mut Vec<u8>) {
    let route = facts.route;
    let mut context = Object::begin(out);
    context.text("accountId", route.account_id);
    context.text("apiId", route.api_id);
    if tells == Tells::Authorizer {
        write_authorizer_1(facts, Format::Http1, &mut context);
    }
    context.bytes("domainName", facts.host);
    context.bytes("domainPrefix", domain_prefix(facts.host));
    context.own("extendedRequestId", facts.extended_request_id);
    context.text("httpMethod", facts.method);
    write_identity(facts, Format::Http1, context.member("identity"));
    write_path(facts, &super::query::decoded(facts.path), context.member("path"));
    context.own("protocol", b"HTTP/1.1");
    context.own("requestId", facts.extended_request_id);
    write_time(facts, context.member("requestTime"));
    context.number("requestTimeEpoch", milliseconds(facts));
    context.text("resourceId", route.route_key);
    context.text("resourcePath", resource_path(route.route_key));
    context.text("stage", route.stage);
    context.end();
}

/// Of an HTTP API in format 2.0. `raw_path` is where in `out` the value of
/// `rawPath` stands.
pub(crate) fn write_http_2(
    facts: &EventFacts<'_>,
    tells: Tells,
    raw_path: Range<usize>,
    out: &mut Vec<u8>,
) {
    let route = facts.route;
    let mut context = Object::begin(out);
    context.text("accountId", route.account_id);
    context.text("apiId", route.api_id);
    if let Some(certificate) = facts.identity.client_certificate {
        let mut authentication = Object::begin(context.member("authentication"));
        write_certificate(certificate, authentication.member("clientCert"));
        authentication.end();
    }
    if tells == Tells::Authorizer {
        write_authorizer_2(facts, &mut context);
    }
    context.bytes("domainName", facts.host);
    context.bytes("domainPrefix", domain_prefix(facts.host));
    let mut http = Object::begin(context.member("http"));
    http.text("method", facts.method);
    http.member("path").extend_from_within(raw_path);
    http.own("protocol", b"HTTP/1.1");
    write_source_ip(facts, &mut http);
    http.bytes("userAgent", user_agent(facts).unwrap_or_default());
    http.end();
    context.own("requestId", facts.extended_request_id);
    context.text("routeKey", route.route_key);
    context.text("stage", route.stage);
    write_time(facts, context.member("time"));
    context.number("timeEpoch", milliseconds(facts));
    context.end();
}

/// The path with what stands before the API's own. `path` is the API's own, decoded or as received.
pub(crate) fn write_path(facts: &EventFacts<'_>, path: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let path = if path.is_empty() { b"/" } else { path };
    match facts.prefix {
        Prefix::Nothing => {}
        Prefix::Stage => {
            out.push(b'/');
            super::json::text_inside(out, facts.route.stage.as_bytes());
        }
        Prefix::BasePath(base_path) => super::json::text_inside(out, base_path),
    }
    super::json::text_inside(out, path);
    out.push(b'"');
}

/// `/pets/{id}` of `GET /pets/{id}`; `$default` stands for itself.
pub(crate) fn resource_path(route_key: &str) -> &str {
    route_key.split_once(' ').map_or(route_key, |(_, path)| path)
}

/// What REST APIs and format 1.0 say of the caller.
fn write_authorizer_1(facts: &EventFacts<'_>, format: Format, context: &mut Object<'_>) {
    match facts.authorizer {
        // As recorded of HTTP APIs, whose documented example has an authorizer.
        Authorized::Silent => {}
        Authorized::Lambda { principal_id, context: given, latency, .. } => {
            let mut authorizer = Object::begin(context.member("authorizer"));
            if format != Format::Rest {
                for name in ["claims", "scopes"] {
                    if !given.entries.iter().any(|(key, _)| &**key == name) {
                        authorizer.null(name);
                    }
                }
            }
            write_entries(given, &mut authorizer);
            if let Some(principal_id) = principal_id {
                authorizer.text("principalId", principal_id);
            }
            if format == Format::Rest {
                let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
                authorizer.number("integrationLatency", latency);
            }
            authorizer.end();
        }
        Authorized::Jwt { claims, scopes } => {
            let mut authorizer = Object::begin(context.member("authorizer"));
            write_pairs(claims, authorizer.member("claims"));
            if format != Format::Rest {
                write_scopes(scopes, authorizer.member("scopes"));
            }
            authorizer.end();
        }
    }
}

fn write_authorizer_2(facts: &EventFacts<'_>, context: &mut Object<'_>) {
    match facts.authorizer {
        Authorized::Silent => {
            let Some(caller) = facts.identity.iam else { return };
            let mut authorizer = Object::begin(context.member("authorizer"));
            let mut iam = Object::begin(authorizer.member("iam"));
            iam.text("accessKey", &caller.access_key);
            iam.text("accountId", &caller.account_id);
            iam.text("callerId", &caller.caller);
            iam.null("cognitoIdentity");
            iam.text_or_null("principalOrgId", caller.principal_org_id.as_deref());
            iam.text("userArn", &caller.user_arn);
            iam.text("userId", &caller.user);
            iam.end();
            authorizer.end();
        }
        Authorized::Lambda { context: given, .. } => {
            let mut authorizer = Object::begin(context.member("authorizer"));
            let json = given.json.as_deref().unwrap_or("null");
            authorizer.member("lambda").extend_from_slice(json.as_bytes());
            authorizer.end();
        }
        Authorized::Jwt { claims, scopes } => {
            let mut authorizer = Object::begin(context.member("authorizer"));
            let mut jwt = Object::begin(authorizer.member("jwt"));
            write_pairs(claims, jwt.member("claims"));
            write_scopes(scopes, jwt.member("scopes"));
            jwt.end();
            authorizer.end();
        }
    }
}

fn write_entries(given: &AuthorizerContext, authorizer: &mut Object<'_>) {
    for (key, value) in &given.entries {
        // Those two are the gateway's to say; a second member of the name would win in most readers.
        if !matches!(&**key, "principalId" | "integrationLatency") {
            str_text(authorizer.entry(key.as_bytes()), value);
        }
    }
}

/// `{"a":"1"}`.
pub(super) fn write_pairs(pairs: &[(Box<str>, Box<str>)], out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    for (name, value) in pairs {
        str_text(object.entry(name.as_bytes()), value);
    }
    object.end();
}

fn write_scopes(scopes: Option<&[Box<str>]>, out: &mut Vec<u8>) {
    match scopes {
        Some(scopes) => super::query::write_list(out, scopes.iter().map(|it| it.as_bytes())),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_identity(facts: &EventFacts<'_>, format: Format, out: &mut Vec<u8>) {
    let who = &facts.identity;
    let caller = who.iam;
    let mut identity = Object::begin(out);
    match format {
        Format::Rest => {
            identity.null("cognitoIdentityPoolId");
            identity.text_or_null("accountId", caller.map(|it| &*it.account_id));
            identity.null("cognitoIdentityId");
            identity.text_or_null("caller", caller.map(|it| &*it.caller));
            write_source_ip(facts, &mut identity);
            let organisation = caller.and_then(|it| it.principal_org_id.as_deref());
            identity.text_or_null("principalOrgId", organisation);
            identity.text_or_null("accessKey", caller.map(|it| &*it.access_key));
            identity.null("cognitoAuthenticationType");
            identity.null("cognitoAuthenticationProvider");
            identity.text_or_null("userArn", caller.map(|it| &*it.user_arn));
            write_user_agent(facts, &mut identity);
            identity.text_or_null("user", caller.map(|it| &*it.user));
            for (name, value) in [
                ("apiKey", who.api_key),
                ("apiKeyId", who.api_key_id),
                ("vpcId", who.vpc_id),
                ("vpceId", who.vpce_id),
            ] {
                if let Some(value) = value {
                    identity.text(name, value);
                }
            }
        }
        Format::Http1 | Format::Http2 => {
            identity.text_or_null("accessKey", caller.map(|it| &*it.access_key));
            identity.text_or_null("accountId", caller.map(|it| &*it.account_id));
            identity.text_or_null("caller", caller.map(|it| &*it.caller));
            identity.null("cognitoAmr");
            identity.null("cognitoAuthenticationProvider");
            identity.null("cognitoAuthenticationType");
            identity.null("cognitoIdentityId");
            identity.null("cognitoIdentityPoolId");
            let organisation = caller.and_then(|it| it.principal_org_id.as_deref());
            identity.text_or_null("principalOrgId", organisation);
            write_source_ip(facts, &mut identity);
            identity.text_or_null("user", caller.map(|it| &*it.user));
            identity.bytes("userAgent", user_agent(facts).unwrap_or_default());
            identity.text_or_null("userArn", caller.map(|it| &*it.user_arn));
        }
    }
    if let Some(certificate) = who.client_certificate {
        write_certificate(certificate, identity.member("clientCert"));
    }
    identity.end();
}

fn write_certificate(certificate: &ClientCertificate, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.text("clientCertPem", &certificate.pem);
    object.text("subjectDN", &certificate.subject_dn);
    object.text("issuerDN", &certificate.issuer_dn);
    object.text("serialNumber", &certificate.serial_number);
    let mut validity = Object::begin(object.member("validity"));
    validity.text("notBefore", &certificate.not_before);
    validity.text("notAfter", &certificate.not_after);
    validity.end();
    object.end();
}

fn write_source_ip(facts: &EventFacts<'_>, object: &mut Object<'_>) {
    let out = object.member("sourceIp");
    out.push(b'"');
    write_address(out, facts.source_ip);
    out.push(b'"');
}

fn write_user_agent(facts: &EventFacts<'_>, object: &mut Object<'_>) {
    match user_agent(facts) {
        Some(value) => object.bytes("userAgent", value),
        None => object.null("userAgent"),
    }
}

fn user_agent<'x>(facts: &EventFacts<'x>) -> Option<&'x [u8]> {
    facts.fields.iter().rfind(|it| it.known == Known::UserAgent).map(|it| it.value)
}

fn write_time(facts: &EventFacts<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    push_clf_time(out, facts.since_epoch);
    out.push(b'"');
}

fn milliseconds(facts: &EventFacts<'_>) -> u64 {
    u64::try_from(facts.since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// The first label of a host name.
fn domain_prefix(host: &[u8]) -> &[u8] {
    host.split(|&byte| byte == b'.').next().unwrap_or_default()
}
