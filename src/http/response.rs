//! A response's head: bytes to [`ResponseHead`], or the fault of the back end that sent it.
//!
//! As strict as for requests. A back end that is read leniently here decides, through what it lets
//! its own users put into fields, where the next answer on a shared connection begins.

use std::mem::MaybeUninit;

use super::framing::FramingFault;
use super::head::{self, BareLineFeed, FieldFault};
use super::{FIELDS_MAX, Fields, Framing, HeadLimits, Version};

/// What kind of request a response answers, as far as framing is concerned (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// `HEAD`: the response has no body, whatever its fields say.
    Head,
    /// `CONNECT`: a 2xx response has no body, a tunnel follows.
    Connect,
    /// Any other method.
    Other,
}

/// A response's head. Borrows from the receive buffer; its fields lie in the caller's [`Fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead<'b> {
    /// 100 to 999. Above 599 nothing is defined (RFC 9110 section 15), but such codes are in use.
    pub status: u16,
    /// The reason phrase as sent; empty where there is none or where it is not ASCII.
    pub reason: &'b [u8],
    /// The version in the status line.
    pub version: Version,
    /// Where the body ends. [`Framing::None`] for interim responses, 204, 304 and answers to
    /// `HEAD`: a `Content-Length` among their fields then describes a body that does not follow.
    pub framing: Framing,
    /// Whether the connection may carry another request when the body is through.
    pub persistent: bool,
    /// Whether `Connection` lists names of fields that are not hop-by-hop anyway:
    /// [`super::named_by_connection`] must then be asked about each field passed on.
    pub connection_names: bool,
    /// Bytes of the head with its empty line: the body starts here.
    pub head_bytes: usize,
}

impl ResponseHead<'_> {
    /// Whether another response to the same request follows (1xx other than 101).
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// Why a response cannot be believed. The answer to the client is 502, the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadResponse {
    /// The head is larger than `head_bytes`.
    HeadTooLarge,
    /// More field lines than `fields`.
    TooManyFields,
    /// Not `version SP status SP reason`.
    StatusLine,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    VersionUnsupported,
    /// A line that does not end in CR LF, a CR elsewhere, or an empty line before the response.
    LineEnding,
    /// White space between a field's name and its colon.
    SpaceBeforeColon,
    /// A field folded over several lines.
    FoldedLine,
    /// A field line without a name that is a token.
    FieldName,
    /// A control character in a field's value.
    FieldValue,
    /// More than one `Content-Length`.
    LengthRepeated,
    /// A `Content-Length` that is not digits only, or beyond [`super::framing::LENGTH_MAX`].
    LengthInvalid,
    /// `Content-Length` together with `Transfer-Encoding`.
    LengthWithTransferEncoding,
    /// `Transfer-Encoding` in HTTP/1.0.
    TransferEncodingIn10,
    /// `Transfer-Encoding` that is not `chunked` alone.
    TransferEncodingInvalid,
}

impl BadResponse {
    /// The cause for logs and counters: constant, lower case.
    pub fn cause(self) -> &'static str {
        match self {
            BadResponse::HeadTooLarge => "response head too large",
            BadResponse::TooManyFields => "too many fields",
            BadResponse::StatusLine => "malformed status line",
            BadResponse::VersionUnsupported => "http version not supported",
            BadResponse::LineEnding => "line does not end in cr lf",
            BadResponse::SpaceBeforeColon => "white space before colon",
            BadResponse::FoldedLine => "folded field line",
            BadResponse::FieldName => "malformed field name",
            BadResponse::FieldValue => "control character in field value",
            BadResponse::LengthRepeated => "content-length repeated",
            BadResponse::LengthInvalid => "content-length invalid",
            BadResponse::LengthWithTransferEncoding => "content-length with transfer-encoding",
            BadResponse::TransferEncodingIn10 => "transfer-encoding in http/1.0",
            BadResponse::TransferEncodingInvalid => "transfer-encoding is not chunked",
        }
    }
}

