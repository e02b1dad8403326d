//! All that an event is made of, borrowed from who knows it.

use crate::exchange::{Admitted, Exchange, Origin};
use crate::http::{Field, Known, authority, forwarded, write};
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

/// What is the same for all requests of a route.
#[derive(Debug, Clone, Copy)]
pub struct RouteFacts<'x> {
    /// `aws`, `aws-cn`, …: the first part of ARNs.
    pub partition: &'x str,
    /// The API's region.
    pub region: &'x str,
    /// The account: twelve digits.
    pub account_id: &'x str,
    /// The API.
    pub api_id: &'x str,
    /// The stage's name.
    pub stage: &'x str,
    /// The deployment that the stage points to. REST only.
    pub deployment_id: &'x str,
    /// The route key, e.g. `GET /pets/{id}` or `$default`. HTTP APIs only.
    pub route_key: &'x str,
    /// The resource's path as declared, e.g. `/pets/{id}`. REST only.
    pub resource_path: &'x str,
    /// The resource. REST only.
    pub resource_id: &'x str,
    /// The method's operation name, if it has one. REST only.
    pub operation_name: Option<&'x str>,
    /// Names of the path parameters, from left to right.
    pub parameter_names: &'x [Box<str>],
    /// Names and values, those of the canary laid over them.
    pub stage_variables: &'x [(Box<str>, Box<str>)],
    /// What a REST API takes for binary: `image/png`, `image/*`, `*/*`.
    pub binary_media_types: &'x [Box<str>],
    /// Whether it is a function URL's only one: paths are told as received, and a length only where there is
    /// content.
    pub is_function_url: bool,
}

/// One request, for the events that tell functions of it.
#[derive(Debug, Clone)]
pub struct EventFacts<'x> {
    /// What is the same for all requests of its route.
    pub route: &'x RouteFacts<'x>,
    /// The method that was routed.
    pub method: &'x str,
    /// What stands before `path` in the paths that tell where the request came in.
    pub prefix: Prefix<'x>,
    /// The path behind stage or base path, as received. Empty stands for `/`.
    pub path: &'x [u8],
    /// The query string as received, without the question mark.
    pub query: Option<&'x [u8]>,
    /// Values of the path parameters as received, in the order of [`RouteFacts::parameter_names`].
    pub parameters: &'x [&'x [u8]],
    /// The client's header fields.
    pub fields: &'x [Field<'x>],
    /// The host that was asked, without a port.
    pub host: &'x [u8],
    /// What the gateway says in `X-Forwarded-*`.
    pub forwarded: Forwarded<'x>,
    /// The value of `X-Amzn-Trace-Id`, made or passed on.
    pub trace_id: &'x [u8],
    /// The client's address behind trusted proxies.
    pub source_ip: IpAddr,
    /// `x-amzn-RequestId`: a UUID.
    pub request_id: &'x [u8],
    /// `x-amz-apigw-id` or `apigw-requestid`.
    pub extended_request_id: &'x [u8],
    /// When the request began, since 1970-01-01T00:00:00Z.
    pub since_epoch: Duration,
    /// Who the client has shown to be.
    pub identity: Identity<'x>,
    /// What the route's authorizer found.
    pub authorizer: Authorized<'x>,
    /// The whole content, without transfer coding.
    pub body: &'x [u8],
}

impl<'x> EventFacts<'x> {
    /// The facts of an exchange that has been routed, of a caller who is nobody yet.
    pub fn of(
        exchange: &'x Exchange<'x>,
        route: &'x RouteFacts<'x>,
        trace_id: &'x [u8],
        since_epoch: Duration,
        body: &'x [u8],
    ) -> Self {
        Self {
            route,
            method: exchange.method,
            prefix: Prefix::of(exchange),
            path: exchange.path(),
            query: exchange.head.target.query(),
            parameters: &exchange.parameters,
            fields: exchange.fields,
            host: authority::host(exchange.head.host.unwrap_or_default()),
            forwarded: Forwarded::of(exchange),
            trace_id,
            source_ip: exchange.source_address(),
            request_id: exchange.ids.request.as_bytes(),
            extended_request_id: exchange.ids.extended.as_bytes(),
            since_epoch,
            identity: Identity::default(),
            authorizer: Authorized::Silent,
            body,
        }
    }

