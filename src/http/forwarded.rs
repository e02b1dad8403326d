//! Who the client is behind trusted proxies, and what we tell the next one.

use std::net::IpAddr;

use super::Field;

/// The client's address according to `X-Forwarded-For`.
pub fn client_by_x_forwarded_for(
    peer: IpAddr,
    fields: &[Field<'_>],
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    _ = (fields, trusted);
    peer
}

/// The client's address according to `Forwarded` (RFC 7239).
pub fn client_by_forwarded(
    peer: IpAddr,
    fields: &[Field<'_>],
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    _ = (fields, trusted);
    peer
}
