//! The management service: from a call as it came in to the answer that leaves.

use super::access::{Caller, Gate};
use super::audit::{Audit, Entry, Slot};
use super::incoming::Incoming;
use super::lambda::{self, Invoker};
use super::lane::{self, Ailment, Done, Job, Lane, Question, Work, nouns, since_epoch};
use super::operation::{self, Access, Operation};
use super::publish::{self, Affected, Publisher};
use super::refusal::{self, Protocol};
use super::rest::test_invoke::authorizer::TEST_INVOKE_AUTHORIZER;
use super::rest::test_invoke::{self, BackEnds, TEST_INVOKE_METHOD};
use super::settings::Current;
use super::{Answer, Call, Settings, http, own, rest, sts};
use crate::aws::id::IdSource;
use crate::aws::{Fault, shapes};
use crate::resources::{Draft, Key, Object, State, Timestamp};
use crate::snapshot::ManagedDelta;
use crate::store::{Change, LastGood, Store, StoreError};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};

/// Writes that wait for their turn. More are told to come back.
const JOBS_MAX: usize = 4096;

/// Questions to the store that wait.
const QUESTIONS_MAX: usize = 64;

/// What a service needs to begin.
pub struct Beginning {
    /// Where writes are kept: a store's address.
    pub url: String,
    /// Where the last good state is kept besides; `None` keeps none.
    pub last_good: Option<PathBuf>,
    /// Account and names.
    pub settings: Settings,
    /// What is shown besides: APIs and functions of the configuration file.
    pub shown: BTreeMap<Key, Arc<dyn Object>>,
    /// Who may call.
    pub gate: Gate,
    /// Where writes are recorded.
    pub audit: Audit,
    /// Takes what changed to the shards.
    pub publisher: Publisher,
    /// Runs functions.
    pub invoker: Arc<dyn Invoker>,
    /// Asks back ends for test calls.
    pub back_ends: Arc<dyn BackEnds>,
    /// Where it is told what is wrong with the store, while something is.
    pub ailment: Ailment,
}

/// The management service. Clones are the same service.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    state: Arc<RwLock<State>>,
    jobs: mpsc::Sender<Job>,
    questions: mpsc::Sender<Question>,
    ends: mpsc::Sender<oneshot::Sender<()>>,
    settings: Arc<Current>,
    ids: Mutex<IdSource>,
    gate: Gate,
    audit: Audit,
    invoker: Arc<dyn Invoker>,
    back_ends: Arc<dyn BackEnds>,
}

/// Which of the services, told apart by the first segment of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// `apigateway`.
    V1,
    /// `apigatewayv2`.
    V2,
    /// `lambda`.
    Lambda,
}

impl Model {
    fn of(path: &str) -> Self {
        if path == "/v2" || path.starts_with("/v2/") {
            Self::V2
        } else if lambda::is_path(path) {
            Self::Lambda
        } else {
            Self::V1
        }
    }

    fn tables(self) -> &'static [&'static [Operation]] {
        match self {
            Self::V1 => rest::TABLES,
            Self::V2 => http::TABLES,
            Self::Lambda => lambda::TABLES,
        }
    }

    fn shapes(self) -> &'static shapes::Service {
        match self {
            Self::V1 => shapes::apigateway(),
            Self::V2 => shapes::apigatewayv2(),
            Self::Lambda => shapes::lambda(),
        }
    }
}

