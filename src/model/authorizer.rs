//! `[[authorizer]]`: a function that decides whether a caller may call a route.

use std::time::Duration;

use toml::de::DeValue;

use super::api::Protocol;
use super::integration::PayloadFormat;
use super::problem::{ProblemKind, nearest};
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};
use super::upstream::name;
use crate::template::JavaPattern;

/// Amazon's bound on how long a verdict is remembered.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Amazon's bounds on what an integration waits, taken for authorizers.
const TIMEOUT_MIN: Duration = Duration::from_millis(50);
const TIMEOUT_MAX: Duration = Duration::from_secs(29);

/// What stands for no authorizer.
const NONE: &str = "none";

pub(super) static TABLE: Table = Table {
    header: "[[authorizer]]",
    about: "A Lambda authorizer: a function that is told who calls, and says whether it may. An API or a route names it with `authorizer`. See [authorizers](authorizers.md).",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("1 to 128 letters, digits, `_`, `-` and `.`, but not `none`"),
            absent: Absent::Required,
            example: "\"callers\"",
            about: "What APIs and routes call it.",
        },
        Key {
            name: "type",
            kind: Kind::Choice(&["token", "request"]),
            absent: Absent::Required,
            example: "\"request\"",
            about: "What the function gets: `token` one header's value (REST APIs only), `request` all of the request but its content.",
        },
        Key {
            name: "function",
            kind: Kind::Text("the name of a [[function]] or [[remote_function]]"),
            absent: Absent::Required,
            example: "\"check\"",
            about: "The function that decides, by the name of its `[[function]]` or `[[remote_function]]`.",
        },
        Key {
            name: "identity_sources",
            kind: Kind::Other(
                "an array of \"header.NAME\", \"querystring.NAME\" and \"context.NAME\"",
            ),
            absent: Absent::Default("[\"header.Authorization\"]"),
            example: "[\"header.Authorization\"]",
            about: "Where callers say who they are. A request in which one of them is missing or empty is answered with 401, and the function is not asked. The values are what a verdict is remembered under. A `token` has exactly one, a header.",
        },
        Key {
            name: "validation",
            kind: Kind::Text("a regular expression as in Java"),
            absent: Absent::Means("every token is asked about"),
            example: "\"Bearer [-0-9a-zA-Z._]+\"",
            about: "What the whole of a `token` must look like; any other is answered with 401, and the function is not asked.",
        },
        Key {
            name: "ttl",
            kind: Kind::Duration(Duration::ZERO, TTL_MAX),
            absent: Absent::Default("\"5m\""),
            example: "\"5m\"",
            about: "How long a verdict is remembered, on each shard. \"0s\" asks for every request.",
        },
        Key {
            name: "payload_format",
            kind: Kind::Choice(&["1.0", "2.0"]),
            absent: Absent::Means("2.0 (HTTP APIs)"),
            example: "\"2.0\"",
            about: "Which form the event of a `request` has in HTTP APIs. REST APIs have one form, their own.",
        },
        Key {
            name: "response",
            kind: Kind::Choice(&["policy", "simple"]),
            absent: Absent::Means(
                "`simple` (HTTP APIs with `payload_format` 2.0) or `policy` (all others)",
            ),
            example: "\"simple\"",
            about: "What the function returns: `{\"isAuthorized\": true}`, or a policy document as in REST APIs, which have nothing else.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(TIMEOUT_MIN, TIMEOUT_MAX),
            absent: Absent::Means("10s (HTTP APIs) or 29s (REST APIs)"),
            example: "\"10s\"",
            about: "How long a client waits for the verdict; beyond it 500.",
        },
    ],
};

/// One authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// Unique in the file, and not `none`.
    pub name: String,
    /// What its function gets.
    pub kind: AuthorizerKind,
    /// The name of one of [`super::Model::functions`] or [`super::Model::remote_functions`].
    pub function: String,
    /// Where callers say who they are; of a token exactly one, a header.
    pub identity_sources: Vec<IdentitySource>,
    /// What a token must look like; it compiles.
    pub validation: Option<String>,
    /// How long a verdict is remembered; zero where there are no identity sources.
    pub ttl: Duration,
    /// Which form its events have in HTTP APIs.
    pub payload_format: PayloadFormat,
    /// What its function returns in HTTP APIs.
    pub response: AuthorizerResponse,
    /// How long a client waits; `None` is as the protocol says.
    pub timeout: Option<Duration>,
}

/// What an authorizer's function gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// One header's value.
    Token,
    /// The request without its content.
    Request,
}

/// What an authorizer's function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizerResponse {
    /// A policy document.
    Policy,
    /// Yes or no.
    Simple,
}

/// Where callers say who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// `header.NAME`
    Header(String),
    /// `querystring.NAME`
    Query(String),
    /// `context.NAME`
    Context(String),
}

