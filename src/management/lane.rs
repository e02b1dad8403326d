//! The lane: every write, one after the other.
//!
//! ```text
//! jobs that wait -> each on a draft over the state and the drafts before it
//!                -> one transaction in the store   (another host wrote first: catch up, run again)
//!                -> the state                      (reads see them from here on)
//!                -> the shards                     (each job is answered once all of them serve it)
//! ```
//!
//! Jobs that wait at the same time share one transaction, because what a write costs is the wait for
//! the disk. A job that is refused leaves nothing behind and disturbs no other. Between writes the lane
//! looks whether another host has written, and takes that over.

use super::publish::{Affected, Publisher};
use super::settings::{Current, Followed};
use super::{Answer, Call, difference, lambda};
use crate::aws::Fault;
use crate::aws::id::IdSource;
use crate::resources::function::{Function, OWNER_PREFIX};
use crate::resources::{
    Before, Draft, Entity, Key, Object, State, Timestamp, Touched, decode, known_kind,
};
use crate::snapshot::ManagedDelta;
use crate::store::last_good::keep;
use crate::store::{Change, Entry, Revision, Row, RowKey, Store, StoreError};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Jobs in one transaction.
const BATCH_MAX: usize = 64;

/// How often a batch is run again because another host wrote first.
const TRIES_MAX: usize = 8;

/// Between two looks at what other hosts wrote, and between two tries to reach a lost store.
const POLL: Duration = Duration::from_secs(1);

/// How long an answer waits for the shards. They apply a change between two turns of their loop, so
/// this is only reached when one is stuck, which `/healthz` tells.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(10);

/// What a job does. Runs again when another host wrote first.
pub(super) type Work = Box<dyn Fn(&mut Call<'_>) -> Result<Answer, Fault> + Send>;

/// One write that waits for its turn.
pub(super) struct Job {
    pub(super) work: Work,
    /// Its input, for the call.
    pub(super) input: serde_json::Map<String, serde_json::Value>,
    pub(super) region: String,
    /// The operation's name.
    pub(super) operation: String,
    /// Who asked, for the history.
    pub(super) author: String,
    /// From where.
    pub(super) source: String,
    pub(super) reply: oneshot::Sender<Result<Done, Fault>>,
}

/// A write that is stored and served.
#[derive(Debug)]
pub(super) struct Done {
    /// What the operation answers.
    pub answer: Answer,
    /// What it changed, one line per member, without secrets.
    pub changes: Vec<String>,
    /// What it touched: region, kind, owner and id, with slashes between.
    pub places: Vec<String>,
    /// Its number in the history; `None` when nothing was changed.
    pub revision: Option<Revision>,
}

/// What the lane is asked beside writes: it alone has the store.
pub(super) enum Question {
    /// The latest changes, or those before one.
    History {
        limit: usize,
        before: Option<Revision>,
        reply: oneshot::Sender<Result<Vec<(Revision, Change)>, StoreError>>,
    },
    /// One change.
    Change { revision: Revision, reply: oneshot::Sender<Result<Option<Change>, StoreError>> },
}

/// What is wrong with the store, while something is.
pub type Ailment = Arc<Mutex<Option<String>>>;

/// The lane's own.
pub(super) struct Lane {
    pub(super) url: String,
    /// `None` while it cannot be reached since the start.
    pub(super) store: Option<Arc<Store>>,
    pub(super) state: Arc<RwLock<State>>,
    pub(super) revision: Revision,
    pub(super) settings: Arc<Current>,
    pub(super) publisher: Publisher,
    pub(super) ailment: Ailment,
    pub(super) ids: IdSource,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) questions: mpsc::Receiver<Question>,
    /// Where the last good state is kept; `None` keeps none.
    pub(super) last_good: Option<PathBuf>,
    /// Tells who keeps it of each new revision, and who that is.
    pub(super) kept: Option<(watch::Sender<Revision>, JoinHandle<()>)>,
    /// Where whoever asks for the end is answered.
    pub(super) ends: mpsc::Receiver<oneshot::Sender<()>>,
}

/// A job that has run, and what it did.
struct Ran {
    job: Job,
    answer: Answer,
    changes: Vec<String>,
    places: Vec<String>,
}

/// What a batch comes to.
struct Batch {
    ran: Vec<Ran>,
    touched: Touched,
    /// One per job that changed something, in their order.
    changes: Vec<Change>,
}

