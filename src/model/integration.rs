//! `integration = { type = … }`: who answers a route.

use std::time::Duration;

use super::Method;

/// Who answers a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integration {
    /// A fixed response.
    Mock(Mock),
    /// A back end, bytes passed through.
    HttpProxy(HttpProxy),
}

/// A fixed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// 200 to 599.
    pub status: u16,
    /// Header fields in file order; names and values are valid field names and values.
    pub headers: Vec<(String, String)>,
    /// The content. Empty where the status allows none (204, 304).
    pub body: String,
}

/// A request passed on to a back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// Position in [`super::Model::upstreams`].
    pub upstream: usize,
    /// The method to use; `None` is the client's own.
    pub method: Option<Method>,
    /// Which path the back end sees.
    pub path: ProxyPath,
    /// From the moment the request is handed to the upstream to the head of its response.
    pub timeout: Duration,
}

/// Which path the back end sees. The client's query string always follows it unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyPath {
    /// The request's own path after the base path, byte for byte.
    AsReceived,
    /// A path with the route's parameters filled in.
    Pattern(PathPattern),
    /// The request's own path behind this prefix (a `$default` route with `path`).
    Under(Box<str>),
}

/// A path with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// Pieces in order; the first begins with `/`.
    pub pieces: Vec<PathPiece>,
}

/// A piece of a [`PathPattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPiece {
    /// Sent as it stands.
    Literal(Box<str>),
    /// The value of the route's n-th parameter, counted from the left.
    Parameter(usize),
}
