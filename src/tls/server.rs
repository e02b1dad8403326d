//! What TLS listeners offer: versions, tickets, protocols.

use super::{Certificates, TlsFault};
use rustls::ServerConfig;
use std::sync::Arc;

/// The keys that protect session tickets; one for the whole process and its life, given to every
/// shard's configuration, so that a session is resumed on any shard and after any reload.
#[derive(Debug, Clone)]
pub struct Tickets {}

impl Tickets {
    /// Fresh keys.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> Result<Self, TlsFault> {
        Ok(Self {})
    }
}

/// The configuration of TLS listeners. One per shard: open connections keep theirs, so a reload makes
/// a new one with new certificates and the same tickets.
///
/// # Errors
/// When the provider refuses: a bug.
pub fn server_config(
    certificates: &Arc<Certificates>,
    tickets: &Tickets,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let _ = (certificates, tickets);
    Err(TlsFault::NotOpen)
}
