//! What is wrong with a configuration, in words for the person who wrote it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::RouteKeyError;

/// One thing wrong with a configuration. Checking goes on after the first and reports all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the source that the caret points at; line and column are computed when printed.
    pub span: Range<usize>,
    /// Where the first of two colliding declarations stands.
    pub first: Option<Range<usize>>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// Whether a problem stops the configuration from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used, but somebody should look.
    Warning,
}

/// The kinds of problems. Messages say what was expected, what was found and the way out, in the
/// user's own keys; never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The file cannot be opened or read.
    #[error("cannot read the configuration: {error}")]
    Unreadable {
        /// The system's words.
        error: String,
    },
    /// TOML's own rules are broken.
    #[error("{message}")]
    Syntax {
        /// The parser's words.
        message: String,
    },
    /// A key that its table does not have.
    #[error("unknown key `{key}` in {table}; {}", suggestion(nearest.as_deref(), known, "known keys are"))]
    UnknownKey {
        /// As written.
        key: String,
        /// The table's header.
        table: &'static str,
        /// The nearest known one.
        nearest: Option<String>,
        /// All of the table.
        known: Vec<String>,
    },
    /// A key that must be there is not.
    #[error("{table} needs `{key}`: {expected}, for example `{key} = {example}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The table's header.
        table: &'static str,
        /// What belongs there.
        expected: String,
        /// As TOML.
        example: &'static str,
    },
    /// A value that is not what its key takes.
    #[error("expected {expected} for `{key}`, found {found}{}", hint(way_out.as_deref()))]
    Value {
        /// Stable short name of the kind, e.g. `wrong-type`.
        code: &'static str,
        /// The key.
        key: String,
        /// What belongs there.
        expected: String,
        /// What stands there.
        found: String,
        /// How to write it instead.
        way_out: Option<String>,
    },
    /// Two listeners want the same address.
    #[error("{address} is already listened on at line {first_line}; give each listener its own")]
    DuplicateListener {
        /// As written.
        address: String,
        /// Line of the first.
        first_line: usize,
    },
    /// A name is used twice.
    #[error("{noun} `{name}` is declared twice; the first is at line {first_line}")]
    DuplicateName {
        /// What is named.
        noun: &'static str,
        /// The name.
        name: String,
        /// Line of the first.
        first_line: usize,
    },
    /// The same route key twice in one API.
    #[error("route `{route}` is declared twice; the first is at line {first_line}")]
    DuplicateRoute {
        /// The route key.
        route: String,
        /// Line of the first.
        first_line: usize,
    },
    /// Two route keys that take the same requests.
    #[error(
        "route `{route}` takes the same requests as `{other}` at line {first_line}: they differ only in the names of variables or in percent-encoding"
    )]
    SameRequests {
        /// The second.
        route: String,
        /// The first.
        other: String,
        /// Line of the first.
        first_line: usize,
    },
    /// Two APIs at the same address.
    #[error(
        "API `{name}` is served at the same place as `{other}` at line {first_line}: {place}; give one of them another `domain` or `base_path`"
    )]
    SameAddress {
        /// The second.
        name: String,
        /// The first.
        other: String,
        /// Domain and base path.
        place: String,
        /// Line of the first.
        first_line: usize,
    },
    /// A route key that cannot be read.
    #[error(transparent)]
    RouteKey(RouteKeyError),
    /// A route that only HTTP APIs have.
    #[error("a REST API has no `$default` route; use `ANY /` and `ANY /{{proxy+}}`")]
    DefaultInRest,
    /// A route that no request to a REST API can match.
    #[error(
        "a REST API ignores a slash at the end of a request's path, so `{route}` would never match; write `{without}`"
    )]
    TrailingSlashInRest {
        /// As written.
        route: String,
        /// Without the slash.
        without: String,
    },
    /// A literal that no raw path can equal.
    #[error(
        "a REST API compares the raw path, so `{segment}` would never match; write it percent-encoded"
    )]
    NotAsciiInRest {
        /// The segment.
        segment: String,
    },
    /// A placeholder that the route key does not declare.
    #[error(
        "placeholder `{{{name}}}` is not a variable of route `{route}`; {}",
        suggestion(nearest.as_deref(), declared, "its variables are")
    )]
    UnknownPlaceholder {
        /// The name.
        name: String,
        /// The route key.
        route: String,
        /// The nearest variable.
        nearest: Option<String>,
        /// The route's variables.
        declared: Vec<String>,
    },
    /// An upstream that is not declared.
    #[error("upstream `{name}` is not declared; {}", suggestion(nearest.as_deref(), declared, "declared are"))]
    UnknownUpstream {
        /// The name.
        name: String,
        /// The nearest declared one.
        nearest: Option<String>,
        /// All declared.
        declared: Vec<String>,
    },
    /// A function that is not declared.
    #[error("function `{name}` is not declared; {}", suggestion(nearest.as_deref(), declared, "declared are"))]
    UnknownFunction {
        /// The name.
        name: String,
        /// The nearest declared one.
        nearest: Option<String>,
        /// All declared.
        declared: Vec<String>,
    },
    /// An authorizer that is not declared.
    #[error("authorizer `{name}` is not declared; {}", suggestion(nearest.as_deref(), declared, "declared are"))]
    UnknownAuthorizer {
        /// The name.
        name: String,
        /// The nearest declared one.
        nearest: Option<String>,
        /// All declared.
        declared: Vec<String>,
    },
    /// An authorizer for a token, which only REST APIs have.
    #[error(
        "authorizer `{name}` has `type = \"token\"`, which HTTP APIs do not have; `type = \"request\"` has all of their headers"
    )]
    TokenInHttp {
        /// The name.
        name: String,
    },
    /// A payload format that REST APIs do not have.
    #[error(
        "a REST API has no `payload_format`: its events are those of format 1.0 with a context of its own"
    )]
    PayloadFormatInRest,
    /// Neither or both of the two ways to name a back end.
    #[error("an `http_proxy` integration needs either `upstream` or `url`, found {found}")]
    UpstreamOrUrl {
        /// `both` or `neither`.
        found: &'static str,
    },
    /// Neither or both of the two ways to say what a function runs.
    #[error("a function needs either `code` or `source`, found {found}")]
    CodeOrSource {
        /// `both` or `neither`.
        found: &'static str,
    },
    /// Source text for an executable.
    #[error(
        "a `provided` runtime has no `source`: its `code` is a folder with an executable `bootstrap`"
    )]
    SourceOfBootstrap,
    /// Development in sight of other hosts.
    #[error(
        "`watch` is for development, and {address} is reachable from other hosts; listen on 127.0.0.1, or leave `watch` out"
    )]
    WatchedInTheOpen {
        /// A listener.
        address: String,
    },
    /// `path` beside `url`.
    #[error("`path` is for `upstream`; with `url` write the path into the URL")]
    PathBesideUrl,
    /// Something that Amazon API Gateway has and this version does not serve.
    #[error("{what} is not served yet; served are {served}")]
    NotServed {
        /// What was asked for.
        what: String,
        /// What can be had.
        served: &'static str,
    },
    /// A field that the gateway writes itself.
    #[error("header `{name}` is set by the gateway itself and cannot be declared")]
    ReservedHeader {
        /// The field name.
        name: String,
    },
    /// Content where the status allows none.
    #[error("status {status} has no content (RFC 9110 section 6.4.1); leave `body` out")]
    BodyNotAllowed {
        /// The status.
        status: u16,
    },
    /// A file named by the configuration cannot be used.
    #[error("cannot use `{file}` as {what}: {error}")]
    File {
        /// As resolved.
        file: String,
        /// What it should hold.
        what: &'static str,
        /// Why not.
        error: String,
    },
    /// The management port open to the network without credentials.
    #[error(
        "{address} is reachable from other hosts but no [[management.credential]] is declared: anybody could change APIs; listen on 127.0.0.1 or declare credentials"
    )]
    OpenManagement {
        /// The address.
        address: String,
    },
    /// A credential in the environment that is not one. Its value is not shown: it is a secret.
    #[error("the environment's variable {variable} should be {expected}")]
    Environment {
        /// Which.
        variable: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A consistent hash over nothing.
    #[error("`balance = \"hash\"` needs `hash_on`: `\"client_address\"` or `\"header:NAME\"`")]
    HashOnMissing,
    /// A setting that has no effect.
    #[error(
        "`hash_on` has no effect with `balance = \"{balance}\"`; use `balance = \"hash\"` or leave it out"
    )]
    HashOnUnused {
        /// The balance.
        balance: String,
    },
    /// A variable that access logs do not have.
    #[error(
        "`$context.{name}` is not an access log variable{}",
        hint(nearest.as_ref().map(|nearest| format!("did you mean `$context.{nearest}`?")).as_deref())
    )]
    LogVariable {
        /// After `$context.`.
        name: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// A dollar sign that begins no variable.
    #[error(
        "`${name}` is not an access log variable; all of them begin with `$context.`, as `$context.requestId`"
    )]
    LogDollar {
        /// What follows the dollar sign.
        name: String,
    },
    /// A control character in a format.
    #[error("an access log format has no control characters but tab, found U+{:04X}", u32::from(*.character))]
    LogControl {
        /// The first of them.
        character: char,
    },
    /// A format without a request's identity.
    #[error(
        "an access log format must hold `$context.requestId` or `$context.extendedRequestId`, so that a line can be traced to its request"
    )]
    LogWithoutRequestId,
    /// A format that would break lines.
    #[error("an access log format is one line, found a line break")]
    LogLineBreak,
    /// A format beyond Amazon's limit.
    #[error("an access log format has at most 3072 bytes, found {bytes}")]
    LogTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Certificates that are not checked.
    #[error(
        "upstream `{upstream}` accepts any certificate (`insecure_skip_verify = true`): anybody between here and there can read and change its traffic"
    )]
    VerificationSkipped {
        /// The upstream.
        upstream: String,
    },
    /// What an operation of the management API refused, of a declared form.
    #[error("{message}")]
    Refused {
        /// The operation's words.
        message: String,
    },
    /// An upstream that no route uses.
    #[error("upstream `{name}` is not used by any route")]
    UnusedUpstream {
        /// Its name.
        name: String,
    },
}

