//! `[[upstream]]`: a named group of back ends and how they are called.

use std::ops::Range;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use toml::Spanned;
use toml::de::DeValue;

use super::certificate::read_chain;
use super::domain::is_host_name;
use super::integration::is_field_name;
use super::problem::ProblemKind;
use super::reader::{Findings, Reader, Refused, choice, count, text, wrong_type};
use super::reference::{Absent, Key, Kind, Table};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const SHARE: Kind = Kind::Number(0.0, 1.0);

pub(super) static TABLE: Table = Table {
    header: "[[upstream]]",
    about: "A named group of back ends that serve the same content.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("1 to 128 letters, digits, `_`, `-` and `.`"),
            absent: Absent::Required,
            example: "\"catalog\"",
            about: "What integrations, logs and metrics call it.",
        },
        Key {
            name: "targets",
            kind: Kind::Other(
                "an array of \"host:port\" or { address = \"host:port\", weight = 1 }",
            ),
            absent: Absent::Required,
            example: "[\"127.0.0.1:9001\", { address = \"catalog.internal:9001\", weight = 2 }]",
            about: "The back ends: IP addresses or DNS names, always with a port. Names are resolved again when their time to live ends. `weight` (1 to 1000, default 1) is a target's share relative to the others.",
        },
        Key {
            name: "host",
            kind: Kind::Text("a host name, with a port if it has one"),
            absent: Absent::Means("the chosen target's own address"),
            example: "\"catalog.internal\"",
            about: "The `Host` that the back ends get. The client's own host is never passed on in it, as with Amazon; back ends find it in the forwarding fields.",
        },
        Key {
            name: "balance",
            kind: Kind::Choice(&["round_robin", "least_requests", "hash"]),
            absent: Absent::Default("\"round_robin\""),
            example: "\"round_robin\"",
            about: "How a target is chosen: in turn, the one with the fewest open requests, or always the same one for the same `hash_on`. Each shard counts for itself.",
        },
        Key {
            name: "hash_on",
            kind: Kind::Text("\"client_address\" or \"header:NAME\""),
            absent: Absent::Means("no consistent hash"),
            example: "# \"header:x-tenant\"",
            about: "What `balance = \"hash\"` looks at. Requests without the header are dealt in turn.",
        },
        Key {
            name: "tls",
            kind: Kind::Other("`true`, `false` or a table [upstream.tls]"),
            absent: Absent::Default("false"),
            example: "",
            about: "Whether the back ends speak TLS; a table says how.",
        },
        Key {
            name: "timeouts",
            kind: Kind::Table(&TIMEOUTS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "How long back ends may take.",
        },
        Key {
            name: "limits",
            kind: Kind::Table(&LIMITS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Bounds per shard.",
        },
        Key {
            name: "health",
            kind: Kind::Table(&HEALTH),
            absent: Absent::Means("no active checks"),
            example: "",
            about: "Active health checks.",
        },
        Key {
            name: "eject",
            kind: Kind::Table(&EJECT),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Passive ejection.",
        },
        Key {
            name: "retry",
            kind: Kind::Table(&RETRY),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "What is tried again.",
        },
    ],
};

/// The table form of a target.
pub(super) static TARGET: Table = Table {
    header: "a target",
    about: "The table form of a target.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("\"host:port\""),
            absent: Absent::Required,
            example: "\"catalog.internal:9001\"",
            about: "The back end: an IP address or a DNS name, with its port.",
        },
        Key {
            name: "weight",
            kind: Kind::Count(1, 1000),
            absent: Absent::Default("1"),
            example: "2",
            about: "Its share relative to the other targets. To take a target out, remove it.",
        },
    ],
};

