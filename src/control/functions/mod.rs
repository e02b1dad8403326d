//! The processes of functions: started, limited, listened to, ended and reaped for the shards.
//!
//! What a shard asks for is done at once or answered with why not; who works on what is the shard's
//! business. A worker is a process group: a signal reaches what it has forked, and what it has put
//! out of its group is adopted and found in the process table.
//!
//! Deliberately absent: events and results. They never pass through this thread, unless it is itself
//! the caller ([`Invoker`]).

mod codes;
mod destinations;
mod domain;
mod events;
mod filter;
pub mod host;
mod invoker;
mod lambda_api;
mod languages;
mod logs;
pub mod namespaces;
mod places;
mod processes;
mod queued;
mod readiness;
mod shelf;
mod sources;
mod storage;
pub mod spawn;
mod supervise;
mod tails;
mod unpack;

use super::invocation::{
    Completion, Ended, Invoke, Invoked, NotDone, Note, StartWorker, StopWorker, Streamed, WorkerId,
};
use super::mailbox::{Post, ShardId, ToShard};
use crate::model::{self, Client, Function, Isolation};
use crate::snapshot::function::{FunctionLog, Launch};
pub use codes::Codes;
pub(super) use destinations::Destinations;
pub(super) use events::Events;
use host::Host;
pub(super) use invoker::Calls;
pub use invoker::{Call, Invoker, Piece};
use invoker::{Taken, Waiting};
pub(super) use lambda_api::LambdaApi;
use languages::Languages;
use logs::{Epoch, LogWriter, SETTLE, WorkerLog};
use processes::Process;
pub use readiness::{Readiness, RunsBy, readiness};
use rustix::process::Signal;
pub(super) use shelf::Shelf;
use sources::{Sources, Watched};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use supervise::{Started, read, supervise, words};
use tails::Tails;
use tokio::sync::{mpsc, oneshot};

/// Between two looks at the process table while there are workers.
const WATCH: Duration = Duration::from_millis(250);

/// Looks at the process table for each at temporary folders, which costs more.
const LOOKS_PER_MEASURE: u64 = 4;

/// Until a shard that had no room for a message is tried again: it takes them between two turns.
const RETRY: Duration = Duration::from_millis(2);

/// Until processes that were killed are reaped.
const REAP: Duration = Duration::from_millis(20);

/// What a worker may take to end after SIGTERM.
const TERM_PATIENCE: Duration = Duration::from_secs(2);

/// Lines on their way from the pipes; readers wait when it is full, and so do the workers that write.
const LINES_MAX: usize = 1024;

/// A worker, all over the process.
type Name = (ShardId, WorkerId);

/// All workers of all shards.
pub(super) struct Functions {
    posts: Vec<Post>,
    /// What a shard's queue had no room for, in order: none of it may be lost.
    unsent: Vec<VecDeque<ToShard>>,
    next_try: Option<Instant>,
    /// Where each shard's workers find it, once it has had one.
    ports: Vec<Option<u16>>,
    workers: HashMap<Name, Running>,
    /// Logs, kept until they are written, though the worker is gone.
    logs: BTreeMap<Name, WorkerLog>,
    writer: LogWriter,
    /// Processes that were started and not reaped.
    pids: HashSet<u32>,
    /// Where workers' temporary folders are; made with the first.
    folder: Option<PathBuf>,
    languages: Languages,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    next_listener: u32,
    calls: Calls,
    waiting: Waiting,
    next_call: u64,
    events: Events,
    tails: Tails,
    next_watch: Option<Instant>,
    is_scanning: bool,
    /// Looks at the process table so far.
    looks: u64,
    next_settle: Option<Instant>,
    codes: Codes,
    /// For functions that do not say it themselves.
    client: Client,
    sources: Sources,
    /// Whether sources are watched.
    is_watching: bool,
    /// For functions that do not say it themselves.
    isolation: Isolation,
    host: Host,
}

#[derive(Debug)]
struct Running {
    launch: Arc<Launch>,
    pid: u32,
    /// The process of the runtime, where it is another and has been told.
    inside: Option<u32>,
    runtime_api: String,
    stop: mpsc::Sender<StopWorker>,
    is_over_memory: bool,
    /// Its temporary folder.
    folder: PathBuf,
}

