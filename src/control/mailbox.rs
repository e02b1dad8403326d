//! Mailbox: the only two ways by which the control thread and a shard speak to each other.
//!
//! Control to shard: a bounded queue per shard and an eventfd that wakes the shard. The shard looks
//! once per turn; with nothing queued that look is one acquire load. The mutex inside is touched only
//! when there is a message, a few times per second at the very most, so it is not on a request's
//! path. Shard to control: one bounded tokio channel for all shards; a shard never waits on it.
//!
//! Nothing here knows what a shard does with a message.

use super::endpoints::{Endpoints, TargetEndpoints, UpstreamEndpoints};
use super::invocation::{
    Ended, Invoke, Invoked, Note, QueuedEvent, StartWorker, StopWorker, Streamed, WorkerId,
};
use crate::ring::Socket;
use crate::snapshot::function::FunctionChange;
use crate::snapshot::managed::{ApiChange, DomainChange, StageChange};
use crate::snapshot::service::RoleCredentials;
use crate::snapshot::{ManagedDomain, ManagedStage, Snapshot, Upstream};
use crate::telemetry;
use rustix::event::{EventfdFlags, eventfd};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages waiting for one shard. Snapshots and endpoints replace their like in the queue, so only
/// listener changes add up, and a shard that takes none of 64 of those is stuck.
const MAILBOX_MESSAGES_MAX: usize = 64;

/// Messages waiting for the control thread, all shards together. Telemetry is a batch per shard and
/// interval, log batches are bounded by the shards, so this is seconds of a stalled control thread.
const REPORTS_MAX: usize = 1024;

/// A shard's number, from 0.
pub type ShardId = usize;

/// Which listener, over the life of the process: reloads never reuse a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u32);

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListenerKind {
    /// HTTP.
    Plain,
    /// HTTP in TLS, with the certificates of the current snapshot.
    Tls,
    /// The Lambda Runtime API, for the workers of this shard's functions.
    Runtime,
}

/// One bound and listening socket for one shard. Dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    /// Names it in a later [`ToShard::DropListeners`].
    pub id: ListenerId,
    /// What is spoken on it.
    pub kind: ListenerKind,
    /// The real local address.
    pub address: SocketAddr,
    /// The socket. `TCP_NODELAY` is set: accepted sockets inherit it.
    pub socket: OwnedFd,
}

impl Listener {
    /// Hands the socket to a ring, which closes it from then on.
    pub fn into_socket(self) -> Socket {
        Socket(self.socket.into_raw_fd())
    }
}

/// What changes for a shard in the managed APIs. Takes effect as a whole, between two requests.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// Counts up; named in [`FromShard::Applied`].
    pub sequence: u64,
    /// Upstreams that stages below are the first to use.
    pub upstreams: Vec<NewUpstream>,
    /// APIs, in order.
    pub apis: Vec<ApiChange>,
    /// Stages, in order.
    pub stages: Vec<StageChange<ManagedStage>>,
    /// Domain names, in order.
    pub domains: Vec<DomainChange>,
    /// Keys of upstreams that no stage uses any more.
    pub unused: Vec<Box<str>>,
    /// Functions, in order.
    pub functions: Vec<FunctionChange>,
}

/// An upstream and where it is.
#[derive(Debug, Clone)]
pub struct NewUpstream {
    /// The definition.
    pub upstream: Upstream,
    /// What is known of its targets, in their order.
    pub targets: Vec<TargetEndpoints>,
}

