//! Whose process is at the other end of a connection within this host.
//!
//! TCP does not say (`SO_PEERCRED` is for Unix sockets), but the kernel knows the peer's socket as well, and
//! tells its owner to anybody who can name both ends: by `sock_diag`, one exact look-up and no waiting, or,
//! where that part of the kernel is not loaded, by the table of all connections.

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::SocketAddrV4;

/// `SOCK_DIAG_BY_FAMILY`, the type of the question and of its answer (`linux/sock_diag.h`).
const BY_FAMILY: u16 = 20;

/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
const QUESTION_BYTES: usize = 16 + 56;

/// Where `idiag_uid` stands in the answer: behind the header, four bytes, `struct inet_diag_sockid` (48)
/// and three numbers of `struct inet_diag_msg`.
const USER_AT: usize = 16 + 4 + 48 + 12;

/// The user whose process has the socket that is bound to `peer` and connected to `own`.
pub(super) fn user_of(peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    by_diagnosis(peer, own).ok().or_else(|| by_table(peer, own))
}

fn by_diagnosis(peer: SocketAddrV4, own: SocketAddrV4) -> io::Result<u32> {
    let family = AddressFamily::NETLINK;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &question(peer, own), SendFlags::empty(), &kernel)?;
    // The kernel answers within the call that asks.
    let mut answer = [0; 1024];
    let (count, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
    user_in(&answer[..count]).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn question(peer: SocketAddrV4, own: SocketAddrV4) -> Vec<u8> {
    let mut question = Vec::with_capacity(QUESTION_BYTES);
    question.extend((QUESTION_BYTES as u32).to_ne_bytes());
    question.extend(BY_FAMILY.to_ne_bytes());
    // `NLM_F_REQUEST`, then sequence and port numbers, which only matter to those who ask more.
    question.extend(1_u16.to_ne_bytes());
    question.extend([0; 8]);
    // `AF_INET`, `IPPROTO_TCP`, nothing besides, in any state.
    question.extend([2, 6, 0, 0]);
    question.extend(u32::MAX.to_ne_bytes());
    question.extend(peer.port().to_be_bytes());
    question.extend(own.port().to_be_bytes());
    for address in [peer.ip(), own.ip()] {
        question.extend(address.octets());
        question.extend([0; 12]);
    }
    // On any interface; no cookie.
    question.extend(0_u32.to_ne_bytes());
    question.extend([0xff; 8]);
    question
}

fn user_in(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?;
    let user = answer.get(USER_AT..USER_AT + 4)?;
    (kind == BY_FAMILY.to_ne_bytes()).then(|| user.try_into().map(u32::from_ne_bytes).ok())?
}

fn by_table(peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    let name = |of: SocketAddrV4| {
        format!("{:08X}:{:04X}", u32::from_ne_bytes(of.ip().octets()), of.port())
    };
    let (peer, own) = (name(peer), name(own));
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    // `sl local_address rem_address st tx:rx tr:when retrnsmt uid …`
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let is_it = columns.next() == Some(&*peer) && columns.next() == Some(&*own);
        is_it.then(|| columns.nth(4)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        match address {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(_) => unreachable!("a test's own"),
        }
    }

    #[test]
    fn a_connection_of_ones_own_is_ones_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, own) = (v4(client.local_addr().unwrap()), v4(client.peer_addr().unwrap()));
        let user = rustix::process::geteuid().as_raw();
        assert_eq!(by_table(peer, own), Some(user));
        assert_eq!(user_of(peer, own), Some(user));
        drop(client);
        let nobody = SocketAddrV4::new(*peer.ip(), 1);
        assert_eq!(user_of(nobody, own), None);
    }

    #[test]
    fn answers_that_are_none_tell_nothing() {
        assert_eq!(user_in(b""), None);
        assert_eq!(user_in(&[0; 200]), None);
        assert_eq!(
            question("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()).len(),
            QUESTION_BYTES
        );
    }
}
