//! `[access_log]` and `[api.access_log]`: one line per request, in the words of `$context`.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::problem::{ProblemKind, nearest};
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};
use crate::telemetry::access_log::format::JSON;
use crate::telemetry::access_log::preset;

/// The two tables differ only in their headers: an API's own table takes what it does not say from
/// the global one.
macro_rules! keys {
    ($destination_absent:expr, $format_absent:expr) => {
        &[
            Key {
                name: "destination",
                kind: Kind::Text(DESTINATIONS),
                absent: $destination_absent,
                example: "\"stdout\"",
                about: "Where lines go: `stdout`, `stderr`, `file:PATH` (appended to, reopened on SIGHUP), `syslog+unix:/dev/log`, `syslog+udp:ADDRESS:PORT` or `off`. Lines are written off the shards in bounded batches; when the destination cannot keep up, lines are dropped and counted, requests never wait.",
            },
            Key {
                name: "format",
                kind: Kind::Text("\"json\", \"clf\" or a line with `$context.` variables"),
                absent: $format_absent,
                example: "\"json\"",
                about: "`json`, `clf` (the common log format) or a line of your own with `$context.*` variables. Amazon's rules hold: one line, at most 3072 bytes, and it must hold `$context.requestId` or `$context.extendedRequestId`. Variables without a value print `-`.",
            },
        ]
    };
}

const DESTINATIONS: &str = "\"stdout\", \"stderr\", \"file:PATH\", \"syslog+unix:PATH\", \"syslog+udp:ADDRESS:PORT\" or \"off\"";

pub(super) static GLOBAL: Table = Table {
    header: "[access_log]",
    about: "The access log of every API that has none of its own. Without this table, and without one of its own, an API writes no access log.",
    keys: keys!(Absent::Default("\"stdout\""), Absent::Default("\"json\"")),
};

pub(super) static OF_API: Table = Table {
    header: "[api.access_log]",
    about: "The access log of one API.",
    keys: keys!(
        Absent::Means("as in `[access_log]`, else `\"stdout\"`"),
        Absent::Means("as in `[access_log]`, else `\"json\"`")
    ),
};

/// Longest format, Amazon's 3 KB.
const FORMAT_BYTES_MAX: usize = 3072;

/// Variables of HTTP and REST APIs (Amazon's access log references, both together; a variable that
/// the API's kind does not have prints `-`).
const VARIABLES: &[&str] = &[
    "accountId",
    "apiId",
    "authenticate.error",
    "authenticate.latency",
    "authenticate.status",
    "authorize.error",
    "authorize.latency",
    "authorize.status",
    "authorizer.error",
    "authorizer.integrationLatency",
    "authorizer.integrationStatus",
    "authorizer.latency",
    "authorizer.principalId",
    "authorizer.requestId",
    "authorizer.status",
    "awsEndpointRequestId",
    "awsEndpointRequestId2",
    "cipherSuite",
    "customDomain.basePathMatched",
    "customDomain.routingRuleIdMatched",
    "dataProcessed",
    "deploymentId",
    "domainName",
    "domainPrefix",
    "endpointType",
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "extendedRequestId",
    "httpMethod",
    "identity.accountId",
    "identity.apiKey",
    "identity.apiKeyId",
    "identity.caller",
    "identity.clientCert.clientCertPem",
    "identity.clientCert.issuerDN",
    "identity.clientCert.serialNumber",
    "identity.clientCert.subjectDN",
    "identity.clientCert.validity.notAfter",
    "identity.clientCert.validity.notBefore",
    "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType",
    "identity.cognitoIdentityId",
    "identity.cognitoIdentityPoolId",
    "identity.principalOrgId",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "identity.vpcId",
    "identity.vpceId",
    "integration.error",
    "integration.integrationStatus",
    "integration.latency",
    "integration.requestId",
    "integration.responseTransferMode",
    "integration.status",
    "integration.timeToAllHeaders",
    "integration.timeToFirstContent",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "isCanaryRequest",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "responseLatency",
    "responseLength",
    "responseOverride.status",
    "routeKey",
    "stage",
    "status",
    "tlsVersion",
    "waf.error",
    "waf.latency",
    "waf.status",
    "wafResponseCode",
    "webaclArn",
    "xrayTraceId",
];

