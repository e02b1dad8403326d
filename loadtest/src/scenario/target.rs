//! The URL under test, taken apart.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Plain or encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
}

/// A URL: `http://127.0.0.1:8080/path?query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// Name or address, without the brackets of IPv6.
    pub host: String,
    /// The port; 80 or 443 when the URL names none.
    pub port: u16,
    /// What the `Host` field says: the host as written, with its port unless it is the scheme's.
    pub authority: String,
    /// Path and query, `/` when the URL has none.
    pub path: String,
}

/// Why a URL cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as \"http://127.0.0.1:8080/\", found `{found}`: {because}")]
pub struct TargetError {
    found: String,
    because: &'static str,
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is not `http` or `https`, or has no host, a bad port or user information.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let error = |because| TargetError { found: url.to_owned(), because };
        let (scheme, rest) = if let Some(rest) = url.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else if let Some(rest) = url.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else {
            return Err(error("it must begin with http:// or https://"));
        };
        let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        let path = path.split('#').next().unwrap_or_default();
        if authority.contains('@') {
            return Err(error("user information is not supported: use a header"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| error("its port is no number"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.contains(['{', '}']) {
            return Err(error("its host cannot be a template"));
        }
        if host.is_empty() {
            return Err(error("it has no host"));
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error("spaces and non-ASCII characters must be percent-encoded"));
        }
        let usual = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: port.unwrap_or(usual),
            authority: authority.to_owned(),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        })
    }

    /// Finds the address to connect to. A name with several addresses is probed once, in order,
    /// because `localhost` is often listened on in one family only.
    ///
    /// # Errors
    /// When the name has no address.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let addresses: Vec<SocketAddr> =
            (self.host.as_str(), self.port).to_socket_addrs()?.collect();
        let Some(&first) = addresses.first() else {
            return Err(io::Error::other(format!("`{}` has no address", self.host)));
        };
        if addresses.len() == 1 {
            return Ok(first);
        }
        let answers = |address: &&SocketAddr| {
            TcpStream::connect_timeout(address, Duration::from_millis(500)).is_ok()
        };
        Ok(addresses.iter().find(answers).copied().unwrap_or(first))
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((_, port)) if port.ends_with(']') => Some((authority, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!((target.port, target.path.as_str()), (8080, "/"));
        assert_eq!(target.authority, "127.0.0.1:8080");
        let target = Target::parse("https://api.example.com/a?b=c#d").unwrap();
        assert_eq!((target.port, target.path.as_str()), (443, "/a?b=c"));
        assert_eq!(target.scheme, Scheme::Https);
        let target = Target::parse("http://[::1]:81?x").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 81));
        assert_eq!(target.path, "/?x");
        assert_eq!(Target::parse("http://[::1]/").unwrap().port, 80);
        assert_eq!(target.to_string(), "http://[::1]:81/?x");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_reason() {
        for (url, because) in [
            ("127.0.0.1:80", "must begin with http"),
            ("http://", "no host"),
            ("http://a:b/", "port"),
            ("http://u:p@h/", "user information"),
            ("http://h/a b", "percent-encoded"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        }
    }
}