/// Reads one `[[authorizer]]`.
pub(super) fn read(reader: &Reader<'_>, function_names: &[String]) -> Option<Authorizer> {
    let name = reader.read("name", |value, key| match name(value, key)? {
        name if name == NONE => Err(Refused::new("bad-name", key.kind.expected())),
        name => Ok(name),
    });
    let kinds = [("token", AuthorizerKind::Token), ("request", AuthorizerKind::Request)];
    let kind = reader.choice("type", &kinds);
    let function = reader.text("function");
    let sources = reader.list("identity_sources", source);
    let ttl = reader.duration("ttl");
    let validation = reader.read("validation", |value, key| {
        let text = text(value, key)?;
        match JavaPattern::compile(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(Refused::with("bad-pattern", key.kind.expected(), error)),
        }
    });
    let formats = [("1.0", PayloadFormat::V1), ("2.0", PayloadFormat::V2)];
    let payload_format = reader.choice("payload_format", &formats).unwrap_or(PayloadFormat::V2);
    let responses =
        [("policy", AuthorizerResponse::Policy), ("simple", AuthorizerResponse::Simple)];
    let response = reader.choice("response", &responses);
    let timeout = reader.duration_if_set("timeout");
    let refuse = |key: &'static str, code, expected: &str| {
        if let Some(value) = reader.raw(key) {
            reader.refuse(key, value, Refused::new(code, expected));
        }
    };
    let sources: Vec<IdentitySource> = sources.into_iter().map(toml::Spanned::into_inner).collect();
    match kind {
        Some(AuthorizerKind::Token) if !matches!(sources[..], [IdentitySource::Header(_)]) => {
            refuse("identity_sources", "token-source", "exactly one header, as `type` is `token`");
        }
        Some(AuthorizerKind::Request) => {
            refuse("validation", "validation-of-request", "nothing, unless `type` is `token`");
            if sources.is_empty() && !ttl.is_zero() {
                refuse("identity_sources", "no-source", "a source, unless `ttl` is \"0s\"");
            }
        }
        Some(AuthorizerKind::Token) | None => {}
    }
    if payload_format == PayloadFormat::V1 && response == Some(AuthorizerResponse::Simple) {
        refuse("response", "simple-needs-2.0", "`policy`, as `payload_format` is 1.0");
    }
    let response = response.unwrap_or(match payload_format {
        PayloadFormat::V1 => AuthorizerResponse::Policy,
        PayloadFormat::V2 => AuthorizerResponse::Simple,
    });
    let function = function?;
    if !function_names.contains(&function) {
        let near = nearest(&function, function_names.iter().map(String::as_str));
        let kind = ProblemKind::UnknownFunction {
            nearest: near.map(Into::into),
            declared: function_names.to_vec(),
            name: function,
        };
        reader.findings.add(reader.span_of("function"), kind);
        return None;
    }
    Some(Authorizer {
        name: name?,
        kind: kind?,
        function,
        identity_sources: sources,
        validation,
        ttl,
        payload_format,
        response,
        timeout,
    })
}

fn source(value: &DeValue<'_>, key: &Key) -> Result<IdentitySource, Refused> {
    let text = text(value, key)?;
    let of: fn(String) -> IdentitySource = match text.split_once('.') {
        Some(("header", _)) => IdentitySource::Header,
        Some(("querystring", _)) => IdentitySource::Query,
        Some(("context", _)) => IdentitySource::Context,
        _ => return Err(Refused::new("bad-source", key.kind.expected())),
    };
    match text.split_once('.') {
        Some((_, name)) if !name.is_empty() => Ok(of(name.to_owned())),
        _ => Err(Refused::new("bad-source", key.kind.expected())),
    }
}

/// What an API or a route says of its authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// Nothing.
    Unsaid,
    /// That everybody may call.
    Nobody,
    /// This one.
    Authorizer(String),
}

impl Named {
    /// What holds for a route, of which its API says this.
    pub(super) fn or(self, of_api: &Self) -> Option<String> {
        match (self, of_api) {
            (Self::Authorizer(name), _) => Some(name),
            (Self::Unsaid, Self::Authorizer(name)) => Some(name.clone()),
            (Self::Nobody, _) | (Self::Unsaid, Self::Unsaid | Self::Nobody) => None,
        }
    }
}

/// Reads `authorizer = …` of an API or a route.
pub(super) fn read_name(reader: &Reader<'_>, protocol: Protocol, declared: &Declared<'_>) -> Named {
    let Some(name) = reader.text("authorizer") else { return Named::Unsaid };
    if name == NONE {
        return Named::Nobody;
    }
    let span = || reader.span_of("authorizer");
    if !declared.names.contains(&name) {
        let near = nearest(&name, declared.names.iter().map(String::as_str).chain([NONE]));
        let kind = ProblemKind::UnknownAuthorizer {
            nearest: near.map(Into::into),
            declared: declared.names.to_vec(),
            name,
        };
        reader.findings.add(span(), kind);
        return Named::Unsaid;
    }
    let is_token = |it: &&Authorizer| it.name == name && it.kind == AuthorizerKind::Token;
    if protocol == Protocol::Http && declared.authorizers.iter().flatten().any(|it| is_token(&it)) {
        let kind = ProblemKind::TokenInHttp { name: name.clone() };
        reader.findings.add(span(), kind);
    }
    Named::Authorizer(name)
}

/// The file's authorizers.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    /// Names of all, good or not, in file order.
    pub(super) names: &'a [String],
    /// Those that are good.
    pub(super) authorizers: &'a [Option<Authorizer>],
}
