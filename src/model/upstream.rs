//! `[[upstream]]`: a named group of back ends and how they are called.

mod keys;

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
use super::reference::Key;

use keys::{EJECT, LIMITS, RETRY, TIMEOUTS};
pub(super) use keys::{TABLE, TARGET, TLS};

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
    let health = reader.table_if_set("health").map(|table| read_health(&table));
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
    let array = reader.raw("targets").and_then(|value| value.get_ref().as_array());
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
        element.into_inner().map(|target| Spanned::new(span, target))
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
            let kind = ProblemKind::DuplicateName { noun: "target", name, first_line };
            reader.findings.add_second(second.span(), first.span(), kind);
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
        Ok(port) if port != 0 && (is_host_name(host) || is_bracketed_ipv6(host)) => {
            Ok(Target { host: host.trim_matches(['[', ']']).to_ascii_lowercase(), port, weight: 1 })
        }
        _ => Err(Refused::new("bad-target", FORM)),
    }
}

fn is_bracketed_ipv6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
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
                reader.findings.add(value.span(), ProblemKind::HashOnUnused { balance });
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
        reader.findings.add(span, ProblemKind::VerificationSkipped { upstream });
    }
    Some(UpstreamTls { server_name, ca, insecure_skip_verify })
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
    Ok(StatusSet { ranges: ranges.ok_or_else(refused)? })
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
        let words = [("connect", 0), ("reset", 1), ("502", 2), ("503", 3), ("504", 4)];
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
    Retry { attempts: reader.count("attempts"), budget: reader.number("budget"), on }
}