impl Lane {
    /// Runs until the end is asked for, or the last sender of jobs is gone.
    pub(super) async fn run(mut self) {
        self.keep_last_good();
        let mut jobs = Vec::new();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                followed = self.settings.next() => self.follow(followed).await,
                count = self.jobs.recv_many(&mut jobs, BATCH_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.batch(std::mem::take(&mut jobs)).await;
                }
                Some(question) = self.questions.recv() => self.look_up(question).await,
                Some(asked) = self.ends.recv() => {
                    if let Some((sender, keeper)) = self.kept.take() {
                        // Without a sender it writes what is missing, and is done.
                        drop(sender);
                        let _ = keeper.await;
                    }
                    let _ = asked.send(());
                    return;
                }
                _ = poll.tick() => self.look().await,
            }
        }
    }

    /// Runs, stores, publishes and answers jobs.
    async fn batch(&mut self, mut jobs: Vec<Job>) {
        for _ in 0..TRIES_MAX {
            let batch = self.try_all(jobs);
            if batch.changes.is_empty() {
                for ran in batch.ran {
                    ran.answer(None);
                }
                return;
            }
            match self.commit(&batch.changes).await {
                Ok(last) => return self.settle(batch, last).await,
                Err(StoreError::Conflict { .. }) => {
                    jobs = batch.ran.into_iter().map(|ran| ran.job).collect();
                    if let Err(error) = self.catch_up().await {
                        self.ail(&error);
                        return refuse(jobs, &error);
                    }
                }
                Err(error) => {
                    self.ail(&error);
                    return refuse(batch.ran.into_iter().map(|ran| ran.job).collect(), &error);
                }
            }
        }
        for job in jobs {
            // Clients try again by themselves when they read these words.
            let text = "Unable to complete operation due to concurrent modification. Please try again later.";
            let _ = job.reply.send(Err(Fault::conflict(text)));
        }
    }

    /// Runs each job on a draft over the state and the jobs before it. Those that are refused are
    /// answered at once.
    fn try_all(&mut self, jobs: Vec<Job>) -> Batch {
        let mut batch = Batch {
            ran: Vec::with_capacity(jobs.len()),
            touched: Touched::default(),
            changes: Vec::new(),
        };
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let settings = self.settings.now();
        let millis = since_epoch().as_millis() as i64;
        for mut job in jobs {
            let mut call = Call {
                draft: Draft::over(&state, &batch.touched, &job.region),
                input: std::mem::take(&mut job.input),
                now: Timestamp(millis / 1000),
                ids: &mut self.ids,
                settings: &settings,
            };
            let result = (job.work)(&mut call);
            job.input = std::mem::take(&mut call.input);
            let answer = match result {
                Ok(answer) => answer,
                Err(fault) => {
                    let _ = job.reply.send(Err(fault));
                    continue;
                }
            };
            let (touched, before) = call.draft.finish();
            if let Some(key) = touched.0.keys().find(|key| state.is_shown(key)) {
                let _ = job.reply.send(Err(read_only(key)));
                continue;
            }
            let changes = lines(&touched, &before);
            let places: Vec<String> = touched.0.keys().map(path).collect();
            if !touched.is_empty() {
                batch.changes.push(change(&job, millis, &touched, before, &changes));
            }
            batch.touched.extend(touched);
            batch.ran.push(Ran { job, answer, changes, places });
        }
        batch
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<Revision, StoreError> {
        match &self.store {
            Some(store) => store.commit(self.revision, changes).await,
            None => Err(away()),
        }
    }

    /// Makes a stored batch the state, hands it to the shards and answers when they serve it.
    async fn settle(&mut self, batch: Batch, last: Revision) {
        self.well();
        let mut revision = last - batch.changes.len() as u64;
        self.revision = last;
        let served = self.take_over(batch.touched).await;
        tokio::spawn(async move {
            if let Some(served) = served
                && tokio::time::timeout(PUBLISH_PATIENCE, served).await.is_err()
            {
                tracing::error!(
                    "a change is stored, but not every shard serves it after {} s",
                    PUBLISH_PATIENCE.as_secs()
                );
            }
            for ran in batch.ran {
                let number = (!ran.places.is_empty()).then(|| {
                    revision += 1;
                    revision
                });
                ran.answer(number);
            }
        });
    }

    /// Puts stored changes into the state and hands them to the shards. What is returned tells when
    /// they serve it; nothing, when it does not concern them.
    async fn take_over(&mut self, touched: Touched) -> Option<oneshot::Receiver<()>> {
        let affected = Affected::by(touched.0.keys());
        let delta = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.apply(touched);
            affected.compile(&state, &self.settings.now())
        };
        if let Some((kept, _)) = &self.kept {
            // Who keeps it ends only with the lane.
            let _ = kept.send(self.revision);
        }
        if delta.is_empty() {
            return None;
        }
        let (done, served) = oneshot::channel();
        (self.publisher)(delta, done).await;
        Some(served)
    }

    /// Takes up other settings, and what else the file shows: what they concern is compiled anew and handed
    /// to the shards. Compiling is done elsewhere, because all stages may be concerned and this thread has
    /// other things to do.
    async fn follow(&mut self, followed: Followed) {
        let Followed { settings, shown, done } = followed;
        let before = self.settings.now();
        self.settings.set(Arc::clone(&settings));
        let moved = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let moved = state.show(shown);
            tell_of_hidden(&moved, &state);
            moved
        };
        if moved.is_empty() && before.serves_as(&settings) {
            // It is handed over all the same: who waits is told by whoever takes it.
            return (self.publisher)(ManagedDelta::default(), done).await;
        }
        let state = Arc::clone(&self.state);
        let compiling = tokio::task::spawn_blocking(move || {
            let state = state.read().unwrap_or_else(PoisonError::into_inner);
            let affected = before.affected_by(&settings, &state).and(Affected::by(&moved));
            affected.compile(&state, &settings)
        });
        match compiling.await {
            Ok(delta) => (self.publisher)(delta, done).await,
            Err(error) => tracing::error!(%error, "stages do not follow the configuration"),
        }
    }

    /// Begins to keep the last good state, once there is a store to take it from.
    fn keep_last_good(&mut self) {
        if let (Some(store), Some(file), None) = (&self.store, &self.last_good, &self.kept) {
            let (sender, changed) = watch::channel(self.revision);
            let (store, file) = (Arc::clone(store), file.clone());
            let keeper = tokio::spawn(async move { keep(&store, &file, changed).await });
            self.kept = Some((sender, keeper));
        }
    }

    /// Takes over what other hosts wrote.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let touched = match store.changes_since(self.revision).await? {
            Some(changes) => {
                let mut touched = Touched::default();
                for (revision, change) in changes {
                    for entry in change.entries {
                        let (key, object) = noun(&entry.key, entry.after.as_deref())?;
                        touched.0.insert(key, object);
                    }
                    self.revision = revision;
                }
                touched
            }
            None => self.compare(&store).await?,
        };
        if !touched.is_empty() {
            self.take_over(touched).await;
        }
        Ok(())
    }

    /// Reads everything that is stored, and says what differs from the state.
    async fn compare(&mut self, store: &Store) -> Result<Touched, StoreError> {
        let (revision, rows) = store.load().await?;
        let touched = self.against(rows)?;
        self.revision = revision;
        Ok(touched)
    }

    /// What differs between the state and everything that is stored.
    fn against(&self, rows: Vec<Row>) -> Result<Touched, StoreError> {
        let stored = nouns(rows)?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let gone = state.stored().filter(|(key, _)| stored.object(key).is_none());
        let mut touched = Touched(gone.map(|(key, _)| (key.clone(), None)).collect());
        let differs = |key: &Key, object: &Arc<dyn Object>| {
            state.stored_object(key).is_none_or(|known| known.to_json() != object.to_json())
        };
        let new = stored.iter().filter(|(key, object)| differs(key, object));
        touched.0.extend(new.map(|(key, object)| (key.clone(), Some(Arc::clone(object)))));
        Ok(touched)
    }

    /// Asks the store.
    async fn look_up(&self, question: Question) {
        // Who asked may have gone.
        match question {
            Question::History { limit, before, reply } => {
                let _ = reply.send(match &self.store {
                    Some(store) => store.history(limit, before).await,
                    None => Err(away()),
                });
            }
            Question::Change { revision, reply } => {
                let _ = reply.send(match &self.store {
                    Some(store) => store.change(revision).await,
                    None => Err(away()),
                });
            }
        }
    }

    /// Between writes: has another host written, is a lost store back?
    async fn look(&mut self) {
        let result = match &self.store {
            Some(store) => match store.revision().await {
                Ok(revision) if revision == self.revision => Ok(()),
                Ok(_) => self.catch_up().await,
                Err(error) => Err(error),
            },
            None => match Store::open(&self.url).await {
                Ok(store) => {
                    self.store = Some(Arc::new(store));
                    // The history may not reach back to the last good state: compare everything.
                    self.reload().await
                }
                Err(error) => Err(error),
            },
        };
        match result {
            Ok(()) => self.well(),
            Err(error) => self.ail(&error),
        }
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let touched = self.compare(&store).await?;
        self.take_over(touched).await;
        self.keep_last_good();
        tracing::info!(
            revision = self.revision,
            "the store is back; management writes are taken again"
        );
        Ok(())
    }

    fn ail(&self, error: &StoreError) {
        let mut ailment = self.ailment.lock().unwrap_or_else(PoisonError::into_inner);
        let text = error.to_string();
        if ailment.as_ref() != Some(&text) {
            tracing::error!(%error, "management writes are refused");
            *ailment = Some(text);
        }
    }

    fn well(&self) {
        let mut ailment = self.ailment.lock().unwrap_or_else(PoisonError::into_inner);
        if ailment.take().is_some() {
            tracing::info!("the store answers again");
        }
    }
}

