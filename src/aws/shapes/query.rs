//! Query strings and percent-encoding, as SDKs write and AWS reads them.

use std::borrow::Cow;

/// The parameters of a query string, decoded, in its order. A parameter without `=` has an empty
/// value.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name, Blank::IsPlus), decode(value, Blank::IsPlus))
    })
}

/// What `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// A blank: in query strings, where Go's SDK writes it so.
    IsPlus,
    /// Itself: in paths.
    IsPercent20,
}

/// Takes percent-encoding away, once. What is no valid encoding stays as it is; bytes that are no
/// UTF-8 become replacement characters, which no identifier of ours has.
pub(super) fn decode(text: &str, blank: Blank) -> Cow<'_, str> {
    let is_plain = |&byte: &u8| byte != b'%' && (byte != b'+' || blank == Blank::IsPercent20);
    if text.as_bytes().iter().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) if blank == Blank::IsPlus => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(byte),
            },
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_taken_away_once() {
        for (text, path, query) in [
            ("a", "a", "a"),
            ("GET%20%2Fpets", "GET /pets", "GET /pets"),
            ("a+b", "a+b", "a b"),
            ("a%2Bb", "a+b", "a+b"),
            ("%2525", "%25", "%25"),
            ("%24default", "$default", "$default"),
            ("100%", "100%", "100%"),
            ("%4", "%4", "%4"),
            ("%zz%41", "%zzA", "%zzA"),
            ("%c3%a4", "ä", "ä"),
            ("%ff", "\u{fffd}", "\u{fffd}"),
        ] {
            assert_eq!(decode(text, Blank::IsPercent20), path);
            assert_eq!(decode(text, Blank::IsPlus), query);
        }
    }

    #[test]
    fn parameters_keep_their_order_and_may_lack_a_value() {
        let read: Vec<_> = parameters("tagKeys=a&&tagKeys=b%26c&flag&=x&k=a=b").collect();
        let expected =
            [("tagKeys", "a"), ("tagKeys", "b&c"), ("flag", ""), ("", "x"), ("k", "a=b")];
        assert!(read.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).eq(expected));
    }
}
