//! Format: the text that an access log's lines are made of, compiled once to literal pieces and
//! variables, so that writing a line is a walk over them without allocation.

use std::fmt;
use std::time::Duration;

use super::escape::push_escaped;
use super::facts::Facts;
use super::variables::{self, Variable};

/// Amazon's limit for a format, bytes ("Set up access logging": 3 KB).
pub const FORMAT_BYTES_MAX: usize = 3 * 1024;

/// The preset `json`: the fields of Amazon's example for REST APIs.
pub const JSON: &str = concat!(
    r#"{"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","#,
    r#""ip":"$context.identity.sourceIp","caller":"$context.identity.caller","#,
    r#""user":"$context.identity.user","requestTime":"$context.requestTime","#,
    r#""httpMethod":"$context.httpMethod","resourcePath":"$context.resourcePath","#,
    r#""status":"$context.status","protocol":"$context.protocol","#,
    r#""responseLength":"$context.responseLength"}"#
);

/// The preset `clf`: Amazon's Common Log Format for REST APIs, which has no space before the request.
pub const CLF: &str = concat!(
    "$context.identity.sourceIp $context.identity.caller $context.identity.user ",
    r#"[$context.requestTime]"$context.httpMethod $context.resourcePath $context.protocol" "#,
    "$context.status $context.responseLength $context.requestId $context.extendedRequestId"
);

/// The text behind a preset's name: `json` or `clf`.
pub fn preset(name: &str) -> Option<&'static str> {
    match name {
        "json" => Some(JSON),
        "clf" => Some(CLF),
        _ => None,
    }
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pieces: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    /// The name as written, for printing the format, and what it stands for.
    Variable(Box<str>, Variable),
}

/// What is wrong with a format, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FormatProblem {
    /// Where in the text, in bytes.
    pub at: usize,
    /// How many bytes are meant; may be 0.
    pub length: usize,
    /// What.
    pub kind: FormatProblemKind,
}

/// What is wrong with a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatProblemKind {
    /// No such name is documented.
    #[error("unknown variable `$context.{name}`{}", did_you_mean(*.suggestion))]
    UnknownVariable {
        /// The name after `$context.`.
        name: String,
        /// The known name most like it.
        suggestion: Option<&'static str>,
    },
    /// `$` and a word that is not `context.` and a name.
    #[error(
        "unknown variable `${name}`; an access log knows only `$context.` and a name, such as `$context.requestId`"
    )]
    NotContext {
        /// The word after `$`.
        name: String,
    },
    /// `${context.x}`.
    #[error("variables of an access log are written without braces, as in `$context.requestId`")]
    Braces,
    /// A format is one line.
    #[error("a log format is a single line, found a line break")]
    LineBreak,
    /// Another control character than tab.
    #[error("a log format has no control characters but tab, found U+{:04X}", u32::from(*.character))]
    ControlCharacter {
        /// Which.
        character: char,
    },
    /// Beyond [`FORMAT_BYTES_MAX`].
    #[error("expected a log format of at most {FORMAT_BYTES_MAX} bytes, found {bytes}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Amazon asks for one of the ids, so that a line can be found again.
    #[error("a log format must contain `$context.requestId` or `$context.extendedRequestId`")]
    NoRequestId,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean `$context.{name}`?"))
}

impl Format {
    /// Compiles a format: the name of a preset (`json`, `clf`), or the text itself.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, FormatProblem> {
        let text = preset(text).unwrap_or(text);
        if text.len() > FORMAT_BYTES_MAX {
            let bytes = text.len();
            return Err(problem(0, bytes, FormatProblemKind::TooLong { bytes }));
        }
        if let Some((at, character)) =
            text.char_indices().find(|(_, character)| character.is_control() && *character != '\t')
        {
            let kind = match character {
                '\n' | '\r' => FormatProblemKind::LineBreak,
                _ => FormatProblemKind::ControlCharacter { character },
            };
            return Err(problem(at, character.len_utf8(), kind));
        }

        let mut pieces = Vec::new();
        let mut literal_from = 0;
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$').map(|offset| at + offset) {
            match variable_at(text, dollar)? {
                None => at = dollar + 1,
                Some((name, variable)) => {
                    if literal_from < dollar {
                        pieces.push(Piece::Literal(text[literal_from..dollar].into()));
                    }
                    at = dollar + PREFIX.len() + name.len();
                    literal_from = at;
                    pieces.push(Piece::Variable(name.into(), variable));
                }
            }
        }
        if literal_from < text.len() {
            pieces.push(Piece::Literal(text[literal_from..].into()));
        }

        let has_id = pieces.iter().any(|piece| {
            matches!(piece, Piece::Variable(_, Variable::RequestId | Variable::ExtendedRequestId))
        });
        if !has_id {
            return Err(problem(0, text.len(), FormatProblemKind::NoRequestId));
        }
        Ok(Self { pieces: pieces.into() })
    }

    /// Appends one line, with its line feed. Allocates only when `out` has to grow.
    pub fn write(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Variable(_, variable) => write_variable(*variable, facts, out),
            }
        }
        out.push(b'\n');
    }
}

/// The format as it can be parsed again.
impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.write_str(text)?,
                Piece::Variable(name, _) => write!(out, "{PREFIX}{name}")?,
            }
        }
        Ok(())
    }
}

const PREFIX: &str = "$context.";