pub(super) static TLS: Table = Table {
    header: "[upstream.tls]",
    about: "TLS towards the back ends. `tls = true` is this table with its defaults.",
    keys: &[
        Key {
            name: "server_name",
            kind: Kind::Text("a host name"),
            absent: Absent::Means("the target's own host"),
            example: "\"catalog.internal\"",
            about: "The name that is sent (SNI) and that the certificate must be for (Amazon's `ServerNameToVerify`).",
        },
        Key {
            name: "ca",
            kind: Kind::Text("a PEM file with certificates"),
            absent: Absent::Means("the system's roots"),
            example: "# \"certificates/internal-ca.pem\"",
            about: "Trusted roots in place of the system's. Relative names are relative to the configuration file's folder.",
        },
        Key {
            name: "insecure_skip_verify",
            kind: Kind::Flag,
            absent: Absent::Default("false"),
            example: "false",
            about: "Accepts any certificate. For tests only: every load warns about it.",
        },
    ],
};

pub(super) static TIMEOUTS: Table = Table {
    header: "[upstream.timeouts]",
    about: "How long back ends may take. The time until a response begins is the integration's `timeout`.",
    keys: &[
        Key {
            name: "connect",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"2s\""),
            example: "\"2s\"",
            about: "TCP connect and TLS handshake. Two seconds allow for one lost SYN (sent again after one second) and still leave time for another target.",
        },
        Key {
            name: "body_idle",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "Longest silence while a response's content arrives, or in which the back end takes no byte of a request's.",
        },
        Key {
            name: "idle",
            kind: Kind::Duration(Duration::ZERO, HOUR),
            absent: Absent::Default("\"60s\""),
            example: "\"60s\"",
            about: "How long an unused connection is kept; 0s keeps none. Set it below the back end's own keep-alive time-out where that is shorter; a connection that the back end closed first costs one transparent retry.",
        },
    ],
};

pub(super) static LIMITS: Table = Table {
    header: "[upstream.limits]",
    about: "Bounds per shard, so that one slow back end cannot take the whole gateway.",
    keys: &[
        Key {
            name: "connections",
            kind: Kind::Count(1, 1 << 20),
            absent: Absent::Default("1024"),
            example: "1024",
            about: "Connections of one shard to all targets together. HTTP/1.1 carries one request per connection, so this is also the number of requests in flight.",
        },
        Key {
            name: "pending",
            kind: Kind::Count(0, 1 << 20),
            absent: Absent::Default("1024"),
            example: "1024",
            about: "Requests of one shard that may wait for a connection; beyond it 503 at once. As many as there are connections: with more, the last one would wait longer than a whole round.",
        },
    ],
};

pub(super) static HEALTH: Table = Table {
    header: "[upstream.health]",
    about: "Active checks: the control thread asks every target with GET and tells the shards who answers.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text("a path such as \"/healthz\""),
            absent: Absent::Default("\"/\""),
            example: "\"/healthz\"",
            about: "What is asked for.",
        },
        Key {
            name: "interval",
            kind: Kind::Duration(Duration::from_millis(100), HOUR),
            absent: Absent::Default("\"5s\""),
            example: "\"5s\"",
            about: "Time between two checks of one target.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"2s\""),
            example: "\"2s\"",
            about: "Longest wait for an answer; a later one is a bad one.",
        },
        Key {
            name: "healthy_after",
            kind: Kind::Count(1, 100),
            absent: Absent::Default("2"),
            example: "2",
            about: "Good answers in a row that bring a target back. Two, so that one lucky answer of a failing back end does not.",
        },
        Key {
            name: "unhealthy_after",
            kind: Kind::Count(1, 100),
            absent: Absent::Default("3"),
            example: "3",
            about: "Bad answers in a row that take a target out. Three, so that one lost packet does not.",
        },
        Key {
            name: "status",
            kind: Kind::Text("statuses and ranges such as \"200-299,401\""),
            absent: Absent::Default("\"200-399\""),
            example: "\"200-399\"",
            about: "Which answers are good.",
        },
    ],
};

