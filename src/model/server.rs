//! `[server]`: where clients are accepted, and what one client may take.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use super::problem::ProblemKind;
use super::reader::{Findings, Reader, Refused, wrong_type};
use super::reference::{Absent, Key, Kind, Table};

/// Longest times that make sense on one connection; beyond an hour a mistyped unit is likelier.
const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) static TABLE: Table = Table {
    header: "[server]",
    about: "Where clients are accepted, and what holds for every one of them.",
    keys: &[
        Key {
            name: "listen",
            kind: Kind::Other("an array of addresses such as \"127.0.0.1:8080\""),
            absent: Absent::Default("[\"127.0.0.1:8080\"]"),
            example: "[\"127.0.0.1:8080\", \"[::1]:8080\"]",
            about: "Plain HTTP listeners. Port 0 asks the kernel for a free port; the real one is printed at start. The default is loopback, so that trying ringgate out opens nothing to the network. `[]` is none.",
        },
        Key {
            name: "tls",
            kind: Kind::Tables(&TLS),
            absent: Absent::Means("no TLS listener"),
            example: "",
            about: "TLS listeners.",
        },
        Key {
            name: "shards",
            kind: Kind::Count(0, 1024),
            absent: Absent::Default("0"),
            example: "0",
            about: "Shards (pinned threads) to start; 0 is one per core that this process may use, which is what shared-nothing shards are made for. A change needs a restart.",
        },
        Key {
            name: "trusted_proxies",
            kind: Kind::Other("an array of networks such as \"10.0.0.0/8\""),
            absent: Absent::Default("[]"),
            example: "[\"10.0.0.0/8\", \"::1/128\"]",
            about: "Peers whose `X-Forwarded-*` and `Forwarded` fields are believed and continued. From anybody else they are replaced, because a client could write anything into them; so the default trusts nobody.",
        },
        Key {
            name: "forwarded",
            kind: Kind::Choice(&["x-forwarded", "forwarded", "both", "none"]),
            absent: Absent::Default("\"both\""),
            example: "\"both\"",
            about: "Which forwarding fields back ends get: `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` as Amazon's REST APIs send, `Forwarded` (RFC 7239) as its HTTP APIs send, both, or none. A family that is not chosen is removed from requests. Both is the default because a back end that reads either one is then told the truth.",
        },
        Key {
            name: "limits",
            kind: Kind::Table(&LIMITS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "What one client may send.",
        },
        Key {
            name: "timeouts",
            kind: Kind::Table(&TIMEOUTS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "How long a client connection may take.",
        },
    ],
};

pub(super) static TLS: Table = Table {
    header: "[[server.tls]]",
    about: "A group of TLS listeners. They may start without certificates; until one is declared, handshakes are refused. A client that asks for a name without a certificate, or for none, gets the first one declared.",
    keys: &[Key {
        name: "listen",
        kind: Kind::Other("an array of addresses such as \"127.0.0.1:8443\""),
        absent: Absent::Required,
        example: "[\"127.0.0.1:8443\"]",
        about: "Addresses to listen on, as `listen` of `[server]`.",
    }],
};

pub(super) static LIMITS: Table = Table {
    header: "[server.limits]",
    about: "What one client may send and hold. Beyond a limit the request is refused with the status given.",
    keys: &[
        Key {
            name: "request_line",
            kind: Kind::Size(64, 1 << 20),
            absent: Absent::Default("\"10KiB\""),
            example: "\"10KiB\"",
            about: "Longest request line; beyond it 414. Amazon's longest URL is 10,240 characters (regional endpoints).",
        },
        Key {
            name: "head",
            kind: Kind::Size(256, 1 << 20),
            absent: Absent::Default("\"10KiB\""),
            example: "\"10KiB\"",
            about: "Largest head, request line and header block together; beyond it 431. Amazon allows 10,240 bytes, so a client that works there works here and the other way round.",
        },
        Key {
            name: "fields",
            kind: Kind::Count(1, 128),
            absent: Absent::Default("100"),
            example: "100",
            about: "Most header fields; beyond it 431. Browsers send about 20; the bound keeps the work per request small, and 128 is the size of the array they are parsed into.",
        },
        Key {
            name: "body",
            kind: Kind::Size(0, 1 << 40),
            absent: Absent::Default("\"10MiB\""),
            example: "\"10MiB\"",
            about: "Largest request content; beyond it 413. Amazon's limit is 10,485,760 bytes. Content streams, so a higher value costs no memory.",
        },
        Key {
            name: "requests_per_connection",
            kind: Kind::Count(0, u32::MAX as u64),
            absent: Absent::Default("0"),
            example: "0",
            about: "Requests after which a connection is closed; 0 is no bound. Useful to spread clients again after a host was added behind a balancer.",
        },
        Key {
            name: "connections_per_shard",
            kind: Kind::Count(1, 1 << 20),
            absent: Absent::Default("16384"),
            example: "16384",
            about: "Client connections one shard holds at once; more wait in the kernel's backlog. At below 4 KiB each when idle, the default is at most 64 MiB per shard.",
        },
    ],
};

pub(super) static TIMEOUTS: Table = Table {
    header: "[server.timeouts]",
    about: "How long a client connection may take.",
    keys: &[
        Key {
            name: "head",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"10s\""),
            example: "\"10s\"",
            about: "From the first byte of a request to the end of its header block; beyond it 408. A whole header block fits in one packet or a few, so ten seconds is long; what it stops is a client that sends a byte now and then to hold a connection.",
        },
        Key {
            name: "body_idle",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "Longest silence while a request's content arrives; beyond it 408. Counts silence and not the whole, so that a slow but steady upload goes through.",
        },
        Key {
            name: "keep_alive",
            kind: Kind::Duration(MILLISECOND, Duration::from_secs(86_400)),
            absent: Absent::Default("\"310s\""),
            example: "\"310s\"",
            about: "How long a connection may stay open without a request. Amazon closes at 310 s; clients and balancers tuned for that keep their pools shorter, and with a lower value here would now and then write into a connection that is just being closed.",
        },
        Key {
            name: "send_idle",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "Longest time in which a client takes no byte of a response; beyond it the connection is closed.",
        },
        Key {
            name: "handshake",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"10s\""),
            example: "\"10s\"",
            about: "From accept to the end of the TLS handshake.",
        },
        Key {
            name: "drain",
            kind: Kind::Duration(Duration::ZERO, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "How long a stop (SIGTERM) waits for open requests before it closes them. As long as the longest integration time-out, so that a request that was accepted is answered.",
        },
    ],
};

/// Listeners and what holds for every client connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Plain HTTP listeners. Port 0 asks the kernel for a free port.
    pub listen: Vec<SocketAddr>,
    /// TLS listeners (`[[server.tls]]`); they may start without certificates.
    pub tls_listen: Vec<SocketAddr>,
    /// Shards to start; `None` is one per core that this process may use.
    pub shards: Option<usize>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which forwarding headers back ends get.
    pub forwarding: Forwarding,
    /// `[server.limits]`.
    pub limits: Limits,
    /// `[server.timeouts]`.
    pub timeouts: Timeouts,
}

