//! Trial: one request that no client sent, run through the phases that a shard runs, with every step
//! told (TestInvokeMethod).
//!
//! ```text
//! Trial::new --begin--> Next::Answered
//!                   \-> Next::BackEnd(Call)  --(somebody sends it)--> back_end_answered
//!                   \-> Next::Function(Call) --(somebody invokes it)--> function_answered
//!                   \-> Next::Key(role)      --(somebody finds its key pair)--> key_found --> Next
//! ```
//! The request is written down as a client would send it and read back, so there is one way from a head
//! to an answer. Who sends and waits is not for here: no socket, no clock.

mod answer;
mod call;
mod question;
mod step;

pub use answer::{AnswerReader, BadAnswer, CONTENT_BYTES_MAX};
pub use call::{
    BackEndCall, BackEndFault, ClientIdentity, FunctionFault, FunctionRequest, FunctionResult,
};

pub use question::Question;

use super::execution_log::{Asked, DataTrace, limits_of};
use super::integrate::service::{Keyring, NoKey};
use super::transform::Overrides;
use super::{
    Admitted, ClientFacts, Exchange, ExecutionLog, Failure, Ids, Origin, Refusal, Trace,
    gateway_response,
};
use crate::http::field::{is_token_byte, is_value_byte};
use crate::http::{self, Fields, Known};
use crate::snapshot::managed::{Plan, Release};
use crate::snapshot::service::RoleCredentials;
use crate::snapshot::{
    Function, Lambda, Managed, ManagedStage, PathParameters, Protocol, Route, RouteIndex, Snapshot,
    Upstream,
};
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use step::Step;

/// The host that test calls ask for, as on Amazon.
pub const DOMAIN_NAME: &str = "testPrefix.testDomainName";

/// What is tried, and with which request.
#[derive(Debug)]
pub struct Tried {
    /// The gateway's settings.
    pub snapshot: Snapshot,
    /// A stage of one route: the method as it is declared now.
    pub stage: ManagedStage,
    /// The back ends of that stage.
    pub upstreams: Vec<Upstream>,
    /// What cannot be served of it.
    pub problems: Vec<String>,
    /// What is around its integration; `None`: an integration that needs none.
    pub plan: Option<Plan>,
    /// The method.
    pub verb: String,
    /// The path as given.
    pub path: String,
    /// The query string as given.
    pub query: Option<String>,
    /// The path's values, by the order of the route's parameters; empty where the path is another's.
    pub parameters: Vec<String>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Headers as the log shows them.
    pub shown_headers: Vec<(String, String)>,
    /// Content.
    pub body: Bytes,
    /// What back ends are shown.
    pub client_identity: Option<ClientIdentity>,
    /// Random words for ids.
    pub random: [u64; 4],
    /// Since 1970.
    pub received: Duration,
}

/// What is to be done for a trial.
#[derive(Debug)]
pub enum Next {
    /// Nothing more.
    Answered(Answered),
    /// A back end is to be asked.
    BackEnd(Box<BackEndCall>),
    /// A function is to be invoked.
    Function(FunctionRequest),
    /// The key pair of this role is to be found: an AWS service is asked in its name.
    Key(Box<str>),
}

/// What came of a trial.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// Of the method response.
    pub status: u16,
    /// Of the method response.
    pub headers: Vec<(String, String)>,
    /// Of the method response.
    pub body: String,
}

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    tried: Tried,
    ids: Ids,
    raw: Vec<u8>,
    log: ExecutionLog,
    overrides: Option<Overrides>,
    keys: Keys,
    now: Duration,
}

/// Who signs what is sent to AWS services.
#[derive(Debug, Default)]
struct Keys {
    keyring: Keyring,
    /// Why there is no other pair, once one was looked for.
    missing: Option<NoKey>,
}

