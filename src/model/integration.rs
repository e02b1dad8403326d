//! `integration = { type = … }`: who answers a route.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{ProblemKind, nearest};
use super::reader::{Reader, Refused, wrong_type};
use super::reference::{Absent, Key, Kind, Table};
use super::upstream::{Upstream, implied, parse_target};
use super::{Method, Protocol, RouteKey};

const TIMEOUT_MIN: Duration = Duration::from_millis(50);
const TIMEOUT_MAX: Duration = Duration::from_secs(900);

pub(super) static HTTP_PROXY: Table = Table {
    header: "an `http_proxy` integration",
    about: "Passes requests on to a back end: method, path, query string, header fields and content as they came, hop-by-hop fields aside. `integration = { type = \"http_proxy\", … }`.",
    keys: &[
        TYPE,
        Key {
            name: "upstream",
            kind: Kind::Text("the name of an [[upstream]]"),
            absent: Absent::Means("`url` says where"),
            example: "\"catalog\"",
            about: "The back ends, by the name of their `[[upstream]]`. Either this or `url`.",
        },
        Key {
            name: "url",
            kind: Kind::Text(
                "an http or https URL such as \"http://catalog.internal:9001/v1/{id}\"",
            ),
            absent: Absent::Means("`upstream` says where"),
            example: "# \"https://catalog.internal/v1/products/{id}\"",
            about: "A back end without an `[[upstream]]` of its own: scheme, host, port (80 and 443 when left out) and, if there is one, a path with the same meaning as `path`. Upstream settings have their defaults.",
        },
        Key {
            name: "path",
            kind: Kind::Text("a path such as \"/v1/products/{id}\""),
            absent: Absent::Means("the request's own path after the base path, byte for byte"),
            example: "\"/v1/products/{id}\"",
            about: "The path that the back end sees. `{name}` is a variable of the route key, a greedy one is written without `+`; values are decoded and encoded again, and a value that would step out of the path (`..`) is refused with 400. On `$default` the request's path is put behind it, as Amazon does. The query string always follows unchanged.",
        },
        Key {
            name: "method",
            kind: Kind::Choice(&[
                "ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS",
            ]),
            absent: Absent::Default("\"ANY\""),
            example: "\"ANY\"",
            about: "The method that the back end sees; `ANY` is the client's own.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(TIMEOUT_MIN, TIMEOUT_MAX),
            absent: Absent::Means("30s (HTTP APIs) or 29s (REST APIs)"),
            example: "\"30s\"",
            about: "From the moment the request is handed to the upstream to the head of its response; beyond it 504. The defaults and the least value are Amazon's; Amazon's defaults are also its usual maxima, here 15 minutes are allowed.",
        },
    ],
};

pub(super) static MOCK: Table = Table {
    header: "a `mock` integration",
    about: "Answers by itself, always the same. `integration = { type = \"mock\", … }`. Amazon has it for REST APIs only; here HTTP APIs may use it too.",
    keys: &[
        TYPE,
        Key {
            name: "status",
            kind: Kind::Count(200, 599),
            absent: Absent::Default("200"),
            example: "200",
            about: "The status code. Interim ones (1xx) are no answers.",
        },
        Key {
            name: "headers",
            kind: Kind::Other("a table from header names to a text or an array of texts"),
            absent: Absent::Means("none"),
            example: "{ content-type = \"text/plain\" }",
            about: "Header fields. `content-type` is `application/json` when it is not among them, as with Amazon; framing and connection fields, `date` and the request id are the gateway's own.",
        },
        Key {
            name: "body",
            kind: Kind::Other("a text"),
            absent: Absent::Default("\"\""),
            example: "\"hello\"",
            about: "The content. None for 204 and 304.",
        },
    ],
};

