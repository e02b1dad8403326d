//! `$context`: what the gateway knows of a request, in Amazon's words.
//!
//! Asked for one variable at a time, by templates, mappings and gateway responses, so nothing is made
//! that nobody names.

use super::event::{Authorized, Prefix};
use super::{Admitted, Exchange};
use crate::http::{self, Field, Known};
use crate::snapshot::managed::Shared;
use crate::snapshot::{Protocol, Route};
use crate::template::{ContextVariables, Variable};
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

/// What the gateway knows of a request.
#[derive(Debug, Clone)]
pub struct Context<'x> {
    /// Which rules the API follows.
    pub protocol: Protocol,
    /// `requestId`.
    pub request_id: Cow<'x, str>,
    /// `extendedRequestId`.
    pub extended_request_id: Cow<'x, str>,
    /// `httpMethod`.
    pub method: &'x str,
    /// `path`: with the stage or what a domain name maps.
    pub path: Cow<'x, str>,
    /// `domainName`.
    pub domain_name: Cow<'x, str>,
    /// `customDomain.basePathMatched`.
    pub base_path: Cow<'x, str>,
    /// `identity.sourceIp`.
    pub source_address: Option<IpAddr>,
    /// `identity.userAgent`.
    pub user_agent: Option<Cow<'x, str>>,
    /// When the request came, since 1970.
    pub received: Duration,
    /// `apiId`.
    pub api_id: &'x str,
    /// `stage`.
    pub stage: &'x str,
    /// `GET /pets/{id}`; empty before there is a route.
    pub route_key: &'x str,
    /// `resourceId`.
    pub resource_id: &'x str,
    /// What all of the API's routes have in common.
    pub shared: Option<&'x Shared>,
    /// `authorizer`.
    pub authorizer: Authorized<'x>,
    /// `error`, in a gateway response.
    pub error: Option<Told<'x>>,
    /// `awsEndpointRequestId`, once a function or service has answered.
    pub endpoint_request_id: Option<Cow<'x, str>>,
    /// `integration`, once the back end of an HTTP API has answered.
    pub integrated: Option<Integrated>,
}

/// What an AWS service calls a request that it has answered with these fields; S3's name for it is older.
pub fn endpoint_request_id<'f>(fields: &[Field<'f>]) -> Option<&'f [u8]> {
    let names: [&[u8]; 2] = [b"x-amzn-requestid", b"x-amz-request-id"];
    let is_it = |field: &&Field<'f>| names.iter().any(|it| field.name.eq_ignore_ascii_case(it));
    fields.iter().find(is_it).map(|field| field.value)
}

/// What is known of a back end's answer.
#[derive(Debug, Clone, Copy)]
pub struct Integrated {
    /// `integration.status`.
    pub status: u16,
    /// `integration.latency`: from the time the back end was asked.
    pub latency: Duration,
}

/// What a gateway response may say of what happened.
#[derive(Debug, Clone, Copy)]
pub struct Told<'x> {
    /// `error.message`; `None` is null.
    pub message: Option<&'x str>,
    /// `error.responseType`.
    pub response_type: &'static str,
    /// `error.validationErrorString`.
    pub validation: Option<&'x str>,
}