impl Trial {
    /// A trial that has not begun.
    ///
    /// # Errors
    /// Its request is none that a client could send.
    pub fn new(tried: Tried) -> Result<Self, &'static str> {
        if !tried.verb.bytes().all(is_token_byte) {
            return Err("the method is none");
        }
        let mut raw = Vec::with_capacity(256);
        raw.extend_from_slice(tried.verb.as_bytes());
        raw.push(b' ');
        write_target(&tried.path, &mut raw);
        if let Some(query) = &tried.query {
            raw.push(b'?');
            write_target(query, &mut raw);
        }
        raw.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        raw.extend_from_slice(DOMAIN_NAME.as_bytes());
        raw.extend_from_slice(b"\r\n");
        for (name, value) in &tried.headers {
            let is_name = !name.is_empty() && name.bytes().all(is_token_byte);
            if !is_name || !value.bytes().all(is_value_byte) {
                return Err("a header is none");
            }
            http::write::field(&mut raw, name.as_bytes(), value.as_bytes());
        }
        if !tried.body.is_empty() {
            raw.extend_from_slice(b"content-type: application/json\r\n");
            http::write::content_length(&mut raw, tried.body.len() as u64);
        }
        raw.extend_from_slice(b"\r\n");
        let mut fields = Fields::new();
        match http::request_head(&raw, &mut fields, &limits_of(&raw)) {
            Ok(Some(head)) if head.head_bytes == raw.len() => {}
            Ok(_) => return Err("it ends in the middle"),
            Err(refused) => return Err(refused.cause()),
        }
        drop(fields);
        Ok(Self {
            ids: Ids::new(tried.random),
            raw,
            log: ExecutionLog::new(DataTrace::On),
            overrides: None,
            keys: Keys::default(),
            now: tried.received,
            tried,
        })
    }

    /// `x-amzn-RequestId`.
    pub fn request_id(&self) -> &str {
        self.ids.request.as_str()
    }

    /// What has been told so far.
    pub fn log(&self) -> &ExecutionLog {
        &self.log
    }

    /// Runs the phases up to the integration. `permitted` asks whether a function lets the API invoke
    /// it.
    pub fn begin(&mut self, permitted: impl Fn(&Lambda) -> Option<Function>) -> Next {
        let asked = asked(&self.tried, self.ids);
        asked.tell(&self.tried, self.now, &mut self.log);
        self.run(&permitted)
    }

    /// Goes on with a role's key pair: the phases run once more, and none of them told anything the
    /// first time.
    pub fn key_found(&mut self, found: Result<RoleCredentials, NoKey>) -> Next {
        self.keys.missing = Some(found.as_ref().err().copied().unwrap_or(NoKey::Unknown));
        self.keys.keyring.replace(found.into_iter().collect());
        // Whoever needs a key asks a service and no function.
        self.run(&|_| None)
    }

    fn run(&mut self, permitted: &dyn Fn(&Lambda) -> Option<Function>) -> Next {
        let made = self.with_exchange(|exchange, route, step| step.run(exchange, route, permitted));
        match made.unwrap_or_else(|| Err(Refusal::Internal.into())) {
            Ok(next) => next,
            Err(failure) => Next::Answered(self.fail(&failure)),
        }
    }

    /// Goes on with what a back end said. `now`: since 1970.
    pub fn back_end_answered(
        &mut self,
        result: Result<AnswerReader, BackEndFault>,
        latency: Duration,
        now: Duration,
    ) -> Answered {
        self.now = now;
        let read = match result {
            Ok(read) => read,
            Err(fault) => return self.fail(&fault.failure()),
        };
        let made = self.with_exchange(|exchange, route, step| {
            step.back_end_answered(exchange, route, &read, latency)
        });
        let made = made.unwrap_or_else(|| Err(Refusal::Internal.into()));
        made.unwrap_or_else(|failure| self.fail(&failure))
    }

    /// Goes on with what a function said. `now`: since 1970.
    pub fn function_answered(
        &mut self,
        result: Result<FunctionResult, FunctionFault>,
        latency: Duration,
        now: Duration,
    ) -> Answered {
        self.now = now;
        let result = match result {
            Ok(result) => result,
            Err(fault) => return self.fail(&fault.failure()),
        };
        self.log.function_response(now, latency, result.has_failed, &result.payload);
        let made = self.with_exchange(|exchange, route, step| {
            step.function_answered(exchange, route, &result)
        });
        let made = made.unwrap_or_else(|| Err(Refusal::Internal.into()));
        made.unwrap_or_else(|failure| self.fail(&failure))
    }

    /// The answer of the gateway itself.
    fn fail(&mut self, failure: &Failure) -> Answered {
        self.log.failed(self.now, failure);
        let told = self.with_exchange(|exchange, _, _| gateway_response::answer(exchange, failure));
        let protocol = Some(Protocol::Rest);
        let answer = told.unwrap_or_else(|| gateway_response::built_in(failure, protocol));
        self.log.completed(self.now, answer.status, false);
        let built_in = gateway_response::built_in(failure, protocol).headers;
        let mut headers = Vec::new();
        for (name, value) in &answer.headers {
            let name = match name.as_slice() {
                b"x-amzn-errortype" => "x-amzn-ErrorType".to_owned(),
                // Amazon shows no type of content that is its own.
                b"content-type" if built_in.contains(&(name.clone(), value.clone())) => continue,
                name => lossy(name),
            };
            headers.push((name, lossy(value)));
        }
        Answered { status: answer.status, headers, body: lossy(&answer.content) }
    }

    /// Reads the request and does something with it. `None`: it could not be read a second time.
    fn with_exchange<T>(
        &mut self,
        act: impl FnOnce(&Exchange<'_>, &Route, &mut Step<'_>) -> T,
    ) -> Option<T> {
        let Self { tried, ids, raw, log, overrides, keys, now } = self;
        let client = ClientFacts {
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, 443)),
            is_tls: true,
            peer_is_trusted: false,
        };
        let mut fields = Fields::new();
        let head = http::request_head(raw, &mut fields, &limits_of(raw)).ok()??;
        let managed = Managed::new([0; 4]);
        let stage = Rc::new(tried.stage.clone());
        let mut exchange = Exchange::new(&tried.snapshot, &managed, &head, &fields, &client, *ids);
        let api = stage.api(Release::Stage);
        exchange.api = Some(Admitted { api, origin: Origin::Managed(&stage, Release::Stage) });
        exchange.protocol = Some(api.protocol);
        exchange.received = tried.received;
        exchange.content = Some(&tried.body);
        exchange.route = Some(RouteIndex(0));
        exchange.parameters = PathParameters::new();
        for value in &tried.parameters {
            exchange.parameters.try_push(value.as_bytes()).ok()?;
        }
        let route = api.routes.first()?;
        let whole = lossy(Trace::of(&exchange).as_bytes());
        let told = fields.iter().find(|field| field.known == Known::XAmznTraceId);
        let begun = told
            .map_or_else(|| Trace::root(&exchange).as_str().to_owned(), |field| lossy(field.value));
        let (trace, begun) = (&*whole, &*begun);
        let mut step = Step { tried, trace, begun, log, overrides, keys, now: *now };
        Some(act(&exchange, route, &mut step))
    }
}