pub(super) static EJECT: Table = Table {
    header: "[upstream.eject]",
    about: "Passive ejection: a shard that sees a target fail several times in a row leaves it alone for a while. Failed connects, resets, time-outs and 502, 503, 504 count.",
    keys: &[
        Key {
            name: "failures",
            kind: Kind::Count(0, 1000),
            absent: Absent::Default("5"),
            example: "5",
            about: "Failures in a row that eject a target; 0 switches ejection off.",
        },
        Key {
            name: "duration",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "For how long.",
        },
        Key {
            name: "share",
            kind: SHARE,
            absent: Absent::Default("0.5"),
            example: "0.5",
            about: "Largest share of the targets that may be out at once. With half of them left a common fault, such as a broken database behind all of them, does not send everything to the last one. A single target is therefore never ejected.",
        },
    ],
};

pub(super) static RETRY: Table = Table {
    header: "[upstream.retry]",
    about: "What is tried again, on another target where there is one. Only requests that cannot have had an effect: after a failed connect any, otherwise those with an idempotent method (RFC 9110 section 9.2.2) whose content was not yet sent on.",
    keys: &[
        Key {
            name: "attempts",
            kind: Kind::Count(1, 10),
            absent: Absent::Default("2"),
            example: "2",
            about: "Most tries of one request, the first included; 1 never tries again.",
        },
        Key {
            name: "budget",
            kind: SHARE,
            absent: Absent::Default("0.2"),
            example: "0.2",
            about: "Retries allowed as a share of recent requests. A fifth hides a single bad target of five, and cannot double the load of back ends that are all in trouble.",
        },
        Key {
            name: "on",
            kind: Kind::Choices(&["connect", "reset", "502", "503", "504"]),
            absent: Absent::Default("[\"connect\", \"reset\"]"),
            example: "[\"connect\", \"reset\"]",
            about: "What is tried again: a connection that could not be made, one that broke before the response's head, or an answer with one of these statuses.",
        },
    ],
};

/// A group of back ends that serve the same content.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name; for one implied by an integration's `url` the URL's scheme and authority.
    pub name: String,
    /// The `Host` that back ends get; `None` is the chosen target's own `host:port`.
    pub host: Option<String>,
    /// The back ends, at least one.
    pub targets: Vec<Target>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// TLS towards the back ends; `None` is plain HTTP.
    pub tls: Option<UpstreamTls>,
    /// `[upstream.timeouts]`.
    pub timeouts: UpstreamTimeouts,
    /// `[upstream.limits]`.
    pub limits: UpstreamLimits,
    /// `[upstream.health]`: active checks; `None` is none.
    pub health: Option<HealthCheck>,
    /// `[upstream.eject]`: passive ejection; `None` when switched off.
    pub eject: Option<Eject>,
    /// `[upstream.retry]`.
    pub retry: Retry,
}

/// One back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// IP address (IPv6 without brackets) or DNS name, lower case.
    pub host: String,
    /// Port, 1 to 65,535.
    pub port: u16,
    /// Its share relative to the other targets, 1 to 1,000.
    pub weight: u32,
}

/// How a target is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// The fewest open requests relative to its weight.
    LeastRequests,
    /// Consistent hash.
    Hash(HashOn),
}

/// What a consistent hash looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address, after trusted proxies.
    ClientAddress,
    /// A request header, lower case; requests without it are spread round robin.
    Header(String),
}

/// TLS towards back ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamTls {
    /// Name sent (SNI) and verified; `None` is the target's own host.
    pub server_name: Option<String>,
    /// Trusted roots from `ca`; `None` is the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Accepts any certificate. Dangerous, and said so at every start.
    pub insecure_skip_verify: bool,
}

/// `[upstream.timeouts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// TCP connect, with the TLS handshake.
    pub connect: Duration,
    /// Longest silence while a response's content arrives, or while a request's is taken.
    pub body_idle: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

/// `[upstream.limits]`, per shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamLimits {
    /// Connections to all targets together.
    pub connections_max: usize,
    /// Requests that may wait for a connection; beyond it 503.
    pub pending_max: usize,
}