/// Which family of forwarding headers a back end gets. The families not chosen are removed from the
/// request, so a client can never speak through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`: what REST APIs send.
    XForwarded,
    /// `Forwarded` (RFC 7239): what HTTP APIs send.
    Rfc7239,
    /// Both families.
    Both,
    /// Neither; what the client sent of them is removed.
    Neither,
}

/// `[server.limits]`: what one client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line in bytes, without its line end; beyond it 414.
    pub request_line_bytes_max: usize,
    /// Largest head in bytes, request line and header block together; beyond it 431.
    pub head_bytes_max: usize,
    /// Most header fields of one request; beyond it 431.
    pub field_count_max: usize,
    /// Largest request content in bytes; beyond it 413.
    pub body_bytes_max: u64,
    /// Requests after which a connection is closed; `None` is no bound.
    pub requests_per_connection_max: Option<u64>,
    /// Client connections one shard holds; more wait in the kernel's backlog.
    pub connections_per_shard_max: usize,
}

/// `[server.timeouts]`: how long a client connection may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its header block; beyond it 408.
    pub head: Duration,
    /// Longest silence while a request's content arrives; beyond it 408.
    pub body_idle: Duration,
    /// How long a connection may stay open between requests.
    pub keep_alive: Duration,
    /// Longest time without progress while a response is sent.
    pub send_idle: Duration,
    /// TLS handshake, from accept to its end.
    pub handshake: Duration,
    /// How long a drain (SIGTERM) waits for open requests before it closes them.
    pub drain: Duration,
}

