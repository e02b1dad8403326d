//! Destination: where a log's lines go.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a log's lines go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file: created if missing (readable by the group, not by others), appended to, reopened on
    /// demand.
    File(PathBuf),
    /// A syslog socket of this host, such as `/dev/log`: RFC 5424 messages as datagrams.
    SyslogUnix(PathBuf),
    /// A syslog receiver: RFC 5424 messages by UDP, RFC 5426.
    SyslogUdp(SocketAddr),
}

impl Destination {
    /// A number made from the destination alone, so that a batch formatted under one snapshot finds
    /// its way after the next has been loaded, without a table that shards and control would have to
    /// share. Two destinations of one configuration agree by accident in one of four thousand million
    /// pairs; [`super::Writer`] notices and refuses the second.
    pub fn id(&self) -> u32 {
        // FNV-1a, 32 bits: fixed for ever, unlike the standard library's hasher.
        self.to_string()
            .bytes()
            .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

/// As in logs and in the label `destination`.
impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => out.write_str("stdout"),
            Self::Stderr => out.write_str("stderr"),
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::SyslogUnix(path) => write!(out, "syslog+unix:{}", path.display()),
            Self::SyslogUdp(address) => write!(out, "syslog+udp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_the_destination_alone() {
        // Pinned: a process that takes over from another during an upgrade must agree with it.
        assert_eq!(Destination::Stdout.id(), 0x3b7f_5ca6);
        let file = |path: &str| Destination::File(path.into());
        assert_eq!(file("/var/log/a").id(), file("/var/log/a").id());
        assert_ne!(file("/var/log/a").id(), file("/var/log/b").id());
        assert_ne!(file("/dev/log").id(), Destination::SyslogUnix("/dev/log".into()).id());
    }
}