impl<'x> Context<'x> {
    /// Of a request of which nothing is known yet.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            request_id: Cow::Borrowed(""),
            extended_request_id: Cow::Borrowed(""),
            method: "",
            path: Cow::Borrowed(""),
            domain_name: Cow::Borrowed(""),
            base_path: Cow::Borrowed(""),
            source_address: None,
            user_agent: None,
            received: Duration::ZERO,
            api_id: "",
            stage: "",
            route_key: "",
            resource_id: "",
            shared: None,
            authorizer: Authorized::Silent,
            error: None,
            endpoint_request_id: None,
            integrated: None,
        }
    }

    /// Of an exchange that got at least as far as to an API.
    pub fn of(exchange: &Exchange<'x>) -> Self {
        let Exchange { head, api, .. } = exchange;
        let route: Option<&Route> =
            api.zip(exchange.route).map(|(Admitted { api, .. }, route)| api.route(route));
        let host = http::authority::host(head.host.unwrap_or_default());
        let agent = exchange.fields.iter().find(|field| field.known == Known::UserAgent);
        let protocol = exchange.protocol.unwrap_or(Protocol::Http);
        Self {
            protocol,
            request_id: exchange.ids.context_id(protocol).to_owned().into(),
            extended_request_id: exchange.ids.extended.as_str().to_owned().into(),
            method: exchange.method,
            path: text_of(exchange.context_path()),
            domain_name: String::from_utf8_lossy(host),
            base_path: match Prefix::of(exchange) {
                Prefix::BasePath(path) => {
                    String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path))
                }
                Prefix::Nothing | Prefix::Stage => Cow::Borrowed(""),
            },
            source_address: Some(exchange.source_address()),
            user_agent: agent.map(|field| String::from_utf8_lossy(field.value)),
            received: exchange.received,
            api_id: api.map_or("", |it| &it.api.id),
            stage: api.map_or("", |it| &it.api.stage),
            route_key: route.map_or("", |it| &it.key),
            resource_id: route.map_or("", |it| &it.resource_id),
            shared: api.and_then(|it| it.api.shared.as_deref()),
            authorizer: exchange.authorized(),
            error: None,
            endpoint_request_id: None,
            integrated: None,
        }
    }

    /// The same once a back end has answered with these fields.
    pub fn answered(self, fields: &[Field<'_>]) -> Self {
        let given = endpoint_request_id(fields).map(String::from_utf8_lossy);
        Self { endpoint_request_id: given.map(|id| id.into_owned().into()), ..self }
    }

    /// A variable as text. `None`: there is none.
    pub fn text(&self, parts: &[Box<str>]) -> Option<Cow<'_, str>> {
        let parts: Vec<&str> = parts.iter().map(|it| &**it).collect();
        match self.variable(&parts) {
            Variable::Text(text) => Some(text),
            Variable::Integer(number) => Some(number.to_string().into()),
            Variable::Boolean(flag) => Some(flag.to_string().into()),
            Variable::Missing | Variable::Group => None,
        }
    }

    fn request_time(&self) -> String {
        let seconds = i64::try_from(self.received.as_secs()).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    }
}

/// What is no text has replacement characters.
fn text_of(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

const NAMES: &[&str] = &[
    "accountId",
    "apiId",
    "authorizer",
    "deploymentId",
    "domainName",
    "domainPrefix",
    "extendedRequestId",
    "httpMethod",
    "identity",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "stage",
];

impl ContextVariables for Context<'_> {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        let text = |text: &'a str| match text {
            "" => Variable::Missing,
            text => Variable::Text(Cow::Borrowed(text)),
        };
        let shared =
            |get: fn(&Shared) -> &str| self.shared.map_or(Variable::Missing, |it| text(get(it)));
        match *path {
            ["requestId"] => text(&self.request_id),
            ["extendedRequestId"] => text(&self.extended_request_id),
            ["httpMethod"] => text(self.method),
            ["path"] => text(&self.path),
            ["protocol"] => text("HTTP/1.1"),
            ["domainName"] => text(&self.domain_name),
            ["domainPrefix"] => text(self.domain_name.split('.').next().unwrap_or_default()),
            ["customDomain", "basePathMatched"] => text(&self.base_path),
            ["apiId"] => text(self.api_id),
            ["stage"] => text(self.stage),
            ["accountId"] => shared(|it| &it.account_id),
            ["deploymentId"] => shared(|it| &it.deployment_id),
            ["isCanaryRequest"] => match self.shared.and_then(|it| it.is_canary) {
                Some(flag) => text(if flag { "true" } else { "false" }),
                None => Variable::Missing,
            },
            ["resourceId"] => text(self.resource_id),
            ["resourcePath"] if self.protocol == Protocol::Rest => {
                text(self.route_key.split_once(' ').map_or("", |(_, path)| path))
            }
            ["routeKey"] if self.protocol == Protocol::Http => text(self.route_key),
            ["requestTime"] => Variable::Text(self.request_time().into()),
            ["requestTimeEpoch"] => {
                Variable::Integer(i64::try_from(self.received.as_millis()).unwrap_or(i64::MAX))
            }
            ["awsEndpointRequestId"] => match &self.endpoint_request_id {
                Some(id) => text(id),
                None => Variable::Missing,
            },
            ["identity"] => Variable::Group,
            ["identity", "sourceIp"] => match self.source_address {
                Some(address) => Variable::Text(address.to_string().into()),
                None => Variable::Missing,
            },
            ["identity", "userAgent"] => match &self.user_agent {
                Some(agent) => text(agent),
                None => Variable::Missing,
            },
            ["authorizer"] => match self.authorizer {
                Authorized::Silent => Variable::Missing,
                Authorized::Lambda { .. } | Authorized::Jwt { .. } => Variable::Group,
            },
            ["authorizer", name] => self.authorizer.variable(name),
            ["authorizer", "claims", name] => self.authorizer.claim(name),
            ["integrationStatus"] | ["integration", "status" | "integrationStatus"] => {
                self.integrated.map_or(Variable::Missing, |it| Variable::Integer(it.status.into()))
            }
            ["integrationLatency"] | ["integration", "latency"] => {
                self.integrated.map_or(Variable::Missing, |it| {
                    Variable::Integer(i64::try_from(it.latency.as_millis()).unwrap_or(i64::MAX))
                })
            }
            ["error", name] => match self.error {
                Some(told) => told.variable(name),
                None => Variable::Missing,
            },
            ["error"] if self.error.is_some() => Variable::Group,
            _ => Variable::Missing,
        }
    }

    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str)) {
        match path {
            [] => {
                let is_silent = matches!(self.authorizer, Authorized::Silent);
                let known = NAMES.iter().filter(|name| **name != "authorizer" || !is_silent);
                known.for_each(|name| each(name));
            }
            ["identity"] => ["sourceIp", "userAgent"].iter().for_each(|name| each(name)),
            ["authorizer"] => self.authorizer.names(each),
            _ => {}
        }
    }
}