/// Reads `[server]`. Listeners come with their places: they are compared with each other and with
/// the management listener afterwards.
pub(super) fn read(reader: &Reader<'_>) -> (Server, Vec<Spanned<SocketAddr>>) {
    let plain = reader.list("listen", address);
    let tls: Vec<_> =
        reader.tables("tls").iter().flat_map(|table| table.list("listen", address)).collect();
    let trusted_proxies = reader.list("trusted_proxies", network);
    let forwarding = reader.choice(
        "forwarded",
        &[
            ("x-forwarded", Forwarding::XForwarded),
            ("forwarded", Forwarding::Rfc7239),
            ("both", Forwarding::Both),
            ("none", Forwarding::Neither),
        ],
    );
    let server = Server {
        listen: plain.iter().map(|at| *at.get_ref()).collect(),
        tls_listen: tls.iter().map(|at| *at.get_ref()).collect(),
        shards: Some(reader.count("shards")).filter(|&shards| shards != 0),
        trusted_proxies: trusted_proxies.into_iter().map(Spanned::into_inner).collect(),
        forwarding: forwarding.unwrap_or(Forwarding::Both),
        limits: read_limits(&reader.table("limits")),
        timeouts: read_timeouts(&reader.table("timeouts")),
    };
    (server, plain.into_iter().chain(tls).collect())
}

fn read_limits(reader: &Reader<'_>) -> Limits {
    Limits {
        request_line_bytes_max: reader.size("request_line"),
        head_bytes_max: reader.size("head"),
        field_count_max: reader.count("fields"),
        body_bytes_max: reader.size("body"),
        requests_per_connection_max: Some(reader.count("requests_per_connection"))
            .filter(|&requests| requests != 0),
        connections_per_shard_max: reader.count("connections_per_shard"),
    }
}

fn read_timeouts(reader: &Reader<'_>) -> Timeouts {
    Timeouts {
        head: reader.duration("head"),
        body_idle: reader.duration("body_idle"),
        keep_alive: reader.duration("keep_alive"),
        send_idle: reader.duration("send_idle"),
        handshake: reader.duration("handshake"),
        drain: reader.duration("drain"),
    }
}

/// An IP address with a port. Names are refused: a listener that changes with a name server's answer
/// helps nobody.
pub(super) fn address(value: &DeValue<'_>, key: &Key) -> Result<SocketAddr, Refused> {
    let text = value.as_str().ok_or_else(|| wrong_type(key))?;
    text.parse().map_err(|_| {
        let form = "an IP address and a port such as \"127.0.0.1:8080\"";
        let port = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        match port {
            Some(("" | "*", Ok(port))) => Refused::with(
                "bad-address",
                form,
                format!(
                    "for every address of this host write \"0.0.0.0:{port}\" or \"[::]:{port}\""
                ),
            ),
            Some(("localhost", Ok(port))) => {
                Refused::with("bad-address", form, format!("write \"127.0.0.1:{port}\""))
            }
            _ => Refused::new("bad-address", form),
        }
    })
}

/// A network in CIDR notation; a single address stands for itself.
fn network(value: &DeValue<'_>, key: &Key) -> Result<IpNet, Refused> {
    let text = value.as_str().ok_or_else(|| wrong_type(key))?;
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = text.parse().map_err(|_| {
        Refused::new("bad-network", "a network such as \"10.0.0.0/8\" or a single address")
    })?;
    if network.addr() == network.network() {
        return Ok(network);
    }
    // Bits behind the prefix are a slip: either the prefix or the address is not what was meant.
    Err(Refused::with(
        "bad-network",
        "a network whose address has no bits behind its prefix",
        format!("write \"{}\" or \"{}\"", network.trunc(), network.addr()),
    ))
}

/// Reports listeners that want the same port of the same address. With `SO_REUSEPORT` the kernel
/// would let both bind and deal connections out between them at random.
pub(super) fn check_listeners(listeners: &[Spanned<SocketAddr>], findings: &Findings<'_>) {
    for (index, second) in listeners.iter().enumerate() {
        let first =
            listeners.iter().take(index).find(|first| collide(*first.get_ref(), *second.get_ref()));
        if let Some(first) = first {
            findings.add_second(
                second.span(),
                first.span(),
                ProblemKind::DuplicateListener {
                    address: second.get_ref().to_string(),
                    first_line: findings.line(&first.span()),
                },
            );
        }
    }
}

fn collide(first: SocketAddr, second: SocketAddr) -> bool {
    first.port() != 0
        && first.port() == second.port()
        && (first.ip() == second.ip()
            || first.ip().is_unspecified()
                && (first.is_ipv4() == second.is_ipv4() || first.is_ipv6())
            || second.ip().is_unspecified()
                && (first.is_ipv4() == second.is_ipv4() || second.is_ipv6()))
}
