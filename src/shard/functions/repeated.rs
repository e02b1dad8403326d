//! Heads that a runtime sends again and again.
//!
//! A runtime asks for each event with the same bytes, and answers each with a head that differs from the
//! last one in the invocation's id and in the content's length alone. What was taken apart once is
//! remembered, and the next head compared with it, which costs a tenth.

use std::ops::Range;

/// Longest head that is remembered; those of the official clients have some 200 bytes.
const HEAD_BYTES_MAX: usize = 1024;

/// Digits of a length that is read here: those of the largest result.
const LENGTH_DIGITS_MAX: usize = 7;

/// What a connection's runtime has sent before.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    question: Vec<u8>,
    answer: Vec<u8>,
    /// Where in `answer` the invocation's id stands, and the digits of the length.
    id: Range<usize>,
    length: Range<usize>,
}

/// A head that was known but for these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered<'i> {
    /// The id of the invocation that is answered.
    pub(super) id: &'i [u8],
    pub(super) content_bytes: u64,
    pub(super) head_bytes: usize,
}

impl Repeated {
    /// Remembers the head of a question for an event.
    pub(super) fn remember_question(&mut self, head: &[u8]) {
        if head.len() <= HEAD_BYTES_MAX {
            self.question.clear();
            self.question.extend_from_slice(head);
        }
    }

    /// How long the head is with which `input` begins, if it is the question that was asked before.
    pub(super) fn question(&self, input: &[u8]) -> Option<usize> {
        (!self.question.is_empty() && input.starts_with(&self.question))
            .then_some(self.question.len())
    }

    /// Remembers the head of an answer. `id` and `length` are parts of it.
    pub(super) fn remember_answer(&mut self, head: &[u8], id: &[u8], length: &[u8]) {
        self.answer.clear();
        let (Some(id), Some(length)) = (place(head, id), place(head, length)) else { return };
        if head.len() <= HEAD_BYTES_MAX && id.end <= length.start {
            self.answer.extend_from_slice(head);
            (self.id, self.length) = (id, length);
        }
    }

    /// Reads the head with which `input` begins, if it is as that of the answer before.
    pub(super) fn answer<'i>(&self, input: &'i [u8]) -> Option<Answered<'i>> {
        let before = self.answer.get(..self.id.start).filter(|it| !it.is_empty())?;
        let between = self.answer.get(self.id.end..self.length.start)?;
        let behind = self.answer.get(self.length.end..)?;
        let (id, rest) = input.strip_prefix(before)?.split_at_checked(self.id.len())?;
        let rest = rest.strip_prefix(between)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (length, rest) = rest.split_at_checked(digits)?;
        if !(1..=LENGTH_DIGITS_MAX).contains(&digits) || !rest.starts_with(behind) {
            return None;
        }
        let add = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
        let content_bytes = length.iter().fold(0, add);
        let head_bytes = self.answer.len() - self.length.len() + digits;
        Some(Answered { id, content_bytes, head_bytes })
    }
}

/// Where a part of `whole` stands in it.
fn place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let begin = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let place = begin..begin + part.len();
    (whole.get(place.clone())? == part && !part.is_empty()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{self, Fields, Framing, HeadLimits, Known};
    use proptest::prelude::*;

    const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

    fn head(id: &str, length: &str) -> String {
        format!("POST /i/{id}/response HTTP/1.1\r\nContent-Length: {length}\r\nHost: a\r\n\r\n")
    }

    fn remembered() -> Repeated {
        let known = head(ID, "17");
        let mut repeated = Repeated::default();
        repeated.remember_answer(known.as_bytes(), at(&known, ID), at(&known, "17"));
        repeated
    }

    fn at<'h>(head: &'h str, part: &str) -> &'h [u8] {
        let begin = head.find(part).unwrap();
        &head.as_bytes()[begin..begin + part.len()]
    }

    #[test]
    fn an_answer_is_known_whatever_its_id_and_length() {
        let other = ID.replace('8', "9");
        for (id, length, content) in [(ID, "17", "x"), (&other, "0", ""), (ID, "6291556", "{}")] {
            let head = head(id, length);
            let input = head.clone() + content;
            let expected = Answered {
                id: id.as_bytes(),
                content_bytes: length.parse().unwrap(),
                head_bytes: head.len(),
            };
            assert_eq!(remembered().answer(input.as_bytes()), Some(expected));
        }
    }

    #[test]
    fn a_head_that_differs_otherwise_or_is_cut_is_not_known() {
        let known = head(ID, "17");
        for at in 0..known.len() {
            assert_eq!(remembered().answer(&known.as_bytes()[..at]), None, "{at}");
        }
        for (from, to) in [
            ("POST", "post"),
            ("/response", "/error"),
            (": 17", ":17"),
            (": 17", ": "),
            (": 17", ": -1"),
            (": 17", ": 1x7"),
            (": 17", ": 12345678"),
            ("Host: a", "Host: b"),
            ("Host: a\r\n", ""),
            ("\r\n\r\n", "\r\nA: b\r\n\r\n"),
        ] {
            let other = known.replace(from, to);
            assert_eq!(remembered().answer(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Repeated::default().answer(known.as_bytes()), None);
    }

    #[test]
    fn a_question_is_known_by_its_bytes() {
        let mut repeated = Repeated::default();
        assert_eq!(repeated.question(b"GET"), None);
        repeated.remember_question(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(repeated.question(b"GET / HTTP/1.1\r\n\r\nPOST"), Some(18));
        assert_eq!(repeated.question(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(repeated.question(b"GET /a HTTP/1.1\r\n\r\n"), None);
        repeated.remember_question(&[b'a'; HEAD_BYTES_MAX + 1]);
        assert_eq!(repeated.question(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    }

    #[test]
    fn what_stands_elsewhere_is_not_remembered() {
        let known = head(ID, "17");
        let mut repeated = Repeated::default();
        repeated.remember_answer(known.as_bytes(), ID.to_owned().as_bytes(), at(&known, "17"));
        assert_eq!(repeated.answer(known.as_bytes()), None);
        repeated.remember_answer(known.as_bytes(), at(&known, "17"), at(&known, ID));
        assert_eq!(repeated.answer(known.as_bytes()), None);
        repeated.remember_answer(known.as_bytes(), at(&known, ID), b"");
        assert_eq!(repeated.answer(known.as_bytes()), None);
    }

    proptest! {
        /// What is known without being taken apart means the same when it is.
        #[test]
        fn a_known_answer_is_what_a_parser_reads(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..3),
            length in 1..9_999_999_u64,
        ) {
            let mut input = head(ID, &length.to_string()).into_bytes();
            for (at, byte, change) in changes {
                let at = at.index(input.len());
                match change {
                    0 => input[at] = byte,
                    1 => input.insert(at, byte),
                    _ => _ = input.remove(at),
                }
            }
            let Some(known) = remembered().answer(&input) else { return Ok(()) };
            prop_assume!(known.id == ID.as_bytes());
            let mut fields = Fields::new();
            let limits = HeadLimits { request_line_bytes: 1024, head_bytes: 1024, fields: 64 };
            let read = http::request_head(&input, &mut fields, &limits).unwrap().unwrap();
            prop_assert_eq!(read.head_bytes, known.head_bytes);
            prop_assert!(read.framing == Framing::Length(known.content_bytes) || known.content_bytes == 0);
            prop_assert_eq!(fields.iter().filter(|it| it.known == Known::ContentLength).count(), 1);
            let path = format!("/i/{ID}/response");
            prop_assert_eq!((read.method, read.target.path()), ("POST", path.as_bytes()));
        }
    }
}
