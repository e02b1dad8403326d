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
        let candidate = slot(name, MULTIPLIER)
            .and_then(|slot| SLOTS.get(slot))
            .map_or(Known::Other, |&candidate| candidate);
        if candidate != Known::Other && is_in_lower_case(name, candidate.name().as_bytes()) {
            candidate
        } else {
            Known::Other
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
pub(crate) fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~')
}

/// Whether a byte may stand in a field's value (RFC 9110 section 5.5): no control but tab.
pub(crate) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

// Known names are found by a perfect hash: one multiplication, one look into a table, one
// comparison, and for most other names not even that. Comparing with the names of the same length
// one after the other doubled what a field costs on top of httparse (18 ns instead of 9).

/// A power of two that leaves most slots empty.
const SLOT_COUNT: usize = 256;

/// Tried out by the compiler: the first number that puts every known name into a slot of its own.
const MULTIPLIER: u32 = {
    let mut multiplier: u32 = 1;
    while slots(multiplier).is_none() {
        // Any sequence of odd numbers that are far apart will do.
        multiplier = multiplier.wrapping_mul(747_796_405).wrapping_add(2);
    }
    multiplier
};

static SLOTS: [Known; SLOT_COUNT] = match slots(MULTIPLIER) {
    Some(slots) => slots,
    None => [Known::Other; SLOT_COUNT],
};

#[expect(clippy::indexing_slicing, reason = "runs in the compiler, which would say so")]
const fn slots(multiplier: u32) -> Option<[Known; SLOT_COUNT]> {
    let mut slots = [Known::Other; SLOT_COUNT];
    let mut index = 0;
    while index < Known::ALL.len() {
        let (name, known) = Known::ALL[index];
        match slot(name.as_bytes(), multiplier) {
            Some(slot) if matches!(slots[slot], Known::Other) => slots[slot] = known,
            _ => return None,
        }
        index += 1;
    }
    Some(slots)
}

/// The slot that a name belongs in, from its length and three of its bytes in lower case.
#[inline]
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "three quarters of a length lie below it; only its low bits count; `get` is not const"
)]
const fn slot(name: &[u8], multiplier: u32) -> Option<usize> {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return None;
    };
    let inner = name[name.len() * 3 / 4];
    let key = u32::from_le_bytes([name.len() as u8, *first | 0x20, inner | 0x20, *last | 0x20]);
    Some(key.wrapping_mul(multiplier) as usize >> 24)
}

/// Whether `name` in lower case is `lower`.
///
/// Setting bit 5 turns capitals into small letters and leaves digits and `-` alone. It would also
/// turn some controls into `-` or digits, but no token has any.
#[inline]
fn is_in_lower_case(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    // Whole words that overlap; the test over all known names holds the length of the longest.
    const CAPITALS: u64 = u64::from_ne_bytes([0x20; 8]);
    let differs = |name: Option<&[u8; 8]>, lower: Option<&[u8; 8]>| match (name, lower) {
        (Some(name), Some(lower)) => {
            (u64::from_ne_bytes(*name) | CAPITALS) != u64::from_ne_bytes(*lower)
        }
        _ => false,
    };
    match name.len() {
        0..8 => name.iter().zip(lower).all(|(byte, lower)| byte | 0x20 == *lower),
        8..=24 => {
            let second = |text| <[u8]>::get(text, 8..).and_then(<[u8]>::first_chunk);
            !(differs(name.first_chunk(), lower.first_chunk())
                | differs(second(name), second(lower))
                | differs(name.last_chunk(), lower.last_chunk()))
        }
        _ => false,
    }
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
            assert!(name.len() <= 24, "what the comparison holds");
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
