//! Listeners: the sockets on which shards accept, bound here so that every mistake is told before
//! anything runs and before a reload changes anything.
//!
//! Each shard has a socket of its own per address (`SO_REUSEPORT`), so the kernel spreads connections
//! and shards share nothing. The life of a listener has three steps: *bound* (the address is ours,
//! nobody can connect yet), *listening* (handed to the shards), *turned away* (closing: what is under
//! way may still arrive, nothing new may begin).
//!
//! Why turning away is a step: when one socket of a reuseport group closes, the kernel resets the
//! connections in its accept queue and the handshakes under way, though another socket of the group
//! (a new process, say) could have taken them (`net.ipv4.tcp_migrate_req` would move them, and is off
//! by default). So first a filter drops new SYNs: the client's kernel repeats them after a second and
//! then finds the new socket. Handshakes that had begun complete and are accepted. Then we close.
//!
//! Nothing here accepts, and nothing here knows which shard does what with its sockets.

use super::mailbox::{Listener, ListenerId, ListenerKind};
use super::port_holder::{PortHolder, port_holder};
use super::socket_activation::PassedSocket;
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Connections that wait to be accepted, per socket. `net.core.somaxconn` (4096 by default) caps it.
pub(super) const BACKLOG: i32 = 4096;

/// How long handshakes that have begun may take to complete before a socket that turns away is
/// closed: one round trip, with a retransmission on a near network. Clients that started in this
/// window wait for their own SYN timer (1 s), so it must stay below that.
pub const TURN_AWAY: Duration = Duration::from_millis(250);

/// A listener as the configuration declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WantedListener {
    /// Where. Port 0 asks for any free port, the same for all shards.
    pub address: SocketAddr,
    /// What is spoken there.
    pub kind: ListenerKind,
}

/// Why a listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Someone else listens there.
    #[error("cannot listen on {address}: the address is in use{}; stop it or change the address",
        match holder { Some(holder) => format!(" by {holder}"), None => String::new() })]
    InUse {
        /// Where.
        address: SocketAddr,
        /// Who, as far as it can be seen.
        holder: Option<PortHolder>,
    },
    /// A port below 1024 without the privilege.
    #[error(
        "cannot listen on {address}: ports below {lowest} need a privilege: \
         `AmbientCapabilities=CAP_NET_BIND_SERVICE` (systemd), `--cap-add NET_BIND_SERVICE` (Docker), \
         or `sysctl net.ipv4.ip_unprivileged_port_start={}`", address.port()
    )]
    NotPermitted {
        /// Where.
        address: SocketAddr,
        /// The first port that needs none (`net.ipv4.ip_unprivileged_port_start`).
        lowest: u16,
    },
    /// The address is not this host's.
    #[error("cannot listen on {address}: no interface of this host has that address")]
    NotLocal {
        /// Where.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
}

impl ListenError {
    /// Names the cause behind the kernel's answer.
    pub(super) fn new(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, holder: port_holder(address) },
            io::ErrorKind::PermissionDenied => {
                Self::NotPermitted { address, lowest: first_unprivileged_port() }
            }
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { address },
            _ => Self::Other { address, error },
        }
    }
}

/// The first port that anyone may bind.
pub(super) fn first_unprivileged_port() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1024)
}

/// All listeners of the process.
#[derive(Debug)]
pub struct Listeners {
    shards: usize,
    next_id: u32,
    bound: Vec<Bound>,
    passed: Vec<PassedSocket>,
}

/// One address, with a socket for each shard.
#[derive(Debug)]
struct Bound {
    id: ListenerId,
    wanted: WantedListener,
    /// With the real port.
    address: SocketAddr,
    sockets: BoundSockets,
}

#[derive(Debug)]
enum BoundSockets {
    /// One per shard. These are duplicates of those the shards got, kept for [`turn_away`].
    Own(Vec<Socket>),
    /// The service manager's: it goes on listening when we close, so nobody is turned away.
    Passed,
}

