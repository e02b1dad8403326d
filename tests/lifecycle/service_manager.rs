//! systemd: what it is told, and the sockets that it passes.

use crate::client::{Connection, get};
use crate::gateway::{BINARY, Gateway, HELLO, PATIENCE, configuration, folder_with, listening};
use rustix::process::Signal;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

/// The next message that is not about the watchdog.
fn next(socket: &UnixDatagram) -> String {
    let mut packet = [0; 1024];
    let length = socket.recv(&mut packet).expect("a message of the gateway");
    String::from_utf8(packet[..length].to_vec()).unwrap()
}

#[test]
fn it_is_told_of_the_start_of_reloads_and_of_the_end() {
    let folder = folder_with(&configuration(HELLO));
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut gateway = Gateway::start_in(folder, |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(next(&socket), "READY=1\nSTATUS=serving version 1\n");
    assert_eq!(get(gateway.address(), "/hello").status, 200, "ready means that it listens");

    gateway.signal(Signal::HUP);
    let reloading = next(&socket);
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next(&socket), "READY=1\nSTATUS=serving version 2\n");

    gateway.write("nonsense");
    let reloading = next(&socket);
    assert!(reloading.starts_with("RELOADING=1\n"), "{reloading}");
    assert_eq!(next(&socket), "READY=1\nSTATUS=serving version 2; the last reload was refused\n");

    gateway.signal(Signal::TERM);
    assert_eq!(next(&socket), "STOPPING=1\nSTATUS=draining\n");
    assert_eq!(gateway.wait().code(), Some(0));
}

/// A gateway that gets that socket as systemd would pass it: as descriptor 3, with `LISTEN_FDS` and
/// `LISTEN_PID`. The shell is there for its own process id.
fn with_passed(socket: OwnedFd, configuration: &str) -> Gateway {
    let folder = folder_with(configuration);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 0</dev/null", "sh"])
        .args([BINARY, "serve", "--config"])
        .arg(folder.path().join("ringgate.toml"))
        .stdin(Stdio::from(socket));
    Gateway::from_command(folder, command)
}

#[test]
fn a_passed_socket_outlives_the_process_and_its_queue_waits_for_the_next() {
    // Without SO_REUSEPORT: nobody could bind a second one, so this one must be in use.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let configuration = listening(&[&address.to_string()], HELLO);
    let mut gateway = with_passed(listener.try_clone().unwrap().into(), &configuration);
    assert_eq!(gateway.listening, [address]);
    for _ in 0..20 {
        assert_eq!(get(address, "/hello").status, 200);
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code(), Some(0));

    let mut waiting = Connection::open(address).expect("the socket still listens");
    waiting.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let _next = with_passed(listener.into(), &configuration);
    assert_eq!(waiting.answer().unwrap().status, 200);
}