/// The variable at a `$`, or `None` when the `$` stands for itself.
fn variable_at(text: &str, dollar: usize) -> Result<Option<(&str, Variable)>, FormatProblem> {
    let rest = &text[dollar..];
    if let Some(after) = rest.strip_prefix(PREFIX) {
        let name = &after[..variables::name_length(after)];
        if let Some(variable) = variables::find(name) {
            return Ok(Some((name, variable)));
        }
        if !name.is_empty() {
            let kind = FormatProblemKind::UnknownVariable {
                name: name.to_owned(),
                suggestion: variables::nearest(name),
            };
            return Err(problem(dollar, PREFIX.len() + name.len(), kind));
        }
    }
    if rest.starts_with("${context") {
        return Err(problem(dollar, "${context".len(), FormatProblemKind::Braces));
    }
    let name = &rest[1..1 + variables::name_length(&rest[1..])];
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        let kind = FormatProblemKind::NotContext { name: name.to_owned() };
        return Err(problem(dollar, 1 + name.len(), kind));
    }
    Ok(None)
}

fn problem(at: usize, length: usize, kind: FormatProblemKind) -> FormatProblem {
    FormatProblem { at, length, kind }
}

fn write_variable(variable: Variable, facts: &Facts<'_>, out: &mut Vec<u8>) {
    let text: &[u8] = match variable {
        Variable::Unavailable => b"",
        Variable::AccountId => facts.account_id.as_bytes(),
        Variable::ApiId => facts.api_id.as_bytes(),
        Variable::BasePathMatched => facts.base_path_matched.as_bytes(),
        Variable::CipherSuite => facts.cipher_suite.as_bytes(),
        Variable::DeploymentId => facts.deployment_id.as_bytes(),
        Variable::DomainName => facts.domain_name,
        Variable::DomainPrefix => first_label(facts.domain_name),
        Variable::EndpointType => facts.endpoint_type.as_bytes(),
        Variable::ErrorMessage => facts.error_message.as_bytes(),
        Variable::ErrorResponseType => facts.error_response_type.as_bytes(),
        Variable::ExtendedRequestId => facts.extended_request_id.as_bytes(),
        Variable::HttpMethod => facts.http_method,
        Variable::IntegrationError => facts.integration_error.as_bytes(),
        Variable::IntegrationRequestId => facts.integration_request_id,
        Variable::IntegrationRequestId2 => facts.integration_request_id_2,
        Variable::Path => facts.path,
        Variable::Protocol => facts.protocol.as_bytes(),
        Variable::RequestId => facts.request_id.as_bytes(),
        Variable::ResourceId => facts.resource_id.as_bytes(),
        Variable::ResourcePath => facts.resource_path.as_bytes(),
        Variable::ResponseTransferMode => facts.response_transfer_mode.as_bytes(),
        Variable::RouteKey => facts.route_key.as_bytes(),
        Variable::SourceIp => facts.source_ip.as_bytes(),
        Variable::Stage => facts.stage.as_bytes(),
        Variable::TlsVersion => facts.tls_version.as_bytes(),
        Variable::UserAgent => facts.user_agent,
        Variable::XrayTraceId => facts.xray_trace_id.as_bytes(),

        Variable::ErrorMessageString => {
            if facts.error_message.is_empty() {
                b""
            } else {
                out.push(b'"');
                push_escaped(out, facts.error_message.as_bytes());
                out.push(b'"');
                return;
            }
        }
        Variable::RequestTime => return push_clf_time(out, facts.request_time),
        Variable::RequestTimeEpoch => return push_milliseconds(out, facts.request_time),
        Variable::ResponseLatency => return push_milliseconds(out, facts.response_latency),
        Variable::ResponseLength => return push_number(out, facts.response_length),
        Variable::Status => match facts.status {
            0 => b"",
            status => return push_number(out, status.into()),
        },
        Variable::DataProcessed => match facts.data_processed {
            None => b"",
            Some(bytes) => return push_number(out, bytes),
        },
        Variable::IntegrationStatus => match facts.integration_status {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::FunctionStatus => match facts.function_status.or(facts.integration_status) {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::IntegrationLatency => match facts.integration_latency {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
        Variable::TimeToAllHeaders => match facts.time_to_all_headers {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
        Variable::TimeToFirstContent => match facts.time_to_first_content {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
    };
    if text.is_empty() {
        out.push(b'-');
    } else {
        push_escaped(out, text);
    }
}

fn first_label(domain_name: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'.', domain_name).unwrap_or(domain_name.len());
    &domain_name[..end]
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    // u64::MAX has 20 digits.
    let mut digits = [b'0'; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

fn push_milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let milliseconds =
        duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()));
    push_number(out, milliseconds);
}

/// `dd/Mon/yyyy:HH:MM:SS +0000`, always UTC as Amazon's. By hand, because it is in nearly every line
/// and a time library's formatter costs ten times as much.
fn push_clf_time(out: &mut Vec<u8>, since_epoch: Duration) {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let second = seconds % 86_400;
    let two = |number: u64| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    let mut text = *b"00/Jan/0000:00:00:00 +0000";
    text[0..2].copy_from_slice(&two(day));
    let from = 3 * (month as usize - 1);
    text[3..6].copy_from_slice(&MONTHS[from..from + 3]);
    text[7..9].copy_from_slice(&two(year / 100));
    text[9..11].copy_from_slice(&two(year));
    text[12..14].copy_from_slice(&two(second / 3600));
    text[15..17].copy_from_slice(&two(second / 60 % 60));
    text[18..20].copy_from_slice(&two(second % 60));
    out.extend_from_slice(&text);
}

/// Year, month (1-12) and day (1-31) of a day since 1970-01-01 in the Gregorian calendar. Years are
/// counted from March, so that the leap day is the last, in cycles of 400 years of 146 097 days.
fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    let day = days_since_epoch + 719_468; // since 0000-03-01
    let cycle = day / 146_097;
    let day_of_cycle = day % 146_097;
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year, month, day_of_month)
}