/// Addresses bound for a configuration that is not in force yet. Dropping it gives them up.
#[derive(Debug)]
pub struct Prepared {
    wanted: Vec<WantedListener>,
    bound: Vec<Bound>,
    /// For each entry of `bound`, one socket per shard.
    sockets: Vec<Vec<OwnedFd>>,
}

/// What a configuration coming into force means for the shards.
#[derive(Debug, Default)]
pub struct Change {
    /// New listeners, one list per shard.
    pub take: Vec<Vec<Listener>>,
    /// Listeners that are gone. They have been turning away since now; tell the shards to close
    /// theirs after [`TURN_AWAY`], then call [`Listeners::forget`].
    pub drop: Vec<ListenerId>,
}

impl Listeners {
    /// No listeners yet. `passed` are those of the service manager.
    pub fn new(shards: usize, passed: Vec<PassedSocket>) -> Self {
        Self { shards, next_id: 0, bound: Vec::new(), passed }
    }

    /// Binds what `wanted` has and the process has not. Nobody can connect to the new ones yet.
    ///
    /// # Errors
    /// Everything that could not be bound; then nothing has changed.
    pub fn prepare(&mut self, wanted: &[WantedListener]) -> Result<Prepared, Vec<ListenError>> {
        let mut prepared =
            Prepared { wanted: wanted.to_vec(), bound: Vec::new(), sockets: Vec::new() };
        let mut errors = Vec::new();
        let mut present: Vec<_> = self.bound.iter().map(|bound| bound.wanted).collect();
        for &wanted in wanted {
            // Each present listener serves one wish: port 0 may be wanted several times.
            if let Some(index) = present.iter().position(|it| *it == wanted) {
                present.swap_remove(index);
                continue;
            }
            match self.bind(wanted) {
                Ok((bound, sockets)) => {
                    prepared.bound.push(bound);
                    prepared.sockets.push(sockets);
                }
                Err(error) => errors.push(ListenError::new(wanted.address, error)),
            }
        }
        if errors.is_empty() { Ok(prepared) } else { Err(errors) }
    }

    /// Starts listening on what was prepared and turns new connections away from what is no longer
    /// wanted.
    ///
    /// # Errors
    /// When another process began to listen there since it was bound; then nothing has changed.
    pub fn adopt(&mut self, prepared: Prepared) -> Result<Change, ListenError> {
        for bound in &prepared.bound {
            if let BoundSockets::Own(sockets) = &bound.sockets {
                for socket in sockets {
                    socket
                        .listen(BACKLOG)
                        .map_err(|error| ListenError::new(bound.address, error))?;
                }
            }
        }
        let mut unserved = prepared.wanted;
        for bound in &prepared.bound {
            take_one(&mut unserved, bound.wanted);
        }
        let mut change =
            Change { take: (0..self.shards).map(|_| Vec::new()).collect(), drop: Vec::new() };
        for bound in &self.bound {
            if !take_one(&mut unserved, bound.wanted) {
                change.drop.push(bound.id);
            }
        }
        for (bound, sockets) in prepared.bound.into_iter().zip(prepared.sockets) {
            for (list, socket) in change.take.iter_mut().zip(sockets) {
                list.push(Listener {
                    id: bound.id,
                    kind: bound.wanted.kind,
                    address: bound.address,
                    socket,
                });
            }
            self.bound.push(bound);
        }
        self.turn_away(&change.drop);
        Ok(change)
    }

    /// Keeps new connections away from these listeners, and from now on counts them as gone.
    pub fn turn_away(&mut self, ids: &[ListenerId]) {
        for bound in self.bound.iter().filter(|bound| ids.contains(&bound.id)) {
            if let BoundSockets::Own(sockets) = &bound.sockets {
                for socket in sockets {
                    if let Err(error) = turn_away(socket) {
                        tracing::warn!(
                            address = %bound.address, %error,
                            "cannot filter new connections; some may be reset while closing"
                        );
                    }
                }
            }
        }
    }

    /// Gives up the sockets of these listeners: the shards' closing is then what closes them.
    pub fn forget(&mut self, ids: &[ListenerId]) {
        self.bound.retain(|bound| !ids.contains(&bound.id));
    }

