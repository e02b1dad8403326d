//! What request and response heads have in common: limits, line ends, and what is noted of fields.
//!
//! `httparse` splits the lines and checks the bytes, and it is lenient where RFC 9112 permits it:
//! any number of empty lines before a message, LF alone as a line end. Both have let requests pass
//! one recipient and mean something else to the next, so they are looked for here.

use super::field::{is_token_byte, is_value_byte, list};
use super::framing::Declared;
use super::{FIELDS_MAX, Field, Fields, Known, Version};

/// How much of a head is taken before it is refused. The limits hold for unfinished heads too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of a request line without its line end. Longer: 414. Not applied to status lines.
    pub request_line_bytes: usize,
    /// Bytes of the whole head: start line, fields, line ends and the empty line. Larger: 431.
    pub head_bytes: usize,
    /// Field lines; above [`super::FIELDS_MAX`] that constant holds. More: 431.
    pub fields: usize,
}

/// Where the first empty line at or behind `from` ends, if it has arrived.
///
/// For heads that come in many pieces: after `Ok(None)` from a parser, remember `bytes.len()` as
/// `from`, and parse again only when this finds something or when the limit on the head is reached
/// (the parser then refuses it). An empty line that ends in a bare LF counts as well, so that the
/// parser gets to refuse it rather than the client to wait for a time-out.
pub fn find_head_end(bytes: &[u8], from: usize) -> Option<usize> {
    // The empty line may have begun up to two bytes before the new ones: LF CR | LF.
    let start = from.saturating_sub(2);
    for newline in memchr::memchr_iter(b'\n', bytes.get(start..)?) {
        let next = start + newline + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => {}
        }
    }
    None
}

/// What the fields of a head say about the message itself.
pub(super) struct Noted<'b> {
    pub(super) host: Host<'b>,
    pub(super) framing: Declared,
    pub(super) connection: Connection,
    pub(super) expectation: Expectation,
}

/// How often `Host` was there.
#[derive(Clone, Copy)]
pub(super) enum Host<'b> {
    Absent,
    Once(&'b [u8]),
    Repeated,
}

/// What `Expect` asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expectation {
    Nothing,
    Continue,
    Unknown,
}

/// What `Connection` listed.
#[derive(Clone, Copy, Default)]
pub(super) struct Connection {
    close: bool,
    keep_alive: bool,
    /// Names of fields that are not hop-by-hop anyway.
    pub(super) names: bool,
}

impl Connection {
    fn note(&mut self, value: &[u8]) {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if !Known::of(option).is_hop_by_hop() {
                self.names = true;
            }
        }
    }

    /// Whether the sender keeps the connection open (RFC 9112 section 9.3).
    pub(super) fn is_persistent(self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// A line that ends in LF alone.
pub(super) struct BareLineFeed;

/// Copies the parsed lines of `message` into `fields`, classified, and notes what concerns the
/// message itself. `head_bytes` is where the head ends in `message`.
pub(super) fn take_fields<'b>(
    message: &'b [u8],
    head_bytes: usize,
    headers: &[httparse::Header<'b>],
    fields: &mut Fields<'b>,
) -> Result<Noted<'b>, BareLineFeed> {
    let mut noted = Noted {
        host: Host::Absent,
        framing: Declared::nothing(),
        connection: Connection::default(),
        expectation: Expectation::Nothing,
    };
    let mut all_lines_end_in_crlf = true;
    // One loop that the compiler turns into plain stores: pushing field by field, each with its own
    // way out, cost 4 ns more per field.
    fields.extend(headers.iter().take(FIELDS_MAX).map(|header| {
        let name = header.name.as_bytes();
        // Two bytes before each name show how the line above it ended, the start line too.
        all_lines_end_in_crlf &= ends_in_crlf(message, offset_in(message, name));
        let known = Known::of(name);
        match known {
            Known::Host => {
                noted.host = match noted.host {
                    Host::Absent => Host::Once(header.value),
                    Host::Once(_) | Host::Repeated => Host::Repeated,
                }
            }
            Known::ContentLength => noted.framing.content_length(header.value),
            Known::TransferEncoding => noted.framing.transfer_encoding(header.value),
            Known::Connection => noted.connection.note(header.value),
            Known::Expect => {
                if !header.value.eq_ignore_ascii_case(b"100-continue") {
                    noted.expectation = Expectation::Unknown;
                } else if noted.expectation == Expectation::Nothing {
                    noted.expectation = Expectation::Continue;
                }
            }
            _ => {}
        }
        Field { name, value: header.value, known }
    }));
    // The last line and the empty one.
    if all_lines_end_in_crlf
        && ends_in_crlf(message, head_bytes)
        && ends_in_crlf(message, head_bytes.saturating_sub(2))
    {
        Ok(noted)
    } else {
        Err(BareLineFeed)
    }
}