impl ProblemKind {
    /// A stable short name, printed beside the message and used to search for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Syntax { .. } => "syntax",
            Self::UnknownKey { .. } => "unknown-key",
            Self::MissingKey { .. } => "missing-key",
            Self::Value { code, .. } => code,
            Self::DuplicateListener { .. } => "duplicate-listener",
            Self::DuplicateName { .. } => "duplicate-name",
            Self::DuplicateRoute { .. } => "duplicate-route",
            Self::SameRequests { .. } => "same-requests",
            Self::SameAddress { .. } => "same-address",
            Self::RouteKey(_) => "route-key",
            Self::DefaultInRest => "default-in-rest",
            Self::TrailingSlashInRest { .. } => "trailing-slash-in-rest",
            Self::NotAsciiInRest { .. } => "not-ascii-in-rest",
            Self::UnknownPlaceholder { .. } => "unknown-placeholder",
            Self::UnknownUpstream { .. } => "unknown-upstream",
            Self::UnknownFunction { .. } => "unknown-function",
            Self::UnknownAuthorizer { .. } => "unknown-authorizer",
            Self::TokenInHttp { .. } => "token-in-http",
            Self::PayloadFormatInRest => "payload-format-in-rest",
            Self::UpstreamOrUrl { .. } => "upstream-or-url",
            Self::CodeOrSource { .. } => "code-or-source",
            Self::WatchedInTheOpen { .. } => "watched-in-the-open",
            Self::SourceOfBootstrap => "source-of-bootstrap",
            Self::PathBesideUrl => "path-beside-url",
            Self::NotServed { .. } => "not-served",
            Self::ReservedHeader { .. } => "reserved-header",
            Self::BodyNotAllowed { .. } => "body-not-allowed",
            Self::File { .. } => "file",
            Self::OpenManagement { .. } => "open-management",
            Self::Environment { .. } => "environment",
            Self::HashOnMissing => "hash-on-missing",
            Self::HashOnUnused { .. } => "hash-on-unused",
            Self::LogVariable { .. } => "log-variable",
            Self::LogDollar { .. } => "log-dollar",
            Self::LogControl { .. } => "log-control",
            Self::LogWithoutRequestId => "log-without-request-id",
            Self::LogLineBreak => "log-line-break",
            Self::LogTooLong { .. } => "log-too-long",
            Self::VerificationSkipped { .. } => "verification-skipped",
            Self::Refused { .. } => "refused",
            Self::UnusedUpstream { .. } => "unused-upstream",
        }
    }

    /// Whether the configuration is refused for it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::VerificationSkipped { .. } | Self::UnusedUpstream { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// "did you mean" when something is near, else the list of what there is.
