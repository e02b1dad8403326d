//! The back end behind an integration's URI.

use super::stage_variables::{Token, tokens};
use crate::model::is_host_name;
use crate::resources::rest::Map;
use crate::snapshot::{
    Balance, Eject, Retry, RetryOn, Target, Upstream, UpstreamIndex, UpstreamLimits,
    UpstreamTimeouts, UpstreamTls,
};
use std::net::Ipv6Addr;
use std::time::Duration;

/// The upstreams that a stage's routes name, each once.
#[derive(Debug, Default)]
pub(super) struct Upstreams(pub(super) Vec<Upstream>);

impl Upstreams {
    /// The index of an upstream.
    pub(super) fn index(&mut self, upstream: Upstream) -> UpstreamIndex {
        let known = self.0.iter().position(|known| known.key == upstream.key);
        let index = known.unwrap_or_else(|| {
            self.0.push(upstream);
            self.0.len() - 1
        });
        UpstreamIndex(index as u32)
    }
}

/// How the back end's certificate is checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checks<'c> {
    /// Any certificate passes.
    pub(super) insecure: bool,
    /// The name it must have instead of the URI's host.
    pub(super) server_name: Option<&'c str>,
}

/// A URI taken apart: the origin as an upstream, the rest as tokens.
#[derive(Debug)]
pub(super) struct Uri {
    pub(super) upstream: Upstream,
    /// Begins with `/` unless empty.
    pub(super) path: Vec<Token>,
    /// Without the question mark.
    pub(super) query: Option<Vec<Token>>,
}

/// The name that a certificate has for an authority; an address has none worth checking.
pub(super) fn server_name(authority: &str) -> Option<&str> {
    let host = authority.split(':').next().filter(|host| !host.starts_with('['))?;
    host.parse::<std::net::IpAddr>().is_err().then_some(host)
}

/// How long a back end may take: what is declared, in milliseconds; without it the service's default.
pub(super) fn timeout(declared_millis: i64, default: Duration) -> Duration {
    match u64::try_from(declared_millis) {
        Ok(millis @ 1..) => Duration::from_millis(millis),
        _ => default,
    }
}

/// Takes a URI apart.
///
/// # Errors
/// Why no back end can be called by it, for a warning.
pub(super) fn parse(uri: &str, variables: &Map, checks: Checks<'_>) -> Result<Uri, String> {
    let mut tokens = tokens(uri.trim(), variables).into_iter();
    let Some(Token::Text(first)) = tokens.next() else {
        return Err("its URI does not begin with http:// or https://".to_owned());
    };
    let lower = first.to_ascii_lowercase();
    let (is_tls, start) = if lower.starts_with("http://") {
        (false, "http://".len())
    } else if lower.starts_with("https://") {
        (true, "https://".len())
    } else {
        return Err("its URI does not begin with http:// or https://".to_owned());
    };
    let rest = &first[start..];
    let Some(end) =
        rest.find(['/', '?', '#']).or_else(|| (tokens.len() == 0).then_some(rest.len()))
    else {
        return Err("its URI has a placeholder in the place of a host".to_owned());
    };
    let (authority, behind) = rest.split_at(end);
    let upstream = upstream(&authority.to_ascii_lowercase(), is_tls, checks)?;
    let mut path = Vec::new();
    let mut query: Option<Vec<Token>> = None;
    let behind = (!behind.is_empty()).then(|| Token::Text(behind.to_owned()));
    for token in behind.into_iter().chain(tokens) {
        let Token::Text(text) = token else {
            query.as_mut().unwrap_or(&mut path).push(token);
            continue;
        };
        // A fragment is never sent.
        let (text, is_over) = match text.split_once('#') {
            Some((text, _)) => (text, true),
            None => (&*text, false),
        };
        let piece = |text: &str| (!text.is_empty()).then(|| Token::Text(text.to_owned()));
        match (&mut query, text.split_once('?')) {
            (Some(query), _) => query.extend(piece(text)),
            (None, None) => path.extend(piece(text)),
            (None, Some((before, behind))) => {
                path.extend(piece(before));
                query = Some(piece(behind).into_iter().collect());
            }
        }
        if is_over {
            break;
        }
    }
    Ok(Uri { upstream, path, query })
}