pub(super) static LAMBDA: Table = Table {
    header: "a `lambda` integration",
    about: "Hands the request to a function as an event, and answers with what it returns: Lambda proxy integration (`AWS_PROXY`). `integration = { type = \"lambda\", function = \"hello\" }`. The content is read in full first, up to `server.limits.body`.",
    keys: &[
        TYPE,
        Key {
            name: "function",
            kind: Kind::Text("the name of a [[function]] or [[remote_function]]"),
            absent: Absent::Required,
            example: "\"hello\"",
            about: "The function, by the name of its `[[function]]` or `[[remote_function]]`.",
        },
        Key {
            name: "payload_format",
            kind: Kind::Choice(&["1.0", "2.0"]),
            absent: Absent::Means("2.0 (HTTP APIs)"),
            example: "\"2.0\"",
            about: "Which form events and results have; HTTP APIs only. REST APIs have one form, their own.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(TIMEOUT_MIN, TIMEOUT_MAX),
            absent: Absent::Means("30s (HTTP APIs) or 29s (REST APIs)"),
            example: "\"30s\"",
            about: "How long a client waits, for a worker and for the function together; beyond it 504. The function goes on until its own time-out, as with Amazon.",
        },
        Key {
            name: "stream",
            kind: Kind::Flag,
            absent: Absent::Means("false"),
            example: "true",
            about: "Whether the client gets what a streaming function answers as it comes, instead of the whole of it at its end. `timeout` bounds all of it, and it may pause for at most 5 minutes. See [functions that stream](lambda.md#streaming-functions).",
        },
    ],
};

const TYPE: Key = Key {
    name: "type",
    kind: Kind::Choice(&["http_proxy", "lambda", "mock"]),
    absent: Absent::Required,
    example: "",
    about: "Which kind of integration.",
};

/// Only to read `type`, before it is known which keys belong beside it.
static EITHER: Table = Table {
    header: "an integration",
    about: "",
    keys: &[Key {
        name: "type",
        kind: Kind::Choice(&["http_proxy", "lambda", "mock"]),
        absent: Absent::Required,
        example: "\"http_proxy\"",
        about: "",
    }],
};

/// Who answers a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integration {
    /// A fixed response.
    Mock(Mock),
    /// A back end, bytes passed through.
    HttpProxy(HttpProxy),
    /// A function.
    Lambda(Lambda),
}

/// A request handed to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// The name of one of [`super::Model::functions`].
    pub function: String,
    /// Which form events and results have.
    pub payload_format: PayloadFormat,
    /// How long a client waits for the answer.
    pub timeout: Duration,
    /// Whether a streamed answer is handed on as it comes.
    pub stream: bool,
}

/// Which form a function's events and results have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    /// Of REST APIs, and of HTTP APIs that ask for it.
    V1,
    /// Of HTTP APIs.
    V2,
}

/// A fixed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// 200 to 599.
    pub status: u16,
    /// Header fields in file order; names and values are valid field names and values.
    pub headers: Vec<(String, String)>,
    /// The content. Empty where the status allows none (204, 304).
    pub body: String,
}

/// A request passed on to a back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// Position in [`super::Model::upstreams`].
    pub upstream: usize,
    /// The method to use; `None` is the client's own.
    pub method: Option<Method>,
    /// Which path the back end sees.
    pub path: ProxyPath,
    /// From the moment the request is handed to the upstream to the head of its response.
    pub timeout: Duration,
}

/// Which path the back end sees. The client's query string always follows it unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyPath {
    /// The request's own path after the base path, byte for byte.
    AsReceived,
    /// A path with the route's parameters filled in.
    Pattern(PathPattern),
    /// The request's own path behind this prefix (a `$default` route with `path`).
    Under(Box<str>),
}

/// A path with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// Pieces in order; the first begins with `/`.
    pub pieces: Vec<PathPiece>,
}

/// A piece of a [`PathPattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPiece {
    /// Sent as it stands.
    Literal(Box<str>),
    /// The value of the route's n-th parameter, counted from the left.
    Parameter(usize),
}

/// What reading an integration needs to know of what is around it.
pub(super) struct Surroundings<'a> {
    pub(super) protocol: Protocol,
    /// `None` when the route key could not be read: placeholders are then not checked.
    pub(super) route: Option<&'a RouteKey>,
    /// Names of all declared upstreams, good or not, in file order.
    pub(super) upstream_names: &'a [String],
    /// Names of all declared functions, good or not, in file order.
    pub(super) function_names: &'a [String],
    /// Upstreams that URLs imply; they come after the declared ones.
    pub(super) implied: &'a mut Vec<Upstream>,
    /// Per declared upstream, whether a route uses it.
    pub(super) used: &'a mut [bool],
}

