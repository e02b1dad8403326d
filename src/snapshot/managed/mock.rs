//! MOCK integrations of REST APIs: all that they can answer is known when the stage is compiled.
//!
//! A request template gives a status, the status chooses an integration response, that has fields and
//! a template for the content. Templates with references or directives are not served yet.

use super::mapping::{Known, ResponseSource};
use super::rest_http::{Patterns, method_response};
use super::status_code::status_code;
use crate::model::{self, RESERVED_FIELDS, is_field_name, is_field_value};
use crate::resources::rest::{Integration, IntegrationResponse, Map, Method};
use crate::snapshot::Mock;

/// A MOCK integration.
#[derive(Debug, Clone)]
pub struct MappedMock {
    /// Media type (lower case) of a request to the position of its answer; `None` where the template
    /// gives none.
    choices: Box<[(Box<str>, Option<usize>)]>,
    /// What happens when no template fits.
    without_template: MockRefusal,
    answers: Box<[Answer]>,
}

/// One integration response: the same status and fields, a content per media type.
#[derive(Debug, Clone)]
struct Answer {
    /// Media type (lower case) that the client accepts to what it gets; at least one.
    by_accept: Box<[(Box<str>, Mock)]>,
    /// For clients that accept none of these.
    preferred: usize,
}

/// Why a MOCK integration has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MockRefusal {
    /// No template gives a status, or no response is declared for it.
    Misconfigured,
    /// There is no template for the content's type, and nothing may be passed through.
    UnsupportedMediaType,
}

/// What stands for a media type that is not given.
const DEFAULT_TYPE: &str = "application/json";

impl MappedMock {
    /// The answer, by the values of the request's `Content-Type` and `Accept`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn choose(
        &self,
        content_type: Option<&[u8]>,
        accept: Option<&[u8]>,
    ) -> Result<&Mock, MockRefusal> {
        let of = |media_type: &[u8]| {
            let is = |(name, _): &&(Box<str>, _)| name.as_bytes().eq_ignore_ascii_case(media_type);
            self.choices.iter().find(is)
        };
        let found = of(media_type(content_type)).or_else(|| of(b"$default"));
        let (_, choice) = found.ok_or(self.without_template)?;
        let answer = choice.and_then(|index| self.answers.get(index));
        let answer = answer.ok_or(MockRefusal::Misconfigured)?;
        let accepted = media_type(accept);
        let is = |(name, _): &&(Box<str>, Mock)| name.as_bytes().eq_ignore_ascii_case(accepted);
        let found = answer.by_accept.iter().find(is);
        let found = found.or_else(|| answer.by_accept.get(answer.preferred));
        found.map(|(_, mock)| mock).ok_or(MockRefusal::Misconfigured)
    }
}

/// The first media type of a field, without parameters.
fn media_type(value: Option<&[u8]>) -> &[u8] {
    let value = value.unwrap_or(DEFAULT_TYPE.as_bytes());
    let end = value.iter().position(|byte| matches!(byte, b';' | b','));
    value[..end.unwrap_or(value.len())].trim_ascii()
}

/// Compiles a MOCK integration. `warn` takes what is not served, and why.
pub(super) fn compile(
    method: &Method,
    integration: &Integration,
    known: &Known<'_>,
    warn: &mut impl FnMut(String),
) -> MappedMock {
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut choices = Vec::new();
    for (media_type, template) in &integration.request_templates {
        let template = template.as_deref().unwrap_or_default();
        let choice = answer_of(template, method, integration, known, &mut answers);
        let choice = choice.map_err(|reason| warn(format!("{media_type}: {reason}"))).ok();
        choices.push((media_type.to_ascii_lowercase().into(), choice));
    }
    if choices.is_empty() {
        warn("a MOCK integration needs a request template such as {\"statusCode\": 200}".into());
    }
    let without_template = match integration.passthrough_behavior.as_deref() {
        Some("NEVER") => MockRefusal::UnsupportedMediaType,
        Some("WHEN_NO_TEMPLATES") if !choices.is_empty() => MockRefusal::UnsupportedMediaType,
        // The content is passed through, and it is no template's output.
        _ => MockRefusal::Misconfigured,
    };
    MappedMock {
        choices: choices.into(),
        without_template,
        answers: answers.into_iter().map(|(_, answer)| answer).collect(),
    }
}

/// The position of the answer that a request template leads to.
fn answer_of(
    template: &str,
    method: &Method,
    integration: &Integration,
    known: &Known<'_>,
    answers: &mut Vec<(String, Answer)>,
) -> Result<usize, String> {
    if !is_static(template) {
        return Err("mapping templates are not served yet".to_owned());
    }
    let status = status_code(template)
        .ok_or("the request template gives no `statusCode`, an integer in an object")?;
    let response = Patterns::of(integration)?
        .choose(&status.to_string())
        .ok_or_else(|| format!("no integration response is declared for status {status}"))?;
    let key = &response.status_code;
    if let Some(index) = answers.iter().position(|(known, _)| known == key) {
        return Ok(index);
    }
    let status = method_response(method, key)?;
    answers.push((key.clone(), answer(status, response, known)?));
    Ok(answers.len() - 1)
}

fn answer(
    status: u16,
    response: &IntegrationResponse,
    known: &Known<'_>,
) -> Result<Answer, String> {
    let mut headers = Vec::new();
    for (target, expression) in response.response_parameters.iter().flatten() {
        let Some(name) = target.strip_prefix("method.response.header.") else { continue };
        // A back end that is none has no header fields.
        if let Some(ResponseSource::Literal(value)) = known.response_source(expression)? {
            headers.extend(field(name, &String::from_utf8_lossy(&value)));
        }
    }
    let empty = Map::from([(DEFAULT_TYPE.to_owned(), None)]);
    let templates = response.response_templates.as_ref().filter(|it| !it.is_empty());
    let templates = templates.unwrap_or(&empty);
    let is_mapped = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mut by_accept = Vec::new();
    for (media_type, template) in templates {
        let template = template.as_deref().unwrap_or_default();
        if !is_static(template) {
            return Err("mapping templates are not served yet".to_owned());
        }
        let mut headers = headers.clone();
        if !is_mapped && media_type != DEFAULT_TYPE {
            headers.extend(field("Content-Type", media_type));
        }
        let body = if matches!(status, 204 | 304) { "" } else { template };
        let mock = Mock::compile(&model::Mock { status, headers, body: body.to_owned() });
        by_accept.push((media_type.to_ascii_lowercase().into(), mock));
    }
    let preferred = by_accept.iter().position(|(name, _): &(Box<str>, _)| &**name == DEFAULT_TYPE);
    Ok(Answer { by_accept: by_accept.into(), preferred: preferred.unwrap_or(0) })
}

/// A field of an answer, unless it is the gateway's own or no valid one.
fn field(name: &str, value: &str) -> Option<(String, String)> {
    let is_reserved = RESERVED_FIELDS.contains(&name.to_ascii_lowercase().as_str());
    (!is_reserved && is_field_name(name) && is_field_value(value))
        .then(|| (name.to_owned(), value.to_owned()))
}

/// Whether a template is text without references and directives.
fn is_static(template: &str) -> bool {
    let starts = |lead: char, begins: fn(char) -> bool| {
        template.match_indices(lead).any(|(at, _)| template[at + 1..].starts_with(begins))
    };
    !starts('$', |it| it.is_ascii_alphabetic() || matches!(it, '{' | '!' | '_'))
        && !starts('#', |it| it.is_ascii_alphabetic() || matches!(it, '{' | '#' | '*' | '[' | '@'))
}