/// Beginnings of variables whose rest is the user's own: claims, authorizer values, overrides.
const OPEN_VARIABLES: &[&str] = &[
    "authorizer.",
    "requestOverride.header.",
    "requestOverride.path.",
    "requestOverride.querystring.",
    "responseOverride.header.",
];

/// One access log: where lines go and what they say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessLog {
    /// Where lines go.
    pub destination: AccessLogDestination,
    /// The line with `$context.*` variables: known ones only, one line, at most 3 KiB. The presets
    /// (`json`, `clf`) are already spelled out.
    pub format: Box<str>,
}

/// Where access log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogDestination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to and reopened on SIGHUP.
    File(PathBuf),
    /// A syslog socket of this host, e.g. `/dev/log`.
    SyslogUnix(PathBuf),
    /// A syslog receiver by UDP.
    SyslogUdp(SocketAddr),
}

/// What an access log table says; `None` where it says nothing.
#[derive(Clone, Default)]
pub(super) struct Declared {
    destination: Option<Destination>,
    format: Option<Box<str>>,
}

/// A destination as declared.
#[derive(Clone)]
enum Destination {
    Off,
    To(AccessLogDestination),
}

/// Reads `[access_log]` or `[api.access_log]`.
pub(super) fn read(reader: &Reader<'_>) -> Declared {
    let destination = reader.read("destination", |value, key| destination(value, key, reader));
    let format = reader.read("format", format);
    // Checked outside of the parse function: one format may have several problems.
    if let (Some(format), Some(value)) = (&format, reader.raw("format")) {
        for kind in format_problems(format) {
            reader.findings.add(value.span(), kind);
        }
    }
    Declared { destination, format }
}

/// The access log of an API: its own table's words before the global one's.
pub(super) fn resolve(global: Option<&Declared>, own: Option<Declared>) -> Option<AccessLog> {
    let declared = match (global, own) {
        (None, None) => return None,
        (Some(global), None) => global.clone(),
        (global, Some(own)) => Declared {
            destination: own
                .destination
                .or_else(|| global.and_then(|global| global.destination.clone())),
            format: own.format.or_else(|| global.and_then(|global| global.format.clone())),
        },
    };
    let destination = match declared.destination {
        Some(Destination::Off) => return None,
        Some(Destination::To(destination)) => destination,
        None => AccessLogDestination::Stdout,
    };
    Some(AccessLog { destination, format: declared.format.unwrap_or_else(|| JSON.into()) })
}

fn destination(
    value: &DeValue<'_>,
    key: &Key,
    reader: &Reader<'_>,
) -> Result<Destination, Refused> {
    let text = text(value, key)?;
    let refused = || Refused::new("bad-destination", DESTINATIONS);
    Ok(Destination::To(match text {
        "off" => return Ok(Destination::Off),
        "stdout" => AccessLogDestination::Stdout,
        "stderr" => AccessLogDestination::Stderr,
        _ => match text.split_once(':').ok_or_else(refused)? {
            (_, "") => return Err(refused()),
            ("file", path) => AccessLogDestination::File(reader.findings.resolve(path)),
            ("syslog+unix", path) => AccessLogDestination::SyslogUnix(path.into()),
            ("syslog+udp", address) => {
                let address = address.parse().map_err(|_| {
                    let way_out =
                        "write an IP address and a port, as in \"syslog+udp:127.0.0.1:514\"";
                    Refused::with("bad-destination", DESTINATIONS, way_out.into())
                })?;
                AccessLogDestination::SyslogUdp(address)
            }
            _ => return Err(refused()),
        },
    }))
}

fn format(value: &DeValue<'_>, key: &Key) -> Result<Box<str>, Refused> {
    let text = text(value, key)?;
    if let Some(preset) = preset(text) {
        return Ok(preset.into());
    }
    match text {
        own if own.contains("$context.") => Ok(own.into()),
        other => Err(Refused {
            code: "bad-format",
            expected: key.kind.expected(),
            way_out: nearest(other, ["json", "clf"])
                .map(|near| format!("did you mean \"{near}\"?")),
        }),
    }
}