/// Reads `integration = { … }` of a route.
pub(super) fn read(route: &Reader<'_>, around: &mut Surroundings<'_>) -> Option<Integration> {
    let value = route.read_table("integration")?;
    let DeValue::Table(keys) = value.get_ref() else {
        return None;
    };
    match kind_of(route, keys, value)? {
        "mock" => read_mock(&Reader::new(&MOCK, keys, value.span(), route.findings))
            .map(Integration::Mock),
        "lambda" => {
            let reader = Reader::new(&LAMBDA, keys, value.span(), route.findings);
            read_lambda(&reader, around).map(Integration::Lambda)
        }
        _ => {
            let reader = Reader::new(&HTTP_PROXY, keys, value.span(), route.findings);
            read_proxy(&reader, around).map(Integration::HttpProxy)
        }
    }
}

fn kind_of<'a>(
    route: &Reader<'a>,
    keys: &'a DeTable<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Option<&'static str> {
    // Other keys are checked once it is known whose they are.
    let reader = Reader::unchecked(&EITHER, keys, value.span(), route.findings);
    let asked = reader.raw("type").map(|value| (value.get_ref().as_str(), value.span()));
    if let Some((Some(what @ ("http" | "aws" | "aws_proxy")), span)) = asked {
        let what = format!("integration type `{what}`");
        let served = "`http_proxy`, `lambda` and `mock`";
        route.findings.add(span, ProblemKind::NotServed { what, served });
        return None;
    }
    let types = [("http_proxy", "http_proxy"), ("lambda", "lambda"), ("mock", "mock")];
    reader.choice("type", &types)
}

fn read_lambda(reader: &Reader<'_>, around: &Surroundings<'_>) -> Option<Lambda> {
    reader.raw("type");
    let function = reader.text("function");
    let timeout =
        reader.duration_if_set("timeout").unwrap_or_else(|| default_timeout(around.protocol));
    let formats = [("1.0", PayloadFormat::V1), ("2.0", PayloadFormat::V2)];
    let format = reader.choice("payload_format", &formats);
    let payload_format = match around.protocol {
        Protocol::Http => format.unwrap_or(PayloadFormat::V2),
        Protocol::Rest => {
            if let Some(value) = reader.raw("payload_format") {
                reader.findings.add(value.span(), ProblemKind::PayloadFormatInRest);
            }
            PayloadFormat::V1
        }
    };
    let stream = reader.flag("stream");
    let function = function?;
    if !around.function_names.contains(&function) {
        let near = nearest(&function, around.function_names.iter().map(String::as_str));
        let kind = ProblemKind::UnknownFunction {
            nearest: near.map(Into::into),
            declared: around.function_names.to_vec(),
            name: function,
        };
        reader.findings.add(reader.span_of("function"), kind);
        return None;
    }
    Some(Lambda { function, payload_format, timeout, stream })
}

/// Amazon's.
fn default_timeout(protocol: Protocol) -> Duration {
    match protocol {
        Protocol::Http => Duration::from_secs(30),
        Protocol::Rest => Duration::from_secs(29),
    }
}

fn read_mock(reader: &Reader<'_>) -> Option<Mock> {
    let status: u16 = reader.count("status");
    let headers = read_headers(reader);
    let body = reader.read("body", |value, key| {
        value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(key))
    });
    let body = body.unwrap_or_default();
    if matches!(status, 204 | 304) && !body.is_empty() {
        reader.findings.add(reader.span_of("body"), ProblemKind::BodyNotAllowed { status });
    }
    reader.raw("type");
    Some(Mock { status, headers, body })
}

/// Fields that only the gateway can get right: they frame the message, belong to the connection, or
/// name the request.
pub(crate) const RESERVED_FIELDS: &[&str] = &[
    "apigw-requestid",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-apigw-id",
    "x-amzn-requestid",
];

