//! `[server]`: where clients are accepted, and what one client may take.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

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
    /// Largest header block in bytes: names, values and separators; beyond it 431.
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
