//! What is remembered of a finished request: counters and its access log line.

use crate::control::mailbox::FromShard;
use crate::exchange::endpoint_request_id;
use crate::exchange::event::{Authorized, Prefix};
use crate::exchange::{Exchange, ExecutionLog, Failure, Granted, Ids, Refusal, Trace};
use crate::http::{Field, Known};
use crate::snapshot::managed::AccessLogging;
use crate::snapshot::{Api, ApiIndex, Integration, Protocol, RouteIndex, Snapshot};
use crate::telemetry::LogBatch;
use crate::telemetry::access_log::{Facts, Format, LogBuffer};
use crate::telemetry::fields::RateLimiter;
use crate::telemetry::ids::Uuid;
use crate::telemetry::stage_counts::{StageCounter, StageRequest};
use crate::telemetry::stage_log::{StageLogBatch, StageLogBuffer};
use crate::telemetry::{Finished, Recorder};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Texts of a request that its access log line will need when the receive buffer is long gone.
#[derive(Debug, Default)]
pub(super) struct Noted {
    texts: Vec<u8>,
    method: Range<usize>,
    path: Range<usize>,
    host: Range<usize>,
    user_agent: Range<usize>,
    source: Option<IpAddr>,
    routing_rule: Range<usize>,
    /// `X-Amzn-Trace-Id`.
    trace: Range<usize>,
    base_path_bytes: usize,
    granted: Option<Granted>,
    answered: Option<BackEndAnswer>,
    /// Why the gateway answered in place of the back end, once that had answered.
    pub(super) refusal: Option<Refusal>,
}

/// What a log may say of a back end's answer.
#[derive(Debug)]
struct BackEndAnswer {
    status: u16,
    request_id: Range<usize>,
    request_id_2: Range<usize>,
    to_headers: Duration,
    to_content: Option<Duration>,
}

impl Noted {
    pub(super) fn of(exchange: &Exchange<'_>) -> Self {
        let mut noted = Self::default();
        noted.method = noted.keep(exchange.method.as_bytes());
        noted.path = noted.keep(&exchange.context_path());
        noted.host = noted.keep(exchange.head.host.unwrap_or_default());
        noted.user_agent = noted.keep(user_agent(exchange));
        noted.source = Some(exchange.source_address());
        noted.base_path_bytes = base_path_bytes(exchange);
        noted.routing_rule = noted.keep(exchange.routing_rule.unwrap_or_default().as_bytes());
        noted.trace = noted.keep(Trace::of(exchange).as_bytes());
        noted.granted = exchange.granted.cloned();
        noted
    }

    /// The back end's head is complete, so long after it was asked.
    pub(super) fn answered(&mut self, status: u16, fields: &[Field<'_>], latency: Duration) {
        let other = fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"x-amz-id-2"));
        let request_id = self.keep(endpoint_request_id(fields).unwrap_or_default());
        let request_id_2 = self.keep(other.map_or(&b""[..], |field| field.value));
        let to_headers = latency;
        self.answered =
            Some(BackEndAnswer { status, request_id, request_id_2, to_headers, to_content: None });
    }

    /// The function has answered, so long after it was asked; Lambda's own word is 200, also about one
    /// that failed.
    pub(super) fn answered_by_function(&mut self, request_id: &[u8], latency: Duration) {
        let request_id = self.keep(request_id);
        self.answered = Some(BackEndAnswer {
            status: 200,
            request_id,
            request_id_2: 0..0,
            to_headers: latency,
            to_content: None,
        });
    }

    /// A piece of the back end's content has come, so long after it was asked.
    pub(super) fn content_came(&mut self, latency: Duration) {
        if let Some(answered) = &mut self.answered {
            answered.to_content.get_or_insert(latency);
        }
    }

    fn keep(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        start..self.texts.len()
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.texts[self.method.clone()],
            path: Cow::Borrowed(&self.texts[self.path.clone()]),
            host: &self.texts[self.host.clone()],
            user_agent: &self.texts[self.user_agent.clone()],
            source: self.source,
            base_path_bytes: self.base_path_bytes,
            authorized: self.granted.as_ref().map_or(Authorized::Silent, Granted::tell),
            routing_rule: &self.texts[self.routing_rule.clone()],
            trace: &self.texts[self.trace.clone()],
            answered: self.answered.as_ref().map_or_else(Answered::default, |it| Answered {
                status: Some(it.status),
                request_id: &self.texts[it.request_id.clone()],
                request_id_2: &self.texts[it.request_id_2.clone()],
                to_headers: Some(it.to_headers),
                to_content: it.to_content,
            }),
            authorized_by: self.granted.as_ref().and_then(|granted| granted.request_id.as_ref()),
            failure: None,
        }
    }
}

