//! Answers that a function streams: the members of the answer as JSON, eight zero bytes, the content.
//!
//! No JSON text holds a zero byte, so the first one ends the members. Source: "Set up a Lambda proxy
//! integration with payload response streaming".

use super::answer::{OCTETS, checked_status, fields};
use super::result::ProxyResult;
use super::{Answer, Fault};
use std::borrow::Cow;

/// The members and what ends them must be within so many bytes, by Amazon's document.
pub const PRELUDE_BYTES_MAX: usize = 16 * 1024;

/// Between the members and the content.
const DELIMITER: [u8; 8] = [0; 8];

/// How far a streamed answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prelude<'r> {
    /// What has come may be the beginning of one.
    Partial,
    /// It is complete.
    Whole {
        /// The members: JSON.
        members: &'r [u8],
        /// What has come of the content.
        content: &'r [u8],
    },
    /// There is none.
    Malformed,
    /// The members have not ended where they must have.
    TooLong,
}

/// Looks for the members in what has come of an answer, from its first byte on.
pub fn prelude(answer: &[u8]) -> Prelude<'_> {
    let looked_at = &answer[..answer.len().min(PRELUDE_BYTES_MAX)];
    let Some(end) = looked_at.iter().position(|&byte| byte == 0) else {
        return match answer.len() < PRELUDE_BYTES_MAX {
            true => Prelude::Partial,
            false => Prelude::TooLong,
        };
    };
    let (members, behind) = answer.split_at(end);
    if let Some(content) = behind.strip_prefix(&DELIMITER) {
        return match end + DELIMITER.len() <= PRELUDE_BYTES_MAX {
            true => Prelude::Whole { members, content },
            false => Prelude::TooLong,
        };
    }
    match DELIMITER.starts_with(behind) {
        true => Prelude::Partial,
        false => Prelude::Malformed,
    }
}

/// Reads the members of a streamed answer; its content comes behind them.
///
/// # Errors
/// They are not what the format asks for.
pub fn read_prelude(members: &[u8]) -> Result<Answer<'_>, Fault> {
    let result = ProxyResult::read(members).map_err(Fault::Malformed)?;
    let cookies = result.cookies.unwrap_or_default();
    Ok(Answer {
        status: checked_status(result.status.unwrap_or(200))?,
        fields: fields(result.headers, result.multi_value_headers, cookies, OCTETS)?,
        body: Cow::Borrowed(&[]),
    })
}

/// A streamed answer that has come in full.
pub(super) fn read_whole(answer: &[u8]) -> Option<Result<Answer<'_>, Fault>> {
    let Prelude::Whole { members, content } = prelude(answer) else { return None };
    Some(read_prelude(members).map(|it| Answer { body: Cow::Borrowed(content), ..it }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn streamed(members: &str, content: &[u8]) -> Vec<u8> {
        [members.as_bytes(), &DELIMITER, content].concat()
    }

    #[test]
    fn the_members_and_the_content_make_an_answer() {
        let answer = streamed(
            r#"{"statusCode":201,"headers":{"x-a":"1"},"cookies":["c=1","d=2"],
                "multiValueHeaders":{"x-b":["2","3"]}}"#,
            b"\0\0content",
        );
        let read = read_whole(&answer).unwrap().unwrap();
        assert_eq!((read.status, &*read.body), (201, &b"\0\0content"[..]));
        let fields: Vec<_> = read.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("x-b", "2"),
            ("x-b", "3"),
            ("x-a", "1"),
            ("set-cookie", "c=1"),
            ("set-cookie", "d=2"),
            ("content-type", "application/octet-stream"),
        ];
        assert_eq!(fields, expected);
        let least = streamed("{}", b"");
        assert_eq!(read_whole(&least).unwrap().unwrap().status, 200);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for members in ["", "{", "[]", "7", r#"{"statusCode":100}"#, r#"{"headers":{"a b":"1"}}"#] {
            let answer = streamed(members, b"x");
            let read = read_whole(&answer).unwrap();
            assert!(matches!(read, Err(Fault::Malformed(_))), "{members}");
        }
        assert_eq!(prelude(b"{}\0\0\0\0\0\0\0x"), Prelude::Malformed);
        assert_eq!(prelude(b"\0x"), Prelude::Malformed);
    }

    #[test]
    fn the_members_and_what_ends_them_are_bounded() {
        let of = |bytes: usize| streamed(&" ".repeat(bytes), b"x");
        assert!(matches!(prelude(&of(PRELUDE_BYTES_MAX - 8)), Prelude::Whole { .. }));
        assert_eq!(prelude(&of(PRELUDE_BYTES_MAX - 7)), Prelude::TooLong);
        assert_eq!(prelude(&vec![b' '; PRELUDE_BYTES_MAX - 1]), Prelude::Partial);
        assert_eq!(prelude(&vec![b' '; PRELUDE_BYTES_MAX]), Prelude::TooLong);
    }

    proptest! {
        #[test]
        fn an_answer_is_partial_until_its_delimiter_is_there(
            members in "[ -~]{0,40}",
            content in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let answer = streamed(&members, &content);
            let head = members.len() + DELIMITER.len();
            for end in 0..=answer.len() {
                let found = prelude(&answer[..end]);
                let expected = match end < head {
                    true => Prelude::Partial,
                    false => Prelude::Whole {
                        members: members.as_bytes(),
                        content: &answer[head..end],
                    },
                };
                prop_assert_eq!(found, expected);
            }
        }
    }
}