fn read_headers(reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(value) = reader.raw("headers") else {
        return Vec::new();
    };
    let Some(table) = value.get_ref().as_table() else {
        let expected = "a table from header names to a text or an array of texts";
        reader.refuse("headers", value, Refused::new("wrong-type", expected));
        return Vec::new();
    };
    // TOML tables have no order of their own; the file's is the user's.
    let mut fields: Vec<_> = table.iter().collect();
    fields.sort_by_key(|(name, _)| name.span().start);
    let mut headers = Vec::new();
    for (name, value) in fields {
        if !is_field_name(name.get_ref()) {
            reader.findings.add(
                name.span(),
                ProblemKind::Value {
                    code: "bad-header-name",
                    key: "headers".into(),
                    expected: "header names of letters, digits and any of !#$%&'*+-.^_`|~".into(),
                    found: format!("{:?}", name.get_ref()),
                    way_out: None,
                },
            );
            continue;
        }
        if RESERVED_FIELDS.contains(&name.get_ref().to_ascii_lowercase().as_str()) {
            let name_text = name.get_ref().to_string();
            reader.findings.add(name.span(), ProblemKind::ReservedHeader { name: name_text });
            continue;
        }
        let values: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(values) => values.iter().collect(),
            _ => vec![value],
        };
        for value in values {
            match value.get_ref().as_str() {
                Some(text) if is_field_value(text) => {
                    headers.push((name.get_ref().to_string(), text.to_owned()));
                }
                Some(_) => {
                    let expected =
                        "a header value without control characters and without space at its ends";
                    reader.refuse(
                        name.get_ref(),
                        value,
                        Refused::new("bad-header-value", expected),
                    );
                }
                None => {
                    reader.refuse(
                        name.get_ref(),
                        value,
                        Refused::new("wrong-type", "a text or an array of texts"),
                    );
                }
            }
        }
    }
    headers
}

/// A field name: one or more token characters (RFC 9110 section 5.6.2).
pub(crate) fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// A field value (RFC 9110 section 5.5): no control character but tab, and no white space around it.
pub(crate) fn is_field_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
        && value.trim_matches([' ', '\t']) == value
}

fn read_proxy(reader: &Reader<'_>, around: &mut Surroundings<'_>) -> Option<HttpProxy> {
    reader.raw("type");
    let method = reader.choice(
        "method",
        &[
            ("ANY", None),
            ("GET", Some(Method::Get)),
            ("POST", Some(Method::Post)),
            ("PUT", Some(Method::Put)),
            ("PATCH", Some(Method::Patch)),
            ("DELETE", Some(Method::Delete)),
            ("HEAD", Some(Method::Head)),
            ("OPTIONS", Some(Method::Options)),
        ],
    );
    let timeout =
        reader.duration_if_set("timeout").unwrap_or_else(|| default_timeout(around.protocol));
    let upstream = reader.text("upstream");
    let url = reader.text("url");
    let own_path = reader.text("path");
    let (upstream, path) = match (reader.raw("upstream"), reader.raw("url")) {
        (Some(_), None) => {
            let path = own_path.map_or(Some(ProxyPath::AsReceived), |path| {
                read_path(reader, "path", &path, around)
            });
            (declared_upstream(reader, &upstream?, around), path)
        }
        (None, Some(_)) => {
            if reader.raw("path").is_some() {
                reader.findings.add(reader.span_of("path"), ProblemKind::PathBesideUrl);
            }
            let (upstream, path) = read_url(reader, &url?, around)?;
            (Some(upstream), path)
        }
        (upstream, _) => {
            let found = if upstream.is_some() { "both" } else { "neither" };
            reader.findings.add(reader.span(), ProblemKind::UpstreamOrUrl { found });
            return None;
        }
    };
    Some(HttpProxy { upstream: upstream?, method: method?, path: path?, timeout })
}

fn declared_upstream(
    reader: &Reader<'_>,
    name: &str,
    around: &mut Surroundings<'_>,
) -> Option<usize> {
    let found = around.upstream_names.iter().position(|declared| declared == name);
    if let Some(used) = found.and_then(|index| around.used.get_mut(index)) {
        *used = true;
    } else {
        let near = nearest(name, around.upstream_names.iter().map(String::as_str));
        reader.findings.add(
            reader.span_of("upstream"),
            ProblemKind::UnknownUpstream {
                name: name.to_owned(),
                nearest: near.map(Into::into),
                declared: around.upstream_names.to_vec(),
            },
        );
    }
    found
}