/// How much of the path is what a domain name maps; a stage's name in it is none of that.
fn base_path_bytes(exchange: &Exchange<'_>) -> usize {
    match Prefix::of(exchange) {
        Prefix::BasePath(base_path) => base_path.len(),
        Prefix::Nothing | Prefix::Stage => 0,
    }
}

fn user_agent<'x>(exchange: &Exchange<'x>) -> &'x [u8] {
    exchange
        .fields
        .iter()
        .find(|field| field.known == Known::UserAgent)
        .map_or(&b""[..], |field| field.value)
}

/// The request's own texts, for the access log.
#[derive(Debug, Clone, Default)]
pub(super) struct Request<'r> {
    method: &'r [u8],
    path: Cow<'r, [u8]>,
    host: &'r [u8],
    user_agent: &'r [u8],
    source: Option<IpAddr>,
    base_path_bytes: usize,
    authorized: Authorized<'r>,
    routing_rule: &'r [u8],
    trace: &'r [u8],
    pub(super) answered: Answered<'r>,
    /// The invocation of an authorizer's function, where it let the request pass.
    authorized_by: Option<&'r Uuid>,
    /// What let it not pass.
    failure: Option<&'r Failure>,
}

/// What is known of a back end's answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answered<'r> {
    pub(super) status: Option<u16>,
    pub(super) request_id: &'r [u8],
    request_id_2: &'r [u8],
    pub(super) to_headers: Option<Duration>,
    pub(super) to_content: Option<Duration>,
}

impl<'r> Request<'r> {
    /// Of an exchange whose head is still there.
    pub(super) fn of(exchange: &Exchange<'r>, trace: &'r Trace) -> Self {
        Self {
            method: exchange.method.as_bytes(),
            path: exchange.context_path(),
            host: exchange.head.host.unwrap_or_default(),
            user_agent: user_agent(exchange),
            source: Some(exchange.source_address()),
            base_path_bytes: base_path_bytes(exchange),
            authorized: exchange.authorized(),
            routing_rule: exchange.routing_rule.unwrap_or_default().as_bytes(),
            trace: trace.as_bytes(),
            answered: Answered::default(),
            authorized_by: exchange.granted.and_then(|granted| granted.request_id.as_ref()),
            failure: None,
        }
    }

    /// Of one that was answered so by the gateway itself.
    pub(super) fn failed(self, failure: Option<&'r Failure>) -> Self {
        Self { failure, ..self }
    }

    /// Of one whose texts were kept.
    pub(super) fn kept(noted: Option<&'r Noted>) -> Self {
        noted.map_or_else(Self::default, Noted::request)
    }
}

/// What is known of an authorizer's answer.
#[derive(Debug, Clone, Copy, Default)]
struct AuthorizerFacts<'r> {
    status: Option<u16>,
    integration_status: Option<u16>,
    request_id: &'r str,
    error: &'r str,
    latency: Option<Duration>,
    /// What its verdict means for the request, where there is one.
    decided: Option<u16>,
    /// In what words it refuses it.
    denial: &'r str,
}