impl Ran {
    fn answer(self, revision: Option<Revision>) {
        // A client that has hung up misses the answer, not the write.
        let Self { job, answer, changes, places } = self;
        let done = Done { answer, changes, places, revision };
        let _ = job.reply.send(Ok(done));
    }
}

/// There has been no store since the start.
fn away() -> StoreError {
    StoreError::Unavailable {
        place: "of management writes".into(),
        cause: "it could not be opened at the start; trying again".into(),
    }
}

/// Says which functions of the store the file hides from now on, of what [`State::show`] has moved.
pub(super) fn tell_of_hidden(moved: &[Key], state: &State) {
    for key in moved.iter().filter(|key| key.kind == Function::KIND && state.is_shown(key)) {
        tracing::warn!(
            function = &*key.id,
            region = &*key.region,
            "the configuration file declares a function of this name: the one of the Lambda API is hidden"
        );
    }
}

/// APIs and functions of the configuration file change with it.
fn read_only(key: &Key) -> Fault {
    if key.kind == Function::KIND {
        return lambda::read_only(&key.id);
    }
    if let Some(name) = key.owner.strip_prefix(OWNER_PREFIX) {
        return lambda::read_only(name);
    }
    let api = if key.owner.is_empty() { &key.id } else { &key.owner };
    Fault::bad_request(format!(
        "API {api} is declared in ringgate's configuration file and can only be changed there"
    ))
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        let text = match error {
            StoreError::InDoubt { .. } => {
                format!("It is not known whether the change is stored: {error}")
            }
            _ => format!("The change was not stored: {error}"),
        };
        let fault = Fault::unavailable(text, 1);
        let _ = job.reply.send(Err(fault));
    }
}

