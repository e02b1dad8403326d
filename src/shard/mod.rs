//! One core's data plane: accepts, serves, proxies. Nothing is shared with another core.
//!
//! [`Shard::turn`] is the whole of it: take what the ring completed, hand each completion to its
//! connection's state machine, which parses, decides and queues operations for the next turn. There
//! are no tasks and no callbacks; a request that waits is a row in a table:
//!
//! | table | a row is | tells the time with |
//! |---|---|---|
//! | `clients` | a client's connection ([`client`]) | its idle, head, body and send time-outs |
//! | `asked` | a request whose content is gathered ([`asked`]) | its client's body time-out |
//! | `authorizing` | a request whose caller an authorizer is asked about ([`authorize`]) | its function's invocation |
//! | `exchanges` | a request that a back end answers ([`exchanges`]) | its wait for a connection |
//! | `backends` | a back end's connection ([`upstream`]) | connect, response, body and idle time-outs |
//! | `listeners` | a listening socket | a pause after accept errors |
//!
//! Deliberately absent: locks, the system's clock (time comes from [`Env`]), and knowledge of what the
//! control thread does with reports. All of it runs unchanged on the simulated ring.

pub mod env;
mod accept;
mod asked;
mod authorize;
mod called;
mod client;
mod content;
mod drain;
mod execution;
mod exchanges;
mod functions;
mod input;
mod kept;
mod made;
mod managed;
#[cfg(test)]
mod inspect;
mod noted;
mod phases;
mod prepare;
mod proxy;
mod record;
mod relay;
mod remote;
mod remote_stream;
mod response;
mod serve;
mod services;
mod stream;
mod streamed;
mod timers;
mod tls;
mod upstream;

use self::tls::ShardTls;
pub use self::tls::client_tls;
use crate::control::endpoints::Endpoints;
use crate::control::mailbox::{FromShard, Reporter, ShardId, ToShard};
use crate::exchange::integrate::service::Keyring;
use crate::exchange::transform;
use crate::http::{self, HeadLimits};
use crate::ring::{BufferGroup, Completion, Env, Received, Ring, SlotId, Slots, Token};
use crate::snapshot::{Managed, Snapshot};
use crate::tls::Tickets;
use asked::Asked;
use authorize::Authorizing;
use client::{Client, Input};
use drain::Draining;
use exchanges::Proxied;
use execution::Execution;
use functions::runtime_api::RuntimeConnection;
use functions::worker::{Errands, FunctionRow, Invocation, Worker};
use record::Record;
use relay::Relay;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};
use timers::{Deadline, Timers};
use upstream::connection::Backend;
use upstream::pool::Pool;

/// How often counters go to the control thread.
const TELEMETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes that may wait to be sent to one peer before whoever makes them is paused. A pause and the
/// resumption cost two operations, so they should not come with every buffer.
const PENDING_BYTES_MAX: usize = 256 * 1024;

/// Starved connections that are armed again in one turn: each may take many buffers at a go, and those
/// that find none again have cost two operations for nothing.
const FED_PER_TURN: usize = 16;

/// What kind of row a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Kind {
    Listener = 0,
    Client = 1,
    Backend = 2,
    Exchange = 3,
    /// A worker's connection.
    Runtime = 4,
    Worker = 5,
    Invocation = 6,
    Function = 7,
}

impl Kind {
    /// How many there are.
    const COUNT: usize = 8;

    fn token(self, id: SlotId) -> Token {
        Token((self as u64) << 56 | id.bits())
    }

    fn of(token: Token) -> (Kind, SlotId) {
        let kind = match token.0 >> 56 {
            0 => Kind::Listener,
            1 => Kind::Client,
            2 => Kind::Backend,
            3 => Kind::Exchange,
            4 => Kind::Runtime,
            5 => Kind::Worker,
            6 => Kind::Invocation,
            _ => Kind::Function,
        };
        (kind, SlotId::from_bits(token.0))
    }
}

