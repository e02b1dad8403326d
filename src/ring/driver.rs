//! io_uring behind the [`Ring`] trait.
//!
//! One thread makes and uses it. A turn is one `io_uring_enter`: it submits what the handlers of the
//! last turn queued and collects everything that has arrived. Three things are worth knowing before
//! changing anything (measurements: the project's ring notes, summed up in `docs/architecture.md`):
//!
//! - **Sends that succeed have no completion.** With `MSG_WAITALL | MSG_DONTWAIT` and
//!   `IOSQE_CQE_SKIP_SUCCESS` a send either writes everything before the enter returns, without a
//!   trace, or it posts how far it came. So after an enter and a look at the completions, silence
//!   means sent. What is left of a short one goes out as an ordinary, waiting send.
//! - **Enter with `GETEVENTS` even to wait for nothing**: with `DEFER_TASKRUN` completions are made
//!   only then.
//! - **The eventfd is silent while awake** and enabled just before parking ([`KernelRing::arm_wake`]).
//!
//! ```text
//! a send:  Queued --enter--> Tried --no completion--> Sent
//!                              '--short, EAGAIN--> Waiting --completion--> (more to go) Waiting | Sent
//!                              '--error--> Sent(Err)
//! ```

#![expect(unsafe_code, reason = "this file talks to the kernel about memory")]

use super::probe::{RingFault, RingSettings};
use super::provided::ProvidedBuffers;
use super::{
    BufferGroup, Close, Completion, InFlight, Lease, Outgoing, Received, Ring, SendId, Socket,
    Token,
};
use io_uring::squeue::Flags;
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode, squeue};
use rustix::event::EventfdFlags;
use rustix::net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, ipproto, sockopt};
use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Duration;

/// The kernel's ring of one shard.
pub struct KernelRing {
    // The three handles borrow from `ring`, which stands in its own allocation and is dropped last
    // (see `Drop`).
    submitter: ManuallyDrop<Submitter<'static>>,
    submission: ManuallyDrop<SubmissionQueue<'static>>,
    completion: ManuallyDrop<CompletionQueue<'static>>,
    ring: *mut IoUring,
    client_buffers: ProvidedBuffers,
    upstream_buffers: ProvidedBuffers,
    eventfd: OwnedFd,
    sends: Vec<Send>,
    free_sends: Vec<u32>,
    /// Sends queued or tried whose enter has not been looked at, with their place in the submission
    /// order.
    tried: VecDeque<(u64, u32)>,
    /// Entries pushed and submitted since the beginning.
    pushed: u64,
    submitted: u64,
    /// Addresses of queued connects. The kernel copies them on submission (`IORING_FEAT_SUBMIT_STABLE`).
    #[expect(clippy::vec_box, reason = "the kernel is told the address of each")]
    addresses: Vec<Box<SocketAddrAny>>,
    batch: Vec<cqueue::Entry>,
    #[expect(clippy::vec_box, reason = "they travel in their boxes")]
    recycled: Vec<Box<Outgoing>>,
    counters: RingCounters,
}

/// What the driver did, for the shard's telemetry.
#[derive(Debug, Clone, Copy, Default)]
pub struct RingCounters {
    /// `io_uring_enter` calls.
    pub enters: u64,
    /// Completions taken.
    pub completions: u64,
    /// Sends that did not fit the socket's buffer at once.
    pub short_sends: u64,
    /// Receives that ended because no buffer was free.
    pub no_buffers: u64,
}

/// One send in flight. Its place in the table is its name; the message header and the vectors have
/// stable addresses until its `Sent`.
struct Send {
    state: SendState,
    token: Token,
    socket: Socket,
    outgoing: Option<Box<Outgoing>>,
    sent_bytes: usize,
    abandoned: bool,
    scatter: Box<Scatter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SendState {
    Free,
    /// Submitted eagerly, or about to be: silence will mean success.
    Tried,
    /// An ordinary send for the rest is in flight; its completion will come.
    Waiting,
    /// Reported; its place comes free when `tried` has passed it.
    Over,
}

struct Scatter {
    header: libc::msghdr,
    vectors: Vec<libc::iovec>,
}

/// Vectors of one `sendmsg`; more are sent in further rounds (`UIO_MAXIOV`).
const VECTORS_MAX: usize = 1024;
/// Kept `Outgoing`s: enough for the requests of some turns.
const RECYCLED_MAX: usize = 1024;
/// A recycled `Outgoing` keeps at most this much: a page holds nearly every head with a small body.
const RECYCLED_BYTES_MAX: usize = 8 * 1024;

const GROUP_CLIENT: u16 = 0;
const GROUP_UPSTREAM: u16 = 1;

/// The upper 4 bits of the kernel's user data: which operation completes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Operation {
    Accept = 1,
    Receive = 2,
    ReceiveUpstream = 3,
    Connect = 4,
    /// The rest of the user data is the place in `sends`, not a token.
    Send = 5,
    Close = 6,
    /// Cancellations: nobody waits for their result.
    Ignored = 7,
}

