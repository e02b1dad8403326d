//! A request's head: bytes to [`RequestHead`], or the cause for which it is refused.

use super::{Fields, Framing, HeadLimits, Version};

/// A request's head. Borrows from the receive buffer; its fields lie in the caller's [`Fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method as sent: a token, capitals matter (RFC 9110 section 9.1).
    pub method: &'b str,
    /// What is asked for.
    pub target: Target<'b>,
    /// The version in the request line.
    pub version: Version,
    /// Which host is asked, port included: the target's authority where it has one, otherwise the
    /// `Host` field (RFC 9112 section 3.2.2). Never empty; `None` only for HTTP/1.0.
    pub host: Option<&'b [u8]>,
    /// Where the body ends. Never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client keeps the connection open behind this request (RFC 9112 section 9.3).
    pub persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends its body. Only ever set for
    /// HTTP/1.1 with a body to come (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Whether `Connection` lists names of fields that are not hop-by-hop anyway:
    /// [`super::named_by_connection`] must then be asked about each field passed on.
    pub connection_names: bool,
    /// Bytes of the head, leading and trailing empty line included: the body starts here.
    pub head_bytes: usize,
}

/// What a request asks for (RFC 9112 section 3.2).
///
/// Paths and queries are as sent, byte for byte, and ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'b> {
    /// `/path?query`
    Origin {
        /// Starts with a slash.
        path: &'b [u8],
        /// What follows the first question mark; `Some` and empty for `/path?`.
        query: Option<&'b [u8]>,
    },
    /// `http://authority/path?query`: clients send it to proxies, every recipient must take it.
    Absolute {
        /// Host and port without user information; overrides the `Host` field.
        authority: &'b [u8],
        /// Starts with a slash: `/` where the target has no path.
        path: &'b [u8],
        /// What follows the first question mark.
        query: Option<&'b [u8]>,
    },
    /// `OPTIONS *`: about the gateway itself.
    Asterisk,
}

impl<'b> Target<'b> {
    /// The path as sent; `*` for the asterisk form.
    pub fn path(&self) -> &'b [u8] {
        match self {
            Target::Origin { path, .. } | Target::Absolute { path, .. } => path,
            Target::Asterisk => b"*",
        }
    }

    /// The query as sent, without the question mark.
    pub fn query(&self) -> Option<&'b [u8]> {
        match self {
            Target::Origin { query, .. } | Target::Absolute { query, .. } => *query,
            Target::Asterisk => None,
        }
    }
}

/// Why a request is refused. One variant per cause; after any of them the connection must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The request line is longer than `request_line_bytes`.
    RequestLineTooLong,
    /// The head is larger than `head_bytes`.
    HeadTooLarge,
    /// More field lines than `fields`.
    TooManyFields,
    /// Not `method SP target SP version`.
    RequestLine,
    /// The target has none of the forms that its method allows.
    Target,
    /// `#` in the target.
    Fragment,
    /// An HTTP version that is not spoken here, the HTTP/2 preface included.
    VersionUnsupported,
    /// A line that does not end in CR LF, a CR elsewhere, or empty lines before the request.
    LineEnding,
    /// White space between a field's name and its colon.
    SpaceBeforeColon,
    /// A field folded over several lines, or white space before the first field.
    FoldedLine,
    /// A field line without a name that is a token.
    FieldName,
    /// A control character in a field's value.
    FieldValue,
    /// HTTP/1.1 without `Host`.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// A `Host` or an authority that is not a host with an optional port.
    HostInvalid,
    /// More than one `Content-Length`, the same number or not.
    LengthRepeated,
    /// A `Content-Length` that is not digits only, or beyond [`super::framing::LENGTH_MAX`].
    LengthInvalid,
    /// `Content-Length` together with `Transfer-Encoding`.
    LengthWithTransferEncoding,
    /// `Transfer-Encoding` in HTTP/1.0.
    TransferEncodingIn10,
    /// `Transfer-Encoding` whose last coding is not `chunked`, or with `chunked` twice.
    TransferEncodingInvalid,
    /// A transfer coding besides `chunked`.
    TransferCodingUnknown,
    /// `Expect` with anything but `100-continue`.
    Expectation,
    /// `CONNECT`: ringgate opens no tunnels.
    Connect,
}

impl Refused {
    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Refused::RequestLineTooLong => 414,
            Refused::HeadTooLarge | Refused::TooManyFields => 431,
            Refused::VersionUnsupported => 505,
            Refused::TransferCodingUnknown | Refused::Connect => 501,
            Refused::Expectation => 417,
            Refused::RequestLine
            | Refused::Target
            | Refused::Fragment
            | Refused::LineEnding
            | Refused::SpaceBeforeColon
            | Refused::FoldedLine
            | Refused::FieldName
            | Refused::FieldValue
            | Refused::HostMissing
            | Refused::HostRepeated
            | Refused::HostInvalid
            | Refused::LengthRepeated
            | Refused::LengthInvalid
            | Refused::LengthWithTransferEncoding
            | Refused::TransferEncodingIn10
            | Refused::TransferEncodingInvalid => 400,
        }
    }

    /// The cause for logs and counters: constant, lower case.
    pub fn cause(self) -> &'static str {
        match self {
            Refused::RequestLineTooLong => "request line too long",
            Refused::HeadTooLarge => "request head too large",
            Refused::TooManyFields => "too many fields",
            Refused::RequestLine => "malformed request line",
            Refused::Target => "malformed request target",
            Refused::Fragment => "fragment in request target",
            Refused::VersionUnsupported => "http version not supported",
            Refused::LineEnding => "line does not end in cr lf",
            Refused::SpaceBeforeColon => "white space before colon",
            Refused::FoldedLine => "folded field line",
            Refused::FieldName => "malformed field name",
            Refused::FieldValue => "control character in field value",
            Refused::HostMissing => "host missing",
            Refused::HostRepeated => "host repeated",
            Refused::HostInvalid => "host invalid",
            Refused::LengthRepeated => "content-length repeated",
            Refused::LengthInvalid => "content-length invalid",
            Refused::LengthWithTransferEncoding => "content-length with transfer-encoding",
            Refused::TransferEncodingIn10 => "transfer-encoding in http/1.0",
            Refused::TransferEncodingInvalid => "transfer-encoding does not end in one chunked",
            Refused::TransferCodingUnknown => "transfer coding not supported",
            Refused::Expectation => "expectation not supported",
            Refused::Connect => "connect not supported",
        }
    }
}

/// Reads a request's head from the start of `bytes`.
///
/// `Ok(None)`: more bytes are needed; call again with all of them ([`super::find_head_end`] says
/// when that is worth while). `fields` is cleared first and filled in the order received. One empty
/// line before the request is skipped (RFC 9112 section 2.2).
///
/// # Errors
/// [`Refused`]: answer with its status and close the connection.
pub fn request_head<'b>(
    bytes: &'b [u8],
    fields: &mut Fields<'b>,
    limits: &HeadLimits,
) -> Result<Option<RequestHead<'b>>, Refused> {
    _ = (bytes, fields, limits);
    Ok(None)
}
