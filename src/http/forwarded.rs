//! Who the client is behind trusted proxies, and what we tell the next one.
//!
//! Each proxy appends the address it was called from, so a list is as trustworthy as the proxy that
//! wrote its end: it is read from the right, starting at the peer of the connection itself, and the
//! first address that is no trusted proxy is the client. What stands further left is whatever the
//! client cared to send.
//!
//! Which of the two fields is believed is configuration, never the request's choice: a proxy that
//! maintains `X-Forwarded-For` passes on a client's own `Forwarded` untouched.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

use super::field::{list, trim};
use super::{Field, Known, write};

/// The client's address according to `X-Forwarded-For`.
///
/// `peer` is who called us. It is the answer itself unless it is a trusted proxy. Where a proxy has
/// hidden the address it was called from (`unknown`), the answer is that proxy; where every address
/// is a trusted proxy's, it is the leftmost.
pub fn client_by_x_forwarded_for(
    peer: IpAddr,
    fields: &[Field<'_>],
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let hops = lines(fields, Known::XForwardedFor)
        .rev()
        .flat_map(|field| list(field.value).rev())
        .map(node_address);
    walk(peer, hops, trusted)
}

/// The client's address according to `Forwarded` (RFC 7239); otherwise as
/// [`client_by_x_forwarded_for`].
pub fn client_by_forwarded(
    peer: IpAddr,
    fields: &[Field<'_>],
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let hops = lines(fields, Known::Forwarded)
        .rev()
        .flat_map(|field| ElementsFromRight { rest: Some(field.value) })
        .map(|element| for_parameter(element).and_then(node_address));
    walk(peer, hops, trusted)
}

/// Goes from proxy to proxy for as long as each is trusted to have named the one before it.
fn walk(
    peer: IpAddr,
    hops: impl Iterator<Item = Option<IpAddr>>,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut nearest = peer.to_canonical();
    for hop in hops {
        match hop {
            Some(address) if trusted(nearest) => nearest = address,
            Some(_) | None => break,
        }
    }
    nearest
}

fn lines<'f, 'b>(
    fields: &'f [Field<'b>],
    known: Known,
) -> impl DoubleEndedIterator<Item = &'f Field<'b>> {
    fields.iter().filter(move |field| field.known == known)
}

/// An address with an optional port: `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`. Nothing
/// for `unknown` and for obfuscated identifiers (RFC 7239 section 6).
fn node_address(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let address = match node.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']')?;
            if !(port.is_empty() || port.starts_with(':')) {
                return None;
            }
            IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)
        }
        None => match node.split_once(':') {
            Some((address, port)) if !port.contains(':') => IpAddr::V4(address.parse().ok()?),
            _ => node.parse().ok()?,
        },
    };
    // An IPv4 address in IPv6 clothes must meet the same trust rules as the address itself.
    Some(address.to_canonical())
}

/// The elements of a `Forwarded` value from right to left.
///
/// From the right also as far as quotes are concerned: the left end is the client's, and a quote
/// that is opened there and never closed must not swallow what the proxies have appended.
struct ElementsFromRight<'b> {
    rest: Option<&'b [u8]>,
}

impl<'b> Iterator for ElementsFromRight<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        loop {
            let rest = self.rest?;
            let mut quoted = false;
            let comma = rest.iter().enumerate().rposition(|(position, &byte)| {
                if byte == b'"' && !is_escaped(rest, position) {
                    quoted = !quoted;
                }
                byte == b',' && !quoted
            });
            let element = match comma.and_then(|comma| rest.split_at_checked(comma)) {
                Some((before, [_, element @ ..])) => {
                    self.rest = Some(before);
                    element
                }
                _ => {
                    self.rest = None;
                    rest
                }
            };
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// Whether an odd number of backslashes stands before `position`.
fn is_escaped(text: &[u8], position: usize) -> bool {
    let before = text.get(..position).unwrap_or_default();
    let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

/// The value of `for` in one element, without its quotes.
fn for_parameter(element: &[u8]) -> Option<&[u8]> {
    // Quotes count: a proxy may quote what its client sent as the host, semicolons included.
    let mut quoted = false;
    let mut escaped = false;
    element
        .split(move |&byte| {
            let separates = byte == b';' && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                _ => {}
            }
            separates
        })
        .map(trim)
        .find_map(|pair| {
            let (name, value) = pair.split_at_checked(4)?;
            name.eq_ignore_ascii_case(b"for=").then_some(value)
        })
        .map(|value| match value {
            [b'"', quoted @ .., b'"'] => quoted,
            plain => plain,
        })
}

