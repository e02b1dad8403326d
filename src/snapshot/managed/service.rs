//! Integrations of REST APIs with AWS services: `arn:aws:apigateway:{region}:{service}:action/{Name}`
//! and `…:path/{path}`.
//!
//! The URI becomes the URL of the service, and from there on it is an HTTP integration with a
//! signature: the same placeholders, the same mappings.

use super::backend::{Checks, Upstreams, Uri, parse, timeout};
use super::mapping::Known;
use super::rest_http::{self, Place, Placeholders, pieces};
use super::service_names::{is_global, json_service, signing_name};
use super::stage_variables::{Token, tokens};
use super::{BackEnds, Passes, RequestMapping};
use crate::model::Method as Verb;
use crate::resources::rest::{Integration, Map};
use crate::snapshot::service::Service;
use crate::snapshot::{HttpProxy, ProxyPath};
use std::time::Duration;

/// What an integration without a time-out of its own has.
const TIMEOUT: Duration = Duration::from_secs(29);

/// Fields that no mapping may set for a service, besides those of every integration (Amazon answers
/// such requests with 500).
const OWN_FIELDS: [&str; 5] = ["authorization", "connection", "expect", "proxy-authenticate", "te"];

/// Fields that the signature brings, so a mapping to them means nothing. `x-amz-content-sha256` is
/// none of them: it may say that S3's content is unsigned.
const SIGNED_FIELDS: [&str; 3] = ["referer", "x-amz-date", "x-amz-security-token"];

/// Whether a URI means a function and not another service.
pub(super) fn is_function(uri: &str) -> bool {
    uri.contains(":lambda:path/")
}

/// The request of an integration with a service.
///
/// # Errors
/// Why it cannot be made, for the log.
pub(super) fn request(
    declared: &Integration,
    known: &Known<'_>,
    upstreams: &mut Upstreams,
) -> Result<HttpProxy, String> {
    let uri = declared.uri.as_deref().ok_or("it has no URI")?;
    let role = role(declared.credentials.as_deref(), known.variables)?;
    let Called { uri: Uri { upstream, path, query }, service } =
        Arn::parse(uri, known.variables)?.called(&role, known.place.back_ends, known.variables)?;
    let method = declared.http_method.as_deref().filter(|it| !it.is_empty() && *it != "ANY");
    let method = match method {
        Some(name) => Some(Verb::from_name(name).ok_or_else(|| format!("`{name}` is no method"))?),
        None => None,
    };
    let mut mapped = rest_http::Mapped::of(declared, known)?;
    let is = |name: &[u8], names: &[&str]| {
        names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    };
    if let Some((name, _)) = mapped.headers.iter().find(|(name, _)| is(name, &OWN_FIELDS)) {
        let name = String::from_utf8_lossy(name);
        return Err(format!("header {name} is the gateway's own"));
    }
    mapped.headers.retain(|(name, _)| !is(name, &SIGNED_FIELDS));
    let named = Placeholders::Named;
    let query = query.as_deref().unwrap_or_default();
    let mapping = RequestMapping {
        path: pieces(&path, |name| mapped.path(name), Place::Path, named),
        query: pieces(query, |name| mapped.path(name), Place::Query, named),
        added_query: mapped.query.into(),
        headers: mapped.headers.into(),
        passes: Passes::Content,
        edits: None,
    };
    Ok(HttpProxy {
        upstream: upstreams.index(upstream),
        method: method.map(|it| it.name().into()),
        path: ProxyPath::AsReceived,
        timeout: timeout(declared.timeout_in_millis, TIMEOUT),
        mapping: Some(Box::new(mapping)),
        response: None,
        edits: None,
        service: Some(Box::new(service)),
    })
}

/// In whose name a service is called: a role's ARN.
///
/// # Errors
/// There is none, or it is the caller's own.
pub(super) fn role(declared: Option<&str>, variables: &Map) -> Result<String, String> {
    let role = resolved(declared.unwrap_or_default(), variables)?;
    if role.is_empty() {
        return Err("it has no credentials: a role's ARN, in whose name the service is called; \
                    `[[aws.credentials]]` in the file may give that role a key pair"
            .to_owned());
    }
    if role.contains(":user/") {
        return Err(format!(
            "`{role}` means the caller's own credentials, which do not come with a request; name a role"
        ));
    }
    Ok(role)
}

/// A service's URL and what is signed.
pub(super) struct Called {
    pub(super) uri: Uri,
    pub(super) service: Service,
}

/// The ARN of a call.
struct Arn {
    partition: String,
    region: String,
    /// With its subdomain, if it has one.
    service: String,
    /// As declared, placeholders and stage variables in it.
    call: Call,
}

enum Call {
    /// A path of the service's REST API, without the slash in front.
    Path(String),
    /// An action, and parameters behind it (`k=v&…`).
    Action(String, String),
}

