//! A route key: `METHOD /path/{parameter}/{rest+}` or `$default`.

use std::fmt;

/// What a route answers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteKey {
    /// `$default`: whatever no other route takes.
    Default,
    /// A method and a path.
    Path {
        /// The method, or any.
        method: MethodMatch,
        /// The path's segments.
        path: RoutePath,
    },
}

/// The method part of a route key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodMatch {
    /// `ANY`: methods without a route of their own on the same path.
    Any,
    /// One method.
    Only(Method),
}

/// The methods a route key can name, as Amazon API Gateway lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "RFC 9110 section 9.3 and RFC 5789 define them")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

/// The path part of a route key, split at slashes. `/` has no segment; a trailing slash is an empty
/// literal at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutePath {
    /// The segments in order.
    pub segments: Box<[Segment]>,
}

/// One segment of a route's path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Matches itself.
    Literal(Box<str>),
    /// `{name}`: one segment that is not empty.
    Parameter(Box<str>),
    /// `{name+}`: the rest of the path, at least one byte. Only at the end.
    Greedy(Box<str>),
}

/// Why a text is not a route key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {}

impl fmt::Display for RouteKey {
    fn fmt(&self, _formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
