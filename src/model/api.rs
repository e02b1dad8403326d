//! `[[api]]` and `[[api.route]]`: an API and its routes.

use std::collections::HashMap;
use std::ops::Range;

use toml::de::DeValue;

use super::access_log::{self, Declared};
use super::authorizer;
use super::domain::domain;
use super::integration::{self, Surroundings};
use super::problem::ProblemKind;
use super::reader::{Findings, Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};
use super::upstream::name;
use super::{AccessLog, Domain, Integration, RouteKey, Segment, Upstream};

pub(super) static TABLE: Table = Table {
    header: "[[api]]",
    about: "An API: routes under a domain and a base path.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("1 to 128 letters, digits, `_`, `-` and `.`"),
            absent: Absent::Required,
            example: "\"shop\"",
            about: "Its name, unique in the file. Its id (`$context.apiId`) is made from it.",
        },
        Key {
            name: "protocol",
            kind: Kind::Choice(&["http", "rest", "websocket"]),
            absent: Absent::Required,
            example: "\"http\"",
            about: "Whose rules it follows: `http` as Amazon's HTTP APIs, `rest` as its REST APIs; they differ in matching, error bodies and time-outs. `websocket` is not served yet.",
        },
        Key {
            name: "domain",
            kind: Kind::Text("a domain such as \"api.example.com\" or \"*.example.com\""),
            absent: Absent::Means("every host that no other API's domain claims"),
            example: "\"api.example.com\"",
            about: "The host it answers. An exact domain goes before a wildcard, a wildcard (one label) before APIs without a domain. The domain is chosen first: a path that no API of that domain has is not looked for elsewhere.",
        },
        Key {
            name: "base_path",
            kind: Kind::Text("a path such as \"/\" or \"/shop\""),
            absent: Absent::Default("\"/\""),
            example: "\"/shop\"",
            about: "What comes before its routes' paths. The longest base path that ends at a slash or at the path's end wins; it is removed before routes are matched.",
        },
        Key {
            name: "stage",
            kind: Kind::Text("`$default`, or up to 128 letters, digits, `_` and `-`"),
            absent: Absent::Default("\"$default\""),
            example: "\"$default\"",
            about: "The stage's name in logs and metrics. It is no part of the path.",
        },
        Key {
            name: "authorizer",
            kind: Kind::Text("the name of an [[authorizer]], or \"none\""),
            absent: Absent::Means("everybody may call its routes"),
            example: "# \"callers\"",
            about: "Who decides about callers of its routes; a route may name another one.",
        },
        Key {
            name: "access_log",
            kind: Kind::Table(&access_log::OF_API),
            absent: Absent::Means("`[access_log]`"),
            example: "",
            about: "Its access log.",
        },
        Key {
            name: "route",
            kind: Kind::Tables(&ROUTE),
            absent: Absent::Means("no routes: every request is answered as not found"),
            example: "",
            about: "Its routes.",
        },
    ],
};

pub(super) static ROUTE: Table = Table {
    header: "[[api.route]]",
    about: "A route: which requests, and who answers them. The most specific route wins, whatever the order: literal segments before `{variable}`, that before `{greedy+}`; on the same path a method before `ANY`; `$default` last. A path that exists with other methods only is passed over.",
    keys: &[
        Key {
            name: "route",
            kind: Kind::Text("a route key such as \"GET /pets/{id}\" or \"$default\""),
            absent: Absent::Required,
            example: "\"GET /products/{id}\"",
            about: "The route key: a method or `ANY`, a space, and a path of literal segments, `{variable}` (one segment) and, at the end, `{greedy+}` (one or more); or `$default` (HTTP APIs only).",
        },
        Key {
            name: "authorizer",
            kind: Kind::Text("the name of an [[authorizer]], or \"none\""),
            absent: Absent::Means("the API's"),
            example: "# \"none\"",
            about: "Who decides about its callers; with \"none\" everybody may call it.",
        },
        Key {
            name: "integration",
            kind: Kind::Other("a table such as { type = \"mock\", status = 200 }"),
            absent: Absent::Required,
            example: "{ type = \"http_proxy\", upstream = \"catalog\" }",
            about: "Who answers; see the integrations below.",
        },
    ],
};

