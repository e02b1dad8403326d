//! A domain name as certificates and APIs declare it: exact, or a wildcard for one label.

use std::fmt;

use toml::de::DeValue;

use super::reader::{Refused, wrong_type};
use super::reference::Key;

/// A domain, lower case, without port and without trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Domain {
    /// `api.example.com`.
    Exact(Box<str>),
    /// `*.example.com`: any one label in front. The text is what follows the `*.`.
    Wildcard(Box<str>),
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Exact(name) => formatter.write_str(name),
            Domain::Wildcard(parent) => write!(formatter, "*.{parent}"),
        }
    }
}

/// Reads a domain, exact or with `*` as its whole first label.
pub(super) fn domain(value: &DeValue<'_>, key: &Key) -> Result<Domain, Refused> {
    const FORM: &str = "a domain such as \"api.example.com\" or \"*.example.com\"";
    let text = value.as_str().ok_or_else(|| wrong_type(key))?;
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let (wildcard, rest) = match name.strip_prefix("*.") {
        Some(parent) => (true, parent),
        None => (false, name.as_str()),
    };
    if rest.contains('*') {
        let way_out = "a `*` stands for the whole first label".into();
        return Err(Refused::with("bad-domain", FORM, way_out));
    }
    if rest.contains(':') || rest.contains('/') {
        let way_out = "leave scheme, port and path out".into();
        return Err(Refused::with("bad-domain", FORM, way_out));
    }
    if !is_host_name(rest) {
        return Err(Refused::new("bad-domain", FORM));
    }
    Ok(if wildcard { Domain::Wildcard(rest.into()) } else { Domain::Exact(rest.into()) })
}

/// Whether a text is a host name (RFC 1123) or an IPv4 address. Underscores are let through: names
/// of containers and services have them.
pub(crate) fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