fn suggestion(nearest: Option<&str>, known: &[String], lead: &str) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => format!("{lead}: none"),
        None => format!("{lead}: {}", known.join(", ")),
    }
}

fn hint(way_out: Option<&str>) -> String {
    way_out.map_or_else(String::new, |way_out| format!("; {way_out}"))
}

/// The known word nearest to `found`, when it is near enough to be a slip of the fingers: less than
/// a third of the letters differ, or the words differ in case only.
pub(crate) fn nearest<'k>(
    found: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let lower = found.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= word.chars().count().max(lower.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// All problems of one configuration, in file order, with the text they are in.
#[derive(Debug, Clone)]
pub struct Problems {
    source: Source,
    list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(source: Source, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| (problem.span.start, problem.span.end));
        list.dedup();
        Self { source, list }
    }

    /// The problems in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many of them refuse the configuration.
    pub fn error_count(&self) -> usize {
        self.list.iter().filter(|problem| problem.kind.severity() == Severity::Error).count()
    }

    /// The text they are in.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl fmt::Display for Problems {
    /// One line per problem: `file:line:column: message`, for logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            let file = self.source.file.display();
            if let ProblemKind::Unreadable { .. } = problem.kind {
                write!(formatter, "{file}: {}", problem.kind)?;
                continue;
            }
            let (line, column) = self.source.position(problem.span.start);
            write!(formatter, "{file}:{line}:{column}: {}", problem.kind)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The text of a configuration and the name it is known by.
#[derive(Debug, Clone)]
pub struct Source {
    file: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(file: PathBuf, text: String) -> Self {
        let line_starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        Self { file, text, line_starts }
    }

    /// The name to print.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The text as it was read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text with what could be a secret starred out, byte for byte as long, for printing lines
    /// of it: whatever follows `secret_access_key =`, `private_key =` and an API key's `value =` on a
    /// line, and user and password of a URL.
    pub fn text_without_secrets(&self) -> String {
        let mut bytes = self.text.clone().into_bytes();
        for line in bytes.split_mut(|&byte| byte == b'\n') {
            let secret = memchr::memmem::find(line, b"secret_access_key")
                .or_else(|| memchr::memmem::find(line, b"private_key"))
                // An API key's, in the declared form.
                .or_else(|| line.trim_ascii_start().starts_with(b"value ").then_some(0));
            let value = secret.and_then(|at| Some(at + memchr::memchr(b'=', line.get(at..)?)?));
            if let Some(value) = value {
                star_out(&mut line[value + 1..]);
            }
            if let (Some(scheme), Some(at)) =
                (memchr::memmem::find(line, b"://"), memchr::memrchr(b'@', line))
                && scheme + 3 < at
            {
                star_out(&mut line[scheme + 3..at]);
            }
        }
        // Only whole lines' tails and runs ending at ASCII were replaced, each byte by an ASCII one.
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..at).unwrap_or_default();
        (line, String::from_utf8_lossy(before).chars().count() + 1)
    }
}

fn star_out(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b' ' && *byte != b'\r' {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let source = Source::new("x".into(), "a\nßb = 1\n".into());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(4), (2, 2), "ß is two bytes and one column");
        assert_eq!(source.position(99), (3, 1), "the end of the file is a place too");
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("burts", ["burst", "rate"]), Some("burst"));
        assert_eq!(nearest("get", ["GET", "PUT"]), Some("GET"));
        assert_eq!(nearest("banana", ["burst", "rate"]), None);
    }

    #[test]
    fn secrets_are_starred_out_and_nothing_moves() {
        let text = "access_key_id = \"A\"\nsecret_access_key = \"hush ß\"\nvalue = \"hush\"\nurl = \"postgres://u:p@h/d\"\n";
        let starred = Source::new("x".into(), text.into()).text_without_secrets();
        assert_eq!(starred.len(), text.len());
        assert!(!starred.contains("hush") && !starred.contains("u:p"));
        assert!(starred.contains("access_key_id = \"A\"") && starred.contains("@h/d"));
    }
}