impl<'r> AuthorizerFacts<'r> {
    /// `latency` is that of one that let the request pass.
    fn of(request: &Request<'r>, latency: Option<Duration>, protocol: Option<Protocol>) -> Self {
        let is_denial = |failure: &Failure| {
            matches!(failure.refusal, Refusal::AccessDenied | Refusal::DeniedExplicitly)
        };
        let id = |id: Option<&'r Uuid>| id.map_or("", Uuid::as_str);
        // Lambda's own word is 200, whatever the function says.
        let lambda = |is_answered: bool| is_answered.then_some(200);
        if latency.is_some() {
            return Self {
                status: Some(200),
                integration_status: lambda(request.authorized_by.is_some()),
                request_id: id(request.authorized_by),
                error: "",
                latency,
                decided: Some(200),
                denial: "",
            };
        }
        let failure = request.failure.and_then(|it| Some((it, it.authorizer.as_deref()?)));
        failure.map_or_else(Self::default, |(failure, outcome)| Self {
            status: Some(failure.refusal.status(Some(Protocol::Rest))),
            integration_status: lambda(outcome.is_answered),
            request_id: id(outcome.request_id.as_ref()),
            error: failure.refusal.message(Some(Protocol::Rest)),
            latency: Some(outcome.latency),
            decided: is_denial(failure).then_some(403),
            denial: if is_denial(failure) { failure.refusal.message(protocol) } else { "" },
        })
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'o> {
    pub(super) finished: Finished,
    pub(super) ids: &'o Ids,
    pub(super) request_time: Duration,
    pub(super) is_http10: bool,
    /// What a function said, where that is not what Lambda said.
    pub(super) function_status: Option<u16>,
    pub(super) validation_error: &'o str,
    pub(super) integration_error: &'o str,
    pub(super) error_message: &'o str,
    pub(super) error_response_type: &'o str,
    pub(super) tls_version: &'o str,
    pub(super) cipher_suite: &'o str,
}

/// Whether an API's requests are written to an access log.
#[inline]
pub(super) fn is_logged(api: &Api) -> bool {
    api.access_log.is_some() || access_logging(api).is_some()
}

/// The access log of a managed stage.
#[inline]
fn access_logging(api: &Api) -> Option<&AccessLogging> {
    api.shared.as_deref()?.logging.as_deref()?.access.as_ref()
}

/// How a route's answer comes to its clients, for REST APIs: those of mocks have no such thing.
fn transfer_mode(integration: &Integration) -> &'static str {
    let is_streamed = match integration {
        Integration::HttpProxy(proxy) => proxy.is_streamed,
        Integration::Lambda(lambda) => lambda.facts.streams.is_some(),
        Integration::Mapped(mapped) if mapped.proxy.is_none() && mapped.function.is_none() => {
            return "";
        }
        Integration::Mapped(_) => false,
        Integration::Mock(_) | Integration::Misconfigured => return "",
    };
    if is_streamed { "STREAMED" } else { "BUFFERED" }
}

/// `Root=1-…;Parent=…;Sampled=0` without what is behind the root.
pub(super) fn root_of(trace: &str) -> &str {
    let root = trace.split(';').find(|part| part.starts_with("Root="));
    root.unwrap_or(trace)
}

/// A time since 1970 as in RFC 3339, in milliseconds.
fn push_time(out: &mut Vec<u8>, since_epoch: Duration) {
    let millis = i64::try_from(since_epoch.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let _ = write!(out, "{time:.3}");
}

/// A message on one line: a client must not be able to write lines of its own.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' | b' '..=b'~' | 0x80.. => out.push(byte),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
}

/// At most one warning about back ends per second and shard; the next one says how many were not
/// shown.
const WARNING_PERIOD: Duration = Duration::from_secs(1);

/// One shard's counters and log buffers.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) recorder: Recorder,
    /// By `AccessLogIndex` of the snapshot served now.
    formats: Vec<Option<Format>>,
    buffers: Vec<LogBuffer>,
    /// First series of each API's routes.
    route_bases: Vec<u32>,
    source_text: String,
    /// Counts of managed stages.
    pub(super) stages: StageCounter,
    /// Lines of managed stages.
    stage_lines: StageLogBuffer,
    /// Bounds the warnings about back ends.
    pub(super) warnings: RateLimiter,
}

impl Record {
    pub(super) fn new(shard: usize) -> Self {
        Self {
            recorder: Recorder::new(shard),
            formats: Vec::new(),
            buffers: Vec::new(),
            route_bases: Vec::new(),
            source_text: String::new(),
            stages: StageCounter::new(),
            stage_lines: StageLogBuffer::default(),
            warnings: RateLimiter::new(WARNING_PERIOD),
        }
    }

