//! Format: the text that an access log's lines are made of, compiled once to literal pieces and
//! variables, so that writing a line is a walk over them without allocation.

use std::fmt;

use super::facts::Facts;
use super::value::{push_authorizer_value, push_value};
use super::variables::{self, Variable};

/// Amazon's limit for a format, bytes ("Set up access logging": 3 KB).
pub const FORMAT_BYTES_MAX: usize = 3 * 1024;

/// The preset `json`: the fields of Amazon's examples, with the latencies that one looks for first.
pub const JSON: &str = concat!(
    r#"{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","#,
    r#""requestTime":"$context.requestTime","api":"$context.apiId","stage":"$context.stage","#,
    r#""httpMethod":"$context.httpMethod","routeKey":"$context.routeKey","path":"$context.path","#,
    r#""status":"$context.status","protocol":"$context.protocol","#,
    r#""responseLength":"$context.responseLength","responseLatency":"$context.responseLatency","#,
    r#""integrationStatus":"$context.integrationStatus","#,
    r#""integrationLatency":"$context.integrationLatency","#,
    r#""userAgent":"$context.identity.userAgent"}"#
);

/// The preset `clf`: the common log format and the request id. Unlike Amazon's example for REST APIs
/// it has a space before the request and the path in place of the resource: programs that read the
/// format expect a request line there.
pub const CLF: &str = concat!(
    r#"$context.identity.sourceIp - - [$context.requestTime] "#,
    r#""$context.httpMethod $context.path $context.protocol" "#,
    "$context.status $context.responseLength $context.requestId"
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

    /// Compiles the format of a stage, which was accepted as Amazon accepts it: what is not known prints
    /// `-`, what is no variable stands for itself, and a line break is a blank.
    pub fn lenient(text: &str) -> Self {
        let text: String =
            text.chars().map(|it| if it.is_control() && it != '\t' { ' ' } else { it }).collect();
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(PREFIX) {
            let behind = &rest[start + PREFIX.len()..];
            let name = &behind[..variables::name_length(behind)];
            if start > 0 {
                pieces.push(Piece::Literal(rest[..start].into()));
            }
            match name {
                "" => pieces.push(Piece::Literal(PREFIX.into())),
                name => {
                    let variable = variables::find(name).unwrap_or(Variable::Unavailable);
                    pieces.push(Piece::Variable(name.into(), variable));
                }
            }
            rest = &behind[name.len()..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.into()));
        }
        Self { pieces: pieces.into() }
    }

    /// Appends one line, with its line feed. Allocates only when `out` has to grow.
    pub fn write(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Variable(name, Variable::AuthorizerValue) => {
                    let name = name.strip_prefix(variables::AUTHORIZER).unwrap_or_default();
                    push_authorizer_value(out, name, facts);
                }
                Piece::Variable(_, variable) => push_value(out, *variable, facts),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const FACTS: Facts<'static> = Facts {
        account_id: "000000000000",
        api_id: "a1b2c3d4e5",
        stage: "$default",
        deployment_id: "",
        resource_id: "",
        resource_path: "/products/{id}",
        route_key: "GET /products/{id}",
        request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        extended_request_id: "VwjwNFuUIAMFrRA=",
        xray_trace_id: "",
        http_method: b"GET",
        path: b"/v1/products/7",
        protocol: "HTTP/1.1",
        domain_name: b"shop.example.com",
        source_ip: "192.0.2.1",
        user_agent: b"curl/8.0 \"quoted\"",
        base_path_matched: "v1",
        routing_rule_matched: "rule1",
        endpoint_type: "REGIONAL",
        tls_version: "TLSv1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256",
        // 2024-02-29T23:59:58.765Z
        request_time: Duration::from_millis(1_709_251_198_765),
        status: 200,
        response_length: 27,
        response_latency: Duration::from_micros(12_999),
        data_processed: Some(27),
        integration_status: Some(201),
        function_status: None,
        integration_latency: Some(Duration::from_micros(11_001)),
        integration_error: "",
        integration_request_id: b"",
        integration_request_id_2: b"",
        response_transfer_mode: "STREAMED",
        time_to_all_headers: None,
        time_to_first_content: None,
        authorizer_principal_id: "",
        authorizer_values: &[],
        authorizer_latency: None,
        authorize_status: None,
        authorize_error: "",
        authorizer_status: None,
        authorizer_integration_status: None,
        authorizer_request_id: "",
        authorizer_error: "",
        error_message: "",
        error_response_type: "",
        validation_error: "",
        is_canary: None,
    };

    fn line(format: &str, facts: &Facts<'_>) -> String {
        let format = Format::parse(&format!("{format}$context.requestId")).unwrap();
        let mut out = Vec::new();
        format.write(facts, &mut out);
        let line = String::from_utf8(out).unwrap();
        let end = format!("{}\n", if facts.request_id.is_empty() { "-" } else { facts.request_id });
        line.strip_suffix(&end).unwrap().to_owned()
    }

    fn kind(text: &str) -> FormatProblemKind {
        Format::parse(text).unwrap_err().kind
    }

    #[test]
    fn a_stages_format_takes_what_amazon_takes() {
        let text = "json $context.status\n$context.nope.x $context. $x ${context.stage} 100$";
        let mut out = Vec::new();
        Format::lenient(text).write(&FACTS, &mut out);
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "json 200 - $context. $x ${context.stage} 100$\n");
    }

    #[test]
    fn the_presets_print_what_other_programs_read() {
        let mut out = Vec::new();
        Format::parse("clf").unwrap().write(&FACTS, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "192.0.2.1 - - [29/Feb/2024:23:59:58 +0000] \"GET /v1/products/7 HTTP/1.1\" 200 27 \
             c6af9ac6-7b61-11e6-9a41-93e8deadbeef\n"
        );
        let mut out = Vec::new();
        Format::parse("json").unwrap().write(&FACTS, &mut out);
        let record: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(record["ip"], "192.0.2.1");
        assert_eq!(record["routeKey"], "GET /products/{id}");
        assert_eq!(record["status"], "200");
        assert_eq!(record["requestTime"], "29/Feb/2024:23:59:58 +0000");
        assert_eq!(record.as_object().unwrap().len(), 15);
    }

    #[test]
    fn every_available_variable_prints_its_fact() {
        let values = [("tenant".into(), "acme".into())];
        let with_error = Facts {
            authorizer_principal_id: "user|1",
            authorizer_values: &values,
            authorizer_latency: Some(Duration::from_millis(7)),
            authorize_status: Some(403),
            authorize_error: "Forbidden",
            authorizer_status: Some(403),
            authorizer_integration_status: Some(200),
            authorizer_request_id: "q-1",
            authorizer_error: "no",
            error_message: "say \"no\"",
            error_response_type: "ACCESS_DENIED",
            validation_error: "[no]",
            is_canary: Some(true),
            integration_error: "refused",
            integration_request_id: b"r-1",
            integration_request_id_2: b"r-2",
            time_to_all_headers: Some(Duration::from_millis(3)),
            time_to_first_content: Some(Duration::from_millis(4)),
            deployment_id: "d1",
            resource_id: "r1",
            xray_trace_id: "Root=1-0-0",
            function_status: Some(418),
            ..FACTS
        };
        for (name, expected) in [
            ("accountId", "000000000000"),
            ("apiId", "a1b2c3d4e5"),
            ("authorize.error", "Forbidden"),
            ("authorize.latency", "0"),
            ("authorize.status", "403"),
            ("authorizer.error", "no"),
            ("authorizer.integrationLatency", "7"),
            ("authorizer.integrationStatus", "200"),
            ("authorizer.latency", "7"),
            ("authorizer.other", "-"),
            ("authorizer.principalId", "user|1"),
            ("authorizer.requestId", "q-1"),
            ("authorizer.status", "403"),
            ("authorizer.tenant", "acme"),
            ("awsEndpointRequestId", "r-1"),
            ("awsEndpointRequestId2", "r-2"),
            ("cipherSuite", "TLS_AES_128_GCM_SHA256"),
            ("customDomain.basePathMatched", "v1"),
            ("customDomain.routingRuleIdMatched", "rule1"),
            ("dataProcessed", "27"),
            ("deploymentId", "d1"),
            ("domainName", "shop.example.com"),
            ("domainPrefix", "shop"),
            ("endpointType", "REGIONAL"),
            ("error.message", r#"say \"no\""#),
            ("error.messageString", r#""say \"no\"""#),
            ("error.responseType", "ACCESS_DENIED"),
            ("error.validationErrorString", "[no]"),
            ("isCanaryRequest", "true"),
            ("extendedRequestId", "VwjwNFuUIAMFrRA="),
            ("httpMethod", "GET"),
            ("identity.sourceIp", "192.0.2.1"),
            ("identity.userAgent", r#"curl/8.0 \"quoted\""#),
            ("integration.error", "refused"),
            ("integration.integrationStatus", "201"),
            ("integration.latency", "11"),
            ("integration.requestId", "r-1"),
            ("integration.responseTransferMode", "STREAMED"),
            ("integration.status", "418"),
            ("integration.timeToAllHeaders", "3"),
            ("integration.timeToFirstContent", "4"),
            ("integrationErrorMessage", "refused"),
            ("integrationLatency", "11"),
            ("integrationStatus", "201"),
            ("path", "/v1/products/7"),
            ("protocol", "HTTP/1.1"),
            ("requestId", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
            ("requestTime", "29/Feb/2024:23:59:58 +0000"),
            ("requestTimeEpoch", "1709251198765"),
            ("resourceId", "r1"),
            ("resourcePath", "/products/{id}"),
            ("responseLatency", "12"),
            ("responseLength", "27"),
            ("routeKey", "GET /products/{id}"),
            ("stage", "$default"),
            ("status", "200"),
            ("tlsVersion", "TLSv1.3"),
            ("xrayTraceId", "Root=1-0-0"),
        ] {
            let found = line(&format!("$context.{name} "), &with_error);
            assert_eq!(found, format!("{expected} "), "{name}");
        }
    }

    #[test]
    fn whatever_is_not_known_prints_a_hyphen() {
        let always = ["requestTime", "requestTimeEpoch", "responseLatency", "responseLength"];
        for (name, _) in variables::NAMED {
            let expected = match *name {
                "requestTime" => "01/Jan/1970:00:00:00 +0000",
                name if always.contains(&name) => "0",
                _ => "-",
            };
            let found = line(&format!("$context.{name} "), &Facts::default());
            assert_eq!(found, format!("{expected} "), "{name}");
        }
        assert_eq!(line("$context.authorizer.tenant $context.waf.status ", &FACTS), "- - ");
    }

    #[test]
    fn dollars_and_dots_that_are_no_variable_stay() {
        assert_eq!(
            line("5$ $$ $1 $ ($context.status). $context.stage: ", &FACTS),
            "5$ $$ $1 $ (200). $default: "
        );
    }

    #[test]
    fn a_wrong_format_is_refused_with_its_place_and_a_way_out() {
        let problem = Format::parse("$context.requestId $context.responseLatncy!").unwrap_err();
        assert_eq!((problem.at, problem.length), (19, "$context.responseLatncy".len()));
        assert_eq!(
            problem.to_string(),
            "unknown variable `$context.responseLatncy`; did you mean `$context.responseLatency`?"
        );
        assert_eq!(
            kind("$context.weather $context.requestId").to_string(),
            "unknown variable `$context.weather`"
        );
        assert_eq!(
            kind("$context.requestId $stageVariables.x").to_string(),
            "unknown variable `$stageVariables.x`; an access log knows only `$context.` and a name, \
             such as `$context.requestId`"
        );
        for (text, name) in
            [("$context", "context"), ("$context.", "context"), ("$contxt.x", "contxt.x")]
        {
            let name = name.to_owned();
            assert_eq!(kind(text), FormatProblemKind::NotContext { name });
        }
        assert_eq!(kind("${context.requestId}"), FormatProblemKind::Braces);
        assert_eq!(kind("$context.requestId\n"), FormatProblemKind::LineBreak);
        assert_eq!(kind("a\r$context.requestId"), FormatProblemKind::LineBreak);
        assert_eq!(
            kind("$context.requestId \x1b").to_string(),
            "a log format has no control characters but tab, found U+001B"
        );
        assert!(Format::parse("$context.requestId\t$context.status").is_ok());
        assert_eq!(
            kind("$context.status").to_string(),
            "a log format must contain `$context.requestId` or `$context.extendedRequestId`"
        );
        assert_eq!(kind(""), FormatProblemKind::NoRequestId);
        assert!(Format::parse("$context.extendedRequestId").is_ok());
    }

    #[test]
    fn three_kilobytes_are_allowed_and_one_byte_more_is_not() {
        let id = "$context.requestId ";
        let longest = format!("{id}{}", "x".repeat(FORMAT_BYTES_MAX - id.len()));
        assert!(Format::parse(&longest).is_ok());
        let bytes = FORMAT_BYTES_MAX + 1;
        assert_eq!(kind(&format!("{longest}x")), FormatProblemKind::TooLong { bytes });
    }

    #[test]
    fn writing_into_a_buffer_with_room_does_not_move_it() {
        let mut out = Vec::with_capacity(4096);
        let before = (out.as_ptr(), out.capacity());
        Format::parse("json").unwrap().write(&FACTS, &mut out);
        assert_eq!((out.as_ptr(), out.capacity()), before);
    }

    fn any_format() -> impl Strategy<Value = String> {
        let names =
            prop::sample::select(variables::NAMED).prop_map(|(name, _)| format!("$context.{name}"));
        let piece = prop_oneof![
            3 => names,
            1 => "[a-zA-Z_]{1,8}".prop_map(|key| format!("$context.authorizer.{key}")),
            4 => "[ -~&&[^$]]{0,12}",
            1 => "[$][0-9 .]?",
        ];
        prop::collection::vec(piece, 0..12)
            .prop_map(|pieces| pieces.concat() + " $context.requestId")
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_problems_lie_within(text: String) {
            if let Err(problem) = Format::parse(&text) {
                prop_assert!(text.get(problem.at..problem.at + problem.length).is_some());
            }
        }

        #[test]
        fn variable_like_texts_do_not_either(text in "[$]?([$]context[.]?|[{}]|[a-z.:-]{0,9}|requestId|authorizer[.]claims[.]){0,6}") {
            let _ = Format::parse(&text);
        }

        #[test]
        fn a_format_prints_as_it_was_written(text in any_format()) {
            if let Ok(format) = Format::parse(&text) {
                prop_assert_eq!(format.to_string(), text.clone());
                prop_assert_eq!(Format::parse(&format.to_string()), Ok(format));
            }
        }

        /// Whatever a client sends, it is one line, it is valid JSON, and it says what was sent.
        #[test]
        fn a_client_cannot_forge_or_break_a_record(
            path: Vec<u8>, user_agent: Vec<u8>, method: Vec<u8>, host: Vec<u8>,
        ) {
            let format = Format::parse(
                r#"{"id":"$context.requestId","path":"$context.path","agent":"$context.identity.userAgent","method":"$context.httpMethod","host":"$context.domainName","prefix":"$context.domainPrefix"}"#,
            ).unwrap();
            let facts = Facts {
                path: &path,
                user_agent: &user_agent,
                http_method: &method,
                domain_name: &host,
                ..FACTS
            };
            let mut out = Vec::new();
            format.write(&facts, &mut out);
            prop_assert_eq!(out.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count(), 1);
            let record: serde_json::Value = serde_json::from_slice(&out).unwrap();
            for (name, sent) in [("path", &path), ("agent", &user_agent), ("method", &method), ("host", &host)] {
                let expected = if sent.is_empty() { "-".into() } else { String::from_utf8_lossy(sent) };
                prop_assert_eq!(record[name].as_str(), Some(&*expected));
            }
            for preset in ["json", "clf"] {
                let mut out = Vec::new();
                Format::parse(preset).unwrap().write(&facts, &mut out);
                prop_assert_eq!(memchr::memchr_iter(b'\n', &out).count(), 1);
                if preset == "json" {
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
                }
            }
        }
    }
}