/// A request in the words of its log.
struct Shown {
    request_id: String,
    parameters: Vec<(Arc<str>, String)>,
    query: Vec<(Vec<u8>, Vec<u8>)>,
}

fn asked(tried: &Tried, ids: Ids) -> Shown {
    let names = tried.stage.release.routes.first().map(|route| &*route.parameters);
    let names = names.unwrap_or_default().iter();
    let mut query: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let pairs = super::method_request::query_pairs(tried.query.as_deref().unwrap_or("").as_bytes());
    for (name, value) in pairs {
        let (name, value) = (name.into_owned().into_bytes(), value.into_owned().into_bytes());
        // Of repeated names the last is shown.
        match query.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => query.push((name, value)),
        }
    }
    query.sort();
    Shown {
        request_id: ids.request.as_str().to_owned(),
        parameters: names
            .zip(&tried.parameters)
            .map(|(name, value)| (Arc::from(&**name), value.clone()))
            .collect(),
        query,
    }
}

impl Shown {
    fn tell(&self, tried: &Tried, now: Duration, log: &mut ExecutionLog) {
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
        let query: Vec<_> = self.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let headers = tried.shown_headers.iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let asked = Asked {
            request_id: &self.request_id,
            verb: &tried.verb,
            path: tried.path.as_bytes(),
            parameters: &parameters,
            query: &query,
            headers: &headers,
        };
        log.method_request(now, &asked, &tried.body);
    }
}

/// Writes a path or query string as given, but for bytes that no target may have.
fn write_target(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'!' | b'$'..=b'~' if byte != b'#' => out.push(byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