/// `[upstream.health]`: active checks from the control thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path asked for with GET.
    pub path: String,
    /// Time between two checks of one target.
    pub interval: Duration,
    /// Longest wait for the answer.
    pub timeout: Duration,
    /// Good answers in a row that bring a target back.
    pub healthy_after: u32,
    /// Bad answers in a row that take a target out.
    pub unhealthy_after: u32,
    /// Which statuses are good.
    pub expect: StatusSet,
}

/// A set of status codes: ranges, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusSet {
    /// The ranges.
    pub ranges: Vec<(u16, u16)>,
}

impl StatusSet {
    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&status))
    }
}

/// `[upstream.eject]`: passive ejection by the shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Eject {
    /// Failures in a row that eject a target.
    pub failures: u32,
    /// For how long.
    pub duration: Duration,
    /// Largest share of the targets that may be out at once, 0 to 1.
    pub share_max: f64,
}

/// `[upstream.retry]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Most tries of one request, the first included; 1 is never again.
    pub attempts: u32,
    /// Retries allowed as a share of recent requests.
    pub budget: f64,
    /// What may be tried again.
    pub on: RetryOn,
}

/// What may be tried again. Only requests without effect on the back end (RFC 9110 section 9.2.2:
/// idempotent methods), except after a failed connect, where nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryOn {
    /// The connection could not be made.
    pub connect: bool,
    /// The connection broke before the response's head.
    pub reset: bool,
    /// The back end answered 502.
    pub bad_gateway: bool,
    /// The back end answered 503.
    pub unavailable: bool,
    /// The back end answered 504.
    pub gateway_timeout: bool,
}

/// Reads one `[[upstream]]`.
pub(super) fn read(reader: &Reader<'_>) -> Option<Upstream> {
    let name = reader.read("name", name);
    let targets = read_targets(reader);
    let host = reader.read("host", |value, key| {
        let host = text(value, key)?;
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            _ => host,
        };
        match is_host_name(name) || is_bracketed_ipv6(name) {
            true => Ok(host.to_ascii_lowercase()),
            false => Err(Refused::new("bad-host", key.kind.expected())),
        }
    });
    let balance = read_balance(reader);
    let tls = read_tls(reader, name.as_deref().unwrap_or_default());
    let eject = reader.table("eject");
    let retry = reader.table("retry");
    let timeouts = read_timeouts(&reader.table("timeouts"));
    let limits = read_limits(&reader.table("limits"));
    let health = reader
        .table_if_set("health")
        .map(|table| read_health(&table));
    Some(Upstream {
        eject: read_eject(&eject),
        retry: read_retry(&retry),
        name: name?,
        host,
        targets,
        balance,
        tls,
        timeouts,
        limits,
        health,
    })
}

/// The upstream that an integration's `url` stands for: one target, every setting at its default.
pub(super) fn implied(
    name: String,
    target: Target,
    is_tls: bool,
    span: Range<usize>,
    findings: &Findings<'_>,
) -> Upstream {
    let absent = |table| Reader::absent(table, span.clone(), findings);
    Upstream {
        name,
        host: None,
        targets: vec![target],
        balance: Balance::RoundRobin,
        tls: is_tls.then(UpstreamTls::default),
        timeouts: read_timeouts(&absent(&TIMEOUTS)),
        limits: read_limits(&absent(&LIMITS)),
        health: None,
        eject: read_eject(&absent(&EJECT)),
        retry: read_retry(&absent(&RETRY)),
    }
}

/// A name that can stand in a log line, a metric's label and a file without being quoted.
pub(super) fn name(value: &DeValue<'_>, key: &Key) -> Result<String, Refused> {
    let name = text(value, key)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    match name.len() <= 128 && name.bytes().all(is_plain) {
        true => Ok(name.to_owned()),
        false => Err(Refused::new("bad-name", key.kind.expected())),
    }
}