impl Service {
    /// Opens the store and reads everything; while it cannot be reached, what was last good, and the
    /// lane tries again. Returns what the shards are to serve besides. Call on the runtime that the
    /// service is to run on.
    ///
    /// # Errors
    /// The store must not be used: a newer schema, damage, an address that is none.
    pub async fn begin(beginning: Beginning) -> Result<(Self, ManagedDelta), StoreError> {
        let Beginning {
            url,
            last_good,
            settings,
            shown,
            gate,
            audit,
            publisher,
            invoker,
            back_ends,
            ailment,
        } = beginning;
        let (store, revision, state) = match open(&url).await {
            Ok((store, revision, state)) => (Some(Arc::new(store)), revision, state),
            Err(error @ (StoreError::Unavailable { .. } | StoreError::Locked { .. })) => {
                let last = last_good.as_deref().map(LastGood::read);
                let (revision, rows) = match last {
                    Some(Ok(last)) => (last.revision, last.rows),
                    Some(Err(_)) | None => (0, Vec::new()),
                };
                tracing::error!(
                    %error,
                    revision,
                    rows = rows.len(),
                    "the store is away: what was last good is served, management writes are refused"
                );
                *ailment.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                (None, revision, nouns(rows)?)
            }
            Err(error) => return Err(error),
        };
        let mut state = state;
        lane::tell_of_hidden(&state.show(shown), &state);
        let initial = Affected::all(&state).compile(&state, &settings);
        let settings = Arc::new(Current::new(Arc::new(settings)));
        let state = Arc::new(RwLock::new(state));
        let (sender, jobs) = mpsc::channel(JOBS_MAX);
        let (asker, questions) = mpsc::channel(QUESTIONS_MAX);
        let (ender, ends) = mpsc::channel(1);
        let lane = Lane {
            url,
            store,
            state: Arc::clone(&state),
            revision,
            settings: Arc::clone(&settings),
            publisher,
            ailment,
            ids: IdSource::random(),
            jobs,
            questions,
            last_good,
            kept: None,
            ends,
        };
        tokio::spawn(lane.run());
        let service = Self(Arc::new(Inner {
            state,
            jobs: sender,
            questions: asker,
            ends: ender,
            settings,
            ids: Mutex::new(IdSource::random()),
            gate,
            audit,
            invoker,
            back_ends,
        }));
        Ok((service, initial))
    }

    /// Ends the lane, once what it has begun is done and the last good state is on disk: a host that
    /// is stopped and started while the store is away must not serve what was there some seconds
    /// before. Waits for it no longer than `patience`; writes are refused from then on.
    pub async fn end(&self, patience: Duration) {
        let (done, ended) = oneshot::channel();
        let asked = async {
            if self.0.ends.send(done).await.is_ok() {
                // Fails when the lane is gone: ended as well.
                let _ = ended.await;
            }
        };
        if tokio::time::timeout(patience, asked).await.is_err() {
            tracing::warn!("the last good state may be older than the last change");
        }
    }

    /// Follows other settings and shows other APIs and functions of the configuration file, after a reload.
    /// What is returned ends when every shard serves what they changed.
    pub fn follow(
        &self,
        settings: Settings,
        shown: BTreeMap<Key, Arc<dyn Object>>,
    ) -> oneshot::Receiver<()> {
        self.0.settings.bring(settings, shown)
    }

    fn settings(&self) -> Arc<Settings> {
        self.0.settings.now()
    }

