//! Integrations whose templates are run per request: MOCK, HTTP and functions (AWS) of REST APIs.
//!
//! Everything that can be wrong with a template is found here: one that cannot be parsed is told as a
//! warning with its line and column, and requests that would need it are answered as Amazon does.

use super::lambda::CustomLambda;
use super::mapping::{Known, ResponseSource, answer_field};
use super::mock::MappedMock;
use super::rest_http::method_response;
use crate::resources::rest::{Integration, IntegrationResponse, Map, Method};
use crate::snapshot::HttpProxy;
use crate::template::{JavaPattern, Template};
use std::sync::Arc;

/// A MOCK or HTTP integration, or a function's that is none of a proxy.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// Answers of a MOCK integration that are the same for every request.
    pub fixed: Option<Box<MappedMock>>,
    /// The back end; a MOCK integration has none.
    pub proxy: Option<Box<HttpProxy>>,
    /// The function that is the back end instead.
    pub function: Option<Box<CustomLambda>>,
    /// What becomes of requests and answers.
    pub plan: Arc<Plan>,
}

/// What becomes of a request on its way to the integration, and of its answer on the way back.
#[derive(Debug)]
pub struct Plan {
    /// Media type (lower case) of the content to its template.
    pub templates: Box<[(Box<str>, Templating)]>,
    /// What happens to content without a template.
    pub passthrough: Passthrough,
    /// What becomes of binary content.
    pub handling: Option<ContentHandling>,
    /// The answers.
    pub answers: Answers,
}

/// What a media type's template does.
#[derive(Debug)]
pub enum Templating {
    /// It makes the content.
    Template(Template),
    /// The content passes as it is.
    Passes,
    /// It cannot be parsed: every request that needs it fails.
    Broken,
}

/// What happens to content whose type has no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passthrough {
    /// It passes.
    WhenNoMatch,
    /// It passes if there is no template at all.
    WhenNoTemplates,
    /// It is refused.
    Never,
}

/// How content is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentHandling {
    /// From base64.
    ToBinary,
    /// To base64 where it is binary.
    ToText,
}

impl ContentHandling {
    fn of(declared: Option<&str>) -> Option<Self> {
        match declared {
            Some("CONVERT_TO_BINARY") => Some(Self::ToBinary),
            Some("CONVERT_TO_TEXT") => Some(Self::ToText),
            _ => None,
        }
    }
}

/// The answers that a method declares, and which is chosen when.
#[derive(Debug)]
pub struct Answers {
    /// In ascending order of their status.
    patterned: Box<[(JavaPattern, usize)]>,
    default: Option<usize>,
    all: Box<[PlannedAnswer]>,
}

/// One integration response.
#[derive(Debug)]
pub struct PlannedAnswer {
    /// As declared.
    pub status_code: Box<str>,
    /// The selection pattern as declared; the default response has none.
    pub pattern: Option<Box<str>>,
    /// What the client gets; `None`: the method declares no such response.
    pub status: Option<u16>,
    /// Fields.
    pub headers: Box<[(Box<str>, ResponseSource)]>,
    /// Media type (as declared) to template.
    pub templates: Box<[(Box<str>, Templating)]>,
    /// What becomes of binary content.
    pub handling: Option<ContentHandling>,
}

impl Plan {
    /// The template for content of a media type. `None`: there is none, and it passes.
    ///
    /// # Errors
    /// It must not pass.
    pub fn template(&self, media_type: &str) -> Result<Option<&Templating>, Unsupported> {
        let of = |wanted: &str| {
            self.templates.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted))
        };
        if let Some((_, template)) = of(media_type).or_else(|| of("$default")) {
            return Ok(Some(template));
        }
        match self.passthrough {
            Passthrough::WhenNoMatch => Ok(None),
            Passthrough::WhenNoTemplates if self.templates.is_empty() => Ok(None),
            Passthrough::WhenNoTemplates | Passthrough::Never => Err(Unsupported),
        }
    }
}

/// There is no template for a media type, and its content must not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported;