fn read_targets(reader: &Reader<'_>) -> Vec<Target> {
    reader.not_empty("targets");
    let mut targets: Vec<Spanned<Target>> = Vec::new();
    // The table form is read by a reader of its own, so that its keys are checked like any other's.
    let elements = reader.list("targets", |value, key| match value {
        DeValue::String(_) => target(value, key).map(Some),
        DeValue::Table(_) => Ok(None),
        _ => Err(wrong_type(key)),
    });
    let array = reader
        .raw("targets")
        .and_then(|value| value.get_ref().as_array());
    let tables = array.into_iter().flat_map(|array| array.iter());
    for table in tables {
        if let DeValue::Table(keys) = table.get_ref() {
            let table_reader = Reader::new(&TARGET, keys, table.span(), reader.findings);
            let target = table_reader.read("address", target);
            let weight = table_reader.count("weight");
            if let Some(target) = target {
                targets.push(Spanned::new(table.span(), Target { weight, ..target }));
            }
        }
    }
    targets.extend(elements.into_iter().filter_map(|element| {
        let span = element.span();
        element
            .into_inner()
            .map(|target| Spanned::new(span, target))
    }));
    targets.sort_by_key(|target| target.span().start);
    for (index, second) in targets.iter().enumerate() {
        let (host, port) = (&second.get_ref().host, second.get_ref().port);
        let first = targets
            .iter()
            .take(index)
            .find(|first| first.get_ref().host == *host && first.get_ref().port == port);
        if let Some(first) = first {
            let name = format!("{host}:{port}");
            let first_line = reader.findings.line(&first.span());
            let kind = ProblemKind::DuplicateName {
                noun: "target",
                name,
                first_line,
            };
            reader
                .findings
                .add_second(second.span(), first.span(), kind);
        }
    }
    targets.into_iter().map(Spanned::into_inner).collect()
}

fn target(value: &DeValue<'_>, key: &Key) -> Result<Target, Refused> {
    parse_target(text(value, key)?)
}

/// Reads `host:port`.
pub(super) fn parse_target(text: &str) -> Result<Target, Refused> {
    const FORM: &str = "a host and a port such as \"catalog.internal:9001\"";
    let refused = |way_out: String| Err(Refused::with("bad-target", FORM, way_out));
    if text.contains("://") {
        let way_out = "leave the scheme and path out; TLS is switched on by `tls = true`";
        return refused(way_out.into());
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return refused("a port is needed".into());
    };
    if host.contains(':') && !is_bracketed_ipv6(host) {
        return refused("write an IPv6 address in brackets, as in \"[::1]:9001\"".into());
    }
    match port.parse::<u16>() {
        Ok(port) if port != 0 && (is_host_name(host) || is_bracketed_ipv6(host)) => Ok(Target {
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port,
            weight: 1,
        }),
        _ => Err(Refused::new("bad-target", FORM)),
    }
}