/// One API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name, unique in the file.
    pub name: String,
    /// Which rules it follows.
    pub protocol: Protocol,
    /// The only domain it answers; `None` is every host that no API's domain claims.
    pub domain: Option<Domain>,
    /// What comes before its routes' paths: empty, or `/…` without a trailing slash.
    pub base_path: String,
    /// The stage name that logs, metrics and integrations see.
    pub stage: String,
    /// Its access log, the file's own or the global one.
    pub access_log: Option<AccessLog>,
    /// Its routes in file order.
    pub routes: Vec<Route>,
}

/// Which rules an API follows: matching, error bodies, headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP API (Amazon's v2).
    Http,
    /// REST API (Amazon's v1).
    Rest,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it answers to; unique in its API.
    pub key: RouteKey,
    /// Who decides about its callers: the name of one of [`super::Model::authorizers`].
    pub authorizer: Option<String>,
    /// Who answers.
    pub integration: Integration,
}

/// What reading APIs needs, and gathers, across all of them.
pub(super) struct Across<'a> {
    pub(super) access_log: Option<&'a Declared>,
    pub(super) upstream_names: &'a [String],
    pub(super) function_names: &'a [String],
    pub(super) authorizers: authorizer::Declared<'a>,
    pub(super) implied: &'a mut Vec<Upstream>,
    pub(super) used: &'a mut [bool],
    /// Name and place of the API at each domain and base path.
    pub(super) addresses: HashMap<(Option<Domain>, String), (String, Range<usize>)>,
}

/// Reads one `[[api]]`.
pub(super) fn read(reader: &Reader<'_>, across: &mut Across<'_>) -> Option<Api> {
    let name = reader.read("name", name);
    let domain = reader.read("domain", domain);
    let base_path = reader.read("base_path", base_path).unwrap_or_default();
    let stage = reader.read("stage", stage);
    let own_log = reader.table_if_set("access_log").map(|table| access_log::read(&table));
    check_address(reader, name.as_deref(), (domain.clone(), base_path.clone()), across);
    let protocol = reader.choice(
        "protocol",
        &[("http", Some(Protocol::Http)), ("rest", Some(Protocol::Rest)), ("websocket", None)],
    );
    if let Some(None) = protocol {
        let what = "protocol `websocket`".to_owned();
        let served = "`http` and `rest`";
        reader.findings.add(reader.span_of("protocol"), ProblemKind::NotServed { what, served });
        // Its route keys follow other rules; complaints about them would mislead.
        return None;
    }
    // Routes are read even when the protocol is unknown, to report what is wrong with them now.
    let routes = read_routes(reader, protocol.flatten().unwrap_or(Protocol::Http), across);
    Some(Api {
        name: name?,
        protocol: protocol??,
        domain,
        base_path,
        stage: stage?,
        access_log: access_log::resolve(across.access_log, own_log),
        routes,
    })
}

fn base_path(value: &DeValue<'_>, key: &Key) -> Result<String, Refused> {
    let path = text(value, key)?;
    let refused =
        |way_out: &str| Err(Refused::with("bad-path", key.kind.expected(), way_out.into()));
    if path == "/" {
        return Ok(String::new());
    }
    if !path.starts_with('/') {
        return refused("it must begin with `/`");
    }
    if path.ends_with('/') {
        return refused(&format!("write \"{}\"", path.trim_end_matches('/')));
    }
    if path.contains("//") {
        return refused("two slashes next to each other make an empty segment");
    }
    // Amazon's alphabet for API mapping keys, and at most 300 of it.
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/~".contains(&byte);
    if path.len() > 301 || !path.bytes().all(is_allowed) {
        return refused("use up to 300 of letters, digits and $-_.+!*'()/~");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refused("clients resolve `.` and `..` before they send a request");
    }
    Ok(path.to_owned())
}

fn stage(value: &DeValue<'_>, key: &Key) -> Result<String, Refused> {
    let stage = text(value, key)?;
    let is_word = stage.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    match stage == "$default" || (is_word && stage.len() <= 128) {
        true => Ok(stage.to_owned()),
        false => Err(Refused::new("bad-stage", key.kind.expected())),
    }
}