    /// Follows a new snapshot. Lines of the old one are handed out first.
    pub(super) fn follow(
        &mut self,
        snapshot: &Snapshot,
        send: impl FnMut(LogBatch) -> Result<(), FromShard>,
    ) {
        self.flush_logs(None, send);
        // A format that does not parse was refused when the model was read.
        let formats = snapshot.access_logs.iter().map(|log| Format::parse(&log.format).ok());
        self.formats = formats.collect();
        let destinations = snapshot.access_logs.iter().map(|log| log.writer_destination().id());
        self.buffers = destinations.map(LogBuffer::new).collect();
        self.route_bases.clear();
        let mut routes = 0;
        for api in &snapshot.apis {
            self.route_bases.push(routes);
            routes += api.routes.len() as u32;
        }
        self.recorder.set_series(crate::telemetry::SeriesLayout {
            version: snapshot.version,
            apis: snapshot.apis.len() as u32,
            routes,
            upstreams: snapshot.upstreams.len() as u32,
        });
    }

    /// The series of an API and its route. `None` is an API that is not in the file: it is counted
    /// among those that have no series of their own.
    #[inline]
    pub(super) fn series(
        &self,
        api: Option<ApiIndex>,
        route: Option<RouteIndex>,
    ) -> (u32, Option<u32>) {
        match api {
            None => (u32::MAX, route.map(|_| u32::MAX)),
            Some(api) => {
                let base = self.route_bases.get(api.0 as usize);
                (api.0, base.zip(route).map(|(base, route)| base + route.0))
            }
        }
    }

    /// Hands out log batches that are due at `now`; all of them without a time. What is not taken is
    /// lost and counted: a shard never waits for a log.
    #[inline]
    pub(super) fn flush_logs(
        &mut self,
        now: Option<Instant>,
        mut send: impl FnMut(LogBatch) -> Result<(), FromShard>,
    ) {
        for buffer in &mut self.buffers {
            let batch = match now {
                Some(now) => buffer.take_due(now),
                None => buffer.take(),
            };
            if let Some(batch) = batch
                && let Err(FromShard::Log(batch)) = send(batch)
            {
                buffer.drop_batch(batch);
                self.recorder.log_lines_dropped(buffer.take_dropped());
            }
        }
    }

    /// As [`Record::flush_logs`], for the lines of managed stages.
    #[inline]
    pub(super) fn flush_stage_lines(
        &mut self,
        now: Option<Instant>,
        send: impl FnOnce(StageLogBatch) -> Result<(), FromShard>,
    ) {
        if let Some(batch) = self.stage_lines.take(now)
            && let Err(FromShard::StageLog(batch)) = send(batch)
        {
            self.recorder.log_lines_dropped(batch.count());
        }
    }

    /// Counts a request of a managed stage for it.
    pub(super) fn count_stage(
        &mut self,
        api: &Api,
        route: Option<RouteIndex>,
        finished: &Finished,
    ) {
        let Some(shared) = api.shared.as_deref() else { return };
        let is_detailed = |index: &RouteIndex| shared.detailed.get(index.0 as usize) == Some(&true);
        self.stages.add(&StageRequest {
            api_id: &api.id,
            api: &api.name,
            stage: &api.stage,
            method: route.filter(is_detailed).map(|index| &*api.route(index).key),
            status: finished.status,
            latency: finished.latency,
            integration_latency: finished.integration_latency,
        });
    }

    /// Appends what a request of a managed stage has told to its execution log.
    pub(super) fn execution(
        &mut self,
        group: &Arc<str>,
        request_id: &str,
        log: &ExecutionLog,
        now: Instant,
    ) {
        let count = log.lines().count() as u32;
        self.stage_lines.append(now, group, count, |out| {
            for (since_epoch, text, end) in log.lines() {
                push_time(out, since_epoch);
                let _ = write!(out, " ({request_id}) ");
                push_text(out, text);
                out.extend_from_slice(end.as_bytes());
                out.push(b'\n');
            }
        });
        self.recorder.log_lines(u64::from(count));
    }

    /// When the next log batch is due.
    pub(super) fn logs_due(&self) -> Option<Instant> {
        let buffers = self.buffers.iter().filter_map(LogBuffer::due_at);
        buffers.chain(self.stage_lines.due_at()).min()
    }

