//! One field line, and the classification of its name that everything behind the parser works with.
//!
//! Names are compared once, here: framing, hop-by-hop removal and Amazon's header tables then look
//! at one byte ([`Known`]) instead of at text.

use arrayvec::ArrayVec;

/// Field lines a head may have at most, whatever the configured limit says. 128: nginx and HAProxy
/// stop near 100 by default, browsers stay below 40.
pub const FIELDS_MAX: usize = 128;

/// The field lines of one head in the order received, filled in place by the parser.
///
/// 5 KiB that live on the caller's stack: neither moved nor initialised before use.
pub type Fields<'b> = ArrayVec<Field<'b>, FIELDS_MAX>;

/// One field line as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'b> {
    /// The name with the sender's capitals; a token (RFC 9110 section 5.1).
    pub name: &'b [u8],
    /// The value without the white space around it. May hold bytes above 127, never controls
    /// other than tab.
    pub value: &'b [u8],
    /// What the name is, if it is one the gateway treats specially.
    pub known: Known,
}

macro_rules! known {
    ($($variant:ident $text:literal)+) => {
        /// The field names that matter for framing, hop-by-hop removal and Amazon's header tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known {
            /// Any other name.
            Other,
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl Known {
            /// Every name with its classification, in lower case.
            pub const ALL: &[(&'static str, Known)] = &[$(($text, Known::$variant),)+];

            /// The name in lower case; `""` for [`Known::Other`].
            pub fn name(self) -> &'static str {
                match self {
                    Known::Other => "",
                    $(Known::$variant => $text,)+
                }
            }
        }
    };
}

known! {
    Accept "accept"
    AcceptCharset "accept-charset"
    AcceptEncoding "accept-encoding"
    Age "age"
    ApigwRequestId "apigw-requestid"
    Authorization "authorization"
    Connection "connection"
    ContentEncoding "content-encoding"
    ContentLength "content-length"
    ContentLocation "content-location"
    ContentMd5 "content-md5"
    ContentType "content-type"
    Cookie "cookie"
    Date "date"
    Expect "expect"
    Forwarded "forwarded"
    Host "host"
    KeepAlive "keep-alive"
    MaxForwards "max-forwards"
    Origin "origin"
    Pragma "pragma"
    ProxyAuthenticate "proxy-authenticate"
    ProxyAuthorization "proxy-authorization"
    ProxyConnection "proxy-connection"
    Range "range"
    Referer "referer"
    Server "server"
    SetCookie "set-cookie"
    Te "te"
    Trailer "trailer"
    TransferEncoding "transfer-encoding"
    Upgrade "upgrade"
    UserAgent "user-agent"
    Via "via"
    Warn "warn"
    WwwAuthenticate "www-authenticate"
    XAmzApigwId "x-amz-apigw-id"
    XAmznApigatewayApiId "x-amzn-apigateway-api-id"
    XAmznRequestId "x-amzn-requestid"
    XAmznTraceId "x-amzn-trace-id"
    XApiKey "x-api-key"
    XForwardedFor "x-forwarded-for"
    XForwardedHost "x-forwarded-host"
    XForwardedPort "x-forwarded-port"
    XForwardedProto "x-forwarded-proto"
    XHttpMethodOverride "x-http-method-override"
}

impl Known {
    /// What a field name is; capitals do not matter. `name` must be a token (RFC 9110 section
    /// 5.6.2), as every name from a parsed head is.
    #[inline]
    pub fn of(name: &[u8]) -> Known {
        // Few names share a length, so the length leaves at most seven to compare as whole words.
        match name.len() {
            2 => among(name, [(b"te", Known::Te)]),
            3 => among(name, [(b"age", Known::Age), (b"via", Known::Via)]),
            4 => among(
                name,
                [(b"host", Known::Host), (b"date", Known::Date), (b"warn", Known::Warn)],
            ),
            5 => among(name, [(b"range", Known::Range)]),
            6 => among(
                name,
                [
                    (b"accept", Known::Accept),
                    (b"cookie", Known::Cookie),
                    (b"server", Known::Server),
                    (b"origin", Known::Origin),
                    (b"expect", Known::Expect),
                    (b"pragma", Known::Pragma),
                ],
            ),
            7 => among(
                name,
                [
                    (b"referer", Known::Referer),
                    (b"upgrade", Known::Upgrade),
                    (b"trailer", Known::Trailer),
                ],
            ),
            9 => among(name, [(b"forwarded", Known::Forwarded), (b"x-api-key", Known::XApiKey)]),
            10 => among(
                name,
                [
                    (b"connection", Known::Connection),
                    (b"user-agent", Known::UserAgent),
                    (b"set-cookie", Known::SetCookie),
                    (b"keep-alive", Known::KeepAlive),
                ],
            ),
            11 => among(name, [(b"content-md5", Known::ContentMd5)]),
            12 => among(
                name,
                [(b"content-type", Known::ContentType), (b"max-forwards", Known::MaxForwards)],
            ),
            13 => among(name, [(b"authorization", Known::Authorization)]),
            14 => among(
                name,
                [
                    (b"content-length", Known::ContentLength),
                    (b"accept-charset", Known::AcceptCharset),
                    (b"x-amz-apigw-id", Known::XAmzApigwId),
                ],
            ),
            15 => among(
                name,
                [
                    (b"accept-encoding", Known::AcceptEncoding),
                    (b"x-forwarded-for", Known::XForwardedFor),
                    (b"x-amzn-trace-id", Known::XAmznTraceId),
                    (b"apigw-requestid", Known::ApigwRequestId),
                ],
            ),
            16 => among(
                name,
                [
                    (b"content-encoding", Known::ContentEncoding),
                    (b"content-location", Known::ContentLocation),
                    (b"www-authenticate", Known::WwwAuthenticate),
                    (b"x-forwarded-host", Known::XForwardedHost),
                    (b"x-forwarded-port", Known::XForwardedPort),
                    (b"x-amzn-requestid", Known::XAmznRequestId),
                    (b"proxy-connection", Known::ProxyConnection),
                ],
            ),
            17 => among(
                name,
                [
                    (b"transfer-encoding", Known::TransferEncoding),
                    (b"x-forwarded-proto", Known::XForwardedProto),
                ],
            ),
            18 => among(name, [(b"proxy-authenticate", Known::ProxyAuthenticate)]),
            19 => among(name, [(b"proxy-authorization", Known::ProxyAuthorization)]),
            22 => among(name, [(b"x-http-method-override", Known::XHttpMethodOverride)]),
            24 => among(name, [(b"x-amzn-apigateway-api-id", Known::XAmznApigatewayApiId)]),
            _ => Known::Other,
        }
    }

    /// Whether the field concerns one connection only and is never passed on (RFC 9110 section
    /// 7.6.1, and the fields that RFC 2616 section 13.5.1 listed). What `Connection` itself names
    /// must be dropped too: [`named_by_connection`].
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::ProxyAuthenticate
                | Known::ProxyAuthorization
                | Known::ProxyConnection
                | Known::Te
                | Known::Trailer
                | Known::TransferEncoding
                | Known::Upgrade
        )
    }
}

