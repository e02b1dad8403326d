//! MOCK integrations of REST APIs, as far as their answers are known when the stage is compiled.
//!
//! A request template gives a status, the status chooses an integration response, that has fields and
//! a template for the content. Where all of these are plain text the answer is made here, once; what is
//! left is run per request ([`super::plan`]).

use super::mapping::{Known, ResponseSource, answer_field};
use super::rest_http::{Patterns, method_response};
use super::status_code::status_code;
use crate::model::{self, is_field_value};
use crate::resources::rest::{Integration, IntegrationResponse, Map, Method};
use crate::snapshot::Mock;

/// The ready-made answers of a MOCK integration.
#[derive(Debug, Clone)]
pub struct MappedMock {
    /// Media type (lower case) of a request to the position of its answer; `None` where there is none
    /// that could be made beforehand.
    choices: Box<[(Box<str>, Option<usize>)]>,
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

/// What stands for a media type that is not given.
const DEFAULT_TYPE: &str = "application/json";

impl MappedMock {
    /// The answer, by the values of the request's `Content-Type` and `Accept`. `None`: none was made
    /// beforehand.
    pub fn choose(&self, content_type: Option<&[u8]>, accept: Option<&[u8]>) -> Option<&Mock> {
        let of = |media_type: &[u8]| {
            let is = |(name, _): &&(Box<str>, _)| name.as_bytes().eq_ignore_ascii_case(media_type);
            self.choices.iter().find(is)
        };
        let (_, choice) = of(media_type(content_type)).or_else(|| of(b"$default"))?;
        let answer = choice.and_then(|index| self.answers.get(index))?;
        let accepted = media_type(accept);
        let is = |(name, _): &&(Box<str>, Mock)| name.as_bytes().eq_ignore_ascii_case(accepted);
        let found = answer.by_accept.iter().find(is);
        let found = found.or_else(|| answer.by_accept.get(answer.preferred));
        found.map(|(_, mock)| mock)
    }
}

/// The first media type of a field, without parameters.
fn media_type(value: Option<&[u8]>) -> &[u8] {
    let value = value.unwrap_or(DEFAULT_TYPE.as_bytes());
    let end = value.iter().position(|byte| matches!(byte, b';' | b','));
    value[..end.unwrap_or(value.len())].trim_ascii()
}

/// Makes the answers of a MOCK integration that can be made beforehand. `warn` takes what will not work,
/// and why. `None`: there are none.
pub(super) fn compile(
    method: &Method,
    integration: &Integration,
    known: &Known<'_>,
    warn: &mut impl FnMut(String),
) -> Option<MappedMock> {
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut choices = Vec::new();
    for (media_type, template) in &integration.request_templates {
        let template = template.as_deref().unwrap_or_default();
        let choice = answer_of(template, method, integration, known, &mut answers);
        let choice = choice.map_err(|reason| warn(format!("{media_type}: {reason}")));
        choices.push((media_type.to_ascii_lowercase().into(), choice.ok().flatten()));
    }
    let answers: Box<[Answer]> = answers.into_iter().map(|(_, answer)| answer).collect();
    (!answers.is_empty()).then(|| MappedMock { choices: choices.into(), answers })
}

/// The position of the answer that a request template leads to. `None`: a request decides.
fn answer_of(
    template: &str,
    method: &Method,
    integration: &Integration,
    known: &Known<'_>,
    answers: &mut Vec<(String, Answer)>,
) -> Result<Option<usize>, String> {
    if template.is_empty() || !is_static(template) {
        return Ok(None);
    }
    let status = status_code(template)
        .ok_or("the request template gives no `statusCode`, an integer in an object")?;
    let response = Patterns::of(integration)?
        .choose(&status.to_string())
        .ok_or_else(|| format!("no integration response is declared for status {status}"))?;
    let key = &response.status_code;
    if let Some(index) = answers.iter().position(|(known, _)| known == key) {
        return Ok(Some(index));
    }
    // The plan has told why not.
    let Ok(status) = method_response(method, key) else { return Ok(None) };
    Ok(answer(status, response, known)?.map(|answer| {
        answers.push((key.clone(), answer));
        answers.len() - 1
    }))
}

fn answer(
    status: u16,
    response: &IntegrationResponse,
    known: &Known<'_>,
) -> Result<Option<Answer>, String> {
    let mut headers = Vec::new();
    for (target, expression) in response.response_parameters.iter().flatten() {
        let Some(name) = target.strip_prefix("method.response.header.") else { continue };
        match known.response_source(expression)? {
            Some(ResponseSource::Literal(value)) => {
                headers.extend(field(name, &String::from_utf8_lossy(&value)));
            }
            // A back end that is none has no header fields.
            None | Some(ResponseSource::Header(..)) => {}
            Some(_) => return Ok(None),
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
            return Ok(None);
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
    Ok(Some(Answer { by_accept: by_accept.into(), preferred: preferred.unwrap_or(0) }))
}

/// A field of an answer, unless it is the gateway's own or no valid one.
fn field(name: &str, value: &str) -> Option<(String, String)> {
    let name = answer_field(name)?;
    is_field_value(value).then(|| (name.into_owned(), value.to_owned()))
}

/// Whether a template is text without references and directives.
fn is_static(template: &str) -> bool {
    let starts = |lead: char, begins: fn(char) -> bool| {
        template.match_indices(lead).any(|(at, _)| template[at + 1..].starts_with(begins))
    };
    !starts('$', |it| it.is_ascii_alphabetic() || matches!(it, '{' | '!' | '_'))
        && !starts('#', |it| it.is_ascii_alphabetic() || matches!(it, '{' | '#' | '*' | '[' | '@'))
}
