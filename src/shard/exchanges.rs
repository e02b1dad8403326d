//! What the shard keeps of a request that a back end is answering.

use super::kept::{Kept, KeptAnswer};
use super::remote::RemoteCall;
use super::timers::Deadline;
use super::upstream::pool::TargetIndex;
use crate::exchange::integrate::http_proxy::HostPlace;
use crate::exchange::respond::ResponseFraming;
use crate::exchange::{Ids, Origin};
use crate::http::{RequestKind, Version};
use crate::ring::SlotId;
use crate::snapshot::managed::{AnswerEdits, Release, ResponseMapping};
use crate::snapshot::{
    Api, ApiIndex, HttpProxy, Integration, ManagedStage, Protocol, RouteIndex, Snapshot,
};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Request bytes kept for another try: the head and small content. Larger content is sent as it
/// arrives and cannot be sent again.
pub(super) const REPLAY_BYTES_MAX: usize = 16 * 1024;

/// A request that a back end is to answer.
#[derive(Debug)]
pub(super) struct Proxied {
    pub(super) client: SlotId,
    /// The configuration it is served by, to its end.
    pub(super) snapshot: Rc<Snapshot>,
    pub(super) api: ServedBy,
    pub(super) route: RouteIndex,
    pub(super) protocol: Protocol,
    pub(super) ids: Ids,
    /// `X-Amzn-Trace-Id`, where the client is told as soon as the back end answers.
    pub(super) trace: Option<Box<[u8]>>,
    pub(super) client_version: Version,
    /// Whether the back end's answer has content: the integration may name another method than the
    /// client's.
    pub(super) kind: RequestKind,
    /// Whether the client's answer has content.
    pub(super) client_kind: RequestKind,
    /// Whether the method may be sent twice without doing twice (RFC 9110 section 9.2.2).
    pub(super) is_idempotent: bool,
    /// Whether the client's connection may stay open behind the answer.
    pub(super) persistent: bool,
    /// Whether the request's content is sent in chunks.
    pub(super) request_is_chunked: bool,
    /// Head and content so far, as the back end gets them, but for the `Host` field.
    pub(super) request: Vec<u8>,
    pub(super) host_place: HostPlace,
    /// Whether `request` holds everything that was sent, so that it can be sent again.
    pub(super) can_replay: bool,
    pub(super) hash: Option<Box<[u8]>>,
    pub(super) pool: SlotId,
    pub(super) backend: Option<SlotId>,
    pub(super) stage: Stage,
    pub(super) avoid: Option<TargetIndex>,
    pub(super) attempts: u32,
    /// Whether the one free retry after a stale connection is used up.
    pub(super) stale_retried: bool,
    pub(super) started: Instant,
    /// When it was first handed to a back end.
    pub(super) handed_over: Option<Instant>,
    pub(super) timeout: Duration,
    pub(super) deadline: Deadline,
    pub(super) framing: ResponseFraming,
    pub(super) status: u16,
    pub(super) integration_latency: Option<Duration>,
    /// Bytes of content so far.
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) log: Option<Box<super::noted::Noted>>,
    /// The client's request, where its answer or its failure needs it.
    pub(super) kept: Option<Box<Kept>>,
    /// The invocation that it is where there is no client.
    pub(super) remote: Option<Box<RemoteCall>>,
    /// Field lines that every answer gets, where the API has rules for browsers.
    pub(super) cors: Option<Box<[u8]>>,
    /// What it tells of its way.
    pub(super) execution: Option<Box<super::execution::Execution>>,
}

/// The API that a request is served by, kept as it was when the request came.
#[derive(Debug)]
pub(super) enum ServedBy {
    /// One of the request's snapshot.
    File(ApiIndex),
    /// A stage made through the management API.
    Managed(Rc<ManagedStage>, Release),
}