/// Whether a `Connection` field among `fields` lists `name`, so that the field of that name must
/// not be passed on either. Ask only when the head's `connection_names` is set.
///
/// Never true for `Host`, `Content-Length` and `Content-Type`: a sender may not list fields meant
/// for every recipient (RFC 9110 section 7.6.1), and a client must not be able to strip these from
/// what a back end sees.
pub fn named_by_connection(fields: &[Field<'_>], name: &[u8]) -> bool {
    if matches!(Known::of(name), Known::Host | Known::ContentLength | Known::ContentType) {
        return false;
    }
    fields
        .iter()
        .filter(|field| field.known == Known::Connection)
        .any(|field| list(field.value).any(|option| option.eq_ignore_ascii_case(name)))
}

/// The members of a comma-separated list without the white space around them; empty ones are left
/// out (RFC 9110 section 5.6.1.2). Knows nothing of quoted strings.
pub(super) fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Takes optional white space (space and tab, RFC 9110 section 5.6.3) off both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~')
}

/// Whether a byte may stand in a field's value (RFC 9110 section 5.5): no control but tab.
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Compares a name of a known length with the names of that length.
///
/// Setting bit 5 turns capitals into small letters and leaves digits and `-` alone. It would also
/// turn some controls into `-` or digits, but no token has any.
#[inline(always)]
fn among<const LENGTH: usize, const COUNT: usize>(
    name: &[u8],
    candidates: [(&[u8; LENGTH], Known); COUNT],
) -> Known {
    let Ok(name) = <&[u8; LENGTH]>::try_from(name) else {
        return Known::Other;
    };
    let lower = name.map(|byte| byte | 0x20);
    for (candidate, known) in candidates {
        if lower == *candidate {
            return known;
        }
    }
    Known::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_however_it_is_capitalised() {
        for &(name, known) in Known::ALL {
            assert_eq!(Known::of(name.as_bytes()), known, "{name}");
            assert_eq!(Known::of(name.to_uppercase().as_bytes()), known, "{name}");
            assert_eq!(known.name(), name);
        }
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another_name() {
        for &(name, known) in Known::ALL {
            for position in 0..name.len() {
                let mut bytes = name.as_bytes().to_vec();
                bytes[position] = b'~';
                assert_ne!(Known::of(&bytes), known, "{name} at {position}");
            }
            assert_eq!(Known::of(format!("{name}s").as_bytes()), Known::Other);
            assert_ne!(Known::of(&name.as_bytes()[1..]), known);
        }
    }

    #[test]
    fn connection_names_fields_in_any_line_but_never_those_every_recipient_needs() {
        let fields = [
            Field { name: b"Connection", value: b"close , X-Secret", known: Known::Connection },
            Field { name: b"X-Other", value: b"x-not", known: Known::Other },
            Field { name: b"connection", value: b",, host,x-Second", known: Known::Connection },
        ];

        assert!(named_by_connection(&fields, b"x-secret"));
        assert!(named_by_connection(&fields, b"X-Second"));
        assert!(!named_by_connection(&fields, b"x-not"));
        assert!(!named_by_connection(&fields, b"x-sec"));
        assert!(
            !named_by_connection(&fields, b"Host"),
            "a client must not strip the host from what a back end sees"
        );
    }

    #[test]
    fn white_space_is_taken_off_both_ends_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(list(b", a,, b ,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
