//! From an integration's answer to the method response.

use super::content::{Content, of_response};
use super::{Overrides, Scratch, unrendered};
use crate::exchange::method_request::media_type;
use crate::exchange::{Context, Failure, MethodRequest};
use crate::http::{Field, Known};
use crate::snapshot::Protocol;
use crate::snapshot::managed::{
    BinaryTypes, Plan, PlannedAnswer, ResponseSource, Templating, Values, answer_field,
};
use crate::template::{JsonPath, Limits, RenderProblem};
use std::borrow::Cow;

/// What an integration answered.
#[derive(Debug, Clone, Copy)]
pub struct BackEnd<'b> {
    /// What selection patterns look at; `None`: nothing, so the default response is the answer.
    pub selected_by: Option<&'b str>,
    /// Header fields.
    pub fields: &'b [Field<'b>],
    /// Content.
    pub content: &'b [u8],
}

/// What the client gets.
#[derive(Debug, PartialEq)]
pub struct MethodAnswer<'b> {
    /// 200 to 599.
    pub status: u16,
    /// Fields, one of them `Content-Type`; of framing and ids there are none.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Content.
    pub content: Cow<'b, [u8]>,
}

/// Makes the method response. `overrides` is what the request template assigned.
///
/// # Errors
/// No answer is declared for it, or its template has no result.
pub fn response<'b>(
    plan: &Plan,
    request: &MethodRequest<'_>,
    back_end: &BackEnd<'b>,
    binary_types: &BinaryTypes,
    overrides: &Overrides,
    scratch: &mut Scratch,
) -> Result<MethodAnswer<'b>, Failure> {
    let chosen = match back_end.selected_by {
        Some(value) => plan.answers.choose(value),
        None => plan.answers.default(),
    };
    let chosen = chosen.ok_or_else(|| {
        // A function's message is no status; its invocation's is always this one.
        let status = back_end.selected_by.filter(|it| it.parse::<u16>().is_ok()).unwrap_or("200");
        Failure::configuration(format!(
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {status}"
        ))
    })?;
    let status = chosen.status.ok_or_else(|| {
        Failure::configuration(format!(
            "Output mapping refers to an invalid method response: {}",
            chosen.status_code
        ))
    })?;
    let headers = mapped(chosen, request, back_end, scratch)?;
    let field = |known: Known| {
        let field = back_end.fields.iter().find(|field| field.known == known);
        field.and_then(|field| std::str::from_utf8(field.value).ok())
    };
    let payload_type = field(Known::ContentType);
    let is_binary = payload_type.is_some_and(|it| binary_types.has(media_type(Some(it))));
    let accepted = request.accept();
    // Nothing is nothing, however it is encoded.
    let accepts_binary = binary_types.has(accepted) && !back_end.content.is_empty();
    let content = of_response(back_end.content, is_binary, accepts_binary, chosen.handling)?;
    let (content, own_type, overrides) = match chosen.template(accepted) {
        None | Some((_, Templating::Passes)) => {
            (content.into_bytes(), payload_type, overrides.clone())
        }
        Some((_, Templating::Broken)) => {
            return Err(Failure::configuration("Unable to transform response"));
        }
        Some((template_type, Templating::Template(template))) => {
            let text = match content {
                Content::Text(text) => text,
                Content::Binary(bytes) if bytes.is_empty() => Cow::Borrowed(""),
                Content::Binary(_) => {
                    return Err(Failure::configuration(
                        "Unable to transform response: the content is binary, and a template reads text",
                    ));
                }
            };
            let mut out = String::new();
            let overrides = request
                .render(template, &text, Some(overrides), scratch, &mut out)
                .map_err(|error| unrendered(&error, "response"))?;
            (Cow::Owned(out.into_bytes()), Some(template_type), overrides)
        }
    };
    let status = overrides.status().filter(|status| *status >= 200).unwrap_or(status);
    let mut answer = MethodAnswer { status, headers, content };
    override_headers(&mut answer.headers, &overrides);
    let is =
        |name: &'static str| move |(known, _): &(String, Vec<u8>)| known.eq_ignore_ascii_case(name);
    if own_type == payload_type
        && let Some(encoding) = field(Known::ContentEncoding)
        && !answer.headers.iter().any(is("content-encoding"))
    {
        answer.headers.push(("Content-Encoding".to_owned(), encoding.into()));
    }
    if !answer.headers.iter().any(is("content-type")) {
        let own_type = own_type.unwrap_or("application/json");
        answer.headers.push(("Content-Type".to_owned(), own_type.into()));
    }
    Ok(answer)
}

