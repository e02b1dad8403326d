//! Integrations of REST APIs with AWS services: `arn:aws:apigateway:{region}:{service}:action/{Name}`
//! and `…:path/{path}`.
//!
//! The URI becomes the URL of the service, and from there on it is an HTTP integration with a
//! signature: the same placeholders, the same mappings.

use super::backend::{Checks, Upstreams, Uri, parse, timeout};
use super::mapping::{Callee, Known};
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
    let mut mapped = rest_http::Mapped::of(declared, known, Callee::Aws)?;
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
        is_streamed: false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use std::path::Path;

    fn back_ends(endpoints: &str) -> BackEnds {
        let text = format!("[aws]\nendpoints = {{ {endpoints} }}");
        BackEnds::of(&model::parse(Path::new("test.toml"), text).unwrap())
    }

    fn variables() -> Map {
        [("table", "pets"), ("region", "eu-west-1"), ("service", "dynamodb")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    }

    /// Origin, path and query, the scope that is signed, and the fields.
    fn called(uri: &str, endpoints: &str) -> Result<(String, String, String), String> {
        let back_ends = back_ends(endpoints);
        let arn = Arn::parse(&format!("arn:aws:apigateway:{uri}"), &variables())?;
        let Called { uri, service } = arn.called("role", &back_ends, &variables())?;
        let text = |tokens: &[Token]| {
            let pieces = tokens.iter().map(|token| match token {
                Token::Text(text) => text.clone(),
                Token::Placeholder(name) => format!("<{name}>"),
            });
            pieces.collect::<String>()
        };
        let query = uri.query.as_deref().map(|it| format!("?{}", text(it))).unwrap_or_default();
        let scheme = if uri.upstream.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{}{query}", service.host, text(&uri.path));
        let fields: Vec<String> =
            service.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok((url, format!("{}/{}", service.region, service.signing_name), fields.join(" ")))
    }

    #[test]
    fn an_arn_is_a_services_url_and_scope() {
        const TARGET: &str = "x-amz-target";
        for (uri, url, scope, fields) in [
            (
                "us-east-1:dynamodb:action/PutItem",
                "https://dynamodb.us-east-1.amazonaws.com/",
                "us-east-1/dynamodb",
                format!(
                    "{TARGET}=DynamoDB_20120810.PutItem content-type=application/x-amz-json-1.0"
                ),
            ),
            (
                "${stageVariables.region}:${stageVariables.service}:action/Query",
                "https://dynamodb.eu-west-1.amazonaws.com/",
                "eu-west-1/dynamodb",
                format!("{TARGET}=DynamoDB_20120810.Query content-type=application/x-amz-json-1.0"),
            ),
            (
                "us-east-1:s3:path/bucket/{key}",
                "https://s3.us-east-1.amazonaws.com/bucket/<key>",
                "us-east-1/s3",
                String::new(),
            ),
            (
                "us-east-1:bucket.s3:path/{key}?versionId={v}",
                "https://bucket.s3.us-east-1.amazonaws.com/<key>?versionId=<v>",
                "us-east-1/s3",
                String::new(),
            ),
            (
                "us-east-1:sqs:path/123456789012/${stageVariables.table}",
                "https://sqs.us-east-1.amazonaws.com/123456789012/pets",
                "us-east-1/sqs",
                String::new(),
            ),
            (
                "us-east-1:sns:action/Publish&Subject=a",
                "https://sns.us-east-1.amazonaws.com/?Action=Publish&Subject=a",
                "us-east-1/sns",
                String::new(),
            ),
            (
                "us-east-1:sns:path//",
                "https://sns.us-east-1.amazonaws.com/",
                "us-east-1/sns",
                String::new(),
            ),
            (
                "eu-west-1:iam:action/ListUsers",
                "https://iam.amazonaws.com/?Action=ListUsers",
                "us-east-1/iam",
                String::new(),
            ),
            (
                "eu-west-1:a1-ats.iotdata:path/topics/{t}",
                "https://a1-ats.iot.eu-west-1.amazonaws.com/topics/<t>",
                "eu-west-1/iotdata",
                String::new(),
            ),
            (
                "eu-west-1:runtime.sagemaker:path/endpoints/e/invocations",
                "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/e/invocations",
                "eu-west-1/sagemaker",
                String::new(),
            ),
        ] {
            assert_eq!(called(uri, "").unwrap(), (url.into(), scope.into(), fields), "{uri}");
        }
    }

    #[test]
    fn the_file_says_where_services_are() {
        let all = "\"*\" = \"http://127.0.0.1:5000/aws/\", s3 = \"http://127.0.0.1:9000\"";
        for (uri, url) in [
            ("us-east-1:sqs:path/1/q", "http://127.0.0.1:5000/aws/1/q"),
            ("us-east-1:s3:path/bucket/{key}", "http://127.0.0.1:9000/bucket/<key>"),
            ("us-east-1:bucket.s3:path/{key}", "http://127.0.0.1:9000/bucket/<key>"),
            ("us-east-1:sns:action/Publish", "http://127.0.0.1:5000/aws/?Action=Publish"),
        ] {
            assert_eq!(called(uri, all).unwrap().0, url, "{uri}");
        }
        let china = BackEnds::nothing();
        let place = ServicePlace { partition: "aws-cn", region: "cn-north-1", service: "sqs" };
        assert_eq!(place.base(&china).unwrap(), "https://sqs.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for uri in [
            "us-east-1:sqs",
            "us-east-1:sqs:queue/1",
            "us-east-1::path/1",
            "{region}:sqs:path/1",
            "us-east-1:{service}:path/1",
            "us-east-1:sqs:action/{name}",
            "us-east-1:evil.test/:path/1",
            "us-east-1:s3@evil.test:path/1",
        ] {
            assert!(called(uri, "").is_err(), "{uri}");
        }
    }

    #[test]
    fn only_a_role_may_be_signed_for() {
        let of = |declared| role(declared, &variables());
        assert_eq!(
            of(Some("arn:aws:iam::1:role/${stageVariables.table}")).unwrap(),
            "arn:aws:iam::1:role/pets"
        );
        for declared in [None, Some(""), Some("arn:aws:iam::*:user/*"), Some("{role}")] {
            assert!(of(declared).is_err(), "{declared:?}");
        }
    }
}