fn is_bracketed_ipv6(host: &str) -> bool {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn read_balance(reader: &Reader<'_>) -> Balance {
    let words = [("round_robin", 0), ("least_requests", 1), ("hash", 2)];
    let balance = reader.choice("balance", &words).unwrap_or(0);
    let hash_on = reader.read("hash_on", |value, key| match text(value, key)? {
        "client_address" => Ok(HashOn::ClientAddress),
        other => match other.strip_prefix("header:") {
            Some(name) if is_field_name(name) => Ok(HashOn::Header(name.to_ascii_lowercase())),
            _ => Err(Refused::new("bad-hash-on", key.kind.expected())),
        },
    });
    match (balance, reader.raw("hash_on"), hash_on) {
        (2, None, _) => {
            let span = reader.span_of("balance");
            reader.findings.add(span, ProblemKind::HashOnMissing);
            Balance::RoundRobin
        }
        (2, Some(_), Some(hash_on)) => Balance::Hash(hash_on),
        // A wrong value was reported above.
        (2, Some(_), None) => Balance::RoundRobin,
        (balance, unused, _) => {
            if let Some(value) = unused {
                let balance = words[balance].0.to_owned();
                reader
                    .findings
                    .add(value.span(), ProblemKind::HashOnUnused { balance });
            }
            match balance {
                1 => Balance::LeastRequests,
                _ => Balance::RoundRobin,
            }
        }
    }
}

fn read_tls(reader: &Reader<'_>, upstream: &str) -> Option<UpstreamTls> {
    let value = reader.raw("tls")?;
    let keys = match value.get_ref() {
        DeValue::Boolean(is_tls) => return is_tls.then(UpstreamTls::default),
        DeValue::Table(keys) => keys,
        _ => {
            let expected = "`true`, `false` or a table [upstream.tls]";
            reader.refuse("tls", value, Refused::new("wrong-type", expected));
            return None;
        }
    };
    let table = Reader::new(&TLS, keys, value.span(), reader.findings);
    let server_name = table.read("server_name", |value, key| match text(value, key)? {
        name if is_host_name(name) => Ok(name.to_ascii_lowercase()),
        _ => Err(Refused::new("bad-host", key.kind.expected())),
    });
    let ca = table.text("ca");
    let ca = ca.and_then(|file| read_chain(&file, table.span_of("ca"), reader.findings));
    let insecure_skip_verify = table.flag("insecure_skip_verify");
    if insecure_skip_verify {
        let span = table.span_of("insecure_skip_verify");
        let upstream = upstream.to_owned();
        reader
            .findings
            .add(span, ProblemKind::VerificationSkipped { upstream });
    }
    Some(UpstreamTls {
        server_name,
        ca,
        insecure_skip_verify,
    })
}

fn read_timeouts(reader: &Reader<'_>) -> UpstreamTimeouts {
    UpstreamTimeouts {
        connect: reader.duration("connect"),
        body_idle: reader.duration("body_idle"),
        idle: reader.duration("idle"),
    }
}

fn read_limits(reader: &Reader<'_>) -> UpstreamLimits {
    UpstreamLimits {
        connections_max: reader.count("connections"),
        pending_max: reader.count("pending"),
    }
}

fn read_health(reader: &Reader<'_>) -> HealthCheck {
    let path = reader.read("path", |value, key| match text(value, key)? {
        path if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(path.to_owned())
        }
        _ => Err(Refused::new("bad-path", key.kind.expected())),
    });
    HealthCheck {
        path: path.unwrap_or_default(),
        interval: reader.duration("interval"),
        timeout: reader.duration("timeout"),
        healthy_after: reader.count("healthy_after"),
        unhealthy_after: reader.count("unhealthy_after"),
        expect: reader.read("status", statuses).unwrap_or_default(),
    }
}

fn statuses(value: &DeValue<'_>, key: &Key) -> Result<StatusSet, Refused> {
    let refused = || Refused::new("bad-statuses", key.kind.expected());
    let status = |text: &str| {
        let status: u16 = text.trim().parse().ok()?;
        (100..=599).contains(&status).then_some(status)
    };
    let ranges = text(value, key)?.split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (status(first)?, status(last)?);
        (first <= last).then_some((first, last))
    });
    let ranges: Option<Vec<_>> = ranges.collect();
    Ok(StatusSet {
        ranges: ranges.ok_or_else(refused)?,
    })
}

fn read_eject(reader: &Reader<'_>) -> Option<Eject> {
    let eject = Eject {
        failures: reader.count("failures"),
        duration: reader.duration("duration"),
        share_max: reader.number("share"),
    };
    Some(eject).filter(|eject| eject.failures != 0)
}

fn read_retry(reader: &Reader<'_>) -> Retry {
    let mut on = RetryOn::default();
    let words = reader.list("on", |value, key| {
        let words = [
            ("connect", 0),
            ("reset", 1),
            ("502", 2),
            ("503", 3),
            ("504", 4),
        ];
        if let DeValue::Integer(_) = value {
            let status = count(value, key, 502, 504)?;
            return Ok(status - 500);
        }
        choice(value, key, &words)
    });
    for word in words {
        match word.into_inner() {
            0 => on.connect = true,
            1 => on.reset = true,
            2 => on.bad_gateway = true,
            3 => on.unavailable = true,
            _ => on.gateway_timeout = true,
        }
    }
    Retry {
        attempts: reader.count("attempts"),
        budget: reader.number("budget"),
        on,
    }
}