impl Answers {
    /// The answer for a back end's status or error message: the first whose pattern matches all of
    /// it, else the one without a pattern.
    pub fn choose(&self, value: &str) -> Option<&PlannedAnswer> {
        let matching = self.patterned.iter().find(|(pattern, _)| pattern.matches(value));
        let index = matching.map(|(_, index)| *index).or(self.default);
        index.and_then(|index| self.all.get(index))
    }

    /// The answers with a pattern, in the order in which they are looked at, and whether theirs matches.
    pub fn tried(&self, value: &str) -> impl Iterator<Item = (&PlannedAnswer, bool)> {
        self.patterned.iter().filter_map(move |(pattern, index)| {
            Some((self.all.get(*index)?, pattern.matches(value)))
        })
    }

    /// The answer without a pattern.
    pub fn default(&self) -> Option<&PlannedAnswer> {
        self.default.and_then(|index| self.all.get(index))
    }
}

impl PlannedAnswer {
    /// The template for a client that accepts `media_type`, with the media type that it is for.
    pub fn template(&self, media_type: &str) -> Option<(&str, &Templating)> {
        let of = |wanted: &str| {
            self.templates.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted))
        };
        let found = of(media_type).or_else(|| of("application/json"));
        found.or_else(|| self.templates.first()).map(|(name, template)| (&**name, template))
    }
}

/// Compiles what is around an integration. `warn` takes what will not work, and why.
///
/// # Errors
/// Why none of it can be served.
pub(super) fn compile(
    method: &Method,
    declared: &Integration,
    known: &Known<'_>,
    warn: &mut impl FnMut(String),
) -> Result<Plan, String> {
    let passthrough = match declared.passthrough_behavior.as_deref() {
        Some("NEVER") => Passthrough::Never,
        Some("WHEN_NO_TEMPLATES") => Passthrough::WhenNoTemplates,
        _ => Passthrough::WhenNoMatch,
    };
    Ok(Plan {
        templates: templates(&declared.request_templates, "request template", warn),
        passthrough,
        handling: ContentHandling::of(declared.content_handling.as_deref()),
        answers: answers(method, declared, known, warn)?,
    })
}

fn templates(
    declared: &Map<Option<String>>,
    what: &str,
    warn: &mut impl FnMut(String),
) -> Box<[(Box<str>, Templating)]> {
    let compiled = declared.iter().map(|(media_type, text)| {
        let templating = match text.as_deref().filter(|it| !it.is_empty()) {
            None => Templating::Passes,
            Some(text) => match Template::parse(text) {
                Ok(template) => Templating::Template(template),
                Err(error) => {
                    warn(format!("{what} for {media_type}: {error}"));
                    Templating::Broken
                }
            },
        };
        (media_type.as_str().into(), templating)
    });
    compiled.collect()
}

fn answers(
    method: &Method,
    declared: &Integration,
    known: &Known<'_>,
    warn: &mut impl FnMut(String),
) -> Result<Answers, String> {
    let mut patterned = Vec::new();
    let mut default = None;
    let mut all = Vec::new();
    for response in declared.integration_responses.values() {
        let index = all.len();
        match response.selection_pattern.as_deref().filter(|it| !it.is_empty()) {
            None => default = default.or(Some(index)),
            Some(pattern) => {
                let compiled = JavaPattern::compile(pattern).map_err(|reason| {
                    format!("selection pattern `{pattern}` cannot be read: {reason}")
                })?;
                patterned.push((compiled, index));
            }
        }
        all.push(answer(method, response, known, warn)?);
    }
    Ok(Answers { patterned: patterned.into(), default, all: all.into() })
}