/// One job as it goes into the history.
fn change(
    job: &Job,
    at_millis: i64,
    touched: &Touched,
    before: Before,
    lines: &[String],
) -> Change {
    let entries = before.into_iter().map(|(key, was)| Entry {
        before: was.map(|was| was.to_json()),
        after: touched.0.get(&key).and_then(Option::as_ref).map(|is| is.to_json()),
        key: row_key(&key),
    });
    Change {
        at_millis,
        author: job.author.clone(),
        source: job.source.clone(),
        operation: job.operation.clone(),
        summary: lines.join("\n"),
        entries: entries.collect(),
    }
}

/// What a job changed, for people.
fn lines(touched: &Touched, before: &Before) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, was) in before {
        let is = touched.0.get(key).and_then(Option::as_ref);
        let place = place(key);
        match (was, is) {
            (None, Some(_)) => lines.push(format!("{place} made")),
            (Some(_), None) => lines.push(format!("{place} deleted")),
            _ => {
                let was = was.as_ref().map(|was| was.to_redacted());
                let is = is.map(|is| is.to_redacted());
                for difference in difference::differences(was.as_ref(), is.as_ref()) {
                    lines.push(format!("{place} {difference}"));
                }
            }
        }
    }
    lines
}

/// A noun's place, for programs: `us-east-1/stage/a1b2c3d4e5/prod`.
fn path(key: &Key) -> String {
    let parts = [&*key.region, key.kind, &*key.owner, &*key.id];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// A noun's place, for people.
fn place(key: &Key) -> String {
    match key.owner.is_empty() {
        true => format!("{} {}", key.kind, key.id),
        false => format!("{} {}/{}", key.kind, key.owner, key.id),
    }
}

fn row_key(key: &Key) -> RowKey {
    RowKey {
        region: key.region.to_string(),
        owner: key.owner.to_string(),
        kind: key.kind.to_owned(),
        id: key.id.to_string(),
    }
}

/// A stored row as a noun.
fn noun(key: &RowKey, body: Option<&str>) -> Result<(Key, Option<Arc<dyn Object>>), StoreError> {
    let damaged = |cause: String| StoreError::Damaged {
        place: "of management writes".into(),
        cause: format!("{} {}/{}: {cause}", key.kind, key.owner, key.id),
    };
    let kind = known_kind(&key.kind).map_err(|error| damaged(error.to_string()))?;
    let object = match body {
        Some(body) => Some(decode(kind, body).map_err(|error| damaged(error.to_string()))?.1),
        None => None,
    };
    Ok((Key::new(&key.region, &key.owner, kind, &key.id), object))
}

/// Everything that is stored, as nouns.
///
/// # Errors
/// A row that this version cannot read.
pub(super) fn nouns(rows: Vec<Row>) -> Result<State, StoreError> {
    let mut objects = Vec::with_capacity(rows.len());
    for row in rows {
        if let (key, Some(object)) = noun(&row.key, Some(&row.body))? {
            objects.push((key, object));
        }
    }
    Ok(State::new(objects))
}

/// The time of day.
pub(super) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
