//! What TLS listeners offer: certificates, versions, tickets, protocols.
//!
//! TLS 1.2 and 1.3 with rustls's safe suites. What Amazon's older security policies offer beyond them
//! (TLS 1.0, CBC) is not to be had. Everything that will one day differ between domains (client
//! certificates, suites, protocols) is decided in [`server_config`], from its arguments.

use super::{Certificates, TlsFault};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use std::sync::Arc;

/// Protocols that we speak over TLS, best first (ALPN, RFC 7301); listeners and back ends alike. A
/// client that offers others only is refused with an alert, one that offers none is served.
pub(super) const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// The keys that protect session tickets; one for the whole process and its life, given to every
/// shard's configuration, so that a session is resumed on any shard and after any reload.
///
/// The keys are random and change every 6 hours; a ticket is good for 6 to 12 (RFC 8446 allows 7
/// days, but whoever takes a key reads all TLS 1.2 sessions it protected). Inside is a reader-writer
/// lock, touched once or twice per handshake and never by an open connection.
#[derive(Debug, Clone)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// Fresh keys.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> Result<Self, TlsFault> {
        Ok(Self(aws_lc_rs::Ticketer::new()?))
    }
}

/// The configuration of TLS listeners. Make one per shard, so that shards share no reference count;
/// a reload makes new ones from new certificates and the same tickets, and open connections keep the
/// old ones for as long as they need them.
///
/// # Errors
/// When rustls refuses its own defaults: a bug.
pub fn server_config(
    certificates: &Arc<Certificates>,
    tickets: &Tickets,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificates = Arc::clone(certificates) as Arc<dyn ResolvesServerCert>;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Tickets are the client's to keep. rustls's default beside them is a cache behind a mutex.
    config.ticketer = Arc::clone(&tickets.0);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Early data can be replayed (RFC 8446, 8); a gateway cannot know which requests bear that.
    config.max_early_data_size = 0;
    // `Session` takes the keys over once the handshake is done.
    config.enable_secret_extraction = true;
    Ok(Arc::new(config))
}