fn format_problems(format: &str) -> Vec<ProblemKind> {
    let mut problems = Vec::new();
    if format.len() > FORMAT_BYTES_MAX {
        let bytes = format.len();
        problems.push(ProblemKind::LogTooLong { bytes });
    }
    if format.contains(['\n', '\r']) {
        problems.push(ProblemKind::LogLineBreak);
    }
    let is_control = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if let Some(character) = format.chars().find(is_control) {
        problems.push(ProblemKind::LogControl { character });
    }
    // `$requestId` or `${context.requestId}`: meant as a variable, and would be printed as it stands.
    for (at, _) in format.match_indices('$') {
        let rest = &format[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_.{}".contains(c));
        let name = &rest[..end.unwrap_or(rest.len())];
        let is_meant =
            name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.starts_with("{c");
        if is_meant && !name.starts_with("context.") {
            problems.push(ProblemKind::LogDollar { name: name.into() });
        }
    }
    let names: Vec<&str> = variables(format).collect();
    if !names.iter().any(|name| matches!(*name, "requestId" | "extendedRequestId")) {
        problems.push(ProblemKind::LogWithoutRequestId);
    }
    for name in names {
        let is_open = OPEN_VARIABLES
            .iter()
            .any(|open| name.strip_prefix(open).is_some_and(|rest| !rest.is_empty()));
        if !VARIABLES.contains(&name) && !is_open {
            problems.push(ProblemKind::LogVariable {
                name: name.into(),
                nearest: nearest(name, VARIABLES.iter().copied()).map(Into::into),
            });
        }
    }
    problems
}

/// Names of the variables of a format: what follows `$context.`, as far as letters, digits, `_` and
/// dots between them go.
fn variables(format: &str) -> impl Iterator<Item = &str> {
    format.match_indices("$context.").map(|(at, lead)| {
        let rest = &format[at + lead.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c))
            .unwrap_or(rest.len());
        rest[..end].trim_end_matches('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::access_log::Format;
    use crate::telemetry::access_log::format::CLF;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn the_presets_obey_the_rules_for_formats() {
        assert_eq!(format_problems(CLF), []);
        assert_eq!(format_problems(JSON), []);
    }

    #[test]
    fn a_format_ends_at_three_kilobytes() {
        let lead = "$context.requestId ";
        let at_limit = format!("{lead}{}", "x".repeat(FORMAT_BYTES_MAX - lead.len()));
        assert_eq!(format_problems(&at_limit), []);
        let bytes = FORMAT_BYTES_MAX + 1;
        assert_eq!(format_problems(&(at_limit + "x")), [ProblemKind::LogTooLong { bytes }]);
    }

    proptest! {
        /// What is let through here is compiled by the shards, where nobody could be told any more.
        #[test]
        fn an_accepted_format_can_be_compiled(
            pieces in proptest::collection::vec(any_piece(), 0..6)
        ) {
            let format = format!("$context.requestId{}", pieces.concat());
            if format_problems(&format).is_empty() {
                let compiled = Format::parse(&format);
                prop_assert!(compiled.is_ok(), "{format:?}: {compiled:?}");
            }
        }
    }

    fn any_piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => select(VARIABLES).prop_map(|name| format!(" $context.{name}")),
            1 => select(OPEN_VARIABLES).prop_map(|open| format!("$context.{open}x-y:z")),
            1 => select(vec![".", "..", "$", "$$", "${", "{context", "context.", "-", "\t", "a", "\"", "5"])
                .prop_map(str::to_owned),
            1 => ".{0,3}",
        ]
    }

    #[test]
    fn the_presets_and_every_variable_can_be_compiled() {
        let variables = VARIABLES.iter().map(|name| format!("$context.requestId $context.{name}"));
        for format in variables.chain([CLF.to_owned(), JSON.to_owned()]) {
            assert!(Format::parse(&format).is_ok(), "{format}: {:?}", Format::parse(&format));
        }
    }

    #[test]
    fn a_dot_after_a_variable_is_text() {
        assert_eq!(
            variables("a $context.status. $context.authorizer.claims.sub,").collect::<Vec<_>>(),
            ["status", "authorizer.claims.sub"]
        );
    }

    #[test]
    fn the_authorizers_own_values_are_open() {
        assert_eq!(format_problems("$context.requestId $context.authorizer.tenant"), []);
    }
}