/// Reads a response's head from the start of `bytes`. `Ok(None)`: more bytes are needed.
///
/// # Errors
/// [`BadResponse`]: the back end is at fault; nothing further on this connection can be believed.
pub fn response_head<'b>(
    bytes: &'b [u8],
    fields: &mut Fields<'b>,
    limits: &HeadLimits,
    answering: RequestKind,
) -> Result<Option<ResponseHead<'b>>, BadResponse> {
    fields.clear();
    // httparse would skip empty lines; here one means that the last body was longer than declared.
    if let Some(b'\r' | b'\n') = bytes.first() {
        return Err(BadResponse::LineEnding);
    }
    let mut headers = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let (headers, _) = headers.split_at_mut(limits.fields.min(FIELDS_MAX));
    let mut response = httparse::Response::new(&mut []);
    let strict = httparse::ParserConfig::default();
    let head_bytes = match strict.parse_response_with_uninit_headers(&mut response, bytes, headers)
    {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) if bytes.len() < limits.head_bytes => return Ok(None),
        Ok(httparse::Status::Partial) => return Err(BadResponse::HeadTooLarge),
        Err(error) => return Err(fault(bytes, error)),
    };
    let (Some(status), Some(reason), Some(minor)) =
        (response.code, response.reason, response.version)
    else {
        // Not reached: a complete response has all three.
        return Err(BadResponse::StatusLine);
    };
    if head_bytes > limits.head_bytes {
        return Err(BadResponse::HeadTooLarge);
    }
    if status < 100 {
        return Err(BadResponse::StatusLine);
    }

    let noted = head::take_fields(bytes, head_bytes, response.headers, fields)?;
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    // Asked even where no body follows: what is passed on must not be doubtful either.
    let declared = noted.framing.framing(version)?;
    let framing = match (status, answering) {
        (100..=199 | 204 | 304, _) | (_, RequestKind::Head) | (200..=299, RequestKind::Connect) => {
            Framing::None
        }
        (_, RequestKind::Connect | RequestKind::Other) => declared.unwrap_or(Framing::UntilClose),
    };

    Ok(Some(ResponseHead {
        status,
        reason: reason.as_bytes(),
        version,
        framing,
        persistent: framing != Framing::UntilClose && noted.connection.is_persistent(version),
        connection_names: noted.connection.names,
        head_bytes,
    }))
}

/// Names the fault for which `httparse` has refused a response. Reads it a second time, which only
/// a broken back end pays for, once per connection.
#[cold]
fn fault(bytes: &[u8], error: httparse::Error) -> BadResponse {
    if error == httparse::Error::TooManyHeaders {
        return BadResponse::TooManyFields;
    }
    match after_status_line(bytes) {
        Ok(fields) => head::field_fault(fields).into(),
        Err(fault) => fault,
    }
}

/// Checks the status line alone; the fields behind it if nothing is wrong with it.
fn after_status_line(bytes: &[u8]) -> Result<&[u8], BadResponse> {
    let rest = match bytes {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', rest @ ..] => rest,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..] => {
            return Err(BadResponse::VersionUnsupported);
        }
        _ => return Err(BadResponse::StatusLine),
    };
    let [b' ', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', rest @ ..] = rest else {
        return Err(BadResponse::StatusLine);
    };
    let reason_bytes = rest.iter().take_while(|&&byte| super::field::is_value_byte(byte)).count();
    match rest.split_at(reason_bytes) {
        ([] | [b' ', ..], [b'\r', b'\n', fields @ ..]) => Ok(fields),
        ([] | [b' ', ..], [b'\r' | b'\n', ..]) => Err(BadResponse::LineEnding),
        _ => Err(BadResponse::StatusLine),
    }
}

impl From<BareLineFeed> for BadResponse {
    fn from(_: BareLineFeed) -> BadResponse {
        BadResponse::LineEnding
    }
}

impl From<FieldFault> for BadResponse {
    fn from(fault: FieldFault) -> BadResponse {
        match fault {
            FieldFault::LineEnding => BadResponse::LineEnding,
            FieldFault::FoldedLine => BadResponse::FoldedLine,
            FieldFault::SpaceBeforeColon => BadResponse::SpaceBeforeColon,
            FieldFault::Name => BadResponse::FieldName,
            FieldFault::Value => BadResponse::FieldValue,
        }
    }
}