/// What comes from tasks.
#[derive(Debug)]
pub(super) enum News {
    Ended {
        name: Name,
        pid: u32,
        status: io::Result<ExitStatus>,
        /// The most that it has held, as far as that was told; else 0.
        peak_bytes: u64,
    },
    /// The runtime is this process, and not the one that was started.
    Inside {
        name: Name,
        pid: u32,
    },
    Line {
        name: Name,
        line: Vec<u8>,
        at: Instant,
    },
    Scanned(Vec<Process>),
    /// Temporary folders that hold more than they may.
    Overfull(Vec<(Name, u64)>),
    Called(Box<(Call, oneshot::Sender<Invoked>)>),
    /// The code of these functions has changed.
    Changed(Vec<Box<str>>),
    EventTaken {
        shard: ShardId,
        invocation: u64,
        bytes: usize,
        is_taken: bool,
    },
    EventOver {
        shard: ShardId,
        bytes: usize,
    },
    /// A piece of what a function streams.
    Taken(Taken),
}

/// Numbers of runtime listeners, beyond those of any configuration.
const FIRST_LISTENER: u32 = 1 << 31;

impl Functions {
    pub(super) fn new(posts: Vec<Post>, calls: Calls, events: Events, codes: Codes) -> Self {
        Self {
            ports: vec![None; posts.len()],
            unsent: posts.iter().map(|_| VecDeque::new()).collect(),
            next_try: None,
            posts,
            workers: HashMap::new(),
            logs: BTreeMap::new(),
            writer: LogWriter::new(),
            pids: HashSet::new(),
            folder: None,
            languages: Languages::default(),
            news: mpsc::channel(LINES_MAX),
            next_listener: FIRST_LISTENER,
            calls,
            waiting: Waiting::new(),
            next_call: 1,
            events,
            tails: Tails::default(),
            next_watch: None,
            is_scanning: false,
            looks: 0,
            next_settle: None,
            codes,
            client: Client::default(),
            sources: Sources::new(),
            is_watching: false,
            isolation: Isolation::unsaid(true),
            host: Host::default(),
        }
    }

