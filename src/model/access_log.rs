//! `[access_log]` and `[api.access_log]`: one line per request, in the words of `$context`.

use std::net::SocketAddr;
use std::path::PathBuf;

/// One access log: where lines go and what they say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessLog {
    /// Where lines go.
    pub destination: AccessLogDestination,
    /// The line with `$context.*` variables; presets (`json`, `clf`) are already spelled out.
    pub format: Box<str>,
}

/// Where access log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogDestination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to and reopened on SIGHUP.
    File(PathBuf),
    /// A syslog socket of this host, e.g. `/dev/log`.
    SyslogUnix(PathBuf),
    /// A syslog receiver by UDP.
    SyslogUdp(SocketAddr),
}