/// Writes `x-forwarded-for` with what came in and `peer` appended.
///
/// Pass no fields where the peer is not to be believed: the list then starts with it.
pub fn write_x_forwarded_for(out: &mut Vec<u8>, fields: &[Field<'_>], peer: IpAddr) {
    out.extend_from_slice(b"x-forwarded-for: ");
    write_x_forwarded_for_value(out, fields, peer);
    out.extend_from_slice(b"\r\n");
}

/// The value of that field alone.
pub fn write_x_forwarded_for_value(out: &mut Vec<u8>, fields: &[Field<'_>], peer: IpAddr) {
    copy_lists(out, fields, Known::XForwardedFor);
    write_address(out, peer);
}

/// What we say about the request in hand in `Forwarded` (RFC 7239 section 4).
#[derive(Debug, Clone, Copy)]
pub struct Hop<'b> {
    /// The address the request came in on.
    pub by: Option<IpAddr>,
    /// Who called us.
    pub peer: IpAddr,
    /// The host asked for, as in [`super::RequestHead::host`].
    pub host: Option<&'b [u8]>,
    /// `http` or `https`.
    pub proto: &'b str,
}

/// Writes `forwarded` with what came in and this hop appended, in the order Amazon's HTTP APIs use:
/// `by=1.2.3.4;for=5.6.7.8;host=example.com;proto=https`.
///
/// Pass no fields where the peer is not to be believed.
pub fn write_forwarded(out: &mut Vec<u8>, fields: &[Field<'_>], hop: &Hop<'_>) {
    out.extend_from_slice(b"forwarded: ");
    copy_lists(out, fields, Known::Forwarded);
    if let Some(by) = hop.by {
        out.extend_from_slice(b"by=");
        write_node(out, by);
        out.push(b';');
    }
    out.extend_from_slice(b"for=");
    write_node(out, hop.peer);
    if let Some(host) = hop.host {
        out.extend_from_slice(b";host=");
        // A port or brackets need quotes. There is nothing to escape inside them: a host that the
        // parser let pass has neither quotes nor backslashes.
        if host.iter().all(|&byte| super::field::is_token_byte(byte)) {
            out.extend_from_slice(host);
        } else {
            out.push(b'"');
            out.extend_from_slice(host);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(hop.proto.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn copy_lists(out: &mut Vec<u8>, fields: &[Field<'_>], known: Known) {
    for field in lines(fields, known).filter(|field| !field.value.is_empty()) {
        out.extend_from_slice(field.value);
        out.extend_from_slice(b", ");
    }
}

/// A node in `Forwarded`: IPv6 addresses stand in brackets and quotes (RFC 7239 section 6).
fn write_node(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(_) => write_address(out, address),
        IpAddr::V6(_) => {
            out.extend_from_slice(b"\"[");
            write_address(out, address);
            out.extend_from_slice(b"]\"");
        }
    }
}

/// An address as text, without port or brackets.
pub fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            out.reserve(15);
            write::octet(out, first);
            for octet in rest {
                out.push(b'.');
                write::octet(out, octet);
            }
        }
        // Where to put the `::` is not worth writing again; a vector takes every byte.
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Proxies are 10.0.0.0/8 and fc00::/16.
    fn trusted(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.segments()[0] == 0xfc00,
        }
    }

    fn fields<'b>(name: &'b str, values: &[&'b str]) -> Vec<Field<'b>> {
        values
            .iter()
            .map(|value| Field {
                name: name.as_bytes(),
                value: value.as_bytes(),
                known: Known::of(name.as_bytes()),
            })
            .collect()
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        for (peer, values, client) in [
            ("9.9.9.9", &["1.1.1.1"][..], "9.9.9.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["6.6.6.6", "1.1.1.1 ,,\t10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.1.1.1, <script>"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1:5000"], "1.1.1.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("fc00::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["1.1.1.1, [::1]x"], "10.0.0.1"),
        ] {
            assert_eq!(
                client_by_x_forwarded_for(
                    address(peer),
                    &fields("X-Forwarded-For", values),
                    trusted
                ),
                address(client),
                "{peer} {values:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_the_same_way() {
        for (values, client) in [
            (&["for=1.1.1.1"][..], "1.1.1.1"),
            (&["proto=http;For=\"1.1.1.1:80\" ; by=10.0.0.1"], "1.1.1.1"),
            (&["for=\"[2001:db8::1]:80\""], "2001:db8::1"),
            (&["for=6.6.6.6, for=1.1.1.1,for=10.0.0.2"], "1.1.1.1"),
            (&["for=6.6.6.6", "for=1.1.1.1"], "1.1.1.1"),
            (&["for=1.1.1.1, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["for=1.1.1.1, for=unknown"], "10.0.0.1"),
            (&["for=1.1.1.1, proto=http"], "10.0.0.1"),
            (&["for=2.2.2.2;host=\"a,for=6.6.6.6\""], "2.2.2.2"),
            (&["for=2.2.2.2;host=\"a\\\",for=6.6.6.6\""], "2.2.2.2"),
            (&["host=\"a;for=6.6.6.6;\";for=1.1.1.1"], "1.1.1.1"),
            (&["host=\"a\\\";for=6.6.6.6\";for=1.1.1.1"], "1.1.1.1"),
            (&["for=2.2.2.2;host=\"a,for=6.6.6.6\\\"b\""], "2.2.2.2"),
            (&["for=\"6.6.6.6, for=1.1.1.1"], "1.1.1.1"),
            (&["for=6.6.6.6;x=\"\\, for=1.1.1.1"], "1.1.1.1"),
        ] {
            assert_eq!(
                client_by_forwarded(address("10.0.0.1"), &fields("Forwarded", values), trusted),
                address(client),
                "{values:?}"
            );
        }
    }

    #[test]
    fn neither_field_speaks_for_the_other() {
        let fields = fields("Forwarded", &["for=1.1.1.1"]);
        assert_eq!(
            client_by_x_forwarded_for(address("10.0.0.1"), &fields, trusted),
            address("10.0.0.1")
        );
    }

    #[test]
    fn this_hop_is_appended_to_what_came_in() {
        let mut out = Vec::new();
        let came_in = fields("X-Forwarded-For", &["1.1.1.1, 10.0.0.2", "", "10.0.0.3"]);
        write_x_forwarded_for(&mut out, &came_in, address("10.20.0.255"));
        write_x_forwarded_for(&mut out, &[], address("2001:db8::1"));
        write_forwarded(
            &mut out,
            &fields("Forwarded", &["for=1.1.1.1"]),
            &Hop {
                by: Some(address("10.0.0.1")),
                peer: address("::1"),
                host: Some(b"a.example:80"),
                proto: "https",
            },
        );
        write_forwarded(
            &mut out,
            &[],
            &Hop { by: None, peer: address("1.1.1.1"), host: Some(b"a.example"), proto: "http" },
        );

        let expected = [
            "x-forwarded-for: 1.1.1.1, 10.0.0.2, 10.0.0.3, 10.20.0.255\r\n",
            "x-forwarded-for: 2001:db8::1\r\n",
            "forwarded: for=1.1.1.1, by=10.0.0.1;for=\"[::1]\";host=\"a.example:80\";proto=https\r\n",
            "forwarded: for=1.1.1.1;host=a.example;proto=http\r\n",
        ]
        .concat();
        assert_eq!(String::from_utf8(out).expect("ASCII"), expected);
    }
}
