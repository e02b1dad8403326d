//! A back end that does what the test says: each connection runs the test's own function.

use super::wire::End;
use super::{Body, DEADLINE, Head, Wire, eventually};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A back end on a port of its own.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
    stopped: AtomicBool,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.bytes).into_owned()
    }
}

/// One connection of the gateway.
pub(crate) struct Connection {
    pub(crate) wire: Wire<TcpStream>,
    /// Counted from 0.
    pub(crate) index: usize,
    shared: Arc<Shared>,
}

impl Backend {
    /// Runs `script` for every connection; when it returns, the connection is closed.
    pub(crate) fn scripted(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, script)
    }

    /// The same on a listener that exists already.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let script = Arc::new(script);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_read_timeout(Some(2 * DEADLINE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let open = accepting.open.fetch_add(1, Ordering::SeqCst) + 1;
                accepting.open_max.fetch_max(open, Ordering::SeqCst);
                let index = accepting.accepted.fetch_add(1, Ordering::SeqCst);
                let (shared, script) = (Arc::clone(&accepting), Arc::clone(&script));
                thread::spawn(move || {
                    let wire = Wire::new(stream);
                    let mut connection = Connection { wire, index, shared };
                    script(&mut connection);
                    connection.shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, shared }
    }

    /// Answers every request with these bytes.
    pub(crate) fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::scripted(move |connection| {
            while connection.request().is_some() {
                connection.send(&response);
            }
        })
    }

    /// The requests that arrived in full so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The only request that has arrived.
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "one request arrives");
        requests.remove(0)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections whose script still runs.
    pub(crate) fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Most connections open at once.
    pub(crate) fn open_connections_max(&self) -> usize {
        self.shared.open_max.load(Ordering::SeqCst)
    }

    /// Waits until that many requests have arrived.
    pub(crate) fn await_requests(&self, count: usize) {
        eventually(&format!("{count} requests"), || self.requests().len() >= count);
    }
}

/// An address where connections are refused for as long as the tests run: bound, so that no other
/// test gets it, but not listened on.
pub(crate) fn refusing() -> SocketAddr {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then closes the listener.
        drop(TcpStream::connect(self.address));
    }
}

impl Connection {
    /// Reads a request with its content, and remembers it. `None`: the gateway closed.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let body = self.wire.request_body(&head);
        let request = Request { head, body };
        self.shared.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Reads only a head, which is not remembered.
    pub(crate) fn head(&mut self) -> Option<Head> {
        self.wire.head()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes.as_ref());
    }

    /// Breaks the connection: the gateway sees a reset.
    pub(crate) fn reset(&mut self) {
        // Closing with a linger time of zero is what makes the kernel send one.
        let socket = socket2::SockRef::from(&self.wire.stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// Waits until the gateway closes; how it did.
    pub(crate) fn end(&mut self) -> End {
        self.wire.end().1
    }
}
