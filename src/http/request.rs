//! A request's head: bytes to [`RequestHead`], or the cause for which it is refused.
//!
//! Decisions where RFC 9112 leaves room, all on the side of refusing:
//! - The target must be ASCII and without `#`. Other bytes that RFC 3986 does not allow in it
//!   (`"<>\^`{|}`) are in daily use in queries and mean nothing to any framing: they go on as sent.
//! - HTTP/1.2 and later do not exist; they are answered with 505 like HTTP/2.0, whose preface
//!   (`PRI * HTTP/2.0`) reaches this parser when a client did not ask first.
//! - A transfer coding other than `chunked` is 501 where the framing at least is certain (`gzip,
//!   chunked`), and 400 where it is not (`gzip`, RFC 9112 section 6.3 item 4).
//! - `Content-Length` twice is refused even with the same number (RFC 9110 section 8.6 permits
//!   either); so is `Host` in HTTP/1.0, where it may be absent but not doubtful.

use std::mem::MaybeUninit;

use super::authority::is_authority;
use super::field::is_token_byte;
use super::framing::FramingFault;
use super::head::{self, BareLineFeed, Expectation, FieldFault, Host};
use super::{FIELDS_MAX, Fields, Framing, HeadLimits, Version};

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
    fields.clear();
    let skipped = match bytes {
        [] | [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    };
    let message = bytes.get(skipped..).unwrap_or_default();
    if let Some(b'\r' | b'\n') = message.first() {
        return Err(Refused::LineEnding);
    }

    let mut headers = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let (headers, _) = headers.split_at_mut(limits.fields.min(FIELDS_MAX));
    let mut request = httparse::Request::new(&mut []);
    let end = match request.parse_with_uninit_headers(message, headers) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => {
            return unfinished(message, skipped, limits).map(|()| None);
        }
        Err(error) => return Err(fault(message, limits, error)),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        // Not reached: a complete request has all three.
        return Err(Refused::RequestLine);
    };

    let line_bytes = match request.headers.first() {
        Some(first) => head::offset_in(message, first.name.as_bytes()).saturating_sub(2),
        None => end.saturating_sub(4),
    };
    if line_bytes > limits.request_line_bytes {
        return Err(Refused::RequestLineTooLong);
    }
    let head_bytes = skipped + end;
    if head_bytes > limits.head_bytes {
        return Err(Refused::HeadTooLarge);
    }

    let noted = head::take_fields(message, end, request.headers, fields)?;
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let target = parse_target(method, target)?;
    let host = match (target, noted.host) {
        (_, Host::Repeated) => return Err(Refused::HostRepeated),
        (_, Host::Absent) if version == Version::Http11 => return Err(Refused::HostMissing),
        (_, Host::Once(host)) if !is_authority(host) => return Err(Refused::HostInvalid),
        (Target::Absolute { authority, .. }, Host::Absent | Host::Once(_)) => Some(authority),
        (Target::Origin { .. } | Target::Asterisk, Host::Once(host)) => Some(host),
        (Target::Origin { .. } | Target::Asterisk, Host::Absent) => None,
    };
    let framing = noted.framing.framing(version)?.unwrap_or(Framing::None);
    let expects_continue = match noted.expectation {
        Expectation::Unknown => return Err(Refused::Expectation),
        Expectation::Nothing => false,
        Expectation::Continue => {
            version == Version::Http11 && !matches!(framing, Framing::None | Framing::Length(0))
        }
    };

    Ok(Some(RequestHead {
        method,
        target,
        version,
        host,
        framing,
        persistent: noted.connection.is_persistent(version),
        expects_continue,
        connection_names: noted.connection.names,
        head_bytes,
    }))
}

fn parse_target<'b>(method: &str, target: &'b str) -> Result<Target<'b>, Refused> {
    if method == "CONNECT" {
        return Err(Refused::Connect);
    }
    let bytes = target.as_bytes();
    let (path, query) = split_query(bytes)?;
    match bytes {
        [b'/', ..] => Ok(Target::Origin { path, query }),
        b"*" if method == "OPTIONS" => Ok(Target::Asterisk),
        _ => absolute_target(method, path, query),
    }
}

