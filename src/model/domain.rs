//! A domain name as certificates and APIs declare it: exact, or a wildcard for one label.

/// A domain, lower case, without port and without trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Domain {
    /// `api.example.com`.
    Exact(Box<str>),
    /// `*.example.com`: any one label in front. The text is what follows the `*.`.
    Wildcard(Box<str>),
}