impl<'x> Authorized<'x> {
    /// `$context.authorizer.NAME`: values of a function's context are texts, whatever they were.
    fn variable(self, name: &str) -> Variable<'x> {
        let Self::Lambda { principal_id, context, latency, .. } = self else {
            return Variable::Missing;
        };
        let text = |text: &'x str| Variable::Text(Cow::Borrowed(text));
        match name {
            "principalId" => principal_id.map_or(Variable::Missing, text),
            "integrationLatency" => Variable::Text(latency.as_millis().to_string().into()),
            // Documented as not usable: it is where a token's claims are.
            "claims" => Variable::Missing,
            name => {
                let found = context.entries.iter().find(|(known, _)| **known == *name);
                found.map_or(Variable::Missing, |(_, value)| text(value))
            }
        }
    }

    fn claim(self, name: &str) -> Variable<'x> {
        let Self::Jwt { claims, .. } = self else { return Variable::Missing };
        let found = claims.iter().find(|(known, _)| **known == *name);
        found.map_or(Variable::Missing, |(_, value)| Variable::Text(Cow::Borrowed(value)))
    }

    fn names(self, each: &mut dyn FnMut(&'x str)) {
        let Self::Lambda { principal_id, context, .. } = self else { return };
        if principal_id.is_some() {
            each("principalId");
        }
        each("integrationLatency");
        context.entries.iter().for_each(|(name, _)| each(name));
    }
}