/// `http://authority[/path][?query]` (RFC 9112 section 3.2.2).
fn absolute_target<'b>(
    method: &str,
    before_query: &'b [u8],
    query: Option<&'b [u8]>,
) -> Result<Target<'b>, Refused> {
    let rest = strip_prefix_ignoring_case(before_query, b"http://")
        .or_else(|| strip_prefix_ignoring_case(before_query, b"https://"))
        .ok_or(Refused::Target)?;
    let authority_bytes = memchr::memchr(b'/', rest).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_bytes);
    if !is_authority(authority) {
        return Err(Refused::HostInvalid);
    }
    match (path, query) {
        // What `OPTIONS *` looks like on its way through a proxy (RFC 9112 section 3.2.4). The
        // authority still counts, so it stays an absolute target with the asterisk as its path.
        ([], None) if method == "OPTIONS" => Ok(Target::Absolute { authority, path: b"*", query }),
        ([], _) => Ok(Target::Absolute { authority, path: b"/", query }),
        _ => Ok(Target::Absolute { authority, path, query }),
    }
}

/// Splits at the first question mark, and refuses what no target may hold.
///
/// One plain loop: for targets of ordinary length that is faster than three searches.
fn split_query(target: &[u8]) -> Result<(&[u8], Option<&[u8]>), Refused> {
    let mut mark = target.len();
    for (position, &byte) in target.iter().enumerate() {
        match byte {
            b'?' if mark == target.len() => mark = position,
            b'#' => return Err(Refused::Fragment),
            0x80.. => return Err(Refused::Target),
            _ => {}
        }
    }
    match target.split_at_checked(mark) {
        Some((path, [_, query @ ..])) => Ok((path, Some(query))),
        _ => Ok((target, None)),
    }
}

fn strip_prefix_ignoring_case<'b>(text: &'b [u8], prefix: &[u8]) -> Option<&'b [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Holds the limits against a head of which more may come.
fn unfinished(message: &[u8], skipped: usize, limits: &HeadLimits) -> Result<(), Refused> {
    if is_line_too_long(message, limits) {
        Err(Refused::RequestLineTooLong)
    } else if skipped + message.len() >= limits.head_bytes {
        // At least one more byte would be needed to end it.
        Err(Refused::HeadTooLarge)
    } else {
        Ok(())
    }
}

fn is_line_too_long(message: &[u8], limits: &HeadLimits) -> bool {
    let line = match memchr::memchr(b'\n', message) {
        Some(end) => message.get(..end).unwrap_or_default(),
        None => message,
    };
    line.strip_suffix(b"\r").unwrap_or(line).len() > limits.request_line_bytes
}

/// Names the cause for which `httparse` has refused a message. Reads it a second time, which only a
/// client that sends broken messages pays for, once per connection.
#[cold]
fn fault(message: &[u8], limits: &HeadLimits, error: httparse::Error) -> Refused {
    if is_line_too_long(message, limits) {
        return Refused::RequestLineTooLong;
    }
    if error == httparse::Error::TooManyHeaders {
        return Refused::TooManyFields;
    }
    match after_request_line(message) {
        Ok(fields) => head::field_fault(fields).into(),
        Err(refused) => refused,
    }
}

/// Checks the request line alone; the fields behind it if nothing is wrong with it.
fn after_request_line(message: &[u8]) -> Result<&[u8], Refused> {
    let method_bytes = message.iter().take_while(|&&byte| is_token_byte(byte)).count();
    let target = match message.get(method_bytes..) {
        Some([b' ', target @ ..]) if method_bytes > 0 => target,
        _ => return Err(Refused::RequestLine),
    };
    let target_bytes = target.iter().take_while(|&&byte| byte > b' ' && byte != 0x7f).count();
    let (target, rest) = target.split_at(target_bytes);
    let version = match rest {
        [b' ', version @ ..] if !target.is_empty() => version,
        [] | [b' ' | b'\r' | b'\n', ..] => return Err(Refused::RequestLine),
        _ => return Err(Refused::Target),
    };
    if std::str::from_utf8(target).is_err() {
        return Err(Refused::Target);
    }
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', rest @ ..] => match rest {
            [b'\r', b'\n', fields @ ..] => Ok(fields),
            [b'\r' | b'\n', ..] => Err(Refused::LineEnding),
            _ => Err(Refused::RequestLine),
        },
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..] => Err(Refused::VersionUnsupported),
        _ => Err(Refused::RequestLine),
    }
}

