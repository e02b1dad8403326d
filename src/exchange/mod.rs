//! One request's way from its head to the answer: the phases in order, one module each.
//!
//! | phase | reads | adds | may answer |
//! |---|---|---|---|
//! | [`admit`] | host, path, size | the API, its stage and release, the base path to strip | 404, 403, 413 |
//! | [`route`] | method, path | the route, its path parameters, a method that overrides | 404 (HTTP), 403 (REST) |
//! | [`authorize`] | who calls, policies, a function's verdict | what was found out about the caller | 401, 403, 500 |
//! | [`validate`] | parameters, content | | 400 |
//! | [`transform`] | the content, the route's templates | the content for the back end; for the client | 400, 415, 500 |
//! | [`integrate`] | the route's integration | a mock's answer, or the request for a back end | 400, 415, 500 |
//! | [`respond`] | a back end's head, or a refusal | the head that the client gets | |
//!
//! [`event`] is no phase: it writes what functions are told, for authorizers and integrations. Neither is
//! [`trace`](mod@trace): it says which trace back ends and clients are told of.
//!
//! A phase is a plain function over an [`Exchange`]: no I/O, no clock, no way back to an earlier
//! phase. What it waits for is the shard's business. Phases that a route does not use are absent from
//! its compiled program (`snapshot::Program`), so a plain proxy route pays for nothing else.

pub mod admit;
pub mod route;
pub mod cors;
pub mod authorize;
pub mod validate;
pub mod transform;
pub mod integrate;
pub mod respond;
pub mod event;
pub mod context;
pub mod gateway_response;
pub mod method_request;
pub mod execution_log;
pub mod trace;
pub mod trial;
mod failure;
mod refusal;

use self::event::{Authorized, Prefix};
use crate::http::{Field, RequestHead};
use crate::snapshot::managed::Release;
use crate::snapshot::{
    Api, ApiIndex, Managed, ManagedStage, PathParameters, Protocol, RouteIndex, Snapshot,
};
use crate::telemetry::ids::{self, ExtendedId, Uuid};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

pub use authorize::{AuthorizerOutcome, Granted};
pub use context::{Context, endpoint_request_id};
pub use execution_log::ExecutionLog;
pub use failure::Failure;
pub use method_request::MethodRequest;
pub use refusal::Refusal;
pub use trace::Trace;

/// One request with everything known about it so far: what came in (never edited), then what the
/// phases derived.
#[derive(Debug, Clone)]
pub struct Exchange<'x> {
    /// The configuration that this request is served by, from its first to its last byte.
    pub snapshot: &'x Snapshot,
    /// The APIs that were made through the management API.
    pub managed: &'x Managed,
    /// The head as received.
    pub head: &'x RequestHead<'x>,
    /// Its fields as received.
    pub fields: &'x [Field<'x>],
    /// Who asks, over what.
    pub client: &'x ClientFacts,
    /// The names of this request.
    pub ids: Ids,
    /// When it came, since 1970.
    pub received: Duration,
    /// How long it has taken since.
    pub waited: Duration,
    /// Its content, once all of it has been read; `None`: it streams past.
    pub content: Option<&'x [u8]>,
    /// Added by `admit`.
    pub api: Option<Admitted<'x>>,
    /// Added by `admit`: in whose words a refusal is told, also where no API is served.
    pub protocol: Option<Protocol>,
    /// Added by `admit`: the rule of a custom domain name that led to the API.
    pub routing_rule: Option<&'x str>,
    /// Added by `admit`: how many bytes of the path are the API's base path.
    pub base_path_bytes: usize,
    /// The method that is asked for: the head's, unless `route` finds that a REST API's client overrides it.
    /// How the answer is framed follows from the head's.
    pub method: &'x str,
    /// Added by `route`.
    pub route: Option<RouteIndex>,
    /// Added by `route`: values of the path parameters, raw, from left to right.
    pub parameters: PathParameters<'x>,
    /// Added by `integrate`, where a service answers at once: its status, for logs.
    pub integrated: Option<u16>,
    /// Added by `authorize`: what let the request pass, where something had to.
    pub granted: Option<&'x Granted>,
}

/// The API that serves a request.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'x> {
    /// Its program.
    pub api: &'x Api,
    /// Where it is from.
    pub origin: Origin<'x>,
}

/// Where an API is from, and what keeps it alive.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'x> {
    /// The file: it lives as long as the snapshot.
    File(ApiIndex),
    /// The management API.
    Managed(&'x Rc<ManagedStage>, Release),
}

impl Admitted<'_> {
    /// The number of an API of the file: those have counters and access logs of their own.
    pub fn index(&self) -> Option<ApiIndex> {
        match self.origin {
            Origin::File(index) => Some(index),
            Origin::Managed(..) => None,
        }
    }
}