/// What the control thread tells a shard.
#[derive(Debug)]
pub enum ToShard {
    /// Serve this from the next request on, then say [`FromShard::Serving`] and return the old one
    /// with [`FromShard::Retired`]. A shard may miss a version that was replaced in the queue.
    Snapshot(Box<Snapshot>),
    /// Addresses and health of all upstream targets. Always posted before a snapshot that needs it.
    Endpoints(Box<Endpoints>),
    /// Serve this change of the managed APIs from the next request on, then say [`FromShard::Applied`].
    /// None is ever missed: each is posted after the one before was applied.
    Delta(Box<Delta>),
    /// News of some upstreams of managed APIs; those that are not there any more are passed over.
    Addresses(Vec<UpstreamEndpoints>),
    /// Sign requests to AWS services with these key pairs and no others. Always posted before the
    /// stages that need them.
    Credentials(Vec<RoleCredentials>),
    /// Invoke a function, then say [`FromShard::Invoked`].
    Invoke(Box<Invoke>),
    /// An event of [`FromShard::Event`] was taken, and nothing but its being done with or given up takes it
    /// away again; or it cannot be taken.
    EventTaken {
        /// [`QueuedEvent::invocation`].
        invocation: u64,
        /// Whether it was.
        is_taken: bool,
    },
    /// Whoever asked has taken this much of what came with [`FromShard::Streamed`].
    StreamTaken {
        /// [`Invoke::call`].
        call: u64,
        /// The sum of [`Streamed::cost`].
        cost: usize,
    },
    /// Whoever asked is gone: what the function still streams is dropped.
    StreamLeft {
        /// [`Invoke::call`].
        call: u64,
    },
    /// An event of [`FromShard::Event`] is done, given up, or was not taken.
    EventOver {
        /// How many bytes it had.
        bytes: usize,
    },
    /// A worker that the shard asked for is there no more, or never was.
    WorkerEnded {
        /// Which.
        worker: WorkerId,
        /// How.
        how: Ended,
    },
    /// Another shard needs a worker of this function and may have none beside those here: end one
    /// that is idle, if there is one.
    SpareWorker {
        /// The function's key.
        function: Box<str>,
    },
    /// The code of this function has changed: one worker is started with the new, and when it is up
    /// those of the old finish what they do and end. While the new code does not start they go on.
    ReplaceWorkers {
        /// The function's key.
        function: Box<str>,
    },
    /// Accept on these too.
    TakeListeners(Vec<Listener>),
    /// Accept what is queued on these, then close them. Their connections go on.
    DropListeners(Vec<ListenerId>),
    /// Accept what is queued, close all listeners, let open requests end, then say
    /// [`FromShard::Drained`]; after `deadline` close what is left and say so too.
    Drain {
        /// How long open requests may still take, from now.
        deadline: Duration,
    },
    /// Close everything and end the thread.
    Stop,
}

/// What a shard tells the control thread.
#[derive(Debug)]
pub enum FromShard {
    /// Every request from now on is answered by that version.
    Serving {
        /// Who.
        shard: ShardId,
        /// The snapshot's version.
        version: u64,
    },
    /// Every request from now on is answered by the managed APIs as that delta left them.
    Applied {
        /// Who.
        shard: ShardId,
        /// The delta's number.
        sequence: u64,
    },
    /// Stages and domain names that were replaced and no request uses any more, dropped here.
    RetiredManaged(Vec<ManagedStage>, Vec<ManagedDomain>),
    /// What was counted since the last batch. Also the sign of life that `/healthz` looks at: send
    /// one per interval even when nothing happened.
    Telemetry {
        /// Who.
        shard: ShardId,
        /// The counts. When the channel is full the shard keeps it and merges the next into it.
        batch: Box<telemetry::Batch>,
    },
    /// Start a worker, then say [`ToShard::WorkerEnded`] when it has ended, or if it cannot be had.
    StartWorker(Box<StartWorker>),
    /// End a worker that was started.
    StopWorker {
        /// Whose it is.
        shard: ShardId,
        /// Which.
        worker: WorkerId,
        /// How.
        how: StopWorker,
    },
    /// What workers did, for their logs.
    WorkerNotes {
        /// Whose they are.
        shard: ShardId,
        /// In the order of the events.
        notes: Vec<Note>,
    },
    /// What a function streams, in order and before [`FromShard::Invoked`]. A shard takes no more of it
    /// from the worker while much has not been answered by [`ToShard::StreamTaken`].
    Streamed(Streamed),
    /// An invocation that was asked for is over.
    Invoked(Box<Invoked>),
    /// Take this, say [`ToShard::EventTaken`], invoke a function with it as often as it takes, then say
    /// [`ToShard::EventOver`].
    Event(Box<QueuedEvent>),
    /// Access log lines.
    Log(telemetry::LogBatch),
    /// What was counted for managed stages.
    StageCounts(telemetry::stage_counts::StageCounts),
    /// Lines of managed stages' logs.
    StageLog(telemetry::stage_log::StageLogBatch),
    /// A snapshot no request uses any more. It is dropped here, because freeing a large one takes
    /// milliseconds.
    Retired(Box<Snapshot>),
    /// Endpoints that were replaced, dropped here for the same reason.
    RetiredEndpoints(Box<Endpoints>),
    /// The drain is over and all connections are closed.
    Drained {
        /// Who.
        shard: ShardId,
        /// Requests that the deadline cut off.
        requests_cut: u64,
    },
    /// Passive ejection: a target failed so often that the shard leaves it out for a while.
    Ejected {
        /// Who.
        shard: ShardId,
        /// The upstream's key.
        upstream: Box<str>,
        /// `host:port` as declared.
        target: Box<str>,
        /// How long it is left out.
        duration: Duration,
    },
    /// The shard cannot go on; its thread ends.
    Died {
        /// Who.
        shard: ShardId,
        /// Why.
        error: String,
    },
}