    /// Waits for news. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> News {
        tokio::select! {
            Some(news) = self.news.1.recv() => news,
            Some(call) = self.calls.recv() => News::Called(Box::new(call)),
            Some(taken) = self.waiting.next_taken() => News::Taken(taken),
            keys = self.sources.changed() => News::Changed(keys),
        }
    }

    pub(super) fn on_news(&mut self, news: News, now: Instant) {
        match news {
            News::Ended { name, pid, status, peak_bytes } => {
                self.on_ended(name, pid, status, peak_bytes);
            }
            News::Inside { name, pid } => self.on_inside(name, pid),
            News::Line { name, line, at } => {
                if let Some(log) = self.logs.get_mut(&name) {
                    log.line(line, at);
                    self.next_settle.get_or_insert(now + SETTLE);
                }
            }
            News::Scanned(all) => self.on_scanned(&all),
            News::Overfull(all) => self.on_overfull(&all),
            News::EventTaken { shard, invocation, bytes, is_taken } => {
                self.tell(shard, ToShard::EventTaken { invocation, is_taken });
                if !is_taken {
                    self.tell(shard, ToShard::EventOver { bytes });
                }
            }
            News::EventOver { shard, bytes } => self.tell(shard, ToShard::EventOver { bytes }),
            News::Taken(taken) => {
                if let Some((shard, message)) = self.waiting.on_taken(taken) {
                    self.tell(shard, message);
                }
            }
            News::Called(call) => self.on_call(call.0, call.1),
            News::Changed(keys) => {
                for function in keys {
                    for shard in 0..self.posts.len() {
                        self.tell(shard, ToShard::ReplaceWorkers { function: function.clone() });
                    }
                }
            }
        }
    }

    // ---- shards ----

    /// A shard wants a worker.
    pub(super) fn start(&mut self, start: StartWorker, now: Instant) {
        let (shard, worker) = (start.shard, start.worker);
        let how = match self.try_start(start, now) {
            Ok(()) => return,
            Err(how) => how,
        };
        if let Ended::NotStarted(error) = &how {
            tracing::error!(shard, %error, "a worker cannot be started");
        }
        self.tell(shard, ToShard::WorkerEnded { worker, how });
    }

    fn try_start(&mut self, start: StartWorker, now: Instant) -> Result<(), Ended> {
        let StartWorker { shard, worker, address, launch } = start;
        let launch = self.codes.resolve(launch);
        if !self.has_room(&launch, shard) {
            return Err(Ended::NoRoom);
        }
        let refuse = |error: String| {
            let name = &launch.name;
            Ended::NotStarted(format!("function {name}: {error}").into())
        };
        let port = self.port(shard).map_err(|error| refuse(error.to_string()))?;
        let folder = self.folder().map_err(|error| refuse(error.to_string()))?;
        let client = launch.client.unwrap_or(self.client);
        let isolation = launch.isolation.unwrap_or(self.isolation);
        let namespaces = self.host.level(isolation.namespaces).map_err(refuse)?;
        let program = self.languages.program(&launch, client, &folder).map_err(refuse)?;
        let folder = folder.join(format!("{}-{shard}-{:x}", launch.name, worker.0));
        let runtime_api = format!("{address}:{port}");
        let is_logged = launch.log != FunctionLog::None;
        let output = is_logged.then(std::io::pipe).transpose();
        let (reader, writer) = match output.map_err(|error| refuse(error.to_string()))? {
            Some((reader, writer)) => (Some(reader), Some(writer.into())),
            None => (None, None),
        };
        let today = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
        let started = spawn::spawn(spawn::Start {
            launch: &launch,
            program,
            runtime_api: runtime_api.clone(),
            folder: &folder,
            keeps_bytecode: !self.is_watching,
            is_filtered: isolation.system_call_filter,
            namespaces,
            log_stream: format!("{today}/[{}]{shard:016x}{:016x}", launch.version, worker.0),
            output: writer,
        });
        let spawn::Spawned { child, told } = started.map_err(|error| {
            let _ = std::fs::remove_dir_all(&folder);
            refuse(error)
        })?;
        let pid = child.id().unwrap_or_default();
        let name = (shard, worker);
        if self.pids.is_empty() && self.next_watch.is_none() {
            processes::adopt_orphans();
        }
        self.pids.insert(pid);
        self.next_watch.get_or_insert(now + WATCH);
        if is_logged {
            // What holds the memory is told where it is not the process that was started.
            let pid = told.is_none().then_some(pid);
            self.logs.insert(name, WorkerLog::new(Arc::clone(&launch), pid, now));
        }
        let reading = reader.map(|reader| tokio::spawn(read(reader, name, self.news.0.clone())));
        let (stop, stops) = mpsc::channel(2);
        let news = self.news.0.clone();
        let started = Started { child, told, pid, name, folder: folder.clone() };
        tokio::spawn(supervise(started, stops, reading, news));
        let running =
            Running { launch, pid, inside: None, runtime_api, stop, is_over_memory: false, folder };
        self.workers.insert(name, running);
        Ok(())
    }

    /// Whether one more worker of a function may run; asks other shards to make room if not.
    fn has_room(&mut self, launch: &Launch, for_shard: ShardId) -> bool {
        let Some(most) = launch.reserved_concurrency else { return true };
        let mut of_shard: BTreeMap<ShardId, u32> = BTreeMap::new();
        for ((shard, _), running) in &self.workers {
            if running.launch.key == launch.key {
                *of_shard.entry(*shard).or_default() += 1;
            }
        }
        if of_shard.values().sum::<u32>() < most {
            return true;
        }
        for shard in of_shard.into_keys().filter(|shard| *shard != for_shard) {
            self.tell(shard, ToShard::SpareWorker { function: launch.key.clone() });
        }
        false
    }

    /// A shard wants a worker to end.
    pub(super) fn stop(&mut self, shard: ShardId, worker: WorkerId, how: StopWorker) {
        if how == StopWorker::AtOnce
            && let Some(log) = self.logs.get_mut(&(shard, worker))
        {
            log.measure();
        }
        if let Some(running) = self.workers.get(&(shard, worker)) {
            // Full: as much has been asked for already.
            let _ = running.stop.try_send(how);
        }
    }

    /// A shard tells what workers did.
    pub(super) fn note(&mut self, shard: ShardId, notes: Vec<Note>, now: Instant) {
        for note in notes {
            if let Some(log) = self.logs.get_mut(&(shard, note.worker)) {
                log.note(note);
                self.next_settle.get_or_insert(now + SETTLE);
            }
        }
    }

    /// An invocation of ours is over.
    pub(super) fn invoked(&mut self, invoked: Invoked) {
        self.waiting.invoked(invoked);
    }

    /// A function streams to a caller of ours.
    pub(super) fn streamed(&mut self, streamed: Streamed) {
        if let Some((shard, message)) = self.waiting.streamed(streamed) {
            self.tell(shard, message);
        }
    }

    fn on_call(&mut self, call: Call, done: oneshot::Sender<Invoked>) {
        let number = self.next_call;
        self.next_call += 1;
        let shard = number as usize % self.posts.len().max(1);
        if let (Some(request_id), Some(told)) = (call.request_id, call.log) {
            self.tails.want(request_id.as_str().into(), told);
        }
        let invoke = Invoke {
            call: number,
            function: call.function,
            is_drawn: call.is_drawn,
            request_id: call.request_id,
            event: call.event,
            client_context: call.client_context,
            patience: call.patience,
            is_streamed: call.stream.is_some(),
        };
        let Some(post) = self.posts.get(shard) else { return };
        match post.send(ToShard::Invoke(Box::new(invoke))) {
            Ok(()) => {
                self.waiting.insert(number, shard, done, call.stream);
            }
            Err(_full) => {
                let completion = Completion::NotDone(NotDone::Throttled);
                let _ = done.send(Invoked { call: number, request_id: "".into(), completion });
            }
        }
    }

    fn tell(&mut self, shard: ShardId, message: ToShard) {
        let Some(unsent) = self.unsent.get_mut(shard) else { return };
        unsent.push_back(message);
        self.send_unsent(shard);
    }

    fn send_unsent(&mut self, shard: ShardId) {
        let (Some(post), Some(unsent)) = (self.posts.get(shard), self.unsent.get_mut(shard)) else {
            return;
        };
        while let Some(message) = unsent.pop_front() {
            if let Err(full) = post.send(message) {
                unsent.push_front(full.0);
                self.next_try.get_or_insert_with(|| Instant::now() + RETRY);
                return;
            }
        }
    }

    // ---- processes ----

    fn on_inside(&mut self, name: Name, pid: u32) {
        if let Some(running) = self.workers.get_mut(&name) {
            running.inside = Some(pid);
        }
        if let Some(log) = self.logs.get_mut(&name) {
            log.is_process(pid);
        }
    }

    fn on_ended(&mut self, name: Name, pid: u32, status: io::Result<ExitStatus>, peak_bytes: u64) {
        self.pids.remove(&pid);
        let Some(running) = self.workers.remove(&name) else { return };
        let how = match status {
            _ if running.is_over_memory => Ended::OutOfMemory,
            Ok(status) => Ended::Exited(words(status).into()),
            Err(error) => Ended::Exited(error.to_string().into()),
        };
        tracing::debug!(shard = name.0, function = running.launch.name, ?how, "a worker has ended");
        self.tell(name.0, ToShard::WorkerEnded { worker: name.1, how });
        let now = Instant::now();
        if let Some(log) = self.logs.get_mut(&name) {
            log.has_ended(now, peak_bytes);
        }
        self.next_settle.get_or_insert(now + SETTLE);
        self.scan();
    }

    /// Looks at the process table, beside the loop.
    fn scan(&mut self) {
        if std::mem::replace(&mut self.is_scanning, true) {
            return;
        }
        let news = self.news.0.clone();
        tokio::spawn(async move {
            let scanned = tokio::task::spawn_blocking(processes::scan).await;
            let _ = news.send(News::Scanned(scanned.unwrap_or_default())).await;
        });
    }

    fn on_scanned(&mut self, all: &[Process]) {
        self.is_scanning = false;
        let inside = self.workers.values().filter_map(|it| Some((it.pid, it.inside?))).collect();
        let memory = processes::memory_of(&self.pids, &inside, all);
        for (name, running) in &mut self.workers {
            let held = memory.get(&running.pid).copied().unwrap_or(0);
            if let Some(log) = self.logs.get_mut(name) {
                log.saw_memory(held);
            }
            if held > running.launch.memory_bytes && !running.is_over_memory {
                let (function, most) = (&running.launch.name, running.launch.memory_bytes);
                tracing::warn!(
                    function,
                    held,
                    most,
                    "a worker holds too much memory and is killed"
                );
                running.is_over_memory = true;
                processes::signal_group(running.pid, Signal::KILL);
            }
        }
        let living: HashSet<&str> =
            self.workers.values().map(|running| running.runtime_api.as_str()).collect();
        let left = processes::end_orphans(&self.pids, all, |it| living.contains(it));
        if left > 0 {
            self.next_watch.get_or_insert_with(|| Instant::now() + REAP);
        }
    }

    // ---- time ----

    /// When something is to be done even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let settle = self.next_settle.into_iter().chain(self.tails.due());
        self.next_watch.into_iter().chain(settle).chain(self.next_try).min()
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        if self.next_try.is_some_and(|due| due <= now) {
            self.next_try = None;
            for shard in 0..self.posts.len() {
                self.send_unsent(shard);
            }
        }
        if self.next_settle.is_some_and(|due| due <= now) {
            self.settle(now - SETTLE, now);
        }
        self.tails.tell(now);
        if self.next_watch.is_some_and(|due| due <= now) {
            // One look after the last worker has ended, for what it left behind.
            self.next_watch = (!self.workers.is_empty()).then(|| now + WATCH);
            self.looks += 1;
            if self.looks.is_multiple_of(LOOKS_PER_MEASURE) {
                self.measure_folders();
            }
            self.scan();
        }
    }

    fn settle(&mut self, until: Instant, now: Instant) {
        let epoch = Epoch { now, time: SystemTime::now() };
        let mut is_waiting = false;
        for log in self.logs.values_mut() {
            let text = log.settle(until, epoch, &mut self.tails);
            self.writer.write(log.log(), text);
            is_waiting |= !log.is_settled() || log.is_ending();
        }
        self.logs.retain(|_, log| !log.is_over(now));
        self.next_settle = is_waiting.then(|| now + SETTLE);
    }

    /// Ends whatever runs: the gateway does.
    pub(super) async fn close(&mut self) {
        for running in self.workers.values() {
            let _ = running.stop.try_send(StopWorker::Gently);
        }
        let until = Instant::now() + TERM_PATIENCE + Duration::from_millis(500);
        while !self.workers.is_empty() {
            let news = tokio::time::timeout_at(until.into(), self.next()).await;
            match news {
                Ok(news) => self.on_news(news, Instant::now()),
                Err(_late) => break,
            }
        }
        for running in self.workers.values() {
            processes::signal_group(running.pid, Signal::KILL);
        }
        let all = processes::scan();
        processes::end_orphans(&self.pids, &all, |_| false);
        let now = Instant::now();
        self.settle(now, now);
        self.tails.tell_all();
        self.writer.close(Duration::from_secs(1));
        if let Some(folder) = self.folder.take() {
            let _ = std::fs::remove_dir_all(folder);
        }
        self.codes.close();
    }

    /// These functions are about to be served: says which of them cannot be run, and has interpreters
    /// looked for before anybody waits for one. Beside the loop.
    pub(super) fn look_at(&mut self, functions: Vec<Function>, all: &model::Functions) {
        self.client = all.client;
        self.is_watching = all.watch;
        self.isolation = all.isolation;
        if functions.is_empty() {
            return;
        }
        let folder = match self.folder() {
            Ok(folder) => folder,
            Err(error) => return tracing::error!(%error, "there is no folder for functions"),
        };
        let (codes, languages, host) =
            (self.codes.clone(), self.languages.clone(), self.host.clone());
        // A thread and not a task: the process may end while an interpreter does not answer.
        let looking = std::thread::Builder::new().name("runtimes".to_owned()).spawn(move || {
            for function in functions {
                let wanted = function.isolation.namespaces;
                if let Err(error) = host.level(wanted) {
                    tracing::warn!(function = function.name, error, "a function cannot be run");
                }
                let code = codes.folder(function.code.place());
                if let Err(error) = languages.make_ready(&function, &code, &folder) {
                    tracing::warn!(function = function.name, error, "a function cannot be run");
                }
            }
        });
        if let Err(error) = looking {
            tracing::warn!(%error, "interpreters are looked for when they are needed");
        }
    }

    /// These functions are served from now on: their code is watched where that is wanted.
    pub(super) fn watch(&mut self, functions: &[crate::snapshot::Function]) {
        // Unpacked code never changes.
        let in_place = functions.iter().filter(|it| it.launch.code.is_absolute());
        let watched =
            in_place.map(|it| Watched { key: it.key.clone(), code: it.launch.code.clone() });
        self.sources.set(if self.is_watching { watched.collect() } else { Vec::new() });
    }

    /// Where code is unpacked.
    pub(super) fn codes(&self) -> Codes {
        self.codes.clone()
    }

    /// Removes code that nothing runs any more.
    pub(super) fn sweep_codes(&self, now: Instant) {
        let is_run =
            |path: &Path| self.workers.values().any(|running| running.launch.code == *path);
        self.codes.sweep(now, is_run);
    }
}
