//! Escape: puts a value into a line so that it can neither end the line nor end the quotes it stands in.
//!
//! Amazon substitutes values as they are (unconfirmed). Here a quotation mark, a backslash and every
//! control character become the escape that JSON has for them, in every format: a client that sends
//! a line feed or a quotation mark in its path or `User-Agent` can then neither forge a second record
//! nor break a JSON one, and one rule is easier to remember than one per format. C1 controls and the
//! Unicode line separators count as control characters, since terminals and viewers obey them. What is
//! not UTF-8 becomes U+FFFD, because JSON has no way to say it.

/// Appends `value`, escaped.
#[inline]
pub(super) fn push_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let plain = plain_length(value);
    out.extend_from_slice(&value[..plain]);
    if plain < value.len() {
        push_special(out, &value[plain..]);
    }
}

/// How many bytes at the start can be copied: printable ASCII other than `"` and `\`. Eight at a time,
/// since a `User-Agent` has a hundred and nearly always all of them are plain.
#[inline]
fn plain_length(value: &[u8]) -> usize {
    let mut done = 0;
    while let Some(chunk) = value[done..].first_chunk::<8>() {
        if has_special(u64::from_le_bytes(*chunk)) {
            break;
        }
        done += 8;
    }
    let rest = value[done..].iter();
    done + rest.take_while(|&&byte| is_plain(byte)).count()
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\'
}

/// Whether any of eight bytes is not plain. The classic tests for "a byte below n" and "a byte equal
/// to n" in one word (they may report a neighbour too, which only means a slower way).
#[inline]
fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (word & HIGHS) | below(word, 0x20) | equal(b'"') | equal(b'\\') | equal(0x7f) != 0
}

#[cold]
fn push_special(out: &mut Vec<u8>, value: &[u8]) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_character(out, character);
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn push_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(DIGITS[(u32::from(character) >> shift & 15) as usize]);
            }
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_escaped(&mut out, value);
        out
    }

    #[test]
    fn what_could_end_a_line_or_a_text_is_escaped() {
        assert_eq!(
            escaped(b"a\nb\r\"c\\\t\0\x1b[0m\x7f"),
            br#"a\nb\r\"c\\\t\u0000\u001b[0m\u007f"#
        );
        assert_eq!(
            escaped("\u{85}\u{9b}\u{2028}é".as_bytes()),
            "\\u0085\\u009b\\u2028é".as_bytes()
        );
        assert_eq!(escaped(b"\xff\xc3(\xe2\x80"), "\u{fffd}\u{fffd}(\u{fffd}".as_bytes());
    }

    #[test]
    fn each_byte_is_judged_the_same_in_a_word_and_alone() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut word = *b"abcdefgh";
                word[place] = byte;
                assert_eq!(
                    has_special(u64::from_le_bytes(word)),
                    !is_plain(byte),
                    "{byte} {place}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn json_reads_back_what_was_meant(value: Vec<u8>) {
            let mut text = vec![b'"'];
            push_escaped(&mut text, &value);
            text.push(b'"');
            let read: String = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&value));
            prop_assert!(text.iter().all(|&byte| byte >= 0x20 && byte != 0x7f));
        }
    }
}
