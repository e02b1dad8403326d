//! The encodings of `$util`, and of texts inside JSON.

use std::fmt::Write;

/// `StringEscapeUtils.escapeJavaScript` of Commons Lang 2: `/` and both quotes are escaped too, and
/// everything beyond ASCII.
pub(super) fn java_script(text: &str, out: &mut String) {
    let is_special =
        |byte: &u8| !(b' '..=0x7f).contains(byte) || matches!(byte, b'"' | b'\'' | b'\\' | b'/');
    let mut plain = 0;
    let mut from = 0;
    // Only bytes are looked at until one may need an escape.
    while let Some(at) = text.as_bytes()[from..].iter().position(is_special).map(|at| from + at) {
        let Some(character) = text[at..].chars().next() else { break };
        from = at + character.len_utf8();
        let escape = match character {
            '"' => "\\\"",
            '\'' => "\\'",
            '\\' => "\\\\",
            '/' => "\\/",
            '\u{8}' => "\\b",
            '\n' => "\\n",
            '\t' => "\\t",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            _ => "",
        };
        out.push_str(&text[plain..at]);
        plain = from;
        out.push_str(escape);
        if escape.is_empty() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04X}");
            }
        }
    }
    out.push_str(&text[plain..]);
}

/// The inside of a JSON text as json-smart writes it. `web` escapes `/` too, as `JSONArray.toString` does.
pub(super) fn json(text: &str, web: bool, out: &mut String) {
    // Nearly every text has nothing to escape; its bytes are counted without a branch for each.
    let is_special = |byte: u8| {
        !(0x20..0x7f).contains(&byte) | (byte == b'"') | (byte == b'\\') | (web & (byte == b'/'))
    };
    if text.bytes().filter(|byte| is_special(*byte)).count() == 0 {
        out.push_str(text);
        return;
    }
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '/' if web => "\\/",
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2000}'..='\u{20ff}' => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + character.len_utf8();
        if escape.is_empty() {
            let _ = write!(out, "\\u{:04X}", u32::from(character));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
}

/// `URLEncoder.encode`: forms, not paths.
pub(super) fn url(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// `URLDecoder.decode`. Bytes that are no UTF-8 become U+FFFD; an incomplete `%` is an error.
pub(super) fn url_decoded(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = bytes.get(at..at + 2).and_then(|it| std::str::from_utf8(it).ok());
                let value = digits
                    .filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
                    .and_then(|it| u8::from_str_radix(it, 16).ok());
                let Some(value) = value else {
                    return Err(
                        "URLDecoder: Illegal hex characters in escape (%) pattern".to_owned()
                    );
                };
                decoded.push(value);
                at += 2;
            }
            other => decoded.push(*other),
        }
    }
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding, in one line.
pub fn base64(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let part = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = part(0) << 16 | part(1) << 8 | part(2);
        for index in 0..4_usize {
            if index > chunk.len() {
                out.push('=');
            } else {
                let digit = (group >> (18 - 6 * index)) as usize & 63;
                out.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'A')));
            }
        }
    }
}

/// The text behind base64, padded or not, with line breaks or without; `-` and `_` are taken too.
pub(super) fn base64_decoded(text: &str) -> Result<String, String> {
    let decoded = base64_bytes(text.as_bytes());
    let decoded = decoded.map_err(|byte| format!("Illegal base64 character {byte:x}"))?;
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

/// The bytes behind base64, padded or not, with line breaks or without; `-` and `_` are taken too.
///
/// # Errors
/// A byte that is none of it.
pub fn base64_bytes(text: &[u8]) -> Result<Vec<u8>, u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0_u32, 0);
    for &byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b'=' => continue,
            _ => return Err(byte),
        };
        group = group << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            decoded.push((group >> bits & 0xff) as u8);
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(encode: impl Fn(&str, &mut String), text: &str) -> String {
        let mut out = String::new();
        encode(text, &mut out);
        out
    }

    #[test]
    fn java_script_is_escaped_as_commons_lang_does() {
        assert_eq!(with(java_script, "a'b\\c/d<>&é\t\""), "a\\'b\\\\c\\/d<>&\\u00E9\\t\\\"");
        assert_eq!(with(java_script, "\n\u{1}\u{7f}😀"), "\\n\\u0001\u{7f}\\uD83D\\uDE00");
    }

    #[test]
    fn json_is_escaped_as_json_smart_does() {
        assert_eq!(
            with(|it, out| json(it, false, out), "a/\"\\\u{7f}\u{2028}é\u{1}"),
            "a/\\\"\\\\\\u007F\\u2028é\\u0001"
        );
        assert_eq!(with(|it, out| json(it, true, out), "a/b"), "a\\/b");
    }

    #[test]
    fn urls_are_encoded_as_forms() {
        assert_eq!(with(url, "{\"some\": \"value\"}"), "%7B%22some%22%3A+%22value%22%7D");
        assert_eq!(with(url, "a&é*~-_."), "a%26%C3%A9*%7E-_.");
        assert_eq!(url_decoded("a+b%20c%C3%A9").as_deref(), Ok("a b cé"));
        assert!(url_decoded("%zz").is_err());
        assert!(url_decoded("%2").is_err());
        assert!(url_decoded("%+1").is_err());
    }

    #[test]
    fn base64_there_and_back() {
        for (text, encoded) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("hé", "aMOp")]
        {
            assert_eq!(with(|it, out| base64(it.as_bytes(), out), text), encoded);
            assert_eq!(base64_decoded(encoded).as_deref(), Ok(text));
        }
        assert_eq!(base64_decoded("YQ").as_deref(), Ok("a"));
        assert!(base64_decoded("!!").is_err());
    }
}
