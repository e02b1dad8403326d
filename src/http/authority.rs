//! The host that a request asks for: the value of `Host`, or the authority of an absolute target.
//!
//! Routing, certificates and back ends all look at it, so a value that they could read differently
//! does not get past the head.

/// Whether `authority` is `host` or `host:port` (RFC 9110 section 4.2, RFC 3986 section 3.2): a name
/// or an address, no user information, not empty. The port may be missing behind the colon.
pub(super) fn is_authority(authority: &[u8]) -> bool {
    let (host, port) = split(authority);
    let host_is_valid = match host {
        [] => false,
        [b'[', address @ .., b']'] => {
            !address.is_empty()
                && address
                    .iter()
                    .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        // Every byte is looked at: with an early exit this loop is slower for ordinary names.
        name => name.iter().fold(true, |valid, &byte| valid & is_host_byte(byte)),
    };
    host_is_valid && port.is_none_or(is_port)
}

/// The host in an authority, without its port. Brackets around an IPv6 address stay.
pub fn host(authority: &[u8]) -> &[u8] {
    split(authority).0
}

/// Splits at the colon before the port. Colons inside brackets belong to an address.
fn split(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let colon = authority.iter().rposition(|&byte| byte == b':');
    match colon.and_then(|colon| authority.split_at_checked(colon)) {
        Some((host, [_, port @ ..])) if authority.last() != Some(&b']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_port(port: &[u8]) -> bool {
    port.len() <= 5
        && port
            .iter()
            .try_fold(0_u32, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
            })
            .is_some_and(|number| number <= 65_535)
}

/// Unreserved, percent-encoded and sub-delims (RFC 3986 section 3.2.2), of which no recipient takes
/// any for the end of the name. Commas are left out: a joined list of two hosts is not a host.
fn is_host_byte(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::indexing_slicing,
                reason = "below 256"
            )]
            {
                table[byte] = (byte as u8).is_ascii_alphanumeric()
                    || matches!(
                        byte as u8,
                        b'-' | b'.'
                            | b'_'
                            | b'~'
                            | b'%'
                            | b'!'
                            | b'$'
                            | b'&'
                            | b'\''
                            | b'('
                            | b')'
                            | b'*'
                            | b'+'
                            | b';'
                            | b'='
                    );
            }
            byte += 1;
        }
        table
    };
    TABLE.get(usize::from(byte)).is_some_and(|&allowed| allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_an_optional_port_is_an_authority() {
        for (authority, expected) in [
            ("a", true),
            ("api.example.com", true),
            ("api.example.com:8443", true),
            ("a:", true),
            ("a:0", true),
            ("a:65535", true),
            ("a:65536", false),
            ("a:000080", false),
            ("a:8o", false),
            ("a:+1", false),
            ("a:1:2", false),
            ("my_service.internal", true),
            ("127.0.0.1:80", true),
            ("[::1]", true),
            ("[::1]:80", true),
            ("[::ffff:1.2.3.4]", true),
            ("[]", false),
            ("[::1", false),
            ("::1", false),
            ("[::1]x", false),
            ("[fe80::1%25eth0]", false),
            ("", false),
            (":80", false),
            ("user@a", false),
            ("a/b", false),
            ("a b", false),
            ("a,b", false),
            ("a\"b", false),
            ("a?b", false),
            ("a#b", false),
            ("a\\b", false),
            ("b\u{fc}cher.example", false),
        ] {
            assert_eq!(is_authority(authority.as_bytes()), expected, "{authority:?}");
        }
    }

    #[test]
    fn the_host_is_the_authority_without_its_port() {
        assert_eq!(host(b"a.example:80"), b"a.example");
        assert_eq!(host(b"a.example"), b"a.example");
        assert_eq!(host(b"[::1]:80"), b"[::1]");
        assert_eq!(host(b"[::1]"), b"[::1]");
    }
}
