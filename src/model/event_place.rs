//! Where events go that a function has been done with: what stands for AWS's queues, topics and buses.

use super::reader::{Findings, Refused};
use std::path::PathBuf;

/// How one is written in the file.
pub(super) const FORM: &str = "\"file:PATH\", \"http://…\" or \"https://…\"";

/// A destination of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPlace {
    /// One line of JSON for each is appended to this file.
    File(PathBuf),
    /// The JSON is posted to this URL.
    Http(String),
}

impl std::fmt::Display for EventPlace {
    /// For logs: without the query, which may hold a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file:{}", path.display()),
            Self::Http(url) => formatter.write_str(url.split('?').next().unwrap_or_default()),
        }
    }
}

/// Reads one; a file is relative to the configuration's.
pub(super) fn parse(text: &str, findings: &Findings<'_>) -> Result<EventPlace, Refused> {
    let refused = || Refused::new("bad-destination", FORM);
    if let Some(path) = text.strip_prefix("file:") {
        return match path.is_empty() || path.contains('\0') {
            true => Err(refused()),
            false => Ok(EventPlace::File(findings.resolve(path))),
        };
    }
    match is_url(text) {
        true => Ok(EventPlace::Http(text.to_owned())),
        false => Err(refused()),
    }
}

/// Whether it is an HTTP URL with a host and without a user: a password there would show in logs.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(authority) = rest.and_then(|rest| rest.split(['/', '?', '#']).next()) else {
        return false;
    };
    !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_no_user() {
        for good in ["http://a", "https://a.test:8443/dead?key=1", "http://[::1]:80/"] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "http://",
            "http:///x",
            "http://:80",
            "ftp://a",
            "http://u:p@a/",
            "http://a b",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn logs_do_not_show_queries() {
        assert_eq!(EventPlace::Http("http://a/b?key=s".into()).to_string(), "http://a/b");
    }
}
