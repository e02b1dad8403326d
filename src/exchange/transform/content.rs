//! Content as text or bytes: Amazon's two tables of binary content.

use crate::exchange::Failure;
use crate::snapshot::managed::ContentHandling;
use crate::template::{base64, base64_bytes};
use std::borrow::Cow;

/// Content as a template may see it, or not.
#[derive(Debug, PartialEq)]
pub(super) enum Content<'c> {
    /// A template can read it.
    Text(Cow<'c, str>),
    /// It can only pass.
    Binary(Cow<'c, [u8]>),
}

impl<'c> Content<'c> {
    fn text(content: &'c [u8]) -> Self {
        // Bytes that are no text become U+FFFD.
        Self::Text(String::from_utf8_lossy(content))
    }

    fn encoded(content: &[u8]) -> Self {
        let mut text = String::new();
        base64(content, &mut text);
        Self::Text(text.into())
    }

    fn decoded(content: &[u8]) -> Result<Self, Failure> {
        let decoded = base64_bytes(content.trim_ascii())
            .map_err(|_| Failure::configuration("Unable to base64 decode the body."))?;
        Ok(Self::Binary(decoded.into()))
    }

    /// The bytes that are sent.
    pub(super) fn into_bytes(self) -> Cow<'c, [u8]> {
        match self {
            Self::Text(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Self::Text(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// The content of a request.
///
/// # Errors
/// It is to be decoded, and is no base64.
pub(super) fn of_request(
    content: &[u8],
    is_binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Content<'_>, Failure> {
    match (is_binary, handling) {
        (false, None | Some(ContentHandling::ToText)) => Ok(Content::text(content)),
        (false, Some(ContentHandling::ToBinary)) => Content::decoded(content),
        (true, None | Some(ContentHandling::ToBinary)) => Ok(Content::Binary(content.into())),
        (true, Some(ContentHandling::ToText)) => Ok(Content::encoded(content)),
    }
}

/// The content of an answer. `accepts_binary`: of the client's first media type.
///
/// # Errors
/// It is to be decoded, and is no base64.
pub(super) fn of_response(
    content: &[u8],
    is_binary: bool,
    accepts_binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Content<'_>, Failure> {
    match (is_binary, handling, accepts_binary) {
        (false, Some(ContentHandling::ToText), _) | (false, None, false) => {
            Ok(Content::text(content))
        }
        (false, Some(ContentHandling::ToBinary), _) | (false, None, true) => {
            Content::decoded(content)
        }
        (true, Some(ContentHandling::ToText), _) | (true, None, false) => {
            Ok(Content::encoded(content))
        }
        (true, Some(ContentHandling::ToBinary), _) | (true, None, true) => {
            Ok(Content::Binary(content.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_TEXT: Option<ContentHandling> = Some(ContentHandling::ToText);
    const TO_BINARY: Option<ContentHandling> = Some(ContentHandling::ToBinary);

    fn told(content: Result<Content<'_>, Failure>) -> String {
        match content {
            Ok(Content::Text(text)) => format!("text {text}"),
            Ok(Content::Binary(bytes)) => format!("binary {bytes:?}"),
            Err(failure) => format!("{:?}", failure.refusal),
        }
    }

    #[test]
    fn all_cells_of_the_table_for_requests() {
        for (content, is_binary, handling, expected) in [
            (&b"a\xff"[..], false, None, "text a\u{fffd}"),
            (b"a\xff", false, TO_TEXT, "text a\u{fffd}"),
            (b"YWI=", false, TO_BINARY, "binary [97, 98]"),
            (b"a\xff", true, None, "binary [97, 255]"),
            (b"a\xff", true, TO_BINARY, "binary [97, 255]"),
            (b"ab", true, TO_TEXT, "text YWI="),
            (b"no base64!", false, TO_BINARY, "Misconfigured"),
        ] {
            let made = of_request(content, is_binary, handling);
            assert_eq!(told(made), expected, "{content:?} {is_binary} {handling:?}");
        }
    }

    #[test]
    fn all_cells_of_the_table_for_answers() {
        let (text, encoded) = (&b"a\xff"[..], &b"YWI="[..]);
        for (content, is_binary, accepts_binary, handling, expected) in [
            (text, false, false, None, "text a\u{fffd}"),
            (text, false, false, TO_TEXT, "text a\u{fffd}"),
            (encoded, false, false, TO_BINARY, "binary [97, 98]"),
            (encoded, false, true, None, "binary [97, 98]"),
            (text, false, true, TO_TEXT, "text a\u{fffd}"),
            (encoded, false, true, TO_BINARY, "binary [97, 98]"),
            (b"ab", true, false, None, "text YWI="),
            (b"ab", true, false, TO_TEXT, "text YWI="),
            (text, true, false, TO_BINARY, "binary [97, 255]"),
            (text, true, true, None, "binary [97, 255]"),
            (b"ab", true, true, TO_TEXT, "text YWI="),
            (text, true, true, TO_BINARY, "binary [97, 255]"),
            (b"?", false, true, None, "Misconfigured"),
        ] {
            let made = of_response(content, is_binary, accepts_binary, handling);
            let case = format!("{content:?} {is_binary} {accepts_binary} {handling:?}");
            assert_eq!(told(made), expected, "{case}");
        }
    }
}