const OPERATION_SHIFT: u32 = 60;
const TOKEN_MASK: u64 = (1 << OPERATION_SHIFT) - 1;

fn user_data(operation: Operation, bits: u64) -> u64 {
    debug_assert_eq!(bits & !TOKEN_MASK, 0, "the upper bits of a token belong to the ring");
    (operation as u64) << OPERATION_SHIFT | bits
}

impl KernelRing {
    /// Sets a ring up on the calling thread, which alone may use it from then on.
    ///
    /// # Errors
    /// When the kernel refuses: too old, io_uring disabled, too little memory to lock.
    pub fn new(settings: &RingSettings) -> Result<Self, RingFault> {
        let eventfd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| RingFault::from_setup("eventfd", error.into(), settings))?;
        Self::with_eventfd(settings, eventfd)
    }

    /// Like [`KernelRing::new`], with an eventfd (non-blocking) of the caller's: whoever else writes to
    /// it wakes the ring's owner too.
    ///
    /// # Errors
    /// As for [`KernelRing::new`].
    pub fn with_eventfd(settings: &RingSettings, eventfd: OwnedFd) -> Result<Self, RingFault> {
        let fault = |step| move |error| RingFault::from_setup(step, error, settings);
        let ring = Self::build(settings).map_err(fault("io_uring_setup"))?;
        let ring = Box::into_raw(Box::new(ring));
        // SAFETY: `ring` was just made by `Box::into_raw`, nobody else knows it, and it is freed only
        // in `Drop` (or below on error), after the handles that borrow from it.
        let (mut submitter, submission, completion) = unsafe { &mut *ring }.split();
        // A registered ring descriptor saves a lookup per enter; older kernels do without.
        let _ = submitter.register_ring_fd();
        let buffers = |group, count, bytes| {
            ProvidedBuffers::register(&submitter, group, count, bytes)
                .map_err(fault("registering provided buffers"))
        };
        let made = buffers(GROUP_CLIENT, settings.client_buffers, settings.client_buffer_bytes)
            .and_then(|client| {
                buffers(GROUP_UPSTREAM, settings.upstream_buffers, settings.upstream_buffer_bytes)
                    .map(|upstream| (client, upstream))
            })
            .and_then(|buffers| {
                submitter
                    .register_eventfd(eventfd.as_raw_fd())
                    .map_err(fault("registering an eventfd"))?;
                Ok(buffers)
            });
        let (client_buffers, upstream_buffers) = match made {
            Ok(made) => made,
            Err(fault) => {
                // SAFETY: made by `Box::into_raw` above; the handles are not used again.
                drop(unsafe { Box::from_raw(ring) });
                return Err(fault);
            }
        };
        completion.disable_eventfd();
        Ok(Self {
            submitter: ManuallyDrop::new(submitter),
            submission: ManuallyDrop::new(submission),
            completion: ManuallyDrop::new(completion),
            ring,
            client_buffers,
            upstream_buffers,
            eventfd,
            sends: Vec::new(),
            free_sends: Vec::new(),
            tried: VecDeque::new(),
            pushed: 0,
            submitted: 0,
            addresses: Vec::new(),
            batch: Vec::new(),
            recycled: Vec::new(),
            counters: RingCounters::default(),
        })
    }

    fn build(settings: &RingSettings) -> io::Result<IoUring> {
        let mut builder = IoUring::builder();
        builder
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(settings.entries * 4)
            .dontfork();
        // Without the array of indices (6.6) an entry is one cache line less to touch.
        match builder.clone().setup_no_sqarray().build(settings.entries) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                builder.build(settings.entries)
            }
            other => other,
        }
    }

    /// The counters since the beginning.
    pub fn counters(&self) -> RingCounters {
        self.counters
    }

    /// How many receive buffers are leased out (clients', back ends').
    pub fn buffers_lent(&self) -> (usize, usize) {
        (self.client_buffers.pool().lent(), self.upstream_buffers.pool().lent())
    }

    /// The eventfd that becomes readable when something happened while the ring was armed to wake. The
    /// control thread writes to a duplicate of it to be heard.
    pub fn eventfd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    /// Prepares for parking on the eventfd: submits what is queued, enables the eventfd and looks once
    /// more. `false`: something has arrived meanwhile, take a turn instead.
    pub fn arm_wake(&mut self) -> bool {
        if !self.tried.is_empty() || !self.batch.is_empty() {
            return false;
        }
        self.completion.enable_eventfd();
        // The flag must be visible before the last look: else a completion between the two would
        // wake nobody.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.enter(0, None);
        self.completion.sync();
        if self.completion.is_empty() {
            return true;
        }
        self.completion.disable_eventfd();
        false
    }

    /// Ends parking: silences the eventfd and empties it.
    pub fn disarm_wake(&mut self) {
        self.completion.disable_eventfd();
        // WouldBlock means that it was empty already.
        let _ = rustix::io::read(&self.eventfd, &mut [0u8; 8]);
    }

    /// Like [`Ring::turn`], but blocks in the kernel until something arrives or `timeout` has passed.
    /// Sends that were queued before are tried first; when they succeed silently they are reported
    /// when the wait ends.
    pub fn wait(&mut self, completions: &mut Vec<Completion>, timeout: Duration) {
        self.publish_buffers();
        self.enter(1, Some(timeout));
        self.collect(completions);
    }

    fn publish_buffers(&mut self) {
        self.client_buffers.publish();
        self.upstream_buffers.publish();
    }

    /// One `io_uring_enter`. Its failures (EINTR, EAGAIN, EBUSY, ETIME) mean "take the completions and
    /// come back": what was not submitted stays queued.
    fn enter(&mut self, want: u32, timeout: Option<Duration>) {
        const GETEVENTS: u32 = 1;
        self.submission.sync();
        self.counters.enters += 1;
        let queued = self.submission.len() as u32;
        let entered = if let Some(timeout) = timeout {
            let timespec = Timespec::from(timeout);
            let arguments = SubmitArgs::new().timespec(&timespec);
            self.submitter.submit_with_args(want as usize, &arguments)
        } else {
            // SAFETY: no argument pointer is passed. The queued entries point to memory that the
            // fields of `self` keep alive and in place: `sends` until their `Sent`, `addresses` until
            // submission, which is when the kernel copies those.
            unsafe { self.submitter.enter::<libc::sigset_t>(queued, want, GETEVENTS, None) }
        };
        if let Ok(count) = entered {
            self.submitted += count as u64;
            if self.submitted == self.pushed {
                self.addresses.clear();
            }
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: the memory that the entry points to stays in place until the operation is over:
            // see `enter`.
            if unsafe { self.submission.push(entry) }.is_ok() {
                self.pushed += 1;
                return;
            }
            // The queue is full in the middle of a turn: submit, so that places come free. Taking the
            // completions too keeps a full completion queue from refusing the submission for ever.
            self.enter(0, None);
            self.submission.sync();
            self.completion.sync();
            self.batch.extend(&mut *self.completion);
            self.completion.sync();
        }
    }

    fn cancel(&mut self, target: u64) {
        let entry =
            opcode::AsyncCancel::new(target).build().user_data(user_data(Operation::Ignored, 0));
        self.push(&entry);
    }

    /// Takes the completions of this turn.
    fn collect(&mut self, completions: &mut Vec<Completion>) {
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            self.completion.sync();
            batch.extend(&mut *self.completion);
            self.completion.sync();
            if !self.submission.cq_overflow() {
                break;
            }
            // The kernel keeps completions that found no room; silence means nothing before they
            // are here too.
            self.enter(0, None);
        }
        self.counters.completions += batch.len() as u64;
        // What is submitted from here on (the rest of short sends) has not been looked at.
        let looked_at = self.submitted;
        // Failed sends first, so that the silent rest is known to be sent before any handler queues
        // behind a short one.
        for entry in &batch {
            if operation_of(entry) == Operation::Send as u64 {
                self.send_completed(entry, completions);
            }
        }
        while let Some(&(place, id)) = self.tried.front() {
            if place >= looked_at {
                break;
            }
            self.tried.pop_front();
            match self.sends[id as usize].state {
                SendState::Tried => {
                    self.report_sent(id, Ok(()), completions);
                    self.free_send(id);
                }
                // It failed, was reported, and kept its place until it was passed here.
                SendState::Over => self.free_send(id),
                SendState::Waiting | SendState::Free => {}
            }
        }
        for entry in batch.drain(..) {
            self.complete(&entry, completions);
        }
        // A full submission queue may have made `push` take completions meanwhile: next turn's.
        batch.append(&mut self.batch);
        self.batch = batch;
    }

    fn complete(&mut self, entry: &cqueue::Entry, completions: &mut Vec<Completion>) {
        let operation = operation_of(entry);
        let token = Token(entry.user_data() & TOKEN_MASK);
        let more = cqueue::more(entry.flags());
        let result = entry.result();
        if operation == Operation::Receive as u64 {
            let received = received(&mut self.client_buffers, entry);
            self.count_no_buffers(&received);
            completions.push(Completion::Received { token, received, more });
        } else if operation == Operation::ReceiveUpstream as u64 {
            let received = received(&mut self.upstream_buffers, entry);
            self.count_no_buffers(&received);
            completions.push(Completion::Received { token, received, more });
        } else if operation == Operation::Accept as u64 {
            let socket = status(result).map(Socket);
            completions.push(Completion::Accepted { token, socket, more });
        } else if operation == Operation::Connect as u64 {
            let result = status(result).map(drop);
            completions.push(Completion::Connected { token, result });
        } else if operation == Operation::Close as u64 {
            completions.push(Completion::Closed { token });
        }
    }

    fn count_no_buffers(&mut self, received: &Received) {
        if matches!(received, Received::NoBuffers) {
            self.counters.no_buffers += 1;
        }
    }

    fn send_completed(&mut self, entry: &cqueue::Entry, completions: &mut Vec<Completion>) {
        let id = (entry.user_data() & TOKEN_MASK) as u32;
        let send = &mut self.sends[id as usize];
        debug_assert!(matches!(send.state, SendState::Tried | SendState::Waiting));
        let was_tried = send.state == SendState::Tried;
        match status(entry.result()) {
            Ok(bytes) => send.sent_bytes += bytes as usize,
            Err(error) if was_tried && error.raw_os_error() == Some(libc::EAGAIN) => {}
            Err(error) => return self.send_over(id, Err(error), completions),
        }
        if was_tried {
            self.counters.short_sends += 1;
        }
        let send = &self.sends[id as usize];
        let left = send.outgoing.as_ref().map_or(0, |outgoing| outgoing.len()) - send.sent_bytes;
        if left == 0 {
            self.send_over(id, Ok(()), completions);
        } else if send.abandoned {
            self.send_over(id, Err(io::ErrorKind::ConnectionAborted.into()), completions);
        } else {
            self.sends[id as usize].state = SendState::Waiting;
            self.push_send(id);
        }
    }

    /// A send is over by its completion.
    fn send_over(&mut self, id: u32, result: io::Result<()>, completions: &mut Vec<Completion>) {
        let was_tried = self.sends[id as usize].state == SendState::Tried;
        self.report_sent(id, result, completions);
        if !was_tried {
            self.free_send(id);
        }
    }

    fn report_sent(&mut self, id: u32, result: io::Result<()>, completions: &mut Vec<Completion>) {
        let send = &mut self.sends[id as usize];
        send.state = SendState::Over;
        if let Some(outgoing) = send.outgoing.take() {
            completions.push(Completion::Sent { token: send.token, outgoing, result });
        }
    }

    fn free_send(&mut self, id: u32) {
        self.sends[id as usize].state = SendState::Free;
        self.free_sends.push(id);
    }

    /// Queues what is left of a send: eagerly at first, waiting afterwards.
    fn push_send(&mut self, id: u32) {
        let send = &mut self.sends[id as usize];
        let Some(outgoing) = &send.outgoing else {
            return;
        };
        let (flags, entry_flags) = match send.state {
            SendState::Tried => {
                (libc::MSG_NOSIGNAL | libc::MSG_WAITALL | libc::MSG_DONTWAIT, Flags::SKIP_SUCCESS)
            }
            SendState::Free | SendState::Waiting | SendState::Over => {
                (libc::MSG_NOSIGNAL, Flags::empty())
            }
        };
        let socket = Fd(send.socket.0);
        let contiguous = outgoing.as_contiguous().map(|bytes| &bytes[send.sent_bytes..]);
        let entry = if let Some(bytes) = contiguous {
            opcode::Send::new(socket, bytes.as_ptr(), bytes.len() as u32).flags(flags).build()
        } else {
            send.scatter.fill(outgoing, send.sent_bytes);
            opcode::SendMsg::new(socket, &raw const send.scatter.header).flags(flags as u32).build()
        };
        let entry = entry.flags(entry_flags).user_data(user_data(Operation::Send, u64::from(id)));
        self.push(&entry);
    }
}