/// An upstream of one target, with what an integration's `url` in the file has for defaults. Its key
/// names all that can differ.
fn upstream(authority: &str, is_tls: bool, checks: Checks<'_>) -> Result<Upstream, String> {
    let default_port = if is_tls { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            (host, port.ok_or_else(|| format!("`{authority}` has no valid port"))?)
        }
        _ => (authority, default_port),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_ipv6 = bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    if !is_ipv6 && !is_host_name(host) {
        return Err(format!("`{authority}` is not a host"));
    }
    let scheme = if is_tls { "https" } else { "http" };
    let name = format!("{scheme}://{host}:{port}");
    let mut key = format!("managed/{name}");
    let tls = is_tls.then(|| UpstreamTls {
        server_name: checks.server_name.map(str::to_owned),
        ca: None,
        insecure_skip_verify: checks.insecure,
    });
    if let Some(tls) = &tls {
        if tls.insecure_skip_verify {
            key.push_str("#insecure");
        }
        if let Some(server_name) = &tls.server_name {
            key.push('#');
            key.push_str(server_name);
        }
    }
    let address: Box<str> = format!("{host}:{port}").into();
    Ok(Upstream {
        key: key.into(),
        name: name.into(),
        targets: [Target {
            host: bracketed.unwrap_or(host).into(),
            port,
            authority: if port == default_port { host.into() } else { address.clone() },
            address,
            weight: 1,
        }]
        .into(),
        balance: Balance::RoundRobin,
        tls,
        timeouts: UpstreamTimeouts {
            connect: Duration::from_secs(2),
            body_idle: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        },
        limits: UpstreamLimits { connections_max: 1024, pending_max: 1024 },
        health: None,
        eject: Some(Eject { failures: 5, duration: Duration::from_secs(30), share_max: 0.5 }),
        retry: Retry {
            attempts: 2,
            budget: 0.2,
            on: RetryOn { connect: true, reset: true, ..RetryOn::default() },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> Result<Uri, String> {
        let variables = [("host".to_owned(), "Back.test:81/base".to_owned())].into();
        parse(uri, &variables, Checks::default())
    }

    fn text(tokens: &[Token]) -> String {
        let pieces = tokens.iter().map(|token| match token {
            Token::Text(text) => text.clone(),
            Token::Placeholder(name) => format!("<{name}>"),
        });
        pieces.collect()
    }

    #[test]
    fn a_uri_is_an_origin_a_path_and_a_query() {
        for (uri, authority, path, query) in [
            ("http://a.test", "a.test", "", None),
            ("HTTP://A.test:80/x", "a.test", "/x", None),
            ("https://a.test/x?y=z", "a.test", "/x", Some("y=z")),
            ("https://a.test:8443", "a.test:8443", "", None),
            ("http://[::1]:9001/{p}/x?q={v}&r#f?{g}", "[::1]:9001", "/<p>/x", Some("q=<v>&r")),
            ("http://${stageVariables.host}/{id}", "back.test:81", "/base/<id>", None),
            ("http://a.test?x=1", "a.test", "", Some("x=1")),
        ] {
            let found = parsed(uri).unwrap();
            assert_eq!(&*found.upstream.targets[0].authority, authority, "{uri}");
            assert_eq!(text(&found.path), path, "{uri}");
            assert_eq!(found.query.as_deref().map(text).as_deref(), query, "{uri}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for uri in [
            "",
            "ftp://a",
            "a.test/x",
            "http://",
            "http://{host}/x",
            "http://a{host}/x",
            "http://a.{b}",
            "http://u@a.test/",
            "http://a.test:0/",
            "http://a.test:99999/",
            "http://a b/",
            "arn:aws:lambda:us-east-1:1:function:f",
        ] {
            assert!(parsed(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn routes_that_call_the_same_origin_share_an_upstream() {
        let mut upstreams = Upstreams::default();
        let mut index = |uri: &str, checks: Checks<'_>| {
            upstreams.index(parse(uri, &Map::new(), checks).unwrap().upstream).0
        };
        let secure = Checks::default();
        assert_eq!(index("https://a.test/x", secure), 0);
        assert_eq!(index("https://A.test:443/y", secure), 0);
        assert_eq!(index("http://a.test/", secure), 1);
        assert_eq!(index("https://a.test/", Checks { insecure: true, ..secure }), 2);
        assert_eq!(index("https://a.test/", Checks { server_name: Some("b"), ..secure }), 3);
    }
}
