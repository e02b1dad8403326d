//! `[[remote_function]]`: functions that are invoked elsewhere, by the Lambda API.

use super::aws::Aws;
use super::problem::ProblemKind;
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};
use super::upstream::{Upstream, implied, parse_target};

pub(super) static TABLE: Table = Table {
    header: "[[remote_function]]",
    about: "A function that does not run on this host: it is invoked by the Lambda API of AWS or of another ringgate, signed with the key pairs of `[aws]`. Integrations and authorizers name it as any other function; one of that name on this host goes before it.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("a function's name, or \"*\""),
            absent: Absent::Required,
            example: "\"orders\"",
            about: "Which function. `\"*\"` is every one that is neither on this host nor declared by its name; routes and authorizers of the file name only declared ones.",
        },
        Key {
            name: "endpoint",
            kind: Kind::Text("an http or https URL such as \"http://10.0.0.7:8081\""),
            absent: Absent::Means("`aws.endpoints`, else AWS"),
            example: "\"http://127.0.0.1:8091\"",
            about: "Where it is invoked: Lambda's address, or the management address of another ringgate. No path.",
        },
        Key {
            name: "region",
            kind: Kind::Text("a region such as \"us-east-1\""),
            absent: Absent::Means("`aws.region`"),
            example: "\"us-east-1\"",
            about: "The region that is signed for, and whose address AWS is asked at.",
        },
        Key {
            name: "role",
            kind: Kind::Text("a role's ARN"),
            absent: Absent::Means("the gateway's own key pair signs"),
            example: "\"arn:aws:iam::000000000000:role/invoker\"",
            about: "In whose name it is invoked; as for integrations with AWS services.",
        },
    ],
};

/// A function that is invoked elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFunction {
    /// Its name; `*` is every other one.
    pub name: String,
    /// Position in [`super::Model::upstreams`].
    pub upstream: usize,
    /// What `Host` says, and the signature covers.
    pub host: String,
    /// The region that is signed for.
    pub region: String,
    /// The role in whose name it is invoked; `None` is the gateway itself.
    pub role: Option<String>,
}

/// `declared`: how many upstreams have a name; `others` are those that URLs imply.
pub(super) fn read(
    reader: &Reader<'_>,
    aws: &Aws,
    declared: usize,
    others: &mut Vec<Upstream>,
) -> Option<RemoteFunction> {
    let name = reader.read("name", |value, key| match text(value, key)? {
        "*" => Ok("*".to_owned()),
        name => {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            match name.len() <= 64 && name.bytes().all(is_letter) {
                true => Ok(name.to_owned()),
                false => Err(Refused::new("bad-function-name", key.kind.expected())),
            }
        }
    });
    let role = reader.read("role", |value, key| match text(value, key)? {
        it if it.starts_with("arn:") => Ok(it.to_owned()),
        _ => Err(Refused::new("bad-role", key.kind.expected())),
    });
    let region = reader.text("region").unwrap_or_else(|| aws.region.clone());
    let of_aws = || aws.endpoints.get("lambda").or_else(|| aws.endpoints.get("*")).cloned();
    let url = reader.text("endpoint").or_else(of_aws);
    let url = url.unwrap_or_else(|| format!("https://lambda.{region}.amazonaws.com"));
    let Some((upstream, host)) = origin(&url, reader) else {
        let kind = ProblemKind::Value {
            code: "bad-url",
            key: "endpoint".into(),
            expected: TABLE.keys[1].kind.expected(),
            found: "another text".into(),
            way_out: None,
        };
        reader.findings.add(reader.span_of("endpoint"), kind);
        return None;
    };
    let known = others.iter().position(|it| it.name == upstream.name);
    let position = known.unwrap_or_else(|| {
        others.push(upstream);
        others.len() - 1
    });
    Some(RemoteFunction { name: name?, upstream: declared + position, host, region, role })
}

/// The upstream that a URL implies, and the value of `Host`.
fn origin(url: &str, reader: &Reader<'_>) -> Option<(Upstream, String)> {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    let (is_tls, authority) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (None, rest) => (true, rest?),
    };
    if authority.contains(['/', '@', '?', '#']) {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let default_port = if is_tls { 443 } else { 80 };
    let target = match has_port {
        true => parse_target(authority).ok()?,
        false => parse_target(&format!("{authority}:{default_port}")).ok()?,
    };
    let suffix = format!(":{default_port}");
    let host = authority.strip_suffix(&suffix).unwrap_or(authority).to_owned();
    let upstream = implied(url.clone(), target, is_tls, reader.span(), reader.findings);
    Some((upstream, host))
}
