//! A back end that answers, delays and misbehaves as it is told: for tests of what stands before it.
//!
//! On the ring too, one thread per ring and listener, so that it is not what a measurement finds.
//! What a request gets is decided by the flags and by its own query (`/?size=16384&fault=reset_body`),
//! so one running back end serves a whole test suite. Some paths are special: `/echo` answers with the
//! request as it was seen, `/stats` with counts, `/down?for=2s` closes the listeners for a while.
//!
//! | file | what it is |
//! |---|---|
//! | `behaviour` | what flags and queries can ask for |
//! | `script` | an answer, faults included, as a list of steps |
//! | `connection` | one connection: requests in, scripts out |
//! | `echo` | the request as it was seen |

pub mod behaviour;
pub mod script;
pub mod echo;
mod connection;

use crate::host;
use crate::network::Network;
use crate::random::Random;
use behaviour::{Behaviour, Fault};
use bytes::Bytes;
use connection::Connection;
use ringgate::ring::driver::KernelRing;
use ringgate::ring::probe::{RingFault, RingSettings};
use ringgate::ring::{BufferGroup, Close, Completion, Ring, SlotId, Slots, Socket, Token};
use ringgate::tls::{CertificateFiles, Certificates, ServerConfig, Tickets};
use rustix::net::sockopt;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a back end is made of.
#[derive(Debug, Clone)]
pub struct BackendSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads, each with a ring and a listener of its own.
    pub threads: usize,
    /// Cores to pin the threads to, in turn.
    pub pin: Vec<usize>,
    /// How requests are answered.
    pub behaviour: Behaviour,
    /// What the dice begin with.
    pub seed: u64,
    /// Certificate and key, to speak TLS.
    pub tls: Option<CertificateFiles>,
}

/// Why a back end could not start.
#[derive(Debug, thiserror::Error)]
pub enum BackendFault {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// The system's answer.
        error: io::Error,
    },
    /// No ring.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// No thread, or not on that core.
    #[error("cannot prepare a thread for core {core:?}: {error}")]
    Thread {
        /// The core asked for.
        core: Option<usize>,
        /// The system's answer.
        error: io::Error,
    },
    /// Certificates.
    #[error("{0}")]
    Tls(String),
}

/// A running back end. Dropping it stops it.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// The little that threads of one back end share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Until when the listeners are closed, in milliseconds since 1970.
    down_until_ms: AtomicU64,
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Backend {
    /// Starts a back end; returns when it listens.
    ///
    /// # Errors
    /// When it cannot listen, or there is no ring.
    pub fn start(settings: BackendSettings) -> Result<Self, BackendFault> {
        let first = listen(settings.listen)?;
        let address = first
            .local_addr()
            .map_err(|error| BackendFault::Listen { address: settings.listen, error })?;
        let tls = settings.tls.as_ref().map(tls_config).transpose()?;
        let shared = Arc::new(Shared::default());
        let mut backend = Self { address, shared: Arc::clone(&shared), threads: Vec::new() };
        let settings = Arc::new(settings);
        let (ready, started) = mpsc::channel();
        let mut first = Some(first);
        for index in 0..settings.threads.max(1) {
            let listener = match first.take() {
                Some(listener) => listener,
                None => listen(address)?,
            };
            let core = match settings.pin.len() {
                0 => None,
                cores => Some(settings.pin[index % cores]),
            };
            let (settings, shared, tls) = (Arc::clone(&settings), Arc::clone(&shared), tls.clone());
            let ready = ready.clone();
            let thread = std::thread::Builder::new()
                .name(format!("backend-{index}"))
                .spawn(move || {
                    let made = host::prepare_thread(core)
                        .map_err(|error| BackendFault::Thread { core, error })
                        .and_then(|()| Ok(KernelRing::new(&ring_settings())?));
                    match made {
                        Ok(ring) => {
                            // `start` listens until every thread has spoken.
                            let _ = ready.send(Ok(()));
                            Worker::new(ring, listener, address, index, &settings, shared, tls)
                                .run();
                        }
                        Err(fault) => {
                            let _ = ready.send(Err(fault));
                        }
                    }
                })
                .map_err(|error| BackendFault::Thread { core, error })?;
            backend.threads.push(thread);
        }
        for _ in 0..backend.threads.len() {
            // Every thread speaks once; one that panicked before has hung up.
            if let Ok(outcome) = started.recv() {
                outcome?;
            }
        }
        Ok(backend)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Requests read so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic was printed by its thread; there is nobody to tell it to here.
            let _ = thread.join();
        }
    }
}

