//! Speaks: names that nothing can ever set.

use super::{Finding, Subject};
use crate::template::Uses;

/// Names that people give to nothing on purpose, to compare with it.
const NOTHING: &[&str] = &["null", "nil", "none", "nothing", "void", "undefined", "NULL", "empty"];

/// What `$context` can hold, but for `authorizer` and `error`.
const CONTEXT: &[&str] = &[
    "accountId",
    "apiId",
    "awsEndpointRequestId",
    "deploymentId",
    "domainName",
    "domainPrefix",
    "extendedRequestId",
    "httpMethod",
    "identity",
    "isCanaryRequest",
    "path",
    "protocol",
    "requestId",
    "requestOverride",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "responseOverride",
    "stage",
    "wafResponseCode",
    "webaclArn",
    // What an access log may name; some are known before the integration, and Amazon documents them
    // together.
    "authenticate",
    "authorize",
    "customDomain",
    "endpointType",
    "integration",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "responseLatency",
    "responseLength",
    "status",
    "waf",
    "xrayTraceId",
];

const IDENTITY: &[&str] = &[
    "accountId",
    "apiKey",
    "apiKeyId",
    "caller",
    "clientCert",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "sourceIp",
    "user",
    "userAgent",
    "userArn",
    "vpcId",
    "vpceId",
];

/// Headers that clients, and what is in front of a gateway, send without being asked.
const HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "origin",
    "range",
    "referer",
    "referrer",
    "user-agent",
    "via",
];

/// Names that nothing sets, and what else can be said without running a template.
pub(super) fn check(text: &str, uses: &Uses, subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |at: u32, message: String| findings.push(Finding::new(text, at, message));
    for (at, source, name) in &uses.unset {
        if !NOTHING.contains(&name.as_str()) {
            find(*at, format!("`{source}` is never set: it is always nothing"));
        }
    }
    for (at, source, way) in &uses.context {
        if let Some(reason) = unknown(way, subject) {
            find(*at, format!("`{source}` is always nothing: {reason}"));
        }
    }
    if let Some(known) = &subject.stage_variables {
        for (at, name) in &uses.stage_variables {
            if !is_method(name) && !known.contains(&name.as_str()) {
                let known = listed(known.iter().copied());
                find(*at, format!("the stage has no variable `{name}`; it has {known}"));
            }
        }
    }
    for parameter in &uses.parameters {
        if let Some(reason) = undeclared(parameter, subject) {
            find(parameter.at, reason);
        }
    }
    for (at, source) in &uses.unknown_methods {
        find(*at, format!("`{source}` calls a method that no value has: it is always nothing"));
    }
    for (at, directive) in &uses.refused {
        find(*at, format!("`{directive}` fails: there are no other templates to read"));
    }
    for (at, length) in &uses.cut_loops {
        find(*at, format!("a loop of {length} rounds ends silently after 1000"));
    }
    findings
}

/// Why a variable of `$context` can never be there.
pub(super) fn unknown(way: &[String], subject: &Subject<'_>) -> Option<String> {
    let name = way.first()?.as_str();
    match name {
        "authorizer" if !subject.has_authorizer && !way.get(1).is_some_and(|it| is_method(it)) => {
            Some("the method has no authorizer".to_owned())
        }
        "authorizer" => None,
        "error" => Some("only gateway responses know of errors".to_owned()),
        "identity" => {
            let inner = way.get(1)?.as_str();
            let is_known = IDENTITY.contains(&inner) || is_method(inner);
            (!is_known).then(|| unknown_name("$context.identity", inner, IDENTITY))
        }
        name if CONTEXT.contains(&name) || is_method(name) => None,
        name => {
            let known: Vec<&str> = CONTEXT.iter().copied().chain(["authorizer", "error"]).collect();
            Some(unknown_name("$context", name, &known))
        }
    }
}

fn unknown_name(of: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("{of} has no `{name}`, did you mean `{near}`?"),
        None => format!("{of} has no `{name}`"),
    }
}

/// Why a parameter is never there.
fn undeclared(parameter: &crate::template::Parameter, subject: &Subject<'_>) -> Option<String> {
    let crate::template::Parameter { source, place, name, .. } = parameter;
    let is_path = subject.path.contains(name);
    let among = |declared: &[(String, bool)]| declared.iter().any(|(known, _)| known == name);
    let lower = name.to_ascii_lowercase();
    let is_usual = HEADERS.contains(&lower.as_str())
        || lower.starts_with("x-")
        || lower.starts_with("cloudfront-");
    if is_method(name) {
        return None;
    }
    match place.as_deref() {
        Some("path") => (!is_path).then(|| {
            let known = listed(subject.path.iter().map(String::as_str));
            format!(
                "`{source}` is always nothing: the path has no parameter `{name}`; it has {known}"
            )
        }),
        Some("querystring" | "header") => None,
        Some(other) => Some(format!(
            "`{source}` is always nothing: expected path, querystring or header, found `{other}`"
        )),
        None => {
            let is_declared = is_path
                || among(&subject.querystring)
                || subject.header.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            // Nothing has to be declared to be there. Who declares parameters forgot this one, or wrote
            // it otherwise.
            let declares = !subject.querystring.is_empty() || !subject.header.is_empty();
            let known = || {
                let others = subject.querystring.iter().chain(&subject.header);
                subject.path.iter().chain(others.map(|(name, _)| name)).map(String::as_str)
            };
            let near = nearest(name, known());
            if is_declared || is_usual || (!declares && near.is_none()) {
                return None;
            }
            Some(match near {
                Some(near) => {
                    format!("the method declares no parameter `{name}`, did you mean `{near}`?")
                }
                None => {
                    format!("the method declares no parameter `{name}`; it has {}", listed(known()))
                }
            })
        }
    }
}

/// Whether a name is one that every map has: `$context.authorizer.keySet()` names no variable.
fn is_method(name: &str) -> bool {
    matches!(name, "size" | "empty" | "class" | "keySet" | "entrySet" | "values")
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.take(8).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A known name that this one may be meant for: one letter away or two, or in other capitals.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = if name.len() > 5 { 2 } else { 1 };
    known
        .filter(|known| *known != name)
        .map(|known| (distance(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// Letters to change, add or leave out; two neighbours in each other's place count for one.
fn distance(one: &str, other: &str) -> usize {
    if is_swapped(one.as_bytes(), other.as_bytes()) {
        return 1;
    }
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, wanted) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

fn is_swapped(one: &[u8], other: &[u8]) -> bool {
    let differs = |(index, (a, b)): (usize, (&u8, &u8))| (a != b).then_some(index);
    let places: Vec<usize> = one.iter().zip(other).enumerate().filter_map(differs).collect();
    one.len() == other.len()
        && matches!(places[..], [first, second] if second == first + 1
            && one[first] == other[second] && one[second] == other[first])
}