    /// `$context.path`: with what stands before the API's own, as received.
    pub fn context_path(&self) -> Vec<u8> {
        let mut path = Vec::with_capacity(self.path.len() + 32);
        match self.prefix {
            Prefix::Nothing => {}
            Prefix::Stage => {
                path.push(b'/');
                path.extend_from_slice(self.route.stage.as_bytes());
            }
            Prefix::BasePath(base_path) => path.extend_from_slice(base_path),
        }
        path.extend_from_slice(if self.path.is_empty() { b"/" } else { self.path });
        path
    }
}

/// What stands before the API's own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix<'x> {
    /// Nothing: the default stage of an HTTP API, or a domain name without a base path.
    Nothing,
    /// The stage: the API's own host name, or a path form that stands for it.
    Stage,
    /// The base path that a domain name's mapping takes off: begins with a slash and ends without one.
    BasePath(&'x [u8]),
}

impl<'x> Prefix<'x> {
    /// What an exchange's address was taken apart into: a stage where the API's own name was asked, or a
    /// path that stands for it, else a base path.
    pub fn of(exchange: &Exchange<'x>) -> Self {
        let path = exchange.head.target.path();
        let host = authority::host(exchange.head.host.unwrap_or_default());
        let stage = match exchange.api {
            Some(Admitted { origin: Origin::Managed(stage, _), .. }) => Some(&*stage.name),
            Some(Admitted { origin: Origin::File(_), .. }) | None => None,
        };
        Self::of_address(path, exchange.base_path_bytes, host, stage)
    }

    /// `stage` is a managed API's.
    fn of_address(path: &'x [u8], taken_bytes: usize, host: &[u8], stage: Option<&str>) -> Self {
        let taken = path.get(..taken_bytes).unwrap_or_default();
        let second = host.split(|&byte| byte == b'.').nth(1).unwrap_or_default();
        let is_own = second.eq_ignore_ascii_case(b"execute-api")
            || path.starts_with(b"/_aws/execute-api/")
            || path.starts_with(b"/_aws/lambda-url/")
            || path.starts_with(b"/restapis/");
        match stage {
            Some(stage) if is_own => {
                let taken = taken.strip_suffix(b"/_user_request_").unwrap_or(taken);
                let last = taken.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
                let is_shown = stage != "$default" && last == stage.as_bytes();
                if is_shown { Self::Stage } else { Self::Nothing }
            }
            Some(_) | None if taken.is_empty() => Self::Nothing,
            Some(_) | None => Self::BasePath(taken),
        }
    }
}

/// The values of `X-Forwarded-*`.
#[derive(Debug, Clone)]
pub struct Forwarded<'x> {
    /// `X-Forwarded-For`: addresses from the client's to the peer's.
    pub client: Cow<'x, [u8]>,
    /// `X-Forwarded-Port`: where the client connected to.
    pub port: Cow<'x, [u8]>,
    /// `X-Forwarded-Proto`: `http` or `https`.
    pub proto: &'x [u8],
}

impl<'x> Forwarded<'x> {
    /// As a proxied back end is told: a trusted proxy's words are continued, anybody else's forgotten.
    pub fn of(exchange: &Exchange<'x>) -> Self {
        let client = exchange.client;
        let fields = if client.peer_is_trusted { exchange.fields } else { &[] };
        let told = |known: Known| fields.iter().rfind(|field| field.known == known);
        // Most have the client's address alone.
        let mut addresses = Vec::with_capacity(48);
        forwarded::write_x_forwarded_for_value(&mut addresses, fields, client.peer.ip());
        let port = || {
            let mut port = Vec::with_capacity(5);
            write::decimal(&mut port, client.local.port().into());
            Cow::Owned(port)
        };
        Self {
            client: Cow::Owned(addresses),
            port: told(Known::XForwardedPort).map_or_else(port, |field| Cow::Borrowed(field.value)),
            proto: told(Known::XForwardedProto)
                .map_or(if client.is_tls { b"https".as_slice() } else { b"http" }, |field| {
                    field.value
                }),
        }
    }
}

/// Who the client has shown to be. Empty for most requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'x> {
    /// The API key's value, where the method needs one.
    pub api_key: Option<&'x str>,
    /// That key's id.
    pub api_key_id: Option<&'x str>,
    /// Whose signature the request has.
    pub iam: Option<&'x IamCaller>,
    /// The certificate that the client showed.
    pub client_certificate: Option<&'x ClientCertificate>,
    /// The network that a private API was called from.
    pub vpc_id: Option<&'x str>,
    /// The endpoint that a private API was called through.
    pub vpce_id: Option<&'x str>,
}

