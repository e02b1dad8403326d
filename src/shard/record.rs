//! What is remembered of a finished request: counters and its access log line.

use super::noted::{AuthorizerFacts, Request};
use crate::control::mailbox::FromShard;
use crate::exchange::event::Authorized;
use crate::exchange::{ExecutionLog, Ids};
use crate::snapshot::managed::AccessLogging;
use crate::snapshot::{Api, ApiIndex, Integration, RouteIndex, Snapshot};
use crate::telemetry::LogBatch;
use crate::telemetry::access_log::{Facts, Format, LogBuffer};
use crate::telemetry::fields::RateLimiter;
use crate::telemetry::stage_counts::{StageCounter, StageRequest};
use crate::telemetry::stage_log::{StageLogBatch, StageLogBuffer};
use crate::telemetry::{Finished, Recorder};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