/// A listening socket that several threads can share a port with.
fn listen(address: SocketAddr) -> Result<TcpListener, BackendFault> {
    let open = || -> io::Result<TcpListener> {
        let family = match address {
            SocketAddr::V4(_) => rustix::net::AddressFamily::INET,
            SocketAddr::V6(_) => rustix::net::AddressFamily::INET6,
        };
        let flags = rustix::net::SocketFlags::CLOEXEC;
        let kind = rustix::net::SocketType::STREAM;
        let socket = rustix::net::socket_with(family, kind, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        // Accepted sockets inherit it.
        sockopt::set_tcp_nodelay(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, 4096)?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|error| BackendFault::Listen { address, error })
}

fn tls_config(files: &CertificateFiles) -> Result<Arc<ServerConfig>, BackendFault> {
    let now = jiff::Timestamp::now().as_duration().unsigned_abs();
    let (certificates, _) =
        Certificates::load(std::slice::from_ref(files), now).map_err(|problems| {
            let texts: Vec<String> =
                problems.iter().map(|(_, problem)| problem.to_string()).collect();
            BackendFault::Tls(texts.join("\n"))
        })?;
    let fault = |fault: ringgate::tls::TlsFault| BackendFault::Tls(fault.to_string());
    let tickets = Tickets::new().map_err(fault)?;
    ringgate::tls::server_config(&certificates, &tickets).map_err(fault)
}

/// A back end's thread receives requests only.
fn ring_settings() -> RingSettings {
    RingSettings {
        entries: 512,
        client_buffers: 512,
        client_buffer_bytes: 8192,
        upstream_buffers: 1,
        upstream_buffer_bytes: 4096,
    }
}

/// Kinds of tokens, above the 56 bits of a slot.
const KIND_LISTENER: u64 = 1 << 56;

/// How often a thread looks whether it is to stop, or the listeners are to open again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the last closes may take.
const END_MAX: Duration = Duration::from_millis(200);

/// One thread.
struct Worker {
    ring: KernelRing,
    listener: Listener,
    address: SocketAddr,
    /// As the flags have it, without [`Fault::Refuse`], which concerns connections.
    behaviour: Behaviour,
    /// The share of connections that are refused.
    refuse_share: f64,
    shared: Arc<Shared>,
    tls: Option<Arc<ServerConfig>>,
    connections: Slots<Connection>,
    /// When which connection goes on; stale entries are told by their stamp.
    timers: BinaryHeap<Reverse<(Instant, u64, u64)>>,
    stamps: u64,
    starved: Vec<SlotId>,
    /// Something waits for a send to be known as sent, which the next look at the ring tells.
    pressing: bool,
    random: Random,
    /// The whole answer to a plain request, when the flags ask for nothing that varies.
    plain: Option<Plain>,
    pattern: Bytes,
    now: Instant,
}

/// The answer to a request without a query.
struct Plain {
    whole: Bytes,
    head: Bytes,
}

enum Listener {
    Open(TcpListener),
    /// The accept is being cancelled; then the socket can be closed.
    Closing(#[expect(dead_code, reason = "held open until the cancel is through")] TcpListener),
    Down,
}

/// Bytes of pattern that one send takes along; a multiple of the pattern's 32.
const PATTERN_BYTES: usize = 128 * 1024;

impl Worker {
    fn new(
        ring: KernelRing,
        listener: TcpListener,
        address: SocketAddr,
        index: usize,
        settings: &BackendSettings,
        shared: Arc<Shared>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let mut behaviour = settings.behaviour.clone();
        let refuse_share = behaviour
            .faults
            .extract_if(.., |(fault, _)| *fault == Fault::Refuse)
            .map(|(_, share)| share)
            .sum();
        let plain = plain(&behaviour);
        Self {
            ring,
            listener: Listener::Open(listener),
            address,
            random: Random::new(settings.seed.wrapping_add(index as u64)),
            behaviour,
            refuse_share,
            shared,
            tls,
            connections: Slots::new(),
            timers: BinaryHeap::new(),
            stamps: 0,
            starved: Vec::new(),
            pressing: false,
            plain,
            pattern: Bytes::from(script::pattern(PATTERN_BYTES)),
            now: Instant::now(),
        }
    }

    fn run(mut self) {
        let mut completions = Vec::with_capacity(1024);
        self.accept();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let timeout = match self.timers.peek() {
                Some(Reverse((time, ..))) => time.saturating_duration_since(self.now),
                None => LOOK_EVERY,
            };
            // A send that succeeds is reported with the next look at the ring, but a wait looks only
            // when something arrives.
            if std::mem::take(&mut self.pressing) {
                self.ring.turn(&mut completions);
            } else {
                self.ring.wait(&mut completions, timeout.min(LOOK_EVERY));
            }
            self.now = self.ring.now();
            for completion in completions.drain(..) {
                self.on(completion);
            }
            while let Some(id) = self.starved.pop() {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.wire.receive(&mut self.ring);
                }
            }
            self.fire();
            self.look_after_listener();
        }
        self.end(&mut completions);
    }

    /// Closes everything, so that clients notice and descriptors come back.
    fn end(&mut self, completions: &mut Vec<Completion>) {
        if let Listener::Open(listener) = std::mem::replace(&mut self.listener, Listener::Down) {
            // An armed accept would keep the socket listening until the kernel has torn the ring down.
            self.ring.cancel_accept(Token(KIND_LISTENER));
            self.listener = Listener::Closing(listener);
        }
        let ids: Vec<SlotId> = self.connections.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.close(id, Close::Orderly);
        }
        let give_up = self.ring.now() + END_MAX;
        while (!self.connections.is_empty() || matches!(self.listener, Listener::Closing(_)))
            && self.ring.now() < give_up
        {
            self.ring.wait(completions, Duration::from_millis(10));
            for completion in completions.drain(..) {
                self.on(completion);
            }
        }
    }

    fn accept(&mut self) {
        if let Listener::Open(listener) = &self.listener {
            let socket = Socket(listener.as_raw_fd());
            self.ring.accept(socket, Token(KIND_LISTENER));
        }
    }

    fn on(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { socket, more, .. } => self.on_accepted(socket.ok(), more),
            Completion::Received { token, received, more } => {
                self.on_received(SlotId::from_bits(token.0), received, more)
            }
            Completion::Sent { token, outgoing, result } => {
                self.ring.recycle(outgoing);
                self.on_sent(SlotId::from_bits(token.0), result.is_ok());
            }
            Completion::Closed { token } => {
                let id = SlotId::from_bits(token.0);
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.wire.closed();
                }
                self.settle(id);
            }
            Completion::Connected { .. } => debug_assert!(false, "nobody connects here"),
        }
    }

    fn on_accepted(&mut self, socket: Option<Socket>, more: bool) {
        if let Some(socket) = socket {
            let number = self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let id = self.connections.insert_with(|id| {
                Connection::new(socket, BufferGroup::Client, Token(id.bits()), number)
            });
            self.greet(id);
        }
        if more {
            return;
        }
        match std::mem::replace(&mut self.listener, Listener::Down) {
            Listener::Open(listener) => {
                // Out of descriptors or buffers for a moment: go on.
                self.listener = Listener::Open(listener);
                self.accept();
            }
            // Dropping the socket closes it: connections are refused from now on.
            Listener::Closing(_) | Listener::Down => {}
        }
    }

    fn look_after_listener(&mut self) {
        let until_ms = self.shared.down_until_ms.load(Ordering::Relaxed);
        if until_ms == 0 && matches!(self.listener, Listener::Open(_)) {
            return;
        }
        let is_down = self.ring.epoch_ms() < until_ms;
        self.listener = match std::mem::replace(&mut self.listener, Listener::Down) {
            Listener::Open(listener) if is_down => {
                self.ring.cancel_accept(Token(KIND_LISTENER));
                Listener::Closing(listener)
            }
            Listener::Down if !is_down => match listen(self.address) {
                Ok(listener) => Listener::Open(listener),
                // Somebody else has taken the port: try again at the next look.
                Err(_) => Listener::Down,
            },
            same => {
                self.listener = same;
                return;
            }
        };
        self.accept();
    }

    /// Plays on where a wait is over.
    fn fire(&mut self) {
        while let Some(Reverse((time, bits, stamp))) = self.timers.peek().copied() {
            if time > self.now {
                return;
            }
            self.timers.pop();
            let id = SlotId::from_bits(bits);
            if let Some(connection) = self.connections.get_mut(id)
                && connection.end_wait(stamp)
            {
                self.advance(id, &[]);
                self.receive_on(id);
            }
        }
    }

    fn close(&mut self, id: SlotId, how: Close) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.wire.close(&mut self.ring, how);
        }
    }

    fn settle(&mut self, id: SlotId) {
        let is_over = |connection: &Connection| connection.wire.is_over();
        if self.connections.get(id).is_some_and(is_over) {
            self.connections.remove(id);
        }
    }
}

fn plain(behaviour: &Behaviour) -> Option<Plain> {
    let varies = behaviour.statuses.len() > 1
        || behaviour.size.0 != behaviour.size.1
        || behaviour.size.1 > 1 << 20
        || behaviour.delay != behaviour::Delay::None
        || behaviour.framing != behaviour::Framing::Length
        || !behaviour.faults.is_empty()
        || !behaviour.interim.is_empty();
    if varies {
        return None;
    }
    let mut whole = Vec::new();
    let asked = script::Asked { is_head: false, persistent: true, fault: None };
    let mut head = Bytes::new();
    for step in script::script(behaviour, asked, None, &mut Random::new(0)) {
        match step {
            script::Step::Send(bytes) => {
                whole.extend_from_slice(&bytes);
                if head.is_empty() {
                    head = bytes;
                }
            }
            script::Step::Pattern { left, .. } => whole.extend(script::pattern(left)),
            _ => return None,
        }
    }
    Some(Plain { whole: Bytes::from(whole), head })
}