/// Makes the two ends of one shard's queue.
///
/// # Errors
/// When no eventfd can be made (`EMFILE`, `ENFILE`).
pub fn mailbox() -> io::Result<(Post, Mailbox)> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let shared = Arc::new(Shared {
        filled: AtomicBool::new(false),
        queue: Mutex::new(VecDeque::new()),
        wake,
    });
    Ok((Post { shared: Arc::clone(&shared) }, Mailbox { shared }))
}

/// Makes the channel from all shards to the control thread.
pub fn reports() -> (mpsc::Sender<FromShard>, mpsc::Receiver<FromShard>) {
    mpsc::channel(REPORTS_MAX)
}

/// A shard's way to tell the control thread something. Never waits. When the shard's thread ends in
/// a panic, dropping this reports its death.
#[derive(Debug)]
pub struct Reporter {
    shard: ShardId,
    sender: mpsc::Sender<FromShard>,
}

impl Reporter {
    /// For that shard.
    pub fn new(shard: ShardId, sender: mpsc::Sender<FromShard>) -> Self {
        Self { shard, sender }
    }

    /// Which shard's it is.
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// Tells the control thread.
    ///
    /// # Errors
    /// The report, when the channel is full (keep it and try again later) or the control thread has
    /// ended (then nobody wants it any more).
    pub fn send(&self, report: FromShard) -> Result<(), FromShard> {
        self.sender.try_send(report).map_err(mpsc::error::TrySendError::into_inner)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let report = FromShard::Died {
                shard: self.shard,
                error: "its thread panicked; the log has the message".to_owned(),
            };
            // Full: the shard's silence will tell.
            let _ = self.sender.try_send(report);
        }
    }
}

