//! Port holder: which process listens on a port, so that "address in use" can name it.
//!
//! Read from `/proc` only when a bind has failed. Never an error: what cannot be read is left out.

use rustix::fs::readlink;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// `0A` in the state column of `/proc/net/tcp` is `TCP_LISTEN` (Linux `include/net/tcp_states.h`).
const LISTENING: &str = "0A";

/// Who listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortHolder {
    /// A process that we may look at.
    Process {
        /// Its id.
        id: u32,
        /// The name the kernel shows for it (`/proc/<id>/comm`).
        name: String,
    },
    /// Someone else's: only the user's number is known.
    User(u32),
}

impl fmt::Display for PortHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { id, name } => write!(formatter, "`{name}` (process {id})"),
            Self::User(user) => write!(formatter, "a process of user {user}"),
        }
    }
}

/// How many sockets listen exactly there, in all processes: more than one's own when another process
/// shares the port.
pub fn listeners_on(address: SocketAddr) -> usize {
    listening_lines()
        .filter(|line| line.port == address.port() && line.address == address.ip())
        .count()
}

fn listening_lines() -> impl Iterator<Item = TableLine> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(TableLine::parse).collect::<Vec<_>>())
}

/// Looks for the process that listens where `address` cannot be bound.
pub fn port_holder(address: SocketAddr) -> Option<PortHolder> {
    let socket = listening_lines().find(|line| line.blocks(address))?;
    Some(process_with(socket.inode).unwrap_or(PortHolder::User(socket.user)))
}

/// One listening socket in `/proc/net/tcp`.
#[derive(Debug, PartialEq, Eq)]
struct TableLine {
    address: IpAddr,
    port: u16,
    user: u32,
    inode: u64,
}

impl TableLine {
    /// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...`
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        if *columns.get(3)? != LISTENING {
            return None;
        }
        let (address, port) = columns.get(1)?.split_once(':')?;
        Some(Self {
            address: parse_address(address)?,
            port: u16::from_str_radix(port, 16).ok()?,
            user: columns.get(7)?.parse().ok()?,
            inode: columns.get(9)?.parse().ok()?,
        })
    }

    fn blocks(&self, wanted: SocketAddr) -> bool {
        self.port == wanted.port()
            && (self.address == wanted.ip()
                || self.address.is_unspecified()
                || wanted.ip().is_unspecified())
    }
}

/// The kernel prints an address as 32-bit words in the host's byte order.
fn parse_address(hexadecimal: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for word in hexadecimal.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// The first process that has the socket open.
fn process_with(inode: u64) -> Option<PortHolder> {
    let link = format!("socket:[{inode}]");
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if has_open(&entry.path().join("fd"), &link) {
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            return Some(PortHolder::Process { id, name: name.trim_end().to_owned() });
        }
    }
    None
}

fn has_open(descriptors: &Path, link: &str) -> bool {
    let Ok(entries) = fs::read_dir(descriptors) else {
        return false;
    };
    entries.flatten().any(|entry| {
        readlink(entry.path(), Vec::new()).is_ok_and(|found| found.as_bytes() == link.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn finds_this_process_behind_its_own_listener() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any).unwrap();
            let Some(PortHolder::Process { id, .. }) = port_holder(listener.local_addr().unwrap())
            else {
                panic!("{any}: own descriptors are readable");
            };
            assert_eq!(id, std::process::id());
        }
    }

    #[test]
    fn a_connection_is_not_a_listener() {
        let line = "0: 0100007F:1F90 0100007F:9C40 01 0:0 00:0 0 33 0 12345 1 0 20 4 30 10 -1";
        assert_eq!(TableLine::parse(line), None);
        let line = line.replacen(" 01 ", " 0A ", 1);
        assert_eq!(
            TableLine::parse(&line),
            Some(TableLine {
                address: "127.0.0.1".parse().unwrap(),
                port: 8080,
                user: 33,
                inode: 12345
            })
        );
    }
}
