//! Where a message ends: `Content-Length` and `Transfer-Encoding` (RFC 9112 section 6).
//!
//! Every request smuggling attack is two recipients that disagree here, so nothing is repaired: a
//! length is a plain number once, a transfer coding is `chunked` once, and never both. What a
//! message without either means differs between requests and responses and stands in
//! [`super::request`] and [`super::response`].

use super::Version;
use super::field::{is_token_byte, trim};

/// How the bytes behind a head become a body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body and no field that says so: the next message starts right behind the head.
    None,
    /// `Content-Length`: this many bytes, possibly 0. At most [`LENGTH_MAX`].
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closes. Responses only.
    UntilClose,
}

/// The largest `Content-Length` taken, in bytes: 2^63 - 1, because other recipients of the same
/// message hold it in 64 signed bits and would read a larger one as negative.
pub const LENGTH_MAX: u64 = i64::MAX.unsigned_abs();

/// What the fields of one head say about its framing, collected line by line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    length: Length,
    codings: Codings,
}

/// Why two recipients could disagree about where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FramingFault {
    LengthRepeated,
    LengthInvalid,
    LengthWithTransferEncoding,
    TransferEncodingIn10,
    TransferEncodingInvalid,
    TransferCodingUnknown,
}

impl Declared {
    pub(super) fn nothing() -> Declared {
        Declared { length: Length::Absent, codings: Codings::Absent }
    }

    /// One `Content-Length` line.
    pub(super) fn content_length(&mut self, value: &[u8]) {
        self.length = match self.length {
            Length::Absent => parse_length(value).map_or(Length::Invalid, Length::Bytes),
            Length::Bytes(_) | Length::Invalid | Length::Repeated => Length::Repeated,
        };
    }

    /// One `Transfer-Encoding` line; several lines are one list (RFC 9110 section 5.3).
    pub(super) fn transfer_encoding(&mut self, value: &[u8]) {
        for coding in value.split(|&byte| byte == b',') {
            self.codings = self.codings.then(trim(coding));
        }
    }

    /// The framing declared, if any.
    pub(super) fn framing(self, version: Version) -> Result<Option<Framing>, FramingFault> {
        match (self.codings, self.length) {
            (Codings::Absent, Length::Absent) => Ok(None),
            (Codings::Absent, Length::Bytes(bytes)) => Ok(Some(Framing::Length(bytes))),
            (Codings::Absent, Length::Invalid) => Err(FramingFault::LengthInvalid),
            (Codings::Absent, Length::Repeated) => Err(FramingFault::LengthRepeated),
            // An HTTP/1.0 recipient on the way would not have seen the coding (RFC 9112 6.1).
            (_, _) if version == Version::Http10 => Err(FramingFault::TransferEncodingIn10),
            (_, Length::Bytes(_) | Length::Invalid | Length::Repeated) => {
                Err(FramingFault::LengthWithTransferEncoding)
            }
            (Codings::Chunked, Length::Absent) => Ok(Some(Framing::Chunked)),
            (Codings::OthersThenChunked, Length::Absent) => {
                Err(FramingFault::TransferCodingUnknown)
            }
            (Codings::Others | Codings::Invalid, Length::Absent) => {
                Err(FramingFault::TransferEncodingInvalid)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Absent,
    Bytes(u64),
    Invalid,
    Repeated,
}

/// The list of transfer codings read so far.
#[derive(Debug, Clone, Copy)]
enum Codings {
    Absent,
    Chunked,
    Others,
    OthersThenChunked,
    Invalid,
}

impl Codings {
    fn then(self, coding: &[u8]) -> Codings {
        // Empty list members are legal, but a recipient that stumbles over one reads another
        // framing than we do; no client sends them.
        if coding.is_empty() {
            return Codings::Invalid;
        }
        let name = coding.split(|&byte| !is_token_byte(byte)).next().unwrap_or_default();
        let chunked = name.eq_ignore_ascii_case(b"chunked");
        match self {
            // `chunked` has no parameters, and a name must be a token: `"chunked"` is neither.
            _ if name.is_empty() || (chunked && name.len() < coding.len()) => Codings::Invalid,
            Codings::Absent if chunked => Codings::Chunked,
            Codings::Others if chunked => Codings::OthersThenChunked,
            Codings::Absent | Codings::Others => Codings::Others,
            Codings::Chunked | Codings::OthersThenChunked | Codings::Invalid => Codings::Invalid,
        }
    }
}

/// Digits and nothing else: no sign, no list, no white space inside. Leading zeros are legal.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let mut length: u64 = 0;
    for &byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        length = length.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (length <= LENGTH_MAX).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codings(lines: &[&str]) -> Result<Option<Framing>, FramingFault> {
        let mut declared = Declared::nothing();
        for line in lines {
            declared.transfer_encoding(line.as_bytes());
        }
        declared.framing(Version::Http11)
    }

    #[test]
    fn a_length_is_digits_only_up_to_what_a_signed_number_holds() {
        for (text, length) in [
            ("0", Some(0)),
            ("0017", Some(17)),
            ("9223372036854775807", Some(LENGTH_MAX)),
            ("9223372036854775808", None),
            ("18446744073709551616", None),
            ("00000000000000000000000000000005", Some(5)),
            ("", None),
            ("+5", None),
            ("-5", None),
            ("5 5", None),
            ("5, 5", None),
            ("0x5", None),
            ("5.0", None),
            ("\u{0665}", None),
        ] {
            assert_eq!(parse_length(text.as_bytes()), length, "{text:?}");
        }
    }

    #[test]
    fn only_one_plain_chunked_is_a_framing() {
        use FramingFault::{TransferCodingUnknown, TransferEncodingInvalid};
        for (lines, expected) in [
            (&["chunked"][..], Ok(Some(Framing::Chunked))),
            (&["Chunked"], Ok(Some(Framing::Chunked))),
            (&["gzip, chunked"], Err(TransferCodingUnknown)),
            (&["gzip", "chunked"], Err(TransferCodingUnknown)),
            (&["gzip;level=1, chunked"], Err(TransferCodingUnknown)),
            (&["gzip"], Err(TransferEncodingInvalid)),
            (&["identity"], Err(TransferEncodingInvalid)),
            (&["chunked, gzip"], Err(TransferEncodingInvalid)),
            (&["chunked", "chunked"], Err(TransferEncodingInvalid)),
            (&["chunked, identity"], Err(TransferEncodingInvalid)),
            (&["chunked;a=b"], Err(TransferEncodingInvalid)),
            (&["\"chunked\""], Err(TransferEncodingInvalid)),
            (&["xchunked"], Err(TransferEncodingInvalid)),
            (&["chunked,"], Err(TransferEncodingInvalid)),
            (&[", chunked"], Err(TransferEncodingInvalid)),
            (&[""], Err(TransferEncodingInvalid)),
        ] {
            assert_eq!(codings(lines), expected, "{lines:?}");
        }
    }
}
