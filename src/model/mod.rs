//! What a user declares: TOML in, checked nouns out.
//!
//! One file per noun, each with the table of its keys (which is also the reference manual), the
//! declared type and the function that reads one into the other. Reading is a parse that can fail:
//! whoever holds a [`Model`] need not check again. All problems of a file are collected and reported
//! at once, in file order. Nothing here opens a socket, and the only files read are the
//! configuration itself and the certificates it names.

mod access_log;
mod api;
mod aws;
mod certificate;
mod domain;
mod integration;
mod log;
mod management;
mod ring;
mod route_key;
mod server;
mod store;
mod upstream;

use std::path::{Path, PathBuf};

pub use access_log::{AccessLog, AccessLogDestination};
pub use api::{Api, Protocol, Route};
pub use aws::Aws;
pub use certificate::Certificate;
pub use domain::Domain;
pub use integration::{HttpProxy, Integration, Mock, PathPattern, PathPiece, ProxyPath};
pub use log::{Log, LogFormat};
pub use management::{Credential, Management, Role};
pub use ring::{Buffers, Ring};
pub use route_key::{Method, MethodMatch, RouteKey, RouteKeyError, RoutePath, Segment};
pub use server::{Forwarding, Limits, Server, Timeouts};
pub use store::Store;
pub use upstream::{
    Balance, Eject, HashOn, HealthCheck, Retry, RetryOn, StatusSet, Target, Upstream,
    UpstreamLimits, UpstreamTimeouts, UpstreamTls,
};

/// Everything one configuration declares, checked.
#[derive(Debug, Clone)]
pub struct Model {
    /// The file it came from; `None` for the built-in default.
    pub file: Option<PathBuf>,
    /// Listeners, limits, time-outs.
    pub server: Server,
    /// Sizes of each shard's ring and buffers.
    pub ring: Ring,
    /// How ringgate logs about itself.
    pub log: Log,
    /// TLS certificates, chosen by server name.
    pub certificates: Vec<Certificate>,
    /// The management listener.
    pub management: Management,
    /// Account, region and names; stored for the parts that speak AWS protocols.
    pub aws: Aws,
    /// Where management writes are kept.
    pub store: Store,
    /// Back ends: those declared by name first, then those that an integration's `url` implies.
    pub upstreams: Vec<Upstream>,
    /// APIs in file order.
    pub apis: Vec<Api>,
}

/// Reads a configuration: the given file; without one `config/ringgate.toml` of the working
/// directory; without that the built-in default.
pub fn load(path: Option<&Path>) -> Result<Model, Problems> {
    let _ = path;
    Err(Problems {})
}

/// Everything wrong with a configuration.
#[derive(Debug)]
pub struct Problems {}