impl Arn {
    fn parse(uri: &str, variables: &Map) -> Result<Self, String> {
        let parts: Vec<&str> = uri.trim().splitn(6, ':').collect();
        let ["arn", partition, "apigateway", region, service, call] = parts[..] else {
            return Err(format!("`{uri}` is not the ARN of a service's action or path"));
        };
        let call = match call.split_once('/') {
            Some(("path", path)) => Call::Path(path.strip_prefix('/').unwrap_or(path).to_owned()),
            Some(("action", action)) => {
                let action = resolved(action, variables)?;
                let (action, parameters) = action.split_once('&').unwrap_or((&action, ""));
                Call::Action(action.to_owned(), parameters.to_owned())
            }
            _ => return Err("AWS ARN for integration must contain path or action".to_owned()),
        };
        let word = |text: &str| {
            let text = resolved(text, variables)?;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            match !text.is_empty() && text.bytes().all(is_plain) {
                true => Ok(text),
                false => Err(format!("`{uri}` is not the ARN of a service's action or path")),
            }
        };
        Ok(Self {
            partition: word(partition)?,
            region: word(region)?,
            service: word(service)?,
            call,
        })
    }

    fn called(&self, role: &str, back_ends: &BackEnds, variables: &Map) -> Result<Called, String> {
        let mut fields: Vec<(Box<str>, Box<str>)> = Vec::new();
        let behind = match &self.call {
            Call::Path(path) => path.clone(),
            Call::Action(action, parameters) => match json_service(&self.service) {
                Some(json) => {
                    fields
                        .push(("x-amz-target".into(), format!("{}.{action}", json.target).into()));
                    let kind = format!("application/x-amz-json-{}", json.version);
                    fields.push(("content-type".into(), kind.into()));
                    match parameters.as_str() {
                        "" => String::new(),
                        parameters => format!("?{parameters}"),
                    }
                }
                None if parameters.is_empty() => format!("?Action={action}"),
                None => format!("?Action={action}&{parameters}"),
            },
        };
        let place = ServicePlace {
            partition: &self.partition,
            region: &self.region,
            service: &self.service,
        };
        let base = place.base(back_ends)?;
        let uri = parse(&format!("{base}/{behind}"), variables, Checks::default())?;
        let service = place.signed(&uri, role, fields);
        Ok(Called { uri, service })
    }
}

/// A service in a region.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServicePlace<'p> {
    /// `aws`, `aws-cn` and others.
    pub(super) partition: &'p str,
    pub(super) region: &'p str,
    /// With its subdomain, if it has one.
    pub(super) service: &'p str,
}

impl ServicePlace<'_> {
    /// The URL of a service, without a slash at its end.
    ///
    /// # Errors
    /// The file names a URL for it that cannot be called.
    pub(super) fn base(&self, back_ends: &BackEnds) -> Result<String, String> {
        let &Self { partition, region, service } = self;
        let (subdomain, name) = match service.rsplit_once('.') {
            Some((subdomain, name)) => (Some(subdomain), name),
            None => (None, service),
        };
        if let Some(url) = back_ends.endpoint(&[service, name]) {
            let url = url.trim_end_matches('/');
            // A bucket that is no part of the host is the first segment of the path.
            return Ok(match (name, subdomain) {
                ("s3", Some(bucket)) => format!("{url}/{bucket}"),
                _ => url.to_owned(),
            });
        }
        let suffix = match partition {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        Ok(match name {
            "iotdata" => {
                let subdomain = subdomain.unwrap_or("data-ats");
                format!("https://{subdomain}.iot.{region}.{suffix}")
            }
            _ if is_global(service) => format!("https://{service}.{suffix}"),
            _ => format!("https://{service}.{region}.{suffix}"),
        })
    }

    /// What is signed of a call at that URL.
    pub(super) fn signed(
        &self,
        uri: &Uri,
        role: &str,
        fields: Vec<(Box<str>, Box<str>)>,
    ) -> Service {
        let region = if is_global(self.service) { "us-east-1" } else { self.region };
        let target = uri.upstream.targets.first();
        Service {
            host: target.map(|it| it.authority.clone()).unwrap_or_default(),
            signing_name: signing_name(self.service).into(),
            region: region.into(),
            role: role.into(),
            fields: fields.into(),
            action: None,
        }
    }
}

/// A text with its stage variables filled in.
///
/// # Errors
/// It has a placeholder: it must be known before there is a request.
pub(super) fn resolved(text: &str, variables: &Map) -> Result<String, String> {
    let mut filled = String::new();
    for token in tokens(text, variables) {
        match token {
            Token::Text(piece) => filled.push_str(&piece),
            Token::Placeholder(name) => {
                return Err(format!("`{{{name}}}` cannot be filled in there from a request"));
            }
        }
    }
    Ok(filled)
}