#[derive(Debug)]
struct Shared {
    /// Whether the queue may hold something. Written under the lock only.
    filled: AtomicBool,
    queue: Mutex<VecDeque<ToShard>>,
    wake: OwnedFd,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, VecDeque<ToShard>> {
        // A panic while the lock was held leaves the queue whole: each change is one call.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue already holds as many messages as it may: the shard does not take them.
#[derive(Debug, thiserror::Error)]
#[error("the shard takes no messages: {MAILBOX_MESSAGES_MAX} are waiting")]
pub struct MailboxFull(pub ToShard);

/// The control thread's end of one shard's queue.
#[derive(Debug, Clone)]
pub struct Post {
    shared: Arc<Shared>,
}

impl Post {
    /// Queues a message and wakes the shard.
    ///
    /// A snapshot throws out the one still waiting, endpoints take the place of those still
    /// waiting: a shard that was busy for long finds only the newest, and the queue stays small.
    ///
    /// # Errors
    /// The message, when the queue is full.
    pub fn send(&self, message: ToShard) -> Result<(), MailboxFull> {
        let mut superseded = None;
        {
            let mut queue = self.shared.queue();
            if queue.len() >= MAILBOX_MESSAGES_MAX {
                return Err(MailboxFull(message));
            }
            match message {
                ToShard::Snapshot(_) => {
                    let old = queue.iter().position(|it| matches!(it, ToShard::Snapshot(_)));
                    superseded = old.and_then(|index| queue.remove(index));
                    queue.push_back(message);
                }
                ToShard::Endpoints(_) => {
                    // In the old one's place, so that they stay before the snapshot that needs them.
                    match queue.iter_mut().find(|it| matches!(it, ToShard::Endpoints(_))) {
                        Some(waiting) => superseded = Some(std::mem::replace(waiting, message)),
                        None => queue.push_back(message),
                    }
                }
                ToShard::Credentials(_) => {
                    let is = |it: &&mut ToShard| matches!(it, ToShard::Credentials(_));
                    match queue.iter_mut().find(is) {
                        Some(waiting) => superseded = Some(std::mem::replace(waiting, message)),
                        None => queue.push_back(message),
                    }
                }
                ToShard::Addresses(news) => match queue.back_mut() {
                    // Only behind everything else: before a delta they would speak of upstreams that
                    // the shard does not have yet.
                    Some(ToShard::Addresses(waiting)) => waiting.extend(news),
                    _ => queue.push_back(ToShard::Addresses(news)),
                },
                other => queue.push_back(other),
            }
            self.shared.filled.store(true, Ordering::Release);
        }
        // Outside the lock: freeing a large snapshot must not keep the shard waiting.
        drop(superseded);
        self.wake();
        Ok(())
    }

    /// Wakes the shard without a message.
    pub fn wake(&self) {
        // `EAGAIN` means the counter is at its maximum: the shard is being woken as it is.
        let _ = rustix::io::write(&self.shared.wake, &1_u64.to_ne_bytes());
    }
}

/// The shard's end of its queue.
#[derive(Debug)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

impl Mailbox {
    /// The next message. With nothing queued this is one acquire load.
    #[inline]
    pub fn try_take(&self) -> Option<ToShard> {
        if !self.shared.filled.load(Ordering::Acquire) {
            return None;
        }
        let mut queue = self.shared.queue();
        let message = queue.pop_front();
        if queue.is_empty() {
            self.shared.filled.store(false, Ordering::Release);
        }
        message
    }

    /// The eventfd that is written after a message was queued; it is non-blocking. A shard registers
    /// it with its ring, so that one descriptor wakes it for completions and for messages. Before
    /// sleeping on it: read it empty, then take all messages and completions, then sleep.
    pub fn eventfd(&self) -> BorrowedFd<'_> {
        self.shared.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(name: &str) -> ToShard {
        ToShard::Endpoints(Box::new(Endpoints {
            upstreams: vec![crate::control::endpoints::UpstreamEndpoints {
                upstream: name.into(),
                targets: Vec::new(),
            }],
        }))
    }

    #[test]
    fn messages_come_in_order_and_the_eventfd_tells() {
        let (post, mailbox) = mailbox().unwrap();
        assert!(mailbox.try_take().is_none());
        let mut counter = [0; 8];
        assert!(rustix::io::read(mailbox.eventfd(), &mut counter).is_err());

        post.send(ToShard::DropListeners(vec![ListenerId(1)])).unwrap();
        post.send(ToShard::Stop).unwrap();

        rustix::io::read(mailbox.eventfd(), &mut counter).unwrap();
        assert_eq!(u64::from_ne_bytes(counter), 2);
        assert!(matches!(mailbox.try_take(), Some(ToShard::DropListeners(_))));
        assert!(matches!(mailbox.try_take(), Some(ToShard::Stop)));
        assert!(mailbox.try_take().is_none());
        assert!(!mailbox.shared.filled.load(Ordering::Relaxed));
    }

    #[test]
    fn newer_endpoints_take_the_place_of_waiting_ones() {
        let (post, mailbox) = mailbox().unwrap();
        post.send(endpoints("old")).unwrap();
        post.send(ToShard::DropListeners(Vec::new())).unwrap();
        post.send(endpoints("new")).unwrap();

        let Some(ToShard::Endpoints(first)) = mailbox.try_take() else {
            panic!("endpoints keep their place");
        };
        assert!(first.upstream("new").is_some());
        assert!(matches!(mailbox.try_take(), Some(ToShard::DropListeners(_))));
        assert!(mailbox.try_take().is_none());
    }

    #[test]
    fn news_of_addresses_gather_but_never_before_a_delta() {
        let news = |name: &str| {
            ToShard::Addresses(vec![UpstreamEndpoints {
                upstream: name.into(),
                targets: Vec::new(),
            }])
        };
        let (post, mailbox) = mailbox().unwrap();
        post.send(news("a")).unwrap();
        post.send(news("b")).unwrap();
        post.send(ToShard::Delta(Box::default())).unwrap();
        post.send(news("c")).unwrap();
        let taken = || mailbox.try_take().expect("a message");
        assert!(matches!(taken(), ToShard::Addresses(news) if news.len() == 2));
        assert!(matches!(taken(), ToShard::Delta(_)));
        assert!(matches!(taken(), ToShard::Addresses(news) if news.len() == 1));
    }

    #[test]
    fn a_panic_is_reported_and_an_orderly_end_is_not() {
        let (sender, mut received) = reports();
        drop(Reporter::new(0, sender.clone()));
        let reporter = Reporter::new(1, sender);
        let panicked = std::thread::spawn(move || {
            let _reporter = reporter;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(matches!(received.try_recv(), Ok(FromShard::Died { shard: 1, .. })));
        assert!(received.try_recv().is_err());
    }

    #[test]
    fn a_full_queue_gives_the_message_back() {
        let (post, mailbox) = mailbox().unwrap();
        for _ in 0..MAILBOX_MESSAGES_MAX {
            post.send(ToShard::DropListeners(Vec::new())).unwrap();
        }
        let MailboxFull(back) = post.send(ToShard::Stop).unwrap_err();
        assert!(matches!(back, ToShard::Stop));
        mailbox.try_take().unwrap();
        post.send(back).unwrap();
    }
}
