//! TLS without sockets: records in, plaintext out, and the other way round, on the ring's own buffers.
//!
//! Stands between the ring and HTTP, for both sides: clients that reach a TLS listener, and back ends
//! that are called over HTTPS. TLS 1.2 and 1.3 by rustls with aws-lc-rs.
//!
//! A [`Session`] is one connection's TLS. rustls makes the handshake; then it hands the traffic keys
//! over (its interface for kernel TLS), and the records of the open connection are protected here,
//! because rustls's own record path allocates and copies each record in both directions. Measured with
//! `bench/benches/tls_records.rs`, there and back: 300 bytes 425 ns instead of 622, 16 KiB 2.14 us
//! instead of 2.77, nothing allocated; an idle server session takes 2.6 KiB instead of 3.5:
//!
//! ```text
//!            Lease                                       Plaintext
//!   ring ------------> handshake (rustls) ---keys---> traffic ------------> http
//!        <------------ alerts, flights, tickets       seal <------------
//!           Outgoing                                             Outgoing
//! ```
//!
//! Deliberately absent: sockets, clocks (rustls asks the system for the time of day in a handshake),
//! HTTP, APIs, early data (0-RTT requests can be replayed), and locks per request. rustls's session caches are behind a mutex, so servers keep none: resumption is
//! by stateless tickets only; a client cache belongs to one shard. The keys of the tickets are behind
//! a reader-writer lock that is shared between shards and touched once per handshake.

mod session;
mod handshake;
mod traffic;
mod record;
mod open;
mod seal;
mod keys;
mod fault;
mod certificates;
mod certificate_files;
mod validity;
mod server;
mod client;
mod insecure;
#[cfg(test)]
mod tests;

pub use certificate_files::{
    CertificateFiles, CertificateProblem, CertificateWarning, EXPIRY_NOTICE,
};
pub use certificates::Certificates;
pub use client::{Roots, Trust, client_config};
pub use fault::TlsFault;
pub use rustls::pki_types::ServerName;
pub use rustls::{ClientConfig, ServerConfig};
pub use server::{Tickets, server_config};
pub use session::{Plaintext, Progress, Session};