    /// Looks at the resources.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers one call, whatever it is.
    pub async fn answer(&self, incoming: Incoming) -> Response<Body> {
        let request_id = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner).uuid();
        match self.handle(&incoming, &request_id).await {
            Ok(response) => refusal::with_request_id(response, &request_id),
            Err(fault) => refusal::fault(&fault, Protocol::of(&incoming), &request_id),
        }
    }

    async fn handle(&self, incoming: &Incoming, request_id: &str) -> Result<Response<Body>, Fault> {
        let caller = self.0.gate.admit(incoming, SystemTime::now())?;
        if sts::is_query_call(incoming, caller.service.as_deref()) {
            return Ok(sts::answer(incoming, &caller, &self.settings().account_id, request_id));
        }
        if let Some(path) = incoming.path.strip_prefix("/_ringgate/") {
            return own::answer(self, path, incoming, &caller, request_id).await;
        }
        let model = Model::of(&incoming.path);
        let matched = model
            .shapes()
            .find(&incoming.method, &incoming.path, &incoming.query)
            .ok_or_else(|| Fault::new(404, "UnknownOperationException", "Not Found"))?;
        if model == Model::Lambda
            && [lambda::INVOKE, lambda::INVOKE_STREAMING].contains(&matched.operation.name)
        {
            let field = |name: &str| incoming.field(name);
            let input = matched.operation.input(&matched, &incoming.query, field, &[])?;
            return match matched.operation.name == lambda::INVOKE {
                true => lambda::respond(self.invoke(&caller, input, incoming, request_id).await?),
                false => self.invoke_streaming(&caller, input, incoming, request_id).await,
            };
        }
        if model == Model::V1 && matched.operation.name == TEST_INVOKE_METHOD {
            let field = |name: &str| incoming.field(name);
            let input =
                matched.operation.input(&matched, &incoming.query, field, &incoming.body)?;
            let answer = self.test_invoke(&caller.region, input).await?;
            return success(matched.operation.success, answer);
        }
        if model == Model::V1 && matched.operation.name == TEST_INVOKE_AUTHORIZER {
            let field = |name: &str| incoming.field(name);
            let input =
                matched.operation.input(&matched, &incoming.query, field, &incoming.body)?;
            let answer = self.test_invoke_authorizer(&caller.region, input).await?;
            return success(matched.operation.success, answer);
        }
        let operation = operation::find(model.tables(), matched.operation.name)
            .ok_or_else(|| not_there(matched.operation.name))?;
        let input = |incoming: &Incoming| {
            let field = |name: &str| incoming.field(name);
            matched.operation.input(&matched, &incoming.query, field, &incoming.body)
        };
        let answer = match operation.access {
            Access::Read => self.read(operation, &caller.region, input(incoming)?)?,
            Access::Write => {
                let record = self.begin_record(operation.name, &caller, incoming, request_id)?;
                let result = match input(incoming) {
                    Ok(input) => {
                        let work = move |call: &mut Call<'_>| super::run(operation, call);
                        self.write(Box::new(work), input, operation.name, &caller, incoming).await
                    }
                    Err(fault) => Err(fault),
                };
                let targets = matched.labels().map(str::to_owned).collect();
                record.end(matched.operation.success, targets, &result);
                result?.answer
            }
        };
        success(matched.operation.success, answer)
    }

    /// Invokes a function, and waits for it.
    async fn invoke(
        &self,
        caller: &Caller,
        input: Map<String, Value>,
        incoming: &Incoming,
        request_id: &str,
    ) -> Result<Option<lambda::Ended>, Fault> {
        // A dry run ends here.
        let Some(invocation) = self.prepare(caller, input, incoming, request_id)? else {
            return Ok(None);
        };
        let (mode, version) = (invocation.mode, invocation.configuration.version.clone());
        let result = self.0.invoker.invoke(invocation).await;
        Ok(Some((mode, version, result)))
    }

    /// Invokes a function, and answers as soon as it begins to.
    async fn invoke_streaming(
        &self,
        caller: &Caller,
        input: Map<String, Value>,
        incoming: &Incoming,
        request_id: &str,
    ) -> Result<Response<Body>, Fault> {
        let Some(invocation) = self.prepare(caller, input, incoming, request_id)? else {
            return lambda::respond_in_events(None);
        };
        let version = invocation.configuration.version.clone();
        let begun = self.0.invoker.stream(invocation).await;
        lambda::respond_in_events(Some((version, begun)))
    }

    fn prepare(
        &self,
        caller: &Caller,
        input: Map<String, Value>,
        incoming: &Incoming,
        request_id: &str,
    ) -> Result<Option<lambda::Invocation>, Fault> {
        let prepared = self.draft(&caller.region, |call| {
            call.input = input;
            lambda::prepare(call, incoming, request_id)
        })?;
        Ok(prepared.invocation)
    }

    /// Tries a method, and waits for its back end.
    async fn test_invoke(&self, region: &str, input: Map<String, Value>) -> Result<Answer, Fault> {
        let settings = &*self.settings();
        let begun = self.draft(region, |call| {
            call.input = input;
            self.look(|state| {
                let function_of = |arn: &str| publish::function_of(state, settings, region, arn);
                test_invoke::begin(call, &function_of, &publish::private_links(state, region))
            })
        })?;
        Ok(begun.finish(&*self.0.back_ends).await)
    }

    /// Tries an authorizer, and waits for its function.
    async fn test_invoke_authorizer(
        &self,
        region: &str,
        input: Map<String, Value>,
    ) -> Result<Answer, Fault> {
        let settings = &*self.settings();
        let begun = self.draft(region, |call| {
            call.input = input;
            self.look(|state| {
                let function_of = |arn: &str| publish::function_of(state, settings, region, arn);
                test_invoke::authorizer::begin(call, &function_of)
            })
        })?;
        Ok(begun.finish(&*self.0.back_ends).await)
    }

    /// Runs an operation that changes nothing.
    ///
    /// # Errors
    /// What the operation refuses.
    pub fn read(
        &self,
        operation: &Operation,
        region: &str,
        input: Map<String, Value>,
    ) -> Result<Answer, Fault> {
        self.draft(region, |call| {
            call.input = input;
            (operation.run)(call)
        })
    }

    /// Runs something on a draft that is dropped afterwards.
    pub(super) fn draft<R>(&self, region: &str, act: impl FnOnce(&mut Call<'_>) -> R) -> R {
        let mut ids = IdSource::random();
        let settings = self.settings();
        self.look(|state| {
            act(&mut Call {
                draft: Draft::new(state, region),
                input: Map::new(),
                now: Timestamp(since_epoch().as_secs() as i64),
                ids: &mut ids,
                settings: &settings,
            })
        })
    }

    /// Runs a write in its turn. Returns when it is stored and every shard serves it.
    ///
    /// # Errors
    /// What the work refuses, or the store is away, or too many writes wait.
    pub(super) async fn write(
        &self,
        work: Work,
        input: Map<String, Value>,
        operation: &str,
        caller: &Caller,
        incoming: &Incoming,
    ) -> Result<Done, Fault> {
        let (reply, done) = oneshot::channel();
        let job = Job {
            work,
            input,
            region: caller.region.clone(),
            operation: operation.to_owned(),
            author: caller.principal.name.clone(),
            source: incoming.peer.ip().to_string(),
            reply,
        };
        self.0.jobs.try_send(job).map_err(|_| Fault::too_many_requests(1))?;
        done.await.unwrap_or_else(|_| Err(Fault::unavailable("ringgate is stopping", 1)))
    }

    /// The latest changes, newest first, or those before one.
    pub(super) async fn history(&self, limit: usize, before: Option<u64>) -> Result<Value, Fault> {
        let (reply, answer) = oneshot::channel();
        let changes = self.ask(Question::History { limit, before, reply }, answer).await?;
        let shown: Vec<Value> =
            changes.iter().map(|(revision, change)| own::shown(*revision, change)).collect();
        Ok(serde_json::json!({ "changes": shown }))
    }

    /// One change; without a revision the last.
    pub(super) async fn change(&self, revision: Option<u64>) -> Result<(u64, Change), Fault> {
        let Some(revision) = revision else {
            let (reply, answer) = oneshot::channel();
            let last = Question::History { limit: 1, before: None, reply };
            let last = self.ask(last, answer).await?.pop();
            return last.ok_or_else(|| Fault::not_found("There is no change to undo"));
        };
        let (reply, answer) = oneshot::channel();
        let change = self.ask(Question::Change { revision, reply }, answer).await?;
        let gone = || Fault::not_found(format!("The history does not hold revision {revision}"));
        change.map(|change| (revision, change)).ok_or_else(gone)
    }

    async fn ask<T>(
        &self,
        question: Question,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, Fault> {
        self.0.questions.try_send(question).map_err(|_| Fault::too_many_requests(1))?;
        match answer.await {
            Ok(result) => result.map_err(|error| Fault::unavailable(error.to_string(), 1)),
            Err(_) => Err(Fault::unavailable("ringgate is stopping", 1)),
        }
    }

    /// Makes room in the audit log for a write: none without a line about it.
    ///
    /// # Errors
    /// The audit log takes nothing any more.
    pub(super) fn begin_record(
        &self,
        operation: &str,
        caller: &Caller,
        incoming: &Incoming,
        request_id: &str,
    ) -> Result<Record, Fault> {
        let entry = Entry::begin(incoming, caller, request_id, operation);
        Ok(Record { slot: self.0.audit.reserve()?, entry })
    }
}

/// The line of a write that is under way.
pub(super) struct Record {
    slot: Slot,
    entry: Entry,
}

impl Record {
    /// The write has ended, well or not.
    pub(super) fn end(self, success: u16, targets: Vec<String>, result: &Result<Done, Fault>) {
        let mut entry = Entry { targets, ..self.entry };
        let entry = match result {
            Ok(done) => {
                entry.status = success;
                entry.changed = done.places.clone();
                entry
            }
            Err(fault) => entry.refused(fault),
        };
        self.slot.record(&entry, SystemTime::now());
    }
}

async fn open(url: &str) -> Result<(Store, crate::store::Revision, State), StoreError> {
    let store = Store::open(url).await?;
    let (revision, rows) = store.load().await?;
    Ok((store, revision, nouns(rows)?))
}

/// An operation of the model without a function: a mistake of ours, told as what it is.
fn not_there(name: &str) -> Fault {
    Fault::bad_request(format!("ringgate does not have the operation {name} yet"))
}

fn success(status: u16, answer: Answer) -> Result<Response<Body>, Fault> {
    let (content_type, disposition, content) = match answer {
        Answer::Empty => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return Ok(response);
        }
        Answer::Json(value) => {
            ("application/json".to_owned(), String::new(), value.to_string().into())
        }
        Answer::File { content_type, disposition, content } => (content_type, disposition, content),
    };
    let mut response = Response::new(Body::from(content));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let fields = [(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)];
    for (name, value) in fields {
        if value.is_empty() {
            continue;
        }
        let value = HeaderValue::from_str(&value).map_err(|_| Fault::internal())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