/// Where `part`, which must be a piece of `whole`, begins in it.
pub(super) fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())
}

fn ends_in_crlf(message: &[u8], end: usize) -> bool {
    message.get(end.wrapping_sub(2)..end) == Some(b"\r\n")
}

/// What is wrong with the first line of a field section that is not right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldFault {
    LineEnding,
    FoldedLine,
    SpaceBeforeColon,
    Name,
    Value,
}

/// Names the fault in fields that `httparse` has refused. Reads them a second time, which only a
/// sender of broken messages pays for, once per connection.
#[cold]
pub(super) fn field_fault(section: &[u8]) -> FieldFault {
    for line in section.split_inclusive(|&byte| byte == b'\n') {
        match line {
            [b' ' | b'\t', ..] => return FieldFault::FoldedLine,
            [b'\r'] | [b'\r', b'\n'] => break,
            [b'\r' | b'\n', ..] => return FieldFault::LineEnding,
            _ => {}
        }
        let name_bytes = line.iter().take_while(|&&byte| is_token_byte(byte)).count();
        let value = match line.get(name_bytes..) {
            None | Some([]) => break,
            Some([b':', value @ ..]) if name_bytes > 0 => value,
            Some([b' ' | b'\t', ..]) if name_bytes > 0 => return FieldFault::SpaceBeforeColon,
            Some(_) => return FieldFault::Name,
        };
        match value.iter().position(|&byte| !is_value_byte(byte)) {
            None => break,
            Some(end) => match value.get(end..) {
                Some([b'\r'] | [b'\r', b'\n']) => {}
                Some([b'\r' | b'\n', ..]) => return FieldFault::LineEnding,
                _ => return FieldFault::Value,
            },
        }
    }
    // Not reached as long as this function and `httparse` agree on what a field is.
    FieldFault::Name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_was_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
        let end = head.len() - 8;
        for from in 0..end {
            assert_eq!(find_head_end(&head[..from], 0), None, "{from}");
            assert_eq!(find_head_end(head, from), Some(end), "{from}");
            for to in from..end {
                assert_eq!(find_head_end(&head[..to], from), None, "{from} {to}");
            }
        }
        assert_eq!(find_head_end(head, 1_000), None);
    }

    #[test]
    fn an_empty_line_of_a_bare_line_feed_ends_a_head_for_the_parser_to_refuse() {
        assert_eq!(find_head_end(b"GET / HTTP/1.1\n\nx", 0), Some(16));
        assert_eq!(find_head_end(b"GET / HTTP/1.1\r\n\nx", 15), Some(17));
        assert_eq!(find_head_end(b"GET / HTTP/1.1\n\r\nx", 15), Some(17));
    }

    #[test]
    fn the_first_fault_in_a_field_section_is_named() {
        for (section, fault) in [
            (&b"A: b\r\n c: d\r\n\r\n"[..], FieldFault::FoldedLine),
            (b"\tA: b\r\n\r\n", FieldFault::FoldedLine),
            (b"A : b\r\n\r\n", FieldFault::SpaceBeforeColon),
            (b"A b: c\r\n\r\n", FieldFault::SpaceBeforeColon),
            (b"A\r\n\r\n", FieldFault::Name),
            (b": b\r\n\r\n", FieldFault::Name),
            (b"A\x00: b\r\n\r\n", FieldFault::Name),
            (b"A: b\x00\r\n\r\n", FieldFault::Value),
            (b"A: b\x7f\r\n\r\n", FieldFault::Value),
            (b"A: b\rc\r\n\r\n", FieldFault::LineEnding),
            (b"A: b\nc: d\r\n\r\n", FieldFault::LineEnding),
            (b"A: b\r\n\rc: d\r\n\r\n", FieldFault::LineEnding),
        ] {
            assert_eq!(field_fault(section), fault, "{}", section.escape_ascii());
        }
    }
}
