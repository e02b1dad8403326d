//! Integrations with functions: proxies, and those of REST APIs whose templates make the event.

use super::StagePlace;
use super::mapping::RequestMapping;
use super::stage_variables::{Token, tokens};
use crate::model::PayloadFormat;
use crate::resources::function::LATEST;
use crate::resources::rest::Map;
use crate::snapshot::function::{Lambda, LambdaFacts};
use std::time::Duration;

/// What an integration without a time-out of its own has, by protocol.
pub(super) const REST_TIMEOUT: Duration = Duration::from_secs(29);
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// A function behind templates (`AWS`): they make its event, and the client's answer of its result.
#[derive(Debug, Clone)]
pub struct CustomLambda {
    /// The function.
    pub lambda: Lambda,
    /// The header fields that invoke it, `X-Amz-Invocation-Type` above all.
    pub mapping: RequestMapping,
}

/// Whether an integration's URI is that of a function's invocation.
pub(super) fn is_function_uri(uri: Option<&str>) -> bool {
    uri.is_some_and(|uri| {
        let behind = uri.strip_prefix("arn:aws:apigateway:");
        behind.is_some_and(|it| it.split_once(':').is_some_and(|(_, it)| it.starts_with("lambda:")))
    })
}

/// What was declared of an integration.
pub(super) struct Declared<'d> {
    /// A function's ARN, or that of its invocation by API Gateway.
    pub(super) uri: Option<&'d str>,
    pub(super) payload_format: PayloadFormat,
    /// 0 and below: none is declared.
    pub(super) timeout_in_millis: i64,
    /// Without one of its own.
    pub(super) timeout: Duration,
    pub(super) variables: &'d Map,
    /// The role in whose name the function is invoked.
    pub(super) role: Option<&'d str>,
    /// What of the facts is not found here.
    pub(super) facts: LambdaFacts,
}

/// Compiles an integration.
///
/// # Errors
/// Why it cannot be served.
pub(super) fn compile(place: &StagePlace<'_>, declared: Declared<'_>) -> Result<Lambda, String> {
    let uri = declared.uri.ok_or("it has no URI")?;
    let timeout = match u64::try_from(declared.timeout_in_millis) {
        Ok(millis @ 1..) => Duration::from_millis(millis),
        _ => declared.timeout,
    };
    let variables = declared.variables.iter();
    let variables = variables.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    Ok(Lambda {
        function: function_of(uri, declared.variables)?.into(),
        payload_format: declared.payload_format,
        timeout,
        needs_permission: declared.role.is_none_or(str::is_empty),
        facts: Box::new(LambdaFacts {
            region: place.region.into(),
            account_id: place.account_id.into(),
            stage_variables: variables.collect(),
            ..declared.facts
        }),
        edits: None,
    })
}

/// The ARN of the function that a URI means, with its qualifier unless that is `$LATEST`.
pub(super) fn function_of(uri: &str, variables: &Map) -> Result<String, String> {
    // Nothing in it is filled in from requests: a brace that is left makes it no ARN.
    let filled: String = tokens(uri, variables)
        .into_iter()
        .map(|token| match token {
            Token::Text(text) => text,
            Token::Placeholder(name) => format!("{{{name}}}"),
        })
        .collect();
    let arn = match filled.strip_prefix("arn:aws:apigateway:") {
        Some(rest) => rest
            .split_once(":lambda:path/")
            .and_then(|(_, path)| path.split_once("/functions/"))
            .and_then(|(_, function)| {
                let streamed = function.strip_suffix("/response-streaming-invocations");
                streamed.or_else(|| function.strip_suffix("/invocations"))
            }),
        None => Some(filled.as_str()),
    };
    arn.and_then(unqualified_latest).ok_or_else(|| format!("`{filled}` means no function"))
}

/// A function's ARN, if a text is one; without `$LATEST`, which is what one without a qualifier means.
fn unqualified_latest(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (name, qualifier) = match parts[..] {
        ["arn", "aws", "lambda", _, _, "function", name] => (name, None),
        ["arn", "aws", "lambda", _, _, "function", name, qualifier] => (name, Some(qualifier)),
        _ => return None,
    };
    let is_word = |text: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !text.is_empty() && text.bytes().all(is_letter)
    };
    if !is_word(name) {
        return None;
    }
    match qualifier {
        None => Some(text.to_owned()),
        Some(LATEST) => text.strip_suffix(":$LATEST").map(str::to_owned),
        Some(qualifier) => is_word(qualifier).then(|| text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

    fn variables() -> Map {
        [("fn", "hello"), ("alias", "prod"), ("trap", "x/y")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    }

    #[test]
    fn a_uri_means_a_function() {
        let invoked = |function: &str| {
            format!(
                "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:{function}/invocations"
            )
        };
        for (uri, expected) in [
            (format!("{ARN}:hello"), "hello"),
            (format!("{ARN}:hello:prod"), "hello:prod"),
            (format!("{ARN}:hello:7"), "hello:7"),
            (format!("{ARN}:hello:$LATEST"), "hello"),
            (format!("{ARN}:${{stageVariables.fn}}"), "hello"),
            (invoked("hello"), "hello"),
            (invoked("hello").replace("2015-03-31", "2021-11-15"), "hello"),
            (invoked("hello").replace("/invocations", "/response-streaming-invocations"), "hello"),
            (invoked("hello:prod"), "hello:prod"),
            (invoked("${stageVariables.fn}:${stageVariables.alias}"), "hello:prod"),
        ] {
            assert_eq!(function_of(&uri, &variables()), Ok(format!("{ARN}:{expected}")), "{uri}");
        }
    }

    #[test]
    fn what_means_no_function_is_refused() {
        for uri in [
            "",
            "http://a.test/",
            "arn:aws:lambda:us-east-1:000000000000:layer:x",
            "arn:aws:apigateway:us-east-1:s3:path/bucket",
            &format!("{ARN}:"),
            &format!("{ARN}:${{stageVariables.none}}"),
            &format!("{ARN}:${{stageVariables.trap}}"),
            &format!("{ARN}:{{name}}"),
            &format!("{ARN}:a:b:c"),
            &format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:a"),
        ] {
            assert!(function_of(uri, &variables()).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_timeout_is_the_declared_or_the_protocols() {
        let place = StagePlace::of("eu-west-1", "000000000000", "a");
        let timeout = |timeout_in_millis| {
            let declared = Declared {
                uri: Some("arn:aws:lambda:eu-west-1:000000000000:function:f"),
                payload_format: PayloadFormat::V1,
                timeout_in_millis,
                timeout: REST_TIMEOUT,
                variables: &variables(),
                role: None,
                facts: LambdaFacts::default(),
            };
            compile(&place, declared).unwrap().timeout
        };
        assert_eq!(timeout(0), REST_TIMEOUT);
        assert_eq!(timeout(50), Duration::from_millis(50));
    }
}
