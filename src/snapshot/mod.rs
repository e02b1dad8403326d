//! The immutable program that a shard runs, compiled from the model.
//!
//! Whatever a request needs to know about the configuration is looked up here, in structures made
//! for being read: one hash probe per host, one per path segment, ready-made bytes for fixed
//! answers. The control thread compiles one snapshot and gives each shard a deep copy of its own, so
//! that shards share no cache line on the request path; a shard swaps its copy between two requests.
//! Nothing in here changes after [`compile`], and nothing in here knows sockets or time.

mod addresses;
mod api;
mod authorizer;
mod compile;
pub mod function;
mod lambda_authorizer;
pub mod managed;
mod mock;
mod path_template;
mod route_table;
pub mod service;
mod upstream;

pub use addresses::Addresses;
pub use api::{Api, HttpProxy, Integration, Phase, Program, Refusing, Route};
pub use authorizer::{
    Authorizer, AuthorizerIndex, HTTP_AUTHORIZER_TIMEOUT, REST_AUTHORIZER_TIMEOUT,
};
use compile::compile_upstream;
pub use compile::{compile, stable_id};
pub use function::{Function, Lambda};
pub use lambda_authorizer::{
    AuthorizerKind, BadAuthorizer, DeclaredAuthorizer, Expression, IdentitySource,
    LambdaAuthorizer, SourceSyntax,
};
pub use managed::{Managed, ManagedDelta, ManagedDomain, ManagedStage};
pub use mock::Mock;
pub use path_template::{DotSegment, PathTemplate, ProxyPath};
pub(crate) use path_template::{encode_text, write_value};
pub use route_table::{PARAMETERS_MAX, PathParameters, RouteTable};
pub use upstream::{Target, Upstream};

pub use crate::model::{
    AccessLog, AccessLogDestination, Balance, Buffers, Certificate, Domain, Eject, Forwarding,
    HashOn, HealthCheck, Limits, Log, LogFormat, Management, Protocol, Retry, RetryOn, Ring,
    Server, StageLogDestination, StageLogs, StatusSet, Timeouts, UpstreamLimits, UpstreamTimeouts,
    UpstreamTls,
};

use crate::telemetry::access_log::Destination;
use crate::telemetry::stage_log::{Place, Places};

/// Position of an API in [`Snapshot::apis`]. Valid only for the snapshot it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiIndex(pub u32);

/// Position of a route in [`Api::routes`]. Valid only for the API it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(pub u32);

/// Position of an upstream in [`Snapshot::upstreams`]. Valid only for the snapshot it came from;
/// what survives a reload is [`Upstream::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamIndex(pub u32);

/// Position of an access log in [`Snapshot::access_logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessLogIndex(pub u32);

/// Everything a shard needs to know of one configuration.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Counts up with every configuration that was put into service, from 1.
    pub version: u64,
    /// Listeners, limits, time-outs, trusted proxies.
    pub server: Server,
    /// Sizes of ring and buffers. Read when a shard starts; a change needs a restart.
    pub ring: Ring,
    /// How ringgate logs about itself.
    pub log: Log,
    /// The management listener.
    pub management: Management,
    /// Where logs of managed APIs' stages are written.
    pub stage_logs: StageLogs,
    /// TLS certificates, chosen by server name.
    pub certificates: Vec<Certificate>,
    /// Which API a host and path belong to.
    pub addresses: Addresses,
    /// Managed APIs answer at `{api-id}.execute-api.{region}.` and one of these.
    pub domain_suffixes: Vec<Box<str>>,
    /// The APIs, by [`ApiIndex`].
    pub apis: Vec<Api>,
    /// The upstreams, by [`UpstreamIndex`].
    pub upstreams: Vec<Upstream>,
    /// The functions of the file.
    pub functions: Vec<Function>,
    /// The access logs, by [`AccessLogIndex`]; APIs that log the same way to the same place share one.
    pub access_logs: Vec<AccessLog>,
}

impl AccessLog {
    /// Where lines go, in telemetry's words.
    pub fn writer_destination(&self) -> Destination {
        match &self.destination {
            AccessLogDestination::Stdout => Destination::Stdout,
            AccessLogDestination::Stderr => Destination::Stderr,
            AccessLogDestination::File(path) => Destination::File(path.clone()),
            AccessLogDestination::SyslogUnix(path) => Destination::SyslogUnix(path.clone()),
            AccessLogDestination::SyslogUdp(address) => Destination::SyslogUdp(*address),
        }
    }
}

impl StageLogs {
    /// Where lines go, in telemetry's words.
    pub fn places(&self) -> Places {
        let own = self.destinations.iter().map(|(name, destination)| {
            let place = match destination {
                StageLogDestination::Stdout => Place::Stdout,
                StageLogDestination::Stderr => Place::Stderr,
                StageLogDestination::File(path) => Place::File(path.clone()),
                StageLogDestination::Off => Place::Nowhere,
            };
            (name.clone(), place)
        });
        Places { folder: self.folder.clone(), own: own.collect() }
    }
}

impl Snapshot {
    /// The API that a request belongs to, and how many bytes of base path to strip from its path.
    ///
    /// `host` is the Host field or the authority of the target, with or without a port. The domain
    /// is chosen first: exact name, then wildcard, then the APIs that declare no domain. Within it
    /// the longest base path that ends at a segment boundary wins; when none does there is no API,
    /// and the APIs without a domain are not asked, so that an internal catch-all never shows up
    /// under a public name (Amazon: "Choose the domain", then the mapping). What is left of a path
    /// after stripping may be empty, which stands for `/`.
    pub fn find_api(&self, host: &[u8], path: &[u8]) -> Option<(ApiIndex, usize)> {
        self.addresses.find(host, path)
    }

    /// An API by its position.
    pub fn api(&self, index: ApiIndex) -> &Api {
        &self.apis[index.0 as usize]
    }

    /// An upstream by its position.
    pub fn upstream(&self, index: UpstreamIndex) -> &Upstream {
        &self.upstreams[index.0 as usize]
    }

    /// An access log by its position.
    pub fn access_log(&self, index: AccessLogIndex) -> &AccessLog {
        &self.access_logs[index.0 as usize]
    }
}