impl Scatter {
    fn new() -> Box<Self> {
        // SAFETY: all-zero bytes are a valid msghdr: null pointers with zero lengths.
        let header = unsafe { std::mem::zeroed() };
        Box::new(Self { header, vectors: Vec::new() })
    }

    /// Points the message header at what is left of `outgoing` after `skip` bytes. The bytes stay in
    /// place while `outgoing` is not touched, which holds until its `Sent`.
    fn fill(&mut self, outgoing: &Outgoing, mut skip: usize) {
        self.vectors.clear();
        for slice in outgoing.slices() {
            if skip >= slice.len() {
                skip -= slice.len();
                continue;
            }
            let rest = &slice[skip..];
            skip = 0;
            self.vectors.push(libc::iovec {
                iov_base: rest.as_ptr().cast_mut().cast(),
                iov_len: rest.len(),
            });
            if self.vectors.len() == VECTORS_MAX {
                break;
            }
        }
        self.header.msg_iov = self.vectors.as_mut_ptr();
        self.header.msg_iovlen = self.vectors.len();
    }
}

fn operation_of(entry: &cqueue::Entry) -> u64 {
    entry.user_data() >> OPERATION_SHIFT
}

fn status(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

fn received(buffers: &mut ProvidedBuffers, entry: &cqueue::Entry) -> Received {
    // Lent first, whatever the result: a buffer that the kernel picked must come back.
    let lease: Option<Lease> = cqueue::buffer_select(entry.flags()).map(|id| {
        buffers.taken();
        buffers.pool().lend(id, entry.result().max(0) as usize)
    });
    if entry.result() == -libc::ENOBUFS {
        buffers.exhausted();
    }
    match (entry.result(), lease) {
        (bytes, Some(lease)) if bytes > 0 => Received::Bytes(lease),
        (result, _) if result >= 0 => Received::End,
        (result, _) if result == -libc::ENOBUFS => Received::NoBuffers,
        (result, _) => Received::Failed(io::Error::from_raw_os_error(-result)),
    }
}

impl Ring for KernelRing {
    fn accept(&mut self, listener: Socket, token: Token) {
        let entry = opcode::AcceptMulti::new(Fd(listener.0))
            .flags(libc::SOCK_CLOEXEC)
            .build()
            .user_data(user_data(Operation::Accept, token.0));
        self.push(&entry);
    }

    fn cancel_accept(&mut self, token: Token) {
        self.cancel(user_data(Operation::Accept, token.0));
    }

    fn receive(&mut self, socket: Socket, group: BufferGroup, token: Token) {
        let (group, operation) = match group {
            BufferGroup::Client => (GROUP_CLIENT, Operation::Receive),
            BufferGroup::Upstream => (GROUP_UPSTREAM, Operation::ReceiveUpstream),
        };
        let entry = opcode::RecvMulti::new(Fd(socket.0), group)
            .build()
            .user_data(user_data(operation, token.0));
        self.push(&entry);
    }

    fn cancel_receive(&mut self, group: BufferGroup, token: Token) {
        let operation = match group {
            BufferGroup::Client => Operation::Receive,
            BufferGroup::Upstream => Operation::ReceiveUpstream,
        };
        self.cancel(user_data(operation, token.0));
    }

    fn send(&mut self, socket: Socket, token: Token, outgoing: Box<Outgoing>) -> SendId {
        debug_assert!(!outgoing.is_empty(), "an empty send has no completion to tell of");
        let id = self.free_sends.pop().unwrap_or_else(|| {
            self.sends.push(Send {
                state: SendState::Free,
                token,
                socket,
                outgoing: None,
                sent_bytes: 0,
                abandoned: false,
                scatter: Scatter::new(),
            });
            self.sends.len() as u32 - 1
        });
        let send = &mut self.sends[id as usize];
        debug_assert_eq!(send.state, SendState::Free);
        send.state = SendState::Tried;
        send.token = token;
        send.socket = socket;
        send.outgoing = Some(outgoing);
        send.sent_bytes = 0;
        send.abandoned = false;
        self.push_send(id);
        self.tried.push_back((self.pushed - 1, id));
        SendId(id)
    }

    fn sent_bytes(&self, send: SendId) -> usize {
        self.sends.get(send.0 as usize).map_or(0, |send| send.sent_bytes)
    }

    fn connect(&mut self, address: SocketAddr, token: Token) -> io::Result<Socket> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = rustix::net::socket_with(
            family,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            Some(ipproto::TCP),
        )?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        let socket = Socket(socket.into_raw_fd());
        let address = Box::new(SocketAddrAny::from(address));
        let entry = opcode::Connect::new(Fd(socket.0), address.as_ptr().cast(), address.addr_len())
            .build()
            .user_data(user_data(Operation::Connect, token.0));
        self.push(&entry);
        // Behind it: a queue that was full has been submitted by `push`, and `enter` frees the addresses
        // of what it submitted.
        self.addresses.push(address);
        Ok(socket)
    }

    fn shut_down_sending(&mut self, socket: Socket) {
        // A direct call: through the ring it would run on a kernel worker thread. It fails when the
        // connection is gone already, which its receive reports.
        let _ = rustix::net::shutdown(borrow(socket), rustix::net::Shutdown::Write);
    }

    fn close(
        &mut self,
        socket: Socket,
        token: Token,
        group: BufferGroup,
        in_flight: InFlight,
        how: Close,
    ) {
        if how == Close::Abort {
            let _ = sockopt::set_socket_linger(borrow(socket), Some(Duration::ZERO));
        }
        // An armed operation holds the file: without cancelling it the peer would see no end.
        if in_flight.receive {
            self.cancel_receive(group, token);
        }
        if in_flight.connect {
            self.cancel(user_data(Operation::Connect, token.0));
        }
        if let Some(SendId(id)) = in_flight.send {
            self.sends[id as usize].abandoned = true;
            if self.sends[id as usize].state == SendState::Waiting {
                self.cancel(user_data(Operation::Send, u64::from(id)));
            }
        }
        let entry = opcode::Close::new(Fd(socket.0))
            .build()
            .user_data(user_data(Operation::Close, token.0));
        self.push(&entry);
    }

    fn has_buffers(&self, group: BufferGroup) -> bool {
        let pool = match group {
            BufferGroup::Client => self.client_buffers.pool(),
            BufferGroup::Upstream => self.upstream_buffers.pool(),
        };
        pool.lent() < pool.count()
    }

    fn peer_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        rustix::net::getpeername(borrow(socket)).ok()?.and_then(|any| any.try_into().ok())
    }

    fn local_address(&mut self, socket: Socket) -> Option<SocketAddr> {
        rustix::net::getsockname(borrow(socket)).ok()?.try_into().ok()
    }

    fn peer_user(&mut self, socket: Socket) -> Option<u32> {
        match (self.peer_address(socket)?, self.local_address(socket)?) {
            (SocketAddr::V4(peer), SocketAddr::V4(own)) => super::peer::user_of(peer, own),
            _ => None,
        }
    }

    fn outgoing(&mut self) -> Box<Outgoing> {
        self.recycled.pop().unwrap_or_default()
    }

    fn recycle(&mut self, mut outgoing: Box<Outgoing>) {
        outgoing.clear(RECYCLED_BYTES_MAX);
        if self.recycled.len() < RECYCLED_MAX {
            self.recycled.push(outgoing);
        }
    }

    fn turn(&mut self, completions: &mut Vec<Completion>) {
        self.publish_buffers();
        self.enter(0, None);
        self.collect(completions);
    }
}