impl<'x> Told<'x> {
    fn variable(self, name: &str) -> Variable<'x> {
        let text = |text: Option<&'x str>| match text {
            Some(text) => Variable::Text(Cow::Borrowed(text)),
            None => Variable::Missing,
        };
        match name {
            "message" => text(self.message),
            // It brings its own quotes.
            "messageString" => {
                Variable::Text(serde_json::Value::from(self.message).to_string().into())
            }
            "responseType" => Variable::Text(Cow::Borrowed(self.response_type)),
            "validationErrorString" => text(self.validation),
            _ => Variable::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::event::AuthorizerContext;
    use std::net::Ipv4Addr;

    fn shared(is_canary: Option<bool>) -> Shared {
        Shared {
            account_id: "123456789012".into(),
            deployment_id: "d1".into(),
            is_canary,
            ..Shared::default()
        }
    }

    #[test]
    fn every_variable_that_a_rest_api_knows_has_its_value() {
        let found = AuthorizerContext {
            entries: [("key".into(), "1".into()), ("is".into(), "true".into())].into(),
            json: None,
        };
        let shared = shared(Some(true));
        let context = Context {
            request_id: "r".into(),
            extended_request_id: "e=".into(),
            method: "POST",
            path: "/prod/pets/7".into(),
            domain_name: "abc.execute-api.eu-west-1.amazonaws.com".into(),
            source_address: Some(Ipv4Addr::new(203, 0, 113, 7).into()),
            user_agent: Some("curl/8".into()),
            received: Duration::from_millis(1_551_194_973_732),
            api_id: "abc",
            stage: "prod",
            route_key: "ANY /pets/{id}",
            resource_id: "x1",
            shared: Some(&shared),
            authorizer: Authorized::Lambda {
                principal_id: Some("user|1"),
                context: &found,
                latency: Duration::from_millis(12),
                usage_identifier_key: Some("secret"),
            },
            error: Some(Told {
                message: Some("say \"no\""),
                response_type: "BAD_REQUEST_BODY",
                validation: Some("[why]"),
            }),
            endpoint_request_id: Some("i".into()),
            ..Context::new(Protocol::Rest)
        };
        for (name, expected) in [
            ("accountId", "123456789012"),
            ("apiId", "abc"),
            ("authorizer.principalId", "user|1"),
            ("authorizer.key", "1"),
            ("authorizer.is", "true"),
            ("authorizer.integrationLatency", "12"),
            ("awsEndpointRequestId", "i"),
            ("deploymentId", "d1"),
            ("domainName", "abc.execute-api.eu-west-1.amazonaws.com"),
            ("domainPrefix", "abc"),
            ("error.message", "say \"no\""),
            ("error.messageString", r#""say \"no\"""#),
            ("error.responseType", "BAD_REQUEST_BODY"),
            ("error.validationErrorString", "[why]"),
            ("extendedRequestId", "e="),
            ("httpMethod", "POST"),
            ("identity.sourceIp", "203.0.113.7"),
            ("identity.userAgent", "curl/8"),
            ("isCanaryRequest", "true"),
            ("path", "/prod/pets/7"),
            ("protocol", "HTTP/1.1"),
            ("requestId", "r"),
            ("requestTime", "26/Feb/2019:15:29:33 +0000"),
            ("requestTimeEpoch", "1551194973732"),
            ("resourceId", "x1"),
            ("resourcePath", "/pets/{id}"),
            ("stage", "prod"),
        ] {
            assert_eq!(text(&context, name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "authorizer.claims",
            "authorizer.claims.sub",
            "authorizer.usageIdentifierKey",
            "identity.apiKey",
            "identity.caller",
            "identity.clientCert.subjectDN",
            "identity.user",
            "identity.vpceId",
            "routeKey",
            "wafResponseCode",
            "webaclArn",
            "nope",
        ] {
            assert_eq!(text(&context, name), None, "{name}");
        }
    }

    #[test]
    fn what_a_request_does_not_have_is_missing() {
        let shared = shared(None);
        let context = Context { shared: Some(&shared), ..Context::new(Protocol::Rest) };
        for name in [
            "isCanaryRequest",
            "authorizer.principalId",
            "awsEndpointRequestId",
            "error.message",
            "identity.userAgent",
            "resourceId",
        ] {
            assert_eq!(text(&context, name), None, "{name}");
        }
        let error = Some(Told { message: None, response_type: "X", validation: None });
        let null = Context { error, ..Context::new(Protocol::Rest) };
        assert_eq!(text(&null, "error.messageString").as_deref(), Some("null"));
        assert_eq!(text(&null, "error.message"), None);
    }

    fn text(context: &Context<'_>, name: &str) -> Option<String> {
        let parts: Vec<Box<str>> = name.split('.').map(Into::into).collect();
        context.text(&parts).map(Cow::into_owned)
    }

    #[test]
    fn what_an_authorizer_passes_on_is_named_key_by_key() {
        let given = AuthorizerContext {
            entries: [("n", "1"), ("is", "true"), ("list", "[1]"), ("claims", "{}")]
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
            json: None,
        };
        let authorizer = Authorized::Lambda {
            principal_id: Some("user|1"),
            context: &given,
            latency: Duration::from_millis(7),
            usage_identifier_key: None,
        };
        let context = Context { authorizer, ..Context::new(Protocol::Http) };
        for (name, expected) in [
            ("authorizer.n", Some("1")),
            ("authorizer.is", Some("true")),
            ("authorizer.list", Some("[1]")),
            ("authorizer.principalId", Some("user|1")),
            ("authorizer.claims", None),
            ("authorizer.claims.sub", None),
            ("authorizer.none", None),
            ("authorizer", None),
        ] {
            assert_eq!(text(&context, name).as_deref(), expected, "{name}");
        }
        let claims: [(Box<str>, Box<str>); 1] = [("sub".into(), "42".into())];
        let authorizer = Authorized::Jwt { claims: &claims, scopes: None };
        let context = Context { authorizer, ..Context::new(Protocol::Http) };
        assert_eq!(text(&context, "authorizer.claims.sub").as_deref(), Some("42"));
        assert_eq!(text(&context, "authorizer.claims"), None);
    }
}
