//! Socket activation: listening sockets that systemd opened and passed to this process.
//!
//! See sd_listen_fds(3). A passed socket is used for the configured address that equals its own; the
//! service manager keeps it open, so that connections made while no ringgate runs wait in its queue.

use super::listeners::set_for_ring;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// A socket that the service manager passed.
#[derive(Debug)]
pub struct PassedSocket {
    /// Its local address.
    pub address: SocketAddr,
    /// An own duplicate of it; the passed descriptor stays open.
    pub socket: OwnedFd,
}

/// The listening TCP sockets passed by the service manager; none when it passed none.
///
/// # Errors
/// When `LISTEN_FDS` or `LISTEN_PID` cannot be understood, or a descriptor is not what it should be.
pub fn passed_sockets() -> io::Result<Vec<PassedSocket>> {
    let descriptors = sd_notify::listen_fds()?;
    if descriptors.len() == 0 {
        return Ok(Vec::new());
    }
    // A number from the environment becomes a descriptor that we own by asking the kernel for a
    // duplicate; taking the number itself would be a promise only `unsafe` can make.
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut passed = Vec::new();
    for descriptor in descriptors {
        let socket = pidfd_getfd(&this_process, descriptor, PidfdGetfdFlags::empty())
            .map_err(io::Error::from)
            .and_then(checked)
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("descriptor {descriptor} passed by the service manager: {error}"),
                )
            })?;
        passed.push(socket);
    }
    Ok(passed)
}

fn checked(descriptor: OwnedFd) -> io::Result<PassedSocket> {
    let socket = Socket::from(descriptor);
    if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "expected a listening stream socket (`ListenStream=`)",
        ));
    }
    let address = socket.local_addr()?.as_socket().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "expected an internet address, not a Unix socket",
        )
    })?;
    set_for_ring(&socket)?;
    Ok(PassedSocket { address, socket: socket.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::listeners::{Listeners, WantedListener};
    use crate::control::mailbox::ListenerKind;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    /// Set for the child: the address of the socket it is given.
    const ADDRESS: &str = "RINGGATE_TEST_PASSED_ADDRESS";

    /// Runs itself as a child that gets a socket as systemd would pass it: as descriptor 3, with
    /// `LISTEN_FDS` and `LISTEN_PID`. The shell is there for its own process id.
    #[test]
    fn a_passed_socket_is_used_by_every_shard() {
        if let Ok(address) = std::env::var(ADDRESS) {
            return child(address.parse().unwrap());
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let name = "control::socket_activation::tests::a_passed_socket_is_used_by_every_shard";
        let mut child = Command::new("/bin/sh")
            .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 0</dev/null", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(ADDRESS, address.to_string())
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let mut stream = TcpStream::connect(address).unwrap();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(text, "shard 1");
    }

    fn child(address: SocketAddr) {
        let mut listeners = Listeners::new(2, passed_sockets().unwrap());
        let wanted = [WantedListener { address, kind: ListenerKind::Plain }];
        let prepared = listeners
            .prepare(&wanted)
            .expect("no second socket is bound: the parent's has no SO_REUSEPORT");
        let mut change = listeners.adopt(prepared).unwrap();
        let second = change.take[1].remove(0);
        let (mut stream, _) = TcpListener::from(second.socket).accept().unwrap();
        stream.write_all(b"shard 1").unwrap();
    }

    #[test]
    fn only_listening_internet_sockets_are_taken() {
        let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = checked(stream.into()).unwrap_err();
        assert!(error.to_string().contains("listening stream socket"));

        let folder = tempfile::tempdir().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let error = checked(unix.into()).unwrap_err();
        assert!(error.to_string().contains("not a Unix socket"));
    }
}