fn check_address(
    reader: &Reader<'_>,
    name: Option<&str>,
    address: (Option<Domain>, String),
    across: &mut Across<'_>,
) {
    // A domain or base path that was refused is no address; its fallback must not be compared.
    let is_domain_refused = address.0.is_none() && reader.raw("domain").is_some();
    let declared_path = reader.raw("base_path").map(|value| value.get_ref().as_str());
    let is_path_refused =
        address.1.is_empty() && declared_path.is_some_and(|path| path != Some("/"));
    if is_domain_refused || is_path_refused {
        return;
    }
    let name = name.unwrap_or_default().to_owned();
    let span = match (reader.raw("domain"), reader.raw("base_path")) {
        (_, Some(base_path)) => base_path.span(),
        (Some(domain), None) => domain.span(),
        (None, None) => reader.span(),
    };
    if let Some((other, first)) = across.addresses.get(&address) {
        let host = address.0.as_ref().map_or_else(|| "any host".to_owned(), Domain::to_string);
        let base = if address.1.is_empty() { "/" } else { &address.1 };
        let place = format!("{host}, base path `{base}`");
        let first_line = reader.findings.line(first);
        let kind = ProblemKind::SameAddress { name, other: other.clone(), place, first_line };
        reader.findings.add_second(span, first.clone(), kind);
    } else {
        across.addresses.insert(address, (name, span));
    }
}

fn read_routes(api: &Reader<'_>, protocol: Protocol, across: &mut Across<'_>) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut seen = HashMap::new();
    let of_api = authorizer::read_name(api, protocol, &across.authorizers);
    for reader in api.tables("route") {
        let text = reader.text("route");
        let span = reader.span_of("route");
        let key = text.as_deref().and_then(|text| match text.parse::<RouteKey>() {
            Ok(key) => Some(key),
            Err(error) => {
                reader.findings.add(span.clone(), ProblemKind::RouteKey(error));
                None
            }
        });
        if let Some(key) = &key {
            if protocol == Protocol::Rest {
                check_rest(key, span.clone(), reader.findings);
            }
            check_repeated(protocol, key, span, &mut seen, reader.findings);
        }
        let mut around = Surroundings {
            protocol,
            route: key.as_ref(),
            upstream_names: across.upstream_names,
            function_names: across.function_names,
            implied: &mut *across.implied,
            used: &mut *across.used,
        };
        let integration = integration::read(&reader, &mut around);
        let authorizer = authorizer::read_name(&reader, protocol, &across.authorizers).or(&of_api);
        if let (Some(key), Some(integration)) = (key, integration) {
            routes.push(Route { key, authorizer, integration });
        }
    }
    routes
}

fn check_repeated(
    protocol: Protocol,
    key: &RouteKey,
    span: Range<usize>,
    seen: &mut HashMap<String, (String, Range<usize>)>,
    findings: &Findings<'_>,
) {
    let shape = match key {
        RouteKey::Default => "$default".to_owned(),
        RouteKey::Path { method, path } => format!("{} {}", method.name(), path.shape(protocol)),
    };
    let route = key.to_string();
    match seen.get(&shape) {
        None => {
            seen.insert(shape, (route, span));
        }
        Some((other, first)) => {
            let first_line = findings.line(first);
            let kind = match *other == route {
                true => ProblemKind::DuplicateRoute { route, first_line },
                false => ProblemKind::SameRequests { route, other: other.clone(), first_line },
            };
            findings.add_second(span, first.clone(), kind);
        }
    }
}

/// Rules that REST APIs add to route keys.
fn check_rest(key: &RouteKey, span: Range<usize>, findings: &Findings<'_>) {
    let RouteKey::Path { path, .. } = key else {
        findings.add(span, ProblemKind::DefaultInRest);
        return;
    };
    for segment in &path.segments {
        match segment {
            Segment::Literal(text) if text.is_empty() => {
                let route = key.to_string();
                let without = route.trim_end_matches('/').to_owned();
                findings.add(span.clone(), ProblemKind::TrailingSlashInRest { route, without });
            }
            Segment::Literal(text) if !text.is_ascii() => {
                let segment = text.to_string();
                findings.add(span.clone(), ProblemKind::NotAsciiInRest { segment });
            }
            _ => {}
        }
    }
}
