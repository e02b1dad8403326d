//! APIs and routes as they run.

use std::sync::Arc;
use std::time::Duration;

use super::managed::{Mapped, RequestMapping, ResponseEdits, ResponseMapping, Shared, Validation};
use super::service::Service;
use super::{
    AccessLogIndex, Authorizer, AuthorizerIndex, Domain, Lambda, Mock, Protocol, ProxyPath,
    RouteIndex, RouteTable, UpstreamIndex,
};

/// One API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Ten characters of `[a-z0-9]`; for an API from the file made from its name, so that it stays
    /// the same over reloads and hosts.
    pub id: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Which rules it follows: matching, error bodies, headers.
    pub protocol: Protocol,
    /// The only domain it answers; `None` is every host that no API's domain claims.
    pub domain: Option<Domain>,
    /// What comes before its routes' paths: empty, or `/…` without a trailing slash.
    pub base_path: Box<str>,
    /// Its stage's name; `$default` unless declared.
    pub stage: Box<str>,
    /// Finds a route by method and path.
    pub table: RouteTable,
    /// The routes, by [`RouteIndex`], in the order of the declaration.
    pub routes: Box<[Route]>,
    /// Those of its authorizers that routes use, by [`AuthorizerIndex`].
    pub authorizers: Box<[Authorizer]>,
    /// Its access log; `None` is none.
    pub access_log: Option<AccessLogIndex>,
    /// What all routes of a managed API have in common; those of the file have nothing of it.
    pub shared: Option<Arc<Shared>>,
}

impl Api {
    /// A route by its position.
    pub fn route(&self, index: RouteIndex) -> &Route {
        &self.routes[index.0 as usize]
    }

    /// An authorizer by its position; `None`: the position is another API's.
    pub fn authorizer(&self, index: AuthorizerIndex) -> Option<&Authorizer> {
        self.authorizers.get(index.0 as usize)
    }
}

/// One route: what to do with a request that matched it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The route key as declared, e.g. `GET /pets/{id}` (`$context.routeKey`).
    pub key: Box<str>,
    /// Names of its path parameters from left to right; values come in the same order.
    pub parameters: Box<[Box<str>]>,
    /// The phases that its requests run, in order.
    pub program: Program,
    /// Who answers.
    pub integration: Integration,
    /// What its requests must be like.
    pub validation: Option<Arc<Validation>>,
    /// `$context.resourceId`; empty where there is no such thing.
    pub resource_id: Box<str>,
}

/// The phases a route uses. Those it does not use are absent, so they cost nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// In the order in which they run.
    pub phases: Box<[Phase]>,
}

/// A phase between routing and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Ask the authorizer whether the caller may.
    Authorize(AuthorizerIndex),
    /// Hold parameters and content against what the method asks for.
    Validate,
    /// Ask the integration for the answer.
    Integrate,
    /// Answer that the request may not pass: what would decide about it is not there.
    Refuse(Refusing),
}

/// Why a route lets nobody through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusing {
    /// It is not set up so that it could be served.
    Misconfigured,
    /// It asks for a key or a check that nobody can pass.
    Forbidden,
    /// A policy refuses.
    AccessDenied,
    /// It asks for a signature.
    Unsigned,
    /// It is a function URL that asks for one.
    UrlUnsigned,
    /// Its authorizer cannot be asked.
    AuthorizerMisconfigured,
}

impl Phase {
    /// The phase's word in `ringgate routes`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Authorize(_) => "authorize",
            Phase::Validate => "validate",
            Phase::Integrate => "integrate",
            Phase::Refuse(_) => "refuse",
        }
    }
}

/// Who answers a route.
#[derive(Debug, Clone)]
pub enum Integration {
    /// A fixed response.
    Mock(Mock),
    /// What templates make of the request: a mock's answer, or what a back end gets and gives.
    Mapped(Mapped),
    /// A back end, bytes passed through.
    HttpProxy(HttpProxy),
    /// A function: the request is its event, its result the answer.
    Lambda(Lambda),
    /// Nobody: what was declared cannot be served. Answered as Amazon does, and logged when the stage
    /// was compiled.
    Misconfigured,
}

/// A request passed on to a back end.
#[derive(Debug, Clone)]
pub struct HttpProxy {
    /// Which back ends.
    pub upstream: UpstreamIndex,
    /// The method to use; `None` is the client's own.
    pub method: Option<Box<str>>,
    /// Which path they see. The client's query string follows it unchanged.
    pub path: ProxyPath,
    /// Whether the answer is declared to be streamed. All are; logs tell of it.
    pub is_streamed: bool,
    /// From the moment the request is handed to the upstream to the head of its response; beyond it
    /// 504.
    pub timeout: Duration,
    /// How the request is made where more than the path is written anew; then `path` is not looked at.
    pub mapping: Option<Box<RequestMapping>>,
    /// How the answer is made where it is not passed through.
    pub response: Option<Box<ResponseMapping>>,
    /// What an HTTP API changes of the answer.
    pub edits: Option<Box<ResponseEdits>>,
    /// What is signed where the back end is an AWS service; `mapping` is there then.
    pub service: Option<Box<Service>>,
}
