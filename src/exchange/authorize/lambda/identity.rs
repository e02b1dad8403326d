//! Who the caller says it is: the values of the identity sources, and the key under which a verdict
//! about them is remembered.

use crate::exchange::Refusal;
use crate::exchange::event::{EventFacts, Format, Query};
use crate::http::Known;
use crate::snapshot::{AuthorizerKind, IdentitySource, LambdaAuthorizer};
use std::borrow::Cow;

/// The values of an authorizer's identity sources, in their order.
pub type Identities<'f> = Vec<Cow<'f, [u8]>>;

/// Looks for the caller's identity.
///
/// # Errors
/// [`Refusal::Unauthorized`]: a value is missing or empty, or a token does not look like one. The function
/// is then not asked.
pub fn identify<'f>(
    authorizer: &LambdaAuthorizer,
    facts: &'f EventFacts<'_>,
) -> Result<Identities<'f>, Refusal> {
    let mut identities = Vec::with_capacity(authorizer.sources.len());
    for source in &authorizer.sources {
        let value = value(source, authorizer.kind, facts).filter(|value| !value.is_empty());
        identities.push(value.ok_or(Refusal::Unauthorized)?);
    }
    if let (Some(expression), Some(token)) = (&authorizer.expression, identities.first())
        && !expression.matches(&String::from_utf8_lossy(token))
    {
        return Err(Refusal::Unauthorized);
    }
    Ok(identities)
}

/// Appends the key of a verdict about these identities, and says whether there is one: not where nothing
/// is remembered, and not without identities, which would be one key for everybody.
///
/// An API's stages are different keys, as they are different caches on Amazon. A route is in the key only
/// where `$context.routeKey` or the like is an identity source.
pub fn write_key(
    authorizer: &LambdaAuthorizer,
    facts: &EventFacts<'_>,
    identities: &[Cow<'_, [u8]>],
    out: &mut Vec<u8>,
) -> bool {
    if authorizer.ttl.is_zero() || identities.is_empty() {
        return false;
    }
    let route = facts.route;
    let own = [route.region, route.api_id, route.stage, &authorizer.id].map(str::as_bytes);
    for part in own.into_iter().chain(identities.iter().map(|it| &**it)) {
        // With its length, so that no two lists of values are the same key.
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        out.extend_from_slice(part);
    }
    true
}

fn value<'f>(
    source: &IdentitySource,
    kind: AuthorizerKind,
    facts: &'f EventFacts<'_>,
) -> Option<Cow<'f, [u8]>> {
    let is_rest = matches!(kind, AuthorizerKind::Token | AuthorizerKind::Request);
    match source {
        IdentitySource::Header(name) => {
            let name = name.as_bytes();
            let lines = facts.fields.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            chosen(lines.map(|it| Cow::Borrowed(it.value)), is_rest)
        }
        IdentitySource::Query(name) => {
            let format = if is_rest { Format::Rest } else { Format::Http2 };
            let query = Query::read(facts.query, format);
            chosen(query.into_values(name.as_bytes()), is_rest)
        }
        IdentitySource::StageVariable(name) => {
            let variables = facts.route.stage_variables;
            let (_, value) = variables.iter().find(|(known, _)| known == name)?;
            Some(Cow::Borrowed(value.as_bytes()))
        }
        IdentitySource::Context(name) => context(name, facts),
    }
}

/// Of several values: the last for REST APIs, as in the events; all of them for HTTP APIs.
fn chosen<'f>(
    mut values: impl Iterator<Item = Cow<'f, [u8]>>,
    is_rest: bool,
) -> Option<Cow<'f, [u8]>> {
    if is_rest {
        return values.last();
    }
    let mut all = values.next()?;
    for value in values {
        let all = all.to_mut();
        all.push(b',');
        all.extend_from_slice(&value);
    }
    Some(all)
}

/// What is known before an authorizer was asked. A name that is not there has no value, and the request
/// no identity.
fn context<'f>(name: &str, facts: &'f EventFacts<'_>) -> Option<Cow<'f, [u8]>> {
    let route = facts.route;
    let text: &str = match name {
        "accountId" => route.account_id,
        "apiId" => route.api_id,
        "deploymentId" => route.deployment_id,
        "httpMethod" | "http.method" => facts.method,
        "identity.apiKey" => facts.identity.api_key?,
        "identity.apiKeyId" => facts.identity.api_key_id?,
        "protocol" | "http.protocol" => "HTTP/1.1",
        "resourceId" => route.resource_id,
        "resourcePath" => route.resource_path,
        "routeKey" => route.route_key,
        "stage" => route.stage,
        "extendedRequestId" => return Some(Cow::Borrowed(facts.extended_request_id)),
        "requestId" => return Some(Cow::Borrowed(facts.request_id)),
        "domainName" => return Some(Cow::Borrowed(facts.host)),
        "domainPrefix" => {
            return facts.host.split(|byte| *byte == b'.').next().map(Cow::Borrowed);
        }
        "identity.sourceIp" | "http.sourceIp" => {
            return Some(Cow::Owned(facts.source_ip.to_string().into_bytes()));
        }
        "identity.userAgent" | "http.userAgent" => {
            let field = facts.fields.iter().rfind(|it| it.known == Known::UserAgent)?;
            return Some(Cow::Borrowed(field.value));
        }
        "path" | "http.path" => return Some(Cow::Owned(facts.context_path())),
        _ => return None,
    };
    Some(Cow::Borrowed(text.as_bytes()))
}
