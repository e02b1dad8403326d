//! The content in an event: as text, or as base64 and said so.

use super::json::{Object, str_text};
use super::{EventFacts, Format};
use crate::http::Known;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Writes `body` and `isBase64Encoded`. An empty one is `null`, or absent in format 2.0.
pub(super) fn write(event: &mut Object<'_>, facts: &EventFacts<'_>, format: Format) {
    if facts.body.is_empty() {
        if format != Format::Http2 {
            event.null("body");
        }
        event.truth("isBase64Encoded", false);
        return;
    }
    // Amazon would damage text that is none; here it arrives whole, as on LocalStack.
    let text = match is_declared_binary(facts, format) {
        true => None,
        false => std::str::from_utf8(facts.body).ok(),
    };
    let out = event.member("body");
    if let Some(text) = text {
        str_text(out, text);
    } else {
        out.push(b'"');
        let begin = out.len();
        // Four characters for three bytes, padded: bodies have at most 10 MB.
        out.resize(begin + facts.body.len().div_ceil(3) * 4, b'=');
        if let Some(place) = out.get_mut(begin..) {
            let written = STANDARD.encode_slice(facts.body, place).unwrap_or_default();
            out.truncate(begin + written);
        }
        out.push(b'"');
    }
    event.truth("isBase64Encoded", text.is_none());
}

fn is_declared_binary(facts: &EventFacts<'_>, format: Format) -> bool {
    let field = |known: Known| facts.fields.iter().rfind(|it| it.known == known).map(|it| it.value);
    let content_type = field(Known::ContentType);
    match format {
        Format::Rest => {
            let content_type = content_type.unwrap_or(b"application/json");
            is_binary(facts.route.binary_media_types, content_type)
        }
        Format::Http1 | Format::Http2 => {
            field(Known::ContentEncoding).is_some() || !content_type.is_some_and(is_text_type)
        }
    }
}

/// Whether a REST API's binary media types hold a type. Parameters and capitals do not matter.
pub(crate) fn is_binary(binary_media_types: &[Box<str>], content_type: &[u8]) -> bool {
    let wanted = media_type(content_type);
    let main = wanted.split(|&byte| byte == b'/').next().unwrap_or_default();
    binary_media_types.iter().any(|declared| {
        let declared = declared.as_bytes();
        match declared.strip_suffix(b"/*") {
            Some(b"*") => true,
            Some(declared) => declared.eq_ignore_ascii_case(main),
            None => declared.eq_ignore_ascii_case(wanted),
        }
    })
}

/// What HTTP APIs pass on as text. Forms and contents of no declared type are base64.
fn is_text_type(content_type: &[u8]) -> bool {
    const TYPES: [&[u8]; 3] = [b"application/json", b"application/javascript", b"application/xml"];
    let found = media_type(content_type);
    let begins =
        |with: &[u8]| found.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
    let ends = |with: &[u8]| {
        let from = found.len().checked_sub(with.len());
        from.and_then(|from| found.get(from..)).is_some_and(|it| it.eq_ignore_ascii_case(with))
    };
    begins(b"text/")
        || ends(b"+json")
        || ends(b"+xml")
        || TYPES.iter().any(|it| it.eq_ignore_ascii_case(found))
}

fn media_type(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii()
}