/// Whether a turn found something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It did.
    Busy,
    /// It did not: the caller may park.
    Idle,
    /// The shard was told to stop and everything is closed: the caller ends.
    Stopped,
}

/// What a shard is made with besides its environment.
pub struct ShardSettings {
    /// What to serve at first.
    pub snapshot: Box<Snapshot>,
    /// Keys of TLS tickets, the same for all shards.
    pub tickets: Option<Tickets>,
    /// Where reports go.
    pub reporter: Reporter,
}

/// One core's data plane.
pub struct Shard<E: Env> {
    env: E,
    id: ShardId,
    snapshot: Rc<Snapshot>,
    /// What is served beside the snapshot. Shared with nobody but the request that is being begun.
    managed: Rc<Managed>,
    /// The pools of managed APIs' upstreams, by key.
    managed_pools: HashMap<Box<str>, SlotId, ahash::RandomState>,
    head_limits: HeadLimits,
    tls: ShardTls,
    listeners: Slots<accept::Listening>,
    clients: Slots<Client>,
    backends: Slots<Backend>,
    exchanges: Slots<Proxied>,
    asked: Slots<Asked>,
    authorizing: Authorizing,
    /// What templates are rendered in.
    scratch: transform::Scratch,
    /// What signs requests to AWS services.
    keyring: Keyring,
    functions: Slots<FunctionRow>,
    function_of_arn: HashMap<Box<str>, SlotId, ahash::RandomState>,
    workers: Slots<Worker>,
    invocations: Slots<Invocation>,
    runtime_connections: Slots<RuntimeConnection>,
    /// By the control thread's number for the call.
    relays: BTreeMap<u64, Relay>,
    errands: Errands,
    events: called::EventsUnderWay,
    pools: Slots<Pool>,
    /// The pool of each upstream of the snapshot served now.
    pool_of_upstream: Vec<SlotId>,
    endpoints: Box<Endpoints>,
    timers: Timers,
    record: Record,
    /// What the request that is being begun tells of its way.
    execution: Option<Box<Execution>>,
    reporter: Reporter,
    /// Reports that the control thread was too busy to take.
    unsent: VecDeque<FromShard>,
    completions: Vec<Completion>,
    /// Connections whose receive ended for want of buffers.
    starved: Vec<Token>,
    /// Request buffers between two exchanges.
    spare_requests: Vec<Vec<u8>>,
    /// What one receive's TLS records were decrypted to; empty between two completions, kept for its
    /// memory.
    decrypted: Vec<Input>,
    date: http::Date,
    now: Instant,
    since_epoch: Duration,
    next_telemetry: Instant,
    draining: Option<Draining>,
}

impl<E: Env> Shard<E> {
    /// A shard that serves nothing yet: listeners come with [`ToShard::TakeListeners`].
    pub fn new(mut env: E, settings: ShardSettings) -> Self {
        let now = env.now();
        let since_epoch = env.since_epoch(now);
        let id = settings.reporter.shard();
        let snapshot: Rc<Snapshot> = Rc::from(settings.snapshot);
        let seed = [env.random(), env.random(), env.random(), env.random()];
        let hash = ahash::RandomState::with_seeds(seed[3], seed[2], seed[1], seed[0]);
        let mut shard = Self {
            managed: Rc::new(Managed::new(seed)),
            managed_pools: HashMap::with_hasher(hash.clone()),
            id,
            head_limits: head_limits(&snapshot),
            tls: ShardTls::new(settings.tickets),
            listeners: Slots::new(),
            clients: Slots::new(),
            backends: Slots::new(),
            exchanges: Slots::new(),
            asked: Slots::new(),
            authorizing: Authorizing::new(hash.clone()),
            scratch: transform::Scratch::new(seed[0] ^ seed[2]),
            keyring: Keyring::default(),
            functions: Slots::new(),
            function_of_arn: HashMap::with_hasher(hash.clone()),
            workers: Slots::new(),
            invocations: Slots::new(),
            runtime_connections: Slots::new(),
            relays: BTreeMap::new(),
            errands: Errands::default(),
            events: called::EventsUnderWay::default(),
            pools: Slots::new(),
            pool_of_upstream: Vec::new(),
            endpoints: Box::default(),
            timers: Timers::default(),
            record: Record::new(id),
            execution: None,
            reporter: settings.reporter,
            unsent: VecDeque::new(),
            completions: Vec::with_capacity(256),
            starved: Vec::new(),
            spare_requests: Vec::new(),
            decrypted: Vec::new(),
            date: http::Date::new(),
            now,
            since_epoch,
            next_telemetry: now + TELEMETRY_INTERVAL,
            draining: None,
            snapshot: Rc::clone(&snapshot),
            env,
        };
        shard.follow_snapshot();
        shard
    }