impl ServedBy {
    pub(super) fn of(origin: Origin<'_>) -> Self {
        match origin {
            Origin::File(index) => Self::File(index),
            Origin::Managed(stage, release) => Self::Managed(Rc::clone(stage), release),
        }
    }

    /// The API itself.
    pub(super) fn api<'a>(&'a self, snapshot: &'a Snapshot) -> &'a Api {
        match self {
            Self::File(index) => snapshot.api(*index),
            Self::Managed(stage, release) => stage.api(*release),
        }
    }

    /// The number of an API of the file.
    pub(super) fn index(&self) -> Option<ApiIndex> {
        match self {
            Self::File(index) => Some(*index),
            Self::Managed(..) => None,
        }
    }
}

impl Proxied {
    /// Whether the back end's answer is kept until it is complete.
    pub(super) fn keeps_answer(&self) -> bool {
        self.remote.is_some() || self.kept.as_ref().is_some_and(|kept| kept.answer.is_some())
    }

    /// The answer that is kept.
    pub(super) fn kept_answer(&mut self) -> Option<&mut KeptAnswer> {
        match (&mut self.remote, &mut self.kept) {
            (Some(call), _) => Some(&mut call.answer),
            (None, Some(kept)) => kept.answer.as_deref_mut(),
            (None, None) => None,
        }
    }

    /// Whether the back end is an AWS service.
    pub(super) fn is_of_service(&self) -> bool {
        let ServedBy::Managed(stage, release) = &self.api else { return false };
        let proxy = match &stage.api(*release).route(self.route).integration {
            Integration::HttpProxy(proxy) => Some(proxy),
            Integration::Mapped(mapped) => mapped.proxy.as_deref(),
            _ => None,
        };
        proxy.is_some_and(|proxy| proxy.service.is_some())
    }

    /// Notes that a piece of the back end's content has come, where a log wants to know.
    #[inline]
    pub(super) fn note_content(&mut self, now: Instant) {
        if let Some(log) = &mut self.log {
            let since = self.handed_over.unwrap_or(self.started);
            log.content_came(now.saturating_duration_since(since));
        }
    }

    /// Keeps the answer, which is about to begin, until it is complete. Where the request is not kept it
    /// cannot be: what is to be made of the answer needs both.
    pub(super) fn keep_answer(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.answer.get_or_insert_default();
        }
    }

    /// How the answer is made where it is not passed through as it is.
    pub(super) fn answer_rules(&self) -> Option<AnswerRules> {
        let ServedBy::Managed(stage, release) = &self.api else { return None };
        let rules = AnswerRules { stage: Rc::clone(stage), release: *release, route: self.route };
        rules
            .proxy()
            .is_some_and(|proxy| proxy.response.is_some() || proxy.edits.is_some())
            .then_some(rules)
    }
}

/// What is done to an answer, with the stage that says so.
pub(super) struct AnswerRules {
    stage: Rc<ManagedStage>,
    release: Release,
    route: RouteIndex,
}

impl AnswerRules {
    fn proxy(&self) -> Option<&HttpProxy> {
        match &self.stage.api(self.release).route(self.route).integration {
            Integration::HttpProxy(proxy) => Some(proxy),
            _ => None,
        }
    }

    /// The answers that a REST API's method declares.
    pub(super) fn mapping(&self) -> Option<&ResponseMapping> {
        self.proxy()?.response.as_deref()
    }

    /// What an HTTP API changes of an answer with that status.
    pub(super) fn edits(&self, status: u16) -> Option<&AnswerEdits> {
        self.proxy()?.edits.as_ref()?.of_status(status)
    }
}

/// How far a proxied request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its head is written; nothing was sent.
    Prepared,
    /// It waits for the time of its first or next try.
    Pausing,
    /// It waits in the pool's queue for a connection.
    Waiting,
    /// A connection is being made for it.
    Connecting,
    /// It is being sent, or was; the response has not begun.
    Sent,
    /// The client has the response's head.
    Answering,
}