impl From<FramingFault> for BadResponse {
    fn from(fault: FramingFault) -> BadResponse {
        match fault {
            FramingFault::LengthRepeated => BadResponse::LengthRepeated,
            FramingFault::LengthInvalid => BadResponse::LengthInvalid,
            FramingFault::LengthWithTransferEncoding => BadResponse::LengthWithTransferEncoding,
            FramingFault::TransferEncodingIn10 => BadResponse::TransferEncodingIn10,
            FramingFault::TransferEncodingInvalid | FramingFault::TransferCodingUnknown => {
                BadResponse::TransferEncodingInvalid
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { request_line_bytes: 8, head_bytes: 256, fields: 4 };

    fn parse(
        bytes: &[u8],
        answering: RequestKind,
    ) -> Result<Option<ResponseHead<'_>>, BadResponse> {
        response_head(bytes, &mut Fields::new(), &LIMITS, answering)
    }

    fn head(bytes: &[u8], answering: RequestKind) -> ResponseHead<'_> {
        parse(bytes, answering).expect("accepted").expect("complete")
    }

    #[test]
    fn a_response_is_read_with_its_reason() {
        let bytes = b"HTTP/1.1 404 Not There\r\nContent-Length: 3\r\n\r\nabc";

        assert_eq!(
            head(bytes, RequestKind::Other),
            ResponseHead {
                status: 404,
                reason: b"Not There",
                version: Version::Http11,
                framing: Framing::Length(3),
                persistent: true,
                connection_names: false,
                head_bytes: bytes.len() - 3,
            }
        );
        assert_eq!(head(b"HTTP/1.1 200 \r\n\r\n", RequestKind::Other).reason, b"");
        assert_eq!(head(b"HTTP/1.1 200\r\n\r\n", RequestKind::Other).reason, b"");
    }

    #[test]
    fn framing_depends_on_status_request_and_fields() {
        use Framing::{Chunked, Length, None, UntilClose};
        use RequestKind::{Connect, Head, Other};
        const LENGTH: &str = "Content-Length: 5\r\n";
        const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
        for (status, answering, fields, framing) in [
            (200, Other, LENGTH, Length(5)),
            (200, Other, CHUNKED, Chunked),
            (200, Other, "", UntilClose),
            (200, Head, LENGTH, None),
            (200, Head, CHUNKED, None),
            (404, Head, "", None),
            (200, Connect, LENGTH, None),
            (299, Connect, "", None),
            (300, Connect, LENGTH, Length(5)),
            (100, Other, "", None),
            (103, Other, LENGTH, None),
            (199, Other, CHUNKED, None),
            (204, Other, LENGTH, None),
            (205, Other, LENGTH, Length(5)),
            (304, Other, LENGTH, None),
            (304, Other, CHUNKED, None),
            (305, Other, "", UntilClose),
        ] {
            let bytes = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
            assert_eq!(
                head(bytes.as_bytes(), answering).framing,
                framing,
                "{status} {answering:?} {fields}"
            );
        }
    }

    #[test]
    fn a_connection_is_kept_only_where_the_body_has_an_end() {
        for (version, fields, persistent) in [
            ("1.1", "Content-Length: 5\r\n", true),
            ("1.1", "Content-Length: 5\r\nConnection: close\r\n", false),
            ("1.1", "", false),
            ("1.0", "Content-Length: 5\r\n", false),
            ("1.0", "Content-Length: 5\r\nConnection: keep-alive\r\n", true),
        ] {
            let bytes = format!("HTTP/{version} 200 OK\r\n{fields}\r\n");
            assert_eq!(
                head(bytes.as_bytes(), RequestKind::Other).persistent,
                persistent,
                "{version} {fields}"
            );
        }
    }

    #[test]
    fn interim_responses_are_those_another_one_follows() {
        for (status, interim) in [(100, true), (101, false), (103, true), (199, true), (200, false)]
        {
            let bytes = format!("HTTP/1.1 {status} x\r\n\r\n");
            assert_eq!(head(bytes.as_bytes(), RequestKind::Other).is_interim(), interim);
        }
    }

    #[test]
    fn what_a_careless_back_end_sends_is_not_repaired() {
        use BadResponse::*;
        for (bytes, fault) in [
            (&b"\r\nHTTP/1.1 200 OK\r\n\r\n"[..], LineEnding),
            (b"HTTP/1.1 200 OK\n\n", LineEnding),
            (b"HTTP/1.1 200 OK\r\nA: b\n\r\n", LineEnding),
            (b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", LineEnding),
            (b"HTTP/1.1 200 O\x00K\r\n\r\n", StatusLine),
            (b"HTTP/1.1  200 OK\r\n\r\n", StatusLine),
            (b"HTTP/1.1 20 OK\r\n\r\n", StatusLine),
            (b"HTTP/1.1 2000 OK\r\n\r\n", StatusLine),
            (b"HTTP/1.1 099 OK\r\n\r\n", StatusLine),
            (b"HTTP/1.1 -20 OK\r\n\r\n", StatusLine),
            (b"HTTP/2.0 200 OK\r\n\r\n", VersionUnsupported),
            (b"HTTP/1.2 200 OK\r\n\r\n", VersionUnsupported),
            (b"ICY 200 OK\r\n\r\n", StatusLine),
            (b"<html>no head at all</html>", StatusLine),
            (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", SpaceBeforeColon),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", FoldedLine),
            (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", SpaceBeforeColon),
            (b"HTTP/1.1 200 OK\r\nnocolon\r\n\r\n", FieldName),
            (b"HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n", FieldValue),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", LengthRepeated),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", LengthInvalid),
            (b"HTTP/1.1 304 OK\r\nContent-Length: -1\r\n\r\n", LengthInvalid),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                LengthWithTransferEncoding,
            ),
            (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", TransferEncodingIn10),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                TransferEncodingInvalid,
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", TransferEncodingInvalid),
        ] {
            assert_eq!(parse(bytes, RequestKind::Other), Err(fault), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn limits_hold_on_both_sides_of_each() {
        let large = |head_bytes: usize| {
            let start = "HTTP/1.1 200 OK\r\nX: ";
            format!("{start}{}\r\n\r\n", "a".repeat(head_bytes - start.len() - 4))
        };
        let many = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(fields));

        assert!(parse(large(256).as_bytes(), RequestKind::Other).is_ok());
        for (bytes, fault) in [
            (large(257), BadResponse::HeadTooLarge),
            (large(300)[..256].to_owned(), BadResponse::HeadTooLarge),
            (many(5), BadResponse::TooManyFields),
        ] {
            assert_eq!(parse(bytes.as_bytes(), RequestKind::Other), Err(fault));
        }
        assert_eq!(parse(&large(300).as_bytes()[..255], RequestKind::Other), Ok(None));
        assert!(parse(many(4).as_bytes(), RequestKind::Other).is_ok());
    }
}