fn borrow(socket: Socket) -> BorrowedFd<'static> {
    // SAFETY: a `Socket` is open until it is passed to `close`, and its owner calls nothing on it
    // afterwards; the borrow ends within the calling method. Were the number stale all the same, a
    // system call would act on another of our sockets: wrong, but not a memory fault.
    unsafe { BorrowedFd::borrow_raw(socket.0) }
}

impl Drop for KernelRing {
    fn drop(&mut self) {
        // From here on the kernel takes no more of our receive buffers.
        self.client_buffers.unregister(&self.submitter);
        self.upstream_buffers.unregister(&self.submitter);
        // Bytes of sends still in flight may be read until the kernel has torn the ring down, which
        // goes on after its descriptor is closed: they are left to the process.
        for send in self.sends.drain(..) {
            if send.state == SendState::Waiting {
                std::mem::forget(send);
            }
        }
        // SAFETY: each is dropped once, here, and not used again; the ring itself goes last.
        unsafe {
            ManuallyDrop::drop(&mut self.submitter);
            ManuallyDrop::drop(&mut self.submission);
            ManuallyDrop::drop(&mut self.completion);
            drop(Box::from_raw(self.ring));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn small_ring() -> KernelRing {
        let settings = RingSettings {
            entries: 16,
            client_buffers: 16,
            client_buffer_bytes: 1024,
            upstream_buffers: 16,
            upstream_buffer_bytes: 4096,
        };
        KernelRing::new(&settings).expect("this host has io_uring")
    }

    /// Waits until a completion satisfies `wanted`; everything on the way is returned too.
    fn until(ring: &mut KernelRing, wanted: impl Fn(&Completion) -> bool) -> Vec<Completion> {
        let mut all = Vec::new();
        for _ in 0..200 {
            let mut completions = Vec::new();
            ring.wait(&mut completions, Duration::from_millis(50));
            all.append(&mut completions);
            if all.iter().any(&wanted) {
                return all;
            }
        }
        panic!("not within ten seconds: {all:?}");
    }

    fn accepted(ring: &mut KernelRing) -> (Socket, TcpStream, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        ring.accept(Socket(listener.as_raw_fd()), Token(7));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let completions = until(ring, |done| matches!(done, Completion::Accepted { .. }));
        let Some(Completion::Accepted { socket: Ok(socket), token: Token(7), more: true }) =
            completions.into_iter().next()
        else {
            panic!("expected an accepted socket");
        };
        (socket, client, listener)
    }

    #[test]
    fn bytes_go_both_ways_and_a_close_is_seen() {
        let mut ring = small_ring();
        let (socket, mut client, _listener) = accepted(&mut ring);
        ring.receive(socket, BufferGroup::Client, Token(1));
        client.write_all(b"hello").unwrap();
        let completions = until(&mut ring, |done| matches!(done, Completion::Received { .. }));
        assert!(matches!(&completions[..], [Completion::Received {
            token: Token(1), received: Received::Bytes(lease), more: true }] if &lease[..] == b"hello"));
        drop(completions);

        let mut outgoing = ring.outgoing();
        outgoing.copy(b"world");
        ring.send(socket, Token(1), outgoing);
        until(&mut ring, |done| {
            matches!(done, Completion::Sent { token: Token(1), result: Ok(()), .. })
        });
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"world");

        let in_flight = InFlight { receive: true, ..InFlight::default() };
        ring.close(socket, Token(1), BufferGroup::Client, in_flight, Close::Orderly);
        let mut completions = Vec::new();
        for _ in 0..3 {
            ring.turn(&mut completions);
        }
        assert!(
            completions.iter().any(|done| matches!(done, Completion::Closed { .. })),
            "the close is reported"
        );
        assert!(
            completions.iter().any(|done| matches!(
                done,
                Completion::Received { received: Received::Failed(_), more: false, .. }
            )),
            "the receive ends"
        );
        assert_eq!(client.read(&mut answer).unwrap(), 0, "a close must reach the peer");
        assert_eq!(ring.buffers_lent(), (0, 0));
    }

    #[test]
    fn a_send_larger_than_the_sockets_buffer_arrives_whole() {
        let mut ring = small_ring();
        let (socket, mut client, _listener) = accepted(&mut ring);
        let large: Vec<u8> = (0..8 << 20).map(|index| (index % 251) as u8).collect();
        let mut outgoing = ring.outgoing();
        outgoing.copy(b"head");
        outgoing.share(&bytes::Bytes::from(large.clone()));
        outgoing.copy(b"tail");
        ring.send(socket, Token(1), outgoing);
        let reader = std::thread::spawn(move || {
            let mut all = vec![0; 8 + (8 << 20)];
            client.read_exact(&mut all).unwrap();
            all
        });
        until(&mut ring, |done| matches!(done, Completion::Sent { result: Ok(()), .. }));
        let all = reader.join().unwrap();
        assert_eq!(&all[..4], b"head");
        assert_eq!(&all[all.len() - 4..], b"tail");
        assert!(all[4..all.len() - 4] == large);
        assert!(ring.counters().short_sends > 0, "8 MiB do not fit a socket's buffer");
    }

    #[test]
    fn a_waiting_send_is_cancelled_by_a_close() {
        let mut ring = small_ring();
        let (socket, client, _listener) = accepted(&mut ring);
        let mut outgoing = ring.outgoing();
        outgoing.share(&bytes::Bytes::from(vec![0; 16 << 20]));
        let send = ring.send(socket, Token(1), outgoing);
        let mut completions = Vec::new();
        for _ in 0..3 {
            ring.wait(&mut completions, Duration::from_millis(20));
        }
        assert!(completions.is_empty(), "the peer does not read");
        let in_flight = InFlight { send: Some(send), ..InFlight::default() };
        ring.close(socket, Token(1), BufferGroup::Client, in_flight, Close::Abort);
        let completions =
            until(&mut ring, |done| matches!(done, Completion::Sent { result: Err(_), .. }));
        assert!(completions.len() <= 2);
        drop(client);
    }

    #[test]
    fn without_buffers_a_receive_ends_and_goes_on_after_leases_drop() {
        let mut ring = small_ring();
        let (socket, mut client, _listener) = accepted(&mut ring);
        ring.receive(socket, BufferGroup::Client, Token(1));
        client.write_all(&[b'x'; 4 * 1024 + 1]).unwrap();
        let held = until(&mut ring, |done| {
            matches!(done, Completion::Received { received: Received::NoBuffers, more: false, .. })
        });
        assert_eq!(ring.buffers_lent().0, 4);
        drop(held);
        ring.receive(socket, BufferGroup::Client, Token(1));
        let completions = until(&mut ring, |done| matches!(done, Completion::Received { .. }));
        assert!(matches!(&completions[..],
            [Completion::Received { received: Received::Bytes(lease), .. }] if lease.len() == 1));
    }

    #[test]
    fn more_operations_than_the_queue_holds_all_run() {
        let mut ring = small_ring();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets: Vec<_> =
            (0..40).map(|index| ring.connect(address, Token(index)).unwrap()).collect();
        let mut connected = 0;
        while connected < sockets.len() {
            let completions = until(&mut ring, |_| true);
            for done in completions {
                assert!(matches!(done, Completion::Connected { result: Ok(()), .. }));
                connected += 1;
            }
        }
        for (index, socket) in sockets.into_iter().enumerate() {
            let token = Token(index as u64);
            ring.close(socket, token, BufferGroup::Upstream, InFlight::default(), Close::Orderly);
        }
        let mut closed = 0;
        while closed < 40 {
            closed += until(&mut ring, |_| true).len();
        }
    }

    #[test]
    fn a_refused_connect_says_so() {
        let mut ring = small_ring();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        ring.connect(address, Token(3)).unwrap();
        let completions = until(&mut ring, |done| matches!(done, Completion::Connected { .. }));
        assert!(
            matches!(&completions[..], [Completion::Connected { token: Token(3), result: Err(error) }]
            if error.kind() == io::ErrorKind::ConnectionRefused)
        );
    }

    #[test]
    fn a_parked_ring_is_woken_through_its_eventfd() {
        let mut ring = small_ring();
        let (socket, mut client, _listener) = accepted(&mut ring);
        ring.receive(socket, BufferGroup::Client, Token(1));
        let mut completions = Vec::new();
        ring.turn(&mut completions);
        assert!(ring.arm_wake());
        client.write_all(b"wake").unwrap();
        let mut poll = [rustix::event::PollFd::new(&ring.eventfd, rustix::event::PollFlags::IN)];
        let timeout = rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut poll, Some(&timeout)).unwrap(), 1);
        ring.disarm_wake();
        ring.turn(&mut completions);
        assert!(matches!(&completions[..], [Completion::Received { .. }]));
    }
}