    /// Stops listening on the sockets of a shard that died, so that the kernel spreads over the
    /// others. Works whether or not the shard's own descriptors were closed.
    pub fn stop_shard(&mut self, shard: usize) {
        for bound in &self.bound {
            if let BoundSockets::Own(sockets) = &bound.sockets
                && let Some(socket) = sockets.get(shard)
                && let Err(error) = socket.shutdown(Shutdown::Both)
            {
                tracing::warn!(shard, address = %bound.address, %error, "cannot stop listening");
            }
        }
    }

    /// Every listener's number.
    pub fn ids(&self) -> Vec<ListenerId> {
        self.bound.iter().map(|bound| bound.id).collect()
    }

    /// Every listener with its real address, in the order in which they came.
    pub fn addresses(&self) -> impl Iterator<Item = (ListenerKind, SocketAddr)> {
        self.bound.iter().map(|bound| (bound.wanted.kind, bound.address))
    }

    fn bind(&mut self, wanted: WantedListener) -> io::Result<(Bound, Vec<OwnedFd>)> {
        let passed: Vec<_> =
            self.passed.iter().filter(|passed| passed.address == wanted.address).collect();
        let (address, sockets, descriptors) = if passed.is_empty() {
            let sockets = bind_group(wanted.address, self.shards)?;
            let address = local_address(&sockets[0])?;
            let descriptors = sockets
                .iter()
                .map(|socket| socket.as_fd().try_clone_to_owned())
                .collect::<io::Result<_>>()?;
            (address, BoundSockets::Own(sockets), descriptors)
        } else {
            // Several when the unit says `ReusePort=`; else all shards accept from one queue.
            let descriptors = (0..self.shards)
                .map(|shard| passed[shard % passed.len()].socket.try_clone())
                .collect::<io::Result<_>>()?;
            (wanted.address, BoundSockets::Passed, descriptors)
        };
        let id = ListenerId(self.next_id);
        self.next_id += 1;
        let bound = Bound { id, wanted, address, sockets };
        Ok((bound, descriptors))
    }
}

/// Removes one entry equal to `wanted`; whether there was one.
fn take_one(list: &mut Vec<WantedListener>, wanted: WantedListener) -> bool {
    match list.iter().position(|it| *it == wanted) {
        Some(index) => {
            list.swap_remove(index);
            true
        }
        None => false,
    }
}

/// One listener for the control thread itself, the service manager's when it passed one. It shares
/// its port like the others, so that a second process can take over.
pub(super) fn listen_alone(
    address: SocketAddr,
    passed: &[PassedSocket],
) -> io::Result<std::net::TcpListener> {
    let passed = passed.iter().find(|passed| passed.address == address);
    let socket = match passed {
        Some(passed) => Socket::from(passed.socket.try_clone()?),
        None => {
            let socket = bind(address)?;
            socket.listen(BACKLOG)?;
            socket
        }
    };
    // tokio waits with epoll.
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// One bound socket per shard. With port 0 the first one's port is taken by the others.
fn bind_group(address: SocketAddr, shards: usize) -> io::Result<Vec<Socket>> {
    let first = bind(address)?;
    let real = local_address(&first)?;
    let mut sockets = vec![first];
    for _ in 1..shards {
        sockets.push(bind(real)?);
    }
    Ok(sockets)
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port with connections in TIME_WAIT from before a restart can be bound at once.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        // `[::]` means IPv6 here, whatever `net.ipv6.bindv6only` says: `0.0.0.0` is written beside it
        // where both are wanted, so that neither steals the other's port.
        socket.set_only_v6(true)?;
    }
    set_for_ring(&socket)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// What a listener must be for a shard's ring, also one that came from elsewhere.
pub(super) fn set_for_ring(socket: &Socket) -> io::Result<()> {
    // Blocking: on a non-blocking one io_uring's accept answers `EAGAIN` instead of waiting.
    socket.set_nonblocking(false)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("an internet socket has an internet address"))
}