/// What is known of a client connection, the same for all of its requests.
#[derive(Debug, Clone, Copy)]
pub struct ClientFacts {
    /// The address at the other end of the connection.
    pub peer: SocketAddr,
    /// The address that was connected to.
    pub local: SocketAddr,
    /// Whether the connection is TLS.
    pub is_tls: bool,
    /// Whether forwarding fields from this peer are believed.
    pub peer_is_trusted: bool,
}

/// What a request is called in answers and logs.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// `x-amzn-RequestId`: a UUID.
    pub request: Uuid,
    /// `x-amz-apigw-id` and `apigw-requestid`.
    pub extended: ExtendedId,
    /// The client gave the request a name that is no UUID: access logs say so.
    pub is_replaced: bool,
}

impl Ids {
    /// `$context.requestId`. HTTP APIs have one name for a request: the one in `apigw-requestid`.
    pub fn context_id(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Rest => self.request.as_str(),
            Protocol::Http => self.extended.as_str(),
        }
    }

    /// Names for one request from four random words.
    pub fn new(random: [u64; 4]) -> Self {
        Self {
            request: ids::uuid([random[0], random[1]]),
            extended: ids::extended_id([random[2], random[3]]),
            is_replaced: false,
        }
    }

    /// With the name that a REST API's client gave its request, if it is a UUID.
    fn named_by(self, told: &[u8]) -> Self {
        match ids::adopted_uuid(told) {
            Some(request) => Self { request, ..self },
            None => Self { is_replaced: true, ..self },
        }
    }
}

impl<'x> Exchange<'x> {
    /// An exchange before its first phase.
    pub fn new(
        snapshot: &'x Snapshot,
        managed: &'x Managed,
        head: &'x RequestHead<'x>,
        fields: &'x [Field<'x>],
        client: &'x ClientFacts,
        ids: Ids,
    ) -> Self {
        Self {
            snapshot,
            managed,
            head,
            fields,
            client,
            ids,
            received: Duration::ZERO,
            waited: Duration::ZERO,
            content: None,
            api: None,
            protocol: None,
            routing_rule: None,
            base_path_bytes: 0,
            method: head.method,
            route: None,
            parameters: PathParameters::new(),
            integrated: None,
            granted: None,
        }
    }

    /// What the route's authorizer found.
    pub fn authorized(&self) -> Authorized<'x> {
        self.granted.map_or(Authorized::Silent, Granted::tell)
    }

    /// A number that no client can guess. (Of a REST API the request's id may be the client's word.)
    pub fn seed(&self) -> u64 {
        let bytes = self.ids.extended.as_bytes();
        bytes.iter().fold(0, |seed: u64, byte| seed.wrapping_mul(31) ^ u64::from(*byte))
    }

    /// The path behind the API's base path, as received. Empty stands for `/`.
    pub fn path(&self) -> &'x [u8] {
        self.head.target.path().get(self.base_path_bytes..).unwrap_or_default()
    }

    /// `$context.path`: where the request came in, with the stage or what a domain name maps, as received;
    /// but whatever stands for the API's own host (`//prod/a`, `/_aws/execute-api/ID/prod/a`) is not told.
    pub fn context_path(&self) -> Cow<'x, [u8]> {
        let received = self.head.target.path();
        let path = self.path();
        match Prefix::of(self) {
            Prefix::BasePath(_) => Cow::Borrowed(received),
            Prefix::Nothing if path.is_empty() => Cow::Borrowed(b"/"),
            Prefix::Nothing => Cow::Borrowed(path),
            Prefix::Stage => {
                let stage = self.api.map_or("", |it| &*it.api.stage).as_bytes();
                let before = &received[..self.base_path_bytes.min(received.len())];
                match before.strip_suffix(stage).and_then(|it| it.strip_suffix(b"/")) {
                    Some(before) if !path.is_empty() => Cow::Borrowed(&received[before.len()..]),
                    _ if path.is_empty() => Cow::Owned([b"/", stage, b"/"].concat()),
                    _ => Cow::Owned([b"/", stage, path].concat()),
                }
            }
        }
    }

    /// The client's address behind trusted proxies: the rightmost hop that is not trusted.
    pub fn source_address(&self) -> IpAddr {
        let peer = self.client.peer.ip();
        if !self.client.peer_is_trusted {
            return peer;
        }
        let trusted = |address: IpAddr| {
            self.snapshot.server.trusted_proxies.iter().any(|net| net.contains(&address))
        };
        let named = crate::http::forwarded::client_by_x_forwarded_for(peer, self.fields, trusted);
        if named == peer {
            crate::http::forwarded::client_by_forwarded(peer, self.fields, trusted)
        } else {
            named
        }
    }
}
