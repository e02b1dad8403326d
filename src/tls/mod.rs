//! TLS without sockets: records in, plaintext out, and the other way round, on the ring's own buffers.
//!
//! Stands between the ring and HTTP, for both sides: clients that reach a TLS listener, and back ends
//! that are called over HTTPS. TLS 1.2 and 1.3 by rustls with aws-lc-rs.
//!
//! A [`Session`] is one connection's TLS. rustls makes the handshake; then it hands the traffic keys
//! over (its interface for kernel TLS), and the records of the open connection are protected here,
//! because rustls's own record path allocates and copies each record in both directions:
//!
//! ```text
//!            Lease                                       Plaintext
//!   ring ------------> handshake (rustls) ---keys---> traffic ------------> http
//!        <------------ alerts, flights, tickets       seal <------------
//!           Outgoing                                             Outgoing
//! ```
//!
//! Deliberately absent: sockets, clocks, HTTP, APIs, early data (0-RTT requests can be replayed), and
//! locks per request. rustls's session caches are behind a mutex, so servers keep none: resumption is
//! by stateless tickets only; a client cache belongs to one shard. The keys of the tickets are behind
//! a reader-writer lock that is shared between shards and touched once per handshake.

mod fault;
mod session;
mod certificates;
mod server;
mod client;

pub use certificates::{CertificateFiles, CertificateProblem, CertificateWarning, Certificates};
pub use client::{Roots, Trust, client_config};
pub use fault::TlsFault;
pub use rustls::pki_types::ServerName;
pub use rustls::{ClientConfig, ServerConfig};
pub use server::{Tickets, server_config};
pub use session::{Plaintext, Progress, Session};