/// Drops SYNs that reach the socket from now on; everything else passes. The filter sees a packet
/// from its TCP header on; byte 13 holds the flags (RFC 9293, section 3.1).
fn turn_away(socket: &Socket) -> io::Result<()> {
    const LOAD_BYTE: u16 = 0x30; // BPF_LD | BPF_B | BPF_ABS
    const JUMP_IF_SET: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const FLAGS_BYTE: u32 = 13;
    const SYN: u32 = 0x02;
    socket.attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_BYTE),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    fn plain(address: &str) -> WantedListener {
        WantedListener { address: address.parse().unwrap(), kind: ListenerKind::Plain }
    }

    fn listen(listeners: &mut Listeners, wanted: &[WantedListener]) -> Change {
        let prepared = listeners.prepare(wanted).unwrap();
        listeners.adopt(prepared).unwrap()
    }

    #[test]
    fn all_shards_share_the_port_that_the_first_one_got() {
        let mut listeners = Listeners::new(3, Vec::new());
        let change = listen(&mut listeners, &[plain("127.0.0.1:0"), plain("[::1]:0")]);

        assert_eq!(change.take.len(), 3);
        let address = |shard: usize, index: usize| change.take[shard][index].address;
        assert_ne!(address(0, 0).port(), 0);
        for shard in 1..3 {
            assert_eq!(address(shard, 0), address(0, 0));
            assert_eq!(address(shard, 1), address(0, 1));
        }
        TcpStream::connect(address(0, 0)).unwrap();
        TcpStream::connect(address(0, 1)).unwrap();
    }

    #[test]
    fn an_address_in_use_is_named_with_its_holder() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let mut listeners = Listeners::new(2, Vec::new());
        let errors = listeners
            .prepare(&[plain("127.0.0.1:0"), WantedListener { address, kind: ListenerKind::Tls }])
            .unwrap_err();

        assert_eq!(errors.len(), 1);
        let text = errors[0].to_string();
        let expected = format!("cannot listen on {address}: the address is in use by `");
        assert!(text.starts_with(&expected), "{text}");
        assert!(
            text.ends_with(&format!(
                "` (process {}); stop it or change the address",
                std::process::id()
            )),
            "{text}"
        );
        assert!(listeners.ids().is_empty(), "all or nothing");
    }

    #[test]
    fn other_reasons_name_the_way_out() {
        let address = "0.0.0.0:80".parse().unwrap();
        let text = ListenError::NotPermitted { address, lowest: 1024 }.to_string();
        assert!(text.contains("ports below 1024"), "{text}");
        assert!(text.contains("CAP_NET_BIND_SERVICE"), "{text}");
        assert!(text.contains("ip_unprivileged_port_start=80"), "{text}");

        // 192.0.2.0/24 is for documentation: no host has it.
        let errors = Listeners::new(1, Vec::new()).prepare(&[plain("192.0.2.1:0")]).unwrap_err();
        assert_eq!(
            errors[0].to_string(),
            "cannot listen on 192.0.2.1:0: no interface of this host has that address"
        );
    }

    #[test]
    fn nobody_can_connect_before_the_configuration_is_in_force() {
        let mut listeners = Listeners::new(1, Vec::new());
        let prepared = listeners.prepare(&[plain("127.0.0.1:0")]).unwrap();
        let address = prepared.bound[0].address;
        assert!(TcpStream::connect(address).is_err());
        let _change = listeners.adopt(prepared).unwrap();
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn a_reload_keeps_what_stays_and_changes_the_rest() {
        let mut listeners = Listeners::new(2, Vec::new());
        let both = [plain("127.0.0.1:0"), plain("127.0.0.1:0")];
        let first = listen(&mut listeners, &both);
        assert_eq!(first.take[0].len(), 2);
        let ids = listeners.ids();

        let same = listen(&mut listeners, &both);
        assert!(same.take.iter().all(Vec::is_empty) && same.drop.is_empty());

        let less = listen(&mut listeners, &both[..1]);
        assert_eq!(less.drop, &ids[1..]);
        listeners.forget(&less.drop);
        assert_eq!(listeners.ids(), &ids[..1]);

        let more = listen(&mut listeners, &[both[0], plain("[::1]:0")]);
        assert_eq!(more.take[1].len(), 1);
        assert!(!ids.contains(&more.take[1][0].id), "numbers are not reused");
        assert!(more.drop.is_empty());
    }

    #[test]
    fn a_closed_listener_is_gone_when_the_shards_have_closed_theirs() {
        let mut listeners = Listeners::new(1, Vec::new());
        let change = listen(&mut listeners, &[plain("127.0.0.1:0")]);
        let ids = listeners.ids();
        let address = change.take[0][0].address;
        listeners.forget(&ids);
        TcpStream::connect(address).expect("the shard's socket still listens");
        drop(change);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn the_sockets_of_a_dead_shard_get_no_more_connections() {
        let mut listeners = Listeners::new(2, Vec::new());
        let mut change = listen(&mut listeners, &[plain("127.0.0.1:0")]);
        let alive = TcpListener::from(change.take.remove(0).remove(0).socket);
        let address = change.take[0][0].address;
        listeners.stop_shard(1);
        // With both listening, one in two would go the other way.
        for _ in 0..20 {
            let _client = TcpStream::connect(address).unwrap();
            alive.accept().unwrap();
        }
    }

    /// Accepts and answers until told to close; then takes what is queued and closes a moment later,
    /// as a busy shard does.
    fn serve(listener: Listener, close: &'static AtomicBool) -> std::thread::JoinHandle<u32> {
        let listener = TcpListener::from(listener.socket);
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let mut accepted = 0;
            loop {
                let closing = close.load(Ordering::Relaxed);
                while let Ok((mut stream, _)) = listener.accept() {
                    accepted += 1;
                    stream.write_all(b"served").unwrap();
                }
                std::thread::sleep(Duration::from_millis(5));
                if closing {
                    return accepted;
                }
            }
        })
    }

    /// The heart of an upgrade: the old process's sockets close while clients connect without pause,
    /// and none of them is refused or reset.
    #[test]
    fn turning_away_before_closing_loses_no_connection() {
        static CLOSE_OLD: AtomicBool = AtomicBool::new(false);
        static CLOSE_NEW: AtomicBool = AtomicBool::new(false);
        let mut old = Listeners::new(2, Vec::new());
        let old_change = listen(&mut old, &[plain("127.0.0.1:0")]);
        let address = old_change.take[0][0].address;
        let old_shards: Vec<_> = old_change
            .take
            .into_iter()
            .flatten()
            .map(|listener| serve(listener, &CLOSE_OLD))
            .collect();
        let (first_served, wait_for_first) = std::sync::mpsc::channel();
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let first_served = first_served.clone();
                std::thread::spawn(move || {
                    let begin = Instant::now();
                    let mut served = 0_u32;
                    while begin.elapsed() < Duration::from_millis(1500) {
                        let mut stream = TcpStream::connect(address).expect("never refused");
                        let mut text = String::new();
                        stream.read_to_string(&mut text).expect("never reset");
                        assert_eq!(text, "served");
                        served += 1;
                        let _ = first_served.send(());
                    }
                    served
                })
            })
            .collect();

        wait_for_first.recv().expect("the old listeners serve");
        let mut new = Listeners::new(2, Vec::new());
        let new_shards: Vec<_> = listen(&mut new, &[plain(&address.to_string())])
            .take
            .into_iter()
            .flatten()
            .map(|listener| serve(listener, &CLOSE_NEW))
            .collect();
        let ids = old.ids();
        old.turn_away(&ids);
        std::thread::sleep(TURN_AWAY);
        old.forget(&ids);
        CLOSE_OLD.store(true, Ordering::Relaxed);

        let sum = |threads: Vec<std::thread::JoinHandle<u32>>| -> u32 {
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        };
        let from_old = sum(old_shards);
        let served = sum(clients);
        CLOSE_NEW.store(true, Ordering::Relaxed);
        let from_new = sum(new_shards);
        assert!(from_old > 0 && from_new > 0, "{from_old} {from_new}");
        assert_eq!(served, from_old + from_new);
    }
}