fn mapped(
    chosen: &PlannedAnswer,
    request: &MethodRequest<'_>,
    back_end: &BackEnd<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut headers = Vec::with_capacity(chosen.headers.len() + 1);
    for (name, source) in &chosen.headers {
        let value = value(source, &request.context, back_end, scratch)?;
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            if !is_field_value(&value) {
                return Err(Failure::configuration(format!("The value of {name} is not valid")));
            }
            headers.push((name.to_string(), value.into_owned()));
        }
    }
    Ok(headers)
}

/// A mapped value of an answer. `None`: there is none.
///
/// # Errors
/// It is a part of content that is no JSON.
pub(in crate::exchange) fn value<'b>(
    source: &'b ResponseSource,
    context: &'b Context<'_>,
    back_end: &BackEnd<'b>,
    scratch: &mut Scratch,
) -> Result<Option<Cow<'b, [u8]>>, Failure> {
    Ok(match source {
        ResponseSource::Literal(text) => Some(Cow::Borrowed(&**text)),
        ResponseSource::Header(name, which) => {
            let named = back_end.fields.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            let values: Vec<&[u8]> = named.map(|field| field.value).collect();
            match which {
                Values::Last => values.last().map(|value| Cow::Borrowed(*value)),
                Values::All => (!values.is_empty()).then(|| Cow::Owned(values.join(&b','))),
            }
        }
        ResponseSource::Variable(parts) => context.text(parts).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        ResponseSource::Body(None)
            if context.protocol == Protocol::Rest
                && begins_like_json_and_is_none(back_end.content) =>
        {
            return Err(Failure::configuration("Unable to transform response"));
        }
        ResponseSource::Body(None) => Some(Cow::Borrowed(back_end.content)),
        ResponseSource::Body(Some(path)) => {
            let text = String::from_utf8_lossy(back_end.content);
            select(&path.path, &text, scratch)
                .map_err(|_| Failure::configuration("Unable to transform response"))?
                .map(|text| Cow::Owned(text.into_bytes()))
        }
        ResponseSource::Joined(sources) => {
            let mut joined = Vec::new();
            for source in sources {
                joined.extend_from_slice(
                    &value(source, context, back_end, scratch)?.unwrap_or_default(),
                );
            }
            Some(Cow::Owned(joined))
        }
    })
}

/// Whether content is taken for JSON and is none: REST APIs refuse to map it, also as a whole.
pub(in crate::exchange) fn begins_like_json_and_is_none(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    let Ok(all) = JsonPath::parse("$") else { return false };
    select(&all, &text, &mut Scratch::new(1)).is_err()
}

/// What a path selects of content, as text. Content that does not begin like JSON has no parts.
pub(in crate::exchange) fn select(
    path: &JsonPath,
    content: &str,
    scratch: &mut Scratch,
) -> Result<Option<String>, RenderProblem> {
    if !content.trim_start().starts_with(['{', '[', '"', '\'']) {
        return Ok(None);
    }
    let mut out = String::new();
    let is_there = path.select_text(content, scratch, Limits::default(), &mut out)?;
    Ok(is_there.then_some(out))
}

/// What a template assigned goes before what is mapped.
fn override_headers(headers: &mut Vec<(String, Vec<u8>)>, overrides: &Overrides) {
    for (name, values) in overrides.response_headers() {
        let Some(sent) = answer_field(name) else { continue };
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&sent));
        let values = values.into_iter().filter(|it| is_field_value(it.as_bytes()));
        headers.extend(values.map(|value| (sent.to_string(), value.into_bytes())));
    }
}

/// Whether a value cannot end its field.
pub(in crate::exchange) fn is_field_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
}