/// Whose signature a request has (`AWS_IAM`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamCaller {
    /// The access key.
    pub access_key: Box<str>,
    /// Its account.
    pub account_id: Box<str>,
    /// `AIDA…`, or `AROA…:session`.
    pub caller: Box<str>,
    /// The user's id; the same as `caller` for sessions.
    pub user: Box<str>,
    /// The user's or the session's ARN.
    pub user_arn: Box<str>,
    /// Of a session: its role's ARN.
    pub role_arn: Option<Box<str>>,
    /// Tags of the user, or of the role and the session.
    pub tags: Box<[(Box<str>, Box<str>)]>,
    /// The organisation, if the account is in one.
    pub principal_org_id: Option<Box<str>>,
}

/// A certificate that a client showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate in PEM.
    pub pem: Box<str>,
    /// The subject's distinguished name.
    pub subject_dn: Box<str>,
    /// The issuer's distinguished name.
    pub issuer_dn: Box<str>,
    /// In hexadecimal, pairs parted by colons.
    pub serial_number: Box<str>,
    /// As in `May 28 12:30:02 2019 GMT`.
    pub not_before: Box<str>,
    /// As in `Aug  5 09:36:04 2021 GMT`.
    pub not_after: Box<str>,
}

/// What the route's authorizer found.
#[derive(Debug, Clone, Copy, Default)]
pub enum Authorized<'x> {
    #[default]
    /// There is none, or it says no more than [`Identity::iam`].
    Silent,
    /// A function let the request pass.
    Lambda {
        /// `principalId`; simple responses have none.
        principal_id: Option<&'x str>,
        /// What it passes on.
        context: &'x AuthorizerContext,
        /// How long it took; 0 when its answer was remembered.
        latency: Duration,
        /// The API key to meter the caller by. Told to nobody.
        usage_identifier_key: Option<&'x str>,
    },
    /// A token was checked.
    Jwt {
        /// Names and values, values as text.
        claims: &'x [(Box<str>, Box<str>)],
        /// What of the route's scopes the token has; `None` where the route asks for none.
        scopes: Option<&'x [Box<str>]>,
    },
}

/// What an authorizer's function passes on (`$context.authorizer.KEY`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizerContext {
    /// Keys and values as text: numbers and booleans as JSON writes them.
    pub entries: Box<[(Box<str>, Box<str>)]>,
    /// The object in JSON, types kept, for format 2.0; `None` where the function gave no context.
    pub json: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_path_follows_from_the_address() {
        const OWN: &str = "abc.execute-api.eu-west-1.amazonaws.com";
        for (path, taken, host, stage, expected) in [
            ("/prod/a", "/prod", OWN, Some("prod"), Prefix::Stage),
            ("//prod/a", "//prod", OWN, Some("prod"), Prefix::Stage),
            ("/a", "", OWN, Some("$default"), Prefix::Nothing),
            (
                "/_aws/execute-api/abc/prod/a",
                "/_aws/execute-api/abc/prod",
                "h",
                Some("prod"),
                Prefix::Stage,
            ),
            (
                "/_aws/execute-api/abc/$default/a",
                "/_aws/execute-api/abc/$default",
                "h",
                Some("$default"),
                Prefix::Nothing,
            ),
            (
                "/_aws/execute-api/abc/a",
                "/_aws/execute-api/abc",
                "h",
                Some("$default"),
                Prefix::Nothing,
            ),
            (
                "/restapis/abc/prod/_user_request_/a",
                "/restapis/abc/prod/_user_request_",
                "h",
                Some("prod"),
                Prefix::Stage,
            ),
            ("/v1/a", "/v1", "api.example.com", Some("prod"), Prefix::BasePath(b"/v1")),
            ("/prod/a", "/prod", "api.example.com", Some("prod"), Prefix::BasePath(b"/prod")),
            ("/a", "", "api.example.com", Some("prod"), Prefix::Nothing),
            ("/shop/a", "/shop", OWN, None, Prefix::BasePath(b"/shop")),
            ("/a", "", "h", None, Prefix::Nothing),
        ] {
            let found = Prefix::of_address(path.as_bytes(), taken.len(), host.as_bytes(), stage);
            assert_eq!(found, expected, "{path} at {host}");
        }
    }
}