    /// The environment.
    pub fn env(&mut self) -> &mut E {
        &mut self.env
    }

    /// Does everything that there is to do now. Never waits.
    pub fn turn(&mut self) -> Activity {
        self.turn_with(|env, completions| env.ring().turn(completions))
    }

    /// A turn whose completions are collected by `collect`, which may wait for them.
    pub fn turn_with(&mut self, collect: impl FnOnce(&mut E, &mut Vec<Completion>)) -> Activity {
        let mut completions = std::mem::take(&mut self.completions);
        collect(&mut self.env, &mut completions);
        self.now = self.env.now();
        self.since_epoch = self.env.since_epoch(self.now);
        let count = completions.len();
        for completion in completions.drain(..) {
            self.complete(completion);
        }
        self.completions = completions;
        self.feed_starved();
        let fired = self.fire_timers();
        self.report();
        self.record.recorder.ring_turn(1, count as u32);
        if self.is_stopped() {
            return Activity::Stopped;
        }
        if count > 0 || fired { Activity::Busy } else { Activity::Idle }
    }

    /// When the shard wants its next turn even if nothing happens.
    pub fn next_deadline(&self) -> Instant {
        let mut next = self.next_telemetry;
        for due in
            [self.timers.next(), self.record.logs_due(), self.notes_due()].into_iter().flatten()
        {
            next = next.min(due);
        }
        next
    }

    /// How long an idle shard waits in its ring before it parks.
    pub fn linger(&self) -> Duration {
        self.snapshot.ring.linger
    }

    /// Tells how long the shard slept: its load is the rest.
    pub fn slept(&mut self, duration: Duration) {
        self.record.recorder.parked(duration);
    }

    fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Received { token, received, more } => match Kind::of(token) {
                (Kind::Client, id) => self.client_received(id, received, more),
                (Kind::Backend, id) => self.backend_received(id, received, more),
                (Kind::Runtime, id) => self.runtime_received(id, received, more),
                _ => {}
            },
            Completion::Sent { token, outgoing, result } => match Kind::of(token) {
                (Kind::Client, id) => self.client_sent(id, outgoing, result),
                (Kind::Backend, id) => self.backend_sent(id, outgoing, result),
                (Kind::Runtime, id) => self.runtime_sent(id, outgoing, result),
                _ => self.env.ring().recycle(outgoing),
            },
            Completion::Accepted { token, socket, more } => {
                self.accepted(Kind::of(token).1, socket, more);
            }
            Completion::Connected { token, result } => self.connected(Kind::of(token).1, result),
            Completion::Closed { token } => match Kind::of(token) {
                (Kind::Client, id) => {
                    if let Some(client) = self.clients.get_mut(id) {
                        client.stream.closed();
                        self.free_client_if_over(id);
                    }
                }
                (Kind::Backend, id) => {
                    if let Some(backend) = self.backends.get_mut(id) {
                        backend.stream.closed();
                        self.free_backend_if_over(id);
                    }
                }
                (Kind::Runtime, id) => {
                    if let Some(connection) = self.runtime_connections.get_mut(id) {
                        connection.stream.closed();
                        self.free_runtime_connection_if_over(id);
                    }
                }
                (Kind::Listener, id) => self.listener_closed(id),
                _ => {}
            },
        }
    }

    /// A client's bytes, end or failure.
    fn client_received(&mut self, id: SlotId, received: Received, more: bool) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.stream.received(more);
        match received {
            Received::Bytes(lease) => {
                if client.stream.tls().is_none() {
                    self.client_input(id, Input::Leased(lease));
                } else {
                    self.client_records(id, lease);
                }
            }
            Received::End => {
                client.stream.ended();
                self.client_ended(id);
            }
            Received::NoBuffers => {
                self.record.recorder.buffers_exhausted(crate::telemetry::batch::Buffers::Client);
                self.starved.push(Kind::Client.token(id));
                return self.free_client_if_over(id);
            }
            Received::Failed(error) if is_cancelled(&error) => {}
            Received::Failed(_) => self.client_lost(id),
        }
        if let Some(client) = self.clients.get_mut(id) {
            if !more {
                client.stream.settle(self.env.ring());
            }
            self.free_client_if_over(id);
        }
    }

    /// A back end's bytes, end or failure.
    fn backend_received(&mut self, id: SlotId, received: Received, more: bool) {
        let Some(backend) = self.backends.get_mut(id) else { return };
        backend.stream.received(more);
        match received {
            Received::Bytes(lease) => {
                if backend.stream.tls().is_none() {
                    self.backend_input(id, Input::Leased(lease));
                } else {
                    self.backend_records(id, lease);
                }
            }
            Received::End => {
                backend.stream.ended();
                self.backend_ended(id);
            }
            Received::NoBuffers => {
                self.record.recorder.buffers_exhausted(crate::telemetry::batch::Buffers::Upstream);
                self.starved.push(Kind::Backend.token(id));
                return self.free_backend_if_over(id);
            }
            Received::Failed(error) if is_cancelled(&error) => {}
            Received::Failed(error) => self.backend_broke(id, &error),
        }
        if let Some(backend) = self.backends.get_mut(id) {
            if !more {
                backend.stream.settle(self.env.ring());
            }
            self.free_backend_if_over(id);
        }
    }

    /// Arms receives again that found no buffer, once there are some.
    fn feed_starved(&mut self) {
        if self.starved.is_empty() {
            return;
        }
        let mut starved = std::mem::take(&mut self.starved);
        let mut fed = 0;
        starved.retain(|token| {
            if fed == FED_PER_TURN {
                return true;
            }
            let (kind, id) = Kind::of(*token);
            let group = match kind {
                Kind::Client => BufferGroup::Client,
                _ => BufferGroup::Upstream,
            };
            if !self.env.ring().has_buffers(group) {
                return true;
            }
            fed += 1;
            let stream = match kind {
                Kind::Client => self.clients.get_mut(id).map(|client| &mut client.stream),
                Kind::Backend => self.backends.get_mut(id).map(|backend| &mut backend.stream),
                Kind::Runtime => self.runtime_connections.get_mut(id).map(|it| &mut it.stream),
                _ => None,
            };
            if let Some(stream) = stream {
                stream.settle(self.env.ring());
            }
            match kind {
                Kind::Client => self.free_client_if_over(id),
                Kind::Runtime => self.free_runtime_connection_if_over(id),
                _ => self.free_backend_if_over(id),
            }
            false
        });
        self.starved.append(&mut starved);
    }

    fn fire_timers(&mut self) -> bool {
        let mut fired = false;
        while let Some((token, entry)) = self.timers.pop(self.now) {
            let (kind, id) = Kind::of(token);
            let id = match kind {
                // Their entries outlive them.
                Kind::Exchange => self.exchanges.tenant(id),
                Kind::Invocation => self.invocations.tenant(id),
                _ => Some(id),
            };
            let Some(id) = id else { continue };
            let token = kind.token(id);
            let deadline: Option<&mut Deadline> = match kind {
                Kind::Client => self.clients.get_mut(id).map(|client| &mut client.deadline),
                Kind::Backend => self.backends.get_mut(id).map(|backend| &mut backend.deadline),
                Kind::Exchange => self.exchanges.get_mut(id).map(|exchange| &mut exchange.deadline),
                Kind::Listener => self.listeners.get_mut(id).map(|listener| &mut listener.deadline),
                Kind::Runtime => self.runtime_connections.get_mut(id).map(|it| &mut it.deadline),
                Kind::Worker => self.workers.get_mut(id).map(|it| &mut it.deadline),
                Kind::Invocation => self.invocations.get_mut(id).map(|it| &mut it.deadline),
                Kind::Function => self.functions.get_mut(id).map(|it| &mut it.deadline),
            };
            let Some(deadline) = deadline else { continue };
            if !self.timers.came_up(deadline, entry, token, self.now) {
                continue;
            }
            fired = true;
            match kind {
                Kind::Client => self.client_timed_out(id),
                Kind::Backend => self.backend_timed_out(id),
                Kind::Exchange => self.wait_timed_out(id),
                Kind::Listener => self.listener_timed_out(id),
                Kind::Runtime => self.runtime_timed_out(id),
                Kind::Worker => self.worker_timed_out(id),
                Kind::Invocation => self.invocation_timed_out(id),
                Kind::Function => self.function_timed_out(id),
            }
        }
        fired
    }

    /// Takes a message of the control thread.
    pub fn deliver(&mut self, message: ToShard) {
        match message {
            ToShard::Snapshot(snapshot) => {
                let version = snapshot.version;
                let old = std::mem::replace(&mut self.snapshot, Rc::from(snapshot));
                self.follow_snapshot();
                self.accept_if_there_is_room();
                self.retire(old);
                self.send_report(FromShard::Serving { shard: self.id, version });
            }
            ToShard::Endpoints(endpoints) => {
                let old = std::mem::replace(&mut self.endpoints, endpoints);
                self.follow_endpoints();
                self.send_report(FromShard::RetiredEndpoints(old));
            }
            ToShard::Delta(delta) => self.apply(*delta),
            ToShard::Addresses(news) => self.follow_addresses(&news),
            ToShard::Credentials(all) => self.keyring.replace(all),
            ToShard::Invoke(invoke) => self.invoke_for_control(*invoke),
            ToShard::EventTaken { invocation, is_taken } => self.event_taken(invocation, is_taken),
            ToShard::StreamTaken { call, cost } => self.relay_taken(call, cost),
            ToShard::StreamLeft { call } => self.relay_left(call),
            ToShard::EventOver { bytes } => self.event_over(bytes),
            ToShard::WorkerEnded { worker, how } => self.worker_ended(worker, &how),
            ToShard::SpareWorker { function } => self.spare_worker(&function),
            ToShard::ReplaceWorkers { function } => self.replace_workers(&function),
            ToShard::TakeListeners(listeners) => self.take_listeners(listeners),
            ToShard::DropListeners(ids) => self.drop_listeners(&ids),
            ToShard::Drain { deadline } => self.drain(deadline, false),
            ToShard::Stop => self.drain(Duration::ZERO, true),
        }
    }

    /// Makes everything that depends on the snapshot follow it.
    fn follow_snapshot(&mut self) {
        let snapshot = Rc::clone(&self.snapshot);
        self.head_limits = head_limits(&snapshot);
        if let Some(problem) = self.tls.follow(&snapshot.certificates).err() {
            tracing::error!(error = %problem, "certificates cannot be used; the old ones stay");
        }
        let reporter = &self.reporter;
        self.record.follow(&snapshot, |batch| reporter.send(FromShard::Log(batch)));
        let mut pools = Vec::with_capacity(snapshot.upstreams.len());
        for (index, upstream) in (0u32..).zip(&snapshot.upstreams) {
            let known =
                self.pools.iter().find(|(_, pool)| pool.upstream.key == upstream.key).map(|p| p.0);
            let id = known.unwrap_or_else(|| {
                let tls = upstream.tls.as_ref().and_then(|it| self.tls.client_config(it));
                self.pools.insert(Pool::new(upstream, tls))
            });
            if let Some(pool) = self.pools.get_mut(id) {
                pool.index = Some(index);
                pool.is_declared = true;
            }
            pools.push(id);
        }
        let gone: Vec<SlotId> = self
            .pools
            .iter()
            .filter(|(id, pool)| !pool.is_managed && !pools.contains(id))
            .map(|(id, _)| id)
            .collect();
        self.pool_of_upstream = pools;
        self.follow_endpoints();
        for id in gone {
            self.forget_pool(id);
        }
        self.follow_functions(&snapshot.functions);
    }

    /// Nothing new asks for a pool any more: it goes with its last request.
    fn forget_pool(&mut self, id: SlotId) {
        if let Some(pool) = self.pools.get_mut(id) {
            pool.index = None;
            pool.is_declared = false;
        }
        self.close_idle(id);
        self.free_pool_if_unused(id);
    }

    fn follow_endpoints(&mut self) {
        for &id in &self.pool_of_upstream {
            if let Some(pool) = self.pools.get_mut(id)
                && let Some(endpoints) = self.endpoints.upstream(&pool.upstream.key)
            {
                pool.set_endpoints(endpoints);
            }
        }
    }

    /// Gives a snapshot back when the last request that it served is over.
    fn retire(&mut self, snapshot: Rc<Snapshot>) {
        if let Ok(snapshot) = Rc::try_unwrap(snapshot) {
            self.send_report(FromShard::Retired(Box::new(snapshot)));
        }
    }

    fn send_report(&mut self, report: FromShard) {
        // In order: what could not be sent goes first.
        self.unsent.push_back(report);
        self.send_unsent();
    }

    fn send_unsent(&mut self) {
        while let Some(report) = self.unsent.pop_front() {
            if let Err(report) = self.reporter.send(report) {
                self.unsent.push_front(report);
                return;
            }
        }
    }

    /// Sends what is due to the control thread.
    fn report(&mut self) {
        let reporter = &self.reporter;
        self.record.flush_logs(Some(self.now), |batch| reporter.send(FromShard::Log(batch)));
        self.record
            .flush_stage_lines(Some(self.now), |batch| reporter.send(FromShard::StageLog(batch)));
        self.tell_notes();
        if self.now >= self.next_telemetry {
            self.next_telemetry = self.now + TELEMETRY_INTERVAL;
            self.send_unsent();
            self.send_telemetry();
        }
        self.report_drained();
    }

    fn send_telemetry(&mut self) {
        for &id in &self.pool_of_upstream {
            if let Some(pool) = self.pools.get(id)
                && let Some(index) = pool.index
            {
                let (all, idle) = pool.connection_counts();
                self.record.recorder.upstream_connections(index, (all - idle) as u32, idle as u32);
            }
        }
        if let Some(counts) = self.record.stages.take()
            && let Err(FromShard::StageCounts(counts)) =
                self.reporter.send(FromShard::StageCounts(counts))
        {
            self.record.stages.put_back(&counts);
        }
        loop {
            let more = self.record.recorder.has_older();
            let batch = self.record.recorder.take_batch(self.now);
            let report = FromShard::Telemetry { shard: self.id, batch };
            if let Err(FromShard::Telemetry { batch, .. }) = self.reporter.send(report) {
                return self.record.recorder.put_back(batch);
            }
            if !more {
                return;
            }
        }
    }
}

fn head_limits(snapshot: &Snapshot) -> HeadLimits {
    let limits = &snapshot.server.limits;
    HeadLimits {
        request_line_bytes: limits.request_line_bytes_max,
        head_bytes: limits.head_bytes_max,
        fields: limits.field_count_max,
    }
}

fn is_cancelled(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::CANCELED.raw_os_error())
}