/// Splits a URL into an implied upstream and a path.
fn read_url(
    reader: &Reader<'_>,
    url: &str,
    around: &mut Surroundings<'_>,
) -> Option<(usize, Option<ProxyPath>)> {
    let value = reader.raw("url")?;
    let refuse = |way_out: Option<String>| {
        let expected =
            "an http or https URL such as \"http://catalog.internal:9001/v1/{id}\"".into();
        reader.refuse("url", value, Refused { code: "bad-url", expected, way_out });
    };
    let (is_tls, rest) = if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else {
        refuse(None);
        return None;
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        refuse(Some("leave user and password out".into()));
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let default_port = if is_tls { 443 } else { 80 };
    let target = match has_port {
        true => parse_target(authority),
        false => parse_target(&format!("{authority}:{default_port}")),
    };
    let Ok(target) = target else {
        refuse(None);
        return None;
    };
    let name = match is_tls {
        true => format!("https://{authority}"),
        false => format!("http://{authority}"),
    };
    let name = name.to_ascii_lowercase();
    let position = around.implied.iter().position(|upstream| upstream.name == name);
    let position = position.unwrap_or_else(|| {
        let upstream = implied(name, target, is_tls, value.span(), reader.findings);
        around.implied.push(upstream);
        around.implied.len() - 1
    });
    let path = match path {
        "" => Some(ProxyPath::AsReceived),
        path => read_path(reader, "url", path, around),
    };
    Some((around.upstream_names.len() + position, path))
}

/// Reads a path with placeholders, which must be variables of the route.
fn read_path(
    reader: &Reader<'_>,
    key: &'static str,
    path: &str,
    around: &Surroundings<'_>,
) -> Option<ProxyPath> {
    let value = reader.raw(key)?;
    let refuse = |way_out: &str| {
        let expected = "a path such as \"/v1/products/{id}\"";
        reader.refuse(key, value, Refused::with("bad-path", expected, way_out.into()));
        None
    };
    if !path.starts_with('/') {
        return refuse("it must begin with `/`");
    }
    if path.contains(['?', '#']) {
        return refuse("the client's query string is always passed on; `path` has none of its own");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse("write spaces and characters beyond ASCII percent-encoded");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refuse(
            "back ends resolve `.` and `..` in different ways; write the path they lead to",
        );
    }
    let Some(route) = around.route else {
        return Some(ProxyPath::AsReceived);
    };
    let names: Vec<&str> = route.parameters().collect();
    let mut pieces = Vec::new();
    let mut is_good = true;
    let mut rest = path;
    while let Some(open) = rest.find(['{', '}']) {
        let (literal, tail) = rest.split_at(open);
        let Some((name, behind)) = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'))
        else {
            return refuse("`{` and `}` come in pairs, around the name of a variable");
        };
        if !literal.is_empty() {
            pieces.push(PathPiece::Literal(literal.into()));
        }
        // A greedy variable is written without `+` here, but with it is what everybody tries first.
        let name = name.strip_suffix('+').unwrap_or(name);
        match names.iter().position(|known| *known == name) {
            Some(index) => pieces.push(PathPiece::Parameter(index)),
            None => {
                is_good = false;
                reader.findings.add(
                    value.span(),
                    ProblemKind::UnknownPlaceholder {
                        name: name.into(),
                        route: route.to_string(),
                        nearest: nearest(name, names.iter().copied()).map(Into::into),
                        declared: names.iter().map(|&name| name.into()).collect(),
                    },
                );
            }
        }
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(PathPiece::Literal(rest.into()));
    }
    if !is_good {
        return None;
    }
    Some(match route {
        // The slash between prefix and request path is the request path's own.
        RouteKey::Default => match path.trim_end_matches('/') {
            "" => ProxyPath::AsReceived,
            prefix => ProxyPath::Under(prefix.into()),
        },
        RouteKey::Path { .. } => ProxyPath::Pattern(PathPattern { pieces }),
    })
}