impl From<BareLineFeed> for Refused {
    fn from(_: BareLineFeed) -> Refused {
        Refused::LineEnding
    }
}

impl From<FieldFault> for Refused {
    fn from(fault: FieldFault) -> Refused {
        match fault {
            FieldFault::LineEnding => Refused::LineEnding,
            FieldFault::FoldedLine => Refused::FoldedLine,
            FieldFault::SpaceBeforeColon => Refused::SpaceBeforeColon,
            FieldFault::Name => Refused::FieldName,
            FieldFault::Value => Refused::FieldValue,
        }
    }
}

impl From<FramingFault> for Refused {
    fn from(fault: FramingFault) -> Refused {
        match fault {
            FramingFault::LengthRepeated => Refused::LengthRepeated,
            FramingFault::LengthInvalid => Refused::LengthInvalid,
            FramingFault::LengthWithTransferEncoding => Refused::LengthWithTransferEncoding,
            FramingFault::TransferEncodingIn10 => Refused::TransferEncodingIn10,
            FramingFault::TransferEncodingInvalid => Refused::TransferEncodingInvalid,
            FramingFault::TransferCodingUnknown => Refused::TransferCodingUnknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { request_line_bytes: 64, head_bytes: 256, fields: 4 };

    /// What the parser makes of `bytes`, with the names and values of the fields as text.
    fn parse(bytes: &[u8]) -> Result<Option<(RequestHead<'_>, Vec<String>)>, Refused> {
        let mut fields = Fields::new();
        let head = request_head(bytes, &mut fields, &LIMITS)?;
        let fields = fields
            .iter()
            .map(|field| format!("{}={}", field.name.escape_ascii(), field.value.escape_ascii()))
            .collect();
        Ok(head.map(|head| (head, fields)))
    }

    fn head(bytes: &[u8]) -> RequestHead<'_> {
        let (head, _) = parse(bytes).expect("accepted").expect("complete");
        head
    }

    #[test]
    fn a_request_is_read_with_its_fields_in_order_and_without_white_space() {
        let bytes =
            b"POST /a/b?c=d?e HTTP/1.1\r\nHost:a:80\r\nContent-length: \t 3\t \r\nX:\r\n\r\nabc";

        let (head, fields) = parse(bytes).expect("accepted").expect("complete");

        assert_eq!(
            head,
            RequestHead {
                method: "POST",
                target: Target::Origin { path: b"/a/b", query: Some(b"c=d?e") },
                version: Version::Http11,
                host: Some(b"a:80"),
                framing: Framing::Length(3),
                persistent: true,
                expects_continue: false,
                connection_names: false,
                head_bytes: bytes.len() - 3,
            }
        );
        assert_eq!(fields, ["Host=a:80", "Content-length=3", "X="]);
    }

    #[test]
    fn one_empty_line_before_a_request_is_skipped_and_counted() {
        assert_eq!(parse(b"\r"), Ok(None));
        assert_eq!(parse(b"\r\n"), Ok(None));
        assert_eq!(head(b"\r\nGET / HTTP/1.0\r\n\r\n").head_bytes, 20);
        assert_eq!(parse(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"), Err(Refused::LineEnding));
        assert_eq!(parse(b"\nGET / HTTP/1.0\r\n\r\n"), Err(Refused::LineEnding));
    }

    #[test]
    fn an_absolute_target_overrides_the_host() {
        let head = head(b"GET HTTP://b:81?q HTTP/1.1\r\nHost: a\r\n\r\n");

        assert_eq!(head.host, Some(&b"b:81"[..]));
        assert_eq!(head.target.path(), b"/");
        assert_eq!(head.target.query(), Some(&b"q"[..]));
    }

    #[test]
    fn an_asterisk_is_for_options_only_in_both_its_forms() {
        assert_eq!(head(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target, Target::Asterisk);
        assert_eq!(head(b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").target.path(), b"*");
        assert_eq!(head(b"OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").target.path(), b"/");
        assert_eq!(parse(b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"), Err(Refused::Target));
    }

    #[test]
    fn the_request_line_may_be_as_long_as_its_limit_and_no_longer() {
        // "GET " and " HTTP/1.1" are 13 bytes.
        for (path_bytes, accepted) in [(64 - 13, true), (64 - 12, false)] {
            let line = format!("GET /{} HTTP/1.1", "a".repeat(path_bytes - 1));
            let whole = format!("{line}\r\nHost: a\r\n\r\n");
            let broken = format!("{line}\r\nHost : a\r\n\r\n");
            let too_long = Err(Refused::RequestLineTooLong);

            if accepted {
                assert!(parse(whole.as_bytes()).is_ok_and(|head| head.is_some()));
                assert_eq!(parse(line.as_bytes()), Ok(None), "it may end here");
                assert_eq!(parse(broken.as_bytes()), Err(Refused::SpaceBeforeColon));
            } else {
                assert_eq!(parse(whole.as_bytes()), too_long);
                assert_eq!(parse(line.as_bytes()), too_long, "unfinished");
                assert_eq!(parse(broken.as_bytes()), too_long, "broken behind it");
            }
        }
    }

    #[test]
    fn the_head_may_be_as_large_as_its_limit_and_no_larger() {
        for (head_bytes, accepted) in [(256, true), (257, false)] {
            let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            let value = "a".repeat(head_bytes - start.len() - 4);
            let whole = format!("{start}{value}\r\n\r\nnext");

            assert_eq!(parse(whole.as_bytes()).is_ok(), accepted);
            if !accepted {
                assert_eq!(parse(whole.as_bytes()), Err(Refused::HeadTooLarge));
            }
        }
        let unfinished = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(256));
        assert_eq!(parse(&unfinished.as_bytes()[..255]), Ok(None));
        assert_eq!(
            parse(&unfinished.as_bytes()[..256]),
            Err(Refused::HeadTooLarge),
            "one more byte is needed at least"
        );
    }

    #[test]
    fn there_may_be_as_many_fields_as_the_limit_and_no_more() {
        let head = |fields: usize| {
            format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(fields)).into_bytes()
        };

        assert!(parse(&head(4)).is_ok_and(|head| head.is_some()));
        assert_eq!(parse(&head(5)), Err(Refused::TooManyFields));
        let unfinished = head(5);
        assert_eq!(
            parse(&unfinished[..unfinished.len() - 2]),
            Err(Refused::TooManyFields),
            "the limit holds for unfinished heads"
        );
    }

    #[test]
    fn a_configured_limit_above_the_parsers_own_is_cut_to_it() {
        let limits = HeadLimits { request_line_bytes: 64, head_bytes: 64 * 1024, fields: 1_000 };
        for (count, expected) in [(FIELDS_MAX, Ok(FIELDS_MAX)), (FIELDS_MAX + 1, Err(431))] {
            let bytes = format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
            let mut fields = Fields::new();
            let head = request_head(bytes.as_bytes(), &mut fields, &limits);
            assert_eq!(head.map(|_| fields.len()).map_err(Refused::status), expected);
        }
    }

    #[test]
    fn persistence_follows_the_version_and_the_connection_field() {
        for (version, connection, persistent) in [
            ("1.1", "", true),
            ("1.1", "keep-alive", true),
            ("1.1", "Close", false),
            ("1.1", "x, close", false),
            ("1.1", "closed", true),
            ("1.0", "", false),
            ("1.0", "Keep-Alive", true),
            ("1.0", "keep-alive, close", false),
        ] {
            let bytes =
                format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
            assert_eq!(head(bytes.as_bytes()).persistent, persistent, "{version} {connection}");
        }
    }

    #[test]
    fn only_names_that_are_not_dropped_anyway_are_reported() {
        for (connection, names) in [
            ("close", false),
            ("keep-alive, Upgrade", false),
            ("TE, close", false),
            ("upgrade, HTTP2-Settings", true),
            ("X-Forwarded-For", true),
        ] {
            let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
            assert_eq!(head(bytes.as_bytes()).connection_names, names, "{connection}");
        }
    }

    #[test]
    fn continue_is_expected_only_where_a_body_is_to_come_in_1_1() {
        for (version, framing, expects) in [
            ("1.1", "Content-Length: 1", true),
            ("1.1", "Transfer-Encoding: chunked", true),
            ("1.1", "Content-Length: 0", false),
            ("1.1", "X: y", false),
            ("1.0", "Content-Length: 1", false),
        ] {
            let bytes = format!(
                "PUT / HTTP/{version}\r\nHost: a\r\nExpect: 100-Continue\r\n{framing}\r\n\r\n"
            );
            assert_eq!(head(bytes.as_bytes()).expects_continue, expects, "{version} {framing}");
        }
    }
}
