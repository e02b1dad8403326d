//! Functions as they run: what a shard must know to hand out events, and what it takes to start a
//! worker.

use super::managed::{RequestEdits, ResponseEdits};
use crate::aws::policy::Policy;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::model::{Client, EventPlace, FunctionLog, Isolation, Namespaces};
pub use crate::model::{PayloadFormat, Runtime, User};

/// A request handed to a function, its result the answer.
#[derive(Debug, Clone)]
pub struct Lambda {
    /// The ARN of a [`Function`], with its qualifier where one is asked for. It is looked up when a
    /// request comes: functions come and go without the APIs that call them.
    pub function: Box<str>,
    /// Which form events and results have.
    pub payload_format: PayloadFormat,
    /// How long a client waits, for a worker and for the function together; beyond it 504.
    pub timeout: Duration,
    /// Whether the function must permit it ([`Function::permission`]): not where the file says so, and
    /// not where a role is named in whose name it is invoked.
    pub needs_permission: bool,
    /// What its events tell besides the request.
    pub facts: Box<LambdaFacts>,
    /// Parameter mappings of an HTTP API.
    pub edits: Option<Box<LambdaEdits>>,
}

/// What an HTTP API changes of a function's events and answers.
#[derive(Debug, Clone, Default)]
pub struct LambdaEdits {
    /// Of the request that the event tells of.
    pub request: Option<RequestEdits>,
    /// Of answers, by their status.
    pub response: Option<ResponseEdits>,
}

/// What is the same in all events of a route.
#[derive(Debug, Clone, Default)]
pub struct LambdaFacts {
    /// The API's region.
    pub region: Box<str>,
    /// The account: twelve digits.
    pub account_id: Box<str>,
    /// The deployment that the stage points to; REST only.
    pub deployment_id: Box<str>,
    /// The resource; REST only.
    pub resource_id: Box<str>,
    /// The method's operation name; REST only.
    pub operation_name: Option<Box<str>>,
    /// Names and values, those of a canary laid over them.
    pub stage_variables: Box<[(Box<str>, Box<str>)]>,
    /// Whether it is a function URL that leads to it: another permission is asked for.
    pub is_function_url: bool,
    /// What a REST API takes for binary.
    pub binary_media_types: Box<[Box<str>]>,
    /// Where a streamed answer is handed on as it comes: how long it may pause. `None`: clients get
    /// answers whole.
    pub streams: Option<Duration>,
}

/// How long a streamed answer may pause: Amazon's 5 minutes of regional and private APIs.
pub const STREAM_PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

/// The same of edge-optimised APIs.
pub const EDGE_STREAM_PAUSE_MAX: Duration = Duration::from_secs(30);

/// One version of one function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its ARN, with a qualifier unless it is `$LATEST` or the file's: the name by which it is
    /// invoked, and which workers find in `Lambda-Runtime-Invoked-Function-Arn`.
    pub arn: Box<str>,
    /// Where an alias has weights: the version that a share of its invocations run.
    pub other: Option<OtherVersion>,
    /// Changes with everything that workers depend on: those of another key are of no use.
    pub key: Box<str>,
    /// How long one invocation may take, from the moment a worker gets the event.
    pub timeout: Duration,
    /// From the start of a worker to its first request for an event.
    pub init_timeout: Duration,
    /// A worker above `workers_min` without work for so long is ended.
    pub idle_timeout: Duration,
    /// Workers of each shard that are started before anybody asks, and kept.
    pub workers_min: usize,
    /// Most workers of each shard.
    pub workers_max: usize,
    /// Invocations of each shard that may wait for a worker.
    pub queue_max: usize,
    /// Most workers of all shards; the control thread counts them. 0 refuses every invocation.
    pub reserved_concurrency: Option<u32>,
    /// Which APIs may invoke it.
    pub permission: Permission,
    /// What becomes of events that nobody waits for.
    pub events: Arc<EventRules>,
    /// What it takes to start a worker. Shared because shards only pass it on.
    pub launch: Arc<Launch>,
}

/// The second version of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherVersion {
    /// Its ARN: a [`Function`]'s.
    pub arn: Box<str>,
    /// Of 2^64 invocations, how many run it.
    pub share: u64,
}

/// What becomes of events that nobody waits for (`PutFunctionEventInvokeConfig`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRules {
    /// How often one is tried again after the function has failed, 0 to 2.
    pub retries_max: u32,
    /// How old one may become: 60 seconds to six hours.
    pub age_max: Duration,
    /// Where one goes that is given up.
    pub dead_letter: Option<EventTarget>,
    /// And once more.
    pub on_failure: Option<EventTarget>,
    /// Where one goes that the function has taken.
    pub on_success: Option<EventTarget>,
}

/// A destination of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTarget {
    /// What the file says of this ARN.
    Arn(Box<str>),
    /// The file's own word.
    Place(EventPlace),
}

impl EventRules {
    /// Those of a function of the file.
    pub fn of_file(function: &crate::model::Function) -> Self {
        Self {
            retries_max: function.retries_max,
            age_max: function.event_age,
            dead_letter: function.dead_letter.clone().map(EventTarget::Place),
            ..Self::default()
        }
    }
}

impl Default for EventRules {
    /// Lambda's own.
    fn default() -> Self {
        Self {
            retries_max: 2,
            age_max: Duration::from_secs(6 * 3600),
            dead_letter: None,
            on_failure: None,
            on_success: None,
        }
    }
}

/// Which APIs may invoke a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Permission {
    /// All of them.
    Everybody,
    /// None: nothing was said.
    Nobody,
    /// Those of which its policy says so.
    By(Arc<Policy>),
}

/// What it takes to start a worker: the control thread's part of a function.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// The function's name.
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// [`Function::key`], to count workers of all shards.
    pub key: Box<str>,
    /// What runs the code.
    pub runtime: Runtime,
    /// Module and function.
    pub handler: String,
    /// The folder with the code. A relative one is the name of code that was unpacked: the control
    /// thread knows where.
    pub code: PathBuf,
    /// What stands between the Runtime API and the handler; `None` is what holds for all.
    pub client: Option<Client>,
    /// How far workers are kept apart; `None` is what holds for all.
    pub isolation: Option<Isolation>,
    /// Names and values; may hold secrets.
    pub environment: Vec<(String, String)>,
    /// What one worker's processes may hold.
    pub memory_bytes: u64,
    /// The largest file that a worker may write, and most that its temporary folder may hold.
    pub storage_bytes: u64,
    /// Whose processes the workers are; `None` is ringgate's own user.
    pub user: Option<User>,
    /// Where output goes.
    pub log: FunctionLog,
    /// The function's region.
    pub region: String,
    /// Most workers of all shards.
    pub reserved_concurrency: Option<u32>,
}

impl std::fmt::Debug for Launch {
    /// Without values of the environment: they may be secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Launch")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("runtime", &self.runtime)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// What becomes of a function that was made through the Lambda API.
#[derive(Debug, Clone)]
pub enum FunctionChange {
    /// It is served from now on; one of the same ARN is replaced: its workers finish what they do.
    Put(Box<Function>),
    /// It is gone: what waits for it is refused.
    Remove {
        /// [`Function::arn`].
        arn: Box<str>,
    },
}

/// A function's ARN without a qualifier.
pub fn function_arn(region: &str, account_id: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account_id}:function:{name}")
}