    /// Appends the access log line of a request, when its API wants one.
    pub(super) fn log(
        &mut self,
        api: &Api,
        request: &Request<'_>,
        outcome: &Outcome<'_>,
        route: Option<u32>,
        now: Instant,
    ) {
        let shared = api.shared.as_deref();
        self.source_text.clear();
        if let Some(source) = request.source {
            let _ = write!(self.source_text, "{source}");
        }
        let route = route.and_then(|route| api.routes.get(route as usize));
        let route_key = route.map_or("", |route| &route.key);
        let base_path = request.path.get(..request.base_path_bytes).unwrap_or_default();
        let base_path = base_path.strip_prefix(b"/").unwrap_or(base_path);
        let finished = &outcome.finished;
        let (principal_id, values, authorizer_latency) = match request.authorized {
            Authorized::Lambda { principal_id, context, latency, .. } => {
                (principal_id.unwrap_or_default(), &*context.entries, Some(latency))
            }
            Authorized::Silent | Authorized::Jwt { .. } => ("", Default::default(), None),
        };
        let authorizer = AuthorizerFacts::of(request, authorizer_latency, Some(api.protocol));
        let facts = Facts {
            authorize_status: authorizer.decided,
            authorize_error: authorizer.denial,
            authorizer_status: authorizer.status,
            authorizer_integration_status: authorizer.integration_status,
            authorizer_request_id: authorizer.request_id,
            authorizer_error: authorizer.error,
            account_id: shared.map_or("", |shared| &shared.account_id),
            deployment_id: shared.map_or("", |shared| &shared.deployment_id),
            is_canary: shared.and_then(|shared| shared.is_canary),
            resource_id: route.map_or("", |route| &route.resource_id),
            function_status: outcome.function_status,
            validation_error: outcome.validation_error,
            authorizer_principal_id: principal_id,
            authorizer_values: values,
            authorizer_latency: authorizer.latency,
            api_id: &api.id,
            stage: &api.stage,
            resource_path: route_key.split_once(' ').map_or(route_key, |(_, path)| path),
            route_key,
            request_id: match outcome.ids.is_replaced {
                true => "UUID_REPLACED_INVALID_REQUEST_ID",
                false => outcome.ids.context_id(api.protocol),
            },
            extended_request_id: outcome.ids.extended.as_str(),
            http_method: request.method,
            path: &request.path,
            protocol: if outcome.is_http10 { "HTTP/1.0" } else { "HTTP/1.1" },
            domain_name: crate::http::authority::host(request.host),
            source_ip: &self.source_text,
            user_agent: request.user_agent,
            base_path_matched: std::str::from_utf8(base_path).unwrap_or_default(),
            routing_rule_matched: std::str::from_utf8(request.routing_rule).unwrap_or_default(),
            endpoint_type: shared.map_or("REGIONAL", |shared| shared.endpoint_type),
            tls_version: outcome.tls_version,
            cipher_suite: outcome.cipher_suite,
            request_time: outcome.request_time,
            status: finished.status,
            response_length: finished.response_bytes,
            response_latency: finished.latency,
            data_processed: Some(finished.request_bytes + finished.response_bytes),
            integration_status: request.answered.status,
            integration_request_id: request.answered.request_id,
            integration_request_id_2: request.answered.request_id_2,
            time_to_all_headers: request.answered.to_headers,
            time_to_first_content: request.answered.to_content,
            response_transfer_mode: route.map_or("", |route| transfer_mode(&route.integration)),
            xray_trace_id: std::str::from_utf8(request.trace).map_or("", root_of),
            integration_latency: finished.integration_latency,
            integration_error: outcome.integration_error,
            error_message: outcome.error_message,
            error_response_type: outcome.error_response_type,
        };
        match (api.access_log, access_logging(api)) {
            (Some(log), _) => {
                let index = log.0 as usize;
                if let (Some(Some(format)), Some(buffer)) =
                    (self.formats.get(index), self.buffers.get_mut(index))
                {
                    buffer.append(now, |line| format.write(&facts, line));
                    self.recorder.log_lines(1);
                }
            }
            (None, Some(logging)) => {
                for group in logging.groups.all() {
                    self.stage_lines
                        .append(now, group, 1, |line| logging.format.write(&facts, line));
                    self.recorder.log_lines(1);
                }
            }
            (None, None) => {}
        }
    }
}
