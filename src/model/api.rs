//! `[[api]]` and `[[api.route]]`: an API and its routes.

use super::{AccessLog, Domain, Integration, RouteKey};

/// One API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name, unique in the file.
    pub name: String,
    /// Which rules it follows.
    pub protocol: Protocol,
    /// The only domain it answers; `None` is every host that no API's domain claims.
    pub domain: Option<Domain>,
    /// What comes before its routes' paths: empty, or `/…` without a trailing slash.
    pub base_path: String,
    /// The stage name that logs, metrics and integrations see.
    pub stage: String,
    /// Its access log, the file's own or the global one.
    pub access_log: Option<AccessLog>,
    /// Its routes in file order.
    pub routes: Vec<Route>,
}

/// Which rules an API follows: matching, error bodies, headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP API (Amazon's v2).
    Http,
    /// REST API (Amazon's v1).
    Rest,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it answers to; unique in its API.
    pub key: RouteKey,
    /// Who answers.
    pub integration: Integration,
}
