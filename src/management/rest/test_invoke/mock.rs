//! Mocks with templates of plain text.

use super::request::Request;
use super::{Failure, Response};
use crate::resources::rest::{Integration, IntegrationResponse, Method};
use regex::Regex;
use std::sync::LazyLock;

/// The content type of every test call, and of its answer.
const CONTENT_TYPE: &str = "application/json";

/// What a mock answers.
pub(super) fn answer(
    method: &Method,
    integration: &Integration,
    request: &Request,
    request_id: &str,
) -> Result<Response, Failure> {
    let chosen = match request_template(integration, &request.body)? {
        Some(text) => {
            let status = status_code(text).ok_or_else(|| {
                configuration("Unable to parse statusCode. It should be an integer that is defined in the request template.")
            })?;
            choose(integration, status).ok_or_else(|| {
                configuration(format!(
                    "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {status}"
                ))
            })?
        }
        None => default_response(integration).ok_or_else(|| {
            configuration("No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 200")
        })?,
    };
    let code = &chosen.status_code;
    if !method.method_responses.contains_key(code) {
        return Err(configuration(format!(
            "Output mapping refers to an invalid method response: {code}"
        )));
    }
    let status = code.parse().map_err(|_| configuration(format!("Invalid status code: {code}")))?;
    let templates = chosen.response_templates.as_ref();
    let template = templates.and_then(|it| it.get(CONTENT_TYPE).or_else(|| it.values().next()));
    let body = template.and_then(Option::as_deref).unwrap_or_default();
    plain(body)?;
    let mut headers = vec![("Content-Type".to_owned(), CONTENT_TYPE.to_owned())];
    for (parameter, expression) in chosen.response_parameters.iter().flatten() {
        let Some(name) = parameter.strip_prefix("method.response.header.") else { continue };
        let Some(value) = value(expression, request, request_id)? else { continue };
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value));
    }
    Ok(Response { status, headers, body: body.to_owned() })
}

fn configuration(reason: impl Into<String>) -> Failure {
    Failure::Configuration(reason.into())
}

/// The text that says the status: the template, or the body where it passes. `None` where neither
/// says anything.
fn request_template<'a>(
    integration: &'a Integration,
    body: &'a str,
) -> Result<Option<&'a str>, Failure> {
    let templates = &integration.request_templates;
    if let Some(template) = templates.get(CONTENT_TYPE).or_else(|| templates.get("$default")) {
        let template = template.as_deref().unwrap_or_default();
        plain(template)?;
        return Ok(Some(template));
    }
    let passes = match integration.passthrough_behavior.as_deref() {
        Some("NEVER") => false,
        Some("WHEN_NO_TEMPLATES") => templates.is_empty(),
        _ => true,
    };
    if !passes {
        return Err(Failure::UnsupportedMediaType);
    }
    Ok(Some(body).filter(|body| !body.trim().is_empty()))
}

/// Refuses what is more than plain text.
fn plain(template: &str) -> Result<(), Failure> {
    if template.contains(['$', '#']) {
        return Err(configuration(
            "Mapping templates with references or directives are not run in test calls yet",
        ));
    }
    Ok(())
}

/// The `statusCode` of a mock's lenient JSON: keys may be without quotes or in single ones, commas
/// may be too many, and what follows may be anything as long as the object is closed.
fn status_code(text: &str) -> Option<i64> {
    static STATUS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(?s)^\s*\{(?:.*?[,\s])??\s*(?:"statusCode"|'statusCode'|statusCode)\s*:\s*(-?\d+)\s*(?:,.*)?\}"#,
        )
        .ok()
    });
    STATUS.as_ref()?.captures(text)?.get(1)?.as_str().parse().ok()
}

/// The integration response of a status: the first by status code whose pattern matches all of it,
/// else the default.
fn choose(integration: &Integration, status: i64) -> Option<&IntegrationResponse> {
    let status = status.to_string();
    let matches = |response: &&IntegrationResponse| {
        let pattern = response.selection_pattern.as_deref().filter(|it| !it.is_empty());
        let regex = pattern.and_then(|it| fancy_regex::Regex::new(&format!("^(?:{it})$")).ok());
        regex.is_some_and(|regex| regex.is_match(&status).unwrap_or(false))
    };
    let matching = integration.integration_responses.values().find(matches);
    matching.or_else(|| default_response(integration))
}

/// The response without a pattern.
fn default_response(integration: &Integration) -> Option<&IntegrationResponse> {
    let is_default =
        |it: &&IntegrationResponse| it.selection_pattern.as_deref().is_none_or(str::is_empty);
    integration.integration_responses.values().find(is_default)
}

/// The value of a header's expression; `None` where there is nothing that it names.
fn value(expression: &str, request: &Request, request_id: &str) -> Result<Option<String>, Failure> {
    let quoted = expression.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    if let Some(text) = quoted {
        return Ok(Some(text.to_owned()));
    }
    if let Some(name) = expression.strip_prefix("stageVariables.") {
        return Ok(request.stage_variables.get(name).cloned());
    }
    if expression == "context.requestId" {
        return Ok(Some(request_id.to_owned()));
    }
    // A mock has no headers, and its body is what the template says.
    if expression.starts_with("integration.response.header.")
        || expression.starts_with("integration.response.multivalueheader.")
    {
        return Ok(None);
    }
    Err(configuration(format!("The expression {expression} is not evaluated in test calls yet")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_status_is_read_leniently_but_not_out_of_anything() {
        for text in [
            r#"{"statusCode": 200}"#,
            "{ statusCode: 200 }",
            "{'statusCode': 200, '': ''}",
            r#"{"statusCode": 200 ,, }"#,
            "{statusCode: 200, foo}: [ba r]}",
            r#"{"a": 1, "statusCode": 200}"#,
        ] {
            assert_eq!(status_code(text), Some(200), "{text}");
        }
        for text in [
            r#"{"statusCode": "200"}"#,
            r#"{"statusCode': 200 }"#,
            "{'statusCode: 200 }",
            "statusCode: 200",
            r#"{"statusCode": 200"#,
            r#"{"notStatusCode": 200}"#,
            "",
        ] {
            assert_eq!(status_code(text), None, "{text}");
        }
        assert_eq!(status_code("{statusCode: -1}"), Some(-1));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,60}") {
            status_code(&text);
        }
    }
}
