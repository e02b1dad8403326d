//! What a signature covers, in the one form that both sides agree on.
//!
//! ```text
//! METHOD \n path \n query \n name:value\n… \n names \n hex(SHA-256(body))
//! ```
//!
//! Clients differ in two corners, so both answers are tried where they differ: whether the query is
//! encoded anew (AWS's own rule) or taken as sent (botocore), and whether `.`, `..` and empty path
//! segments are removed (AWS's rule; the Go and Java signers have a switch). Each form covers the
//! whole request, so accepting either lets nobody change one that is signed.

use super::Request;
use aws_lc_rs::digest::{SHA256, digest};
use std::borrow::Cow;

/// How the path enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathForm {
    /// Dot segments and empty segments removed, then encoded once more.
    Normal,
    /// Encoded once more as it is.
    EncodedOnly,
    /// As sent: S3's rule, because its keys may hold anything.
    AsSent,
}

/// How the query enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryForm {
    /// Each name and value decoded and encoded anew.
    EncodedAnew,
    /// As sent, only sorted.
    AsSent,
}

/// The forms that are worth trying for a request to this service, likeliest first.
pub(super) fn forms(service: &str, request: &Request<'_>) -> Vec<(PathForm, QueryForm)> {
    let paths: &[PathForm] = match service {
        "s3" | "s3express" | "s3-outposts" => &[PathForm::AsSent],
        _ if path(request.path, PathForm::Normal) == path(request.path, PathForm::EncodedOnly) => {
            &[PathForm::Normal]
        }
        _ => &[PathForm::Normal, PathForm::EncodedOnly],
    };
    let (anew, sent) =
        (query(request.query, QueryForm::EncodedAnew), query(request.query, QueryForm::AsSent));
    let queries: &[QueryForm] = match anew == sent {
        true => &[QueryForm::EncodedAnew],
        false => &[QueryForm::EncodedAnew, QueryForm::AsSent],
    };
    paths.iter().flat_map(|path| queries.iter().map(|query| (*path, *query))).collect()
}

/// The canonical request. `names` are the signed fields, in lower case and sorted; `None` when one of
/// them is not in the request.
pub(super) fn request(
    request: &Request<'_>,
    form: (PathForm, QueryForm),
    names: &[String],
    payload: &str,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(512 + request.path.len() + request.query.len());
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path(request.path, form.0).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(query(request.query, form.1).as_bytes());
    out.push(b'\n');
    for name in names {
        let mut values =
            request.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).peekable();
        values.peek()?;
        out.extend_from_slice(name.as_bytes());
        for (index, (_, value)) in values.enumerate() {
            out.push(if index == 0 { b':' } else { b',' });
            push_value(&mut out, value);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(names.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Some(out)
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A field's value without outer blanks and with one blank for each run of them.
fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

pub(super) fn path(sent: &str, form: PathForm) -> Cow<'_, str> {
    let sent = if sent.is_empty() { "/" } else { sent };
    match form {
        // What most services are asked at.
        _ if sent == "/" => Cow::Borrowed(sent),
        PathForm::AsSent => Cow::Borrowed(sent),
        PathForm::EncodedOnly => Cow::Owned(encoded(sent.as_bytes(), true)),
        PathForm::Normal => {
            let mut kept: Vec<&str> = Vec::new();
            for segment in sent.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        kept.pop();
                    }
                    _ => kept.push(segment),
                }
            }
            let mut normal = String::from("/") + &kept.join("/");
            if sent.ends_with('/') && !kept.is_empty() {
                normal.push('/');
            }
            Cow::Owned(encoded(normal.as_bytes(), true))
        }
    }
}

/// Sorted by name, then by value, as encoded. The signature itself is left out: it cannot cover
/// itself.
pub(super) fn query(sent: &str, form: QueryForm) -> String {
    if sent.is_empty() {
        return String::new();
    }
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = match form {
        QueryForm::AsSent => sent
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
            .collect(),
        QueryForm::EncodedAnew => parameters(sent)
            .map(|(name, value)| {
                let anew = |text| Cow::Owned(encoded(&decoded(text), false));
                (anew(name), anew(value))
            })
            .collect(),
    };
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    pairs.sort();
    let mut out = String::with_capacity(sent.len() + 16);
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// Names and values of a query as sent.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Percent-decoded once. A `%` without two digits stands for itself, and `+` too: it is a blank only
/// in forms, and AWS's rule for queries does not make it one.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits are at most 255.
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Percent-encoded but for RFC 3986's unreserved characters and, in paths, `/`.
pub fn encoded(bytes: &[u8], is_path: bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if is_plain || (is_path && byte == b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_lose_dots_and_empty_segments_and_are_encoded_once_more() {
        // The first block are the cases of AWS's published suite.
        for (sent, canonical) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("//example//", "/example/"),
            ("/./", "/"),
            ("/./example", "/example"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/example%20space/", "/example%2520space/"),
            ("/%E1%88%B4", "/%25E1%2588%25B4"),
            ("/-._~0123abcXYZ", "/-._~0123abcXYZ"),
            ("/../../a", "/a"),
            ("/tags/arn%3Aaws%3Aa", "/tags/arn%253Aaws%253Aa"),
            ("/tags/arn:aws:a", "/tags/arn%3Aaws%3Aa"),
        ] {
            assert_eq!(path(sent, PathForm::Normal), canonical, "{sent}");
        }
        assert_eq!(path("/a//../b%20", PathForm::AsSent), "/a//../b%20");
        assert_eq!(path("/a//../b%20", PathForm::EncodedOnly), "/a//../b%2520");
    }

    #[test]
    fn queries_are_sorted_by_name_then_value() {
        for (sent, canonical) in [
            ("", ""),
            ("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2"),
            ("b=1&a=2&a-=3&A=4", "A=4&a=2&a-=3&b=1"),
            ("flag&other=", "flag=&other="),
            ("a=%e1%88%b4&b=~", "a=%E1%88%B4&b=~"),
            ("a=x+y&b=1:2", "a=x%2By&b=1%3A2"),
            ("a=b=c", "a=b%3Dc"),
            ("a=%zz&%", "%25=&a=%25zz"),
            ("a=1&X-Amz-Signature=00&b=2", "a=1&b=2"),
        ] {
            assert_eq!(query(sent, QueryForm::EncodedAnew), canonical, "{sent}");
        }
        assert_eq!(query("b=1:2&a=x+y&&c", QueryForm::AsSent), "=&a=x+y&b=1:2&c=");
    }

    #[test]
    fn values_lose_spare_blanks_and_repeated_fields_are_joined() {
        let fields: [(&str, &[u8]); 3] =
            [("My-Header1", b"  a   b \t c  "), ("host", b"h"), ("my-header1", b" d")];
        let about = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
        let names = ["host".to_owned(), "my-header1".to_owned()];
        let form = (PathForm::Normal, QueryForm::EncodedAnew);
        let text = request(&about, form, &names, "e3").unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "GET\n/\n\nhost:h\nmy-header1:a b c,d\n\nhost;my-header1\ne3"
        );
        assert_eq!(request(&about, form, &["absent".to_owned()], "e3"), None);
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decoded(&encoded(&bytes, false)), bytes);
        }

        #[test]
        fn a_canonical_query_is_its_own_canonical_form(text in "[a-c=&%0-9+ ~]{0,40}") {
            let once = query(&text, QueryForm::EncodedAnew);
            prop_assert_eq!(query(&once, QueryForm::EncodedAnew), once);
        }
    }
}