fn answer(
    method: &Method,
    response: &IntegrationResponse,
    known: &Known<'_>,
    warn: &mut impl FnMut(String),
) -> Result<PlannedAnswer, String> {
    let status_code = &response.status_code;
    let status = method_response(method, status_code).map_err(&mut *warn).ok();
    let mut headers = Vec::new();
    for (target, expression) in response.response_parameters.iter().flatten() {
        let Some(name) = target.strip_prefix("method.response.header.") else { continue };
        let Some(name) = answer_field(name) else { continue };
        if let Some(source) = known.response_source(expression)? {
            headers.push((name.into(), source));
        }
    }
    let what = format!("response template of {status_code}");
    let none = Map::new();
    Ok(PlannedAnswer {
        status_code: status_code.as_str().into(),
        pattern: response.selection_pattern.as_deref().filter(|it| !it.is_empty()).map(Into::into),
        status,
        headers: headers.into(),
        templates: templates(response.response_templates.as_ref().unwrap_or(&none), &what, warn),
        handling: ContentHandling::of(response.content_handling.as_deref()),
    })
}

/// Whether an HTTP integration needs more than the fields of an answer's head, so that its content has
/// to be kept until it is complete.
pub(super) fn is_needed(declared: &Integration, plan: &Plan, has_binary_types: bool) -> bool {
    let is_run = |templates: &[(Box<str>, Templating)]| {
        templates.iter().any(|(_, it)| !matches!(it, Templating::Passes))
    };
    let is_binary = has_binary_types || plan.handling.is_some();
    let refuses = match plan.passthrough {
        Passthrough::WhenNoMatch => false,
        Passthrough::WhenNoTemplates => !plan.templates.is_empty(),
        Passthrough::Never => true,
    };
    let needs_body =
        declared.request_parameters.values().any(|it| it.starts_with("method.request.body"));
    is_binary
        || refuses
        || needs_body
        || is_run(&plan.templates)
        || plan.answers.all.iter().any(|answer| {
            is_run(&answer.templates)
                || answer.handling.is_some()
                || answer.headers.iter().any(|(_, source)| !source.is_of_head())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_patterns_match_all_of_a_value_and_the_lowest_status_goes_first() {
        let method: Method = serde_json::from_value(serde_json::json!({
            "methodResponses": { "200": {}, "400": {}, "404": {}, "500": {} },
            "methodIntegration": { "integrationResponses": {
                "200": { "statusCode": "200" },
                "400": { "statusCode": "400", "selectionPattern": r"4\d{2}" },
                "404": { "statusCode": "404", "selectionPattern": "40.*" },
                "500": { "statusCode": "500", "selectionPattern": r"(\n|.)*four hundred(\n|.)*" },
            } },
        }))
        .unwrap();
        let variables = Map::new();
        let known = Known {
            place: &crate::snapshot::managed::StagePlace::of("r", "a", "i"),
            stage: "prod",
            variables: &variables,
            resource_path: "/",
            resource_id: "r",
            parameters: &[],
        };
        let integration = method.method_integration.as_ref().unwrap();
        let mut warnings = Vec::new();
        let mut warn = |it| warnings.push(it);
        let plan = compile(&method, integration, &known, &mut warn).unwrap();
        for (value, expected) in [
            ("404", "400"),
            ("4040", "404"),
            ("1404", "200"),
            ("200", "200"),
            ("say\nfour hundred\n!", "500"),
            ("", "200"),
        ] {
            assert_eq!(&*plan.answers.choose(value).unwrap().status_code, expected, "{value}");
        }
        // One for everything is as good as a default, but for what has line breaks.
        let mut any = integration.clone();
        any.integration_responses.retain(|status, _| status == "200");
        any.integration_responses.get_mut("200").unwrap().selection_pattern = Some(".*".into());
        let plan = compile(&method, &any, &known, &mut warn).unwrap();
        for (value, is_chosen) in [("503", true), ("", true), ("two\nlines", false)] {
            assert_eq!(plan.answers.choose(value).is_some(), is_chosen, "{value}");
        }
        let mut broken = integration.clone();
        broken.integration_responses.get_mut("400").unwrap().selection_pattern = Some("(".into());
        assert!(compile(&method, &broken, &known, &mut warn).is_err());
        assert_eq!(warnings, [""; 0]);
    }
}
