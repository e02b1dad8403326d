//! Where workers find what is theirs: the Runtime API of their shard, and the folder of their folders.

use super::super::listeners::BACKLOG;
use super::super::mailbox::{Listener, ListenerId, ListenerKind, ShardId, ToShard};
use super::Functions;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

impl Functions {
    /// The port where a shard's workers find it. The first time it gets a listener, which is its alone:
    /// at every address of the loopback interface, because each worker has one of its own to connect to,
    /// and at no other.
    pub(super) fn port(&mut self, shard: ShardId) -> io::Result<u16> {
        if let Some(port) = self.ports.get(shard).copied().flatten() {
            return Ok(port);
        }
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind_device(Some(b"lo"))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        socket.listen(BACKLOG)?;
        socket.set_tcp_nodelay(true)?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let id = ListenerId(self.next_listener);
        self.next_listener += 1;
        let kind = ListenerKind::Runtime;
        let listener = Listener { id, kind, address, socket: socket.into() };
        self.tell(shard, ToShard::TakeListeners(vec![listener]));
        if let Some(place) = self.ports.get_mut(shard) {
            *place = Some(address.port());
        }
        Ok(address.port())
    }

    /// The folder of all temporary folders.
    pub(super) fn folder(&mut self) -> io::Result<PathBuf> {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let random = jiff::Timestamp::now().as_nanosecond() as u64;
        let name = format!("ringgate-{}-{random:x}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // Not `create_dir_all`: one that is there already is somebody else's.
        std::fs::DirBuilder::new().mode(0o711).create(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711))?;
        Ok(self.folder.insert(folder).clone())
    }
}
