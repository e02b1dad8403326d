//! A response's head: bytes to [`ResponseHead`], or the fault of the back end that sent it.

use super::{Fields, Framing, HeadLimits, Version};

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
    _ = (bytes, fields, limits, answering);
    Ok(None)
}
